"""The opening picture of an optimizer's page: its formula, taken apart along one path."""

import itertools
import re

import formula_matrices
import numpy as np
from formula_rules import RULES, O, path
from pixels import (
    NARROW,
    arrow,
    badge,
    beside,
    name_arrows,
    new_figure,
    pixels_of,
    place,
    wrap,
    write,
    write_parts,
)

from minigrad.plots._style import PATH, ground, look, page, readable, rim

WIDTHS = (760, 400)
WIDE = {"step": 2.6, "m": 2.2, "adam": 3}  # arrows, in points
MATRICES = ("muon", "adafactor")  # rules that look at a whole matrix
OPTIONS = [{"rule": rule} for rule in (*RULES, *MATRICES)]


def draw(width, theme, rule="adam"):
    if rule in MATRICES:
        return formula_matrices.draw_rule(width, theme, rule)
    if rule not in RULES:
        raise ValueError(f"rule: expected one of {', '.join((*RULES, *MATRICES))}, got {rule!r}")
    places, moments, grey = path(rule)
    rule, narrow = RULES[rule], width < NARROW
    hues = {
        "ink": page(theme)["ink"], "g": page(theme)["grey"], "step": readable(rule.name, theme),
        "m": readable("momentum", theme), "v": readable("RMSprop", theme),
        "adam": readable("Adam", theme),
    }  # fmt: skip
    lenses = [rule.lens(moments[t - 1]) for t in rule.stations]
    size, wide = (12.5, 384) if narrow else (12, 288)
    lesson = wrap(rule.lesson, size, wide)
    above = 28 * len(rule.formula) + 21 * len(rule.letters) + 18 * len(lesson) + 22
    top, bottom = (above, above + 240) if narrow else (0, 264)
    figure = new_figure(width, bottom + (3 * 178 if narrow else 240), theme)
    axes = place(figure, 0, top, 400 if narrow else 440, bottom - top)
    chart(axes, rule, places, grey, hues, theme)
    if narrow:
        words(figure, rule, lesson, hues, (8, 30), 21, size, None)
        areas = [(0, bottom + 10 + 178 * k, 400, 168) for k in range(3)]
    else:
        words(figure, rule, lesson, hues, (464, 40), 24, size, 258)
        areas = [(254 * k, bottom + 12, 250, 226) for k in range(3)]
    for number, (area, t, lens) in enumerate(zip(areas, rule.stations, lenses, strict=True), 1):
        show(figure, area, (number, t), lens, lenses, hues, theme)
    return figure


def chart(axes, rule, places, grey, hues, theme):
    """The map with the path."""
    surface, style = rule.surface, look(rule.name, theme)
    ground(axes, surface, surface.x_range, surface.y_range, theme, levels=13, floor=2e-2)
    axes.set_axis_off()
    if grey is not None:
        axes.plot(*grey.T, color=hues["g"], lw=1.2, alpha=0.8)
    line = {"color": style["color"], "linestyle": style["linestyle"], "linewidth": PATH}
    axes.plot(*places.T, **line, path_effects=rim(theme))
    dots = {"color": style["color"], "markeredgecolor": page(theme)["page"]}
    axes.plot(*places[1:].T, "o", markersize=3.2, markeredgewidth=0.4, **dots)
    hollow = {"markerfacecolor": page(theme)["page"], "markeredgecolor": hues["ink"]}
    axes.plot(*surface.minima[0], "*", markersize=11, **hollow, zorder=8)
    beside(axes, *surface.minima[0], "minimum", hues["ink"], theme, *rule.minimum, 12, ha="center")
    if surface.minima[0] != (0, 0):  # decay pulls to 0
        axes.plot(0, 0, "+", markersize=11, markeredgecolor=hues["ink"], markeredgewidth=1.6)
        beside(axes, 0, 0, "0", hues["ink"], theme, 9, 0, 12)
    for number, t in enumerate(rule.stations, 1):
        badge(axes, *places[t - 1], number, hues["step"], theme)


def words(figure, rule, lesson, hues, corner, row, size, bottom):
    """The formula, its letters, and what the lenses show."""
    x, y = corner
    tall = 23 if len(rule.formula) == 1 else 20
    for line in rule.formula:
        parts = []
        for role, letter, plain in re.findall(r"\[(\w+)\|(.*?)\]|([^\[]+)", line):
            bold = "bold" if role else "normal"
            parts.append((letter or plain, hues[role or "ink"], bold))
        write_parts(figure, x, y, parts, tall, 384 if bottom is None else 286)
        y += 28 if bottom is None else 32
    y += 0 if bottom is None else 6
    for entry in rule.letters:
        role, letter, meaning = re.fullmatch(r"(\w+)\|([^|]+)\|(.*)", entry).groups()
        parts = [(f"{letter}   ", hues[role], "bold"), (meaning, hues[role], "normal")]
        write_parts(figure, x, y, parts, 12.5, 384 if bottom is None else 290)
        y += row
    y = y + 4 if bottom is None else max(y + 6, bottom - 18 * (len(lesson) - 1))
    for line in lesson:
        write(figure, x, y, line, hues["ink"], size)
        y += 18


