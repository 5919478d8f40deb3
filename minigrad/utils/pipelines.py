"""Batches that are made when they are needed, in steps that are chained as TensorFlow's are."""

import itertools
import math

import numpy as np

from minigrad.core import no_grad
from minigrad.random import generator
from minigrad.utils.batches import is_array_like
from minigrad.utils.datasets import PyDataset


class Dataset(PyDataset):
    """Elements by number, such as batches (x, y), and the steps that make others of them.

    It can be read again and again, and each time it has the same order; `fit` draws a new order of
    the batches for each epoch. Arguments that speak of buffers and parallel calls are accepted
    without effect.

    Parameters
    ----------
    make : function of int
        Returns the element of this number: an array, or a tuple of arrays.
    length : int or None
        How many there are; None for no end.

    Attributes
    ----------
    class_names, file_paths : list of str
        Only of what `image_dataset_from_directory` returns.
    """

    def __init__(self, make, length):
        super().__init__()
        self._make = make
        self._length = length

    @property
    def num_batches(self):
        return self._length

    def __getitem__(self, index):
        if self._length is not None and not 0 <= index < self._length:
            raise IndexError(f"Dataset: expected a number below {self._length}, got {index}")
        return self._make(index)

    def map(self, map_func, num_parallel_calls=None, deterministic=None):
        """Apply a function to each element, as `map_func(x, y)` if that is a pair."""

        def make(index):
            element = self[index]
            with no_grad():
                return map_func(*element) if isinstance(element, tuple) else map_func(element)

        return Dataset(make, self._length)

    def take(self, count):
        """The first `count` elements; all if it is −1 or there are not more."""
        if self._length is not None:
            count = len(self) if count < 0 else min(count, len(self))
        return Dataset(self._make, count)

    def skip(self, count):
        """All but the first `count` elements."""
        return Dataset(lambda index: self[index + count], max(len(self) - count, 0))

    def cache(self, filename=None):
        """Keep in memory what was made once."""
        if filename:
            raise ValueError(f"Dataset.cache: expected no file, got {filename!r}; write cache()")
        made = {}

        def make(index):
            if index not in made:
                made[index] = self[index]
            return made[index]

        return Dataset(make, self._length)

    def prefetch(self, buffer_size=None):
        """The same: elements are made when they are needed."""
        return self

    def shuffle(self, buffer_size=None, seed=None, reshuffle_each_iteration=None):
        """All elements in another order."""
        order = generator(seed, "Dataset.shuffle").permutation(len(self))
        return Dataset(lambda index: self[int(order[index])], len(self))

    def repeat(self, count=None):
        """All elements `count` times, or without end."""
        times = None if count is None or count < 0 else count * len(self)
        return Dataset(lambda index: self[index % len(self)], times)

    def batch(self, batch_size, drop_remainder=False, num_parallel_calls=None):
        """Stack every `batch_size` elements."""
        n = len(self)

        def make(index):
            elements = [
                self[i] for i in range(index * batch_size, min((index + 1) * batch_size, n))
            ]
            if isinstance(elements[0], tuple):
                return tuple(as_batch(np.stack(part)) for part in zip(*elements, strict=True))
            return as_batch(np.stack(elements))

        return Dataset(make, n // batch_size if drop_remainder else math.ceil(n / batch_size))

    def as_numpy_iterator(self):
        """Iterate over the elements, which are arrays."""
        return iter(self)

    def cardinality(self):
        """The number of elements, −1 for no end."""
        return -1 if self._length is None else self._length


class Batch(np.ndarray):
    """An array that has the method `numpy` too, as scripts written for tensors expect."""

    def numpy(self):
        return np.array(self)

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return array[()] if return_scalar else array.view(Batch)


def as_batch(array):
    """Return an array with the method `numpy`."""
    return np.asarray(array).view(Batch)


def batches_of(data, steps=None):
    """Return the batches of an iterable, at most so many; an array is one, its list several.

    A list of numbers, or of lists, is an array.
    """
    holds_arrays = isinstance(data, list) and any(hasattr(part, "__array__") for part in data)
    if is_array_like(data) and not holds_arrays:
        return [data.toarray() if hasattr(data, "toarray") else data]
    return itertools.islice(data, steps)
