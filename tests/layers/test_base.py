"""The base of all layers: building, names, weights, penalties, errors, and user-defined layers."""

import gc
import weakref

import numpy as np
import pytest

from minigrad import Input, Model, Sequential, Tensor, layers
from minigrad.layers import Layer
from minigrad.saving import load_model


class Scale(Layer):
    """The example of Layer's docstring."""

    def build(self, input_shape):
        self.factor = self.add_weight(input_shape[-1:], "ones", name="factor")

    def call(self, x, training=False):
        return x * self.factor


# --- user-defined layers -----------------------------------------------------------------------


def test_own_layer_needs_only_build_and_call():
    layer = Scale()
    x = np.arange(6.0).reshape(2, 3)
    y = layer(x)
    y.sum().backward()
    np.testing.assert_array_equal(y.numpy(), x)
    np.testing.assert_array_equal(layer.factor.grad, x.sum(axis=0))
    assert layer.factor.path == "scale/factor"
    assert layer.built
    assert layer.input_shape == (None, 3)
    assert layer.output_shape == (None, 3)
    assert repr(layer) == (
        "Scale(name='scale', trainable=True, dtype='float32', input_shape=(None, 3))"
    )


def test_own_layer_finds_its_output_shape_by_trying():
    class Pairs(Layer):
        def call(self, x, training=False):
            return x.reshape(-1, x.shape[1] // 2, 2)

    assert Pairs().compute_output_shape((None, 6)) == (None, 3, 2)
    assert Pairs(input_shape=(8,)).output_shape == (None, 4, 2)
    assert Pairs().compute_output_shape((None, None)) == (None, None, 2)


def test_own_layer_extends_a_layer():
    class ScaledDense(layers.Dense):
        def __init__(self, units, first, **kwargs):
            super().__init__(units, **kwargs)
            self.first = first

        def build(self, input_shape):
            super().build(input_shape)
            self.factor = self.add_weight((), self.make_factor, name="factor")

        def make_factor(self, shape, dtype):
            return np.full(shape, self.first, dtype)

        def call(self, x, training=False):
            return self.factor * super().call(x, training)

    layer = ScaledDense(3, first=2.0, activation="relu")
    x = np.random.default_rng(0).normal(size=(4, 5))
    y = layer(x)
    assert [w.name for w in layer.weights] == ["kernel", "bias", "factor"]
    expected = 2 * np.maximum(x @ layer.kernel.numpy(), 0)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_own_layer_without_call_says_so():
    with pytest.raises(NotImplementedError, match="Layer: call"):
        Layer()(np.zeros((2, 3)))


def test_own_layer_gets_training():
    class Switch(Layer):
        def call(self, x, training=False):
            return x * float(training)

    assert float(Switch()(np.ones((1,)), training=True)) == 1.0
    assert float(Switch()(np.ones((1,)))) == 0.0


# --- building ------------------------------------------------------------------------------------


def test_build_makes_weights_once():
    layer = layers.Dense(3)
    layer.build((None, 5))
    kernel = layer.kernel
    layer.build((7, 5))
    layer(np.zeros((2, 5)))
    assert layer.kernel is kernel
    assert len(layer.weights) == 2
    with pytest.raises(ValueError, match=r"size 5 on axis -1, got \(None, 4\)"):
        layer.build((None, 4))


def test_build_counts_no_batch():
    layer = Scale()
    layer.build((17, 3))
    assert layer.input_shape == (None, 3)


@pytest.mark.parametrize("ending", [".npz", ".weights.h5"])
def test_weights_of_one_name_stay_apart_in_files(tmp_path, ending):
    class Twice(Layer):
        def build(self, input_shape):
            self.rows = [self.add_weight((2,), "normal", name="w") for _ in range(2)]

        def call(self, x):
            return x * self.rows[0] + self.rows[1]

    if ending == ".weights.h5":
        pytest.importorskip("h5py")
    first, second = (Sequential([Input((2,)), Twice()]) for _ in range(2))
    assert [weight.path for weight in first.layers[0].weights] == ["twice/w", "twice/w"]
    first.save_weights(tmp_path / f"two{ending}")
    second.load_weights(tmp_path / f"two{ending}")
    assert first.weights_hash() == second.weights_hash()
    assert (second.weights[0].data != second.weights[1].data).any()


def test_add_weight_default_name_initializer_and_options():
    layer = Layer()
    first = layer.add_weight((2, 3))
    second = layer.add_weight((4,), "zeros", trainable=False, constraint="non_neg")
    assert [w.path for w in layer.weights] == ["layer/weight_0", "layer/weight_1"]
    assert first.requires_grad
    assert np.abs(first.numpy()).max() <= np.sqrt(6 / 5)  # glorot_uniform
    assert not second.requires_grad
    assert second.constraint is not None


def test_add_weight_takes_what_keras_takes():
    layer = layers.Layer()
    shape = np.array([2, 3])
    weight = layer.add_weight(
        shape, None, "float64", False, autocast=False, aggregation="mean", name="w"
    )
    assert (weight.shape, weight.dtype, weight.trainable) == ((2, 3), np.float64, False)
    assert np.abs(weight.numpy()).max() <= np.sqrt(6 / 5)  # None: glorot_uniform
    assert layer.add_weight(None).shape == ()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("w", (2,)), ValueError, "and the name as a keyword argument, name=..., got 'w'"),
        ((5,), TypeError, "expected a tuple of ints as shape, and as dtype float32 or float64, go"),
        (
            ((2,), None, "int32"),
            TypeError,
            "dtype float32 or float64 of 'weight_0', got 'int32'; w",
        ),
        (((2,), None, "half-precision"), TypeError, "as dtype float32 or float64, got"),
    ],
)
def test_add_weight_refuses_with_the_cure(arguments, error, message):
    with pytest.raises(error, match=message):
        layers.Layer().add_weight(*arguments)


