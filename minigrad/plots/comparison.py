"""Pictures of what `minigrad.lab.compare` and `minigrad.lab.sweep` return."""

from collections import Counter

import numpy as np

from minigrad.plots import _style
from minigrad.plots._style import CURVE, MARKER, POINT, TICK, page

BAND = 0.14  # how opaque


def draw_comparison(comparison, ax=None, theme="light"):
    """Draw how loss and metrics change by epoch and by seconds, and the training loss by step.

    Each measure has a row of two panels; below them is one for the steps. An accuracy is drawn as
    its error, in percent: from 98 to 99 % right, errors halve. A line is the mean over the seeds,
    in a band from the lowest to the highest. If none of an optimizer's runs finished, each run is
    drawn; a cross marks the end of one that diverged.

    Parameters
    ----------
    comparison : minigrad.lab.Comparison
    ax : sequence of matplotlib.axes.Axes, optional
        Draw there, instead of in a new figure of 760 pixels: two for each of `comparison.names`,
        and one for the steps.
    theme : {"light", "dark"}
        The page's.

    Returns
    -------
    matplotlib.figure.Figure
        That of `ax`, if it is given.
    """
    names = comparison.names
    if ax is None:
        figure = _style.new_figure(760, 320 * len(names) + 330, theme)
        _style.headline(figure, comparison.headline, theme)
        grid = figure.add_gridspec(len(names) + 1, 2, width_ratios=[1.15, 1])
        places = [grid[row, column] for row in range(len(names)) for column in (0, 1)]
        ax = [figure.add_subplot(place) for place in [*places, grid[len(names), :]]]
    axes = _style.check_axes(ax, "draw_comparison", *["flat"] * (2 * len(names) + 1))
    *rows, by_step = axes
    data = "validation" if comparison.loss_name == "val_loss" else "training"
    many = len(comparison.labels) > _style.MOST_NAMES
    for name, by_epoch, by_time in zip(names, rows[::2], rows[1::2], strict=True):
        for axes, x_name, xlabel in (
            (by_epoch, "epoch", "epoch"),
            (by_time, "seconds", "seconds of training"),
        ):
            _draw_panel(axes, comparison, "epochs", (x_name, xlabel), name, data, theme)
        by_epoch.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        by_time.locator_params(axis="x", nbins=6)
        if many and by_time is rows[1]:
            lines, _ = by_time.get_legend_handles_labels()
            ends = [[-np.inf, *line.get_ydata()][-1] for line in lines]
            _style.legend_beside(by_time, theme, ends)
    _draw_panel(by_step, comparison, "steps", ("step", "step"), "loss", "training", theme)
    for axes in [] if many else [*rows[::2], by_step]:
        _name_ends(axes, comparison, theme)
    return by_step.figure


def _draw_panel(axes, comparison, part, x, name, data, theme):
    """Draw all optimizers in one panel; `x` is its name in the runs and on the axis."""
    title = name.removeprefix("val_")
    unit = _unit(comparison)
    is_error = "accuracy" in title
    if is_error:
        title, unit = title.replace("accuracy", "error"), f"% wrong; {unit}"
    _style.dress(axes, theme, f"{data} {title}".capitalize(), unit, x[1])
    first = [comparison.runs_of(label)[0] for label in comparison.labels]
    looks = _style.looks([run.rule or run.optimizer for run in first], theme)
    for label, look in zip(comparison.labels, looks, strict=True):
        style = {**look, "label": _describe(comparison, label), "linewidth": CURVE}
        style |= {"markevery": [-1]} if part == "steps" else {"markersize": MARKER - 1.5}
        _draw_runs(axes, comparison.runs_of(label), part, x[0], name, style, is_error)
    if title.endswith(("loss", "error")):
        _use_log_scale(axes, 2 if is_error else 5)


def _unit(results):
    """Return what a line is, if it is a mean."""
    seeds = len({run.seed for run in results.runs})
    return f"mean of {seeds} seeds; band: lowest to highest" if seeds > 1 else "one seed"


def _describe(comparison, optimizer):
    """Return the optimizer's label, with the outcomes of its runs unless all finished."""
    outcomes = Counter(run.outcome for run in comparison.runs if run.optimizer == optimizer)
    if set(outcomes) == {"finished"}:
        return optimizer
    counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    return f"{optimizer} ({counts})"


def _draw_runs(axes, runs, part, x_name, y_name, style, is_error):
    """Draw one optimizer: finished runs as a line and a band, others one by one."""
    curves = [getattr(run, part) for run in runs]

    def heights(curve):
        values = np.array(curve.get(y_name, []), float)
        return 100 * (1 - values) if is_error else values

    if runs[0].outcome == "finished":
        x = np.mean([curve[x_name] for curve in curves], axis=0)
        y = np.array([heights(curve) for curve in curves])  # (seeds, points)
        axes.plot(x, y.mean(axis=0), **style)
        band = {"color": style["color"], "alpha": BAND, "lw": 0}
        axes.fill_between(x, y.min(axis=0), y.max(axis=0), **band)
        return
    for run, curve in zip(runs, curves, strict=True):
        x, y = curve.get(x_name, []), heights(curve)
        axes.plot(x, y, **style)
        if run.outcome == "diverged":
            axes.plot(x[-1:], y[-1:], "x", color=style["color"], markersize=12)
        style = style | {"label": None}  # one entry in the legend


