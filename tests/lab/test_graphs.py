"""The recorded graph: its values and gradients are the true ones, and it stays as it is."""

import importlib
import pkgutil

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

# For every op something made by it: of one or two tensors (3, 5) with values from 0.5 to 1.5, or
# of an image (2, 4, 6, 3).
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
    "gelu": lambda a: ops.gelu(a),
    "gelu_tanh": lambda a: ops.gelu(a, approximate=True),
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
    "SoftmaxCrossEntropy": lambda a: ops.softmax_cross_entropy(a, LABELS),
    "SigmoidCrossEntropy": lambda a: ops.sigmoid_cross_entropy(a, MASK),
}


def make_example(operation):
    """The leaves, and what the op made of their negatives: results that no node keeps."""
    make = EXAMPLES[operation]
    shape = IMAGE if make.__code__.co_varnames[0] == "image" else SHAPE
    rng = np.random.default_rng(1)
    count = make.__code__.co_argcount
    leaves = [Parameter(-rng.uniform(0.5, 1.5, shape), name=f"p{i}") for i in range(count)]
    return leaves, make(*[-leaf for leaf in leaves])


def vertices_by_name(graph):
    return {vertex.name: vertex for vertex in graph.vertices}


def test_every_op_has_its_rule_and_its_example():
    modules = [
        importlib.import_module(f"minigrad.ops.{m.name}")
        for m in pkgutil.iter_modules(ops.__path__)
    ]
    names = {
        name
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Function)
        if not hasattr(value, "unfused")  # what is fused is shown apart
    } - {"Function", "Reduction", "Elementwise"}
    names |= {name for name in FUNCTIONS if f"{name}_backward" in FUNCTIONS}
    assert names == {name.removesuffix("+relu") for name in CHAIN_RULES}
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


# Which of the rules are formulas that Python understands, once it knows these.
NAMES = {
    "log": np.log,
    "sign": np.sign,
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}
SYMBOLS = {"·": "*", "²": "**2", "^": "**", "ᵀ": ".T"}
FORMULAS = [
    "Add", "Sub", "Mul", "Div", "Pow", "Neg", "Abs", "Exp", "Log", "Sqrt", "MatMul", "LogSumExp",
    "softplus", "sigmoid", "tanh", "Dense", "SoftmaxCrossEntropy", "SigmoidCrossEntropy",
]  # fmt: skip


@pytest.mark.parametrize("operation", FORMULAS)
def test_rules_that_are_formulas_compute_the_gradient(operation):
    _, y = make_example(operation)
    vertex = Graph(-y).vertices[-1].inputs[0]
    g = np.random.default_rng(4).standard_normal(y.shape)
    one_a_row = operation in ("LogSumExp", "SoftmaxCrossEntropy")
    names = NAMES | {
        "g": g[:, None] if one_a_row else g,
        "z": vertex.value,
        "inputs": [origin.value for origin in vertex.inputs],
        "targets": np.eye(5)[LABELS] if one_a_row else MASK,
    }
    expected = y.node.backward(g)
    expected = expected if isinstance(expected, tuple) else (expected,)
    rules = [rule for rule in vertex.rule[0].split("; ") if "Σ" not in rule]
    for rule, gradient in zip(rules, expected, strict=False):
        formula = rule.format("inputs[0]", "inputs[1]", z="z")
        for symbol, python in SYMBOLS.items():
            formula = formula.replace(symbol, python)
        np.testing.assert_allclose(eval(formula, names), gradient, rtol=1e-10)


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


# --- names and what is not known -----------------------------------------------------------------


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
    class Exp(Function):  # a name that minigrad uses, too
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
