"""Convolution of images (N, H, W, C) as implicit GEMM: checks, tables and threads.

im2col lays out the patch below the kernel, for each output pixel, as a row of a matrix:

    x   . . . . .          im2col(x)                         w            y
        . a b c .     pixel 0: a b c d e f g h i       (KH*KW*C, F)    (pixels, F)
        . d e f .     pixel 1: b c . e f . h i .    @                =
        . g h i .     ...

plain.pyx and the twins of reference.py do just that. Here the same product is computed without
storing that matrix: its elements are addressed in x through two tables of offsets, one for its rows
(where each pixel's patch begins) and one for its columns (where the elements of a patch lie from
there). implicit_gemm.h draws them; this file writes them:

    forward            y = im2col(x) @ w, in tasks of a strip of output rows
    kernel gradient    gw = im2col(x).T @ gy: the two tables swapped. Images are summed in chunks,
                       whose number does not depend on the threads; and so for the bias
    input gradient     gx = col2im(gy @ w.T): each row of the product is added to a patch in place

Convolutions with 3 x 3 kernels and enough channels take another way, with fewer multiplications:
winograd.h.

To follow ops.conv2d down to its multiplications: conv2d_forward, forward; then conv_forward and
convolve (implicit_gemm.h), gemm (gemm.h), gemm_panel and microkernel (gemm_microkernel.h).
"""

import importlib
import os

import numpy as np

from libc.string cimport memcpy, memset

from minigrad.kernels.loops.dropout cimport dropout_of
from minigrad.kernels.products.problem cimport (
    ADD, APART, LINE_BYTES, MACS_PER_ELEMENT, NO_ARGMAX, PIECE, Conv, Gemm, Products, Sums,
    Winograd, allocate_offsets, write_multiples, write_strides,
)
from minigrad.kernels.runtime.arrays cimport (
    check_apart, check_array, check_geometry, copy_cuts, float_kind
)
from minigrad.kernels.runtime.memory cimport Memory
from minigrad.kernels.runtime.numpy cimport (
    NPY_FLOAT, NPY_UINT8, PyArray_DATA, PyArray_DIM, PyArray_NDIM, PyArray_SIZE, PyArray_TYPE,
    import_array, ndarray
)
from minigrad.kernels.runtime.threads cimport chunk_count, run_tasks, team_size

import_array()

# The C functions are linked into the gemm module of the same instruction set.
cdef size_t float_table, double_table
float_table, double_table = importlib.import_module(__name__.replace(".conv_", ".gemm_"))._tables

cdef enum:
    STRIP_PIXELS = 64  # results of the convolution in one task, at least: a task takes long enough
    CHUNKS = 16  # partial sums of the kernel gradient: enough for 16 threads, little to add
    WINOGRAD_FROM = 16  # channels and filters: with fewer the transforms cost what they save
    WINOGRAD_PIXELS = 64  # of an image: with fewer, transforming the kernel is too large a part
    BLOCK_BYTES = 480 << 10  # of V and M, which leave L2 some room
    WINOGRAD_CHUNKS = 4  # partial sums of the kernel gradient, each with four rows of positions
    LEAST_BLOCK = 14   # tiles in a block: whole tiles of the micro-kernel, where there are enough
    MOST_BLOCK = 112


# --- what is convolved -------------------------------------------------------------------------


cdef const Products* products_of(ndarray array) noexcept:
    """Dispatch: the C functions for the type of the array."""
    return <const Products*>(float_table if PyArray_TYPE(array) == NPY_FLOAT else double_table)


cdef int read_geometry(str kernel, Conv* c, tuple geometry) except -1:
    check_geometry(kernel, geometry, 2)
    (c.stride_height, c.stride_width, c.pad_top, c.pad_left, c.dilation_height, c.dilation_width,
     c.groups) = geometry


