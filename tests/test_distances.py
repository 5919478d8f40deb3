"""Formulas that losses and metrics share: their values, gradients and refusals."""

import numpy as np
import pytest

from minigrad import distances
from minigrad.core import Tensor
from minigrad.testing import check_gradients

pytestmark = pytest.mark.right_numbers

rng = np.random.default_rng(0)
Y = rng.uniform(0.5, 2, (5, 3))
PREDICTED = rng.uniform(0.3, 2.2, (5, 3))
ONE_HOT = np.eye(3)[[0, 2, 1, 1, 0]]
SIGNS = 2 * ONE_HOT - 1

FORMULAS = [
    (distances.mean_absolute_percentage_error, Y, lambda y, p: 100 * np.mean(abs(y - p) / y, -1)),
    (
        distances.mean_squared_logarithmic_error,
        Y,
        lambda y, p: np.mean((np.log1p(y) - np.log1p(p)) ** 2, -1),
    ),
    (distances.poisson, Y, lambda y, p: np.mean(p - y * np.log(p + 1e-7), -1)),
    (distances.hinge, SIGNS, lambda y, p: np.mean(np.maximum(1 - y * p, 0), -1)),
    (distances.squared_hinge, SIGNS, lambda y, p: np.mean(np.maximum(1 - y * p, 0) ** 2, -1)),
    (
        distances.categorical_hinge,
        ONE_HOT,
        lambda y, p: np.maximum(1 + np.max((1 - y) * p, -1) - np.sum(y * p, -1), 0),
    ),
    (
        distances.cosine_similarity,
        Y,
        lambda y, p: np.sum(y * p, -1) / np.linalg.norm(y, axis=-1) / np.linalg.norm(p, axis=-1),
    ),
]


@pytest.mark.parametrize(("function", "y", "formula"), FORMULAS)
def test_formula_and_its_gradient(function, y, formula):
    np.testing.assert_allclose(
        function(y, PREDICTED).numpy(), formula(y, PREDICTED), rtol=1e-9, atol=1e-12
    )
    check_gradients(lambda predicted: function(y, predicted), PREDICTED)


def test_labels_of_zero_and_one_are_those_of_minus_one_and_one():
    for function in (distances.hinge, distances.squared_hinge):
        expected = function(SIGNS, PREDICTED).numpy()
        np.testing.assert_array_equal(function(ONE_HOT, PREDICTED).numpy(), expected)
        with pytest.raises(ValueError, match=f"{function.__name__}: expected labels of -1 and 1"):
            function(255 * ONE_HOT, PREDICTED)


def test_nothing_is_divided_by_zero():
    zeros = np.zeros((2, 3))
    predicted = Tensor(zeros, requires_grad=True)
    for function, _, _ in FORMULAS:
        loss = function(zeros, predicted).sum()
        loss.backward()
        assert np.isfinite(loss.item()) and np.isfinite(predicted.grad).all(), function.__name__


def test_shapes_that_differ_are_named_and_vectors_agree_with_columns():
    for function, _, _ in FORMULAS:
        with pytest.raises(ValueError, match=rf"{function.__name__}: .*\(5, 3\), got \(4, 3\)"):
            function(np.ones((4, 3)), PREDICTED)
    assert distances.poisson(Y[:, :1], PREDICTED[:, 0]).shape == (5,)