def test_add_weight_tells_the_arguments_of_keras_2():
    message = "add_weight: multiple values for argument 'shape'; known arguments: shape, .*, name"
    for kind in (TypeError, ValueError):  # Python's, and Keras's
        with pytest.raises(kind, match=message):
            layers.Layer().add_weight("matrix", shape=(3, 4))


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dropout(0.5),
        lambda: layers.ReLU(),
        lambda: layers.MaxPooling2D(),
        lambda: layers.GlobalAveragePooling1D(),
        lambda: layers.GaussianNoise(0.1),
    ],
)
def test_layers_without_weights_are_built_from_the_beginning(make):
    layer = make()
    assert layer.built
    assert layer.count_params() == 0
    assert layer.input_shape is None
    shape = {3: (5, 4, 3), 4: (5, 4, 4, 3)}.get(layer.rank, (5, 3))
    layer(np.ones(shape))
    assert layer.input_shape == (None, *shape[1:])


def test_a_layer_built_without_a_shape_keeps_its_weights():
    class Own(Layer):
        def build(self, input_shape):
            self.w = self.add_weight((3,), "ones", name="w")

        def call(self, x):
            return x * self.w

    layer = Own()
    layer.build(None)
    weight = layer.w
    layer(np.ones((2, 3)))
    assert layer.w is weight
    assert len(layer.weights) == 1


def test_layers_that_may_have_weights_are_built_by_a_call():
    class Own(layers.Dropout):
        def build(self, input_shape):
            self.w = self.add_variable(input_shape[1:], "ones")

    layer = Own(0.5)
    assert not layer.built
    layer(np.ones((2, 3)))
    assert layer.built
    assert layer.w.shape == (3,)
    assert not layers.BatchNormalization().built


def test_layers_have_the_attributes_that_keras_gives_them():
    layer = layers.Dense(2, dtype="float64")
    for dtype in (layer.dtype, layer.compute_dtype, layer.variable_dtype, layer.dtype_policy):
        assert dtype == "float64"
        assert dtype.name == "float64"
    assert layer.input_spec is None
    layer.supports_masking = layer.stateful = False
    assert not layer.supports_masking
    assert layer(inputs=np.ones((3, 4))).shape == (3, 2)


def test_layer_seed_gives_the_same_first_weights():
    from minigrad.random import set_random_seed

    def kernel():
        set_random_seed(7)
        layer = layers.Dense(3)
        layer.build((None, 5))
        return layer.kernel.numpy()

    np.testing.assert_array_equal(kernel(), kernel())


# --- types ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float64, np.dtype("float32")])
def test_layer_converts_arrays_to_its_type(dtype):
    layer = layers.Dense(3, dtype=dtype)
    for x in (np.ones((2, 5), np.uint8), np.ones((2, 5), np.float16), [[1, 2, 3, 4, 5]]):
        assert layer(x).dtype == np.dtype(dtype)


def test_layer_keeps_its_type_whatever_an_initializer_returns():
    weight = Layer().add_weight((2,), lambda shape, dtype: np.ones(shape, np.float64))
    assert weight.dtype == np.float32


