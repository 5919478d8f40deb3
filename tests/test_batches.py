"""Tests of how data become batches."""

import numpy as np
import pytest

from minigrad import utils
from minigrad.core import Tensor
from minigrad.utils import PyDataset
from minigrad.utils.batches import (
    Batches,
    class_weights_of,
    epochs_to_validate,
    is_array_like,
    split,
    unpack,
)


def arrays(n):
    """Samples that carry their number."""
    return np.arange(3 * n).reshape(n, 3), np.arange(n), np.arange(n) / 2


def numbers(batches):
    """The labels of an epoch's batches, as lists."""
    return [y.tolist() for _, y, _ in batches.epoch()]


def test_batches_are_slices_in_order_and_the_last_one_is_smaller():
    x, y, weight = arrays(7)
    batches = Batches(x, y, weight, batch_size=3)
    found = list(batches.epoch())
    assert batches.steps == len(found) == 3
    assert batches.num_samples == 7
    for i, batch in enumerate(found):
        for part, whole in zip(batch, (x, y, weight), strict=True):
            assert np.array_equal(part, whole[3 * i : 3 * i + 3])
            assert np.shares_memory(part, whole)
            assert part.dtype == whole.dtype
    assert len(found[-1][0]) == 1


@pytest.mark.parametrize(("n", "steps"), [(32, 1), (33, 2), (1, 1), (0, 0)])
def test_default_batch_size_is_32(n, steps):
    batches = Batches(*arrays(n))
    assert batches.steps == len(list(batches.epoch())) == steps


def test_without_batch_size_the_data_last_for_the_steps():
    assert numbers(Batches(*arrays(7), steps=3)) == [[0, 1, 2], [3, 4, 5], [6]]


def test_missing_parts_are_none():
    x, _, _ = arrays(4)
    assert [(y, weight) for _, y, weight in Batches(x, batch_size=3).epoch()] == [(None, None)] * 2


def test_shuffling_draws_a_new_order_for_every_epoch_and_keeps_samples_together():
    x, y, weight = arrays(23)
    batches = Batches(x, y, weight, 5, generator=np.random.default_rng(3))
    orders = []
    for _ in range(3):
        epoch = list(batches.epoch())
        order = np.concatenate([y for _, y, _ in epoch])
        assert np.array_equal(np.concatenate([x for x, _, _ in epoch]), x[order])
        assert np.array_equal(np.concatenate([weight for _, _, weight in epoch]), weight[order])
        assert sorted(order) == list(range(23))
        orders.append(tuple(order))
    assert len({*orders, tuple(range(23))}) == 4
    again = Batches(x, y, weight, 5, generator=np.random.default_rng(3))
    assert [i for batch in numbers(again) for i in batch] == list(orders[0])


def test_lists_tensors_and_foreign_arrays_are_samples():
    class Foreign:
        def __array__(self, dtype=None, copy=None):
            return np.ones((2, 3), np.uint8)

    for x in ([[1, 2, 3], [4, 5, 6]], Tensor(np.ones((2, 3))), Foreign(), ((1, 2, 3), (4, 5, 6))):
        ((batch, _, _),) = Batches(x).epoch()
        assert batch.shape == (2, 3)
    assert not is_array_like(iter([]))


class Table:
    """What is known of pandas' tables: an array, and names of columns."""

    def __init__(self, rows, columns):
        self.rows, self.columns = np.array(rows, object), columns

    def __array__(self, dtype=None, copy=None):
        return self.rows


