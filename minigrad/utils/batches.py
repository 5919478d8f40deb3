"""Cut the data of `fit`, `evaluate` and `predict` into batches (x, y, sample_weight)."""

import itertools
import math
import sys
import warnings
from collections.abc import Mapping

import numpy as np

from minigrad import config
from minigrad.utils import together
from minigrad.utils.arguments import checked_number, short_text, told, whole_number
from minigrad.utils.arrays import as_number
from minigrad.utils.datasets import PyDataset
from minigrad.utils.samples import (
    UnreadRows,
    as_array,
    as_rows,
    explain_no_batches,
    part_of,
    put_off,
    take_rows,
)
from minigrad.utils.structures import flatten, is_structure, map_structure, pack_like

DEFAULT_BATCH_SIZE = 32


class Batches:
    """The batches of one call of `fit`, `evaluate` or `predict`, an epoch at a time.

    Parameters
    ----------
    x : array_like or SciPy sparse matrix (n, ...), a list or dict of several, or an iterable
        An iterable yields x, (x, y) or (x, y, sample_weight) for each batch. Its methods
        `on_epoch_begin` and `on_epoch_end`, if it has them, are called before and after each epoch.
        Sparse rows become arrays, and HDF5 data sets are read, batch by batch.
    y, sample_weight : array_like (n, ...), or a list or dict of several, optional
        Only with arrays `x`.
    batch_size : int, optional
        Samples a batch, if `x` is an array; the last batch may be smaller. Default: 32, or the
        size that gives `steps` batches.
    steps : int, optional
        Batches an epoch. Default: all there are.
    class_weight : dict from int to float, optional
        The weight of each class's samples; 1 for a class that it does not name.
    generator : numpy.random.Generator, optional
        Draws a new order for every epoch: of an array's samples, or of the batches of an object
        with `__getitem__` and `__len__`. Default: the order that they have.
    resumes : bool
        Whether an epoch of `steps` batches goes on where the last one ended, as in training, or
        begins with the first batch, as in validation (unless `x` can be read only once).
    is_whole : bool
        Whether no sample may be left out: the batches of arrays then are so large that as many as
        the environment variable KERAS_MAX_STEPS_PER_EPOCH allows hold all, as in Keras's `predict`.
    is_unread : bool
        Whether arrays `x` come as `UnreadRows`, of which each rank reads its own.

    Attributes
    ----------
    steps : int or None
        Batches an epoch; None while that is not known.
    num_samples : int or None
        Known for arrays.
    parts : sequence
        The arrays x, y and sample_weight, or the iterable alone.

    Raises
    ------
    ValueError
        If the arrays differ in length, `steps` are asked of no samples, arguments exclude each
        other, or one is out of range.
    TypeError
        If `batch_size` or `steps` is no number, or `class_weight` no dict of numbers.
    """

    def __init__(
        self, x, y=None, sample_weight=None, batch_size=None, steps=None, class_weight=None,
        generator=None, resumes=True, is_whole=False, is_unread=False,
    ):  # fmt: skip
        limit = config.max_steps_per_epoch() or 0
        steps = whole_number("batches", "steps", steps, least=1, optional=True)
        batch_size = whole_number("batches", "batch_size", batch_size, least=1, optional=True)
        if class_weight is not None and sample_weight is not None:
            raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
        self.class_weight = checked_class_weight(class_weight)
        self.num_samples = None
        if is_array_like(x):
            arrays = as_samples(x, y, sample_weight)
            self.num_samples = flatten(arrays)[0].shape[0]
            if steps and not self.num_samples:
                raise ValueError("batches: expected at least one sample, got none")
            if batch_size is None:
                parts = steps or (limit if is_whole else 0)
                batch_size = math.ceil(self.num_samples / parts) if parts else DEFAULT_BATCH_SIZE
            self.parts = arrays
            self.source = _ArrayBatches(arrays, batch_size, generator, is_unread)
        else:
            _check_iterable(x, y, sample_weight)
            self.parts = (x,)
            self.source = x
            if generator is not None and hasattr(x, "__getitem__") and _length(x) is not None:
                self.source = _ShuffledBatches(x, generator)
        self.given = x
        self.generator = generator
        self.resumes = resumes and steps is not None
        self._pass = None  # the batches that are still to come, of this time through the data
        self._taken = 0  # how many of it came
        self._order = None  # the generator's state when it began
        self.steps = _length(self.source) if steps is None else steps
        if limit and (self.steps is None or self.steps > limit):
            self.steps = limit

    def epoch(self, done=0):
        """Yield the batches of the next epoch as tuples (x, y, sample_weight).

        Parameters
        ----------
        done : int
            How many of them came before `set_state`.
        """
        if hasattr(self.source, "on_epoch_begin"):
            self.source.on_epoch_begin()
        if self._pass is None or not (self.resumes or done):
            self._begin_pass()
        count = done
        while count != self.steps:
            batch = next(self._pass, None)
            if batch is None and self.resumes and count == 0:  # the last epoch ended with the data
                self._begin_pass()
                batch = next(self._pass, None)
            if batch is None:
                break
            count += 1
            self._taken += 1
            yield self._complete(batch)
        if count < (1 if self.steps is None else self.steps):
            warnings.warn(
                "Your input ran out of data; interrupting training. Make sure that your dataset "
                "or generator can generate at least `steps_per_epoch * epochs` batches.",
                stacklevel=3,
            )
        if not self.resumes and self._pass is not self.source:
            self._taken = 0
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()

    def _begin_pass(self):
        order, batches = self._order_now(), iter(self.source)  # which may draw another
        if batches is not self.source or self._pass is None:  # else it can be read only once
            self._taken, self._order = 0, order
        self._pass = batches

    def _order_now(self):
        return None if self.generator is None else self.generator.bit_generator.state

    def get_state(self):
        """Return how far the data were read, and the order that they have then."""
        return {"taken": self._taken, "order": self._order if self._taken else self._order_now()}

    def set_state(self, state):
        """Go on where `get_state` was called: what came before is read again and left out."""
        if self.generator is not None and state["order"] is not None:
            self.generator.bit_generator.state = state["order"]
        if state["taken"]:
            self._begin_pass()
            self._taken = sum(1 for _ in itertools.islice(self._pass, state["taken"]))

    def _complete(self, batch):
        x, y, sample_weight = (_map_arrays(as_array, part) for part in unpack(batch))
        if y is not None and not np.size(flatten(y)[0]):
            raise ValueError("batches: expected at least one sample in each, got none")
        if self.class_weight is not None:
            if sample_weight is not None:
                raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
            sample_weight = class_weights_of(y, self.class_weight)
        together.note(x, y, sample_weight)
        return x, y, sample_weight


