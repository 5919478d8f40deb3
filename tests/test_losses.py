"""Losses: Keras's values and gradients, formulas in float64, reductions, shapes, and refusals."""

import inspect
import math
import pickle
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from minigrad import activations, kernels, losses, metrics, ops
from minigrad.core import Tensor, no_grad
from minigrad.testing import check_gradients

rng = np.random.default_rng(0)
LABELS = np.array([2, 0, 3, 3, 1])
ONE_HOT = np.eye(4)[LABELS]
LOGITS = rng.normal(size=(5, 4))
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
BITS = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 1], [1, 1, 0], [0, 1, 0]])
BIT_LOGITS = rng.normal(size=(5, 3))
BIT_PROBABILITIES = 1 / (1 + np.exp(-BIT_LOGITS))
TARGETS = rng.normal(size=(5, 3))
CLASSES = np.array([0, 2, 0, 2, 7])
VECTORS = np.linalg.qr(rng.normal(size=(5, 5)))[0][:, :3]  # for Circle: any do
PREDICTIONS = TARGETS + rng.normal(size=(5, 3)) * 1.5  # errors on both sides of Huber's delta


@pytest.fixture
def keras(golden):
    """Inputs, losses and gradients that Keras computed, all float32."""
    numbers = golden("keras_golden.json")
    return SimpleNamespace(
        inputs={name: np.float32(value) for name, value in numbers["loss_inputs"].items()},
        losses=numbers["losses"],
        gradients=golden("keras_golden_grads.json"),
    )


# --- against Keras -------------------------------------------------------------------------------

# Keras's label, our loss, the name of its input.
GOLDEN_LOSSES = [
    ("CategoricalCrossentropy()(p)", losses.CategoricalCrossentropy(), "probs"),
    (
        "CategoricalCrossentropy(from_logits)(z)",
        losses.CategoricalCrossentropy(from_logits=True),
        "logits",
    ),
    (
        "CategoricalCrossentropy(label_smoothing=0.1)(p)",
        losses.CategoricalCrossentropy(label_smoothing=0.1),
        "probs",
    ),
    (
        "CategoricalCrossentropy(reduction='sum')",
        losses.CategoricalCrossentropy(reduction="sum"),
        "probs",
    ),
    (
        "CategoricalCrossentropy(reduction=None)",
        losses.CategoricalCrossentropy(reduction=None),
        "probs",
    ),
    ("MeanSquaredError", losses.MeanSquaredError(), "probs"),
    ("MeanAbsoluteError", losses.MeanAbsoluteError(), "probs"),
    ("Huber", losses.Huber(), "logits"),
    ("LogCosh", losses.LogCosh(), "logits"),
    ("BinaryCrossentropy(p)", losses.BinaryCrossentropy(), "probs"),
    ("BinaryCrossentropy(logits)", losses.BinaryCrossentropy(from_logits=True), "logits"),
    ("KLDivergence", losses.KLDivergence(), "probs"),
]


@pytest.mark.parametrize(("label", "loss", "name"), GOLDEN_LOSSES)
def test_losses_meet_keras_golden_values(label, loss, name, keras):
    result = loss(keras.inputs["y_onehot"], Tensor(keras.inputs[name]))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.data, keras.losses[label], rtol=1e-6)


def test_losses_meet_keras_golden_values_with_weights_and_labels(keras):
    y, p, w = (keras.inputs[name] for name in ("y_onehot", "probs", "sample_weight"))
    expected = keras.losses
    assert losses.CategoricalCrossentropy()(y, p, w).item() == pytest.approx(
        expected["CategoricalCrossentropy()(p,sample_weight)"], rel=1e-6
    )
    loss = losses.CategoricalCrossentropy(reduction="mean_with_sample_weight")
    assert loss(y, p, w).item() == pytest.approx(
        expected["CategoricalCrossentropy(reduction='mean_with_sample_weight')"], rel=1e-6
    )
    labels = y.argmax(1)
    for shape in (labels, labels[:, None], labels.astype(np.uint8), labels.astype(np.float32)):
        assert losses.SparseCategoricalCrossentropy()(shape, p).item() == pytest.approx(
            expected["SparseCategoricalCrossentropy()"], rel=1e-6
        )
    assert losses.CategoricalCrossentropy()(y, 2 * p).item() == pytest.approx(
        expected["CCE unnormalised probs 2*p"], rel=1e-6
    )
    certain_and_wrong = losses.CategoricalCrossentropy()([[0, 1, 0]], [[1.0, 0, 0]])
    assert certain_and_wrong.item() == pytest.approx(expected["CCE hard zero prob"], rel=1e-6)


GOLDEN_GRADIENTS = [
    ("dz CCE(from_logits)", losses.CategoricalCrossentropy(from_logits=True), "logits", None),
    ("dz CCE(softmax(z))", losses.CategoricalCrossentropy(), "logits", activations.softmax),
    (
        "dz CCE(softmax(z),label_smoothing=0.1)",
        losses.CategoricalCrossentropy(label_smoothing=0.1),
        "logits",
        activations.softmax,
    ),
    ("dp CCE(p)", losses.CategoricalCrossentropy(), "probs", None),
    ("dp MSE", losses.MeanSquaredError(), "probs", None),
    ("dz BCE(from_logits)", losses.BinaryCrossentropy(from_logits=True), "logits", None),
]


@pytest.mark.parametrize(("label", "loss", "name", "activation"), GOLDEN_GRADIENTS)
def test_losses_meet_keras_golden_gradients(label, loss, name, activation, keras):
    x = Tensor(keras.inputs[name], requires_grad=True)
    loss(keras.inputs["y_onehot"], activations.get(activation)(x)).backward()
    np.testing.assert_allclose(x.grad, keras.gradients[label], rtol=1e-5, atol=1e-7)


# --- against formulas, in float64 ----------------------------------------------------------------


def cosines(a, b):
    return (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))


