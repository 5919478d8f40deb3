"""Muon: the momentum of a matrix, turned into the nearest matrix that stretches nothing."""

import math
import re

import numpy as np

from minigrad import kernels
from minigrad.optimizers.base import Optimizer, norm


class Muon(Optimizer):
    """Muon, momentum orthogonalized by Newton and Schulz's iteration; Adam for other weights.

    For weights that are matrices (N, M), with the gradient g and m = 0 at the start::

        m ← μ m + g
        x = g + μ m     with nesterov, else m;  transposed if it has more rows than columns
        x ← x / (‖x‖ + 1e-7),   ‖x‖ the root of the sum of x²
        ns_steps times:   A = x xᵀ,   x ← a x + (b A + c A A) x
        w ← w - lr rms_rate √max(N, M) x       x transposed back; rms_rate None: w - lr x

    The iteration brings the singular values of x near 1: with the default a, b and c, those above
    1 % of ‖x‖ lie between 0.68 and 1.21 then. So every direction counts about the same, also those
    that gradients seldom take.

    All other weights take Adam's step, with lr adam_lr_ratio and adam_beta_1, adam_beta_2, epsilon:
    those of 0, 1, 3 or more axes, embeddings, and what exclude_layers names. Name the last layer
    there: the authors train it by Adam.

    References: Jordan and others, "Muon: an optimizer for hidden layers in neural networks", 2024,
    https://kellerjordan.github.io/posts/muon/; Liu and others, "Muon is scalable for LLM training",
    2025, https://arxiv.org/abs/2502.16982, whose factor rms_rate √max(N, M) gives steps the size of
    Adam's.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    adam_beta_1, adam_beta_2 : float
        In [0, 1).
    adam_weight_decay : float, optional
        That of the weights with Adam's step.
    epsilon : float
        Of Adam's step, not negative.
    weight_decay : float, optional
        That of the matrices.
    exclude_layers : list of str, optional
        Regular expressions, searched for in the weights' paths: ["output"].
    exclude_embeddings : bool
        Whether weights with "embedding" in their path take Adam's step.
    muon_a, muon_b, muon_c : float
        a, b and c.
    adam_lr_ratio : float
        Not negative.
    momentum : float
        μ in [0, 1).
    ns_steps : int
        At least 1.
    nesterov : bool
    rms_rate : float, optional
        Not negative.
    *others, **common :
        As for `Optimizer`.
    """

    state_names = ("m", "v")

    def __init__(
        self, learning_rate=0.001, adam_beta_1=0.9, adam_beta_2=0.999, adam_weight_decay=0.004,
        epsilon=1e-7, weight_decay=0.004, *others, exclude_layers=None, exclude_embeddings=True,
        muon_a=3.4445, muon_b=-4.7750, muon_c=2.0315, adam_lr_ratio=1, momentum=0.95, ns_steps=5,
        nesterov=True, rms_rate=0.2, **common,
    ):  # fmt: skip
        names = [] if exclude_layers is None else exclude_layers
        if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
            raise TypeError(f"Muon: expected exclude_layers as a list of texts, got {names!r}")
        self.exclude_layers, self.exclude_embeddings = list(names), exclude_embeddings
        self._keep("[0, 1)", adam_beta_1=adam_beta_1, adam_beta_2=adam_beta_2, momentum=momentum)
        self._keep("[0, inf)", epsilon=epsilon, adam_lr_ratio=adam_lr_ratio)
        self._keep("[0, inf)", optional=True, adam_weight_decay=adam_weight_decay)
        self._keep("[0, inf)", optional=True, rms_rate=rms_rate)
        self._keep(muon_a=muon_a, muon_b=muon_b, muon_c=muon_c)
        self._keep("[1, inf)", int, ns_steps=ns_steps)
        self.nesterov = nesterov
        super().__init__(learning_rate, weight_decay, *others, **common)

    def build(self, variables):
        was_built = self.built
        super().build(variables)
        for variable, state in () if was_built else self._state.items():
            path = self._paths[variable]
            excluded = self.exclude_embeddings and "embedding" in path.lower()
            excluded = excluded or any(re.search(name, path) for name in self.exclude_layers)
            if len(variable.shape) == 2 and not excluded:
                del state["v"]  # which Adam's step alone has

    def update(self, w, g, state, lr, t, threads):
        if "v" not in state:
            scale = 1.0 if self.rms_rate is None else self.rms_rate * math.sqrt(max(w.shape))
            w -= lr * scale * self._direction(g, state["m"])
            return
        beta_1, beta_2 = self.adam_beta_1, self.adam_beta_2
        alpha = lr * self.adam_lr_ratio * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        moments = state["m"], state["v"], None
        kernels.adam_step(w, g, *moments, alpha, beta_1, beta_2, self.epsilon, threads)

    def _direction(self, g, m):
        """Move the momentum m (N, M) by the gradient g; return the direction of the step."""
        a, b, c = self.muon_a, self.muon_b, self.muon_c
        with np.errstate(all="ignore"):  # kernels do not warn of infinity and NaN either
            m *= self.momentum
            m += g
            x = g + self.momentum * m if self.nesterov else m
            is_tall = x.shape[0] > x.shape[1]
            x = x.T if is_tall else x
            x = x / x.dtype.type(norm(x) + 1e-7)
            for _ in range(self.ns_steps):
                squares = _product(x, x.T)
                x = a * x + _product(b * squares + c * _product(squares, squares), x)
        return x.T if is_tall else x

    def _decay_of(self, variable):
        is_adams = "v" in self._state[variable]
        return self.adam_weight_decay if is_adams else super()._decay_of(variable)


def _product(a, b):
    """The kernels' product: NumPy's last bits change with its threads."""
    y = np.empty((a.shape[0], b.shape[1]), a.dtype)
    kernels.matmul(a, b, None, False, y, kernels.get_num_threads())
    return y
