"""Compare optimizers on MNIST: the same weights, batches and dropout masks for each of them.

    python examples/compare_optimizers.py
    python examples/compare_optimizers.py --tuned --limit 6000 --epochs 4
    python examples/compare_optimizers.py --sweep --limit 6000 --epochs 1 --seeds 0

The first command repeats the comparison of a well-known notebook on the Adam optimizer and prints
the notebook's figures next to ours. All rates in it are Keras's defaults, so it shows whose default
suits this network, not which rule is better. For that, --tuned first tunes all rates alike. Without
MNIST the network learns synthetic digits, and every result says so.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from mnist_cnn import as_images, build_model

import minigrad
from minigrad import lab, optimizers, plots
from minigrad.command_line import count, give_up, new_parser, print_estimate, program, threads
from minigrad.datasets import load_mnist_or_synthetic

LEARNING_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)

NOTEBOOK_SAMPLES = 60000
# The notebook's output on MNIST (Keras's defaults, batches of 60) after each epoch. It was copied
# before SGD had finished its tenth.
NOTEBOOK = {
    "Adagrad": {
        "val_accuracy": [
            0.8356, 0.8775, 0.8939, 0.9016, 0.9081, 0.9137, 0.9185, 0.9203, 0.9219, 0.9245,
        ],
        "val_loss": [
            0.7740, 0.4907, 0.4065, 0.3624, 0.3362, 0.3144, 0.2981, 0.2853, 0.2752, 0.2655,
        ],
    },
    "Adam": {
        "val_accuracy": [
            0.9725, 0.9802, 0.9827, 0.9839, 0.9863, 0.9865, 0.9862, 0.9875, 0.9873, 0.9871,
        ],
        "val_loss": [
            0.0852, 0.0593, 0.0510, 0.0458, 0.0405, 0.0398, 0.0426, 0.0385, 0.0362, 0.0427,
        ],
    },
    "SGD": {
        "val_accuracy": [
            0.9142, 0.9336, 0.9437, 0.9516, 0.9538, 0.9577, 0.9596, 0.9623, 0.9634,
        ],
        "val_loss": [
            0.3072, 0.2306, 0.1954, 0.1724, 0.1577, 0.1475, 0.1347, 0.1272, 0.1214,
        ],
    },
}  # fmt: skip


def seed(text: str) -> int:
    """Turn a flag's text into a seed for the generators."""
    number = int(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"expected a seed from 0 to 2**32 - 1, got {number}")
    return number


def file_stem(text: str) -> Path:
    """Raise an error before the training if its results could not be saved under this name."""
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"expected a folder that exists, got {path.parent}")
    return path


def parse_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__)
    flag = parser.add_argument
    flag("--all", action="store_true", help="every optimizer (default: the notebook's three)")
    flag("--tuned", action="store_true", help="tune each learning rate first, alike for all")
    flag("--sweep", action="store_true", help="try learning rates instead of the default ones")
    flag("--epochs", type=count, default=10, help="default: %(default)s")
    flag("--batch-size", type=count, default=60, help="default: %(default)s")
    flag("--seeds", type=seed, nargs="+", default=[0, 1, 2], help="default: 0 1 2")
    flag("--limit", type=count, help="use only the first so many digits (default: all)")
    flag("--threads", type=threads, help="default: as many as there are cores")
    flag("--data", help="file or folder with MNIST (default: looked for, or downloaded)")
    flag(
        "--output",
        type=file_stem,
        help="name of the files to write, without an ending (default: compare_optimizers, "
        "tuned_optimizers or learning_rates, as the flags ask)",
    )
    arguments = parser.parse_args()
    if arguments.tuned and arguments.sweep:
        parser.error("expected --tuned or --sweep, got both")
    if arguments.output is None:
        names = {"tuned_optimizers": arguments.tuned, "learning_rates": arguments.sweep}
        arguments.output = next((n for n, asked in names.items() if asked), "compare_optimizers")
    return arguments


