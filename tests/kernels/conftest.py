"""The kernels, their NumPy twins, and what each of them is called with.

A new kernel adds its ``add_cases`` below; test_parity.py finds the kernel by itself and fails until
it has a twin and a case. Step kernels (``<rule>_step``) get theirs from their signature.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from minigrad import kernels as package
from minigrad.kernels import reference


def public_functions(module):
    functions = {name: value for name, value in vars(module).items() if callable(value)}
    return {name: value for name, value in functions.items() if not name.startswith("_")}


COMPILED = {}
for found in pkgutil.iter_modules(package.__path__):
    if found.name.startswith("_"):
        COMPILED |= public_functions(importlib.import_module(f"minigrad.kernels.{found.name}"))
TWINS = public_functions(reference)
CASES = []


@dataclass(frozen=True)
class Case:
    """One way to call a kernel, and what may be demanded of it."""

    kernel: str
    build: Callable  # (generator, dtype, *sizes) -> arguments by name, all but threads
    sizes: tuple
    writes: tuple  # names of the OUT and INOUT arrays
    strided: tuple = ()  # names of the arrays that need not be contiguous
    free_axes: tuple = ()  # axes whose lengths the other arguments do not determine

    def __str__(self):
        return f"{self.kernel}-{self.sizes}".replace(" ", "")

    def arguments(self, dtype):
        """Fresh arguments, equal at each call; arrays that are only read are locked."""
        arguments = self.build(np.random.default_rng(7), np.dtype(dtype), *self.sizes)
        for name, value in arguments.items():
            if isinstance(value, np.ndarray) and name not in self.writes:
                value.flags.writeable = False
        return arguments


def add_cases(kernel, build, rows, **demands):
    CASES.extend(Case(kernel, build, tuple(sizes), **demands) for sizes in rows)


def normal(generator, dtype, *shape):
    return generator.normal(size=shape).astype(dtype)


def unwritten(dtype, *shape):
    """Return an OUT array in which every cell that the kernel leaves unwritten shows."""
    return np.full(shape, -77, dtype)


# --- pooling: (image), (window), (strides), (padding before), (OH, OW) -----------------------

POOLINGS = [
    ((2, 5, 7, 3), (2, 2), (2, 2), (0, 0), (2, 3)),  # a row and a column are left over
    ((3, 7, 5, 5), (3, 2), (1, 2), (1, 1), (7, 3)),  # windows overlap and reach outside
    ((1, 9, 8, 33), (2, 3), (3, 5), (0, 2), (3, 2)),  # strides leave gaps
    ((2, 3, 4, 1), (3, 4), (1, 1), (2, 3), (5, 7)),  # most of each window lies outside
    ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0), (1, 1)),
    ((0, 5, 7, 3), (2, 2), (2, 2), (0, 0), (2, 3)),
    ((2, 5, 7, 0), (2, 2), (2, 2), (0, 0), (2, 3)),
    ((2, 1, 7, 3), (2, 2), (2, 2), (0, 0), (0, 3)),  # no output: every gradient is zero
    ((3, 26, 27, 19), (3, 3), (2, 2), (0, 1), (12, 14)),  # enough for several threads
]
GEOMETRY = ("pool_height", "pool_width", "stride_height", "stride_width", "pad_top", "pad_left")


def pooling(*names):
    """Return the builder of a pooling kernel with these arguments."""

    def build(generator, dtype, image, window, strides, pad, output):
        pooled = (image[0], *output, image[3])
        x = np.round(normal(generator, dtype, *image))  # rounded, so that there are ties
        values = dict(zip(GEOMETRY, (*window, *strides, *pad), strict=True))
        winner, y = unwritten(np.int32, *pooled), unwritten(dtype, *pooled)
        if "gy" in names and "winner" in names:
            reference.max_pool2d_forward(x, y, winner, **values, threads=1)
        values |= {"x": x, "y": y, "winner": winner}
        values |= {"gx": unwritten(dtype, *image), "gy": normal(generator, dtype, *pooled)}
        return {name: values[name] for name in (*names, *GEOMETRY)}

    return build


for kernel, names, writes in [
    ("max_pool2d_forward", ("x", "y", "winner"), ("y", "winner")),
    ("max_pool2d_backward", ("gy", "winner", "gx"), ("gx",)),
    ("avg_pool2d_forward", ("x", "y"), ("y",)),
    ("avg_pool2d_backward", ("gy", "gx"), ("gx",)),
]:
    # Images may be larger than their windows cover, outputs smaller than would fit.
    add_cases(kernel, pooling(*names), POOLINGS, writes=writes, free_axes=(1, 2))


# --- dropout, activations: (length, for dropout also rate and seed) ---------------------------

LENGTHS = [(5,), (0,), (1,), (4097,), (70_001,)]


def dropout(generator, dtype, size, rate, seed):
    x = normal(generator, dtype, size)
    x[::7] = np.inf  # must not turn into NaN where it is dropped
    return {"x": x, "y": unwritten(dtype, size), "rate": rate, "seed": seed}


def relu_backward(generator, dtype, size):
    y = np.maximum(normal(generator, dtype, size), 0)
    return {"y": y, "gy": normal(generator, dtype, size), "gx": unwritten(dtype, size)}


def erf(generator, dtype, size):
    return {"x": 2 * normal(generator, dtype, size), "y": unwritten(dtype, size)}


RATES = [(0.5, 2**64 - 1), (0.0, 3), (1.0, 4), (1e-12, 5), (1 - 1e-12, 6)]
add_cases(
    "dropout",
    dropout,
    [*((*length, 0.3, 0) for length in LENGTHS), *((4099, *row) for row in RATES)],
    writes=("y",),
)
add_cases("relu_backward", relu_backward, LENGTHS, writes=("gx",))
add_cases("erf", erf, LENGTHS, writes=("y",))


# --- cross-entropy: (N, K) -----------------------------------------------------------------------

ROWS = [(5, 3), (0, 3), (1, 1), (7, 1), (2, 1013), (3001, 11)]


def cross_entropy_forward(generator, dtype, rows, classes):
    targets = generator.random(size=(rows, classes)).astype(dtype)
    targets[::2, 1:] = 0
    return {
        "logits": 30 * normal(generator, dtype, rows, classes),
        "targets": targets,
        "losses": unwritten(dtype, rows),
        "probabilities": unwritten(dtype, rows, classes),
    }


def cross_entropy_backward(generator, dtype, rows, classes):
    return {
        "probabilities": generator.random(size=(rows, classes)).astype(dtype),
        "targets": generator.random(size=(rows, classes)).astype(dtype),
        "gy": normal(generator, dtype, rows),
        "gz": unwritten(dtype, rows, classes),
    }


add_cases(
    "softmax_cross_entropy_forward",
    cross_entropy_forward,
    ROWS,
    writes=("losses", "probabilities"),
)
add_cases("softmax_cross_entropy_backward", cross_entropy_backward, [*ROWS, (3, 0)], writes=("gz",))


# --- optimizer steps: (length, name of the state that is empty or None, nesterov) ----------------

SCALARS = {  # every other argument of a step is a 1-D array: w, its gradient g, states
    "lr": 0.01,
    "alpha": 0.01,
    "alpha_m": 0.01,
    "alpha_g": 0.003,
    "correction": 0.2,
    "beta_1": 0.9,
    "beta_2": 0.99,
    "rho": 0.9,
    "momentum": 0.8,
    "epsilon": 1e-3,
}


def step(signature):
    """Return the builder of a step kernel that has these parameters."""

    def build(generator, dtype, size, empty, nesterov):
        arguments = {}
        for name in signature.parameters:
            if name in SCALARS:
                arguments[name] = SCALARS[name]
            elif name == "nesterov":
                arguments[name] = nesterov
            elif name in ("w", "g"):
                arguments[name] = normal(generator, dtype, size)
            elif name != "threads":  # a state: positive, and no variance below its mean squared
                length = 0 if name == empty else size
                arguments[name] = generator.uniform(0.25, 0.5, size=length).astype(dtype)
        return arguments

    return build


for kernel in [name for name in COMPILED if name.endswith("_step")]:
    signature = inspect.signature(COMPILED[kernel])
    build = step(signature)
    arrays = build(np.random.default_rng(0), np.float64, 3, None, False).keys() - SCALARS
    states = tuple(sorted(arrays - {"w", "g", "nesterov"}))
    rows = [(*length, None, False) for length in LENGTHS]
    rows += [(6, None, True)] if "nesterov" in signature.parameters else []
    add_cases(kernel, build, rows, writes=("w", *states))
    for state in states:
        option = Case(kernel, build, (5, state, False), ("w", *states))
        try:
            COMPILED[kernel](**option.arguments(np.float64), threads=1)
        except ValueError:
            continue  # the rule cannot do without this state
        CASES.append(option)


# --- what the tests see -----------------------------------------------------------------------


def pytest_generate_tests(metafunc):
    if "kernel" in metafunc.fixturenames:
        metafunc.parametrize("kernel", sorted(COMPILED))
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=str)
    if "first_case" in metafunc.fixturenames:
        firsts = {case.kernel: case for case in reversed(CASES)}
        metafunc.parametrize("first_case", firsts.values(), ids=firsts.keys())


@pytest.fixture
def compiled():
    return COMPILED


@pytest.fixture
def twins():
    return TWINS


@pytest.fixture
def cases():
    return CASES


@pytest.fixture(params=["compiled", "reference"])
def kernels(request):
    """Both implementations in turn, for tests of what a kernel means."""
    return SimpleNamespace(**(COMPILED if request.param == "compiled" else TWINS))
