"""The picture of a training: what it shows is what was recorded."""

import numpy as np
import pytest

from minigrad import lab, layers, plots
from minigrad.models import Sequential

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
    drawn = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in drawn] == [
        "Loss, mean of the epoch so far",
        "Learning rate",
        "Gradients of each layer",
        "Dead units of each layer",
        *[f"dense{end}: |update| / |weight|" for end in ("", "_1", "_2", "_3", "_4", "_5")],
    ]
    assert all(axes.get_xlabel() == "step" and axes.get_ylabel() for axes in drawn)
    assert figure.get_suptitle() == "Training with Adam"
    assert plots.draw_recording(recorder, "my data").get_suptitle() == "my data"


def test_recording_is_drawn_as_it_is(recorder):
    loss, rate, norms, dead, first, *_ = plots.draw_recording(recorder).axes
    np.testing.assert_array_equal(loss.lines[0].get_data(), [recorder.steps, recorder.loss])
    np.testing.assert_array_equal(rate.lines[0].get_ydata(), [0.001] * 5)
    for line, name in zip(norms.lines, recorder.gradient_norms, strict=True):
        assert line.get_label() == name
        np.testing.assert_array_equal(line.get_ydata(), recorder.gradient_norms[name])
    for line, name in zip(dead.lines, recorder.dead_units, strict=True):
        np.testing.assert_allclose(line.get_ydata(), 100 * np.array(recorder.dead_units[name]))
    sorted_ratios = np.sort(recorder.update_ratios["dense"])  # (5 records, 16)
    np.testing.assert_array_equal(first.lines[0].get_ydata(), sorted_ratios[:, 7])


def test_recording_of_infinite_and_zero_ratios_can_be_drawn(recorder):
    recorder.update_ratios["dense"] = [np.array([0.0, np.inf, np.inf])] * 5
    plots.draw_recording(recorder).draw_without_rendering()


def test_nothing_recorded_is_refused():
    with pytest.raises(ValueError, match="draw_recording: expected a Recorder that fit has used"):
        plots.draw_recording(lab.Recorder())
