"""What dropout, alone and behind a convolution, is told: the declarations of dropout.h."""

cdef extern from "dropout.h" nogil:
    ctypedef struct Dropout:
        pass

    Dropout dropout_of(double rate, unsigned long long seed)
