"""Tests of what fit, evaluate and predict print, with a fake clock and a fake screen."""

import io
import os
import re
import sys

import numpy as np
import pytest

from minigrad.utils import Progbar, progbar
from minigrad.utils.progbar import Progress, can_print, can_redraw


class Screen(io.TextIOWrapper):
    """A standard output that says it is a terminal."""

    def __init__(self, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding, newline="")

    def isatty(self):
        return True

    @property
    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)

    @property
    def plain(self):
        """The text without colours."""
        return re.sub(r"\x1b\[\d+m", "", self.text)


@pytest.fixture
def clock(monkeypatch):
    """``clock(seconds)`` lets that much time pass."""

    class Clock:
        now = 100.0

        def __call__(self, seconds):
            self.now += seconds

    clock = Clock()
    monkeypatch.setattr(progbar.time, "perf_counter", lambda: clock.now)
    return clock


@pytest.fixture
def screen(monkeypatch):
    """``screen(columns, encoding)`` makes the standard output a terminal of that width."""
    monkeypatch.delenv("NO_COLOR", raising=False)

    def make(columns=80, encoding="utf-8"):
        terminal = Screen(encoding)
        monkeypatch.setattr(sys, "stdout", terminal)
        size = os.terminal_size((columns, 24))
        monkeypatch.setattr(progbar.shutil, "get_terminal_size", lambda: size)
        return terminal

    return make


def run(clock, steps, target, redraw, seconds=1.0, logs=None):
    """Make some steps of a given duration, the first one twice as long."""
    bar = Progress(target, redraw)
    for step in range(1, steps + 1):
        clock(seconds * 2 if step == 1 else seconds)
        bar.update(step, logs or {})
    return bar


def test_line_is_keras_line(clock, capsys):
    bar = run(clock, 5, 5, redraw=False)
    bar.finish({"accuracy": 0.10417, "loss": 2.675, "val_accuracy": 0.0625})
    assert capsys.readouterr().out == (
        "5/5 - 6s - 1s/step - accuracy: 0.1042 - loss: 2.6750 - val_accuracy: 0.0625\n"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.6, "3s/step"), (1.0, "1s/step"), (0.0351, "35ms/step"), (0.00099, "990us/step")],
)
def test_time_per_step_has_the_fitting_unit_and_leaves_out_the_first_step(
    clock, capsys, seconds, text
):
    run(clock, 3, 3, redraw=False, seconds=seconds).finish({})
    assert capsys.readouterr().out.endswith(f" - {text}\n")


def test_a_single_step_counts_whole(clock, capsys):
    run(clock, 1, 1, redraw=False, seconds=2.0).finish({})
    assert capsys.readouterr().out == "1/1 - 4s - 4s/step\n"


def test_no_step_at_all_prints_a_line(clock, capsys):
    Progress(0, redraw=False).finish({"loss": 0.0})
    assert capsys.readouterr().out == "0/0 - 0s - 0s/step - loss: 0.0000e+00\n"


def test_small_values_are_written_with_an_exponent(clock, capsys, screen):
    logs = {"a": 0.001, "b": 0.00101, "c": -2.5, "d": float("nan")}
    run(clock, 2, 2, redraw=False).finish(logs)
    line = capsys.readouterr().out
    assert line.endswith(" - a: 1.0000e-03 - b: 0.0010 - c: -2.5000e+00 - d: nan\n")
    terminal = screen(columns=200)
    run(clock, 2, 2, redraw=True).finish(logs)
    assert terminal.text.endswith(" - a: 1.0000e-03 - b: 0.0010 - c: -2.5000 - d: nan\n")


def test_values_that_are_no_numbers_are_printed_as_they_are(clock, capsys, screen):
    logs = {"note": "hi", "none": None, "pair": [1, 2], "loss": 0.5}
    expected = " - note: hi - none: None - pair: [1, 2] - loss: 0.5000\n"
    run(clock, 2, 2, redraw=False, logs=logs).finish(logs)
    assert capsys.readouterr().out.endswith(expected)
    terminal = screen(columns=200)
    run(clock, 2, 2, redraw=True, logs=logs).finish(logs)
    assert terminal.text.endswith(expected)


def test_standard_output_may_have_write_and_flush_alone(clock, monkeypatch):
    written = []

    class Output:
        def write(self, text):
            written.append(text)

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stdout", Output())
    assert not can_redraw()
    assert can_print("━")
    for redraw in (False, True):
        run(clock, 2, 2, redraw=redraw).finish({"loss": 0.5})
    assert "".join(written).count(" - loss: 0.5000") == 2


