"""Operations that rearrange values without changing them."""

import numpy as np

from minigrad.core import Function, as_tensor


class Reshape(Function):
    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        self.before = x.shape
        return x.reshape(self.shape)

    def backward(self, gy):
        return gy.reshape(self.before)


def reshape(x, newshape=(), *sizes):
    """The same values in another shape, given as one tuple or as several ints; one may be -1."""
    return Reshape((newshape, *sizes) if sizes else newshape)(x)


def shape(x):
    """The shape, a tuple of ints; of a Symbol, with None for a size that is not known."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def squeeze(x, axis=None):
    """Drop the axes of length 1, or the given ones."""
    return reshape(x, np.squeeze(_shape_only(x), axis).shape)


def expand_dims(x, axis):
    """Insert axes of length 1 at the given positions of the result."""
    return reshape(x, np.expand_dims(_shape_only(x), axis).shape)


def _shape_only(x):
    """An array of the shape of ``x`` that takes no memory, to let NumPy do shape arithmetic."""
    return np.broadcast_to(np.float32(0), as_tensor(x).shape)


class Transpose(Function):
    def __init__(self, axes):
        self.axes = axes

    def forward(self, x):
        return x.transpose(self.axes)

    def backward(self, gy):
        if self.axes is None:
            return gy.transpose()
        return gy.transpose(np.argsort([axis % gy.ndim for axis in self.axes]))


def transpose(x, axes=None, *others):
    """The axes in another order: one tuple or several ints, or reversed if none are given."""
    if isinstance(axes, (int, np.integer)):
        axes = axes, *others
    return Transpose(tuple(() if axes is None else axes) or None)(x)


class BroadcastTo(Function):
    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        try:
            return np.broadcast_to(x, self.shape)
        except ValueError:
            raise ValueError(
                f"broadcast_to: expected a shape that {x.shape} stretches to, got {self.shape}"
            ) from None

    def backward(self, gy):
        return gy  # the engine sums it over the stretched axes


def broadcast_to(x, shape):
    """``x`` stretched to ``shape`` by NumPy's rules."""
    return BroadcastTo(shape)(x)


def add_at(index, x, shape):
    """Zeros to which ``x`` is added at ``index``, in float64: a place may come a million times."""
    y = np.zeros(shape)
    np.add.at(y, index, x.astype(np.float64))
    return y.astype(x.dtype)


class GetItem(Function):
    def __init__(self, index):
        self.index = index

    def forward(self, x):
        self.shape = x.shape
        return x[self.index]

    def backward(self, gy):
        return add_at(self.index, gy, self.shape)  # what was taken twice gets both gradients


class GetSlice(GetItem):
    """Indexing by ints, slices, None and ...: no element is taken twice, assignment is enough."""

    def backward(self, gy):
        gx = np.zeros(self.shape, gy.dtype)
        gx[self.index] = gy
        return gx


def getitem(x, index):
    """``x[index]`` with NumPy's indexing: ints, slices, None, ..., masks and integer arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    plain = (int, np.integer, slice, type(None), type(...))
    if all(isinstance(part, plain) for part in parts):
        return GetSlice(index)(x)
    return GetItem(index)(x)


class Concatenate(Function):
    def __init__(self, axis):
        self.axis = axis

    def forward(self, *xs):
        y = np.concatenate(xs, axis=self.axis)
        self.cuts = np.cumsum([x.shape[self.axis] for x in xs])[:-1]
        return y

    def backward(self, gy):
        return tuple(np.split(gy, self.cuts, axis=self.axis))


def concatenate(xs, axis=0):
    """Join a sequence of tensors along an existing axis; flattened if ``axis`` is None."""
    xs = _several("concatenate", xs)
    if axis is None:
        xs, axis = [reshape(x, -1) for x in xs], 0
    return Concatenate(axis)(*xs)


class Stack(Function):
    def __init__(self, axis):
        self.axis = axis

    def forward(self, *xs):
        return np.stack(xs, axis=self.axis)

    def backward(self, gy):
        return tuple(np.moveaxis(gy, self.axis, 0))


def stack(xs, axis=0):
    """Join a sequence of tensors of one shape along a new axis."""
    return Stack(axis)(*_several("stack", xs))


def _several(name, xs):
    xs = list(xs)
    if not xs:
        raise ValueError(f"{name}: expected at least one tensor, got an empty sequence")
    return xs


class Pad(Function):
    def __init__(self, pad_width, value):
        self.pad_width = pad_width
        self.value = value

    def forward(self, x):
        width = np.broadcast_to(self.pad_width, (x.ndim, 2))
        self.inside = tuple(
            slice(before, before + n) for (before, _), n in zip(width, x.shape, strict=True)
        )
        return np.pad(x, self.pad_width, constant_values=self.value)

    def backward(self, gy):
        return gy[self.inside]


def pad(x, pad_width, mode="constant", constant_values=None):
    """Surround ``x``; ``pad_width`` is ((before, after), ...), a pair for each axis.

    One pair, or one int, applies to all axes. ``mode`` "constant" adds ``constant_values``, a
    number (0); "reflect" mirrors at the outermost values, "symmetric" behind them.
    """
    width = np.asarray(pad_width)
    shapes = ((), (2,), (1, 2), (np.ndim(x), 2))
    if width.shape not in shapes or width.dtype.kind not in "iu" or (width < 0).any():
        raise ValueError(
            "pad: expected pad_width to be an int from 0, a pair of them, or a pair for each axis "
            f"of x {np.shape(x)}, got {pad_width!r}"
        )
    if mode in ("reflect", "symmetric"):
        places = np.pad(np.arange(as_tensor(x).size).reshape(np.shape(x)), width, mode)
        return getitem(reshape(x, -1), places)
    if mode != "constant":
        raise ValueError(f"pad: expected mode 'constant', 'reflect' or 'symmetric', got {mode!r}")
    return Pad(width, constant_values or 0.0)(x)
