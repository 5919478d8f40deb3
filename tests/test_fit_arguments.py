"""What `fit`, `evaluate` and `predict` take, and what they refuse by name."""

import numpy as np
import pytest

from minigrad import Sequential, callbacks, layers, optimizers

pytestmark = pytest.mark.bad_input

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 4)).astype(np.float32)
Y = rng.integers(0, 3, 20)


WEIGHTS = [rng.normal(size=(4, 3)), rng.normal(size=3)]


def model(learning_rate=0.0, **options):
    """A compiled model, always with the same weights."""
    network = Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
    network.set_weights(WEIGHTS)
    loss = "sparse_categorical_crossentropy"
    network.compile(optimizers.SGD(learning_rate), loss, **options)
    return network


def fit(x=X, y=Y, **arguments):
    return model().fit(x, y, verbose=0, **arguments)


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [2.5, "3", -1, None, float("nan"), [2]])
@pytest.mark.parametrize("name", ["epochs", "initial_epoch"])
def test_numbers_of_epochs_are_refused_by_name(name, value):
    with pytest.raises((TypeError, ValueError), match=f"fit: expected {name} as a whole number"):
        fit(**{name: value})


@pytest.mark.parametrize("value", [0, -1, 2.5, "3"])
@pytest.mark.parametrize(
    "name", ["batch_size", "steps_per_epoch", "validation_steps", "validation_batch_size"]
)
def test_sizes_are_refused_by_name(name, value):
    with pytest.raises((TypeError, ValueError), match=rf": expected {name} as a whole number"):
        fit(validation_data=(X, Y), **{name: value})


def test_whole_numbers_of_any_type_are_taken():
    history = fit(
        epochs=np.int64(3), initial_epoch=1.0, batch_size=5.0, steps_per_epoch=np.float32(2),
        validation_data=(X, Y), validation_steps=1.0, validation_batch_size=np.uint8(5),
        validation_freq=np.int64(2),
    )  # fmt: skip
    assert history.epoch == [1, 2]
    assert len(history.history["val_loss"]) == 1
    for name in ("evaluate", "predict"):
        for argument in ("batch_size", "steps"):
            with pytest.raises(ValueError, match=f"expected {argument} as a whole number"):
                getattr(model(), name)(X, verbose=0, **{argument: 0})


@pytest.mark.parametrize("value", [0, -1, 1.5, "1", None])
def test_validation_freq_is_refused_by_name(value):
    with pytest.raises((TypeError, ValueError), match="fit: expected validation_freq as a whole"):
        fit(validation_data=(X, Y), validation_freq=value)


def test_validation_split_is_refused_by_name():
    with pytest.raises(TypeError, match="fit: expected validation_split as float, got 'half'"):
        fit(validation_split="half")


# --- data ----------------------------------------------------------------------------------------


def test_every_validation_evaluates_the_same_first_batches():
    options = {"validation_batch_size": 5, "validation_steps": 1, "epochs": 3}
    losses = fit(validation_data=(X, Y), **options).history["val_loss"]
    assert losses == [model().evaluate(X[:5], Y[:5], verbose=0)] * 3


