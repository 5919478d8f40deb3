"""Which samples of a batch this process computes: all of them, unless ranks share the work.

`minigrad.distribution` sets what is here. Layers, ops and data only ask.
"""

import functools
import threading
from typing import NamedTuple

import numpy as np

door = None  # of `distribution`: door(layer, x, others, training, options) runs an outermost call


class Share(NamedTuple):
    """The samples here: `first` up to `last` of `total`, cut at `cuts`, counted from `first`."""

    first: int
    last: int
    total: int
    cuts: tuple


class _Here(threading.local):
    share = None  # a Share while a layer's outermost call runs on one


here = _Here()


def share():
    """The Share of the call that runs now; None where all samples are here."""
    return here.share


def statistics(measure, x, array):
    """``measure(array)``: mean, variance and rest of the Tensor ``x``, whose values are ``array``.

    Of the whole batch, if ranks share it.
    """
    return door.statistics(measure, x._rows, array) if x._rows else measure(array)


def number(x):
    """How many rows the Tensor ``x`` has in the whole batch."""
    return x._rows * here.share.total if x._rows else len(x)


def draw(draw, x, sizes=None):
    """Return ``draw(shape)``, random numbers for the rows of the Tensor ``x`` that are here.

    Parameters
    ----------
    draw : callable
        Called with the shape that the numbers of the whole batch have, on every rank.
    x : Tensor
    sizes : tuple of int or None, optional
        The shape, where None is the size of ``x``. Default: that of ``x``.
    """
    sizes = sizes or (None,) * x.ndim
    shape = [n or size for n, size in zip(sizes, x.shape, strict=False)]
    if not x._rows or sizes[0]:
        return draw(shape)
    rows, share = x._rows, here.share
    return draw([rows * share.total, *shape[1:]])[rows * share.first : rows * share.last]


def of_batches(function):
    """Give a function that asks NumPy the whole batch, if ranks share it."""

    @functools.wraps(function)
    def whole(*arguments, **options):
        if here.share is None:
            return function(*arguments, **options)
        return door.call_whole(function, arguments, options)

    return whole


class Rows(np.ndarray):
    """An array of which each row belongs to a sample here: what a layer has computed by NumPy."""


def like(x, array):
    """``array``, marked as Rows if the Tensor ``x``, of as many rows, is a part of the batch."""
    return array.view(Rows) if x._rows == 1 else array
