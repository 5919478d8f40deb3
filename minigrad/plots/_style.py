"""The look of all pictures: colours and strokes by optimizer, pages, figures, names, files.

An optimizer has one colour, one stroke and one marker in every picture, found by its name. Hue and
marker tell its family; lightness and stroke tell which member it is. Each colour exists for a light
and for a dark page.

Sizes are in CSS pixels. A file has two dots to a pixel.

Nothing here, or in any other file of `plots`, changes matplotlib's global state: figures are made
without pyplot. No window opens, no figure stays in memory, and no setting changes.
"""

from pathlib import Path

import numpy as np

from minigrad.utils.files import replacing

# `rim` lifts a line from the ground below it; `ground` are the tints of low and high.
THEMES = {
    "light": {
        "page": "#ffffff", "ink": "#1b1f24", "grey": "#59636e", "grid": "#e4e7eb",
        "ground": ("#ffffff", "#c3cfdc"), "contour": "#93a3b5", "forward": "#1b1f24",
        "backward": "#d43500", "highlight": "#fff1d6",
    },
    "dark": {
        "page": "#131416", "ink": "#e8eaed", "grey": "#9ba5b0", "grid": "#2b3036",
        "ground": ("#131619", "#3d4957"), "contour": "#566373", "forward": "#e8eaed",
        "backward": "#f3711c", "highlight": "#3a2e16",
    },
}  # fmt: skip

# Strokes, the second channel: within a family, and in prints in grey, they tell lines apart.
SOLID, DASHED, DOTTED = "-", (0, (4.5, 1.5)), (0, (1.5, 1))
DASH_DOT, LONG = (0, (5, 1.4, 1.2, 1.4)), (0, (10, 2))
DASH_DOT_DOT = (0, (5, 1.2, 1.2, 1.2, 1.2, 1.2))
OTHERS = (DASHED, DOTTED, DASH_DOT, LONG)  # of rules that are not below, in ink

FULL, HOLLOW = True, False
# Family, light, dark, stroke, marker: chosen so that eyes without red, green or blue cones tell
# neighbours apart, too; tests/plots/test_style.py says how well.
OPTIMIZERS = {
    "SGD": ("gradient", "#005d8f", "#55bbff", SOLID, FULL),
    "momentum": ("gradient", "#002853", "#7783ff", DASHED, HOLLOW),
    "Nesterov": ("gradient", "#4397bc", "#aac7e3", DASH_DOT, FULL),
    "Adagrad": ("scaled", "#008479", "#3dd2b6", DASH_DOT_DOT, FULL),
    "RMSprop": ("scaled", "#00574f", "#409d74", DOTTED, HOLLOW),
    "Adadelta": ("scaled", "#269464", "#afe659", LONG, FULL),
    "Adam": ("adam", "#d43500", "#f3711c", SOLID, FULL),
    "AdamW": ("adam", "#9a001d", "#c45138", DASHED, HOLLOW),
    "Nadam": ("adam", "#db6b00", "#ffcba9", DASH_DOT, FULL),
    "Adamax": ("adam", "#6b1f27", "#ffe4dc", LONG, HOLLOW),
    "AMSGrad": ("adam", "#c47570", "#f6949e", DOTTED, FULL),
    "AdaBelief": ("adam", "#82543d", "#c8754e", DASH_DOT_DOT, HOLLOW),
    "Lion": ("sign", "#a23ef2", "#b466b2", LONG, FULL),
    "Muon": ("matrix", "#7a753b", "#bfaa5f", SOLID, FULL),
    "Adafactor": ("matrix", "#a09148", "#ffec97", DASHED, HOLLOW),
}
MARKERS = {"gradient": "o", "scaled": "^", "adam": "s", "sign": "D", "matrix": "P"}

# Ramps. Sequential: lightness changes evenly. Diverging: blue < 0 < orange; 0 is the page, so that
# a weight of 0 disappears.
_SEQUENTIAL = ("#f7fbfa", "#cfe5e1", "#97c6c4", "#5aa2ab", "#2f7c92", "#1b5577", "#14305a")
RAMPS = {
    "light": {
        "ground": THEMES["light"]["ground"],
        "sequential": _SEQUENTIAL,
        "diverging": (
            "#0b3c73", "#3f7fb8", "#a3c6e2", "#ffffff", "#f3bd8d", "#cf6f1f", "#7c3300",
        ),
    },
    "dark": {
        "ground": THEMES["dark"]["ground"],
        "sequential": _SEQUENTIAL[::-1],
        "diverging": (
            "#a9d4ff", "#4d95d6", "#25527f", "#131416", "#84451a", "#e0843a", "#ffd0a3",
        ),
    },
}  # fmt: skip

