"""Data sets as files that are known by their hash: found on this machine, or downloaded.

A file is verified as a whole before it is opened. What is pickled in it, lists of lists and
arrays, is read by an unpickler that makes nothing else: no code in a file is ever run.
"""

import io
import os
import pickle
import tarfile
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minigrad.datasets._lookup import DatasetNotFoundError, cache_folder, keep
from minigrad.utils.archives import check_is_regular, size_of
from minigrad.utils.download import check_hash, download, is_offline, keras_home
from minigrad.utils.together import first

KERAS_ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


MOST_BYTES = 200_000_000  # no file is larger

# What arrays are pickled as, by NumPy before 2.0 and since.
MAY_BE_PICKLED = {
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": np.dtype,
    "numpy.core.multiarray._reconstruct": np._core.multiarray._reconstruct,
    "numpy._core.multiarray._reconstruct": np._core.multiarray._reconstruct,
}


@dataclass(frozen=True)
class DataFile:
    """The facts about a file that are known before it is found.

    Attributes
    ----------
    name : str
        Its name in the folders that are looked into.
    hash : str
        Its SHA-256 or MD5, in hexadecimal.
    origin : str
        The address of the folder that has it; "" for what is downloaded only within an archive.
    max_bytes : int
        No more is downloaded.
    other_names : tuple of str
        Other paths, below these folders, under which Keras and torchvision keep it.
    """

    name: str
    hash: str
    origin: str = KERAS_ORIGIN
    max_bytes: int = 20_000_000
    other_names: tuple = ()


def read_file(file, path=None):
    """Return the bytes of a file from the first place that has it; keep what was downloaded.

    Parameters
    ----------
    file : DataFile
    path : str or path, optional
        The file. Its bare name, Keras's default, means the usual search.

    Raises
    ------
    ValueError
        What `path` names is another file.
    FileNotFoundError
        Nothing is there.
    DatasetNotFoundError
        The file is not on this machine and cannot be downloaded.
    """
    return first(lambda: _read_file(file, path))


def _read_file(file, path):
    if path is not None and (str(path) != file.name or os.path.exists(path)):
        return _read_verified(Path(path).expanduser(), file)
    content = find_file(file)
    if content is not None:
        return content
    url = file.origin + file.name
    try:
        if is_offline():
            raise OSError("MINIGRAD_OFFLINE forbids to ask the network")
        print(f"Downloading data from {url}", flush=True)
        content = download(url, file.max_bytes)
        check_hash(content, file.hash, url)
    except (OSError, ValueError) as error:
        places = "".join(f"\n  - {folder / file.name}" for folder in _folders())
        raise DatasetNotFoundError(
            f"{file.name}: found neither on this machine nor on the network ({error}). What helps: "
            f"fetch it elsewhere, from {url}, and put it down as one of{places}\n"
            "or name its folder by the environment variable MINIGRAD_DATA"
        ) from error
    keep(file.name, content)
    return content


def find_file(file):
    """Return the bytes of a file in $MINIGRAD_DATA or a cache, or None; others warn."""
    named = Path(os.environ.get("MINIGRAD_DATA") or "nowhere").expanduser()
    paths = [named] if named.name in (file.name, *file.other_names) else []
    paths += [folder / name for folder in _folders() for name in (file.name, *file.other_names)]
    for path in filter(Path.is_file, paths):
        try:
            return _read_verified(path, file)
        except (OSError, ValueError) as error:
            warnings.warn(f"skipped {error}", stacklevel=7)
    return None


def _read_verified(path, file):
    check_is_regular(path)
    with path.open("rb") as opened:
        if (size := size_of(opened)) > MOST_BYTES:
            raise ValueError(f"{path}: expected {file.name}, got {size} bytes: another file")
        content = opened.read()
    check_hash(content, file.hash, path)
    return content


def read_npz(content):
    """Return the arrays of an npz archive's bytes, also those of lists, as a dict by name."""
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.namelist():
            stream = io.BytesIO(archive.read(member))
            version = np.lib.format.read_magic(stream)
            read_header = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            if read_header(stream)[2].hasobject:
                array = ArrayUnpickler(stream).load()
            else:
                stream.seek(0)
                array = np.lib.format.read_array(stream, allow_pickle=False)
            arrays[member.removesuffix(".npy")] = array
    return arrays


def read_batches(archive, members):
    """Return the dicts that CIFAR's files hold, extracted or in a tar file.

    Parameters
    ----------
    archive : DataFile
        The gzipped tar file.
    members : sequence of DataFile
        The files in it, with their folder in their names.
    """
    contents = [find_file(member) for member in members]
    if None in contents:
        with tarfile.open(fileobj=io.BytesIO(read_file(archive)), mode="r:gz") as tar:
            contents = [tar.extractfile(member.name).read() for member in members]
    return [ArrayUnpickler(io.BytesIO(one), encoding="bytes").load() for one in contents]


def as_images(rows):
    """Return images (N, 32, 32, 3) of rows (N, 3072), which have one color after the other."""
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def as_column(labels, dtype):
    """Return labels (N, 1), as Keras has them."""
    return np.asarray(labels, dtype)[:, None]


def load_table(file, path, test_split, seed, size=None):
    """Return the first `size` rows (N, features) and targets (N,), shuffled and split."""
    if not 0 <= test_split < 1:
        raise ValueError(f"{file.name}: expected test_split from 0 to below 1, got {test_split}")
    arrays = read_npz(read_file(file, path))
    x, y = shuffle(seed, arrays["x"][:size], arrays["y"][:size])
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def shuffle(seed, *arrays):
    """Return the arrays in one random order, the one that Keras draws from this seed."""
    generator = seed if isinstance(seed, np.random.RandomState) else np.random.RandomState(seed)
    order = np.arange(len(arrays[0]))
    generator.shuffle(order)
    return [array[order] for array in arrays]


class ArrayUnpickler(pickle.Unpickler):
    """Reads numbers, texts, lists, dicts and arrays; everything else in a pickle is refused."""

    def find_class(self, module, name):
        if f"{module}.{name}" not in MAY_BE_PICKLED:
            raise pickle.UnpicklingError(f"expected arrays only, got {module}.{name}")
        return MAY_BE_PICKLED[f"{module}.{name}"]


def _folders():
    """The folders in which a file may lie."""
    # torchvision has no folder of its own: these are the roots in its and PyTorch's examples.
    folders = [os.path.join(keras_home(), "datasets"), cache_folder(), "data", "../data", "~/data"]
    if variable := os.environ.get("MINIGRAD_DATA"):
        folders.insert(0, variable)
    return [Path(folder).expanduser() for folder in folders]
