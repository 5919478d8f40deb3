"""Texts as lists of words, as lists of word numbers, and as rows of what words they have."""

import collections
import hashlib

import numpy as np

from minigrad.utils.arguments import Described, whole_number

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence"]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
MODES = ("binary", "count", "freq", "tfidf")


def text_to_word_sequence(input_text, filters=FILTERS, lower=True, split=" "):
    """Return the words of a text: each of `filters` separates them as `split` does."""
    text = input_text.lower() if lower else input_text
    words = text.translate(str.maketrans(dict.fromkeys(filters, split))).split(split)
    return [word for word in words if word]


def hashing_trick(
    text, n, hash_function=None, filters=FILTERS, lower=True, split=" ", analyzer=None
):
    """Return a number from 1 to n − 1 for each word of a text; different words may share one.

    Parameters
    ----------
    text : str
    n : int
    hash_function : callable or "md5", optional
        From a word to an int. Default: Python's `hash`, which is another in every run.
    filters, lower, split
        As for `text_to_word_sequence`.
    analyzer : callable, optional
        Takes the text apart instead.
    """
    if hash_function == "md5":
        hash_function = _md5
    words = analyzer(text) if analyzer else text_to_word_sequence(text, filters, lower, split)
    return [(hash_function or hash)(word) % (n - 1) + 1 for word in words]


def one_hot(input_text, n, filters=FILTERS, lower=True, split=" ", analyzer=None):
    """Return `hashing_trick` with Python's `hash`; in spite of its name, these are numbers."""
    return hashing_trick(input_text, n, None, filters, lower, split, analyzer)


class Tokenizer(Described):
    """Numbers for words, by how often they occur in texts; the most frequent one is 1.

    Parameters
    ----------
    num_words : int, optional
        Only words with numbers below this are used.
    filters, lower, split
        As for `text_to_word_sequence`.
    char_level : bool
        Whether characters are the words.
    oov_token : str, optional
        Gets number 1, and stands for words that are unknown or not used. Default: they are left
        out.
    analyzer : callable, optional
        Takes texts apart instead. A text may also be a list of words.

    Attributes
    ----------
    word_index, index_word : dict
        Number of each word, and the other way round.
    word_counts, word_docs : dict
        How often each word occurs, and in how many texts; `index_docs` is the latter by number.
    document_count : int
    """

    def __init__(
        self, num_words=None, filters=FILTERS, lower=True, split=" ", char_level=False,
        oov_token=None, analyzer=None,
    ):  # fmt: skip
        self.num_words = whole_number("Tokenizer", "num_words", num_words, 1, optional=True)
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.analyzer = analyzer
        self.document_count = 0
        self.word_counts, self.word_docs = collections.Counter(), collections.Counter()
        self.index_docs = collections.Counter()
        self.word_index, self.index_word = {}, {}

    def fit_on_texts(self, texts):
        """Count the words of texts, and number them anew."""
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            self.word_counts.update(words)
            self.word_docs.update(set(words))
        first = [] if self.oov_token is None else [self.oov_token]
        ordered = sorted(self.word_counts, key=self.word_counts.get, reverse=True)
        self.word_index = {word: i for i, word in enumerate([*first, *ordered], 1)}
        self.index_word = {i: word for word, i in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences):
        """Count in how many lists of numbers each number is, for the mode "tfidf"."""
        for sequence in sequences:
            self.document_count += 1
            self.index_docs.update(set(sequence))

    def texts_to_sequences(self, texts):
        """Return the words' numbers of each text, a list of lists."""
        sequences = [[self.word_index.get(word) for word in self._words(text)] for text in texts]
        return [self._used(sequence) for sequence in sequences]

    def sequences_to_texts(self, sequences):
        """Return the words of lists of numbers, as texts."""
        known = [[i if i in self.index_word else None for i in one] for one in sequences]
        return [" ".join(self.index_word[i] for i in self._used(one)) for one in known]

    def texts_to_matrix(self, texts, mode="binary"):
        """Return `sequences_to_matrix` of texts."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences, mode="binary"):
        """Return a row for each list of numbers: what is said of each number in it.

        Parameters
        ----------
        sequences : list of lists of int
            Numbers from `num_words` on count for the length only.
        mode : {"binary", "count", "freq", "tfidf"}
            Whether it is there, how often, in which part of the places; or how often by
            ``1 + log(count)``, times ``log(1 + texts / (1 + texts with it))``.

        Returns
        -------
        float64 array (number of lists, num_words)

        Raises
        ------
        ValueError
            If the mode is another one, or if it or the size needs texts that were not seen.
        """
        if mode not in MODES:
            raise ValueError(f"Tokenizer: expected mode one of {MODES}, got {mode!r}")
        size = self.num_words or len(self.word_index) + 1
        if size == 1 or (mode == "tfidf" and not self.document_count):
            raise ValueError(
                "Tokenizer: expected num_words and fit_on_texts(texts) first, got none"
            )
        x = np.zeros((len(sequences), size))
        for row, sequence in zip(x, sequences, strict=True):
            used = [number for number in sequence if number < size]
            np.add.at(row, used, 1)
            if mode == "binary":
                row[used] = 1
            elif mode == "freq":
                row /= max(len(sequence), 1)
            elif mode == "tfidf":
                found = np.unique(np.array(used, int))
                texts = np.array([self.index_docs[number] for number in found.tolist()])
                row[found] = (1 + np.log(row[found])) * np.log(
                    1 + self.document_count / (1 + texts)
                )
        return x

    def _words(self, text):
        if self.char_level or isinstance(text, list):
            return [word.lower() for word in text] if self.lower else list(text)
        if self.analyzer:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def _used(self, numbers):
        """Numbers that are used; None and others become that of `oov_token`, or go."""
        limit = self.num_words or np.inf
        oov = self.word_index.get(self.oov_token)
        used = [i if i is not None and i < limit else oov for i in numbers]
        return [i for i in used if i is not None]


def _md5(word):
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)