def circle(i):
    """The loss of sample i of VECTORS, from the formula in the docstring."""
    sums = {True: 0.0, False: 0.0}
    for j in range(5):
        d = 1 - VECTORS[i] @ VECTORS[j]
        if CLASSES[i] != CLASSES[j]:
            sums[False] += np.exp(80 * (1.4 - d) * (0.6 - d))
        elif i != j:
            sums[True] += np.exp(80 * (0.4 + d) * (d - 0.4))
    return np.log1p(sums[True] * sums[False])


RIGHT = np.where(BITS, BIT_PROBABILITIES, 1 - BIT_PROBABILITIES)
E = PREDICTIONS - TARGETS
Q = ONE_HOT * 0.8 + 0.05  # smoothed by 0.2
FORMULAS = [
    (losses.mean_squared_error, TARGETS, PREDICTIONS, (E**2).mean(1)),
    (losses.mean_absolute_error, TARGETS, PREDICTIONS, abs(E).mean(1)),
    (
        losses.huber,
        TARGETS,
        PREDICTIONS,
        np.where(abs(E) <= 1, E**2 / 2, abs(E) - 1 / 2).mean(1),
    ),
    (
        lambda y, p: losses.huber(y, p, delta=0.3),
        TARGETS,
        PREDICTIONS,
        np.where(abs(E) <= 0.3, E**2 / 2, 0.3 * abs(E) - 0.045).mean(1),
    ),
    (losses.log_cosh, TARGETS, PREDICTIONS, np.log(np.cosh(E)).mean(1)),
    (losses.cosine_similarity, TARGETS, PREDICTIONS, -cosines(TARGETS, PREDICTIONS)),
    (
        lambda y, p: losses.cosine_similarity(y, p, axis=0),
        TARGETS,
        PREDICTIONS,
        -cosines(TARGETS.T, PREDICTIONS.T),
    ),
    (
        losses.mean_absolute_percentage_error,
        TARGETS,
        PREDICTIONS,
        100 * abs(E / TARGETS).mean(1),
    ),
    (
        losses.mean_squared_logarithmic_error,
        abs(TARGETS),
        abs(PREDICTIONS),
        (np.log((1 + abs(PREDICTIONS)) / (1 + abs(TARGETS))) ** 2).mean(1),
    ),
    (
        losses.poisson,
        abs(TARGETS),
        abs(PREDICTIONS),
        (abs(PREDICTIONS) - abs(TARGETS) * np.log(abs(PREDICTIONS) + 1e-7)).mean(1),
    ),
    (
        losses.hinge,
        np.sign(TARGETS),
        PREDICTIONS,
        np.maximum(1 - np.sign(TARGETS) * PREDICTIONS, 0).mean(1),
    ),
    (
        losses.squared_hinge,
        ONE_HOT,
        LOGITS,
        (np.maximum(1 - (2 * ONE_HOT - 1) * LOGITS, 0) ** 2).mean(1),
    ),
    (
        losses.categorical_hinge,
        ONE_HOT,
        LOGITS,
        np.maximum(1 + ((1 - ONE_HOT) * LOGITS).max(1) - (ONE_HOT * LOGITS).sum(1), 0),
    ),
    (
        losses.categorical_crossentropy,
        ONE_HOT,
        PROBABILITIES,
        -np.log(PROBABILITIES[range(5), LABELS]),
    ),
    (
        losses.sparse_categorical_crossentropy,
        LABELS,
        PROBABILITIES,
        -np.log(PROBABILITIES[range(5), LABELS]),
    ),
    (
        lambda y, z: losses.categorical_crossentropy(y, z, True, label_smoothing=0.2),
        ONE_HOT,
        LOGITS,
        -(Q * np.log(PROBABILITIES)).sum(1),
    ),
    (
        lambda y, z: losses.sparse_categorical_crossentropy(y, z, True),
        LABELS,
        LOGITS,
        -np.log(PROBABILITIES[range(5), LABELS]),
    ),
    (
        losses.binary_crossentropy,
        BITS,
        BIT_PROBABILITIES,
        -np.log(np.where(BITS, BIT_PROBABILITIES, 1 - BIT_PROBABILITIES)).mean(1),
    ),
    (
        lambda y, z: losses.binary_crossentropy(y, z, True, label_smoothing=0.2),
        BITS,
        BIT_LOGITS,
        -(
            (0.8 * BITS + 0.1) * np.log(BIT_PROBABILITIES)
            + (0.9 - 0.8 * BITS) * np.log(1 - BIT_PROBABILITIES)
        ).mean(1),
    ),
    (
        losses.kl_divergence,
        Q,
        PROBABILITIES,
        (Q * np.log(Q / PROBABILITIES)).sum(1),
    ),
    (
        losses.binary_focal_crossentropy,
        BITS,
        BIT_PROBABILITIES,
        (-((1 - RIGHT) ** 2) * np.log(RIGHT)).mean(1),
    ),
    (
        lambda y, z: losses.binary_focal_crossentropy(y, z, True, 0.3, 1.5, True),
        BITS,
        BIT_LOGITS,
        (-np.where(BITS, 0.3, 0.7) * (1 - RIGHT) ** 1.5 * np.log(RIGHT)).mean(1),
    ),
    (
        losses.categorical_focal_crossentropy,
        ONE_HOT,
        PROBABILITIES,
        -0.25
        * (1 - PROBABILITIES[range(5), LABELS]) ** 2
        * np.log(PROBABILITIES[range(5), LABELS]),
    ),
    (
        lambda y, z: losses.categorical_focal_crossentropy(y, z, [1, 2, 3, 4], 3.0, True, 0.2),
        ONE_HOT,
        LOGITS,
        -([1, 2, 3, 4] * Q * (1 - PROBABILITIES) ** 3 * np.log(PROBABILITIES)).sum(1),
    ),
    (
        losses.categorical_generalized_cross_entropy,
        LABELS,
        PROBABILITIES,
        (1 - PROBABILITIES[range(5), LABELS] ** 0.5) / 0.5,
    ),
    (
        losses.dice,
        BITS,
        BIT_PROBABILITIES,
        1 - 2 * (BITS * BIT_PROBABILITIES).sum() / (BITS.sum() + BIT_PROBABILITIES.sum() + 1e-7),
    ),
    (
        lambda y, p: losses.tversky(y, p, 0.2, 0.7, axis=1),
        BITS,
        BIT_PROBABILITIES,
        1
        - (BITS * BIT_PROBABILITIES).sum(1)
        / (
            (BITS * BIT_PROBABILITIES).sum(1)
            + 0.2 * (BITS * (1 - BIT_PROBABILITIES)).sum(1)
            + 0.7 * ((1 - BITS) * BIT_PROBABILITIES).sum(1)
            + 1e-7
        ),
    ),
    (
        losses.tversky,
        BITS,
        BIT_PROBABILITIES,
        1 - (BITS * BIT_PROBABILITIES).sum() / ((BITS.sum() + BIT_PROBABILITIES.sum()) / 2 + 1e-7),
    ),
    (losses.circle, CLASSES, VECTORS, [circle(i) for i in range(4)] + [0]),
]


