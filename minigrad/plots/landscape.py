"""The loss around a network's weights, and the loss while the learning rate grows."""

import numpy as np

from minigrad.plots._style import (
    CURVE,
    LABEL,
    PATH,
    POINT,
    THIN,
    TICK,
    axes_for,
    dress,
    import_matplotlib,
    look,
    page,
    ramp,
    rim,
    say_decades,
)

LEVELS = 14


def draw_landscape(landscape, rule=None, ax=None, theme="light"):
    """Draw the loss on a plane through the weights as a map, with the path that led there.

    Contours follow the logarithm of the loss, and the lowest is as light as the page. Both axes
    have the same scale.

    Parameters
    ----------
    landscape : minigrad.lab.Landscape
    rule : str, optional
        The optimizer whose colour the path has, such as "Adam". Default: ink.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a figure of its own.
    theme : {"light", "dark"}

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the loss is nowhere finite and above 0, so that it has no logarithm.
    """
    losses = np.ma.masked_invalid(landscape.losses)
    losses = np.ma.masked_less_equal(losses, 0)
    if losses.count() == 0:
        raise ValueError("draw_landscape: expected a loss that is finite and above 0, got none")
    import_matplotlib()
    axes = axes_for("draw_landscape", ax, 560, 540, theme)
    unit = "random directions" if landscape.kind == "random" else ""
    labels = ["first direction", "second direction"]
    if landscape.explained is not None:
        first, second = 100 * landscape.explained
        plane = "a random plane" if unit else "this plane"
        unit = f"{plane} holds {first + second:.0f} % of the path's variance"
        if landscape.kind == "path":
            labels = [
                f"{place} component: {share:.0f} %"
                for place, share in (("first", first), ("second", second))
            ]
    title = landscape.title[:1].upper() + landscape.title[1:]
    dress(axes, theme, title, unit, labels[0], grid=False)
    colors = page(theme)
    axes.set_ylabel(labels[1], color=colors["ink"], fontsize=LABEL * POINT)
    low, high = float(losses.min()), float(losses.max())
    levels = np.geomspace(low, high, LEVELS) if high > low else np.array([low, 2 * low])
    heights = np.log(losses)
    place = landscape.a, landscape.b, heights
    axes.contourf(*place, np.log(levels), cmap=ramp("ground", theme), extend="both")
    lines = axes.contour(
        *place, np.log(levels), colors=colors["contour"], linewidths=0.4, linestyles="solid"
    )
    numbers = {height: f"{np.exp(height):.2g}" for height in lines.levels}
    for text in axes.clabel(lines, lines.levels[1::3], fmt=numbers, fontsize=TICK * POINT):
        text.set(color=colors["grey"], path_effects=rim(theme, 1))
        if landscape.path is not None:
            away = np.hypot(*(landscape.path - text.get_position()).T).min()
            text.set_visible(away > 0.05 * np.ptp(landscape.a))  # not on the path
    if landscape.path is not None and landscape.explained.sum() > 0.01:
        style = look(rule or "", theme)
        stroke = {"color": style["color"], "linewidth": PATH, "path_effects": rim(theme)}
        axes.plot(*landscape.path.T, linestyle="-", **stroke)
        ends = {"start": landscape.path[0], f"step {landscape.steps[-1]}": landscape.path[-1]}
        side = np.where(landscape.path[0] < landscape.path[-1], -1, 1)  # away from each other
        for sign, (name, end) in zip((1, -1), ends.items(), strict=True):
            axes.plot(*end, style["marker"], color=style["color"], path_effects=rim(theme, 1))
            axes.annotate(
                name, end, (sign * side[0] * 9, sign * side[1] * 9), textcoords="offset points",
                ha="left" if sign * side[0] > 0 else "right", va="center", color=colors["ink"],
                fontsize=LABEL * POINT, path_effects=rim(theme, 1),
            )  # fmt: skip
    else:  # on a plane that holds nothing of the path all its points lie on each other
        axes.plot(0, 0, "X", color=colors["ink"], path_effects=rim(theme, 1))
        style = {"textcoords": "offset points", "fontsize": LABEL * POINT, "va": "center"}
        words = {"color": colors["ink"], "path_effects": rim(theme, 1)}
        axes.annotate("the weights", (0, 0), (9, 0), **style, **words)
    ends = landscape.a[[0, -1]], landscape.b[[0, -1]]
    axes.set(xlim=ends[0], ylim=ends[1], aspect="equal")
    return axes.figure


def draw_range_test(test, ax=None, theme="light"):
    """Draw the loss while the learning rate grew, and where the suggestion comes from.

    Parameters
    ----------
    test : minigrad.lab.RangeTest
    ax, theme
        As for `draw_landscape`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    axes = axes_for("draw_range_test", ax, 760, 340, theme)
    colors, style = page(theme), look(test.optimizer, theme)
    unit = f"loss of each batch (grey) and its moving average; {len(test.rates)} steps"
    dress(axes, theme, f"{test.optimizer}: the rate grows with each step", unit, "learning rate")
    axes.plot(test.rates, test.losses, color=colors["contour"], linewidth=THIN)
    axes.plot(test.rates, test.smoothed, color=style["color"], linewidth=CURVE)
    axes.set_xscale("log")
    say_decades(axes.xaxis)
    top = max(1.3 * test.losses[0], 1.1 * test.smoothed[0])
    axes.set_ylim(min(0, test.smoothed.min()), top)
    words = {"va": "top", "fontsize": LABEL * POINT, "path_effects": rim(theme, 1)}
    for rate, text, ha in (
        (test.suggestion, f"suggestion {test.suggestion:.2g} ", "right"),
        (test.lowest, f" lowest at {test.lowest:.2g}", "left"),
    ):
        axes.axvline(rate, color=colors["grey"], linewidth=THIN, linestyle=(0, (4, 2)))
        across = axes.get_xaxis_transform()
        axes.text(rate, 0.16, text, transform=across, ha=ha, color=colors["ink"], **words)
    return axes.figure
