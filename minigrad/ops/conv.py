"""Convolution and pooling of images (N, H, W, C)."""

import functools

import numpy as np

from minigrad import kernels
from minigrad.core import Function, as_tensor
from minigrad.ops.nn import (
    check_activation,
    check_bias,
    contiguous,
    promote,
    relu_backward,
)

LARGEST = 2**31 - 1  # of strides and windows, as in the kernels


def remembered(function):
    """Cache the last results: a training loop repeats the same sizes at each step."""
    lookup = functools.lru_cache(typed=True)(function)

    @functools.wraps(function)
    def call(*arguments):
        try:
            return lookup(*arguments)
        except TypeError:  # a list, which cannot be hashed
            return function(*arguments)

    return call


def pair(name, argument, value, least=1):
    """Two ints from one int or two, each at least ``least``."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2 or not all(
        isinstance(v, (int, np.integer)) and not isinstance(v, bool) and v >= least for v in values
    ):
        raise ValueError(
            f"{name}: expected {argument} to be one or two integers of at least {least}, "
            f"got {value!r}"
        )
    if max(values) > LARGEST:
        raise ValueError(f"{name}: expected {argument} below 2**31, got {value!r}")
    return int(values[0]), int(values[1])


@remembered
def output_sizes(name, sizes, window, strides, padding, dilation=(1, 1)):
    """The output's height and width, and the padding as ((top, bottom), (left, right)).

    ``padding`` is "valid" (none), "same" (output = ceil(input / stride), the odd cell at the end)
    or ((top, bottom), (left, right)).

    Raises
    ------
    ValueError
        If the padding is none of these, or the padded input is smaller than the window.
    """
    outputs, widths = [], []
    for axis in range(2):
        size, stride = sizes[axis], strides[axis]
        extent = (window[axis] - 1) * dilation[axis] + 1  # of the dilated window
        if padding == "valid":
            before = after = 0
        elif padding == "same":
            total = max((-(-size // stride) - 1) * stride + extent - size, 0)
            before, after = total // 2, total - total // 2
        else:
            before, after = _explicit_padding(name, padding)[axis]
        output = (size + before + after - extent) // stride + 1
        if output <= 0:
            raise ValueError(
                f"{name}: Computed output size would be zero or negative: expected an input of at "
                f"least {extent} cells along {('height', 'width')[axis]}, got {size} and "
                f"{before + after} of padding; take a smaller window or padding='same' "
                "(images are height, width, channels)"
            )
        if max(output, size + before + after) > LARGEST:
            raise ValueError(
                f"{name}: expected fewer than 2**31 cells along {('height', 'width')[axis]}, got "
                f"{size} and {before + after} of padding; take a smaller window or dilation"
            )
        outputs.append(output)
        widths.append((before, after))
    return tuple(outputs), tuple(widths)


def _explicit_padding(name, padding):
    try:
        (top, bottom), (left, right) = padding
        return pair(name, "padding", (top, bottom), 0), pair(name, "padding", (left, right), 0)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: expected padding 'valid', 'same' or ((top, bottom), (left, right)), "
            f"got {padding!r}"
        ) from None


def _check_image(name, x):
    x = as_tensor(x)
    if x.ndim != 4:
        raise ValueError(f"{name}: expected images of shape (N, H, W, C), got {x.shape}")
    return x


# --- convolution ---------------------------------------------------------------------------------


class Conv2D(Function):
    """``y = relu(im2col(x) @ w + b)``; relu and bias are optional."""

    cuts = None  # images where sums over samples are cut, if ranks share them

    def __init__(self, sizes, geometry, activation):
        self.sizes = sizes  # OH, OW
        self.geometry = geometry  # strides, top and left padding, dilation, groups
        self.relu = activation == "relu"

    def forward(self, *inputs):
        x, w, *bias = promote(*inputs)
        y = kernels.empty((x.shape[0], *self.sizes, w.shape[3]), x.dtype)
        bias = bias[0] if bias else None
        kernels.conv2d_forward(x, w, bias, self.relu, y, self.geometry, kernels.get_num_threads())
        self.shapes = x.shape, w.shape
        x_kept, w_kept = x if self.needs[1] else None, w if self.needs[0] else None
        self.save(x_kept, w_kept, y if self.relu else None)
        return y

    def backward(self, gy):
        x, w, y = self.saved
        threads = kernels.get_num_threads()
        gy = relu_backward(y, gy) if self.relu else contiguous(gy)
        gx = gw = None
        if self.needs[0]:
            gx = kernels.empty(self.shapes[0], gy.dtype)
            kernels.conv2d_backward_input(gy, w, gx, self.geometry, threads)
        if self.needs[1]:
            gw = kernels.empty(self.shapes[1], gy.dtype)
            kernels.conv2d_backward_kernel(x, gy, gw, self.geometry, threads, self.cuts)
        if len(self.needs) == 2:
            return gx, gw
        gb = np.empty(gy.shape[3:], gy.dtype)
        kernels.conv2d_backward_bias(gy, gb, threads, self.cuts)
        return gx, gw, gb


def conv2d(
    x, kernel, bias=None, strides=1, padding="valid", dilation_rate=1, groups=1, activation=None
):
    """Slide a kernel over images (a cross-correlation: the kernel is not flipped).

    ``y[n, i, j, f]`` is the sum over ``a, b, c`` of ``kernel[a, b, c, f]`` times
    ``x[n, i * stride + a * dilation - top, j * stride + b * dilation - left, c]``.

    Parameters
    ----------
    x : Tensor (N, H, W, C)
    kernel : Tensor (KH, KW, C / groups, F)
    bias : Tensor (F,), optional
    strides, dilation_rate : int or two ints
    padding : {"valid", "same"} or ((top, bottom), (left, right))
    groups : int
        Channels and filters are split into this many equal groups; each group of filters sees its
        own group of channels.
    activation : {None, "relu"}
        Applied within the same kernel.

    Returns
    -------
    Tensor (N, OH, OW, F)

    Raises
    ------
    ValueError
        If the shapes do not fit, or the output would be empty.
    """
    options = strides, padding, dilation_rate, groups
    inputs, sizes, geometry = check_conv2d(x, kernel, bias, activation, *options)
    return Conv2D(sizes, geometry, activation)(*inputs)


def check_conv2d(x, kernel, bias, activation, *options):
    """Return the inputs as tensors, the output's height and width, and the geometry.

    ``options`` are strides, padding, dilation_rate and groups. Raises ValueError on a misfit.
    """
    x, kernel = _check_image("conv2d", x), as_tensor(kernel)
    check_activation("conv2d", activation)
    sizes, geometry = geometry_of(x.shape[1:], kernel.shape, *options)
    return (x, kernel, *check_bias("conv2d", bias, kernel)), sizes, geometry


@remembered
def geometry_of(image, kernel, strides, padding, dilation_rate, groups):
    """Check the arguments; return the output's height and width, and the geometry."""
    groups, _ = pair("conv2d", "groups", groups)
    channels = image[2]
    if len(kernel) != 4 or kernel[2] * groups != channels or kernel[3] % groups:
        raise ValueError(
            f"conv2d: expected a kernel (KH, KW, C / groups, F) for C = {channels} channels and "
            f"groups = {groups}, F a multiple of groups, got {kernel}"
        )
    strides = pair("conv2d", "strides", strides)
    dilation = pair("conv2d", "dilation_rate", dilation_rate)
    window = pair("conv2d", "kernel size", kernel[:2])
    sizes, padding = output_sizes("conv2d", image[:2], window, strides, padding, dilation)
    return sizes, (*strides, padding[0][0], padding[1][0], *dilation, groups)


