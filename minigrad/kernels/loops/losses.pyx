"""Softmax, and softmax fused with the cross-entropy, row by row.

The cross-entropy starts at the logits z. With m the largest of a row,

    log p[k] = (z[k] - m) - log total,      total = sum over j of exp(z[j] - m)

so no exp overflows, and the loss of a confident prediction, where p[k] rounds to 1 or to 0, is
still exact. Sums are double for float32 too: such a loss is a small difference of large numbers.

Arrays of all kernels: logits, probabilities and targets (N, K); losses and gy, the upstream
gradient, (N,); labels (N,) of int64 from 0 to K - 1. Of targets and labels one is None. A label is
a target of 1, the others being 0; the targets of a row need not sum to 1.
"""

from cython cimport floating
from libc.math cimport INFINITY, log, log1p
from libc.stdint cimport int64_t
from libc.string cimport memset

from minigrad.kernels.loops.functions cimport fast_exp, largest_of, sum_of
from minigrad.kernels.runtime.arrays cimport check_apart, check_array, float_kind
from minigrad.kernels.runtime.numpy cimport (
    NPY_FLOAT, NPY_INT64, PyArray_DIM, PyArray_NDIM, import_array, ndarray
)
from minigrad.kernels.runtime.threads cimport CHUNK, DoubleLoop, FloatLoop, run_loop

import_array()

ctypedef void* Array

cdef struct Rows:
    Py_ssize_t N, K
    int kind
    int64_t* labels  # NULL: targets t
    Array z, t, p, losses, gy  # NULL if the kernel has no such array


cdef Rows rows_of(str kernel, ndarray x) except *:
    cdef Rows r = Rows(0, 0, float_kind(kernel, x), NULL, NULL, NULL, NULL, NULL, NULL)
    if PyArray_NDIM(x) == 2:
        r.N, r.K = PyArray_DIM(x, 0), PyArray_DIM(x, 1)
    return r


cdef int add_targets(str kernel, Rows* r, ndarray targets, ndarray labels) except -1:
    cdef Py_ssize_t n
    if (labels is None) == (targets is None):
        raise ValueError(f"{kernel}: expected either targets or labels")
    if r.K == 0 and r.losses is not NULL:
        raise ValueError(f"{kernel}: expected at least one class, got 0")
    r.t = check_array(kernel, "targets", targets, r.kind, (r.N, r.K), False)
    r.labels = <int64_t*>check_array(kernel, "labels", labels, NPY_INT64, (r.N,), False)
    for n in range(0 if labels is None else r.N):
        if not 0 <= r.labels[n] < r.K:
            raise ValueError(f"{kernel}: expected labels from 0 to {r.K - 1}, got {r.labels[n]}")


cdef Rows describe(
    str kernel, ndarray logits, ndarray targets, ndarray labels, ndarray losses, ndarray p,
    bint p_written,
) except *:
    cdef Rows r = rows_of(kernel, logits)
    r.z = check_array(kernel, "logits", logits, r.kind, (r.N, r.K), False)
    r.p = check_array(kernel, "probabilities", p, r.kind, (r.N, r.K), p_written)
    r.losses = check_array(kernel, "losses", losses, r.kind, (r.N,), True)
    add_targets(kernel, &r, targets, labels)
    check_apart(kernel, losses, logits, p, targets, labels)
    if p_written:
        check_apart(kernel, p, logits, targets, labels)
    return r