def test_every_loss_has_its_formula():
    functions = {kind.function for kind in losses.LOSSES.members if hasattr(kind, "function")}
    assert functions <= {function for function, *_ in FORMULAS}


@pytest.mark.parametrize(("function", "y_true", "y_pred", "expected"), FORMULAS)
def test_losses_are_their_formulas_with_the_right_gradient(function, y_true, y_pred, expected):
    result = function(y_true, Tensor(y_pred))
    assert result.dtype == np.float64
    np.testing.assert_allclose(result.data, expected, rtol=1e-13)
    check_gradients(lambda y_pred: function(y_true, y_pred), y_pred)


def test_categorical_crossentropy_takes_rows_that_do_not_sum_to_one():
    many = np.array([[1.0, 0, 1, 1], [0, 0, 0, 0], [0.2, 0.1, 0, 0]])
    logits = LOGITS[:3]
    expected = -(many * np.log(PROBABILITIES[:3])).sum(1)
    for y_pred, from_logits in ((logits, True), (PROBABILITIES[:3], False)):
        loss = partial(losses.categorical_crossentropy, many, from_logits=from_logits)
        np.testing.assert_allclose(loss(y_pred).data, expected, rtol=1e-13)
        check_gradients(loss, y_pred)


@pytest.mark.parametrize("axis", [1, -2, 0])
def test_crossentropies_find_the_classes_on_another_axis(axis):
    logits = rng.normal(size=(4, 4, 3))
    labels = rng.integers(0, 4, size=(4, 3))
    one_hot = np.moveaxis(np.eye(4)[labels], -1, axis)
    p = np.exp(logits) / np.exp(logits).sum(axis, keepdims=True)
    expected = -(one_hot * np.log(p)).sum(axis)
    for y_pred, from_logits in (
        (logits, True),
        (p, False),
        (activations.softmax(logits, axis), False),
    ):
        for function, y in (
            (losses.categorical_crossentropy, one_hot),
            (losses.sparse_categorical_crossentropy, labels),
            (losses.sparse_categorical_crossentropy, np.expand_dims(labels, axis)),
        ):
            result = function(y, y_pred, from_logits=from_logits, axis=axis)
            np.testing.assert_allclose(result.data, expected, rtol=1e-12)
    bits = np.moveaxis(np.eye(4)[labels], -1, 1)
    result = losses.binary_crossentropy(bits, 0.5 * np.ones(bits.shape), axis=axis)
    np.testing.assert_allclose(result.data, np.full(np.delete(bits.shape, axis), math.log(2)))


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_circle_compares_with_references_or_with_the_batch(shape):
    labels = CLASSES.reshape(shape)
    batch = losses.circle(labels, VECTORS, remove_diagonal=False, gamma=3, margin=0.25)
    given = losses.circle(
        labels, VECTORS, CLASSES, VECTORS, remove_diagonal=False, gamma=3, margin=0.25
    )
    np.testing.assert_array_equal(batch.data, given.data)
    assert batch.data[4] > 0  # alone in its class, but compared with itself
    few = losses.circle(labels[:1], VECTORS[:1], CLASSES[1:], VECTORS[1:], False)
    assert few.item() == pytest.approx(circle(0), rel=1e-10)


def test_circle_averages_over_the_samples_that_have_a_pair():
    loss = losses.Circle()
    alone = np.arange(5)
    each = losses.circle(CLASSES, VECTORS).data
    assert loss(CLASSES, VECTORS).item() == pytest.approx(each[:4].mean())
    weight = np.arange(1.0, 6.0)
    assert loss(CLASSES, VECTORS, weight).item() == pytest.approx((each * weight).sum() / 4)
    x = Tensor(VECTORS, requires_grad=True)
    loss(alone, x).backward()
    assert loss(alone, x).item() == loss(np.zeros(5, int), VECTORS).item() == 0
    np.testing.assert_array_equal(x.grad, 0)


def test_generalized_cross_entropy_of_a_class_held_impossible_has_no_slope():
    p = Tensor([[1.0, 0.0]], requires_grad=True)
    loss = losses.CategoricalGeneralizedCrossEntropy(0.8)([[1]], p)
    loss.backward()
    assert loss.item() == 1 / 0.8
    np.testing.assert_array_equal(p.grad, 0)


@pytest.mark.parametrize("loss", [losses.dice, losses.tversky])
def test_overlaps_sum_over_an_axis_or_over_all(loss):
    masks, p = BITS.reshape(5, 3, 1), BIT_PROBABILITIES.reshape(5, 3, 1)
    assert loss(masks, p).shape == ()
    each = [loss(mask, one).item() for mask, one in zip(masks, p, strict=True)]
    np.testing.assert_allclose(loss(masks, p, axis=(1, 2)).data, each)
    assert loss(masks, masks).item() == pytest.approx(0, abs=1e-7)
    assert loss(masks, 1 - masks).item() == 1
    assert loss(masks * 0, p * 0).item() == 1  # as in Keras


