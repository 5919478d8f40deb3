"""Weights, and the state of the optimizer that trains them, in files: all of them or none.

Keys say where a weight stands (see `keys`): in HDF5 as in Keras 3, in `.npz` with the weights'
names. The optimizer's state is in "optimizer/vars/0", "1", ..., in Keras's order (see
`optimizer_state`).
"""

import os
import warnings

import numpy as np

from minigrad.layers.base import Layer
from minigrad.saving.formats import (
    KERAS_2,
    READ_ONLY,
    check_is_file,
    check_sizes,
    format_of,
    save_arrays,
)
from minigrad.saving.keys import find_keys, find_places, join
from minigrad.saving.optimizer_state import check_arrays, check_values, find_arrays, set_arrays
from minigrad.utils.interrupts import interrupts

OPTIMIZER = "optimizer/vars/"


def save_weights(model, path, overwrite=True):
    """Write the weights of a model into a file, which is replaced only when all are written.

    A compiled model's optimizer state is written too.

    Parameters
    ----------
    model : Layer
        Built, with all layers within.
    path : path
        Ends in ".npz", ".weights.h5" or ".safetensors".
    overwrite : bool
        Whether a file that is there is replaced; else FileExistsError.

    Raises
    ------
    ValueError
        If the path has another ending, or a layer is not built.
    OSError
        If the file cannot be written; a file that was there before stays unchanged.
    ImportError
        If the path ends in ".weights.h5" and h5py is missing, or in ".safetensors" and safetensors.
    """
    check_overwrite(path, overwrite)
    save_arrays(path, *collect_arrays(model, by_name=format_of(path).by_name))


def check_overwrite(path, overwrite):
    """Raise FileExistsError if a file is there that must stay."""
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"save: expected no file at {path}; write overwrite=True")


def collect_arrays(model, with_optimizer=True, by_name=False, may_be_unbuilt=False):
    """Return all arrays of a model by key, and the (group, name) of each layer."""
    places = find_places(model, may_be_unbuilt)
    arrays = {key: weight.data for key, weight in find_keys(places, by_name).items()}
    for prefix, layer, own in _find_own(places, "save_own_variables", by_name):
        store = {}
        layer.save_own_variables(store)
        arrays = {key: array for key, array in arrays.items() if key not in own}
        arrays |= {prefix + name: np.asarray(value) for name, value in store.items()}
    for _, layer in places:
        if hasattr(layer, "save_assets"):
            cure = "files hold arrays alone; put them into save_own_variables"
            warnings.warn(f"save: the assets of {layer.name!r} were left out: {cure}", stacklevel=3)
    names = [(group, layer.name) for group, layer in places]
    optimizer = getattr(model, "optimizer", None)
    if with_optimizer and optimizer is not None and optimizer.built:
        names.append(("optimizer", optimizer.name))
        for i, array in enumerate(find_arrays(optimizer)):
            arrays[f"{OPTIMIZER}{i}"] = array
    return arrays, names


def _find_own(places, method, by_name):
    """Yield the layers that have such a method of their own.

    As (beginning of the keys, layer, what it would have by default), see `find_keys`.
    """
    for group, layer in places:
        if getattr(type(layer), method) is not getattr(Layer, method):
            yield (
                join(group, "" if by_name else "vars/"),
                layer,
                find_keys([(group, layer)], by_name),
            )


def load_weights(model, path, skip_mismatch=False):
    """Read the weights of a model from a file: all of them, or raise an error and change none.

    If the model is compiled, and the file has the state of its optimizer, that is restored too; a
    state that does not fit is left out, with a warning.

    Parameters
    ----------
    model : Layer
        Built, with all layers within.
    path : path
        Ends in ".npz", ".safetensors", ".weights.h5", ".h5" or ".keras"; written by minigrad, or
        by Keras.
    skip_mismatch : bool
        Load what fits and warn about the rest.

    Raises
    ------
    ValueError
        If the path has another ending, a layer is not built, the file is damaged, or its arrays do
        not fit; the message lists all that is missing, extra, or of another shape.
    FileNotFoundError
        If there is no such file.
    """
    file_format = format_of(path, READ_ONLY)
    places = find_places(model)
    check_is_file(path)
    with file_format.open(path) as arrays:
        restore_arrays(model, arrays, path, skip_mismatch, places)


