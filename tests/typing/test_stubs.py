"""The stubs say what the modules do: fresh, whole, and by the word of mypy's stubtest."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import minigrad
from minigrad import layers, optimizers
from minigrad.utils.arguments import argument_names

ROOT = Path(minigrad.__file__).parents[1]
MAKE = Path(__file__).parent / "make_stubs.py"
STUBS = sorted((ROOT / "minigrad").rglob("*.pyi"))
CONSTRUCTED = [
    cls
    for module in (layers, optimizers, optimizers.schedules)
    for name, cls in sorted(vars(module).items())
    if isinstance(cls, type) and name == cls.__name__ and cls.__module__.startswith("minigrad.")
    if not name.startswith("_") and name not in ("Registry", "Configured")
]


def module_of(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def stubbed(path):
    """The names that a stub defines or passes on, each with its node."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {a.name: node for a in node.names if a.name == a.asname}
            found |= {a.asname: node for a in node.names if a.asname == "keras"}
        elif isinstance(node, ast.AnnAssign):
            found[node.target.id] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node for target in node.targets}
        else:
            found[node.name] = node
    return found


def test_stubs_are_those_that_the_modules_give():
    run = subprocess.run([sys.executable, MAKE, "--check"], capture_output=True, text=True)
    assert run.returncode == 0, f"run python tests/typing/make_stubs.py: {run.stdout}{run.stderr}"
    assert run.stdout.strip() == "", "types.txt has rows that nothing needs"


@pytest.mark.parametrize("path", STUBS, ids=module_of)
def test_every_name_of_all_has_a_stub_and_every_stub_a_name(path):
    if path.name == "_types.pyi":
        return
    if path.parent.name == "wrappers":
        pytest.importorskip("sklearn", reason="pip install scikit-learn")
    module = importlib.import_module(module_of(path))
    names = stubbed(path)
    assert {*getattr(module, "__all__", ())} <= {*names}
    for name in names:
        assert hasattr(module, name) or name.startswith("_"), f"{name} is not there"


FAMILIES = ["layers", "optimizers", "losses", "metrics", "callbacks", "models"]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_class_of_a_family_has_a_stub(name):
    module = importlib.import_module(f"minigrad.{name}")
    path = Path(module.__file__).with_suffix(".pyi")
    classes = {
        n
        for n, value in vars(module).items()
        if isinstance(value, type) and not n.startswith("_") and "Registry" not in n
        if value.__module__.startswith(module.__name__)
    }
    inside = {"LogCoshOfError", "Softsign"}  # ops
    assert classes - inside <= {*stubbed(path)}


@pytest.mark.parametrize("cls", CONSTRUCTED, ids=lambda cls: cls.__name__)
def test_constructors_name_every_argument_and_no_other(cls):
    path = ROOT / "minigrad" / cls.__module__.split(".")[1] / "__init__.pyi"
    if cls.__module__ == "minigrad.optimizers.schedules":
        path = path.with_name("schedules.pyi")
    if cls is optimizers.schedules.LearningRateSchedule:
        return  # has no constructor
    node = stubbed(path)[cls.__name__]
    inits = [n for n in node.body if getattr(n, "name", None) == "__init__"]
    while not inits:  # the base's
        node = stubbed(path)[node.bases[0].id]
        inits = [n for n in node.body if getattr(n, "name", None) == "__init__"]
    arguments = inits[0].args
    named = {a.arg for a in [*arguments.args, *arguments.kwonlyargs]} - {"self"}
    assert arguments.kwarg is None
    # Flatten and others hand some arguments of their base to it themselves.
    missing = set(argument_names(cls)) - named
    assert named <= {*argument_names(cls)}
    for name in missing:
        with pytest.raises(TypeError, match=f"multiple values|unexpected|{name}"):
            cls(**{name: 1})


# What a stub says otherwise on purpose, by the words of stubtest.
ON_PURPOSE = re.compile(
    r"failed to find stubs$|_types failed to import"  # private modules; only for checkers
    r"|\.__all__ is not|\.__match_args__ is not|__array_(ufunc|function)__ is not"
    r"|(told_methods|mix_channels|bounded|measured|token_type) is not"  # for their own code
    r"|(Softsign|HDF5_ENDINGS|is_own) is not|datasets\.\w+\.[A-Z_]+ is not"
    r'|parameter "self" differs from|should be positional-only'  # ops that are methods
    # methods that subclasses write with arguments of their own
    r"|(Layer|Model|Functional)\.call is|Function\.(forward|backward) is|\.update_state is"
    r"|Optimizer\.update is|__init_subclass__ is|__signature__ is not"
    r"|differs from runtime type (None|types.SimpleNamespace)|Variable is inconsistent, metaclass"
    r"|no_grad\.__new__ is|wrappers\.\w+\.(__sklearn_tags__|set_\w+_request) is not"
)


def test_stubtest_finds_no_difference(tmp_path):
    pytest.importorskip("mypy", reason="pip install mypy")
    pytest.importorskip("sklearn", reason="pip install scikit-learn")  # wrappers are of its classes
    for path in [*STUBS, ROOT / "minigrad" / "py.typed"]:  # without the modules' own text
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    run = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "minigrad", "--concise"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    lines = run.stdout.splitlines()
    assert len(lines) > 50, run.stdout + run.stderr  # else it did not come to compare
    assert [line for line in lines if not ON_PURPOSE.search(line)] == []


def test_stubs_are_installed_and_packed():
    pytest.importorskip("setuptools", minversion="77")
    code = (
        "import json, setuptools; from setuptools.dist import Distribution\n"
        "dist = Distribution({'name': 'minigrad'}); dist.parse_config_files()\n"
        "command = dist.get_command_obj('build_py'); command.ensure_finalized()\n"
        "print(json.dumps([[p, n] for p, _, _, names in command.data_files for n in names]))"
    )
    if not (ROOT / "pyproject.toml").exists():  # installed, away from it
        pytest.skip("the source is not next to the tests")
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    for path in [*STUBS, ROOT / "minigrad" / "py.typed"]:
        package = ".".join(path.parent.relative_to(ROOT).parts)
        name = path.relative_to(ROOT / package.replace(".", "/")).as_posix()
        assert f'["{package}", "{name}"]' in run.stdout
