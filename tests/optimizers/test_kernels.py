"""What the step kernels refuse, and many steps as one job of the threads (results: test_rules)."""

import inspect
import itertools

import numpy as np
import pytest

import minigrad
from minigrad import Parameter, kernels, optimizers
from minigrad.kernels import reference
from minigrad.kernels.runtime.threads import default_kind
from minigrad.optimizers import OPTIMIZERS

MODULES = {  # what is refused does not depend on the instruction set
    "plain": kernels.load("plain", kernels.levels()[-1]),
    "reference": kernels.load("reference"),
}
STEPS = sorted(name for name in vars(reference) if name.endswith("_step"))
OPTIONAL = {("sgd_step", "v"), ("rmsprop_step", "m"), ("rmsprop_step", "b"), ("adam_step", "v_max")}
ARRAYS = {"w", "g"} | {state for _, state in OPTIONAL}
for rule in OPTIMIZERS.members:
    ARRAYS |= set(rule().state_names)
SHAPES = [(0,), (1,), (4,), (6,), (), (5, 1), (1, 5)]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("name", STEPS)
def test_arrays_of_other_shapes_are_refused(module, name):
    names = list(inspect.signature(getattr(reference, name)).parameters)
    for odd, shape in itertools.product(ARRAYS.intersection(names), SHAPES):
        arguments = [np.ones(5) if argument in ARRAYS else 1 for argument in names]
        arguments[names.index(odd)] = np.ones(shape)
        with pytest.raises(ValueError, match=f"{name}: expected arrays"):
            MODULES[module][name](*arguments)
        for argument, array in zip(names, arguments, strict=True):
            if argument in ARRAYS:
                assert np.all(array == 1), "written into before the shapes were checked"


@pytest.mark.parametrize("name", STEPS)
def test_none_is_refused_but_for_optional_states(name):
    names = list(inspect.signature(getattr(reference, name)).parameters)
    for odd in ARRAYS.intersection(names):
        arguments = [np.ones(5) if argument in ARRAYS else 1 for argument in names]
        arguments[names.index(odd)] = None
        if (name, odd) in OPTIONAL:
            MODULES["plain"][name](*arguments)
        else:
            with pytest.raises(TypeError, match=f"'{odd}'"):
                MODULES["plain"][name](*arguments)


# --- many steps as one job -----------------------------------------------------------------------

COMPILED = [kernels.load(default_kind(), level) for level in kernels.levels()]
LENGTHS = [(), (0,), (1,), (65,), (3, 1, 5), (32767,), (50001,), (7, 12345), (2,)]


def make_arguments(name, seed, dtype, shape):
    """Arguments of a step kernel by name, but for threads: every rule takes positive numbers."""
    rng = np.random.default_rng(seed)
    names = list(inspect.signature(getattr(reference, name)).parameters)[:-1]
    arguments = {n: 0.25 + 0.01 * i for i, n in enumerate(names)} | {"nesterov": False}
    arrays = {n: np.array(rng.uniform(0.2, 0.7, shape), dtype) for n in names if n in ARRAYS}
    return {n: (arguments | arrays)[n] for n in names}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("module", COMPILED, ids=kernels.levels())
