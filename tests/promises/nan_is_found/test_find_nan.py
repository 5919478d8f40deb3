"""`debug.find_nan` names where the first NaN or infinity is born, and changes nothing else."""

import contextlib
import gc
import inspect
import os
import re
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import minigrad
from minigrad import (
    Function,
    Parameter,
    Tensor,
    core,
    kernels,
    lab,
    layers,
    losses,
    models,
    ops,
    optimizers,
)
from minigrad.debug import NotFiniteError, find_nan

RNG = np.random.default_rng(0)
IMAGES = RNG.random((24, 9, 9, 3)).astype("f")
X, LABELS = RNG.random((24, 4)).astype("f"), np.arange(24) % 3
BIG = np.float32(3e38)


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert not core._watches
    assert not core._pauses
    assert optimizers.Optimizer.apply.__module__ == "minigrad.optimizers.base"


def found(function, *arguments, infinity=True, **options):
    """The error that `find_nan` raises while the function runs."""
    with pytest.raises(NotFiniteError) as raised, find_nan(infinity):
        function(*arguments, **options)
    return raised.value


def tensor(*values):
    return Tensor(np.array(values, "f"), requires_grad=True)


def full(value, *shape):
    return Tensor(np.full(shape, value, "f"), requires_grad=True)


def network(optimizer="sgd", loss=None, **options):
    model = models.Sequential(
        [layers.Input((4,)), layers.Dense(5, "relu", name="first"), layers.Dense(3, name="last")]
    )
    loss = losses.SparseCategoricalCrossentropy(from_logits=True) if loss is None else loss
    model.compile(optimizer, loss, **options)
    return model


# --- ops, forward -------------------------------------------------------------------------------

FORWARD = {
    "log": (lambda: ops.log(tensor(1, 0, -1, 0)), 3, (1,), "logarithm of 0"),
    "log1p": (lambda: ops.log1p(tensor(0, -1)), 1, (1,), "logarithm of 0"),
    "log10": (lambda: ops.log10(tensor(0, 1)), 1, (0,), "logarithm of 0"),
    "div": (lambda: tensor(1, 2) / tensor(1, 0), 1, (1,), "divisor is 0"),
    "reciprocal": (lambda: ops.reciprocal(tensor(1, 0)), 1, (1,), "divisor is 0"),
    "pow": (lambda: tensor(4, -1) ** 0.5, 1, (1,), "where the function is finite"),
    "sqrt": (lambda: ops.sqrt(tensor(0, -1)), 1, (1,), "below 0 it is NaN"),
    "exp": (lambda: ops.exp(tensor(80, 90, 100)), 2, (1,), "exp of more than 88"),
    "expm1": (lambda: ops.expm1(tensor(80, 90)), 1, (1,), "exp of more than 88"),
    "sinh": (lambda: ops.sinh(tensor(80, -90)), 1, (1,), "exp of more than 88"),
    "arccos": (lambda: ops.arccos(tensor(1, 2)), 1, (1,), "ops.clip"),
    "mul": (lambda: full(1e30, 2, 2) * full(1e30, 2, 2), 4, (0, 0), "have grown to 1e\\+30"),
    "add": (lambda: full(3e38, 2) + full(3e38, 2), 2, (0,), "have grown to 3e\\+38"),
    "sub": (lambda: full(-3e38, 2) - full(3e38, 2), 2, (0,), "have grown to 3e\\+38"),
    "sum": (lambda: ops.sum(full(3e38, 4)), 1, (), "have grown"),
    "mean": (lambda: ops.mean(full(3e38, 4)), 1, (), "have grown"),
    "var": (lambda: ops.var(tensor(3e38, 0)), 1, (), "have grown"),
    "matmul": (lambda: full(1e30, 2, 3) @ full(1e30, 3, 4), 8, (0, 0), "have grown"),
    "dense": (lambda: layers.Dense(2, kernel_initializer="ones")(full(3e38, 5, 3)), 10, (0, 0), ""),
    "conv2d": (lambda: ops.conv2d(full(1e30, 1, 3, 3, 2), full(1e30, 2, 2, 2, 3)), 12, None, ""),
    "avg_pool2d": (lambda: layers.AveragePooling2D(2)(full(3e38, 1, 2, 2, 1)), None, None, ""),
    "softplus": (lambda: ops.softplus(full(3e38, 2)) * 2, 2, (0,), ""),
    "cumsum": (lambda: ops.cumsum(full(3e38, 3)), 2, (1,), ""),
}


