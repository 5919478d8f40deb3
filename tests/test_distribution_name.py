"""The distribution's name is its own: nobody is told to install a stranger's package."""

import re
import tomllib
from pathlib import Path

import pytest

import minigrad

ROOT = Path(__file__).parent.parent
TEXTS = {".c", ".h", ".ipynb", ".md", ".pxd", ".py", ".pyx", ".rst", ".toml", ".yml", ".cff", ""}
FOLDERS = (".ci", ".github", "benchmarks", "docs", "examples", "tests")

# `pip install minigrad`, also where the line ends in between; `pip install --user "minigrad[all]"`;
# `uv add numpy minigrad-learn`. Paths are right: `pip install -e ".[all]"`, `dist/minigrad-*.whl`.
FROM_AN_INDEX = re.compile(
    r"""\b(?:pip3?|pipx|uv|uvx|conda)\s+(?:pip\s+)?(?:install|download|add|run)
        (?:\s+ | (?:[ "'\\]+[-\w.=<>~\[\],]+)*?[ ])  # options, and other packages
        ["'\\]*minigrad(?:[-_]learn)?(?![\w/-])""",
    re.VERBOSE,
)


def texts():
    """Every file with words in it, of the repository and of the package that runs."""
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in (Path(minigrad.__file__).parent, *(ROOT / name for name in FOLDERS)):
        files += [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in files if path.suffix in TEXTS)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("run pip install minigrad", True),
        ('`pip install "minigrad[examples]"`', True),
        ("(`pip install\n'minigrad[examples]'`)", True),
        (r'"pip install \"minigrad[hdf5]\""', True),
        ("pip install --user -U numpy minigrad-learn==0.1", True),
        ("pip download minigrad", True),
        ("uv pip install minigrad", True),
        ('pip install -e ".[examples]"', False),
        ("pip install dist/minigrad_learn-0.1.0-py3-none-any.whl", False),
        ('pip install "$(echo dist/minigrad_learn-*.whl)[test]"', False),
        ("`pip install h5py`, which minigrad imports", False),
    ],
)
def test_search_finds_what_would_install_a_stranger(text, wrong):
    assert bool(FROM_AN_INDEX.search(text)) == wrong


def test_no_text_says_to_install_minigrad_from_an_index():
    """`minigrad` there is somebody else's, and whoever comes first may take another name."""
    told = {}
    for path in texts():
        if path != Path(__file__):
            found = FROM_AN_INDEX.search(path.read_text("utf-8", errors="replace"))
            told |= {str(path): found[0]} if found else {}
    assert told == {}


def test_extras_that_name_their_own_package_name_this_one():
    path = ROOT / "pyproject.toml"
    if not path.exists():
        pytest.skip("pyproject.toml is not here")
    project = tomllib.loads(path.read_text("utf-8"))["project"]
    assert project["name"] == "minigrad-learn"
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    own = {line.partition("[")[0] for line in extras if line.startswith("minigrad")}
    assert own == {project["name"]}
