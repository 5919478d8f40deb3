"""Sums and products of small arrays, which NumPy's operators make slow.

NumPy's operators spend 0.4 us on each call, around the few nanoseconds that a small array takes,
and three typed memoryviews would spend as much. So small_arithmetic asks NumPy's C interface what
it was given. Unlike all other kernels it makes the array of the result itself.
"""

from cython cimport floating

from minigrad.kernels.runtime.numpy cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIMS, PyArray_ISCARRAY_RO, PyArray_NDIM,
    PyArray_SAMESHAPE, PyArray_SIZE, PyArray_SimpleNew, PyArray_TYPE, import_array, ndarray
)

import_array()

cdef tuple FUNCTIONS = ("add", "sub", "mul", "mul_backward")

cdef enum:
    LARGE = 512  # elements from which on NumPy's vector instructions make up for what it spends


cdef void compute(str function, ndarray a, ndarray b, ndarray c, floating unused):
    """Compute z = x +, - or * y. A step of 0 repeats a single number. `unused` chooses the type.

    "mul_backward" is x * y, but 0 where y, the upstream gradient, is 0.
    """
    cdef const floating* x = <floating*> PyArray_DATA(a)
    cdef const floating* y = <floating*> PyArray_DATA(b)
    cdef floating* z = <floating*> PyArray_DATA(c)
    cdef Py_ssize_t i, x_step = PyArray_NDIM(a) > 0, y_step = PyArray_NDIM(b) > 0
    cdef bint add = function == "add", sub = function == "sub"
    cdef bint backward = function == "mul_backward"
    for i in range(PyArray_SIZE(c)):
        p, q = x[x_step * i], y[y_step * i]
        z[i] = p + q if add else p - q if sub else q if backward and q == 0 else p * q


def small_arithmetic(
    str function,  # one of FUNCTIONS
    x,             # IN, any shape
    y,             # IN, of the same shape; or one of the two has the shape ()
):
    """Return function(x, y) in a new array; None for any other arrays, which are NumPy's work.

    Those are large ones, ones that are not contiguous, and two of different types or shapes.
    """
    if type(x) is not ndarray or type(y) is not ndarray or function not in FUNCTIONS:
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