@pytest.mark.parametrize("name", FORWARD)
def test_op_that_makes_it_is_named_with_place_number_and_cure(name):
    function, count, index, cure = FORWARD[name]
    error = found(function)
    assert error.direction == "forward"
    assert error.is_made
    assert error.line == f"{__file__}:{function.__code__.co_firstlineno}"
    assert count in (None, error.count)
    assert index in (None, error.index)
    assert "made here of finite numbers" in str(error)
    assert re.search(f"cure .*{cure}", str(error))
    assert error.op == {"softplus": "mul"}.get(name, name)


def test_the_message_says_all_of_it():
    error = found(lambda: ops.log(tensor(1, 0.5, 0)))
    line = inspect.currentframe().f_lineno - 1
    assert str(error).splitlines() == [
        "log: expected finite numbers in its result, got -inf, made here of finite numbers",
        "  where    forward",
        f"  called   {__file__}:{line}",
        "  numbers  1 of 3, the first at [2]",
        "  input 1  (3,): 0 to 1, there 0",
        "  cure     a logarithm of 0 is -inf, of less NaN: write ops.log(ops.maximum(x, 1e-7)), "
        "and give losses the outputs before softmax or sigmoid, with from_logits=True",
    ]


# --- ops, backward ------------------------------------------------------------------------------

BACKWARD = {
    "sqrt": (lambda: ops.sqrt(tensor(1, 0)).sum(), (1,), "ops.norm"),
    "log": (lambda: ops.log(tensor(1, 1e-40)).sum(), (1,), "logarithm"),
    "pow": (lambda: (tensor(1, 0) ** 0.5).sum(), (1,), "where the function is finite"),
    "div": (lambda: (tensor(1) / tensor(1e-20)).sum(), (0,), "divisor"),
    "mul": (lambda: (tensor(0.1) * 3e38 * 10).sum() * 1.0, (0,), "have grown"),
    "arcsin": (lambda: ops.arcsin(tensor(0, 1)).sum(), (1,), "ops.clip"),
    "matmul": (lambda: ((full(1e-30, 1, 2) @ full(1e30, 2, 2)) * 1e20).sum(), None, "have grown"),
    "dense": (lambda: (ops.dense(full(1e-30, 2, 2), full(1e30, 2, 2)) * 1e20).sum(), None, ""),
    "conv2d": (
        lambda: (ops.conv2d(full(1e-30, 1, 3, 3, 1), full(1e30, 2, 2, 1, 1)) * 1e20).sum(),
        None,
        "",
    ),
}


@pytest.mark.parametrize("name", BACKWARD)
def test_op_whose_gradient_is_the_first_is_named_and_where_it_was_applied(name):
    function, index, cure = BACKWARD[name]
    error = found(lambda: function().backward())
    assert (error.op, error.direction, error.is_made) == (name, "backward", True)
    assert index in (None, error.index)
    file, line = error.line.rsplit(":", 1)
    assert file == __file__
    assert 0 <= int(line) - function.__code__.co_firstlineno <= 1  # not where backward is called
    assert cure in str(error)


def test_gradients_that_overflow_only_in_their_sum_are_told_from_an_op():
    def run():
        h = tensor(1e-30) * 1
        with np.errstate(over="ignore"):
            (h * 3e38 + h * 3e38).sum().backward()

    error = found(run)
    assert (error.op, error.direction, error.is_made) == ("mul", "backward", False)
    assert "sum of the gradients of its result" in str(error)


