"""Random and hostile calls, in a process that may die: ``fuzz_child.py KIND FIRST_SEED COUNT``.

Each call runs with the fast kernels and with their NumPy twins. It may raise an error that says
what is wrong; it may not crash, hang, raise one of Python's internal errors, or give other numbers.
The seed is printed before the call, so that the parent knows which one it died of.
"""

import contextlib
import resource
import signal
import sys
import warnings

import numpy as np

from minigrad import Parameter, Tensor, kernels, layers, losses, metrics, ops, optimizers, random
from minigrad.kernels.runtime.threads import default_kind

GIGABYTES = 2
SECONDS = 10  # of the processor, for one call
TOLD = (IndexError, MemoryError, NotImplementedError, TypeError, ValueError)
KINDS = {
    "compiled": kernels.load(default_kind(), kernels.levels()[-1]),
    "reference": kernels.load("reference"),
}
HUGE = [2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1, 2**63, 2**64, 10**400]
ODD = [0, -1, -3, 1.5, float("nan"), float("inf"), None, "a", [], True, (2, 3), b"x", 1j]
TYPES = ["float32"] * 6 + ["float64"] * 3 + ["float16", "int32", "bool", ">f4", "uint8", "int64"]


class Values:
    """Random arguments."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.hostility = self.rng.choice([0.0, 0.05, 0.2])

    def one_of(self, *values):
        return values[self.rng.integers(len(values))]

    def is_hostile(self):
        return self.rng.random() < self.hostility

    def size(self, least=1, most=4):
        if self.is_hostile():
            return self.one_of(*HUGE, *ODD)
        return int(self.rng.integers(least, most + 1))

    def sizes(self, least=1, most=4):
        return self.size(least, most) if self.rng.random() < 0.5 else (
            self.size(least, most), self.size(least, most)
        )  # fmt: skip

    def shape(self, rank):
        if self.is_hostile():
            rank += self.one_of(-1, 1)
        return tuple(int(n) for n in self.rng.choice([0, 1, 2, 3, 5, 7], max(rank, 0), p=SHARES))

    def array(self, *shape, dtype=None):
        """Numbers in any form: strides, byte order, alignment, types; NaN now and then."""
        if self.is_hostile():
            shape = self.shape(len(shape))
        dtype = np.dtype(dtype or self.one_of(*TYPES))
        x = np.round(self.rng.normal(size=shape) * 4) / 4
        if self.is_hostile() and x.size:
            x.flat[self.rng.integers(x.size)] = self.one_of(np.nan, np.inf, -np.inf, 1e30)
        with np.errstate(invalid="ignore", over="ignore"):
            x = x.astype(dtype)
        form = self.rng.integers(8)
        if form == 1:
            x = np.asfortranarray(x)
        elif form == 2 and x.ndim:
            x = np.repeat(x, 2, axis=-1)[..., ::2]
        elif form == 3:
            x = x[(slice(None, None, -1),) * x.ndim]
        elif form == 4:
            memory = np.zeros(x.nbytes + 1, np.uint8)
            memory[1:].view(dtype).reshape(x.shape)[...] = x
            x = memory[1:].view(dtype).reshape(x.shape)
        elif form == 5:
            x = np.broadcast_to(x[:1], x.shape) if x.ndim and len(x) else x
        elif form == 6:
            x.flags.writeable = False
        return x


SHARES = [0.04, 0.16, 0.25, 0.25, 0.2, 0.1]


# --- ops: (function, arguments, options), from random values -------------------------------------


def conv2d(v):
    n, h, w, c, f = v.shape(5) if v.hostility == 0 else (2, 5, 6, 2, 3)
    groups = v.one_of(1, 1, 1, v.size(1, 2))
    kernel = v.array(*(v.size(1, 3) if v.hostility == 0 else 2 for _ in "hw"), c, f, dtype="f4")
    padding = v.one_of(
        "valid", "same", ((v.size(0, 2), v.size(0, 2)), (1, 0)), "zzz" if v.is_hostile() else "same"
    )
    options = {
        "strides": v.sizes(),
        "padding": padding,
        "dilation_rate": v.sizes(1, 3),
        "groups": groups,
    }
    return ops.conv2d, (v.array(n, h, w, c), kernel), options


def pool(v):
    options = {"pool_size": v.sizes(1, 3), "padding": v.one_of("valid", "same")}
    options["strides"] = v.one_of(None, v.sizes(1, 3))
    return v.one_of(ops.max_pool2d, ops.avg_pool2d), (v.array(*v.shape(4)),), options


def dense(v):
    m, k, n = v.shape(3)
    bias = v.one_of(None, v.array(n))
    return ops.dense, (v.array(m, k), v.array(k, n), bias, v.one_of(None, "relu")), {}


def matmul(v):
    m, k, n = v.shape(3)
    return ops.matmul, (v.array(m, k), v.array(k, n)), {}


def elementwise(v):
    name = v.one_of("relu", "sigmoid", "tanh", "exp", "gelu", "elu", "softplus", "silu", "abs")
    return getattr(ops, name), (v.array(*v.shape(v.rng.integers(4))),), {}


def reduction(v):
    name = v.one_of("sum", "mean", "max", "min", "var", "std", "logsumexp", "argmax", "softmax")
    axis = v.one_of(None, -1, 0, v.size(0, 2))
    if name in ("softmax", "argmax") and axis is None:
        axis = -1
    return getattr(ops, name), (v.array(*v.shape(v.rng.integers(4))),), {"axis": axis}


def arithmetic(v):
    shape = v.shape(2)
    other = v.one_of(v.array(*shape), v.array(shape[-1] if shape else 1), v.size())
    return v.one_of(ops.add, ops.sub, ops.mul, ops.div, ops.maximum), (v.array(*shape), other), {}


def rearrangement(v):
    x = v.array(*v.shape(2))
    name, *rest = v.one_of(
        ("reshape", v.one_of(-1, (v.size(), -1), (x.size,))), ("transpose",), ("squeeze",),
        ("expand_dims", v.size(-2, 2)), ("pad", v.size(0, 2)), ("repeat", v.size()),
        ("tile", v.size()), ("roll", v.size()), ("flip",), ("broadcast_to", (v.size(), *x.shape)),
        ("getitem", v.size(-2, 2)), ("take", [v.size(0, 2)]), ("split", v.size()),
        ("one_hot", v.size()), ("concatenate",), ("stack",),
    )  # fmt: skip
    if name in ("concatenate", "stack"):
        return getattr(ops, name), ([x, v.array(*x.shape)],), {"axis": v.size(-1, 1)}
    return getattr(ops, name), (x, *rest), {}


def creation(v):
    shape = (v.size(), v.size())
    function, arguments = v.one_of(
        (ops.zeros, (shape,)), (ops.ones, (shape,)), (ops.full, (shape, 1.5)), (ops.eye, shape),
        (ops.arange, (v.size(),)), (ops.linspace, (0, 1, v.size())),
        (lambda s: np.shape(random.normal(s)), (shape,)),
        (lambda s: np.shape(random.randint(s, 0, v.size())), (shape,)),
        (lambda s: np.shape(kernels.empty(s, np.dtype("f4"))), (shape,)),
    )  # fmt: skip
    return function, arguments, {}


def loss(v):
    name = v.one_of("mse", "mae", "huber", "binary_crossentropy", "categorical_crossentropy",
                    "sparse_categorical_crossentropy", "kl_divergence", "hinge")  # fmt: skip
    shape = v.shape(2)
    y_true = v.array(*(shape[:1] if name.startswith("sparse") else shape))
    weights = v.one_of(None, v.array(*shape[:1]))
    return (
        losses.as_loss(name),
        (y_true, Tensor(np.abs(v.array(*shape)))),
        {"sample_weight": weights},
    )


def metric(v):
    name = v.one_of("MeanSquaredError", "BinaryAccuracy", "Precision", "AUC", "F1Score",
                    "SparseCategoricalAccuracy", "TopKCategoricalAccuracy")  # fmt: skip
    shape = v.shape(2)
    return getattr(metrics, name)(), (v.array(*shape), np.abs(v.array(*shape))), {}


LAYERS = {
    "Dense": (lambda v: (v.size(),), 2), "Dropout": (lambda v: (v.one_of(0.5, v.size(0, 1)),), 2),
    "Conv2D": (lambda v: (v.size(), v.sizes(1, 3), v.sizes(1, 2), v.one_of("same", "valid")), 4),
    "DepthwiseConv2D": (lambda v: (v.sizes(1, 3), v.sizes(1, 2)), 4),
    "SeparableConv2D": (lambda v: (v.size(), v.sizes(1, 3)), 4),
    "Conv2DTranspose": (lambda v: (v.size(), v.sizes(1, 3), v.sizes(1, 2)), 4),
    "Conv1D": (lambda v: (v.size(), v.size(1, 3)), 3),
    "MaxPooling2D": (lambda v: (v.sizes(1, 3), v.one_of(None, v.sizes(1, 3))), 4),
    "AveragePooling2D": (lambda v: (v.sizes(1, 3),), 4), "MaxPooling1D": (lambda v: (v.size(),), 3),
    "ZeroPadding2D": (lambda v: (v.sizes(0, 2),), 4), "Cropping2D": (lambda v: (v.sizes(0, 1),), 4),
    "UpSampling2D": (lambda v: (v.sizes(1, 3),), 4), "RepeatVector": (lambda v: (v.size(),), 2),
    "Embedding": (lambda v: (v.size(), v.size()), 2), "Reshape": (lambda v: ((v.size(), -1),), 3),
    "BatchNormalization": (lambda v: (v.one_of(-1, v.size()),), 3), "Flatten": (lambda v: (), 3),
    "LayerNormalization": (lambda v: (v.one_of(-1, v.size()),), 3),
    "Permute": (lambda v: ((v.size(1, 2), v.size(1, 2)),), 3),
    "Resizing": (lambda v: (v.size(), v.size()), 4), "LeakyReLU": (lambda v: (v.size(0, 1),), 2),
    "GroupNormalization": (lambda v: (v.size(1, 2),), 3),
}  # fmt: skip


def layer(v):
    name = v.one_of(*LAYERS)
    arguments, rank = LAYERS[name]
    arguments, x, training = arguments(v), v.array(*v.shape(rank)), v.one_of(False, True)

    def call():
        random.set_random_seed(0)
        return getattr(layers, name)(*arguments)(x, training=training)

    call.__name__ = f"{name}{arguments!r}"
    return call, (), {}


def fused(v):
    filters, size, window = v.size(), v.sizes(1, 3), v.sizes(1, 3)
    x = v.array(*v.shape(4))

    def call():
        random.set_random_seed(0)
        first = layers.Conv2D(filters, size, padding="same", activation="relu")
        second = layers.MaxPooling2D(window)
        model = __import__("minigrad").Sequential([first, second, layers.Dropout(0.5)])
        return model(x, training=True)

    call.__name__ = f"Conv2D({filters!r}, {size!r}), MaxPooling2D({window!r})"
    return call, (), {}


def step(v):
    name = v.one_of("SGD", "Adam", "RMSprop", "Adagrad", "Nadam", "Lion", "Adadelta", "Adamax",
                    "Muon", "Adafactor")  # fmt: skip
    shape = v.shape(2)
    gradient, start = v.array(*shape), np.ones(shape, "f4")

    def call():
        weight, optimizer = Parameter(start.copy()), getattr(optimizers, name)(0.5)
        for _ in range(2):
            optimizer.apply([gradient], [weight])
        return weight

    call.__name__ = name
    return call, (), {}


CALLS = [conv2d, pool, dense, matmul, elementwise, reduction, arithmetic, rearrangement, creation]
CALLS += [loss, metric, layer, layer, layer, fused, step]


def values_of(result):
    if isinstance(result, (list, tuple)):
        return [array for part in result for array in values_of(part)]
    return [np.array(result.data if isinstance(result, Tensor) else result)]


@contextlib.contextmanager
def using(kind):
    before = {name: getattr(kernels, name, None) for name in KINDS[kind]}
    for name, function in KINDS[kind].items():
        setattr(kernels, name, function)
    yield
    for name, function in before.items():
        setattr(kernels, name, function)


def backpropagated(function, arguments, options):
    """The result and, where it is one tensor of the first argument, the gradient of its sum."""
    result = function(*arguments, **options)
    found = values_of(result)
    if isinstance(result, Tensor) and function in (ops.conv2d, ops.max_pool2d, ops.avg_pool2d,
                                                   ops.dense, ops.softmax):  # fmt: skip
        x = Tensor(np.asarray(arguments[0]).astype("f8"), requires_grad=True)
        function(x, *arguments[1:], **options).sum().backward()
        found += [x.grad]
    return found


def try_call(seed):
    """Run one call in both kinds; raise AssertionError if they disagree."""
    outcomes = {}
    for kind in KINDS:
        v = Values(seed)
        with using(kind):
            try:
                function, arguments, options = v.one_of(*CALLS)(v)
                outcomes[kind] = backpropagated(function, arguments, options)
            except TOLD as error:
                outcomes[kind] = type(error)
                message = str(error)
                assert message, "an error without a message"
    one, other = outcomes.values()
    if isinstance(one, type) or isinstance(other, type):
        assert isinstance(one, type) and isinstance(other, type), f"{one} and {other}"
        return False
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape, (
            f"{a.dtype} {a.shape}, {b.dtype} {b.shape}"
        )
        if a.dtype.kind == "f":
            largest = np.abs(b[np.isfinite(b)]).max(initial=1e-3)
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4 * largest)
        else:
            np.testing.assert_array_equal(a, b)
    return True


# --- kernels, called directly --------------------------------------------------------------------


def kernel_cases():
    """Kernels' names, and a function that makes arguments that fit."""
    rng = np.random.default_rng(0)

    def a(*shape):
        return rng.normal(size=shape).astype("f4")

    x, w, y, geometry = (2, 6, 7, 3), (2, 3, 3, 5), (2, 5, 5, 5), (1, 1, 0, 0, 1, 1, 1)
    pooled, window = (2, 3, 3, 3), (2, 2, 2, 2, 0, 0)
    labels = np.array([0, 1, 2, 1])
    argmax = np.zeros((2, 2, 2, 5), np.uint8)
    cells = np.zeros(pooled, np.int32)
    steps = {
        "sgd_step": ("wgv", (0.1, 0.9, False)), "adagrad_step": ("wga", (0.1, 1e-7)),
        "rmsprop_step": ("wgvmb", (0.1, 0.9, 0.9, 1e-7)),
        "adam_step": ("wgmvx", (0.1, 0.9, 0.99, 1e-7)),
        "adamax_step": ("wgmu", (0.1, 0.9, 0.99, 1e-7)), "lion_step": ("wgm", (0.1, 0.9, 0.99)),
        "adadelta_step": ("wgad", (0.1, 0.9, 1e-7)),
        "nadam_step": ("wgmv", (0.1, 0.1, 0.5, 0.9, 0.99, 1e-7)),
    }  # fmt: skip
    cases = {
        "matmul": lambda: [a(4, 5), a(5, 3), a(3), True, a(4, 3), 1],
        "conv2d_forward": lambda: [a(*x), a(*w), a(5), True, a(*y), geometry, 1],
        "conv2d_backward_input": lambda: [a(*y), a(*w), a(*x), geometry, 1],
        "conv2d_backward_kernel": lambda: [a(*x), a(*y), a(*w), geometry, 1],
        "conv2d_pool_forward": lambda: [
            a(*x), a(*w), a(5), True, a(2, 2, 2, 5), argmax.copy(), (2, 2), geometry, 0.0, 3, 1
        ],
        "conv2d_pool_backward_kernel": lambda: [
            a(*x), a(2, 2, 2, 5), argmax.copy(), a(*w), a(5), (2, 2), geometry, 1
        ],
        "max_pool2d_forward": lambda: [a(*x), a(*pooled), cells.copy(), window, 1],
        "max_pool2d_backward": lambda: [a(*pooled), cells.copy(), a(*x), window, 1],
        "avg_pool2d_forward": lambda: [a(*x), a(*pooled), window, 1],
        "avg_pool2d_backward": lambda: [a(*pooled), a(*x), window, 1],
        "dropout": lambda: [a(9), a(9), 0.5, 3, 1],
        "elementwise": lambda: ["elu", a(9), a(9), a(9), 0.5, 1],
        "softmax": lambda: [a(4, 3), a(4, 3), 1],
        "softmax_cross_entropy_forward": lambda: [a(4, 3), None, labels, a(4), a(4, 3), 1],
        "softmax_cross_entropy_backward": lambda: [a(4, 3), None, labels, a(4), a(4, 3), 1],
        "channel_sums": lambda: [a(4, 3), a(4, 3), a(2, 3), a(2, 3), 1],
        "channel_affine": lambda: [a(4, 3), a(4, 3), a(4, 3), a(4, 3), 1],
    }  # fmt: skip
    for name, (arrays, numbers) in steps.items():
        cases[name] = lambda arrays=arrays, numbers=numbers: [
            *(np.abs(a(3, 4)) for _ in arrays), *numbers, 1
        ]  # fmt: skip
    return cases


