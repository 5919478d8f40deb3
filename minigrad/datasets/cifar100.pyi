# By tests/typing/make_stubs.py
from typing import Any
from minigrad._types import Array
from minigrad.datasets.cifar10 import ORIGIN as ORIGIN
MEMBERS: Any
def load_data(label_mode: str = "fine") -> tuple[tuple[Array, Array], tuple[Array, Array]]: ...
