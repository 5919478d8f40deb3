"""The notebook: it runs from top to bottom without MNIST, and its committed outputs are clean."""

import ast
import json
import re
from pathlib import Path

import pytest

import minigrad

NUMBER = re.compile(r"(?<![\w.])([-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?)(\s?%)?")
NOTEBOOK = Path(__file__).parent.parent / "examples" / "adam_optimizer.ipynb"


def pictures(notebook):
    """Return the kinds of pictures below each cell: {"graph": ["image/svg+xml"], ...}."""
    return {
        cell["id"]: [
            kind
            for output in cell.get("outputs", [])
            for kind in output.get("data", {})
            if kind.startswith("image/")
        ]
        for cell in notebook["cells"]
    }


def test_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch):
    extras = 'pip install -e ".[examples,test]" runs the notebook'
    pytest.importorskip("matplotlib", reason=extras)
    pytest.importorskip("ipykernel", reason=extras)
    nbformat = pytest.importorskip("nbformat", reason=extras)
    nbclient = pytest.importorskip("nbclient", reason=extras)

    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel then draws into the notebook
    for name, value in {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "KERAS_HOME": str(tmp_path / "keras"),
        "PYTHONPATH": str(Path(minigrad.__file__).parent.parent),
        "MINIGRAD_OFFLINE": "1",
        "MINIGRAD_NUM_THREADS": "1",
        "KERAS_MAX_EPOCHS": "1",
        "KERAS_MAX_STEPS_PER_EPOCH": "6",
    }.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    committed = pictures(notebook)
    folder = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=300, resources=folder).execute()

    assert pictures(notebook) == committed
    (data,) = [cell for cell in notebook.cells if cell["id"] == "data"]
    assert "NOT MNIST" in str(data.outputs)


def test_notebook_is_committed_with_outputs_that_tell_nothing_of_the_machine():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    codes = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in codes] == list(range(1, len(codes) + 1))
    for cell in codes:
        assert cell["metadata"] == {}
        assert not any(output.get("name") == "stderr" for output in cell["outputs"])
        assert not re.search(r"/(home|root|Users|tmp)/|at 0x", str(cell["outputs"])), cell["id"]
    assert NOTEBOOK.stat().st_size < 2_500_000  # 20 pictures at the size at which they are read


def read_numbers(text):
    """Return the numbers in a text: value, digits behind the point, whether it is in per cent."""
    found = []
    for token, percent in NUMBER.findall(text):
        token = token.replace("−", "-").replace(",", "")
        digits = len(token.partition(".")[2]) if "e" not in token else 99
        found.append((float(token), digits, bool(percent)))
    return found


def prose_of(cell):
    """A text cell without formulas, code, links, headings, and the years and names of papers."""
    text = "".join(cell["source"])
    text = re.sub(r"\$\$.*?\$\$|\$.*?\$|`.*?`|\]\(.*?\)|^#.*?$", " ", text, flags=re.DOTALL | re.M)
    return re.sub(r"\bsections? \d|\((\d, )*\d\)|\b(19|20)\d\d\b", " ", text)


def find_unfounded(notebook):
    """Return the numbers of the prose that no code or output of their section has.

    The last sections, which sum up, may take theirs from all sections. A number may be rounded, and
    a share may be written in per cent.
    """
    sections, unfounded = [[]], []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown" and "".join(cell["source"]).startswith("## "):
            sections.append([])
        sections[-1].append(cell)
    everything = []
    for section in filter(None, sections):
        known = [
            value
            for cell in section
            if cell["cell_type"] == "code"
            for text in ("".join(cell["source"]), *map(text_of, cell["outputs"]))
            for value, *_ in read_numbers(text)
        ]
        everything += known
        title = "".join(section[0]["source"])
        if title.startswith(("# ", "## References")):
            continue
        if title.startswith("## 9"):
            known = everything
        for cell in section:
            if cell["cell_type"] == "markdown":
                for value, digits, percent in read_numbers(prose_of(cell)):
                    slack = 0.5 * 10.0**-digits + 1e-9
                    factors = (1, 100) if percent else (1,)
                    if not any(abs(k * f - value) <= slack for k in known for f in factors):
                        unfounded.append((cell["id"], value))
    return unfounded


def text_of(output):
    data = output.get("data", {})
    texts = [output.get("text", ""), data.get("text/plain", ""), data.get("text/markdown", "")]
    return " ".join("".join(text) for text in texts)


def test_numbers_of_the_prose_are_those_of_the_outputs():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert find_unfounded(notebook) == []


def test_a_wrong_number_in_the_prose_is_found():
    cells = [
        {"cell_type": "markdown", "id": "a", "source": ["## 4. A race\n", "After 3 epochs 98.2 %"]},
        {"cell_type": "markdown", "id": "b", "source": ["a loss of 0.05, not 0.06 ($x = 7$)."]},
        {"cell_type": "code", "source": ["fit(epochs=3)"], "outputs": [
            {"text": ["accuracy 0.9823, loss 0.0505"]},
        ]},
    ]  # fmt: skip
    assert find_unfounded({"cells": cells}) == [("b", 0.06)]


def test_every_picture_has_an_alternative_text():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    texts = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            for kind in output.get("data", {}):
                if kind.startswith("image/"):
                    texts.append(output["metadata"][kind]["alt"])
    assert len(texts) > 15
    assert min(map(len, texts)) > 40
    assert len(set(texts)) == len(texts)


def test_progress_bars_leave_one_line_an_epoch():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert not any(mark in text_of(output) for output in outputs for mark in "\b\r")


def test_notebook_is_a_python_script_too():
    """Without magics, as `jupyter nbconvert --to script` writes it."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            ast.parse("".join(cell["source"]), cell["id"])
            assert "get_ipython" not in "".join(cell["source"])
