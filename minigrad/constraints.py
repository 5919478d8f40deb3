"""Constraints: `constraint(w)` returns the array that replaces a weight after each step."""

import numpy as np

from minigrad.utils.arguments import checked_number
from minigrad.utils.registry import Registry

# Keeps a norm of zero from being divided by.
EPSILON = 1e-7


class Constraint:
    """Base of the constraints: a subclass defines `__call__(w)`."""

    def __call__(self, w):
        """Return an array of the shape and dtype of the array `w`, which is not changed."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(w)")


class NonNeg(Constraint):
    """No negative weights: max(w, 0)."""

    def __call__(self, w):
        return np.maximum(w, 0)


class MaxNorm(Constraint):
    """Norms of at most `max_value`: w clip(‖w‖, 0, max_value) / (1e-7 + ‖w‖).

    Parameters
    ----------
    max_value : float
        Not negative.
    axis : int or tuple of int
        The axes along which the Euclidean norm is taken: 0 for the inputs of each unit of a Dense
        kernel (inputs, units), (0, 1, 2) for each filter of a Conv2D kernel (KH, KW, C, F).
    """

    def __init__(self, max_value=2, axis=0):
        self.max_value = checked_number(self, "max_value", max_value, "[0, inf]")
        self.axis = _as_axes(axis)

    def __call__(self, w):
        norm = _norm(w, self.axis)
        return w * (np.minimum(norm, self.max_value) / (EPSILON + norm))


class UnitNorm(Constraint):
    """Norms of 1: w / (1e-7 + ‖w‖).

    Parameters
    ----------
    axis : int or tuple of int
        The axes along which the Euclidean norm is taken, as for `MaxNorm`.
    """

    def __init__(self, axis=0):
        self.axis = _as_axes(axis)

    def __call__(self, w):
        return w / (EPSILON + _norm(w, self.axis))


def _as_axes(axis):
    return tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)


def _norm(w, axis):
    return np.sqrt(np.sum(np.square(w), axis=axis, keepdims=True))


CONSTRAINTS = Registry("constraint", Constraint)

non_neg = CONSTRAINTS.add(NonNeg)
max_norm = CONSTRAINTS.add(MaxNorm)
unit_norm = CONSTRAINTS.add(UnitNorm)


def get(identifier):
    """Return a constraint from its name ("non_neg"), class, or any callable(array)."""
    return CONSTRAINTS.get(identifier)
