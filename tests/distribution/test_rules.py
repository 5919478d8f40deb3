"""Every op's rule against its definition: shard by shard, and the sums added as a tree.

The rows are those of the tables of ops that have a batch axis. A new class of op fails the first
test until it has a rule.
"""

import contextlib
import functools
import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import Tensor, core, kernels, ops, samples
from minigrad.core import Function
from minigrad.debug import NotFiniteError, find_nan
from minigrad.distribution import door, exchange, rules, tree
from minigrad.ops import arithmetic, extra, fused, nn, reduce

pytestmark = pytest.mark.skipif(
    kernels.kind == "reference", reason="NumPy's products promise nothing across batches"
)
BASES = {"Function", "Reduction", "Smooth", "Split", "Gather", "Take", "Total"}
TABLE = Path(__file__).parents[1] / "promises/same_bits/test_any_batch.py"


@functools.cache
def any_batch():
    spec = importlib.util.spec_from_file_location("_any_batch", TABLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def classes(base=Function):
    for kind in base.__subclasses__():
        yield kind
        yield from classes(kind)


def test_every_class_of_op_has_a_rule():
    for found in pkgutil.walk_packages(minigrad.__path__, "minigrad."):
        if found.name.startswith(("minigrad.ops.", "minigrad.more_ops.", "minigrad.losses")):
            importlib.import_module(found.name)
    names = {
        kind.__name__
        for kind in classes()
        # Tests make classes that say they are minigrad's.
        if kind is getattr(sys.modules.get(kind.__module__), kind.__name__, None)
        if kind.__module__.startswith("minigrad.") and not issubclass(kind, arithmetic.Smooth)
    }
    missing = {name for name in names - BASES - set(rules.RULES) if "Eyes" not in name}
    assert not missing, "write a row in distribution/rules.py"
    gone = set(rules.RULES) - names - {kind.__name__ for kind in classes(arithmetic.Smooth)}
    assert not gone


@contextlib.contextmanager
def shared(total, shards=8):
    """What is within runs as in a call of a layer, on one rank."""
    samples.door = door.Door(exchange.Alone(), shards)
    samples.here.share = share = samples.door.share(total)
    core._watches.append(samples.door.apply)
    core._pauses.append(None)
    try:
        yield share
    finally:
        core._watches.pop()
        core._pauses.pop()
        samples.door = samples.here.share = None


def own_part():
    return door.Part(1, samples.door, samples.share())


def tensors(inputs, batched, learns=True):
    made = []
    for x, many in zip(inputs, batched, strict=True):
        if x.dtype.kind != "f":
            made.append(x)
            continue
        tensor = Tensor(x, requires_grad=learns)
        tensor._rows = own_part() if many and samples.share() else None
        made.append(tensor)
    return made


def run(function, inputs, batched, slope):
    """The result and the gradients of the inputs, given the gradient ``slope`` of the result."""
    given = tensors(inputs, batched)
    try:
        result = function(*given)
    except TypeError:  # it has no gradient
        result = function(*tensors(inputs, batched, learns=False))
    result = result[0] if isinstance(result, list | tuple) else result
    is_split = getattr(result, "_rows", None)
    if isinstance(result, Tensor) and result.requires_grad:
        result.backward(slope(result.data))
    grads = [x.grad if isinstance(x, Tensor) else None for x in given]
    return np.asarray(getattr(result, "data", result)), grads, is_split


def same(x, y):
    return x.dtype == y.dtype and np.array_equal(x, y, equal_nan=True)


def check(function, inputs, batched, shards=8):
    """Compare the rule with the ops run shard by shard; return whether it shared the work."""
    total = next(len(x) for x, many in zip(inputs, batched, strict=True) if many)
    weights = None

    def slope(y):
        nonlocal weights
        if weights is None:
            generator = np.random.default_rng(9)
            weights = generator.normal(size=(total, *y.shape[1:])).astype(y.dtype)
        return weights

    with shared(total, shards) as share:
        y, grads, is_split = run(function, inputs, batched, slope)
    if not is_split:
        return False
    parts = []
    for begin, end in zip(share.cuts, share.cuts[1:], strict=False):
        some = [x[begin:end] if many else x for x, many in zip(inputs, batched, strict=True)]
        one = begin < end and run(function, some, batched, lambda _, b=begin, e=end: weights[b:e])
        parts.append(one or None)
    filled = [part for part in parts if part]
    assert same(y, np.concatenate([part[0] for part in filled])), "result"
    for i, (grad, many) in enumerate(zip(grads, batched, strict=True)):
        if grad is None:
            assert all(part[1][i] is None for part in filled)
        elif many:
            assert same(grad, np.concatenate([part[1][i] for part in filled])), f"input {i}"
        else:
            tree_sum = tree.add_up([part and part[1][i] for part in parts])
            assert same(grad, tree_sum), f"input {i}, summed"
    return True


W = np.random.default_rng(1).normal(size=(3, 3, 4, 6)).astype("float32")
X = np.random.default_rng(2).normal(size=(37, 8, 8, 4)).astype("float32")
FLAT = X.reshape(37, -1)
C = np.random.default_rng(6).normal(size=(4, 4)).astype("float32")
K = np.random.default_rng(4).normal(size=(256, 7)).astype("float32")
WIDE = np.random.default_rng(7).normal(size=(37, 1300)).astype("float32")
TALL = np.random.default_rng(8).normal(size=(1300, 130)).astype("float32")
TOKENS = np.random.default_rng(3).integers(0, 9, (37, 5))


def normalize(x, gamma, beta):
    return nn.BatchNormalization(1e-3, "relu")(x, gamma, beta, C[1], C[2] ** 2)


def through_rows(x, w):
    return ops.reshape(ops.matmul(ops.reshape(x, (-1, 4)), w), (-1, 64, 6))


def cross_entropy(x):
    return ops.softmax_cross_entropy(x, np.argmax(x.data, 1))


CASES = {
    "dense": (lambda x, w, b: ops.dense(x, w, b, activation="relu"), FLAT, K, K[0]),
    "dense of many": (lambda x, w, b: ops.dense(x, w, b, activation="relu"), WIDE, TALL, TALL[0]),
    "dense of two types": (lambda x, w, b: ops.dense(x, w, b), FLAT.astype("f8"), K, K[0]),
    "dense of sequences": (lambda x, w, b: ops.dense(x, w, b), X[:, 0], W[0, 0], W[0, 0, 0]),
    "conv": (lambda x, w, b: ops.conv2d(x, w, b, activation="relu"), X, W, W[0, 0, 0]),
    "conv groups": (lambda x, w: ops.conv2d(x, w, groups=2, strides=2), X, W[:, :, :2]),
    "transposed": (lambda x, w: extra.conv2d_transpose(x, w, 2), X, W.swapaxes(2, 3).copy()),
    "product": (ops.matmul, FLAT, FLAT.T[:, :5].copy()),
    "product by a vector": (ops.matmul, FLAT, FLAT[0]),
    "stacks": (ops.matmul, X, W[0, 0]),
    "stacks by stacks": (ops.matmul, X[:, 0], X[:, 1].swapaxes(1, 2)),
    "bias": (ops.add, X, C[0]),
    "scale": (ops.mul, X, C[0]),
    "divisor": (ops.div, X, W[0, 0, 0, 0].reshape(())),
    "power": (lambda x, y: ops.pow(ops.abs(x) + 1, y), X, C[0]),
    "positions": (ops.add, X[:, 0], X[0, 0]),
    "to the right": (lambda x, y: ops.sub(y, x), X, W[0, 0, :1, :4].reshape(1, 1, 1, 4)),
    "larger": (ops.maximum, X, C[0]),
    "where": (lambda x, y: ops.where(x.data > 0, x, y), X, C[0]),
    "normalization": (normalize, X, C[0], C[3]),
    "slices": (lambda x: x[:, 1:, ::2], X),
    "per sample": (lambda x: x[np.arange(len(x)), 0, 3], X),
    "columns": (lambda x: x[..., np.array([0, 2, 0])], X),
    "flat": (lambda x: ops.reshape(x, (-1, 256)), X),
    "rows of rows": (through_rows, X, W[0, 0]),
    "transpose": (lambda x: ops.transpose(x, (0, 3, 1, 2)), X),
    "join": (lambda x: ops.concatenate([x, 2 * x, np.ones((len(x), 8, 8, 1), "float32")], -1), X),
    "standardize": (lambda x: reduce.Standardize((1, 2), 1e-3)(x), X),
    "cross-entropy": (cross_entropy, FLAT[:, :9].copy()),
    "pad": (lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0))), X),
    "stretch": (lambda x: ops.broadcast_to(x, (len(x), 3, *x.shape[2:])), X[:, :1]),
}  # fmt: skip


