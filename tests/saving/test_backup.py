"""BackupAndRestore: a run that was interrupted goes on with the bits of one that was not."""

import os
import subprocess
import sys

import numpy as np
import pytest

import minigrad
from minigrad import Input, Sequential, callbacks, layers, optimizers
from minigrad.saving import checkpoint, formats

pytestmark = pytest.mark.nothing_is_lost

RNG = np.random.default_rng(0)
X = RNG.normal(size=(35, 6, 5, 1)).astype("float32")
Y = RNG.integers(0, 3, 35)
EPOCHS, BATCHES = 7, 4  # 28 samples are left for training


class Shift(layers.Layer):
    """Draws from the default generator."""

    def call(self, x, training=False):
        return x + minigrad.random.uniform((1,), maxval=0.1) if training else x


def make_model(units=3, seed=3):
    minigrad.utils.set_random_seed(seed)
    model = Sequential(
        [
            Input((6, 5, 1)),
            layers.RandomFlip(),
            Shift(),
            layers.Conv2D(3, 3, activation="relu"),
            layers.GaussianNoise(0.1),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(units, activation="softmax"),
        ]
    )
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizers.Adam(0.03), loss, metrics=["accuracy"])
    return model


class Interrupt(callbacks.Callback):
    """Raises an error after so many batches."""

    def __init__(self, after, error):
        self.after, self.error, self.steps = after, error, 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == self.after:
            raise self.error("interrupted")

    def get_state(self):
        return {}  # each run counts for itself


def fit(model, folder, save_freq="epoch", others=(), epochs=EPOCHS, **options):
    best = folder / "best.weights.npz"
    several = [
        callbacks.BackupAndRestore(folder / "backup", save_freq=save_freq, **options),
        callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True),
        callbacks.ReduceLROnPlateau("val_loss", patience=1, factor=0.5),
        callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.95),
        callbacks.ModelCheckpoint(best, save_best_only=True, save_weights_only=True),
        *others,
    ]
    return model.fit(
        X, Y, batch_size=7, epochs=epochs, validation_split=0.2, verbose=0, callbacks=several
    )


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Hash of the weights, history, and bytes of the best weights of a run in one go."""
    folder = tmp_path_factory.mktemp("whole")
    model = make_model()
    history = fit(model, folder)
    assert not os.path.exists(folder / "backup")
    return model.weights_hash(), history, (folder / "best.weights.npz").read_bytes()


def assert_goes_on(model, folder, expected, save_freq, first=None, **options):
    """Resume; weights, history and the file of the best weights are the expected ones."""
    if (folder / "backup").exists():  # then it does not matter what happened in between
        model.predict(X, verbose=0)
        minigrad.utils.set_random_seed(99)
    weights, history, best = expected
    begun = []
    note = callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))
    resumed = fit(model, folder, save_freq, [note], **options)
    assert first is None or begun == history.epoch[first:]
    assert resumed.epoch == history.epoch and resumed.history == history.history
    assert model.weights_hash() == weights
    assert (folder / "best.weights.npz").read_bytes() == best
    assert not os.path.exists(folder / "backup")


def kept_files(folder):
    names = os.listdir(folder / "backup") if (folder / "backup").exists() else ()
    return sorted(name for name in names if name.endswith(".npz"))


@pytest.mark.parametrize(
    ("save_freq", "after", "first"),
    [
        ("epoch", 2, 0),  # before anything was kept
        ("epoch", BATCHES, 0),
        ("epoch", BATCHES + 1, 1),
        ("epoch", 2 * BATCHES + 3, 2),
        ("epoch", 4 * BATCHES + 1, 4),  # the best epoch has been
        (1, 4 * BATCHES + 2, 4),
        (1, 1, 0),
        (1, BATCHES, 0),
        (1, 2 * BATCHES + 3, 2),
        (3, 2, 0),
        (3, 2 * BATCHES + 3, 2),
        (3, 3 * BATCHES, 2),
    ],
)
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_run_goes_on_as_if_nothing_had_happened(
    save_freq, after, first, error, expected, tmp_path
):
    with pytest.raises(error, match="interrupted"):
        fit(make_model(), tmp_path, save_freq, [Interrupt(after, error)])
    kept = after >= BATCHES + 1 if save_freq == "epoch" else after > save_freq
    assert bool(kept_files(tmp_path)) == kept
    assert_goes_on(make_model(), tmp_path, expected, save_freq, first)


PROGRAM = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_backup as t

class Kill(t.callbacks.Callback):
    steps = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.steps += 1
        if self.steps == 11:
            os._exit(7)

t.fit(t.make_model(), Path(sys.argv[2]), 2, [Kill()])
"""


