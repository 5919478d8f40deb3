"""Memory: scratch for the time of a call, and arrays that begin at a cache line (aligned_memory.h).

A training step allocates and frees tens of megabytes. glibc returns such blocks to the system and
fetches them again, page by page, in every step: a third of the step's time. The limits set here let
glibc keep up to 512 MB of freed memory, for the whole process; therefore they are set only when a
kernel makes its first large array, not at import. MINIGRAD_KEEP_MEMORY=0 in the environment leaves
glibc's defaults. With other C libraries nothing changes.
"""

import os

import numpy as np

from minigrad.kernels.runtime.numpy cimport import_array, ndarray

cdef extern from *:
    """
    #include "aligned_memory.h"
    static PyDataMem_Handler aligned_handler = {
        "minigrad: at a cache line", 1,
        {NULL, aligned_malloc, aligned_calloc, aligned_realloc, aligned_free}
    };
    #define new_handler() PyCapsule_New(&aligned_handler, "mem_handler", NULL)
    """
    void* aligned_malloc(void* context, size_t size)
    void aligned_free(void* context, void* data, size_t size)
    void keep_freed_memory()
    object new_handler()
    object PyDataMem_SetHandler(object handler)

import_array()

cdef enum:
    ALIGN_FROM = 8192  # bytes from which on it counts where an array begins

cdef object handler = new_handler()

cdef bint allocator_is_set = os.environ.get("MINIGRAD_KEEP_MEMORY") == "0"


cdef class Memory:
    """`size` bytes that begin at a cache line. They are freed when the object is."""

    def __cinit__(self, Py_ssize_t size):
        self.data = aligned_malloc(NULL, size)
        if self.data is NULL:
            raise MemoryError(f"minigrad: no memory for {size} bytes")

    def __dealloc__(self):
        aligned_free(NULL, self.data, 0)


def empty(
    tuple shape,
    dtype,        # np.dtype
):
    """Return np.empty(shape, dtype); if it is large, it begins at a cache line."""
    cdef double size = dtype.itemsize, n
    for n in shape:
        size *= n
    if size > 2.0**62:  # more than NumPy can count
        raise MemoryError(f"minigrad: no memory for an array {shape} of {dtype}")
    if size < ALIGN_FROM:
        return np.empty(shape, dtype)
    global allocator_is_set
    if not allocator_is_set:
        keep_freed_memory()
        allocator_is_set = True
    others = PyDataMem_SetHandler(handler)  # of this thread; the array remembers who frees it
    try:
        return np.empty(shape, dtype)
    finally:
        PyDataMem_SetHandler(others)


def aligned(ndarray array):
    """Return a copy of the array in such memory."""
    copy = empty((<object>array).shape, (<object>array).dtype)
    copy[...] = array
    return copy
