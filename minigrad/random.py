"""The default generator from which initializers, dropout and shuffling take their seeds.

Code that needs random numbers takes a seed (`next_seed`), its own generator (`generator`), or an
array of numbers (`normal`, `uniform`). After `set_random_seed` the same calls, in the same order,
get the same seeds.

Each thread and each process draws from a default generator of its own, so no other changes what it
draws. `set_random_seed` seeds that of its thread. A thread that did not seed begins with a child of
the main thread's generator, and anew after the main thread seeds: the first thread that draws gets
the first child. A forked process begins with a child of its parent's. So children draw other
numbers than their parents and siblings, and the same ones in every run if the parent was seeded. A
process that was started anew (spawn, forkserver) is seeded by itself, or draws new numbers.
"""

import math
import numbers
import operator
import os
import random as python_random
import sys
import threading

import numpy as np

from minigrad.config import floatx

# The limit of NumPy's legacy generator, which `set_random_seed` seeds too.
SEED_LIMIT = 2**32

_lock = threading.RLock()  # of a thread that may be interrupted by a handler that draws, too
_main = None  # the main thread's generator, made at the first use: numpy.random takes time


class _OfThread(threading.local):
    """The default generator of a thread other than the main one."""

    generator = None
    parent = None  # the main thread's generator whose child it is; None if the thread seeded itself


_own = _OfThread()


def _default():
    """The default generator of this thread."""
    global _main
    with _lock:
        _main = _main or np.random.default_rng()
        if _is_main_thread():
            return _main
        if _own.generator is None or _own.parent not in (None, _main):
            _own.generator, _own.parent = _main.spawn(1)[0], _main
        return _own.generator


def _replace(generator):
    """Give this thread another default generator; None: one that is made at the next use."""
    global _main
    with _lock:
        if _is_main_thread():
            _main = generator
        else:
            _own.generator, _own.parent = generator, None


def _exists():
    return (_main if _is_main_thread() else _own.generator) is not None


def _is_main_thread():
    return threading.get_ident() == threading.main_thread().ident


def set_random_seed(seed):
    """Seed Python's `random`, NumPy's legacy generator and this thread's default generator.

    Threads that each seed themselves train as each would alone. The first two generators are those
    of all threads: what draws from them is not repeated where several threads draw.

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
    seed = check_seed("set_random_seed", seed, SEED_LIMIT)
    python_random.seed(seed)
    np.random.seed(seed)
    _replace(np.random.default_rng(seed))


def next_seed():
    """Draw a seed, an int from 0 to 2**64 - 1, from this thread's default generator."""
    return int(_default().integers(2**64, dtype=np.uint64))


def get_state():
    """Return the state of the default generator, a dict of plain Python; None before its use."""
    return _default().bit_generator.state if _exists() else None


def set_state(state):
    """Put the default generator into a state that `get_state` returned."""
    if state is None:
        return _replace(None)
    generator = np.random.default_rng(state["state"]["state"])  # from which its children come
    generator.bit_generator.state = state
    _replace(generator)


_child = None  # the default generator of the process that is being forked
_numpys = None  # the lock of NumPy's legacy generator, which `set_random_seed` seeds


def _before_fork():
    global _child, _numpys
    _lock.acquire()  # else the child might begin while another thread holds it, for ever
    _numpys = np.random.get_bit_generator().lock if "numpy.random" in sys.modules else _lock
    _numpys.acquire()
    _child = _default().spawn(1)[0] if _exists() or _main else None  # draws nothing from it


def _after_fork():
    _numpys.release()
    _lock.release()


def _after_fork_in_child():
    global _main
    _main = _child
    _after_fork()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
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
    name : str, optional
    """

    def __init__(self, seed=None, name=None):
        self._seeds = generator(seed, "SeedGenerator")
        self.name = name or "seed_generator"

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
    given = _real("normal", mean=mean), _real("normal", 0, stddev=stddev)
    drawn = generator(seed, "normal").normal(*given, _sizes("normal", shape))
    return np.asarray(drawn, _float_type("normal", dtype))


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Return an array of numbers spread evenly from `minval` to `maxval`; the rest as `normal`."""
    dtype = _float_type("uniform", dtype)
    given = _real("uniform", minval=minval), _real("uniform", maxval=maxval)
    drawn = generator(seed, "uniform").uniform(*given, _sizes("uniform", shape))
    return np.asarray(drawn, dtype)


def randint(shape, minval, maxval, dtype="int32", seed=None):
    """Return an array of whole numbers from `minval` to `maxval` - 1; the rest as `normal`."""
    if np.dtype(dtype).kind not in "iu":
        raise ValueError(f"randint: expected a dtype of integers, got {dtype}; write uniform")
    low, high = _real("randint", minval=minval), _real("randint", maxval=maxval)
    if not (np.all(low < high) and np.all(low >= -(2.0**63)) and np.all(high <= 2.0**63)):
        raise ValueError(f"randint: expected minval below maxval, got {minval!r} and {maxval!r}")
    drawn = generator(seed, "randint").integers(minval, maxval, _sizes("randint", shape))
    return np.asarray(drawn, dtype)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """As `normal`, but numbers more than two `stddev` from `mean` are drawn again."""
    owner = "truncated_normal"
    mean, stddev = _real(owner, mean=mean), _real(owner, 0, stddev=stddev)
    numbers = draw_truncated(generator(seed, owner), _sizes(owner, shape))
    return np.asarray(mean + stddev * numbers, _float_type(owner, dtype))


