"""One optimizer step in a single pass: read w and g, update the state, write w.

Each rule is two functions: what Python calls, and below it the loop, one line of mathematics after
the other. The loops are bound by memory, so each array is read and written once.

All arrays of a step have one shape and one type: g is IN, w and the states are INOUT. An optional
state is None if it is not used. Scalars arrive as double and are rounded to the arrays' type before
the loop. Threads share fixed chunks (tasks.h), so an element takes the same path through the
vectorized loop, and gets the same bits, whatever their number.

A job of the threads costs a wake-up and a wait, longer than a small array takes. So the steps of
all weights can be one job: kernels that are given a list as `threads` check and note their step
there, and `run_steps` makes them all.
"""

from cython cimport floating
from libc.stdlib cimport qsort

from minigrad.kernels.loops.functions cimport sqrt
from minigrad.kernels.runtime.arrays cimport Extent, check_apart, extent_of, float_kind
from minigrad.kernels.runtime.memory cimport Memory
from minigrad.kernels.runtime.numpy cimport (
    NPY_FLOAT, PyArray_DATA, PyArray_ISCARRAY, PyArray_ISCARRAY_RO, PyArray_SAMESHAPE, PyArray_SIZE,
    PyArray_TYPE, import_array, ndarray
)
from minigrad.kernels.runtime.threads cimport (
    DoubleLoop, FloatLoop, Loop, chunk_count, run_part, run_tasks, team_size
)

import_array()

cdef struct Step:
    void* g
    void* state[3]  # in the order of the kernel's arguments; NULL where one is off
    double lr, alpha, alpha_m, alpha_g, correction, beta_1, beta_2, rho, momentum, epsilon
    bint nesterov


cdef class PutOff:
    """A step that is yet to be made, and its arrays, which must live until then."""
    cdef Step step
    cdef Loop loop
    cdef tuple arrays


cdef struct Chunk:
    Loop* loop
    Py_ssize_t index  # of the chunk in its loop
    double place  # in its array, from 0 to 1
    Py_ssize_t number  # in the order of the steps


def run_steps(list steps not None, int threads):
    """Make the steps that were put off as one job, with the bits that each alone would have.

    They are made one after the other if they are short, or share an array.
    """
    cdef PutOff later
    cdef Py_ssize_t elements = 0, count = 0, of_step, i
    for later in steps:
        elements += later.loop.size
        count += chunk_count(later.loop.size)
    if team_size(elements, threads) == 1 or overlap(steps):
        for later in steps:
            run(&later.loop, threads)
        return
    cdef Memory memory = Memory(count * sizeof(Chunk))
    cdef Chunk* chunks = <Chunk*>memory.data
    count = 0
    for later in steps:
        of_step = chunk_count(later.loop.size)
        for i in range(of_step):
            chunks[count] = Chunk(&later.loop, i, i / <double>of_step, count)
            count += 1
    with nogil:
        # By place: a thread that has written this part of a gradient has it in its cache.
        qsort(chunks, count, sizeof(Chunk), compare_places)
        run_tasks(run_chunk, chunks, count, threads)


cdef void run_chunk(void* chunks, Py_ssize_t index, int worker) noexcept nogil:
    cdef Chunk* c = <Chunk*>chunks + index
    run_part(c.loop, c.index, worker)


cdef int compare_places(const void* one, const void* other) noexcept nogil:
    a, b = <Chunk*>one, <Chunk*>other
    if a.place != b.place:
        return 1 if a.place > b.place else -1
    return 1 if a.number > b.number else -1


cdef bint overlap(list steps) except -1:
    """Whether an array of the steps shares memory with another one."""
    cdef PutOff later
    cdef Py_ssize_t count = 0, i
    cdef Memory memory = Memory(5 * len(steps) * sizeof(Extent))
    cdef Extent* extents = <Extent*>memory.data
    for later in steps:
        for x in later.arrays:
            extents[count] = extent_of(x)
            count += 1
    qsort(extents, count, sizeof(Extent), compare_begins)
    for i in range(1, count):
        if extents[i].begin < extents[i - 1].end:
            return True
    return False


