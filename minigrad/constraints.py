"""Constraints: `constraint(w)` returns the array that replaces a weight after each step."""

import numpy as np

from minigrad.utils.arguments import checked_number
from minigrad.utils.config import Configured, config_functions
from minigrad.utils.old_names import lookup
from minigrad.utils.registry import Registry

# Keeps a norm of zero from being divided by.
EPSILON = 1e-7


class Constraint(Configured):
    """Base of the constraints: a subclass defines `__call__(w)`. This one allows everything."""

    def __call__(self, w):
        """Return an array of the shape and dtype of the array `w`, which is not changed."""
        return w


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
        self.axis = axis

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
        self.axis = axis

    def __call__(self, w):
        return w / (EPSILON + _norm(w, self.axis))


class MinMaxNorm(Constraint):
    """Norms from `min_value` to `max_value`: w d / (1e-7 + ‖w‖).

    The norm d is rate clip(‖w‖, min_value, max_value) + (1 - rate) ‖w‖.

    Parameters
    ----------
    min_value, max_value : float
        Not negative.
    rate : float
        In [0, 1]: below 1 a step only goes part of the way.
    axis : int or tuple of int
        The axes along which the Euclidean norm is taken, as for `MaxNorm`.
    """

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.max_value = checked_number(self, "max_value", max_value, "[0, inf]")
        self.min_value = checked_number(self, "min_value", min_value, f"[0, {self.max_value}]")
        self.rate = checked_number(self, "rate", rate, "[0, 1]")
        self.axis = axis

    def __call__(self, w):
        norm = _norm(w, self.axis)
        limited = np.clip(norm, self.min_value, self.max_value)
        return w * ((self.rate * limited + (1 - self.rate) * norm) / (EPSILON + norm))


def _norm(w, axis):
    axis = tuple(axis) if isinstance(axis, list) else axis
    return np.sqrt(np.sum(np.square(w), axis=axis, keepdims=True))


CONSTRAINTS = Registry("constraint", Constraint)

non_neg = CONSTRAINTS.add(NonNeg)
max_norm = CONSTRAINTS.add(MaxNorm)
unit_norm = CONSTRAINTS.add(UnitNorm)
min_max_norm = CONSTRAINTS.add(MinMaxNorm)


def get(identifier):
    """Return a constraint from its name ("non_neg"), class, or any callable(array)."""
    return CONSTRAINTS.get(identifier)


serialize, deserialize = config_functions(get)
__getattr__ = lookup(__name__)
