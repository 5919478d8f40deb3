"""Tests of every operation: one row an operation, with its formula in plain NumPy.

A new operation in ``minigrad.ops.__all__`` fails the first test until it has a row here.
"""

import gc
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minigrad import Function, Tensor, no_grad, ops
from minigrad.testing import check_gradients


@dataclass(frozen=True)
class Row:
    """An operation, its formula, and one way to call it."""

    name: str
    formula: Callable  # takes the float64 arrays and the options, returns the value
    shapes: tuple  # of the inputs
    options: dict = field(default_factory=dict)
    values: Callable = None  # (generator, shape) -> values off the kinks; normal if None
    call: Callable = None  # if the operation is not simply called with the inputs and options
    has_gradient: bool = True

    def __str__(self):
        options = ",".join(f"{k}={v}" for k, v in self.options.items())
        return f"{self.name}-{'x'.join(map(str, self.shapes))}-{options}".replace(" ", "")

    def arrays(self, dtype="float64"):
        generator = np.random.default_rng(len(self.name) + sum(map(len, self.shapes)))
        values = self.values or normal
        return [np.array(values(generator, shape), dtype) for shape in self.shapes]

    def apply(self, *inputs):
        function = self.call or getattr(ops, self.name)
        return function(*inputs, **self.options)


def normal(generator, shape):
    return generator.normal(size=shape)


def positive(generator, shape):
    return generator.uniform(0.5, 2.0, shape)


def off_zero(generator, shape):
    return generator.uniform(0.1, 2.0, shape) * generator.choice([-1.0, 1.0], shape)


