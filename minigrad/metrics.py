"""Metrics: running means over the batches of an epoch, on NumPy arrays.

A metric function (`categorical_accuracy`, any loss function, or your own) takes (y_true, y_pred)
and returns one value per sample. A `Metric` collects them: `update_state`, `result`, `reset_state`.
"""

import numpy as np

from minigrad import losses
from minigrad.utils.arguments import FromFunction
from minigrad.utils.arrays import match_ranks, match_weights
from minigrad.utils.registry import Registry, to_snake_case

# --- one value per sample ------------------------------------------------------------------------


def accuracy(y_true, y_pred):
    """The accuracy that fits the shapes: binary, sparse categorical or categorical.

    Parameters
    ----------
    y_true : array (N, ...)
    y_pred : array (N, ..., K)
        With K = 1 (or without that axis) probabilities of the one class; else one score per class,
        and `y_true` holds integers if it has one axis less or a last axis of size 1, otherwise
        one-hot rows.

    Returns
    -------
    array of one value per sample
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_pred.ndim < 2 or y_pred.shape[-1] == 1:
        return binary_accuracy(y_true, y_pred)
    if y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1:
        return sparse_categorical_accuracy(y_true, y_pred)
    return categorical_accuracy(y_true, y_pred)


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """The fraction of the last axis where `y_pred > threshold` agrees with `y_true` (0 or 1)."""
    y_true, y_pred = match_ranks(np.asarray(y_true), np.asarray(y_pred))
    _check_same_shape("binary_accuracy", y_true, y_pred)
    return np.mean((y_pred > threshold) == y_true, axis=-1)


def categorical_accuracy(y_true, y_pred):
    """Whether `y_pred` (..., K) and the one-hot `y_true` have their maximum at the same class.

    Among equal maxima the first counts.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    _check_same_shape("categorical_accuracy", y_true, y_pred)
    return y_true.argmax(axis=-1) == y_pred.argmax(axis=-1)


