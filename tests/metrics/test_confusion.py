"""Counts, rates and areas: what the golden numbers do not show."""

import numpy as np
import pytest

from minigrad import metrics

rng = np.random.default_rng(0)
LABELS = rng.integers(0, 2, 23)
SCORES = rng.uniform(0, 1, 23)
ROWS = np.eye(2)[LABELS]  # more of them than classes

MAKERS = [
    metrics.TruePositives,
    metrics.Precision,
    metrics.Recall,
    metrics.AUC,
    lambda: metrics.AUC(curve="PR"),
    lambda: metrics.AUC(multi_label=True),
    lambda: metrics.SensitivityAtSpecificity(0.5),
    lambda: metrics.PrecisionAtRecall(0.5),
]


@pytest.mark.parametrize("make", MAKERS)
def test_batches_add_up_and_a_reset_forgets_them(make):
    metric = make()
    assert metric.result() == 0
    metric.reset_state()
    for y_true, y_pred in (
        (LABELS, SCORES[:, None]),
        (LABELS[:, None], SCORES[:, None]),
        (LABELS.astype(bool)[:, None], SCORES[:, None].astype(np.float32)),
    ):
        metric.update_state(y_true[:9], y_pred[:9])
        metric.update_state(y_true[9:], y_pred[9:])
        together = metric.result()
        metric.reset_state()
        assert metric.result() == 0
        metric.update_state(y_true, y_pred)
        assert type(together) is float
        assert together == pytest.approx(metric.result(), rel=1e-12)
        metric.reset_state()


def test_counts_add_up_to_all_elements_at_every_threshold():
    thresholds = [0.8, 0.1, 0.5]
    counts = [
        make(thresholds)(LABELS, SCORES)
        for make in (
            metrics.TruePositives,
            metrics.FalsePositives,
            metrics.TrueNegatives,
            metrics.FalseNegatives,
        )
    ]
    np.testing.assert_array_equal(sum(counts), [23, 23, 23])
    for count, threshold in zip(counts[0], thresholds, strict=True):
        assert count == (LABELS * (threshold < SCORES)).sum()


def test_thresholds_are_a_list_as_they_were_given():
    assert metrics.Recall(0.4).thresholds == [0.4]
    assert metrics.Precision([0.9, 0.1]).thresholds == [0.9, 0.1]
    assert metrics.TruePositives().thresholds == [0.5]


