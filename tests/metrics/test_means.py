"""Metrics: the accuracy that fits the shapes, running means with weights, names, directions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import minigrad
from minigrad import losses, metrics
from minigrad.core import Tensor

rng = np.random.default_rng(0)
SCORES = np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2]])
LABELS = np.array([1, 2, 2, 0])  # right, wrong, right, right: the first of two largest counts
ONE_HOT = np.eye(3)[LABELS]


# --- one value per sample ------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], LABELS.astype(np.uint8)])
def test_sparse_categorical_accuracy_compares_with_the_first_maximum(labels):
    result = metrics.sparse_categorical_accuracy(labels, SCORES)
    np.testing.assert_array_equal(result, [1, 0, 1, 1])


def test_categorical_accuracy_compares_with_the_first_maximum():
    np.testing.assert_array_equal(metrics.categorical_accuracy(ONE_HOT, SCORES), [1, 0, 1, 1])


def test_binary_accuracy_counts_what_is_greater_than_the_threshold():
    y_true = np.array([[1, 0], [0, 0], [1, 1]])
    y_pred = np.array([[0.51, 0.5], [0.5, 0.49], [0.5, 0.9]])
    result = metrics.binary_accuracy(y_true, y_pred)
    np.testing.assert_array_equal(result, [[1, 1], [1, 1], [0, 1]])
    result = metrics.binary_accuracy(y_true, y_pred, 0.495)
    np.testing.assert_array_equal(result, [[1, 0], [0, 1], [1, 1]])


@pytest.mark.parametrize(("k", "expected"), [(1, [1, 0, 1, 1]), (2, [1, 1, 1, 1])])
def test_top_k_accuracies_look_among_the_k_largest(k, expected):
    labels = np.array(
        [1, 2, 2, 1]
    )  # equal scores: both classes of the last row are among the first
    result = metrics.sparse_top_k_categorical_accuracy(labels, SCORES, k)
    np.testing.assert_array_equal(result, expected)
    result = metrics.top_k_categorical_accuracy(np.eye(3)[labels], SCORES, k)
    np.testing.assert_array_equal(result, expected)


@given(
    arrays(np.float64, (6, 7), elements=st.floats(-5, 5), unique=True),
    arrays(np.int64, 6, elements=st.integers(0, 6)),
    st.integers(1, 9),
)
def test_top_k_accuracy_is_membership_of_the_sorted_first_k(scores, labels, k):
    expected = [label in np.argsort(-row)[:k] for label, row in zip(labels, scores, strict=True)]
    result = metrics.sparse_top_k_categorical_accuracy(labels[:, None], scores, k)
    np.testing.assert_array_equal(result, expected)


def test_top_k_accuracy_of_foreign_labels_and_of_nan_is_zero():
    scores = np.array([[1.0, 2, 3], [1, 2, 3], [1, np.nan, 3]])
    result = metrics.sparse_top_k_categorical_accuracy([-1, 3, 1], scores, k=3)
    np.testing.assert_array_equal(result, [0, 0, 0])


@pytest.mark.parametrize(
    ("y_true", "y_pred", "function"),
    [
        (LABELS, SCORES, metrics.sparse_categorical_accuracy),
        (LABELS[:, None], SCORES, metrics.sparse_categorical_accuracy),
        (ONE_HOT, SCORES, metrics.categorical_accuracy),
        (np.array([1, 0, 0]), np.array([[0.9], [0.2], [0.7]]), metrics.binary_accuracy),
        (np.array([[1], [0], [0]]), np.array([[0.9], [0.2], [0.7]]), metrics.binary_accuracy),
        (np.array([1, 0, 0]), np.array([0.9, 0.2, 0.7]), metrics.binary_accuracy),
    ],
)
def test_accuracy_is_the_one_that_fits_the_shapes(y_true, y_pred, function):
    expected = function(y_true, y_pred)
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(metrics.accuracy(y_true, y_pred), expected)
    metric = metrics.get("accuracy")
    metric.update_state(y_true, y_pred)
    assert metric.result() == expected.mean()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: metrics.categorical_accuracy(LABELS, SCORES),
            "categorical_accuracy: expected y_true of y_pred's shape (4, 3), got (4,)",
        ),
        (
            lambda: metrics.sparse_categorical_accuracy(LABELS[:3], SCORES),
            "sparse_categorical_accuracy: expected integer labels of shape (4,), got (3,)",
        ),
        (
            lambda: metrics.accuracy(np.ones(3), np.ones((4, 1))),
            "binary_accuracy: expected y_true of y_pred's shape (4, 1), got (3, 1)",
        ),
        (
            lambda: metrics.TopKCategoricalAccuracy(k=0),
            "top_k_categorical_accuracy: expected k as a whole number of at least 1, got 0",
        ),
        (
            lambda: metrics.TopKCategoricalAccuracy(k=2.5),
            "top_k_categorical_accuracy: expected k as a whole number of at least 1, got 2.5",
        ),
        (
            lambda: metrics.BinaryAccuracy(threshold=50),
            "BinaryAccuracy: expected threshold from 0 to 1, got 50",
        ),
        (
            lambda: metrics.Accuracy()([1, 2], [1, 2, 3]),
            "accuracy: expected y_true of y_pred's shape (3,), got (2,)",
        ),
        (
            lambda: metrics.get("acuracy"),
            "metric: expected a known name, got 'acuracy'; did you mean 'accuracy' or "
            "'binary_accuracy' or 'auc'?",
        ),
    ],
)
def test_metrics_refuse_with_a_reason(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message


# --- running means -------------------------------------------------------------------------------


@given(st.lists(arrays(np.float64, st.integers(0, 5), elements=st.floats(-9, 9)), max_size=6))
def test_mean_over_batches_is_that_over_all_values(batches):
    mean = metrics.Mean()
    for batch in batches:
        mean.update_state(batch)
    together = np.concatenate([*batches, []])
    expected = together.mean() if together.size else 0
    assert mean.result() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_mean_weighs_samples():
    mean = metrics.Mean()
    mean.update_state([1.0, 2.0], sample_weight=[3.0, 0.5])
    mean.update_state(np.float32(7), sample_weight=2)
    assert mean.result() == pytest.approx((3 + 1 + 14) / 5.5)
    mean.reset_state()
    assert mean.result() == 0
    mean.update_state([[1.0, 2.0], [3.0, 5.0]], sample_weight=[1.0, 2.0])  # a weight for each row
    assert mean.result() == pytest.approx((3 + 16) / 6)


def test_mean_refuses_weights_of_another_shape_by_name():
    with pytest.raises(ValueError, match="accuracy: expected sample_weight of shape"):
        metrics.get("accuracy").update_state(LABELS, SCORES, sample_weight=np.ones(3))


def test_metric_result_is_a_float_and_starts_anew_after_a_reset():
    metric = metrics.SparseCategoricalAccuracy()
    assert metric.result() == 0
    metric.update_state(LABELS[:2], SCORES[:2])
    metric.update_state(LABELS[2:3], SCORES[2:3])
    assert type(metric.result()) is float and metric.result() == pytest.approx(2 / 3)
    metric.reset_state()
    metric.update_state(LABELS[:2], SCORES[:2])
    assert metric.result() == 0.5


def test_a_vector_holds_samples_whose_number_counts():
    for metric in (
        metrics.BinaryAccuracy(),
        metrics.MeanSquaredError(),
        metrics.BinaryCrossentropy(),
        metrics.Hinge(),
        metrics.MeanSquaredLogarithmicError(),
        metrics.get("accuracy"),
        metrics.get("mae"),
        metrics.get(losses.mean_absolute_error),
    ):
        y_true, y_pred = np.array([1.0, 1, 0, 0, 0]), np.array([0.98, 1, 0, 0.1, 0.98])
        metric.update_state(y_true[:4], y_pred[:4])
        metric.update_state(y_true[4:], y_pred[4:])
        parts = metric.result()
        metric.reset_state()
        metric.update_state(y_true[:, None], y_pred[:, None])
        assert parts == pytest.approx(metric.result(), rel=1e-12), metric.name
        metric.reset_state()
        metric.update_state(y_true, y_pred, sample_weight=[1, 2, 0, 0.5, 0])
        weighted = metric.result()
        metric.reset_state()
        metric.update_state(y_true[:, None], y_pred[:, None], [[1], [2], [0], [0.5], [0]])
        assert weighted == pytest.approx(metric.result(), rel=1e-12), metric.name
    metric = metrics.BinaryAccuracy()
    metric.update_state([1, 1, 0, 0], [0.98, 1, 0, 0.1])
    metric.update_state([0], [0.98])
    assert metric.result() == pytest.approx(0.8)


def test_binary_accuracy_weighs_elements():
    metric = metrics.BinaryAccuracy()
    metric.update_state([[1, 0], [1, 1]], [[0.9, 0.9], [0.8, 0.2]], [[1.0, 2.0], [3.0, 4.0]])
    assert metric.result() == pytest.approx((1 + 3) / 10)


def test_weights_of_size_one_broadcast():
    for weights in (3.0, [3.0], [[3.0]], [[3.0]] * 2):
        metric = metrics.BinaryAccuracy()
        metric.update_state([[1, 0], [1, 1]], [[0.9, 0.9], [0.8, 0.2]], weights)
        assert metric.result() == pytest.approx(0.5)


def test_ignored_class_adds_zeros_and_does_not_count_with_weights():
    y_pred = np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1], [0.3, 0.7]])
    for labels in (np.array([0, 1, -1, 1]), np.array([[0], [1], [-1], [1]])):
        metric = metrics.SparseCategoricalCrossentropy(ignore_class=-1)
        metric.update_state(labels, y_pred)
        expected = -np.log([0.2, 0.5, 0.7])
        assert metric.result() == pytest.approx(expected.sum() / 4, rel=1e-6)
        metric.reset_state()
        metric.update_state(labels, y_pred, sample_weight=[1.0, 2.0, 5.0, 0.5])
        weights = [1.0, 2.0, 0.5]
        assert metric.result() == pytest.approx(np.average(expected, weights=weights), rel=1e-6)


def test_metric_weighs_samples():
    metric = metrics.CategoricalAccuracy()
    metric.update_state(ONE_HOT, SCORES, sample_weight=[1, 2, 3, 0])
    assert metric.result() == pytest.approx(4 / 6)


def test_labels_may_have_other_axes_of_size_one():
    scores = SCORES[None, :2]  # (1, 2, 3)
    assert metrics.sparse_categorical_accuracy(LABELS[:2, None], scores).tolist() == [[True, False]]
    with pytest.raises(
        ValueError, match=r"expected integer labels of shape \(1, 4\), got \(2, 2\)"
    ):
        metrics.sparse_categorical_accuracy(LABELS.reshape(2, 2), SCORES[None])


def test_classes_sorted_by_score_are_compared_as_they_are():
    ids = np.array([[1, 0, 3], [1, 2, 3]])  # more classes than columns
    metric = metrics.SparseTopKCategoricalAccuracy(k=1, from_sorted_ids=True)
    assert metric([2, 1], ids) == 0.5
    labels = np.array([[3], [3]])
    found = metrics.sparse_top_k_categorical_accuracy(labels, ids, 3, from_sorted_ids=True)
    assert found.tolist() == [True, True]
    assert metrics.SparseTopKCategoricalAccuracy(2, "top").name == "top"  # in Keras's order


def test_a_lambda_has_a_name_without_signs():
    assert metrics.MeanMetricWrapper(lambda y_true, y_pred: y_pred).name == "lambda"


# --- names, directions, losses as metrics --------------------------------------------------------


# The metric cosine_similarity is not the loss, which has the other sign; the last three are no
# means over samples, they look at the whole batch.
OTHERS = {"cosine_similarity", "circle", "dice", "tversky"}


@pytest.mark.parametrize("name", sorted(set(losses.LOSSES.names) - OTHERS))
def test_loss_names_are_metrics_that_go_down(name):
    y_true, y_pred = (
        np.array([[0, 1], [1, 0], [0, 1]]),
        np.array([[0.2, 0.8], [0.6, 0.4], [0.5, 0.5]]),
    )
    if name.startswith("sparse") or "generalized" in name:
        y_true = y_true.argmax(1)
    metric = metrics.get(name)
    metric.update_state(y_true[:2], y_pred[:2])
    metric.update_state(y_true[2:], y_pred[2:])
    assert metric.name == name
    assert metric.direction == "down"
    assert metric.result() == pytest.approx(losses.as_loss(name)(y_true, y_pred).item(), rel=1e-12)


@pytest.mark.parametrize("name", metrics.METRICS.names)
def test_errors_and_false_counts_go_down_and_all_others_up(name):
    metric = metrics.get(name)
    assert metric.name == name
    parts = "error", "entropy", "hinge", "false", "poisson", "divergence"
    short = "mse", "mae", "mape", "msle", "kld", "bce", "log_cosh"
    down = any(part in name for part in parts) or name in short
    assert metric.direction == ("down" if down else "up")


@pytest.mark.parametrize("name", metrics.METRICS.names)
def test_function_of_a_metric_has_its_direction(name):
    member = metrics.METRICS.names[name]
    function = getattr(member, "function", member)
    assert metrics.get(function).direction == metrics.get(name).direction
    assert metrics.get(lambda y_true, y_pred: function(y_true, y_pred)).direction is None


def test_registered_metric_is_known_by_its_name(monkeypatch):
    monkeypatch.setattr(metrics.METRICS, "names", dict(metrics.METRICS.names))

    @metrics.METRICS.register()
    class LargestError(metrics.Mean):
        direction = "down"

        def update_state(self, y_true, y_pred, sample_weight=None):
            super().update_state(np.abs(y_pred - y_true).max(axis=-1), sample_weight)

    metric = metrics.get("LargestError")
    metric.update_state(np.zeros((2, 2)), np.array([[1.0, -3.0], [5.0, 0.0]]))
    assert (metric.result(), metric.name, metric.direction) == (4, "LargestError", "down")


# A label with the second largest score, or with probability 0.6.
SECOND, SECOND_ONE_HOT, THREE = np.array([2]), np.array([[0, 0, 1]]), np.array([[0.5, 0.2, 0.3]])
ONE, LIKELY = np.array([[1]]), np.array([[0.6]])


@pytest.mark.parametrize(
    ("metric", "name", "y_true", "y_pred", "expected"),
    [
        (metrics.BinaryAccuracy(), "binary_accuracy", ONE, LIKELY, 1),
        (metrics.BinaryAccuracy(threshold=0.7), "binary_accuracy", ONE, LIKELY, 0),
        (metrics.CategoricalAccuracy(name="right"), "right", SECOND_ONE_HOT, THREE, 0),
        (metrics.SparseCategoricalAccuracy(), "sparse_categorical_accuracy", SECOND, THREE, 0),
        (
            metrics.TopKCategoricalAccuracy(k=1),
            "top_k_categorical_accuracy",
            SECOND_ONE_HOT,
            THREE,
            0,
        ),
        (
            metrics.TopKCategoricalAccuracy(k=2),
            "top_k_categorical_accuracy",
            SECOND_ONE_HOT,
            THREE,
            1,
        ),
        (
            metrics.SparseTopKCategoricalAccuracy(k=1),
            "sparse_top_k_categorical_accuracy",
            SECOND,
            THREE,
            0,
        ),
        (
            metrics.SparseTopKCategoricalAccuracy(k=2.0),
            "sparse_top_k_categorical_accuracy",
            SECOND,
            THREE,
            1,
        ),
    ],
)
def test_metric_classes_have_names_and_options(metric, name, y_true, y_pred, expected):
    metric.update_state(y_true, y_pred)
    assert metric.result() == expected
    assert metrics.get(metric) is metric
    assert metric.name == name
    assert metric.direction == "up"


def test_get_wraps_functions_of_ones_own():
    def largest(y_true, y_pred):
        return np.max(y_pred, axis=-1)

    metric = metrics.get(largest)
    metric.update_state(LABELS, SCORES)
    assert metric.name == "largest"
    assert metric.direction is None
    assert metric.result() == pytest.approx(0.5)


def test_get_takes_loss_functions_losses_and_classes():
    assert metrics.get(losses.mean_squared_error).direction == "down"
    metric = metrics.get(losses.MeanAbsoluteError())
    metric.update_state(np.zeros((2, 2)), np.array([[1.0, 3.0], [2.0, 0.0]]))
    assert (metric.name, metric.direction, metric.result()) == ("mean_absolute_error", "down", 1.5)
    assert isinstance(metrics.get(metrics.BinaryAccuracy), metrics.BinaryAccuracy)
    assert metrics.get(None) is None


def test_metric_of_a_loss_records_no_graph():
    y_pred = Tensor([[0.5, 0.5]], requires_grad=True)
    seen = []

    def watched(y_true, y_pred):
        values = losses.mean_squared_error(y_true, y_pred)
        seen.append(values.requires_grad)
        return values

    metrics.get(watched).update_state([[1.0, 0.0]], y_pred)
    assert seen == [False]


def test_metric_of_ones_own_may_be_made_of_variables():
    class Rate(metrics.Metric):
        def __init__(self, name="rate", **options):
            super().__init__(name=name, **options)
            self.hits = self.add_weight(name="hits")
            self.seen = self.add_variable((2,), "ones", name="seen")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.hits.assign_add(Tensor([2.0]).sum())
            self.seen.assign([3, 5])

        def result(self):
            return self.hits / self.seen[0]

    metric = Rate(dtype="float32")
    assert [v.tolist() for v in metric.variables] == [0, [1, 1]]
    metric.variables.clear()  # of a copy
    assert [v.name for v in metric.variables] == ["hits", "seen"]
    assert all(v.dtype == np.float32 for v in metric.variables)
    assert metric([1], [1]) == pytest.approx(2 / 3)
    assert metric([1], [1]) == pytest.approx(4 / 3)
    metric.reset_state()
    assert [v.tolist() for v in metric.variables] == [0, [0, 0]]
    for name in ("update_state", "result", "reset_state"):
        arguments = [[1], [1]] if name == "update_state" else []
        with pytest.raises(NotImplementedError, match=f"Metric must define {name}"):
            getattr(metrics.Metric(), name)(*arguments)


def test_add_weight_of_a_metric_takes_no_name_for_a_shape():
    metric = metrics.Mean()
    assert metric.add_weight(None, name="scalar").shape == ()
    assert metric.add_weight((2,), np.array([3, 4])).tolist() == [3, 4]
    with pytest.raises(ValueError, match=r"mean: expected a shape, got 'tp'; write add_weight\(na"):
        metric.add_weight("tp", initializer="zeros")


def test_a_metric_holds_the_variables_of_metrics_and_parameters_within():
    class Pair(metrics.Metric):
        def __init__(self):
            super().__init__()
            self.first = metrics.Mean()
            self.others = {"a": [metrics.Sum(), minigrad.Parameter([1.0, 2.0])]}
            self.count = self.add_weight()

        def update_state(self, values):
            for metric in (self.first, self.others["a"][0]):
                metric.update_state(values)

    pair = Pair()
    pair.update_state([3.0, 4.0])
    assert [v.numpy().tolist() for v in pair.variables] == [0, 7, 2, 7, [1, 2]]
    pair.reset_state()
    assert [v.numpy().tolist() for v in pair.variables] == [0, 0, 0, 0, [0, 0]]
    with pytest.raises(AttributeError):
        pair.variables = []


@pytest.mark.parametrize("dtype", ["complex64", bool, "mine", [1]])
def test_metric_is_of_a_type_of_numbers(dtype):
    for make in (metrics.MeanSquaredError, metrics.Mean, metrics.AUC, metrics.R2Score):
        with pytest.raises(ValueError, match=f"{make.__name__}: expected dtype 'float32' or"):
            make(dtype=dtype)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int32", np.uint8, "float64", None])
def test_metric_adds_up_in_float64_unless_told_float32(dtype):
    metric = metrics.Mean(dtype=dtype)
    assert metric.dtype == np.float64 and metrics.Mean(dtype=np.float32).dtype == np.float32
    assert metric(np.float16([0.1, 0.2, 0.4])) == np.float16([0.1, 0.2, 0.4]).mean(dtype=float)
    again = metrics.Mean.from_config(metric.get_config())
    assert again.get_config() == metric.get_config()
    assert metrics.Mean.from_config(metrics.Mean(dtype="int32").get_config())._dtype == "int32"


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        (metrics.BinaryAccuracy("m", "float32", 0.7), {"threshold": 0.7}),
        (
            metrics.SparseCategoricalCrossentropy("m", "float32", True, 2, 1),
            {"from_logits": True, "ignore_class": 2, "axis": 1},
        ),
        (metrics.TopKCategoricalAccuracy(3, "m", "float32"), {"k": 3}),
        (metrics.MeanMetricWrapper(fn=np.add, name="m", dtype="float32"), {}),
        (metrics.LogCoshError("m", "float32"), {}),
    ],
)
def test_arguments_come_in_keras_order(metric, options):
    assert (metric.name, metric.dtype, metric.options) == ("m", np.float32, options)


@pytest.mark.parametrize("name", ["update_state", "result", "reset_state"])
def test_stateless_calls_are_refused_with_the_cure(name):
    call = getattr(metrics.MeanSquaredError(), f"stateless_{name}")
    with pytest.raises(NotImplementedError, match="stateless calls are for JAX; write"):
        call([0.0, 0.0], 1.0, 2.0)


def test_metric_of_ones_own_is_a_class():
    class Largest(metrics.Metric):
        direction = "up"

        def __init__(self):
            super().__init__()
            self.reset_state()

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.value = max(self.value, y_pred.max())

        def result(self):
            return self.value

        def reset_state(self):
            self.value = 0.0

    metric = metrics.get(Largest)
    metric.update_state(LABELS, SCORES)
    assert (metric.name, metric.result()) == ("largest", 0.6)


def test_top_k_and_accuracies_of_sequences_take_the_last_axis():
    labels, scores = rng.integers(0, 5, (2, 3)), rng.random((2, 3, 5))
    best = scores.argsort(-1)[..., ::-1]
    for k in (1, 2, 5):
        expected = (best[..., :k] == labels[..., None]).any(-1)
        for y in (labels, labels[..., None]):
            actual = metrics.sparse_top_k_categorical_accuracy(y, scores, k)
            np.testing.assert_array_equal(actual, expected)
            actual = metrics.sparse_top_k_categorical_accuracy(y, best, k, from_sorted_ids=True)
            np.testing.assert_array_equal(actual, expected)
        actual = metrics.top_k_categorical_accuracy(np.eye(5)[labels], scores, k)
        np.testing.assert_array_equal(actual, expected)
    expected = best[..., 0] == labels
    for accuracy, y in (
        (metrics.sparse_categorical_accuracy, labels),
        (metrics.categorical_accuracy, np.eye(5)[labels]),
    ):
        np.testing.assert_array_equal(accuracy(y, scores), expected)


@pytest.mark.parametrize("shape", [(2, 1), (3, 2), (6,)])
def test_labels_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="expected integer labels of shape"):
        metrics.sparse_categorical_accuracy(np.zeros(shape, int), rng.random((2, 3, 5)))
