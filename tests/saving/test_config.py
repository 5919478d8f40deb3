"""Configs: every class is made again from its own, and reads and writes what Keras does."""

import importlib
import json

import numpy as np
import pytest

import minigrad
from minigrad import initializers, layers, losses, optimizers
from minigrad.saving import (
    custom_object_scope,
    deserialize_keras_object,
    register_keras_serializable,
    serialize_keras_object,
)
from minigrad.utils import config

try:
    import keras
except ImportError:
    keras = None

needs_keras = pytest.mark.skipif(keras is None, reason="Keras is not installed")

# Classes that need arguments; all others are made without.
ARGUMENTS = {
    "InputLayer": "(3, 4)", "Activation": "'gelu'", "Reshape": "(2, -1)", "Dropout": "0.3, seed=4",
    "GaussianDropout": "0.3", "SpatialDropout1D": "0.3", "SpatialDropout2D": "0.3",
    "RandomContrast": "0.2", "RandomRotation": "0.2", "RandomTranslation": "0.1, 0.2",
    "RandomZoom": "0.2", "Conv2D": "2, (3, 2), padding='same', kernel_regularizer='l2'",
    "SeparableConv2D": "2, 3", "Conv2DTranspose": "2, 3", "DepthwiseConv2D": "3",
    "Conv1D": "2, 3, padding='causal'", "Embedding": "4, 3", "Permute": "(2, 1)",
    "CenterCrop": "2, 3", "Dense": "3, 'relu', kernel_initializer=minigrad.initializers.Zeros()",
    "RepeatVector": "2", "Dot": "1", "Rescaling": "0.5", "GaussianNoise": "0.1",
    "MaxPooling2D": "2", "AveragePooling2D": "(2, 3)", "AveragePooling1D": "2",
    "ReLU": "6.0, 0.1, 0.2", "LeakyReLU": "0.1", "Softmax": "1", "PReLU": "shared_axes=[1]",
    "Normalization": "mean=1.0, variance=2.0",
    "RandomBrightness": "0.2", "RandomCrop": "2, 3", "Resizing": "2, 3",
    "CategoryEncoding": "4", "Discretization": "[0.0, 1.0]", "AlphaDropout": "0.2, seed=3",
    "ActivityRegularization": "0.1, l2=0.2", "Conv1DTranspose": "2, 3, strides=2",
    "DepthwiseConv1D": "3", "SeparableConv1D": "2, 3",
    "TimeDistributed": "minigrad.layers.Dense(3, name='inner')",
    "IoU": "3, [0, 2]", "MeanIoU": "3", "OneHotIoU": "3, [1]", "OneHotMeanIoU": "3",
    "SensitivityAtSpecificity": "0.5", "SpecificityAtSensitivity": "0.5",
    "PrecisionAtRecall": "0.5", "RecallAtPrecision": "0.5",
    "ExponentialDecay": "0.1, 10, 0.9", "InverseTimeDecay": "0.1, 10, 0.9",
    "PiecewiseConstantDecay": "[1, 2], [0.1, 0.2, 0.3]", "PolynomialDecay": "0.1, 10",
    "CosineDecay": "0.1, 10", "CosineDecayRestarts": "0.1, 10",
    "SGD": "0.1, momentum=0.5", "RMSprop": "centered=True", "Adam": "amsgrad=True, clipnorm=1.0",
    "Huber": "0.5", "CategoricalCrossentropy": "from_logits=True", "Constant": "0.5",
    "MaxNorm": "3", "MinMaxNorm": "rate=0.5", "L1L2": "0.1, 0.2",
}  # fmt: skip

# Bases, of which there are no instances, and what is made of a function or of layers.
NOT_MADE = {
    "Layer", "ElementwiseLayer", "KernelLayer", "AxisLayer", "GammaBetaLayer", "Loss", "Metric",
    "Optimizer", "Initializer", "Regularizer", "Constraint", "LearningRateSchedule", "Lambda",
    "LossFunctionWrapper", "MeanMetricWrapper", "Configured", "RandomInitializer",
}  # fmt: skip


