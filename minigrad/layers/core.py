"""The layers that belong to no family: inputs, dense, activation, dropout, changes of shape."""

import contextlib
import math
import warnings
import weakref

import numpy as np

from minigrad import activations, config, random, samples
from minigrad.core import FLOAT_TYPES
from minigrad.layers import fusion
from minigrad.layers.base import ElementwiseLayer, KernelLayer, Layer
from minigrad.ops.nn import dense, dropout  # these need not look for Symbols, as ops.dense does
from minigrad.ops.shapes import reshape
from minigrad.symbolic import Call, Symbol
from minigrad.utils.arguments import checked_number, explain_arguments

# SplitMix64's increment (Steele and others 2014), 2**64 divided by the golden ratio: consecutive
# seeds give sequences of mask seeds without a common member.
MASK_SEED_STEP = 0x9E3779B97F4A7C15


def _float_type(dtype):
    """Return the type in which minigrad computes with inputs of this type."""
    with contextlib.suppress(TypeError):  # no type of NumPy's
        found = np.dtype(dtype or config.floatx())
        if found in FLOAT_TYPES:
            return found
        if found.kind in "iub":
            return config.floatx()
    expected = "dtype float32, float64 or a type of integers"
    raise TypeError(f"InputLayer: expected {expected}, got {dtype!r}")


class InputLayer(ElementwiseLayer):
    """Declare the input's shape: a model then makes its weights at once. Computes nothing.

    Parameters
    ----------
    shape : tuple of int or None
        Shape of one sample; None where a size may change from batch to batch.
    batch_size : int, optional
        Ignored: batches of any size are accepted.
    batch_shape : tuple, optional
        ``(batch_size, *shape)``, instead of the two.
    dtype : dtype, optional
        float32 (default) or float64. Integers, such as the numbers of words, become float32, which
        is exact for them up to 2**24.
    **kwargs
        As for ``Layer``.
    """

    unsaved = ("shape", "batch_size")

    def __init__(self, shape=None, batch_size=None, batch_shape=None, dtype=None, **kwargs):
        if batch_shape is not None:
            if shape is not None or batch_size is not None:
                fault = "InputLayer: expected shape and batch_size, or batch_shape alone, got both"
                raise ValueError(fault)
            batch_size, *shape = batch_shape
        if "input_shape" in kwargs:
            text = "InputLayer: Argument `input_shape` is deprecated. Use `shape` instead."
            warnings.warn(text, stacklevel=2)
        kwargs = {"input_shape": shape, "dtype": _float_type(dtype)} | kwargs
        super().__init__(**kwargs)  # older notebooks say input_shape
        if self.input_shape is None:
            raise self._error("a shape", shape)
        self.batch_shape = (batch_size, *self.input_shape[1:])
        self.built = True

    def call(self, x, training=False):
        return x

    def symbol(self):
        """Return the Symbol of the declared shape, a new one if none is in use."""
        self.built = True
        symbol = self._output and self._output[0]()
        if symbol is None:
            symbol = Symbol(self.input_shape, self.dtype, Call(self))
            self._output = [weakref.ref(symbol)]
        return symbol


@explain_arguments
def Input(shape=None, batch_size=None, dtype=None, name=None, batch_shape=None):  # noqa: N802
    """Return a Symbol for arrays to come: where a model begins.

    Parameters
    ----------
    shape, batch_size, batch_shape, dtype, name
        As for ``InputLayer``: ``shape`` is that of one sample, without the batch axis.
    """
    return InputLayer(shape, batch_size, batch_shape, dtype=dtype, name=name).symbol()


