"""Texts as lists of word numbers, the same way for IMDB and Reuters."""

import json

import numpy as np

from minigrad.datasets._files import read_file


def number_words(name, texts, labels, maxlen, start_char, index_from):
    """Move the words' numbers up by `index_from`, put `start_char` first, leave out long texts."""
    start = [] if start_char is None else [start_char]
    shift = index_from or 0
    texts = [start + [word + shift for word in text] for text in texts]
    if maxlen:
        kept = [i for i, text in enumerate(texts) if len(text) < maxlen]
        if not kept:
            lengths = f"of {min(map(len, texts))} words or more"
            raise ValueError(f"{name}: expected texts shorter than maxlen={maxlen}, got {lengths}")
        texts, labels = [texts[i] for i in kept], labels[kept]
    return texts, labels


def choose_words(texts, num_words, skip_top, oov_char):
    """Keep the words from `skip_top` to below `num_words`; others become `oov_char`, or go."""
    num_words = num_words or max(map(max, texts))
    if oov_char is None:
        return [[word for word in text if skip_top <= word < num_words] for text in texts]
    return [[word if skip_top <= word < num_words else oov_char for word in text] for text in texts]


def as_objects(texts):
    """Return an array (N,) of lists, also where all have one length."""
    return np.fromiter(texts, object, len(texts))


def read_word_index(file, path):
    """Return the dict from word to number that a JSON file holds."""
    return json.loads(read_file(file, path))
