"""Dropout, functions of single elements, and softmax fused with cross-entropy.

The loops are in nn_template.h; here is what each of them is given.

Dropout draws no random numbers one after the other: whether element i is kept is a hash of the
seed and i, so no mask is stored, backward is the same call, and any thread can begin anywhere.
Elements are hashed in blocks. A block's 64-bit key comes from the seed and the block's number
through SplitMix64's finalizer; its two halves go into a 32-bit finalizer over the position in the
block, at the beginning and half-way. That leaves only 32-bit arithmetic for each element, which
vectorizes. One half is not enough: blocks whose halves share the upper bits would repeat each
other.
"""

from cython cimport floating
from libc.stdint cimport int64_t
from libc.string cimport memset

from minigrad.kernels._dropout cimport Dropout, dropout_of
from minigrad.kernels._parallel cimport (
    CHUNK, Choice, Task, _Memory, run_chunks, run_tasks, team_size
)

ctypedef const void* Input
ctypedef void* Output

cdef extern from "nn.h" nogil:
    ctypedef struct Elements:
        Py_ssize_t size
        Input x, y
        Output z
        double alpha
        Dropout dropout

    ctypedef struct CrossEntropy:
        Py_ssize_t N, K, rows
        const int64_t* labels
        Input z, t, gy
        Output losses, p, gz

    ctypedef struct Channels:
        Py_ssize_t size, C, width, length
        Input x, y
        Output z, lanes

    Task function_task(const char* name, size_t item)
    Choice dropout_task, cross_entropy_forward_task, cross_entropy_backward_task
    Choice channel_sums_task, channel_affine_task


cdef int check_length(str kernel, str name, Py_ssize_t length, Py_ssize_t expected) except -1:
    if length != expected:
        raise ValueError(f"{kernel}: expected {name} of length {expected}, got {length}")


def dropout(
    const floating[::1] x,  # IN (size,)
    floating[::1] y,        # OUT (size,), may be x
    double rate,
    unsigned long long seed,
    int threads,
):
    """Drop each element with probability ``rate``: y = x / (1 - rate) where kept, 0 elsewhere.

    Element i is kept where its 32 random bits are below round((1 - rate) * 2**32).
    """
    check_length("dropout", "y", y.shape[0], x.shape[0])
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: expected a rate from 0 to 1, got {rate}")
    if x.shape[0] == 0 or rate == 1:
        y[:] = 0
        return
    cdef Elements e
    e.size, e.x, e.z, e.dropout = x.shape[0], &x[0], &y[0], dropout_of(rate, seed)
    run_chunks(dropout_task(sizeof(floating)), &e, e.size, threads)


def elementwise(
    str function,
    const floating[::1] x,  # IN (size,)
    const floating[::1] y,  # IN (size,), or None
    floating[::1] z,        # OUT (size,), may be x or y
    double alpha,
    int threads,
):
    """Compute z = function(x) or z = function(x, y), one of the FUNCTIONS in nn.h.

    Some have a constant, alpha.
    """
    check_length(function, "z", z.shape[0], x.shape[0])
    check_length(function, "y", x.shape[0] if y is None else y.shape[0], x.shape[0])
    cdef Task task = function_task(function.encode(), sizeof(floating))
    if task is NULL:
        raise ValueError(f"elementwise: expected one of the FUNCTIONS in nn.h, got {function!r}")
    cdef Elements e
    if x.shape[0] > 0:
        e.size, e.x, e.z, e.alpha = x.shape[0], &x[0], &z[0], alpha
        e.y = e.x if y is None else &y[0]
        run_chunks(task, &e, e.size, threads)


cdef int check_rows(
    str kernel, str name, Py_ssize_t* shape, Py_ssize_t rows, Py_ssize_t columns
) except -1:
    if shape[0] != rows or shape[1] != columns:
        raise ValueError(
            f"{kernel}: expected {name} of shape {(rows, columns)}, got {(shape[0], shape[1])}"
        )


