"""A comparison as a race: test error by epoch and by the processor's seconds, spread and tuning."""

import numpy as np

from minigrad.plots._style import (
    CURVE,
    DPI,
    LABEL,
    POINT,
    THIN,
    axes_for,
    check_axes,
    dress,
    headline,
    import_matplotlib,
    label_ends,
    looks,
    new_figure,
    page,
    rim,
)

AGAINST = {
    "epoch": ("by epoch", "epoch"),
    "seconds": ("by the clock", "seconds of training"),
    "processor_seconds": ("by processor time", "seconds of training, all threads together"),
}


def draw_race(comparison, title=None, ax=None, theme="light"):
    """Draw how the error falls, by epoch and by time; below it, how the rates were tuned.

    Lines are means over the seeds, bands go from the lowest to the highest. Errors are shares of
    wrong answers, in per cent on a logarithmic scale, so that a halving looks alike everywhere; of
    models without an accuracy it is the loss. Time is the processor's if all runs measured it, else
    the wall's; the panel says which.

    Parameters
    ----------
    comparison : minigrad.lab.Comparison or minigrad.lab.TunedComparison
        The second has the panel with the tuning.
    title : str, optional
        The finding. Default: what was compared, on what.
    ax : sequence of matplotlib.axes.Axes, optional
        Draw there, instead of in a new figure of 760 pixels: one for epochs, one for time, and a
        third for the tuning, if there was one. The head above them, `title`, is then not drawn.
    theme : {"light", "dark"}

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If no run finished, or `ax` are not as many.
    """
    tuned = bool(getattr(comparison, "coarse", None))
    if ax is None:
        figure = new_figure(760, 640 if tuned else 400, theme)
        headline(figure, title or f"{comparison.title}: {comparison.samples} samples", theme)
        panels = figure.add_gridspec(2 if tuned else 1, 2, height_ratios=(4, 3)[: 1 + tuned])
        places = [panels[0, 0], panels[0, 1], panels[-1, :]][: 2 + tuned]
        ax = [figure.add_subplot(place) for place in places]
    left, right, *below = check_axes(ax, "draw_race", *["flat"] * (2 + tuned))
    times = [run.epochs for run in _finished(comparison)]
    time = "processor_seconds" if all("processor_seconds" in t for t in times) else "seconds"
    _errors(right, comparison, time, theme)
    names = [(left, _errors(left, comparison, "epoch", theme), "left")]
    names += [(panel, _tuning(panel, comparison, theme), "right") for panel in below]
    for axes, ends, side in names:  # last: names must not move the panels that have names already
        label_ends(axes, ends, theme, ha=side)
    return left.figure


