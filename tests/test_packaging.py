"""What installing and importing gives: version, light imports, a build with clear errors."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import minigrad

PACKAGE = Path(minigrad.__file__).parent

# Modules of the standard library that are slow to import and not needed by the core.
HEAVY_MODULES = {
    "asyncio",
    "concurrent.futures",
    "email",
    "http",
    "multiprocessing",
    "socket",
    "sqlite3",
    "ssl",
    "tkinter",
    "unittest",
    "urllib.request",
    "xml",
    "zipfile",
}


def run_python(code, folder, **environment):
    """Run code in a new interpreter that finds minigrad in `folder` first."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def source_tree(tmp_path):
    """Copy the package as it looks before a build: without its compiled kernels."""
    shutil.copytree(
        PACKAGE,
        tmp_path / "minigrad",
        ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"),
    )
    return tmp_path


def test_version_is_that_of_the_installed_package():
    try:
        installed = importlib.metadata.version("minigrad-learn")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("minigrad is on the path here, not installed")
    assert minigrad.__version__ == installed


def test_every_public_name_exists():
    assert set(minigrad.__all__) <= set(dir(minigrad))
    for name in minigrad.__all__:
        assert getattr(minigrad, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        minigrad.no_such_name  # noqa: B018


def test_import_loads_nothing_beside_numpy(tmp_path):
    code = (
        "import sys, numpy; before = set(sys.modules)\n"
        "import minigrad; print(*sorted(set(sys.modules) - before))"
    )
    run = run_python(code, PACKAGE.parent)
    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.split())
    # Cython keeps one module of its own, `_cython_3_3_1` or so, for types that modules share.
    known = sys.stdlib_module_names | {"minigrad", "numpy", "cython_runtime"}
    foreign = {name for name in loaded if name.split(".")[0] not in known}
    assert not {name for name in foreign if not name.startswith("_cython")}
    assert not loaded & HEAVY_MODULES


IMPORT = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from minigrad import kernels, ops
print(ops.matmul([[2.0]], [[3.0]]).item(), kernels.matmul.__module__, len(caught))
print(*(f"{warning.category.__name__}: {warning.message}" for warning in caught))
"""


def test_without_a_build_the_reference_runs_and_one_warning_says_how_to_build(source_tree):
    run = run_python(IMPORT, source_tree, MINIGRAD_KERNELS="")
    assert run.returncode == 0, run.stderr
    result, warning = run.stdout.splitlines()
    assert result == "6.0 minigrad.kernels.reference 1"
    assert warning.startswith("RuntimeWarning: minigrad: ")
    assert "pip install -e ." in warning


def test_reference_kernels_need_neither_a_build_nor_a_warning(source_tree):
    run = run_python(IMPORT, source_tree, MINIGRAD_KERNELS="reference")
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "6.0 minigrad.kernels.reference 0"


@pytest.mark.parametrize("wanted", ["plain", "fast"])
def test_compiled_kernels_that_are_missing_say_how_to_build_them(source_tree, wanted):
    run = run_python("import minigrad", source_tree, MINIGRAD_KERNELS=wanted)
    assert run.returncode != 0
    last = run.stderr.splitlines()[-1]
    assert last.startswith("ImportError: minigrad: ")
    assert "pip install -e ." in last


# --- a build that is older than its source -------------------------------------------------------


@pytest.fixture
def built_tree(tmp_path):
    """Copy a checkout: the package with its build, and a setup.py next to it."""
    if not (PACKAGE / "_built_from.txt").exists():
        pytest.skip("the package here was not built in place")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "minigrad", ignore=ignored)
    (tmp_path / "setup.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    "name", ["core.py", "ops/arithmetic.py", "kernels/loops/optimizers.pyx", "core.pxd"]
)
def test_edit_that_was_not_built_is_named_at_import(built_tree, name):
    assert run_python("import minigrad", built_tree).stderr == ""
    with open(built_tree / "minigrad" / name, "a") as file:
        file.write("\n# an edit\n")
    stderr = run_python("import minigrad", built_tree).stderr
    assert f"RuntimeWarning: minigrad: {name} changed after the build" in stderr
    assert "python setup.py -q build_ext --inplace" in stderr
    assert stderr.count("Warning") == 1
    quiet = run_python("import minigrad", built_tree, MINIGRAD_KERNELS="reference")
    assert quiet.stderr == ""


def test_installed_package_does_not_look_for_edits(built_tree):
    (built_tree / "setup.py").unlink()
    with open(built_tree / "minigrad" / "core.py", "a") as file:
        file.write("\n# an edit\n")
    assert run_python("import minigrad", built_tree).stderr == ""
