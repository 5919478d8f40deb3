"""Reductions over one axis, several axes or all of them."""

import numpy as np

from minigrad.core import Function, as_tensor


class Reduction(Function):
    """Base of the reductions: their axes, and how results broadcast back over them."""

    def __init__(self, axis, keepdims):
        self.axis = tuple(axis) if isinstance(axis, list) else axis
        self.keepdims = keepdims

    def restore(self, y, shape):
        """Insert the reduced axes with size 1: ``y`` then broadcasts to the input's ``shape``."""
        if not shape or self.keepdims or self.axis is None:
            return y
        return np.expand_dims(y, self.axis)


def _count(x, y):
    """How many elements of ``x`` went into each of ``y``."""
    return x.size // y.size if y.size else 0


class Sum(Reduction):
    def forward(self, x):
        self.shape = x.shape
        return x.sum(axis=self.axis, keepdims=self.keepdims)

    def backward(self, gy):
        gx = np.empty(self.shape, gy.dtype)
        gx[...] = self.restore(gy, self.shape)
        return gx


def sum(x, axis=None, keepdims=False):
    """The sum over ``axis`` (an int, a tuple, or None for all)."""
    return Sum(axis, keepdims)(x)


class Mean(Sum):
    def forward(self, x):
        total = super().forward(x)
        self.count = _count(x, total)
        return np.asarray(total / self.count)  # as_array is slow for NumPy's scalars

    def backward(self, gy):
        return super().backward(gy / self.count)


def mean(x, axis=None, keepdims=False):
    """The mean over ``axis``."""
    return Mean(axis, keepdims)(x)


class Var(Reduction):
    def forward(self, x):
        y = x.var(axis=self.axis, keepdims=self.keepdims)
        self.save(x)
        self.count = _count(x, y)
        return y

    def backward(self, gy):
        x = self.saved[0]
        centered = x - x.mean(axis=self.axis, keepdims=True)
        return centered * self.restore(gy * 2 / self.count, x.shape)


def var(x, axis=None, keepdims=False):
    """The variance over ``axis``: the mean squared distance from the mean (biased, as in NumPy)."""
    return Var(axis, keepdims)(x)


class Std(Var):
    def forward(self, x):
        y = np.sqrt(super().forward(x))
        self.save(x, y)
        return y

    def backward(self, gy):
        return super().backward(gy / (2 * self.saved[1]))


def std(x, axis=None, keepdims=False):
    """The standard deviation over ``axis`` (biased); its derivative is infinite where it is 0."""
    return Std(axis, keepdims)(x)


class Extreme(Reduction):
    """The largest or smallest value; equal ones share the gradient."""

    def __init__(self, reduce, axis, keepdims):
        super().__init__(axis, keepdims)
        self.reduce = reduce

    def forward(self, x):
        y = self.reduce(x, axis=self.axis, keepdims=self.keepdims)
        self.save(x, y)
        return y

    def backward(self, gy):
        x, y = self.saved
        winners = x == self.restore(y, x.shape)
        share = gy / winners.sum(axis=self.axis, keepdims=self.keepdims, dtype=gy.dtype)
        return winners * self.restore(share, x.shape)


def max(x, axis=None, keepdims=False):
    """The largest value over ``axis``; equal ones share the gradient."""
    return Extreme(np.max, axis, keepdims)(x)


def min(x, axis=None, keepdims=False):
    """The smallest value over ``axis``; equal ones share the gradient."""
    return Extreme(np.min, axis, keepdims)(x)


class LogSumExp(Reduction):
    def forward(self, x):
        largest = x.max(axis=self.axis, keepdims=True, initial=-np.inf)
        largest = np.where(np.isfinite(largest), largest, 0)  # all -inf: log(0), not NaN
        total = np.exp(x - largest).sum(axis=self.axis, keepdims=self.keepdims)
        with np.errstate(divide="ignore"):
            y = np.log(total) + largest.reshape(total.shape)
        self.save(x, y)
        return y

    def backward(self, gy):
        x, y = self.saved
        y = np.where(y == -np.inf, 0, y)  # all x are -inf: exp(x - 0) is 0, not NaN
        return np.exp(x - self.restore(y, x.shape)) * self.restore(gy, x.shape)


def logsumexp(x, axis=None, keepdims=False):
    """``log(sum(exp(x)))`` over ``axis``, without overflow."""
    return LogSumExp(axis, keepdims)(x)


def argmax(x, axis=None):
    """The position of the first maximum, as NumPy integers (no gradient)."""
    return np.argmax(as_tensor(x).data, axis=axis)


def argmin(x, axis=None):
    """The position of the first minimum, as NumPy integers (no gradient)."""
    return np.argmin(as_tensor(x).data, axis=axis)