POINT = 0.72  # points in a pixel, at 100 dots per inch
DPI = 100
TITLE, LABEL, TICK = 15, 13, 11.5  # sizes of type; nothing is smaller than 11
PATH, CURVE, THIN, RIM, MARKER = 2.2, 1.8, 0.8, 2.0, 6.5  # widths of lines in points; a marker
MOST_NAMES = 8  # that stand at their lines; more become a legend

PIP_COMMAND = "pip install matplotlib"


# --- colours and strokes -------------------------------------------------------------------------


def page(theme):
    """Return a theme's colours, {"page": ..., "ink": ..., ...}."""
    if theme not in THEMES:
        raise ValueError(f"theme: expected 'light' or 'dark', got {theme!r}")
    return THEMES[theme]


def look(name, theme="light", nth=0):
    """Return the keywords for `axes.plot` of an optimizer's line and marker.

    Parameters
    ----------
    name : str
        As pictures write it, in any case: "SGD", "momentum", "Nesterov", "Adam", "AMSGrad", ...
        Another name, such as that of a rule of your own, is drawn in ink.
    theme : {"light", "dark"}
    nth : int
        How many lines of that rule, or of other names, stand in the picture already: the next one
        has another stroke.
    """
    ink = page(theme)["ink"]
    found = OPTIMIZERS.get({known.lower(): known for known in OPTIMIZERS}.get(str(name).lower()))
    if found is None:
        color, marker, strokes, full = ink, "X", OTHERS, nth // len(OTHERS) % 2 == 0
    else:
        family, light, dark, stroke, full = found
        color, marker = light if theme == "light" else dark, MARKERS[family]
        strokes = [stroke, *(other for other in (SOLID, *OTHERS) if other != stroke)]
        full ^= nth % 2 == 1
    return {
        "color": color, "linestyle": strokes[nth % len(strokes)], "marker": marker,
        "markerfacecolor": color if full else page(theme)["page"], "markeredgecolor": color,
        "markersize": MARKER,
    }  # fmt: skip


def looks(names, theme="light"):
    """Return the look of each name, in order: a rule that comes again has another stroke."""
    found, seen = [], {}
    known = {name.lower() for name in OPTIMIZERS}
    for name in names:
        rule = str(name).lower() if str(name).lower() in known else None
        found.append(look(name, theme, seen.setdefault(rule, 0)))
        seen[rule] += 1
    return found


def readable(name, theme="light", ratio=4.5):
    """Return an optimizer's colour, or one given as "#rrggbb", nearer to ink if it must be.

    Words in it then have at least this contrast with the page (WCAG 2's ratio, 1 to 21).
    """
    color = name if str(name).startswith("#") else look(name, theme)["color"]
    color, ink, paper = map(_rgb, (color, page(theme)["ink"], page(theme)["page"]))
    for share in np.linspace(0, 1, 41):
        mixed = (1 - share) * color + share * ink
        if contrast(mixed, paper) >= ratio:
            break
    return hex_of(mixed)


def hex_of(rgb):
    """Return red, green and blue from 0 to 1 as "#rrggbb"."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb[:3])


def contrast(one, other):
    """Return WCAG 2's contrast of two colours, arrays of red, green, blue from 0 to 1."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(rgb):
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def _rgb(code):
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def ramp(kind, theme="light"):
    """Return the colormap "ground" (under paths), "sequential" or "diverging"."""
    colors = import_matplotlib().colors
    page(theme)
    return colors.LinearSegmentedColormap.from_list(kind, RAMPS[theme][kind])


def rim(theme="light", width=PATH):
    """Return the path effect that lifts a line of this width, or a word, from what is below."""
    import_matplotlib()
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width + RIM, foreground=page(theme)["page"])]


# --- figures and axes ----------------------------------------------------------------------------


def import_matplotlib():
    """Return the module matplotlib, or raise an ImportError that says how to install it."""
    try:
        import matplotlib
        import matplotlib.animation
        import matplotlib.figure
    except ImportError as error:
        raise ImportError(f"pictures need matplotlib: {PIP_COMMAND}") from error
    return matplotlib


