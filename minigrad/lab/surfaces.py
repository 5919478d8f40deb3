"""Functions of two variables, and the paths on which optimizers descend them.

::

    surface = SURFACES["rosenbrock"]
    paths = race(surface)  # SGD, momentum, Nesterov, Adagrad, RMSprop and Adam
    paths[-1].values  # of Adam, before the first step and after each

The formulas and minima of the classic ones are those of S. Surjanovic and D. Bingham, Virtual
Library of Simulation Experiments, https://www.sfu.ca/~ssurjano/optimization.html.

`minigrad.plots` draws both.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minigrad import ops, optimizers, random
from minigrad.core import Parameter, Tensor, no_grad
from minigrad.utils.registry import Registry


@dataclass(frozen=True)
class Surface:
    """A function of two variables, with the settings to descend and to draw it.

    Call it like the function itself.

    Parameters
    ----------
    title : str
        Its name in pictures.
    formula : str
        Shown after the title.
    function : callable
        Takes two tensors of one shape and returns the tensor of values, of the same shape.
    x_range, y_range : (float, float)
        What pictures show.
    start : (float, float)
        Where the paths begin.
    minima : tuple of (float, float)
        Where the function has its smallest value, if that is known.
    gradient_rate : float
        A learning rate for rules that multiply the gradient by it, such as SGD; about the inverse
        of the largest curvature on the way.
    step_size : float
        A learning rate for rules whose steps are about as large as it is, such as Adam; a new rule
        gets this one.
    steps : int
        The number of steps that good paths need to arrive.
    noise : float
        Standard deviation of what `descend` adds to each gradient; the picture is without it.
    floor : float
        Pictures show the logarithm of the height above the lowest point. Heights below this share
        of the highest one are a flat floor: a tenth for surfaces with dents high up.
    """

    title: str
    formula: str
    function: Callable
    x_range: tuple
    y_range: tuple
    start: tuple
    minima: tuple = ()
    gradient_rate: float = 0.01
    step_size: float = 0.1
    steps: int = 100
    noise: float = 0.0
    floor: float = 1e-3

    def __call__(self, x, y):
        return self.function(x, y)

    @no_grad()
    def values(self, x, y):
        """Return the function's values at the points (x[i], y[i]), arrays of one shape."""
        with np.errstate(all="ignore"):  # where the function is not finite, pictures have a gap
            return _evaluate(self, Tensor(x, "float64"), Tensor(y, "float64")).data

    @property
    def lowest(self):
        """The function's smallest value, or None if it is not known where that is."""
        return self.values(*np.transpose(self.minima)).min() if self.minima else None

    def grid(self, points=201):
        """Return x, y and f(x, y), arrays (points, points), which cover what pictures show."""
        axes = (np.linspace(*limits, points) for limits in (self.x_range, self.y_range))
        x, y = np.meshgrid(*axes)
        return x, y, self.values(x, y)


def _beale(x, y):
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _rastrigin(x, y):
    return 20 + x**2 - 10 * ops.cos(2 * np.pi * x) + y**2 - 10 * ops.cos(2 * np.pi * y)


def _ackley(x, y):
    # At 0 there is a tip without a gradient: 1e-30 rounds it off, 20 * 0.2 * 1e-15 above the point.
    distance = ops.sqrt((x**2 + y**2) / 2 + 1e-30)
    waves = (ops.cos(2 * np.pi * x) + ops.cos(2 * np.pi * y)) / 2
    return 20 - 20 * ops.exp(-0.2 * distance) + np.e - ops.exp(waves)


