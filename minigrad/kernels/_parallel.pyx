"""What all kernels share: the pool of threads (pool.h), and memory for the time of a call.

A training step allocates and frees tens of megabytes. glibc returns such blocks to the system and
fetches them anew, page by page, in every step: a third of the step's time. With the limits set here
it keeps up to 512 MB of freed memory. Other C libraries decide for themselves.
"""

import os

cdef extern from "aligned.h":
    void* aligned_malloc(void* context, size_t size)
    void aligned_free(void* context, void* data, size_t size)

cdef extern from *:
    """
    #include <stdlib.h>
    #ifdef __GLIBC__
    #include <malloc.h>
    static void keep_freed_memory(void)
    {
        mallopt(M_MMAP_MAX, 0);  /* no block apart from the heap, however large */
        mallopt(M_TRIM_THRESHOLD, 512 << 20);
    }
    #else
    static void keep_freed_memory(void) {}
    #endif
    """
    void keep_freed_memory()

cdef extern from "pool.h" nogil:
    void pool_run(Task task, void* arguments, Py_ssize_t count, int threads)
    void pool_after_fork()

keep_freed_memory()


cdef void run_tasks(Task task, void* arguments, Py_ssize_t count, int threads) noexcept nogil:
    """Call task(arguments, index, worker) for every index below count, on up to `threads`."""
    pool_run(task, arguments, count, threads)


cdef class _Memory:
    """So many bytes at a cache line, freed with the last name of the object."""

    def __cinit__(self, Py_ssize_t size):
        self.data = aligned_malloc(NULL, size)
        if self.data is NULL:
            raise MemoryError(f"minigrad: no memory for {size} bytes")

    def __dealloc__(self):
        aligned_free(NULL, self.data, 0)


def _after_fork():
    pool_after_fork()


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_after_fork)
