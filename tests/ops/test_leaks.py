"""Nothing leaks from where no gradient flows: not out of infinite slopes, not out of NaN."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minigrad import Tensor, losses, ops

pytestmark = pytest.mark.right_numbers

# Functions of x, defined for x > 0 or x < 90 only, and their slopes at the values that are taken.
SINGLE = {
    "sqrt": (ops.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "log": (ops.log, lambda x: 1 / x),
    "power": (lambda x: x**0.5, lambda x: 0.5 / np.sqrt(x)),
    "base": (lambda x: x**x, lambda x: x**x * (np.log(x) + 1)),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2),
    "quotient": (lambda x: x / x, lambda x: 0 * x),
    "product": (lambda x: x * (1 / x.data), lambda x: 1 / x),
    "exp": (lambda x: ops.exp(1 / x), lambda x: -np.exp(1 / x) / x**2),
    "abs": (lambda x: ops.abs(ops.log(x)), lambda x: np.sign(np.log(x)) / x),
    "square": (lambda x: ops.square(ops.log(x)), lambda x: 2 * np.log(x) / x),
    "sin": (lambda x: ops.sin(1 / x), lambda x: -np.cos(1 / x) / x**2),
    "cos": (lambda x: ops.cos(1 / x), lambda x: np.sin(1 / x) / x**2),
    "tanh": (lambda x: ops.tanh(ops.log(x)), lambda x: (1 - np.tanh(np.log(x)) ** 2) / x),
    "sigmoid": (lambda x: ops.sigmoid(ops.log(x)), lambda x: 1 / (1 + x) ** 2),
    "softplus": (lambda x: ops.softplus(ops.log(x)), lambda x: 1 / (1 + x)),
    "elu": (lambda x: ops.elu(ops.log(x)), lambda x: np.where(x < 1, 1, 1 / x)),
    "gelu": (lambda x: ops.gelu(ops.log(x)), None),
    "silu": (lambda x: ops.silu(ops.log(x)), None),
}
SINGLE |= {
    "maximum": (lambda x: ops.maximum(ops.log(x), -9.0), lambda x: 1 / x),
    "minimum": (lambda x: ops.minimum(ops.log(x), 9.0), lambda x: 1 / x),
    "clip": (lambda x: ops.clip(ops.log(x), -9, 9), lambda x: 1 / x),
    "cross_entropy": (
        lambda x: ops.sigmoid_cross_entropy(ops.log(x), np.ones(x.shape, x.dtype)),
        lambda x: -1 / (1 + x) / x,
    ),
}

FORBIDDEN = [0.0, -0.0, -1.0, np.nan, np.inf]


@pytest.fixture(autouse=True)
def without_warnings():
    with np.errstate(all="ignore"):  # the forward pass computes both branches
        yield


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [7, 1000, 33_000])
@pytest.mark.parametrize("name", SINGLE)
def test_branch_that_was_not_taken_leaks_nothing(name, size, dtype):
    function, slope = SINGLE[name]
    values = np.resize([*FORBIDDEN, 0.25, 4.0, 2.0], size).astype(dtype)
    taken = np.isin(values, [0.25, 4.0, 2.0])
    x = Tensor(values, requires_grad=True)
    ops.where(taken, function(x), 0.0).backward(np.ones(size))
    assert_array_equal(x.grad[~taken], 0)
    if slope is None:  # the same values without the forbidden ones
        alone = Tensor(values[taken], requires_grad=True)
        function(alone).backward(np.ones(alone.shape))
        assert_allclose(x.grad[taken], alone.grad, rtol=1e-5, atol=1e-6)
    else:
        assert_allclose(x.grad[taken], slope(values[taken].astype("float64")), rtol=1e-5, atol=1e-6)


ROWS = {
    "std": lambda x: ops.std(x, axis=1),
    "var": lambda x: ops.var(x, axis=1),
    "norm": lambda x: ops.norm(x, axis=1),
    "mean": lambda x: ops.mean(x, axis=1),
    "max": lambda x: ops.max(x, axis=1),
    "min": lambda x: ops.min(x, axis=1),
    "logsumexp": lambda x: ops.logsumexp(x, axis=1),
    "softmax": lambda x: ops.softmax(x),
    "softmax over the first axis": lambda x: ops.softmax(x.T, axis=0).T,
    "log_softmax": lambda x: ops.log_softmax(x),
    "cross-entropy of labels": lambda x: ops.softmax_cross_entropy(x, np.zeros(len(x), int)),
    "cross-entropy of rows": lambda x: ops.softmax_cross_entropy(x, np.eye(3)[[0] * len(x)]),
    "scaled": lambda x: x * np.array([1.0, 2.0, 3.0]),
    "scaled by infinity": lambda x: x * np.array([1.0, np.inf, 3.0]),
    "stretched": lambda x: x[:, :1] / x,
    "divided by 0": lambda x: x / np.array([1.0, 0.0, 3.0]),
}


@pytest.mark.parametrize("rows", [6, 1000])
@pytest.mark.parametrize("name", ROWS)
def test_row_that_was_not_taken_leaks_nothing(name, rows):
    kinds = [
        [1.0, 2.0, 4.0],
        [0, 0, 0],
        [np.inf, 1, 2],
        [np.nan, 1, 2],
        [-np.inf] * 3,
        [0, 1, np.inf],
    ]
    values = np.resize(kinds, (rows, 3))
    x, alone = Tensor(values, requires_grad=True), Tensor(values[:1], requires_grad=True)
    y, expected = ROWS[name](x), ROWS[name](alone)
    taken = np.arange(rows) == 0
    ops.where(taken if y.ndim == 1 else taken[:, None], y, 0.0).backward(np.ones(y.shape))
    expected.backward(np.ones(expected.shape))
    assert_allclose(x.grad[0], alone.grad[0], rtol=1e-13, atol=1e-14)
    assert_array_equal(x.grad[1:], 0)


def test_infinite_slopes_stay_where_a_gradient_flows():
    for function in (ops.sqrt, ops.log, lambda x: x**0.5):
        x = Tensor([0.0, 4.0], dtype="float64", requires_grad=True)
        function(x).backward([1.0, 0.0])
        assert_array_equal(x.grad, [np.inf, 0])
    x = Tensor([2.0, np.nan], requires_grad=True)
    (x * x).backward([1.0, 1.0])
    assert np.isnan(x.grad[1])


def test_ignored_class_leaks_nothing():
    z = Tensor([[np.nan, 1.0], [1.0, 2.0]], requires_grad=True)
    losses.sparse_categorical_crossentropy([255, 0], z, True, ignore_class=255).sum().backward()
    assert_array_equal(z.grad[0], 0)
    assert np.isfinite(z.grad[1]).all()