def test_losses_take_their_arguments_in_the_order_of_keras():
    order = {kind: list(inspect.signature(kind).parameters) for kind in losses.LOSSES.members}
    assert order[losses.Dice] == ["reduction", "name", "axis", "dtype"]
    assert order[losses.Tversky] == ["alpha", "beta", "reduction", "name", "axis", "dtype"]
    assert order[losses.Circle][:4] == ["gamma", "margin", "remove_diagonal", "reduction"]
    assert order[losses.BinaryFocalCrossentropy][:3] == ["apply_class_balancing", "alpha", "gamma"]


# --- logits that an activation remembers ---------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "y_true", "activation", "expected"),
    [
        ("categorical_crossentropy", [[0, 1, 0]], "softmax", [[1, -1, 0]]),
        ("sparse_categorical_crossentropy", [1], "softmax", [[1, -1, 0]]),
        ("binary_crossentropy", [[0, 1, 0]], "sigmoid", [[1 / 3, -1 / 3, 0]]),
    ],
)
def test_crossentropies_learn_on_from_a_saturated_wrong_answer(loss, y_true, activation, expected):
    z = Tensor(np.float32([[60, -60, -60]]), requires_grad=True)
    losses.as_loss(loss)(y_true, activations.get(activation)(z)).backward()
    np.testing.assert_allclose(z.grad, expected, atol=1e-6)


def test_crossentropies_are_the_same_with_and_without_gradient():
    z = Tensor([[60.0, 0, 0]], requires_grad=True)
    loss = losses.CategoricalCrossentropy()
    with no_grad():
        without = loss([[0, 1, 0]], activations.softmax(z)).item()
    assert without == loss([[0, 1, 0]], activations.softmax(z)).item() == 60


def test_a_training_step_computes_the_softmax_once(monkeypatch):
    z = Tensor(LOGITS, requires_grad=True)
    expected = losses.CategoricalCrossentropy(from_logits=True)(ONE_HOT, z)
    expected.backward()
    gradient, z.grad = z.grad, None
    p = activations.softmax(z)

    def again(*arguments):
        raise AssertionError("the softmax is there already")

    for name in ("softmax", "softmax_cross_entropy_forward"):
        monkeypatch.setattr(kernels, name, again)
    monkeypatch.setattr(type(p.node), "backward", again)
    for loss, y_true in (
        (losses.CategoricalCrossentropy(), ONE_HOT),
        (losses.SparseCategoricalCrossentropy(), ONE_HOT.argmax(axis=-1)),
    ):
        result = loss(y_true, p)
        np.testing.assert_allclose(result.data, expected.data, rtol=1e-14)
        result.backward()
        np.testing.assert_allclose(z.grad, gradient, rtol=1e-12, atol=1e-15)
        z.grad = None


@pytest.mark.parametrize("changed", ["probabilities", "logits"])
@pytest.mark.parametrize("how", ["in place", "by assignment", "assign"])
def test_crossentropies_start_at_the_probabilities_if_anything_was_changed(changed, how):
    for name, activation in (
        ("categorical_crossentropy", activations.softmax),
        ("binary_crossentropy", activations.sigmoid),
    ):
        z = Tensor(LOGITS.copy())
        p = activation(z)
        tensor = p if changed == "probabilities" else z
        if how == "in place":
            tensor.data *= 0.5
        elif how == "assign":
            tensor.assign(tensor.data * 0.5)
        else:
            tensor.data = tensor.data * 0.5
        expected = losses.as_loss(name)(ONE_HOT, Tensor(p.data.copy()))
        np.testing.assert_array_equal(losses.as_loss(name)(ONE_HOT, p).data, expected.data)


def test_crossentropies_take_only_their_own_activation_for_logits():
    # Logits of a softmax must not be taken for logits of a sigmoid.
    p = activations.softmax(LOGITS)
    expected = losses.binary_crossentropy(ONE_HOT, PROBABILITIES)
    np.testing.assert_allclose(losses.binary_crossentropy(ONE_HOT, p).data, expected.data)
    p = activations.sigmoid(LOGITS)
    expected = losses.categorical_crossentropy(ONE_HOT, 1 / (1 + np.exp(-LOGITS)))
    np.testing.assert_allclose(losses.categorical_crossentropy(ONE_HOT, p).data, expected.data)


def test_crossentropies_along_another_axis_than_the_softmax_start_at_the_probabilities():
    z = rng.normal(size=(2, 4, 3))
    one_hot = np.moveaxis(np.eye(4)[rng.integers(0, 4, size=(2, 3))], -1, 1)
    p = activations.softmax(z)  # over the last axis, the classes are on axis 1
    result = losses.categorical_crossentropy(one_hot, p, axis=1)
    expected = losses.categorical_crossentropy(one_hot, p.detach(), axis=1)
    np.testing.assert_array_equal(result.data, expected.data)


# --- reductions, weights, ignored classes --------------------------------------------------------

VALUES = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])


def keep(y_true, y_pred):
    """A loss with given values."""
    return y_pred * 1.0


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("sum_over_batch_size", (7 * 3 + 56 * 0.5) / 6),
        ("mean", (7 * 3 + 56 * 0.5) / 6),
        ("sum", 7 * 3 + 56 * 0.5),
        ("mean_with_sample_weight", (7 * 3 + 56 * 0.5) / (3 * 3 + 3 * 0.5)),
        ("none", VALUES * [[3], [0.5]]),
        (None, VALUES * [[3], [0.5]]),
    ],
)
@pytest.mark.parametrize("shape", [(2,), (2, 1), (2, 3)])
def test_reductions_weigh_samples(reduction, expected, shape):
    weight = np.broadcast_to([[3], [0.5]], (2, 3)) if shape == (2, 3) else [3, 0.5]
    loss = losses.LossFunctionWrapper(keep, reduction)
    result = loss(None, Tensor(VALUES), sample_weight=np.reshape(weight, shape))
    np.testing.assert_allclose(result.data, expected, rtol=1e-14)


