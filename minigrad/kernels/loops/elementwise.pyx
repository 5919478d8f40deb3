"""Functions of single elements: activations, their gradients, and arithmetic on large arrays.

The formulas, each next to its gradient, are the table of activations.c.
"""

from minigrad.kernels.runtime.arrays cimport check_apart, check_array, float_kind
from minigrad.kernels.runtime.numpy cimport NPY_FLOAT, PyArray_SIZE, import_array, ndarray
from minigrad.kernels.runtime.threads cimport chunk_begin, chunk_count, run_tasks, team_size

import_array()

cdef extern from "activations.h" nogil:
    ctypedef void (*ElementLoop)(
        const void* x, const void* y, void* z, double alpha, Py_ssize_t begin, Py_ssize_t end
    ) noexcept nogil
    ElementLoop activations_float(const char* name)
    ElementLoop activations_double(const char* name)

cdef struct Job:
    ElementLoop loop
    Py_ssize_t size
    void* x
    void* y
    void* z
    double alpha


def elementwise(
    str function not None, ndarray x not None, ndarray y, ndarray z not None, double alpha,
    int threads,
):
    """Compute z = function(x) or z = function(x, y), one of the functions in activations.c.

    IN x (size,), y (size,) or None; OUT z (size,), may be x or y. Some functions have a constant,
    alpha.
    """
    cdef int kind = float_kind(function, x)
    cdef Py_ssize_t size = PyArray_SIZE(x)
    cdef Job job
    job.size, job.alpha = size, alpha
    job.x = check_array(function, "x", x, kind, (size,), False)
    job.z = check_array(function, "z", z, kind, (size,), True)
    job.y = check_array(function, "y", x if y is None else y, kind, (size,), False)
    check_apart(function, z, None if job.z == job.x else x, None if job.z == job.y else y)
    name = function.encode()
    job.loop = activations_float(name) if kind == NPY_FLOAT else activations_double(name)
    if job.loop is NULL:
        raise ValueError(f"elementwise: expected a function of activations.c, got {function!r}")
    with nogil:
        run_tasks(run_chunk, &job, chunk_count(size), team_size(size, threads))


cdef void run_chunk(void* arguments, Py_ssize_t index, int worker) noexcept nogil:
    cdef Job* job = <Job*>arguments
    cdef Py_ssize_t begin = chunk_begin(job.size, index), end = chunk_begin(job.size, index + 1)
    job.loop(job.x, job.y, job.z, job.alpha, begin, end)
