"""Lion: every weight moves by the same amount, in the direction of a momentum's sign."""

from minigrad import kernels
from minigrad.optimizers.base import Optimizer


class Lion(Optimizer):
    """Lion, evolved sign momentum.

    With the gradient g and m = 0 at the start::

        w ← w - lr sign(β₁ m + (1-β₁) g)
        m ← β₂ m + (1-β₂) g

    Every weight moves by lr, so the paper advises a learning rate 3 to 10 times smaller than
    Adam's, and a weight_decay as many times larger. There is no ε.

    Reference: Chen et al., "Symbolic discovery of optimization algorithms", 2023,
    https://arxiv.org/abs/2302.06675.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    beta_1 : float
        β₁ in (0, 1].
    beta_2 : float
        β₂ in [0, 1].
    *others, **common :
        As for `Optimizer`.
    """

    state_names = ("m",)

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, *others, **common):
        self._keep("(0, 1]", beta_1=beta_1)
        self._keep("[0, 1]", beta_2=beta_2)
        super().__init__(learning_rate, *others, **common)

    def update(self, w, g, state, lr, t, threads):
        kernels.lion_step(w, g, state["m"], lr, self.beta_1, self.beta_2, threads)

    def inside(self, before, state, lr, t):
        return {}, lr
