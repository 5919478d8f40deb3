"""Pictures of comparisons and sweeps: what is drawn, and that it can be read."""

import sys

import numpy as np
import pytest

from minigrad import plots
from minigrad.lab import Comparison, Run, Sweep

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
    """The axes of a comparison: by step, by epoch and by time, a row for each name."""
    return np.reshape(figure.axes, (-1, 3))


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_comparison_draws_the_mean_over_the_seeds_in_a_band():
    runs = run("Adam", 0, 4.0, 1.0), run("SGD", 0, 5.0, 4.0), run("Adam", 1, 6.0, 2.0, seconds=2)
    figure = comparison(*runs).plot()
    by_step, by_epoch, by_time = grid(figure)[1]
    assert drawn(by_step, "Adam") == [[1, 4, 7], [2.0, 1.9, 1.3]]
    assert drawn(by_epoch, "Adam") == [[1, 2], [5.0, 1.5]]
    assert drawn(by_time, "Adam") == [[1.5, 3.0], [5.0, 1.5]]
    assert drawn(by_epoch, "SGD") == [[1, 2], [5.0, 4.0]]
    band = by_epoch.collections[0].get_paths()[0].vertices
    assert {tuple(corner) for corner in band} == {(1, 4), (1, 6), (2, 1), (2, 2)}


def test_comparison_names_its_data_axes_and_optimizers():
    figure = plots.draw_comparison(comparison(run("Adam", 0, 2.0), run("SGD", 0, 3.0)))
    assert figure.get_suptitle().startswith("made-up data")
    assert [[axes.get_ylabel() for axes in row] for row in grid(figure)] == [
        ["accuracy"] * 3, ["loss"] * 3,
    ]  # fmt: skip
    for row in grid(figure):
        assert [axes.get_xlabel() for axes in row] == ["step", "epoch", "seconds of training"]
    titles = [axes.get_title() for axes in grid(figure)[1]]
    assert titles == ["training loss", "validation loss", "validation loss"]
    assert legend(figure) == ["Adam", "SGD"]
    assert figure.legends[0].get_title().get_text() == ""  # one seed has no band to explain
    two_seeds = comparison(run("Adam", 0, 2.0), run("Adam", 1, 2.0)).plot()
    assert "band" in two_seeds.legends[0].get_title().get_text()


def test_comparison_without_validation_draws_the_training():
    one = run("Adam", 0, 2.0)
    del one.epochs["val_loss"], one.epochs["val_accuracy"]
    figure = comparison(one).plot()
    assert [axes.get_title() for axes in figure.axes] == ["training loss"] * 3


def test_comparison_shows_what_became_of_runs_that_did_not_finish():
    runs = (
        run("Adam", 0, 2.0, 1.0),
        run("Adam", 1, outcome="diverged"),
        run("SGD", 0, 3.0, outcome="diverged"),
        run("SGD", 1, outcome="interrupted"),
    )
    figure = comparison(*runs).plot()
    assert legend(figure) == ["Adam (1 finished, 1 diverged)", "SGD (1 diverged, 1 interrupted)"]
    by_step, by_epoch, _ = grid(figure)[1]
    crosses = [line.get_data() for line in by_step.lines if line.get_marker() == "x"]
    assert crosses == [(7, 1.8)]  # the end of SGD's first run
    assert drawn(by_epoch, "SGD (1 diverged, 1 interrupted)") == [[1], [3.0]]


def test_loss_axis_is_logarithmic_where_losses_span_much():
    scales = []
    for losses in ((2.0, 0.1), (2.3, 2.2), (1.0, -1.0), (1e9, 1.0)):
        axes = grid(comparison(run("Adam", 0, *losses)).plot())
        scales.append(axes[1, 1].get_yscale())
        assert axes[0, 1].get_yscale() == "linear"
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
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        "learning rate",
        "val_loss after the last epoch",
    )
    assert figure.get_suptitle().startswith("made-up data")
    assert legend(figure) == ["before the training", "SGD"]
    assert drawn(axes, "before the training")[1] == [2.0, 2.0]


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
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert [(line.get_marker(), list(line.get_xdata())) for line in hollow] == [
        ("o", [1.0]), ("s", [10.0]), ("o", []),
    ]  # fmt: skip
    assert legend(figure)[-1] == "diverged"
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
