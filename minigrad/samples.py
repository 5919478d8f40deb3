"""Which samples of a batch this process computes: all of them, unless ranks share the work.

`minigrad.distribution` sets what is here. Layers, ops and data only ask.
"""

import functools
import threading
from typing import NamedTuple

import numpy as np

from minigrad.core import values_here

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
    values_here(x)  # known only then: whether ranks share it
    drawn = draw([n or size for n, size in zip(sizes, x.shape, strict=False)])
    return drawn if x._rows is None or sizes[0] else x._rows.own(drawn)


def of_batches(function):
    """Give a function that asks NumPy the whole batch at once, if ranks share it."""

    @functools.wraps(function)
    def whole(*arguments, **options):
        if here.share is None:
            return function(*arguments, **options)
        return door.call_whole(function, arguments, options)

    return whole


class Rows(np.ndarray):
    """Whole numbers, of which each row belongs to a sample here."""


def like(x, array):
    """``array``, marked as Rows if the Tensor ``x``, of as many rows, is a part of the batch."""
    return array.view(Rows) if x._rows == 1 else array


def numbers(x):
    """The numbers of the rows of the Tensor ``x`` that are here, to look them up."""
    return like(x, np.arange(len(values_here(x))))
