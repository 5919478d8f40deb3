"""The recorded graph: its values and gradients are correct, and the tensor's graph is unchanged."""

import importlib
import math
import pkgutil
import re

import numpy as np
import pytest

from minigrad import Function, Parameter, Tensor, no_grad, ops
from minigrad.kernels.reference import FUNCTIONS
from minigrad.lab import Graph
from minigrad.lab.chain_rules import CHAIN_RULES

SHAPE = (3, 5)
IMAGE = (2, 4, 6, 3)
RNG = np.random.default_rng(0)
KERNEL, BIAS = RNG.standard_normal((2, 3, 3, 4)), RNG.standard_normal(4)
MASK = RNG.random(SHAPE) > 0.5
LABELS = np.array([4, 0, 2])

# A result of every op: from one or two tensors (3, 5) with values from 0.5 to 1.5, or from an image
# (2, 4, 6, 3).
EXAMPLES = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": lambda a, b: a / b,
    "Pow": lambda a, b: a**b,
    "Neg": lambda a: -a,
    "Abs": lambda a: ops.abs(a),
    "Exp": lambda a: a.exp(),
    "Log": lambda a: a.log(),
    "Sqrt": lambda a: a.sqrt(),
    "Extremum": lambda a, b: ops.maximum(a, b),
    "Clip": lambda a: a.clip(0.8, 1.2),
    "Where": lambda a, b: ops.where(MASK, a, b),
    "MatMul": lambda a, b: a @ b.T,
    "Sum": lambda a: a.sum(axis=1),
    "Mean": lambda a: a.mean(axis=0),
    "Var": lambda a: a.var(axis=0),
    "Std": lambda a: a.std(axis=1),
    "Extreme": lambda a: a.max(axis=1),
    "LogSumExp": lambda a: ops.logsumexp(a, axis=1),
    "Reshape": lambda a: a.reshape(5, 3),
    "Transpose": lambda a: a.T,
    "BroadcastTo": lambda a: ops.broadcast_to(a, (2, *SHAPE)),
    "GetItem": lambda a: a[[0, 0, 2]],
    "GetSlice": lambda a: a[1:],
    "Concatenate": lambda a, b: ops.concatenate([a, b, a]),
    "Stack": lambda a, b: ops.stack([a, b, a]),
    "Pad": lambda a: ops.pad(a, 1),
    "relu": lambda a: ops.relu(a - 1),
    "leaky_relu": lambda a: ops.leaky_relu(a - 1),
    "elu": lambda a: ops.elu(a - 1),
    "gelu": lambda a: ops.gelu(a, approximate=False),
    "gelu_tanh": lambda a: ops.gelu(a),
    "silu": lambda a: ops.silu(a),
    "softplus": lambda a: ops.softplus(a),
    "sigmoid": lambda a: ops.sigmoid(a),
    "tanh": lambda a: ops.tanh(a),
    "Softmax": lambda a: ops.softmax(a),
    "LogSoftmax": lambda a: ops.log_softmax(a),
    "Dense": lambda a, b: ops.dense(a, b.T, a[0, :3]),
    "Dense+relu": lambda a, b: ops.dense(a - 1, b.T, activation="relu"),
    "Conv2D": lambda image: ops.conv2d(image, Parameter(KERNEL), Parameter(BIAS)),
    "Conv2D+relu": lambda image: ops.conv2d(image, Parameter(KERNEL), activation="relu"),
    "MaxPool2D": lambda image: ops.max_pool2d(image),
    "AvgPool2D": lambda image: ops.avg_pool2d(image),
    "Dropout": lambda a: ops.dropout(a, 0.3, seed=7),
    "BatchNorm": lambda a, b: ops.batch_norm(a, b[0], b[1], 1e-3)[0],
    "BatchNorm+relu": lambda a, b: ops.batch_norm(a, b[0], b[1], 1e-3, activation="relu")[0],
    "BatchNormalization": lambda a, b: by_statistics(a, b),
    "BatchNormalization+relu": lambda a, b: by_statistics(a, b, "relu"),
    "SoftmaxCrossEntropy": lambda a: ops.softmax_cross_entropy(a, LABELS),
    "SigmoidCrossEntropy": lambda a: ops.sigmoid_cross_entropy(a, MASK),
}


