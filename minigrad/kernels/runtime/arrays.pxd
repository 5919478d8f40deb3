from minigrad.kernels.runtime.numpy cimport ndarray

cdef int float_kind(str kernel, ndarray x) except -1
cdef int check_array(
    str kernel, str name, ndarray x, int kind, tuple shape, bint written) except -1