class Dense(KernelLayer):
    """``activation(x @ kernel + bias)`` on the last axis of an input of two or more axes.

    Parameters
    ----------
    units : int
        Size of the output's last axis.
    activation : str or callable, optional
    use_bias : bool
    **kwargs
        kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer,
        bias_regularizer, kernel_constraint, bias_constraint, and those of ``Layer``.

    Attributes
    ----------
    kernel : Parameter of shape (input's last axis, units)
    bias : Parameter of shape (units,), or None
    """

    min_rank = 2

    def __init__(self, units, activation=None, use_bias=True, **kwargs):
        super().__init__(activation, use_bias, **kwargs)
        self.units = self._check_int("units", units)

    def build(self, input_shape):
        self.add_kernel_and_bias((input_shape[-1], self.units))

    def call(self, x, training=False):
        return self.run(dense, x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


class Activation(ElementwiseLayer):
    """Apply ``activation``, a name such as "relu" or a function of a Tensor."""

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, x, training=False):
        y = fusion.rectify(self, x)
        return self.activation(x) if y is None else y


class Reshape(Layer):
    """Reshape each sample to ``target_shape``, where one size may be -1: it is inferred."""

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(target_shape, (tuple, list)):
            raise self._error("a tuple of ints for target_shape", target_shape, TypeError)
        self.target_shape = tuple(target_shape)
        known = [size for size in self.target_shape if size != -1]
        self._known = math.prod(self._check_int("target_shape", size) for size in known)
        if self.target_shape.count(-1) > 1:
            raise self._error("at most one -1 in target_shape", self.target_shape)

    def call(self, x, training=False):
        return reshape(x, self.compute_output_shape(x.shape))

    def compute_output_shape(self, input_shape):
        rest = None
        if None not in input_shape[1:]:
            rest, remainder = divmod(math.prod(input_shape[1:]), self._known)
            if remainder or (-1 not in self.target_shape and rest != 1):
                raise self._error(f"an input to fit target_shape {self.target_shape}", input_shape)
        return (input_shape[0], *(rest if size == -1 else size for size in self.target_shape))


class Flatten(Reshape):
    """(N, ...) -> (N, product of the rest), in C order; (N,) -> (N, 1)."""

    def __init__(self, data_format=None, **kwargs):
        super().__init__((-1,), **kwargs)
        self._check_data_format(data_format)


class Dropout(ElementwiseLayer):
    """In training, set a random part of the input to 0 and scale the rest by 1 / (1 − rate).

    The expected output then equals the input. Inference returns the input (Srivastava and others
    2014, JMLR 15).

    Parameters
    ----------
    rate : float
        The probability of 0, from 0 to 1.
    noise_shape : tuple, optional
        Shape of the mask, which is broadcast over the input; None is the input's size.
        ``(None, 1, 1, None)`` drops whole channels of an image.
    seed : int, optional
        Default: drawn from minigrad's generator. A layer of the same seed drops the same elements
        in its first call, its second, and so on.
    **kwargs
        As for ``Layer``.

    Attributes
    ----------
    mask_seed : int
        The seed of the next call's mask, for ``ops.dropout``.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = checked_number(self, "rate", rate, "[0, 1]")
        self.noise_shape = noise_shape
        if noise_shape is not None:
            self.noise_shape = self._check_sizes("noise_shape", noise_shape)
            self.rank = len(noise_shape)
        self.seed = None if seed is None else random.check_seed(self.name, seed)
        first = random.next_seed() if seed is None else self.seed
        self.mask_seed = (first + MASK_SEED_STEP) % 2**64

    def call(self, x, training=False):
        if not training or self.rate == 0:
            return x
        y = fusion.drop(self, x)
        if y is not None:
            return y
        seed = self.next_mask_seed()
        if self.noise_shape is None:
            return dropout(x, self.rate, seed)
        return x * samples.draw(
            lambda shape: dropout(np.ones(shape, x.dtype), self.rate, seed).data,
            x, self.noise_shape,
        )  # fmt: skip

    def next_mask_seed(self):
        """Return ``mask_seed`` and advance it; every call in training does so once."""
        seed, self.mask_seed = self.mask_seed, (self.mask_seed + MASK_SEED_STEP) % 2**64
        return seed