@pytest.mark.parametrize("name", ["AUTO", "SUM_OVER_BATCH_SIZE", "SUM", "NONE"])
def test_reductions_have_tensorflows_names(name):
    reduction = "sum_over_batch_size" if name == "AUTO" else name.lower()
    given, own = (
        losses.MeanAbsoluteError(reduction=r)(np.eye(3), np.ones((3, 3)))
        for r in (getattr(losses.Reduction, name), reduction)
    )
    np.testing.assert_array_equal(given, own)


@pytest.mark.parametrize("reduction", ["mean", "sum", "mean_with_sample_weight"])
def test_reductions_of_nothing_or_without_weight_are_zero(reduction):
    loss = losses.LossFunctionWrapper(keep, reduction)
    assert loss(None, Tensor(np.zeros((0, 3)))).item() == 0
    assert loss(None, Tensor(VALUES), sample_weight=[0, 0]).item() == 0


@given(
    arrays(np.float64, array_shapes(min_dims=1, max_dims=3), elements=st.floats(-10, 10)),
    st.sampled_from(["mean", "sum", "mean_with_sample_weight", None]),
)
def test_reductions_with_weights_of_one_are_those_without(values, reduction):
    loss = losses.LossFunctionWrapper(keep, reduction)
    plain = loss(None, Tensor(values))
    weighted = loss(None, Tensor(values), sample_weight=np.ones(values.shape[0]))
    np.testing.assert_allclose(weighted.data, plain.data, rtol=1e-13, atol=1e-13)


def test_loss_of_a_dtype_is_reduced_in_it():
    z = Tensor(np.float32([[0.1, 0.2]]), requires_grad=True)
    result = losses.CategoricalCrossentropy(dtype="float64")([[0, 1]], activations.softmax(z))
    assert result.dtype == np.float64
    result.backward()
    assert z.grad.dtype == np.float32
    np.testing.assert_allclose(z.grad.sum(), 0, atol=1e-7)


def test_sparse_crossentropy_ignores_a_class():
    logits = rng.normal(size=(2, 3, 4))
    labels = np.array([[2, -1, 0], [-1, -1, 3]])
    valid = labels >= 0
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    each = np.where(valid, -np.log(np.take_along_axis(p, labels[..., None], -1)[..., 0]), 0)
    options = {"from_logits": True, "ignore_class": -1}

    function = losses.sparse_categorical_crossentropy
    np.testing.assert_allclose(function(labels, logits, **options).data, each, rtol=1e-13)
    check_gradients(lambda z: function(labels, z, **options), logits)

    loss = losses.SparseCategoricalCrossentropy(**options)
    for shape in (labels, labels[..., None]):
        assert loss(shape, logits).item() == pytest.approx(each.sum() / 3)
    weighted = loss(labels, logits, sample_weight=[2.0, 0.5]).item()
    assert weighted == pytest.approx((each * [[2], [0.5]]).sum() / 3)
    loss = losses.SparseCategoricalCrossentropy(**options, reduction="mean_with_sample_weight")
    weighted = loss(labels, logits, sample_weight=[2.0, 0.5]).item()
    assert weighted == pytest.approx((each * [[2], [0.5]]).sum() / (2 * 2 + 0.5))
    assert loss(np.full((2, 3), -1), logits).item() == 0


# --- shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "log_cosh", "bce", "crossentropy"])
def test_losses_make_vectors_and_columns_agree(name):
    y = np.array([1.0, 0, 1, 1, 0])
    p = np.array([0.9, 0.2, 0.7, 0.4, 0.1])
    expected = losses.as_loss(name)(y[:, None], Tensor(p[:, None])).item()
    assert losses.as_loss(name)(y, Tensor(p[:, None])).item() == pytest.approx(expected, rel=1e-14)
    assert losses.as_loss(name)(y[:, None], Tensor(p)).item() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "function"),
    [
        (BITS[:, :1], BIT_PROBABILITIES[:, :1], losses.binary_crossentropy),
        (BITS[:, 0], BIT_PROBABILITIES[:, :1], losses.binary_crossentropy),
        (LABELS, PROBABILITIES, losses.sparse_categorical_crossentropy),
        (LABELS[:, None], PROBABILITIES, losses.sparse_categorical_crossentropy),
        (LABELS[:, None], PROBABILITIES[:, None], losses.sparse_categorical_crossentropy),
        (ONE_HOT, PROBABILITIES, losses.categorical_crossentropy),
    ],
)
def test_crossentropy_takes_the_one_that_fits_the_shapes(y_true, y_pred, function):
    expected = function(y_true, y_pred).data
    np.testing.assert_array_equal(losses.crossentropy(y_true, y_pred).data, expected)
    assert losses.as_loss("ce")(y_true, y_pred).item() == pytest.approx(expected.mean())


