"""The look that all pictures share."""

import sys

import pytest

from minigrad import plots
from minigrad.plots import _style


def test_lines_differ_in_color_and_in_stroke_or_marker_too():
    """Eleven optimizers are the most that a picture shows."""
    looks = [(*_style.line_style(index).values(), _style.marker(index)) for index in range(11)]
    assert len(set(looks)) == len(looks)
    assert len({look[:2] for look in looks}) == len(looks)


def test_plots_without_matplotlib_say_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install matplotlib$"):
        _style.new_figure()


def test_save_writes_the_format_of_the_ending(tmp_path):
    pytest.importorskip("matplotlib")
    plots.save(_style.new_figure(), tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"ends in one of .*\.png.*, got 'picture.pnq'"):
        plots.save(_style.new_figure(), "picture.pnq")


def test_save_leaves_the_old_file_if_it_fails(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    figure = _style.new_figure()
    (tmp_path / "picture.png").write_bytes(b"old")

    def fail(path, **settings):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        plots.save(figure, tmp_path / "picture.png")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
    assert (tmp_path / "picture.png").read_bytes() == b"old"


def test_figures_leave_no_trace_in_matplotlib():
    matplotlib = pytest.importorskip("matplotlib")
    settings = dict(matplotlib.rcParams)
    axes = _style.new_figure().add_subplot()
    _style.label(axes, "title", "step", "loss")
    assert dict(matplotlib.rcParams) == settings
