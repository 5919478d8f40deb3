"""Operator fusion: Conv2D + MaxPooling2D (+ Dropout) as one kernel, with the same results.

`plan_fusion` decides, `run_layers` executes. A layer whose call was replaced is never fused: every
replacement runs.
"""

from minigrad import activations, kernels
from minigrad.core import Tensor, is_grad_enabled
from minigrad.layers.conv import Conv2D
from minigrad.layers.core import Dropout
from minigrad.layers.pooling import MaxPooling2D
from minigrad.ops.fused import MOST_CELLS, conv2d_pool

# The methods of the classes; a layer where one of them was wrapped or replaced is not fused.
CALLS = {cls: (cls.__call__, cls.call) for cls in (Conv2D, MaxPooling2D, Dropout)}


def run_layers(layers, x, training):
    """Return the output of the last layer: each is called with the output of the one before.

    Weights, random seeds, errors and their notes are those of calling layer after layer.

    Parameters
    ----------
    layers : list of Layer
    x : Tensor or array_like of shape (N, ...)
    training : bool
    """
    while layers:
        number = plan_fusion(layers, x, training)
        group, layers = layers[:number], layers[number:]
        x = _run_fused(group, x, training) if number > 1 else group[0](x, training=training)
    return x


def plan_fusion(layers, x, training):
    """Return how many of these layers, from the first one on, run as one kernel: 1, 2 or 3.

    A pure function: it changes nothing and draws no random number.

    Parameters
    ----------
    layers : list of Layer
        The layers still to run, at least one.
    x : Tensor or array_like
        The input of the first one.
    training : bool
    """
    if len(layers) < 2 or not can_pool(layers[0], layers[1], x):
        return 1
    return 3 if training and len(layers) > 2 and can_drop(layers[0], layers[2]) else 2


def can_pool(convolution, pooling, x):
    """Whether convolution and pooling can be fused.

    They can if the kernels are the fast ones, the activation is relu or none, the windows neither
    overlap nor are padded, and the gradient with respect to ``x`` is not needed: at the beginning
    of a model. On other kernels, layers run as they are written.
    """
    return (
        kernels.kind == "fast"
        and _is_plain(convolution, Conv2D)
        and _is_plain(pooling, MaxPooling2D)
        and convolution.activation in (activations.linear, activations.relu)
        and pooling.strides == pooling.pool_size
        and pooling.padding == "valid"
        and pooling.pool_size[0] * pooling.pool_size[1] <= MOST_CELLS
        and isinstance(x, Tensor)
        and not (is_grad_enabled() and x.requires_grad)
    )


def can_drop(convolution, dropout):
    """Whether dropout can be fused too: only after relu, where an output of 0 has gradient 0."""
    return (
        _is_plain(dropout, Dropout)
        and convolution.activation is activations.relu
        and dropout.noise_shape is None
        and 0 < dropout.rate < 1
    )


def _is_plain(layer, cls):
    """Whether calling the layer runs the methods of ``cls`` and nothing else."""
    return (
        type(layer) is cls
        and (cls.__call__, cls.call) == CALLS[cls]
        and vars(layer).keys().isdisjoint(("call", "operation"))
        and layer.activity_regularizer is None
    )


def _run_fused(layers, x, training):
    convolution, pooling, *dropout = layers
    try:
        shape = x.shape
        for layer in layers:
            layer.fit_shape(shape)
            shape = layer.compute_output_shape(shape)
        options = {"rate": dropout[0].rate, "seed": dropout[0].mask_seed} if dropout else {}
        y = convolution.convolve(conv2d_pool, x, pool_size=pooling.pool_size, **options)
        for layer in dropout:
            layer.next_mask_seed()
        return y
    except Exception as error:
        fault = error
    for layer in layers:  # the layer at fault raises the error, with its name
        x = layer(x, training=training)
    raise fault
