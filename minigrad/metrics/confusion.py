"""Metrics of true and false positives and negatives: precision, recall, areas under curves, F1.

A prediction above a threshold is positive. What is counted is the weight of the elements: tp, fp,
tn and fn, for each threshold at once.
"""

import numpy as np

from minigrad.metrics.base import METRICS, Metric
from minigrad.utils.arguments import checked_number, whole_number
from minigrad.utils.arrays import as_truth, match_ranks, match_weights


class _Confusion(Metric):
    """Base: keeps some of the four counts, arrays (thresholds,), or (thresholds, labels)."""

    direction = "up"
    counts = "true_positives", "false_positives", "true_negatives", "false_negatives"
    keeps_labels = False  # whether each place of the last axis is counted for itself

    def __init__(self, thresholds, name=None, dtype=None):
        super().__init__(dtype, name)
        self.thresholds = np.array(thresholds, np.float64, ndmin=1).tolist()
        if not all(-1e-7 <= threshold <= 1 + 1e-7 for threshold in self.thresholds):
            raise ValueError(f"{self.name}: expected thresholds from 0 to 1, got {thresholds}")
        self.is_one = np.ndim(thresholds) == 0
        if not self.keeps_labels:
            self._make_counts((len(self.thresholds),))

    def _make_counts(self, shape):
        for name in self.counts:
            setattr(self, name, self.add_weight(shape, name=name))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add labels of 0 and 1, and predictions of one shape with them."""
        self._count(*_prepare(self, y_true, y_pred, sample_weight))

    def _count(self, y_true, y_pred, weights):
        """Add arrays of one shape; a prediction of -inf is never positive."""
        K = y_pred.shape[-1] if self.keeps_labels else 1
        y_true, y_pred, weights = (a.reshape(-1, K) for a in (y_true, y_pred, weights))
        if not self.variables:
            self._make_counts((len(self.thresholds), K))
        positive = y_pred[:, None] > np.array(self.thresholds)[:, None]  # (n, thresholds, K)
        for name, variable in zip(self.counts, self.variables, strict=True):
            of_ones = name in ("true_positives", "false_negatives")
            counted = positive if name.endswith("positives") else ~positive
            weight = weights * (y_true == of_ones)  # (n, K)
            variable.assign_add(np.einsum("nk,ntk->tk", weight, counted).reshape(variable.shape))

    def _as_result(self, values):
        return float(values[0]) if self.is_one else np.asarray(values)


def _prepare(metric, y_true, y_pred, sample_weight):
    """Return labels (bool), predictions and weights (float64) of one shape."""
    y_true, y_pred = match_ranks(as_truth(metric.name, y_true), np.asarray(y_pred, np.float64))
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"{metric.name}: expected y_true of y_pred's shape {y_pred.shape}, got {y_true.shape}"
        )
    if (y_true < 0).any():
        raise ValueError(f"{metric.name}: expected labels of 0 and 1, got {y_true.min()}")
    y_true, y_pred = np.atleast_1d(y_true != 0, y_pred)
    weights = match_weights(metric.name, sample_weight, y_pred.shape)
    return y_true, y_pred, np.broadcast_to(weights, y_pred.shape)


def _ratio(part, whole):
    """Divide; the result is 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) != 0)


# --- numbers of elements -------------------------------------------------------------------------


class _Count(_Confusion):
    """Base: one of the four counts."""

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(0.5 if thresholds is None else thresholds, name, dtype)
        self._thresholds = thresholds  # the argument, for configs

    def result(self):
        return self._as_result(self.variables[0])


@METRICS.register()
class TruePositives(_Count):
    """The weight of the positives that are right.

    Parameters
    ----------
    thresholds : float or list of float, optional
        From 0 to 1; default 0.5. With a list, the result is an array.
    name, dtype
        As for `Metric`.
    """

    counts = ("true_positives",)


@METRICS.register()
class FalsePositives(_Count):
    """The weight of the positives that are wrong; parameters as for `TruePositives`."""

    counts, direction = ("false_positives",), "down"


@METRICS.register()
class TrueNegatives(_Count):
    """The weight of the negatives that are right; parameters as for `TruePositives`."""

    counts = ("true_negatives",)


@METRICS.register()
class FalseNegatives(_Count):
    """The weight of the negatives that are wrong; parameters as for `TruePositives`."""

    counts, direction = ("false_negatives",), "down"


# --- rates ---------------------------------------------------------------------------------------


def _precision(counts):
    return _ratio(counts.true_positives, counts.true_positives + counts.false_positives)