def test_bar_is_keras_bar_without_backspaces(clock, screen):
    terminal = screen()
    bar = Progress(40, redraw=True)
    clock(0.5)
    bar.update(10, {"loss": 0.5})
    clock(1.5)
    bar.step = 40
    bar.finish({"loss": 0.25, "val_loss": 0.125})
    assert terminal.text == (
        "\r\x1b[1m10/40\x1b[0m \x1b[32m━━━━━\x1b[0m\x1b[37m━━━━━━━━━━━━━━━\x1b[0m \x1b[1m1s\x1b[0m"
        " 50ms/step - loss: 0.5000"
        "\r\x1b[1m40/40\x1b[0m \x1b[32m━━━━━━━━━━━━━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m2s\x1b[0m"
        " 50ms/step - loss: 0.2500 - val_loss: 0.1250\n"
    )


def test_count_is_right_aligned_to_the_target(clock, screen):
    terminal = screen()
    run(clock, 1, 1000, redraw=True)
    assert terminal.plain.startswith("\r   1/1000 ━━━━━━━━━━━━━━━━━━━━ ")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "29s"), (1.2, "1:10"), (70.0, "1:08:50"), (100, "1:38:20")]
)
def test_remaining_time_has_the_fitting_form(clock, screen, seconds, text):
    terminal = screen()
    bar = Progress(61, redraw=True)
    bar.update(1, {})
    clock(seconds)
    bar.update(2, {})
    assert terminal.plain.rpartition("\r")[2].split()[2] == text


def test_bar_is_redrawn_at_most_every_twentieth_of_a_second(clock, screen):
    terminal = screen()
    bar = run(clock, 100, 100, redraw=True, seconds=0.01)
    assert 17 <= terminal.text.count("\r") <= 21
    bar.finish({})
    assert terminal.plain.rpartition("\r")[2].startswith("100/100 ")


def test_shorter_bar_wipes_out_the_longer_one(clock, screen):
    terminal = screen()
    bar = run(clock, 1, 3, redraw=True, logs={"loss": 0.5, "accuracy": 0.25})
    clock(1)
    bar.update(2, {})
    first, second = terminal.plain.split("\r")[1:]
    assert len(second) == len(first)
    assert second.endswith("1s/step" + " " * len(" - loss: 0.5000 - accuracy: 0.2500"))


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_running_bar_never_wraps(clock, screen, columns):
    terminal = screen(columns)
    logs = {f"a_metric_with_a_long_name_{i}": 0.5 for i in range(9)}
    bar = run(clock, 5, 1000, redraw=True, logs=logs)
    for line in terminal.plain.split("\r")[1:]:
        assert 30 < len(line) < columns
        assert line.count("━") == min(20, columns // 4)
    bar.finish(logs)
    assert "name_8: 0.5000\n" in terminal.text


@pytest.mark.parametrize(
    ("encoding", "bar"), [("utf-8", "━━━━━───────────────"), ("ascii", "=====...............")]
)
def test_bar_without_colors_shows_its_rest_otherwise(clock, screen, monkeypatch, encoding, bar):
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = screen(encoding=encoding)
    progress = Progress(40, redraw=True)
    clock(0.5)
    progress.update(10, {"loss": 0.5})
    assert "\x1b" not in terminal.text
    assert terminal.text.startswith(f"\r10/40 {bar} 1s 50ms/step - loss: 0.5000")


def test_bar_in_a_notebook_has_any_width(clock, monkeypatch):
    notebook = Notebook()
    monkeypatch.setattr(sys, "stdout", notebook)
    run(clock, 1, 9, redraw=can_redraw(), logs={"a_long_name" * 20: 0.5})
    assert notebook.getvalue().endswith("name: 0.5000")


def test_unknown_target_shows_the_steps_done(clock, screen):
    terminal = screen()
    bar = run(clock, 3, None, redraw=True)
    assert terminal.plain.endswith("\r      3/Unknown 4s 1s/step")
    bar.finish({})
    assert terminal.plain.rpartition("\r")[2].startswith("3/3 ━━━━━━━━━━━━━━━━━━━━ 4s 1s/step")


def test_bar_is_ascii_where_the_encoding_has_no_lines(clock, screen):
    terminal = screen(encoding="cp1252")
    run(clock, 1, 4, redraw=True)
    assert terminal.plain.startswith("\r1/4 =====...............")
    assert can_print("é")
    assert not can_print("━")


def test_an_encoding_that_nobody_knows_prints_no_lines(monkeypatch):
    odd = io.StringIO()
    monkeypatch.setattr(sys, "stdout", type("Odd", (), {"write": odd.write, "encoding": "odd"})())
    assert not can_print("━")


def test_interrupted_bar_ends_its_line_once(clock, screen):
    terminal = screen()
    bar = run(clock, 2, 3, redraw=True)
    bar.interrupt()
    bar.interrupt()
    assert terminal.text.count("\n") == 1
    bar = run(clock, 3, 3, redraw=True)
    bar.finish({})
    bar.interrupt()
    assert terminal.text.count("\n") == 2


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, "loss: 0.8750 - size: 4.3333"),  # (2 * 0.5 + 0.5 + 2) / 4, (2 * 3 + 7) / 3
        ({"stateful_metrics": ["size"]}, "loss: 0.8750 - size: 7.0000"),
        ({"stateless_metrics": ["size"]}, "loss: 2.0000 - size: 4.3333"),
    ],
)
def test_progbar_shows_means_over_the_steps_or_the_last_value(clock, screen, options, shown):
    terminal = screen()
    bar = Progbar(6, width=8, interval=0, unit_name="sample", **options)
    clock(1)
    bar.update(2, [("loss", 0.5), ("size", 3)])
    bar.update(3, [("loss", [0.0, 1.0])])
    clock(1)
    bar.add(1, [("loss", 2.0), ("size", np.float32(7))])
    frame = terminal.plain.rpartition("\r")[2]
    assert frame.startswith(f"4/6 {'━' * 8} ")
    assert "s/sample" in frame
    assert frame.rstrip().endswith(shown)
    bar.update(6)
    assert terminal.plain.endswith("\n")


