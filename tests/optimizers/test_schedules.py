"""Learning-rate schedules: known values, arguments, configs; Keras's numbers are in test_golden."""

import math

import pytest

from minigrad import optimizers
from minigrad.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

pytestmark = pytest.mark.right_numbers


def test_inverse_time_decay_in_a_staircase():
    schedule = InverseTimeDecay(0.3, 10, 0.5, staircase=True)
    assert [schedule(s) for s in (0, 9, 10, 25)] == pytest.approx([0.3, 0.3, 0.2, 0.15])


def test_piecewise_constant_belongs_to_the_left_at_a_boundary():
    schedule = PiecewiseConstantDecay([5, 10], [1.0, 0.5, 0.1])
    assert [schedule(s) for s in (0, 5, 6, 10, 11, 99)] == [1.0, 1.0, 0.5, 0.5, 0.1, 0.1]


def test_polynomial_decay_stays_at_its_end_or_cycles():
    stays, cycles = PolynomialDecay(1.0, 4, 0.2), PolynomialDecay(1.0, 4, 0.2, cycle=True)
    assert [stays(s) for s in (0, 2, 4, 5)] == pytest.approx([1.0, 0.6, 0.2, 0.2])
    assert [cycles(s) for s in (0, 2, 4, 6)] == pytest.approx([1.0, 0.6, 0.2, 0.4])


def test_cosine_decay_after_a_warm_up():
    schedule = CosineDecay(0.1, 8, alpha=0.5, warmup_target=0.9, warmup_steps=4)
    assert [schedule(s) for s in (0, 1, 4, 8, 12, 99)] == pytest.approx(
        [0.1, 0.3, 0.9, 0.675, 0.45, 0.45]
    )
    assert CosineDecay(0.1, 8, warmup_steps=4)(0) == 0.1  # no target, no warm-up
    assert CosineDecay(0.1, 8, warmup_target=0.9)(0) == 0.9  # no steps, no warm-up


@pytest.mark.parametrize("t_mul", [1.0, 1.5, 2.0, 3.0])
def test_restarts_fall_exactly_on_their_steps(t_mul):
    schedule = CosineDecayRestarts(0.1, 16, t_mul=t_mul, m_mul=0.5)
    start = 0
    for period in range(5):
        top = 0.1 * 0.5**period
        assert schedule(start) == pytest.approx(top, rel=1e-14)
        length = 16 * t_mul**period
        assert schedule(start + length / 2) == pytest.approx(top / 2, rel=1e-9)
        assert schedule(math.nextafter(start + length, 0)) < 1e-6
        start += length


def test_cosine_decay_restarts_keeps_alpha_as_its_floor():
    schedule = CosineDecayRestarts(0.1, 10, alpha=0.3)
    assert schedule(math.nextafter(10, 0)) == pytest.approx(0.03)
    assert schedule(10) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "schedule",
    [
        ExponentialDecay(0.1, 10, 0.5, staircase=True),
        InverseTimeDecay(0.1, 10, 0.5, staircase=True),
        PiecewiseConstantDecay([5, 10], [1.0, 0.5, 0.1]),
        PolynomialDecay(0.1, 10, 0.01, power=2.0, cycle=True),
        CosineDecay(0.1, 10, alpha=0.2, warmup_target=0.9, warmup_steps=4),
        CosineDecayRestarts(0.1, 10, t_mul=3.0, m_mul=0.5, alpha=0.2),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_config_makes_the_same_schedule(schedule):
    again = type(schedule).from_config(schedule.get_config())
    assert [again(s) for s in range(40)] == [schedule(s) for s in range(40)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ExponentialDecay(0.1, 0, 0.5), "decay_steps"),
        (lambda: PolynomialDecay(0.1, -1), "decay_steps"),
        (lambda: CosineDecay(0.1, 10, warmup_target=0.2, warmup_steps=-1), "warmup_steps"),
        (lambda: CosineDecayRestarts(0.1, 10, t_mul=0.5), "t_mul"),
        (lambda: PiecewiseConstantDecay([1, 2], [0.1, 0.2]), "boundaries"),
        (lambda: PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3]), "order"),
    ],
)
def test_values_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_base_schedule_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="__call__"):
        LearningRateSchedule()(0)


def test_schedules_have_a_name_that_is_part_of_their_config():
    for kind, arguments in {
        ExponentialDecay: (0.1, 10, 0.5),
        InverseTimeDecay: (0.1, 10, 0.5),
        PiecewiseConstantDecay: ([5], [0.1, 0.2]),
        PolynomialDecay: (0.1, 10),
        CosineDecay: (0.1, 10),
        CosineDecayRestarts: (0.1, 10),
    }.items():
        assert kind(*arguments).name == kind.__name__
        named = kind(*arguments, name="mine")
        assert kind.from_config(named.get_config()).name == "mine"


def test_every_rule_is_found_by_its_name_in_lower_case():
    for rule in optimizers.OPTIMIZERS.members:
        with pytest.warns(FutureWarning, match=f"write {rule.__name__}"):
            assert type(getattr(optimizers, rule.__name__.lower())()) is rule