def new_figure(width=760, height=420, theme="light", layout="constrained"):
    """Return an empty matplotlib Figure, its size in pixels."""
    Figure = import_matplotlib().figure.Figure
    size = width / DPI, height / DPI
    return Figure(figsize=size, dpi=DPI, layout=layout, facecolor=page(theme)["page"])


def check_axes(ax, who, *kinds):
    """Return a list of the axes that were given, one of each kind: "flat" or "3d"."""
    axes = list(np.ravel(np.array(ax, dtype=object)))
    known = {"rectilinear": "flat", "3d": "3d"}
    found = [known.get(getattr(one, "name", None)) for one in axes]
    if found != list(kinds):
        words = f"({', '.join(kinds)})" if "3d" in kinds else "flat"
        wanted = kinds[0] if len(kinds) == 1 else f"{len(kinds)} {words}"
        got = repr(ax) if len(found) == len(kinds) or None in found else f"{len(found)} of them"
        raise ValueError(f"{who}: expected ax to be {wanted} Axes of matplotlib, got {got}")
    return axes


def axes_for(who, ax, width, height, theme):
    """Return the axes that were given, checked, or those of a new figure."""
    if ax is None:
        return new_figure(width, height, theme).add_subplot()
    return check_axes(ax, who, "flat")[0]


def dress(axes, theme="light", title="", unit="", xlabel="", grid=True):
    """Give axes the page's colours, sizes of type and two spines; and their head, at the left.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    theme : {"light", "dark"}
    title, unit : str
        Above the axes: what is shown, and below it in grey what the numbers are.
    xlabel : str
    grid : bool
        Whether faint lines help to read values off.
    """
    colors = page(theme)
    axes.set_facecolor(colors["page"])
    axes.tick_params(which="both", colors=colors["grey"], labelsize=TICK * POINT, width=THIN)
    axes.spines[:].set(color=colors["grey"], linewidth=THIN)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    if axes.name != "3d":
        axes.yaxis.set_offset_position("right")  # its left is the head's
    if grid:
        axes.grid(color=colors["grid"], linewidth=THIN)
    axes.set_xlabel(xlabel, color=colors["ink"], fontsize=LABEL * POINT)
    style = {"loc": "left", "color": colors["ink"], "fontsize": TITLE * POINT, "weight": "bold"}
    axes.set_title(title, **style, pad=(25 if unit else 8) * POINT)
    if unit:
        place = {"xytext": (0, 7 * POINT), "textcoords": "offset points", "fontsize": TICK * POINT}
        axes.annotate(unit, (0, 1), xycoords="axes fraction", color=colors["grey"], **place)


def say_decades(axis):
    """Label a logarithmic axis with numbers as people say them: 0.01, 1, 1000; else 10⁻⁵.

    Call it when the data are drawn: few decades have 2 and 5 as well.
    """
    ticker = import_matplotlib().ticker

    def say(value, _):
        if 0.9e-4 < value < 1e5:
            return f"{value:g}"
        power = str(round(np.log10(value)))
        return "10" + power.translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))

    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5) if high < 1e3 * low else (1,)))
    axis.set_major_formatter(say)
    axis.set_minor_locator(ticker.NullLocator())


def headline(figure, text, theme="light"):
    """Write the finding, or what is shown, above a figure, at its left."""
    style = {"color": page(theme)["ink"], "fontsize": TITLE * POINT, "weight": "bold"}
    figure.suptitle(text, x=0.01, ha="left", **style)


def label_ends(axes, ends, theme="light", gap=15, pad=8, ha="left"):
    """Write names beside the ends of lines, no two closer than `gap` pixels.

    Call it last: it needs the final limits. A layout "constrained" makes room for the names.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    ends : list of (text, x, y, optimizer or colour)
    theme : {"light", "dark"}
    gap, pad : float
        Pixels between two names, and between a line's end and its name.
    ha : {"left", "right"}
        Which side of a name is at the line: "right" for names in front of beginnings.
    """
    style = {"textcoords": "offset points", "va": "center", "ha": ha, "fontsize": LABEL * POINT}
    side = pad * POINT if ha == "left" else -pad * POINT
    names = [
        axes.annotate(
            text,
            (x, y),
            (side, 0),
            color=readable(who, theme),
            annotation_clip=False,
            path_effects=rim(theme, 1),
            **style,
        )
        for text, x, y, who in ends
    ]
    axes.figure.draw_without_rendering()  # the layout makes room, and fixes where the ends are
    pixels = DPI / axes.figure.dpi
    heights = [axes.transData.transform(name.xy)[1] * pixels for name in names]
    limits = axes.bbox.y0 * pixels + gap / 2, axes.bbox.y1 * pixels
    for name, height, place in zip(names, heights, _apart(heights, gap, *limits), strict=True):
        name.set_position((side, (place - height) * POINT))
    return names


