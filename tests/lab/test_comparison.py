"""Comparisons of optimizers: that they are fair, what they measure, and how they end."""

import itertools
import math

import numpy as np
import pytest

from minigrad import lab, ops, random
from minigrad.core import is_grad_enabled
from minigrad.lab import comparison, results
from minigrad.layers import Concatenate, Dense, Dropout, Input
from minigrad.layers.base import Layer
from minigrad.models import Model, Sequential
from minigrad.optimizers import OPTIMIZERS, SGD, Adam, schedules
from minigrad.utils import clear_session

X = np.random.default_rng(5).uniform(1, 2, (23, 3)).astype("float32")  # never 0
Y = X.sum(axis=1, keepdims=True)
BATCH_SIZE = 7  # four steps an epoch, the last of two samples


class Spy(Layer):
    """Calls a function with its input in training."""

    def __init__(self, see):
        super().__init__()
        self.see = see

    def call(self, x, training=False):
        if training:
            self.see(x.numpy().copy())
        return x


class Failing(SGD):
    """Raises an error in its third step."""

    def update(self, w, g, state, lr, t, threads):
        if t == 3:
            raise ArithmeticError("no root")
        super().update(w, g, state, lr, t, threads)


def build_model(optimizer, *layers, loss="mse"):
    model = Sequential([Input((3,)), *layers, Dense(5, "tanh"), Dropout(0.3), Dense(1)])
    model.compile(optimizer, loss, metrics=["mae"])
    return model


def compare(optimizers, build_model=build_model, **settings):
    settings = {"batch_size": BATCH_SIZE, "epochs": 2, "verbose": 0, "seeds": (0,)} | settings
    return lab.compare(build_model, optimizers, X, Y, **settings)


def without_seconds(result):
    """Everything in the runs but the times, which differ from one training to the next."""
    for run in result.runs:
        for name in results.TIMES:
            run.steps.pop(name, None)
            run.epochs.pop(name, None)
    return result.runs


# --- models of all kinds -------------------------------------------------------------------------


def two_inputs():
    a, b = Input((3,), name="a"), Input((2,), name="b")
    hidden = Concatenate()([Dense(4)(a), Dense(3)(b)])
    return Model({"a": a, "b": b}, [Dense(5)(hidden), Dense(1)(hidden)])


class TwoInputs(Model):
    def __init__(self):
        super().__init__()
        self.hidden = [Dense(4), Dense(4)]
        self.ends = [Dense(5), Dense(1)]

    def call(self, x):
        hidden = self.hidden[0](x["a"]) + self.hidden[1](x["b"])
        return [end(hidden) for end in self.ends]


@pytest.mark.parametrize("make", [two_inputs, TwoInputs])
def test_models_of_several_inputs_and_outputs_are_compared(make):
    x = {"a": X, "b": X[:, :2]}
    y = [np.ones((23, 5)), Y]

    def build(optimizer):
        model = make()
        model.compile(optimizer, ["mse", "mae"])
        return model

    settings = {"batch_size": 7, "verbose": 0, "validation_data": (x, y)}
    result = lab.compare(build, ["adam"], x, y, seeds=(3,), **settings)
    assert result.samples == 23
    random.set_random_seed(3)
    clear_session()
    model = build("adam")
    model.build({"a": (None, 3), "b": (None, 2)})
    history = model.fit(x, y, **settings).history
    assert len(history) == 6
    assert {name: result.runs[0].epochs[name] for name in history} == history
    assert len(lab.sweep(build, ["sgd"], [0.01], x, y, verbose=0).runs) == 1


# --- fairness ------------------------------------------------------------------------------------


