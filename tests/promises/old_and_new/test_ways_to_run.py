"""One program, run in every way that Python can be started: the same output each time."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import kernels

PACKAGE = Path(minigrad.__file__).parent
PROGRAM = Path(__file__).with_name("program.py")
EXAMPLES = sorted((PACKAGE.parent / "examples").glob("*.py"))
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
WAYS = {
    "without_asserts_and_docstrings": (["-OO"], {}),
    "isolated": (["-I"], {}),
    "development_mode": (["-X", "dev", "-bb", "-W", "error"], {}),
    "warnings_are_errors": ([], {"PYTHONWARNINGS": "error"}),
    "texts_are_ascii": (["-X", "utf8=0"], ASCII),
    "encodings_are_named": (["-X", "warn_default_encoding", "-W", "error"], {}),
    "other_hashes": ([], {"PYTHONHASHSEED": "5"}),
}
# From 3.12 on Python imports no extension, NumPy neither, from a folder that ASCII cannot name.
NAMED_IN_ASCII = sys.version_info < (3, 12) or f"{PACKAGE}{np.__file__}".isascii()
if not NAMED_IN_ASCII:
    del WAYS["texts_are_ascii"]


@pytest.fixture
def run_program(start_python, odd_folder):
    """The program's output; its data are in the folder that it runs in."""
    random = np.random.default_rng(0)
    images = random.random((40, 28, 28, 1), "float32")
    np.savez(odd_folder / "Bilder für alle.npz", x=images, y=random.integers(0, 10, 40))

    def run(*options, package=PACKAGE, **variables):
        program = shutil.copy(PROGRAM, odd_folder)
        result = start_python(*options, program, package.parent, **variables)
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        return result.stdout

    return run


def test_every_way_to_start_python_gives_the_same_output(run_program):
    expected = run_program()
    lines = expected.splitlines()
    first, second = lines[-2].split()
    assert first == second
    for way, (options, variables) in WAYS.items():
        output = run_program(*options, **variables)
        if way == "texts_are_ascii":  # lines of tables have other signs
            assert output.splitlines()[-3:] == lines[-3:], way
            assert "?" not in output
        else:
            assert output == expected, way


def test_package_in_a_read_only_folder_with_blanks_and_umlauts(run_program, odd_folder):
    expected = run_program()
    copied = odd_folder / "Pakete für alle" / "minigrad"
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    folders = [copied.parent, copied, *(path for path in copied.rglob("*") if path.is_dir())]
    for path in copied.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert run_program(package=copied) == expected
        assert not list(copied.rglob("__pycache__")), "the test's user may write everywhere"
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.skipif(kernels.kind == "reference", reason="there are no instruction sets")
def test_every_instruction_set_gives_the_same_losses(run_program):
    outputs = [run_program(MINIGRAD_SIMD=level) for level in kernels.levels()]
    assert len({output.splitlines()[-1] for output in outputs}) == 1


@pytest.mark.parametrize("kind", ["reference", "plain"])
def test_every_kind_of_kernel_gives_the_same_losses(run_program, kind):
    if kernels.kind == "reference":
        pytest.skip("nothing was built")
    assert run_program(MINIGRAD_KERNELS=kind).splitlines()[-1] == run_program().splitlines()[-1]


IMPORTS = """
import importlib, importlib.util, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import minigrad
left_out = ["minigrad.kernels.loops.", "minigrad.kernels.products."]
if importlib.util.find_spec("sklearn") is None:
    left_out.append("minigrad.wrappers.estimators")
for module in pkgutil.walk_packages(minigrad.__path__, "minigrad."):
    if not module.name.startswith(tuple(left_out)):
        importlib.import_module(module.name)
for name in minigrad.__all__:
    if f"minigrad.{name}.estimators" in left_out:
        continue
    for public in dir(getattr(minigrad, name)):
        repr(getattr(getattr(minigrad, name), public))
"""


@pytest.mark.parametrize("options", ["-OO", "-Xdev -bb"])
def test_every_module_and_public_name_loads_without_a_warning(start_python, options):
    options = [*options.split(), "-W", "error"]
    result = start_python(*options, "-c", IMPORTS, PACKAGE.parent)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


@pytest.mark.skipif(not EXAMPLES, reason="there are no examples next to the package")
@pytest.mark.skipif(not NAMED_IN_ASCII, reason="Python cannot import from here in ASCII locales")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_explain_themselves_without_docstrings_and_in_ascii(start_python, example):
    if "argparse" not in example.read_text("utf-8"):
        pytest.skip("it takes no arguments")
    variables = {"PYTHONPATH": str(PACKAGE.parent), **ASCII}
    result = start_python("-OO", "-X", "utf8=0", example, "--help", **variables)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"usage: {example.name}")


def test_names_of_tests_are_the_same_in_every_process(request):
    """Else xdist's workers do not agree on what there is to test."""
    moving = [item.nodeid for item in request.session.items if " at 0x" in item.nodeid]
    assert not moving
