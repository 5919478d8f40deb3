"""The matrix product, y = relu(a @ b + bias), in tiles that stay in registers (tile.h).

    b is cut into panels as wide as a tile, y into tiles:

                     b   |panel 0|panel 1|...         A tile of y needs the rows of a beside it
                         |       |       |            and the panel of b above it. Threads share
      a  ---------   y   | tile  | tile  |            the panels and blocks of rows. Every tile is
         ---------       | tile  | tile  |            added up over k in one go, in one order, so
                                                      the bits do not depend on the threads.

A panel is read in place where b's rows are contiguous and the last panel is full; otherwise b is
copied ("packed") into panels first, the last one filled up with zeros. When b comes transposed and
is the larger operand, the transposed product is computed, so that the smaller one is packed.

We do not call a BLAS here: its threads and ours would wait for each other (it was measured: a
training step took four times as long), and its results change with its number of threads.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.stdlib cimport free, malloc

from minigrad.kernels._parallel cimport team_size


cdef extern from "tile.h" nogil:
    ctypedef struct TileFloat:
        int rows
        int columns
        void (*multiply)(
            int, Py_ssize_t, const float*, Py_ssize_t, Py_ssize_t, const float*, Py_ssize_t, float*
        ) noexcept nogil
    ctypedef struct TileDouble:
        int rows
        int columns
        void (*multiply)(
            int, Py_ssize_t, const double*, Py_ssize_t, Py_ssize_t, const double*, Py_ssize_t,
            double*
        ) noexcept nogil
    TileFloat tile_float(int level)
    TileDouble tile_double(int level)
    int tile_best_level()

cdef enum:
    LARGEST_TILE = 12 * 32  # elements
    TILES_IN_BLOCK = 4      # rows of tiles that one thread computes before it asks for more

cdef TileFloat float_tile = tile_float(tile_best_level())
cdef TileDouble double_tile = tile_double(tile_best_level())


cdef Tile tile_shape(const floating* selector) noexcept nogil:
    """Return the tile's shape for the type of the pointer (which is not followed)."""
    if floating is float:
        return Tile(float_tile.rows, float_tile.columns)
    else:
        return Tile(double_tile.rows, double_tile.columns)


cdef Panels describe_panels(
    const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t depth, Py_ssize_t columns,
    Py_ssize_t* pack_size,
) noexcept nogil:
    """Lay out b in panels; pack_size becomes the elements to pack it into, or 0 if in place."""
    cdef int width = tile_shape(b).columns
    cdef Py_ssize_t count = (columns + width - 1) // width
    if b_column == 1 and columns % width == 0:
        pack_size[0] = 0
        return Panels(count, width, b_row)
    pack_size[0] = count * width * depth
    return Panels(count, width * depth, width)


cdef void pack_panel(
    Py_ssize_t panel, const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t depth,
    Py_ssize_t columns, floating* packed,
) noexcept nogil:
    """Copy one panel of b (depth, columns), with zeros where the last one sticks out."""
    cdef Py_ssize_t width = tile_shape(b).columns
    cdef Py_ssize_t first = panel * width
    cdef Py_ssize_t filled = min(width, columns - first)
    cdef Py_ssize_t j, k
    packed += panel * width * depth
    for k in range(depth):
        for j in range(filled):
            packed[k * width + j] = b[k * b_row + (first + j) * b_column]
        for j in range(filled, width):
            packed[k * width + j] = 0


cdef void multiply_panel(
    Py_ssize_t panel, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t depth,
    const floating* a, Py_ssize_t a_row, Py_ssize_t a_column,
    const floating* b, Panels panels,
    floating* y, Py_ssize_t y_row, Py_ssize_t y_column,
    const floating* bias, Py_ssize_t bias_row, Py_ssize_t bias_column, bint relu, bint add,
) noexcept nogil:
    """Compute one panel's columns of y = relu(a @ b + bias), or y += a @ b, tile by tile."""
    cdef floating[LARGEST_TILE] out
    cdef Tile tile = tile_shape(b)
    cdef Py_ssize_t first = panel * tile.columns
    cdef Py_ssize_t width = min(<Py_ssize_t>tile.columns, columns - first)
    cdef Py_ssize_t start = 0, i, j
    cdef int height
    cdef floating value
    cdef floating* line
    b += panel * panels.next
    while start < rows:
        height = <int>min(<Py_ssize_t>tile.rows, rows - start)
        if floating is float:
            float_tile.multiply(
                height, depth, a + start * a_row, a_row, a_column, b, panels.row, out
            )
        else:
            double_tile.multiply(
                height, depth, a + start * a_row, a_row, a_column, b, panels.row, out
            )
        for i in range(height):
            line = y + (start + i) * y_row + first * y_column
            if add:
                for j in range(width):
                    line[j * y_column] += out[i * tile.columns + j]
            elif bias is NULL and not relu:
                for j in range(width):
                    line[j * y_column] = out[i * tile.columns + j]
            else:
                for j in range(width):
                    value = out[i * tile.columns + j]
                    if bias is not NULL:
                        value += bias[(start + i) * bias_row + (first + j) * bias_column]
                    line[j * y_column] = 0 if relu and value < 0 else value
        start += tile.rows


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
    cdef const floating* a_data = &a[0, 0] if depth > 0 else NULL
    cdef const floating* b_data = &b[0, 0] if depth > 0 else NULL
    cdef const floating* bias_data = &bias[0] if bias is not None else NULL
    cdef Py_ssize_t size = sizeof(floating)
    cdef Py_ssize_t a_row = a.strides[0] // size, a_column = a.strides[1] // size
    cdef Py_ssize_t b_row = b.strides[0] // size, b_column = b.strides[1] // size
    cdef Py_ssize_t y_row = columns, y_column = 1, bias_row = 0, bias_column = 1
    if b_column != 1 and rows < columns:  # y.T = b.T @ a.T
        a_data, b_data = b_data, a_data
        a_row, a_column, b_row, b_column = b_column, b_row, a_column, a_row
        rows, columns, y_row, y_column = columns, rows, y_column, y_row
        bias_row, bias_column = 1, 0

    cdef Py_ssize_t pack_size = 0
    cdef Panels panels = describe_panels(b_data, b_row, b_column, depth, columns, &pack_size)
    cdef floating* packed = NULL
    if pack_size:
        packed = <floating*>malloc(pack_size * sizeof(floating))
        if packed is NULL:
            raise MemoryError("matmul: no memory to pack b")
    cdef Py_ssize_t block = TILES_IN_BLOCK * tile_shape(a_data).rows
    cdef Py_ssize_t blocks = (rows + block - 1) // block
    cdef int team = team_size(rows * columns * depth // 16, threads)  # 16 products, one element
    cdef Py_ssize_t task, start
    with nogil:
        if pack_size:
            for task in prange(panels.count, num_threads=team, schedule="static"):
                pack_panel(task, b_data, b_row, b_column, depth, columns, packed)
            b_data = packed
        for task in prange(panels.count * blocks, num_threads=team, schedule="static"):
            start = task % blocks * block
            multiply_panel(
                task // blocks, min(block, rows - start), columns, depth,
                a_data + start * a_row, a_row, a_column, b_data, panels,
                &y[0, 0] + start * y_row, y_row, y_column,
                bias_data + start * bias_row if bias_data is not NULL else NULL,
                bias_row, bias_column, relu, False,
            )
        free(packed)
