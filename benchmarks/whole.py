"""Measurements of whole processes: time to an accuracy, import time, peak memory, wheel size.

A job runs as ``python -m benchmarks.whole <job> <module> <variant> <number> ...``.
"""

import importlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import inputs
from benchmarks.measure import RefusedError, Result, environment
from benchmarks.rows import BOTH_LAYOUTS, CONTENDERS

ROOT = Path(__file__).parent.parent
GOAL = 0.98  # of the test digits


# --- jobs, each in a process of its own ----------------------------------------------------------


def accuracy(start, seed):
    """Train until the goal is reached, tested after every 200 steps; print the number of steps."""
    fit, measure = start(seed)
    x, y, x_test, y_test = inputs.mnist()
    rng = np.random.default_rng(seed)
    for part in range(50):
        if part % 5 == 0:
            order = rng.permutation(len(x)).reshape(5, -1)
        fit(x[order[part % 5]], y[order[part % 5]])
        if measure(x_test, y_test) >= GOAL:
            return print(200 * (part + 1), "steps")
    sys.exit("98 % was not reached in ten epochs")


def memory(start, epochs, images):
    """Train; print the peak memory minus that of the data, in MiB."""
    fit, _ = start(0)
    x, y = inputs.noise(images)
    for _ in range(epochs):
        fit(x, y)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print((peak - x.nbytes - y.nbytes) / 2**20)


# --- in the parent -------------------------------------------------------------------------------


def python(threads, *arguments):
    """Run Python; return its output, or raise RefusedError with the end of its error."""
    command = [sys.executable, *map(str, arguments)]
    run = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment(threads), capture_output=True, text=True
    )
    if run.returncode:
        raise RefusedError(f"exit code {run.returncode}: {run.stderr.strip()[-160:]}")
    return run.stdout.strip()


def job(name, contender, threads, *numbers):
    module, variant = CONTENDERS[contender]
    return python(
        threads, "-m", "benchmarks.whole", name, f"benchmarks.{module}", variant, *numbers
    )


def rounds(title, unit, contenders, number, measure):
    """Return the Result of ``measure(contender, round) -> (value, note)``, in turns."""
    result = Result(title, unit)
    for i in range(number):
        for name in contenders:
            try:
                value, note = measure(name, i)
            except RefusedError as error:
                result.failures[name] = str(error)
            else:
                result.values.setdefault(name, []).append(value)
                if note:
                    result.ways[name] = f"{result.ways.get(name, 'after')} {note}"
    for name in result.failures:
        result.values.pop(name, None)
    return result


def accuracy_results(chosen, arguments):
    def measure(name, seed):
        start = time.perf_counter()
        steps = job("accuracy", name, arguments.threads, seed)
        return time.perf_counter() - start, steps

    contenders = [name for name in BOTH_LAYOUTS if name in chosen]
    yield rounds("98 % of the test digits", "s", contenders, arguments.rounds, measure)


IMPORTS = {
    "minigrad": "minigrad.models",
    "keras/tensorflow": "keras",
    "torch": "torch",
    "jax": "jax",
}


def footprint_results(chosen, arguments):
    threads = arguments.threads

    def import_time(name, number):
        clock = "import time, numpy\nstart = time.perf_counter()\n"
        code = f"{clock}import {IMPORTS[name]}\nprint(time.perf_counter() - start)"
        return float(python(threads, "-c", code)), ""

    def wheel(name, number):
        with tempfile.TemporaryDirectory() as folder:
            unwanted = shutil.ignore_patterns("build", ".*", "*.so", "tests")
            shutil.copytree(ROOT, f"{folder}/source", ignore=unwanted)
            pip = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
            python(threads, *pip, "--wheel-dir", folder, f"{folder}/source")
            (path,) = Path(folder).glob("*.whl")
            return path.stat().st_size / 1e6, ""

    importers = [name for name in IMPORTS if name in chosen]
    rounds("", "s", importers, 1, import_time)  # the first import writes byte code
    yield rounds("import beyond NumPy", "s", importers, arguments.rounds, import_time)
    if not arguments.quick:
        yield rounds("wheel", "MB", ["minigrad"], 1, wheel)
    trainers = [name for name in BOTH_LAYOUTS if name in chosen]
    full = (1, 6_000, trainers) if arguments.quick else (10, 60_000, trainers)
    for epochs, images, names in (full, (10, 1_200, ["minigrad"]), (100, 1_200, ["minigrad"])):
        title = f"peak memory, {epochs} epochs of {images:,} images"

        def peak(name, number, epochs=epochs, images=images):
            return float(job("memory", name, threads, epochs, images)), ""

        yield rounds(title, "MiB", names, 1, peak)


ROWS = {
    "accuracy": (accuracy_results, "From process start to 98 % on MNIST", "≥ 5×"),
    "footprint": (footprint_results, "Import, wheel, memory", "≤ 30 ms; ≤ 1 MB; ≤ 60 MiB"),
}

if __name__ == "__main__":
    name, module, variant, *numbers = sys.argv[1:]
    library = importlib.import_module(module)
    library.configure(int(os.environ["MINIGRAD_NUM_THREADS"]))
    globals()[name](lambda seed: library.job(seed, variant), *map(int, numbers))
