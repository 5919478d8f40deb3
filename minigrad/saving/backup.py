"""The state of a training run: all that decides how it goes on, bit for bit.

Weights, the optimizer, metrics in the middle of an epoch, the generators of random numbers (the
default one, that of the order of samples, those of layers), and the numbers that other callbacks
count. It fits into one file of arrays; what is no array is JSON in one of them.
"""

import numpy as np

from minigrad import random
from minigrad.saving.formats import load_arrays, save_arrays
from minigrad.saving.keys import find_places
from minigrad.saving.weights import collect_arrays, restore_arrays

STATE = "state.json"


def write_run(path, model, order, callbacks, place):
    """Write the state of a run into a file, which appears whole or not at all.

    Parameters
    ----------
    path : path
        Ends in ".npz".
    model : Model
    order : dict or None
        The state of the generator that draws the samples' order, at the beginning of the epoch.
    callbacks : list of Callback
    place : dict
        ``epoch`` to go on with, and how many batches of it are done.
    """
    import json  # only here and below: it takes 2 ms of importing minigrad

    arrays, _ = collect_arrays(model)
    for i, metric in enumerate(model.metrics):
        for j, variable in enumerate(metric.variables):
            arrays[f"metrics/{i}/{j}"] = np.asarray(variable)
    counted = []
    for i, callback in enumerate(callbacks):
        counted.append({"class": type(callback).__name__, "numbers": _numbers_of(callback)})
        for name, values in _lists_of_arrays(callback):
            for j, array in enumerate(values):
                arrays[f"callbacks/{i}/{name}/{j}"] = array
    state = place | {
        "callbacks": counted,
        "default": random.get_state(),
        "layers": {group: _random_state(layer) for group, layer in find_places(model)},
        "order": order,
    }
    arrays[STATE] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    save_arrays(path, arrays)


def read_run(path):
    """Return what `write_run` wrote: a dict of the state, with its ``arrays``."""
    import json

    arrays = load_arrays(path)
    if STATE not in arrays:
        raise ValueError(f"backup: expected the state of a run, got other arrays in {path}")
    return json.loads(arrays.pop(STATE).tobytes()) | {"arrays": arrays, "path": path}


def restore_run(run, model, generator, callbacks):
    """Put a run back into the state that `read_run` returned.

    Raises
    ------
    ValueError
        If the model has other weights. Nothing has changed then.
    """
    arrays = dict(run["arrays"])
    others = {
        kind: {key: arrays.pop(key) for key in list(arrays) if key.startswith(kind)}
        for kind in ("metrics/", "callbacks/")
    }
    restore_arrays(model, arrays, run["path"])
    for i, metric in enumerate(model.metrics):
        for j, variable in enumerate(metric.variables):
            if f"metrics/{i}/{j}" in others["metrics/"]:
                variable.assign(others["metrics/"][f"metrics/{i}/{j}"])
    for i, (callback, counted) in enumerate(zip(callbacks, run["callbacks"], strict=False)):
        if type(callback).__name__ == counted["class"]:
            vars(callback).update(counted["numbers"])
            for name, values in _group(others["callbacks/"], f"callbacks/{i}/").items():
                setattr(callback, name, values)
    for group, layer in find_places(model):
        for name, state in run["layers"].get(group, {}).items():
            if isinstance(state, dict):
                getattr(layer, name).bit_generator.state = state
            else:
                setattr(layer, name, state)
    if generator is not None and run["order"] is not None:
        generator.bit_generator.state = run["order"]
    random.set_state(run["default"])


def _numbers_of(callback):
    plain = (type(None), bool, int, float, str, np.generic)
    numbers = {name: value for name, value in vars(callback).items() if isinstance(value, plain)}
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in numbers.items()}


def _lists_of_arrays(callback):
    for name, value in vars(callback).items():
        if isinstance(value, list) and value and all(isinstance(v, np.ndarray) for v in value):
            yield name, value


def _group(arrays, prefix):
    groups = {}
    for key in arrays:
        if key.startswith(prefix):
            groups.setdefault(key[len(prefix) :].rpartition("/")[0], []).append(arrays[key])
    return groups


def _random_state(layer):
    state = {
        name: value.bit_generator.state
        for name, value in vars(layer).items()
        if isinstance(value, np.random.Generator)
    }
    if hasattr(layer, "mask_seed"):
        state["mask_seed"] = layer.mask_seed
    return state
