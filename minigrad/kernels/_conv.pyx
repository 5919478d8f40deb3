"""Convolution of images (N, H, W, C) as a matrix product of patches, "im2col".

    The patch under the kernel at one output pixel, laid out as a row:

        x   . . . . .          columns                           w            y
            . a b c .     pixel 0: a b c d e f g h i       (KH*KW*C, F)    (pixels, F)
            . d e f .     pixel 1: b c . e f . h i .    @                =
            . g h i .     ...

im2col and col2im do just that, for reading and for tests. The convolutions compute the same product
without writing the columns down: the tiles of the product (tile.h) walk over the patches in place.
All they need is a table that says where in the image each pixel's patch begins, and three nested
loops over the patch. A padded image is cut out with its zeros first, a band of rows at a time.

Forward, threads share the bands. The gradient of w is columns.T @ gy, the same walk with pixels and
patch exchanged; it sums over the images in chunks whose number does not depend on the threads. The
gradient of x is col2im(gy @ w.T): each tile of that product is added to the patches in place.
"""

from cython cimport floating
from libc.string cimport memcpy, memset

from minigrad.kernels._matmul cimport (
    Conv, Images, Product, add_sums_loop, conv_backward_input_task,
    conv_backward_kernel_task, conv_forward_task, pack_loop, panel_columns,
)
from minigrad.kernels._parallel cimport _Memory, run_tasks, team_size

cdef enum:
    BAND = 64    # pixels of output in one task of the forward pass, at least
    NO_WINNER = 255  # as in tile.h
    LINE = 64        # bytes of a line of the cache
    CHUNKS = 16  # partial sums of the gradient of w: enough for 16 threads, little to add up


cdef struct Geometry:
    Py_ssize_t N, H, W, C, OH, OW, F, KH, KW
    int stride_height, stride_width, pad_top, pad_left, dilation_height, dilation_width


cdef Geometry check_geometry(
    str kernel, Py_ssize_t* x, Py_ssize_t* y, Py_ssize_t KH, Py_ssize_t KW,
    int stride_height, int stride_width, int pad_top, int pad_left,
    int dilation_height, int dilation_width,
) except *:
    """Collect the sizes of x (N, H, W, C) and y (N, OH, OW, F); raise ValueError if wrong."""
    if min(stride_height, stride_width, dilation_height, dilation_width) < 1:
        raise ValueError(f"{kernel}: expected strides and dilation from 1")
    if min(pad_top, pad_left) < 0:
        raise ValueError(f"{kernel}: expected padding from 0, got {(pad_top, pad_left)}")
    if x[0] != y[0]:
        raise ValueError(f"{kernel}: expected as many images in as out, got {x[0]} and {y[0]}")
    return Geometry(
        x[0], x[1], x[2], x[3], y[1], y[2], y[3], KH, KW, stride_height, stride_width, pad_top,
        pad_left, dilation_height, dilation_width,
    )


# --- patches as rows ---------------------------------------------------------------------------


