"""What the site is built with: faults are found, pictures are never stale, formulas are MathML."""

import importlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"

if not (DOCS.parent / "minigrad" / "core.py").exists():
    pytest.skip("the source is not next to the pages", allow_module_level=True)


def tool(name, folder="_extensions"):
    """A module of the site's tools."""
    place = str(DOCS / folder)
    if place not in sys.path:
        sys.path.append(place)
    return importlib.import_module(name)


# --- check_site ---------------------------------------------------------------------------------

GOOD = """<html><body id="top"><a href="other.html#here">x</a> <a href="#top">y</a>
<a href="https://example.org/">z</a> <img src="a.png" srcset="a.png 2x" alt="A line that rises.">
<svg role="img" aria-label="Two boxes."><path d="M0 0"/></svg>
<button aria-label="Menu"><svg><use href="#top"/></svg></button><a href="sub/">s</a></html>"""

FAULTS = {
    '<a href="nothing.html">x</a>': "nothing.html: no such file",
    '<a href="other.html#there">x</a>': "#there: no such place",
    '<a href="#nowhere">x</a>': "#nowhere: no such place",
    '<img src="b.png" alt="B">': "b.png: no such file",
    '<img src="a.png" alt="A" srcset="a.png 1x, b.png 2x">': "b.png: no such file",
    '<img src="a.png">': "says nothing",
    '<img src="a.png" alt=" ">': "says nothing",
    '<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>': "svg says nothing",
    '<script src="https://cdn.example.org/x.js"></script>': "another host",
    '<link rel="stylesheet" href="//cdn.example.org/x.css">': "another host",
    '<img src="http://example.org/a.png" alt="A">': "another host",
    '<source srcset="https://example.org/a.png 2x">': "another host",
    '<style>@font-face { src: url("https://example.org/f.woff") }</style>': "another host",
    "<p style=\"background: url('https://example.org/a.png')\">x</p>": "another host",
}


def site_with(folder, more=""):
    (folder / "sub").mkdir()
    (folder / "sub" / "index.html").write_text("<p>x</p>")
    (folder / "a.png").write_bytes(b"")
    (folder / "other.html").write_text('<p id="here">x</p>')
    (folder / "index.html").write_text(GOOD + more)
    return folder


def test_a_site_without_faults_passes(tmp_path):
    assert tool("check_site", ".").problems(site_with(tmp_path)) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_is_found(tmp_path, fault):
    (found,) = tool("check_site", ".").problems(site_with(tmp_path, fault))
    assert "index.html" in found and FAULTS[fault] in found


def test_what_a_stylesheet_loads_is_looked_at(tmp_path):
    (site_with(tmp_path) / "site.css").write_text('@import "https://example.org/x.css";')
    (found,) = tool("check_site", ".").problems(tmp_path)
    assert "site.css" in found and "another host" in found


def test_a_folder_without_pages_is_a_fault(tmp_path):
    assert tool("check_site", ".").problems(tmp_path)


# --- pictures -----------------------------------------------------------------------------------

CURVE = """WIDTHS = (760, 400)

def draw(width, theme, rule="sgd"):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 100, 1))
    figure.add_subplot().plot([1, 2, 3])
    return figure
"""
SVG = """import helper

WIDTHS = (760, 400)

def draw(width, theme):
    about = f'xmlns="http://www.w3.org/2000/svg" width="{width}"'
    return f"<svg {about}><title>{helper.WORD}</title></svg>"
"""


