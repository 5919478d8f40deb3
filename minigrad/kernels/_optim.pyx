"""One optimizer step in a single pass: read w and g, update the state, write w.

These loops are bound by memory, so what counts is to touch each array once. All arrays are of one
shape, whatever it is, and one type; a state that a rule can do without is None where it is off.
Threads share fixed chunks, so an element takes the same path through the vectorized loop, and gets
the same bits, whatever their number. Scalars arrive as double and are rounded to the arrays' type
before the loop. The loops themselves are in optim_template.h; here is what each of them is given,
by NumPy's C interface: five memoryviews take longer than a step of a few thousand weights.
"""

from libc.string cimport memset
from numpy cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_ISCARRAY, PyArray_ISCARRAY_RO, PyArray_ITEMSIZE,
    PyArray_SAMESHAPE, PyArray_SIZE, PyArray_TYPE, import_array, ndarray
)

from minigrad.kernels._parallel cimport Choice, run_chunks

import_array()

ctypedef void* Array

cdef extern from "optim.h" nogil:
    ctypedef struct Step:
        Py_ssize_t size
        Array w, g, m, v, v_max, a, b, d, u
        double lr, alpha, alpha_m, alpha_g, correction, beta_1, beta_2, rho, momentum, epsilon
        int nesterov

    Choice sgd_task, adagrad_task, rmsprop_task, adam_task
    Choice nadam_task, adamax_task, adadelta_task, lion_task


cdef object refuse(str kernel, w, x):
    return ValueError(
        f"{kernel}: expected arrays {w.shape} of {w.dtype}, contiguous and, but for g, "
        f"writable; got one {x.shape} of {x.dtype}"
    )


cdef bint are_alike(ndarray x, ndarray w):
    return PyArray_TYPE(x) == PyArray_TYPE(w) and PyArray_SAMESHAPE(x, w)


cdef Array data(str kernel, ndarray w, ndarray x) except? NULL:
    """Return where x, which is written to, begins; NULL if it is None."""
    if x is None:
        return NULL
    if not (are_alike(x, w) and PyArray_ISCARRAY(x)):
        raise refuse(kernel, w, x)
    return PyArray_DATA(x)


cdef Step begin(str kernel, ndarray w, ndarray g) except *:
    cdef Step s
    if PyArray_TYPE(w) not in (NPY_FLOAT, NPY_DOUBLE):
        raise ValueError(f"{kernel}: expected w of float32 or float64, got {(<object>w).dtype}")
    if not (are_alike(g, w) and PyArray_ISCARRAY_RO(g)):
        raise refuse(kernel, w, g)
    memset(&s, 0, sizeof(Step))
    s.size = PyArray_SIZE(w)
    s.w, s.g = data(kernel, w, w), PyArray_DATA(g)
    return s


cdef void run(Choice choice, ndarray w, Step* s, int threads) noexcept:
    run_chunks(choice(PyArray_ITEMSIZE(w)), s, s.size, threads)


def sgd_step(
    ndarray w not None,  # INOUT (...)
    ndarray g not None,  # IN (...)
    ndarray v,           # INOUT (...), or None: without momentum
    double lr, double momentum, bint nesterov, int threads,
):
    """Step by SGD: v = momentum v - lr g; w += v, or w += momentum v - lr g by Nesterov."""
    cdef Step s = begin("sgd_step", w, g)
    s.v = data("sgd_step", w, v)
    s.lr, s.momentum, s.nesterov = lr, momentum, nesterov
    run(sgd_task, w, &s, threads)


def adagrad_step(
    ndarray w not None,  # INOUT (...)
    ndarray g not None,  # IN (...)
    ndarray a not None,  # INOUT (...)
    double lr, double epsilon, int threads,
):
    """Step by Adagrad: a += g²; w -= lr g / sqrt(a + epsilon)."""
    cdef Step s = begin("adagrad_step", w, g)
    s.a = data("adagrad_step", w, a)
    s.lr, s.epsilon = lr, epsilon
    run(adagrad_task, w, &s, threads)


