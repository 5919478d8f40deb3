"""Surfaces, and the paths of optimizers that descend them."""

import numpy as np
import pytest

from minigrad import Tensor, lab, ops, optimizers
from minigrad.lab import RULES, SURFACES, Surface
from minigrad.lab.surfaces import OPTIONS, RATES, make_rules, rule_of
from minigrad.testing import check_gradients

SURFACE_NAMES = list(SURFACES)


@pytest.mark.parametrize("name", SURFACE_NAMES)
def test_surface_has_the_gradients_of_differences(name):
    points = np.random.default_rng(3).uniform(-1, 1, (2, 7))
    check_gradients(SURFACES[name], *points)


@pytest.mark.parametrize("name", SURFACE_NAMES)
def test_surface_is_lowest_and_flat_at_its_minima(name):
    surface = SURFACES[name]
    x, y, z = surface.grid(points=37)
    assert x.shape == y.shape == z.shape == (37, 37)
    assert (x[0, 0], x[0, -1]) == surface.x_range
    assert (y[0, 0], y[-1, 0]) == surface.y_range
    assert z[5, 11] == surface.values(x[5, 11], y[5, 11])
    assert z.min() >= surface.lowest
    for point in surface.minima:
        descent = lab.descend(surface, "sgd", point, steps=0)
        np.testing.assert_allclose(descent.values, surface.lowest, atol=1e-10)
        np.testing.assert_allclose(descent.gradients, 0, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [  # from the literature, at the usual starts and at points worked out by hand
        ("bowl", {(-0.9, 0.5): 1.06}),
        ("ravine", {(2, 1): 27}),
        ("tilted_ravine", {(1, 1): 1, (1, -1): 50}),
        ("rosenbrock", {(-1.2, 1): 24.2, (0, 0): 1}),
        ("beale", {(0, 0): 14.203125, (1, 1): 14.203125}),
        ("himmelblau", {(0, 0): 170, (-0.270845, -0.923039): 181.616522}),
        ("saddle", {(0, 0): 0, (2, 2): 4}),
        ("rastrigin", {(1, -1): 2, (0.5, 0.5): 40.5, (4.52299366, 4.52299366): 80.70658039}),
        ("ackley", {(1, 1): 3.6253849384403627, (1, 0): 2.637531092108}),
        ("styblinski_tang", {(0, 0): 0, (-2.903534, -2.903534): -78.33233141}),
    ],
)
def test_surface_has_its_known_values(name, value):
    for point, expected in value.items():
        np.testing.assert_allclose(SURFACES[name].values(*point), expected, rtol=1e-8)


def test_descent_records_positions_values_and_gradients():
    """On x² + y², SGD shrinks both coordinates by 1 - 2 lr at each step."""
    descent = lab.descend(lambda x, y: x**2 + y**2, optimizers.SGD(0.1), (-3, 2), steps=5)
    expected = 0.8 ** np.arange(6)[:, np.newaxis] * [-3, 2]
    np.testing.assert_allclose(descent.positions, expected, rtol=1e-14)
    np.testing.assert_allclose(descent.values, (expected**2).sum(axis=1), rtol=1e-14)
    np.testing.assert_allclose(descent.gradients, 2 * expected, rtol=1e-14)
    assert descent.label == "SGD, lr 0.1"
    assert not descent.diverged


def test_first_step_of_adam_is_its_learning_rate_in_each_coordinate():
    for surface in SURFACES.values():
        (descent,) = lab.race(surface, ["Adam"], steps=1, learning_rate=0.03)
        step = descent.positions[1] - descent.positions[0]
        np.testing.assert_allclose(step, -0.03 * np.sign(descent.gradients[0]), rtol=1e-3)


@pytest.mark.parametrize("name", SURFACE_NAMES)
def test_every_optimizer_makes_its_way_at_its_own_learning_rate(name):
    surface = SURFACES[name]
    share = 0.7 if name == "ackley" else 0.2  # there some stop in a dent, see below
    for descent in lab.race(surface, [*RATES, *OPTIONS]):
        heights = descent.values - surface.lowest
        assert len(heights) == surface.steps + 1
        assert heights[-1] < heights[0] * share, descent.label


