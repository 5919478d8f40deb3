"""Sums, products, means and orders over axes, and what is normalized by them."""

import itertools

import numpy as np

from minigrad import ops
from minigrad.core import Function, as_tensor
from minigrad.more_ops.arrays import cast, values_of
from minigrad.more_ops.rearranging import diff, neighbours, rearranged, sort, unstack
from minigrad.ops.arithmetic import chain
from minigrad.ops.reduce import Reduction, Standardize
from minigrad.samples import of_batches


class Prod(Reduction):
    def forward(self, x):
        self.save(x)
        return np.prod(x, self.axis, keepdims=self.keepdims)

    def backward(self, gy):
        (x,) = self.saved
        is_zero = x == 0
        zeros = is_zero.sum(self.axis, keepdims=True)
        others = np.where(is_zero, 1, x).prod(self.axis, keepdims=True)
        others = np.where(zeros == is_zero, others / np.where(is_zero, 1, x), 0)
        return chain("mul", self.restore(gy, x.shape), others)


def prod(x, axis=None, keepdims=False, dtype=None):
    """The product over ``axis``."""
    return _typed(Prod(axis, keepdims)(x), dtype)


def _typed(x, dtype):
    return x if dtype is None else cast(x, dtype)


class Cumsum(Function):
    def __init__(self, axis):
        self.axis = axis

    def forward(self, x):
        return np.cumsum(x, self.axis, np.float64).astype(x.dtype)  # one sum, one after the other

    def backward(self, gy):
        return np.flip(self.forward(np.flip(gy, self.axis)), self.axis)


def cumsum(x, axis=None, dtype=None):
    """The sum of each element and all before it along ``axis``; flattened without one."""
    x, axis = (ops.reshape(as_tensor(x), -1), 0) if axis is None else (x, axis)
    return _typed(Cumsum(axis)(x), dtype)


def cumprod(x, axis=None, dtype=None):
    """The product of each element and all before it along ``axis``; flattened without one."""
    x, axis = (ops.reshape(as_tensor(x), -1), 0) if axis is None else (as_tensor(x), axis)
    return _typed(ops.stack([*itertools.accumulate(unstack(x, axis=axis), ops.mul)], axis), dtype)


def ptp(x, axis=None, keepdims=False):
    """The largest value minus the smallest."""
    return ops.max(x, axis, keepdims) - ops.min(x, axis, keepdims)


def average(x, axis=None, weights=None):
    """The mean, or ``Σ x w / Σ w`` with weights of the shape of ``x``, or of its ``axis`` alone."""
    if weights is None:
        return ops.mean(x, axis)
    x = as_tensor(x)
    weights = as_tensor(weights, x)
    if weights.ndim == 1 and x.ndim > 1:
        weights = along(weights, axis, x.ndim)
    weights = ops.broadcast_to(cast(weights, np.result_type(x.dtype, weights.dtype)), x.shape)
    return ops.sum(x * weights, axis) / ops.sum(weights, axis)


def moments(x, axes, keepdims=False, synchronized=False):
    """The mean and the variance over the axes."""
    axes = tuple(axes) if isinstance(axes, list) else axes
    return ops.mean(x, axes, keepdims), ops.var(x, axes, keepdims)


# How much of the higher of two neighbours; None depends on the place between them.
SHARES = {"linear": None, "lower": 0, "higher": 1, "nearest": None, "midpoint": 0.5}


@of_batches
def quantile(x, q, axis=None, method="linear", keepdims=False):
    """The value below which a fraction ``q``, or each of several, lies; between two, linear.

    Parameters
    ----------
    x : Tensor
    q : float or array of float
        In [0, 1]; its axes come first in the result.
    axis : int or tuple of int, optional
    method : {"linear", "lower", "higher", "nearest", "midpoint"}
    keepdims : bool
    """
    x, q = as_tensor(x), np.asarray(values_of(q), np.float64)
    if method not in SHARES:
        known = ", ".join(SHARES)
        raise ValueError(f"quantile: expected method to be one of {known}, got {method!r}")
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis) % max(x.ndim, 1))
    kept = [i for i in range(x.ndim) if i not in axes]
    outer = [x.shape[i] for i in kept]
    rows = ops.reshape(ops.transpose(x, (*kept, *axes)), (*outer, -1))
    order = sort(rows)
    place = q.reshape(-1) * (order.shape[-1] - 1)
    low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
    share = {"linear": place - low, "nearest": np.rint(place) - low}.get(method, SHARES[method])
    share = np.asarray(share, x.dtype)
    found = order[..., low] * (1 - share) + order[..., high] * share  # (*outer, number of q)
    found = rearranged(found, lambda places: np.moveaxis(places, -1, 0))
    sizes = [1 if i in axes else x.shape[i] for i in range(x.ndim)] if keepdims else outer
    return ops.reshape(found, (*q.shape, *sizes))


def percentile(x, q, axis=None, method="linear", keepdims=False):
    """``quantile`` of ``q / 100``."""
    return quantile(x, np.asarray(values_of(q), np.float64) / 100, axis, method, keepdims)


def median(x, axis=None, keepdims=False):
    """The value in the middle, or the mean of the two there."""
    return quantile(x, 0.5, axis, keepdims=keepdims)


