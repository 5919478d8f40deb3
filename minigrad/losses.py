"""Losses: functions of one value per sample, and classes that reduce those to a scalar.

Throughout, `y_true` is an array of labels or targets, without gradient, and `y_pred` a Tensor.
Shapes (N,) and (N, 1) are made to agree.
"""

import math
import sys
import warnings

import numpy as np

from minigrad import distances, ops
from minigrad.core import Function, Tensor, as_array, as_tensor
from minigrad.distances import (
    categorical_hinge,
    hinge,
    mean_absolute_percentage_error,
    mean_squared_logarithmic_error,
    poisson,
    squared_hinge,
)
from minigrad.utils.arguments import FromFunction, checked_number, takes, whole_number
from minigrad.utils.arrays import NUMBER_THEM, as_labels, match_ranks, match_weights, one_hot
from minigrad.utils.config import Configured
from minigrad.utils.names import lookup
from minigrad.utils.naming import automatic_name, to_snake_case
from minigrad.utils.registry import Registry

# Probabilities are clipped to [EPSILON, 1 - EPSILON] before a logarithm: a certain wrong answer
# costs -log(1e-7) = 16.118.
EPSILON = 1e-7

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)


# --- regression ----------------------------------------------------------------------------------


def mean_squared_error(y_true, y_pred):
    """mean((ŷ - y)²) over the last axis: (..., K) -> (...)."""
    y_true, y_pred = _match("mean_squared_error", y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error * error, axis=-1)


def mean_absolute_error(y_true, y_pred):
    """``mean(|ŷ - y|)`` over the last axis: (..., K) -> (...)."""
    y_true, y_pred = _match("mean_absolute_error", y_true, y_pred)
    return ops.mean(ops.abs(y_pred - y_true), axis=-1)


def huber(y_true, y_pred, delta=1.0):
    """The mean of ``e²/2`` where ``|e| <= delta``, else of ``delta |e| - delta²/2``; e = ŷ - y.

    Over the last axis. Quadratic for small errors, linear for large ones (Huber, 1964).
    """
    _check_delta(delta)
    y_true, y_pred = _match("huber", y_true, y_pred)
    error = y_pred - y_true
    size = ops.abs(error)
    losses = ops.where(size.data <= delta, error * error / 2, delta * size - delta * delta / 2)
    return ops.mean(losses, axis=-1)


def _check_delta(delta):
    checked_number("Huber", "delta", delta, "(0, inf)")


def log_cosh(y_true, y_pred):
    """mean(log(cosh(e))) over the last axis, e = ŷ - y, as e + softplus(-2e) - log 2."""
    y_true, y_pred = _match("log_cosh", y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(-2 * error) - math.log(2), axis=-1)


def cosine_similarity(y_true, y_pred, axis=-1):
    """Minus the cosine of the angle between y and ŷ along `axis`: -1 for the same direction."""
    return -distances.cosine_similarity(y_true, y_pred, axis)


