"""The structure in CONTRIBUTING.md: which part may import which, and how large each may grow."""

import ast
import io
import re
import sys
import tokenize
from pathlib import Path

import pytest

import minigrad

PACKAGE = Path(minigrad.__file__).parent

# Part -> the parts it may import. All parts may import NumPy and the standard library.
MAY_IMPORT = {
    "core": set(),
    "kernels": set(),
    "config": set(),
    "random": {"config"},
    "samples": {"core"},
    "_build": set(),
    "utils": {"config", "core", "random"},
    "symbolic": {"core", "utils"},
    "ops": {"core", "kernels", "random", "samples", "symbolic", "utils"},
    "testing": {"core"},
    "initializers": {"random", "utils"},
    "constraints": {"utils"},
    "datasets": {"random", "utils"},
    "regularizers": {"core", "ops", "utils"},
    "activations": {"core", "ops", "symbolic", "utils"},
    "distances": {"core", "ops", "utils"},
    "losses": {"core", "distances", "ops", "utils"},
    # A loss may be named as a metric.
    "metrics": {"core", "distances", "initializers", "losses", "utils"},
    "optimizers": {"core", "kernels", "utils", "initializers"},
}
MAY_IMPORT["layers"] = set(MAY_IMPORT) - {"testing", "optimizers", "losses", "metrics", "datasets"}
MAY_IMPORT["saving"] = {
    "activations", "core", "layers", "losses", "ops", "random", "symbolic", "utils",
}  # fmt: skip
MAY_IMPORT["callbacks"] = set(MAY_IMPORT) - {"testing"}
MAY_IMPORT["training"] = set(MAY_IMPORT) - {"testing"}
MAY_IMPORT["models"] = set(MAY_IMPORT) - {"testing"}
MAY_IMPORT["preprocessing"] = {"core", "layers", "utils"}
# Optional leaves, imported by nothing else: lab computes, plots draws it, debug looks, interop
# speaks to other programs.
MAY_IMPORT["interop"] = {"core", "layers", "models", "ops", "saving", "symbolic", "utils"}
MAY_IMPORT["lab"] = set(MAY_IMPORT) - {"testing"} | {"plots"}
MAY_IMPORT["plots"] = {"core", "utils"}
MAY_IMPORT["debug"] = {"core", "lab", "layers", "losses", "ops", "optimizers", "training", "utils"}
MAY_IMPORT["backend"] = {"activations", "layers", "losses"} | MAY_IMPORT["layers"]
MAY_IMPORT["more_ops"] = {"activations", "core", "losses", "ops", "samples", "symbolic", "utils"}
MAY_IMPORT["distribution"] = set(MAY_IMPORT) - {"testing"}
MAY_IMPORT["wrappers"] = {"models", "saving", "utils"}
MAY_IMPORT["command_line"] = set(MAY_IMPORT) - {"testing"} | {"__init__"}
MAY_IMPORT["__main__"] = {"command_line"}
MAY_IMPORT["numpy_functions"] = {"core", "ops", "symbolic"}  # it binds itself onto Tensor

CONTRIBUTING = Path(__file__).parent.parent / "CONTRIBUTING.md"

OPTIONAL_LIBRARIES = {
    "PIL", "certifi", "h5py", "matplotlib", "mpi4py", "onnx", "safetensors", "sklearn", "torch",
}  # fmt: skip


def python_files():
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path):
    """`minigrad/ops/nn.py` belongs to "ops", `minigrad/core.py` and `core.pxd` to "core"."""
    return path.relative_to(PACKAGE).parts[0].partition(".")[0]


