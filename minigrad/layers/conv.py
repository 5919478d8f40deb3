"""Convolution."""

from minigrad.layers import fusion
from minigrad.layers.base import KernelLayer
from minigrad.ops.conv import output_sizes, pair

ANY_SIZE = 2**30  # replaces an unknown size: larger than any window


def check_padding(title, padding):
    """Return the padding's name in lower case, or raise an error that begins with ``title``."""
    if str(padding).lower() not in ("valid", "same"):
        raise ValueError(f"{title}: expected padding 'valid' or 'same', got {padding!r}")
    return padding.lower()


def windowed_shape(layer, input_shape, window, channels, dilation=(1, 1)):
    """Output shape of a layer that slides a window over images; unknown sizes are None."""
    layer._check_input(input_shape)
    N, H, W, _ = input_shape
    sizes = ANY_SIZE if H is None else H, ANY_SIZE if W is None else W
    (OH, OW), _ = output_sizes(layer._title, sizes, window, layer.strides, layer.padding, dilation)
    return (N, None if H is None else OH, None if W is None else OW, channels)


class Conv2D(KernelLayer):
    """Convolution of images, without flipping the kernel (a cross-correlation), and activation.

    With strides s and dilation rate d, and ``x`` padded::

        y[n, i, j, f] = Σ_{a, b, c} x[n, i·s₀ + a·d₀, j·s₁ + b·d₁, c] · kernel[a, b, c, f] + bias[f]

    Input of shape (N, H, W, C), output of shape (N, OH, OW, filters).

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or (int, int)
        Height and width of the window.
    strides : int or (int, int)
        Steps from window to window. Must be 1 if dilation_rate is more than 1.
    padding : {"valid", "same"}
        "same" pads with zeros until OH = ceil(H / stride); an odd row or column goes to the bottom
        or the right.
    data_format : {"channels_last"}, optional
    dilation_rate : int or (int, int)
        Steps from cell to cell within the window.
    groups : int
        Input and output channels are split into this many equal groups. Each output group sees
        only its own input group.
    **kwargs
        activation, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
        kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint, and those of
        ``Layer``.

    Attributes
    ----------
    kernel : Parameter of shape (KH, KW, C / groups, filters)
    bias : Parameter of shape (filters,), or None
    """

    rank = 4

    def __init__(
        self, filters, kernel_size, strides=(1, 1), padding="valid",
        data_format=None, dilation_rate=(1, 1), groups=1, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.filters = self._check_int("filters", filters)
        self.kernel_size = pair(self._title, "kernel_size", kernel_size)
        self.strides = pair(self._title, "strides", strides)
        self.padding = check_padding(self._title, padding)
        self.dilation_rate = pair(self._title, "dilation_rate", dilation_rate)
        self.groups = self._check_int("groups", groups)
        if self.filters % self.groups:
            raise self._error(f"filters to be a multiple of groups ({groups})", filters)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise self._error(f"strides 1 with dilation_rate {dilation_rate}", strides)

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels % self.groups:
            raise self._error(f"channels to be a multiple of groups ({self.groups})", input_shape)
        self.compute_output_shape(input_shape)  # raises if the image is smaller than the window
        self.add_kernel_and_bias((*self.kernel_size, channels // self.groups, self.filters))

    def call(self, x, training=False):
        return fusion.convolve(self, x)

    def convolve(self, operation, x, **options):
        """Run ``ops.conv2d``, or an op that fuses it with others, with this layer's settings."""
        return self.run(
            operation, x, strides=self.strides, padding=self.padding,
            dilation_rate=self.dilation_rate, groups=self.groups, **options,
        )  # fmt: skip

    def compute_output_shape(self, input_shape):
        window = self.kernel_size
        return windowed_shape(self, input_shape, window, self.filters, self.dilation_rate)
