"""New arrays, their types, and conversions from one to another."""

import numpy as np

from minigrad.core import FLOAT_TYPES, Function, Tensor, TensorBase, as_tensor
from minigrad.losses import Cast
from minigrad.ops import stack, where
from minigrad.ops.shapes import add_at
from minigrad.symbolic import Symbol
from minigrad.utils.arguments import whole_number
from minigrad.utils.arrays import as_labels


def is_data(x):
    """Whether ``x`` is integers or booleans, which have no gradient and need no Tensor."""
    return not isinstance(x, TensorBase) and np.asarray(x).dtype.kind in "iub"


def values_of(x):
    """The values of a tensor, or an array of anything else."""
    return x.data if isinstance(x, TensorBase) else np.asarray(x)


def made(array, dtype=None):
    """A Tensor of new numbers, or the array itself of integers and booleans.

    Raises
    ------
    TypeError
        If `dtype` is a float that is neither float32 nor float64, or complex.
    """
    array = np.asarray(array)
    array = array if dtype is None else array.astype(dtype)
    return array if array.dtype.kind in "iub" else Tensor(array, array.dtype)


def shape_of(shape):
    """A shape as a tuple of ints; one int is a shape of one axis."""
    sizes = np.atleast_1d(values_of(shape)).tolist()
    if None in sizes:
        raise ValueError(
            f"expected a shape of known sizes, got {tuple(sizes)}, where None stands for the "
            "batch; write it in the call(self, x) of a Layer"
        )
    return tuple(map(int, sizes))


# --- new ones ------------------------------------------------------------------------------------


def zeros(shape, dtype=None):
    """An array of zeros; float32 unless ``dtype`` says otherwise."""
    return made(np.zeros(shape_of(shape), dtype or "float32"))


def ones(shape, dtype=None):
    """An array of ones; float32 unless ``dtype`` says otherwise."""
    return made(np.ones(shape_of(shape), dtype or "float32"))


def full(shape, fill_value, dtype=None):
    """An array of one value; float32 unless ``dtype`` says otherwise."""
    return made(np.full(shape_of(shape), values_of(fill_value), dtype or "float32"))


def zeros_like(x, dtype=None):
    """Zeros in the shape of ``x``, and of its type."""
    return made(np.zeros_like(values_of(x), dtype))


def ones_like(x, dtype=None):
    """Ones in the shape of ``x``, and of its type."""
    return made(np.ones_like(values_of(x), dtype))


def full_like(x, fill_value, dtype=None):
    """One value in the shape of ``x``, and of its type."""
    return made(np.full_like(values_of(x), values_of(fill_value), dtype))


def eye(N, M=None, k=0, dtype=None):
    """A matrix (N, M) with ones on diagonal ``k``, above the main one if it is positive."""
    return made(np.eye(N, M, k, dtype or "float32"))


def identity(n, dtype=None):
    """The matrix (n, n) with ones on the diagonal."""
    return eye(n, dtype=dtype)


def tri(N, M=None, k=0, dtype=None):
    """A matrix (N, M) with ones on and below diagonal ``k``."""
    return made(np.tri(N, M, k, dtype or "float32"))


def arange(start, stop=None, step=None, dtype=None):
    """The numbers from ``start`` on, or from 0, below ``stop``; int32 if all three are integers."""
    given = [values_of(x).item() for x in (start, stop, step) if x is not None]
    if dtype is None:
        dtype = "int32" if all(isinstance(x, int) for x in given) else "float32"
    start, stop = (0, start) if stop is None else (start, stop)
    return made(np.arange(values_of(start), values_of(stop), 1 if step is None else step), dtype)


def _spaced(function):
    def spaced(start, stop, num=50, endpoint=True, dtype=None, axis=0, **options):
        ends = values_of(start), values_of(stop)
        made_of = [getattr(x, "dtype", None) for x in (start, stop)]
        dtype = dtype or ("float64" if np.float64 in made_of else "float32")
        found = function(*ends, num, endpoint, axis=axis, **options)
        if isinstance(found, tuple):  # the step too
            return made(found[0], dtype), float(found[1])
        return made(found, dtype)

    spaced.__name__ = function.__name__
    return spaced


def meshgrid(*x, indexing="xy"):
    """Coordinates of a grid from those of its axes, a list of arrays; without a gradient."""
    return [made(grid) for grid in np.meshgrid(*map(values_of, x), indexing=indexing)]


def _window(function):
    def window(x, *beta):
        return made(function(int(values_of(x)), *beta), "float32")

    window.__name__ = function.__name__
    return window


# --- conversions ---------------------------------------------------------------------------------


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """A Tensor of floats, an array of integers (Python's become int32) or of booleans."""
    if sparse or ragged:
        raise ValueError("convert_to_tensor: expected sparse and ragged to be False or None")
    if dtype is not None:
        return cast(convert_to_tensor(x), dtype)
    if isinstance(x, (list, tuple)) and any(isinstance(part, TensorBase) for part in x):
        return stack([as_tensor(part) for part in x])
    if isinstance(x, TensorBase) or not is_data(x):
        return as_tensor(x)
    array = np.asarray(x)
    is_python = not hasattr(x, "dtype") and array.dtype == np.int64
    return array.astype(np.int32) if is_python else array


def convert_to_numpy(x):
    """A copy of the values, a NumPy array."""
    return np.array(values_of(x))


