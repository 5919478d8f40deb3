"""``minigrad info``: what a bug report needs."""

import importlib.metadata
import os
import platform
import shutil
import sys
import textwrap
from pathlib import Path

import numpy as np

import minigrad
from minigrad import _build, core, kernels

# What minigrad uses if it is there, and what its users compare it with.
LIBRARIES = (
    "cython", "h5py", "pillow", "matplotlib", "scipy", "pandas", "scikit-learn", "onnx",
    "onnxruntime", "keras", "tensorflow", "torch", "jax",
)  # fmt: skip
VARIABLES = ("MINIGRAD_", "KERAS_", "OMP_NUM_THREADS", "NO_COLOR", "COLUMNS")


def info(given):
    """Print versions, kernels, threads, the build, libraries and variables."""
    width = min(shutil.get_terminal_size().columns, 100)
    for title, text in facts():
        begin = f"{title:<11}"
        lines = textwrap.wrap(
            text, width, initial_indent=begin, subsequent_indent=" " * 11, break_long_words=False
        )
        print("\n".join(lines))


def facts():
    """Yield pairs of texts: what it is about, and what is so."""
    versions = {name: _version(name) for name in LIBRARIES}
    yield "minigrad", f"{minigrad.__version__}, in {Path(minigrad.__file__).parent}"
    implementation = platform.python_implementation()
    yield "Python", f"{platform.python_version()}, {implementation}, {sys.executable}"
    yield "NumPy", np.__version__
    yield "system", platform.platform()
    yield "processor", f"{processor()}, {os.cpu_count()} cores"
    yield "kernels", kernels_in_words()
    yield "threads", str(minigrad.get_num_threads())
    yield "build", build_in_words()
    yield "libraries", ", ".join(f"{name} {v}" for name, v in versions.items() if v) or "none"
    yield "without", ", ".join(name for name, v in versions.items() if not v) or "none"
    chosen = {name: os.environ[name] for name in sorted(os.environ) if name.startswith(VARIABLES)}
    yield "variables", ", ".join(f"{n}={value}" for n, value in chosen.items()) or "none"


def processor():
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(": ")[2] for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def kernels_in_words():
    """Which kind runs, with which instructions, and which the processor could run."""
    if kernels.kind == "reference":
        return "reference: NumPy in place of compiled code"
    instruction_set = kernels.adam_step.__module__.rpartition("_")[2]
    able = ", ".join(kernels.levels())
    return f"{kernels.kind}, for {instruction_set} (this processor has {able})"


def build_in_words():
    """Where the compiled code comes from, and whether it fits the source."""
    engine = "compiled" if not core.__file__.endswith(".py") else "plain Python"
    if not _build.RECORD.exists():
        return f"installed, not built in place; engine: {engine}"
    edited = _build.edited_sources()
    state = f"older than {', '.join(edited)}" if edited else "up to date"
    return f"in place, {state}; engine: {engine}"


def _version(name):
    for distribution in (name, f"{name}-cpu"):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None
