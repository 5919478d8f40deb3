# By tests/typing/make_stubs.py
from minigrad._types import Array, Int, Float, Path
def load_data(
    path: Path | None = "boston_housing.npz", test_split: Float = 0.2, seed: Int | None = 113,
) -> tuple[tuple[Array, Array], tuple[Array, Array]]: ...
