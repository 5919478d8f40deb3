"""Data sets of chained steps, padded sequences, windows, data sets cut in two."""

import itertools

import numpy as np
import pytest

from minigrad import Tensor, layers, models, utils
from minigrad.utils.pipelines import Dataset, as_batch

KERAS_WARNS = pytest.mark.filterwarnings("ignore")  # on JAX, of NumPy 2


def numbers(n=7):
    return Dataset(lambda i: np.array([i, 10 * i]), n)


def firsts(dataset):
    return [int(np.asarray(element)[..., 0].flat[0]) for element in dataset]


def test_steps_are_chained():
    assert firsts(numbers().take(3)) == [0, 1, 2]
    assert firsts(numbers().take(99)) == firsts(numbers().take(-1)) == list(range(7))
    assert firsts(numbers().skip(5)) == [5, 6]
    assert firsts(numbers().skip(9)) == []
    assert firsts(numbers().map(lambda x: x + 1, num_parallel_calls=4).skip(2).take(2)) == [3, 4]
    assert firsts(numbers(2).repeat(3)) == [0, 1, 0, 1, 0, 1]
    assert firsts(itertools.islice(numbers(3).repeat(), 4)) == [0, 1, 2, 0]
    assert firsts(numbers(3).repeat().take(5)) == [0, 1, 2, 0, 1]
    assert numbers().prefetch(2).cardinality() == len(numbers()) == 7
    assert numbers().repeat().cardinality() == -1
    assert [x.tolist() for x in numbers(2).as_numpy_iterator()] == [[0, 0], [1, 10]]


def test_batches_of_samples():
    batches = list(numbers().batch(3))
    assert [x.shape for x in batches] == [(3, 2), (3, 2), (1, 2)]
    assert len(numbers().batch(3, drop_remainder=True)) == 2
    pairs = Dataset(lambda i: (np.full(2, i), i), 3).batch(2)
    x, y = pairs[0]
    assert (x.tolist(), y.tolist()) == ([[0, 0], [1, 1]], [0, 1])
    assert type(y.numpy()) is np.ndarray


def test_map_takes_pairs_apart_and_records_no_graph():
    pairs = Dataset(lambda i: (as_batch(np.ones((2, 3))), i), 2)
    dense = layers.Dense(2)
    (x, y), _ = pairs.map(lambda x, y: (dense(x), y + 1))
    assert isinstance(x, Tensor)
    assert (x.requires_grad, y) == (False, 1)


def test_cache_makes_each_element_once():
    made = []
    dataset = Dataset(lambda i: made.append(i) or np.array([i]), 3).cache()
    assert firsts(dataset) == firsts(dataset) == [0, 1, 2]
    assert made == [0, 1, 2]
    with pytest.raises(ValueError, match="expected no file, got 'here'"):
        dataset.cache("here")


def test_shuffle_stays_as_it_is_drawn():
    dataset = numbers(50).shuffle(10, seed=4)
    assert firsts(dataset) == firsts(dataset) == firsts(numbers(50).shuffle(99, seed=4))
    assert sorted(firsts(dataset)) == list(range(50)) != firsts(dataset)


def test_number_out_of_range():
    with pytest.raises(IndexError, match="a number below 7, got 7"):
        numbers()[7]


# --- padding --------------------------------------------------------------------------------------

RAGGED = [[1, 2, 3, 4], [], [5], [6, 7]]


@KERAS_WARNS
@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
@pytest.mark.parametrize("maxlen", [None, 2, 3, 6])
def test_padding_is_keras(padding, truncating, maxlen):
    keras = pytest.importorskip("keras")
    vectors = [np.arange(6.0).reshape(3, 2), np.ones((1, 2)), np.zeros((0, 2))]
    for sequences, more in (
        (RAGGED, {}),
        (np.fromiter(RAGGED, object, 4), {"value": 9, "dtype": "float32"}),
        (vectors, {"dtype": "float64", "value": -1.5}),
        ([["a", "bc"], ["d"]], {"dtype": object, "value": "-"}),
    ):
        options = {"padding": padding, "truncating": truncating, "maxlen": maxlen, **more}
        ours = utils.pad_sequences(sequences, **options)
        theirs = keras.utils.pad_sequences(sequences, **options)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_padding_at_its_limits():
    assert utils.pad_sequences([]).shape == (0, 0)
    assert utils.pad_sequences(RAGGED, maxlen=0).shape == (4, 0)
    assert utils.pad_sequences([[], []], maxlen=2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1]], None, "int32", "left"), "padding 'pre' or 'post', got 'left'"),
        (([[1]], None, "int32", "pre", "right"), "truncating"),
        (([1, 2],), "a list of sequences, got .*int"),
        (([[1]], -1), "maxlen as a whole number of at least 0"),
        (([[1]], None, "int32", "pre", "pre", "-"), "dtype=object for texts, got int32"),
        (([[[1, 2]], [[1]]],), r"elements of shape \(2,\), got \(1,\) in sequence 1"),
    ],
)
def test_padding_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        utils.pad_sequences(*arguments)


