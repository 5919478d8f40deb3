"""Noise in training: Gaussian, and dropout of whole channels. Inference returns the input."""

import numpy as np

from minigrad import random
from minigrad.layers.base import ElementwiseLayer
from minigrad.layers.core import Dropout
from minigrad.utils.old_names import lookup


class RandomLayer(ElementwiseLayer):
    """A layer that changes its input at random in training, and not at all in inference.

    Parameters
    ----------
    seed : int, optional
        Default: drawn from minigrad's generator. A layer of the same seed draws the same numbers
        in its first call, its second, and so on.
    **kwargs
        As for ``Layer``.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = None if seed is None else random.check_seed(self.name, seed)
        self.generator = random.generator(self.seed)

    def call(self, x, training=False):
        return self.change(x) if training else x

    def change(self, x):
        """Return the changed input; ``self.generator`` has the random numbers."""
        raise NotImplementedError(f"{type(self).__name__}: change(self, x) is missing")

    def draw_normal(self, x):
        """Standard normal numbers in the shape of ``x``, the same for float32 and float64."""
        return self.generator.standard_normal(x.shape).astype(x.dtype)


class GaussianNoise(RandomLayer):
    """Add numbers from a normal distribution of mean 0.

    Parameters
    ----------
    stddev : float
        The standard deviation.
    seed : int, optional
    """

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        if not stddev >= 0:
            raise self._error("a stddev of at least 0", stddev)
        self.stddev = float(stddev)

    def change(self, x):
        return x + self.stddev * self.draw_normal(x)


class GaussianDropout(RandomLayer):
    """Multiply by numbers from a normal distribution of mean 1, as noisy as dropout.

    Source: Srivastava and others 2014, JMLR 15, section 10.

    Parameters
    ----------
    rate : float
        From 0 to 1, without 1; the standard deviation is ``sqrt(rate / (1 − rate))``.
    seed : int, optional
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        if not 0 <= rate < 1:
            raise self._error("a rate from 0 to 1, without 1", rate)
        self.rate = float(rate)

    def change(self, x):
        return x * (1 + np.sqrt(self.rate / (1 - self.rate)).item() * self.draw_normal(x))


class SpatialDropout1D(Dropout):
    """Dropout of whole channels of sequences (N, T, C). Arguments: see ``Dropout``."""

    unsaved = ("trainable",)  # Keras has none

    def __init__(self, rate, seed=None, name=None, dtype=None, trainable=True):
        common = {"name": name, "dtype": dtype, "trainable": trainable}
        super().__init__(rate, (None, 1, None), seed, **common)


class SpatialDropout2D(Dropout):
    """Dropout of whole channels of images (N, H, W, C). Arguments: see ``Dropout``."""

    unsaved = ("trainable",)

    def __init__(
        self, rate, data_format=None, seed=None, name=None, dtype=None, trainable=True
    ):  # fmt: skip
        common = {"name": name, "dtype": dtype, "trainable": trainable}
        super().__init__(rate, (None, 1, 1, None), seed, **common)
        self._check_data_format(data_format)


__getattr__ = lookup(__name__, "minigrad.layers")  # where Keras 2 had more
