"""Models that are dropped are freed at once; thousands of them leave nothing behind."""

import copy
import gc
import os
import pickle
import signal
import threading
import weakref

import numpy as np
import pytest

from minigrad import Model, callbacks, lab, layers, models, ops, optimizers

x = np.random.default_rng(0).random((24, 6), "float32")
y = (x[:, 0] > 0.5).astype("int64")


def make_sequential():
    rows = [layers.Dense(5, activation="relu"), layers.Dropout(0.1), layers.Dense(2)]
    return models.Sequential([layers.Input((6,)), *rows, layers.Softmax()])


def make_graph():
    inputs = layers.Input((6,))
    z = layers.Dense(5)(inputs)
    z = layers.BatchNormalization()(z + layers.Dense(5)(z) * 2.0)
    return Model(inputs, layers.Dense(2, activation="softmax")(z))


class Net(Model):
    def __init__(self):
        super().__init__()
        self.rows = [layers.Dense(5, activation="relu"), layers.Dense(2, activation="softmax")]

    def call(self, x):
        for layer in self.rows:
            x = layer(x)
        return x


class OwnStep(Net):
    def train_step(self, data):
        return super().train_step(data)


MAKERS = {"Sequential": make_sequential, "graph": make_graph, "Net": Net, "own step": OwnStep}


def called(model):
    model(x)
    model.predict(x, verbose=0)
    return model


def fitted(make, *used, optimizer="adam", **options):
    model = make()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.build((None, 6))
    model.fit(x, y, epochs=2, batch_size=8, verbose=0, callbacks=list(used), **options)
    return model