def pack(x, y=None, sample_weight=None):
    """Return a batch as x, (x, y) or (x, y, sample_weight), without what is None at the end."""
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return x if not isinstance(x, (list, tuple)) else (x,)


def unpack(data, owner="batches"):
    """Return x, y and sample_weight of a batch that is x, (x,), (x, y) or all three."""
    data = tuple(data) if isinstance(data, (list, tuple)) else (data,)
    if not 1 <= len(data) <= 3:
        raise ValueError(
            f"{owner}: expected x, (x, y) or (x, y, sample_weight), got {len(data)} parts"
        )
    return (*data, None, None)[:3]


pack_x_y_sample_weight, unpack_x_y_sample_weight = pack, unpack  # Keras's names


def split(x, y, sample_weight, fraction):
    """Cut off the last `fraction` of the samples (before any shuffling) for validation.

    Returns
    -------
    tuple, tuple
        `(x, y, sample_weight)` to train on and to validate with; views of the arrays.

    Raises
    ------
    ValueError
        If either part would be empty, or `x` is no array.
    """
    if not is_array_like(x):
        raise ValueError(
            "Argument `validation_split` is only supported for tensors or NumPy arrays. "
            f"Found incompatible type in the input: {type(x)}"
        )
    arrays = as_samples(x, y, sample_weight)
    n = flatten(arrays)[0].shape[0]
    fraction = checked_number("fit", "validation_split", fraction, "(-inf, inf)")
    cut = math.floor(n * (1 - fraction))
    if not 0 < cut < n:
        raise ValueError(
            f"Training data contains {n} samples, which is not sufficient to split it into a "
            "validation and training set as specified by "
            f"`validation_split={fraction}`. Either provide more data, or a different value for "
            "the `validation_split` argument."
        )
    first, last = (
        map_structure(lambda a, ends=ends: None if a is None else part_of(a, *ends), tuple(arrays))
        for ends in ((0, cut), (cut, n))
    )
    return first, last


