"""Adamax: Adam with the largest recent gradient in place of the root of the mean square."""

from minigrad import kernels
from minigrad.optimizers.base import Optimizer


class Adamax(Optimizer):
    """Adamax, Adam by the infinity norm.

    With the gradient g, the step t = 1, 2, ... and m = u = 0 at the start::

        m ← m + (1-β₁) (g - m)
        u ← max(β₂ u, |g|)
        w ← w - lr / (1-β₁ᵗ) m / (u + ε)

    The paper has no ε. PyTorch takes the maximum of β₂ u and ``|g| + ε``, with ε = 1e-8.

    Reference: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, section 7.1,
    https://arxiv.org/abs/1412.6980.

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

    state_names = ("m", "u")

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, *others, **common
    ):
        self._keep("[0, 1)", beta_1=beta_1, beta_2=beta_2)
        self._keep("[0, inf)", epsilon=epsilon)
        super().__init__(learning_rate, *others, **common)

    def update(self, w, g, state, lr, t, threads):
        m, u = state["m"], state["u"]
        alpha = lr / (1 - self.beta_1**t)
        kernels.adamax_step(w, g, m, u, alpha, self.beta_1, self.beta_2, self.epsilon, threads)

    def inside(self, before, state, lr, t):
        return {"m": 1 - self.beta_1**t}, lr / (state["u"] + self.epsilon)
