"""Graphs level by level: which layer made what, at every depth, and no change by being watched."""

import contextlib
import gc
import weakref

import numpy as np
import pytest

import minigrad
from minigrad import Input, Model, Parameter, Sequential, Tensor, layers, ops
from minigrad.lab import Graph, Watch, explain
from minigrad.layers import Dense, Layer

X = np.random.default_rng(5).standard_normal((2, 3)).astype("float32")


def watched(model, x=X):
    """The loss of a batch, and the Watch."""
    with Watch(model) as watch:
        y = model(x, training=True)
        loss = ((y - 1.0) ** 2).mean()
    return loss, watch


def explanation(loss, **options):
    lines = []
    explain(loss, print_fn=lines.append, **options)
    return lines


def formulas(graph):
    return [
        f"{vertex.name} = {vertex.operation}({', '.join(v.name for v in vertex.inputs)})"
        for vertex in graph.vertices
        if vertex.operation
    ]


LOSS = ["Sub", "Pow", "Mean"]
LEVELS = {
    ("Net", 0): ["net", *LOSS],
    ("Net", 1): ["hidden", "blocks/0", "blocks/1", "ends/other", *LOSS],
    ("nested", 0): ["sequential_1", *LOSS],
    ("nested", 1): ["dense", "block", "sequential", *LOSS],
    ("nested", 2): [
        "Dense", "block/first", "block/second", "Mul", "Add", "sequential/dense_3",
        "sequential/dense_4", *LOSS,
    ],
    ("functional", 0): ["functional", *LOSS],
    ("functional", 1): ["dense_2", "dense_3", "block", "block", "Add", "end", *LOSS],
}  # fmt: skip


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_layers_are_opened_as_far_as_asked(level, make_model):
    kind, depth = level
    loss, watch = watched(make_model(kind))
    graph = Graph(loss, watch, depth)
    assert [vertex.operation for vertex in graph.vertices if vertex.operation] == LEVELS[level]
    first = next(vertex for vertex in graph.vertices if vertex.operation)
    np.testing.assert_array_equal(first.inputs[0].value, X)  # the data that it was given


def test_shared_layer_is_one_step_each_time(make_model):
    loss, watch = watched(make_model("functional"))
    assert formulas(Graph(loss, watch, 1))[:6] == [
        "z1 = dense_2(c1)",
        "z2 = dense_3(c1)",
        "z3 = block(z2)",
        "z4 = block(z3)",
        "z5 = Add(z1, z4)",
        "z6 = end(z5)",
    ]


@pytest.mark.parametrize("depth", [0, 1, 2, 3, None])
def test_values_and_gradients_are_the_same_at_every_depth(model_of_layers, depth):
    model, names = model_of_layers
    loss, watch = watched(model)
    graph, all_of_it = Graph(loss, watch, depth), Graph(loss)
    for index, vertex in enumerate(graph.vertices):
        assert all(graph.vertices.index(origin) < index for origin in vertex.inputs)
        users = [user for user in graph.vertices if vertex in user.inputs]
        passed = [
            gradient
            for user in users
            for origin, gradient in zip(user.inputs, user.passed, strict=True)
            if origin is vertex and gradient is not None
        ]
        if users and vertex.wants_gradient:
            np.testing.assert_allclose(sum(passed), vertex.gradient, rtol=1e-5)
        if vertex.operation:  # it stands for one of the operations, with its value and gradient
            assert any(
                other.value is not None
                and np.array_equal(other.value, vertex.value)
                and np.array_equal(other.gradient, vertex.gradient)
                for other in all_of_it.vertices
            )
    loss.backward()
    assert {leaf.name.rpartition("/")[0] for leaf in graph.leaves} == set(names)
    by_path = {path: weight for weight, path in minigrad.lab.names.name_weights(model).items()}
    for leaf in graph.leaves:
        np.testing.assert_allclose(leaf.gradient, by_path[leaf.name].grad, rtol=1e-6, atol=1e-8)


