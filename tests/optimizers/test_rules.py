"""Every update rule against its formula, repeated here in float64 NumPy.

A rule is found by introspection and fails until its transcription is here.
"""

import numpy as np
import pytest

from minigrad import Parameter, kernels, optimizers
from minigrad.kernels import reference

pytestmark = pytest.mark.right_numbers

RULES = {
    name: rule
    for name, rule in vars(optimizers).items()
    if isinstance(rule, type) and issubclass(rule, optimizers.Optimizer)
    if rule is not optimizers.Optimizer
}


# --- the formulas of the papers and of Keras: (w, gradients) -> w at the end ---------------------


def sgd(w, gradients, learning_rate=0.01, momentum=0.0, nesterov=False):
    v = 0.0
    for g in gradients:
        v = momentum * v - learning_rate * g
        w = w + (momentum * v - learning_rate * g if nesterov else v)
    return w


def adagrad(w, gradients, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7):
    a = initial_accumulator_value
    for g in gradients:
        a = a + g**2
        w = w - learning_rate * g / (a + epsilon) ** 0.5
    return w


def rmsprop(w, gradients, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False):
    v = m = b = 0.0
    for g in gradients:
        v = rho * v + (1 - rho) * g**2
        m = rho * m + (1 - rho) * g
        variance = v - m**2 if centered else v
        b = momentum * b + learning_rate * g / (variance + epsilon) ** 0.5
        w = w - b
    return w


def adam(w, gradients, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False):
    m = v = v_max = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        v_max = np.maximum(v_max, v) if amsgrad else v
        alpha = learning_rate * (1 - beta_2**t) ** 0.5 / (1 - beta_1**t)
        w = w - alpha * m / (v_max**0.5 + epsilon)
    return w


def adamw(w, gradients, learning_rate=0.001, weight_decay=0.004, **others):
    # A rule's step does not depend on the weight: the part of the decay can be separated.
    moved = [adam(0.0, gradients[: t + 1], learning_rate, **others) for t in range(len(gradients))]
    for step in np.diff(np.array(moved), axis=0, prepend=0.0):
        w = w - learning_rate * weight_decay * w + step
    return w


