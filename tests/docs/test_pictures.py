"""The programs of the pages' pictures: they draw in every size, and what they show is true."""

import itertools
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from minigrad import Parameter, ops
from minigrad.core import Tensor

Text = pytest.importorskip("matplotlib.text").Text
DOCS = Path(__file__).parents[2] / "docs"
sys.path.append(str(DOCS / "_extensions"))
import drawing  # noqa: E402

ALL = [
    (name, options)
    for name in drawing.programs()
    for options in getattr(drawing.program(name), "OPTIONS", [{}])
    if name != "surfaces" or options["rule"] == "adam"  # whose words are the same for all rules
]


def titled(case):
    return drawing.stem(*case)


def texts_of(drawn):
    """Yield (text, left, bottom, right, top) in pixels, and return the picture's size."""
    from pixels import measure

    if not isinstance(drawn, str):
        drawn.set_dpi(200)
        drawn.draw_without_rendering()
        hidden = {label for axes in drawn.axes for label in hidden_labels(axes)}
        found = [t for t in drawn.findobj(Text) if t.get_text().strip() and t not in hidden]
        boxes = [(t.get_text(), *(t.get_window_extent().extents / 2)) for t in found]
        return boxes, drawn.get_size_inches() * 100
    root, boxes = ElementTree.fromstring(drawn), []
    wide, tall = float(root.get("width")), float(root.get("height"))
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, w, h = (float(box.get(name)) for name in ("x", "y", "width", "height"))
        assert min(x, y) >= 0 and x + w <= wide and y + h <= tall, f"a box leaves {wide} pixels"
    for element in root.iter("{http://www.w3.org/2000/svg}text"):
        text, size = "".join(element.itertext()), float(element.get("font-size"))
        long, x, y = measure(text, size)[0], float(element.get("x")), float(element.get("y"))
        x -= {"middle": long / 2, "end": long}.get(element.get("text-anchor"), 0)
        boxes.append((text, x, y - 0.75 * size, x + long, y))
    return boxes, (wide, tall)


def hidden_labels(axes):
    """The labels of ticks that the axes do not show."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not (axes.axison and low <= tick.get_loc() <= high):
                yield from (tick.label1, tick.label2)


@pytest.mark.parametrize("case", ALL, ids=titled)
def test_picture_keeps_its_words_inside_and_apart(case):
    name, options = case
    module = drawing.program(name)
    for width in module.WIDTHS:
        boxes, (wide, tall) = texts_of(module.draw(width, "light", **options))
        assert boxes
        assert wide == pytest.approx(width)
        for text, left, bottom, right, top in boxes:
            inside = min(left, bottom) >= -1 and right <= wide + 1 and top <= tall + 1
            assert inside, f"{text!r} leaves {width} pixels: {left, bottom, right, top}"
        for (one, *a), (other, *b) in itertools.combinations(boxes, 2):
            across = min(a[2], b[2]) - max(a[0], b[0])
            along = min(a[3], b[3]) - max(a[1], b[1])
            assert min(across, along) < 3, f"{one!r} and {other!r} overlap at {width} pixels"


@pytest.mark.parametrize("name", drawing.programs())
def test_picture_has_two_themes(name):
    """An SVG has both in one, by CSS; a PNG's page is that of the theme."""
    options = getattr(drawing.program(name), "OPTIONS", [{}])[0]
    light, dark = (drawing.program(name).draw(400, t, **options) for t in ("light", "dark"))
    if isinstance(light, str):
        assert light == dark
        assert "prefers-color-scheme:dark" in light and "[data-theme=dark]" in light
    else:
        assert light.get_facecolor() != dark.get_facecolor()


# --- what they show ----------------------------------------------------------------------------


@pytest.mark.parametrize("rule", drawing.program("formula").RULES)
def test_formula_adds_up_to_the_step_that_the_optimizer_takes(rule):
    from formula_rules import RULES, path

    places, moments, _ = path(rule)
    steps = np.diff(places, axis=0)
    for moment, step in zip(moments, steps, strict=True):
        drawn = RULES[rule].lens(moment).step
        np.testing.assert_allclose(drawn, step, rtol=1e-5, atol=1e-5 * np.abs(steps).max())