def test_a_process_that_was_killed_goes_on_in_another(expected, tmp_path):
    folder = os.path.dirname(__file__)
    command = [sys.executable, "-c", PROGRAM, folder, str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == 7
    assert_goes_on(make_model(seed=99), tmp_path, expected, 2)


def test_a_run_may_be_interrupted_several_times(expected, tmp_path):
    for after in (3, 6, 2):
        with pytest.raises(RuntimeError, match="interrupted"):
            fit(make_model(), tmp_path, 1, [Interrupt(after, RuntimeError)])
    assert_goes_on(make_model(), tmp_path, expected, 1)


def test_more_epochs_go_on_where_a_run_ended_that_kept_its_state(expected, tmp_path):
    model = make_model()
    fit(model, tmp_path, epochs=2, delete_checkpoint=False)
    assert kept_files(tmp_path) == ["checkpoint-1.npz", "checkpoint-2.npz"]
    weights, history, _ = expected
    resumed = fit(model, tmp_path)
    assert resumed.history == history.history
    assert model.weights_hash() == weights
    assert os.listdir(tmp_path) == ["best.weights.npz"]


def test_files_stay_until_the_end(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(make_model(), tmp_path, others=[Interrupt(BATCHES + 1, KeyboardInterrupt)])
    assert kept_files(tmp_path) == ["checkpoint-1.npz"]
    (tmp_path / "backup" / "mine.txt").touch()
    fit(make_model(), tmp_path)
    assert os.listdir(tmp_path / "backup") == ["mine.txt"]  # which is not ours to delete


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 and no more"])
def test_a_damaged_file_is_replaced_by_the_one_before_it(damage, expected, tmp_path):
    with pytest.raises(RuntimeError, match="interrupted"):
        fit(make_model(), tmp_path, others=[Interrupt(2 * BATCHES + 1, RuntimeError)])
    assert kept_files(tmp_path) == ["checkpoint-1.npz", "checkpoint-2.npz"]
    (tmp_path / "backup" / "checkpoint-2.npz").write_bytes(damage)
    with pytest.warns(UserWarning, match=r"got .*checkpoint-2\.npz.* went back to .*-1\.npz"):
        assert_goes_on(make_model(), tmp_path, expected, "epoch", 1)


def test_one_file_is_enough_if_told_so(tmp_path):
    with pytest.raises(RuntimeError, match="interrupted"):
        fit(make_model(), tmp_path, others=[Interrupt(2 * BATCHES + 1, RuntimeError)],
            double_checkpoint=False)  # fmt: skip
    assert kept_files(tmp_path) == ["checkpoint-2.npz"]


def test_a_damaged_file_alone_is_an_error(tmp_path):
    path = tmp_path / "backup" / "checkpoint-1.npz"
    path.parent.mkdir()
    path.write_bytes(b"damaged")
    model = make_model()
    before = model.weights_hash()
    with pytest.raises(ValueError, match=r"expected an intact \.npz file .*-1\.npz, a text"):
        fit(model, tmp_path)
    formats.save_arrays(path, {"a": np.ones(2)})
    with pytest.raises(ValueError, match=r"expected the state of a run, got other arrays"):
        fit(model, tmp_path)
    assert model.weights_hash() == before
    assert path.exists()


def test_the_state_of_another_model_is_refused_and_nothing_changes(tmp_path):
    with pytest.raises(RuntimeError, match="interrupted"):
        fit(make_model(), tmp_path, others=[Interrupt(BATCHES + 1, RuntimeError)])
    model = make_model(units=4)
    before = model.weights_hash()
    with pytest.raises(ValueError, match=r"(?s)-1\.npz do not fit:.*dense.*Nothing was loaded"):
        fit(model, tmp_path)
    assert model.weights_hash() == before and model.optimizer.iterations == 0
    assert kept_files(tmp_path) == ["checkpoint-1.npz"]


def test_a_state_that_cannot_be_written_leaves_the_one_before_it(tmp_path, monkeypatch):
    with pytest.raises(RuntimeError, match="interrupted"):
        fit(make_model(), tmp_path, others=[Interrupt(BATCHES + 1, RuntimeError)])
    before = (tmp_path / "backup" / "checkpoint-1.npz").read_bytes()

    def fail(*arguments):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        fit(make_model(), tmp_path)
    assert (tmp_path / "backup" / "checkpoint-1.npz").read_bytes() == before
    assert kept_files(tmp_path) == ["checkpoint-1.npz"]


def test_the_file_holds_no_code(tmp_path):
    path = checkpoint.Checkpoint(tmp_path, model=make_model()).save(step=3)
    with np.load(path, allow_pickle=False) as arrays:
        assert all(array.dtype.kind in "fiu" for array in arrays.values())


def test_numbers_of_numpy_that_a_callback_counts_are_kept(tmp_path):
    class Best(callbacks.Callback):
        def __init__(self):
            self.best, self.count = np.float32(np.inf), np.int64(0)

    told, fresh = Best(), Best()
    told.best, told.count = np.float32(0.1), np.int64(7)
    checkpoint.Checkpoint(tmp_path, best=told).save()
    checkpoint.Checkpoint(tmp_path, best=fresh).restore()
    assert (fresh.best, fresh.count) == (told.best, told.count)
    assert (type(fresh.best), type(fresh.count)) == (np.float32, np.int64)


def test_a_callback_may_serve_again_after_an_interrupt_before_the_first_epoch(tmp_path):
    def press(logs):
        raise KeyboardInterrupt

    backup = callbacks.BackupAndRestore(tmp_path / "backup")
    model = make_model()
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[backup])
    pressing = callbacks.LambdaCallback(on_train_begin=press)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=1, verbose=0, callbacks=[pressing, backup])
    assert model.fit(X, Y, epochs=2, verbose=0, callbacks=[backup]).epoch == [0, 1]
