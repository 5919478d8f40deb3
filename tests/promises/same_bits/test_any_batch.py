"""A sample has the same bits in whatever batch it stands, and whatever its neighbours hold.

Which rows of the tables of ops have a batch axis is found by trying: where parts of a batch give
parts of the result, to a few digits, they must give the same bits.
"""

import importlib.util
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import activations, kernels, layers, losses, ops

TESTS = Path(__file__).parents[2]
BATCH = 37
PARTS = (slice(0, 1), slice(5, 6), slice(3, 5), slice(8, 15), slice(4, 36), slice(36, 37))
THREADS = (1, 2, 3)

pytestmark = pytest.mark.skipif(
    kernels.kind == "reference", reason="NumPy's products promise nothing across batches"
)


def load(name):
    """A module of the tests, which is no part of a package."""
    spec = importlib.util.spec_from_file_location(f"_table_{Path(name).stem}", TESTS / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OPS = load("ops/test_every_op.py").ROWS
MORE = load("more_ops/test_more_ops.py")
LAYERS = load("layers/test_every_layer.py").TABLE


def arrays(result):
    """The arrays of a result, which may be a tensor, or several."""
    results = result if isinstance(result, list | tuple) else [result]
    return [np.asarray(getattr(x, "data", x)) for x in results]


def same_bits(whole, part, where):
    assert whole.dtype == part.dtype, where
    differ = whole.tobytes() != part.tobytes() and not np.array_equal(whole, part, equal_nan=True)
    assert not differ, f"{where}: {np.mean(whole != part):.0%} of the elements differ"


def check(function, x, num_threads=None, where=""):
    """Parts of the batch ``x`` alone, and beside other neighbours, against the whole."""
    whole = arrays(function(x))
    for i, part in enumerate(PARTS):
        if num_threads:
            num_threads(THREADS[i % len(THREADS)])
        for one, other in zip(whole, arrays(function(x[part])), strict=True):
            same_bits(one[part], other, f"{where} samples {part.start} to {part.stop - 1}")
    for odd in (0, 1e30, np.inf, np.nan) if x.dtype.kind == "f" else ():
        changed = x.copy()
        changed[BATCH // 2 :] = odd
        changed[1 : BATCH // 2 : 2] = odd
        kept = slice(0, BATCH // 2, 2)
        with np.errstate(all="ignore"):
            others = arrays(function(changed))
        for one, other in zip(whole, others, strict=True):
            same_bits(one[kept], other[kept], f"{where} beside {odd}")


def batches_of(function, inputs):
    """The inputs with ``BATCH`` samples each, and which of them have; None without a batch axis."""
    n = max([x.shape[0] for x in inputs if x.ndim], default=0)
    if n < 2:
        return None
    chosen, part = np.random.default_rng(0).integers(0, n, BATCH), slice(3, 5)
    batched = [x.shape[:1] == (n,) for x in inputs]
    inputs = [x[chosen] if many else x for x, many in zip(inputs, batched, strict=True)]
    try:
        whole, parts = of_parts(function, inputs, batched, part)
        fits = all(
            one.shape[:1] == (BATCH,)
            and one[part].shape == other.shape
            and np.allclose(one[part], other, 1e-3, 1e-4, equal_nan=True)
            for one, other in zip(whole, parts, strict=True)
        )
    except (ValueError, TypeError, IndexError, ArithmeticError):
        return None  # it takes no other number of rows
    return (inputs, batched) if fits else None


def of_parts(function, inputs, batched, part):
    """The results of the whole batch, and of a part of it alone."""
    some = [x[part] if many else x for x, many in zip(inputs, batched, strict=True)]
    return arrays(function(*inputs)), arrays(function(*some))


def with_batch_axis(cases):
    """Of (name, function, inputs), those whose parts give parts of the result."""
    for name, function, inputs in cases:
        for dtype in ("float32", "float64"):
            typed = [x.astype(dtype) if x.dtype.kind == "f" else x for x in inputs]
            if found := batches_of(function, typed):
                yield pytest.param(function, *found, id=f"{name}-{dtype}")


def every_op():
    for row in OPS:
        if row.name == "batch_norm":
            continue  # statistics of a batch
        yield str(row), row.apply, [np.array(x) for x in row.arrays()]
    rows = zip(MORE.SMOOTH + MORE.STEPS, MORE.NAMES + [""] * len(MORE.STEPS), strict=True)
    for (name, _, arguments, options), names in rows:
        before = [names] * bool(names)
        function = MORE.CALLS.get(name) or getattr(ops, name)
        call = partial(lambda f, before, options, *xs: f(*before, *xs, **options), function)
        if all(isinstance(x, np.ndarray) for x in arguments) and options.get("axis") != 0:
            yield name + names, partial(call, before, options), arguments


ROWS = list(with_batch_axis(every_op()))


def test_most_ops_have_a_batch_axis():
    assert len(ROWS) > 500


@pytest.mark.parametrize("function, inputs, batched", ROWS)
def test_ops(function, inputs, batched):
    for part in PARTS:
        whole, parts = of_parts(function, inputs, batched, part)
        for one, other in zip(whole, parts, strict=True):
            same_bits(one[part], other, f"samples {part.start} to {part.stop - 1}")


def with_slopes(function):
    """The function, which also returns the gradients of its batched inputs, given its result's."""

    def both(batched, slope, *inputs):
        given = [
            minigrad.Tensor(x, requires_grad=many) if x.dtype.kind == "f" else x
            for x, many in zip(inputs, batched, strict=True)
        ]
        result = function(*given)
        result = result[0] if isinstance(result, list | tuple) else result
        result.backward(slope(result.data))
        return [x.grad for x, many in zip(given, batched, strict=True) if many]

    return both


def has_slopes(function, inputs, batched):
    try:
        grads = with_slopes(function)(batched, np.zeros_like, *inputs)
    except (AttributeError, TypeError, RuntimeError):  # integers, values, or what cannot learn
        return False
    return all(grad is not None for grad in grads)


LEARNING = [row for row in ROWS if has_slopes(*row.values)]


def test_most_ops_have_gradients():
    assert len(LEARNING) > 400


@pytest.mark.parametrize("function, inputs, batched", LEARNING)
def test_gradients_of_ops(function, inputs, batched):
    generator, slopes = np.random.default_rng(9), []

    def slope(y):
        slopes[:] = slopes or [generator.normal(size=(BATCH, *y.shape[1:])).astype(y.dtype)]
        return slopes[0][current].reshape(y.shape)  # squeeze drops a batch of one

    current = slice(None)
    whole = with_slopes(function)(batched, slope, *inputs)
    for current in PARTS:
        some = [x[current] if many else x for x, many in zip(inputs, batched, strict=True)]
        parts = with_slopes(function)(batched, slope, *some)
        for one, other in zip(whole, parts, strict=True):
            same_bits(one[current], other, f"samples {current.start} to {current.stop - 1}")


W = np.random.default_rng(1).normal(size=(700, 130))
WIDE = {  # samples so large that sums over them are cut
    "matmul": lambda x: ops.matmul(x, W.astype(x.dtype)),
    "matmul transposed": lambda x: ops.matmul(x, W.T.copy().T.astype(x.dtype, order="F")),
    "dense": lambda x: ops.dense(x, W.astype(x.dtype), W[0].astype(x.dtype), activation="relu"),
    "dot": lambda x: ops.dot(x, W.astype(x.dtype)),
    "einsum": lambda x: ops.einsum("nk,kf->nf", x, W.astype(x.dtype)),
    "tensordot": lambda x: ops.tensordot(x, W.astype(x.dtype), 1),
    "sum of products": lambda x: ops.sum(x * W[:, 0].astype(x.dtype), axis=1),
    "by a vector": lambda x: ops.matmul(x, W[:, 0].astype(x.dtype)),
    "of several axes": lambda x: ops.matmul(ops.reshape(x, (-1, 7, 100)), W[:100].astype(x.dtype)),
    "stacks": lambda x: ops.matmul(
        ops.reshape(x, (-1, 7, 100)), ops.reshape(x, (-1, 100, 7))
    ),
}  # fmt: skip
REDUCTIONS = ("sum", "mean", "var", "std", "max", "min", "logsumexp", "norm", "prod", "median")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("zeros", [0, 0.7])
@pytest.mark.parametrize("name", WIDE)
def test_products(name, zeros, dtype, num_threads):
    generator = np.random.default_rng(2)
    x = generator.normal(size=(BATCH, 700)).astype(dtype)
    x[generator.random(x.shape) < zeros] = 0
    check(WIDE[name], x, num_threads, name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(701,), (13, 17, 3), (1, 300), (300, 1), (2, 2, 600)], ids=str)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, shape, dtype):
    x = np.random.default_rng(3).normal(size=(BATCH, *shape)).astype(dtype)
    axes = range(1, x.ndim)
    for axis in [*axes, tuple(axes), tuple(axes)[1:] or 1, -1]:
        if isinstance(axis, int) or name not in ("median",):
            check(lambda x, axis=axis: getattr(ops, name)(x, axis=axis), x, where=f"axis {axis}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(set(activations.ACTIVATIONS.names) - {"glu"}))
def test_activations(name, dtype):
    x = np.random.default_rng(4).normal(0, 3, (BATCH, 5, 3)).astype(dtype)
    check(activations.get(name), x)


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, num_threads):
    row = LAYERS[name]
    if len(row.shape) < 2:
        return
    x = np.random.default_rng(5).normal(size=(BATCH, *row.shape[1:])).astype("float32")
    layer = row.make()
    check(lambda x: layer(x, training=False), x, num_threads)


LARGE = {
    "Dense": (lambda: layers.Dense(130, "relu"), (5000,)),
    "Dense of few": (lambda: layers.Dense(10, "softmax"), (2100,)),
    "Conv2D": (lambda: layers.Conv2D(40, 3, padding="same"), (15, 15, 33)),
    "Conv2D of few": (lambda: layers.Conv2D(5, 5, padding="same"), (15, 15, 40)),
    "Conv2D of an image": (lambda: layers.Conv2D(32, 3, activation="relu"), (28, 28, 1)),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(9, 3, strides=2), (9, 9, 33)),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3), (15, 15, 33)),
    "LayerNormalization": (lambda: layers.LayerNormalization(), (9, 700)),
    "LayerNormalization of all": (lambda: layers.LayerNormalization(axis=(1, 2)), (9, 70)),
    "GroupNormalization": (lambda: layers.GroupNormalization(3), (9, 9, 33)),
    "UnitNormalization": (lambda: layers.UnitNormalization(), (9, 700)),
    "BatchNormalization": (lambda: layers.BatchNormalization(), (9, 9, 33)),
    "GlobalAveragePooling2D": (lambda: layers.GlobalAveragePooling2D(), (19, 19, 33)),
    "GlobalAveragePooling1D": (lambda: layers.GlobalAveragePooling1D(), (600, 5)),
    "AveragePooling2D": (lambda: layers.AveragePooling2D(3), (19, 19, 33)),
}


