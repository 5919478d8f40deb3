"""What the kernels demand of their arrays: type, shape, contiguous memory, perhaps to write to.

They ask NumPy's C interface: making a typed memoryview of each array would take longer than a loop
over a few hundred elements (a small convolution's call takes 1.1 us instead of 2.5).
"""

from minigrad.kernels.runtime.numpy cimport (
    NPY_DOUBLE, NPY_FLOAT, NPY_INT, NPY_INT64, NPY_UINT8, PyArray_DIM, PyArray_ISCARRAY,
    PyArray_ISCARRAY_RO, PyArray_NDIM, PyArray_TYPE, import_array, ndarray
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
