"""Pictures of surfaces: what is drawn, named and written."""

import io

import numpy as np
import pytest

from minigrad import lab, ops, optimizers, plots
from minigrad.lab import SURFACES, Surface

pytest.importorskip("matplotlib", reason="pip install matplotlib draws pictures")


@pytest.fixture(scope="module")
def bowl():
    return SURFACES["bowl"], lab.race(SURFACES["bowl"], ["SGD", "Adagrad", "Adam"], steps=20)


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def render(figure):
    figure.savefig(io.BytesIO(), dpi=20)


@pytest.mark.parametrize("name", SURFACES)
def test_every_surface_is_drawn_with_its_name_and_labelled_axes(name):
    surface = SURFACES[name]
    paths = lab.race(surface, ["momentum", "Adam"], steps=9)
    figure = plots.draw_descent(surface, paths)
    ground, map_axes, bar, values = figure.axes
    title = figure.get_suptitle()
    assert surface.title in title
    assert surface.formula in title
    for axes in (ground, map_axes):
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")
        assert (axes.get_xlim(), axes.get_ylim()) == (surface.x_range, surface.y_range)
    assert ground.get_zlabel() == bar.get_title() == "f(x, y)"
    assert values.get_xlabel() == "step"
    assert values.get_ylabel().startswith("f(x, y) above its smallest value")
    assert values.get_yscale() == "log"
    render(figure)


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
    for path, line in zip(paths, lines, strict=False):
        x, y, z = line.get_data_3d()
        np.testing.assert_array_equal(np.transpose([x, y]), path.positions)
        np.testing.assert_allclose(z, x**2 + y**2, rtol=1e-14)


def test_legend_names_every_path_the_start_and_the_minimum(bowl):
    surface, paths = bowl
    expected = ["SGD, lr 0.1", "Adagrad, lr 0.5", "Adam, lr 0.1"]
    assert legend(plots.draw_contours(surface, paths)) == [*expected, "start", "minimum"]
    assert legend(plots.draw_values(surface, paths)) == expected


def test_legend_tells_what_the_map_cannot_show():
    surface = SURFACES["rosenbrock"]
    paths = [
        lab.descend(surface, optimizers.SGD(0.1), surface.start, 50, label="far"),
        lab.descend(surface, optimizers.SGD(1e-4), (-2.5, 0), 3, label="outside"),
    ]
    figure = plots.draw_descent(surface, paths)
    assert legend(figure)[:2] == ["far, lr 0.1: diverges", "outside, lr 0.0001: leaves the map"]
    assert figure.axes[3].get_ylim()[1] < 1e8, "the path that diverges crushes the other"
    z = figure.axes[0].lines[0].get_data_3d()[2]
    assert np.isfinite(z[0])
    assert np.isnan(z[-1])
    render(figure)


def test_surface_alone_is_drawn():
    for draw in (plots.draw_surface, plots.draw_contours):
        figure = draw(SURFACES["beale"])
        assert legend(figure) == ["minimum"]


def test_contour_lines_are_logarithmic_where_values_vary_much():
    bar = plots.draw_contours(SURFACES["rosenbrock"]).axes[1]
    np.testing.assert_allclose(bar.get_yticks(), [0.1, 1, 10, 100, 1000])
    bar = plots.draw_contours(SURFACES["bowl"]).axes[1]
    assert np.ptp(np.diff(bar.get_yticks())) < 1e-12


def test_surface_with_unknown_minimum_and_gaps_is_drawn():
    surface = Surface(
        "Ridge", "log x − y²", lambda x, y: ops.log(x) - y**2, (-1, 2), (-1, 1), (1, 0)
    )
    paths = lab.race(surface, ["SGD"], steps=3)
    figure = plots.draw_descent(surface, paths)
    assert figure.axes[3].get_yscale() == "linear"
    render(figure)


def test_animation_grows_the_paths_and_is_written_as_gif_and_html(bowl, tmp_path):
    surface, paths = bowl
    animation = plots.animate_descent(surface, paths, frames=3)
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
