"""MNIST: 70,000 handwritten digits, 28x28 grey levels.

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
recognition", 1998. The data set is under CC BY-SA 3.0 (Y. LeCun and C. Cortes).
"""

from minigrad.datasets._containers import ImageDataset
from minigrad.datasets._lookup import load

MNIST = ImageDataset(
    name="mnist",
    title="MNIST",
    expected={
        "x_train": (
            (60000, 28, 28),
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        "y_train": (
            (60000,),
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        "x_test": (
            (10000, 28, 28),
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        "y_test": (
            (10000,),
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    },
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
    keras_name="mnist.npz",
    torchvision_name="MNIST",
)


def load_data(path=None):
    """Load MNIST from this machine, or download it.

    The search goes in this order: `path`; $MINIGRAD_DATA (a file or a folder); the caches of Keras
    ($KERAS_HOME or ~/.keras), of torchvision (data, ../data, ~/data) and of minigrad itself
    (~/.cache/minigrad, or its equivalent on macOS and Windows); then several mirrors, unless
    MINIGRAD_OFFLINE=1. The arrays of any file are verified by their SHA-256.

    Parameters
    ----------
    path : str or path, optional
        An npz file, or a folder that holds `mnist.npz` or the four IDX files (gzipped or not).
        The bare name "mnist.npz", Keras's default, means the usual search.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuples of ndarray of uint8
        Images (60000, 28, 28) and (10000, 28, 28), 0 the paper and 255 the ink; labels (60000,)
        and (10000,), from 0 to 9.

    Raises
    ------
    ValueError
        The file that was named is damaged or is not MNIST.
    FileNotFoundError
        There is nothing at `path` or $MINIGRAD_DATA.
    minigrad.datasets.DatasetNotFoundError
        MNIST is not on this machine and no mirror provides it.
    """
    return load(MNIST, path)
