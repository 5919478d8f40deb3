"""Files of arrays: a flat dictionary from key to array, as `.npz`, HDF5 or safetensors.

All are written whole or not at all, without pickle. HDF5 needs h5py, safetensors its library;
`.npz` is NumPy's own. What is read may come from a
stranger: it is refused unless it claims what it holds, and an array is read only when its shape is
the one that is wanted.
"""

import contextlib
import io
import itertools
import math
import os
import re
from typing import ClassVar

import numpy as np

from minigrad.saving.keys import join
from minigrad.utils.archives import (
    MOST_EXPANSION,
    most_bytes,
    open_zip,
    read_member,
    size_of,
)
from minigrad.utils.arguments import short_text
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
    file_format = format_of(path)
    check_is_file(path)
    with file_format.open(path) as arrays:
        check_sizes(arrays.values(), path)
        return {key: np.asarray(array) for key, array in arrays.items()}


class Stored:
    """An array that is still in a file: what the file says of it, and how it is read.

    `np.asarray` reads it. Until then it takes no memory: whoever gets it compares the shape with
    the one that is wanted.
    """

    def __init__(self, name, shape, dtype, read, may_be_large=False):
        if dtype.hasobject:
            raise ValueError(f"{name}: expected numbers, got {dtype}")
        self.name = name
        self.shape = shape
        self.dtype = dtype
        self.ndim = len(shape)
        self.size = math.prod(shape)
        self.nbytes = self.size * dtype.itemsize
        self.may_be_large = may_be_large  # much larger than what is in the file
        self._read = read

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._read(), dtype)


def check_sizes(arrays, title):
    """Raise a ValueError if stored arrays, whose shapes nobody knows, are packed like bombs."""
    for array in arrays:
        if getattr(array, "may_be_large", False):
            got = f"{array.shape} packed into less than a part in {MOST_EXPANSION}"
            raise unreadable("arrays of the size of the file", title, f"{array.name}: {got}")


def check_is_file(path):
    """Raise FileNotFoundError unless there is a file, and the error of one that cannot be read."""
    if not os.path.isfile(path):
        got = f"{what_is(path)} at {path}" if os.path.exists(path) else f"none at {path}"
        raise FileNotFoundError(f"load: expected a file, got {got}")
    with open(path, "rb"):  # a PermissionError is none about the content
        pass


def unreadable(expected, path, error):
    """Return the error about a file that is damaged, or something else."""
    kind = "" if hasattr(path, "read") else what_is(path)
    return ValueError(f"load: expected {expected}, got {path}{kind and f', {kind}'}: {error}")


@contextlib.contextmanager
def refusing(expected, path):
    """Turn every error of a bad file into one ValueError that names the file."""
    try:
        yield
    except (FileNotFoundError, PermissionError):  # none of the content's
        raise
    except Exception as error:  # damaged bytes make the decoders raise two dozen different types
        raise unreadable(expected, path, _words_of(error)) from error


