"""Maximum and mean over windows of images that are laid out (N, H, W, C).

Channels are innermost in memory, so the innermost loop always runs over them: it reads and
writes contiguous cells and vectorizes. Windows are clipped to the image, so padding is never
read: it never wins a maximum and never counts in a mean. Forward threads share the rows of the
output; backward threads share the images, because overlapping windows add into the same cells.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport INFINITY

from minigrad.kernels._parallel cimport team_size


cdef struct Span:
    # Along one axis: where a window begins, and which of its cells lie inside the image.
    Py_ssize_t start, first, end


cdef Span span(Py_ssize_t index, Py_ssize_t size, int pool, int stride, int pad) noexcept nogil:
    cdef Py_ssize_t start = index * stride - pad
    return Span(start, max(start, 0), min(start + pool, size))


cdef int check_axis(
    str kernel, str axis, Py_ssize_t size, Py_ssize_t pooled, int pool, int stride, int pad
) except -1:
    """Raise ValueError unless every window along this axis covers a cell of the image."""
    if pool < 1 or stride < 1 or pad < 0 or pad >= pool:
        raise ValueError(
            f"{kernel}: expected pool, stride >= 1, 0 <= pad < pool, got {pool}, {stride}, {pad}"
        )
    if pooled > 0 and (size == 0 or (pooled - 1) * stride - pad >= size):
        raise ValueError(
            f"{kernel}: expected windows that begin inside the {axis} of {size}, got {pooled}"
        )


cdef int check_shapes(
    str kernel, Py_ssize_t* image, Py_ssize_t* pooled, int pool_height, int pool_width,
    int stride_height, int stride_width, int pad_top, int pad_left,
) except -1:
    """Raise ValueError unless (N, H, W, C) and (N, OH, OW, C) fit each other and the windows."""
    if image[0] != pooled[0] or image[3] != pooled[3]:
        raise ValueError(
            f"{kernel}: expected {image[0]} images of {image[3]} channels among the pooled, got "
            f"{pooled[0]} of {pooled[3]}"
        )
    check_axis(kernel, "height", image[1], pooled[1], pool_height, stride_height, pad_top)
    check_axis(kernel, "width", image[2], pooled[2], pool_width, stride_width, pad_left)


cdef int check_winner(str kernel, Py_ssize_t* winner, Py_ssize_t* pooled) except -1:
    """Raise ValueError unless there is one winner for each pooled cell."""
    for axis in range(4):
        if winner[axis] != pooled[axis]:
            raise ValueError(
                f"{kernel}: expected {pooled[axis]} winners on axis {axis}, got {winner[axis]}"
            )


def max_pool2d_forward(
    const floating[:, :, :, ::1] x,  # IN (N, H, W, C)
    floating[:, :, :, ::1] y,        # OUT (N, OH, OW, C)
    int[:, :, :, ::1] winner,        # OUT (N, OH, OW, C)
    int pool_height, int pool_width, int stride_height, int stride_width,
    int pad_top, int pad_left, int threads,
):
    """Take the maximum of each window: y = max over (kh, kw) of x[window (kh, kw)].

    ``winner`` is kh * pool_width + kw of the cell that won: the first one in that order among
    equals, or the first NaN. It is as wide as a float32, so that choosing the value and choosing
    the winner are the same vector operation.
    """
    check_shapes("max_pool2d_forward", x.shape, y.shape, pool_height, pool_width,
                 stride_height, stride_width, pad_top, pad_left)
    check_winner("max_pool2d_forward", winner.shape, y.shape)
    cdef Py_ssize_t N = x.shape[0], H = x.shape[1], W = x.shape[2], C = x.shape[3]
    cdef Py_ssize_t OH = y.shape[1], OW = y.shape[2], row, n, oh, ow, h, w, c
    cdef int cell, team = team_size(N * OH * OW * C * pool_height * pool_width, threads)
    cdef Span rows, columns
    cdef floating value, best
    cdef bint wins

    for row in prange(N * OH, nogil=True, num_threads=team, schedule="static"):
        n = row // OH
        oh = row % OH
        rows = span(oh, H, pool_height, stride_height, pad_top)
        for ow in range(OW):
            columns = span(ow, W, pool_width, stride_width, pad_left)
            # Start below everything, at the first cell inside: it wins a window full of -inf.
            cell = (rows.first - rows.start) * pool_width + columns.first - columns.start
            for c in range(C):
                y[n, oh, ow, c] = -INFINITY
                winner[n, oh, ow, c] = cell
            for h in range(rows.first, rows.end):
                for w in range(columns.first, columns.end):
                    cell = (h - rows.start) * pool_width + w - columns.start
                    for c in range(C):
                        value = x[n, h, w, c]
                        best = y[n, oh, ow, c]
                        # "not <=" lets a NaN win, "best == best" lets the first NaN stay.
                        wins = (not value <= best) & (best == best)
                        y[n, oh, ow, c] = value if wins else best
                        winner[n, oh, ow, c] = cell if wins else winner[n, oh, ow, c]


def max_pool2d_backward(
    const floating[:, :, :, ::1] gy,  # IN (N, OH, OW, C)
    const int[:, :, :, ::1] winner,   # IN (N, OH, OW, C)
    floating[:, :, :, ::1] gx,        # OUT (N, H, W, C)
    int pool_height, int pool_width, int stride_height, int stride_width,
    int pad_top, int pad_left, int threads,
):
    """Send each window's gradient to the cell that won: gx[winner of the window] += gy.

    Every cell of the window is asked whether it won. That reads more than a jump to the winner
    would, but it vectorizes over the channels, and no value of ``winner`` can lead outside gx.
    """
    check_shapes("max_pool2d_backward", gx.shape, gy.shape, pool_height, pool_width,
                 stride_height, stride_width, pad_top, pad_left)
    check_winner("max_pool2d_backward", winner.shape, gy.shape)
    cdef Py_ssize_t N = gx.shape[0], H = gx.shape[1], W = gx.shape[2], C = gx.shape[3]
    cdef Py_ssize_t OH = gy.shape[1], OW = gy.shape[2], n, oh, ow, h, w, c
    cdef int cell, team = team_size(N * OH * OW * C * pool_height * pool_width, threads)
    cdef Span rows, columns
    cdef floating share

    for n in prange(N, nogil=True, num_threads=team, schedule="static"):
        gx[n, :, :, :] = 0
        for oh in range(OH):
            rows = span(oh, H, pool_height, stride_height, pad_top)
            for ow in range(OW):
                columns = span(ow, W, pool_width, stride_width, pad_left)
                for h in range(rows.first, rows.end):
                    for w in range(columns.first, columns.end):
                        cell = (h - rows.start) * pool_width + w - columns.start
                        for c in range(C):
                            share = gy[n, oh, ow, c]
                            gx[n, h, w, c] += share if winner[n, oh, ow, c] == cell else 0


def avg_pool2d_forward(
    const floating[:, :, :, ::1] x,  # IN (N, H, W, C)
    floating[:, :, :, ::1] y,        # OUT (N, OH, OW, C)
    int pool_height, int pool_width, int stride_height, int stride_width,
    int pad_top, int pad_left, int threads,
):
    """Take the mean of each window: y = sum of its cells inside the image / their number."""
    check_shapes("avg_pool2d_forward", x.shape, y.shape, pool_height, pool_width,
                 stride_height, stride_width, pad_top, pad_left)
    cdef Py_ssize_t N = x.shape[0], H = x.shape[1], W = x.shape[2], C = x.shape[3]
    cdef Py_ssize_t OH = y.shape[1], OW = y.shape[2], row, n, oh, ow, h, w, c
    cdef int team = team_size(N * OH * OW * C * pool_height * pool_width, threads)
    cdef Span rows, columns
    cdef floating cells

    for row in prange(N * OH, nogil=True, num_threads=team, schedule="static"):
        n = row // OH
        oh = row % OH
        rows = span(oh, H, pool_height, stride_height, pad_top)
        for ow in range(OW):
            columns = span(ow, W, pool_width, stride_width, pad_left)
            cells = (rows.end - rows.first) * (columns.end - columns.first)
            for c in range(C):
                y[n, oh, ow, c] = 0
            for h in range(rows.first, rows.end):
                for w in range(columns.first, columns.end):
                    for c in range(C):
                        y[n, oh, ow, c] += x[n, h, w, c]
            for c in range(C):
                y[n, oh, ow, c] /= cells


def avg_pool2d_backward(
    const floating[:, :, :, ::1] gy,  # IN (N, OH, OW, C)
    floating[:, :, :, ::1] gx,        # OUT (N, H, W, C)
    int pool_height, int pool_width, int stride_height, int stride_width,
    int pad_top, int pad_left, int threads,
):
    """Share each window's gradient among its cells inside the image: gx[cell] += gy / number."""
    check_shapes("avg_pool2d_backward", gx.shape, gy.shape, pool_height, pool_width,
                 stride_height, stride_width, pad_top, pad_left)
    cdef Py_ssize_t N = gx.shape[0], H = gx.shape[1], W = gx.shape[2], C = gx.shape[3]
    cdef Py_ssize_t OH = gy.shape[1], OW = gy.shape[2], n, oh, ow, h, w, c
    cdef int team = team_size(N * OH * OW * C * pool_height * pool_width, threads)
    cdef Span rows, columns
    cdef floating cells

    for n in prange(N, nogil=True, num_threads=team, schedule="static"):
        gx[n, :, :, :] = 0
        for oh in range(OH):
            rows = span(oh, H, pool_height, stride_height, pad_top)
            for ow in range(OW):
                columns = span(ow, W, pool_width, stride_width, pad_left)
                cells = (rows.end - rows.first) * (columns.end - columns.first)
                for h in range(rows.first, rows.end):
                    for w in range(columns.first, columns.end):
                        for c in range(C):
                            gx[n, h, w, c] += gy[n, oh, ow, c] / cells