cdef void move_columns(
    floating* x, Geometry g, floating* columns, bint add_to_x
) noexcept nogil:
    """Copy every patch of x to a row of columns, or add every row of columns to its patch of x.

    columns[p, (a * KW + b) * C + c] = x[n, i * stride + a * dilation - pad, j ... + b ..., c]
    """
    cdef Py_ssize_t p, i, j, a, b, c, row, column
    cdef floating* pixel
    for p in range(g.N * g.OH * g.OW):
        j = p % g.OW
        i = p // g.OW % g.OH
        for a in range(g.KH):
            row = i * g.stride_height + a * g.dilation_height - g.pad_top
            for b in range(g.KW):
                column = j * g.stride_width + b * g.dilation_width - g.pad_left
                if 0 <= row < g.H and 0 <= column < g.W:
                    pixel = x + ((p // g.OW // g.OH * g.H + row) * g.W + column) * g.C
                    for c in range(g.C):
                        if add_to_x:
                            pixel[c] += columns[c]
                        else:
                            columns[c] = pixel[c]
                elif not add_to_x:
                    memset(columns, 0, g.C * sizeof(floating))
                columns += g.C


cdef int check_columns(str kernel, Geometry g) except -1:
    if g.KH < 1 or g.KW < 1 or g.F != g.KH * g.KW * g.C:
        raise ValueError(
            f"{kernel}: expected columns of KH * KW * C = {g.KH * g.KW * g.C} elements, got {g.F}"
        )
    return 0


def im2col(
    const floating[:, :, :, ::1] x,    # IN (N, H, W, C)
    floating[:, :, :, ::1] columns,    # OUT (N, OH, OW, KH * KW * C)
    int KH, int KW,
    int stride_height, int stride_width,
    int pad_top, int pad_left,
    int dilation_height, int dilation_width,
    int threads,
):
    """Lay out the patch under the kernel at each output pixel as a row; zeros for the padding."""
    cdef Geometry g = check_geometry(
        "im2col", <Py_ssize_t*>x.shape, <Py_ssize_t*>columns.shape, KH, KW, stride_height,
        stride_width, pad_top, pad_left, dilation_height, dilation_width,
    )
    check_columns("im2col", g)
    if columns.size and x.size:
        move_columns(<floating*>&x[0, 0, 0, 0], g, &columns[0, 0, 0, 0], False)
    else:
        columns[...] = 0


def col2im(
    const floating[:, :, :, ::1] columns,  # IN (N, OH, OW, KH * KW * C)
    floating[:, :, :, ::1] x,              # OUT (N, H, W, C)
    int KH, int KW,
    int stride_height, int stride_width,
    int pad_top, int pad_left,
    int dilation_height, int dilation_width,
    int threads,
):
    """Sum the elements of `columns` that im2col takes from one pixel, for every pixel of x."""
    cdef Geometry g = check_geometry(
        "col2im", <Py_ssize_t*>x.shape, <Py_ssize_t*>columns.shape, KH, KW, stride_height,
        stride_width, pad_top, pad_left, dilation_height, dilation_width,
    )
    check_columns("col2im", g)
    x[...] = 0
    if columns.size and x.size:
        move_columns(&x[0, 0, 0, 0], g, <floating*>&columns[0, 0, 0, 0], True)


# --- convolution -------------------------------------------------------------------------------


cdef Conv describe(
    str kernel, Geometry g, Py_ssize_t depth, Py_ssize_t F, int groups, int pool_height,
    int pool_width,
) except *:
    """Describe the walk of a convolution over its images, of which the caller sets the data."""
    if groups < 1 or depth * groups != g.C or F % groups or F != g.F:
        raise ValueError(
            f"{kernel}: expected w (KH, KW, C / groups, F) and F outputs, got C = {g.C}, "
            f"C / groups = {depth}, groups = {groups}, F = {F} and {g.F} outputs"
        )
    if pool_height < 1 or pool_width < 1 or pool_height * pool_width >= NO_WINNER:
        raise ValueError(
            f"{kernel}: expected a pooling window of 1 to {NO_WINNER - 1} cells, "
            f"got {pool_height} by {pool_width}"
        )
    cdef Conv c
    memset(&c, 0, sizeof(c))
    c.images.H, c.images.W, c.images.C = g.H, g.W, g.C
    c.N, c.OH, c.OW, c.F, c.groups, c.group_channels = g.N, g.OH, g.OW, g.F, groups, depth
    c.pool_height, c.pool_width = pool_height, pool_width
    c.stride_height = pool_height * g.stride_height
    c.reach_height = (pool_height - 1) * g.stride_height + (g.KH - 1) * g.dilation_height + 1
    c.top, c.left, c.window_width = g.pad_top, g.pad_left, g.W
    cdef Py_ssize_t height = (g.OH - 1) * c.stride_height + c.reach_height
    cdef Py_ssize_t width = (g.OW * pool_width - 1) * g.stride_width
    width += (g.KW - 1) * g.dilation_width + 1
    c.padded = g.pad_top > 0 or g.pad_left > 0 or height > g.H or width > g.W
    if c.padded:
        c.window_width = width
    return c


cdef Py_ssize_t describe_bands(Conv* c, Py_ssize_t least) noexcept nogil:
    """Cut the outputs into bands of at least so many pixels of the result; return their pixels."""
    cdef Py_ssize_t pixels = c.OW * c.pool_width * c.pool_height  # of a row
    c.band_rows = min((least + pixels - 1) // pixels, c.OH)
    c.bands = (c.OH + c.band_rows - 1) // c.band_rows
    if c.padded:
        c.window_size = (c.band_rows - 1) * c.stride_height + c.reach_height
        c.window_size *= c.window_width * c.images.C
    return c.band_rows * pixels


cdef Py_ssize_t* write_offsets(
    Py_ssize_t* offset, Py_ssize_t start, Py_ssize_t outer, Py_ssize_t outer_step,
    Py_ssize_t middle, Py_ssize_t middle_step, Py_ssize_t inner,
) noexcept nogil:
    """Write start + i * outer_step + j * middle_step + l for all i, j, l; return the end."""
    cdef Py_ssize_t i, j, k
    for i in range(outer):
        for j in range(middle):
            for k in range(inner):
                offset[k] = start + i * outer_step + j * middle_step + k
            offset += inner
    return offset


cdef Py_ssize_t* write_patch(Py_ssize_t* offset, Geometry g, const Conv* c) noexcept nogil:
    """Write where the elements of a patch lie, from its first one on; return the end."""
    return write_offsets(
        offset, 0, g.KH, g.dilation_height * c.window_width * g.C, g.KW, g.dilation_width * g.C,
        c.group_channels,
    )


cdef int forward(
    Geometry g, Conv c, const floating* x, const floating* w, const floating* bias, bint relu,
    floating* y, int threads,
) except -1:
    """Compute what c describes."""
    cdef Product* p = &c.product
    cdef Py_ssize_t item = sizeof(floating), width = panel_columns(item)(), i, j
    cdef Py_ssize_t depth = g.KH * g.KW * c.group_channels, filters = g.F // c.groups
    cdef Py_ssize_t panels = (filters + width - 1) // width, pixels
    pixels = describe_bands(&c, BAND)
    c.scratch_size = c.window_size + (0 if c.winner is NULL else pixels * g.F)
    cdef int team = team_size(g.N * c.bands * pixels * filters * depth // 16, threads)
    cdef _Memory packed = _Memory(c.groups * panels * width * depth * item)
    cdef _Memory scratch = _Memory(team * c.scratch_size * item)
    cdef _Memory offsets = _Memory((2 * pixels + depth) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* offset = <Py_ssize_t*>offsets.data
    cdef Py_ssize_t row = g.stride_height * c.window_width * g.C, column = g.stride_width * g.C
    c.images.x, c.scratch = x, scratch.data
    p.columns, p.depth, p.bias, p.relu, p.ahead = filters, depth, bias, relu, LINE // item
    p.a_row, p.y_row, p.a_column, p.y = offset, offset + pixels, offset + 2 * pixels, y
    p.b, p.b_panel, p.b_row = packed.data, width * depth, width
    p.b_group = panels * p.b_panel
    with nogil:
        for i in range(c.band_rows):  # the cells of a pooling window one after the other
            for j in range(g.OW):
                offset = write_offsets(
                    offset, i * c.pool_height * row + j * c.pool_width * column,
                    c.pool_height, row, c.pool_width, column, 1,
                )
        write_patch(write_offsets(offset, 0, pixels, g.F, 1, 0, 1), g, &c)
        for i in range(c.groups):
            pack_loop(item)(
                w + i * filters, g.F, 1, depth, filters, <floating*>packed.data + i * p.b_group
            )
        run_tasks(conv_forward_task(item), &c, g.N * c.bands, team)
    return 0


def conv2d_forward(
    const floating[:, :, :, ::1] x,  # IN (N, H, W, C)
    const floating[:, :, :, ::1] w,  # IN (KH, KW, C / groups, F)
    const floating[::1] bias,        # IN (F,) or None
    bint relu,
    floating[:, :, :, ::1] y,        # OUT (N, OH, OW, F)
    int stride_height, int stride_width,
    int pad_top, int pad_left,
    int dilation_height, int dilation_width,
    int groups,
    int threads,
):
    """Compute y = im2col(x) @ w (+ bias), with its negative elements set to 0 if relu is true."""
    cdef Geometry g = check_geometry(
        "conv2d_forward", <Py_ssize_t*>x.shape, <Py_ssize_t*>y.shape, w.shape[0], w.shape[1],
        stride_height, stride_width, pad_top, pad_left, dilation_height, dilation_width,
    )
    cdef Conv c = describe("conv2d_forward", g, w.shape[2], w.shape[3], groups, 1, 1)
    check_bias("conv2d_forward", bias, g.F)
    if y.size:
        forward(
            g, c, first(x), first(w), first_or_null(bias), relu, &y[0, 0, 0, 0], threads
        )


def conv2d_pool_forward(
    const floating[:, :, :, ::1] x,       # IN (N, H, W, C)
    const floating[:, :, :, ::1] w,       # IN (KH, KW, C / groups, F)
    const floating[::1] bias,             # IN (F,) or None
    bint relu,
    floating[:, :, :, ::1] y,             # OUT (N, PH, PW, F)
    unsigned char[:, :, :, ::1] winner,   # OUT (N, PH, PW, F)
    int pool_height, int pool_width,
    int stride_height, int stride_width,
    int pad_top, int pad_left,
    int dilation_height, int dilation_width,
    int groups,
    int threads,
):
    """Compute conv2d_forward, and of it the maximum of each window of pool_height by pool_width.

    The map in between is not stored. winner is the cell of the window that was the (first)
    largest, counted by rows, or 255 where relu set the whole window to 0.
    """
    cdef Geometry g = check_geometry(
        "conv2d_pool_forward", <Py_ssize_t*>x.shape, <Py_ssize_t*>y.shape, w.shape[0], w.shape[1],
        stride_height, stride_width, pad_top, pad_left, dilation_height, dilation_width,
    )
    cdef Conv c = describe(
        "conv2d_pool_forward", g, w.shape[2], w.shape[3], groups, pool_height, pool_width
    )
    check_bias("conv2d_pool_forward", bias, g.F)
    check_winner("conv2d_pool_forward", winner, <Py_ssize_t*>y.shape)
    if y.size:
        c.winner = &winner[0, 0, 0, 0]
        forward(
            g, c, first(x), first(w), first_or_null(bias), relu, &y[0, 0, 0, 0], threads
        )


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


cdef int backward_kernel(
    Geometry g, Conv c, const floating* x, const floating* gy, floating* gw, floating* gb,
    int threads,
) except -1:
    """Compute what c describes: gw (depth, F), and gb (F,) if the result was pooled."""
    cdef Product* p = &c.product
    cdef Py_ssize_t item = sizeof(floating), width = panel_columns(item)(), pixels
    cdef Py_ssize_t depth = g.KH * g.KW * c.group_channels, filters = g.F // c.groups
    cdef Py_ssize_t size = (depth + (c.winner is not NULL)) * g.F  # of a partial sum
    pixels = describe_bands(&c, g.OH * g.OW if c.winner is NULL else BAND)
    c.images.x = x
    p.rows, p.columns, p.add = depth, filters, True
    p.b, p.b_panel, p.b_row = gy, width, g.F
    if filters % width:
        c.pack = (filters + width - 1) // width * width * pixels
        p.b_row = width
    c.scratch_size = c.window_size + c.pack + (0 if c.winner is NULL else pixels * g.F)
    c.chunks = min(CHUNKS, g.N)
    cdef int team = team_size(g.N * c.bands * pixels * filters * depth // 16, threads)
    cdef _Memory scratch = _Memory(team * c.scratch_size * item)
    cdef _Memory sums = _Memory((c.chunks + 1) * size * item)  # the last: of all
    cdef _Memory offsets = _Memory((2 * depth + pixels) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* offset = <Py_ssize_t*>offsets.data
    cdef floating* total = <floating*>sums.data + c.chunks * size
    c.scratch = scratch.data
    p.a_row, p.y_row, p.a_column, p.y = offset, offset + depth, offset + 2 * depth, sums.data
    with nogil:
        memset(sums.data, 0, c.chunks * size * item)
        offset = write_offsets(write_patch(offset, g, &c), 0, depth, g.F, 1, 0, 1)
        write_offsets(
            offset, 0, c.band_rows * c.pool_height, g.stride_height * c.window_width * g.C,
            g.OW * c.pool_width, g.stride_width * g.C, 1,
        )
        run_tasks(conv_backward_kernel_task(item), &c, c.chunks, team)
        add_sums_loop(item)(sums.data, c.chunks, size, total)
        memcpy(gw, total, depth * g.F * item)
        if c.winner is not NULL:
            memcpy(gb, total + depth * g.F, g.F * item)
    return 0


def conv2d_backward_kernel(
    const floating[:, :, :, ::1] x,   # IN (N, H, W, C)
    const floating[:, :, :, ::1] gy,  # IN (N, OH, OW, F)
    floating[:, :, :, ::1] gw,        # OUT (KH, KW, C / groups, F)
    int stride_height, int stride_width,
    int pad_top, int pad_left,
    int dilation_height, int dilation_width,
    int groups,
    int threads,
):
    """Compute gw = im2col(x).T @ gy, the gradient with respect to the convolution's kernel."""
    cdef Geometry g = check_geometry(
        "conv2d_backward_kernel", <Py_ssize_t*>x.shape, <Py_ssize_t*>gy.shape, gw.shape[0],
        gw.shape[1], stride_height, stride_width, pad_top, pad_left, dilation_height,
        dilation_width,
    )
    cdef Conv c = describe("conv2d_backward_kernel", g, gw.shape[2], gw.shape[3], groups, 1, 1)
    if x.size == 0 or gy.size == 0 or gw.size == 0:
        gw[...] = 0
    else:
        backward_kernel(
            g, c, &x[0, 0, 0, 0], &gy[0, 0, 0, 0], &gw[0, 0, 0, 0], <floating*>NULL, threads
        )


def conv2d_pool_backward_kernel(
    const floating[:, :, :, ::1] x,       # IN (N, H, W, C)
    const floating[:, :, :, ::1] gy,      # IN (N, PH, PW, F)
    const unsigned char[:, :, :, ::1] winner,  # IN (N, PH, PW, F), from conv2d_pool_forward
    floating[:, :, :, ::1] gw,            # OUT (KH, KW, C / groups, F)
    floating[::1] gb,                     # OUT (F,)
    int pool_height, int pool_width,
    int stride_height, int stride_width,
    int pad_top, int pad_left,
    int dilation_height, int dilation_width,
    int groups,
    int threads,
):
    """Compute the gradients of kernel and bias; each element of gy counts at its winner alone."""
    cdef Geometry g = check_geometry(
        "conv2d_pool_backward_kernel", <Py_ssize_t*>x.shape, <Py_ssize_t*>gy.shape, gw.shape[0],
        gw.shape[1], stride_height, stride_width, pad_top, pad_left, dilation_height,
        dilation_width,
    )
    cdef Conv c = describe(
        "conv2d_pool_backward_kernel", g, gw.shape[2], gw.shape[3], groups, pool_height, pool_width
    )
    check_bias("conv2d_pool_backward_kernel", gb, g.F)
    check_winner("conv2d_pool_backward_kernel", winner, <Py_ssize_t*>gy.shape)
    if gy.size == 0:
        gw[...] = 0
        gb[...] = 0
    else:
        c.winner = <unsigned char*>&winner[0, 0, 0, 0]
        backward_kernel(
            g, c, first(x), &gy[0, 0, 0, 0], <floating*>first(gw), &gb[0], threads
        )


def conv2d_backward_input(
    const floating[:, :, :, ::1] gy,  # IN (N, OH, OW, F)
    const floating[:, :, :, ::1] w,   # IN (KH, KW, C / groups, F)
    floating[:, :, :, ::1] gx,        # OUT (N, H, W, C)
    int stride_height, int stride_width,
    int pad_top, int pad_left,
    int dilation_height, int dilation_width,
    int groups,
    int threads,
):
    """Compute gx = col2im(gy @ w.T), the gradient with respect to the convolution's input."""
    cdef Geometry g = check_geometry(
        "conv2d_backward_input", <Py_ssize_t*>gx.shape, <Py_ssize_t*>gy.shape, w.shape[0],
        w.shape[1], stride_height, stride_width, pad_top, pad_left, dilation_height,
        dilation_width,
    )
    cdef Conv c = describe("conv2d_backward_input", g, w.shape[2], w.shape[3], groups, 1, 1)
    if gx.size == 0 or gy.size == 0 or w.size == 0:
        gx[...] = 0
        return
    cdef Product* p = &c.product
    cdef Py_ssize_t item = sizeof(floating), width = panel_columns(item)(), i, count
    cdef Py_ssize_t columns = g.KH * g.KW * c.group_channels, filters = g.F // groups
    cdef Py_ssize_t panels = (columns + width - 1) // width
    cdef Py_ssize_t pixels = describe_bands(&c, g.OH * g.OW)
    # Patches that overlap are added to by turns, not at once: loads would wait for the stores.
    cdef Py_ssize_t apart = g.KW if c.group_channels < width else 1
    cdef int team = team_size(g.N * pixels * filters * columns // 16, threads)
    cdef _Memory scratch = _Memory(team * c.window_size * item)
    cdef _Memory packed = _Memory(groups * panels * width * filters * item)
    cdef _Memory offsets = _Memory((2 * pixels + filters + columns) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* a_row = <Py_ssize_t*>offsets.data
    cdef Py_ssize_t* y_row = a_row + pixels
    c.scratch, c.scratch_size = scratch.data, c.window_size
    c.images = Images(NULL, c.window_size // (c.window_width * g.C), c.window_width, g.C)
    c.OH, c.OW, c.F = g.H, g.W, g.C  # of the result
    p.rows, p.columns, p.depth, p.add, p.ahead = pixels, columns, filters, True, LINE // item
    p.a, p.b, p.b_panel, p.b_row = &gy[0, 0, 0, 0], packed.data, width * filters, width
    p.b_group = panels * p.b_panel
    p.a_row, p.y_row, p.a_column = a_row, y_row, y_row + pixels
    p.y, p.y_column = &gx[0, 0, 0, 0], p.a_column + filters
    with nogil:
        for i in range(apart):
            count = (g.OW - i + apart - 1) // apart
            a_row = write_offsets(a_row, i * g.F, g.OH, g.OW * g.F, count, apart * g.F, 1)
            y_row = write_offsets(
                y_row, i * g.stride_width * g.C, g.OH, g.stride_height * c.window_width * g.C,
                count, apart * g.stride_width * g.C, 1,
            )
        write_patch(write_offsets(y_row, 0, 1, 0, 1, 0, filters), g, &c)
        for i in range(groups):
            pack_loop(item)(
                &w[0, 0, 0, 0] + i * filters, 1, g.F, filters, columns,
                <floating*>packed.data + i * p.b_group,
            )
        run_tasks(conv_backward_input_task(item), &c, g.N, team)
