"""The numbers of Keras's ops, activations, losses, regularizers and constraints, in float64.

Values, and gradients by JAX, are three weighted sums each in ``tests/golden/keras_numbers.json``: a
change of any number, or of their order, changes them. ``python test_keras_numbers.py`` asks Keras
again and rewrites the file. The formulas are the other oracle, in the tests of each part.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

TESTS = Path(__file__).parents[2]
GOLDEN = TESTS / "golden" / "keras_numbers.json"
LONG = os.environ.get("MINIGRAD_LONG") == "1"

RNG = np.random.default_rng(5)
X = RNG.normal(size=(5, 6))
P = RNG.uniform(0.05, 0.95, (5, 6))
ROWS = P / P.sum(axis=1, keepdims=True)
BITS = (RNG.random((5, 6)) < 0.5).astype(float)
LABELS = np.array([3, 0, 5, 1, 1])
ONE_HOT = np.eye(6)[LABELS]
TARGETS = RNG.normal(size=(5, 6))
UNIT = X / np.linalg.norm(X, axis=1, keepdims=True)

# A loss as both libraries write it -> its targets and predictions.
LOSSES = {
    "MeanSquaredError()": (TARGETS, X),
    "MeanAbsoluteError()": (TARGETS, X),
    "MeanAbsolutePercentageError()": (TARGETS, X),
    "MeanSquaredLogarithmicError()": (abs(TARGETS), P),
    "Huber()": (TARGETS, 2 * X),
    "Huber(delta=0.3)": (TARGETS, X),
    "LogCosh()": (TARGETS, X),
    "Poisson()": (abs(TARGETS), P),
    "KLDivergence()": (ROWS[::-1].copy(), ROWS),
    "Hinge()": (BITS, X),
    "SquaredHinge()": (BITS, X),
    "CategoricalHinge()": (ONE_HOT, X),
    "CosineSimilarity()": (TARGETS, X),
    "CosineSimilarity(axis=0)": (TARGETS, X),
    "BinaryCrossentropy()": (BITS, P),
    "BinaryCrossentropy(from_logits=True, label_smoothing=0.2)": (BITS, X),
    "BinaryFocalCrossentropy()": (BITS, P),
    "BinaryFocalCrossentropy(True, 0.3, 1.5, from_logits=True)": (BITS, X),
    "CategoricalCrossentropy()": (ONE_HOT, P),
    "CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)": (ONE_HOT, X),
    "CategoricalFocalCrossentropy()": (ONE_HOT, P),
    "CategoricalFocalCrossentropy(0.4, 1.5, from_logits=True)": (ONE_HOT, X),
    "SparseCategoricalCrossentropy()": (LABELS, P),
    "SparseCategoricalCrossentropy(from_logits=True)": (LABELS, X),
    "SparseCategoricalCrossentropy(from_logits=True, ignore_class=1)": (LABELS, X),
    "CategoricalGeneralizedCrossEntropy(q=0.3)": (LABELS, ROWS),
    "Dice()": (BITS, P),
    "Dice(axis=(1,))": (BITS, P),
    "Tversky(alpha=0.3, beta=0.8)": (BITS, P),
    "Circle(gamma=2.0)": (np.array([0, 1, 0, 1, 1]), UNIT),
}
REDUCTIONS = ("sum_over_batch_size", "sum", "none", "mean_with_sample_weight")
WEIGHTS = RNG.uniform(0.5, 2, 5)

ACTIVATIONS = {
    name: f"{name}(x)"
    for name in (
        "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu",
        "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6",
        "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus",
        "sparse_sigmoid", "sparsemax", "squareplus", "tanh", "tanh_shrink",
    )
}  # fmt: skip
ACTIVATIONS |= {
    text: text
    for text in (
        "gelu(x, approximate=True)", "celu(x, 0.3)", "elu(x, 0.3)", "hard_shrink(x, 0.2)",
        "soft_shrink(x, 0.2)", "squareplus(x, 0.5)", "threshold(x, 0.3, -1.0)", "softmax(x, 0)",
        "relu(x, 0.1, 1.2, 0.3)", "glu(x, 1)",
    )
}  # fmt: skip
REGULARIZERS = ("L1(0.3)", "L2(0.3)", "L1L2(0.2, 0.3)", "OrthogonalRegularizer(0.3)",
                "OrthogonalRegularizer(0.3, 'columns')")  # fmt: skip
CONSTRAINTS = ("NonNeg()", "MaxNorm(1.5)", "MaxNorm(1.5, [0, 1])", "UnitNorm()", "UnitNorm(1)",
               "MinMaxNorm(1.0, 1.5, 0.7)")  # fmt: skip

# What Keras calls ops that have another name here.
KERAS_NAMES = {"div": "divide", "mul": "multiply", "neg": "negative", "pow": "power",
               "sub": "subtract"}  # fmt: skip


def module_of(path):
    """A test module, whose rows are used once more."""
    spec = importlib.util.spec_from_file_location(f"rows_of_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def op_cases():
    """Yield (name of the case, op, arguments, options), from the rows of the ops' own tests."""
    more = module_of(TESTS / "more_ops" / "test_more_ops.py")
    for kind in ("SMOOTH", "STEPS"):
        names = more.NAMES if kind == "SMOOTH" else [""] * len(more.STEPS)
        for i, (row, name) in enumerate(zip(getattr(more, kind), names, strict=True)):
            arguments = [name, *row[2]] if name else row[2]
            if row[0] not in more.CALLS:
                yield f"{row[0]} {kind}{i}", row[0], arguments, row[3]
    every = module_of(TESTS / "ops" / "test_every_op.py")
    largest = {}  # one row an op: each takes JAX a while
    for row in every.ROWS:
        one_sided = row.name == "clip" and len(row.options) == 1  # Keras wants both limits
        if row.call is None and np.size(row.arrays()[0]) > 3 and not one_sided:
            largest.setdefault(row.name, row)
    for row in largest.values():
        yield f"{row.name} row", row.name, row.arrays(), row.options


