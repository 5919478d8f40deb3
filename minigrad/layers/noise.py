"""Noise in training: Gaussian, and dropout of whole channels. Inference returns the input."""

import numpy as np

from minigrad import random, samples
from minigrad.layers.base import ElementwiseLayer
from minigrad.layers.core import Dropout

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


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
        return samples.draw(self.generator.standard_normal, x).astype(x.dtype)


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


class AlphaDropout(RandomLayer):
    """Dropout for ``selu`` networks: what is dropped becomes −1.758, the least value of selu.

    Then ``a · x + b`` keeps the mean 0 and the variance 1 (Klambauer and others 2017,
    arXiv:1706.02515).

    Parameters
    ----------
    rate : float
        The probability of being dropped, from 0 to 1, without 1.
    noise_shape : tuple, optional
        As for ``Dropout``.
    seed : int, optional
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        if not 0 <= rate < 1:
            raise self._error("a rate from 0 to 1, without 1", rate)
        self.rate = float(rate)
        self.noise_shape = noise_shape
        if noise_shape is not None:
            self.noise_shape = self._check_sizes("noise_shape", noise_shape)
            self.rank = len(noise_shape)

    def change(self, x):
        least = -SELU_ALPHA * SELU_SCALE
        a = ((1 - self.rate) * (1 + self.rate * least**2)) ** -0.5
        b = -a * least * self.rate
        drawn = samples.draw(self.generator.random, x, self.noise_shape)
        kept = (drawn >= self.rate).astype(x.dtype)
        return (x * kept + least * (1 - kept)) * a + b


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
