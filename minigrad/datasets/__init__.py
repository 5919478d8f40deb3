"""Data sets as NumPy arrays: found on this machine, downloaded, or drawn.

Keras's data sets are the original files, verified by hash. `synthetic_digits` draws a substitute
that needs no file and no network, and that is never called MNIST.
"""

from minigrad.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
    synthetic_digits,
)
from minigrad.datasets._lookup import DatasetNotFoundError, cache_folder
from minigrad.utils.old_names import lookup

__all__ = [
    "DatasetNotFoundError",
    "boston_housing",
    "cache_folder",
    "california_housing",
    "cifar10",
    "cifar100",
    "fashion_mnist",
    "imdb",
    "load_mnist_or_synthetic",
    "mnist",
    "reuters",
    "synthetic_digits",
]


def load_mnist_or_synthetic(path=None):
    """Load MNIST or, if it cannot be found or downloaded, draw synthetic digits and print so.

    A file that was named but is missing or not MNIST is an error all the same.

    Parameters
    ----------
    path : str or path, optional
        As in `mnist.load_data`.

    Returns
    -------
    data : ((x_train, y_train), (x_test, y_test))
    title : str
        "MNIST" or "synthetic digits (NOT MNIST)": to be shown in every table and plot.

    Raises
    ------
    ValueError, FileNotFoundError
        The file that was named is not MNIST, or is not there.
    """
    try:
        return mnist.load_data(path), mnist.MNIST.title
    except DatasetNotFoundError as error:
        print(error)
    line = f"!!  NO MNIST HERE: going on with {synthetic_digits.TITLE}  !!"
    print("!" * len(line), line, "!" * len(line), sep="\n", flush=True)
    return synthetic_digits.load_data(), synthetic_digits.TITLE


__getattr__ = lookup(__name__)
