"""Operator fusion, with the same bits: layers that run as one kernel.

These are Conv2D + MaxPooling2D (+ Dropout), and BatchNormalization + relu.

Inside a model, a layer that may be fused defers its result. If a pooling layer is the next to use
that of a convolution, the two become one, deferred once more in case that dropout follows. A batch
normalization has measured its batch by then, and waits with the rest. Whatever else uses the
result computes it as it is written. So layers fuse wherever they follow each other: in a
``Sequential``, in a graph, in a ``call`` of your own. A layer whose ``call`` was replaced never
gets here: every replacement runs.
"""

import functools
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
    compute = functools.partial(layer.convolve, ops.conv2d, x)
    stage = Stage((layer,), (x, *layer.kernel_and_bias), compute, "pooling")
    return stage.deferred(_output_shape(layer, x.shape))


def pool(layer, x):
    """Return the output of a MaxPooling2D, deferred; None unless it joins the stage before it."""
    stage = x._deferred
    if not can_pool(stage, layer):
        return None
    convolution, input_ = stage.layers[0], stage.inputs[0]
    compute = functools.partial(
        convolution.convolve, conv2d_pool, input_, pool_size=layer.pool_size
    )
    joins = "dropout" if convolution.activation is activations.relu else None
    pooled = Stage((convolution, layer), stage.inputs, compute, joins, stage.versions)
    return pooled.deferred(_output_shape(layer, x.shape))


def drop(layer, x):
    """Return the output of a Dropout in training; None unless it joins the stage before it."""
    stage = x._deferred
    if not can_drop(stage, layer):
        return None
    return stage(rate=layer.rate, seed=layer.next_mask_seed())


def normalize(layer, finish, *inputs):
    """Return what ``finish()`` does, of x and weights as inputs, deferred if relu may join in."""
    if not may_wait(layer):
        return finish()
    return Stage((layer,), inputs, finish, "relu").deferred(inputs[0].shape)


def rectify(layer, x):
    """Return the output of an Activation; None unless it is relu and joins the stage before it."""
    stage = getattr(x, "_deferred", None)
    if layer.activation is activations.relu and type(stage) is Stage and stage.joins == "relu":
        return stage(activation="relu")
    return None


def _output_shape(layer, shape):
    """The shape of a layer's output, computed where the input has another shape than before."""
    return _remembered(layer, "_known_shapes", shape, lambda: layer.compute_output_shape(shape))


def _has_same_bits(stage, pooling):
    """Whether a stage, a convolution alone, has the same bits when it runs with this pooling."""
    layer, x, size = stage.layers[0], stage.inputs[0], pooling.pool_size
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


def may_wait(layer):
    """Whether a layer's result may wait for the next layer: in a layer or model around it.

    On other kernels than the fast ones, layers run as they are written.
    """
    return (
        kernels.kind == "fast"
        and around.training is not None
        and layer._last_call != around.number  # the outermost call is that of another layer
    )


def can_defer(convolution, x):
    """Whether a convolution's result may wait for the pooling after it.

    It may with an activation of relu or none, and where the gradient with respect to ``x`` is not
    needed: at the beginning of a model.
    """
    return (
        may_wait(convolution)
        and convolution.activation in (activations.linear, activations.relu)
        and not (is_grad_enabled() and x.requires_grad)
    )


def can_pool(stage, pooling):
    """Whether this is a convolution, windows neither overlap nor are padded, and bits agree."""
    return (
        type(stage) is Stage
        and stage.joins == "pooling"
        and pooling.strides == pooling.pool_size
        and pooling.padding == "valid"
        and pooling.pool_size[0] * pooling.pool_size[1] <= MOST_CELLS
        and _has_same_bits(stage, pooling)
    )


def can_drop(stage, dropout):
    """Whether this stage has pooled after relu, where an output of 0 has gradient 0."""
    return (
        type(stage) is Stage
        and stage.joins == "dropout"
        and dropout.noise_shape is None
        and 0 < dropout.rate < 1
    )


class Stage:
    """One or two layers of which the values are still to compute.

    Attributes
    ----------
    layers : tuple of Layer
    inputs : tuple of Tensor
        x and the weights, which must not change before.
    compute : callable
        Returns the values, a Tensor; it takes options of what joins.
    joins : {"pooling", "dropout", "relu", None}
        Which kind of layer may join.
    """

    __slots__ = ("compute", "inputs", "joins", "layers", "versions")

    def __init__(self, layers, inputs, compute, joins, versions=None):
        self.layers = layers
        self.inputs = inputs
        self.compute = compute
        self.joins = joins
        self.versions = versions or self._versions()

    def deferred(self, shape):
        """Return the tensor whose values the stage will compute."""
        dtypes = {tensor.dtype for tensor in self.inputs}
        dtype = np.result_type(*dtypes) if len(dtypes) > 1 else dtypes.pop()
        learns = any(tensor.requires_grad for tensor in self.inputs)
        tensor = defer(shape, dtype, is_grad_enabled() and learns, self)
        around.deferred.append(weakref.ref(tensor))  # computed at the latest when the call ends
        return tensor

    def __call__(self, **options):
        """Compute the values, a Tensor; with options if another layer joins."""
        if self.versions != self._versions():
            raise RuntimeError(
                f"{self.layers[0]._title}: expected its input and weights to stay unchanged "
                "until its output is used, got a change in place"
            )
        return self.compute(**options)

    def _versions(self):
        return [tensor.version for tensor in self.inputs]