def warning(result: lab.Comparison | lab.Sweep) -> str:
    """Say it where our data are not the notebook's."""
    if (result.samples, result.title) == (NOTEBOOK_SAMPLES, "MNIST"):
        return ""
    return f"NOT COMPARABLE with the notebook: {result.samples} samples of {result.title}"


def beside_notebook(comparison: lab.Comparison, name: str) -> str:
    """Return a table with our means over the seeds and the notebook's figures for each epoch."""
    known = [label for label in comparison.labels if label in NOTEBOOK]
    lines = [
        f"{name} after each epoch, beside the notebook's",
        f"ours: {comparison.samples} samples of {comparison.title}; notebook: 60000 of MNIST",
        *filter(None, [warning(comparison)]),
        "     " + "".join(f"{label:>20}" for label in known),
        "epoch" + "      ours  notebook" * len(known),
    ]
    ours = [comparison.means(label, name) for label in known]
    notebook = [NOTEBOOK[label][name] for label in known]
    columns = [column for pair in zip(ours, notebook, strict=True) for column in pair]
    for epoch in range(max(map(len, ours), default=0)):
        cells = [f"{column[epoch]:10.4f}" if epoch < len(column) else "-" for column in columns]
        lines.append(f"{epoch + 1:5}" + "".join(f"{cell:>10}" for cell in cells))
    return "\n".join(lines)


def draw(result: lab.Comparison | lab.Sweep) -> Any:
    """Return a figure whose title says which rates these are, and whose data."""
    if isinstance(result, lab.Sweep):
        return result.plot()
    rates = "Rates tuned alike" if isinstance(result, lab.TunedComparison) else "Keras's defaults"
    what = warning(result) or f"{result.samples} digits of {result.title}"
    return plots.draw_race(result, title=f"{rates}, {what}")


def save(result: lab.Comparison | lab.Sweep, report: str, stem: str) -> None:
    """Write the numbers as JSON and CSV, the tables and, with matplotlib, the picture."""
    result.save(f"{stem}.json")
    result.save(f"{stem}.csv")
    Path(f"{stem}.txt").write_text(f"{report}\n", encoding="utf-8")
    print(f"\nNumbers and tables: {stem}.json, {stem}.csv, {stem}.txt")
    try:
        plots.save(draw(result), f"{stem}.png")
        print(f"Picture: {stem}.png")
    except (ImportError, ValueError) as error:  # no matplotlib, or nothing to draw
        print(error)


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
    settings = {
        "batch_size": arguments.batch_size,
        "epochs": arguments.epochs,
        "validation_data": (x_test, y_test),
        "seeds": arguments.seeds,
        "title": title,
    }

    rules = optimizers.OPTIMIZERS.members if arguments.all else list(NOTEBOOK)
    trainings = len(rules) * len(arguments.seeds) * (len(LEARNING_RATES) if arguments.sweep else 1)
    plan = arguments.batch_size, arguments.epochs, trainings
    if not arguments.tuned:  # whose trainings differ in length
        print_estimate(lambda: build_model("adam"), x_train, y_train, *plan)
    result: lab.Comparison | lab.Sweep
    if arguments.tuned:
        del settings["validation_data"]
        tuning = {"test_data": (x_test, y_test), "held_out": 1 / 6, **settings}
        result = lab.compare_tuned(build_model, rules, LEARNING_RATES, x_train, y_train, **tuning)
        report = str(result)
    elif arguments.sweep:
        result = lab.sweep(build_model, rules, LEARNING_RATES, x_train, y_train, **settings)
        report = str(result)
    else:
        result = comparison = lab.compare(build_model, rules, x_train, y_train, **settings)
        tables = [beside_notebook(comparison, name) for name in ("val_accuracy", "val_loss")]
        report = "\n\n".join([str(result), *tables])
    print(f"\n{report}")
    save(result, report, arguments.output)


if __name__ == "__main__":
    sys.exit(program(main))
