"""Operator fusion: several ops as one kernel, for layers/fusion.py. Not exported by ops.

The results are those of the ops one after the other, to the last bit where ``has_same_bits``. The
arrays between them are not stored.
"""

import numpy as np

from minigrad import kernels
from minigrad.core import is_grad_enabled
from minigrad.ops.conv import (
    Conv2D,
    MaxPool2D,
    check_conv2d,
    geometry_of,
    output_sizes,
    pair,
)
from minigrad.ops.nn import Dropout, contiguous, promote

MOST_CELLS = 254  # of a pooling window: the kernel stores the argmax in one byte


class Conv2DMaxPool(Conv2D):
    """``dropout(max_pool2d(relu(im2col(x) @ w + b)))``; relu, bias and dropout are optional."""

    first = 0  # see Dropout

    def __init__(self, convolved, sizes, geometry, activation, pool_size, rate, seed):
        super().__init__(sizes, geometry, activation)  # sizes: those after pooling
        self.convolved = convolved  # height and width before pooling
        self.pool_size = pool_size
        self.rate = float(rate)  # np.float64 would widen float32
        self.seed = seed

    def forward(self, *inputs):
        x, w, *bias = promote(*inputs)
        y = kernels.empty((x.shape[0], *self.sizes, w.shape[3]), x.dtype)
        self.argmax = np.empty(y.shape, np.uint8)  # the cell of its window that each output is
        options = self.rate, self.seed, kernels.get_num_threads(), self.first
        kernels.conv2d_pool_forward(
            x, w, bias[0] if bias else None, self.relu, y, self.argmax, self.pool_size,
            self.geometry, *options,
        )  # fmt: skip
        self.weights = w, *bias  # backward needs their shapes, and unfused() their values
        self.save(x)
        return y

    def backward(self, gy):
        (x,) = self.saved
        gw, gb = kernels.empty(self.weights[0].shape, gy.dtype), np.empty(gy.shape[3:], gy.dtype)
        options = self.pool_size, self.geometry, self.convolved[1], self.rate
        kernels.conv2d_pool_backward_kernel(
            x, contiguous(gy), self.argmax, gw, gb, *options, kernels.get_num_threads(), self.cuts
        )
        return (None, gw, gb)[: len(self.needs)]

    def unfused(self):
        """Replay the ops that this one fuses, for `lab.Graph`.

        Returns
        -------
        inputs : tuple of array
            The inputs of this op.
        replayed : list of (Function, array)
            Each op as a node that can run ``backward``, and its result. The first one has
            ``inputs``, each other one the result before it; the last result is this op's.
        """
        inputs = values = self.saved + self.weights
        functions = [Conv2D(self.convolved, self.geometry, "relu" if self.relu else None)]
        functions += [MaxPool2D(self.sizes, (*self.pool_size, *self.pool_size, 0, 0))]
        functions += [Dropout(self.rate, self.seed)] * (self.rate > 0)
        needs, replayed = self.needs, []
        for function in functions:
            function.needs, function.saved = needs, ()
            replayed.append((function, function.forward(*values)))
            values, needs = (replayed[-1][1],), (True,)
        return inputs, replayed


def has_same_bits(x, kernel, strides, padding, dilation_rate, groups, pool_size):
    """Whether ``conv2d_pool`` has the bits of ``conv2d`` and ``max_pool2d``, gradients included.

    It has, unless ``conv2d`` adds up otherwise: with few filters and many channels, or in pieces of
    large images that windows do not fit into.
    """
    options = strides, padding, dilation_rate, groups
    sizes, geometry = geometry_of(x.shape[1:], kernel.shape, *options)
    item_size = max(x.dtype.itemsize, kernel.dtype.itemsize)
    return kernels.conv2d_pool_has_same_bits(kernel.shape, sizes, geometry, pool_size, item_size)


def conv2d_pool(
    x, kernel, bias=None, strides=1, padding="valid", dilation_rate=1, groups=1, activation=None,
    pool_size=2, rate=0.0, seed=0,
):  # fmt: skip
    """``conv2d``, then ``max_pool2d`` and ``dropout``, as one kernel.

    Parameters
    ----------
    x : Tensor (N, H, W, C)
        Its gradient cannot be computed.
    kernel, bias, strides, padding, dilation_rate, groups, activation
        As for ``conv2d``.
    pool_size : int or two ints
        Height and width of the pooling windows, which neither overlap nor are padded; at most 254
        cells.
    rate : float
        The dropout rate, in [0, 1); 0 for no dropout. Only with activation "relu": ``backward``
        recognizes a dropped element by its value 0.
    seed : int
        The dropout seed, 64 bits.

    Returns
    -------
    Tensor (N, PH, PW, F)

    Raises
    ------
    ValueError
        If the shapes do not fit, the output would be empty, ``x`` needs a gradient, the pooling
        window is too large, or the rate is outside its range. The message names the op at fault.
    """
    inputs, convolved, geometry = check_conv2d(
        x, kernel, bias, activation, strides, padding, dilation_rate, groups
    )
    pool_size = pair("conv2d_pool", "pool_size", pool_size)
    if pool_size[0] * pool_size[1] > MOST_CELLS:
        raise ValueError(f"conv2d_pool: expected at most {MOST_CELLS} cells, got {pool_size}")
    if not (rate == 0 or (activation == "relu" and 0 < rate < 1)):
        expected = "a rate of 0, or below 1 with activation 'relu'"
        raise ValueError(f"conv2d_pool: expected {expected}, got {rate} with {activation!r}")
    if inputs[0].requires_grad and is_grad_enabled():
        raise ValueError("conv2d_pool: expected an x without gradient; use conv2d, max_pool2d")
    sizes, _ = output_sizes("max_pool2d", convolved, pool_size, pool_size, "valid")
    options = geometry, activation, pool_size, rate, seed
    return Conv2DMaxPool(convolved, sizes, *options)(*inputs)
