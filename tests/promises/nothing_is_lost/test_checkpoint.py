"""Checkpoint: the state of loops of one's own, in files that are whole, of all objects or none."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import Parameter, callbacks, layers, losses, metrics, optimizers


class Loop:
    """A loop of one's own: model, optimizer, generators, numbers, and how it goes on."""

    def __init__(self, folder, make_model, seed=7):
        minigrad.utils.set_random_seed(seed)
        self.model = make_model()
        self.optimizer = optimizers.Nadam(0.01)
        self.rng = np.random.default_rng(seed)
        self.mean = metrics.Mean()
        self.history, self.best = [], {"loss": float("inf")}
        self.average = np.zeros(3)
        self.checkpoint = minigrad.Checkpoint(
            folder, model=self.model, optimizer=self.optimizer, rng=self.rng, mean=self.mean,
            history=self.history, best=self.best, average=self.average,
        )  # fmt: skip

    def run(self, x, y, steps, stop=None):
        place = self.checkpoint.restore() or {"step": 0}
        for step in range(place["step"], steps):
            if step == stop:
                return None
            rows = self.rng.permutation(len(x))[:8]
            loss = losses.mean_squared_error(y[rows], self.model(x[rows], training=True)).mean()
            self.model.zero_grad()
            loss.backward()
            weights = self.model.trainable_weights
            self.optimizer.apply([weight.grad for weight in weights], weights)
            self.mean.update_state(float(loss.numpy()))
            self.history.append(float(loss.numpy()) + np.random.normal())
            self.best["loss"] = min(self.best["loss"], self.history[-1])
            self.average += self.rng.normal(size=3)
            self.checkpoint.save(step=step + 1, text="so far", by_name={"a": [1, 2.5]})
        return (
            self.model.weights_hash(), self.history, self.best, list(self.average),
            self.mean.result(), [list(a.ravel()) for a in self.optimizer.get_state().values()],
            self.rng.normal(), np.random.normal(), minigrad.random.next_seed(),
        )  # fmt: skip


def test_a_loop_goes_on_with_the_same_bits(tmp_path, make_model, data):
    whole = Loop(tmp_path / "whole", make_model).run(*data, 12)
    assert Loop(tmp_path / "parts", make_model).run(*data, 12, stop=5) is None
    assert Loop(tmp_path / "parts", make_model, 8).run(*data, 12, stop=9) is None
    assert repr(Loop(tmp_path / "parts", make_model, 9).run(*data, 12)) == repr(whole)


def test_save_returns_the_path_and_restore_what_was_given(tmp_path, make_model):
    checkpoint = minigrad.Checkpoint(tmp_path / "a" / "b", model=make_model())
    assert checkpoint.restore() is None and checkpoint.paths() == []
    numbers = {"step": 3, "rate": np.float32(0.1), "nested": {"a": [None, True, "ü", (1, 2)]}}
    path = checkpoint.save(**numbers, values=np.arange(3))
    assert path == str(tmp_path / "a" / "b" / "checkpoint-1.npz") and checkpoint.paths() == [path]
    read = checkpoint.restore()
    np.testing.assert_array_equal(read.pop("values"), np.arange(3))
    assert read == numbers and type(read["rate"]) is np.float32
    assert "model" in repr(checkpoint)


def test_a_layer_that_is_no_model_is_kept(tmp_path):
    first, second = layers.Dense(3), layers.Dense(3)
    for layer in (first, second):
        layer.build((None, 2))
    minigrad.Checkpoint(tmp_path, layer=first).save()
    minigrad.Checkpoint(tmp_path, layer=second).restore()
    np.testing.assert_array_equal(second.get_weights()[0], first.get_weights()[0])


def test_an_optimizer_of_weights_that_no_object_holds_must_be_built(tmp_path):
    weights, again = [Parameter([1.0, 2.0])], optimizers.Adam(0.1)
    optimizer = optimizers.Adam(0.1, parameters=weights)
    optimizer.apply([np.ones(2)], weights)
    minigrad.Checkpoint(tmp_path, optimizer=optimizer).save()
    checkpoint = minigrad.Checkpoint(tmp_path, optimizer=again)
    with pytest.raises(ValueError, match=r"adam.*: expected a built optimizer, got none; call bui"):
        checkpoint.restore()
    again.build(weights)
    checkpoint.restore()
    assert again.iterations == 1


