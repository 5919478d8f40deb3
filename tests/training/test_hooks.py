"""The five methods that the loop calls: what a model overrides is what runs."""

import numpy as np
import pytest

from minigrad import (
    Input,
    Model,
    Sequential,
    Tensor,
    layers,
    losses,
    metrics,
    no_grad,
    ops,
    optimizers,
    regularizers,
)
from minigrad.callbacks import Callback, CSVLogger, TerminateOnNaN
from minigrad.lab import Recorder
from minigrad.layers import BatchNormalization, Dense
from minigrad.training.diagnosis import explain_loss
from minigrad.utils import set_random_seed

X = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
Y = np.random.default_rng(1).normal(size=(12, 2)).astype("float32")


class Net(Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = Dense(4, activation="relu"), Dense(2)

    def call(self, x):
        return self.out(self.hidden(x))


def fitted(model, *data, **options):
    model.compile("sgd", "mse", metrics=["mae"])
    return model.fit(*(data or (X, Y)), batch_size=5, verbose=0, **options)


def test_every_overridden_hook_is_what_runs():
    calls = []

    def spy(name):
        def hook(self, *arguments, **options):
            calls.append(name)
            return getattr(super(Watched, self), name)(*arguments, **options)

        return hook

    names = ["train_step", "test_step", "predict_step", "compute_loss", "compute_metrics", "call"]
    Watched = type("Watched", (Net,), {name: spy(name) for name in names})
    model = Watched()
    fitted(model, validation_data=(X[:2], Y[:2]))
    step = ["call", "compute_loss", "compute_metrics"]
    assert calls == [*(["train_step", *step] * 3), "test_step", *step]
    calls.clear()
    model.predict(X, verbose=0)
    model.predict_on_batch(X)
    assert calls == ["predict_step", "call"] * 2
    calls.clear()
    model.train_on_batch(X, Y)
    model.test_on_batch(X, Y)
    assert calls == ["train_step", *step, "test_step", *step]


def test_a_train_step_in_the_manner_of_pytorch_trains_and_its_logs_appear():
    class Own(Net):
        def __init__(self):
            super().__init__()
            self.tracker = metrics.Mean(name="my_loss")

        def train_step(self, data):
            x, y = data
            self.zero_grad()
            loss = losses.MeanSquaredError()(y, self(x, training=True))
            loss.backward()
            weights = self.trainable_weights
            with no_grad():
                self.optimizer.apply([weight.grad for weight in weights], weights)
            self.tracker.update_state(loss.item())
            return {"my_loss": self.tracker.result(), "twice": 2 * loss}

        @property
        def metrics(self):
            return [self.tracker]

    model, twin = Own(), Net()
    twin(X), model(X)
    model.set_weights(twin.get_weights())
    history = fitted(model, shuffle=False, epochs=2).history
    expected = fitted(twin, shuffle=False, epochs=2).history
    assert list(history) == ["my_loss", "twice"]
    assert all(isinstance(value, float) for value in history["twice"])
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert history["my_loss"][1] < history["my_loss"][0]
    assert expected["loss"][1] < expected["loss"][0]


def test_data_are_what_fit_was_given():
    seen = []

    class Own(Net):
        def train_step(self, data):
            seen.append(data)
            return {}

    weights = np.ones(12, "float32")
    for arguments in ((X,), (X, Y), (X, Y, None, weights)):
        model = Own()
        model.compile("sgd")
        keywords = dict(zip(("x", "y", "batch_size", "sample_weight"), arguments, strict=False))
        model.fit(**keywords, shuffle=False, verbose=0)
    assert isinstance(seen[0], np.ndarray)
    assert [type(data) for data in seen[1:]] == [tuple, tuple]
    assert [len(data) for data in seen[1:]] == [2, 3]


def test_a_loss_of_the_models_own_needs_no_loss_in_compile():
    class Encoder(Net):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return ops.mean((y_pred - 1.0) ** 2)

    model = Encoder()
    model.compile("sgd")
    history = model.fit(X, epochs=3, verbose=0).history["loss"]
    assert history[2] < history[0]
    with pytest.raises(ValueError, match="No loss to compute"):
        plain = Net()
        plain.compile("sgd")
        plain.fit(X, Y, verbose=0)


def test_penalties_alone_may_be_trained():
    x = Input((3,))
    model = Model(x, Dense(2, use_bias=False, kernel_regularizer="l2")(x))
    model.compile("sgd")
    before = np.abs(model.layers[1].kernel.numpy()).sum()
    model.fit(X, epochs=3, verbose=0)
    assert np.abs(model.layers[1].kernel.numpy()).sum() < before


def test_a_model_says_whether_it_is_compiled():
    model = Net()
    assert not model.compiled
    model.compile("sgd")
    assert model.compiled


def test_compute_metrics_may_add_logs():
    class Own(Net):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return super().compute_metrics(x, y, y_pred, sample_weight) | {"spread": y_pred.std()}

    history = fitted(Own(), validation_data=(X, Y)).history
    assert {"loss", "mae", "spread", "val_spread"} <= set(history)


def test_result_of_a_metric_may_be_a_dict_of_numbers():
    class Extremes(metrics.Metric):
        def __init__(self):
            super().__init__(name="extremes")
            self.most = self.add_weight(name="most")
            self.count = self.add_weight(name="count")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.most.assign(np.maximum(self.most, np.max(y_true)))
            self.count.assign_add(len(y_true))

        def result(self):
            return {"most": self.most, "count": self.count}

    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse", metrics=[Extremes(), "mae"])
    x, y = np.ones((7, 3)), np.arange(7.0)
    history = model.fit(x, y, batch_size=3, verbose=0, validation_data=(x[:4], y[:4])).history
    assert sorted(history) == sorted(
        [f"{prefix}{name}" for prefix in ("", "val_") for name in ("loss", "mae", "most", "count")]
    )
    assert (history["most"], history["val_most"], history["val_count"]) == ([6], [3], [4])
    _, mae, *others = model.evaluate(x, y, verbose=0)
    assert others == [7, 6]  # as in Keras, behind the metrics' own names, sorted
    assert model.evaluate(x, y, verbose=0, return_dict=True)["most"] == 6
    assert model.get_metrics_result()["mae"] == pytest.approx(mae)


def test_metrics_are_the_losses_mean_those_of_compile_and_own_attributes():
    class Own(Net):
        def __init__(self):
            super().__init__()
            self.extra = [metrics.Mean(name="extra")]

        def train_step(self, data):
            self.extra[0].update_state(3.0)
            return super().train_step(data)

    model = Own()
    history = fitted(model).history
    assert model.metrics_names == ["loss", "mae", "extra"]
    assert history["extra"] == [3.0]
    model.reset_metrics()
    assert model.get_metrics_result()["extra"] == 0.0


@pytest.mark.parametrize("kind", ["training", "evaluating", "predicting"])
def test_a_callback_stops_the_loop_after_the_batch(kind):
    class Stop(Callback):
        batches = 0

        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1
            setattr(self.model, f"stop_{kind}", True)

        on_test_batch_end = on_predict_batch_end = on_train_batch_end

    model, stop = Net(), Stop()
    model.compile("sgd", "mse")
    options = {"batch_size": 3, "verbose": 0, "callbacks": [stop]}
    for _ in range(2):
        if kind == "training":
            model.fit(X, Y, epochs=2, **options)
        elif kind == "evaluating":
            model.evaluate(X, Y, **options)
        else:
            assert len(model.predict(X, **options)) == 3
    assert stop.batches == 2


def test_logs_that_are_no_dict_are_refused():
    class Own(Net):
        def train_step(self, data):
            return 0.5

    with pytest.raises(TypeError, match=r"expected a dict of logs, got 0.5; return self.get_metr"):
        fitted(Own())


# --- several outputs -----------------------------------------------------------------------------


def two_heads(kind):
    x = Input((3,))
    a, b = Dense(2, name="a")(x), Dense(1, name="b")(x)
    if kind == "dict":
        return Model(x, {"a": a, "b": b})
    if kind == "list":
        return Model(x, [a, b])

    class Own(Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = Dense(2), Dense(1)

        def call(self, x):
            return {"a": self.a(x), "b": self.b(x)}

    return Own()


TARGETS = {"a": Y, "b": Y[:, :1] + 1}


@pytest.mark.parametrize("kind", ["list", "dict", "own"])
def test_each_output_has_its_loss_factor_and_metrics(kind):
    model = two_heads(kind)
    given = {"loss": {"a": "mse", "b": "mae"}, "loss_weights": {"a": 0.5, "b": 2.0},
             "metrics": {"a": ["mae"], "b": ["mse", "mae"]}}  # fmt: skip
    y = TARGETS
    if kind == "list":
        given = {name: list(value.values()) for name, value in given.items()}
        y = list(TARGETS.values())
    model.compile("sgd", **given)
    history = model.fit(X, y, batch_size=5, epochs=2, verbose=0, validation_split=0.25).history
    names = ["loss", "a_loss", "b_loss", "a_mae", "b_mse", "b_mae"]
    assert model.metrics_names == names
    assert set(history) == {*names, *(f"val_{name}" for name in names)}
    result = model.evaluate(X, y, verbose=0, return_dict=True)
    outputs = model.predict(X, verbose=0)
    a, b = outputs.values() if isinstance(outputs, dict) else outputs
    expected = {
        "a_loss": ((a - Y) ** 2).mean(), "b_loss": abs(b - Y[:, :1] - 1).mean(),
        "a_mae": abs(a - Y).mean(), "b_mse": ((b - Y[:, :1] - 1) ** 2).mean(),
    }  # fmt: skip
    expected["loss"] = 0.5 * expected["a_loss"] + 2 * expected["b_loss"]
    for name, value in expected.items():
        np.testing.assert_allclose(result[name], value, rtol=1e-5, err_msg=name)


def test_one_loss_is_for_all_outputs_and_none_for_some():
    model = two_heads("list")
    model.compile("sgd", "mse")
    model.fit(X, list(TARGETS.values()), verbose=0)
    assert model.metrics_names == ["loss", "a_loss", "b_loss"]
    model.compile("sgd", ["mse", None])
    before = model.get_layer("b").get_weights()
    with pytest.warns(UserWarning, match=r"Gradients do not exist for \['b/kernel', 'b/bias'\]"):
        model.fit(X, list(TARGETS.values()), verbose=0)
    np.testing.assert_array_equal(before[0], model.get_layer("b").kernel.numpy())


def test_weights_of_samples_may_differ_by_output():
    model = two_heads("list")
    model.compile("sgd", "mse", weighted_metrics=[["mse"], ["mse"]])
    y = list(TARGETS.values())
    zeros, ones = np.zeros(12), np.ones(12)
    result = model.evaluate(X, y, sample_weight=[zeros, ones], verbose=0, return_dict=True)
    assert result["a_loss"] == 0 and result["b_loss"] > 0
    both = model.evaluate(X, y, sample_weight=ones, verbose=0, return_dict=True)
    np.testing.assert_allclose(both["b_loss"], result["b_loss"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": {"a": "mse", "c": "mse"}}, "loss: expected the outputs' names a, b, got 'c'"),
        ({"loss": ["mse"]}, r"loss: expected a list or dict of 2 values, .* \(a, b\), got 1"),
        ({"loss": "mse", "metrics": ["mae"]}, "metrics: expected a list or dict of 2 values"),
    ],
)
def test_structures_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        two_heads("list").compile("sgd", **arguments)


def test_targets_that_do_not_fit_are_refused():
    model = two_heads("list")
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="y: expected a list or dict of 2 values"):
        model.fit(X, Y, verbose=0)


def test_a_sequential_model_in_a_graph_trains_with_dicts_of_inputs():
    a, b = Input((3,), name="a"), Input((2,), name="b")
    trunk = Sequential([layers.Dense(4, activation="relu"), layers.Dense(2)])
    model = Model({"a": a, "b": b}, trunk(a) + Dense(2)(b))
    model.compile("adam", "mse")
    history = model.fit({"a": X, "b": Y}, Y, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_targets_of_the_only_loss_may_stand_alone():
    x = Input((3,))
    y = Dense(2)(x)
    partial, full = Model(x, [y, y, y]), Model(x, [y, y, y])
    partial.compile(loss=[None, "mse", None])
    full.compile(loss=["mse"] * 3)
    expected = full.evaluate(X, [Y] * 3, verbose=0, return_dict=True)["loss"]
    assert partial.evaluate(X, Y, verbose=0) == pytest.approx([expected / 3] * 2, rel=1e-6)
    with pytest.raises(ValueError, match="y: expected a list or dict of 3 values"):
        full.evaluate(X, Y, verbose=0)


# --- metrics and callbacks, as Keras's users write them ------------------------------------------


def test_compute_loss_may_be_without_training():
    class Own(Net):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return super().compute_loss(x, y, y_pred, sample_weight) * 0 + 7

    history = fitted(Own(), validation_data=(X, Y)).history
    assert history["loss"] == history["val_loss"] == [7]


def test_metrics_of_layers_within_are_shown_and_reset_those_of_models_are_not():
    class Counting(layers.Layer):
        def __init__(self):
            super().__init__()
            self.counts = {"rows": metrics.Sum(name="rows")}

        def call(self, inputs):
            self.counts["rows"].update_state(len(inputs))
            return inputs

    class Inner(Model):
        def __init__(self):
            super().__init__()
            self.own = metrics.Sum(name="hidden")
            self.deep = Counting()

        def call(self, x):
            return self.deep(x)

    model = Sequential([Dense(2), Inner()])
    history = fitted(model, epochs=2).history
    assert history["rows"] == [12, 12]
    assert "hidden" not in history
    assert model.metrics_names == ["loss", "mae", "rows"]


class Failing(Callback):
    def __init__(self, error):
        self.error, self.called = error, []

    def on_epoch_end(self, epoch, logs=None):
        raise self.error

    def on_train_end(self, logs=None):
        self.called.append("on_train_end")

    def release(self):
        self.called.append("release")


@pytest.mark.nothing_is_lost
@pytest.mark.parametrize(
    ("error", "called"),
    [(OSError, ["release"]), (KeyboardInterrupt, ["on_train_end", "release"])],
)
def test_an_error_is_no_end_of_training_but_ctrl_c_is(error, called):
    callback = Failing(error)
    with pytest.raises(error):
        fitted(Net(), callbacks=[callback])
    assert callback.called == called


@pytest.mark.nothing_is_lost
def test_an_error_leaves_no_file_open_and_no_recorder_behind(tmp_path):
    model, log, recorder = Net(), CSVLogger(tmp_path / "log.csv"), Recorder()
    with pytest.raises(OSError, match="disk"):
        fitted(model, callbacks=[log, recorder, Failing(OSError("disk"))])
    assert log.file.closed
    assert model.optimizer.observers == []


# --- losses that are not finite ------------------------------------------------------------------


def spoilt_at(step):
    """Targets of which one batch of 4, counted from 0, holds infinity."""
    y = np.zeros((16, 2))
    y[4 * step + 1] = np.inf
    return y


def small_model(**options):
    model = Sequential([Input((3,)), Dense(2)])
    model.compile("sgd", "mse", **options)
    return model


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own
def test_the_first_loss_that_is_not_finite_is_told_once_with_its_place():
    x = np.ones((16, 3))
    with pytest.warns(UserWarning) as told:
        history = small_model().fit(x, spoilt_at(2), 4, epochs=3, shuffle=False, verbose=0)
    message = (
        "fit: expected a finite loss, got inf in epoch 1, step 3; y holds NaN or infinity in 1"
    )
    told = [warning for warning in told if warning.category is UserWarning]
    assert len(told) == 1 and message in str(told[0].message)
    assert told[0].filename == __file__
    assert len(history.epoch) == 3  # it goes on
    with pytest.warns(UserWarning, match="got nan in epoch 1, step 1"):
        small_model().fit(np.nan * x, spoilt_at(0), verbose=0)


@pytest.mark.nan_is_found
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_callback_still_ends_training_at_a_loss_that_is_not_finite():
    with pytest.warns(UserWarning, match="epoch 1, step 2"):
        model = small_model()
        ending = [TerminateOnNaN()]
        model.fit(np.ones((16, 3)), spoilt_at(1), 4, 5, callbacks=ending, shuffle=False, verbose=0)
    assert len(model.history.epoch) == 1


def test_an_own_step_is_told_its_place_alone():
    class Own(Net):
        def train_step(self, data):
            return super().train_step(data) | {"loss": Tensor(np.nan)}

    with pytest.warns(UserWarning, match="got nan in epoch 1, step 1; scale the inputs to about 1"):
        fitted(Own())


def test_the_search_leaves_layers_and_their_averages_as_they_are():
    model = Sequential([Input((3,)), BatchNormalization(), Dense(2)])
    model.compile("sgd", "mse")
    before = [weight.numpy() for weight in model.layers[0].non_trainable_weights]
    found = explain_loss(model, np.ones((4, 3)), np.zeros((4, 2)), None)
    assert found.startswith("all outputs of layers are finite")
    for weight, values in zip(model.layers[0].non_trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight.data, values)
    assert all("call" not in vars(layer) for layer in model.layers)


# --- what changes in the middle of fit -----------------------------------------------------------


class Extra(layers.Layer):
    """A layer that adds a loss once it is told to."""

    factor = 0.0

    def call(self, x):
        if self.factor:
            self.add_loss(ops.sum(x * x) * self.factor)
        return x


def freeze(model):
    model.layers[0].trainable = False


def thaw(model):
    model.layers[3].trainable = True


def replace_call(model):
    kernel, bias = model.layers[2].weights
    model.layers[2].call = lambda x: ops.tanh(x @ kernel + bias)


def train_step_of_its_own(model):
    step = model.train_step
    model.train_step = lambda data: step((data[0] * 0.5, *data[1:]))


CHANGES = {
    "nothing": lambda model: None,
    "freeze": freeze,
    "thaw": thaw,
    "freeze a weight": lambda model: setattr(model.layers[0].kernel, "trainable", False),
    "a layer's loss": lambda model: setattr(model.layers[1], "factor", 0.1),
    "regularizer": lambda model: setattr(model.layers[0].kernel, "regularizer", regularizers.L2()),
    "another regularizer": lambda model: setattr(model.layers[2].kernel, "regularizer", None),
    "constraint": lambda model: setattr(model.layers[0].kernel, "constraint", lambda w: w * 0.5),
    "call": replace_call,
    "compile": lambda model: model.compile(optimizers.SGD(0.1, momentum=0.9), "mae"),
    "learning rate": lambda model: setattr(model.optimizer, "learning_rate", 0.3),
    "weights": lambda model: model.set_weights([w * 0.5 for w in model.get_weights()]),
    "train step": train_step_of_its_own,
    "another layer": lambda model: model.add(Dense(2, kernel_initializer="ones")),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("rule", [optimizers.Adam, optimizers.SGD])
def test_a_change_in_the_middle_of_fit_holds_from_the_next_step_on(change, rule):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))

    def make():
        set_random_seed(1)
        frozen = Dense(4, name="frozen", activation="relu")
        stack = [Dense(4, name="a"), Extra(), Dense(4, kernel_regularizer="l1"), frozen, Dense(2)]
        model = Sequential([Input((3,)), *stack])
        frozen.trainable = False
        model.compile(rule(0.05), "mse")
        return model

    class Changing(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 4:
                if change in ("thaw", "another layer"):  # weights that the optimizer does not know
                    model.compile(rule(0.05), "mse")
                CHANGES[change](model)

    model, other = make(), make()
    model.fit(x, y, batch_size=5, epochs=2, shuffle=False, verbose=0, callbacks=[Changing()])
    for _ in range(2):
        for batch in range(8):
            if batch == 4:
                if change in ("thaw", "another layer"):
                    other.compile(rule(0.05), "mse")
                CHANGES[change](other)
            rows = slice(5 * batch, 5 * batch + 5)
            other.train_on_batch(x[rows], y[rows])
    assert model.weights_hash() == other.weights_hash()
    if change != "nothing":
        same = make()
        same.fit(x, y, batch_size=5, epochs=2, shuffle=False, verbose=0)
        assert model.weights_hash() != same.weights_hash()