def by_statistics(a, b, activation=None):
    """Batch normalization in inference, by a mean and a variance that are constants."""
    statistics = np.full(5, -0.7), np.linspace(0.4, 0.9, 5)
    finish, *_ = ops.nn.begin_batch_norm(a, b[0], b[1], 1e-3, -1, statistics)
    return finish(activation)


def make_example(operation):
    """The leaves, and the op's result for their negatives, which no node keeps."""
    make = EXAMPLES[operation]
    shape = IMAGE if make.__code__.co_varnames[0] == "image" else SHAPE
    rng = np.random.default_rng(1)
    count = make.__code__.co_argcount
    leaves = [Parameter(-rng.uniform(0.5, 1.5, shape), name=f"p{i}") for i in range(count)]
    return leaves, make(*[-leaf for leaf in leaves])


def vertices_by_name(graph):
    return {vertex.name: vertex for vertex in graph.vertices}


def test_every_rule_has_its_op_and_its_example():
    modules = [
        importlib.import_module(f"minigrad.ops.{m.name}")
        for m in pkgutil.iter_modules(ops.__path__)
    ]
    names = {
        name
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Function)
        if not hasattr(value, "unfused")  # fused ops are shown one by one
    } - {"Function", "Reduction", "Elementwise"}
    names |= {name for name in FUNCTIONS if f"{name}_backward" in FUNCTIONS}
    assert names >= {name.removesuffix("+relu") for name in CHAIN_RULES}  # a new op needs none
    assert list(CHAIN_RULES) == list(EXAMPLES)


@pytest.mark.parametrize("operation", EXAMPLES)
def test_values_and_gradients_are_those_of_the_engine(operation):
    leaves, y = make_example(operation)
    z = -y
    graph = Graph(z)
    result = graph.vertices[-1].inputs[0]
    assert result.operation == operation
    np.testing.assert_allclose(result.value, y.data, rtol=1e-12)
    for vertex in graph.vertices:
        if vertex.operation == "Neg" and vertex.inputs[0].name in {"p0", "p1"}:
            np.testing.assert_array_equal(vertex.value, -vertex.inputs[0].value)
        assert vertex.value is None or vertex.value.shape == vertex.shape
        assert vertex.gradient is None or vertex.gradient.shape == vertex.shape
    assert all(leaf.grad is None for leaf in leaves)
    z.backward(np.ones(z.shape))
    for leaf in leaves:
        found = vertices_by_name(graph)[leaf.name].gradient
        np.testing.assert_allclose(found, leaf.grad, rtol=1e-12, atol=1e-15)


# --- every rule, in numbers ----------------------------------------------------------------------

# The names in the formulas of the rules.
NAMES = {
    "log": np.log,
    "sign": np.sign,
    "sqrt": np.sqrt,
    "pi": np.pi,
    "e": np.e,
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Φ": np.vectorize(lambda x: (1 + math.erf(x / math.sqrt(2))) / 2),
    "φ": lambda x: np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "Σ": lambda x: x.sum(axis=-1, keepdims=True),
}
SYMBOLS = {
    "·": "*", "²": "**2", "³": "**3", "^": "**", "ᵀ": ".T", "√": "sqrt", "u'": "slope",
    "Σ g": "Σ(g)", "Σ targets": "Σ(targets)", "π": "pi",
}  # fmt: skip


def compute(rule, names):
    """Evaluate "formula, name = formula, ..." from the last definition to the first."""
    rule = rule.format(*(f"inputs[{i}]" for i in range(3)), z="z")
    for symbol, python in SYMBOLS.items():
        rule = rule.replace(symbol, python)
    formula, *definitions = rule.split(", ")
    for definition in reversed(definitions):
        name, right = definition.split(" = ")
        names = names | {name: eval(right, names)}
    return eval(formula, names)


def windows_of(x, g):
    """The cell (a, b) of each window of a kernel, as a view of x (N, H, W, C)."""
    for a, b in np.ndindex(KERNEL.shape[:2]):
        yield (a, b), x[:, a : a + g.shape[1], b : b + g.shape[2]]


def to_windows(x, w, g):
    gx = np.zeros_like(x)
    for cell, window in windows_of(gx, g):
        window += g @ w[cell].T
    return gx


