"""Ctrl-C stops after the batch and keeps the history: no half step, no half epoch."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import minigrad
from minigrad import callbacks, layers, optimizers
from minigrad.utils.interrupts import interrupts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")


@pytest.fixture(autouse=True)
def handler():
    """Python's own handler, which must be there again in the end."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    after = signal.signal(signal.SIGINT, before)
    assert after is signal.default_int_handler


def press(times=1):
    for _ in range(times):
        signal.raise_signal(signal.SIGINT)


class PressIn(callbacks.Callback):
    """Presses Ctrl-C in a hook, at its n-th call, and notes which hooks are called."""

    def __init__(self, hook, n=1, times=1):
        self.left, self.hooks = n, []

        def pressed(*arguments):
            self.hooks.append(hook)
            self.left -= 1
            if self.left == 0:
                press(times)

        setattr(self, hook, pressed)

    def on_train_end(self, logs=None):
        self.hooks.append("on_train_end")


class PressInStep(optimizers.SGD):
    """Presses between the updates of the first and the second weight, in the third step."""

    times = 1

    def update(self, w, g, state, lr, t, threads):
        super().update(w, g, state, lr, t, threads)
        if t == 3 and not hasattr(self, "pressed"):
            self.pressed = True
            press(self.times)


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_step_is_made_whole(make_model, data, times):
    class Enough(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    def train(optimizer, *others):
        minigrad.utils.set_random_seed(7)
        model = make_model(optimizer=optimizer)
        try:
            model.fit(*data, batch_size=5, epochs=1, verbose=0, shuffle=False, callbacks=others)
        except KeyboardInterrupt:
            assert not others
        return model

    optimizer = PressInStep(0.1)
    optimizer.times = times
    stopped = train(optimizer)
    assert stopped.optimizer.iterations == 3
    assert stopped.weights_hash() == train(optimizers.SGD(0.1), Enough()).weights_hash()


@pytest.mark.parametrize(
    ("hook", "n", "epochs"),
    [
        ("on_train_begin", 1, 0),
        ("on_epoch_begin", 2, 1),
        ("on_train_batch_begin", 6, 1),
        ("on_train_batch_end", 7, 1),
        ("on_test_batch_end", 2, 1),
        ("on_test_end", 2, 1),
        ("on_epoch_end", 2, 2),
    ],
)
def test_finished_epochs_stay_in_the_history(make_model, data, hook, n, epochs):
    """In whatever hook it is pressed; an epoch whose end has begun is recorded as a whole."""
    pressing, model = PressIn(hook, n), make_model()
    counted = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(epoch))
    ends = []
    with pytest.raises(KeyboardInterrupt):
        model.fit(
            *data, batch_size=5, epochs=4, verbose=0, callbacks=[pressing, counted],
            validation_data=data, validation_batch_size=20,
        )  # fmt: skip
    history = model.history
    assert history.epoch == ends == list(range(epochs))
    assert {len(values) for values in history.history.values()} <= {epochs}
    assert pressing.hooks[-1] == "on_train_end" or hook == "on_train_begin"
    model.fit(*data, epochs=1, verbose=0)  # it goes on from there