def class_weights_of(y, class_weight):
    """Return the weight of each sample's class, 1 for a class that `class_weight` does not name.

    Parameters
    ----------
    y : integer labels (n,) or (n, 1), or one-hot rows (n, classes)
    class_weight : dict from int to float

    Returns
    -------
    float32 array (n,)

    Raises
    ------
    ValueError
        If there are no labels, or they have more axes.
    """
    if not isinstance(y, np.ndarray) or y.ndim > 2:
        got = f"y of shape {y.shape}" if isinstance(y, np.ndarray) else "no y, or several"
        raise ValueError(f"class_weight: expected y of one label or one-hot row each, got {got}")
    labels = y.argmax(-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1)
    weights = np.ones(labels.shape, np.float32)
    for label, weight in class_weight.items():
        weights[labels == label] = weight
    return weights


def checked_class_weight(class_weight):
    """Return a dict from int to float, or None; raise an error that names what is none."""
    if class_weight is None:
        return None
    if not isinstance(class_weight, Mapping):
        cure = "write dict(enumerate(weights)) for a list of weights"
        got = type(class_weight).__name__
        raise TypeError(f"class_weight: expected a dict from class to weight, got {got}; {cure}")
    checked = {}
    for label, weight in class_weight.items():
        label = int(label) if isinstance(label, bool) else label
        label = whole_number("class_weight", "a key", label)
        checked[label] = number = as_number(weight)
        if number is None or not math.isfinite(number):
            kind, what = (TypeError, "") if number is None else (ValueError, "finite ")
            message = f"class_weight: expected a {what}number as the weight of class {label}"
            raise kind(f"{message}, got {short_text(weight)}")
    return checked


def epochs_to_validate(validation_freq):
    """Return a container of the epochs, counted from 1, after which `fit` evaluates.

    Parameters
    ----------
    validation_freq : int or collection of int
        Every so many epochs, or these.

    Raises
    ------
    TypeError, ValueError
        If there is anything but whole numbers of at least 1.
    """
    if isinstance(validation_freq, (list, tuple, set, range, np.ndarray)):
        return {whole_number("fit", "validation_freq", epoch, 1) for epoch in validation_freq}
    every = whole_number("fit", "validation_freq", validation_freq, 1)
    return range(every, sys.maxsize, every)


def as_samples(x, y=None, sample_weight=None):
    """Return the arrays (None stays None), each of several in its structure.

    Raises
    ------
    ValueError
        If they differ in their number of samples.
    TypeError
        If there is text, or anything but numbers, in `x`.
    """
    names = ("x", "y", "sample_weight")
    arrays = [
        _map_arrays(told(lambda data, name=name: as_rows(name, data), "batches"), part)
        for name, part in zip(names, (x, y, sample_weight), strict=True)
    ]
    given = {
        f"{name}[{i}]" if len(flatten(part)) > 1 else name: array
        for name, part in zip(names, arrays, strict=True)
        for i, array in enumerate(flatten(part))
        if array is not None
    }
    for name, array in given.items():
        if array.ndim == 0:
            raise ValueError(f"{name}: expected an array of samples, got the number {array}")
    if len({array.shape[0] for array in given.values()}) > 1:
        sizes = [f"'{name}' sizes: {array.shape[0]}\n" for name, array in given.items()]
        cure = ""
        if len(sizes) > 6:
            sizes[5:] = ["...\n"]
            cure = "A list holds several inputs; for a list of samples write np.array(x)."
        raise ValueError(
            "Data cardinality is ambiguous. "
            f"Make sure all arrays contain the same number of samples. {''.join(sizes)}{cure}"
        )
    return arrays


