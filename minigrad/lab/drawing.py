"""A graph as an SVG picture: values go down, gradients come back up."""

import xml.etree.ElementTree as ElementTree

from minigrad.lab.layout import LEAF_WEIGHT, OPERATION_WEIGHT, arrange
from minigrad.plots._style import OPTIMIZERS, THEMES

# In pixels. Of a monospaced font of 12 a character is 7.2 to 7.3 wide.
CHARACTER, FONT_SIZE, LINE = 7.3, 12, 15
MARGIN, PADDING = 16, 9
BOX, LABEL, BEND, FACTOR = (
    46,
    LINE + 6,
    30,
    20,
)  # heights: box, the layer below it, lines' bends and
ROW = BOX + LABEL + BEND + FACTOR  # ends, where factors stand
HEADER = 18  # without the lines of words
TEXT, GREY, WHITE, PALE = "#1a1a1a", "#707070", "#ffffff", "#dcedf7"
BLUE = OPTIMIZERS["SGD"][1]
LONGEST = 30  # characters of a formula; a longer one is the operation alone

FORMULAS = {
    "Add": "{} + {}", "Sub": "{} − {}", "Mul": "{} · {}", "Div": "{} / {}", "Neg": "−{}",
    "Pow": "{}^{}", "MatMul": "{} @ {}",
}  # fmt: skip
# The colors of each part, on a light and on a dark page. Viewers that know no style show the first.
ROLES = {
    role: (THEMES["light"][role], THEMES["dark"][role])
    for role in ("page", "ink", "grey", "grid", "backward")
} | {"leaf": OPTIMIZERS["SGD"][1:3], "wash": ("#e3eff6", "#152c3a")}


def draw(vertices):
    """Return the picture of a graph as the text of an SVG file.

    A box has the formula, the value at the left (of an array its shape) and the gradient at the
    right (of an array its norm). Scalar constants stand in formulas. A number on a line is what the
    gradient is multiplied by on its way back. Colors follow the page: light or dark.

    Parameters
    ----------
    vertices : list of Vertex
        Inputs before results.
    """
    drawn = [vertex for vertex in vertices if not _is_within_formulas(vertex, vertices[-1])]
    rows = arrange(drawn, _measure, _drawn_inputs)
    slots = [slot for row in rows for slot in row]
    shift = MARGIN - min(slot.x - slot.left for slot in slots)
    for slot in slots:
        slot.x += shift
    width = MARGIN + max(slot.x + slot.right for slot in slots)
    caption = [
        ("values go down,", "ink"),
        (f"gradients of {vertices[-1].name} come back up", "backward"),
    ]
    notes = []
    if any(_factors(vertex) for vertex in drawn):
        notes.append("on a line: what the gradient is multiplied by on its way back")
    if any(_right(vertex).startswith("‖") for vertex in drawn):
        notes.append("‖∂‖: the norm of an array's gradient")
    longest = max(1 + sum(len(text) for text, _ in caption), *map(len, ["", *notes]))
    width = max(width, 2 * MARGIN + CHARACTER * longest)
    header = HEADER + (1 + len(notes)) * LINE
    height = header + len(rows) * ROW - BEND - FACTOR + MARGIN
    picture = new_picture(width, height, _themed())
    steps = "; ".join(f"{_title(v)}: {_left(v)}, gradient {_right(v) or 'none'}" for v in drawn)
    picture.set("role", "img")
    picture.set("aria-label", f"A graph of {len(drawn)} boxes. {steps}")
    x = MARGIN
    for text, role in caption:
        _add(picture, "text", text, x=f"{x:.1f}", y=20, fill=role)
        x += CHARACTER * (len(text) + 1)
    for index, note in enumerate(notes, start=1):
        _add(picture, "text", note, x=MARGIN, y=20 + index * LINE, fill="grey")
    for index, row in enumerate(rows):
        for slot in row:
            _draw_slot(picture, slot, header + index * ROW)
    return ElementTree.tostring(picture, encoding="unicode")


def _is_within_formulas(vertex, last):
    """Whether a vertex is a constant that formulas show as a number."""
    known = vertex.value is not None and not vertex.operation
    return known and not vertex.wants_gradient and vertex.shape == () and vertex is not last


def _drawn_inputs(vertex):
    return [origin for origin in vertex.inputs if not _is_within_formulas(origin, None)]


def _measure(vertex):
    """The extents of a vertex's box and texts, and how straight the lines to it should be."""
    longest = max(len(_title(vertex)), len(_left(vertex)) + len(_right(vertex)) + 3)
    factors = _factors(vertex)
    port = max(map(len, factors.values()), default=0) * CHARACTER + 14  # a line, and its factor
    box = max(
        CHARACTER * longest + 2 * PADDING, port * (len(_drawn_inputs(vertex)) + 1) * bool(factors)
    )
    return {
        "box": box,
        "right": max(box / 2, PADDING + CHARACTER * len(_below(vertex))),
        "weight": OPERATION_WEIGHT if vertex.operation else LEAF_WEIGHT,
    }


# --- texts ---------------------------------------------------------------------------------------


def _title(vertex):
    if not vertex.operation:
        return vertex.name if vertex.wants_gradient else f"{vertex.name} (constant)"
    names = [origin.name.replace("-", "−") for origin in vertex.inputs]
    pattern = FORMULAS.get(vertex.operation) if vertex.rule is not None else None
    if pattern is None or pattern.count("{}") != len(names):
        formula = f"{vertex.operation}({', '.join(names)})"
    else:
        formula = pattern.format(*names).replace("^2", "²").replace("^3", "³")
    return f"{vertex.name} = {formula if len(formula) <= LONGEST else vertex.operation}"


