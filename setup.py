"""Build what is compiled; everything else about the package is in pyproject.toml.

- ``kernels/runtime/*.pyx``, ``kernels/products/plain.pyx``, and the Python files that have a .pxd
  file of the same name next to them: one module each. Without a build these run as plain Python.
- ``kernels/loops/*.pyx`` and the other ``kernels/products/*.pyx``: one module for each instruction
  set, such as ``pooling_avx2``; ``kernels/__init__.py`` imports the one that the processor has.
- the files of ``IN_C``: linked into these modules, compiled once for float and once for double.

Environment variables read here:

- ``MINIGRAD_ONLY=avx2``     build for this instruction set alone: half the time, for tests
- ``MINIGRAD_PLAIN=1``       build no vector extensions, as for compilers that have none (MSVC)
- ``MINIGRAD_SERIAL=1``      build kernels that start no threads, as for compilers without atomics
- ``MINIGRAD_BOUNDSCHECK=1`` build kernels that check every index (slow; for tests)
- ``MINIGRAD_PURE=1``        build no kernels: a wheel for every machine, which runs the NumPy twins
"""

import atexit
import functools
import importlib.metadata
import os
import platform
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

# ruff: noqa: E402 - what has to be installed is checked before it is imported


def check_requirements():
    """Refuse to build with what pyproject.toml rules out, as `--no-build-isolation` lets happen."""
    requires = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    for name, least in (requirement.split(">=") for requirement in requires):
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = "none"
        numbers = [[int(number) for number in re.findall(r"\d+", v)] for v in (version, least)]
        if numbers[0] < numbers[1]:
            sys.exit(
                f"setup.py: expected {name}>={least} to build minigrad, got {version}. Run `pip "
                f"install {' '.join(map(repr, requires))}`, or install without --no-build-isolation"
            )


check_requirements()

import Cython
import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.modified import newer_group

PACKAGE = Path("minigrad")
KERNELS = PACKAGE / "kernels"
INCLUDE = [KERNELS / folder for folder in ("runtime", "loops", "products")]
PYTHON = sorted(path.with_suffix(".py") for path in PACKAGE.rglob("*.pxd"))
PYTHON = [path for path in PYTHON if path.exists()]
SHARED = KERNELS / "runtime" / "_cython_shared.c"  # Cython's own helpers, once for all modules
PLAIN = KERNELS / "products" / "plain.pyx"
IN_C = {  # module -> C file
    "elementwise": KERNELS / "loops" / "activations.c",
    "gemm": KERNELS / "products" / "fast.c",  # for conv too
}
CHECKS = ("elementwise_", "gemm_", "conv_")  # modules that check and plan; their loops are in C

CHECKED = os.environ.get("MINIGRAD_BOUNDSCHECK") == "1"
WASM = "wasm32" in sysconfig.get_platform()  # for Python in a browser: no threads
SERIAL = WASM or os.environ.get("MINIGRAD_SERIAL") == "1"
VECTORS = os.name != "nt" and os.environ.get("MINIGRAD_PLAIN") != "1"  # GNU C's: gcc and clang
SANITIZED = "-fsanitize" in os.environ.get("CFLAGS", "")  # reports name functions: keep symbols

X86 = not WASM and platform.machine() in ("x86_64", "AMD64", "i686")
# What every processor of the architecture has: SSE2, NEON, and in browsers since 2023 SIMD128.
INSTRUCTION_SETS = {"baseline": ["-msimd128"] if WASM else []}
if VECTORS and X86:
    INSTRUCTION_SETS["avx2"] = ["-mavx2", "-mfma"]
    avx512 = ["-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq"]
    INSTRUCTION_SETS["avx512"] = [*INSTRUCTION_SETS["avx2"], *avx512]
ALL_SETS = len(INSTRUCTION_SETS)
if only := os.environ.get("MINIGRAD_ONLY"):
    if only not in INSTRUCTION_SETS:
        known = ", ".join(INSTRUCTION_SETS)
        sys.exit(f"setup.py: expected MINIGRAD_ONLY to be one of {known}, got {only!r}")
    INSTRUCTION_SETS = {only: INSTRUCTION_SETS[only]}

