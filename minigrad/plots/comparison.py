"""Pictures of what `minigrad.lab.compare` and `minigrad.lab.sweep` return."""

from collections import Counter

import numpy as np

from minigrad.plots._style import import_matplotlib, label, line_style, marker, new_figure


def draw_comparison(comparison):
    """Draw how loss and metrics change by step, by epoch, and by seconds of training.

    A line is the mean over the seeds, in a band from the lowest to the highest. If none of an
    optimizer's runs finished, each run is drawn; a cross marks the end of one that diverged.

    Parameters
    ----------
    comparison : minigrad.lab.Comparison

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = comparison.names
    data = "validation" if comparison.loss_name == "val_loss" else "training"
    figure = new_figure(1200, 350 * len(names) + 100)
    figure.suptitle(comparison.headline)
    for name, row in zip(names, figure.subplots(len(names), 3, squeeze=False), strict=True):
        by_step, by_epoch, by_time = row
        title = name.removeprefix("val_")
        label(by_step, f"training {title}", "step", title)
        label(by_epoch, f"{data} {title}", "epoch", title)
        label(by_time, f"{data} {title}", "seconds of training", title)
        for index, optimizer in enumerate(comparison.labels):
            runs = comparison.runs_of(optimizer)
            style = {"label": _describe(comparison, optimizer), **line_style(index)}
            _draw_runs(by_step, runs, "steps", "step", title, style)
            style |= {"marker": marker(index), "markersize": 4}
            _draw_runs(by_epoch, runs, "epochs", "epoch", name, style)
            _draw_runs(by_time, runs, "epochs", "seconds", name, style)
        if title == "loss":
            for axes in row:
                _use_log_scale(axes)
        by_epoch.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        by_time.locator_params(axis="x", nbins=6)
    _add_legend(figure, by_epoch, comparison)
    return figure


def _describe(comparison, optimizer):
    """Return the optimizer's label, with the outcomes of its runs unless all finished."""
    outcomes = Counter(run.outcome for run in comparison.runs if run.optimizer == optimizer)
    if set(outcomes) == {"finished"}:
        return optimizer
    counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    return f"{optimizer} ({counts})"


def _draw_runs(axes, runs, part, x_name, y_name, style):
    """Draw one optimizer: finished runs as a line and a band, others one by one."""
    curves = [getattr(run, part) for run in runs]
    if runs[0].outcome == "finished":
        x = np.mean([curve[x_name] for curve in curves], axis=0)
        y = np.array([curve[y_name] for curve in curves])  # (seeds, points)
        axes.plot(x, y.mean(axis=0), **style)
        axes.fill_between(x, y.min(axis=0), y.max(axis=0), color=style["color"], alpha=0.2, lw=0)
        return
    for run, curve in zip(runs, curves, strict=True):
        x, y = curve.get(x_name, []), curve.get(y_name, [])
        axes.plot(x, y, **style)
        if run.outcome == "diverged":
            axes.plot(x[-1:], y[-1:], "x", color=style["color"], markersize=12)
        style = style | {"label": None}  # one entry in the legend


def draw_sweep(sweep):
    """Draw the loss after the last epoch against the learning rate, a line for each optimizer.

    With several seeds a line is the mean, in a band from the lowest to the highest. Hollow markers
    above the lines show where an optimizer diverged with at least one seed: its loss was not
    finite, or at least ten times the loss before the training (the dotted line).

    Parameters
    ----------
    sweep : minigrad.lab.Sweep

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(760, 520)
    figure.suptitle(sweep.headline)
    axes = figure.subplots()
    label(axes, "", "learning rate", f"{sweep.loss_name} after the last epoch")
    axes.set_xscale("log")
    axes.axhline(sweep.untrained_loss, color="0.5", linestyle=":", label="before the training")
    rates = np.array(sweep.learning_rates)
    limit = 10 * abs(sweep.untrained_loss)
    strip = []  # the hollow markers
    for index, optimizer in enumerate(sweep.labels):
        losses = sweep.final_losses(optimizer)  # (rates, seeds)
        diverged = (losses >= limit).any(axis=1)
        losses[diverged] = np.nan  # a gap in the line
        style = line_style(index) | {"marker": marker(index)}
        axes.plot(rates, losses.mean(axis=1), label=optimizer, **style)
        low, high = losses.min(axis=1), losses.max(axis=1)
        axes.fill_between(rates, low, high, color=style["color"], alpha=0.2, lw=0)
        strip.append((rates[diverged], style))
    _use_log_scale(axes)
    if any(len(where) for where, _ in strip):
        _draw_strip(axes, strip)
    _add_legend(figure, axes, sweep)
    return figure


def _draw_strip(axes, strip):
    """Put hollow markers above all lines, in a row for each optimizer."""
    row = 0.04  # of the axes' height
    axes.set_xlim(axes.get_xlim())  # the markers must not change it
    bottom, top = axes.transAxes.transform([(0, 0), (0, 1 + 2 * row * len(strip))])
    axes.set_ylim(axes.transData.inverted().transform([bottom, top])[:, 1])
    hollow = {"linestyle": "none", "markerfacecolor": "white"}
    for index, (rates, style) in enumerate(strip):
        heights = np.full(len(rates), 1 - row * (index + 0.5))
        across = axes.get_xaxis_transform()
        axes.plot(rates, heights, transform=across, **{**style, **hollow})
    axes.plot([], [], "ko", label="diverged", **hollow)


def _use_log_scale(axes):
    """Make the loss's axis logarithmic where the losses span more than a factor of five."""
    low, high = axes.dataLim.intervaly
    if not 0 < 5 * low < high:
        return
    axes.set_yscale("log")
    if high < 1000 * low:  # few enough decades for ticks such as 0.2, 0.5 and 1
        ticker = import_matplotlib().ticker
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())


def _add_legend(figure, axes, results):
    handles, labels = axes.get_legend_handles_labels()
    several = len({run.seed for run in results.runs}) > 1
    title = "line: mean over the seeds, band: lowest to highest" if several else None
    columns = min(len(labels), 5)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, title=title)
