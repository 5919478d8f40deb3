"""Models whose files are made and damaged, and how much memory a load takes."""

import contextlib
import os
import tracemalloc
from pathlib import Path

import pytest

from minigrad import Input, Sequential, layers, random

MOST_MEMORY = 16 << 20  # bytes: none of the files justifies more


@pytest.fixture
def make_model():
    """``make_model(seed)``: Dense layers 4 -> 3 -> 2, compiled."""

    def make(seed=0, compiled=True):
        random.set_random_seed(seed)
        model = Sequential([Input((4,)), layers.Dense(3, name="first"), layers.Dense(2)])
        if compiled:
            model.compile("sgd", "mse")
            model.optimizer.build(model.trainable_weights)
        return model

    return make


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder; after the test, nothing is beside it, and no ``harm`` anywhere."""
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    yield inner
    assert os.listdir(tmp_path) == ["inner"]
    assert not list(inner.rglob("harm*")) and not Path("/harm").exists()


@pytest.fixture
def refusing():
    """``with refusing(message):`` a ValueError with this message and little memory come of it."""

    @contextlib.contextmanager
    def check(message):
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=message) as caught:
                yield caught
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < MOST_MEMORY, f"{peak >> 20} MiB"

    return check
