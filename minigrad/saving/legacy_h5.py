"""Whole models in Keras's older file, HDF5: read, from Keras 2 and 3, and written as Keras 3 does.

The attributes ``model_config`` and ``training_config`` hold JSON; the groups ``model_weights`` and
``optimizer_weights`` hold arrays, layer by layer in their order. Keras 2's configs are rewritten
into Keras 3's, and read as those are.
"""

import json

from minigrad.saving.formats import Hdf5, check_is_file, import_h5py, names_in
from minigrad.saving.keys import find_places
from minigrad.saving.optimizer_state import find_arrays
from minigrad.saving.weights import OPTIMIZER, check_overwrite, restore_arrays
from minigrad.utils.config import deserialize, serialize
from minigrad.utils.files import replacing

MODELS = ("Sequential", "Functional", "Model")


# --- writing -------------------------------------------------------------------------------------


def save_legacy(model, path, overwrite=True, include_optimizer=True):
    """Write a whole model into an ``.h5`` file, which appears whole or not at all."""
    check_overwrite(path, overwrite)
    h5py = import_h5py()
    described = serialize(model)
    compiled = described.pop("compile_config", None) if include_optimizer else None
    layers = [(layer.name, layer.own_weights) for _, layer in find_places(model)]
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["keras_version"] = "3.15.1"
        file.attrs["backend"] = "minigrad"
        file.attrs["model_config"] = json.dumps(described)
        if compiled:
            optimizer = compiled.pop("optimizer")
            file.attrs["training_config"] = json.dumps(compiled | {"optimizer_config": optimizer})
        _write_weights(file.create_group("model_weights"), layers)
        if compiled and model.optimizer.built:
            group = file.create_group("optimizer_weights")
            arrays = {str(i): array for i, array in enumerate(find_arrays(model.optimizer))}
            _write_arrays(group, arrays)


def _write_weights(file, layers):
    groups = []
    for i, (name, weights) in enumerate(layers):
        if weights:
            groups.append(name if name not in groups else f"{name}_{i}")
            arrays = {f"{weight.name}_{j}": weight.data for j, weight in enumerate(weights)}
            _write_arrays(file.create_group(groups[-1]), arrays)
    file.attrs["layer_names"] = groups


def _write_arrays(group, arrays):
    for name, array in arrays.items():
        group[name] = array
    group.attrs["weight_names"] = list(arrays)


# --- reading -------------------------------------------------------------------------------------


def load_legacy(path, custom_objects=None, compile=True):
    """Read a model from an ``.h5`` file."""
    h5py = import_h5py()
    check_is_file(path)
    try:
        with h5py.File(path) as file:
            configs = {key: _read_json(file, key) for key in ("model_config", "training_config")}
            state = _read_state(file.get("optimizer_weights"))
            version = file.attrs.get("keras_version", "2")
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"load_model: expected an intact HDF5 file, got {path}: {error}"
        ) from error
    if configs["model_config"] is None:
        cure = "; make the model in your script, and call model.load_weights"
        raise ValueError(f"load_model: expected a whole model, got weights alone in {path}{cure}")
    model = deserialize(modernize(configs["model_config"]), custom_objects)
    restore_arrays(model, Hdf5.read(path), path)
    if compile and configs["training_config"]:
        settings = dict(configs["training_config"])
        model.compile_from_config(settings | {"optimizer": settings.pop("optimizer_config")})
        if str(version).startswith("3") and state:
            arrays = {f"{OPTIMIZER}{i}": array for i, array in enumerate(state)}
            restore_arrays(model, Hdf5.read(path) | arrays, path)
    return model


def _read_json(file, key):
    text = file.attrs.get(key)
    return None if text is None else json.loads(text)


def _read_state(group):
    names = None if group is None else names_in(group, "weight_names")
    return [group[name][()] for name in names or []]


def modernize(described):
    """Return a description of Keras 2's, or of Keras 3's older file, as Keras 3 writes it now."""
    name, config = described["class_name"], described["config"]
    config = {"layers": config} if isinstance(config, list) else dict(config)
    is_op = name not in MODELS and "trainable" not in config and "name" in config
    shape = config.pop("batch_input_shape", None)
    if name == "InputLayer":
        is_op = False
        config.setdefault("batch_shape", shape)
    if name in MODELS:
        first = config["layers"][0]["config"] if config["layers"] else {}
        config["layers"] = [modernize(layer) for layer in config["layers"]]
        if name == "Sequential" and "batch_input_shape" in first:
            shape = {"batch_shape": first["batch_input_shape"]}
            config["layers"].insert(0, _describe("keras.layers", "InputLayer", shape))
        elif "input_layers" in config:
            _modernize_nodes(config)
    module = "keras" if name in MODELS else "keras.src.ops.numpy" if is_op else "keras.layers"
    return dict(described) | _describe(described.get("module") or module, name, config)


def _describe(module, name, config):
    return {"module": module, "class_name": name, "config": config}


def _modernize_nodes(config):
    """Rewrite what each layer was called with: lists of [name, call, result, options]."""
    # Keras 2 counts the calls of a graph within a graph from 1.
    graphs = {e["name"] for e in config["layers"] if e["class_name"] in MODELS[1:]}
    for entry in config["layers"]:
        nodes = [node for node in entry["inbound_nodes"] if node]
        entry["inbound_nodes"] = [
            node if isinstance(node, dict) else _modernize_node(node, graphs) for node in nodes
        ]


def _modernize_node(node, graphs):
    node = [node] if isinstance(node[0], str) else node
    symbols = [
        {
            "class_name": "__keras_tensor__",
            "config": {"keras_history": [name, number - (name in graphs), index]},
        }
        for name, number, index, *_ in node
    ]
    options = node[0][3] if len(node[0]) > 3 else {}
    return {"args": symbols if len(symbols) == 1 else [symbols], "kwargs": options}
