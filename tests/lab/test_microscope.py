"""Every step of every optimizer, number by number."""

import numpy as np
import pytest

import minigrad
from minigrad import Parameter, layers, optimizers
from minigrad.lab import Microscope
from minigrad.models import Sequential
from minigrad.optimizers import Optimizer

START = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -0.75]])
GRADIENTS = np.random.default_rng(5).standard_normal((4, 2, 3)) * [[1e-3], [1e3]]


def steps_of(optimizer, gradients=GRADIENTS, **options):
    """The steps of a parameter in float64, and its values after each."""
    w = Parameter(START, dtype="float64", path="dense/kernel")
    values = []
    with Microscope(optimizer, w, **options) as microscope:
        for g in gradients:
            optimizer.apply([g], [w])
            values.append(w.numpy().copy())
    return microscope.steps, values


def test_every_number_of_adam_is_that_of_the_paper():
    rate, beta_1, beta_2, epsilon = 0.02, 0.8, 0.95, 1e-3
    optimizer = optimizers.Adam(rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)
    steps, _ = steps_of(optimizer)
    assert list(steps) == [1, 2, 3, 4]
    w, m, v = START, np.zeros((2, 3)), np.zeros((2, 3))
    for t, g in enumerate(GRADIENTS, start=1):
        step = steps[t]
        before = {"m": m, "v": v}
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
        step_size = rate / (np.sqrt(v_hat) + epsilon / np.sqrt(1 - beta_2**t))
        update = -step_size * m_hat
        assert (step.number, step.learning_rate) == (t, rate)
        assert step.corrections == pytest.approx({"m": 1 - beta_1**t, "v": 1 - beta_2**t}, 1e-15)
        for found, expected in [
            (step.weight, w),
            (step.gradient, g),
            (step.state_before["m"], before["m"]),
            (step.state_before["v"], before["v"]),
            (step.state["m"], m),
            (step.state["v"], v),
            (step.corrected["m"], m_hat),
            (step.corrected["v"], v_hat),
            (step.step_size, step_size),
            (step.update, update),
            (step.ratio, np.abs(update / w)),
        ]:
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-16)
        w = w + update


def test_first_step_of_adam_is_as_large_as_the_learning_rate():
    """Whatever the gradients: here from 1e-3 to 1e3."""
    steps, _ = steps_of(optimizers.Adam(0.02, epsilon=1e-15))
    np.testing.assert_allclose(np.abs(steps[1].update), 0.02, rtol=1e-9)
    assert np.abs(steps[2].update).max() < 0.02 * (1 - 1e-3)


# For each rule the direction, from step and state, in update = -size direction.
DIRECTIONS = {
    "SGD": lambda step: step.gradient,
    "Adagrad": lambda step: step.gradient,
    "RMSprop": lambda step: step.gradient,
    "Adam": lambda step: step.corrected["m"],
    "AdamW": lambda step: step.corrected["m"] + step.weight * 0.004 * 0.001 / step.step_size,
    "Adamax": lambda step: step.corrected["m"],
    "Adadelta": lambda step: step.gradient,
    "Lion": lambda step: np.sign(0.9 * step.state_before["m"] + 0.1 * step.gradient),
}


def nadam_direction(step):
    momenta = [0.9 * (1 - 0.5 * 0.96**t) for t in range(1, step.number + 2)]
    rest = step.gradient * (1 - momenta[-2]) / (1 - np.prod(momenta[:-1]))
    return momenta[-1] * step.corrected["m"] + rest


DIRECTIONS["Nadam"] = nadam_direction
OPTIONS = [(name, {}) for name in DIRECTIONS] + [
    ("Adam", {"amsgrad": True, "beta_2": 0.5}),
    ("RMSprop", {"centered": True}),
    ("Adagrad", {"epsilon": 0.5}),
    ("RMSprop", {"epsilon": 0.5}),
    ("Adam", {"epsilon": 0.5}),
    ("Nadam", {"epsilon": 0.5}),
    ("Adamax", {"epsilon": 0.5}),
    ("Adadelta", {"epsilon": 0.5}),
]


