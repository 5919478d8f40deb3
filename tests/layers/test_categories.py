"""Categories: ranges, vocabularies, rows; compared with Keras, whose lookups need TensorFlow."""

import numpy as np
import pytest

import minigrad
from minigrad import Tensor, layers

KERAS_WARNS = pytest.mark.filterwarnings("ignore")  # on JAX, of NumPy 2

IDS = np.array([[3, 0, 6], [1, 1, 5], [2, 2, 2]])
VALUES = np.random.default_rng(0).normal(size=(500, 3)).astype("float32")
WORDS = np.array(["a", "b", "cat", "é", "zz", ""])[np.random.default_rng(1).integers(0, 6, (7, 3))]


def values(y):
    return y.numpy() if hasattr(y, "numpy") else np.asarray(y)


# --- rows -----------------------------------------------------------------------------------------


@KERAS_WARNS
@pytest.mark.parametrize("output_mode", ["one_hot", "multi_hot", "count", "binary"])
@pytest.mark.parametrize("x", [IDS, IDS[:, :1], IDS[:, 0], IDS[:, :, None]], ids=np.shape)
def test_encoding_is_keras(output_mode, x):
    keras = pytest.importorskip("keras")
    ours, theirs = (m.CategoryEncoding(7, output_mode) for m in (layers, keras.layers))
    y = ours(x)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.numpy(), theirs(x))
    assert y.shape == ours.compute_output_shape(x.shape)


def test_encoding_of_few_numbers_by_hand():
    x = [[0, 2, 2], [1, 1, 1]]
    assert layers.CategoryEncoding(3)(x).numpy().tolist() == [[1, 0, 1], [0, 1, 0]]
    assert layers.CategoryEncoding(3, "count")(x).numpy().tolist() == [[1, 0, 2], [0, 3, 0]]
    weights = [[0.5, 1, 2], [1, 1, 0]]
    y = layers.CategoryEncoding(3, "count", dtype="float64")(x, count_weights=weights)
    assert y.numpy().tolist() == [[0.5, 0, 3], [0, 2, 0]]
    assert layers.CategoryEncoding(3, "one_hot")([[1], [2]]).shape == (2, 3)
    assert layers.CategoryEncoding(3)(np.zeros((0, 4))).shape == (0, 3)


def test_many_categories_take_no_more_room_than_the_result():
    x = np.arange(50_000).reshape(1, -1)
    assert layers.CategoryEncoding(50_000)(x).numpy().all()  # 10 GB if each number had a row


# --- ranges ---------------------------------------------------------------------------------------


@KERAS_WARNS
@pytest.mark.parametrize("output_mode", ["int", "one_hot", "multi_hot", "count"])
def test_ranges_are_keras(output_mode):
    keras = pytest.importorskip("keras")
    for x in (VALUES[:5], VALUES[:5, :1], np.float32([-1, 0, 0.5, 0.7, -9])):
        ours, theirs = (
            m.Discretization([-1.0, 0.0, 0.5], output_mode=output_mode)
            for m in (layers, keras.layers)
        )
        np.testing.assert_array_equal(ours(x).numpy(), theirs(x))
        assert ours(x).shape == ours.compute_output_shape(x.shape)


@KERAS_WARNS
@pytest.mark.parametrize("num_bins", [1, 2, 4, 7])
@pytest.mark.parametrize("epsilon", [0.01, 0.1, 0.3])
def test_ranges_are_found_as_keras_does(num_bins, epsilon):
    keras = pytest.importorskip("keras")
    for data in (VALUES, VALUES[:5], [VALUES[:100], VALUES[100:333]], VALUES[:1]):
        ours, theirs = (
            m.Discretization(num_bins=num_bins, epsilon=epsilon) for m in (layers, keras.layers)
        )
        try:
            theirs.adapt(data)
        except Exception:  # some versions of Keras ask for TensorFlow here
            pytest.skip("Keras's adapt needs TensorFlow")
        ours.adapt(data)
        assert ours.bin_boundaries == theirs.bin_boundaries


