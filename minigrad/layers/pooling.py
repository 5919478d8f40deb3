"""Pooling: each window of an image, or all of it, reduced to one number per channel."""

from minigrad import ops
from minigrad.layers import fusion
from minigrad.layers.base import Layer
from minigrad.layers.conv import check_padding, windowed_shape
from minigrad.ops.conv import pair


class Pooling2D(Layer):
    """What the pooling layers have in common: (N, H, W, C) -> (N, OH, OW, C).

    Parameters
    ----------
    pool_size : int or (int, int)
        Height and width of the window.
    strides : int or (int, int), optional
        Steps from window to window. Default: ``pool_size``, where windows do not overlap.
    padding : {"valid", "same"}
        "same" pads the image until OH = ceil(H / stride).
    data_format : {"channels_last"}, optional
    **kwargs
        As for ``Layer``.
    """

    rank = 4
    has_no_weights = True
    # each subclass names its `operation`, a function of ops

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.pool_size = pair(self._title, "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else pair(self._title, "strides", strides)
        self.padding = check_padding(self._title, padding)

    def call(self, x, training=False):
        return self.operation(x, self.pool_size, self.strides, self.padding)

    def compute_output_shape(self, input_shape):
        return windowed_shape(self, input_shape, self.pool_size, input_shape[-1])


class MaxPooling2D(Pooling2D):
    """The largest value of each window, padding excluded. Arguments: see ``Pooling2D``."""

    operation = staticmethod(ops.max_pool2d)

    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", **kwargs):
        super().__init__(pool_size, strides, padding, **kwargs)

    def call(self, x, training=False):
        y = fusion.pool(self, x)
        return super().call(x) if y is None else y


class AveragePooling2D(Pooling2D):
    """The mean of each window, padding excluded. Arguments: see ``Pooling2D``."""

    operation = staticmethod(ops.avg_pool2d)


class GlobalPooling2D(Layer):
    """What global pooling layers have in common: (N, H, W, C) -> (N, C).

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    keepdims : bool
        Whether the output keeps the axes H and W with size 1: (N, 1, 1, C).
    """

    rank = 4
    has_no_weights = True
    # each subclass names its `operation`, a function of ops

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.keepdims = keepdims

    def call(self, x, training=False):
        return self.operation(x, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape):
        self._check_input(input_shape)
        N, _, _, C = input_shape
        return (N, 1, 1, C) if self.keepdims else (N, C)


class GlobalAveragePooling2D(GlobalPooling2D):
    """The mean of each channel over the image. Arguments: see ``GlobalPooling2D``."""

    operation = staticmethod(ops.global_avg_pool2d)


class GlobalMaxPooling2D(GlobalPooling2D):
    """The largest value of each channel over the image. Arguments: see ``GlobalPooling2D``."""

    operation = staticmethod(ops.global_max_pool2d)
