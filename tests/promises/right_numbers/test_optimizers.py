"""Optimizers: at the ends of the float range, with every common option, and against PyTorch.

The rules' formulas in float64 are in ``tests/optimizers/test_rules.py``, with every argument of
their own; here they are once more, as one step of each, in the widest float there is.
"""

import math
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minigrad import Parameter, optimizers

WIDE = np.longdouble
LIMITS = {"float32": 2.0**60, "float64": 2.0**508}  # beyond them, a gradient counts as that large


class Rule:
    """A rule as a function of its state: ``step(g)`` returns by how much the weight moves.

    Arithmetic is in the type of the gradients.
    """

    def __init__(self, name, learning_rate=0.01, **options):
        config = getattr(optimizers, name)(learning_rate).get_config() | options
        self.name, self.lr, self.o = name, learning_rate, config
        self.t, self.s = 0, dict.fromkeys(["m", "v", "v_max", "u", "b", "a", "d"], 0.0)
        if name == "Adagrad":
            self.s["a"] = config["initial_accumulator_value"]

    def step(self, g):
        self.t += 1
        return getattr(self, self.name.lower())(g, self.s, self.o, self.lr, self.t)

    def sgd(self, g, s, o, lr, t):
        if not o["momentum"]:
            return -lr * g
        s["v"] = o["momentum"] * s["v"] - lr * g
        return o["momentum"] * s["v"] - lr * g if o["nesterov"] else s["v"]

    def adagrad(self, g, s, o, lr, t):
        s["a"] = s["a"] + g * g
        return -lr * g / np.sqrt(s["a"] + o["epsilon"])

    def rmsprop(self, g, s, o, lr, t):
        s["v"] = o["rho"] * s["v"] + (1 - o["rho"]) * g * g
        s["m"] = o["rho"] * s["m"] + (1 - o["rho"]) * g
        spread = np.maximum(s["v"] - s["m"] ** 2, 0) if o["centered"] else s["v"]
        s["b"] = o["momentum"] * s["b"] + lr * g / np.sqrt(spread + o["epsilon"])
        return -s["b"]

    def moments(self, g, s, o):
        s["m"] = s["m"] + (g - s["m"]) * (1 - o["beta_1"])
        s["v"] = s["v"] + (g * g - s["v"]) * (1 - o["beta_2"])

    def adam(self, g, s, o, lr, t):
        self.moments(g, s, o)
        s["v_max"] = np.maximum(s["v_max"], s["v"]) if o["amsgrad"] else s["v"]
        alpha = lr * math.sqrt(1 - o["beta_2"] ** t) / (1 - o["beta_1"] ** t)
        return -alpha * s["m"] / (np.sqrt(s["v_max"]) + o["epsilon"])

    adamw = adam  # its decay is among the common options

    def nadam(self, g, s, o, lr, t):
        def u(t):
            return o["beta_1"] * (1 - 0.5 * 0.96**t)

        self.moments(g, s, o)
        product = math.prod(u(i) for i in range(1, t + 1))
        m = u(t + 1) * s["m"] / (1 - product * u(t + 1)) + (1 - u(t)) * g / (1 - product)
        return -lr * m / (np.sqrt(s["v"] / (1 - o["beta_2"] ** t)) + o["epsilon"])

    def adamax(self, g, s, o, lr, t):
        s["m"] = s["m"] + (g - s["m"]) * (1 - o["beta_1"])
        s["u"] = np.maximum(o["beta_2"] * s["u"], np.abs(g))
        return -lr / (1 - o["beta_1"] ** t) * s["m"] / (s["u"] + o["epsilon"])

    def adadelta(self, g, s, o, lr, t):
        s["a"] = o["rho"] * s["a"] + (1 - o["rho"]) * g * g
        step = np.sqrt(s["d"] + o["epsilon"]) / np.sqrt(s["a"] + o["epsilon"]) * g
        s["d"] = o["rho"] * s["d"] + (1 - o["rho"]) * step * step
        return -lr * step

    def lion(self, g, s, o, lr, t):
        direction = np.sign(o["beta_1"] * s["m"] + (1 - o["beta_1"]) * g)
        s["m"] = o["beta_2"] * s["m"] + (1 - o["beta_2"]) * g
        return -lr * direction


RULES = {
    "SGD": {}, "SGD, momentum": {"momentum": 0.9},
    "SGD, nesterov": {"momentum": 0.9, "nesterov": True},
    "Adagrad": {}, "RMSprop": {}, "RMSprop, momentum": {"momentum": 0.6},
    "RMSprop, centered": {"centered": True, "momentum": 0.6}, "Adam": {},
    "Adam, amsgrad": {"amsgrad": True, "beta_2": 0.8}, "AdamW": {}, "Nadam": {}, "Adamax": {},
    "Adadelta": {}, "Lion": {},
}  # fmt: skip
every_rule = pytest.mark.parametrize("case", RULES)