def _name_ends(axes, results, theme):
    """Write each optimizer's name at the end of its line."""
    lines = {line.get_label(): line for line in axes.lines}
    ends = []
    for label in results.labels:
        line = lines[_describe(results, label)]
        x, y = (np.asarray(values, float) for values in line.get_data())
        if len(x):
            ends.append((line.get_label(), x[-1], y[-1], line.get_color()))
    if ends:
        _style.label_ends(axes, ends, theme)


def draw_sweep(sweep, ax=None, theme="light"):
    """Draw the loss after the last epoch against the learning rate, a line for each optimizer.

    With several seeds a line is the mean, in a band from the lowest to the highest. Hollow markers
    above the lines show where an optimizer diverged with at least one seed: its loss was not
    finite, or at least ten times the loss before the training (the dotted line).

    Parameters
    ----------
    sweep : minigrad.lab.Sweep
    ax : matplotlib.axes.Axes, optional
        Draw there, instead of in a new figure of 760 pixels.
    theme : {"light", "dark"}
        The page's.

    Returns
    -------
    matplotlib.figure.Figure
        That of `ax`, if it is given.
    """
    if ax is None:
        figure = _style.new_figure(760, 460, theme)
        _style.headline(figure, sweep.headline, theme)
        ax = figure.subplots()
    (axes,) = _style.check_axes(ax, "draw_sweep", "flat")
    colors, loss = page(theme), sweep.loss_name.replace("val_", "validation ")
    head = f"{loss} after the last epoch".capitalize(), _unit(sweep)
    _style.dress(axes, theme, *head, "learning rate")
    axes.set_xscale("log")
    grey = {"color": colors["grey"], "fontsize": TICK * POINT}
    if np.isfinite(sweep.untrained_loss):
        untrained = axes.axhline(sweep.untrained_loss, color=colors["grey"], linestyle=":")
        untrained.set_label("_before the training")
        before = {"xytext": (3, 3), "textcoords": "offset points", **grey}
        place = (0, sweep.untrained_loss)
        axes.annotate("before the training", place, xycoords=("axes fraction", "data"), **before)
    rates = np.array(sweep.learning_rates)
    limit = 10 * abs(sweep.untrained_loss)
    rules = {run.optimizer: run.rule or run.optimizer for run in sweep.runs}
    looks = _style.looks([rules[label] for label in sweep.labels], theme)
    strip, curves = [], []  # the hollow markers, the lines
    for label, look in zip(sweep.labels, looks, strict=True):
        losses = sweep.final_losses(label)  # (rates, seeds)
        diverged = (losses >= limit).any(axis=1)
        losses[diverged] = np.nan  # a gap in the line
        means = losses.mean(axis=1)
        axes.plot(rates, means, label=label, **look, linewidth=CURVE)
        low, high = losses.min(axis=1), losses.max(axis=1)
        axes.fill_between(rates, low, high, color=look["color"], alpha=BAND, lw=0)
        strip.append((rates[diverged], look))
        curves.append((label, np.stack([rates, means], axis=1), look["color"]))
    if len(rates):
        axes.set_xlim(rates[0] / 2, rates[-1] * 2)  # also where no line is
        _style.say_decades(axes.xaxis)
    _use_log_scale(axes, 5)
    if any(len(where) for where, _ in strip):
        _draw_strip(axes, strip, theme, grey)
    if len(curves) > _style.MOST_NAMES:
        _style.legend_beside(axes, theme)
    elif curves:
        _style.label_paths(axes, curves, theme)
    return axes.figure


def _draw_strip(axes, strip, theme, grey):
    """Put hollow markers above all lines, in a row for each optimizer."""
    row = 0.045  # of the axes' height
    bottom, top = axes.transAxes.transform([(0, 0), (0, 1 + 2 * row * len(strip))])
    axes.set_ylim(axes.transData.inverted().transform([bottom, top])[:, 1])
    across = axes.get_xaxis_transform()
    for index, (rates, look) in enumerate(strip):
        heights = np.full(len(rates), 1 - row * (index + 0.5))
        hollow = {"linestyle": "none", "markerfacecolor": page(theme)["page"]}
        axes.plot(rates, heights, transform=across, **{**look, **hollow}, label="_diverged")
    axes.text(0.005, 1 - row / 2, "diverged:", va="center", transform=axes.transAxes, **grey)


def _use_log_scale(axes, factor):
    """Make the axis logarithmic where what it shows spans more than this factor."""
    low, high = axes.dataLim.intervaly
    if 0 < factor * low < high:
        axes.set_yscale("log")
        _style.say_decades(axes.yaxis)
