"""What comes from a network: over https alone, compared with its hash before it is used."""

import gzip
import hashlib
import io
import re
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from minigrad.datasets import DatasetNotFoundError, _files, boston_housing
from minigrad.utils import download as download_module
from minigrad.utils import get_file
from minigrad.utils.download import check_address, download

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SOURCES = [*(Path(download_module.__file__).parents[1] / "datasets").glob("*.py")]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        answer = self.server.routes.get(self.path)
        if answer is None:
            self.send_error(404)
        elif isinstance(answer, str):  # an address
            self.send_response(302)
            self.send_header("Location", answer)
            self.end_headers()
        else:
            content, length = answer if isinstance(answer, tuple) else (answer, len(answer))
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server on this machine: ``.routes`` (path to bytes or an address), ``.asked``, ``.url``."""
    for name in ("http_proxy", "HTTP_PROXY", "MINIGRAD_OFFLINE", "MINIGRAD_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download_module, "SILENCE_SECONDS", 60)  # a busy machine answers late
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.routes, server.asked = {}, []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


# --- addresses -----------------------------------------------------------------------------------

FOREIGN = (
    "http://example.com/a", "HTTP://example.com/a", "http://127.0.0.1.example.com/a",
    "http://localhost@example.com/a", "file:///etc/passwd", "file://localhost/etc/passwd",
    "ftp://example.com/a", "data:text/plain,abc", "/etc/passwd", "example.com/a", "//example.com/a",
    "jar:file:///a", "", "http:///a", "https+http://example.com/a",
)  # fmt: skip


@pytest.mark.parametrize("url", FOREIGN)
def test_another_address_than_one_of_https_is_refused(url, folder):
    with pytest.raises(ValueError, match=re.escape(f"expected https://, got {url}:")):
        download(url, 100)
    if url:
        with pytest.raises(ValueError, match="expected https://"):
            get_file("a.bin", url, cache_dir=str(folder))
    assert not list(folder.rglob("a.bin"))


@pytest.mark.parametrize("url", ["https://x.y/a", "http://127.0.0.1:1/a", "http://localhost/a",
                                 "http://[::1]/a"])  # fmt: skip
def test_https_is_allowed_and_this_machine(url):
    check_address(url)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("https://a.b/", "http://a.b/"),
        ("https://a.b/", "http://127.0.0.1/"),
        ("https://a.b/", "file:///etc/passwd"),
        ("http://127.0.0.1/", "http://a.b/"),
        ("http://localhost/", "ftp://a.b/"),
    ],
)
def test_https_does_not_lead_elsewhere(before, after):
    with pytest.raises(ValueError, match=f"got {after}, to which {before} redirects"):
        check_address(after, before)


def test_a_redirect_is_followed_where_it_may_lead(server):
    server.routes |= {"/a": f"{server.url}/b", "/b": CONTENT}
    assert download(f"{server.url}/a", 10**6) == CONTENT


@pytest.mark.parametrize("to", ["http://example.invalid/b", "ftp://example.invalid/b"])
def test_a_redirect_elsewhere_is_refused(server, to):
    server.routes["/a"] = to
    with pytest.raises(ValueError, match=f"expected https://, got {to}, to which .*/a redirects"):
        download(f"{server.url}/a", 10**6)


@pytest.mark.parametrize("to", ["file:///etc/passwd", "data:text/plain,abc"])
def test_a_redirect_to_a_file_is_refused(server, to):
    server.routes["/a"] = to
    with pytest.raises((ValueError, OSError)):
        download(f"{server.url}/a", 10**6)


def test_all_data_sets_come_over_https():
    addresses = {a for path in SOURCES for a in re.findall(r'"(\w+://[^"]+)"', path.read_text())}
    assert len(addresses) >= 4
    for address in addresses:
        check_address(address)
        assert address.startswith("https://")


# --- sizes and hashes ----------------------------------------------------------------------------


def test_a_file_that_is_announced_too_large_is_not_read(server):
    server.routes["/a"] = b"", 2**40
    with pytest.raises(ValueError, match="/a: expected at most 1000 bytes, got 1099511627776"):
        download(f"{server.url}/a", 1000)


def test_get_file_has_a_limit_too(server, folder):
    server.routes["/a"] = b"", 2**40
    with pytest.raises(ValueError, match="/a: expected at most 4294967296 bytes"):
        get_file(origin=f"{server.url}/a", cache_dir=str(folder))


def test_part_of_a_file_is_none(server, folder):
    server.routes["/a"] = CONTENT[:100], len(CONTENT)
    with pytest.raises(OSError, match="broke off after 100 of 10240 bytes"):
        get_file(origin=f"{server.url}/a", cache_dir=str(folder), file_hash=SHA256)
    assert not list(folder.rglob("a*"))


def test_a_file_of_another_hash_is_neither_kept_nor_unpacked(server, folder):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("x/a.bin", CONTENT)
    server.routes["/a.zip"] = content.getvalue()
    with pytest.raises(ValueError, match=r"expected sha256 .*, got .*: another file"):
        get_file(
            origin=f"{server.url}/a.zip", cache_dir=str(folder), file_hash=SHA256, extract=True
        )
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_without_a_hash_says_which_it_has(server, folder, capsys):
    server.routes["/a"] = CONTENT
    get_file(origin=f"{server.url}/a", cache_dir=str(folder))
    said = f"a was compared with no hash; next time, write file_hash='{SHA256}'"
    assert said in capsys.readouterr().out
    get_file("b", f"{server.url}/a", cache_dir=str(folder), file_hash=SHA256)
    assert "hash" not in capsys.readouterr().out


def test_a_data_set_of_another_hash_is_not_opened(server, folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    server.routes["/boston_housing.npz"] = CONTENT
    house = boston_housing.HOUSES
    file = _files.DataFile(house.name, house.hash, f"{server.url}/")
    monkeypatch.setattr(boston_housing, "HOUSES", file)
    monkeypatch.setattr(_files, "read_npz", lambda _: pytest.fail("it was opened"))
    with pytest.raises(DatasetNotFoundError, match=r"expected sha256 .*another file"):
        boston_housing.load_data()
    assert not list(folder.rglob("*.npz"))


# --- archives ------------------------------------------------------------------------------------


def tar(*members, mode="w:gz"):
    """A tar file of (TarInfo or name, content)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for info, content in members:
            info = tarfile.TarInfo(info) if isinstance(info, str) else info
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def special(kind, target=""):
    info = tarfile.TarInfo("harm")
    info.type, info.linkname = kind, target
    return info


