"""What a Recorder records of a training, without changing it."""

import numpy as np
import pytest

import minigrad
from minigrad.lab import Recorder
from minigrad.layers import BatchNormalization, Conv2D, Dense, Flatten, Input
from minigrad.layers.base import Layer
from minigrad.models import Model, Sequential
from minigrad.optimizers import SGD

X = np.random.default_rng(2).standard_normal((12, 3)).astype("float32")
Y = np.random.default_rng(3).standard_normal((12, 5)).astype("float32")


def fit(layers, recorder, x=X, y=Y, optimizer="sgd", epochs=1):
    minigrad.utils.set_random_seed(0)
    model = Sequential(layers)
    model.compile(optimizer, "mse")
    model.fit(x, y, batch_size=4, epochs=epochs, verbose=0, callbacks=recorder)
    return model


def test_norms_and_ratios_are_those_of_the_formula():
    minigrad.utils.set_random_seed(0)
    model = Sequential([Input((3,)), Dense(5, bias_initializer="ones")])
    w, b = (weight.numpy().astype("float64") for weight in model.weights)
    model.compile(SGD(0.5), "mse")
    recorder = Recorder(every=1)
    model.fit(X[:4], Y[:4], batch_size=4, verbose=0, callbacks=[recorder])
    error = 2 * (X[:4] @ w + b - Y[:4]) / (4 * 5)
    gw, gb = X[:4].T @ error, error.sum(axis=0)
    assert recorder.gradient_norms == {"dense": [pytest.approx(np.sqrt((gw**2).sum() + gb @ gb))]}
    (ratios,) = recorder.update_ratios["dense"]
    np.testing.assert_allclose(ratios, np.abs(0.5 * gw / w).reshape(-1), rtol=1e-5)
    assert recorder.loss == [pytest.approx(((X[:4] @ w + b - Y[:4]) ** 2).mean())]
    assert (recorder.steps, recorder.learning_rate) == ([1], [0.5])


def test_ratio_of_a_weight_of_zero_is_infinite_unless_it_stays():
    recorder = Recorder()
    x = np.array([[2.0, 0.0, 0.0]])  # no gradient for the second and third row
    fit([Input((3,)), Dense(5, kernel_initializer="zeros")], recorder, x, np.ones((1, 5)))
    (ratios,) = recorder.update_ratios["dense"]
    np.testing.assert_array_equal(ratios, [np.inf] * 5 + [0.0] * 10)


def test_large_layers_are_sampled_over_their_whole_width():
    recorder = Recorder()
    model = fit([Input((3,)), Dense(700), Dense(5)], recorder)
    (ratios,) = recorder.update_ratios["dense"]  # (3, 700)
    assert model.layers[0].kernel.size == 2100
    assert len(ratios) == 420  # each fifth


@pytest.mark.parametrize("use_bias", [True, False])
def test_dead_units_are_those_that_no_sample_activates(use_bias):
    x = np.abs(X)
    penalty = "l2" if use_bias else None  # its gradient must not hide a dead unit
    dense = Dense(8, "relu", use_bias=use_bias, kernel_regularizer=penalty)
    model = Sequential([Input((3,)), dense, Dense(5)])
    kernel = np.ones((3, 8))
    kernel[:, [1, 4, 6]] = -1
    dense.kernel.assign(kernel)
    model.compile(SGD(0.0), "mse")
    recorder = Recorder(every=1)
    model.fit(x, Y, batch_size=4, verbose=0, callbacks=[recorder])
    assert recorder.dead_units == {"dense": [3 / 8] * 3, "dense_1": [0.0] * 3}


def test_dead_filters_of_a_convolution_are_found():
    images = np.abs(np.random.default_rng(4).standard_normal((4, 6, 5, 2)))
    convolution = Conv2D(7, 3, activation="relu")
    model = Sequential([Input((6, 5, 2)), convolution, Flatten(), Dense(5)])
    bias = np.zeros(7)
    bias[2] = -1000
    convolution.bias.assign(bias)
    convolution.kernel.assign(np.ones((3, 3, 2, 7)))
    model.compile(SGD(0.0), "mse")
    recorder = Recorder()
    model.fit(images, Y[:4], verbose=0, callbacks=[recorder])
    assert recorder.dead_units["conv2d"] == [pytest.approx(1 / 7)]


def test_layers_without_kernel_have_no_units_and_those_without_weights_nothing():
    recorder = Recorder()
    fit([Input((3,)), Dense(5), BatchNormalization(), Flatten()], recorder)
    assert list(recorder.gradient_norms) == ["dense", "batch_normalization"]
    assert list(recorder.dead_units) == ["dense"]


