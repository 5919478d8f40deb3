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
                       whose number does not depend on the threads
    input gradient     gx = col2im(gy @ w.T): each row of the product is added to a patch in place

To follow ops.conv2d down to its multiplications: conv2d_forward, forward; then conv_forward and
convolve (implicit_gemm.h), gemm (gemm.h), gemm_panel and microkernel (gemm_microkernel.h).
"""

from cython cimport floating
from libc.string cimport memset

from minigrad.kernels.loops.dropout cimport dropout_of
from minigrad.kernels.products.problem cimport (
    MACS_PER_ELEMENT, NO_ARGMAX, Conv, Gemm, Products, Sums, fast_conv_double, fast_conv_float,
)
from minigrad.kernels.runtime.memory cimport Memory
from minigrad.kernels.runtime.threads cimport chunk_count, run_tasks, team_size

cdef enum:
    STRIP_PIXELS = 64  # results of the convolution in one task, at least: a task takes long enough
    CHUNKS = 16        # partial sums of the kernel gradient: enough for 16 threads, little to add
    LINE_BYTES = 64    # of a line of the cache


# --- what is convolved -------------------------------------------------------------------------


cdef Conv describe(
    str kernel, Py_ssize_t* x, Py_ssize_t* w, Py_ssize_t* y, tuple geometry, tuple pool
) except *:
    """Collect the sizes of x (N, H, W, C), w (KH, KW, C / groups, F) and y (N, OH, OW, F).

    geometry holds the strides, the padding at the top and on the left, the dilation (each for
    height and width) and the number of groups; pool is the window of max pooling.
    """
    cdef Conv c
    memset(&c, 0, sizeof(c))
    (c.stride_height, c.stride_width, c.pad_top, c.pad_left, c.dilation_height, c.dilation_width,
     c.groups) = geometry
    c.pool_height, c.pool_width = pool
    c.N, c.H, c.W, c.C = x[0], x[1], x[2], x[3]
    c.KH, c.KW, c.F = w[0], w[1], w[3]
    c.OH, c.OW = y[1], y[2]
    if (
        min(c.stride_height, c.stride_width, c.dilation_height, c.dilation_width, c.groups) < 1
        or min(c.pad_top, c.pad_left) < 0
    ):
        raise ValueError(f"{kernel}: expected padding from 0, all else from 1, got {geometry}")
    if y[0] != c.N or w[2] * c.groups != c.C or c.F % c.groups or y[3] != c.F:
        raise ValueError(
            f"{kernel}: expected x (N, H, W, C), w (KH, KW, C / {c.groups}, F), y (N, OH, OW, F), "
            f"got {(x[0], x[1], x[2], x[3])}, {(w[0], w[1], w[2], w[3])}, "
            f"{(y[0], y[1], y[2], y[3])}"
        )
    if min(pool) < 1 or c.pool_height * c.pool_width >= NO_ARGMAX:
        raise ValueError(
            f"{kernel}: expected a pooling window of 1 to {NO_ARGMAX - 1} cells, got {pool}"
        )
    find_receptive_field(&c)
    return c


cdef void find_receptive_field(Conv* c) noexcept nogil:
    """Find how much of an image the outputs depend on, and whether that includes padding."""
    cdef Py_ssize_t kernel_height = (c.KH - 1) * c.dilation_height + 1
    cdef Py_ssize_t kernel_width = (c.KW - 1) * c.dilation_width + 1
    cdef Py_ssize_t height = (c.OH * c.pool_height - 1) * c.stride_height + kernel_height
    cdef Py_ssize_t width = (c.OW * c.pool_width - 1) * c.stride_width + kernel_width
    c.group_channels = c.C // c.groups
    c.receptive_height = (c.pool_height - 1) * c.stride_height + kernel_height
    c.padded = c.pad_top > 0 or c.pad_left > 0 or height > c.H or width > c.W
    c.strip_width = width if c.padded else c.W


cdef int check_bias(str kernel, const floating[::1] bias, Py_ssize_t F) except -1:
    if bias is not None and bias.shape[0] != F:
        raise ValueError(f"{kernel}: expected bias ({F},), got ({bias.shape[0]},)")
    return 0


cdef int check_argmax(
    str kernel, const unsigned char[:, :, :, ::1] argmax, Py_ssize_t* y
) except -1:
    cdef int axis
    for axis in range(4):
        if argmax.shape[axis] != y[axis]:
            raise ValueError(
                f"{kernel}: expected argmax of length {y[axis]} along axis {axis}, "
                f"got {argmax.shape[axis]}"
            )
    return 0


cdef double NOTHING = 0  # memcpy and its like must not be given NULL, even for no bytes


cdef const floating* first(const floating[:, :, :, ::1] array) noexcept:
    """Point to the first element, if there is one."""
    return &array[0, 0, 0, 0] if array.size else <const floating*>&NOTHING


cdef const floating* first_or_null(const floating[::1] array) noexcept:
    return &array[0] if array is not None else <const floating*>NULL


cdef const Products* products_of(const floating* array) noexcept nogil:
    """Dispatch: the C loops for the type of the array."""
    return &fast_conv_float if floating is float else &fast_conv_double


# --- the transposed problem --------------------------------------------------------------------

# A panel holds NR filters; with few of them most of it is zeros. But a convolution without strides
# is also the input gradient of another one, which goes from y to x with the kernel flipped. There C
# channels take the filters' place. So conv2d_forward runs as an input gradient where that is
# faster, and conv2d_backward_kernel swaps x and gy.


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


cdef Conv transpose_problem(Conv c) noexcept nogil:
    """Return the convolution whose input gradient is c's forward pass.

    x and y, C and F are swapped; the padding becomes (K - 1) * dilation - padding.
    """
    c.H, c.OH = c.OH, c.H
    c.W, c.OW = c.OW, c.W
    c.C, c.F = c.F, c.C
    c.pad_top = (c.KH - 1) * c.dilation_height - c.pad_top
    c.pad_left = (c.KW - 1) * c.dilation_width - c.pad_left
    find_receptive_field(&c)
    return c


cdef void flip_kernel(
    const floating* w, Py_ssize_t taps, Py_ssize_t C, Py_ssize_t F, floating* flipped
) noexcept nogil:
    """Copy w (taps, C, F) to flipped (taps, F, C), the last tap first."""
    cdef Py_ssize_t tap, i, j
    for tap in range(taps):
        for i in range(F):
            for j in range(C):
                flipped[((taps - 1 - tap) * F + i) * C + j] = w[(tap * C + j) * F + i]


# --- strips and tables of offsets --------------------------------------------------------------


cdef Py_ssize_t plan_strips(Conv* c, Py_ssize_t least) noexcept nogil:
    """Cut the outputs into strips of at least so many results each; return their number."""
    cdef Py_ssize_t results = c.OW * c.pool_width * c.pool_height  # of a row of outputs
    cdef Py_ssize_t height
    c.strip_rows = min((least + results - 1) // results, c.OH)
    c.strips = (c.OH + c.strip_rows - 1) // c.strip_rows
    if c.padded:
        height = (c.strip_rows - 1) * c.pool_height * c.stride_height + c.receptive_height
        c.input_strip_size = height * c.strip_width * c.C
    return c.strip_rows * results


cdef void write_pixel_offsets(Py_ssize_t* offset, const Conv* c) noexcept nogil:
    """Write where the patch of each result of a strip begins, the cells of a window in order."""
    cdef Py_ssize_t row = c.stride_height * c.strip_width * c.C, column = c.stride_width * c.C
    cdef Py_ssize_t i, j, cell_row, cell_column, n = 0
    for i in range(c.strip_rows):
        for j in range(c.OW):
            for cell_row in range(i * c.pool_height, (i + 1) * c.pool_height):
                for cell_column in range(j * c.pool_width, (j + 1) * c.pool_width):
                    offset[n] = cell_row * row + cell_column * column
                    n += 1


cdef void write_patch_offsets(Py_ssize_t* offset, const Conv* c) noexcept nogil:
    """Write where the elements of a patch lie, in w's order, from its first element on."""
    cdef Py_ssize_t row = c.dilation_height * c.strip_width * c.C, column = c.dilation_width * c.C
    cdef Py_ssize_t i, j, channel, n = 0
    for i in range(c.KH):
        for j in range(c.KW):
            for channel in range(c.group_channels):
                offset[n] = i * row + j * column + channel
                n += 1


