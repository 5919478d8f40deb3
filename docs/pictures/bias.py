"""Bias correction and ε: why Adam starts right, and when its steps give up."""

import functools

import numpy as np
from pixels import NARROW, head, new_figure, place

from minigrad import Parameter
from minigrad.optimizers import Adam, Optimizer
from minigrad.plots._style import DASHED, DOTTED, POINT, SOLID, TICK, dress, page, readable

WIDTHS = (760, 400)
STEPS = 10_000
SIZES = np.logspace(-10, 1, 56)
EPSILONS = {1e-7: "ε = 10⁻⁷", 1e-3: "10⁻³", 0.1: "0.1"}


class Uncorrected(Optimizer):
    """Adam that divides by no 1 - βᵗ."""

    state_names = ("m", "v")

    def update(self, w, g, state, lr, t, threads):
        m, v = state["m"], state["v"]
        m += 0.1 * (g - m)
        v += 0.001 * (g * g - v)
        w -= lr * m / (np.sqrt(v) + 1e-7)


def steps(optimizer, gradient=1.0, count=STEPS):
    """How long each step is, in learning rates, while the gradient stays the same."""
    w, places = Parameter(0.0, "float64"), [0.0]
    for _ in range(count):
        optimizer.apply([np.asarray(gradient)], [w])
        places.append(w.item())
    return -np.diff(places) / optimizer.learning_rate


def shares():
    """How much of a constant gradient Adam's m and v hold after each step, arrays (STEPS)."""
    optimizer, kept = Adam(), []

    class Watch:
        def on_step_begin(self, gradients, states):
            pass

        def on_step_end(self, gradients, states):
            (state,) = states.values()
            kept.append((state["m"].item(), state["v"].item()))

    optimizer.observers.append(Watch())
    w = Parameter(0.0, "float64")
    for _ in range(STEPS):
        optimizer.apply([np.ones(())], [w])
    return np.transpose(kept)


@functools.cache
def found():
    """All numbers of the picture: shares, steps with and without correction, steps by size."""
    lengths = {}
    for epsilon in EPSILONS:  # β₂ = 0.9, so that after 200 steps no bias is left
        rule = functools.partial(Adam, beta_2=0.9, epsilon=epsilon)
        lengths[epsilon] = [steps(rule(), size, 200)[-1] for size in SIZES]
    return *shares(), steps(Adam()), steps(Uncorrected(1e-3)), lengths


def draw(width, theme):
    narrow = width < NARROW
    figure = new_figure(width, 900 if narrow else 312, theme)
    hues = {
        "ink": page(theme)["ink"], "grey": page(theme)["grey"], "m": readable("momentum", theme),
        "v": readable("RMSprop", theme), "step": readable("Adam", theme),
    }  # fmt: skip
    heads = [
        ("1  Averages begin at 0 …", "share of the gradient in them"),
        ("2  … early steps are too long", "a step's length, in learning rates"),
        ("3  ε decides what is too small", "a step's length, in learning rates"),
    ]
    panels = []
    for k, (title, unit) in enumerate(heads):
        x, y = (8, 20 + 300 * k) if narrow else (8 + 256 * k, 20)
        head(figure, x, y, title, unit, theme, 14)
        panels.append(place(figure, x + 26, y + 36, 346 if narrow else 202, 200))
    for axes, xlabel in zip(panels, ("step", "step", "size of the gradient |g|"), strict=True):
        dress(axes, theme, xlabel=xlabel, grid=False)
        axes.xaxis.labelpad = 1
    averages(panels[0], hues, page(theme))
    lengths(panels[1], hues)
    sizes(panels[2], hues, page(theme))
    return figure


def note(axes, x, y, text, color, size=TICK, **more):
    axes.text(x, y, text, color=color, fontsize=size * POINT, **more)


def by_step(axes):
    axes.set(xscale="log", xlim=(1, STEPS))
    axes.set_xticks([1, 10, 100, 1000, 10_000], ["1", "10", "100", "1000", "10⁴"])
    axes.minorticks_off()


def averages(axes, hues, colors):
    """How m and v fill."""
    m, v, *_ = found()
    t = np.arange(1, STEPS + 1)
    axes.plot(t, m, color=hues["m"], lw=2)
    axes.plot(t, v, color=hues["v"], lw=2, linestyle=DOTTED)
    axes.fill_between(t, m, v, color=colors["grid"], lw=0, alpha=0.7)
    note(axes, 1.25, 0.88, "m", hues["m"], 14, weight="bold")
    note(axes, 1.25, 0.78, "β₁ = 0.9", hues["m"])
    note(axes, 9000, 0.38, "v", hues["v"], 14, weight="bold", ha="right")
    note(axes, 9000, 0.28, "β₂ = 0.999", hues["v"], ha="right")
    note(axes, 90, 0.72, "m is there,\nv is not", hues["ink"], ha="center", va="center")
    axes.set_yticks([0, 0.5, 1], ["0", "½", "1"])
    axes.set_ylim(0, 1.04)
    by_step(axes)


def lengths(axes, hues):
    """Steps with and without the correction."""
    *_, corrected, raw, _ = found()
    t, peak = np.arange(1, STEPS + 1), int(raw.argmax())
    axes.plot(t, raw, color=hues["grey"], lw=2, linestyle=DASHED)
    axes.plot(t, corrected, color=hues["step"], lw=2.4)
    axes.plot(t[peak], raw[peak], "o", color=hues["grey"], markersize=5)
    where = {"textcoords": "offset points", "color": hues["ink"], "fontsize": TICK * POINT}
    words = f"without: {raw[peak]:.1f}\nat step {t[peak]}"
    axes.annotate(words, (t[peak], raw[peak]), xytext=(22, 2), va="center", **where)
    axes.annotate(f"{raw[0]:.1f}", (1, raw[0]), xytext=(5, -8), **where)
    note(axes, 1.3, 0.8, "with: 1 from the first step", hues["step"], va="top", weight="bold")
    axes.set_ylim(0, 7.4)
    axes.set_yticks([0, 1, 2, 4, 6])
    by_step(axes)


def sizes(axes, hues, colors):
    """Steps against the size of the gradient, for three ε."""
    for (epsilon, name), dash in zip(EPSILONS.items(), (SOLID, DASHED, DOTTED), strict=True):
        axes.plot(SIZES, found()[-1][epsilon], color=hues["step"], lw=2.2, linestyle=dash)
        ring = {"color": colors["page"], "markeredgecolor": hues["step"], "markeredgewidth": 1.5}
        axes.plot(epsilon, 0.5, "o", markersize=5.5, **ring)
        first = epsilon == min(EPSILONS)
        where = {"xytext": (6, -11) if first else (-5, 9), "ha": "left" if first else "right"}
        axes.annotate(
            name, (epsilon, 0.5), textcoords="offset points", color=hues["step"], weight="bold",
            fontsize=TICK * POINT, **where,
        )  # fmt: skip
    axes.set(xscale="log", xlim=(1e-10, 10), ylim=(0, 1.04))
    axes.set_yticks([0, 0.5, 1], ["0", "½", "1"])
    axes.set_xticks([1e-10, 1e-7, 1e-4, 1e-1], ["10⁻¹⁰", "10⁻⁷", "10⁻⁴", "0.1"])
    axes.minorticks_off()
