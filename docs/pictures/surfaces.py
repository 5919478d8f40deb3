"""A rule's fingerprint: its paths on six surfaces in colour, those of five others in grey."""

import functools

from pixels import NARROW, new_figure, place, write

from minigrad.lab import RULES, SURFACES, race
from minigrad.plots._style import LABEL, TICK, ground, look, page, rim

WIDTHS = (760, 400)
# What each panel shows: the title, the middle, and how many units that is across.
VIEWS = {
    "bowl": ("bowl", (-0.3, 0.1), 2.0),
    "ravine": ("ravine", (-0.8, 0.0), 3.2),
    "tilted_ravine": ("ravine at 45°", (-0.75, -0.6), 3.2),
    "rosenbrock": ("banana", (0.0, 0.6), 3.6),
    "beale": ("Beale", (2.2, 0.05), 3.6),
    "saddle": ("saddle", (0.0, 0.7), 2.9),
}
FIELD = ("SGD", "momentum", "Adagrad", "RMSprop", "Adam", "Lion")
NAMES = {name.lower(): name for name in RULES}
OPTIONS = [{"rule": rule} for rule in NAMES]


@functools.cache
def paths(view):
    """The paths of the six, on one surface."""
    return dict(zip(FIELD, race(SURFACES[view], FIELD), strict=True))


def draw(width, theme, rule="adam"):
    if rule not in NAMES:
        raise ValueError(f"rule: expected one of {', '.join(NAMES)}, got {rule!r}")
    rule, colors = NAMES[rule], page(theme)
    columns, wide, tall, gap = (2, 192, 150, 16) if width < NARROW else (3, 240, 164, 20)
    rows = -(-len(VIEWS) // columns)
    figure = new_figure(width, rows * (tall + 34) - 12, theme)
    hollow = {"markerfacecolor": colors["page"], "markeredgecolor": colors["ink"]}
    for index, (view, (title, middle, across)) in enumerate(VIEWS.items()):
        row, column = divmod(index, columns)
        x, y = column * (wide + gap), row * (tall + 34)
        axes, surface = place(figure, x, y + 22, wide, tall), SURFACES[view]
        half = across / 2, across / 2 * tall / wide
        window = [(m - h, m + h) for m, h in zip(middle, half, strict=True)]
        ground(axes, surface, *window, theme, levels=13, floor=3e-3, points=201)
        axes.set_axis_off()
        for name, path in paths(view).items():
            if name != rule:
                axes.plot(*path.positions.T, color=colors["grey"], lw=0.9, alpha=0.55)
        path = paths(view)[rule] if rule in FIELD else race(surface, [rule])[0]
        path, style = path.positions, look(rule, theme)
        line = {"color": style["color"], "linestyle": style["linestyle"]}
        axes.plot(*path.T, **line, lw=2.2, path_effects=rim(theme))
        axes.plot(*path[-1], **{**style, "markersize": 6})
        axes.plot(*surface.start, "X", markersize=8, **hollow, zorder=9)
        for minimum in surface.minima:
            axes.plot(*minimum, "*", markersize=9, **hollow, zorder=8)
        write(figure, x + 1, y + 15, title, colors["ink"], LABEL, weight="bold")
        steps = f"{len(path) - 1} steps"
        write(figure, x + wide - 1, y + 15, steps, colors["grey"], TICK, ha="right")
    return figure
