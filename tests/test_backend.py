"""Keras's older functions on tensors: values, gradients, and use in losses, metrics and layers."""

import numpy as np
import pytest

import minigrad
from minigrad import Input, Model, Parameter, Sequential, Tensor, layers, losses, optimizers
from minigrad import backend as K  # noqa: N812
from minigrad.testing import check_gradients

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 5))
B = RNG.normal(size=(3, 5)) + 0.1
P = RNG.uniform(0.1, 0.9, (3, 5))
Q = RNG.uniform(0.1, 0.9, (3, 5))
C = RNG.normal(size=(3, 4, 5))
D = RNG.normal(size=(3, 5, 2))
ONE_HOT = np.eye(5)[[0, 3, 1]]
SUMMED = Q / Q.sum(1, keepdims=True)

# The result of K's function, and of NumPy.
VALUES = {
    "abs": (lambda: K.abs(A), lambda: abs(A)),
    "exp": (lambda: K.exp(A), lambda: np.exp(A)),
    "log": (lambda: K.log(P), lambda: np.log(P)),
    "square": (lambda: K.square(A), lambda: A**2),
    "sqrt": (lambda: K.sqrt(A), lambda: np.sqrt(np.maximum(A, 0))),
    "pow": (lambda: K.pow(A, 3), lambda: A**3),
    "round": (lambda: K.round(3 * A), lambda: np.rint(3 * A)),
    "sign": (lambda: K.sign(A), lambda: np.sign(A)),
    "clip": (lambda: K.clip(A, min_value=-0.5, max_value=0.2), lambda: np.clip(A, -0.5, 0.2)),
    "maximum": (lambda: K.maximum(A, B), lambda: np.maximum(A, B)),
    "minimum": (lambda: K.minimum(A, 0.0), lambda: np.minimum(A, 0)),
    "cos": (lambda: K.cos(A), lambda: np.cos(A)),
    "sigmoid": (lambda: K.sigmoid(A), lambda: 1 / (1 + np.exp(-A))),
    "tanh": (lambda: K.tanh(A), lambda: np.tanh(A)),
    "softmax": (lambda: K.softmax(A), lambda: np.exp(A) / np.exp(A).sum(1, keepdims=True)),
    "softsign": (lambda: K.softsign(A), lambda: A / (1 + abs(A))),
    "softplus": (lambda: K.softplus(A), lambda: np.log1p(np.exp(A))),
    "relu": (lambda: K.relu(A), lambda: np.maximum(A, 0)),
    "relu of slope": (lambda: K.relu(A, alpha=0.1), lambda: np.where(A > 0, A, 0.1 * A)),
    "elu": (lambda: K.elu(A, 0.5), lambda: np.where(A > 0, A, 0.5 * np.expm1(A))),
    "hard_sigmoid": (lambda: K.hard_sigmoid(3 * A), lambda: np.clip(0.6 * A + 0.5, 0, 1)),
    "sum": (lambda: K.sum(A), lambda: A.sum()),
    "sum of an axis": (lambda: K.sum(A, axis=-1, keepdims=True), lambda: A.sum(1, keepdims=True)),
    "mean": (lambda: K.mean(A, axis=[0, 1]), lambda: A.mean()),
    "mean of bools": (lambda: K.mean(A > 0), lambda: np.float32((A > 0).mean())),
    "std": (lambda: K.std(A, axis=0), lambda: A.std(0)),
    "var": (lambda: K.var(A, axis=0), lambda: A.var(0)),
    "max": (lambda: K.max(A, axis=1), lambda: A.max(1)),
    "min": (lambda: K.min(A), lambda: A.min()),
    "prod": (lambda: K.prod(A, axis=1), lambda: A.prod(1)),
    "any": (lambda: K.any(A > 1, axis=1), lambda: (A > 1).any(1)),
    "all": (lambda: K.all(A > 1), lambda: (A > 1).all()),
    "argmax": (lambda: K.argmax(A), lambda: A.argmax(-1)),
    "argmin": (lambda: K.argmin(A, axis=0), lambda: A.argmin(0)),
    "logsumexp": (lambda: K.logsumexp(A, axis=1), lambda: np.log(np.exp(A).sum(1))),
    "l2_normalize": (
        lambda: K.l2_normalize(A, axis=1), lambda: A / np.linalg.norm(A, axis=1, keepdims=True)
    ),
    "equal": (lambda: K.equal(K.argmax(A), K.argmax(B)), lambda: A.argmax(1) == B.argmax(1)),
    "not_equal": (lambda: K.not_equal(A, A.round()), lambda: A.round() != A),
    "greater": (lambda: K.greater(A, B), lambda: A > B),
    "greater_equal": (lambda: K.greater_equal(Tensor(A), A), lambda: A >= A),
    "less": (lambda: K.less(A, 0.5), lambda: A < 0.5),
    "less_equal": (lambda: K.less_equal(A, Tensor(A)), lambda: A <= A),
    "cast": (lambda: K.cast(A > 0, "float32"), lambda: (A > 0).astype("float32")),
    "cast to integers": (lambda: K.cast(Tensor(3 * A), "int32"), lambda: (3 * A).astype("int32")),
    "cast_to_floatx": (lambda: K.cast_to_floatx([1, 2]), lambda: np.float32([1, 2])),
    "shape": (lambda: K.shape(C), lambda: (3, 4, 5)),
    "int_shape": (lambda: K.int_shape(Tensor(C)), lambda: (3, 4, 5)),
    "ndim": (lambda: K.ndim(C), lambda: 3),
    "flatten": (lambda: K.flatten(C), lambda: C.ravel()),
    "batch_flatten": (lambda: K.batch_flatten(C), lambda: C.reshape(3, 20)),
    "reshape": (lambda: K.reshape(C, (-1, 10)), lambda: C.reshape(6, 10)),
    "expand_dims": (lambda: K.expand_dims(A), lambda: A[..., None]),
    "squeeze": (lambda: K.squeeze(A[None], 0), lambda: A),
    "permute_dimensions": (
        lambda: K.permute_dimensions(C, (2, 0, 1)), lambda: C.transpose(2, 0, 1)
    ),
    "transpose": (lambda: K.transpose(A), lambda: A.T),
    "concatenate": (lambda: K.concatenate([A, B]), lambda: np.concatenate([A, B], -1)),
    "stack": (lambda: K.stack([A, B]), lambda: np.stack([A, B])),
    "dot": (lambda: K.dot(A, B.T), lambda: A @ B.T),
    "batch_dot": (lambda: K.batch_dot(C, D), lambda: C @ D),
    "batch_dot of rows": (
        lambda: K.batch_dot(A, B, axes=1), lambda: (A * B).sum(1, keepdims=True)
    ),
    "gather": (lambda: K.gather(A, [2, 0]), lambda: A[[2, 0]]),
    "one_hot": (lambda: K.one_hot([0, 3, 1], 5), lambda: ONE_HOT.astype("float32")),
    "constant": (lambda: K.constant(2, shape=(2, 3)), lambda: np.full((2, 3), 2, "float32")),
    "variable": (lambda: K.variable(A), lambda: A.astype("float32")),
    "zeros": (lambda: K.zeros((2, 3)), lambda: np.zeros((2, 3), "float32")),
    "ones": (lambda: K.ones((0, 3), "float64"), lambda: np.ones((0, 3))),
    "zeros_like": (lambda: K.zeros_like(A), lambda: np.zeros((3, 5))),
    "ones_like": (lambda: K.ones_like(Tensor(A)), lambda: np.ones((3, 5))),
    "eval": (lambda: K.eval(K.sum(A)), lambda: A.sum()),
    "count_params": (lambda: K.count_params(K.zeros((2, 3))), lambda: 6),
    "binary_crossentropy": (
        lambda: K.binary_crossentropy(Q, P), lambda: -Q * np.log(P) - (1 - Q) * np.log(1 - P)
    ),
    "binary_crossentropy of logits": (
        lambda: K.binary_crossentropy(Q, A, from_logits=True),
        lambda: np.log1p(np.exp(A)) - Q * A,
    ),
    "categorical_crossentropy": (
        lambda: K.categorical_crossentropy(ONE_HOT, SUMMED),
        lambda: -np.log(SUMMED[[0, 1, 2], [0, 3, 1]]),
    ),
    "sparse_categorical_crossentropy": (
        lambda: K.sparse_categorical_crossentropy([0, 3, 1], SUMMED),
        lambda: -np.log(SUMMED[[0, 1, 2], [0, 3, 1]]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values_are_those_of_the_formula(name):
    ours, expected = (np.asarray(make()) for make in VALUES[name])
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-7)
    assert (ours.shape, ours.dtype.kind) == (expected.shape, expected.dtype.kind)


FUNCTIONS = {
    "sqrt": lambda x: K.sqrt(K.abs(x) + 1),
    "batch_flatten": lambda x: K.batch_flatten(x) ** 2,
    "hard_sigmoid": K.hard_sigmoid,
    "l2_normalize": lambda x: K.l2_normalize(x, -1),
    "elementwise cross-entropy": lambda x: K.binary_crossentropy(P, x, from_logits=True),
    "concatenate": lambda x: K.concatenate([x, x * x]),
    "gather": lambda x: K.gather(x, [0, 2, 0]) ** 2,
    "dropout": lambda x: K.dropout(x, 0.4, seed=3),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_pass(name):
    check_gradients(FUNCTIONS[name], A)


def test_stop_gradient_and_round_pass_none():
    w = Parameter(A)
    (w * K.stop_gradient(w) + K.round(w)).sum().backward()
    np.testing.assert_allclose(w.grad, A)


@pytest.mark.parametrize("name", ["batch_flatten", "sqrt", "hard_sigmoid", "concatenate"])
def test_symbols_are_recorded(name):
    x = Input((5,), dtype="float64")
    model = Model(x, FUNCTIONS[name](x))
    np.testing.assert_allclose(model(A).data, FUNCTIONS[name](Tensor(A)).data)
    assert K.int_shape(x) == (None, 5)


def test_a_loss_and_a_metric_written_with_k_train_as_minigrads_own():
    def mse(y_true, y_pred):
        return K.mean(K.square(y_pred - y_true), axis=-1)

    def recall(y_true, y_pred):
        found = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
        return found / (K.sum(K.round(K.clip(y_true, 0, 1))) + K.epsilon())

    x, y = RNG.normal(size=(20, 3)), RNG.integers(0, 2, (20, 1))
    histories = []
    for loss in (mse, losses.MeanSquaredError()):
        minigrad.utils.set_random_seed(1)
        model = Sequential([Input((3,)), layers.Dense(1, "sigmoid")])
        model.compile("sgd", loss, metrics=[recall])
        histories.append(model.fit(x, y, epochs=2, verbose=0).history)
    assert histories[0] == histories[1]
    assert 0 <= histories[0]["recall"][-1] <= 1


def test_a_layer_samples_with_k():
    def sample(parts):
        mean, log_variance = parts
        noise = K.random_normal(shape=(K.shape(mean)[0], K.int_shape(mean)[1]), stddev=0.0)
        return mean + K.exp(log_variance / 2) * noise

    x = Input((4,))
    z = layers.Lambda(sample, output_shape=(2,))([layers.Dense(2)(x), layers.Dense(2)(x)])
    model = Model(x, z)
    assert model(np.ones((7, 4))).shape == (7, 2)


def test_variables_are_read_and_set():
    optimizer = optimizers.SGD(0.5)
    K.set_value(optimizer.learning_rate, 0.25)
    assert float(K.get_value(optimizer.learning_rate)) == 0.25
    w = K.variable([1.0, 2.0], name="w")
    values = K.get_value(w)
    K.set_value(w, [3.0, 4.0])
    assert (values.tolist(), w.numpy().tolist(), w.name) == ([1, 2], [3, 4], "w")
    assert K.dtype(w) == "float32"


def test_random_numbers_have_the_shape_type_and_seed():
    for draw in (K.random_normal, K.random_uniform, K.random_bernoulli):
        first, again = draw((3, 2), seed=4), draw((3, 2), seed=4)
        assert first.dtype == np.float32 and first.shape == (3, 2)
        np.testing.assert_array_equal(first.data, again.data)
    assert np.mean(K.random_bernoulli((10_000,), p=0.25).data) == pytest.approx(0.25, abs=0.02)


def test_a_cast_of_a_graph_between_floats_is_refused():
    with pytest.raises(TypeError, match=r"cast: expected a tensor of type float64, got float32;"):
        K.cast(Parameter([1.0]), "float64")
    w = Parameter([1.0])
    assert K.cast(w, "float32") is w


def test_uids_count():
    assert (K.get_uid("mine"), K.get_uid("mine")) == (1, 2)
    K.clear_session()
    assert K.get_uid("mine") == 1


def test_layouts_of_keras_1():
    with pytest.warns(FutureWarning, match="write image_data_format"):
        assert K.image_dim_ordering() == "tf"
    with pytest.warns(FutureWarning, match="write set_image_data_format"):
        K.set_image_dim_ordering("tf")
    with (
        pytest.warns(FutureWarning),
        pytest.raises(ValueError, match="got 'channels_first'; put the channels last"),
    ):
        K.set_image_dim_ordering("th")
