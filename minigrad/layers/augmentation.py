"""Random changes of training images (N, H, W, C): more pictures from the same ones."""

import functools

import numpy as np

from minigrad import ops, samples
from minigrad.layers.noise import RandomLayer
from minigrad.layers.shaping import ImageLayer
from minigrad.utils.images import cut_to_aspect, resize

FILL_MODES = ("reflect", "constant", "wrap", "nearest")


class RandomImageLayer(ImageLayer, RandomLayer):
    """A layer that changes each image of a batch at random, in training only.

    Parameters
    ----------
    seed : int, optional
    data_format : {"channels_last"}, optional
    **kwargs
        As for ``Layer``.
    """

    def __init__(self, seed=None, data_format=None, **kwargs):
        super().__init__(seed, **kwargs)
        self._check_data_format(data_format)

    def check_range(self, argument, factor, low=-1.0):
        """Return (low, high) from such a pair, or from one number: (−factor, factor)."""
        pair = factor if isinstance(factor, (tuple, list)) else (-abs(factor), abs(factor))
        if len(pair) != 2 or not all(low <= value <= 1 for value in pair):
            raise self._error(f"{argument} to be one or two numbers from {low} to 1", factor)
        return tuple(sorted(pair))

    def draw_uniform(self, limits, x):
        """A number between the limits for each image: (N, 1, 1)."""
        draw = functools.partial(self.generator.uniform, *limits)
        return samples.draw(draw, x, (None, 1, 1))


class RandomFlip(RandomImageLayer):
    """Mirror half of the images, chosen anew each time.

    Parameters
    ----------
    mode : {"horizontal", "vertical", "horizontal_and_vertical"}
        "horizontal" exchanges left and right. With both, each is drawn for itself.
    seed : int, optional
    """

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        if mode not in ("horizontal", "vertical", "horizontal_and_vertical"):
            expected = "mode 'horizontal', 'vertical' or 'horizontal_and_vertical'"
            raise self._error(expected, mode)
        self.mode = mode

    def change(self, x):
        for direction, mirrored in (
            ("vertical", np.s_[:, ::-1]),
            ("horizontal", np.s_[:, :, ::-1]),
        ):
            if direction in self.mode:
                chosen = samples.draw(self.generator.random, x, (None, 1, 1, 1)) < 0.5
                x = ops.where(chosen, x[mirrored], x)
        return x


class RandomContrast(RandomImageLayer):
    """Move the values of each channel away from their mean over the image, or towards it.

    ``clip((x − mean) · c + mean, *value_range)``, with c from 1 − low to 1 + high.

    Parameters
    ----------
    factor : float or (float, float)
        low and high, from 0 to 1.
    value_range : (float, float)
        The smallest and the largest value of an image.
    seed : int, optional
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        both = factor if isinstance(factor, (tuple, list)) else (factor, factor)
        self.check_range("factor", both, 0.0)
        self.factor = factor
        self.value_range = tuple(value_range)
        self._limits = (1 - both[0], 1 + both[1])

    def change(self, x):
        contrast = self.draw_uniform(self._limits, x)[..., None].astype(x.dtype)  # (N, 1, 1, 1)
        mean = ops.mean(x, (1, 2), keepdims=True)
        return ops.clip((x - mean) * contrast + mean, *self.value_range)


class RandomBrightness(RandomImageLayer):
    """Add a number to each image: ``clip(x + b · (high − low), low, high)``.

    Parameters
    ----------
    factor : float or (float, float)
        The smallest and the largest b, from −1 to 1; 0.1 is (−0.1, 0.1).
    value_range : (float, float)
        low and high, the smallest and the largest value of an image.
    seed : int, optional
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.factor = self.check_range("factor", factor)
        self.value_range = tuple(sorted(value_range))

    def change(self, x):
        low, high = self.value_range
        shift = (high - low) * self.draw_uniform(self.factor, x)[..., None]  # (N, 1, 1, 1)
        return ops.clip(x + shift.astype(x.dtype), low, high)


class RandomCrop(RandomImageLayer):
    """In training, a part of the images at random: (N, H, W, C) -> (N, height, width, C).

    In inference, and where images are too small, the largest middle part of these proportions is
    resized.

    Parameters
    ----------
    height, width : int
    seed : int, optional
    data_format : {"channels_last"}, optional
    **kwargs
        As for ``Layer``.
    """

    def __init__(self, height, width, seed=None, data_format=None, name=None, **kwargs):
        super().__init__(seed, data_format, name=name, **kwargs)
        self.height = self._check_int("height", height)
        self.width = self._check_int("width", width)

    def call(self, x, training=False):
        down, right = x.shape[1] - self.height, x.shape[2] - self.width
        if not training or down < 0 or right < 0:
            size = self.height, self.width
            return resize(cut_to_aspect(x, size), size)
        top, left = self.generator.integers((down + 1, right + 1)).tolist()
        return x[:, top : top + self.height, left : left + self.width]

    def compute_output_shape(self, input_shape):
        self._check_input(input_shape)
        return (input_shape[0], self.height, self.width, input_shape[3])


