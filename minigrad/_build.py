"""Compiled Python files: run them as plain Python, or warn if a build is out of date.

``core.py`` and ``ops/arithmetic.py`` are compiled unchanged (their .pxd files name C types). Python
prefers the compiled module to the file next to it.
"""

import importlib.util
import sys
import warnings
import zlib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

PACKAGE = Path(__file__).parent
RECORD = PACKAGE / "_built_from.txt"  # name and checksum of every source, in a checkout
SOURCES = (".pyx", ".pxd", ".h", ".c")


class PlainPython:
    """A module finder that takes the .py file where a compiled module is next to it."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        file = PACKAGE.joinpath(*name.split(".")[1:]).with_suffix(".py")
        ours = name.startswith("minigrad.") and file.exists()
        compiled = any(file.with_suffix(suffix).exists() for suffix in EXTENSION_SUFFIXES)
        return importlib.util.spec_from_file_location(name, file) if ours and compiled else None


def run_plain_python():
    """Import no compiled Python file from now on: debuggers and ``inspect`` see the source."""
    sys.meta_path.insert(0, PlainPython)


def warn_if_edited():
    """In a checkout, warn if a source file has changed since the build."""
    if not RECORD.exists() or not (PACKAGE.parent / "setup.py").exists():
        return
    edited = edited_sources()
    if edited:
        warnings.warn(
            f"minigrad: {', '.join(edited)} changed after the build, and the old build still runs; "
            "build again with `python setup.py -q build_ext --inplace`, or set "
            "MINIGRAD_KERNELS=reference to run plain Python",
            RuntimeWarning,
            stacklevel=3,
        )


def edited_sources():
    """The names of the sources that have changed since the build in a checkout."""
    built = dict(line.split() for line in RECORD.read_text("utf-8").splitlines())
    return [name for name, checksum in built.items() if checksum_of(PACKAGE / name) != checksum]


def checksum_of(path):
    return f"{zlib.crc32(path.read_bytes()):08x}" if path.exists() else "deleted"


def record_sources():
    """Write down the checksums of the sources that were built; setup.py calls this."""
    sources = {path for path in PACKAGE.rglob("*.*") if path.suffix in SOURCES}
    plain = {path.with_suffix(".py") for path in sources if path.suffix == ".pxd"}
    sources |= {path for path in plain if path.exists()}
    names = sorted(path.relative_to(PACKAGE).as_posix() for path in sources)
    lines = [f"{name} {checksum_of(PACKAGE / name)}\n" for name in names]
    RECORD.write_text("".join(lines), "utf-8")