def test_records_come_every_so_many_steps():
    recorder = Recorder(every=3)
    model = fit([Dense(5)], recorder, epochs=3)  # built by its first batch
    assert recorder.steps == [1, 4, 7]
    for lists in (recorder.gradient_norms, recorder.update_ratios, recorder.dead_units):
        assert [len(values) for values in lists.values()] == [3]
    assert len(recorder.loss) == len(recorder.learning_rate) == 3
    model.fit(X, Y, batch_size=4, verbose=0, callbacks=[recorder])
    assert recorder.steps == [10]  # a new recording


def test_a_batch_without_a_step_is_no_record():
    recorder = Recorder(every=1)
    fit([Dense(5)], recorder, optimizer=SGD(0.1, gradient_accumulation_steps=2), epochs=2)
    assert recorder.steps == [1, 2, 3]
    assert len(recorder.loss) == 3


def test_frozen_layers_are_left_out():
    recorder = Recorder()
    fit([Dense(4, trainable=False), Dense(5)], recorder)
    assert list(recorder.gradient_norms) == ["dense_1"]


def test_recording_changes_nothing():
    hashes = {
        fit([Dense(4, "relu"), Dense(5)], recorder, optimizer="adam").weights_hash()
        for recorder in (Recorder(every=1), None)
    }
    assert len(hashes) == 1


def test_recorder_stops_looking_when_fit_ends_even_by_an_error():
    class Stop(minigrad.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    model = Sequential([Dense(5)])
    model.compile("sgd", "mse")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, verbose=0, callbacks=[Recorder(), Stop()])
    assert model.optimizer.observers == []


@pytest.mark.parametrize("every", [0, -1, 2.0, "epoch"])
def test_recorder_refuses_other_intervals(every):
    with pytest.raises(ValueError, match=f"Recorder: expected every .* got {every!r}"):
        Recorder(every)


def test_layers_within_layers_are_recorded_under_names_of_their_own(model_of_layers):
    model, names = model_of_layers
    recorder = Recorder()
    model.fit(X, Y, batch_size=4, verbose=0, callbacks=[recorder])
    assert sorted(recorder.gradient_norms) == sorted(recorder.update_ratios) == sorted(names)
    assert sorted(recorder.dead_units) == sorted(set(names) - {"block", "blocks/0", "blocks/1"})
    assert all(0 < norms[0] < np.inf for norms in recorder.gradient_norms.values())


def test_a_model_of_layers_is_recorded_for_its_own_weights_alone():
    class Scaled(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(5)
            self.factor = minigrad.Parameter(np.full(5, 2.0))

        def call(self, x):
            return self.dense(x) * self.factor

    model = Scaled()
    model.compile(SGD(0.0), "mse")
    recorder = Recorder(every=1)
    model.fit(X[:4], Y[:4], verbose=0, callbacks=[recorder])
    assert list(recorder.gradient_norms) == ["scaled", "dense"]
    outputs = model.dense(X[:4]).data
    gradient = (2 * (2 * outputs - Y[:4]) / 20 * outputs).sum(axis=0)
    assert recorder.gradient_norms["scaled"] == [pytest.approx(np.linalg.norm(gradient))]
    model.dense.trainable = False
    model.fit(X[:4], Y[:4], verbose=0, callbacks=[recorder])
    assert list(recorder.gradient_norms) == ["scaled"]


# --- layers that are not minigrad's --------------------------------------------------------------


class WithKernel(Layer):
    """Its kernel is a function, or a weight of an unusual shape; its bias is no weight."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def build(self, input_shape):
        if self.kind == "function":
            self.factor = self.add_weight((), "ones", name="factor")
            self.kernel = lambda x: x * self.factor
        else:
            shape = () if self.kind == "scalar" else input_shape[-1:]
            self.kernel = self.add_weight(shape, "ones", name="kernel")
            self.bias = True

    def call(self, x, training=False):
        return self.kernel(x) if self.kind == "function" else x * self.kernel


@pytest.mark.parametrize(
    ("kind", "dead"), [("function", None), ("scalar", [0.0]), ("vector", [0.0])]
)
def test_layers_of_any_kind_are_recorded(kind, dead):
    recorder = Recorder()
    fit([Input((3,)), WithKernel(kind), Dense(5)], recorder)
    assert len(recorder.gradient_norms["with_kernel"]) == 1
    assert recorder.dead_units.get("with_kernel") == dead


def test_a_frozen_bias_says_nothing_of_dead_units():
    recorder = Recorder(every=1)
    dense = Dense(5)
    dense.build((None, 3))
    dense.bias.requires_grad = False
    dense._weights = [dense.kernel]
    fit([Input((3,)), dense], recorder)
    assert np.isnan(recorder.dead_units["dense"]).all()
