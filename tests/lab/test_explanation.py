"""The chain rule in words."""

import numpy as np
import pytest

from minigrad import Function, Parameter, Tensor, layers, no_grad, ops
from minigrad.lab import Graph, explain
from minigrad.ops.conv import Conv2D
from minigrad.ops.fused import Conv2DMaxPool, conv2d_pool


def explanation(tensor):
    lines = []
    explain(tensor, print_fn=lines.append)
    return lines


def test_chain_rule_is_told_forward_and_backward():
    w, b = Parameter([0.5, -1.0, 2.0], name="w"), Parameter(-1.0, name="b")
    assert explanation(((w * np.float32([3, 1, 2]) + b - 4.0) ** 2).mean()) == [
        "Forward, what was computed:",
        "  w                 (3,)  [ 0.5, -1. ,  2. ]",
        "  c1, a constant    (3,)  [3., 1., 2.]",
        "  z1 = Mul(w, c1)   (3,)  [ 1.5, -1. ,  4. ]",
        "  b                 ()  -1.",
        "  z2 = Add(z1, b)   (3,)  [ 0.5, -2. ,  3. ]",
        "  c2, a constant    ()  not kept",
        "  z3 = Sub(z2, c2)  (3,)  [-3.5, -6. , -1. ]",
        "  2, a constant     ()  2.",
        "  z4 = Pow(z3, 2)   (3,)  [12.25, 36.  ,  1.  ]",
        "  z5 = Mean(z4)     ()  16.4167",
        "Backward, g being the gradient of z5 with respect to the result of each line:",
        "  z5 = Mean(z4)     g ()  1.",
        "    to z4: g / count for every element: (3,)  [0.3333, 0.3333, 0.3333]",
        "  z4 = Pow(z3, 2)   g (3,)  [0.3333, 0.3333, 0.3333]",
        "    to z3: g · 2 · z3^(2 - 1): (3,)  [-2.3333, -4.    , -0.6667]",
        "  z3 = Sub(z2, c2)  g (3,)  [-2.3333, -4.    , -0.6667]",
        "    to z2: g: (3,)  [-2.3333, -4.    , -0.6667]",
        "  z2 = Add(z1, b)   g (3,)  [-2.3333, -4.    , -0.6667]",
        "    to z1: g: (3,)  [-2.3333, -4.    , -0.6667]",
        "    to b: g, added up along the axes that were broadcast: ()  -7.",
        "  z1 = Mul(w, c1)   g (3,)  [-2.3333, -4.    , -0.6667]",
        "    to w: g · c1: (3,)  [-7.    , -4.    , -1.3333]",
        "The gradients of z5 with respect to the leaves:",
        "  w  (3,)  [-7.    , -4.    , -1.3333]",
        "  b  ()  -7.",
    ]


def test_large_arrays_are_told_by_their_range():
    w = Parameter(np.arange(12.0).reshape(3, 4), name="w")
    lines = explanation(ops.exp(-w).sum())
    assert lines[1] == "  w             (3, 4)  from 0 to 11"
    assert lines[-1] == "  w  (3, 4)  from -1 to -1.67e-05"


def test_rule_of_the_last_input_is_that_of_all_others():
    a, b, c = (Parameter(np.full(2, float(i)), name=name) for i, name in enumerate("abc"))
    lines = explanation(ops.concatenate([a, b, c]).sum())
    assert [line for line in lines if "its part" in line] == [
        f"    to {name}: its part of g: (2,)  [1., 1.]" for name in "abc"
    ]


def test_an_op_of_the_users_own_is_explained_by_its_backward():
    class Cube(Function):
        def forward(self, x):
            self.save(x)
            return x**3

        def backward(self, gy):
            return 3 * self.saved[0] ** 2 * gy

    lines = explanation(Cube()(Parameter(2.0, name="w")))
    assert "    to w: as Cube.backward computes: ()  12." in lines


# --- additions to the core -----------------------------------------------------------------------


class Cube(Function):
    """An op of minigrad's without a row in CHAIN_RULES, with an attribute that other ops have."""

    relu = "nothing to do with relu"

    def forward(self, x):
        self.save(x)
        return x**3

    def backward(self, gy):
        return 3 * self.saved[0] ** 2 * gy


class TwiceAtOnce(Conv2D):
    """One that inherits from an op that has a row."""

    def __init__(self):
        self.relu = True

    def forward(self, x):
        self.save(x, x, x, x)
        return x * 2

    def backward(self, gy):
        return gy * 2


for cls in (Cube, TwiceAtOnce):
    cls.__module__ = "minigrad.ops.new"


def test_a_new_op_of_the_core_is_explained_by_its_backward():
    w = Parameter([1.0, 2.0], name="w")
    y = TwiceAtOnce()(Cube()(w) * 3.0)
    lines = explanation(y - 1.0)
    assert [line.strip() for line in lines if "backward computes" in line] == [
        "to z2: as TwiceAtOnce+relu.backward computes: (2,)  [2., 2.]",
        "to w: as Cube.backward computes: (2,)  [18., 72.]",
    ]
    assert lines[-1] == "  w  (2,)  [18., 72.]"
    values = {vertex.operation: vertex.value for vertex in Graph(y - 1.0).vertices}
    assert values["Cube"] is None is values["TwiceAtOnce+relu"]  # neither is run again


def test_a_new_activation_of_the_kernels_is_explained_by_its_backward(monkeypatch):
    from minigrad.lab import graphs

    monkeypatch.setattr(graphs, "CHAIN_RULES", {})
    lines = explanation(ops.tanh(Parameter(0.0, name="w")))
    assert "    to w: as tanh.backward computes: ()  1." in lines


