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
    return Stage(layer, x).deferred(_remembered(layer, _output_shape, x))


def pool(layer, x):
    """Return the output of a MaxPooling2D, deferred; None unless it joins the stage before it."""
    stage = x._deferred
    if not can_pool(stage, layer):
        return None
    shape = _remembered(layer, _pooled_shape, x)
    if shape is None:
        return None
    return Stage(stage.convolution, stage.x, layer, stage.versions).deferred(shape)


def drop(layer, x):
    """Return the output of a Dropout in training; None unless it joins the stage before it."""
    stage = x._deferred
    if not can_drop(stage, layer):
        return None
    return stage(rate=layer.rate, seed=layer.next_mask_seed())


def _output_shape(layer, x):
    return layer.compute_output_shape(x.shape)


def _pooled_shape(pooling, x):
    """The shape of the output; None where it would have other bits as one with the convolution."""
    shape, before = _output_shape(pooling, x), x._deferred
    settings = before.convolution.strides, before.convolution.padding
    settings += before.convolution.dilation_rate, before.convolution.groups
    fits = has_same_bits(before.x, before.convolution.kernel, *settings, pooling.pool_size)
    return shape if fits else None


def _remembered(layer, compute, x):
    """What ``compute(layer, x)`` gave the last time, if ``x`` has the shape and type of then."""
    known = vars(layer).get("_known_shape")
    if known is None or known[0] != x.shape or known[1] != x.dtype:
        known = vars(layer)["_known_shape"] = x.shape, x.dtype, compute(layer, x)
    return known[2]


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
    """Whether this stage is a convolution, and the windows neither overlap nor are padded."""
    return (
        type(stage) is Stage
        and stage.pooling is None
        and pooling.strides == pooling.pool_size
        and pooling.padding == "valid"
        and pooling.pool_size[0] * pooling.pool_size[1] <= MOST_CELLS
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