def show(figure, area, station, lens, lenses, hues, theme):
    """One lens: a number, and one or two drawings, in the same scale for all three."""
    x, y, wide, tall = area
    narrow = wide > 300
    title = place(figure, x, y, 120, 24)
    title.set(xlim=(0, 120), ylim=(24, 0))
    title.set_axis_off()
    badge(title, 14, 11, station[0], hues["step"], theme)
    beside(title, 14, 11, f"step {station[1]}", hues["ink"], theme, 14, 0, 12.5, weight="bold")
    if lens.right_box is None:
        room = (x + 90, y, 260, tall) if narrow else (x + 6, y + 26, 240, tall - 34)
        spans = [bounds(one.right) for one in lenses]
        reach = np.max([(high - low) / 2 for low, high in spans], axis=0)
        axes = place(figure, *room)
        fit(axes, room, reach, (40, 18), np.mean(bounds(lens.right), axis=0))
        if lens.aim is not None:
            look = {"color": hues["g"], "lw": 1.2, "linestyle": (0, (1.2, 2))}
            axes.plot(*np.transpose([O, lens.aim]), **look)  # the axes' edge ends it
        arrows(axes, lens.right, hues, theme)
        return
    if narrow:
        rooms = (x + 70, y, 124, tall), (x + 236, y, 130, tall)
    else:
        rooms = (x + 6, y + 26, 126, tall - 26), (x + 140, y + 26, 108, tall - 26)
    sides = (
        [(one.left, one.box, one.dotted) for one in lenses],
        [(one.right, one.right_box) for one in lenses],
    )
    drawn = [place(figure, *room) for room in rooms]
    for axes, room, side, margin in zip(drawn, rooms, sides, ((26, 14), (20, 22)), strict=True):
        reach = np.max([extent(*one) for one in side], axis=0)
        fit(axes, room, reach, margin)
    if lens.quarter is not None:
        far = np.max([extent(one.left) for one in lenses]) * 1.1
        x, y = far * lens.quarter
        drawn[0].fill([0, x, x, 0], [0, 0, y, y], color=hues["step"] + "26", lw=0)
        drawn[0].plot([-far, far, 0, 0, 0], [0, 0, 0, far, -far], color=hues["g"], lw=0.8)
    hue, other = (hues[role] for role in lens.hues)
    lines = box(drawn[0], lens.box, hue) + box(drawn[0], lens.dotted, hue, dotted=True)
    arrows(drawn[0], lens.left, hues, theme, lines)
    arrows(drawn[1], lens.right, hues, theme, box(drawn[1], lens.right_box, other))
    if lens.box is not None:
        corner = -lens.box[0], lens.box[1]
        beside(drawn[0], *corner, lens.names[0], hue, theme, -4, -7, 12, ha="right")
        between(figure, rooms, hues["g"])
    corner = -lens.right_box[0], lens.right_box[1]
    beside(drawn[1], *corner, lens.names[1], other, theme, 0, 8, 12)


def between(figure, rooms, color):
    """A small arrow from the left drawing to the right one: the division."""
    (x, y, wide, tall), (right, *_) = rooms
    axes = place(figure, (x + wide + right) / 2 - 9, y, 18, tall)
    axes.set(xlim=(0, 1), ylim=(-1, 1))
    axes.set_axis_off()
    style = {"arrowstyle": "->", "color": color, "lw": 1.3, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (1, 0), (0, 0), arrowprops=style, annotation_clip=False)


def bounds(vectors):
    """The lowest and highest x and y that vectors reach."""
    points = np.array([O, *(start + vector for start, vector, *_ in vectors)])
    return points.min(axis=0), points.max(axis=0)


def extent(vectors, *boxes):
    """The largest |x| and |y| that vectors and boxes reach."""
    points = [*bounds(vectors), *(one for one in boxes if one is not None)]
    return np.abs(points).max(axis=0)


def fit(axes, room, reach, margin, middle=O):
    """Equal scales, so that `reach` around the middle fits, with pixels around it for names."""
    half = np.array(room[2:]) / 2
    scale = (reach / (half - margin)).max()
    low, high = middle - scale * half, middle + scale * half
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.set_axis_off()


def box(axes, half, color, dotted=False):
    """A box around 0; return its sides."""
    from matplotlib.patches import Rectangle

    if half is None:
        return []
    style = {"facecolor": color + "1c", "lw": 1.5}
    if dotted:
        style = {"facecolor": "none", "lw": 1.3, "linestyle": (0, (1.5, 1.5))}
    axes.add_patch(Rectangle(-half, *(2 * half), edgecolor=color, **style, clip_on=False))
    corners = half * [[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]
    return list(itertools.pairwise(corners))


def arrows(axes, vectors, hues, theme, lines=()):
    """The vectors and their names."""
    axes.plot(0, 0, "o", markersize=3.5, color=hues["ink"], zorder=7, clip_on=False)
    named = []
    for start, vector, role, name in vectors:
        step = role == "step"
        arrow(axes, start, vector, hues[role], theme, WIDE.get(role, 1.6), 5 + step)
        if np.ptp(pixels_of(axes, [start, start + vector]), axis=0).max() > 2:
            named.append((start, vector, name, hues[role], "bold" if step else "normal"))
    name_arrows(axes, named, theme, lines=lines)
