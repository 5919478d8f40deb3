"""Whole models in one file, in Keras 3's container: a zip of a config and of arrays.

It holds ``metadata.json``, ``config.json`` (how the model is made and compiled) and
``model.weights.h5`` (its arrays, and those of the optimizer), or, where h5py is missing,
``model.weights.npz``. Keras reads the first, minigrad both.
"""

import contextlib
import io
import json
import warnings
import zipfile

from minigrad.saving.formats import CONFIG, KERAS_VERSION, WEIGHTS, import_h5py, open_container
from minigrad.saving.legacy_h5 import make_model
from minigrad.saving.weights import check_overwrite, collect_arrays, restore_arrays
from minigrad.utils.config import serialize
from minigrad.utils.files import replacing


def save_container(model, path, overwrite=True, include_optimizer=True):
    """Write a whole model into a ``.keras`` file, which appears whole or not at all.

    Or into an open file, as it is.
    """
    is_open = not isinstance(path, str)
    if not is_open:
        check_overwrite(path, overwrite)
    if not model.built:
        cure = "call the model on data, or model.build(input_shape), for a file with weights"
        warnings.warn(f"save_model: the model is not built yet; {cure}", stacklevel=4)
    name = "model.weights.h5" if _has_h5py() else "model.weights.npz"
    described = serialize(model)
    if not include_optimizer:
        described.pop("compile_config", None)
    arrays = io.BytesIO()
    WEIGHTS[name].write(arrays, *collect_arrays(model, include_optimizer, may_be_unbuilt=True))
    members = {
        "metadata.json": json.dumps({"keras_version": KERAS_VERSION, "written_by": "minigrad"}),
        CONFIG: json.dumps(described),
        name: arrays.getvalue(),
    }
    target = contextlib.nullcontext(path) if is_open else replacing(path)
    with target as file, zipfile.ZipFile(file, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content)  # a ZipInfo has a fixed date


def load_container(path, custom_objects=None, compile=True):
    """Read a model from a ``.keras`` file."""
    with open_container(path) as (described, is_older, arrays):
        if not compile:
            described.pop("compile_config", None)
        model = make_model(described, arrays, custom_objects, path, is_older)
        restore_arrays(model, arrays, path)
    return model


def _has_h5py():
    try:
        import_h5py()
    except ImportError:
        return False
    return True
