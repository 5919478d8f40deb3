"""The front page's picture: four rules leave one point of Beale's function."""

from pixels import beside, new_figure, place, write

from minigrad.lab import SURFACES, race
from minigrad.plots._style import LABEL, PATH, TICK, ground, look, page, readable, rim

WIDTHS = (1200, 600, 400)  # a card with words; the site's first page; a phone
HEIGHTS = {1200: 560, 600: 530, 400: 360}
SURFACE, STEPS = SURFACES["beale"], 150
IDEAS = {
    "SGD": "goes where it is steepest",
    "momentum": "keeps its speed",
    "RMSprop": "evens out steep and flat",
    "Adam": "does both",
}
PATHS = dict(zip(IDEAS, race(SURFACE, list(IDEAS), steps=STEPS), strict=True))
# Beside which step of its path a name stands, and how many pixels right of and above it.
PLACES = {
    "wide": {
        "SGD": (10, -6, -15), "momentum": (9, 14, 0), "RMSprop": (13, 10, 15), "Adam": (20, 6, -20),
    },
    "narrow": {
        "SGD": (10, -4, -13), "momentum": (9, 10, 0), "RMSprop": (11, 6, 14), "Adam": (20, 4, -16),
    },
}  # fmt: skip


def draw(width, theme):
    height, wide, colors = HEIGHTS[width], width > 700, page(theme)
    figure = new_figure(width, height, theme)
    axes = place(figure, 0, 0, width, height)
    x_range = (-0.72, 3.98) if wide else (0.72, 3.4)
    middle, half = 0.07, (x_range[1] - x_range[0]) * height / width / 2
    ground(axes, SURFACE, x_range, (middle - half, middle + half), theme, levels=19, floor=3e-4)
    axes.set_axis_off()
    for name, path in PATHS.items():
        style = look(name, theme)
        line = {"color": style["color"], "linestyle": style["linestyle"], "linewidth": PATH}
        axes.plot(*path.positions.T, **line, path_effects=rim(theme), solid_joinstyle="round")
        marks = {**style, "linestyle": "", "markersize": 3.6}
        axes.plot(*path.positions[10::10].T, **marks)
        at, dx, dy = PLACES["wide" if wide else "narrow"][name]
        bold = {"weight": "bold", "ha": "left" if dx > 0 else "right", "zorder": 8}
        where, size = path.positions[at], LABEL if width < 500 else 16
        beside(axes, *where, name, readable(name, theme), theme, dx, dy, size, **bold)
    hollow = {"markerfacecolor": colors["page"], "markeredgecolor": colors["ink"], "zorder": 9}
    axes.plot(*SURFACE.start, "X", markersize=11, **hollow)
    beside(axes, *SURFACE.start, "start", colors["ink"], theme, 14, 2, zorder=9)
    axes.plot(*SURFACE.minima[0], "*", markersize=11, **hollow)
    beside(axes, *SURFACE.minima[0], "minimum", colors["ink"], theme, 0, 17, ha="center", zorder=9)
    if wide:
        tell(figure, theme)
    return figure


def tell(figure, theme):
    """What a card must say by itself."""
    ink, grey = page(theme)["ink"], page(theme)["grey"]
    write(figure, 40, 84, "One start, one slope,", ink, 27, weight="bold")
    write(figure, 40, 120, "four ideas of a step", ink, 27, weight="bold")
    for row, (name, idea) in enumerate(IDEAS.items()):
        top = 330 + 44 * row
        write(figure, 40, top, name, readable(name, theme), 16, weight="bold")
        value = power(PATHS[name].values[-1])
        write(figure, 40, top + 19, f"{idea}: after {STEPS} steps f = {value}", ink, LABEL)
    note = "A mark every 10 steps. Beale's function, rates as in minigrad.lab.RULES."
    write(figure, 40, 526, note, grey, TICK)


def power(value):
    """0.036 as it is, smaller numbers as a power of ten."""
    if value >= 0.01:
        return f"{value:.2g}"
    digits, exponent = f"{value:.1e}".split("e")
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return f"{digits}·10{str(int(exponent)).translate(raised)}"
