"""Files of arrays: a flat dictionary from key to array, as `.npz` (NumPy's own) or as HDF5.

Both are written whole or not at all, without pickle. HDF5 needs h5py.
"""

import contextlib
import io
import itertools
import os
import zlib

import numpy as np

from minigrad.saving.keys import join
from minigrad.utils.files import replacing, what_is


def save_arrays(path, arrays, names=()):
    """Write a dictionary from key to array into an `.npz` or `.weights.h5` file.

    The file appears whole or not at all. Keys may contain slashes. The bytes depend on the
    arguments alone.

    Parameters
    ----------
    path : path
    arrays : dict from str to array
    names : list of (str, str)
        Groups and the names that HDF5 keeps for them.
    """
    file_format = format_of(path)
    with replacing(path) as temporary:
        file_format.write(temporary, arrays, names)


def load_arrays(path):
    """Read the dictionary from key to array that `save_arrays` wrote.

    Raises
    ------
    ValueError
        If the file is truncated, damaged, or something else; the message names it.
    """
    return format_of(path).read(path)


def check_is_file(path):
    """Raise FileNotFoundError unless there is a file."""
    if not os.path.isfile(path):
        got = f"{what_is(path)} at {path}" if os.path.exists(path) else f"none at {path}"
        raise FileNotFoundError(f"load: expected a file, got {got}")


def unreadable(expected, path, error):
    """Return the error about a file that is damaged, or something else."""
    kind = "" if hasattr(path, "read") else what_is(path)
    return ValueError(f"load: expected {expected}, got {path}{kind and f', {kind}'}: {error}")


# What reading a damaged file may raise. MemoryError: it claims more than it holds.
UNREADABLE = (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, MemoryError)


class Npz:
    """NumPy's `.npz`: a zip archive with one `.npy` file for each array."""

    @staticmethod
    def write(file, arrays, names=()):
        import zipfile  # only here and below: it takes 3 ms, a tenth of importing minigrad

        with zipfile.ZipFile(file, "w") as archive:
            for key, array in arrays.items():
                # A ZipInfo has a fixed date; writestr would write today's.
                entry = zipfile.ZipInfo(f"{key}.npy")
                with archive.open(entry, "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)

    @staticmethod
    def read(file, title=None):
        import zipfile

        arrays = {}
        try:
            with zipfile.ZipFile(file) as archive:
                for name in archive.namelist():
                    with archive.open(name) as member:
                        array = np.lib.format.read_array(member, allow_pickle=False)
                    arrays[name.removesuffix(".npy")] = array
        except (zipfile.BadZipFile, zlib.error, *UNREADABLE) as error:
            raise unreadable("an intact .npz file of arrays", title or file, error) from error
        return arrays


class Hdf5:
    """HDF5 in the layout of Keras 3; Keras 2's layout can be read."""

    @staticmethod
    def write(file, arrays, names=()):
        with new_hdf5(file) as opened:
            for group, name in names:
                variables = opened.require_group(join(group, "vars"))
                if name:
                    variables.attrs["name"] = name
            for key, array in arrays.items():
                opened[key] = array

    @staticmethod
    def read(file, title=None):
        h5py = import_h5py()
        arrays = {}

        def collect(key, item):
            if isinstance(item, h5py.Dataset):
                # Late versions of Keras 2 call the layers so, and write backslashes.
                key = key.replace("\\", "/").replace("_layer_checkpoint_dependencies/", "layers/")
                arrays[key] = values_in(item)

        try:
            with h5py.File(file) as opened:
                weights = opened.get("model_weights", opened)  # there in the file of a whole model
                if names_in(weights, "layer_names") is not None:
                    return {KERAS_2: _read_keras_2(weights)}
                opened.visititems(collect)
        except UNREADABLE as error:
            raise unreadable("an intact HDF5 file", title or file, error) from error
        return arrays


@contextlib.contextmanager
def new_hdf5(file):
    """Yield a new HDF5 file, which is written to a path or an open file when it is complete.

    It is made in memory: on a full disk HDF5 itself cannot close its file.
    """
    h5py, content = import_h5py(), io.BytesIO()
    with h5py.File(content, "w") as opened:
        yield opened
    if hasattr(file, "write"):
        file.write(content.getbuffer())
    else:
        file.write_bytes(content.getbuffer())


def values_in(dataset):
    """Return the array of a dataset of HDF5, unless it takes it from another file."""
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"expected arrays in the file itself, got {dataset.name} in another")
    return dataset[()]


KERAS_2 = "layers in their order"  # the key of the arrays that Keras 2 wrote


def _read_keras_2(file):
    """Return [(name, [array, ...]), ...], the weights of each layer that has some, in order."""
    groups = [file[name] for name in names_in(file, "layer_names")]
    return [
        (
            group.name.strip("/"),
            [values_in(group[name]) for name in names_in(group, "weight_names")],
        )
        for group in groups
        if names_in(group, "weight_names")
    ]


def names_in(group, attribute):
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


# --- whole models in Keras 3's container, a zip archive ------------------------------------------

KERAS_VERSION = "3.15.1"  # whose layouts these are
CONFIG = "config.json"
WEIGHTS = {"model.weights.h5": Hdf5, "model.weights.npz": Npz}
MOST_JSON = 10**8  # bytes


class Container:
    """The arrays of a whole model's file."""

    @staticmethod
    def read(path):
        return read_container(path)[-1]


def read_container(path):
    """Return what a ``.keras`` file holds.

    Returns
    -------
    described : dict
        How the model is made and compiled.
    is_older : bool
        Whether Keras 2 wrote that.
    arrays : dict from str to array
    """
    import zipfile

    if isinstance(path, str):  # no open file
        check_is_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            described = _read_json(archive, CONFIG)
            version = str(_read_json(archive, "metadata.json")["keras_version"])
            names = [name for name in WEIGHTS if name in archive.namelist()]
            if not names:
                raise ValueError(f"there is neither {' nor '.join(WEIGHTS)}")
            content = io.BytesIO(archive.read(names[0]))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, *UNREADABLE) as error:
        expected = "an intact .keras file, with a config and weights"
        raise unreadable(expected, path, error) from error
    if not isinstance(described, dict):
        raise unreadable("a .keras file with the config of a model", path, described)
    return described, version.startswith("2."), WEIGHTS[names[0]].read(content, path)


def _read_json(archive, name):
    import json  # only here: it takes 2 ms of importing minigrad

    size = archive.getinfo(name).file_size
    if size > MOST_JSON:
        raise ValueError(f"{name} claims {size} bytes, more than any model's")
    return json.loads(archive.read(name))


# --- which is which ------------------------------------------------------------------------------

FORMATS = {".npz": Npz, ".weights.h5": Hdf5}
READ_ONLY = {".h5": Hdf5, ".hdf5": Hdf5, ".keras": Container}  # for weights


def format_of(path, others=None):
    """Return the format of a path's ending; `others` are formats beside those of `FORMATS`."""
    formats = FORMATS | (others or {})
    for ending, file_format in formats.items():
        if str(path).endswith(ending):
            return file_format
    known, kind = " or ".join(formats), what_is(path) if os.path.exists(path) else ""
    got = f"{str(path)!r}{kind and f', {kind}'}"
    raise ValueError(f"weights: expected a path that ends in {known}, got {got}")


def import_h5py():
    """Return h5py, or raise an ImportError that says how to install it."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError('HDF5 files need h5py: pip install "minigrad[hdf5]"') from error
    return h5py
