"""`utils.get_file`: where files lie, and what is refused."""

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from minigrad.utils import get_file

pytestmark = pytest.mark.harmless_files

CONTENT = bytes(range(200))
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def archive(kind, name="inner/a.bin"):
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as members:
            members.writestr(name, CONTENT)
    else:
        with tarfile.open(fileobj=file, mode="w:gz") as members:
            info = tarfile.TarInfo(name)
            info.size = len(CONTENT)
            members.addfile(info, io.BytesIO(CONTENT))
    return file.getvalue()


@pytest.fixture
def origin(server):
    server.routes["/some/a.bin"] = CONTENT
    return f"{server.url}/some/a.bin"


def test_file_is_downloaded_once_to_keras_folder(server, origin, home):
    server.routes["/some/a.bin?x=1"] = CONTENT
    for _ in range(2):
        assert get_file(origin=origin) == str(home / ".keras" / "datasets" / "a.bin")
    assert Path(get_file("b.bin", origin + "?x=1")).read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == ["/some/a.bin", "/some/a.bin?x=1"]


def test_file_has_name_and_folders_that_are_given(origin, home, monkeypatch):
    path = get_file("b.bin", origin, cache_dir="~/mine", cache_subdir="two/three")
    assert path == str(home / "mine" / "two" / "three" / "b.bin")
    monkeypatch.setenv("KERAS_HOME", str(home / "keras"))
    assert get_file("b.bin", origin) == str(home / "keras" / "datasets" / "b.bin")


@pytest.mark.parametrize("hashes", [{"file_hash": SHA256}, {"file_hash": MD5}, {"md5_hash": MD5}])
def test_hash_is_compared(server, origin, hashes):
    path = Path(get_file(origin=origin, **hashes))
    path.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match=r"a\.bin: expected .* another file; it is downloaded"):
        get_file(origin=origin, **hashes)
    assert path.read_bytes() == CONTENT
    server.routes["/some/a.bin"] = b"other"
    with pytest.raises(ValueError, match=r"/some/a\.bin: expected .*, got .* another file"):
        get_file("c.bin", origin, **hashes)
    assert not path.with_name("c.bin").exists()


def test_download_can_be_forced(server, origin):
    path = Path(get_file(origin=origin))
    server.routes["/some/a.bin"] = b"new"
    get_file(origin=origin)
    assert path.read_bytes() == CONTENT
    get_file(origin=origin, force_download=True)
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("kind", "options", "folder", "file"),
    [
        ("tar", {"extract": True}, "pictures.tgz", "pictures.tgz_archive"),
        ("tar", {"untar": True, "fname": "pictures"}, "pictures", "pictures_archive"),
        ("zip", {"extract": True, "fname": "p.zip"}, "p_extracted", "p.zip"),
        ("zip", {"extract": True, "archive_format": "zip"}, "pictures.tgz", "pictures.tgz_archive"),
    ],
)
def test_archive_is_extracted_where_keras_extracts_it(server, home, kind, options, folder, file):
    server.routes["/pictures.tgz"] = archive(kind)
    path = Path(get_file(origin=f"{server.url}/pictures.tgz", **options))
    assert path == home / ".keras" / "datasets" / folder
    assert (path / "inner" / "a.bin").read_bytes() == CONTENT
    assert sorted(os.listdir(path.parent)) == sorted([folder, file])


def test_what_is_no_archive_is_refused(origin, server):
    with pytest.raises(ValueError, match=r"expected an archive \(auto\) to extract, got .*a\.bin"):
        get_file(origin=origin, extract=True)
    server.routes["/pictures.zip"] = archive("zip")
    with pytest.raises(ValueError, match=r"an archive \(tar\)"):
        get_file(origin=f"{server.url}/pictures.zip", untar=True)


def test_archive_stays_in_its_folder(server, home):
    server.routes["/bad.tgz"] = archive("tar", "../../out.bin")
    with pytest.raises(ValueError, match=r"bad\.tgz_archive: \.\./\.\./out\.bin: expected a name"):
        get_file(origin=f"{server.url}/bad.tgz", extract=True)
    assert not list(home.rglob("out.bin"))


def test_offline_nothing_is_asked(server, origin, monkeypatch):
    get_file(origin=origin)
    monkeypatch.setenv("MINIGRAD_OFFLINE", "1")
    get_file(origin=origin)
    with pytest.raises(OSError, match=r"b\.bin is not there, and MINIGRAD_OFFLINE"):
        get_file("b.bin", origin)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "arguments",
    [{}, {"fname": "a"}, {"origin": "http://x.y/"}, {"fname": "a/b", "origin": "http://x.y/b"}],
)
def test_names_that_say_nothing_are_refused(arguments):
    with pytest.raises(ValueError, match="expected an origin, and as fname a name without folders"):
        get_file(**arguments)
