"""The part of NumPy's C interface that the kernels use.

Cython's own numpy.pxd imports 18 types into each module, of which we need one.
"""

cdef extern from "numpy/arrayobject.h":
    ctypedef class numpy.ndarray [object PyArrayObject, check_size ignore]:
        pass

    enum:
        NPY_FLOAT, NPY_DOUBLE, NPY_INT32, NPY_INT64, NPY_UINT8

    int import_array "_import_array"() except -1
    void* PyArray_DATA(ndarray x) nogil
    int PyArray_TYPE(ndarray x) nogil
    int PyArray_NDIM(ndarray x) nogil
    Py_ssize_t PyArray_DIM(ndarray x, int axis) nogil
    Py_ssize_t* PyArray_DIMS(ndarray x) nogil
    Py_ssize_t PyArray_STRIDE(ndarray x, int axis) nogil
    Py_ssize_t PyArray_SIZE(ndarray x) nogil
    Py_ssize_t PyArray_ITEMSIZE(ndarray x) nogil
    bint PyArray_ISCARRAY(ndarray x) nogil  # contiguous, aligned and writable
    bint PyArray_ISCARRAY_RO(ndarray x) nogil  # contiguous and aligned
    bint PyArray_ISBEHAVED_RO(ndarray x) nogil  # aligned
    bint PyArray_SAMESHAPE(ndarray x, ndarray y) nogil
    ndarray PyArray_SimpleNew(int ndim, Py_ssize_t* shape, int kind)
