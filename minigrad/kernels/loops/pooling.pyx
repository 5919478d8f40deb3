"""Maximum and mean over windows of images that are laid out (N, H, W, C).

Channels are innermost in memory, so the innermost loop always runs over them: it reads and writes
neighbouring cells and vectorizes. Windows are clipped to the image, so padding is never read: it
never is a maximum and never counts in a mean. Forward, threads share the rows of the output;
backward they share the images, because overlapping windows add into the same cells.

Maximum and mean walk through the windows in functions of their own: one walk that asks at each cell
which of the two it is takes up to twice as long where the rows have 3 channels.
"""

from cython cimport infer_types
from libc.string cimport memset

from minigrad.kernels.loops.functions cimport Doubles, Floats, Ints, Row
from minigrad.kernels.runtime.arrays cimport (
    LARGEST, check_apart, check_array, check_geometry, float_kind
)
from minigrad.kernels.runtime.numpy cimport (
    NPY_FLOAT, NPY_INT32, PyArray_DIM, PyArray_NDIM, import_array, ndarray
)
from minigrad.kernels.runtime.threads cimport CHUNK, DoubleLoop, FloatLoop, run_loop

import_array()

cdef struct Pool:
    Py_ssize_t N, H, W, C, OH, OW
    int pool_height, pool_width, stride_height, stride_width, pad_top, pad_left
    int kind
    Py_ssize_t work  # elements that are read
    void* image  # (N, H, W, C): x or its gradient
    void* pooled  # (N, OH, OW, C): y or its gradient
    int* argmax  # (N, OH, OW, C), or NULL for means

# One window, clipped to its image: offsets of its first cell and of what is pooled from it, and
# how many rows and columns of cells are left.
cdef struct Window:
    Py_ssize_t image, pooled, rows, columns
    int cell  # the first cell's number: not 0 if cells before it are clipped off


