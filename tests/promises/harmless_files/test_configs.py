"""Whole models whose configs are bombs, lies or attacks: refused with the file's name."""

import json
import zipfile

import numpy as np
import pytest

from minigrad import Sequential, layers
from minigrad.models import load_model, model_from_json
from minigrad.saving import container
from minigrad.utils import config


@pytest.fixture
def members(make_model, folder, monkeypatch):
    """The members of a good file; its arrays are in an .npz."""
    monkeypatch.setattr(container, "_has_h5py", lambda: False)
    make_model(1).save(folder / "good.keras")
    with zipfile.ZipFile(folder / "good.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def write(folder):
    def write(members, compression=zipfile.ZIP_STORED):
        with zipfile.ZipFile(folder / "m.keras", "w", compression) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return folder / "m.keras"

    return write


def layer(class_name, **entries):
    return {"module": "keras.layers", "class_name": class_name, "config": entries}


def first(**entries):
    def change(described):
        described["config"]["layers"][1]["config"] |= entries

    return change


def insert(*entries, at=1):
    def change(described):
        described["config"]["layers"][at:at] = entries

    return change


def doubling(described):
    """A graph in which each node has twice the columns of the one before."""

    def node(name, *sources):
        symbols = [
            {"class_name": "__keras_tensor__", "config": {"keras_history": [s, 0, 0]}}
            for s in sources
        ]
        op = {"module": "keras.src.ops.numpy", "class_name": "Concatenate", "config": {"axis": -1}}
        entry = op | {"name": name}
        return entry | {"inbound_nodes": [{"args": [symbols], "kwargs": {}}]}

    begin = layer("InputLayer", batch_shape=[None, 1024], name="n0")
    graph = [begin | {"name": "n0", "inbound_nodes": []}]
    graph += [node(f"n{i + 1}", f"n{i}", f"n{i}") for i in range(40)]
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "layers": graph,
            "input_layers": [["n0", 0, 0]],
            "output_layers": [["n40", 0, 0]],
        },
    }


