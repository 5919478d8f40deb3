"""Why a learning rate should fall: Adam on a bowl with noisy gradients, four schedules."""

import functools

import numpy as np
from pixels import NARROW, head, new_figure, place

from minigrad import Parameter
from minigrad.optimizers import Adam
from minigrad.optimizers.schedules import CosineDecay, ExponentialDecay, PiecewiseConstantDecay
from minigrad.plots._style import (
    CURVE,
    DASHED,
    DOTTED,
    SOLID,
    dress,
    label_ends,
    page,
    readable,
    rim,
)

WIDTHS = (760, 400)
STEPS, RUNS, NOISE, SEED = 400, 100, 0.5, 0
SCHEDULES = {
    "constant": lambda: 0.1,
    "in steps": lambda: PiecewiseConstantDecay([200, 300], [0.1, 0.01, 0.001]),
    "exponential": lambda: ExponentialDecay(0.1, 100, 0.4),
    "cosine": lambda: CosineDecay(0.0, 360, warmup_target=0.1, warmup_steps=40),
}
DASHES = {"constant": SOLID, "in steps": DASHED, "exponential": DOTTED, "cosine": SOLID}


@functools.cache
def run(name):
    """Learning rates, array (steps), and values x² + y² of all runs, (steps + 1, runs)."""
    w = Parameter(np.tile([-0.9, 0.5], (RUNS, 1)), "float64")  # Adam looks at each by itself
    optimizer, noise = Adam(SCHEDULES[name]()), np.random.default_rng(SEED)
    rates, values = [], [(w.data**2).sum(axis=1)]
    for _ in range(STEPS):
        rates.append(float(optimizer.learning_rate))
        optimizer.apply([2 * w.data + noise.normal(0, NOISE, w.shape)], [w])
        values.append((w.data**2).sum(axis=1))
    return np.array(rates), np.array(values)


def final(name):
    """The mean value over the last ten steps of all runs."""
    return run(name)[1][-10:].mean()


def draw(width, theme):
    narrow = width < NARROW
    figure = new_figure(width, 648 if narrow else 336, theme)
    corners = [(8, 22), (8, 326)] if narrow else [(8, 22), (296, 22)]
    boxes = [(46, 62, 340, 204), (46, 366, 216, 226)]
    boxes = boxes if narrow else [(46, 62, 214, 226), (340, 62, 280, 226)]
    goes_on = "A falling rate goes on" + " where a constant one stops" * (not narrow)
    unit = f"x² + y², mean of {RUNS} runs" + f"; gradients have noise of {NOISE:g}" * (not narrow)
    words = [("The learning rate", "of Adam"), (goes_on, unit)]
    axes = []
    for corner, box, (title, unit) in zip(corners, boxes, words, strict=True):
        head(figure, *corner, title, unit, theme, 14.5)
        axes.append(place(figure, *box))
        dress(axes[-1], theme, xlabel="step")
        axes[-1].xaxis.labelpad = 1
        axes[-1].set_xlim(0, STEPS)
    hues = dict.fromkeys(SCHEDULES, page(theme)["ink"])
    hues |= {"constant": page(theme)["grey"], "cosine": readable("Adam", theme)}
    ends = []
    for name in SCHEDULES:
        rates, values = run(name)
        style = {"color": hues[name], "linestyle": DASHES[name], "lw": CURVE}
        axes[0].plot(np.arange(STEPS), rates, **style, path_effects=rim(theme, 1.5))
        mean = np.convolve(values.mean(axis=1), np.ones(10) / 10, "valid")
        axes[1].plot(np.arange(9, STEPS + 1), mean, **style, path_effects=rim(theme, 1.5))
        ends.append((f"{name} {final(name):.2g}", STEPS, mean[-1], hues[name]))
    axes[0].set_ylim(0, 0.106)
    axes[0].set_yticks([0, 0.05, 0.1], ["0", "0.05", "0.1"])
    axes[1].set(yscale="log", ylim=(1e-4, 1.5))
    axes[1].set_yticks([1, 0.1, 0.01, 0.001, 1e-4], ["1", "0.1", "0.01", "0.001", "10⁻⁴"])
    axes[1].minorticks_off()
    label_ends(axes[1], ends, theme, gap=16)
    return figure
