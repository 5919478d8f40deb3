"""Weights in files: written whole or not at all, without pickle, checked before they are used.

The path's ending chooses one of two formats. Both hold a flat dictionary from key to array:

`.npz` (NumPy's own), where the key is made of the names of layers or attributes that lead to the
weight, and its own: "conv2d/kernel", "encoder/blocks/0/dense/kernel";

`.weights.h5` (HDF5, needs h5py), in the layout of Keras 3, with which weights can be exchanged: the
key is "layers/conv2d/vars/0", made of the layer's class (numbered from its second layer on) or its
attribute, and the position among the layer's weights.

Keras 2 wrote another layout into `.h5` and `.weights.h5` files, layer by layer in their order, and
names its groups after the layers. It can be read; the order says which layer is meant.

Keys that begin with "optimizer/" are reserved for the state of an optimizer; `load_weights` skips
them.
"""

import itertools
import warnings
import zlib
from pathlib import Path

import numpy as np

from minigrad.utils.files import replacing
from minigrad.utils.registry import unique_name

OPTIMIZER_PREFIX = "optimizer/"


# --- weights of layers ---------------------------------------------------------------------------


def save_weights(model, path):
    """Write the weights of a model into a file, which is replaced only when all are written.

    Parameters
    ----------
    model : Layer
        Built, with all layers within.
    path : path
        Ends in ".npz" or ".weights.h5".

    Raises
    ------
    ValueError
        If the path has another ending, or a layer is not built.
    OSError
        If the file cannot be written; a file that was there before stays unchanged.
    ImportError
        If the path ends in ".weights.h5" and h5py is missing.
    """
    file_format = _format_of(path)
    places = _find_places(model)
    arrays = {key: weight.data for key, weight in file_format.keys(places).items()}
    with replacing(path) as temporary:
        file_format.write(temporary, arrays, places)


