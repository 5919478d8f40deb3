"""Convolution of images (N, H, W, C) as a matrix product of patches, "im2col".

    The patch under the kernel at one output pixel, laid out as a row:

        x   . . . . .          columns                           w            y
            . a b c .     pixel 0: a b c d e f g h i       (KH*KW*C, F)    (pixels, F)
            . d e f .     pixel 1: b c . e f . h i .    @                =
            . g h i .     ...

Channels are innermost, so a row of the patch is contiguous in the image, and the product is the
output as it shall lie in memory. Only a block of pixels is laid out at a time, small enough for
the cache. Forward, threads share the blocks.

Backward, the gradient of the columns is gy @ w.T; col2im adds it back to the pixels it came from.
Patches overlap, so threads share the images. The gradient of w is columns.T @ gy: it sums over all
pixels, in chunks whose size does not depend on the threads, added up in order.
"""

from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from minigrad.kernels._matmul cimport Panels, describe_panels, multiply_panel, pack_panel
from minigrad.kernels._parallel cimport team_size

cdef enum:
    BLOCK = 96   # pixels laid out at a time: whole tiles, and within the cache of a core
    CHUNKS = 16  # partial sums of the gradient of w: enough for 16 threads, little to add up


cdef struct Geometry:
    Py_ssize_t N, H, W, C, OH, OW, KH, KW
    int stride_height, stride_width, pad_top, pad_left, dilation_height, dilation_width


cdef Geometry check_geometry(
    str kernel, Py_ssize_t* x, Py_ssize_t* y, Py_ssize_t KH, Py_ssize_t KW,
    int stride_height, int stride_width, int pad_top, int pad_left,
    int dilation_height, int dilation_width,
) except *:
    """Collect the sizes of x (N, H, W, C) and y (N, OH, OW, ...); raise ValueError if wrong."""
    if min(stride_height, stride_width, dilation_height, dilation_width) < 1:
        raise ValueError(f"{kernel}: expected strides and dilation from 1")
    if min(pad_top, pad_left) < 0:
        raise ValueError(f"{kernel}: expected padding from 0, got {(pad_top, pad_left)}")
    if x[0] != y[0]:
        raise ValueError(f"{kernel}: expected as many images in as out, got {x[0]} and {y[0]}")
    return Geometry(
        x[0], x[1], x[2], x[3], y[1], y[2], KH, KW, stride_height, stride_width, pad_top,
        pad_left, dilation_height, dilation_width,
    )


cdef int check_groups(
    str kernel, Py_ssize_t channels, Py_ssize_t depth, Py_ssize_t filters, Py_ssize_t outputs,
    int groups,
) except -1:
    if groups < 1 or depth * groups != channels or filters % groups or filters != outputs:
        raise ValueError(
            f"{kernel}: expected w (KH, KW, C / groups, F) and F outputs, got C = {channels}, "
            f"C / groups = {depth}, groups = {groups}, F = {filters} and {outputs} outputs"
        )
    return 0


# --- patches as rows -----------------------------------------------------------------------------


cdef void fill_columns(
    const floating* x, const Geometry* g, Py_ssize_t channel, Py_ssize_t channels,
    Py_ssize_t start, Py_ssize_t stop, floating* columns,
) noexcept nogil:
    """Lay out the patches of pixels start to stop, of channels from `channel` on, as rows.

    columns[p, (a * KW + b) * channels + c] =
        x[n, i * stride + a * dilation - pad, j * stride + b * dilation - pad, channel + c]
    """
    cdef Py_ssize_t p, n, i, j, a, b, row, column
    cdef const floating* source
    for p in range(start, stop):
        j = p % g.OW
        i = p // g.OW % g.OH
        n = p // g.OW // g.OH
        for a in range(g.KH):
            row = i * g.stride_height + a * g.dilation_height - g.pad_top
            if row < 0 or row >= g.H:
                memset(columns, 0, g.KW * channels * sizeof(floating))
                columns += g.KW * channels
                continue
            for b in range(g.KW):
                column = j * g.stride_width + b * g.dilation_width - g.pad_left
                source = x + ((n * g.H + row) * g.W + column) * g.C + channel
                if column < 0 or column >= g.W:
                    memset(columns, 0, channels * sizeof(floating))
                elif channels == 1:  # a grey image: no call for one element
                    columns[0] = source[0]
                else:
                    memcpy(columns, source, channels * sizeof(floating))
                columns += channels


