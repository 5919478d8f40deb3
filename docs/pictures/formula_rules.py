"""What `formula.py` shows of each rule: its words, and which vectors a step is made of.

The vectors are computed from the gradients and the optimizer's own state. The tests compare what
they add up to with the step that the optimizer takes.
"""

import functools
from dataclasses import dataclass, field

import numpy as np

from minigrad import Parameter
from minigrad.lab import Surface
from minigrad.optimizers import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, Nadam, RMSprop

O = np.zeros(2)  # noqa: E741


@dataclass
class Moment:
    """One step: t = 1, 2, ..., weights before it, gradient, and the state before and after."""

    t: int
    w: np.ndarray
    g: np.ndarray
    old: dict
    new: dict
    optimizer: object


@dataclass
class Lens:
    """What is drawn of one step: vectors (start, vector, role, name), downhill.

    The last vector on the right is the step, in `unit`s of the weights. Those on the left are in
    the gradient's units; if there are none, one drawing shows all.

    Attributes
    ----------
    box, right_box, dotted : array (2) or None
        Half sides of the left, the right, and a second left box.
    names : (str, str)
        Of the left and the right box.
    hues : (str, str)
        Their roles.
    quarter : array (2) or None
        Signs of the quarter of the left drawing that is tinted.
    aim : array (2) or None
        A dotted line, from the weights to the minimum.
    """

    right: list
    left: list = field(default_factory=list)
    box: np.ndarray | None = None
    right_box: np.ndarray | None = None
    dotted: np.ndarray | None = None
    names: tuple = ("√v̂", "lr")
    hues: tuple = ("v", "v")
    unit: float = 1.0
    quarter: np.ndarray | None = None
    aim: np.ndarray | None = None

    @property
    def step(self):
        """How the weights change, array (2)."""
        start, vector = self.right[-1][:2]
        return self.unit * (start + vector)


# --- vectors -----------------------------------------------------------------------------------


def sgd(now):
    return Lens([(O, -now.optimizer.learning_rate * now.g, "step", "step")], aim=-now.w)


def momentum(now):
    lr, mu = now.optimizer.learning_rate, now.optimizer.momentum
    return added(mu * now.old["v"], -lr * now.g)


def nesterov(now):
    lr, mu = now.optimizer.learning_rate, now.optimizer.momentum
    return added(mu * now.new["v"], -lr * now.g)


def added(kept, pull):
    """Velocity and gradient, head to tail."""
    if not kept.any():  # the first step of all
        return Lens([(O, pull, "step", "step =\n−lr g")])
    step = (O, kept + pull, "step", "step")
    return Lens([(O, kept, "m", "μ v"), (kept, pull, "g", "−lr g"), step])


def divided(now, root, parts, name="√v̂", **more):
    """The sum of `parts` divided by `root`: in a square of half side 1 learning rate."""
    start, vector = parts[-1][:2]
    step = (O, (start + vector) / root, "step", "step")
    lr = now.optimizer.learning_rate
    return Lens([step], parts, root, np.ones(2), names=(name, "lr"), unit=lr, **more)


def adagrad(now):
    root = np.sqrt(now.new["a"] + now.optimizer.epsilon)
    return divided(now, root, [(O, -now.g, "g", "−g")], "√a")


def rmsprop(now):
    root = np.sqrt(now.new["v"] + now.optimizer.epsilon)
    return divided(now, root, [(O, -now.g, "g", "−g")], "√v")


def adadelta(now):
    epsilon, lr = now.optimizer.epsilon, now.optimizer.learning_rate
    root, sizes = np.sqrt(now.new["a"] + epsilon), np.sqrt(now.old["d"] + epsilon)
    step, left = (O, -now.g / root * sizes, "step", "step"), [(O, -now.g, "g", "−g")]
    return Lens([step], left, root, sizes, names=("√a", "√d"), hues=("v", "m"), unit=lr)


