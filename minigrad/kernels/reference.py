"""The NumPy twin of every compiled kernel: same name, same signature, same result.

Read these to learn what a kernel computes; the tests hold the compiled kernels to them, and
``MINIGRAD_KERNELS=reference`` runs the whole of minigrad on them, for study. ``threads`` is
accepted and ignored. Every function writes into the arrays marked OUT or INOUT and returns None.
"""

import numpy as np

# --- matmul and convolution ------------------------------------------------------------------

# --- pooling -----------------------------------------------------------------------------------

# --- dropout, activations, cross-entropy -------------------------------------------------------

# --- optimizer steps ---------------------------------------------------------------------------
# All arrays are 1-D of one length; an optional state is empty where a rule does without it.


def _check_lengths(kernel, w, arrays, optional=()):
    sizes = tuple(array.size for array in (*arrays, *optional))
    if {array.size for array in arrays} - {w.size} or {a.size for a in optional} - {w.size, 0}:
        raise ValueError(f"{kernel}: expected arrays of length {w.size}, got {sizes}")


def sgd_step(w, g, v, lr, momentum, nesterov, threads):
    """Step by SGD: v = momentum v - lr g; w += v, or w += momentum v - lr g by Nesterov."""
    _check_lengths("sgd_step", w, (g,), (v,))
    if v.size == 0:
        w -= lr * g
    else:
        v[:] = momentum * v - lr * g
        w += momentum * v - lr * g if nesterov else v


def adagrad_step(w, g, a, lr, epsilon, threads):
    """Step by Adagrad: a += g²; w -= lr g / sqrt(a + epsilon)."""
    _check_lengths("adagrad_step", w, (g, a))
    a += g * g
    w -= lr * g / np.sqrt(a + epsilon)


def rmsprop_step(w, g, v, m, b, lr, rho, momentum, epsilon, threads):
    """Step by RMSprop: v = rho v + (1-rho) g²; w -= lr g / sqrt(v + epsilon).

    Centered, v - m² stands for v, with m = rho m + (1-rho) g. With momentum, w -= b instead, where
    b = momentum b + the step above. A variance v - m² that rounding made negative counts as 0.
    """
    _check_lengths("rmsprop_step", w, (g, v), (m, b))
    v[:] = rho * v + (1 - rho) * g * g
    variance = v
    if m.size:
        m[:] = rho * m + (1 - rho) * g
        variance = np.maximum(v - m * m, 0)
    step = lr * g / np.sqrt(variance + epsilon)
    if b.size:
        b[:] = momentum * b + step
        step = b
    w -= step


def adam_step(w, g, m, v, v_max, alpha, beta_1, beta_2, epsilon, threads):
    """Step by Adam: m += (g-m)(1-beta_1); v += (g²-v)(1-beta_2); w -= alpha m / (sqrt(v)+epsilon).

    By AMSGrad, v_max = max(v_max, v) stands for v in the last. alpha holds the bias correction.
    """
    _check_lengths("adam_step", w, (g, m, v), (v_max,))
    m += (g - m) * (1 - beta_1)
    v += (g * g - v) * (1 - beta_2)
    second = v
    if v_max.size:
        np.maximum(v_max, v, out=v_max)
        second = v_max
    w -= alpha * m / (np.sqrt(second) + epsilon)


def nadam_step(w, g, m, v, alpha_m, alpha_g, correction, beta_1, beta_2, epsilon, threads):
    """Step by Nadam: m, v as in Adam; w -= (alpha_m m + alpha_g g) / (sqrt(v/correction)+epsilon).

    correction is 1 - beta_2 to the power t; the two alphas hold lr and the momentum schedule.
    """
    _check_lengths("nadam_step", w, (g, m, v))
    m += (g - m) * (1 - beta_1)
    v += (g * g - v) * (1 - beta_2)
    w -= (alpha_m * m + alpha_g * g) / (np.sqrt(v / correction) + epsilon)


def adamax_step(w, g, m, u, alpha, beta_1, beta_2, epsilon, threads):
    """Step by Adamax: m += (g-m)(1-beta_1); u = max(beta_2 u, |g|); w -= alpha m / (u+epsilon)."""
    _check_lengths("adamax_step", w, (g, m, u))
    m += (g - m) * (1 - beta_1)
    np.maximum(beta_2 * u, np.abs(g), out=u)
    w -= alpha * m / (u + epsilon)


def adadelta_step(w, g, a, d, lr, rho, epsilon, threads):
    """Step by Adadelta: a = rho a + (1-rho) g²; step = sqrt(d + epsilon) g / sqrt(a + epsilon);
    d = rho d + (1-rho) step²; w -= lr step.
    """
    _check_lengths("adadelta_step", w, (g, a, d))
    a[:] = rho * a + (1 - rho) * g * g
    step = np.sqrt(d + epsilon) * g / np.sqrt(a + epsilon)
    d[:] = rho * d + (1 - rho) * step * step
    w -= lr * step


def lion_step(w, g, m, lr, beta_1, beta_2, threads):
    """Step by Lion: w -= lr sign(beta_1 m + (1-beta_1) g); m = beta_2 m + (1-beta_2) g."""
    _check_lengths("lion_step", w, (g, m))
    w -= lr * np.sign(beta_1 * m + (1 - beta_1) * g)
    m[:] = beta_2 * m + (1 - beta_2) * g
