"""The notebook: it runs from top to bottom without MNIST, and its committed outputs are clean."""

import ast
import json
import re
from pathlib import Path

import pytest

import minigrad

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
        "KERAS_MAX_STEPS_PER_EPOCH": "2",
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
    assert NOTEBOOK.stat().st_size < 1_500_000


def test_notebook_is_a_python_script_too():
    """Without magics, as `jupyter nbconvert --to script` writes it."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            ast.parse("".join(cell["source"]), cell["id"])
            assert "get_ipython" not in "".join(cell["source"])
