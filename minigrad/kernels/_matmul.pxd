"""The matrix product on raw pointers and one thread, for matmul and for convolution."""

from cython cimport floating


cdef struct Tile:
    # The shape of the product that the innermost loop computes at once.
    int rows
    int columns


# What b (depth, columns) looks like to the tile: panels of Tile.columns columns, side by side.
cdef struct Panels:
    Py_ssize_t count  # of panels
    Py_ssize_t next   # elements from one panel to the next
    Py_ssize_t row    # elements from one row to the next within a panel


cdef Tile tile_shape(const floating* selector) noexcept nogil

cdef Panels describe_panels(
    const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t depth, Py_ssize_t columns,
    Py_ssize_t* pack_size,
) noexcept nogil

cdef void pack_panel(
    Py_ssize_t panel, const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t depth,
    Py_ssize_t columns, floating* packed,
) noexcept nogil

cdef void multiply_panel(
    Py_ssize_t panel, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t depth,
    const floating* a, Py_ssize_t a_row, Py_ssize_t a_column,
    const floating* b, Panels panels,
    floating* y, Py_ssize_t y_row, Py_ssize_t y_column,
    const floating* bias, Py_ssize_t bias_row, Py_ssize_t bias_column, bint relu, bint add,
) noexcept nogil
