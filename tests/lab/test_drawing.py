"""The picture of a graph: well-formed, complete, and nothing overlaps."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from minigrad import Function, Parameter
from minigrad.lab import Graph, Watch
from minigrad.plots._style import THEMES

# Of DejaVu Sans Mono at 12 pixels; Menlo and Consolas are narrower.
CHARACTER, ASCENT, DESCENT = 7.25, 10, 3


def parse(svg):
    """The picture's size, its boxes and texts as {(left, top, right, bottom): text}, its lines."""
    root = ElementTree.fromstring(svg)
    tag = "{http://www.w3.org/2000/svg}"
    assert {element.tag for element in root} <= {
        f"{tag}{name}" for name in ("style", "rect", "text", "path")
    }
    ground, *rects = root.findall(f"{tag}rect")
    assert ground.get("width") == ground.get("height") == "100%"
    size = float(root.get("width")), float(root.get("height"))
    boxes = [rect_area(rect) for rect in rects]
    texts = {text_area(text): text.text for text in root.findall(f"{tag}text")}
    lines = [path.get("d") for path in root.findall(f"{tag}path") if path.get("fill") == "none"]
    return size, boxes, texts, lines


def rect_area(rect):
    x, y, width, height = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def text_area(text):
    x, y, width = float(text.get("x")), float(text.get("y")), CHARACTER * len(text.text)
    if text.get("text-anchor") == "middle":
        x -= width / 2
    return x, y - ASCENT, x + width, y + DESCENT


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def contains(outer, inner):
    return (
        outer[0] <= inner[0] and outer[1] <= inner[1]
        and inner[2] <= outer[2] and inner[3] <= outer[3]
    )  # fmt: skip


def test_nothing_overlaps_and_all_is_within_the_picture(loss):
    size, boxes, texts, _ = parse(Graph(loss)._repr_svg_())
    for a, b in itertools.chain(itertools.combinations(texts, 2), itertools.combinations(boxes, 2)):
        assert not overlap(a, b), (texts.get(a), texts.get(b))
    for area, text in texts.items():
        assert contains((0, 0, *size), area), text
        touched = [box for box in boxes if overlap(box, area)]
        assert len(touched) <= 1 and all(contains(box, area) for box in touched), text


def test_lines_go_round_boxes_and_texts(loss):
    """Lines are straight across rows, and bend only between rows."""
    _, boxes, texts, lines = parse(Graph(loss)._repr_svg_())
    assert lines
    for line in lines:
        x, top, bottom, *curve, end = map(float, re.findall(r"-?[\d.]+", line))
        for area in [*boxes, *texts]:
            assert not overlap((x - 1, top + 1, x + 1, bottom), area), (line, texts.get(area))
            last = (curve[-2] - 1, curve[-1], curve[-2] + 1, end)
            assert not overlap(last, area), (line, texts.get(area))
        left, right = min(x, *curve[::2]), max(x, *curve[::2])
        for area in [*boxes, *texts]:
            assert not overlap((left, bottom, right, max(curve[1::2])), area), (
                line,
                texts.get(area),
            )


def shown(graph):
    """The vertices that are no number within a formula."""
    return [
        v for v in graph.vertices
        if v.operation or v.wants_gradient or v.shape or v.value is None
    ]  # fmt: skip


def number(array):
    return f"{array.item():.4g}".replace("-", "−")


def test_every_vertex_is_drawn_with_its_value_and_gradient(loss):
    graph = Graph(loss)
    _, boxes, texts, _ = parse(graph._repr_svg_())
    words = list(texts.values())
    assert words[:2] == ["values go down,", f"gradients of {graph.vertices[-1].name} come back up"]
    assert len(boxes) == len(shown(graph))
    for vertex in shown(graph):
        (box,) = [
            box for box in boxes
            if any(
                contains(box, area) and re.match(rf"{re.escape(vertex.name)}( |$)", text)
                for area, text in texts.items()
            )
        ]  # fmt: skip
        title, left, *right = (text for area, text in texts.items() if contains(box, area))
        assert title.startswith(f"{vertex.name} = ") == bool(vertex.operation)
        assert title.endswith(" (constant)") == (not vertex.wants_gradient)
        if vertex.value is not None and vertex.value.size == 1:
            assert left == number(vertex.value)
        else:
            assert left == (str(vertex.shape) if vertex.shape else "not kept")
        if vertex.gradient is None:
            assert right == []
        elif vertex.gradient.size == 1:
            assert right == [number(vertex.gradient)]
        else:
            assert right == [f"‖∂‖ {number(np.linalg.norm(vertex.gradient.astype(float)))}"]


