# By tests/typing/make_stubs.py
from typing import Any
from minigrad._types import Array, Path
CLASS_NAMES: Any
def load_data(path: Path | None = None) -> tuple[tuple[Array, Array], tuple[Array, Array]]: ...
