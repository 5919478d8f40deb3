"""Convolutions, pooling and a loss, with the arguments that Keras's ops have."""

from minigrad import ops
from minigrad.core import as_tensor
from minigrad.losses import EPSILON
from minigrad.ops.extra import conv2d_transpose


def _check_images(name, x, data_format):
    if data_format not in (None, "channels_last") or as_tensor(x).ndim != 4:
        got = f"{tuple(as_tensor(x).shape)} and data_format={data_format!r}"
        raise ValueError(f"{name}: expected images (N, H, W, C), channels last, got {got}")


def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution of images (N, H, W, C) by a kernel (KH, KW, C / groups, F)."""
    _check_images("conv", inputs, data_format)
    groups = inputs.shape[-1] // kernel.shape[-2]
    return ops.conv2d(inputs, kernel, None, strides, padding, dilation_rate, groups)


def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution of each channel alone, by a kernel (KH, KW, C, M): C · M channels."""
    _check_images("depthwise_conv", inputs, data_format)
    KH, KW, C, M = kernel.shape
    kernel = ops.reshape(as_tensor(kernel), (KH, KW, 1, C * M))  # (KH, KW, C, M)
    return ops.conv2d(inputs, kernel, None, strides, padding, dilation_rate, C)


def separable_conv(
    inputs, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None,
    dilation_rate=1,
):  # fmt: skip
    """A depthwise convolution, and one by a kernel (1, 1, C · M, F)."""
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return ops.conv2d(x, pointwise_kernel)


def conv_transpose(
    inputs, kernel, strides=1, padding="valid", output_padding=None, data_format=None,
    dilation_rate=1,
):  # fmt: skip
    """The transposed convolution by a kernel (KH, KW, F, C)."""
    _check_images("conv_transpose", inputs, data_format)
    return conv2d_transpose(inputs, kernel, strides, padding, output_padding, dilation_rate)


def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The largest value of each window of images (N, H, W, C)."""
    _check_images("max_pool", inputs, data_format)
    return ops.max_pool2d(inputs, pool_size, strides, padding)


def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The mean of each window of images (N, H, W, C)."""
    _check_images("average_pool", inputs, data_format)
    return ops.avg_pool2d(inputs, pool_size, strides, padding)


def binary_crossentropy(target, output, from_logits=False):
    """``-y log p - (1 - y) log(1 - p)`` of each element, without a mean."""
    output = as_tensor(output)
    if from_logits:
        return ops.sigmoid_cross_entropy(output, target)
    target = as_tensor(target, output)
    p = ops.clip(output, EPSILON, 1 - EPSILON)
    return -(target * ops.log(p) + (1 - target) * ops.log(1 - p))


FORMULAS = (
    conv, depthwise_conv, separable_conv, conv_transpose, max_pool, average_pool,
    binary_crossentropy,
)  # fmt: skip
OPS = {function.__name__: function for function in FORMULAS}
