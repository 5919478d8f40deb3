"""Shared by all pictures: colours and strokes for all kinds of colour vision, figures, files.

Nothing here, or in any other file of `plots`, changes matplotlib's global state: figures are made
without pyplot. No window opens, no figure stays in memory, and no setting changes.
"""

from pathlib import Path

from minigrad.utils.files import replacing

# Okabe and Ito's palette for all kinds of colour vision, https://jfly.uni-koeln.de/color/, without
# its yellow, which is too pale for a line on white.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, AMBER, BLACK = "#56B4E9", "#E69F00", "#000000"
COLORS = (BLUE, ORANGE, GREEN, PURPLE, AMBER, BLACK, SKY)

# The second channel, for prints in grey. There is one stroke and one marker fewer than colours: a
# colour that repeats gets another stroke and another marker.
DASH_DOT_DOT, LONG_DASH = (0, (5, 1.5, 1, 1.5, 1, 1.5)), (0, (9, 2))
LINE_STYLES = ("-", "--", "-.", ":", DASH_DOT_DOT, LONG_DASH)
MARKERS = ("o", "s", "^", "D", "v", "P")

PIP_COMMAND = "pip install matplotlib"


def line_style(index):
    """Return the keywords for `axes.plot` of the index-th line: its color and its linestyle."""
    return {
        "color": COLORS[index % len(COLORS)],
        "linestyle": LINE_STYLES[index % len(LINE_STYLES)],
    }


def marker(index):
    """Return the index-th line's marker, for lines with few points."""
    return MARKERS[index % len(MARKERS)]


def import_matplotlib():
    """Return the module matplotlib, or raise an ImportError that says how to install it."""
    try:
        import matplotlib
        import matplotlib.animation
        import matplotlib.figure
    except ImportError as error:
        raise ImportError(f"pictures need matplotlib: {PIP_COMMAND}") from error
    return matplotlib


def new_figure(width=8, height=5):
    """Return an empty matplotlib Figure, its size in inches, with automatic layout."""
    return import_matplotlib().figure.Figure(figsize=(width, height), layout="constrained")


def label(axes, title, xlabel, ylabel):
    """Write an axes' title and labels, and draw a faint grid below everything else."""
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.set_axisbelow(True)
    axes.grid(color="0.9")
    axes.spines[["top", "right"]].set_visible(False)


def save(figure, path, dpi=120):
    """Write a figure into a file, which appears whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or path
        Its ending chooses the format: .png, .svg, .pdf, ...
    dpi : int
        Dots per inch, in formats that have dots.

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
