"""Pictures of comparisons and sweeps: what is drawn, and that it can be read."""

import sys

import numpy as np
import pytest

from minigrad import plots
from minigrad.lab import Comparison, Run, Sweep
from minigrad.plots import _style

pytest.importorskip("matplotlib")


def run(optimizer, seed, *losses, learning_rate=0.01, outcome="finished", seconds=1.0):
    epochs = range(1, len(losses) + 1)
    measured = {
        "epoch": list(epochs),
        "seconds": [seconds * epoch for epoch in epochs],
        "loss": [9.0 for _ in epochs],
        "val_accuracy": [0.5 for _ in epochs],
        "val_loss": list(losses),
    }
    steps = {
        "step": [1, 4, 7],
        "seconds": [0.1, 0.4, 0.7],
        "loss": [2.0, 1.9, 1.8 - seed],
        "accuracy": [0.1, 0.2, 0.3],
    }
    return Run(optimizer, seed, learning_rate, outcome, "", steps, measured if losses else {})


def comparison(*runs):
    return Comparison("made-up data", 23, 7, 2, list(runs))


def sweep(*runs):
    return Sweep("made-up data", 23, 7, 2, list(runs))


def drawn(axes, label):
    """The points of the one line of that label: x and y."""
    (line,) = [line for line in axes.lines if line.get_label() == label]
    return [list(values) for values in line.get_data()]


def grid(figure):
    """The axes of a comparison, a row for each name: by epoch and by time; and by step."""
    return np.reshape(figure.axes[:-1], (-1, 2)), figure.axes[-1]


def names(axes):
    """The words that stand at lines; the first is the unit."""
    return [text.get_text() for text in axes.texts[1:]]


def test_comparison_draws_the_mean_over_the_seeds_in_a_band():
    runs = run("Adam", 0, 4.0, 1.0), run("SGD", 0, 5.0, 4.0), run("Adam", 1, 6.0, 2.0, seconds=2)
    figure = comparison(*runs).plot()
    ((error, _), (by_epoch, by_time)), by_step = grid(figure)
    assert drawn(by_step, "Adam") == [[1, 4, 7], [2.0, 1.9, 1.3]]
    assert drawn(by_epoch, "Adam") == [[1, 2], [5.0, 1.5]]
    assert drawn(by_time, "Adam") == [[1.5, 3.0], [5.0, 1.5]]
    assert drawn(by_epoch, "SGD") == [[1, 2], [5.0, 4.0]]
    assert drawn(error, "Adam") == [[1, 2], [50.0, 50.0]], "accuracy 0.5 is 50 % wrong"
    band = by_epoch.collections[0].get_paths()[0].vertices
    assert {tuple(corner) for corner in band} == {(1, 4), (1, 6), (2, 1), (2, 2)}


def test_comparison_names_its_data_axes_and_optimizers():
    figure = plots.draw_comparison(comparison(run("Adam", 0, 2.0), run("SGD", 0, 3.0)))
    assert figure.get_suptitle().startswith("made-up data")
    rows, by_step = grid(figure)
    assert [[axes.get_title("left") for axes in row] for row in rows] == [
        ["Validation error"] * 2, ["Validation loss"] * 2,
    ]  # fmt: skip
    for row in rows:
        assert [axes.get_xlabel() for axes in row] == ["epoch", "seconds of training"]
    assert (by_step.get_title("left"), by_step.get_xlabel()) == ("Training loss", "step")
    for axes in (*rows[:, 0], by_step):
        assert names(axes) == ["Adam", "SGD"]
    assert [axes.texts[0].get_text() for axes in rows[:, 0]] == ["% wrong; one seed", "one seed"]
    two_seeds = comparison(run("Adam", 0, 2.0), run("Adam", 1, 2.0)).plot()
    assert "mean of 2 seeds; band" in two_seeds.axes[-1].texts[0].get_text()
    assert figure.get_figwidth() * figure.dpi == 760


def test_many_optimizers_have_a_legend_in_the_order_of_their_ends():
    runs = [run(str(index), 0, 9.0, index % 5 + index / 10) for index in range(9)]
    for one in runs:
        one.epochs["val_accuracy"] = [1 - loss / 100 for loss in one.epochs["val_loss"]]
    (_, beside), *_ = grid(plots.draw_comparison(comparison(*runs)))[0]
    order = sorted(range(9), key=lambda index: -(index % 5 + index / 10))
    assert [text.get_text() for text in beside.get_legend().get_texts()] == [*map(str, order)]


def test_colors_go_by_the_rule_and_not_by_the_place():
    runs = run("mine", 0, 2.0), run("Adam", 0, 2.0), run("Adam, slow", 0, 2.0)
    for one, rule in zip(runs, ("SGD", "", "Adam"), strict=True):
        one.rule = rule
    sgd, adam = _style.look("SGD")["color"], _style.look("Adam")["color"]
    for some in (runs, runs[::-1]):
        lines = {line.get_label(): line for line in comparison(*some).plot().axes[0].lines}
        assert [lines[one.optimizer].get_color() for one in runs] == [sgd, adam, adam]
    assert lines["Adam"].get_linestyle() != lines["Adam, slow"].get_linestyle()
    lines = {line.get_label(): line for line in sweep(*runs).plot().axes[0].lines}
    assert [lines[one.optimizer].get_color() for one in runs] == [sgd, adam, adam]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_are_drawn_into_given_axes_and_nowhere_else(theme, monkeypatch):
    figure = _style.new_figure(760, 1400, theme)
    axes = figure.subplots(6, 1)
    monkeypatch.setattr(_style, "new_figure", None)
    runs = run("Adam", 0, 2.0, 1.0), run("Adam", 1, 3.0, 1.0)
    assert plots.draw_comparison(comparison(*runs), axes[:5], theme) is figure
    assert plots.draw_sweep(sweep(*runs), axes[5], theme) is figure
    assert figure.axes == list(axes) and all(one.lines for one in axes)
    assert {one.get_facecolor() for one in axes} == {figure.get_facecolor()}
    with pytest.raises(ValueError, match="draw_comparison: expected ax to be 5"):
        plots.draw_comparison(comparison(*runs), axes[0])


