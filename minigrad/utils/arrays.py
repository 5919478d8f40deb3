"""Small helpers that prepare arrays for training."""

import numpy as np


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
    float64 array (..., num_classes)

    Raises
    ------
    ValueError
        If a label is not a whole number or out of range, or if there is none to tell the number
        of classes.
    """
    given = np.asarray(x)
    labels = given.astype(np.int64)
    if np.any(labels != given):
        raise ValueError("to_categorical: expected whole numbers as labels, got fractions")
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
    return np.eye(num_classes)[labels]


def normalize(x, axis=-1, order=2):
    """Divide by the norm along `axis`; vectors of norm 0 stay as they are.

    Parameters
    ----------
    x : array of any shape
    axis : int
    order : int or float
        The norm's order, as in `numpy.linalg.norm`.

    Returns
    -------
    array of the shape of `x`
    """
    x = np.asarray(x)
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)
