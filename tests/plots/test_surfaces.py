"""Pictures of surfaces: what is drawn, named and written."""

import io
import itertools
import re

import numpy as np
import pytest

from minigrad import lab, ops, optimizers, plots
from minigrad.lab import SURFACES, Surface
from minigrad.plots import _style

pytest.importorskip("matplotlib", reason="pip install matplotlib draws pictures")


@pytest.fixture(scope="module")
def bowl():
    return SURFACES["bowl"], lab.race(SURFACES["bowl"], ["SGD", "Adagrad", "Adam"], steps=20)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def names(axes):
    """The words that stand at lines and marks, and the unit."""
    return [text.get_text() for text in axes.texts]


def render(figure):
    figure.savefig(io.BytesIO(), dpi=20)


@pytest.mark.parametrize("name", SURFACES)
def test_every_surface_is_drawn_with_its_name_and_labelled_axes(name):
    surface = SURFACES[name]
    paths = lab.race(surface, ["momentum", "Adam"], steps=9)
    figure = plots.draw_descent(surface, paths)
    ground, map_axes, values = figure.axes
    assert ground.get_title("left") == surface.title
    assert surface.formula in names(ground)[0]
    for axes in (ground, map_axes):
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")
    assert values.get_xlabel() == "step"
    assert names(values)[0].startswith("f(x, y) above its smallest value")
    assert values.get_yscale() == "log"
    render(figure)


@pytest.mark.parametrize("name", SURFACES)
def test_maps_have_equal_axes_and_show_the_whole_window(name):
    surface = SURFACES[name]
    figure = plots.draw_contours(surface, lab.race(surface, ["SGD"], steps=3))
    (axes,) = figure.axes
    figure.draw_without_rendering()
    (right, _), (_, up), origin = axes.transData.transform([(1, 0), (0, 1), (0, 0)])
    np.testing.assert_allclose(right - origin[0], up - origin[1], rtol=1e-6)
    for limits, window in (
        (axes.get_xlim(), surface.x_range), (axes.get_ylim(), surface.y_range),
    ):  # fmt: skip
        assert limits[0] <= window[0] + 1e-9 and window[1] - 1e-9 <= limits[1]
    x_side, y_side, _ = plots.draw_surface(surface).axes[0].get_box_aspect()
    assert x_side / y_side == pytest.approx(np.ptp(surface.x_range) / np.ptp(surface.y_range))


def test_the_turned_ravine_is_drawn_at_45_degrees_on_its_sisters_scale():
    contours = []
    for name in ("ravine", "tilted_ravine"):
        axes = plots.draw_contours(SURFACES[name]).axes[0]
        tints, lines = axes.collections[:2]
        contours.append((list(tints.levels), list(lines.levels), tints.get_clim()))
    assert contours[0] == contours[1]
    lowest = lines.get_paths()[5].vertices  # of the turned one, a long ellipse around 0
    far = lowest[np.hypot(*lowest.T).argmax()]
    assert far[1] / far[0] == pytest.approx(1, abs=0.05), "its long axis in the axes' units"


def test_map_and_values_show_the_paths(bowl):
    surface, paths = bowl
    map_lines = plots.draw_contours(surface, paths).axes[0].lines
    value_lines = plots.draw_values(surface, paths).axes[0].lines
    for path, on_map, value in zip(paths, map_lines, value_lines, strict=False):
        np.testing.assert_array_equal(np.transpose(on_map.get_data()), path.positions)
        np.testing.assert_array_equal(value.get_xdata(), np.arange(21))
        np.testing.assert_array_equal(value.get_ydata(), np.maximum(path.values, 1e-12))


def test_paths_lie_on_the_surface(bowl):
    surface, paths = bowl
    lines = plots.draw_surface(surface, paths).axes[0].lines
    span = 2 * (0.9**2 + 0.5**2)
    for path, line in zip(paths, lines, strict=False):
        x, y, z = line.get_data_3d()
        np.testing.assert_array_equal(np.transpose([x, y]), path.positions)
        np.testing.assert_allclose(10**z - 0.1, (x**2 + y**2) / span, atol=1e-14)


