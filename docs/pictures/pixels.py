"""Put axes, words and arrows at so many CSS pixels from a picture's left and top."""

import numpy as np

from minigrad.plots._style import DPI, LABEL, POINT, RIM, TICK, TITLE, page, rim
from minigrad.plots._style import new_figure as _new_figure

NARROW = 500  # a picture that is less wide stacks its parts


def new_figure(width, height, theme):
    """Return an empty figure that lays nothing out by itself."""
    return _new_figure(width, height, theme, layout="none")


def place(figure, x, y, width, height):
    """Add axes; x and y are those of its upper left corner."""
    w, h = figure.get_size_inches() * DPI
    return figure.add_axes((x / w, 1 - (y + height) / h, width / w, height / h))


def write(figure, x, y, text, color, size=LABEL, **more):
    """Write words; x and y are where their baseline begins."""
    w, h = figure.get_size_inches() * DPI
    style = {"fontsize": size * POINT, "va": "baseline", **more}
    return figure.text(x / w, 1 - y / h, text, color=color, **style)


def write_parts(figure, x, y, parts, size, most=None):
    """Write pieces (text, color, weight), one behind the other; smaller if wider than `most`."""
    bar = {w: measure("|", size, w)[0] for w in ("normal", "bold")}  # keeps a last space
    widths = [measure(f"{text}|", size, w)[0] - bar[w] for text, _, w in parts]
    share = 1 if most is None else min(1, most / sum(widths))
    for (text, color, weight), width in zip(parts, widths, strict=True):
        write(figure, x, y, text, color, size * share, weight=weight)
        x += width * share


def head(figure, x, y, title, unit, theme, size=TITLE):
    """Write a panel's head: what is shown, and below it in grey what the numbers are."""
    write(figure, x, y, title, page(theme)["ink"], size, weight="bold")
    write(figure, x, y + 18, unit, page(theme)["grey"], TICK)


def beside(axes, x, y, text, color, theme, dx=0, dy=0, size=LABEL, **more):
    """Write a word so many pixels right of and above a point of the data, with a rim."""
    style = {
        "ha": "left", "va": "center", "fontsize": size * POINT, "annotation_clip": False,
        "path_effects": rim(theme, 3 - RIM), **more,
    }  # fmt: skip
    offset = {"xytext": (dx * POINT, dy * POINT), "textcoords": "offset points"}
    return axes.annotate(text, (x, y), color=color, **offset, **style)


def arrow(axes, start, vector, color, theme, width=2.2, zorder=5, size=8):
    """Draw an arrow; a short one gets a small head."""
    x, y = start
    end = x + vector[0], y + vector[1]
    scale = axes.transData.transform
    length = float(np.hypot(*(scale(end) - scale(start)))) * DPI / axes.figure.dpi
    if length < 2:  # nothing to be seen, and no head
        return
    long = min(size, 0.55 * length) * POINT
    style = f"-|>,head_width={long / 2:.2f},head_length={long:.2f}"
    look = {
        "arrowstyle": style, "color": color, "lw": width, "mutation_scale": 1, "shrinkA": 0,
        "shrinkB": 0, "path_effects": rim(theme, width - 0.5), "linestyle": "-",
        "joinstyle": "miter",
    }  # fmt: skip
    axes.annotate("", end, start, zorder=zorder, annotation_clip=False, arrowprops=look)


def badge(axes, x, y, number, color, theme):
    """Draw a number in a ring."""
    look = {"markersize": 14, "color": page(theme)["page"], "markeredgecolor": color}
    axes.plot(x, y, "o", **look, markeredgewidth=1.4, zorder=6, clip_on=False)
    axes.annotate(
        str(number), (x, y), ha="center", va="center_baseline", zorder=7, weight="bold",
        fontsize=12.5 * POINT, color=page(theme)["ink"], annotation_clip=False,
    )  # fmt: skip


def measure(text, size=LABEL, weight="normal"):
    """Return the width and height of words, in pixels; as in files, where nothing is hinted."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight=weight)
    rows = text.split("\n")
    boxes = [text_to_path.get_text_width_height_descent(row, font, False) for row in rows]
    return max(box[0] for box in boxes), 1.2 * size * (len(rows) - 1) + boxes[-1][1]


def wrap(text, size, wide):
    """Return the lines of a text that are at most so many pixels wide."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        fits = measure(longer, size)[0] <= wide
        lines[-1:] = [longer] if fits or not lines[-1] else [lines[-1], word]
    return lines


def pixels_of(axes, points):
    """Return where points (n, 2) of the data are, from the figure's left and bottom."""
    return axes.transData.transform(np.asarray(points, float)) * DPI / axes.figure.dpi


def samples(start, end, step=3.0):
    """Return points on a segment, a few pixels apart."""
    count = int(np.hypot(*(end - start)) / step) + 2
    return start + np.linspace(0, 1, count)[:, np.newaxis] * (end - start)


def name_arrows(axes, arrows, theme, size=12, lines=()):
    """Write a name beside each arrow, where it covers the least of arrows, lines and names.

    Parameters
    ----------
    arrows : list of (start, vector, name, color, weight)
        In the data's units.
    lines : list of (start, end)
        What names should not cover, either.
    """
    figure = axes.figure
    limit = figure.get_size_inches() * DPI
    ends = [pixels_of(axes, [start, start + vector]) for start, vector, *_ in arrows]
    drawn = [*ends, *(pixels_of(axes, line) for line in lines)]
    taken = np.concatenate([samples(*segment) for segment in drawn])
    placed = []
    for (_, _, name, color, weight), (start, end) in zip(arrows, ends, strict=True):
        half = np.array(measure(name, size, weight)) / 2
        along = (end - start) / max(np.hypot(*(end - start)), 1e-9)
        side = np.array([along[1], -along[0]])
        wishes = [(end, along), (end, side), (end, -side), (end, along + side), (end, along - side)]
        for share in (0.6, 0.35):
            at = start + share * (end - start)
            wishes += [(at, side), (at, -side)]
        best = None
        for rank, (at, way) in enumerate(wishes):
            way = way / max(np.hypot(*way), 1e-9)
            center = at + way * (5 + np.abs(way) @ half)
            covered = (np.abs(taken - center) < half + 1).all(axis=1).sum()
            clash = sum((np.abs(c - center) < half + h).all() for c, h in placed)
            outside = ((center < half) | (center > limit - half)).any()
            cost = covered + 40 * clash + 1000 * outside + 0.6 * rank
            if best is None or cost < best[0]:
                best = cost, center
        center = best[1]
        placed.append((center, half))
        style = {"ha": "center", "va": "center", "weight": weight, "path_effects": rim(theme, 1)}
        write(figure, center[0], limit[1] - center[1], name, color, size, **style, zorder=9)