cdef inline Window clip(Pool* p, Py_ssize_t row, Py_ssize_t ow) noexcept nogil:
    """Window number ow of a row of the output, which is counted through all images."""
    cdef Py_ssize_t top = row % p.OH * p.stride_height - p.pad_top, h = max(top, 0)
    cdef Py_ssize_t left = ow * p.stride_width - p.pad_left, w = max(left, 0)
    cdef Window window
    window.image = ((row // p.OH * p.H + h) * p.W + w) * p.C
    window.pooled = (row * p.OW + ow) * p.C
    window.rows = min(top + p.pool_height, p.H) - h
    window.columns = min(left + p.pool_width, p.W) - w
    window.cell = <int>((h - top) * p.pool_width + w - left)
    return window


cdef int check_axis(
    str kernel, str axis, Py_ssize_t size, Py_ssize_t pooled, int pool, int stride, int pad
) except -1:
    """Raise ValueError unless every window along this axis covers a cell of the image."""
    if pad >= pool:
        raise ValueError(f"{kernel}: expected padding below the window's {pool}, got {pad}")
    if pooled > 0 and (size == 0 or (pooled - 1.0) * stride - pad >= size):
        raise ValueError(
            f"{kernel}: expected windows that begin inside the {axis} of {size}, got {pooled}"
        )


cdef Pool describe(
    str kernel, ndarray x, ndarray y, ndarray argmax, bint backward, tuple geometry
) except *:
    """Collect images, what is pooled from them and the windows; ValueError unless they fit.

    geometry holds the windows' height and width, the strides, and the padding at the top and on
    the left.
    """
    cdef Pool p
    memset(&p, 0, sizeof(Pool))
    p.kind = float_kind(kernel, x)
    check_geometry(kernel, geometry, 4)
    p.pool_height, p.pool_width, p.stride_height, p.stride_width, p.pad_top, p.pad_left = geometry
    if <Py_ssize_t>p.pool_height * p.pool_width > LARGEST:
        raise ValueError(f"{kernel}: expected windows of at most {LARGEST} cells, got {geometry}")
    if PyArray_NDIM(x) == 4 and PyArray_NDIM(y) == 4:
        p.N, p.H, p.W, p.C = [PyArray_DIM(x, axis) for axis in range(4)]
        p.OH, p.OW = PyArray_DIM(y, 1), PyArray_DIM(y, 2)
    p.image = check_array(kernel, "x", x, p.kind, (p.N, p.H, p.W, p.C), backward)
    p.pooled = check_array(kernel, "y", y, p.kind, (p.N, p.OH, p.OW, p.C), not backward)
    check_axis(kernel, "height", p.H, p.OH, p.pool_height, p.stride_height, p.pad_top)
    check_axis(kernel, "width", p.W, p.OW, p.pool_width, p.stride_width, p.pad_left)
    check_apart(kernel, x if backward else y, y if backward else x, argmax)
    p.work = p.N * p.OH * p.OW * p.C * min(p.pool_height, p.H) * min(p.pool_width, p.W)
    p.argmax = <int*>check_array(
        kernel, "argmax", argmax, NPY_INT32, (p.N, p.OH, p.OW, p.C), not backward
    )
    if not backward:
        check_apart(kernel, argmax, x)
    return p


cdef void run_forward(Pool* p, FloatLoop of_float, DoubleLoop of_double, int threads) noexcept:
    """Run a loop on every few rows of the output, of about CHUNK cells."""
    cdef Py_ssize_t cells = p.work // max(1, p.N * p.OH)  # of a row
    run_loop(of_float, of_double, p.kind == NPY_FLOAT, p, p.pooled, p.N * p.OH,
             max(1, CHUNK // max(1, cells)), p.work, threads)


cdef void run_backward(Pool* p, FloatLoop of_float, DoubleLoop of_double, int threads) noexcept:
    """Run a loop on every image."""
    run_loop(of_float, of_double, p.kind == NPY_FLOAT, p, p.image, p.N, 1, p.work, threads)


cdef inline void clear_images(Pool* p, Row gx, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t size = p.H * p.W * p.C
    memset(gx + begin * size, 0, (end - begin) * size * sizeof(gx[0]))


# --- maximum -----------------------------------------------------------------------------------


def max_pool2d_forward(
    ndarray x not None, ndarray y not None, ndarray argmax not None, tuple geometry, int threads
):
    """Take the maximum of each window: y = max over (kh, kw) of x[window (kh, kw)].

    IN x (N, H, W, C); OUT y (N, OH, OW, C), argmax (N, OH, OW, C) of int32

    ``argmax`` is kh * pool_width + kw of the maximum: of the first one in that order among equals,
    or of the first NaN. It is as wide as a float32, so that choosing the value and choosing the
    cell are the same vector operation.
    """
    cdef Pool p = describe("max_pool2d_forward", x, y, argmax, False, geometry)
    run_forward(&p, max_forward[Floats], max_forward[Doubles], threads)


cdef void max_forward(void* pool, Row y, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Pool* p = <Pool*>pool
    cdef Row x = <Row>p.image
    cdef Py_ssize_t row, ow, i, j
    cdef Window w
    for row in range(begin, end):
        for ow in range(p.OW):
            w = clip(p, row, ow)
            for i in range(w.rows):
                for j in range(w.columns):
                    keep_larger(y + w.pooled, p.argmax + w.pooled,
                                x + w.image + (i * p.W + j) * p.C,
                                w.cell + <int>(i * p.pool_width + j), i + j == 0, p.C)


@infer_types(True)
cdef inline void keep_larger(
    Row y, Ints argmax, Row x, int cell, bint first, Py_ssize_t C
) noexcept nogil:
    """Replace y by x, and the cell, where x is larger: "not <=" lets NaN win, the first one."""
    cdef int wins
    if first:
        for c in range(C):
            y[c] = x[c]
            argmax[c] = cell
    else:
        for c in range(C):
            value, best, old = x[c], y[c], argmax[c]  # read first, or the loop would branch
            wins = (not value <= best) & (best == best)
            y[c] = value if wins else best
            argmax[c] = cell if wins else old


def max_pool2d_backward(
    ndarray gy not None, ndarray argmax not None, ndarray gx not None, tuple geometry, int threads
):
    """Send each window's gradient to its maximum: gx[argmax of the window] += gy.

    IN gy (N, OH, OW, C), argmax (N, OH, OW, C) of int32; OUT gx (N, H, W, C)

    Every cell of the window is compared with argmax. That reads more than a jump to the maximum
    would, but it vectorizes over the channels, and no value of ``argmax`` can lead outside gx.
    """
    cdef Pool p = describe("max_pool2d_backward", gx, gy, argmax, True, geometry)
    run_backward(&p, max_backward[Floats], max_backward[Doubles], threads)


cdef void max_backward(void* pool, Row gx, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Pool* p = <Pool*>pool
    cdef Row gy = <Row>p.pooled
    cdef Py_ssize_t row, ow, i, j
    cdef Window w
    clear_images(p, gx, begin, end)
    for row in range(begin * p.OH, end * p.OH):
        for ow in range(p.OW):
            w = clip(p, row, ow)
            for i in range(w.rows):
                for j in range(w.columns):
                    add_at_argmax(gx + w.image + (i * p.W + j) * p.C, gy + w.pooled,
                                  p.argmax + w.pooled, w.cell + <int>(i * p.pool_width + j), p.C)


@infer_types(True)
cdef inline void add_at_argmax(
    Row gx, Row gy, Ints argmax, int cell, Py_ssize_t C
) noexcept nogil:
    for c in range(C):
        value = gy[c]  # read first, or the loop would branch
        gx[c] += value if argmax[c] == cell else 0


# --- mean --------------------------------------------------------------------------------------


def avg_pool2d_forward(ndarray x not None, ndarray y not None, tuple geometry, int threads):
    """Take the mean of each window: y = sum of its cells inside the image / their number.

    IN x (N, H, W, C); OUT y (N, OH, OW, C)
    """
    cdef Pool p = describe("avg_pool2d_forward", x, y, None, False, geometry)
    run_forward(&p, avg_forward[Floats], avg_forward[Doubles], threads)


cdef void avg_forward(void* pool, Row y, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Pool* p = <Pool*>pool
    cdef Row x = <Row>p.image
    cdef Py_ssize_t row, ow, i, j
    cdef Window w
    for row in range(begin, end):
        for ow in range(p.OW):
            w = clip(p, row, ow)
            for i in range(w.rows):
                for j in range(w.columns):
                    add_row(y + w.pooled, x + w.image + (i * p.W + j) * p.C, i + j == 0, p.C)
            scale_row(y + w.pooled, 1.0 / (w.rows * w.columns), p.C)


cdef inline void add_row(Row y, Row x, bint first, Py_ssize_t C) noexcept nogil:
    if first:
        for c in range(C):
            y[c] = x[c]
    else:
        for c in range(C):
            y[c] += x[c]


cdef inline void scale_row(Row y, double share, Py_ssize_t C) noexcept nogil:
    if Row is Floats:
        for c in range(C):
            y[c] *= <float>share
    else:
        for c in range(C):
            y[c] *= share


def avg_pool2d_backward(ndarray gy not None, ndarray gx not None, tuple geometry, int threads):
    """Share each window's gradient among its cells inside the image: gx[cell] += gy / number.

    IN gy (N, OH, OW, C); OUT gx (N, H, W, C)
    """
    cdef Pool p = describe("avg_pool2d_backward", gx, gy, None, True, geometry)
    run_backward(&p, avg_backward[Floats], avg_backward[Doubles], threads)


cdef void avg_backward(void* pool, Row gx, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Pool* p = <Pool*>pool
    cdef Row gy = <Row>p.pooled
    cdef Py_ssize_t row, ow, i, j
    cdef Window w
    cdef double share
    clear_images(p, gx, begin, end)
    for row in range(begin * p.OH, end * p.OH):
        for ow in range(p.OW):
            w = clip(p, row, ow)
            share = 1.0 / (w.rows * w.columns)  # dividing each gradient would be slow
            for i in range(w.rows):
                for j in range(w.columns):
                    add_share(gx + w.image + (i * p.W + j) * p.C, gy + w.pooled, share, p.C)


cdef inline void add_share(Row gx, Row gy, double share, Py_ssize_t C) noexcept nogil:
    if Row is Floats:
        for c in range(C):
            gx[c] += gy[c] * <float>share
    else:
        for c in range(C):
            gx[c] += gy[c] * share
