"""Reductions over one axis, several axes or all of them."""

import numpy as np

from minigrad.core import Function, as_tensor, sum_over
from minigrad.ops.arithmetic import abs, chain


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
        return sum_over(x, self.axis, self.keepdims)

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
        self.mean = self.mean_of(x)
        self.rest = self.mean_of(x - self.mean)  # what rounding took from the mean
        centered = self.centered(x)
        y = sum_over(np.square(centered), self.axis, self.keepdims)
        self.save(x)
        self.count = _count(x, y)
        return np.asarray(y / self.count)

    def backward(self, gy):
        x = self.saved[0]
        return chain("mul", self.restore(gy * 2 / self.count, x.shape), self.centered(x))

    def mean_of(self, x):
        total = sum_over(x, self.axis, keepdims=True)
        return total / _count(x, total)

    def centered(self, x):
        return x - self.mean - self.rest


def var(x, axis=None, keepdims=False):
    """The variance over ``axis``: the mean squared distance from the mean (biased, as in NumPy)."""
    return Var(axis, keepdims)(x)


class Standardize(Var):
    """``(x - mean) / sqrt(variance + epsilon)``, both over ``axis``."""

    def __init__(self, axis, epsilon):
        super().__init__(axis, keepdims=True)
        self.epsilon = float(epsilon)  # np.float64 would widen float32

    def forward(self, x):
        inverse = 1 / np.sqrt(super().forward(x) + self.epsilon)
        y = self.centered(x) * inverse
        self.save(y, inverse)
        return y

    def backward(self, gy):
        y, inverse = self.saved
        along = chain("mul", self.mean_of(chain("mul", gy, y)), y)
        return chain("mul", gy - self.mean_of(gy) - along, inverse)


class Std(Var):
    def forward(self, x):
        y = np.sqrt(super().forward(x))
        self.save(x, y)
        return y

    def backward(self, gy):
        y = self.saved[1]
        return super().backward(np.divide(gy, 2 * y, np.zeros_like(y), where=(gy != 0) & (y != 0)))


def std(x, axis=None, keepdims=False):
    """The standard deviation over ``axis`` (biased); its derivative at 0 is taken to be 0."""
    return Std(axis, keepdims)(x)


class Norm(Reduction):
    def forward(self, x):
        # Divided by a power of two the squares neither overflow nor vanish, and keep their bits.
        _, exponent = np.frexp(np.abs(x).max(axis=self.axis, keepdims=True, initial=0))
        scale = np.ldexp(x.dtype.type(1), exponent - 1)
        y = np.sqrt(sum_over(np.square(x / scale), self.axis, keepdims=True)) * scale
        self.save(x, y)
        return y if self.keepdims else y.squeeze(self.axis)

    def backward(self, gy):
        x, y = self.saved
        if (is_far := np.isinf(y)).any():  # there the infinite share it
            x = np.where(is_far, np.isinf(x) * np.sign(x), x)
            y = np.where(is_far, np.sqrt(np.abs(x).sum(self.axis, keepdims=True)), y)
        slope = np.divide(x, y, np.zeros_like(x), where=y != 0)
        return chain("mul", self.restore(gy, x.shape), slope)


def norm(x, ord=None, axis=None, keepdims=False):
    """The vector norm over ``axis``, of the order 1, 2 (also None) or infinity; slope 0 at 0.

    Several axes count as one vector, as in ``numpy.linalg.vector_norm``.
    """
    if ord in (None, 2):
        return Norm(axis, keepdims)(x)
    if ord == 1:
        return sum(abs(x), axis, keepdims)
    if ord == np.inf:
        return max(abs(x), axis, keepdims)
    raise ValueError(f"norm: expected ord 1, 2 or infinity, got {ord!r}")


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
        number = winners.sum(axis=self.axis, keepdims=self.keepdims, dtype=gy.dtype)
        share = chain("div", gy, np.asarray(number))
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
        largest = np.where(largest == -np.inf, 0, largest)  # all -inf: log(0), not NaN
        with np.errstate(divide="ignore", invalid="ignore"):
            e = np.exp(np.where(x == np.inf, 0, x - largest))  # of infinities, equal shares
            total = sum_over(e, self.axis, keepdims=True)
            y = np.log(total) + largest
        self.save(e, total)
        return y if self.keepdims else y.squeeze(self.axis)

    def backward(self, gy):
        e, total = self.saved
        return chain("mul", self.restore(gy, e.shape), e / np.where(total == 0, 1, total))


def logsumexp(x, axis=None, keepdims=False):
    """``log(sum(exp(x)))`` over ``axis``, without overflow."""
    return LogSumExp(axis, keepdims)(x)


def argmax(x, axis=None, keepdims=False):
    """The position of the first maximum, as NumPy integers (no gradient)."""
    return np.argmax(as_tensor(x).data, axis=axis, keepdims=keepdims)


def argmin(x, axis=None, keepdims=False):
    """The position of the first minimum, as NumPy integers (no gradient)."""
    return np.argmin(as_tensor(x).data, axis=axis, keepdims=keepdims)
