# By tests/typing/make_stubs.py
from typing import Any
from minigrad._types import Array, Int, Float, Path
FEATURE_NAMES: Any
def load_data(
    version: str = "large", path: Path | None = "california_housing.npz", test_split: Float = 0.2,
    seed: Int | None = 113,
) -> tuple[tuple[Array, Array], tuple[Array, Array]]: ...