def module_name(path):
    parts = ("minigrad", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(path):
    """Dotted names of every import in a file, functions included, as (name, at module level)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    names = set()
    for node in ast.walk(tree):
        outside_functions = isinstance(node, ast.stmt) and node.col_offset == 0
        if isinstance(node, ast.Import):
            names |= {(alias.name, outside_functions) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            # `from minigrad import ops` names the module ops, `from minigrad.core import Tensor`
            # names core: keep both readings, the tests use the longest that is a file.
            names |= {(f"{base}.{alias.name}", outside_functions) for alias in node.names}
    return names


def internal_imports(path):
    """Files of the package that a file imports, each foreign package's __init__ included."""
    files = {module_name(other): other for other in python_files()}
    found = set()
    for name, _ in imported_modules(path):
        while name.startswith("minigrad") and name not in files:
            name = name.rpartition(".")[0]
        if name in files:
            found.add(files[name])
            if part_of(files[name]) != part_of(path):
                found.add(files[".".join(name.split(".")[:2])])
    return found - {path}


def code_lines(path):
    """Lines of code: comments, docstrings and blank lines left out."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in {".c", ".h"}:
        without_comments = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
        return sum(1 for line in without_comments.splitlines() if line.strip())
    lines, statement = set(), []
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NEWLINE:
            if any(part.type != tokenize.STRING for part in statement):  # else it is a docstring
                for part in statement:
                    lines.update(range(part.start[0], part.end[0] + 1))
            statement = []
        elif token.type not in layout:
            statement.append(token)
    return len(lines)


def test_every_part_has_a_row_in_the_table():
    parts = {part_of(path) for path in python_files()} - {"__init__"}
    assert parts <= set(MAY_IMPORT), "a new part needs its row: what may it import?"


@pytest.mark.parametrize("path", python_files(), ids=module_name)
def test_imports_point_only_to_the_levels_below(path):
    part = part_of(path)
    if part == "__init__":
        return
    allowed = MAY_IMPORT[part] | {part}
    imported = {part_of(other) for other in internal_imports(path)}
    assert imported <= allowed, f"{part} must not import {sorted(imported - allowed)}"


def test_no_module_imports_itself_round_a_corner():
    imports = {path: internal_imports(path) for path in python_files()}
    finished = set()
    while len(finished) < len(imports):
        ready = {path for path in imports if imports[path] <= finished} - finished
        cycle = sorted(module_name(path) for path in imports if path not in finished)
        assert ready, f"there is a cycle among {cycle}"
        finished |= ready


def test_testing_is_imported_by_nobody():
    users = [
        module_name(p) for p in python_files() if PACKAGE / "testing.py" in internal_imports(p)
    ]
    assert users == []


def test_third_party_libraries_are_imported_only_when_used():
    for path in python_files():
        for name, outside_functions in imported_modules(path):
            library = name.split(".")[0]
            if library in sys.stdlib_module_names | {"minigrad", "numpy"}:
                continue
            assert library in OPTIONAL_LIBRARIES, f"{path}: {library} is not for minigrad"
            assert not outside_functions, f"{path}: import {library} inside the function using it"


def test_every_kernel_file_begins_with_its_design_note():
    for path in sorted((PACKAGE / "kernels").rglob("*.pyx")):
        first = path.read_text(encoding="utf-8").lstrip()
        assert first.startswith(('"""', "#")), (
            f"{path.name}: say first how its kernels are designed"
        )


def test_lines_of_c_and_cython_are_at_most_100_characters_long():
    for path in source_files():
        if path.suffix in {".pyx", ".pxd", ".h", ".c"}:  # ruff looks at Python's
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                assert len(line) <= 100, f"{path.name}, line {number}"


def source_files():
    """Every handwritten file in Python, Cython or C."""
    for path in sorted(PACKAGE.rglob("*")):
        made = path.suffix == ".c" and any(path.with_suffix(s).exists() for s in (".py", ".pyx"))
        if path.suffix in {".py", ".pyx", ".pxd", ".h", ".c"} and not made:
            yield path


def read_budgets():
    """The table in CONTRIBUTING.md, as a list of (parts or files of parts, lines at most)."""
    section = CONTRIBUTING.read_text(encoding="utf-8").partition("\n## Budgets\n")[2]
    rows = re.findall(r"^\| (`.*?`) \| ([\d,]+) \|", section.partition("\n## ")[0], re.MULTILINE)
    return [
        (re.findall(r"`([\w/]+)`", parts), int(limit.replace(",", ""))) for parts, limit in rows
    ]


def budget_of(path):
    """What names a file in the table: "layers/merging" if a row has it, else its part "layers"."""
    name = path.relative_to(PACKAGE).with_suffix("").as_posix()
    return name if any(name in parts for parts, _ in read_budgets()) else part_of(path)


def test_every_file_belongs_to_exactly_one_budget():
    listed = [part for parts, _ in read_budgets() for part in parts]
    assert sorted(listed) == sorted({budget_of(path) for path in source_files()})


@pytest.mark.parametrize(
    ("parts", "limit"), [pytest.param(*row, id="-".join(row[0])) for row in read_budgets()]
)
def test_parts_stay_within_their_budget(parts, limit):
    lines = {
        path.relative_to(PACKAGE).as_posix(): code_lines(path)
        for path in source_files()
        if budget_of(path) in parts
    }
    assert sum(lines.values()) <= limit, lines


def test_counting_lines_leaves_out_comments_docstrings_and_blanks(tmp_path):
    python = tmp_path / "sample.pyx"
    python.write_text(
        '"""Note."""\n\ncdef int f(\n    int a,\n):\n    """Doc\n    more."""\n    # why\n'
        '    return a  # so\n\nTEXT = """one\ntwo"""\n'
    )
    assert code_lines(python) == 6
    c = tmp_path / "sample.h"
    c.write_text("/* note\n   more */\n\nint a; // so\n// why\nint b;\n")
    assert code_lines(c) == 2