CONFIGS = {
    "a million units": (first(units=10**6), "no more weights than there are values in the file"),
    "units beyond all numbers": (first(units=10**300), "no more weights than there are values"),
    "no whole number": (first(units=2.5), "units to be an integer"),
    "NaN units": (first(units=float("nan")), "units to be an integer"),
    "a text": (first(units="1" * 5000), "units to be an integer"),
    "a dict": (first(units={"a": 1}), "units to be an integer"),
    "a table of a terabyte": (
        insert(layer("Embedding", input_dim=2**30, output_dim=2**10)), "no more weights than",
    ),
    "an input of a terabyte": (
        lambda d: d["config"]["layers"].__setitem__(
            slice(None), [layer("InputLayer", batch_shape=[None, 2**40]), layer("ReLU")]),
        "extra: layers/dense/vars/0|extra: layers/dense/kernel",
    ),
    "columns that double": (doubling, "at most 65536 values"),
    "a file with tokens": (
        insert(layer("StringLookup", vocabulary="/etc/passwd")), "no file that they are in, got",
    ),
    "tokens in a file of numbers": (
        insert(layer("IntegerLookup", vocabulary="/etc/passwd")), "no file that they are in, got",
    ),
    "a text of a gigabyte": (
        insert(layer("Rescaling", scale={
            "class_name": "__numpy__", "config": {"value": ["a"], "dtype": "S1000000000"}})),
        "an array of numbers, got .S1000000000",
    ),
    "objects": (
        insert(layer("Rescaling", scale={
            "class_name": "__numpy__", "config": {"value": ["a"], "dtype": "O"}})),
        "an array of numbers, got object",
    ),
    "a class of Python's": (insert({"module": "os", "class_name": "system", "config": {}}),
                            "expected a class that is known, got 'system'"),
    "a function of Python's": (
        first(activation={"module": "builtins", "class_name": "function", "config": "eval"}),
        "activation: expected a known name, got 'eval'",
    ),
    "a registered name": (
        insert(layer("Dense", units=3) | {"registered_name": "os>system", "class_name": "system",
                                          "module": "os"}), "expected a class that is known"),
    "a lambda": (
        insert(layer("Lambda", function={"class_name": "__lambda__", "config": {"code": "4wEA"}})),
        "runs no code from files",
    ),
    "a name that is none": (insert({"module": 5, "class_name": [], "config": {}}), "m.keras"),
    "a config that is none": (insert(layer("Dense") | {"config": 5}), "m.keras"),
    "an argument that is none": (first(harm=1), "m.keras"),
    "a layer less": (lambda d: d["config"]["layers"].pop() and None, "extra: "),
    "a layer more": (insert(layer("Dense", units=3), at=2), "do not fit|missing"),
    "another shape": (first(units=7), "expected an input of size 3"),
    "another optimizer": (
        lambda d: d["compile_config"].update(optimizer={"class_name": "Popen", "config": {}}),
        "optimizer: expected a known name, got 'Popen'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), CONFIGS.values(), ids=CONFIGS)
def test_a_config_of_another_kind_is_refused(
    change, message, members, write, refusing, monkeypatch
):
    monkeypatch.setattr(config, "MOST_TRIED", 2**16)
    described = json.loads(members["config.json"])
    described = change(described) or described
    path = write(members | {"config.json": json.dumps(described)})
    with refusing(message) as caught:
        load_model(path)
    error = caught.value
    assert "m.keras" in f"{error}{getattr(error, '__notes__', '')}"


TEXTS = {
    "brackets in brackets": ("[" * 100_000, "config.json: expected JSON"),
    "braces in braces": ('{"a":' * 100_000, "config.json: expected JSON"),
    "a key twice": (
        '{"class_name": "A", "class_name": "B"}',
        "config.json: expected each key once",
    ),
    "an endless number": ("9" * 100_000, "config.json: expected JSON"),
    "no UTF-8": (b"\xff\xfe\xfd", "config.json: expected JSON"),
    "a text": ('"a"', "expected the config of a model"),
    "nothing": ("", "config.json: expected JSON"),
}


@pytest.mark.parametrize(("text", "message"), TEXTS.values(), ids=TEXTS)
def test_a_text_that_is_no_config_is_refused(text, message, members, write, refusing):
    path = write(members | {"config.json": text})
    with refusing(message) as caught:
        load_model(path)
    assert "m.keras" in str(caught.value)
    if isinstance(text, str):
        with refusing(message.replace("config.json", "model_from_json")):
            model_from_json(text)


@pytest.mark.parametrize("name", ["config.json", "metadata.json", "model.weights.npz"])
def test_a_bomb_is_not_unpacked(name, members, write, refusing):
    path = write(members | {name: bytes(2**26)}, zipfile.ZIP_DEFLATED)
    with refusing(rf"m\.keras.*{name} claims 67108864 bytes, more than the file can justify"):
        load_model(path)


@pytest.mark.parametrize("text", ["{}", "[]", '{"keras_version": null}', "7", ""])
def test_metadata_of_another_kind(text, members, write):
    """A version that is not known is tried as the newest; what is no metadata is refused."""
    path = write(members | {"metadata.json": text})
    if "null" in text:
        load_model(path)
    else:
        with pytest.raises(ValueError, match=r"m\.keras"):
            load_model(path)


def test_a_bomb_in_the_arrays_of_a_bomb_is_refused(members, write, folder, refusing):
    with zipfile.ZipFile(folder / "w.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("layers/dense/kernel.npy", "layers/dense/bias.npy"):
            with archive.open(name, "w") as file:
                np.lib.format.write_array(file, np.zeros(2**22, "f4"))
    described = json.loads(members["config.json"])
    first(units=2**20)(described)
    path = write(
        members
        | {
            "config.json": json.dumps(described),
            "model.weights.npz": (folder / "w.npz").read_bytes(),
        }
    )
    with refusing("packed into less than a part in 32"):
        load_model(path)


def test_a_layer_of_a_user_that_fails_leaves_all_weights(make_model, folder):
    class Own(layers.Dense):
        def save_own_variables(self, store):
            super().save_own_variables(store)

        def load_own_variables(self, store):
            self.kernel.assign(store["0"])
            self.bias.assign(store["2"])

    model = Sequential([layers.Input((4,)), layers.Dense(3), Own(2)])
    model.save_weights(folder / "w.npz")
    model.set_weights([w + 1 for w in model.get_weights()])
    before = model.weights_hash()
    with pytest.raises(ValueError, match=r"what 'own' asks for in .*, got \['0', '1'\]"):
        model.load_weights(folder / "w.npz")
    assert model.weights_hash() == before