def collect(parts, n=None):
    """Join arrays along their first axis, in a preallocated array if the length is known.

    Parameters
    ----------
    parts : iterable of arrays (m, ...), or of lists or dicts of several
        Not empty.
    n : int, optional
        The sum of all m, or more.
    """
    parts = iter(parts)
    first = next(parts, None)
    if first is None:
        raise ValueError("predict: expected at least one batch, got none")
    if is_structure(first):
        columns = zip(*map(flatten, itertools.chain([first], parts)), strict=True)
        return pack_like(first, [np.concatenate(column) for column in columns])
    if n is None:
        return np.concatenate([first, *parts])
    whole, done = np.empty((n, *first.shape[1:]), first.dtype), 0
    for part in itertools.chain([first], parts):
        whole[done : done + len(part)] = part
        done += len(part)
    return whole[:done]


def is_array_like(x):
    """Whether `x` holds samples; anything else that can be iterated over gives batches."""
    return isinstance(x, (list, tuple, dict)) or hasattr(x, "__array__") or hasattr(x, "tocsr")


def _map_arrays(function, data):
    """Convert one array or, in its structure, each of several; None stays None."""

    def convert(part):
        is_ready = part is None or (type(part) is np.ndarray and part.dtype.kind in "biuf")
        return part if is_ready or type(part) is UnreadRows else function(part)

    if not is_structure(data):  # mostly
        return convert(data)
    return map_structure(convert, data, lambda part: not is_structure(part))


def _length(source):
    """The number of batches, None where it is not known."""
    try:
        return source.num_batches if isinstance(source, PyDataset) else len(source)
    except Exception:  # loaders say by errors of many types that they do not know it
        return None


def _check_iterable(x, y, sample_weight):
    if got := explain_no_batches(x):
        raise ValueError(f"x: expected arrays, or an iterable of batches, got {got}")
    if isinstance(x, (str, bytes, dict)) or not hasattr(x, "__iter__") | hasattr(x, "__getitem__"):
        raise ValueError(
            f"Unrecognized data type: x={short_text(x)} (of type {type(x)}): expected arrays, or "
            "an iterable of batches, as x or validation_data"
        )
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"When providing `x` as an iterable of batches, `{name}` should not be passed. "
                "Instead, it should be included in each batch."
            )


class _ArrayBatches:
    """Slices of arrays of one length, in a new order each time when there is a generator."""

    def __init__(self, arrays, batch_size, generator, is_unread):
        self.arrays = tuple(arrays)
        self.batch_size = batch_size
        self.generator = generator
        self.take_x = put_off if is_unread else take_rows

    def __len__(self):
        return math.ceil(self._num_samples() / self.batch_size)

    def __iter__(self):
        n = self._num_samples()
        order = None if self.generator is None else self.generator.permutation(n)
        x, *others = self.arrays
        for start in range(0, n, self.batch_size):
            rows = slice(start, start + self.batch_size)
            rows = rows if order is None else order[rows]
            yield self.take_x(x, rows), *[take_rows(data, rows) for data in others]

    def _num_samples(self):
        return flatten(self.arrays)[0].shape[0]


class _ShuffledBatches:
    """The batches of an object that is asked for each by its number, in a new order each time."""

    def __init__(self, batches, generator):
        self.batches = batches
        self.generator = generator
        for hook in ("on_epoch_begin", "on_epoch_end"):
            if hasattr(batches, hook):
                setattr(self, hook, getattr(batches, hook))

    def __len__(self):
        return _length(self.batches)

    def __iter__(self):
        return (self.batches[int(i)] for i in self.generator.permutation(len(self)))
