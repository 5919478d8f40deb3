"""Dropout: each element is kept or dropped by a hash of the seed and the element's number.

No random numbers are drawn one after the other. So no mask is stored, the backward pass is the same
call on the gradient, and any thread can begin anywhere: a counter-based generator (Salmon et al.,
"Parallel random numbers: as easy as 1, 2, 3", 2011).

Elements are hashed in blocks of 4,096. SplitMix64 turns the seed and the block's number into a
64-bit key; its two halves enter a 32-bit hash of the position in the block, one at the beginning
and one half-way (dropout.h). That leaves only 32-bit arithmetic for each element, which vectorizes.
One half is not enough: blocks whose keys share the upper bits would repeat each other.
"""

from cython cimport floating
from libc.stdint cimport uint32_t, uint64_t

from minigrad.kernels.loops.dropout cimport BLOCK, Dropout, dropout_of, mix32, mix64
from minigrad.kernels.runtime.arrays cimport check_apart, check_array, float_kind
from minigrad.kernels.runtime.numpy cimport NPY_FLOAT, PyArray_SIZE, import_array, ndarray
from minigrad.kernels.runtime.threads cimport run_loop

import_array()

cdef struct Input:
    void* x
    Dropout dropout


def dropout(
    ndarray x not None, ndarray y not None, double rate, unsigned long long seed, int threads,
    Py_ssize_t first=0,
):
    """Drop each element with probability ``rate``: y = x / (1 - rate) where kept, 0 elsewhere.

    IN x (size,); OUT y (size,), may be x. Element i, whose number is first + i, is kept where its
    32 random bits are below round((1 - rate) * 2**32).
    """
    cdef int kind = float_kind("dropout", x)
    cdef Py_ssize_t size = PyArray_SIZE(x)
    cdef Input arguments
    arguments.x = check_array("dropout", "x", x, kind, (size,), False)
    cdef void* data = check_array("dropout", "y", y, kind, (size,), True)
    check_apart("dropout", y, None if arguments.x == data else x)
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: expected a rate from 0 to 1, got {rate}")
    if rate == 1:
        y[...] = 0
        return
    arguments.dropout = dropout_of(rate, seed, first)
    run_loop(drop[float], drop[double], kind == NPY_FLOAT, &arguments, data, size, 0, size, threads)


cdef void drop(void* arguments, floating* y, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Set y[i] = scale x[i] where element i is kept, else 0, for begin <= i < end."""
    cdef floating* x = <floating*>(<Input*>arguments).x
    cdef Dropout* d = &(<Input*>arguments).dropout
    cdef floating scale = <floating>d.scale, value
    cdef uint32_t last_kept = d.last_kept, low, high
    cdef uint64_t key
    cdef Py_ssize_t block, stop, first = <Py_ssize_t>d.first
    cdef int i
    while begin < end:
        block = (first + begin) // BLOCK * BLOCK - first  # in x it begins here, or before x
        stop = min(block + BLOCK, end)
        key = mix64(d.key + <uint64_t>((first + block) // BLOCK))
        low, high = <uint32_t>key, <uint32_t>(key >> 32)
        for i in range(<int>(begin - block), <int>(stop - block)):
            value = x[block + i]
            value = value if mix32(<uint32_t>i ^ low, high) <= last_kept else 0
            y[block + i] = value * scale
        begin = stop
