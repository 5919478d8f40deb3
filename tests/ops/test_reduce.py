"""Reductions: every choice of axes, ties, empty axes and infinities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from numpy.testing import assert_allclose, assert_array_equal

from minigrad import Tensor, ops
from minigrad.testing import check_gradients

REDUCTIONS = ("sum", "mean", "max", "min", "var", "std", "logsumexp")


def leaf(values, dtype="float64"):
    return Tensor(np.array(values, dtype), requires_grad=True)


@st.composite
def shapes_and_axes(draw):
    shape = draw(array_shapes(min_dims=1, max_dims=4, max_side=4))
    positions = st.integers(-len(shape), len(shape) - 1)
    several = st.lists(positions, unique_by=lambda axis: axis % len(shape)).map(tuple)
    return shape, draw(st.none() | positions | several | several.map(list))


@settings(deadline=None, derandomize=True, max_examples=120)
@given(case=shapes_and_axes(), keepdims=st.booleans(), name=st.sampled_from(REDUCTIONS))
def test_reductions_over_any_axes_equal_numpy(case, keepdims, name):
    shape, axis = case
    x = np.random.default_rng(0).permutation(int(np.prod(shape))).reshape(shape) / 7.0
    numpy_axis = tuple(axis) if isinstance(axis, list) else axis
    if name == "logsumexp":
        expected = np.log(np.exp(x).sum(axis=numpy_axis, keepdims=keepdims))
    else:
        expected = getattr(np, name)(x, axis=numpy_axis, keepdims=keepdims)
    result = getattr(ops, name)(x, axis=axis, keepdims=keepdims)
    assert result.shape == expected.shape
    assert_allclose(result.data, expected, rtol=1e-13, atol=1e-13)
    if name != "std" or (expected > 0).all():  # its slope is infinite where it is 0
        check_gradients(lambda t: getattr(ops, name)(t, axis=axis, keepdims=keepdims), x, rtol=1e-5)


@pytest.mark.parametrize("name", [*REDUCTIONS, "argmax", "argmin"])
def test_axes_that_do_not_exist_are_refused(name):
    function = getattr(ops, name)
    for axis in (2, -3):
        with pytest.raises(ValueError, match=f"axis {axis} is out of bounds for array of dim"):
            function(np.ones((2, 3)), axis=axis)
    for axis in (1.0, "rows"):
        with pytest.raises(TypeError):
            function(np.ones((2, 3)), axis=axis)
    if not name.startswith("arg"):
        with pytest.raises(ValueError, match="duplicate value in 'axis'") as caught:
            function(np.ones((2, 3)), axis=(0, -2))
        assert "given shapes (2, 3)" in caught.value.__notes__[0]


# --- ties and undefined slopes -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["max", "min"])
def test_equal_extremes_share_the_gradient(name):
    sign = 1 if name == "max" else -1
    x = leaf(sign * np.array([[3.0, 1.0, 3.0], [2.0, 2.0, 2.0]]))
    getattr(ops, name)(x, axis=1).backward([1.0, 6.0])
    assert_array_equal(x.grad, [[0.5, 0, 0.5], [2, 2, 2]])
    x.grad = None
    getattr(ops, name)(x).backward()
    assert_array_equal(x.grad, [[0.5, 0, 0.5], [0, 0, 0]])


def test_positions_are_those_of_the_first_extreme_and_integers():
    x = Tensor([[1.0, 3.0, 3.0], [2.0, 0.0, 0.0]])
    assert_array_equal(x.argmax(axis=1), [1, 0])
    assert_array_equal(x.argmin(axis=-1), [0, 1])
    assert x.argmax() == 1
    assert x.argmax(axis=0).dtype.kind == "i"


def test_extremes_hand_on_nan():
    assert np.isnan(ops.max([1.0, np.nan]).item())
    assert np.isnan(ops.min([1.0, np.nan]).item())


def test_variance_of_equal_values_has_slope_0_and_deviation_an_infinite_one():
    x = leaf([2.0, 2.0])
    x.var().backward()
    assert_array_equal(x.grad, [0, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        x.std().backward()
    assert not np.isfinite(x.grad).any()


def test_variance_of_values_far_from_zero_is_exact():
    x = 1e6 + np.arange(5.0)
    assert ops.var(x).item() == 2
    assert_allclose(ops.var(x.astype("float32")).item(), 2, rtol=1e-6)


# --- empty axes ----------------------------------------------------------------------------------


def test_empty_axes_give_what_numpy_gives():
    empty = leaf(np.ones((2, 0)))
    assert_array_equal(ops.sum(empty, axis=1).data, [0, 0])
    assert_array_equal(ops.logsumexp(empty, axis=1).data, [-np.inf, -np.inf])
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(ops.mean(empty, axis=1).data).all()
    for function in (ops.max, ops.min):
        with pytest.raises(ValueError, match="zero-size array to reduction operation"):
            function(empty, axis=1)
    with pytest.raises(ValueError, match="empty sequence"):
        ops.argmax(empty, axis=1)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_of_no_rows_have_a_gradient_of_no_rows(name):
    x = leaf(np.ones((0, 3)))
    getattr(ops, name)(x, axis=1).backward(np.ones(0))
    assert x.grad.shape == (0, 3)


# --- logsumexp -----------------------------------------------------------------------------------


def test_logsumexp_does_not_overflow():
    for offset in (1e4, -1e4):
        x = leaf(offset + np.log([1.0, 2.0, 5.0]))
        y = ops.logsumexp(x)
        y.backward()
        assert_allclose(y.item(), offset + np.log(8), rtol=1e-14)
        assert_allclose(x.grad, [1 / 8, 2 / 8, 5 / 8], rtol=1e-10)


def test_logsumexp_of_infinities():
    x = leaf([[0.0, -np.inf, 0.0], [-np.inf, -np.inf, -np.inf]])
    y = ops.logsumexp(x, axis=1)
    assert_array_equal(y.data, [np.log(2), -np.inf])
    y.backward([1.0, 1.0])
    assert_allclose(x.grad, [[0.5, 0, 0.5], [0, 0, 0]], rtol=1e-15)
    assert ops.logsumexp([0.0, np.inf]).item() == np.inf
