"""The order of the search for a data set, and the message when it is not found."""

import os
import sys

import numpy as np
import pytest

from minigrad import datasets
from minigrad.datasets import DatasetNotFoundError, cache_folder, mnist, synthetic_digits


@pytest.fixture
def places(tiny, home):
    """Every place that may hold the tiny MNIST, best first, each with a way to fill it."""
    npz, folder = tiny.write_npz, tiny.write_idx
    return [
        (home / "keras" / "datasets" / "mnist.npz", npz),
        (home / "work" / "here" / "data" / "MNIST" / "raw", folder),
        (home / "work" / "data" / "MNIST" / "raw", folder),
        (home / "data" / "MNIST" / "raw", folder),
        (cache_folder() / "mnist.npz", npz),
        (cache_folder() / "mnist", folder),
    ]


def test_caches_are_used_in_their_order(tiny, places, home, monkeypatch):
    """Fill the places from the last to the first; the places after it hold invalid files."""
    monkeypatch.setenv("KERAS_HOME", str(home / "keras"))
    for path, fill in reversed(places):
        fill(path)
        tiny.check(mnist.load_data())
        for file in [path] if path.is_file() else path.iterdir():
            file.write_bytes(b"rubbish")


def test_keras_default_folder_is_used(tiny, home):
    tiny.write_npz(home / ".keras" / "datasets" / "mnist.npz")
    tiny.check(mnist.load_data())


def test_argument_comes_first(tiny, places, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "nowhere"))
    tiny.check(mnist.load_data(str(tiny.write_npz(tmp_path / "mine.npz"))))


def test_bare_name_means_the_caches(tiny, home):
    tiny.write_npz(cache_folder() / "mnist.npz")
    tiny.check(mnist.load_data("mnist.npz"))
    tiny.check(mnist.load_data(path="mnist.npz"))


def test_bare_name_means_a_file_that_is_there(tiny, home):
    (home / "work" / "here" / "mnist.npz").write_bytes(b"rubbish")
    with pytest.raises(ValueError, match=r"^mnist\.npz: expected"):
        mnist.load_data("mnist.npz")


@pytest.mark.parametrize("inside", ["mnist.npz", ".", "MNIST/raw", "MNIST", "raw", "mnist"])
def test_variable_may_name_a_folder(tiny, tmp_path, monkeypatch, inside):
    folder = tmp_path / "data"
    (tiny.write_npz if inside.endswith("npz") else tiny.write_idx)(folder / inside)
    monkeypatch.setenv("MINIGRAD_DATA", str(folder))
    (cache_folder() / "mnist.npz").mkdir(parents=True)  # not looked at
    tiny.check(mnist.load_data())


def test_variable_may_name_a_file(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGRAD_DATA", str(tiny.write_npz(tmp_path / "mine.npz")))
    tiny.check(mnist.load_data())


def test_variable_with_a_folder_of_other_data_leaves_the_caches(tiny, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "other"))
    tiny.write_npz(cache_folder() / "mnist.npz")
    tiny.check(mnist.load_data())


@pytest.mark.parametrize("inside", ["MNIST/raw", "mnist", "raw"])
def test_wrong_files_in_a_named_folder_do_not_end_the_search(tiny, tmp_path, monkeypatch, inside):
    """The IDX files of all data sets have the same names."""
    for file in tiny.write_idx(tmp_path / "data").iterdir():
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    tiny.write_idx(tmp_path / "data" / inside)
    tiny.check(mnist.load_data(tmp_path / "data"))
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "data"))
    if inside == "raw":  # looked into after the folder itself
        with pytest.warns(UserWarning, match="skipped .*other content"):
            tiny.check(mnist.load_data())
    else:
        tiny.check(mnist.load_data())


def test_named_folder_of_another_data_set_leaves_the_caches(tiny, tmp_path, monkeypatch):
    for file in tiny.write_idx(tmp_path / "other").iterdir():
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(ValueError, match="other content"):
        mnist.load_data(tmp_path / "other")
    tiny.write_npz(cache_folder() / "mnist.npz")
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "other"))
    with pytest.warns(UserWarning, match="skipped .*other content"):
        tiny.check(mnist.load_data())


def test_everything_that_is_wrong_in_a_named_folder_is_listed(tiny, tmp_path):
    (tmp_path / "mnist.npz").write_bytes(b"rubbish")
    (tmp_path / "train-images.idx3-ubyte").write_bytes(b"rubbish")
    with pytest.raises(ValueError, match=r"(?s)mnist\.npz: expected.*idx3-ubyte: expected"):
        mnist.load_data(tmp_path)