class Raises(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise ZeroDivisionError


class PressesCtrlC(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        os.kill(os.getpid(), signal.SIGINT)


def interrupted(make, callback):
    kept = []

    class Keeps(callback):
        def set_model(self, model):
            kept.append(model)

    try:
        fitted(make, Keeps())
    except (ZeroDivisionError, KeyboardInterrupt):
        return kept.pop()


def refused(make):
    model = fitted(make)
    for wrong in ((x, y[:3]), (x[:, :4], y), ("text", y)):
        with pytest.raises((TypeError, ValueError)):
            model.fit(*wrong, verbose=0)
    return model


def loop_of_ones_own(make):
    model, optimizer = make(), optimizers.SGD(0.1)
    for _ in range(3):
        loss = ops.mean(model(x) ** 2)
        loss.backward()
        optimizer.apply([w.grad for w in model.trainable_weights], model.trainable_weights)
    model.kept = optimizer
    return model


def loaded(make, folder):
    model = fitted(make)
    model.save_weights(folder / "model.weights.npz")
    model.load_weights(folder / "model.weights.npz")
    model.save(folder / "model.keras")
    custom = {"Net": Net, "OwnStep": OwnStep}
    return models.load_model(folder / "model.keras", custom_objects=custom)


def recorded(make, _):
    return fitted(make, lab.Recorder())


def explained(make, _):
    model = fitted(make)
    lab.explain(ops.sum(model(x[:2])))
    return model


def summed_up(make):
    model = fitted(make)
    model.summary(print_fn=lambda text: None)
    str(model), repr(model.history), model.count_params(), model.get_config()
    return model


def in_a_thread(make):
    found = []
    thread = threading.Thread(target=lambda: found.append(fitted(make)))
    thread.start()
    thread.join()
    return found.pop()


USES = {
    "made": lambda make, _: make(),
    "called": lambda make, _: called(make()),
    "fitted": lambda make, _: fitted(make),
    "validated": lambda make, _: fitted(make, validation_data=(x, y), class_weight={0: 1, 1: 2}),
    "raised": lambda make, _: interrupted(make, Raises),
    "Ctrl-C": lambda make, _: interrupted(make, PressesCtrlC),
    "refused": lambda make, _: refused(make),
    "own loop": lambda make, _: loop_of_ones_own(make),
    "loaded": loaded,
    "cloned": lambda make, _: models.clone_model(fitted(make)),
    "copied": lambda make, _: copy.deepcopy(fitted(make)),
    "pickled": lambda make, _: pickle.loads(pickle.dumps(fitted(make))),
    "summed up": lambda make, _: summed_up(make),
    "thread": lambda make, _: in_a_thread(make),
    "recorded": recorded,
}
CALLBACKS = {
    "BackupAndRestore": lambda folder: callbacks.BackupAndRestore(folder),
    "CSVLogger": lambda folder: callbacks.CSVLogger(folder / "log.csv"),
    "EarlyStopping": lambda _: callbacks.EarlyStopping("loss", restore_best_weights=True),
    "History": lambda _: callbacks.History(),
    "LambdaCallback": lambda _: callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    "LearningRateScheduler": lambda _: callbacks.LearningRateScheduler(lambda epoch, rate: rate),
    "ModelCheckpoint": lambda folder: callbacks.ModelCheckpoint(folder / "best.keras"),
    "ReduceLROnPlateau": lambda _: callbacks.ReduceLROnPlateau("loss", patience=1),
    "TensorBoard": lambda folder: callbacks.TensorBoard(folder, histogram_freq=1),
    "TerminateOnNaN": lambda _: callbacks.TerminateOnNaN(),
}
CASES = {f"{m}, {u}": (MAKERS[m], USES[u]) for m in MAKERS for u in USES}
for _name, _make in CALLBACKS.items():
    CASES[f"graph, {_name}"] = (
        make_graph,
        lambda make, folder, new=_make: fitted(make, new(folder)),
    )
for _name in ("adadelta", "adafactor", "adagrad", "adamax", "adamw", "lion", "muon", "nadam",
              "rmsprop", "sgd"):  # fmt: skip
    CASES[f"Sequential, {_name}"] = (
        make_sequential,
        lambda make, _, name=_name: fitted(make, optimizer=name),
    )


@pytest.fixture
def no_collector():
    """The garbage collector is off: what is freed, reference counting frees."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("case", CASES)
def test_a_dropped_model_is_freed_at_once(case, tmp_path, no_collector):
    make, use = CASES[case]
    model = use(make, tmp_path)
    parts = [model, *model.layers, *model.weights, model.optimizer, model.history]
    references = [weakref.ref(part) for part in parts if part is not None]
    del model, parts
    left = [reference() for reference in references if reference() is not None]
    assert not left


def test_a_history_outlives_its_model(no_collector):
    model = fitted(make_graph)
    history = model.history
    assert history.model is model
    for other in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        assert (other.history, other.epoch, other.model) == (history.history, [0, 1], None)
    del model
    assert history.model is None
    assert len(history.history["loss"]) == 2


CYCLES = """
import gc, tempfile, tracemalloc

folder = tempfile.mkdtemp()

def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024

def measure():
    gc.collect()
    return len(os.listdir("/proc/self/fd")), count_threads(), len(gc.get_objects()), resident()

def cycle(number):
    kinds = [callbacks.EarlyStopping("loss"), callbacks.CSVLogger(f"{folder}/log.csv")]
    model = models.Sequential([layers.Dense(4, activation="relu"), layers.Dropout(0.2),
        layers.BatchNormalization(), layers.Dense(5, activation="softmax")])
    model.compile(["adam", "sgd", "rmsprop"][number % 3], "sparse_categorical_crossentropy")
    model.fit(flat, y, epochs=1, batch_size=48, verbose=0, callbacks=kinds)
    model.predict(flat, verbose=0)
    if number % 20 == 0:
        model.save(f"{folder}/model.keras")
        models.load_model(f"{folder}/model.keras")
        make_model().fit(x, y, verbose=0)
        minigrad.set_num_threads(1 + number // 20 % 3)
    if number % 50 == 7:
        try:
            model.fit(flat, y[:5], verbose=0)
        except ValueError:
            pass

flat = x.reshape(96, -1)[:, :20]
tracemalloc.start()  # before the first: what replaces older memory would count
for number in range(60):
    cycle(number)
gc.collect()
traced = tracemalloc.get_traced_memory()[0]
for number in range(40):
    cycle(number)
gc.collect()
traced = tracemalloc.get_traced_memory()[0] - traced
tracemalloc.stop()
minigrad.set_num_threads(1)
before = measure()
for number in range(int(sys.argv[1])):
    cycle(number)
minigrad.set_num_threads(1)
after = measure()
print(*before, *after, traced)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads Linux's files")
def test_memory_descriptors_and_threads_stay_flat(run_script, trials):
    count = len(list(trials(200, 10_000)))
    numbers = list(map(float, run_script(CYCLES, count)))
    before, after, traced = numbers[:4], numbers[4:8], numbers[8]
    print(
        f"{count} cycles: descriptors, threads, objects, MiB {before} -> {after}; traced {traced}"
    )
    assert after[:2] == before[:2]
    assert after[2] - before[2] < 100 + 0.01 * count  # objects: a leak is one a cycle, or more
    assert after[3] - before[3] < 12  # MiB; a model that stayed would be 10 KiB or more
    assert traced < 20_000  # bytes, of 40 cycles


LOOP = """
def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024

model = make_model()
model.fit(x, y, epochs=20, batch_size=8, verbose=0)
before = resident(), len(os.listdir("/proc/self/fd")), count_threads()
model.fit(x, y, epochs=int(sys.argv[1]), batch_size=8, verbose=0, validation_split=0.1)
after = resident(), len(os.listdir("/proc/self/fd")), count_threads()
print(*before, *after)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads Linux's files")
def test_a_long_fit_stays_flat(run_script, trials):
    count = len(list(trials(60, 10_000)))  # epochs of 12 steps
    numbers = list(map(float, run_script(LOOP, count)))
    print(f"{count} epochs: MiB, descriptors, threads {numbers[:3]} -> {numbers[3:]}")
    assert numbers[3] - numbers[0] < 12
    assert numbers[4:] == numbers[1:3]
