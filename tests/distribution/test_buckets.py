"""Gradients that travel together and late are the sums that they would be at once."""

import contextlib
import threading

import numpy as np
import pytest

from minigrad import Model, Sequential, debug, kernels, layers, ops, samples
from minigrad.distribution import buckets, door
from minigrad.distribution.exchange import Alone

BOTH, SECOND = (True, True), (False, True)


def parts():
    """Arrays of several sizes, types and ranks that are present, as (array, present)."""
    rng = np.random.default_rng(0)
    sizes = [(1,), (3, 4), (5,), (2, 3, 7), (30,), (1,), (9, 2)]
    found = [(rng.normal(size=size).astype("float32"), BOTH) for size in sizes]
    found.insert(3, (rng.normal(size=6), BOTH))
    return [*found, (rng.normal(size=4).astype("float32"), SECOND)]


def doubled(calls):
    """What sums equal parts of two ranks; it notes what it is given, and the thread."""

    def complete(part, present):
        calls.append((part.size, present, threading.current_thread()))
        return part * sum(present)

    return complete


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("size", [1, 50, 200, 1 << 20])
def test_the_sums_do_not_depend_on_the_buckets(monkeypatch, overlap, size):
    monkeypatch.setattr(buckets, "BUCKET_BYTES", size)
    calls = []
    several = buckets.Buckets(doubled(calls), overlap)
    finishes = [several.start(part, present) for part, present in parts()]
    for (part, present), finish in reversed([*zip(parts(), finishes, strict=True)]):
        total = finish()
        assert (total.dtype, total.shape) == (part.dtype, part.shape)
        np.testing.assert_array_equal(total, part * sum(present))
        np.testing.assert_array_equal(finish(), total)  # asked for once more
    assert sum(size for size, *_ in calls) == sum(part.size for part, _ in parts())
    assert {present for _, present, _ in calls} == {BOTH, SECOND}
    in_thread = {thread is not threading.current_thread() for *_, thread in calls}
    assert in_thread == {overlap}


def test_small_ones_travel_together_and_large_ones_at_once(monkeypatch):
    monkeypatch.setattr(buckets, "BUCKET_BYTES", 100)
    calls = []
    several = buckets.Buckets(doubled(calls), False)
    sizes = [10, 30, 10, 10, 5, 5]  # of 4 bytes
    finishes = [several.start(np.ones(size, "float32"), BOTH) for size in sizes]
    assert [size for size, *_ in calls] == [30, 30]  # the large one, and three that fill a bucket
    finishes[-1]()
    assert [size for size, *_ in calls] == [30, 30, 10]
    finishes[-2]()
    assert len(calls) == 3


def test_an_error_in_the_thread_is_raised_where_the_sum_is_asked_for():
    def fail(part, present):
        raise OSError("the link is down")

    finish = buckets.Buckets(fail, True).start(np.ones(3), BOTH)
    with pytest.raises(OSError, match="the link is down"):
        finish()


class Twins(Alone):
    """Two ranks that have the same samples; it notes when sums are started and waited for."""

    size = 2

    def __init__(self, is_late):
        self.is_late, self.events = is_late, []

    def complete(self, part, present):
        return part + part

    def start(self, part, present):
        self.events.append("start")
        total = None if self.is_late else self.complete(part, present)

        def finish():
            self.events.append("wait")
            return self.complete(part, present) if self.is_late else total

        return finish

    def gather(self, rows, counts):
        return np.concatenate([rows, rows])


class Sharing(Model):
    """A layer that is used twice, a weight in two ops, one that ops change, one that is frozen."""

    def __init__(self):
        super().__init__()
        self.first, self.again = layers.Dense(4), layers.Dense(4, activation="tanh")
        self.scale = self.add_weight((4,), "ones", name="scale")
        self.wide = self.add_weight((4,), "ones", dtype="float64", name="wide")
        self.gain = self.add_weight((), "ones", name="gain")
        self.frozen, self.last = layers.Dense(4), layers.Dense(2)
        self.frozen.trainable = False

    def call(self, x):
        h = self.again(self.again(self.first(x)))
        h = h * self.scale + (2 - ops.cast(self.wide, "float32")) * h * self.gain
        return self.last(self.frozen(h) - self.scale)


def gradients(exchange, rows=8, watch=False):
    """Of all weights of `Sharing`, and what the exchange noted."""
    x = np.random.default_rng(0).normal(size=(rows // 2, 3)).astype("float32")
    model = Sharing()
    model(x)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    samples.door = door.Door(exchange, 8)
    try:
        with debug.find_nan() if watch else contextlib.nullcontext():
            y = model(np.concatenate([x, x]))
            loss = (y * y).sum() + (model.first.kernel * 2).sum()  # outside of the call, too
            loss.backward()
    finally:
        samples.door = None
    assert all(w.grad is None or w.grad.shape == w.shape for w in model.weights)
    return [w.grad for w in model.weights], exchange.events


@pytest.mark.skipif(kernels.kind == "reference", reason="NumPy's products differ with their rows")
@pytest.mark.parametrize("rows", [8, 2])
def test_late_gradients_are_those_that_come_at_once(rows):
    late, _ = gradients(Twins(True), rows)
    at_once, _ = gradients(Twins(False), rows)
    for x, y in zip(late, at_once, strict=True):
        np.testing.assert_array_equal(x, y)
    assert sum(x is None for x in late) == 2  # those of the frozen layer


def test_nobody_waits_before_backward_has_ended_but_for_leaves_used_twice():
    exchange = Twins(True)
    model = Sequential([layers.Dense(3), layers.Dense(2)])
    samples.door = door.Door(exchange, 8)
    try:
        model(np.ones((8, 5), "float32")).sum().backward()
    finally:
        samples.door = None
    assert exchange.events == ["start"] * 4 + ["wait"] * 4
    _, events = gradients(Twins(True))
    assert events.index("wait") < len(events) - 1 - events[::-1].index("start")


def test_who_looks_at_gradients_on_the_way_sees_the_sums():
    promise = buckets.Promise(lambda: np.ones(6), (2, 3))
    assert np.asarray(promise).shape == (2, 3)
    watched, _ = gradients(Twins(True), watch=True)
    for x, y in zip(watched, gradients(Twins(False))[0], strict=True):
        np.testing.assert_array_equal(x, y)
