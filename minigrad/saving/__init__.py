# ruff: noqa: F401 (what is imported here is what the package offers)
"""Models and weights in files, and configs of all that models are made of.

====================== ============================================================================
a whole model          `container`: Keras 3's ".keras"; `legacy_h5`: Keras's older ".h5", both ways;
                       `graph_config`: a model of Symbols as a config; `savable`: what ``Model`` has
                       of this; `cloning`: a model like another. Other configs: `utils.config`
its weights            `weights`: all of them or none, under `keys` (where each stands), with
                       `optimizer_state`, in Keras's order
a run that goes on     `checkpoint`: its files; `state`: objects as arrays and JSON
files of arrays        `formats`: ".npz", HDF5 and zip, and what a stranger's file may not claim
====================== ============================================================================
"""

import importlib
import os

from minigrad.saving.weights import check_overwrite, load_weights, save_weights
from minigrad.utils.config import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from minigrad.utils.config import deserialize as deserialize_keras_object
from minigrad.utils.config import serialize as serialize_keras_object

CustomObjectScope = custom_object_scope

HDF5_ENDINGS = (".h5", ".hdf5")


def save_model(model, filepath, overwrite=True, zipped=None, include_optimizer=True, **options):
    """Write a whole model into a file: how it is made and compiled, its weights, its optimizer.

    Parameters
    ----------
    model : Model
        One whose layers are not built yet is loaded as such.
    filepath : str, path or file
        Ends in ".keras", Keras 3's own container, or in ".h5", the older one (with h5py). The file
        appears whole or not at all. A file that is open for bytes gets the container. Without
        h5py, a ".keras" file holds arrays that minigrad reads and Keras does not.
    overwrite : bool
        Whether a file that is there is replaced; else FileExistsError.
    zipped : None or True
        As in Keras; there are no folders here.
    include_optimizer : bool
        Whether to write how the model is compiled, and the state of its optimizer.

    Raises
    ------
    ValueError
        If the path has another ending, or, for ".h5", a layer is not built.
    TypeError
        If the model holds what no file can: a lambda, or an object without ``get_config``.
    """
    path = _as_path(filepath)
    unknown = [name for name in options if name != "save_format"]
    if unknown or zipped is False:
        raise ValueError(f"save_model: expected no {(*unknown, 'zipped=False')[0]}")
    if _is_legacy(path):
        from minigrad.saving.legacy_h5 import save_legacy

        save_legacy(model, path, overwrite, include_optimizer)
    elif not isinstance(path, str) or path.endswith(".keras"):
        from minigrad.saving.container import save_container

        save_container(model, path, overwrite, include_optimizer)
    else:
        cure = "a folder in TensorFlow's format needs TensorFlow, ONNX is what model.export writes"
        raise ValueError(
            f"save_model: expected a path that ends in .keras (or .h5), got {path!r}; {cure}"
        )


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """Read a whole model that ``save_model`` wrote, or Keras 3, or Keras 2 as ``.h5``; or ONNX.

    Parameters
    ----------
    filepath : str, path or file
        A file that is open for bytes holds the container. A path that ends in ".onnx" is read by
        ``interop.load_onnx``: as a model that is not compiled.
    custom_objects : dict from str to class or function, optional
        Your own classes and functions by name, unless they are registered. No code in a file is
        run, and nothing is imported by a name in it.
    compile : bool
        Whether to compile the model as it was, its optimizer's state included.
    safe_mode : bool
        Without effect: minigrad never runs code from a file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, something else, or names what minigrad does not have.
    """
    path = _as_path(filepath)
    if isinstance(path, str) and path.endswith(".onnx"):
        return importlib.import_module("minigrad.interop").load_onnx(path)  # it needs models
    if _is_legacy(path):
        from minigrad.saving.legacy_h5 import load_legacy

        return load_legacy(path, custom_objects, compile)
    from minigrad.saving.container import load_container

    return load_container(path, custom_objects, compile)


def _as_path(filepath):
    """A path as str; a file that is open as it is."""
    return filepath if hasattr(filepath, "read") else os.fspath(filepath)


def _is_legacy(path):
    return isinstance(path, str) and path.endswith(HDF5_ENDINGS)
