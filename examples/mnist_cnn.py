"""Train a convolutional network on MNIST and look at what it learned.

    python examples/mnist_cnn.py
    python examples/mnist_cnn.py --optimizer sgd --learning-rate 0.1 --epochs 3
    python examples/mnist_cnn.py --limit 5000 --epochs 2 --save weights.npz
    mpiexec -n 4 python examples/mnist_cnn.py --distributed

Without MNIST the network learns synthetic digits, and every result says so. The same seed gives the
same weights, to the last bit, for any number of threads; with --distributed, of ranks too.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import minigrad
from minigrad import optimizers
from minigrad.command_line import count, give_up, new_parser, print_estimate, program, tell, threads
from minigrad.datasets import load_mnist_or_synthetic
from minigrad.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from minigrad.models import Sequential

BLUE, ORANGE = "#0072B2", "#D55E00"  # from Okabe and Ito's colorblind-safe palette


def weights_file(text: str) -> Path:
    """Raise an error before the training if the weights could not be saved to this path."""
    path = Path(text)
    if not path.name.endswith((".npz", ".weights.h5")):
        raise argparse.ArgumentTypeError(f"expected a name in .npz or .weights.h5, got {text}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"expected a folder that exists, got {path.parent}")
    return path


def parse_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__)
    flag = parser.add_argument
    flag("--optimizer", default="adam", help="adam, sgd, adagrad, ... (default: %(default)s)")
    flag("--learning-rate", type=float, help="default: the optimizer's own")
    flag("--epochs", type=count, default=10, help="default: %(default)s")
    flag("--batch-size", type=count, default=60, help="default: %(default)s")
    flag("--limit", type=count, help="use only the first so many digits (default: all)")
    flag("--threads", type=threads, help="default: as many as there are cores")
    flag("--seed", type=int, default=0, help="fixes all randomness (default: %(default)s)")
    flag("--data", help="file or folder with MNIST (default: looked for, or downloaded)")
    flag("--save", type=weights_file, help="file for the trained weights (default: none)")
    flag("--distributed", action="store_true", help="train on all ranks that mpiexec starts")
    flag(
        "--verbose",
        type=int,
        choices=(0, 1, 2),
        default=1,
        help="while training print nothing, a bar, or a line an epoch (default: %(default)s)",
    )
    arguments = parser.parse_args()
    if arguments.distributed:
        minigrad.distribution.initialize()
    try:
        arguments.optimizer = optimizers.get(arguments.optimizer)
        if arguments.learning_rate is not None:
            arguments.optimizer.learning_rate = arguments.learning_rate
        minigrad.utils.set_random_seed(arguments.seed)  # refuses what is no seed
    except ValueError as error:
        parser.error(str(error))
    return arguments


def as_images(pixels: np.ndarray) -> np.ndarray:
    """Bytes (N, 28, 28) from 0 to 255 -> float32 (N, 28, 28, 1) from 0 to 1."""
    return pixels[..., np.newaxis].astype("float32") / 255


def build_model(optimizer: optimizers.Optimizer | str) -> Sequential:
    model = Sequential(
        [
            Input(shape=(28, 28, 1)),
            Conv2D(32, kernel_size=(3, 3), activation="relu"),
            MaxPooling2D(pool_size=(2, 2)),
            Dropout(0.25),
            Flatten(),
            Dense(128, activation="relu"),
            Dropout(0.5),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def worst_mistakes(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the indices of the misclassified digits, the most confident mistakes first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]


def print_mistakes(probabilities: np.ndarray, labels: np.ndarray, mistakes: np.ndarray) -> None:
    for index in mistakes:
        answer = probabilities[index].argmax()
        confidence = f"{100 * probabilities[index, answer]:.1f} %"
        print(f"  test digit {index}: a {labels[index]}, read as {answer} ({confidence} sure)")


def draw_picture(
    model: Sequential,
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    mistakes: np.ndarray,
    title: str,
    file: str,
) -> None:
    """Draw the training curves, the learned filters and the worst mistakes."""
    try:
        import matplotlib

        matplotlib.use("Agg")  # draws into a file, opens no window
        from matplotlib import pyplot
    except ImportError:
        tell("For a picture of the curves, filters and mistakes: pip install matplotlib")
        return

    history = model.history.history
    epochs = range(1, len(history["loss"]) + 1)
    figure = pyplot.figure(figsize=(11, 8), layout="constrained")
    figure.suptitle(title)
    curves, panels = figure.subfigures(2, 1, squeeze=False).flat

    for axes, name in zip(curves.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(epochs, history[name], color=BLUE, marker="o", label="training, with dropout")
        axes.plot(epochs, history[f"val_{name}"], color=ORANGE, marker="s", label="test")
        axes.set(xlabel="epoch", ylabel=name, xlim=(0.5, len(epochs) + 0.5))
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.legend()

    left, right = panels.subfigures(1, 2)
    left.suptitle("the 32 filters of the convolution: black negative, white positive")
    kernel = model.layers[0].get_weights()[0]  # (3, 3, 1, 32)
    filters = np.moveaxis(kernel[:, :, 0], -1, 0)  # (3, 3, 32) -> (32, 3, 3)
    largest = np.abs(filters).max()
    for axes, weights in zip(left.subplots(4, 8).flat, filters, strict=True):
        axes.imshow(weights, cmap="gray", vmin=-largest, vmax=largest)
        axes.set_axis_off()

    right.suptitle("the most confident mistakes: truth → answer")
    grid = right.subplots(3, 6)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, index in zip(grid.flat, mistakes, strict=False):  # fewer or more mistakes than axes
        axes.imshow(images[index, :, :, 0], cmap="gray_r")
        axes.set_title(f"{labels[index]} → {probabilities[index].argmax()}", fontsize=10)

    figure.savefig(file, dpi=120)
    print(f"Picture: {file}")


def main() -> None:
    arguments = parse_arguments()
    if arguments.threads:
        minigrad.set_num_threads(arguments.threads)
    try:
        (train, test), title = load_mnist_or_synthetic(arguments.data)
    except (OSError, ValueError) as error:
        give_up(error)
    x_train, x_test = (as_images(pixels[: arguments.limit]) for pixels, _ in (train, test))
    y_train, y_test = (labels[: arguments.limit] for _, labels in (train, test))

    rule = type(arguments.optimizer)
    config = arguments.optimizer.get_config()
    tell(f"Training on {len(x_train)} digits, testing on {len(x_test)}: {title}")
    plan = arguments.batch_size, arguments.epochs
    if not arguments.distributed:  # where all ranks would have to measure alike
        print_estimate(lambda: build_model(rule.from_config(config)), x_train, y_train, *plan)
    minigrad.utils.set_random_seed(arguments.seed)
    model = build_model(arguments.optimizer)
    model.summary()
    try:
        model.fit(
            x_train,
            y_train,
            batch_size=arguments.batch_size,
            epochs=arguments.epochs,
            verbose=arguments.verbose,
            validation_data=(x_test, y_test),
        )
    except KeyboardInterrupt:
        print("Interrupted: going on with what is learned so far.")

    probabilities = model.predict(x_test, batch_size=1000, verbose=0)
    mistakes = worst_mistakes(probabilities, y_test)
    accuracy = f"{100 - 100 * len(mistakes) / len(y_test):.2f} %"
    tell(f"Test accuracy: {accuracy}, on {title}")
    print_mistakes(probabilities, y_test, mistakes[:5])
    print(f"Weights' hash: {model.weights_hash()[:16]}")
    if arguments.save:
        model.save_weights(arguments.save)
        print(f"Weights: {arguments.save}")
    if arguments.distributed and minigrad.distribution.rank():
        return  # rank 0 draws
    if model.history.epoch:  # not interrupted within the first epoch
        data = "synthetic" if "NOT MNIST" in title else "mnist"
        file = f"{data}_cnn_{rule.__name__.lower()}.png"
        title = f"{title}: {rule.__name__}, test accuracy {accuracy}"
        draw_picture(model, x_test, y_test, probabilities, mistakes, title, file)


if __name__ == "__main__":
    sys.exit(program(main))
