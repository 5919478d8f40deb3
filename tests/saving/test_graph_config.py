"""Graphs as configs: made again with the same results, by minigrad and by Keras."""

import json

import numpy as np
import pytest

import minigrad
from minigrad import Input, Model, activations, layers, ops
from minigrad.saving import deserialize_keras_object, serialize_keras_object

try:
    import keras
except ImportError:
    keras = None

W = np.arange(8, dtype="float32").reshape(4, 2)

# Uses of ops between layers: what they are written as, and functions of one input (N, 4).
USES = {
    "Add": lambda x: x + 1.0,
    "Subtract": lambda x: 1.0 - x,
    "Multiply": lambda x: ops.multiply(x, x),
    "TrueDivide": lambda x: 1.0 / (x * x + 1.0),
    "Power": lambda x: x**2,
    "Negative": lambda x: -x,
    "Absolute": lambda x: ops.absolute(x),
    "Matmul": lambda x: x @ W,
    "GetItem": lambda x: x[:, ::2],
    "Reshape": lambda x: ops.reshape(x, (-1, 2, 2)),
    "Transpose": lambda x: ops.transpose(ops.reshape(x, (-1, 2, 2)), (0, 2, 1)),
    "ExpandDims": lambda x: ops.expand_dims(x, 1),
    "Squeeze": lambda x: ops.squeeze(ops.expand_dims(x, 1), 1),
    "Concatenate": lambda x: ops.concatenate([x, 2.0 * x], axis=-1),
    "Stack": lambda x: ops.stack([x, x], axis=1),
    "Clip": lambda x: ops.clip(x, -0.5, 0.5),
    "Maximum": lambda x: ops.maximum(x, 0.0),
    "Max": lambda x: ops.max(x, axis=-1, keepdims=True),
    "Mean": lambda x: x.mean(axis=1),
    "Std": lambda x: ops.std(x, axis=1),
    "Where": lambda x: ops.where(x > 0.0, x, 2.0 * x),
    "Greater": lambda x: x > 0.0,
    "LessEqual": lambda x: ops.less_equal(x, 0.0),
    "LogicalAnd": lambda x: ops.logical_and(x > 0.0, x < 1.0),
    "Any": lambda x: ops.any(x > 0.0, axis=1),
    "Argsort": lambda x: ops.argsort(x),
    "Argmax": lambda x: ops.argmax(x, axis=-1),
    "OneHot": lambda x: ops.one_hot(ops.argmax(x, axis=-1), 4),
    "Cast": lambda x: ops.cast(x > 0.0, "float32"),
    "StopGradient": lambda x: ops.stop_gradient(x),
    "Floor": lambda x: ops.floor(x),
    "Round": lambda x: ops.round(x, 1),
    "Cumsum": lambda x: ops.cumsum(x, axis=1),
    "Flip": lambda x: ops.flip(x, axis=1),
    "Tile": lambda x: ops.tile(x, (1, 2)),
    "Pad": lambda x: ops.pad(x, [[0, 0], [1, 2]]),
    "Take": lambda x: ops.take(x, [0, 2], axis=1),
    "Diff": lambda x: ops.diff(x),
    "Average": lambda x: ops.average(x, axis=1),
    "Select": lambda x: ops.select([x > 1.0, x > 0.0], [x, 2.0 * x], 0.5),
    "Einsum": lambda x: ops.einsum("ij,jk->ik", x, W),
    "TopK": lambda x: ops.top_k(x, 2),
    "Split": lambda x: ops.split(x, 2, axis=1),
    "Log1p": lambda x: ops.log1p(ops.abs(x)),
    "Logsumexp": lambda x: ops.logsumexp(x, axis=-1),
    "Rsqrt": lambda x: ops.rsqrt(ops.square(x) + 1.0),
    "Erf": lambda x: ops.erf(x),
    "Normalize": lambda x: ops.normalize(x),
    "Softmax": lambda x: ops.softmax(x),
    "Silu": lambda x: ops.swish(x),
    "Gelu": lambda x: activations.gelu(x),
    "LeakyRelu": lambda x: ops.leaky_relu(x, 0.3),
    "ReLU": lambda x: activations.relu(x, negative_slope=0.1, max_value=1.0),
    "AveragePool": lambda x: ops.average_pool(ops.reshape(x, (-1, 2, 2, 1)), 2, 2),
}


def through_json(described):
    return json.loads(json.dumps(described))


def results(model, x):
    y = model.predict(x, verbose=0)
    return [np.asarray(part, "float64") for part in (y if isinstance(y, (list, tuple)) else [y])]


