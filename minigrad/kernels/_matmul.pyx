"""The matrix product, y = relu(a @ b + bias), in tiles that stay in registers (tile.h).

    b is cut into panels as wide as a tile, y into tiles:

                     b   |panel 0|panel 1|...         A tile of y needs the rows of a beside it
                         |       |       |            and the panel of b above it. Threads share
      a  ---------   y   | tile  | tile  |            the panels and blocks of rows. Every tile is
         ---------       | tile  | tile  |            added up over k in one order, so the bits do
                                                      not depend on the threads.

A panel is copied ("packed") where b's rows are not contiguous, where it is the last and not full
(zeros fill it up), and in large products: its rows, far apart in b, would visit as many pages of
memory, and push each other out of the cache. Else it is read in place. When b comes transposed and
is the larger operand, the transposed product is computed, so that the smaller one is packed.

We do not call a BLAS here: its threads and ours would keep each other waiting (in a prototype, a
training step took four times as long), and its results change with its number of threads.
"""

from cython cimport floating
from libc.string cimport memset

from minigrad.kernels._parallel cimport _Memory, run_tasks, team_size

cdef enum:
    TILES_IN_BLOCK = 4  # so that the rows of y are written whole, while b stays in the cache
    PACK_FROM = 256  # rows, which then repay the copy, and depth, or b is small as it is
    TASKS = 24  # at least, where there are so many tiles: enough for threads that come and go


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
    cdef Py_ssize_t item = sizeof(floating)
    cdef const floating* a_data = &a[0, 0] if depth > 0 else NULL
    cdef const floating* b_data = &b[0, 0] if depth > 0 else NULL
    cdef Py_ssize_t width = panel_columns(item)(), panels = (columns + width - 1) // width, i
    cdef Py_ssize_t height = tile_rows(item)(), piece = min(depth, DEPTH_BLOCK)
    cdef int team = team_size(rows * columns * depth // 16, threads)  # 16 products cost one element
    cdef _Memory packed = _Memory(team * piece * width * item)
    cdef _Memory offsets = _Memory((2 * rows + piece) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* a_row = <Py_ssize_t*>offsets.data
    cdef Py_ssize_t* y_row = a_row + rows
    cdef Py_ssize_t* a_column = y_row + rows
    cdef MatMul m
    memset(&m, 0, sizeof(m))
    m.a_column, m.b_column, m.packed = a.strides[1] // item, b.strides[1] // item, packed.data
    m.row_blocks = (TASKS + panels - 1) // panels if team > 1 else 1
    m.pack = m.b_column != 1 or min(rows, depth) >= PACK_FROM
    if not m.pack and columns % width == 0:  # nothing is packed, for each block anew
        m.row_blocks = max(m.row_blocks, rows // (TILES_IN_BLOCK * height))
    m.row_blocks = min(m.row_blocks, (rows + height - 1) // height)
    cdef Product* p = &m.product
    p.rows, p.columns, p.depth, p.relu = rows, columns, depth, relu
    p.a, p.a_row, p.a_column = a_data, a_row, a_column
    p.b, p.b_panel, p.b_row = b_data, width, b.strides[0] // item
    p.y, p.y_row = &y[0, 0], y_row
    if bias is not None:
        p.bias = &bias[0]
    with nogil:
        for i in range(rows):
            a_row[i] = i * (a.strides[0] // item)
            y_row[i] = i * columns
        for i in range(piece):
            a_column[i] = i * m.a_column
        run_tasks(matmul_task(item), &m, panels * m.row_blocks, team)