def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The integral of samples ``y`` at the places ``x``, or ``dx`` apart, by trapezoids."""
    y = as_tensor(y)
    before, after = neighbours(y, axis)
    if x is not None:
        dx = diff(as_tensor(x, y), axis=-1 if np.ndim(x) == 1 else axis)
        dx = along(dx, axis, y.ndim) if dx.ndim == 1 else dx
    return ops.sum((before + after) * dx / 2, axis)


def along(x, axis, ndim):
    """``x`` (n,) as an array of so many axes, of size 1 but for ``axis``."""
    return ops.reshape(x, [-1 if i == axis % ndim else 1 for i in range(ndim)])


# --- numbers that are NaN are passed over --------------------------------------------------------


def _without_nan(x, fill):
    x = as_tensor(x)
    is_nan = np.isnan(x.data)
    return is_nan, ops.where(is_nan, fill, x)


def _passing_over(function, fill):
    def op(x, axis=None, keepdims=False):
        is_nan, filled = _without_nan(x, fill)
        found = function(filled, axis, keepdims)
        is_empty = is_nan.all(axis, keepdims=keepdims)
        return found if fill in (0.0, 1.0) else ops.where(is_empty, np.nan, found)

    return op


def nanmean(x, axis=None, keepdims=False):
    """The mean of what is not NaN."""
    is_nan, filled = _without_nan(x, 0.0)
    with np.errstate(invalid="ignore"):
        return ops.sum(filled, axis, keepdims) / np.sum(~is_nan, axis, keepdims=keepdims)


def nanvar(x, axis=None, keepdims=False):
    """The variance of what is not NaN."""
    return nanstd(x, axis, keepdims) ** 2


def nanstd(x, axis=None, keepdims=False):
    """The standard deviation of what is not NaN."""
    is_nan, filled = _without_nan(as_tensor(x) - nanmean(x, axis, keepdims=True), 0.0)
    count = np.sum(~is_nan, axis, filled.dtype, keepdims=keepdims)
    return ops.norm(filled, None, axis, keepdims) / np.sqrt(count)  # whose slope at 0 is 0


def nancumsum(x, axis=None, dtype=None):
    """``cumsum`` with 0 in place of NaN."""
    return cumsum(_without_nan(x, 0.0)[1], axis, dtype)


def nancumprod(x, axis=None, dtype=None):
    """``cumprod`` with 1 in place of NaN."""
    return cumprod(_without_nan(x, 1.0)[1], axis, dtype)


# --- by groups -----------------------------------------------------------------------------------


def _by_segment(reduce, empty):
    def op(data, segment_ids, num_segments=None, sorted=False):
        ids = np.asarray(values_of(segment_ids)).astype(int)
        number = int(ids.max(initial=-1)) + 1 if num_segments is None else num_segments
        data = as_tensor(data)
        rows = [data[ids == i] for i in range(number)]
        return ops.stack([reduce(x, 0) if len(x) else ops.sum(x, 0) + empty for x in rows])

    op.__name__ = f"segment_{reduce.__name__}"
    op.__doc__ = "Reduces the rows of ``data`` that have the same of the ids 0, 1, ..."
    return of_batches(op)


# --- normalizing ---------------------------------------------------------------------------------


def normalize(x, axis=-1, order=2, epsilon=None):
    """``x`` divided by its norm over ``axis``, which counts as ``epsilon`` (1e-7) at least."""
    norm = ops.norm(x, order, axis, keepdims=True)
    return x / ops.maximum(norm, 1e-7 if epsilon is None else epsilon)


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset``, each (C,) along ``axis``."""
    x = as_tensor(x)
    mean, variance, scale, offset = (
        given if given is None else along(as_tensor(given, x), axis, x.ndim)
        for given in (mean, variance, scale, offset)
    )
    y = (x - mean) / ops.sqrt(variance + epsilon)
    y = y if scale is None else y * scale
    return y if offset is None else y + offset


def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None):
    """``x`` less its mean over ``axis``, divided by its deviation; then ``· gamma + beta``."""
    y = Standardize(axis, 1e-7 if epsilon is None else epsilon)(x)
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    """``x`` divided by the root of its mean square over ``axis``, times ``scale``."""
    square = ops.mean(ops.square(x), axis, keepdims=True)
    y = x / ops.sqrt(square + (1e-7 if epsilon is None else epsilon))
    return y if scale is None else y * scale


FORMULAS = (
    prod, cumsum, cumprod, ptp, average, moments, quantile, percentile, median, trapezoid, nanmean,
    nanvar, nanstd, nancumsum, nancumprod, normalize, batch_normalization,
    layer_normalization, rms_normalization,
)  # fmt: skip
OPS = {function.__name__: function for function in FORMULAS}
OPS |= {
    "nanmax": _passing_over(ops.max, -np.inf),
    "nanmin": _passing_over(ops.min, np.inf),
    "nanprod": _passing_over(prod, 1.0),
    "nansum": _passing_over(ops.sum, 0.0),
}
OPS |= {
    "segment_max": _by_segment(ops.max, -np.inf),
    "segment_min": _by_segment(ops.min, np.inf),
    "segment_prod": _by_segment(prod, 1.0),
    "segment_sum": _by_segment(ops.sum, 0.0),
}
