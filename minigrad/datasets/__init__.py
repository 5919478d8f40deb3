"""Data sets: arrays in NumPy's hands, found on this machine, downloaded, or drawn.

`mnist` and `fashion_mnist` load the real thing and accept nothing else. `synthetic_digits` draws a
stand-in that needs no file and no network, and never passes for MNIST.
"""

from minigrad.datasets import fashion_mnist, mnist, synthetic_digits
from minigrad.datasets._lookup import DatasetNotFoundError, cache_folder

__all__ = [
    "DatasetNotFoundError",
    "cache_folder",
    "fashion_mnist",
    "load_mnist_or_synthetic",
    "mnist",
    "synthetic_digits",
]


def load_mnist_or_synthetic(path=None):
    """Load MNIST or, when it cannot be had, draw synthetic digits and say so loudly.

    A file that was named but is missing or not MNIST stays an error: whoever names a file wants
    that file.

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