def apart(generator, shape):
    """No two values closer than 0.1, none of them 0."""
    size = math.prod(shape)
    return (generator.permutation(size).reshape(shape) + 0.5 - size // 2) / 10


ROWS = []


def rows(name, formula, cases, **more):
    """Add a row for each case: the shapes of the inputs, perhaps with options after them."""
    for case in cases:
        *shapes, options = case if case and isinstance(case[-1], dict) else (*case, {})
        ROWS.append(Row(name, formula, tuple(shapes), options, **more))


# --- arithmetic ----------------------------------------------------------------------------------

PAIRS = [
    ((), ()),
    ((1,), ()),
    ((3, 5), (3, 5)),
    ((3, 5), (5,)),
    ((5,), (3, 1)),
    ((4, 1, 3), (2, 1)),
    ((2, 3), ()),
    ((0, 3), (3,)),
    ((1,), (0,)),
]
SINGLES = [((),), ((1,),), ((0,),), ((3, 5),), ((2, 3, 4),)]

rows("add", lambda x, y: x + y, PAIRS)
rows("sub", lambda x, y: x - y, PAIRS)
rows("mul", lambda x, y: x * y, PAIRS)
rows("div", lambda x, y: x / y, PAIRS, values=off_zero)
rows("pow", lambda x, y: x**y, PAIRS, values=positive)
rows("maximum", np.maximum, PAIRS)
rows("minimum", np.minimum, PAIRS)
rows("neg", lambda x: -x, SINGLES)
rows("abs", np.abs, SINGLES, values=off_zero)
rows("exp", np.exp, SINGLES)
rows("log", np.log, SINGLES, values=positive)
rows("sqrt", np.sqrt, SINGLES, values=positive)
rows("square", lambda x: x * x, SINGLES)
rows("sin", np.sin, SINGLES)
rows("cos", np.cos, SINGLES)
for bounds in ({"x_min": -0.53}, {"x_max": 0.61}, {"x_min": -0.53, "x_max": 0.61}):
    rows(
        "clip",
        lambda x, x_min=-np.inf, x_max=np.inf: np.minimum(np.maximum(x, x_min), x_max),
        [(*case, bounds) for case in SINGLES],
    )
MASK = np.array([True, False, True])
rows(
    "where",
    lambda x, y: np.where(MASK, x, y),
    [((3,), (3,)), ((2, 3), ()), ((), (2, 1)), ((4, 1, 3), (2, 1)), ((0, 3), (1,))],
    call=lambda x, y: ops.where(MASK, x, y),
)
rows(
    "matmul",
    np.matmul,
    [
        ((3, 5), (5, 2)),
        ((5,), (5,)),
        ((5,), (5, 2)),
        ((3, 5), (5,)),
        ((4, 3, 5), (5, 2)),
        ((3, 5), (4, 5, 2)),
        ((2, 1, 3, 5), (4, 5, 2)),
        ((5,), (4, 5, 2)),
        ((2, 4, 3, 5), (5,)),
        ((1, 1), (1, 1)),
        ((3, 0), (0, 2)),
        ((0, 5), (5, 2)),
        ((0,), (0,)),
        ((0, 3, 5), (5, 2)),
    ],
)

# --- reductions ----------------------------------------------------------------------------------

AXES = [
    ((), None),
    ((), ()),
    ((1,), 0),
    ((7,), -1),
    ((3, 5), None),
    ((3, 5), 0),
    ((3, 5), -1),
    ((3, 5), (0, 1)),
    ((2, 3, 4), (0, 2)),
    ((2, 3, 4), (-1, 0)),
    ((2, 3, 4), [1, 2]),
    ((2, 3, 4), ()),
    ((0, 3), 1),
    ((0, 3), -1),
]
SUM_AXES = [*AXES, ((), 0), ((), -1), ((0,), None), ((3, 0), 1), ((2, 0, 3), (0, 1))]


def reduction_cases(axes):
    return [
        (shape, {"axis": axis, "keepdims": keepdims})
        for (shape, axis), keepdims in itertools.product(axes, (False, True))
    ]


def by_numpy(function):
    def formula(x, axis=None, **options):
        return function(x, axis=tuple(axis) if isinstance(axis, list) else axis, **options)

    return formula


rows("sum", by_numpy(np.sum), reduction_cases(SUM_AXES))
rows("mean", by_numpy(np.mean), reduction_cases(AXES))
rows("max", by_numpy(np.max), reduction_cases(AXES), values=apart)
rows("min", by_numpy(np.min), reduction_cases(AXES), values=apart)
rows("var", by_numpy(np.var), reduction_cases(AXES))
rows(
    "std", by_numpy(np.std), reduction_cases([case for case in AXES if math.prod(case[0]) > 1][:-1])
)
rows(
    "logsumexp",
    by_numpy(lambda x, **options: np.log(np.exp(x).sum(**options))),
    reduction_cases(AXES),
)
rows("norm", by_numpy(lambda x, **o: np.sqrt((x * x).sum(**o))), reduction_cases(AXES))
for order, reduce in ((1, np.sum), (np.inf, np.max)):
    rows(
        "norm",
        lambda x, axis, ord, reduce=reduce: reduce(np.abs(x), axis=axis),
        [((3, 5), {"axis": axis, "ord": order}) for axis in (None, 0, (0, 1))],
        values=apart,
    )
for name in ("argmax", "argmin"):
    rows(
        name,
        getattr(np, name),
        [((),), ((7,), {"axis": 0}), ((3, 5),), ((3, 5), {"axis": -1}), ((0, 3), {"axis": 1})],
        has_gradient=False,
    )

rows("shape", lambda x: np.array(x.shape), [((),), ((7,),), ((3, 0, 5),)], has_gradient=False)

# --- shapes --------------------------------------------------------------------------------------

rows(
    "reshape",
    lambda x, shape: x.reshape(shape),
    [
        ((), {"shape": (1, 1)}),
        ((1,), {"shape": ()}),
        ((3, 4), {"shape": (2, -1)}),
        ((3, 4), {"shape": -1}),
        ((3, 4), {"shape": [2, 6]}),
        ((0, 3), {"shape": (3, 0, 2)}),
    ],
    call=lambda x, shape: ops.reshape(x, shape),
)
rows(
    "transpose",
    lambda x, axes=None: x.transpose(axes),
    [
        ((),),
        ((3,),),
        ((3, 5),),
        ((2, 3, 4),),
        ((2, 3, 4), {"axes": (1, 2, 0)}),
        ((2, 3, 4), {"axes": (-1, 0, -2)}),
        ((0, 3), {"axes": [1, 0]}),
    ],
    call=lambda x, axes=None: ops.transpose(x, axes),
)
rows(
    "broadcast_to",
    np.broadcast_to,
    [
        ((), {"shape": (2, 3)}),
        ((), {"shape": ()}),
        ((3, 1), {"shape": (2, 3, 4)}),
        ((1, 3), {"shape": (0, 3)}),
        ((3,), {"shape": 3}),
    ],
)
rows(
    "squeeze",
    np.squeeze,
    [
        ((),),
        ((1,),),
        ((1, 3, 1),),
        ((1, 3, 1), {"axis": -1}),
        ((1, 3, 1), {"axis": (0, 2)}),
        ((3, 4),),
        ((1, 0),),
    ],
)
rows(
    "expand_dims",
    np.expand_dims,
    [((), {"axis": 0}), ((3,), {"axis": -1}), ((3, 4), {"axis": (0, 2)}), ((0,), {"axis": 1})],
)
INDICES = [
    0,
    -1,
    slice(None),
    slice(None, None, -2),
    (1, slice(0, 2)),
    (Ellipsis, 0),
    (None, slice(1, 3), None),
    (slice(3, 1),),
    (),
    [0, 2, 0, 0],
    np.array([[0, 1], [1, 1]]),
    (slice(None), [1, 1, -1]),
    ([0, 1, 0], [2, 2, 2]),
    (np.array([True, False, True]), 1),
    (Ellipsis, [0, 0]),
    ([[0], [1]], [[0, 3]]),
    (None, [1, 0], Ellipsis),
    np.arange(12).reshape(3, 4) % 3 == 0,
    np.zeros((3, 4), bool),
    True,
    False,
    np.int64(1),
    (np.uint8(1), np.array([], int)),
]
rows("getitem", lambda x, index: x[index], [((3, 4), {"index": index}) for index in INDICES])
rows("getitem", lambda x, index: x[index], [((), {"index": ()}), ((0, 3), {"index": (..., 1)})])
LISTS = [
    ((3,), (1,), (0,), {"axis": 0}),
    ((3, 2),),
    ((3, 2), (1, 2)),
    ((3, 2), (3, 5), {"axis": -1}),
    ((2, 3, 1), (2, 1, 1), (2, 2, 1), {"axis": 1}),
]
rows(
    "concatenate",
    lambda *xs, axis=0: np.concatenate(xs, axis),
    LISTS,
    call=lambda *xs, axis=0: ops.concatenate(xs, axis),
)
rows(
    "stack",
    lambda *xs, axis=0: np.stack(xs, axis),
    [
        ((), ()),
        ((3, 2),),
        ((3, 2), (3, 2), (3, 2), {"axis": 1}),
        ((3, 2), (3, 2), {"axis": -1}),
        ((3, 2), (3, 2), {"axis": -3}),
        ((0, 2), (0, 2)),
    ],
    call=lambda *xs, axis=0: ops.stack(xs, axis),
)
rows(
    "pad",
    lambda x, pad_width, constant_values=0: np.pad(x, pad_width, constant_values=constant_values),
    [
        ((), {"pad_width": 1}),
        ((3,), {"pad_width": 2}),
        ((3,), {"pad_width": (0, 3)}),
        ((3, 4), {"pad_width": ((1, 0), (0, 2))}),
        ((3, 4), {"pad_width": ((0, 0), (0, 0)), "constant_values": 7}),
        ((3, 4), {"pad_width": [(1, 2)], "constant_values": -1.5}),
        ((0, 2), {"pad_width": 1, "constant_values": 2.0}),
    ],
)
rows(
    "pad",
    np.pad,
    [
        ((3, 4), {"pad_width": ((2, 1), (0, 3)), "mode": "reflect"}),
        ((3, 4), {"pad_width": ((3, 1), (0, 2)), "mode": "symmetric"}),
        ((1,), {"pad_width": 2, "mode": "symmetric"}),
    ],
)

# --- activations ---------------------------------------------------------------------------------


def erf(x):
    return np.array([math.erf(v) for v in x.flat]).reshape(x.shape)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def softmax(x, axis=-1):
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


rows("relu", lambda x: np.where(x > 0, x, 0), SINGLES, values=off_zero)
rows(
    "leaky_relu",
    lambda x, negative_slope=0.2: np.where(x > 0, x, negative_slope * x),
    [*SINGLES, ((3, 5), {"negative_slope": 0.01}), ((3, 5), {"negative_slope": -2})],
    values=off_zero,
)
rows("elu", elu, [*SINGLES, ((3, 5), {"alpha": 0.3})], values=off_zero)
rows(
    "selu",
    lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772),
    SINGLES,
    values=off_zero,
)
rows(
    "gelu",
    lambda x, approximate: x * (1 + erf(x / 2**0.5)) / 2,
    [(*case, {"approximate": False}) for case in SINGLES],
)
rows(
    "gelu",
    lambda x: x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))) / 2,
    SINGLES,
)
rows("silu", lambda x: x / (1 + np.exp(-x)), SINGLES)
rows("softplus", lambda x: np.log(1 + np.exp(x)), SINGLES)
rows("sigmoid", lambda x: 1 / (1 + np.exp(-x)), SINGLES)
rows("tanh", np.tanh, SINGLES)
LINES = [((),), ((1,),), ((0,),), ((3, 5),), ((2, 3, 4), {"axis": 1}), ((3, 5), {"axis": 0})]
LINES += [((3, 0),), ((0, 3),), ((2, 3, 4), {"axis": (0, 2)}), ((3, 5), {"axis": None})]
rows("softmax", softmax, LINES)
rows("log_softmax", lambda x, axis=-1: np.log(softmax(x, axis)), LINES)

