"""Maximum and mean over windows of images that are laid out (N, H, W, C).

Channels are innermost in memory, so the loops (pooling_template.h) take a window's cells one vector
of channels at a time. Windows are clipped to the image, so padding is never read: it never wins a
maximum and never counts in a mean. Forward threads share the rows of the output; backward threads
share the images, because overlapping windows add into the same cells.
"""

from cython cimport floating

from minigrad.kernels._parallel cimport CHUNK, Task, run_tasks, team_size

cdef extern from "pooling.h" nogil:
    ctypedef struct Pool:
        Py_ssize_t N, H, W, C, OH, OW
        int pool_height, pool_width, stride_height, stride_width, pad_top, pad_left
        Py_ssize_t rows
        void* image
        void* pooled
        int* winner

    Task max_pool_forward_task(size_t item)
    Task max_pool_backward_task(size_t item)
    Task avg_pool_forward_task(size_t item)
    Task avg_pool_backward_task(size_t item)


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


cdef Pool describe(
    str kernel, Py_ssize_t* image, Py_ssize_t* pooled, int pool_height, int pool_width,
    int stride_height, int stride_width, int pad_top, int pad_left,
) except *:
    """Collect (N, H, W, C), (N, OH, OW, C) and the windows; ValueError unless they fit."""
    if image[0] != pooled[0] or image[3] != pooled[3]:
        raise ValueError(
            f"{kernel}: expected {image[0]} images of {image[3]} channels among the pooled, got "
            f"{pooled[0]} of {pooled[3]}"
        )
    check_axis(kernel, "height", image[1], pooled[1], pool_height, stride_height, pad_top)
    check_axis(kernel, "width", image[2], pooled[2], pool_width, stride_width, pad_left)
    cdef Pool p
    p.N, p.H, p.W, p.C, p.OH, p.OW = image[0], image[1], image[2], image[3], pooled[1], pooled[2]
    p.pool_height, p.stride_height, p.pad_top = pool_height, stride_height, pad_top
    p.pool_width, p.stride_width, p.pad_left = pool_width, stride_width, pad_left
    return p


cdef int check_winner(str kernel, Py_ssize_t* winner, Py_ssize_t* pooled) except -1:
    """Raise ValueError unless there is one winner for each pooled cell."""
    for axis in range(4):
        if winner[axis] != pooled[axis]:
            raise ValueError(
                f"{kernel}: expected {pooled[axis]} winners on axis {axis}, got {winner[axis]}"
            )


cdef void run_rows(Task task, Pool* p, Py_ssize_t rows, int threads) noexcept:
    """Run a task on all windows, so many rows of them at a time."""
    p.rows = rows
    with nogil:
        run_tasks(
            task, p, (p.N * p.OH + rows - 1) // rows,
            team_size(p.N * p.OH * cells_of_row(p), threads),
        )


cdef Py_ssize_t cells_of_row(const Pool* p) noexcept nogil:
    return p.OW * p.C * p.pool_height * p.pool_width


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
    cdef Pool p = describe("max_pool2d_forward", x.shape, y.shape, pool_height, pool_width,
                           stride_height, stride_width, pad_top, pad_left)
    check_winner("max_pool2d_forward", winner.shape, y.shape)
    if p.N * p.OH * p.OW * p.C == 0:
        return
    p.image, p.pooled = <void*>&x[0, 0, 0, 0], <void*>&y[0, 0, 0, 0]
    p.winner = <int*>&winner[0, 0, 0, 0]
    run_rows(max_pool_forward_task(sizeof(floating)), &p, max(1, CHUNK // cells_of_row(&p)), threads)


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
    cdef Pool p = describe("max_pool2d_backward", gx.shape, gy.shape, pool_height, pool_width,
                           stride_height, stride_width, pad_top, pad_left)
    check_winner("max_pool2d_backward", winner.shape, gy.shape)
    if p.N * p.OH * p.OW * p.C == 0:
        gx[...] = 0
        return
    p.image, p.pooled = <void*>&gx[0, 0, 0, 0], <void*>&gy[0, 0, 0, 0]
    p.winner = <int*>&winner[0, 0, 0, 0]
    run_rows(max_pool_backward_task(sizeof(floating)), &p, p.OH, threads)


def avg_pool2d_forward(
    const floating[:, :, :, ::1] x,  # IN (N, H, W, C)
    floating[:, :, :, ::1] y,        # OUT (N, OH, OW, C)
    int pool_height, int pool_width, int stride_height, int stride_width,
    int pad_top, int pad_left, int threads,
):
    """Take the mean of each window: y = sum of its cells inside the image / their number."""
    cdef Pool p = describe("avg_pool2d_forward", x.shape, y.shape, pool_height, pool_width,
                           stride_height, stride_width, pad_top, pad_left)
    if p.N * p.OH * p.OW * p.C == 0:
        return
    p.image, p.pooled = <void*>&x[0, 0, 0, 0], <void*>&y[0, 0, 0, 0]
    run_rows(avg_pool_forward_task(sizeof(floating)), &p, max(1, CHUNK // cells_of_row(&p)), threads)


def avg_pool2d_backward(
    const floating[:, :, :, ::1] gy,  # IN (N, OH, OW, C)
    floating[:, :, :, ::1] gx,        # OUT (N, H, W, C)
    int pool_height, int pool_width, int stride_height, int stride_width,
    int pad_top, int pad_left, int threads,
):
    """Share each window's gradient among its cells inside the image: gx[cell] += gy / number."""
    cdef Pool p = describe("avg_pool2d_backward", gx.shape, gy.shape, pool_height, pool_width,
                           stride_height, stride_width, pad_top, pad_left)
    if p.N * p.OH * p.OW * p.C == 0:
        gx[...] = 0
        return
    p.image, p.pooled = <void*>&gx[0, 0, 0, 0], <void*>&gy[0, 0, 0, 0]
    run_rows(avg_pool_backward_task(sizeof(floating)), &p, p.OH, threads)
