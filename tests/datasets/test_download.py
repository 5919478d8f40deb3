"""Downloading, from servers on this machine that behave well or badly."""

import contextlib
import dataclasses
import gzip
import os
import socket
import subprocess
import sys
import threading
import time
import types

import pytest

from minigrad.datasets import DatasetNotFoundError, cache_folder, mnist
from minigrad.datasets._containers import IDX_FILES, npz_bytes
from minigrad.utils import download as download_module
from minigrad.utils.download import download

pytestmark = pytest.mark.harmless_files

LIMIT = 1 << 20


@pytest.fixture
def content():
    return bytes(range(256)) * 1200  # several blocks


@pytest.fixture
def mirrors(tiny, server, monkeypatch):
    """Give the tiny data set these paths of the server as mirrors; fill `/good.npz`, `/idx/`."""
    server.routes["/good.npz"] = npz_bytes(tiny.arrays)
    for key, file_name in IDX_FILES.items():
        server.routes[f"/idx/{file_name}.gz"] = gzip.compress(tiny.idx[key])

    def use(*paths):
        urls = tuple(path if "://" in path else server.url + path for path in paths)
        monkeypatch.setattr(mnist, "MNIST", dataclasses.replace(tiny.dataset, mirrors=urls))
        return urls

    return use


def cached_files():
    return sorted(os.listdir(cache_folder())) if cache_folder().exists() else []


def test_download_returns_the_bytes(server, content):
    server.routes["/file"] = content
    assert download(f"{server.url}/file", LIMIT) == content


def test_download_resumes_where_it_broke_off(server, content):
    server.routes["/file"] = lambda handler: handler.send(content, keep=100_000)
    assert download(f"{server.url}/file", LIMIT) == content
    ranges = [None, "bytes=100000-", "bytes=200000-", "bytes=300000-"]
    assert [requested for _, requested in server.requests] == ranges


def test_download_starts_anew_where_ranges_are_ignored(server, content):
    def whole_only(handler):
        del handler.headers["Range"]
        handler.send(content, keep=None if len(server.requests) > 1 else 100_000)

    server.routes["/file"] = whole_only
    assert download(f"{server.url}/file", LIMIT) == content


def test_download_gives_up_where_it_gets_no_further(server, content):
    def same_part(handler):
        del handler.headers["Range"]
        handler.send(content, keep=100_000)

    server.routes["/file"] = same_part
    with pytest.raises(OSError, match=r"/file: the connection broke off after 100000 of 307200"):
        download(f"{server.url}/file", LIMIT)
    assert len(server.requests) == 2


def test_download_gives_up_after_many_attempts(server, content):
    server.routes["/file"] = lambda handler: handler.send(content, keep=10)
    with pytest.raises(OSError, match="broke off after 50 of"):
        download(f"{server.url}/file", LIMIT)
    assert len(server.requests) == download_module.ATTEMPTS


@pytest.mark.parametrize("keep", [None, 0, 100_000], ids=["no answer", "no body", "part"])
@pytest.mark.usefixtures("impatient")
def test_download_does_not_wait_for_a_silent_server(server, content, keep):
    released = threading.Event()

    def hang(handler):
        del handler.headers["Range"]
        if keep is not None:
            handler.send(content, keep)
        released.wait(20)

    server.routes["/file"] = hang
    try:
        with pytest.raises(OSError, match=r"/file: .*(no answer within|timed out)"):
            download(f"{server.url}/file", LIMIT)
    finally:
        released.set()


@pytest.mark.usefixtures("impatient")
def test_download_does_not_wait_for_a_host_that_swallows_packets(monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(20))
    try:
        with pytest.raises(OSError, match=r"nowhere\.invalid/file: no answer within 0\.3 s"):
            download("https://nowhere.invalid/file", LIMIT)
    finally:
        released.set()


@pytest.mark.usefixtures("impatient")
def test_download_closes_an_answer_that_comes_too_late(monkeypatch):
    released, closed = threading.Event(), threading.Event()

    class Opener:
        def open(self, *_, **__):
            released.wait(20)
            return types.SimpleNamespace(close=closed.set)

    monkeypatch.setattr(download_module, "build_opener", lambda *_: Opener())
    try:
        with pytest.raises(OSError, match=r"/file: no answer within 0\.3 s"):
            download("https://nowhere.invalid/file", LIMIT)
    finally:
        released.set()
    assert closed.wait(20)


def test_download_does_not_follow_a_trickle_for_ever(server, content, monkeypatch):
    monkeypatch.setattr(download_module, "TOTAL_SECONDS", 0.3)

    sent = []

    def trickle(handler):
        handler.send(content, keep=1)
        with contextlib.suppress(OSError):  # the client closes the connection
            for byte in content[1:500]:
                handler.wfile.write(bytes([byte]))
                sent.append(byte)
                time.sleep(0.02)

    server.routes["/file"] = trickle
    with pytest.raises(OSError, match=r"/file: not complete after 0\.3 s"):
        download(f"{server.url}/file", LIMIT)
    assert len(sent) < 499
    assert len(server.requests) == 1