def make(case, **common):
    return getattr(optimizers, case.partition(",")[0])(0.01, **RULES[case], **common)


def test_every_rule_is_here():
    rules = {rule.__name__ for rule in optimizers.OPTIMIZERS.members}
    rules -= {"Muon", "Adafactor"}  # of whole matrices: in tests/optimizers/test_rules.py
    assert rules == {case.partition(",")[0] for case in RULES}


# --- the ends of the float range -----------------------------------------------------------------

ENDS = {
    "float32": [1e-45, 1e-40, 1e-30, 1e-20, 1e-10, 1e10, 1e17, 1e18, 1e25, 3e38],
    "float64": [5e-324, 1e-310, 1e-200, 1e-100, 1e100, 1e152, 1e155, 1e200, 1.7e308],
}


@every_rule
@pytest.mark.parametrize(("dtype", "size"), [(d, size) for d in ENDS for size in ENDS[d]])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gradients_at_the_ends_of_the_float_range(case, dtype, size):
    """Equal to the formula in a wider float, rounded: steps of what is near the smallest number
    to its digits, and gradients whose squares overflow as if they were clipped to 2**60.
    """
    info = np.finfo(dtype)
    gradients = [
        np.array([size, -size, size / 2], dtype) * np.asarray(f, dtype) for f in (1, -0.25, 1)
    ]
    w = Parameter(np.zeros(3), dtype=dtype)
    optimizer = make(case)
    rule = Rule(case.partition(",")[0], 0.01, **RULES[case])
    expected = np.zeros(3, WIDE)
    squares = case.partition(",")[0] not in ("SGD", "Adamax", "Lion")
    limit = LIMITS[dtype] if squares else np.inf
    for g in gradients:
        optimizer.apply([g], [w])
        expected = expected - 0.01 * 0.004 * expected * (case == "AdamW")
        expected = expected + rule.step(np.clip(g, -limit, limit).astype(WIDE))
        assert np.isfinite(w.data).all()
    if case == "Lion" and size < 2 * info.smallest_subnormal:
        return  # a tenth of the smallest number is 0, and so is its sign
    # Of a denormal state a step has its few digits, times the rate / (0.1 epsilon) at most.
    floor = 40 * info.smallest_subnormal * (1e6 if size < info.tiny else 1)
    assert_allclose(w.data, expected.astype(dtype), 300 * info.eps, floor)
    for state in optimizer.get_state().values():
        assert np.isfinite(state).all()


@every_rule
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_gradients_that_are_not_finite_are_seen(case, value):
    """In the weights; with clipping, which would hide it, in a warning that names the variable."""
    w = Parameter(np.ones(3), name="kernel")
    with np.errstate(invalid="ignore"):
        make(case).apply([np.array([1, value, 1], "float32")], [w])
    if case != "Lion" or np.isnan(value):
        assert not np.isfinite(w.data[1])
    for clipping in ("clipnorm", "clipvalue", "global_clipnorm"):
        with pytest.warns(UserWarning, match="gradient of kernel holds infinity or NaN"):
            make(case, **{clipping: 1.0}).apply([np.array([1, value, 1], "float32")], [w])


