"""How predictions vary with their targets: R² and correlations."""

import warnings

import numpy as np

from minigrad.metrics.base import METRICS, MeanMetricWrapper, Metric
from minigrad.utils.arguments import tell_all, whole_number
from minigrad.utils.arrays import match_ranks, match_weights


@METRICS.register()
class R2Score(Metric):
    """1 - Σ (y - ŷ)² / Σ (y - ȳ)²: 1 for predictions without error, 0 for those of the mean.

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average", None}
        The mean over the outputs, or their mean weighted by Σ (y - ȳ)²; None: an array.
    num_regressors : int
        How many inputs p the model has, for the adjusted R², 1 - (1 - R²) (n - 1) / (n - p - 1);
        0 for R² itself. As in Keras, n is the number of targets: outputs times samples.
    name, dtype
        As for `Metric`.
    """

    direction = "up"

    def __init__(
        self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None
    ):
        super().__init__(dtype, name)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            known = "None, 'uniform_average' or 'variance_weighted_average'"
            raise ValueError(
                f"R2Score: expected class_aggregation {known}, got {class_aggregation!r}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = whole_number("R2Score", "num_regressors", num_regressors)
        self.num_samples = self.add_weight(name="num_samples")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add targets and predictions, both (N, outputs) or (N,)."""
        y_true, y_pred = match_ranks(np.asarray(y_true, float), np.asarray(y_pred, float))
        if y_true.shape != y_pred.shape or y_true.ndim not in (1, 2):
            shapes = f"{y_true.shape} and {y_pred.shape}"
            raise ValueError(f"R2Score: expected y_true and y_pred (N, outputs), got {shapes}")
        y_true, y_pred = (a.reshape(len(a), -1) for a in (y_true, y_pred))  # (N, K)
        weights = 1.0 if sample_weight is None else sample_weight
        weights = np.broadcast_to(match_weights(self.name, weights, y_true.shape), y_true.shape)
        if len(self.variables) == 1:
            for name in ("count", "total", "squares", "residual"):
                setattr(self, name, self.add_weight(y_true.shape[1:], name=name))
        self.count.assign_add(weights.sum(axis=0))
        self.total.assign_add((weights * y_true).sum(axis=0))
        self.squares.assign_add((weights * y_true**2).sum(axis=0))
        self.residual.assign_add((weights * (y_true - y_pred) ** 2).sum(axis=0))
        self.num_samples.assign_add(y_true.size)

    def result(self):
        if not self.num_samples:
            return 0.0
        spread = self.squares - self.total**2 / np.where(self.count == 0, 1, self.count)
        score = np.zeros(spread.shape)
        np.subtract(1, self.residual / np.where(spread == 0, 1, spread), score, where=spread != 0)
        if self.class_aggregation is not None:
            by_variance = self.class_aggregation == "variance_weighted_average" and spread.any()
            score = float(np.average(score, weights=spread if by_variance else None))
        n, p = float(self.num_samples), self.num_regressors
        if p == 0:
            return score
        if p >= n - 1:
            fault = f"expected more than {p + 1} targets for {p} regressors, got {n:g}"
            warnings.warn(f"R2Score: {fault}; R² is not adjusted", stacklevel=2)
            return score
        return 1 - (1 - score) * (n - 1) / (n - p - 1)


def pearson_correlation(y_true, y_pred, axis=-1):
    """mean((y - ȳ) (ŷ - m)) / (σ s) along `axis`: from -1 to 1, their sign if y and ŷ are linear.

    ȳ, m are the means, σ, s the deviations of y and ŷ; 0 where one of them does not vary.
    """
    covariance, _, variances = _moments(y_true, y_pred, axis)
    deviations = np.sqrt(variances[0] * variances[1])
    return covariance / np.where(deviations > 0, deviations, 1)


def concordance_correlation(y_true, y_pred, axis=-1):
    """2 mean((y - ȳ) (ŷ - m)) / (σ² + s² + (ȳ - m)²) along `axis`: 1 only if y = ŷ (Lin, 1989)."""
    covariance, means, variances = _moments(y_true, y_pred, axis)
    return 2 * covariance / (variances[0] + variances[1] + (means[0] - means[1]) ** 2 + 1e-7)


def _moments(y_true, y_pred, axis):
    """Return the covariance, the two means and the two variances along `axis`."""
    y_pred = np.asarray(y_pred)
    both = match_ranks(np.asarray(y_true, np.result_type(y_pred, "float32")), y_pred)
    if both[0].shape != both[1].shape:
        shapes = f"{both[1].shape}, got {both[0].shape}"
        raise ValueError(f"correlation: expected y_true of y_pred's shape {shapes}")
    means = [y.mean(axis, keepdims=True) for y in both]
    covariance = ((both[0] - means[0]) * (both[1] - means[1])).mean(axis)
    return covariance, [m.squeeze(axis) for m in means], [y.var(axis) for y in both]


tell_all(globals())  # before the classes take the functions


@METRICS.register()
class PearsonCorrelation(MeanMetricWrapper, of=pearson_correlation):
    """The mean of `pearson_correlation`."""


@METRICS.register()
class ConcordanceCorrelation(MeanMetricWrapper, of=concordance_correlation):
    """The mean of `concordance_correlation`."""
