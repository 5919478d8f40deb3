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
from minigrad.ops.arithmetic import Smooth
from minigrad.utils.arguments import FromFunction, checked_number, takes, tell_all, whole_number
from minigrad.utils.arrays import NUMBER_THEM, as_labels, match_ranks, match_weights, one_hot
from minigrad.utils.config import Configured, config_functions
from minigrad.utils.naming import automatic_name, to_snake_case
from minigrad.utils.old_names import lookup
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


class LogCoshOfError(Smooth):
    slope = np.tanh

    def value(self, x):
        size = np.abs(x)
        near = np.log1p(2 * np.sinh(np.minimum(size, 1) / 2) ** 2)  # no cancellation at 0
        return np.where(size < 1, near, size + np.log1p(np.exp(-2 * size)) - math.log(2))


def log_cosh(y_true, y_pred):
    """mean(log(cosh(e))) over the last axis, e = ŷ - y."""
    y_true, y_pred = _match("log_cosh", y_true, y_pred)
    return ops.mean(LogCoshOfError()(y_pred - y_true), axis=-1)


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
    y_true = _one_hot_targets(name, y_true, y_pred, label_smoothing, axis)
    if axis not in (-1, y_true.ndim - 1):
        y_true, y_pred = np.moveaxis(y_true, axis, -1), _move_axis_last(y_pred, axis)
    return _softmax_losses(name, y_true, y_pred, from_logits)


