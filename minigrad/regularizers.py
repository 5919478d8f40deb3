"""Regularizers: `regularizer(w)` returns a scalar Tensor, the penalty that is added to the loss."""

import numpy as np

from minigrad import ops
from minigrad.core import as_tensor
from minigrad.utils.arguments import checked_number
from minigrad.utils.config import Configured, config_functions
from minigrad.utils.old_names import lookup
from minigrad.utils.registry import Registry

# Keeps a norm of zero from being divided by.
EPSILON = 1e-7


class Regularizer(Configured):
    """Base of the regularizers: a subclass defines `__call__(x)`."""

    def __call__(self, x):
        """Return the penalty of the Tensor `x`, a scalar Tensor."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(x)")


class L1(Regularizer):
    """The penalty l1 Σ|x|.

    Parameters
    ----------
    l1 : float
        Not negative.
    """

    def __init__(self, l1=0.01):
        self.l1 = checked_number(self, "l1", l1, "[0, inf)")

    def __call__(self, x):
        return self.l1 * ops.sum(ops.abs(x))


class L2(Regularizer):
    """The penalty l2 Σx². There is no factor 1/2: the gradient is 2 l2 x.

    Parameters
    ----------
    l2 : float
        Not negative.
    """

    def __init__(self, l2=0.01):
        self.l2 = checked_number(self, "l2", l2, "[0, inf)")

    def __call__(self, x):
        return self.l2 * ops.sum(ops.mul(x, x))


class L1L2(Regularizer):
    """The penalty l1 Σ|x| + l2 Σx².

    Parameters
    ----------
    l1, l2 : float
        Not negative.
    """

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = L1(l1).l1
        self.l2 = L2(l2).l2

    def __call__(self, x):
        return L1(self.l1)(x) + L2(self.l2)(x)


class OrthogonalRegularizer(Regularizer):
    """The mean of factor ``|cos|`` over the pairs of rows (or columns) of a matrix.

    Parameters
    ----------
    factor : float
        Not negative.
    mode : {"rows", "columns"}
        Which vectors are pushed to be orthogonal.
    """

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = checked_number(self, "factor", factor, "[0, inf)")
        if mode not in ("rows", "columns"):
            raise ValueError(f"OrthogonalRegularizer: expected mode rows or columns, got {mode!r}")
        self.mode = mode

    def __call__(self, x):
        x = as_tensor(x)
        if x.ndim != 2:
            raise ValueError(f"OrthogonalRegularizer: expected a matrix, got shape {x.shape}")
        if self.mode == "columns":
            x = x.transpose()
        norms = ops.sqrt(ops.sum(x * x, axis=1, keepdims=True))
        x = x / ops.maximum(norms, EPSILON)
        n = len(x)
        cosines = ops.matmul(x, x.transpose()) * (1 - np.eye(n, dtype=x.dtype))
        return self.factor * ops.sum(ops.abs(cosines)) / max(n * (n - 1), 1)


REGULARIZERS = Registry("regularizer", Regularizer)

l1 = REGULARIZERS.add(L1)
l2 = REGULARIZERS.add(L2)
l1_l2 = REGULARIZERS.add(L1L2, "l1_l2")
orthogonal_regularizer = REGULARIZERS.add(OrthogonalRegularizer)


def get(identifier):
    """Return a regularizer from its name ("l2"), class, or any callable(tensor)."""
    return REGULARIZERS.get(identifier)


serialize, deserialize = config_functions(get)
__getattr__ = lookup(__name__)
