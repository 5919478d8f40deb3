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
training step took four times as long), and its results change with its number of threads.
"""

from cython cimport floating
from libc.string cimport memset

from minigrad.kernels._parallel cimport _Memory, chunk_count, run_tasks, team_size

cdef enum:
    TILES_IN_BLOCK = 4  # so that the rows of y are written whole, while b stays in the cache
    PACK_FROM = 256  # rows, which then repay the copy, and depth, or b is small as it is
    TASKS = 24  # at least, where there are so many tiles: enough for threads that come and go
    SPARSE_FROM = 1 << 18  # multiplications: so many that a look at a costs nothing
    SAMPLE = 128  # elements of a that are looked at
    PARTS = 8  # of a long sum: enough for 8 threads, little to add up


cdef bint is_sparse(const MatMul* m, Py_ssize_t width, const floating* a) noexcept nogil:
    """Guess from some of its elements whether about a third of a is 0 or more.

    width is that of WIDE panels, of which y needs one.
    """
    cdef const Product* p = &m.product
    cdef Py_ssize_t i, row, column, zeros = 0
    if p.rows < 8 or p.columns < width or p.rows * p.columns * p.depth < SPARSE_FROM:
        return False
    for i in range(SAMPLE):
        row, column = i * p.rows // SAMPLE, i * 40503 % p.depth  # 40503: all over the row
        zeros += a[row * m.a_row + column * m.a_column] == 0
    return 10 * zeros >= 3 * SAMPLE


cdef void cut_sparse(MatMul* m, Py_ssize_t width) noexcept nogil:
    """Cut what passes over zeros into tasks. Sums depend on the cuts, so these only on sizes."""
    cdef const Product* p = &m.product
    cdef Py_ssize_t words = (p.depth + 63) // 64
    m.wide = p.columns // width
    m.wide_blocks = max(1, min(TASKS // m.wide, p.rows // 64))
    if m.wide * m.wide_blocks < PARTS and m.wide * width == p.columns:
        m.part_depth = (words + PARTS - 1) // PARTS * 64
        m.parts = (p.depth + m.part_depth - 1) // m.part_depth


def matmul(
    const floating[:, :] a,    # IN (M, K)
    const floating[:, :] b,    # IN (K, N)
    const floating[::1] bias,  # IN (N,) or None
    bint relu,
    floating[:, ::1] y,        # OUT (M, N)
    int threads,
):
    """Compute y = a @ b (+ bias), with its negative elements set to 0 if relu is true."""
    cdef Py_ssize_t rows = y.shape[0], columns = y.shape[1], depth = a.shape[1]
    if a.shape[0] != rows or b.shape[0] != depth or b.shape[1] != columns:
        raise ValueError(
            f"matmul: expected a (M, K), b (K, N) and y (M, N), got {(a.shape[0], a.shape[1])}, "
            f"{(b.shape[0], b.shape[1])} and {(rows, columns)}"
        )
    if bias is not None and bias.shape[0] != columns:
        raise ValueError(f"matmul: expected bias ({columns},), got ({bias.shape[0]},)")
    if rows == 0 or columns == 0:
        return
    cdef Py_ssize_t item = sizeof(floating), i
    cdef const floating* a_data = &a[0, 0] if depth > 0 else NULL
    cdef const floating* b_data = &b[0, 0] if depth > 0 else NULL
    cdef Py_ssize_t width = panel_columns(item)(), panels = (columns + width - 1) // width
    cdef Py_ssize_t height = tile_rows(item)(), piece = min(depth, DEPTH_BLOCK)
    cdef int team = team_size(rows * columns * depth // 16, threads)  # 16 products cost one element
    cdef MatMul m
    memset(&m, 0, sizeof(m))
    cdef Product* p = &m.product
    p.rows, p.columns, p.depth, p.relu = rows, columns, depth, relu
    p.a, p.b, p.b_panel, p.b_row, p.y = a_data, b_data, width, b.strides[0] // item, &y[0, 0]
    if bias is not None:
        p.bias = &bias[0]
    m.a_row, m.a_column = a.strides[0] // item, a.strides[1] // item
    m.b_column = b.strides[1] // item
    m.row_blocks = (TASKS + panels - 1) // panels if team > 1 else 1
    m.pack = m.b_column != 1 or min(rows, depth) >= PACK_FROM
    if not m.pack and columns % width == 0:  # nothing is packed, for each block anew
        m.row_blocks = max(m.row_blocks, rows // (TILES_IN_BLOCK * height))
    m.row_blocks = min(m.row_blocks, (rows + height - 1) // height)
    m.parts, m.part_depth = 1, depth
    if is_sparse(&m, WIDE * width, a_data):
        cut_sparse(&m, WIDE * width)
    m.room = max(piece, min(depth, 64) * WIDE if m.wide else 0) * width
    cdef _Memory packed = _Memory(team * m.room * item)
    cdef _Memory sums = _Memory(m.parts * rows * columns * item if m.parts > 1 else 0)
    cdef _Memory offsets = _Memory((2 * rows + piece) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* a_row = <Py_ssize_t*>offsets.data
    cdef Py_ssize_t* y_row = a_row + rows
    cdef Py_ssize_t* a_column = y_row + rows
    cdef Py_ssize_t tasks = m.wide * m.wide_blocks * m.parts
    cdef Sums parts = Sums(sums.data, m.parts, rows * columns, rows * columns, &y[0, 0], relu)
    m.packed, m.sums = packed.data, sums.data
    p.a_row, p.y_row, p.a_column = a_row, y_row, a_column
    with nogil:
        for i in range(rows):
            a_row[i] = i * m.a_row
            y_row[i] = i * columns
        for i in range(piece):
            a_column[i] = i * m.a_column
        tasks += (panels - WIDE * m.wide) * m.row_blocks
        run_tasks(matmul_task(item), &m, tasks, team)
        if m.parts > 1:
            run_tasks(add_sums_task(item), &parts, chunk_count(parts.size), team)
