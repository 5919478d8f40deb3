#!/usr/bin/env python3
"""Change the code in one place after another, and see whether a test fails: mutation testing.

    python tests/mutation/run.py [--only AREA ...] [--sample N] [--seed S] [--least PERCENT]
                                  [--work FOLDER]

Needs Linux, Python 3.12 (``sys.monitoring``), the packages of ``pip install -e ".[test]"``, and the
kernels built in place for this Python.

1. A copy is made without what Cython compiled of ``core.py`` and ``ops/arithmetic.py``: the engine
   runs as plain Python, on the compiled kernels, so a change of ``core.py`` is what runs.
2. All tests run once; which test runs which line is noted. ``--work`` keeps this for the next time.
3. For each of N mutants of an area, drawn at random, the tests that run the changed line run, the
   quick and the near ones first, until one fails or crashes, or takes too long: the mutant is dead.
   If none does, it has survived, and is printed: a test is missing, or the change changes nothing.

A library (mutmut, cosmic-ray) would be less code here, but mutmut puts each function behind
another, which tests of signatures and docstrings see, and cosmic-ray runs all tests for each
mutant; both start a new Python for it. Here a process forks that has loaded NumPy and pytest.
"""

import argparse
import ast
import contextlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
AREAS = {  # area: its files, and the tests that are tried first
    "core": (["core.py"], ["tests/test_core.py", "tests/test_variable.py"]),
    "ops": (["ops"], ["tests/ops"]),
    "optimizers": (["optimizers"], ["tests/optimizers"]),
    "losses": (["losses.py", "distances.py"], ["tests/test_losses.py", "tests/test_distances.py"]),
    "metrics": (["metrics"], ["tests/metrics"]),
    "saving": (
        ["saving"],
        ["tests/saving", "tests/promises/nothing_is_lost", "tests/promises/harmless_files"],
    ),
}
LEFT_OUT = (  # what says little of these areas for the time it takes
    *("tests/test_examples.py", "tests/test_notebook.py", "tests/test_benchmarks.py"),
    *("tests/test_structure.py", "tests/docs", "tests/kernels", "tests/plots"),
    *("tests/datasets", "tests/promises/old_and_new"),
)
OF_SIGNATURES = "tests/test_defaults.py"  # what it looks at ran at import
MOST_SECONDS = 60  # of tests for one mutant, as they took without it
OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}  # fmt: skip


# --- mutants -------------------------------------------------------------------------------------


def variants(node):
    """Other texts for a node of the syntax tree."""
    text = ast.unparse(node)
    match node:
        case ast.Compare(left, [operator], [right]):
            other = OTHER[type(operator)]()
            yield ast.unparse(ast.Compare(left, [other], [right]))
        case ast.BinOp(left, operator, right) if type(operator) in OTHER:
            yield f"({ast.unparse(ast.BinOp(left, OTHER[type(operator)](), right))})"
        case ast.AugAssign(target, operator, value) if type(operator) in OTHER:
            yield ast.unparse(ast.AugAssign(target, OTHER[type(operator)](), value))
            yield "pass"
        case ast.BoolOp(operator, values):
            yield f"({ast.unparse(ast.BoolOp(OTHER[type(operator)](), values))})"
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield f"({ast.unparse(operand)})"
        case ast.Constant(bool()):
            yield str(not node.value)
        case ast.Constant(int() | float()):
            yield f"({node.value + 1})"
            yield f"({node.value - 1})"
        case ast.Return(value) if value is not None and text != "return None":
            yield "return None"
        case ast.Raise() | ast.Expr(ast.Call()):
            yield "pass"
        case ast.Assign([ast.Attribute() | ast.Subscript()]):
            yield "pass"
        case ast.Break():
            yield "continue"
        case ast.Continue():
            yield "break"


def walk(node, parent=None):
    """Every node but texts and messages, with the first line of the function it is in, or 0."""
    if isinstance(node, ast.JoinedStr | ast.Assert):
        return
    if isinstance(node, ast.Raise):
        yield node, parent
        return
    yield node, parent
    for child in ast.iter_child_nodes(node):
        yield from walk(child, node)