def restore_arrays(model, arrays, title, skip_mismatch=False, places=None):
    """Give a model the arrays that `collect_arrays` returned, or a file holds: all, or none.

    Arrays that are still in a file are read when their shapes fit. All that may fail, warnings that
    are errors included, comes before the first weight is changed.
    """
    places = find_places(model, may_be_unbuilt=True) if places is None else places
    state = {key: array for key, array in arrays.items() if key.startswith("optimizer/")}
    if KERAS_2 in arrays:
        arrays = _name_as_keras_3(arrays[KERAS_2], places)
    arrays = {key: array for key, array in arrays.items() if not _is_beside_weights(key)}
    by_name = not any("vars/" in key for key in arrays)
    parameters = find_keys(places, by_name)
    stores = []
    for prefix, layer, own in _find_own(places, "load_own_variables", by_name):
        names = [key.removeprefix(prefix) for key in arrays if key.startswith(prefix)]
        store = {n: arrays.pop(prefix + n) for n in names if "/" not in n}
        check_sizes(store.values(), title)
        stores.append((layer, {name: np.asarray(array) for name, array in store.items()}))
        parameters = {key: weight for key, weight in parameters.items() if key not in own}
    fitting = [key for key in parameters if key in arrays and _fits(parameters[key], arrays[key])]
    problems = _list_problems(parameters, arrays, fitting)
    if problems:
        report = "\n  ".join([f"the weights in {title} do not fit:", *problems])
        if not skip_mismatch:
            raise ValueError(f"load_weights: {report}\nNothing was loaded.")
        warnings.warn(f"load_weights: {report}\nThe rest was loaded.", stacklevel=3)
    values = {k: np.asarray(arrays[k]).astype(parameters[k].dtype, copy=False) for k in fitting}
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and state and model.trainable_weights:
        values |= _prepare_optimizer(model, optimizer, state, title)
    _warn_about_nan(values, title)
    before = model.get_weights()
    with interrupts() as hold, hold:
        try:
            _load_own(stores)
            for key in fitting:
                parameters[key].assign(values.pop(key))
            if values:
                set_arrays(optimizer, [*values.values()])
        except BaseException:  # a warning that is an error, too
            model.set_weights(before)
            raise


def _warn_about_nan(values, title):
    names = [key for key, array in values.items() if np.isnan(array).any()]
    if names:
        cure = "they were saved like that, by a run that had failed"
        found = f"NaN in {', '.join(names[:8])}"
        warnings.warn(f"load_weights: {title} has {found}; {cure}", stacklevel=4)


def _load_own(stores):
    """Call `load_own_variables` of layers."""
    for layer, store in stores:
        try:
            layer.load_own_variables(store)
        except LookupError as error:
            expected = f"what {layer.name!r} asks for in load_own_variables"
            raise ValueError(f"load_weights: expected {expected}, got {[*store]}") from error


def _is_beside_weights(key):
    """Whether this is the optimizer's state, or in Keras's files of metrics or random numbers."""
    return key.startswith(("optimizer/", "metrics/")) or "seed_generator" in key


def _prepare_optimizer(model, optimizer, state, title):
    """Return the arrays of a state that fits, read; nothing, with a warning, of another."""
    keys = [f"{OPTIMIZER}{i}" for i in range(len(state)) if f"{OPTIMIZER}{i}" in state]
    arrays = {key: state[key] for key in keys}
    if not optimizer.built:
        optimizer.build(model.trainable_weights)
    expected = find_arrays(optimizer)
    if len(arrays) == len(expected) - 1:  # Keras 2 keeps the learning rate in the config alone
        first, *others = arrays.items()
        arrays = dict([first, ("learning_rate", expected[1].copy()), *others])
    fault = _fault(check_arrays, optimizer, arrays.values())
    if not fault:
        arrays = {key: np.asarray(array) for key, array in arrays.items()}
        fault = _fault(check_values, optimizer, arrays.values())
    if fault:
        warnings.warn(
            f"load_weights: the optimizer's state in {title} was left out: {fault}", stacklevel=4
        )
        return {}
    return arrays


def _fault(check, *arguments):
    try:
        check(*arguments)
    except ValueError as error:
        return error


def _fits(parameter, array):
    # Floats in either order of bytes; an integer is the count of Keras's Normalization.
    is_number = array.dtype.kind == "f" or (array.dtype.kind in "iu" and array.ndim == 0)
    return array.shape == parameter.shape and is_number and array.dtype.itemsize <= 8


def _list_problems(parameters, arrays, fitting):
    """One line for each key that is missing, extra, or whose array does not fit."""
    problems = []
    for key, parameter in parameters.items():
        name = f"{key} ({parameter.path})"  # a key does not name the layer, the path does
        if key not in arrays:
            problems.append(f"missing: {name}, shape {parameter.shape}")
        elif key not in fitting:
            array = arrays[key]
            problems.append(
                f"another shape or type: {name}, expected floats of shape {parameter.shape}, "
                f"got {array.dtype} of shape {array.shape}"
            )
    extra = [key for key in arrays if key not in parameters]
    return problems + [f"extra: {key}, shape {arrays[key].shape}" for key in extra]


def _name_as_keras_3(layers, places):
    """Return the arrays that Keras 2 wrote, layer by layer in order, under the keys of today."""
    groups = [group for group, layer in places if layer.own_weights]
    groups += [name for name, _ in layers[len(groups) :]]  # extra ones, for the message
    pairs = zip(groups, layers, strict=False)
    return {f"{group}/vars/{i}": a for group, (_, arrays) in pairs for i, a in enumerate(arrays)}


def hash_weights(model):
    """Return SHA-256 over keys, types, shapes and values of the weights, as 64 hex digits."""
    import hashlib  # only here: it takes 3 ms, a tenth of importing minigrad

    digest = hashlib.sha256()
    for key, weight in find_keys(find_places(model)).items():
        values = weight.data
        digest.update(f"{key} {values.dtype.str} {values.shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