# --- error messages ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: losses.mean_squared_error(np.ones((4, 9)), np.ones((4, 10))),
            "mean_squared_error: expected y_true to fit y_pred of shape (4, 10), got (4, 9)"
            "; for such targets the last layer needs units=9",
        ),
        (
            lambda: losses.categorical_crossentropy(LABELS, PROBABILITIES),
            "categorical_crossentropy: expected y_true to fit y_pred of shape (5, 4), got (5,); "
            "integer labels need sparse_categorical_crossentropy",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy(ONE_HOT, PROBABILITIES),
            "sparse_categorical_crossentropy: expected y_true to fit y_pred of shape (5, 4), "
            "got (5, 4); one-hot labels need categorical_crossentropy",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy([0, 4, 1, 2, 3], PROBABILITIES),
            "sparse_categorical_crossentropy: expected labels from 0 to 3, got 4"
            "; the last layer has 4 units and needs 5, or y - 1 if labels begin at 1; "
            "ignore_class=... leaves a label out",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy([0, -1, 1, 2, 3], LOGITS, True),
            "sparse_categorical_crossentropy: expected labels from 0 to 3, got -1"
            "; ignore_class=... leaves a label out",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy([0, 1.5, 1, 2, 3], PROBABILITIES),
            "sparse_categorical_crossentropy: expected integer labels, got 1.5",
        ),
        (
            lambda: losses.binary_crossentropy([[255.0]], [[0.9]]),
            "binary_crossentropy: expected labels from 0 to 1, got 255.0"
            "; scale targets to [0, 1], or take sparse_categorical_crossentropy for more classes",
        ),
        (
            lambda: losses.BinaryCrossentropy(from_logits=True)([[1, -1]], [[0.9, 0.2]]),
            "binary_crossentropy: expected labels from 0 to 1, got -1.0"
            "; scale targets to [0, 1], or take sparse_categorical_crossentropy for more classes",
        ),
        (
            lambda: losses.crossentropy([[2]], [[0.9]]),
            "binary_crossentropy: expected labels from 0 to 1, got 2.0"
            "; scale targets to [0, 1], or take sparse_categorical_crossentropy for more classes",
        ),
        (
            lambda: losses.categorical_crossentropy([[-1, 1]], [[0.9, 0.1]]),
            "categorical_crossentropy: expected labels from 0 to inf, got -1.0",
        ),
        (
            lambda: losses.kl_divergence([[3.0, 1.0]], [[0.9, 0.1]]),
            "kl_divergence: expected labels from 0 to 1, got 3.0",
        ),
        (
            lambda: losses.mean_absolute_error(1.0, 2.0),
            "mean_absolute_error: expected at least one axis to reduce, got scalars",
        ),
        (
            lambda: losses.mean_absolute_error(Tensor([1.0], requires_grad=True), [2.0]),
            "mean_absolute_error: expected y_true without gradient, got a tensor that requires "
            "one; write y_true.detach(), or exchange y_true and y_pred",
        ),
        (
            lambda: losses.binary_crossentropy(BITS, BIT_PROBABILITIES, label_smoothing=1.5),
            "binary_crossentropy: expected label_smoothing from 0 to 1, got 1.5",
        ),
        (
            lambda: losses.CategoricalGeneralizedCrossEntropy(1),
            "CategoricalGeneralizedCrossEntropy: expected q in (0, 1), got 1",
        ),
        (
            lambda: losses.categorical_generalized_cross_entropy([0, 4, 1, 2, 3], PROBABILITIES),
            "categorical_generalized_cross_entropy: expected labels from 0 to 3, got 4",
        ),
        (
            lambda: losses.circle([0, 1], VECTORS),
            "circle: expected labels (N,) and y_pred (N, D), got (2,) and (5, 3)",
        ),
        (lambda: losses.Huber(0), "Huber: expected delta in (0, inf), got 0"),
        (
            lambda: losses.MeanSquaredError("average"),
            "MeanSquaredError: expected reduction to be one of 'sum_over_batch_size', 'mean', "
            "'sum', 'mean_with_sample_weight', 'none', None, got 'average'",
        ),
        (
            lambda: losses.MeanSquaredError()(TARGETS, PREDICTIONS, sample_weight=np.ones(3)),
            "mean_squared_error: expected sample_weight of shape (5,) or of its first axes, "
            "got (3,)",
        ),
        (
            lambda: losses.as_loss("mean_square_error"),
            "loss: expected a known name, got 'mean_square_error'; did you mean "
            "'mean_squared_error' or 'mean_squared_logarithmic_error' or 'mean_absolute_error'?",
        ),
    ],
)
def test_losses_refuse_with_a_reason(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message


# --- names and user-defined losses ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mse", losses.MeanSquaredError),
        ("MSE", losses.MeanSquaredError),
        ("mean_squared_error", losses.MeanSquaredError),
        ("MeanSquaredError", losses.MeanSquaredError),
        ("mae", losses.MeanAbsoluteError),
        ("bce", losses.BinaryCrossentropy),
        ("kld", losses.KLDivergence),
        ("KLDivergence", losses.KLDivergence),
        ("LogCosh", losses.LogCosh),
        ("sparse_categorical_crossentropy", losses.SparseCategoricalCrossentropy),
    ],
)
def test_get_knows_keras_names(name, kind):
    assert type(losses.as_loss(name)) is kind
    assert losses.as_loss(name).name in losses.LOSSES.names


def test_get_wraps_functions_and_leaves_losses():
    def twice_the_error(y_true, y_pred):
        return ops.mean(2 * ops.abs(y_pred - y_true), axis=-1)

    loss = losses.as_loss(twice_the_error)
    assert loss.name == "twice_the_error"
    assert loss([[1.0, 2.0]], Tensor([[2.0, 5.0]])).item() == 4
    assert losses.as_loss(loss) is loss
    assert losses.as_loss(None) is None
    check_gradients(lambda p: loss(TARGETS, p), PREDICTIONS)


def test_a_list_of_one_loss_stands_for_it():
    assert type(losses.as_loss(["mse"])) is losses.MeanSquaredError
    loss = losses.Huber(2.0)
    assert losses.as_loss((loss,)) is loss
    with pytest.raises(TypeError, match="expected a name, a class or a callable, got"):
        losses.as_loss(["mse", "mae"])


def test_get_gives_the_function_of_a_functions_name():
    assert losses.get("mse") is losses.get("MSE") is losses.mean_squared_error
    assert losses.get("categorical_crossentropy") is losses.categorical_crossentropy
    assert losses.get(losses.huber) is losses.huber
    assert losses.get(None) is None
    for identifier in ("MeanSquaredError", losses.MeanSquaredError, losses.MeanSquaredError()):
        assert type(losses.get(identifier)) is losses.MeanSquaredError


def test_loss_of_ones_own_takes_its_name_first():
    class LargestError(losses.Loss):
        def __init__(self):
            super().__init__("mine", "sum")

    assert (LargestError().name, LargestError().reduction) == ("mine", "sum")
    assert losses.Huber().name == "huber_loss"


