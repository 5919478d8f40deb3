"""Pictures of what a network has learned: the numbers and colours that they show."""

import inspect

import numpy as np
import pytest

from minigrad import plots
from minigrad.plots._style import new_figure

pytest.importorskip("matplotlib")

THEMES = ["light", "dark"]
TRUTH = [0, 0, 1, 2, 2, 2, 1]
ANSWERS = [0, 1, 1, 2, 0, 0, 1]


def probabilities(answers, sure=0.9):
    return np.eye(3)[answers] * sure + (1 - sure) / 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("given", [ANSWERS, probabilities(ANSWERS)], ids=["classes", "shares"])
def test_confusion_counts_rows_of_classes_and_columns_of_answers(given, theme):
    figure = plots.draw_confusion(TRUTH, given, theme=theme)
    (axes,) = figure.axes
    cells = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    cells = {(y, x): text for (x, y), text in cells.items() if len(text) < 3}
    assert cells == {(0, 0): "1", (0, 1): "1", (1, 1): "2", (2, 2): "1", (2, 0): "2"}
    shown = axes.images[0].get_array()
    assert shown.count() == 2  # mistakes alone are coloured
    assert shown[2, 0] == 2


def test_confusion_is_drawn_into_the_given_axes():
    figure = new_figure(400, 400)
    axes = figure.add_subplot()
    assert plots.draw_confusion(TRUTH, ANSWERS, ["a", "b", "c"], ax=axes) is figure
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["a", "b", "c"]
    assert figure.axes == [axes]


@pytest.mark.parametrize("theme", THEMES)
def test_worst_are_the_surest_mistakes_first(theme):
    images = np.arange(7)[:, None, None, None] * np.ones((7, 4, 3, 1))
    shares = probabilities(ANSWERS)
    shares[4] = [0.99, 0.005, 0.005]
    shares[1] = [0.2, 0.6, 0.2]
    figure = plots.draw_worst(images, TRUTH, shares, number=2, theme=theme)
    assert [axes.images[0].get_array()[0, 0] for axes in figure.axes] == [4, 5]
    assert [axes.get_title("left") for axes in figure.axes] == ["2 → 0, 99 %", "2 → 0, 93 %"]
    assert "3 mistakes among 7" in figure.get_suptitle()


@pytest.mark.parametrize("theme", THEMES)
def test_filters_have_one_symmetric_scale_whose_middle_is_the_page(theme):
    kernel = np.linspace(-1, 0.5, 3 * 2 * 2 * 5).reshape(3, 2, 2, 5)
    figure = plots.draw_filters(kernel, channel=1, number=4, theme=theme)
    assert len(figure.axes) == 4
    for f, axes in enumerate(figure.axes):
        image = axes.images[0]
        assert np.array_equal(image.get_array(), kernel[:, :, 1, f])
        assert image.get_clim() == (-np.abs(kernel[:, :, 1]).max(), np.abs(kernel[:, :, 1]).max())
        middle = image.cmap(image.norm(0.0))
        np.testing.assert_allclose(middle, figure.get_facecolor(), atol=0.02)


def test_filters_of_a_dense_layer_have_the_shape_of_the_image():
    kernel = np.random.default_rng(0).normal(size=(12, 3))
    figure = plots.draw_filters(kernel, shape=(4, 3))
    for unit, axes in enumerate(figure.axes):
        assert np.array_equal(axes.images[0].get_array(), kernel[:, unit].reshape(4, 3))


@pytest.mark.parametrize("theme", THEMES)
def test_feature_maps_leave_out_what_is_passed_on(theme):
    maps = np.random.default_rng(0).random((5, 4, 11))
    layers = {"conv": maps, "dropout": maps, "flatten": maps.reshape(-1), "dense": np.arange(3.0)}
    figure = plots.draw_feature_maps(layers, columns=8, theme=theme)
    assert [t.get_text() for t in figure.texts[1:]] == ["conv", "5 × 4 × 11", "dense", "3"]
    *images, bars = figure.axes
    assert len(images) == 8
    assert np.array_equal(images[3].images[0].get_array(), maps[..., 3])
    assert [bar.get_height() for bar in bars.patches] == [0, 1, 2]


