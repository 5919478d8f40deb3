"""A race that says how it was run: six rules on MNIST, from the numbers of `race_data.py`."""

import json
from pathlib import Path

import numpy as np
from pixels import NARROW, head, new_figure, place, wrap, write

from minigrad.plots._style import (
    CURVE,
    POINT,
    TICK,
    dress,
    label_ends,
    look,
    page,
    readable,
    rim,
)

WIDTHS = (760, 400)
DATA = json.loads(Path(__file__).with_name("race.json").read_text("utf-8"))
RULES = list(DATA["errors"])


def curves(name):
    """The errors in per cent of all seeds: (seeds, epochs)."""
    return np.array(DATA["errors"][name])


def rates(name, part):
    """What one round of the tuning found: learning rates and errors in per cent, in order."""
    return np.transpose(sorted((float(rate), error) for rate, error in DATA[part][name].items()))


def finding():
    """The title: the lowest and highest mean error at the end."""
    ends = [curves(name)[:, -1].mean() for name in RULES]
    between = f"between {min(ends):.1f} and {max(ends):.1f} %"
    return f"Tuned alike, six rules end {between}; a wrong rate costs far more"


def draw(width, theme):
    narrow, ink = width < NARROW, page(theme)["ink"]
    figure = new_figure(width, 1080 if narrow else 672, theme)
    if narrow:
        boxes = [(44, 112, 186, 270), (44, 486, 340, 230), (44, 818, 340, 220)]
        heads = [(8, 74), (8, 448), (8, 780)]
        lines = wrap(finding(), 17, 384)  # it is bold, and as wide as plain words of that size
    else:
        boxes = [(44, 96, 246, 270), (488, 96, 260, 270), (44, 472, 704, 160)]
        heads = [(8, 58), (450, 58), (8, 432)]
        lines = [finding()]
    for row, line in enumerate(lines):
        write(figure, 8, 22 + 20 * row, line, ink, 15 if narrow else 16.5, weight="bold")
    words = [
        ("Test error by epoch", "mean of 5 seeds ± standard deviation; band: all 5"),
        ("The same by seconds of training", "processor time, one thread; 6 epochs"),
        (
            "How each learning rate was chosen",
            "thin: 9 rates, short; thick: as long as the race; ringed: raced",
        ),
    ]
    for corner, (title, unit) in zip(heads, words, strict=True):
        head(figure, *corner, title, unit, theme, 14.5)
    by_epoch, by_second, tuning = (place(figure, *box) for box in boxes)
    for axes, xlabel in ((by_epoch, "epoch"), (by_second, "seconds"), (tuning, "learning rate")):
        dress(axes, theme, xlabel=xlabel)
        axes.grid(visible=False, axis="x")
        axes.xaxis.labelpad = 1
    race(by_epoch, by_second, theme)
    choice(tuning, theme, narrow)
    return figure


def error_axis(axes, low, high, ticks):
    axes.set(yscale="log", ylim=(low, high))
    ticks = [tick for tick in ticks if low <= tick <= high]
    axes.set_yticks(ticks, [f"{tick:g} %" for tick in ticks])
    axes.minorticks_off()


def race(by_epoch, by_second, theme):
    """Mean and band of each rule, over epochs and over seconds."""
    ends, every = [], [curves(name) for name in RULES]
    for name, errors in zip(RULES, every, strict=True):
        style, mean = look(name, theme), errors.mean(axis=0)
        line = {"color": style["color"], "linestyle": style["linestyle"], "lw": CURVE}
        epochs = np.arange(1, len(mean) + 1)
        for axes, x in ((by_epoch, epochs), (by_second, epochs * DATA["seconds"][name])):
            band = {"color": readable(name, theme), "alpha": 0.07, "lw": 0}
            axes.fill_between(x, errors.min(axis=0), errors.max(axis=0), **band)
            axes.plot(x, mean, **line, path_effects=rim(theme, 1.5))
            axes.plot(x[-1], mean[-1], **{**style, "markersize": 6})
        deviation = errors[:, -1].std(ddof=1)
        ends.append((f"{name} {mean[-1]:.2f} ± {deviation:.2f}", epochs[-1], mean[-1], name))
    low, high = min(e.min() for e in every), max(e.max() for e in every)
    for axes in (by_epoch, by_second):
        error_axis(axes, low * 0.94, high * 1.03, (1.5, 2, 3, 4, 6, 8))
    by_epoch.set_xticks(epochs)
    by_epoch.set_xlim(0.85, len(epochs) + 0.1)
    by_second.set_xlim(0, None)
    label_ends(by_epoch, ends, theme, gap=16, pad=10)


def choice(axes, theme, narrow):
    """Both rounds of the tuning; the rate that was raced is ringed."""
    begins, raced = [], {}
    for name in RULES:
        style, color = look(name, theme), readable(name, theme)
        line = {"color": style["color"], "linestyle": style["linestyle"]}
        x, y = rates(name, "first")
        axes.plot(x, y, **line, lw=1, alpha=0.75)
        begins.append((name, x[0], y[0], name))
        x, y = rates(name, "second")
        axes.plot(x, y, color=color, lw=2.6, solid_capstyle="round")
        best = DATA["best"][name]
        error, nth = DATA["second"][name][str(best)], len(raced.setdefault(best, []))
        raced[best].append(name)
        axes.plot(best, error, **{**style, "markersize": 6})
        ring = {"markerfacecolor": "none", "markeredgecolor": color, "markeredgewidth": 1.3}
        axes.plot(best, error, "o", markersize=12 + 4 * nth, **ring)
    error_axis(axes, 1.5, 95, (2, 5, 10, 20, 50, 90))
    axes.set(xscale="log", xlim=(5e-6 if narrow else 2.4e-5, 1.4))
    axes.set_xticks([1e-4, 1e-3, 1e-2, 1e-1, 1], ["0.0001", "0.001", "0.01", "0.1", "1"])
    axes.minorticks_off()
    where = {"ha": "center", "va": "center", "path_effects": rim(theme, 2)}
    grey = {"color": page(theme)["grey"], "fontsize": TICK * POINT}
    axes.text(0.25, 62, "learns nothing", **grey, **where)
    label_ends(axes, begins, theme, gap=14, pad=7, ha="right")
