"""Everything with numbers has two independent oracles, and these tests hold them.

The first is a formula in float64 (NumPy), with finite differences where there are gradients. The
second is PyTorch, or Keras: its recorded numbers always, the libraries where they are installed.
"""

import importlib.util
import inspect
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from minigrad import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    more_ops,
    ops,
    optimizers,
    regularizers,
)

TESTS = Path(__file__).parents[2]
GOLDEN = TESTS / "golden"


def module_of(path):
    spec = importlib.util.spec_from_file_location(f"oracles_of_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def text_of(*parts):
    return TESTS.joinpath(*parts).read_text(encoding="utf-8")


def numbers_of(name):
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def names_in(kind):
    """What keras_numbers.json has numbers of: the names behind "op", "loss", ..."""
    cases = numbers_of("keras_numbers.json")
    known = [name for name, value in cases.items() if value is not None]
    return {name.split()[1].partition("(")[0] for name in known if name.split()[0] == kind}


# Ops that Keras and PyTorch do not have: what they are made of, or why a formula has to do.
BY_FORMULA_ALONE = {
    "shape": "reads the shape",
    "dropout": "random: tests/kernels/test_dropout_statistics.py",
    "linalg": "a namespace",
    # NumPy's function itself, without a gradient, and not in Keras as it is here
    "convert_to_numpy": "", "histogram": "", "in_top_k": "", "nextafter": "", "svd": "",
    # control and conversions, whose results are those of the functions that they are given
    "cond": "", "switch": "", "scan": "", "map": "", "vectorized_map": "", "while_loop": "",
    "fori_loop": "", "dtype": "", "is_tensor": "",
}  # fmt: skip


def test_every_op_has_two_oracles():
    every = {row.name for row in module_of(TESTS / "ops" / "test_every_op.py").ROWS}
    more = module_of(TESTS / "more_ops" / "test_more_ops.py")
    formulas = every | {row[0] for row in more.SMOOTH + more.STEPS}
    formulas |= more.ELSEWHERE  # which that file tests one by one
    assert set(ops.__all__) | set(more_ops.__all__) <= formulas
    programs = module_of(Path(__file__).with_name("test_random_programs.py"))
    torch_calls = text_of("ops", "test_against_torch.py") + inspect.getsource(programs)
    by_torch = {
        name for name in ops.__all__ + more_ops.__all__ if f"ops.{name}" in torch_calls
    } | set(programs.TABLE)
    others = by_torch | names_in("op") | names_in("activation") | {"hard_swish"}  # hard_silu
    aliases = {name for name, op in more_ops.ALIASES.items() if op in others}
    missing = set(ops.__all__) | set(more_ops.__all__)
    missing -= others | aliases | set(BY_FORMULA_ALONE)
    assert not missing, sorted(missing)


def test_every_activation_has_two_oracles():
    own = module_of(TESTS / "test_activations.py")
    members = {function.__name__ for function in activations.ACTIVATIONS.members}
    assert members <= {name.partition("(")[0] for name in names_in("activation")}
    ends = module_of(Path(__file__).with_name("test_ends.py"))
    assert members <= set(re_names(inspect.getsource(own))) | set(ends.SINGLE)


def re_names(text):
    import re

    return re.findall(r"\w+", text)


def test_every_loss_has_two_oracles():
    kinds = [k for k in losses.LOSSES.members if hasattr(k, "function")]
    formulas = module_of(TESTS / "test_losses.py").FORMULAS
    assert {kind.function for kind in kinds} <= {function for function, *_ in formulas}
    assert {kind.__name__ for kind in kinds} <= names_in("loss")


def test_every_metric_has_two_oracles():
    recorded = {text.partition("(")[0] for text in numbers_of("keras_metrics.json")}
    classes = {
        name
        for name, value in vars(metrics).items()
        if isinstance(value, type) and issubclass(value, metrics.Metric)
    }
    assert classes - {"Metric", "MeanMetricWrapper"} == recorded
    formulas = "".join(path.read_text() for path in (TESTS / "metrics").glob("test_*.py"))
    formulas += " ".join(METRICS)
    for name in recorded:
        assert formulas.count(name) > 1, f"{name}: only Keras's number"


RNG = np.random.default_rng(2)
Y = RNG.uniform(0.2, 2, (9, 4))
P = RNG.uniform(0.2, 2, (9, 4))
ONE_HOT = np.eye(4)[RNG.integers(0, 4, 9)]
BITS = 1.0 * (RNG.random(40) < 0.5)
SCORES = np.clip(BITS * 0.3 + RNG.random(40) * 0.7, 0, 1)


def unit(x):
    return x / np.sqrt((x * x).sum(axis=-1, keepdims=True))


def rates(threshold):
    """Precision, sensitivity and specificity of scores above a threshold."""
    positive = threshold < SCORES
    right = (positive * BITS).sum()
    precision = right / max(positive.sum(), 1)
    return precision, right / BITS.sum(), (~positive * (1 - BITS)).sum() / (1 - BITS).sum()


def best(value, condition, limit):
    """The best rate among those whose other rate is at least the limit, over 200 thresholds."""
    found = [rates(t) for t in np.linspace(0, 1, 200)]
    return max([r[value] for r in found if r[condition] >= limit], default=0.0)


def correlations(y, p):
    """Pearson's r, and Lin's concordance."""
    covariance = ((y - y.mean()) * (p - p.mean())).mean()
    pearson = covariance / np.sqrt(y.var() * p.var())
    return pearson, 2 * covariance / (y.var() + p.var() + (y.mean() - p.mean()) ** 2)


# What no other test computes: a metric, its targets and predictions, and its value.
METRICS = {
    "RootMeanSquaredError()": (Y, P, np.sqrt(((Y - P) ** 2).mean())),
    "MeanAbsolutePercentageError()": (Y, P, 100 * np.abs((Y - P) / Y).mean()),
    "CategoricalHinge()": (
        ONE_HOT, P,
        np.maximum(1 + ((1 - ONE_HOT) * P).max(1) - (ONE_HOT * P).sum(1), 0).mean(),
    ),
    "Poisson()": (Y, P, (P - Y * np.log(P + 1e-7)).mean()),
    "SquaredHinge()": (ONE_HOT, P, (np.maximum(1 - (2 * ONE_HOT - 1) * P, 0) ** 2).mean()),
    "CosineSimilarity()": (Y, P, (unit(Y) * unit(P)).sum(1).mean()),
    "KLDivergence()": (
        Y / 4, P / 4, (Y / 4 * np.log(Y / P)).sum(1).mean(),
    ),
    "PearsonCorrelation(axis=0)": (
        Y, P, np.mean([correlations(*pair)[0] for pair in zip(Y.T, P.T, strict=True)]),
    ),
    "ConcordanceCorrelation(axis=0)": (
        Y, P, np.mean([correlations(*pair)[1] for pair in zip(Y.T, P.T, strict=True)]),
    ),
    "RecallAtPrecision(0.7)": (BITS, SCORES, best(1, 0, 0.7)),
    "SpecificityAtSensitivity(0.6)": (BITS, SCORES, best(2, 1, 0.6)),
}  # fmt: skip


@pytest.mark.parametrize("text", METRICS)
def test_metrics_are_their_formulas(text):
    y_true, y_pred, expected = METRICS[text]
    metric = eval(text, vars(metrics))
    parts = [slice(None)] if "Correlation" in text else [slice(4), slice(4, None)]
    for part in parts:
        metric.update_state(y_true[part], y_pred[part])
    assert float(metric.result()) == pytest.approx(expected, rel=1e-6)  # Keras adds 1e-7


def test_every_optimizer_and_schedule_has_two_oracles():
    recorded = numbers_of("keras_golden.json")
    rules = {rule.__name__ for rule in optimizers.OPTIMIZERS.members}
    assert rules == {case.partition("(")[0] for case in recorded["optimizers"]}
    assert rules == set(module_of(TESTS / "optimizers" / "test_rules.py").TRANSCRIPTIONS)
    schedules = {
        name
        for name, value in vars(optimizers.schedules).items()
        if isinstance(value, type) and issubclass(value, optimizers.schedules.LearningRateSchedule)
    } - {"LearningRateSchedule"}
    assert schedules == {case.partition("(")[0] for case in recorded["schedules"]}
    formulas = text_of("optimizers", "test_schedules.py")
    assert all(name in formulas for name in schedules)


def test_every_layer_has_two_oracles():
    exported = {
        value.__name__
        for value in vars(layers).values()
        if isinstance(value, type) and issubclass(value, layers.Layer)
    } - {"Layer"}
    every = module_of(TESTS / "layers" / "test_every_layer.py")
    first = {name.split()[0] for name, row in every.TABLE.items()} | set(every.ELSEWHERE)
    assert exported == first
    recorded = " ".join(
        [*numbers_of("keras_layers.json"), *numbers_of("keras_golden.json")["layers"]]
    )
    second = {name for name in exported if f"{name}(" in recorded or f"{name} " in recorded}
    second |= set(re_names(text_of("layers", "test_golden.py")))
    second |= set(re_names(text_of("promises", "right_numbers", "test_losses_and_layers.py")))
    second |= set(re_names(text_of("layers", "test_categories.py")))  # against Keras's documents
    assert not exported - second - set(LAYERS_BY_FORMULA), sorted(exported - second)


LAYERS_BY_FORMULA = {
    "InputLayer": "passes its input on",
    "RandomContrast": "random, about the mean",
    "RandomFlip": "random: one of two images",
}


def test_every_regularizer_and_constraint_has_two_oracles():
    own = text_of("test_regularizers_constraints.py")
    for module, base, kind in (
        (regularizers, regularizers.Regularizer, "regularizers"),
        (constraints, constraints.Constraint, "constraints"),
    ):
        names = {
            value.__name__
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, base) and value is not base
        }
        assert names <= names_in(kind)
        assert all(name in own for name in names)


