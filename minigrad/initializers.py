"""Initial values of weights: `initializer(shape, dtype)` returns a NumPy array.

The random ones take `seed`. With a seed, every call gives the same array; without one, every call
gives new values from the default generator (`minigrad.random`). Values are drawn in float64 and
then rounded: float32 and float64 weights of one seed agree.
"""

import math

import numpy as np

from minigrad import random
from minigrad.utils.arguments import checked_number
from minigrad.utils.config import Configured, config_functions
from minigrad.utils.old_names import lookup
from minigrad.utils.registry import Registry

# The standard deviation of a standard normal variable that is cut off at -2 and 2.
TRUNCATED_STDDEV = 0.87962566103423978


class Initializer(Configured):
    """Base of the initializers: a subclass defines `__call__(shape, dtype)`."""

    told_methods = ("__call__",)

    def __call__(self, shape, dtype="float32"):
        """Return an array of `shape` and `dtype` ("float32" or "float64")."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype)")


class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape, dtype="float32"):
        return np.zeros(shape, dtype)


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape, dtype="float32"):
        return np.ones(shape, dtype)


class Constant(Initializer):
    """All equal to `value`.

    Parameters
    ----------
    value : float or array_like
    """

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype="float32"):
        return np.full(shape, self.value, dtype)


class Identity(Initializer):
    """A matrix of `gain` on the diagonal, else 0.

    Parameters
    ----------
    gain : float
    """

    def __init__(self, gain=1.0):
        self.gain = checked_number(self, "gain", gain, "(-inf, inf)")

    def __call__(self, shape, dtype="float32"):
        if len(shape) != 2:
            raise ValueError(f"Identity: expected a shape of 2 axes, got {shape}")
        return self.gain * np.eye(*shape, dtype=dtype)


class RandomInitializer(Initializer):
    """Base of the random initializers: a subclass defines `draw(generator, shape)`.

    Parameters
    ----------
    seed : int, optional
    """

    def __init__(self, seed=None):
        self.seed = None if seed is None else random.check_seed(type(self).__name__, seed)

    def __call__(self, shape, dtype="float32"):
        return self.draw(random.generator(self.seed), tuple(shape)).astype(dtype)

    def draw(self, generator, shape):
        """Return a float64 array of `shape`, drawn from the `numpy.random.Generator`."""
        raise NotImplementedError(f"{type(self).__name__} must define draw(generator, shape)")


class RandomNormal(RandomInitializer):
    """Normal distribution.

    Parameters
    ----------
    mean, stddev : float
    seed : int, optional
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean = checked_number(self, "mean", mean, "(-inf, inf)")
        self.stddev = checked_number(self, "stddev", stddev, "[0, inf)")

    def draw(self, generator, shape):
        return generator.normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """Normal distribution, where values beyond two standard deviations are drawn again.

    The values have a standard deviation of about 0.88 `stddev`.

    Parameters
    ----------
    mean, stddev : float
    seed : int, optional
    """

    def draw(self, generator, shape):
        return self.mean + self.stddev * random.draw_truncated(generator, shape)


class RandomUniform(RandomInitializer):
    """Uniform distribution between `minval` and `maxval`.

    Parameters
    ----------
    minval, maxval : float
    seed : int, optional
    """

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        super().__init__(seed)
        minval = checked_number(self, "minval", minval, "(-inf, inf)")
        maxval = checked_number(self, "maxval", maxval, "(-inf, inf)")
        if not minval <= maxval:
            raise ValueError(
                f"RandomUniform: expected minval <= maxval, got minval={minval}, maxval={maxval}"
            )
        self.minval = minval
        self.maxval = maxval

    def draw(self, generator, shape):
        return generator.uniform(self.minval, self.maxval, shape)


class VarianceScaling(RandomInitializer):
    """Zero mean and the variance s = scale / n, where n counts a unit's inputs or outputs.

    Parameters
    ----------
    scale : float
        Positive.
    mode : {"fan_in", "fan_out", "fan_avg"}
        Whether n is the number of inputs of a unit, of its outputs, or the mean of both.
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
        Uniform values lie between -sqrt(3 s) and sqrt(3 s).
    seed : int, optional
    input_axes, output_axes : list of int, optional
        The axes whose sizes multiply to a unit's inputs and outputs; by default `compute_fans`
        knows them for kernels of Dense and convolutions.
    """

    def __init__(
        self, scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None,
        input_axes=None, output_axes=None,
    ):  # fmt: skip
        super().__init__(seed)
        self.input_axes, self.output_axes = input_axes, output_axes
        self.scale = checked_number(self, "scale", scale, "(0, inf)")
        self.mode = _one_of(self, "mode", mode, ("fan_in", "fan_out", "fan_avg"))
        distributions = ("truncated_normal", "untruncated_normal", "uniform")
        self.distribution = _one_of(self, "distribution", distribution, distributions)

    def draw(self, generator, shape):
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(1, n))
        if self.distribution == "uniform":
            limit = math.sqrt(3) * stddev
            return generator.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return generator.normal(0, stddev, shape)
        return stddev / TRUNCATED_STDDEV * random.draw_truncated(generator, shape)


