"""The one default generator from which initializers, dropout and shuffling take their seeds.

Code that needs random numbers takes a seed (`next_seed`), its own generator (`generator`), or an
array of numbers (`normal`, `uniform`). After `set_random_seed` the same calls, in the same order,
get the same seeds. A forked process goes on with a generator of its own: the seeds of its parent
and its siblings are others, and the same in every run.
"""

import os
import random as python_random
import threading

import numpy as np

from minigrad.config import floatx

# The limit of NumPy's legacy generator, which `set_random_seed` seeds too.
SEED_LIMIT = 2**32

_lock = threading.Lock()
_default = None  # made at the first use: importing numpy.random takes time


def set_random_seed(seed):
    """Seed Python's `random`, NumPy's legacy generator and minigrad's default generator.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.

    Raises
    ------
    TypeError
        If `seed` is not an integer.
    ValueError
        If `seed` is out of range.
    """
    global _default
    seed = check_seed("set_random_seed", seed, SEED_LIMIT)
    python_random.seed(seed)
    np.random.seed(seed)
    with _lock:
        _default = np.random.default_rng(seed)


def next_seed():
    """Draw a seed, an int from 0 to 2**64 - 1, from the default generator."""
    global _default
    with _lock:
        if _default is None:
            _default = np.random.default_rng()
        return int(_default.integers(2**64, dtype=np.uint64))


def get_state():
    """Return the state of the default generator, a dict of plain Python; None before its use."""
    with _lock:
        return None if _default is None else _default.bit_generator.state


def set_state(state):
    """Put the default generator into a state that `get_state` returned."""
    global _default
    with _lock:
        _default = None if state is None else np.random.default_rng(0)
        if state is not None:
            _default.bit_generator.state = state


_child = None  # the default generator of the process that is being forked


def _before_fork():
    global _child
    _lock.acquire()  # else the child might begin while another thread holds it, for ever
    _child = None if _default is None else _default.spawn(1)[0]  # draws nothing from _default


def _after_fork_in_child():
    global _default
    _default = _child
    _lock.release()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(
        before=_before_fork, after_in_parent=_lock.release, after_in_child=_after_fork_in_child
    )


def generator(seed=None, owner="generator"):
    """Return a new `numpy.random.Generator`, from `seed` or from the next seed."""
    if isinstance(seed, SeedGenerator):
        seed = seed.next()
    elif seed is None:
        seed = next_seed()
    return np.random.default_rng(check_seed(owner, seed))


class SeedGenerator:
    """One seed after another: a layer that keeps one draws other numbers at each call.

    Parameters
    ----------
    seed : int, optional
        The same seed gives the same series. Default: the next seed of the default generator.
    """

    def __init__(self, seed=None):
        self._seeds = generator(seed, "SeedGenerator")

    def next(self):
        """Return the next seed."""
        return int(self._seeds.integers(2**64, dtype=np.uint64))


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Return an array of numbers from a normal distribution.

    Parameters
    ----------
    shape : tuple of int
    mean, stddev : float
    dtype : {"float32", "float64"}, optional
        Default: ``config.floatx()``, float32.
    seed : int or SeedGenerator, optional
        An int gives the same numbers each time. Default: the next seed of the default generator.
    """
    return generator(seed, "normal").normal(mean, stddev, shape).astype(dtype or floatx())


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Return an array of numbers spread evenly from `minval` to `maxval`; the rest as `normal`."""
    return generator(seed, "uniform").uniform(minval, maxval, shape).astype(dtype or floatx())


def check_seed(owner, seed, limit=2**64):
    """Return `seed` as an int below `limit`, or raise an error that begins with `owner`."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"{owner}: expected an integer seed, got {seed!r}")
    if not 0 <= seed < limit:
        raise ValueError(f"{owner}: expected a seed from 0 to {limit - 1}, got {seed}")
    return int(seed)
