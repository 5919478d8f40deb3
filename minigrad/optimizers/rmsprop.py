"""RMSprop: the gradient divided by a moving average of its magnitude."""

import numpy as np

from minigrad import kernels
from minigrad.optimizers.base import Optimizer


class RMSprop(Optimizer):
    """RMSprop.

    With the gradient g, the momentum μ and v = m = b = 0 at the start::

        v ← ρ v + (1-ρ) g²
        d = v                                    or, centered:
        m ← ρ m + (1-ρ) g,   d = max(v - m², 0)
        Δ = lr g / √(d + ε)
        w ← w - Δ                                or, with momentum:
        b ← μ b + Δ,         w ← w - b

    ε is inside the root; PyTorch adds it to the root (with ε = 1e-8 and ρ = 0.99). Keras does not
    clip d at 0, where rounding can lead to NaN.

    Reference: Tieleman and Hinton, "Lecture 6.5: rmsprop", Coursera, 2012,
    https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf; centered: Graves,
    "Generating sequences with recurrent neural networks", 2013, https://arxiv.org/abs/1308.0850.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    rho : float
        ρ in [0, 1].
    momentum : float
        μ in [0, 1].
    epsilon : float
        ε, not negative.
    centered : bool
        Divide by the gradient's estimated standard deviation instead of its magnitude.
    *others, **common :
        As for `Optimizer`.
    """

    def __init__(
        self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False,
        *others, **common,
    ):  # fmt: skip
        self._keep("[0, 1]", rho=rho, momentum=momentum)
        self._keep("[0, inf)", epsilon=epsilon)
        self.centered = centered
        self.state_names = ["v", *["m"] * centered, *["b"] * (self.momentum > 0)]
        super().__init__(learning_rate, *others, **common)

    def update(self, w, g, state, lr, t, threads):
        v, m, b = state["v"], state.get("m"), state.get("b")
        rates = lr, self.rho, self.momentum, self.epsilon
        kernels.rmsprop_step(w, g, v, m, b, *rates, threads)

    def inside(self, before, state, lr, t):
        d = np.maximum(state["v"] - state["m"] ** 2, 0) if self.centered else state["v"]
        return {}, lr / np.sqrt(d + self.epsilon)
