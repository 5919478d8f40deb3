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
from libc.stdint cimport uint32_t, uint64_t

from minigrad.kernels._parallel cimport CHUNK, Choice, Task, run_chunks, run_tasks, team_size

ctypedef const void* Input
ctypedef void* Output

cdef extern from "nn.h" nogil:
    ctypedef struct Elements:
        Py_ssize_t size
        Input x, gy
        Output y
        uint64_t key
        uint32_t last_kept
        double scale

    ctypedef struct CrossEntropy:
        Py_ssize_t N, K, rows
        Input z, t, gy
        Output losses, p, gz

    uint64_t mix64(uint64_t key)
    Choice dropout_task, relu_backward_task, exp_task, tanh_task, sigmoid_task, erf_task
    Choice cross_entropy_forward_task, cross_entropy_backward_task


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
    e.size, e.x, e.y = x.shape[0], &x[0], &y[0]
    e.key, e.last_kept, e.scale = mix64(seed), <uint32_t> (kept - 1), 1 / (1 - rate)
    run_chunks(dropout_task(sizeof(floating)), &e, e.size, threads)


def relu_backward(
    const floating[::1] y,   # IN (size,), what relu returned
    const floating[::1] gy,  # IN (size,)
    floating[::1] gx,        # OUT (size,), may be gy
    int threads,
):
    """Let the gradient through where relu did: gx = gy where y > 0, 0 elsewhere."""
    check_length("relu_backward", "gy", gy.shape[0], y.shape[0])
    check_length("relu_backward", "gx", gx.shape[0], y.shape[0])
    cdef Elements e
    if y.shape[0] > 0:
        e.size, e.x, e.gy, e.y = y.shape[0], &y[0], &gy[0], &gx[0]
        run_chunks(relu_backward_task(sizeof(floating)), &e, e.size, threads)


cdef int apply(
    str kernel, Task task, const floating[::1] x, floating[::1] y, int threads
) except -1:
    """Run a task that needs no more than x and y."""
    check_length(kernel, "y", y.shape[0], x.shape[0])
    cdef Elements e
    if x.shape[0] > 0:
        e.size, e.x, e.gy, e.y = x.shape[0], &x[0], &x[0], &y[0]
        run_chunks(task, &e, e.size, threads)


def exp(
    const floating[::1] x,  # IN (size,)
    floating[::1] y,        # OUT (size,), may be x
    int threads,
):
    """Compute the exponential function, y = e**x."""
    apply("exp", exp_task(sizeof(floating)), x, y, threads)


def tanh(
    const floating[::1] x,  # IN (size,)
    floating[::1] y,        # OUT (size,), may be x
    int threads,
):
    """Compute the hyperbolic tangent, y = (e**x - e**-x) / (e**x + e**-x)."""
    apply("tanh", tanh_task(sizeof(floating)), x, y, threads)


def sigmoid(
    const floating[::1] x,  # IN (size,)
    floating[::1] y,        # OUT (size,), may be x
    int threads,
):
    """Compute the logistic function, y = 1 / (1 + e**-x)."""
    apply("sigmoid", sigmoid_task(sizeof(floating)), x, y, threads)


def erf(
    const floating[::1] x,  # IN (size,)
    floating[::1] y,        # OUT (size,), may be x
    int threads,
):
    """Compute the error function, y = 2 / sqrt(pi) * integral of exp(-t**2) from 0 to x."""
    apply("erf", erf_task(sizeof(floating)), x, y, threads)


cdef int check_rows(
    str kernel, str name, Py_ssize_t* shape, Py_ssize_t rows, Py_ssize_t columns
) except -1:
    if shape[0] != rows or shape[1] != columns:
        raise ValueError(
            f"{kernel}: expected {name} of shape {(rows, columns)}, got {(shape[0], shape[1])}"
        )


cdef void run_rows(
    Task task, CrossEntropy* c, Py_ssize_t N, Py_ssize_t K, int threads
) noexcept:
    """Run a task on all rows, about CHUNK elements at a time."""
    c.N, c.K, c.rows = N, K, max(1, CHUNK // K)
    with nogil:
        run_tasks(task, c, (N + c.rows - 1) // c.rows, team_size(N * K, threads))


def softmax_cross_entropy_forward(
    const floating[:, ::1] logits,     # IN (N, K)
    const floating[:, ::1] targets,    # IN (N, K), probabilities
    floating[::1] losses,              # OUT (N,)
    floating[:, ::1] probabilities,    # OUT (N, K)
    int threads,
):
    """Compute p = softmax(logits) and losses = -sum over k of targets * log p, row by row.

    With m the largest logit of a row, log p = logits - m - log sum exp(logits - m): no exp
    overflows. The targets of a row need not sum to 1.
    """
    cdef Py_ssize_t N = logits.shape[0], K = logits.shape[1]
    check_rows("softmax_cross_entropy_forward", "targets", targets.shape, N, K)
    check_rows("softmax_cross_entropy_forward", "probabilities", probabilities.shape, N, K)
    check_length("softmax_cross_entropy_forward", "losses", losses.shape[0], N)
    if K == 0:
        raise ValueError("softmax_cross_entropy_forward: expected at least one class, got 0")
    if N == 0:
        return
    cdef CrossEntropy c
    c.z, c.t, c.p, c.losses = &logits[0, 0], &targets[0, 0], &probabilities[0, 0], &losses[0]
    run_rows(cross_entropy_forward_task(sizeof(floating)), &c, N, K, threads)


def softmax_cross_entropy_backward(
    const floating[:, ::1] probabilities,  # IN (N, K), softmax of the logits
    const floating[:, ::1] targets,        # IN (N, K)
    const floating[::1] gy,                # IN (N,), gradients of the losses
    floating[:, ::1] gz,                   # OUT (N, K), gradients of the logits
    int threads,
):
    """Compute gz = gy * (p * sum of the row's targets - targets)."""
    cdef Py_ssize_t N = probabilities.shape[0], K = probabilities.shape[1]
    check_rows("softmax_cross_entropy_backward", "targets", targets.shape, N, K)
    check_rows("softmax_cross_entropy_backward", "gz", gz.shape, N, K)
    check_length("softmax_cross_entropy_backward", "gy", gy.shape[0], N)
    if N == 0 or K == 0:
        return
    cdef CrossEntropy c
    c.p, c.t, c.gy, c.gz = <void*>&probabilities[0, 0], &targets[0, 0], &gy[0], &gz[0, 0]
    run_rows(cross_entropy_backward_task(sizeof(floating)), &c, N, K, threads)
