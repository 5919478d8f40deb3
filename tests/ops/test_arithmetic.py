"""Arithmetic: broadcasting, mixed operands, kinks and ties, and the matrix product's rules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from numpy.testing import assert_allclose, assert_array_equal

from minigrad import Tensor, kernels, ops
from minigrad.testing import check_gradients

examples = settings(deadline=None, derandomize=True, max_examples=60)


def leaf(*values, dtype="float64"):
    return Tensor(np.array(values, dtype), requires_grad=True)


def gradients(function, *inputs):
    inputs = [Tensor(np.array(x, "float64"), requires_grad=True) for x in inputs]
    y = function(*inputs)
    y.backward(np.ones(y.shape))
    return [tensor.grad for tensor in inputs]


# --- broadcasting --------------------------------------------------------------------------------


@examples
@given(
    shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4, min_side=0),
    name=st.sampled_from(["add", "sub", "mul", "div", "pow", "maximum", "minimum"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_binary_operations_broadcast_as_numpy_does(shapes, name, seed):
    generator = np.random.default_rng(seed)
    x, y = (generator.uniform(0.5, 2.0, shape) for shape in shapes.input_shapes)
    function = getattr(ops, name)
    ufunc = {"sub": "subtract", "mul": "multiply", "div": "divide", "pow": "power"}.get(name, name)
    result = function(x, y)
    assert result.shape == shapes.result_shape
    assert_allclose(result.data, getattr(np, ufunc)(x, y), rtol=1e-15)
    check_gradients(function, x, y, step=1e-7, rtol=1e-5)


@examples
@given(
    shapes=mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3),
    seed=st.integers(0, 2**32 - 1),
)
def test_where_broadcasts_its_condition_too(shapes, seed):
    generator = np.random.default_rng(seed)
    condition_shape, x_shape, y_shape = shapes.input_shapes
    condition = generator.random(condition_shape) < 0.5
    x, y = generator.normal(size=x_shape), generator.normal(size=y_shape)
    result = ops.where(condition, x, y)
    assert_array_equal(result.data, np.where(condition, x, y))
    check_gradients(lambda x, y: ops.where(condition, x, y), x, y)


def test_shapes_that_do_not_fit_are_refused():
    for function in (ops.add, ops.sub, ops.mul, ops.div, ops.pow, ops.maximum, ops.minimum):
        with pytest.raises(ValueError, match=r"could not be broadcast.*\(2,3\) \(4,\)") as caught:
            function(np.ones((2, 3)), np.ones(4))
        assert "given shapes (2, 3), (4,)" in caught.value.__notes__[0]


# --- kinks, ties and edges -----------------------------------------------------------------------


def test_equal_values_share_the_gradient_of_maximum_and_minimum():
    x, y = [1.0, 2.0, 3.0], [2.0, 2.0, 2.0]
    for function, first in ((ops.maximum, [0, 0.5, 1]), (ops.minimum, [1, 0.5, 0])):
        gx, gy = gradients(function, x, y)
        assert_array_equal(gx, first)
        assert_array_equal(gy, 1 - np.array(first))
    assert_array_equal(gradients(lambda x: ops.maximum(x, x), [5.0]), [[1]])


def test_maximum_and_minimum_hand_on_nan():
    for function in (ops.maximum, ops.minimum):
        assert np.isnan(function([np.nan], [1.0]).item())


def test_clip_passes_the_gradient_at_its_bounds():
    assert_array_equal(gradients(lambda x: x.clip(0, 1), [-0.1, 0, 0.5, 1, 1.1]), [[0, 1, 1, 1, 0]])
    assert_array_equal(gradients(lambda x: x.clip(x_min=0), [-0.1, 0, 9]), [[0, 1, 1]])
    assert_array_equal(gradients(lambda x: x.clip(x_max=0), [-0.1, 0, 9]), [[1, 1, 0]])


def test_clip_needs_a_bound_and_keeps_float32():
    with pytest.raises(ValueError, match="clip: expected x_min, x_max or both, got neither"):
        ops.clip([1.0])
    bounds = np.float64(0.25), np.float64(0.5)
    assert ops.clip(np.ones(3, "float32"), *bounds).dtype == np.float32


def test_derivative_of_abs_is_0_at_0():
    assert_array_equal(gradients(ops.abs, [-2.0, 0.0, 3.0]), [[-1, 0, 1]])


def test_derivatives_at_infinite_slopes_are_infinite():
    with np.errstate(divide="ignore"):
        assert_array_equal(gradients(ops.sqrt, [0.0, 4.0]), [[np.inf, 0.25]])
        assert_array_equal(gradients(ops.log, [0.0, 4.0]), [[np.inf, 0.25]])
        assert_array_equal(gradients(lambda x: x**0.5, [0.0, 4.0]), [[np.inf, 0.25]])


def test_powers_of_zero_and_of_negative_numbers():
    x = [-2.0, 0.0, 3.0]
    assert_array_equal(gradients(lambda x: x**2, x), [[-4, 0, 6]])
    assert_array_equal(gradients(lambda x: x**1, x), [[1, 1, 1]])
    assert_array_equal(gradients(lambda x: x**0, x), [[0, 0, 0]])
    assert_array_equal(gradients(lambda x: x**3, x), [[12, 0, 27]])
    assert_array_equal(gradients(lambda x: x**-1, [-2.0, 4.0]), [[-1 / 4, -1 / 16]])


def test_the_exponent_of_zero_and_of_negative_numbers():
    exponents = [0.0, 2.0]
    assert_array_equal(gradients(lambda y: 0**y, exponents), [[0, 0]])
    with np.errstate(invalid="ignore"):
        assert np.isnan(gradients(lambda y: (-2.0) ** y, [2.0])[0]).all()
    assert_allclose(gradients(lambda y: 2.0**y, exponents), [np.log(2) * np.array([1, 4])])


def test_overflow_and_division_by_zero_warn_as_numpy_does():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert (Tensor([1.0]) / 0).item() == np.inf
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert ops.exp([1000.0]).item() == np.inf


def test_where_takes_nothing_but_booleans_as_its_condition():
    for condition in ([1, 0], Tensor([1.0, 0.0]), 1, "text"):
        with pytest.raises(TypeError, match="where: expected a condition of booleans, got"):
            ops.where(condition, 1.0, 0.0)
    x = leaf(1.0, -2.0)
    ops.where(x > 0, x, 0.0).sum().backward()
    assert_array_equal(x.grad, [1, 0])


def test_where_blocks_the_gradient_of_the_side_that_was_not_taken():
    x = leaf(0.0, 4.0)
    safe = ops.where(x.data > 0, x, 1.0)
    ops.where(x.data > 0, safe.sqrt(), 0.0).sum().backward()
    assert_array_equal(x.grad, [0, 0.25])


# --- matrix product ------------------------------------------------------------------------------


@st.composite
def matmul_shapes(draw):
    batches = draw(mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3))
    M, K, N = (draw(st.integers(0, 4)) for _ in range(3))
    x, y = batches.input_shapes
    x = draw(st.sampled_from([(K,), (*x, M, K)]))
    y = draw(st.sampled_from([(K,), (*y, K, N)]))
    return x, y


@examples
@given(shapes=matmul_shapes(), seed=st.integers(0, 2**32 - 1))
def test_matmul_follows_numpys_rules(shapes, seed):
    generator = np.random.default_rng(seed)
    x, y = (generator.normal(size=shape) for shape in shapes)
    result, expected = ops.matmul(x, y), np.matmul(x, y)
    assert result.shape == expected.shape
    assert_allclose(result.data, expected, rtol=1e-13, atol=1e-13)
    check_gradients(ops.matmul, x, y)


def test_matmul_of_mixed_types_computes_in_the_wider_one():
    x = Tensor(np.ones((2, 3), "float32"), requires_grad=True)
    y = Tensor(np.full((3, 2), 0.1), requires_grad=True)
    z = x @ y
    assert z.dtype == np.float64
    assert_allclose(z.data, 0.3, rtol=1e-15)
    z.sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize(
    ("x", "y"),
    [((2, 3), (2, 3)), ((3,), (4,)), ((3,), (4, 3)), ((2, 3), (2,)), ((5, 2, 3), (5, 2, 3))],
)
def test_matmul_of_shapes_that_do_not_fit_names_both(x, y):
    with pytest.raises(
        ValueError, match=r"matmul: expected x \(\.\.\., K\) and y .* got"
    ) as caught:
        ops.matmul(np.ones(x), np.ones(y))
    assert f"{x} and {y}" in str(caught.value)


def test_matmul_refuses_scalars():
    for x, y in ((2.0, np.ones(3)), (np.ones(3), Tensor(2.0))):
        with pytest.raises(ValueError, match="got a scalar; write x \\* y"):
            ops.matmul(x, y)


@pytest.mark.parametrize("wanted", [0, 1])
def test_matmul_computes_no_gradient_that_nobody_needs(wanted, monkeypatch):
    inputs = [Tensor(np.ones((3, 3)), requires_grad=i == wanted) for i in range(2)]
    y = ops.matmul(*inputs)
    products = []
    original = kernels.matmul
    monkeypatch.setattr(kernels, "matmul", lambda *args: products.append(1) or original(*args))
    y.sum().backward()
    assert len(products) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_large_arrays_give_the_bits_that_numpy_gives(name, dtype):
    """By a kernel or by NumPy: shapes, layouts and types decide which one computes them."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 181, 187)).astype(dtype)
    numpy_name = {"sub": "subtract", "mul": "multiply", "div": "divide"}.get(name, name)
    pairs = [(x, y), (x, y[0]), (x, x.T[:187, :1].T), (x, np.array(0.3, dtype)), (x[0, 0], y)]
    pairs += [(x.T, y.T), (x.T, y.reshape(187, 181)), (x, y.astype("float64")), (x[::2], y[::2])]
    for left, right in pairs:
        z = getattr(ops, name)(left, right).data
        expected = getattr(np, numpy_name)(left, right)
        assert z.dtype == expected.dtype
        assert_array_equal(z, expected)
    assert_array_equal(
        getattr(ops, name)(x, 0.3).data, getattr(np, numpy_name)(x, np.dtype(dtype).type(0.3))
    )


def test_large_arrays_have_the_gradients_of_small_ones():
    rng = np.random.default_rng(0)
    x, y, gz = rng.uniform(0.5, 1.5, size=(3, 33_001))
    for function in (ops.add, ops.sub, ops.mul, ops.div):
        whole = [Tensor(a, requires_grad=True) for a in (x, y)]
        part = [Tensor(a[:99], requires_grad=True) for a in (x, y)]
        function(*whole).backward(gz)
        function(*part).backward(gz[:99])
        for large, small in zip(whole, part, strict=True):
            assert_array_equal(large.grad[:99], small.grad)
