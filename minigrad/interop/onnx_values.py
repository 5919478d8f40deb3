"""What is known of an ONNX file's values while a model is made of its nodes.

A value is a Symbol, or several in different orders of axes: layers give images with the channels
last, ONNX's axes have them first. As in `onnx_graph`, it is turned where a node needs another
order, by a Permute, and two that cancel leave none.
"""

import numpy as np

from minigrad import layers, ops


class Held:
    """A value to come.

    Attributes
    ----------
    symbols : dict from tuple to Symbol
        From an order of axes to the Symbol in that order; the first one is its home. In the order
        (0, 2, 3, 1), the Symbol's last axis is ONNX's axis 1.
    """

    def __init__(self, symbols):
        self.symbols = symbols

    @classmethod
    def plain(cls, symbol):
        """Return the value of a Symbol that has ONNX's own order."""
        return cls({tuple(range(symbol.ndim)): symbol})

    @property
    def home(self):
        return next(iter(self.symbols))

    @property
    def rank(self):
        return len(self.home)

    @property
    def shape(self):
        """Sizes in ONNX's order, None where one is unknown."""
        sizes = self.symbols[self.home].shape
        return tuple(sizes[self.home.index(axis)] for axis in range(self.rank))

    @property
    def dtype(self):
        return self.symbols[self.home].dtype

    def at(self, axis):
        """Where one of ONNX's axes is in the home order."""
        return self.home.index(axis % self.rank)

    def named(self, order):
        """Return the Symbol in an order of axes."""
        if order not in self.symbols:
            symbol, turn = self.symbols[self.home], [self.home.index(axis) for axis in order]
            if turn[0] == 0:
                self.symbols[order] = layers.Permute(turn[1:])(symbol)
            else:
                self.symbols[order] = ops.transpose(symbol, turn)
        return self.symbols[order]

    @property
    def first(self):
        """The Symbol in ONNX's order, with the channels first."""
        return self.named(tuple(range(self.rank)))

    @property
    def last(self):
        """The Symbol with the channels last."""
        return self.named(channels_last(self.rank))

    @property
    def flat(self):
        """A Symbol whose numbers lie in ONNX's order: axes of size 1 may stand anywhere."""
        long = [axis for axis in self.home if axis == 0 or self.shape[axis] != 1]
        return self.symbols[self.home] if long == sorted(long) else self.first

    def permute(self, axes):
        """Return it with its axes in another order, which takes no layer by itself."""
        turned = {tuple(axes.index(a) for a in order): s for order, s in self.symbols.items()}
        return Held(turned)

    def apply(self, function):
        """Return what an op or layer makes of it that works in every order of axes."""
        return Held({self.home: function(self.symbols[self.home])})

    def without(self, axes, function):
        """Return what an op makes of it that drops axes; it is given their places."""
        kept = [axis for axis in self.home if axis not in axes]
        order = self.home if kept == sorted(kept) else tuple(range(self.rank))
        places = tuple(sorted(order.index(axis) for axis in axes))
        return Held.plain(function(self.named(order), places))


def channels_last(rank):
    """The order of axes with axis 1 behind all others: (0, 2, 3, 1) for images."""
    return (0, *range(2, rank), 1) if rank > 2 else tuple(range(rank))


def each(function, *values):
    """Return what an op makes of values and constants, element by element."""
    held = [value for value in values if isinstance(value, Held)]
    rank = max(value.rank if isinstance(value, Held) else value.ndim for value in values)
    fits = all(value.rank == rank for value in held)
    order = held[0].home if fits else tuple(range(rank))

    def argument(value):
        if isinstance(value, Held):
            return value.named(order) if fits else value.first
        if value.ndim == 0:
            return value.item()
        wide = value.reshape((1,) * (rank - value.ndim) + value.shape)
        return np.ascontiguousarray(wide.transpose(order))

    return Held({order: function(*map(argument, values))})