def _recall(counts):
    return _ratio(counts.true_positives, counts.true_positives + counts.false_negatives)


def _specificity(counts):
    return _ratio(counts.true_negatives, counts.true_negatives + counts.false_positives)


class _Rate(_Confusion):
    """Base of `Precision` and `Recall`, of which each defines `result`."""

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(0.5 if thresholds is None else thresholds, name, dtype)
        self._thresholds = thresholds  # the argument, for configs
        if thresholds is None and top_k is not None:
            self.thresholds = [-np.inf]  # what is among the k largest is positive
        self.top_k = whole_number(self.name, "top_k", top_k, least=1, optional=True)
        self.class_id = whole_number(self.name, "class_id", class_id, optional=True)

    def _count(self, y_true, y_pred, weights):
        if self.top_k is not None:
            first = np.argsort(-y_pred, axis=-1, kind="stable")[..., : self.top_k]
            among = np.zeros(y_pred.shape, bool)
            np.put_along_axis(among, first, True, axis=-1)
            y_pred = np.where(among, y_pred, -np.inf)
        if self.class_id is not None:
            if y_pred.ndim != 2:
                raise ValueError(
                    f"{self.name}: expected arrays (N, classes) for class_id, got {y_pred.shape}"
                )
            if self.class_id >= y_pred.shape[-1]:
                raise ValueError(
                    f"{self.name}: expected class_id below {y_pred.shape[-1]}, got {self.class_id}"
                )
            y_true, y_pred, weights = (a[..., self.class_id] for a in (y_true, y_pred, weights))
        super()._count(y_true, y_pred, weights)


@METRICS.register()
class Precision(_Rate):
    """tp / (tp + fp): how many of the positives are right; 0 without any.

    Parameters
    ----------
    thresholds : float or list of float, optional
        From 0 to 1; default 0.5, or none with `top_k`. With a list, the result is an array.
    top_k : int, optional
        Only the k largest predictions of the last axis can be positive.
    class_id : int, optional
        Count this place of the last axis alone.
    name, dtype
        As for `Metric`.
    """

    counts = "true_positives", "false_positives"

    def result(self):
        return self._as_result(_precision(self))


@METRICS.register()
class Recall(_Rate):
    """tp / (tp + fn): how many of the labels of 1 are found; 0 without any.

    Parameters
    ----------
    thresholds, top_k, class_id, name, dtype
        As for `Precision`.
    """

    counts = "true_positives", "false_negatives"

    def result(self):
        return self._as_result(_recall(self))


class _BestRate(_Rate):
    """Base: the largest `measured` rate at a threshold where the `bounded` one is large enough.

    Not in the registry: a name alone does not say how large.
    """

    bounded = measured = rate_name = None

    def __init__(self, value, num_thresholds, class_id, name, dtype):
        checked_number(self, self.rate_name, value, "[0, 1]")
        number = whole_number(type(self).__name__, "num_thresholds", num_thresholds, least=1)
        self.num_thresholds = number
        thresholds = np.linspace(0, 1, number) if number > 1 else [0.5]
        super().__init__(thresholds, None, class_id, name, dtype)
        setattr(self, self.rate_name, value)

    def result(self):
        allowed = type(self).bounded(self) >= getattr(self, self.rate_name)
        return float(type(self).measured(self)[allowed].max(initial=0.0))


class SensitivityAtSpecificity(_BestRate):
    """The largest tp / (tp + fn) where tn / (tn + fp) is at least `specificity`.

    Parameters
    ----------
    specificity : float
        From 0 to 1.
    num_thresholds : int
        How many thresholds, evenly from 0 to 1, are tried.
    class_id : int, optional
        Count this place of the last axis alone.
    name, dtype
        As for `Metric`.
    """

    rate_name = "specificity"
    bounded, measured = _specificity, _recall

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_BestRate):
    """The largest tn / (tn + fp) where tp / (tp + fn) is at least `sensitivity`.

    Parameters
    ----------
    sensitivity : float
        From 0 to 1.
    num_thresholds, class_id, name, dtype
        As for `SensitivityAtSpecificity`.
    """

    rate_name = "sensitivity"
    bounded, measured = _recall, _specificity

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_BestRate):
    """The largest precision where the recall is at least `recall`.

    Parameters
    ----------
    recall : float
        From 0 to 1.
    num_thresholds, class_id, name, dtype
        As for `SensitivityAtSpecificity`.
    """

    rate_name = "recall"
    bounded, measured = _recall, _precision

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_BestRate):
    """The largest recall where the precision is at least `precision`.

    Parameters
    ----------
    precision : float
        From 0 to 1.
    num_thresholds, class_id, name, dtype
        As for `SensitivityAtSpecificity`.
    """

    rate_name = "precision"
    bounded, measured = _precision, _recall

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name, dtype)


