"""Data sets known by their hash: tiny files in their place, compared with Keras where it is."""

import dataclasses
import hashlib
import io
import itertools
import json
import os
import pickle
import tarfile

import numpy as np
import pytest

from minigrad.datasets import (
    DatasetNotFoundError,
    _files,
    boston_housing,
    cache_folder,
    california_housing,
    cifar10,
    cifar100,
    imdb,
    reuters,
)

CAN_BE_FROM = (0, 0.2, 0.55)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def texts(rng, count):
    """Texts of 1 to 9 words, as the files have them."""
    lists = [rng.integers(1, 30, rng.integers(1, 10)).tolist() for _ in range(count)]
    return np.fromiter(lists, object, count)


@pytest.fixture
def keras_home(home):
    folder = home / ".keras" / "datasets"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def put(keras_home, monkeypatch):
    """Make a module expect this content, and put that into Keras's folder."""

    def put(module, constant, content, folder=keras_home):
        file = dataclasses.replace(
            getattr(module, constant), hash=sha256(content), origin="http://127.0.0.1:9/"
        )
        monkeypatch.setattr(module, constant, file)
        (folder / file.name).write_bytes(content)
        return folder / file.name

    return put


@pytest.fixture
def tiny_imdb(put):
    rng = np.random.default_rng(1)
    arrays = {
        "x_train": texts(rng, 23),
        "y_train": rng.integers(0, 2, 23),
        "x_test": texts(rng, 11),
        "y_test": rng.integers(0, 2, 11),
    }
    return put(imdb, "REVIEWS", npz(**arrays))


@pytest.fixture
def tiny_reuters(put):
    rng = np.random.default_rng(2)
    return put(reuters, "NEWS", npz(x=texts(rng, 31), y=rng.integers(0, 46, 31)))


def same(ours, theirs):
    for a, b in zip(itertools.chain(*ours), itertools.chain(*theirs), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert [*a] == [*b] if a.dtype == object else np.array_equal(a, b)


def keras_reads(monkeypatch, name, path):
    """Keras's module of that name, made to take the file at `path`."""
    pytest.importorskip("keras")
    import importlib

    module = importlib.import_module(f"keras.src.datasets.{name}")
    monkeypatch.setattr(module, "get_file", lambda *_, **__: str(path))
    return module


WORD_OPTIONS = [
    {},
    {"num_words": 12},
    {"num_words": 12, "skip_top": 5, "oov_char": 7},
    {"num_words": 15, "skip_top": 6, "oov_char": None, "seed": 3},
    {"maxlen": 6, "start_char": None},
    {"start_char": None, "index_from": 0},
    {"start_char": 0, "index_from": 4, "maxlen": 8},
]


@pytest.mark.parametrize("options", WORD_OPTIONS, ids=str)
def test_imdb_is_keras(tiny_imdb, monkeypatch, options):
    theirs = keras_reads(monkeypatch, "imdb", tiny_imdb)
    same(imdb.load_data(**options), theirs.load_data(**options))


@pytest.mark.parametrize("options", [*WORD_OPTIONS, {"test_split": 0.5}, {"test_split": 0.0}])
def test_reuters_is_keras(tiny_reuters, monkeypatch, options):
    theirs = keras_reads(monkeypatch, "reuters", tiny_reuters)
    same(reuters.load_data(**options), theirs.load_data(**options))


def test_words_are_numbered_and_chosen(put):
    two = np.fromiter([[1, 9], [4, 2]], object, 2)  # of one length: still lists in an array
    path = put(imdb, "REVIEWS", npz(x_train=two, y_train=[0, 1], x_test=two, y_test=[1, 0]))
    (x_train, y_train), (x_test, y_test) = imdb.load_data(path, num_words=8)
    assert sorted(x_train) == sorted(x_test) == [[1, 4, 2], [1, 7, 5]]
    for x, y, first in ((x_train, y_train, 0), (x_test, y_test, 1)):
        assert {tuple(text): label for text, label in zip(x, y, strict=True)} == {
            (1, 4, 2): first,
            (1, 7, 5): 1 - first,
        }


def test_maxlen_that_leaves_nothing_is_refused(tiny_imdb, tiny_reuters):
    for module in (imdb, reuters):
        with pytest.raises(ValueError, match="shorter than maxlen=2, got of 2 words or more"):
            module.load_data(maxlen=2)


@pytest.mark.parametrize("module", [imdb, reuters])
def test_word_index(put, module):
    put(module, "WORD_INDEX", json.dumps({"the": 1, "naïve": 2}).encode())
    assert module.get_word_index() == {"the": 1, "naïve": 2}


def test_label_names():
    keras = pytest.importorskip("keras")
    assert reuters.get_label_names() == keras.datasets.reuters.get_label_names()


@pytest.mark.parametrize("test_split", CAN_BE_FROM)
@pytest.mark.parametrize("module", [boston_housing, california_housing])
def test_table_is_keras(put, monkeypatch, module, test_split):
    rng = np.random.default_rng(3)
    path = put(module, "HOUSES", npz(x=rng.random((607, 13)), y=rng.random(607)))
    theirs = keras_reads(monkeypatch, module.__name__.rpartition(".")[2], path)
    for options in ({}, {"seed": 5}):
        ours = module.load_data(test_split=test_split, **options)
        same(ours, theirs.load_data(test_split=test_split, **options))


def test_small_table_has_600_rows(put):
    put(california_housing, "HOUSES", npz(x=np.arange(5600.0).reshape(700, 8), y=np.arange(700.0)))
    (x_train, y_train), (x_test, y_test) = california_housing.load_data("small", test_split=0.25)
    assert (x_train.shape, x_test.shape) == ((450, 8), (150, 8))
    assert sorted([*y_train, *y_test]) == list(range(600))
    np.testing.assert_array_equal(x_train[:, 0], 8 * y_train)


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda: california_housing.load_data("huge"), "version 'large' or 'small', got 'huge'"),
        (lambda: boston_housing.load_data(test_split=1), "test_split from 0 to below 1, got 1"),
        (lambda: boston_housing.load_data(test_split=-0.1), "test_split"),
        (lambda: cifar100.load_data("rough"), "label_mode 'fine' or 'coarse', got 'rough'"),
    ],
)
def test_arguments_out_of_range_are_refused(load, message):
    with pytest.raises(ValueError, match=message):
        load()