SURFACES = {
    "bowl": Surface(
        "Bowl",
        "x² + y²",
        lambda x, y: x**2 + y**2,
        x_range=(-1, 1), y_range=(-1, 1), start=(-0.9, 0.5), minima=((0, 0),),
        gradient_rate=0.1, step_size=0.1, steps=60,
    ),
    "ravine": Surface(
        "Ravine along an axis",
        "x²/2 + 25 y²",
        lambda x, y: x**2 / 2 + 25 * y**2,
        x_range=(-2, 2), y_range=(-1, 1), start=(-1.8, 0.8), minima=((0, 0),),
        gradient_rate=0.02, step_size=0.1, steps=100,
    ),
    "tilted_ravine": Surface(
        "Ravine at 45° to the axes",
        "(x + y)²/4 + 25 (x − y)²/2",
        lambda x, y: (x + y) ** 2 / 4 + 25 * (x - y) ** 2 / 2,
        x_range=(-2, 1), y_range=(-2, 1), start=(-1.3 * 2**0.5, -0.5 * 2**0.5), minima=((0, 0),),
        gradient_rate=0.02, step_size=0.1, steps=100,
    ),
    "rosenbrock": Surface(
        "Rosenbrock's banana",
        "(1 − x)² + 100 (y − x²)²",
        lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
        x_range=(-2, 2), y_range=(-1, 3), start=(-1.2, 1), minima=((1, 1),),
        gradient_rate=0.001, step_size=0.1, steps=500,
    ),
    "beale": Surface(
        "Beale's function",
        "(1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²",
        _beale,
        x_range=(-1, 4.5), y_range=(-1.5, 1.5), start=(1, 1), minima=((3, 0.5),),
        gradient_rate=0.01, step_size=0.1, steps=200,
    ),
    "himmelblau": Surface(
        "Himmelblau's four valleys",
        "(x² + y − 11)² + (x + y² − 7)²",
        lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
        x_range=(-5, 5), y_range=(-5, 5), start=(0, -1),
        minima=((3, 2), (-2.805118, 3.131313), (-3.779310, -3.283186), (3.584428, -1.848127)),
        gradient_rate=0.005, step_size=0.2, steps=100,
    ),
    "saddle": Surface(
        "Saddle between two valleys",
        "x²/2 − y²/2 + y⁴/4",
        lambda x, y: x**2 / 2 - y**2 / 2 + y**4 / 4,
        x_range=(-1.5, 1.5), y_range=(-1.5, 1.5), start=(-1, 0.01), minima=((0, 1), (0, -1)),
        gradient_rate=0.1, step_size=0.1, steps=100,
    ),
    "noisy": Surface(
        "Bowl with noisy gradients",
        "x² + y², each gradient with noise of deviation 0.5",
        lambda x, y: x**2 + y**2,
        x_range=(-1, 1), y_range=(-1, 1), start=(-0.9, 0.5), minima=((0, 0),),
        gradient_rate=0.02, step_size=0.1, steps=200, noise=0.5,
    ),
    # All rules stop in the dent next to the start.
    "rastrigin": Surface(
        "Rastrigin's dents",
        "20 + x² − 10 cos 2πx + y² − 10 cos 2πy",
        _rastrigin,
        x_range=(-2.4, 2.4), y_range=(-2.4, 2.4), start=(-1.4, 1.2), minima=((0, 0),),
        gradient_rate=0.002, step_size=0.1, steps=100, floor=0.1,
    ),
    # Dents on a slope: what keeps its speed, or takes long steps, gets over them.
    "ackley": Surface(
        "Ackley's funnel",
        "20 − 20 exp(−√((x² + y²)/50)) + e − exp((cos 2πx + cos 2πy)/2)",
        _ackley,
        x_range=(-3, 1.5), y_range=(-1.5, 2), start=(-2.5, 1.4), minima=((0, 0),),
        gradient_rate=0.02, step_size=0.2, steps=150, floor=0.1,
    ),
    # Four valleys, one of them the deepest, two beside the start: momentum leaps over the hill.
    "styblinski_tang": Surface(
        "Styblinski and Tang's valleys",
        "(x⁴ − 16x² + 5x + y⁴ − 16y² + 5y)/2",
        lambda x, y: (x**4 - 16 * x**2 + 5 * x + y**4 - 16 * y**2 + 5 * y) / 2,
        x_range=(-5, 5), y_range=(-5, 5), start=(4, -0.5),
        minima=((-2.903534027771178, -2.903534027771178),),
        gradient_rate=0.02, step_size=0.2, steps=100,
    ),
}  # fmt: skip