CASES = kernel_cases()


def try_kernel(seed):
    """Call a kernel with one or two wrong arguments, in every implementation."""
    rng = np.random.default_rng(seed)
    name = list(CASES)[rng.integers(len(CASES))]
    implementations = [KINDS["reference"], kernels.load("plain", kernels.levels()[0])]
    if default_kind() == "fast":
        implementations += [kernels.load("fast", level) for level in kernels.levels()]
    ran = False
    for functions in implementations:
        if name not in functions:
            continue
        v = Values(seed)
        arguments = CASES[name]()
        for _ in range(v.rng.integers(1, 3)):
            spoil(v, arguments)
        with contextlib.suppress(*TOLD, BufferError, OverflowError):  # Cython's own
            functions[name](*arguments)
            ran = True
    return ran


def spoil(v, arguments):
    place = int(v.rng.integers(len(arguments) - 1))  # not the threads
    value = arguments[place]
    if isinstance(value, np.ndarray):
        arrays = [x for x in arguments if isinstance(x, np.ndarray)]
        changes = [
            lambda: None, lambda: 3, lambda: value.tolist(), lambda: value.astype("f8"),
            lambda: value[..., :-1], lambda: value[:0], lambda: value[None], lambda: value.T,
            lambda: np.repeat(value, 2, axis=-1)[..., ::2], lambda: value[..., ::-1],
            lambda: value.astype(value.dtype.newbyteorder()), lambda: value.astype("i8"),
            lambda: v.one_of(*arrays),
            lambda: np.broadcast_to(np.zeros((), value.dtype), value.shape),
            lambda: v.one_of(*arrays).reshape(-1)[: value.size].reshape(-1),
            lambda: np.full(value.shape, 99).astype(value.dtype),
            lambda: np.empty((*value.shape[:-1], 2**20), value.dtype)[:0],
        ]  # fmt: skip
        arguments[place] = v.one_of(*changes)()
    elif isinstance(value, tuple):
        numbers = list(value)
        numbers[v.rng.integers(len(numbers))] = v.one_of(*HUGE, *ODD, 2, 3, 5, 7)
        arguments[place] = tuple(numbers) if v.rng.random() < 0.9 else tuple(numbers[:-1])
    else:
        arguments[place] = v.one_of(*HUGE, *ODD)


def main():
    kind, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    limit = GIGABYTES << 30
    if "--no-limit" not in sys.argv:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    run, ran = {"calls": try_call, "kernels": try_kernel}[kind], 0
    for seed in range(first, first + count):
        print(seed, flush=True)
        signal.alarm(30 * SECONDS)  # what waits takes no time of the processor
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        ran += run(seed)
    signal.alarm(0)
    signal.setitimer(signal.ITIMER_PROF, 0)
    print("ran", ran, flush=True)


if __name__ == "__main__":
    main()
