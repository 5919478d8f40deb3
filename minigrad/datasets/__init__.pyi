# Written by tests/typing/make_stubs.py: change types.txt or the module, and run it again.
from typing import Any
from minigrad._types import Array, Path
from minigrad.datasets import boston_housing as boston_housing
from minigrad.datasets import california_housing as california_housing
from minigrad.datasets import cifar10 as cifar10
from minigrad.datasets import cifar100 as cifar100
from minigrad.datasets import fashion_mnist as fashion_mnist
from minigrad.datasets import imdb as imdb
from minigrad.datasets import mnist as mnist
from minigrad.datasets import reuters as reuters
from minigrad.datasets import synthetic_digits as synthetic_digits
def cache_folder() -> Any: ...
def load_mnist_or_synthetic(
    path: Path | None = None,
) -> tuple[tuple[tuple[Array, Array], tuple[Array, Array]], str]: ...
class DatasetNotFoundError(OSError): ...
