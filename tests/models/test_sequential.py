"""Tests of Sequential: building, training, evaluating, predicting, saving, printing."""

import io
import re
import signal
import sys
import threading

import numpy as np
import pytest

from minigrad import (
    Input,
    Model,
    Sequential,
    Tensor,
    is_grad_enabled,
    layers,
    ops,
    optimizers,
    regularizers,
)
from minigrad import random as minigrad_random
from minigrad.callbacks import HOOKS, EarlyStopping, LambdaCallback, TerminateOnNaN
from minigrad.layers.base import ElementwiseLayer
from minigrad.metrics import MeanMetricWrapper
from minigrad.utils import clear_session
from minigrad.utils.interrupts import interrupts


def data(n=23, features=5, classes=3, seed=1):
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((n, features)).astype(np.float32)
    return x, generator.integers(0, classes, n)


def classifier(features=5, classes=3, learning_rate=0.5, metrics=("accuracy",), **options):
    """A compiled model of one layer."""
    model = Sequential([Input((features,)), layers.Dense(classes, activation="softmax")])
    optimizer = optimizers.SGD(learning_rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=list(metrics), **options)
    return model


def losses_of(model, x, y):
    """The crossentropies of the samples, by NumPy alone, in float64."""
    kernel, bias = model.get_weights()
    z = x.astype(np.float64) @ kernel + bias
    z -= z.max(1, keepdims=True)
    return np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y]


# --- layers and building -------------------------------------------------------------------------


def test_unnamed_layers_and_models_are_numbered_through_the_program():
    for _ in range(2):
        clear_session()
        model = Sequential([layers.Dense(2), layers.Dense(3), layers.ReLU(), layers.Dense(4)])
        model.build((None, 7))
        assert [layer.name for layer in model.layers] == ["dense", "dense_1", "re_lu", "dense_2"]
        assert model.name == "sequential" and Sequential().name == "sequential_1"
        assert [w.path for w in model.weights][2:] == [
            *("dense_1/kernel", "dense_1/bias"),
            *("dense_2/kernel", "dense_2/bias"),
        ]


def test_explicit_names_are_kept_and_must_be_unique():
    model = Sequential([layers.Dense(2, name="dense_1"), layers.Dense(3), layers.Dense(3)])
    assert [layer.name for layer in model.layers] == ["dense_1", "dense", "dense_2"]
    with pytest.raises(ValueError, match="expected layers with unique names, got 'dense_1'"):
        model.add(layers.Dense(2, name="dense_1"))


@pytest.mark.parametrize("first", ["Input", "input_shape", "input_dim", "data", "build"])
def test_weights_are_made_as_soon_as_the_shape_is_known(first):
    x = np.ones((2, 7), np.float32)
    options = {"input_shape": {"input_shape": (7,)}, "input_dim": {"input_dim": 7}}.get(first, {})
    model = Sequential([Input((7,))] if first == "Input" else None)
    model.add(layers.Dense(4, **options))
    model.add(layers.Dense(3))
    assert model.built is (first not in ("data", "build"))
    if first == "data":
        model(x)
    if first == "build":
        model.build((None, 7))
    assert [w.shape for w in model.weights] == [(7, 4), (4,), (4, 3), (3,)]
    assert model.built
    assert model.input_shape == (None, 7)
    assert model.output_shape == (None, 3)
    assert len(model.layers) == 2
    model.add(layers.Dense(1))
    assert model.output_shape == (None, 1)


def test_only_layers_can_be_added():
    for wrong in (layers.Dense, lambda x: x, "dense"):
        with pytest.raises(
            TypeError, match=r"Sequential 'sequential.*': expected an instance of a l"
        ):
            Sequential([wrong])
    with pytest.raises(ValueError, match="expected an Input only as the first layer"):
        Sequential([layers.Flatten(), Input((3,))])
    with pytest.raises(ValueError, match="expected at least one layer"):
        Sequential()(np.ones((2, 3)))


def test_layer_that_does_not_fit_is_not_added():
    model = Sequential([Input((6,)), layers.Dense(3)])
    with pytest.raises(ValueError, match="Conv2D 'conv2d'"):
        model.add(layers.Conv2D(3, 3))
    assert len(model.layers) == 1


def test_first_layer_that_was_exchanged_tells_the_input_shape():
    model = Sequential([layers.Dropout(0.5, input_shape=(5,))])
    model(np.ones((2, 5)))
    model.pop()
    model.add(layers.Dropout(0.5, input_shape=(7,)))
    with pytest.raises(ValueError, match=r"expected an input of shape \(None, 7\)"):
        model(np.ones((2, 5)))


