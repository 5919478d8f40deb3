"""Operator fusion: Conv2D + MaxPooling2D (+ Dropout) as one kernel, with the same bits.

Inside a model, a convolution that may be fused defers its result. If a pooling layer is the next to
use it, the two become one, deferred once more in case that dropout follows. Whatever else uses the
result computes it as it is written. So layers fuse wherever they follow each other: in a
``Sequential``, in a graph, in a ``call`` of your own. A layer whose ``call`` was replaced never
gets here: every replacement runs.
"""

import weakref

import numpy as np

from minigrad import activations, kernels, ops
from minigrad.core import defer, is_grad_enabled
from minigrad.layers.base import around
from minigrad.ops.fused import MOST_CELLS, conv2d_pool, has_same_bits


def convolve(layer, x):
    """Return the output of a Conv2D for the Tensor ``x``, deferred if pooling may join in."""
    if not can_defer(layer, x):
        return layer.convolve(ops.conv2d, x)
    return Stage(layer, x).deferred(_output_shape(layer, x.shape))


def pool(layer, x):
    """Return the output of a MaxPooling2D, deferred; None unless it joins the stage before it."""
    stage = x._deferred
    if not can_pool(stage, layer):
        return None
    shape = _output_shape(layer, x.shape)
    return Stage(stage.convolution, stage.x, layer, stage.versions).deferred(shape)


def drop(layer, x):
    """Return the output of a Dropout in training; None unless it joins the stage before it."""
    stage = x._deferred
    if not can_drop(stage, layer):
        return None
    return stage(rate=layer.rate, seed=layer.next_mask_seed())


def _output_shape(layer, shape):
    """The shape of a layer's output, computed where the input has another shape than before."""
    return _remembered(layer, "_known_shapes", shape, lambda: layer.compute_output_shape(shape))


def _has_same_bits(stage, pooling):
    """Whether a stage, a convolution alone, has the same bits when it runs with this pooling."""
    layer, x, size = stage.convolution, stage.x, pooling.pool_size
    settings = layer.strides, layer.padding, layer.dilation_rate, layer.groups
    key = x.shape, x.dtype, size
    return _remembered(
        layer, "_known_fits", key, lambda: has_same_bits(x, layer.kernel, *settings, size)
    )


def _remembered(layer, name, key, compute):
    """What ``compute`` gave for this key; the layer keeps the last, mostly that of each step."""
    known = vars(layer).get(name)
    if known is None or known[0] != key:
        known = vars(layer)[name] = key, compute()
    return known[1]


def can_defer(convolution, x):
    """Whether a convolution's result may wait for the pooling after it.

    It may in a layer or model around, with the fast kernels, an activation of relu or none, and
    where the gradient with respect to ``x`` is not needed: at the beginning of a model. On other
    kernels, layers run as they are written.
    """
    return (
        kernels.kind == "fast"
        and around.training is not None
        and convolution._last_call != around.number  # the outermost call is that of another layer
        and convolution.activation in (activations.linear, activations.relu)
        and not (is_grad_enabled() and x.requires_grad)
    )


def can_pool(stage, pooling):
    """Whether this is a convolution, windows neither overlap nor are padded, and bits agree."""
    return (
        type(stage) is Stage
        and stage.pooling is None
        and pooling.strides == pooling.pool_size
        and pooling.padding == "valid"
        and pooling.pool_size[0] * pooling.pool_size[1] <= MOST_CELLS
        and _has_same_bits(stage, pooling)
    )


def can_drop(stage, dropout):
    """Whether this stage has pooled after relu, where an output of 0 has gradient 0."""
    return (
        type(stage) is Stage
        and stage.pooling is not None
        and stage.convolution.activation is activations.relu
        and dropout.noise_shape is None
        and 0 < dropout.rate < 1
    )


class Stage:
    """A convolution, or a convolution and a pooling, of which the values are still to compute."""

    __slots__ = ("convolution", "pooling", "versions", "x")

    def __init__(self, convolution, x, pooling=None, versions=None):
        self.convolution = convolution
        self.x = x
        self.pooling = pooling
        self.versions = versions or self._versions()

    def deferred(self, shape):
        """Return the tensor whose values the stage will compute."""
        kernel, bias = self.convolution.kernel, self.convolution.bias
        dtype = self.x.dtype
        if dtype != kernel.dtype:
            dtype = np.result_type(dtype, kernel.dtype)
        learns = kernel.requires_grad or (bias is not None and bias.requires_grad)
        requires_grad = is_grad_enabled() and learns
        tensor = defer(shape, dtype, requires_grad, self)
        around.deferred.append(weakref.ref(tensor))  # computed at the latest when the call ends
        return tensor

    def __call__(self, **dropout):
        """Compute the values, a Tensor, with ``rate`` and ``seed`` of dropout if that is joined."""
        if self.versions != self._versions():
            raise RuntimeError(
                f"{self.convolution._title}: expected its input and weights to stay unchanged "
                "until its output is used, got a change in place"
            )
        if self.pooling is None:
            return self.convolution.convolve(ops.conv2d, self.x)
        size = self.pooling.pool_size
        return self.convolution.convolve(conv2d_pool, self.x, pool_size=size, **dropout)

    def _versions(self):
        return [tensor.version for tensor in (self.x, *self.convolution.kernel_and_bias)]
