"""Convolution of images (N, H, W, C) as a matrix product of patches, "im2col".

    The patch under the kernel at one output pixel, laid out as a row:

        x   . . . . .          columns                           w            y
            . a b c .     pixel 0: a b c d e f g h i       (KH*KW*C, F)    (pixels, F)
            . d e f .     pixel 1: b c . e f . h i .    @                =
            . g h i .     ...

The twins of reference.py do just that. Here the same product is computed without writing the
columns down: all that its tiles (tile.h) need are two tables, of where in the image each pixel's
patch begins, and of where the elements of a patch lie from there. A padded image is cut out with
its zeros first, a band of rows at a time.

Forward, threads share the bands. The gradient of w is columns.T @ gy, the same with the two tables
exchanged; it sums over the images in chunks whose number does not depend on the threads. The
gradient of x is gy @ w.T, of which each tile is added to the patches in place (col2im).

A tile is wide and would be half empty for few filters. Then x and y change places: the convolution
of x is the gradient of a convolution of y, whose kernel is turned round.
"""

from cython cimport floating
from libc.string cimport memset

from minigrad.kernels.loops.dropout cimport dropout_of
from minigrad.kernels._matmul cimport (
    Conv, Product, Sums, add_sums_task, conv_backward_input_task, conv_backward_kernel_task,
    conv_forward_task, pack_loop, panel_columns,
)
from minigrad.kernels.runtime.memory cimport Memory as _Memory
from minigrad.kernels.runtime.threads cimport chunk_count, run_tasks, team_size

cdef enum:
    BAND = 64        # pixels of output in one task of the forward pass, at least
    NO_WINNER = 255  # as in tile.h
    LINE = 64        # bytes of a line of the cache
    CHUNKS = 16      # partial sums of the gradient of w: enough for 16 threads, little to add up


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
    (c.stride_height, c.stride_width, c.top, c.left, c.dilation_height, c.dilation_width,
     c.groups) = geometry
    c.pool_height, c.pool_width = pool
    c.N, c.H, c.W, c.C, c.KH, c.KW, c.F = x[0], x[1], x[2], x[3], w[0], w[1], w[3]
    c.OH, c.OW = y[1], y[2]
    if (
        min(c.stride_height, c.stride_width, c.dilation_height, c.dilation_width, c.groups) < 1
        or min(c.top, c.left) < 0
    ):
        raise ValueError(f"{kernel}: expected padding from 0, all else from 1, got {geometry}")
    if y[0] != c.N or w[2] * c.groups != c.C or c.F % c.groups or y[3] != c.F:
        raise ValueError(
            f"{kernel}: expected x (N, H, W, C), w (KH, KW, C / {c.groups}, F), y (N, OH, OW, F), "
            f"got {(x[0], x[1], x[2], x[3])}, {(w[0], w[1], w[2], w[3])}, "
            f"{(y[0], y[1], y[2], y[3])}"
        )
    if min(pool) < 1 or c.pool_height * c.pool_width >= NO_WINNER:
        raise ValueError(
            f"{kernel}: expected a pooling window of 1 to {NO_WINNER - 1} cells, got {pool}"
        )
    describe_window(&c)
    return c


cdef void describe_window(Conv* c) noexcept nogil:
    """Say what the outputs see of an image, and whether that has padding."""
    c.group_channels = c.C // c.groups
    c.reach_height = (c.pool_height - 1) * c.stride_height + (c.KH - 1) * c.dilation_height + 1
    cdef Py_ssize_t height = (c.OH - 1) * c.pool_height * c.stride_height + c.reach_height
    cdef Py_ssize_t width = (c.OW * c.pool_width - 1) * c.stride_width
    width += (c.KW - 1) * c.dilation_width + 1
    c.padded = c.top > 0 or c.left > 0 or height > c.H or width > c.W
    c.window_width = width if c.padded else c.W


cdef int check_bias(str kernel, const floating[::1] bias, Py_ssize_t F) except -1:
    if bias is not None and bias.shape[0] != F:
        raise ValueError(f"{kernel}: expected bias ({F},), got ({bias.shape[0]},)")
    return 0


cdef int check_winner(
    str kernel, const unsigned char[:, :, :, ::1] winner, Py_ssize_t* y
) except -1:
    cdef int axis
    for axis in range(4):
        if winner.shape[axis] != y[axis]:
            raise ValueError(
                f"{kernel}: expected winner of length {y[axis]} along axis {axis}, "
                f"got {winner.shape[axis]}"
            )
    return 0


cdef double NOTHING = 0  # memcpy and its like must not be given NULL, even for no bytes