cdef void add_columns(
    const floating* columns, const Geometry* g, Py_ssize_t channel, Py_ssize_t channels,
    Py_ssize_t start, Py_ssize_t stop, floating* x,
) noexcept nogil:
    """Add the rows of `columns` to the pixels that fill_columns takes them from."""
    cdef Py_ssize_t p, n, i, j, a, b, c, row, column
    cdef floating* target
    for p in range(start, stop):
        j = p % g.OW
        i = p // g.OW % g.OH
        n = p // g.OW // g.OH
        for a in range(g.KH):
            row = i * g.stride_height + a * g.dilation_height - g.pad_top
            for b in range(g.KW):
                column = j * g.stride_width + b * g.dilation_width - g.pad_left
                if 0 <= row < g.H and 0 <= column < g.W:
                    target = x + ((n * g.H + row) * g.W + column) * g.C + channel
                    for c in range(channels):
                        target[c] += columns[c]
                columns += channels


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
    check_columns("im2col", g, columns.shape[3])
    if columns.shape[0] * g.OH * g.OW * columns.shape[3] == 0:
        return
    cdef Py_ssize_t n, pixels = g.OH * g.OW, width = columns.shape[3]
    cdef const floating* x_data = &x[0, 0, 0, 0] if x.shape[1] and x.shape[2] else NULL
    cdef int team = team_size(g.N * pixels * width, threads)
    for n in prange(g.N, num_threads=team, schedule="static", nogil=True):
        fill_columns(
            x_data, &g, 0, g.C, n * pixels, (n + 1) * pixels,
            &columns[0, 0, 0, 0] + n * pixels * width,
        )


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
    check_columns("col2im", g, columns.shape[3])
    x[...] = 0
    if x.shape[1] * x.shape[2] == 0 or columns.shape[0] * g.OH * g.OW * columns.shape[3] == 0:
        return
    cdef Py_ssize_t n, pixels = g.OH * g.OW, width = columns.shape[3]
    cdef int team = team_size(g.N * pixels * width, threads)
    for n in prange(g.N, num_threads=team, schedule="static", nogil=True):
        add_columns(
            &columns[0, 0, 0, 0] + n * pixels * width, &g, 0, g.C, n * pixels, (n + 1) * pixels,
            &x[0, 0, 0, 0],
        )


cdef int check_columns(str kernel, Geometry g, Py_ssize_t width) except -1:
    if g.KH < 1 or g.KW < 1 or width != g.KH * g.KW * g.C:
        raise ValueError(
            f"{kernel}: expected columns of KH * KW * C = {g.KH * g.KW * g.C} elements, got {width}"
        )
    return 0


