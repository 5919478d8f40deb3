"""Which implementation of the kernels runs, and on how many threads.

The compiled modules, or, with ``MINIGRAD_KERNELS=reference`` in the environment, their NumPy twins
of ``reference.py``. Nothing falls back silently: a missing build is an ImportError.
"""

import os
from pathlib import Path

__all__ = ["get_num_threads", "set_num_threads"]

MOST_THREADS = 256  # as in pool.h

_choice = os.environ.get("MINIGRAD_KERNELS", "compiled")
if _choice == "reference":
    from minigrad.kernels.reference import *  # noqa: F403
elif _choice == "compiled":
    try:
        from minigrad.kernels._arrays import *  # noqa: F403
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
    """The cores that this process may use: by its affinity, and by the limit of its container."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    return max(1, min(cores, round(_container_limit())))


def _container_limit(root="/sys/fs/cgroup", own="/proc/self/cgroup"):
    """How many cores' time Linux's control groups (version 2) grant this process."""
    limit = MOST_THREADS
    try:
        with open(own) as file:
            group = Path(root, file.read().rpartition("0::/")[2].strip())
        for folder in (group, *group.parents):  # a limit of an outer group holds as well
            if folder.is_relative_to(root) and (folder / "cpu.max").exists():
                granted, period = (folder / "cpu.max").read_text().split()
                limit = limit if granted == "max" else min(limit, int(granted) / int(period))
    except (OSError, ValueError):
        pass  # no Linux, or no control groups: no limit
    return limit


def _check_num_threads(value, source):
    try:
        number = int(value)
    except (OverflowError, TypeError, ValueError):
        number = 0
    if not 1 <= number <= MOST_THREADS or number != float(value):
        raise ValueError(
            f"{source}: expected a whole number of threads from 1 to {MOST_THREADS}, got {value!r}"
        )
    return number


def _default_num_threads():
    if value := os.environ.get("MINIGRAD_NUM_THREADS"):
        return _check_num_threads(value, "MINIGRAD_NUM_THREADS")
    value = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]  # it may list nested levels
    return int(value) if value.isdigit() and 1 <= int(value) <= MOST_THREADS else _available_cores()


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