def test_pop_and_get_layer():
    model = Sequential([Input((6,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")])
    assert model.get_layer("b") is model.get_layer(index=1) is model.layers[1]
    assert model.get_layer(index=-2).name == "a"
    for wrong in ({"name": "c"}, {"index": 2}, {}, {"name": "a", "index": 0}):
        with pytest.raises(ValueError, match=r"No such layer: .*Existing layers are: \['a', 'b'\]"):
            model.get_layer(**wrong)
    assert model.pop().name == "b"
    assert model.output_shape == (None, 3)
    model.pop()
    model.add(layers.Dense(4))
    assert model(np.ones((2, 6))).shape == (2, 4)
    model = Sequential([layers.Dense(3)])
    model.build((None, 6))
    model.pop()
    with pytest.raises(ValueError, match="expected at least one layer"):
        model(np.ones((2, 6)))


def test_input_of_another_shape_is_named():
    model = Sequential([Input((4, 5, 1)), layers.Flatten()], name="digits")
    for shape in ((2, 4, 6), (2, 4, 6, 1), (4, 5, 1)):
        with pytest.raises(ValueError) as error:
            model.predict(np.ones(shape), verbose=0)
        assert str(error.value).partition(";")[0] == (
            f"Sequential 'digits': expected an input of shape (None, 4, 5, 1), got {shape}"
        )
    free = Sequential([Input((None, None, 1)), layers.GlobalMaxPooling2D()])
    assert free(np.ones((2, 4, 5, 1))).shape == free(np.ones((2, 9, 7, 1))).shape


@pytest.mark.parametrize(
    ("declared", "given"),
    [((1,), (7,)), ((4,), (7, 4, 1)), ((5, 3, 1), (7, 5, 3)), ((), (7, 1))],
)
def test_an_axis_of_size_1_at_the_end_is_added_or_left_out_as_in_keras(declared, given):
    rows = layers.Reshape((int(np.prod(declared)),))
    model = Sequential([Input(declared), rows, layers.Dense(1)])
    x = np.random.default_rng(1).normal(size=given).astype(np.float32)
    fitting = x.reshape(7, *declared)
    assert np.array_equal(model.predict(x, verbose=0), model.predict(fitting, verbose=0))
    assert model(Input(given[1:])).shape == (None, 1)
    graph = Model(model.inputs, model.outputs)
    assert np.array_equal(graph.predict(x, verbose=0), model.predict(x, verbose=0))
    model.compile("sgd", "mse")
    start = model.get_weights()
    y = x.reshape(7, -1)[:, 0]
    losses = [model.train_on_batch(x, y), model.test_on_batch(x, y)]
    model.set_weights(start)
    assert losses == [model.train_on_batch(fitting, y), model.test_on_batch(fitting, y)]


def test_inputs_and_outputs_are_the_symbols_of_input_and_layers():
    inputs = layers.Input((2,))
    model = Sequential([inputs, layers.Dense(4)])
    assert model.inputs[0] is inputs
    assert model.outputs[0] is model.layers[-1].output
    assert Sequential([inputs, layers.Dense(3)]).inputs[0] is inputs  # one Input of two models
    layer = layers.InputLayer((3,))
    assert layer.symbol() is not None and layer.symbol().shape == (None, 3)  # none is in use


def test_input_shape_of_a_later_layer_is_ignored_as_in_keras():
    first = layers.Dense(3, input_shape=(4,))
    model = Sequential([first, layers.Dense(2, input_dim=7), layers.Dropout(0.1, input_shape=(3,))])
    assert [layer.input_shape for layer in model.layers] == [(None, 4), (None, 3), (None, 2)]
    assert layers.Dense(2, input_shape=(9,))(np.ones((5, 4))).shape == (5, 2)
    with pytest.raises(ValueError, match="expected an input of shape"):
        Sequential([layers.Dense(3, input_shape=(4,))])(np.ones((2, 5)))


def test_call_is_differentiable_and_takes_training():
    model = Sequential([Input((5,)), layers.Dense(3), layers.Dropout(0.5)])
    x = Tensor(np.ones((2, 5), np.float32), requires_grad=True)
    ops.sum(model(x)).backward()
    kernel, bias = model.weights
    assert np.allclose(x.grad, kernel.numpy().sum(1))
    assert np.allclose(bias.grad, 2)
    trained = model(x, training=True).numpy()
    assert np.any(trained == 0)
    assert np.array_equal(model(x).numpy(), model(x.numpy(), training=False).numpy())


def test_float64_model_computes_in_float64():
    ones = layers.Dense(3, dtype="float64", kernel_initializer="ones")
    y = Sequential([ones]).predict(np.full((2, 1), 1 / 3), verbose=0)
    assert y.dtype == np.float64
    assert np.all(y == 1 / 3)


# --- weights -------------------------------------------------------------------------------------


def test_frozen_layers_are_not_trained():
    model = Sequential([Input((5,)), layers.Dense(4), layers.Dense(3)])
    model.layers[0].trainable = False
    assert model.trainable_weights == model.layers[1].weights
    assert model.non_trainable_weights == model.layers[0].weights
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(np.ones((4, 5)), np.ones((4, 3)), verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, False, True, True]
    model.trainable = True
    assert len(model.trainable_weights) == 4
    model.trainable = False
    assert model.trainable_weights == []
    with pytest.warns(UserWarning, match="Sequential 'sequential': it has no weights to train"):
        model.fit(np.ones((4, 5)), np.ones((4, 3)), verbose=0)
    model.add(layers.Dense(2))
    assert model.trainable_weights == []
    assert Sequential([Input((5,)), layers.Dense(4)], trainable=False).trainable_weights == []


def test_weights_are_copied_out_and_in():
    model = classifier()
    weights = model.get_weights()
    weights[0] += 1
    assert not np.array_equal(weights[0], model.get_weights()[0])
    model.set_weights(weights)
    assert np.array_equal(weights[0], model.get_weights()[0])
    with pytest.raises(ValueError, match="set_weights"):
        model.set_weights(weights[:1])


def test_count_params_needs_weights():
    assert classifier().count_params() == 18
    with pytest.raises(ValueError, match="Sequential 'sequential_1': expected build"):
        Sequential([layers.Dense(3)]).count_params()


def test_saved_weights_are_loaded(tmp_path):
    path = tmp_path / "model.weights.npz"
    first, second = classifier(), classifier()
    assert first.weights_hash() != second.weights_hash()
    first.save_weights(path)
    second.load_weights(path)
    assert first.weights_hash() == second.weights_hash()
    with pytest.raises(ValueError, match="dense/kernel"):
        classifier(features=4).load_weights(path)
    with pytest.raises(ValueError, match="unbuilt"):
        Sequential([layers.Dense(3)]).save_weights(path)


def test_hash_depends_on_every_bit_and_not_on_names():
    model = classifier()
    model.set_weights([np.zeros((5, 3)), np.zeros(3)])
    hashes = {model.weights_hash()}
    assert re.fullmatch("[0-9a-f]{64}", *hashes)
    model.set_weights([np.zeros((5, 3)), [0, 0, -0.0]])
    hashes.add(model.weights_hash())
    assert len(hashes) == 2
    model.layers[0].name, model.name = "other", "another"
    assert model.weights_hash() in hashes


def test_hash_depends_on_shapes_and_types():
    hashes = set()
    for shape, dtype in [((4, 1), "float32"), ((1, 4), "float32"), ((2, 1), "float64")]:
        options = {"use_bias": False, "kernel_initializer": "zeros", "dtype": dtype}
        model = Sequential([layers.Dense(shape[1], **options)])
        model.build((None, shape[0]))
        hashes.add(model.weights_hash())
    assert len(hashes) == 3


# --- losses, metrics, weights of samples ---------------------------------------------------------


def test_loss_is_the_mean_over_samples_with_a_smaller_last_batch():
    model = classifier(learning_rate=0.0)
    x, y = data(23)
    expected = losses_of(model, x, y).mean()
    history = model.fit(x, y, batch_size=5, verbose=0).history
    np.testing.assert_allclose(history["loss"], [expected], rtol=1e-6)
    np.testing.assert_allclose(model.evaluate(x, y, 5, verbose=0)[0], expected, rtol=1e-6)
    accuracy = np.mean(model.predict(x, verbose=0).argmax(1) == y)
    np.testing.assert_allclose(history["accuracy"], [accuracy], rtol=1e-12)


def test_training_metrics_are_those_before_the_update():
    model = classifier()
    x, y = data()
    loss, accuracy = model.evaluate(x, y, verbose=0)
    history = model.fit(x, y, batch_size=len(x), verbose=0).history
    np.testing.assert_allclose([*history["loss"], *history["accuracy"]], [loss, accuracy], 1e-6)
    assert model.evaluate(x, y, verbose=0)[0] < 0.99 * loss


def test_training_metrics_are_taken_in_training_mode():
    model = Sequential(
        [Input((5,)), layers.Dropout(1.0), layers.Dense(1, kernel_initializer="ones")]
    )
    model.compile(optimizers.SGD(0.0), "mse")
    x = np.ones((4, 5), np.float32)
    y = np.zeros((4, 1))
    assert model.fit(x, y, verbose=0).history["loss"] == [0.0]
    assert model.evaluate(x, y, verbose=0) == 25.0


def test_penalties_count_in_training_and_in_evaluation():
    model = Sequential(
        [
            Input((5,)),
            layers.Dense(3, kernel_regularizer=regularizers.L2(0.5)),
            layers.Dense(1, kernel_regularizer="l1", activity_regularizer=regularizers.L1(0.25)),
        ]
    )
    model.compile(optimizers.SGD(0.0), "mse")
    x, _ = data(4)
    y = model.predict(x, verbose=0)
    first, _, second, _ = model.get_weights()
    penalty = 0.5 * (first**2).sum() + 0.01 * abs(second).sum() + 0.25 * abs(y).sum() / 4
    np.testing.assert_allclose(model.fit(x, y, verbose=0).history["loss"], [penalty], rtol=1e-5)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), penalty, rtol=1e-5)
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0)
    assert not np.array_equal(model.get_weights()[0], first)


def test_sample_and_class_weights_weigh_the_loss_and_the_weighted_metrics():
    model = classifier(learning_rate=0.0, metrics=["accuracy"], weighted_metrics=["accuracy"])
    x, y = data(7)
    weights = np.array([0.5, 2.0, 1.0])[y]
    right = model.predict(x, verbose=0).argmax(1) == y
    expected = {
        "loss": np.mean(losses_of(model, x, y) * weights),
        "accuracy": right.mean(),
        "weighted_accuracy": (right * weights).sum() / weights.sum(),
    }
    results = [
        model.fit(x, y, 7, sample_weight=weights, verbose=0).history,
        model.fit(x, y, 7, class_weight={0: 0.5, 1: 2.0}, verbose=0).history,
        model.evaluate(x, y, 7, 0, weights, return_dict=True),
        model.train_on_batch(x, y, weights, return_dict=True),
        model.train_on_batch(x, y, class_weight={0: 0.5, 1: 2.0}, return_dict=True),
        model.test_on_batch(x, y, weights, return_dict=True),
    ]
    for result in results:
        assert sorted(result) == sorted(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(result[name], value, rtol=1e-6)
    with pytest.raises(ValueError, match="at the same time"):
        model.fit(x, y, class_weight={0: 0.5}, sample_weight=weights, verbose=0)


def test_validation_data_may_have_weights():
    model = classifier(learning_rate=0.0, metrics=())
    x, y = data(6)
    weights = np.arange(6.0)
    history = model.fit(x, y, validation_data=(x, y, weights), verbose=0).history
    np.testing.assert_allclose(
        history["val_loss"], [np.mean(losses_of(model, x, y) * weights)], 1e-6
    )


def test_names_of_metrics_are_what_the_user_wrote():
    def closeness(y_true, y_pred):
        return np.ones(len(y_true))

    mine = MeanMetricWrapper(closeness, name="loss")
    metrics = ["acc", "sparse_categorical_crossentropy", closeness, mine, "acc"]
    model = classifier(metrics=metrics)
    x, y = data()
    names = ["acc", "sparse_categorical_crossentropy", "closeness", "loss_1", "acc_1"]
    assert list(model.evaluate(x, y, verbose=0, return_dict=True)) == ["loss", *names]
    assert model.metrics_names == ["loss", *names]
    history = model.fit(x, y, verbose=0).history
    assert list(history) == sorted(["loss", *names])
    np.testing.assert_allclose(history["sparse_categorical_crossentropy"], history["loss"], 1e-6)


def test_loss_may_be_a_function_and_have_a_factor():
    def cubic(y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred) ** 3, axis=-1)

    model = Sequential([Input((5,)), layers.Dense(3)])
    model.compile(optimizers.SGD(0.0), cubic, loss_weights=0.5, metrics="mae")
    x, _ = data(4)
    y = np.zeros((4, 3))
    loss, mae = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(loss, 0.5 * np.mean(abs(model.predict(x, verbose=0)) ** 3), 1e-5)
    np.testing.assert_allclose(mae, np.mean(abs(model.predict(x, verbose=0))), 1e-5)


def test_compile_and_loss_are_asked_for():
    model = Sequential([Input((5,)), layers.Dense(3)])
    x, y = data()
    assert model.metrics == []
    for run in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match=r"You must call `compile\(\)` before using the model"):
            run(x, y)
    model.compile("sgd")
    with pytest.raises(ValueError, match="No loss to compute"):
        model.fit(x, y)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="expected targets y for the loss, got None"):
        model.fit(x, verbose=0)
    for wrong in ({"optimizer": "adan"}, {"loss": "mean_sqared_error"}, {"metrics": ["acuracy"]}):
        with pytest.raises(ValueError, match="did you mean"):
            model.compile(**{"loss": "mse", **wrong})


