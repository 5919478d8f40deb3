"""Functions of single elements: each with its slope, or as a formula."""

import math
import statistics

import numpy as np

from minigrad.core import Function, as_tensor
from minigrad.more_ops.arrays import values_of
from minigrad.ops import broadcast_to, div, logsumexp, mul, norm, stack, sub, where
from minigrad.ops.arithmetic import Smooth, chain


def _each(function):
    """A function of one number as one of arrays."""
    return lambda x: np.vectorize(function, otypes=[x.dtype])(x)


def _erfinv(y):
    if abs(y) < 1:
        x = statistics.NormalDist().inv_cdf((1 - abs(y)) / 2) / math.sqrt(2)  # from the left
        if abs(y) < 0.5:  # near 0, where 1 - y has lost it, by a step of Newton's method
            x -= (math.erf(x) + abs(y)) * math.sqrt(math.pi) / 2 * math.exp(x * x)
        return math.copysign(x, y)
    return math.copysign(math.inf, y) if abs(y) == 1 else math.nan


def _sinc_slope(x):
    z = np.pi * x
    near = -z / 3 * (1 - z * z / 10 * (1 - z * z / 28))  # elsewhere it would cancel
    far = np.divide(np.cos(z) - np.sinc(x), x, np.zeros_like(x), where=x != 0)
    return np.where(np.abs(z) < 0.03, np.pi * near, far)


# Value and slope, both of x.
SMOOTH = {
    "arccos": (np.arccos, lambda x: -1 / np.sqrt((1 - x) * (1 + x))),
    "arccosh": (np.arccosh, lambda x: 1 / np.sqrt(x - 1) / np.sqrt(x + 1)),
    "arcsin": (np.arcsin, lambda x: 1 / np.sqrt((1 - x) * (1 + x))),
    "arcsinh": (np.arcsinh, lambda x: 1 / np.hypot(x, 1)),
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x)),
    "arctanh": (np.arctanh, lambda x: 1 / ((1 - x) * (1 + x))),
    "cbrt": (np.cbrt, lambda x: 1 / (3 * np.cbrt(x) ** 2)),
    "cosh": (np.cosh, np.sinh),
    "erf": (_each(math.erf), lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x)),
    "erfc": (_each(math.erfc), lambda x: -2 / math.sqrt(math.pi) * np.exp(-x * x)),
    "erfinv": (_each(_erfinv), lambda x: math.sqrt(math.pi) / 2 * np.exp(_each(_erfinv)(x) ** 2)),
    "exp2": (np.exp2, lambda x: np.exp2(x) * math.log(2)),
    "expm1": (np.expm1, np.exp),
    "log10": (np.log10, lambda x: 1 / (x * math.log(10))),
    "log1p": (np.log1p, lambda x: 1 / (1 + x)),
    "log2": (np.log2, lambda x: 1 / (x * math.log(2))),
    "reciprocal": (np.reciprocal, lambda x: -1 / (x * x)),
    "rsqrt": (lambda x: 1 / np.sqrt(x), lambda x: -0.5 / (x * np.sqrt(x))),
    "sinc": (np.sinc, _sinc_slope),
    "sinh": (np.sinh, np.cosh),
    "tan": (np.tan, lambda x: 1 + np.tan(x) ** 2),
}


def _smooth(name, value, slope):
    kind = type(
        name.title(), (Smooth,), {"value": staticmethod(value), "slope": staticmethod(slope)}
    )

    def op(x):
        return kind()(x)

    op.__name__, op.__doc__ = name, f"Keras's ``{name}``, elementwise."
    return op


class Arctan2(Function):
    def forward(self, y, x):
        z = np.arctan2(y, x)
        self.save(y.astype(z.dtype), x.astype(z.dtype))
        return z

    def backward(self, gz):
        y, x = self.saved
        square = x * x + y * y
        return chain("mul", gz, x / square), chain("mul", gz, -y / square)


def arctan2(x1, x2):
    """The angle of the point (x2, x1), in radians from -π to π."""
    return Arctan2()(x1, x2)


def _two(x1, x2):
    """Two operands, of one shape and stacked."""
    x1 = as_tensor(x1)
    x2 = as_tensor(x2, x1)
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    return stack([broadcast_to(x1, shape), broadcast_to(x2, shape)])


def hypot(x1, x2):
    """``sqrt(x1² + x2²)``, without overflow; the slope at 0 is 0."""
    return norm(_two(x1, x2), axis=0)


def logaddexp(x1, x2):
    """``log(e**x1 + e**x2)``, without overflow."""
    return logsumexp(_two(x1, x2), axis=0)


def logaddexp2(x1, x2):
    """``log2(2**x1 + 2**x2)``, without overflow."""
    return logsumexp(mul(_two(x1, x2), math.log(2)), axis=0) / math.log(2)


def _remainder(quotient):
    def op(x1, x2):
        x1 = as_tensor(x1)
        x2 = as_tensor(x2, x1)
        return sub(x1, mul(quotient(x1.data / x2.data), x2))

    return op


def divide_no_nan(x1, x2):
    """``x1 / x2``, and 0 where ``x2`` is 0."""
    x2 = as_tensor(x2)
    is_zero = x2.data == 0
    return where(is_zero, 0.0, div(x1, where(is_zero, 1.0, x2)))


def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """``x`` with numbers in place of NaN and infinity: by default 0 and the type's largest."""
    x = as_tensor(x)
    largest = np.finfo(x.dtype).max
    x = where(np.isnan(x.data), nan, x)
    x = where(x.data == np.inf, largest if posinf is None else posinf, x)
    return where(x.data == -np.inf, -largest if neginf is None else neginf, x)


def _of_two(wins):
    """The larger or smaller of two; where one is NaN it is the other."""

    def op(x1, x2):
        x1 = as_tensor(x1)
        x2 = as_tensor(x2, x1)
        return where(wins(x1.data, x2.data) | np.isnan(x2.data), x1, x2)

    return op


def deg2rad(x):
    """Degrees as radians."""
    return mul(x, math.pi / 180)


def rad2deg(x):
    """Radians as degrees."""
    return mul(x, 180 / math.pi)


def ldexp(x1, x2):
    """``x1 * 2**x2``."""
    return mul(x1, np.exp2(values_of(x2)).astype(as_tensor(x1).dtype))


def select(condlist, choicelist, default=0):
    """For each element the first of the choices whose condition holds, else ``default``."""
    chosen = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        chosen = where(values_of(condition).astype(bool), choice, chosen)
    return chosen


def psnr(x1, x2, max_val):
    """The peak signal-to-noise ratio of two images, in decibel."""
    error = ((as_tensor(x1) - x2) ** 2).mean()
    return 20 * math.log10(max_val) - OPS["log10"](error) * 10


OPS = {name: _smooth(name, *pair) for name, pair in SMOOTH.items()}
FORMULAS = (
    arctan2, hypot, logaddexp, logaddexp2, divide_no_nan, nan_to_num, deg2rad, rad2deg, ldexp,
    select, psnr,
)  # fmt: skip
OPS |= {function.__name__: function for function in FORMULAS}
OPS |= {"mod": _remainder(np.floor), "fmod": _remainder(np.trunc)}
OPS |= {"fmax": _of_two(np.greater_equal), "fmin": _of_two(np.less_equal)}
