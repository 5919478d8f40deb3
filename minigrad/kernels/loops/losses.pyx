"""Softmax, and softmax fused with the cross-entropy, row by row.

The fused form starts at the logits z. With m the largest of a row,

    log p[k] = (z[k] - m) - log sum over j of exp(z[j] - m)

so no exp overflows, and the loss of a confident prediction, where p[k] rounds to 1 or to 0, is still
exact. The sums are double for float32 too: such a loss is a small difference of large numbers.
"""

from cython cimport floating
from libc.math cimport log, log1p
from libc.stdint cimport int64_t
from libc.string cimport memset

from minigrad.kernels.loops.functions cimport fast_exp, largest_of, sum_of
from minigrad.kernels.runtime.threads cimport CHUNK, Task, run_tasks, team_size

ctypedef const void* Input
ctypedef void* Output

cdef struct Rows:
    Py_ssize_t N, K
    Py_ssize_t rows  # of a task: about CHUNK elements
    bint is_float
    const int64_t* labels  # (N,), or NULL: targets
    Input z, t, gy  # logits (N, K), targets (N, K), upstream gradients (N,)
    Output losses, p, gz  # losses (N,) or NULL, probabilities (N, K), gradients of z (N, K)


cdef int check_length(str kernel, str name, Py_ssize_t length, Py_ssize_t expected) except -1:
    if length != expected:
        raise ValueError(f"{kernel}: expected {name} of length {expected}, got {length}")


cdef int check_shape(str kernel, str name, Py_ssize_t* shape, Py_ssize_t* expected) except -1:
    if shape[0] != expected[0] or shape[1] != expected[1]:
        raise ValueError(
            f"{kernel}: expected {name} of shape {(expected[0], expected[1])}, "
            f"got {(shape[0], shape[1])}"
        )