def from_windows(x, w, g):
    gw = np.zeros_like(w)
    for cell, window in windows_of(x, g):
        gw[cell] = np.einsum("nijc,nijf->cf", window, g)
    return gw


def enlarged(y):
    """Each result of a 2 by 2 window, at all of its cells."""
    return y.repeat(2, axis=1).repeat(2, axis=2)


def scattered(g, index):
    gx = np.zeros(SHAPE)
    np.add.at(gx, index, g)
    return gx


def normed(x):
    """The inputs of `by_statistics`."""
    return (x[0] - x[3]) / np.sqrt(x[4] + 1e-3)


def batch_norm(x, gamma, g):
    deviation = np.sqrt(x.var(axis=0) + 1e-3)
    normed = (x - x.mean(axis=0)) / deviation
    gx = gamma / deviation * (g - g.mean(axis=0) - normed * (g * normed).mean(axis=0))
    return gx, (g * normed).sum(axis=0)


# The rules in words, as functions of the gradient, the inputs, the result and the input's number.
# The shapes are those of EXAMPLES.
WORDS = {
    "g where {0} is chosen, half of it where both are equal": lambda g, x, z, i: (
        g * ((x[0] > x[1]) + (x[0] == x[1]) / 2)
    ),
    "g where {1} is chosen, half of it where both are equal": lambda g, x, z, i: (
        g * ((x[1] > x[0]) + (x[0] == x[1]) / 2)
    ),
    "g where {0} is within the limits": lambda g, x, z, i: g * ((x[0] >= 0.8) & (x[0] <= 1.2)),
    "g where the condition holds": lambda g, x, z, i: g * MASK,
    "g where it does not": lambda g, x, z, i: g * ~MASK,
    "g for every element": lambda g, x, z, i: g[:, None] * np.ones(SHAPE),
    "g / count for every element": lambda g, x, z, i: g / 3 * np.ones(SHAPE),
    "g · 2 ({0} - mean) / count": lambda g, x, z, i: g * 2 * (x[0] - x[0].mean(axis=0)) / 3,
    "g · ({0} - mean) / ({z} · count)": lambda g, x, z, i: (
        g[:, None] * (x[0] - x[0].mean(axis=1, keepdims=True)) / (z[:, None] * 5)
    ),
    "g where {0} is {z}, shared by equals": lambda g, x, z, i: (
        g[:, None] * (x[0] == z[:, None]) / (x[0] == z[:, None]).sum(axis=1, keepdims=True)
    ),
    "g in the shape of {0}": lambda g, x, z, i: g.reshape(SHAPE),
    "g with its axes back in order": lambda g, x, z, i: g.T,
    "g added where it was taken from, else 0": lambda g, x, z, i: scattered(g, [0, 0, 2]),
    "g where it was taken from, else 0": lambda g, x, z, i: scattered(g, slice(1, None)),
    "its part of g": lambda g, x, z, i: g[i] if g.ndim == 3 else g[3 * i : 3 * i + 3],
    "g without the border": lambda g, x, z, i: g[1:-1, 1:-1],
    "g where {z} > 0, else 0": lambda g, x, z, i: np.where(z > 0, g, 0),
    "g, times the slope where {0} < 0": lambda g, x, z, i: np.where(x[0] < 0, 0.2 * g, g),
    "g, times alpha · e^{0} where {0} ≤ 0": lambda g, x, z, i: g * np.exp(np.minimum(x[0], 0)),
    "Σ g over the rows": lambda g, x, z, i: g.sum(axis=0),
    "(g where {z} > 0) @ {1}ᵀ": lambda g, x, z, i: (g * (z > 0)) @ x[1].T,
    "{0}ᵀ @ (g where {z} > 0)": lambda g, x, z, i: x[0].T @ (g * (z > 0)),
    "Σ (g where {z} > 0) over the rows": lambda g, x, z, i: (g * (z > 0)).sum(axis=0),
    "each g times {1}, added to its window": lambda g, x, z, i: to_windows(x[0], x[1], g),
    "each g times its window of {0}, added up": lambda g, x, z, i: from_windows(x[0], x[1], g),
    "Σ g over samples and positions": lambda g, x, z, i: g.sum(axis=(0, 1, 2)),
    "each g where {z} > 0 times {1}, added to its window": lambda g, x, z, i: to_windows(
        x[0], x[1], g * (z > 0)
    ),
    "each g where {z} > 0 times its window of {0}, added up": lambda g, x, z, i: from_windows(
        x[0], x[1], g * (z > 0)
    ),
    "Σ (g where {z} > 0) over samples and positions": lambda g, x, z, i: (g * (z > 0)).sum(
        axis=(0, 1, 2)
    ),
    "g to the largest of each window": lambda g, x, z, i: enlarged(g) * (x[0] == enlarged(z)),
    "g / count for every element of each window": lambda g, x, z, i: enlarged(g) / 4,
    "g / (1 - rate) where it was kept, else 0": lambda g, x, z, i: g / (1 - 0.3) * (z != 0),
    "{1} / deviation · (g - mean of g - normed · mean of (g · normed))": lambda g, x, z, i: (
        batch_norm(x[0], x[1], g)[0]
    ),
    "Σ g · normed for each channel": lambda g, x, z, i: batch_norm(x[0], 1, g)[1],
    "Σ g for each channel": lambda g, x, z, i: g.sum(axis=0),
    "{1} / deviation · (h - mean of h - normed · mean of (h · normed)), h = g where {z} > 0": (
        lambda g, x, z, i: batch_norm(x[0], x[1], g * (z > 0))[0]
    ),
    "Σ (g where {z} > 0) · normed for each channel": lambda g, x, z, i: batch_norm(
        x[0], 1, g * (z > 0)
    )[1],
    "Σ (g where {z} > 0) for each channel": lambda g, x, z, i: (g * (z > 0)).sum(axis=0),
    "g · {1} / deviation": lambda g, x, z, i: g * x[1] / np.sqrt(x[4] + 1e-3),
    "g · normed": lambda g, x, z, i: g * normed(x),
    "(g where {z} > 0) · {1} / deviation": lambda g, x, z, i: (
        g * (z > 0) * x[1] / np.sqrt(x[4] + 1e-3)
    ),
    "(g where {z} > 0) · normed": lambda g, x, z, i: g * (z > 0) * normed(x),
}
ONE_A_ROW = ("LogSumExp", "SoftmaxCrossEntropy")  # formulas whose g is a column


