"""What dropout, relu's gradient, exp and the like, cross-entropy compute at the domain's edges."""

import math

import numpy as np
import pytest


def cross_entropy(kernels, logits, targets, dtype=np.float64):
    """Run softmax_cross_entropy_forward; return losses and probabilities."""
    logits, targets = np.array(logits, dtype), np.array(targets, dtype)
    losses, probabilities = np.empty(len(logits), dtype), np.empty_like(logits)
    kernels.softmax_cross_entropy_forward(logits, targets, losses, probabilities, 1)
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
    kernels.softmax_cross_entropy_backward(probabilities, t, gy, gz, 1)
    for column, step in enumerate(1e-5 * np.eye(5)):
        slope = (losses_at(z + step) - losses_at(z - step)) / 2e-5
        np.testing.assert_allclose(gz[:, column], gy * slope, rtol=1e-7, atol=1e-9)


def test_cross_entropy_refuses_no_classes(kernels):
    with pytest.raises(ValueError):
        cross_entropy(kernels, np.empty((2, 0)), np.empty((2, 0)))


def test_relu_backward_stops_zero_and_nan(kernels):
    y, gx = np.array([-1.0, 0.0, -0.0, 2.0, np.nan]), np.array([1.0, np.inf, np.nan, 4.0, 5.0])
    kernels.relu_backward(y, gx, gx, 1)
    np.testing.assert_array_equal(gx, [0, 0, 0, 4, 0])


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
        compiled["dropout"](y, y, rate, 1, 1)
    np.testing.assert_array_equal(y, 1)


def test_erf_agrees_with_tabulated_values(kernels):
    """Abramowitz and Stegun, table 7.1."""
    x = np.array([-np.inf, -1.0, 0.0, 0.5, 1.0, 2.0, np.inf])
    kernels.erf(x, x, 1)
    table = [-1, -0.8427007929, 0, 0.5204998778, 0.8427007929, 0.9953222650, 1]
    np.testing.assert_allclose(x, table, rtol=0, atol=5.1e-11)


EXACT = {  # in float64
    "exp": np.exp,
    "tanh": np.tanh,
    "sigmoid": lambda x: np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x))),
    "erf": np.vectorize(math.erf),
}


@np.errstate(over="ignore", invalid="ignore")  # there are signaling NaNs
@pytest.mark.parametrize("name", EXACT)
def test_function_is_accurate_all_over_float32(kernels, name):
    """All exponents and both signs: denormal and infinite numbers, and NaN."""
    x = np.arange(0, 2**32, 20_011, dtype=np.uint64).astype(np.uint32).view(np.float32)
    middle = np.linspace(-110, 110, 100_003, dtype=np.float32)
    x = np.concatenate([x, middle, middle / 20, np.float32([-np.inf, np.inf, -0.0])])
    y = np.empty_like(x)
    getattr(kernels, name)(x, y, 1)
    exact = EXACT[name](x.astype(np.float64))
    nearest = exact.astype(np.float32)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    far = np.isinf(nearest) | np.isinf(y) | np.isnan(x)
    np.testing.assert_array_equal(y[far], nearest[far])
    errors = np.abs(y[~far] - exact[~far]) / np.spacing(np.abs(nearest[~far]))
    assert errors.max() < 4
    np.testing.assert_array_equal(np.signbit(y[~np.isnan(x)]), np.signbit(nearest[~np.isnan(x)]))


@pytest.mark.parametrize("name", EXACT)
def test_function_is_accurate_in_float64(kernels, name):
    x = np.array([-np.inf, -745.0, -40.0, -1e-9, -0.0, 1e-300, 0.3, 5.0, 700.0, np.inf, np.nan])
    y = np.empty_like(x)
    getattr(kernels, name)(x, y, 1)
    np.testing.assert_allclose(y, EXACT[name](x), rtol=1e-15)


@pytest.mark.parametrize("name", EXACT)
def test_function_may_overwrite_its_input(kernels, name):
    x = np.linspace(-3, 3, 40_013, dtype=np.float32)
    getattr(kernels, name)(x, y := np.empty_like(x), 1)
    getattr(kernels, name)(x, x, 1)
    np.testing.assert_array_equal(x, y)
