"""Arguments: what is refused by name, and what `repr` shows of them."""

import copy
import re

import numpy as np
import pytest

from minigrad import (
    Model,
    Parameter,
    Sequential,
    callbacks,
    constraints,
    initializers,
    lab,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from minigrad.utils.arguments import Described

pytestmark = pytest.mark.bad_input

MAKERS = {
    "rate": layers.Dropout,
    "momentum": lambda value: layers.BatchNormalization(momentum=value),
    "epsilon": lambda value: layers.BatchNormalization(epsilon=value),
    "negative_slope": layers.LeakyReLU,
    "threshold": lambda value: layers.ReLU(threshold=value),
    "alpha": layers.ELU,
    "l1": regularizers.L1,
    "l2": lambda value: regularizers.L1L2(0.1, value),
    "max_value": constraints.MaxNorm,
    "mean": initializers.RandomNormal,
    "stddev": lambda value: initializers.TruncatedNormal(stddev=value),
    "minval": initializers.RandomUniform,
    "scale": initializers.VarianceScaling,
    "gain": initializers.Orthogonal,
    "learning_rate": optimizers.SGD,
}


@pytest.mark.parametrize("value", ["half", None, True, [0.5], 1j])
@pytest.mark.parametrize("name", MAKERS)
def test_what_is_no_number_is_refused_by_name(name, value):
    with pytest.raises(TypeError, match=f"[A-Z]\\w+: expected .*{name.replace('_', '.')}"):
        MAKERS[name](value)


@pytest.mark.parametrize("value", [np.float32(0.5), np.array(0.5), np.int8(1)])
@pytest.mark.parametrize("name", MAKERS)
def test_numbers_may_be_of_any_type(name, value):
    MAKERS[name](value * 0 if name == "minval" else value)


# --- what repr shows -----------------------------------------------------------------------------

x = layers.Input((3,), name="x")
w = Parameter([1.0, 2.0], name="w")

OPTIONS = {"kernel_initializer": initializers.HeNormal(1), "kernel_regularizer": "l2"}
OPTIONS |= {"trainable": False, "dtype": "float64"}
REPRS = {
    "Dense(units=3, activation=relu, use_bias=True, name='dense', dtype='float32')": (
        lambda: layers.Dense(3, "relu")
    ),
    "Dense(units=3, activation=linear, use_bias=False, kernel_initializer=HeNormal(seed=1), "
    "kernel_regularizer=L2(l2=0.01), name='d', trainable=False, dtype='float64', "
    "input_shape=(None, 2))": (
        lambda: layers.Dense(3, use_bias=False, **OPTIONS, name="d", input_shape=(2,))
    ),
    "MaxPooling2D(pool_size=(2, 2), strides=(2, 2), padding='valid', data_format='channels_last', "
    "name='max_pooling2d', dtype='float32')": layers.MaxPooling2D,
    "Dropout(rate=0.5, name='dropout', dtype='float32')": lambda: layers.Dropout(0.5),
    "LeakyReLU(negative_slope=0.1, name='leaky_re_lu', dtype='float32')": (
        lambda: layers.LeakyReLU(0.1)
    ),
    "Flatten(data_format='channels_last', name='flatten', dtype='float32')": layers.Flatten,
    "Rescaling(scale=<array (2, 3)>, offset=0.0, name='rescaling', dtype='float32')": (
        lambda: layers.Rescaling(np.ones((2, 3)))
    ),
    "Lambda(function=<lambda>, arguments={}, name='lambda', dtype='float32')": (
        lambda: layers.Lambda(lambda x: x)
    ),
    "Sequential(layers=[<Dense 'dense'>, <Dense 'dense_1'>], trainable=True, name='sequential')": (
        lambda: Sequential([layers.Dense(2), layers.Dense(3)])
    ),
    "Model(inputs=[<Symbol, shape=(None, 3), made by 'x'>], outputs=[<Symbol, shape=(None, 2), "
    "made by 'dense'>], name='functional', trainable=True, dtype='float32', "
    "input_shape=(None, 3))": (lambda: Model(x, layers.Dense(2)(x))),
    "Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False, "
    "clipnorm=2.0, name='adam')": lambda: optimizers.Adam(clipnorm=2),
    "SGD(learning_rate=CosineDecay(initial_learning_rate=0.1, decay_steps=9.0, alpha=0.0, "
    "name='CosineDecay', warmup_steps=0.0), momentum=0.0, nesterov=False, name='sgd')": (
        lambda: optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 9), parameters=[w])
    ),
    "Huber(delta=2.0, reduction='sum', name='huber_loss')": lambda: losses.Huber(2.0, "sum"),
    "LossFunctionWrapper(fn=crossentropy, reduction='sum_over_batch_size', "
    "name='crossentropy')": lambda: losses.as_loss("crossentropy"),
    "TopKCategoricalAccuracy(k=3, name='top')": (
        lambda: metrics.TopKCategoricalAccuracy(3, name="top")
    ),
    "Mean(name='mean')": metrics.Mean,
    "EarlyStopping(monitor='loss', min_delta=0.0, patience=3, verbose=0, mode='auto', "
    "restore_best_weights=False, start_from_epoch=0)": (
        lambda: callbacks.EarlyStopping("loss", patience=3)
    ),
    "LambdaCallback(on_epoch_end=print)": lambda: callbacks.LambdaCallback(on_epoch_end=print),
    "History(epochs=0)": callbacks.History,
    "Zeros()": initializers.Zeros,
    "RandomNormal(mean=0.0, stddev=0.2, seed=7)": lambda: initializers.RandomNormal(0, 0.2, 7),
    "L1L2(l1=0.1, l2=0.0)": lambda: regularizers.L1L2(0.1),
    "MaxNorm(max_value=3.0, axis=0)": lambda: constraints.MaxNorm(3),
    "Recorder(every=5)": lambda: lab.Recorder(5),
}


