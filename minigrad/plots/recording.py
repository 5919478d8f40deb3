"""Pictures of what a `minigrad.lab.Recorder` recorded, layer by layer."""

import math

import numpy as np

from minigrad.plots._style import BLACK, BLUE, label, line_style, new_figure

COLUMNS = 4
BANDS = ((0.05, 0.95, "5 to 95 % of the weights", 0.15), (0.25, 0.75, "25 to 75 %", 0.35))
RATIO_LIMITS = (1e-7, 2)
RULE_OF_THUMB = 1e-3


def draw_recording(recorder, title=None):
    """Draw loss, learning rate, gradient norms, dead units and sizes of updates against steps.

    The top row has a panel for each of the first four, with a line for each layer. Below it, a
    panel for each layer shows the distribution of ``|update| / |weight|`` over its weights. About
    0.001 is a rule of thumb for a healthy one
    (https://cs231n.github.io/neural-networks-3/#ratio).

    Parameters
    ----------
    recorder : minigrad.lab.Recorder
        One that ``fit`` has used.
    title : str, optional
        Names the model and the data. Default: the optimizer's name.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If nothing was recorded.
    """
    if not recorder.steps:
        raise ValueError("draw_recording: expected a Recorder that fit has used, got an empty one")
    rows = 1 + math.ceil(len(recorder.update_ratios) / COLUMNS)
    figure = new_figure(400 * COLUMNS, 360 * rows)
    figure.suptitle(title or f"Training with {type(recorder.model.optimizer).__name__}")
    above, *below = figure.subplots(rows, COLUMNS)

    _draw_lines(above[0], recorder, {"": recorder.loss}, "Loss, mean of the epoch so far", "loss")
    _draw_lines(above[1], recorder, {"": recorder.learning_rate}, "Learning rate", "learning rate")
    _draw_lines(above[2], recorder, recorder.gradient_norms, "Gradients of each layer", "norm")
    dead = {name: 100 * np.array(fractions) for name, fractions in recorder.dead_units.items()}
    _draw_lines(above[3], recorder, dead, "Dead units of each layer", "units (%)")
    above[1].set_ylim(bottom=0)
    above[2].set_yscale("log")
    above[3].set_ylim(-3, 103)

    panels = [axes for row in below for axes in row]
    for axes in panels[len(recorder.update_ratios) :]:
        axes.set_axis_off()
    panels = panels[: len(recorder.update_ratios)]
    for axes, (name, ratios) in zip(panels, recorder.update_ratios.items(), strict=True):
        _draw_ratios(axes, recorder.steps, ratios, name)
    panels[0].legend(loc="lower left", fontsize="small")
    return figure


def _draw_lines(axes, recorder, lines, title, ylabel):
    for index, (name, values) in enumerate(lines.items()):
        axes.plot(recorder.steps, values, label=name, **line_style(index))
    if len(lines) > 1:
        axes.legend(fontsize="small")
    label(axes, title, "step", ylabel)


def _draw_ratios(axes, steps, ratios, layer):
    for low, high, name, alpha in BANDS:
        edges = _quantiles(ratios, (low, high))
        axes.fill_between(steps, *edges, color=BLUE, alpha=alpha, linewidth=0, label=name)
    axes.plot(steps, *_quantiles(ratios, (0.5,)), color=BLUE, label="median")
    axes.axhline(RULE_OF_THUMB, color=BLACK, linestyle=":", label="rule of thumb")
    axes.set_yscale("log")
    axes.set_ylim(RATIO_LIMITS)
    label(axes, f"{layer}: |update| / |weight|", "step", "ratio (0 at the bottom)")


def _quantiles(ratios, probabilities):
    """Lines (probabilities, records), not interpolated: ratios may be infinite."""
    lines = [np.quantile(record, probabilities, method="inverted_cdf") for record in ratios]
    return np.transpose(lines)
