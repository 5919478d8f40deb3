"""One optimizer step in a single pass: read w and g, update the state, write w.

These loops are bound by memory, so what counts is to touch each array once. All arrays are 1-D and
of one length n; a state that a rule can do without is an empty array where it is switched off.
Threads share fixed chunks, so an element takes the same path through the vectorized loop, and gets
the same bits, whatever their number. Scalars arrive as double and are rounded to the arrays' type
before the loop; ``if`` on them inside the loop is moved out of it by the compiler.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport sqrt, sqrtf

from minigrad.kernels._parallel cimport team_size


cdef enum:
    CHUNK = 8192  # elements: Adam's four float32 arrays fill 128 KiB, which stays in L2


cdef inline floating root(floating x) noexcept nogil:
    return sqrtf(x) if floating is float else sqrt(x)


cdef int check_lengths(str kernel, Py_ssize_t n, tuple lengths, tuple optional=()) except -1:
    """Raise ValueError unless all lengths are n; an optional array may be empty instead."""
    if set(lengths) - {n} or set(optional) - {n, 0}:
        raise ValueError(f"{kernel}: expected arrays of length {n}, got {lengths + optional}")


def sgd_step(
    floating[::1] w,        # INOUT (n)
    const floating[::1] g,  # IN (n)
    floating[::1] v,        # INOUT (n), or (0): without momentum
    double lr, double momentum, bint nesterov, int threads,
):
    """Step by SGD: v = momentum v - lr g; w += v, or w += momentum v - lr g by Nesterov."""
    cdef Py_ssize_t n = w.shape[0], chunk, i
    check_lengths("sgd_step", n, (g.shape[0],), (v.shape[0],))
    cdef bint plain = v.shape[0] == 0
    cdef floating rate = lr, mu = momentum

    for chunk in prange(0, n, CHUNK, nogil=True, num_threads=team_size(n, threads)):
        for i in range(chunk, min(chunk + CHUNK, n)):
            if plain:
                w[i] -= rate * g[i]
            else:
                v[i] = mu * v[i] - rate * g[i]
                w[i] += mu * v[i] - rate * g[i] if nesterov else v[i]


def adagrad_step(
    floating[::1] w,        # INOUT (n)
    const floating[::1] g,  # IN (n)
    floating[::1] a,        # INOUT (n)
    double lr, double epsilon, int threads,
):
    """Step by Adagrad: a += g²; w -= lr g / sqrt(a + epsilon)."""
    cdef Py_ssize_t n = w.shape[0], chunk, i
    check_lengths("adagrad_step", n, (g.shape[0], a.shape[0]))
    cdef floating rate = lr, eps = epsilon

    for chunk in prange(0, n, CHUNK, nogil=True, num_threads=team_size(n, threads)):
        for i in range(chunk, min(chunk + CHUNK, n)):
            a[i] += g[i] * g[i]
            w[i] -= rate * g[i] / root(a[i] + eps)


def rmsprop_step(
    floating[::1] w,        # INOUT (n)
    const floating[::1] g,  # IN (n)
    floating[::1] v,        # INOUT (n)
    floating[::1] m,        # INOUT (n), or (0): not centered
    floating[::1] b,        # INOUT (n), or (0): without momentum
    double lr, double rho, double momentum, double epsilon, int threads,
):
    """Step by RMSprop: v = rho v + (1-rho) g²; w -= lr g / sqrt(v + epsilon).

    Centered, v - m² stands for v, with m = rho m + (1-rho) g. With momentum, w -= b instead, where
    b = momentum b + the step above. A variance v - m² that rounding made negative counts as 0.
    """
    cdef Py_ssize_t n = w.shape[0], chunk, i
    check_lengths("rmsprop_step", n, (g.shape[0], v.shape[0]), (m.shape[0], b.shape[0]))
    cdef bint centered = m.shape[0] > 0, heavy = b.shape[0] > 0
    cdef floating rate = lr, mu = momentum, eps = epsilon
    cdef floating old = rho, new = 1 - rho, variance, step

    for chunk in prange(0, n, CHUNK, nogil=True, num_threads=team_size(n, threads)):
        for i in range(chunk, min(chunk + CHUNK, n)):
            v[i] = old * v[i] + new * g[i] * g[i]
            variance = v[i]
            if centered:
                m[i] = old * m[i] + new * g[i]
                variance = max(v[i] - m[i] * m[i], 0)
            step = rate * g[i] / root(variance + eps)
            if heavy:
                b[i] = mu * b[i] + step
                step = b[i]
            w[i] -= step


def adam_step(
    floating[::1] w,        # INOUT (n)
    const floating[::1] g,  # IN (n)
    floating[::1] m,        # INOUT (n)
    floating[::1] v,        # INOUT (n)
    floating[::1] v_max,    # INOUT (n), or (0): without AMSGrad
    double alpha, double beta_1, double beta_2, double epsilon, int threads,
):
    """Step by Adam: m += (g-m)(1-beta_1); v += (g²-v)(1-beta_2); w -= alpha m / (sqrt(v)+epsilon).

    By AMSGrad, v_max = max(v_max, v) stands for v in the last. alpha holds the bias correction.
    """
    cdef Py_ssize_t n = w.shape[0], chunk, i
    check_lengths("adam_step", n, (g.shape[0], m.shape[0], v.shape[0]), (v_max.shape[0],))
    cdef bint amsgrad = v_max.shape[0] > 0
    cdef floating rate = alpha, eps = epsilon, new_1 = 1 - beta_1, new_2 = 1 - beta_2, second

    for chunk in prange(0, n, CHUNK, nogil=True, num_threads=team_size(n, threads)):
        for i in range(chunk, min(chunk + CHUNK, n)):
            m[i] += (g[i] - m[i]) * new_1
            v[i] += (g[i] * g[i] - v[i]) * new_2
            second = v[i]
            if amsgrad:
                v_max[i] = max(v_max[i], v[i])
                second = v_max[i]
            w[i] -= rate * m[i] / (root(second) + eps)


def nadam_step(
    floating[::1] w,        # INOUT (n)
    const floating[::1] g,  # IN (n)
    floating[::1] m,        # INOUT (n)
    floating[::1] v,        # INOUT (n)
    double alpha_m, double alpha_g, double correction,
    double beta_1, double beta_2, double epsilon, int threads,
):
    """Step by Nadam: m, v as in Adam; w -= (alpha_m m + alpha_g g) / (sqrt(v/correction)+epsilon).

    correction is 1 - beta_2 to the power t; the two alphas hold lr and the momentum schedule.
    """
    cdef Py_ssize_t n = w.shape[0], chunk, i
    check_lengths("nadam_step", n, (g.shape[0], m.shape[0], v.shape[0]))
    cdef floating rate_m = alpha_m, rate_g = alpha_g, scale = 1 / correction, eps = epsilon
    cdef floating new_1 = 1 - beta_1, new_2 = 1 - beta_2

    for chunk in prange(0, n, CHUNK, nogil=True, num_threads=team_size(n, threads)):
        for i in range(chunk, min(chunk + CHUNK, n)):
            m[i] += (g[i] - m[i]) * new_1
            v[i] += (g[i] * g[i] - v[i]) * new_2
            w[i] -= (rate_m * m[i] + rate_g * g[i]) / (root(v[i] * scale) + eps)


def adamax_step(
    floating[::1] w,        # INOUT (n)
    const floating[::1] g,  # IN (n)
    floating[::1] m,        # INOUT (n)
    floating[::1] u,        # INOUT (n)
    double alpha, double beta_1, double beta_2, double epsilon, int threads,
):
    """Step by Adamax: m += (g-m)(1-beta_1); u = max(beta_2 u, |g|); w -= alpha m / (u+epsilon)."""
    cdef Py_ssize_t n = w.shape[0], chunk, i
    check_lengths("adamax_step", n, (g.shape[0], m.shape[0], u.shape[0]))
    cdef floating rate = alpha, eps = epsilon, new = 1 - beta_1, decay = beta_2

    for chunk in prange(0, n, CHUNK, nogil=True, num_threads=team_size(n, threads)):
        for i in range(chunk, min(chunk + CHUNK, n)):
            m[i] += (g[i] - m[i]) * new
            u[i] = max(decay * u[i], abs(g[i]))
            w[i] -= rate * m[i] / (u[i] + eps)


def adadelta_step(
    floating[::1] w,        # INOUT (n)
    const floating[::1] g,  # IN (n)
    floating[::1] a,        # INOUT (n)
    floating[::1] d,        # INOUT (n)
    double lr, double rho, double epsilon, int threads,
):
    """Step by Adadelta: a = rho a + (1-rho) g²; step = sqrt(d + epsilon) g / sqrt(a + epsilon);
    d = rho d + (1-rho) step²; w -= lr step.
    """
    cdef Py_ssize_t n = w.shape[0], chunk, i
    check_lengths("adadelta_step", n, (g.shape[0], a.shape[0], d.shape[0]))
    cdef floating rate = lr, eps = epsilon, old = rho, new = 1 - rho, step

    for chunk in prange(0, n, CHUNK, nogil=True, num_threads=team_size(n, threads)):
        for i in range(chunk, min(chunk + CHUNK, n)):
            a[i] = old * a[i] + new * g[i] * g[i]
            step = root(d[i] + eps) * g[i] / root(a[i] + eps)
            d[i] = old * d[i] + new * step * step
            w[i] -= rate * step


def lion_step(
    floating[::1] w,        # INOUT (n)
    const floating[::1] g,  # IN (n)
    floating[::1] m,        # INOUT (n)
    double lr, double beta_1, double beta_2, int threads,
):
    """Step by Lion: w -= lr sign(beta_1 m + (1-beta_1) g); m = beta_2 m + (1-beta_2) g."""
    cdef Py_ssize_t n = w.shape[0], chunk, i
    check_lengths("lion_step", n, (g.shape[0], m.shape[0]))
    cdef floating rate = lr, old_1 = beta_1, new_1 = 1 - beta_1, c
    cdef floating old_2 = beta_2, new_2 = 1 - beta_2

    for chunk in prange(0, n, CHUNK, nogil=True, num_threads=team_size(n, threads)):
        for i in range(chunk, min(chunk + CHUNK, n)):
            c = old_1 * m[i] + new_1 * g[i]
            w[i] -= rate if c > 0 else (-rate if c < 0 else c)  # at the end c is 0, or NaN
            m[i] = old_2 * m[i] + new_2 * g[i]