cdef Conv describe(
    str kernel, ndarray x, ndarray w, ndarray y, ndarray bias, ndarray argmax, str written,
    tuple geometry, tuple pool=(1, 1), double rate=0,
) except *:
    """Check all arguments, note where the arrays begin, and collect their sizes.

    Parameters
    ----------
    x, w, y : (N, H, W, C), (KH, KW, C / groups, F), (N, OH, OW, F)
        In the backward pass gradients of these shapes.
    bias, argmax : (F,) and (N, OH, OW, F), or None
    written : names of those that must be writable
    geometry : strides, padding at the top and on the left, dilation (each for height and width)
        and the number of groups
    pool : height and width of the window of max pooling
    rate : of dropout
    """
    cdef int kind = float_kind(kernel, y)
    cdef Conv c
    memset(&c, 0, sizeof(c))
    read_geometry(kernel, &c, geometry)
    if len(pool) != 2 or min(pool) < 1 or pool[0] * pool[1] >= NO_ARGMAX:
        raise ValueError(
            f"{kernel}: expected a pooling window of 1 to {NO_ARGMAX - 1} cells, got {pool}"
        )
    c.pool_height, c.pool_width = pool
    if PyArray_NDIM(x) == PyArray_NDIM(w) == PyArray_NDIM(y) == 4:  # else they are refused below
        c.N, c.H = PyArray_DIM(x, 0), PyArray_DIM(x, 1)
        c.W, c.C = PyArray_DIM(x, 2), PyArray_DIM(x, 3)
        c.KH, c.KW, c.F = PyArray_DIM(w, 0), PyArray_DIM(w, 1), PyArray_DIM(w, 3)
        c.OH, c.OW = PyArray_DIM(y, 1), PyArray_DIM(y, 2)
    if c.C % c.groups or c.F % c.groups:
        raise ValueError(f"{kernel}: expected channels and filters in {c.groups} groups, "
                         f"got {c.C} and {c.F}")
    c.x = check_array(kernel, "x", x, kind, (c.N, c.H, c.W, c.C), "x" in written)
    c.w = check_array(kernel, "w", w, kind, (c.KH, c.KW, c.C // c.groups, c.F), "w" in written)
    c.y = check_array(kernel, "y", y, kind, (c.N, c.OH, c.OW, c.F), "y" in written)
    c.bias = check_array(kernel, "bias", bias, kind, (c.F,), "bias" in written)
    c.argmax = <unsigned char*>check_array(
        kernel, "argmax", argmax, NPY_UINT8, (c.N, c.OH, c.OW, c.F), "y" in written
    )
    if "y" in written:
        check_apart(kernel, y, x, w, bias, argmax)
        check_apart(kernel, argmax, x, w, bias)
    elif "w" in written:
        check_apart(kernel, w, x, y, bias, argmax)
        check_apart(kernel, bias, x, y, argmax)
    else:
        check_apart(kernel, x, w, y)
    # A stride as long as the image leads out of it, like any longer one.
    c.stride_height = max(1, min(c.stride_height, c.H + c.pad_top))
    c.stride_width = max(1, min(c.stride_width, c.W + c.pad_left))
    if PyArray_SIZE(y) > 0:
        find_receptive_field(kernel, &c)
    if not 0 <= rate < 1:
        raise ValueError(f"{kernel}: expected a rate from 0 to below 1, got {rate}")
    return c


cdef int find_receptive_field(str kernel, Conv* c) except -1:
    """Find how much of an image the outputs depend on, and whether that includes padding.

    MemoryError if the padded images have more elements than 64 bits can address.
    """
    cdef double kernel_height = (c.KH - 1.0) * c.dilation_height + 1
    cdef double kernel_width = (c.KW - 1.0) * c.dilation_width + 1
    cdef double height = (<double>c.OH * c.pool_height - 1) * c.stride_height + kernel_height
    cdef double width = (<double>c.OW * c.pool_width - 1) * c.stride_width + kernel_width
    cdef double padded_height = max(height, c.H + c.pad_top)
    cdef double padded_width = max(width, c.W + c.pad_left)
    if padded_height * padded_width * max(c.C, c.F) > 2.0**44:
        raise MemoryError(f"{kernel}: no memory for images that padding makes {padded_height:.0f} "
                          f"x {padded_width:.0f} of {max(c.C, c.F)} channels")
    c.group_channels = c.C // c.groups
    c.receptive_height = <Py_ssize_t>((c.pool_height - 1) * c.stride_height + kernel_height)
    c.padded = c.pad_top > 0 or c.pad_left > 0 or height > c.H or width > c.W
    c.strip_width = <Py_ssize_t>width if c.padded else c.W


# --- the transposed problem --------------------------------------------------------------------

# A panel holds NR filters. With few filters, most of the micro-kernel's work is on zeros. But a
# convolution with stride 1 equals the input gradient of another convolution, from y to x, with the
# kernel flipped and C and F swapped. With few filters and many channels this form is faster: then
# conv2d_forward computes an input gradient, and conv2d_backward_kernel swaps x and gy. (16 * 16
# images of 50 channels, 17 filters of 7 * 7, forward and backward: 24.4 ms instead of 32.5.)


cdef bint prefer_transposed(const Conv* c, Py_ssize_t NR) noexcept nogil:
    """True if the transposed problem is faster: F fills at most 60 % of its vectors, C is large."""
    cdef Py_ssize_t lanes = NR // 2
    cdef Py_ssize_t filled = (c.F + lanes - 1) // lanes * lanes
    return (
        5 * c.F <= 3 * filled and c.C >= 2 * lanes and c.KH * c.KW > 1 and c.groups == 1
        and c.stride_height == 1 and c.stride_width == 1
        and c.pad_top <= (c.KH - 1) * c.dilation_height
        and c.pad_left <= (c.KW - 1) * c.dilation_width
    )


cdef Conv transpose_problem(str kernel, Conv c) except *:
    """Return the convolution whose input gradient is c's forward pass.

    x and y, C and F are swapped; the padding becomes (K - 1) * dilation - padding.
    """
    c.x, c.H, c.W, c.C, c.y, c.OH, c.OW, c.F = c.y, c.OH, c.OW, c.F, c.x, c.H, c.W, c.C
    c.pad_top = (c.KH - 1) * c.dilation_height - c.pad_top
    c.pad_left = (c.KW - 1) * c.dilation_width - c.pad_left
    find_receptive_field(kernel, &c)
    return c


cdef bint sees_neighbours(const Conv* c) noexcept nogil:
    """True if strides and dilation are 1."""
    return c.stride_height == c.stride_width == c.dilation_height == c.dilation_width == 1


# --- few filters of one channel ----------------------------------------------------------------


cdef bint has_few_filters(const Conv* c) noexcept nogil:
    """True if few_filters.h is faster: one channel, up to 8 filters, windows of 2 * 2."""
    return (
        c.argmax is not NULL and c.C == 1 and c.F <= 8
        and c.pool_height == 2 and c.pool_width == 2 and c.KH * c.KW > 1 and sees_neighbours(c)
    )


# --- strips and tables of offsets --------------------------------------------------------------


cdef Py_ssize_t plan_strips(Conv* c, Py_ssize_t least) noexcept nogil:
    """Cut the outputs into strips of at least `least` results; return how many a strip has."""
    cdef Py_ssize_t results = c.OW * c.pool_width * c.pool_height  # of a row of outputs
    cdef Py_ssize_t height
    c.strip_rows = min((least + results - 1) // results, c.OH)
    c.strips = (c.OH + c.strip_rows - 1) // c.strip_rows
    if c.padded:
        height = (c.strip_rows - 1) * c.pool_height * c.stride_height + c.receptive_height
        c.input_strip_size = height * c.strip_width * c.C
    return c.strip_rows * results


cdef Memory share(const Products* products, Conv* c, Py_ssize_t macs, int threads):
    """Decide how many threads share so many multiply-adds; give each c.scratch_size elements.

    Calls that follow each other count as one: threads still look for tasks between them.
    """
    c.team = team_size(macs * max(1, c.shards) // MACS_PER_ELEMENT, threads)
    cdef Memory scratch = Memory(c.team * (c.scratch_size + APART) * products.item_size)
    c.scratch = scratch.data
    return scratch


cdef void write_pixel_offsets(Py_ssize_t* offset, const Conv* c) noexcept nogil:
    """Write where the patch of each result of a strip begins: rows of im2col(x).

    The results of a pooling window follow each other (but without_windows(c) has them by rows).
    """
    cdef Py_ssize_t row = c.stride_height * c.strip_width * c.C, column = c.stride_width * c.C
    cdef Py_ssize_t i, j, cell_row, cell_column, n = 0
    for i in range(c.strip_rows):
        for j in range(c.OW):
            for cell_row in range(i * c.pool_height, (i + 1) * c.pool_height):
                for cell_column in range(j * c.pool_width, (j + 1) * c.pool_width):
                    offset[n] = cell_row * row + cell_column * column
                    n += 1


cdef Conv without_windows(Conv c) noexcept nogil:
    """Return the convolution before pooling, in the same strips."""
    c.strip_rows, c.OW = c.strip_rows * c.pool_height, c.OW * c.pool_width
    c.pool_height = c.pool_width = 1
    return c


cdef void write_patch_offsets(Py_ssize_t* offset, const Conv* c) noexcept nogil:
    """Write how far the elements of a patch lie from its first one: columns of im2col(x)."""
    cdef Py_ssize_t row = c.dilation_height * c.strip_width * c.C, column = c.dilation_width * c.C
    cdef Py_ssize_t i, j, channel, n = 0
    for i in range(c.KH):
        for j in range(c.KW):
            for channel in range(c.group_channels):
                offset[n] = i * row + j * column + channel
                n += 1


cdef Memory pack_kernel(
    const Products* products, Conv* c, Py_ssize_t row_stride, Py_ssize_t column_stride
):
    """Pack w, for each group a (depth, columns) matrix, as b of c.gemm."""
    cdef Gemm* g = &c.gemm
    cdef Py_ssize_t NR = products.tile_columns, item = products.item_size, group
    g.b_panel_stride = NR * g.depth
    g.b_row_stride = NR
    c.b_group_stride = (g.columns + NR - 1) // NR * g.b_panel_stride
    cdef Memory packed = Memory(c.groups * c.b_group_stride * item)
    g.b = packed.data
    with nogil:
        for group in range(c.groups):
            products.pack(
                <char*>c.w + group * (c.F // c.groups) * item, row_stride, column_stride, g.depth,
                g.columns, <char*>packed.data + group * c.b_group_stride * item,
            )
    return packed


# --- Winograd ----------------------------------------------------------------------------------

cdef bint has_winograd = os.environ.get("MINIGRAD_WINOGRAD") != "0"


cdef bint prefer_winograd(const Conv* c) noexcept nogil:
    """True if winograd.h is faster: sizes of one image decide, so bits are those of any batch."""
    return (
        has_winograd and c.KH == 3 and c.KW == 3 and c.groups == 1 and sees_neighbours(c)
        and c.pad_top <= 2 and c.pad_left <= 2
        and c.C >= WINOGRAD_FROM and c.F >= WINOGRAD_FROM
        and min(c.H * c.W, c.OH * c.OW) >= WINOGRAD_PIXELS
    )


cdef Winograd plan_winograd(const Products* products, const Conv* c) noexcept nogil:
    """Cut the outputs into tiles, and these into blocks."""
    cdef Py_ssize_t item = products.item_size, lanes = products.tile_columns // 2
    cdef Py_ssize_t fitting = BLOCK_BYTES // (16 * (c.C + c.F) * item)
    cdef Winograd plan
    memset(&plan, 0, sizeof(plan))
    plan.conv = c[0]
    plan.tiles_down, plan.tiles_across = (c.OH + 1) // 2, (c.OW + 1) // 2
    plan.tiles = c.N * plan.tiles_down * plan.tiles_across
    plan.block = max(LEAST_BLOCK, min(MOST_BLOCK, fitting // LEAST_BLOCK * LEAST_BLOCK))
    plan.C_step = (c.C + lanes - 1) // lanes * lanes
    plan.F_step = (c.F + lanes - 1) // lanes * lanes
    # A line apart: else the 16 positions compete for the same few lines of L1.
    plan.V_step = plan.block * plan.C_step + LINE_BYTES // item
    plan.M_step = plan.block * plan.F_step + LINE_BYTES // item
    plan.conv.scratch_size = 16 * (plan.V_step + plan.M_step + max(c.C, c.F))
    return plan


cdef int winograd_forward(const Products* products, Conv* c, bint turned, int threads) except -1:
    """Compute y; turned: w is that of the problem before it was transposed."""
    cdef Winograd plan = plan_winograd(products, c)
    cdef Gemm* g = &plan.conv.gemm
    cdef Py_ssize_t NR = products.tile_columns
    cdef Py_ssize_t blocks = (plan.tiles + plan.block - 1) // plan.block
    cdef Memory _scratch = share(products, &plan.conv, plan.tiles * 16 * c.C * c.F, threads)
    cdef Memory transformed = Memory(16 * c.C * ((c.F + NR - 1) // NR * NR) * products.item_size)
    cdef Memory _offsets = write_strides(g, plan.block, plan.C_step, c.C, 1, plan.F_step)
    g.columns, g.depth = plan.F_step, c.C
    g.b_panel_stride, g.b_row_stride = NR * c.C, NR
    plan.U, plan.turned = transformed.data, turned
    with nogil:
        run_tasks(products.winograd_kernel, &plan, (2 * c.C + NR - 1) // NR, plan.conv.team)
        run_tasks(products.winograd_forward, &plan, blocks, plan.conv.team)


cdef int winograd_backward_kernel(const Products* products, Conv* c, int threads) except -1:
    cdef Winograd plan = plan_winograd(products, c)
    cdef Gemm* g = &plan.conv.gemm
    cdef Memory _scratch = share(products, &plan.conv, plan.tiles * 16 * c.C * c.F, threads)
    plan.conv.chunks = min(WINOGRAD_CHUNKS, c.N)
    cdef Memory sums = Memory(plan.conv.chunks * 16 * c.C * plan.F_step * products.item_size)
    cdef Memory _offsets = write_strides(g, c.C, 1, plan.block, plan.C_step, plan.F_step)
    g.rows, g.columns, g.add = c.C, plan.F_step, ADD
    g.b_panel_stride, g.b_row_stride = products.tile_columns, plan.F_step
    plan.U = sums.data
    with nogil:
        run_tasks(products.winograd_backward_kernel, &plan, 4 * plan.conv.chunks, plan.conv.team)
        run_tasks(products.winograd_kernel_back, &plan, c.C, plan.conv.team)


# --- forward -----------------------------------------------------------------------------------


cdef int forward(const Products* products, Conv c, int threads) except -1:
    """Compute y, pooled if c.argmax is given."""
    cdef Gemm* g = &c.gemm
    cdef Py_ssize_t pixels, lanes = products.tile_columns // 2
    cdef Memory _packed, _offsets
    c.few_filters = has_few_filters(&c)
    pixels = plan_strips(&c, PIECE if c.few_filters else STRIP_PIXELS)
    g.columns, g.depth = c.F // c.groups, c.KH * c.KW * c.group_channels
    if c.few_filters:
        c.strip_width = 2 * ((c.OW + lanes - 1) // lanes * lanes + (c.KW + 2) // 2)
        c.input_strip_size = (2 * c.strip_rows + c.KH - 1) * c.strip_width
        c.scratch_size = c.input_strip_size + c.strip_width
    else:
        g.prefetch_step = LINE_BYTES // products.item_size
        c.scratch_size = c.input_strip_size + (0 if c.argmax is NULL else pixels * c.F)
        _packed = pack_kernel(products, &c, c.F, 1)
        _offsets = allocate_offsets(g, pixels, g.depth, 0)
        write_pixel_offsets(g.a_row_offset, &c)
        write_patch_offsets(g.a_column_offset, &c)
        write_multiples(g.y_row_offset, pixels, c.F)
    cdef Memory _scratch = share(
        products, &c, c.N * c.strips * pixels * g.columns * g.depth, threads
    )
    with nogil:
        run_tasks(products.conv_forward, &c, c.N * c.strips, c.team)


def conv2d_forward(
    ndarray x not None, ndarray w not None, ndarray bias, bint relu, ndarray y not None,
    tuple geometry, int threads,
):
    """Compute y = im2col(x) @ w (+ bias), with its negative elements set to 0 if relu is true.

    IN x (N, H, W, C), w (KH, KW, C / groups, F), bias (F,) or None; OUT y (N, OH, OW, F)
    """
    cdef const Products* products = products_of(y)
    cdef Conv c = describe("conv2d_forward", x, w, y, bias, None, "y", geometry)
    c.relu = relu
    if PyArray_SIZE(y) == 0:
        return
    if prefer_winograd(&c):
        winograd_forward(products, &c, False, threads)
    elif PyArray_SIZE(x) and prefer_transposed(&c, products.tile_columns):
        c = transpose_problem("conv2d_forward", c)
        w = np.ascontiguousarray(w[::-1, ::-1].swapaxes(2, 3))
        c.w = PyArray_DATA(w)
        backward_input(products, c, threads)
    else:
        forward(products, c, threads)


def conv2d_pool_forward(
    ndarray x not None, ndarray w not None, ndarray bias, bint relu, ndarray y not None,
    ndarray argmax not None, tuple pool, tuple geometry, double rate, unsigned long long seed,
    int threads, Py_ssize_t first=0,
):
    """Compute conv2d_forward, then the maximum of each pooling window, then dropout.

    IN x (N, H, W, C), w (KH, KW, C / groups, F), bias (F,) or None; OUT y (N, PH, PW, F) and argmax
    like y, of uint8. The rate of dropout is 0, or below 1 with relu.

    The maps in between are not stored. argmax is the cell of the window that was the (first)
    largest, counted by rows, or 255 where relu set the whole window to 0 or it was dropped. The
    elements of y are counted from first.
    """
    cdef Conv c = describe("conv2d_pool_forward", x, w, y, bias, argmax, "y", geometry, pool, rate)
    c.relu = relu
    if rate > 0:
        c.dropout = dropout_of(rate, seed, first)
    if PyArray_SIZE(y):
        forward(products_of(y), c, threads)


# --- gradients of kernel and bias --------------------------------------------------------------


cdef Py_ssize_t rows_of_piece(Py_ssize_t width) noexcept nogil:
    """How many rows of an image's results, of this width, make a piece: windows of 2, 3, 4 fit."""
    cdef Py_ssize_t rows = max(1, PIECE // width)
    return rows if rows < 12 else rows - rows % 12


def conv2d_pool_has_same_bits(
    tuple kernel, tuple sizes, tuple geometry, tuple pool, int item_size
):
    """Whether conv2d_pool_forward and its gradients have the bits of one kernel after the other.

    kernel (KH, KW, C / groups, F), sizes (height and width before pooling), geometry, pool: for
    arrays of item_size bytes an element. Not so if conv2d_forward computes the transposed problem,
    by Winograd, or windows reach into two pieces.
    """
    cdef Conv c
    cdef Py_ssize_t rows = rows_of_piece(sizes[1])
    memset(&c, 0, sizeof(c))
    read_geometry("conv2d_pool_has_same_bits", &c, geometry)
    c.KH, c.KW, c.C, c.F = kernel
    c.H, c.W = c.OH, c.OW = sizes  # an image that padding made larger may get a needless no
    table = float_table if item_size == sizeof(float) else double_table
    return (
        (rows >= sizes[0] or rows % pool[0] == 0) and sizes[1] <= PIECE
        and not prefer_transposed(&c, (<const Products*><size_t>table).tile_columns)
        and not prefer_winograd(&c)
    )


cdef int backward_kernel(const Products* products, Conv c, Py_ssize_t width, int threads) except -1:
    """Compute gw, and gb if pooling is fused; width: of the results before pooling."""
    cdef Gemm* g = &c.gemm
    cdef Py_ssize_t item = products.item_size, NR = products.tile_columns
    cdef bint pooled = c.argmax is not NULL
    c.few_filters = (
        has_few_filters(&c) and c.KH == c.KW and c.KH in (5, 7) and item == 4 and NR >= 16
    )  # each row of a patch fits into 8 floats
    if c.few_filters:  # copied, since vectors of pixels reach beyond a patch
        c.padded, c.strip_width = True, 2 * c.OW + c.KW - 1
    cdef Py_ssize_t least = PIECE if c.few_filters else STRIP_PIXELS if pooled else c.OH * c.OW
    cdef Py_ssize_t pixels = plan_strips(&c, least)
    g.rows, g.columns, g.add = c.KH * c.KW * c.group_channels, c.F // c.groups, ADD
    g.b_panel_stride, g.b_row_stride = NR, c.F
    if g.columns % (NR // 2):  # the micro-kernel reads whole vectors, one or two
        c.packed_gy_size = (g.columns + NR - 1) // NR * NR * pixels
        g.b_row_stride = NR
    c.chunks, c.piece_rows = min(CHUNKS, c.N), rows_of_piece(width)
    cdef Py_ssize_t size = (g.rows + pooled) * c.F  # of a partial sum: gw and, if pooled, gb
    c.scratch_size = c.input_strip_size + c.packed_gy_size
    if pooled:  # a strip's gradients, and sums of the rows of a window and of a piece
        c.scratch_size += pixels * c.F + c.pool_height * (c.F + NR) + size
    cdef Memory _scratch = share(
        products, &c, c.N * c.strips * pixels * g.columns * g.rows, threads
    )
    cdef Memory seen = Memory(c.team * (pixels + APART) * sizeof(Py_ssize_t) if pooled else 0)
    cdef Memory sums = Memory(c.chunks * size * item)
    cdef Sums of_w = Sums(sums.data, c.chunks, size, g.rows * c.F, c.w, False)
    cdef Sums of_b = Sums(<char*>sums.data + of_w.size * item, c.chunks, size, c.F, c.bias, False)
    cdef Memory _offsets = allocate_offsets(g, g.rows, pixels, 0)
    g.y, c.seen_offset = sums.data, <Py_ssize_t*>seen.data
    cdef Conv by_rows = without_windows(c)
    with nogil:
        write_patch_offsets(g.a_row_offset, &c)
        write_pixel_offsets(g.a_column_offset, &by_rows)
        write_multiples(g.y_row_offset, g.rows, c.F)
        run_tasks(products.conv_backward_kernel, &c, c.chunks, c.team)
        run_tasks(products.add_sums, &of_w, chunk_count(of_w.size), c.team)
        if pooled:
            run_tasks(products.add_sums, &of_b, chunk_count(of_b.size), c.team)


cdef int backward_bias(const Products* products, Conv c, int threads) except -1:
    """Compute gb."""
    c.chunks, c.piece_rows = min(CHUNKS, c.N), rows_of_piece(c.OW)
    cdef Memory sums = Memory(c.chunks * c.F * products.item_size)
    cdef Sums of_chunks = Sums(sums.data, c.chunks, c.F, c.F, c.bias, False)
    c.gemm.y = sums.data
    c.team = team_size(c.N * c.OH * c.OW * c.F * max(1, c.shards), threads)
    with nogil:
        run_tasks(products.conv_backward_bias, &c, c.chunks, c.team)
        run_tasks(products.add_sums, &of_chunks, chunk_count(c.F), 1)


cdef int sum_images(const Products* products, Conv c, Py_ssize_t width, int threads) except -1:
    """Compute gw and gb, those that c has; width: as in backward_kernel."""
    if c.w is NULL:
        backward_bias(products, c, threads)
    elif c.argmax is NULL and prefer_winograd(&c):
        winograd_backward_kernel(products, &c, threads)
    else:
        backward_kernel(products, c, width, threads)


cdef int sum_shards(
    const Products* products, Conv c, Py_ssize_t width, const Py_ssize_t* cuts, Py_ssize_t shards,
    char* sums, Py_ssize_t w_size, Py_ssize_t size, int threads,
) except -1:
    """Compute them as one sum for each shard of the images, added as a tree.

    They go to sums, w_size elements of gw and then gb, size in all; behind is as much room again
    for each level of the tree below.
    """
    cdef Py_ssize_t half = shards // 2, item = products.item_size, first = cuts[0]
    cdef Sums both = Sums(sums, 2, size, size, sums, False)
    if shards == 1:
        c.N, c.y = cuts[1] - first, <char*>c.y + first * c.OH * c.OW * c.F * item
        if c.w is not NULL:
            c.x, c.w = <char*>c.x + first * c.H * c.W * c.C * item, sums
        if c.bias is not NULL:
            c.bias = sums + w_size * item
        if c.argmax is not NULL:
            c.argmax += first * c.OH * c.OW * c.F
        return sum_images(products, c, width, threads)
    if first == cuts[half]:  # a shard without images is left out: its 0 would turn -0 into 0
        cuts += half
    elif cuts[half] < cuts[shards]:
        sum_shards(products, c, width, cuts, half, sums, w_size, size, threads)
        sums += size * item
        sum_shards(products, c, width, cuts + half, half, sums, w_size, size, threads)
        with nogil:
            run_tasks(products.add_sums, &both, chunk_count(size), 1)
        return 0
    return sum_shards(products, c, width, cuts, half, sums, w_size, size, threads)


cdef int sum_at_cuts(
    str kernel, const Products* products, Conv c, Py_ssize_t width, tuple cuts, int threads
) except -1:
    """sum_images, or sum_shards if there are cuts."""
    if cuts is None:
        return sum_images(products, c, width, threads)
    cdef Memory numbers = copy_cuts(kernel, cuts, c.N)
    cdef Py_ssize_t item = products.item_size, shards = len(cuts) - 1
    cdef Py_ssize_t w_size = 0 if c.w is NULL else c.KH * c.KW * c.group_channels * c.F
    cdef Py_ssize_t size = w_size + (0 if c.bias is NULL else c.F)
    cdef Memory sums = Memory(shards.bit_length() * size * item)
    cdef const Py_ssize_t* cut = <Py_ssize_t*>numbers.data
    c.shards = shards
    sum_shards(products, c, width, cut, shards, <char*>sums.data, w_size, size, threads)
    if c.w is not NULL:
        memcpy(c.w, sums.data, w_size * item)
    if c.bias is not NULL:
        memcpy(c.bias, <char*>sums.data + w_size * item, c.F * item)


def conv2d_backward_kernel(
    ndarray x not None, ndarray gy not None, ndarray gw not None, tuple geometry, int threads,
    tuple cuts=None,
):
    """Compute gw = im2col(x).T @ gy, the gradient with respect to the convolution's kernel.

    IN x (N, H, W, C), gy (N, OH, OW, F); OUT gw (KH, KW, C / groups, F). With cuts, ints from 0 to
    N, there is one sum for the images between each two of them, and the sums are added as a tree.
    """
    cdef str kernel = "conv2d_backward_kernel"
    cdef const Products* products = products_of(gw)
    cdef Conv c = describe(kernel, x, gw, gy, None, None, "w", geometry)
    cdef ndarray flipped
    if PyArray_SIZE(x) == 0 or PyArray_SIZE(gy) == 0 or PyArray_SIZE(gw) == 0:
        gw[...] = 0
    elif not prefer_winograd(&c) and prefer_transposed(&c, products.tile_columns):
        c = transpose_problem(kernel, c)
        flipped = np.empty((c.KH, c.KW, c.C, c.F), gw.dtype)
        c.w = PyArray_DATA(flipped)
        sum_at_cuts(kernel, products, c, c.OW, cuts, threads)
        gw[...] = flipped[::-1, ::-1].swapaxes(2, 3)
    else:
        sum_at_cuts(kernel, products, c, c.OW, cuts, threads)


def conv2d_pool_backward_kernel(
    ndarray x not None, ndarray gy not None, ndarray argmax not None, ndarray gw not None,
    ndarray gb not None, tuple pool, tuple geometry, Py_ssize_t width, double rate, int threads,
    tuple cuts=None,
):
    """Compute the gradients of kernel and bias; each element of gy counts at its argmax alone.

    IN x (N, H, W, C), gy (N, PH, PW, F), argmax like gy from conv2d_pool_forward, with its rate;
    width: of the results before pooling; OUT gw (KH, KW, C / groups, F), gb (F,); cuts: as above
    """
    cdef str kernel = "conv2d_pool_backward_kernel"
    cdef Conv c = describe(kernel, x, gw, gy, gb, argmax, "w bias", geometry, pool, rate)
    if width < c.OW * c.pool_width:
        raise ValueError(
            f"{kernel}: expected at least as many results in a row as windows cover, "
            f"{c.OW * c.pool_width}, got {width}"
        )
    if PyArray_SIZE(gy) == 0:
        gw[...] = 0
        gb[...] = 0
    else:
        c.dropout = dropout_of(rate, 0, 0)  # of which only the scale is needed
        sum_at_cuts(kernel, products_of(gw), c, width, cuts, threads)


def conv2d_backward_bias(
    ndarray gy not None, ndarray gb not None, int threads, tuple cuts=None
):
    """Add up the pixels of gy, the gradient with respect to the convolution's bias.

    IN gy (N, OH, OW, F); OUT gb (F,); cuts: as above
    """
    cdef str kernel = "conv2d_backward_bias"
    cdef int kind = float_kind(kernel, gy)
    cdef Conv c
    memset(&c, 0, sizeof(c))
    if PyArray_NDIM(gy) == 4:  # else it is refused below
        c.N, c.OH, c.OW, c.F = gy.shape
    c.y = check_array(kernel, "gy", gy, kind, (c.N, c.OH, c.OW, c.F), False)
    c.bias = check_array(kernel, "gb", gb, kind, (c.F,), True)
    check_apart(kernel, gb, gy)
    if PyArray_SIZE(gy) == 0:
        gb[...] = 0
    else:
        sum_at_cuts(kernel, products_of(gy), c, c.OW, cuts, threads)


# --- input gradient ----------------------------------------------------------------------------


cdef int backward_input(const Products* products, Conv c, int threads) except -1:
    """Compute gx; for a forward pass that runs as its transposed problem, relu(gx + bias)."""
    cdef Gemm* g = &c.gemm
    cdef Py_ssize_t i, j, row, column, n = 0
    cdef Py_ssize_t row_step = c.stride_height * c.strip_width * c.C
    cdef Py_ssize_t column_step = c.stride_width * c.C
    g.rows = plan_strips(&c, c.OH * c.OW)
    g.columns, g.depth, g.add = c.KH * c.KW * c.group_channels, c.F // c.groups, ADD
    g.prefetch_step = LINE_BYTES // products.item_size
    c.scratch_size = c.input_strip_size
    cdef Memory _scratch = share(products, &c, c.N * g.rows * g.columns * g.depth, threads)
    cdef Memory _packed = pack_kernel(products, &c, 1, c.F)
    cdef Memory _offsets = allocate_offsets(g, g.rows, g.depth, g.columns)
    # Patches of neighbouring pixels overlap: each addition would wait for the store before it. So
    # every KW-th pixel comes first; their patches do not overlap. With NR channels or more the
    # stores are far enough apart.
    cdef Py_ssize_t apart = c.KW if c.group_channels < products.tile_columns else 1
    with nogil:
        for i in range(apart):
            for row in range(c.OH):
                for j in range((c.OW - i + apart - 1) // apart):
                    column = i + j * apart
                    g.a_row_offset[n] = (row * c.OW + column) * c.F
                    g.y_row_offset[n] = row * row_step + column * column_step
                    n += 1
        write_multiples(g.a_column_offset, g.depth, 1)
        write_patch_offsets(g.y_column_offset, &c)
        run_tasks(products.conv_backward_input, &c, c.N, c.team)


def conv2d_backward_input(
    ndarray gy not None, ndarray w not None, ndarray gx not None, tuple geometry, int threads
):
    """Compute gx = col2im(gy @ w.T), the gradient with respect to the convolution's input.

    IN gy (N, OH, OW, F), w (KH, KW, C / groups, F); OUT gx (N, H, W, C)
    """
    cdef const Products* products = products_of(gx)
    cdef Conv c = describe("conv2d_backward_input", gx, w, gy, None, None, "x", geometry)
    if PyArray_SIZE(gx) == 0 or PyArray_SIZE(gy) == 0 or PyArray_SIZE(w) == 0:
        gx[...] = 0
    elif prefer_winograd(&c):
        c = transpose_problem("conv2d_backward_input", c)
        winograd_forward(products, &c, True, threads)
    else:
        backward_input(products, c, threads)
