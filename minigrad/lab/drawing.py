"""A graph as an SVG picture: values go down, gradients come back up."""

import xml.etree.ElementTree as ElementTree

from minigrad.lab.layout import LEAF_WEIGHT, OPERATION_WEIGHT, arrange
from minigrad.plots._style import BLUE

# In pixels. Of a monospaced font of 12 a character is 7.2 to 7.3 wide.
CHARACTER, FONT_SIZE, LINE = 7.3, 12, 15
MARGIN, PADDING = 16, 9
BOX, LABEL, BEND = 26, 2 * LINE + 8, 34  # heights: box, labels below it, bends of the lines
ROW = BOX + LABEL + BEND
HEADER = 30
TEXT, GREY, WHITE, PALE = "#1a1a1a", "#707070", "#ffffff", "#dcedf7"


def draw(vertices):
    """Return the picture of a graph as the text of an SVG file.

    Parameters
    ----------
    vertices : list of Vertex
        Inputs before results.
    """
    rows = arrange(vertices, _measure)
    slots = [slot for row in rows for slot in row]
    shift = MARGIN - min(slot.x - slot.left for slot in slots)
    for slot in slots:
        slot.x += shift
    width = MARGIN + max(slot.x + slot.right for slot in slots)
    caption = f"values go down, gradients ∂ of {vertices[-1].name} come back up"
    width = max(width, 2 * MARGIN + CHARACTER * len(caption))
    height = HEADER + len(rows) * ROW - BEND + MARGIN
    picture = new_picture(width, height)
    add(picture, "text", caption, x=MARGIN, y=HEADER - 10, fill=BLUE)
    for index, row in enumerate(rows):
        for slot in row:
            _draw_slot(picture, slot, HEADER + index * ROW)
    return ElementTree.tostring(picture, encoding="unicode")


def _measure(vertex):
    """The extents of a vertex's box and texts, and how straight the lines to it should be."""
    box = CHARACTER * len(_title(vertex)) + 2 * PADDING
    right = max(box / 2, *(PADDING + CHARACTER * len(text) for text in _labels(vertex)))
    return {
        "box": box,
        "right": right,
        "weight": OPERATION_WEIGHT if vertex.operation else LEAF_WEIGHT,
    }


# --- drawing -------------------------------------------------------------------------------------


def _title(vertex):
    if vertex.operation:
        return f"{vertex.name} = {vertex.operation}"
    return vertex.name if vertex.wants_gradient else f"{vertex.name} (constant)"


def _labels(vertex):
    """The texts below a box: the shape, that of the gradient, and single numbers."""
    layer = f" in {vertex.layer}" if vertex.operation and vertex.layer else ""
    labels = [f"{vertex.shape}{_number(vertex.value)}{layer}"]
    if vertex.gradient is not None:
        labels.append(f"∂ {vertex.gradient.shape}{_number(vertex.gradient)}")
    return labels


def _number(array):
    return "" if array is None or array.size != 1 else f" = {array.item():.4g}"


def _draw_slot(picture, slot, top):
    """Draw a slot, and the lines from it to the row below."""
    bottom, next_top = top + BOX + LABEL, top + ROW
    color = TEXT if slot.vertex.wants_gradient else GREY
    for lower, port in slot.below:
        middle, end = bottom + BEND / 2, lower.x + port
        bend = f"C {slot.x:.1f} {middle} {end:.1f} {middle} {end:.1f} {next_top}"
        line = f"M {slot.x:.1f} {top if slot.is_line else top + BOX} V {bottom} {bend}"
        add(picture, "path", d=line, fill="none", stroke=color)
        if not lower.is_line:
            arrow = f"M {end - 4:.1f} {next_top - 7} h 8 l -4 7 z"
            add(picture, "path", d=arrow, fill=color)
    if slot.is_line:
        return
    is_leaf = slot.vertex.wants_gradient and not slot.vertex.operation
    box = {"x": f"{slot.x - slot.left:.1f}", "y": top, "width": f"{slot.box:.1f}", "height": BOX}
    box |= {"rx": 4, "fill": PALE if is_leaf else WHITE, "stroke": BLUE if is_leaf else color}
    if slot.vertex.is_layer:
        box["stroke-width"] = 2.5
    if not slot.vertex.wants_gradient:
        box["stroke-dasharray"] = "4 3"
    add(picture, "rect", **box)
    name = {"x": f"{slot.x:.1f}", "y": top + BOX / 2 + 4, "text-anchor": "middle", "fill": color}
    add(picture, "text", _title(slot.vertex), **name)
    for i, text in enumerate(_labels(slot.vertex)):
        x, y = f"{slot.x + PADDING:.1f}", top + BOX + (i + 1) * LINE
        add(picture, "text", text, x=x, y=y, fill=BLUE if i else GREY)


def new_picture(width, height):
    """Return the root of an SVG picture of this size in pixels."""
    picture = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width:.0f} {height:.0f}",
            "width": f"{width:.0f}",
            "height": f"{height:.0f}",
            "font-family": "DejaVu Sans Mono, Menlo, Consolas, monospace",
            "font-size": f"{FONT_SIZE}",
        },
    )
    # A white background: the picture can be read on a dark page too.
    add(picture, "rect", width="100%", height="100%", rx=6, fill=WHITE)
    return picture


def add(parent, tag, text=None, **attributes):
    """Add an element to a picture, its attributes as text."""
    element = ElementTree.SubElement(parent, tag, {k: str(v) for k, v in attributes.items()})
    element.text = text
