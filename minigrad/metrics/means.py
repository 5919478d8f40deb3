"""Accuracies, and the metrics that are means of a function's values."""

import math

import numpy as np

from minigrad import distances, losses
from minigrad.metrics.base import METRICS, MeanMetricWrapper, MeanOfElements
from minigrad.utils.arguments import tell_all, whole_number
from minigrad.utils.arrays import as_truth, match_ranks, match_weights

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
    array of one value per sample, or of shape (N, ..., 1)
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_pred.ndim < 2 or y_pred.shape[-1] == 1:
        return binary_accuracy(y_true, y_pred)
    if y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1:
        return sparse_categorical_accuracy(y_true, y_pred)
    return categorical_accuracy(y_true, y_pred)


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """Whether `y_pred > threshold` agrees with `y_true` (0 or 1): a value for each element."""
    y_true, y_pred = match_ranks(as_truth("binary_accuracy", y_true), np.asarray(y_pred))
    _check_same_shape("binary_accuracy", y_true, y_pred)
    return (y_pred > threshold) == y_true


def categorical_accuracy(y_true, y_pred):
    """Whether `y_pred` (..., K) and the one-hot `y_true` have their maximum at the same class.

    Among equal maxima the first counts.
    """
    y_true, y_pred = as_truth("categorical_accuracy", y_true), np.asarray(y_pred)
    _check_same_shape("categorical_accuracy", y_true, y_pred)
    return y_true.argmax(axis=-1) == y_pred.argmax(axis=-1)


def sparse_categorical_accuracy(y_true, y_pred):
    """Whether the class `y_true`, integers (...) or (..., 1), has the largest `y_pred` (..., K)."""
    y_pred = np.asarray(y_pred)
    return _as_labels("sparse_categorical_accuracy", y_true, y_pred) == y_pred.argmax(axis=-1)


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """Whether the class of the one-hot `y_true` is among the `k` largest of `y_pred` (..., K)."""
    y_true, y_pred = as_truth("top_k_categorical_accuracy", y_true), np.asarray(y_pred)
    _check_same_shape("top_k_categorical_accuracy", y_true, y_pred)
    return sparse_top_k_categorical_accuracy(np.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """Whether the class `y_true`, integers (...) or (..., 1), is among the `k` largest of `y_pred`.

    Equal values all belong to the `k` largest if one of them does. With `from_sorted_ids`, `y_pred`
    holds classes, the likeliest first, not a score for each class.
    """
    _check_k(k)
    y_pred = np.asarray(y_pred)
    K = y_pred.shape[-1]
    labels = _as_labels("sparse_top_k_categorical_accuracy", y_true, y_pred).astype(np.int64)
    if from_sorted_ids:
        return (y_pred[..., :k] == labels[..., None]).any(axis=-1)
    known = (labels >= 0) & (labels < K)
    likely = np.take_along_axis(y_pred, np.where(known, labels, 0)[..., None], axis=-1)
    return known & (np.count_nonzero(y_pred <= likely, axis=-1) > K - k)


def _check_k(k, from_sorted_ids=False):
    whole_number("top_k_categorical_accuracy", "k", k, least=1)


def _check_same_shape(owner, y_true, y_pred):
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"{owner}: expected y_true of y_pred's shape {y_pred.shape}, got {y_true.shape}"
        )


def _as_labels(owner, y_true, y_pred):
    """Return integer labels of the shape of `y_pred` without its last axis."""
    labels = as_truth(owner, y_true)
    if labels.ndim == y_pred.ndim and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.squeeze().shape != y_pred[..., 0].squeeze().shape:  # axes of size 1 make no error
        raise ValueError(
            f"{owner}: expected integer labels of shape {y_pred.shape[:-1]}, got {np.shape(y_true)}"
        )
    return labels.reshape(y_pred.shape[:-1])


# --- accuracies as metrics -----------------------------------------------------------------------

tell_all(globals())  # before the classes take the functions

METRICS.add(accuracy, "acc")  # no class: which accuracy it is depends on the shapes


class Accuracy(MeanMetricWrapper):
    """How often `y_pred` equals `y_true`: for labels, not for probabilities.

    The name "accuracy" in `compile` is the function `accuracy`, which fits the shapes.

    Parameters
    ----------
    name, dtype
        As for `Metric`.
    """

    direction = "up"

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(_equal, name, dtype)


def _equal(y_true, y_pred):
    y_true, y_pred = match_ranks(np.asarray(y_true), np.asarray(y_pred))
    _check_same_shape("accuracy", y_true, y_pred)
    return y_true == y_pred