@pytest.mark.parametrize("keep", [1, 2, 5])
def test_the_newest_files_stay(tmp_path, make_model, keep):
    checkpoint = minigrad.Checkpoint(tmp_path, keep, model=make_model())
    (tmp_path / "mine.npz").touch()
    (tmp_path / "checkpoint-x.npz").touch()
    for step in range(12):
        checkpoint.save(step=step)
    kept = [f"checkpoint-{n}.npz" for n in range(13 - keep, 13)]
    assert [os.path.basename(path) for path in checkpoint.paths()] == kept
    assert len(os.listdir(tmp_path)) == keep + 2
    first = checkpoint.paths()[0]
    assert checkpoint.restore(first) == {"step": 12 - keep}
    checkpoint.delete()
    assert sorted(os.listdir(tmp_path)) == ["checkpoint-x.npz", "mine.npz"]


def test_a_damaged_file_gives_way_to_the_one_before(tmp_path, make_model):
    model = make_model()
    checkpoint = minigrad.Checkpoint(tmp_path, model=model)
    checkpoint.save(step=1)
    first = model.weights_hash()
    model.set_weights([weight + 1 for weight in model.get_weights()])
    path = checkpoint.save(step=2)
    content = bytearray(Path(path).read_bytes())
    for damage in (content[:-40], content[:100], b"", bytes(content).replace(b"step", b"stap")):
        with open(path, "wb") as file:
            file.write(damage)
        with pytest.warns(UserWarning, match=r"Checkpoint: .*-2\.npz.*; went back to .*-1\.npz"):
            assert minigrad.Checkpoint(tmp_path, model=model).restore() == {"step": 1}
        assert model.weights_hash() == first
    checkpoint = minigrad.Checkpoint(tmp_path, model=model)
    with pytest.warns(UserWarning, match="went back"):
        checkpoint.restore()
    assert checkpoint.save(step=2) == path  # in place of the damaged one
    assert [minigrad.Checkpoint(tmp_path, model=model).restore(p)["step"]
            for p in checkpoint.paths()] == [1, 2]  # fmt: skip


def test_one_flipped_bit_anywhere_is_found(tmp_path, make_model, trials):
    """Of the arrays and the JSON; the dates and flags of a zip's entries say nothing."""
    model = make_model()
    path = minigrad.Checkpoint(tmp_path, model=model).save(step=1)
    content, before = Path(path).read_bytes(), model.weights_hash()
    rng = np.random.default_rng(0)
    for _ in trials(60, 3000):
        place = int(rng.integers(len(content)))
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        with open(path, "wb") as file:
            file.write(changed)
        try:
            read = minigrad.Checkpoint(tmp_path, model=model).restore()
        except ValueError:
            pass
        else:
            assert read == {"step": 1}
        assert model.weights_hash() == before


def other_objects(make_model):
    return {
        "more units": {"model": make_model(units=4), "optimizer": optimizers.SGD(0.1)},
        "another optimizer": {"model": make_model(), "optimizer": optimizers.Adam(0.1)},
        "no optimizer": {"model": make_model()},
        "another name": {"net": make_model(), "optimizer": optimizers.SGD(0.1)},
        "another kind": {"model": [1], "optimizer": optimizers.SGD(0.1)},
        "a list": {"model": make_model(), "optimizer": {"a": 1}},
    }


@pytest.mark.parametrize("other", other_objects(lambda **_: layers.Layer()))
def test_other_objects_are_refused_and_none_changes(tmp_path, make_model, data, other):
    model, optimizer = make_model(), optimizers.SGD(0.1, momentum=0.9)
    weights = model.trainable_weights
    optimizer.apply([np.ones(weight.shape, "float32") for weight in weights], weights)
    minigrad.Checkpoint(tmp_path, model=model, optimizer=optimizer).save(step=1)
    objects = other_objects(make_model)[other]
    minigrad.utils.set_random_seed(5)
    before = [each.weights_hash() for each in objects.values() if hasattr(each, "weights_hash")]
    draw = minigrad.random.get_state()
    with pytest.raises(ValueError, match=r"checkpoint-1\.npz|expected \d+ arrays"):
        minigrad.Checkpoint(tmp_path, **objects).restore()
    after = [each.weights_hash() for each in objects.values() if hasattr(each, "weights_hash")]
    assert after == before and minigrad.random.get_state() == draw
    assert (tmp_path / "checkpoint-1.npz").exists()