def nadam(w, gradients, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    def u(t):
        return beta_1 * (1 - 0.5 * 0.96**t)

    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        product = np.prod([u(i) for i in range(1, t + 1)])
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = u(t + 1) * m / (1 - product * u(t + 1)) + (1 - u(t)) * g / (1 - product)
        v_hat = v / (1 - beta_2**t)
        w = w - learning_rate * m_hat / (v_hat**0.5 + epsilon)
    return w


def adamax(w, gradients, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    m = u = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        u = np.maximum(beta_2 * u, abs(g))
        w = w - learning_rate / (1 - beta_1**t) * m / (u + epsilon)
    return w


def adadelta(w, gradients, learning_rate=0.001, rho=0.95, epsilon=1e-7):
    a = d = 0.0
    for g in gradients:
        a = rho * a + (1 - rho) * g**2
        step = (d + epsilon) ** 0.5 / (a + epsilon) ** 0.5 * g
        d = rho * d + (1 - rho) * step**2
        w = w - learning_rate * step
    return w


def lion(w, gradients, learning_rate=0.001, beta_1=0.9, beta_2=0.99):
    m = 0.0
    for g in gradients:
        w = w - learning_rate * np.sign(beta_1 * m + (1 - beta_1) * g)
        m = beta_2 * m + (1 - beta_2) * g
    return w


def muon(
    w, gradients, learning_rate=0.001, adam_beta_1=0.9, adam_beta_2=0.999, adam_weight_decay=0.004,
    epsilon=1e-7, weight_decay=0.004, muon_a=3.4445, muon_b=-4.775, muon_c=2.0315, adam_lr_ratio=1,
    momentum=0.95, ns_steps=5, nesterov=True, rms_rate=0.2,
):  # fmt: skip
    if np.ndim(w) != 2:
        betas = {"beta_1": adam_beta_1, "beta_2": adam_beta_2, "epsilon": epsilon}
        decay = {"weight_decay": adam_weight_decay / adam_lr_ratio}
        return adamw(w, gradients, learning_rate * adam_lr_ratio, **decay, **betas)
    m = 0.0
    for g in gradients:
        m = momentum * m + g
        u, s, v = np.linalg.svd(g + momentum * m if nesterov else m, full_matrices=False)
        s = s / (np.sqrt(np.sum(s**2)) + 1e-7)
        for _ in range(ns_steps):  # what the iteration does to the singular values
            s = muon_a * s + muon_b * s**3 + muon_c * s**5
        scale = 1.0 if rms_rate is None else rms_rate * max(w.shape) ** 0.5
        w = w - learning_rate * weight_decay * w - learning_rate * scale * (u * s) @ v
    return w


def adafactor(
    w, gradients, learning_rate=0.001, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3,
    clip_threshold=1.0, relative_step=True,
):  # fmt: skip
    r = c = v = 0.0
    for t, g in enumerate(gradients, start=1):
        beta, squares = 1 - t**beta_2_decay, g**2 + epsilon_1
        if np.ndim(w) < 2:
            v = beta * v + (1 - beta) * squares
        else:
            r = beta * r + (1 - beta) * np.mean(squares, axis=-1, keepdims=True)
            c = beta * c + (1 - beta) * np.mean(squares, axis=-2, keepdims=True)
            v = r * c / np.mean(r, axis=-2, keepdims=True)
        u = g / v**0.5
        u = u / max(1, np.mean(u**2) ** 0.5 / clip_threshold)
        w = w - min(learning_rate, t**-0.5) * max(epsilon_2, np.mean(w**2) ** 0.5) * u
    return w


# A rule's transcription has its name in lower case.
TRANSCRIPTIONS = {name: globals()[name.lower()] for name in RULES if name.lower() in globals()}


def own_arguments(rule):
    """The arguments that only this rule has, with their defaults."""
    common = optimizers.Optimizer(0.1).get_config()
    return {name: value for name, value in rule().get_config().items() if name not in common}


def nudged(value):
    """A value that the tests must be able to distinguish from this default."""
    if isinstance(value, bool):
        return not value
    if value == 0:
        return 0.01
    return value + min(value, 0.1 * (1 - value))  # 0.9 -> 0.91, 1e-7 -> 2e-7


# What these do to an element depends on the whole weight: they have tests of their own below.
WHOLE = ("Muon", "Adafactor")
CHANGES = [
    (name, argument, nudged(value))
    for name, rule in RULES.items()
    if name not in WHOLE
    for argument, value in own_arguments(rule).items()
    if argument != "nesterov"  # which has no effect without momentum
]
CHANGES.append(("AdamW", "weight_decay", 0.0041))

# Every argument is moved off its default; a large epsilon shows where it is added.
CASES = [
    *[(name, {}) for name in RULES],
    *[
        (name, {a: nudged(v) for a, v in own_arguments(RULES[name]).items()})
        for name in RULES
        if name not in WHOLE
    ],
    ("SGD", {"learning_rate": 0.05, "momentum": 0.8}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True}),
    ("SGD", {"nesterov": True}),
    ("Adagrad", {"learning_rate": 0.2, "initial_accumulator_value": 0.0, "epsilon": 0.01}),
    ("RMSprop", {"learning_rate": 0.02, "rho": 0.7, "epsilon": 0.01}),
    ("RMSprop", {"momentum": 0.6, "epsilon": 0.01}),
    ("RMSprop", {"centered": True, "epsilon": 0.01}),
    ("RMSprop", {"momentum": 0.6, "centered": True, "epsilon": 0.01}),
    ("Adam", {"learning_rate": 0.02, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 0.01}),
    ("Adam", {"amsgrad": True}),
    ("Adam", {"amsgrad": True, "beta_2": 0.8, "epsilon": 0.01}),
    ("AdamW", {"weight_decay": 0.3, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 0.01}),
    ("AdamW", {"amsgrad": True, "beta_2": 0.8, "learning_rate": 0.1}),
    ("Nadam", {"learning_rate": 0.02, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 0.01}),
    ("Adamax", {"learning_rate": 0.02, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 0.01}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.7, "epsilon": 0.01}),
    ("Lion", {"learning_rate": 0.02, "beta_1": 0.6, "beta_2": 0.8}),
    (
        "Muon",
        {"learning_rate": 0.02, "adam_beta_1": 0.7, "adam_beta_2": 0.9, "epsilon": 0.01,
         "adam_lr_ratio": 0.5, "adam_weight_decay": 0.3},
    ),
    (
        "Adafactor",
        {"learning_rate": 0.3, "beta_2_decay": -0.5, "epsilon_1": 1e-3, "epsilon_2": 2.0,
         "clip_threshold": 0.4},
    ),
]  # fmt: skip