def heights(name, rules):
    """Return how high above the lowest point each rule's path ends."""
    surface = SURFACES[name]
    return {path.rule: path.values[-1] - surface.lowest for path in lab.race(surface, rules)}


def test_all_rules_stop_in_the_dent_beside_the_start():
    for path in lab.race(SURFACES["rastrigin"], RULES):
        np.testing.assert_allclose(
            path.positions[-1], (-0.995, 0.995), atol=0.05, err_msg=path.rule
        )


def test_dents_on_a_slope_stop_rules_without_speed():
    ends = heights("ackley", ["SGD", "RMSprop", "momentum", "Adam", "Lion"])
    assert min(ends[rule] for rule in ("SGD", "RMSprop")) > 5
    assert max(ends[rule] for rule in ("momentum", "Adam", "Lion")) < 0.2


def test_momentum_leaps_into_the_deepest_valley():
    ends = heights("styblinski_tang", ["SGD", "RMSprop", "Adam", "Lion", "momentum", "Nesterov"])
    assert min(ends[rule] for rule in ("SGD", "RMSprop", "Adam", "Lion")) > 14
    assert max(ends[rule] for rule in ("momentum", "Nesterov")) < 0.01


def test_only_rules_that_treat_coordinates_alone_notice_the_turn_of_the_ravine():
    names = ["SGD", "momentum", "Nesterov", "Adagrad", "RMSprop", "Adam", "Lion"]
    straight, turned = (lab.race(SURFACES[name], names) for name in ("ravine", "tilted_ravine"))
    turn = np.array([[1, 1], [-1, 1]]) / 2**0.5  # by 45°
    for one, other in zip(straight, turned, strict=True):
        start = one.positions[0] @ turn
        np.testing.assert_allclose(other.positions[0], start, rtol=1e-12)
        if one.rule in names[:3]:
            np.testing.assert_allclose(other.positions, one.positions @ turn, atol=1e-9)
        else:
            assert abs(other.positions - one.positions @ turn).max() > 0.1, one.rule


def test_races_hold_every_optimizer_of_minigrad():
    made = {type(rule(SURFACES["bowl"])) for rule in RULES.values()}
    assert [rule_of(rule(SURFACES["bowl"])) for rule in RULES.values()] == list(RULES)
    assert made == set(optimizers.OPTIMIZERS.members)
    assert list(RULES)[:6] == ["SGD", "momentum", "Nesterov", "Adagrad", "RMSprop", "Adam"]


def test_a_new_optimizer_needs_nothing_in_the_laboratory():
    class Signs(optimizers.Optimizer):
        def update(self, w, g, state, lr, t, threads):
            w -= lr * np.sign(g)

    surface = SURFACES["ravine"]
    rules = make_rules([Signs, *optimizers.OPTIMIZERS.members])
    assert set(rules) == {*RULES, "Signs"}
    assert rules["Signs"](surface).learning_rate == surface.step_size
    for name in RULES:
        expected = RULES[name](surface).get_config()
        assert rules[name](surface).get_config() | {"name": expected["name"]} == expected


def test_race_finds_names_and_writes_learning_rates():
    descents = lab.race(SURFACES["bowl"], ["sgd", "adagrad"], steps=3)
    assert [descent.label for descent in descents] == ["SGD, lr 0.1", "Adagrad, lr 0.5"]
    assert [len(descent.values) for descent in descents] == [4, 4]
    descents = lab.race(SURFACES["bowl"], ["NESTEROV"], learning_rate=0.02)
    assert descents[0].label == "Nesterov, lr 0.02"
    assert (descents[0].rule, descents[0].rate) == ("Nesterov", 0.02)
    own = lab.descend(SURFACES["bowl"], optimizers.SGD(0.1, momentum=0.5), (1, 1), label="heavy")
    assert (own.rule, own.name, own.label) == ("momentum", "heavy", "heavy, lr 0.1")
    with pytest.raises(ValueError, match="got 'adan'; did you mean 'Adam'"):
        lab.race(SURFACES["bowl"], ["adan"])