class Broken:
    """Takes its state over, and then fails."""

    def __init__(self):
        self.value, self.fails = 0, False

    def get_state(self):
        return {"value": self.value}

    def set_state(self, state):
        self.value = state["value"]
        if self.fails:
            self.fails = False
            raise RuntimeError("in set_state")


def test_all_objects_change_or_none(tmp_path, make_model, data):
    def make():
        model, broken = make_model(), Broken()
        model.fit(*data, epochs=1, verbose=0)
        items = {
            "numbers": [1, 2],
            "by_name": {"a": 1},
            "values": np.zeros(3),
            "w": Parameter([0.0]),
        }
        rng = np.random.default_rng(3)
        return minigrad.Checkpoint(
            tmp_path, model=model, rng=rng, **items, broken=broken, last=[0]
        ), model  # fmt: skip

    checkpoint, model = make()
    model.fit(*data, epochs=1, verbose=0)
    checkpoint.objects["numbers"].append(3)
    checkpoint.objects["by_name"]["a"] = 2
    checkpoint.objects["values"][:] = 5
    checkpoint.objects["w"].assign([7.0])
    checkpoint.objects["rng"].normal()
    checkpoint.save(step=1)
    whole = model.weights_hash()
    checkpoint, model = make()
    before = model.weights_hash(), int(model.optimizer.iterations)
    state, draw = checkpoint.objects["rng"].bit_generator.state, minigrad.random.get_state()
    checkpoint.objects["broken"].fails = True
    with pytest.raises(RuntimeError, match="in set_state"):
        checkpoint.restore()
    objects = checkpoint.objects
    assert (model.weights_hash(), int(model.optimizer.iterations)) == before
    assert objects["numbers"] == [1, 2] and objects["by_name"] == {"a": 1}
    assert objects["values"].tolist() == [0] * 3 and objects["w"].numpy().tolist() == [0]
    assert objects["rng"].bit_generator.state == state and minigrad.random.get_state() == draw
    assert checkpoint.restore() == {"step": 1}
    assert model.weights_hash() == whole and objects["numbers"] == [1, 2, 3]
    assert objects["w"].numpy().tolist() == [7] and objects["by_name"] == {"a": 2}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, TypeError, "expected objects by name, got none; write model=model"),
        ({"step": 3}, TypeError, r"got step=3; write save\(step=\.\.\.\)"),
        ({"model": print}, TypeError, "got model=.*; give it get_state"),
        ({"max_to_keep": 0, "a": [1]}, ValueError, "max_to_keep"),
        ({"max_to_keep": 1.5, "a": [1]}, ValueError, "max_to_keep"),
    ],
)
def test_wrong_arguments_are_answered(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        minigrad.Checkpoint(tmp_path, **arguments)


def test_what_cannot_be_saved_is_told_and_nothing_is_written(tmp_path):
    checkpoint = minigrad.Checkpoint(tmp_path / "a", items=[print])
    with pytest.raises(TypeError, match="items/0: expected what a file can keep"):
        checkpoint.save()
    with pytest.raises(TypeError, match="numbers/step: expected"):
        minigrad.Checkpoint(tmp_path / "a", items=[1]).save(step=print)
    assert not (tmp_path / "a").exists()


def test_a_file_of_a_later_version_or_of_weights_is_refused(tmp_path, make_model):
    from minigrad.saving.formats import load_arrays, save_arrays

    model = make_model()
    checkpoint = minigrad.Checkpoint(tmp_path, model=model)
    path = checkpoint.save()
    arrays = load_arrays(path)
    content = json.loads(arrays["state.json"].tobytes()) | {"version": 2}
    arrays["state.json"] = np.frombuffer(json.dumps(content).encode(), np.uint8)
    save_arrays(path, arrays)
    with pytest.raises(ValueError, match=r"expected a file of version 1, got 2 in .*-1\.npz"):
        checkpoint.restore()
    model.save_weights(path)
    with pytest.raises(ValueError, match=r"expected the state of a run, got other arrays in"):
        checkpoint.restore()


def test_no_pickle_is_written_or_read(tmp_path, make_model):
    path = minigrad.Checkpoint(tmp_path, model=make_model(), items=["text", {"a": None}]).save()
    with np.load(path, allow_pickle=False) as arrays:
        assert all(array.dtype.kind in "fiu" for array in arrays.values())
    np.savez(path, **{"state.json": np.array([print], dtype=object)})
    with pytest.raises(ValueError, match="expected an intact"):
        minigrad.Checkpoint(tmp_path, items=[1]).restore()


def test_callbacks_of_a_loop_of_ones_own_are_kept(tmp_path, make_model):
    def make():
        model = make_model()
        several = callbacks.CallbackList(
            [callbacks.EarlyStopping("loss", patience=3)], model=model, add_history=True, epochs=5
        )
        return several, minigrad.Checkpoint(tmp_path, model=model, callbacks=several), model

    several, checkpoint, model = make()
    several.on_train_begin()
    for epoch, loss in enumerate((1.0, 2.0, 3.0)):
        several.on_epoch_end(epoch, {"loss": loss})
    checkpoint.save()
    several, checkpoint, model = make()
    several.on_train_begin()
    checkpoint.restore()
    assert model.history.history == {"loss": [1.0, 2.0, 3.0]} and not model.stop_training
    several.on_epoch_end(3, {"loss": 3.0})
    assert model.stop_training and model.history.epoch == [0, 1, 2, 3]


# --- two processes --------------------------------------------------------------------------------

WRITER = """
import sys
import numpy as np
import minigrad
number, folder = float(sys.argv[1]), sys.argv[2]
values = np.full(20_000, number)
checkpoint = minigrad.Checkpoint(folder, values=values)
for step in range(int(sys.argv[3])):
    path = checkpoint.save(step=step, number=number)
"""


def test_processes_that_write_into_one_folder_never_mix(tmp_path, trials, left_over):
    steps = str(len(list(trials(15, 300))))
    command = [sys.executable, "-c", WRITER]
    running = [
        subprocess.Popen([*command, str(number), str(tmp_path), steps]) for number in range(3)
    ]
    values = np.zeros(20_000)
    reader, reads = minigrad.Checkpoint(tmp_path, values=values), 0
    while any(process.poll() is None for process in running):
        try:
            place = reader.restore()
        except FileNotFoundError:  # one that was the newest, and is not any more
            continue
        if place is not None:
            assert (values == place["number"]).all()
            reads += 1
    assert [process.wait() for process in running] == [0, 0, 0]
    assert not left_over(tmp_path) and 1 <= len(reader.paths()) <= 2 * len(running)
    place = reader.restore()
    assert (values == place["number"]).all()


def test_two_processes_never_remove_each_others_newest_file(tmp_path, monkeypatch):
    """Each lists the files when both have written theirs, then removes what is too old."""
    ahead, behind = (minigrad.Checkpoint(tmp_path, values=np.zeros(3)) for _ in range(2))
    behind.save()
    for _ in range(9):
        ahead.save()
    behind.save()
    assert ahead.paths()[-1].endswith("checkpoint-10.npz")
    both = ahead.paths()
    monkeypatch.setattr(minigrad.Checkpoint, "paths", lambda self: list(both))
    behind.save()
    ahead.save()
    monkeypatch.undo()
    assert ahead.paths()[-1].endswith("checkpoint-11.npz")


def test_two_runs_do_not_use_one_folder(tmp_path, make_model, data):
    found = []

    class Other(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            backup = callbacks.BackupAndRestore(tmp_path / "b")
            with pytest.raises(RuntimeError, match=r"for this run alone, got .*b, which another"):
                make_model().fit(*data, epochs=1, verbose=0, callbacks=[backup])
            found.append(sorted(os.listdir(tmp_path / "b")))

    several = [Other(), callbacks.BackupAndRestore(tmp_path / "b")]
    history = make_model().fit(*data, epochs=2, verbose=0, callbacks=several)
    assert found == [[], ["checkpoint-1.npz"]] and history.epoch == [0, 1]
    assert not (tmp_path / "b").exists()
    make_model().fit(*data, epochs=1, verbose=0, callbacks=several[1:])  # it is free again


def test_threads_that_save_one_file_never_mix(tmp_path, make_model, left_over):
    models = [make_model() for _ in range(3)]
    hashes = {model.weights_hash() for model in models}

    def save(model):
        for _ in range(10):
            model.save_weights(tmp_path / "w.npz")

    threads = [threading.Thread(target=save, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if (tmp_path / "w.npz").exists():
            reader = make_model()
            reader.load_weights(tmp_path / "w.npz")
            assert reader.weights_hash() in hashes
    for thread in threads:
        thread.join()
    assert os.listdir(tmp_path) == ["w.npz"] and not left_over(tmp_path)
