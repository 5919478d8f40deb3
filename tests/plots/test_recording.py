"""The picture of a training: what it shows is what was recorded."""

import numpy as np
import pytest

from minigrad import lab, layers, plots
from minigrad.models import Sequential
from minigrad.plots import _style

pytest.importorskip("matplotlib")


@pytest.fixture
def recorder():
    """Of a net with six layers that are trained, two rows of panels."""
    model = Sequential([layers.Dense(4, "relu") for _ in range(6)])
    model.compile("adam", "mse")
    x = np.random.default_rng(2).standard_normal((20, 4))
    recorder = lab.Recorder(every=2)
    model.fit(x, x, batch_size=2, verbose=0, callbacks=[recorder])
    return recorder


def test_recording_is_drawn_layer_by_layer(recorder):
    figure = plots.draw_recording(recorder)
    assert [axes.get_title("left") for axes in figure.axes] == [
        "Loss",
        "Gradients of each layer",
        "Dead units of each layer",
        *[f"dense{end}" for end in ("", "_1", "_2", "_3", "_4", "_5")],
    ]
    assert all(axes.get_xlabel() == "step" and axes.texts[0].get_text() for axes in figure.axes)
    assert figure.get_suptitle() == "Training with Adam, learning rate 0.001"
    title = plots.draw_recording(recorder, "my data").get_suptitle()
    assert title == "my data, learning rate 0.001"
    assert figure.get_figwidth() * figure.dpi == 760


def test_learning_rate_that_changes_has_a_panel(recorder):
    recorder.learning_rate[3:] = [0.0005] * len(recorder.learning_rate[3:])
    figure = plots.draw_recording(recorder)
    rate = figure.axes[1]
    assert rate.get_title("left") == "Learning rate"
    np.testing.assert_array_equal(rate.lines[0].get_ydata(), recorder.learning_rate)
    assert figure.get_suptitle() == "Training with Adam"


def test_recording_is_drawn_as_it_is(recorder):
    loss, norms, dead, first, *_ = plots.draw_recording(recorder).axes
    np.testing.assert_array_equal(loss.lines[0].get_data(), [recorder.steps, recorder.loss])
    for line, name in zip(norms.lines, recorder.gradient_norms, strict=True):
        assert line.get_label() == name
        np.testing.assert_array_equal(line.get_ydata(), recorder.gradient_norms[name])
    for line, name in zip(dead.lines, recorder.dead_units, strict=True):
        np.testing.assert_allclose(line.get_ydata(), 100 * np.array(recorder.dead_units[name]))
    assert [text.get_text() for text in norms.texts[1:]] == list(recorder.gradient_norms)
    sorted_ratios = np.sort(recorder.update_ratios["dense"])  # (5 records, 16)
    np.testing.assert_array_equal(first.lines[0].get_ydata(), sorted_ratios[:, 7])


def test_recording_is_drawn_into_given_axes(recorder, monkeypatch):
    figure = _style.new_figure(theme="dark")
    axes = figure.subplots(3, 3)
    monkeypatch.setattr(_style, "new_figure", None)
    assert plots.draw_recording(recorder, ax=axes, theme="dark") is figure
    assert figure.axes == list(axes.ravel()) and all(one.lines for one in figure.axes)
    with pytest.raises(ValueError, match="draw_recording: expected ax to be 9"):
        plots.draw_recording(recorder, ax=axes[0])


def test_recording_of_infinite_and_zero_ratios_can_be_drawn(recorder):
    recorder.update_ratios["dense"] = [np.array([0.0, np.inf, np.inf])] * 5
    plots.draw_recording(recorder).draw_without_rendering()


def test_nothing_recorded_is_refused():
    with pytest.raises(ValueError, match="draw_recording: expected a Recorder that fit has used"):
        plots.draw_recording(lab.Recorder())
