"""Surfaces, the paths on which optimizers descend them, and both in motion."""

import re
import shutil
import tempfile
from pathlib import Path

import numpy as np

from minigrad.plots import _style
from minigrad.plots._style import DPI, LABEL, PATH, POINT, import_matplotlib, page
from minigrad.utils.files import replacing

SMALLEST = 1e-12  # above the smallest value; values below are drawn there
FLOOR_3D = 0.1  # of the highest tint: a bowl keeps its shape
SYMBOLS = {  # on the player's buttons, for the icons that matplotlib's page takes from another host
    "minus": "−", "fast-backward": "|◀", "step-backward": "‹", "play fa-flip-horizontal": "◀",
    "pause": "||", "play": "▶", "step-forward": "›", "fast-forward": "▶|", "plus": "+",
}  # fmt: skip


def draw_surface(surface, paths=(), ax=None, theme="light"):
    """Draw a surface in three dimensions, with paths on it.

    Heights are logarithms above the lowest point, which end in a flat floor.

    Parameters
    ----------
    surface : minigrad.lab.Surface
    paths : sequence of minigrad.lab.Descent
    ax : matplotlib.axes.Axes, optional
        Draw there, here with ``projection="3d"``, instead of in a new figure of 760 pixels.
    theme : {"light", "dark"}
        The page's.

    Returns
    -------
    matplotlib.figure.Figure
        That of `ax`, if it is given.

    Raises
    ------
    ValueError
        If the surface has no finite value, or `ax` or `theme` is something else.
    """
    if ax is None:
        ax = _style.new_figure(760, 520, theme).add_subplot(projection="3d")
    (axes,) = _style.check_axes(ax, "draw_surface", "3d")
    _surface(axes, surface, paths, theme)
    if paths:
        _style.legend_beside(axes, theme, room=0.12)
    return axes.figure


def draw_contours(surface, paths=(), ax=None, theme="light"):
    """Draw a surface as a map, with paths on it; arguments and result as for `draw_surface`.

    The surface's window is made wider, or higher, until it fills the frame: a circle is a circle.
    """
    (axes,) = _panels(ax, [1], 560, "draw_contours", theme)
    _contours(axes, surface, paths, theme)
    return axes.figure


def draw_values(surface, paths, ax=None, theme="light"):
    """Draw value against step for each path; arguments and result as for `draw_surface`."""
    (axes,) = _panels(ax, [1], 400, "draw_values", theme)
    _values(axes, surface, paths, theme)
    return axes.figure


def draw_descent(surface, paths, ax=None, theme="light"):
    """Draw all three below each other: the surface, its map and the values.

    Arguments and result are those of `draw_surface`; `ax` are three axes, the first in 3d.
    """
    if ax is None:
        figure = _style.new_figure(760, 1240, theme)
        grid = figure.add_gridspec(3, 1, height_ratios=[4, 5, 3.4])
        ax = [
            figure.add_subplot(grid[0], projection="3d"),
            *map(figure.add_subplot, (grid[1], grid[2])),
        ]
    above, seen, values = _style.check_axes(ax, "draw_descent", "3d", "flat", "flat")
    draw_surface(surface, paths, above, theme)
    _values(values, surface, paths, theme, short=True)
    _contours(seen, surface, paths, theme, short=True)  # last: its names need the final layout
    return values.figure


