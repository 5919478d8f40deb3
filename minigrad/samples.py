"""Which samples of a batch this process computes: all of them, unless ranks share the work.

`minigrad.distribution` sets what is here. Layers, ops and data only ask.
"""

import threading
from typing import NamedTuple

door = None  # door(layer, x, others, training, options) runs an outermost call on the share


class Share(NamedTuple):
    """The samples here: `first` up to `last` of `total`, cut at `cuts`, which hold both ends."""

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
