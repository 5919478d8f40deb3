"""Models made from Symbols: branches, sharing, ops between layers, nesting, inputs and outputs."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

from minigrad import Input, Model, Sequential, layers, ops
from minigrad.layers import Dense, Flatten
from minigrad.symbolic import Symbol


def data(n, *shape):
    return np.random.default_rng(n).normal(size=(n, *shape)).astype("float32")


def test_a_graph_computes_what_its_layers_and_ops_compute():
    x = Input((4,))
    first, second = Dense(5, activation="relu"), Dense(5)
    h = first(x)
    y = ops.relu(h + second(x) * 2.0)[:, 1:] - 1.0
    model = Model(x, y)
    values = data(3, 4)
    a, b = first(values).data, second(values).data
    np.testing.assert_allclose(model(values).data, np.maximum(a + b * 2, 0)[:, 1:] - 1, rtol=1e-6)
    assert model.output_shape == (None, 4)
    # Keras's order of layers; the names count in the order in which they were made.
    assert [layer.name for layer in model.layers] == ["input_layer", "dense_1", "dense"]


def test_a_list_of_one_is_that_one_as_in_keras():
    x, rows, labels = Input((4,)), data(7, 4), np.arange(7) % 3
    model = Model([x], [Dense(3, activation="softmax", name="kind")(x)])
    assert model([rows]).shape == model(rows).shape == (7, 3)
    assert (model.output_shape, model(Input((4,))).shape) == ((None, 3), (None, 3))
    assert model.predict([rows], verbose=0).shape == (7, 3)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    expected = model.evaluate(rows, labels, verbose=0)
    for y in ([labels], (labels,), {"kind": labels}):
        assert model.evaluate([rows], y, verbose=0) == expected
    with pytest.raises(ValueError, match="expected the outputs' names kind, got 'kin'"):
        model.evaluate(rows, {"kin": labels}, verbose=0)
    stack = Sequential([Input((4,)), Dense(3)])
    assert stack([rows]).shape == stack.predict((rows,), verbose=0).shape == (7, 3)
    with pytest.raises(ValueError, match="expected one input"):
        stack([rows, rows])


def test_a_shared_layer_has_one_set_of_weights_and_adds_its_gradients():
    shared = Dense(2, dtype="float64")
    a, b = Input((3,), dtype="float64"), Input((3,), dtype="float64")
    model = Model([a, b], shared(a) - shared(b))
    assert len(model.weights) == 2
    x, z = np.random.default_rng(0).normal(size=(2, 5, 3))
    model([x, z]).sum().backward()
    np.testing.assert_allclose(shared.kernel.grad, np.tile((x - z).sum(0)[:, None], 2), atol=1e-12)
    np.testing.assert_allclose(shared.bias.grad, [0, 0], atol=1e-12)


def test_order_of_layers_and_weights_is_that_of_keras(golden):
    for graph in golden("keras_graph_orders.json"):
        made = [Dense(3) for _ in range(graph["layers"])]
        values = [Input((3,)) for _ in range(graph["inputs"])]
        for kind, *arguments in graph["steps"]:
            if kind == "dense":
                layer, source = arguments
                values.append(made[layer](values[source]))
            else:
                values.append(values[arguments[0]] + values[arguments[1]])
        model = Model(values[: graph["inputs"]], [values[i] for i in graph["outputs"]])
        order = [made.index(layer) if layer in made else -1 for layer in model.layers]
        owners = [
            next(i for i, layer in enumerate(made) if any(w is weight for w in layer.weights))
            for weight in model.weights
        ]
        assert (order, owners) == (graph["order"], graph["weights"]), graph


def test_inputs_and_outputs_in_lists_and_dicts():
    a, b = Input((2,), name="a"), Input((3,), name="b")
    head = Dense(2, name="head")(a)
    total = head + Dense(2)(b)
    x = {"a": data(5, 2), "b": data(6, 3)[:5]}
    by_list = Model([a, b], [total, head])
    by_dict = Model({"a": a, "b": b}, {"total": total, "head": head})
    expected = by_list([x["a"], x["b"]])
    for got in (by_list(x), by_list((x["a"], x["b"]))):
        np.testing.assert_array_equal(got[0].data, expected[0].data)
    for got in (by_dict(x), by_dict({"b": x["b"], "a": x["a"]}), by_dict([x["a"], x["b"]])):
        assert list(got) == ["head", "total"]
        np.testing.assert_array_equal(got["total"].data, expected[0].data)
    assert by_list.output_names == ["add", "head"]
    assert by_dict.output_names == ["head", "total"]
    outputs = by_dict.predict(x, batch_size=2, verbose=0)
    np.testing.assert_allclose(outputs["head"], expected[1].data, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"expected inputs named \['a', 'b'\], got \['a'\]"):
        by_list({"a": x["a"]})
    with pytest.raises(ValueError, match=r"expected 2 inputs, .*, got 1; give them in a list"):
        by_list(x["a"])


def test_inputs_of_another_shape_are_refused_and_a_missing_last_axis_is_added():
    x = Input((1,), name="price")
    model = Model(x, Dense(2)(x))
    np.testing.assert_array_equal(model(data(4)).data, model(data(4)[:, None]).data)
    with pytest.raises(ValueError, match=r"input 'price': expected shape \(None, 1\), .*\(4, 2\)"):
        model(data(4, 2))


def test_models_are_layers_of_models_to_any_depth():
    inner = Sequential([Input((4,)), Dense(3, activation="relu"), Dense(4)], name="inner")
    x = Input((4,))
    middle = Model(x, inner(x) + x, name="middle")
    z = Input((4,))
    outer = Model(z, middle(middle(z)))
    assert len(outer.weights) == 4
    assert outer.count_params() == inner.count_params()
    values = data(3, 4)
    once = inner(values).data + values
    np.testing.assert_allclose(outer(values).data, inner(once).data + once, rtol=1e-5)
    stack = Sequential([middle, Dense(1)])
    stack.compile("sgd", "mse")
    before = stack.get_weights()
    stack.fit(values, np.ones((3, 1)), verbose=0)
    assert all((a != b).any() for a, b in zip(before, stack.get_weights(), strict=True))


def test_features_come_out_of_a_trained_model():
    model = Sequential([Input((6, 6, 1)), layers.Conv2D(2, 3, name="conv"), Flatten(), Dense(2)])
    features = Model(model.inputs, model.get_layer("conv").output)
    x = data(3, 6, 6, 1)
    np.testing.assert_array_equal(features(x).data, model.layers[0](x).data)
    assert model.layers[0].output.shape == (None, 4, 4, 2)
    assert model.get_layer("conv").input is model.input
    assert model.output is model.layers[-1].output
    late = Sequential([Dense(2)])
    with pytest.raises(AttributeError, match="expected a known input shape, got none yet"):
        assert late.output
    late(data(2, 3))
    assert late.output.shape == (None, 2)
    with pytest.raises(AttributeError, match="never called with a Symbol"):
        assert Dense(3).output


def test_a_model_may_begin_between_symbols():
    x = Input((4,))
    h = Dense(3)(x)
    y = Dense(2)(h)
    tail = Model(h, y)
    assert [layer.units for layer in tail.layers] == [2]
    hidden = data(5, 3)
    np.testing.assert_array_equal(tail(hidden).data, tail.layers[0](hidden).data)


def test_a_functional_twin_has_the_bits_of_the_sequential_one():
    def made():
        return [
            layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(),
            layers.Dropout(0.25, seed=1), Flatten(), Dense(16, activation="relu"),
            layers.Dropout(0.5, seed=2), Dense(3, activation="softmax"),
        ]  # fmt: skip

    class Net(Model):
        def __init__(self):
            super().__init__()
            self.stack = made()

        def call(self, x):
            for layer in self.stack:
                x = layer(x)
            return x

    twins = [Sequential([Input((9, 9, 1)), *made()]), Net()]
    x = Input((9, 9, 1))
    y = x
    for layer in made():
        y = layer(y)
    twins.append(Model(x, y))
    images, labels = data(20, 9, 9, 1), np.arange(20) % 3
    twins[1](images)
    weights = twins[0].get_weights()
    for twin in twins:
        twin.set_weights(weights)
        twin.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        twin.fit(images, labels, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for twin in twins[1:]:
        for a, b in zip(twins[0].get_weights(), twin.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        assert twin.history.history == twins[0].history.history


def test_random_graphs_keep_only_what_they_still_need():
    x = Input((3,))
    values = [Dense(3)(x) for _ in range(2)]
    for _ in range(6):
        values.append(values[-1] + values[-2])
    model = Model(x, values[-1])
    expected = [symbol.call.function(np.ones((1, 3))).data for symbol in values[:2]]
    for _ in range(6):
        expected.append(expected[-1] + expected[-2])
    np.testing.assert_allclose(model(np.ones((1, 3))).data, expected[-1], rtol=1e-5)


def test_training_may_be_fixed_for_a_call():
    x = Input((40,))
    model = Model(x, layers.Dropout(0.5)(x, training=True))
    assert (model(np.ones((3, 40))).data == 0).any()


def test_layers_of_several_results_and_own_layers_in_graphs():
    class Halves(layers.Layer):
        def call(self, x):
            return x[:, :2], x[:, 2:]

    class Attend(layers.Layer):
        def call(self, query, value):
            return query * value

    x = Input((4,))
    left, right = Halves()(x)
    model = Model(x, Attend()(left, right))
    values = data(3, 4)
    np.testing.assert_allclose(model(values).data, values[:, :2] * values[:, 2:])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_of_models_train_apart(copied):
    x = Input((4,))
    h = Dense(3, activation="relu")(x)
    graph = Model(x, ops.relu(Dense(2)(h) + h[:, :2]))
    for model in (graph, Sequential([Input((4,)), layers.Dropout(0.5, seed=1), Dense(2)])):
        model.compile("adam", "mse")
        model.fit(data(6, 4), np.ones((6, 2)), verbose=0, shuffle=False)
        other = copied(model)
        before = model.get_weights()
        other.fit(data(6, 4), np.ones((6, 2)), verbose=0, shuffle=False)
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        model.fit(data(6, 4), np.ones((6, 2)), verbose=0, shuffle=False)
        for a, b in zip(other.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        assert other.optimizer.iterations == 2


# --- errors --------------------------------------------------------------------------------------


def test_outputs_that_do_not_come_from_the_inputs_are_refused():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    with pytest.raises(ValueError, match=r"needs <Symbol, shape=\(None, 3\), made by 'b'>; add"):
        Model(a, Dense(3)(a) + b)
    with pytest.raises(TypeError, match="expected outputs made with Input"):
        Model(a, Dense(2))
    with pytest.raises(TypeError, match="inputs and outputs, or neither, got inputs alone"):
        Model(a)


def test_two_layers_of_one_name_are_refused():
    x = Input((3,))
    y = Dense(3, name="same")(Dense(3, name="same")(x))
    with pytest.raises(ValueError, match="expected layers with unique names, got 'same'"):
        Model(x, y)


def test_a_symbol_has_no_values():
    x = Input((3,), name="x")
    assert isinstance(x, Symbol)
    assert repr(x) == "<Symbol, shape=(None, 3), made by 'x'>"
    for use in (float, bool, len, list, np.asarray):
        with pytest.raises(TypeError, match="'x'>: expected a layer or an op of minigrad"):
            use(x)
    assert (np.exp(x) + np.ones(3)).shape == (None, 3)
    with pytest.raises(TypeError, match=r"np.sort: expected values, got a Symbol"):
        np.sort(x)


def test_a_forgotten_flatten_is_told():
    x = Input((6, 6, 1))
    y = layers.Conv2D(2, 3)(x)
    model = Model(x, Dense(3, activation="softmax")(y))
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="Flatten"):
        model.fit(data(4, 6, 6, 1), np.zeros(4), verbose=0)


def test_models_are_freed_without_the_garbage_collector():
    gc.disable()
    try:
        x = Input((3,))
        model = Model(x, Dense(2)(x))
        model.compile("sgd", "mse")
        model.evaluate(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
        gone = weakref.ref(model.layers[1]), weakref.ref(model)
        del model, x
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()