# --- probabilities -------------------------------------------------------------------------------


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-Σ y log p over the classes.

    Parameters
    ----------
    y_true : array (..., K)
        One-hot rows or probabilities.
    y_pred : Tensor (..., K)
        Probabilities p (divided by their sum here), or logits z, where p = softmax(z).
    from_logits : bool
        Whether `y_pred` holds logits.
    label_smoothing : float
        α in [0, 1]: y becomes y (1 - α) + α / K.
    axis : int
        Where the classes are.

    Returns
    -------
    Tensor (...)
    """
    name = "categorical_crossentropy"
    y_pred = as_tensor(y_pred)
    y_true = _as_targets(name, y_true, y_pred)
    if y_true.shape != y_pred.shape:
        raise _shape_error(name, y_true, y_pred)
    _warn_of_one_class(name, y_pred.shape[axis])
    _check_range(name, y_true, 0, np.inf)
    y_true = _smooth(name, y_true, label_smoothing, y_true.shape[axis])
    if axis not in (-1, y_true.ndim - 1):
        y_true, y_pred = np.moveaxis(y_true, axis, -1), _move_axis_last(y_pred, axis)
    return _softmax_losses(name, y_true, y_pred, from_logits)


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """-log p of the class y, the categorical crossentropy for integer labels.

    Parameters
    ----------
    y_true : array (...) or (..., 1)
        Labels from 0 to K - 1.
    y_pred : Tensor (..., K)
        Probabilities p (divided by their sum here), or logits z, where p = softmax(z).
    from_logits : bool
        Whether `y_pred` holds logits.
    ignore_class : int, optional
        This label costs nothing (such as -1 or 255 for unlabelled pixels).
    axis : int
        Where the classes are.

    Returns
    -------
    Tensor (...)
    """
    name = "sparse_categorical_crossentropy"
    y_pred = as_tensor(y_pred)
    y_pred = _move_axis_last(y_pred, axis)
    labels = as_labels(name, y_true)
    if labels.ndim == y_pred.ndim and labels.shape[axis] == 1:
        labels = labels.squeeze(axis)
    if labels.shape != y_pred.shape[:-1]:
        raise _shape_error(name, labels, y_pred)
    _warn_of_one_class(name, y_pred.shape[-1])
    counted = True if ignore_class is None else labels != ignore_class
    labels = np.where(counted, labels, 0)
    cure = "; the last layer needs a unit for each label, which ignore_class=... may leave out"
    _check_range(name, labels, 0, y_pred.shape[-1] - 1, cure)
    losses = _softmax_losses(name, labels, y_pred, from_logits)
    return losses if ignore_class is None else ops.where(counted, losses, 0.0)


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """The mean over `axis` of -y log p - (1 - y) log(1 - p).

    Parameters
    ----------
    y_true : array (..., K)
        0 or 1, or probabilities: from 0 to 1.
    y_pred : Tensor (..., K)
        Probabilities p, or logits z, where p = sigmoid(z).
    from_logits : bool
        Whether `y_pred` holds logits.
    label_smoothing : float
        α in [0, 1]: y becomes y (1 - α) + α / 2.
    axis : int
        The axis to average over.

    Returns
    -------
    Tensor (...)
    """
    name = "binary_crossentropy"
    y_pred, from_logits = _prefer_logits(name, y_pred, from_logits, "sigmoid")
    y_true, y_pred = _match(name, y_true, y_pred)
    cure = "; scale targets to [0, 1], or take sparse_categorical_crossentropy for more classes"
    _check_range(name, y_true, 0, 1, cure)
    y_true = _smooth(name, y_true, label_smoothing, 2)
    if from_logits:
        losses = ops.sigmoid_cross_entropy(y_pred, y_true)
    else:
        p = ops.clip(y_pred, EPSILON, 1 - EPSILON)
        losses = -(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p))
    return ops.mean(losses, axis=axis)


def kl_divergence(y_true, y_pred):
    """Σ y log(y / p) over the last axis, both clipped to [1e-7, 1] (Kullback and Leibler, 1951)."""
    y_true, y_pred = _match("kl_divergence", y_true, y_pred)
    _check_range("kl_divergence", y_true, 0, 1)
    y_true = np.clip(y_true, EPSILON, 1)
    return ops.sum(y_true * (np.log(y_true) - ops.log(ops.clip(y_pred, EPSILON, 1))), axis=-1)


def crossentropy(y_true, y_pred):
    """The crossentropy that fits the shapes: binary, sparse categorical or categorical.

    Binary if the last axis of `y_pred` has size 1; else sparse if `y_true` has one axis less, or a
    last axis of size 1; else categorical.
    """
    y_pred = as_tensor(y_pred)
    shape = np.shape(y_true)
    if y_pred.ndim < 2 or y_pred.shape[-1] == 1:
        return binary_crossentropy(y_true, y_pred)
    if len(shape) < y_pred.ndim or shape[-1] == 1:
        return sparse_categorical_crossentropy(y_true, y_pred)
    return categorical_crossentropy(y_true, y_pred)


def _logits_of(y_pred, activation):
    """The logits x if ``y_pred`` is ``activation(x)``, neither changed since; else None.

    A loss starts at the logits if they are known. The gradient through a saturated probability,
    which is clipped, would be 0; with respect to the logits it is not. TensorFlow does the same.
    """
    if y_pred.made_by is None:
        return None
    name, logits, *versions = y_pred.made_by
    is_fresh = versions == [logits.version, y_pred.version]
    return logits if name == activation and is_fresh else None


def _prefer_logits(name, y_pred, from_logits, activation):
    """Return (logits, True) if they are known, else (probabilities, False)."""
    y_pred = as_tensor(y_pred)
    logits = _logits_of(y_pred, activation)
    if from_logits:
        if logits is not None:
            got = f"the output of {activation}; write from_logits=False"
            _warn(f"{name}: expected logits, as from_logits=True says, got {got}")
        return y_pred, True
    if logits is not None:
        return logits, True
    if (y_pred.data < 0).any():
        cure = f"end the model with {activation}, or write from_logits=True"
        _warn(f"{name}: expected probabilities, got negative numbers; {cure}")
    return y_pred, False


def _warn_of_one_class(name, num_classes):
    if num_classes == 1:
        cure = "for two classes write Dense(1, activation='sigmoid') and binary_crossentropy"
        _warn(f"{name}: expected two or more classes, got one, whose loss is always 0; {cure}")


def _warn(message):
    warnings.warn(message, stacklevel=4)


def _softmax_losses(name, targets, y_pred, from_logits):
    """Crossentropies (...) of `y_pred` (..., K) with integer targets (...) or rows (..., K)."""
    logits, from_logits_too = _prefer_logits(name, y_pred, from_logits, "softmax")
    if from_logits:
        return ops.softmax_cross_entropy(logits, targets)
    if from_logits_too:
        return ops.softmax_cross_entropy(logits, targets, y_pred.data)
    if targets.ndim < y_pred.ndim:
        targets = one_hot(targets, y_pred.shape[-1], y_pred.dtype)  # (...) -> (..., K)
    p = y_pred / ops.sum(y_pred, axis=-1, keepdims=True)
    return -ops.sum(targets * ops.log(ops.clip(p, EPSILON, 1 - EPSILON)), axis=-1)


# --- labels and shapes ---------------------------------------------------------------------------


def _match(name, y_true, y_pred):
    """Return targets (array) and predictions (Tensor) of one shape and dtype."""
    y_pred = as_tensor(y_pred)
    y_true, y_pred = match_ranks(_as_targets(name, y_true, y_pred), y_pred)
    if y_true.shape != y_pred.shape:
        raise _shape_error(name, y_true, y_pred)
    if y_pred.ndim == 0:
        raise ValueError(f"{name}: expected at least one axis to reduce, got scalars")
    return y_true, y_pred


def _as_targets(name, y_true, y_pred):
    """Return targets as an array of the dtype of `y_pred`; NaN and infinity reach the loss."""
    if isinstance(y_true, Tensor) and y_true.requires_grad:
        raise ValueError(
            f"{name}: expected y_true without gradient, got a tensor that requires one; "
            "write y_true.detach(), or exchange y_true and y_pred"
        )
    if np.asarray(y_true).dtype.kind in "US":
        raise TypeError(f"{name}: expected numbers as y_true, got texts; {NUMBER_THEM}")
    return as_array(y_true, y_pred.dtype)


def _check_range(name, labels, low, high, cure=""):
    """Refuse finite labels outside [low, high], to rounding; others make the loss NaN or infinite.

    The loss of a label outside would have no least value, or none that means anything.
    """
    slack = 0 if labels.dtype.kind == "i" else 1e-6
    outside = (labels < low - slack) | (labels > high + slack)
    if outside.any() and (outside := outside & np.isfinite(labels)).any():
        got = labels[outside].max()
        raise ValueError(f"{name}: expected labels from {low} to {high}, got {got}{cure}")


def _smooth(name, y_true, label_smoothing, num_classes):
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: expected label_smoothing from 0 to 1, got {label_smoothing}")
    if label_smoothing == 0:
        return y_true
    return y_true * (1 - label_smoothing) + label_smoothing / num_classes


def _move_axis_last(x, axis):
    if axis in (-1, x.ndim - 1):
        return x
    axes = [i for i in range(x.ndim) if i != axis % x.ndim]
    return ops.transpose(x, (*axes, axis % x.ndim))


def _shape_error(name, y_true, y_pred):
    rank, is_sparse = y_pred.ndim, name.startswith("sparse")
    units = y_true.shape[-1] if y_true.ndim > 1 else 1
    cure = ""
    if y_true.shape[:1] != y_pred.shape[:1]:
        cure = "; each sample needs a target"
    elif rank > 2 and y_true.ndim <= 2 and y_true.ndim < rank - is_sparse:
        cure = "; put Flatten() or GlobalAveragePooling2D() before the last layer"
    elif is_sparse:
        cure = "; one-hot labels need categorical_crossentropy" if y_true.ndim == rank else ""
    elif units == 1 and "crossentropy" in name:
        cure = "; integer labels need sparse_categorical_crossentropy"
    elif y_true.ndim <= rank:
        cure = f"; for such targets the last layer needs units={units}"
    got = f"got {y_true.shape}{cure}"
    return ValueError(f"{name}: expected y_true to fit y_pred of shape {y_pred.shape}, {got}")


# --- classes -------------------------------------------------------------------------------------


class Loss(Configured):
    """Base of the losses: a subclass defines `call(y_true, y_pred)`, one value per sample.

    Parameters
    ----------
    name : str, optional
        By default the class name in snake case.
    reduction : {"sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None}
        How the losses l with weights w become one: Σlw / number of losses (the first two), Σlw,
        Σlw / Σw, or not at all.
    dtype : {"float32", "float64"}, optional
        The type in which the losses are reduced, and of the result; by default that of `y_pred`.
    """

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        if reduction not in REDUCTIONS:
            known = ", ".join(map(repr, REDUCTIONS))
            raise ValueError(
                f"{type(self).__name__}: expected reduction to be one of {known}, got {reduction!r}"
            )
        self.reduction = reduction
        self.name = name or automatic_name(to_snake_case(type(self).__name__))
        if dtype not in (None, "float32", "float64", np.float32, np.float64):
            title = type(self).__name__
            raise ValueError(f"{title}: expected dtype 'float32' or 'float64', got {dtype!r}")
        self.dtype = dtype

    def call(self, y_true, y_pred):
        """Return a Tensor of one loss per sample."""
        raise NotImplementedError(f"{type(self).__name__} must define call(y_true, y_pred)")

    def counted(self, y_true):
        """Which of the losses count, booleans in the order of the losses; None means all."""
        return None

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Return the reduced loss.

        Parameters
        ----------
        y_true : array
        y_pred : Tensor
        sample_weight : array, optional
            Of the shape of the losses or of its first axes: (N,) weighs samples.

        Returns
        -------
        scalar Tensor, or one of the shape of the losses without reduction

        Raises
        ------
        ValueError
            If shapes do not fit, or labels are out of range.
        TypeError
            If `call` returns an array although `y_pred` requires a gradient.
        """
        y_pred = as_tensor(y_pred)
        if isinstance(y_true, (list, tuple)):
            y_true = np.asarray(y_true)
        losses = self.call(y_true, y_pred)
        if isinstance(losses, np.ndarray) and not y_pred.requires_grad:
            losses = as_tensor(losses)
        if not isinstance(losses, Tensor):
            raise TypeError(
                f"{self.name}: expected a loss function that returns a Tensor, got "
                f"{type(losses).__name__}; compute it with minigrad.ops, which record its gradient"
            )
        if self.dtype is not None:
            losses = Cast(self.dtype)(losses)
        return self._reduce(losses, sample_weight, self.counted(y_true))

    def _reduce(self, losses, sample_weight, counted):
        weight = 1
        if sample_weight is not None:
            weight = match_weights(self.name, sample_weight, losses.shape).astype(losses.dtype)
            losses = losses * weight
        if self.reduction in ("none", None):
            return losses
        if self.reduction == "sum":
            return ops.sum(losses)
        if sample_weight is None and counted is None and losses.size:
            return ops.mean(losses)
        counts = np.ones(losses.shape) if counted is None else counted.reshape(losses.shape)
        if self.reduction == "mean_with_sample_weight":
            counts = counts * weight
        return ops.sum(losses) / (float(counts.sum()) or 1.0)  # without any loss, the mean is 0


LOSSES = Registry("loss", Loss)


class Cast(Function):
    """Converts to another dtype; the engine converts the gradient back."""

    def __init__(self, dtype):
        self.dtype = dtype

    def forward(self, x):
        return x.astype(self.dtype)

    def backward(self, gy):
        return gy


class LossFunctionWrapper(FromFunction, Loss):
    """The loss of a function.

    Parameters
    ----------
    fn : callable(y_true, y_pred, **options)
        Returns a Tensor of one loss per sample.
    reduction, name, dtype
        As for `Loss`; the name is by default the function's.
    **options
        Passed on to the function.
    """

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **options):
        name = name or getattr(fn, "__name__", type(fn).__name__)
        super().__init__(name, reduction, dtype)
        self.function = fn
        self.options = options

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred, **self.options)


