"""Layers that make one tensor of several, given as a list; and the same as functions."""

import functools
import math

from minigrad import ops
from minigrad.layers.base import Layer
from minigrad.layers.scaling import to_unit_norm


class Merge(Layer):
    """What the merging layers have in common: a list of inputs (N, ...), whose batches agree."""

    number = None  # how many inputs there must be; None: one or more

    def _check_shapes(self, shapes):
        """Raise unless ``shapes`` is a list of shapes with one batch size."""
        if not isinstance(shapes, (list, tuple)) or not all(
            isinstance(shape, (list, tuple)) and shape for shape in shapes
        ):
            raise self._error("a list of inputs (N, ...)", shapes, TypeError)
        if not shapes or self.number not in (None, len(shapes)):
            raise self._error(f"a list of {self.number or 'one or more'} inputs", shapes)
        if len({shape[0] for shape in shapes} - {None}) > 1:
            raise self._error("inputs of one batch size", shapes)

    def _check_tensors(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise self._error("a list of inputs", inputs, TypeError)
        return self.compute_output_shape([x.shape for x in inputs])


class ElementwiseMerge(Merge):
    """Inputs of shapes that broadcast; an input of fewer axes gets new ones behind the batch's."""

    # each subclass names its `combine`, a function of two tensors

    def call(self, inputs, training=False):
        rank = len(self._check_tensors(inputs))
        aligned = [ops.reshape(x, _with_axes(x.shape, rank)) for x in inputs]
        return functools.reduce(self.combine, aligned)

    def compute_output_shape(self, input_shape):
        self._check_shapes(input_shape)
        rank = max(len(shape) for shape in input_shape)
        aligned = [_with_axes(shape, rank) for shape in input_shape]
        output = []
        for sizes in zip(*aligned, strict=True):
            large = set(sizes) - {1}
            known = large - {None}
            if len(known) > 1:
                raise self._error("inputs of shapes that broadcast", input_shape)
            output.append(known.pop() if known else None if large else 1)
        return tuple(output)


def _with_axes(shape, rank):
    """The shape with axes of size 1 behind the first, ``rank`` axes in all."""
    return (shape[0], *[1] * (rank - len(shape)), *shape[1:])


class Add(ElementwiseMerge):
    """The sum of the inputs, elementwise."""

    combine = staticmethod(ops.add)


class Subtract(ElementwiseMerge):
    """The first input minus the second, elementwise."""

    number = 2
    combine = staticmethod(ops.sub)


class Multiply(ElementwiseMerge):
    """The product of the inputs, elementwise."""

    combine = staticmethod(ops.mul)


class Average(Add):
    """The mean of the inputs, elementwise."""

    def call(self, inputs, training=False):
        return super().call(inputs) / len(inputs)


class Maximum(ElementwiseMerge):
    """The largest of the inputs, elementwise."""

    combine = staticmethod(ops.maximum)


class Minimum(ElementwiseMerge):
    """The smallest of the inputs, elementwise."""

    combine = staticmethod(ops.minimum)


class Concatenate(Merge):
    """The inputs one after the other along ``axis``; their other axes agree."""

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs, training=False):
        self._check_tensors(inputs)
        return ops.concatenate(inputs, self.axis)

    def compute_output_shape(self, input_shape):
        self._check_shapes(input_shape)
        first = input_shape[0]
        rank = len(first)
        if not -rank < self.axis < rank or self.axis == 0:
            raise self._error(f"an axis of {first} behind the batch's", self.axis)
        output = []
        for axis in range(rank):
            sizes = [shape[axis] for shape in input_shape if len(shape) == rank]
            known = set(sizes) - {None}
            joined = axis == self.axis % rank
            if len(sizes) < len(input_shape) or (len(known) > 1 and not joined):
                raise self._error(f"inputs that differ only on axis {self.axis}", input_shape)
            if joined:
                output.append(None if None in sizes else sum(sizes))
            else:
                output.append(known.pop() if known else None)
        return tuple(output)


class Dot(Merge):
    """The products of two inputs, summed over an axis of each: matrix products, sample by sample.

    Inputs (N, ..., K, ...), output (N, the other axes of the first, those of the second), or
    (N, 1) if there are none.

    Parameters
    ----------
    axes : int or (int, int)
        The axis of each input to sum over, not that of the batch.
    normalize : bool
        Whether vectors along these axes are scaled to length 1 first: the cosine of their angle.
    **kwargs
        As for ``Layer``.
    """

    number = 2

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        both = axes if isinstance(axes, (list, tuple)) else (axes, axes)
        if len(both) != 2 or not all(isinstance(axis, int) and axis != 0 for axis in both):
            raise self._error("axes to be one or two ints other than 0, the batch's", axes)
        self.axes = axes
        self.normalize = normalize
        self._both = both

    def call(self, inputs, training=False):
        shape = self._check_tensors(inputs)
        x, y = inputs
        if self.normalize:
            x, y = to_unit_norm(x, self._both[0]), to_unit_norm(y, self._both[1])
        x, y = _axis_to(x, self._both[0], x.ndim - 1), _axis_to(y, self._both[1], 1)
        N, K = x.shape[0], x.shape[-1]
        rows, columns = math.prod(x.shape[1:-1]), math.prod(y.shape[2:])
        # (N, rows, K) @ (N, K, columns)
        z = ops.matmul(ops.reshape(x, (N, rows, K)), ops.reshape(y, (N, K, columns)))
        return ops.reshape(z, shape)

    def compute_output_shape(self, input_shape):
        self._check_shapes(input_shape)
        rest, sizes = [], set()
        for shape, axis in zip(input_shape, self._both, strict=True):
            axis = axis + len(shape) if axis < 0 else axis
            if not 0 < axis < len(shape):
                raise self._error(f"axes of {input_shape} behind the batch's", self.axes)
            sizes.add(shape[axis])
            rest += [*shape[1:axis], *shape[axis + 1 :]]
        if len(sizes - {None}) > 1:
            raise self._error(f"inputs of one size along axes {self.axes}", input_shape)
        return (input_shape[0][0], *(rest or [1]))


def _axis_to(x, axis, position):
    """Move an axis of ``x`` to a position."""
    order = [i for i in range(x.ndim) if i != axis % x.ndim]
    order.insert(position, axis % x.ndim)
    return ops.transpose(x, order)


def add(inputs, **kwargs):
    """``Add(**kwargs)(inputs)``; so are the functions below."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs, axes=-1, **kwargs):
    return Dot(axes, **kwargs)(inputs)