def test_loss_of_ones_own_is_a_class_with_call():
    class LargestError(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.max(ops.abs(y_pred - y_true), axis=-1)

    loss = LargestError()
    assert loss.name == "largest_error"
    assert loss(np.zeros((2, 2)), Tensor([[1.0, -3.0], [5.0, 0.0]])).item() == 4


def test_registered_loss_is_known_by_its_name(monkeypatch):
    monkeypatch.setattr(losses.LOSSES, "names", dict(losses.LOSSES.names))

    @losses.LOSSES.register("largest")
    class LargestError(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.max(ops.abs(y_pred - y_true), axis=-1)

    assert type(losses.as_loss("largest_error")) is type(losses.as_loss("Largest")) is LargestError
    metric = metrics.get("largest_error")
    metric.update_state(np.zeros((2, 2)), np.array([[1.0, -3.0], [5.0, 0.0]]))
    assert (metric.result(), metric.name, metric.direction) == (4, "largest_error", "down")


# --- classes made from functions -----------------------------------------------------------------

MEMBERS = [*losses.LOSSES.members, *metrics.METRICS.members]
MADE = [kind for kind in MEMBERS if hasattr(vars(kind).get("__init__"), "__signature__")]


@pytest.mark.parametrize("kind", MADE)
def test_made_class_has_the_names_options_and_text_of_its_function(kind):
    module = metrics if issubclass(kind, metrics.Metric) else losses
    function = kind.function
    assert getattr(module, kind.__qualname__) is kind
    assert getattr(module, function.__name__) is function
    options = {option.name: option for option in list(arguments_of(function))[2:]}
    if kind is metrics.BinaryCrossentropy:
        options.pop("axis")  # which Keras's metric does not have
    arguments = {argument.name: argument for argument in arguments_of(kind)}
    assert options.items() <= arguments.items()
    names = {losses.Huber: "huber_loss"}  # as in Keras
    assert kind().name == arguments["name"].default == names.get(kind, function.__name__)
    assert kind.__doc__.startswith(f"The mean of `{function.__name__}`")
    assert all(name in kind.__doc__.partition("Parameters\n")[2] for name in arguments)


def arguments_of(function):
    return inspect.signature(function).parameters.values()


def test_made_losses_take_their_arguments_in_keras_order():
    common = ["reduction", "name", "dtype"]
    expected = {
        losses.MeanSquaredError: common,
        losses.Huber: ["delta", *common],
        losses.CategoricalCrossentropy: ["from_logits", "label_smoothing", "axis", *common],
        losses.SparseCategoricalCrossentropy: [
            "from_logits",
            "ignore_class",
            "reduction",
            "axis",
            "name",
            "dtype",
        ],
        metrics.BinaryAccuracy: ["name", "dtype", "threshold"],
        metrics.TopKCategoricalAccuracy: ["k", "name", "dtype"],
    }
    for kind, names in expected.items():
        assert list(inspect.signature(kind).parameters) == names


@pytest.mark.parametrize("kind", MADE)
def test_made_class_and_its_instances_can_be_pickled(kind):
    assert pickle.loads(pickle.dumps(kind)) is kind
    instance = kind(name="mine")
    copy = pickle.loads(pickle.dumps(instance))
    assert type(copy) is kind and vars(copy) == vars(instance)


def test_made_class_can_be_extended():
    class Narrow(losses.Huber):
        def __init__(self):
            super().__init__(0.5, name="narrow")

    loss = Narrow()
    assert (loss.name, loss.options) == ("narrow", {"delta": 0.5})
    expected = losses.huber(TARGETS, PREDICTIONS, 0.5).data.mean()
    assert loss(TARGETS, PREDICTIONS).item() == pytest.approx(expected, rel=1e-14)
    assert list(inspect.signature(Narrow).parameters) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: losses.Huber(detla=2),
            "Huber: expected a known argument, got detla; did you mean delta?",
        ),
        (
            lambda: losses.LogCosh("sum", "a", None, 1),
            "LogCosh: too many positional arguments; known arguments: reduction, name, dtype",
        ),
        (
            lambda: losses.Huber(1, delta=2),
            "Huber: multiple values for argument 'delta'; "
            "known arguments: delta, reduction, name, dtype",
        ),
    ],
)
def test_made_class_refuses_arguments_that_do_not_fit(call, message):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == message


def test_loss_function_without_gradient_is_refused():
    loss = losses.as_loss(lambda y_true, y_pred: np.mean(y_pred.data, axis=-1))
    with pytest.raises(TypeError, match=r"<lambda>: .* returns a Tensor, got ndarray; .*ops"):
        loss(TARGETS, Tensor(PREDICTIONS, requires_grad=True))


def test_loss_of_ones_own_takes_lists_and_arrays():
    class Squared(losses.Loss):
        def call(self, y_true, y_pred):
            return np.mean(np.square(y_pred - y_true), axis=-1)

    for convert in (list, np.array, Tensor):
        result = Squared()(convert([[1.0, 2.0], [3.0, 4.0]]), convert([[1.5, 2.0], [3.0, 3.0]]))
        assert result.item() == 0.3125
    y_pred = Tensor([[1.5, 2.0], [3.0, 3.0]], requires_grad=True)
    Squared()([[1.0, 2.0], [3.0, 4.0]], y_pred).backward()
    np.testing.assert_allclose(y_pred.grad, [[0.25, 0], [0, -0.5]])
    arrays = losses.as_loss(lambda y_true, y_pred: np.abs(y_pred.data - y_true).mean(axis=-1))
    assert arrays([[1.0, 2.0]], [[1.5, 2.0]]).item() == 0.25


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_targets_that_are_not_finite_show_in_the_loss(value):
    """TerminateOnNaN can act only if they reach it."""
    hinges = {losses.hinge, losses.squared_hinge, losses.categorical_hinge}
    for function, y_true, y_pred, *_ in FORMULAS:
        if np.ndim(y_true) > 1 and (function not in hinges or np.isnan(value)):
            y_true = np.array(y_true, "float64")
            y_true[0, 0] = value
            with np.errstate(invalid="ignore"):
                result = np.atleast_1d(function(y_true, Tensor(y_pred)).data)
            if function is not losses.kl_divergence or np.isnan(value):  # it clips its targets
                assert not np.isfinite(result[0])
            assert np.isfinite(result[1:]).all()


