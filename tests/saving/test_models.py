"""Whole models in files: minigrad's own, and to Keras and back.

`python tests/saving/test_models.py` rewrites the golden files with the Keras that is installed:
Keras 3 writes its own, and tf_keras those of Keras 2.
"""

import importlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import Input, Model, Sequential, callbacks, layers, losses, metrics, ops, optimizers
from minigrad.models import load_model, model_from_json
from minigrad.optimizers import schedules
from minigrad.saving import container, legacy_h5, register_keras_serializable
from minigrad.saving.optimizer_state import find_arrays

try:
    import h5py
except ImportError:
    h5py = None
try:
    import keras
except ImportError:
    keras = None

GOLDEN = Path(__file__).parents[1] / "golden" / "keras_models.zip"
FILES = [
    f"keras_{version}_{kind}{ending}"
    for version in (2, 3)
    for kind in ("sequential", "graph")
    for ending in (".keras", ".h5")
]
needs_h5py = pytest.mark.skipif(h5py is None, reason="h5py is not installed")
needs_keras = pytest.mark.skipif(
    keras is None or h5py is None, reason="Keras and h5py are not installed"
)
ENDINGS = [".keras", pytest.param(".h5", marks=needs_h5py)]

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(6, 5, 5, 1)).astype("float32")
ROWS = RNG.normal(size=(6, 4)).astype("float32")
OTHERS = RNG.normal(size=(6, 4)).astype("float32")
LABELS = np.arange(6) % 3
TARGETS = [ROWS[:, :1], OTHERS[:, :2]]


# --- models that Keras and minigrad make with the same code --------------------------------------


def make_sequential(module):
    made = module.layers
    # Keras 2 on TensorFlow else divides the variance by one less than the number of values.
    options = {"fused": False} if module.__name__ == "tf_keras" else {}
    rows = [
        made.Conv2D(2, 3, activation="relu", input_shape=(5, 5, 1)),
        made.BatchNormalization(**options),
        made.MaxPooling2D(2),
        made.Flatten(),
        made.Dropout(0.0),
        made.Dense(3, activation="softmax"),
    ]
    model = module.Sequential(rows)
    model.compile(
        module.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model, IMAGES, LABELS


def make_graph(module):
    """Two inputs, a shared layer, a model within that is called twice, two outputs."""
    made = module.layers
    a, b = made.Input((4,), name="a"), made.Input((4,), name="b")
    shared = made.Dense(3, activation="relu", name="shared")
    inside = made.Input((6,))
    inner = module.Model(inside, made.Dense(2)(inside), name="inner")
    joined = made.Concatenate()([shared(a), shared(b)])
    first = inner(joined)
    total = made.Add()([first, inner(joined)])
    model = module.Model([a, b], [made.Dense(1, name="last")(total), first])
    model.compile(module.optimizers.SGD(0.1, momentum=0.5), "mse")
    return model, [ROWS, OTHERS], TARGETS


MAKERS = {"sequential": make_sequential, "graph": make_graph}


def train(model, x, y):
    """Two steps on all samples."""
    model.fit(x, y, batch_size=6, epochs=2, shuffle=False, verbose=0)


def outputs(model, x):
    y = model.predict(x, verbose=0)
    return [np.asarray(part) for part in (y if isinstance(y, list) else [y])]


def assert_close(actual, expected, rtol=1e-5, atol=2e-6):
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=atol)


def assert_same(actual, expected):
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a, b)


# --- golden files --------------------------------------------------------------------------------