def test_one_job_has_the_bits_of_many(module, threads, name):
    types = [np.float32, np.float64]
    rows = [
        make_arguments(name, i, types[i % 2], shape)
        for i, shape in enumerate([*LENGTHS, *LENGTHS])  # both types of each shape
    ]
    copies = [{n: np.copy(x) if n in ARRAYS else x for n, x in row.items()} for row in rows]
    steps = []
    for row in rows:
        module[name](**row, threads=steps)
    for row, copy in zip(rows, copies, strict=True):
        assert row["w"].tobytes() == copy["w"].tobytes(), "not put off"
    module["run_steps"](steps, threads)
    for row, copy in zip(rows, copies, strict=True):
        exact = {n: np.copy(x) if n in ARRAYS else x for n, x in copy.items()}
        module[name](**copy, threads=1)
        getattr(reference, name)(**exact, threads=1)
        for n in ARRAYS.intersection(row):
            assert row[n].tobytes() == copy[n].tobytes(), n
            tolerance = 64 * np.finfo(row[n].dtype).eps
            np.testing.assert_allclose(row[n], exact[n], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shared", ["gradient", "weights", "part", "state"])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_steps_that_share_arrays_are_made_in_their_order(threads, shared):
    def make():
        a, b, c = (np.random.default_rng(i).normal(size=(2, 50001)) for i in range(3))
        w, g, v = a[0], b[0], c[0]
        if shared == "gradient":  # of the second step: the weights that the first one changes
            return [[w, g, v], [a[1], w, c[1]]]
        if shared == "weights":
            return [[w, g, v], [w, b[1], c[1]]]
        if shared == "part":
            whole = a.reshape(-1)
            return [[w, g, v], [whole[100:50101], b[1], c[1]]]
        return [[w, g, v], [a[1], b[1], v]]

    rows, expected = make(), make()
    steps = []
    for row in rows:
        kernels.sgd_step(*row, 0.5, 0.9, False, steps)
    kernels.run_steps(steps, threads)
    for row in expected:
        kernels.sgd_step(*row, 0.5, 0.9, False, 1)
    for row, other in zip(rows, expected, strict=True):
        assert [x.tobytes() for x in row] == [x.tobytes() for x in other]


@pytest.mark.skipif(kernels.kind == "reference", reason="it puts nothing off")
@pytest.mark.parametrize("size", [9, 50001])
def test_arrays_live_until_the_job(size):
    w, steps = np.ones(size), []
    kernels.sgd_step(w, np.full(size, 2.0), None, 1.0, 0.0, False, steps)  # nothing else holds g
    np.full(size, 7.0)
    kernels.run_steps(steps, 2)
    assert np.all(w == -1)
    with pytest.raises(TypeError):
        kernels.run_steps([w], 2)


@pytest.mark.skipif(kernels.kind == "reference", reason="it puts nothing off")
def test_a_failing_check_changes_no_weight():
    weights = [Parameter(np.ones(n), path=f"w{n}") for n in (3, 40000, 5)]
    optimizer = optimizers.Adam(parameters=weights)
    optimizer._state[weights[2]]["m"] = np.zeros(4)
    with pytest.raises(ValueError, match="adam_step: expected arrays"):
        optimizer.apply([np.ones(w.shape) for w in weights])
    assert all(np.all(w.data == 1) for w in weights) and optimizer.iterations == 0


class Halving(optimizers.SGD):
    """A rule that looks at the weights after another one's step."""

    def update(self, w, g, state, lr, t, threads):
        super().update(w, g, state, lr, t, threads)
        w /= 2


def halve(update):
    def changed(w, *others):
        update(w, *others)
        w /= 2

    return changed


@pytest.mark.parametrize("way", ["subclass", "instance", "class"])
def test_own_rules_find_each_step_made(way, monkeypatch):
    weights = [Parameter(np.full(n, 3.0)) for n in (2, 40000)]
    optimizer = Halving(1.0) if way == "subclass" else optimizers.SGD(1.0)
    if way == "instance":
        optimizer.update = halve(optimizer.update)
    if way == "class":
        update = optimizers.SGD.update
        monkeypatch.setattr(
            optimizers.SGD, "update", lambda self, *args: halve(update.__get__(self))(*args)
        )
    optimizer.apply([np.ones(w.shape) for w in weights], weights)
    assert [set(w.data) for w in weights] == [{1.0}, {1.0}]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("rule", sorted(OPTIMIZERS.members, key=str))
def test_a_step_of_many_weights_is_that_of_each_alone(rule, threads):
    def weights():
        rng, types = np.random.default_rng(3), ["float32", "float64"]
        return [Parameter(rng.normal(size=s), types[i % 2]) for i, s in enumerate(LENGTHS)]

    together, alone, before = weights(), weights(), minigrad.get_num_threads()
    one, others = rule(0.01), [rule(0.01) for _ in alone]
    try:
        minigrad.set_num_threads(threads)
        for step in range(3):
            gradients = [np.cos(w.data + step) for w in together]
            one.apply(gradients, together)
            minigrad.set_num_threads(1)
            for weight, g, other in zip(alone, gradients, others, strict=True):
                other.apply([g], [weight])
            minigrad.set_num_threads(threads)
    finally:
        minigrad.set_num_threads(before)
    for weight, other in zip(together, alone, strict=True):
        assert weight.data.tobytes() == other.data.tobytes()