# --- CIFAR: batches in a tar file, or extracted ---------------------------------------------------


@pytest.fixture(params=[cifar10, cifar100], ids=["cifar10", "cifar100"])
def tiny_cifar(request, monkeypatch):
    """(module, {member: bytes}, bytes of the tar file), which the module expects."""
    module, rng = request.param, np.random.default_rng(4)
    contents = {}
    for member in module.MEMBERS:
        batch = {b"data": rng.integers(256, size=(3, 3072), dtype=np.uint8)}
        for key in (b"labels", b"fine_labels", b"coarse_labels"):
            batch[key] = rng.integers(10, size=3).tolist()
        contents[member.name] = pickle.dumps(batch, 4)  # 5 writes arrays another way
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    members = [
        dataclasses.replace(m, hash=hashlib.md5(contents[m.name]).hexdigest())
        for m in module.MEMBERS
    ]
    archive = dataclasses.replace(
        module.ARCHIVE, hash=sha256(file.getvalue()), origin="http://127.0.0.1:9/"
    )
    monkeypatch.setattr(module, "MEMBERS", tuple(members))
    monkeypatch.setattr(module, "ARCHIVE", archive)
    return module, contents, file.getvalue()


def check_cifar(module, contents, options=None):
    (x_train, y_train), (x_test, y_test) = module.load_data(**(options or {}))
    *train, test = [pickle.loads(content) for content in contents.values()]
    key = f"{(options or {}).get('label_mode', 'fine')}_".encode() if module is cifar100 else b""
    for batches, x, y in ((train, x_train, y_train), ([test], x_test, y_test)):
        data = np.concatenate([batch[b"data"] for batch in batches])
        labels = np.concatenate([batch[key + b"labels"] for batch in batches])
        assert x.shape == (len(data), 32, 32, 3)
        assert (x.dtype, y.dtype) == (np.uint8, np.int64 if module is cifar100 else np.uint8)
        # A row has the red of all pixels, then the green, then the blue.
        assert [x[-1, 0, 1, 0], x[-1, 2, 0, 1]] == [data[-1, 1], data[-1, 1024 + 64]]
        np.testing.assert_array_equal(y, labels[:, None])
        assert x.flags.writeable


@pytest.mark.parametrize("name", [0, 1, 2])
def test_cifar_is_read_from_a_tar_file(tiny_cifar, keras_home, name):
    module, contents, tar = tiny_cifar
    names = (module.ARCHIVE.name, *module.ARCHIVE.other_names)
    (keras_home / names[name % len(names)]).write_bytes(tar)
    check_cifar(module, contents)


