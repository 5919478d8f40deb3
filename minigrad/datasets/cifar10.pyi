# Written by tests/typing/make_stubs.py: change types.txt or the module, and run it again.
from typing import Any
from minigrad._types import Array
ORIGIN: str
MEMBERS: Any
CLASS_NAMES: Any
def load_data() -> tuple[tuple[Array, Array], tuple[Array, Array]]: ...
