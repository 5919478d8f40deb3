"""What convolution uses of the matrix product: the declarations of tile.h."""

from minigrad.kernels._parallel cimport Task

cdef extern from "tile.h" nogil:
    enum:
        DEPTH_BLOCK

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
        Py_ssize_t row_blocks, a_column, b_column
        int pack
        void* packed

    ctypedef struct Images:
        const void* x
        Py_ssize_t H, W, C

    ctypedef struct Conv:
        Images images
        Product product
        Py_ssize_t N, OH, OW, F, groups, group_channels, stride_height, reach_height
        int padded
        Py_ssize_t top, left, window_width
        void* scratch
        Py_ssize_t scratch_size, window_size, bands, band_rows, chunks, pack
        unsigned char* winner
        Py_ssize_t pool_height, pool_width

    ctypedef void (*PackLoop)(
        const void* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t depth, Py_ssize_t columns,
        void* packed,
    ) noexcept nogil
    ctypedef void (*AddLoop)(
        const void* sums, Py_ssize_t count, Py_ssize_t size, void* total
    ) noexcept nogil

    Task matmul_task(size_t item)
    Task conv_forward_task(size_t item)
    Task conv_backward_kernel_task(size_t item)
    Task conv_backward_input_task(size_t item)
    PackLoop pack_loop(size_t item)
    AddLoop add_sums_loop(size_t item)
    Py_ssize_t (*panel_columns(size_t item))()
    Py_ssize_t (*tile_rows(size_t item))()
