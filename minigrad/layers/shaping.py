"""Layers that repeat, reorder, pad, cut and enlarge; they have no weights."""

import numpy as np

from minigrad import ops
from minigrad.layers.base import Layer
from minigrad.ops.conv import pair


class Permute(Layer):
    """The axes of each sample in another order: ``dims`` counts them from 1.

    ``Permute((2, 1))`` swaps the axes of (N, T, C).
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = self._check_sizes("dims", dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise self._error("dims to have each number from 1 on once", dims)
        self.rank = len(self.dims) + 1

    def call(self, x, training=False):
        return ops.transpose(x, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        self._check_input(input_shape)
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))


class RepeatVector(Layer):
    """Each sample ``n`` times: (N, C) -> (N, n, C)."""

    rank = 2

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n = self._check_int("n", n)

    def call(self, x, training=False):
        return ops.broadcast_to(ops.expand_dims(x, 1), self.compute_output_shape(x.shape))

    def compute_output_shape(self, input_shape):
        self._check_input(input_shape)
        return (input_shape[0], self.n, input_shape[1])


def check_borders(title, argument, value):
    """Return ((top, bottom), (left, right)) from one int, two, or four in two pairs."""
    both = value if isinstance(value, (tuple, list)) and len(value) == 2 else (value, value)
    return tuple(pair(title, argument, one, 0) for one in both)


class Bordered(Layer):
    """Padding and cropping: what changes the axes from 1 on by ``borders``, a pair for each."""

    sign = 1  # of the borders in the output's size

    def compute_output_shape(self, input_shape):
        self._check_input(input_shape)
        N, *sizes, C = input_shape
        output = [
            None if size is None else size + self.sign * sum(border)
            for size, border in zip(sizes, self.borders, strict=True)
        ]
        if any(size is not None and size < 1 for size in output):
            raise self._error("an input from which something is left", input_shape)
        return (N, *output, C)


class Padding(Bordered):
    """Surround each sample with zeros."""

    def call(self, x, training=False):
        return ops.pad(x, ((0, 0), *self.borders, (0, 0)))


class Cropping(Bordered):
    """Cut off the borders of each sample."""

    sign = -1

    def call(self, x, training=False):
        _, *sizes, _ = self.compute_output_shape(x.shape)
        inside = [
            slice(before, before + size)
            for (before, _), size in zip(self.borders, sizes, strict=True)
        ]
        return x[(slice(None), *inside)]


class ZeroPadding1D(Padding):
    """Zeros at both ends of sequences (N, T, C): ``padding`` is an int or (before, after)."""

    rank = 3

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.padding = pair(self._title, "padding", padding, 0)
        self.borders = (self.padding,)


class ZeroPadding2D(Padding):
    """Zeros around images (N, H, W, C).

    ``padding`` is an int, (vertical, horizontal) or ((top, bottom), (left, right)).
    """

    rank = 4

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.padding = self.borders = check_borders(self._title, "padding", padding)


class Cropping1D(Cropping):
    """Cut both ends of sequences (N, T, C): ``cropping`` is an int or (before, after)."""

    rank = 3

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(**kwargs)
        self.cropping = pair(self._title, "cropping", cropping, 0)
        self.borders = (self.cropping,)


class Cropping2D(Cropping):
    """Cut the borders of images (N, H, W, C).

    ``cropping`` is an int, (vertical, horizontal) or ((top, bottom), (left, right)).
    """

    rank = 4

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.cropping = self.borders = check_borders(self._title, "cropping", cropping)


class CenterCrop(Layer):
    """The middle of images: (N, H, W, C) -> (N, height, width, C), which is not larger."""

    rank = 4

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.height = self._check_int("height", height)
        self.width = self._check_int("width", width)

    def call(self, x, training=False):
        self.compute_output_shape(x.shape)
        top, left = (x.shape[1] - self.height) // 2, (x.shape[2] - self.width) // 2
        return x[:, top : top + self.height, left : left + self.width]

    def compute_output_shape(self, input_shape):
        self._check_input(input_shape)
        N, H, W, C = input_shape
        if (H is not None and self.height > H) or (W is not None and self.width > W):
            raise self._error(f"images of at least {self.height} × {self.width}", input_shape)
        return (N, self.height, self.width, C)


class UpSampling(Layer):
    """What enlarges the axes from 1 on; ``self._factors`` has a number for each."""

    interpolation = "nearest"

    def call(self, x, training=False):
        enlarge = repeat_each if self.interpolation == "nearest" else interpolate
        for axis, times in enumerate(self._factors, 1):
            x = enlarge(x, axis, times)
        return x

    def compute_output_shape(self, input_shape):
        self._check_input(input_shape)
        N, *sizes, C = input_shape
        larger = [None if n is None else n * k for n, k in zip(sizes, self._factors, strict=True)]
        return (N, *larger, C)


class UpSampling1D(UpSampling):
    """Each step of sequences ``size`` times: (N, T, C) -> (N, T · size, C)."""

    rank = 3

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = self._check_int("size", size)
        self._factors = (self.size,)


class UpSampling2D(UpSampling):
    """Enlarge images: (N, H, W, C) -> (N, H · size[0], W · size[1], C).

    Parameters
    ----------
    size : int or (int, int)
    data_format : {"channels_last"}, optional
    interpolation : {"nearest", "bilinear"}
        Whether to repeat pixels, or to draw straight lines between their centers.
    **kwargs
        As for ``Layer``.
    """

    rank = 4

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.size = self._factors = pair(self._title, "size", size)
        if interpolation not in ("nearest", "bilinear"):
            raise self._error("interpolation 'nearest' or 'bilinear'", interpolation)
        self.interpolation = interpolation


def repeat_each(x, axis, times):
    """Each element along ``axis`` that many times in a row."""
    before, size, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    wide = ops.broadcast_to(ops.expand_dims(x, axis + 1), (*before, size, times, *after))
    return ops.reshape(wide, (*before, size * times, *after))


def interpolate(x, axis, times):
    """As many elements along ``axis`` of ``x`` (N, H, W, C), on straight lines between centers."""
    size = x.shape[axis]
    places = np.clip((np.arange(size * times) + 0.5) / times - 0.5, 0, size - 1)
    # Row i has the weight of element i at each place: 1 there, falling to 0 at its neighbors.
    weights = np.maximum(1 - np.abs(places - np.arange(size)[:, None]), 0)
    swapped = [0, 1, 2, 3]
    swapped[axis], swapped[3] = 3, axis
    y = ops.dense(ops.transpose(x, swapped), weights.astype(x.dtype))
    return ops.transpose(y, swapped)
