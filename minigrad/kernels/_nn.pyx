"""Dropout, the gradient of relu, erf, and softmax fused with cross-entropy.

Dropout draws no random numbers one after the other: whether element i is kept is a hash of the
seed and i, so no mask is stored, backward is the same call, and any thread can begin anywhere.
Elements are hashed in blocks. A block's 64-bit key comes from the seed and the block's number
through SplitMix64's finalizer; its two halves key two rounds of a 32-bit finalizer over the
position in the block. That leaves only 32-bit arithmetic for each element, which vectorizes.
One round is not enough: blocks whose keys share their upper bits would repeat each other.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport INFINITY, erf as libc_erf, exp, log
from libc.stdint cimport uint32_t, uint64_t

from minigrad.kernels._parallel cimport team_size

cdef enum:
    BLOCK = 4096  # elements under one key: enough that deriving the key costs nothing


cdef int check_length(str kernel, str name, Py_ssize_t length, Py_ssize_t expected) except -1:
    if length != expected:
        raise ValueError(f"{kernel}: expected {name} of length {expected}, got {length}")


cdef inline uint64_t mix64(uint64_t key) noexcept nogil:
    """SplitMix64's step (Steele, Lea & Flood 2014): every bit of key moves every bit out."""
    key += <uint64_t> 0x9E3779B97F4A7C15
    key = (key ^ (key >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
    key = (key ^ (key >> 27)) * <uint64_t> 0x94D049BB133111EB
    return key ^ (key >> 31)


cdef inline uint32_t mix32(uint32_t bits) noexcept nogil:
    """lowbias32 (Wellons 2018, hash-prospector): the same for 32 bits."""
    bits = (bits ^ (bits >> 16)) * <uint32_t> 0x7FEB352D
    bits = (bits ^ (bits >> 15)) * <uint32_t> 0x846CA68B
    return bits ^ (bits >> 16)


cdef void drop_block(
    const floating* x, floating* y, Py_ssize_t length, uint64_t key, uint32_t last_kept,
    floating scale,
) noexcept nogil:
    cdef uint32_t low = <uint32_t> key, high = <uint32_t> (key >> 32), bits
    cdef floating value
    cdef Py_ssize_t i
    for i in range(length):
        bits = mix32(mix32(<uint32_t> i ^ low) ^ high)
        value = x[i]
        value = value if bits <= last_kept else 0  # not after scaling: that would not vectorize
        y[i] = value * scale


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
    cdef Py_ssize_t size = x.shape[0], blocks = (size + BLOCK - 1) // BLOCK, block, begin
    cdef int team = team_size(size, threads)
    cdef uint64_t key = mix64(seed), kept = <uint64_t> ((1 - rate) * 2.0**32 + 0.5)
    if kept == 0:
        y[:] = 0
        return
    cdef floating scale = 1 / (1 - rate)

    for block in prange(blocks, nogil=True, num_threads=team, schedule="static"):
        begin = block * BLOCK
        drop_block(
            &x[begin], &y[begin], min(size - begin, BLOCK), mix64(key + block), kept - 1, scale
        )


def relu_backward(
    const floating[::1] y,   # IN (size,), what relu returned
    const floating[::1] gy,  # IN (size,)
    floating[::1] gx,        # OUT (size,), may be gy
    int threads,
):
    """Let the gradient through where relu did: gx = gy where y > 0, 0 elsewhere."""
    check_length("relu_backward", "gy", gy.shape[0], y.shape[0])
    check_length("relu_backward", "gx", gx.shape[0], y.shape[0])
    cdef Py_ssize_t size = y.shape[0], i
    cdef floating gradient
    for i in prange(size, nogil=True, num_threads=team_size(size, threads), schedule="static"):
        gradient = gy[i]
        gx[i] = gradient if y[i] > 0 else 0


def erf(
    const floating[::1] x,  # IN (size,)
    floating[::1] y,        # OUT (size,), may be x
    int threads,
):
    """Compute the error function, y = 2 / sqrt(pi) * integral of exp(-t**2) from 0 to x."""
    check_length("erf", "y", y.shape[0], x.shape[0])
    cdef Py_ssize_t size = x.shape[0], i
    for i in prange(size, nogil=True, num_threads=team_size(size, threads), schedule="static"):
        y[i] = libc_erf(x[i])


cdef int check_rows(
    str kernel, str name, Py_ssize_t* shape, Py_ssize_t rows, Py_ssize_t columns
) except -1:
    if shape[0] != rows or shape[1] != columns:
        raise ValueError(
            f"{kernel}: expected {name} of shape {(rows, columns)}, got {(shape[0], shape[1])}"
        )


cdef double cross_entropy_row(
    const floating* z, const floating* t, floating* p, Py_ssize_t K
) noexcept nogil:
    """Write one row of softmax into p and return its cross-entropy with t.

    In double for float32 too: the loss of a confident prediction is a small difference of large
    numbers, and exp, which takes the time, is no faster in float32 unless it is vectorized.
    """
    cdef double largest = -INFINITY, power, total = 0, log_total, loss = 0
    cdef Py_ssize_t k
    for k in range(K):
        largest = max(largest, z[k])
    for k in range(K):
        power = exp(z[k] - largest)
        total += power
        p[k] = power
    log_total = log(total)
    for k in range(K):
        p[k] = p[k] / total
        if t[k] != 0:  # 0 * log 0 counts as 0
            loss += t[k] * (log_total - (z[k] - largest))
    return loss


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
    cdef Py_ssize_t N = logits.shape[0], K = logits.shape[1], n
    check_rows("softmax_cross_entropy_forward", "targets", targets.shape, N, K)
    check_rows("softmax_cross_entropy_forward", "probabilities", probabilities.shape, N, K)
    check_length("softmax_cross_entropy_forward", "losses", losses.shape[0], N)
    if K == 0:
        raise ValueError("softmax_cross_entropy_forward: expected at least one class, got 0")
    for n in prange(N, nogil=True, num_threads=team_size(N * K, threads), schedule="static"):
        losses[n] = cross_entropy_row(&logits[n, 0], &targets[n, 0], &probabilities[n, 0], K)


def softmax_cross_entropy_backward(
    const floating[:, ::1] probabilities,  # IN (N, K), softmax of the logits
    const floating[:, ::1] targets,        # IN (N, K)
    const floating[::1] gy,                # IN (N,), gradients of the losses
    floating[:, ::1] gz,                   # OUT (N, K), gradients of the logits
    int threads,
):
    """Compute gz = gy * (p * sum of the row's targets - targets)."""
    cdef Py_ssize_t N = probabilities.shape[0], K = probabilities.shape[1], n, k
    cdef floating weight
    check_rows("softmax_cross_entropy_backward", "targets", targets.shape, N, K)
    check_rows("softmax_cross_entropy_backward", "gz", gz.shape, N, K)
    check_length("softmax_cross_entropy_backward", "gy", gy.shape[0], N)
    for n in prange(N, nogil=True, num_threads=team_size(N * K, threads), schedule="static"):
        weight = 0
        for k in range(K):
            weight = weight + targets[n, k]  # "+=" would make it a reduction over the threads
        for k in range(K):
            gz[n, k] = gy[n] * (probabilities[n, k] * weight - targets[n, k])