def test_a_second_one_ends_a_callback_that_takes_long(make_model, data):
    seen = []

    class Long(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            press()
            seen.append("still here")
            press()
            seen.append("never here")

        def on_train_end(self, logs=None):
            seen.append("the end")

    with pytest.raises(KeyboardInterrupt):
        make_model().fit(*data, epochs=3, verbose=0, callbacks=[Long()])
    assert seen == ["still here", "the end"]


def test_the_best_weights_are_restored_whole(make_model, data, monkeypatch):
    """Ctrl-C while EarlyStopping restores them, weight by weight."""
    assign, count = minigrad.Parameter.assign, [0]

    def pressing(self, value):
        count[0] += 1
        if count[0] == 2:
            press()
        return assign(self, value)

    model = make_model()
    best = callbacks.EarlyStopping("loss", restore_best_weights=True, patience=9)

    class Begin(callbacks.Callback):
        def on_train_end(self, logs=None):
            monkeypatch.setattr(minigrad.Parameter, "assign", pressing)

    with pytest.raises(KeyboardInterrupt):
        model.fit(*data, epochs=3, verbose=0, callbacks=[Begin(), best])
    assert count[0] == 4
    for weight, kept in zip(model.get_weights(), best.best_weights, strict=True):
        np.testing.assert_array_equal(weight, kept)


@pytest.mark.parametrize("what", ["set_weights", "load_weights", "set_state", "restore"])
def test_what_is_restored_is_restored_whole(make_model, data, tmp_path, monkeypatch, what):
    source, model = make_model(), make_model()
    for each in (source, model):
        each.fit(*data, epochs=1, verbose=0)
    source.save_weights(tmp_path / "w.npz")
    checkpoint = minigrad.Checkpoint(tmp_path, model=source)
    checkpoint.save()
    target = minigrad.Checkpoint(tmp_path, model=model)
    actions = {
        "set_weights": lambda: model.set_weights(source.get_weights()),
        "load_weights": lambda: model.load_weights(tmp_path / "w.npz"),
        "set_state": lambda: model.optimizer.set_state(state),
        "restore": lambda: target.restore(),
    }
    names = list(model.optimizer.get_state())
    state = dict(zip(names, source.optimizer.get_state().values(), strict=True))
    with pytest.raises(KeyboardInterrupt), PressingInHolds():
        actions[what]()
    if what != "set_state":
        assert model.weights_hash() == source.weights_hash()
    if what != "set_weights":
        for value, name in zip(source.optimizer.get_state().values(), names, strict=True):
            np.testing.assert_array_equal(model.optimizer.get_state()[name], value)


class PressingInHolds:
    """Presses when a block that holds Ctrl-C has begun."""

    def __enter__(self):
        from minigrad.utils.interrupts import Hold

        self.cls, self.enter = Hold, Hold.__enter__
        enter = self.enter

        def entering(hold):
            enter(hold)
            press()

        Hold.__enter__ = entering

    def __exit__(self, *_):
        self.cls.__enter__ = self.enter


# --- other handlers -------------------------------------------------------------------------------


def test_a_handler_of_ones_own_is_called_after_the_step_and_stays(make_model, data):
    seen, optimizer = [], PressInStep(0.1)

    def mine(number, frame):
        seen.append((number, int(optimizer.iterations)))

    signal.signal(signal.SIGINT, mine)
    try:
        make_model(optimizer=optimizer).fit(*data, batch_size=5, epochs=2, verbose=0)
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert seen == [(signal.SIGINT, 3)]


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_train_batch_end"])
def test_a_handler_that_a_callback_sets_stays(make_model, data, hook):
    def mine(number, frame):
        raise AssertionError("not called")

    def install(*arguments):
        signal.signal(signal.SIGINT, mine)

    callback = callbacks.LambdaCallback(**{hook: install})
    try:
        make_model().fit(*data, epochs=2, verbose=0, callbacks=[callback])
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_ignored_stays_ignored(make_model, data, handler):
    signal.signal(signal.SIGINT, handler)
    try:
        if handler == signal.SIG_IGN:
            make_model(optimizer=PressInStep(0.1)).fit(*data, batch_size=5, epochs=1, verbose=0)
        make_model().fit(*data, epochs=1, verbose=0)
        assert signal.getsignal(signal.SIGINT) == handler
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_blocks_within_blocks_hold_until_the_outermost_ends():
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts() as hold, hold:
        with interrupts() as inner, inner:
            press()
            done.append("inner")
        done.append("outer")
    assert inner is hold and done == ["inner", "outer"]
    with pytest.raises(KeyboardInterrupt), interrupts():
        press()


def test_an_error_in_the_block_is_not_hidden():
    with pytest.raises(ZeroDivisionError), interrupts() as hold, hold:
        press()
        1 / 0  # noqa: B018


def test_other_threads_train_without_a_handler(make_model, data):
    found = []

    def train():
        model = make_model()
        model.fit(*data, epochs=2, verbose=0)
        found.append((model.history.epoch, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert found == [([0, 1], signal.default_int_handler)]


PROGRAM = """
import sys
import numpy as np
import minigrad
from minigrad import Input, Sequential, layers
minigrad.set_num_threads(2)
minigrad.utils.set_random_seed(0)
model = Sequential([Input((400,)), layers.Dense(900, activation="relu"), layers.Dense(1)])
model.compile("adam", "mse")
x = np.random.default_rng(0).normal(size=(4000, 400)).astype("float32")

class Say(minigrad.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        if batch == 1:
            print("now", flush=True)

ACTION
"""


def interrupt(action):
    program = PROGRAM.replace("ACTION", action)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
    return process.returncode, output


def test_in_the_middle_of_a_kernel_the_step_is_made_first():
    action = """
try:
    model.fit(x, x[:, :1], batch_size=2000, epochs=10**6, verbose=0, callbacks=[Say()])
except KeyboardInterrupt:
    steps = int(model.optimizer.iterations)
    state = model.optimizer.get_state()
    print(steps, all(np.isfinite(value).all() for value in state.values()), model.history.epoch
          == list(range(len(model.history.history.get("loss", [])))))
"""
    code, output = interrupt(action)
    assert code == 0 and output.split()[1:] == ["True", "True"] and int(output.split()[0]) >= 1


@pytest.mark.parametrize("call", ["evaluate(x, x[:, :1]", "predict(x"])
def test_evaluating_and_predicting_end_at_once(call):
    begin = "on_test_batch_begin" if call.startswith("evaluate") else "on_predict_batch_begin"
    action = f"""
now = Say().on_train_batch_begin
say = minigrad.callbacks.LambdaCallback({begin}=lambda batch, logs: now(batch))
try:
    while True:
        model.{call}, batch_size=2000, verbose=0, callbacks=[say])
except KeyboardInterrupt:
    print("ended", model.predict(x[:3], verbose=0).shape)
"""
    code, output = interrupt(action)
    assert code == 0 and output.endswith("ended (3, 1)\n")


def test_a_backup_in_the_middle_of_a_write_is_whole(make_model, data, tmp_path, monkeypatch):
    replace, count = os.replace, [0]

    def pressing(*paths):
        count[0] += 1
        if count[0] == 3:
            raise KeyboardInterrupt
        replace(*paths)

    monkeypatch.setattr(os, "replace", pressing)
    backup = callbacks.BackupAndRestore(tmp_path / "b", save_freq=1)
    with pytest.raises(KeyboardInterrupt):
        make_model().fit(*data, batch_size=5, epochs=2, verbose=0, callbacks=[backup])
    names = sorted(os.listdir(tmp_path / "b"))
    assert names == ["checkpoint-1.npz", "checkpoint-2.npz"]
    assert isinstance(make_model().layers[0], layers.Dense)
