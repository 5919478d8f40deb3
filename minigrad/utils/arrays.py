"""Helpers that prepare labels and weights for training."""

import numpy as np

from minigrad.core import Tensor
from minigrad.utils.arguments import explain_arguments, short_text, told

NUMBER_THEM = "number them by names, y = np.unique(y, return_inverse=True)"


@explain_arguments
@told
def to_categorical(x, num_classes=None):
    """Turn integer labels into one-hot rows.

    Parameters
    ----------
    x : integers (...) or (..., 1)
        Labels from 0 to `num_classes` - 1; a last axis of size 1 is dropped.
    num_classes : int, optional
        By default the largest label plus one.

    Returns
    -------
    float64 array (..., num_classes), or a Tensor of a Tensor

    Raises
    ------
    ValueError
        If a label is not a whole number or out of range, or if there are neither labels nor
        `num_classes`.
    """
    labels = as_labels("to_categorical", x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        if labels.size == 0:
            raise ValueError("to_categorical: expected num_classes, as there are no labels")
        num_classes = int(labels.max()) + 1
    outside = (labels < 0) | (labels >= num_classes)
    if np.any(outside):
        raise ValueError(
            f"to_categorical: expected labels from 0 to {num_classes - 1}, "
            f"got {labels[outside].flat[0]}"
        )
    rows = one_hot(labels, num_classes)
    return Tensor(rows) if isinstance(x, Tensor) else rows


def one_hot(labels, num_classes, dtype=np.float64):
    """Return rows (..., num_classes) of zeros, with a one at each label of an int array (...)."""
    rows = np.zeros((*labels.shape, num_classes), dtype)
    np.put_along_axis(rows, labels[..., None], 1, axis=-1)  # np.eye would need all K x K numbers
    return rows


@told
def normalize(x, axis=-1, order=2):
    """Divide by the norm along `axis`; vectors of norm 0 stay unchanged.

    Parameters
    ----------
    x : array or Tensor of any shape
    axis : int
    order : int or float
        The norm's order, as in `numpy.linalg.norm`; with a gradient 1, 2 or infinity.

    Returns
    -------
    array of the shape of `x`, or a Tensor of a Tensor
    """
    if isinstance(x, Tensor) and not x.requires_grad:
        return Tensor(normalize(x.data, axis, order))
    x = x if isinstance(x, Tensor) else np.asarray(x)
    norm = np.linalg.vector_norm(x, axis=axis, keepdims=True, ord=order)
    return x / np.where(norm == 0, 1, norm)


def as_labels(owner, labels):
    """Return whole numbers of any type as an int64 array.

    Raises
    ------
    TypeError
        If they are not numbers; this message and the next begin with `owner`.
    ValueError
        If there are fractions, NaN or infinity among them.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iubf":
        raise TypeError(f"{owner}: expected integer labels, got {labels.dtype}; {NUMBER_THEM}")
    if labels.dtype.kind == "f":
        whole = np.isfinite(labels) & (labels == np.trunc(labels))
        if not whole.all():
            raise ValueError(f"{owner}: expected integer labels, got {labels[~whole][0]}")
    return labels.astype(np.int64)


def as_number(value):
    """Return one number, also in an array or Tensor, as a float; None for anything else."""
    if isinstance(value, (str, bytes)) or np.size(value) != 1:
        return None
    try:
        return float(value.item() if hasattr(value, "item") else value)
    except (OverflowError, TypeError, ValueError):
        return None


def as_numbers(owner, name, values):
    """Return an array of numbers; TypeError if the values are anything else."""
    array = np.asarray(values)
    if array.dtype.kind not in "buif":
        got = f"{short_text(values)}, of type {array.dtype}"
        raise TypeError(f"{owner}: expected numbers as {name}, got {got}")
    return array


def as_truth(owner, y_true):
    """Return labels as an array; ValueError if one is NaN, which is neither right nor wrong."""
    labels = np.asarray(y_true)
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise ValueError(f"{owner}: expected y_true without NaN, got it in {labels.shape}")
    return labels


def match_ranks(x, y):
    """Make (N,) and (N, 1) agree, arrays or tensors; return both.

    If one has an additional last axis of size 1, a vector (N,) becomes (N, 1); of two larger
    arrays, the one with that axis loses it. Everything else stays unchanged.
    """
    if x.ndim > y.ndim:
        y, x = match_ranks(y, x)
    elif y.ndim == x.ndim + 1 and y.shape[-1] == 1:
        if x.ndim == 1:
            x = x.reshape((-1, 1))
        else:
            y = y.reshape(y.shape[:-1])
    return x, y


def match_weights(owner, sample_weight, shape):
    """Return `sample_weight`, 1 for None, as an array that broadcasts to values of `shape`.

    Its own shape is `shape`, or the first axes of it: one weight (N,) for each sample of (N, H, W)
    values. An axis may have size 1, for weights that its elements share; a last axis too many is
    dropped then.

    Raises
    ------
    ValueError
        If the shape is another one, or a weight is not finite; the message begins with `owner`.
    """
    sample_weight = 1.0 if sample_weight is None else sample_weight
    weights = as_numbers(owner, "sample_weight", sample_weight)
    if weights.ndim > len(shape) and weights.shape[-1] == 1:
        weights = weights[..., 0]
    sizes = zip(weights.shape, shape, strict=False)
    if weights.ndim > len(shape) or any(size not in (1, expected) for size, expected in sizes):
        raise ValueError(
            f"{owner}: expected sample_weight of shape {shape} or of its first axes, "
            f"got {np.shape(sample_weight)}"
        )
    if not np.all(np.isfinite(weights)):
        raise ValueError(f"{owner}: expected finite sample_weight, got NaN or infinity")
    return weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))
