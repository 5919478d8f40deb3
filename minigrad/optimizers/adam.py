"""Adam, AMSGrad and AdamW: step sizes that do not depend on the gradient's scale."""

import math

from minigrad import kernels
from minigrad.optimizers.base import Optimizer


class Adam(Optimizer):
    """Adam, adaptive moment estimation.

    With the gradient g, the step t = 1, 2, ... and m = v = v̂ = 0 at the start::

        m ← m + (1-β₁) (g - m)
        v ← v + (1-β₂) (g² - v)
        α = lr √(1-β₂ᵗ) / (1-β₁ᵗ)
        w ← w - α m / (√v + ε)

    With amsgrad, v̂ ← max(v̂, v) replaces v in the last line. ε is added to the root of v before the
    correction of its bias (the paper's "ε hat", in the lines before its section 2.1); PyTorch adds
    it to the corrected root, with ε = 1e-8.

    References: Kingma and Ba, "Adam: a method for stochastic optimization", 2015,
    https://arxiv.org/abs/1412.6980; Reddi, Kale and Kumar, "On the convergence of Adam and
    beyond", 2018, https://openreview.net/forum?id=ryQu7f-RZ.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    beta_1, beta_2 : float
        β₁ and β₂ in [0, 1).
    epsilon : float
        ε, not negative.
    amsgrad : bool
    *others, **common :
        As for `Optimizer`.
    """

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False,
        *others, **common,
    ):  # fmt: skip
        self._keep("[0, 1)", beta_1=beta_1, beta_2=beta_2)
        self._keep("[0, inf)", epsilon=epsilon)
        self.amsgrad = amsgrad
        self.state_names = ["m", "v", "v_max"] if amsgrad else ["m", "v"]
        super().__init__(learning_rate, *others, **common)

    def update(self, w, g, state, lr, t, threads):
        m, v, v_max = state["m"], state["v"], state.get("v_max")
        beta_1, beta_2 = self.beta_1, self.beta_2
        alpha = lr * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        kernels.adam_step(w, g, m, v, v_max, alpha, beta_1, beta_2, self.epsilon, threads)

    def inside(self, before, state, lr, t):
        corrections = {"m": 1 - self.beta_1**t, "v": 1 - self.beta_2**t}
        v = state["v_max" if self.amsgrad else "v"]
        return corrections, lr * math.sqrt(corrections["v"]) / (v**0.5 + self.epsilon)


class AdamW(Adam):
    """Adam with decoupled weight decay: w ← w - lr weight_decay w, and then Adam's step.

    PyTorch's default for weight_decay is 0.01.

    Reference: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019,
    https://arxiv.org/abs/1711.05101.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    weight_decay : float
        Not negative, and not None.
    beta_1, beta_2, epsilon, amsgrad, *others, **common :
        As for `Adam`.
    """

    def __init__(
        self, learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-7,
        amsgrad=False, *others, **common,
    ):  # fmt: skip
        if weight_decay is None:
            raise ValueError("AdamW: expected a number as weight_decay, got None; Adam has none")
        others = weight_decay, *others
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, *others, **common)