# Learning rates, in the order of legends. Only SGD's step is rate times gradient: the step sizes of
# the others depend on the gradient's direction or relative size alone.
RATES = {
    "SGD": lambda surface: surface.gradient_rate,
    "Adagrad": lambda surface: 5 * surface.step_size,
    "RMSprop": lambda surface: 0.2 * surface.step_size,
    "Adam": lambda surface: surface.step_size,
    "AdamW": lambda surface: surface.step_size,
    "Nadam": lambda surface: surface.step_size,
    "Adamax": lambda surface: 2 * surface.step_size,
    "Adadelta": lambda surface: 100 * surface.step_size,
    "Lion": lambda surface: 0.2 * surface.step_size,
}
OPTIONS = {  # what a rule with options of its class is called
    "momentum": (optimizers.SGD, {"momentum": 0.9}),
    "Nesterov": (optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    "AMSGrad": (optimizers.Adam, {"amsgrad": True}),
}


def make_rules(classes):
    """Return {name in legends: function that makes the optimizer for a surface}.

    A rule without a row in `RATES` comes last, with the rate of Adam.
    """
    rules, order = {}, [*RATES, *(cls.__name__ for cls in classes)]
    for cls in sorted(classes, key=lambda cls: order.index(cls.__name__)):
        rate = RATES.get(cls.__name__, RATES["Adam"])
        rules[cls.__name__] = _rule(cls, rate, {})
        for name, (owner, options) in OPTIONS.items():
            if cls is owner:
                rules[name] = _rule(cls, rate, options)
    return rules


def rule_of(optimizer):
    """Return what pictures call an optimizer's rule: a row of `OPTIONS`, or its class."""
    name = type(optimizer).__name__
    if name == "SGD" and optimizer.momentum:
        return "Nesterov" if optimizer.nesterov else "momentum"
    return "AMSGrad" if name == "Adam" and optimizer.amsgrad else name


def _rule(cls, rate, options):
    return lambda surface: cls(rate(surface), **options)


RULES = make_rules(optimizers.OPTIMIZERS.members)


@dataclass(frozen=True)
class Descent:
    """The path of an optimizer: row 0 is the start, row t the point after step t.

    Attributes
    ----------
    rule : str
        By which pictures choose the color: "SGD", "momentum", "Adam", ...
    rate : float
        The learning rate.
    positions : array (steps + 1, 2)
    values : array (steps + 1)
        Of the function, without noise.
    gradients : array (steps + 1, 2)
        With the noise, as the optimizer saw them.
    name : str
        What pictures write: the rule, unless `descend` got another.
    """

    rule: str
    rate: float
    positions: np.ndarray
    values: np.ndarray
    gradients: np.ndarray
    name: str

    @property
    def label(self):
        """The name and the learning rate."""
        return f"{self.name}, lr {self.rate:g}"

    @property
    def diverged(self):
        """Whether a value or gradient was infinite or NaN; the path ends there."""
        return not (np.isfinite(self.values[-1]) and np.isfinite(self.gradients[-1]).all())


def descend(function, optimizer, start, steps=100, noise=0.0, seed=0, label=None):
    """Follow an optimizer down a function.

    Parameters
    ----------
    function : Surface or callable
        Takes two tensors, computes with them by operators and `minigrad.ops`, returns a tensor.
    optimizer : str, class, config or Optimizer
        As `minigrad.optimizers.get` takes it; an instance that has not trained anything yet.
    start : (float, float)
    steps : int
    noise : float
        Standard deviation of the normal noise that is added to each component of each gradient, as
        if it came from another part of the data every time.
    seed : int
        Of the noise: the same seed, the same noise.
    label : str, optional
        The name in pictures. Default: that of the rule, such as "momentum".

    Returns
    -------
    Descent
        It is shorter than `steps` if the optimizer diverges.

    Raises
    ------
    TypeError
        If the function does not return a tensor.
    ValueError
        If its result does not have the shape of its arguments, or another argument is wrong.
    """
    if np.shape(start) != (2,):
        raise ValueError(f"descend: expected two numbers as start, got {start!r}")
    if steps < 0:
        raise ValueError(f"descend: expected a number of steps, got {steps}")
    optimizer = optimizers.get(optimizer)
    rule, rate = rule_of(optimizer), float(optimizer.learning_rate)
    x, y = (Parameter(value, "float64", name) for value, name in zip(start, "xy", strict=True))
    noises = random.generator(seed).normal(0, noise, (steps + 1, 2))
    rows = []
    with np.errstate(all="ignore"):  # `Descent.diverged` reports it
        for t in range(steps + 1):
            value = _evaluate(function, x, y)
            x.grad = y.grad = np.zeros(())
            value.backward()
            gradient = np.stack([x.grad, y.grad]) + noises[t]
            rows.append((x.item(), y.item(), value.item(), *gradient))
            if t == steps or not np.isfinite(rows[-1]).all():
                break
            optimizer.apply(gradient, [x, y])
    rows = np.array(rows)
    return Descent(rule, rate, rows[:, :2], rows[:, 2], rows[:, 3:], label or rule)


def race(surface, rules=tuple(RULES)[:6], steps=None, learning_rate=None, seed=0):
    """Let several optimizers descend a surface from its start, each with a fitting learning rate.

    Parameters
    ----------
    surface : Surface
    rules : sequence of str
        Names of `RULES`, in any case; by default the first six, SGD to Adam.
    steps : int, optional
        By default the surface's.
    learning_rate : float, optional
        One for all, instead of fitting ones.
    seed : int
        Of the noise, which is the same for all.

    Returns
    -------
    list of Descent
    """
    steps = surface.steps if steps is None else steps
    names = {rule: name for name, rule in RULES.items()}
    family = Registry("optimizer")
    family.names.update(RULES)
    paths = []
    for name in rules:
        rule = family.get(name)
        optimizer = rule(surface)
        if learning_rate is not None:
            optimizer.learning_rate = learning_rate
        settings = {"noise": surface.noise, "seed": seed, "label": names[rule]}
        paths.append(descend(surface, optimizer, surface.start, steps, **settings))
    return paths


def _evaluate(function, x, y):
    """Return function(x, y), or raise an error if that is not a tensor of their shape."""
    value = function(x, y)
    if not isinstance(value, Tensor):
        raise TypeError(
            "objective: expected a tensor, made from two tensors by operators or minigrad.ops, "
            f"got {value!r}"
        )
    if value.shape != x.shape:
        raise ValueError(
            f"objective: expected a result of its arguments' shape {x.shape}, got {value.shape}"
        )
    return value
