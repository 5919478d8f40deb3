"""Fashion-MNIST: 70,000 pictures of clothes in MNIST's shapes, and harder than MNIST.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
machine learning algorithms", arXiv 1708.07747. Copyright Zalando SE, MIT licence.
"""

from minigrad.datasets._containers import ImageDataset
from minigrad.datasets._lookup import load

FASHION_MNIST = ImageDataset(
    name="fashion_mnist",
    title="Fashion-MNIST",
    expected={
        "x_train": (
            (60000, 28, 28),
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        "y_train": (
            (60000,),
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        "x_test": (
            (10000, 28, 28),
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        "y_test": (
            (10000,),
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    },
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    keras_name="fashion-mnist",
    torchvision_name="FashionMNIST",
)

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def load_data(path=None):
    """Load Fashion-MNIST from this machine, or download it.

    The search and the verification are those of MNIST (see `minigrad.datasets.mnist.load_data`);
    the file is called `fashion_mnist.npz`.

    Parameters
    ----------
    path : str or path, optional
        An npz file, or a folder that holds `fashion_mnist.npz` or the four IDX files.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuples of ndarray of uint8
        Images (60000, 28, 28) and (10000, 28, 28); labels (60000,) and (10000,), indices of
        `CLASS_NAMES`.

    Raises
    ------
    ValueError, FileNotFoundError, minigrad.datasets.DatasetNotFoundError
        As `minigrad.datasets.mnist.load_data`.
    """
    return load(FASHION_MNIST, path)
