"""CIFAR-100: 60,000 color photographs, 32x32, of 100 kinds of things in 20 groups.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from minigrad.datasets._files import DataFile, as_column, as_images, read_batches
from minigrad.datasets.cifar10 import ORIGIN

ARCHIVE = DataFile(
    "cifar-100-python.tar.gz",
    "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    ORIGIN,
    200_000_000,
    ("cifar-100-python-target_archive",),
)
MEMBERS = tuple(
    DataFile(
        f"cifar-100-python/{name}",
        md5,
        other_names=(f"cifar-100-python-target/cifar-100-python/{name}",),
    )
    for name, md5 in {
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    }.items()
)


def load_data(label_mode="fine"):
    """Load CIFAR-100 from this machine, or download it (169 MB), as `cifar10.load_data` does.

    Parameters
    ----------
    label_mode : {"fine", "coarse"}
        Labels of the 100 kinds, or of the 20 groups.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuples of ndarray
        Images (50000, 32, 32, 3) and (10000, 32, 32, 3) of uint8; labels (50000, 1) and (10000, 1)
        of int64.

    Raises
    ------
    ValueError
        If `label_mode` is another.
    minigrad.datasets.DatasetNotFoundError
        It is not on this machine and cannot be downloaded.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"cifar100: expected label_mode 'fine' or 'coarse', got {label_mode!r}")
    key = f"{label_mode}_labels".encode()
    train, test = read_batches(ARCHIVE, MEMBERS)
    x_train, x_test = as_images(train[b"data"]), as_images(test[b"data"])
    return (x_train, as_column(train[key], "int64")), (x_test, as_column(test[key], "int64"))
