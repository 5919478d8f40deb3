"""Ops that move, repeat or leave out values, by NumPy's functions applied to their positions."""

import inspect

import numpy as np

from minigrad.core import as_tensor
from minigrad.more_ops.arrays import is_data, shape_of, values_of
from minigrad.ops import concatenate, getitem, reshape
from minigrad.samples import of_batches
from minigrad.utils.arguments import whole_number
from minigrad.utils.arrays import as_labels
from minigrad.utils.structures import map_structure


@of_batches
def rearranged(x, rearrange):
    """Return ``rearrange(x)``, or a list if it gives one.

    Parameters
    ----------
    x : array_like
    rearrange : callable
        From an array to others that hold its values and perhaps zeros, as NumPy's functions do.
    """
    if is_data(x):
        return rearrange(np.asarray(x))
    x = as_tensor(x)
    positions = rearrange(np.arange(1, x.size + 1).reshape(x.shape))  # 0 is left for a zero
    flat = concatenate([np.zeros(1, x.dtype), reshape(x, -1)])
    return map_structure(lambda places: getitem(flat, places), positions)


def _by_numpy(name):
    function = getattr(np, name)

    def op(x, *arguments, **options):
        return rearranged(x, lambda places: function(places, *arguments, **options))

    op.__name__, op.__doc__ = name, f"``np.{name}`` of a tensor; the gradient goes back."
    first, *others = inspect.signature(function).parameters.values()
    op.__signature__ = inspect.Signature([first.replace(name="x"), *others])
    return of_batches(op)


def tile(x, repeats):
    """``x`` so many times along each axis."""
    return rearranged(x, lambda places: np.tile(places, shape_of(repeats)))


def repeat(x, repeats, axis=None):
    """Each element, or each part along ``axis``, so many times in a row."""
    return rearranged(x, lambda places: np.repeat(places, shape_of(repeats), axis))


def split(x, indices_or_sections, axis=0):
    """A list of parts along ``axis``: so many of one size, or cut at these indices."""
    return rearranged(x, lambda places: np.split(places, indices_or_sections, axis))


def unstack(x, num=None, axis=0):
    """A list of the parts along ``axis``, which they no longer have."""
    parts = rearranged(x, lambda places: list(np.moveaxis(places, axis, 0)))
    if num is not None and num != len(parts):
        raise ValueError(f"unstack: expected {num} parts along axis {axis}, got {len(parts)}")
    return parts


@of_batches
def take(x, indices, axis=None):
    """The elements, or the parts along ``axis``, at these indices; negative ones from the end."""
    indices = as_labels("take", values_of(indices))
    return rearranged(x, lambda places: np.take(places, indices, axis))


@of_batches
def take_along_axis(x, indices, axis=None):
    """For each index the element at it along ``axis``; the other axes are those of ``indices``."""
    indices = as_labels("take_along_axis", values_of(indices))
    return rearranged(x, lambda places: np.take_along_axis(places, indices, axis))


@of_batches
def sort(x, axis=-1):
    """The values in ascending order along ``axis``."""
    return take_along_axis(x, np.argsort(values_of(x), axis, kind="stable"), axis)


@of_batches
def top_k(x, k, sorted=True):
    """The k largest values along the last axis, largest first, and where they stand."""
    k = whole_number("top_k", "k", k, least=1)
    order = np.argsort(-values_of(x), axis=-1, kind="stable")[..., :k]
    return take_along_axis(x, order, -1), order.astype(np.int32)


def slice(inputs, start_indices, shape):
    """The part of this shape that begins at these indices; a size of -1 goes to the end."""
    window = zip(shape_of(start_indices), shape_of(shape), np.shape(inputs), strict=True)
    # A whole axis has no end: of a batch, other ranks may have more of it.
    cut = tuple(np.s_[i : None if n == -1 or i + n == size else i + n] for i, n, size in window)
    return rearranged(inputs, lambda places: places[cut])


def neighbours(x, axis):
    """All parts along ``axis`` but the last, and all but the first."""
    before, after = (
        rearranged(x, lambda places, cut=cut: places.swapaxes(0, axis)[cut].swapaxes(0, axis))
        for cut in (np.s_[:-1], np.s_[1:])
    )
    return before, after


def diff(a, n=1, axis=-1):
    """The differences of neighbours along ``axis``, ``n`` times over."""
    a = as_tensor(a)
    for _ in range(n):
        before, after = neighbours(a, axis)
        a = after - before
    return a


def append(x1, x2, axis=None):
    """``x2`` behind ``x1`` along ``axis``; without an axis both are flattened."""
    if axis is None:
        x1, x2, axis = reshape(as_tensor(x1), -1), reshape(as_tensor(x2), -1), 0
    return concatenate([x1, x2], axis)


def hstack(xs):
    """Join along the second axis, vectors along their only one."""
    xs = [rearranged(as_tensor(x), np.atleast_1d) for x in xs]
    return concatenate(xs, 0 if xs[0].ndim == 1 else 1)


def vstack(xs):
    """Join along the first axis; a vector is a row."""
    return concatenate([rearranged(as_tensor(x), np.atleast_2d) for x in xs], 0)


def dstack(xs):
    """Join along the third axis; vectors and matrices get one of size 1."""
    return concatenate([rearranged(as_tensor(x), np.atleast_3d) for x in xs], 2)


def space_to_depth(x, block_size, data_format="channels_last"):
    """Each block of pixels as the channels of one: (N, H, W, C) -> (N, H/b, W/b, b² C)."""
    b = _checked_block("space_to_depth", block_size, data_format)

    def rearrange(places):
        N, H, W, C = places.shape
        places = places.reshape(N, H // b, b, W // b, b, C)
        return places.transpose(0, 1, 3, 2, 4, 5).reshape(N, H // b, W // b, b * b * C)

    return rearranged(x, rearrange)


def depth_to_space(x, block_size, data_format="channels_last"):
    """Channels as blocks of pixels: (N, H, W, b² C) -> (N, b H, b W, C)."""
    b = _checked_block("depth_to_space", block_size, data_format)

    def rearrange(places):
        N, H, W, C = places.shape
        places = places.reshape(N, H, W, b, b, C // (b * b))
        return places.transpose(0, 1, 3, 2, 4, 5).reshape(N, H * b, W * b, C // (b * b))

    return rearranged(x, rearrange)


def _checked_block(name, block_size, data_format):
    if data_format != "channels_last":
        raise ValueError(f"{name}: expected data_format 'channels_last', got {data_format!r}")
    return int(block_size)


BY_NUMPY = (
    "array_split", "diag", "diagflat", "diagonal", "dsplit", "flip", "fliplr", "flipud", "hsplit",
    "moveaxis", "ravel", "roll", "rot90", "swapaxes", "tril", "triu", "vsplit",
)  # fmt: skip
OPS = {name: _by_numpy(name) for name in BY_NUMPY}
FORMULAS = (
    tile, repeat, split, unstack, take, take_along_axis, sort, top_k, slice, diff, append,
    hstack, vstack, dstack, space_to_depth, depth_to_space,
)  # fmt: skip
OPS |= {function.__name__: function for function in FORMULAS}