@pytest.mark.parametrize("shards", [4, 8, 64])
@pytest.mark.parametrize("name", CASES)
def test_a_rule_is_its_op_shard_by_shard(name, shards):
    function, x, *others = CASES[name]
    inputs = [x, *others]
    batched = [len(x) == 37 if x.ndim else False for x in inputs]
    assert check(function, [np.ascontiguousarray(x) for x in inputs], batched, shards)


def rows():
    return any_batch().ROWS if kernels.kind != "reference" else []


SHARED = {True: 0, False: 0}


@pytest.mark.parametrize("function, inputs, batched", rows())
def test_every_op_of_the_tables(function, inputs, batched):
    SHARED[check(function, inputs, batched)] += 1


def test_most_rows_of_the_tables_were_shared():
    assert sum(SHARED.values()) < 500 or SHARED[True] > 300


def test_rows_of_a_table_are_looked_up():
    table = W[0, 0].reshape(-1, 2)
    weights = np.random.default_rng(5).normal(size=(37, 5, 2)).astype("float32")
    with shared(37) as share:
        one = Tensor(table, requires_grad=True)
        y = one[TOKENS.view(samples.Rows)]
        assert y._rows == 1
        y.backward(weights)
    parts = []
    for begin, end in zip(share.cuts, share.cuts[1:], strict=False):
        part = Tensor(table, requires_grad=True)
        part[TOKENS[begin:end]].backward(weights[begin:end])
        parts.append(part.grad)
    assert same(one.grad, tree.add_up(parts))


