"""Pictures of the loss around weights, of the range test, and of races."""

import dataclasses

import numpy as np
import pytest

from minigrad import lab, plots
from minigrad.plots._style import look, new_figure

pytest.importorskip("matplotlib")

THEMES = ["light", "dark"]


@pytest.fixture
def landscape():
    a = np.linspace(-2, 2, 5)
    losses = 0.1 + a[:, np.newaxis] ** 2 + a**2
    losses[0, 0] = np.inf
    path = np.array([[1.5, 1.0], [0.5, 1.0], [0.0, 0.0]])
    shares = np.array([0.75, 0.125])
    return lab.Landscape("loss", a, a, losses, np.eye(2), "path", [0, 5, 7], path, shares)


@pytest.mark.parametrize("theme", THEMES)
def test_landscape_shows_path_shares_and_ends_on_equal_axes(landscape, theme):
    figure = plots.draw_landscape(landscape, "Adam", theme=theme)
    (axes,) = figure.axes
    assert axes.get_aspect() == 1
    line = axes.lines[0]
    assert np.array_equal(np.transpose(line.get_data()), landscape.path)
    assert line.get_color() == look("Adam", theme)["color"]
    texts = [text.get_text() for text in axes.texts]
    assert {"start", "step 7", "this plane holds 88 % of the path's variance"} <= set(texts)
    assert axes.get_xlabel() == "first component: 75 %"
    figure.draw_without_rendering()


def test_landscape_of_random_directions_draws_no_path_that_it_does_not_hold(landscape):
    shares = np.array([1e-5, 1e-5])
    flat = dataclasses.replace(landscape, kind="random", explained=shares)
    (axes,) = plots.draw_landscape(flat).axes
    texts = [text.get_text() for text in axes.texts]
    assert "the weights" in texts and "start" not in texts
    assert "a random plane holds 0 % of the path's variance" in texts


def test_drawings_use_the_given_axes(landscape):
    figure = new_figure(760, 400)
    left, right = figure.subplots(1, 2)
    assert plots.draw_landscape(landscape, ax=left) is figure
    rates = np.geomspace(1e-3, 1, 4)
    test = lab.RangeTest("data", "SGD", rates, rates, np.array([3.0, 2.0, 1.0, 4.0]), False)
    assert plots.draw_range_test(test, ax=right) is figure
    assert figure.axes == [left, right]
    assert "suggestion 0.01" in [text.get_text().strip() for text in right.texts]
    assert right.lines[1].get_color() == look("SGD")["color"]


def test_landscape_without_a_finite_loss_is_refused(landscape):
    landscape.losses[:] = np.nan
    with pytest.raises(ValueError, match="finite and above 0, got none"):
        plots.draw_landscape(landscape)


@pytest.mark.bad_input
def test_axes_that_are_none_are_refused(landscape, race):
    test = lab.RangeTest("data", "SGD", *3 * [np.ones(3)], False)
    for draw, what in (
        (plots.draw_landscape, landscape), (plots.draw_range_test, test),
        (plots.draw_errors, race), (plots.draw_tuning, race),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"{draw.__name__}: expected ax to be flat Axes"):
            draw(what, ax="here")
        with pytest.raises(ValueError, match="'light' or 'dark', got 'blue'"):
            draw(what, theme="blue")


# --- races ---------------------------------------------------------------------------------------


def run(label, seed, accuracies, rule="", outcome="finished"):
    epochs = {
        "epoch": [1, 2],
        "seconds": [1.0 + seed, 2.0 + seed],
        "processor_seconds": [4.0, 8.0],
        "val_accuracy": accuracies,
        "val_loss": [1.0, 0.5],
    }
    return lab.Run(label, seed, 0.1, outcome, "", {}, epochs, rule)


@pytest.fixture
def race():
    runs = [
        run("Adam", 0, [0.9, 0.98]), run("mine", 0, [0.8, 0.95], "SGD"),
        run("Adam", 1, [0.92, 0.96]), run("mine", 1, [], "SGD", "interrupted"),
    ]  # fmt: skip
    scores = {"Adam": [[0.01, 0.9], [0.1, 0.95]], "mine": [[0.01, 0.9], [0.1, None]]}
    how = "accuracy", 100, 1, 2, 100, scores, scores, {"Adam": 0.1, "mine": 0.01}
    return lab.TunedComparison("data", 23, 7, 2, runs, *how)


@pytest.mark.parametrize("theme", THEMES)
def test_race_shows_errors_in_per_cent_with_their_spread(race, theme):
    figure = plots.draw_race(race, theme=theme)
    by_epoch, by_time, tuning = figure.axes
    line = next(line for line in by_epoch.lines if len(line.get_xdata()) == 2)
    np.testing.assert_allclose(line.get_ydata(), [9, 3])
    assert line.get_color() == look("Adam", theme)["color"]
    band = by_epoch.collections[0].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([band.min(), band.max()], [2, 10])
    assert by_epoch.get_yscale() == "log"
    assert by_epoch.get_title("left") == "Test error by epoch"
    texts = [text.get_text() for text in by_epoch.texts]
    assert "mean of 2 seeds, band: lowest to highest" in texts
    assert {"Adam 3", "mine 5"} <= set(texts)
    assert by_time.get_title("left").endswith("by processor time")
    assert "100 held-out samples" in "".join(text.get_text() for text in tuning.texts)
    colors = {line.get_color() for line in by_epoch.lines}
    assert look("SGD", theme)["color"] in colors  # found by the rule, whatever the label


def test_race_without_processor_time_says_that_it_is_the_walls(race):
    for one in race.runs:
        del one.epochs["processor_seconds"]
    race = lab.Comparison("data", 23, 7, 2, race.runs)
    _, by_time = plots.draw_race(race).axes
    assert by_time.get_title("left").endswith("by the clock")


def test_race_is_drawn_into_given_axes(race):
    figure = new_figure(760, 600)
    axes = figure.subplots(2, 2)
    assert plots.draw_race(race, ax=axes.ravel()[:3]) is figure
    assert figure.axes == list(axes.flat) and figure.get_suptitle() == ""
    heads = [one.get_title("left") for one in axes.flat]
    assert heads == [*(one.get_title("left") for one in plots.draw_race(race).axes), ""]
    assert axes[0, 0].get_ylim() == axes[0, 1].get_ylim()  # one scale for both clocks
    untuned = lab.Comparison("data", 23, 7, 2, race.runs)
    for one, number in ((race, 3), (untuned, 2)):
        with pytest.raises(ValueError, match=f"draw_race: expected ax to be {number} flat .*got 4"):
            plots.draw_race(one, ax=axes)


def test_race_errors(race):
    with pytest.raises(ValueError, match="against to be one of 'epoch'"):
        plots.draw_errors(race, "step")
    with pytest.raises(ValueError, match=r"tuned comparison, got one without; lab\.compare_tuned"):
        plots.draw_tuning(lab.Comparison("data", 23, 7, 2, race.runs))
    with pytest.raises(ValueError, match="at least one run that finished"):
        plots.draw_race(lab.Comparison("data", 23, 7, 2, [run("Adam", 0, [], outcome="failed")]))
