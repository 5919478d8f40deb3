"""Ops that run as one kernel, against the same ops one after the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from minigrad import Tensor, kernels, no_grad, ops
from minigrad.ops.fused import conv2d_pool

PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))

pytestmark = pytest.mark.skipif(
    not hasattr(kernels, "conv2d_pool_forward"), reason="the plain kernels have no fused one"
)


def apart(x, kernel, bias, pool_size, rate=0.0, seed=0, **options):
    y = ops.max_pool2d(ops.conv2d(x, kernel, bias, **options), pool_size)
    return ops.dropout(y, rate, seed)


@st.composite
def cases(draw):
    window, dilation, groups = draw(PAIRS), draw(PAIRS), draw(st.integers(1, 3))
    padding = draw(st.sampled_from(["valid", "same", ((0, 3), (2, 0)), ((1, 1), (4, 2))]))
    H, W = ((k - 1) * d + draw(st.integers(1, 6)) for k, d in zip(window, dilation, strict=True))
    N, depth, filters = (draw(st.integers(1, 3)) for _ in range(3))
    activation = draw(st.sampled_from([None, "relu"]))
    options = {
        "strides": draw(PAIRS),
        "padding": padding,
        "dilation_rate": dilation,
        "groups": groups,
        "activation": activation,
        "pool_size": draw(PAIRS),
        "rate": draw(st.sampled_from([0.0, 0.25])) if activation else 0.0,
        "seed": 3,
    }
    return (N, H, W, depth * groups), (*window, depth, filters * groups), options


@settings(deadline=None, derandomize=True, max_examples=100)
@given(case=cases(), seed=st.integers(0, 2**32 - 1))
def test_conv2d_pool_equals_its_ops(case, seed):
    x_shape, kernel_shape, options = case
    generator = np.random.default_rng(seed)
    x = generator.normal(size=x_shape)
    kernel = Tensor(generator.normal(size=kernel_shape), requires_grad=True)
    bias = Tensor(generator.normal(size=kernel_shape[3]), requires_grad=True)
    try:
        expected = apart(x, kernel, bias, **options)
    except ValueError as error:
        with pytest.raises(ValueError, match="max_pool2d: Computed output size") as caught:
            conv2d_pool(x, kernel, bias, **options)
        assert str(caught.value) == str(error)
        return
    gy = generator.normal(size=expected.shape)
    expected.backward(gy)
    gradients = kernel.grad, bias.grad
    kernel.grad = bias.grad = None
    result = conv2d_pool(x, kernel, bias, **options)
    result.backward(gy)
    if kernels.kind == "fast":  # else sums are NumPy's
        assert_array_equal(result.data, expected.data)
        assert_array_equal(kernel.grad, gradients[0])
        assert_array_equal(bias.grad, gradients[1])
    assert_allclose(result.data, expected.data, rtol=1e-13, atol=1e-13)
    assert_allclose(kernel.grad, gradients[0], rtol=1e-12, atol=1e-12)
    assert_allclose(bias.grad, gradients[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rate", [0.0, 0.25])
@pytest.mark.parametrize("with_bias", [True, False])
def test_conv2d_pool_replays_its_ops(rate, with_bias):
    generator = np.random.default_rng(0)
    x, gy = generator.normal(size=(2, 9, 8, 3)), generator.normal(size=(2, 3, 3, 4))
    weights = [Tensor(generator.normal(size=(3, 2, 3, 4)), requires_grad=True)]
    if with_bias:
        weights.append(Tensor(generator.normal(size=4), requires_grad=True))
    y = conv2d_pool(x, *weights, activation="relu", rate=rate, seed=5)
    inputs, replayed = y.node.unfused()
    for found, given_ in zip(inputs, [x, *(w.data for w in weights)], strict=True):
        assert_array_equal(found, given_)
    names = ["Conv2D", "MaxPool2D"] + ["Dropout"] * (rate > 0)
    assert [type(function).__name__ for function, _ in replayed] == names
    assert_array_equal(replayed[-1][1], y.data)
    gradient = gy
    for function, _ in reversed(replayed):
        gradient = function.backward(gradient)
    y.backward(gy)
    assert gradient[0] is None
    for found, weight in zip(gradient[1:], weights, strict=True):
        assert_allclose(found, weight.grad, rtol=1e-12)


def test_conv2d_pool_takes_lists_as_it_takes_tuples():
    x, kernel = np.random.default_rng(3).normal(size=(2, 9, 8, 1)), np.ones((3, 2, 1, 1))
    lists = conv2d_pool(x, kernel, None, [2, 1], [[1, 0], (0, 2)], [1, 1], pool_size=[2, 3])
    tuples = conv2d_pool(x, kernel, None, (2, 1), ((1, 0), (0, 2)), pool_size=(2, 3))
    assert_array_equal(lists.data, tuples.data)


def test_conv2d_pool_refuses_images_that_want_a_gradient():
    images = Tensor(np.ones((1, 5, 5, 2)), requires_grad=True)
    kernel = np.ones((2, 2, 2, 3))
    with pytest.raises(ValueError, match="conv2d_pool: expected an x without gradient"):
        conv2d_pool(images, kernel)
    with no_grad():
        assert conv2d_pool(images, kernel).shape == (1, 2, 2, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 0.5}, "conv2d_pool: expected a rate of 0, or below 1 with activation 'relu'"),
        ({"rate": 1.0, "activation": "relu"}, "conv2d_pool: expected a rate"),
        ({"rate": -0.5, "activation": "relu"}, "conv2d_pool: expected a rate"),
        ({"rate": np.nan, "activation": "relu"}, "conv2d_pool: expected a rate"),
        ({"pool_size": 0}, "conv2d_pool: expected pool_size to be one or two integers"),
        ({"pool_size": (5, 51)}, "conv2d_pool: expected at most 254 cells"),
        ({"pool_size": 20}, "conv2d_pool: expected at most 254 cells"),
        ({"pool_size": 8}, "max_pool2d: Computed output size would be zero"),
        ({"strides": 0}, "conv2d: expected strides"),
        ({"activation": "tanh"}, "conv2d: expected activation None or 'relu'"),
        ({"bias": np.ones(4)}, r"conv2d: expected bias of shape \(3,\)"),
        ({"x": np.ones((4, 4, 1))}, "conv2d: expected images of shape"),
    ],
)
def test_conv2d_pool_refuses_what_does_not_fit(options, message):
    arguments = {"x": np.ones((1, 8, 8, 2)), "kernel": np.ones((2, 2, 2, 3))} | options
    with pytest.raises(ValueError, match=message):
        conv2d_pool(**arguments)


def test_fused_ops_are_not_for_users():
    assert "conv2d_pool" not in ops.__all__
    for option in ("pool_size", "dropout"):
        with pytest.raises(TypeError, match=option):
            ops.conv2d(np.ones((1, 5, 5, 1)), np.ones((2, 2, 1, 1)), **{option: 2})
