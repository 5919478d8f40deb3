"""Sums over rows of channels, and affine functions of them: what batch normalization is made of.

All kernels give each of C channels its own constants. One row of channels is often too short to
fill a vector, so a few rows together make one of `width` lanes, with the constants repeated for
each row:

    x, y     c0 c1 c2 c0 c1 c2 | c0 c1 c2 c0 c1 c2 | ...        C = 3, width = 6
    lanes    a0 a1 a2 a0 a1 a2

Where relu came behind, its gradient needs to know where the result was positive. That is computed
anew, by the `line` that made the result, hence with the same bits: nothing but x is kept or read.
"""

from cython cimport floating
from libc.string cimport memcpy, memset

from minigrad.kernels.loops.functions cimport Doubles, Floats, Row
from minigrad.kernels.runtime.arrays cimport check_apart, check_array, float_kind
from minigrad.kernels.runtime.memory cimport Memory
from minigrad.kernels.runtime.numpy cimport (
    NPY_FLOAT, PyArray_DATA, PyArray_DIM, PyArray_ITEMSIZE, PyArray_NDIM, import_array, ndarray
)
from minigrad.kernels.runtime.threads cimport CHUNK, DoubleLoop, FloatLoop, run_loop

import_array()

cdef struct Channels:
    Py_ssize_t size  # elements of x, y and z
    Py_ssize_t C
    Py_ssize_t width  # lanes: a multiple of C
    Py_ssize_t length  # elements of a task: a multiple of width
    int kind
    bint relu
    void* x
    void* y
    void* lanes  # (2 to 6, width): the constants of each lane


cdef inline floating line(floating x, floating a, floating scale, floating shift) noexcept nogil:
    """A point of a line, for the values and for relu's gradient alike."""
    return scale * (x - a) + shift


cdef inline floating behind_relu(floating z, floating g) noexcept nogil:
    """The gradient g where z > 0, else 0; as in relu_backward, a zero keeps its sign."""
    return g if (z > 0) | (g == 0) else 0  # `or` would be a branch, and not vectorized