def load_weights(model, path, skip_mismatch=False):
    """Read the weights of a model from a file: all of them, or raise an error and change none.

    Parameters
    ----------
    model : Layer
        Built, with all layers within.
    path : path
        Ends in ".npz", ".weights.h5" or ".h5"; written by `save_weights`, or by Keras.
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
    file_format = _format_to_read(path)
    places = _find_places(model)
    parameters = file_format.keys(places)
    arrays = _read(path, places)
    arrays = {k: a for k, a in arrays.items() if not k.startswith(OPTIMIZER_PREFIX)}
    fitting = [key for key in parameters if key in arrays and _fits(parameters[key], arrays[key])]
    problems = _list_problems(parameters, arrays, fitting)
    if problems:
        report = "\n  ".join([f"the weights in {path} do not fit:", *problems])
        if not skip_mismatch:
            raise ValueError(f"load_weights: {report}\nNothing was loaded.")
        warnings.warn(f"load_weights: {report}\nThe rest was loaded.", stacklevel=2)
    for key in fitting:
        parameters[key].assign(arrays[key])


def _find_places(model):
    """Return where each layer stands: a list of (Keras's group, our names, layer), each layer once.

    Both are paths: ("layers/dense_1", "dense_1", layer) in a row or graph of layers, else by the
    attribute that holds the layer, ("block/head", "block/head", layer).
    """
    places, seen, stack = [], set(), [("", "", model)]
    while stack:
        group, names, layer = stack.pop()
        if id(layer) not in seen:
            seen.add(id(layer))
            places.append((group, names, layer))
            inside = [(_join(group, g), _join(names, n), inner) for g, n, inner in _members(layer)]
            stack += reversed(inside)
    unbuilt = [layer.name for *_, layer in places if not (layer.built or layer.sublayers)]
    if unbuilt:
        raise ValueError(
            f"weights: expected built layers, got unbuilt {', '.join(unbuilt)}; "
            "call the model on data, or model.build(input_shape), first"
        )
    return places


def _members(layer):
    """The layers right within one, in the order in which Keras visits them."""
    held = {name: vars(layer)[name] for name in layer.holders}
    is_list = bool(held.pop("_layers", None))  # a row or graph of layers
    members = _members_of_attributes(held)
    if is_list:
        inner = layer.layers
        groups = _number_classes("layers", inner)
        members = [*zip(groups, [each.name for each in inner], inner, strict=True), *members]
    elif hasattr(layer, "layers"):  # an own model: Keras visits this list like an attribute
        names = {id(inner): name for _, name, inner in reversed(members)}
        members = _members_of_attributes(held | {"layers": layer.layers})
        members = [(group, names[id(inner)], inner) for group, _, inner in members]
    return members


def _members_of_attributes(held):
    order = sorted(held, key=lambda name: (name.startswith("_"), name))
    return [member for name in order for member in _members_of(held[name], name, name)]


def _members_of(value, group, names):
    if hasattr(value, "holders"):
        yield group, names, value
    elif isinstance(value, (list, tuple, dict)):
        items = list(value.items() if isinstance(value, dict) else enumerate(value))
        groups = _number_classes(group, [part for _, part in items])
        for inner, (key, part) in zip(groups, items, strict=True):
            yield from _members_of(part, inner, f"{names}/{key}")


def _number_classes(group, values):
    """Keras's group of each layer in a list: its class in snake case, numbered from the second."""
    counts = {}
    for value in values:
        is_container = isinstance(value, (list, tuple, dict))
        name = "container" if is_container else getattr(value, "class_name", "object")
        number = counts.get(name, 0)
        counts[name] = number + 1
        yield f"{group}/{name}_{number}" if number else f"{group}/{name}"


def _join(path, name):
    return f"{path}/{name}" if path else name


def _fits(parameter, array):
    is_float = array.dtype.kind == "f" and array.dtype.itemsize <= 8  # in either order of bytes
    return array.shape == parameter.shape and is_float


def _list_problems(parameters, arrays, fitting):
    """One line for each key that is missing, extra, or whose array does not fit."""
    problems = []
    for key, parameter in parameters.items():
        # A key of the HDF5 file does not name the layer, the weight's path does.
        name = key if key == parameter.path else f"{key} ({parameter.path})"
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


# --- files of arrays -----------------------------------------------------------------------------


def save_arrays(path, arrays):
    """Write a dictionary from key to array into an `.npz` or `.weights.h5` file.

    The file appears whole or not at all. Keys may contain slashes. The bytes of an `.npz` depend on
    keys and arrays alone.
    """
    file_format = _format_of(path)
    with replacing(path) as temporary:
        file_format.write(temporary, arrays)


def load_arrays(path):
    """Read the dictionary from key to array that `save_arrays` wrote.

    Raises
    ------
    ValueError
        If the file is truncated, damaged, or something else; the message names it.
    """
    return _read(path)


def _read(path, places=()):
    file_format = _format_to_read(path)
    if not Path(path).is_file():
        raise FileNotFoundError(f"load: expected a file of weights, got no file at {path}")
    return file_format.read(path, places)


# --- the two formats -----------------------------------------------------------------------------


class Npz:
    """NumPy's `.npz`: a zip archive with one `.npy` file for each array."""

    @staticmethod
    def keys(places):
        """Return a dictionary from key to weight: "dense_1/kernel"."""
        weights = {}
        for _, names, layer in places:
            for weight in layer.own_weights:
                key = unique_name(_join(names, weight.name or "weight"), weights)
                weights[key] = weight
        return weights

    @staticmethod
    def write(path, arrays, places=()):
        import zipfile  # only here and below: it takes 3 ms, a tenth of importing minigrad

        with zipfile.ZipFile(path, "w") as archive:
            for key, array in arrays.items():
                # A ZipInfo has a fixed date; writestr would write today's.
                entry = zipfile.ZipInfo(f"{key}.npy")
                with archive.open(entry, "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)

    @staticmethod
    def read(path, places=()):
        import zipfile

        arrays = {}
        try:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    with archive.open(name) as file:
                        array = np.lib.format.read_array(file, allow_pickle=False)
                    arrays[name.removesuffix(".npy")] = array
        except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, RuntimeError) as error:
            raise ValueError(
                f"load: expected an intact .npz file of arrays, got {path}: {error}"
            ) from error
        return arrays


class Hdf5:
    """HDF5 in the layout of Keras 3."""

    @staticmethod
    def keys(places):
        """Return a dictionary from key to weight: "layers/dense_1/vars/0"."""
        return {
            _join(group, f"vars/{position}"): weight
            for group, _, layer in places
            for position, weight in enumerate(layer.own_weights)
        }

    @staticmethod
    def write(path, arrays, places=()):
        h5py = _import_h5py()
        with h5py.File(path, "w") as file:
            for group, _, layer in places or [("", "", None)]:
                variables = file.require_group(_join(group, "vars"))
                if group:
                    variables.attrs["name"] = layer.name
            for key, array in arrays.items():
                file[key] = array

    @staticmethod
    def read(path, places=()):
        h5py = _import_h5py()
        arrays = {}

        def collect(key, item):
            if isinstance(item, h5py.Dataset):
                # Late versions of Keras 2 call the layers so, and write backslashes.
                key = key.replace("\\", "/").replace("_layer_checkpoint_dependencies/", "layers/")
                arrays[key] = item[()]

        try:
            with h5py.File(path) as file:
                weights = file.get("model_weights", file)  # there in the file of a whole model
                if _names_in(weights, "layer_names") is not None:
                    return _read_keras_2(weights, places)
                file.visititems(collect)
        except (OSError, RuntimeError, ValueError, MemoryError) as error:
            raise ValueError(f"load: expected an intact HDF5 file, got {path}: {error}") from error
        return arrays


def _read_keras_2(file, places):
    """Read Keras 2's groups of weights, under Keras 3's keys for these layers, in their order."""
    keys = [group for group, _, layer in places if layer.own_weights]
    groups = [file[name] for name in _names_in(file, "layer_names")]
    groups = [group for group in groups if _names_in(group, "weight_names")]
    arrays = {}
    for key, group in itertools.zip_longest(keys, groups):
        for position, name in enumerate(() if group is None else _names_in(group, "weight_names")):
            arrays[f"{key or group.name.strip('/')}/vars/{position}"] = group[name][()]
    return arrays


def _names_in(group, attribute):
    """The list of names in an attribute, which is cut into numbered ones if it is long; or None."""
    parts = [group.attrs.get(attribute)]
    if parts[0] is None:
        parts = itertools.takewhile(
            lambda part: part is not None,
            (group.attrs.get(f"{attribute}{i}") for i in itertools.count()),
        )
    names = [name for part in parts for name in part]
    if not names and attribute not in group.attrs:
        return None
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


FORMATS = {".npz": Npz, ".weights.h5": Hdf5}


def _format_to_read(path):
    return _format_of(path, FORMATS | {".h5": Hdf5})


def _format_of(path, formats=FORMATS):
    for ending, file_format in formats.items():
        if str(path).endswith(ending):
            return file_format
    known = " or ".join(formats)
    raise ValueError(f"weights: expected a path that ends in {known}, got {str(path)!r}")


def _import_h5py():
    try:
        import h5py
    except ImportError as error:
        raise ImportError('.weights.h5 files need h5py: pip install "minigrad[hdf5]"') from error
    return h5py