@pytest.fixture
def drawing(tmp_path, monkeypatch):
    """The tool that draws, with programs in a folder of its own."""
    tools = tool("drawing")
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "curve.py").write_text(CURVE)
    (folder / "boxes.py").write_text(SVG)
    (folder / "helper.py").write_text("WORD = 'Hi'\n")
    monkeypatch.setattr(tools, "PROGRAMS", folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    forget(tools)
    yield tools
    forget(tools)
    sys.modules.pop("helper", None)


def forget(tools):
    """As in a new process: nothing is known of the files."""
    for cached in (tools.program, tools.imported, tools.made_from, tools.digest):
        cached.cache_clear()


def test_pictures_are_drawn_in_both_themes_and_widths_at_two_pixels(drawing, tmp_path):
    image = pytest.importorskip("PIL.Image")
    found = drawing.files(tmp_path, "curve", rule="adam")
    assert set(found) == {(w, t) for w in (760, 400) for t in ("light", "dark")}
    for (width, _), path in found.items():
        with image.open(path) as picture:
            assert picture.width == 2 * width


def test_a_picture_is_drawn_again_when_what_it_is_made_from_changes(drawing, tmp_path):
    pytest.importorskip("matplotlib")
    first = drawing.files(tmp_path, "boxes")
    assert "Hi" in first[400, None].read_text()
    assert drawing.files(tmp_path, "boxes") == first
    (drawing.PROGRAMS / "helper.py").write_text("WORD = 'Ho'\n")
    forget(drawing)
    sys.modules.pop("helper")
    second = drawing.files(tmp_path, "boxes")
    assert second != first and "Ho" in second[400, None].read_text()


def test_a_picture_is_made_from_minigrads_sources(drawing):
    names = {path.name for path in drawing.made_from("boxes")}
    assert {"boxes.py", "helper.py", "adam.py", "_style.py", "core.py", "surfaces.py"} <= names
    assert "curve.py" not in names


def test_a_picture_of_another_width_is_refused(drawing, tmp_path):
    pytest.importorskip("matplotlib")
    (drawing.PROGRAMS / "curve.py").write_text(CURVE.replace("width / 100", "3"))
    with pytest.raises(ValueError, match="inches"):
        drawing.files(tmp_path, "curve")


def test_a_program_that_there_is_not_is_told(drawing):
    with pytest.raises(ValueError, match="boxes, curve"):
        drawing.program("bowl")


PAGE = """# Title

```{{picture}} {name}
{options}

**It rises.** From left to right.
Source: none.
```
"""


def build(tools, folder, name="curve", options=":alt: A line\n    that rises."):
    """Build a site of one page; return what Sphinx wrote to stderr, and the page."""
    pytest.importorskip("furo")
    (folder / "pages").mkdir(exist_ok=True)
    (folder / "pages" / "index.md").write_text(PAGE.format(name=name, options=options))
    (folder / "pages" / "conf.py").write_text(
        f"import sys\nsys.path[:0] = [{str(DOCS / '_extensions')!r}]\nimport pathlib, drawing\n"
        f"drawing.PROGRAMS = pathlib.Path({str(tools.PROGRAMS)!r})\n"
        "extensions = ['myst_parser', 'mathml', 'pictures']\nhtml_theme = 'furo'\n"
        "html_math_renderer = 'mathml'\nmyst_enable_extensions = ['dollarmath']\n"
    )
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "--keep-going"]
    result = subprocess.run(
        [*command, str(folder / "pages"), str(folder / "site")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    page = folder / "site" / "index.html"
    return result.stderr, page.read_text("utf-8") if page.exists() else ""


def test_the_site_shows_a_picture_with_its_text_and_caption(drawing, tmp_path):
    errors, page = build(drawing, tmp_path, "curve rule=adam")
    assert not errors
    assert page.count('alt="A line that rises."') == 2  # light and dark
    assert 'srcset="_images/curve-rule-adam-400-dark.png 2x"' in page
    assert '<p class="source">Source: none.</p>' in page
    assert tool("check_site", ".").problems(tmp_path / "site") == []


def test_the_site_has_drawings_as_text(drawing, tmp_path):
    errors, page = build(drawing, tmp_path, "boxes")
    assert not errors and 'aria-label="A line that rises."' in page and "<title>Hi" not in page


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("curve", "", "expected :alt:"),
        ("curve adam", ":alt: A line.", "expected options such as rule=adam"),
        ("bowl", ":alt: A line.", "expected one of boxes, curve"),
        ("curve size=3", ":alt: A line.", "unexpected keyword argument 'size'"),
    ],
)
def test_a_picture_that_cannot_be_is_an_error_of_the_build(
    drawing, tmp_path, name, options, message
):
    errors, _ = build(drawing, tmp_path, name, options)
    assert message in errors


def pixels_of(png):
    image = pytest.importorskip("PIL.Image")
    with image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_the_readmes_picture_is_what_its_program_draws():
    """To within what another version of matplotlib may do to edges and letters."""
    pytest.importorskip("matplotlib")
    written = (DOCS / "_static" / "card.png").read_bytes()
    assert len(written) <= 120_000
    data, words = tool("drawing").card()
    read = (DOCS / "_static" / "card.txt").read_text("utf-8").splitlines()
    assert read == [line for text in words for line in text.splitlines()]
    shown, drawn = pixels_of(written), pixels_of(data)
    assert shown.shape == drawn.shape == (1120, 2400, 3)
    changed = (np.abs(shown - drawn).max(2) > 60).mean()
    assert changed < 0.002, "python docs/pictures --card"


