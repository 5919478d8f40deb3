"""The kernels: which implementation of them runs, and on how many threads.

``MINIGRAD_KERNELS`` in the environment chooses one of three:

- ``reference``: the NumPy twins of reference.py. The engine and the ops run as plain Python too:
  a debugger can step through all of it.
- ``plain``: the loops (loops/), and the products in plain Cython (products/plain.pyx).
- ``fast``: the loops, and the products in C micro-kernels (products/). This is the default.

Loops and fast products are built once for each instruction set, and the best one that the processor
has is imported; ``MINIGRAD_SIMD`` limits it to a lower one. Where nothing was built, the default is
``reference``, with a warning; without one in the pure wheel, which is made for machines that no
other wheel is for.
"""

import importlib
import os
import warnings
from importlib.util import find_spec
from pathlib import Path

__all__ = ["get_num_threads", "set_num_threads"]

PURE = Path(__file__).with_name("pure.txt").exists()  # setup.py adds it to the pure wheel
MOST_THREADS = 256  # the caller and MOST_HELPERS of thread_pool.h
INSTRUCTION_SETS = ("baseline", "avx2", "avx512")  # each has all that the ones before it have
LOOPS = ("dropout", "elementwise", "losses", "normalization", "optimizers", "pooling")
HOW_TO_BUILD = (
    "Build them with `pip install -e .` in the source folder (needs a C compiler). If you did "
    "install minigrad, a source folder of that name is hiding it: start Python elsewhere."
)


# --- which implementation ------------------------------------------------------------------------


def levels():
    """The instruction sets that the kernels were built for and that this processor has."""
    from minigrad.kernels.runtime.threads import best_instruction_set

    usable = INSTRUCTION_SETS[: INSTRUCTION_SETS.index(best_instruction_set()) + 1]
    built = [name for name in usable if find_spec(f"minigrad.kernels.loops.pooling_{name}")]
    return tuple(built or usable)  # where none was built, loading says so


def load(kind, instruction_set=None):
    """The functions of one implementation by their names.

    Parameters
    ----------
    kind : {"reference", "plain", "fast"}
    instruction_set : str
        One of ``levels()``; the reference needs none.

    Raises
    ------
    ImportError
        If it was not built.
    """
    modules = ["reference"]
    if kind != "reference":
        modules = [f"loops.{family}_{instruction_set}" for family in LOOPS]
        modules += ["runtime.memory", "runtime.small_arrays"]
        fast = [f"products.gemm_{instruction_set}", f"products.conv_{instruction_set}"]
        modules += ["products.plain"] if kind == "plain" else fast
    functions = {}
    for module in modules:
        found = vars(importlib.import_module(f"minigrad.kernels.{module}"))
        public = [name for name in found if not name.startswith("_")]
        functions |= {n: found[n] for n in public if type(found[n]).__name__ in ROUTINES}
    return functions


ROUTINES = ("function", "cython_function_or_method", "fused_cython_function")


def _choose():
    """The kind and its functions, as the environment asks for."""
    kind, simd = os.environ.get("MINIGRAD_KERNELS"), os.environ.get("MINIGRAD_SIMD")
    for variable, value, known in (
        ("MINIGRAD_KERNELS", kind, ("reference", "plain", "fast")),
        ("MINIGRAD_SIMD", simd, INSTRUCTION_SETS),
        ("MINIGRAD_WINOGRAD", os.environ.get("MINIGRAD_WINOGRAD"), ("0", "1")),
        ("MINIGRAD_KEEP_MEMORY", os.environ.get("MINIGRAD_KEEP_MEMORY"), ("0", "1")),
    ):
        if value and value not in known:
            expected = ", ".join(map(repr, known))
            raise ImportError(
                f"minigrad: expected {variable} to be one of {expected}, got {value!r}"
            )
    if kind == "reference" or (PURE and not kind):
        return "reference", load("reference")
    try:
        from minigrad.kernels.runtime.threads import default_kind

        usable = levels()
        level = simd if simd in usable else usable[-1]
        return kind or default_kind(), load(kind or default_kind(), level)
    except ImportError as error:
        fault = f"minigrad: its compiled kernels are missing or do not load ({error}). "
        fault = "minigrad: the pure wheel has no compiled kernels. " if PURE else fault
        if kind:
            raise ImportError(fault + HOW_TO_BUILD) from error
        meanwhile = "The slow NumPy versions run in their place. "
        warnings.warn(fault + meanwhile + HOW_TO_BUILD, RuntimeWarning, stacklevel=2)
        return "reference", load("reference")


kind, _functions = _choose()
globals().update(_functions)


# --- how many threads ----------------------------------------------------------------------------


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
        with open(own, encoding="utf-8") as file:
            group = Path(root, file.read().rpartition("0::/")[2].strip())
        for folder in (group, *group.parents):  # a limit of an outer group holds as well
            if folder.is_relative_to(root) and (folder / "cpu.max").exists():
                granted, period = (folder / "cpu.max").read_text("utf-8").split()
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
    of cores that the process may use. Threads beyond the new number end.
    """
    global _num_threads
    _num_threads = _check_num_threads(number, "set_num_threads")
    if kind != "reference":
        from minigrad.kernels.runtime.threads import end_helpers

        end_helpers(_num_threads - 1)
