"""Files of models that are damaged, or made to do harm: refused with their path, nothing is run."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

from minigrad import Input, Sequential, layers
from minigrad.models import load_model
from minigrad.saving import container, formats

try:
    import h5py
except ImportError:
    h5py = None

needs_h5py = pytest.mark.skipif(h5py is None, reason="h5py is not installed")


pytestmark = pytest.mark.harmless_files


def make_model():
    model = Sequential([Input((4,)), layers.Dense(3, name="only")])
    model.compile("sgd", "mse")
    return model


@pytest.fixture
def members(tmp_path, monkeypatch):
    """The members of a good file, by name; its arrays are in an .npz."""
    monkeypatch.setattr(container, "_has_h5py", lambda: False)
    make_model().save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def changed(members, change):
    described = json.loads(members["config.json"])
    described = change(described) or described
    return members | {"config.json": json.dumps(described)}


@pytest.mark.parametrize("name", ["metadata.json", "config.json", "model.weights.npz"])
def test_a_missing_member_is_named(name, members, tmp_path):
    del members[name]
    path = write(tmp_path / "m.keras", members)
    with pytest.raises(ValueError, match=rf"an intact \.keras file.*m\.keras.*{name}"):
        load_model(path)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"text"', "[" * 100_000, b"\xff\xfe\x00"])
def test_a_config_that_is_none_is_refused(text, members, tmp_path):
    path = write(tmp_path / "m.keras", members | {"config.json": text})
    with pytest.raises(ValueError, match=r"expected a.* \.keras file.* got .*m\.keras"):
        load_model(path)


@pytest.mark.parametrize("part", [0, 10, 0.3, 0.6, 0.9, -1])
def test_a_truncated_file_is_refused(part, members, tmp_path):
    content = (tmp_path / "good.keras").read_bytes()
    part = int(len(content) * part) if isinstance(part, float) else part
    (tmp_path / "m.keras").write_bytes(content[:part])
    with pytest.raises(ValueError, match=r"expected an intact \.keras file, .*m\.keras"):
        load_model(tmp_path / "m.keras")


def test_a_changed_array_is_refused(members, tmp_path):
    content = bytearray((tmp_path / "good.keras").read_bytes())
    content[content.index(b"\x93NUMPY") + 130] ^= 1  # behind the header
    (tmp_path / "m.keras").write_bytes(content)
    with pytest.raises(ValueError, match=r"expected an intact .*m\.keras.*CRC"):
        load_model(tmp_path / "m.keras")


def set_units(units):
    def change(described):
        described["config"]["layers"][1]["config"]["units"] = units

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            set_units(2**28),
            r"weight 'kernel': expected no more weights .*, got \(4, 268435456",
        ),
        (set_units(2**50), "expected no more weights than there are values in the file"),
        (set_units(10**400), "expected no more weights than there are values in the file"),
        (set_units(-1), "expected units to be an integer of at least 1, got -1"),
        (set_units(5), "do not fit"),
        (lambda d: d["config"].update(layers=7), "expected a list of layers, got 7"),
        (lambda d: d["config"]["layers"].clear(), "expected at least one layer"),
        (lambda d: {"a": 1}, "expected the config of a model, got {'a': 1}"),
        (lambda d: d["config"]["layers"][1], "expected the config of a model, got Dense"),
        (lambda d: d.pop("config"), "expected the config of a model"),
        (lambda d: d["compile_config"].update(optimizer="no_such"), "optimizer: expected a known"),
    ],
)
def test_a_config_that_cannot_be_is_refused_with_the_path(change, message, members, tmp_path):
    path = write(tmp_path / "m.keras", changed(members, change))
    with pytest.raises(ValueError, match=message) as caught:
        load_model(path)
    assert "m.keras" in "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


@pytest.mark.parametrize(
    "entry",
    [
        {"module": "os", "class_name": "system", "config": {"command": "touch harm"}},
        {"module": "os", "class_name": "function", "config": "system"},
        {"module": "builtins", "class_name": "eval", "config": {"source": "open('harm', 'w')"}},
        {"module": "minigrad.utils", "class_name": "get_file", "config": {"fname": "harm"}},
        {"class_name": "__lambda__", "config": {"value": "4wEAAAAAAAAA"}},
        {"module": "keras.layers", "class_name": "Lambda",
         "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA"}}}},
    ],
)  # fmt: skip
def test_a_config_runs_nothing_and_imports_nothing(entry, members, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(
        tmp_path / "m.keras", changed(members, lambda d: d["config"]["layers"].append(entry))
    )
    with pytest.raises(ValueError):
        load_model(path, safe_mode=False)
    assert sorted(os.listdir(tmp_path)) == ["good.keras", "m.keras"]


def test_names_that_lead_out_of_the_folder_are_not_written(members, tmp_path, monkeypatch):
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    extra = {"../harm": "text", "/harm": "text", "assets/../../harm": "text"}
    load_model(write(tmp_path / "inner" / "m.keras", members | extra))
    assert os.listdir(tmp_path / "inner") == ["m.keras"]
    assert not os.path.exists(tmp_path / "harm") and not os.path.exists("/harm")


def test_a_member_nobody_asks_for_is_not_read(members, tmp_path):
    extra = {"assets/bomb": bytes(10**7), "model.weights.npz/bomb": bytes(10**7)}
    path = write(tmp_path / "m.keras", members | extra, zipfile.ZIP_DEFLATED)
    content = path.read_bytes()
    position = content.index(b"assets/bomb") + 100  # damaged: reading it would raise
    path.write_bytes(content[:position] + b"\xff" + content[position + 1 :])
    load_model(path)


@pytest.mark.parametrize("name", ["config.json", "metadata.json", "model.weights.npz"])
def test_a_member_that_claims_more_than_the_file_can_hold_is_refused(name, members, tmp_path):
    path = write(tmp_path / "m.keras", members | {name: bytes(10**7)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=rf"{name} claims 10000000 bytes, more than the file can"):
        load_model(path)


def test_an_array_that_claims_more_than_fits_into_memory_is_refused(tmp_path):
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**50,)}
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, header)
    write(tmp_path / "w.npz", {"layers/dense/kernel.npy": file.getvalue()})
    with pytest.raises(ValueError, match=r"expected an intact \.npz file .*w\.npz"):
        formats.load_arrays(tmp_path / "w.npz")


@needs_h5py
@pytest.mark.parametrize("kind", ["external", "virtual"])
def test_bytes_of_another_file_do_not_become_weights(kind, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(12))
    path = tmp_path / "w.weights.h5"
    make_model().save_weights(path)
    with h5py.File(path, "a") as file:
        del file["layers/dense/vars/1"]
        if kind == "external":
            options = {"external": [(str(secret), 0, 12)]}
            file.create_dataset("layers/dense/vars/1", (3,), "float32", **options)
        else:
            layout = h5py.VirtualLayout((3,), "float32")
            layout[:] = h5py.VirtualSource(str(secret), "data", (3,))
            file.create_virtual_dataset("layers/dense/vars/1", layout)
    with pytest.raises(ValueError, match="expected arrays in the file itself, got /layers/dense"):
        make_model().load_weights(path)


@needs_h5py
@pytest.mark.parametrize("part", [0, 8, 0.5, 0.9])
def test_a_truncated_older_file_is_refused(part, tmp_path):
    make_model().save(tmp_path / "good.h5")
    content = (tmp_path / "good.h5").read_bytes()
    part = int(len(content) * part) if isinstance(part, float) else part
    (tmp_path / "m.h5").write_bytes(content[:part])
    with pytest.raises(ValueError, match=r"expected an intact HDF5 file, got .*m\.h5"):
        load_model(tmp_path / "m.h5")


@needs_h5py
def test_an_older_file_of_weights_alone_is_told(tmp_path):
    make_model().save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ValueError, match=r"got weights alone in .*; make the model in your script"):
        load_model(tmp_path / "w.weights.h5")
