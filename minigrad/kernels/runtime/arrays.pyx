"""What the kernels demand of their arrays: type, shape, contiguous memory, perhaps to write to.

They ask NumPy's C interface: making a typed memoryview of each array would take longer than a loop
over a few hundred elements (a small convolution's call takes 1.1 us instead of 2.5).
"""

from minigrad.kernels.runtime.memory cimport Memory
from minigrad.kernels.runtime.numpy cimport (
    NPY_DOUBLE, NPY_FLOAT, NPY_INT32, NPY_INT64, NPY_UINT8, PyArray_DATA, PyArray_DIM,
    PyArray_ISCARRAY, PyArray_ISCARRAY_RO, PyArray_ITEMSIZE, PyArray_NDIM, PyArray_SIZE,
    PyArray_STRIDE, PyArray_TYPE, import_array, ndarray
)

import_array()

NAMES = {NPY_FLOAT: "float32", NPY_DOUBLE: "float64", NPY_INT32: "int32", NPY_INT64: "int64",
         NPY_UINT8: "uint8"}


cdef int float_kind(str kernel, ndarray x) except -1:
    """Return the type of x, NPY_FLOAT or NPY_DOUBLE; ValueError if it is another one."""
    if PyArray_TYPE(x) not in (NPY_FLOAT, NPY_DOUBLE):
        raise ValueError(f"{kernel}: expected float32 or float64, got {(<object>x).dtype}")
    return PyArray_TYPE(x)


cdef void* check_array(
    str kernel, str name, ndarray x, int kind, tuple shape, bint written
) except? NULL:
    """Return where x begins, NULL if it is None; ValueError unless it has this type and shape.

    It must be contiguous, and writable if it is written.
    """
    cdef int axis
    if x is None:
        return NULL
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
    return PyArray_DATA(x)


cdef Extent extent_of(ndarray x) noexcept:
    """Return the addresses from x's first to its last byte; None and empty arrays have none."""
    cdef Extent extent = Extent(0, 0)
    cdef Py_ssize_t reach
    cdef int axis
    if x is not None and PyArray_SIZE(x) > 0:
        extent.begin = <Py_ssize_t>PyArray_DATA(x)
        extent.end = extent.begin + PyArray_ITEMSIZE(x)
        for axis in range(PyArray_NDIM(x)):
            reach = (PyArray_DIM(x, axis) - 1) * PyArray_STRIDE(x, axis)
            extent.begin += min(reach, 0)
            extent.end += max(reach, 0)
    return extent


cdef inline bint overlap(ndarray x, ndarray y) noexcept:
    cdef Extent a = extent_of(x), b = extent_of(y)
    return a.begin < b.end and b.begin < a.end


cdef int check_apart(
    str kernel, ndarray written, ndarray a, ndarray b=None, ndarray c=None, ndarray d=None
) except -1:
    """Raise ValueError if what is written overlaps one of the others; any of them may be None."""
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


cdef Memory copy_cuts(str kernel, tuple cuts, Py_ssize_t total):
    """Where shards begin, as C numbers; ValueError unless they rise from 0 to the total.

    The number of shards is a power of two.
    """
    cdef Memory memory = Memory(len(cuts) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* number = <Py_ssize_t*>memory.data
    cdef Py_ssize_t i, last = 0, shards = len(cuts) - 1
    cdef bint fits = shards > 0 and shards & (shards - 1) == 0
    for i in range(len(cuts)):
        number[i] = cuts[i]
        fits = fits and last <= number[i] and (i > 0 or number[i] == 0)
        last = number[i]
    if not fits or last != total:
        raise ValueError(
            f"{kernel}: expected cuts of a power of two of shards, which rise from 0 to {total}, "
            f"got cuts {cuts}"
        )
    return memory
