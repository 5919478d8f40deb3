"""mypy and pyright find nothing in what is right, and every mistake."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minigrad

ROOT = Path(__file__).parents[2]
PACKAGE = Path(minigrad.__file__).parent
SCRIPTS = Path(__file__).parent / "scripts"
MISTAKES = SCRIPTS / "mistakes.py"
RIGHT = [SCRIPTS / "users_script.py", *sorted((ROOT / "examples").glob("*.py"))]


def run_mypy(folder):
    """What mypy finds, as {file name: {line: message}}."""
    pytest.importorskip("mypy", reason="pip install mypy")
    found, paths = {}, [ROOT / "examples"]
    if PACKAGE.parent.name != "site-packages":  # there mypy finds it, and wants no path
        paths.append(PACKAGE.parent)
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", *RIGHT, MISTAKES],
        cwd=folder,
        env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    for path, line, message in re.findall(r"^(.*?):(\d+): error: (.*)$", run.stdout, re.MULTILINE):
        if PACKAGE in Path(folder, path).resolve().parents:  # not shown of what is installed
            continue
        found.setdefault(Path(path).name, {})[int(line)] = message
    return found


def run_pyright(_):
    """What pyright finds, as {file name: {line: message}}."""
    pytest.importorskip("pyright", reason="pip install pyright")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    run = subprocess.run([*command, *RIGHT, MISTAKES], cwd=ROOT, capture_output=True, text=True)
    if not run.stdout.startswith("{"):  # it is fetched when it first runs
        pytest.skip(f"pyright does not run here: {run.stdout}{run.stderr}")
    result, found = json.loads(run.stdout), {}
    assert result["summary"]["filesAnalyzed"] >= len(RIGHT)
    for row in result["generalDiagnostics"]:
        line = row["range"]["start"]["line"] + 1
        found.setdefault(Path(row["file"]).name, {}).setdefault(line, row["message"])
    return found


@pytest.fixture(scope="module", params=[run_mypy, run_pyright], ids=["mypy", "pyright"])
def findings(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("checker"))


def test_checkers_find_nothing_in_the_examples_and_a_users_script(findings):
    assert {name: lines for name, lines in findings.items() if name != MISTAKES.name} == {}


def test_checkers_find_every_mistake_and_name_it(findings):
    wrong = {}
    for number, line in enumerate(MISTAKES.read_text(encoding="utf-8").splitlines(), 1):
        if "  # " in line:
            wrong[number] = line.partition("  # ")[2]
    found = findings[MISTAKES.name]
    assert len(wrong) == 12
    assert found.keys() == wrong.keys()
    for number, word in wrong.items():
        assert re.search(word, found[number])


def test_users_script_runs():
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, SCRIPTS / "users_script.py"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