def make_gradients(steps, size):
    """Gradients that differ in scale by 1e5 and fade: every part of a rule has an effect."""
    generator = np.random.default_rng(20)
    scales = np.logspace(-4, 1, size)
    fading = 0.93 ** np.arange(steps)[:, None]
    return fading * scales * (generator.standard_normal((steps, size)) + 0.3)


def train(rule, w, gradients, dtype, **arguments):
    parameter = Parameter(w, dtype=dtype)
    optimizer = rule(parameters=[parameter], **arguments)
    for g in gradients:
        parameter.grad = g.astype(dtype)
        optimizer.step()
    return parameter.data


def relative_error(found, expected, start):
    """The largest deviation, relative to the distance that the weight has moved."""
    return np.max(np.abs(found - expected) / np.abs(expected - start))


def test_every_rule_has_its_transcription():
    assert len(RULES) >= 9
    assert set(RULES) == set(TRANSCRIPTIONS)


@pytest.mark.parametrize(("name", "arguments"), CASES)
@pytest.mark.parametrize(("steps", "size"), [(60, 37), (3, 40_001)])  # one thread; several
def test_rule_equals_its_formula_in_float64(name, arguments, steps, size):
    w = np.linspace(-2, 3, size)
    gradients = make_gradients(steps, size)
    expected = TRANSCRIPTIONS[name](w, gradients, **arguments)
    found = train(RULES[name], w, gradients, "float64", **arguments)
    assert found.dtype == np.float64
    assert relative_error(found, expected, w) < 1e-9


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_rule_equals_its_formula_in_float32(name, arguments):
    w = np.zeros(37)  # the weight's rounding must not hide the step's
    gradients = make_gradients(60, 37).astype(np.float32).astype(np.float64)
    expected = TRANSCRIPTIONS[name](w, gradients, **arguments)
    found = train(RULES[name], w, gradients, "float32", **arguments)
    assert found.dtype == np.float32
    assert np.max(np.abs(found - expected)) < 1e-5 * np.max(np.abs(expected))


@pytest.mark.parametrize(("name", "argument", "value"), CHANGES)
def test_inputs_tell_a_changed_argument(name, argument, value):
    w = np.linspace(-2, 3, 37)
    gradients = make_gradients(60, 37)
    usual = TRANSCRIPTIONS[name](w, gradients)
    changed = train(RULES[name], w, gradients, "float64", **{argument: value})
    assert relative_error(changed, usual, w) > 1e-7  # a hundred times the tolerance of the rules


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_threads_do_not_change_bits(name, arguments, dtype, num_threads):
    size = 40_001
    w, gradients = np.linspace(-2, 3, size), make_gradients(2, size)
    results = []
    for threads in (1, 2, 3):
        num_threads(threads)
        results.append(train(RULES[name], w, gradients, dtype, **arguments).tobytes())
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (2, 3, 5)])
def test_rule_takes_arrays_of_any_shape(name, shape):
    parameter = Parameter(np.ones(shape))
    optimizer = RULES[name](parameters=[parameter])
    parameter.grad = np.full(shape, 0.5, np.float32)
    optimizer.step()
    assert parameter.shape == shape
    assert np.all(parameter.data < 1)


@pytest.mark.parametrize("name", RULES)
def test_nan_reaches_the_weights(name):
    found = train(RULES[name], np.zeros(3), np.array([[1.0, np.nan, 1.0]]), "float32")
    assert np.isnan(found).tolist() == [name == "Adafactor", True, name == "Adafactor"]


def test_centered_rmsprop_survives_large_constant_gradients():
    gradients = np.tile(np.linspace(50, 1000, 501), (200, 1))  # rounding takes v - m² below 0
    found = train(RULES["RMSprop"], np.zeros(501), gradients, "float32", centered=True)
    assert np.all(np.isfinite(found))


@pytest.mark.parametrize("name", RULES)
def test_gradients_are_not_changed(name):
    g = np.linspace(-1, 1, 11, dtype=np.float32)
    g.flags.writeable = False
    parameter = Parameter(np.ones(11))
    common = {"weight_decay": 0.1, "use_ema": True, "gradient_accumulation_steps": 2}
    optimizer = RULES[name](**common, clipnorm=0.1, loss_scale_factor=2.0)
    for _ in range(4):
        optimizer.apply([g], [parameter])
    np.testing.assert_array_equal(g, np.linspace(-1, 1, 11, dtype=np.float32))