def rmsprop_step(
    ndarray w not None,  # INOUT (...)
    ndarray g not None,  # IN (...)
    ndarray v not None,  # INOUT (...)
    ndarray m,           # INOUT (...), or None: not centered
    ndarray b,           # INOUT (...), or None: without momentum
    double lr, double rho, double momentum, double epsilon, int threads,
):
    """Step by RMSprop: v = rho v + (1-rho) g²; w -= lr g / sqrt(v + epsilon).

    Centered, v - m² stands for v, with m = rho m + (1-rho) g. With momentum, w -= b instead, where
    b = momentum b + the step above. A variance v - m² that rounding made negative counts as 0.
    """
    cdef Step s = begin("rmsprop_step", w, g)
    s.v = data("rmsprop_step", w, v)
    s.m = data("rmsprop_step", w, m)
    s.b = data("rmsprop_step", w, b)
    s.lr, s.rho, s.momentum, s.epsilon = lr, rho, momentum, epsilon
    run(rmsprop_task, w, &s, threads)


def adam_step(
    ndarray w not None,  # INOUT (...)
    ndarray g not None,  # IN (...)
    ndarray m not None,  # INOUT (...)
    ndarray v not None,  # INOUT (...)
    ndarray v_max,       # INOUT (...), or None: without AMSGrad
    double alpha, double beta_1, double beta_2, double epsilon, int threads,
):
    """Step by Adam: m += (g-m)(1-beta_1); v += (g²-v)(1-beta_2); w -= alpha m / (sqrt(v)+epsilon).

    By AMSGrad, v_max = max(v_max, v) stands for v in the last. alpha holds the bias correction.
    """
    cdef Step s = begin("adam_step", w, g)
    s.m = data("adam_step", w, m)
    s.v = data("adam_step", w, v)
    s.v_max = data("adam_step", w, v_max)
    s.alpha, s.beta_1, s.beta_2, s.epsilon = alpha, beta_1, beta_2, epsilon
    run(adam_task, w, &s, threads)


def nadam_step(
    ndarray w not None,  # INOUT (...)
    ndarray g not None,  # IN (...)
    ndarray m not None,  # INOUT (...)
    ndarray v not None,  # INOUT (...)
    double alpha_m, double alpha_g, double correction,
    double beta_1, double beta_2, double epsilon, int threads,
):
    """Step by Nadam: m, v as in Adam; w -= (alpha_m m + alpha_g g) / (sqrt(v/correction)+epsilon).

    correction is 1 - beta_2 to the power t; the two alphas hold lr and the momentum schedule.
    """
    cdef Step s = begin("nadam_step", w, g)
    s.m = data("nadam_step", w, m)
    s.v = data("nadam_step", w, v)
    s.alpha_m, s.alpha_g, s.correction = alpha_m, alpha_g, correction
    s.beta_1, s.beta_2, s.epsilon = beta_1, beta_2, epsilon
    run(nadam_task, w, &s, threads)


def adamax_step(
    ndarray w not None,  # INOUT (...)
    ndarray g not None,  # IN (...)
    ndarray m not None,  # INOUT (...)
    ndarray u not None,  # INOUT (...)
    double alpha, double beta_1, double beta_2, double epsilon, int threads,
):
    """Step by Adamax: m += (g-m)(1-beta_1); u = max(beta_2 u, |g|); w -= alpha m / (u+epsilon)."""
    cdef Step s = begin("adamax_step", w, g)
    s.m = data("adamax_step", w, m)
    s.u = data("adamax_step", w, u)
    s.alpha, s.beta_1, s.beta_2, s.epsilon = alpha, beta_1, beta_2, epsilon
    run(adamax_task, w, &s, threads)


def adadelta_step(
    ndarray w not None,  # INOUT (...)
    ndarray g not None,  # IN (...)
    ndarray a not None,  # INOUT (...)
    ndarray d not None,  # INOUT (...)
    double lr, double rho, double epsilon, int threads,
):
    """Step by Adadelta: a = rho a + (1-rho) g²; step = sqrt(d + epsilon) g / sqrt(a + epsilon);
    d = rho d + (1-rho) step²; w -= lr step.
    """
    cdef Step s = begin("adadelta_step", w, g)
    s.a = data("adadelta_step", w, a)
    s.d = data("adadelta_step", w, d)
    s.lr, s.rho, s.epsilon = lr, rho, epsilon
    run(adadelta_task, w, &s, threads)


def lion_step(
    ndarray w not None,  # INOUT (...)
    ndarray g not None,  # IN (...)
    ndarray m not None,  # INOUT (...)
    double lr, double beta_1, double beta_2, int threads,
):
    """Step by Lion: w -= lr sign(beta_1 m + (1-beta_1) g); m = beta_2 m + (1-beta_2) g."""
    cdef Step s = begin("lion_step", w, g)
    s.m = data("lion_step", w, m)
    s.lr, s.beta_1, s.beta_2 = lr, beta_1, beta_2
    run(lion_task, w, &s, threads)
