"""Names: all of Keras's are there or answered, other and older paths lead to the same modules."""

import importlib
import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import minigrad
from minigrad import layers
from minigrad.utils import old_names
from minigrad.utils.absent import ABSENT, explain_absence

GOLDEN = Path(__file__).parent / "golden"
KERAS = {
    family: listed.split()
    for family, listed in json.loads((GOLDEN / "keras_names.json").read_text()).items()
}


def module_of(family):
    return importlib.import_module(f"minigrad.{family}".removesuffix("."))


INSTANCES = {
    "layers.Layer": lambda: layers.Dense(2),
    "models.Model": minigrad.Sequential,
    "optimizers.Optimizer": minigrad.optimizers.Adam,
}


# --- names that are not here ---------------------------------------------------------------------


@pytest.mark.parametrize("family", KERAS, ids=lambda family: family or "minigrad")
def test_every_name_of_keras_is_there_or_answered(family):
    module = module_of(family)
    for name in KERAS[family]:
        if f"{family}.{name}" in old_names.MOVED:
            continue
        try:
            getattr(module, name)
        except AttributeError as error:
            assert "is not in minigrad: " in str(error), f"{family}.{name}"
            assert "; nearest: " in str(error)


@pytest.mark.parametrize("family", [family for family in KERAS if "ops." not in family])
def test_each_family_asks_the_table(family, monkeypatch):
    monkeypatch.setitem(ABSENT, family, [("Such", "why", "near")])
    place = f"minigrad.{family}.Such".replace("..", ".")
    with pytest.raises(AttributeError, match=f"{place} is not in minigrad: why; nearest: near"):
        module_of(family).__getattr__("Such")


def holder_of(family):
    return INSTANCES[family]() if family in INSTANCES else module_of(family)


@pytest.mark.parametrize("family", INSTANCES)
def test_attributes_of_objects_are_answered_too(family):
    instance = INSTANCES[family]()
    name = ABSENT[family][0][0].split()[0]
    with pytest.raises(AttributeError, match=f"minigrad.{family}.{name} is not in minigrad: "):
        getattr(instance, name)
    assert not hasattr(instance, name)
    setattr(instance, name, "mine")
    assert getattr(instance, name) == "mine"
    with pytest.raises(AttributeError, match="object has no attribute 'nowhere'"):
        instance.nowhere  # noqa: B018


def test_models_answer_for_layers():
    with pytest.raises(AttributeError, match=r"minigrad\.layers\.Layer\.quantize is not in"):
        minigrad.Sequential().quantize("int8")


def test_no_row_is_about_what_is_there():
    found = [
        f"{family}.{name}"
        for family in ABSENT
        for listed, *_ in ABSENT[family]
        for name in listed.split()
        if f"{family}.{name}" not in old_names.MOVED and hasattr(holder_of(family), name)
    ]
    assert not found, "these are there: take them out of utils/absent.py"


TEXT = "minigrad.layers.LSTM is not in minigrad: recurrent .* nearest: .*Conv1D.*see Coming from"
ABSENT_LAYERS = [
    ("minigrad.layers.LSTM", AttributeError),
    ("minigrad.keras.layers.LSTM", AttributeError),
    ("from minigrad.layers import LSTM", ImportError),
    ("from minigrad.layers import Dense, LSTM", ImportError),
    ("from minigrad.keras.layers import LSTM", ImportError),
    ("from minigrad.layers.core import LSTM", ImportError),
]


@pytest.mark.parametrize(("code", "kind"), ABSENT_LAYERS, ids=[row[0] for row in ABSENT_LAYERS])
def test_an_absent_name_is_answered_in_every_form(code, kind):
    with pytest.raises(kind, match=TEXT) as caught:
        exec(code, {"minigrad": minigrad})
    assert type(caught.value) is kind
    assert not hasattr(layers, "LSTM")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("from minigrad.losses import CTC", "minigrad.losses.CTC is not in"),  # a plain module
        ("from minigrad.config import set_dtype_policy", "config.set_dtype_policy is not in"),
        ("from minigrad import GradientTape", r"nearest: loss.backward\(\), then weight.grad"),
        ("from minigrad.keras import GradientTape", "minigrad.GradientTape is not in"),
        ("from minigrad.optimizers import Ftrl", "optimizers.Ftrl is not in"),
        ("from minigrad.backend import placeholder", "nearest: minigrad.Input"),
        ("import minigrad.applications", "minigrad.applications is not in"),
        ("import minigrad.applications.vgg16", "minigrad.applications is not in"),
        ("from minigrad.applications import VGG16", "minigrad.applications is not in"),
        ("from minigrad import applications", "minigrad.applications is not in"),
        ("from minigrad.wrappers.scikit_learn import KerasClassifier", "scikit_learn is not in"),
    ],
)
def test_absent_names_and_modules_are_answered_when_imported(code, message):
    with pytest.raises(ImportError, match=message):
        exec(code)