@pytest.mark.parametrize("clipping", ["clipnorm", "global_clipnorm"])
@pytest.mark.parametrize(
    ("dtype", "size"),
    [("float32", 1e-45), ("float32", 1e-30), ("float32", 1e25), ("float32", 6e37),
     ("float64", 1e-310), ("float64", 1e-200), ("float64", 1e200), ("float64", 3e307)],
)  # fmt: skip
def test_clipping_at_the_ends_of_the_float_range(clipping, dtype, size):
    g = np.array([3, -4], dtype) * np.asarray(size, dtype)
    w = Parameter(np.zeros(2), dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizers.SGD(1.0, **{clipping: 1.0}).apply([g], [w])
    expected = -g if size < 1 else [-0.6, 0.8]
    assert_allclose(w.data, expected, rtol=1e-6)


# --- the common options --------------------------------------------------------------------------

OPTIONS = {
    "nothing": {},
    "weight_decay": {"weight_decay": 0.3},
    "clipnorm": {"clipnorm": 0.4},
    "clipvalue": {"clipvalue": 0.3},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "use_ema": {"use_ema": True, "ema_momentum": 0.8},
    "overwrite": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    "loss_scale_factor": {"loss_scale_factor": 8.0},
    "accumulation": {"gradient_accumulation_steps": 3},
    "all": {
        "weight_decay": 0.3, "global_clipnorm": 0.5, "use_ema": True, "ema_momentum": 0.8,
        "ema_overwrite_frequency": 4, "loss_scale_factor": 2.0, "gradient_accumulation_steps": 2,
    },
}  # fmt: skip
SHAPES = [(3, 2), (5,), ()]


def gradients_of(steps, seed=0):
    rng = np.random.default_rng(seed)
    return [[rng.normal(size=shape) for shape in SHAPES] for _ in range(steps)]


def expected_weights(case, starts, gradients, options):
    """The weights, and their averages, by the list in the docstring of Optimizer."""
    o = {"weight_decay": 0.004 if case == "AdamW" else None} | options
    rules = [Rule(case.partition(",")[0], 0.01, **RULES[case]) for _ in starts]
    weights, averages = list(starts), [None] * len(starts)
    sums, k = [0.0] * len(starts), o.get("gradient_accumulation_steps", 1)
    for call, grads in enumerate(gradients):
        sums = [a + g / o.get("loss_scale_factor", 1) for a, g in zip(sums, grads, strict=True)]
        if (call + 1) % k == 0:
            grads, sums = [a / k for a in sums], [0.0] * len(starts)
            norms = [np.sqrt((g * g).sum()) for g in grads]
            if "clipnorm" in o:
                grads = [g * min(1, o["clipnorm"] / n) for g, n in zip(grads, norms, strict=True)]
            if "global_clipnorm" in o:
                scale = min(1, o["global_clipnorm"] / np.sqrt(np.square(norms).sum()))
                grads = [g * scale for g in grads]
            if "clipvalue" in o:
                grads = [np.clip(g, -o["clipvalue"], o["clipvalue"]) for g in grads]
            if o["weight_decay"]:
                weights = [w - 0.01 * o["weight_decay"] * w for w in weights]
            weights = [w + r.step(g) for w, r, g in zip(weights, rules, grads, strict=True)]
        steps = (call + 1) // k if k > 1 else call + 1
        if o.get("use_ema"):
            m = o["ema_momentum"]
            averages = [
                w if a is None else m * a + (1 - m) * w
                for a, w in zip(averages, weights, strict=True)
            ]
            every = o.get("ema_overwrite_frequency")
            if every and steps % every == 0 and k == 1:
                weights = list(averages)
    return weights, averages


@every_rule
@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "all"])
def test_common_options_are_their_formulas(case, name):
    starts = [np.linspace(-1, 2, math.prod(shape)).reshape(shape) for shape in SHAPES]
    options, gradients = OPTIONS[name], gradients_of(9)
    variables = [Parameter(w, dtype="float64") for w in starts]
    optimizer = make(case, **options)
    for grads in gradients:
        optimizer.apply(grads, variables)
    weights, averages = expected_weights(case, starts, gradients, options)
    for variable, w in zip(variables, weights, strict=True):
        assert_allclose(variable.data, w, rtol=1e-11, atol=1e-13)
    optimizer.finalize_variable_values()
    if options.get("use_ema"):
        for variable, average in zip(variables, averages, strict=True):
            assert_allclose(variable.data, average, rtol=1e-11, atol=1e-13)


# --- PyTorch -------------------------------------------------------------------------------------

# Where epsilon stands differs for most (see their docstrings): it is 0 in both then.
PYTORCH = {
    "SGD": ("SGD", {}, {}),
    "SGD, momentum": ("SGD", {}, {"momentum": 0.9}),
    "SGD, nesterov": ("SGD", {}, {"momentum": 0.9, "nesterov": True}),
    "Adagrad": ("Adagrad", {"epsilon": 0.0}, {"eps": 0.0, "initial_accumulator_value": 0.1}),
    "RMSprop": ("RMSprop", {"epsilon": 0.0}, {"eps": 0.0, "alpha": 0.9}),
    "RMSprop, momentum": ("RMSprop", {"epsilon": 0.0}, {"eps": 0.0, "alpha": 0.9, "momentum": 0.6}),
    "RMSprop, centered": (
        "RMSprop", {"epsilon": 0.0}, {"eps": 0.0, "alpha": 0.9, "momentum": 0.6, "centered": True}
    ),
    "Adam": ("Adam", {"epsilon": 0.0}, {"eps": 0.0}),
    "Adam, amsgrad": ("Adam", {"epsilon": 0.0}, {"eps": 0.0, "betas": (0.9, 0.8), "amsgrad": True}),
    "AdamW": ("AdamW", {"epsilon": 0.0}, {"eps": 0.0, "weight_decay": 0.004}),
    "Nadam": ("NAdam", {"epsilon": 1e-3}, {"eps": 1e-3, "momentum_decay": 1.0}),
    "Adamax": ("Adamax", {"epsilon": 0.0}, {"eps": 0.0}),
    "Adadelta": ("Adadelta", {"epsilon": 1e-3}, {"eps": 1e-3, "rho": 0.95}),
    "Lion": None,  # PyTorch has none; Keras's numbers are in tests/optimizers/test_golden.py
}  # fmt: skip


