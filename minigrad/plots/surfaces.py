"""Surfaces, the paths on which optimizers descend them, and both in motion."""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from minigrad.plots._style import import_matplotlib, label, line_style, marker, new_figure
from minigrad.utils.files import replacing

SMALLEST = 1e-12  # above the smallest value; values below are drawn there


def draw_surface(surface, paths=()):
    """Draw a surface in three dimensions, with paths on it.

    Parameters
    ----------
    surface : minigrad.lab.Surface
    paths : sequence of minigrad.lab.Descent

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(760, 600)
    _surface(figure.add_subplot(projection="3d"), surface, paths)
    return _titled(figure, surface)


def draw_contours(surface, paths=()):
    """Draw a surface as a map, with paths on it; arguments and result as for `draw_surface`."""
    figure = new_figure(760, 600)
    _contours(figure.add_subplot(), surface, paths)
    return _titled(figure, surface)


def draw_values(surface, paths):
    """Draw value against step for each path; arguments and result as for `draw_surface`."""
    figure = new_figure(760, 500)
    _values(figure.add_subplot(), surface, paths)
    return _titled(figure, surface)


def draw_descent(surface, paths):
    """Draw all three: the surface, its map and the values; arguments as for `draw_surface`."""
    figure = new_figure(1700, 650)
    _surface(figure.add_subplot(1, 3, 1, projection="3d"), surface, paths)
    _contours(figure.add_subplot(1, 3, 2), surface, paths)
    _values(figure.add_subplot(1, 3, 3), surface, paths)
    figure.get_layout_engine().set(w_pad=0.1)
    return _titled(figure, surface)


def animate_descent(surface, paths, frames=36):
    """Animate the paths on the map, next to their values; arguments as for `draw_surface`.

    Returns
    -------
    matplotlib.animation.FuncAnimation
        For `save_animation`; in a notebook, `HTML(animation.to_jshtml())` of IPython plays it.
    """
    matplotlib = import_matplotlib()
    figure = new_figure(960, 480)
    figure.set_dpi(80)  # files of a few megabytes
    map_axes, values_axes = figure.subplots(1, 2)
    moving = [
        *_contours(map_axes, surface, paths),
        *_values(values_axes, surface, paths),
    ]
    _titled(figure, surface)
    whole = [line.get_data() for line in moving]
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once: the axes must not jump between frames
    last = max(len(path.values) for path in paths) - 1

    def draw(step):
        for line, (x, y) in zip(moving, whole, strict=True):
            line.set_data(x[: step + 1], y[: step + 1])
        map_axes.set_title(f"step {step}")
        return moving

    steps = np.linspace(0, last, frames).round().astype(int)
    pause = [last] * (frames // 6)
    return matplotlib.animation.FuncAnimation(figure, draw, [*steps, *pause])


def save_animation(animation, path, frames_per_second=12):
    """Write an animation into a .gif or .html file, which appears whole or not at all."""
    ending = Path(path).suffix
    if ending not in {".gif", ".html"}:
        raise ValueError(f"save_animation: expected a path in .gif or .html, got {str(path)!r}")
    with replacing(path) as temporary:
        if ending == ".html":
            page = animation.to_jshtml(fps=frames_per_second)
            temporary.write_text(page, encoding="utf-8")
        else:
            writer = import_matplotlib().animation.PillowWriter(fps=frames_per_second)
            with tempfile.TemporaryDirectory() as folder:  # Pillow wants a name in .gif
                animation.save(f"{folder}/animation.gif", writer=writer)
                shutil.copyfile(f"{folder}/animation.gif", temporary)


# --- the three parts of a picture ----------------------------------------------------------------


def _surface(axes, surface, paths):
    x, y, z = surface.grid(points=101)
    scale = _Scale(surface, z)
    axes.computed_zorder = False  # else the surface hides the paths, and not only behind hills
    axes.plot_surface(
        x, y, scale.height(z), cmap=_ground(), rcount=50, ccount=50, edgecolor="0.6", linewidth=0.2
    )
    for index, path in enumerate(paths):
        seen = np.where(_is_inside(surface, path), scale.height(path.values), np.nan)
        _line(axes, index, *path.positions.T, seen, label=_legend(surface, path))
    for x, y, look in _marks(surface, paths):
        axes.plot(x, y, scale.height(surface.values(x, y)), **look)
    axes.set(xlabel="x", ylabel="y", xlim=surface.x_range, ylim=surface.y_range)
    ticks = scale.ticks[2:] if scale.is_wide else scale.ticks  # the others are on the flat floor
    axes.set_zticks(scale.height(ticks), [f"{tick:g}" for tick in ticks])
    axes.set_zlabel("f(x, y)")
    for axis in (axes.xaxis, axes.yaxis):  # their outermost ticks would meet in the corner
        axis.get_major_locator().set_params(nbins=6, prune="both")
    axes.view_init(elev=55, azim=-60)
    # Before matplotlib 3.11 only a drawing gives the tick labels the places that a layout needs.
    axes.figure.set_layout_engine("none")
    axes.figure.draw_without_rendering()
    axes.figure.set_layout_engine("constrained")


def _contours(axes, surface, paths):
    x, y, z = surface.grid()
    scale = _Scale(surface, z)
    norm = import_matplotlib().colors.BoundaryNorm(scale.levels, 256, extend="both")
    ground = axes.contourf(x, y, z, scale.levels, cmap=_ground(), norm=norm, extend="both")
    axes.contour(x, y, z, scale.levels, colors="0.55", linewidths=0.5, linestyles="solid")
    bar = axes.figure.colorbar(ground, ax=axes, ticks=scale.ticks, format="%g")
    bar.ax.set_title("f(x, y)")
    lines = [
        _line(axes, index, *path.positions.T, label=_legend(surface, path))
        for index, path in enumerate(paths)
    ]
    for x, y, look in _marks(surface, paths):
        axes.plot(x, y, **look)
    axes.set(xlabel="x", ylabel="y", xlim=surface.x_range, ylim=surface.y_range)
    return lines


def _values(axes, surface, paths):
    _, _, z = surface.grid(points=101)
    z = _finite(surface, z)
    far = z.max() + 1000 * np.ptp(z)  # where curves that diverge end
    curves = [np.where(path.values < far, path.values, np.nan) for path in paths]
    title, ylabel = "", "f(x, y)"
    if surface.lowest is not None:
        curves = [curve - surface.lowest for curve in curves]
        if any((curve < SMALLEST).any() for curve in curves):
            title = f"what is below {SMALLEST:g} is drawn there"
        curves = [np.maximum(curve, SMALLEST) for curve in curves]
        ylabel = f"f(x, y) above its smallest value, {surface.lowest:g}"
        axes.set_yscale("log")
    label(axes, title, "step", ylabel)
    return [
        _line(axes, index, np.arange(len(curve)), curve, label=_legend(surface, path))
        for index, (path, curve) in enumerate(zip(paths, curves, strict=True))
    ]


class _Scale:
    """How values become heights and contour lines: evenly, or by powers of ten if they vary much.

    Attributes
    ----------
    levels : array
        Of the contour lines; three to each power of ten if the values vary much.
    ticks : array
        The levels that label an axis.
    """

    def __init__(self, surface, z):
        z = _finite(surface, z)
        self.floor = z.min() if surface.lowest is None else surface.lowest
        spread = z.max() - self.floor
        self.is_wide = np.median(z) - self.floor < spread / 5
        if self.is_wide:
            decade = np.floor(np.log10(spread))
            powers = decade + np.arange(-12, 3) / 3
            self.levels = self.floor + 10.0 ** powers[powers < np.log10(spread)]
            self.ticks = self.levels[::3]
        else:
            ticker = import_matplotlib().ticker
            self.levels = ticker.MaxNLocator(14).tick_values(self.floor, z.max())
            ticks = ticker.MaxNLocator(5).tick_values(self.floor, z.max())
            self.ticks = ticks[(ticks >= self.floor) & (ticks <= z.max())]

    def height(self, values):
        """Return the drawn heights of these values: a logarithm that ends in a flat floor."""
        if not self.is_wide:
            return values
        flat = self.levels[6] - self.floor  # two of its four powers of ten
        return np.log10(np.maximum(values - self.floor, 0) + flat)


def _finite(surface, z):
    """Return the finite values of a surface; ValueError if there are none to draw."""
    values = z[np.isfinite(z)]
    if values.size == 0:
        raise ValueError(
            f"{surface.title}: expected a finite value for x in {surface.x_range} and "
            f"y in {surface.y_range}, got none"
        )
    return values


def _ground():
    """Return a colormap of pale greys: colors belong to the paths."""
    matplotlib = import_matplotlib()
    greys = matplotlib.colormaps["Greys"](np.linspace(0.02, 0.5, 256))
    return matplotlib.colors.ListedColormap(greys)


def _line(axes, index, *coordinates, label):
    """Draw one path with a white rim, and its marker at the end; return the line."""
    from matplotlib.patheffects import withStroke

    (line,) = axes.plot(
        *coordinates, **line_style(index), marker=marker(index), markevery=[-1], label=label,
        path_effects=[withStroke(linewidth=3, foreground="white")],
        in_layout=False,  # a path that leaves the axes takes no room from them
    )  # fmt: skip
    return line


def _marks(surface, paths):
    """Yield x, y and looks of the points to mark: where the paths begin, and the known minima."""
    marks = {
        "start": ("X", [path.positions[0] for path in paths]),
        "minimum": ("*", surface.minima),
    }
    for name, (shape, points) in marks.items():
        if len(points) > 0:
            yield *np.transpose(points), {
                "label": name, "marker": shape, "linestyle": "", "markersize": 10,
                "markerfacecolor": "white", "markeredgecolor": "black", "in_layout": False,
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


def _titled(figure, surface):
    """Write the function's name above a figure, and one legend for all of it below."""
    figure.suptitle(f"{surface.title}: f(x, y) = {surface.formula}")
    lines, labels = figure.axes[0].get_legend_handles_labels()
    if lines:
        figure.legend(
            lines, labels, loc="outside lower center", ncols=4, frameon=False, handlelength=4
        )
    return figure
