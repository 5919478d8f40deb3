# By tests/typing/make_stubs.py
from collections.abc import Iterable
from typing import Any
from minigrad._types import Int, AnyFunction
from minigrad.core import Tensor
def hashing_trick(
    text: str, n: Int, hash_function: AnyFunction | None = None,
    filters: str = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', lower: bool = True, split: str = " ",
    analyzer: AnyFunction | None = None,
) -> Any: ...
def one_hot(
    input_text: str, n: Int, filters: str = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n',
    lower: bool = True, split: str = " ", analyzer: AnyFunction | None = None,
) -> Any: ...
def text_to_word_sequence(
    input_text: str, filters: str = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', lower: bool = True,
    split: str = " ",
) -> Any: ...
class Tokenizer:
    def __init__(
        self, num_words: Int | None = None, filters: str = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n',
        lower: bool = True, split: str = " ", char_level: bool = False, oov_token: Any = None,
        analyzer: AnyFunction | None = None,
    ) -> None: ...
    def fit_on_texts(self, texts: Iterable[Any]) -> Any: ...
    def fit_on_sequences(self, sequences: Iterable[Any]) -> Any: ...
    def texts_to_sequences(self, texts: Iterable[Any]) -> Any: ...
    def sequences_to_texts(self, sequences: Iterable[Any]) -> Any: ...
    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> Any: ...
    def sequences_to_matrix(self, sequences: Iterable[Any], mode: str = "binary") -> Any: ...
    set_first: Any
    num_words: Any
    filters: int
    lower: Any
    split: list[Tensor]
    char_level: Any
    oov_token: Any
    analyzer: Any
    document_count: Any
    index_docs: Any
    word_index: Any
    index_word: Any
    word_counts: Any
    word_docs: Any