cdef CrossEntropy describe(
    str kernel, const floating[:, ::1] z, const floating[:, ::1] t, const int64_t[::1] labels,
    const floating[:, ::1] p,
) except *:
    """Collect logits or their gradients, targets and probabilities; ValueError unless they fit."""
    cdef CrossEntropy c
    memset(&c, 0, sizeof(CrossEntropy))
    c.N, c.K = z.shape[0], z.shape[1]
    c.rows = max(1, CHUNK // max(1, c.K))  # about CHUNK elements in a task
    check_rows(kernel, "probabilities", p.shape, c.N, c.K)
    if (labels is None) == (t is None):
        raise ValueError(f"{kernel}: expected either targets or labels")
    if labels is None:
        check_rows(kernel, "targets", t.shape, c.N, c.K)
    else:
        check_length(kernel, "labels", labels.shape[0], c.N)
        for n in range(c.N):
            if not 0 <= labels[n] < c.K:
                raise ValueError(f"{kernel}: expected labels from 0 to {c.K - 1}, got {labels[n]}")
    if c.N * c.K > 0:
        c.z, c.p = &z[0, 0], <void*>&p[0, 0]
        c.t = c.p  # something to point to, if there are labels instead
        if labels is None:
            c.t = &t[0, 0]
        else:
            c.labels = &labels[0]
    return c


cdef void run(Task task, CrossEntropy* c, int threads) noexcept:
    if c.N * c.K > 0:
        with nogil:
            run_tasks(task, c, (c.N + c.rows - 1) // c.rows, team_size(c.N * c.K, threads))


def softmax(
    const floating[:, ::1] x,          # IN (N, K)
    floating[:, ::1] y,                # OUT (N, K)
    int threads,
):
    """Compute y = exp(x) / sum of exp(x), row by row, as softmax_cross_entropy_forward does."""
    cdef const int64_t[::1] no_labels = None
    cdef CrossEntropy c = describe("softmax", x, y, no_labels, y)  # and no losses
    run(cross_entropy_forward_task(sizeof(floating)), &c, threads)


def softmax_cross_entropy_forward(
    const floating[:, ::1] logits,     # IN (N, K)
    const floating[:, ::1] targets,    # IN (N, K), probabilities, or None
    const int64_t[::1] labels,         # IN (N,), instead of targets, or None
    floating[::1] losses,              # OUT (N,)
    floating[:, ::1] probabilities,    # OUT (N, K)
    int threads,
):
    """Compute p = softmax(logits) and losses = -sum over k of targets * log p, row by row.

    With m the largest logit of a row, log p = logits - m - log sum exp(logits - m): no exp
    overflows. The targets of a row need not sum to 1; a label is a target of 1, the others 0.
    """
    cdef CrossEntropy c = describe("softmax_cross_entropy_forward", logits, targets, labels,
                                   probabilities)
    check_length("softmax_cross_entropy_forward", "losses", losses.shape[0], c.N)
    if c.K == 0:
        raise ValueError("softmax_cross_entropy_forward: expected at least one class, got 0")
    c.losses = &losses[0] if c.N > 0 else NULL
    run(cross_entropy_forward_task(sizeof(floating)), &c, threads)


def softmax_cross_entropy_backward(
    const floating[:, ::1] probabilities,  # IN (N, K), softmax of the logits
    const floating[:, ::1] targets,        # IN (N, K), or None
    const int64_t[::1] labels,             # IN (N,), or None
    const floating[::1] gy,                # IN (N,), gradients of the losses
    floating[:, ::1] gz,                   # OUT (N, K), gradients of the logits
    int threads,
):
    """Compute gz = gy * (p * sum of the row's targets - targets)."""
    cdef CrossEntropy c = describe("softmax_cross_entropy_backward", gz, targets, labels,
                                   probabilities)
    check_length("softmax_cross_entropy_backward", "gy", gy.shape[0], c.N)
    c.gy, c.gz = &gy[0] if c.N > 0 else NULL, <void*>c.z
    run(cross_entropy_backward_task(sizeof(floating)), &c, threads)


cdef Channels lay_out(
    str kernel, const floating[:, ::1] x, const floating[:, ::1] y,
    const floating[:, ::1] constants, Py_ssize_t expected,
) except *:
    """Cut rows of channels into lanes and tasks."""
    cdef Channels c
    memset(&c, 0, sizeof(Channels))
    check_rows(kernel, "y", y.shape, x.shape[0], x.shape[1])
    check_rows(kernel, "constants", constants.shape, expected, x.shape[1])
    if x.shape[0] * x.shape[1] > 0:
        c.size, c.C, c.x, c.y = x.shape[0] * x.shape[1], x.shape[1], &x[0, 0], &y[0, 0]
        c.width = c.C * max(1, 128 // c.C)
        c.length = c.width * max(16, CHUNK // c.width)
    return c


cdef void run_lanes(
    Task task, Channels* c, Py_ssize_t tasks, const floating[:, ::1] constants, int threads
):
    """Run the tasks, with the channels' constants repeated for each lane."""
    cdef _Memory memory = _Memory(constants.shape[0] * c.width * sizeof(floating))
    cdef floating* lane = <floating*>memory.data
    cdef Py_ssize_t k, j
    for k in range(constants.shape[0]):
        for j in range(c.width):
            lane[k * c.width + j] = constants[k, j % c.C]
    c.lanes = lane
    with nogil:
        run_tasks(task, c, tasks, team_size(c.size, threads))


def channel_sums(
    const floating[:, ::1] x,        # IN (N, C)
    const floating[:, ::1] y,        # IN (N, C)
    const floating[:, ::1] centers,  # IN (2, C): a, b
    floating[:, ::1] sums,           # OUT (2, C)
    int threads,
):
    """Add up y - b, and (x - a) (y - b), in each of C channels.

    Every task adds its rows up, and then the tasks' sums are added in their order.
    """
    cdef Channels c = lay_out("channel_sums", x, y, centers, 2)
    check_rows("channel_sums", "sums", sums.shape, 2, x.shape[1])
    cdef Py_ssize_t tasks = (c.size + c.length - 1) // c.length if c.size > 0 else 0
    cdef _Memory memory = _Memory(tasks * 2 * c.width * sizeof(floating))
    cdef floating* partial = <floating*>memory.data
    cdef Py_ssize_t k, j, task
    cdef double total
    c.z = partial
    run_lanes(channel_sums_task(sizeof(floating)), &c, tasks, centers, threads)
    for k in range(2):
        for j in range(x.shape[1]):
            total = 0
            for task in range(tasks):
                total += partial[(2 * task + k) * c.width + j]
            sums[k, j] = <floating>total


def channel_affine(
    const floating[:, ::1] x,      # IN (N, C)
    const floating[:, ::1] y,      # IN (N, C)
    const floating[:, ::1] terms,  # IN (4, C): a, scale, weight, shift
    floating[:, ::1] z,            # OUT (N, C)
    int threads,
):
    """Compute z = scale (x - a) + weight y + shift in each of C channels."""
    cdef Channels c = lay_out("channel_affine", x, y, terms, 4)
    check_rows("channel_affine", "z", z.shape, x.shape[0], x.shape[1])
    if c.size > 0:
        c.z = &z[0, 0]
        run_lanes(channel_affine_task(sizeof(floating)), &c, (c.size + c.length - 1) // c.length,
                  terms, threads)
