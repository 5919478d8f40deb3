"""Activation functions: from a tensor to one of the same shape; `glu` halves an axis.

At its kink every function takes one of the two slopes, the one that Keras takes; the docstrings
say which.
"""

import numpy as np

from minigrad import ops
from minigrad.core import as_tensor, values_here
from minigrad.ops.arithmetic import Smooth
from minigrad.symbolic import recordable
from minigrad.utils.config import config_functions
from minigrad.utils.old_names import lookup
from minigrad.utils.registry import Registry

ACTIVATIONS = Registry("activation")


def _named(*aliases):
    """Return a decorator that names an activation, and makes it one that a model can record."""
    return lambda function: ACTIVATIONS.add(recordable(function), *aliases)


elu = ACTIVATIONS.add(ops.elu)
leaky_relu = ACTIVATIONS.add(ops.leaky_relu)
log_softmax = ACTIVATIONS.add(ops.log_softmax)
selu = ACTIVATIONS.add(ops.selu)
sigmoid = ACTIVATIONS.add(ops.sigmoid)
silu = swish = ACTIVATIONS.add(ops.silu, "swish")
softmax = ACTIVATIONS.add(ops.softmax)
softplus = ACTIVATIONS.add(ops.softplus)
tanh = ACTIVATIONS.add(ops.tanh)


@_named()
def linear(x):
    """The identity, x."""
    return as_tensor(x)


@_named()
def gelu(x, approximate=False):
    """The op `gelu`, whose approximation is not the default here."""
    return ops.gelu(x, approximate)


@_named()
def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """Rectified linear unit: max(x, 0), with options.

    Parameters
    ----------
    x : Tensor of any shape
    negative_slope : float
        Slope below the threshold, where the value is negative_slope (x - threshold).
    max_value : float, optional
        Where x is above the threshold, the value is limited to [0, max_value]; at and beyond
        the limits the slope is 0.
    threshold : float
        Where x is greater, the value is x. The slope at the threshold is `negative_slope`.
    """
    x = above = as_tensor(x)
    if max_value is not None:
        above = ops.where(values_here(x) >= max_value, max_value, ops.relu(x))
    elif threshold == 0:
        above = ops.relu(x)
    if negative_slope == 0 and threshold == 0:
        return above
    below = 0.0 if negative_slope == 0 else negative_slope * (x - threshold)
    return ops.where(values_here(x) <= threshold, below, above)


@_named()
def relu6(x):
    """min(max(x, 0), 6); the slope is 0 at both ends."""
    return relu(x, max_value=6.0)


class Softsign(Smooth):
    def value(self, x):
        x = np.clip(x, -1e30, 1e30)  # not infinity / infinity
        return x / (1 + np.abs(x))

    def slope(self, x):
        return (1 / (1 + np.abs(x))) ** 2


@_named()
def softsign(x):
    """The quotient ``x / (1 + |x|)``."""
    return Softsign()(x)


@_named()
def hard_sigmoid(x):
    """clip(x/6 + 1/2, 0, 1); the slope is 0 at both ends."""
    return relu6(x + 3) / 6


@_named("hard_swish")
def hard_silu(x):
    """The product x hard_sigmoid(x), or hard swish (Howard et al., 2019, arXiv:1905.02244)."""
    return _not_left(x) * hard_sigmoid(x)


@_named()
def exponential(x):
    """The exponential function."""
    return ops.exp(x)


@_named()
def mish(x):
    """The product x tanh(softplus(x)) (Misra, 2019, arXiv:1908.08681)."""
    x = as_tensor(x)
    near = ops.where(abs(values_here(x)) > 1e4, 0.0, x)  # far left it is 0, far right x
    return ops.where(values_here(x) > 1e4, x, near * tanh(softplus(near)))


def _not_left(x):
    """x, or 0 far left, where a factor is 0: that of -infinity and 0 would be NaN."""
    x = as_tensor(x)
    return ops.where(values_here(x) < -1e4, 0.0, x)


