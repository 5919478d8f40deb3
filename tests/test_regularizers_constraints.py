"""Penalties and their gradients; constraints hold once they are applied."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from minigrad import constraints, regularizers
from minigrad.core import Tensor
from minigrad.testing import check_gradients

W = np.array([[1.5, -2.0, 0.5], [-0.25, 3.0, -1.0]])  # off the kink of |w|


# --- regularizers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("regularizer", "penalty", "gradient"),
    [
        (regularizers.L1(0.1), 0.1 * 8.25, 0.1 * np.sign(W)),
        (regularizers.L2(0.1), 0.1 * 16.5625, 0.2 * W),
        (regularizers.L1L2(0.1, 0.3), 0.825 + 4.96875, 0.1 * np.sign(W) + 0.6 * W),
    ],
)
def test_regularizers_have_keras_penalty_and_its_gradient(regularizer, penalty, gradient):
    w = Tensor(W, requires_grad=True)
    value = regularizer(w)
    assert value.shape == ()
    assert value.item() == pytest.approx(penalty, rel=1e-14)
    value.backward()
    np.testing.assert_allclose(w.grad, gradient, rtol=1e-14)
    check_gradients(regularizer, W)


def test_regularizers_get_has_keras_defaults():
    assert regularizers.get("l1").l1 == regularizers.get("L2").l2 == 0.01
    assert regularizers.get("l1_l2")(Tensor(W)).item() == 0
    assert regularizers.get(None) is None
    regularizer = regularizers.l2(1e-4)
    assert regularizers.get(regularizer) is regularizer
    with pytest.raises(
        ValueError,
        match=r"regularizer: .*got 'l3'; known names: l1, l2, l1_l2, orthogonal_regularizer",
    ):
        regularizers.get("l3")


@pytest.mark.parametrize("factor", [-0.1, np.nan, np.inf])
@pytest.mark.parametrize("kind", [regularizers.L1, regularizers.L2, regularizers.L1L2])
def test_regularizers_refuse_factors_that_are_no_penalty(kind, factor):
    with pytest.raises(ValueError, match=rf"L[12]: expected l[12] in \[0, inf\), got {factor}"):
        kind(factor)


def test_orthogonal_regularizer_is_the_mean_cosine_of_the_pairs():
    w = np.array([[1.0, 2.0, 2.0], [-3.0, 0.0, 4.0], [0.5, -1.0, 0.0], [2.0, 0.1, 0.3]])
    for mode, vectors in (("rows", w), ("columns", w.T)):
        regularizer = regularizers.OrthogonalRegularizer(0.1, mode)
        n = len(vectors)
        pairs = [(a, b) for a in range(n) for b in range(a)]
        cosines = [
            abs(vectors[a] @ vectors[b])
            / np.sqrt((vectors[a] ** 2).sum() * (vectors[b] ** 2).sum())
            for a, b in pairs
        ]
        assert regularizer(Tensor(w)).item() == pytest.approx(0.1 * np.mean(cosines), rel=1e-12)
        check_gradients(regularizer, w)
    assert regularizers.get("orthogonal_regularizer")(np.eye(3)).item() == 0
    assert regularizers.OrthogonalRegularizer()(Tensor([[1.0, 2.0]])).item() == 0  # no pair
    with pytest.raises(ValueError, match="expected mode rows or columns, got 'both'"):
        regularizers.OrthogonalRegularizer(mode="both")
    with pytest.raises(ValueError, match=r"expected a matrix, got shape \(4, 4, 4\)"):
        regularizers.OrthogonalRegularizer()(Tensor(np.ones((4, 4, 4))))


# --- constraints ---------------------------------------------------------------------------------

weights = arrays(
    np.float64, array_shapes(min_dims=2, max_dims=4, max_side=5), elements=st.floats(-1e3, 1e3)
)


def norms(w, axis):
    return np.linalg.norm(w.reshape(-1, w.shape[-1]) if axis != 0 else w, axis=0)


@given(weights)
def test_non_neg_leaves_what_is_not_negative(w):
    before = w.copy()
    result = constraints.NonNeg()(w)
    np.testing.assert_array_equal(result, np.where(before > 0, before, 0))
    np.testing.assert_array_equal(w, before)  # not changed in place


@given(weights, st.floats(0.1, 100))
def test_max_norm_shrinks_long_vectors_and_leaves_short_ones(w, limit):
    axis = tuple(range(w.ndim - 1))
    result = constraints.MaxNorm(limit, axis)(w)
    before = norms(w, axis)
    expected = before / (1e-7 + before) * np.minimum(before, limit)
    np.testing.assert_allclose(norms(result, axis), expected, rtol=1e-12, atol=1e-100)
    kept = before <= limit
    np.testing.assert_allclose(result[..., kept], w[..., kept], atol=1.001e-7, rtol=0)


@given(weights)
def test_unit_norm_gives_norm_one_except_to_zeros(w):
    axis = tuple(range(w.ndim - 1))
    before = norms(w, axis)
    result = norms(constraints.UnitNorm(axis)(w), axis)
    np.testing.assert_allclose(result, before / (1e-7 + before), rtol=1e-12, atol=1e-100)


def test_constraints_take_the_norm_over_inputs_by_default():
    w = np.array([[3.0, 0.3], [4.0, 0.4]], np.float32)
    result = constraints.MaxNorm()(w)
    np.testing.assert_allclose(result, [[1.2, 0.3], [1.6, 0.4]], rtol=1e-6)
    assert result.dtype == np.float32
    np.testing.assert_allclose(constraints.UnitNorm()(w), [[0.6, 0.6], [0.8, 0.8]], rtol=1e-6)
    both = constraints.UnitNorm(axis=[0, 1])(w)
    assert np.linalg.norm(both) == pytest.approx(1, rel=1e-6)


def test_constraints_get_and_checks():
    assert isinstance(constraints.get("non_neg"), constraints.NonNeg)
    assert constraints.get("MaxNorm").max_value == 2
    assert constraints.get(None) is None
    with pytest.raises(ValueError, match=r"constraint: .*did you mean 'max_norm'"):
        constraints.get("maxnrm")
    with pytest.raises(ValueError, match=r"MaxNorm: expected max_value in \[0, inf\], got -1"):
        constraints.MaxNorm(-1)


def test_min_max_norm_goes_part_of_the_way_to_its_limits():
    w = np.array([[0.3, 3.0, 0.6], [0.4, 4.0, 0.8]])  # norms 0.5, 5, 1
    for rate, norms in ((1.0, [0.8, 2, 1]), (0.25, [0.575, 4.25, 1])):
        result = constraints.MinMaxNorm(0.8, 2.0, rate)(w)
        np.testing.assert_allclose(np.sqrt((result**2).sum(0)), norms, rtol=1e-6)
    result = constraints.get("min_max_norm")(w.T[:, :, None])  # (3, 2, 1), along the first axis
    assert np.sqrt((result**2).sum(0)).max() <= 1
    assert constraints.Constraint()(w) is w
    with pytest.raises(ValueError, match=r"expected min_value in \[0, 1.0\], got 2"):
        constraints.MinMaxNorm(2)


@pytest.mark.parametrize("axis", [1, (0, 1), [0, 1]])
def test_constraints_keep_the_axis_as_it_was_given(axis):
    w = np.random.default_rng(0).normal(size=(3, 4))
    for constraint in (
        constraints.MaxNorm(1.0, axis),
        constraints.UnitNorm(axis),
        constraints.MinMaxNorm(0.1, 1.0, axis=axis),
    ):
        assert constraint.axis is axis
        along = tuple(axis) if isinstance(axis, list) else axis
        assert (np.sqrt((constraint(w) ** 2).sum(along)) < 1 + 1e-6).all()
