"""Train a deep convolutional network with and without shortcuts around its blocks.

    python examples/residual_network.py
    python examples/residual_network.py --blocks 4 --epochs 2

Without shortcuts the gradient reaches the first layers through all the others, and the network
hardly learns. With them, a block only has to learn what to add to its input.
"""

import sys
from typing import Any

from minigrad import Input, Model, Tensor, layers
from minigrad.command_line import count, new_parser, print_estimate, program
from minigrad.datasets import synthetic_digits
from minigrad.optimizers import Adam
from minigrad.utils import set_random_seed


class Block(layers.Layer):
    """Two convolutions, and a shortcut around them: x + f(x), or f(x) without it.

    Source: He and others, "Deep residual learning for image recognition", 2016,
    https://arxiv.org/abs/1512.03385.
    """

    def __init__(self, filters: int, shortcut: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first = layers.Conv2D(filters, 3, padding="same", activation="relu")
        self.second = layers.Conv2D(filters, 3, padding="same")
        self.relu = layers.ReLU()
        self.shortcut = shortcut

    def call(self, inputs: Tensor) -> Tensor:
        x = self.second(self.first(inputs))
        return self.relu(inputs + x if self.shortcut else x)


def build_model(blocks: int, shortcut: bool) -> Model:
    inputs = Input(shape=(28, 28, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.AveragePooling2D(2)(x)  # a quarter of the work
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    for _ in range(blocks):
        x = Block(8, shortcut)(x)
    x = layers.MaxPooling2D(2)(x)
    outputs = layers.Dense(10, activation="softmax")(layers.Flatten()(x))
    model = Model(inputs, outputs, name="residual" if shortcut else "plain")
    model.compile(Adam(0.002), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    parser = new_parser(__doc__)
    flag = parser.add_argument
    flag("--blocks", type=count, default=10, help="of two convolutions (default: %(default)s)")
    flag("--epochs", type=count, default=3, help="default: %(default)s")
    flag("--digits", type=count, default=2000, help="to train on (default: %(default)s)")
    arguments = parser.parse_args()

    train, test = synthetic_digits.load_data(num_train=arguments.digits, num_test=500)
    (x_train, y_train), (x_test, y_test) = ((x[..., None], y) for x, y in (train, test))
    print_estimate(
        lambda: build_model(arguments.blocks, True), x_train, y_train, 32, arguments.epochs, times=2
    )
    for shortcut in (True, False):
        set_random_seed(1)
        model = build_model(arguments.blocks, shortcut)
        depth = 2 * arguments.blocks + 2
        print(f"{model.name}: {depth} layers, {model.count_params():,} parameters")
        for epoch in range(1, arguments.epochs + 1):
            model.fit(x_train, y_train, verbose=0)
            loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
            print(f"  epoch {epoch}  test loss {loss:.3f}  test accuracy {accuracy:.3f}")
    print(f"on {synthetic_digits.TITLE}")


if __name__ == "__main__":
    sys.exit(program(main))