def is_float(x):
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def leaves(value):
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def sums(values):
    """Three weighted sums of all numbers; infinity and NaN count as numbers, too."""
    flat = [np.asarray(v).astype(float).ravel() for v in values]
    flat = np.nan_to_num(np.concatenate([*flat, [0.0]]), nan=0.3, posinf=7.0, neginf=-7.0)
    return [float(flat @ np.cos(f * np.arange(flat.size))) for f in (0.0, 1.0, 2.5)]


def weighed(values, total):
    """The sum of all floats times cosines, whose gradient is taken."""
    return sum(total(v, np.cos(np.arange(v.size)).reshape(v.shape)) for v in values)


class Ours:
    """Functions of arrays, computed and differentiated here."""

    def __init__(self):
        import minigrad
        from minigrad import activations, constraints, losses, ops, regularizers

        self.minigrad, self.ops, self.losses = minigrad, ops, losses
        self.activations, self.regularizers = activations, regularizers
        self.constraints = constraints

    def op(self, name):
        return getattr(self.ops, name)

    def run(self, function, arguments):
        tensor = self.minigrad.Tensor
        given = [tensor(x, requires_grad=True) if is_float(x) else x for x in arguments]
        try:
            values = leaves(function(*given))
        except TypeError as error:
            if "expected tensors without gradient" not in str(error):
                raise
            given = [tensor(x) if is_float(x) else x for x in arguments]
            values = leaves(function(*given))
        smooth = [v for v in values if isinstance(v, tensor) and v.requires_grad]
        if smooth:
            weighed(smooth, lambda v, w: (v * w).sum()).backward()
        tensors = [x for x in given if isinstance(x, tensor)]
        grads = [np.zeros(x.shape) if x.grad is None else x.grad for x in tensors]
        values = [v.data if isinstance(v, tensor) else v for v in values]
        return sums(values), sums(grads) if smooth else None


class Keras:
    def __init__(self):
        os.environ["KERAS_BACKEND"], os.environ["JAX_PLATFORMS"] = "jax", "cpu"
        import jax

        jax.config.update("jax_enable_x64", True)
        import keras

        keras.config.set_floatx("float64")
        self.jax, self.losses, self.activations = jax, keras.losses, keras.activations
        self.regularizers, self.constraints = keras.regularizers, keras.constraints
        self.ops = keras.ops

    def op(self, name):
        name = KERAS_NAMES.get(name, name)
        return getattr(self.ops, name, None) or getattr(self.ops.linalg, name)

    def run(self, function, arguments):
        places = [i for i, x in enumerate(arguments) if is_float(x)]

        def scalar(*floats):
            given = list(arguments)
            for i, x in zip(places, floats, strict=True):
                given[i] = x
            values = self.jax.tree_util.tree_leaves(function(*given))
            smooth = [v for v in values if getattr(v, "dtype", None) in ("float32", "float64")]
            return weighed(smooth, lambda v, w: (v * w).sum()) + 0.0

        values = leaves(function(*arguments))
        floats = [arguments[i] for i in places]
        grads = self.jax.grad(scalar, tuple(range(len(places))))(*floats) if places else []
        return sums(values), sums(grads)