HUGE = [("Adagrad", {}), ("RMSprop", {}), ("RMSprop", {"centered": True, "momentum": 0.9}),
        ("Adam", {}), ("Adam", {"amsgrad": True}), ("AdamW", {}), ("Nadam", {}), ("Adamax", {}),
        ("Adadelta", {}), ("Lion", {}), ("SGD", {"momentum": 0.9}), ("Muon", {}),
        ("Adafactor", {})]  # fmt: skip


@pytest.mark.parametrize("kind", ["plain", "reference"])
@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e25), ("float64", 1e200)])
@pytest.mark.parametrize(("name", "options"), HUGE)
def test_gradients_whose_square_overflows_leave_weights_finite(
    name, options, dtype, size, kind, monkeypatch
):
    if kind == "reference":
        for step in [name for name in vars(reference) if name.endswith("_step")]:
            monkeypatch.setattr(kernels, step, getattr(reference, step))
    optimizer = RULES[name](0.1, **options)
    w = Parameter(np.ones(19), dtype=dtype)
    for factor in (1, 1, -3, 2):
        optimizer.apply([np.full(19, factor * size, dtype)], [w])
        assert np.isfinite(w.data).all()
        for state in optimizer.get_state().values():
            assert np.isfinite(state).all()
    if name not in (
        "SGD",
        "Adadelta",
    ):  # their steps have the size of the gradient, or of earlier ones
        assert np.abs(w.data - 1).max() < 3


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize(("name", "options"), HUGE[:9])
def test_gradients_that_are_not_finite_show_in_the_weights(name, options, value):
    w = Parameter(np.ones(19))
    optimizer = RULES[name](0.1, **options)
    with np.errstate(invalid="ignore"):  # the twins, in NumPy, warn
        for _ in range(2):
            optimizer.apply([np.full(19, value, "float32")], [w])
    assert not np.isfinite(w.data).any()


@pytest.mark.parametrize(("name", "options"), HUGE[:9])
def test_ordinary_gradients_are_not_limited(name, options):
    """Up to 2**60 a scaled problem takes the same steps, to rounding, in rules without a scale."""
    if name == "Adadelta":
        return
    ends = []
    for size in (2.0**30, 2.0**59):
        w, optimizer = Parameter(np.ones(3), dtype="float32"), RULES[name](0.1, **options)
        if name == "Adagrad":
            optimizer = RULES[name](0.1, initial_accumulator_value=0.0)
        for g in (0.5, 1.0, -0.25):
            optimizer.apply([np.full(3, g * size, "float32")], [w])
        ends.append(w.data)
    np.testing.assert_allclose(*ends, rtol=1e-6)


# --- rules of whole matrices ---------------------------------------------------------------------

SHAPES = [(7, 5), (5, 7), (1, 9), (30, 41), (2, 3, 5, 4)]
MATRIX_CASES = [
    ("Muon", {}),
    ("Muon", {"learning_rate": 0.05, "weight_decay": 0.3, "momentum": 0.6, "nesterov": False}),
    ("Muon", {"learning_rate": 0.05, "rms_rate": None, "ns_steps": 3}),
    ("Muon", {"learning_rate": 0.05, "muon_a": 2.0, "muon_b": -1.5, "muon_c": 0.5, "rms_rate": 1}),
    ("Adafactor", {}),
    ("Adafactor", {"learning_rate": 1.0, "beta_2_decay": -0.5, "epsilon_1": 1e-3}),
    ("Adafactor", {"learning_rate": 0.1, "epsilon_2": 2.0, "clip_threshold": 0.4}),
]


def make_matrices(shape, steps=12):
    generator = np.random.default_rng(21)
    scales = np.logspace(-2, 1, shape[-1])
    return generator.normal(size=shape) / 64, generator.normal(size=(steps, *shape)) * scales


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "arguments"), MATRIX_CASES)
def test_rule_of_matrices_equals_its_formula(name, arguments, shape):
    w, gradients = make_matrices(shape)
    gradients = gradients.astype(np.float32).astype(np.float64)
    expected = TRANSCRIPTIONS[name](w, gradients, **arguments)
    found = train(RULES[name], w, gradients, "float64", **arguments)
    assert np.max(np.abs(found - expected)) < 1e-9 * np.max(np.abs(expected - w))
    found = train(RULES[name], w.astype("float32"), gradients, "float32", **arguments)
    assert found.dtype == np.float32
    assert np.max(np.abs(found - expected)) < 5e-5 * np.max(np.abs(expected - w))


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("Muon", "momentum", 0.94), ("Muon", "nesterov", False), ("Muon", "ns_steps", 6),
        ("Muon", "muon_a", 3.44), ("Muon", "muon_b", -4.77), ("Muon", "muon_c", 2.03),
        ("Muon", "rms_rate", 0.21), ("Muon", "weight_decay", 0.0041),
        ("Adafactor", "beta_2_decay", -0.81), ("Adafactor", "clip_threshold", 0.9),
        ("Adafactor", "epsilon_1", 1e-6), ("Adafactor", "epsilon_2", 1.2),
        ("Adafactor", "learning_rate", 0.00101),
    ],
)  # fmt: skip
def test_matrices_tell_a_changed_argument(name, argument, value):
    w, gradients = make_matrices((7, 5))
    usual = TRANSCRIPTIONS[name](w, gradients)
    changed = train(RULES[name], w, gradients, "float64", **{argument: value})
    assert np.max(np.abs(changed - usual)) > 1e-7 * np.max(np.abs(usual - w))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", WHOLE)