# --- pooling -------------------------------------------------------------------------------------


class MaxPool2D(Function):
    def __init__(self, sizes, geometry):
        self.sizes = sizes  # OH, OW
        self.geometry = geometry  # window, strides, top and left padding

    def forward(self, x):
        self.shape = x.shape
        y = kernels.empty((x.shape[0], *self.sizes, x.shape[3]), x.dtype)
        self.argmax = np.empty(y.shape, np.int32)  # the cell of its window that each output is
        threads = kernels.get_num_threads()
        kernels.max_pool2d_forward(contiguous(x), y, self.argmax, self.geometry, threads)
        return y

    def backward(self, gy):
        gx = kernels.empty(self.shape, gy.dtype)
        threads = kernels.get_num_threads()
        kernels.max_pool2d_backward(contiguous(gy), self.argmax, gx, self.geometry, threads)
        return gx


class AvgPool2D(MaxPool2D):
    def forward(self, x):
        self.shape = x.shape
        y = kernels.empty((x.shape[0], *self.sizes, x.shape[3]), x.dtype)
        kernels.avg_pool2d_forward(contiguous(x), y, self.geometry, kernels.get_num_threads())
        return y

    def backward(self, gy):
        gx = kernels.empty(self.shape, gy.dtype)
        kernels.avg_pool2d_backward(contiguous(gy), gx, self.geometry, kernels.get_num_threads())
        return gx


def _pool(name, function, x, pool_size, strides, padding):
    x = _check_image(name, x)
    window = pair(name, "pool_size", pool_size)
    strides = window if strides is None else pair(name, "strides", strides)
    sizes, padding = output_sizes(name, x.shape[1:3], window, strides, padding)
    if window[0] * window[1] > LARGEST:
        raise ValueError(f"{name}: expected a pool_size of less than 2**31 cells, got {window}")
    if any(max(widths) >= size for widths, size in zip(padding, window, strict=True)):
        raise ValueError(
            f"{name}: expected padding narrower than the window {window}, got {padding}"
        )
    return function(sizes, (*window, *strides, padding[0][0], padding[1][0]))(x)


def max_pool2d(x, pool_size=2, strides=None, padding="valid"):
    """The largest value of each window; where several are equal the first gets the gradient.

    Parameters
    ----------
    x : Tensor (N, H, W, C)
    pool_size : int or two ints
    strides : int or two ints, optional
        The window's size if None.
    padding : {"valid", "same"} or ((top, bottom), (left, right))
        Padded cells count as minus infinity.

    Returns
    -------
    Tensor (N, OH, OW, C)
    """
    return _pool("max_pool2d", MaxPool2D, x, pool_size, strides, padding)


def avg_pool2d(x, pool_size=2, strides=None, padding="valid"):
    """The mean of each window, over its cells inside the image; arguments as ``max_pool2d``."""
    return _pool("avg_pool2d", AvgPool2D, x, pool_size, strides, padding)


def global_max_pool2d(x, keepdims=False):
    """The largest value of each channel: (N, H, W, C) -> (N, C) or (N, 1, 1, C)."""
    return _check_image("global_max_pool2d", x).max(axis=(1, 2), keepdims=keepdims)


def global_avg_pool2d(x, keepdims=False):
    """The mean of each channel: (N, H, W, C) -> (N, C) or (N, 1, 1, C)."""
    return _check_image("global_avg_pool2d", x).mean(axis=(1, 2), keepdims=keepdims)