def draw_truncated(generator, shape):
    """Return standard normal values in float64, drawn again until all lie between -2 and 2."""
    shape = tuple(np.atleast_1d(shape))
    values = generator.standard_normal(math.prod(shape))
    outside = np.flatnonzero(np.abs(values) > 2)
    while outside.size:
        values[outside] = generator.standard_normal(outside.size)
        outside = outside[np.abs(values[outside]) > 2]
    return values.reshape(shape)


def gamma(shape, alpha, dtype=None, seed=None):
    """Return numbers of the gamma distribution of shape `alpha` and scale 1; the rest as `normal`.

    `alpha` is a number or an array that broadcasts to `shape`.
    """
    drawn = generator(seed, "gamma").gamma(
        _real("gamma", 0, alpha=alpha), 1.0, _sizes("gamma", shape)
    )
    return np.asarray(drawn, _float_type("gamma", dtype))


def beta(shape, alpha, beta, dtype=None, seed=None):
    """Return numbers of the beta distribution, from 0 to 1; the rest as `gamma`."""
    given = _real("beta", 0, alpha=alpha), _real("beta", 0, beta=beta)
    drawn = generator(seed, "beta").beta(*given, _sizes("beta", shape))
    return np.asarray(drawn, _float_type("beta", dtype))


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """Return how many of `counts` trials succeed, each by `probabilities`; the rest as `gamma`."""
    counts = _real("binomial", 0, 2.0**62, counts=counts).astype(np.int64)
    shares = _real("binomial", 0, 1, probabilities=probabilities)
    drawn = generator(seed, "binomial").binomial(counts, shares, _sizes("binomial", shape))
    return np.asarray(drawn, _float_type("binomial", dtype))


def categorical(logits, num_samples, dtype="int32", seed=None):
    """Return classes (N, num_samples), each as often as ``softmax(logits)`` (N, K) says.

    The largest of the logits plus Gumbel noise is such a class (Maddison et al., 2014).
    """
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 2:
        raise ValueError(f"categorical: expected logits (N, K), got shape {logits.shape}")
    sizes = _sizes("categorical", (len(logits), num_samples, logits.shape[1]))
    noise = generator(seed, "categorical").gumbel(size=sizes)
    return (logits[:, None, :] + noise).argmax(-1).astype(dtype)


def shuffle(x, axis=0, seed=None):
    """Return the parts of an array or tensor along `axis` in a random order."""
    x = x if hasattr(x, "shape") else np.asarray(x)
    if not isinstance(axis, (int, np.integer)) or not -x.ndim <= axis < x.ndim:
        raise ValueError(f"shuffle: expected an axis of x {x.shape}, got {axis!r}")
    order = generator(seed, "shuffle").permutation(x.shape[axis])
    return x[(*[slice(None)] * (axis % x.ndim), order)]


def dropout(inputs, rate, noise_shape=None, seed=None):
    """Zero elements of an array or tensor with probability `rate`, divide the others by 1 - `rate`.

    Parameters
    ----------
    inputs : array or Tensor
    rate : float
        In [0, 1].
    noise_shape : tuple of int, optional
        Axes of size 1, or None in place of a size, share what is zeroed.
    seed : int or SeedGenerator, optional
    """
    if not isinstance(rate, numbers.Real) or not 0 <= rate <= 1:
        raise ValueError(f"dropout: expected a rate from 0 to 1, got {rate!r}")
    inputs = inputs if hasattr(inputs, "dtype") else np.asarray(inputs, "float32")
    sizes = inputs.shape if noise_shape is None else noise_shape
    sizes = [n or size for n, size in zip(sizes, inputs.shape, strict=True)]
    kept = generator(seed, "dropout").random(sizes) >= rate
    return inputs * np.asarray(kept / (1 - rate if rate < 1 else 1), inputs.dtype)


def _sizes(owner, shape):
    """Return a shape as a tuple of ints."""
    sizes = shape if isinstance(shape, (list, tuple, np.ndarray)) else [shape]
    try:
        sizes = tuple(map(operator.index, sizes))
    except TypeError:
        sizes = (-1,)
    if min(sizes, default=0) < 0:
        raise ValueError(f"{owner}: expected shape as a tuple of ints from 0, got {shape!r}")
    if math.prod(sizes) >= 2**60:  # bytes that no address reaches
        raise MemoryError(f"{owner}: no memory for an array of shape {sizes}")
    return sizes


def _real(owner, low=-np.inf, high=np.inf, **named):
    """Return an argument as floats, all from `low` to `high` and none NaN."""
    ((name, value),) = named.items()
    try:
        array = np.asarray(value, np.float64)
        fits = np.all((array >= low) & (array <= high))
    except (OverflowError, TypeError, ValueError):
        fits = False
    if value is None or not fits:
        raise ValueError(f"{owner}: expected {name} as numbers in [{low}, {high}], got {value!r}")
    return array


def _float_type(owner, dtype):
    """Return the dtype, by default the floats of `config`."""
    try:
        found = np.dtype(floatx() if dtype is None else dtype)
    except TypeError:
        found = None
    if found is None or found.kind != "f":
        cure = "; write randint" if found is not None and found.kind in "iu" else ""
        raise ValueError(f"{owner}: expected a dtype of floats, got {dtype!r}{cure}")
    return found


def check_seed(owner, seed, limit=2**64):
    """Return `seed` as an int below `limit`, or raise an error that begins with `owner`."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"{owner}: expected an integer seed, got {seed!r}")
    if not 0 <= seed < limit:
        raise ValueError(f"{owner}: expected a seed from 0 to {limit - 1}, got {seed}")
    return int(seed)
