"""Keras's older functions on tensors, ``K.mean`` and kin, for losses and metrics written with them.

Each is an op, or a formula of ops. They take arrays, Tensors and Symbols, and give Tensors where a
gradient can flow; comparisons, positions and integers are arrays. New code writes ``minigrad.ops``.
"""

import math
import warnings

import numpy as np

from minigrad import activations, losses, ops, random
from minigrad.config import (  # noqa: F401 (they are offered here, too)
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from minigrad.core import FLOAT_TYPES, Parameter, Tensor, as_tensor
from minigrad.layers import Dot
from minigrad.symbolic import Symbol, recordable
from minigrad.utils.naming import clear_session, get_uid  # noqa: F401
from minigrad.utils.old_arguments import VALUES
from minigrad.utils.old_names import lookup

# --- those that are ops under the same name ------------------------------------------------------

abs, exp, log, square, cos, sin, tanh, sigmoid = (
    ops.abs, ops.exp, ops.log, ops.square, ops.cos, ops.sin, ops.tanh, ops.sigmoid
)  # fmt: skip
sum, mean, std, var, max, min = ops.sum, ops.mean, ops.std, ops.var, ops.max, ops.min
logsumexp, softmax, softplus, reshape = ops.logsumexp, ops.softmax, ops.softplus, ops.reshape
maximum, minimum, pow = ops.maximum, ops.minimum, ops.pow
stack, transpose = ops.stack, ops.transpose
dot, permute_dimensions = ops.matmul, ops.transpose
softsign = activations.softsign


# --- sums, sizes, positions ----------------------------------------------------------------------


def prod(x, axis=None, keepdims=False):
    """The product along an axis, without a gradient."""
    return Tensor(np.prod(_values(x), axis, keepdims=keepdims))


def any(x, axis=None, keepdims=False):
    """Whether any element along an axis is true."""
    return np.any(_values(x), axis, keepdims=keepdims)


def all(x, axis=None, keepdims=False):
    """Whether all elements along an axis are true."""
    return np.all(_values(x), axis, keepdims=keepdims)


def argmax(x, axis=-1):
    """The position of the largest element along an axis, the first of several."""
    return np.argmax(_values(x), axis)


def argmin(x, axis=-1):
    """The position of the smallest element along an axis, the first of several."""
    return np.argmin(_values(x), axis)


def l2_normalize(x, axis=None):
    """The quotient of x and its Euclidean norm along an axis, at least 1e-6."""
    x = as_tensor(x)
    return x / ops.sqrt(ops.maximum(ops.sum(x * x, axis, keepdims=True), 1e-12))


# --- elements ------------------------------------------------------------------------------------


def sqrt(x):
    """The square root; 0 where x is below 0."""
    return ops.sqrt(ops.maximum(x, 0.0))


def clip(x, min_value, max_value):
    """Limit x to an interval."""
    return ops.clip(x, min_value, max_value)


def round(x):
    """Round to the nearest whole number, half to even; the slope is 0."""
    return Tensor(np.rint(as_tensor(x).data))


def sign(x):
    """The sign: -1, 0 or 1; the slope is 0."""
    return Tensor(np.sign(as_tensor(x).data))


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """Rectified linear unit, see ``activations.relu``."""
    return activations.relu(x, alpha, max_value, threshold)


def elu(x, alpha=1.0):
    """Exponential linear unit."""
    return ops.elu(x, alpha)


def hard_sigmoid(x):
    """clip(0.2 x + 0.5, 0, 1), steeper than ``activations.hard_sigmoid``, as in Keras 2."""
    return ops.clip(0.2 * as_tensor(x) + 0.5, 0.0, 1.0)


def dropout(x, level, noise_shape=None, seed=None):
    """Set a fraction ``level`` of the elements to 0, and scale up the others."""
    seed = random.next_seed() if seed is None else seed
    kept = random.uniform(noise_shape or as_tensor(x).shape, seed=seed) >= level
    return ops.where(kept, as_tensor(x) / (1 - level), 0.0)


def equal(x, y):
    """Whether elements are equal."""
    return _values(x) == _values(y)


def not_equal(x, y):
    """Whether elements differ."""
    return _values(x) != _values(y)


def greater(x, y):
    """Whether x is above y, element by element."""
    return _values(x) > _values(y)


def greater_equal(x, y):
    """Whether x is at least y, element by element."""
    return _values(x) >= _values(y)


def less(x, y):
    """Whether x is below y, element by element."""
    return _values(x) < _values(y)


def less_equal(x, y):
    """Whether x is at most y, element by element."""
    return _values(x) <= _values(y)


# --- shapes --------------------------------------------------------------------------------------


def shape(x):
    """The shape, a tuple of int."""
    return x.shape if isinstance(x, Symbol) else np.shape(x)


def int_shape(x):
    """The shape, a tuple of int; unknown sizes are None."""
    return tuple(shape(x))


def ndim(x):
    """The number of axes."""
    return len(shape(x))


def dtype(x):
    """The type's name."""
    return np.dtype(x.dtype).name


def flatten(x):
    """One axis of all elements."""
    return ops.reshape(x, (-1,))


def batch_flatten(x):
    """One axis of all elements of each sample: (N, ...) -> (N, size)."""
    x = as_tensor(x)
    return ops.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


def expand_dims(x, axis=-1):
    """Add an axis of size 1."""
    return ops.expand_dims(x, axis)


def squeeze(x, axis):
    """Remove an axis of size 1."""
    return ops.squeeze(x, axis)


def concatenate(tensors, axis=-1):
    """Join tensors along an axis."""
    return ops.concatenate(tensors, axis)


def batch_dot(x, y, axes=None):
    """The products of samples, summed over an axis of each; see ``layers.Dot``."""
    x, y = as_tensor(x), as_tensor(y)
    if axes is None:
        axes = (x.ndim - 1, 1 if y.ndim == 2 else y.ndim - 2)
    return Dot(axes, name="batch_dot")([x, y])


def gather(reference, indices):
    """The rows of an array at these positions."""
    return as_tensor(reference)[_values(indices).astype(int)]


def one_hot(indices, num_classes):
    """Rows of 0 with a 1 at each index."""
    return Tensor(np.equal(_values(indices)[..., None], np.arange(num_classes)), dtype=floatx())


# --- new tensors ---------------------------------------------------------------------------------


def constant(value, dtype=None, shape=None, name=None):
    """A tensor of these values, or of one value in a shape."""
    value = np.asarray(value, dtype or floatx())
    return Tensor(value if shape is None else np.broadcast_to(value, shape).copy(), name=name)


def variable(value, dtype=None, name=None, constraint=None):
    """A variable with these first values."""
    return Parameter(value, dtype=dtype or floatx(), name=name, constraint=constraint)


def zeros(shape, dtype=None, name=None):
    """A variable of zeros."""
    return variable(np.zeros(shape), dtype, name)


def ones(shape, dtype=None, name=None):
    """A variable of ones."""
    return variable(np.ones(shape), dtype, name)


def zeros_like(x, dtype=None, name=None):
    """Zeros in the shape and type of x."""
    return Tensor(np.zeros_like(as_tensor(x).data, dtype))


def ones_like(x, dtype=None, name=None):
    """Ones in the shape and type of x."""
    return Tensor(np.ones_like(as_tensor(x).data, dtype))


def random_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Numbers from a normal distribution."""
    return Tensor(random.normal(shape, mean, stddev, dtype or floatx(), seed))


def random_uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Numbers spread evenly over an interval."""
    return Tensor(random.uniform(shape, minval, maxval, dtype or floatx(), seed))


def random_bernoulli(shape, p=0.0, dtype=None, seed=None):
    """Ones with the probability p, else zeros."""
    return Tensor(random.uniform(shape, seed=seed) < p, dtype=dtype or floatx())


# --- values --------------------------------------------------------------------------------------


def cast(x, dtype):
    """Convert values: floats to a Tensor, through which no gradient passes, others to an array."""
    if isinstance(x, Tensor) and x.dtype == dtype:
        return x
    if isinstance(x, Tensor) and x.requires_grad and np.dtype(dtype) in FLOAT_TYPES:
        cure = f'give the layers dtype="{np.dtype(dtype)}", or set_floatx'
        raise TypeError(f"cast: expected a tensor of type {dtype}, got {x.dtype}; {cure}")
    values = _values(x).astype(dtype)
    return Tensor(values) if values.dtype in FLOAT_TYPES else values


def cast_to_floatx(x):
    """Convert values to the type of ``floatx``, as an array."""
    return np.asarray(x, floatx())


def eval(x):
    """The values of a tensor or variable, as an array of their own."""
    return np.array(x)


def get_value(x):
    """The values of a variable, such as an optimizer's learning rate, as an array of their own."""
    return np.array(x)


def set_value(x, value):
    """Replace the values of a variable."""
    x.assign(value)


def count_params(x):
    """How many numbers a variable holds."""
    return math.prod(shape(x))


def stop_gradient(x):
    """The values, as a tensor that passes no gradient on."""
    return as_tensor(x).detach()


# --- losses --------------------------------------------------------------------------------------


def binary_crossentropy(target, output, from_logits=False):
    """The cross-entropy of each element; ``losses.binary_crossentropy`` takes their mean."""
    target, output = ops.expand_dims(target, -1), ops.expand_dims(output, -1)
    return losses.binary_crossentropy(target, output, from_logits)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """The cross-entropy of each sample, see ``losses.categorical_crossentropy``."""
    return losses.categorical_crossentropy(target, output, from_logits, axis=axis)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """The cross-entropy of each sample, see ``losses.sparse_categorical_crossentropy``."""
    return losses.sparse_categorical_crossentropy(target, output, from_logits, axis=axis)


def _values(x):
    return x.data if isinstance(x, Tensor) else np.asarray(x)


# --- Keras 1's names of layouts ------------------------------------------------------------------


def image_dim_ordering():
    """Return "tf", Keras 1's name of "channels_last"."""
    text = "image_dim_ordering is an old name; write image_data_format"
    warnings.warn(text, FutureWarning, stacklevel=2)
    return "tf"


def set_image_dim_ordering(dim_ordering):
    """Accept "tf"; raise ValueError for "th", the channels first."""
    text = "set_image_dim_ordering is an old name; write set_image_data_format"
    warnings.warn(text, FutureWarning, stacklevel=2)
    set_image_data_format(VALUES["dim_ordering"].get(dim_ordering, dim_ordering))


# What is given Symbols is recorded, to be called again when the model runs.
_WITHOUT_VALUES = {"shape", "int_shape", "ndim", "dtype", "count_params"}
_WITHOUT_VALUES |= {"image_dim_ordering", "set_image_dim_ordering"}
for _name, _function in list(vars().items()):
    is_own = getattr(_function, "__module__", "") == __name__ and not _name.startswith("_")
    if is_own and _name not in _WITHOUT_VALUES:
        globals()[_name] = recordable(_function)

__getattr__ = lookup(__name__)