def _check_threshold(threshold):
    if not 0 <= threshold <= 1:
        raise ValueError(f"BinaryAccuracy: expected threshold from 0 to 1, got {threshold}")


@METRICS.register()
class BinaryAccuracy(MeanMetricWrapper, of=binary_accuracy, check=_check_threshold):
    """The mean of `binary_accuracy` over all elements."""


@METRICS.register()
class CategoricalAccuracy(MeanMetricWrapper, of=categorical_accuracy):
    """The mean of `categorical_accuracy`, for one-hot labels."""


@METRICS.register()
class SparseCategoricalAccuracy(MeanMetricWrapper, of=sparse_categorical_accuracy):
    """The mean of `sparse_categorical_accuracy`, for integer labels."""


@METRICS.register()
class TopKCategoricalAccuracy(MeanMetricWrapper, of=top_k_categorical_accuracy, check=_check_k):
    """The mean of `top_k_categorical_accuracy`, for one-hot labels."""

    options_first = True


@METRICS.register()
class SparseTopKCategoricalAccuracy(
    MeanMetricWrapper, of=sparse_top_k_categorical_accuracy, check=_check_k
):
    """The mean of `sparse_top_k_categorical_accuracy`, for integer labels."""

    first_arguments = ("k",)


# --- errors --------------------------------------------------------------------------------------


@METRICS.register("mse")
class MeanSquaredError(MeanOfElements, of=losses.mean_squared_error, direction="down"):
    """The mean of `mean_squared_error`."""


@METRICS.register()
class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean of `losses.mean_squared_error`.

    Parameters
    ----------
    name, dtype
        As for `Metric`.
    """

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name, dtype)

    def result(self):
        return math.sqrt(super().result())


@METRICS.register("mae")
class MeanAbsoluteError(MeanOfElements, of=losses.mean_absolute_error, direction="down"):
    """The mean of `mean_absolute_error`."""


@METRICS.register("mape")
class MeanAbsolutePercentageError(
    MeanOfElements, of=distances.mean_absolute_percentage_error, direction="down"
):
    """The mean of `mean_absolute_percentage_error`."""


@METRICS.register("msle")
class MeanSquaredLogarithmicError(
    MeanOfElements, of=distances.mean_squared_logarithmic_error, direction="down"
):
    """The mean of `mean_squared_logarithmic_error`."""


@METRICS.register("log_cosh")
class LogCoshError(MeanOfElements, of=losses.log_cosh, direction="down"):
    """The mean of `log_cosh`."""

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(losses.log_cosh, name, dtype)


@METRICS.register()
class Poisson(MeanOfElements, of=distances.poisson, direction="down"):
    """The mean of `poisson`."""


@METRICS.register()
class Hinge(MeanOfElements, of=distances.hinge, direction="down"):
    """The mean of `hinge`."""


@METRICS.register()
class SquaredHinge(MeanOfElements, of=distances.squared_hinge, direction="down"):
    """The mean of `squared_hinge`."""


@METRICS.register()
class CategoricalHinge(MeanMetricWrapper, of=distances.categorical_hinge, direction="down"):
    """The mean of `categorical_hinge`, for one-hot labels."""


@METRICS.register()
class CosineSimilarity(MeanMetricWrapper, of=distances.cosine_similarity):
    """The mean of `cosine_similarity`."""


@METRICS.register("kld")
class KLDivergence(MeanMetricWrapper, of=losses.kl_divergence, direction="down"):
    """The mean of `kl_divergence`."""


@METRICS.register("bce")
class BinaryCrossentropy(
    MeanOfElements, of=losses.binary_crossentropy, direction="down", without="axis"
):
    """The mean of `binary_crossentropy`; as in Keras, on the last axis."""


@METRICS.register()
class CategoricalCrossentropy(
    MeanMetricWrapper, of=losses.categorical_crossentropy, direction="down"
):
    """The mean of `categorical_crossentropy`, for one-hot labels."""


@METRICS.register()
class SparseCategoricalCrossentropy(
    MeanMetricWrapper, of=losses.sparse_categorical_crossentropy, direction="down"
):
    """The mean of `sparse_categorical_crossentropy`, for integer labels.

    Samples of `ignore_class` add zeros. As in Keras, they do not count where there are weights.
    """

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add one batch."""
        ignored = self.options["ignore_class"]
        if ignored is not None and sample_weight is not None:
            shape = np.delete(np.shape(y_pred), self.options["axis"])  # that of the losses
            counted = (np.asarray(y_true) != ignored).reshape(shape)
            sample_weight = counted * match_weights(self.name, sample_weight, counted.shape)
        super().update_state(y_true, y_pred, sample_weight)