def test_every_rule_with_a_step_size_has_a_direction_here():
    rules = optimizers.OPTIMIZERS.members
    known = {rule.__name__ for rule in rules if rule.inside is not Optimizer.inside}
    assert known == set(DIRECTIONS)


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_update_is_the_step_size_times_the_direction(name, options):
    steps, values = steps_of(getattr(optimizers, name)(**options))
    before = START
    for step, after in zip(steps.values(), values, strict=True):
        np.testing.assert_array_equal(step.weight, before)
        np.testing.assert_array_equal(step.update, after - before)
        expected = -step.step_size * DIRECTIONS[name](step)
        np.testing.assert_allclose(step.update, expected, rtol=1e-6, atol=1e-14)
        before = after


@pytest.mark.parametrize("nesterov", [False, True])
def test_velocity_of_sgd_is_seen_before_and_after(nesterov):
    steps, _ = steps_of(optimizers.SGD(0.1, momentum=0.5, nesterov=nesterov))
    for number, step in steps.items():
        np.testing.assert_allclose(
            step.state["v"], 0.5 * step.state_before["v"] - 0.1 * step.gradient, rtol=1e-12
        )
        if number > 1:
            np.testing.assert_array_equal(step.state_before["v"], steps[number - 1].state["v"])
        assert (step.step_size == 0.1).all()


def test_gradient_is_the_one_that_the_rule_gets():
    optimizer = optimizers.SGD(1.0, clipvalue=0.5, gradient_accumulation_steps=2)
    steps, _ = steps_of(
        optimizer, np.ones((4, 2, 3)) * np.array([0.1, 0.2, 3.0, 4.0])[:, None, None]
    )
    assert list(steps) == [1, 2]
    np.testing.assert_allclose(steps[1].gradient, 0.15, rtol=1e-15)
    np.testing.assert_array_equal(steps[2].gradient, 0.5)


def test_only_some_steps_are_kept_if_asked():
    steps, _ = steps_of(optimizers.Adam(), only=[2, 4, 100])
    assert list(steps) == [2, 4]
    np.testing.assert_array_equal(steps[4].gradient, GRADIENTS[3])


def test_steps_keep_their_numbers_when_training_goes_on():
    optimizer = optimizers.SGD(0.1, momentum=0.5)
    w = Parameter(START, dtype="float64")
    with Microscope(optimizer, w) as microscope:
        g = START.copy()
        optimizer.apply([g], [w])
    g += 1
    optimizer.apply([g], [w])
    assert list(microscope.steps) == [1]
    np.testing.assert_array_equal(microscope.steps[1].gradient, START)
    np.testing.assert_allclose(microscope.steps[1].state["v"], -0.1 * START, rtol=1e-6)


def test_a_rule_of_the_users_own_is_seen_without_its_inside():
    class Halve(optimizers.Adam):
        def update(self, w, g, state, lr, t, threads):
            w *= 0.5

    steps, _ = steps_of(Halve())
    np.testing.assert_array_equal(steps[1].update, -START / 2)
    assert steps[1].step_size is None and steps[1].corrections == {}
    assert "step size" not in str(steps[1])


def test_a_subclass_of_a_rule_may_define_its_inside():
    class Slower(optimizers.SGD):
        def update(self, w, g, state, lr, t, threads):
            super().update(w, g, state, lr / t, t, threads)

        def inside(self, before, state, lr, t):
            return {}, lr / t

    class Renamed(Slower):
        pass

    for rule in (Slower, Renamed):
        steps, _ = steps_of(rule(0.5))
        assert (steps[2].step_size == 0.25).all()


def test_fit_under_the_microscope_is_the_same():
    x = np.random.default_rng(1).standard_normal((12, 3))
    hashes = []
    for only in (None, []):
        minigrad.utils.set_random_seed(3)
        model = Sequential([layers.Input((3,)), layers.Dense(5, "relu"), layers.Dense(2)])
        model.compile("adam", "mse")
        with Microscope(model.optimizer, model.layers[0].kernel, only) as microscope:
            model.fit(x, x[:, :2], batch_size=4, epochs=2, verbose=0)
        assert list(microscope.steps) == ([1, 2, 3, 4, 5, 6] if only is None else [])
        assert model.optimizer.observers == []
        hashes.append(model.weights_hash())
    assert hashes[0] == hashes[1]


