"""Adadelta: steps in the units of the weights, from the sizes of recent gradients and steps."""

from minigrad import kernels
from minigrad.optimizers.base import Optimizer


class Adadelta(Optimizer):
    """Adadelta.

    With the gradient g and a = d = 0 at the start::

        a ← ρ a + (1-ρ) g²
        Δ = √(d + ε) / √(a + ε) g
        d ← ρ d + (1-ρ) Δ²
        w ← w - lr Δ

    ε is inside both roots. The paper has lr = 1, as PyTorch has (with ρ = 0.9, ε = 1e-6);
    with 0.001 the weights hardly move.

    Reference: Zeiler, "ADADELTA: an adaptive learning rate method", 2012,
    https://arxiv.org/abs/1212.5701.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    rho : float
        ρ in [0, 1].
    epsilon : float
        ε, not negative.
    *others, **common :
        As for `Optimizer`.
    """

    state_names = ("a", "d")

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, *others, **common):
        self._keep("[0, 1]", rho=rho)
        self._keep("[0, inf)", epsilon=epsilon)
        super().__init__(learning_rate, *others, **common)

    def update(self, w, g, state, lr, t, threads):
        a, d = state["a"], state["d"]
        kernels.adadelta_step(w, g, a, d, lr, self.rho, self.epsilon, threads)

    def inside(self, before, state, lr, t):
        return {}, lr * ((before["d"] + self.epsilon) / (state["a"] + self.epsilon)) ** 0.5