cdef int compare_begins(const void* one, const void* other) noexcept nogil:
    cdef Py_ssize_t a = (<Extent*>one).begin, b = (<Extent*>other).begin
    return (a > b) - (a < b)


cdef int make(
    str kernel, Step* s, FloatLoop of_float, DoubleLoop of_double, threads, ndarray w, ndarray g,
    ndarray a, ndarray b=None, ndarray c=None,
) except -1:
    """Make a step of w with g and the states a, b and c, or put it off.

    ValueError unless the arrays are alike.
    """
    cdef PutOff later
    cdef Loop loop = Loop(of_float, of_double, float_kind(kernel, w) == NPY_FLOAT, s,
                          data(kernel, w, w, True), PyArray_SIZE(w), 0)
    s.g = data(kernel, w, g, False)
    s.state[0] = data(kernel, w, a, True)
    s.state[1] = data(kernel, w, b, True)
    s.state[2] = data(kernel, w, c, True)
    check_apart(kernel, w, g, a, b, c)
    check_apart(kernel, a, g, b, c)
    check_apart(kernel, b, g, c)
    check_apart(kernel, c, g)
    if type(threads) is list:
        later = PutOff.__new__(PutOff)
        later.step, later.loop, later.arrays = s[0], loop, (w, g, a, b, c)
        later.loop.arguments = &later.step
        threads.append(later)
    else:
        run(&loop, threads)


cdef int run(Loop* loop, int threads) except -1:
    with nogil:
        run_tasks(run_part, loop, chunk_count(loop.size), team_size(loop.size, threads))


cdef void* data(str kernel, ndarray w, ndarray x, bint written) except? NULL:
    """Return where x begins, NULL if it is None; ValueError unless it is an array like w."""
    if x is None:
        return NULL
    if (
        PyArray_TYPE(x) != PyArray_TYPE(w) or not PyArray_SAMESHAPE(x, w)
        or not (PyArray_ISCARRAY(x) if written else PyArray_ISCARRAY_RO(x))
    ):
        raise ValueError(
            f"{kernel}: expected arrays {(<object>w).shape} of {(<object>w).dtype}, contiguous "
            "and, but for g, writable; got one "
            f"{(<object>x).shape} of {(<object>x).dtype}"
        )
    return PyArray_DATA(x)


cdef inline floating squarable(floating g) noexcept nogil:
    """Limit g to a size whose squares, and sums of some, are finite; infinity becomes NaN."""
    cdef floating limit = 1152921504606846976.0  # 2**60
    if floating is double:
        limit = 8.379879956214123e152  # 2**508
    cdef floating least = limit if limit < g else g  # as one instruction; a NaN stays
    return (-limit if -limit > least else least) + (g - g)


def sgd_step(
    ndarray w not None, ndarray g not None, ndarray v, double lr, double momentum, bint nesterov,
    threads,
):
    """Step by SGD: v = momentum v - lr g; w += v, or w += momentum v - lr g by Nesterov."""
    cdef Step s
    s.lr, s.momentum, s.nesterov = lr, momentum, nesterov
    make("sgd_step", &s, sgd[float], sgd[double], threads, w, g, v)


