"""Activations at their extremes, dense, dropout, batch normalization and the cross-entropies."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from numpy.testing import assert_allclose, assert_array_equal

from minigrad import Tensor, kernels, ops
from minigrad.testing import check_gradients

ACTIVATIONS = ("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "sigmoid", "tanh")


def leaf(values, dtype="float64"):
    return Tensor(np.array(values, dtype), requires_grad=True)


def value_and_slope(function, values, dtype="float64"):
    x = leaf(values, dtype)
    y = function(x)
    y.backward(np.ones(y.shape))
    return y.data, x.grad


# --- activations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_neither_overflow_nor_warn_far_from_zero(name, dtype):
    values, slopes = value_and_slope(getattr(ops, name), [-1e4, -100.0, 100.0, 1e4], dtype)
    assert values.dtype == slopes.dtype == dtype
    assert np.isfinite(values).all()
    assert np.isfinite(slopes).all()
    scale = {"selu": 1.0507009873554805}.get(name, 1)
    expected = [1, 1] if name in ("sigmoid", "tanh") else [scale * 100, scale * 1e4]
    assert_allclose(values[2:], expected, rtol=1e-6)
    flat = name in ("sigmoid", "tanh")
    assert_allclose(slopes[2:], [0 if flat else scale] * 2, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("name", [*ACTIVATIONS, "softmax", "log_softmax"])
def test_activations_hand_on_nan(name):
    assert np.isnan(getattr(ops, name)([np.nan, 1.0]).data[0])


@pytest.mark.parametrize(
    ("name", "options", "slope"),
    [
        ("relu", {}, 0),
        ("leaky_relu", {"negative_slope": 0.3}, 1),
        ("elu", {"alpha": 2.0}, 2),
        ("selu", {}, 1.6732632423543772 * 1.0507009873554805),
    ],
)
def test_slopes_at_the_kink(name, options, slope):
    values, slopes = value_and_slope(lambda x: getattr(ops, name)(x, **options), [0.0, -0.0])
    assert_array_equal(values, [0, 0])
    assert_allclose(slopes, [slope, slope], rtol=1e-15)


def test_sigmoid_and_silu_are_exact_in_their_tails():
    """Relative to the value: a probability of 1e-9 is not 0."""
    x = np.array([-80.0, -20.0, -10.0, -1e-3, 0.0, 3.0, 10.0, 20.0])
    exact = np.array([1 / (1 + math.exp(-v)) for v in x])
    for dtype, tolerance in (("float32", 5e-7), ("float64", 1e-15)):
        values, slopes = value_and_slope(ops.sigmoid, x, dtype)
        assert_allclose(values, exact, rtol=tolerance)
        assert_allclose(slopes[:5], (exact * (1 - exact))[:5], rtol=3 * tolerance)
        assert_allclose(ops.silu(x.astype(dtype)).data, x * exact, rtol=tolerance)


def test_softplus_and_elu_are_exact_near_their_limits():
    x = np.array([-30.0, -1e-8, 30.0])
    assert_allclose(ops.softplus(x).data, [math.log1p(math.exp(v)) for v in x], rtol=1e-15)
    assert_allclose(ops.elu(x).data, [math.expm1(-30), math.expm1(-1e-8), 30], rtol=1e-15)


@pytest.mark.parametrize("name", ["leaky_relu", "elu"])
def test_a_numpy_option_does_not_widen_float32(name):
    assert getattr(ops, name)(np.ones(2, "float32"), np.float64(0.3)).dtype == np.float32


# --- softmax -------------------------------------------------------------------------------------


@settings(deadline=None, derandomize=True, max_examples=60)
@given(data=st.data(), shape=array_shapes(max_dims=3, max_side=4))
def test_softmax_sums_to_1_over_any_axis(data, shape):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = np.random.default_rng(0).normal(size=shape) * 5
    y = ops.softmax(x, axis=axis)
    assert_allclose(y.data.sum(axis=axis), np.ones(np.delete(shape, axis)), rtol=1e-14)
    assert_allclose(ops.log_softmax(x, axis=axis).data, np.log(y.data), rtol=1e-10, atol=1e-14)
    check_gradients(lambda t: ops.softmax(t, axis=axis), x)
    check_gradients(lambda t: ops.log_softmax(t, axis=axis), x)


def test_softmax_does_not_overflow_and_takes_masked_entries():
    values, slopes = value_and_slope(ops.softmax, [1e4, 1e4, -np.inf, -1e4])
    assert_array_equal(values, [0.5, 0.5, 0, 0])
    assert_array_equal(slopes, [0, 0, 0, 0])
    assert_array_equal(ops.log_softmax([-1e4, 0.0]).data, [-1e4, 0])


def test_softmax_and_sigmoid_remember_what_made_them():
    x = leaf([[1.0, 2.0]])
    for name in ("softmax", "sigmoid"):
        y = getattr(ops, name)(x)
        made, source, *versions = y.made_by
        assert (made, versions) == (name, [x.version, y.version])
        assert source is x
        assert (y * 1).made_by is y.detach().made_by is None
    assert ops.softmax(x, axis=1).made_by[1] is x
    assert ops.softmax(x, axis=0).made_by is None  # a cross-entropy runs over the last axis


# --- dense ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "kernel", "bias", "message"),
    [
        ((2, 3), (4, 5), None, r"expected x \(..., inputs\) and kernel .* got \(2, 3\) and \(4, 5"),
        ((2, 3), (3,), None, "expected x"),
        ((), (3, 2), None, "expected x"),
        ((2, 3), (3, 5), (3,), r"expected bias of shape \(5,\), got \(3,\)"),
        ((2, 3), (3, 5), (1, 5), r"expected bias of shape \(5,\), got \(1, 5\)"),
    ],
)
def test_dense_refuses_shapes_that_do_not_fit(x, kernel, bias, message):
    with pytest.raises(ValueError, match=f"dense: {message}"):
        ops.dense(np.ones(x), np.ones(kernel), None if bias is None else np.ones(bias))


def test_dense_refuses_other_activations():
    for activation in ("tanh", "ReLU", ops.relu):
        with pytest.raises(ValueError, match="dense: expected activation None or 'relu', got"):
            ops.dense(np.ones((1, 1)), np.ones((1, 1)), activation=activation)


def test_dense_widens_mixed_types():
    x, bias = np.ones((2, 3), "float32"), [0.1, 0.2]
    kernel = Tensor(np.ones((3, 2)), requires_grad=True)
    y = ops.dense(x, kernel, bias)
    assert y.dtype == np.float64
    assert_array_equal(y.data[0], [3.1, 3.2])  # the list was not rounded to float32


@pytest.mark.parametrize(("wanted", "products"), [((1, 0), 1), ((0, 1), 1), ((1, 1), 2)])
def test_dense_computes_no_gradient_that_nobody_needs(wanted, products, monkeypatch):
    inputs = [Tensor(np.ones((3, 3)), requires_grad=bool(w)) for w in wanted]
    y = ops.dense(*inputs)
    calls, original = [], kernels.matmul
    monkeypatch.setattr(kernels, "matmul", lambda *args: calls.append(1) or original(*args))
    y.sum().backward()
    assert len(calls) == products


# --- dropout -------------------------------------------------------------------------------------


def test_dropout_scales_what_it_keeps_and_backward_uses_the_same_mask():
    x = leaf(np.ones((50, 40)))
    y = ops.dropout(x, 0.25, seed=7)
    kept = y.data != 0
    assert_allclose(y.data[kept], 1 / 0.75, rtol=1e-15)
    assert 0.70 < kept.mean() < 0.80
    y.backward(3 * np.ones(y.shape))
    assert_array_equal(x.grad, 3 * y.data)


def test_dropout_depends_on_the_seed_alone():
    x = np.ones(1000, "float32")
    y = ops.dropout(x, 0.5, seed=1).data
    assert_array_equal(ops.dropout(x.reshape(10, 100), 0.5, seed=1).data.ravel(), y)
    assert_array_equal(ops.dropout(x, 0.5, seed=1 + 2**64).data, y)
    assert_array_equal(ops.dropout(x, 0.5, seed=np.int64(1)).data, y)
    for other in (2, -1, 1 + 2**32, 1 + 2**63):
        assert (ops.dropout(x, 0.5, seed=other).data != y).any()


def test_dropout_of_nothing_and_of_everything():
    x = leaf([1.0, 2.0])
    assert ops.dropout(x, 0, seed=1) is x
    y = ops.dropout(x, 1, seed=1)
    y.sum().backward()
    assert_array_equal(y.data, [0, 0])
    assert_array_equal(x.grad, [0, 0])


def test_dropout_refuses_other_rates_and_seeds():
    for rate in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="dropout: expected a rate from 0 to 1, got"):
            ops.dropout([1.0], rate, seed=1)
    for seed in (None, 1.5, "one"):
        with pytest.raises(TypeError, match="dropout: expected an integer as seed, got"):
            ops.dropout([1.0], 0.5, seed=seed)


# --- batch normalization -------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "axis"), [((7, 3), -1), ((2, 5, 4, 3), 3), ((2, 3, 5), -2)])
def test_batch_norm_returns_the_statistics_of_the_batch(shape, axis):
    x = np.random.default_rng(0).normal(3.0, 2.0, size=shape)
    others = tuple(i for i in range(len(shape)) if i != axis % len(shape))
    y, mean, variance = ops.batch_norm(x, np.ones(3), np.zeros(3), 0.0, axis=axis)
    assert_allclose(mean, x.mean(axis=others), rtol=1e-14)
    assert_allclose(variance, x.var(axis=others), rtol=1e-14)
    assert_allclose(y.data.mean(axis=others), np.zeros(3), atol=1e-14)
    assert_allclose(y.data.var(axis=others), np.ones(3), rtol=1e-13)


@pytest.mark.parametrize("first", [0.0, 1e3])
def test_batch_norm_resolves_a_variance_far_from_zero_in_float32(first):
    """Also where the first rows do not look like the others."""
    x = np.random.default_rng(0).normal(1e3, size=(20_001, 3)).astype("float32")
    x[:100] = first
    y, mean, variance = ops.batch_norm(x, np.ones(3), np.zeros(3), 0.0)
    exact = x.astype("float64")
    assert_allclose(mean, exact.mean(axis=0), rtol=1e-6)
    assert_allclose(variance, exact.var(axis=0), rtol=1e-4)
    assert_allclose(y.data, (exact - exact.mean(axis=0)) / exact.std(axis=0), atol=1e-3)


def test_batch_norm_statistics_may_be_changed_before_backward():
    x = np.random.default_rng(0).normal(size=(5, 2))
    grads = []
    for change in (False, True):
        t = leaf(x)
        y, mean, variance = ops.batch_norm(t, np.ones(2), np.zeros(2), 1e-3)
        if change:
            mean *= 0
            variance *= 0
        (y * y * y).sum().backward()
        grads.append(t.grad)
    assert_array_equal(*grads)


def test_batch_norm_keeps_float32_and_takes_a_constant_batch():
    x = Tensor(np.full((4, 3), 7, "float32"), requires_grad=True)
    y, mean, variance = ops.batch_norm(x, [1.0] * 3, [0.5] * 3, np.float64(1e-3))
    assert y.dtype == mean.dtype == variance.dtype == np.float32
    assert_array_equal(y.data, np.full((4, 3), 0.5))
    y.sum().backward()
    assert_allclose(x.grad, np.zeros((4, 3)), atol=1e-5)


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("axis", [-1, 1])
def test_batch_norm_by_constants(axis, activation):
    rng = np.random.default_rng(0)
    x, gamma, beta = (leaf(rng.normal(size=shape)) for shape in [(5, 3, 3), 3, 3])
    mean, variance = rng.normal(size=3), rng.uniform(0.5, 2, 3)

    def normalize(x, gamma, beta):
        finish, *found = ops.nn.begin_batch_norm(x, gamma, beta, 0.1, axis, (mean, variance))
        assert_array_equal(found, [mean, variance])
        return finish(activation)

    moved = np.moveaxis(x.data, axis, -1)
    y = np.moveaxis((moved - mean) / np.sqrt(variance + 0.1) * gamma.data + beta.data, -1, axis)
    y = np.maximum(y, 0) if activation else y
    assert_allclose(normalize(x, gamma, beta).data, y, rtol=1e-13, atol=1e-15)
    check_gradients(normalize, x.data, gamma.data, beta.data)


def test_batch_norm_by_constants_takes_infinity():
    x = leaf(np.array([[np.inf], [-np.inf], [2.0]]))
    gamma = leaf(np.ones(1))
    finish, *_ = ops.nn.begin_batch_norm(x, gamma, np.zeros(1), 0.0, -1, (np.ones(1), np.ones(1)))
    y = finish("relu")
    assert_array_equal(y.data, [[np.inf], [0], [1]])
    y[1:].sum().backward()  # nothing leaks out of a 0
    assert_array_equal(x.grad, [[0], [0], [1]])
    assert_array_equal(gamma.grad, [1])


def test_batch_norm_refuses_wrong_shapes_and_axes():
    x = np.ones((4, 3))
    with pytest.raises(ValueError, match="batch_norm: expected activation None or 'relu', got 'ta"):
        ops.batch_norm(x, np.ones(3), np.ones(3), 1e-3, activation="tanh")
    with pytest.raises(ValueError, match=r"batch_norm: expected gamma and beta of shape \(3,\)"):
        ops.batch_norm(x, np.ones(4), np.ones(3), 1e-3)
    for axis in (2, -3):
        with pytest.raises(ValueError, match=rf"expected an axis of x \(4, 3\), got {axis}"):
            ops.batch_norm(x, np.ones(3), np.ones(3), 1e-3, axis=axis)


# --- cross-entropies -----------------------------------------------------------------------------


def test_softmax_cross_entropy_of_labels_and_of_their_one_hot_rows_are_equal():
    z = np.random.default_rng(0).normal(size=(5, 4))
    labels = np.array([0, 3, 3, 1, 2])
    for kind in (labels, labels.tolist(), labels.astype("int8"), Tensor(np.eye(4)[labels])):
        t = leaf(z)
        losses = ops.softmax_cross_entropy(t, kind)
        assert_allclose(losses.data, -ops.log_softmax(z).data[range(5), labels], rtol=1e-14)
        losses.sum().backward()
        assert_allclose(t.grad, ops.softmax(z).data - np.eye(4)[labels], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropies_of_confident_answers_neither_overflow_nor_vanish(dtype):
    z = leaf([[1000.0, 0.0], [1000.0, 0.0]], dtype)
    losses = ops.softmax_cross_entropy(z, [0, 1])
    assert_array_equal(losses.data, [0, 1000])
    losses.sum().backward()
    assert_array_equal(z.grad, [[0, 0], [1, -1]])
    z = leaf([1000.0, 1000.0, -1000.0, -1000.0], dtype)
    losses = ops.sigmoid_cross_entropy(z, [1, 0, 1, 0])
    assert_array_equal(losses.data, [0, 1000, 1000, 0])
    losses.sum().backward()
    assert_array_equal(z.grad, [0, 1, -1, 0])
    assert losses.dtype == z.grad.dtype == dtype


def test_softmax_cross_entropy_of_masked_logits():
    z = leaf([[0.0, -np.inf, 0.0]])
    losses = ops.softmax_cross_entropy(z, [2])
    losses.sum().backward()
    assert_allclose(losses.data, [np.log(2)], rtol=1e-15)
    assert_array_equal(z.grad, [[0.5, 0, -0.5]])


def losses_in_float64(z, targets):
    z = z.astype(np.longdouble)
    largest = z.max(axis=1, keepdims=True)
    log_p = z - largest - np.log(np.exp(z - largest).sum(axis=1, keepdims=True))
    with np.errstate(invalid="ignore"):
        return np.where(targets != 0, -targets * log_p, 0).sum(axis=1).astype(float)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 10.0, 100.0, 1e4])
@pytest.mark.parametrize("kind", ["labels", "targets"])
def test_softmax_cross_entropy_of_known_probabilities_is_the_same(dtype, scale, kind):
    generator = np.random.default_rng(6)
    z = (scale * generator.normal(size=(200, 7))).astype(dtype)
    z[:20] = z[:20, :1]  # ties
    z[20:40, 3] = -np.inf
    labels = generator.choice([0, 1, 2, 4, 5, 6], size=200)
    targets = np.eye(7)[labels]
    if kind == "targets":
        targets = generator.dirichlet(np.full(7, 0.2), size=200).astype(dtype)
        targets[20:40, 3] = 0
        targets[40:60] *= 3
    given = labels if kind == "labels" else targets
    gy = generator.normal(size=200).astype(dtype)
    results = []
    for probabilities in (None, ops.softmax(z).data):
        logits = Tensor(z, requires_grad=True)
        losses = ops.softmax_cross_entropy(logits, given, probabilities)
        losses.backward(gy)
        results.append((losses, logits.grad))
    (without, gradient), (losses, found) = results
    assert losses.dtype == dtype
    epsilon = np.finfo(dtype).eps
    assert_allclose(losses.data, losses_in_float64(z, targets), rtol=8 * epsilon, atol=1e-15)
    assert_allclose(losses.data, without.data, rtol=8 * epsilon, atol=1e-15)
    assert_allclose(found, gradient, rtol=8 * epsilon, atol=epsilon)


def test_softmax_cross_entropy_of_a_confident_prediction_keeps_its_accuracy():
    z = np.float32([[20, 1, 0], [90, 0, -90], [0, 80, 0]])
    p = ops.softmax(z).data
    assert p[0, 0] == 1 and p[1, 2] == 0
    losses = ops.softmax_cross_entropy(z, [0, 2, 0], p).data
    assert_allclose(losses, [np.log1p(np.exp(-19.0) + np.exp(-20.0)), 180, 80], rtol=1e-6)


def test_softmax_cross_entropy_copies_the_probabilities():
    z = leaf([[1.0, 2.0, 0.5]])
    p = ops.softmax(z).data.copy()
    loss = ops.softmax_cross_entropy(z, [1], p).sum()
    expected = p - np.eye(3)[[1]]
    p[...] = 7
    loss.backward()
    assert_allclose(z.grad, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([0, 3], np.ones((2, 3)), "labels from 0 to 2, got 3"),
        ([-1, 0], np.ones((2, 3)), "labels from 0 to 2, got -1"),
        ([0, 1], np.ones((2, 4)), r"probabilities of shape \(2, 3\), got \(2, 4\)"),
        ([0, 1], np.ones(3), r"probabilities of shape \(2, 3\), got \(3,\)"),
    ],
)
def test_softmax_cross_entropy_refuses_wrong_probabilities(labels, probabilities, message):
    with pytest.raises(ValueError, match=f"expected {message}"):
        ops.softmax_cross_entropy(np.ones((2, 3)), labels, probabilities)


def test_softmax_cross_entropy_of_diverged_logits_is_nan_without_a_warning():
    z = np.float32([[np.nan, 1, 2], [np.inf, 1, 2]])
    for targets in ([0, 1], np.eye(3)[:2]):
        losses = ops.softmax_cross_entropy(z, targets, np.full((2, 3), np.nan)).data
        assert np.isnan(losses).all()


@pytest.mark.parametrize(
    ("logits", "targets", "message"),
    [
        ((2, 3), [0, 3], "expected labels from 0 to 2, got 3"),
        ((2, 3), [-1, 0], "expected labels from 0 to 2, got -1"),
        ((2, 3), [0, 1, 2], r"or integer labels of shape \(2,\), got int64 of shape \(3,\)"),
        ((2, 3), [0.0, 1.0], r"or integer labels of shape \(2,\), got float64 of shape \(2,\)"),
        ((2, 3), np.ones((3, 2)), r"expected targets of shape \(2, 3\)"),
        ((), 0, "expected logits .* got a scalar"),
    ],
)
def test_softmax_cross_entropy_refuses_wrong_targets(logits, targets, message):
    with pytest.raises(ValueError, match=message):
        ops.softmax_cross_entropy(np.ones(logits), targets)


def test_sigmoid_cross_entropy_refuses_targets_of_another_shape():
    with pytest.raises(ValueError, match=r"sigmoid_cross_entropy: expected targets of shape \(2,"):
        ops.sigmoid_cross_entropy(np.ones((2, 1)), np.ones(2))


def test_dropout_of_nothing_returns_its_input():
    x = leaf(np.ones((3, 2)))
    assert ops.dropout(x, 0, seed=1) is x


def test_exported_ops_are_functions_in_lower_case():
    assert all(name[0].islower() and name in dir(ops) for name in ops.__all__)


@pytest.mark.parametrize("rate", [-0.1, 1.1, 1.5, math.nan])
def test_dropout_refuses_rates_that_are_no_probability(rate):
    with pytest.raises(ValueError, match="dropout: expected a rate from 0 to 1, got"):
        ops.dropout(np.ones(3), rate, seed=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("number", [1, 7, 4095, 4096, 4097])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_gradient_of_a_bias_is_the_product_with_ones_for_any_number_of_rows(dtype, number, threads):
    gy = np.random.default_rng(number).normal(size=(number, 5)).astype(dtype)
    x, w, b = np.ones((number, 1), dtype), leaf(np.ones((1, 5)), dtype), leaf(np.zeros(5), dtype)
    expected, before = np.empty((1, 5), dtype), kernels.get_num_threads()
    kernels.matmul(np.ones((1, number), dtype), gy, None, False, expected, 1)
    try:
        kernels.set_num_threads(threads)
        ops.dense(Tensor(x), w, b).backward(gy)
    finally:
        kernels.set_num_threads(before)
    assert_array_equal(b.grad, expected[0], strict=True)
    exact = gy.astype("float64").sum(axis=0)
    assert_allclose(b.grad, exact, atol=4 * np.finfo(dtype).eps * np.abs(gy).sum(), rtol=0)
