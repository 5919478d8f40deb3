"""Adagrad: each weight's learning rate shrinks with the squares of all its gradients so far."""

import numpy as np

from minigrad import kernels
from minigrad.optimizers.base import Optimizer


class Adagrad(Optimizer):
    """Adagrad, which suits sparse gradients: rarely moved weights keep a large learning rate.

    With the gradient g and a = initial_accumulator_value at the start::

        a ← a + g²
        w ← w - lr g / √(a + ε)

    ε is inside the root. PyTorch starts from a = 0 with lr = 0.01, and divides by √a + 1e-10.

    Reference: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization", 2011, https://jmlr.org/papers/v12/duchi11a.html.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    initial_accumulator_value : float
        Not negative.
    epsilon : float
        ε, not negative.
    *others, **common :
        As for `Optimizer`.
    """

    def __init__(
        self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, *others, **common
    ):
        self._keep("[0, inf)", initial_accumulator_value=initial_accumulator_value)
        self._keep("[0, inf)", epsilon=epsilon)
        super().__init__(learning_rate, *others, **common)

    def init_state(self, w):
        return {"a": np.full_like(w, self.initial_accumulator_value)}

    def update(self, w, g, state, lr, t, threads):
        kernels.adagrad_step(w, g, state["a"], lr, self.epsilon, threads)

    def inside(self, before, state, lr, t):
        return {}, lr / np.sqrt(state["a"] + self.epsilon)