def test_printed_step_shows_each_weight_of_a_small_parameter():
    w = Parameter(np.array([2.0, 0.0]), dtype="float64", path="dense/bias")
    optimizer = optimizers.Adam(0.5, epsilon=0.0)
    with Microscope(optimizer, w) as microscope:
        optimizer.apply([np.array([4.0, -1.0])], [w])
    assert str(microscope.steps[1]).splitlines() == [
        "Adam, step 1 of dense/bias (2,), learning rate 0.5",
        "                          [0]         [1]",
        "weight                      2           0",
        "gradient                    4          -1",
        "m                         0.4        -0.1",
        "v                       0.016       0.001",
        "m / 0.1                     4          -1",
        "v / 0.001                  16           1",
        "step size               0.125         0.5",
        "update                   -0.5         0.5",
        "|update / weight|        0.25         inf",
    ]


def test_printed_step_shows_quantiles_of_a_large_parameter():
    w = Parameter(np.arange(1.0, 102.0), dtype="float64", name="w")
    optimizer = optimizers.SGD(0.5)
    with Microscope(optimizer, w) as microscope:
        optimizer.apply([np.ones(101)], [w])
    lines = str(microscope.steps[1]).splitlines()
    assert lines[1].split() == ["min", "25", "%", "median", "75", "%", "max"]
    assert lines[2].split() == ["weight", "1", "26", "51", "76", "101"]
    assert max(map(len, lines)) <= 80


def test_printed_step_wider_than_the_terminal_goes_on_below(monkeypatch):
    w = Parameter(np.arange(1.0, 7.0), dtype="float64", name="w")
    optimizer = optimizers.SGD(0.5)
    with Microscope(optimizer, w) as microscope:
        optimizer.apply([np.ones(6)], [w])
    _, *lines = str(microscope.steps[1]).splitlines()
    below = lines.index("")
    assert lines[0].split() == ["[0]", "[1]", "[2]", "[3]", "[4]"]
    assert [line.split()[0] for line in lines[below + 1 :]] == ["[5]", *_words(lines[1:below])]
    assert lines[below + 2].split() == ["weight", "6"]
    monkeypatch.setenv("COLUMNS", "100")
    assert len(str(microscope.steps[1]).splitlines()) == 1 + below


def _words(lines):
    return [line.split()[0] for line in lines]


def test_microscope_refuses_what_it_cannot_look_at():
    w, other = Parameter(START, path="a/kernel"), Parameter(START, path="b/kernel")
    with pytest.raises(TypeError, match="Microscope: expected Optimizer, got 'adam'"):
        Microscope("adam", w)
    with pytest.raises(TypeError, match="Microscope: expected Tensor, got 'a/kernel'"):
        Microscope(optimizers.Adam(), "a/kernel")
    optimizer = optimizers.Adam()
    with (
        pytest.raises(ValueError, match="Microscope: expected one of a/kernel, got b/kernel"),
        Microscope(optimizer, other),
    ):
        optimizer.apply([START], [w])
    np.testing.assert_array_equal(w.numpy(), START)
    assert optimizer.observers == []


def test_parameter_without_a_gradient_makes_no_step():
    w, other = Parameter(START, path="w"), Parameter(START, path="other")
    optimizer = optimizers.Adam()
    with Microscope(optimizer, w) as microscope, pytest.warns(UserWarning, match="do not exist"):
        optimizer.apply([None, START], [w, other])
    assert microscope.steps == {}


# --- models of layers ----------------------------------------------------------------------------


def test_a_models_parameters_are_named_by_the_layers_around(model_of_layers):
    model, names = model_of_layers
    x = np.random.default_rng(1).standard_normal((4, 3))
    model.build((None, 3))
    for name, kernel in zip(kernel_names(names), kernels_of(model), strict=True):
        with Microscope(model, kernel) as microscope:
            model.fit(x, np.ones((4, 5)), verbose=0)
        (step,) = microscope.steps.values()
        assert f" of {name} {kernel.shape}, " in step.title
    assert model.optimizer.observers == []
    other = Parameter(START, path="other")
    fault = f"expected one of .*{kernel_names(names)[-1]}.*, got other"
    with pytest.raises(ValueError, match=fault), Microscope(model, other):
        model.fit(x, np.ones((4, 5)), verbose=0)


def kernel_names(names):
    return [f"{name}/kernel" for name in names if name not in ("block", "blocks/0", "blocks/1")]


def kernels_of(model):
    return [weight for weight in model.weights if weight.name == "kernel"]


def test_microscope_refuses_a_model_without_an_optimizer():
    model = Sequential([layers.Input((3,)), layers.Dense(5)])
    with pytest.raises(TypeError, match="Microscope: expected Optimizer, got None"):
        Microscope(model, model.layers[0].kernel)