def test_ranges_hold_equally_many_values():
    layer = layers.Discretization(num_bins=4)
    layer.adapt(VALUES)
    counts = np.bincount(layer(VALUES).numpy().astype(int).ravel())
    np.testing.assert_allclose(counts, VALUES.size / 4, rtol=0.05)
    again = layers.Discretization(num_bins=4)
    again.adapt((VALUES[i : i + 50] for i in range(0, 900, 50)), steps=10)
    np.testing.assert_allclose(again.bin_boundaries, layer.bin_boundaries, atol=0.05)


# --- vocabularies ---------------------------------------------------------------------------------


def test_places_of_numbers():
    layer = layers.IntegerLookup(vocabulary=[5, 7, 9])
    assert layer([[5, 9], [8, 7]]).numpy().tolist() == [[1, 3], [0, 2]]
    assert layer.get_vocabulary() == [-1, 5, 7, 9]
    assert layer.get_vocabulary(include_special_tokens=False) == [5, 7, 9]
    assert layer.vocabulary_size() == 4
    masked = layers.IntegerLookup(vocabulary=[5, 7], mask_token=0, num_oov_indices=2)
    assert masked([0, 5, 7, 4, 9]).numpy().tolist() == [0, 3, 4, 1, 2]
    rows = layers.IntegerLookup(vocabulary=[5, 7], mask_token=0, output_mode="multi_hot")
    assert rows([[0, 5, 5], [4, 0, 7]]).numpy().tolist() == [[0, 1, 0], [1, 0, 1]]
    wide = layers.IntegerLookup(6, vocabulary=[5], output_mode="count", pad_to_max_tokens=True)
    assert wide([[5, 5, 1]]).numpy().tolist() == [[1, 2, 0, 0, 0, 0]]
    assert wide.compute_output_shape((None, 3)) == (None, 6)


def test_large_numbers_stay_apart():
    layer = layers.IntegerLookup(vocabulary=[123_456_789, 123_456_790])
    assert layer([[123_456_790, 123_456_789]]).numpy().tolist() == [[2, 1]]


def test_places_of_texts_and_back():
    layer = layers.StringLookup(vocabulary=["cat", "é"])
    assert layer([["é", "dog"], ["cat", ""]]).numpy().tolist() == [[2, 0], [1, 0]]
    back = layers.StringLookup(vocabulary=layer.get_vocabulary(), invert=True)
    assert back(layer(["é", "dog", "cat"])).tolist() == ["é", "[UNK]", "cat"]
    assert back([9, -1, 1]).numpy().tolist() == ["[UNK]", "[UNK]", "cat"]


def test_vocabulary_is_found_by_frequency():
    layer = layers.StringLookup(mask_token="", max_tokens=4)
    layer.adapt([["a", "b", ""], ["b", "c", "d"], ["b", "c", "[UNK]"]])
    assert layer.get_vocabulary() == ["", "[UNK]", "b", "c"]
    layer.adapt(iter([np.array(["x", "y"]), np.array(["x", "x"])]), steps=1)
    assert layer.get_vocabulary() == ["", "[UNK]", "y", "x"]  # of two alike the later letter


def test_vocabulary_is_read_from_a_file(tmp_path):
    (tmp_path / "words.txt").write_text("cat\né\n", encoding="utf-8")
    layer = layers.StringLookup(vocabulary=str(tmp_path / "words.txt"), num_oov_indices=0)
    assert layer(["é", "cat"]).numpy().tolist() == [1, 0]


LOOKUPS = [
    {},
    {"num_oov_indices": 0},
    {"output_mode": "one_hot"},
    {"output_mode": "count"},
    {"max_tokens": 9, "pad_to_max_tokens": True, "output_mode": "multi_hot"},
]


@KERAS_WARNS
@pytest.mark.parametrize("settings", LOOKUPS, ids=str)
def test_lookups_are_keras(settings):
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    for kind, data, mask in (("IntegerLookup", IDS, 0), ("StringLookup", WORDS, "")):
        for more in ({}, {"mask_token": mask}):
            both = [getattr(m, kind)(**settings, **more) for m in (layers, keras.layers)]
            for layer in both:
                layer.adapt(data)
            assert both[0].get_vocabulary() == list(both[1].get_vocabulary())
            for x in (data, data[:, :1], data[:, 0]):
                np.testing.assert_array_equal(values(both[0](x)), values(both[1](x)))


