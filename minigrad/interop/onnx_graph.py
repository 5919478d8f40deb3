"""An ONNX graph while it is written: nodes, weights, and values in either order of their axes.

minigrad has the channels last, ONNX's convolutions have them first. A value is known in the order
in which a node made it; a Transpose is written when a node needs another order, and once. So a
network of convolutions has one at its beginning, and one before it is flattened.
"""

import numpy as np

from minigrad.core import Parameter, Tensor
from minigrad.utils.naming import unique_name
from minigrad.utils.structures import map_structure

FAR = 2**63 - 1  # beyond the end of every axis


class Graph:
    """What has been written so far.

    Parameters
    ----------
    library : module
        The library onnx.
    dtype : dtype
        Of numbers that have none of their own.
    """

    def __init__(self, library, dtype):
        self.library = library
        self.dtype = np.dtype(dtype)
        self.nodes = []
        self.initializers = {}  # name -> array
        self.names = set()
        self.scope = "graph"  # the layer or op that is being written
        self._weights = {}  # id of a weight -> its Value

    def new_name(self, wanted):
        """Return a name like this one that nothing has yet."""
        name = unique_name(wanted, self.names)
        self.names.add(name)
        return name

    def add(self, op, names, **attributes):
        """Write a node with one result; return the result's name."""
        name = self.new_name(f"{self.scope}/{op}")
        self.nodes.append(self.library.helper.make_node(op, names, [name], name, **attributes))
        return name

    def constant(self, array, title=None, dtype=None):
        """Return a Value of numbers that are known now."""
        array = array.data if isinstance(array, Tensor) else np.asarray(array)
        if dtype is not None or array.dtype.kind == "f":
            array = array.astype(dtype or self.dtype)
        return Value(self, array.shape, array.dtype, {}, array, title)

    def weight(self, parameter):
        """Return the Value of a weight, whose name is its path."""
        if id(parameter) not in self._weights:
            self._weights[id(parameter)] = self.constant(parameter, parameter.path or "weight")
        return self._weights[id(parameter)]

    def as_value(self, value, dtype=None):
        """Return it, if it is a Value, else the constant; of a weight, by its path."""
        if isinstance(value, Value):
            return value
        if isinstance(value, Parameter):
            return self.weight(value)
        return self.constant(value, dtype=dtype)

    def as_inputs(self, inputs):
        """Return a layer's input, or structure of inputs, as Values."""
        return map_structure(lambda leaf: self.as_value(leaf, self.dtype), inputs)

    def list_of(self, numbers):
        """Return the name of a list of whole numbers."""
        return self.constant(np.array(numbers, np.int64)).last


