"""Words and their numbers, compared with Keras's."""

import hashlib

import numpy as np
import pytest

from minigrad.preprocessing import text
from minigrad.preprocessing.text import Tokenizer

TEXTS = [
    "The cat, the DOG; the_cat\tsat.",
    "A dog and a cat!",
    "",
    ["the", "Dog", "sat", "sat"],
]
OTHERS = ["the bird sat on a cat", "no word known", "", ["The", "cat"]]
SETTINGS = [
    {},
    {"num_words": 4},
    {"oov_token": "<OOV>"},
    {"num_words": 4, "oov_token": "<OOV>"},
    {"lower": False, "filters": ".,"},
    {"char_level": True, "num_words": 6},
    {"split": "_", "filters": " "},
]


@pytest.fixture
def keras_text():
    pytest.importorskip("keras")
    from keras.src.legacy.preprocessing import text

    return text


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_tokenizer_is_keras(keras_text, settings):
    ours, theirs = Tokenizer(**settings), keras_text.Tokenizer(**settings)
    for tokenizer in (ours, theirs):
        tokenizer.fit_on_texts(TEXTS[:2])
        tokenizer.fit_on_texts(TEXTS[2:])
    for name in ("word_index", "index_word", "word_counts", "word_docs", "index_docs"):
        assert dict(getattr(ours, name)) == dict(getattr(theirs, name)), name
    sequences = ours.texts_to_sequences(OTHERS)
    assert sequences == theirs.texts_to_sequences(OTHERS)
    numbers = [[1, 2, 99], [], [3, 5, 1]]
    assert ours.sequences_to_texts(numbers) == theirs.sequences_to_texts(numbers)
    for mode in ("binary", "count", "freq", "tfidf"):
        np.testing.assert_allclose(
            ours.texts_to_matrix(OTHERS, mode), theirs.texts_to_matrix(OTHERS, mode)
        )


def test_word_numbers_become_rows(keras_text):
    sequences = [[1, 4, 4, 9], [], [2]]
    x = Tokenizer(num_words=5).sequences_to_matrix(sequences)
    assert x.tolist() == [[0, 1, 0, 0, 1], [0] * 5, [0, 0, 1, 0, 0]]
    found = []
    for tokenizer in (Tokenizer(5), keras_text.Tokenizer(5)):
        tokenizer.fit_on_sequences(sequences)
        found.append(tokenizer.sequences_to_matrix(sequences, "tfidf"))
    np.testing.assert_allclose(*found)


def test_hashing_is_keras(keras_text):
    for options in ({"hash_function": "md5"}, {"hash_function": len, "lower": False}, {}):
        given = "The cat, the dog", 50
        ours, theirs = (m.hashing_trick(*given, **options) for m in (text, keras_text))
        assert ours == theirs
    assert text.one_hot("a b a", 9) == keras_text.one_hot("a b a", 9)
    number = int(hashlib.md5(b"cat").hexdigest(), 16) % 9 + 1
    assert text.hashing_trick("cat", 10, "md5") == [number]
    assert text.hashing_trick("c-at", 10, "md5", analyzer=lambda t: [t.replace("-", "")]) == [
        number
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Tokenizer(5).sequences_to_matrix([], "rare"), "mode one of .*, got 'rare'"),
        (lambda: Tokenizer().sequences_to_matrix([[1]]), "num_words and fit_on_texts"),
        (lambda: Tokenizer(5).sequences_to_matrix([[1]], "tfidf"), "fit_on_texts"),
    ],
)
def test_tokenizer_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
