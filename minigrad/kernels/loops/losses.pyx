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
from minigrad.kernels.runtime.threads cimport CHUNK, DoubleLoop, FloatLoop, run_loop

ctypedef const void* Input
ctypedef void* Output

cdef struct Rows:
    Py_ssize_t N, K
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


cdef void run(Rows* r, FloatLoop of_float, DoubleLoop of_double, int threads) noexcept:
    if r.N * r.K > 0:
        run_loop(of_float, of_double, r.is_float, r, r.p, r.N, max(1, CHUNK // r.K), r.N * r.K,
                 threads)


def softmax(
    const floating[:, ::1] x,          # IN (N, K)
    floating[:, ::1] y,                # OUT (N, K)
    int threads,
):
    """Compute y = exp(x) / sum of exp(x), row by row, as softmax_cross_entropy_forward does."""
    cdef const int64_t[::1] no_labels = None
    cdef Rows r = describe("softmax", x, y, no_labels, y)  # and no losses
    run(&r, forward_rows[float], forward_rows[double], threads)


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
    run(&r, forward_rows[float], forward_rows[double], threads)


cdef void forward_rows(void* rows, floating* p, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Compute p = softmax(z), and the loss from log p = (z - largest) - log total."""
    cdef Rows* r = <Rows*>rows
    cdef Py_ssize_t K = r.K, n, k
    cdef const floating* z = <const floating*>r.z
    cdef floating largest, scale
    cdef double total
    for n in range(begin, end):
        largest = largest_of(z + n * K, K)
        for k in range(n * K, n * K + K):
            p[k] = fast_exp(z[k] - largest)
        total = sum_of(p + n * K, K)
        scale = <floating>(1 / total)
        for k in range(n * K, n * K + K):
            p[k] *= scale
        if r.losses is not NULL:
            (<floating*>r.losses)[n] = loss_of(r, n, z + n * K, largest, log(total))


cdef inline floating loss_of(
    Rows* r, Py_ssize_t n, const floating* z, double largest, double log_total
) noexcept nogil:
    """Return -sum over k of t log p = sum of t (log total - (z - largest)) for one row z."""
    cdef const floating* t = <const floating*>r.t + n * r.K
    cdef double loss = 0
    if r.labels is not NULL:
        return <floating>(log_total - (z[r.labels[n]] - largest))
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
    run(&r, losses_rows[float], losses_rows[double], threads)


cdef void losses_rows(void* rows, floating* p, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Rows* r = <Rows*>rows
    cdef const floating* z = <const floating*>r.z + begin * r.K
    cdef Py_ssize_t n, k, c
    cdef double others
    p += begin * r.K
    for n in range(begin, end):
        c, others = 0, 0
        for k in range(1, r.K):
            c = k if p[k] > p[c] else c
        for k in range(r.K):
            others += p[k] if k != c else 0
        (<floating*>r.losses)[n] = loss_of(r, n, z, z[c], log1p(others / p[c]))
        z += r.K
        p += r.K


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
    run(&r, backward_rows[float], backward_rows[double], threads)


cdef void backward_rows(void* rows, floating* p, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Rows* r = <Rows*>rows
    cdef Py_ssize_t K = r.K, n, k, label
    cdef const floating* t = <const floating*>r.t
    cdef const floating* gy = <const floating*>r.gy
    cdef floating* gz = <floating*>r.gz
    cdef floating weight
    for n in range(begin, end):
        if r.labels is not NULL:
            for k in range(n * K, n * K + K):
                gz[k] = gy[n] * p[k]
            label = n * K + r.labels[n]
            gz[label] = gy[n] * (p[label] - <floating>1)
        else:
            weight = 0
            for k in range(n * K, n * K + K):
                weight += t[k]
            for k in range(n * K, n * K + K):
                gz[k] = gy[n] * (p[k] * weight - t[k])