class Value:
    """A tensor of the graph.

    Attributes
    ----------
    shape : tuple of int or None
        In minigrad's order of axes.
    dtype : dtype
    names : dict from tuple to str
        From an order of axes to the name it has there; the first one is its home. In the order
        (0, 3, 1, 2), axis 1 is minigrad's axis 3.
    array : ndarray or None
        Of a constant.
    """

    def __init__(self, graph, shape, dtype, names, array=None, title=None):
        self.graph = graph
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.names = names
        self.array = array
        self._title = title
        self._forms = {}  # of a constant: how it was turned or reshaped -> the result

    # --- orders of axes --------------------------------------------------------------------------

    @property
    def rank(self):
        return len(self.shape)

    @property
    def home(self):
        """The order of axes in which it was made; a constant has none, and takes minigrad's."""
        return next(iter(self.names), tuple(range(self.rank)))

    @property
    def last(self):
        """Its name with the channels last, as minigrad has them."""
        return self.named(tuple(range(self.rank)))

    @property
    def first(self):
        """Its name with the channels first."""
        return self.named(channels_first(self.rank))

    def named(self, order):
        """Return its name in an order of axes, turning it if need be."""
        if order not in self.names:
            if self.array is not None:
                name = self.graph.new_name(self._title or f"{self.graph.scope}/constant")
                turned = np.array(self.array.transpose(order), order="C")
                self.graph.initializers[name] = turned
            else:
                turn = [self.home.index(axis) for axis in order]
                name = self.graph.add("Transpose", [self.names[self.home]], perm=turn)
            self.names[order] = name
        return self.names[order]

    def made(self, name, shape, order=None, dtype=None):
        """Return the Value of a node's result."""
        order = tuple(range(len(shape))) if order is None else order
        return Value(self.graph, shape, dtype or self.dtype, {order: name})

    def at(self, axis):
        """Where one of minigrad's axes is in the home order."""
        return self.home.index(axis % self.rank)

    def permute(self, axes):
        """Return it with its axes in another order, which takes no node by itself."""
        axes = [axis % self.rank for axis in axes]
        names = {tuple(axes.index(a) for a in order): name for order, name in self.names.items()}
        if self.array is not None:
            return self.formed(("permute", *axes), self.array.transpose(axes))
        shape = [self.shape[axis] for axis in axes]
        return Value(self.graph, shape, self.dtype, names)

    def formed(self, key, array):
        """Return a constant turned or reshaped, the same one each time."""
        if key not in self._forms:
            self._forms[key] = self.graph.constant(array, self._title, self.dtype)
        return self._forms[key]

    # --- nodes in any order ----------------------------------------------------------------------

    def node(self, op, *others, dtype=None, **attributes):
        """Write a node that works on each element: of this, or of this and others as in NumPy."""
        values = [self, *(self.graph.as_value(other, self.dtype) for other in others)]
        rank = max(value.rank for value in values)
        made = [value for value in values if value.array is None]
        one_rank = made and all(value.rank == rank for value in made)
        order = made[0].home if one_rank else tuple(range(rank))
        name = self.graph.add(op, [value._beside(order) for value in values], **attributes)
        shape = broadcast([value.shape for value in values])
        return self.made(name, shape, order, dtype)

    def _beside(self, order):
        """Its name where it is broadcast with values of this order."""
        if self.rank == len(order):
            return self.named(order)
        if order == tuple(range(len(order))) or self.rank == 0:
            return self.last
        return self.reshape((1,) * (len(order) - self.rank) + self.shape).named(order)

    def reduce(self, op, axes=None, keepdims=False):
        """Write a reduction over axes; None is all of them."""
        axes = range(self.rank) if axes is None else axes
        axes = sorted({axis % self.rank for axis in ([axes] if isinstance(axes, int) else axes)})
        sizes = [1 if axis in axes else size for axis, size in enumerate(self.shape)]
        kept = [axis for axis in self.home if axis not in axes]
        if not keepdims and kept != sorted(kept):  # what is left would be out of order
            return self.made(self.last, self.shape).reduce(op, axes)
        places = self.graph.list_of([self.at(axis) for axis in axes])
        names = [self.names[self.home] if self.names else self.last, places]
        name = self.graph.add(op, names, keepdims=int(keepdims))
        if keepdims:
            return self.made(name, sizes, self.home)
        return self.made(name, [self.shape[axis] for axis in kept])

    def along(self, op, axis, dtype=None, **attributes):
        """Write a node with an attribute ``axis``, whose result has the same shape."""
        name = self.graph.add(op, [self.named(self.home)], axis=self.at(axis), **attributes)
        return self.made(name, self.shape, self.home, dtype)

    def slice(self, axis, start, stop, step=1):
        """Keep a part of one axis; bounds are those of a Python slice."""
        shape, axis = list(self.shape), axis % self.rank
        if shape[axis] is not None:
            shape[axis] = len(range(*slice(start, stop, step).indices(shape[axis])))
        begin, end = (0, FAR) if step > 0 else (FAR, -FAR)
        limits = begin if start is None else start, end if stop is None else stop
        numbers = ([number] for number in (*limits, self.at(axis), step))
        name = self.graph.add("Slice", [self.named(self.home), *map(self.graph.list_of, numbers)])
        return self.made(name, shape, self.home)

    def pad(self, borders, value=0.0, mode="constant"):
        """Add (before, after) cells to each axis."""
        ends = [[borders[axis][end] for axis in self.home] for end in (0, 1)]
        names = [self.named(self.home), self.graph.list_of(ends[0] + ends[1])]
        if mode == "constant":
            names.append(self.graph.as_value(value, self.dtype).last)
        name = self.graph.add("Pad", names, mode=mode)
        pairs = zip(self.shape, borders, strict=True)
        shape = [None if size is None else size + sum(border) for size, border in pairs]
        return self.made(name, shape, self.home)

    def take(self, axis, index):
        """Keep places of one axis, given as an array of whole numbers."""
        places = self.graph.list_of(index)
        name = self.graph.add("Gather", [self.named(self.home), places], axis=self.at(axis))
        shape = list(self.shape)
        shape[axis % self.rank] = len(index)
        return self.made(name, shape, self.home)

    def cast(self, dtype):
        """Return it as numbers of another type."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        kind = self.graph.library.helper.np_dtype_to_tensor_dtype(dtype)
        return self.node("Cast", to=kind, dtype=dtype)

    # --- nodes in minigrad's order ---------------------------------------------------------------

    def reshape(self, shape):
        """Return it in another shape, of which one size may be -1; None stays as it is."""
        shape = list(shape)
        if self.array is not None:
            return self.formed(("reshape", *shape), self.array.reshape(shape))
        sizes = [-1 if size is None else size for size in shape]
        if shape and self.rank and shape[0] is None and self.shape[0] is None:
            sizes[0] = 0  # as it is
        if sizes.count(-1) > 1:
            raise ValueError(
                f"export: reshape: expected one unknown size, got {tuple(shape)} of {self.shape}; "
                "give Input the sizes of a sample"
            )
        name = self.graph.add("Reshape", [self.last, self.graph.list_of(sizes)])
        return self.made(name, [None if size == -1 else size for size in shape])

    def squeeze(self, axes):
        """Drop axes of size 1."""
        axes = [axis % self.rank for axis in axes]
        kept = [axis for axis in self.home if axis not in axes]
        order = self.home if kept == sorted(kept) else tuple(range(self.rank))
        places = self.graph.list_of(sorted(order.index(axis) for axis in axes))
        name = self.graph.add("Squeeze", [self.named(order), places])
        return self.made(name, [self.shape[axis] for axis in sorted(kept)])

    def unsqueeze(self, axes):
        """Insert axes of size 1 at places of the result."""
        rank = self.rank + len(axes)
        axes = sorted(axis % rank for axis in axes)
        name = self.graph.add("Unsqueeze", [self.last, self.graph.list_of(axes)])
        sizes = iter(self.shape)
        return self.made(name, [1 if axis in axes else next(sizes) for axis in range(rank)])

    def matmul(self, other):
        """Return the matrix product, with NumPy's rules."""
        other = self.graph.as_value(other, self.dtype)
        shape = product_shape(self.shape, other.shape)
        return self.made(self.graph.add("MatMul", [self.last, other.last]), shape)

    def __add__(self, other):
        return self.node("Add", other)

    def __sub__(self, other):
        return self.node("Sub", other)

    def __mul__(self, other):
        return self.node("Mul", other)

    def __truediv__(self, other):
        return self.node("Div", other)

    def __neg__(self):
        return self.node("Neg")