def cast(x, dtype):
    """The values in another type: gradients go back to floats; integers and booleans have none."""
    found = np.dtype(getattr(dtype, "name", dtype))
    if found.kind in "iub":
        return values_of(x).astype(found)
    return Cast(found)(x) if found in FLOAT_TYPES else Tensor(x, found)  # which refuses the type


def saturate_cast(x, dtype):
    """``cast``, where numbers that an integer type does not hold become its nearest."""
    found = np.dtype(getattr(dtype, "name", dtype))
    if found.kind in "iu":
        return np.clip(values_of(x), np.iinfo(found).min, np.iinfo(found).max).astype(found)
    return cast(x, dtype)


def copy(x):
    """The values in memory of their own; gradients go back."""
    return np.array(x) if is_data(x) else Cast(as_tensor(x).dtype)(x)


def stop_gradient(variable):
    """The same values outside of the graph."""
    return variable.detach() if isinstance(variable, TensorBase) else as_tensor(variable)


def dtype(x):
    """The name of the type of ``x``: "float32"."""
    return convert_to_tensor(x).dtype.name if not isinstance(x, Symbol) else x.dtype.name


def ndim(x):
    """The number of axes."""
    return x.ndim if isinstance(x, Symbol) else values_of(x).ndim


def size(x):
    """The number of elements."""
    return values_of(x).size


def is_tensor(x):
    """Whether ``x`` is a Tensor, or a Symbol of one."""
    return isinstance(x, (TensorBase, Symbol))


# --- labels --------------------------------------------------------------------------------------


def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """A one at each label and zeros elsewhere, along a new axis; only zeros for a label outside.

    Parameters
    ----------
    x : integers (...)
    num_classes : int
    axis : int
        Where the new axis of size `num_classes` stands.
    dtype : dtype, optional
        Default: float32.
    """
    if sparse:
        raise ValueError("one_hot: expected sparse=False, got True; minigrad's arrays are dense")
    labels = as_labels("one_hot", values_of(x))
    num_classes = whole_number("one_hot", "num_classes", num_classes)
    rows = labels[..., None] == np.arange(num_classes)
    return made(np.moveaxis(rows, -1, axis), dtype or "float32")


def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False):
    """A one at each of several labels: (..., labels) -> (..., num_classes)."""
    if num_classes is None:
        raise ValueError("multi_hot: expected num_classes, got None")
    rows = one_hot(inputs, num_classes, dtype=dtype, sparse=sparse)
    labels_axis = rows.ndim - 2 if axis == -1 else axis
    return made(values_of(rows).max(axis=labels_axis, initial=0))


# --- parts replaced ------------------------------------------------------------------------------


class Scatter(Function):
    """Adds values to zeros at places, which may come several times."""

    def __init__(self, index, shape):
        self.index, self.shape = index, shape

    def forward(self, x):
        return add_at(self.index, x, self.shape)

    def backward(self, gy):
        return gy[self.index]


def scatter(indices, values, shape):
    """Zeros of this shape, to which ``values`` are added at ``indices`` (N, axes)."""
    return Scatter(_index(indices), shape_of(shape))(values)


def scatter_update(inputs, indices, updates, reduction=None):
    """``inputs`` with ``updates`` in place of the elements at ``indices`` (N, axes).

    ``reduction`` "add" adds them instead.
    """
    inputs = as_tensor(inputs)
    spread = Scatter(_index(indices), inputs.shape)(as_tensor(updates, inputs))
    if reduction not in (None, "add"):
        raise ValueError(f"scatter_update: expected reduction None or 'add', got {reduction!r}")
    if reduction == "add":
        return inputs + spread
    taken = np.zeros(inputs.shape, bool)
    np.add.at(taken, _index(indices), True)
    return where(taken, spread, inputs)


def _index(indices):
    return tuple(np.moveaxis(as_labels("scatter", values_of(indices)), -1, 0))


def slice_update(inputs, start_indices, updates):
    """``inputs`` with ``updates`` in place of as many elements, from ``start_indices`` on."""
    inputs, updates = as_tensor(inputs), as_tensor(updates)
    starts = shape_of(start_indices)
    window = tuple(slice(i, i + n) for i, n in zip(starts, updates.shape, strict=True))
    replaced = np.zeros(inputs.shape, bool)
    if replaced[window].shape != updates.shape:
        raise ValueError(
            f"slice_update: expected updates within inputs {inputs.shape}, got "
            f"{updates.shape} from {starts} on"
        )
    replaced[window] = True
    return where(replaced, Scatter(window, inputs.shape)(updates), inputs)


UNRECORDED = (
    "zeros", "ones", "full", "empty", "eye", "identity", "tri", "arange", "linspace", "logspace",
    "geomspace", "dtype", "ndim", "is_tensor", "bartlett", "blackman", "hamming", "hanning",
    "kaiser",
)  # fmt: skip
NEW = (zeros, ones, full, zeros_like, ones_like, full_like, eye, identity, tri, arange, meshgrid)
CONVERSIONS = (
    convert_to_tensor, convert_to_numpy, cast, copy, stop_gradient, dtype, ndim, size, is_tensor,
    one_hot, multi_hot, saturate_cast, scatter, scatter_update, slice_update,
)  # fmt: skip
OPS = {function.__name__: function for function in (*NEW, *CONVERSIONS)}
OPS |= {"array": convert_to_tensor, "empty": zeros, "empty_like": zeros_like}
OPS |= {name: _spaced(getattr(np, name)) for name in ("linspace", "logspace", "geomspace")}
for name in ("bartlett", "blackman", "hamming", "hanning", "kaiser"):
    OPS[name] = _window(getattr(np, name))