def label_paths(axes, names, theme="light", pad=7):
    """Write names beside paths, where each is most alone.

    A name may stand at any point of its path, on any side of it. It takes the place where it covers
    least of all paths, and then the one that is farthest from those of others. Call it last.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    names : list of (text, points, optimizer or colour)
        Points are arrays (n, 2) in the axes' units: of a path, or of a single mark.
    theme : {"light", "dark"}
    pad : float
        Pixels between a path and its name.
    """
    axes.figure.draw_without_rendering()
    frame, unit = axes.bbox, axes.figure.dpi / DPI
    low, high = np.array([frame.x0, frame.y0]), np.array([frame.x1, frame.y1])
    found = []  # text, points in dots, color; of what has a place
    for text, points, who in names:
        points = axes.transData.transform(points)
        points = points[np.isfinite(points).all(axis=1)]
        if len(points):
            found.append((text, _dense(points, low, high, 4 * unit), who))
    style = {"fontsize": LABEL * POINT, "ha": "center", "va": "center", "annotation_clip": False}
    sides = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y])
    taken, written = np.empty((0, 2, 2)), []
    for text, mine, who in found:
        name = axes.annotate(
            text, (0, 0), xycoords="axes fraction", color=readable(who, theme),
            path_effects=rim(theme, 1), in_layout=False, **style,
        )  # fmt: skip
        half = np.array(name.get_window_extent().size) / 2
        anchors = np.repeat(mine[:: max(len(mine) // 80, 1)], len(sides), axis=0)
        shift = np.tile(sides, (len(anchors) // len(sides), 1)) * (half + pad * unit)
        places = anchors + shift
        others = np.concatenate([mine[:0], *(path for _, path, _ in found if path is not mine)])
        cost = 3 * _covered(places, half, others, unit) + _covered(places, half, mine, unit)
        if len(others):
            away = np.hypot(*(anchors[:, np.newaxis] - others).transpose(2, 0, 1)).min(axis=1)
            cost = cost + 400 * unit / (away + 20 * unit)
        boxes = np.stack([places - half, places + half], axis=1)  # (places, low or high, x or y)
        outside = ((boxes[:, 0] < low) | (boxes[:, 1] > high)).any(axis=1)
        free = 5 * unit  # between two names
        clash = boxes[:, np.newaxis, 0] - free < taken[:, 1]
        clash &= boxes[:, np.newaxis, 1] + free > taken[:, 0]
        best = np.argmin(cost + 1e3 * outside + 1e3 * clash.all(axis=2).any(axis=1))
        taken = np.concatenate([taken, boxes[best : best + 1]])
        name.xy = (places[best] - low) / (high - low)
        name.set_position(name.xy)
        written.append(name)
    return written


def _dense(points, low, high, gap):
    """Return points of a path no farther apart than a gap: those within a frame, or the nearest."""
    points = np.clip(points, low - 1e4, high + 1e4)
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0, length[-1], min(int(length[-1] / gap) + 1, 5000))
    points = np.stack([np.interp(at, length, line) for line in points.T], axis=1)
    inside = ((low <= points) & (points <= high)).all(axis=1)
    return points[inside] if inside.any() else np.clip(points[:1], low, high)


def _covered(places, half, points, unit):
    """Return how many points lie under boxes in these places, with a margin of 3 pixels."""
    distance = abs(places[:, np.newaxis] - points)
    return (distance < half + 3 * unit).all(axis=2).sum(axis=1)


def legend_beside(axes, theme="light", order=None, room=0.01):
    """Write a legend to the right of the axes, for more lines than names can stand at.

    Parameters
    ----------
    order : list of float, optional
        For each line with a label, where it ends: the legend is sorted from high to low.
    room : float
        Between axes and legend, in widths of the axes.
    """
    lines, labels = axes.get_legend_handles_labels()
    places = range(len(lines)) if order is None else np.argsort(-np.asarray(order), kind="stable")
    axes.legend(
        [lines[i] for i in places], [labels[i] for i in places], loc="upper left",
        bbox_to_anchor=(1 + room, 1), frameon=False, handlelength=3.5, borderaxespad=0,
        fontsize=LABEL * POINT, labelcolor=page(theme)["ink"],
    )  # fmt: skip


def _apart(wishes, gap, low=-np.inf, high=np.inf):
    """Return places as near to the wishes as a least distance permits, in the wishes' order.

    Neighbours that would be too close form a pool around the mean of their wishes. If all have room
    between two limits, all stay there.
    """
    order = np.argsort(wishes, kind="stable")
    pools = []  # [mean, count]
    for wish in np.asarray(wishes, float)[order]:
        pools.append([wish, 1])
        while (
            len(pools) > 1 and pools[-1][0] - pools[-2][0] < gap * sum(n for _, n in pools[-2:]) / 2
        ):
            (a, n), (b, m) = pools[-2:]
            pools[-2:] = [[(a * n + b * m) / (n + m), n + m]]
    rising = [mean + (i - (n - 1) / 2) * gap for mean, n in pools for i in range(n)]
    steps = gap * np.arange(len(order))
    rising = np.minimum(np.maximum(rising, low + steps), high - steps[::-1])
    places = np.empty(len(order))
    places[order] = rising
    return places


# --- surfaces ------------------------------------------------------------------------------------


def ground(axes, surface, x_range, y_range, theme="light", levels=15, floor=None, points=301):
    """Draw a surface as a map: flat tints of one hue, thin contours, equal axes.

    The tints follow the logarithm of the height above the lowest point. They end at twice the
    height of the surface's start, whatever the window is: a surface and its turned sister have the
    same tints and contours.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    surface : minigrad.lab.Surface
    x_range, y_range : (float, float)
        The window.
    theme : {"light", "dark"}
    levels : int
        Of contours.
    floor : float, optional
        Heights below this share of the highest tint are one flat floor. Default: the surface's.
    points : int
        In each direction.

    Returns
    -------
    callable
        From values of the surface to where they are on the scale of tints.
    """
    x, y = np.meshgrid(np.linspace(*x_range, points), np.linspace(*y_range, points))
    z = surface.values(x, y)
    height, steps = scale(surface, z, levels, floor)
    axes.contourf(x, y, height(z), steps, cmap=ramp("ground", theme), extend="both")
    style = {"colors": page(theme)["contour"], "linewidths": 0.4, "linestyles": "solid"}
    axes.contour(x, y, height(z), steps, **style)
    axes.set(xlim=x_range, ylim=y_range, aspect="equal")
    return height


def scale(surface, z, levels=15, floor=None):
    """Return (function from values to heights on a logarithmic scale, the contours' heights)."""
    floor = surface.floor if floor is None else floor
    finite = z[np.isfinite(z)]
    if finite.size == 0:
        raise ValueError(
            f"{surface.title}: expected a finite value for x in {surface.x_range} and "
            f"y in {surface.y_range}, got none"
        )
    lowest = finite.min() if surface.lowest is None else surface.lowest
    span = 2 * (surface.values(*map(np.float64, surface.start)) - lowest)
    if not (np.isfinite(span) and span > 0):  # it starts at the lowest point, or nowhere
        span = np.ptp(finite) or 1.0

    def height(values):
        return np.log10(np.maximum(values - lowest, 0) / span + floor)

    return height, np.linspace(np.log10(floor), np.log10(1 + floor), levels)


# --- files ---------------------------------------------------------------------------------------


def save(figure, path, dpi=2 * DPI):
    """Write a figure into a file, which appears whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or path
        Its ending chooses the format: .png, .svg, .pdf, ...
    dpi : int
        Dots per inch, in formats that have dots. By default two dots to a pixel of a page.

    Raises
    ------
    ValueError
        If matplotlib cannot write a file of that ending.
    """
    known = figure.canvas.get_supported_filetypes()
    ending = Path(path).suffix.removeprefix(".")
    if ending not in known:
        endings = ", ".join(f".{name}" for name in sorted(known))
        raise ValueError(f"save: expected a path that ends in one of {endings}, got {str(path)!r}")
    with replacing(path) as temporary:
        figure.savefig(temporary, format=ending, dpi=dpi)