def cases(library):
    """Yield (name, function, arguments) for a library."""
    for text, (y_true, y_pred) in LOSSES.items():
        loss = eval(text, vars(library.losses))

        def reduced(y_pred, weights, loss=loss, y_true=y_true, batched=True):
            values = []
            for reduction in REDUCTIONS:
                loss.reduction = reduction
                values += [loss(y_true, y_pred)]
                values += [loss(y_true, y_pred, weights)] if batched else []
            return values

        batched = not text.startswith(("Dice()", "Tversky", "CosineSimilarity(axis"))
        batched = batched and not text.startswith("Circle")
        yield (
            f"loss {text}",
            lambda y_pred, f=reduced, b=batched: f(y_pred, WEIGHTS, batched=b),
            [y_pred],
        )
    for name, text in ACTIVATIONS.items():
        code = compile(text, name, "eval")
        yield (
            f"activation {name}",
            lambda x, c=code: eval(c, vars(library.activations), {"x": x}),
            [X],
        )
    for kind in ("regularizers", "constraints"):
        for text in REGULARIZERS if kind == "regularizers" else CONSTRAINTS:
            made = eval(text, vars(getattr(library, kind)))
            yield f"{kind} {text}", made, [X]
    for name, op, arguments, options in op_cases():
        options = {k: np.asarray(v) if type(v) is list and "id" in k else v
                   for k, v in options.items()}  # fmt: skip
        yield f"op {name}", lambda *a, op=op, o=options: library.op(op)(*a, **o), arguments


def asked(library, tolerant):
    found = {}
    for name, function, arguments in cases(library):
        try:
            found[name] = library.run(function, arguments)
        except Exception:
            if not tolerant:
                raise
            found[name] = None  # Keras has no such op, or not with these options
    return found


# Where Keras is wrong, and other tests hold what is right.
WRONG_IN_KERAS = {
    "activation sparsemax": "its rows do not add up to 1; see tests/test_activations.py",
}


@pytest.fixture(scope="module")
def golden():
    return json.loads(GOLDEN.read_text())


@pytest.fixture(scope="module")
def ours():
    with np.errstate(all="ignore"):
        return {name: (f, x) for name, f, x in cases(Ours())}


def names():
    return list(json.loads(GOLDEN.read_text())) if GOLDEN.exists() else []


def test_golden_numbers_are_of_these_cases(golden, ours):
    assert list(golden) == list(ours)
    assert sum(numbers is not None for numbers in golden.values()) > 0.9 * len(golden)


@pytest.mark.parametrize("name", names())
@pytest.mark.filterwarnings("ignore")
def test_values_and_gradients_are_those_of_keras(golden, ours, name):
    if golden[name] is None or name in WRONG_IN_KERAS:
        pytest.skip(WRONG_IN_KERAS.get(name, "not in Keras, or not with these options"))
    value, gradient = golden[name]
    found, slope = Ours().run(*ours[name])
    # Keras computes some in float32, whatever floatx is; those are exact to 1e-6.
    assert_allclose(found, value, rtol=2e-6, atol=2e-6)
    if slope is not None and gradient is not None:
        assert_allclose(slope, gradient, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not LONG, reason="takes minutes: MINIGRAD_LONG=1")
def test_keras_still_computes_these_numbers(golden):
    for name in ("keras", "jax"):  # found, not imported: here Keras would want TensorFlow
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not here")
    output = subprocess.run(
        [sys.executable, __file__, "print"], capture_output=True, text=True, check=True
    ).stdout
    found = json.loads(output.splitlines()[-1])
    assert list(found) == list(golden)
    for name, numbers in golden.items():
        for old, new in zip(numbers or [], found[name] or [], strict=True):
            if old is not None:
                assert_allclose(new, old, rtol=2e-6, atol=2e-6, err_msg=name)


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    numbers = asked(Keras(), tolerant=True)
    if sys.argv[1:] == ["print"]:
        print(json.dumps(numbers))
    else:
        lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in numbers.items()]
        GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        print([name for name, number in numbers.items() if number is None])