def test_download_refuses_more_than_the_limit(server, content):
    server.routes["/file"] = content
    with pytest.raises(ValueError, match="/file: expected at most 70000 bytes, got 307200"):
        download(f"{server.url}/file", 70_000)


def test_download_does_not_ask_twice_for_what_is_not_there(server):
    with pytest.raises(OSError, match="/file: HTTP Error 404"):
        download(f"{server.url}/file", LIMIT)
    assert len(server.requests) == 1


def test_download_refused_connection_is_named():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OSError, match=rf"http://127\.0\.0\.1:{port}/file: .*refused"):
        download(f"http://127.0.0.1:{port}/file", LIMIT)


def test_progress_only_in_a_terminal(server, content, monkeypatch, capsys):
    server.routes["/file"] = content
    download(f"{server.url}/file", LIMIT)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    download(f"{server.url}/file", LIMIT)
    assert capsys.readouterr().out.endswith("file: 0.3 of 0.3 MB\n")


@pytest.mark.parametrize("path", ["/good.npz", "/idx/"])
def test_load_data_downloads_once(tiny, server, mirrors, capsys, path):
    (url,) = mirrors(path)
    tiny.check(mnist.load_data())
    assert capsys.readouterr().out == f"Downloading data from {url}\n"
    assert cached_files() == ["mnist.npz"]
    asked = len(server.requests)
    tiny.check(mnist.load_data())
    assert len(server.requests) == asked


def test_load_data_tries_the_mirrors_in_turn(tiny, server, mirrors):
    server.routes["/page.npz"] = b"<html>Please log in"
    broken = server.routes["/good.npz"][:-30]
    server.routes["/cut.npz"] = broken
    mirrors("/missing.npz", "/page.npz", "/cut.npz", "/missing/", "/idx/")
    tiny.check(mnist.load_data())
    paths = [path for path, _ in server.requests]
    assert paths[:4] == [
        "/missing.npz",
        "/page.npz",
        "/cut.npz",
        "/missing/train-images-idx3-ubyte.gz",
    ]
    assert len(paths) == 8


def test_load_data_names_what_failed_where_and_caches_nothing(tiny, server, mirrors):
    server.routes["/page.npz"] = b"<html>Please log in"
    server.routes["/idx/t10k-labels-idx1-ubyte.gz"] = gzip.compress(tiny.idx["y_train"])
    mirrors("/missing.npz", "/page.npz", "/idx/")
    with pytest.raises(DatasetNotFoundError) as caught:
        mnist.load_data()
    text = str(caught.value)
    assert f"{server.url}/missing.npz: HTTP Error 404" in text
    assert f"{server.url}/page.npz: expected an npz archive of MNIST, got File is not a zip" in text
    assert f"{server.url}/idx/t10k-labels-idx1-ubyte.gz: expected the IDX file t10k-labels" in text
    assert cached_files() == []


def test_load_data_offline_asks_nobody(tiny, server, mirrors, monkeypatch):
    mirrors("/good.npz")
    monkeypatch.setenv("MINIGRAD_OFFLINE", "1")
    with pytest.raises(DatasetNotFoundError):
        mnist.load_data()
    assert server.requests == []
    monkeypatch.setenv("MINIGRAD_OFFLINE", "0")
    tiny.check(mnist.load_data())


def test_load_data_replaces_its_own_damaged_file(tiny, server, mirrors):
    mirrors("/good.npz")
    cache_folder().mkdir(parents=True)
    (cache_folder() / "mnist.npz").write_bytes(b"rubbish")
    with pytest.warns(UserWarning, match="skipped"):
        tiny.check(mnist.load_data())
    tiny.check(mnist.load_data())


def test_load_data_survives_a_cache_that_cannot_be_written(tiny, server, mirrors):
    mirrors("/good.npz")
    cache_folder().parent.mkdir(parents=True, exist_ok=True)
    cache_folder().write_bytes(b"a file in place of the folder")
    with pytest.warns(UserWarning, match=r"mnist\.npz could not be kept for next time"):
        tiny.check(mnist.load_data())


def test_interrupted_load_leaves_no_file(tiny, mirrors, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    mirrors("/good.npz")
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        mnist.load_data()
    assert cached_files() == []


def test_download_says_that_a_browser_has_no_sockets(monkeypatch):
    monkeypatch.setattr(sys, "platform", "emscripten")
    with pytest.raises(OSError, match=r"/file: a page in a browser has no sockets; fetch the file"):
        download("https://nowhere.invalid/file", LIMIT)


def test_data_sets_need_no_library_that_pythons_are_built_without():
    """Python in a browser has none of these, and small builds of Python lack some."""
    code = """
import sys
sys.modules.update(dict.fromkeys(["bz2", "lzma", "ssl", "_ssl"]))  # imports of None fail
for name in [name for name in sys.modules if name.startswith(("urllib.request", "http."))]:
    del sys.modules[name]
from minigrad.datasets import mnist, synthetic_digits
from minigrad.utils.download import download
try:
    download("https://nowhere.invalid/file", 1)
except OSError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("this Python was built without ssl, and cannot ask for https\n")