# Else NumPy before 2.3 hides what NumPy 1.22 added, such as PyDataMem_SetHandler.
MACROS = [("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION")]
MACROS += [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")]
MACROS += [("__STDC_NO_ATOMICS__", "1")] if SERIAL else []
MACROS += [("MINIGRAD_X86", "1")] if ALL_SETS > 1 else []  # for cpu.h
MACROS += [] if VECTORS else [("MINIGRAD_PLAIN", "1")]

KERNEL_DIRECTIVES = {
    "language_level": 3,
    "boundscheck": CHECKED,
    "wraparound": False,  # so that checked kernels refuse negative indices too
    "initializedcheck": CHECKED,
    "cdivision": True,
}
# auto_pickle would forget what a subclass adds; Python itself pickles whatever is in __slots__.
PYTHON_DIRECTIVES = {"language_level": 3, "auto_pickle": False}


def optimization_flags(msvc, level):
    """Speed, but no -ffast-math (it reorders sums) and no -march=native (it ties to one CPU)."""
    if msvc:
        return ["/O2", "/std:c11", "/experimental:c11atomics"]
    return [
        level,
        "-fno-math-errno",  # sqrt becomes one instruction, so that its loops are vectorized
        "-fno-trapping-math",  # nobody reads the flags of float errors: selects are vectorized too
        "-fopenmp-simd",  # `omp simd reduction`: several partial sums; no threads, no library
        "-ffp-contract=fast",  # a*b + c is one instruction where the processor has it
        "-fno-asynchronous-unwind-tables",  # C++ and debuggers read them; C needs none
        "-Wno-unused-function",  # Cython writes conversions of structs that nobody calls
        "-g0",  # Python's own flags ask for debug information, which makes files 6 times as large
    ]


def headers_of(source):
    """The headers that a source includes, and those that they include: its dependencies."""
    found = set()
    for name in re.findall(r'(?:#include|cdef extern from) "([^"]+)"', source.read_text("utf-8")):
        for path in (folder / name for folder in INCLUDE):
            if path.exists():
                found |= {path, *headers_of(path)}
    return found


def extension(source, instruction_set=None):
    """The module of a source: its own name, or one for each instruction set."""
    name = ".".join(source.with_suffix("").parts)
    in_c = IN_C.get(source.stem) if source.suffix == ".pyx" else None
    read = [headers_of(path) | {path} for path in (source, in_c) if path and path.exists()]
    built = Extension(
        name if instruction_set is None else f"{name}_{instruction_set}",
        [source.as_posix()],
        include_dirs=[*map(Path.as_posix, INCLUDE), numpy.get_include()],
        define_macros=MACROS.copy(),
        depends=["setup.py", *(path.as_posix() for path in set().union(*read))],
    )
    built.instruction_set, built.in_c = instruction_set, in_c
    return built


def extensions():
    once = [*KERNELS.glob("runtime/*.pyx"), *PYTHON, SHARED]
    each = [*KERNELS.glob("loops/*.pyx")]
    if VECTORS:
        each += [path for path in KERNELS.glob("products/*.pyx") if path != PLAIN]
    built = [extension(source) for source in sorted([*once, *filter(Path.exists, [PLAIN])])]
    return built + [extension(path, name) for name in INSTRUCTION_SETS for path in sorted(each)]


class BuildKernels(build_ext):
    """Compile the kernels, all anew when the settings changed."""

    def initialize_options(self):
        super().initialize_options()
        self.parallel = os.cpu_count()  # compilers at work at once

    def build_extensions(self):
        compiler = [os.environ.get(name) for name in ("CC", "CFLAGS", "LDFLAGS")]
        chosen = CHECKED, SERIAL, VECTORS, *INSTRUCTION_SETS
        settings = f"{Path(__file__).read_text('utf-8')} {chosen} {compiler}"
        self.rebuild_if_changed(settings)
        for built in self.extensions:
            self.prepare(built)
        super().build_extensions()

    def copy_extensions_to_source(self):
        super().copy_extensions_to_source()
        runpy.run_path("minigrad/_build.py")["record_sources"]()

    def prepare(self, built):
        """Translate the module's source to C, and choose the flags."""
        kind = Path(built.sources[0]).suffix
        msvc = self.compiler.compiler_type == "msvc"
        # Generated C belongs there, not next to the sources, and apart for each instruction set.
        built.build_dir = os.path.join(self.build_temp, built.instruction_set or "")
        # Cython 3.1 and 3.2 do not find `cython.view` where its memoryviews are shared.
        alone = built.sources == [PLAIN.as_posix()] and Cython.__version__ < "3.3"
        (translated,) = cythonize(
            built,
            build_dir=built.build_dir,
            compiler_directives=PYTHON_DIRECTIVES if kind == ".py" else KERNEL_DIRECTIVES,
            shared_utility_qualified_name=None if alone else ".".join(SHARED.with_suffix("").parts),
            force=self.force,
            quiet=not self.verbose,
        )
        built.sources = translated.sources
        built.depends = sorted({*built.depends, *translated.depends})  # headers of what it cimports
        level = {".pyx": "-O3", ".py": "-O2", ".c": "-Os"}[kind]  # loops, Python, helpers
        level = "-Os" if built.name.rpartition(".")[2].startswith(CHECKS) else level
        built.extra_compile_args += optimization_flags(msvc, level)
        if not msvc:
            # clang 19 says that it vectorizes no maximum among which NaN may be: an order of `omp`.
            # gcc 16 would split the multiply-add of a single sum: other bits than all others.
            flag = "-Wno-pass-failed" if self.is_clang else "--param=avoid-fma-max-bits=0"
            built.extra_compile_args += [flag]
        built.extra_compile_args += INSTRUCTION_SETS.get(built.instruction_set, [])
        if built.instruction_set and ".loops." in built.name and not msvc:
            built.extra_compile_args += self.loop_flags(built.name, built.instruction_set)
        built.extra_link_args += [] if msvc or SANITIZED or WASM else ["-s"]

    def loop_flags(self, name, instruction_set):
        """What loops over elements need to be as fast as with the pragmas that Cython cannot write.

        clang compares at most 8 pairs of pointers before a loop, and AMSGrad has 10; for SSE2 it
        thinks that a loop with a selection does not repay vectors. gcc's SGD takes 1.4 times as
        long if it does not unroll for SSE2. Pooling of 3 channels takes 1.9 times as long with
        vectors of 16 floats, which the channels do not fill.
        """
        baseline = instruction_set == "baseline"
        flags = ["-mprefer-vector-width=256"] * name.endswith("pooling_avx512")
        if not self.is_clang:
            return flags + ["-funroll-loops"] * baseline
        flags += ["-mllvm", "-runtime-memory-check-threshold=128"]
        return flags + ["-mllvm", "-force-vector-width=4"] * (baseline and X86)

    @functools.cached_property
    def is_clang(self):
        command = [*self.compiler.compiler_so[:1], "--version"]
        return "clang" in subprocess.run(command, capture_output=True, text=True).stdout

    def build_extension(self, built):
        """Compile the module's C file for both types, if it has one, and then the module."""
        for real in ("float", "double") if built.in_c else ():
            source, folder = built.in_c.as_posix(), os.path.join(built.build_dir, real)
            objects = self.compiler.object_filenames([source], output_dir=folder)
            read = [source, "setup.py", *map(Path.as_posix, headers_of(built.in_c))]
            if self.force or newer_group(read, objects[0]):
                self.compiler.compile(
                    [source],
                    output_dir=folder,
                    macros=[*MACROS, ("FLOAT", real), ("EXPORTED", f"{built.in_c.stem}_{real}")],
                    include_dirs=built.include_dirs,
                    extra_postargs=[*built.extra_compile_args, "-O3"],
                )
            built.extra_objects += objects
        super().build_extension(built)

    def rebuild_if_changed(self, settings):
        """Build everything anew when the settings are not those of the last build."""
        record = Path(self.build_temp, "settings.txt")
        if not record.exists() or record.read_text("utf-8") != settings:
            self.force = True
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(settings, "utf-8")


class BuildPure(build_py):
    """Copy the Python files, and the note by which kernels/__init__.py knows the pure wheel."""

    def run(self):
        if self.editable_mode:
            sys.exit(
                "setup.py: expected MINIGRAD_PURE=1 to build a wheel, got an editable install; "
                "MINIGRAD_KERNELS=reference runs the NumPy twins in a source folder without a build"
            )
        super().run()
        note = "The pure wheel: no compiled kernels, their NumPy twins run.\n"
        Path(self.build_lib, KERNELS, "pure.txt").write_text(note, "utf-8")


def elsewhere():
    """Settings by which a read-only source tree is built in a temporary folder."""
    if os.access(".", os.W_OK):
        return {}
    folder = tempfile.mkdtemp(prefix="minigrad-build-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {"build": {"build_base": folder}, "egg_info": {"egg_base": folder}}


if os.environ.get("MINIGRAD_PURE") == "1":
    setup(cmdclass={"build_py": BuildPure}, options=elsewhere())
else:
    setup(ext_modules=extensions(), cmdclass={"build_ext": BuildKernels}, options=elsewhere())
