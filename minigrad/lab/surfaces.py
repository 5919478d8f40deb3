"""Functions of two variables, and the paths on which optimizers descend them.

::

    surface = SURFACES["rosenbrock"]
    paths = race(surface)  # SGD, momentum, Nesterov, Adagrad, RMSprop and Adam
    paths[-1].values  # of Adam, before the first step and after each

`minigrad.plots` draws both.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minigrad import optimizers, random
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
        x_range=(-2, 1), y_range=(-2, 1), start=(-1.8, -0.7), minima=((0, 0),),
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
OPTIONS = {"momentum": {"momentum": 0.9}, "Nesterov": {"momentum": 0.9, "nesterov": True}}  # of SGD


def make_rules(classes):
    """Return {name in legends: function that makes the optimizer for a surface}.

    A rule without a row in `RATES` comes last, with the rate of Adam.
    """
    rules, order = {}, [*RATES, *(cls.__name__ for cls in classes)]
    for cls in sorted(classes, key=lambda cls: order.index(cls.__name__)):
        rate = RATES.get(cls.__name__, RATES["Adam"])
        rules[cls.__name__] = _rule(cls, rate, {})
        if cls is optimizers.SGD:
            rules |= {name: _rule(cls, rate, options) for name, options in OPTIONS.items()}
    return rules


def _rule(cls, rate, options):
    return lambda surface: cls(rate(surface), **options)


RULES = make_rules(optimizers.OPTIMIZERS.members)


@dataclass(frozen=True)
class Descent:
    """The path of an optimizer: row 0 is the start, row t the point after step t.

    Attributes
    ----------
    label : str
    positions : array (steps + 1, 2)
    values : array (steps + 1)
        Of the function, without noise.
    gradients : array (steps + 1, 2)
        With the noise, as the optimizer saw them.
    """

    label: str
    positions: np.ndarray
    values: np.ndarray
    gradients: np.ndarray

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
        The optimizer's name. Default: its class. The learning rate is added.

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
    label = f"{label or type(optimizer).__name__}, lr {optimizer.learning_rate:g}"
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
    return Descent(label, rows[:, :2], rows[:, 2], rows[:, 3:])


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