cdef Rows describe(
    str kernel, const floating[:, ::1] z, const floating[:, ::1] t, const int64_t[::1] labels,
    const floating[:, ::1] p,
) except *:
    """Collect logits or their gradients, targets and probabilities; ValueError unless they fit."""
    cdef Rows r
    memset(&r, 0, sizeof(Rows))
    r.N, r.K = z.shape[0], z.shape[1]
    r.rows = max(1, CHUNK // max(1, r.K))
    r.is_float = floating is float
    check_shape(kernel, "probabilities", p.shape, z.shape)
    if (labels is None) == (t is None):
        raise ValueError(f"{kernel}: expected either targets or labels")
    if labels is None:
        check_shape(kernel, "targets", t.shape, z.shape)
    else:
        check_length(kernel, "labels", labels.shape[0], r.N)
        for n in range(r.N):
            if not 0 <= labels[n] < r.K:
                raise ValueError(f"{kernel}: expected labels from 0 to {r.K - 1}, got {labels[n]}")
    if r.N * r.K > 0:
        r.z, r.p = &z[0, 0], <void*>&p[0, 0]
        if labels is None:
            r.t = &t[0, 0]
        else:
            r.labels = &labels[0]
    return r


cdef int check_losses(str kernel, floating[::1] losses, Rows* r) except -1:
    check_length(kernel, "losses", losses.shape[0], r.N)
    if r.K == 0:
        raise ValueError(f"{kernel}: expected at least one class, got 0")
    r.losses = &losses[0] if r.N > 0 else NULL


cdef void run(Task task, Rows* r, int threads) noexcept:
    if r.N * r.K > 0:
        with nogil:
            run_tasks(task, r, (r.N + r.rows - 1) // r.rows, team_size(r.N * r.K, threads))


def softmax(
    const floating[:, ::1] x,          # IN (N, K)
    floating[:, ::1] y,                # OUT (N, K)
    int threads,
):
    """Compute y = exp(x) / sum of exp(x), row by row, as softmax_cross_entropy_forward does."""
    cdef const int64_t[::1] no_labels = None
    cdef Rows r = describe("softmax", x, y, no_labels, y)  # and no losses
    run(forward_task, &r, threads)


def softmax_cross_entropy_forward(
    const floating[:, ::1] logits,     # IN (N, K)
    const floating[:, ::1] targets,    # IN (N, K), probabilities, or None
    const int64_t[::1] labels,         # IN (N,), instead of targets, or None
    floating[::1] losses,              # OUT (N,)
    floating[:, ::1] probabilities,    # OUT (N, K)
    int threads,
):
    """Compute p = softmax(logits) and losses = -sum over k of targets * log p, row by row.

    The targets of a row need not sum to 1; a label is a target of 1, the others being 0.
    """
    cdef Rows r = describe("softmax_cross_entropy_forward", logits, targets, labels, probabilities)
    check_losses("softmax_cross_entropy_forward", losses, &r)
    run(forward_task, &r, threads)


cdef void forward_task(void* arguments, Py_ssize_t index, int worker) noexcept nogil:
    cdef Rows* r = <Rows*>arguments
    for n in range(index * r.rows, min((index + 1) * r.rows, r.N)):
        if r.is_float:
            forward_row(r, n, <const float*>r.z, <const float*>r.t, <float*>r.p, <float*>r.losses)
        else:
            forward_row(
                r, n, <const double*>r.z, <const double*>r.t, <double*>r.p, <double*>r.losses
            )


cdef inline void forward_row(
    Rows* r, Py_ssize_t n, const floating* z, const floating* t, floating* p, floating* losses
) noexcept nogil:
    """Compute p = softmax(z), and the loss from log p = (z - largest) - log total."""
    cdef Py_ssize_t K = r.K, k
    cdef floating largest, scale
    cdef double total
    z += n * K
    p += n * K
    largest = largest_of(z, K)
    for k in range(K):
        p[k] = fast_exp(z[k] - largest)
    total = sum_of(p, K)
    scale = <floating>(1 / total)
    for k in range(K):
        p[k] *= scale
    if losses is not NULL:
        losses[n] = loss_of(r, n, z, t, largest, log(total))


cdef inline floating loss_of(
    Rows* r, Py_ssize_t n, const floating* z, const floating* t, double largest, double log_total
) noexcept nogil:
    """Return -sum over k of t log p = sum of t (log total - (z - largest)) for one row z."""
    cdef double loss = 0
    if r.labels is not NULL:
        return <floating>(log_total - (z[r.labels[n]] - largest))
    t += n * r.K
    for k in range(r.K):
        if t[k] != 0:  # 0 * log 0 counts as 0
            loss += t[k] * (log_total - (z[k] - largest))
    return <floating>loss


def softmax_cross_entropy_losses(
    const floating[:, ::1] logits,         # IN (N, K)
    const floating[:, ::1] targets,        # IN (N, K), or None
    const int64_t[::1] labels,             # IN (N,), or None
    floating[::1] losses,                  # OUT (N,)
    const floating[:, ::1] probabilities,  # IN (N, K), softmax of the logits
    int threads,
):
    """Compute the losses of softmax_cross_entropy_forward where the softmax p is known.

    With c the most probable class and s the sum of p[j] / p[c] over all other classes j,
    log p[k] = (z[k] - z[c]) - log(1 + s). That is exact also where p[c] rounds to 1 or p[k] to 0.
    """
    cdef Rows r = describe("softmax_cross_entropy_losses", logits, targets, labels, probabilities)
    check_losses("softmax_cross_entropy_losses", losses, &r)
    run(losses_task, &r, threads)


cdef void losses_task(void* arguments, Py_ssize_t index, int worker) noexcept nogil:
    cdef Rows* r = <Rows*>arguments
    for n in range(index * r.rows, min((index + 1) * r.rows, r.N)):
        if r.is_float:
            loss_row(r, n, <const float*>r.z, <const float*>r.t, <float*>r.p, <float*>r.losses)
        else:
            loss_row(r, n, <const double*>r.z, <const double*>r.t, <double*>r.p, <double*>r.losses)


cdef inline void loss_row(
    Rows* r, Py_ssize_t n, const floating* z, const floating* t, floating* p, floating* losses
) noexcept nogil:
    cdef Py_ssize_t c = 0, k
    cdef double others = 0
    z += n * r.K
    p += n * r.K
    for k in range(1, r.K):
        c = k if p[k] > p[c] else c
    for k in range(r.K):
        if k != c:
            others += p[k]
    losses[n] = loss_of(r, n, z, t, z[c], log1p(others / p[c]))


def softmax_cross_entropy_backward(
    const floating[:, ::1] probabilities,  # IN (N, K), softmax of the logits
    const floating[:, ::1] targets,        # IN (N, K), or None
    const int64_t[::1] labels,             # IN (N,), or None
    const floating[::1] gy,                # IN (N,), gradients of the losses
    floating[:, ::1] gz,                   # OUT (N, K), gradients of the logits
    int threads,
):
    """Compute gz = gy * (p * sum of the row's targets - targets)."""
    cdef Rows r = describe("softmax_cross_entropy_backward", gz, targets, labels, probabilities)
    check_length("softmax_cross_entropy_backward", "gy", gy.shape[0], r.N)
    r.gy, r.gz = &gy[0] if r.N > 0 else NULL, <void*>r.z
    run(backward_task, &r, threads)


cdef void backward_task(void* arguments, Py_ssize_t index, int worker) noexcept nogil:
    cdef Rows* r = <Rows*>arguments
    for n in range(index * r.rows, min((index + 1) * r.rows, r.N)):
        if r.is_float:
            backward_row(r, n, <const float*>r.p, <const float*>r.t, <const float*>r.gy,
                         <float*>r.gz)
        else:
            backward_row(r, n, <const double*>r.p, <const double*>r.t, <const double*>r.gy,
                         <double*>r.gz)


cdef inline void backward_row(
    Rows* r, Py_ssize_t n, const floating* p, const floating* t, const floating* gy, floating* gz
) noexcept nogil:
    cdef Py_ssize_t K = r.K, k
    cdef floating weight = 0
    p += n * K
    gz += n * K
    if r.labels is not NULL:
        for k in range(K):
            gz[k] = gy[n] * p[k]
        gz[r.labels[n]] = gy[n] * (p[r.labels[n]] - <floating>1)
        return
    t += n * K
    for k in range(K):
        weight += t[k]
    for k in range(K):
        gz[k] = gy[n] * (p[k] * weight - t[k])