def find_classes():
    """(family, class) of all that the families export and that has a config."""
    for family in ("layers", "losses", "metrics", "optimizers", "initializers", "regularizers",
                   "constraints"):  # fmt: skip
        names = vars(getattr(minigrad, family))
        for name in names:
            cls = names[name]
            is_class = isinstance(cls, type) and issubclass(cls, config.Configured)
            if is_class and cls.__name__ == name and name[0] != "_" and name not in NOT_MADE:
                yield pytest.param(family, cls, id=f"{family}.{name}")
    for cls in optimizers.schedules.SCHEDULES.members:
        yield pytest.param("optimizers.schedules", cls, id=cls.__name__)


CLASSES = list(find_classes())


def make(cls):
    return eval(f"cls({ARGUMENTS.get(cls.__name__, '')})", {"cls": cls, "minigrad": minigrad})


def as_json(value):
    return json.dumps(serialize_keras_object(value))


@pytest.mark.parametrize(("family", "cls"), CLASSES)
def test_an_object_is_made_again_from_its_config(family, cls):
    made = make(cls)
    again = deserialize_keras_object(json.loads(as_json(made)))
    assert type(again) is cls
    assert as_json(again) == as_json(made)
    assert as_json(cls.from_config(made.get_config())) == as_json(made)
    assert serialize_keras_object(made)["module"] == f"keras.{family}"


@needs_keras
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("family", "cls"), CLASSES)
def test_keras_makes_the_same_of_a_config_and_the_other_way_round(family, cls):
    if cls.__name__ in ("IntegerLookup", "StringLookup"):
        pytest.skip("they need TensorFlow in Keras")
    described = json.loads(as_json(make(cls)))
    theirs = keras.saving.deserialize_keras_object(described)
    assert type(theirs).__name__ == cls.__name__
    written = json.loads(json.dumps(keras.saving.serialize_keras_object(theirs)))
    again = json.loads(as_json(deserialize_keras_object(written)))
    for name in set(written["config"]) & set(described["config"]) - DIFFERENT:
        expected = described["config"][name]
        if expected is None and name == "dtype":  # of metrics: theirs is float32, ours float64
            continue
        if isinstance(expected, float):  # Keras rounds it to float32
            expected = pytest.approx(expected, rel=1e-7)
        assert again["config"][name] == expected, name


DIFFERENT = {"axis", "factor", "seed"}  # Keras makes lists of them, and draws a seed


def test_what_was_set_later_is_in_the_config():
    layer = layers.Dense(3, activation="relu")
    layer.activation = minigrad.activations.tanh
    layer.trainable = False
    assert layer.get_config()["activation"] == "tanh"
    assert layer.get_config()["trainable"] is False
    optimizer = optimizers.Adam(0.1)
    optimizer.learning_rate = 0.05
    assert optimizer.get_config()["learning_rate"] == 0.05


def test_a_drawn_seed_is_not_in_the_config():
    assert layers.Dropout(0.5).get_config()["seed"] is None
    assert layers.GaussianNoise(0.5).get_config()["seed"] is None
    assert initializers.HeNormal().get_config()["seed"] is None


def test_the_families_take_configs():
    described = serialize_keras_object(initializers.HeNormal(seed=3))
    layer = layers.Dense(2, kernel_initializer=described, activation="relu")
    assert isinstance(layer.kernel_initializer, initializers.HeNormal)
    assert layer.kernel_initializer.seed == 3
    older = {"class_name": "Huber", "config": {"delta": 0.5}}
    assert losses.get(older).delta == 0.5
    assert initializers.get({"class_name": "Identity", "config": {}}).gain == 1.0
    with pytest.raises(ValueError, match="initializer: expected a known name, got 'HeNormals'"):
        initializers.get({"class_name": "HeNormals", "config": {}})
    with pytest.raises(ValueError, match="loss: expected a config"):
        losses.get({"name": "mse"})


def test_what_adapt_found_is_in_the_config():
    words, numbers = layers.StringLookup(), layers.IntegerLookup(output_mode="multi_hot")
    words.adapt(["b", "a", "b"])
    numbers.adapt([7, 7, 3])
    ranges = layers.Discretization(num_bins=3)
    ranges.adapt(np.arange(30.0))
    data = {words: ["a", "c"], numbers: np.array([[3, 4], [7, 7]]), ranges: np.arange(40.0)}
    for layer, x in data.items():
        again = deserialize_keras_object(json.loads(as_json(layer)))
        np.testing.assert_array_equal(np.asarray(again(x)), np.asarray(layer(x)))
        assert as_json(again) == as_json(layer)
    again.adapt(np.arange(60.0))  # adapted anew, not given its ranges
    assert again.bin_boundaries != ranges.bin_boundaries