cdef const floating* first(const floating[:, :, :, ::1] array) noexcept:
    """Point to the first element, if there is one."""
    return &array[0, 0, 0, 0] if array.size else <const floating*>&NOTHING


cdef const floating* first_or_null(const floating[::1] array) noexcept:
    return &array[0] if array is not None else <const floating*>NULL


cdef bint is_narrow(const Conv* c, Py_ssize_t item) noexcept nogil:
    """Say whether x and y had better change places: few filters, of many channels."""
    cdef Py_ssize_t lanes = panel_columns(item)() // 2, filled = (c.F + lanes - 1) // lanes * lanes
    return (
        5 * c.F <= 3 * filled and c.C >= 2 * lanes and c.KH * c.KW > 1 and c.groups == 1
        and c.stride_height == 1 and c.stride_width == 1
        and c.top <= (c.KH - 1) * c.dilation_height and c.left <= (c.KW - 1) * c.dilation_width
    )


cdef Conv exchange(Conv c) noexcept nogil:
    """Describe the convolution of y of which c is the gradient."""
    c.H, c.W, c.C, c.OH, c.OW, c.F = c.OH, c.OW, c.F, c.H, c.W, c.C
    c.top = (c.KH - 1) * c.dilation_height - c.top
    c.left = (c.KW - 1) * c.dilation_width - c.left
    describe_window(&c)
    return c


cdef void turn_round(
    const floating* w, Py_ssize_t taps, Py_ssize_t C, Py_ssize_t F, floating* turned
) noexcept nogil:
    """Copy w (taps, C, F) to turned (taps, F, C), the last tap first."""
    cdef Py_ssize_t tap, i, j
    for tap in range(taps):
        for i in range(F):
            for j in range(C):
                turned[((taps - 1 - tap) * F + i) * C + j] = w[(tap * C + j) * F + i]


# --- tables ------------------------------------------------------------------------------------


