"""Whole models in Keras's older file, HDF5: read, from Keras 2 and 3, and written as Keras 3 does.

The attributes ``model_config`` and ``training_config`` hold JSON; the groups ``model_weights`` and
``optimizer_weights`` hold arrays, layer by layer in their order. Keras 2's configs are rewritten
into Keras 3's, and read as those are.
"""

import json
import os

from minigrad.losses import LOSSES
from minigrad.saving.formats import (
    HDF5,
    KERAS_2,
    KERAS_VERSION,
    check_is_file,
    find_weights,
    import_h5py,
    names_in,
    new_hdf5,
    open_hdf5,
    parse_json,
    refusing,
    text_of,
)
from minigrad.saving.keys import find_places
from minigrad.saving.optimizer_state import find_arrays
from minigrad.saving.weights import OPTIMIZER, check_overwrite, restore_arrays
from minigrad.utils.arguments import short_text
from minigrad.utils.config import deserialize, room_for, serialize
from minigrad.utils.files import replacing

MODELS = ("Sequential", "Functional", "Model")


# --- writing -------------------------------------------------------------------------------------


def save_legacy(model, path, overwrite=True, include_optimizer=True):
    """Write a whole model into an ``.h5`` file, which appears whole or not at all."""
    check_overwrite(path, overwrite)
    import_h5py()
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)  # Keras does, for this file
    described = serialize(model)
    compiled = described.pop("compile_config", None)
    compiled = compiled if include_optimizer else None
    layers = [(layer.name, layer.own_weights) for _, layer in find_places(model)]
    with replacing(path) as temporary, new_hdf5(temporary) as file:
        file.attrs["keras_version"] = KERAS_VERSION
        file.attrs["backend"] = "minigrad"
        file.attrs["model_config"] = json.dumps(described)
        if compiled:
            compiled["loss"] = _spell_out(compiled["loss"])
            optimizer = compiled.pop("optimizer")
            file.attrs["training_config"] = json.dumps(compiled | {"optimizer_config": optimizer})
        _write_weights(file.create_group("model_weights"), layers)
        if compiled and model.optimizer.built:
            group = file.create_group("optimizer_weights")
            arrays = {str(i): array for i, array in enumerate(find_arrays(model.optimizer))}
            _write_arrays(group, arrays)


def _spell_out(loss):
    """Return losses with their full names: Keras does not read "mse" in such a file."""
    if isinstance(loss, str):
        return getattr(LOSSES.get(loss), "name", loss)
    if isinstance(loss, list):
        return [_spell_out(part) for part in loss]
    if isinstance(loss, dict) and "class_name" not in loss:
        return {name: _spell_out(part) for name, part in loss.items()}
    return loss


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
    check_is_file(path)
    with open_hdf5(path) as (file, datasets):
        with refusing(HDF5, path):
            texts = ("model_config", "training_config")
            described, compiled = (
                parse_json(text_of(file, key), key) if key in file.attrs else None for key in texts
            )
            state = _find_state(file, datasets)
            arrays = find_weights(file, datasets)
        if described is None:
            cure = "; make the model in your script, and call model.load_weights"
            fault = f"got weights alone in {path}"
            raise ValueError(f"load_model: expected a whole model, {fault}{cure}")
        if compile and compiled:
            described["compile_config"] = compiled
        model = make_model(described, arrays, custom_objects, path, is_older=True)
        restore_arrays(model, arrays | state, path)
    return model


