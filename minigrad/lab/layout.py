"""Vertices of a graph in rows, and lines that go round them.

The layout is that of Sugiyama, Tagawa and Toda (1981), https://doi.org/10.1109/TSMC.1981.4308636.
Each vertex gets a row, just above the highest of those that use it. A line that crosses a row gets
a slot there, which keeps boxes out of its way. Each row is sorted by the mean position of its
neighbours, in several sweeps, and spread out no more than its texts need.
"""

import dataclasses

GAP = 20  # pixels between two slots
SWEEPS = 16
# Weights of the slots' positions: chains of operations are straightest, then lines that cross rows.
OPERATION_WEIGHT, LINE_WEIGHT, LEAF_WEIGHT = 100, 10, 1


@dataclasses.dataclass(eq=False)
class Slot:
    """A position in a row, for a vertex or for a line that crosses the row: then `is_line`."""

    vertex: object
    is_line: bool = False
    box: float = 0.0  # the box's width; x is its middle
    right: float = 0.0  # the extent to the right of x, which texts may make larger than half of it
    weight: float = LINE_WEIGHT
    x: float = 0.0
    # Lines to other rows: pairs (slot at the other end, offset of the end from the lower slot's x).
    above: list = dataclasses.field(default_factory=list)
    below: list = dataclasses.field(default_factory=list)

    @property
    def left(self):
        """The extent to the left of x."""
        return self.box / 2


def arrange(vertices, measure, inputs_of=lambda vertex: vertex.inputs, gap=GAP):
    """Put vertices into rows, and return the rows: lists of slots, from the left to the right.

    Parameters
    ----------
    vertices : list
        Inputs before results; each has `inputs`, a list of vertices.
    measure : callable
        From a vertex to the keywords of its Slot: `box`, `right` and `weight`.
    inputs_of : callable
        From a vertex to those of its inputs that are vertices here.
    gap : float
        The least space between two slots.
    """
    rows = _make_rows(vertices, measure, inputs_of)
    for row in rows:
        _spread(row, [0] * len(row), gap)
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wishes = {slot: _wish(slot, downwards=sweep % 2 == 0) for slot in row}
            row.sort(key=lambda slot: wishes[slot][0])
            _spread(row, [wishes[slot][1] for slot in row], gap)
    return rows


def _make_rows(vertices, measure, inputs_of):
    """Put the vertices, and the lines that cross rows, into rows; the last one holds the result."""
    height = dict.fromkeys(vertices, 0)  # in rows above the last
    end = {}  # vertex -> height of the row just above its lowest user
    for vertex in reversed(vertices):
        for origin in inputs_of(vertex):
            height[origin] = max(height[origin], height[vertex] + 1)
            end[origin] = min(end.get(origin, height[vertex] + 1), height[vertex] + 1)
    rows = [[] for _ in range(1 + max(height.values()))]
    slots = {}  # (vertex, height) -> its slot, or its line's
    for vertex in vertices:
        for level in range(height[vertex], end.get(vertex, 0) - 1, -1):
            slot = Slot(vertex, is_line=True)
            if level == height[vertex]:
                slot = Slot(vertex, **measure(vertex))
            slots[vertex, level] = slot
            rows[level].append(slot)
            if slot.is_line:
                _connect(slots[vertex, level + 1], slot, port=0)
        lower = slots[vertex, height[vertex]]
        inputs = inputs_of(vertex)
        for i, origin in enumerate(inputs):
            port = lower.box * ((i + 1) / (len(inputs) + 1) - 0.5)
            _connect(slots[origin, height[vertex] + 1], lower, port)
    return rows[::-1]


def _connect(upper, lower, port):
    upper.below.append((lower, port))
    lower.above.append((upper, port))


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


def _spread(row, wishes, gap):
    """Place the slots of a row as near to their desired x as their widths permit.

    An isotonic regression of the desired x minus the widths to the left, by the algorithm "pool
    adjacent violators".
    """
    offset, offsets, pools = 0, [], []  # a pool: mean, weight, number of slots
    for slot, wish in zip(row, wishes, strict=True):
        offset += slot.left
        offsets.append(offset)
        pools.append((wish - offset, slot.weight, 1))
        offset += slot.right + gap
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (a, weight_a, count_a), (b, weight_b, count_b) = pools[-2:]
            weight = weight_a + weight_b
            mean = (a * weight_a + b * weight_b) / weight
            pools[-2:] = [(mean, weight, count_a + count_b)]
    places = [mean for mean, _, count in pools for _ in range(count)]
    for slot, place, offset in zip(row, places, offsets, strict=True):
        slot.x = place + offset
