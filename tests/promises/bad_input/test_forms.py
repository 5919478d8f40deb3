"""The same numbers in any form of array give the same bits."""

import numpy as np
import pytest

from minigrad import (
    Input,
    Parameter,
    Sequential,
    Tensor,
    activations,
    kernels,
    layers,
    losses,
    metrics,
    ops,
    optimizers,
    random,
    utils,
)

rng = np.random.default_rng(0)


def numbers(*shape, positive=False):
    """Quarters from -2 to 2, which floats of all sizes and lists hold exactly; 0 left out."""
    x = rng.integers(1, 9, shape) / 4
    return (x if positive else x * rng.choice([-1, 1], shape)).astype("float32")


X, IMAGES, SEQUENCES = numbers(6, 4), numbers(2, 6, 5, 3), numbers(2, 7, 4)
POSITIVE, SQUARE, KERNEL = numbers(6, 4, positive=True), numbers(4, 4), numbers(2, 3, 3, 4)
LABELS = np.array([0, 2, 1, 3, 1, 0])
ONE_HOT = np.eye(4, dtype="float32")[LABELS]
SHARES = (POSITIVE / 4).astype("float32")


def value_of(result):
    """The arrays of a result, as bytes."""
    if isinstance(result, (list, tuple)):
        return [value_of(part) for part in result]
    array = np.asarray(result.data if isinstance(result, Tensor) else result)
    return array.dtype.newbyteorder("=").str, array.shape, np.ascontiguousarray(array).tobytes()


OPS = {
    **{name: (getattr(ops, name), X) for name in (
        "abs", "exp", "sin", "cos", "square", "neg", "relu", "sigmoid", "tanh", "gelu", "silu",
        "softplus", "elu", "selu", "leaky_relu", "softmax", "log_softmax", "sum", "mean", "max",
        "min", "std", "var", "logsumexp", "argmax", "argmin", "transpose", "norm", "sort", "cumsum",
        "flip", "ravel", "median",
    )},
    **{name: (getattr(ops, name), POSITIVE) for name in ("log", "sqrt", "log1p", "rsqrt")},
    "add": (ops.add, X, X), "mul": (ops.mul, X, POSITIVE), "div": (ops.div, X, POSITIVE),
    "pow": (ops.pow, POSITIVE, X), "maximum": (ops.maximum, X, POSITIVE),
    "matmul": (ops.matmul, X, SQUARE), "dense": (ops.dense, X, SQUARE, X[0]),
    "sum over rows": (lambda x: ops.sum(x, axis=0), X),
    "conv2d": (lambda x, w: ops.conv2d(x, w, padding="same"), IMAGES, KERNEL),
    "conv2d with strides": (lambda x, w: ops.conv2d(x, w, strides=2), IMAGES, KERNEL),
    "max_pool2d": (ops.max_pool2d, IMAGES), "avg_pool2d": (ops.avg_pool2d, IMAGES),
    "batch_norm": (lambda x, g: ops.batch_norm(x, g, g, 1e-3), X, X[0]),
    "softmax_cross_entropy": (ops.softmax_cross_entropy, X, LABELS),
    "with rows": (ops.softmax_cross_entropy, X, ONE_HOT),
    "sigmoid_cross_entropy": (ops.sigmoid_cross_entropy, X, SHARES),
    "dropout": (lambda x: ops.dropout(x, 0.5, 3), X),
    "pad": (lambda x: ops.pad(x, 1), X), "stack": (lambda x, y: ops.stack([x, y]), X, POSITIVE),
    "concatenate": (lambda x, y: ops.concatenate([x, y]), X, POSITIVE),
    "where": (lambda x, y: ops.where(np.asarray(x) > 0, x, y), X, POSITIVE),
    "take": (lambda x, i: ops.take(x, i, axis=1), X, LABELS),
    "one_hot": (lambda i: ops.one_hot(i, 4), LABELS),
    "clip": (lambda x: ops.clip(x, -0.5, 1.0), X),
}  # fmt: skip


def is_list(form):
    return isinstance(form(X), list)


@pytest.mark.parametrize("name", OPS)
def test_ops(name, form):
    function, *arrays = OPS[name]
    assert value_of(function(*map(form, arrays))) == value_of(function(*arrays))


