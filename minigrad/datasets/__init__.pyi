# By tests/typing/make_stubs.py
from typing import Any
from minigrad._types import Array, Path
from minigrad.datasets import (
    boston_housing as boston_housing, california_housing as california_housing,
    cifar10 as cifar10, cifar100 as cifar100, fashion_mnist as fashion_mnist, imdb as imdb,
    mnist as mnist, reuters as reuters, synthetic_digits as synthetic_digits,
)
def cache_folder() -> Any: ...
def load_mnist_or_synthetic(
    path: Path | None = None,
) -> tuple[tuple[tuple[Array, Array], tuple[Array, Array]], str]: ...
class DatasetNotFoundError(OSError): ...