def test_binary_crossentropies_take_labels_with_noise():
    y, p = np.array([[1.046, -0.03, 0.5]]), np.array([[0.9, 0.2, 0.6]])
    expected = np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p), axis=-1)
    np.testing.assert_allclose(losses.binary_crossentropy(y, p), expected, rtol=1e-6)
    logits = np.log(p / (1 - p))
    np.testing.assert_allclose(losses.binary_crossentropy(y, logits, True), expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"expected labels from 0 to 1, got 1\.6"):
        losses.binary_crossentropy([[1.6]], [[0.9]])


def test_labels_that_rounding_moved_across_the_limits_are_taken():
    for labels in ([[1 + 1e-7, -1e-7]], np.float32([[1, 0]]) * np.float32(1 + 1e-7)):
        losses.binary_crossentropy(labels, [[0.9, 0.2]])


# --- the last axis, and what the first batch is looked at for -------------------------------------


@pytest.mark.parametrize("name", ["mean_squared_error", "mean_absolute_error", "log_cosh", "huber",
    "mean_absolute_percentage_error", "mean_squared_logarithmic_error", "poisson", "hinge",
    "squared_hinge", "categorical_hinge", "kl_divergence", "cosine_similarity",
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy",
    "categorical_focal_crossentropy"])  # fmt: skip
def test_losses_reduce_the_last_axis(name):
    loss = getattr(losses, name)
    labels = np.eye(5)[rng.integers(0, 5, (2, 3))]
    outputs = rng.random((2, 3, 5)) + 0.1
    outputs /= outputs.sum(-1, keepdims=True)
    each = [[loss(y[None], p[None]).item() for y, p in zip(*rows, strict=True)]
            for rows in zip(labels, outputs, strict=True)]  # fmt: skip
    np.testing.assert_allclose(loss(labels, outputs).data, each, rtol=1e-12)


@pytest.mark.parametrize("steps", [3, 1])  # one step is not one class
def test_sparse_labels_reduce_the_last_axis(steps):
    labels, outputs = rng.integers(0, 5, (2, steps)), rng.random((2, steps, 5)) + 0.1
    outputs /= outputs.sum(-1, keepdims=True)
    expected = -np.log(np.take_along_axis(outputs, labels[..., None], -1))[..., 0]
    actual = losses.sparse_categorical_crossentropy(labels, outputs)
    np.testing.assert_allclose(actual.data, expected, rtol=1e-12)


def test_outputs_that_are_no_probabilities_are_told_once_they_can_be_judged(recwarn):
    sparse, logits = losses.SparseCategoricalCrossentropy, np.array([[3.0, 2.0], [1.0, 4.0]])
    losses.warn_of_outputs(sparse(), Tensor(np.zeros((0, 2))))
    losses.warn_of_outputs(sparse(from_logits=True), Tensor(logits))
    losses.warn_of_outputs(losses.CategoricalCrossentropy(axis=1), Tensor(logits))
    losses.warn_of_outputs(sparse(), Tensor(logits[0]))
    losses.warn_of_outputs(sparse(), Tensor(logits[:, :1]))  # one class is told elsewhere
    losses.warn_of_outputs(sparse(), Tensor(np.full((2, 3, 5), 0.2)))
    assert not recwarn
    for outputs, told in (
        (logits, 5),
        ([[0.0, 2.0]], 2),
        ([[0.0, 0.1], [1.0, 0.5]], 0.1),  # the farthest from 1
        ([[1.0, 0.9], [0.1, 0.2]], 1.9),
        (logits[:, None], 5),  # sequences of one step
    ):
        for loss in (sparse(), losses.as_loss(losses.sparse_categorical_crossentropy)):
            with pytest.warns(UserWarning, match=f"rows that add up to {told};"):
                losses.warn_of_outputs(loss, Tensor(np.array(outputs)))


def test_a_label_without_a_unit_is_told_that_one_unit_needs_another_loss():
    fault = pytest.raises(ValueError, match=r"got 1; .* one unit, which needs binary_crossentropy")
    with pytest.warns(UserWarning, match="expected two or more classes"), fault:
        losses.sparse_categorical_crossentropy([0, 1], np.ones((2, 1)))


@pytest.mark.parametrize("smoothing", [-0.5, -1, 1.5])
def test_label_smoothing_outside_of_0_and_1_is_refused(smoothing):
    for loss in (losses.binary_crossentropy, losses.categorical_crossentropy):
        with pytest.raises(ValueError, match="expected label_smoothing from 0 to 1, got"):
            loss(ONE_HOT, PROBABILITIES, label_smoothing=smoothing)


@pytest.mark.parametrize("label", [1.5, -1.5, 2])
def test_hinge_refuses_labels_that_are_no_signs(label):
    with pytest.raises(ValueError, match="hinge: expected labels of -1 and 1, or of 0 and 1, got"):
        losses.hinge([[label, 1.0]], [[0.5, 0.5]])


@pytest.mark.parametrize("dtype", ["int32", "float16", "half", 7])
def test_losses_refuse_types_that_are_no_floats(dtype):
    with pytest.raises((TypeError, ValueError), match="dtype"):
        losses.MeanSquaredError(dtype=dtype)


def test_losses_of_sequences_of_labels_take_the_last_axis():
    labels, outputs = rng.integers(0, 5, (2, 3)), rng.random((2, 3, 5)) + 0.1
    with pytest.warns(UserWarning, match="rows that add up to"):
        losses.warn_of_outputs(losses.SparseCategoricalCrossentropy(), Tensor(outputs))
    for loss in (
        losses.categorical_generalized_cross_entropy,
        lambda y, p: losses.categorical_focal_crossentropy(np.eye(5)[y], p),
    ):
        each = [loss(y, p).data for y, p in zip(labels, outputs, strict=True)]
        np.testing.assert_allclose(loss(labels, outputs).data, each, rtol=1e-12)
    with pytest.raises(ValueError, match="shape"):
        losses.sparse_categorical_crossentropy(labels[:, :2], outputs)