def test_the_fused_convolution_is_its_op_shard_by_shard():
    options = {"activation": "relu", "rate": 0.25, "seed": 3}
    weights = np.random.default_rng(5).normal(size=(37, 3, 3, 6)).astype("float32")
    with shared(37) as share:
        x, w = Tensor(X), Tensor(W, requires_grad=True)
        x._rows = own_part()
        y = fused.conv2d_pool(x, w, **options)
        assert y._rows == 1
        y.backward(weights)
    whole = fused.conv2d_pool(X, W, **options)
    assert same(y.data, whole.data)
    parts = []
    for begin, end in zip(share.cuts, share.cuts[1:], strict=False):
        part = fused.Conv2DMaxPool((6, 6), (3, 3), (1, 1, 0, 0, 1, 1, 1), "relu", (2, 2), 0.25, 3)
        part.first = begin * 54
        v = Tensor(W, requires_grad=True)
        z = part(X[begin:end], v)
        assert same(z.data, whole.data[begin:end])
        z.backward(weights[begin:end])
        parts.append(v.grad)
    assert same(w.grad, tree.add_up(parts))


def test_dropout_counts_elements_through_the_batch():
    whole = ops.dropout(FLAT, 0.5, seed=3).data
    op = nn.Dropout(0.5, 3)
    op.first = 11 * FLAT.shape[1]
    assert same(op(FLAT[11:]).data, whole[11:])


class Doubled(Function):
    """An op that nobody knows."""

    def forward(self, x):
        return x - x.mean(axis=0)

    def backward(self, gy):
        return gy - gy.mean(axis=0)


def test_an_unknown_op_runs_on_the_whole_batch():
    assert rules.rule_of(Doubled(), [FLAT], [1], None) == (rules.UNKNOWN, 0)
    with shared(37):
        x = Tensor(FLAT, requires_grad=True)
        x._rows = own_part()
        y = Doubled()(x)
        assert y._rows == 1
        assert ops.max(x, axis=0)._rows is None
    assert same(y.data, Doubled()(FLAT).data)


@pytest.mark.parametrize("name", ["sum", "mean"])
@pytest.mark.parametrize("axis", [None, 0, (0, 2)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_sum_over_samples_is_a_tree_of_sums(name, axis, keepdims):
    function = getattr(ops, name)
    with shared(37) as share:
        x = Tensor(X, requires_grad=True)
        x._rows = own_part()
        y = function(x, axis, keepdims)
        assert y._rows is None
        y.backward(np.ones(y.shape))
    parts = [X[begin:end] for begin, end in zip(share.cuts, share.cuts[1:], strict=False)]
    total = tree.add_up([core.sum_over(part, axis, keepdims) for part in parts])
    other = Tensor(X, requires_grad=True)
    z = function(other, axis, keepdims)
    z.backward(np.ones(z.shape))
    assert same(y.data, total / (X.size // total.size) if name == "mean" else np.asarray(total))
    assert same(x.grad, other.grad)


def test_what_watches_ops_names_the_op_that_is_shared():
    class Root(minigrad.layers.Layer):
        def call(self, x):
            return ops.log(x)

    with find_nan(), np.errstate(all="ignore"):
        samples.door = door.Door(exchange.Alone(), 8)
        try:
            with pytest.raises(NotFiniteError, match=r"^log: .*got -inf, made here of finite"):
                Root()(np.zeros((5, 2), np.float32))
        finally:
            samples.door = None
    assert not core._watches and not core._pauses
