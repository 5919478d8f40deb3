"""What goes through NumPy's C interface: arrays at a cache line, and small sums and products.

NumPy's operators spend 0.4 us around the few nanoseconds that a small array takes, and three typed
memoryviews would spend as much. So small_arithmetic asks NumPy's C interface what it was given,
makes the array of the result itself, unlike all kernels, and does without threads.
"""

cimport numpy
import numpy as np

from cython cimport floating
from numpy cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_ISCARRAY_RO, PyArray_NDIM,
    PyArray_SAMESHAPE, PyArray_SIZE, PyArray_SimpleNew, PyArray_TYPE, ndarray
)

cdef extern from *:
    """
    #include "aligned.h"
    static PyDataMem_Handler aligned_handler = {
        "minigrad: at a cache line", 1,
        {NULL, aligned_malloc, aligned_calloc, aligned_realloc, aligned_free}
    };
    #define new_handler() PyCapsule_New(&aligned_handler, "mem_handler", NULL)
    """
    object new_handler()
    object PyDataMem_SetHandler(object handler)

numpy.import_array()

cdef enum:
    LARGE = 512  # elements from which on NumPy's vector instructions make up for what it spends
    ALIGN_FROM = 8192  # bytes from which on it counts where an array begins

cdef object handler = new_handler()


def empty(
    tuple shape,
    dtype,        # np.dtype
):
    """Return np.empty(shape, dtype); if it is large, it begins at a cache line (aligned.h)."""
    cdef Py_ssize_t size = dtype.itemsize, n
    for n in shape:
        size *= n
    if size < ALIGN_FROM:
        return np.empty(shape, dtype)
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


cdef void compute(str function, ndarray a, ndarray b, ndarray c, floating of_this_type):
    """z = x +, - or * y; a step of 0 repeats the one number that there is"""
    cdef const floating* x = <floating*> PyArray_DATA(a)
    cdef const floating* y = <floating*> PyArray_DATA(b)
    cdef floating* z = <floating*> PyArray_DATA(c)
    cdef Py_ssize_t i, x_step = PyArray_NDIM(a) > 0, y_step = PyArray_NDIM(b) > 0
    cdef bint add = function == "add", sub = function == "sub"
    for i in range(PyArray_SIZE(c)):
        p, q = x[x_step * i], y[y_step * i]
        z[i] = p + q if add else p - q if sub else p * q


def small_arithmetic(
    str function,  # "add", "sub" or "mul"
    x,             # IN, any shape
    y,             # IN, of the same shape; or one of the two has the shape ()
):
    """Return function(x, y) in a new array; None, and it is NumPy's work, for any other arrays.

    Those are large ones, ones that are not contiguous, and two of different types or shapes.
    """
    if type(x) is not ndarray or type(y) is not ndarray or function not in ("add", "sub", "mul"):
        return None
    cdef ndarray a = x, b = y, wide = a if PyArray_NDIM(a) > 0 else b
    cdef int kind = PyArray_TYPE(a)
    if (
        PyArray_SIZE(wide) >= LARGE
        or kind != PyArray_TYPE(b)
        or not (PyArray_ISCARRAY_RO(a) and PyArray_ISCARRAY_RO(b))
        or not (PyArray_SAMESHAPE(a, b) or PyArray_NDIM(a) == 0 or PyArray_NDIM(b) == 0)
    ):
        return None
    z = PyArray_SimpleNew(PyArray_NDIM(wide), PyArray_DIMS(wide), kind)
    if kind == NPY_FLOAT:
        compute[float](function, a, b, z, 0)
    elif kind == NPY_DOUBLE:
        compute[double](function, a, b, z, 0)
    else:
        return None
    return z