def zipped(*members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def bomb_in_a_header():
    """A tar file whose first header says that gigabytes of names follow, in a few kilobytes."""
    info = tarfile.TarInfo("a")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**33
    return gzip.compress(info.tobuf() + bytes(2**26))


GOOD = ("good", CONTENT)
ARCHIVES = {
    "out by dots": (tar(GOOD, ("../harm", CONTENT)), r"\.\./harm: expected a name in the folder"),
    "out by more dots": (tar(GOOD, ("a/../../../harm", b"")), "expected a name in the folder"),
    "out from the root": (tar(GOOD, ("/harm", b"")), "expected a name in the folder"),
    "out as on Windows": (tar(GOOD, ("..\\harm", b"")), "expected a name in the folder"),
    "another drive": (tar(GOOD, ("C:/harm", b"")), "expected a name in the folder"),
    "a link out": (tar(GOOD, (special(tarfile.SYMTYPE, "../.."), b"")), "got a link or a device"),
    "a link within": (tar(GOOD, (special(tarfile.SYMTYPE, "good"), b"")), "got a link or a device"),
    "a hard link": (tar(GOOD, (special(tarfile.LNKTYPE, "good"), b"")), "got a link or a device"),
    "a device": (tar(GOOD, (special(tarfile.CHRTYPE), b"")), "got a link or a device"),
    "a pipe": (tar(GOOD, (special(tarfile.FIFOTYPE), b"")), "got a link or a device"),
    "a bomb": (tar(GOOD, ("zeros", bytes(2**26))), "more bytes than an archive of this size"),
    "a bomb of bzip2": (tar(("zeros", bytes(2**25)), mode="w:bz2"), "more bytes than an archive"),
    "a bomb of xz": (tar(("zeros", bytes(2**25)), mode="w:xz"), "more bytes than an archive"),
    "a bomb in a header": (bomb_in_a_header(), "a.tar"),
    "cut": (tar(GOOD, ("b", CONTENT))[:-40], "a.tar"),
    "cut within": (tar(GOOD, ("b", CONTENT), mode="w")[:11_000], "cut off, or damaged, before"),
    "cut between": (tar(GOOD, ("b", CONTENT), mode="w")[:10_752], "cut off, or damaged, before"),
    "no archive": (b"<html>", "a.tar"),
    "nothing": (b"", "a.tar"),
    "zip: out by dots": (zipped(GOOD, ("../harm", b"")), "expected a name in the folder"),
    "zip: out from the root": (zipped(GOOD, ("/harm", b"")), "expected a name in the folder"),
    "zip: a bomb": (zipped(GOOD, ("zeros", bytes(2**26)), compression=zipfile.ZIP_DEFLATED),
                    "zeros: more bytes than an archive of this size justifies"),
    "zip: LZMA": (zipped(GOOD, compression=zipfile.ZIP_LZMA), "stored or deflated"),
    "zip: cut": (zipped(GOOD)[:-30], "a.tar"),
    "zip: a changed byte": (zipped(GOOD).replace(CONTENT[:9], b"otherwise", 1), "CRC"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_of_another_kind_is_refused_and_leaves_nothing(
    content, message, folder, refusing
):
    (folder / "datasets").mkdir()
    (folder / "datasets" / "a.tar").write_bytes(content)
    with refusing(message) as caught:
        get_file("a.tar", "https://nowhere.invalid/", extract=True, cache_dir=str(folder))
    assert "a.tar" in str(caught.value)
    assert [path.name for path in folder.rglob("*")] == ["datasets", "a.tar"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_an_archive_of_files_is_extracted(mode, folder):
    members = [GOOD, ("a/b.bin", CONTENT), ("a/empty", b"")]
    content = zipped(*members) if mode == "zip" else tar(*members, mode=mode)
    (folder / "datasets").mkdir()
    (folder / "datasets" / "a.tar").write_bytes(content)
    for _ in range(2):  # the second time there is a folder
        out = get_file("a.tar", "https://nowhere.invalid/", extract=True, cache_dir=str(folder))
        assert {p.relative_to(out).as_posix(): p.read_bytes() for p in Path(out).rglob("*")
                if p.is_file()} == dict(members)  # fmt: skip