def test_compiling_again_begins_with_a_new_optimizer():
    model = classifier()
    x, y = data()
    model.fit(x, y, verbose=0)
    assert model.optimizer.iterations == 1
    model.compile("adam", "sparse_categorical_crossentropy")
    assert model.optimizer.iterations == 0
    assert isinstance(model.evaluate(x, y, verbose=0), float)


# --- fit -----------------------------------------------------------------------------------------


def test_step_is_gradient_descent_on_the_mean_loss():
    model = Sequential([Input((5,)), layers.Dense(2)])
    model.compile(optimizers.SGD(0.25), "mse")
    x, _ = data(4)
    y = np.ones((4, 2))
    kernel, bias = model.get_weights()
    model.fit(x, y, batch_size=3, shuffle=False, verbose=0)
    for rows in (slice(0, 3), slice(3, 4)):
        error = x[rows] @ kernel + bias - y[rows]
        slope = 2 * error / error.size
        kernel, bias = kernel - 0.25 * x[rows].T @ slope, bias - 0.25 * slope.sum(0)
    for found, expected in zip(model.get_weights(), (kernel, bias), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_gradients_left_by_the_user_do_not_count_and_none_are_left_behind():
    first, second = classifier(), classifier()
    second.set_weights(first.get_weights())
    x, y = data()
    ops.sum(second(x) * 3).backward()
    first.fit(x, y, shuffle=False, verbose=0)
    second.fit(x, y, shuffle=False, verbose=0)
    assert first.weights_hash() == second.weights_hash()
    assert all(weight.grad is None for weight in second.weights)


def test_same_seed_gives_the_same_bits_and_another_seed_others():
    x, y = data()

    def train(seed, shuffle=True):
        minigrad_random.set_random_seed(seed)
        model = Sequential([layers.Dense(9), layers.Dropout(0.5), layers.Dense(3)])
        model.compile("adam", "mse")
        model.fit(x, np.eye(3)[y], batch_size=4, epochs=2, shuffle=shuffle, verbose=0)
        return model.weights_hash()

    assert train(7) == train(7)
    assert len({train(7), train(8), train(7, shuffle=False)}) == 3


def test_every_epoch_has_an_order_of_its_own_unless_shuffle_is_off():
    seen = []

    class Watch(ElementwiseLayer):
        def call(self, x, training=False):
            seen.append(x.numpy()[:, 0].tolist())
            return x

    model = Sequential([Watch(), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.arange(9.0)[:, None]
    model.fit(x, x, batch_size=9, epochs=3, verbose=0)
    assert len(set(map(tuple, seen))) == 3
    assert all(sorted(order) == list(range(9)) for order in seen)
    seen.clear()
    model.fit(x, x, batch_size=9, epochs=2, shuffle=False, verbose=0)
    assert seen == [list(range(9))] * 2


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64, np.float16, bool])
def test_data_of_any_type_are_converted_batch_by_batch(dtype):
    seen = []

    class Watch(ElementwiseLayer):
        def call(self, x, training=False):
            seen.append((x.dtype, len(x)))
            return x

    x = np.random.default_rng(0).integers(0, 2, (7, 5)).astype(dtype)
    before = x.copy()
    _, y = data(7)
    model = Sequential([Watch(), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y.astype(np.uint8), batch_size=3, verbose=0)
    model.evaluate(x, y[:, None], batch_size=3, verbose=0)
    model.predict(x, batch_size=3, verbose=0)
    assert seen == [(np.float32, n) for n in (3, 3, 1)] * 3
    assert np.array_equal(x, before)


def test_history_is_returned_and_kept():
    model = classifier()
    x, y = data()
    history = model.fit(x, y, batch_size=6, epochs=5, initial_epoch=2, verbose=0)
    assert model.history is history
    assert history.model is model
    assert history.epoch == [2, 3, 4]
    assert history.params == {"verbose": 0, "epochs": 5, "steps": 4}
    assert {len(values) for values in history.history.values()} == {3}
    assert all(type(value) is float for values in history.history.values() for value in values)
    assert model.fit(x, y, initial_epoch=3, epochs=3, verbose=0).history == {}


def test_validation_split_leaves_out_the_last_samples():
    model = classifier(learning_rate=0.0, metrics=())
    x, y = data(10)
    history = model.fit(x, y, validation_split=0.25, verbose=0).history
    losses = losses_of(model, x, y)
    np.testing.assert_allclose(history["loss"], [losses[:7].mean()], 1e-6)
    np.testing.assert_allclose(history["val_loss"], [losses[7:].mean()], 1e-6)
    history = model.fit(x, y, validation_split=0.25, validation_data=(x[:1], y[:1]), verbose=0)
    np.testing.assert_allclose(history.history["val_loss"], [losses[0]], 1e-6)
    np.testing.assert_allclose(history.history["loss"], [losses.mean()], 1e-6)


@pytest.mark.parametrize(("freq", "epochs"), [(1, [0, 1, 2, 3, 4]), (2, [1, 3]), ([1, 5], [0, 4])])
def test_validation_is_made_in_the_epochs_asked_for(freq, epochs):
    seen = []
    watch = LambdaCallback(
        on_epoch_end=lambda epoch, logs: "val_loss" in logs and seen.append(epoch)
    )
    x, y = data(4)
    classifier().fit(
        x, y, epochs=5, validation_data=(x, y), validation_freq=freq, callbacks=watch, verbose=0
    )
    assert seen == epochs


def test_validation_batches_are_its_own():
    x, y = data(12)
    for options, expected in [
        ({"batch_size": 4}, 3),
        ({"batch_size": 4, "validation_batch_size": 2}, 6),
        ({"validation_steps": 2, "validation_batch_size": 3}, 2),
    ]:
        batches = []
        watch = LambdaCallback(
            on_test_batch_end=lambda batch, logs, seen=batches: seen.append(batch)
        )
        classifier().fit(x, y, validation_data=(x, y), callbacks=[watch], verbose=0, **options)
        assert batches == list(range(expected))


def test_hooks_are_called_in_keras_order():
    calls = []

    def note(name):
        return lambda *arguments: calls.append((name, *arguments[:-1], sorted(arguments[-1])))

    watch = LambdaCallback(**{name: note(name) for name in HOOKS if "on_batch" not in name})
    model = classifier()
    x, y = data(3)
    model.fit(x, y, batch_size=2, validation_data=(x, y), callbacks=[watch], verbose=0)
    seen, validated = ["accuracy", "loss"], ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert calls == [
        ("on_train_begin", []),
        ("on_epoch_begin", 0, []),
        ("on_train_batch_begin", 0, []),
        ("on_train_batch_end", 0, seen),
        ("on_train_batch_begin", 1, []),
        ("on_train_batch_end", 1, seen),
        ("on_test_begin", []),
        ("on_test_batch_begin", 0, []),
        ("on_test_batch_end", 0, seen),
        ("on_test_batch_begin", 1, []),
        ("on_test_batch_end", 1, seen),
        ("on_test_end", seen),
        ("on_epoch_end", 0, validated),
        ("on_train_end", validated),
    ]
    calls.clear()
    model.predict(x, batch_size=2, callbacks=[watch], verbose=0)
    assert calls == [
        ("on_predict_begin", []),
        ("on_predict_batch_begin", 0, []),
        ("on_predict_batch_end", 0, ["outputs"]),
        ("on_predict_batch_begin", 1, []),
        ("on_predict_batch_end", 1, ["outputs"]),
        ("on_predict_end", []),
    ]
    calls.clear()
    model.evaluate(x, y, callbacks=[watch], verbose=0)
    assert [call[0] for call in calls] == [
        *("on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end")
    ]


def test_batch_logs_are_running_means():
    model = classifier(learning_rate=0.0, metrics=())
    x, y = data(5)
    logs = []
    watch = LambdaCallback(on_train_batch_end=lambda batch, seen: logs.append(seen["loss"]))
    model.fit(x, y, batch_size=2, shuffle=False, callbacks=[watch], verbose=0)
    losses = losses_of(model, x, y)
    np.testing.assert_allclose(logs, [losses[:n].mean() for n in (2, 4, 5)], rtol=1e-6)


def test_what_a_callback_adds_to_the_logs_is_recorded_and_printed(capsys):
    def add(epoch, logs):
        logs["extra"] = epoch + 0.5

    x, y = data()
    callback = LambdaCallback(on_epoch_end=add)
    history = classifier().fit(x, y, callbacks=[callback], verbose=2, epochs=2)
    assert history.history["extra"] == [0.5, 1.5]
    assert capsys.readouterr().out.endswith(" - extra: 1.5000\n")


def test_stop_training_ends_the_epoch_after_the_batch():
    model = classifier()
    x, y = data(12)

    def stop(batch, logs):
        model.stop_training = batch == 1

    options = {"batch_size": 4, "epochs": 5, "verbose": 0, "validation_data": (x, y)}
    history = model.fit(x, y, callbacks=[LambdaCallback(on_train_batch_end=stop)], **options)
    assert history.epoch == [0]
    assert "val_loss" in history.history
    assert model.optimizer.iterations == 2
    assert model.fit(x, y, **options).epoch == [0, 1, 2, 3, 4]


def test_early_stopping_restores_weights_in_fit():
    x, y = data()
    model = classifier(learning_rate=0.0)
    stop = EarlyStopping("loss", patience=2, restore_best_weights=True)
    before = model.weights_hash()
    assert model.fit(x, y, epochs=9, callbacks=[stop], shuffle=False, verbose=0).epoch == [0, 1, 2]
    assert model.weights_hash() == before


@pytest.mark.nan_is_found
def test_loss_that_is_no_number_can_end_training(capsys):
    x, y = data()
    model = classifier()
    with pytest.warns(UserWarning, match="expected a finite loss"):
        history = model.fit(x * np.nan, y, 9, epochs=3, callbacks=[TerminateOnNaN()], verbose=0)
    assert np.isnan(history.history["loss"]).tolist() == [True]
    assert capsys.readouterr().out == "Batch 0: Invalid loss, terminating training\n"


def test_averaged_weights_are_there_at_the_end_of_fit():
    model = Sequential([Input((5,)), layers.Dense(3)])
    model.compile(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    x, _ = data(4)
    seen = []
    watch = LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(model.get_weights()[0])
    )
    model.fit(x, np.ones((4, 3)), batch_size=2, callbacks=[watch], verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], (seen[0] + seen[1]) / 2, rtol=1e-5)


def test_scaled_loss_makes_the_same_step():
    x, y = data()
    first, second = classifier(), classifier()
    second.set_weights(first.get_weights())
    optimizer = optimizers.SGD(0.5, loss_scale_factor=8.0)  # a power of two: the bits stay
    second.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert first.train_on_batch(x, y) == second.train_on_batch(x, y)
    assert first.weights_hash() == second.weights_hash()


def test_environment_limits_epochs_and_steps(monkeypatch):
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "2")
    monkeypatch.setenv("KERAS_MAX_STEPS_PER_EPOCH", "3")
    model = classifier()
    x, y = data(12)
    history = model.fit(x, y, batch_size=1, epochs=5, verbose=0)
    assert history.params == {"verbose": 0, "epochs": 2, "steps": 3}
    assert model.optimizer.iterations == 6
    assert model.fit(x, y, epochs=1, verbose=0).epoch == [0]
    assert model.predict(x, batch_size=2, verbose=0).shape == (6, 3)
    x = np.concatenate([x] * 9)  # 108 samples: more than 3 batches of 32
    assert model.predict(x, verbose=0).shape == (108, 3)
    assert model.predict(x[:0], verbose=0).shape == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.ones((3, 5)), "y": np.ones(2)}, "Data cardinality is ambiguous"),
        ({"x": np.ones((0, 5)), "y": np.ones(0)}, "expected at least one sample, got 0"),
        ({"x": np.ones((3, 4)), "y": np.ones(3)}, r"expected an input of shape \(None, 5\)"),
        ({"x": np.ones((3, 5)), "y": np.ones(3), "batch_size": 0}, "batch_size"),
        ({"x": np.ones((1, 5)), "y": np.ones(1), "validation_split": 0.5}, "not sufficient"),
        ({"x": None}, "Unrecognized data type"),
    ],
)
def test_useless_data_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(**arguments, verbose=0)