cdef void run(
    Rows* r, Array data, FloatLoop of_float, DoubleLoop of_double, int threads
) noexcept:
    run_loop(of_float, of_double, r.kind == NPY_FLOAT, r, data, r.N,
             max(1, CHUNK // max(1, r.K)), r.N * r.K, threads)


def softmax(ndarray x not None, ndarray y not None, int threads):
    """Compute y = exp(x) / sum of exp(x), row by row, as softmax_cross_entropy_forward does.

    IN x (N, K); OUT y (N, K)
    """
    cdef Rows r = rows_of("softmax", x)
    r.z = check_array("softmax", "x", x, r.kind, (r.N, r.K), False)
    cdef Array data = check_array("softmax", "y", y, r.kind, (r.N, r.K), True)
    check_apart("softmax", y, x)
    run(&r, data, softmax_rows[float], softmax_rows[double], threads)


def softmax_cross_entropy_forward(
    ndarray logits not None, ndarray targets, ndarray labels, ndarray losses not None,
    ndarray probabilities not None, int threads,
):
    """Compute p = softmax(logits) and losses = -sum over k of targets * log p, row by row.

    IN logits, targets, labels; OUT losses, probabilities
    """
    cdef Rows r = describe("softmax_cross_entropy_forward", logits, targets, labels, losses,
                           probabilities, True)
    run(&r, r.p, softmax_rows[float], softmax_rows[double], threads)


cdef void softmax_rows(void* rows, floating* p, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Compute p = softmax(z), and the losses, if there are any, from log p = z - m - log total."""
    cdef Rows* r = <Rows*>rows
    cdef Py_ssize_t K = r.K, n, k
    cdef const floating* z = <const floating*>r.z
    cdef floating largest, scale
    cdef double total
    for n in range(begin, end):
        largest = largest_of(z + n * K, K)
        for k in range(n * K, n * K + K):
            p[k] = fast_exp(0 if z[k] == INFINITY else z[k] - largest)  # at infinity the limit
        total = sum_of(p + n * K, K)
        scale = <floating>(1 / total)
        for k in range(n * K, n * K + K):
            p[k] *= scale
        if r.losses is not NULL:
            (<floating*>r.losses)[n] = loss_of(r, n, z + n * K, largest, log(total))


cdef inline floating loss_of(
    Rows* r, Py_ssize_t n, const floating* z, double m, double log_total
) noexcept nogil:
    """Return the sum over k of t (log total - (z - m)) for one row z."""
    cdef const floating* t = <const floating*>r.t + n * r.K
    cdef double loss = 0
    if r.labels is not NULL:
        return <floating>(log_total - below(z[r.labels[n]], m))
    for k in range(r.K):
        if t[k] != 0:  # 0 * log 0 counts as 0
            loss += t[k] * (log_total - below(z[k], m))
    return <floating>loss


cdef inline double below(double z, double m) noexcept nogil:
    """Return z - m; at infinity 0, the limit."""
    return 0 if z == INFINITY else z - m


def softmax_cross_entropy_losses(
    ndarray logits not None, ndarray targets, ndarray labels, ndarray losses not None,
    ndarray probabilities not None, int threads,
):
    """Compute the losses of softmax_cross_entropy_forward where the softmax p is known.

    IN logits, targets, labels, probabilities; OUT losses

    With c the most probable class, m = z[c] and log total = log(1 + s), where s is the sum of
    p[j] / p[c] over all other classes j. This is exact where p[c] rounds to 1 or p[k] to 0.
    """
    cdef Rows r = describe("softmax_cross_entropy_losses", logits, targets, labels, losses,
                           probabilities, False)
    run(&r, r.losses, losses_rows[float], losses_rows[double], threads)


cdef void losses_rows(
    void* rows, floating* losses, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    cdef Rows* r = <Rows*>rows
    cdef const floating* z = <const floating*>r.z + begin * r.K
    cdef const floating* p = <const floating*>r.p + begin * r.K
    cdef Py_ssize_t n, c
    cdef floating largest
    cdef double others
    for n in range(begin, end):
        largest = largest_of(p, r.K)
        c = 0
        while c < r.K - 1 and p[c] != largest:
            c += 1
        others = sum_of(p, c) + sum_of(p + c + 1, r.K - c - 1)
        losses[n] = loss_of(r, n, z, z[c], log1p(others / p[c]))
        z += r.K
        p += r.K


def softmax_cross_entropy_backward(
    ndarray probabilities not None, ndarray targets, ndarray labels, ndarray gy not None,
    ndarray gz not None, int threads,
):
    """Compute gz = gy * (p * sum of the row's targets - targets), the gradient of the logits.

    Where gy is 0, gz is, even if p is NaN.

    IN probabilities, targets, labels, gy; OUT gz (N, K)
    """
    cdef str kernel = "softmax_cross_entropy_backward"
    cdef Rows r = rows_of(kernel, probabilities)
    r.p = check_array(kernel, "probabilities", probabilities, r.kind, (r.N, r.K), False)
    r.gy = check_array(kernel, "gy", gy, r.kind, (r.N,), False)
    add_targets(kernel, &r, targets, labels)
    cdef Array data = check_array(kernel, "gz", gz, r.kind, (r.N, r.K), True)
    check_apart(kernel, gz, probabilities, targets, labels, gy)
    run(&r, data, backward_rows[float], backward_rows[double], threads)


cdef void backward_rows(void* rows, floating* gz, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Rows* r = <Rows*>rows
    cdef Py_ssize_t K = r.K, n, k, label
    p, t, gy = <const floating*>r.p, <const floating*>r.t, <const floating*>r.gy
    cdef floating weight
    for n in range(begin, end):
        if gy[n] == 0:  # even if p is NaN
            memset(gz + n * K, 0, K * sizeof(floating))
        elif r.labels is not NULL:
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
