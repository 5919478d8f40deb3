"""Optimizer state that is saved and resumed, and the arguments that constructors take."""

import json
import re

import numpy as np
import pytest

from minigrad import Parameter, Tensor, optimizers
from minigrad.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Lion, Nadam, RMSprop, schedules
from minigrad.utils.naming import to_snake_case

GRADIENTS = np.random.default_rng(3).standard_normal((7, 2, 3)).astype(np.float32)


def variables():
    return [
        Parameter(np.ones((2, 3)), path="dense/kernel"),
        Parameter(np.ones(3), path="dense/bias"),
    ]


def run(optimizer, parameters, gradients):
    for g in gradients:
        optimizer.apply([g, g[0]], parameters)


# --- state ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS.names)
def test_resumed_training_gives_the_same_bits(name):
    options = {"use_ema": True, "gradient_accumulation_steps": 2, "weight_decay": 0.1}
    whole, first = variables(), variables()
    run(OPTIMIZERS.names[name](**options), whole, GRADIENTS)

    optimizer = OPTIMIZERS.names[name](**options)
    run(optimizer, first, GRADIENTS[:3])
    second = [Parameter(w.data, path=w.path) for w in first]
    resumed = OPTIMIZERS.names[name](**options, parameters=second)
    resumed.set_state(optimizer.get_state())
    run(resumed, second, GRADIENTS[3:])

    assert resumed.iterations == 3
    for a, b in zip(whole, second, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_state_goes_by_path_in_the_order_written():
    optimizer = Adam(parameters=variables(), amsgrad=True)
    assert list(optimizer.get_state()) == [
        "iterations",
        "learning_rate",
        "dense/kernel/m",
        "dense/kernel/v",
        "dense/kernel/v_max",
        "dense/bias/m",
        "dense/bias/v",
        "dense/bias/v_max",
    ]
    assert optimizer.get_state()["dense/kernel/m"].shape == (2, 3)
    assert sum(array.size for array in optimizer.variables) == 2 + 3 * 9


def test_state_of_options():
    def names(optimizer):
        optimizer.build([Parameter(1.0, name="w")])
        return list(optimizer.get_state())[1:]

    scheduled = schedules.ExponentialDecay(0.1, 2, 0.5)
    assert names(SGD(scheduled)) == []
    assert names(SGD(scheduled, momentum=0.9)) == ["w/v"]
    assert names(Nadam()) == ["learning_rate", "U", "w/m", "w/v"]
    assert names(RMSprop(scheduled, momentum=0.1, centered=True)) == ["w/v", "w/m", "w/b"]
    assert names(SGD(scheduled, use_ema=True, gradient_accumulation_steps=2)) == [
        "w/average",
        "w/gradient_accumulator",
    ]


def test_parameters_without_or_with_equal_names_are_told_apart():
    nameless = [Parameter(np.ones(2)), Tensor(np.ones(2), requires_grad=True)]
    alike = [Parameter(np.ones(2), name="w"), Parameter(np.ones(2), name="w")]
    state = SGD(momentum=0.5, parameters=nameless + alike).get_state()
    assert list(state)[2:] == ["parameter_0/v", "parameter_1/v", "w/v", "w_3/v"]


def test_get_state_is_a_copy():
    optimizer = Adam(parameters=variables())
    optimizer.get_state()["dense/bias/m"][:] = 1
    assert not optimizer.get_state()["dense/bias/m"].any()


def test_set_state_lists_all_faults_and_changes_nothing():
    optimizer = Adam(parameters=variables())
    state = optimizer.get_state()
    state["iterations"] += 5
    state["dense/bias/m"] = np.zeros(4)
    state["dense/bias/u"] = state.pop("dense/bias/v")
    with pytest.raises(ValueError) as error:
        optimizer.set_state(state)
    for fault in ("no dense/bias/v", "unknown dense/bias/u", "dense/bias/m (4,) instead of (3,)"):
        assert fault in str(error.value)
    with pytest.raises(ValueError):
        optimizer.set_state({**optimizer.get_state(), "iterations": 5, "dense/bias/v": list("abc")})
    assert optimizer.iterations == 0


# --- arguments ------------------------------------------------------------------------------------


KERAS_DEFAULTS = {
    "sgd": (0.01, {"momentum": 0.0, "nesterov": False}),
    "adagrad": (0.001, {"initial_accumulator_value": 0.1, "epsilon": 1e-7}),
    "rmsprop": (0.001, {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False}),
    "adam": (0.001, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False}),
    "adamw": (0.001, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False}),
    "nadam": (0.001, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}),
    "adamax": (0.001, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}),
    "adadelta": (0.001, {"rho": 0.95, "epsilon": 1e-7}),
    "lion": (0.001, {"beta_1": 0.9, "beta_2": 0.99}),
    "muon": (
        0.001,
        {
            "adam_beta_1": 0.9,
            "adam_beta_2": 0.999,
            "adam_weight_decay": 0.004,
            "epsilon": 1e-7,
            "exclude_layers": [],
            "exclude_embeddings": True,
            "muon_a": 3.4445,
            "muon_b": -4.775,
            "muon_c": 2.0315,
            "adam_lr_ratio": 1,
            "momentum": 0.95,
            "ns_steps": 5,
            "nesterov": True,
            "rms_rate": 0.2,
        },
    ),
    "adafactor": (
        0.001,
        {
            "beta_2_decay": -0.8,
            "epsilon_1": 1e-30,
            "epsilon_2": 1e-3,
            "clip_threshold": 1.0,
            "relative_step": True,
        },
    ),
}