def test_generator_trains_as_the_arrays_do():
    first, second = classifier(), classifier()
    second.set_weights(first.get_weights())
    x, y = data(12)
    weights = np.linspace(0, 1, 12)

    def batches():
        for _ in range(2):
            for i in range(0, 12, 5):
                yield x[i : i + 5], y[i : i + 5], weights[i : i + 5]

    first.fit(x, y, 5, epochs=2, sample_weight=weights, shuffle=False, verbose=0)
    second.fit(batches(), epochs=2, steps_per_epoch=3, verbose=0)
    assert first.weights_hash() == second.weights_hash()
    assert second.predict((x[i : i + 5] for i in (0, 5)), verbose=0).shape == (10, 3)
    assert second.evaluate(iter([(x, y)]), verbose=0) == second.evaluate(x, y, verbose=0)


def test_training_ends_when_a_generator_runs_out():
    x, y = data(4)
    model = classifier()
    with pytest.warns(UserWarning, match="ran out of data"):
        history = model.fit(iter([(x, y)] * 3), epochs=3, verbose=0)
    assert history.epoch == [0]
    assert model.optimizer.iterations == 3


# --- Ctrl-C --------------------------------------------------------------------------------------


class Interrupting(ElementwiseLayer):
    """Presses Ctrl-C in the middle of the third step."""

    calls = 0

    def call(self, x, training=False):
        self.calls += 1
        if self.calls == 3:
            signal.raise_signal(signal.SIGINT)
        return x