# --- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sequence_stride": 3, "sampling_rate": 2, "batch_size": 2},
        {"start_index": 2, "end_index": 17, "batch_size": 4},
        {"batch_size": None, "sequence_stride": 4},
    ],
    ids=str,
)
def test_windows_are_those_of_a_loop(options):
    data, targets = np.arange(40.0).reshape(20, 2), np.arange(100, 118)
    stride, rate = options.get("sequence_stride", 1), options.get("sampling_rate", 1)
    start, end = options.get("start_index", 0), options.get("end_index", 20)
    dataset = utils.timeseries_dataset_from_array(data, targets, 3, **options)
    elements = list(dataset)
    if options.get("batch_size", 1) is None:
        x, y = (np.stack(part) for part in zip(*elements, strict=True))
    else:
        x, y = (np.concatenate(part) for part in zip(*elements, strict=True))
    firsts = [i for i in range(start, end - 2 * rate, stride) if i < len(targets)]
    np.testing.assert_array_equal(x, [data[[i, i + rate, i + 2 * rate]] for i in firsts])
    np.testing.assert_array_equal(y, targets[firsts])
    without = utils.timeseries_dataset_from_array(data, None, 3, **options)
    assert without[0].shape == elements[0][0].shape


def test_windows_in_the_order_of_keras():
    dataset = utils.timeseries_dataset_from_array(np.arange(9), None, 2, shuffle=True, seed=3)
    order = np.arange(8)
    np.random.RandomState(3).shuffle(order)
    assert dataset[0][:, 0].tolist() == order.tolist()


def test_model_takes_windows():
    wave = np.sin(np.arange(60) / 3).astype("float32")[:, None]
    dataset = utils.timeseries_dataset_from_array(wave[:-5], wave[5:], 5, batch_size=8)
    model = models.Sequential([layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(dataset, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.predict(dataset, verbose=0).shape == (51, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sequence_length": 0}, "sequence_length as a whole number of at least 1, got 0"),
        ({"sequence_stride": 0}, "sequence_stride"),
        ({"sampling_rate": -1}, "sampling_rate"),
        ({"sequence_length": 11}, "at least one window of 11 elements .* got 10 elements"),
        ({"start_index": 9}, "at least one window of 2 elements"),
        ({"targets": []}, "10 elements and 0 targets"),
    ],
)
def test_windows_refuse(options, message):
    options = {"data": np.arange(10), "targets": None, "sequence_length": 2, **options}
    with pytest.raises(ValueError, match=message):
        utils.timeseries_dataset_from_array(**options)


# --- cut in two -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right", "sizes"),
    [
        (0.8, None, (8, 2)),
        (None, 3, (7, 3)),
        (2, 3, (2, 3)),
        (0.25, 0.5, (2, 5)),
        (6, None, (6, 4)),
    ],
)
def test_split_has_the_sizes_asked_for(left, right, sizes):
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    parts = utils.split_dataset((x, y), left, right)
    assert tuple(map(len, parts)) == sizes
    numbers = [[int(label) for _, label in part] for part in parts]
    assert numbers == [list(range(sizes[0])), list(range(10 - sizes[1], 10))]
    (batch, labels), *_ = parts[0].batch(4)
    np.testing.assert_array_equal(batch, x[labels])
    alone, _ = utils.split_dataset(x, left, right)
    np.testing.assert_array_equal(alone[1], x[1])


def test_split_shuffles_as_python_does():
    left, right = utils.split_dataset(np.arange(9), 4, shuffle=True, seed=2)
    both = [int(x) for x in [*left, *right]]
    assert sorted(both) == list(range(9)) != both
    again, _ = utils.split_dataset(np.arange(9), 4, shuffle=True, seed=2)
    assert [int(x) for x in again] == both[:4]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((None, None), "left_size or right_size, got neither"),
        ((1.5, None), "left_size from 0 to 1, got 1.5"),
        ((0, None), "left_size as a whole number of at least 1"),
        ((10, None), "two parts of 10 elements"),
        ((0.01, None), "two parts"),
        ((6, 5), "two parts of 10 elements, got left_size=6 and right_size=5"),
    ],
)
def test_split_refuses(sizes, message):
    with pytest.raises(ValueError, match=message):
        utils.split_dataset(np.arange(10), *sizes)
