"""What cannot be written leaves the old file in place, and says so; what can appears whole."""

import contextlib
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile

import numpy as np
import pytest

import minigrad
from minigrad import callbacks, layers
from minigrad.utils.files import append, remove_stale, replacing

OLD = b"what was there before"


@pytest.fixture
def old(tmp_path, writer):
    """The path of an old file, and a function that writes another one there."""
    name, write = writer
    path = tmp_path / name
    path.write_bytes(OLD)
    return path, lambda: write(path)


# --- the disk is full -----------------------------------------------------------------------------


def test_a_full_disk_leaves_the_old_file(old, small_files, left_over):
    path, write = old
    if path.name == "log.csv":
        pytest.skip("its rows are added, see test_csv.py")
    sizes = [0, 1, 60, 300]
    for size in sizes:
        with pytest.raises(OSError, match=r"save: .*File too large") as error, small_files(size):
            write()
        assert error.value.errno == 27
        assert path.name in str(error.value) and "stays as it was" in str(error.value)
        assert path.read_bytes() == OLD and not left_over(path.parent)
    write()
    assert path.read_bytes() != OLD


def test_a_full_disk_leaves_no_new_file(tmp_path, writer, small_files):
    name, write = writer
    if name == "log.csv":
        pytest.skip("its rows are added, see test_csv.py")
    with pytest.raises(OSError, match="of which nothing was written"), small_files(200):
        write(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_disk_that_is_really_full(tmp_path, make_model, left_over):
    """On a file system of 64 KiB; only root may make one."""
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)]
    may_mount = sys.platform == "linux" and os.geteuid() == 0 and shutil.which("mount")
    if not may_mount or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a file system")
    try:
        small, large = make_model(3), make_model(3000)
        small.save_weights(tmp_path / "w.npz")
        before = (tmp_path / "w.npz").read_bytes()
        with pytest.raises(OSError, match="stays as it was, got No space left on device") as error:
            large.save_weights(tmp_path / "w.npz")
        assert error.value.errno == 28
        with pytest.raises(OSError, match="No space left"):
            minigrad.Checkpoint(tmp_path, model=large).save()
        assert (tmp_path / "w.npz").read_bytes() == before and os.listdir(tmp_path) == ["w.npz"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_device_that_is_full_is_no_file(tmp_path, make_model):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    link = tmp_path / "w.npz"
    link.symlink_to("/dev/full")
    with pytest.raises(OSError, match="expected a file, got the device, pipe or socket /dev/full"):
        make_model().save_weights(link)
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode) and link.is_symlink()


def test_events_are_written_whole_or_not(tmp_path, small_files):
    from minigrad.utils.event_file import EventFile

    file = EventFile(tmp_path)
    file.add_numbers(0, {"loss": 1.0})
    (name,) = os.listdir(tmp_path)
    before = (tmp_path / name).read_bytes()
    expected = r"expected to add to .*events.*File too large"
    with pytest.raises(OSError, match=expected), small_files(len(before) + 20):
        file.add_numbers(1, {"loss": 2.0})
    assert (tmp_path / name).read_bytes() == before
    file.add_numbers(1, {"loss": 2.0})
    file.close()
    assert len((tmp_path / name).read_bytes()) > len(before) + 40


# --- what is there must stay ----------------------------------------------------------------------


def test_a_read_only_file_stays(old, mode_of):
    path, write = old
    path.chmod(0o444)
    with pytest.raises(PermissionError, match=r"got the read-only .*; chmod u\+w it"):
        write()
    assert path.read_bytes() == OLD and mode_of(path) == 0o444
    path.chmod(0o640)
    write()
    assert path.read_bytes() != OLD and mode_of(path) == 0o640


def test_a_folder_stays(tmp_path, writer):
    name, write = writer
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine").touch()
    with pytest.raises(IsADirectoryError, match="expected a file, got the folder"):
        write(tmp_path / name)
    assert os.listdir(tmp_path / name) == ["mine"]


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_pipes_and_sockets_stay(tmp_path, writer, kind):
    name, write = writer
    path = tmp_path / name
    if kind == "pipe":
        os.mkfifo(path)
    else:
        with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as made:
            made.bind(f"{short}/s")
            os.rename(f"{short}/s", path)
    if name == "log.csv":
        pytest.skip("lines may go into a pipe")
    before = path.lstat().st_mode
    with pytest.raises(OSError, match="got the device, pipe or socket"):
        write(path)
    assert path.lstat().st_mode == before


def test_a_link_stays_and_its_file_is_replaced(tmp_path, writer, mode_of):
    name, write = writer
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (tmp_path / name).symlink_to(folder / "target")
    write(tmp_path / name)  # the link led nowhere
    (folder / "target").chmod(0o600)
    first = (folder / "target").read_bytes()
    write(tmp_path / name)
    assert (tmp_path / name).is_symlink() and os.listdir(folder) == ["target"]
    assert len(first) > 0 and mode_of(folder / "target") == 0o600


def test_a_link_to_itself_is_told(tmp_path, writer):
    name, write = writer
    (tmp_path / name).symlink_to(tmp_path / name)
    with pytest.raises(OSError, match="save: expected a path to write, got"):
        write(tmp_path / name)
    assert (tmp_path / name).is_symlink()


def test_a_folder_that_vanished_is_told(tmp_path, writer):
    name, write = writer
    folder = tmp_path / "gone"
    if name.startswith(("best", "model.h5")):
        pytest.skip("it makes its folder")
    with pytest.raises(FileNotFoundError, match="gone"):
        write(folder / name)
    assert not folder.exists()