def moments(now):
    """m̂ and √v̂ of Adam."""
    adam, t = now.optimizer, now.t
    v = now.new["v_max" if adam.amsgrad else "v"]
    return now.new["m"] / (1 - adam.beta_1**t), np.sqrt(v / (1 - adam.beta_2**t))


def with_mean(now, mean):
    """The arrows −g and −m̂; one where they are the same."""
    if np.allclose(mean, now.g, rtol=1e-3):
        return [(O, -mean, "m", "−g =\n−m̂")]
    return [(O, -now.g, "g", "−g"), (O, -mean, "m", "−m̂")]


def adam(now):
    mean, root = moments(now)
    return divided(now, root, with_mean(now, mean))


def amsgrad(now):
    mean, root = moments(now)
    newest = np.sqrt(now.new["v"] / (1 - now.optimizer.beta_2**now.t))
    return divided(now, root, with_mean(now, mean), dotted=newest)


def adamw(now):
    mean, root = moments(now)
    by_adam, decay = -mean / root, -now.optimizer.weight_decay * now.w
    parts = [(O, by_adam, "adam", "Adam's"), (by_adam, decay, "ink", "−lr λ w")]
    step = (O, by_adam + decay, "step", "step")
    return Lens([*parts, step], unit=now.optimizer.learning_rate)


def nadam(now):
    t, rule = now.t, now.optimizer
    u = rule.beta_1 * (1 - 0.5 * 0.96 ** np.arange(t + 2))
    product = np.prod(u[1 : t + 1])  # U of the rule's docstring
    kept = -u[t + 1] * now.new["m"] / (1 - product * u[t + 1])
    fresh = -(1 - u[t]) * now.g / (1 - product)
    root = np.sqrt(now.new["v"] / (1 - rule.beta_2**t))
    lens = divided(now, root, [(O, kept, "m", "−a m"), (kept, fresh, "g", "−b g")])
    by_adam = -now.new["m"] / (1 - rule.beta_1**t) / root
    lens.right.insert(0, (O, by_adam, "adam", "Adam's"))
    return lens


def adamax(now):
    mean = now.new["m"] / (1 - now.optimizer.beta_1**now.t)
    return divided(now, now.new["u"] + now.optimizer.epsilon, with_mean(now, mean), "u")


def lion(now):
    beta, lr = now.optimizer.beta_1, now.optimizer.learning_rate
    kept, fresh = -beta * now.old["m"], -(1 - beta) * now.g
    mixed = kept + fresh
    parts = [(O, kept, "m", "−β₁ m"), (kept, fresh, "g", "−(1−β₁) g"), (O, mixed, "ink", "−c")]
    step, signs = (O, np.sign(mixed), "step", "step"), np.sign(mixed)
    hues = ("step", "step")
    return Lens([step], parts, None, np.ones(2), unit=lr, hues=hues, quarter=signs)


# --- words -------------------------------------------------------------------------------------


def ravine(x0=0.0, y0=0.0, left=-2.35):
    return Surface(
        "Ravine", "x²/2 + 3 y²", lambda x, y: (x - x0) ** 2 / 2 + 3 * (y - y0) ** 2,
        x_range=(left, left + 3.25), y_range=(-0.72, 1.23), start=(left + 0.25, 0.95),
        minima=((x0, y0),),
    )  # fmt: skip


@dataclass
class Rule:
    """The words and settings of one rule.

    Attributes
    ----------
    name : str
        As pictures write it.
    make : callable
        Returns the optimizer.
    lens : callable
        From a Moment to a Lens.
    formula : list of str
        A line each; ``[m|v]`` writes v in the color of the role m.
    letters : list of str
        ``role|letter|what it is``.
    lesson : str
        What the three lenses show.
    stations : (int, int, int)
        The steps under the lenses.
    steps : int
        Of the path.
    surface : Surface
    against : callable, optional
        Another optimizer, whose path is drawn in grey, and its name.
    """

    name: str
    make: object
    lens: object
    formula: list
    letters: list
    lesson: str
    stations: tuple
    steps: int = 45
    surface: Surface = field(default_factory=ravine)
    against: tuple = ()
    minimum: tuple = (0, -18)  # where its name stands, in pixels right of it and above it