@_named()
def celu(x, alpha=1.0):
    """Elu with slope 1 at 0 for any α: x where x > 0, else α (exp(x / α) - 1) (Barron, 2017)."""
    return alpha * elu(x / alpha)


@_named()
def squareplus(x, b=4):
    """(x + sqrt(x² + b)) / 2, a smooth relu (Barron, 2021, arXiv:2112.11687)."""
    x = as_tensor(x)
    root = ops.norm(ops.stack([x, np.full(x.shape, b**0.5, x.dtype)]), axis=0)
    is_high = values_here(x) >= 0
    high = ops.where(is_high, x, -x) / 2 + root / 2  # of |x|; times that of -|x| it is b / 4
    return ops.where(is_high, high, b / 4 / high)


@_named()
def log_sigmoid(x):
    """log(sigmoid(x)), as -softplus(-x)."""
    return -softplus(-x)


@_named()
def tanh_shrink(x):
    """The difference x - tanh(x)."""
    return x - tanh(x)


@_named()
def hard_tanh(x):
    """Limits x to [-1, 1]; the slope is 1 at both ends."""
    return ops.clip(x, -1, 1)


@_named()
def hard_shrink(x, threshold=0.5):
    """Value x where ``|x| > threshold``, else 0; the slope is 0 at both thresholds."""
    x = as_tensor(x)
    return ops.where(abs(values_here(x)) <= threshold, 0.0, x)


@_named()
def soft_shrink(x, threshold=0.5):
    """Moves x towards 0 by the threshold, to 0 within it; the slope is 0 at both thresholds."""
    return relu(x - threshold) - relu(-x - threshold)


def threshold(x, threshold, default_value):
    """Value x where x > threshold, else default_value; the slope is 0 at the threshold."""
    x = as_tensor(x)
    return ops.where(values_here(x) <= threshold, default_value, x)


@_named()
def sparse_sigmoid(x):
    """clip(x/2 + 1/2, 0, 1); the slope is 0 at both ends."""
    return hard_sigmoid(3 * x)


@_named()
def sparse_plus(x):
    """Smooth relu: x where x >= 1, (x + 1)² / 4 between -1 and 1, else 0."""
    x = as_tensor(x)
    middle = ops.clip(x, -1, 1) + 1
    return ops.where(values_here(x) >= 1, x, middle * middle / 4)


@_named()
def sparsemax(x, axis=-1):
    """relu(x - τ), where τ makes the sum along `axis` 1 (Martins and Astudillo, 2016).

    The nearest point to x of the simplex; unlike softmax, most of it is 0.
    """
    x = as_tensor(x)
    ordered = np.moveaxis(-np.sort(-x.data, axis), axis, -1)
    counts = np.arange(1, ordered.shape[-1] + 1)
    is_kept = 1 + counts * ordered > np.cumsum(ordered, -1)
    count = np.moveaxis(np.count_nonzero(is_kept, -1, keepdims=True), -1, axis)
    least = np.moveaxis(np.where(is_kept, ordered, np.inf).min(-1, keepdims=True), -1, axis)
    kept = ops.where(x.data >= least, x, 0.0)
    return relu(x - (ops.sum(kept, axis, keepdims=True) - 1) / count)


@_named()
def glu(x, axis=-1):
    """The product a sigmoid(b) of the halves a, b of x along `axis` (Dauphin et al., 2017)."""
    x = as_tensor(x)
    if x.shape[axis] % 2:
        raise ValueError(f"glu: expected an even size on axis {axis}, got {x.shape}")
    before = (slice(None),) * (axis % x.ndim)
    half = x.shape[axis] // 2
    return x[(*before, slice(half))] * sigmoid(x[(*before, slice(half, None))])


hard_swish = hard_silu


def get(identifier):
    """Return an activation from its name ("relu"), or any callable(tensor); None is `linear`."""
    return linear if identifier is None else ACTIVATIONS.get(identifier)


serialize, deserialize = config_functions(get)
__getattr__ = lookup(__name__)
