from minigrad.kernels.runtime.memory cimport Memory
from minigrad.kernels.runtime.numpy cimport ndarray

cdef enum:
    LARGEST = 0x7fffffff  # of strides and windows: products of two still fit into 64 bits

cdef struct Extent:  # the addresses of an array
    Py_ssize_t begin, end

cdef Extent extent_of(ndarray x) noexcept
cdef int float_kind(str kernel, ndarray x) except -1
cdef void* check_array(
    str kernel, str name, ndarray x, int kind, tuple shape, bint written) except? NULL
cdef int check_apart(
    str kernel, ndarray written, ndarray a, ndarray b=*, ndarray c=*, ndarray d=*) except -1
cdef int check_geometry(str kernel, tuple geometry, int first_padding) except -1
cdef Memory copy_cuts(str kernel, tuple cuts, Py_ssize_t total)
