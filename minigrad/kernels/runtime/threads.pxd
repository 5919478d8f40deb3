"""The pool of threads: what kernels cut their work into, and who runs it."""

cdef extern from "tasks.h" nogil:
    ctypedef void (*Task)(void* arguments, Py_ssize_t index, int worker) noexcept nogil
    enum:
        CHUNK
    Py_ssize_t chunk_count(Py_ssize_t size)
    Py_ssize_t chunk_begin(Py_ssize_t size, Py_ssize_t index)

cdef enum:
    # Waking a second thread costs about 8 us, as much as 16,384 elements cost one thread.
    PARALLEL_FROM = 32768

# A loop over the items begin to end - 1; data is the array that it writes to.
ctypedef void (*FloatLoop)(void* arguments, float* data, Py_ssize_t, Py_ssize_t) noexcept nogil
ctypedef void (*DoubleLoop)(void* arguments, double* data, Py_ssize_t, Py_ssize_t) noexcept nogil

cdef struct Loop:
    FloatLoop of_float
    DoubleLoop of_double
    bint is_float  # which of the two runs
    void* arguments
    void* data
    Py_ssize_t size, step

cdef void run_tasks(Task task, void* arguments, Py_ssize_t count, int threads) noexcept nogil
cdef void run_part(void* loop, Py_ssize_t index, int worker) noexcept nogil


cdef inline int team_size(Py_ssize_t elements, int threads) noexcept nogil:
    """Return how many threads share a loop over `elements`: one if it is short."""
    return threads if threads > 1 and elements >= PARALLEL_FROM else 1


cdef inline void run_loop(
    FloatLoop of_float, DoubleLoop of_double, bint is_float, void* arguments, void* data,
    Py_ssize_t size, Py_ssize_t step, Py_ssize_t elements, int threads,
) noexcept:
    """Run a loop over `size` items, `step` in each task, without the GIL.

    A step of 0 cuts independent elements into the chunks of tasks.h. `elements` are the work.
    """
    cdef Loop loop = Loop(of_float, of_double, is_float, arguments, data, size, step)
    cdef Py_ssize_t tasks = chunk_count(size) if step == 0 else (size + step - 1) // step
    with nogil:
        run_tasks(run_part, &loop, tasks, team_size(elements, threads))