def test_folder_without_data_says_what_was_looked_for(tiny, tmp_path):
    (tmp_path / "train.csv").touch()
    expected = (
        r"mnist\.npz or IDX files in it \(such as train-images-idx3.*\), got home, train\.csv"
    )
    with pytest.raises(FileNotFoundError, match=expected):
        mnist.load_data(tmp_path)


def test_named_places_that_are_wrong_are_errors(tiny, tmp_path, monkeypatch):
    """Although a cache has the data: a file that is named must be used or refused."""
    tiny.write_npz(cache_folder() / "mnist.npz")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.npz").write_bytes(b"rubbish")
    with pytest.raises(FileNotFoundError, match=r"nowhere: expected a file or folder with MNIST"):
        mnist.load_data(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"empty: expected mnist\.npz or IDX files in it"):
        mnist.load_data(tmp_path / "empty")
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "bad.npz"))
    with pytest.raises(ValueError, match=r"bad\.npz: expected"):
        mnist.load_data()
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        mnist.load_data()


def test_bad_file_in_a_cache_is_reported_and_passed_over(tiny, home):
    keras_file = home / ".keras" / "datasets" / "mnist.npz"
    keras_file.parent.mkdir(parents=True)
    keras_file.write_bytes(b"rubbish")
    tiny.write_npz(cache_folder() / "mnist.npz")
    with pytest.warns(UserWarning, match=r"skipped .*\.keras.*mnist\.npz: expected") as caught:
        tiny.check(mnist.load_data())
    assert caught[0].filename == __file__
    assert keras_file.read_bytes() == b"rubbish"


def test_offline_error_names_every_place_and_the_ways_out(tiny, places, home, monkeypatch):
    monkeypatch.setenv("MINIGRAD_OFFLINE", "1")
    monkeypatch.setenv("KERAS_HOME", str(home / "keras"))
    (home / "other").mkdir()
    monkeypatch.setenv("MINIGRAD_DATA", str(home / "other"))
    with pytest.raises(DatasetNotFoundError) as caught:
        mnist.load_data()
    text = str(caught.value)
    for path, _ in places:
        assert f"{os.path.relpath(path) if 'work' in path.parts else path}: not there" in text
    for part in (
        f"{home / 'other'} ($MINIGRAD_DATA)",
        "forbidden by MINIGRAD_OFFLINE",
        "http://127.0.0.1:9/mnist.npz",
        f"put mnist.npz into {cache_folder()}",
        "load_data(path)",
        "synthetic_digits.load_data()",
        "not MNIST",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("platform", "variable", "tail"),
    [
        ("linux", None, (".cache", "minigrad")),
        ("linux", "XDG_CACHE_HOME", ("set", "minigrad")),
        ("darwin", None, ("Library", "Caches", "minigrad")),
        ("win32", "LOCALAPPDATA", ("set", "minigrad")),
    ],
)
def test_cache_folder_is_the_platforms(home, monkeypatch, platform, variable, tail):
    monkeypatch.setattr(sys, "platform", platform)
    if variable:
        monkeypatch.setenv(variable, str(home / "set"))
    assert cache_folder() == home.joinpath(*tail)


def test_fallback_gives_mnist_where_it_is(tiny, capsys):
    tiny.write_npz(cache_folder() / "mnist.npz")
    data, title = datasets.load_mnist_or_synthetic()
    tiny.check(data)
    assert title == "MNIST"
    assert capsys.readouterr().out == ""


def test_fallback_says_so_and_names_the_digits(tiny, monkeypatch, capsys):
    monkeypatch.setenv("MINIGRAD_OFFLINE", "1")
    monkeypatch.setattr(synthetic_digits, "load_data", lambda: "digits")
    assert datasets.load_mnist_or_synthetic() == ("digits", "synthetic digits (NOT MNIST)")
    *_, rule, line, same_rule = capsys.readouterr().out.splitlines()
    assert "NO MNIST HERE: going on with synthetic digits (NOT MNIST)" in line
    assert rule == same_rule == "!" * len(line)


def test_fallback_does_not_replace_a_file_that_was_named(tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        datasets.load_mnist_or_synthetic(tmp_path / "nowhere")
    path = tiny.write_npz(tmp_path / "other.npz", y_test=np.zeros(5, np.uint8))
    with pytest.raises(ValueError, match=r"other\.npz"):
        datasets.load_mnist_or_synthetic(path)
