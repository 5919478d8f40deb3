"""Activation functions: from a tensor to one of the same shape.

At its kink every function takes one of the two slopes, the one that Keras takes; the docstrings
say which.
"""

from minigrad import ops
from minigrad.core import as_tensor
from minigrad.utils.registry import Registry

ACTIVATIONS = Registry("activation")

elu = ACTIVATIONS.add(ops.elu)
gelu = ACTIVATIONS.add(ops.gelu)
leaky_relu = ACTIVATIONS.add(ops.leaky_relu)
log_softmax = ACTIVATIONS.add(ops.log_softmax)
selu = ACTIVATIONS.add(ops.selu)
sigmoid = ACTIVATIONS.add(ops.sigmoid)
silu = swish = ACTIVATIONS.add(ops.silu, "swish")
softmax = ACTIVATIONS.add(ops.softmax)
softplus = ACTIVATIONS.add(ops.softplus)
tanh = ACTIVATIONS.add(ops.tanh)


@ACTIVATIONS.register()
def linear(x):
    """The identity, x."""
    return as_tensor(x)


@ACTIVATIONS.register()
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
        above = ops.where(x.data >= max_value, max_value, ops.relu(x))
    elif threshold == 0:
        above = ops.relu(x)
    if negative_slope == 0 and threshold == 0:
        return above
    below = 0.0 if negative_slope == 0 else negative_slope * (x - threshold)
    return ops.where(x.data <= threshold, below, above)


@ACTIVATIONS.register()
def relu6(x):
    """min(max(x, 0), 6); the slope is 0 at both ends."""
    return relu(x, max_value=6.0)


@ACTIVATIONS.register()
def softsign(x):
    """The quotient ``x / (1 + |x|)``."""
    return x / (1 + ops.abs(x))


@ACTIVATIONS.register()
def hard_sigmoid(x):
    """clip(x/6 + 1/2, 0, 1); the slope is 0 at both ends."""
    return relu6(x + 3) / 6


@ACTIVATIONS.register("hard_swish")
def hard_silu(x):
    """The product x hard_sigmoid(x), or hard swish (Howard et al., 2019, arXiv:1905.02244)."""
    return x * hard_sigmoid(x)


@ACTIVATIONS.register()
def exponential(x):
    """The exponential function."""
    return ops.exp(x)


@ACTIVATIONS.register()
def mish(x):
    """The product x tanh(softplus(x)) (Misra, 2019, arXiv:1908.08681)."""
    return x * tanh(softplus(x))


hard_swish = hard_silu


def get(identifier):
    """Return an activation from its name ("relu"), or any callable(tensor); None is `linear`."""
    return linear if identifier is None else ACTIVATIONS.get(identifier)