@LOSSES.register("mse")
class MeanSquaredError(LossFunctionWrapper, of=mean_squared_error):
    """The mean of `mean_squared_error`."""


@LOSSES.register("mae")
class MeanAbsoluteError(LossFunctionWrapper, of=mean_absolute_error):
    """The mean of `mean_absolute_error`."""


@LOSSES.register()
class Huber(LossFunctionWrapper, of=huber, name="huber_loss", check=_check_delta):
    """The mean of `huber`."""


@LOSSES.register()
class LogCosh(LossFunctionWrapper, of=log_cosh):
    """The mean of `log_cosh`."""


@LOSSES.register()
class CategoricalCrossentropy(LossFunctionWrapper, of=categorical_crossentropy):
    """The mean of `categorical_crossentropy`, for one-hot labels."""


def _check_ignored(ignore_class, **_):
    name = "SparseCategoricalCrossentropy"
    whole_number(name, "ignore_class", ignore_class, least=-sys.maxsize, optional=True)


@LOSSES.register()
class SparseCategoricalCrossentropy(
    LossFunctionWrapper, of=sparse_categorical_crossentropy, check=_check_ignored
):
    """The mean of `sparse_categorical_crossentropy`, for integer labels.

    Samples of `ignore_class` do not count.
    """

    first_arguments = "from_logits", "ignore_class", "reduction"

    def counted(self, y_true):
        return None if self.ignore_class is None else np.asarray(y_true) != self.ignore_class