@pytest.mark.parametrize("name", [0, 1])
def test_cifar_is_read_from_a_folder(tiny_cifar, keras_home, name):
    module, contents, _ = tiny_cifar
    for member, content in zip(module.MEMBERS, contents.values(), strict=True):
        path = keras_home / (member.name, *member.other_names)[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    check_cifar(module, contents)
    if module is cifar100:
        check_cifar(module, contents, {"label_mode": "coarse"})


def test_cifar_is_keras(tiny_cifar, keras_home, monkeypatch):
    module, contents, _ = tiny_cifar
    for name, content in contents.items():
        (keras_home / name).parent.mkdir(exist_ok=True)
        (keras_home / name).write_bytes(content)
    name = module.__name__.rpartition(".")[2]
    if name == "cifar10":  # Keras has room for 10,000 images in each file
        pytest.skip("Keras takes files of one size only")
    theirs = keras_reads(monkeypatch, name, keras_home)
    same(module.load_data(), theirs.load_data())


def test_cifar_is_downloaded_once(tiny_cifar, server, monkeypatch):
    module, contents, tar = tiny_cifar
    archive = dataclasses.replace(module.ARCHIVE, origin=server.url + "/")
    monkeypatch.setattr(module, "ARCHIVE", archive)
    server.routes[f"/{archive.name}"] = tar
    for _ in range(2):
        check_cifar(module, contents)
    assert len(server.requests) == 1
    assert os.listdir(cache_folder()) == [archive.name]


# --- what is not right ----------------------------------------------------------------------------


def test_file_that_is_named_is_used_or_refused(tiny_imdb, tmp_path):
    copy = tmp_path / "copy.npz"
    copy.write_bytes(tiny_imdb.read_bytes())
    tiny_imdb.unlink()
    assert len(imdb.load_data(copy)[0][0]) == 23
    copy.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"copy\.npz: expected sha256 .*, got .*another file"):
        imdb.load_data(copy)
    with pytest.raises(FileNotFoundError, match=r"nothing\.npz"):
        imdb.load_data(tmp_path / "nothing.npz")


@pytest.mark.parametrize("named", ["folder", "file"])
def test_variable_names_the_file_or_its_folder(tiny_imdb, tmp_path, monkeypatch, named):
    path = tmp_path / "imdb.npz"
    tiny_imdb.rename(path)
    monkeypatch.setenv("MINIGRAD_DATA", str(path if named == "file" else tmp_path))
    assert len(imdb.load_data()[0][0]) == 23


def test_bad_file_in_a_folder_is_skipped_with_a_warning(tiny_imdb, tmp_path, monkeypatch):
    (tmp_path / "imdb.npz").write_bytes(b"something else")
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path))
    with pytest.warns(UserWarning, match=r"skipped .*imdb\.npz: expected sha256"):
        assert len(imdb.load_data()[0][0]) == 23


def test_offline_says_where_to_put_the_file(tiny_imdb, monkeypatch):
    tiny_imdb.unlink()
    monkeypatch.setenv("MINIGRAD_OFFLINE", "1")
    with pytest.raises(DatasetNotFoundError, match=r"(?s)imdb\.npz: .*OFFLINE.*datasets.imdb\.npz"):
        imdb.load_data()


def test_download_of_another_file_is_not_kept(tiny_imdb, server, monkeypatch):
    tiny_imdb.unlink()
    file = dataclasses.replace(imdb.REVIEWS, origin=server.url + "/")
    monkeypatch.setattr(imdb, "REVIEWS", file)
    server.routes["/imdb.npz"] = b"<html>Log in</html>"
    with pytest.raises(DatasetNotFoundError, match="expected sha256"):
        imdb.load_data()
    assert not cache_folder().exists()


class Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)


def test_code_in_a_pickle_is_refused(put, tiny_cifar, keras_home):
    bad = np.fromiter([[Attack()], [1]], object, 2)
    put(imdb, "REVIEWS", npz(x_train=bad, y_train=[0, 1], x_test=bad, y_test=[0, 1]))
    with pytest.raises(pickle.UnpicklingError, match=r"expected arrays only, got .*mkdir"):
        imdb.load_data()
    with pytest.raises(pickle.UnpicklingError):
        _files.ArrayUnpickler(io.BytesIO(pickle.dumps({b"data": Attack()}, 2))).load()
    assert not os.path.exists("attacked")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_arrays_of_lists_are_read_in_each_npy_version(version):
    file, given = io.BytesIO(), np.fromiter([[1, 2], []], object, 2)
    np.lib.format.write_array(file, given, version)
    import zipfile

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("x.npy", file.getvalue())
    assert [*_files.read_npz(archive.getvalue())["x"]] == [[1, 2], []]