@pytest.mark.parametrize("text", REPRS)
def test_repr_shows_every_setting(text):
    assert repr(REPRS[text]()) == text


def test_repr_shows_a_setting_as_it_is_now():
    optimizer, layer = optimizers.SGD(0.1), layers.Dense(2)
    optimizer.learning_rate.assign(0.5)
    layer.trainable, layer.name = False, "new"
    assert "learning_rate=0.5" in repr(optimizer)
    assert "name='new', trainable=False" in repr(layer)


FAMILIES = [layers, optimizers, optimizers.schedules, losses, metrics, callbacks, initializers]
FAMILIES += [regularizers, constraints]
CLASSES = {
    member
    for family in FAMILIES
    for member in vars(family).values()
    if isinstance(member, type) and issubclass(member, Described)
}


@pytest.mark.parametrize("cls", sorted(CLASSES, key=str), ids=lambda cls: cls.__name__)
def test_repr_never_raises_even_of_what_is_not_yet_made(cls):
    assert repr(cls.__new__(cls)).startswith(f"{cls.__name__}(")


def test_repr_of_what_holds_itself_or_fails_is_short():
    class Own(layers.Layer):
        def __init__(self, inner, weird, many):
            super().__init__()
            self.inner, self.weird, self.many = inner, weird, many

    class Weird:
        def __repr__(self):
            raise RuntimeError

    own = Own(layers.Dense(2), Weird(), list(range(1000)))
    own.inner = own
    assert "inner=..." in repr(own) and "many=[0, 1, 2, 3, 4, 5, ...]" in repr(own)
    assert "<Weird instance" in repr(own) and len(repr(own)) < 200


def test_history_shows_the_last_values():
    model = Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(np.zeros((4, 2)), np.ones((4, 1)), epochs=2, verbose=0)
    assert re.fullmatch(r"History\(epochs=2, loss=0\.\d+\)", repr(history))


def test_a_copy_is_made_without_arguments():
    for original in (layers.Dense(3), optimizers.SGD(0.1), losses.Huber(2.0)):
        assert repr(copy.deepcopy(original)) == repr(original)


def test_a_class_without_arguments_takes_none():
    with pytest.raises(TypeError, match="too many positional arguments; known arguments: none"):
        initializers.Zeros(3)


def test_losses_and_metrics_have_their_options_as_attributes():
    assert losses.Huber(delta=2.0).delta == 2.0
    assert metrics.TopKCategoricalAccuracy(k=3).k == 3


@pytest.mark.parametrize("kind", [TypeError, ValueError])
@pytest.mark.parametrize(
    "call",
    [
        lambda: layers.LeakyReLU(None),
        lambda: layers.Dropout(0.5, noise_shape="x"),
        lambda: layers.Dense(3, unit=4),
        lambda: optimizers.SGD("fast"),
        lambda: callbacks.EarlyStopping(patience="long"),
        lambda: Sequential().add({}),
    ],
)
def test_wrong_types_are_caught_as_in_python_and_as_in_keras(call, kind):
    with pytest.raises(kind, match="expected"):
        call()
