"""The matrix product, y = relu(a @ b + bias), in tiles that stay in registers (tile.h).

    b is cut into panels as wide as a tile, y into tiles:

                     b   |panel 0|panel 1|...         A tile of y needs the rows of a beside it
                         |       |       |            and the panel of b above it. Threads share
      a  ---------   y   | tile  | tile  |            the panels and blocks of rows. Every tile is
         ---------       | tile  | tile  |            added up over k in one order, so the bits do
                                                      not depend on the threads.

Where a third of a is 0 or more, as behind relu and dropout, these elements are passed over
(sparse_template.h).

A panel is copied ("packed") where b's rows are not contiguous, where it is the last and not full
(zeros fill it up), and in large products: its rows, far apart in b, would visit as many pages of
memory, and push each other out of the cache. Else it is read in place.

We do not call a BLAS here: its threads and ours would keep each other waiting (in a prototype, a
training step took four times as long), and its results change with its number of threads. And we
ask NumPy's C interface what the arrays are: four memoryviews take longer than a small product.
"""

from libc.stdint cimport uint64_t
from libc.string cimport memset
from numpy cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_DIM, PyArray_ISBEHAVED_RO, PyArray_ISCARRAY,
    PyArray_ISCARRAY_RO, PyArray_ITEMSIZE, PyArray_NDIM, PyArray_STRIDE, PyArray_TYPE,
    import_array, ndarray
)

from minigrad.kernels.runtime.memory cimport Memory as _Memory
from minigrad.kernels.runtime.threads cimport chunk_count, run_tasks, team_size

import_array()

cdef enum:
    TILES_IN_BLOCK = 4  # so that the rows of y are written whole, while b stays in the cache
    PACK_FROM = 256  # rows, which then repay the copy, and depth, or b is small as it is
    TASKS = 24  # at least, where there are so many tiles: enough for threads that come and go
    SPARSE_FROM = 1 << 18  # multiplications: so many that a look at a costs nothing
    SAMPLE = 128  # elements of a that are looked at
    FIND_ONCE_FROM = 8  # times WIDE panels, for each of which zeros would be looked for anew
    PARTS = 8  # of a long sum: enough for 8 threads, little to add up


cdef bint is_sparse(const MatMul* m, Py_ssize_t width, Py_ssize_t item) noexcept nogil:
    """Guess from some elements of a whether about a third of it is 0 or more.

    width is that of WIDE panels, of which y needs one.
    """
    cdef const Product* p = &m.product
    cdef Py_ssize_t i, at, zeros = 0
    if p.rows < 8 or p.columns < width or p.rows * p.columns * p.depth < SPARSE_FROM:
        return False
    for i in range(SAMPLE):  # 40503: all over the row
        at = i * p.rows // SAMPLE * m.a_row + i * 40503 % p.depth * m.a_column
        zeros += (<float*>p.a)[at] == 0 if item == sizeof(float) else (<double*>p.a)[at] == 0
    return 10 * zeros >= 3 * SAMPLE