def test_every_optimizer_gets_the_same_weights_batches_and_masks():
    weights, batches, masks = [], [], []

    def build(optimizer):
        batches.append([])
        masks.append([])
        spies = Spy(batches[-1].append), Dropout(0.4), Spy(masks[-1].append)
        model = build_model(optimizer, *spies)
        weights.append(model.get_weights())
        return model

    compare(["sgd", "adam", "adagrad"], build, seeds=(0, 1))
    assert len(weights) == 6
    assert [len(run) for run in batches] == [8] * 6
    masks = [[output != 0 for output in run] for run in masks]
    for seen in (weights, batches, masks):
        for run in (1, 2):  # of seed 0; 4 and 5 are of seed 1
            assert all(map(np.array_equal, seen[0], seen[run]))
            assert all(map(np.array_equal, seen[3], seen[3 + run]))
        assert not any(map(np.array_equal, seen[0][::2], seen[3][::2]))  # biases begin at zero
    for one, other in itertools.combinations(batches[0][:3], 2):
        assert not np.array_equal(one, other)
    for one, other in itertools.combinations(masks[0][:3], 2):
        assert not np.array_equal(one, other)


def test_run_is_what_fit_does_by_itself():
    random.set_random_seed(4)
    history = build_model(Adam()).fit(X, Y, BATCH_SIZE, 2, verbose=0, validation_data=(X, Y))
    result = compare(["sgd", "adam"], seeds=(4,), validation_data=(X, Y))
    run = result.runs[1]
    assert (run.optimizer, run.seed, run.outcome) == ("Adam", 4, "finished")
    assert run.epochs.pop("epoch") == [1, 2]
    assert all(len(run.epochs.pop(name)) == 2 for name in results.TIMES)
    assert run.epochs == history.history  # to the last bit


def test_optimizers_take_turns_with_each_seed():
    result = compare(["sgd", "adam"], seeds=(7, 5))
    assert [(run.optimizer, run.seed) for run in result.runs] == [
        ("SGD", 7), ("Adam", 7), ("SGD", 5), ("Adam", 5),
    ]  # fmt: skip


def test_different_initial_weights_are_refused():
    kernels = iter(np.random.default_rng(0).normal(size=(2, 3, 5)))

    def build(optimizer):
        return build_model(optimizer, Dense(5, kernel_initializer=lambda *_, **__: next(kernels)))

    with pytest.raises(ValueError, match=r"expected the same initial weights .* others for Adam"):
        compare(["sgd", "adam"], build)


def test_model_with_another_optimizer_is_refused():
    with pytest.raises(ValueError, match=r"compiled with the SGD that it is given, got .*Adam"):
        compare(["sgd"], lambda optimizer: build_model("adam"))


# --- which optimizers ----------------------------------------------------------------------------


def test_optimizers_may_be_given_in_any_form():
    forms = {
        "name": "Adam",
        "class": Adam,
        "config": {"class_name": "Adam", "config": {}},
        "instance": Adam(),
        "function": lambda: Adam(),
        "schedule": Adam(schedules.ExponentialDecay(0.001, 10, 1.0)),
    }
    result = compare(forms)
    assert result.labels == list(forms)
    first, *others = without_seconds(result)
    assert all((run.steps, run.epochs) == (first.steps, first.epochs) for run in others)
    assert first.learning_rate == 0.001


def test_instance_is_copied_with_all_that_was_set():
    optimizer = Adam(learning_rate=lambda: 0.25, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    result = compare([optimizer], seeds=(0, 0))
    assert not optimizer.built
    first, second = without_seconds(result)
    assert first == second  # no state is left over from the first
    assert first.learning_rate == 0.25
    everywhere = compare([Adam(0.25, weight_decay=0.1)])
    assert without_seconds(everywhere)[0] != first


@pytest.mark.parametrize(
    ("optimizers", "message"),
    [
        (["adan"], "expected a known name, got 'adan'; did you mean 'adam'"),
        ({"first": "adam", "second": "sdg"}, "did you mean 'sgd'"),
        ([SGD(0.1), SGD(0.2)], r"different optimizers, got SGD, SGD; write {label: optimizer"),
        ({"none": lambda: None}, "an optimizer that has not trained, got None"),
    ],
)
def test_wrong_optimizers_are_refused_before_any_training(optimizers, message):
    def build(optimizer):
        raise AssertionError("no training should begin")

    with pytest.raises(ValueError, match=message):
        compare(optimizers, build)


def test_optimizer_that_has_trained_is_refused():
    optimizer = Adam()
    build_model(optimizer).fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match=r"an optimizer that has not trained, got .*Adam"):
        compare([optimizer])


