"""What convolution uses of the matrix product: the declarations of tile.h."""

from libc.stdint cimport uint64_t

from minigrad.kernels.loops.dropout cimport Dropout
from minigrad.kernels.runtime.threads cimport Task

cdef extern from "tile.h" nogil:
    enum:
        DEPTH_BLOCK, WIDE

    ctypedef struct Product:
        Py_ssize_t rows, columns, depth
        const void* a
        const Py_ssize_t* a_row
        const Py_ssize_t* a_column
        Py_ssize_t ahead
        const void* b
        Py_ssize_t b_panel, b_row, b_group
        void* y
        const Py_ssize_t* y_row
        const Py_ssize_t* y_column
        const void* bias
        int relu, add

    ctypedef struct MatMul:
        Product product
        Py_ssize_t a_row, a_column, b_column, row_blocks
        int pack
        void* packed
        Py_ssize_t room, wide, wide_blocks, parts, part_depth
        void* sums
        uint64_t* bits

    ctypedef struct Conv:
        const void* x
        Py_ssize_t N, H, W, C, KH, KW, OH, OW, F
        Py_ssize_t stride_height, stride_width, top, left, dilation_height, dilation_width
        Py_ssize_t groups, group_channels, pool_height, pool_width
        unsigned char* winner
        Dropout dropout
        Product product
        Py_ssize_t reach_height, window_width
        int padded
        void* scratch
        Py_ssize_t scratch_size, window_size, bands, band_rows, chunks, pack

    ctypedef struct Sums:
        const void* x
        Py_ssize_t count, step, size
        void* y
        int relu

    ctypedef void (*PackLoop)(
        const void* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t depth, Py_ssize_t columns,
        void* packed,
    ) noexcept nogil
    Task matmul_task(size_t item)
    void (*find_loop(size_t item))(const MatMul* m) noexcept nogil
    Task conv_forward_task(size_t item)
    Task conv_backward_kernel_task(size_t item)
    Task conv_backward_input_task(size_t item)
    Task add_sums_task(size_t item)
    PackLoop pack_loop(size_t item)
    Py_ssize_t (*panel_columns(size_t item))()
    Py_ssize_t (*tile_rows(size_t item))()
