"""Files appear whole or not at all; a file that does not fit is told by its kind."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest

import minigrad
from minigrad.utils.files import replacing, what_is


@pytest.mark.nothing_is_lost
def test_replacing_leaves_the_old_file_and_nothing_else_after_a_failure(tmp_path, monkeypatch):
    path = tmp_path / "weights.npz"
    with replacing(path) as temporary:
        temporary.write_bytes(b"first")

    def no_space(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"), replacing(path) as temporary:
        temporary.write_bytes(b"second")
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["weights.npz"]


@pytest.mark.nothing_is_lost
def test_temporary_name_is_as_short_for_the_longest_name(tmp_path):
    for name in ("w.npz", "a" * 251 + ".npz", "ä" * 125 + ".npz"):  # 255 bytes is the most
        with replacing(tmp_path / name) as temporary:
            temporary.write_bytes(b"content")
            assert len(os.fsencode(temporary.name)) < 30
        assert (tmp_path / name).read_bytes() == b"content"


@pytest.mark.nothing_is_lost
def test_replacing_follows_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    with replacing(link) as temporary:
        temporary.write_bytes(b"content")
    assert link.is_symlink() and target.read_bytes() == b"content"


@pytest.mark.nothing_is_lost
def test_replacing_names_a_missing_folder(tmp_path):
    expected = r"expected an existing folder, got .*nowhere"
    with pytest.raises(FileNotFoundError, match=expected), replacing(tmp_path / "nowhere" / "file"):
        pass


def test_old_files_of_whole_models_make_their_folder(tmp_path):
    pytest.importorskip("h5py")
    model = minigrad.Sequential([minigrad.layers.Dense(2, input_shape=(3,))])
    model.save(tmp_path / "run" / "1" / "model.h5")
    read = minigrad.models.load_model(tmp_path / "run" / "1" / "model.h5")
    np.testing.assert_array_equal(read.get_weights()[0], model.get_weights()[0])


def archive(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        for name in names:
            opened.writestr(zipfile.ZipInfo(name), "content")  # of 1980: the same bytes always
    return file.getvalue()


def array_bytes():
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "an empty file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG picture"),
        (b"\x89HDF\r\n\x1a\n\0", "an HDF5 file"),
        (array_bytes(), "one array of NumPy"),
        (pickle.dumps({"a": 1}), "a pickle of Python"),
        (pickle.dumps({"a": 1}, protocol=2), "a pickle of Python"),
        (archive("archive/data.pkl", "archive/data/0"), "a file of PyTorch"),
        (archive("metadata.json", "config.json", "model.weights.h5"), "a whole model, a .keras"),
        (archive("dense/kernel.npy"), "an .npz file"),
        (archive("a.txt"), "a zip archive"),
        (archive("a.txt")[:20], "a zip archive without its end"),
        (b"\x1c\0\0\0TFL3\x14\0", "a model of TensorFlow Lite"),
        (b"\n<!DOCTYPE html>", "a page of HTML"),
        (b'{"class_name": "Sequential"}', "a text in JSON"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a note of Git LFS"),
        (b"1.0, 2.0\n", "a text"),
    ],
)
def test_a_file_is_told_by_its_beginning(tmp_path, content, kind):
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    assert what_is(path).startswith(kind)


def test_folders_are_told_and_what_is_not_known_is_not_guessed(tmp_path):
    assert what_is(tmp_path) == "a folder"
    (tmp_path / "saved_model.pb").touch()
    assert what_is(tmp_path).startswith("a SavedModel folder of TensorFlow")
    (tmp_path / "noise").write_bytes(bytes(range(200, 256)))
    assert what_is(tmp_path / "noise") == ""