def test_a_regularizer_that_the_class_makes_is_not_in_the_config():
    config = layers.ActivityRegularization(0.1, 0.2).get_config()
    assert config["l1"] == 0.1 and "activity_regularizer" not in config


# --- classes of users ----------------------------------------------------------------------------


class Scaled(layers.Layer):
    """Its attributes hold something else than its arguments."""

    def __init__(self, units, scale=2.0, **kwargs):
        super().__init__(**kwargs)
        self.units = layers.Dense(units)
        self.factor = scale

    def call(self, x):
        return self.units(x) * self.factor


class Wrapped(layers.Layer):
    """It writes its own config, as people do, and has a layer among its arguments."""

    def __init__(self, inner, limit, **kwargs):
        super().__init__(**kwargs)
        self.inner, self._limit = inner, limit

    def get_config(self):
        return super().get_config() | {"inner": self.inner, "limit": self._limit}

    def call(self, x):
        return minigrad.ops.clip(self.inner(x), 0, self._limit)


def test_a_class_of_ones_own_has_the_arguments_that_were_given():
    layer = Scaled(3, name="mine")
    described = json.loads(as_json(layer))
    expected = {"units": 3, "scale": 2.0, "name": "mine", "trainable": True, "dtype": "float32"}
    assert {name: described["config"][name] for name in expected} == expected
    again = deserialize_keras_object(described, {"Scaled": Scaled})
    assert again.units.units == 3 and again.factor == 2.0


# ruff: noqa: N805 (how the instance is called is what the next classes test)


class This(layers.Layer):
    def __init__(this, units, **options):
        super().__init__(**options)
        this.dense = layers.Dense(units)

    def call(this, x):
        return this.dense(x)


class Short(layers.Layer):
    def __init__(s, /, units, self=2):
        super().__init__()
        s.dense = layers.Dense(units * self)

    def call(s, x):
        return s.dense(x)

    @classmethod
    def of(cls, units):
        return cls(units, self=1)

    @staticmethod
    def from_config(config):
        return Short(**config)


class Rate(optimizers.SGD):
    def __init__(o, factor=2.0):
        super().__init__(0.1 * factor)


@pytest.mark.parametrize("made", [This(3, name="mine"), Short(3), Short.of(3)])
def test_methods_may_name_the_instance_otherwise(made, tmp_path):
    model = minigrad.Sequential([layers.Input((4,)), made])
    model.save(tmp_path / "model.keras")
    kinds = {"This": This, "Short": Short}
    again = minigrad.models.load_model(tmp_path / "model.keras", kinds)
    x = np.ones((2, 4))
    np.testing.assert_array_equal(again(x).data, model(x).data)
    assert made.get_config() == again.layers[0].get_config()
    assert Rate(3.0).get_config()["factor"] == 3.0


def test_a_class_of_ones_own_may_write_its_config():
    layer = Wrapped(layers.Dense(2), limit=4.0, trainable=False)
    config = layer.get_config()
    assert set(config) == {"inner", "limit", "name", "trainable", "dtype"}
    with custom_object_scope({"Wrapped": Wrapped}):
        again = deserialize_keras_object(json.loads(as_json(layer)))
    assert again._limit == 4.0 and again.inner.units == 2 and not again.trainable


def test_an_activity_regularizer_is_in_the_config_if_there_is_one():
    assert "activity_regularizer" not in layers.Dense(2).get_config()
    config = layers.Dense(2, activity_regularizer="l2").get_config()
    assert layers.Dense.from_config(config).activity_regularizer.l2 == 0.01


