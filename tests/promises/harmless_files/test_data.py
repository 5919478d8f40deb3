"""Data sets and pictures that are bombs, lies or no files at all."""

import gzip
import hashlib
import io
import os
import struct
import zlib

import numpy as np
import pytest

from minigrad import layers
from minigrad.datasets import _containers, _files, fashion_mnist, imdb, mnist
from minigrad.models import load_model
from minigrad.saving.formats import load_arrays
from minigrad.utils import image_dataset_from_directory, load_img

X = np.arange(4 * 5 * 5, dtype=np.uint8).reshape(4, 5, 5)


def idx(array, shape=None, kind=8):
    shape = array.shape if shape is None else shape
    return struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape), *shape) + array.tobytes()


@pytest.fixture
def dataset():
    expected = {"x_test": (X.shape, hashlib.sha256(idx(X)).hexdigest())}
    return _containers.ImageDataset("mnist", "MNIST", expected, (), "mnist.npz", "MNIST")


def npz(array):
    file = io.BytesIO()
    np.savez_compressed(file, x_test=array)
    return file.getvalue()


IDX = {
    "other sizes": idx(X, (5, 4, 5)),
    "absurd sizes": idx(X, (2**32 - 1,) * 3),
    "too many axes": idx(X, (4, 5, 5, *[1] * 250)),
    "no axes": idx(X, ()),
    "another type": idx(X, kind=13),
    "other values": idx(X[::-1]),
    "fewer values": idx(X)[:-1],
    "more values": idx(X) + b"\0",
    "a bomb": gzip.compress(idx(X) + bytes(2**26)),
    "a bomb of many parts": b"".join(gzip.compress(idx(X) + bytes(2**20)) for _ in range(30)),
    "a part that is none": gzip.compress(idx(X)) + b"\x1f\x8b\x08 damaged",
    "half a gzip": gzip.compress(idx(X))[:40],
    "gzip in gzip": gzip.compress(gzip.compress(idx(X))),
    "nothing": b"",
    "a page": b"<html>",
}


@pytest.mark.parametrize("content", IDX.values(), ids=IDX)
def test_an_idx_file_of_another_kind_is_refused(content, dataset, refusing):
    file = io.BytesIO(content)
    with refusing("where: expected the IDX file t10k-images-idx3-ubyte of MNIST, got"):
        _containers.read_idx(file, "where", "x_test", dataset)


@pytest.mark.parametrize("cut", [0, 60], ids=["one part", "two parts"])
def test_the_idx_file_is_read(cut, dataset):
    parts = (idx(X)[:cut], idx(X)[cut:])
    content = b"".join(gzip.compress(part) for part in parts)
    found = _containers.read_idx(io.BytesIO(content), "where", "x_test", dataset)
    np.testing.assert_array_equal(found, X)


NPZ = {
    "a bomb": npz(np.zeros(2**26, np.uint8)),
    "Fortran order": npz(np.asfortranarray(X)),
    "another type": npz(X.astype("i8")),
    "other values": npz(X[::-1]),
    "pickles": npz(np.array([None, {}], object)),
    "no zip archive": b"PK\3\4",
}


@pytest.mark.parametrize("content", NPZ.values(), ids=NPZ)
def test_an_npz_file_of_another_kind_is_refused(content, dataset, refusing):
    with refusing("where: expected an npz archive of MNIST, got"):
        _containers.read_npz(io.BytesIO(content), "where", dataset)


def test_what_is_missing_is_named(folder):
    np.savez(folder / "mnist.npz", x_train=X, y_train=X, x_test=X)
    with pytest.raises(ValueError, match=r"mnist\.npz: expected .*MNIST, got no y_test among"):
        mnist.load_data(folder / "mnist.npz")


def test_a_file_that_is_known_by_its_hash_is_not_read_if_it_is_too_large(folder):
    with open(folder / "imdb.npz", "wb") as file:
        file.truncate(2**40)  # a hole, which takes no space
    with pytest.raises(ValueError, match=r"imdb\.npz: expected imdb\.npz, got 1099511627776 bytes"):
        imdb.load_data(folder / "imdb.npz")


