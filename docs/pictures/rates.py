"""How much the learning rate decides: a ravine after 100 steps, for 101 rates of each rule."""

import functools

import numpy as np
from pixels import NARROW, head, new_figure, place

from minigrad import Parameter
from minigrad.optimizers import SGD, Adagrad, Adam, Lion, RMSprop
from minigrad.plots._style import LABEL, POINT, dress, look, readable

WIDTHS = (760, 400)
RATES = np.logspace(-4, 1, 101)
START, STEPS = 54.5, 100  # the loss at the start, as on the page
RULES = {
    "SGD": SGD,
    "momentum": functools.partial(SGD, momentum=0.9),
    "Adagrad": Adagrad,
    "RMSprop": RMSprop,
    "Adam": Adam,
    "Lion": Lion,
}


@functools.cache
def losses(name):
    """The loss after all steps with each rate, array (rates)."""
    found = []
    with np.errstate(all="ignore"):  # a rate may be too large
        for rate in RATES:
            w, optimizer = Parameter([-3.0, 1.0], "float64"), RULES[name](rate)
            for _ in range(STEPS):
                optimizer.apply([w.data * [1.0, 100.0]], [w])
            found.append(float((w.data**2 * [0.5, 50.0]).sum()))
    return np.array(found)


def ranges(name, limit):
    """The stretches of rates with a loss below the limit: (lowest, highest) of each."""
    edge = np.sqrt(RATES[1] / RATES[0])  # a rate stands for those up to halfway to the next
    good = np.flatnonzero(losses(name) < limit)
    parts = np.split(good, np.flatnonzero(np.diff(good) > 1) + 1) if len(good) else []
    return [(RATES[part[0]] / edge, RATES[part[-1]] * edge) for part in parts]


def draw(width, theme):
    narrow = width < NARROW
    figure = new_figure(width, 330, theme)
    title = "Every rule has its own range of good learning rates"
    unit = "100 steps in a ravine. Full: loss below 1/100 of the start's; pale: below 1/2"
    if narrow:
        title = "Every rule has its own good rates"
        unit = "Full: loss below 1/100 of the start's; pale: below 1/2"
    head(figure, 8, 22, title, unit, theme)
    axes = place(figure, 92, 66, width - 108, 216)
    dress(axes, theme, xlabel="learning rate")
    axes.xaxis.labelpad = 1
    axes.set(xscale="log", xlim=(RATES[0], RATES[-1]), ylim=(len(RULES) - 0.5, -0.5), yticks=[])
    axes.set_xticks([1e-4, 1e-3, 1e-2, 1e-1, 1, 10], ["0.0001", "0.001", "0.01", "0.1", "1", "10"])
    axes.minorticks_off()
    axes.spines["left"].set_visible(False)
    for row, name in enumerate(RULES):
        color = look(name, theme)["color"]
        for limit, alpha in ((START / 2, 0.25), (START / 100, 1)):
            for low, high in ranges(name, limit):
                bar = {"height": 0.52, "left": low, "color": color, "alpha": alpha}
                axes.barh(row, high - low, **bar, lw=0)
        word = {"color": readable(name, theme), "ha": "right", "va": "center"}
        place_of = {"xytext": (-8 * POINT, 0), "textcoords": "offset points"}
        axes.annotate(
            name, (RATES[0], row), **place_of, **word, fontsize=LABEL * POINT, annotation_clip=False
        )
    return figure