def animate_descent(surface, paths, frames=36, ax=None, theme="light"):
    """Animate the paths on the map, above their values; arguments as for `draw_surface`.

    `ax` are two axes; `frames` is how many pictures there are.

    Returns
    -------
    matplotlib.animation.FuncAnimation
        For `save_animation`; in a notebook, IPython's `HTML(filename="paths.html")` plays the file.
    """
    matplotlib = import_matplotlib()
    map_axes, values_axes = _panels(ax, [3, 2], 700, "animate_descent", theme)
    figure = map_axes.figure
    moving = _values(values_axes, surface, paths, theme)
    moving += _contours(map_axes, surface, paths, theme)
    whole = [line.get_data() for line in moving]
    place = {"xytext": (0, 7 * POINT), "textcoords": "offset points", "ha": "right"}
    style = {"color": page(theme)["grey"], "fontsize": LABEL * POINT}
    clock = values_axes.annotate("", (1, 1), xycoords="axes fraction", **place, **style)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once: the axes must not jump between frames
    last = max(len(path.values) for path in paths) - 1

    def draw(step):
        for line, (x, y) in zip(moving, whole, strict=True):
            line.set_data(x[: step + 1], y[: step + 1])
        clock.set_text(f"step {step}")
        return moving

    steps = np.linspace(0, last, frames).round().astype(int)
    pause = [last] * (frames // 6)
    return matplotlib.animation.FuncAnimation(figure, draw, [*steps, *pause])


def save_animation(animation, path, frames_per_second=12):
    """Write an animation into a .gif or .html file, which appears whole or not at all.

    The page holds all it needs: it plays without a network.

    Raises
    ------
    ValueError
        If the path has another ending.
    """
    ending = Path(path).suffix
    if ending not in {".gif", ".html"}:
        raise ValueError(f"save_animation: expected a path in .gif or .html, got {str(path)!r}")
    with replacing(path) as temporary:
        if ending == ".html":
            page = _alone(animation.to_jshtml(fps=frames_per_second))
            temporary.write_text(page, encoding="utf-8")
        else:
            writer = import_matplotlib().animation.PillowWriter(fps=frames_per_second)
            with tempfile.TemporaryDirectory() as folder:  # Pillow wants a name in .gif
                animation.save(f"{folder}/animation.gif", writer=writer, dpi=DPI)
                shutil.copyfile(f"{folder}/animation.gif", temporary)


def _alone(page):
    """Return matplotlib's page with signs in place of the icons of another host."""

    def symbol(icon):
        return f"<span>{SYMBOLS.get(icon[1], '•')}</span>"

    page = re.sub(r'<i class="fa fa-([\w -]+)"></i>', symbol, page)
    return re.sub(r"<link\b[^>]*>\s*", "", page)


# --- the three parts of a picture ----------------------------------------------------------------


def _panels(ax, heights, height, who, theme):
    """Return the given axes, or those of a new figure, below each other."""
    if ax is None:
        figure = _style.new_figure(760, height, theme)
        ax = figure.subplots(len(heights), 1, height_ratios=heights)
    return _style.check_axes(ax, who, *["flat"] * len(heights))


def _head(surface):
    return surface.title, f"f(x, y) = {surface.formula}"


def _surface(axes, surface, paths, theme):
    colors = page(theme)
    x, y, z = surface.grid(points=101)
    axes.set_anchor("W")
    height, _ = _style.scale(surface, z, floor=max(surface.floor, FLOOR_3D))
    _style.dress(axes, theme, *_head(surface), xlabel="x", grid=False)
    axes.computed_zorder = False  # else the surface hides the paths, and not only behind hills
    axes.plot_surface(
        x, y, height(z), cmap=_style.ramp("ground", theme), rcount=50, ccount=50,
        edgecolor=colors["contour"], linewidth=0.15,
    )  # fmt: skip
    looks = _style.looks([path.rule for path in paths], theme)
    for path, look in zip(paths, looks, strict=True):
        seen = np.where(_is_inside(surface, path), height(path.values), np.nan)
        _line(axes, look, theme, *path.positions.T, seen, label=_legend(surface, path))
    for name, points in _marks(surface, paths):
        x, y = points.T
        axes.plot(x, y, height(surface.values(x, y)), **_mark(name, theme))
    axes.set_ylabel("y", color=colors["ink"], fontsize=LABEL * POINT)
    axes.set(xlim=surface.x_range, ylim=surface.y_range)
    ticks = _ticks(surface, z)
    axes.set_zticks(height(ticks), [_say(tick) for tick in ticks])
    sides = np.ptp([surface.x_range, surface.y_range], axis=1)
    axes.set_box_aspect((*sides, 0.55 * sides.max()), zoom=1.1)  # x and y have one scale
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color(colors["page"])
        axis.line.set_color(colors["grey"])
    for axis in (axes.xaxis, axes.yaxis):  # their outermost ticks would meet in the corner
        axis.get_major_locator().set_params(nbins=6, prune="both")
    axes.view_init(elev=50, azim=-60)
    # Before matplotlib 3.11 only a drawing gives the tick labels the places that a layout needs.
    engine = axes.figure.get_layout_engine()
    axes.figure.set_layout_engine("none")
    axes.figure.draw_without_rendering()
    axes.figure.set_layout_engine(engine)


def _contours(axes, surface, paths, theme, short=False):
    seen = "Seen from above", "tints and contours: equal steps of the logarithm of the height"
    head = seen if short else _head(surface)
    _style.dress(axes, theme, *head, xlabel="x", grid=False)
    axes.locator_params(nbins=6)
    axes.set_ylabel("y", rotation=0, color=page(theme)["ink"], fontsize=LABEL * POINT)
    axes.spines[:].set_visible(False)
    looks = _style.looks([path.rule for path in paths], theme)
    lines = [
        _line(axes, look, theme, *path.positions.T, label=_legend(surface, path))
        for path, look in zip(paths, looks, strict=True)
    ]
    marks = list(_marks(surface, paths))
    for name, points in marks:
        axes.plot(*points.T, **_mark(name, theme))
    many = len(paths) > _style.MOST_NAMES
    if many:
        _style.legend_beside(axes, theme)
    _style.ground(axes, surface, *_window(axes, surface), theme)
    ink = page(theme)["ink"]
    names = [(name, np.array(points[:1]), ink) for name, points in marks]
    names += [
        (path.name if short else _legend(surface, path), path.positions, look["color"])
        for path, look in zip(paths, looks, strict=True)
        if not many
    ]
    _style.label_paths(axes, names, theme)
    return lines


def _values(axes, surface, paths, theme, short=False):
    _, _, z = surface.grid(points=101)
    _style.scale(surface, z)  # an error if nothing is finite
    z = z[np.isfinite(z)]
    far = z.max() + 1000 * np.ptp(z)  # where curves that diverge end
    curves = [np.where(path.values < far, path.values, np.nan) for path in paths]
    title, unit = "The value after each step", "f(x, y)"
    if surface.lowest is not None:
        curves = [curve - surface.lowest for curve in curves]
        title = "Height after each step"
        unit = f"f(x, y) above its smallest value, {_say(surface.lowest)}"
        if any((curve < SMALLEST).any() for curve in curves):
            unit += f"; what is below {SMALLEST:g} is drawn there"
        curves = [np.maximum(curve, SMALLEST) for curve in curves]
        axes.set_yscale("log")
    axes.margins(x=0.02)
    _style.dress(axes, theme, title, unit, "step")
    looks = _style.looks([path.rule for path in paths], theme)
    lines = [
        _line(axes, look, theme, np.arange(len(curve)), curve, label=_legend(surface, path))
        for look, path, curve in zip(looks, paths, curves, strict=True)
    ]
    if surface.lowest is not None:
        _style.say_decades(axes.yaxis)
    ends = [max(np.flatnonzero(np.isfinite(curve)), default=0) for curve in curves]
    heights = [curve[end] for curve, end in zip(curves, ends, strict=True)]
    if len(paths) > _style.MOST_NAMES:
        _style.legend_beside(axes, theme, heights)
        return lines
    places = zip(paths, ends, heights, looks, strict=True)
    names = [
        (path.name if short else _legend(surface, path), x, y, look["color"])
        for path, x, y, look in places
    ]
    _style.label_ends(axes, names, theme)
    return lines


def _window(axes, surface):
    """Return the surface's window, made wider or higher until it has the shape of the axes."""
    axes.set(xlim=surface.x_range, ylim=surface.y_range)
    axes.figure.draw_without_rendering()
    sides = np.ptp([surface.x_range, surface.y_range], axis=1)
    frame = np.array(axes.bbox.size)
    larger = frame * (sides / frame).max()
    middle = np.mean([surface.x_range, surface.y_range], axis=1)
    return np.stack([middle - larger / 2, middle + larger / 2], axis=1)


def _ticks(surface, z):
    """Return values for the axis of heights: powers of ten that lie apart on it, and the lowest."""
    lowest = z[np.isfinite(z)].min() if surface.lowest is None else surface.lowest
    spread = z[np.isfinite(z)].max() - lowest
    decade = np.floor(np.log10(spread)) if spread > 0 else 0
    return lowest + np.array([0, 10 ** (decade - 1), 10**decade])


def _say(value):
    return f"{round(value, 9) + 0.0:.4g}".replace("-", "−")


def _line(axes, look, theme, *coordinates, label):
    """Draw one path with a rim of the page's color, and its marker at the end; return the line."""
    (line,) = axes.plot(
        *coordinates, **look, markevery=[-1], label=label, linewidth=PATH,
        path_effects=_style.rim(theme),
        in_layout=False,  # a path that leaves the axes takes no room from them
    )  # fmt: skip
    return line


def _marks(surface, paths):
    """Yield names and points (n, 2) to mark: where the paths begin, and the known minima."""
    if len(paths):
        yield "start", np.array([path.positions[0] for path in paths], float)
    if len(surface.minima):
        yield "minimum", np.array(surface.minima, float)


def _mark(name, theme):
    """Return the look of a mark."""
    colors = page(theme)
    return {
        "marker": {"start": "X", "minimum": "*"}[name], "linestyle": "", "markersize": 9,
        "markerfacecolor": colors["page"], "markeredgecolor": colors["ink"], "in_layout": False,
        "zorder": 9, "label": name,
    }  # fmt: skip


def _is_inside(surface, path):
    """Return which points of a path the picture shows, array (steps + 1) of bool."""
    low, high = np.transpose([surface.x_range, surface.y_range])
    return ((low <= path.positions) & (path.positions <= high)).all(axis=1)


def _legend(surface, path):
    """Return a path's label, with what the picture cannot show."""
    if path.diverged:
        return f"{path.label}: diverges"
    return path.label if _is_inside(surface, path).all() else f"{path.label}: leaves the map"
