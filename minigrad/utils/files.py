"""Files that appear whole or not at all, and what kind of file one is that does not fit."""

import contextlib
import os
import stat
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from minigrad.utils import together


def replacing(path):
    """Yield the path of a temporary file that becomes `path` if the `with` block succeeds.

    The file is in the folder of `path`, is flushed to the disk, and takes over the permissions of
    the old one: the last step is a rename, which is atomic. If the block fails, the file is removed
    and `path` stays unchanged. Files that killed processes left behind are removed. Where several
    ranks run alike, rank 0 alone writes, and the others wait until it has.

    Raises
    ------
    OSError
        If there is no room, no such folder, or what is there must not be replaced: a read-only
        file, a folder, a device.
    """
    return together.writing(path, _replacing)


@contextlib.contextmanager
def _replacing(path):
    path = find_target(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: expected an existing folder, got {path.parent}")
    remove_stale(path.parent)
    try:
        temporary, file = _make_temporary(path.parent)
    except OSError as error:
        got = f"got {path.parent} ({error.strerror})"
        raise type(error)(f"save: expected a folder that may be written, {got}") from error
    with file:
        try:
            _take_over_rights(path, file)
            yield temporary
            os.fsync(file.fileno())  # else a power cut could leave a renamed, empty file
            if fcntl is None:
                file.close()  # Windows renames no open file
            os.replace(temporary, path)
        except BaseException as error:  # Ctrl-C too
            file.close()
            with contextlib.suppress(OSError):  # the folder may have vanished
                temporary.unlink()
            if not isinstance(error, OSError):
                raise
            why = error.strerror or error
            stays = "which stays as it was" if path.exists() else "of which nothing was written"
            message = f"save: expected to write {path}, {stays}, got {why}"
            raise _with_number(error, message) from error
    _flush_folder(path.parent)


def find_target(path, may_be_device=False):
    """Return the path that a link points to, or raise OSError if it must not be written."""
    path = Path(path)
    try:
        path = path.resolve()  # the file that a link points to is replaced, not the link
        mode = path.stat().st_mode
    except FileNotFoundError:
        return path
    except (OSError, RuntimeError) as error:  # a link to itself
        raise OSError(f"save: expected a path to write, got {path} ({error})") from error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"save: expected a file, got the folder {path}")
    if not (stat.S_ISREG(mode) or may_be_device):
        raise OSError(f"save: expected a file, got the device, pipe or socket {path}")
    if not mode & 0o222 or not os.access(path, os.W_OK):  # root may write to all
        cure = "chmod u+w it, or take another name"
        raise PermissionError(f"save: expected a file to replace, got the read-only {path}; {cure}")
    return path


def _make_temporary(folder):
    """Return the path of a new file and the open file, locked as long as it is open."""
    while True:
        # Not made from the path's name, which may already have the 255 bytes that a name can have.
        path = folder / f".{os.urandom(6).hex()}.part"
        file = open(path, "xb")  # noqa: SIM115
        if lock(file) is not False and path.exists():  # else another process took it for stale
            return path, file
        file.close()


def lock(file):
    """Whether no other open file has locked this one, which is then locked until it is closed.

    None where the system cannot lock. It forgets the locks of a process that was killed.
    """
    if not together.is_writer():  # rank 0 locks for all
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (AttributeError, OSError):
        return None
    return True


class FolderLock:
    """Holds a folder for this process until it is closed, if no other one does."""

    def __init__(self, folder):
        self.handle = os.open(folder, os.O_RDONLY) if fcntl else None
        self.is_free = lock(self.handle) is not False

    def close(self):
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None


def remove_stale(folder):
    """Remove the temporary files in a folder that processes which are gone have left behind."""
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if e.name.endswith(".part") and e.name[0] == "."]
    for path in (Path(folder, name) for name in names if len(name) == 18):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if lock(file):
                path.unlink()


def _take_over_rights(path, file):
    """Give a new file the permissions and the owner of the one that it will replace."""
    if not path.exists():
        return
    old, new = path.stat(), os.fstat(file.fileno())
    if hasattr(os, "fchown") and (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with contextlib.suppress(PermissionError):  # only root may
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
    os.chmod(file.name, stat.S_IMODE(old.st_mode))


def _flush_folder(folder):
    """Make a rename last through a power cut, where the file system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _with_number(error, message):
    """The same kind of OSError, with the same number, and another message."""
    return OSError(error.errno, message) if error.errno else OSError(message)


def append(file, content):
    """Write bytes at the end of an unbuffered file: all of them, or none and raise OSError."""
    facts = os.fstat(file.fileno())
    if facts.st_nlink == 0:
        raise FileNotFoundError(f"save: expected to add to {file.name}, which was removed since")
    place = facts.st_size
    left = memoryview(content)
    try:
        while left:
            left = left[file.write(left) :]
    except BaseException as error:
        with contextlib.suppress(OSError):  # devices and pipes cannot be cut
            os.ftruncate(file.fileno(), place)
        if not isinstance(error, OSError):
            raise
        message = f"save: expected to add to {file.name}, got {error.strerror or error}"
        raise _with_number(error, message) from error


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