def test_layer_refuses_other_types():
    with pytest.raises(TypeError, match="expected dtype float32 or float64, got 'float16'"):
        layers.Dense(3, dtype="float16")(np.zeros((2, 5)))
    with pytest.raises(TypeError, match="in layer 'dense_1'"):
        layers.Dense(3)(np.array([["a", "b"]]))


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "arguments", "name"),
    [
        (layers.Dense, (2,), "dense"),
        (layers.Conv2D, (2, 3), "conv2d"),
        (layers.MaxPool2D, (), "max_pooling2d"),
        (layers.AvgPool2D, (2,), "average_pooling2d"),
        (layers.GlobalAvgPool2D, (), "global_average_pooling2d"),
        (layers.BatchNormalization, (), "batch_normalization"),
        (layers.InputLayer, ((3,),), "input_layer"),
        (layers.LeakyReLU, (), "leaky_re_lu"),
    ],
)
def test_automatic_name_is_that_of_keras(kind, arguments, name):
    layer = kind(*arguments)
    assert layer.name == name
    assert layer.has_automatic_name
    assert not kind(*arguments, name="mine").has_automatic_name


def test_renaming_a_layer_renames_its_weights():
    layer = layers.Dense(3)
    layer.build((None, 2))
    layer.name = "dense_1"
    assert [w.path for w in layer.weights] == ["dense_1/kernel", "dense_1/bias"]
    for name in ("a/b", "", 3):
        with pytest.raises(ValueError, match="expected a name without '/'"):
            layer.name = name


# --- weights -------------------------------------------------------------------------------------


def test_weights_survive_a_round_trip_and_are_copies():
    layer, other = layers.Dense(3), layers.Dense(3)
    layer.build((None, 2))
    other.build((None, 2))
    saved = layer.get_weights()
    other.set_weights(saved)
    saved[0][...] = 0
    np.testing.assert_array_equal(other.kernel.numpy(), layer.kernel.numpy())
    assert np.abs(layer.kernel.numpy()).min() > 0


def test_set_weights_lists_what_differs_and_changes_nothing():
    layer = layers.Dense(3)
    with pytest.raises(ValueError, match=r"for no weights \(build the model first\), got 1"):
        layer.set_weights([np.zeros((2, 3))])
    layer.build((None, 2))
    before = layer.get_weights()
    with pytest.raises(ValueError, match="expected arrays for dense/kernel, dense/bias, got 1"):
        layer.set_weights([np.zeros((2, 3))])
    with pytest.raises(ValueError, match=r"expected shapes dense/bias \(3,\), got \(4,\)$"):
        layer.set_weights([np.zeros((2, 3)), np.zeros(4)])
    with pytest.raises(ValueError, match=r"dense/kernel \(2, 3\), got \(3, 2\); dense/bias"):
        layer.set_weights([np.zeros((3, 2)), np.zeros(4)])
    with pytest.raises(TypeError):
        layer.set_weights([np.zeros((2, 3)), ["a", "b", "c"]])
    for weight, old in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_count_params_needs_weights():
    with pytest.raises(ValueError, match="Dense 'dense': expected build"):
        layers.Dense(3).count_params()
    layer = layers.Dense(3)
    layer.build((None, 2))
    assert layer.count_params() == 9


# --- freezing and penalties ----------------------------------------------------------------------


def test_frozen_layer_passes_the_gradient_on():
    layer = layers.Dense(3, trainable=False)
    x = Tensor(np.ones((2, 5), np.float32), requires_grad=True)
    layer(x).sum().backward()
    assert layer.kernel.grad is None
    np.testing.assert_allclose(x.grad[0], layer.kernel.numpy().sum(axis=1), rtol=1e-5)


def test_losses_are_the_penalties_of_weights_and_activity():
    layer = layers.Dense(
        3,
        kernel_regularizer="l2",
        bias_regularizer="l1",
        activity_regularizer="l2",
        bias_initializer="ones",
        dtype="float64",
    )
    x = np.arange(8.0).reshape(4, 2)
    y = layer(x).numpy()
    losses = layer.losses
    expected = [0.01 * (layer.kernel.numpy() ** 2).sum(), 0.01 * 3, 0.01 * (y**2).sum() / 4]
    np.testing.assert_allclose([loss.item() for loss in losses], expected, rtol=1e-12)
    sum(losses[1:], losses[0]).backward()
    np.testing.assert_allclose(layer.bias.grad, 0.01 + 0.02 * y.sum(axis=0) / 4, rtol=1e-12)
    layer.trainable = False
    assert len(layer.losses) == 1  # the weights' penalties are those of trained weights
    assert layers.Dense(3).losses == []


