"""What the page "Play" needs beside itself: Python for browsers, and answers computed beforehand.

The environment variable ``MINIGRAD_PYODIDE`` names a folder with Pyodide and NumPy's wheel;
docs/browser.md says how to fill it. It is copied into the site together with the pure wheel, which
is built here. Without the variable the page says what is missing, and shows what was computed here.
"""

import hashlib
import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from sphinx.errors import ExtensionError

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
VARIABLE = "MINIGRAD_PYODIDE"
RUNTIME = (
    "pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json",
)  # fmt: skip
SOURCE = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")  # of the wheel
MISSING = f"the site was built without Python for browsers ({VARIABLE})."


def runtime_files(folder):
    """Return the files to copy from a folder: Pyodide's, and NumPy's wheel of the same release.

    Raises
    ------
    ExtensionError
        If one is missing, or NumPy's wheel is not the one that Pyodide's list of packages names.
    """
    folder = Path(folder)
    files = [folder / name for name in RUNTIME]
    if files[-1].is_file():
        numpy = json.loads(files[-1].read_text("utf-8"))["packages"]["numpy"]
        files.append(folder / numpy["file_name"])
    if missing := [path.name for path in files if not path.is_file()]:
        raise ExtensionError(
            f"{VARIABLE}: expected {', '.join(missing)} in {folder}; docs/browser.md says where "
            "they come from"
        )
    if (found := hashlib.sha256(files[-1].read_bytes()).hexdigest()) != numpy["sha256"]:
        raise ExtensionError(
            f"{files[-1]}: expected the SHA-256 of pyodide-lock.json ({numpy['sha256']}), "
            f"got {found}"
        )
    return files


def build_wheel(folder):
    """Build the pure wheel into a folder, from a copy of the source; return its name."""
    with tempfile.TemporaryDirectory() as source:
        shutil.copytree(ROOT / "minigrad", Path(source, "minigrad"))
        for name in SOURCE:
            shutil.copy(ROOT / name, source)
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index"]
        built = subprocess.run(
            [*command, "--no-build-isolation", "-w", str(folder), source],
            env={**os.environ, "MINIGRAD_PURE": "1"},
            capture_output=True,
            text=True,
        )
    if built.returncode:
        raise ExtensionError(
            "the pure wheel was not built; it needs `pip install cython setuptools`:\n"
            + built.stderr
        )
    (wheel,) = Path(folder).glob("minigrad*.whl")
    return wheel.name


def add_runtime(folder, target):
    """Copy Pyodide, NumPy's wheel and the pure wheel; here.json says what is there."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    here = {"missing": MISSING}
    if folder:
        files = runtime_files(folder)
        for path in files:
            shutil.copy(path, target)
        here = {"wheels": [files[-1].name, build_wheel(target)]}
    (target / "here.json").write_text(json.dumps(here), "utf-8")


def player():
    """Return the names of docs/_static/play/player.py; nothing is written beside it."""
    return SimpleNamespace(**runpy.run_path(str(DOCS / "_static" / "play" / "player.py")))


def precompute():
    """Return (request, answer) pairs: all that the page shows without a worker."""
    play = player()
    choices = play.choices()
    requests = [{"call": "choices"}, {"call": "weights"}]
    requests += [{"call": "sample", "wanted": digit, "seed": 0} for digit in range(10)]
    for surface in choices["surfaces"]:
        name, start = surface["name"], list(play.SURFACES[surface["name"]].start)
        requests.append({"call": "ground", "surface": name})
        run = {"start": start, "steps": surface["steps"], "factor": 1}
        rules = [rule["name"] for rule in choices["rules"]]
        requests += [{"call": "path", "surface": name, "rule": rule, **run} for rule in rules]
    return [(request, json.loads(play.answer(json.dumps(request)))) for request in requests]


def finish(app, error):
    """Put it all into the site that was built."""
    if error is None and app.builder.format == "html":
        static = Path(app.outdir, "_static")
        static.joinpath("play", "precomputed.json").write_text(json.dumps(precompute()), "utf-8")
        add_runtime(os.environ.get(VARIABLE), static / "pyodide")


def setup(app):
    """Ask Sphinx to call `finish` at the end of a build."""
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