cdef Py_ssize_t describe_bands(Conv* c, Py_ssize_t least) noexcept nogil:
    """Cut the outputs into bands of at least so many pixels of the result; return their pixels."""
    cdef Py_ssize_t pixels = c.OW * c.pool_width * c.pool_height  # of a row
    c.band_rows = min((least + pixels - 1) // pixels, c.OH)
    c.bands = (c.OH + c.band_rows - 1) // c.band_rows
    if c.padded:
        c.window_size = (c.band_rows - 1) * c.pool_height * c.stride_height + c.reach_height
        c.window_size *= c.window_width * c.C
    return c.band_rows * pixels


cdef Py_ssize_t* write_offsets(
    Py_ssize_t* offset, Py_ssize_t start, Py_ssize_t outer, Py_ssize_t outer_step,
    Py_ssize_t middle, Py_ssize_t middle_step, Py_ssize_t inner,
) noexcept nogil:
    """Write start + i * outer_step + j * middle_step + k for all i, j, k; return the end."""
    cdef Py_ssize_t i, j, k
    for i in range(outer):
        for j in range(middle):
            for k in range(inner):
                offset[k] = start + i * outer_step + j * middle_step + k
            offset += inner
    return offset


cdef Py_ssize_t* write_pixels(Py_ssize_t* offset, const Conv* c) noexcept nogil:
    """Write where a band's patches begin, for the cells of a pooling window one after the other."""
    cdef Py_ssize_t row = c.stride_height * c.window_width * c.C, column = c.stride_width * c.C
    cdef Py_ssize_t i, j
    for i in range(c.band_rows):
        for j in range(c.OW):
            offset = write_offsets(
                offset, i * c.pool_height * row + j * c.pool_width * column,
                c.pool_height, row, c.pool_width, column, 1,
            )
    return offset


cdef Py_ssize_t* write_patch(Py_ssize_t* offset, const Conv* c) noexcept nogil:
    """Write where the elements of a patch lie, from its first one on; return the end."""
    return write_offsets(
        offset, 0, c.KH, c.dilation_height * c.window_width * c.C, c.KW, c.dilation_width * c.C,
        c.group_channels,
    )


# --- forward -----------------------------------------------------------------------------------


cdef int forward(
    Conv c, const floating* x, const floating* w, const floating* bias, bint relu, floating* y,
    int threads,
) except -1:
    cdef Product* p = &c.product
    cdef Py_ssize_t item = sizeof(floating), width = panel_columns(item)(), i
    cdef Py_ssize_t depth = c.KH * c.KW * c.group_channels, filters = c.F // c.groups
    cdef Py_ssize_t panels = (filters + width - 1) // width, pixels = describe_bands(&c, BAND)
    c.scratch_size = c.window_size + (0 if c.winner is NULL else pixels * c.F)
    cdef int team = team_size(c.N * c.bands * pixels * filters * depth // 16, threads)
    cdef _Memory packed = _Memory(c.groups * panels * width * depth * item)
    cdef _Memory scratch = _Memory(team * c.scratch_size * item)
    cdef _Memory offsets = _Memory((2 * pixels + depth) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* offset = <Py_ssize_t*>offsets.data
    c.x, c.scratch = x, scratch.data
    p.columns, p.depth, p.bias, p.relu, p.ahead = filters, depth, bias, relu, LINE // item
    p.a_row, p.y_row, p.a_column, p.y = offset, offset + pixels, offset + 2 * pixels, y
    p.b, p.b_panel, p.b_row = packed.data, width * depth, width
    p.b_group = panels * p.b_panel
    with nogil:
        write_patch(write_offsets(write_pixels(offset, &c), 0, pixels, c.F, 1, 0, 1), &c)
        for i in range(c.groups):
            pack_loop(item)(
                w + i * filters, c.F, 1, depth, filters, <floating*>packed.data + i * p.b_group
            )
        run_tasks(conv_forward_task(item), &c, c.N * c.bands, team)
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
    cdef _Memory turned
    if y.size == 0:
        return
    if x.size and is_narrow(&c, sizeof(floating)):
        turned = _Memory(w.nbytes)
        turn_round(first(w), c.KH * c.KW, c.C, c.F, <floating*>turned.data)
        backward_input(
            exchange(c), first(x), <floating*>turned.data, first_or_null(bias), relu,
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
    unsigned char[:, :, :, ::1] winner,   # OUT (N, PH, PW, F)
    tuple pool,                           # height and width of its window
    tuple geometry,                       # see describe
    double rate,                          # of dropout: 0, or with relu below 1
    unsigned long long seed,
    int threads,
):
    """Compute conv2d_forward, of it the maximum of each pooling window, and of that dropout.

    The maps in between are not stored. winner is the cell of the window that was the (first)
    largest, counted by rows, or 255 where relu set the whole window to 0 or it was dropped.
    """
    cdef Conv c = describe(
        "conv2d_pool_forward", <Py_ssize_t*>x.shape, <Py_ssize_t*>w.shape, <Py_ssize_t*>y.shape,
        geometry, pool,
    )
    check_bias("conv2d_pool_forward", bias, c.F)
    check_winner("conv2d_pool_forward", winner, <Py_ssize_t*>y.shape)
    if y.size:
        c.winner = &winner[0, 0, 0, 0]
        if rate > 0:
            c.dropout = dropout_of(rate, seed)
        forward(c, first(x), first(w), first_or_null(bias), relu, &y[0, 0, 0, 0], threads)


# --- backward, kernel --------------------------------------------------------------------------


cdef int backward_kernel(
    Conv c, const floating* x, const floating* gy, floating* gw, floating* gb, int threads
) except -1:
    """Compute gw, and gb if the result was pooled."""
    cdef Product* p = &c.product
    cdef Py_ssize_t item = sizeof(floating), width = panel_columns(item)(), pixels
    cdef Py_ssize_t depth = c.KH * c.KW * c.group_channels, filters = c.F // c.groups
    cdef Py_ssize_t size = (depth + (c.winner is not NULL)) * c.F  # of a partial sum
    pixels = describe_bands(&c, c.OH * c.OW if c.winner is NULL else BAND)
    p.rows, p.columns, p.add = depth, filters, True
    p.b, p.b_panel, p.b_row = gy, width, c.F
    if filters % (width // 2):  # a tile reads whole vectors, one or two
        c.pack = (filters + width - 1) // width * width * pixels
        p.b_row = width
    c.scratch_size = c.window_size + c.pack + (0 if c.winner is NULL else pixels * c.F)
    c.chunks = min(CHUNKS, c.N)
    cdef int team = team_size(c.N * c.bands * pixels * filters * depth // 16, threads)
    cdef _Memory scratch = _Memory(team * c.scratch_size * item)
    cdef _Memory sums = _Memory(c.chunks * size * item)
    cdef _Memory offsets = _Memory((2 * depth + pixels) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* offset = <Py_ssize_t*>offsets.data
    cdef Sums of_w = Sums(sums.data, c.chunks, size, depth * c.F, gw, False)
    cdef Sums of_b = Sums(<floating*>sums.data + depth * c.F, c.chunks, size, c.F, gb, False)
    c.x, c.scratch = x, scratch.data
    p.a_row, p.y_row, p.a_column, p.y = offset, offset + depth, offset + 2 * depth, sums.data
    with nogil:
        write_pixels(write_offsets(write_patch(offset, &c), 0, depth, c.F, 1, 0, 1), &c)
        run_tasks(conv_backward_kernel_task(item), &c, c.chunks, team)
        run_tasks(add_sums_task(item), &of_w, chunk_count(of_w.size), team)
        if c.winner is not NULL:
            run_tasks(add_sums_task(item), &of_b, chunk_count(of_b.size), team)
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
    cdef floating* nothing = NULL
    cdef _Memory turned
    if x.size == 0 or gy.size == 0 or gw.size == 0:
        gw[...] = 0
    elif is_narrow(&c, sizeof(floating)):
        turned = _Memory(gw.nbytes)
        backward_kernel(
            exchange(c), first(gy), first(x), <floating*>turned.data, nothing, threads
        )
        turn_round(<const floating*>turned.data, c.KH * c.KW, c.F, c.C, &gw[0, 0, 0, 0])
    else:
        backward_kernel(c, first(x), first(gy), &gw[0, 0, 0, 0], nothing, threads)


def conv2d_pool_backward_kernel(
    const floating[:, :, :, ::1] x,            # IN (N, H, W, C)
    const floating[:, :, :, ::1] gy,           # IN (N, PH, PW, F)
    const unsigned char[:, :, :, ::1] winner,  # IN (N, PH, PW, F), from conv2d_pool_forward
    floating[:, :, :, ::1] gw,                 # OUT (KH, KW, C / groups, F)
    floating[::1] gb,                          # OUT (F,)
    tuple pool,                                # height and width of its window
    tuple geometry,                            # see describe
    int threads,
):
    """Compute the gradients of kernel and bias; each element of gy counts at its winner alone."""
    cdef Conv c = describe(
        "conv2d_pool_backward_kernel", <Py_ssize_t*>x.shape, <Py_ssize_t*>gw.shape,
        <Py_ssize_t*>gy.shape, geometry, pool,
    )
    check_bias("conv2d_pool_backward_kernel", gb, c.F)
    check_winner("conv2d_pool_backward_kernel", winner, <Py_ssize_t*>gy.shape)
    if gy.size == 0:
        gw[...] = 0
        gb[...] = 0
    else:
        c.winner = <unsigned char*>&winner[0, 0, 0, 0]
        backward_kernel(c, first(x), first(gy), <floating*>first(gw), &gb[0], threads)


# --- backward, input ---------------------------------------------------------------------------


cdef int backward_input(
    Conv c, const floating* gy, const floating* w, const floating* bias, bint relu, floating* gx,
    int threads,
) except -1:
    """Compute gx, or, when x and y have changed places, relu(gx + bias)."""
    cdef Product* p = &c.product
    cdef Py_ssize_t item = sizeof(floating), width = panel_columns(item)(), i, count
    cdef Py_ssize_t columns = c.KH * c.KW * c.group_channels, filters = c.F // c.groups
    cdef Py_ssize_t panels = (columns + width - 1) // width
    cdef Py_ssize_t pixels = describe_bands(&c, c.OH * c.OW)
    # Patches that overlap are added to by turns, not at once: loads would wait for the stores.
    cdef Py_ssize_t apart = c.KW if c.group_channels < width else 1
    cdef int team = team_size(c.N * pixels * filters * columns // 16, threads)
    cdef _Memory scratch = _Memory(team * c.window_size * item)
    cdef _Memory packed = _Memory(c.groups * panels * width * filters * item)
    cdef _Memory offsets = _Memory((2 * pixels + filters + columns) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* a_row = <Py_ssize_t*>offsets.data
    cdef Py_ssize_t* y_row = a_row + pixels
    c.scratch, c.scratch_size = scratch.data, c.window_size
    p.rows, p.columns, p.depth, p.add, p.ahead = pixels, columns, filters, True, LINE // item
    p.a, p.b, p.b_panel, p.b_row = gy, packed.data, width * filters, width
    p.b_group, p.bias, p.relu = panels * p.b_panel, bias, relu
    p.a_row, p.y_row, p.a_column = a_row, y_row, y_row + pixels
    p.y, p.y_column = gx, p.a_column + filters
    with nogil:
        for i in range(apart):
            count = (c.OW - i + apart - 1) // apart
            a_row = write_offsets(a_row, i * c.F, c.OH, c.OW * c.F, count, apart * c.F, 1)
            y_row = write_offsets(
                y_row, i * c.stride_width * c.C, c.OH, c.stride_height * c.window_width * c.C,
                count, apart * c.stride_width * c.C, 1,
            )
        write_patch(write_offsets(y_row, 0, 1, 0, 1, 0, filters), &c)
        for i in range(c.groups):
            pack_loop(item)(
                w + i * filters, 1, c.F, filters, columns, <floating*>packed.data + i * p.b_group
            )
        run_tasks(conv_backward_input_task(item), &c, c.N, team)
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
