"""What a run that goes on finds again: each kind of state, in the middle of an epoch too."""

import collections
import random as python_random

import numpy as np
import pytest

import minigrad
from minigrad import Input, Model, Sequential, callbacks, layers, losses, metrics, optimizers
from minigrad.saving.state import State, can_keep

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")
EPOCHS, BATCHES = 4, 6


class Stop(callbacks.Callback):
    """Ends the run by an error after so many batches."""

    def __init__(self, after):
        self.after, self.steps = after, 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == self.after:
            raise RuntimeError("the power went off")


def make_model(loss="binary_crossentropy", **options):
    model = Sequential(
        [
            Input((4,)),
            layers.Dense(5, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizers.Adam(0.05), loss, **options)
    return model


def check(make, folder, after, save_freq=1, others=list, data=None, **options):
    """Run as a whole, and interrupted; both must end the same.

    Parameters
    ----------
    make, others, data : callable
        Return the model, other callbacks, and what `fit` is given, anew for each run.
    """
    data = data or (lambda: {"x": X, "y": Y, "batch_size": 4})

    def run(*more):
        minigrad.utils.set_random_seed(3)
        model, several = make(), others()
        backup = callbacks.BackupAndRestore(folder, save_freq=save_freq)
        try:
            history = model.fit(
                **{"epochs": EPOCHS, "verbose": 0, **data(), **options},
                callbacks=[*more, backup, *several],
            )
        except RuntimeError:
            return None
        return model.weights_hash(), history.epoch, history.history, model, several

    whole = run()
    assert run(Stop(after)) is None
    python_random.seed(0)
    np.random.seed(0)
    with pytest.warns(UserWarning, match="got Note, which begins anew"):
        parts = run(Note())
    assert parts[:2] == whole[:2] and str(parts[2]) == str(whole[2])
    return whole, parts


class Note(callbacks.Callback):
    """One that the run before did not have."""

    def __init__(self):
        self.count = 0
        self.begun = []

    def on_train_batch_begin(self, batch, logs=None):
        self.count += 1


# --- metrics in the middle of an epoch ------------------------------------------------------------

METRICS = {
    "binary": [
        "accuracy", "auc", metrics.AUC(curve="PR"), metrics.Precision(), metrics.Recall([0.3, 0.5]),
        metrics.TruePositives(), metrics.SensitivityAtSpecificity(0.5), metrics.BinaryIoU(),
        metrics.R2Score(), metrics.RootMeanSquaredError(), metrics.PearsonCorrelation(),
        metrics.ConcordanceCorrelation(), metrics.CosineSimilarity(), metrics.Hinge(),
        metrics.F1Score(threshold=0.5), metrics.FBetaScore(threshold=0.5, average="macro"),
        metrics.LogCoshError(),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "metric", METRICS["binary"], ids=lambda m: m if isinstance(m, str) else type(m).__name__
)
def test_metrics_go_on_in_the_middle_of_an_epoch(tmp_path, metric):
    def fresh():
        return metric if isinstance(metric, str) else type(metric).from_config(metric.get_config())

    check(lambda: make_model(metrics=[fresh()]), tmp_path / "b", BATCHES + 4)


class Largest(metrics.Metric):
    """Keeps what it needs in attributes that are no variables."""

    def __init__(self, **options):
        super().__init__(**options)
        self.largest, self.seen = -np.inf, []

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest = max(self.largest, float(np.max(y_pred)))
        self.seen.append(self.largest)

    def result(self):
        return self.largest + sum(self.seen)

    def reset_state(self):
        self.largest, self.seen = -np.inf, []


def test_own_metrics_go_on(tmp_path):
    check(lambda: make_model(metrics=[Largest(name="largest")]), tmp_path / "b", BATCHES + 4)


def test_metrics_that_the_first_batch_makes_go_on(tmp_path):
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    def make():
        model = Own()
        model.build((None, 4))
        model.compile("sgd", "mse", metrics=["mae", metrics.R2Score(name="r2")])
        return model

    check(make, tmp_path / "b", BATCHES + 4)


# --- layers and optimizers ------------------------------------------------------------------------


class Counting(layers.Layer):
    def __init__(self, scale=1.0, **options):
        super().__init__(**options)
        self.scale, self.calls, self.last = scale, 0, None
        self.seeds = minigrad.random.SeedGenerator(4)
        self.window = collections.deque(maxlen=2)

    def call(self, x, training=False):
        if training:
            self.calls += 1
            self.window.append(float(np.mean(np.asarray(x))))
            self.last = np.array([sum(self.window), self.calls], "float32")
            noise = minigrad.random.normal((1,), seed=self.seeds)
            return x * self.scale + noise * 0.1 + float(self.last[0]) / self.calls
        return x


def test_what_own_layers_count_and_draw_goes_on(tmp_path):
    def make():
        model = Sequential([Input((4,)), Counting(0.5), layers.Dense(1)])
        model.compile("adam", "mse")
        return model

    whole, parts = check(make, tmp_path / "b", 2 * BATCHES + 3)
    counting, again = whole[3].layers[0], parts[3].layers[0]
    assert again.calls == counting.calls and again.window == counting.window
    assert again.window.maxlen == 2


RULES = ["SGD", "RMSprop", "Adam", "AdamW", "Adagrad", "Adadelta", "Adamax", "Nadam", "Lion",
         "Muon", "Adafactor"]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_every_optimizer_goes_on(tmp_path, rule):
    def make():
        rate = optimizers.schedules.ExponentialDecay(0.05, 5, 0.9)
        options = {"momentum": 0.9} if rule in ("SGD", "RMSprop") else {}
        model = make_model()
        model.compile(
            getattr(optimizers, rule)(
                rate, use_ema=True, gradient_accumulation_steps=2, clipnorm=1.0, **options
            ),
            "mse",
        )
        return model

    check(make, tmp_path / "b", BATCHES + 3)


class Mine(optimizers.Optimizer):
    """Counts by itself."""

    def __init__(self, learning_rate=0.1, **options):
        super().__init__(learning_rate, **options)
        self.turns, self.signs = 0, [1, -1]

    def update(self, w, g, state, lr, t, threads):
        self.turns += 1
        if self.turns % 5 == 0:
            self.signs.append(-self.signs[-1])
        w -= lr * g * (1 + 0.1 * self.signs[-1])


def test_what_own_optimizers_count_goes_on(tmp_path):
    def make():
        model = make_model()
        model.compile(Mine(), "mse")
        return model

    check(make, tmp_path / "b", BATCHES + 4)


class Duel(Model):
    """Two networks, two optimizers, and a step of its own."""

    def __init__(self):
        super().__init__()
        self.first, self.second = layers.Dense(1), layers.Dense(1)
        self.first_optimizer, self.second_optimizer = optimizers.Adam(0.1), optimizers.SGD(0.1, 0.9)
        self.tracker, self.turns = metrics.Mean(name="mine"), 0

    def call(self, x):
        return self.first(x) - self.second(x)

    def train_step(self, data):
        x, y = data
        turn = self.turns % 2
        net = (self.first, self.second)[turn]
        optimizer = (self.first_optimizer, self.second_optimizer)[turn]
        loss = losses.mean_squared_error(y, self(x, training=True)).mean()
        self.zero_grad()
        loss.backward()
        optimizer.apply([w.grad for w in net.trainable_weights], net.trainable_weights)
        self.turns += 1
        self.tracker.update_state(loss.numpy())
        return {"loss": self.tracker.result()}


def test_several_optimizers_go_on(tmp_path):
    def make():
        model = Duel()
        model.build((None, 4))
        model.compile("sgd", "mse")
        return model

    check(make, tmp_path / "b", BATCHES + 4)


def test_layers_that_a_callback_froze_stay_frozen(tmp_path):
    class Freeze(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.layers[0].trainable = False

    _, parts = check(make_model, tmp_path / "b", 2 * BATCHES + 3, "epoch", lambda: [Freeze()])
    assert [layer.trainable for layer in parts[3].layers] == [False, True, True]


# --- callbacks ------------------------------------------------------------------------------------


class Own(callbacks.Callback):
    """Counts in all kinds of attributes, and changes what it was given."""

    def __init__(self, log, patience=2, path="here"):
        self.log, self.patience, self.path = log, patience, path
        self.total, self.pair, self.names = np.zeros(2), (0, np.float32(1.5)), {"a"}
        self.by_epoch, self.recent = {}, collections.deque(maxlen=3)
        self.draws, self.old_draws = np.random.default_rng(1), np.random.RandomState(2)
        self.python, self.function = python_random.Random(3), print
        self.twin = None

    def on_epoch_end(self, epoch, logs=None):
        self.total += logs["loss"]
        self.pair = (epoch, np.float32(logs["loss"]))
        self.names |= {f"epoch {epoch}"}
        self.by_epoch[epoch] = [logs["loss"], None, "text"]
        self.recent.append(logs["loss"])
        self.patience -= 1
        self.log.append(self.total.copy())
        logs["drawn"] = self.draws.normal() + self.old_draws.normal() + self.python.random()
        logs["counted"] = self.patience + sum(self.recent) + len(self.names) + sum(self.total)
        logs["global"] = np.random.normal() + python_random.random()


def test_what_own_callbacks_count_goes_on(tmp_path):
    whole, parts = check(
        make_model, tmp_path / "b", 2 * BATCHES + 3, "epoch", lambda: [Own([], path="there")]
    )
    (own,), (again,) = whole[4], parts[4]
    for name in ("by_epoch", "recent", "names", "pair", "patience"):
        assert getattr(again, name) == getattr(own, name)
    assert type(again.pair[1]) is np.float32 and again.recent.maxlen == 3
    np.testing.assert_array_equal(again.log, own.log)
    assert again.function is print


def test_what_was_given_is_not_taken_from_the_file(tmp_path):
    state = {}
    for path in ("old", "new"):
        own = Own([], path=path)
        if state:
            own.patience = 0
            minigrad.Checkpoint(tmp_path, own=own).restore()
            assert (own.path, own.patience) == ("new", 2)
        else:
            state = minigrad.Checkpoint(tmp_path, own=own).save()


class WithState(callbacks.Callback):
    """Keeps what no file can, and says so by itself."""

    def __init__(self):
        self.lines = iter("abcdefghijklmnop")
        self.place = 0

    def get_state(self):
        return {"place": self.place}

    def set_state(self, state):
        for _ in range(state["place"]):
            next(self.lines)
        self.place = state["place"]

    def on_epoch_end(self, epoch, logs=None):
        self.place += 1
        logs["line"] = next(self.lines)


def test_callbacks_may_give_a_state_of_their_own(tmp_path):
    check(make_model, tmp_path / "b", 2 * BATCHES + 1, "epoch", lambda: [WithState()])


def test_a_run_that_was_to_stop_does_not_go_on(tmp_path):
    """Killed between the last epoch, which EarlyStopping had ended, and the end of training."""

    class Kill(callbacks.Callback):
        comes_last = True

        def on_train_end(self, logs=None):
            raise KeyError("killed")

    def run(*more):
        minigrad.utils.set_random_seed(3)
        model = make_model()
        early = callbacks.EarlyStopping("loss", patience=1, mode="max", restore_best_weights=True)
        several = [*more, early, callbacks.BackupAndRestore(tmp_path / "b")]
        history = model.fit(X, Y, epochs=9, verbose=0, callbacks=several)
        return model.weights_hash(), history.history

    whole = run()
    assert 0 < len(whole[1]["loss"]) < 9
    model = None
    with pytest.raises(KeyError, match="killed"):
        kill = Kill()
        backup = callbacks.BackupAndRestore
        original = backup.on_train_end
        try:
            backup.on_train_end = lambda self, logs=None: None
            run(kill)
        finally:
            backup.on_train_end = original
    assert (tmp_path / "b").exists() and model is None
    assert run() == whole


def test_a_run_that_stops_within_an_epoch_ends_that_epoch(tmp_path):
    """Interrupted between the batch that is the last one, and the end of its epoch."""

    class Enough(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = int(self.model.optimizer.iterations) == 9

    class Fail(callbacks.Callback):
        comes_last = True

        def on_train_batch_end(self, batch, logs=None):
            if self.model.stop_training:
                raise RuntimeError("the power went off")

    def run(folder, *more):
        minigrad.utils.set_random_seed(3)
        model = make_model()
        several = [Enough(), callbacks.BackupAndRestore(folder, save_freq=1), *more]
        options = {"validation_data": (X, Y), "batch_size": 4, "epochs": 5, "verbose": 0}
        history = model.fit(X, Y, callbacks=several, **options)
        return model.weights_hash(), history.epoch, history.history

    whole = run(tmp_path / "a")
    with pytest.raises(RuntimeError, match="the power"):
        run(tmp_path / "b", Fail())
    assert run(tmp_path / "b") == whole and whole[1] == [0, 1]


def test_logs_of_any_type_do_not_stop_the_backup(tmp_path):
    class Odd(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["odd"] = object()
            logs["text"] = "hi"

    several = [Odd(), callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False)]
    with pytest.warns(UserWarning, match="expected numbers or text to keep, got odd"):
        make_model().fit(X, Y, epochs=1, verbose=0, callbacks=several)
    history = make_model().fit(X, Y, epochs=1, verbose=0, callbacks=[several[1]])
    assert history.history["text"] == ["hi"] and "odd" not in history.history


# --- data -----------------------------------------------------------------------------------------


class Shuffling(minigrad.utils.PyDataset):
    """Draws its order, and noise for each batch, by itself."""

    def __init__(self, seed=0):
        super().__init__()
        self.rng = np.random.default_rng(seed)
        self.x, self.y, self.epochs = X.copy(), Y.copy(), 0
        self.order = np.arange(len(X))
        self.held = print

    def __len__(self):
        return BATCHES

    def __getitem__(self, index):
        rows = self.order[index * 4 : (index + 1) * 4]
        noise = self.rng.normal() + np.random.normal()
        return self.x[rows] + np.float32(noise * 0.1), self.y[rows]

    def on_epoch_end(self):
        self.epochs += 1
        self.rng.shuffle(self.order)
        self.rng.shuffle(self.x)


@pytest.mark.parametrize(
    ("value", "is_kept"),
    [
        (np.arange(9), True),
        (np.zeros(8), True),  # 64 bytes
        (np.zeros(9), False),
        (np.zeros((3, 3), int), False),
        ([np.arange(9), np.zeros(9)], False),
    ],
)
def test_of_a_datasets_large_arrays_the_order_of_samples_alone_is_kept(value, is_kept):
    assert can_keep(value, largest=64) is is_kept


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(
    ("after", "freq"), [(BATCHES + 4, 1), (BATCHES, 1), (2 * BATCHES, "epoch")]
)
def test_a_dataset_that_shuffles_itself_goes_on(tmp_path, shuffle, after, freq):
    check(
        make_model, tmp_path / "b", after + 1, freq, data=lambda: {"x": Shuffling()},
        shuffle=shuffle,
    )  # fmt: skip


def generate(seed=0):
    rng = np.random.default_rng(seed)
    while True:
        rows = rng.permutation(len(X))[:4]
        yield X[rows] + np.float32(np.random.normal() * 0.1), Y[rows]


@pytest.mark.parametrize(
    ("after", "freq"), [(BATCHES + 4, 1), (BATCHES, 1), (2 * BATCHES, "epoch")]
)
def test_a_generator_is_read_up_to_the_place(tmp_path, after, freq):
    check(
        make_model, tmp_path / "b", after + 1, freq, data=lambda: {"x": generate()},
        steps_per_epoch=BATCHES,
    )  # fmt: skip


@pytest.mark.parametrize(("steps", "size"), [(3, 4), (6, 4), (4, 2)])
@pytest.mark.parametrize(("after", "freq"), [(7, 1), (8, 1), (9, "epoch"), (4, 3)])
def test_epochs_that_end_within_the_data_go_on(tmp_path, steps, size, after, freq):
    """24 samples, 6 or 12 batches: an epoch of 3 or 4 batches ends within them."""
    check(
        make_model, tmp_path / "b", after + 1, freq,
        data=lambda: {"x": X, "y": Y, "batch_size": size, "steps_per_epoch": steps},
    )  # fmt: skip


@pytest.mark.parametrize("freq", [1, "epoch"])
def test_validation_with_a_generator_goes_on(tmp_path, freq):
    check(
        make_model, tmp_path / "b", 2 * BATCHES + 3, freq,
        data=lambda: {"x": X, "y": Y, "batch_size": 4, "validation_data": generate(5)},
        validation_steps=2,
    )  # fmt: skip


@pytest.mark.parametrize("freq", [1, "epoch"])
def test_weights_of_classes_and_samples_go_on(tmp_path, freq):
    check(make_model, tmp_path / "a", BATCHES + 4, freq, class_weight={0: 1.0, 1: 3.0})
    check(make_model, tmp_path / "b", BATCHES + 4, freq, sample_weight=np.linspace(0, 1, 24))


@pytest.mark.parametrize("freq", [1, "epoch"])
def test_pictures_that_are_changed_go_on(tmp_path, freq):
    images = RNG.uniform(size=(12, 6, 6, 1)).astype("float32")

    def make():
        model = Sequential([Input((6, 6, 1)), layers.Flatten(), layers.Dense(1)])
        model.compile("adam", "mse")
        return model

    def data(seed):
        made = minigrad.preprocessing.image.ImageDataGenerator(horizontal_flip=True, zca_epsilon=1)
        return {"x": made.flow(images, np.arange(12.0), batch_size=4, seed=seed)}

    for seed in (None, 5):
        check(make, tmp_path / f"b{seed}", 3 + 2, freq, data=lambda seed=seed: data(seed))


def test_a_state_that_cannot_be_kept_is_told():
    for value in (print, object(), {(1, 2): 3}, np.array([print]), [lambda: 0]):
        with pytest.raises(TypeError, match=r"place(/0)?: expected"):
            State([]).pack(value, "place")
    own = Own([])
    own.twin = {"self": own}
    with pytest.raises(TypeError, match="expected no object within itself"):
        State([]).pack({"a": own.twin, "b": (inner := [own.twin]), "c": inner.append(inner)}, "key")
    twice = [1.5]  # side by side
    assert State([]).pack([twice, twice], "key") == [[1.5], [1.5]]


def test_names_with_slashes_do_not_mix(tmp_path):
    items = {"a/b": np.zeros(2), "a": {"b": np.ones(2)}, 1: np.full(2, 3.0), "1": np.full(2, 4.0)}
    expected = str(items)
    checkpoint = minigrad.Checkpoint(tmp_path, items=items)
    checkpoint.save()
    items.clear()
    checkpoint.restore()
    assert str(items) == expected


class Net(Model):
    """Its parts are called like parts of a file."""

    def __init__(self):
        super().__init__()
        self.state, self.metrics_, self.weights_ = (layers.Dense(1) for _ in range(3))

    def call(self, x):
        return self.state(x) + self.metrics_(x) + self.weights_(x)


def test_layers_may_be_called_like_parts_of_the_file(tmp_path):
    def make():
        model = Net()
        model.build((None, 4))
        model.compile("adam", "mse")
        return model

    check(make, tmp_path / "b", BATCHES + 4)


class Late(callbacks.Callback):
    """Makes objects only in the run."""

    def __init__(self):
        self.best = self.draws = None

    def on_epoch_end(self, epoch, logs=None):
        self.best = minigrad.Tensor([float(epoch), logs["loss"]])
        self.draws = self.draws or np.random.Generator(np.random.Philox(3))
        logs["drawn"] = self.draws.normal() + self.best.numpy().sum()


def test_objects_that_were_made_late_are_made_again(tmp_path):
    whole, parts = check(make_model, tmp_path / "b", 2 * BATCHES + 1, "epoch", lambda: [Late()])
    np.testing.assert_array_equal(parts[4][0].best.numpy(), whole[4][0].best.numpy())