@pytest.mark.parametrize("case", [case for case, found in PYTORCH.items() if found])
def test_rules_agree_with_pytorch(case):
    torch = pytest.importorskip("torch")
    assert set(PYTORCH) == set(RULES)
    name, ours, theirs = PYTORCH[case]
    starts = [np.linspace(-1, 2, math.prod(shape)).reshape(shape) for shape in SHAPES]
    variables = [Parameter(w, dtype="float64") for w in starts]
    optimizer = make(case, **ours)
    tensors = [torch.tensor(w, requires_grad=True) for w in starts]
    other = getattr(torch.optim, name)(tensors, lr=0.01, **theirs)
    for grads in gradients_of(40, seed=1):
        optimizer.apply(grads, variables)
        for tensor, g in zip(tensors, grads, strict=True):
            tensor.grad = torch.tensor(g)
        other.step()
        for variable, tensor in zip(variables, tensors, strict=True):
            assert_allclose(variable.data, tensor.detach().numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("clipping", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_clippings_agree_with_pytorch(clipping):
    torch = pytest.importorskip("torch")
    utils = torch.nn.utils
    variables = [Parameter(np.zeros(shape), dtype="float64") for shape in SHAPES]
    grads = gradients_of(1)[0]
    optimizers.SGD(1.0, **{clipping: 0.4}).apply(grads, variables)
    tensors = [torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in SHAPES]
    for tensor, g in zip(tensors, grads, strict=True):
        tensor.grad = torch.tensor(g)
    if clipping == "clipvalue":
        utils.clip_grad_value_(tensors, 0.4)
    else:
        for group in [tensors] if clipping == "global_clipnorm" else [[t] for t in tensors]:
            utils.clip_grad_norm_(group, 0.4)  # it divides by the norm + 1e-6
    for variable, tensor in zip(variables, tensors, strict=True):
        assert_allclose(-variable.data, tensor.grad.numpy(), rtol=1e-5)


PYTORCH_SCHEDULES = {
    "ExponentialDecay": (
        lambda s: s.ExponentialDecay(0.1, 1, 0.9), lambda t, o: t.ExponentialLR(o, 0.9)
    ),
    "staircase": (
        lambda s: s.ExponentialDecay(0.1, 4, 0.5, staircase=True), lambda t, o: t.StepLR(o, 4, 0.5)
    ),
    "PiecewiseConstantDecay": (
        lambda s: s.PiecewiseConstantDecay([2, 6], [0.1, 0.01, 0.001]),  # from the step after
        lambda t, o: t.MultiStepLR(o, [3, 7], 0.1),
    ),
    "PolynomialDecay": (
        lambda s: s.PolynomialDecay(0.1, 10, 0.0, 2.0), lambda t, o: t.PolynomialLR(o, 10, 2.0)
    ),
    "CosineDecay": (
        lambda s: s.CosineDecay(0.1, 20), lambda t, o: t.CosineAnnealingLR(o, 20)
    ),
    "CosineDecayRestarts": (
        lambda s: s.CosineDecayRestarts(0.1, 5, t_mul=2.0),
        lambda t, o: t.CosineAnnealingWarmRestarts(o, 5, 2),
    ),
    "InverseTimeDecay": (
        lambda s: s.InverseTimeDecay(0.1, 2, 0.5),
        lambda t, o: t.LambdaLR(o, lambda step: 1 / (1 + 0.5 * step / 2)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PYTORCH_SCHEDULES)
def test_schedules_agree_with_pytorch(name):
    torch = pytest.importorskip("torch")
    ours, theirs = PYTORCH_SCHEDULES[name]
    schedule = ours(optimizers.schedules)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    other = theirs(torch.optim.lr_scheduler, optimizer)
    for step in range(14):
        assert schedule(step) == pytest.approx(other.get_last_lr()[0], rel=1e-12, abs=1e-15), step
        optimizer.step()
        other.step()


def test_schedules_at_the_ends_of_the_steps():
    s = optimizers.schedules
    for schedule in (
        s.ExponentialDecay(0.1, 10, 0.5), s.InverseTimeDecay(0.1, 10, 0.5),
        s.PolynomialDecay(0.1, 10, 0.01), s.PolynomialDecay(0.1, 10, 0.01, cycle=True),
        s.CosineDecay(0.1, 10, 0.1), s.CosineDecayRestarts(0.1, 10, t_mul=1.0),
        s.CosineDecayRestarts(0.1, 10, m_mul=0.5), s.PiecewiseConstantDecay([1], [0.1, 0.2]),
    ):  # fmt: skip
        for step in (0, 1, 10, 10**6, 2**31, 2**53 + 1, 10**18):
            assert 0 <= schedule(step) <= 0.2, schedule
        assert_array_equal(schedule(0), 0.1)
