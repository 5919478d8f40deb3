"""Layers that repeat, reorder, pad, cut and resize; they have no weights."""

import numpy as np

from minigrad import ops
from minigrad.layers.base import Layer
from minigrad.ops.conv import pair
from minigrad.symbolic import is_symbolic
from minigrad.utils.images import INTERPOLATIONS, cut_to_aspect, pad_to_aspect, resize


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


class ImageLayer(Layer):
    """A layer of images (N, H, W, C) that also takes one (H, W, C), or a list of one size."""

    rank = 4

    def __call__(self, x, *others, **options):
        if is_symbolic(x):
            return super().__call__(x, *others, **options)
        if isinstance(x, (list, tuple)):
            shapes = [np.shape(image) for image in x]
            if len(set(shapes)) != 1:
                raise self._error("a list of images of one size", shapes)
            x = ops.stack(x)
        if np.ndim(x) == 3:
            return super().__call__(ops.expand_dims(x, 0), *others, **options)[0]
        return super().__call__(x, *others, **options)


class CenterCrop(ImageLayer):
    """The middle of images: (N, H, W, C) -> (N, height, width, C), which is not larger."""

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
        if self.interpolation != "nearest":
            return resize(x, self.compute_output_shape(x.shape)[1:3], self.interpolation)
        for axis, times in enumerate(self._factors, 1):
            x = repeat_each(x, axis, times)
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
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"}
        Whether to repeat pixels, or to draw straight lines or smooth curves between their centers.
    **kwargs
        As for ``Layer``.
    """

    rank = 4

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.size = self._factors = pair(self._title, "size", size)
        self.interpolation = check_interpolation(self, interpolation)


class Resizing(ImageLayer):
    """Images of another size: (N, H, W, C) -> (N, height, width, C).

    Parameters
    ----------
    height, width : int
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}
        What is between pixels.
    crop_to_aspect_ratio, pad_to_aspect_ratio : bool
        Whether to keep the proportions, and to cut off or add what does not fit.
    fill_mode : {"constant"}
    fill_value : float
        What is added.
    antialias : bool
        Whether to take more pixels into account where images become smaller.
    data_format : {"channels_last"}, optional
    **kwargs
        As for ``Layer``.
    """

    def __init__(
        self, height, width, interpolation="bilinear", crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False, fill_mode="constant", fill_value=0.0, antialias=False,
        data_format=None, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.height = self._check_int("height", height)
        self.width = self._check_int("width", width)
        self.interpolation = check_interpolation(self, interpolation)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise self._error("crop_to_aspect_ratio or pad_to_aspect_ratio", "both")
        if fill_mode != "constant":
            raise self._error("fill_mode 'constant'", fill_mode)
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = antialias

    def call(self, x, training=False):
        size = self.height, self.width
        if self.crop_to_aspect_ratio:
            x = cut_to_aspect(x, size)
        elif self.pad_to_aspect_ratio:
            x = pad_to_aspect(x, size, self.fill_value)
        return resize(x, size, self.interpolation, self.antialias)

    def compute_output_shape(self, input_shape):
        self._check_input(input_shape)
        return (input_shape[0], self.height, self.width, input_shape[3])


def check_interpolation(layer, interpolation):
    """Return it, if it is one."""
    if interpolation not in INTERPOLATIONS:
        raise layer._error(f"interpolation one of {INTERPOLATIONS}", interpolation)
    return interpolation


def repeat_each(x, axis, times):
    """Each element along ``axis`` that many times in a row."""
    before, size, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    wide = ops.broadcast_to(ops.expand_dims(x, axis + 1), (*before, size, times, *after))
    return ops.reshape(wide, (*before, size * times, *after))
