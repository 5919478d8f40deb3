"""Functions at the ends of the float range: their limits, and digits where formulas cancel.

The oracles are formulas in the widest float there is (80 bits where the processor has them), which
is told apart by its exponents: nothing overflows in it, and little cancels.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minigrad import Tensor, activations, layers, losses, ops

INF, NAN = np.inf, np.nan
WIDE = np.longdouble
DTYPES = ["float32", "float64"]
every_dtype = pytest.mark.parametrize("dtype", DTYPES)

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # of overflow: the result says it
    pytest.mark.skipif(np.finfo(WIDE).bits < 80, reason="longdouble is double here"),
]


def both(function, x):
    """The values of a function of a tensor, and its slopes."""
    x = Tensor(x, requires_grad=True)
    y = function(x)
    y.backward(np.ones(y.shape))
    return y.data, x.grad


def assert_near(found, expected, dtype, units=16, floor=16, what=""):
    """As near as so many units in the last place, or so many of the smallest normal number."""
    with np.errstate(all="ignore"):
        rounded = np.asarray(expected).astype(dtype)
    info = np.finfo(dtype)
    error = np.abs(found.astype(WIDE) - expected)
    good = error <= units * info.eps * np.abs(expected) + floor * info.tiny
    good |= (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    assert good.all(), f"{what}: {found[~good]} in place of {rounded[~good]}"


# --- functions of one number ---------------------------------------------------------------------

PLACES = [0.0, 1e-45, 1e-38, 1e-30, 1e-8, 1e-3, 0.3, 1, 2, 5, 9.5, 16.5, 20, 31, 50, 88.5, 104]
PLACES += [710, 1e4, 1e10, 1e19, 1e30, 3e38, INF]
PLACES = np.array([*(-x for x in PLACES[1:]), *PLACES, NAN])


def tails(x, left, middle, right):
    """`middle(x)`, but the limits where the formula in `middle` is infinity / infinity."""
    return np.where(x < -1e4, left(x), np.where(x > 1e4, right(x), middle(np.clip(x, -1e4, 1e4))))


def zero(x):
    return 0 * np.sign(x)


def one(x):
    return np.ones_like(x)


def same(x):
    return x


def logistic(x):
    return np.where(x < 0, np.exp(x), 1) / (1 + np.exp(-np.abs(x)))


def cubic(x, slope=False):
    c = np.sqrt(8 / WIDE(np.pi))
    return c * (1 + 3 * WIDE(0.044715) * x * x) if slope else c * (x + WIDE(0.044715) * x**3)


def squareplus(x):
    root = np.sqrt(x * x + 4)
    return np.where(x > 0, (x + root) / 2, 2 / (root - x))


def gated(gate, gate_slope):
    """X gate(x) and its slope."""
    return (
        lambda x: tails(x, zero, lambda x: x * gate(x), same),
        lambda x: tails(x, zero, lambda x: gate(x) + x * gate_slope(x), one),
    )


def tanh_of_softplus(x):
    return np.tanh(np.log1p(np.exp(np.minimum(x, 1e3))) + np.maximum(x - 1e3, 0))


# Value and slope. Slopes of a saturated float32 result, as of sigmoid right of 17, have its digits.
SINGLE = {
    "exp": (np.exp, np.exp),
    "sigmoid": (logistic, None),
    "tanh": (np.tanh, None),
    "softplus": (lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), logistic),
    "log_sigmoid": (
        lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))), lambda x: logistic(-x)
    ),
    "relu": (lambda x: np.maximum(x, 0), None),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
            lambda x: np.exp(np.minimum(x, 0))),
    "silu": gated(logistic, lambda x: logistic(x) * logistic(-x)),
    "gelu": gated(
        lambda x: logistic(cubic(x)),
        lambda x: logistic(cubic(x)) * logistic(-cubic(x)) * cubic(x, slope=True),
    ),
    "mish": (lambda x: tails(x, zero, lambda x: x * tanh_of_softplus(x), same), None),
    "hard_silu": (lambda x: tails(x, zero, lambda x: x * np.clip(x / 6 + 0.5, 0, 1), same), None),
    "softsign": (
        lambda x: np.where(np.isinf(x), np.sign(x), x / (1 + np.abs(x))),
        lambda x: 1 / (1 + np.abs(x)) ** 2,
    ),
    "squareplus": (
        lambda x: tails(x, lambda x: -1 / x, squareplus, same),
        lambda x: np.where(np.isinf(x), NAN, squareplus(x) / np.sqrt(x * x + 4)),
    ),
    "arcsinh": (np.arcsinh, lambda x: 1 / np.hypot(x, 1)),
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x)),
    "cbrt": (np.cbrt, None),
    "expm1": (np.expm1, np.exp),
    "erf": (None, lambda x: 2 / np.sqrt(WIDE(np.pi)) * np.exp(-x * x)),
    "reciprocal": (lambda x: 1 / x, None),
    "log": (np.log, lambda x: 1 / x),
    "log1p": (np.log1p, lambda x: 1 / (1 + x)),
    "sqrt": (np.sqrt, None),
    "log_cosh": (
        lambda x: np.where(np.abs(x) < 1, np.log1p(2 * np.sinh(np.minimum(np.abs(x), 1) / 2) ** 2),
                           np.abs(x) + np.log1p(np.exp(-2 * np.abs(x))) - np.log(WIDE(2))),
        np.tanh,
    ),
}  # fmt: skip


def function_named(name):
    if name == "log_cosh":
        return lambda x: losses.log_cosh(np.zeros((x.size, 1)), ops.reshape(x, (-1, 1)))
    if name == "gelu":
        return lambda x: ops.gelu(x, approximate=True)
    return getattr(ops, name, None) or getattr(activations, name)


@every_dtype
@pytest.mark.parametrize("name", SINGLE)
def test_function_has_its_limits_and_digits(name, dtype):
    x = PLACES.astype(dtype)
    if name in ("log", "sqrt"):
        x = x[~(x < 0)]
    if name == "log1p":
        x = x[~(x <= -1)]
    value, slope = SINGLE[name]
    y, gx = both(function_named(name), x)
    wide = x.astype(WIDE)
    floor = 1e4 if name in ("gelu", "silu", "mish") else 16  # exp is 0 where it is denormal
    if value is not None:
        units = {"gelu": 200}.get(name, 16)  # exp of a rounded cubic
        assert_near(y, value(wide), dtype, units, floor, f"{name} at {x}")
    if slope is not None:
        expected = slope(wide)
        known = ~np.isnan(expected) | np.isnan(x)
        if name in ("silu", "gelu", "softplus", "log_sigmoid"):  # digits of 1 - logistic are lost
            assert_allclose(gx[known], expected.astype(dtype)[known], 1e-5, np.finfo(dtype).eps * 8)
        else:
            assert_near(gx[known], expected[known], dtype, what=f"slope of {name}")


@every_dtype
def test_tanh_shrink_and_others_that_cancel_keep_absolute_digits(dtype):
    x = np.array([-1e-3, 1e-8, 0.5, 3, 1e4], dtype)
    y, gx = both(ops.tanh_shrink, x)
    wide = x.astype(WIDE)
    eps = np.finfo(dtype).eps
    assert (np.abs(y - (wide - np.tanh(wide))) <= 2 * eps * np.abs(wide)).all()
    assert (np.abs(gx - np.tanh(wide) ** 2) <= 4 * eps).all()


@pytest.mark.parametrize("y", [0.0, 1e-300, 1e-30, 1e-8, 1e-3, 0.3, 0.49, 0.51, 0.9, 1 - 1e-12])
def test_erfinv_has_its_digits_near_0_and_near_1(y):
    import math

    x = ops.erfinv(Tensor([y, -y], dtype="float64")).data
    assert x[0] == -x[1]
    found = math.erf(x[0]) if y < 0.5 else 1 - math.erfc(x[0])
    assert found == pytest.approx(y, rel=2e-15, abs=0)


@every_dtype
def test_sinc_has_its_slope_at_0(dtype):
    x = np.array([1e-38, 1e-8, 1e-4, 1e-3, 0.009, 0.011, 0.03], dtype)
    z = np.pi * x.astype(WIDE)
    expected = -np.pi * (z / 3 - z**3 / 30 + z**5 / 840 - z**7 / 45360)
    _, gx = both(ops.sinc, x)
    assert_allclose(gx, expected.astype(dtype), 3e-3 if dtype == "float32" else 2e-12)


@every_dtype
def test_slopes_near_the_ends_of_a_domain(dtype):
    below = np.nextafter(np.asarray(1, dtype), np.asarray(0, dtype))
    above = np.nextafter(np.asarray(1, dtype), np.asarray(2, dtype))
    wide, high = WIDE(below), WIDE(above)
    eps = np.finfo(dtype).eps
    for op, x, slope in (
        (ops.arcsin, below, 1 / np.sqrt(1 - wide * wide)),
        (ops.arccos, below, -1 / np.sqrt(1 - wide * wide)),
        (ops.arctanh, below, 1 / (1 - wide * wide)),
        (ops.arccosh, above, 1 / np.sqrt(high * high - 1)),
        (ops.arccosh, np.asarray(1e30, dtype), WIDE(1) / WIDE(np.asarray(1e30, dtype))),
    ):
        _, gx = both(op, np.array([x]))
        assert abs(gx[0] - slope) <= 8 * eps * abs(slope), op


@every_dtype
def test_power_at_its_edges(dtype):
    x = Tensor(np.array([0, 0, 0, 0, 2, 1e-30, INF, 1], dtype), requires_grad=True)
    y = Tensor(np.array([0, 1, 2, 0.5, 0, 1, -1, INF], dtype), requires_grad=True)
    z = x**y
    z.backward(np.ones(8))
    assert_array_equal(z.data, np.array([1, 0, 0, 0, 1, 1e-30, 0, 1], dtype))
    assert_array_equal(x.grad[:6], [0, 1, 0, INF, 0, 1])
    assert_allclose(y.grad[:6], [0, 0, 0, 0, np.log(2), 1e-30 * np.log(1e-30)], rtol=1e-6)


# --- softmax and cross-entropies -----------------------------------------------------------------

ROWS = [
    [1e4, -1e4, 0], [1e4, 1e4, 0], [-1e4, -1e4, -1e4], [3e38, -3e38, 0], [-3e38, -3e38, 0],
    [INF, 0, 1], [INF, INF, 1], [INF, -INF, 0], [-INF, 0, 1], [-INF, -INF, 0],
    [1e-30, 0, -1e-30], [0, -20, -40], [0, -90, -100], [88, 89, 90], [NAN, 0, 1],
]  # fmt: skip
NORMAL = [i for i, row in enumerate(ROWS) if not np.isnan(row).any()]


def softmax_of(rows):
    """Probabilities and their logarithms; of infinities, equal shares."""
    p, log_p = [], []
    for row in np.asarray(rows, WIDE):
        largest = row.max()
        z = np.where(row == INF, 0, row - largest)
        total = np.exp(z).sum()
        p.append(np.exp(z) / total)
        log_p.append(z - np.log1p(total - 1))
    return np.array(p), np.array(log_p)


@every_dtype
@pytest.mark.parametrize("axis", [-1, 0])
def test_softmax_log_softmax_and_logsumexp(axis, dtype):
    z = np.array(ROWS, dtype)
    p, log_p = softmax_of(z)
    expected = {
        ops.softmax: p,
        ops.log_softmax: log_p,
        ops.logsumexp: np.array([
            max(row) if INF in row else max(row) - log.max()
            for row, log in zip(z, log_p, strict=True)
        ]),
    }  # fmt: skip
    upstream = np.array([1.0, 2.0, 4.0])
    slopes = {
        ops.softmax: p * (upstream - (p * upstream).sum(1, keepdims=True)),
        ops.log_softmax: upstream - 7 * p,
        ops.logsumexp: p,
    }
    for op, y in expected.items():
        x = Tensor(z if axis == -1 else z.T, requires_grad=True)
        found = op(x, axis=axis)
        gy = np.ones(len(z)) if found.ndim == 1 else np.tile(upstream, (len(z), 1))
        found.backward(gy if axis == -1 or gy.ndim == 1 else gy.T)
        values, gx = (found.data, x.grad) if axis == -1 else (found.data.T, x.grad.T)
        eps = np.finfo(dtype).eps
        assert_allclose(values, y.astype(dtype), 8 * eps, eps, err_msg=op.__name__)
        assert_allclose(gx, slopes[op].astype(dtype), 16 * eps, 16 * eps, err_msg=op.__name__)


CROSS_ENTROPIES = {
    "sparse": lambda t, z: losses.sparse_categorical_crossentropy(t, z, from_logits=True),
    "sparse, softmax": lambda t, z: losses.sparse_categorical_crossentropy(t, ops.softmax(z)),
    "rows": lambda t, z: losses.categorical_crossentropy(np.eye(3)[t], z, from_logits=True),
    "rows, softmax": lambda t, z: losses.categorical_crossentropy(np.eye(3)[t], ops.softmax(z)),
    "op": lambda t, z: ops.softmax_cross_entropy(z, t),
    "ops": lambda t, z: -(ops.where(np.eye(3)[t] > 0, ops.log_softmax(z), 0.0)).sum(-1),
}


@every_dtype
@pytest.mark.parametrize("name", CROSS_ENTROPIES)
@pytest.mark.parametrize("label", [0, 1, 2])
def test_cross_entropy_of_logits_at_the_ends(label, name, dtype):
    z = np.array(ROWS, dtype)
    p, log_p = softmax_of(z)
    loss, gz = both(lambda z: CROSS_ENTROPIES[name](np.full(len(z), label), z), z)
    eps = np.finfo(dtype).eps
    assert_allclose(loss, -log_p[:, label].astype(dtype), 8 * eps, eps)
    assert_allclose(gz, (p - np.eye(3)[label]).astype(dtype), 8 * eps, 8 * eps)


@every_dtype
def test_cross_entropy_of_certain_probabilities_is_limited(dtype):
    p = np.array([[1.0, 0.0, 0.0]], dtype)
    for label, expected in ((0, -np.log1p(-1e-7)), (1, -np.log(1e-7))):
        for loss in (
            losses.sparse_categorical_crossentropy([label], p),
            losses.categorical_crossentropy(np.eye(3)[[label]], p),
            losses.binary_crossentropy([[1 - label]], p[:, :1]),
        ):
            # In float32, 1 - 1e-7 is 1 - 1.19e-7.
            assert_allclose(loss.data, expected, 0.02 if dtype == "float32" else 1e-9, 3e-8)


@every_dtype
def test_targets_of_several_classes_at_infinite_logits(dtype):
    z = np.array([[INF, 0, 1], [INF, INF, 1], [-INF, 0, 0], [1e4, -1e4, 0]], dtype)
    targets = np.array([[0.2, 0.3, 0.5], [0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0.5, 0]])
    loss, gz = both(lambda z: losses.categorical_crossentropy(targets, z, from_logits=True), z)
    assert_allclose(loss, [INF, np.log(2), np.log(2), 1e4], rtol=1e-6)
    p = [[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5], [1, 0, 0]]
    assert_allclose(gz, p - targets, atol=1e-6)


@every_dtype
@pytest.mark.parametrize("target", [0.0, 0.1, 0.5, 1.0])
def test_binary_cross_entropy_of_logits_at_the_ends(target, dtype):
    z = np.array(
        [-INF, -3e38, -1e4, -100, -20, -1, -1e-9, 0, 1e-9, 1, 20, 100, 1e4, 3e38, INF], dtype
    )
    wide, t = z.astype(WIDE), WIDE(np.asarray(target, dtype))
    share = np.where(wide > 0, 1 - t, t)
    expected = np.where(share == 0, 0, share * np.abs(wide)) + np.log1p(np.exp(-np.abs(wide)))
    slope = np.where(wide < 0, np.exp(wide), 1) / (1 + np.exp(-np.abs(wide))) - t
    targets = np.full((len(z), 1), target)
    for loss in (
        lambda x: losses.binary_crossentropy(targets, x.reshape(-1, 1), from_logits=True),
        lambda x: losses.binary_crossentropy(targets, ops.sigmoid(x.reshape(-1, 1))),
        lambda x: ops.sigmoid_cross_entropy(x, targets[:, 0]),
    ):
        y, gz = both(loss, z)
        assert_near(y, expected, dtype)
        eps = np.finfo(dtype).eps
        assert_allclose(gz, slope.astype(dtype), 8 * eps, 8 * eps)


# --- division, norms, denormals ------------------------------------------------------------------


@every_dtype
def test_division_near_0(dtype):
    info = np.finfo(dtype)
    tiny, least = info.tiny, info.smallest_subnormal
    x = Tensor(np.array([1, 1, 0, least, tiny, -1, 0], dtype), requires_grad=True)
    y = Tensor(np.array([tiny, least, tiny, least, 2, 0, 0], dtype), requires_grad=True)
    z = x / y
    z.backward(np.array([1, 1, 1, 1, 1, 1, 0], dtype))
    assert_array_equal(z.data[:6], [1 / tiny, INF, 0, 1, tiny / 2, -INF])
    assert np.isnan(z.data[6])
    assert_array_equal(x.grad, [1 / tiny, INF, 1 / tiny, INF, 0.5, INF, 0])
    assert_array_equal(y.grad[4:], [-tiny / 4, INF, 0])
    assert_array_equal(ops.divide_no_nan(x, y).data[4:], [tiny / 2, 0, 0])


@every_dtype
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_norms_neither_overflow_nor_vanish(size, dtype):
    """The squares of float32 are out of range; for float64 the sizes are to the eighth power."""
    size = np.asarray(size ** (8 if dtype == "float64" else 1), dtype)
    v = np.array([[3, 4], [-4, 3]], dtype) * size
    y, gv = both(lambda v: ops.norm(v, axis=1), v)
    assert_allclose(y, [5 * size] * 2, rtol=1e-6)
    assert_allclose(gv, [[0.6, 0.8], [-0.8, 0.6]], rtol=1e-6)
    assert_allclose(ops.hypot(v[:, 0], Tensor(v[:, 1])).data, [5 * size] * 2, rtol=1e-6)
    assert_allclose(ops.cdist(Tensor(v), Tensor(0 * v)).data, [[5 * size] * 2] * 2, rtol=1e-6)
    if size >= 1:  # smaller ones count as 1e-12 or 1e-7
        unit = layers.UnitNormalization(dtype=dtype)(v).data
        assert_allclose(unit, [[0.6, 0.8], [-0.8, 0.6]], rtol=1e-6)
        assert_allclose(ops.normalize(Tensor(v)).data, unit, rtol=1e-6)
        assert_allclose(losses.cosine_similarity(v, Tensor(v)).data, [-1, -1], rtol=1e-6)
        assert_allclose(losses.cosine_similarity(v[::-1], Tensor(v)).data, [0, 0], atol=1e-6)


def denormals(size, dtype):
    info = np.finfo(dtype)
    return np.resize(np.array([1, 3, 1000], dtype) * info.smallest_subnormal, size).astype(dtype)


@every_dtype
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [7, 40_001])
def test_denormals_are_not_flushed_to_0(size, threads, dtype, num_threads):
    num_threads(threads)
    x = denormals(size, dtype)
    one = np.ones(size, dtype)
    for y in (
        Tensor(x) + 0,
        Tensor(x) - np.zeros(size, dtype),
        Tensor(x) * one,
        Tensor(x) * 1.0,
        Tensor(x) / one,
        ops.relu(x),
        ops.leaky_relu(x),
        ops.maximum(x, 0.0),
        ops.clip(x, 0, 1),
        ops.where(one > 0, Tensor(x), 0.0),
        Tensor(x)[::-1][::-1],
        ops.abs(-Tensor(x)),
        ops.arcsinh(x),
        ops.expm1(x),
        ops.log1p(x),
        ops.dropout(x, 0.0, 1),
        ops.sum(Tensor(np.stack([x, 0 * x])), 0),
        ops.max(Tensor(x.reshape(-1, 1)), 1),
    ):
        assert_array_equal(y.data, x)
    for op in (ops.relu, ops.leaky_relu, ops.exp, ops.softplus, ops.tanh, ops.gelu, ops.elu):
        t = Tensor(one * 0 + (1 if op in (ops.relu, ops.leaky_relu) else 0), requires_grad=True)
        op(t).backward(x * 2)
        assert (t.grad > 0).all(), op


@every_dtype
@pytest.mark.parametrize("threads", [1, 3])
def test_products_and_convolutions_keep_denormals(threads, dtype, num_threads):
    num_threads(threads)
    x = denormals(40 * 50, dtype).reshape(40, 50)
    assert_array_equal(ops.matmul(x, Tensor(np.eye(50, dtype=dtype))).data, x)
    assert_array_equal(ops.matmul(Tensor(np.eye(40, dtype=dtype)), x).data, x)
    assert_array_equal(ops.dense(x, Tensor(np.eye(50, dtype=dtype)), None, "relu").data, x)
    image = x.reshape(1, 40, 50, 1)
    assert_array_equal(ops.conv2d(Tensor(image), np.ones((1, 1, 1, 1), dtype)).data, image)
    pooled = ops.max_pool2d(Tensor(image), 2).data
    assert_array_equal(pooled[0, :, :, 0], x.reshape(20, 2, 25, 2).max((1, 3)))


def test_variables_of_float32_reach_denormals_in_training():
    from minigrad import Parameter, optimizers

    w = Parameter(np.zeros(9))
    optimizers.SGD(1.0).apply([np.full(9, 1e-42, "float32")], [w])
    assert_array_equal(w.data, np.float32(-1e-42))
