"""Reuters: 11,228 short news as lists of word numbers, on 46 topics.

Source: D. Lewis, Reuters-21578; the words were numbered for Keras, by how often they occur.
"""

from minigrad.datasets._files import DataFile, read_file, read_npz, shuffle
from minigrad.datasets._words import as_objects, choose_words, number_words, read_word_index

NEWS = DataFile("reuters.npz", "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916")
WORD_INDEX = DataFile("reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921")

LABEL_NAMES = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply",
    "coffee", "sugar", "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi",
    "money-fx", "interest", "gnp", "meal-feed", "alum", "oilseed", "gold", "tin",
    "strategic-metal", "livestock", "retail", "ipi", "iron-steel", "rubber", "heat", "jobs", "lei",
    "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog", "lead",
)  # fmt: skip


def load_data(
    path="reuters.npz", num_words=None, skip_top=0, maxlen=None, test_split=0.2, seed=113,
    start_char=1, oov_char=2, index_from=3,
):  # fmt: skip
    """Load the news from this machine, or download them (2 MB), as `imdb.load_data` does.

    Parameters
    ----------
    path, num_words, skip_top, maxlen, seed, start_char, oov_char, index_from
        As for `imdb.load_data`.
    test_split : float
        The part of the news that is for the test, from 0 to 1.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuples of ndarray
        Arrays (8982,) and (2246,) of lists of int; labels of int64, indices of `LABEL_NAMES`.

    Raises
    ------
    ValueError, FileNotFoundError, minigrad.datasets.DatasetNotFoundError
        As `imdb.load_data`.
    """
    arrays = read_npz(read_file(NEWS, path))
    texts, labels = shuffle(seed, arrays["x"], arrays["y"])
    texts, labels = number_words("reuters", texts, labels, maxlen, start_char, index_from)
    texts = choose_words(texts, num_words, skip_top, oov_char)
    cut = int(len(texts) * (1 - test_split))
    return (as_objects(texts[:cut]), labels[:cut]), (as_objects(texts[cut:]), labels[cut:])


def get_word_index(path="reuters_word_index.json"):
    """Return the dict from word to number; `load_data` adds `index_from` to the numbers.

    Parameters
    ----------
    path : str or path
        The file; its bare name means the search of `load_data`.
    """
    return read_word_index(WORD_INDEX, path)


def get_label_names():
    """Return the names of the topics, in the order of the labels."""
    return LABEL_NAMES