def test_counts_have_the_names_of_keras():
    positives, negatives = ["true_positives", "false_positives"], ["false_negatives"]
    for metric, names in (
        (metrics.FalseNegatives(), negatives),
        (metrics.Precision(), positives),
        (metrics.Recall(), ["true_positives", "false_negatives"]),
        (metrics.AUC(), [*positives, "true_negatives", "false_negatives"]),
    ):
        assert [variable.name for variable in metric.variables] == names
        metric.update_state([1, 1, 0, 1], [0.9, 0.2, 0.8, np.nan])  # NaN is never positive
        counts = {"true_positives": 1, "false_positives": 1, "false_negatives": 2}
        for name in names:
            count = np.asarray(getattr(metric, name))
            assert count[len(count) // 2] == counts.get(name, 0)


def test_area_is_the_fraction_of_pairs_in_the_right_order():
    right = (SCORES[LABELS == 1][:, None] > SCORES[LABELS == 0]).mean()
    assert metrics.AUC(20000)(LABELS, SCORES) == pytest.approx(right, abs=1e-6)
    logits = np.log(SCORES / (1 - SCORES)) * 30
    with np.errstate(all="raise"):
        area = metrics.AUC(20000, from_logits=True)(LABELS, logits * [1.0])
    assert 0 <= area <= 1


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
def test_f1_without_a_batch_is_zero_and_starts_anew(average):
    metric = metrics.F1Score(average)
    assert metric.result() == 0
    metric.reset_state()
    y_true, y_pred = np.eye(3)[[0, 1, 2, 0]], np.eye(3)[[0, 1, 1, 2]]
    first = metric(y_true, y_pred)
    metric.reset_state()
    np.testing.assert_array_equal(metric(y_true, y_pred), first)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.Precision(1.5), "precision: expected thresholds from 0 to 1, got 1.5"),
        (lambda: metrics.Recall([0.5, -1]), "recall: expected thresholds from 0 to 1"),
        (lambda: metrics.Recall(top_k=0), "recall: expected top_k as a whole number of at least 1"),
        (lambda: metrics.Recall(class_id=-1), "recall: expected class_id as a whole number"),
        (lambda: metrics.Recall(class_id=2)(ROWS, ROWS), "expected class_id below 2, got 2"),
        (lambda: metrics.AUC()([1, 0], [1.5, 0.5]), "auc: expected predictions from 0 to 1, got"),
        (lambda: metrics.AUC()([1, 0], [0.1, -0.5]), "auc: expected predictions from 0 to 1, got"),
        (
            lambda: metrics.Recall(class_id=0)([1, 0], [0.5, 0.1]),
            r"arrays \(N, classes\) for class",
        ),
        (lambda: metrics.Precision()([1, 0], [0.1, 0.2, 0.3]), "expected y_true of y_pred's shape"),
        (lambda: metrics.Precision()([1, 0], [0.1, 0.2], [1.0, 2.0, 3.0]), "sample_weight of sh"),
        (lambda: metrics.PrecisionAtRecall(1.5), r"PrecisionAtRecall: expected recall in \[0, 1\]"),
        (lambda: metrics.PrecisionAtRecall(0.5, 0), "expected num_thresholds as a whole number"),
        (lambda: metrics.AUC(1), "AUC: expected num_thresholds as a whole number of at least 2"),
        (lambda: metrics.AUC(curve="lift"), "AUC: expected curve 'ROC', 'PR' or 'PRGAIN', got"),
        (lambda: metrics.AUC(summation_method="mean"), "AUC: expected summation_method 'interpol"),
        (lambda: metrics.F1Score("mean"), "f1_score: expected average None, 'micro', 'macro' or"),
        (lambda: metrics.FBetaScore(beta=-1.0), "fbeta_score: expected beta as a positive float"),
        (lambda: metrics.FBetaScore(beta=0.0), "fbeta_score: expected beta as a positive float"),
        (lambda: metrics.F1Score(threshold=2.0), r"f1_score: expected threshold as a float in \(0"),
        (lambda: metrics.F1Score()([1, 0], [0.1, 0.2]), r"expected arrays \(N, classes\), got"),
    ],
)
def test_confusion_metrics_refuse_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("number", "thresholds"), [(1, [0.5]), (2, [0, 1]), (3, [0, 0.5, 1])])
def test_best_rates_try_these_thresholds(number, thresholds):
    assert metrics.RecallAtPrecision(0.5, number).thresholds == thresholds


@pytest.mark.parametrize("name", ["SensitivityAtSpecificity", "SpecificityAtSensitivity",
    "PrecisionAtRecall", "RecallAtPrecision"])  # fmt: skip
def test_best_rates_keep_the_other_rate_by_its_name(name):
    assert getattr(getattr(metrics, name)(0.7), name.partition("At")[2].lower()) == 0.7


def test_configs_have_the_thresholds_that_were_given():
    for made in (metrics.TruePositives(), metrics.Precision(), metrics.Recall(top_k=2),
                 metrics.AUC(9)):  # fmt: skip
        assert made.get_config()["thresholds"] is None
        assert type(made).from_config(made.get_config()).thresholds == made.thresholds


def test_one_sample_may_have_any_class():
    assert metrics.Recall(class_id=1)([[0, 1]], [[0.1, 0.9]]) == 1


def test_area_of_gains_where_nothing_is_found_or_nothing_is_positive():
    metric = metrics.AUC(3, "PRGAIN")
    metric.update_state([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9], [1, 2, 3, 4])
    assert metric.result() == pytest.approx(0.5)  # tp 7, 4, 0; fp 3, 0, 0: as Keras's test says
    for labels in (np.zeros(3), np.ones(3)):
        metric = metrics.AUC(curve="prgain")
        metric.update_state(labels, [0.1, 0.4, 0.8])
        assert np.isfinite(metric.result())


def test_area_under_precision_and_recall_of_negative_weights_is_zero():
    metric = metrics.AUC(3, "PR")
    metric.update_state([0, 0, 1, 1], [0, 0.5, 0.3, 0.9], [-1, -2, -3, -4])
    assert metric.result() == 0
