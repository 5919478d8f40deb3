"""Embedding: rows, gradients, and what is no row."""

import numpy as np
import pytest

from minigrad import Tensor, layers
from minigrad.testing import check_gradients

NUMBERS = np.array([[3, 0, 6, 3, 3], [1, 1, 5, 0, 2]])


def test_embedding_looks_rows_up():
    layer = layers.Embedding(7, 3, dtype="float64")
    y = layer(NUMBERS)
    table = layer.get_weights()[0]
    assert (table.min(), table.max()) != (0, 0)
    assert table.shape == (7, 3)
    assert y.dtype == np.float64
    for n, t in np.ndindex(NUMBERS.shape):
        np.testing.assert_array_equal(y.numpy()[n, t], table[NUMBERS[n, t]])
    assert layer.compute_output_shape((None, None)) == (None, None, 3)


def test_embedding_gradients():
    def function(table):
        layer = layers.Embedding(7, 3, dtype="float64")
        layer.build(NUMBERS.shape)
        layer.embeddings = table
        return layer(NUMBERS)

    check_gradients(function, np.random.default_rng(0).normal(size=(7, 3)))


def test_embedding_adds_the_gradients_of_a_row_up():
    layer = layers.Embedding(7, 2)
    layer(NUMBERS).sum().backward()
    np.testing.assert_array_equal(layer.embeddings.grad[:, 0], [2, 2, 1, 3, 0, 1, 1])


def test_embedding_accepts_an_empty_batch():
    layer = layers.Embedding(7, 2)
    y = layer(np.zeros((0, 5)))
    assert y.shape == (0, 5, 2)
    y.sum().backward()
    np.testing.assert_array_equal(layer.embeddings.grad, np.zeros((7, 2)))


def test_embedding_has_options_for_its_table():
    layer = layers.Embedding(3, 2, "ones", "l2", "non_neg")
    layer(np.zeros((1, 1)))
    np.testing.assert_array_equal(layer.embeddings.numpy(), np.ones((3, 2)))
    assert layer.losses[0].item() == pytest.approx(0.06)
    assert layer.embeddings.constraint is layer.embeddings_constraint is not None


@pytest.mark.parametrize("number", [-1, 7, 0.5, np.nan])
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_embedding_refuses_what_is_no_row(number):
    with pytest.raises(ValueError, match=r"Embedding 'embedding': expected integers from 0 to 6"):
        layers.Embedding(7, 2)([[0.0, number]])


def test_embedding_refuses_gradients_of_its_input():
    with pytest.raises(ValueError, match="no gradients"):
        layers.Embedding(7, 2)(Tensor([[1.0]], requires_grad=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask_zero": True}, "mask_zero=False"),
        ({"input_dim": 0}, "input_dim"),
        ({"output_dim": 2.5}, "output_dim"),
        ({"embeddings_initializer": "unifrom"}, "did you mean 'uniform'|uniform"),
    ],
)
def test_embedding_refuses_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.Embedding(**{"input_dim": 7, "output_dim": 2} | arguments)


@pytest.mark.parametrize("as_list", [False, True])
def test_embedding_begins_with_the_table_that_is_given(as_list):
    table = np.arange(12.0).reshape(4, 3)
    layer = layers.Embedding(4, 3, weights=[table] if as_list else table, trainable=False)
    np.testing.assert_array_equal(layer([[2], [0]]).data, table[[[2], [0]]])
    assert "weights" not in layer.get_config() and "weights" not in repr(layer)
    with pytest.raises(ValueError, match=r"expected weights of shape \(4, 3\), got \(3, 4\)"):
        layers.Embedding(4, 3, weights=table.T)