@pytest.mark.parametrize("name", KERAS_DEFAULTS)
def test_keras_defaults(name):
    rate, own = KERAS_DEFAULTS[name]
    assert optimizers.get(name).get_config() == {
        "learning_rate": rate,
        **own,
        "weight_decay": 0.004 if name in ("adamw", "muon") else None,
        "clipnorm": None,
        "clipvalue": None,
        "global_clipnorm": None,
        "use_ema": False,
        "ema_momentum": 0.99,
        "ema_overwrite_frequency": None,
        "loss_scale_factor": None,
        "gradient_accumulation_steps": None,
        "name": {"rmsprop": "rm_sprop", "adamw": "adam_w"}.get(name, name),
    }


@pytest.mark.parametrize("name", OPTIMIZERS.names)
def test_config_makes_the_same_optimizer(name):
    optimizer = OPTIMIZERS.names[name](
        0.25, clipnorm=2, ema_momentum=0.5, weight_decay=0.1, name="mine"
    )
    config = optimizer.get_config()
    assert type(optimizer).from_config(config).get_config() == config
    described = {"class_name": type(optimizer).__name__, "config": config}
    assert type(optimizers.get(described)) is type(optimizer)


def test_config_carries_a_schedule():
    optimizer = Adam(schedules.CosineDecay(0.1, 10, warmup_target=0.2, warmup_steps=3))
    again = Adam.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    assert again.get_config()["learning_rate"]["class_name"] == "CosineDecay"
    assert again.learning_rate == optimizer.learning_rate


def test_get_takes_names_classes_and_instances():
    adam = Adam()
    assert optimizers.get(adam) is adam
    assert type(optimizers.get("AdamW")) is AdamW
    assert type(optimizers.get(Lion)) is Lion
    with pytest.raises(ValueError, match="did you mean 'adam'"):
        optimizers.get("adan")
    with pytest.raises(TypeError, match="optimizer"):
        optimizers.get(len)


@pytest.mark.parametrize(
    ("rule", "arguments", "message"),
    [
        (SGD, {"momentum": 1.1}, r"SGD: expected momentum in \[0, 1\], got 1.1"),
        (RMSprop, {"rho": -0.1}, r"rho in \[0, 1\]"),
        (Adam, {"beta_1": 1.0}, r"beta_1 in \[0, 1\)"),
        (Adam, {"beta_2": float("nan")}, "beta_2"),
        (Adam, {"epsilon": -1e-7}, "epsilon"),
        (Lion, {"beta_1": 0.0}, r"beta_1 in \(0, 1\]"),
        (AdamW, {"weight_decay": None}, "weight_decay"),
        (SGD, {"learning_rate": -0.1}, "learning_rate"),
        (SGD, {"learning_rate": float("inf")}, "learning_rate"),
        (SGD, {"clipnorm": 0.0}, "clipnorm"),
        (SGD, {"clipnorm": 1.0, "clipvalue": 1.0}, "at most one clipping"),
        (SGD, {"ema_momentum": 1.01}, "ema_momentum"),
        (SGD, {"ema_overwrite_frequency": 0}, "ema_overwrite_frequency"),
        (SGD, {"gradient_accumulation_steps": 1}, "gradient_accumulation_steps"),
    ],
)
def test_values_out_of_range_are_refused(rule, arguments, message):
    with pytest.raises(ValueError, match=message):
        rule(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learnrate": 0.1}, "did you mean learning_rate?"),
        ({"beta1": 0.9}, "did you mean beta_1?"),
        ({"eps": 1e-8}, "did you mean epsilon?"),
        ({"weightdecay": 0.1}, "did you mean weight_decay?"),
        ({"params": []}, "did you mean parameters?"),
        ({"xyz": 1}, "known arguments: learning_rate, beta_1"),
        ({"beta_1": "0.9"}, "beta_1 as float, got '0.9'"),
        ({"learning_rate": "fast"}, "learning_rate"),
        ({"learning_rate": True}, "learning_rate"),
        ({"gradient_accumulation_steps": 2.5}, "as int, got 2.5"),
        (
            {"learning_rate": [Parameter(1.0)]},
            r"write Adam\(learning_rate=..., parameters=\[w, b\]\)",
        ),
    ],
)
def test_wrong_arguments_are_answered_with_the_right_one(arguments, message):
    with pytest.raises(TypeError, match=message):
        Adam(**arguments)


# --- the learning rate as a variable -------------------------------------------------------------


