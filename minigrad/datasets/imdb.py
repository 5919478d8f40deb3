"""IMDB: 50,000 reviews of films as lists of word numbers, for or against.

Source: A. Maas and others, "Learning word vectors for sentiment analysis", 2011; the words were
numbered for Keras, by how often they occur.
"""

import numpy as np

from minigrad.datasets._files import DataFile, read_file, read_npz, shuffle
from minigrad.datasets._words import as_objects, choose_words, number_words, read_word_index

REVIEWS = DataFile("imdb.npz", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f")
WORD_INDEX = DataFile("imdb_word_index.json", "bfafd718b763782e994055a2d397834f")


def load_data(
    path="imdb.npz", num_words=None, skip_top=0, maxlen=None, seed=113, start_char=1, oov_char=2,
    index_from=3,
):  # fmt: skip
    """Load the reviews from this machine, or download them (17 MB).

    They are looked for in $MINIGRAD_DATA and where Keras and minigrad keep data sets; then they are
    downloaded, unless MINIGRAD_OFFLINE=1. The file is verified by its hash.

    Parameters
    ----------
    path : str or path
        The file; its bare name means the search.
    num_words : int, optional
        Word numbers from here on become `oov_char`. Default: all are kept, but for the largest,
        as in Keras.
    skip_top : int
        Word numbers below this become `oov_char`.
    maxlen : int, optional
        Reviews of that many words or more are left out.
    seed : int
        The same seed gives the same order, Keras's.
    start_char, oov_char : int, optional
        The number at the beginning of each review, and that of words that are not kept; None: none.
    index_from : int
        Added to the words' numbers, so that 0 is free for padding.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuples of ndarray
        Arrays (25000,) of lists of int; labels (25000,) of int64, 1 for and 0 against.

    Raises
    ------
    ValueError
        If `path` is another file, or `maxlen` leaves nothing.
    FileNotFoundError, minigrad.datasets.DatasetNotFoundError
        Nothing is at `path`; it is not on this machine and cannot be downloaded.
    """
    arrays = read_npz(read_file(REVIEWS, path))
    generator = np.random.RandomState(seed)
    parts = []
    for part in ("train", "test"):
        texts, labels = shuffle(generator, arrays[f"x_{part}"], arrays[f"y_{part}"])
        parts.append(number_words("imdb", texts, labels, maxlen, start_char, index_from))
    (x_train, y_train), (x_test, y_test) = parts
    texts = choose_words(x_train + x_test, num_words, skip_top, oov_char)
    cut = len(x_train)
    return (as_objects(texts[:cut]), y_train), (as_objects(texts[cut:]), y_test)


def get_word_index(path="imdb_word_index.json"):
    """Return the dict from word to number; `load_data` adds `index_from` to the numbers.

    Parameters
    ----------
    path : str or path
        The file; its bare name means the search of `load_data`.
    """
    return read_word_index(WORD_INDEX, path)