def channels_first(rank):
    """The order of axes with the last one behind the batch: (0, 3, 1, 2) for images."""
    return (0, rank - 1, *range(1, rank - 1)) if rank > 2 else tuple(range(rank))


def broadcast(shapes):
    """The shape of an elementwise result; an unknown size stays unknown beside 1."""
    rank = max(map(len, shapes))
    aligned = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    sizes = [set(column) - {1} for column in zip(*aligned, strict=True)]
    return [max(known - {None}, default=None if known else 1) for known in sizes]


def product_shape(x, y):
    """The shape of a matrix product of such shapes."""
    rows, columns = (x[-2:-1] if len(x) > 1 else ()), (y[-1:] if len(y) > 1 else ())
    stacks = [shape[:-2] for shape in (x, y)]
    return [*(broadcast(stacks) if any(stacks) else ()), *rows, *columns]


def concatenate(values, axis):
    """Return values one after the other along an axis, in the first one's order."""
    order, axis = values[0].home, axis % values[0].rank
    names = [value.named(order) for value in values]
    sizes = [value.shape[axis] for value in values]
    shape = list(values[0].shape)
    shape[axis] = None if None in sizes else sum(sizes)
    name = values[0].graph.add("Concat", names, axis=order.index(axis))
    return values[0].made(name, shape, order)
