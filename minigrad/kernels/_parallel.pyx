"""What all kernels share: the pool of threads (pool.h), and memory for the time of a call."""

import os

from libc.stdlib cimport free, malloc

cdef extern from "pool.h" nogil:
    void pool_run(Task task, void* arguments, Py_ssize_t count, int threads)
    void pool_after_fork()


cdef void run_tasks(Task task, void* arguments, Py_ssize_t count, int threads) noexcept nogil:
    """Call task(arguments, index, worker) for every index below count, on up to `threads`."""
    pool_run(task, arguments, count, threads)


cdef class _Memory:
    """So many bytes, freed with the last name of the object."""

    def __cinit__(self, Py_ssize_t size):
        self.data = malloc(max(size, 1))
        if self.data is NULL:
            raise MemoryError(f"minigrad: no memory for {size} bytes")

    def __dealloc__(self):
        free(self.data)


def _after_fork():
    pool_after_fork()


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_after_fork)