# --- what is measured ----------------------------------------------------------------------------


def test_points_are_means_over_the_steps_since_the_point_before():
    losses = []

    def loss(y_true, y_pred):
        values = ops.mean((y_pred - y_true) ** 2, axis=-1)
        if is_grad_enabled():  # not in validation
            losses.append(values.numpy().mean(dtype=float))
        return values

    def build(optimizer):
        return build_model(optimizer, loss=loss)

    (run,) = compare(["sgd"], build, batch_size=1, validation_data=(X, Y)).runs
    # 23 steps an epoch are more than 20: each point covers two of them.
    points = [1, *range(2, 23, 2), 23, *range(25, 46, 2), 46]
    begins = [0, *points[:-1]]
    means = [np.mean(losses[b:e]) for b, e in zip(begins, points, strict=True)]
    assert run.steps["step"] == points
    np.testing.assert_allclose(run.steps["loss"], means, rtol=1e-6)
    assert set(run.steps) == {"step", *results.TIMES, "loss", "mae"}
    assert set(run.epochs) == {"epoch", *results.TIMES, "loss", "mae", "val_loss", "val_mae"}


def test_points_weigh_a_smaller_last_batch_by_its_size():
    (run,) = compare(["sgd"], epochs=1).runs
    assert run.steps["step"] == [1, 2, 3, 4]
    mean = np.average(run.steps["loss"], weights=[7, 7, 7, 2])
    np.testing.assert_allclose(mean, run.epochs["loss"], rtol=1e-12)


