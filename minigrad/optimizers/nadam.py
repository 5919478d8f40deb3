"""Nadam: Adam with Nesterov's momentum."""

import numpy as np

from minigrad import kernels
from minigrad.optimizers.base import Optimizer


class Nadam(Optimizer):
    """Nadam, Adam with Nesterov's momentum and a schedule that warms the momentum up.

    With the gradient g, the step t = 1, 2, ..., m = v = 0 and U = 1 at the start::

        u_t = β₁ (1 - 0.96ᵗ / 2),   U ← U u_t       once a step, for all weights
        m ← m + (1-β₁) (g - m)
        v ← v + (1-β₂) (g² - v)
        m̂ = u_{t+1} m / (1 - U u_{t+1}) + (1 - u_t) g / (1 - U)
        w ← w - lr m̂ / (√(v / (1-β₂ᵗ)) + ε)

    ε is added to the root after the correction of the bias. PyTorch raises 0.96 to the power
    0.004 t: its momentum warms up far more slowly.

    Reference: Dozat, "Incorporating Nesterov momentum into Adam", 2016,
    https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    beta_1, beta_2 : float
        β₁ and β₂ in [0, 1).
    epsilon : float
        ε, not negative.
    *others, **common :
        As for `Optimizer`.
    """

    state_names = ("m", "v")

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, *others, **common
    ):
        self._keep("[0, 1)", beta_1=beta_1, beta_2=beta_2)
        self._keep("[0, inf)", epsilon=epsilon)
        super().__init__(learning_rate, *others, **common)
        self.shared["U"] = np.ones(())

    def begin_step(self, t):
        self.shared["U"] *= self._u(t)

    def update(self, w, g, state, lr, t, threads):
        U, u_now, u_next = float(self.shared["U"]), self._u(t), self._u(t + 1)
        alpha_m = lr * u_next / (1 - U * u_next)
        alpha_g = lr * (1 - u_now) / (1 - U)
        rates = alpha_m, alpha_g, 1 - self.beta_2**t, self.beta_1, self.beta_2, self.epsilon
        kernels.nadam_step(w, g, state["m"], state["v"], *rates, threads)

    def inside(self, before, state, lr, t):
        corrections = {"m": 1 - float(self.shared["U"]) * self._u(t + 1), "v": 1 - self.beta_2**t}
        return corrections, lr / (np.sqrt(state["v"] / corrections["v"]) + self.epsilon)

    def _u(self, t):
        return self.beta_1 * (1 - 0.5 * 0.96**t)
