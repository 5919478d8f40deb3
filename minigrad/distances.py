"""How far predictions are from targets: formulas that losses and metrics share.

Throughout, `y_true` is an array of targets (..., K) without gradient, `y_pred` a Tensor of that
shape, and the result has one value per sample (...).
"""

import numpy as np

from minigrad import ops
from minigrad.core import as_array, as_tensor
from minigrad.utils.arguments import tell_all
from minigrad.utils.arrays import match_ranks

EPSILON = 1e-7  # keeps divisors and logarithms away from 0


def mean_absolute_percentage_error(y_true, y_pred):
    """``100 mean(|y - ŷ| / max(|y|, 1e-7))`` over the last axis."""
    y_true, y_pred = _match("mean_absolute_percentage_error", y_true, y_pred)
    return 100 * ops.mean(ops.abs(y_true - y_pred) / np.maximum(np.abs(y_true), EPSILON), axis=-1)


def mean_squared_logarithmic_error(y_true, y_pred):
    """mean((log(1 + ŷ) - log(1 + y))²) over the last axis; what is below 1e-7 counts as that."""
    y_true, y_pred = _match("mean_squared_logarithmic_error", y_true, y_pred)
    y_true = np.log1p(np.maximum(y_true, EPSILON))
    error = ops.log1p(ops.maximum(y_pred, EPSILON)) - y_true
    return ops.mean(error * error, axis=-1)


def poisson(y_true, y_pred):
    """mean(ŷ - y log(ŷ + 1e-7)) over the last axis: counts y of a Poisson process of rate ŷ."""
    y_true, y_pred = _match("poisson", y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + EPSILON), axis=-1)


def hinge(y_true, y_pred):
    """mean(max(0, 1 - y ŷ)) over the last axis, for labels y of -1 and 1, or of 0 and 1."""
    y_true, y_pred = _match("hinge", y_true, y_pred)
    return ops.mean(ops.relu(1 - _signs("hinge", y_true) * y_pred), axis=-1)


def squared_hinge(y_true, y_pred):
    """mean(max(0, 1 - y ŷ)²) over the last axis, for labels y of -1 and 1, or of 0 and 1."""
    y_true, y_pred = _match("squared_hinge", y_true, y_pred)
    error = ops.relu(1 - _signs("squared_hinge", y_true) * y_pred)
    return ops.mean(error * error, axis=-1)


def categorical_hinge(y_true, y_pred):
    """max(0, 1 + max((1 - y) ŷ) - Σ y ŷ) over the last axis, for one-hot rows y."""
    y_true, y_pred = _match("categorical_hinge", y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1 - y_true) * y_pred, axis=-1)
    return ops.relu(1 + wrong - right)


def cosine_similarity(y_true, y_pred, axis=-1):
    """The cosine of the angle between y and ŷ along `axis`: 1 for the same direction."""
    y_true, y_pred = _match("cosine_similarity", y_true, y_pred)
    sizes = [ops.maximum(ops.norm(y, None, axis, True), EPSILON) for y in (y_true, y_pred)]
    return ops.sum((y_true / sizes[0]) * (y_pred / sizes[1]), axis=axis)


def _signs(name, y_true):
    """Labels of 0 and 1 as -1 and 1; others stay, unless they are outside of [-1, 1]."""
    if (np.abs(y_true) > 1).any():
        outside = y_true[np.abs(y_true) > 1][0]
        raise ValueError(f"{name}: expected labels of -1 and 1, or of 0 and 1, got {outside}")
    return 2 * y_true - 1 if np.isin(y_true, (0, 1)).all() else y_true


def _match(name, y_true, y_pred):
    """Return targets (array) and predictions (Tensor) of one shape and dtype."""
    y_pred = as_tensor(y_pred)
    y_true, y_pred = match_ranks(as_array(y_true, y_pred.dtype), y_pred)
    if y_true.shape != y_pred.shape or y_pred.ndim == 0:
        raise ValueError(
            f"{name}: expected y_true to fit y_pred of shape {y_pred.shape}, got {y_true.shape}"
        )
    return y_true, y_pred


tell_all(globals())