cdef Channels describe(
    str kernel, ndarray x, ndarray y, ndarray constants, Py_ssize_t expected, bint relu, ndarray z
) except *:
    """Cut rows of channels into lanes and tasks; ValueError unless the arrays fit.

    z, like x, is what is written, or None.
    """
    cdef Channels c
    cdef Py_ssize_t N = 0, C = 0
    if PyArray_NDIM(x) == 2:
        N, C = PyArray_DIM(x, 0), PyArray_DIM(x, 1)
    c.size, c.C, c.kind, c.relu = N * C, C, float_kind(kernel, x), relu
    c.x = check_array(kernel, "x", x, c.kind, (N, C), False)
    c.y = check_array(kernel, "y", y, c.kind, (N, C), False)
    check_array(kernel, "constants", constants, c.kind, (expected, C), False)
    check_array(kernel, "z", z, c.kind, (N, C), True)
    check_apart(kernel, z, x, y, constants)
    c.width = C * max(1, 128 // max(1, C))
    c.length = c.width * max(16, CHUNK // max(1, c.width))
    return c


cdef int run(
    Channels* c, void* data, FloatLoop of_float, DoubleLoop of_double, ndarray constants,
    int threads,
) except -1:
    """Run a loop, with the channels' constants repeated for each lane."""
    if c.size == 0:
        return 0
    cdef Py_ssize_t item = PyArray_ITEMSIZE(constants), row = c.C * item, count = c.width // c.C
    cdef Memory memory = Memory(PyArray_DIM(constants, 0) * c.width * item)
    cdef Py_ssize_t i
    for i in range(PyArray_DIM(constants, 0) * count):
        memcpy(<char*>memory.data + i * row, <char*>PyArray_DATA(constants) + i // count * row, row)
    c.lanes = memory.data
    run_loop(of_float, of_double, c.kind == NPY_FLOAT, c, data, c.size, c.length, c.size, threads)


def channel_sums(
    ndarray x not None, ndarray y not None, ndarray centers not None, ndarray sums not None,
    int threads,
):
    """Add up y - b, and (x - a) (y - b), in each of C channels.

    IN x (N, C), y (N, C), centers (2, C): a, b; OUT sums (2, C). Every task adds its rows up, and
    then the tasks' sums are added in their order. With centers (4, C): a, b, scale, shift, y is the
    gradient behind relu: it counts as 0 unless scale (x - a) + shift > 0.
    """
    cdef bint relu = PyArray_NDIM(centers) == 2 and PyArray_DIM(centers, 0) == 4
    cdef Channels c = describe("channel_sums", x, y, centers, 4 if relu else 2, relu, None)
    check_array("channel_sums", "sums", sums, c.kind, (2, c.C), True)
    check_apart("channel_sums", sums, x, y, centers)
    cdef Py_ssize_t tasks = (c.size + c.length - 1) // c.length if c.size > 0 else 0
    cdef Memory partial = Memory(tasks * 2 * c.width * PyArray_ITEMSIZE(x))
    run(&c, partial.data, add_rows[Floats], add_rows[Doubles], centers, threads)
    if c.kind == NPY_FLOAT:
        add_partial_sums(&c, tasks, <Floats>partial.data, <Floats>PyArray_DATA(sums))
    else:
        add_partial_sums(&c, tasks, <Doubles>partial.data, <Doubles>PyArray_DATA(sums))


cdef void add_rows(void* channels, Row sums, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Add a task's y - b and (x - a)(y - b) up; those of a channel end in its first lane."""
    cdef Py_ssize_t j
    cdef Channels* c = <Channels*>channels
    cdef Row x = <Row>c.x, y = <Row>c.y, a = <Row>c.lanes, b = a + c.width, products
    cdef Row scale = b + c.width, shift = scale + c.relu * c.width  # read behind relu alone
    sums += 2 * c.width * (begin // c.length)
    products = sums + c.width
    memset(sums, 0, 2 * c.width * sizeof(sums[0]))
    while begin < end:
        add_row(sums, products, x + begin, y + begin, a, b, scale, shift, c.relu,
                min(c.width, end - begin))
        begin += c.width
    for j in range(c.C, c.width):
        sums[j % c.C] += sums[j]
        products[j % c.C] += products[j]


cdef inline void add_row(
    Row sums, Row products, Row x, Row y, Row a, Row b, Row scale, Row shift, bint relu,
    Py_ssize_t width,
) noexcept nogil:
    for j in range(width):
        g = behind_relu(line(x[j], a[j], scale[j], shift[j]), y[j]) if relu else y[j]
        sums[j] += g - b[j]
        products[j] += (x[j] - a[j]) * (g - b[j])


cdef void add_partial_sums(Channels* c, Py_ssize_t tasks, Row partial, Row sums) noexcept nogil:
    cdef Py_ssize_t k, j, task
    cdef double total
    for k in range(2):
        for j in range(c.C):
            total = 0
            for task in range(tasks):
                total += partial[(2 * task + k) * c.width + j]
            sums[k * c.C + j] = total


def channel_affine(
    ndarray x not None, ndarray y not None, ndarray terms not None, ndarray z not None, int threads
):
    """Compute z = scale (x - a) + weight y + shift in each of C channels.

    IN x (N, C), y (N, C), terms (4, C): a, scale, weight, shift; OUT z (N, C). Two more terms are
    those of relu, as in channel_sums.
    """
    cdef bint relu = PyArray_NDIM(terms) == 2 and PyArray_DIM(terms, 0) == 6
    cdef Channels c = describe("channel_affine", x, y, terms, 6 if relu else 4, relu, z)
    run(&c, PyArray_DATA(z), affine_rows[Floats], affine_rows[Doubles], terms, threads)


cdef void affine_rows(void* channels, Row z, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Channels* c = <Channels*>channels
    cdef Row x = <Row>c.x, y = <Row>c.y, a = <Row>c.lanes, scale = a + c.width
    cdef Row weight = scale + c.width, shift = weight + c.width
    cdef Row slope = shift + c.width, start = slope + c.relu * c.width  # read behind relu alone
    while begin < end:
        affine_row(z + begin, x + begin, y + begin, a, scale, weight, shift, slope, start, c.relu,
                   min(c.width, end - begin))
        begin += c.width


cdef inline void affine_row(
    Row z, Row x, Row y, Row a, Row scale, Row weight, Row shift, Row slope, Row start,
    bint relu, Py_ssize_t width,
) noexcept nogil:
    for j in range(width):
        g = behind_relu(line(x[j], a[j], slope[j], start[j]), y[j]) if relu else y[j]
        z[j] = scale[j] * (x[j] - a[j]) + (weight[j] * g + shift[j])


def channel_normalize(
    ndarray x not None, ndarray terms not None, bint relu, ndarray z not None, int threads
):
    """Compute z = scale (x - a) + shift in each of C channels, then relu or not.

    IN x (N, C), terms (3, C): a, scale, shift; OUT z (N, C)
    """
    cdef Channels c = describe("channel_normalize", x, x, terms, 3, relu, z)
    run(&c, PyArray_DATA(z), normalize_rows[Floats], normalize_rows[Doubles], terms, threads)


cdef void normalize_rows(void* channels, Row z, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Channels* c = <Channels*>channels
    cdef Row x = <Row>c.x, a = <Row>c.lanes, scale = a + c.width, shift = scale + c.width
    while begin < end:
        normalize_row(z + begin, x + begin, a, scale, shift, c.relu, min(c.width, end - begin))
        begin += c.width


cdef inline void normalize_row(
    Row z, Row x, Row a, Row scale, Row shift, bint relu, Py_ssize_t width
) noexcept nogil:
    for j in range(width):
        value = line(x[j], a[j], scale[j], shift[j])
        z[j] = 0 if relu and value <= 0 else value