def test_gradient_that_is_given_is_not_laid_on_the_op():
    error = found(lambda: (tensor(1, 2) * 2).backward(np.array([1, np.nan], "f")))
    assert not error.is_made
    assert error.index == (1,)


def test_values_that_were_not_taken_leak_nothing_and_are_no_fault():
    with find_nan():
        t = tensor(0, 4)
        ops.where(t.data > 0, ops.sqrt(t), 0.0).sum().backward()
    assert t.grad.tolist() == [0, 0.25]


# --- ops and layers of one's own ----------------------------------------------------------------


class Spoil(Function):
    def __init__(self, direction):
        self.direction = direction

    def forward(self, x):
        return np.where(x > 0.5, np.nan, x) if self.direction == "forward" else x.copy()

    def backward(self, gy):
        return gy * np.inf


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_op_of_ones_own_is_named(direction):
    error = found(lambda: Spoil(direction)(tensor(0, 1)).sum().backward())
    assert (error.op, error.direction, error.is_made) == ("Spoil", direction, True)
    assert "check_gradients" in str(error)


class Slotted(Function):
    __slots__ = ("factor",)

    def __init__(self, factor):
        self.factor = factor

    def forward(self, x):
        return x * self.factor

    def backward(self, gy):
        return gy * self.factor


def test_op_without_a_dict_is_watched_forward_and_its_gradients_in_what_gets_them():
    assert found(lambda: Slotted(np.float32(np.inf))(tensor(1))).op == "Slotted"
    w = Parameter(np.full(2, 1e-30, "f"), name="w")
    with np.errstate(over="ignore"):
        error = found(lambda: (Slotted(BIG)(w * 1) * 1e5).sum().backward())
    assert (error.op, error.is_made) == ("mul", False)