def draw_errors(comparison, against="epoch", ax=None, theme="light"):
    """Draw how the error falls, one panel of `draw_race`.

    Parameters
    ----------
    comparison, theme
        As for `draw_race`.
    against : {"epoch", "seconds", "processor_seconds"}
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if against not in AGAINST:
        fault = f"against to be one of {', '.join(map(repr, AGAINST))}, got {against!r}"
        raise ValueError(f"draw_errors: expected {fault}")
    axes = axes_for("draw_errors", ax, 760, 400, theme)
    label_ends(axes, _errors(axes, comparison, against, theme), theme)
    return axes.figure


def _errors(axes, comparison, against, theme):
    """Draw a panel; return the names at its ends."""
    runs = _finished(comparison)
    name, what, data = _measure(comparison)
    seeds = len({run.seed for run in comparison.runs})
    unit = f"{AGAINST[against][1]}" if against != "epoch" else _spread(seeds)
    dress(axes, theme, f"{data} {what} {AGAINST[against][0]}", unit, grid=False)
    axes.grid(axis="y", color=page(theme)["grid"], linewidth=THIN)
    labels = [label for label in comparison.labels if any(r.optimizer == label for r in runs)]
    ends = []
    for label, style in zip(labels, _looks(comparison, labels, theme), strict=True):
        mine = [run.epochs for run in runs if run.optimizer == label]
        x = np.mean([epochs[against] for epochs in mine], axis=0)
        y = np.array([_error(epochs[name], name) for epochs in mine])
        mean = y.mean(axis=0)
        axes.fill_between(x, y.min(axis=0), y.max(axis=0), color=style["color"], alpha=0.14, lw=0)
        line = {"color": style["color"], "linestyle": style["linestyle"], "linewidth": CURVE}
        axes.plot(x, mean, **line, path_effects=rim(theme, CURVE / 2))
        axes.plot(x[-1], mean[-1], **style)
        ends.append((f"{label} {mean[-1]:.3g}", x[-1], mean[-1], style["color"]))
    _logarithmic(axes, what)
    if against == "epoch":
        axes.xaxis.set_major_locator(import_matplotlib().ticker.MaxNLocator(6, integer=True))
    else:
        axes.set_xlim(left=0)
    axes.set_xlabel(against.split("_")[-1], color=page(theme)["ink"], fontsize=LABEL * POINT)
    return ends


def draw_tuning(comparison, ax=None, theme="light"):
    """Draw how the learning rates of a tuned comparison were chosen.

    Thin lines are the first round, all rates in short trainings. Thick lines are the second round,
    as long as the race. A ring is around the rate that raced.

    Parameters
    ----------
    comparison : minigrad.lab.TunedComparison
    ax, theme
        As for `draw_errors`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the comparison was not tuned.
    """
    if not getattr(comparison, "coarse", None):
        cure = "lab.compare_tuned makes one"
        raise ValueError(f"draw_tuning: expected a tuned comparison, got one without; {cure}")
    axes = axes_for("draw_tuning", ax, 760, 320, theme)
    label_ends(axes, _tuning(axes, comparison, theme), theme, ha="right")
    return axes.figure


def _tuning(axes, comparison, theme):
    """Draw the panel; return the names at its beginnings."""
    what = "loss" if comparison.measure == "loss" else "error"
    unit = f"{what} on {comparison.held_out} held-out samples; thin: epochs {comparison.short}, "
    unit += f"thick: {comparison.long}; ringed: raced"
    dress(axes, theme, "How each learning rate was chosen", unit, "learning rate", grid=False)
    labels, begins = list(comparison.rates), []
    for label, style in zip(labels, _looks(comparison, labels, theme), strict=True):
        line = {"color": style["color"], "linestyle": style["linestyle"]}
        first, second = (_reached(pairs[label], comparison) for pairs in _rounds(comparison))
        axes.plot(*first.T, **line, linewidth=1)
        axes.plot(*second.T, **line, linewidth=2.8, alpha=0.7)  # its stroke, for all eyes
        best = second[second[:, 0] == comparison.rates[label]][0]
        axes.plot(*best, **style, clip_on=False)
        ring = {"markersize": 13, "mfc": "none", "mec": style["color"], "clip_on": False}
        axes.plot(*best, "o", **ring)
        begins.append((f"{label} {best[0]:g}", *first[0], style["color"]))
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    low, high = axes.dataLim.intervalx
    share = min(0.45, 130 / (axes.get_window_extent().width * DPI / axes.figure.dpi))  # for names
    axes.set_xlim(low * (low / high) ** (share / (1 - share)), high * (high / low) ** 0.04)
    ticks = 10.0 ** np.arange(np.ceil(np.log10(low) - 1e-9), np.log10(high) + 0.1)
    axes.set_xticks(ticks)
    _logarithmic(axes, what)
    axes.set_ylim(top=2 * axes.dataLim.y1)
    return begins


def _rounds(comparison):
    return comparison.coarse, comparison.fine


def _reached(pairs, comparison):
    """The rates that did not diverge, and what they reached, array (n, 2)."""
    found = [
        (rate, _error(value, comparison.measure)) for rate, value in pairs if value is not None
    ]
    return np.array(found)


def _finished(comparison):
    runs = [run for run in comparison.runs if run.outcome == "finished"]
    if not runs:
        raise ValueError("draw_race: expected at least one run that finished, got none")
    return runs


def _measure(comparison):
    """What is drawn: its name in the runs, in the title, and of which data."""
    accuracies = [name for name in comparison.names if name.endswith(("accuracy", "acc"))]
    name = accuracies[0] if accuracies else comparison.loss_name
    return name, "error" if accuracies else "loss", _data(name)


def _data(name):
    return "Test" if name.startswith("val_") else "Training"


def _error(values, name):
    """Accuracies as errors in per cent, losses as they are."""
    values = np.asarray(values)
    return values if name.endswith("loss") else 100 * (1 - values)


def _spread(seeds):
    return f"mean of {seeds} seeds, band: lowest to highest" if seeds > 1 else "one seed"


def _looks(comparison, labels, theme):
    """The look of each label, by the rule of its runs: never by order."""
    rules = {run.optimizer: getattr(run, "rule", "") or run.optimizer for run in comparison.runs}
    return looks([rules.get(label, label) for label in labels], theme)


def _logarithmic(axes, what):
    """A logarithmic scale with numbers that people say."""
    ticker = import_matplotlib().ticker
    axes.set_yscale("log")
    low, high = axes.dataLim.intervaly
    subs = (1, 1.5, 2, 3, 5, 7) if high < 10 * low else (1, 2, 5)
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=subs))
    axes.yaxis.set_major_formatter("{x:g} %" if what == "error" else "{x:g}")
    axes.yaxis.set_minor_locator(ticker.NullLocator())
