"""Maximum and mean over windows of images that are laid out (N, H, W, C).

Channels are innermost in memory, so the innermost loop always runs over them: it reads and
writes contiguous cells and vectorizes. Windows are clipped to the image, so padding is never
read: it never wins a maximum and never counts in a mean. Forward threads share the rows of the
output; backward threads share the images, because overlapping windows add into the same cells.
The loops are in pooling_template.h; here is what each of them is given.
"""

from cython cimport floating
from libc.string cimport memset

from minigrad.kernels._parallel cimport CHUNK, Choice, Task, run_tasks, team_size

cdef extern from "pooling.h" nogil:
    ctypedef struct Pool:
        Py_ssize_t N, H, W, C, OH, OW
        int pool_height, pool_width, stride_height, stride_width, pad_top, pad_left
        void* image
        void* pooled
        int* winner
        Py_ssize_t rows
        bint clear

    Choice max_pool_forward_task, max_pool_backward_task
    Choice avg_pool_forward_task, avg_pool_backward_task


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
    str kernel, const floating[:, :, :, ::1] x, const floating[:, :, :, ::1] y,
    int pool_height, int pool_width, int stride_height, int stride_width, int pad_top,
    int pad_left, const int[:, :, :, ::1] winner=None,
) except *:
    """Collect images, what is pooled from them and the windows; ValueError unless they fit."""
    if x.shape[0] != y.shape[0] or x.shape[3] != y.shape[3]:
        raise ValueError(
            f"{kernel}: expected {x.shape[0]} images of {x.shape[3]} channels among the pooled, "
            f"got {y.shape[0]} of {y.shape[3]}"
        )
    check_axis(kernel, "height", x.shape[1], y.shape[1], pool_height, stride_height, pad_top)
    check_axis(kernel, "width", x.shape[2], y.shape[2], pool_width, stride_width, pad_left)
    cdef Pool p
    memset(&p, 0, sizeof(Pool))
    p.N, p.H, p.W, p.C = x.shape[0], x.shape[1], x.shape[2], x.shape[3]
    p.OH, p.OW, p.pool_height, p.pool_width = y.shape[1], y.shape[2], pool_height, pool_width
    p.stride_height, p.stride_width = stride_height, stride_width
    p.pad_top, p.pad_left = pad_top, pad_left
    if p.N * p.H * p.W * p.C > 0:
        p.image = <void*>&x[0, 0, 0, 0]
    for axis in range(4 if winner is not None else 0):
        if winner.shape[axis] != y.shape[axis]:
            raise ValueError(
                f"{kernel}: expected {y.shape[axis]} winners on axis {axis}, got "
                f"{winner.shape[axis]}"
            )
    if p.N * p.OH * p.OW * p.C > 0:
        p.pooled = <void*>&y[0, 0, 0, 0]
        p.winner = NULL if winner is None else <int*>&winner[0, 0, 0, 0]
    return p


cdef void run(Task task, Pool* p, bint backward, int threads) noexcept:
    """Run a task on every image, or forward on every few rows, of about CHUNK cells."""
    cdef Py_ssize_t cells = p.OW * p.C * p.pool_height * p.pool_width
    p.clear = backward and p.image is not NULL
    p.rows = p.OH if backward else max(1, CHUNK // max(1, cells))
    cdef Py_ssize_t tasks = p.N if backward else (p.N * p.OH + p.rows - 1) // p.rows
    with nogil:
        run_tasks(task, p, tasks, team_size(p.N * p.OH * cells, threads))


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
    cdef Pool p = describe("max_pool2d_forward", x, y, pool_height, pool_width,
                           stride_height, stride_width, pad_top, pad_left, winner)
    run(max_pool_forward_task(sizeof(floating)), &p, False, threads)


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
    cdef Pool p = describe("max_pool2d_backward", gx, gy, pool_height, pool_width,
                           stride_height, stride_width, pad_top, pad_left, winner)
    run(max_pool_backward_task(sizeof(floating)), &p, True, threads)


def avg_pool2d_forward(
    const floating[:, :, :, ::1] x,  # IN (N, H, W, C)
    floating[:, :, :, ::1] y,        # OUT (N, OH, OW, C)
    int pool_height, int pool_width, int stride_height, int stride_width,
    int pad_top, int pad_left, int threads,
):
    """Take the mean of each window: y = sum of its cells inside the image / their number."""
    cdef Pool p = describe("avg_pool2d_forward", x, y, pool_height, pool_width,
                           stride_height, stride_width, pad_top, pad_left)
    run(avg_pool_forward_task(sizeof(floating)), &p, False, threads)


def avg_pool2d_backward(
    const floating[:, :, :, ::1] gy,  # IN (N, OH, OW, C)
    floating[:, :, :, ::1] gx,        # OUT (N, H, W, C)
    int pool_height, int pool_width, int stride_height, int stride_width,
    int pad_top, int pad_left, int threads,
):
    """Share each window's gradient among its cells inside the image: gx[cell] += gy / number."""
    cdef Pool p = describe("avg_pool2d_backward", gx, gy, pool_height, pool_width,
                           stride_height, stride_width, pad_top, pad_left)
    run(avg_pool_backward_task(sizeof(floating)), &p, True, threads)