def test_learning_rate_is_a_variable():
    optimizer = SGD(0.5)
    rate = optimizer.learning_rate
    assert rate.assign(0.1) is rate
    assert float(optimizer.learning_rate) == optimizer.learning_rate.numpy() == 0.1
    assert optimizer.learning_rate == 0.1 and optimizer.learning_rate < 1
    assert (2 * optimizer.learning_rate, f"{optimizer.learning_rate:g}") == (0.2, "0.1")
    optimizer.learning_rate *= 0.5
    optimizer.learning_rate.assign_add(0.2)
    assert float(optimizer.learning_rate) == pytest.approx(0.25)
    optimizer.learning_rate = 0.25
    assert float(rate) == 0.25  # it stays the same variable
    w = Parameter([1.0, 2.0])
    optimizer.apply([np.ones(2)], [w])
    np.testing.assert_allclose(w.numpy(), [0.75, 1.75])


def test_kernels_get_the_learning_rate_as_a_plain_float():
    seen = []

    class Watched(SGD):
        def update(self, w, g, state, lr, t, threads):
            seen.append(type(lr))

    for rate in (0.5, schedules.ExponentialDecay(0.5, 1, 0.5), lambda: 0.5):
        Watched(rate).apply([np.ones(2)], [Parameter([1.0, 2.0])])
    assert seen == [float] * 3


def test_learning_rate_of_another_optimizer_is_copied():
    first = SGD(0.5)
    second = SGD(first.learning_rate)
    third = SGD(0.1)
    third.learning_rate = first.learning_rate
    assert schedules.CosineDecay(first.learning_rate, 5)(0) == 0.5
    first.learning_rate.assign(0.25)
    assert (float(second.learning_rate), float(third.learning_rate)) == (0.5, 0.5)
    assert json.loads(json.dumps(first.get_config()))["learning_rate"] == 0.25


def test_learning_rate_of_a_schedule_can_be_read_but_not_assigned():
    optimizer = SGD(schedules.ExponentialDecay(0.5, 1, 0.5))
    assert optimizer.learning_rate.numpy() == float(optimizer.learning_rate) == 0.5
    with pytest.raises(ValueError, match="read-only"):
        optimizer.learning_rate.assign(0.1)
    with pytest.raises(TypeError, match="a schedule sets the learning rate"):
        optimizer.learning_rate = 0.1


def test_two_clippings_are_both_named():
    with pytest.raises(ValueError, match=r"SGD: .* got clipnorm=1 and clipvalue=0.5"):
        SGD(clipnorm=1, clipvalue=0.5)


def test_state_is_restored_from_a_list_of_arrays():
    w, twin = Parameter([1.0, 2.0]), Parameter([1.0, 2.0])
    optimizer, other = optimizers.Adam(0.1), optimizers.Adam(0.1)
    optimizer.apply([np.array([0.5, -1.0])], [w])
    with pytest.raises(
        ValueError, match=r"adam_1: expected .* arrays, got 4; call build\(variables\)"
    ):
        other.set_weights(optimizer.variables)
    other.build([twin])
    other.set_weights(optimizer.variables)
    for first, second in zip(optimizer.variables, other.variables, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.1, 0.9, False, 0.01, 0.5),
        RMSprop(0.1, 0.9, 0.5, 1e-7, True, 0.01, 0.5),
        Adam(0.1, 0.8, 0.9, 1e-6, True, 0.01, 0.5),
        AdamW(0.1, 0.01, 0.8, 0.9, 1e-6, True, 0.5),
        Nadam(0.1, 0.8, 0.9, 1e-6, 0.01, 0.5),
        Lion(0.1, 0.8, 0.9, 0.01, 0.5),
        optimizers.Adamax(0.1, 0.8, 0.9, 1e-6, 0.01, 0.5),
        optimizers.Adagrad(0.1, 0.2, 1e-6, 0.01, 0.5),
        optimizers.Adadelta(0.1, 0.8, 1e-6, 0.01, 0.5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_arguments_by_place_are_in_keras_order(optimizer):
    assert (optimizer.weight_decay, optimizer.clipnorm) == (0.01, 0.5)
    assert re.fullmatch(rf"{to_snake_case(type(optimizer).__name__)}(_\d+)?", optimizer.name)
    assert optimizer.from_config(optimizer.get_config()).get_config() == optimizer.get_config()


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), None, "fast", True, [0.1]])
def test_a_learning_rate_is_checked_whoever_assigns_it(value):
    optimizer = SGD(0.5)
    with pytest.raises(ValueError, match="expected learning_rate"):
        optimizer.learning_rate.assign(value)
    with pytest.raises(ValueError, match=r"got -0\.5"):
        optimizer.learning_rate.assign_sub(1)
    with pytest.raises(ValueError, match="expected a number from 0 as learning_rate"):
        optimizer.set_state(optimizer.get_state() | {"learning_rate": True})
    with pytest.raises(ValueError, match="expected a whole number from 0 as iterations"):
        optimizer.set_state(optimizer.get_state() | {"iterations": True})
    assert optimizer.learning_rate == 0.5
