"""Metrics: numbers that are updated over the batches of an epoch, on NumPy arrays.

A metric function (`categorical_accuracy`, any loss function, or your own) takes (y_true, y_pred)
and returns one value per sample. A `Metric` collects them: `update_state`, `result`, `reset_state`.
"""

# ruff: noqa: F401, I001 (what is imported is exported; the names are packed, not one a line)
from minigrad import losses
from minigrad.distances import (
    categorical_hinge, cosine_similarity, hinge, mean_absolute_percentage_error,
    mean_squared_logarithmic_error, poisson, squared_hinge,
)  # fmt: skip
from minigrad.losses import (
    binary_crossentropy, binary_focal_crossentropy, categorical_crossentropy,
    categorical_focal_crossentropy, huber, kl_divergence, log_cosh, mean_absolute_error,
    mean_squared_error, sparse_categorical_crossentropy,
)  # fmt: skip
from minigrad.metrics.base import METRICS, Mean, MeanMetricWrapper, Metric, Sum
from minigrad.metrics.confusion import (
    AUC, F1Score, FalseNegatives, FalsePositives, FBetaScore, Precision, PrecisionAtRecall,
    Recall, RecallAtPrecision, SensitivityAtSpecificity, SpecificityAtSensitivity, TrueNegatives,
    TruePositives,
)  # fmt: skip
from minigrad.metrics.means import (
    Accuracy, BinaryAccuracy, BinaryCrossentropy, CategoricalAccuracy, CategoricalCrossentropy,
    CategoricalHinge, CosineSimilarity, Hinge, KLDivergence, LogCoshError, MeanAbsoluteError,
    MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError, Poisson,
    RootMeanSquaredError, SparseCategoricalAccuracy, SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy, SquaredHinge, TopKCategoricalAccuracy, accuracy,
    binary_accuracy, categorical_accuracy, sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy, top_k_categorical_accuracy,
)  # fmt: skip
from minigrad.metrics.overlap import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from minigrad.metrics.regression import (
    ConcordanceCorrelation, PearsonCorrelation, R2Score, concordance_correlation,
    pearson_correlation,
)  # fmt: skip
from minigrad.utils.arguments import takes
from minigrad.utils.config import config_functions
from minigrad.utils.old_names import lookup


def get(identifier):
    """Return a `Metric` from what a user may write in `compile(metrics=[...])`.

    Parameters
    ----------
    identifier : str, function, Loss, Metric, class or None
        The name of a metric or loss ("accuracy", "mse"), which also becomes the metric's name; a
        function (y_true, y_pred) of one value per sample, whose name it takes; a Metric is
        returned as it is.
    """
    metric = METRICS.get(identifier)
    if isinstance(metric, losses.Loss):
        metric = MeanMetricWrapper(metric.call, metric.name, direction="down")
    elif metric is not None and not isinstance(metric, Metric):
        if not takes(metric, "y_true", "y_pred"):
            raise TypeError(f"metric: expected a function of (y_true, y_pred), got {metric!r}")
        metric = _known(metric) or MeanMetricWrapper(metric, direction=_direction(metric))
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def _known(function):
    """The metric whose function this is; None for others."""
    classes = [known for known in METRICS.members if isinstance(known, type)]
    found = (known for known in classes if function is getattr(known, "function", known))
    return next((known() for known in found), None)


def _direction(function):
    """Which way is better for a registered function; None for others."""
    for family, direction in ((losses.LOSSES, "down"), (METRICS, "up")):
        for known in family.members:
            if function is getattr(known, "function", known):
                return getattr(known, "direction", direction)
    return None


serialize, deserialize = config_functions(get)
__getattr__ = lookup(__name__)
