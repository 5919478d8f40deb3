"""Pictures of what a `minigrad.lab.Recorder` recorded, layer by layer."""

import math

import numpy as np

from minigrad.plots import _style
from minigrad.plots._style import CURVE, LABEL, POINT, TICK, page

COLUMNS = 3
BANDS = ((0.05, 0.95, 0.15), (0.25, 0.75, 0.35))  # shares of the weights, and how opaque
RATIO_LIMITS = (1e-7, 2)
RULE_OF_THUMB = 1e-3
BLUE = {"light": "#005d8f", "dark": "#55bbff"}


def draw_recording(recorder, title=None, ax=None, theme="light"):
    """Draw loss, gradient norms, dead units and sizes of updates against steps.

    Loss, gradients and dead units have a panel each, below each other, and so has the learning
    rate, unless it stayed as it was: then the title says it. A line is a layer, the darker the
    nearer to the output. Below them a small panel for each layer shows the distribution of
    ``|update| / |weight|`` over its weights. About 0.001 is a rule of thumb for a healthy one
    (https://cs231n.github.io/neural-networks-3/#ratio).

    Parameters
    ----------
    recorder : minigrad.lab.Recorder
        One that ``fit`` has used.
    title : str, optional
        Names the model and the data. Default: the optimizer's name.
    ax : sequence of matplotlib.axes.Axes, optional
        Draw there, instead of in a new figure of 760 pixels: one for each panel, in that order.
    theme : {"light", "dark"}
        The page's.

    Returns
    -------
    matplotlib.figure.Figure
        That of `ax`, if it is given.

    Raises
    ------
    ValueError
        If nothing was recorded.
    """
    if not recorder.steps:
        raise ValueError("draw_recording: expected a Recorder that fit has used, got an empty one")
    dead = {name: 100 * np.array(shares) for name, shares in recorder.dead_units.items()}
    panels = [  # lines, title, unit
        ({"": recorder.loss}, "Loss", "mean of the epoch so far"),
        (recorder.gradient_norms, "Gradients of each layer", "Euclidean norm, logarithmic"),
        (dead, "Dead units of each layer", "% of its units that no sample of the batch activates"),
    ]
    title = title or f"Training with {type(recorder.model.optimizer).__name__}"
    if len(set(recorder.learning_rate)) == 1:
        title += f", learning rate {recorder.learning_rate[0]:g}"
    else:
        panels.insert(1, ({"": recorder.learning_rate}, "Learning rate", ""))
    layers = recorder.update_ratios
    if ax is None:
        ax = _make_axes(len(panels), len(layers), title, theme)
    axes = _style.check_axes(ax, "draw_recording", *["flat"] * (len(panels) + len(layers)))
    for panel, (lines, head, unit) in zip(axes, panels, strict=False):
        _draw_lines(panel, recorder.steps, lines, head, unit, theme)
    for panel, (name, ratios) in zip(axes[len(panels) :], layers.items(), strict=True):
        _draw_ratios(panel, recorder.steps, ratios, name, theme)
    return axes[0].figure


def _make_axes(large, small, title, theme):
    """Return the axes of a new figure: large panels below each other, then rows of small ones."""
    rows = math.ceil(small / COLUMNS)
    figure = _style.new_figure(760, 230 * large + 230 * rows + 60, theme)
    _style.headline(figure, title, theme)
    note = (
        "Small panels: the median, bands of 50 and 90 % of the weights, and a rule of thumb, 0.001"
    )
    style = {"x": 0.01, "ha": "left", "fontsize": TICK * POINT, "color": page(theme)["grey"]}
    figure.supxlabel(note, **style)
    grid = figure.add_gridspec(large + rows, COLUMNS)
    places = [grid[row, :] for row in range(large)]
    places += [grid[large + i // COLUMNS, i % COLUMNS] for i in range(small)]
    return [figure.add_subplot(place) for place in places]


def _draw_lines(axes, steps, lines, head, unit, theme):
    """Draw a line for each layer, or one that has no name."""
    _style.dress(axes, theme, head, unit, "step")
    depths = np.linspace(0.5, 1, len(lines)) if len(lines) > 1 else [0.7]
    ramp = _style.ramp("sequential", theme)
    strokes = (_style.SOLID, *_style.OTHERS)
    ends = []
    for index, (name, values) in enumerate(lines.items()):
        color = _style.hex_of(ramp(depths[index]))
        look = {"color": color, "linestyle": strokes[index % len(strokes)], "linewidth": CURVE}
        axes.plot(steps, values, label=name, **look)
        ends.append((name, steps[-1], values[-1], color))
    if head.startswith("Gradients"):
        axes.set_yscale("log")
        _style.say_decades(axes.yaxis)
    elif head.startswith("Dead"):
        axes.set_ylim(-3, 103)
    else:
        axes.set_ylim(bottom=0 if min(map(min, lines.values())) >= 0 else None)
    if len(lines) > _style.MOST_NAMES:
        _style.legend_beside(axes, theme)
    elif len(lines) > 1:
        _style.label_ends(axes, ends, theme)


def _draw_ratios(axes, steps, ratios, layer, theme):
    """Draw the median of a layer's ratios in two bands, and the rule of thumb."""
    _style.dress(axes, theme, "", "|update| / |weight|", "step")
    axes.set_title(layer, loc="left", fontsize=LABEL * POINT, weight="bold", pad=25 * POINT)
    for low, high, alpha in BANDS:
        edges = _quantiles(ratios, (low, high))
        axes.fill_between(steps, *edges, color=BLUE[theme], alpha=alpha, linewidth=0)
    axes.plot(steps, *_quantiles(ratios, (0.5,)), color=BLUE[theme], linewidth=CURVE)
    axes.axhline(RULE_OF_THUMB, color=page(theme)["ink"], linestyle=":", label="rule of thumb")
    axes.set_yscale("log")
    axes.set_ylim(RATIO_LIMITS)
    _style.say_decades(axes.yaxis)
    axes.locator_params(axis="x", nbins=4)


def _quantiles(ratios, probabilities):
    """Lines (probabilities, records), not interpolated: ratios may be infinite."""
    lines = [np.quantile(record, probabilities, method="inverted_cdf") for record in ratios]
    return np.transpose(lines)