cdef void cut_sparse(MatMul* m, Py_ssize_t width) noexcept nogil:
    """Cut what passes over zeros into tasks. Sums depend on the cuts, so these only on sizes."""
    cdef const Product* p = &m.product
    cdef Py_ssize_t words = (p.depth + 63) // 64
    m.wide = p.columns // width
    m.wide_blocks = max(1, min(TASKS // m.wide, p.rows // 256))  # each of them reads all of b
    if m.wide * m.wide_blocks < PARTS and m.wide * width == p.columns:
        m.part_depth = (words + PARTS - 1) // PARTS * 64
        m.parts = (p.depth + m.part_depth - 1) // m.part_depth


cdef bint is_matrix(ndarray x, int kind, Py_ssize_t rows, Py_ssize_t columns) noexcept:
    return (
        PyArray_NDIM(x) == 2 and PyArray_DIM(x, 0) == rows and PyArray_DIM(x, 1) == columns
        and PyArray_TYPE(x) == kind and PyArray_ISBEHAVED_RO(x)
    )


cdef object refuse(a, b, y, bias):
    found = ", ".join(f"{x.shape} of {x.dtype}" for x in (a, b, y, bias) if x is not None)
    return ValueError(
        "matmul: expected a (M, K), b (K, N), y (M, N) and perhaps bias (N,), all of float32 or of "
        f"float64, y and bias contiguous, y writable; got {found}"
    )


def matmul(
    ndarray a not None,  # IN (M, K)
    ndarray b not None,  # IN (K, N)
    ndarray bias,        # IN (N,) or None
    bint relu,
    ndarray y not None,  # OUT (M, N)
    int threads,
):
    """Compute y = a @ b (+ bias), with its negative elements set to 0 if relu is true."""
    cdef int kind = PyArray_TYPE(y)
    cdef Py_ssize_t rows = 0, columns = 0, depth = 0, item = PyArray_ITEMSIZE(y), i
    if PyArray_NDIM(y) == 2 and PyArray_NDIM(a) == 2:
        rows, columns, depth = PyArray_DIM(y, 0), PyArray_DIM(y, 1), PyArray_DIM(a, 1)
    if not (
        kind in (NPY_FLOAT, NPY_DOUBLE) and is_matrix(a, kind, rows, depth)
        and is_matrix(b, kind, depth, columns) and PyArray_NDIM(y) == 2 and PyArray_ISCARRAY(y)
        and (bias is None or PyArray_NDIM(bias) == 1 and PyArray_DIM(bias, 0) == columns
             and PyArray_TYPE(bias) == kind and PyArray_ISCARRAY_RO(bias))
    ):
        raise refuse(a, b, y, bias)
    if rows == 0 or columns == 0:
        return
    cdef Py_ssize_t width = panel_columns(item)(), panels = (columns + width - 1) // width
    cdef Py_ssize_t height = tile_rows(item)(), piece = min(depth, DEPTH_BLOCK)
    cdef int team = team_size(rows * columns * depth // 16, threads)  # 16 products cost one element
    cdef MatMul m
    memset(&m, 0, sizeof(m))
    cdef Product* p = &m.product
    p.rows, p.columns, p.depth, p.relu = rows, columns, depth, relu
    p.a, p.b, p.y = PyArray_DATA(a), PyArray_DATA(b), PyArray_DATA(y)
    p.bias = NULL if bias is None else PyArray_DATA(bias)
    p.b_panel = width
    p.b_row, m.b_column = PyArray_STRIDE(b, 0) // item, PyArray_STRIDE(b, 1) // item
    m.a_row, m.a_column = PyArray_STRIDE(a, 0) // item, PyArray_STRIDE(a, 1) // item
    m.row_blocks = (TASKS + panels - 1) // panels if team > 1 else 1
    m.pack = m.b_column != 1 or min(rows, depth) >= PACK_FROM
    if not m.pack and columns % width == 0:  # nothing is packed, for each block anew
        m.row_blocks = max(m.row_blocks, rows // (TILES_IN_BLOCK * height))
    m.row_blocks = min(m.row_blocks, (rows + height - 1) // height)
    m.parts, m.part_depth = 1, depth
    if is_sparse(&m, WIDE * width, item):
        cut_sparse(&m, WIDE * width)
    m.room = max(piece, min(depth, 64) * WIDE if m.wide else 0) * width
    cdef _Memory packed = _Memory(team * m.room * item)
    cdef _Memory sums = _Memory(m.parts * rows * columns * item if m.parts > 1 else 0)
    cdef _Memory offsets = _Memory((2 * rows + piece) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* a_row = <Py_ssize_t*>offsets.data
    cdef Py_ssize_t* y_row = a_row + rows
    cdef Py_ssize_t* a_column = y_row + rows
    cdef Py_ssize_t tasks = m.wide * m.wide_blocks * m.parts
    cdef Sums parts = Sums(sums.data, m.parts, rows * columns, rows * columns, p.y, relu)
    cdef Py_ssize_t words = (depth + 63) // 64 * rows if m.wide >= FIND_ONCE_FROM else 0
    cdef _Memory bits = _Memory(words * sizeof(uint64_t))
    m.packed, m.sums = packed.data, sums.data
    p.a_row, p.y_row, p.a_column = a_row, y_row, a_column
    with nogil:
        for i in range(rows):
            a_row[i] = i * m.a_row
            y_row[i] = i * columns
        for i in range(piece):
            a_column[i] = i * m.a_column
        if words > 0:
            m.bits = <uint64_t*>bits.data
            find_loop(item)(&m)
        tasks += (panels - WIDE * m.wide) * m.row_blocks
        run_tasks(matmul_task(item), &m, tasks, team)
        if m.parts > 1:
            run_tasks(add_sums_task(item), &parts, chunk_count(parts.size), team)
