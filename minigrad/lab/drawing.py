"""A graph as an SVG picture: values go down, gradients come back up.

The layout is that of Sugiyama, Tagawa and Toda (1981), https://doi.org/10.1109/TSMC.1981.4308636.
Each vertex gets a row, just above the highest of those that use it. A line that crosses a row gets
a slot there, which keeps boxes out of its way. Each row is sorted by the mean position of its
neighbours, in several sweeps, and spread out no more than its texts need.
"""

import dataclasses
import xml.etree.ElementTree as ElementTree

from minigrad.plots._style import BLUE

# In pixels. Of a monospaced font of 12 a character is 7.2 to 7.3 wide.
CHARACTER, FONT_SIZE, LINE = 7.3, 12, 15
MARGIN, GAP, PADDING = 16, 20, 9
BOX, LABEL, BEND = 26, 2 * LINE + 8, 34  # heights: box, labels below it, bends of the lines
ROW = BOX + LABEL + BEND
HEADER = 30
TEXT, GREY, WHITE, PALE = "#1a1a1a", "#707070", "#ffffff", "#dcedf7"

SWEEPS = 16
# Weights of the slots' positions: chains of operations are straightest, then lines that cross rows.
OPERATION_WEIGHT, LINE_WEIGHT, LEAF_WEIGHT = 100, 10, 1


@dataclasses.dataclass(eq=False)
class Slot:
    """A position in a row, for a vertex or for a line that crosses the row: then `is_line`."""

    vertex: object
    is_line: bool = False
    x: float = 0.0
    # Lines to other rows: pairs (slot at the other end, offset of the end from the lower slot's x).
    above: list = dataclasses.field(default_factory=list)
    below: list = dataclasses.field(default_factory=list)

    @property
    def weight(self):
        if self.is_line:
            return LINE_WEIGHT
        return OPERATION_WEIGHT if self.vertex.operation else LEAF_WEIGHT

    @property
    def box(self):
        """The box's width."""
        return 0 if self.is_line else CHARACTER * len(_title(self.vertex)) + 2 * PADDING

    @property
    def left(self):
        """The extent to the left of x."""
        return self.box / 2

    @property
    def right(self):
        """The extent to the right of x."""
        texts = [] if self.is_line else _labels(self.vertex)
        return max(self.box / 2, *(PADDING + CHARACTER * len(text) for text in texts), 0)


def draw(vertices):
    """Return the picture of a graph as the text of an SVG file.

    Parameters
    ----------
    vertices : list of Vertex
        Inputs before results.
    """
    rows = _make_rows(vertices)
    _arrange(rows)
    slots = [slot for row in rows for slot in row]
    shift = MARGIN - min(slot.x - slot.left for slot in slots)
    for slot in slots:
        slot.x += shift
    width = MARGIN + max(slot.x + slot.right for slot in slots)
    caption = f"values go down, gradients ∂ of {vertices[-1].name} come back up"
    width = max(width, 2 * MARGIN + CHARACTER * len(caption))
    height = HEADER + len(rows) * ROW - BEND + MARGIN
    picture = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width:.0f} {height}",
            "width": f"{width:.0f}",
            "height": f"{height}",
            "font-family": "DejaVu Sans Mono, Menlo, Consolas, monospace",
            "font-size": f"{FONT_SIZE}",
        },
    )
    # A white background: the picture can be read on a dark page too.
    _add(picture, "rect", width="100%", height="100%", rx=6, fill=WHITE)
    _add(picture, "text", caption, x=MARGIN, y=HEADER - 10, fill=BLUE)
    for index, row in enumerate(rows):
        for slot in row:
            _draw_slot(picture, slot, HEADER + index * ROW)
    return ElementTree.tostring(picture, encoding="unicode")


# --- layout --------------------------------------------------------------------------------------