LAYERS = {
    "Dense": (lambda: layers.Dense(5, "relu"), X),
    "Conv2D": (lambda: layers.Conv2D(4, 3), IMAGES),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(4, 3), IMAGES),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3), IMAGES),
    "SeparableConv2D": (lambda: layers.SeparableConv2D(4, 3), IMAGES),
    "Conv1D": (lambda: layers.Conv1D(4, 3), SEQUENCES),
    "MaxPooling2D": (layers.MaxPooling2D, IMAGES),
    "AveragePooling2D": (lambda: layers.AveragePooling2D(2), IMAGES),
    "GlobalAveragePooling2D": (layers.GlobalAveragePooling2D, IMAGES),
    "BatchNormalization": (layers.BatchNormalization, IMAGES),
    "LayerNormalization": (layers.LayerNormalization, X),
    "Embedding": (lambda: layers.Embedding(4, 3), LABELS),
    "Flatten": (layers.Flatten, IMAGES),
    "UpSampling2D": (layers.UpSampling2D, IMAGES),
    "Rescaling": (lambda: layers.Rescaling(0.5), X),
    "CategoryEncoding": (lambda: layers.CategoryEncoding(4, "one_hot"), LABELS),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("training", [False, True])
def test_layers(name, form, training):
    make, x = LAYERS[name]
    results = []
    for given in (x, form(x)):
        random.set_random_seed(0)
        results.append(value_of(make()(given, training=training)))
    assert results[0] == results[1]


LOSSES = {
    "mean_squared_error": (X, POSITIVE), "mean_absolute_error": (X, POSITIVE),
    "huber": (X, POSITIVE), "log_cosh": (X, POSITIVE), "cosine_similarity": (X, POSITIVE),
    "binary_crossentropy": (ONE_HOT, SHARES / 4), "categorical_crossentropy": (ONE_HOT, SHARES),
    "sparse_categorical_crossentropy": (LABELS, SHARES), "kl_divergence": (SHARES, SHARES[::-1]),
    "hinge": (np.sign(X), POSITIVE), "poisson": (POSITIVE, POSITIVE[::-1]),
    "binary_focal_crossentropy": (ONE_HOT, SHARES / 4), "dice": (ONE_HOT, SHARES),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")  # these are no outputs of softmax
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, form):
    y_true, y_pred = LOSSES[name]
    loss = losses.get(name)
    found = loss(form(y_true), y_pred)
    assert value_of(found) == value_of(loss(y_true, y_pred))
    if not is_list(form):
        assert value_of(loss(form(y_true), form(y_pred))) == value_of(found)
    if name == "dice":  # one value for all samples
        return
    instance, weights = losses.as_loss(name), POSITIVE[:, 0]
    expected = value_of(instance(y_true, y_pred, sample_weight=weights))
    assert value_of(instance(y_true, y_pred, sample_weight=form(weights))) == expected


METRICS = {
    "MeanSquaredError": (X, POSITIVE), "BinaryAccuracy": (ONE_HOT, SHARES / 4),
    "CategoricalAccuracy": (ONE_HOT, SHARES), "SparseCategoricalAccuracy": (LABELS, SHARES),
    "TopKCategoricalAccuracy": (ONE_HOT, SHARES), "Precision": (ONE_HOT, SHARES / 4),
    "AUC": (ONE_HOT, SHARES / 4), "F1Score": (ONE_HOT, SHARES), "R2Score": (X, POSITIVE),
    "PearsonCorrelation": (X, POSITIVE),
}  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name, form):
    y_true, y_pred = METRICS[name]
    weights = None if name == "R2Score" else POSITIVE[:, 0]
    results = []
    for change in (lambda x: x, form):
        metric = getattr(metrics, name)()
        given = weights if weights is None else change(weights)
        predicted = y_pred if is_list(form) else change(y_pred)  # a list's floats are float64
        metric.update_state(change(y_true), predicted, sample_weight=given)
        results.append(value_of(metric.result()))
    assert results[0] == results[1]


def network():
    random.set_random_seed(0)
    model = Sequential([Input((4,)), layers.Dense(5, "relu"), layers.Dense(4, "softmax")])
    model.compile(optimizers.Adam(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype("float32")], ids=["ints", "floats"])
def test_fit_evaluate_and_predict(form, labels):
    results = []
    for change in (lambda x: x, form):
        model, weights = network(), POSITIVE[:, 0]
        data = change(X), change(labels)
        history = model.fit(
            *data, batch_size=4, epochs=2, verbose=0, sample_weight=change(weights),
            validation_data=data,
        )  # fmt: skip
        scores = model.evaluate(*data, verbose=0, sample_weight=change(weights))
        predicted = model.predict(change(X), verbose=0)
        model.fit(*data, class_weight={0: np.float32(2), 1: 0.5}, verbose=0)
        trained = model.get_weights()
        results.append([history.history, scores, value_of(predicted), value_of(trained)])
    assert results[0] == results[1]