def test_seconds_are_those_of_training_without_validation(monkeypatch):
    class Clock(Layer):
        now = 0.0

        def call(self, x, training=False):
            Clock.now += 1.0 if training else 100.0
            return x

    monkeypatch.setattr(comparison.time, "perf_counter", lambda: Clock.now)
    monkeypatch.setattr(comparison.time, "process_time", lambda: 2 * Clock.now)  # two threads
    build = lambda optimizer: build_model(optimizer, Clock())  # noqa: E731
    (run,) = compare(["sgd"], build, validation_data=(X, Y)).runs
    assert run.steps["seconds"] == run.steps["step"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert run.epochs["seconds"] == [4, 8]
    assert run.epochs["processor_seconds"] == [8, 16]


# --- how it ends ---------------------------------------------------------------------------------


def test_divergence_is_told_and_does_not_stop_the_others():
    result = compare({"wild": SGD(1e20), "tame": SGD()}, seeds=(0, 1), validation_data=(X, Y))
    assert [run.outcome for run in result.runs] == ["diverged", "finished"] * 2
    wild = result.runs[0]
    assert wild.detail == "loss is inf after 2 steps"
    assert wild.steps["step"] == [1]
    assert wild.epochs == {}
    assert f"wild, lr 1e+20, seed 0: diverged ({wild.detail})" in str(result)


def test_divergence_ends_the_run():
    steps = []
    compare({"wild": SGD(1e20)}, lambda optimizer: build_model(optimizer, Spy(steps.append)))
    assert len(steps) == 2


def test_divergence_in_the_last_step_is_seen_by_the_validation():
    optimizers = {"wild": SGD(1e38)}
    (run,) = compare(optimizers, batch_size=len(X), epochs=9, validation_data=(X, Y)).runs
    assert run.outcome == "diverged"
    assert run.detail.startswith("val_")
    assert run.steps["step"] == [1]


def test_failure_is_told_and_does_not_stop_the_others():
    result = compare([Failing, "adam"], seeds=(0, 1))
    assert [run.outcome for run in result.runs] == ["failed", "finished"] * 2
    assert result.runs[0].detail == "ArithmeticError after 2 steps: no root"


def test_failure_of_all_is_an_error():
    with pytest.raises(ArithmeticError, match="no root"):
        compare([Failing])
    with pytest.raises(ValueError, match="expected an input of shape"):
        lab.compare(build_model, ["sgd", "adam"], X[:, :2], Y)


@pytest.mark.parametrize("where", ["in a step", "between the runs"])
def test_interrupt_keeps_what_was_done(capsys, where):
    calls = itertools.count(1)

    def see(x):
        if where == "in a step" and next(calls) == 14:  # the second run's sixth
            raise KeyboardInterrupt

    def build(optimizer):
        if where == "between the runs" and next(calls) == 2:
            raise KeyboardInterrupt
        return build_model(optimizer, Spy(see))

    result = compare(["sgd", "adam", "adagrad"], build, seeds=(0, 1))
    assert "Interrupted" in capsys.readouterr().out
    assert (result.runs[0].optimizer, result.runs[0].outcome) == ("SGD", "finished")
    if where == "in a step":
        _, run = result.runs
        assert (run.optimizer, run.outcome) == ("Adam", "interrupted")
        assert run.steps["step"] == [1, 2, 3, 4, 5]
        assert run.epochs["epoch"] == [1]
        assert "Adam, lr 0.001, seed 0: interrupted" in str(result)
    else:
        assert len(result.runs) == 1


def test_verbose_prints_a_line_for_each_run(capsys):
    compare(["sgd", "adam"], verbose=0)
    assert capsys.readouterr().out == ""
    result = compare(["sgd", "adam"], verbose=1, validation_data=(X, Y))
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("SGD, lr 0.01, seed 0: val_loss ")
    assert second == str(result.runs[1])


# --- sweeps --------------------------------------------------------------------------------------


def sweep(optimizers, learning_rates, **settings):
    settings = {"batch_size": BATCH_SIZE, "epochs": 2, "verbose": 0} | settings
    return lab.sweep(build_model, optimizers, learning_rates, X, Y, **settings)


def test_sweep_trains_as_compare_does_with_each_learning_rate():
    result = sweep(["sgd", Adam()], [0.1, 0.002])
    assert [(run.optimizer, run.learning_rate) for run in result.runs] == [
        ("SGD", 0.1), ("Adam", 0.1), ("SGD", 0.002), ("Adam", 0.002),
    ]  # fmt: skip
    assert without_seconds(result)[2:] == without_seconds(compare([SGD(0.002), Adam(0.002)]))


def test_sweep_tells_the_final_losses_in_the_order_of_the_rates():
    result = sweep(["sgd"], [1e20, 0.1, 0.01], seeds=(3, 1))
    assert result.learning_rates == [0.01, 0.1, 1e20]
    losses = result.final_losses("SGD")
    assert losses[0, 0] == result.runs[-1].epochs["loss"][-1]  # of seed 1
    assert np.isfinite(losses).tolist() == [[True, True], [True, True], [False, False]]
    assert np.all(np.isposinf(losses[2]))
    del result.runs[1]
    assert math.isnan(result.final_losses("SGD")[1, 1])


def test_sweep_knows_the_loss_before_the_training():
    result = sweep(["sgd", "adam"], [0.1, 1e20], seeds=(0, 1))
    first, second = ({run.steps["loss"][0] for run in result.runs if run.seed == s} for s in (0, 1))
    assert (len(first), len(second)) == (1, 1)
    assert result.untrained_loss == max(first | second) != min(first | second)


def test_schedule_cannot_be_swept():
    with pytest.raises(TypeError, match="a schedule sets the learning rate"):
        sweep([SGD(schedules.ExponentialDecay(0.1, 10, 0.5))], [0.1])


def test_every_optimizer_of_minigrad_can_be_compared():
    result = compare(OPTIMIZERS.members, epochs=1)
    assert [run.outcome for run in result.runs] == ["finished"] * len(OPTIMIZERS.members)
