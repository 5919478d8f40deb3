"""What Adam's m does to noise: calmer with a larger β₁, and later to notice a change."""

import functools

import numpy as np
from pixels import NARROW, new_figure, place, write

from minigrad import Parameter
from minigrad.optimizers import Adam
from minigrad.plots._style import DOTTED, POINT, SOLID, TICK, TITLE, dress, page, readable, rim

WIDTHS = (760, 400)
STEPS, TURN, SEED = 400, 200, 0
BETAS = {0.9: SOLID, 0.99: DOTTED}


@functools.cache
def gradients():
    """A slope of 1 that turns to −1, and what batches of noise (deviation 1) make of it."""
    slope = np.where(np.arange(STEPS) < TURN, 1.0, -1.0)
    return slope, slope + np.random.default_rng(SEED).normal(0, 1, STEPS)


@functools.cache
def mean(beta):
    """Adam's corrected mean m̂ after each step."""
    optimizer, kept = Adam(beta_1=beta), []

    class Watch:
        def on_step_begin(self, gradients, states):
            pass

        def on_step_end(self, gradients, states):
            (state,) = states.values()
            kept.append(state["m"].item() / (1 - beta ** (len(kept) + 1)))

    optimizer.observers.append(Watch())
    w = Parameter(0.0, "float64")
    for g in gradients()[1]:
        optimizer.apply([np.asarray(g)], [w])
    return np.array(kept)


def delay(beta):
    """How many steps after the turn m̂ has the new sign for good."""
    wrong = np.flatnonzero(mean(beta)[TURN:] > 0)
    return int(wrong.max()) + 1


def spread(beta):
    """How much m̂ varies in the second half before the turn: its standard deviation."""
    return mean(beta)[TURN // 2 : TURN].std()


def draw(width, theme):
    narrow, colors = width < NARROW, page(theme)
    figure = new_figure(width, 340 if narrow else 318, theme)
    lines = ("Averaging calms a noisy gradient,", "and notices a turn later")
    for k, line in enumerate(lines if narrow else [" ".join(lines)]):
        write(figure, 8, 22 + 20 * k, line, colors["ink"], TITLE, weight="bold")
    top = 64 if narrow else 44
    words = "grey dots: gradients; thin line: the slope without noise"
    write(figure, 8, top, words, colors["grey"], TICK)
    axes = place(figure, 34, top + 18, width - 50, 208)
    dress(axes, theme, xlabel="step")
    axes.xaxis.labelpad = 1
    slope, noisy = gradients()
    t = np.arange(1, STEPS + 1)
    axes.plot(t, noisy, ".", color=colors["grey"], markersize=3, alpha=0.45)
    axes.plot(t, slope, color=colors["grey"], lw=1.2, drawstyle="steps-mid")
    hue = readable("momentum", theme)
    for beta, dash in BETAS.items():
        axes.plot(t, mean(beta), color=hue, linestyle=dash, lw=2.2, path_effects=rim(theme, 2))
    style = {"color": hue, "fontsize": 12 * POINT, "weight": "bold", "path_effects": rim(theme, 1)}
    axes.set(xlim=(0, STEPS), ylim=(-3.6, 3.6), yticks=[-1, 0, 1])
    axes.set_xticks([1, 100, 200, 300, 400])
    for beta, x, y, ha in ((0.9, 194, -2.2, "right"), (0.99, 256, 2.0, "left")):
        text = f"m̂, β₁ = {beta:g}: varies by {spread(beta):.2f},\nturns {delay(beta)} steps later"
        if narrow:
            text = text.replace(": varies", ":\nvaries")
        axes.annotate(
            text, (TURN + delay(beta), 0), (x, y), ha=ha, va="center", **style,
            arrowprops={"arrowstyle": "-", "color": hue, "lw": 0.9},
        )  # fmt: skip
    return figure