def test_formulas_hold_constants_and_lines_hold_factors():
    w, x, b = (Parameter(v, "float64", name) for v, name in ((2, "w"), (3, "x"), (-5, "b")))
    svg = Graph((w * x + b * 7.0) ** 2 + w**2)._repr_svg_()
    _, boxes, texts, _ = parse(svg)
    words = list(texts.values())
    label = ElementTree.fromstring(svg).get("aria-label")
    assert label.startswith("A graph of 9 boxes. w: 2, gradient −170; x: 3, gradient −116; ")
    assert label.endswith("; z6 = z4 + z5: 845, gradient 1")
    for formula in ("z1 = w · x", "z2 = b · 7", "z3 = z1 + z2", "z4 = z3²", "z5 = w²"):
        assert formula in words
    assert len(boxes) == 9 and "7 (constant)" not in words, "2 and 7 stand in formulas"
    titles = {box: next(t for a, t in texts.items() if contains(box, a)) for box in boxes}
    factors = {}
    for (left, _, _, bottom), text in texts.items():
        if text.startswith("×"):  # just above its box
            below = [box for box in boxes if box[0] < left < box[2] and 0 < box[1] - bottom < 9]
            factors.setdefault(titles[below[0]], []).append(text)
    assert factors == {
        "z1 = w · x": ["× 3", "× 2"],  # the gradient of w is x, that of x is w
        "z2 = b · 7": ["× 7"],
        "z3 = z1 + z2": ["× 1", "× 1"],
        "z4 = z3²": ["× −58"],  # 2 (6 − 35)
        "z5 = w²": ["× 4"],
        "z6 = z4 + z5": ["× 1", "× 1"],
    }


def test_long_formulas_and_ops_of_ones_own_are_named_alone():
    class Mul(Function):
        def forward(self, x, y):
            return x * y

        def backward(self, g):
            return g, g

    w = Parameter(2.0, name="a weight with a rather long name")
    texts = parse(Graph(Mul()(w * w, w))._repr_svg_())[2].values()
    assert "z1 = Mul" in texts
    own = Parameter(2.0, name="w")
    assert "z1 = Mul(w, w)" in parse(Graph(Mul()(own, own))._repr_svg_())[2].values()


def test_colors_follow_the_page_and_stay_readable_without_styles():
    svg = Graph(Parameter(2.0, name="w") * 3.0)._repr_svg_()
    style = ElementTree.fromstring(svg).find("{http://www.w3.org/2000/svg}style").text
    dark = THEMES["dark"]
    assert f"@media (prefers-color-scheme:dark){{.mg-fill-page{{fill:{dark['page']}}}" in style
    assert f"[data-theme=dark] .mg-fill-ink{{fill:{dark['ink']}}}" in style
    assert f"[data-theme=light] .mg-fill-ink{{fill:{THEMES['light']['ink']}}}" in style
    for element in ElementTree.fromstring(svg)[1:]:
        for key in ("fill", "stroke"):
            assert re.fullmatch(r"#[0-9a-f]{6}|none|", element.get(key, ""))


def test_every_line_ends_at_its_box(loss):
    """As many lines reach boxes as operations have inputs, each from a vertex above."""
    graph = Graph(loss)
    _, boxes, _, lines = parse(graph._repr_svg_())
    inputs = sum(origin in shown(graph) for v in graph.vertices for origin in v.inputs)
    ends = [re.findall(r"([\d.]+) [\d.]+ V ([\d.]+)$", line)[0] for line in lines]
    tops = [(left, right, top) for left, top, right, _ in boxes]
    ends = [tuple(map(float, end)) for end in ends]
    reached = [(x, y) for x, y in ends if any(a < x < b and y == top for a, b, top in tops)]
    assert len(reached) == len(set(reached)) == inputs


@pytest.mark.parametrize("depth", [1, 2, None])
def test_layers_are_drawn_with_thick_boxes_and_operations_with_their_layer(make_model, depth):
    model = make_model("functional")
    with Watch(model) as watch:
        loss = model(np.ones((2, 3)), training=True).mean()
    graph = Graph(loss, watch, depth)
    svg = graph._repr_svg_()
    size, boxes, texts, _ = parse(svg)
    for a, b in itertools.combinations([*texts, *boxes], 2):
        assert not overlap(a, b) or contains(b, a) or contains(a, b), (texts.get(a), texts.get(b))
    assert all(contains((0, 0, *size), area) for area in texts)
    assert svg.count('stroke-width="2.5"') == sum(vertex.is_layer for vertex in graph.vertices)
    for vertex in graph.vertices:
        if vertex.operation and vertex.layer:
            assert f"in {vertex.layer}" in texts.values()


def test_saved_file_is_the_picture(tmp_path):
    graph = Graph(Parameter(2.0, name="w") * 3.0)
    graph.save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == graph._repr_svg_()
    with pytest.raises(ValueError, match=r"Graph\.save: expected a path that ends in \.svg"):
        graph.save("graph.png")
