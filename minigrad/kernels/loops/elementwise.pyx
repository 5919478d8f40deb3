"""Functions of single elements: activations, their gradients, and arithmetic on large arrays.

The formulas, each next to its gradient, are the table of activations.c.
"""

from cython cimport floating
from libc.string cimport strcmp

from minigrad.kernels.runtime.threads cimport chunk_begin, chunk_count, run_tasks, team_size

cdef extern from "activations.h" nogil:
    ctypedef struct Elements:
        Py_ssize_t size
        const void* x
        const void* y
        void* z
        double alpha

    ctypedef void (*ElementLoop)(const Elements*, Py_ssize_t begin, Py_ssize_t end) noexcept nogil
    ctypedef struct NamedLoop:
        const char* name
        ElementLoop loop
    const NamedLoop* activations_float
    const NamedLoop* activations_double

cdef struct Job:
    ElementLoop loop
    Elements elements


cdef ElementLoop find_loop(bytes name, const NamedLoop* row) except NULL:
    while row.name is not NULL:
        if strcmp(row.name, name) == 0:
            return row.loop
        row += 1
    raise ValueError(
        f"elementwise: expected a function of the table in activations.c, got {name.decode()!r}"
    )


cdef void run_chunk(void* arguments, Py_ssize_t index, int worker) noexcept nogil:
    cdef Job* job = <Job*>arguments
    cdef Py_ssize_t size = job.elements.size
    job.loop(&job.elements, chunk_begin(size, index), chunk_begin(size, index + 1))


def elementwise(
    str function,
    const floating[::1] x,  # IN (size,)
    const floating[::1] y,  # IN (size,), or None
    floating[::1] z,        # OUT (size,), may be x or y
    double alpha,
    int threads,
):
    """Compute z = function(x) or z = function(x, y), one of the functions in activations.c.

    Some have a constant, alpha.
    """
    for name, length in (("z", z.shape[0]), ("y", x.shape[0] if y is None else y.shape[0])):
        if length != x.shape[0]:
            raise ValueError(f"{function}: expected {name} of length {x.shape[0]}, got {length}")
    cdef Job job
    if floating is float:
        job.loop = find_loop(function.encode(), activations_float)
    else:
        job.loop = find_loop(function.encode(), activations_double)
    if x.shape[0] == 0:
        return
    job.elements.size, job.elements.alpha = x.shape[0], alpha
    job.elements.x, job.elements.z = &x[0], &z[0]
    job.elements.y = job.elements.x if y is None else &y[0]
    with nogil:
        run_tasks(run_chunk, &job, chunk_count(x.shape[0]), team_size(x.shape[0], threads))
