"""The transposed convolution: what backward does to a convolution's input, as an op."""

from minigrad import kernels
from minigrad.core import Function, as_tensor
from minigrad.ops.conv import pair
from minigrad.ops.nn import contiguous, promote


class Conv2DTranspose(Function):
    """The kernels of conv2d with forward and backward exchanged."""

    cuts = None  # see Conv2D

    def __init__(self, sizes, geometry):
        self.sizes = sizes  # OH, OW
        self.geometry = geometry  # of the convolution that makes x of y

    def forward(self, *inputs):
        x, w = promote(*inputs)
        y = kernels.empty((x.shape[0], *self.sizes, w.shape[2]), x.dtype)
        kernels.conv2d_backward_input(x, w, y, self.geometry, kernels.get_num_threads())
        self.save(x, w)
        return y

    def backward(self, gy):
        x, w = self.saved
        gy, threads = contiguous(gy), kernels.get_num_threads()
        gx, gw = kernels.empty(x.shape, x.dtype), kernels.empty(w.shape, w.dtype)
        kernels.conv2d_forward(gy, w, None, False, gx, self.geometry, threads)
        kernels.conv2d_backward_kernel(gy, x, gw, self.geometry, threads, self.cuts)
        return gx, gw


def transposed_size(size, window, stride, padding, output_padding=None, dilation=1):
    """The output's size along one axis, and how many cells of padding come before it."""
    if padding not in ("valid", "same"):
        raise ValueError(f"conv2d_transpose: expected padding 'valid' or 'same', got {padding!r}")
    extent = (window - 1) * dilation + 1
    full = (size - 1) * stride + extent  # all cells that a window touches
    if output_padding is not None:
        output = full + output_padding - (2 * (extent // 2) if padding == "same" else 0)
    elif padding == "same":
        output = size * stride
    else:
        output = full + max(stride - extent, 0)
    if output < 1:
        raise ValueError(f"conv2d_transpose: expected an output of size 1 or more, got {output}")
    return output, max(full - output, 0) // 2


def conv2d_transpose(x, kernel, strides=1, padding="valid", output_padding=None, dilation_rate=1):
    """Put a window, weighted by a pixel's channels, around each pixel of ``x``, and add them up.

    ``y[n, i * stride + a * dilation - top, j * stride + b * dilation - left, f]`` is the sum over
    all that fall there of ``x[n, i, j, c] * kernel[a, b, f, c]``: what the gradient with respect
    to a convolution's input is (Dumoulin and Visin 2016, arXiv:1603.07285).

    Parameters
    ----------
    x : Tensor (N, H, W, C)
    kernel : Tensor (KH, KW, F, C)
    strides, dilation_rate : int or two ints
    padding : {"valid", "same"}
        "same" without output_padding gives OH = H · stride.
    output_padding : int or two ints, optional
        Rows and columns added at the bottom and the right, fewer than the stride.

    Returns
    -------
    Tensor (N, OH, OW, F)

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    x, kernel = as_tensor(x), as_tensor(kernel)
    if x.ndim != 4 or kernel.ndim != 4 or kernel.shape[3] != x.shape[3]:
        raise ValueError(
            "conv2d_transpose: expected x (N, H, W, C) and kernel (KH, KW, F, C), got "
            f"{x.shape} and {kernel.shape}"
        )
    strides = pair("conv2d_transpose", "strides", strides)
    dilation = pair("conv2d_transpose", "dilation_rate", dilation_rate)
    extra = (None, None)
    if output_padding is not None:
        extra = pair("conv2d_transpose", "output_padding", output_padding, 0)
    (OH, top), (OW, left) = (
        transposed_size(x.shape[1 + i], kernel.shape[i], strides[i], padding, extra[i], dilation[i])
        for i in range(2)
    )
    geometry = (*strides, top, left, *dilation, 1)
    return Conv2DTranspose((OH, OW), geometry)(x, kernel)