def test_activity_penalty_of_an_empty_batch_is_zero():
    layer = layers.Dense(3, activity_regularizer="l2")
    layer(np.zeros((0, 2)))
    assert [loss.item() for loss in layer.losses] == [0]


# --- errors --------------------------------------------------------------------------------------


def test_error_inside_a_layer_has_a_note_with_its_name_and_input():
    class Broken(Layer):
        def call(self, x, training=False):
            return x @ np.zeros((9, 9))

    with pytest.raises(ValueError) as caught:
        Broken(name="middle")(np.zeros((2, 3)))
    assert caught.value.__notes__[-1] == "in layer 'middle' (Broken), input shape: (2, 3)"


def test_layer_refuses_a_scalar():
    with pytest.raises(ValueError, match=r"Flatten 'flatten': .*at least 1 axes.* got \(\)"):
        layers.Flatten()(3.0)


def test_layer_checks_every_input_that_differs_from_the_last():
    layer = layers.Dense(2)
    x = np.ones((3, 5))
    for _ in range(2):
        layer(x)
        for wrong in (x[:, :4], x[:2, :4], x[:, 0]):
            with pytest.raises(ValueError, match="Dense 'dense': expected an input of"):
                layer(wrong)
    assert layer(x[:2]).shape == (2, 2)


def test_layer_that_is_no_longer_built_is_built_again():
    layer = layers.Dense(2, use_bias=False)
    layer(np.ones((3, 5)))
    layer.built, layer._weights = False, []
    layer(np.ones((3, 5)))
    assert [weight.path for weight in layer.weights] == ["dense/kernel"]


def test_layer_is_freed_without_the_garbage_collector():
    gc.disable()
    try:
        layer = layers.Conv2D(2, 3, activation="relu", activity_regularizer="l2")
        layer(np.zeros((2, 5, 5, 1)))
        gone = weakref.ref(layer)
        del layer
        assert gone() is None
    finally:
        gc.enable()


# --- build with several shapes -------------------------------------------------------------------


class Attend(Layer):
    def build(self, value_shape, query_shape, mask_shape=None):
        self.shapes = query_shape, value_shape, mask_shape
        self.w = self.add_weight((query_shape[-1], value_shape[-1]), name="w")

    def call(self, query, value, mask=None):
        return query @ self.w + value


def test_build_gets_the_shapes_of_call_by_their_names():
    query, value = np.ones((4, 3)), np.ones((4, 2))
    for call in (
        lambda layer: layer(query, value),
        lambda layer: layer(query, value=value),
        lambda layer: layer(query=query, value=value),
    ):
        layer = Attend()
        assert call(layer).shape == (4, 2) and layer.w.shape == (3, 2)
        assert layer.shapes == ((None, 3), (None, 2), None)
    layer = Attend()
    layer(query, value, mask=np.ones((4, 1)))
    assert layer.shapes[2] == (None, 1)
    layer = Attend()
    layer.build((None, 2), (None, 3))
    assert layer.w.shape == (3, 2)


def test_build_gets_the_shapes_of_symbols(tmp_path):
    x, y = Input((3,)), Input((2,))
    layer = Attend()
    model = Model([x, y], layer(x, y))
    arrays = np.ones((5, 3)), np.ones((5, 2))
    assert model(list(arrays)).shape == (5, 2)
    assert layer.shapes == ((None, 3), (None, 2), None)
    model.save(tmp_path / "two.keras")
    again = load_model(tmp_path / "two.keras", {"Attend": Attend})
    np.testing.assert_array_equal(again(list(arrays)).data, model(list(arrays)).data)
    assert again.layers[-1].shapes == layer.shapes


@pytest.mark.parametrize("names", ["x_shape, units", "x_shape, other_shape", "a_shape, b_shape"])
def test_build_refuses_names_that_call_does_not_have(names):
    space = {"Layer": Layer}
    exec(
        f"class Odd(Layer):\n    def build(self, {names}): pass\n"
        "    def call(self, x, y): return x + y",
        space,
    )
    message = r"Odd 'odd.*': expected build to have arguments among x_shape, y_shape, got '"
    with pytest.raises(ValueError, match=message):
        space["Odd"]()(np.ones((2, 3)), np.ones((2, 3)))
