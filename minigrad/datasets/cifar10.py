"""CIFAR-10: 60,000 color photographs, 32x32, of ten kinds of things.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

import numpy as np

from minigrad.datasets._files import DataFile, as_column, as_images, read_batches

ORIGIN = "https://www.cs.toronto.edu/~kriz/"
ARCHIVE = DataFile(
    "cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ORIGIN,
    200_000_000,
    ("cifar-10-batches-py.tar.gz", "cifar-10-batches-py-target_archive"),
)
MEMBERS = tuple(
    DataFile(
        f"cifar-10-batches-py/{name}",
        md5,
        other_names=(f"cifar-10-batches-py-target/cifar-10-batches-py/{name}",),
    )
    for name, md5 in {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    }.items()
)

CLASS_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


def load_data():
    """Load CIFAR-10 from this machine, or download it (170 MB).

    It is looked for, as a gzipped tar file or extracted, in $MINIGRAD_DATA and where Keras,
    torchvision and minigrad keep it; then it is downloaded, unless MINIGRAD_OFFLINE=1. Every file
    is verified by its hash.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuples of ndarray of uint8
        Images (50000, 32, 32, 3) and (10000, 32, 32, 3) from 0 to 255; labels (50000, 1) and
        (10000, 1), indices of `CLASS_NAMES`.

    Raises
    ------
    minigrad.datasets.DatasetNotFoundError
        It is not on this machine and cannot be downloaded.
    """
    *train, test = read_batches(ARCHIVE, MEMBERS)
    x_train = np.concatenate([as_images(batch[b"data"]) for batch in train])
    y_train = np.concatenate([batch[b"labels"] for batch in train])
    y_test = np.array(test[b"labels"])
    x_test = as_images(test[b"data"])
    return (x_train, as_column(y_train, "uint8")), (x_test, as_column(y_test, "uint8"))
