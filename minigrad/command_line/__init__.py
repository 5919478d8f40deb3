"""The command ``minigrad``: its arguments, and what becomes of errors.

A command is a function of a module in this folder, which is imported when the command runs:
``--help`` needs none of them. The programs in examples/ use `new_parser`, `count`, `threads`,
`print_estimate`, `give_up` and `program`, too.
"""

import argparse
import importlib
import io
import os
import shutil
import statistics
import sys
import textwrap
import time
import warnings
from collections.abc import Callable
from typing import Any, NoReturn, TextIO

import minigrad

# What users cause: a file that is not there, a value that does not fit, a library that is missing.
MISTAKES = (ImportError, OSError, TypeError, ValueError)
FAILED, INTERRUPTED, NO_READER = 1, 130, 141  # exit statuses, the last two as shells have them

NETWORKS = ("cnn", "lenet5", "mlp", "linear")
NETWORK_HELP = (
    "cnn, the MNIST notebook's; lenet5; mlp, with two dense layers of 512 units; linear, with one "
    "dense layer (default: %(default)s)"
)
DATA = ("mnist", "fashion_mnist", "cifar10", "cifar100", "synthetic_digits")


LONG = 5  # seconds that a training takes before its length is told
MEASURED = 0.5  # seconds of batches that an estimate rests on


class Parser(argparse.ArgumentParser):
    """Errors whose lines end where the terminal does."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        tell(f"{self.prog}: error: {message}", sys.stderr)
        self.exit(2)


def new_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that is described by the first line of a docstring, if it is not stripped."""
    return Parser(description=(description or "").partition("\n")[0])


def tell(text: str, stream: TextIO | None = None) -> None:
    """Print a text; on a terminal, or where COLUMNS is set, no line breaks inside a word."""
    stream = stream or sys.stdout
    has_width = stream.isatty() or os.environ.get("COLUMNS")
    width = shutil.get_terminal_size().columns - 1 if has_width else sys.maxsize
    options: Any = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": "  "}
    lines = [textwrap.fill(line, width, **options) for line in text.split("\n")]
    print("\n".join(lines), file=stream, flush=True)


def count(text: str) -> int:
    """Turn a flag's text into an integer of at least 1."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return number


def threads(text: str) -> int:
    """Turn a flag's text into a number of threads that kernels can use."""
    most = minigrad.kernels.MOST_THREADS
    number = count(text)
    if number > most:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {most}, got {text}")
    return number


def positive(text):
    """Turn a flag's text into a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return number


def make_parser():
    parser = Parser(
        prog="minigrad",
        description="Train small networks on images, and use what they learned.",
        epilog="`minigrad COMMAND --help` tells more of one. MINIGRAD_DATA names the folder of "
        "data sets; NO_COLOR=1 prints without colors.",
    )
    parser.add_argument("--version", action="version", version=f"minigrad {minigrad.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)

    def add(name, module, text):
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.set_defaults(module=module)
        return command.add_argument

    add("info", "info", "tell of versions, kernels and libraries, for bug reports")

    flag = add("train", "models", "train a network and save it")
    flag("model", help="the file to write, in .keras")
    flag("--network", choices=NETWORKS, default="cnn", metavar="NAME", help=NETWORK_HELP)
    _add_data(flag)
    flag("--epochs", metavar="N", type=count, default=3, help="default: %(default)s")
    flag("--batch-size", metavar="N", type=count, default=60, help="default: %(default)s")
    flag(
        "--optimizer",
        metavar="NAME",
        default="adam",
        help="adam, sgd, adagrad, ... (default: %(default)s)",
    )
    flag("--learning-rate", metavar="X", type=positive, help="default: the optimizer's own")
    flag(
        "--seed",
        metavar="N",
        type=int,
        default=0,
        help="same seed, same weights (default: %(default)s)",
    )
    flag("--overwrite", action="store_true", help="replace a file that is there")
    flag("--quiet", action="store_true", help="show no progress")
    _add_threads(flag)

    flag = add("evaluate", "models", "measure a saved model on the test images of a data set")
    flag("model", help="a file in .keras or .h5")
    _add_data(flag)
    _add_scale(flag)
    _add_threads(flag)

    flag = add("predict", "models", "tell what a saved model sees in pictures")
    flag("model", help="a file in .keras or .h5")
    flag("pictures", nargs="+", metavar="picture", help=".png, .jpg and others; needs Pillow")
    flag("--invert", action="store_true", help="for dark on light, where light on dark was learned")
    _add_scale(flag)

    flag = add("export", "models", "write a saved model as ONNX, for other programs")
    flag("model", help="a file in .keras or .h5")
    flag("file", help="the file to write, in .onnx")

    flag = add("bench", "bench", "time training steps and predictions on this machine")
    flag("--networks", nargs="+", choices=NETWORKS, default=["cnn", "lenet5", "mlp"],
         metavar="NAME", help="default: cnn lenet5 mlp")  # fmt: skip
    flag("--batch-size", metavar="N", type=count, default=60, help="default: %(default)s")
    text = "for each figure (default: %(default)g)"
    flag("--seconds", metavar="X", type=positive, default=1.0, help=text)
    _add_threads(flag)
    return parser


def _add_data(flag):
    flag("--data", choices=DATA, default="mnist", metavar="NAME",
         help=f"{', '.join(DATA)} (default: %(default)s)")  # fmt: skip
    flag(
        "--limit", metavar="N", type=count, help="use only the first so many images, of both parts"
    )


def _add_scale(flag):
    flag("--scale", metavar="X", type=positive, default=255.0,
         help="by which pixels were divided in training (default: %(default)g)")  # fmt: skip


def _add_threads(flag):
    flag("--threads", metavar="N", type=threads, help="default: as many as there are cores")


def main(arguments=None):
    """Run a command; return the exit status.

    Parameters
    ----------
    arguments : list of str, optional
        Default: those of the program.
    """
    return program(run, arguments)


def program(function: Callable[..., int | None], *arguments: Any) -> int:
    """Run a function that is a whole program; return its exit status.

    No traceback follows Ctrl-C, or the end of what reads the output, as in ``| head``. Characters
    that the output's encoding lacks are printed as ``?``.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        try:
            return function(*arguments) or 0
        finally:
            sys.stdout.flush()  # or Python would do it at the end, and print a traceback
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER


