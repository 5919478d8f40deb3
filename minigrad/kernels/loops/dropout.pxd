"""The hash of dropout.h, for dropout.pyx and for the dropout behind a fused convolution."""

from libc.stdint cimport uint32_t, uint64_t

cdef extern from "dropout.h" nogil:
    enum:
        BLOCK
    ctypedef struct Dropout:
        uint64_t key, first
        uint32_t last_kept
        double scale
    Dropout dropout_of(double rate, uint64_t seed, uint64_t first)
    uint64_t mix64(uint64_t key)
    uint32_t mix32(uint32_t bits, uint32_t key)