@pytest.mark.parametrize(
    "name",
    ["CustomObjectScope", "custom_object_scope", "deserialize_keras_object", "get_custom_objects",
     "get_registered_name", "get_registered_object", "register_keras_serializable",
     "serialize_keras_object"],
)  # fmt: skip
def test_what_reads_and_writes_configs_is_among_the_helpers_too(name):
    assert getattr(minigrad.utils, name) is getattr(minigrad.saving, name)


def test_keras_other_names_are_the_same_objects():
    assert minigrad.InputSpec is layers.InputSpec
    for name in ("Identity", "Orthogonal"):
        initializers = minigrad.initializers
        assert getattr(initializers, f"{name}Initializer") is getattr(initializers, name)


def test_a_name_that_is_nowhere_is_told_as_python_tells_it():
    text = r"module 'minigrad\.layers' has no attribute 'Dens'"
    with pytest.raises(AttributeError, match=text) as caught:
        getattr(layers, "Dens")  # noqa: B009
    assert (caught.value.name, caught.value.obj) == ("Dens", layers)  # Python then suggests Dense
    with pytest.raises(ImportError, match="cannot import name 'Dens'"):
        exec("from minigrad.layers import Dens")
    with pytest.raises(ImportError, match=r"No module named 'minigrad\.nowhere'"):
        importlib.import_module("minigrad.nowhere")
    with pytest.raises(AttributeError, match="module 'minigrad' has no attribute 'nowhere'"):
        getattr(minigrad, "nowhere")  # noqa: B009


def test_private_names_are_not_answered():
    assert explain_absence("layers", "LSTM") and explain_absence("layers", "Dense") is None
    assert not hasattr(minigrad.losses, "__path__")


# --- other and older paths -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "import minigrad.keras as keras",
        "from minigrad import keras",
        "import minigrad as tf; keras = tf.keras",
        "import minigrad.keras.layers; keras = minigrad.keras",
        "import minigrad.keras.keras as keras",
    ],
)
def test_keras_is_another_name_of_minigrad(code):
    scope = {}
    exec(code, scope)
    assert scope["keras"].layers is layers


def test_modules_under_keras_are_the_same_modules():
    code = """
import minigrad.keras.optimizers.schedules, sys
import minigrad
from minigrad.keras.layers import Dense
from minigrad.keras.utils import to_categorical
import minigrad.keras.backend as K
assert Dense is minigrad.layers.Dense
assert minigrad.keras.optimizers.schedules is minigrad.optimizers.schedules
assert K is minigrad.backend
assert minigrad.layers.__spec__.name == minigrad.layers.__name__ == "minigrad.layers"
assert minigrad.__spec__.name == "minigrad"
assert not any(module.__name__.startswith("minigrad.keras") for module in sys.modules.values())
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def warnings_of(code):
    """The warnings of code in a file "user.py", and its names."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile(code, "user.py", "exec"), scope := {"minigrad": minigrad})
    return caught, scope


@pytest.mark.parametrize(
    "place", [place for place in old_names.MOVED if place not in old_names.STILL]
)
def test_old_paths_lead_to_the_new_ones_with_a_warning(place):
    now = module_of(old_names.MOVED[place])
    before = vars(now).copy()
    for known in [name for name in sys.modules if name.startswith("minigrad.")]:
        if known.removeprefix("minigrad.") in old_names.MOVED:
            del sys.modules[known]
    caught, scope = warnings_of(f"import minigrad.{place} as found; from minigrad.{place} import *")
    public = [name for name, value in before.items() if name[0] != "_" and callable(value)]
    assert all(scope[name] is getattr(now, name) for name in public)
    assert all(getattr(scope["found"], name) is getattr(now, name) for name in public)
    told = f"minigrad.{place} is an old path; write {now.__name__}"
    assert told in [str(warning.message) for warning in caught]
    assert {(w.category, w.filename) for w in caught} == {(FutureWarning, "user.py")}
    assert all(vars(now)[name] is before[name] for name in public)  # by what was imported below