def test_all_rules_in_words_are_some_ops():
    rules = {rule for rules, _ in CHAIN_RULES.values() for rule in rules.split("; ")}
    assert set(WORDS) <= rules


@pytest.mark.parametrize("operation", EXAMPLES)
def test_every_rule_computes_the_gradient_that_is_shown(operation):
    _, y = make_example(operation)
    weights = np.random.default_rng(4).standard_normal(y.shape)
    *_, product, _ = Graph((y * weights).sum()).vertices
    vertex = product.inputs[0]
    assert vertex.operation == operation
    np.testing.assert_array_equal(vertex.gradient, weights)
    inputs = [origin.value for origin in vertex.inputs]
    rules = vertex.rule[0].split("; ")
    rules += rules[-1:] * (len(inputs) - len(rules))
    targets = np.eye(5)[LABELS] if operation == "SoftmaxCrossEntropy" else MASK
    column = weights[:, None] if operation in ONE_A_ROW else weights
    names = NAMES | {"g": column, "z": vertex.value, "inputs": inputs, "targets": targets}
    for i, (origin, shown) in enumerate(zip(vertex.inputs, vertex.passed, strict=True)):
        if shown is None:
            assert not origin.wants_gradient
        else:
            rule = rules[i]
            words = WORDS.get(rule)
            found = words(weights, inputs, vertex.value, i) if words else compute(rule, names)
            if vertex.added_up[i]:
                found = found.sum(axis=0)
            np.testing.assert_allclose(shown, found, rtol=1e-10, atol=1e-14, err_msg=rule)