@pytest.mark.parametrize("name", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_no_samples_are_refused_and_never_a_loss_of_zero(name):
    with pytest.raises(ValueError, match="expected at least one sample"):
        getattr(model(), name)(X[:0], Y[:0])


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_validation_without_samples_is_nan():
    history = fit(validation_data=(X[:0], Y[:0])).history
    assert np.isnan(history["val_loss"]).all()


def test_validation_that_runs_dry_is_nan():
    def batches():
        yield X, Y

    with pytest.warns(UserWarning, match="ran out of data"):
        history = model(metrics=["accuracy"]).fit(
            X, Y, epochs=2, validation_data=batches(), verbose=0
        )
    for name in ("val_loss", "val_accuracy"):
        first, second = history.history[name]
        assert np.isfinite(first) and np.isnan(second)
    with pytest.warns(UserWarning, match="ran out of data"):
        assert np.isnan(model().evaluate(iter([]), verbose=0))


def test_sparse_samples_are_trained_on_as_arrays_are():
    sparse = pytest.importorskip("scipy.sparse", reason="sparse data come from SciPy")
    whole = sparse.csr_matrix(X * (X > 0))
    results = []
    for x in (whole, whole.toarray()):
        network = model(0.5)
        history = network.fit(x, Y, 8, 2, verbose=0, shuffle=False, validation_split=0.25).history
        results.append((history, network.evaluate(x, Y, verbose=0), network.predict(x, verbose=0)))
    assert results[0][:2] == results[1][:2]
    np.testing.assert_array_equal(results[0][2], results[1][2])


def test_sequence_is_shuffled_and_told_of_every_epoch():
    class Batches:
        def __init__(self):
            self.seen, self.epochs = [], 0

        def __len__(self):
            return 5

        def __getitem__(self, i):
            self.seen.append(i)
            return X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4]

        def on_epoch_end(self):
            self.epochs += 1

    for shuffle in (True, False):
        batches = Batches()
        model().fit(batches, epochs=6, shuffle=shuffle, verbose=0)
        epochs = np.reshape(batches.seen, (6, 5))
        assert (np.sort(epochs) == np.arange(5)).all()
        assert (epochs == np.arange(5)).all() != shuffle
        assert batches.epochs == 6


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"class_weight": {"0": 1.0}}, TypeError, "class_weight: expected a key .* got '0'"),
        ({"class_weight": np.ones(3)}, TypeError, "class_weight: expected a dict .* got ndarray"),
        ({"y": None, "class_weight": {0: 1.0}}, ValueError, "class_weight: expected y .* got no y"),
        ({"callbacks": ["stop"]}, TypeError, "an instance of Callback each, got 'stop'"),
        ({"callbacks": [callbacks.EarlyStopping]}, TypeError, r"write EarlyStopping\(\)"),
        ({"callbacks": lambda logs: None}, TypeError, "an instance of Callback each, got <func"),
        ({"validation_data": (X, Y, Y, Y)}, ValueError, "validation_data: expected .* got 4 parts"),
        ({"validation_data": ()}, ValueError, "validation_data: expected .* got 0 parts"),
    ],
)
def test_arguments_are_refused_by_name(arguments, error, message):
    with pytest.raises(error, match=message):
        fit(**arguments)


# --- logs and names ------------------------------------------------------------------------------


def test_callbacks_may_log_what_is_no_number(tmp_path, capsys):
    class Notes(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs |= {"note": "hi", "array": np.ones(2), "none": None}

    logger = callbacks.CSVLogger(tmp_path / "log.csv")
    history = model().fit(X, Y, epochs=2, callbacks=[Notes(), logger], verbose=2).history
    assert history["note"] == ["hi", "hi"] and history["none"] == [None, None]
    assert "note: hi" in capsys.readouterr().out


def test_same_metric_with_weights_is_named_after_them():
    network = model(metrics=["accuracy"], weighted_metrics=["accuracy"])
    names = network.evaluate(X, Y, verbose=0, return_dict=True)
    assert list(names) == ["loss", "accuracy", "weighted_accuracy"]


def test_learning_rate_is_a_variable_of_the_model():
    network = model(0.5)
    network.optimizer.learning_rate.assign(0.0)
    before = network.get_weights()
    network.fit(X, Y, verbose=0)
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("value", ["half", True, float("nan"), [0.5, 0.5]])
def test_loss_weights_are_refused_by_name(value):
    with pytest.raises((TypeError, ValueError), match="loss_weights"):
        model(loss_weights=value)


def test_numbers_beyond_all_floats_are_answered():
    class Ending(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    assert fit(epochs=10**400, callbacks=[Ending()]).epoch == [0]
    with pytest.raises(TypeError, match="expected a number as the weight of class 0"):
        fit(class_weight={0: 10**400})


def test_predicting_without_a_batch_is_an_error_of_its_own():
    with (
        pytest.warns(UserWarning, match="ran out of data"),
        pytest.raises(ValueError, match="predict: expected at least one batch, got none"),
    ):
        model().predict(iter([]), verbose=0)


def test_a_step_may_log_what_is_no_number():
    class Own(Sequential):
        def train_step(self, data):
            logs = super().train_step(data)
            return logs | {"note": "1.5", "none": None, "several": np.ones(2), "one": np.ones(())}

    network = Own([layers.Dense(3, activation="softmax")])
    network.compile("sgd", "sparse_categorical_crossentropy")
    history = network.fit(X, Y, verbose=2).history
    assert (history["note"], history["none"], history["one"]) == (["1.5"], [None], [1.0])
    assert history["several"][0].tolist() == [1, 1]