GRADIENT = "g|g|gradient at this step"
RULES = {
    "sgd": Rule(
        "SGD", lambda: SGD(0.28), sgd,
        ["w ← w − lr · [g|g]"],
        [GRADIENT],
        "A step is the gradient times lr: long where it is steep, short where it is flat. It "
        "points across the valley more than along it, not at the minimum (dotted): the path "
        "zigzags.",
        (1, 2, 4), 30,
    ),
    "momentum": Rule(
        "momentum", lambda: SGD(0.05, momentum=0.85), momentum,
        ["[m|v] ← μ [m|v] − lr · [g|g]", "w ← w + [m|v]"],
        [GRADIENT, "m|v|velocity: past steps, fading", "ink|μ|how much of it is kept, 0.85"],
        "Most of a step is the step before; the gradient only bends it. Steps grow while gradients "
        "agree, and at the bottom the speed is kept: the path runs past the minimum.",
        (1, 5, 12),
    ),
    "nesterov": Rule(
        "Nesterov", lambda: SGD(0.05, momentum=0.85, nesterov=True), nesterov,
        ["[m|v] ← μ [m|v] − lr · [g|g]", "w ← w + μ [m|v] − lr · [g|g]"],
        ["m|v|velocity, this g already in it", "ink|μ|how much of it is kept, 0.85"],
        "The step takes this gradient once more than the velocity has it. Where the slope turns, "
        "it brakes earlier than momentum (grey) and swings less.",
        (2, 4, 6), against=("momentum", lambda: SGD(0.05, momentum=0.85)),
    ),
    "adagrad": Rule(
        "Adagrad", lambda: Adagrad(0.3), adagrad,
        ["w ← w − lr · [g|g] / [v|√a]"],
        [GRADIENT, "v|a|sum of all g² so far, each axis by itself"],
        "Divided by √a, the box becomes a square of half side lr. The box can only grow, so steps "
        "shrink, here faster than the way that is left.",
        (1, 4, 12), 60,
    ),
    "rmsprop": Rule(
        "RMSprop", lambda: RMSprop(0.05), rmsprop,
        ["w ← w − lr · [g|g] / [v|√v]"],
        [GRADIENT, "v|v|running mean of g², each axis by itself"],
        "Divided by √v, steep and flat axes move alike. v begins at 0 and nothing corrects that: "
        "the first step is √10 = 3.2 lr long on each axis. Later the box follows g.",
        (1, 6, 16), 60,
    ),
    "adadelta": Rule(
        "Adadelta", lambda: Adadelta(1.0, epsilon=1e-4), adadelta,
        ["w ← w − lr · [m|√d] · [g|g] / [v|√a]"],
        [GRADIENT, "v|a|running mean of g²", "m|d|running mean of squared steps"],
        "√a takes the gradient's size out, √d puts the size of past steps in: the right box has "
        "the units of w, and lr can be 1. It begins at √ε, here 0.01, and grows.",
        (1, 8, 30), 120,
    ),
    "adam": Rule(
        "Adam", lambda: Adam(0.12), adam,
        ["w ← w − lr · [m|m̂] / [v|√v̂]"],
        [GRADIENT, "m|m̂|running mean of g: momentum's idea",
         "v|√v̂|its size, each axis by itself: RMSprop's"],
        "Divided by √v̂, the box becomes a square of half side lr. The first step ends in its "
        "corner, however long g is. Where g turns, steps shrink.",
        (1, 7, 15), minimum=(-44, 0),
    ),
    "adamw": Rule(
        "AdamW", lambda: AdamW(0.12, weight_decay=0.6), adamw,
        ["w ← w − lr · [m|m̂] / [v|√v̂] − lr · λ w"],
        ["adam|m̂ / √v̂|Adam's step", "ink|λ w|decay, λ = 0.6: a pull to 0 (+)"],
        "The decay is not divided by √v̂: it takes the same share of every weight. The path ends "
        "where both pulls cancel, between the minimum, where Adam (grey) ends, and 0.",
        (1, 12, 60), 80, ravine(1.15, 0.25, -1.15), ("Adam", lambda: Adam(0.12)),
    ),
    "nadam": Rule(
        "Nadam", lambda: Nadam(0.12), nadam,
        ["w ← w − lr · ([m|a m] + [g|b g]) / [v|√v̂]"],
        ["m|a m|running mean of g", "g|b g|this gradient once more",
         "v|√v̂|its size, each axis by itself"],
        "Nesterov's idea in Adam: the newest gradient counts once more than the mean has it. Where "
        "the slope turns, Nadam turns earlier than Adam (grey).",
        (1, 7, 15), against=("Adam", lambda: Adam(0.12)), minimum=(-44, 0),
    ),
    "adamax": Rule(
        "Adamax", lambda: Adamax(0.15), adamax,
        ["w ← w − lr · [m|m̂] / [v|u]"],
        [GRADIENT, "m|m̂|running mean of g", "v|u|largest |g| lately, each axis by itself"],
        "The box is the largest gradient so far; it fades by a thousandth a step. Neither g nor m̂ "
        "leaves it, so on no axis is a step longer than lr.",
        (1, 6, 14), minimum=(-44, 0),
    ),
    "lion": Rule(
        "Lion", lambda: Lion(0.08), lion,
        ["c = [m|β₁ m] + [g|(1−β₁) g]", "w ← w − lr · [step|sign(c)]"],
        [GRADIENT, "m|m|running mean of g"],
        "Only the signs of c count: the quarter in which −c lies. So every step ends in a corner, "
        "and all are of one length, however near the minimum is.",
        (1, 11, 19), 26,
    ),
    "amsgrad": Rule(
        "AMSGrad", lambda: Adam(0.12, beta_2=0.8, amsgrad=True), amsgrad,
        ["w ← w − lr · [m|m̂] / [v|√v̂]", "[v|v̂] ← max([v|v̂], [v|v])"],
        [GRADIENT, "m|m̂|running mean of g", "v|v̂|largest v so far; v itself is dotted"],
        "Adam's box (dotted) shrinks with the gradient, AMSGrad's keeps the largest: its steps "
        "stay short. β₂ = 0.8 here, so that v forgets soon. Grey: Adam.",
        (1, 9, 18), 60, against=("Adam", lambda: Adam(0.12, beta_2=0.8)), minimum=(0, 34),
    ),
}  # fmt: skip