def write_golden():
    with zipfile.ZipFile(GOLDEN) if GOLDEN.exists() else zipfile.ZipFile(io.BytesIO(), "w") as old:
        members = {name: old.read(name) for name in old.namelist()}
    for version, name in ((2, "tf_keras"), (3, "keras")):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        module.utils.set_random_seed(1)
        for kind, make in MAKERS.items():
            title = f"keras_{version}_{kind}"
            model, x, y = make(module)
            train(model, x, y)
            for ending in (".keras", ".h5"):
                model.save(f"{title}{ending}")
                members[f"{title}{ending}"] = Path(f"{title}{ending}").read_bytes()
                os.remove(f"{title}{ending}")
            numbers = {f"outputs/{i}": array for i, array in enumerate(outputs(model, x))}
            train(model, x, y)
            numbers |= {f"weights/{i}": array for i, array in enumerate(model.get_weights())}
            file = io.BytesIO()
            np.savez(file, **numbers)
            members[f"{title}.npz"] = file.getvalue()
    with zipfile.ZipFile(GOLDEN, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


@needs_h5py
@pytest.mark.parametrize("name", FILES)
def test_a_file_of_keras_is_read_and_training_goes_on(name, tmp_path):
    with zipfile.ZipFile(GOLDEN) as archive:
        archive.extract(name, tmp_path)
        title = name.rpartition(".")[0]
        with np.load(io.BytesIO(archive.read(f"{title}.npz"))) as file:
            numbers = dict(file)
    model = load_model(tmp_path / name)
    _, x, y = MAKERS[title.rpartition("_")[2]](minigrad)
    assert model.optimizer.iterations == 2
    assert_close(outputs(model, x), [numbers[key] for key in numbers if "outputs" in key])
    train(model, x, y)
    assert_close(model.get_weights(), [numbers[key] for key in numbers if "weights" in key])
    model.load_weights(tmp_path / name)  # of a whole model's file, the weights alone
    assert_close(outputs(model, x), [numbers[key] for key in numbers if "outputs" in key])


# --- to Keras and back, optimizers included ------------------------------------------------------

OPTIMIZERS = {
    "SGD": {}, "momentum": {"momentum": 0.9}, "nesterov": {"momentum": 0.9, "nesterov": True},
    "Adam": {}, "amsgrad": {"amsgrad": True}, "AdamW": {"weight_decay": 0.1},
    "clipnorm": {"clipnorm": 0.1},  # not use_ema: Keras cannot go on from its own file on JAX
    "gradient_accumulation_steps": {"gradient_accumulation_steps": 2},
    "Adagrad": {}, "Adadelta": {}, "Adamax": {}, "Nadam": {}, "Lion": {}, "RMSprop": {},
    "Muon": {"exclude_layers": ["last"]}, "Adafactor": {},
    "centered": {"centered": True, "momentum": 0.5},
}  # fmt: skip
CLASSES = {
    "momentum": "SGD", "nesterov": "SGD", "amsgrad": "Adam", "clipnorm": "Adam",
    "gradient_accumulation_steps": "SGD", "centered": "RMSprop",
}  # fmt: skip


def make_small(module, name, rate=0.01):
    model = module.Sequential(
        [
            module.layers.Input((4,)),
            module.layers.Dense(5, activation="tanh", name="first"),
            module.layers.Dense(3, activation="softmax", name="last"),
        ]
    )
    optimizer = getattr(module.optimizers, CLASSES.get(name, name))(rate, **OPTIMIZERS[name])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def go_on_in_both(first, path, load):
    """Train 3 steps, save, load, train 2 more steps in both libraries: the same weights."""
    first.fit(ROWS, LABELS, batch_size=2, shuffle=False, verbose=0)
    first.save(path)
    loaded = load(path)
    assert int(loaded.optimizer.iterations) == int(first.optimizer.iterations)
    for model in (first, loaded):
        train(model, ROWS, LABELS)
    assert_close(loaded.get_weights(), first.get_weights())


@pytest.mark.parametrize(
    ("name", "options", "order"),
    [
        ("SGD", {"momentum": 0.9}, "v0 v1"),
        ("Adam", {"amsgrad": True}, "m0 v0 m1 v1 v_max0 v_max1"),
        ("Adam", {"use_ema": True}, "average0 average1 m0 v0 m1 v1"),
        ("RMSprop", {"centered": True, "momentum": 0.9}, "v0 v1 b0 b1 m0 m1"),
        ("Muon", {}, "m0 v0 m1 v1"),
        ("Adafactor", {}, "r0 c0 v0 r1 c1 v1"),
    ],
)
def test_arrays_of_an_optimizer_are_written_once_in_the_order_of_keras(name, options, order):
    weights = [minigrad.Parameter(np.zeros(size)) for size in (2, 3)]
    optimizer = getattr(optimizers, name)(parameters=weights, **options)
    states = enumerate(optimizer._state.values())
    names = {id(array): f"{kind}{i}" for i, state in states for kind, array in state.items()}
    count, rate, *arrays = find_arrays(optimizer)
    assert (count, rate) == (0, optimizer.learning_rate)
    assert " ".join([names[id(array)] for array in arrays]) == order


@needs_keras
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_in_keras_and_back(name, tmp_path):
    go_on_in_both(make_small(minigrad, name), tmp_path / "ours.keras", keras.models.load_model)
    go_on_in_both(make_small(keras, name), tmp_path / "theirs.keras", load_model)


@needs_keras
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["momentum", "amsgrad"])
def test_the_older_file_goes_to_keras_and_back(name, tmp_path):
    """Keras cannot go on from such a file, nor from its own, but it has what was written."""
    model = make_small(minigrad, name)
    train(model, ROWS, LABELS)
    model.save(tmp_path / "ours.h5")
    theirs = keras.models.load_model(tmp_path / "ours.h5")
    assert_close(outputs(theirs, ROWS), outputs(model, ROWS))
    states = [np.asarray(v) for v in theirs.optimizer.variables][:2]
    assert_close(states, [2, 0.01])
    theirs = make_small(keras, name)
    theirs.fit(ROWS, LABELS, batch_size=2, shuffle=False, verbose=0)
    theirs.save(tmp_path / "theirs.h5")
    again = load_model(tmp_path / "theirs.h5")
    for model in (theirs, again):
        train(model, ROWS, LABELS)
    assert_close(again.get_weights(), theirs.get_weights())