def _left(vertex):
    """The value, or the shape of an array."""
    if vertex.value is not None and vertex.value.size == 1:
        return _number(vertex.value.item())
    return str(vertex.shape) if vertex.shape else "not kept"


def _right(vertex):
    """The gradient, or the Euclidean norm of an array's."""
    if vertex.gradient is None:
        return ""
    if vertex.gradient.size == 1:
        return _number(vertex.gradient.item())
    return f"‖∂‖ {_number(float((vertex.gradient.astype(float) ** 2).sum()) ** 0.5)}"


def _below(vertex):
    return f"in {vertex.layer}" if vertex.operation and vertex.layer else ""


def _factors(vertex):
    """{index of an input: by what the gradient is multiplied on its way there}, where it is one."""
    factors = {}
    if vertex.gradient is None or vertex.gradient.size != 1 or not vertex.gradient.item():
        return factors
    for index, passed in enumerate(vertex.passed):
        if passed is not None and passed.size == 1:
            factors[index] = f"× {_number(passed.item() / vertex.gradient.item())}"
    return factors


def _number(value):
    return f"{value:.4g}".replace("-", "−")


# --- drawing -------------------------------------------------------------------------------------


def _draw_slot(picture, slot, top):
    """Draw a slot, and the lines from it to the row below."""
    bottom, next_top = top + BOX + LABEL, top + ROW
    role = "ink" if slot.vertex.wants_gradient else "grey"
    for lower, port in slot.below:
        middle, end = bottom + BEND / 2, lower.x + port
        bend = f"C {slot.x:.1f} {middle} {end:.1f} {middle} {end:.1f} {bottom + BEND}"
        start = top if slot.is_line else top + BOX
        line = f"M {slot.x:.1f} {start} V {bottom} {bend} V {next_top}"
        _add(picture, "path", d=line, fill="none", stroke=role)
        if not lower.is_line:
            arrow = f"M {end - 4:.1f} {next_top - 7} h 8 l -4 7 z"
            _add(picture, "path", d=arrow, fill=role)
    if slot.is_line:
        return
    vertex, left = slot.vertex, slot.x - slot.left
    inputs = _drawn_inputs(vertex)
    for index, factor in _factors(vertex).items():
        port = slot.box * ((inputs.index(vertex.inputs[index]) + 1) / (len(inputs) + 1))
        place = {"x": f"{left + port + 6:.1f}", "y": top - 6}
        _add(picture, "text", factor, **place, fill="backward")
    is_leaf = vertex.wants_gradient and not vertex.operation
    box = {"x": f"{left:.1f}", "y": top, "width": f"{slot.box:.1f}", "height": BOX, "rx": 4}
    box |= {"fill": "wash" if is_leaf else "page", "stroke": "leaf" if is_leaf else role}
    if vertex.is_layer:
        box["stroke-width"] = 2.5
    if not vertex.wants_gradient:
        box["stroke-dasharray"] = "4 3"
    _add(picture, "rect", **box)
    name = {"x": f"{slot.x:.1f}", "y": top + 17, "text-anchor": "middle", "fill": role}
    _add(picture, "text", _title(vertex), **name)
    value = {"x": f"{left + PADDING:.1f}", "y": top + 36}
    is_number = vertex.value is not None and vertex.value.size == 1
    _add(picture, "text", _left(vertex), **value, fill=role if is_number else "grey")
    right = _right(vertex)
    if right:
        x = left + slot.box - PADDING - CHARACTER * len(right)
        _add(picture, "text", right, x=f"{x:.1f}", y=top + 36, fill="backward")
    if _below(vertex):
        place = {"x": f"{slot.x + PADDING:.1f}", "y": top + BOX + LINE}
        _add(picture, "text", _below(vertex), **place, fill="grey")


def _add(picture, tag, text=None, **attributes):
    """Add an element whose fill and stroke are roles: their light color, and a class for others."""
    classes = []
    for key in ("fill", "stroke"):
        role = attributes.get(key)
        if role in ROLES:
            attributes[key] = ROLES[role][0]
            classes.append(f"mg-{key}-{role}")
    if classes:
        attributes["class"] = " ".join(classes)
    add(picture, tag, text, **attributes)


def _themed():
    """Return the style that follows the reader's system, and the switch of a page around it."""

    def rules(before, theme):
        return "".join(
            f"{before}.mg-{key}-{role}{{{key}:{colors[theme]}}}"
            for role, colors in ROLES.items()
            for key in ("fill", "stroke")
        )

    switches = {"[data-theme=light] ": 0, "[data-theme=dark] ": 1}
    switches |= {"[data-jp-theme-light=true] ": 0, "[data-jp-theme-light=false] ": 1}
    style = f"@media (prefers-color-scheme:dark){{{rules('', 1)}}}"
    return style + "".join(rules(switch, theme) for switch, theme in switches.items())


def new_picture(width, height, style=""):
    """Return the root of an SVG picture of this size in pixels, on white, or by its style."""
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
    if style:
        add(picture, "style", style)
    # A ground of its own: the picture can be read on any page.
    ground = {"class": "mg-fill-page"} if style else {}
    add(picture, "rect", width="100%", height="100%", rx=6, fill=WHITE, **ground)
    return picture


def add(parent, tag, text=None, **attributes):
    """Add an element to a picture, its attributes as text."""
    element = ElementTree.SubElement(parent, tag, {k: str(v) for k, v in attributes.items()})
    element.text = text
