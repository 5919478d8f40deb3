"""Sums over rows of channels, and affine functions of them: what batch normalization is made of.

Both kernels give each of C channels its own constants. One row of channels is often too short to
fill a vector, so a few rows together make one of `width` lanes, with the constants repeated for
each row:

    x, y     c0 c1 c2 c0 c1 c2 | c0 c1 c2 c0 c1 c2 | ...        C = 3, width = 6
    lanes    a0 a1 a2 a0 a1 a2
"""

from cython cimport floating
from libc.string cimport memset

from minigrad.kernels.loops.functions cimport Doubles, Floats, Row
from minigrad.kernels.runtime.memory cimport Memory
from minigrad.kernels.runtime.threads cimport CHUNK, DoubleLoop, FloatLoop, run_loop

cdef struct Channels:
    Py_ssize_t size  # elements of x, y and z
    Py_ssize_t C
    Py_ssize_t width  # lanes: a multiple of C
    Py_ssize_t length  # elements of a task: a multiple of width
    void* x
    void* y
    void* lanes  # (2 or 4, width): the constants of each lane
    void* z  # result; for sums (tasks, 2, width), the partial sums of each lane


cdef int check_shape(
    str kernel, str name, const floating[:, ::1] x, Py_ssize_t rows, Py_ssize_t columns
) except -1:
    if x.shape[0] != rows or x.shape[1] != columns:
        raise ValueError(
            f"{kernel}: expected {name} of shape {(rows, columns)}, got {(x.shape[0], x.shape[1])}"
        )


cdef Channels describe(
    str kernel, const floating[:, ::1] x, const floating[:, ::1] y,
    const floating[:, ::1] constants, Py_ssize_t expected,
) except *:
    """Cut rows of channels into lanes and tasks; ValueError unless the shapes fit."""
    cdef Channels c
    memset(&c, 0, sizeof(Channels))
    check_shape(kernel, "y", y, x.shape[0], x.shape[1])
    check_shape(kernel, "constants", constants, expected, x.shape[1])
    if x.shape[0] * x.shape[1] > 0:
        c.size, c.C = x.shape[0] * x.shape[1], x.shape[1]
        c.x, c.y = <void*>&x[0, 0], <void*>&y[0, 0]
        c.width = c.C * max(1, 128 // c.C)
        c.length = c.width * max(16, CHUNK // c.width)
    return c


cdef void run(
    Channels* c, FloatLoop of_float, DoubleLoop of_double, const floating[:, ::1] constants,
    int threads,
):
    """Run the tasks, with the channels' constants repeated for each lane."""
    cdef Memory memory = Memory(constants.shape[0] * c.width * sizeof(floating))
    cdef floating* lane = <floating*>memory.data
    cdef Py_ssize_t k, j
    for k in range(constants.shape[0]):
        for j in range(c.width):
            lane[k * c.width + j] = constants[k, j % c.C]
    c.lanes = lane
    run_loop(of_float, of_double, floating is float, c, c.z, c.size, c.length, c.size, threads)


def channel_sums(
    const floating[:, ::1] x,        # IN (N, C)
    const floating[:, ::1] y,        # IN (N, C)
    const floating[:, ::1] centers,  # IN (2, C): a, b
    floating[:, ::1] sums,           # OUT (2, C)
    int threads,
):
    """Add up y - b, and (x - a) (y - b), in each of C channels.

    Every task adds its rows up, and then the tasks' sums are added in their order.
    """
    cdef Channels c = describe("channel_sums", x, y, centers, 2)
    check_shape("channel_sums", "sums", sums, 2, x.shape[1])
    cdef Py_ssize_t tasks = (c.size + c.length - 1) // c.length if c.size > 0 else 0
    cdef Memory memory = Memory(tasks * 2 * c.width * sizeof(floating))
    cdef floating* partial = <floating*>memory.data
    cdef Py_ssize_t k, j, task
    cdef double total
    c.z = partial
    if tasks > 0:
        run(&c, add_rows[Floats], add_rows[Doubles], centers, threads)
    for k in range(2):
        for j in range(x.shape[1]):
            total = 0
            for task in range(tasks):
                total += partial[(2 * task + k) * c.width + j]
            sums[k, j] = <floating>total


cdef void add_rows(void* channels, Row sums, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Add a task's y - b and (x - a)(y - b) up; those of a channel end in its first lane."""
    cdef Py_ssize_t j
    cdef Channels* c = <Channels*>channels
    cdef Row x = <Row>c.x, y = <Row>c.y, a = <Row>c.lanes, b = a + c.width, products
    sums += 2 * c.width * (begin // c.length)
    products = sums + c.width
    memset(sums, 0, 2 * c.width * sizeof(sums[0]))
    while begin < end:
        add_row(sums, products, x + begin, y + begin, a, b, min(c.width, end - begin))
        begin += c.width
    for j in range(c.C, c.width):
        sums[j % c.C] += sums[j]
        products[j % c.C] += products[j]


cdef inline void add_row(
    Row sums, Row products, Row x, Row y, Row a, Row b, Py_ssize_t width
) noexcept nogil:
    for j in range(width):
        sums[j] += y[j] - b[j]
        products[j] += (x[j] - a[j]) * (y[j] - b[j])


def channel_affine(
    const floating[:, ::1] x,      # IN (N, C)
    const floating[:, ::1] y,      # IN (N, C)
    const floating[:, ::1] terms,  # IN (4, C): a, scale, weight, shift
    floating[:, ::1] z,            # OUT (N, C)
    int threads,
):
    """Compute z = scale (x - a) + weight y + shift in each of C channels."""
    cdef Channels c = describe("channel_affine", x, y, terms, 4)
    check_shape("channel_affine", "z", z, x.shape[0], x.shape[1])
    if c.size > 0:
        c.z = &z[0, 0]
        run(&c, affine_rows[Floats], affine_rows[Doubles], terms, threads)


cdef void affine_rows(void* channels, Row z, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Channels* c = <Channels*>channels
    cdef Row x = <Row>c.x, y = <Row>c.y, a = <Row>c.lanes, scale = a + c.width
    cdef Row weight = scale + c.width, shift = weight + c.width
    while begin < end:
        affine_row(z + begin, x + begin, y + begin, a, scale, weight, shift,
                   min(c.width, end - begin))
        begin += c.width


cdef inline void affine_row(
    Row z, Row x, Row y, Row a, Row scale, Row weight, Row shift, Py_ssize_t width
) noexcept nogil:
    for j in range(width):
        z[j] = scale[j] * (x[j] - a[j]) + (weight[j] * y[j] + shift[j])