def test_model_holds_them():
    x = minigrad.Input((3,))
    number = layers.IntegerLookup(vocabulary=[0, 2, 6], output_mode="multi_hot")(x)
    ranges = layers.Discretization([0.5, 2.5], output_mode="count")(x)
    y = layers.Dense(2)(layers.Concatenate()([number, ranges]))
    model = minigrad.Model(x, y)
    model.compile("sgd", "mse")
    model.fit(IDS, np.zeros((3, 2)), verbose=0)
    assert model.predict(IDS, verbose=0).shape == (3, 2)
    assert number.shape == (None, 4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.CategoryEncoding(), ValueError, "num_tokens to be an integer"),
        (lambda: layers.CategoryEncoding(3, "int"), ValueError, "output_mode one of"),
        (lambda: layers.CategoryEncoding(3, sparse=True), ValueError, "sparse=False"),
        (lambda: layers.CategoryEncoding(3)([[3]]), ValueError, "numbers from 0 to 2, got 3"),
        (lambda: layers.CategoryEncoding(3)([[-1]]), ValueError, "numbers from 0 to 2, got -1"),
        (lambda: layers.CategoryEncoding(3)([[0.5]]), ValueError, "whole numbers, got 0.5"),
        (
            lambda: layers.CategoryEncoding(3)([[1]], count_weights=[[1]]),
            ValueError,
            "no count_weights without output_mode 'count'",
        ),
        (
            lambda: layers.CategoryEncoding(3)(Tensor([[1.0]], requires_grad=True)),
            ValueError,
            r"an input without gradients, .*x\.detach\(\)",
        ),
        (lambda: layers.Discretization(), ValueError, "bin_boundaries or num_bins, one of them"),
        (lambda: layers.Discretization([1], 2), ValueError, "bin_boundaries or num_bins"),
        (lambda: layers.Discretization([2, 1]), ValueError, "ascending order"),
        (lambda: layers.Discretization(num_bins=2)([1.0]), RuntimeError, r"adapt\(data\) before"),
        (lambda: layers.Discretization([1.0]).adapt([1.0]), ValueError, "num_bins, where adapt"),
        (lambda: layers.Discretization(num_bins=2).adapt([]), ValueError, "at least one value"),
        (lambda: layers.IntegerLookup()([1]), RuntimeError, r"give vocabulary=, or call adapt"),
        (lambda: layers.IntegerLookup(vocabulary=[1, 1]), ValueError, "different tokens"),
        (lambda: layers.IntegerLookup(vocabulary=[]), ValueError, "different tokens"),
        (lambda: layers.IntegerLookup(2, vocabulary=[1, 2]), ValueError, "max_tokens=2 at most"),
        (lambda: layers.IntegerLookup(vocabulary=[1]).adapt([1]), ValueError, "no vocabulary"),
        (
            lambda: layers.IntegerLookup(vocabulary=[1], num_oov_indices=0)([2]),
            ValueError,
            "tokens of the vocabulary, or num_oov_indices=1, got 2",
        ),
        (lambda: layers.IntegerLookup(oov_method="farmhash"), ValueError, "oov_method 'floormod'"),
        (lambda: layers.IntegerLookup(output_mode="tf_idf"), ValueError, "output_mode one of"),
        (lambda: layers.IntegerLookup(pad_to_max_tokens=True), ValueError, "max_tokens with"),
        (lambda: layers.StringLookup(num_oov_indices=2), ValueError, "texts are not hashed"),
        (lambda: layers.StringLookup(encoding="latin-1"), ValueError, "encoding 'utf-8'"),
        (lambda: layers.StringLookup(salt=3), ValueError, "salt=None, got 3"),
        (
            lambda: layers.StringLookup(invert=True, output_mode="count"),
            ValueError,
            "output_mode 'int' with invert=True",
        ),
        (
            lambda: layers.StringLookup(vocabulary=["a"])(Tensor([1.0])),
            TypeError,
            "an array of texts, .* before the model",
        ),
    ],
)
def test_categories_refuse(make, error, message):
    with pytest.raises(error, match=message):
        make()
