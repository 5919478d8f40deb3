"""What the page "Play" computes, with minigrad: paths of optimizers, and answers of a network.

In the page it runs in a worker, under Pyodide. The site's builder runs it, too, for what the page
shows before that, and the tests run it as plain Python. `answer` is the door: JSON in, JSON out.
"""

import base64
import functools
import json
from pathlib import Path

import numpy as np

import minigrad
from minigrad import layers
from minigrad.datasets import synthetic_digits
from minigrad.lab.surfaces import RULES, SURFACES, descend
from minigrad.plots import _style

FRAME = 5 / 4  # width of the map to its height
COLUMNS = 121  # of heights in the map; the page interpolates
MOST_STEPS = 200  # a rule takes about a second for 1,000, in a browser
SIDE, BOX = 28, 20  # of MNIST's images, and of the digit in them, in pixels
FAINT = 0.3  # below it is paper: drawn digits have some noise

# --- optimizers ----------------------------------------------------------------------------------


def choices():
    """Return the surfaces, the rules with their looks, and the colours of both themes."""
    surfaces = [
        {"name": name, "title": s.title, "formula": s.formula, "steps": min(s.steps, MOST_STEPS)}
        for name, s in SURFACES.items()
    ]
    rules = [{"name": name, **_looks(name)} for name in RULES]
    themes = {
        theme: {**_style.page(theme), "diverging": _style.RAMPS[theme]["diverging"]}
        for theme in _style.THEMES
    }
    return {"surfaces": surfaces, "rules": rules, "themes": themes}


def _looks(name):
    """Return {theme: color of the line, of words, and its dashes in widths of the line}."""
    found = {}
    for theme in _style.THEMES:
        look = _style.look(name, theme)
        dashes = [] if look["linestyle"] == _style.SOLID else list(look["linestyle"][1])
        words = _style.readable(name, theme)
        found[theme] = {"line": look["color"], "words": words, "dashes": dashes}
    return found


def window(surface):
    """Return the x and y limits of a surface's map: equal axes, and all of its ranges inside."""
    widths = [float(high - low) for low, high in (surface.x_range, surface.y_range)]
    height = max(widths[0] / FRAME, widths[1])
    sides = (height * FRAME, height)
    middles = [(low + high) / 2 for low, high in (surface.x_range, surface.y_range)]
    pairs = zip(middles, sides, strict=True)
    return [(middle - side / 2, middle + side / 2) for middle, side in pairs]


def ground(surface):
    """Return a surface's window, the number of tints, and its heights on their scale.

    The heights are 16-bit numbers in base64, row by row from the largest y down, as pictures go.
    """
    surface = SURFACES[surface]
    x_range, y_range = window(surface)
    rows = round(COLUMNS / FRAME)
    x, y = np.meshgrid(np.linspace(*x_range, COLUMNS), np.linspace(*y_range[::-1], rows))
    z = surface.values(x, y)
    height, steps = _style.scale(surface, z)
    low, high = float(steps[0]), float(2 * steps[-1] - steps[-2])  # a tint more than contours
    share = np.nan_to_num((height(z) - low) / (high - low), nan=1.0)
    encoded = np.round(65535 * np.clip(share, 0, 1)).astype("<u2").tobytes()
    return {
        "x": x_range, "y": y_range, "columns": COLUMNS, "rows": rows, "levels": len(steps),
        "heights": base64.b64encode(encoded).decode(),
        "start": list(surface.start), "minima": [list(point) for point in surface.minima],
    }  # fmt: skip


def path(surface, rule, start, steps, factor=1.0):
    """Let one rule descend a surface, at its fitting learning rate times a factor.

    Returns
    -------
    dict
        The points, the values of the function there, the rate, and the step at which the rule was
        thrown out: its value is no number any more, or larger than a million times the start's.
    """
    surface = SURFACES[surface]
    optimizer = RULES[rule](surface)
    optimizer.learning_rate = rate = float(optimizer.learning_rate) * factor
    found = descend(surface, optimizer, start, steps, surface.noise, label=rule)
    sound = np.isfinite(found.values) & np.isfinite(found.positions).all(axis=1)
    sound &= np.abs(found.values) <= 1e6 * max(1.0, abs(float(found.values[0])))
    end = len(sound) if sound.all() else int(np.argmin(sound))
    points = np.round(found.positions[:end], 4).tolist()
    values = [float(f"{value:.4g}") for value in found.values[:end]]
    thrown = None if end > steps else end
    return {"rule": rule, "points": points, "values": values, "rate": rate, "thrown_out": thrown}