def sparse_categorical_accuracy(y_true, y_pred):
    """Whether the class `y_true`, integers (...) or (..., 1), has the largest `y_pred` (..., K)."""
    y_pred = np.asarray(y_pred)
    return _as_labels("sparse_categorical_accuracy", y_true, y_pred) == y_pred.argmax(axis=-1)


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """Whether the class of the one-hot `y_true` is among the `k` largest of `y_pred` (..., K)."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    _check_same_shape("top_k_categorical_accuracy", y_true, y_pred)
    return sparse_top_k_categorical_accuracy(np.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5):
    """Whether the class `y_true`, integers (...) or (..., 1), is among the `k` largest of `y_pred`.

    Equal values all belong to the `k` largest if one of them does.
    """
    _check_k(k)
    y_pred = np.asarray(y_pred)
    K = y_pred.shape[-1]
    labels = _as_labels("sparse_top_k_categorical_accuracy", y_true, y_pred).astype(np.int64)
    known = (labels >= 0) & (labels < K)
    likely = np.take_along_axis(y_pred, np.where(known, labels, 0)[..., None], axis=-1)
    return known & (np.count_nonzero(y_pred <= likely, axis=-1) > K - k)


def _check_k(k):
    if k < 1:
        raise ValueError(f"top_k_categorical_accuracy: expected k >= 1, got {k}")


def _check_same_shape(owner, y_true, y_pred):
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"{owner}: expected y_true of y_pred's shape {y_pred.shape}, got {y_true.shape}"
        )


def _as_labels(owner, y_true, y_pred):
    """Return integer labels of the shape of `y_pred` without its last axis."""
    labels = np.asarray(y_true)
    if labels.ndim == y_pred.ndim and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.shape != y_pred.shape[:-1]:
        raise ValueError(
            f"{owner}: expected integer labels of shape {y_pred.shape[:-1]}, got {np.shape(y_true)}"
        )
    return labels


# --- running means -------------------------------------------------------------------------------


class Metric:
    """Base of the metrics: a subclass defines `update_state`, `result` and `reset_state`.

    Parameters
    ----------
    name : str, optional
        The key in the logs; by default the class name in snake case.

    Attributes
    ----------
    direction : {"up", "down", None}
        Which way is better. Callbacks with mode="auto" read it; None means unknown.
    """

    direction = None

    def __init__(self, name=None):
        self.name = name or to_snake_case(type(self).__name__)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add one batch."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state")

    def result(self):
        """Return the value over all batches since the last reset, a float."""
        raise NotImplementedError(f"{type(self).__name__} must define result")

    def reset_state(self):
        """Forget every batch."""
        raise NotImplementedError(f"{type(self).__name__} must define reset_state")


# A loss may be named where a metric is expected.
METRICS = Registry("metric", Metric, also=losses.LOSSES)


class Mean(Metric):
    """The mean of the values given, sum of value x weight over sum of weight; 0 without any.

    Parameters
    ----------
    name : str
    """

    def __init__(self, name="mean"):
        super().__init__(name)
        self.reset_state()

    def update_state(self, values, sample_weight=None):
        """Add an array of values, or one value, with a weight for each sample (default 1)."""
        values = np.asarray(values)
        if sample_weight is None:
            self.total += float(values.sum())
            self.count += values.size
        else:
            weights = match_weights(self.name, sample_weight, values.shape)
            weights = np.broadcast_to(weights, values.shape)
            self.total += float((values * weights).sum())
            self.count += float(weights.sum())

    def result(self):
        return self.total / self.count if self.count else 0.0

    def reset_state(self):
        self.total = 0.0
        self.count = 0


class MeanMetricWrapper(FromFunction, Mean):
    """The mean of a function's values.

    Parameters
    ----------
    function : callable(y_true, y_pred, **options)
        Returns one value per sample, as array or Tensor.
    name : str, optional
        By default the name of the function, or of its class.
    direction : {"up", "down", None}
        Which way is better; by default that of the class.
    **options
        Passed on to the function.
    """

    def __init_subclass__(cls, of=None, direction="up", **others):
        super().__init_subclass__(of=of, **others)
        if of is not None:
            cls.direction = direction

    def __init__(self, function, name=None, direction=None, **options):
        super().__init__(name or getattr(function, "__name__", type(function).__name__))
        self.function = function
        self.direction = direction or self.direction
        self.options = options

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = np.asarray(y_pred)  # losses serve as metrics too, and build graphs of tensors
        super().update_state(self.function(y_true, y_pred, **self.options), sample_weight)


METRICS.add(accuracy, "acc")  # no class: which accuracy it is depends on the shapes


@METRICS.register()
class BinaryAccuracy(MeanMetricWrapper, of=binary_accuracy):
    """The mean of `binary_accuracy`."""

    def __init__(self, name="binary_accuracy", threshold=0.5):  # in Keras's order
        super().__init__(binary_accuracy, name, threshold=threshold)


@METRICS.register()
class CategoricalAccuracy(MeanMetricWrapper, of=categorical_accuracy):
    """The mean of `categorical_accuracy`, for one-hot labels."""


@METRICS.register()
class SparseCategoricalAccuracy(MeanMetricWrapper, of=sparse_categorical_accuracy):
    """The mean of `sparse_categorical_accuracy`, for integer labels."""


@METRICS.register()
class TopKCategoricalAccuracy(MeanMetricWrapper, of=top_k_categorical_accuracy, check=_check_k):
    """The mean of `top_k_categorical_accuracy`, for one-hot labels."""


@METRICS.register()
class SparseTopKCategoricalAccuracy(
    MeanMetricWrapper, of=sparse_top_k_categorical_accuracy, check=_check_k
):
    """The mean of `sparse_top_k_categorical_accuracy`, for integer labels."""


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
        metric = MeanMetricWrapper(metric.call, metric.name, "down")
    elif metric is not None and not isinstance(metric, Metric):
        metric = MeanMetricWrapper(metric, direction=_direction(metric))
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def _direction(function):
    """Which way is better for a registered function; None for others."""
    for family, direction in ((losses.LOSSES, "down"), (METRICS, "up")):
        for known in family.members:
            if function is getattr(known, "function", known):
                return getattr(known, "direction", direction)
    return None
