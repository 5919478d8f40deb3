"""Settings of the program: what they change, and what they refuse."""

import numpy as np
import pytest

from minigrad import Input, Model, Sequential, backend, callbacks, config, layers, random, utils


@pytest.fixture(autouse=True)
def settings_are_left_alone(monkeypatch):
    for variable in ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"):
        monkeypatch.setenv(variable, "")  # which notes what to restore
        monkeypatch.delenv(variable)
    yield
    config.set_floatx("float32")
    config.enable_interactive_logging()


def test_floatx_is_the_type_of_layers_and_weights():
    assert config.floatx() == backend.floatx() == "float32"
    config.set_floatx("float64")
    assert random.normal((2,)).dtype == np.float64
    x = Input((3,))
    model = Model(x, layers.Dense(2)(layers.BatchNormalization()(x)))
    assert {weight.dtype.name for weight in model.weights} == {"float64"}
    assert layers.Dense(2, dtype="float32").dtype == np.float32
    assert model(np.ones((2, 3), "float32")).dtype == np.float64
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    assert model.predict(np.ones((2, 3), "int32"), verbose=0).dtype == np.float64
    config.set_floatx("float32")
    assert model.weights[0].dtype == np.float64 and layers.Dense(2).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: config.set_floatx("float16"), "set_floatx: expected .* got 'float16'; "),
        (lambda: config.set_epsilon(1e-3), r"set_epsilon: expected 1e-07.* got 0.001; .*epsilon="),
        (lambda: config.set_image_data_format("channels_first"), r"got 'channels_first'; put the"),
        (lambda: config.set_backend("jax"), "set_backend: expected 'minigrad', got 'jax'; leave"),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_cure(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_so_anyway_is_accepted():
    config.set_epsilon(config.epsilon())
    config.set_image_data_format(config.image_data_format())
    config.set_backend(config.backend())
    config.enable_traceback_filtering()
    assert not config.is_traceback_filtering_enabled()


def test_interactive_logging_chooses_what_fit_prints():
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")

    def verbose():
        seen = callbacks.Callback()
        model.fit(np.ones((4, 3)), np.ones((4, 1)), callbacks=[seen])
        return seen.params["verbose"]

    assert verbose() == 1 and config.is_interactive_logging_enabled()
    utils.disable_interactive_logging()
    assert verbose() == 2 and not utils.is_interactive_logging_enabled()
    utils.enable_interactive_logging()
    assert verbose() == 1


def test_limits_of_epochs_and_steps():
    assert (config.max_epochs(), config.max_steps_per_epoch()) == (None, None)
    config.set_max_epochs(2)
    config.set_max_steps_per_epoch(3)
    assert (config.max_epochs(), config.max_steps_per_epoch()) == (2, 3)
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    data = np.ones((20, 3)), np.ones((20, 1))
    history = model.fit(*data, batch_size=2, epochs=5, verbose=0)
    assert len(history.epoch) == 2 and model.optimizer.iterations == 6
    config.set_max_epochs(None)
    assert config.max_epochs() is None