# --- digits --------------------------------------------------------------------------------------


@functools.cache
def network():
    """Return the trained network, as a model whose outputs are its hidden units and its answer."""
    stored = json.loads(Path(__file__).with_name("digits.json").read_text("utf-8"))
    hidden = layers.Dense(stored["units"], activation="relu")
    output = layers.Dense(10, activation="softmax")
    inputs = layers.Input(shape=(SIDE, SIDE))
    units = hidden(layers.Flatten()(inputs))
    model = minigrad.Model(inputs, [units, output(units)])
    for layer, name in ((hidden, "hidden"), (output, "output")):
        part = stored[name]
        numbers = np.frombuffer(base64.b64decode(part["bytes"]), np.int8).reshape(part["shape"])
        layer.set_weights([numbers * np.float32(part["scale"]), np.float32(part["bias"])])
    return model, stored


def weights():
    """Return the first weights of each unit as an image, largest = 1, and what is known of them."""
    model, stored = network()
    kernel = model.weights[0].numpy()
    maps = np.round(kernel / np.abs(kernel).max(axis=0), 2).T.tolist()
    facts = ("units", "epochs", "seed", "parameters", "accuracy", "dead")
    return {"maps": maps, **{name: stored[name] for name in facts}}


def centred(drawn):
    """Bring a drawing into MNIST's form: 20 pixels long, its centre of mass in the middle.

    Parameters
    ----------
    drawn : array (H, W)
        Ink, from 0 to 1, in an image of any size.

    Returns
    -------
    array (28, 28), float32
    """
    drawn = np.where(np.asarray(drawn) < FAINT, 0, drawn).astype("float32")
    rows, columns = (np.flatnonzero(drawn.max(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros((SIDE, SIDE), "float32")
    drawn = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    size = max(drawn.shape) / BOX  # of a pixel of the result, in pixels of the drawing
    down, across = (_averages(drawn.sum(axis=axis), size) for axis in (1, 0))
    return (down @ drawn @ across.T).clip(0, 1)


def _averages(ink, size):
    """Return the matrix (28, n) that averages n rows in 28 spans around the centre of their ink."""
    middle = ((np.arange(len(ink)) + 0.5) * ink).sum() / ink.sum()
    edges = middle + (np.arange(SIDE + 1) - SIDE / 2)[:, None] * size  # (29, 1)
    covered = np.clip(edges - np.arange(len(ink)), 0, 1)  # of each row, up to each edge
    return (np.diff(covered, axis=0) / size).astype("float32")


def digit(drawn, side, centre=True):
    """Return what the network sees in a drawing, how its units answer, and its probabilities.

    Parameters
    ----------
    drawn : sequence of side·side numbers
        Ink, from 0 to 255, row by row.
    side : int
    centre : bool
        Whether to bring it into MNIST's form.
    """
    image = np.asarray(drawn, "float32").reshape(side, side) / 255
    image = centred(image) if centre else image
    units, probabilities = network()[0](image[None])
    return {
        "image": np.round(image.ravel(), 3).tolist(),
        "units": np.round(units.numpy()[0], 3).tolist(),
        "probabilities": np.round(probabilities.numpy()[0].astype(float), 5).tolist(),
        "empty": not image.any(),
    }


def sample(wanted, seed):
    """Return a digit that `minigrad.datasets.synthetic_digits` draws, and the network's answer."""
    (images, labels), _ = synthetic_digits.load_data(num_train=100, num_test=1, seed=seed)
    image = images[np.flatnonzero(labels == wanted)[0]]
    return {"drawn": image.ravel().tolist(), "label": wanted, **digit(image.ravel(), SIDE)}


# --- the door ------------------------------------------------------------------------------------


def versions():
    """Return what runs: the versions, and which kernels."""
    kernels = minigrad.kernels.kind
    return {"minigrad": minigrad.__version__, "numpy": np.__version__, "kernels": kernels}


CALLS = {f.__name__: f for f in (versions, choices, ground, path, weights, digit, sample)}


def answer(request):
    """Return the JSON text that answers one, such as ``{"call": "ground", "surface": "bowl"}``.

    Raises
    ------
    ValueError
        If there is no such call.
    """
    arguments = json.loads(request)
    name = arguments.pop("call", None)
    if name not in CALLS:
        raise ValueError(f"answer: expected call as one of {', '.join(CALLS)}, got {name!r}")
    return json.dumps(CALLS[name](**arguments), allow_nan=False)
