"""Image data sets as files: npz archives, and folders of IDX files, gzipped or not.

A data set is four uint8 arrays, `x_train y_train x_test y_test`. The arrays are verified, not the
file that held them: each has one public SHA-256, that of its IDX form (header and bytes). Keras's
npz, torchvision's folder and any copy of them are all accepted, and nothing else is.

No reader takes more bytes out of an archive than the expected shape has: neither a zip bomb nor a
wrong header can fill the memory. Nothing is ever unpickled.

Source of the IDX format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", "File formats".
"""

import contextlib
import gzip
import hashlib
import io
import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minigrad.utils.archives import check_is_regular, open_zip

IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


@dataclass(frozen=True)
class ImageDataset:
    """The facts about a data set that are known before it is found.

    Attributes
    ----------
    name : str
        The npz file is called `<name>.npz`.
    title : str
        The name in messages.
    expected : dict of str to (tuple of int, str)
        For each array its shape and the SHA-256 of its IDX form, in hexadecimal.
    mirrors : tuple of str
        Addresses to download from, in this order: of an npz file, or (with a "/" at the end) of
        a folder with the four gzipped IDX files.
    keras_name, torchvision_name : str
        Where Keras keeps it below `datasets/`, and torchvision below its root folder.
    """

    name: str
    title: str
    expected: dict
    mirrors: tuple
    keras_name: str
    torchvision_name: str


def read(path, dataset):
    """Read and verify the arrays of an npz file, or of a folder with the four IDX files.

    Returns
    -------
    dict of str to ndarray of uint8

    Raises
    ------
    ValueError
        The file is damaged, of another kind, or holds other data. The message names the file, what
        was expected and what was found.
    OSError
        It cannot be opened.
    """
    check_is_regular(path)
    if not Path(path).is_dir():
        with open(path, "rb") as file:
            return read_npz(file, path, dataset)
    return {key: _read_idx_of_folder(Path(path), key, dataset) for key in dataset.expected}


def read_npz(file, where, dataset):
    """Read and verify the arrays of a seekable npz file object that messages call `where`."""
    expected = f"an npz archive of {dataset.title}"
    with _refusing(file, where, expected), open_zip(file) as archive:
        members = archive.namelist()
        missing = [key for key in dataset.expected if f"{key}.npy" not in members]
        if missing:
            raise ValueError(f"no {', '.join(missing)} among the members {members[:8]}")
        return {key: _read_npy(archive, key, dataset) for key in dataset.expected}


def read_idx(file, where, key, dataset):
    """Read and verify one array from a seekable IDX file object, gzipped or not."""
    shape, _ = dataset.expected[key]
    with _refusing(file, where, f"the IDX file {IDX_FILES[key]} of {dataset.title}"):
        is_gzip = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = gzip.GzipFile(fileobj=file) if is_gzip else file
        header = _idx_header(shape)
        found = stream.read(len(header))
        if found != header:
            raise ValueError(f"the header {found.hex(' ')} instead of {header.hex(' ')}")
        return _read_array(stream, key, dataset)


def npz_bytes(arrays):
    """Return the bytes of a compressed npz archive of a dict of arrays."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def idx_path(folder, key):
    """Return the path of an array's IDX file in a folder; None without one.

    The file is gzipped or not, its name has a dash or a dot before "idx", and it may lie in a
    folder of its own that has such a name too.
    """
    dashed = IDX_FILES[key]
    stems = (dashed, dashed.replace("-idx", ".idx"))
    names = [f"{stem}{ending}" for stem in stems for ending in ("", ".gz")]
    paths = [folder / name for name in names]
    paths += [folder / own / name for own in names for name in names]
    return next((path for path in paths if path.is_file()), None)


@contextlib.contextmanager
def _refusing(file, where, expected):
    """Turn every error of a bad file into one ValueError that names the file."""
    try:
        yield
    except Exception as error:  # damaged bytes make the decoders raise a dozen different types
        file.seek(0)
        begin = file.read(12)
        raise ValueError(f"{where}: expected {expected}, got {error} (begins {begin!r})") from error


def _read_idx_of_folder(folder, key, dataset):
    path = idx_path(folder, key)
    if path is None:
        dotted = IDX_FILES[key].replace("-idx", ".idx")
        raise ValueError(
            f"{folder}: expected {IDX_FILES[key]} or {dotted}, or either in .gz or in a folder of "
            "that name, got none"
        )
    with open(path, "rb") as file:
        return read_idx(file, path, key, dataset)


def _read_npy(archive, key, dataset):
    """Read an npz archive's member, after its header has been compared with the expected one."""
    shape, _ = dataset.expected[key]
    with archive.open(f"{key}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"{key} in npy format {version} instead of (1, 0)")
        found, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
        if (found, fortran_order, dtype) != (shape, False, np.uint8):
            order = " in Fortran order" if fortran_order else ""
            raise ValueError(f"{key} as {dtype} {found}{order} instead of uint8 {shape}")
        return _read_array(stream, key, dataset)


def _read_array(stream, key, dataset):
    """Read the bytes that follow a header, and compare their number and hash."""
    shape, sha256 = dataset.expected[key]
    size = math.prod(shape)
    content = stream.read(size + 1)  # reading to the end also checks the archive's own checksum
    if len(content) != size:
        came = "more" if len(content) > size else len(content)
        raise ValueError(f"{came} bytes in {key} instead of {size}")
    digest = hashlib.sha256(_idx_header(shape))
    digest.update(content)
    if digest.hexdigest() != sha256:
        raise ValueError(f"other content in {key}: sha256 {digest.hexdigest()}, not {sha256}")
    return np.frombuffer(bytearray(content), dtype=np.uint8).reshape(shape)


def _idx_header(shape):
    """Return the bytes that open an IDX file of unsigned bytes: 0, 0, 8, rank, big-endian sizes."""
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