class Series:
    """What is known of pandas' Series."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.shape = self.values.shape

    def __array__(self, dtype=None, copy=None):
        return self.values

    def to_frame(self):
        raise NotImplementedError


def test_a_series_is_a_column_and_a_table_of_mixed_types_is_numbers():
    table = Table([[1, 0.5, True], [2, 1.5, False], [3, 2.5, np.True_]], ["a", "b", "c"])
    ((x, y, _),) = Batches(table, Series([4, 5, 6])).epoch()
    assert x.tolist() == [[1, 0.5, 1], [2, 1.5, 0], [3, 2.5, 1]]
    assert x.dtype == np.float64
    assert y.tolist() == [[4], [5], [6]]
    ((x, y, _),) = Batches([Series([0.5])], np.array([3], object)).epoch()
    assert x[0].tolist() == [[0.5]]
    assert y.dtype.kind == "i"
    assert Batches(np.empty((0, 2), object)).num_samples == 0


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (Table([[1, 2], [3, "d"]], ["a", "sex"]), "got 'd' in column 'sex' among them; .*get_dumm"),
        (Table([[1, None]], ["a", "b"]), "got None in column 'b' among them"),
        (np.array([["a"], ["b"]]), "x: expected an array of numbers, got 'a' among them"),
        ({"a": np.ones(2), "b": np.array([b"c", b"d"])}, "got b'c' among them"),
        (np.array([[1], [2, 3]], object), r"got \[1\] among them; bring the samples to one length"),
    ],
)
def test_samples_that_are_no_numbers_are_named(x, message):
    with pytest.raises(TypeError, match=message):
        Batches(x)
    assert Batches(np.ones(2), np.array(["a", "b"])).num_samples == 2  # the loss speaks of labels


def test_a_list_of_samples_is_told_from_a_list_of_inputs():
    x = np.ones((40, 4))
    with pytest.raises(ValueError, match=r"'x\[4\]' sizes: 4\n...\nA list .* write np.array\(x\)"):
        Batches(list(x), np.ones(40))


def test_lengths_that_differ_are_named():
    x, y, weight = arrays(3)
    with pytest.raises(ValueError, match="Data cardinality is ambiguous") as error:
        Batches(x, y[:2], weight)
    assert str(error.value).endswith(
        "the same number of samples. 'x' sizes: 3\n'y' sizes: 2\n'sample_weight' sizes: 3\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": 5.0}, r"Unrecognized data type: x=5.0 \(of type <class 'float'>\)"),
        ({"x": "digits"}, "Unrecognized data type"),
        ({"x": None}, "Unrecognized data type"),
        ({"x": {"a": 1}}, r"x: expected an array of samples, got the number 1"),
        ({"x": np.float32(1)}, "x: expected an array of samples, got the number 1.0"),
        ({"x": [1], "batch_size": 0}, "expected batch_size as a whole number of at least 1, got 0"),
        ({"x": [1], "batch_size": 2.5}, "expected batch_size as a whole number .* got 2.5"),
        ({"x": [1], "steps": 0}, "expected steps as a whole number of at least 1, got 0"),
        ({"x": [1], "steps": -1}, "expected steps as a whole number of at least 1, got -1"),
        ({"x": [1], "steps": float("inf")}, "expected steps as a whole number .* got inf"),
        ({"x": np.ones((0, 2)), "steps": 2}, "batches: expected at least one sample, got none"),
        ({"x": iter([]), "y": [1]}, "`y` should not be passed"),
        ({"x": iter([]), "sample_weight": [1]}, "`sample_weight` should not be passed"),
        (
            {"x": [1], "y": [1], "sample_weight": [1], "class_weight": {0: 1}},
            "You cannot `class_weight` and `sample_weight` at the same time.",
        ),
    ],
)
def test_useless_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Batches(**arguments)


@pytest.mark.parametrize("value", ["32", [8], True])
@pytest.mark.parametrize("name", ["batch_size", "steps"])
def test_sizes_that_are_no_numbers_are_refused_by_name(name, value):
    with pytest.raises(TypeError, match=f"batches: expected {name} as a whole number"):
        Batches([1, 2], **{name: value})


@pytest.mark.parametrize("number", [3.0, np.int64(3), np.float32(3), np.array(3), np.uint8(3)])
def test_sizes_may_be_whole_numbers_of_any_type(number):
    assert numbers(Batches(*arrays(7), batch_size=number)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert numbers(Batches(*arrays(7), batch_size=1, steps=number)) == [[0], [1], [2]]


@pytest.mark.parametrize(
    ("frequency", "due"),
    [
        (1, [1, 2, 3, 4, 5, 6]),
        (2, [2, 4, 6]),
        (3.0, [3, 6]),
        (np.int64(4), [4]),
        ([1, np.int64(5)], [1, 5]),
        (np.array([6, 2.0]), [2, 6]),
        ((), []),
    ],
)
def test_epochs_to_validate_are_every_so_many_or_those_given(frequency, due):
    assert [epoch for epoch in range(1, 7) if epoch in epochs_to_validate(frequency)] == due


@pytest.mark.parametrize("frequency", [0, -1, 1.5, float("nan"), [2, 0], "2", None, ["1"]])
def test_epochs_to_validate_refuse_what_is_no_epoch_by_name(frequency):
    with pytest.raises((TypeError, ValueError), match="fit: expected validation_freq as a whole"):
        epochs_to_validate(frequency)


def test_a_batch_has_one_to_three_parts():
    x, y, weight = arrays(2)
    assert unpack((x, y)) == (x, y, None) and unpack([x, y, weight]) == (x, y, weight)
    assert unpack(x) == unpack((x,)) == (x, None, None)
    for parts in ((), (x, y, weight, weight)):
        with pytest.raises(ValueError, match=rf"validation_data: expected .* got {len(parts)} p"):
            unpack(parts, "validation_data")


# --- iterables of batches ------------------------------------------------------------------------


def generate(n):
    for i in range(n):
        yield np.full((2, 3), i), np.array([i, i])


def test_generator_of_batches_is_read_to_its_end():
    batches = Batches(generate(3))
    assert batches.steps is None
    assert batches.num_samples is None
    assert numbers(batches) == [[0, 0], [1, 1], [2, 2]]


def test_steps_take_a_generator_on_from_where_the_last_epoch_ended():
    batches = Batches(generate(5), steps=2)
    assert numbers(batches) == [[0, 0], [1, 1]]
    assert numbers(batches) == [[2, 2], [3, 3]]
    with pytest.warns(UserWarning, match="Your input ran out of data; interrupting training"):
        assert numbers(batches) == [[4, 4]]
    with pytest.warns(UserWarning, match="ran out of data"):
        assert numbers(batches) == []


def test_exhausted_generator_warns():
    batches = Batches(generate(1))
    numbers(batches)
    with pytest.warns(UserWarning, match="ran out of data"):
        assert numbers(batches) == []


def test_steps_begin_arrays_anew_once_they_are_used_up():
    batches = Batches(*arrays(6), batch_size=2, steps=3)
    assert numbers(batches) == numbers(batches) == [[0, 1], [2, 3], [4, 5]]
    batches = Batches(*arrays(6), batch_size=2, steps=2)
    assert numbers(batches) == [[0, 1], [2, 3]]
    with pytest.warns(UserWarning, match="ran out of data"):
        assert numbers(batches) == [[4, 5]]
    assert numbers(batches) == [[0, 1], [2, 3]]


def test_object_with_a_length_and_items_gives_that_many_batches():
    class Dataset:
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return np.full((1, 3), i), np.array([i])

    batches = Batches(Dataset())
    assert batches.steps == 2
    assert numbers(batches) == numbers(batches) == [[0], [1]]


def test_batch_may_have_one_two_or_three_parts():
    x, y, weight = arrays(2)
    for batch, expected in [(x, 1), ((x,), 1), ([x, y], 2), ((x, y, weight), 3)]:
        ((*parts,),) = Batches(iter([batch])).epoch()
        assert sum(part is not None for part in parts) == expected
        assert np.array_equal(parts[0], x)
    with pytest.raises(ValueError, match="got 4 parts"):
        list(Batches(iter([(x, y, weight, 4)])).epoch())


@pytest.mark.parametrize("error", [TypeError, NotImplementedError, ValueError, RuntimeError])
def test_loader_that_does_not_know_its_length_is_read_to_its_end(error):
    class Loader:
        def __len__(self):
            raise error("the length is unknown")

        def __iter__(self):
            return generate(3)

    for shuffle in (None, np.random.default_rng(0)):
        batches = Batches(Loader(), generator=shuffle)
        assert batches.steps is None
        assert numbers(batches) == numbers(batches) == [[0, 0], [1, 1], [2, 2]]


class Sequence:
    """Batches with an index, as a Keras `PyDataset` has them, and a count of the epochs."""

    def __init__(self, n):
        self.n = n
        self.epochs = 0

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        assert type(i) is int
        return np.full((1, 3), i), np.array([i])  # without an IndexError at the end

    def on_epoch_begin(self):
        self.begun = getattr(self, "begun", 0) + 1

    def on_epoch_end(self):
        self.epochs += 1


def test_batches_with_an_index_are_shuffled_and_told_of_the_epochs_end():
    source = Sequence(17)
    batches = Batches(source, generator=np.random.default_rng(0))
    orders = [numbers(batches) for _ in range(2)]
    assert sorted(orders[0]) == sorted(orders[1]) == [[i] for i in range(17)]
    assert len({str(order) for order in [*orders, sorted(orders[0])]}) == 3
    assert source.epochs == source.begun == 2
    assert numbers(Batches(source)) == [[i] for i in range(17)]
    assert source.epochs == 3
    assert numbers(Batches(source, steps=3)) == [[0], [1], [2]]
    assert source.epochs == 4


def test_batches_that_are_iterated_over_keep_their_order():
    class Loader:
        def __len__(self):
            return 9

        def __iter__(self):
            return generate(9)

    shuffle = np.random.default_rng(0)
    assert numbers(Batches(Loader(), generator=shuffle)) == [[i, i] for i in range(9)]


def test_validation_begins_with_the_same_batch_every_time():
    batches = Batches(*arrays(7), batch_size=2, steps=2, resumes=False)
    assert numbers(batches) == numbers(batches) == [[0, 1], [2, 3]]
    batches = Batches(Sequence(5), steps=3, resumes=False)
    assert numbers(batches) == numbers(batches) == [[0], [1], [2]]
    batches = Batches(generate(4), steps=2, resumes=False)  # which can be read only once
    assert numbers(batches) + numbers(batches) == [[0, 0], [1, 1], [2, 2], [3, 3]]


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "dok", "lil"])
def test_sparse_samples_become_arrays_batch_by_batch(form):
    sparse = pytest.importorskip("scipy.sparse", reason="sparse data come from SciPy")
    x, y, weight = arrays(7)
    whole = sparse.csr_matrix(x).asformat(form)
    found = list(Batches(whole, y, weight, batch_size=3).epoch())
    assert [len(part) for part, _, _ in found] == [3, 3, 1]
    assert all(type(part) is np.ndarray and part.dtype == x.dtype for part, _, _ in found)
    assert np.array_equal(np.concatenate([part for part, _, _ in found]), x)
    for batch, label, _ in Batches(whole, y, generator=np.random.default_rng(0)).epoch():
        assert np.array_equal(batch, x[label])
    first, last = split(whole, whole, None, 0.25)
    assert [part.shape[0] for part in (*first[:2], *last[:2])] == [5, 5, 2, 2]
    ((batch, targets, _),) = Batches(iter([(whole, whole)])).epoch()
    assert np.array_equal(batch, x) and np.array_equal(targets, x)
    with pytest.raises(ValueError, match="'x' sizes: 7\n'y' sizes: 6\n"):
        Batches(whole, y[:6])


def test_environment_limits_the_steps(monkeypatch):
    monkeypatch.setenv("KERAS_MAX_STEPS_PER_EPOCH", "2")
    assert numbers(Batches(*arrays(6), batch_size=1)) == [[0], [1]]
    assert Batches(*arrays(1), batch_size=1).steps == 1
    assert numbers(Batches(generate(5))) == [[0, 0], [1, 1]]


# --- splitting and weighting ---------------------------------------------------------------------


def test_split_cuts_off_the_last_samples_as_views():
    data = arrays(10)
    first, last = split(*data, 0.25)
    for whole, a, b in zip(data, first, last, strict=True):
        assert np.array_equal(a, whole[:7])  # floor(10 * 0.75)
        assert np.array_equal(b, whole[7:])
        assert np.shares_memory(a, whole)
    assert split(data[0], None, None, 0.25)[1][1:] == (None, None)


@pytest.mark.parametrize("fraction", [1.0, -0.01, 1.5])
def test_split_into_nothing_is_refused(fraction):
    with pytest.raises(ValueError, match="Training data contains 10 samples, which is not suffic"):
        split(*arrays(10), fraction)


def test_split_needs_arrays():
    with pytest.raises(ValueError, match="only supported for tensors or NumPy arrays"):
        split(generate(3), None, None, 0.5)


def test_class_weights_look_up_labels_and_one_hot_rows():
    labels = np.array([2, 0, 1, 2, 3])
    expected = np.array([5, 0.5, 1, 5, 1], np.float32)
    for y in (labels, labels[:, None], np.eye(4)[labels], labels.astype(np.uint8)):
        weights = class_weights_of(y, {0: 0.5, 2: 5.0})
        assert weights.dtype == np.float32
        assert np.array_equal(weights, expected)


def test_class_weights_become_sample_weights_of_arrays_and_of_batches():
    x, y, weight = arrays(4)
    ((_, _, found),) = Batches(x, y, class_weight={3: 9}).epoch()
    assert found.tolist() == [1, 1, 1, 9]
    ((_, _, found),) = Batches(iter([(x, y)]), class_weight={3: 9}).epoch()
    assert found.tolist() == [1, 1, 1, 9]
    with pytest.raises(ValueError, match="at the same time"):
        list(Batches(iter([(x, y, weight)]), class_weight={3: 9}).epoch())
    with pytest.raises(ValueError, match=r"class_weight: expected y .* got no y"):
        list(Batches(x, class_weight={3: 9}).epoch())
    with pytest.raises(ValueError, match=r"class_weight: expected y .* got y of shape \(4, 2, 2\)"):
        list(Batches(x, np.zeros((4, 2, 2)), class_weight={3: 9}).epoch())


@pytest.mark.parametrize(
    ("class_weight", "error", "message"),
    [
        ({"0": 1.0, "1": 50.0}, TypeError, "expected a key as a whole number .* got '0'"),
        ({0.5: 1.0}, ValueError, "expected a key as a whole number of at least 0, got 0.5"),
        ({-1: 1.0}, ValueError, "got -1"),
        ({0: "high"}, TypeError, "expected a number as the weight of class 0, got 'high'"),
        ({1: None}, TypeError, "weight of class 1, got None"),
        ({1: float("nan")}, ValueError, "expected a finite number as the weight of class 1"),
        (np.array([1.0, 2.0]), TypeError, r"got ndarray; write dict\(enumerate\(weights\)\)"),
        ([1.0, 2.0], TypeError, "expected a dict from class to weight, got list"),
        ("balanced", TypeError, "expected a dict from class to weight, got str"),
    ],
)
def test_class_weights_that_mean_nothing_are_refused(class_weight, error, message):
    x, y, _ = arrays(4)
    with pytest.raises(error, match=f"class_weight: .*{message}"):
        Batches(x, y, class_weight=class_weight)


def test_class_weights_take_keys_and_weights_of_any_number_type():
    x, y, _ = arrays(4)
    weights = {np.int64(3): np.float32(9), 2.0: 4, True: np.array(0.5)}
    ((_, _, found),) = Batches(x, y, class_weight=weights).epoch()
    assert found.tolist() == [1, 0.5, 4, 9]


# --- PyDataset -----------------------------------------------------------------------------------


class Own(PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return np.full((2, 3), index), np.full(2, index)

    def on_epoch_end(self):
        self.ends = getattr(self, "ends", 0) + 1


def test_own_data_sets_are_read_by_index_and_shuffled():
    own = Own(workers=2)
    assert numbers(Batches(own)) == [[0, 0], [1, 1], [2, 2], [3, 3]]
    shuffled = numbers(Batches(own, generator=np.random.default_rng(0)))
    assert sorted(shuffled) == [[0, 0], [1, 1], [2, 2], [3, 3]] != shuffled
    assert (own.ends, own.num_batches, len(list(own))) == (2, 4, 4)


@pytest.mark.parametrize(("count", "steps"), [(3, None), (None, 5)])
def test_own_data_sets_may_give_their_number_or_have_no_end(count, steps):
    class Counted(Own):
        __len__ = PyDataset.__len__
        num_batches = count

    batches = Batches(Counted(), steps=steps, generator=np.random.default_rng(1))
    assert batches.steps == (count or steps)
    assert len(numbers(batches)) == (count or steps)


@pytest.mark.parametrize("generator", [None, np.random.default_rng(1)])
def test_the_number_of_an_own_data_set_counts_not_its_length(generator):
    class Both(Own):  # of which `fit` sees the first two, as in Keras
        num_batches = 2

    batches = Batches(Both(), generator=generator)
    assert (len(Both()), batches.steps) == (4, 2)
    assert sorted(numbers(batches)) == [[0, 0], [1, 1]]


def test_own_data_sets_say_what_they_lack():
    for action, name in ((len, "__len__ or num_batches"), (lambda own: own[0], "__getitem__")):
        with pytest.raises(NotImplementedError, match=f"PyDataset must define {name}"):
            action(PyDataset())
    assert utils.Sequence is PyDataset


BATCHES = [(1,), (1, 2), (1, 2, 3), (1, None, 3), ((1, 2),), ([1, 2],)]


@pytest.mark.parametrize("parts", BATCHES, ids=str)
def test_batches_are_packed_and_unpacked_under_keras_names(parts):
    packed = utils.pack_x_y_sample_weight(*parts)
    assert utils.unpack_x_y_sample_weight(packed) == (*parts, None, None)[:3]


def test_batches_of_too_many_parts_are_refused():
    with pytest.raises(ValueError, match=r"\(x, y, sample_weight\), got 4 parts"):
        utils.unpack_x_y_sample_weight((1, 2, 3, 4))
