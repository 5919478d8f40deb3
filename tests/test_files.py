"""Files appear whole or not at all."""

import os

import pytest

from minigrad.utils.files import replacing


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


def test_temporary_name_is_as_short_for_the_longest_name(tmp_path):
    for name in ("w.npz", "a" * 251 + ".npz", "ä" * 125 + ".npz"):  # 255 bytes is the most
        with replacing(tmp_path / name) as temporary:
            temporary.write_bytes(b"content")
            assert len(os.fsencode(temporary.name)) < 30
        assert (tmp_path / name).read_bytes() == b"content"


def test_replacing_follows_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    with replacing(link) as temporary:
        temporary.write_bytes(b"content")
    assert link.is_symlink() and target.read_bytes() == b"content"


def test_replacing_names_a_missing_folder(tmp_path):
    expected = r"expected an existing folder, got .*nowhere"
    with pytest.raises(FileNotFoundError, match=expected), replacing(tmp_path / "nowhere" / "file"):
        pass