def test_set_weights_and_set_state(form):
    one, other = network(), network()
    weights = [numbers(4, 5), numbers(5), numbers(5, 4), numbers(4)]
    one.set_weights(weights)
    other.set_weights([form(w) for w in weights])
    assert value_of(one.get_weights()) == value_of(other.get_weights())
    for w in other.weights:
        assert w.data.flags.carray and w.data.dtype == "float32"


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Nadam", "Lion"])
def test_optimizers(name, form):
    results = []
    for change in (lambda x: x, form):
        weight, optimizer = Parameter(X.copy()), getattr(optimizers, name)(0.5)
        for gradient in (POSITIVE, X):
            optimizer.apply([change(gradient)], [weight])
        results.append(value_of(weight))
    assert results[0] == results[1]


UTILITIES = {
    "to_categorical": (utils.to_categorical, LABELS),
    "normalize": (lambda x: utils.normalize(np.asarray(x, "float32")), X),
    "timeseries": (
        lambda x: [
            np.asarray(batch, "float32")
            for batch in utils.timeseries_dataset_from_array(x, None, 2)
        ],
        X,
    ),
    "img_to_array": (lambda x: utils.img_to_array(np.asarray(x)), IMAGES[0]),
    "softmax": (lambda x: activations.softmax(Tensor(x, dtype="float32")), X),
    "tensor": (lambda x: Tensor(x, dtype="float32"), X),
    "parameter": (lambda x: Parameter(np.asarray(x, "float32")), X),
}


@pytest.mark.parametrize("name", UTILITIES)
def test_utilities(name, form):
    function, x = UTILITIES[name]
    assert value_of(function(form(x))) == value_of(function(x))


@pytest.mark.parametrize("dtype", ["float16", "int8", "uint8", "int64", "bool", "float64"])
def test_other_types_hold_the_same_numbers(dtype):
    x = np.abs(X).round().astype(dtype)
    plain = x.astype("float32")
    model = network()
    assert value_of(model.predict(x, verbose=0)) == value_of(model.predict(plain, verbose=0))
    assert model.evaluate(x, LABELS, verbose=0) == model.evaluate(plain, LABELS, verbose=0)
    error = losses.MeanSquaredError()
    assert value_of(error(x, X)) == value_of(error(plain, X))
    weight = Parameter(X.copy())
    optimizers.SGD(0.5).apply([x], [weight])
    np.testing.assert_array_equal(weight.data, X - np.float32(0.5) * plain)


def test_views_that_repeat_one_element_are_ordinary_arrays():
    view = np.broadcast_to(X[:1], X.shape)
    for function in (lambda x: ops.matmul(x, SQUARE), ops.softmax, lambda x: ops.sum(x, axis=0)):
        assert value_of(function(view)) == value_of(function(view.copy()))
    images = np.broadcast_to(np.float32(0.5), IMAGES.shape)
    assert value_of(ops.conv2d(images, KERNEL)) == value_of(ops.conv2d(images.copy(), KERNEL))
    model = network()
    assert value_of(model.predict(view, verbose=0)) == value_of(
        model.predict(view.copy(), verbose=0)
    )
    results = []
    for gradient in (view, view.copy()):
        weight = Parameter(POSITIVE.copy())
        optimizers.Adam(0.1).apply([gradient], [weight])
        results.append(value_of(weight))
    assert results[0] == results[1]


def test_gradients_go_back_through_views(form):
    x = Tensor(np.asarray(form(X), "float32"), requires_grad=True)
    (ops.transpose(x)[::-1] * np.arange(4, dtype="float32")[:, None]).sum().backward()
    np.testing.assert_array_equal(x.grad, np.tile(np.arange(4, dtype="float32")[::-1], (6, 1)))


@pytest.mark.parametrize("kind", ["fast", "plain", "reference"])
def test_every_kind_of_kernels_takes_what_the_ops_give_it(kind, form, monkeypatch):
    try:
        functions = kernels.load(kind, None if kind == "reference" else kernels.levels()[-1])
    except ImportError:
        pytest.skip("not built")
    for name, function in functions.items():
        monkeypatch.setattr(kernels, name, function, raising=False)
    for name in ("matmul", "dense", "conv2d", "max_pool2d", "softmax", "batch_norm", "exp"):
        function, *arrays = OPS[name]
        assert value_of(function(*map(form, arrays))) == value_of(function(*arrays)), name