def _make_rows(vertices):
    """Put the vertices, and the lines that cross rows, into rows; the last one holds the result."""
    height = dict.fromkeys(vertices, 0)  # in rows above the last
    end = {}  # vertex -> height of the row just above its lowest user
    for vertex in reversed(vertices):
        for origin in vertex.inputs:
            height[origin] = max(height[origin], height[vertex] + 1)
            end[origin] = min(end.get(origin, height[vertex] + 1), height[vertex] + 1)
    rows = [[] for _ in range(1 + max(height.values()))]
    slots = {}  # (vertex, height) -> its slot, or its line's
    for vertex in vertices:
        for level in range(height[vertex], end.get(vertex, 0) - 1, -1):
            slot = slots[vertex, level] = Slot(vertex, is_line=level != height[vertex])
            rows[level].append(slot)
            if slot.is_line:
                _connect(slots[vertex, level + 1], slot, port=0)
        lower = slots[vertex, height[vertex]]
        for i, origin in enumerate(vertex.inputs):
            port = lower.box * ((i + 1) / (len(vertex.inputs) + 1) - 0.5)
            _connect(slots[origin, height[vertex] + 1], lower, port)
    return rows[::-1]


def _connect(upper, lower, port):
    upper.below.append((lower, port))
    lower.above.append((upper, port))


def _arrange(rows):
    """Set every slot's x: few crossings, short lines, no overlapping texts."""
    for row in rows:
        _spread(row, [0] * len(row))
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wishes = {slot: _wish(slot, downwards=sweep % 2 == 0) for slot in row}
            row.sort(key=lambda slot: wishes[slot][0])
            _spread(row, [wishes[slot][1] for slot in row])


def _wish(slot, downwards):
    """Return a slot's key for the order of its row, and its desired x, from its neighbours."""
    ends = slot.above if downwards else slot.below
    places = [other.x - port if downwards else other.x + port for other, port in ends]
    mean = sum(places) / len(places) if places else slot.x
    chain = [other.x for other, _ in ends if _hang_together(slot, other)]
    return mean, sum(chain) / len(chain) if chain else mean


def _hang_together(slot, other):
    """Whether they are parts of one line, or both operations."""
    return slot.vertex is other.vertex or slot.weight == other.weight == OPERATION_WEIGHT


def _spread(row, wishes):
    """Place the slots of a row as near to their desired x as their widths permit.

    An isotonic regression of the desired x minus the widths to the left, by the algorithm "pool
    adjacent violators".
    """
    offset, offsets, pools = 0, [], []  # a pool: mean, weight, number of slots
    for slot, wish in zip(row, wishes, strict=True):
        offset += slot.left
        offsets.append(offset)
        pools.append((wish - offset, slot.weight, 1))
        offset += slot.right + GAP
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (a, weight_a, count_a), (b, weight_b, count_b) = pools[-2:]
            weight = weight_a + weight_b
            mean = (a * weight_a + b * weight_b) / weight
            pools[-2:] = [(mean, weight, count_a + count_b)]
    places = [mean for mean, _, count in pools for _ in range(count)]
    for slot, place, offset in zip(row, places, offsets, strict=True):
        slot.x = place + offset


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
        _add(picture, "path", d=line, fill="none", stroke=color)
        if not lower.is_line:
            arrow = f"M {end - 4:.1f} {next_top - 7} h 8 l -4 7 z"
            _add(picture, "path", d=arrow, fill=color)
    if slot.is_line:
        return
    is_leaf = slot.vertex.wants_gradient and not slot.vertex.operation
    box = {"x": f"{slot.x - slot.left:.1f}", "y": top, "width": f"{slot.box:.1f}", "height": BOX}
    box |= {"rx": 4, "fill": PALE if is_leaf else WHITE, "stroke": BLUE if is_leaf else color}
    if slot.vertex.is_layer:
        box["stroke-width"] = 2.5
    if not slot.vertex.wants_gradient:
        box["stroke-dasharray"] = "4 3"
    _add(picture, "rect", **box)
    name = {"x": f"{slot.x:.1f}", "y": top + BOX / 2 + 4, "text-anchor": "middle", "fill": color}
    _add(picture, "text", _title(slot.vertex), **name)
    for i, text in enumerate(_labels(slot.vertex)):
        x, y = f"{slot.x + PADDING:.1f}", top + BOX + (i + 1) * LINE
        _add(picture, "text", text, x=x, y=y, fill=BLUE if i else GREY)


def _add(parent, tag, text=None, **attributes):
    element = ElementTree.SubElement(parent, tag, {k: str(v) for k, v in attributes.items()})
    element.text = text
