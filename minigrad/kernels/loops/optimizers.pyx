"""One optimizer step in a single pass: read w and g, update the state, write w.

Each rule is two functions: what Python calls, and below it the loop, one line of mathematics after
the other. IN arrays are read, INOUT arrays are read and written. The loops are bound by memory, so each array is read and written once. All arrays have one
shape, whatever it is, and one type; a state that a rule can do without is None where it is off.

Threads share fixed chunks (tasks.h), so an element takes the same path through the vectorized loop,
and gets the same bits, whatever their number. Scalars arrive as double and are rounded to the arrays'
type before the loop. The arrays are read through NumPy's C interface: five memoryviews would take
longer than a step of a few thousand weights.
"""

from cython cimport floating
from libc.string cimport memset
from numpy cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_ISCARRAY, PyArray_ISCARRAY_RO, PyArray_SAMESHAPE,
    PyArray_SIZE, PyArray_TYPE, import_array, ndarray
)

from minigrad.kernels.loops.functions cimport sqrt
from minigrad.kernels.runtime.threads cimport DoubleLoop, FloatLoop, run_loop

import_array()

ctypedef void* Array

cdef struct Step:
    # What a rule's formula names; arrays are NULL, and numbers 0, where the rule has none.
    Array w, g, m, v, v_max, a, b, d, u
    double lr, alpha, alpha_m, alpha_g, correction, beta_1, beta_2, rho, momentum, epsilon
    bint nesterov

cdef object refuse(str kernel, w, x):
    return ValueError(
        f"{kernel}: expected arrays {w.shape} of {w.dtype}, contiguous and, but for g, "
        f"writable; got one {x.shape} of {x.dtype}"
    )


cdef bint are_alike(ndarray x, ndarray w):
    return PyArray_TYPE(x) == PyArray_TYPE(w) and PyArray_SAMESHAPE(x, w)


cdef void* data(str kernel, ndarray w, ndarray x) except? NULL:
    """Return where x, which is written to, begins; NULL if it is None."""
    if x is None:
        return NULL
    if not (are_alike(x, w) and PyArray_ISCARRAY(x)):
        raise refuse(kernel, w, x)
    return PyArray_DATA(x)


cdef Step begin_step(str kernel, ndarray w, ndarray g) except *:
    cdef Step s
    if PyArray_TYPE(w) not in (NPY_FLOAT, NPY_DOUBLE):
        raise ValueError(f"{kernel}: expected w of float32 or float64, got {(<object>w).dtype}")
    if not (are_alike(g, w) and PyArray_ISCARRAY_RO(g)):
        raise refuse(kernel, w, g)
    memset(&s, 0, sizeof(Step))
    s.w = data(kernel, w, w)
    s.g = PyArray_DATA(g)
    return s


cdef void run(
    ndarray w, Step* s, FloatLoop of_float, DoubleLoop of_double, int threads
) noexcept:
    cdef Py_ssize_t size = PyArray_SIZE(w)
    run_loop(of_float, of_double, PyArray_TYPE(w) == NPY_FLOAT, s, s.w, size, 0, size, threads)


def sgd_step(
    ndarray w not None, ndarray g not None,  # INOUT, IN
    ndarray v,           # INOUT, or None: without momentum
    double lr, double momentum, bint nesterov, int threads,
):
    """Step by SGD: v = momentum v - lr g; w += v, or w += momentum v - lr g by Nesterov."""
    cdef Step s = begin_step("sgd_step", w, g)
    s.v = data("sgd_step", w, v)
    s.lr, s.momentum, s.nesterov = lr, momentum, nesterov
    run(w, &s, sgd[float], sgd[double], threads)


