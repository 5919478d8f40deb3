"""Write a layer that minigrad does not have, check its gradients, and train a model with it.

The layer is layer normalization: it scales each sample, whatever its contrast, to mean 0 and
standard deviation 1. The test digits are far darker than the training digits.
"""

import sys
from typing import Any

import numpy as np

from minigrad import Parameter, Sequential, Tensor, layers, ops
from minigrad.command_line import new_parser, program
from minigrad.datasets import synthetic_digits
from minigrad.testing import check_gradients
from minigrad.utils import set_random_seed


class LayerNormalization(layers.Layer):
    """γ (x - μ) / √(σ² + epsilon) + β, with mean μ and variance σ² of each sample's last axis.

    Source: Ba, Kiros and Hinton, "Layer normalization", 2016, https://arxiv.org/abs/1607.06450.

    Parameters
    ----------
    epsilon : float
        Positive; added to the variance.
    **kwargs
        As for ``Layer``.
    """

    fixed_axes = (-1,)  # its size determines the weights, so it must not change

    def __init__(self, epsilon: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if epsilon <= 0:
            raise ValueError(f"LayerNormalization: expected a positive epsilon, got {epsilon}")
        self.epsilon = epsilon

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.gamma = self.add_weight(input_shape[-1:], "ones", name="gamma")
        self.beta = self.add_weight(input_shape[-1:], "zeros", name="beta")

    def call(self, x: Tensor) -> Tensor:
        centered = x - ops.mean(x, axis=-1, keepdims=True)
        variance = ops.mean(centered * centered, axis=-1, keepdims=True)
        return self.gamma * centered / ops.sqrt(variance + self.epsilon) + self.beta

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(input_shape)


def check() -> None:
    """Compare the gradients of input and weights with finite differences, in float64."""
    layer = LayerNormalization(dtype="float64")
    layer.build((None, 5))

    def output(x: Tensor, gamma: Parameter, beta: Parameter) -> Tensor:
        layer.gamma, layer.beta = gamma, beta
        return layer.call(x)

    generator = np.random.default_rng(1)
    check_gradients(output, generator.normal(size=(3, 5)), np.linspace(1, 2, 5), np.ones(5))


def make_model(*first: layers.Layer) -> Sequential:
    model = Sequential(
        [
            layers.Input(shape=(28, 28)),
            layers.Flatten(),
            *first,
            layers.Dense(32, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    new_parser(__doc__).parse_args()  # for --help
    check()
    print("the gradients of LayerNormalization are right")
    (x_train, y_train), (x_test, y_test) = synthetic_digits.load_data(num_train=3000, num_test=500)
    for title, first in [("without it", []), ("with it", [LayerNormalization()])]:
        set_random_seed(1)
        model = make_model(*first)
        model.fit(x_train / 255, y_train, epochs=5, verbose=0)
        for contrast in (1.0, 0.1):
            _, accuracy = model.evaluate(contrast * x_test / 255, y_test, verbose=0)
            print(f"{title:10s}  contrast {contrast:.1f}  accuracy {accuracy:.3f}")


if __name__ == "__main__":
    sys.exit(program(main))
