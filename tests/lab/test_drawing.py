"""The picture of a graph: well-formed, complete, and nothing overlaps."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from minigrad import Parameter
from minigrad.lab import Graph, Watch

# Of DejaVu Sans Mono at 12 pixels; Menlo and Consolas are narrower.
CHARACTER, ASCENT, DESCENT = 7.25, 10, 3


def parse(svg):
    """The picture's size, its boxes and texts as {(left, top, right, bottom): text}, its lines."""
    root = ElementTree.fromstring(svg)
    tag = "{http://www.w3.org/2000/svg}"
    assert {element.tag for element in root} <= {
        f"{tag}{name}" for name in ("rect", "text", "path")
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
        x, top, bottom, *curve = map(float, re.findall(r"-?[\d.]+", line))
        for area in [*boxes, *texts]:
            assert not overlap((x - 1, top + 1, x + 1, bottom), area), (line, texts.get(area))
        left, right = min(x, *curve[::2]), max(x, *curve[::2])
        for area in [*boxes, *texts]:
            assert not overlap((left, bottom, right, max(curve[1::2])), area), (
                line,
                texts.get(area),
            )


def test_every_vertex_is_drawn_with_its_name_shape_and_gradient(loss):
    graph = Graph(loss)
    _, boxes, texts, _ = parse(graph._repr_svg_())
    caption, *labels = texts.values()
    assert caption == f"values go down, gradients ∂ of {graph.vertices[-1].name} come back up"
    assert len(boxes) == len(graph.vertices)
    expected = []
    for vertex in graph.vertices:
        if vertex.operation:
            expected.append(f"{vertex.name} = {vertex.operation}")
        else:
            expected.append(vertex.name + " (constant)" * (not vertex.wants_gradient))
        number = "" if vertex.shape or vertex.value is None else f" = {vertex.value.item():.4g}"
        expected.append(f"{vertex.shape}{number}")
        if vertex.gradient is not None:
            number = "" if vertex.shape else f" = {vertex.gradient.item():.4g}"
            expected.append(f"∂ {vertex.shape}{number}")
    assert sorted(labels) == sorted(expected)


def test_every_line_ends_at_its_box(loss):
    """As many lines reach boxes as operations have inputs, each from a vertex above."""
    graph = Graph(loss)
    _, boxes, _, lines = parse(graph._repr_svg_())
    inputs = sum(len(vertex.inputs) for vertex in graph.vertices)
    ends = [tuple(map(float, line.split()[-2:])) for line in lines]
    tops = [(left, right, top) for left, top, right, _ in boxes]
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
            assert f"{vertex.shape} in {vertex.layer}" in texts.values()


def test_saved_file_is_the_picture(tmp_path):
    graph = Graph(Parameter(2.0, name="w") * 3.0)
    graph.save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == graph._repr_svg_()
    with pytest.raises(ValueError, match=r"Graph\.save: expected a path that ends in \.svg"):
        graph.save("graph.png")
