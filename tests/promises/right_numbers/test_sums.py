"""Long sums of float32 against float64: pairwise, or better, along every axis and in every op.

Numbers around 0.1 are the hardest: added one by one, all roundings go into one direction, and 1e7
of them are 8 % off. Pairwise they are 1e-6 off. The quick form adds 2e5 of them, the long one 1e7.
"""

import os

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minigrad import Parameter, Tensor, kernels, layers, losses, metrics, ops

N = 10_000_000 if os.environ.get("MINIGRAD_LONG") == "1" else 200_000
PAIRWISE = 3e-6  # of the result; one by one it is 1e-2


def numbers(*shape, about=0.1):
    shape = [N // 1000 if n is None else n for n in shape]
    return np.random.default_rng(0).uniform(0.95, 1.05, shape).astype("float32") * np.float32(about)


def tenths(*shape):
    return np.full(shape, 0.1, "float32")


SHAPES = {
    "vector": ((N,), [None, 0, -1]),
    "column": ((N, 1), [0, (0, 1)]),
    "rows": ((N // 4, 4), [None, 0, 1, -2, (1, 0)]),
    "columns": ((4, N // 4), [None, 0, 1, (0, -1)]),
    "square": ((1000, N // 1000), [None, 0, 1]),
    "cube": ((2, N // 4, 2), [None, 0, 1, 2, (0, 1), (1, 2), (0, -1), (0, 1, 2)]),
}
CASES = [(name, axis) for name, (_, axes) in SHAPES.items() for axis in axes]
LAYOUTS = {
    "C": lambda x: x,
    "F": np.asfortranarray,
    "backwards": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "every second": lambda x: np.repeat(x, 2, axis=0)[::2],
}


def relative(found, expected):
    found = found.data if isinstance(found, Tensor) else np.asarray(found)
    size = np.abs(expected)
    return np.max(np.abs(found - expected) / np.where(size == 0, 1, size))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "axis"), CASES)
def test_reductions_along_every_axis(name, axis, layout):
    x = LAYOUTS[layout](numbers(*SHAPES[name][0]))
    wide, t = x.astype("float64"), Tensor(x)
    assert relative(ops.sum(t, axis), wide.sum(axis)) < PAIRWISE
    assert relative(ops.mean(t, axis, keepdims=True), wide.mean(axis, keepdims=True)) < PAIRWISE
    assert relative(ops.norm(t, None, axis), np.sqrt((wide * wide).sum(axis))) < PAIRWISE
    assert relative(ops.norm(t, 1, axis), wide.sum(axis)) < PAIRWISE
    assert relative(ops.var(t, axis), wide.var(axis)) < 1e-5
    assert relative(ops.std(t, axis), wide.std(axis)) < 1e-5
    total = np.exp(wide).sum(axis)
    assert relative(ops.logsumexp(t, axis), np.log(total)) < PAIRWISE


@pytest.mark.parametrize("mean", [1e3, -1e6])
@pytest.mark.parametrize(("name", "axis"), CASES)
def test_variance_of_nearly_equal_numbers(name, axis, mean):
    x = numbers(*SHAPES[name][0], about=1.0) + np.float32(mean)
    wide = x.astype("float64")
    assert relative(ops.var(Tensor(x), axis), wide.var(axis)) < 1e-5
    assert relative(ops.std(Tensor(x), axis), wide.std(axis)) < 1e-5
    t = Tensor(x, requires_grad=True)
    y = ops.var(t, axis)
    y.backward(np.full(y.shape, 1e6, "float32"))
    centered = wide - wide.mean(axis, keepdims=True)
    expected = centered * 2e6 / (x.size / y.size)
    assert_allclose(t.grad, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_variance_of_equal_numbers_is_0():
    for value in (0.1, 1e3, 1e6, 3e8):
        x = Tensor(np.full((1000, 7), value, "float32"), requires_grad=True)
        for axis in (0, 1, None):
            y = ops.std(x, axis)
            assert (y.data == 0).all()
            y.sum().backward()
        assert (x.grad == 0).all()


NORMALIZATIONS = {
    "batch": lambda **o: layers.BatchNormalization(**o),
    "batch, first axis": lambda **o: layers.BatchNormalization(axis=1, **o),
    "batch, renormalized": lambda **o: layers.BatchNormalization(renorm=True, **o),
    "layer": lambda **o: layers.LayerNormalization(**o),
    "layer, all axes": lambda **o: layers.LayerNormalization([1, 2, 3], **o),
    "group": lambda **o: layers.GroupNormalization(4, **o),
    "instance": lambda **o: layers.GroupNormalization(-1, **o),
}


@pytest.mark.parametrize("mean", [1e3, 1e6])
@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_normalizations_of_nearly_equal_numbers(name, mean):
    """float32 has 7 digits; those that remain behind a mean of 1e6 stay right."""
    rng = np.random.default_rng(1)
    x = (mean + rng.normal(size=(8, 7, 6, 16))).astype("float32")
    gy = rng.normal(size=x.shape).astype("float32")
    results = []
    for dtype in ("float32", "float64"):
        layer = NORMALIZATIONS[name](dtype=dtype)
        t = Tensor(x, dtype=dtype, requires_grad=True)
        y = layer(t, training=True)
        y.backward(gy.astype(dtype))
        grads = [w.grad for w in layer.trainable_weights]
        results.append([y.data, t.grad, *grads])
        assert len(grads) == 2
    for found, expected in zip(*results, strict=True):
        assert found.dtype == np.float32
        assert_allclose(found, expected, rtol=0, atol=3e-6 * np.abs(expected).max())


@pytest.mark.parametrize("axis", [0, 1])
def test_cumulative_sums(axis):
    x = np.moveaxis(tenths(N, 1), 0, axis)
    t = Tensor(x, requires_grad=True)
    y = ops.cumsum(t, axis)
    y.backward(x)
    wide = np.cumsum(x.astype("float64"), axis)
    assert relative(y, wide) < 1e-7
    assert relative(t.grad, np.flip(wide, axis)) < 1e-7


def test_gradients_of_what_broadcasts():
    gy = tenths(N // 10, 10)
    for shape, axes in (
        ((10,), 0),
        ((1, 10), 0),
        ((N // 10, 1), 1),
        ((), (0, 1)),
        ((1, 1), (0, 1)),
    ):
        b = Tensor(np.zeros(shape, "float32"), requires_grad=True)
        (Tensor(gy) + b).backward(gy)
        expected = gy.sum(axes, dtype="float64").reshape(shape)
        assert relative(b.grad, expected) < PAIRWISE
        b = Tensor(np.zeros(shape, "float32"), requires_grad=True)
        ops.broadcast_to(b, gy.shape).backward(gy)
        assert relative(b.grad, expected) < PAIRWISE
    b = Tensor(np.float32(2), requires_grad=True)
    (b * Tensor(gy)).backward(np.ones_like(gy))
    assert relative(b.grad, gy.sum(dtype="float64")) < PAIRWISE


def test_gradients_of_what_is_taken_many_times():
    gy, row = tenths(N), np.zeros(N, int)
    expected = gy.sum(dtype="float64")
    x = Tensor(np.zeros(3, "float32"), requires_grad=True)
    x[row].backward(gy)
    assert relative(x.grad[0], expected) < 1e-7
    assert (x.grad[1:] == 0).all()
    assert relative(ops.scatter(row[:, None], Tensor(gy), (3,))[0], expected) < 1e-7
    assert relative(ops.segment_sum(Tensor(gy), row)[0], expected) < PAIRWISE
    table = layers.Embedding(3, 2)
    table(row).backward(np.stack([gy, gy], axis=-1))
    assert relative(table.weights[0].grad[0], expected) < 1e-7
    x = Tensor(np.zeros(1, "float32"), requires_grad=True)
    ops.repeat(x, N).backward(gy)
    assert relative(x.grad, expected) < 1e-7


# Blocks of the depth are added one after the other: N / 1408 roundings.
BLOCKED = 3e-4


@pytest.mark.parametrize("rows", [1, 2, 17])
@pytest.mark.parametrize("columns", [1, 3, 40])
@pytest.mark.parametrize("transposed", [False, True])
def test_long_products(rows, columns, transposed):
    depth = N // 40
    a, b = tenths(rows, depth), np.ones((depth, columns), "float32")
    b = np.asfortranarray(b) if transposed else b
    expected = np.float64(np.float32(0.1)) * depth
    assert relative(ops.matmul(Tensor(a), Tensor(b)), expected) < BLOCKED
    assert relative(ops.dense(Tensor(a), Tensor(b)), expected) < BLOCKED


def test_long_dot_products():
    a, b = tenths(N), np.ones(N, "float32")
    expected = np.float64(np.float32(0.1)) * N
    for found in (
        ops.matmul(Tensor(a), Tensor(b)),
        ops.dot(Tensor(a), Tensor(b)),
        ops.inner(Tensor(a), Tensor(b)),
        ops.vdot(Tensor(a), Tensor(b)),
        ops.einsum("i,i->", Tensor(a), Tensor(b)),
        ops.tensordot(Tensor(a), Tensor(b), 1),
        ops.trapezoid(Tensor(np.append(a, [0.0]).astype("float32"))) + 0.05,
        ops.average(Tensor(a), weights=Tensor(b)) * N,
    ):
        assert relative(found, expected) < BLOCKED


def test_gradients_of_dense_and_convolution():
    number = N // 20
    x, w, b = tenths(number, 2), Parameter(np.zeros((2, 20))), Parameter(np.zeros(20))
    y = ops.dense(Tensor(x), w, b)
    y.backward(np.ones(y.shape))
    assert relative(b.grad, number) < BLOCKED
    assert relative(w.grad, x[:, :1].sum(dtype="float64")) < BLOCKED
    image = tenths(20, number // 400, 20, 1)
    w, b = Parameter(np.zeros((1, 1, 1, 20))), Parameter(np.zeros(20))
    y = ops.conv2d(Tensor(image), w, b)
    y.backward(np.ones(y.shape))
    assert relative(b.grad, image.size) < BLOCKED
    assert relative(w.grad, image.sum(dtype="float64")) < BLOCKED
    pooled = ops.global_avg_pool2d(Tensor(tenths(1, N // 1000, 500, 2)))
    assert relative(pooled, np.float32(0.1)) < PAIRWISE


@pytest.mark.parametrize("sizes", [(1, 1_000_000), (1_000_000, 1), (1000, 1000)])
def test_gradients_of_one_large_image(sizes):
    image = Tensor(np.full((1, *sizes, 1), 0.01, "float32"))
    w, b = Parameter(np.zeros((1, 1, 1, 3), "f")), Parameter(np.zeros(3, "f"))
    ops.conv2d(image, w, b).sum().backward()
    if kernels.kind == "fast":  # the products of the others add as they come
        assert relative(w.grad, 10_000) < 5e-5  # one by one it is 1.3e-2
    ops.conv2d(Tensor(np.ones((1, *sizes, 1), "f")), w, b).backward(image.data.repeat(3, axis=3))
    assert relative(b.grad, 1_010_000) < 5e-5


def test_statistics_and_gradients_of_a_large_batch():
    x = numbers(N // 4, 4)
    gamma, beta = Parameter(np.ones(4)), Parameter(np.zeros(4))
    y, mean, variance = ops.batch_norm(Tensor(x), gamma, beta, 1e-3)
    assert relative(mean, x.mean(0, dtype="float64")) < PAIRWISE
    assert relative(variance, x.var(0, dtype="float64")) < 1e-5
    y.backward(tenths(*x.shape))
    assert relative(beta.grad, np.float64(np.float32(0.1)) * len(x)) < PAIRWISE
    assert np.abs(gamma.grad).max() < PAIRWISE * len(x)
    for axis in (0, 1):
        p = ops.softmax(Tensor(np.zeros((N // 4, 4), "float32")), axis)
        assert relative(p, 1 / p.shape[axis]) < PAIRWISE


LOSSES = {
    "MeanSquaredError": 0.01, "MeanAbsoluteError": 0.1, "Huber": 0.005,
    "MeanSquaredLogarithmicError": np.log1p(0.1) ** 2, "BinaryCrossentropy": -np.log(0.9),
    "Hinge": 1.1, "SquaredHinge": 1.21,
    "LogCosh": np.log(np.cosh(0.1)), "Poisson": 0.1,
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_means_of_losses_and_metrics_over_many_samples(name):
    y_pred = tenths(N // 4, 4)
    zeros = np.zeros_like(y_pred)
    weights = np.full(len(y_pred), 0.3, "float32")
    expected = LOSSES[name]
    tolerance = 1e-5  # of the formula in float32
    loss = getattr(losses, name)
    assert relative(loss()(zeros, y_pred), expected) < tolerance
    assert relative(loss()(zeros, y_pred, weights), 0.3 * expected) < tolerance
    assert relative(loss(reduction="sum")(zeros, y_pred), len(weights) * expected) < tolerance
    weighted = loss(reduction="mean_with_sample_weight")(zeros, y_pred, weights)
    assert relative(weighted, expected) < tolerance
    assert relative(loss()(zeros.T, y_pred.T), expected) < tolerance  # one long mean a sample
    name = {"Huber": None, "LogCosh": "LogCoshError"}.get(name, name)
    if name is not None:
        metric = getattr(metrics, name)()
        for part in range(0, len(zeros), len(zeros) // 5):
            cut = slice(part, part + len(zeros) // 5)
            metric.update_state(zeros[cut], y_pred[cut], weights[cut])
        assert relative(metric.result(), expected) < tolerance


def test_metrics_over_many_batches_add_in_float64():
    batch = tenths(1000)
    mean, total, root = metrics.Mean(), metrics.Sum(), metrics.RootMeanSquaredError()
    accuracy, counts = metrics.BinaryAccuracy(), metrics.TruePositives()
    number = N // 1000
    for _ in range(number):
        mean.update_state(batch)
        total.update_state(batch)
        root.update_state(0 * batch, batch)
    for _ in range(number // 10):
        accuracy.update_state(batch > 0, batch + 0.8)
        counts.update_state(batch > 0, batch + 0.8)
    tenth = float(np.float32(0.1))
    assert mean.result() == pytest.approx(tenth, rel=1e-12)
    assert total.result() == pytest.approx(tenth * 1000 * number, rel=1e-12)
    assert root.result() == pytest.approx(tenth, rel=1e-6)
    assert accuracy.result() == 1
    assert counts.result() == number // 10 * 1000
    for _ in range(5):  # beyond 2**24, where float32 counts no further
        counts.update_state(np.ones(2**22, bool), np.ones(2**22, "float32"))
    assert counts.result() == number // 10 * 1000 + 5 * 2**22


def test_regression_metrics_of_values_far_from_0():
    rng = np.random.default_rng(0)
    y = (1e4 + rng.normal(size=(N // 10, 1))).astype("float32")
    p = y + rng.normal(size=y.shape).astype("float32") / 10
    wide, estimate = y.astype("float64"), p.astype("float64")
    r2 = 1 - ((wide - estimate) ** 2).sum() / ((wide - wide.mean()) ** 2).sum()
    pearson = np.corrcoef(wide[:, 0], estimate[:, 0])[0, 1]
    metric = metrics.R2Score()
    for part in np.array_split(np.arange(len(y)), 7):
        metric.update_state(y[part], p[part])
    assert float(metric.result()) == pytest.approx(r2, rel=1e-5)
    correlation = metrics.PearsonCorrelation(axis=0)
    correlation.update_state(y, p)
    assert float(correlation.result()) == pytest.approx(pearson, rel=1e-4)
