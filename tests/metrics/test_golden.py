"""Every metric against the numbers that Keras computed for it, with weights and over two batches.

``python tests/metrics/test_golden.py`` rewrites the numbers; it needs Keras.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from minigrad import metrics

pytestmark = pytest.mark.right_numbers

GOLDEN = Path(__file__).parents[1] / "golden" / "keras_metrics.json"

# What the labels and predictions of a metric are -> metrics. The sizes are N = 11 and K = 3.
CASES = {
    "regression": [
        "MeanSquaredError()",
        "RootMeanSquaredError()",
        "MeanAbsoluteError()",
        "MeanAbsolutePercentageError()",
        "MeanSquaredLogarithmicError()",
        "LogCoshError()",
        "Poisson()",
        "CosineSimilarity()",
        "R2Score()",
        "R2Score(None)",
        "R2Score('variance_weighted_average')",
        "PearsonCorrelation()",
        "ConcordanceCorrelation()",
    ],
    "binary": [
        "BinaryAccuracy()",
        "BinaryAccuracy(threshold=0.7)",
        "BinaryCrossentropy()",
        "BinaryCrossentropy(label_smoothing=0.2)",
        "Hinge()",
        "SquaredHinge()",
        "TruePositives()",
        "TrueNegatives([0.3, 0.6])",
        "FalsePositives(0.4)",
        "FalseNegatives([0.9, 0.1])",
        "Precision()",
        "Precision([0.2, 0.8])",
        "Precision(top_k=2)",
        "Precision(0.6, top_k=2)",
        "Precision(class_id=1)",
        "Recall()",
        "Recall([0.2, 0.8])",
        "Recall(top_k=1)",
        "Recall(class_id=2, top_k=2)",
        "SensitivityAtSpecificity(0.6)",
        "SpecificityAtSensitivity(0.5, 50)",
        "PrecisionAtRecall(0.7, class_id=1)",
        "RecallAtPrecision(0.6)",
        "AUC()",
        "AUC(curve='PR')",
        "AUC(20, 'ROC', 'minoring')",
        "AUC(20, 'ROC', 'majoring')",
        "AUC(20, 'PR', 'minoring')",
        "AUC(20, 'PR', 'majoring')",
        "AUC(20, 'PRGAIN')",
        "AUC(20, 'PRGAIN', 'minoring')",
        "AUC(200, 'prgain', 'majoring')",
        "AUC(thresholds=[0.8, 0.3, 0.5])",
        "AUC(multi_label=True)",
        "AUC(curve='PR', multi_label=True, num_labels=3, label_weights=[1.0, 2.0, 0.5])",
        "F1Score()",
        "F1Score('macro')",
        "F1Score('micro', 0.5)",
        "FBetaScore('weighted', 2.0)",
        "FBetaScore(None, 0.5, 0.3)",
    ],
    "one_hot": [
        "CategoricalAccuracy()",
        "TopKCategoricalAccuracy(2)",
        "CategoricalCrossentropy()",
        "CategoricalCrossentropy('name', None, True, 0.1)",
        "CategoricalHinge()",
        "KLDivergence()",
        "OneHotIoU(3, [0, 2], dtype='float32')",
        "OneHotMeanIoU(3, 'name', 'float32', 1)",
    ],
    "sparse": [
        "SparseCategoricalAccuracy()",
        "SparseTopKCategoricalAccuracy(2)",
        "SparseCategoricalCrossentropy()",
        "SparseCategoricalCrossentropy(from_logits=True)",
    ],
    "labels": [
        "Accuracy()",
        "IoU(3, [2, 0], dtype='float32')",
        "IoU(5, (1, 4), 'name', 'float32', 2)",
        "MeanIoU(3, dtype='float32')",
        "MeanIoU(2, ignore_class=0, dtype='float32')",
    ],
    "mask": ["BinaryIoU(dtype='float32')", "BinaryIoU([1], 0.7, 'name', 'float32')"],
    "values": ["Mean()", "Sum()"],
}
ALL = [(kind, text) for kind, texts in CASES.items() for text in texts]


def batches(kind):
    """Yield (y_true, y_pred, sample_weight) for two batches, the same every time."""
    rng = np.random.default_rng(7)
    for n in (7, 4):
        labels = rng.integers(0, 3, n)
        scores = rng.uniform(0.05, 1, (n, 3))
        weight = rng.uniform(0.5, 2, n)
        if kind == "values":
            yield scores[:, 0], weight
        elif kind == "regression":
            yield rng.uniform(0.5, 3, (n, 3)), scores, weight
        elif kind == "binary":
            yield (scores + rng.uniform(-0.5, 0.5, (n, 3)) > 0.5).astype(float), scores, weight
        elif kind == "mask":
            yield labels[:, None] > 0, scores[:, :1], weight
        elif kind == "labels":
            yield labels[:, None], (scores.argmax(-1) // 2)[:, None], weight
        else:
            y_true = np.eye(3)[labels] if kind == "one_hot" else labels
            yield y_true, scores / scores.sum(-1, keepdims=True), weight


def measure(library, kind, text):
    """Return the results with and without weights."""
    results = []
    for weighted in (False, True):
        metric = eval(text, vars(library))
        for *arrays, weight in batches(kind):
            metric.update_state(*arrays, sample_weight=weight if weighted else None)
        results.append(np.asarray(metric.result()).tolist())
    return results


@pytest.mark.parametrize(("kind", "text"), ALL)
def test_metric_has_the_value_that_keras_computed(golden, kind, text):
    expected = golden("keras_metrics.json")[text]
    for result, number in zip(measure(metrics, kind, text), expected, strict=True):
        np.testing.assert_allclose(result, number, rtol=2e-6, atol=1e-7)


def test_every_metric_with_an_update_is_compared():
    skipped = {"Metric", "MeanMetricWrapper"}
    classes = {
        name
        for name, value in vars(metrics).items()
        if isinstance(value, type) and issubclass(value, metrics.Metric)
    }
    assert {text.partition("(")[0] for _, text in ALL} == classes - skipped


if __name__ == "__main__":
    import keras

    numbers = {text: measure(keras.metrics, kind, text) for kind, text in ALL}
    GOLDEN.write_text(json.dumps(numbers, indent=0) + "\n")
