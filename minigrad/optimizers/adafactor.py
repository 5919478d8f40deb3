"""Adafactor: the mean squares of a matrix's gradients, kept as those of its rows and columns."""

import numpy as np

from minigrad.optimizers.base import Optimizer, norm


class Adafactor(Optimizer):
    """Adafactor, adaptive steps from the mean squares of rows and columns.

    With the gradient g, the step t = 1, 2, ..., r = c = v = 0 at the start, and RMS(x), the root of
    the mean of x²::

        ρ = min(lr, 1 / √t),   β = 1 - t^beta_2_decay,   s = g² + ε₁
        r ← β r + (1-β) mean of s over each row
        c ← β c + (1-β) mean of s over each column
        v = (r / mean of r) c            each element's row times its column
        u = g / √v
        w ← w - ρ max(ε₂, RMS(w)) u / max(1, RMS(u) / clip_threshold)

    Rows and columns are the last two axes. Weights of fewer axes have v ← β v + (1-β) (g² + ε₁).

    A step moves a weight by a share of the weights' own size, at most about lr of it, and at
    weights near 0 by ε₂ lr. So layers whose weights start at 0, as biases do, start slowly.

    The paper saves memory: it keeps r and c, from which v is made. Keras keeps v as well, and so
    does minigrad, whose files Keras reads. ``relative_step`` has no effect in either: ρ is at most
    1 / √t anyway.

    Reference: Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost",
    2018, https://arxiv.org/abs/1804.04235.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    beta_2_decay : float
        The exponent of t, at most 0.
    epsilon_1 : float
        ε₁, positive: no mean square is 0.
    epsilon_2 : float
        ε₂, not negative: the least size that weights count as.
    clip_threshold : float
        Positive. The largest RMS of u.
    relative_step : bool
    *others, **common :
        As for `Optimizer`.
    """

    state_names = ("r", "c", "v")

    def __init__(
        self, learning_rate=0.001, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3,
        clip_threshold=1.0, relative_step=True, *others, **common,
    ):  # fmt: skip
        self._keep("(-inf, 0]", beta_2_decay=beta_2_decay)
        self._keep("(0, inf)", epsilon_1=epsilon_1, clip_threshold=clip_threshold)
        self._keep("[0, inf)", epsilon_2=epsilon_2)
        self.relative_step = relative_step
        super().__init__(learning_rate, *others, **common)

    def init_state(self, w):
        if w.ndim < 2:  # r and c, which it does not need, hold Keras's places in files
            return {"r": np.zeros((), np.int32), "c": np.zeros((), np.int32), "v": np.zeros_like(w)}
        r, c = w[..., 0].shape if w.shape[-1] else w.shape[:-1], w.shape[:-2] + w.shape[-1:]
        return {"r": np.zeros(r, w.dtype), "c": np.zeros(c, w.dtype), "v": np.zeros_like(w)}

    def update(self, w, g, state, lr, t, threads):
        if w.size == 0:
            return
        r, c, v = state["r"], state["c"], state["v"]
        rho, share = min(lr, t**-0.5), t**self.beta_2_decay  # 1 - β
        with np.errstate(all="ignore"):  # kernels do not warn of infinity and NaN either
            g = _limited(g)
            squares = g * g + self.epsilon_1
            if w.ndim < 2:
                v += share * (squares - v)
                root = np.sqrt(v)
            else:
                r += share * (_mean(squares, -1) - r)
                c += share * (_mean(squares, -2) - c)
                row, column = (r / _mean(r, -1)[..., None])[..., None], c[..., None, :]
                np.multiply(row, column, out=v)
                root = np.sqrt(row) * np.sqrt(column)  # not √v: v may be too small for its type
            u = g / root
            alpha = rho * np.maximum(self.epsilon_2, _rms(w))
            w -= u * w.dtype.type(alpha / np.maximum(1, _rms(u) / self.clip_threshold))


def _limited(g):
    """Limit what is finite to a size whose square is finite, as the kernels of other rules do."""
    limit = 2.0**60 if g.dtype == np.float32 else 2.0**508
    return np.where(np.isinf(g), g, np.clip(g, -limit, limit))


def _mean(x, axis):
    """The mean along an axis, in float64; divided first, so that no sum is infinite."""
    return (x / x.shape[axis]).sum(axis=axis, dtype=np.float64).astype(x.dtype)


def _rms(x):
    """The root of the mean square of all elements."""
    return norm(x) / x.size**0.5
