"""The pool of threads: what kernels cut their work into, and who runs it."""

cdef extern from "tasks.h" nogil:
    ctypedef void (*Task)(void* arguments, Py_ssize_t index, int worker) noexcept nogil
    enum:
        CHUNK
    Py_ssize_t chunk_count(Py_ssize_t size)
    Py_ssize_t chunk_begin(Py_ssize_t size, Py_ssize_t index)

cdef enum:
    # Waking a second thread costs 5 to 10 microseconds, about what 16,384 elements cost one.
    PARALLEL_FROM = 32768

cdef void run_tasks(Task task, void* arguments, Py_ssize_t count, int threads) noexcept nogil


cdef inline int team_size(Py_ssize_t elements, int threads) noexcept nogil:
    """Return the threads that share a loop over so many elements: one where it is short."""
    return threads if threads > 1 and elements >= PARALLEL_FROM else 1


cdef inline void run_chunks(Task task, void* arguments, Py_ssize_t size, int threads) noexcept:
    """Run a task on every chunk of `size` independent elements, without the GIL."""
    with nogil:
        run_tasks(task, arguments, chunk_count(size), team_size(size, threads))