def test_broadcasting_of_any_op_is_printed():
    w = Parameter(np.ones((2, 1)), name="w")

    class Own(Function):
        def forward(self, x, y):
            return x + y

        def backward(self, gy):
            return gy, gy

    v = Parameter(np.ones((4, 5, 3)), name="v")
    u = Parameter(np.ones((3, 2)), name="u")
    summed = "added up along the axes that were broadcast"
    for y, name in (
        (Own()(w, np.ones((2, 3))), "w"),
        (v @ u, "u"),
        (ops.broadcast_to(w, (2, 4)), "w"),
    ):
        lines = [line for line in " ".join(explanation(y)).split("    to ") if summed in line]
        assert [line.split(":")[0] for line in lines] == [name]
    assert summed not in " ".join(explanation(Parameter(np.ones(3)) @ u))


def test_a_leaf_without_gradient_is_printed():
    class Constant(Function):
        def forward(self, x, y):
            return x + y

        def backward(self, gy):
            return gy, None

    lines = explanation(Constant()(Parameter(1.0, name="w"), Parameter(2.0, name="v")))
    assert lines[-2:] == ["  w  ()  1.", "  v  none"]


# --- fused layers --------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [None, 0.25])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_fused_layers_are_explained_as_if_they_ran_alone(activation, rate):
    def explained(run):
        sequence = [
            layers.Conv2D(3, 2, activation=activation, dtype="float64", name="convolution"),
            layers.MaxPooling2D((2, 3)),
            *([] if rate is None else [layers.Dropout(rate, seed=1)]),
        ]
        x = Tensor(np.random.default_rng(0).normal(size=(2, 5, 7, 2)))
        sequence[0].build((None, *x.shape[1:]))
        sequence[0].kernel.assign(np.random.default_rng(1).normal(size=(2, 2, 2, 3)))
        y = run(sequence, x, training=True)
        loss = (y * y).sum()
        return loss, explanation(loss), sequence[0].weights

    loss, lines, weights = explained(together)
    node = loss.node
    while node is not None and not isinstance(node, Conv2DMaxPool):
        node = node.sources[0]
    assert node is not None, "nothing was fused"
    assert lines == explained(one_by_one)[1]
    gradients = {v.name: v.gradient for v in Graph(loss).vertices}
    loss.backward()
    for weight in weights:
        np.testing.assert_allclose(gradients[weight.path], weight.grad, rtol=1e-12)


def together(sequence, x, training):
    class Row(layers.Layer):
        def call(self, x):
            return one_by_one(sequence, x, training)

    return Row()(x)


def one_by_one(sequence, x, training):
    for layer in sequence:
        x = layer(x, training=training)
    return x


def test_rule_of_a_fused_dropout_gives_the_gradient():
    generator = np.random.default_rng(0)
    x, k = generator.normal(size=(2, 5, 5, 1)), Parameter(generator.normal(size=(2, 2, 1, 3)))
    graph = Graph(conv2d_pool(x, k, activation="relu", rate=0.25, seed=3))
    convolved, pooled, dropped = (v for v in graph.vertices if v.operation)
    operations = [v.operation for v in (convolved, pooled, dropped)]
    assert operations == ["Conv2D+relu", "MaxPool2D", "Dropout"]
    kept = (dropped.value != 0) | (pooled.value == 0)
    assert 0 < kept.mean() < 1
    found = dropped.passed[0][kept & (pooled.value > 0)]
    np.testing.assert_allclose(found, 1 / 0.75, rtol=1e-15)
    assert (dropped.passed[0][~kept] == 0).all()


def test_fused_layers_are_explained_without_gradient_mode():
    k = Parameter(np.ones((2, 2, 1, 3)))
    y = conv2d_pool(np.ones((2, 5, 5, 1)), k, activation="relu")
    with no_grad():
        assert [v.operation for v in Graph(y).vertices if v.operation] == [
            "Conv2D+relu",
            "MaxPool2D",
        ]
    y.sum().backward()
    with pytest.raises(RuntimeError, match="Graph: the graph was freed"):
        Graph(y)


# --- width ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_lines_fit_the_terminal_and_say_the_same(columns, loss, monkeypatch):
    monkeypatch.setenv("COLUMNS", "10000")
    expected = explanation(loss)
    monkeypatch.setenv("COLUMNS", columns)
    lines = explanation(loss)
    assert "\N{NO-BREAK SPACE}" not in "".join(lines)
    assert "".join("".join(lines).split()) == "".join("".join(expected).split())
    for line in lines:
        assert len(line) <= int(columns) or line[8] != " "  # a word that is not broken


def test_long_rules_are_wrapped_with_an_indent():
    image = Parameter(np.ones((1, 4, 4, 1)), name="image")
    lines = explanation(ops.conv2d(image, np.ones((2, 2, 1, 1)), activation="relu"))
    place = next(i for i, line in enumerate(lines) if line.startswith("    to image"))
    assert lines[place : place + 2] == [
        "    to image: each g where z1 > 0 times c1, added to its window:",
        "        (1, 4, 4, 1)  from 1 to 4",
    ]


def test_explain_prints_and_leaves_the_graph_for_backward(capsys, loss):
    explain(loss)
    assert capsys.readouterr().out.startswith("Forward, what was computed:\n")
    loss.backward()


def test_explain_refuses_what_graph_refuses():
    with pytest.raises(ValueError, match="Graph: expected a tensor computed from others"):
        explain(Parameter(1.0))