DOORS = {
    "weights": (lambda path, model: model.load_weights(path), "w.npz"),
    "weights in HDF5": (lambda path, model: model.load_weights(path), "w.weights.h5"),
    "model": (lambda path, _: load_model(path), "m.keras"),
    "older model": (lambda path, _: load_model(path), "m.h5"),
    "images": (lambda path, _: mnist.load_data(path), "m.npz"),
    "other images": (lambda path, _: fashion_mnist.load_data(path), "m.npz"),
    "texts": (lambda path, _: imdb.load_data(path), "other.npz"),
    "words": (lambda path, _: imdb.get_word_index(path), "other.json"),
}


@pytest.mark.parametrize(("load", "name"), DOORS.values(), ids=DOORS)
def test_a_pipe_is_refused_and_not_waited_for(load, name, folder, make_model):
    if name.endswith("h5"):
        pytest.importorskip("h5py")
    os.mkfifo(folder / name)
    with pytest.raises(OSError, match=name):
        load(folder / name, make_model())


def test_a_pipe_among_pictures_is_refused(folder):
    pytest.importorskip("PIL")
    (folder / "a").mkdir()
    os.mkfifo(folder / "a" / "x.png")
    with pytest.raises(OSError, match=r"x\.png: expected a file, got a device, pipe or socket"):
        load_img(folder / "a" / "x.png")
    with pytest.raises(OSError, match=r"x\.png: expected a file"):
        list(image_dataset_from_directory(folder, verbose=False))


# --- pictures ------------------------------------------------------------------------------------


def png(width, height, rows):
    """A grey picture that says so large and has so many rows of zeros."""

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    content = zlib.compress(bytes((width + 1) * rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", content)
        + chunk(b"IEND", b"")
    )


PICTURES = {
    "more pixels than allowed": (png(60_000, 60_000, 1), "exceeds limit"),
    "cut": (png(8, 8, 8)[:40], "cannot identify|[Tt]runcated"),
    "a program for a printer": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(harm) (w) file\n", "cannot identify",
    ),
    "a drawing": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot identify"),
    "nothing": (b"", "cannot identify"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), PICTURES.values(), ids=PICTURES)
def test_a_picture_that_is_none_is_refused(content, message, folder, refusing):
    pytest.importorskip("PIL")
    (folder / "p.png").write_bytes(content)
    with refusing(rf"load_img: expected a picture, got .*p\.png: .*({message})"):
        load_img(folder / "p.png")


def test_a_config_cannot_name_a_file_with_tokens(folder):
    (folder / "secret.txt").write_text("a\nb\n")
    layer = layers.StringLookup(vocabulary=str(folder / "secret.txt"))  # a user may
    again = layers.StringLookup.from_config(layer.get_config())
    assert again.get_vocabulary() == layer.get_vocabulary() == ["[UNK]", "a", "b"]
    config = layer.get_config() | {"vocabulary": str(folder / "secret.txt")}
    with pytest.raises(ValueError, match="no file that they are in"):
        layers.StringLookup.from_config(config)


def test_an_unpickler_reads_what_data_sets_hold():
    content = npz(X)
    np.testing.assert_array_equal(_files.read_npz(content)["x_test"], X)


def test_what_the_system_refuses_is_its_own_error(folder, make_model):
    with pytest.raises(FileNotFoundError, match="none at"):
        load_arrays(folder / "none.npz")
    with pytest.raises(FileNotFoundError, match="a folder at"):
        (folder / "w.npz").mkdir()
        make_model().load_weights(folder / "w.npz")
    (folder / "secret.npz").write_bytes(b"")
    (folder / "secret.npz").chmod(0)
    if not os.access(folder / "secret.npz", os.R_OK):  # root may read all
        with pytest.raises(PermissionError):
            make_model().load_weights(folder / "secret.npz")
