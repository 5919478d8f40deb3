# By tests/typing/make_stubs.py
from typing import Any
from minigrad._types import Array
ORIGIN: str
MEMBERS: Any
CLASS_NAMES: Any
def load_data() -> tuple[tuple[Array, Array], tuple[Array, Array]]: ...