@pytest.mark.parametrize("zeros", [0, 0.7])
@pytest.mark.parametrize("name", LARGE)
def test_large_layers(name, zeros, num_threads):
    make, shape = LARGE[name]
    generator = np.random.default_rng(6)
    x = generator.normal(size=(BATCH, *shape)).astype("float32")
    x[generator.random(x.shape) < zeros] = 0
    layer = make()
    check(layer, x, num_threads)


def slope_of(layer, x, gy, place):
    """The gradient of a batch, as training would have it, but for batch normalization's."""
    given = minigrad.Tensor(x, requires_grad=True)
    layer(given, training=False).backward(gy[place])
    return given.grad


@pytest.mark.parametrize("zeros", [0, 0.7])
@pytest.mark.parametrize("name", LARGE)
def test_gradients_of_large_layers(name, zeros, num_threads):
    make, shape = LARGE[name]
    generator = np.random.default_rng(6)
    x = generator.normal(size=(BATCH, *shape)).astype("float32")
    layer = make()
    gy = generator.normal(size=layer(x).shape).astype("float32")
    gy[generator.random(gy.shape) < zeros] = 0
    whole = slope_of(layer, x, gy, slice(None))
    for i, part in enumerate(PARTS):
        num_threads(THREADS[i % len(THREADS)])
        where = f"samples {part.start} to {part.stop - 1}"
        same_bits(whole[part], slope_of(layer, x[part], gy, part), where)


