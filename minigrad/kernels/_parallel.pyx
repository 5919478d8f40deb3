"""What all kernels share: how their tasks are given to threads, and memory for the time of a call.

A training step allocates and frees tens of megabytes. glibc returns such blocks to the system and
fetches them anew, page by page, in every step: a third of the step's time. With the two limits set
here it keeps up to 256 MB of freed memory. Other C libraries decide for themselves.
"""

from cython.parallel cimport prange, threadid
from libc.stdlib cimport free, malloc

cdef extern from *:
    """
    #include <stdlib.h>
    #ifdef __GLIBC__
    #include <malloc.h>
    static void keep_freed_memory(void)
    {
        mallopt(M_MMAP_THRESHOLD, 32 << 20);  /* the largest that glibc accepts */
        mallopt(M_TRIM_THRESHOLD, 256 << 20);
    }
    #else
    static void keep_freed_memory(void) {}
    #endif
    """
    void keep_freed_memory()

keep_freed_memory()


cdef void run_tasks(Task task, void* arguments, Py_ssize_t count, int threads) noexcept nogil:
    """Call task(arguments, index, worker) for every index below count, on up to `threads`.

    Whoever is free takes the next index; worker, below `threads`, tells the threads apart.
    """
    cdef Py_ssize_t index
    for index in prange(count, num_threads=threads, schedule="dynamic"):
        task(arguments, index, threadid())


cdef class _Memory:
    """So many bytes, freed with the last name of the object."""

    def __cinit__(self, Py_ssize_t size):
        self.data = malloc(max(size, 1))
        if self.data is NULL:
            raise MemoryError(f"minigrad: no memory for {size} bytes")

    def __dealloc__(self):
        free(self.data)
