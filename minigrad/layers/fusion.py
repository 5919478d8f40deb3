"""When layers of a model run in one kernel. Nobody but the clock can tell that they did."""

import math

from minigrad import activations
from minigrad.core import is_grad_enabled
from minigrad.layers.conv import Conv2D
from minigrad.layers.core import Dropout
from minigrad.layers.pooling import MaxPooling2D

MOST_CELLS = 254  # of a pooling window: the kernel keeps the number of the largest in a byte


def run_at_once(layers, x, training):
    """Return how many of these layers run in one kernel, and the options of the first one's call.

    Parameters
    ----------
    layers : list of Layer
        Those to come, at least one.
    x : Tensor
        The input of the first one.
    training : bool
    """
    if len(layers) < 2 or not pools_at_once(layers[0], layers[1], x):
        return 1, {}
    options = {"pool_size": layers[1].pool_size}
    if training and len(layers) > 2 and drops_at_once(layers[0], layers[2]):
        dropout = layers[2]
        return 3, options | {"dropout": (dropout.rate, dropout.next_mask_seed())}
    return 2, options


def drops_at_once(convolution, dropout):
    """Whether dropout goes along with pooling: after relu, where what was dropped is known by 0."""
    return (
        type(dropout) is Dropout
        and _is_plain(dropout)
        and convolution.activation is activations.relu
        and dropout.noise_shape is None
        and 0 < dropout.rate < 1
    )


def pools_at_once(convolution, pooling, x):
    """Whether the map between these two layers need not be stored, given the first one's input.

    So it is for a convolution without activation or with relu, and maxima of windows that neither
    overlap nor reach over the edge, unless somebody wants the gradient with respect to ``x``:
    behind the first layers of a model. A layer of a class of your own is never touched.
    """
    return (
        type(convolution) is Conv2D
        and type(pooling) is MaxPooling2D
        and _is_plain(convolution)
        and _is_plain(pooling)
        and convolution.activation in (activations.linear, activations.relu)
        and pooling.strides == pooling.pool_size
        and pooling.padding == "valid"
        and math.prod(pooling.pool_size) <= MOST_CELLS
        and not (is_grad_enabled() and x.requires_grad)
    )


def _is_plain(layer):
    """Whether all that the layer does is what its class says."""
    return "call" not in vars(layer) and layer.activity_regularizer is None
