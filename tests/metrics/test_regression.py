"""R² beyond the golden numbers: vectors, the adjusted R², targets without variance."""

import numpy as np
import pytest

from minigrad import metrics

rng = np.random.default_rng(0)
Y = rng.normal(size=13)
PREDICTED = Y + rng.normal(size=13) / 3


def test_r2_takes_vectors_and_is_adjusted_for_the_regressors():
    r2 = 1 - ((Y - PREDICTED) ** 2).sum() / ((Y - Y.mean()) ** 2).sum()
    assert metrics.R2Score()(Y, PREDICTED) == pytest.approx(r2, rel=1e-12)
    assert metrics.R2Score()(Y[:, None], PREDICTED) == pytest.approx(r2, rel=1e-12)
    adjusted = metrics.R2Score(num_regressors=3)
    adjusted.update_state(Y[:5], PREDICTED[:5])
    adjusted.update_state(Y[5:], PREDICTED[5:])
    assert adjusted.result() == pytest.approx(1 - (1 - r2) * 12 / 9, rel=1e-12)
    rows, predicted = np.stack([Y, 2 * Y], 1), np.stack([PREDICTED, 2 * PREDICTED], 1)
    each = metrics.R2Score(None, num_regressors=3)(rows, predicted)
    np.testing.assert_allclose(each, [1 - (1 - r2) * 25 / 22] * 2, rtol=1e-12)  # n counts targets
    with pytest.warns(UserWarning, match="expected more than 13 targets for 12 regressors, got 13"):
        assert metrics.R2Score(num_regressors=12)(Y, PREDICTED) == pytest.approx(r2)


def test_r2_without_a_batch_or_without_variance_is_zero():
    metric = metrics.R2Score()
    assert metric.result() == 0
    assert metric([2.0, 2.0], [1.0, 3.0]) == 0
    assert metrics.R2Score("variance_weighted_average")([2.0, 2.0], [1.0, 3.0]) == 0
    metric.reset_state()
    assert metric([1.0, 3.0], [1.0, 3.0]) == 1
    assert metrics.R2Score()([2.0], [1.0]) == 0  # of one target, without a warning


def test_r2_refuses_other_shapes_and_averages():
    with pytest.raises(ValueError, match=r"R2Score: .*outputs\), got \(3,\) and \(2,\)"):
        metrics.R2Score()([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="R2Score: expected class_aggregation None"):
        metrics.R2Score("mean")
    with pytest.raises(ValueError, match="R2Score: expected num_regressors as a whole number"):
        metrics.R2Score(num_regressors=-1)


@pytest.mark.parametrize("axis", [-1, 0, (0, 1)])
def test_correlations_are_their_formulas(axis):
    rng = np.random.default_rng(3)
    y, p = rng.normal(size=(5, 7)), rng.normal(size=(5, 7)).astype("float32")
    m, n = y.mean(axis, keepdims=True), p.mean(axis, keepdims=True)
    covariance = ((y - m) * (p - n)).mean(axis)
    expected = covariance / (y.std(axis) * p.std(axis))
    np.testing.assert_allclose(metrics.pearson_correlation(y, p, axis), expected, rtol=1e-5)
    apart = (m - n).squeeze(axis) ** 2
    expected = 2 * covariance / (y.var(axis) + p.var(axis) + apart)
    np.testing.assert_allclose(metrics.concordance_correlation(y, p, axis), expected, rtol=1e-5)


def test_correlations_find_lines_and_what_does_not_vary():
    y = np.array([[0.0, 1.0, 3.0], [1.0, 2.0, 2.0]])
    np.testing.assert_allclose(metrics.pearson_correlation(y, 2 - 3 * y), [-1, -1])
    np.testing.assert_allclose(metrics.concordance_correlation(y, y), [1, 1], rtol=1e-6)
    assert (metrics.concordance_correlation(y, y + 1) < 0.9).all()
    small = np.array([0, 2e-4])  # variance 1e-8, to which Keras's 1e-7 is added
    assert metrics.concordance_correlation(small, small) == pytest.approx(1 / 6)
    for function in (metrics.pearson_correlation, metrics.concordance_correlation):
        np.testing.assert_array_equal(function(y, np.ones((2, 3))), [0, 0])
        with pytest.raises(ValueError, match="correlation: expected y_true of y_pred's shape"):
            function(y, np.ones((2, 4)))


def test_r2_counts_each_target_once_and_is_0_where_it_does_not_vary():
    metric = metrics.R2Score(class_aggregation=None)
    metric.update_state(np.stack([Y, np.ones(13)], 1), np.stack([PREDICTED, Y], 1))
    np.testing.assert_array_equal(np.asarray(metric.count), [13, 13])
    np.testing.assert_allclose(np.asarray(metric.total), [Y.sum(), 13], rtol=1e-12)
    assert metric.result()[1] == 0
