"""What dropout, the elementwise functions, cross-entropy compute at the domain's edges."""

import math

import numpy as np
import pytest

from minigrad.kernels import reference
from minigrad.kernels.reference import FUNCTIONS


def cross_entropy(kernels, logits, targets, dtype=np.float64):
    """Run softmax_cross_entropy_forward; return losses and probabilities.

    With the softmax known, the losses must be the same.
    """
    logits, targets = np.array(logits, dtype), np.array(targets, dtype)
    losses, probabilities = np.empty(len(logits), dtype), np.empty_like(logits)
    kernels.softmax_cross_entropy_forward(logits, targets, None, losses, probabilities, 1)
    known = np.empty_like(losses)
    kernels.softmax_cross_entropy_losses(logits, targets, None, known, probabilities, 1)
    tolerance = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(known, losses, rtol=tolerance, atol=tolerance)
    return losses, probabilities


def test_cross_entropy_of_equal_logits_is_log_of_classes(kernels):
    losses, probabilities = cross_entropy(kernels, [[3.0] * 7] * 2, np.eye(7)[:2])
    np.testing.assert_allclose(losses, math.log(7), rtol=1e-15)
    np.testing.assert_allclose(probabilities, 1 / 7, rtol=1e-15)


def test_cross_entropy_neither_overflows_nor_underflows(kernels):
    losses, probabilities = cross_entropy(kernels, [[1e4, -1e4], [-1e4, 1e4]], [[1, 0], [1, 0]])
    np.testing.assert_array_equal(losses, [0, 2e4])
    np.testing.assert_array_equal(probabilities, [[1, 0], [0, 1]])


def test_cross_entropy_resolves_a_tiny_loss_in_float32(kernels):
    """log(1 + exp(-20)) is far below float32's epsilon, but not zero."""
    losses, _ = cross_entropy(kernels, [[20, 0]], [[1, 0]], np.float32)
    np.testing.assert_allclose(losses, math.log1p(math.exp(-20)), rtol=1e-6)


def test_cross_entropy_zero_times_infinity_is_zero(kernels):
    losses, probabilities = cross_entropy(kernels, [[0, -np.inf], [0, -np.inf]], [[1, 0], [0, 1]])
    np.testing.assert_array_equal(losses, [0, np.inf])
    np.testing.assert_array_equal(probabilities, [[1, 0], [1, 0]])


def test_softmax_at_infinity_is_its_limit(kernels):
    x = np.array([[np.inf, 1, 2], [np.inf, 0, np.inf], [-np.inf, 0, -np.inf]])
    for dtype in ("float32", "float64"):
        y = np.empty((3, 3), dtype)
        kernels.softmax(x.astype(dtype), y, 1)
        np.testing.assert_array_equal(y, [[1, 0, 0], [0.5, 0, 0.5], [0, 1, 0]])
    lost = np.array([[np.inf, np.nan], [np.nan, 1], [-np.inf, -np.inf]])
    with np.errstate(invalid="ignore"):
        kernels.softmax(lost, y := np.empty((3, 2)), 1)
    assert np.isnan(y).all()


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name.endswith("_backward")])
def test_no_gradient_flows_where_the_upstream_one_is_0(kernels, function):
    for dtype in ("float32", "float64"):
        x = np.resize(np.array([0.0, np.nan, np.inf, -np.inf, -1.0, 2.0], dtype), 1003)
        z = np.empty_like(x)
        kernels.elementwise(function, x, np.zeros_like(x), z, 0.5, 1)
        np.testing.assert_array_equal(z, 0)
    for known in ("mul_backward", "div_backward"):
        kernels.elementwise(known, np.array([0.5]), np.array([3.0]), z := np.empty(1), 0, 1)
        assert z[0] == {"mul_backward": 1.5, "div_backward": 6}[known]


def test_cross_entropy_backward_of_a_row_without_gradient_is_0_even_if_it_diverged(kernels):
    p, gz = np.full((2, 3), np.nan), np.empty((2, 3))
    for targets, labels in ((np.eye(3)[:2], None), (None, np.array([0, 2]))):
        kernels.softmax_cross_entropy_backward(p, targets, labels, np.array([0.0, 1.0]), gz, 1)
        np.testing.assert_array_equal(gz[0], 0)
        assert np.isnan(gz[1]).all()


def test_cross_entropy_nan_reaches_the_loss_and_no_other_row(kernels):
    losses, _ = cross_entropy(kernels, [[0, np.nan], [0, 0]], [[1, 0], [1, 0]])
    assert math.isnan(losses[0])
    assert losses[1] == pytest.approx(math.log(2))


