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
from minigrad.kernels.runtime.threads cimport run_loop


cdef struct Input:
    const void* x
    Dropout dropout


def dropout(
    const floating[::1] x,  # IN (size,)
    floating[::1] y,        # OUT (size,), may be x
    double rate,
    unsigned long long seed,
    int threads,
):
    """Drop each element with probability ``rate``: y = x / (1 - rate) where kept, 0 elsewhere.

    Element i is kept where its 32 random bits are below round((1 - rate) * 2**32).
    """
    if y.shape[0] != x.shape[0]:
        raise ValueError(f"dropout: expected y of length {x.shape[0]}, got {y.shape[0]}")
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: expected a rate from 0 to 1, got {rate}")
    if x.shape[0] == 0 or rate == 1:
        y[:] = 0
        return
    cdef Input arguments = Input(&x[0], dropout_of(rate, seed))
    run_loop(drop[float], drop[double], floating is float, &arguments, &y[0], x.shape[0], 0,
             x.shape[0], threads)


cdef void drop(void* arguments, floating* y, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Set y[i] = scale x[i] where element i is kept, else 0, for begin <= i < end."""
    cdef const floating* x = <const floating*>(<Input*>arguments).x
    cdef Dropout* d = &(<Input*>arguments).dropout
    cdef floating scale = <floating>d.scale, value
    cdef uint32_t last_kept = d.last_kept, low, high
    cdef uint64_t key
    cdef Py_ssize_t block, stop
    cdef int i
    while begin < end:
        block = begin // BLOCK * BLOCK
        stop = min(block + BLOCK, end)
        key = mix64(d.key + <uint64_t>(block // BLOCK))
        low, high = <uint32_t>key, <uint32_t>(key >> 32)
        for i in range(<int>(begin - block), <int>(stop - block)):
            value = x[block + i]
            value = value if mix32(<uint32_t>i ^ low, high) <= last_kept else 0
            y[block + i] = value * scale
        begin = stop