def test_a_reduction_of_colors_keeps_the_frequent_ones():
    image = pytest.importorskip("PIL.Image")
    grey = np.arange(65536).reshape(256, 256) % 256
    picture = np.stack([grey] * 3, 2).astype(np.uint8)
    picture[:16], picture[16:32] = (0, 93, 142), (0, 87, 79)  # SGD, RMSprop
    buffer = io.BytesIO()
    image.fromarray(picture).save(buffer, "PNG")
    small = pixels_of(tool("drawing").crush(buffer.getvalue(), 24))
    assert (small[:32] == picture[:32]).all() and len(np.unique(small.reshape(-1, 3), axis=0)) <= 24


# --- formulas, sources --------------------------------------------------------------------------


def test_formulas_are_mathml_in_the_colors_of_pictures():
    pytest.importorskip("latex2mathml")
    text = tool("mathml").mathml(r"\textcolor{blue}{m} \leftarrow \sqrt{v}")
    assert text.startswith("<math") and '<mstyle class="mean"><mrow><mi>m</mi>' in text


@pytest.mark.parametrize("latex", [r"\nothing x", r"\textcolor{red}{m}", "a & b"])
def test_a_formula_that_would_be_shown_raw_is_refused(latex):
    pytest.importorskip("latex2mathml")
    with pytest.raises(ValueError, match=r"expected a color|not known"):
        tool("mathml").mathml(latex)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("minigrad:Tensor.backward", "    def backward("),  # compiled
        ("minigrad:Function", "class Function"),
        ("minigrad.ops:relu", "def relu("),
        ("minigrad.more_ops:floor", "np.floor"),  # from a table
        ("minigrad.optimizers:Adam", "class Adam("),
        ("minigrad.initializers:zeros", "class Zeros("),  # another name of a class
        ("minigrad.optimizers:Optimizer.learning_rate", "@property"),
    ],
)
def test_sources_are_found(name, line):
    pytest.importorskip("sphinx")
    sources = tool("sources")
    module, number = sources.place(*name.split(":"))
    assert line in sources.source_of(module).read_text("utf-8").splitlines()[number - 1]


# --- gallery ------------------------------------------------------------------------------------

PNG = {"output_type": "display_data", "data": {"image/png": "x", "text/plain": "Figure"}}


def notebook(metadata, source="See [two](#2.-The-rule,-in-words)."):
    return {
        "cells": [
            {"cell_type": "markdown", "source": [source], "metadata": {}},
            {"cell_type": "code", "metadata": {}, "outputs": [{**PNG, "metadata": metadata}]},
        ]
    }


def test_pictures_of_the_notebook_have_their_texts_in_the_site():
    pytest.importorskip("sphinx")
    made = tool("gallery").with_texts(notebook({"image/png": {"alt": "A line that rises."}}))
    assert made["cells"][1]["metadata"]["mystnb"]["image"]["alt"] == "A line that rises."
    assert made["cells"][0]["source"] == "See [two](#2-the-rule-in-words)."


def test_a_picture_of_the_notebook_without_a_text_stops_the_build():
    pytest.importorskip("sphinx")
    with pytest.raises(Exception, match=r"alternative text.*cell 2"):
        tool("gallery").with_texts(notebook({}))


def test_every_example_has_a_page_with_what_the_readme_says():
    pytest.importorskip("sphinx")
    gallery = tool("gallery")
    readme = gallery.sections((gallery.EXAMPLES / "README.md").read_text("utf-8"))
    names, page = gallery.index(readme)
    programs = [path.name for path in gallery.EXAMPLES.glob("[!_]*.py")]
    assert sorted(names) == sorted([*programs, "adam_optimizer.ipynb"])
    assert "[**mnist_cnn.py**" in page and "\nmnist_cnn\n" in page


def test_links_of_the_examples_readme_hold_in_the_gallery():
    pytest.importorskip("sphinx")
    moved = tool("gallery").moved
    assert moved("[a](../docs/engine.md#x)") == "[a](../engine.md#x)"
    assert moved("[a](two_inputs.py)") == "[a](two_inputs.md)"
    assert moved("[a](adam_optimizer.ipynb)") == "[a](adam_optimizer.ipynb)"
    assert moved("[a](https://example.org/)") == "[a](https://example.org/)"
    assert moved("[a](results/x.txt)") == "a"
