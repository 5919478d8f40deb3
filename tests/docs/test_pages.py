"""The documentation's pages: their code runs, and what they show and list is there."""

import ast
import re
import runpy
import sys
from pathlib import Path

import pytest

import minigrad
from minigrad import layers

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
PAGES = [page for page in PAGES if not page.startswith("gallery/")]  # made from examples/


# What a page shows together with minigrad.
NEEDS = {
    "interoperability.md": ("onnx", "onnxruntime", "safetensors", "torch"),
    "laboratory.md": ("matplotlib",),
}


@pytest.mark.parametrize("page", PAGES)
def test_page_prints_what_it_says(run_page, page):
    for library in NEEDS.get(page, ()):
        pytest.importorskip(library)
    keras = sys.modules.get("keras")
    try:
        run_page(page)
    finally:
        if keras is None and sys.modules.get("keras") is minigrad:  # a page's, not all tests'
            del sys.modules["keras"]


@pytest.mark.parametrize("page", PAGES)
def test_code_of_page_is_marked_as_what_it_is(page_fences, page):
    """Code that is not run is a command, or a text that cannot be taken for minigrad's code."""
    for language, _, line in page_fences(page):
        known = language in ("python", "pycon", "console", "text") or language.startswith("{")
        assert known, f"{page}, line {line}: {language or 'no language'}"


@pytest.mark.parametrize("page", PAGES)
def test_what_page_shows_of_the_source_is_there(page_fences, page):
    if not (DOCS.parent / "minigrad" / "core.py").exists():
        pytest.skip("the source is not next to the pages")
    for language, options, line in page_fences(page):
        if language == "{literalinclude}":
            for option, wanted in re.findall(r"^:([\w-]+): *(.+)$", options, re.MULTILINE):
                wanted = re.sub(r"""^(["'])(.*)\1$""", r"\2", wanted)  # as YAML reads it
                text = shown_file(page, line).read_text(encoding="utf-8")
                if option == "pyobject":
                    assert wanted in defined_names(text), f"{page}, line {line}: no {wanted}"
                elif option in ("start-at", "end-before"):
                    assert wanted in text, f"{page}, line {line}: no {wanted!r}"


def shown_file(page, line):
    """The file that a literalinclude names in the line above its options."""
    path = (DOCS / page).read_text(encoding="utf-8").splitlines()[line - 1].split()[-1]
    return (DOCS / page).parent / path


def defined_names(text):
    """Functions, classes, and methods as Class.method."""
    names = set()
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (part.name for part in node.body if isinstance(part, ast.FunctionDef))
            names |= {f"{node.name}.{name}" for name in methods}
    return names


def test_pictures_are_what_their_script_draws():
    folder = DOCS / "_static" / "kernels"
    pictures = {f.__name__: f for f in runpy.run_path(str(folder / "draw.py"))["PICTURES"]}
    assert set(pictures) == {path.stem for path in folder.glob("*.svg")}
    page = (DOCS / "kernels.md").read_text(encoding="utf-8")
    for name, draw in pictures.items():
        assert (folder / f"{name}.svg").read_text(encoding="utf-8") == draw().svg(), name
        assert f"(_static/kernels/{name}.svg)" in page, name


def test_every_layer_is_in_the_reference():
    reference = (DOCS / "api" / "layers.rst").read_text(encoding="utf-8")
    listed = set(re.findall(r"autoclass:: (?:minigrad\.layers\.)?(\w+)", reference))
    assert listed == {value.__name__ for value in vars(layers).values() if isinstance(value, type)}


def test_each_way_to_other_programs_names_tests_that_there_are():
    text = (DOCS / "interoperability.md").read_text(encoding="utf-8")
    table = text.partition("| direction |")[2].partition("\n\n")[0].splitlines()[2:]
    files = [*(DOCS.parent / "tests" / "interop").glob("*.py")]
    files.append(DOCS.parent / "tests" / "saving" / "test_weights.py")
    tests = {file.name for file in files}
    for file in files:
        tests |= set(re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    for row in table:
        named = set(re.findall(r"`(test_[\w.]+)`", row))
        assert named and named <= tests, row
