"""Write an operation that minigrad does not have, check its gradient, and train with it.

The op is the sine. With it, Adam fits the amplitude, frequency and phase of a noisy wave.
"""

import sys
from typing import Any

import numpy as np

from minigrad import Function, Parameter, Tensor, ops
from minigrad.command_line import new_parser, program, tell
from minigrad.optimizers import Adam
from minigrad.testing import check_gradients

STEPS = 400


class Sin(Function):
    """The graph node of a sine: its value and its gradient."""

    def forward(self, x: np.ndarray) -> Any:
        self.save(x)  # only what backward needs
        return np.sin(x)

    def backward(self, gy: np.ndarray) -> Any:
        (x,) = self.saved
        return gy * np.cos(x)  # chain rule: upstream gradient times local derivative


def sin(x: Tensor) -> Tensor:
    """The sine, elementwise; ``x`` in radians."""
    return Sin()(x)


class WrongSin(Sin):
    """The same with a mistake, to show that the check finds it."""

    def backward(self, gy: np.ndarray) -> Any:
        (x,) = self.saved
        return gy * -np.cos(x)


def noisy_wave(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points of 1.5 sin(2 x + 0.5) plus noise, float32 arrays (200,)."""
    x = np.linspace(-3, 3, 200)
    y = 1.5 * np.sin(2 * x + 0.5) + generator.normal(0, 0.1, x.shape)
    return x.astype("float32"), y.astype("float32")


def main() -> None:
    new_parser(__doc__).parse_args()  # for --help
    check_gradients(sin, np.linspace(-2, 2, 7))
    print("the gradient of sin is right")
    try:
        check_gradients(lambda x: WrongSin()(x), np.linspace(-2, 2, 7))
    except AssertionError as error:
        tell(f"a wrong one is found: {error}")

    x, y = noisy_wave(np.random.default_rng(1))
    amplitude, frequency, phase = Parameter(1.0), Parameter(1.7), Parameter(0.0)
    optimizer = Adam(learning_rate=0.02, parameters=[amplitude, frequency, phase])
    loss = Tensor(np.inf)  # before the first step
    for _ in range(STEPS):
        loss = ops.mean((amplitude * sin(frequency * x + phase) - y) ** 2)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    print(f"the wave is {amplitude:.2f} sin({frequency:.2f} x + {phase:.2f}), loss {loss:.4f}")


if __name__ == "__main__":
    sys.exit(program(main))