@pytest.mark.parametrize("place", ["objectives", "optimizers.legacy", "utils.np_utils"])
def test_old_paths_are_attributes_too(place, monkeypatch):
    module = importlib.import_module(f"minigrad.{place.rpartition('.')[0]}".removesuffix("."))
    vars(module).pop(place.rpartition(".")[2], None)  # which an import has left
    caught, scope = warnings_of(f"found = minigrad.{place}")
    assert scope["found"] is module_of(old_names.MOVED[place])
    assert [(w.category, w.filename) for w in caught] == [(FutureWarning, "user.py")]


def test_what_keras_still_has_is_taken_without_a_warning():
    for place in old_names.STILL:
        caught, scope = warnings_of(f"import minigrad.{place} as found")
        assert scope["found"].relu is minigrad.ops.relu and not caught


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("random.set_seed", minigrad.utils.set_random_seed),
        ("constraints.maxnorm", minigrad.constraints.MaxNorm),
        ("losses.mse", minigrad.losses.mean_squared_error),
        ("losses.KLD", minigrad.losses.kl_divergence),
        ("metrics.mape", minigrad.metrics.mean_absolute_percentage_error),
    ],
)
def test_old_names_of_plain_modules_are_found(old, new):
    caught, scope = warnings_of(f"found = minigrad.{old}")
    assert scope["found"] is new
    assert [w.filename for w in caught] == ["user.py"]


@pytest.mark.parametrize(
    "code",
    [
        "found = minigrad.layers.Deconvolution2D",
        "from minigrad.layers import Deconvolution2D as found",
    ],
)
def test_old_names_are_the_new_ones_with_a_warning(code):
    caught, scope = warnings_of(code)
    assert scope["found"] is layers.Conv2DTranspose
    told = "minigrad.layers.Deconvolution2D is an old name; write Conv2DTranspose"
    assert {(str(w.message), w.filename) for w in caught} == {(told, "user.py")}


@pytest.mark.parametrize("name", list(minigrad.optimizers.OPTIMIZERS.names))
def test_optimizers_are_made_by_their_names_in_lower_case_too(name):
    caught, scope = warnings_of(f"found = minigrad.optimizers.{name}(0.25)")
    assert type(scope["found"]) is minigrad.optimizers.OPTIMIZERS.names[name]
    assert scope["found"].learning_rate == 0.25
    assert [w.filename for w in caught] == ["user.py"]
    assert importlib.import_module(f"minigrad.optimizers.{name}".replace("adamw", "adam"))


@pytest.mark.parametrize("name", [name for name in old_names.RENAMED if "plot" not in name])
def test_old_names_are_not_those_of_something_else(name):
    family, _, old = name.rpartition(".")
    assert old not in vars(module_of(family))
    with pytest.warns(FutureWarning, match=f"minigrad.{name} is an old name"):
        getattr(module_of(family), old)


@pytest.mark.parametrize(
    ("place", "name"),
    [("core", "Permute"), ("normalization", "LayerNormalization"), ("noise", "Dropout"),
     ("pooling", "MaxPooling1D")],
)  # fmt: skip
def test_files_of_layers_have_what_keras_2_had_there(place, name):
    module = importlib.import_module(f"minigrad.layers.{place}")
    assert getattr(module, name) is getattr(layers, name)
    with pytest.raises(AttributeError, match=r"layers\.GRU is not in minigrad"):
        getattr(module, "GRU")  # noqa: B009


def test_the_finder_is_asked_once_and_finds_nothing_of_others():
    old_names.install_finder()
    assert sys.meta_path.count(old_names.Finder) == 1
    assert old_names.Finder.find_spec("json.decoder") is None
    assert old_names.Finder.find_spec("minigrad.layers") is None
    assert old_names.Finder.find_spec("minigrad.nowhere") is None
