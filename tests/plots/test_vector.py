"""SVG pictures of boxes, texts and lines, drawn with matplotlib."""

import numpy as np
import pytest

from minigrad.lab.drawing import add, new_picture

pytest.importorskip("matplotlib")

from xml.etree.ElementTree import tostring

from matplotlib.backends.backend_agg import FigureCanvasAgg

from minigrad.plots import _vector

BLACK_STROKE = {"stroke": "#000000"}


def drawn(*elements):
    """The pixels (H, W, 3) of a picture of 96 x 48 pixels with these elements."""
    picture = new_picture(96, 48)
    for tag, text, attributes in elements:
        add(picture, tag, text, **attributes)
    figure = _vector.draw(tostring(picture, encoding="unicode"))
    figure.set_dpi(96)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


def test_the_picture_has_its_size_on_white():
    pixels = drawn()
    assert pixels.shape == (48, 96, 3) and pixels.min() > 250


def test_a_box_is_filled_where_it_stands():
    box = {"x": 10, "y": 20, "width": 30, "height": 16, "rx": 2, "fill": "#ff0000"}
    pixels = drawn(("rect", None, box))
    assert pixels[28, 25].tolist() == [255, 0, 0]
    assert pixels[28, 60].tolist() == pixels[10, 25].tolist() == [255, 255, 255]


def test_a_triangle_is_filled_and_a_line_is_not():
    pixels = drawn(
        ("path", None, {"d": "M 10 10 L 30 10 L 20 30 Z", "fill": "#0000ff"}),
        ("path", None, {"d": "M 60 5 L 60 20 C 60 30 80 30 80 45", "fill": "none"} | BLACK_STROKE),
    )  # fmt: skip
    assert pixels[14, 20].tolist() == [0, 0, 255]
    assert pixels[12, 59:61].min() < 130 and pixels[40, 66].tolist() == [255, 255, 255]


@pytest.mark.parametrize("text", ["a_b", "$a_b$", "(None, 3)"])
def test_a_text_is_as_wide_as_its_characters(text):
    pixels = drawn(("text", text, {"x": 48, "y": 30, "text-anchor": "middle", "fill": "#000000"}))
    columns = np.flatnonzero(pixels.min(axis=(0, 2)) < 200)
    assert abs(columns.mean() - 48) < 4
    assert 7.25 * len(text) - 8 < columns[-1] - columns[0] < 7.25 * len(text)
