"""Which implementation of the kernels runs, and on how many threads.

The compiled modules, or, with ``MINIGRAD_KERNELS=reference`` in the environment, their NumPy twins
of ``reference.py``. Nothing falls back silently: a missing build is an ImportError.
"""

import os

__all__ = ["get_num_threads", "set_num_threads"]

_choice = os.environ.get("MINIGRAD_KERNELS", "compiled")
if _choice == "reference":
    from minigrad.kernels.reference import *  # noqa: F403
elif _choice == "compiled":
    try:
        from minigrad.kernels._conv import *  # noqa: F403
        from minigrad.kernels._matmul import *  # noqa: F403
        from minigrad.kernels._nn import *  # noqa: F403
        from minigrad.kernels._optim import *  # noqa: F403
        from minigrad.kernels._pool import *  # noqa: F403
    except ImportError as error:
        raise ImportError(
            f"minigrad: its compiled kernels are missing or do not load ({error}). Build them "
            "with `pip install -e .` in the source folder (needs a C compiler), or set "
            "MINIGRAD_KERNELS=reference to run the slow NumPy versions. If you did install "
            "minigrad, a source folder of that name is hiding it: start Python elsewhere."
        ) from error
else:
    raise ImportError(
        f"minigrad: expected MINIGRAD_KERNELS to be 'compiled' or 'reference', got {_choice!r}"
    )


def _available_cores():
    try:
        return len(os.sched_getaffinity(0))  # the cores this process may use
    except AttributeError:
        return os.cpu_count() or 1


def _check_num_threads(value, source):
    try:
        number = int(value)
    except (OverflowError, TypeError, ValueError):
        number = 0
    if not 1 <= number <= _most_threads or number != float(value):
        raise ValueError(
            f"{source}: expected a whole number of threads from 1 to 1024, or 1 in a forked "
            f"process, got {value!r}"
        )
    return number


def _default_num_threads():
    for name in ("MINIGRAD_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").split(",")[0]  # OMP_NUM_THREADS may list nested levels
        if value:
            return _check_num_threads(value, name)
    return _available_cores()


_most_threads = 1024  # OpenMP crashes when it cannot start as many as it shall
_num_threads = _default_num_threads()


def get_num_threads():
    """How many threads a kernel may use."""
    return _num_threads


def set_num_threads(number):
    """Let kernels use up to ``number`` threads. Results do not depend on it, to the last bit.

    The number at the start is ``MINIGRAD_NUM_THREADS``, else ``OMP_NUM_THREADS``, else the number
    of cores that the process may use.
    """
    global _num_threads
    _num_threads = _check_num_threads(number, "set_num_threads")


def _after_fork():
    """Stay with one thread: OpenMP's others do not survive a fork, and it would wait for them."""
    global _most_threads, _num_threads
    _most_threads = _num_threads = 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
