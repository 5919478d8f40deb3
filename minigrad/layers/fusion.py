"""Operator fusion: Conv2D + MaxPooling2D (+ Dropout) as one kernel, with the same results.

`plan_fusion` decides, `run_layers` executes. A layer whose call somebody has replaced is never
fused, so every replacement is called.
"""

from minigrad import activations, kernels
from minigrad.core import Tensor, is_grad_enabled
from minigrad.layers.conv import Conv2D
from minigrad.layers.core import Dropout
from minigrad.layers.pooling import MaxPooling2D
from minigrad.ops.fused import MOST_CELLS, conv2d_pool

# What runs when these layers are called; a wrapper around one of them ends the fusion.
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

    Nothing changes and no random number is drawn: the same question has the same answer.

    Parameters
    ----------
    layers : list of Layer
        Those to come, at least one.
    x : Tensor or array_like
        The input of the first one.
    training : bool
    """
    if len(layers) < 2 or not can_pool(layers[0], layers[1], x):
        return 1
    return 3 if training and len(layers) > 2 and can_drop(layers[0], layers[2]) else 2


def can_pool(convolution, pooling, x):
    """Whether the convolution's output need not be stored for this pooling.

    So it is without activation or with relu, for windows that neither overlap nor are padded, and
    while nobody wants the gradient with respect to ``x``: at the beginning of a model. Of the three
    kinds of kernels only the fast ones fuse; on the others, layers run as they are written.
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
    """Whether dropout joins in: only after relu, where a value of 0 passes no gradient anyway."""
    return (
        _is_plain(dropout, Dropout)
        and convolution.activation is activations.relu
        and dropout.noise_shape is None
        and 0 < dropout.rate < 1
    )


def _is_plain(layer, cls):
    """Whether calling the layer runs nothing but what ``cls`` defines."""
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
