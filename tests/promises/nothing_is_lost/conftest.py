"""What the tests of this promise share."""

import contextlib
import importlib.util
import os
import stat
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import Input, Sequential, callbacks, layers, optimizers

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def killed():
    """The module ``killed.py``, which is also a program."""
    spec = importlib.util.spec_from_file_location("killed", HERE / "killed.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _model(units=3, optimizer=None):
    model = Sequential(
        [Input((4,)), layers.Dense(units, activation="relu"), layers.Dropout(0.3), layers.Dense(1)]
    )
    model.compile(optimizer or optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


@pytest.fixture
def make_model():
    """``make_model(units=3)``: a small compiled model, its bits given by the seed."""
    minigrad.utils.set_random_seed(7)
    return _model


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 4)).astype("float32")
    return x, x[:, :1] * x[:, 1:2]


@pytest.fixture
def small_files():
    """``with small_files(1000):`` no file may grow beyond so many bytes; the error is the kernel's.

    It is "File too large"; to a program it is the same as a full disk.
    """
    resource = pytest.importorskip("resource")

    @contextlib.contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


def _save_picture(path):
    pytest.importorskip("PIL")
    minigrad.utils.save_img(path, np.random.default_rng(0).uniform(size=(40, 40, 3)))


def _save_graph(path):
    from minigrad import lab

    x = minigrad.Tensor(np.ones((2, 2)), requires_grad=True)
    lab.Graph((x * x).sum()).save(path)


def _save_model_picture(path):
    minigrad.utils.plot_model(_model(), path)


def _save_figure(path):
    pytest.importorskip("matplotlib")
    from minigrad.plots import _style

    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure = pyplot.figure()
    figure.add_subplot().plot([1, 2])
    try:
        _style.save(figure, path)
    finally:
        pyplot.close(figure)


def _fit_with(callback):
    x = np.ones((8, 4), "float32")
    _model().fit(x, x[:, :1], epochs=1, verbose=0, callbacks=[callback])


def _save_hdf5(save):
    def write(path):
        pytest.importorskip("h5py")
        save(path)

    return write


# The end of a path -> what writes a file there, whole or not at all.
WRITERS = {
    "weights.npz": lambda path: _model().save_weights(path),
    "x.weights.h5": _save_hdf5(lambda path: _model().save_weights(path)),
    "model.keras": lambda path: _model().save(path),
    "model.h5": _save_hdf5(lambda path: _model().save(path)),
    "best.keras": lambda path: _fit_with(callbacks.ModelCheckpoint(path, "loss")),
    "best.weights.npz": lambda path: _fit_with(
        callbacks.ModelCheckpoint(path, "loss", save_weights_only=True)
    ),
    "picture.png": _save_picture,
    "graph.svg": _save_graph,
    "plot.svg": _save_model_picture,
    "figure.png": _save_figure,
    "log.csv": lambda path: _fit_with(callbacks.CSVLogger(path)),
}


@pytest.fixture(params=WRITERS)
def writer(request):
    """The name of a file, and a function that writes it to a path."""
    return request.param, WRITERS[request.param]


@pytest.fixture
def left_over():
    """``left_over(folder)``: the temporary files below a folder."""
    return lambda folder: [path.name for path in Path(folder).rglob("*.part")]


@pytest.fixture
def mode_of():
    return lambda path: stat.S_IMODE(os.stat(path).st_mode)
