"""Scripts in processes of their own, and a model whose bits show what happened to it."""

import os
import subprocess
import sys
import textwrap

import pytest

LONG = os.environ.get("MINIGRAD_LONG") == "1"

# What the scripts begin with. Threads of one's own make Python 3.12 and later warn of any fork.
HEAD = """
import hashlib, os, signal, sys, threading, time, warnings
import numpy as np
import minigrad
from minigrad import callbacks, layers, models, ops, random

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)

rng = np.random.default_rng(0)
x = rng.normal(size=(96, 12, 12, 3)).astype("float32")
y = rng.integers(0, 5, 96)


def make_model():
    model = models.Sequential([
        layers.Conv2D(9, 3, activation="relu"), layers.MaxPooling2D(), layers.Dropout(0.3),
        layers.Flatten(), layers.GaussianNoise(0.1), layers.Dense(33, activation="relu"),
        layers.BatchNormalization(), layers.Dense(5, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def bits(model):
    hashed = hashlib.sha256()
    for array in [*model.get_weights(), *map(np.asarray, model.history.history.values())]:
        hashed.update(np.ascontiguousarray(array).tobytes())
    return hashed.hexdigest()


def train(seed, **options):
    random.set_random_seed(seed)
    model = make_model()
    options = dict(epochs=2, batch_size=16, validation_split=0.2, verbose=0) | options
    model.fit(x, y, **options)
    return bits(model)


def count_threads():
    return len(os.listdir("/proc/self/task"))
"""


@pytest.fixture
def run_script(tmp_path):
    """``run_script(code, *arguments)``: its output, from a file of its own, warnings as errors."""

    def run(code, *arguments, **variables):
        script = tmp_path / "script.py"
        script.write_text(HEAD + textwrap.dedent(code))
        result = subprocess.run(
            [sys.executable, "-W", "error", script, *map(str, arguments)],
            env=os.environ | {"MINIGRAD_NUM_THREADS": "3"} | variables,
            capture_output=True,
            text=True,
            timeout=14_400 if LONG else 900,  # a guard against hangs: no test waits for it
            check=False,
        )
        assert result.returncode == 0, result.stderr or result.returncode
        assert result.stderr == ""
        return result.stdout.split()

    return run
