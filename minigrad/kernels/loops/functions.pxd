"""The functions of functions.h under one name for float and double, for Cython's fused types."""

from cython cimport floating

# A parameter of this type is an array that no other parameter overlaps. Without `restrict`, the
# compiled loop compares all pointers before each short row (normalization: 20 % longer).
cdef extern from *:
    ctypedef float* Floats "float *restrict"
    ctypedef double* Doubles "double *restrict"
    ctypedef int* Ints "int *restrict"

ctypedef fused Row:
    Floats
    Doubles

cdef extern from "functions.h" nogil:
    float sqrtf(float x)
    float quick_exp(float x)
    double sqrt_of_double "sqrt"(double x)
    double exp_of_double "exp"(double x)
    float largest_of_float(const float* x, Py_ssize_t size)
    double largest_of_double(const double* x, Py_ssize_t size)
    double sum_of_float(const float* x, Py_ssize_t size)
    double sum_of_double(const double* x, Py_ssize_t size)


cdef inline floating sqrt(floating x) noexcept nogil:
    return sqrtf(x) if floating is float else sqrt_of_double(x)


cdef inline floating fast_exp(floating x) noexcept nogil:
    """exp; for float, 0 where the result would be denormal."""
    return quick_exp(x) if floating is float else exp_of_double(x)


cdef inline floating largest_of(const floating* x, Py_ssize_t size) noexcept nogil:
    if floating is float:
        return largest_of_float(x, size)
    else:
        return largest_of_double(x, size)


cdef inline double sum_of(const floating* x, Py_ssize_t size) noexcept nogil:
    if floating is float:
        return sum_of_float(x, size)
    else:
        return sum_of_double(x, size)