# --- initializers: their distribution ------------------------------------------------------------

SHAPE = (300, 200)
FAN_IN, FAN_OUT = SHAPE
# The variance of Glorot's, He's and LeCun's papers, and the largest value there may be.
VARIANCES = {
    "GlorotUniform": (2 / (FAN_IN + FAN_OUT), 3**0.5),
    "GlorotNormal": (2 / (FAN_IN + FAN_OUT), 2 / 0.87962566),
    "HeUniform": (2 / FAN_IN, 3**0.5),
    "HeNormal": (2 / FAN_IN, 2 / 0.87962566),
    "LecunUniform": (1 / FAN_IN, 3**0.5),
    "LecunNormal": (1 / FAN_IN, 2 / 0.87962566),
    "VarianceScaling": (1 / FAN_IN, 2 / 0.87962566),
    "RandomNormal": (0.05**2, np.inf),
    "TruncatedNormal": (0.05**2 * 0.87962566**2, 2 / 0.87962566),
    "RandomUniform": (0.05**2 / 3, 3**0.5),
    "Orthogonal": (1 / FAN_IN, np.inf),
}
CONSTANT = {"Zeros", "Ones", "Constant", "Identity"}


@pytest.mark.parametrize("name", VARIANCES)
def test_initializers_have_mean_variance_and_limits_of_their_distribution(name):
    values = getattr(initializers, name)(seed=1)(SHAPE).astype(float)
    variance, limit = VARIANCES[name]
    deviation = variance**0.5
    assert abs(values.mean()) < 5 * deviation / values.size**0.5
    assert values.var() == pytest.approx(variance, rel=0.03)
    assert np.abs(values).max() <= limit * deviation * (1 + 1e-6)
    if limit < np.inf:
        assert np.abs(values).max() > 0.98 * limit * deviation


def test_every_initializer_has_its_distribution():
    kinds = {
        value.__name__
        for value in vars(initializers).values()
        if isinstance(value, type) and issubclass(value, initializers.Initializer)
    }
    assert kinds - {"Initializer", "RandomInitializer"} == set(VARIANCES) | CONSTANT
