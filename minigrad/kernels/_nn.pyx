"""Dropout, functions of single elements, and softmax fused with cross-entropy.

The loops are in nn_template.h; here is what each of them is given.

Dropout draws no random numbers one after the other: whether element i is kept is a hash of the
seed and i, so no mask is stored, backward is the same call, and any thread can begin anywhere.
Elements are hashed in blocks. A block's 64-bit key comes from the seed and the block's number
through SplitMix64's finalizer; its two halves key two rounds of a 32-bit finalizer over the
position in the block. That leaves only 32-bit arithmetic for each element, which vectorizes.
One round is not enough: blocks whose keys share their upper bits would repeat each other.
"""

from cython cimport floating
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

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
        uint64_t key
        uint32_t last_kept
        double scale

    ctypedef struct CrossEntropy:
        Py_ssize_t N, K, rows
        const int64_t* labels
        Input z, t, gy
        Output losses, p, gz

    ctypedef struct BatchNorm:
        Py_ssize_t size, C, width, length, tasks
        double epsilon
        Input x, gy, gamma, beta
        Output y, gx, mean, variance, ggamma, gbeta, lanes

    uint64_t mix64(uint64_t key)
    Task function_task(const char* name, size_t item)
    Choice dropout_task, cross_entropy_forward_task, cross_entropy_backward_task
    Choice task_statistics_task, all_statistics_task, batch_norm_forward_task
    Choice task_sums_task, all_sums_task, batch_norm_backward_task


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
    cdef uint64_t kept = <uint64_t> ((1 - rate) * 2.0**32 + 0.5)
    if x.shape[0] == 0 or kept == 0:
        y[:] = 0
        return
    cdef Elements e
    e.size, e.x, e.z = x.shape[0], &x[0], &y[0]
    e.key, e.last_kept, e.scale = mix64(seed), <uint32_t> (kept - 1), 1 / (1 - rate)
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


cdef BatchNorm lay_out(
    str kernel, const floating[:, ::1] x, const floating[:, ::1] y, const floating[::1] gamma,
    const floating[::1] mean, const floating[::1] variance, tuple lengths, double epsilon,
) except *:
    """Cut x into lanes and tasks, and collect what both directions have; ValueError unless it fits.
    """
    cdef BatchNorm b
    memset(&b, 0, sizeof(BatchNorm))
    lengths = (gamma.shape[0], mean.shape[0], variance.shape[0], *lengths)
    if set(lengths) != {x.shape[1]}:
        raise ValueError(f"{kernel}: expected arrays of length {x.shape[1]}, got {lengths}")
    check_rows(kernel, "the result", y.shape, x.shape[0], x.shape[1])
    if x.shape[1] == 0:
        return b
    b.C, b.size, b.epsilon = x.shape[1], x.shape[0] * x.shape[1], epsilon
    b.gamma, b.mean, b.variance = &gamma[0], <Output>&mean[0], <Output>&variance[0]
    b.x = &x[0, 0] if b.size > 0 else NULL
    b.width = b.C * max(1, 128 // b.C)
    b.length = b.width * max(16, CHUNK // b.width)
    b.tasks = (b.size + b.length - 1) // b.length
    return b


cdef void run_channels(
    Task of_task, Task of_all, Task result, BatchNorm* b, size_t item, int threads
):
    """Sum up in tasks, put the sums together, and compute the result in tasks."""
    cdef _Memory memory = _Memory((4 + 3 * b.tasks) * b.width * item)
    cdef int team = team_size(b.size, threads)
    b.lanes = memory.data
    with nogil:
        run_tasks(of_task, b, b.tasks, team)
        run_tasks(of_all, b, b.C > 0, 1)
        run_tasks(result, b, b.tasks, team)


def batch_norm_forward(
    const floating[:, ::1] x,   # IN (N, C)
    const floating[::1] gamma,  # IN (C,)
    const floating[::1] beta,   # IN (C,)
    floating[:, ::1] y,         # OUT (N, C)
    floating[::1] mean,         # OUT (C,)
    floating[::1] variance,     # OUT (C,), the biased one
    double epsilon,
    int threads,
):
    """Compute y = gamma (x - mean) / sqrt(variance + epsilon) + beta, for each of C channels."""
    cdef BatchNorm b = lay_out("batch_norm_forward", x, y, gamma, mean, variance,
                               (beta.shape[0],), epsilon)
    if b.C > 0:
        b.beta = &beta[0]
        b.y = &y[0, 0] if b.size > 0 else NULL
    cdef size_t item = sizeof(floating)
    run_channels(task_statistics_task(item), all_statistics_task(item),
                 batch_norm_forward_task(item), &b, item, threads)


def batch_norm_backward(
    const floating[:, ::1] x,      # IN (N, C)
    const floating[::1] gamma,     # IN (C,)
    const floating[::1] mean,      # IN (C,), as from batch_norm_forward
    const floating[::1] variance,  # IN (C,)
    const floating[:, ::1] gy,     # IN (N, C)
    floating[:, ::1] gx,           # OUT (N, C)
    floating[::1] ggamma,          # OUT (C,)
    floating[::1] gbeta,           # OUT (C,)
    double epsilon,
    int threads,
):
    """Compute the gradients of batch_norm_forward.

    With d = sqrt(variance + epsilon) and the normalized n = (x - mean) / d, gbeta = sum of gy,
    ggamma = sum of gy n, and gx = gamma / d (gy - gbeta / N - n ggamma / N).
    """
    cdef BatchNorm b = lay_out("batch_norm_backward", x, gx, gamma, mean, variance,
                               (ggamma.shape[0], gbeta.shape[0]), epsilon)
    check_rows("batch_norm_backward", "gy", gy.shape, x.shape[0], x.shape[1])
    if b.C > 0:
        b.ggamma, b.gbeta = &ggamma[0], &gbeta[0]
    if b.size > 0:
        b.gy, b.gx = &gy[0, 0], &gx[0, 0]
    cdef size_t item = sizeof(floating)
    run_channels(task_sums_task(item), all_sums_task(item), batch_norm_backward_task(item), &b,
                 item, threads)
