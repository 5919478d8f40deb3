"""What the kernels demand of their arrays: type, shape, contiguous memory, perhaps to write to.

They ask NumPy's C interface: making a typed memoryview of each array would take longer than a loop
over a few hundred elements (a small convolution's call takes 1.1 us instead of 2.5).
"""

from minigrad.kernels.runtime.numpy cimport (
    NPY_DOUBLE, NPY_FLOAT, NPY_INT, NPY_INT64, NPY_UINT8, PyArray_DATA, PyArray_DIM,
    PyArray_ISCARRAY, PyArray_ISCARRAY_RO, PyArray_ITEMSIZE, PyArray_NDIM, PyArray_SIZE,
    PyArray_STRIDE, PyArray_TYPE, import_array, ndarray
)

import_array()

NAMES = {NPY_FLOAT: "float32", NPY_DOUBLE: "float64", NPY_INT: "int32", NPY_INT64: "int64",
         NPY_UINT8: "uint8"}


cdef int float_kind(str kernel, ndarray x) except -1:
    """Return the type of x, NPY_FLOAT or NPY_DOUBLE; ValueError if it is another one."""
    if PyArray_TYPE(x) not in (NPY_FLOAT, NPY_DOUBLE):
        raise ValueError(f"{kernel}: expected float32 or float64, got {(<object>x).dtype}")
    return PyArray_TYPE(x)


cdef int check_array(
    str kernel, str name, ndarray x, int kind, tuple shape, bint written
) except -1:
    """Raise ValueError unless x is a contiguous array of this type and shape."""
    cdef int axis
    cdef bint fits = PyArray_NDIM(x) == len(shape) and PyArray_TYPE(x) == kind
    fits = fits and (PyArray_ISCARRAY(x) if written else PyArray_ISCARRAY_RO(x))
    for axis in range(len(shape) if fits else 0):
        fits = fits and PyArray_DIM(x, axis) == shape[axis]
    if not fits:
        wanted = "contiguous and writable" if written else "contiguous"
        raise ValueError(
            f"{kernel}: expected {name} {shape} of {NAMES[kind]}, {wanted}; got "
            f"{(<object>x).shape} of {(<object>x).dtype}"
        )


cdef inline bint overlap(ndarray x, ndarray y) noexcept:
    """Whether the memory from the first to the last byte of x meets that of y."""
    cdef Py_ssize_t reach
    cdef Py_ssize_t[2] low
    cdef Py_ssize_t[2] high
    cdef int i, axis
    cdef ndarray array
    if y is None or PyArray_SIZE(x) == 0 or PyArray_SIZE(y) == 0:
        return False
    for i in range(2):
        array = y if i else x
        low[i] = high[i] = <Py_ssize_t>PyArray_DATA(array)
        for axis in range(PyArray_NDIM(array)):
            reach = (PyArray_DIM(array, axis) - 1) * PyArray_STRIDE(array, axis)
            if reach < 0:
                low[i] += reach
            else:
                high[i] += reach
    return (
        low[0] < high[1] + PyArray_ITEMSIZE(y) and low[1] < high[0] + PyArray_ITEMSIZE(x)
    )


cdef int check_apart(
    str kernel, ndarray written, ndarray a, ndarray b=None, ndarray c=None, ndarray d=None
) except -1:
    """Raise ValueError if what is written overlaps one of the others, of which some are None."""
    if overlap(written, a) or overlap(written, b) or overlap(written, c) or overlap(written, d):
        raise ValueError(
            f"{kernel}: expected what it writes in memory of its own, got an array of "
            f"{(<object>written).shape} that overlaps another argument"
        )


cdef int check_geometry(str kernel, tuple geometry, int first_padding) except -1:
    """Raise ValueError unless strides, windows and the two paddings are ints that products hold."""
    cdef Py_ssize_t value
    cdef int i
    for i in range(len(geometry)):
        try:
            value = geometry[i]
        except (OverflowError, TypeError):
            value = -1
        if value < (0 if 0 <= i - first_padding < 2 else 1) or value > LARGEST:
            raise ValueError(
                f"{kernel}: expected padding from 0, all else from 1, none above {LARGEST}, "
                f"got {geometry}"
            )