@contextlib.contextmanager
def _naming(member):
    """Turn the same errors into one that names the member of the file."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{member}: {_words_of(error)}") from error


def _words_of(error):
    missing = "there is no " if isinstance(error, KeyError) else ""
    return f"{missing}{error}" if str(error) else type(error).__name__


class Npz:
    """NumPy's `.npz`: a zip archive with one `.npy` file for each array."""

    EXPECTED = "an intact .npz file of arrays"
    by_name = True  # whether keys end in the names of weights, not in their places

    @staticmethod
    def write(file, arrays, names=()):
        import zipfile  # only here: it takes 3 ms, a tenth of importing minigrad

        with zipfile.ZipFile(file, "w") as archive:
            for key, array in arrays.items():
                if "\0" in key:
                    raise ValueError(f"save: expected keys without a NUL, got {key!r}")
                # A ZipInfo has a fixed date; writestr would write today's.
                entry = zipfile.ZipInfo(f"{key}.npy")
                with archive.open(entry, "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)

    @classmethod
    @contextlib.contextmanager
    def open(cls, file, title=None):
        """Yield the dictionary from key to `Stored` of a path or open file; `title` names it."""
        title = title or file
        with contextlib.ExitStack() as stack:
            with refusing(cls.EXPECTED, title):
                archive = stack.enter_context(open_zip(file))
                arrays = {
                    member.filename.removesuffix(".npy"): cls._find(archive, member, title)
                    for member in archive.infolist()
                }
                if len(arrays) != len(archive.infolist()):
                    raise ValueError("two members have one name, with .npy and without")
            yield arrays

    @classmethod
    def _find(cls, archive, member, title):
        name = member.filename
        with _naming(name), archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            if version not in _READ_HEADER:
                raise ValueError(f"expected npy format 1.0 or 2.0, got {version}")
            shape, _, dtype = _READ_HEADER[version](file)
            size = member.file_size - file.tell()

        def read():
            with refusing(cls.EXPECTED, title), _naming(name), archive.open(member) as file:
                return np.lib.format.read_array(file, allow_pickle=False)

        is_bomb = member.file_size > 4096 + MOST_EXPANSION * member.compress_size
        array = Stored(name, shape, dtype, read, is_bomb)
        if min(shape, default=0) < 0 or array.nbytes != size:
            raise ValueError(f"{name}: claims {dtype} {shape}, and holds {size} bytes")
        return array


_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class SafeTensors:
    """The library safetensors' file: a header in JSON, then the numbers."""

    EXPECTED = "an intact .safetensors file"
    by_name = True
    TYPES: ClassVar = {"F16": "f2", "F32": "f4", "F64": "f8", "I32": "i4", "I64": "i8"}

    @staticmethod
    def write(file, arrays, names=()):
        library = import_safetensors()
        # It would write the memory of an array that is turned as it lies.
        content = library.numpy.save({k: np.array(v, order="C") for k, v in arrays.items()})
        file.write_bytes(content)

    @classmethod
    @contextlib.contextmanager
    def open(cls, file, title=None):
        """Yield the dictionary from key to `Stored` of a path."""
        library = import_safetensors()
        with contextlib.ExitStack() as stack:
            with refusing(cls.EXPECTED, file):
                opened = stack.enter_context(library.safe_open(file, framework="numpy"))
                arrays = {key: cls._find(opened, key, file) for key in [*opened.keys()]}
            yield arrays

    @classmethod
    def _find(cls, opened, key, path):
        described = opened.get_slice(key)
        if described.get_dtype() not in cls.TYPES:
            raise ValueError(f"{key}: expected {(*cls.TYPES,)}, got {described.get_dtype()}")

        def read():
            with refusing(cls.EXPECTED, path), _naming(key):
                return opened.get_tensor(key)

        dtype = np.dtype(cls.TYPES[described.get_dtype()])
        return Stored(key, tuple(described.get_shape()), dtype, read)


class Hdf5:
    """HDF5 in the layout of Keras 3; Keras 2's layout can be read."""

    by_name = False

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
    @contextlib.contextmanager
    def open(file, title=None):
        """Yield the dictionary from key to `Stored` of a path or open file; `title` names it."""
        with open_hdf5(file, title) as (opened, datasets):
            with refusing(HDF5, title or file):
                arrays = find_weights(opened, datasets)
            yield arrays


HDF5 = "an intact HDF5 file"
KERAS_2 = "layers in their order"  # the key of the arrays that Keras 2 wrote


def find_weights(file, datasets):
    """Return the weights of an open HDF5 file, by their keys or as Keras 2 has them."""
    prefix = "model_weights/" if "model_weights" in file else ""  # in the file of a whole model
    weights = file["model_weights"] if prefix else file
    layers = names_in(weights, "layer_names")
    if layers is None:
        # Late versions of Keras 2 call the layers so, and write backslashes.
        old = "_layer_checkpoint_dependencies/"
        keys = {key: key.replace("\\", "/").replace(old, "layers/") for key in datasets}
        return {keys[key]: array for key, array in datasets.items()}
    arrays = {name: names_in(weights[name], "weight_names") for name in layers}
    # [(name, [array, ...]), ...]: the weights of each layer that has some, in order.
    return {
        KERAS_2: [
            (name, [datasets[f"{prefix}{name}/{own}"] for own in arrays[name]])
            for name in layers
            if arrays[name]
        ]
    }


def names_in(group, attribute):
    """The list of names in an attribute, which is cut into numbered ones if it is long; or None."""
    if attribute in group.attrs:
        parts = [attribute]
    else:
        numbered = (f"{attribute}{i}" for i in itertools.count())
        parts = [*itertools.takewhile(lambda name: name in group.attrs, numbered)]
        if not parts:
            return None
    names = [name for part in parts for name in text_of(group, part, MOST_NAMES)]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


# --- HDF5 of strangers ---------------------------------------------------------------------------

SEAL = b"minigrad sha256 "  # and the SHA-256 of all before it: the end of each HDF5 file
SEAL_BYTES = len(SEAL) + 32
DEEPEST = 64  # groups in groups
HEAP = b"GCOL\1"  # where texts begin that have no fixed length
TEXT = re.compile(rb"\x19\x01[\0-\2].\x10\0\0\0", re.DOTALL)  # the type of such texts
MOST_NAMES = 10_000  # of layers or weights
CHECKSUM, SHUFFLE = 3, 2  # the filters that make nothing larger


@contextlib.contextmanager
def new_hdf5(file):
    """Yield a new HDF5 file, which is written to a path or an open file when it is complete.

    It is made in memory: on a full disk HDF5 itself cannot close its file. A checksum follows its
    end: HDF5 has none for the values, nor for most of what describes them. It passes over what is
    behind the end, and cuts it off when the file is changed.
    """
    import hashlib  # only here and below: it takes 3 ms, a tenth of importing minigrad

    h5py, content = import_h5py(), io.BytesIO()
    with h5py.File(content, "w") as opened:
        yield opened
    content.seek(0, os.SEEK_END)
    content.write(SEAL + hashlib.sha256(content.getvalue()).digest())
    if hasattr(file, "write"):
        file.write(content.getvalue())
    else:
        file.write_bytes(content.getvalue())


@contextlib.contextmanager
def _bytes_of(file):
    """Yield the bytes of an open file, without reading them all at once."""
    import mmap

    if hasattr(file, "getvalue"):
        yield file.getvalue()
    else:
        with mmap.mmap(file.fileno(), size_of(file), access=mmap.ACCESS_READ) as content:
            yield content


def _check_bytes(content):
    """Raise a ValueError if a file was changed, or HDF5 would never end with it."""
    import hashlib

    # Where the superblock has the sizes of addresses and lengths, and the end of the file.
    sizes, end = {b"\0": (13, 40), b"\1": (13, 44)}.get(content[8:9], (9, 28))
    if content[:8] != b"\x89HDF\r\n\x1a\n" or content[sizes : sizes + 2] != b"\x08\x08":
        raise ValueError("expected HDF5 from the first byte on, with sizes of 64 bits")
    end = int.from_bytes(content[end : end + 8], "little")
    if end < len(content):
        with memoryview(content) as all_bytes:
            digest = hashlib.sha256(all_bytes[:end]).digest()
        if content[end:] != SEAL + digest:
            raise ValueError("its checksum does not fit: bytes have changed since it was written")
    place = content.find(HEAP)
    while place >= 0:
        _check_heap(content, place)
        place = content.find(HEAP, place + 1)
    _check_lengths(content)


def _check_heap(content, place):
    """Go through a heap of texts, which HDF5 does without looking whether it gets further."""

    def number(at, size):
        return int.from_bytes(content[at : at + size], "little")

    end = place + number(place + 8, 8)
    place += 16
    while place + 16 <= end:
        index, size = number(place, 2), number(place + 8, 8)
        place += size if index == 0 else 16 + -(-size // 8) * 8
        if size == index == 0 or place > end or end > len(content):
            raise ValueError("damaged texts, which HDF5 would read for ever")


def _check_lengths(content):
    """Refuse texts longer than the file: HDF5 takes the memory before it looks for them."""

    def number(at, size):
        return int.from_bytes(content[at : at + size], "little")

    for kind in TEXT.finditer(content):
        # The type has 20 bytes, or 24 with padding. Behind it stand how many texts there are (its
        # version, the number of axes and flags, then their sizes), and 16 bytes for each text.
        space = kind.start() + (20 if number(kind.start() + 20, 4) else 24)
        version, axes, flags = (number(space + i, 1) for i in range(3))
        if version not in (1, 2) or axes > 32:
            continue  # not an attribute's
        sizes = space + (8 if version == 1 else 4)
        texts = sizes + 8 * axes * (1 + flags % 2)
        count = math.prod(number(sizes + 8 * axis, 8) for axis in range(axes))
        end = min(len(content), texts + 16 * count)
        if any(number(at, 4) > len(content) for at in range(texts, end, 16)):
            raise ValueError("texts that claim to be longer than the file")


@contextlib.contextmanager
def open_hdf5(file, title=None):
    """Yield an HDF5 file and its datasets, a dictionary from key to `Stored`.

    A path is opened once: what is checked is what is read, whoever puts a new file there.

    Raises
    ------
    ValueError
        If it is damaged, or has parts that are elsewhere, packed, or in it twice.
    """
    h5py, title = import_h5py(), title or file
    with contextlib.ExitStack() as stack:
        with refusing(HDF5, title):
            if not hasattr(file, "read"):
                file = stack.enter_context(open(file, "rb"))
            with _bytes_of(file) as content:
                _check_bytes(content)
            opened = stack.enter_context(h5py.File(file, "r"))
            datasets = _find_datasets(h5py, opened, title)
        yield opened, datasets


def _find_datasets(h5py, file, title):
    datasets, seen, waiting = {}, {h5py.h5o.get_info(file.id).addr}, [("", file)]
    rest = file.id.get_filesize()
    while waiting:
        path, group = waiting.pop()
        for name in group:
            key = join(path, name)
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"expected arrays in the file itself, got a link at {key}")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen or key.count("/") >= DEEPEST:
                expected = f"each part once, and at most {DEEPEST} groups in each other"
                raise ValueError(f"expected {expected}, got {key[:200]}")
            seen.add(address)
            if isinstance(item, h5py.Group):
                waiting.append((key, item))
            else:
                datasets[key] = _find_dataset(key, item, rest, title)
                rest -= datasets[key].nbytes
    return datasets


def _find_dataset(key, dataset, most, title):
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"expected arrays in the file itself, got {dataset.name} in another")
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
    if not filters <= {CHECKSUM, SHUFFLE}:
        cure = "; h5repack -f NONE unpacks it"
        raise ValueError(f"{key}: expected an array that is not packed, got {filters}{cure}")

    def read():
        with refusing(HDF5, title):
            return dataset[()]

    array = Stored(key, dataset.shape, dataset.dtype, read)
    held = min(dataset.id.get_storage_size(), most)
    if array.nbytes > held:
        raise ValueError(f"{key}: claims {array.dtype} {array.shape}, and holds {held} bytes")
    return array