def test_cross_entropy_targets_need_not_sum_to_one(kernels):
    """Loss and gradient against differences of the loss's definition."""
    generator = np.random.default_rng(3)
    z, t, gy = generator.normal(size=(3, 5)), generator.random(size=(3, 5)), np.array([1.0, -2, 3])

    def losses_at(logits):
        return -(t * np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))).sum(axis=1)

    losses, probabilities = cross_entropy(kernels, z, t)
    np.testing.assert_allclose(losses, losses_at(z), rtol=1e-13)
    gz = np.empty_like(z)
    kernels.softmax_cross_entropy_backward(probabilities, t, None, gy, gz, 1)
    for column, step in enumerate(1e-5 * np.eye(5)):
        slope = (losses_at(z + step) - losses_at(z - step)) / 2e-5
        np.testing.assert_allclose(gz[:, column], gy * slope, rtol=1e-7, atol=1e-9)


def test_cross_entropy_refuses_no_classes(kernels):
    with pytest.raises(ValueError):
        cross_entropy(kernels, np.empty((2, 0)), np.empty((2, 0)))


def test_cross_entropy_refuses_labels_that_are_no_class(kernels):
    z = np.zeros((2, 3))
    for wrong in (-1, 3):
        with pytest.raises(ValueError, match=rf"expected labels from 0 to 2, got .*{wrong}"):
            kernels.softmax_cross_entropy_forward(
                z, None, np.array([0, wrong]), np.empty(2), np.empty_like(z), 1
            )


def test_relu_hands_on_nan_and_its_gradient_stops_zero_and_nan(kernels):
    x = np.array([-1.0, 0.0, -0.0, 2.0, np.nan, -np.inf])
    kernels.elementwise("relu", x, None, x, 0.0, 1)
    np.testing.assert_array_equal(x, [0, 0, 0, 2, np.nan, 0])
    gx = np.array([1.0, np.inf, np.nan, 4.0, 5.0, 6.0])
    kernels.elementwise("relu_backward", x, gx, gx, 0.0, 1)
    np.testing.assert_array_equal(gx, [0, 0, 0, 4, 0, 0])


def test_dropout_may_overwrite_its_input_and_clears_what_is_not_finite(kernels):
    x = np.resize([1.0, np.nan, np.inf, -np.inf, -2.0], 10_007)
    y = np.empty_like(x)
    kernels.dropout(x, y, 0.75, 5, 1)
    np.testing.assert_array_equal(y[(y != 0) & np.isfinite(x)] % 4, 0)  # 1 -> 4, -2 -> -8
    assert 0.7 < np.mean(y == 0) < 0.8
    assert np.mean(y[~np.isfinite(x)] == 0) == pytest.approx(0.75, abs=0.03)
    kernels.dropout(x, x, 0.75, 5, 1)
    np.testing.assert_array_equal(x, y)


def test_dropout_keeps_all_at_rate_0_and_nothing_at_rate_1(kernels):
    x = np.array([0.1, np.nan, np.inf], np.float32)
    kernels.dropout(x, kept := np.empty_like(x), 0.0, 1, 1)
    assert kept.tobytes() == x.tobytes()
    kernels.dropout(x, x, 1.0, 1, 1)
    np.testing.assert_array_equal(x, 0)


@pytest.mark.parametrize("rate", [-0.1, 1.1, math.nan])
def test_dropout_refuses_a_rate_that_is_no_probability(compiled, rate):
    y = np.ones(3)
    with pytest.raises(ValueError, match="dropout: expected a rate from 0 to 1, got"):
        compiled.dropout(y, y, rate, 1, 1)
    np.testing.assert_array_equal(y, 1)


def test_elementwise_refuses_a_function_that_it_does_not_know(compiled):
    z = np.ones(3)
    with pytest.raises(ValueError, match=r"elementwise: expected a function .* 'sinh'"):
        compiled.elementwise("sinh", z, None, z, 0.0, 1)


def test_gelu_agrees_with_a_table_of_the_normal_distribution(kernels):
    """Abramowitz and Stegun, table 26.1."""
    x = np.array([-1.0, 0.0, 0.5, 1.0, 2.0])
    kernels.elementwise("gelu", x, None, y := np.empty_like(x), 0.0, 1)
    table = [0.15865525393146, 0.5, 0.69146246127401, 0.84134474606854, 0.97724986805182]
    np.testing.assert_allclose(y, x * table, rtol=3e-14)


def logistic(x):
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def normal(x):
    return np.vectorize(math.erfc)(-x / math.sqrt(2)) / 2