@pytest.fixture
def ctrl_c():
    """Ctrl-C raises KeyboardInterrupt, even if the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted_model(optimizer="adam"):
    model = Sequential([Input((5,)), layers.Dense(4), Interrupting(), layers.Dense(3)])
    model.compile(optimizer, "mse")
    return model


@pytest.mark.usefixtures("ctrl_c")
def test_interrupt_waits_for_the_end_of_the_step_and_keeps_the_history():
    x, y = data(4)
    y = np.eye(3)[y]
    model, twin = interrupted_model(), interrupted_model()
    twin.layers[1].calls = 99
    twin.set_weights(model.get_weights())
    ends = []
    watch = LambdaCallback(on_train_end=ends.append)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, batch_size=2, epochs=9, shuffle=False, callbacks=[watch], verbose=0)
    assert model.history.epoch == [0]
    assert model.optimizer.iterations == 3
    assert len(ends) == 1
    twin.fit(x, y, batch_size=2, epochs=1, shuffle=False, verbose=0)
    twin.train_on_batch(x[:2], y[:2])
    assert model.weights_hash() == twin.weights_hash()
    assert all(weight.grad is None for weight in model.weights)
    assert model.fit(x, y, epochs=2, verbose=0).epoch == [0, 1]


@pytest.mark.usefixtures("ctrl_c")
def test_interrupt_leaves_the_averaged_weights():
    x, y = data(4)
    model = interrupted_model(optimizers.SGD(0.5, use_ema=True, ema_momentum=0.99))
    before = model.get_weights()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, np.eye(3)[y], epochs=9, verbose=0)
    moved = [abs(a - b).max() for a, b in zip(before, model.get_weights(), strict=True)]
    assert max(moved) > 0


@pytest.mark.usefixtures("ctrl_c")
def test_interrupts_are_held_until_the_block_is_done():
    steps = []
    with pytest.raises(KeyboardInterrupt), interrupts() as hold:
        for step in range(3):
            with hold:
                if step == 1:
                    signal.raise_signal(signal.SIGINT)
                steps.append(step)
    assert steps == [0, 1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("ctrl_c")
def test_interrupts_come_at_once_between_the_blocks():
    steps = []
    with pytest.raises(KeyboardInterrupt), interrupts() as hold:
        with hold:
            steps.append("done")
        signal.raise_signal(signal.SIGINT)
        steps.append("never")
    assert steps == ["done"]


@pytest.mark.usefixtures("ctrl_c")
def test_held_interrupts_let_errors_through():
    with pytest.raises(ZeroDivisionError), interrupts() as hold, hold:
        signal.raise_signal(signal.SIGINT)
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("ctrl_c")
def test_handlers_of_others_are_called_after_the_step():
    calls = []
    signal.signal(signal.SIGINT, lambda *_: calls.append(1))
    with interrupts() as hold, hold:
        signal.raise_signal(signal.SIGINT)
        assert calls == []
    assert calls == [1]  # after the step, as Ctrl-C


def test_fit_works_in_another_thread():
    x, y = data()
    model = classifier()
    thread = threading.Thread(target=model.fit, args=(x, y), kwargs={"verbose": 0})
    thread.start()
    thread.join()
    assert model.optimizer.iterations == 1


# --- evaluate, predict and single batches --------------------------------------------------------


def test_predict_joins_the_batches():
    model = classifier()
    x, _ = data(23)
    whole = model.predict_on_batch(x)
    for batch_size in (None, 1, 5, 23, 99):
        found = model.predict(x, batch_size, verbose=0)
        assert found.shape == (23, 3)
        np.testing.assert_allclose(found, whole, rtol=1e-5)
    assert model.predict(x, 5, steps=2, verbose=0).shape == (10, 3)
    assert isinstance(whole, np.ndarray)


@pytest.mark.parametrize("n", [0, 1])
def test_no_sample_and_one_sample_work(n, capsys):
    x, y = data(n)
    model = Sequential([layers.Dense(3, activation="softmax")])
    assert model.predict(x, verbose=0).shape == (n, 3)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    if n == 0:
        with pytest.raises(ValueError, match="expected at least one sample, got 0"):
            model.evaluate(x, y)
        return
    loss, accuracy = model.evaluate(x, y)
    assert accuracy in (0, 1)
    assert loss > 0


def test_evaluating_and_predicting_record_no_graph_and_change_nothing():
    class Watch(ElementwiseLayer):
        def call(self, x, training=False):
            graphs.append(is_grad_enabled())
            return x

    graphs = []
    model = Sequential([Input((5,)), layers.BatchNormalization(), layers.Dense(3), Watch()])
    model.compile("sgd", "mse")
    before = model.weights_hash()
    watch = LambdaCallback(on_test_batch_end=lambda batch, logs: model(x))
    x, y = data()
    model.evaluate(x, np.eye(3)[y], callbacks=[watch], verbose=0)
    model.predict(x, verbose=0)
    assert model.weights_hash() == before
    assert graphs == [False, True, False]  # a callback may record a graph


def test_evaluate_returns_what_keras_returns():
    x, y = data()
    assert isinstance(classifier(metrics=()).evaluate(x, y, verbose=0), float)
    model = classifier(metrics=["sparse_categorical_crossentropy", "accuracy"])
    results = model.evaluate(x, y, verbose=0)
    named = model.evaluate(x, y, verbose=0, return_dict=True)
    assert list(named) == ["loss", "sparse_categorical_crossentropy", "accuracy"]
    assert results == list(named.values())


def test_single_batches_make_a_step_and_forget_the_ones_before():
    x, y = data()
    model = classifier(learning_rate=0.0)
    expected = model.evaluate(x, y, verbose=0)
    for run in (model.test_on_batch, model.train_on_batch):
        run(x[:5], y[:5])
        assert run(x, y) == expected
    assert model.optimizer.iterations == 2
    assert model.train_on_batch(x, y, return_dict=True)["accuracy"] == expected[1]
    model = classifier()
    assert model.train_on_batch(x, y)[0] > model.train_on_batch(x, y)[0]
    with pytest.raises(ValueError, match="batches: expected at least one sample, got none"):
        model.train_on_batch(x[:0], y[:0])


# --- printing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_where_there_is_no_screen_lines_are_printed(capsys, verbose):
    model = classifier()
    x, y = data()
    model.fit(x, y, 5, epochs=2, validation_data=(x, y), verbose=verbose)
    model.fit(x, y, 5, verbose=verbose)
    model.evaluate(x, y, 5, verbose=verbose)
    model.predict(x, 5, verbose=verbose)
    step = r"5/5 - 0s - \d+[mu]s/step"
    train = r" - accuracy: 0\.\d{4} - loss: \d\.\d{4}"
    validation = r" - val_accuracy: 0\.\d{4} - val_loss: \d\.\d{4}"
    assert re.fullmatch(
        rf"Epoch 1/2\n{step}{train}{validation}\nEpoch 2/2\n{step}{train}{validation}\n"
        rf"{step}{train}\n{step}{train}\n{step}\n",
        capsys.readouterr().out,
    )


@pytest.mark.parametrize(("verbose", "bars"), [("auto", True), (1, True), (2, False)])
def test_a_screen_shows_a_bar_unless_verbose_is_2(monkeypatch, verbose, bars):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", Screen())
    classifier().fit(*data(), verbose=verbose)
    assert ("\r" in sys.stdout.getvalue()) is bars


def test_verbose_0_is_silent(capsys):
    model = classifier()
    x, y = data()
    model.fit(x, y, epochs=2, validation_data=(x, y), verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    assert capsys.readouterr().out == ""


# --- summary -------------------------------------------------------------------------------------


def summary_model():
    return Sequential(
        [
            Input((10, 10, 1)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(
                name="a_batch_normalization_with_a_very_long_name_that_wraps"
            ),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(4),
        ]
    )


def summary_of(model, **options):
    lines = []
    model.summary(print_fn=lambda text: lines.extend(text.split("\n")), **options)
    return lines


def test_summary_is_keras_table(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    model = summary_model()
    assert summary_of(model) == [
        'Model: "sequential"',
        "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓",
        "┃ Layer (type)                         ┃ Output Shape                ┃         Param # ┃",
        "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩",
        "│ conv2d (Conv2D)                      │ (None, 8, 8, 4)             │              40 │",
        "├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤",
        "│ a_batch_normalization_with_a_very_l… │ (None, 8, 8, 4)             │              16 │",
        "│ (BatchNormalization)                 │                             │                 │",
        "├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤",
        "│ batch_normalization                  │ (None, 8, 8, 4)             │              16 │",
        "│ (BatchNormalization)                 │                             │                 │",
        "├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤",
        "│ flatten (Flatten)                    │ (None, 256)                 │               0 │",
        "├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤",
        "│ dense (Dense)                        │ (None, 4)                   │           1,028 │",
        "└──────────────────────────────────────┴─────────────────────────────┴─────────────────┘",
        " Total params: 1,100 (4.30 KB)",
        " Trainable params: 1,084 (4.23 KB)",
        " Non-trainable params: 16 (64.00 B)",
    ]


def test_summary_counts_what_the_optimizer_keeps():
    model = summary_model()
    model.compile("adam", "mse")
    assert "Optimizer" not in summary_of(model)[-1]
    model.fit(np.ones((2, 10, 10, 1)), np.ones((2, 4)), verbose=0)
    totals = summary_of(model)[-4:]
    assert [re.match(r" (\S+) params: ([\d,]+)", line).groups() for line in totals] == [
        ("Total", "3,270"),
        ("Trainable", "1,084"),
        ("Non-trainable", "16"),
        ("Optimizer", "2,170"),  # two moments a parameter, iterations and learning_rate
    ]


@pytest.mark.parametrize(
    ("size", "text"),
    [(255, "1020.00 B"), (256, "1.00 KB"), (262143, "1024.00 KB"), (262144, "1.00 MB")],
)
def test_summary_gives_sizes_in_bytes(size, text):
    model = Sequential([Input((1,)), layers.Dense(size, use_bias=False)])
    assert summary_of(model)[-3] == f" Total params: {size:,} ({text})"


def test_summary_tells_what_is_not_built():
    lines = summary_of(Sequential([layers.Flatten(), layers.Dense(3)]), line_length=60)
    assert lines[4:] == [
        "│ flatten (Flatten)        │ ?                 │         0 │",
        "│                          │                   │ (unbuilt) │",
        "├──────────────────────────┼───────────────────┼───────────┤",
        "│ dense (Dense)            │ ?                 │         0 │",
        "│                          │                   │ (unbuilt) │",
        "└──────────────────────────┴───────────────────┴───────────┘",
        " Total params: 0 (0.00 B)",
        " Trainable params: 0 (0.00 B)",
        " Non-trainable params: 0 (0.00 B)",
    ]


def test_summary_shows_what_is_trained(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    model = summary_model()
    model.layers[0].trainable = False
    lines = summary_of(model, show_trainable=True)
    assert [lines[i] for i in (1, 2, 4, 6, 12)] == [
        "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━"
        "┳━━━━━━━━━━━━━━━━┳━━━━━━━━━┓",
        "┃ Layer (type)                          ┃ Output Shape                  "
        "┃        Param # ┃ Traina… ┃",
        "│ conv2d (Conv2D)                       │ (None, 8, 8, 4)               "
        "│             40 │    N    │",
        "│ a_batch_normalization_with_a_very_lo… │ (None, 8, 8, 4)               "
        "│             16 │    Y    │",
        "│ flatten (Flatten)                     │ (None, 256)                   "
        "│              0 │    -    │",
    ]


def test_summary_fits_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    assert {len(line) for line in summary_of(summary_model())[1:-3]} == {66}
    with pytest.raises(ValueError, match="Insufficient console width to print summary"):
        summary_of(summary_model(), line_length=15)
    positions = summary_of(summary_model(), line_length=88, positions=[0.3, 0.6, 1.0])[1]
    assert [len(part) for part in positions[1:-1].split("┳")] == [25, 24, 35]


def test_summary_shows_a_range_of_layers():
    model = summary_model()
    for names in (["batch.*", "flatten"], ["flatten", "batch.*"]):
        rows = [line for line in summary_of(model, layer_range=names) if "None" in line]
        assert len(rows) == 2
    assert len(summary_of(model, layer_range=("conv2d", "dense"))) == len(summary_of(model))
    for wrong, message in [(["nothing", "dense"], "do not match"), (["dense"], "expected two")]:
        with pytest.raises(ValueError, match=message):
            summary_of(model, layer_range=wrong)


def test_summary_is_ascii_where_the_encoding_has_no_lines(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", stream)
    summary_model().summary(line_length=60)
    stream.flush()
    text = stream.buffer.getvalue().decode("ascii")
    assert "+--------------------------+-------------------+-----------+" in text
    assert "| a_batch_normalization_w~ |" in text


def work_of(model, **options):
    """The rows and the last lines of the second table: operations, bytes of outputs and weights."""
    lines = summary_of(model, show_operations=True, **options)
    lines = lines[len(summary_of(model, **options)) :]
    rows = [re.split(r" *│ *", line)[1:-1] for line in lines if line.startswith("│")]
    return rows, [line for line in lines if line.startswith(" ")]


def notebook_model():
    return Sequential(
        [
            Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, "relu"),
            layers.Dropout(0.5),
            layers.Dense(10, "softmax"),
        ]
    )


def test_summary_counts_operations_and_bytes_of_the_notebooks_network():
    rows, totals = work_of(notebook_model())
    assert rows == [
        ["conv2d", "389,376", "84.50 KB", "1.25 KB"],  # 2 · 26 · 26 · 32 · 9
        ["max_pooling2d", "0", "21.12 KB", "0.00 B"],
        ["dropout", "0", "21.12 KB", "0.00 B"],
        ["flatten", "0", "21.12 KB", "0.00 B"],
        ["dense", "1,384,448", "512.00 B", "2.64 MB"],  # 2 · 5408 · 128
        ["dropout_1", "0", "512.00 B", "0.00 B"],
        ["dense_1", "2,560", "40.00 B", "5.04 KB"],
    ]
    assert totals == [
        " Operations per sample: 1,776,384 forward, 4,939,776 forward and backward",
        " (in kernels, a multiplication and an addition counted as 2)",
    ]
    assert round(60 * 4_939_776 / 1e6) == 296  # millions for the notebook's batch of 60


def test_summary_counts_no_gradients_that_nobody_needs():
    model = Sequential([Input((3,)), *(layers.Dense(n) for n in (5, 7, 11))])
    one, two, three = 2 * 3 * 5, 2 * 5 * 7, 2 * 7 * 11
    assert f"{2 * one + 3 * two + 3 * three} forward and" in work_of(model)[1][0]
    model.layers[0].trainable = False
    assert f"{one + 2 * two + 3 * three} forward and" in work_of(model)[1][0]
    model.layers[1].trainable = False
    assert f"{one + two + 2 * three} forward and" in work_of(model)[1][0]
    model.trainable = True
    model.layers[2].trainable = False
    assert f"{2 * one + 3 * two + 2 * three} forward and" in work_of(model)[1][0]


def test_summary_counts_positions_groups_and_wider_types():
    model = Sequential(
        [
            Input((9, 7, 6)),
            layers.Conv2D(4, (3, 2), strides=2, groups=2, use_bias=False),
            layers.Dense(5, dtype="float64"),
        ]
    )
    rows, _ = work_of(model)
    assert rows[0][1:] == [f"{2 * 4 * 3 * 4 * 3 * 2 * 3:,}", "192.00 B", "288.00 B"]  # 4 x 3 x 4
    assert rows[1][1:] == [f"{2 * 4 * 3 * 4 * 5}", "480.00 B", "200.00 B"]


def test_summary_counts_nothing_where_sizes_are_unknown():
    rows, totals = work_of(Sequential([Input((None, None, 3)), layers.Conv2D(5, 3)]))
    assert (rows, totals) == ([["conv2d", "?", "?", "?"]], [])
    rows, totals = work_of(Sequential([layers.Dense(3)]))
    assert (rows, totals) == ([["dense", "?", "?", "?"]], [])


def test_summary_counts_the_range_shown_but_adds_up_the_model():
    rows, totals = work_of(notebook_model(), layer_range=("dropout", "dense"))
    assert [row[0] for row in rows] == ["dropout", "flatten", "dense", "dropout_1", "dense_1"]
    assert "4,939,776" in totals[0]
