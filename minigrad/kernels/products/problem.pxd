"""What gemm.pyx and conv.pyx use of problem.h, which says what each field means."""

from libc.stdint cimport uint64_t

from minigrad.kernels.loops.dropout cimport Dropout
from minigrad.kernels.runtime.memory cimport Memory
from minigrad.kernels.runtime.threads cimport Task


ctypedef void* Array

cdef extern from "problem.h" nogil:
    enum:
        KC, BLOCK_PANELS, COPIED_ROWS, MACS_PER_ELEMENT, NO_ARGMAX, APART, PIECE, ADD, LINE_BYTES

    ctypedef struct Gemm:
        Py_ssize_t rows, columns, depth
        const void* a
        const void* b
        Py_ssize_t prefetch_step, b_panel_stride, b_row_stride
        void* y
        Py_ssize_t* a_row_offset
        Py_ssize_t* a_column_offset
        Py_ssize_t a_column_stride
        Py_ssize_t* y_row_offset
        Py_ssize_t* y_column_offset
        const void* bias
        bint relu, add

    ctypedef struct MatMul:
        Gemm gemm
        Py_ssize_t a_row_stride, a_column_stride, b_column_stride, row_blocks
        bint pack_b
        void* packed
        Py_ssize_t packed_size, column_blocks, skip_row_blocks, pieces, piece_depth
        int split_k
        void* partial_sums
        Py_ssize_t shards
        const Py_ssize_t* cuts
        void* turned_b
        uint64_t* nonzero_bits

    ctypedef struct Conv:
        Py_ssize_t N, H, W, C, KH, KW, OH, OW, F
        Py_ssize_t stride_height, stride_width, pad_top, pad_left, dilation_height, dilation_width
        Py_ssize_t groups, group_channels, pool_height, pool_width
        unsigned char* argmax
        Dropout dropout
        Array x, w, y, bias
        Gemm gemm
        Py_ssize_t b_group_stride, strips, strip_rows, receptive_height, strip_width
        bint relu, padded, few_filters
        int team
        void* scratch
        Py_ssize_t scratch_size, input_strip_size, packed_gy_size
        Py_ssize_t* seen_offset
        Py_ssize_t chunks, piece_rows, shards

    ctypedef struct Winograd:
        Conv conv
        Py_ssize_t tiles_down, tiles_across, tiles, block, C_step, F_step, V_step, M_step
        bint turned
        void* U

    ctypedef struct Sums:
        const void* x
        Py_ssize_t count, stride, size
        void* y
        bint relu

    ctypedef struct Products:
        Py_ssize_t item_size, tile_rows, tile_columns
        Task matmul, conv_forward, conv_backward_kernel, conv_backward_bias, conv_backward_input
        Task add_sums
        Task winograd_kernel, winograd_forward, winograd_backward_kernel, winograd_kernel_back
        void (*pack)(
            const void* b, Py_ssize_t b_row_stride, Py_ssize_t b_column_stride, Py_ssize_t depth,
            Py_ssize_t columns, void* packed,
        ) noexcept nogil
        void (*find_zeros)(const MatMul* m) noexcept nogil
        bint (*is_finite)(const void* array, Py_ssize_t size) noexcept nogil

    const Products fast_float, fast_double


cdef inline Memory allocate_offsets(
    Gemm* g, Py_ssize_t rows, Py_ssize_t depth, Py_ssize_t columns
):
    """Allocate g's tables of offsets, y_column_offset if columns > 0; keep the Memory as long."""
    cdef Memory offsets = Memory((2 * rows + depth + columns) * sizeof(Py_ssize_t))
    g.a_row_offset = <Py_ssize_t*>offsets.data
    g.y_row_offset = g.a_row_offset + rows
    g.a_column_offset = g.y_row_offset + rows
    g.y_column_offset = g.a_column_offset + depth if columns > 0 else NULL
    return offsets


cdef inline void write_multiples(
    Py_ssize_t* offset, Py_ssize_t count, Py_ssize_t stride
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        offset[i] = i * stride


cdef inline Memory write_strides(
    Gemm* g, Py_ssize_t rows, Py_ssize_t a_row_stride, Py_ssize_t depth,
    Py_ssize_t a_column_stride, Py_ssize_t y_row_stride,
):
    """Allocate g's tables of offsets, and write multiples of these strides."""
    cdef Memory offsets = allocate_offsets(g, rows, depth, 0)
    g.a_column_stride = a_column_stride
    with nogil:
        write_multiples(g.a_row_offset, rows, a_row_stride)
        write_multiples(g.a_column_offset, depth, a_column_stride)
        write_multiples(g.y_row_offset, rows, y_row_stride)
    return offsets