class Scale(layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight((shape[-1],), "zeros", name="factor")

    def call(self, x):
        return ops.log(x * self.factor)


class Block(layers.Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.dense = layers.Dense(4)
        self.parts = [layers.Dropout(0.1), Scale()]

    def call(self, x):
        x = self.dense(x)
        for part in self.parts:
            x = part(x)
        return x


def test_layer_of_ones_own_is_named_by_its_path_and_the_line_in_its_call():
    model = models.Sequential([layers.Input((4,)), Block(name="block"), layers.Dense(3)])
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    error = found(model.fit, X, LABELS, batch_size=8, verbose=0)
    assert (error.layer, error.op, error.epoch, error.batch) == ("block/parts/1", "log", 1, 1)
    assert error.line == f"{__file__}:{Scale.call.__code__.co_firstlineno + 1}"
    assert "forward, in layer 'block/parts/1' (Scale) of Sequential" in str(error)
    assert "when     epoch 1, batch 1 of fit" in str(error)


def test_nested_models_name_the_layer_from_the_outermost():
    inner = models.Sequential(
        [layers.Input((4,)), layers.Dense(4), Scale(name="log")], name="inner"
    )
    x = layers.Input((4,))
    model = models.Model(x, inner(layers.Dense(4)(x)), name="outer")
    error = found(model, X)
    assert error.layer == "inner/log"
    assert "of Functional 'outer'" in str(error) or "'outer'" in str(error)


def test_op_on_symbols_belongs_to_the_model_itself():
    x = layers.Input((4,))
    model = models.Model(x, ops.log(x - 10.0))
    error = found(model.predict, X, verbose=0)
    assert (error.layer, error.op, error.batch, error.epoch) == ("", "log", 1, None)
    assert "batch 1 of predict" in str(error)


def test_one_of_several_outputs_and_inputs_is_found():
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    model = models.Model([a, b], {"p": layers.Dense(2)(a), "q": Scale(name="bad")(b)})
    model.compile("sgd", "mse")
    y = {"p": np.zeros((24, 2)), "q": np.zeros((24, 4))}
    assert found(model.fit, [X, X], y, verbose=0).layer == "bad"
    spoilt = X.copy()
    spoilt[3, 2] = np.nan
    error = found(model.fit, [X, spoilt], y, verbose=0)
    assert "in x[1], got nan" in str(error)
    assert "samples  1 of all 24: 3" in str(error)


class Split(layers.Layer):
    def call(self, x):
        return [x, [x * 2, x / 0.0]]


def test_list_of_outputs_is_found_in_the_layer_that_made_it():
    model = models.Sequential([layers.Input((4,)), Split(name="split")])
    assert found(model, X).layer == "split"


def test_lambda_and_activation_are_layers_too():
    model = models.Sequential([layers.Input((4,)), layers.Lambda(lambda x: ops.log(-x), name="f")])
    assert found(model.predict, X, verbose=0).layer == "f"
    model = models.Sequential([layers.Input((4,)), layers.Activation("exponential", name="e")])
    error = found(model.predict, X + 100, verbose=0)
    assert (error.layer, error.op) == ("e", "exp")


def test_layers_that_run_as_one_are_all_named():
    model = models.Sequential(
        [layers.Input((9, 9, 3)), layers.Conv2D(4, 3, activation="relu", name="conv")]
    )
    names = ["conv"]
    for layer in (layers.MaxPooling2D(2, name="pool"), layers.Dropout(0.5, name="drop")):
        model.add(layer)
        names.append(layer.name)
        for weight in model.layers[0].weights:
            weight.assign(np.full(weight.shape, 3e38))
        error = found(model, IMAGES, training=True)
        fused = minigrad.kernels.kind == "fast"
        assert error.layer == (" + ".join(names) if fused else "conv")
    model.add(layers.Flatten())
    assert found(model, IMAGES).layer == ("conv + pool" if fused else "conv")  # no dropout here


# --- data, weights, labels, the loss ------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("shuffle", [False, True])
def test_data_that_are_not_finite_are_named_by_their_rows(value, shuffle):
    x = X.copy()
    x[17, 2] = x[5, 0] = value
    error = found(network().fit, x, LABELS, batch_size=8, shuffle=shuffle, verbose=0)
    assert not error.is_made
    assert f"expected finite numbers in x, got {value}" in str(error)
    assert "samples  2 of all 24: 5, 17" in str(error)
    assert "np.nan_to_num" in str(error)
    if not shuffle:
        assert (error.epoch, error.batch, error.index) == (1, 1, (5, 0))


def test_data_of_predict_evaluate_train_on_batch_and_validation_are_named():
    x = X.copy()
    x[17, 2] = np.nan
    model = network()
    error = found(model.predict, x, batch_size=8, verbose=0)
    assert (error.batch, error.index) == (3, (1, 2))
    error = found(model.evaluate, x, LABELS, batch_size=8, verbose=0)
    assert "batch 3 of evaluation" in str(error)
    assert "samples  1 of all 24: 17" in str(error)
    assert "numbers in x, got nan" in str(found(model.train_on_batch, x, LABELS))
    found(model.fit, X, LABELS, validation_data=(x, LABELS), verbose=0)
    error = found(model.fit, iter([(X, LABELS), (x, LABELS)]), verbose=0)
    assert (error.epoch, error.batch) == (1, 2)


def test_targets_are_named():
    model = network(loss="mse")
    y = np.zeros((24, 3), "f")
    y[9, 1] = np.nan
    error = found(model.fit, X, y, batch_size=8, shuffle=False, verbose=0)
    assert "finite numbers in y, got nan" in str(error)
    assert (error.batch, error.layer) == (2, None)
    assert "samples  1 of all 24: 9" in str(error)


def test_loop_of_ones_own_names_input_and_labels():
    model, loss = network(), losses.MeanSquaredError()
    x = X.copy()
    x[2] = np.nan
    error = found(model, x)
    assert f"finite numbers in the input of {model.name!r}, got nan" in str(error)
    assert (error.layer, error.index, error.epoch) == ("first", (2, 0), None)
    y = np.zeros((24, 3), "f")
    y[4] = np.nan
    assert "numbers in y_true, got nan" in str(found(lambda: loss(y, model(X))))


def test_weight_that_was_spoilt_before_is_named_by_its_path():
    model = models.Sequential([layers.Input((4,)), network(), layers.Dense(2, name="end")])
    model.layers[0].layers[1].bias.assign([0, np.nan, 0])
    error = found(model.predict, X, verbose=0)
    assert not error.is_made
    assert f"the weight '{model.layers[0].name}/last/bias', got nan" in str(error)
    assert error.index == (1,)
    w = Parameter([1.0, np.inf], name="w")
    error = found(lambda: w * 2)
    assert "the weight 'w', got inf" in str(error)


def test_initializer_that_is_not_finite_is_found_at_the_first_use():
    layer = layers.Dense(2, kernel_initializer=lambda shape, dtype: np.full(shape, np.nan, dtype))
    error = found(models.Sequential([layers.Input((4,)), layer]), X)
    assert "/kernel', got nan" in str(error)
    assert "an initializer, a step, a file or an assignment made it before" in str(error)


def test_mean_of_nothing_is_found():
    error = found(lambda: ops.mean(full(1, 0, 3), axis=0))
    assert (error.op, error.count) == ("mean", 3)
    assert "an empty array" in str(error)


def test_moving_variance_that_was_spoilt_is_named():
    model = models.Sequential([layers.Input((4,)), layers.BatchNormalization(name="norm")])
    model.layers[0].moving_variance.assign(np.full(4, np.nan))
    error = found(model.predict, X, verbose=0)
    assert "norm/moving_variance" in str(error)


def test_constant_is_named_as_input_of_the_op():
    error = found(lambda: tensor(1, 2) * np.array([1, np.nan], "f"))
    assert "in input 2" in str(error)
    assert not error.is_made


def test_loss_of_ones_own_and_of_minigrad_is_found():
    def mine(y_true, y_pred):
        return ops.mean(ops.log(ops.relu(-y_pred * y_pred)), axis=-1)

    error = found(network(loss=mine).fit, X, LABELS, verbose=0)
    assert (error.op, error.layer) == ("log", None)
    assert error.line == f"{__file__}:{mine.__code__.co_firstlineno + 1}"
    model = network(loss=losses.MeanSquaredError())
    model.layers[1].kernel.assign(np.full((5, 3), 3e25))
    error = found(model.fit, X + 1, np.zeros((24, 3)), verbose=0)
    assert "forward, in " in str(error)
    assert "squared" in str(error)


def test_penalty_of_a_weight_is_found():
    model = models.Sequential([layers.Input((4,)), layers.Dense(3, kernel_regularizer="l2")])
    model.compile("sgd", "mse")
    model.layers[0].kernel.assign(np.full((4, 3), 1e30))
    error = found(model.fit, X * 0, np.zeros((24, 3)), verbose=0)
    assert "regularizers" in str(error)


# --- the optimizer's step -----------------------------------------------------------------------


def test_step_that_makes_a_weight_too_large_is_named():
    w = Parameter(np.full(3, 3e38, "f"), name="w")
    error = found(lambda: optimizers.SGD(1e38).apply([np.full(3, -10, "f")], [w]))
    assert (error.direction, error.op, error.is_made, error.count) == ("step", "sgd", True, 3)
    assert "the weight 'w'" in str(error)
    assert "its learning rate is 1e+38" in str(error)


def test_step_within_fit_is_named_with_epoch_and_batch():
    model = network(optimizers.SGD(1e30))
    model.layers[0].kernel.assign(np.full((4, 5), 1e10))
    error = found(model.fit, X, LABELS, batch_size=8, epochs=3, verbose=0)
    assert error.epoch == 1
    assert error.batch in (1, 2)


def test_state_that_overflows_is_named():
    class Sums(optimizers.Optimizer):
        state_names = ("total",)

        def update(self, w, g, state, lr, t, threads):
            state["total"] += g * g
            w -= lr * g / np.sqrt(state["total"])

    w = Parameter(np.ones(3, "f"), name="w")
    error = found(lambda: Sums(0.1).apply([np.full(3, 1e25, "f")], [w]))
    assert error.direction == "step"
    assert "the state 'w/total', got inf" in str(error)


def test_gradient_that_is_given_to_the_optimizer_is_named():
    w = Parameter(np.ones(3, "f"), name="w")
    error = found(lambda: optimizers.Adam().apply([np.array([1, np.nan, 1], "f")], [w]))
    assert (error.direction, error.is_made, error.index) == ("step", False, (1,))
    assert "the gradient of 'w'" in str(error)
    assert np.isfinite(w.data).all()  # found before it spoils anything


def test_sum_of_gradients_in_a_leaf_is_found_before_the_step():
    w = Parameter(np.full(2, 1e-30, "f"), name="w")
    optimizer = optimizers.SGD(0.1, parameters=[w])

    def run():
        for _ in range(2):
            (w * 3e38).sum().backward()
        optimizer.step()

    with np.errstate(over="ignore"):
        error = found(run)
    assert (error.direction, error.is_made) == ("step", False)


def test_constraint_that_divides_by_zero_is_found():
    class Divide:
        def __call__(self, w):
            return w / np.zeros(3, "f")

    w = Parameter(np.ones(3, "f"), name="w", constraint=Divide())
    assert found(lambda: optimizers.SGD(0.1).apply([np.ones(3, "f")], [w])).direction == "step"


# --- training of one's own ----------------------------------------------------------------------


class Own(models.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, _ = data
        loss = ops.mean(ops.sqrt(ops.abs(self(x, training=True) * 0.0)))
        loss.backward()
        return {"loss": loss.item()}


def test_train_step_of_ones_own_is_watched():
    model = Own()
    model.compile("sgd", "mse")
    error = found(model.fit, X, np.zeros((24, 3)), batch_size=8, verbose=0)
    assert (error.op, error.direction, error.epoch, error.batch) == ("sqrt", "backward", 1, 1)
    assert error.line.startswith(__file__)


def test_loop_without_fit_is_watched():
    model, loss = network(), losses.MeanSquaredError()
    optimizer = optimizers.SGD(1e30)

    def run():
        for _ in range(5):
            loss(np.ones((24, 3)), model(X, training=True)).backward()
            parameters = model.trainable_weights
            optimizer.apply([w.grad for w in parameters], parameters)
            for w in parameters:
                w.grad = None

    assert found(run).epoch is None


def test_no_grad_is_watched_too():
    def run():
        with minigrad.no_grad():
            ops.log(tensor(0))

    assert found(run).op == "log"


# --- infinity that is meant ---------------------------------------------------------------------


def test_mask_of_infinity_passes_and_the_nan_that_comes_of_it_does_not():
    scores, mask = full(1, 2, 3), np.array([[True, False, True], [False] * 3])
    with find_nan():
        hidden = ops.where(mask[:1], scores[:1], -np.inf) * 2
        ops.softmax(hidden).sum().backward()
        assert (ops.full((2,), np.inf).numpy() == np.inf).all()
    error = found(lambda: ops.where(mask, scores, -np.inf) - ops.where(mask, scores, -np.inf))
    assert error.op == "sub"
    assert "made here of infinity" in str(error)
    assert "-1e9" in str(error)


def test_only_nan_is_looked_for_on_demand():
    with find_nan(infinity=False):
        y = ops.log(tensor(0, 1))
        ops.sqrt(tensor(0.0)).sum().backward()
    assert y.numpy()[0] == -np.inf
    assert found(lambda: ops.log(tensor(0)) - ops.log(tensor(0)), infinity=False).op == "sub"


# --- how it is switched on and off --------------------------------------------------------------


def test_decorator_on_a_function_and_a_generator():
    @find_nan()
    def run():
        return ops.log(tensor(0))

    @find_nan()
    def steps():
        yield 1
        yield ops.log(tensor(0))

    with pytest.raises(NotFiniteError):
        run()
    made = steps()
    assert next(made) == 1
    with np.errstate(divide="ignore"):
        assert np.isinf(ops.log(tensor(0)).numpy()).all()  # between two yields nobody looks
    with pytest.raises(NotFiniteError):
        next(made)


def test_nested_use_and_exceptions_restore_what_was():
    outer = find_nan(infinity=False)
    with outer:
        with pytest.raises(NotFiniteError), find_nan():
            ops.log(tensor(0))
        ops.log(tensor(0))  # the outer one looks for NaN alone
        with outer, contextlib.suppress(KeyError), outer:
            raise KeyError
        assert len(core._watches) == 1
    ops.log(tensor(0.0) + 1)


def test_it_may_be_switched_on_for_the_program_and_off():
    watch = find_nan().enable()
    try:
        results = []

        def work():
            try:
                ops.log(tensor(0))
            except NotFiniteError as error:
                results.append(error.op)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert results == ["log"]  # it holds for all threads
    finally:
        watch.disable()
    with pytest.raises(RuntimeError, match="expected enable"):
        watch.disable()


def test_threads_each_find_their_own():
    found_by = {}

    def work(name, function):
        try:
            with find_nan():
                for _ in range(50):
                    ops.exp(full(1, 10) * 2)
                function()
        except NotFiniteError as error:
            found_by[name] = error.op

    faults = {"a": lambda: ops.log(tensor(0)), "b": lambda: ops.sqrt(tensor(-1)), "c": lambda: None}
    threads = [threading.Thread(target=work, args=item) for item in faults.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found_by == {"a": "log", "b": "sqrt"}


def test_wrong_option_is_refused():
    with pytest.raises(TypeError, match="find_nan: expected infinity as bool"):
        find_nan("yes")


def test_shapes_that_are_tried_on_zeros_are_no_fault():
    with find_nan():
        x = layers.Input((4,))
        model = models.Model(x, ops.log(x) / x)
        assert model.output_shape == (None, 4)


def test_lab_watch_and_graphs_work_along_with_it():
    model = network()
    with find_nan(), lab.Watch(model) as watch:
        loss = model(X, training=True).sum()
    assert "'Dense': 1, 'Dense+relu': 1" in str(lab.Graph(loss, watch, depth=2))


def test_graph_is_freed_without_the_collector():
    gc.disable()
    try:
        with find_nan():
            y = ops.exp(tensor(1, 2) * 3)
            nodes = [weakref.ref(node) for node in (y.node, *y.node.sources)]
            del y
            assert [node() for node in nodes] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("kernels", ["plain", "reference"])
def test_it_works_on_all_kernels(kernels):
    code = """
import numpy as np
from minigrad import Tensor, ops, layers, models
from minigrad.debug import NotFiniteError, find_nan
def found(f):
    try:
        with find_nan(): f()
    except NotFiniteError as error: return error.op, error.direction, error.layer
t = lambda *v: Tensor(np.array(v, "f"), requires_grad=True)
print(found(lambda: ops.log(t(0))), found(lambda: (t(.1) * 3e38 * 10).sum().backward()))
row = [layers.Input((9, 9, 3)), layers.Conv2D(2, 3, name="c"), layers.MaxPooling2D()]
m = models.Sequential(row)
m.layers[0].kernel.assign(np.full((3, 3, 3, 2), 3e38))
print(found(lambda: m(np.ones((2, 9, 9, 3)))))
"""
    environment = os.environ | {"MINIGRAD_KERNELS": kernels}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert run.stdout.splitlines() == [
        "('log', 'forward', None) ('mul', 'backward', None)",
        "('conv2d', 'forward', 'c')",
    ], run.stderr


def test_normalization_and_relu_in_one_are_both_named():
    row = [layers.Input((4,)), layers.BatchNormalization(name="norm"), layers.ReLU(name="relu")]
    model = models.Sequential(row)
    model.layers[0].gamma.assign(np.full(4, 3e38))
    error = found(model.predict, X * 1e3 + 1e3, verbose=0)
    names = "norm + relu" if kernels.kind == "fast" else "norm"
    assert (error.layer, error.op) == (names, "batch_normalization")