def test_threads_do_not_change_bits_of_matrices(name, dtype, num_threads):
    w, gradients = make_matrices((300, 260), steps=2)
    results = set()
    for threads in (1, 2, 3):
        num_threads(threads)
        results.add(train(RULES[name], w, gradients, dtype).tobytes())
    assert len(results) == 1


def test_muons_direction_has_singular_values_near_1():
    _, (g,) = make_matrices((40, 60), steps=1)
    before = np.linalg.svd(g, compute_uv=False)
    assert before.min() < 0.02 * before.max()
    step = -train(RULES["Muon"], np.zeros((40, 60)), [g], "float64", learning_rate=1, rms_rate=None)
    values = np.linalg.svd(step, compute_uv=False)
    assert 0.4 < values.min() < values.max() < 1.203
    assert np.quantile(values, 0.1) > 0.68


def test_muon_takes_adams_step_where_it_is_asked_to():
    """And Adam's decay; matrices elsewhere take neither."""
    generator = np.random.default_rng(22)
    names = ["dense/kernel", "token_embedding/embeddings", "output/kernel"]
    for options, adams in [
        ({}, [False, True, False]),
        ({"exclude_layers": ["^out"]}, [False, True, True]),
        ({"exclude_embeddings": False, "exclude_layers": ["nothing"]}, [False, False, False]),
    ]:
        variables = [Parameter(generator.normal(size=(4, 3)), "float64", name) for name in names]
        starts = [variable.data.copy() for variable in variables]
        decays = {"weight_decay": 0.3, "adam_weight_decay": None}
        optimizer = optimizers.Muon(0.1, **options, **decays)
        grads = [generator.normal(size=(4, 3)) for _ in names]
        optimizer.apply(grads, variables)
        for variable, w, g, is_adams in zip(variables, starts, grads, adams, strict=True):
            expected = adam(w, [g], 0.1) if is_adams else muon(w, [g], 0.1, weight_decay=0.3)
            np.testing.assert_allclose(variable.data, expected, rtol=1e-10)
            assert ("v" in optimizer._state[variable]) == is_adams


def test_muon_refuses_a_text_as_list_of_layers():
    with pytest.raises(TypeError, match="exclude_layers as a list of texts, got 'output'"):
        optimizers.Muon(exclude_layers="output")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adafactor_survives_rows_and_columns_without_gradients(dtype):
    """Where ε₁² is 0: their v would be, and 0 / 0. In Keras all weights are NaN then."""
    g = np.zeros((4, 3))
    g[1:, 1:] = [[1, -2], [3, 4], [-5, 6]]
    found = train(RULES["Adafactor"], np.ones((4, 3)), [g, g], dtype)
    moved = found != 1
    np.testing.assert_array_equal(moved, g != 0)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e25), ("float64", 1e200), ("float32", 0)])
@pytest.mark.parametrize("name", WHOLE)
def test_matrices_stay_finite_at_gradients_of_any_size(name, dtype, size):
    w, gradients = make_matrices((5, 4), steps=4)
    found = train(RULES[name], w, size * gradients / 30, dtype, learning_rate=0.1)
    assert np.isfinite(found).all()
    assert np.abs(found - w).max() < 2


@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("name", WHOLE)
def test_matrices_show_gradients_that_are_not_finite(name, value):
    w, gradients = make_matrices((5, 4), steps=1)
    gradients[0, 2, 1] = value
    assert not np.isfinite(train(RULES[name], w, gradients, "float32")[2, 1])