cdef void sgd(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    g, v = <floating*>s.g, <floating*>s.state[0]
    cdef floating lr = <floating>s.lr, momentum = <floating>s.momentum
    cdef bint nesterov = s.nesterov
    if v is NULL:
        for i in range(begin, end):
            w[i] -= lr * g[i]
    else:
        for i in range(begin, end):
            v[i] = momentum * v[i] - lr * g[i]
            w[i] += momentum * v[i] - lr * g[i] if nesterov else v[i]


def adagrad_step(
    ndarray w not None, ndarray g not None, ndarray a not None, double lr, double epsilon,
    threads,
):
    """Step by Adagrad: a += g²; w -= lr g / sqrt(a + epsilon)."""
    cdef Step s
    s.lr, s.epsilon = lr, epsilon
    make("adagrad_step", &s, adagrad[float], adagrad[double], threads, w, g, a)


cdef void adagrad(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    g, a = <floating*>s.g, <floating*>s.state[0]
    cdef floating lr = <floating>s.lr, epsilon = <floating>s.epsilon, slope
    for i in range(begin, end):
        slope = squarable(g[i])
        a[i] += slope * slope
        w[i] -= lr * slope / sqrt(a[i] + epsilon)


def rmsprop_step(
    ndarray w not None, ndarray g not None, ndarray v not None, ndarray m, ndarray b, double lr,
    double rho, double momentum, double epsilon, threads,
):
    """Step by RMSprop: v = rho v + (1-rho) g²; w -= lr g / sqrt(v + epsilon).

    Centered, the variance v - m² takes the place of v, with m = rho m + (1-rho) g; where rounding
    made it negative it counts as 0. With momentum, w -= b instead, with b = momentum b + the step
    above.
    """
    cdef Step s
    s.lr, s.rho, s.momentum, s.epsilon = lr, rho, momentum, epsilon
    make("rmsprop_step", &s, rmsprop[float], rmsprop[double], threads, w, g, v, m, b)


cdef void rmsprop(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    g, v, m, b = <floating*>s.g, <floating*>s.state[0], <floating*>s.state[1], <floating*>s.state[2]
    cdef floating lr = <floating>s.lr, momentum = <floating>s.momentum
    cdef floating rho = <floating>s.rho, new = <floating>(1 - s.rho)
    cdef floating epsilon = <floating>s.epsilon, variance, step, slope
    for i in range(begin, end):
        slope = squarable(g[i])
        v[i] = rho * v[i] + new * slope * slope
        variance = v[i]
        if m is not NULL:
            m[i] = rho * m[i] + new * slope
            variance -= m[i] * m[i]
            variance = 0 if variance < 0 else variance
        step = lr * slope / sqrt(variance + epsilon)
        if b is not NULL:
            step = momentum * b[i] + step
            b[i] = step
        w[i] -= step


def adam_step(
    ndarray w not None, ndarray g not None, ndarray m not None, ndarray v not None, ndarray v_max,
    double alpha, double beta_1, double beta_2, double epsilon, threads,
):
    """Step by Adam: m += (g-m)(1-beta_1); v += (g²-v)(1-beta_2); w -= alpha m / (sqrt(v)+epsilon).

    With AMSGrad, v_max = max(v_max, v) replaces v in the step. alpha holds the bias correction.
    """
    cdef Step s
    s.alpha, s.beta_1, s.beta_2, s.epsilon = alpha, beta_1, beta_2, epsilon
    make("adam_step", &s, adam[float], adam[double], threads, w, g, m, v, v_max)


cdef void adam(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    g = <floating*>s.g
    m, v, v_max = <floating*>s.state[0], <floating*>s.state[1], <floating*>s.state[2]
    cdef floating alpha = <floating>s.alpha, epsilon = <floating>s.epsilon, second
    cdef floating new_1 = <floating>(1 - s.beta_1), new_2 = <floating>(1 - s.beta_2), slope
    for i in range(begin, end):
        slope = squarable(g[i])
        m[i] += (slope - m[i]) * new_1
        v[i] += (slope * slope - v[i]) * new_2
        second = v[i]
        if v_max is not NULL:
            second = second if second > v_max[i] else v_max[i]
            v_max[i] = second
        w[i] -= alpha * m[i] / (sqrt(second) + epsilon)


def nadam_step(
    ndarray w not None, ndarray g not None, ndarray m not None, ndarray v not None,
    double alpha_m, double alpha_g, double correction, double beta_1, double beta_2,
    double epsilon, threads,
):
    """Step by Nadam: m, v as in Adam; w -= (alpha_m m + alpha_g g) / (sqrt(v/correction)+epsilon).

    correction is 1 - beta_2 to the power t; the two alphas hold lr and the momentum schedule.
    """
    cdef Step s
    s.alpha_m, s.alpha_g, s.correction = alpha_m, alpha_g, correction
    s.beta_1, s.beta_2, s.epsilon = beta_1, beta_2, epsilon
    make("nadam_step", &s, nadam[float], nadam[double], threads, w, g, m, v)


cdef void nadam(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    g, m, v = <floating*>s.g, <floating*>s.state[0], <floating*>s.state[1]
    cdef floating alpha_m = <floating>s.alpha_m, alpha_g = <floating>s.alpha_g
    cdef floating epsilon = <floating>s.epsilon, scale = <floating>(1 / s.correction)
    cdef floating new_1 = <floating>(1 - s.beta_1), new_2 = <floating>(1 - s.beta_2), slope
    for i in range(begin, end):
        slope = squarable(g[i])
        m[i] += (slope - m[i]) * new_1
        v[i] += (slope * slope - v[i]) * new_2
        w[i] -= (alpha_m * m[i] + alpha_g * slope) / (sqrt(v[i] * scale) + epsilon)


def adamax_step(
    ndarray w not None, ndarray g not None, ndarray m not None, ndarray u not None, double alpha,
    double beta_1, double beta_2, double epsilon, threads,
):
    """Step by Adamax: m += (g-m)(1-beta_1); u = max(beta_2 u, |g|); w -= alpha m / (u+epsilon)."""
    cdef Step s
    s.alpha, s.beta_1, s.beta_2, s.epsilon = alpha, beta_1, beta_2, epsilon
    make("adamax_step", &s, adamax[float], adamax[double], threads, w, g, m, u)


cdef void adamax(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    g, m, u = <floating*>s.g, <floating*>s.state[0], <floating*>s.state[1]
    cdef floating alpha = <floating>s.alpha, epsilon = <floating>s.epsilon
    cdef floating new_1 = <floating>(1 - s.beta_1), beta_2 = <floating>s.beta_2, size, decayed
    for i in range(begin, end):
        m[i] += (g[i] - m[i]) * new_1
        size = -g[i] if g[i] < 0 else g[i]
        decayed = beta_2 * u[i]
        u[i] = size if size > decayed else decayed
        w[i] -= alpha * m[i] / (u[i] + epsilon)


def adadelta_step(
    ndarray w not None, ndarray g not None, ndarray a not None, ndarray d not None, double lr,
    double rho, double epsilon, threads,
):
    """Step by Adadelta: a = rho a + (1-rho) g²; step = sqrt(d + epsilon) g / sqrt(a + epsilon);
    d = rho d + (1-rho) step²; w -= lr step.
    """
    cdef Step s
    s.lr, s.rho, s.epsilon = lr, rho, epsilon
    make("adadelta_step", &s, adadelta[float], adadelta[double], threads, w, g, a, d)


cdef void adadelta(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    g, a, d = <floating*>s.g, <floating*>s.state[0], <floating*>s.state[1]
    cdef floating lr = <floating>s.lr, epsilon = <floating>s.epsilon, step
    cdef floating rho = <floating>s.rho, new = <floating>(1 - s.rho), slope
    for i in range(begin, end):
        slope = squarable(g[i])
        a[i] = rho * a[i] + new * slope * slope
        step = sqrt(d[i] + epsilon) * slope / sqrt(a[i] + epsilon)
        d[i] = rho * d[i] + new * step * step
        w[i] -= lr * step


def lion_step(
    ndarray w not None, ndarray g not None, ndarray m not None, double lr, double beta_1,
    double beta_2, threads,
):
    """Step by Lion: w -= lr sign(beta_1 m + (1-beta_1) g); m = beta_2 m + (1-beta_2) g."""
    cdef Step s
    s.lr, s.beta_1, s.beta_2 = lr, beta_1, beta_2
    make("lion_step", &s, lion[float], lion[double], threads, w, g, m)


cdef void lion(void* arguments, floating* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Step* s = <Step*>arguments
    g, m = <floating*>s.g, <floating*>s.state[0]
    cdef floating lr = <floating>s.lr, c, step
    cdef floating beta_1 = <floating>s.beta_1, new_1 = <floating>(1 - s.beta_1)
    cdef floating beta_2 = <floating>s.beta_2, new_2 = <floating>(1 - s.beta_2)
    for i in range(begin, end):
        c = beta_1 * m[i] + new_1 * g[i]
        step = lr if c > 0 else c  # 0 stays 0, and NaN stays NaN
        w[i] -= -lr if c < 0 else step
        m[i] = beta_2 * m[i] + new_2 * g[i]
