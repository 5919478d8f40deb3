"""One optimizer step in a single pass: read w and g, update the state, write w.

These loops are bound by memory, so what counts is to touch each array once. All arrays are 1-D and
of one length n; a state that a rule can do without is an empty array where it is switched off.
Threads share fixed chunks, so an element takes the same path through the vectorized loop, and gets
the same bits, whatever their number. Scalars arrive as double and are rounded to the arrays' type
before the loop. The loops themselves are in optim_template.h; here is what each of them is given.
"""

from cython cimport floating
from libc.string cimport memset

from minigrad.kernels._parallel cimport Choice, run_chunks

ctypedef void* Array

cdef extern from "optim.h" nogil:
    ctypedef struct Step:
        Py_ssize_t size
        Array w, g, m, v, v_max, a, b, d, u
        double lr, alpha, alpha_m, alpha_g, correction, beta_1, beta_2, rho, momentum, epsilon
        int nesterov

    Choice sgd_task, adagrad_task, rmsprop_task, adam_task
    Choice nadam_task, adamax_task, adadelta_task, lion_task


cdef Array data(
    str kernel, const floating[::1] x, Py_ssize_t size, bint optional=False
) except? NULL:
    """Return where x begins; NULL if it is empty. ValueError unless its length is right."""
    if x.shape[0] != size and not (optional and x.shape[0] == 0):
        raise ValueError(f"{kernel}: expected arrays of length {size}, got {x.shape[0]}")
    return <Array>&x[0] if x.shape[0] > 0 else NULL


cdef Step begin(str kernel, const floating[::1] w, const floating[::1] g) except *:
    cdef Step s
    memset(&s, 0, sizeof(Step))
    s.size = w.shape[0]
    s.w, s.g = data(kernel, w, s.size), data(kernel, g, s.size)
    return s


def sgd_step(
    floating[::1] w,        # INOUT (n)
    const floating[::1] g,  # IN (n)
    floating[::1] v,        # INOUT (n), or (0): without momentum
    double lr, double momentum, bint nesterov, int threads,
):
    """Step by SGD: v = momentum v - lr g; w += v, or w += momentum v - lr g by Nesterov."""
    cdef Step s = begin("sgd_step", w, g)
    s.v = data("sgd_step", v, s.size, True)
    s.lr, s.momentum, s.nesterov = lr, momentum, nesterov
    run_chunks(sgd_task(sizeof(floating)), &s, s.size, threads)


def adagrad_step(
    floating[::1] w,        # INOUT (n)
    const floating[::1] g,  # IN (n)
    floating[::1] a,        # INOUT (n)
    double lr, double epsilon, int threads,
):
    """Step by Adagrad: a += g²; w -= lr g / sqrt(a + epsilon)."""
    cdef Step s = begin("adagrad_step", w, g)
    s.a = data("adagrad_step", a, s.size)
    s.lr, s.epsilon = lr, epsilon
    run_chunks(adagrad_task(sizeof(floating)), &s, s.size, threads)


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
    cdef Step s = begin("rmsprop_step", w, g)
    s.v = data("rmsprop_step", v, s.size)
    s.m = data("rmsprop_step", m, s.size, True)
    s.b = data("rmsprop_step", b, s.size, True)
    s.lr, s.rho, s.momentum, s.epsilon = lr, rho, momentum, epsilon
    run_chunks(rmsprop_task(sizeof(floating)), &s, s.size, threads)


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
    cdef Step s = begin("adam_step", w, g)
    s.m = data("adam_step", m, s.size)
    s.v = data("adam_step", v, s.size)
    s.v_max = data("adam_step", v_max, s.size, True)
    s.alpha, s.beta_1, s.beta_2, s.epsilon = alpha, beta_1, beta_2, epsilon
    run_chunks(adam_task(sizeof(floating)), &s, s.size, threads)


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
    cdef Step s = begin("nadam_step", w, g)
    s.m = data("nadam_step", m, s.size)
    s.v = data("nadam_step", v, s.size)
    s.alpha_m, s.alpha_g, s.correction = alpha_m, alpha_g, correction
    s.beta_1, s.beta_2, s.epsilon = beta_1, beta_2, epsilon
    run_chunks(nadam_task(sizeof(floating)), &s, s.size, threads)


def adamax_step(
    floating[::1] w,        # INOUT (n)
    const floating[::1] g,  # IN (n)
    floating[::1] m,        # INOUT (n)
    floating[::1] u,        # INOUT (n)
    double alpha, double beta_1, double beta_2, double epsilon, int threads,
):
    """Step by Adamax: m += (g-m)(1-beta_1); u = max(beta_2 u, |g|); w -= alpha m / (u+epsilon)."""
    cdef Step s = begin("adamax_step", w, g)
    s.m = data("adamax_step", m, s.size)
    s.u = data("adamax_step", u, s.size)
    s.alpha, s.beta_1, s.beta_2, s.epsilon = alpha, beta_1, beta_2, epsilon
    run_chunks(adamax_task(sizeof(floating)), &s, s.size, threads)


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
    cdef Step s = begin("adadelta_step", w, g)
    s.a = data("adadelta_step", a, s.size)
    s.d = data("adadelta_step", d, s.size)
    s.lr, s.rho, s.epsilon = lr, rho, epsilon
    run_chunks(adadelta_task(sizeof(floating)), &s, s.size, threads)


def lion_step(
    floating[::1] w,        # INOUT (n)
    const floating[::1] g,  # IN (n)
    floating[::1] m,        # INOUT (n)
    double lr, double beta_1, double beta_2, int threads,
):
    """Step by Lion: w -= lr sign(beta_1 m + (1-beta_1) g); m = beta_2 m + (1-beta_2) g."""
    cdef Step s = begin("lion_step", w, g)
    s.m = data("lion_step", m, s.size)
    s.lr, s.beta_1, s.beta_2 = lr, beta_1, beta_2
    run_chunks(lion_task(sizeof(floating)), &s, s.size, threads)
