"""What other libraries made: taken by name and config, or refused by name."""

import numpy as np
import pytest

from minigrad import (
    Model,
    Sequential,
    Tensor,
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    ops,
    optimizers,
    regularizers,
)  # fmt: skip
from minigrad.utils.foreign import library_of


def foreign(name, module="tensorflow.python.ops.nn_ops"):
    """A function that another library might have made."""

    def function(x):
        raise AssertionError("it must not be called")

    function.__name__, function.__module__ = name, module
    return function


class ForeignTensor(np.ndarray):
    """An array of which another library thinks that it is a tensor."""


ForeignTensor.__module__ = "tensorflow.python.framework.ops"


def instance(name, config, module="keras.src.optimizers"):
    kind = type(name, (), {"get_config": lambda self: dict(config), "__module__": module})
    return kind()


# --- functions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "module", "own"),
    [
        ("relu", "tensorflow.python.ops.gen_nn_ops", "relu"),
        ("softmax_v2", "tensorflow.python.ops.nn_ops", "softmax"),
        ("identity", "tensorflow.python.ops.array_ops", "linear"),
        ("relu", "keras.src.activations.activations", "relu"),
        ("silu", "jax._src.nn.functions", "silu"),
        ("hardswish", "torch.nn.functional", "hard_silu"),
    ],
)
def test_an_activation_is_taken_by_its_name(name, module, own):
    assert activations.get(foreign(name, module)) is getattr(activations, own)
    layer = layers.Dense(3, activation=foreign(name, module))
    assert layer(np.ones((2, 4))).shape == (2, 3)


def test_other_defaults_are_kept():
    x = Tensor(np.array([-1.5, 0.3, 2.0]))
    leaky = activations.get(foreign("leaky_relu", "torch.nn.functional"))
    np.testing.assert_allclose(leaky(x).data, ops.leaky_relu(x, 0.01).data)
    gelu = activations.get(foreign("gelu", "jax._src.nn.functions"))
    np.testing.assert_array_equal(gelu(x).data, ops.gelu(x, approximate=True).data)
    leaky = activations.get(foreign("leaky_relu"))  # TensorFlow's is Keras's
    np.testing.assert_array_equal(leaky(x).data, ops.leaky_relu(x, 0.2).data)


def test_functions_of_others_are_left_alone():
    own = foreign("relu", "mine")
    assert library_of(own) is None and activations.get(own) is own
    assert library_of(np.ones(3)) is None and library_of("relu") is None


def test_what_the_family_has_not_is_refused():
    with pytest.raises(ValueError, match=r"activation: .* got 'sin'.*tensorflow"):
        activations.get(foreign("sin"))
    layer = instance("LeakyReLU", {"negative_slope": 0.1}, "keras.src.layers.activations")
    with pytest.raises(TypeError, match="got an object of keras's LeakyReLU; write 'leaky"):
        activations.get(layer)


# --- instances -----------------------------------------------------------------------------------


def test_an_instance_is_made_anew_from_its_config():
    config = {"name": "mine", "learning_rate": 0.5, "momentum": 0.9, "clipnorm": None, "foo": None}
    optimizer = optimizers.get(instance("SGD", config))
    assert type(optimizer) is optimizers.SGD and optimizer.name == "mine"
    assert (optimizer.learning_rate, optimizer.momentum) == (0.5, 0.9)


def test_an_entry_that_minigrad_lacks_is_refused():
    with pytest.raises(ValueError, match=r"keras's SGD: expected no foo, .* got 3; leave it out"):
        optimizers.get(instance("SGD", {"foo": 3}))
    with pytest.raises(ValueError, match=r"got 'Ftrl'.*; this one is keras's"):
        optimizers.get(instance("Ftrl", {}))


def test_an_optimizer_that_has_trained_is_refused():
    optimizer = instance("Adam", {})
    optimizer.built, optimizer.iterations = True, 7
    with pytest.raises(ValueError, match="expected one that has not trained, got keras's Adam aft"):
        optimizers.get(optimizer)


@pytest.mark.filterwarnings("ignore")  # Keras's, on JAX
def test_keras_objects_are_those_of_minigrad():
    keras = pytest.importorskip("keras")
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    pairs = [
        (optimizers.get(keras.optimizers.Adam(0.25)), optimizers.Adam(0.25)),
        (optimizers.get(keras.optimizers.RMSprop), optimizers.RMSprop()),
        (losses.as_loss(keras.losses.Huber(2.0)), losses.Huber(2.0)),
        (losses.get(keras.losses.BinaryCrossentropy(from_logits=True)),
         losses.BinaryCrossentropy(from_logits=True)),
        (metrics.get(keras.metrics.Precision(0.25)), metrics.Precision(0.25, dtype="float32")),
        (initializers.get(keras.initializers.HeNormal(3)), initializers.HeNormal(3)),
        (regularizers.get(keras.regularizers.L1L2(0.5, 0.25)), regularizers.L1L2(0.5, 0.25)),
        (constraints.get(keras.constraints.MaxNorm(3)), constraints.MaxNorm(3)),
        (optimizers.SGD(schedule),
         optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 10, 0.9))),
    ]  # fmt: skip
    for taken, own in pairs:
        if hasattr(own, "name"):
            taken.name = own.name
        assert repr(taken) == repr(own)
    model = Sequential([layers.Dense(2)])
    model.compile(
        keras.optimizers.Adam(0.1), keras.losses.MeanSquaredError(),
        metrics=[keras.metrics.MeanAbsoluteError()],
    )  # fmt: skip
    history = model.fit(np.ones((3, 4)), np.ones((3, 2)), verbose=0).history
    assert list(history) == ["loss", "mean_absolute_error"]


def test_a_foreign_layer_is_told_from_a_function():
    layer = instance("Dense", {}, "keras.src.layers.core.dense")
    with pytest.raises(TypeError, match=r"it is keras's: import Dense from minigrad\.layers"):
        Sequential([layer])


# --- tensors -------------------------------------------------------------------------------------


class Net(Model):
    def __init__(self, function, is_last):
        super().__init__()
        self.first, self.second = layers.Dense(3), layers.Dense(1)
        self.function, self.is_last = function, is_last

    def call(self, x):
        x = self.first(x)
        return self.function(self.second(x)) if self.is_last else self.second(self.function(x))


def detour(x):
    """As ``tf.nn.relu`` computes on any array: the gradient is lost."""
    return np.asarray(x).view(ForeignTensor)


@pytest.mark.parametrize(
    ("is_last", "message"),
    [(False, "Dense 'dense_1': expected a tensor of min"), (True, "Net 'net', call: expected a t")],
)
def test_a_foreign_tensor_inside_a_model_is_refused(is_last, message):
    model = Net(detour, is_last)
    with pytest.raises(TypeError, match=f"{message}.*tensorflow's ForeignTensor.*minigrad.ops"):
        model(np.ones((2, 4)))


def test_foreign_tensors_are_data():
    data = np.ones((2, 4)).view(ForeignTensor)
    assert layers.Dense(3)(data).shape == (2, 3)
    model = Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(data, data[:, :1], verbose=0)
    assert model.predict(data, verbose=0).shape == (2, 1)