# --- areas ---------------------------------------------------------------------------------------


@METRICS.register()
class AUC(_Confusion):
    """The area under a curve that has a point for each threshold.

    "ROC": recall over the rate of false positives, fp / (fp + tn). "PR": precision over recall,
    interpolated between the points as tp and fp are (Davis and Goadrich, 2006,
    https://doi.org/10.1145/1143844.1143874). "PRGAIN": their gains over a prediction of 1 for all,
    1 - r fp / tp over max(1 - r fn / tp, 0), r = (tp + fn) / (fp + tn) (Flach and Kull, 2015).

    Parameters
    ----------
    num_thresholds : int
        At least 2; evenly from 0 to 1, the outermost a little beyond.
    curve : {"ROC", "PR", "PRGAIN"}
    summation_method : {"interpolation", "minoring", "majoring"}
        The height between two points: between theirs, the lower or the higher one.
    name, dtype
        As for `Metric`.
    thresholds : list of float, optional
        Between 0 and 1; 0 and 1 are added. Replaces `num_thresholds`.
    multi_label : bool
        The mean of the areas of the labels, the places of the last axis.
    num_labels : int, optional
        Their number; by default that of the first batch.
    label_weights : list of float, optional
        Weights of the labels in that mean; without `multi_label`, of their elements.
    from_logits : bool
        Whether predictions are logits: they go through a sigmoid first.
    """

    def __init__(
        self, num_thresholds=200, curve="ROC", summation_method="interpolation", name=None,
        dtype=None, thresholds=None, multi_label=False, num_labels=None, label_weights=None,
        from_logits=False,
    ):  # fmt: skip
        if curve.upper() not in ("ROC", "PR", "PRGAIN"):
            raise ValueError(f"AUC: expected curve 'ROC', 'PR' or 'PRGAIN', got {curve!r}")
        if summation_method.lower() not in ("interpolation", "minoring", "majoring"):
            known = "'interpolation', 'minoring' or 'majoring'"
            raise ValueError(f"AUC: expected summation_method {known}, got {summation_method!r}")
        self._thresholds = thresholds  # the argument, for configs
        if thresholds is None:
            number = whole_number("AUC", "num_thresholds", num_thresholds, least=2)
            thresholds = np.linspace(0, 1, number)[1:-1]
        self.keeps_labels = bool(multi_label)
        super().__init__([-1e-7, *np.sort(thresholds), 1 + 1e-7], name, dtype)
        self.num_thresholds = len(self.thresholds)
        self.curve = curve.upper()
        self.summation_method = summation_method.lower()
        self.multi_label = multi_label
        self.label_weights = None if label_weights is None else np.asarray(label_weights, float)
        self.from_logits = from_logits
        if multi_label and num_labels is not None:
            self._make_counts((len(self.thresholds), whole_number("AUC", "num_labels", num_labels)))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add labels of 0 and 1, and predictions from 0 to 1, or logits, of one shape."""
        if self.from_logits:
            y_pred = np.exp(-np.logaddexp(0, -np.asarray(y_pred, float)))  # the sigmoid
        y_true, y_pred, weights = _prepare(self, y_true, y_pred, sample_weight)
        if ((y_pred < 0) | (y_pred > 1)).any():  # no threshold would divide them; NaN passes
            raise ValueError(
                f"{self.name}: expected predictions from 0 to 1, got {y_pred.min()} to "
                f"{y_pred.max()}"
            )
        self._count(y_true, y_pred, weights)

    def _count(self, y_true, y_pred, weights):
        if self.label_weights is not None and not self.multi_label:
            weights = weights * self.label_weights
        super()._count(y_true, y_pred, weights)

    def reset_state(self):
        if self.variables:  # else no batch has come yet
            super().reset_state()

    def result(self):
        if not self.variables:
            return 0.0
        areas = self._areas()
        return float(np.average(areas, weights=self.label_weights if self.multi_label else None))

    def _areas(self):
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._interpolated()
        if self.curve == "ROC":
            negatives = self.false_positives + self.true_negatives
            x, y = _ratio(self.false_positives, negatives), _recall(self)
        elif self.curve == "PR":
            x, y = _recall(self), _precision(self)
        else:
            x, y = self._gains()
        between = {
            "interpolation": lambda left, right: (left + right) / 2,
            "minoring": np.minimum,
            "majoring": np.maximum,
        }
        height = between[self.summation_method](y[:-1], y[1:])
        return ((x[:-1] - x[1:]) * height).sum(axis=0)

    def _gains(self):
        """Gains in recall and precision; 0 and 1 where nothing is found."""
        tp, fn = np.asarray(self.true_positives), np.asarray(self.false_negatives)
        fp, tn = np.asarray(self.false_positives), np.asarray(self.true_negatives)
        odds = _ratio(tp + fn, fp + tn)
        recall = np.where(tp == 0, 0, np.maximum(1 - odds * _ratio(fn, tp), 0))
        return recall, 1 - odds * _ratio(fp, tp)

    def _interpolated(self):
        """Between two thresholds tp is linear in the positives p; the area is ∫ tp / p dtp."""
        tp, p = (
            np.asarray(self.true_positives),
            np.asarray(self.true_positives + self.false_positives),
        )
        slope = _ratio(tp[:-1] - tp[1:], p[:-1] - p[1:])
        start = tp[1:] - slope * p[1:]  # of the line tp = start + slope p
        both = (p[:-1] > 0) & (p[1:] > 0)
        growth = np.log(np.where(both, _ratio(p[:-1], p[1:]), 1.0))
        steps = slope * (tp[:-1] - tp[1:] + start * growth)
        ones = np.asarray(self.true_positives + self.false_negatives)[1:]
        return _ratio(steps, np.maximum(ones, 0)).sum(axis=0)


# --- classes -------------------------------------------------------------------------------------


@METRICS.register()
class FBetaScore(Metric):
    """(1 + β²) precision recall / (β² precision + recall), for each class or on average.

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}
        None: an array of a value for each class. Else from the counts of all classes together, or
        the mean of the values, or their mean weighted by the number of labels.
    beta : float
        How much more recall counts than precision; positive.
    threshold : float, optional
        What is above it is positive. Default: the largest prediction of a row is.
    name, dtype
        As for `Metric`.
    """

    direction = "up"

    def __init__(
        self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None
    ):  # fmt: skip
        super().__init__(dtype, name)
        if average not in (None, "micro", "macro", "weighted"):
            known = "None, 'micro', 'macro' or 'weighted'"
            raise ValueError(f"{self.name}: expected average {known}, got {average!r}")
        if not isinstance(beta, float) or beta <= 0:
            raise ValueError(f"{self.name}: expected beta as a positive float, got {beta!r}")
        if threshold is not None and (not isinstance(threshold, float) or not 0 < threshold <= 1):
            raise ValueError(
                f"{self.name}: expected threshold as a float in (0, 1], got {threshold!r}"
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add labels of 0 and 1 and predictions, both (N, classes)."""
        y_true, y_pred, weights = _prepare(self, y_true, y_pred, sample_weight)
        if y_pred.ndim != 2:
            raise ValueError(f"{self.name}: expected arrays (N, classes), got {y_pred.shape}")
        if not self.variables:
            for name in ("true_positives", "false_positives", "false_negatives"):
                setattr(self, name, self.add_weight(y_pred.shape[-1:], name=name))
        if self.threshold is None:
            positive = (y_pred == y_pred.max(axis=-1, keepdims=True)) & (np.abs(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        self.true_positives.assign_add((weights * (positive & y_true)).sum(axis=0))
        self.false_positives.assign_add((weights * (positive & ~y_true)).sum(axis=0))
        self.false_negatives.assign_add((weights * (~positive & y_true)).sum(axis=0))

    def result(self):
        if not self.variables:
            return 0.0
        tp, fp, fn = (
            np.array(count)
            for count in (self.true_positives, self.false_positives, self.false_negatives)
        )
        if self.average == "micro":
            tp, fp, fn = tp.sum(), fp.sum(), fn.sum()
        square = self.beta**2
        scores = _ratio((1 + square) * tp, (1 + square) * tp + square * fn + fp)
        if self.average is None:
            return scores
        if self.average == "weighted":
            return float(_ratio((scores * (tp + fn)).sum(), (tp + fn).sum()))
        return float(scores.mean())

    def reset_state(self):
        if self.variables:  # else no batch has come yet
            super().reset_state()


@METRICS.register()
class F1Score(FBetaScore):
    """2 precision recall / (precision + recall): `FBetaScore` with β = 1.

    Parameters
    ----------
    average, threshold, name, dtype
        As for `FBetaScore`.
    """

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average, 1.0, threshold, name, dtype)
