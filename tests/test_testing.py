"""Gradient checks: right gradients pass, and every kind of wrong one is found and located."""

import numpy as np
import pytest

from minigrad import Function, Tensor, no_grad, ops
from minigrad.testing import check_gradients


class Square(Function):
    """x ** 2 with a gradient that `wrong` may spoil."""

    def __init__(self, wrong):
        self.wrong = wrong

    def forward(self, x):
        self.save(x)
        return x * x

    def backward(self, gy):
        (x,) = self.saved
        return self.wrong(2 * x * gy)


def square(wrong):
    return lambda x: Square(wrong)(x)


def one_element(g):
    g.reshape(-1)[5] *= 1.001
    return g


WRONG = {
    "scaled": lambda g: g * 1.0001,
    "sign": lambda g: -g,
    "zero": lambda g: g * 0,
    "transposed": lambda g: g.T.reshape(g.shape),
    "one element": one_element,
    "shifted": lambda g: g + 1e-4,
}

X = np.arange(1.0, 13.0).reshape(3, 4) / 5


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 4), (2, 0, 3), (2, 3, 4, 5)])
def test_right_gradients_pass(shape):
    x = np.random.default_rng(0).normal(size=shape)
    check_gradients(square(lambda g: g), x)
    check_gradients(ops.exp, x)
    check_gradients(lambda x, y: ops.sum(x * y - y), x, x + 1)


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_gradients_are_found(wrong):
    with pytest.raises(AssertionError, match=r"input 0, .* gradient gives .*, differences give"):
        check_gradients(square(WRONG[wrong]), X)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_gradients_that_are_not_finite_are_found(value):
    for x in (X, np.array(2.0)):
        with pytest.raises(AssertionError, match="input 0: expected finite gradients, got"):
            check_gradients(square(lambda g: np.full_like(g, value)), x)


@pytest.mark.parametrize("wrong", ["scaled", "transposed", "shifted"])
def test_wrong_gradients_of_large_inputs_are_found_along_random_directions(wrong):
    x = np.random.default_rng(0).normal(size=(30, 40))
    with pytest.raises(AssertionError, match="input 0, a random direction"):
        check_gradients(square(WRONG[wrong]), x)


def test_the_wrong_input_is_named():
    class Product(Function):
        def forward(self, x, y):
            self.save(x, y)
            return x * y

        def backward(self, gz):
            x, y = self.saved
            return gz * y, gz * x * 1.01

    with pytest.raises(AssertionError, match="input 1, "):
        check_gradients(lambda x, y: Product()(x, y), X, X + 1)


def test_a_gradient_that_does_not_arrive_is_missed():
    with pytest.raises(AssertionError, match="input 1: no gradient arrived"):
        check_gradients(lambda x, y: x * y.detach(), X, X)


def test_a_function_outside_the_graph_is_refused():
    with pytest.raises(RuntimeError, match="does not depend on any tensor"):
        check_gradients(no_grad(ops.exp), X)


def test_integers_and_float32_are_checked_in_float64():
    seen = []

    def remember(x):
        seen.append(x.dtype)
        return x * x

    for array in (np.array([[1, 2], [3, 4]]), np.ones((2, 2), "float32"), [1, 2]):
        check_gradients(remember, array)
    assert set(seen) == {np.dtype("float64")}


def test_the_arrays_are_not_changed_and_the_result_is_reproducible():
    x = X.copy()
    seen = [[], []]
    for values in seen:

        def remember(t, values=values):
            values.append(t.data.copy())
            return Tensor(2.0) * t

        check_gradients(remember, x, seed=3)
    np.testing.assert_array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(x, X)
