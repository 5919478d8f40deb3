"""Build what is compiled; everything else about the package stands in pyproject.toml.

That is the kernels, and the Python files that have a .pxd file of the same name beside them, which
tells Cython their C types. Without their build these run as they stand, only slower.

Environment variables read here:

- ``MINIGRAD_SERIAL=1``      build kernels that start no threads, as compilers without atomics get
- ``MINIGRAD_BOUNDSCHECK=1`` build kernels that check every index (slow; for tests)
"""

import os
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

KERNELS = Path("minigrad", "kernels")
PYTHON = [path.with_suffix(".py") for path in Path("minigrad").rglob("*.pxd")]
SOURCES = sorted([*KERNELS.glob("*.pyx"), *filter(Path.exists, PYTHON)])
SHARED = Path(KERNELS, "_cython_shared.c")  # what Cython writes for memoryviews, once for all
HEADERS = sorted([*KERNELS.glob("*.h"), *KERNELS.glob("*.pxd")])
CHECKED = os.environ.get("MINIGRAD_BOUNDSCHECK") == "1"
SERIAL = os.environ.get("MINIGRAD_SERIAL") == "1"
SANITIZED = "-fsanitize" in os.environ.get("CFLAGS", "")  # reports name functions: keep symbols

KERNEL_DIRECTIVES = {
    "language_level": 3,
    "boundscheck": CHECKED,
    "wraparound": False,  # so that checked kernels refuse negative indices too
    "initializedcheck": CHECKED,
    "cdivision": True,
    "freethreading_compatible": True,
}
# auto_pickle would forget what a subclass adds; Python itself pickles whatever stands in __slots__.
PYTHON_DIRECTIVES = {"language_level": 3, "auto_pickle": False, "freethreading_compatible": True}


def optimization_flags(msvc, kind):
    """Speed, but no -ffast-math (it reorders sums) and no -march=native (it ties to one CPU)."""
    if msvc:
        return ["/O2", "/std:c11", "/experimental:c11atomics"]
    return [
        {".pyx": "-O3", ".py": "-O2", ".c": "-Os"}[kind],  # loops, Python, what Cython shares
        "-fno-math-errno",  # sqrt becomes one instruction, which lets its loops be vectorized
        "-fno-trapping-math",  # nobody looks at the flags of float errors: selects vectorize too
        "-fopenmp-simd",  # `omp simd reduction`: several partial sums; no threads, no library
        "-ffp-contract=fast",  # a*b + c is one instruction in functions built for such a CPU
        "-fno-asynchronous-unwind-tables",  # C++ and debuggers read them; C needs none
        "-g0",  # Python's own flags ask for debug information, which makes files 6 times as large
    ]


def module_name(source):
    return ".".join(source.with_suffix("").parts)


class BuildKernels(build_ext):
    """Compile the kernels, all anew when the settings changed."""

    def initialize_options(self):
        super().initialize_options()
        self.parallel = os.cpu_count()  # compilers at work at once

    def build_extensions(self):
        msvc = self.compiler.compiler_type == "msvc"
        macros = [("__STDC_NO_ATOMICS__", "1")] if SERIAL else []
        compiler = [os.environ.get(name) for name in ("CC", "CFLAGS", "LDFLAGS")]
        self.rebuild_if_changed(f"{Path(__file__).read_text()} {CHECKED} {SERIAL} {compiler}")
        for extension in self.extensions:
            kind = Path(extension.sources[0]).suffix  # .pyx, .py, or .c: SHARED
            (in_c,) = cythonize(
                extension,
                build_dir=self.build_temp,  # generated C belongs there, not beside the sources
                compiler_directives=PYTHON_DIRECTIVES if kind == ".py" else KERNEL_DIRECTIVES,
                shared_utility_qualified_name=module_name(SHARED),
                force=self.force,
                quiet=not self.verbose,
            )
            extension.sources = in_c.sources
            extension.extra_compile_args += optimization_flags(msvc, kind)
            extension.extra_link_args += [] if msvc or SANITIZED else ["-s"]
            extension.define_macros += macros
        super().build_extensions()

    def rebuild_if_changed(self, settings):
        """Build everything anew when the settings are not those of the last build."""
        record = Path(self.build_temp, "settings.txt")
        if not record.exists() or record.read_text() != settings:
            self.force = True
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(settings)


setup(
    ext_modules=[
        Extension(
            module_name(source),
            [source.as_posix()],
            include_dirs=[KERNELS.as_posix(), numpy.get_include()],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
            depends=["setup.py", *(path.as_posix() for path in HEADERS)],
        )
        for source in [*SOURCES, SHARED]
    ],
    cmdclass={"build_ext": BuildKernels},
)