def give_up(error: Exception) -> NoReturn:
    """End a program by a line about an error that its user can mend."""
    if isinstance(error, BrokenPipeError):  # an OSError, too
        raise error
    tell(f"{os.path.basename(sys.argv[0])}: {error}", sys.stderr)
    sys.exit(FAILED)


def print_estimate(
    make_model: Callable[[], Any], x: Any, y: Any, batch_size: int, epochs: int, times: int = 1
) -> None:
    """Print how long a training will take, unless it is short, by the first batches.

    They train a model that is dropped. Random numbers are drawn: set the seed afterwards.

    Parameters
    ----------
    make_model : callable
        Returns a compiled model.
    x, y : array (N, ...), or dict of arrays
        What it trains on; y may be None.
    batch_size, epochs : int
    times : int
        How many such trainings there are.
    """

    def part(values: Any, first: int) -> Any:
        if isinstance(values, dict):
            return {name: part(value, first) for name, value in values.items()}
        return None if values is None else values[first : first + batch_size]

    model, taken = make_model(), []
    size = len(next(iter(x.values())) if isinstance(x, dict) else x)
    end = time.perf_counter() + MEASURED
    for first in range(0, size, batch_size):
        start = time.perf_counter()
        model.train_on_batch(part(x, first), part(y, first))
        taken.append(time.perf_counter() - start)
        if time.perf_counter() > end:
            break
    minigrad.utils.clear_session()  # the next model's layers have their usual names
    epoch = statistics.median(taken[1:] or taken) * -(-size // batch_size)
    if epoch * epochs * times >= LONG:
        total = _duration(epoch * epochs * times)
        tell(f"Training takes about {_duration(epoch)} an epoch, {total} in all.")


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.2g} {unit}"
    return f"{seconds:.1g} s"


def run(arguments):
    given = make_parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            if getattr(given, "threads", None):
                minigrad.set_num_threads(given.threads)
            module = importlib.import_module(f"minigrad.command_line.{given.module}")
            return getattr(module, given.command)(given) or 0
        except KeyboardInterrupt:
            _complain("interrupted")
            return INTERRUPTED
        except BrokenPipeError:
            raise
        except MISTAKES as error:
            _complain(f"{given.command}: {error}")
            return FAILED


def _show_warning(message, category, filename, lineno, file=None, line=None):
    _complain(f"warning: {message}")


def _complain(text):
    sys.stdout.flush()  # in the order of events
    tell(f"minigrad: {text}", sys.stderr)
