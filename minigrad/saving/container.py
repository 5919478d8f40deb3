"""Whole models in one file, in Keras 3's container: a zip of a config and of arrays.

It holds ``metadata.json``, ``config.json`` (how the model is made and compiled) and
``model.weights.h5`` (its arrays, and those of the optimizer), or, where h5py is missing,
``model.weights.npz``. Keras reads the first, minigrad both.
"""

import io
import json
import zipfile

from minigrad.saving.formats import Hdf5, Npz, check_is_file, import_h5py
from minigrad.saving.legacy_h5 import modernize, modernize_training
from minigrad.saving.weights import check_overwrite, collect_arrays, restore_arrays
from minigrad.utils.config import deserialize, serialize
from minigrad.utils.files import replacing

KERAS_VERSION = "3.15.1"  # whose layout this is
CONFIG = "config.json"
WEIGHTS = {"model.weights.h5": Hdf5, "model.weights.npz": Npz}


def save_container(model, path, overwrite=True, include_optimizer=True):
    """Write a whole model into a ``.keras`` file, which appears whole or not at all."""
    check_overwrite(path, overwrite)
    name = "model.weights.h5" if _has_h5py() else "model.weights.npz"
    described = serialize(model)
    if not include_optimizer:
        described.pop("compile_config", None)
    arrays = io.BytesIO()
    WEIGHTS[name].write(arrays, *collect_arrays(model, include_optimizer))
    members = {
        "metadata.json": json.dumps({"keras_version": KERAS_VERSION, "written_by": "minigrad"}),
        CONFIG: json.dumps(described),
        name: arrays.getvalue(),
    }
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content)  # a ZipInfo has a fixed date


def load_container(path, custom_objects=None, compile=True):
    """Read a model from a ``.keras`` file."""
    check_is_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            described = json.loads(archive.read(CONFIG))
            version = json.loads(archive.read("metadata.json"))["keras_version"]
            name = next(name for name in WEIGHTS if name in archive.namelist())
            content = io.BytesIO(archive.read(name))
    except (zipfile.BadZipFile, KeyError, StopIteration, ValueError, RuntimeError) as error:
        expected = "expected an intact .keras file, with a config and weights"
        raise ValueError(f"load_model: {expected}, got {path}: {error}") from error
    if version.startswith("2."):
        described = modernize(described)
        described["compile_config"] = modernize_training(described.get("compile_config"))
    if not compile:
        described.pop("compile_config", None)
    model = deserialize(described, custom_objects)
    restore_arrays(model, WEIGHTS[name].read(content, path), path)
    return model


def _has_h5py():
    try:
        import_h5py()
    except ImportError:
        return False
    return True
