"""Stochastic gradient descent, plain, with momentum, and with Nesterov's momentum."""

from minigrad import kernels
from minigrad.optimizers.base import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent.

    With the gradient g, the momentum μ and v = 0 at the start::

        w ← w - lr g                        without momentum

        v ← μ v - lr g,   w ← w + v         with momentum
        v ← μ v - lr g,   w ← w + μ v - lr g   with nesterov

    PyTorch leaves lr out of the velocity (v ← μ v + g, w ← w - lr v): the two differ when the
    learning rate changes during training.

    Reference: Sutskever et al., "On the importance of initialization and momentum in deep
    learning", 2013, https://proceedings.mlr.press/v28/sutskever13.html.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    momentum : float
        μ in [0, 1].
    nesterov : bool
        Look ahead: use the gradient as if taken after the momentum's move; no effect for μ = 0.
    *others, **common :
        As for `Optimizer`.
    """

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, *others, **common):
        self._keep("[0, 1]", momentum=momentum)
        self.nesterov = nesterov
        self.state_names = ["v"] if self.momentum > 0 else []
        super().__init__(learning_rate, *others, **common)

    def update(self, w, g, state, lr, t, threads):
        kernels.sgd_step(w, g, state.get("v"), lr, self.momentum, self.nesterov, threads)

    def inside(self, before, state, lr, t):
        return {}, lr
