"""Intersection over union: counts by hand, what does not count, and refusals."""

import warnings

import numpy as np
import pytest

from minigrad import Sequential, layers, metrics
from minigrad.core import Tensor

LABELS = np.array([[0, 1, 2], [2, 2, 1]])
PREDICTIONS = np.array([[0, 2, 2], [2, 1, 1]])
NAN = float("nan")
# class 0: 1 of 1; class 1: 1 of {1, 1, 1 predicted} = 1 of 3; class 2: 2 of 4


def measure(metric, *arrays):
    metric.update_state(*arrays)
    return metric.result()


@pytest.mark.parametrize("as_type", [np.asarray, Tensor, lambda x: x.astype("float32")])
def test_iou_counts_what_label_and_prediction_share(as_type):
    labels, predictions = as_type(LABELS), as_type(PREDICTIONS)
    for targets, expected in (([0], 1), ([1], 1 / 3), ([2], 1 / 2), ([2, 0], 3 / 4)):
        assert measure(metrics.IoU(3, targets), labels, predictions) == pytest.approx(expected)
    metric = metrics.MeanIoU(num_classes=3)
    metric.update_state(labels[:1], predictions[:1])
    metric.update_state(labels[1:], predictions[1:])
    assert metric.result() == pytest.approx((1 + 1 / 3 + 1 / 2) / 3)
    matrix = [[1, 0, 0], [0, 1, 1], [0, 1, 2]]
    assert metric.total_cm.tolist() == matrix
    metric.reset_state()
    assert metric.result() == 0
    assert (metric.direction, metric.name) == ("up", "mean_io_u")


def test_weights_count_as_often_and_may_belong_to_samples():
    weights = np.array([[1.0, 2.0, 0.5], [1.0, 0.0, 3.0]])
    metric = metrics.IoU(3, [1, 2])
    metric.update_state(LABELS, PREDICTIONS, weights)
    assert metric.result() == pytest.approx((3 / 5 + 1.5 / 3.5) / 2)
    of_samples, of_elements = metrics.MeanIoU(3), metrics.MeanIoU(3)
    of_samples.update_state(LABELS, PREDICTIONS, [2.0, 0.25])
    of_elements.update_state(LABELS, PREDICTIONS, np.repeat([[2.0], [0.25]], 3, axis=1))
    assert of_samples.result() == of_elements.result()


@pytest.mark.parametrize(
    ("labels", "predictions"),
    [
        ([0, 2], [0, 1]),
        ([0, 1], [0, 2]),
        ([-1, 0], [0, 0]),
        ([0, 1], [0, -1]),
        ([0, np.nan], [0, 1]),
    ],
)
def test_what_is_none_of_the_classes_does_not_count(labels, predictions):
    metric = metrics.MeanIoU(2)
    metric.update_state(labels, predictions)
    assert metric.total_cm.sum() == 1
    assert metric.result() == 1


def test_classes_that_never_occur_do_not_lower_the_mean():
    assert measure(metrics.MeanIoU(9), LABELS, PREDICTIONS) == pytest.approx(11 / 18)
    assert measure(metrics.IoU(9, [7]), LABELS, PREDICTIONS) == 0
    assert metrics.MeanIoU(3).result() == 0


def test_ignored_labels_do_not_count():
    for labels in (LABELS, np.where(LABELS == 1, 255, LABELS)):
        ignored = 1 if labels is LABELS else 255
        metric = metrics.MeanIoU(3, ignore_class=ignored)
        assert measure(metric, labels, PREDICTIONS) == pytest.approx((1 + 0 + 2 / 3) / 3)


def test_scores_count_by_the_largest():
    scores = np.eye(3)[PREDICTIONS] * 0.5 + 0.1
    rows = np.eye(3)[LABELS]
    expected = measure(metrics.MeanIoU(3), LABELS, PREDICTIONS)
    assert measure(metrics.MeanIoU(3, sparse_y_pred=False), LABELS, scores) == expected
    assert measure(metrics.OneHotMeanIoU(3), rows, scores) == expected
    assert measure(metrics.OneHotMeanIoU(3, sparse_y_pred=True), rows, PREDICTIONS) == expected
    first = metrics.OneHotMeanIoU(3, axis=1)
    moved = [np.moveaxis(a, -1, 1) for a in (rows, scores)]
    assert measure(first, *moved) == expected
    assert measure(metrics.OneHotIoU(3, [0, 1]), rows, scores) == pytest.approx(2 / 3)


def test_one_class_is_enough():
    assert measure(metrics.IoU(1, [0]), [0, 0], [0, 0]) == 1
    with pytest.raises(ValueError, match="expected num_classes as a whole number of at least 1"):
        metrics.IoU(0, [])


def test_binary_iou_takes_probabilities():
    labels, p = np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.4, 0.7])
    assert measure(metrics.BinaryIoU(threshold=0.3), labels, p) == pytest.approx(1 / 3)
    assert measure(metrics.BinaryIoU(threshold=0.7), labels, p) == pytest.approx(7 / 12)  # >=
    assert measure(metrics.BinaryIoU([1]), labels, p) == pytest.approx(1 / 2)
    assert type(metrics.get("BinaryIoU")) is metrics.BinaryIoU


def test_masks_are_judged_in_fit():
    x = np.random.default_rng(0).normal(size=(6, 4, 4, 1)).astype("float32")
    model = Sequential([layers.Conv2D(1, 1, activation="sigmoid", input_shape=(4, 4, 1))])
    model.compile("sgd", "bce", metrics=[metrics.BinaryIoU(name="iou")])
    history = model.fit(x, x > 0, batch_size=3, epochs=2, verbose=0)
    expected = measure(metrics.BinaryIoU(), x > 0, model.predict(x, verbose=0))
    assert model.evaluate(x, x > 0, verbose=0)[1] == pytest.approx(expected)
    assert all(0 <= value <= 1 for value in history.history["iou"])


def test_fractions_as_classes_are_cut_off_with_a_warning():
    with pytest.warns(UserWarning, match="iou: expected classes, got fractions.*BinaryIoU takes"):
        assert measure(metrics.MeanIoU(2, "iou"), [0, 1, 1], [0.3, 0.8, 1.0]) == 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measure(metrics.MeanIoU(2), [0.0, 1.0], np.float32([1, 0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.IoU(2, [0, 2]), "io_u: expected target_class_ids from 0 to 1, got"),
        (lambda: metrics.IoU(2, [-1]), "io_u: expected target_class_ids from 0 to 1, got"),
        (lambda: metrics.MeanIoU(0), "MeanIoU: expected num_classes as a whole number of at le"),
        (lambda: metrics.MeanIoU(3)(LABELS, np.eye(3)[LABELS]), "need sparse_y_pred=False"),
        (lambda: metrics.MeanIoU(3)(LABELS, LABELS, [1.0, 2, 3]), "sample_weight of shape"),
    ],
)
def test_iou_refuses_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()