def test_formula_of_muon_ends_at_the_step_that_it_takes():
    drawing.program("formula")
    from formula_matrices import ROUNDS, muon

    rounds, step = muon()
    assert ROUNDS[-1] == len(rounds) - 1
    np.testing.assert_allclose(rounds[-1], step, atol=1e-12)


def test_formula_of_adafactor_has_the_means_of_rows_and_columns():
    drawing.program("formula")
    from formula_matrices import adafactor

    mean, r, c, v = adafactor()
    np.testing.assert_allclose(r, mean.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(c, mean.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(v, np.outer(r, c) / r.mean(), rtol=1e-12)


def test_convolution_shows_what_conv2d_computes():
    shown = drawing.program("convolution")
    image = Tensor(shown.IMAGE.reshape(1, shown.H, shown.W, 1))
    kernels = Tensor(shown.KERNELS.reshape(shown.K, shown.K, 1, shown.F))
    result = ops.conv2d(image, kernels).data.reshape(-1, shown.F)
    np.testing.assert_array_equal(shown.product(), result)
    texts = [text for text, *_ in texts_of(shown.draw(760, "light"))[0]]
    for value in result.reshape(-1):
        assert f"{value:g}".replace("-", "−") in texts


def test_gradients_of_the_convolution_add_up():
    shown = drawing.program("convolution_gradient")
    image = Tensor(shown.X.reshape(1, 3, 3, 1), requires_grad=True)
    kernel = Tensor(shown.KERNEL.reshape(2, 2, 1, 1), requires_grad=True)
    ops.conv2d(image, kernel).backward(shown.GY.reshape(1, 2, 2, 1))
    gx, gw = (sum(share[kind] for share in shown.shares().values()) for kind in (0, 1))
    np.testing.assert_array_equal(gx, image.grad.reshape(3, 3))
    np.testing.assert_array_equal(gw, kernel.grad.reshape(2, 2))


def test_pooling_marks_where_the_gradient_comes_back():
    shown = drawing.program("pooling")
    y, gx = shown.run()
    for (i, j), value in np.ndenumerate(gx):
        window = i // 2, j // 2
        assert value == (shown.GY[window] if shown.largest(i, j) else 0)
        assert not shown.largest(i, j) or shown.X[i, j] == y[window]


def test_batch_norm_loses_what_normalization_takes_away():
    shown = drawing.program("batch_norm")
    x_hat, gx, g_gamma, g_beta = shown.run()
    columns = [values for _, _, values, *_ in shown.columns()]
    np.testing.assert_allclose(columns[1], (shown.X - 5) / 2)
    np.testing.assert_allclose(columns[4] / 2, gx)
    np.testing.assert_allclose([columns[3].sum(), gx.sum(), gx @ x_hat], 0, atol=1e-8)
    np.testing.assert_allclose([g_beta, g_gamma], [shown.GY.sum(), shown.GY @ x_hat])
    for text in ("mean 5, σ 2", "of gy, 1", "of gy · x̂, 1", "sum 8: gβ"):
        assert text in [found for found, *_ in texts_of(shown.draw(400, "dark"))[0]]


def test_race_ran_with_the_rates_that_it_chose():
    shown = drawing.program("race")
    for name in shown.RULES:
        rates, errors = shown.rates(name, "second")
        best = int(errors.argmin())
        assert rates[best] == shown.DATA["best"][name]
        assert 0 < best < len(rates) - 1, f"{name}: a rate outside might be better"
        assert shown.curves(name).shape == (5, 6)


def test_graph_shows_what_backward_computes():
    shown = drawing.program("graph")
    w, x, b = (Parameter(value, "float64") for value in (2, 3, -5))
    ((w * x + b) ** 2 + w**2).backward()
    found = {v.name: v for v in shown.vertices()}
    for name, leaf in (("w", w), ("x", x), ("b", b)):
        assert found[name].gradient == leaf.grad
    texts = [text for text, *_ in texts_of(shown.draw(760, "light"))[0]]
    assert {f"{float(v.gradient):g}" for v in found.values()} <= set(texts)