def mutants(text):
    """(line, first byte, last byte, new text, whether it is in a function), one for each mutant."""
    tree, lines = ast.parse(text), text.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    bodies = [
        (part.body[0].lineno, part.end_lineno)
        for part in ast.walk(tree)
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    for node, parent in walk(tree):
        found = list(variants(node)) if hasattr(node, "lineno") else []
        if isinstance(parent, ast.If | ast.IfExp | ast.While) and node is parent.test:
            found.append(f"(not ({ast.unparse(node)}))")
        for new in found:
            begin = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            within = any(first <= node.lineno <= last for first, last in bodies)
            yield node.lineno, begin, end, new, within


# --- which test runs which line ------------------------------------------------------------------


class Lines:
    """A plugin of pytest: the lines of the package that each test runs, its time, its outcome."""

    def __init__(self, package):
        self.package, self.tests, self.now = f"{package}{os.sep}", {}, None

    def pytest_runtest_logreport(self, report):
        entry = self.tests.setdefault(report.nodeid, {"passed": True, "seconds": 0.0, "lines": {}})
        entry["passed"] &= not report.failed
        entry["seconds"] += report.duration

    def pytest_runtest_logstart(self, nodeid):
        self.now = self.tests.setdefault(nodeid, {"passed": True, "seconds": 0.0, "lines": {}})
        sys.monitoring.restart_events()

    def start(self):
        tool, line = sys.monitoring.COVERAGE_ID, sys.monitoring.events.LINE
        sys.monitoring.use_tool_id(tool, "lines")
        sys.monitoring.register_callback(tool, line, self.note)
        sys.monitoring.set_events(tool, line)

    def note(self, code, line):
        if self.now is not None and code.co_filename.startswith(self.package):
            name = code.co_filename.removeprefix(self.package)
            self.now["lines"].setdefault(name, []).append(line)
        return sys.monitoring.DISABLE


class Chosen:
    """A plugin of pytest that runs these tests only, in this order."""

    def __init__(self, tests):
        self.place = {test: place for place, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if item.nodeid in self.place]
        items.sort(key=lambda item: self.place[item.nodeid])


# --- running -------------------------------------------------------------------------------------


def copy_source(copy):
    """A copy in which all but the kernels is plain Python, and only what changes is read anew."""
    compiled = "core.*.so", "arithmetic.*.so"  # without them the .py files next to them run
    ignored = shutil.ignore_patterns(*compiled, "__pycache__", "_built_from.txt")
    for name in ("minigrad", "tests", "examples", "docs", "benchmarks"):
        shutil.copytree(SOURCE / name, copy / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(SOURCE / name, copy)
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash"]
    subprocess.run([*command, copy / "minigrad"], check=True)


def in_child(action, seconds):
    """Do it in a forked process, in the copy: its exit code, or None if it took too long."""
    if (child := os.fork()) == 0:
        code = 70
        try:
            os.setsid()
            os.chdir(copy)
            sys.path.insert(0, str(copy))
            os.environ["PYTHONPATH"] = str(copy)
            limit = 8 << 30  # bytes of memory: a mutant may ask for any number
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            with open(f"{copy}.txt", "w") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            code = action()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(code))
    code, end = None, time.monotonic() + seconds
    while code is None and time.monotonic() < end:
        time.sleep(0.02)
        pid, status = os.waitpid(child, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if pid else None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # with what a test may have left behind
    if code is None:
        os.waitpid(child, 0)
    return code


def run_pytest(arguments, plugins=()):
    import pytest

    loaded = "ignore::pytest.PytestAssertRewriteWarning"  # hypothesis is loaded already
    options = ["-q", "-W", loaded, "-p", "no:cacheprovider"]
    return pytest.main([*options, *arguments], plugins=[*plugins])


def note_lines(files):
    """Run the tests of these files; what `Lines` notes of each."""
    found = Path(f"{copy}.json")

    def action():
        lines = Lines(copy / "minigrad")
        lines.start()
        run_pytest(["--tb=short", "--continue-on-collection-errors", *files], [lines])
        found.write_text(json.dumps(lines.tests))
        return 0

    if in_child(action, 3600) != 0:
        raise RuntimeError(f"the tests did not run to their end: see {copy}.txt")
    return json.loads(found.read_text())


def tests_of(mutant, tests, first):
    """Two lists of tests that run the line: those to be tried first, and the others."""
    name, line, *_, within = mutant
    users = {test: e for test, e in tests.items() if e["passed"] and name in e["lines"]}
    # Without a test of its own, a line runs at import, or is a lambda, which is not noted.
    users |= {test: e for test, e in tests.items() if test.startswith(OF_SIGNATURES)}
    own = {test: e for test, e in users.items() if within and line in e["lines"].get(name, ())}
    chosen = [(entry["seconds"], test) for test, entry in (own or users).items()]
    near = [pair for pair in sorted(chosen) if pair[1].startswith(tuple(first))]
    far = [pair for pair in sorted(chosen) if not pair[1].startswith(tuple(first))]
    lists, left = [], MOST_SECONDS
    for pairs in (near, far):
        lists.append([])
        for seconds, test in pairs:
            left -= seconds
            if left > 0:
                lists[-1].append((seconds, test))
    return lists


def survives(task):
    """Whether no test fails. Afterwards the copy is as before."""
    (name, _, begin, end, new, _), lists = task
    path = copy / "minigrad" / name
    text = path.read_bytes()
    path.write_bytes(text[:begin] + new.encode() + text[end:])
    try:
        for pairs in lists:
            seconds = 60 + 10 * sum(took for took, _ in pairs)
            chosen = [test for _, test in pairs]
            files = sorted({test.partition("::")[0] for test in chosen})

            def action(chosen=chosen, files=files):
                return run_pytest(["-x", "--tb=line", *files], [Chosen(chosen)])

            if pairs and in_child(action, seconds) not in (0, 5):  # all passed, or there were none
                return False
    finally:
        path.write_bytes(text)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", choices=AREAS, default=[*AREAS])
    parser.add_argument("--sample", type=int, default=100, help="mutants of each area")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--least", type=float, default=0, help="percent of each area's that must die"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--work", type=Path, help="keep the copies, and which test runs which line")
    options = parser.parse_args()
    temporary = tempfile.TemporaryDirectory()
    work = (options.work or Path(temporary.name)).resolve()
    copies = [work / f"copy{job}" for job in range(options.jobs)]
    for copy in [*copies, work / "source"]:  # what is edited in the checkout meanwhile is not read
        if not copy.exists():
            copy_source(copy)
    os.environ.update(PYTHONDONTWRITEBYTECODE="1", MPLBACKEND="Agg")
    sys.dont_write_bytecode = True
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != SOURCE]
    import hypothesis  # noqa: F401 - loaded once, before the forks
    import numpy  # noqa: F401
    import pytest  # noqa: F401

    free = multiprocessing.Queue()
    for copy in copies:
        free.put(copy)
    with multiprocessing.Pool(options.jobs, start_worker, (free,)) as pool:
        lines = work / "lines.json"
        if not lines.exists():
            source = work / "source"
            files = [path.relative_to(source) for path in source.glob("tests/**/test_*.py")]
            files = sorted(file for file in map(str, files) if not file.startswith(LEFT_OUT))
            noted = pool.map(
                note_lines, [files[job :: options.jobs] for job in range(options.jobs)]
            )
            lines.write_text(json.dumps({t: entry for part in noted for t, entry in part.items()}))
        tests = json.loads(lines.read_text())
        failed = [test for test, entry in tests.items() if not entry["passed"]]
        print(f"{len(tests)} tests, of which {len(failed)} fail as they are:", *failed, flush=True)
        rates = [try_area(area, options, tests, pool, work / "source") for area in options.only]
    sys.exit(min(rates) < options.least)


def start_worker(free):
    global copy
    copy = free.get()


def try_area(area, options, tests, pool, source):
    """Try the sample of an area, print what survived, and return how many percent did not."""
    names, first = AREAS[area]
    every = []
    for path in sorted(path for name in names for path in files_of(source / "minigrad" / name)):
        name = str(path.relative_to(source / "minigrad"))
        every += [(name, *mutant) for mutant in mutants(path.read_text())]
    chosen = random.Random(options.seed).sample(every, min(options.sample, len(every)))
    tasks = [(mutant, tests_of(mutant, tests, first)) for mutant in chosen]
    alive = 0
    for mutant, lives in zip(chosen, pool.imap(survives, tasks), strict=True):
        if lives:
            alive += 1
            name, line, begin, end, new, _ = mutant
            old = (source / "minigrad" / name).read_bytes()[begin:end].decode()
            print(f"survived: minigrad/{name}:{line}: {old}  ->  {new}", flush=True)
    dead = 100 * (1 - alive / len(chosen))
    print(f"{area}: {len(chosen)} of {len(every)} mutants, {dead:.1f} % died", flush=True)
    return dead


def files_of(path):
    return path.rglob("*.py") if path.is_dir() else [path]


if __name__ == "__main__":
    main()