@pytest.mark.parametrize("verbose", [0, 2])
def test_progbar_may_print_nothing_or_one_line(clock, screen, verbose):
    terminal = screen()
    bar = Progbar(2, verbose=verbose)
    for step in (1, 2):
        clock(1)
        bar.update(step, [("loss", step)])
    assert terminal.text == ("2/2 - 2s - 1s/step - loss: 1.5000\n" if verbose else "")
    with pytest.raises(ValueError, match="stateful_metrics or stateless_metrics, got both"):
        Progbar(2, stateful_metrics=[], stateless_metrics=[])


class Notebook(io.StringIO):
    """Like the object that replaces the standard output in ipykernel."""


Notebook.__module__ = "ipykernel.iostream"


def test_only_a_terminal_or_a_notebook_can_redraw(monkeypatch, screen):
    monkeypatch.setenv("TERM", "xterm")
    for stdout, expected in [(Screen(), True), (Notebook(), True), (io.StringIO(), False)]:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert can_redraw() is expected
    monkeypatch.setattr(sys, "stdout", None)
    assert not can_redraw()
    assert can_print("━")
    screen()
    monkeypatch.setenv("TERM", "dumb")
    assert not can_redraw()


@pytest.mark.parametrize("columns", [20, 34, 60, 80, 100, 140])
@pytest.mark.parametrize("redraw", [True, False])
def test_finished_line_breaks_between_values_alone(clock, screen, columns, redraw):
    terminal = screen(columns)
    logs = {"accuracy": 0.9127, "loss": 0.2915, "val_accuracy": 0.9742, "val_loss": 0.0801}
    run(clock, 5, 5, redraw, logs={"loss": 0.5, "a_longer_name_than_all_others": 1}).finish(logs)
    frame = terminal.plain.rpartition("\r")[2]
    lines = [line.rstrip() for line in frame.splitlines()]
    if columns >= 34:  # below, a value alone may be wider
        assert max(map(len, lines)) < columns
    words = [f"- {name}: {value:.4f}" for name, value in logs.items()]
    assert all(any(word in line for line in lines) for word in words)
    assert all(line.startswith("    - ") for line in lines[1:])
    assert (len(lines) > 1) == (columns <= 80 or (redraw and columns == 100))


def test_first_of_several_lines_wipes_out_the_running_bar(clock, screen):
    terminal = screen(60)
    bar = run(clock, 4, 5, redraw=True, logs={"a_name_with_22_letters": 1.0, "loss": 0.5})
    running = terminal.plain.rpartition("\r")[2]
    bar.finish({"another_name_of_more_letters": 1.0, "loss": 0.5})
    assert len(terminal.plain.rpartition("\r")[2].partition("\n")[0]) == len(running)


def test_progbar_in_a_file_is_one_line(clock, capsys):
    bar = Progbar(2, interval=0)
    for step in (1, 2):
        clock(1)
        bar.update(step, [("loss", step)])
    assert capsys.readouterr().out == "2/2 - 2s - 1s/step - loss: 1.5000\n"


def test_executed_notebook_keeps_the_last_state_of_a_bar(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="pip install nbclient executes notebooks")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel", reason="pip install ipykernel runs notebooks")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    code = (
        "import time\nfrom minigrad.utils import Progbar\n"
        "for epoch in range(2):\n    print(f'Epoch {epoch + 1}/2')\n"
        "    bar = Progbar(5, interval=0)\n    for _ in range(5):\n"
        "        bar.add(1, [('loss', 1.5)])\n        time.sleep(0.01)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    text = "".join(output.text for output in notebook.cells[0].outputs)
    frames = re.sub(r"\x1b\[\d+m", "", text).replace("\n", "\r").split("\r")
    assert [frame.split()[0] for frame in frames if frame] == ["Epoch", "5/5", "Epoch", "5/5"]
