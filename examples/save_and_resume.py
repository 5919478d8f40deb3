"""Train a network, pull the plug, and go on: to the same bits as if nothing had happened.

    python examples/save_and_resume.py
    python examples/save_and_resume.py --images 10000 --epochs 6

The network trains three times: at one go; until an error ends it in the middle of an epoch; and on
from there, as a new program would. Weights, the optimizer's state, the order of the images and the
elements that dropout zeroes all have to be restored for the last bits to be the same. Then the
whole model goes into a file and comes back.
"""

import os
import sys
import tempfile
from typing import Any

from minigrad import Input, Sequential, layers
from minigrad.callbacks import BackupAndRestore, Callback
from minigrad.command_line import count, new_parser, program
from minigrad.datasets import synthetic_digits
from minigrad.models import load_model
from minigrad.utils import clear_session, set_random_seed


class PowerError(Exception):
    """What ends the second run."""


class PullThePlug(Callback):
    """Raises an error after so many batches, counted over all epochs."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.left -= 1
        if self.left == 0:
            raise PowerError


def build_model(seed: int) -> Sequential:
    clear_session()
    set_random_seed(seed)
    model = Sequential(
        [
            Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    parser = new_parser(__doc__)
    flag = parser.add_argument
    flag("--epochs", type=count, default=3, help="default: %(default)s")
    flag("--images", type=count, default=3000, help="to train on (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.images < 128:
        parser.error(f"--images: expected at least 128, two batches, got {arguments.images}")

    (x, y), test = synthetic_digits.load_data(num_train=arguments.images, num_test=500)
    fit: dict[str, Any] = {"epochs": arguments.epochs, "batch_size": 64, "verbose": 0}

    model = build_model(seed=1)
    model.fit(x, y, **fit)
    print(f"at one go:        {model.weights_hash()[:16]}")

    with tempfile.TemporaryDirectory() as folder:
        backup = os.path.join(folder, "backup")
        batches = int((arguments.epochs - 0.5) * len(x) / 64)  # in the middle of the last epoch
        interrupted = build_model(seed=1)
        try:
            interrupted.fit(
                x, y, callbacks=[BackupAndRestore(backup, save_freq=4), PullThePlug(batches)], **fit
            )
        except PowerError:
            print(f"interrupted:      {interrupted.weights_hash()[:16]}, after {batches} batches")

        resumed = build_model(seed=2)  # other weights, other random numbers: all are restored
        resumed.fit(x, y, callbacks=[BackupAndRestore(backup, save_freq=4)], **fit)
        print(f"and gone on with: {resumed.weights_hash()[:16]}")

        path = os.path.join(folder, "digits.keras")
        resumed.save(path)
        loaded = load_model(path)
        print(f"from a file:      {loaded.weights_hash()[:16]}, {os.path.getsize(path)} bytes")
        loss, accuracy = loaded.evaluate(*test, verbose=0)
        print(f"Test loss: {loss:.4f}, accuracy: {accuracy:.2%}")


if __name__ == "__main__":
    sys.exit(program(main))