# --- convolution ---------------------------------------------------------------------------------


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
    cdef Py_ssize_t F = w.shape[3]
    check_groups("conv2d_forward", g.C, w.shape[2], F, y.shape[3], groups)
    if bias is not None and bias.shape[0] != F:
        raise ValueError(f"conv2d_forward: expected bias ({F},), got ({bias.shape[0]},)")
    cdef Py_ssize_t pixels = g.N * g.OH * g.OW, depth = w.shape[0] * w.shape[1] * w.shape[2]
    if pixels == 0 or F == 0:
        return
    cdef const floating* x_data = &x[0, 0, 0, 0] if x.size else NULL
    cdef const floating* w_data = &w[0, 0, 0, 0] if w.size else NULL
    cdef const floating* bias_data = &bias[0] if bias is not None else NULL
    cdef Py_ssize_t channels = w.shape[2], filters = F // groups, pack_size = 0
    cdef Panels panels = describe_panels(w_data, F, 1, depth, filters, &pack_size)
    cdef int team = team_size(pixels * depth * filters // 16, threads)
    cdef floating* packed = <floating*>malloc((pack_size + 1) * sizeof(floating))
    cdef floating* scratch = <floating*>malloc((team * BLOCK * depth + 1) * sizeof(floating))
    if packed is NULL or scratch is NULL:
        free(packed)
        free(scratch)
        raise MemoryError("conv2d_forward: no memory for the columns")
    cdef Py_ssize_t block, start, stop, group, panel, blocks = (pixels + BLOCK - 1) // BLOCK
    cdef floating* columns
    cdef const floating* b
    with nogil:
        for group in range(groups):
            b = w_data + group * filters
            if pack_size:
                for panel in range(panels.count):
                    pack_panel(panel, b, F, 1, depth, filters, packed)
                b = packed
            for block in prange(blocks, num_threads=team, schedule="static"):
                start = block * BLOCK
                stop = min(start + BLOCK, pixels)
                columns = scratch + threadid() * BLOCK * depth
                fill_columns(x_data, &g, group * channels, channels, start, stop, columns)
                for panel in range(panels.count):
                    multiply_panel(
                        panel, stop - start, filters, depth, columns, depth, 1, b, panels,
                        &y[0, 0, 0, 0] + start * F + group * filters, F, 1,
                        bias_data + group * filters if bias_data is not NULL else NULL, 0, 1,
                        relu, False,
                    )
        free(packed)
        free(scratch)


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
    cdef Py_ssize_t F = w.shape[3], pixels = g.OH * g.OW
    check_groups("conv2d_backward_input", g.C, w.shape[2], F, gy.shape[3], groups)
    gx[...] = 0
    if gx.size == 0 or gy.size == 0 or w.size == 0:
        return
    cdef Py_ssize_t depth = w.shape[0] * w.shape[1] * w.shape[2]
    cdef Py_ssize_t channels = w.shape[2], filters = F // groups, pack_size = 0
    cdef Panels panels = describe_panels(&w[0, 0, 0, 0], 1, F, filters, depth, &pack_size)
    cdef int team = team_size(g.N * pixels * depth * filters // 16, threads)
    cdef floating* packed = <floating*>malloc((pack_size + 1) * sizeof(floating))
    cdef floating* scratch = <floating*>malloc(team * BLOCK * depth * sizeof(floating))
    if packed is NULL or scratch is NULL:
        free(packed)
        free(scratch)
        raise MemoryError("conv2d_backward_input: no memory for the columns")
    cdef Py_ssize_t n, group, panel
    cdef floating* columns
    cdef const floating* b
    with nogil:
        for group in range(groups):
            b = &w[0, 0, 0, 0] + group * filters
            if pack_size:
                for panel in range(panels.count):
                    pack_panel(panel, b, 1, F, filters, depth, packed)
                b = packed
            for n in prange(g.N, num_threads=team, schedule="static"):
                columns = scratch + threadid() * BLOCK * depth
                add_image(
                    &gy[0, 0, 0, 0], &g, F, group, filters, channels, depth, n * pixels,
                    (n + 1) * pixels, b, panels, columns, &gx[0, 0, 0, 0],
                )
        free(packed)
        free(scratch)


cdef void add_image(
    const floating* gy, const Geometry* g, Py_ssize_t F, Py_ssize_t group, Py_ssize_t filters,
    Py_ssize_t channels, Py_ssize_t depth, Py_ssize_t start, Py_ssize_t stop,
    const floating* b, Panels panels, floating* columns, floating* gx,
) noexcept nogil:
    """Add what the pixels start to stop give to gx: columns = gy @ w.T, then col2im."""
    cdef Py_ssize_t panel, end
    while start < stop:
        end = min(start + BLOCK, stop)
        for panel in range(panels.count):
            multiply_panel(
                panel, end - start, depth, filters, gy + start * F + group * filters, F, 1, b,
                panels, columns, depth, 1, <const floating*>NULL, 0, 1, False, False,
            )
        add_columns(columns, g, group * channels, channels, start, end, gx)
        start = end


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
    cdef Py_ssize_t F = gw.shape[3], pixels = g.N * g.OH * g.OW
    check_groups("conv2d_backward_kernel", g.C, gw.shape[2], F, gy.shape[3], groups)
    gw[...] = 0
    if x.size == 0 or gy.size == 0 or gw.size == 0:
        return
    cdef Py_ssize_t depth = gw.shape[0] * gw.shape[1] * gw.shape[2], size = depth * F
    cdef Py_ssize_t channels = gw.shape[2], filters = F // groups
    cdef Py_ssize_t chunk, length = (pixels + CHUNKS - 1) // CHUNKS  # of a chunk, in pixels
    cdef int team = team_size(pixels * depth * filters // 16, threads)
    cdef floating* sums = <floating*>calloc(CHUNKS * size, sizeof(floating))
    cdef floating* scratch = <floating*>malloc(
        team * chunk_scratch(&gy[0, 0, 0, 0], depth, filters) * sizeof(floating)
    )
    if sums is NULL or scratch is NULL:
        free(sums)
        free(scratch)
        raise MemoryError("conv2d_backward_kernel: no memory for the columns")
    cdef Py_ssize_t group, k
    cdef floating* total = &gw[0, 0, 0, 0]
    with nogil:
        for chunk in prange(CHUNKS, num_threads=team, schedule="static"):
            for group in range(groups):
                add_chunk(
                    &x[0, 0, 0, 0], &gy[0, 0, 0, 0], &g, F, group, filters, channels, depth,
                    chunk * length, min((chunk + 1) * length, pixels),
                    scratch + threadid() * chunk_scratch(&gy[0, 0, 0, 0], depth, filters),
                    sums + chunk * size,
                )
        for chunk in range(CHUNKS):
            for k in range(size):
                total[k] += sums[chunk * size + k]
        free(sums)
        free(scratch)


cdef Py_ssize_t chunk_scratch(
    const floating* selector, Py_ssize_t depth, Py_ssize_t filters
) noexcept nogil:
    """How many elements add_chunk needs: a block of columns, and gy packed in panels."""
    cdef Py_ssize_t pack_size
    describe_panels(selector, 0, 0, BLOCK, filters, &pack_size)
    return BLOCK * depth + pack_size


cdef void add_chunk(
    const floating* x, const floating* gy, const Geometry* g, Py_ssize_t F, Py_ssize_t group,
    Py_ssize_t filters, Py_ssize_t channels, Py_ssize_t depth, Py_ssize_t start, Py_ssize_t stop,
    floating* scratch, floating* sums,
) noexcept nogil:
    """Add columns.T @ gy over the pixels start to stop to sums (depth, F), block by block."""
    cdef floating* columns = scratch
    cdef floating* packed = scratch + BLOCK * depth
    cdef Py_ssize_t end, panel, pack_size
    cdef const floating* b
    cdef Panels panels
    while start < stop:
        end = min(start + BLOCK, stop)
        fill_columns(x, g, group * channels, channels, start, end, columns)
        b = gy + start * F + group * filters
        panels = describe_panels(b, F, 1, end - start, filters, &pack_size)
        if pack_size:
            for panel in range(panels.count):
                pack_panel(panel, b, F, 1, end - start, filters, packed)
            b = packed
        for panel in range(panels.count):
            multiply_panel(
                panel, depth, filters, end - start, columns, 1, depth, b, panels,
                sums + group * filters, F, 1, <const floating*>NULL, 0, 1, False, True,
            )
        start = end