@pytest.mark.parametrize("name", USES)
def test_a_use_of_an_op_comes_back(name):
    x = Input((4,))
    model = Model(x, USES[name](x))
    values = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    described = through_json(serialize_keras_object(model))
    assert name in [entry["class_name"] for entry in described["config"]["layers"]]
    again = deserialize_keras_object(described)
    expected = results(model, values)
    for a, b in zip(results(again, values), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert through_json(serialize_keras_object(again))["config"] == described["config"]


@pytest.mark.skipif(keras is None, reason="Keras is not installed")
@pytest.mark.parametrize("name", USES)
def test_keras_reads_a_use_of_an_op_and_writes_what_minigrad_reads(name):
    x = Input((4,))
    model = Model(x, USES[name](x))
    values = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    theirs = keras.saving.deserialize_keras_object(through_json(serialize_keras_object(model)))
    again = deserialize_keras_object(through_json(keras.saving.serialize_keras_object(theirs)))
    for other in (theirs, again):
        for a, b in zip(results(other, values), results(model, values), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_keras_old_module_of_ops_is_read():
    """Keras writes the file where an op's class stands, `keras.src.ops.numpy`."""
    x = Input((4,))
    described = through_json(serialize_keras_object(Model(x, ops.exp(x))))
    entry = described["config"]["layers"][1]
    assert entry["module"] == "keras.src.ops"
    entry["module"] = "keras.src.ops.numpy"
    again = deserialize_keras_object(described)
    np.testing.assert_allclose(again(np.ones((1, 4))).data, np.exp(np.ones((1, 4))), rtol=1e-6)


@pytest.mark.parametrize("value", [None, False])
def test_a_setting_of_an_op_that_keras_adds_and_leaves_off_is_passed_over(value):
    x = Input((4,))
    described = through_json(serialize_keras_object(Model(x, ops.max(x, axis=1))))
    config = described["config"]["layers"][1]["config"]
    config["newer"] = value
    again = deserialize_keras_object(described)
    np.testing.assert_array_equal(again(np.ones((1, 4))).data, [1.0])
    config["newer"] = True
    with pytest.raises(TypeError, match="newer"):
        deserialize_keras_object(described)


def test_shared_and_nested_layers_come_back_as_one():
    shared = layers.Dense(3, name="shared")
    inside = Input((3,))
    inner = Model(inside, {"b": layers.Dense(2)(inside), "a": inside * 2.0}, name="inner")
    a, b = Input((4,), name="left"), Input((4,), name="right")
    first, second = inner(shared(a)), inner(shared(b))
    model = Model({"right": b, "left": a}, [first["a"] + second["a"], second["b"]])
    again = deserialize_keras_object(through_json(serialize_keras_object(model)))
    assert len(again.weights) == len(model.weights) == 4
    again.set_weights(model.get_weights())
    x = {name: np.random.default_rng(1).normal(size=(5, 4)) for name in ("left", "right")}
    for p, q in zip(results(again, x), results(model, x), strict=True):
        np.testing.assert_array_equal(p, q)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entry: entry.update(class_name="NoSuchOp"), "an op that minigrad has, got NoSuch"),
        (lambda entry: entry["config"].update(rank=4), "rank"),
        (lambda entry: entry["inbound_nodes"][0]["args"][0]["config"].update(
            keras_history=["exp", 0, 0]), "without loops, got one among"),
    ],
)  # fmt: skip
def test_a_graph_that_cannot_be_is_refused(change, message):
    x = Input((4,))
    described = through_json(serialize_keras_object(Model(x, ops.exp(x))))
    change(described["config"]["layers"][1])
    with pytest.raises((ValueError, TypeError), match=message):
        deserialize_keras_object(described)


def test_a_function_that_is_no_op_is_refused_when_written():
    x = Input((4,))
    model = Model(x, minigrad.activations.mish(x))
    with pytest.raises(TypeError, match=r"got mish; write a layer, such as Activation\(function"):
        model.get_config()


def test_a_layer_that_a_sequential_has_twice_comes_back_as_one():
    shared = layers.Dense(4)
    model = minigrad.Sequential([Input((4,)), shared, layers.ReLU(), shared])
    again = deserialize_keras_object(through_json(serialize_keras_object(model)))
    assert again.layers[0] is again.layers[2] and len(again.weights) == 2
    again.set_weights(model.get_weights())
    x = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_array_equal(again(x).data, model(x).data)
