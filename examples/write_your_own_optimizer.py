"""Write an optimizer that minigrad does not have, check it by hand, and compare it with Adam.

The rule is AdaBelief. Adam divides by the size of the recent gradients; AdaBelief divides by their
deviation from their running mean, and so takes longer steps where the slope is steady.
"""

import sys
from typing import Any

import numpy as np

from minigrad import Parameter, Tensor
from minigrad.command_line import new_parser, program
from minigrad.optimizers import Adam, Optimizer
from minigrad.testing import check_gradients

Array = np.ndarray
STEPS = 1000
START = 1.0, 1.0


class AdaBelief(Optimizer):
    """AdaBelief.

    With the gradient g, the step t = 1, 2, ... and m = s = 0 at the start::

        m ← m + (1-β₁) (g - m)
        s ← s + (1-β₂) ((g - m)² - s) + ε
        w ← w - lr m / (1-β₁ᵗ) / (√(s / (1-β₂ᵗ)) + ε)

    Source: Zhuang et al., "AdaBelief optimizer: adapting stepsizes by the belief in observed
    gradients", 2020, https://arxiv.org/abs/2010.07468.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    beta_1, beta_2 : float
        β₁ and β₂ in [0, 1).
    epsilon : float
        ε, not negative.
    **common :
        As for `Optimizer`.
    """

    state_names = ("m", "s")  # arrays of zeros before the first step, one pair for each weight

    beta_1: float
    beta_2: float
    epsilon: float

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-16,
        **common: Any,
    ) -> None:
        self._keep("[0, 1)", beta_1=beta_1, beta_2=beta_2)  # checks them, for get_config() too
        self._keep("[0, inf)", epsilon=epsilon)
        super().__init__(learning_rate, **common)

    def update(
        self, w: Array, g: Array, state: dict[str, Array], lr: float, t: int, threads: int
    ) -> None:
        m, s = state["m"], state["s"]
        m += (1 - self.beta_1) * (g - m)  # in place: m and s are the state itself
        s += (1 - self.beta_2) * ((g - m) ** 2 - s) + self.epsilon
        m_hat, s_hat = m / (1 - self.beta_1**t), s / (1 - self.beta_2**t)
        w -= lr * m_hat / (np.sqrt(s_hat) + self.epsilon)


def check() -> None:
    """Compare three steps with the formulas, written again for one number.

    Raises
    ------
    AssertionError
        If they differ.
    """
    gradients = [0.5, -2.0, 1.0]
    weight = Parameter(1.0, dtype="float64")
    optimizer = AdaBelief(0.1, parameters=[weight])
    w, m, s = 1.0, 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        optimizer.apply([np.array(g)])
        m = 0.9 * m + 0.1 * g
        s = 0.999 * s + 0.001 * (g - m) ** 2 + 1e-16
        w -= 0.1 * m / (1 - 0.9**t) / ((s / (1 - 0.999**t)) ** 0.5 + 1e-16)
        np.testing.assert_allclose(weight.data, w, rtol=1e-12)


def beale(x: Tensor, y: Tensor) -> Tensor:
    """Beale's function: flat plains, steep walls, and its minimum 0 at (3, 0.5)."""
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def descend(rule: type[Optimizer], **arguments: Any) -> tuple[int | None, float, float]:
    """Descend on Beale's function; return the first step below 0.001 (or None), and the end."""
    x, y = (Parameter(value, dtype="float64") for value in START)
    optimizer = rule(parameters=[x, y], **arguments)
    arrival = None
    for step in range(STEPS):
        loss = beale(x, y)
        if arrival is None and loss.item() < 0.001:
            arrival = step
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return arrival, x.item(), y.item()


def main() -> None:
    new_parser(__doc__).parse_args()  # for --help
    check_gradients(beale, *START)
    print("the gradient of Beale's function is right")
    check()
    print("AdaBelief's steps are those of its formulas")
    for rule in (Adam, AdaBelief):
        arrival, x, y = descend(rule, learning_rate=0.01)
        print(
            f"{rule.__name__:10s} below 0.001 after {arrival} steps, at the end ({x:.3f}, {y:.3f})"
        )


if __name__ == "__main__":
    sys.exit(program(main))
