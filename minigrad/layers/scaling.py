"""Scaling: by fixed numbers, by those of a data set, or by those of each sample."""

import math

import numpy as np

from minigrad import ops
from minigrad.core import Tensor
from minigrad.layers.base import ElementwiseLayer
from minigrad.layers.options import keep_options, make_weight
from minigrad.ops.reduce import Standardize
from minigrad.utils.pipelines import batches_of


class AxisLayer(ElementwiseLayer):
    """A layer with an argument ``axis``: one axis or several, which are not that of the batch."""

    def _keep_axis(self, axis):
        axes = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
        if not axes or not all(isinstance(a, (int, np.integer)) and a != 0 for a in axes):
            raise self._error("axis to be one or more ints other than 0, the batch's", axis)
        self.axis = axis
        self._axes = axes
        self.min_rank = max(a + 1 if a > 0 else 1 - a for a in axes)

    def _positions(self, rank):
        """The axes as positions from 1 on, in order."""
        return sorted({axis % rank for axis in self._axes})


class Rescaling(ElementwiseLayer):
    """``x · scale + offset``, two numbers or arrays that broadcast; lists of images are stacked."""

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset

    def call(self, x, training=False):
        if isinstance(x, (list, tuple)):
            x = ops.stack(x)
        return x * np.asarray(self.scale, x.dtype) + np.asarray(self.offset, x.dtype)


class Normalization(AxisLayer):
    """``(x − mean) / sqrt(variance)``, with the mean and variance of a data set.

    ``adapt(data)`` computes the two; until then they are 0 and 1. They are weights, but training
    does not change them. A variance below 1e-14 counts as 1e-14.

    Parameters
    ----------
    axis : int, tuple of int or None
        There is a mean and a variance for each position along these axes; with None, one.
    mean, variance : array_like, optional
        Both or none: the numbers themselves, which need no ``adapt``. There are then no weights.
    invert : bool
        Whether to compute ``x · sqrt(variance) + mean`` instead.
    **kwargs
        As for ``Layer``.

    Attributes
    ----------
    input_mean, input_variance : the arguments mean and variance
    """

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        super().__init__(**kwargs)
        self.axis, self._axes = None, ()
        if axis not in (None, [], ()):
            self._keep_axis(axis)
        self.fixed_axes = self._axes
        if (mean is None) != (variance is None):
            raise self._error("both mean and variance, or none", (mean, variance))
        self.input_mean = self._mean = mean  # under its own name for the config
        self.input_variance = self._variance = variance
        self.invert = invert

    def build(self, input_shape):
        rank = len(input_shape)
        kept = self._positions(rank)
        self._kept_shape = shape = tuple(input_shape[axis] for axis in kept)
        self._broadcast_shape = [input_shape[axis] if axis in kept else 1 for axis in range(rank)]
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(shape, "zeros", name="mean", trainable=False)
            self.adapt_variance = self.add_weight(shape, "ones", name="variance", trainable=False)
            self.add_weight((), "zeros", name="count", trainable=False)  # Keras's files have it

    @property
    def mean(self):
        """The mean, as a Tensor that broadcasts over the input; None before ``build``."""
        return self._spread(self.input_mean, "adapt_mean")

    @property
    def variance(self):
        """The variance, as a Tensor that broadcasts over the input; None before ``build``."""
        return self._spread(self.input_variance, "adapt_variance")

    def _spread(self, given, weight):
        if not self.built:
            return None
        values = getattr(self, weight) if given is None else given
        kept = np.broadcast_to(np.asarray(values, self.dtype), self._kept_shape)
        return Tensor(kept.reshape(self._broadcast_shape))

    def adapt(self, data, batch_size=None, steps=None):
        """Take mean and variance from ``data``, an array of samples (N, ...); forget old ones.

        Parameters
        ----------
        data : array_like, or an iterable of such batches
        batch_size : None
            Without effect.
        steps : int, optional
            How many batches.
        """
        if self.input_mean is not None:
            raise self._error("no mean and variance where adapt computes them", self.input_mean)
        data = np.concatenate([np.asarray(batch) for batch in batches_of(data, steps)] or [()])
        if len(data) == 0:
            raise self._error("data of at least one sample", data.shape)
        self.fit_shape(data.shape)
        others = tuple(set(range(data.ndim)) - set(self._positions(data.ndim)))
        self.adapt_mean.assign(data.mean(axis=others, dtype=np.float64))
        self.adapt_variance.assign(data.var(axis=others, dtype=np.float64))

    def call(self, x, training=False):
        deviation = np.maximum(np.sqrt(self.variance.data), 1e-7).astype(x.dtype)
        mean = self.mean.data.astype(x.dtype)
        return x * deviation + mean if self.invert else (x - mean) / deviation


