"""Pictures of what `minigrad.lab.compare` and `minigrad.lab.sweep` return."""

import numpy as np

from minigrad.plots._style import import_matplotlib, label, line_style, marker, new_figure


def plot_comparison(comparison):
    """Draw how loss and metrics change by step, by epoch, and by seconds of training.

    A line is the mean over the seeds, in a band from the lowest to the highest. Of an optimizer
    none of whose runs finished, each run is drawn; a cross ends one that diverged.

    Parameters
    ----------
    comparison : minigrad.lab.Comparison

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = comparison.names
    data = "validation" if comparison.loss_name == "val_loss" else "training"
    figure = new_figure(12, 3.5 * len(names) + 1)
    figure.suptitle(comparison.headline)
    for name, row in zip(names, figure.subplots(len(names), 3, squeeze=False), strict=True):
        by_step, by_epoch, by_time = row
        title = name.removeprefix("val_")
        label(by_step, f"training {title}", "step", title)
        label(by_epoch, f"{data} {title}", "epoch", title)
        label(by_time, f"{data} {title}", "seconds of training", title)
        for index, optimizer in enumerate(comparison.labels):
            runs = comparison.runs_of(optimizer)
            style = {"label": optimizer, **line_style(index)}
            _draw_runs(by_step, runs, "steps", "step", title, style)
            style |= {"marker": marker(index), "markersize": 4}
            _draw_runs(by_epoch, runs, "epochs", "epoch", name, style)
            _draw_runs(by_time, runs, "epochs", "seconds", name, style)
        for axes in row:
            if title == "loss" and axes.dataLim.ymin > 0:
                _use_log_scale(axes)
        by_epoch.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    _add_legend(figure, by_epoch, comparison)
    return figure


def _draw_runs(axes, runs, part, x_name, y_name, style):
    """Draw one optimizer: finished runs as a line and a band, others each by itself."""
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


def plot_sweep(sweep):
    """Draw the loss after the last epoch against the learning rate, a line for each optimizer.

    With several seeds a line is the mean, in a band from the lowest to the highest. Crosses at the
    top mark learning rates with which the optimizer diverged (with at least one seed).

    Parameters
    ----------
    sweep : minigrad.lab.Sweep

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(8, 5.5)
    figure.suptitle(sweep.headline)
    axes = figure.subplots()
    label(axes, "", "learning rate", f"{sweep.loss_name} after the last epoch")
    axes.set_xscale("log")
    rates = np.array(sweep.learning_rates)
    diverged = {}
    for index, optimizer in enumerate(sweep.labels):
        losses = sweep.final_losses(optimizer)  # (rates, seeds)
        diverged[optimizer] = np.isinf(losses).any(axis=1)
        losses[diverged[optimizer]] = np.nan  # a gap in the line
        style = line_style(index)
        axes.plot(rates, losses.mean(axis=1), label=optimizer, marker=marker(index), **style)
        low, high = losses.min(axis=1), losses.max(axis=1)
        axes.fill_between(rates, low, high, color=style["color"], alpha=0.2, lw=0)
    _use_log_scale(axes)
    _mark_diverged(axes, rates, diverged)
    _add_legend(figure, axes, sweep)
    return figure


def _mark_diverged(axes, rates, diverged):
    """Put crosses into a strip above all lines, a row for each optimizer."""
    if not np.any(list(diverged.values())):
        return
    row = 0.04  # of the axes' height
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** (row * (len(diverged) + 1)))
    for index, where in enumerate(diverged.values()):
        height = np.full(where.sum(), 1 - row * (index + 1))
        style = {"color": line_style(index)["color"], "linestyle": "none", "marker": "x"}
        axes.plot(rates[where], height, transform=axes.get_xaxis_transform(), **style)
    axes.plot([], [], "kx", label="diverged")


def _use_log_scale(axes):
    """Make the loss's axis logarithmic, with ticks such as 0.2, 0.5 and 1."""
    ticker = import_matplotlib().ticker
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())


def _add_legend(figure, axes, results):
    handles, labels = axes.get_legend_handles_labels()
    several = len({run.seed for run in results.runs}) > 1
    title = "line: mean over the seeds, band: lowest to highest" if several else None
    columns = min(len(labels), 5)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, title=title)
