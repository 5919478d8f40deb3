"""Convolutions that are not Conv2D: depthwise, separable and transposed; and of sequences."""

from minigrad import activations, ops
from minigrad.layers.base import Layer
from minigrad.layers.conv import check_padding, windowed_shape
from minigrad.layers.options import keep_options, make_weight
from minigrad.layers.sequences import check_single, on_images, slid_length
from minigrad.ops.conv import pair
from minigrad.ops.extra import conv2d_transpose, transposed_size


class ImageConvolution(Layer):
    """What they have in common: images (N, H, W, C) and a window that slides over them.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of the window.
    strides : int or (int, int)
        Steps from window to window. Must be 1 if dilation_rate is more than 1.
    padding : {"valid", "same"}
    data_format : {"channels_last"}, optional
    dilation_rate : int or (int, int)
        Steps from cell to cell within the window.
    activation : str or callable, optional
    use_bias : bool
    **kwargs
        As for ``Layer``.
    """

    rank = 4
    fixed_axes = (-1,)
    check_sizes = staticmethod(pair)

    def __init__(
        self, kernel_size, strides=(1, 1), padding="valid", data_format=None,
        dilation_rate=(1, 1), activation=None, use_bias=True, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.kernel_size = self.check_sizes(self._title, "kernel_size", kernel_size)
        self.strides = self.check_sizes(self._title, "strides", strides)
        self.padding = check_padding(self._title, padding)
        self.dilation_rate = self.check_sizes(self._title, "dilation_rate", dilation_rate)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise self._error(f"strides 1 with dilation_rate {dilation_rate}", strides)
        self.activation = activations.get(activation)
        self.use_bias = use_bias

    def make_bias(self, size):
        """Make ``self.bias``, or None."""
        self.bias = make_weight(self, "bias", (size,)) if self.use_bias else None

    def convolve_channels(self, x, kernel, bias=None):
        """Convolve each channel alone with its kernels: ``kernel`` is (KH, KW, C, multiplier)."""
        *sizes, C, M = kernel.shape
        kernel = ops.reshape(kernel, (*sizes, 1, C * M))  # (KH, KW, C, M) -> (KH, KW, 1, C*M)
        return self.convolve(x, kernel, bias, C)

    def convolve(self, x, kernel, bias, groups):
        """Convolve with this window."""
        options = self.strides, self.padding, self.dilation_rate
        return ops.conv2d(x, kernel, bias, *options, groups=groups)

    def sliding_shape(self, input_shape, channels):
        """The output's shape, with that many channels."""
        return windowed_shape(self, input_shape, self.kernel_size, channels, self.dilation_rate)


class DepthwiseConv2D(ImageConvolution):
    """Convolution of each channel alone: (N, H, W, C) -> (N, OH, OW, C · depth_multiplier).

    ``y[n, i, j, c · M + m]`` is the convolution of channel c with ``kernel[:, :, c, m]``. Other
    arguments: see ``ImageConvolution``.

    Parameters
    ----------
    depth_multiplier : int
        Number of output channels M for each input channel.
    depthwise_initializer, bias_initializer : str or callable
    depthwise_regularizer, bias_regularizer : str or callable, optional
    depthwise_constraint, bias_constraint : str or callable, optional

    Attributes
    ----------
    kernel : Parameter of shape (KH, KW, C, M)
    bias : Parameter of shape (C · M,), or None
    """

    def __init__(
        self, kernel_size, strides=(1, 1), padding="valid", depth_multiplier=1, data_format=None,
        dilation_rate=(1, 1), activation=None, use_bias=True,
        depthwise_initializer="glorot_uniform", bias_initializer="zeros",
        depthwise_regularizer=None, bias_regularizer=None, activity_regularizer=None,
        depthwise_constraint=None, bias_constraint=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.depth_multiplier = self._check_int("depth_multiplier", depth_multiplier)
        depthwise = depthwise_initializer, depthwise_regularizer, depthwise_constraint
        keep_options(self, "depthwise", *depthwise)
        keep_options(self, "bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape):
        channels = self.compute_output_shape(input_shape)[-1]
        kernel_shape = (*self.kernel_size, input_shape[-1], self.depth_multiplier)
        self.kernel = make_weight(self, "depthwise", kernel_shape, "kernel")
        self.make_bias(channels)

    def call(self, x, training=False):
        return self.activation(self.convolve_channels(x, self.kernel, self.bias))

    def compute_output_shape(self, input_shape):
        return self.sliding_shape(input_shape, input_shape[-1] * self.depth_multiplier)


class SeparableConv2D(ImageConvolution):
    """A depthwise convolution, and one of a single pixel that mixes the channels.

    Input of shape (N, H, W, C), output of shape (N, OH, OW, filters). Other arguments: see
    ``ImageConvolution``.

    Parameters
    ----------
    filters : int
        Number of output channels.
    depth_multiplier : int
        Number of channels M between the two convolutions for each input channel.
    depthwise_initializer, pointwise_initializer, bias_initializer : str or callable
    depthwise_regularizer, pointwise_regularizer, bias_regularizer : str or callable, optional
    depthwise_constraint, pointwise_constraint, bias_constraint : str or callable, optional

    Attributes
    ----------
    depthwise_kernel : Parameter of shape (KH, KW, C, M)
    pointwise_kernel : Parameter of shape (1, 1, C · M, filters)
    bias : Parameter of shape (filters,), or None
    """

    def __init__(
        self, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None,
        dilation_rate=(1, 1), depth_multiplier=1, activation=None, use_bias=True,
        depthwise_initializer="glorot_uniform", pointwise_initializer="glorot_uniform",
        bias_initializer="zeros", depthwise_regularizer=None, pointwise_regularizer=None,
        bias_regularizer=None, activity_regularizer=None, depthwise_constraint=None,
        pointwise_constraint=None, bias_constraint=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.filters = self._check_int("filters", filters)
        self.depth_multiplier = self._check_int("depth_multiplier", depth_multiplier)
        depthwise = depthwise_initializer, depthwise_regularizer, depthwise_constraint
        pointwise = pointwise_initializer, pointwise_regularizer, pointwise_constraint
        keep_options(self, "depthwise", *depthwise)
        keep_options(self, "pointwise", *pointwise)
        keep_options(self, "bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)  # raises if the image is smaller than the window
        channels, multiplier = input_shape[-1], self.depth_multiplier
        depthwise_shape = (*self.kernel_size, channels, multiplier)
        pointwise_shape = (*[1] * len(self.kernel_size), channels * multiplier, self.filters)
        self.depthwise_kernel = make_weight(self, "depthwise", depthwise_shape, "depthwise_kernel")
        self.pointwise_kernel = make_weight(self, "pointwise", pointwise_shape, "pointwise_kernel")
        self.make_bias(self.filters)

    def call(self, x, training=False):
        y = self.convolve_channels(x, self.depthwise_kernel)
        return self.activation(self.mix_channels(y, self.pointwise_kernel, self.bias))

    mix_channels = staticmethod(ops.conv2d)

    def compute_output_shape(self, input_shape):
        return self.sliding_shape(input_shape, self.filters)


class Conv2DTranspose(ImageConvolution):
    """The transposed convolution, which enlarges images: (N, H, W, C) -> (N, OH, OW, filters).

    Around each pixel it puts the kernel, weighted by the pixel's channels; where they overlap they
    are added. With stride s and kernel size k, "same" gives OH = H · s, and "valid" gives
    OH = (H − 1) · s + max(k, s). Other arguments: see ``ImageConvolution``.

    Parameters
    ----------
    filters : int
        Number of output channels.
    output_padding : int or (int, int), optional
        Less than the strides. OH is then (H − 1) · s + k + output_padding, and with "same"
        2 · (k // 2) less.
    kernel_initializer, bias_initializer : str or callable
    kernel_regularizer, bias_regularizer : str or callable, optional
    kernel_constraint, bias_constraint : str or callable, optional

    Attributes
    ----------
    kernel : Parameter of shape (KH, KW, filters, C)
    bias : Parameter of shape (filters,), or None
    """

    def __init__(
        self, filters, kernel_size, strides=(1, 1), padding="valid", output_padding=None,
        data_format=None, dilation_rate=(1, 1), activation=None, use_bias=True,
        kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None,
        bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        bias_constraint=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.filters = self._check_int("filters", filters)
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = self.check_sizes(self._title, "output_padding", output_padding, 0)
            if any(p >= s for p, s in zip(self.output_padding, self.strides, strict=True)):
                raise self._error(f"output_padding below the strides {strides}", output_padding)
        keep_options(self, "kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        keep_options(self, "bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        kernel_shape = (*self.kernel_size, self.filters, input_shape[-1])
        self.kernel = make_weight(self, "kernel", kernel_shape)
        self.make_bias(self.filters)

    def call(self, x, training=False):
        y = self.transpose(x, self.kernel)
        return self.activation(y if self.bias is None else y + self.bias)

    def transpose(self, x, kernel):
        """The transposed convolution, without bias."""
        options = self.strides, self.padding, self.output_padding, self.dilation_rate
        return conv2d_transpose(x, kernel, *options)

    def compute_output_shape(self, input_shape):
        self._check_input(input_shape)
        extra = self.output_padding or (None, None)
        output = []
        for i, size in enumerate(input_shape[1:-1]):
            window, stride, dilation = self.kernel_size[i], self.strides[i], self.dilation_rate[i]
            if size is not None:
                size, _ = transposed_size(size, window, stride, self.padding, extra[i], dilation)
            output.append(size)
        return (input_shape[0], *output, self.filters)


class OnSequences:
    """What makes a convolution of images one of sequences (N, T, C): images of height 1."""

    rank = 3
    check_sizes = staticmethod(check_single)

    def convolve(self, x, kernel, bias, groups):
        strides, dilation = (1, *self.strides), (1, *self.dilation_rate)
        kernel = ops.expand_dims(kernel, 0)  # (K, 1, F) -> (1, K, 1, F)
        return on_images(ops.conv2d, x, kernel, bias, strides, self.padding, dilation, groups)

    def sliding_shape(self, input_shape, channels):
        self._check_input(input_shape)
        N, T, _ = input_shape
        options = self.kernel_size, self.padding, self.dilation_rate
        return (N, slid_length(self, T, *options), channels)


class DepthwiseConv1D(OnSequences, DepthwiseConv2D):
    """Convolution of each channel alone: (N, T, C) -> (N, OT, C · depth_multiplier).

    Arguments: see ``DepthwiseConv2D``; sizes are one int. ``kernel`` is (K, C, M).
    """

    def __init__(
        self, kernel_size, strides=1, padding="valid", depth_multiplier=1, data_format=None,
        dilation_rate=1, **kwargs,
    ):  # fmt: skip
        options = strides, padding, depth_multiplier, data_format, dilation_rate
        super().__init__(kernel_size, *options, **kwargs)


class SeparableConv1D(OnSequences, SeparableConv2D):
    """A depthwise convolution, and one of a single step that mixes the channels.

    Input of shape (N, T, C), output of shape (N, OT, filters). Arguments: see ``SeparableConv2D``;
    sizes are one int. The kernels are (K, C, M) and (1, C · M, filters).
    """

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", data_format=None,
        dilation_rate=1, **kwargs,
    ):  # fmt: skip
        options = strides, padding, data_format, dilation_rate
        super().__init__(filters, kernel_size, *options, **kwargs)

    @staticmethod
    def mix_channels(x, kernel, bias):
        return ops.dense(x, ops.squeeze(kernel, 0), bias)


class Conv1DTranspose(OnSequences, Conv2DTranspose):
    """The transposed convolution, which lengthens sequences: (N, T, C) -> (N, OT, filters).

    Arguments: see ``Conv2DTranspose``; sizes are one int. ``kernel`` is (K, filters, C).
    """

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", output_padding=None,
        data_format=None, dilation_rate=1, **kwargs,
    ):  # fmt: skip
        options = strides, padding, output_padding, data_format, dilation_rate
        super().__init__(filters, kernel_size, *options, **kwargs)

    def transpose(self, x, kernel):
        extra = None if self.output_padding is None else (0, *self.output_padding)
        options = (1, *self.strides), self.padding, extra, (1, *self.dilation_rate)
        return on_images(conv2d_transpose, x, ops.expand_dims(kernel, 0), *options)
