"""Convolution and pooling of sequences (N, T, C): as of images of height 1."""

from minigrad import ops
from minigrad.layers.base import KernelLayer, Layer
from minigrad.layers.conv import ANY_SIZE, check_padding
from minigrad.ops.conv import output_sizes, pair


def check_single(title, argument, value, least=1):
    """Return a tuple of one int from an int or such a tuple."""
    if isinstance(value, (tuple, list)) and len(value) == 1:
        (value,) = value
    if isinstance(value, (tuple, list)):
        raise ValueError(f"{title}: expected one int for {argument}, got {value!r}")
    return pair(title, argument, value, least)[:1]


def on_images(operation, x, *arguments, **options):
    """Run an op for images on sequences: (N, T, C) -> (N, 1, T, C) -> (N, OT, F)."""
    return ops.squeeze(operation(ops.expand_dims(x, 1), *arguments, **options), 1)


def slid_length(layer, T, window, padding, dilation=(1,)):
    """The length of what a window leaves of T steps; None if T is None."""
    length = ANY_SIZE if T is None else T
    strides, sizes = (1, *layer.strides), (1, length)
    output, _ = output_sizes(layer._title, sizes, (1, *window), strides, padding, (1, *dilation))
    return None if T is None else output[1]


class Conv1D(KernelLayer):
    """Convolution of sequences, without flipping the kernel, and activation.

    With stride s and dilation rate d, and ``x`` padded::

        y[n, t, f] = Σ_{a, c} x[n, t·s + a·d, c] · kernel[a, c, f] + bias[f]

    Input of shape (N, T, C), output of shape (N, OT, filters).

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int
        Length of the window.
    strides : int
        Steps from window to window. Must be 1 if dilation_rate is more than 1.
    padding : {"valid", "same", "causal"}
        "same" and "causal" pad with zeros until OT = ceil(T / stride); "causal" does so only at
        the beginning: an output depends on no later input.
    data_format : {"channels_last"}, optional
    dilation_rate : int
        Steps from cell to cell within the window.
    groups : int
        Input and output channels are split into this many equal groups.
    **kwargs
        As for ``Conv2D``.

    Attributes
    ----------
    kernel : Parameter of shape (K, C / groups, filters)
    bias : Parameter of shape (filters,), or None
    """

    rank = 3

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid",
        data_format=None, dilation_rate=1, groups=1, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.filters = self._check_int("filters", filters)
        self.kernel_size = check_single(self._title, "kernel_size", kernel_size)
        self.strides = check_single(self._title, "strides", strides)
        self.dilation_rate = check_single(self._title, "dilation_rate", dilation_rate)
        self.padding = padding
        if padding != "causal":
            self.padding = check_padding(self._title, padding)
        self.groups = self._check_int("groups", groups)
        if self.filters % self.groups:
            raise self._error(f"filters to be a multiple of groups ({groups})", filters)
        if self.strides[0] > 1 and self.dilation_rate[0] > 1:
            raise self._error(f"strides 1 with dilation_rate {dilation_rate}", strides)

    @property
    def _image_padding(self):
        before = (self.kernel_size[0] - 1) * self.dilation_rate[0]
        return ((0, 0), (before, 0)) if self.padding == "causal" else self.padding

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels % self.groups:
            raise self._error(f"channels to be a multiple of groups ({self.groups})", input_shape)
        self.compute_output_shape(input_shape)  # raises if the input is shorter than the window
        self.add_kernel_and_bias((*self.kernel_size, channels // self.groups, self.filters))

    def call(self, x, training=False):
        return self.run(self._convolve, x)

    def _convolve(self, x, kernel, bias, activation=None):
        return on_images(
            ops.conv2d, x, ops.expand_dims(kernel, 0), bias, (1, *self.strides),
            self._image_padding, (1, *self.dilation_rate), self.groups, activation,
        )  # fmt: skip

    def compute_output_shape(self, input_shape):
        self._check_input(input_shape)
        N, T, _ = input_shape
        window, dilation = self.kernel_size, self.dilation_rate
        return (N, slid_length(self, T, window, self._image_padding, dilation), self.filters)


class Pooling1D(Layer):
    """What the pooling layers have in common: (N, T, C) -> (N, OT, C).

    Parameters
    ----------
    pool_size : int
        Length of the window.
    strides : int, optional
        Steps from window to window. Default: ``pool_size``, where windows do not overlap.
    padding : {"valid", "same"}
        "same" pads the sequence until OT = ceil(T / stride).
    data_format : {"channels_last"}, optional
    **kwargs
        As for ``Layer``.
    """

    rank = 3
    has_no_weights = True
    # each subclass names its `operation`, a function of ops

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.pool_size = check_single(self._title, "pool_size", pool_size)
        strides = self.pool_size if strides is None else strides
        self.strides = check_single(self._title, "strides", strides)
        self.padding = check_padding(self._title, padding)

    def call(self, x, training=False):
        window, strides = (1, *self.pool_size), (1, *self.strides)
        return on_images(self.operation, x, window, strides, self.padding)

    def compute_output_shape(self, input_shape):
        self._check_input(input_shape)
        N, T, C = input_shape
        return (N, slid_length(self, T, self.pool_size, self.padding), C)


class MaxPooling1D(Pooling1D):
    """The largest value of each window, padding excluded. Arguments: see ``Pooling1D``."""

    operation = staticmethod(ops.max_pool2d)

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class AveragePooling1D(Pooling1D):
    """The mean of each window, padding excluded. Arguments: see ``Pooling1D``."""

    operation = staticmethod(ops.avg_pool2d)


class GlobalPooling1D(Layer):
    """What global pooling layers have in common: (N, T, C) -> (N, C).

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    keepdims : bool
        Whether the output keeps the axis T with size 1: (N, 1, C).
    """

    rank = 3
    has_no_weights = True
    # each subclass names its `operation`, a function of ops

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.keepdims = keepdims

    def call(self, x, training=False):
        y = self.operation(ops.expand_dims(x, 1))  # (N, T, C) -> (N, 1, T, C) -> (N, C)
        return ops.expand_dims(y, 1) if self.keepdims else y

    def compute_output_shape(self, input_shape):
        self._check_input(input_shape)
        N, _, C = input_shape
        return (N, 1, C) if self.keepdims else (N, C)


class GlobalAveragePooling1D(GlobalPooling1D):
    """The mean of each channel over the sequence. Arguments: see ``GlobalPooling1D``."""

    operation = staticmethod(ops.global_avg_pool2d)


class GlobalMaxPooling1D(GlobalPooling1D):
    """The largest value of each channel over the sequence. Arguments: see ``GlobalPooling1D``."""

    operation = staticmethod(ops.global_max_pool2d)