def make_model(described, arrays, custom_objects, path, is_older=False):
    """Return the model of a description that was in a file.

    Parameters
    ----------
    described : dict
    arrays : dict from str to Stored, or None
        Those of the file, whose number limits that of the model's weights.
    custom_objects : dict from str to class or function, or None
    path : path
        For messages.
    is_older : bool
        Whether Keras 2 wrote the description, or Keras 3 in the older file.
    """
    try:
        if is_older:
            compiled = modernize_training(described.pop("compile_config", None))
            described = modernize(described) | {"compile_config": compiled}
        with room_for(_count_values(arrays)):
            model = deserialize(described, custom_objects)
        if not hasattr(model, "load_weights"):
            raise ValueError(f"load_model: expected the config of a model, got {short_text(model)}")
        return model
    except ImportError:
        raise
    except Exception as error:  # a config of a stranger may make each layer fail in its own way
        cure = (
            "classes and functions of your own are given to load_model as "
            "custom_objects={'name': name}, or registered"
        )
        if isinstance(error, ValueError):
            error.add_note(f"in {path}; {cure}")
            raise
        got = f"{type(error).__name__} {error} in {path}; {cure}"
        raise ValueError(f"load_model: expected the config of a model, got {got}") from error


def _count_values(arrays):
    """How many values there are in a file; None where there is none."""
    if arrays is None:
        return None
    layers = arrays.get(KERAS_2)
    stored = arrays.values() if layers is None else [array for _, own in layers for array in own]
    return sum(array.size for array in stored)


def _find_state(file, datasets):
    """The optimizer's arrays by key; none in the order of before Keras 2.11."""
    group = file.get("optimizer_weights")
    names = None if group is None else names_in(group, "weight_names")
    if not names or names[0].rpartition("/")[2] not in ("iteration", "iteration:0", "0"):
        return {}
    return {f"{OPTIMIZER}{i}": datasets[f"optimizer_weights/{n}"] for i, n in enumerate(names)}


def modernize(described):
    """Return a description of Keras 2's, or of Keras 3's older file, as Keras 3 writes it now."""
    name, config = described["class_name"].rpartition(">")[2], described["config"]
    config = {"layers": config} if isinstance(config, list) else dict(config)
    if "BatchNormalization" in name and isinstance(axis := config.get("axis"), list):
        config["axis"] = axis[0] if len(axis) == 1 else axis  # Keras 2 wrote a list of one
    is_op = name not in MODELS and "trainable" not in config and "name" in config
    shape = config.pop("batch_input_shape", None)
    if name == "InputLayer":
        is_op = False
        config.setdefault("batch_shape", shape)
    if name in MODELS:
        first = config["layers"][0] if config["layers"] else {"class_name": None, "config": {}}
        config["layers"] = [modernize(layer) for layer in config["layers"]]
        shape = first["config"].get("batch_input_shape")
        if name == "Sequential" and shape and first["class_name"] != "InputLayer":
            first = _describe("keras.layers", "InputLayer", {"batch_shape": shape})
            config["layers"].insert(0, first)
        elif "input_layers" in config:
            _modernize_nodes(config)
    module = "keras" if name in MODELS else "keras.src.ops.numpy" if is_op else "keras.layers"
    return dict(described) | _describe(described.get("module") or module, name, config)


FAMILIES = {
    "optimizer": "keras.optimizers", "loss": "keras.losses", "metrics": "keras.metrics",
    "weighted_metrics": "keras.metrics",
}  # fmt: skip


def modernize_training(value, family=None):
    """Return what Keras 2 writes of ``compile``, or a part of it, as Keras 3 writes it now."""
    if isinstance(value, list):
        return [modernize_training(part, family) for part in value]
    if not isinstance(value, dict) or value.get("class_name") == "function":
        return value
    if value.get("class_name") == "MeanMetricWrapper":
        return value["config"]["fn"]
    if "class_name" in value:
        config = dict(value["config"])
        if config.get("reduction") == "auto":
            config["reduction"] = "sum_over_batch_size"
        name = value["class_name"].rpartition(">")[2]
        return value | _describe(value.get("module") or family, name, config)
    renewed = {}
    for key, part in value.items():
        name = "optimizer" if key == "optimizer_config" else key
        renewed[name] = modernize_training(part, family or FAMILIES.get(name))
    return renewed


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
