"""Train a variational autoencoder on digits, and draw digits that nobody wrote.

    python examples/variational_autoencoder.py
    python examples/variational_autoencoder.py --epochs 100

The encoder describes a digit by two numbers, the decoder draws it from them. The plane of these two
numbers is printed at the end. The step that trains both is the model's own.
"""

import sys
from typing import Any

import numpy as np

from minigrad import Input, Model, Tensor, layers, losses, metrics, no_grad, ops, random
from minigrad.command_line import count, new_parser, print_estimate, program
from minigrad.datasets import synthetic_digits
from minigrad.optimizers import Adam
from minigrad.utils import set_random_seed

SHADES = " .:-=+*#%@"


class Sampling(layers.Layer):
    """Draws z with the mean and the logarithm of the variance that it is given."""

    def call(self, inputs: list[Tensor]) -> Tensor:
        z_mean, z_log_var = inputs
        return z_mean + ops.exp(0.5 * z_log_var) * random.normal(z_mean.shape)


class VariationalAutoencoder(Model):
    """Source: Kingma and Welling, 2013, https://arxiv.org/abs/1312.6114."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        image = Input((14, 14))
        x = layers.Dense(128, activation="relu")(layers.Flatten()(image))
        z_mean, z_log_var = layers.Dense(2)(x), layers.Dense(2)(x)
        z = Sampling()([z_mean, z_log_var])
        self.encoder = Model(image, [z_mean, z_log_var, z], name="encoder")

        code = Input((2,))
        x = layers.Dense(128, activation="relu")(code)
        x = layers.Dense(14 * 14, activation="sigmoid")(x)
        self.decoder = Model(code, layers.Reshape((14, 14))(x), name="decoder")
        self.trackers = [metrics.Mean(name) for name in ("reconstruction_loss", "kl_loss")]

    def train_step(self, data: Tensor) -> dict[str, float]:
        self.zero_grad()
        z_mean, z_log_var, z = self.encoder(data, training=True)
        error = losses.binary_crossentropy(data, self.decoder(z))  # (N, 14)
        kl = 0.5 * (ops.exp(z_log_var) + z_mean**2 - 1 - z_log_var)  # (N, 2)
        parts = [ops.mean(14 * ops.sum(error, axis=1)), ops.mean(ops.sum(kl, axis=1))]
        (parts[0] + parts[1]).backward()
        weights = self.trainable_weights
        with no_grad():
            self.optimizer.apply([weight.grad for weight in weights], weights)
        for tracker, part in zip(self.trackers, parts, strict=True):
            tracker.update_state(part)
        return {tracker.name: tracker.result() for tracker in self.trackers}


def make_model() -> VariationalAutoencoder:
    model = VariationalAutoencoder()
    model.compile(Adam(0.003))
    return model


def print_plane(decoder: Model) -> None:
    """Print what the decoder draws for a grid of codes, from -2 to 2 in both directions."""
    codes = np.array([[x, y] for y in np.linspace(2, -2, 3) for x in np.linspace(-2, 2, 5)])
    drawings = decoder.predict(codes, verbose=0).reshape(3, 5, 14, 14)
    for row in drawings:
        for line in np.concatenate(row, axis=1):
            print("".join(SHADES[int(9.99 * value)] for value in line).rstrip())


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--epochs", type=count, default=40, help="default: %(default)s")
    parser.add_argument("--digits", type=count, default=3000, help="default: %(default)s")
    arguments = parser.parse_args()
    (images, _), _ = synthetic_digits.load_data(num_train=arguments.digits, num_test=10)
    images = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)) / 255  # half the size
    print_estimate(make_model, images, None, 32, arguments.epochs)
    set_random_seed(1)
    model = make_model()
    history = model.fit(images, epochs=arguments.epochs, verbose=0).history
    for epoch in range(0, arguments.epochs, max(1, arguments.epochs // 5)):
        parts = "  ".join(f"{name} {values[epoch]:.1f}" for name, values in history.items())
        print(f"epoch {epoch + 1:2d}  {parts}")
    print_plane(model.decoder)


if __name__ == "__main__":
    sys.exit(program(main))