def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """-Σ α y (1 - p)^γ log p over the classes: less weight for what is right already.

    Parameters
    ----------
    y_true, y_pred, from_logits, label_smoothing, axis
        As for `categorical_crossentropy`.
    alpha : float or list of float
        α, or one for each class, which are on the last axis then.
    gamma : float
        γ (Lin et al., 2017, https://arxiv.org/abs/1708.02002).

    Returns
    -------
    Tensor (...)
    """
    name = "categorical_focal_crossentropy"
    p = ops.softmax(_as_logits(name, y_pred, "softmax"), axis) if from_logits else as_tensor(y_pred)
    y_true = _one_hot_targets(name, y_true, p, label_smoothing, axis)
    p = ops.clip(p / ops.sum(p, axis, keepdims=True), EPSILON, 1 - EPSILON)
    weights = np.asarray(alpha, p.dtype) * y_true
    return -ops.sum(weights * (1 - p) ** gamma * ops.log(p), axis)


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
    y_pred = _move_axis_last(as_tensor(y_pred), axis)
    labels = _class_labels(name, y_true, y_pred, axis)
    if ignore_class is not None:
        counted = labels != ignore_class
        labels = np.where(counted, labels, 0)
    try:
        losses = _softmax_losses(name, labels, y_pred, from_logits)
    except ValueError:  # the kernel's, which looks at all labels anyway, but knows no cure
        _check_labels(name, labels, y_pred)
        raise
    return losses if ignore_class is None else ops.where(counted, losses, 0.0)


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """The mean over `axis` of -y log p - (1 - y) log(1 - p).

    Parameters
    ----------
    y_true : array (..., K)
        0 or 1, or probabilities: from 0 to 1; with noise, up to 0.5 beyond.
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
    _, losses = _sigmoid_losses("binary_crossentropy", y_true, y_pred, from_logits, label_smoothing)
    return ops.mean(losses, axis=axis)


def binary_focal_crossentropy(
    y_true, y_pred, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False,
    label_smoothing=0.0, axis=-1,
):  # fmt: skip
    """The binary crossentropy with less weight for what is right already (Lin et al., 2017).

    The mean over `axis` of -y (1 - p)^γ log p - (1 - y) p^γ log(1 - p), for labels y of 0 and 1
    (https://arxiv.org/abs/1708.02002).

    Parameters
    ----------
    y_true, y_pred, from_logits, label_smoothing, axis
        As for `binary_crossentropy`.
    apply_class_balancing : bool
        Whether the first term gets the weight α, the second one 1 - α.
    alpha, gamma : float
        α and γ.

    Returns
    -------
    Tensor (...)
    """
    name = "binary_focal_crossentropy"
    p = ops.sigmoid(_as_logits(name, y_pred, "sigmoid")) if from_logits else as_tensor(y_pred)
    y_true, losses = _sigmoid_losses(name, y_true, p, False, label_smoothing)
    p = p.reshape(losses.shape)
    losses = (y_true * (1 - p) + (1 - y_true) * p) ** gamma * losses
    if apply_class_balancing:
        losses = (y_true * float(alpha) + (1 - y_true) * float(1 - alpha)) * losses
    return ops.mean(losses, axis=axis)


def kl_divergence(y_true, y_pred):
    """Σ y log(y / p) over the last axis, both clipped to [1e-7, 1] (Kullback and Leibler, 1951)."""
    y_true, y_pred = _match("kl_divergence", y_true, y_pred)
    _check_range("kl_divergence", y_true, 0, 1)
    y_true = np.clip(y_true, EPSILON, 1)
    return ops.sum(y_true * (np.log(y_true) - ops.log(ops.clip(y_pred, EPSILON, 1))), axis=-1)


def categorical_generalized_cross_entropy(y_true, y_pred, q=0.5):
    """(1 - p^q) / q for the probability p of the class y, where labels may be wrong.

    Between the crossentropy (q near 0) and 1 - p (q near 1) (Zhang and Sabuncu, 2018,
    https://arxiv.org/abs/1805.07836).

    Parameters
    ----------
    y_true : array (...) or (..., 1)
        Labels from 0 to K - 1.
    y_pred : Tensor (..., K)
        Probabilities.
    q : float
        In (0, 1).

    Returns
    -------
    Tensor (...)
    """
    _check_q(q)
    name, y_pred = "categorical_generalized_cross_entropy", as_tensor(y_pred)
    labels = _class_labels(name, y_true, y_pred)
    _check_range(name, labels, 0, y_pred.shape[-1] - 1)
    p = ops.sum(one_hot(labels, y_pred.shape[-1], y_pred.dtype) * y_pred, axis=-1)
    powers = ops.where(p.data > 0, p, 1.0) ** q * (p.data > 0)  # the slope at 0, infinite, is 0
    return (1 - powers) / q


def _check_q(q):
    checked_number("CategoricalGeneralizedCrossEntropy", "q", q, "(0, 1)")


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


# --- overlaps and embeddings ---------------------------------------------------------------------


def dice(y_true, y_pred, axis=None):
    """1 - 2 Σ y ŷ / (Σ y + Σ ŷ): 0 where masks y and ŷ are the same, 1 where they do not meet.

    The sums are over `axis`, an int or a tuple; None: over all, so that the batch has one loss
    (Dice, 1945).
    """
    y_true, y_pred = _match("dice", y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis)
    return 1 - 2 * both / (np.sum(y_true, axis) + ops.sum(y_pred, axis) + EPSILON)


def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """1 - Σ y ŷ / (Σ y ŷ + α Σ y (1 - ŷ) + β Σ (1 - y) ŷ): `dice` if α = β = 1/2.

    The sums are over `axis` as for `dice` (Salehi et al., 2017, https://arxiv.org/abs/1706.05721).
    """
    y_true, y_pred = _match("tversky", y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis)
    missed = ops.sum(y_true * (1 - y_pred), axis)
    wrong = ops.sum((1 - y_true) * y_pred, axis)
    return 1 - both / (both + alpha * missed + beta * wrong + EPSILON)


def circle(
    y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80.0,
    margin=0.4,
):  # fmt: skip
    """Pulls embeddings of one class together, and those of others apart (Sun et al., 2020).

    Of sample i and reference j, d = max(1 - cosine, 0). The loss of i is softplus(P + N), where P
    is the logsumexp of γ (m + d) (d - m) over the j of its class, and N that of
    γ max(1 + m - d, 0) (1 - m - d) over the others (https://arxiv.org/abs/2002.10857).

    Parameters
    ----------
    y_true : array (N,) or (N, 1)
        Labels, whole numbers.
    y_pred : Tensor (N, D)
        Vectors of norm 1, as from `UnitNormalization`.
    ref_labels, ref_embeddings : array (M,) and Tensor (M, D), optional
        What to compare with; by default the batch itself.
    remove_diagonal : bool
        Whether sample i is not compared with reference i.
    gamma, margin : float
        γ, the scale, and m: how far apart is far enough.

    Returns
    -------
    Tensor (N,)
        0 for samples that are alone in their class, or whose class is the only one.
    """
    y_pred = as_tensor(y_pred)
    labels = as_labels("circle", y_true).reshape(-1)
    others = labels if ref_labels is None else as_labels("circle", ref_labels).reshape(-1)
    references = y_pred if ref_embeddings is None else as_tensor(ref_embeddings)
    if y_pred.ndim != 2 or len(labels) != len(y_pred):
        raise ValueError(
            f"circle: expected labels (N,) and y_pred (N, D), got {np.shape(y_true)} and "
            f"{y_pred.shape}"
        )
    same = labels[:, None] == others  # (N, M)
    compared = same & ~np.eye(*same.shape, dtype=bool) if remove_diagonal else same
    d = ops.relu(1 - ops.matmul(y_pred, ops.transpose(references)))
    near = gamma * (margin + d) * (d - margin)
    far = gamma * ops.relu(1 + margin - d) * (1 - margin - d)
    near, far = _logsumexp_where(compared, near), _logsumexp_where(~same, far)
    return ops.where(compared.any(1) & ~same.all(1), ops.softplus(near + far), 0.0)


def _logsumexp_where(chosen, x):
    """The logsumexp of the chosen elements of each row; where there is none, of zeros."""
    return ops.logsumexp(ops.where(chosen | ~chosen.any(1, keepdims=True), x, -np.inf), axis=1)


# --- helpers of the crossentropies ---------------------------------------------------------------


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


def _as_logits(name, y_pred, activation):
    y_pred = as_tensor(y_pred)
    if _logits_of(y_pred, activation) is not None:
        got = f"the output of {activation}; write from_logits=False"
        _warn(f"{name}: expected logits, as from_logits=True says, got {got}")
    return y_pred


def _prefer_logits(name, y_pred, from_logits, activation):
    """Return (logits, True) if they are known, else (probabilities, False)."""
    if from_logits:
        return _as_logits(name, y_pred, activation), True
    y_pred = as_tensor(y_pred)
    logits = _logits_of(y_pred, activation)
    if logits is not None:
        return logits, True
    if (y_pred.data < 0).any():
        cure = f"end the model with {activation}, or write from_logits=True"
        _warn(f"{name}: expected probabilities, got negative numbers; {cure}")
    return y_pred, False


def warn_of_outputs(loss, y_pred):
    """Warn of a model's outputs, of a first batch, that are no probabilities as the loss needs."""
    function, softmax = getattr(loss, "function", None), _logits_of(y_pred, "softmax")
    if getattr(loss, "from_logits", False) or getattr(loss, "axis", -1) != -1 or y_pred.ndim < 2:
        return
    values, got = y_pred.data, None
    if function is binary_crossentropy and softmax is not None:
        got = "the output of softmax; end the model with sigmoid, or take categorical_crossentropy"
    elif function is binary_crossentropy and values.max(initial=0) > 1:
        got = f"numbers up to {values.max():.3g}; end the model with sigmoid, or write "
        got += "from_logits=True"
    elif function in (categorical_crossentropy, sparse_categorical_crossentropy):
        total = values.sum(axis=-1) if softmax is None and values.shape[-1] > 1 else np.ones(1)
        far = total.flat[np.abs(total - 1).argmax()] if total.size else 1
        if abs(far - 1) > 1e-2 and not (values < 0).any():  # those the loss itself warns of
            made_by = ", made by sigmoid" if _logits_of(y_pred, "sigmoid") is not None else ""
            got = f"rows that add up to {far:.3g}{made_by}; end the model with softmax, or write "
            got += "from_logits=True"
    if got:
        _warn(f"{loss.name}: expected probabilities as the model's outputs, got {got}")


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
        _check_labels(name, targets, y_pred)
        targets = one_hot(targets, y_pred.shape[-1], y_pred.dtype)  # (...) -> (..., K)
    p = y_pred / ops.sum(y_pred, axis=-1, keepdims=True)
    return -ops.sum(targets * ops.log(ops.clip(p, EPSILON, 1 - EPSILON)), axis=-1)


def _sigmoid_losses(name, y_true, y_pred, from_logits, label_smoothing):
    """Return the smoothed labels and the binary crossentropies, each of one value an element."""
    y_pred, from_logits = _prefer_logits(name, y_pred, from_logits, "sigmoid")
    y_true, y_pred = _match(name, y_true, y_pred)
    cure = "; scale targets to [0, 1], or take sparse_categorical_crossentropy for more classes"
    _check_range(name, y_true, 0, 1, cure, slack=0.5)  # GANs add noise to their labels
    y_true = _smooth(name, y_true, label_smoothing, 2)
    if from_logits:
        return y_true, ops.sigmoid_cross_entropy(y_pred, y_true)
    p = ops.clip(y_pred, EPSILON, 1 - EPSILON)
    return y_true, -(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p))


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


def _check_range(name, labels, low, high, cure="", slack=1e-6):
    """Refuse finite labels outside [low, high]; others make the loss NaN or infinite.

    The loss of a label outside, by more than `slack`, would have no least value, or none that
    means anything.
    """
    outside = (labels < low - slack) | (labels > high + slack)
    if outside.any() and (outside := outside & np.isfinite(labels)).any():
        got = labels[outside].max()
        cure = cure(high + 1, got) if callable(cure) else cure
        raise ValueError(f"{name}: expected labels from {low} to {high}, got {got}{cure}") from None


def _check_labels(name, labels, y_pred):
    _check_range(name, labels, 0, y_pred.shape[-1] - 1, _cure_for_labels)


def _cure_for_labels(units, label):
    """What to write for an integer label that has no unit in the last layer."""
    if units == 1:
        return "; the last layer has one unit, which needs binary_crossentropy"
    if label < 0:
        return "; ignore_class=... leaves a label out"
    return (
        f"; the last layer has {units} units and needs {label + 1}, or y - 1 if labels begin at "
        "1; ignore_class=... leaves a label out"
    )


def _smooth(name, y_true, label_smoothing, num_classes):
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: expected label_smoothing from 0 to 1, got {label_smoothing}")
    if label_smoothing == 0:
        return y_true
    label_smoothing = float(label_smoothing)  # np.float64 would widen float32
    return y_true * (1 - label_smoothing) + label_smoothing / num_classes


def _move_axis_last(x, axis):
    if axis in (-1, x.ndim - 1):
        return x
    axes = [i for i in range(x.ndim) if i != axis % x.ndim]
    return ops.transpose(x, (*axes, axis % x.ndim))


def _one_hot_targets(name, y_true, y_pred, label_smoothing, axis):
    """Return rows of probabilities of the shape of `y_pred`, smoothed."""
    y_true = _as_targets(name, y_true, y_pred)
    if y_true.shape != y_pred.shape:
        raise _shape_error(name, y_true, y_pred)
    _warn_of_one_class(name, y_pred.shape[axis])
    _check_range(name, y_true, 0, np.inf)
    return _smooth(name, y_true, label_smoothing, y_true.shape[axis])


def _class_labels(name, y_true, y_pred, axis=-1):
    """Return labels (...) or (..., 1) as integers (...), for `y_pred` (..., K)."""
    labels = as_labels(name, y_true)
    if labels.ndim == y_pred.ndim and labels.shape[axis] == 1:
        labels = labels.squeeze(axis)
    if labels.shape != y_pred.shape[:-1]:
        raise _shape_error(name, labels, y_pred)
    _warn_of_one_class(name, y_pred.shape[-1])
    return labels


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
    elif units == 1 and y_pred.shape[-1] == 1:
        cure = "; one unit needs binary_crossentropy"
    elif units == 1 and "crossentropy" in name:
        cure = "; integer labels need sparse_categorical_crossentropy"
    elif y_true.ndim <= rank:
        cure = f"; for such targets the last layer needs units={units}"
        if units == 1 and (y_true == np.round(y_true)).all():
            cure += ", or, if they are classes, the loss sparse_categorical_crossentropy"
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

    set_first = "reduction"

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        title = type(self).__name__
        if reduction not in REDUCTIONS:
            known = ", ".join(map(repr, REDUCTIONS))
            raise ValueError(f"{title}: expected reduction to be one of {known}, got {reduction!r}")
        self.reduction = reduction
        self.name = name or automatic_name(to_snake_case(title))
        if dtype not in (None, "float32", "float64", np.float32, np.float64):
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
        super().__init__(name, reduction, dtype=dtype)
        self.function = fn
        self.options = options

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred, **self.options)


tell_all(globals())  # before the classes take the functions


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


@LOSSES.register()
class BinaryFocalCrossentropy(LossFunctionWrapper, of=binary_focal_crossentropy):
    """The mean of `binary_focal_crossentropy`."""


@LOSSES.register()
class CategoricalFocalCrossentropy(LossFunctionWrapper, of=categorical_focal_crossentropy):
    """The mean of `categorical_focal_crossentropy`, for one-hot labels."""


@LOSSES.register()
class CategoricalGeneralizedCrossEntropy(
    LossFunctionWrapper, of=categorical_generalized_cross_entropy, check=_check_q
):
    """The mean of `categorical_generalized_cross_entropy`, for integer labels."""


@LOSSES.register()
class Dice(LossFunctionWrapper, of=dice):
    """The mean of `dice`."""

    first_arguments = "reduction", "name"


@LOSSES.register()
class Tversky(LossFunctionWrapper, of=tversky):
    """The mean of `tversky`."""

    first_arguments = "alpha", "beta", "reduction", "name"


@LOSSES.register()
class Circle(LossFunctionWrapper):
    """The mean of `circle` over the samples whose loss is not 0.

    Parameters
    ----------
    gamma, margin, remove_diagonal
        As for `circle`.
    reduction, name, dtype
        As for `Loss`.
    """

    def __init__(
        self, gamma=80.0, margin=0.4, remove_diagonal=True, reduction="sum_over_batch_size",
        name="circle", dtype=None,
    ):  # fmt: skip
        self.gamma, self.margin, self.remove_diagonal = gamma, margin, remove_diagonal
        options = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
        super().__init__(circle, reduction, name, dtype, **options)

    def _reduce(self, losses, sample_weight, counted):
        return super()._reduce(losses, sample_weight, losses.data > 0)


LOSSES.add(crossentropy, "ce")  # no class: which one it is depends on the shapes


def as_loss(identifier):
    """Return a `Loss` from what a user may write in `compile(loss=...)`.

    Parameters
    ----------
    identifier : str, function, Loss, class or None
        The name of a loss ("mse", "categorical_crossentropy"; "crossentropy" takes the one that
        fits the shapes), or a function (y_true, y_pred) that returns a Tensor of one loss per
        sample. A Loss, and None, are returned as they are. A list of one loss stands for it.
    """
    if isinstance(identifier, (list, tuple)) and len(identifier) == 1:
        (identifier,) = identifier
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
    is_name = isinstance(identifier, str)
    is_function = is_name and identifier in (identifier.lower(), identifier.upper())
    return getattr(found, "function", found) if is_function else found


class Reduction:
    """TensorFlow's names of the reductions."""

    AUTO = SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
    NONE, SUM = "none", "sum"


serialize, deserialize = config_functions(get)
__getattr__ = lookup(__name__)