def test_operations_know_the_layer_that_they_are_in(make_model):
    loss, watch = watched(make_model("nested"))
    vertices = Graph(loss, watch).vertices
    assert [(v.operation, v.layer) for v in vertices if v.operation] == [
        ("Dense", "dense"),
        ("Dense+relu", "block/first"),
        ("Dense", "block/second"),
        ("Mul", "block"),
        ("Add", "block"),
        ("Dense+relu", "sequential/dense_3"),
        ("Dense", "sequential/dense_4"),
        *((name, "") for name in LOSS),
    ]
    assert {v.name: v.layer for v in vertices}["block/scale"] == "block"


# --- being watched changes nothing ---------------------------------------------------------------


def test_a_watched_model_computes_the_same(convolutional):
    images, results = convolutional[1], []
    for is_watched in (True, False):
        minigrad.utils.set_random_seed(2)
        model = make_convolutional()
        with Watch(model) if is_watched else contextlib.nullcontext():
            y = model(images, training=True)
        y.sum().backward()
        results.append([y.data, *(weight.grad for weight in model.weights)])
    (one, *gradients), (other, *other_gradients) = results
    np.testing.assert_array_equal(one, other)  # with the same dropout mask
    for gradient, expected in zip(gradients, other_gradients, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-5)


def make_convolutional():
    return Sequential(
        [
            Input((6, 7, 1)),
            layers.Conv2D(3, 2, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            Dense(2),
        ]
    )


@pytest.fixture
def convolutional():
    images = np.random.default_rng(4).standard_normal((3, 6, 7, 1)).astype("float32")
    return make_convolutional(), images


def test_layers_that_would_run_as_one_kernel_are_shown_apart(convolutional):
    loss, watch = watched(*convolutional)
    operations = [v.operation for v in Graph(loss, watch, 1).vertices if v.operation]
    assert operations == ["conv2d", "max_pooling2d", "dropout", "flatten", "dense", *LOSS]


def test_layers_are_themselves_again_afterwards(make_model):
    model = make_model("nested")
    own = model.layers[0]
    call = own.call = lambda x, training=None: x * 2.0
    with pytest.raises(ZeroDivisionError), Watch(model), Watch(model):
        raise ZeroDivisionError
    assert own.call is call
    assert own._signature[1]  # it takes `training`
    assert all("call" not in vars(layer) for layer in model.layers[1:])
    np.testing.assert_array_equal(own(X).data, X * 2)


def test_a_graph_is_freed_while_its_watch_lives(make_model):
    loss, watch = watched(make_model("nested"))
    nodes = weakref.ref(loss.node), weakref.ref(Graph(loss).vertices[-1])
    gc.disable()
    try:
        del loss
        assert [node() for node in nodes] == [None, None]
    finally:
        gc.enable()
    assert len(watch._calls) == 0


# --- layers of other kinds -----------------------------------------------------------------------


class Twins(Layer):
    """Two results, and a penalty of what it computes."""

    def __init__(self):
        super().__init__()
        self.dense = Dense(4)

    def call(self, x):
        y = self.dense(x)
        self.add_loss((y * y).sum())
        return y, ops.tanh(y)


def test_several_results_and_added_losses_are_those_of_the_layer():
    x = Input((3,))
    one, other = Twins()(x)
    model = Model(x, Dense(2)(one * other))
    with Watch(model) as watch:
        y = model(X, training=True)
        loss = y.mean() + model.losses[0]
    graph = Graph(loss, watch, 1)
    assert formulas(graph) == [
        "z1 = twins(c1)", "z2 = Mul(z1, z1)", "z3 = dense_1(z2)", "z4 = Mean(z3)",
        "z5 = Add(z4, z1)",
    ]  # fmt: skip
    twins = graph.vertices[1]
    assert twins.shape == ((2, 4), (2, 4), ()) and twins.value is None
    lines = explanation(loss, watch=watch, depth=1)
    assert "  z1 = twins(c1)    ((2, 4), (2, 4), ())  several results" in lines
    assert "(2, 4), (2, 4), ()" in graph._repr_svg_()


class Remembering(Layer):
    """Uses what it was not given: a tensor of the model around it."""

    def call(self, x):
        return x * self.remembered


class Forgetful(Model):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = Dense(3), Dense(3), Remembering()

    def call(self, x):
        hidden = ops.tanh(self.first(x))
        self.last.remembered = hidden
        return self.last(self.second(hidden))


def test_what_a_layer_was_not_given_is_still_made_by_its_maker():
    loss, watch = watched(Forgetful())
    assert formulas(Graph(loss, watch, 1))[:4] == [
        "z1 = first(c1)", "z2 = tanh(z1)", "z3 = second(z2)", "z4 = last(z3, z2)",
    ]  # fmt: skip


def test_data_that_want_a_gradient_are_shown_outside_their_layer():
    x = Tensor(X, requires_grad=True, name="points")
    loss, watch = watched(Sequential([Dense(4), Dense(2)]), x)
    graph = Graph(loss, watch, 1)
    assert formulas(graph)[0] == "z1 = dense(points)"
    points = graph.vertices[0]
    assert points in graph.leaves
    loss.backward()
    np.testing.assert_array_equal(points.gradient, x.grad)
    np.testing.assert_array_equal(graph.vertices[1].passed[0], x.grad)


def test_weights_of_two_types_meet():
    """Gradients have the type of what they belong to, as in the engine."""
    w = Parameter(np.ones((2, 3)), dtype="float32", name="w")
    loss = ((w @ np.ones((3, 2), "float32")) * Parameter(2.0, dtype="float64")).sum()
    gradients = [vertex.gradient for vertex in Graph(loss).vertices if vertex.name in ("w", "z1")]
    loss.backward()
    assert [gradient.dtype for gradient in gradients] == ["float32", "float32"]
    np.testing.assert_array_equal(gradients[0], w.grad)


# --- in words ------------------------------------------------------------------------------------


def test_explanation_of_the_outer_layers():
    dense = Dense(1, kernel_initializer="ones", name="inner", use_bias=False)
    model = Sequential([Sequential([dense], name="block"), layers.Activation("relu")])
    with Watch(model) as watch:
        y = model(np.float32([[1, 2]]))
    assert explanation(y, watch=watch, depth=1) == [
        "Forward, what was computed:",
        "  c1, a constant       (1, 2)  [[1., 2.]]",
        "  z1 = block(c1)       (1, 1)  [[3.]]",
        "  z2 = activation(z1)  (1, 1)  [[3.]]",
        "Backward, g being the gradient of z2 with respect to the result of each line:",
        "  z2 = activation(z1)  g (1, 1)  [[1.]]",
        "    to z1: through its operations: (1, 1)  [[1.]]",
        "  z1 = block(c1)       g (1, 1)  [[1.]]",
        "The gradients of z2 with respect to the leaves:",
        "  block/inner/kernel  (2, 1)  [[1.], [2.]]",
    ]
    assert explanation(y, watch=watch)[:9] == [
        "Forward, what was computed:",
        " in block/inner:",
        "  block/inner/kernel                  (2, 1)  [[1.], [1.]]",
        "  c1, a constant                      (1, 2)  [[1., 2.]]",
        "  z1 = Dense(c1, block/inner/kernel)  (1, 1)  [[3.]]",
        " in activation:",
        "  z2 = relu(z1)                       (1, 1)  [[3.]]",
        "Backward, g being the gradient of z2 with respect to the result of each line:",
        " in activation:",
    ]


# --- errors --------------------------------------------------------------------------------------


def test_watch_and_graph_refuse_what_they_cannot_show(make_model):
    with pytest.raises(TypeError, match="Watch: expected a Model or Layer, got 3"):
        Watch(3)
    loss, watch = watched(make_model("nested"))
    with pytest.raises(TypeError, match="Graph: expected a Watch, got Sequential"):
        Graph(loss, make_model("nested"))
    for wrong in ({"depth": 1}, {"watch": watch, "depth": -1}, {"watch": watch, "depth": 1.0}):
        with pytest.raises(ValueError, match=r"Graph: expected depth from 0, with the Watch"):
            Graph(loss, **wrong)