# --- layers --------------------------------------------------------------------------------------


def activated(y, activation):
    return np.maximum(y, 0) if activation == "relu" else y


def dense(x, kernel, bias=0.0, activation=None):
    return activated(x @ kernel + bias, activation)


DENSE = [
    ((3, 5), (5, 2)),
    ((3, 5), (5, 2), (2,)),
    ((5,), (5, 2), (2,)),
    ((2, 3, 5), (5, 4), (4,)),
    ((0, 5), (5, 2), (2,)),
    ((3, 0), (0, 2), (2,)),
    ((3, 5), (5, 0), (0,)),
    ((1, 1), (1, 1)),
]
rows("dense", dense, DENSE)
rows("dense", dense, [(*case, {"activation": "relu"}) for case in DENSE])
rows(
    "dropout",
    lambda x, rate, seed: x * (ops.dropout(np.ones(x.shape), rate, seed).data > 0) / (1 - rate),
    [(*case, {"rate": 0.3, "seed": 3}) for case in SINGLES],
)


def batch_norm(x, gamma, beta, epsilon, axis=-1, activation=None):
    moved = np.moveaxis(x, axis, -1)
    flat = moved.reshape(math.prod(moved.shape[:-1]), moved.shape[-1])
    variance = ((flat - flat.mean(0)) ** 2).mean(0)
    y = gamma * (moved - flat.mean(0)) / np.sqrt(variance + epsilon) + beta
    return np.moveaxis(np.maximum(y, 0) if activation else y, -1, axis)