def test_registered_names_are_known_to_files():
    @register_keras_serializable("tests")
    def twice(x):
        return x * 2

    @register_keras_serializable(package="tests", name="Other")
    class Mine(initializers.Initializer):
        def __call__(self, shape, dtype="float32"):
            return np.full(shape, 7, dtype)

    try:
        layer = layers.Dense(2, activation=twice, kernel_initializer=Mine())
        described = json.loads(as_json(layer))
        assert described["config"]["activation"]["config"] == "tests>twice"
        assert described["config"]["kernel_initializer"]["registered_name"] == "tests>Other"
        again = deserialize_keras_object(described)
        assert again.activation is twice and type(again.kernel_initializer) is Mine
        assert minigrad.saving.get_registered_name(Mine) == "tests>Other"
        assert minigrad.saving.get_registered_object("tests>twice") is twice
    finally:
        for key in ("tests>twice", "tests>Other"):
            minigrad.saving.get_custom_objects().pop(key)
    with pytest.raises(ValueError, match=r"register_keras_serializable: .*get_config"):
        register_keras_serializable()(type("Bare", (), {}))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (layers.Dense(2, activation=lambda x: x), "Dense, argument activation: .* got a lambda"),
        (layers.Dense(2, kernel_initializer=lambda shape, dtype: 0), "a named function, got a lam"),
        (Scaled(2, object()), "Scaled, argument scale: .* got <object.*; write a get_config"),
        (layers.Dense, "expected an object, got the class Dense; write Dense"),
    ],
)
def test_what_no_file_can_hold_is_refused(value, message):
    with pytest.raises(TypeError, match=message):
        serialize_keras_object(value)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"module": "keras.layers", "class_name": "NoSuch", "config": {}}, "got keras.layers.NoSu"),
        ({"module": "mine", "class_name": "NoSuch", "config": {}}, "custom_objects={'NoSuch': NoS"),
        ({"class_name": "__lambda__", "config": {"value": "4wEA"}}, "runs no code from files"),
        ({"module": "os", "class_name": "system", "config": {}}, "a class that is known"),
    ],
)
def test_a_config_that_names_what_is_not_there_is_refused(described, message):
    with pytest.raises(ValueError, match=message):
        deserialize_keras_object(described)


def test_unknown_entries_are_refused_unless_they_are_off():
    described = {"module": "keras.layers", "class_name": "Dense"}
    given = {"units": 2, "lora_rank": None, "quantized": False}
    assert deserialize_keras_object(described | {"config": given}).units == 2
    with pytest.raises(TypeError, match="Dense: expected a known argument, got lora_rank"):
        deserialize_keras_object(described | {"config": given | {"lora_rank": 4}})


def test_plain_values_come_back():
    value = {
        "a": [1, 2.5, None, True, "x"], "slice": slice(1, None, 2), "dots": ..., "bytes": b"ab",
        "array": np.arange(3.0), "number": np.float32(0.5), "dtype": np.dtype("float64"),
    }  # fmt: skip
    again = deserialize_keras_object(json.loads(as_json(value)))
    np.testing.assert_array_equal(again.pop("array"), value.pop("array"))
    assert again == value | {"dtype": "float64"}


# --- Keras's functions of each family ------------------------------------------------------------

IN_FAMILIES = [
    ("initializers", "HeNormal(seed=3)"), ("regularizers", "L2(0.5)"),
    ("constraints", "MaxNorm(3)"), ("losses", "Huber(0.5)"), ("metrics", "AUC(7)"),
    ("optimizers", "SGD(0.5)"), ("optimizers.schedules", "CosineDecay(0.5, 10)"),
    ("layers", "Dense(3, 'relu')"),
]  # fmt: skip


@pytest.mark.parametrize(("family", "code"), IN_FAMILIES, ids=[row[0] for row in IN_FAMILIES])
def test_every_family_writes_and_reads_configs(family, code):
    module = importlib.import_module(f"minigrad.{family}")
    made = eval(code, vars(module).copy())
    described = module.serialize(made)
    again = module.deserialize(json.loads(json.dumps(described)))
    assert type(again) is type(made) and module.serialize(again) == described
    older = {"class_name": described["class_name"], "config": described["config"]}
    assert type(module.deserialize(older)) is type(made)


def test_functions_are_written_and_read_by_name():
    activations = minigrad.activations
    assert activations.serialize(activations.relu) == "relu"
    assert activations.deserialize("relu") is activations.relu
    assert losses.deserialize("mse") is losses.mean_squared_error
    assert losses.deserialize("mine", custom_objects={"mine": as_json}) is as_json
    assert type(minigrad.metrics.deserialize("AUC")) is minigrad.metrics.AUC
    with pytest.raises(ValueError, match="loss: expected a known name, got 'mine'"):
        losses.deserialize("mine")
    with pytest.raises(ValueError, match=r"minigrad has, got keras\.layers\.Dens"):
        layers.deserialize({"class_name": "Dens", "config": {}})
