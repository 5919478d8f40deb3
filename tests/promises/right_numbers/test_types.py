"""Which type a result has, and that mixed types compute in the wider one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minigrad import Parameter, Tensor, activations, layers, losses, ops, optimizers

TWO = {
    "add": ops.add, "sub": ops.sub, "mul": ops.mul, "div": ops.div, "pow": ops.pow,
    "maximum": ops.maximum, "minimum": ops.minimum, "matmul": ops.matmul, "arctan2": ops.arctan2,
    "hypot": ops.hypot, "logaddexp": ops.logaddexp, "logaddexp2": ops.logaddexp2,
    "divide_no_nan": ops.divide_no_nan, "mod": ops.mod, "fmax": ops.fmax, "fmin": ops.fmin,
    "where": lambda x, y: ops.where(np.eye(5, dtype=bool), x, y),
    "concatenate": lambda x, y: ops.concatenate([x, y]),
    "stack": lambda x, y: ops.stack([x, y]), "dot": ops.dot, "inner": ops.inner,
    "outer": ops.outer, "einsum": lambda x, y: ops.einsum("ij,kj->ik", x, y), "kron": ops.kron,
    "cdist": ops.cdist, "append": ops.append, "psnr": lambda x, y: ops.psnr(x, y, 1.0),
    "dense": ops.dense, "conv2d": lambda x, y: ops.conv2d(
        ops.reshape(x, (1, 5, 5, 1)), ops.reshape(y, (5, 5, 1, 1))),
    "average": lambda x, y: ops.average(x, weights=y),
    "batch_norm": lambda x, y: ops.batch_norm(x, y[0], y[1], 1e-3)[0],
}  # fmt: skip


@pytest.mark.parametrize("name", TWO)
def test_float32_and_float64_compute_in_float64(name):
    """The same as of two float64 arrays: nothing on the way is rounded to float32."""
    rng = np.random.default_rng(0)
    narrow = rng.uniform(0.5, 2, (5, 5)).astype("float32")
    wide = rng.uniform(0.5, 2, (5, 5))
    for x, y in ((narrow, wide), (wide, narrow)):
        mixed = [Tensor(a, requires_grad=True) for a in (x, y)]
        widened = [Tensor(a, dtype="float64", requires_grad=True) for a in (x, y)]
        found, expected = TWO[name](*mixed), TWO[name](*widened)
        assert found.dtype == np.float64
        assert_allclose(found.data, expected.data, rtol=1e-14, atol=1e-14)
        gy = rng.normal(size=found.shape)
        found.backward(gy)
        expected.backward(gy)
        for one, other in zip(mixed, widened, strict=True):
            assert one.grad.dtype == one.dtype
            tolerance = 1e-13 if one.dtype == np.float64 else 2e-7
            assert_allclose(one.grad, other.grad, tolerance, tolerance)


def test_dtype_is_not_compared_with_none():
    """np.dtype("float64") == None is True: so a conversion to float64 was left out."""
    t = Tensor(np.ones(3))
    t.data = np.full(3, 0.5, "float32")
    assert t.dtype == t.data.dtype == np.float64
    t.assign(np.full(3, 2, "float32"))
    assert Tensor(np.ones(2, "float32"), dtype=np.dtype("float64")).dtype == np.float64
    assert Tensor(np.ones(2, "float32"), dtype=np.float64).data.dtype == np.float64
    w = Parameter(np.ones(3), dtype="float64")
    w.data = np.ones(3, "float32")
    optimizers.Adam().apply([np.ones(3)], [w])
    assert w.data.dtype == np.float64
    logits = Tensor(np.zeros((4, 3)), requires_grad=True)
    targets = np.eye(3, dtype="float32")[[0, 1, 2, 0]]
    for loss in (losses.categorical_crossentropy, losses.binary_crossentropy):
        found = loss(targets, logits, from_logits=True)
        found.sum().backward()
        assert found.dtype == logits.grad.dtype == np.float64
    layer = layers.Dense(
        3, dtype="float64", kernel_initializer=lambda shape, dtype=None: np.ones(shape, "float32")
    )
    layer.build((None, 4))
    assert [w.dtype for w in layer.weights] == [np.float64] * 2
    layer.set_weights([np.ones((4, 3), "float32"), np.ones(3, "float32")])
    assert layer(np.ones((2, 4))).dtype == np.float64


ACTIVATIONS = [
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu",
    "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6",
    "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus",
    "sparse_sigmoid", "sparsemax", "squareplus", "tanh", "tanh_shrink",
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_and_options_of_numpy_numbers_keep_the_type(dtype):
    x = Tensor(np.linspace(-2, 2, 6), dtype=dtype, requires_grad=True)
    for name in ACTIVATIONS:
        y = getattr(activations, name)(x)
        assert y.dtype == dtype, name
        y.backward(np.ones(y.shape))
        assert x.grad.dtype == dtype, name
    number = np.float64(0.5)
    for y in (
        x * number, number * x, x + number, x - 1, 1 / (x + 9), (x + 9) ** number, number ** x,
        x + True, x * np.int64(3), x * 2**60, ops.clip(x, number, 2 * number),
        ops.leaky_relu(x, number), ops.elu(x, number), ops.where(x.data > 0, x, number),
        ops.pad(x, 1, constant_values=number), ops.maximum(x, number), activations.celu(x, number),
        activations.relu(x, number, 6 * number, number), activations.squareplus(x, number),
        activations.threshold(x, number, number), ops.quantile(x, number),
        ops.layer_normalization(x, epsilon=number), ops.normalize(x, epsilon=number),
        losses.huber(np.zeros(6), x, number), ops.dropout(x, number, 1),
        ops.batch_norm(x.reshape(3, 2), np.ones(2, dtype), np.ones(2, dtype), number)[0],
        losses.tversky(np.ones(6), x, number, number), ops.cumsum(x), ops.logaddexp(x, number),
        losses.binary_focal_crossentropy([0, 1] * 3, ops.sigmoid(x), True, number, 4 * number),
        losses.binary_crossentropy([0, 1] * 3, x.detach() / 5 + 0.5, False, number),
        losses.categorical_crossentropy([[1, 0]] * 3, np.full((3, 2), 0.5, dtype), False, number),
    ):  # fmt: skip
        assert y.dtype == dtype


def test_integers_and_booleans():
    mask = np.array([True, False, True])
    assert ops.sum(mask).item() == 2
    assert ops.mean(np.array([1, 2], np.int8)).item() == 1.5
    assert ops.sum(np.array([200, 200], np.uint8)).item() == 400  # no overflow of the bytes
    assert ops.mul(np.array([200], np.uint8), np.array([2], np.uint8)).item() == 400
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x[mask] * mask[mask]).sum().backward()
    assert_array_equal(x.grad, mask)
    assert_array_equal((x * np.array([1, 2, 3])).data, [1, 4, 9])
    assert_array_equal((x**2).data, [1, 4, 9])
    assert_array_equal((x ** np.array([0, 1, 2])).data, [1, 2, 9])
    assert_array_equal((2**x).data, [2, 4, 8])
    assert_array_equal(ops.argmax(np.array([2**53, 2**53 - 1], "float64")), 0)


@pytest.mark.parametrize("number", [2**24 + 1, 2**31 - 1, -(2**24) - 1])
def test_integers_that_float32_cannot_hold_are_refused_or_exact(number):
    array = np.array([number])
    with pytest.raises(ValueError, match="holds exactly"):
        Tensor(array)
    assert Tensor(array, dtype="float64").item() == number
    assert (Tensor(np.zeros(1)) + array).item() == number
    with pytest.raises(ValueError, match="holds exactly"):
        losses.mean_squared_error(array, Tensor([0.0]))


@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1, -(2**53) - 1])
def test_integers_that_float64_cannot_hold_are_refused(number):
    with pytest.raises(ValueError, match="holds exactly"):
        Tensor(np.array([number]), dtype="float64")
    # Integers that stay integers keep every digit.
    assert ops.convert_to_tensor(np.array([number]))[0] == number
    assert ops.cast(np.array([number]), "int64")[0] == number
    assert ops.take(np.array([0, number]), 1) == number
    assert ops.add(np.array([2**24]), Tensor(np.ones(1))).item() == 2**24 + 1


def test_concatenate_without_an_axis_flattens():
    x = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    y = Tensor(np.float64(7), requires_grad=True)
    z = ops.concatenate([x, y, np.zeros((0, 2))], axis=None)
    assert_array_equal(z.data, np.concatenate([x.data, y.data, np.zeros((0, 2))], axis=None))
    z.backward(np.arange(7.0))
    assert_array_equal(x.grad, np.arange(6.0).reshape(2, 3))
    assert y.grad == 6