rows(
    "batch_norm",
    batch_norm,
    [
        ((7, 3), (3,), (3,), {"epsilon": 1e-3}),
        ((2, 4, 5, 3), (3,), (3,), {"epsilon": 0.1}),
        ((2, 3, 5), (3,), (3,), {"epsilon": 1e-3, "axis": 1}),
        ((3, 5), (3,), (3,), {"epsilon": 1e-3, "axis": -2}),
        ((7, 3), (3,), (3,), {"epsilon": 1e-3, "activation": "relu"}),
        ((2, 3, 5), (3,), (3,), {"epsilon": 0.1, "axis": 1, "activation": "relu"}),
        ((5, 1), (1,), (1,), {"epsilon": 1e-3}),
        ((7, 0), (0,), (0,), {"epsilon": 1e-3}),
    ],
    call=lambda *inputs, **options: ops.batch_norm(*inputs, **options)[0],
)


def softmax_cross_entropy(z, targets):
    if targets.dtype.kind in "iu":
        targets = np.eye(z.shape[-1])[targets]
    return -(targets * np.log(softmax(z))).sum(axis=-1)


TARGETS = np.random.default_rng(1).dirichlet(np.ones(4), size=(2, 3))
LABELS = np.array([[0, 3, 1], [1, 1, 2]])
rows(
    "softmax_cross_entropy",
    softmax_cross_entropy,
    [
        ((2, 3, 4), {"targets": TARGETS}),
        ((3, 4), {"targets": 2.5 * TARGETS[1]}),
        ((4,), {"targets": TARGETS[0, 0]}),
        ((2, 3, 4), {"targets": LABELS}),
        ((3, 4), {"targets": LABELS[0].astype("uint8")}),
        ((4,), {"targets": np.array(3)}),
        ((0, 4), {"targets": np.zeros(0, int)}),
        ((3, 1), {"targets": np.zeros(3, int)}),
    ],
)
rows(
    "sigmoid_cross_entropy",
    lambda z, targets: targets * np.log(1 + np.exp(-z)) + (1 - targets) * np.log(1 + np.exp(z)),
    [
        ((2, 3, 4), {"targets": TARGETS}),
        ((), {"targets": 1}),
        ((2, 3), {"targets": LABELS > 1}),
        ((0,), {"targets": np.zeros(0)}),
    ],
)

