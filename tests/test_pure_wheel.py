"""The pure wheel: it installs on every Python, runs the NumPy twins, and says so."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent

if not (ROOT / "minigrad" / "core.pxd").exists():
    pytest.skip("the source is not here", allow_module_level=True)
pytest.importorskip("Cython")
pytest.importorskip("setuptools", minversion="77")
try:
    importlib.metadata.version("pip")  # importing it would take distutils from setuptools
except importlib.metadata.PackageNotFoundError:
    pytest.skip("pip is not here", allow_module_level=True)

PROGRAM = """
import warnings
warnings.simplefilter("error")
import minigrad
from minigrad import layers
from minigrad.datasets import synthetic_digits

minigrad.utils.set_random_seed(1)
(x, y), (x_test, y_test) = synthetic_digits.load_data(num_train=1500, num_test=300)
model = minigrad.Sequential(
    [
        layers.Input(shape=(28, 28)),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x / 255, y, epochs=3, verbose=0)
print(minigrad.kernels.kind, minigrad.core.__file__)
print(model.evaluate(x_test / 255, y_test, verbose=0)[1])
"""


def run(*command, **environment):
    """Run a command that has to succeed, and return what it printed."""
    result = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def hook(source, name, folder):
    """Call one of the hooks by which pip builds, in the source folder; the finished process."""
    code = f"import sys; from setuptools import build_meta; build_meta.{name}(sys.argv[1])"
    return subprocess.run(
        [sys.executable, "-c", code, folder],
        cwd=source,
        env={**os.environ, "MINIGRAD_PURE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what a build reads, with kernels that were built there before."""
    tree = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "minigrad", tree / "minigrad")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, tree)
    return tree


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    """The pure wheel, built from the sdist as pip does it."""
    folder = tmp_path_factory.mktemp("pure")
    built = hook(source, "build_sdist", folder)
    assert built.returncode == 0, built.stderr
    (sdist,) = folder.glob("*.tar.gz")
    build = ("wheel", "--no-build-isolation", "--no-deps", "--no-index", "-q", "-w", folder, sdist)
    run(sys.executable, "-m", "pip", *build, MINIGRAD_PURE="1")
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """The Python of a new environment in which the wheel is installed, and NumPy is found."""
    folder = tmp_path_factory.mktemp("new")
    venv.create(folder)
    name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    python = folder.joinpath(*name)
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel)
    purelib = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")[:-1])
    (purelib / "numpy.pth").write_text(str(Path(np.__file__).parent.parent), "utf-8")
    return python


def test_pure_wheel_is_for_every_machine_and_holds_python_alone(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("minigrad/")]
    assert {Path(name).suffix for name in names} == {".py", ".pyi", ".txt", ".typed"}
    assert {name for name in names if name.endswith(".txt")} == {"minigrad/kernels/pure.txt"}
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "minigrad").rglob("*.py")}
    assert package <= set(names)


def test_pure_wheel_trains_in_a_new_environment_without_a_warning(python, tmp_path):
    kind, accuracy = run(python, "-I", "-c", PROGRAM).splitlines()
    kind, _, file = kind.partition(" ")
    assert kind == "reference"
    assert Path(file).is_relative_to(python.parents[1])
    assert file.endswith(".py")
    assert float(accuracy) > 0.5


@pytest.mark.parametrize("kind", ["plain", "fast"])
def test_pure_wheel_refuses_kernels_that_it_does_not_have(python, kind):
    environment = {**os.environ, "MINIGRAD_KERNELS": kind, "PYTHONPATH": ""}
    command = [python, "-c", "import minigrad"]
    result = subprocess.run(
        command, cwd=python.parent, env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 1
    last = "ImportError: minigrad: the pure wheel has no compiled kernels. Build them with `pip "
    assert result.stderr.splitlines()[-1].startswith(last)


def test_editable_install_is_not_pure(source, tmp_path):
    built = hook(source, "build_editable", tmp_path)
    assert built.returncode == 1
    assert "expected MINIGRAD_PURE=1 to build a wheel, got an editable install" in built.stderr
