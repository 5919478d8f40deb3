"""The range test of learning rates, and rates tuned the same way for all."""

import numpy as np
import pytest

from minigrad import lab, random
from minigrad.lab import comparison
from minigrad.layers import Dense, Input, Layer
from minigrad.models import Sequential
from minigrad.optimizers import SGD, Adam

RNG = np.random.default_rng(2)
X = RNG.random((60, 3), dtype="float32")
Y = X.sum(axis=1, keepdims=True)
X_TEST, Y_TEST = X[40:] + 0.5, Y[40:] + 1.5


def build_model(optimizer, *layers, metrics=()):
    model = Sequential([Input((3,)), *layers, Dense(4, "relu"), Dense(1)])
    model.compile(optimizer, "mse", metrics=list(metrics))
    return model


# --- the range test ------------------------------------------------------------------------------


def test_range_test_trains_with_rates_that_grow_by_a_factor():
    test = lab.range_test(build_model, "sgd", X, Y, 7, low=1e-4, high=1e-2, steps=21)
    np.testing.assert_allclose(test.rates, 1e-4 * 10 ** np.linspace(0, 2, 21), rtol=1e-12)

    random.set_random_seed(0)
    sgd = SGD()
    model = build_model(sgd)
    rng, losses = np.random.default_rng(0), []
    order = np.concatenate([rng.permutation(60) for _ in range(3)])
    starts = [*range(0, 60, 7), *range(60, 120, 7), *range(120, 180, 7)]
    for rate, begin in zip(test.rates, starts, strict=False):
        chosen = order[begin : min(begin + 7, 60 * (begin // 60 + 1))]
        sgd.learning_rate = rate
        losses.append(model.train_on_batch(X[chosen], Y[chosen]))
    assert test.losses.tolist() == losses


def test_smoothed_loss_is_a_corrected_moving_average():
    test = lab.range_test(build_model, "adam", X, Y, low=1e-4, high=0.1, steps=30, smoothing=0.8)
    for t in range(30):
        weights = 0.8 ** np.arange(t, -1, -1)
        mean = np.average(test.losses[: t + 1], weights=weights)
        assert test.smoothed[t] == pytest.approx(mean, rel=1e-12)
    assert test.suggestion == test.rates[test.smoothed.argmin()] / 10
    assert not test.blew_up


def test_range_test_ends_when_the_loss_blows_up():
    test = lab.range_test(build_model, "sgd", X, Y, low=1e-3, high=1e4)
    assert test.blew_up
    assert len(test.rates) < 200
    assert np.isfinite(test.smoothed).all()
    assert "SGD on data: rates from 0.001, blew up at" in str(test)
    assert "a tenth of the rate at which the smoothed loss was lowest" in str(test)


def test_range_test_leaves_the_given_optimizer_alone():
    adam = Adam(0.5)
    lab.range_test(build_model, adam, X, Y, steps=10)
    assert float(adam.learning_rate) == 0.5
    assert not adam.built


@pytest.mark.bad_input
def test_range_test_errors():
    with pytest.raises(ValueError, match=r"0 < low < high, got low=1, high=0\.1"):
        lab.range_test(build_model, "sgd", X, Y, low=1, high=0.1)
    with pytest.raises(ValueError, match="smoothing < 1, got 1"):
        lab.range_test(build_model, "sgd", X, Y, smoothing=1)
    with pytest.raises(ValueError, match="steps"):
        lab.range_test(build_model, "sgd", X, Y, steps=5)
    with pytest.raises(ValueError, match="finite loss in the first step"):
        lab.range_test(build_model, "sgd", X, np.full_like(Y, np.nan))


# --- tuned alike ---------------------------------------------------------------------------------


def tuned(optimizers=("sgd", "adam"), build=build_model, **settings):
    given = {
        "learning_rates": [1e-3, 1e-2, 0.1, 1.0, 100.0],
        "epochs": 4, "held_out": 0.2, "seeds": (0, 1), "verbose": 0, "batch_size": 10,
    } | settings  # fmt: skip
    return lab.compare_tuned(build, optimizers, x=X, y=Y, test_data=(X_TEST, Y_TEST), **given)


def test_rates_are_the_best_of_two_rounds_by_hand():
    found = tuned()
    judges = (X[48:], Y[48:])
    for label, rule in (("SGD", SGD), ("Adam", Adam)):
        by_rate = {}
        for epochs, rates in ((2, [r for r, _ in found.coarse[label]]), (4, None)):
            if rates is None:
                grid, best = [r for r, _ in found.coarse[label]], min(by_rate, key=by_rate.get)
                place = grid.index(best)
                rates, by_rate = grid[max(0, place - 1) : place + 2], {}
            for rate in rates:
                random.set_random_seed(100)
                model = build_model(rule(rate))
                with np.errstate(all="ignore"):
                    model.fit(X[:48], Y[:48], 10, epochs, verbose=0, validation_data=judges)
                loss = model.history.history["val_loss"][-1]
                by_rate[rate] = loss if np.isfinite(loss) else np.inf
        assert found.rates[label] == min(by_rate, key=by_rate.get)
        assert dict(map(tuple, found.fine[label])) == {
            rate: loss for rate, loss in by_rate.items() if np.isfinite(loss)
        }
        assert {r.learning_rate for r in found.runs if r.optimizer == label} == {found.rates[label]}


def test_race_is_that_of_compare():
    found = tuned(["adam"])
    adam = Adam(found.rates["Adam"])
    settings = {"seeds": (0, 1), "verbose": 0, "batch_size": 10, "epochs": 4}
    again = lab.compare(
        build_model, [adam], X[:48], Y[:48], validation_data=(X_TEST, Y_TEST), **settings
    )
    for one, other in zip(found.runs, again.runs, strict=True):
        assert one.epochs["val_loss"] == other.epochs["val_loss"]


def test_nobody_sees_test_data_or_trains_on_held_out_data_before_the_race(monkeypatch):
    seen = {True: set(), False: set()}

    class Spy(Layer):
        def call(self, x, training=False):
            seen[bool(training)] |= {row.tobytes() for row in x.numpy()}
            return x

    def rows(x):
        return {row.tobytes() for row in x}

    def race(*arguments, **settings):
        assert seen[True] == rows(X[:48])
        assert not seen[False] & rows(X_TEST)
        assert seen[False] - rows(X[48:]) <= {bytes(12), *seen[True]}  # zeros find the shapes
        return comparison.compare(*arguments, **settings)

    monkeypatch.setattr("minigrad.lab.rates.compare", race)
    tuned(build=lambda optimizer: build_model(optimizer, Spy()))
    assert rows(X_TEST) <= seen[False]
    assert seen[True] == rows(X[:48])


def test_accuracy_judges_where_there_is_one():
    found = tuned(["adam"], lambda o: build_model(o, metrics=["accuracy"]), epochs=1)
    assert found.measure == "accuracy"
    assert tuned(["adam"], epochs=1).measure == "loss"


def test_it_says_how_it_tuned_and_files_keep_it(tmp_path):
    found = tuned()
    text = str(found)
    assert "5 rates from 0.001 to 100 in trainings of length 2, then" in text
    assert "length 4 (epochs), seed 100, judged by the loss on 12 held-out samples" in text
    assert f"Adam {found.rates['Adam']:g}" in text
    assert "At the end" not in text
    narrow = tuned(["adam"], learning_rates=[1e-6, 1e-5, 1e-4])
    assert narrow.rates == {"Adam": 1e-4}
    assert "At the end of the grid, so perhaps not the best: Adam." in str(narrow)
    found.save(tmp_path / "tuned.json")
    again = lab.TunedComparison.load(tmp_path / "tuned.json")
    assert (again.runs, again.rates, again.coarse) == (found.runs, found.rates, found.coarse)
    assert str(again) == text


@pytest.mark.bad_input
def test_compare_tuned_errors():
    with pytest.raises(ValueError, match="at least three learning_rates"):
        tuned(learning_rates=[0.1, 1])
    with pytest.raises(ValueError, match=r"tuning_seed outside seeds \[0, 100\]"):
        tuned(seeds=(0, 100))
    with pytest.raises(ValueError, match="samples on both sides of 60, got 60"):
        tuned(held_out=60)
    with pytest.raises(ValueError, match="test_data outside of x and y"):
        lab.compare_tuned(build_model, ["sgd"], [1, 2, 3], X, Y, (X[:5], Y[:5]))
    with pytest.raises(ValueError, match="a rate at which SGD does not diverge; add smaller"):
        tuned(["sgd"], learning_rates=[1e8, 1e9, 1e10])