def several():
    """Each picture of several panels: how many, and how it is drawn."""
    shares, images = probabilities(ANSWERS), np.ones((7, 4, 3))
    layers = {"conv": np.ones((5, 4, 3)), "dense": np.arange(3.0)}
    return [
        (3, lambda **given: plots.draw_worst(images, TRUTH, shares, **given)),
        (5, lambda **given: plots.draw_filters(np.ones((3, 3, 1, 5)), **given)),
        (4, lambda **given: plots.draw_feature_maps(layers, **given)),
    ]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("which", range(3), ids=["worst", "filters", "maps"])
def test_several_panels_are_drawn_into_the_given_axes_and_nowhere_else(which, theme):
    number, draw = several()[which]
    figure = new_figure(600, 400, theme)
    axes = figure.subplots(2, 5)
    mine = axes.ravel()[:number]
    assert draw(ax=mine, theme=theme) is figure
    assert figure.axes == list(axes.ravel()) and not figure.texts and figure.get_suptitle() == ""
    drawn = [bool(one.images or one.patches) for one in axes.ravel()]
    assert drawn == [i < number for i in range(10)]
    alone = draw(theme=theme)
    for one, other in zip(mine, alone.axes, strict=True):
        for image, same in zip(one.images, other.images, strict=True):
            assert np.array_equal(image.get_array(), same.get_array())
    figure.draw_without_rendering()


def test_feature_maps_in_given_axes_name_their_layers():
    axes = new_figure().subplots(1, 4)
    several()[2][1](ax=axes)
    heads = [one.get_title("left") for one in axes]
    assert heads == ["conv, 5 × 4 × 3", "", "", "dense, 3"]


@pytest.mark.bad_input
@pytest.mark.parametrize("which", range(3), ids=["worst", "filters", "maps"])
def test_another_number_of_axes_is_refused(which):
    number, draw = several()[which]
    axes = new_figure().subplots(3, 3)
    name = ["worst", "filters", "feature_maps"][which]
    expected = f"draw_{name}: expected ax to be {number} flat Axes of matplotlib, got "
    with pytest.raises(ValueError, match=expected + "9 of them"):
        draw(ax=axes)
    with pytest.raises(ValueError, match=expected + "'here'"):
        draw(ax="here")
    assert not any(one.images for one in axes.flat)  # nothing is half drawn


def test_every_picture_takes_axes_and_a_theme():
    for name in dir(plots):
        if name.startswith(("draw_", "animate_")):
            arguments = list(inspect.signature(getattr(plots, name)).parameters)
            assert arguments[-2:] == ["ax", "theme"], name


@pytest.mark.bad_input
def test_errors_that_teach():
    with pytest.raises(ValueError, match=r"got \(7, 3\) and \(7,\); labels that are one-hot: y_tr"):
        plots.draw_confusion(np.eye(3)[TRUTH], ANSWERS)
    with pytest.raises(ValueError, match=r"whole numbers from 0 in y_pred.*> 0\.5"):
        plots.draw_confusion(TRUTH, np.linspace(0, 1, 7))
    with pytest.raises(ValueError, match="classes below 2, as many as names, got 2"):
        plots.draw_confusion(TRUTH, ANSWERS, ["a", "b"])
    with pytest.raises(ValueError, match=r"probabilities \(n, classes\) in y_pred, got classes"):
        plots.draw_worst(np.zeros((7, 2, 2)), TRUTH, ANSWERS)
    with pytest.raises(ValueError, match=r"images \(n, height, width\).*got \(7, 2\)"):
        plots.draw_worst(np.zeros((7, 2)), TRUTH, probabilities(ANSWERS))
    with pytest.raises(ValueError, match=r"got \(12, 3\); give shape="):
        plots.draw_filters(np.zeros((12, 3)))
    with pytest.raises(ValueError, match="a channel below 1, got 1"):
        plots.draw_filters(np.zeros((3, 3, 1, 2)), channel=1)