def test_names_stand_at_the_lines(bowl):
    surface, paths = bowl
    expected = ["SGD, lr 0.1", "Adagrad, lr 0.5", "Adam, lr 0.1"]
    (axes,) = plots.draw_contours(surface, paths).axes
    assert names(axes)[1:] == ["start", "minimum", *expected]
    (values,) = plots.draw_values(surface, paths).axes
    assert names(values)[1:] == expected
    assert axes.get_legend() is values.get_legend() is None
    colors = [text.get_color() for text in values.texts[1:]]
    assert colors == [_style.readable(rule) for rule in ("SGD", "Adagrad", "Adam")]
    (surface_axes,) = plots.draw_surface(surface, paths).axes
    assert legend(surface_axes) == [*expected, "start", "minimum"]


@pytest.mark.parametrize("name", SURFACES)
def test_names_on_a_map_neither_leave_it_nor_lie_on_each_other(name):
    surface = SURFACES[name]
    figure = plots.draw_contours(surface, lab.race(surface))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts[1:]]
    assert len(boxes) == 8
    for box in boxes:
        assert axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1
        assert axes.bbox.y0 <= box.y0 and box.y1 <= axes.bbox.y1
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_more_than_eight_paths_have_a_legend_in_the_order_of_their_ends():
    surface = SURFACES["bowl"]
    paths = lab.race(surface, lab.RULES, steps=9)
    (axes,) = plots.draw_values(surface, paths).axes
    ends = {path.label: path.values[-1] for path in paths}
    assert legend(axes) == sorted(ends, key=ends.get, reverse=True)
    (axes,) = plots.draw_contours(surface, paths).axes
    assert legend(axes)[:-2] == list(ends)


def test_colors_go_by_the_rule_and_not_by_the_place(bowl):
    surface, paths = bowl
    for draw in (plots.draw_contours, plots.draw_values, plots.draw_surface):
        for some in (paths, paths[::-1]):
            for path, line in zip(some, draw(surface, some).axes[0].lines, strict=False):
                assert line.get_color() == _style.look(path.rule)["color"]
    own = lab.descend(surface, optimizers.Adam(0.1), (1, 1), 3, label="mine")
    assert plots.draw_values(surface, [own]).axes[0].lines[0].get_color() == "#d43500"


def test_names_tell_what_the_map_cannot_show():
    surface = SURFACES["rosenbrock"]
    paths = [
        lab.descend(surface, optimizers.SGD(0.1), surface.start, 50, label="far"),
        lab.descend(surface, optimizers.SGD(1e-4), (-2.5, 0), 3, label="outside"),
    ]
    figure = plots.draw_descent(surface, paths)
    above, _, values = figure.axes
    assert legend(above)[:2] == ["far, lr 0.1: diverges", "outside, lr 0.0001: leaves the map"]
    assert values.get_ylim()[1] < 1e8, "the path that diverges crushes the other"
    z = above.lines[0].get_data_3d()[2]
    assert np.isfinite(z[0])
    assert np.isnan(z[-1])
    render(figure)


