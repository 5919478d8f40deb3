"""Forward and backward of L = (w x + b)² + w², with every number, as `lab.Graph` finds them."""

from diagram import Diagram, number

from minigrad import Parameter
from minigrad.lab import Graph

WIDTHS = (760, 400)
BOX, TALL = 96, 58
# What a vertex of `lab.Graph` is called here, and where its middle is: wide, narrow.
LOOKS = {
    "w": ("w", (64, 98), (62, 96)),
    "x": ("x", (64, 226), (200, 96)),
    "b": ("b", (224, 306), (338, 96)),
    "z1": ("z = w · x", (224, 180), (138, 226)),
    "z2": ("p = z + b", (382, 244), (258, 346)),
    "z3": ("s = p²", (540, 244), (258, 466)),
    "z4": ("r = w²", (540, 98), (62, 466)),
    "z5": ("L = s + r", (698, 171), (160, 592)),
}


def vertices():
    """The graph's vertices, constants left out."""
    given = {"w": 2, "x": 3, "b": -5}
    w, x, b = (Parameter(value, "float64", name) for name, value in given.items())
    return [v for v in Graph((w * x + b) ** 2 + w**2).vertices if v.wants_gradient]


def draw(width, theme):
    narrow, found = width < 500, vertices()
    height = 640 if narrow else 346
    picture = Diagram("graph", width, height, "Forward and backward through a small graph")
    picture.heads("ink")
    ways = ("go to the right,", "come back to the left.")
    ways = ("go down,", "come back up.") if narrow else ways
    heading = [(f"Values {ways[0]} ", "ink", "bold"), (f"gradients {ways[1]}", "b", "bold")]
    picture.spans(12, 24, heading, 14)
    words = "On each line: the factor of the gradient on its way back, a local derivative."
    picture.text(12, 44, words[: words.index(",")] if narrow else words, 12, class_="s")
    for vertex in found:
        for origin, passed in zip(vertex.inputs, vertex.passed, strict=True):
            if passed is not None:
                edge(picture, origin, vertex, passed / vertex.gradient, narrow)
    for vertex in found:
        node(picture, *LOOKS[vertex.name][1 + narrow], vertex)
    x, y = (44, 292) if narrow else (16, 146)
    picture.text(x, y, "2·3 + 1·4 = 10:", 12, fill="b", font_weight="bold")
    picture.text(x, y + 16, "w is used twice,", 12, fill="b")
    picture.text(x, y + 32, "its shares add up", 12, fill="b")
    return str(picture)


def node(picture, x, y, vertex):
    """A box: the formula, below it the value at the left and the gradient at the right."""
    leaf, left, top = not vertex.operation, x - BOX / 2, y - TALL / 2
    colors = ("wash-a", "a") if leaf else ("paper", "ink")
    picture.box(left, top, BOX, TALL, *colors, rx=7, stroke_width=1.4)
    picture.text(x, top + 18, LOOKS[vertex.name][0], 13.5, "middle", font_style="italic")
    cross = f"M{left + 8} {top + 27}H{left + BOX - 8}M{x} {top + 31}V{top + TALL - 5}"
    picture.line(cross, "bar", 1)
    bold = {"font_weight": "bold"}
    picture.text(x - BOX / 4, top + 48, number(vertex.value), 17, "middle", **bold)
    picture.text(x + BOX / 4, top + 48, number(vertex.gradient), 17, "middle", fill="b", **bold)


def edge(picture, origin, vertex, factor, narrow):
    """A line between two boxes, and on it the local derivative."""
    (x0, y0), (x1, y1) = LOOKS[origin.name][1 + narrow], LOOKS[vertex.name][1 + narrow]
    names = [o.name for o in vertex.inputs if o.wants_gradient]
    apart = 44 if narrow else 24  # between the ends of two lines at one box
    shift = 0 if len(names) == 1 else (names.index(origin.name) - 0.5) * apart
    shift = -shift if vertex.name == "z5" else shift  # s comes from below, r from above
    if narrow:
        way, at = down(origin.name, vertex.name, x0, y0 + TALL / 2, x1 + shift, y1 - TALL / 2 - 2)
    else:
        way, at = across(origin.name, x0 + BOX / 2, y0, x1 - BOX / 2 - 2, y1 + shift)
    picture.line(way, head=True)
    label = f"× {number(factor)}"
    wide = 8 * len(label) + 6
    look = {"rx": 10.5, "stroke_width": 1}
    picture.box(at[0] - wide / 2, at[1] - 10.5, wide, 21, "wash-b", "b", **look)
    picture.text(at[0], at[1] + 4.5, label, 12.5, "middle", fill="b", font_weight="bold")


def across(origin, x0, y0, x1, y1):
    """The way of a line to the right, and where its factor stands."""
    middle = (x0 + x1) / 2
    bend = 34 if origin == "b" else middle - x0
    way = f"M{x0} {y0}C{x0 + bend} {y0} {x1 - bend} {y1} {x1} {y1}"
    return way, (middle, (y0 + y1) / 2)


def down(origin, target, x0, y0, x1, y1):
    """The same for a line downwards; w has two, the one to w² straight."""
    if origin == "w":
        x0, x1 = (30, 30) if target == "z4" else (96, x1)
    middle = (y0 + y1) / 2
    at = {("w", "z4"): (30, 396), ("b", "z2"): (306, 230)}.get((origin, target))
    way = f"M{x0} {y0}C{x0} {middle} {x1} {middle} {x1} {y1}"
    return way, at or ((x0 + x1) / 2, middle)