# --- paths -------------------------------------------------------------------------------------


def walk(optimizer, surface, steps):
    """Return the places (steps + 1, 2), and a Moment for each step."""
    x, y = (
        Parameter(value, "float64", name)
        for value, name in zip(surface.start, "xy", strict=True)
    )  # fmt: skip
    found = []

    def copies(states):
        names = next(iter(states.values()))
        return {name: np.array([state[name].item() for state in states.values()]) for name in names}

    class Watch:
        def on_step_begin(self, gradients, states):
            self.w, self.old = np.array([x.item(), y.item()]), copies(states)

        def on_step_end(self, gradients, states):
            g = np.array([gradients[x].item(), gradients[y].item()])
            now = Moment(len(found) + 1, self.w, g, self.old, copies(states), optimizer)
            found.append(now)

    optimizer.observers.append(Watch())
    places = [surface.start]
    for _ in range(steps):
        x.grad = y.grad = np.zeros(())
        surface(x, y).backward()
        optimizer.apply([x.grad, y.grad], [x, y])
        places.append((x.item(), y.item()))
    return np.array(places), found


@functools.cache
def path(name):
    """Return places and Moments of a rule's path, and the places of the grey one, or None."""
    rule = RULES[name]
    grey = walk(rule.against[1](), rule.surface, rule.steps)[0] if rule.against else None
    return *walk(rule.make(), rule.surface, rule.steps), grey