class GlorotUniform(VarianceScaling):
    """Uniform between the limits ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_avg", "uniform", seed, input_axes, output_axes)


class GlorotNormal(VarianceScaling):
    """Truncated normal of variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, input_axes, output_axes)


class HeUniform(VarianceScaling):
    """Uniform between the limits ±sqrt(6 / fan_in) (He et al., 2015, arXiv:1502.01852)."""

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(2.0, "fan_in", "uniform", seed, input_axes, output_axes)


class HeNormal(VarianceScaling):
    """Truncated normal of variance 2 / fan_in (He et al., 2015, arXiv:1502.01852)."""

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(2.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class LecunUniform(VarianceScaling):
    """Uniform between the limits ±sqrt(3 / fan_in) (LeCun et al., 1998, Efficient BackProp)."""

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_in", "uniform", seed, input_axes, output_axes)


class LecunNormal(VarianceScaling):
    """Truncated normal of variance 1 / fan_in (LeCun et al., 1998, Efficient BackProp)."""

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class Orthogonal(RandomInitializer):
    """Orthonormal columns (or rows, if these are fewer), times `gain` (Saxe et al., 2014).

    A shape of more than two axes is seen as the matrix (product of the others, last axis).

    Parameters
    ----------
    gain : float
    seed : int, optional
    """

    def __init__(self, gain=1.0, seed=None):
        super().__init__(seed)
        self.gain = checked_number(self, "gain", gain, "(-inf, inf)")

    def draw(self, generator, shape):
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: expected a shape of at least two axes, got {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        normal = generator.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(normal)
        q *= np.where(np.diag(r) < 0, -1, 1)  # else Q would not be uniform (Mezzadri, 2007)
        if rows < columns:
            q = q.T
        return self.gain * q.reshape(shape)


def compute_fans(shape, input_axes=None, output_axes=None):
    """Return (fan_in, fan_out), how many inputs and outputs a unit of such a kernel has.

    (n,) -> n, n; (inputs, outputs) as they are; a convolution kernel (KH, KW, C, F) has
    KH*KW*C inputs and KH*KW*F outputs. Other kernels need both lists of axes.
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(np.take(shape, input_axes)), math.prod(np.take(shape, output_axes))
    if len(shape) == 0:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    receptive_field = math.prod(shape[:-2])
    return receptive_field * shape[-2], receptive_field * shape[-1]


def _one_of(owner, argument, value, choices):
    if value not in choices:
        known = ", ".join(map(repr, choices))
        raise ValueError(
            f"{type(owner).__name__}: expected {argument} to be one of {known}, got {value!r}"
        )
    return value


INITIALIZERS = Registry("initializer", Initializer)

zeros = zero = INITIALIZERS.add(Zeros, "zero")
ones = one = INITIALIZERS.add(Ones, "one")
constant = INITIALIZERS.add(Constant)
random_normal = normal = INITIALIZERS.add(RandomNormal, "normal")
truncated_normal = INITIALIZERS.add(TruncatedNormal)
random_uniform = uniform = INITIALIZERS.add(RandomUniform, "uniform")
variance_scaling = INITIALIZERS.add(VarianceScaling)
glorot_uniform = INITIALIZERS.add(GlorotUniform)
glorot_normal = INITIALIZERS.add(GlorotNormal)
he_uniform = INITIALIZERS.add(HeUniform)
he_normal = INITIALIZERS.add(HeNormal)
lecun_uniform = INITIALIZERS.add(LecunUniform)
lecun_normal = INITIALIZERS.add(LecunNormal)
orthogonal = OrthogonalInitializer = INITIALIZERS.add(Orthogonal, "OrthogonalInitializer")
identity = IdentityInitializer = INITIALIZERS.add(Identity, "IdentityInitializer")


def get(identifier):
    """Return an initializer from its name ("he_normal"), class, or any callable(shape, dtype).

    An array or a Tensor stands for its values.
    """
    if hasattr(identifier, "__array__"):
        return Constant(np.array(identifier))
    return INITIALIZERS.get(identifier)


serialize, deserialize = config_functions(get)
__getattr__ = lookup(__name__)
