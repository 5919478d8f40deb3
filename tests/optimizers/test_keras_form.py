"""Optimizers of one's own in Keras's form: build, update_step and the variables that they make."""

import copy

import numpy as np
import pytest

from minigrad import Input, Parameter, Sequential, Tensor, layers, ops, optimizers

GRADIENTS = np.random.default_rng(3).standard_normal((7, 3)).astype(np.float32)


class Momentum(optimizers.Optimizer):
    """SGD with momentum and Nesterov's look ahead, as one writes it for Keras."""

    def __init__(self, learning_rate=0.01, momentum=0.9, name="momentum", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        super().build(variables)
        self.momentums = []
        for variable in variables:
            self.momentums.append(self.add_variable_from_reference(variable, name="m"))

    def update_step(self, gradient, variable, learning_rate):
        m = self.momentums[self._get_variable_index(variable)]
        step = gradient * learning_rate
        self.assign(m, m * self.momentum - step)
        self.assign_add(variable, m * self.momentum)
        self.assign_sub(variable, step)


def variables():
    return [
        Parameter(np.ones((3,)), path="dense/kernel"),
        Parameter(np.ones((2, 3)), path="dense/bias"),
    ]


def run(optimizer, parameters, gradients=GRADIENTS):
    for g in gradients:
        optimizer.apply([g, np.stack([g, -g])], parameters)
    return parameters


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"clipnorm": 0.5, "weight_decay": 0.1},
        {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.5},
        {"learning_rate": optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)},
    ],
)
def test_a_rule_in_keras_form_steps_like_the_same_rule_here(options):
    options = {"learning_rate": 0.1} | options
    own = run(Momentum(**options), variables())
    expected = run(optimizers.SGD(momentum=0.9, nesterov=True, **options), variables())
    for w, e in zip(own, expected, strict=True):
        np.testing.assert_allclose(w.data, e.data, rtol=1e-5, atol=1e-6)
        assert w.requires_grad


def test_configs_hold_the_present_value_of_a_rate_that_is_a_function():
    config = optimizers.SGD(lambda: 0.25, momentum=0.5).get_config()
    assert (config["learning_rate"], config["momentum"]) == (0.25, 0.5)


def test_its_state_is_saved_resumed_and_copied():
    whole, first = variables(), variables()
    run(Momentum(), whole)
    optimizer = Momentum()
    run(optimizer, first, GRADIENTS[:3])
    names = ["iterations", "learning_rate", "dense/kernel/m", "dense/bias/m"]
    assert list(optimizer.get_state()) == names
    assert [v.shape for v in optimizer.variables] == [(), (), (3,), (2, 3)]
    second = [Parameter(w.data, path=w.path) for w in first]
    resumed = Momentum(parameters=second)
    resumed.set_state(optimizer.get_state())
    run(resumed, second, GRADIENTS[3:])
    for a, b in zip(whole, second, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    other, weights = copy.deepcopy((optimizer, first))
    run(other, weights, GRADIENTS[3:])
    np.testing.assert_array_equal(weights[0].data, whole[0].data)
    state = [other.get_state()["dense/kernel/m"], other.momentums[0].data]
    np.testing.assert_array_equal(*state)


def test_it_trains_a_model():
    model = Sequential([Input((3,)), layers.Dense(2)])
    model.compile(Momentum(0.05), "mse")
    x = np.random.default_rng(1).normal(size=(20, 3))
    history = model.fit(x, x[:, :2], epochs=30, verbose=0).history["loss"]
    assert history[-1] < history[0] / 10
    assert model.optimizer.iterations == 30
    assert {"learning_rate", "momentum", "name"} <= set(model.optimizer.get_config())


def test_a_known_rule_may_be_extended_step_by_step():
    class Signs(optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient / ops.abs(gradient), variable, learning_rate)

    own = run(Signs(0.1), variables())
    expected = run(optimizers.Adam(0.1), variables(), GRADIENTS / np.abs(GRADIENTS))
    for w, e in zip(own, expected, strict=True):
        np.testing.assert_array_equal(w.data, e.data)


def test_variables_of_an_optimizer_have_names_initializers_and_types():
    optimizer = optimizers.SGD()
    a = optimizer.add_variable((2,), "ones", "float64", name="a")
    b = optimizer.add_variable(shape=(), name="a")
    w = Tensor(np.zeros((2, 3)), requires_grad=True)
    c = optimizer.add_variable_from_reference(w, initializer="ones")
    assert [v.name for v in (a, b, c)] == ["a", "a_1", "parameter/var"]
    assert [(v.dtype, v.shape) for v in (a, b)] == [(np.float64, (2,)), (np.float32, ())]
    assert (c.dtype, c.shape, c.numpy().min(), c.requires_grad) == (w.dtype, (2, 3), 1, False)


def test_neither_update_nor_update_step_is_told():
    class Nothing(optimizers.Optimizer):
        pass

    with pytest.raises(NotImplementedError, match="Nothing must define update or update_step"):
        run(Nothing(0.1), variables())


def test_iterations_is_a_variable():
    optimizer = optimizers.Adam()
    run(optimizer, variables(), GRADIENTS[:2])
    assert (optimizer.iterations.numpy(), int(optimizer.iterations)) == (2, 2)
    assert (optimizer.iterations.dtype, optimizer.iterations.name) == (np.int64, "iteration")
    optimizer.iterations.assign(5)
    assert optimizer.iterations + 1 == 6
    accumulating = optimizers.SGD(gradient_accumulation_steps=2)
    run(accumulating, variables(), GRADIENTS[:5])
    assert accumulating.iterations == 2
    with pytest.raises(ValueError, match="read-only"):
        accumulating.iterations.assign(3)
