"""The look that all pictures share."""

import itertools
import sys

import numpy as np
import pytest

from minigrad import optimizers, plots
from minigrad.lab import RULES, SURFACES
from minigrad.plots import _style
from minigrad.plots._style import MARKERS, OPTIMIZERS, OTHERS, RAMPS, THEMES

THEME_NAMES = list(THEMES)
BOTH = pytest.mark.parametrize("theme", THEME_NAMES)
RACE = {"SGD", "momentum", "Adagrad", "RMSprop", "Adam", "Lion"}

# --- an oracle for colours -----------------------------------------------------------------------

# Machado, Oliveira and Fernandes (2009), severity 1, on linear red, green and blue.
EYES = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}  # fmt: skip
# sRGB's primaries and its white, D65: https://www.w3.org/Graphics/Color/sRGB.
TO_XYZ = [
    [0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
]  # fmt: skip
WHITE = [0.95047, 1.0, 1.08883]


def rgb(code):
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def seen(code, eyes="normal"):
    """Return CIE Lab of a colour as these eyes see it."""
    linear = np.array(
        [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb(code)]
    )
    linear = np.clip(np.array(EYES[eyes]) @ linear, 0, 1)
    t = TO_XYZ @ linear / WHITE
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t * (29 / 6) ** 2 / 3 + 4 / 29)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def ciede2000(one, other):
    """The colour difference of Luo, Cui and Rigg (2001), https://doi.org/10.1002/col.1049."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(c**7 / (c**7 + 25.0**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    light, c = (l1 + l2) / 2, (c1 + c2) / 2
    h = h1 + turn / 2 if c1 * c2 else h1 + h2
    t = (
        1 - 0.17 * np.cos(np.radians(h - 30)) + 0.24 * np.cos(np.radians(2 * h))
        + 0.32 * np.cos(np.radians(3 * h + 6)) - 0.20 * np.cos(np.radians(4 * h - 63))
    )  # fmt: skip
    sl = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    sc, sh = 1 + 0.045 * c, 1 + 0.015 * c * t
    turned = 30 * np.exp(-((((h % 360) - 275) / 25) ** 2))
    rt = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * np.sin(np.radians(2 * turned))
    return np.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * dc / sc * dh / sh)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [  # pairs 1, 7, 14, 17 and 25 of Sharma, Wu and Dalal (2005), https://doi.org/10.1002/col.20070
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ],
)
def test_differences_of_colours_are_those_of_the_literature(one, other, expected):
    assert abs(ciede2000(one, other) - expected) < 1e-4


# --- optimizers ----------------------------------------------------------------------------------


def test_every_optimizer_has_a_look_of_its_own():
    names = {cls.__name__ for cls in optimizers.OPTIMIZERS.members} | set(RULES)
    assert names <= set(OPTIMIZERS)
    assert {"Muon", "Adafactor", "AdaBelief", "AMSGrad"} <= set(OPTIMIZERS)
    for theme in THEME_NAMES:
        colors = {_style.look(name, theme)["color"] for name in OPTIMIZERS}
        assert len(colors) == len(OPTIMIZERS)
    for family in MARKERS:
        strokes = [row[3] for row in OPTIMIZERS.values() if row[0] == family]
        assert len(set(map(str, strokes))) == len(strokes), "a print in grey has only the strokes"


# Smallest differences: of the six of a race, of families, within a family. CIEDE2000 of 5 is easily
# seen in two fields side by side; a family is told by its markers, a member by its stroke, too.
LEAST = {
    ("light", "normal"): (15.4, 21.2, 10.6), ("dark", "normal"): (16.0, 17.0, 10.1),
    ("light", "protanopia"): (13.7, 7.1, 7.8), ("dark", "protanopia"): (12.2, 8.0, 9.9),
    ("light", "deuteranopia"): (14.2, 7.3, 7.6), ("dark", "deuteranopia"): (11.4, 7.4, 6.8),
    ("light", "tritanopia"): (7.3, 7.3, 4.6), ("dark", "tritanopia"): (6.5, 4.7, 6.5),
}  # fmt: skip


@pytest.mark.parametrize(("theme", "eyes"), LEAST)
def test_optimizers_can_be_told_apart_by_all_eyes(theme, eyes):
    kinds = [], [], []
    colors = {name: seen(_style.look(name, theme)["color"], eyes) for name in OPTIMIZERS}
    for a, b in itertools.combinations(OPTIMIZERS, 2):
        difference = ciede2000(colors[a], colors[b])
        kinds[2 if OPTIMIZERS[a][0] == OPTIMIZERS[b][0] else 1].append(difference)
        if {a, b} <= RACE:
            kinds[0].append(difference)
    for least, found in zip(LEAST[theme, eyes], kinds, strict=True):
        assert min(found) > least - 0.05  # rounded in the table


@BOTH
def test_lines_and_words_stand_out_from_the_page(theme):
    page = rgb(THEMES[theme]["page"])
    for name in [*OPTIMIZERS, "my own rule"]:
        color = _style.look(name, theme)["color"]
        assert _style.contrast(rgb(color), page) >= {"light": 3, "dark": 4}[theme], name
        assert _style.contrast(rgb(_style.readable(name, theme)), page) >= 4.45, name  # rounded
    for role in ("ink", "grey", "forward", "backward"):
        assert _style.contrast(rgb(THEMES[theme][role]), page) >= 4.5, role


def test_contrast_is_that_of_the_guidelines():
    assert abs(_style.contrast(np.zeros(3), np.ones(3)) - 21) < 1e-12
    assert abs(_style.contrast(rgb("#777777"), np.ones(3)) - 4.48) < 0.005  # WebAIM's example


def test_look_goes_by_name_and_not_by_place():
    assert _style.looks(["Adam", "SGD"])[::-1] == _style.looks(["SGD", "Adam"])
    assert _style.look("ADAM", "dark") == _style.look("Adam", "dark")
    assert _style.readable("Nadam") != _style.look("Nadam")["color"]
    assert _style.readable("SGD") == _style.look("SGD")["color"], "dark enough as it is"


@BOTH
def test_own_rules_are_drawn_in_ink_in_other_strokes(theme):
    adam, mine, yours, *more = _style.looks(["Adam", "mine", "yours", "c", "d", "e"], theme)
    assert adam == _style.look("Adam", theme)
    assert mine["color"] == yours["color"] == THEMES[theme]["ink"]
    assert [one["linestyle"] for one in (mine, yours)] == list(OTHERS[:2])
    assert more[-1] not in (mine, yours, *more[:-1])


def test_a_rule_that_comes_again_keeps_its_colour_and_changes_its_stroke():
    looks = _style.looks(["Adam"] * 5)
    assert len({one["color"] for one in looks}) == 1
    assert len({str(one["linestyle"]) for one in looks}) == 5


def test_unknown_theme_is_refused():
    with pytest.raises(ValueError, match="theme: expected 'light' or 'dark', got 'sepia'"):
        _style.look("Adam", "sepia")


# --- ramps ---------------------------------------------------------------------------------------


@BOTH
def test_ramps_begin_at_the_page_and_change_evenly(theme):
    page = THEMES[theme]["page"]
    assert ciede2000(seen(RAMPS[theme]["ground"][0]), seen(page)) < 2
    assert RAMPS[theme]["diverging"][3] == page, "a weight of 0 disappears"
    for kind in ("sequential", "diverging"):
        lightness = [seen(code)[0] for code in RAMPS[theme][kind]]
        halves = [lightness[:4], lightness[:2:-1]] if kind == "diverging" else [lightness]
        for half in halves:
            steps = np.diff(half)
            assert abs(np.sign(steps).sum()) == len(steps), "falls or rises all the way"
    pytest.importorskip("matplotlib")
    assert _style.ramp("diverging", theme)(0.5)[:3] == pytest.approx(rgb(page), abs=0.01)


# --- figures -------------------------------------------------------------------------------------


def test_plots_without_matplotlib_say_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install matplotlib$"):
        _style.new_figure()


@BOTH
def test_figure_has_its_size_in_pixels_and_the_pages_color(theme, tmp_path):
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    plots.save(_style.new_figure(400, 160, theme), tmp_path / "page.png")
    with image.open(tmp_path / "page.png") as picture:
        assert picture.size == (800, 320)  # two dots to a pixel
        corner = np.array(picture.convert("RGB").getpixel((0, 0)))
    np.testing.assert_array_equal(corner, np.round(255 * rgb(THEMES[theme]["page"])))


def test_names_stand_at_the_ends_and_apart():
    pytest.importorskip("matplotlib")
    figure = _style.new_figure(400, 240)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1])
    ends = [("high", 1, 0.9, "SGD"), ("low", 1, 0.1, "Adam"), ("lower", 1, 0.09, "#123456")]
    names = _style.label_ends(axes, ends)
    figure.draw_without_rendering()
    boxes = [name.get_window_extent() for name in names]
    right = axes.transData.transform((1, 0))[0]
    for box, (_, _, y, _) in zip(boxes, ends, strict=True):
        assert right < box.x0 and box.x1 <= 400, "beside the line, and within the figure"
        assert abs((box.y0 + box.y1) / 2 - axes.transData.transform((1, y))[1]) < 10
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert [name.get_color() for name in names] == ["#005d8f", _style.readable("Adam"), "#123456"]


def test_names_move_no_more_than_they_must():
    np.testing.assert_array_equal(_style._apart([50, 0, 100], 15), [50, 0, 100])
    np.testing.assert_allclose(_style._apart([10, 10, 10], 15), [-5, 10, 25])
    np.testing.assert_allclose(_style._apart([0, 100, 98], 15), [0, 106.5, 91.5])
    assert len(_style._apart([], 15)) == 0


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
    axes = _style.new_figure(theme="dark").add_subplot()
    _style.dress(axes, "dark", "title", "unit", "step")
    _style.ground(axes, SURFACES["bowl"], (-1, 1), (-1, 1), "dark")
    assert dict(matplotlib.rcParams) == settings
