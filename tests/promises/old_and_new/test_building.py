"""Building: from a read-only tree, and with what is missing or too old; the declared versions."""

import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

import minigrad

PACKAGE = Path(minigrad.__file__).parent
SOURCE = Path(__file__).parents[3]
MATRIX = Path(__file__).with_name("matrix")

if not (SOURCE / "minigrad" / "core.pxd").exists():
    pytest.skip("the source is not here", allow_module_level=True)
pytest.importorskip("Cython")
pytest.importorskip("setuptools", minversion="77")


@pytest.fixture
def source_tree(odd_folder):
    """A copy of what a build reads."""
    tree = odd_folder / "source"
    ignored = shutil.ignore_patterns("*.so", "__pycache__", "_built_from.txt")
    shutil.copytree(SOURCE / "minigrad", tree / "minigrad", ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(SOURCE / name, tree)
    return tree


def content(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))


def test_read_only_tree_is_built_elsewhere(source_tree, start_python, tmp_path):
    """The compilers are left out here; tests/promises/old_and_new/matrix has them run."""
    before = content(source_tree)
    folders = [source_tree, *(path for path in source_tree.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    (tmp_path / "temporary").mkdir()
    try:
        result = start_python(
            *("setup.py", "-q", "build_py", "egg_info"),
            folder=source_tree,
            TMPDIR=str(tmp_path / "temporary"),
            PYTHONDONTWRITEBYTECODE="1",
        )
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert result.returncode == 0, result.stderr
    assert content(source_tree) == before
    assert content(tmp_path / "temporary") == [], "the build left its folder behind"


def test_build_names_what_is_not_installed(source_tree, start_python):
    result = start_python("-I", "-S", "setup.py", folder=source_tree)
    assert result.returncode == 1
    assert re.fullmatch(
        r"setup.py: expected setuptools>=\S+ to build minigrad, got none. Run `pip install "
        r"'setuptools>=\S+' 'cython>=\S+' 'numpy>=\S+'`, or install without --no-build-isolation\n",
        result.stderr,
    )


@pytest.mark.parametrize("version", ["3.0.12", "2.99", "3.0rc1"])
def test_build_names_what_is_too_old(source_tree, start_python, tmp_path, version):
    metadata = tmp_path / "old" / "cython-old.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: Cython\nVersion: {version}\n", "utf-8")
    result = start_python("setup.py", folder=source_tree, PYTHONPATH=str(tmp_path / "old"))
    assert result.returncode == 1
    assert f"expected cython>=3.1 to build minigrad, got {version}." in result.stderr


def test_build_names_an_unknown_instruction_set(source_tree, start_python):
    result = start_python("setup.py", "--version", folder=source_tree, MINIGRAD_ONLY="mmx")
    assert result.returncode == 1
    assert re.search(r"expected MINIGRAD_ONLY to be one of baseline.*, got 'mmx'", result.stderr)


def test_oldest_versions_of_the_matrix_are_those_declared():
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text("utf-8"))
    declared = dict(text.split(">=") for text in project["build-system"]["requires"])
    assert project["project"]["dependencies"] == [f"numpy>={declared['numpy']}"]
    text = MATRIX.read_text("utf-8")
    oldest = re.search(r'^oldest="(.*)"$', text, re.MULTILINE)[1].split()
    tested = dict(text.split("==") for text in oldest)
    assert tested.keys() == declared.keys()
    for name, version in tested.items():
        assert f"{version}.".startswith(f"{declared[name]}.")
        assert not version.removeprefix(declared[name]).strip(".01")  # the first of its kind
    pythons = pythons_of_the_matrix()
    assert project["project"]["requires-python"] == f">={pythons[0]}"
    assert sys.version_info >= tuple(map(int, pythons[0].split(".")))


def test_free_threading_is_declared_where_the_matrix_tests_it():
    declared = '"freethreading_compatible": True' in (SOURCE / "setup.py").read_text("utf-8")
    assert declared == any(version.endswith("t") for version in pythons_of_the_matrix())


def pythons_of_the_matrix():
    text = MATRIX.read_text("utf-8")
    return re.search(r'^pythons="\$\{PYTHONS:-(.*)\}"$', text, re.MULTILINE)[1].split()