cdef void sgd(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    cdef floating* g = <floating*>s.g
    cdef floating* v = <floating*>s.v
    cdef floating lr = <floating>s.lr, momentum = <floating>s.momentum
    cdef bint nesterov = s.nesterov
    if v is NULL:
        for i in range(begin, end):
            w[i] -= lr * g[i]
    elif nesterov:
        for i in range(begin, end):
            v[i] = momentum * v[i] - lr * g[i]
            w[i] += momentum * v[i] - lr * g[i]
    else:
        for i in range(begin, end):
            v[i] = momentum * v[i] - lr * g[i]
            w[i] += v[i]


def adagrad_step(
    ndarray w not None, ndarray g not None,  # INOUT, IN
    ndarray a not None,  # INOUT
    double lr, double epsilon, int threads,
):
    """Step by Adagrad: a += g²; w -= lr g / sqrt(a + epsilon)."""
    cdef Step s = begin_step("adagrad_step", w, g)
    s.a = data("adagrad_step", w, a)
    s.lr, s.epsilon = lr, epsilon
    run(w, &s, adagrad[float], adagrad[double], threads)


cdef void adagrad(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    cdef floating* g = <floating*>s.g
    cdef floating* a = <floating*>s.a
    cdef floating lr = <floating>s.lr, epsilon = <floating>s.epsilon
    for i in range(begin, end):
        a[i] += g[i] * g[i]
        w[i] -= lr * g[i] / sqrt(a[i] + epsilon)


def rmsprop_step(
    ndarray w not None, ndarray g not None,  # INOUT, IN
    ndarray v not None,  # INOUT
    ndarray m,           # INOUT, or None: not centered
    ndarray b,           # INOUT, or None: without momentum
    double lr, double rho, double momentum, double epsilon, int threads,
):
    """Step by RMSprop: v = rho v + (1-rho) g²; w -= lr g / sqrt(v + epsilon).

    Centered, the variance v - m² takes the place of v, with m = rho m + (1-rho) g; where rounding
    made it negative it counts as 0. With momentum, w -= b instead, with b = momentum b + the step
    above.
    """
    cdef Step s = begin_step("rmsprop_step", w, g)
    s.v = data("rmsprop_step", w, v)
    s.m = data("rmsprop_step", w, m)
    s.b = data("rmsprop_step", w, b)
    s.lr, s.rho, s.momentum, s.epsilon = lr, rho, momentum, epsilon
    run(w, &s, rmsprop[float], rmsprop[double], threads)


cdef void rmsprop(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    cdef floating* g = <floating*>s.g
    cdef floating* v = <floating*>s.v
    cdef floating* m = <floating*>s.m
    cdef floating* b = <floating*>s.b
    cdef floating lr = <floating>s.lr, momentum = <floating>s.momentum
    cdef floating rho = <floating>s.rho, new = <floating>(1 - s.rho)
    cdef floating epsilon = <floating>s.epsilon, variance, step
    for i in range(begin, end):
        v[i] = rho * v[i] + new * g[i] * g[i]
        variance = v[i]
        if m is not NULL:
            m[i] = rho * m[i] + new * g[i]
            variance -= m[i] * m[i]
            variance = 0 if variance < 0 else variance
        step = lr * g[i] / sqrt(variance + epsilon)
        if b is not NULL:
            step = momentum * b[i] + step
            b[i] = step
        w[i] -= step


def adam_step(
    ndarray w not None, ndarray g not None,  # INOUT, IN
    ndarray m not None, ndarray v not None,  # INOUT
    ndarray v_max,       # INOUT, or None: without AMSGrad
    double alpha, double beta_1, double beta_2, double epsilon, int threads,
):
    """Step by Adam: m += (g-m)(1-beta_1); v += (g²-v)(1-beta_2); w -= alpha m / (sqrt(v)+epsilon).

    By AMSGrad, v_max = max(v_max, v) takes the place of v in the last. alpha holds the bias
    correction.
    """
    cdef Step s = begin_step("adam_step", w, g)
    s.m = data("adam_step", w, m)
    s.v = data("adam_step", w, v)
    s.v_max = data("adam_step", w, v_max)
    s.alpha, s.beta_1, s.beta_2, s.epsilon = alpha, beta_1, beta_2, epsilon
    run(w, &s, adam[float], adam[double], threads)


cdef void adam(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    cdef floating* g = <floating*>s.g
    cdef floating* m = <floating*>s.m
    cdef floating* v = <floating*>s.v
    cdef floating* v_max = <floating*>s.v_max
    cdef floating alpha = <floating>s.alpha, epsilon = <floating>s.epsilon, second
    cdef floating new_1 = <floating>(1 - s.beta_1), new_2 = <floating>(1 - s.beta_2)
    for i in range(begin, end):
        m[i] += (g[i] - m[i]) * new_1
        v[i] += (g[i] * g[i] - v[i]) * new_2
        second = v[i]
        if v_max is not NULL:
            second = second if second > v_max[i] else v_max[i]
            v_max[i] = second
        w[i] -= alpha * m[i] / (sqrt(second) + epsilon)


def nadam_step(
    ndarray w not None, ndarray g not None,  # INOUT, IN
    ndarray m not None, ndarray v not None,  # INOUT
    double alpha_m, double alpha_g, double correction,
    double beta_1, double beta_2, double epsilon, int threads,
):
    """Step by Nadam: m, v as in Adam; w -= (alpha_m m + alpha_g g) / (sqrt(v/correction)+epsilon).

    correction is 1 - beta_2 to the power t; the two alphas hold lr and the momentum schedule.
    """
    cdef Step s = begin_step("nadam_step", w, g)
    s.m = data("nadam_step", w, m)
    s.v = data("nadam_step", w, v)
    s.alpha_m, s.alpha_g, s.correction = alpha_m, alpha_g, correction
    s.beta_1, s.beta_2, s.epsilon = beta_1, beta_2, epsilon
    run(w, &s, nadam[float], nadam[double], threads)


cdef void nadam(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    cdef floating* g = <floating*>s.g
    cdef floating* m = <floating*>s.m
    cdef floating* v = <floating*>s.v
    cdef floating alpha_m = <floating>s.alpha_m, alpha_g = <floating>s.alpha_g
    cdef floating epsilon = <floating>s.epsilon, scale = <floating>(1 / s.correction)
    cdef floating new_1 = <floating>(1 - s.beta_1), new_2 = <floating>(1 - s.beta_2)
    for i in range(begin, end):
        m[i] += (g[i] - m[i]) * new_1
        v[i] += (g[i] * g[i] - v[i]) * new_2
        w[i] -= (alpha_m * m[i] + alpha_g * g[i]) / (sqrt(v[i] * scale) + epsilon)


def adamax_step(
    ndarray w not None, ndarray g not None,  # INOUT, IN
    ndarray m not None, ndarray u not None,  # INOUT
    double alpha, double beta_1, double beta_2, double epsilon, int threads,
):
    """Step by Adamax: m += (g-m)(1-beta_1); u = max(beta_2 u, |g|); w -= alpha m / (u+epsilon)."""
    cdef Step s = begin_step("adamax_step", w, g)
    s.m = data("adamax_step", w, m)
    s.u = data("adamax_step", w, u)
    s.alpha, s.beta_1, s.beta_2, s.epsilon = alpha, beta_1, beta_2, epsilon
    run(w, &s, adamax[float], adamax[double], threads)


cdef void adamax(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    cdef floating* g = <floating*>s.g
    cdef floating* m = <floating*>s.m
    cdef floating* u = <floating*>s.u
    cdef floating alpha = <floating>s.alpha, epsilon = <floating>s.epsilon
    cdef floating new_1 = <floating>(1 - s.beta_1), beta_2 = <floating>s.beta_2, size, decayed
    for i in range(begin, end):
        m[i] += (g[i] - m[i]) * new_1
        size = -g[i] if g[i] < 0 else g[i]
        decayed = beta_2 * u[i]
        u[i] = size if size > decayed else decayed
        w[i] -= alpha * m[i] / (u[i] + epsilon)


def adadelta_step(
    ndarray w not None, ndarray g not None,  # INOUT, IN
    ndarray a not None, ndarray d not None,  # INOUT
    double lr, double rho, double epsilon, int threads,
):
    """Step by Adadelta: a = rho a + (1-rho) g²; step = sqrt(d + epsilon) g / sqrt(a + epsilon);
    d = rho d + (1-rho) step²; w -= lr step.
    """
    cdef Step s = begin_step("adadelta_step", w, g)
    s.a = data("adadelta_step", w, a)
    s.d = data("adadelta_step", w, d)
    s.lr, s.rho, s.epsilon = lr, rho, epsilon
    run(w, &s, adadelta[float], adadelta[double], threads)


cdef void adadelta(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    cdef floating* g = <floating*>s.g
    cdef floating* a = <floating*>s.a
    cdef floating* d = <floating*>s.d
    cdef floating lr = <floating>s.lr, epsilon = <floating>s.epsilon, step
    cdef floating rho = <floating>s.rho, new = <floating>(1 - s.rho)
    for i in range(begin, end):
        a[i] = rho * a[i] + new * g[i] * g[i]
        step = sqrt(d[i] + epsilon) * g[i] / sqrt(a[i] + epsilon)
        d[i] = rho * d[i] + new * step * step
        w[i] -= lr * step


def lion_step(
    ndarray w not None, ndarray g not None,  # INOUT, IN
    ndarray m not None,  # INOUT
    double lr, double beta_1, double beta_2, int threads,
):
    """Step by Lion: w -= lr sign(beta_1 m + (1-beta_1) g); m = beta_2 m + (1-beta_2) g."""
    cdef Step s = begin_step("lion_step", w, g)
    s.m = data("lion_step", w, m)
    s.lr, s.beta_1, s.beta_2 = lr, beta_1, beta_2
    run(w, &s, lion[float], lion[double], threads)


cdef void lion(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    cdef floating* g = <floating*>s.g
    cdef floating* m = <floating*>s.m
    cdef floating lr = <floating>s.lr, c
    cdef floating beta_1 = <floating>s.beta_1, new_1 = <floating>(1 - s.beta_1)
    cdef floating beta_2 = <floating>s.beta_2, new_2 = <floating>(1 - s.beta_2)
    for i in range(begin, end):
        c = beta_1 * m[i] + new_1 * g[i]
        w[i] -= lr if c > 0 else -lr if c < 0 else c  # the last is 0, or NaN
        m[i] = beta_2 * m[i] + new_2 * g[i]