@pytest.mark.parametrize("operation", EXAMPLES)
def test_gradients_that_are_shown_are_those_of_differences(operation):
    leaves, y = make_example(operation)
    weights = np.random.default_rng(4).standard_normal(y.shape)
    shown = vertices_by_name(Graph((y * weights).sum()))
    make = EXAMPLES[operation]
    for moved, leaf in enumerate(leaves):
        expected = np.empty(leaf.shape)
        for index in np.ndindex(leaf.shape):
            ends = []
            for step in (1e-6, -1e-6):
                values = [-other.data for other in leaves]
                values[moved][index] += step
                ends.append((make(*map(Tensor, values)).data * weights).sum())
            expected[index] = -(ends[0] - ends[1]) / 2e-6  # the op is given the leaf's negative
        found = shown[leaf.name].gradient
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("operation", EXAMPLES)
def test_backward_after_a_graph_gives_the_same_bits(operation):
    gradients = []
    for looked_at in (False, True):
        leaves, y = make_example(operation)
        if looked_at:
            Graph(y)
        y.backward(np.random.default_rng(5).standard_normal(y.shape))
        gradients.append([leaf.grad for leaf in leaves])
    np.testing.assert_array_equal(*gradients)


# --- names and unknown values --------------------------------------------------------------------


def test_names_are_those_of_the_tensors_or_numbered():
    w, v = Parameter(1.0, path="dense/kernel"), Parameter(1.0, path="dense/kernel")
    x, y = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True, name="y")
    graph = Graph(w * x + v * y + 4.0 * w)
    assert [vertex.name for vertex in graph.vertices] == [
        "dense/kernel", "x1", "z1", "dense/kernel2", "y", "z2", "z3", "4", "z4", "z5",
    ]  # fmt: skip
    assert graph.vertices[0] is graph.vertices[-2].inputs[1]  # once, however often it is used


def test_constants_are_known_only_where_they_are_kept():
    w = Parameter([1.0, 2.0], name="w")
    graph = Graph((w * np.float32([3, 4]) - np.float32([5, 6])).sum())
    product, difference = (graph.vertices[i] for i in (2, 4))
    assert (product.operation, difference.operation) == ("Mul", "Sub")
    factor, subtracted = product.inputs[1], difference.inputs[1]
    assert not factor.wants_gradient and not subtracted.wants_gradient
    np.testing.assert_array_equal(factor.value, [3, 4])
    assert subtracted.value is None and difference.value is None
    np.testing.assert_array_equal(product.value, [3, 8])
    assert factor.gradient is None and difference.passed[1] is None


def test_an_op_of_the_users_own_is_not_run_again():
    class Exp(Function):  # minigrad has an op of this name
        runs = 0

        def forward(self, x):
            Exp.runs += 1
            return x * 5

        def backward(self, gy):
            return gy * 5

    w = Parameter(2.0, name="w")
    graph = Graph(-Exp()(w))
    vertex = graph.vertices[1]
    assert (Exp.runs, vertex.operation, vertex.rule, vertex.value) == (1, "Exp", None, None)
    assert graph.vertices[0].gradient == -5


def test_gradients_of_several_elements_are_those_of_their_sum():
    w = Parameter(np.ones((3, 1)), name="w")
    graph = Graph(w * np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(graph.vertices[0].gradient, [[1], [5], [9]])


def test_a_long_chain_is_no_problem():
    x = Parameter(1.0)
    for _ in range(3000):
        x = x + 1.0
    graph = Graph(x)
    assert len(graph.vertices) == 6001
    assert graph.vertices[-1].value == 3001


# --- errors --------------------------------------------------------------------------------------


def test_graph_refuses_what_has_none():
    w = Parameter(1.0, name="w")
    with pytest.raises(TypeError, match="Graph: expected a Tensor, got 3"):
        Graph(3)
    for tensor in (w, Tensor(1.0) * 2):
        with pytest.raises(ValueError, match="Graph: expected a tensor computed from others"):
            Graph(tensor)
    with no_grad(), pytest.raises(ValueError, match="Graph: expected"):
        Graph(w * 2)
    loss = w * 2
    loss.backward()
    with pytest.raises(RuntimeError, match="Graph: the graph was freed by backward"):
        Graph(loss)


def test_repr_is_short_however_deep_the_graph():
    x = Parameter([1.0], name="x")
    y = x
    for _ in range(50):
        y = y + y
    graph = Graph(y)
    assert repr(graph) == "Graph({'Add': 50})"
    assert repr(graph.vertices[0]) == "Vertex('x', shape=(1,))"
    assert re.fullmatch(r"Vertex\('.*', shape=\(1,\), made by Add\)", repr(graph.vertices[-1]))
