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
        with pytest.raises(ValueError, match=r"duplicate value|repeated axis") as caught:
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


@pytest.mark.parametrize("name", ["var", "std", "norm"])
def test_spread_and_norm_have_slope_0_at_0(name):
    x = leaf([[2.0, 2.0], [0.0, 0.0], [1.0, 3.0]])
    y = getattr(ops, name)(x, axis=1)
    y.backward([1.0, 1.0, 0.0])
    first = 0.5**0.5 if name == "norm" else 0
    assert_allclose(x.grad, [[first, first], [0, 0], [0, 0]], rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_norm_neither_overflows_nor_vanishes(dtype):
    for size in (np.finfo(dtype).max / 8, np.finfo(dtype).tiny, 1e-30):
        x = leaf(np.array([3.0, 0.0, -4.0]) * dtype_value(size, dtype), dtype)
        y = ops.norm(x)
        y.backward()
        assert_allclose(y.data / dtype_value(size, dtype), 5, rtol=1e-6)
        assert_allclose(x.grad, [0.6, 0, -0.8], rtol=1e-6)


def dtype_value(size, dtype):
    return np.dtype(dtype).type(size)


def test_norm_knows_three_orders():
    x = [[3.0, -4.0], [0.0, 1.0]]
    assert_array_equal(ops.norm(x, ord=1, axis=1).data, [7, 1])
    assert_array_equal(ops.norm(x, ord=np.inf, axis=0).data, [3, 4])
    with pytest.raises(ValueError, match="norm: expected ord 1, 2 or infinity, got 3"):
        ops.norm(x, ord=3)
    assert_array_equal(ops.norm(x, 1, 1, True).data, [[7], [1]])


# --- sums are pairwise along every axis ----------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((300_001, 2), 0),
        ((70_001, 1, 3), (0, 1)),
        ((3, 70_001, 2), 1),
        ((200, 201, 2), (0, 1)),
        ((2, 300_001), 1),
        ((200_001, 2), None),
    ],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_long_sums_are_accurate_along_every_axis(shape, axis, order):
    x = np.full(shape, 0.1, "float32", order=order)
    exact = float(np.float32(0.1))
    assert_allclose(ops.mean(x, axis=axis).data, exact, rtol=2e-6)
    total = x.sum(axis=axis, dtype="float64", keepdims=True)
    assert_allclose(ops.sum(x, axis=axis, keepdims=True).data, total, rtol=2e-6)
    moved = x + np.linspace(-1, 1, shape[0], dtype="float32").reshape(-1, *[1] * (len(shape) - 1))
    for name in ("var", "std"):
        expected = getattr(np, name)(moved.astype("float64"), axis=axis)
        assert_allclose(getattr(ops, name)(moved, axis=axis).data, expected, rtol=3e-6, atol=5e-6)


def test_gradients_of_stretched_tensors_are_accurate():
    bias = leaf([[0.0, 0.0]], "float32")
    (bias + np.zeros((300_001, 2), "float32")).backward(np.full((300_001, 2), 0.1, "float32"))
    assert_allclose(bias.grad, 300_001 * float(np.float32(0.1)), rtol=2e-6)


@pytest.mark.parametrize(
    "shape", [(129, 3), (257, 2, 3), (1000, 1), (3, 513), (131, 0), (130, 130)]
)
def test_sums_of_any_length_are_numpys(shape):
    x = np.random.default_rng(0).normal(size=shape)
    for layout in (x, np.asfortranarray(x), np.flip(x, 0), x[:, ::-1]):
        for axis in (0, 1, (0, 1), None, ()):
            for keepdims in (False, True):
                result = ops.sum(layout, axis=axis, keepdims=keepdims)
                expected = x if axis == () else np.sum(layout, axis=axis, keepdims=keepdims)
                expected = layout if axis == () else expected
                assert result.shape == expected.shape
                assert_allclose(result.data, expected, rtol=1e-12, atol=1e-12)


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


def test_logsumexp_and_its_relatives_take_their_limits_at_infinity():
    values = [[np.inf, 1.0, 2.0], [np.inf, np.inf, 0.0], [0.0, np.inf, -np.inf]]
    limits = np.array([[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0]])
    x = leaf(values)
    ops.logsumexp(x, axis=1).backward(np.ones(3))
    assert_array_equal(x.grad, limits)
    for axis, turned in ((1, np.array(values)), (0, np.array(values).T)):
        limit = limits if axis == 1 else limits.T
        assert_array_equal(ops.softmax(turned, axis=axis).data, limit)
        assert_array_equal(np.exp(ops.log_softmax(turned, axis=axis).data), limit)
    assert np.isnan(ops.softmax([[np.inf, np.nan], [-np.inf, -np.inf]]).data).all()


def test_norm_at_infinity_gives_the_infinite_their_share():
    t = Tensor([[np.inf, 1.0], [np.inf, -np.inf]], np.float64, requires_grad=True)
    ops.norm(t, axis=1).sum().backward()
    np.testing.assert_allclose(t.grad, [[1, 0], [0.5**0.5, -(0.5**0.5)]])