def text_of(item, attribute, at_most=None):
    """The text, or the array of at most so many, in an attribute of HDF5."""
    described = item.attrs.get_id(attribute)
    count, kind = math.prod(described.shape), described.dtype.kind
    if (described.shape == ()) != (at_most is None) or (at_most or 1) < count:
        expected = "one text" if at_most is None else f"at most {at_most} names"
        raise ValueError(f"{attribute}: expected {expected}, got {described.shape}")
    if count and kind not in "SO":
        raise ValueError(f"{attribute}: expected text, got {described.dtype}")
    if count * described.dtype.itemsize > item.file.id.get_filesize():
        raise ValueError(f"{attribute}: claims more than it holds")
    return item.attrs[attribute]


# --- whole models in Keras 3's container, a zip archive ------------------------------------------

KERAS_VERSION = "3.15.1"  # whose layouts these are
CONFIG = "config.json"
WEIGHTS = {"model.weights.h5": Hdf5, "model.weights.npz": Npz}


class Container:
    """The arrays of a whole model's file."""

    @staticmethod
    @contextlib.contextmanager
    def open(path):
        with open_container(path) as (_, _, arrays):
            yield arrays


@contextlib.contextmanager
def open_container(path):
    """Yield what a ``.keras`` file holds.

    Yields
    ------
    described : dict
        How the model is made and compiled.
    is_older : bool
        Whether Keras 2 wrote that.
    arrays : dict from str to Stored
    """
    if isinstance(path, str):  # no open file
        check_is_file(path)
    expected = "an intact .keras file, with a config and weights"
    with refusing(expected, path), open_zip(path) as archive:
        most = most_bytes(size_of(archive.fp))
        described = parse_json(read_member(archive, CONFIG, most), CONFIG)
        metadata = parse_json(read_member(archive, "metadata.json", most), "metadata.json")
        version = str(metadata["keras_version"])
        names = [name for name in WEIGHTS if name in archive.namelist()]
        if not names:
            raise ValueError(f"there is neither {' nor '.join(WEIGHTS)}")
        content = io.BytesIO(read_member(archive, names[0], most))
    with WEIGHTS[names[0]].open(content, path) as arrays:
        check_sizes(arrays.values(), path)
        yield described, version.startswith("2."), arrays


def parse_json(text, title):
    """Return the dict in a JSON text; each of its keys once."""
    import json  # only here: it takes 2 ms of importing minigrad

    def unique(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError(f"{title}: expected each key once, got {[key for key, _ in pairs]}")
        return dict(pairs)

    try:
        described = json.loads(text, object_pairs_hook=unique)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{title}: expected JSON, got {error}") from error
    if not isinstance(described, dict):
        raise ValueError(f"{title}: expected the config of a model, got {short_text(described)}")
    return described


# --- which is which ------------------------------------------------------------------------------

FORMATS = {".npz": Npz, ".weights.h5": Hdf5, ".safetensors": SafeTensors}
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


def import_safetensors():
    """Return safetensors, or raise an ImportError that says how to install it."""
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(".safetensors files need safetensors: pip install safetensors") from error
    return safetensors


def import_h5py():
    """Return h5py, or raise an ImportError that says how to install it."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError("HDF5 files need h5py: pip install h5py") from error
    return h5py
