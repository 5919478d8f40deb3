"""Files that appear whole or not at all, and what kind of file one is that does not fit."""

import contextlib
import os
from pathlib import Path


@contextlib.contextmanager
def replacing(path):
    """Yield the path of a temporary file that becomes `path` if the `with` block succeeds.

    The file is in the folder of `path`: the last step is a rename, which is atomic. If the block
    fails, the file is removed and `path` stays unchanged.
    """
    path = Path(path).resolve()  # the file that a link points to is replaced, not the link
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: expected an existing folder, got {path.parent}")
    # Not made from the path's name, which may already have the 255 bytes that a name can have.
    temporary = path.with_name(f".{os.urandom(6).hex()}.part")
    temporary.touch(exist_ok=False)  # a read-only folder raises Python's own error
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # else a power cut could leave a renamed, empty file
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C too
        temporary.unlink(missing_ok=True)
        raise


# How files of other programs begin.
BEGINNINGS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"\x93NUMPY": "one array of NumPy (np.load reads it)",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"\x80\x02\x8a\nl\xfc": "a file of PyTorch; read its arrays there, and set_weights here",
    **{bytes([128, n]): "a pickle of Python; load it there, and set_weights" for n in range(2, 6)},
    b"version https://git-lfs": "a note of Git LFS in place of the file; run `git lfs pull`",
    b"<": "a page of HTML or XML, as of a download that failed",
    b"{": "a text in JSON",
}


def what_is(path):
    """Say in words what a file or folder is, as far as its beginning tells; "" if it does not.

    For the message of an error about a file that is not what was expected.
    """
    path = Path(path)
    if path.is_dir():
        if (path / "saved_model.pb").exists():
            return "a SavedModel folder of TensorFlow; save as .keras or .weights.h5 there"
        return "a folder"
    if path.exists() and not path.is_file():  # reading a pipe would wait for whoever writes into it
        return "a device or pipe"
    with open(path, "rb") as file:
        first = file.read(64)
    if not first:
        return "an empty file"
    if first.startswith(b"PK"):
        return _what_is_zip(path)
    if first[4:8] == b"TFL3":
        return "a model of TensorFlow Lite, which cannot be trained"
    for beginning, kind in BEGINNINGS.items():
        if first.lstrip().startswith(beginning):
            return kind
    return "a text" if first.isascii() and b"\0" not in first else ""


def _what_is_zip(path):
    import zipfile  # only here: it takes 3 ms, a tenth of importing minigrad

    if not zipfile.is_zipfile(path):
        return "a zip archive without its end"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "a zip archive that is damaged"
    if "config.json" in names and "metadata.json" in names:
        return "a whole model, a .keras file"
    if any(name.endswith("data.pkl") for name in names):
        return "a file of PyTorch; read its arrays there, and set_weights here"
    return "an .npz file" if any(name.endswith(".npy") for name in names) else "a zip archive"