class RandomTransform(RandomImageLayer):
    """Rotation, translation and zoom: each output pixel is taken from another place.

    Parameters
    ----------
    fill_mode : {"reflect", "constant", "wrap", "nearest"}
        What is beyond the border: the mirrored image, ``fill_value``, the image again, or its
        last pixels.
    interpolation : {"bilinear", "nearest"}
        What is between pixels: a mean of the four around, or the nearest.
    seed : int, optional
    fill_value : float
    data_format : {"channels_last"}, optional
    **kwargs
        As for ``Layer``.
    """

    def __init__(
        self, fill_mode="reflect", interpolation="bilinear", seed=None, fill_value=0.0,
        data_format=None, **kwargs,
    ):  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        if fill_mode not in FILL_MODES:
            raise self._error(f"a fill_mode of {FILL_MODES}", fill_mode)
        if interpolation not in ("bilinear", "nearest"):
            raise self._error("interpolation 'bilinear' or 'nearest'", interpolation)
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = fill_value

    def change(self, x):
        _, H, W, _ = x.shape
        # Rows (1, H, 1) and columns (1, 1, W), from the image's center.
        i = np.arange(H)[None, :, None] - (H - 1) / 2
        j = np.arange(W)[None, None, :] - (W - 1) / 2
        rows, columns = self.places(x, i, j)
        return self.look_up(x, rows + (H - 1) / 2, columns + (W - 1) / 2)

    def places(self, x, i, j):
        """Where in ``x`` the pixels (i, j) come from: rows and columns that broadcast."""
        raise NotImplementedError(f"{type(self).__name__}: places(self, x, i, j) is missing")

    def look_up(self, x, rows, columns):
        """The image at places between pixels: a sum over the pixels around, with weights."""
        total = 0.0
        for row, share in self._neighbors(rows):
            for column, other_share in self._neighbors(columns):
                weight = (share * other_share)[..., None].astype(x.dtype)  # (N, H, W, 1)
                total = total + self._pixels(x, row, column) * weight
        return total

    def _neighbors(self, places):
        """Pairs of a pixel's number and its share, along one axis."""
        if self.interpolation == "nearest":
            return [(np.trunc(places + np.copysign(0.5, places)).astype(int), np.ones(1))]
        before = np.floor(places)
        share = places - before
        return [(before.astype(int), 1 - share), (before.astype(int) + 1, share)]

    def _pixels(self, x, row, column):
        """``x[:, row, column]``, as fill_mode says beyond the border: (N, H, W, C)."""
        _, H, W, _ = x.shape
        images = samples.numbers(x)[:, None, None]
        y = x[images, self._fold(row, H), self._fold(column, W)]
        if self.fill_mode != "constant":
            return y
        inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
        return ops.where(inside[..., None], y, np.asarray(self.fill_value, x.dtype))

    def _fold(self, index, size):
        """Numbers of pixels within the image for those beyond the border."""
        if self.fill_mode == "wrap":
            return index % size
        if self.fill_mode == "reflect":  # ... b a | a b c | c b ...
            index = index % (2 * size)
            return np.minimum(index, 2 * size - 1 - index)
        return np.clip(index, 0, size - 1)


class RandomRotation(RandomTransform):
    """Rotate each image about its center. Other arguments: see ``RandomTransform``.

    Parameters
    ----------
    factor : float or (float, float)
        The smallest and the largest angle, in whole turns counterclockwise; 0.1 is (−0.1, 0.1).
    """

    def __init__(self, factor, fill_mode="reflect", interpolation="bilinear", seed=None, **kwargs):
        super().__init__(fill_mode, interpolation, seed, **kwargs)
        self.factor = self.check_range("factor", factor)

    def places(self, x, i, j):
        angle = 2 * np.pi * self.draw_uniform(self.factor, x)
        sine, cosine = np.sin(angle), np.cos(angle)
        return sine * j + cosine * i, cosine * j - sine * i


class RandomTranslation(RandomTransform):
    """Move each image. Other arguments: see ``RandomTransform``.

    Parameters
    ----------
    height_factor, width_factor : float or (float, float)
        The smallest and the largest shift down and to the right, in heights and widths of the
        image; 0.1 is (−0.1, 0.1).
    """

    def __init__(
        self, height_factor, width_factor, fill_mode="reflect", interpolation="bilinear",
        seed=None, **kwargs,
    ):  # fmt: skip
        super().__init__(fill_mode, interpolation, seed, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        self._down = self.check_range("height_factor", height_factor)
        self._right = self.check_range("width_factor", width_factor)

    def places(self, x, i, j):
        rows = i - self.draw_uniform(self._down, x) * x.shape[1]
        return rows, j - self.draw_uniform(self._right, x) * x.shape[2]


class RandomZoom(RandomTransform):
    """Make each image's content smaller or larger. Other arguments: see ``RandomTransform``.

    Parameters
    ----------
    height_factor : float or (float, float)
        The smallest and the largest z; the output shows 1 + z heights of the image, so that
        z < 0 zooms in. 0.1 is (−0.1, 0.1).
    width_factor : float or (float, float), optional
        The same for the width. Default: as drawn for the height, which keeps the proportions.
    """

    def __init__(
        self, height_factor, width_factor=None, fill_mode="reflect", interpolation="bilinear",
        seed=None, **kwargs,
    ):  # fmt: skip
        super().__init__(fill_mode, interpolation, seed, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        self._height = self.check_range("height_factor", height_factor)
        self._width = None
        if width_factor is not None:
            self._width = self.check_range("width_factor", width_factor)

    def places(self, x, i, j):
        height = width = 1 + self.draw_uniform(self._height, x)
        if self._width is not None:
            width = 1 + self.draw_uniform(self._width, x)
        return height * i, width * j
