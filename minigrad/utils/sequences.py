"""Sequences of one length, windows on a long sequence, and data sets cut in two."""

import random as python_random

import numpy as np

from minigrad.utils.arguments import told, whole_number
from minigrad.utils.pipelines import Dataset, as_batch


@told
def pad_sequences(
    sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0
):
    """Make sequences equally long.

    Parameters
    ----------
    sequences : list of sequences (T,) or (T, ...)
    maxlen : int, optional
        The length of all. Default: that of the longest.
    dtype : str or type
        Of the result; `object` for texts.
    padding, truncating : {"pre", "post"}
        Whether to fill and to cut at the beginning or at the end.
    value : float or str
        What to fill with.

    Returns
    -------
    ndarray (number of sequences, maxlen, ...)

    Raises
    ------
    ValueError
        If an argument is not one of these, or the sequences' elements differ in shape.
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ValueError(f"pad_sequences: expected {name} 'pre' or 'post', got {side!r}")
    try:
        lengths = [len(sequence) for sequence in sequences]
    except TypeError as error:
        raise ValueError(f"pad_sequences: expected a list of sequences, got {error}") from error
    maxlen = whole_number("pad_sequences", "maxlen", maxlen, optional=True)
    maxlen = max(lengths, default=0) if maxlen is None else maxlen
    shape = next((np.shape(one)[1:] for one in sequences if len(one)), ())
    if isinstance(value, str) and np.dtype(dtype).kind not in "OUS":
        raise ValueError(f"pad_sequences: expected dtype=object for texts, got {dtype}")
    padded = np.full((len(lengths), maxlen, *shape), value, dtype)
    for row, (sequence, length) in enumerate(zip(sequences, lengths, strict=True)):
        kept = min(length, maxlen)
        if not kept:
            continue
        sequence = sequence[length - kept :] if truncating == "pre" else sequence[:kept]
        sequence = np.asarray(sequence, dtype)
        if sequence.shape[1:] != shape:
            got = f"{sequence.shape[1:]} in sequence {row}"
            raise ValueError(f"pad_sequences: expected elements of shape {shape}, got {got}")
        start = maxlen - kept if padding == "pre" else 0
        padded[row, start : start + kept] = sequence
    return padded


@told
def timeseries_dataset_from_array(
    data, targets, sequence_length, sequence_stride=1, sampling_rate=1, batch_size=128,
    shuffle=False, seed=None, start_index=None, end_index=None, format="tf",
):  # fmt: skip
    """Return batches of windows on a long sequence.

    Parameters
    ----------
    data : array_like (T, ...)
    targets : array_like (T or fewer, ...) or None
        Target i belongs to the window that begins at i.
    sequence_length : int
        Elements of a window.
    sequence_stride : int
        How far apart windows begin.
    sampling_rate : int
        How far apart the elements of a window are.
    batch_size : int or None
        None: no batches but single windows.
    shuffle : bool
        Whether to put the windows in another order, the one that Keras draws from this `seed`.
    seed : int, optional
    start_index, end_index : int, optional
        The part of the data that is used.
    format : {"tf", "grain"}
        Without effect.

    Returns
    -------
    minigrad.utils.pipelines.Dataset
        Of windows (n, sequence_length, ...), or of (windows, targets).

    Raises
    ------
    ValueError
        If there is no window, or an argument is out of range.
    """
    owner = "timeseries_dataset_from_array"
    for name, value in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
    ):
        whole_number(owner, name, value, least=1)
    start = whole_number(owner, "start_index", start_index or 0)
    end = len(data) if end_index is None else whole_number(owner, "end_index", end_index, least=1)
    data = np.asarray(data)[start:end]
    count = len(data) - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = np.asarray(targets)[start:]
        count = min(count, len(targets))
    if count < 1:
        window = (sequence_length - 1) * sampling_rate + 1
        raise ValueError(
            f"{owner}: expected at least one window of {window} elements (and a target), "
            f"got {len(data)} elements"
            + ("" if targets is None else f" and {len(targets)} targets")
        )
    starts = np.arange(0, count, sequence_stride)
    if shuffle:
        order = np.random.RandomState() if seed is None else np.random.RandomState(seed)
        order.shuffle(starts)
    steps = np.arange(sequence_length) * sampling_rate

    def make(first):
        windows = as_batch(data[first[..., None] + steps])
        return windows if targets is None else (windows, as_batch(targets[first]))

    if batch_size is None:
        return Dataset(lambda index: make(starts[index]), len(starts))
    size = whole_number(owner, "batch_size", batch_size, least=1)
    batches = -(-len(starts) // size)
    return Dataset(lambda index: make(starts[index * size : (index + 1) * size]), batches)


@told
def split_dataset(dataset, left_size=None, right_size=None, shuffle=False, seed=None):
    """Cut a data set in two.

    Parameters
    ----------
    dataset : array (n, ...), tuple or list of such arrays, or an object with numbered elements
        Elements of an array are samples, those of a `Dataset` are its batches.
    left_size, right_size : int or float, optional
        How many elements, or which part of them; one may be left out.
    shuffle : bool
        Whether to put them in another order first.
    seed : int, optional

    Returns
    -------
    left, right : minigrad.utils.pipelines.Dataset
        Of samples: write `.batch(32)` for batches.

    Raises
    ------
    ValueError
        If a part would be empty, or both are too large.
    """
    arrays = dataset if isinstance(dataset, (tuple, list)) else (dataset,)
    n = len(arrays[0])
    left, right = (
        _share(name, size, n) for name, size in (("left", left_size), ("right", right_size))
    )
    if left is None and right is None:
        raise ValueError("split_dataset: expected left_size or right_size, got neither")
    left = n - right if left is None else left
    right = n - left if right is None else right
    if left < 1 or right < 1 or left + right > n:
        got = f"left_size={left_size} and right_size={right_size}"
        raise ValueError(f"split_dataset: expected two parts of {n} elements, got {got}")
    order = list(range(n))
    if shuffle:
        python_random.Random(seed).shuffle(order)

    def make(numbers):
        if isinstance(dataset, (tuple, list)):
            return Dataset(lambda i: tuple(array[numbers[i]] for array in arrays), len(numbers))
        return Dataset(lambda i: dataset[numbers[i]], len(numbers))

    return make(order[:left]), make(order[n - right :])


def _share(side, size, n):
    """The number of elements that a size means, or None."""
    if isinstance(size, float):
        if not 0 < size < 1:
            raise ValueError(f"split_dataset: expected {side}_size from 0 to 1, got {size}")
        return round(size * n)
    return whole_number("split_dataset", f"{side}_size", size, least=1, optional=True)
