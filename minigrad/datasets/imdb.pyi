# By tests/typing/make_stubs.py
from typing import Any
from minigrad._types import Array, Int, Path
def load_data(
    path: Path | None = "imdb.npz", num_words: Int | None = None, skip_top: Int = 0,
    maxlen: Int | None = None, seed: Int | None = 113, start_char: Int = 1, oov_char: Int = 2,
    index_from: Int = 3,
) -> tuple[tuple[Array, Array], tuple[Array, Array]]: ...
def get_word_index(path: str = "imdb_word_index.json") -> Any: ...