@LOSSES.register("bce")
class BinaryCrossentropy(LossFunctionWrapper, of=binary_crossentropy):
    """The mean of `binary_crossentropy`."""


@LOSSES.register("kld")
class KLDivergence(LossFunctionWrapper, of=kl_divergence):
    """The mean of `kl_divergence`."""


@LOSSES.register("mape")
class MeanAbsolutePercentageError(LossFunctionWrapper, of=mean_absolute_percentage_error):
    """The mean of `mean_absolute_percentage_error`."""


@LOSSES.register("msle")
class MeanSquaredLogarithmicError(LossFunctionWrapper, of=mean_squared_logarithmic_error):
    """The mean of `mean_squared_logarithmic_error`."""


@LOSSES.register()
class Poisson(LossFunctionWrapper, of=poisson):
    """The mean of `poisson`."""


@LOSSES.register()
class Hinge(LossFunctionWrapper, of=hinge):
    """The mean of `hinge`."""


@LOSSES.register()
class SquaredHinge(LossFunctionWrapper, of=squared_hinge):
    """The mean of `squared_hinge`."""


@LOSSES.register()
class CategoricalHinge(LossFunctionWrapper, of=categorical_hinge):
    """The mean of `categorical_hinge`."""


@LOSSES.register()
class CosineSimilarity(LossFunctionWrapper, of=cosine_similarity):
    """The mean of `cosine_similarity`, from -1 for the same direction to 1 for the opposite one."""


LOSSES.add(crossentropy, "ce")  # no class: which one it is depends on the shapes


def as_loss(identifier):
    """Return a `Loss` from what a user may write in `compile(loss=...)`.

    Parameters
    ----------
    identifier : str, function, Loss, class or None
        The name of a loss ("mse", "categorical_crossentropy"; "crossentropy" takes the one that
        fits the shapes), or a function (y_true, y_pred) that returns a Tensor of one loss per
        sample. A Loss, and None, are returned as they are.
    """
    found = LOSSES.get(identifier)
    if found is None or isinstance(found, Loss):
        return found
    if not takes(found, "y_true", "y_pred"):
        raise TypeError(f"loss: expected a function of (y_true, y_pred), got {found!r}")
    return LossFunctionWrapper(found)


def get(identifier):
    """Return the function of a function's name ("mse"), the Loss of a class's ("MeanSquaredError").

    Anything else as for `as_loss`, but functions as they are.
    """
    found = LOSSES.get(identifier)
    is_function = isinstance(identifier, str) and identifier in (
        identifier.lower(),
        identifier.upper(),
    )
    return getattr(found, "function", found) if is_function else found


__getattr__ = lookup(__name__)