# --- images --------------------------------------------------------------------------------------


def conv2d(x, kernel, bias=0.0, activation=None):
    N, H, W, C = x.shape
    KH, KW, _, F = kernel.shape
    y = np.zeros((N, H - KH + 1, W - KW + 1, F))
    for i, j in itertools.product(range(y.shape[1]), range(y.shape[2])):
        patch = x[:, i : i + KH, j : j + KW].reshape(N, KH * KW * C)
        y[:, i, j] = patch @ kernel.reshape(KH * KW * C, F)
    return activated(y + bias, activation)


IMAGES = [  # more geometry in test_conv.py
    ((2, 5, 4, 3), (3, 2, 3, 4)),
    ((2, 5, 4, 3), (3, 2, 3, 4), (4,)),
    ((1, 1, 1, 1), (1, 1, 1, 1), (1,)),
    ((0, 5, 4, 3), (3, 2, 3, 4), (4,)),
    ((2, 3, 3, 0), (3, 3, 0, 2), (2,)),
    ((2, 3, 3, 1), (3, 3, 1, 0)),
]
rows("conv2d", conv2d, IMAGES)
rows("conv2d", conv2d, [(*case, {"activation": "relu"}) for case in IMAGES])


def windows(reduce):
    def formula(x, pool_size):
        N, H, W, C = x.shape
        KH, KW = (pool_size, pool_size) if isinstance(pool_size, int) else pool_size
        x = x[:, : H // KH * KH, : W // KW * KW]
        return reduce(x.reshape(N, H // KH, KH, W // KW, KW, C), axis=(2, 4))

    return formula


POOLS = [
    ((2, 5, 4, 3), {"pool_size": 2}),
    ((2, 5, 4, 3), {"pool_size": (3, 1)}),
    ((1, 1, 1, 1), {"pool_size": 1}),
    ((0, 5, 4, 3), {"pool_size": 2}),
    ((2, 2, 2, 0), {"pool_size": 2}),
]
rows("max_pool2d", windows(np.max), POOLS, values=apart)
rows("avg_pool2d", windows(np.mean), POOLS)
GLOBAL = [((2, 5, 4, 3),), ((2, 5, 4, 3), {"keepdims": True}), ((1, 1, 1, 1),), ((0, 2, 2, 3),)]
rows("global_max_pool2d", lambda x, **o: np.max(x, axis=(1, 2), **o), GLOBAL, values=apart)
rows("global_avg_pool2d", lambda x, **o: np.mean(x, axis=(1, 2), **o), GLOBAL)


# --- what holds for all of them ------------------------------------------------------------------

every_row = pytest.mark.parametrize("row", ROWS, ids=str)
every_op = pytest.mark.parametrize("name", sorted({row.name for row in ROWS if row.has_gradient}))


def for_rows_of(name, check):
    for row in ROWS:
        if row.name == name:
            try:
                check(row)
            except Exception as error:
                error.add_note(f"in row {row}")
                raise


def record(row, arrays):
    """Apply the operation to tensors that require gradients; return them and the result."""
    inputs = [Tensor(array, requires_grad=True) for array in arrays]
    return inputs, row.apply(*inputs)


def some_gradient(y):
    return np.random.default_rng(0).normal(size=y.shape)


def test_every_operation_has_a_row():
    assert {row.name for row in ROWS} == set(ops.__all__)


@every_row
def test_op_equals_its_formula(row):
    arrays = row.arrays()
    expected = np.asarray(row.formula(*arrays, **row.options))
    result = np.asarray(row.apply(*arrays))
    assert result.shape == expected.shape
    assert_allclose(result, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("row", [row for row in ROWS if row.has_gradient], ids=str)
def test_op_gradient_equals_differences(row):
    check_gradients(row.apply, *row.arrays())


@every_op
def test_op_keeps_the_type_and_rounds_little(name):
    def check(row):
        inputs, y = record(row, row.arrays("float32"))
        exact, y64 = record(row, [tensor.data.astype("float64") for tensor in inputs])
        y.backward(some_gradient(y))
        y64.backward(some_gradient(y))
        assert y.dtype == np.float32
        assert y64.dtype == np.float64
        assert_allclose(y.data, y64.data, rtol=1e-5, atol=1e-6)
        for tensor, tensor64 in zip(inputs, exact, strict=True):
            assert tensor.grad.dtype == np.float32
            assert tensor64.grad.dtype == np.float64
            assert tensor.grad.shape == tensor.shape
            assert_allclose(tensor.grad, tensor64.grad, rtol=1e-5, atol=1e-5)

    for_rows_of(name, check)


def unusual_layouts(array):
    """The same values in Fortran order, with gaps, and backwards in memory; all read-only."""
    with_gaps = np.stack([array, array], axis=-1)[..., 0]
    backwards = np.flip(np.flip(array).copy())
    for layout in (np.array(array, order="F"), with_gaps, backwards):
        layout = np.asarray(layout)  # NumPy turns a 0-d array into a scalar
        layout.flags.writeable = False
        yield layout


@every_op
def test_op_accepts_any_layout_of_inputs_and_gradients(name):
    def check(row):
        arrays = row.arrays()
        inputs, y = record(row, arrays)
        gy = some_gradient(y)
        y.backward(gy)
        for *layouts, unusual_gy in zip(*map(unusual_layouts, [*arrays, gy]), strict=True):
            others, other_y = record(row, layouts)
            assert_allclose(other_y.data, y.data, rtol=1e-13, atol=1e-14)
            other_y.backward(unusual_gy)
            for one, other in zip(inputs, others, strict=True):
                assert_allclose(other.grad, one.grad, rtol=1e-12, atol=1e-13)

    for_rows_of(name, check)


@every_op
def test_op_changes_neither_inputs_nor_result_nor_gradient(name):
    def check(row):
        inputs, y = record(row, row.arrays())
        value, gy = y.data.copy(), some_gradient(y)
        y.backward(gy)
        assert_array_equal(gy, some_gradient(y))
        assert_array_equal(y.data, value)
        for tensor, array in zip(inputs, row.arrays(), strict=True):
            assert_array_equal(tensor.data, array)
            assert tensor.grad.flags.writeable
            others = [gy, y.data, *(other.data for other in inputs)]
            assert not any(np.shares_memory(tensor.grad, other) for other in others)

    for_rows_of(name, check)


@every_op
def test_op_gives_each_input_alone_the_same_gradient(name):
    def check(row):
        arrays = row.arrays()
        together, y = record(row, arrays)
        y.backward(some_gradient(y))
        for i in range(len(arrays)):
            alone = [Tensor(array, requires_grad=i == j) for j, array in enumerate(arrays)]
            row.apply(*alone).backward(some_gradient(y))
            assert_array_equal(alone[i].grad, together[i].grad)
            assert all(tensor.grad is None for tensor in alone if tensor is not alone[i])

    for_rows_of(name, check)


@every_op
def test_op_records_nothing_without_need(name):
    def check(row):
        with no_grad():
            _, y = record(row, row.arrays())
        for result in (y, row.apply(*row.arrays())):
            assert not result.requires_grad
            assert result.node is None

    for_rows_of(name, check)


@every_op
def test_op_notices_changes_of_the_values_it_needs(name):
    """After any input or the result was changed, backward is right or raises; never wrong."""

    def check(row):
        inputs, y = record(row, row.arrays())
        gy = some_gradient(y)
        y.backward(gy)
        expected = [tensor.grad for tensor in inputs]
        for index in range(len(inputs) + 1):
            inputs, y = record(row, row.arrays())
            changed = [*inputs, y][index]
            if not changed.data.flags.writeable:
                continue
            changed.data *= -3
            try:
                y.backward(gy)
            except RuntimeError as error:
                assert "was changed in place" in str(error)
            else:
                for tensor, grad in zip(inputs, expected, strict=True):
                    assert_array_equal(tensor.grad, grad)

    for_rows_of(name, check)


def test_ops_make_no_reference_cycles():
    def engine_objects():
        # Not isinstance, which asks proxies of other libraries, and these may warn.
        return sum(issubclass(type(thing), (Tensor, Function)) for thing in gc.get_objects())

    def run(row):
        _, _ = record(row, row.arrays())  # freed without backward
        _, y = record(row, row.arrays())
        y.backward(some_gradient(y))

    gc.collect()
    gc.disable()
    try:
        before = engine_objects()
        for row in ROWS:
            if row.has_gradient:
                run(row)
        assert engine_objects() == before
    finally:
        gc.enable()