def density(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def cubic(x):
    return math.sqrt(8 / math.pi) * (x + 0.044715 * x**3)


def cubic_slope(x):
    return math.sqrt(8 / math.pi) * (1 + 0.134145 * x**2)


# The functions of one x that can overflow or cancel, in float64; their gradients for gy = 1.
EXACT = {
    "exp": np.exp,
    "tanh": np.tanh,
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "elu": lambda x: np.where(x < 0, 0.7 * np.expm1(np.minimum(x, 0)), x),  # -0.0 stays
    "elu_backward": lambda x: np.where(x > 0, 1, 0.7 * np.exp(np.minimum(x, 0))),
}
# These are 0 where they would be denormal, or cancel: exact relative to 1 or x.
ROUNDED = {
    "sigmoid": logistic,
    "softplus_backward": logistic,
    "silu": lambda x: x * logistic(x),
    "gelu": lambda x: x * normal(x),
    "gelu_backward": lambda x: normal(x) + x * density(x),
    "gelu_tanh": lambda x: x * logistic(cubic(x)),
    "gelu_tanh_backward": lambda x: (
        logistic(cubic(x)) * (1 + x * cubic_slope(x) * logistic(-cubic(x)))
    ),
    "silu_backward": lambda x: logistic(x) * (1 + x * logistic(-x)),
}


def apply(kernels, name, x):
    y = np.empty_like(x)
    kernels.elementwise(name, x, np.ones_like(x), y, 0.7, 1)
    return y


def all_over_float32():
    """All exponents and both signs: denormal and infinite numbers, and NaN."""
    x = np.arange(0, 2**32, 20_011, dtype=np.uint64).astype(np.uint32).view(np.float32)
    middle = np.linspace(-110, 110, 100_003, dtype=np.float32)
    return np.concatenate([x, middle, middle / 20, np.float32([-np.inf, np.inf, -0.0])])


@np.errstate(over="ignore", invalid="ignore")  # there are signaling NaNs
@pytest.mark.parametrize("name", EXACT)
def test_function_is_accurate_all_over_float32(kernels, name):
    x = all_over_float32()
    y = apply(kernels, name, x)
    exact = EXACT[name](x.astype(np.float64))
    nearest = exact.astype(np.float32)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(exact))
    far = np.isinf(nearest) | np.isinf(y) | np.isnan(exact)
    np.testing.assert_array_equal(y[far], nearest[far])
    errors = np.abs(y[~far] - exact[~far]) / np.spacing(np.abs(nearest[~far]))
    assert errors.max() < 4
    np.testing.assert_array_equal(np.signbit(y[~np.isnan(y)]), np.signbit(nearest[~np.isnan(y)]))


@np.errstate(over="ignore", invalid="ignore")
@pytest.mark.parametrize("name", ROUNDED)
def test_function_is_accurate_relative_to_its_operand(kernels, name):
    x = all_over_float32()
    x = x[np.abs(x) < 1e12]
    errors = np.abs(apply(kernels, name, x) - ROUNDED[name](x.astype(np.float64)))
    assert (errors / np.maximum(np.abs(x), 1)).max() < 4 * np.finfo(np.float32).eps


@np.errstate(invalid="ignore")
@pytest.mark.parametrize("name", EXACT | ROUNDED)
def test_function_is_accurate_in_float64(kernels, name):
    x = np.array([-745.0, -40.0, -1e-9, -0.0, 1e-300, 0.3, 5.0, 700.0, np.nan])
    exact = (EXACT | ROUNDED)[name](x)
    np.testing.assert_allclose(apply(kernels, name, x), exact, rtol=4e-15, atol=1e-15)


@pytest.mark.parametrize("name", EXACT | ROUNDED)
def test_function_may_overwrite_its_operands(kernels, name):
    x = np.linspace(-3, 3, 40_013, dtype=np.float32)
    y = apply(kernels, name, x)
    gy = np.ones_like(x)
    kernels.elementwise(name, x, gy, gy, 0.7, 1)
    np.testing.assert_array_equal(gy, y)
    kernels.elementwise(name, x, np.ones_like(x), x, 0.7, 1)
    np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name", reference.FUNCTIONS)
def test_function_gives_an_element_the_same_bits_wherever_it_stands(compiled, name):
    x, y = np.random.default_rng(0).normal(size=(2, 101)).astype(np.float32)
    z = np.empty_like(x)
    compiled.elementwise(name, x, y, z, 0.7, 1)
    for first in range(1, 100, 7):
        part = np.empty_like(x[first:])
        compiled.elementwise(name, x[first:], y[first:], part, 0.7, 1)
        assert part.tobytes() == z[first:].tobytes()


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_arithmetic_gives_the_bits_of_numpy(compiled, name):
    x = all_over_float32()
    y = np.random.default_rng(0).permutation(x)
    with np.errstate(all="ignore"):
        expected = reference.FUNCTIONS[name](x, y, 0.0)
    compiled.elementwise(name, x, y, z := np.empty_like(x), 0.0, 1)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(z), ~number)
    assert z[number].tobytes() == expected[number].tobytes()


def test_dropout_of_a_part_is_the_part_of_dropout(kernels):
    whole = np.ones(9000, np.float32)
    kernels.dropout(whole, whole, 0.3, 5, 1)
    for first in (0, 1, 4095, 4096, 5000):
        part = np.ones(3000, np.float32)
        kernels.dropout(part, part, 0.3, 5, 1, first)
        np.testing.assert_array_equal(part, whole[first : first + 3000])