@needs_keras
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", MAKERS)
def test_layers_go_to_keras_and_back(kind, ending, tmp_path):
    model, x, y = MAKERS[kind](minigrad)
    train(model, x, y)
    model.save(tmp_path / f"ours{ending}")
    theirs = keras.models.load_model(tmp_path / f"ours{ending}")
    assert_close(outputs(theirs, x), outputs(model, x))
    assert_close(np.atleast_1d(theirs.evaluate(x, y, verbose=0)),
                 np.atleast_1d(model.evaluate(x, y, verbose=0)))  # fmt: skip
    theirs.save(tmp_path / f"theirs{ending}")
    assert_close(outputs(load_model(tmp_path / f"theirs{ending}"), x), outputs(model, x))


# --- minigrad's own files ------------------------------------------------------------------------


def scaled(y_true, y_pred):
    return losses.mean_squared_error(y_true, y_pred) * 2.0


class Decay(schedules.LearningRateSchedule):
    def __init__(self, first):
        self.first = first

    def __call__(self, step):
        return self.first / (1.0 + step)


class Careful(optimizers.SGD):
    def __init__(self, learning_rate=0.1, care=3, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.care = care


class Weighted(losses.Loss):
    def __init__(self, weight=2.0, name="weighted", **kwargs):
        super().__init__(name=name, **kwargs)
        self.weight = weight

    def call(self, y_true, y_pred):
        return losses.mean_squared_error(y_true, y_pred) * self.weight

    def get_config(self):
        return super().get_config() | {"weight": self.weight}


class Largest(metrics.Metric):
    def __init__(self, name="largest", **kwargs):
        super().__init__(name=name, **kwargs)
        self.value = self.add_weight(name="value", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.value.assign(max(float(self.value.numpy()), float(y_pred.max())))

    def result(self):
        return self.value


class Branches(Model):
    """Layers in a list and a dict, and a list among its arguments."""

    def __init__(self, units=(3, 5), **kwargs):
        super().__init__(**kwargs)
        self.rows = [layers.Dense(n, activation="relu") for n in units]
        self.heads = {"last": layers.Dense(1)}

    def call(self, x):
        for layer in self.rows:
            x = layer(x)
        return self.heads["last"](x)


OWN = {member.__name__: member for member in (scaled, Decay, Careful, Weighted, Largest, Branches)}


def ones_own():
    model = Branches((4, 2, 3))
    optimizer = Careful(Decay(0.1), care=7, momentum=0.5)
    model.compile(optimizer, Weighted(3.0), metrics=[Largest(), scaled])
    return model


def several_outputs():
    x = Input((4,))
    hidden = layers.Dense(3, activation="relu")(x)
    model = Model(x, {"kind": layers.Dense(3, "softmax")(hidden), "size": layers.Dense(1)(hidden)})
    model.compile(
        "rmsprop", {"kind": "sparse_categorical_crossentropy", "size": losses.Huber(0.5)},
        loss_weights={"kind": 1.0, "size": 0.5},
        metrics={"kind": ["accuracy"], "size": [metrics.MeanAbsoluteError(), scaled]},
    )  # fmt: skip
    return model


def in_float64():
    rows = [Input((4,), dtype="float64"), layers.Dense(3, dtype="float64"),
            layers.Dense(1, dtype="float64")]  # fmt: skip
    model = Sequential(rows)
    model.compile("adam", scaled)
    return model


def adapted_and_frozen():
    normalization = layers.Normalization()
    normalization.adapt(ROWS)
    frozen = layers.Dense(3, trainable=False)
    rest = [layers.BatchNormalization(), layers.Dense(1, kernel_constraint="max_norm")]
    model = Sequential([Input((4,)), normalization, frozen, layers.LeakyReLU(0.1), *rest])
    model.compile("adagrad", "mae", weighted_metrics=["mse"])
    return model


def with_ops():
    x = Input((4,))
    y = layers.Dense(4)(x)
    y = ops.where(y > 0.0, y, 0.1 * y) + ops.mean(x, axis=1, keepdims=True)
    model = Model(x, layers.Dense(1)(ops.concatenate([y, x[:, :2]], axis=-1)))
    model.compile(optimizers.Adam(schedules.CosineDecay(0.1, 10)), "mse")
    return model


MODELS = {
    "ones_own": (ones_own, ROWS[:, :1]),
    "several_outputs": (several_outputs, {"kind": LABELS, "size": ROWS[:, :1]}),
    "in_float64": (in_float64, ROWS[:, :1].astype("float64")),
    "adapted_and_frozen": (adapted_and_frozen, ROWS[:, :1]),
    "with_ops": (with_ops, ROWS[:, :1]),
}


@pytest.fixture(params=["h5", "npz", "older"])
def ending(request, monkeypatch):
    """The container with arrays in HDF5, the one without h5py, and the older file."""
    if request.param == "npz":
        monkeypatch.setattr(container, "_has_h5py", lambda: False)
    elif h5py is None:
        pytest.skip("h5py is not installed")
    return ".h5" if request.param == "older" else ".keras"


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_and_goes_on_as_it_was(name, ending, tmp_path):
    make, y = MODELS[name]
    model = make()
    x = ROWS.astype("float64") if name == "in_float64" else ROWS
    train(model, x, y)
    before = model.get_weights()
    model.save(tmp_path / f"m{ending}")
    assert_same(model.get_weights(), before)
    again = load_model(tmp_path / f"m{ending}", custom_objects=OWN)
    assert type(again) is type(model) and again.name == model.name
    assert again.weights_hash() == model.weights_hash()
    assert again.optimizer.get_config() == model.optimizer.get_config()
    assert [w.trainable for w in again.weights] == [w.trainable for w in model.weights]
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    for each in (model, again):
        train(each, x, y)
    assert again.weights_hash() == model.weights_hash()
    assert os.listdir(tmp_path) == [f"m{ending}"]


def test_the_container_holds_what_its_description_says(ending, tmp_path):
    if ending != ".keras":
        return
    model = with_ops()
    model.save(tmp_path / "a.keras")
    model.save(tmp_path / "b.keras")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        kind = "h5" if container._has_h5py() else "npz"
        assert archive.namelist() == ["metadata.json", "config.json", f"model.weights.{kind}"]


@needs_h5py
def test_the_older_file_says_what_wrote_it(tmp_path):
    """Keras takes one without a version as a file of Keras 1."""
    with_ops().save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        assert file.attrs["keras_version"] == legacy_h5.KERAS_VERSION
        assert file.attrs["backend"] == "minigrad"


def test_a_model_may_come_back_without_compile_and_be_saved_without_optimizer(ending, tmp_path):
    model = with_ops()
    train(model, ROWS, ROWS[:, :1])
    model.save(tmp_path / f"m{ending}")
    assert load_model(tmp_path / f"m{ending}", compile=False).optimizer is None
    model.save(tmp_path / f"n{ending}", include_optimizer=False)
    again = load_model(tmp_path / f"n{ending}")
    assert again.optimizer is None and again.weights_hash() == model.weights_hash()


def test_a_model_that_was_not_compiled_comes_back(ending, tmp_path):
    model = Sequential([layers.Dense(2), layers.Dense(3)])
    model.build((None, 4))
    model.save(tmp_path / f"m{ending}")
    again = load_model(tmp_path / f"m{ending}")
    assert again.weights_hash() == model.weights_hash()
    assert again.input_shape == (None, 4) and again.output_shape == (None, 3)


def test_ones_own_code_is_found_by_scope_or_register(tmp_path):
    path = tmp_path / "m.keras"
    model = ones_own()
    train(model, ROWS, ROWS[:, :1])
    model.save(path)
    with minigrad.saving.custom_object_scope(OWN):
        assert load_model(path).optimizer.care == 7
    with pytest.raises(ValueError, match="got 'Branches'; load with") as caught:
        load_model(path)
    assert "custom_objects" in caught.value.__notes__[-1]
    for member in OWN.values():
        register_keras_serializable("tests")(member)
    try:
        model.save(path)
        again = load_model(path)
        assert again.optimizer.care == 7 and again.loss.weight == 3.0
    finally:
        for name in OWN:
            minigrad.saving.get_custom_objects().pop(f"tests>{name}")
            minigrad.utils.config._names.pop(OWN[name])


class Sums(layers.Layer):
    def __init__(self, axis, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, x):
        return x.sum(axis=tuple(self.axis), keepdims=True)

    def get_config(self):
        return super().get_config() | {"axis": self.axis}


def test_what_keras_2_did_not_write_is_read_as_it_stands(tmp_path):
    """Keras 2 writes a list for the one axis of BatchNormalization."""
    model = Sequential([Input((4,)), Sums([1])])
    model.save(tmp_path / "m.keras")
    for again in (
        load_model(tmp_path / "m.keras", {"Sums": Sums}),
        model_from_json(model.to_json(), {"Sums": Sums}),
    ):
        assert again.layers[-1].axis == [1]


@pytest.mark.parametrize(
    ("layer", "compile", "message"),
    [
        (lambda: layers.Lambda(lambda x: x), {}, "Lambda, argument function: .*def name"),
        (lambda: layers.Dense(2, activation=lambda x: x), {}, "Dense, argument activation: .*lam"),
        (lambda: layers.Dense(2), {"loss": lambda a, b: b}, "compile: .*got a lambda"),
        (lambda: layers.Dense(2), {"metrics": [lambda a, b: b]}, "compile: .*got a lambda"),
    ],
)
def test_a_lambda_is_refused_and_the_old_file_stays(layer, compile, message, ending, tmp_path):
    path = tmp_path / f"m{ending}"
    path.write_bytes(b"before")
    model = Sequential([Input((4,)), layer()])
    model.compile("sgd", **({"loss": "mse"} | compile))
    with pytest.raises(TypeError, match=message):
        model.save(path)
    assert path.read_bytes() == b"before" and os.listdir(tmp_path) == [path.name]


def test_a_file_that_is_there_may_stay(ending, tmp_path):
    path = tmp_path / f"m{ending}"
    path.write_bytes(b"before")
    model = with_ops()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(path, overwrite=False)
    assert path.read_bytes() == b"before"
    model.save(path)
    assert load_model(path).weights_hash() == model.weights_hash()


@pytest.mark.parametrize("name", ["m", "m.npz", "m.pt", "folder/"])
def test_a_path_with_another_ending_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"save_model: expected a path that ends in \.keras"):
        with_ops().save(os.path.join(tmp_path, name))


def test_unknown_options_are_refused(tmp_path):
    with pytest.raises(ValueError, match="save_model: expected no signatures"):
        with_ops().save(tmp_path / "m.keras", signatures=None)


@pytest.mark.parametrize("inside", [lambda rows: rows, lambda rows: {"layers": rows}])
def test_the_input_of_a_row_of_early_keras_2_is_that_of_its_first_layer(inside):
    config = {"name": "first", "trainable": True, "units": 3, "batch_input_shape": [None, 4]}
    older = {
        "class_name": "Sequential",
        "config": inside([{"class_name": "Dense", "config": config}]),
    }
    row = minigrad.saving.deserialize_keras_object(legacy_h5.modernize(older))
    assert row.input_shape == (None, 4) and [layer.name for layer in row.layers] == ["first"]


def test_what_older_files_say_of_compile_is_read():
    metric = {"class_name": "MeanMetricWrapper", "config": {"name": "a", "fn": "accuracy"}}
    older = {
        "optimizer_config": {"class_name": "Custom>Adam", "config": {"learning_rate": 0.5}},
        "loss": {"class_name": "Huber", "config": {"delta": 0.5, "reduction": "auto"}},
        "metrics": [[metric, {"class_name": "AUC", "config": {"num_thresholds": 20}}]],
    }
    read = minigrad.saving.deserialize_keras_object(legacy_h5.modernize_training(older))
    assert type(read["optimizer"]) is optimizers.Adam and read["optimizer"].learning_rate == 0.5
    assert type(read["loss"]) is losses.Huber and read["loss"].delta == 0.5
    accuracy, area = read["metrics"][0]
    assert accuracy == "accuracy" and type(area) is metrics.AUC and area.num_thresholds == 20


# --- weights with the state of the optimizer -----------------------------------------------------


@pytest.mark.parametrize("ending", [".weights.npz", pytest.param(".weights.h5", marks=needs_h5py),
                                    ".keras"])  # fmt: skip
def test_weights_come_with_the_state_of_the_optimizer(ending, tmp_path):
    path = tmp_path / f"w{ending}"
    first, second = make_small(minigrad, "Adam"), make_small(minigrad, "Adam")
    train(first, ROWS, LABELS)
    (first.save if ending == ".keras" else first.save_weights)(path)
    if ending == ".weights.h5":
        with h5py.File(path) as file:
            assert file["optimizer/vars"].attrs["name"] == "adam"
    second.load_weights(path)
    for model in (first, second):
        train(model, ROWS, LABELS)
    assert second.weights_hash() == first.weights_hash()
    third = make_small(minigrad, "SGD")
    with pytest.warns(UserWarning, match=r"state in .* was left out: sgd\w*: expected 2 arrays"):
        third.load_weights(path)
    assert third.optimizer.iterations == 0
    fourth = Sequential(third.layers)  # not compiled
    fourth.load_weights(path)
    assert fourth.weights_hash() == third.weights_hash()


def test_a_checkpoint_of_a_whole_model_goes_on(tmp_path):
    model = with_ops()
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "at_{epoch}.keras")
    options = {"batch_size": 6, "shuffle": False, "verbose": 0}
    model.fit(ROWS, ROWS[:, :1], epochs=3, callbacks=[checkpoint], **options)
    again = load_model(tmp_path / "at_2.keras")
    again.fit(ROWS, ROWS[:, :1], epochs=3, initial_epoch=2, **options)
    assert again.weights_hash() == model.weights_hash()


if __name__ == "__main__":
    write_golden()