class GammaBetaLayer(AxisLayer):
    """``normalized x · gamma + beta``: what LayerNormalization and GroupNormalization share.

    Parameters
    ----------
    axis : int or list of int
    epsilon : float
        Positive; added to the variance.
    center, scale : bool
        Whether there is a beta, a gamma.
    beta_initializer, gamma_initializer : str or callable
    beta_regularizer, gamma_regularizer : str or callable, optional
    beta_constraint, gamma_constraint : str or callable, optional
    **kwargs
        As for ``Layer``.

    Attributes
    ----------
    gamma, beta : Parameter of the sizes along ``axis``, or None
    """

    def __init__(
        self, axis=-1, epsilon=1e-3, center=True, scale=True, beta_initializer="zeros",
        gamma_initializer="ones", beta_regularizer=None, gamma_regularizer=None,
        beta_constraint=None, gamma_constraint=None, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self._keep_axis(axis)
        self.fixed_axes = self._axes
        if not epsilon > 0:
            raise self._error("epsilon > 0", epsilon)
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale
        keep_options(self, "beta", beta_initializer, beta_regularizer, beta_constraint)
        keep_options(self, "gamma", gamma_initializer, gamma_regularizer, gamma_constraint)

    def build(self, input_shape):
        shape = tuple(input_shape[axis] for axis in self._positions(len(input_shape)))
        self.gamma = make_weight(self, "gamma", shape) if self.scale else None
        self.beta = make_weight(self, "beta", shape) if self.center else None

    def normalize(self, x, axes):
        """Bring ``x`` to mean 0 and variance 1 over ``axes``."""
        return Standardize(axes, self.epsilon)(x)

    def scale_and_shift(self, y):
        """Apply gamma and beta along ``axis``."""
        kept = self._positions(y.ndim)
        shape = [size if i in kept else 1 for i, size in enumerate(y.shape)]
        if self.gamma is not None:
            y = y * ops.reshape(self.gamma, shape)
        return y if self.beta is None else y + ops.reshape(self.beta, shape)


class LayerNormalization(GammaBetaLayer):
    """Bring each sample, over ``axis``, to mean 0 and variance 1; then scale by γ, shift by β.

    ``y = γ (x − μ) / sqrt(σ² + epsilon) + β`` (Ba and others 2016, arXiv:1607.06450). Arguments:
    see ``GammaBetaLayer``.
    """

    def call(self, x, training=False):
        return self.scale_and_shift(self.normalize(x, tuple(self._positions(x.ndim))))


class GroupNormalization(GammaBetaLayer):
    """Bring each group of channels of each sample to mean 0 and variance 1; then γ and β.

    Mean and variance are over the group's channels and all axes but the batch's (Wu and He 2018,
    arXiv:1803.08494). Other arguments: see ``GammaBetaLayer``.

    Parameters
    ----------
    groups : int
        The channels are split into this many equal groups; -1 makes each channel one.
    axis : int
        The axis of the channels.
    """

    def __init__(self, groups=32, axis=-1, epsilon=1e-3, center=True, scale=True, **kwargs):
        super().__init__(axis, epsilon, center, scale, **kwargs)
        if len(self._axes) != 1:
            raise self._error("one axis", axis)
        self.groups = groups if groups == -1 else self._check_int("groups", groups)

    def build(self, input_shape):
        channels = input_shape[self._axes[0]]
        if self.groups != -1 and channels % self.groups:
            expected = f"channels to be a multiple of groups ({self.groups})"
            raise self._error(f"{expected}; see the argument groups", input_shape)
        super().build(input_shape)

    def call(self, x, training=False):
        (axis,) = self._positions(x.ndim)
        N, C, before = x.shape[0], x.shape[axis], math.prod(x.shape[1:axis])
        groups = C if self.groups == -1 else self.groups
        # (N, ..., C, ...) -> (N, before, groups, C / groups, after)
        split = (N, before, groups, C // groups, math.prod(x.shape[axis + 1 :]))
        y = self.normalize(ops.reshape(x, split), (1, 3, 4))
        return self.scale_and_shift(ops.reshape(y, x.shape))


class RMSNormalization(AxisLayer):
    """``scale · x / sqrt(mean(x²) + epsilon)``, the mean over ``axis``.

    Source: Zhang and Sennrich 2019, arXiv:1910.07467.

    Parameters
    ----------
    axis : int or tuple of int
    epsilon : float
    **kwargs
        As for ``Layer``.

    Attributes
    ----------
    scale : Parameter with a number for each position along these axes
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self._keep_axis(axis)
        self.fixed_axes = self._axes
        self.epsilon = epsilon

    def build(self, input_shape):
        kept = self._positions(len(input_shape))
        self.scale = self.add_weight([input_shape[i] for i in kept], "ones", name="scale")

    def call(self, x, training=False):
        axes = tuple(self._positions(x.ndim))
        y = x / ops.sqrt(ops.mean(x * x, axes, keepdims=True) + self.epsilon)
        sizes = [x.shape[i] if i in axes else 1 for i in range(x.ndim)]
        return y * ops.reshape(self.scale, sizes)


def to_unit_norm(x, axis):
    """``x`` divided by its Euclidean norm along ``axis``, by 1e-12 where the norm is smaller."""
    return x / ops.maximum(ops.norm(x, None, axis, keepdims=True), 1e-12)


class UnitNormalization(AxisLayer):
    """Divide by the Euclidean norm along ``axis``, one or several: vectors of length 1."""

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self._keep_axis(axis)

    def call(self, x, training=False):
        return to_unit_norm(x, self._axes)