cdef void write_multiples(Py_ssize_t* offset, Py_ssize_t count, Py_ssize_t stride) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        offset[i] = i * stride


# --- forward -----------------------------------------------------------------------------------


cdef int forward(
    Conv c, const floating* x, const floating* w, const floating* bias, bint relu, floating* y,
    int threads,
) except -1:
    """Compute y, pooled if c.argmax is given."""
    cdef const Products* products = products_of(x)
    cdef Py_ssize_t item = sizeof(floating), NR = products.tile_columns
    cdef Py_ssize_t depth = c.KH * c.KW * c.group_channels, filters = c.F // c.groups, i
    cdef Py_ssize_t pixels = plan_strips(&c, STRIP_PIXELS)
    cdef Py_ssize_t macs = c.N * c.strips * pixels * filters * depth
    cdef int team = team_size(macs // MACS_PER_ELEMENT, threads)
    c.b_group_stride = (filters + NR - 1) // NR * NR * depth
    c.scratch_size = c.input_strip_size + (0 if c.argmax is NULL else pixels * c.F)
    cdef Memory packed = Memory(c.groups * c.b_group_stride * item)
    cdef Memory scratch = Memory(team * c.scratch_size * item)
    cdef Memory offsets = Memory((2 * pixels + depth) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* pixel_offset = <Py_ssize_t*>offsets.data
    cdef Py_ssize_t* y_row_offset = pixel_offset + pixels
    cdef Py_ssize_t* patch_offset = y_row_offset + pixels
    c.x = x
    c.scratch = scratch.data
    cdef Gemm* g = &c.gemm
    g.columns = filters
    g.depth = depth
    g.a_row_offset = pixel_offset
    g.a_column_offset = patch_offset
    g.prefetch_step = LINE_BYTES // item
    g.b = packed.data
    g.b_panel_stride = NR * depth
    g.b_row_stride = NR
    g.y = y
    g.y_row_offset = y_row_offset
    g.bias = bias
    g.relu = relu
    with nogil:
        write_pixel_offsets(pixel_offset, &c)
        write_multiples(y_row_offset, pixels, c.F)
        write_patch_offsets(patch_offset, &c)
        for i in range(c.groups):
            products.pack(
                w + i * filters, c.F, 1, depth, filters,
                <floating*>packed.data + i * c.b_group_stride,
            )
        run_tasks(products.conv_forward, &c, c.N * c.strips, team)
    return 0


def conv2d_forward(
    const floating[:, :, :, ::1] x,  # IN (N, H, W, C)
    const floating[:, :, :, ::1] w,  # IN (KH, KW, C / groups, F)
    const floating[::1] bias,        # IN (F,) or None
    bint relu,
    floating[:, :, :, ::1] y,        # OUT (N, OH, OW, F)
    tuple geometry,                  # see describe
    int threads,
):
    """Compute y = im2col(x) @ w (+ bias), with its negative elements set to 0 if relu is true."""
    cdef Conv c = describe(
        "conv2d_forward", <Py_ssize_t*>x.shape, <Py_ssize_t*>w.shape, <Py_ssize_t*>y.shape,
        geometry, (1, 1),
    )
    check_bias("conv2d_forward", bias, c.F)
    cdef Memory flipped
    if y.size == 0:
        return
    if x.size and prefer_transposed(&c, products_of(first(x)).tile_columns):
        flipped = Memory(w.nbytes)
        flip_kernel(first(w), c.KH * c.KW, c.C, c.F, <floating*>flipped.data)
        backward_input(
            transpose_problem(c), first(x), <floating*>flipped.data, first_or_null(bias), relu,
            &y[0, 0, 0, 0], threads,
        )
    else:
        forward(c, first(x), first(w), first_or_null(bias), relu, &y[0, 0, 0, 0], threads)


def conv2d_pool_forward(
    const floating[:, :, :, ::1] x,       # IN (N, H, W, C)
    const floating[:, :, :, ::1] w,       # IN (KH, KW, C / groups, F)
    const floating[::1] bias,             # IN (F,) or None
    bint relu,
    floating[:, :, :, ::1] y,             # OUT (N, PH, PW, F)
    unsigned char[:, :, :, ::1] argmax,   # OUT (N, PH, PW, F)
    tuple pool,                           # height and width of its window
    tuple geometry,                       # see describe
    double rate,                          # of dropout: 0, or with relu below 1
    unsigned long long seed,
    int threads,
):
    """Compute conv2d_forward, of it the maximum of each pooling window, and of that dropout.

    The maps in between are not stored. argmax is the cell of the window that was the (first)
    largest, counted by rows, or 255 where relu set the whole window to 0 or it was dropped.
    """
    cdef Conv c = describe(
        "conv2d_pool_forward", <Py_ssize_t*>x.shape, <Py_ssize_t*>w.shape, <Py_ssize_t*>y.shape,
        geometry, pool,
    )
    check_bias("conv2d_pool_forward", bias, c.F)
    check_argmax("conv2d_pool_forward", argmax, <Py_ssize_t*>y.shape)
    if y.size:
        c.argmax = &argmax[0, 0, 0, 0]
        if rate > 0:
            c.dropout = dropout_of(rate, seed)
        forward(c, first(x), first(w), first_or_null(bias), relu, &y[0, 0, 0, 0], threads)


# --- kernel gradient ---------------------------------------------------------------------------


cdef int backward_kernel(
    Conv c, const floating* x, const floating* gy, floating* gw, floating* gb, int threads
) except -1:
    """Compute gw, and gb if pooling is fused."""
    cdef const Products* products = products_of(x)
    cdef Py_ssize_t item = sizeof(floating), NR = products.tile_columns
    cdef Py_ssize_t depth = c.KH * c.KW * c.group_channels, filters = c.F // c.groups
    cdef bint pooled = c.argmax is not NULL
    cdef Py_ssize_t pixels = plan_strips(&c, STRIP_PIXELS if pooled else c.OH * c.OW)
    cdef Py_ssize_t size = (depth + pooled) * c.F  # of a partial sum: gw and, if pooled, gb
    cdef Py_ssize_t macs = c.N * c.strips * pixels * filters * depth
    cdef int team = team_size(macs // MACS_PER_ELEMENT, threads)
    cdef bint pack_gy = filters % (NR // 2) != 0  # the micro-kernel reads whole vectors
    c.packed_gy_size = (filters + NR - 1) // NR * NR * pixels if pack_gy else 0
    c.scratch_size = c.input_strip_size + (pixels * c.F if pooled else 0) + c.packed_gy_size
    c.chunks = min(CHUNKS, c.N)
    cdef Memory scratch = Memory(team * c.scratch_size * item)
    cdef Memory partial_sums = Memory(c.chunks * size * item)
    cdef Memory offsets = Memory((2 * depth + pixels) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* patch_offset = <Py_ssize_t*>offsets.data
    cdef Py_ssize_t* y_row_offset = patch_offset + depth
    cdef Py_ssize_t* pixel_offset = y_row_offset + depth
    c.x = x
    c.scratch = scratch.data
    cdef Gemm* g = &c.gemm
    g.rows = depth
    g.columns = filters
    g.a_row_offset = patch_offset
    g.a_column_offset = pixel_offset
    g.b = gy
    g.b_panel_stride = NR
    g.b_row_stride = NR if pack_gy else c.F
    g.y = partial_sums.data
    g.y_row_offset = y_row_offset
    g.add = True
    cdef Sums of_w = Sums(
        x=partial_sums.data, count=c.chunks, stride=size, size=depth * c.F, y=gw, relu=False
    )
    cdef Sums of_b = Sums(
        x=<floating*>partial_sums.data + depth * c.F, count=c.chunks, stride=size, size=c.F, y=gb,
        relu=False,
    )
    with nogil:
        write_patch_offsets(patch_offset, &c)
        write_multiples(y_row_offset, depth, c.F)
        write_pixel_offsets(pixel_offset, &c)
        run_tasks(products.conv_backward_kernel, &c, c.chunks, team)
        run_tasks(products.add_sums, &of_w, chunk_count(of_w.size), team)
        if pooled:
            run_tasks(products.add_sums, &of_b, chunk_count(of_b.size), team)
    return 0


def conv2d_backward_kernel(
    const floating[:, :, :, ::1] x,   # IN (N, H, W, C)
    const floating[:, :, :, ::1] gy,  # IN (N, OH, OW, F)
    floating[:, :, :, ::1] gw,        # OUT (KH, KW, C / groups, F)
    tuple geometry,                   # see describe
    int threads,
):
    """Compute gw = im2col(x).T @ gy, the gradient with respect to the convolution's kernel."""
    cdef Conv c = describe(
        "conv2d_backward_kernel", <Py_ssize_t*>x.shape, <Py_ssize_t*>gw.shape,
        <Py_ssize_t*>gy.shape, geometry, (1, 1),
    )
    cdef floating* no_gb = NULL
    cdef Memory flipped
    if x.size == 0 or gy.size == 0 or gw.size == 0:
        gw[...] = 0
    elif prefer_transposed(&c, products_of(first(x)).tile_columns):
        flipped = Memory(gw.nbytes)
        backward_kernel(
            transpose_problem(c), first(gy), first(x), <floating*>flipped.data, no_gb, threads
        )
        flip_kernel(<const floating*>flipped.data, c.KH * c.KW, c.F, c.C, &gw[0, 0, 0, 0])
    else:
        backward_kernel(c, first(x), first(gy), &gw[0, 0, 0, 0], no_gb, threads)


def conv2d_pool_backward_kernel(
    const floating[:, :, :, ::1] x,            # IN (N, H, W, C)
    const floating[:, :, :, ::1] gy,           # IN (N, PH, PW, F)
    const unsigned char[:, :, :, ::1] argmax,  # IN (N, PH, PW, F), from conv2d_pool_forward
    floating[:, :, :, ::1] gw,                 # OUT (KH, KW, C / groups, F)
    floating[::1] gb,                          # OUT (F,)
    tuple pool,                                # height and width of its window
    tuple geometry,                            # see describe
    int threads,
):
    """Compute the gradients of kernel and bias; each element of gy counts at its argmax alone."""
    cdef Conv c = describe(
        "conv2d_pool_backward_kernel", <Py_ssize_t*>x.shape, <Py_ssize_t*>gw.shape,
        <Py_ssize_t*>gy.shape, geometry, pool,
    )
    check_bias("conv2d_pool_backward_kernel", gb, c.F)
    check_argmax("conv2d_pool_backward_kernel", argmax, <Py_ssize_t*>gy.shape)
    if gy.size == 0:
        gw[...] = 0
        gb[...] = 0
    else:
        c.argmax = <unsigned char*>&argmax[0, 0, 0, 0]
        backward_kernel(c, first(x), first(gy), <floating*>first(gw), &gb[0], threads)


# --- input gradient ----------------------------------------------------------------------------


cdef int backward_input(
    Conv c, const floating* gy, const floating* w, const floating* bias, bint relu, floating* gx,
    int threads,
) except -1:
    """Compute gx; for a forward pass that runs as its transposed problem, relu(gx + bias)."""
    cdef const Products* products = products_of(gy)
    cdef Py_ssize_t item = sizeof(floating), NR = products.tile_columns
    cdef Py_ssize_t columns = c.KH * c.KW * c.group_channels, filters = c.F // c.groups
    cdef Py_ssize_t pixels = plan_strips(&c, c.OH * c.OW)
    cdef Py_ssize_t i, j, row, column, n = 0
    cdef Py_ssize_t macs = c.N * pixels * filters * columns
    cdef int team = team_size(macs // MACS_PER_ELEMENT, threads)
    c.b_group_stride = (columns + NR - 1) // NR * NR * filters
    c.scratch_size = c.input_strip_size
    cdef Memory scratch = Memory(team * c.scratch_size * item)
    cdef Memory packed = Memory(c.groups * c.b_group_stride * item)
    cdef Memory offsets = Memory((2 * pixels + filters + columns) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* gy_row_offset = <Py_ssize_t*>offsets.data
    cdef Py_ssize_t* pixel_offset = gy_row_offset + pixels
    cdef Py_ssize_t* gy_column_offset = pixel_offset + pixels
    cdef Py_ssize_t* patch_offset = gy_column_offset + filters
    # Of pixels whose patches overlap, every KW-th comes first, then the next ones: what one adds to
    # a patch is written before the next one reads it. Wide patches give the stores time anyway.
    cdef Py_ssize_t apart = c.KW if c.group_channels < NR else 1
    c.scratch = scratch.data
    cdef Gemm* g = &c.gemm
    g.rows = pixels
    g.columns = columns
    g.depth = filters
    g.a = gy
    g.a_row_offset = gy_row_offset
    g.a_column_offset = gy_column_offset
    g.prefetch_step = LINE_BYTES // item
    g.b = packed.data
    g.b_panel_stride = NR * filters
    g.b_row_stride = NR
    g.y = gx
    g.y_row_offset = pixel_offset
    g.y_column_offset = patch_offset
    g.bias = bias
    g.relu = relu
    g.add = True
    with nogil:
        for i in range(apart):
            for row in range(c.OH):
                for j in range((c.OW - i + apart - 1) // apart):
                    column = i + j * apart
                    gy_row_offset[n] = (row * c.OW + column) * c.F
                    pixel_offset[n] = c.C * (
                        row * c.stride_height * c.strip_width + column * c.stride_width
                    )
                    n += 1
        write_multiples(gy_column_offset, filters, 1)
        write_patch_offsets(patch_offset, &c)
        for i in range(c.groups):
            products.pack(
                w + i * filters, 1, c.F, filters, columns,
                <floating*>packed.data + i * c.b_group_stride,
            )
        run_tasks(products.conv_backward_input, &c, c.N, team)
    return 0


def conv2d_backward_input(
    const floating[:, :, :, ::1] gy,  # IN (N, OH, OW, F)
    const floating[:, :, :, ::1] w,   # IN (KH, KW, C / groups, F)
    floating[:, :, :, ::1] gx,        # OUT (N, H, W, C)
    tuple geometry,                   # see describe
    int threads,
):
    """Compute gx = col2im(gy @ w.T), the gradient with respect to the convolution's input."""
    cdef Conv c = describe(
        "conv2d_backward_input", <Py_ssize_t*>gx.shape, <Py_ssize_t*>w.shape,
        <Py_ssize_t*>gy.shape, geometry, (1, 1),
    )
    cdef const floating* no_bias = NULL
    if gx.size == 0 or gy.size == 0 or w.size == 0:
        gx[...] = 0
    else:
        backward_input(c, first(gy), first(w), no_bias, False, &gx[0, 0, 0, 0], threads)