def test_comparison_without_validation_draws_the_training():
    one = run("Adam", 0, 2.0)
    del one.epochs["val_loss"], one.epochs["val_accuracy"]
    figure = comparison(one).plot()
    assert [axes.get_title("left") for axes in figure.axes] == ["Training loss"] * 3


def test_comparison_shows_what_became_of_runs_that_did_not_finish():
    runs = (
        run("Adam", 0, 2.0, 1.0),
        run("Adam", 1, outcome="diverged"),
        run("SGD", 0, 3.0, outcome="diverged"),
        run("SGD", 1, outcome="interrupted"),
    )
    figure = comparison(*runs).plot()
    (_, (by_epoch, _)), by_step = grid(figure)
    expected = ["Adam (1 finished, 1 diverged)", "SGD (1 diverged, 1 interrupted)"]
    assert names(by_epoch) == names(by_step) == expected
    crosses = [line.get_data() for line in by_step.lines if line.get_marker() == "x"]
    assert crosses == [(7, 1.8)]  # the end of SGD's first run
    assert drawn(by_epoch, "SGD (1 diverged, 1 interrupted)") == [[1], [3.0]]


def test_loss_axis_is_logarithmic_where_losses_span_much():
    scales = []
    for losses in ((2.0, 0.1), (2.3, 2.2), (1.0, -1.0), (1e9, 1.0)):
        axes, _ = grid(comparison(run("Adam", 0, *losses)).plot())
        scales.append(axes[1, 1].get_yscale())
        assert axes[0, 1].get_yscale() == "linear", "the error stays 50 %"
    assert scales == ["log", "linear", "linear", "log"]


@pytest.mark.parametrize(
    "runs",
    [(), (run("Adam", 0, outcome="interrupted"),), (run("Adam", 0, 1.0), run("SGD", 0, 1e30))],
    ids=["no run", "no epoch", "a huge loss"],
)
def test_pictures_of_little_or_much_can_be_saved(runs, tmp_path):
    plots.save(comparison(*runs).plot(), tmp_path / "comparison.png")
    plots.save(sweep(*runs).plot(), tmp_path / "sweep.png")


def test_sweep_draws_the_final_loss_against_the_learning_rate():
    figure = sweep(
        run("SGD", 0, 5.0, 1.0, learning_rate=0.1),
        run("SGD", 0, 5.0, 0.5, learning_rate=0.01),
        run("SGD", 1, 5.0, 3.0, learning_rate=0.1),
        run("SGD", 1, 5.0, 0.1, learning_rate=0.01),
    ).plot()
    (axes,) = figure.axes
    assert drawn(axes, "SGD") == [[0.01, 0.1], [0.3, 2.0]]
    band = axes.collections[0].get_paths()[0].vertices
    assert {tuple(corner) for corner in band} == {(0.01, 0.1), (0.01, 0.5), (0.1, 1), (0.1, 3)}
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "learning rate"
    assert axes.get_title("left") == "Validation loss after the last epoch"
    assert figure.get_suptitle().startswith("made-up data")
    assert names(axes) == ["before the training", "SGD"]
    assert drawn(axes, "_before the training")[1] == [2.0, 2.0]


def test_sweep_marks_where_an_optimizer_diverged():
    figure = sweep(
        run("SGD", 0, 1.0, learning_rate=0.1),
        run("Adam", 0, 0.5, learning_rate=0.1),
        run("SGD", 0, 20.0, learning_rate=1.0),  # ten times as much as before the training
        run("Adam", 0, outcome="failed", learning_rate=1.0),
        run("SGD", 0, 19.0, learning_rate=10.0),
        run("Adam", 0, outcome="diverged", learning_rate=10.0),
    ).plot()
    (axes,) = figure.axes
    figure.draw_without_rendering()
    hollow = [line for line in axes.lines if line.get_label() == "_diverged"]
    assert [(line.get_marker(), list(line.get_xdata())) for line in hollow] == [
        ("o", [1.0]), ("s", [10.0]),
    ]  # fmt: skip
    assert {line.get_markerfacecolor() for line in hollow} == {"#ffffff"}
    assert "diverged:" in names(axes)
    np.testing.assert_array_equal(drawn(axes, "SGD")[1], [1.0, np.nan, 19.0])
    np.testing.assert_array_equal(drawn(axes, "Adam")[1], [0.5, np.nan, np.nan])
    # The marks are above the highest point of all lines.
    highest = axes.transData.transform((10.0, 19.0))[1]
    heights = [line.get_transform().transform(line.get_xydata())[:, 1] for line in hollow[:2]]
    assert np.min(heights) > highest + 5  # pixels


def test_pictures_leave_no_trace_in_matplotlib():
    import matplotlib

    settings = dict(matplotlib.rcParams)
    with_pyplot = "matplotlib.pyplot" in sys.modules
    comparison(run("Adam", 0, 2.0, 1.0)).plot()
    sweep(run("Adam", 0, 2.0, 1.0)).plot()
    assert dict(matplotlib.rcParams) == settings
    assert ("matplotlib.pyplot" in sys.modules) == with_pyplot