def test_surface_alone_is_drawn():
    for draw in (plots.draw_surface, plots.draw_contours):
        (axes,) = draw(SURFACES["beale"]).axes
        assert [line.get_label() for line in axes.lines] == ["minimum"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_are_drawn_into_given_axes_and_nowhere_else(bowl, theme, monkeypatch):
    figure = _style.new_figure(760, 1400, theme)
    solid = [figure.add_subplot(6, 1, i, projection="3d") for i in (1, 2)]
    flat = [figure.add_subplot(6, 1, i) for i in (3, 4, 5, 6)]
    monkeypatch.setattr(_style, "new_figure", None)  # a call would fail
    assert plots.draw_surface(*bowl, ax=solid[0], theme=theme) is figure
    assert plots.draw_contours(*bowl, ax=flat[0], theme=theme) is figure
    assert plots.draw_values(*bowl, ax=flat[1], theme=theme) is figure
    assert plots.draw_descent(*bowl, ax=[solid[1], *flat[2:]], theme=theme) is figure
    assert figure.axes == [*solid, *flat], "no color bar takes room from others"
    assert all(axes.lines for axes in figure.axes)
    page = figure.get_facecolor()
    assert all(axes.get_facecolor() == page for axes in flat)
    render(figure)


def test_other_axes_are_refused(bowl):
    flat = _style.new_figure().add_subplot()
    for draw, ax, message in (
        (plots.draw_surface, flat, "draw_surface: expected ax to be 3d Axes of matplotlib"),
        (plots.draw_values, "here", "draw_values: expected ax to be flat Axes .*, got 'here'"),
        (plots.draw_descent, [flat] * 3, r"expected ax to be 3 \(3d, flat, flat\) Axes"),
        (plots.animate_descent, flat, "expected ax to be 2 flat Axes of .*, got 1 of"),
    ):
        with pytest.raises(ValueError, match=message):
            draw(*bowl, ax=ax)
    with pytest.raises(ValueError, match="theme: expected 'light' or 'dark', got 'blue'"):
        plots.draw_values(*bowl, theme="blue")


def test_type_is_large_enough_at_the_size_of_a_page(bowl):
    figure = plots.draw_descent(*bowl)
    assert figure.get_figwidth() * figure.dpi == pytest.approx(760)
    figure.draw_without_rendering()
    for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")):
        pixels = text.get_fontsize() / 72 * figure.dpi
        assert pixels >= 11, text


def test_contours_are_equal_steps_of_the_logarithm_above_the_lowest_point():
    surface = SURFACES["styblinski_tang"]
    lines = plots.draw_contours(surface).axes[0].collections[1]
    np.testing.assert_allclose(np.diff(lines.levels, 2), 0, atol=1e-12)
    top = 2 * (surface.values(*surface.start) - surface.lowest)
    heights = surface.values(*lines.get_paths()[-1].vertices.T) - surface.lowest
    np.testing.assert_allclose(heights, top, rtol=0.01)


def test_surface_with_unknown_minimum_and_gaps_is_drawn():
    surface = Surface(
        "Ridge", "log x − y²", lambda x, y: ops.log(x) - y**2, (-1, 2), (-1, 1), (1, 0)
    )
    paths = lab.race(surface, ["SGD"], steps=3)
    figure = plots.draw_descent(surface, paths)
    assert figure.axes[2].get_yscale() == "linear"
    render(figure)


def test_animation_grows_the_paths_and_is_written_as_gif_and_html(bowl, tmp_path):
    surface, paths = bowl
    animation = plots.animate_descent(surface, paths, frames=3)
    below = animation._fig.axes[1]  # the clock moves no title
    assert below.get_title("left") == "Height after each step"
    assert below.titleOffsetTrans.transform((0, 0))[1] > 15
    plots.save_animation(animation, tmp_path / "paths.gif")
    image = pytest.importorskip("PIL.Image")
    with image.open(tmp_path / "paths.gif") as gif:
        assert gif.n_frames == 3
        frames = []
        for index in range(3):
            gif.seek(index)
            frames.append(np.asarray(gif.convert("L"), float))
    assert (frames[1] != frames[0]).sum() > 50
    assert (frames[2] != frames[1]).sum() > 50
    plots.save_animation(animation, tmp_path / "paths.html")
    page = (tmp_path / "paths.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64") == 3
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", re.sub(r'"data:[^"]*"', "", page)) == []
    assert "<link" not in page and "<i " not in page
    buttons = re.findall(
        r"<button title=\"([\w ]+)\".*?<span>(.+?)</span></button>", page, re.DOTALL
    )
    assert len(buttons) == 9 and dict(buttons)["Play"] == "▶"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["paths.gif", "paths.html"]


def test_animation_that_cannot_be_written_leaves_nothing(bowl, tmp_path, monkeypatch):
    animation = plots.animate_descent(*bowl, frames=2)
    with pytest.raises(ValueError, match=r"expected a path in \.gif or \.html, got 'paths.mp4'"):
        plots.save_animation(animation, "paths.mp4")

    def fail(*arguments, **settings):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(animation, "save", fail)
        for name in ("paths.gif", "paths.html"):
            with pytest.raises(OSError, match="disk full"):
                plots.save_animation(animation, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    plots.save_animation(animation, tmp_path / "paths.gif")  # else matplotlib warns: never drawn


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_surface_without_a_finite_value_is_named(value):
    surface = lab.Surface("Hole", "?", lambda x, y: x * 0 + value, (-1, 1), (-2, 2), (0.5, 0.5))
    message = r"Hole: expected a finite value for x in \(-1, 1\) and y in \(-2, 2\), got none"
    for draw in (plots.draw_contours, plots.draw_surface):
        with pytest.raises(ValueError, match=message):
            draw(surface)
    for draw in (plots.draw_values, plots.draw_descent):
        with pytest.raises(ValueError, match=message):
            draw(surface, [])
