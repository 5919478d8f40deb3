"""Models train in several of Python's threads at once, each with the bits of training alone."""

import itertools
import sys
import threading

import numpy as np
import pytest

from minigrad import callbacks, layers, models, ops, random
from minigrad.layers.tracking import last_change
from minigrad.utils.naming import get_uid

rng = np.random.default_rng(0)
x = rng.normal(size=(64, 10, 10, 2)).astype("float32")
y = rng.integers(0, 4, 64)


def make_sequential():
    rows = [
        layers.Conv2D(7, 3, activation="relu"), layers.MaxPooling2D(), layers.Dropout(0.4),
        layers.Flatten(), layers.Dense(17, activation="relu"), layers.GaussianDropout(0.1),
        layers.BatchNormalization(), layers.Dense(4, activation="softmax"),
    ]  # fmt: skip
    return models.Sequential(rows)


def make_graph():
    inputs = layers.Input((10, 10, 2))
    z = layers.Flatten()(inputs)
    z = layers.Dense(19, activation="tanh")(z) + layers.Dropout(0.2)(layers.Dense(19)(z))
    return models.Model(inputs, layers.Dense(4, activation="softmax")(z))


class Net(models.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.noise = layers.Dense(21, activation="relu"), layers.AlphaDropout(0.2)
        self.out = layers.Dense(4, activation="softmax")

    def call(self, x):
        return self.out(self.noise(self.hidden(ops.reshape(x, (-1, 200)))))


MAKERS = (make_sequential, make_graph, Net)


def train(seed, optimizer="adam"):
    random.set_random_seed(seed)
    model = MAKERS[seed % 3]()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    options = {"callbacks": [callbacks.ReduceLROnPlateau(patience=1)], "validation_split": 0.2}
    model.fit(x, y, epochs=3, batch_size=16, verbose=0, **options)
    numbers = [*model.get_weights(), *map(np.asarray, model.history.history.values())]
    return [random.next_seed(), *(array.tobytes() for array in numbers)]


def test_threads_that_seed_train_with_the_bits_of_training_alone(trials, num_threads, in_threads):
    num_threads(2)
    for seed in trials(6, 300):
        seeds = [seed, seed + 1, seed + 2, seed]  # all three kinds of model, and one seed twice
        alone = [train(each) for each in seeds]
        assert in_threads(*(lambda each=each: train(each) for each in seeds)) == alone


def test_threads_that_do_not_seed_leave_the_main_threads_bits_alone(trials):
    for seed in trials(3, 60):
        alone, stop = train(seed), threading.Event()

        def draw(stop=stop):
            while not stop.is_set():
                random.next_seed()
                make_sequential()

        threads = [threading.Thread(target=draw) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            assert train(seed) == alone
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def test_threads_draw_from_children_of_the_main_threads_generator(in_threads):
    def draws():
        random.set_random_seed(5)
        first = [in_threads(random.next_seed)[0] for _ in range(3)]
        return [*first, random.next_seed()]

    assert draws() == draws()
    assert len(set(draws())) == 4
    random.set_random_seed(5)
    assert random.next_seed() == draws()[-1]  # threads take nothing from it


def test_a_thread_that_did_not_seed_begins_anew_when_the_main_thread_seeds():
    def draw_when_asked(asked, done, drawn):
        for _ in range(2):
            asked.acquire()
            drawn.append(random.next_seed())
            done.release()

    asked, done, drawn = threading.Semaphore(0), threading.Semaphore(0), []
    thread = threading.Thread(target=draw_when_asked, args=(asked, done, drawn))
    thread.start()
    for _ in range(2):
        random.set_random_seed(3)
        asked.release()
        done.acquire()
    thread.join()
    assert drawn[0] == drawn[1]


def test_a_threads_state_is_its_own_and_can_be_put_back(in_threads):
    def draw_twice():
        assert random.get_state() is None
        random.set_random_seed(7)
        state = random.get_state()
        first = [random.next_seed() for _ in range(3)]
        random.set_state(state)
        assert [random.next_seed() for _ in range(3)] == first
        random.set_state(None)
        return first

    before = random.get_state()
    first, second = in_threads(draw_twice, draw_twice)
    assert first == second
    assert random.get_state() == before


@pytest.mark.parametrize("maker", MAKERS)
def test_many_threads_predict_with_one_model(maker, num_threads, in_threads):
    num_threads(2)
    model = maker()
    expected = model.predict(x, verbose=0)
    mean = model(x).data.mean()

    def predict(size):
        for _ in range(5):
            np.testing.assert_allclose(model.predict(x, size, verbose=0), expected, atol=1e-6)
            assert model(x).data.mean() == mean

    in_threads(*(lambda size=size: predict(size) for size in (7, 16, 64, 33)))


@pytest.fixture
def restless():
    """Threads that take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-7)
    yield
    sys.setswitchinterval(before)


def test_what_threads_count_together_is_never_lost(restless, in_threads):
    names = in_threads(*[lambda: [get_uid("thing") for _ in range(20_000)]] * 4)
    assert sorted(itertools.chain(*names)) == list(range(1, 80_001))

    def change():
        layer, seen = layers.Dense(2), []
        for _ in range(2000):
            before = last_change()
            layer.trainable = not layer.trainable
            seen.append(last_change() is before)
        return seen

    assert not any(itertools.chain(*in_threads(change, change, change)))


def test_a_thread_may_fit_where_only_the_main_one_gets_signals(in_threads):
    assert len(in_threads(lambda: train(1))[0]) > 5
