"""A tiny data set, a separate home for every test, and a web server on this machine."""

import gzip
import hashlib
import os
import re
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest

from minigrad.datasets import mnist
from minigrad.datasets._containers import IDX_FILES, ImageDataset
from minigrad.utils import download as download_module

REAL_DATA = os.environ.get("MINIGRAD_DATA")


@pytest.fixture
def real_data():
    """The file or folder that $MINIGRAD_DATA named when the tests began."""
    if not REAL_DATA:
        pytest.skip("MINIGRAD_DATA is not set")
    return REAL_DATA


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty home and an empty current folder, and no variable that points elsewhere."""
    for name in ("MINIGRAD_DATA", "MINIGRAD_OFFLINE", "KERAS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home))
    work = home / "work" / "here"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download_module, "SILENCE_SECONDS", 60)  # a busy machine answers late
    return home


@pytest.fixture
def impatient(monkeypatch):
    """Downloads that give up soon, for tests of servers that never answer."""
    monkeypatch.setattr(download_module, "SILENCE_SECONDS", 0.3)


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def tiny(monkeypatch):
    """Replaces MNIST: `.arrays`, `.idx` (bytes), `.dataset`; `mnist.load_data` expects it.

    `.check(data)` asserts that what was loaded are its arrays; `.write_npz(path)` and
    `.write_idx(folder, zipped)` put it down as files.
    """
    rng = np.random.default_rng(0)
    shapes = {"x_train": (13, 28, 28), "y_train": (13,), "x_test": (5, 28, 28), "y_test": (5,)}
    arrays = {key: rng.integers(256, size=shape, dtype=np.uint8) for key, shape in shapes.items()}
    bytes_of = {key: idx(array) for key, array in arrays.items()}
    dataset = ImageDataset(
        name="mnist",
        title="MNIST",
        expected={k: (shapes[k], hashlib.sha256(bytes_of[k]).hexdigest()) for k in shapes},
        mirrors=("http://127.0.0.1:9/mnist.npz",),
        keras_name="mnist.npz",
        torchvision_name="MNIST",
    )
    monkeypatch.setattr(mnist, "MNIST", dataset)

    def check(data):
        (x_train, y_train), (x_test, y_test) = data
        found = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
        for key, array in found.items():
            assert array.dtype == np.uint8
            assert array.flags.writeable
            np.testing.assert_array_equal(array, arrays[key])

    def write_npz(path, **changes):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **{**arrays, **changes})
        return path

    def write_idx(folder, zipped=False):
        folder.mkdir(parents=True, exist_ok=True)
        for key, content in bytes_of.items():
            path = folder / (IDX_FILES[key] + (".gz" if zipped else ""))
            path.write_bytes(gzip.compress(content) if zipped else content)
        return folder

    return SimpleNamespace(
        arrays=arrays,
        idx=bytes_of,
        dataset=dataset,
        check=check,
        write_npz=write_npz,
        write_idx=write_idx,
    )


class Handler(BaseHTTPRequestHandler):
    """Answers a path by its route: bytes (ranges included), or a function of the handler."""

    def do_GET(self):
        self.server.requests.append((self.path, self.headers.get("Range")))
        route = self.server.routes.get(self.path)
        if route is None:
            self.send_error(404)
        elif callable(route):
            route(self)
        else:
            self.send(route)

    def send(self, content, keep=None):
        """Send the requested part; close the connection after `keep` of its bytes."""
        start = int(re.sub(r"\D", "", self.headers.get("Range", "0")))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][:keep])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """A server with `.routes` (path -> route), `.requests` (path, Range) and `.url`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.routes, server.requests = {}, []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
