"""SVG pictures of rectangles, texts and lines, drawn with matplotlib into files of other kinds."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from minigrad.plots._style import import_matplotlib, save
from minigrad.utils.files import replacing

PIXELS_PER_INCH = 96  # as in browsers
POINTS_PER_PIXEL = 72 / PIXELS_PER_INCH


def write(svg, path, dpi):
    """Write a picture that `minigrad.lab` drew into a .png, .pdf or .jpg file.

    Parameters
    ----------
    svg : str
        Of elements rect, text and path (M, L, C, Z with absolute coordinates) alone.
    path : str or path
        Without an ending it is a .png file.
    dpi : int
        Dots per inch.
    """
    figure = draw(svg)
    if Path(path).suffix:
        save(figure, path, dpi)
        return
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=dpi)


def draw(svg):
    """Return the picture as a matplotlib Figure of its size."""
    matplotlib = import_matplotlib()
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import FancyBboxPatch, PathPatch, Rectangle
    from matplotlib.path import Path as Outline
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    root = ElementTree.fromstring(svg)
    width, height = float(root.get("width")), float(root.get("height"))
    figure = matplotlib.figure.Figure((width / PIXELS_PER_INCH, height / PIXELS_PER_INCH))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    font, size = FontProperties(family="DejaVu Sans Mono"), float(root.get("font-size"))
    for element in root:
        kind = element.tag.rpartition("}")[2]
        if kind == "text":
            # As outlines: drawn as text, letters would be moved to whole pixels, and texts grow.
            outline = TextPath((0, 0), element.text.replace("$", r"\$"), size, prop=font)
            x, y = float(element.get("x")), float(element.get("y"))
            if element.get("text-anchor") == "middle":
                x -= outline.get_extents().x1 / 2
            outline = outline.transformed(Affine2D().scale(1, -1).translate(x, y))
            axes.add_patch(PathPatch(outline, facecolor=element.get("fill"), linewidth=0))
            continue
        style = {
            "facecolor": element.get("fill"),
            "edgecolor": element.get("stroke", "none"),
            "linewidth": float(element.get("stroke-width", 1)) * POINTS_PER_PIXEL,
        }
        if element.get("stroke-dasharray"):
            style["linestyle"] = (0, tuple(map(float, element.get("stroke-dasharray").split())))
        if kind == "path":
            shape = PathPatch(_path(element.get("d"), Outline))
        elif element.get("width") == "100%":
            shape = Rectangle((0, 0), width, height)
        else:
            x, y, w, h = (float(element.get(name)) for name in ("x", "y", "width", "height"))
            round_corners = f"round,pad=0,rounding_size={element.get('rx')}"
            shape = FancyBboxPatch((x, y), w, h, boxstyle=round_corners)
        shape.set(**style)
        axes.add_patch(shape)
    return figure


def _path(text, kind):
    """A matplotlib Path from SVG's text of one."""
    codes = {"M": kind.MOVETO, "L": kind.LINETO, "C": kind.CURVE4}
    points, steps, words = [], [], text.split()
    code = None
    while words:
        if words[0] in codes or words[0] == "Z":
            code = words.pop(0)
        if code == "Z":
            points.append(points[0])
            steps.append(kind.CLOSEPOLY)
            continue
        points.append((float(words.pop(0)), float(words.pop(0))))
        steps.append(codes[code])
    return kind(points, steps)
