"""A training run that is killed, again and again, and started anew until it comes to its end.

``python killed.py run FOLDER FREQ``: train, and print what is the outcome.
``python killed.py writes FREQ STRIDE FIRST``: for every k (FIRST, and then each STRIDE-th) a run
whose k-th write, flush, rename or removal is its last action, half done, and then the same again;
print what was found.
"""

import builtins
import hashlib
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path

import numpy as np

import minigrad
from minigrad import Input, Sequential, callbacks, layers, metrics, optimizers

EPOCHS = 8


class Own(layers.Layer):
    """Counts its calls, and draws from three kinds of generators."""

    def __init__(self, **options):
        super().__init__(**options)
        self.count, self.draws = 0, np.random.default_rng(3)

    def call(self, x, training=False):
        if not training:
            return x
        self.count += 1
        noise = self.draws.normal() + np.random.normal() + float(minigrad.random.normal(()))
        return x + 0.01 * noise / self.count


class Seen(callbacks.Callback):
    """Remembers and draws."""

    def __init__(self):
        self.losses, self.best, self.draws = [], {"loss": np.inf}, np.random.default_rng(5)

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])
        self.best["loss"] = min(self.best["loss"], logs["loss"])
        logs["drawn"] = float(self.draws.normal()) + sum(self.losses) + self.best["loss"]


def train(folder, freq):
    """Train as much as there is still to train, and return what came out in the end."""
    minigrad.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 6)).astype("float32")
    y = (x[:, 0] * x[:, 1] > 0).astype(int) + (x[:, 2] > 0.5)
    model = Sequential(
        [
            Input((6,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.GaussianNoise(0.1),
            Own(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    rate = optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9)
    second = metrics.SparseTopKCategoricalAccuracy(2)
    model.compile(rate, "sparse_categorical_crossentropy", metrics=["accuracy", second])
    seen = Seen()
    several = [
        callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True),
        callbacks.ReduceLROnPlateau("val_loss", patience=1, factor=0.5),
        callbacks.ModelCheckpoint(
            folder / "best.weights.npz", "loss", save_best_only=True, save_weights_only=True
        ),
        callbacks.CSVLogger(folder / "log.csv"),
        callbacks.BackupAndRestore(folder / "backup", save_freq=freq),
        seen,
    ]
    history = model.fit(
        x, y, batch_size=5, epochs=EPOCHS, validation_split=0.2, verbose=0, callbacks=several,
        class_weight={0: 1.0, 1: 2.0},
    )  # fmt: skip
    return {
        "weights": model.weights_hash(),
        "history": [history.epoch, history.history],
        "seen": seen.losses,
        "log": (folder / "log.csv").read_text(),
        "best": hashlib.sha256((folder / "best.weights.npz").read_bytes()).hexdigest(),
        "files": sorted(os.listdir(folder)),
    }


# --- dying in the k-th action on files ------------------------------------------------------------

left = [0]  # actions until the end; 0: never


def die_here():
    left[0] -= 1
    return left[0] == 0


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class DyingFile(io.FileIO):
    """Writes half of what is its last write."""

    def write(self, data):
        if die_here():
            data = memoryview(data).cast("B")
            super().write(data[: len(data) // 2])
            die()
        return super().write(data)


def install():
    really_open = builtins.open

    def opening(path, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *others):
        if isinstance(path, int) or not set(mode) & set("wxa+"):
            return really_open(path, mode, buffering, encoding, errors, newline, *others)
        raw = DyingFile(path, mode.replace("b", ""))
        if buffering == 0:
            return raw
        file = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return file if "b" in mode else io.TextIOWrapper(file, encoding, errors, newline)

    builtins.open = io.open = opening
    for name in ("fsync", "replace", "remove", "unlink", "rmdir", "mkdir", "ftruncate", "chmod"):
        setattr(os, name, before_and_after(getattr(os, name)))


def before_and_after(function):
    def dying(*arguments, **named):
        if die_here():
            die()
        result = function(*arguments, **named)
        if die_here():
            die()
        return result

    return dying


def in_child(folder, freq, actions):
    """Train in a child that dies after so many actions; return the outcome, None if it died."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        left[0] = actions
        install()
        try:
            outcome = json.dumps(train(folder, freq))
            left[0] = 0
        except BaseException:
            outcome = json.dumps(traceback.format_exc())
        left[0] = 0
        with os.fdopen(writer, "w") as file:
            file.write(outcome)
        os._exit(0)
    os.close(writer)
    with open(reader) as file:
        outcome = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return None
    return json.loads(outcome)


def torn_files(folder):
    """The files that are there and not whole."""
    torn = []
    for path in Path(folder).rglob("*.npz"):
        try:
            with np.load(path) as arrays:
                list(arrays.values())
        except Exception:
            torn.append(path.name)
    return torn


def kill_in_writes(freq, stride, first):
    expected, found = None, {"kills": 0, "torn": [], "different": [], "left": []}
    k = 0
    while True:
        folder = Path(tempfile.mkdtemp())
        outcome = in_child(folder, freq, k)
        if k and outcome is not None:
            assert outcome == expected, outcome
            return found | {"actions": k}
        expected = expected or outcome
        actions = k
        while outcome is None:
            found["kills"] += 1
            found["torn"] += torn_files(folder)
            actions = actions * 2 % 97  # others in the next run, at last none
            outcome = in_child(folder, freq, actions if found["kills"] % 3 else 0)
        if outcome != expected:
            found["different"].append(k)
        found["left"] += [str(path) for path in folder.rglob("*.part")]
        shutil.rmtree(folder)
        k += stride if k else first


if __name__ == "__main__":
    minigrad.set_num_threads(1)
    if sys.argv[1] == "run":
        print(json.dumps(train(Path(sys.argv[2]), json.loads(sys.argv[3]))))
    else:
        print(json.dumps(kill_in_writes(json.loads(sys.argv[2]), *map(int, sys.argv[3:]))))
