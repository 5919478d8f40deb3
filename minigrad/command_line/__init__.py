"""The command ``minigrad``: its arguments, and what becomes of errors.

A command is a function of a module in this folder, which is imported when the command runs:
``--help`` needs none of them.
"""

import argparse
import importlib
import os
import sys
import warnings

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


def count(text):
    """Turn a flag's text into an integer of at least 1."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
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
    parser = argparse.ArgumentParser(
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
    flag("--threads", metavar="N", type=count, help="default: as many as there are cores")


def main(arguments=None):
    """Run a command; return the exit status.

    Parameters
    ----------
    arguments : list of str, optional
        Default: those of the program.
    """
    try:
        try:
            return run(arguments)
        finally:
            sys.stdout.flush()  # or Python would do it at the end, and print a traceback
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER


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
    print(f"minigrad: {text}", file=sys.stderr)