# Of circle, dice and tversky, samples have no loss of their own.
OF_SAMPLES = sorted(set(losses.LOSSES.names) - {"circle", "dice", "tversky"})


@pytest.mark.parametrize("name", OF_SAMPLES)
def test_losses(name):
    generator = np.random.default_rng(7)
    x = generator.uniform(0.01, 0.99, (BATCH, 700)).astype("float32")
    x /= x.sum(axis=1, keepdims=True)
    classes = generator.integers(0, 700, BATCH)
    by_class = name in ("sparse_categorical_crossentropy", "categorical_generalized_cross_entropy")
    target = classes if by_class else np.eye(700, dtype="float32")[classes]
    function = losses.get(name)
    (whole,) = arrays(function(target, x))
    for part in PARTS:
        same_bits(whole[part], *arrays(function(target[part], x[part])), name)


def notebook_cnn():
    return minigrad.Sequential(
        [
            minigrad.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def test_predict_of_one_equals_its_row_in_a_thousand(num_threads):
    generator = np.random.default_rng(8)
    x = generator.random((1000, 28, 28, 1), "float32")
    x[:, :6] = x[:, :, 20:] = 0  # the blank borders of digits
    model = notebook_cnn()
    whole = model.predict(x, batch_size=1000, verbose=0)
    for threads, batch_size in ((1, 1), (2, 7), (3, 32), (2, 999)):
        num_threads(threads)
        again = model.predict(x[:50] if batch_size < 8 else x, batch_size=batch_size, verbose=0)
        same_bits(whole[: len(again)], again, f"batches of {batch_size}")
    x[1:] = 0
    same_bits(whole[:1], model.predict(x, batch_size=1000, verbose=0)[:1], "beside zeros")