def test_a_folder_that_vanishes_while_a_file_is_written_is_told(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    expected = r"expected to write .*w\.npz, of which nothing"
    with (
        pytest.raises(FileNotFoundError, match=expected),
        replacing(folder / "w.npz") as temporary,
    ):
        temporary.unlink()
        folder.rmdir()


def test_a_folder_that_may_not_be_written_is_told(writer):
    name, write = writer
    if name.startswith("figure"):
        pytest.skip("matplotlib wants a folder of its own")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(OLD)
        os.chmod(path, 0o666)
        os.chmod(folder, 0o555)
        is_root = os.geteuid() == 0
        try:
            with contextlib.suppress(PermissionError):  # root without rights is refused anyway
                os.seteuid(65534)
            if name == "log.csv":
                write(path)  # rows are added, which needs no more than the file
            else:
                expected = "expected a folder that may be written, got .*Permission denied"
                with pytest.raises(PermissionError, match=expected):
                    write(path)
        finally:
            if is_root:
                os.seteuid(0)
            os.chmod(folder, 0o755)
        assert os.listdir(folder) == [name]
        with open(path, "rb") as file:
            assert (file.read() == OLD) == (name != "log.csv")


# --- what can be written --------------------------------------------------------------------------


def test_new_files_follow_the_umask(tmp_path, writer, mode_of):
    name, write = writer
    before = os.umask(0o027)
    try:
        write(tmp_path / name)
    finally:
        os.umask(before)
    assert mode_of(tmp_path / name) == 0o640


def test_names_may_be_as_long_as_names_can_be(tmp_path, writer):
    name, write = writer
    for letter, size in (("a", 255 - len(name)), ("ä", (255 - len(name)) // 2)):
        path = tmp_path / (letter * size + name)
        write(path)
        assert os.listdir(tmp_path) == [path.name]
        path.unlink()


def test_the_owner_stays(tmp_path, make_model):
    path = tmp_path / "w.npz"
    path.write_bytes(OLD)
    try:
        os.chown(path, 1234, 2345)
    except PermissionError:
        pytest.skip("only root may give files away")
    make_model().save_weights(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


def test_file_and_folder_are_flushed_in_this_order(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(handle):
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def note_replace(*paths):
        done.append("rename")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    with replacing(tmp_path / "file") as temporary:
        temporary.write_bytes(b"content")
        assert temporary.parent == tmp_path
    assert done == ["file", "rename", "folder"]


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path):
    stale = tmp_path / ".0123456789ab.part"
    others = [".part", "mine.part", ".0123456789ab.txt"]
    for name in [stale.name, *others]:
        (tmp_path / name).touch()
    with replacing(tmp_path / "first") as first:
        with replacing(tmp_path / "second") as second:  # as another process does
            first.write_bytes(b"1")
            second.write_bytes(b"2")
            remove_stale(tmp_path)
        assert first.exists()
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "first", "second"])


def test_append_writes_all_or_nothing_also_when_interrupted(tmp_path):
    class Slow:
        """Writes a byte at a time, and is interrupted after three."""

        def __init__(self, file):
            self.file, self.fileno, self.name, self.left = file, file.fileno, file.name, 3

        def write(self, content):
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            return self.file.write(content[:1])

    with open(tmp_path / "log", "ab", buffering=0) as file:
        append(file, b"one\n")
        with pytest.raises(KeyboardInterrupt):
            append(Slow(file), b"second\n")
        append(file, b"two\n")
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"


def test_a_checkpoint_that_does_not_fit_ends_training_with_a_clear_error(
    tmp_path, data, make_model, small_files
):
    path = tmp_path / "best.weights.npz"
    callback = callbacks.ModelCheckpoint(path, "loss", save_weights_only=True)
    model = make_model()
    model.fit(*data, epochs=1, verbose=0, callbacks=[callback])
    before = path.read_bytes()
    with pytest.raises(OSError, match=r"best.*stays as it was"), small_files(100):
        model.fit(*data, epochs=1, verbose=0, callbacks=[callback])
    assert path.read_bytes() == before
    assert isinstance(model.layers[0], layers.Dense) and np.isfinite(model.get_weights()[0]).all()


# --- another file takes the place of the one that is being read -----------------------------------

READER = """
import os, shutil, sys
import numpy as np
from minigrad.saving.formats import load_arrays, save_arrays
new, moment = sys.argv[1], int(sys.argv[2])
path, seen = "old" + new[3:], 0
save_arrays(path, {"layer/vars/0": np.ones(1000)})
save_arrays(new, {"layer/vars/0": np.full(2000, 2.0), "b/vars/0": np.full(3000, 2.0)})
with open(new, "r+b") as file:
    content = file.read().replace(np.full(2000, 2.0).tobytes(), np.full(2000, 3.0).tobytes())
    file.seek(0)
    file.write(content)

def replace(event, arguments):
    global seen
    if event == "mmap.__new__" or event == "open" and arguments[0] == path:
        seen += 1
        if seen == moment:
            os.replace(new, path)

sys.addaudithook(replace)
try:
    print(sorted({float(value.mean()) for value in load_arrays(path).values()}))
except ValueError as error:
    print(error)
print(seen)
"""


@pytest.mark.parametrize("ending", [".npz", ".weights.h5"])
def test_what_is_checked_is_what_is_read(tmp_path, ending):
    if ending == ".weights.h5":
        pytest.importorskip("h5py")
    seen, moment, found = 1, 0, []
    while moment <= seen:  # the first time nothing happens, then at each opening
        command = [sys.executable, "-c", READER, f"new{ending}", str(moment)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        result, seen = done.stdout.splitlines()
        seen, moment = int(seen), moment + 1
        found.append(result)
    assert seen >= 2 and found[0] == "[1.0]"
    refused = "Bad CRC-32" if ending == ".npz" else "its checksum does not fit"
    assert all(result == "[1.0]" or refused in result for result in found), found
    assert refused in found[1]
