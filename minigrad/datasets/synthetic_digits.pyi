# By tests/typing/make_stubs.py
from typing import Any
from minigrad._types import Array, Int
TITLE: str
STYLES: Any
STYLES_PER_DIGIT: int
SIZE: int
PEN_POINTS: int
CURVE_SAMPLES: int
BLOCK: int
GRID: int
LEVELS: int
def load_data(
    num_train: Int = 60000, num_test: Int = 10000, seed: Int | None = 0,
) -> tuple[tuple[Array, Array], tuple[Array, Array]]: ...