def test_descent_that_diverges_ends_and_says_so():
    descent = lab.descend(SURFACES["rosenbrock"], optimizers.SGD(0.1), (-1.2, 1), steps=50)
    assert descent.diverged
    assert len(descent.values) == len(descent.positions) == len(descent.gradients) == 6
    assert np.isfinite(descent.values[:-1]).all()
    assert descent.values[-1] == np.inf


def test_descent_into_nan_ends_there():
    descent = lab.descend(lambda x, y: ops.log(x) + y * 0, optimizers.SGD(1.0), (0.5, 1), steps=9)
    assert descent.diverged
    assert np.isnan(descent.values[-1])
    np.testing.assert_array_equal(descent.positions, [[0.5, 1], [-1.5, 1]])


def test_noise_is_the_same_for_all_and_changes_with_the_seed():
    first, second = lab.race(SURFACES["noisy"], ["SGD", "Adam"], steps=300)
    noise = first.gradients - 2 * first.positions
    np.testing.assert_allclose(second.gradients - 2 * second.positions, noise, atol=1e-12)
    np.testing.assert_allclose(noise.std(axis=0), SURFACES["noisy"].noise, rtol=0.2)
    np.testing.assert_allclose(first.values, (first.positions**2).sum(axis=1), rtol=1e-12)
    (again,) = lab.race(SURFACES["noisy"], ["SGD"], steps=300)
    np.testing.assert_array_equal(again.positions, first.positions)
    (other,) = lab.race(SURFACES["noisy"], ["SGD"], steps=300, seed=1)
    assert abs(other.positions - first.positions).max() > 0.01


def test_function_may_leave_one_variable_out():
    descent = lab.descend(lambda x, y: x**2, "adam", (1, 7), steps=3)
    assert (descent.gradients[:, 1] == 0).all()
    assert (descent.positions[:, 1] == 7).all()
    assert (np.diff(descent.values) < 0).all()


def test_surface_without_known_minima_knows_no_lowest_value():
    plane = Surface("Plane", "x + y", lambda x, y: x + y, (-1, 1), (-1, 1), (0, 0))
    assert plane.lowest is None
    assert len(lab.race(plane, ["SGD"])[0].values) == 101


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x, y: float(x) + float(y), TypeError, "expected a tensor, .* got 1.5"),
        (lambda x, y: None, TypeError, "expected a tensor, .* got None"),
        (lambda x, y: ops.stack([x, y]), ValueError, r"arguments' shape \(\), got \(2,\)"),
        (lambda x, y: Tensor(1.0), RuntimeError, "does not depend on any tensor"),
    ],
)
def test_function_that_returns_something_else_is_refused(function, error, message):
    with pytest.raises(error, match=message):
        lab.descend(function, "sgd", (0.5, 1.0))


def test_function_that_adds_up_the_grid_is_refused():
    total = Surface("Sum", "Σ x y", lambda x, y: ops.sum(x * y), (-1, 1), (-1, 1), (0, 0))
    with pytest.raises(ValueError, match=r"arguments' shape \(5, 5\), got \(\)"):
        total.grid(points=5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": (1, 2, 3)}, r"expected two numbers as start, got \(1, 2, 3\)"),
        ({"start": 1.0}, "expected two numbers as start, got 1.0"),
        ({"steps": -1}, "expected a number of steps, got -1"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        lab.descend(SURFACES["bowl"], "sgd", **{"start": (1, 2), **arguments})


def test_optimizer_that_has_trained_something_else_is_refused():
    optimizer = optimizers.Adam()
    lab.descend(SURFACES["bowl"], optimizer, (1, 2), steps=1)
    with pytest.raises(ValueError, match="make a new optimizer"):
        lab.descend(SURFACES["bowl"], optimizer, (1, 2), steps=1)
