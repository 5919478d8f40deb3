"""The kernels in every implementation, and what each of them is called with.

test_parity.py finds a new kernel by itself and fails until it has a twin in reference.py and an
``add_cases`` here. Only step kernels (``<rule>_step``) need none: their cases follow from their
signature.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from minigrad import kernels as package
from minigrad.kernels import reference
from minigrad.kernels.runtime.threads import default_kind

LEVELS = package.levels()  # instruction sets, the smallest first
FAST = {}
if default_kind() == "fast":  # else a build without vector extensions
    FAST = {f"fast-{level}": package.load("fast", level) for level in LEVELS}
COMPILED = FAST | {"plain": package.load("plain", LEVELS[0])}
TWINS = package.load("reference")
SIGNATURES = {name: inspect.signature(twin) for name, twin in TWINS.items()}
RETURNING = {"aligned", "empty", "small_arithmetic"}  # all that return an array: test_arrays.py
RETURNING.add("conv2d_pool_has_same_bits")  # tests/promises/same_bits asks it
RETURNING.add("run_steps")  # tests/optimizers/test_kernels.py does it
CASES = []


@dataclass(frozen=True)
class Kernel:
    """One implementation of a kernel."""

    name: str
    implementation: str
    function: Callable

    def __str__(self):
        return f"{self.implementation}-{self.name}"

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)


def distinct_kernels():
    """Return each compiled function once: implementations share those that are built once."""
    found = {}
    for implementation, functions in COMPILED.items():
        for name, function in functions.items():
            if name not in RETURNING:
                found.setdefault(id(function), Kernel(name, implementation, function))
    return list(found.values())


KERNELS = distinct_kernels()
# What a kernel refuses is decided before its loops begin, by one text for all instruction sets.
REFUSING = [
    kernel for kernel in KERNELS if kernel.implementation in (f"fast-{LEVELS[-1]}", "plain")
]


@dataclass(frozen=True)
class Case:
    """One way to call a kernel, and what may be demanded of it."""

    kernel: str
    build: Callable  # (generator, dtype, *sizes) -> values by name, more than the kernel takes
    sizes: tuple
    out: tuple = ()  # names of the arrays that are OUT
    inout: tuple = ()  # names of the arrays that are INOUT
    strided: tuple = ()  # names of the arrays that need not be contiguous
    free: tuple = ()  # (name, axis) of the lengths that the other arguments do not determine

    def __str__(self):
        return f"{self.kernel}-{self.sizes}".replace(" ", "")

    @property
    def writes(self):
        return self.out + self.inout

    def arguments(self, dtype):
        """Return all arguments but threads by name: new arrays, but the same values each time."""
        values = self.build(np.random.default_rng(7), np.dtype(dtype), *self.sizes)
        names = SIGNATURES[self.kernel].parameters
        arguments = {name: values[name] for name in names if name != "threads"}
        for name, value in arguments.items():
            if name in self.out:
                value[...] = 77  # shows where the kernel writes nothing
            elif name not in self.inout and isinstance(value, np.ndarray):
                value.flags.writeable = False
        return arguments

    def expected(self, dtype):
        """Return what the kernel writes, by name: computed in float64 by the kernel's twin.

        Its inputs are those of this dtype, to the last bit.
        """
        arguments = self.arguments(dtype)
        for name, value in arguments.items():
            if isinstance(value, np.ndarray) and value.dtype == np.float32:
                arguments[name] = value.astype(np.float64)
        with np.errstate(invalid="ignore"):  # some cases have infinities
            TWINS[self.kernel](**arguments, threads=1)
        return {name: arguments[name] for name in self.writes}


def add_cases(kernels, build, rows, **demands):
    CASES.extend(
        Case(kernel, build, tuple(sizes), **demands) for kernel in kernels.split() for sizes in rows
    )


def normal(generator, dtype, *shape):
    return generator.normal(size=shape).astype(dtype)


# --- matrix product: M, K, N, transposed operands, with bias, relu -----------------------------

PRODUCTS = [
    (5, 7, 3, "", True, True),
    (61, 129, 67, "", False, False),
    (61, 129, 67, "a", True, False),
    (61, 33, 129, "b", True, True),  # the smaller operand is the one on the left
    (129, 33, 61, "ab", False, True),
    (1, 1, 1, "", True, False),
    (0, 3, 2, "", True, True),
    (2, 0, 3, "", True, False),  # a sum of nothing: only the bias remains
    (2, 3, 0, "b", False, False),
    (203, 97, 131, "", True, True),  # enough for several threads
    (97, 203, 131, "b", True, False),
    (21, 1024, 37, "", True, True),  # rows of a a multiple of a page apart
]


def product(generator, dtype, M, K, N, transposed, with_bias, relu):
    a = normal(generator, dtype, K, M).T if "a" in transposed else normal(generator, dtype, M, K)
    b = normal(generator, dtype, N, K).T if "b" in transposed else normal(generator, dtype, K, N)
    bias = normal(generator, dtype, N) if with_bias else None
    y = np.empty((M, N), dtype)
    return {"a": a, "b": b, "bias": bias, "relu": relu, "y": y, "cuts": None}


add_cases("matmul", product, PRODUCTS, out=("y",), strided=("a", "b"))

SHARDED = [  # M, N, transposed, cuts of K
    (61, 67, "a", (0, 3, 6, 10, 13)),
    (25, 33, "", (0, 1, 2, 3, 4, 5, 6, 7, 8)),
    (203, 131, "b", tuple(i * 100 // 16 for i in range(17))),  # more than one tile's tree
    (97, 64, "a", (0, 0, 0, 3, 3, 4, 5, 5, 5)),  # shards without samples
    (24, 32, "ab", (0, 0, 4, 4, 4)),
    (1, 10, "", (0, 60, 121)),
    (3, 2, "a", (0, 0, 0)),
    (9, 40, "a", (0, 7)),
]


def sharded_product(generator, dtype, M, N, transposed, cuts):
    return product(generator, dtype, M, cuts[-1], N, transposed, False, False) | {"cuts": cuts}


add_cases("matmul", sharded_product, SHARDED, out=("y",), strided=("a", "b"))

SPARSE = [  # M, K, N, transposed, with bias, relu; what is put into b
    (60, 1500, 128, "", True, True, ()),  # a long sum in parts
    (61, 700, 203, "", True, False, ()),  # columns are left over
    (67, 129, 300, "b", False, True, ()),
    (63, 190, 125, "", True, True, ()),  # the last panel is not full
    (63, 190, 61, "b", False, False, ()),
    (63, 190, 29, "", True, False, ()),
    (700, 61, 128, "a", True, False, ()),  # many rows, few terms
    (530, 403, 128, "", True, True, ()),  # blocks of rows, each in parts
    (2061, 131, 128, "b", True, False, ()),  # so many blocks that parts are not needed
    (97, 203, 131, "ab", True, True, ()),
    (130, 150, 1100, "b", False, True, ()),  # so wide that what is not 0 is looked for once
    (139, 70, 1100, "a", True, False, (np.nan,)),
    (60, 1500, 128, "", True, True, (np.inf, np.nan)),  # 0 times these is NaN, not 0
    (203, 129, 259, "b", False, False, (-np.inf,)),
]


def put_zeros(generator, a, b, kept, special):
    """Keep of each row of ``a`` such a part, in turn; put special values into ``b``."""
    a *= generator.random(a.shape) < np.array(kept)[np.arange(len(a)) % len(kept), np.newaxis]
    for number, value in enumerate(special):
        b[11 * number, 17 * number] = value


def sparse_product(generator, dtype, *sizes):
    """As behind relu and dropout: a third of a is not 0, and some rows are empty or full."""
    *sizes, special = sizes
    given = product(generator, dtype, *sizes)
    put_zeros(generator, given["a"], given["b"], [0.35, 0.35, 0, 0.35, 1, 0.1], special)
    return given


add_cases("matmul", sparse_product, SPARSE, out=("y",), strided=("a", "b"))

SPARSE_SHARDS = [  # M, N, cuts of K; what has zeros, and what is put into the other
    (70, 203, tuple(range(0, 130, 16)), "a", ()),  # columns are left over
    (150, 128, (0, 8, 19, 50, 114), "a", ()),
    (50, 301, (0, 11, 20, 30, 42, 50, 59, 71, 80), "a", (np.nan, -np.inf)),
    (97, 512, tuple(i * 70 // 8 for i in range(9)), "a", ()),
    (300, 68, tuple(range(0, 33, 4)), "b", ()),  # rows are left over
    (128, 132, (0, 4, 30, 94, 100), "b", ()),
    (204, 60, (0, 5, 9, 13, 30, 34, 41, 50, 57), "b", (np.nan, -np.inf)),
]


def sparse_sharded_product(generator, dtype, M, N, cuts, sparse, special):
    given = sharded_product(generator, dtype, M, N, "a", cuts)
    pair = (given["a"], given["b"]) if sparse == "a" else (given["b"].T, given["a"].T)
    put_zeros(generator, *pair, [0.15, 0.2, 0, 0.15, 0.6, 0.05], special)
    return given


add_cases("matmul", sparse_sharded_product, SPARSE_SHARDS, out=("y",), strided=("a", "b"))


# --- convolution: (N, H, W, C), (KH, KW), F, strides, padding before, dilation, groups, (OH, OW) --

CONVOLUTIONS = [
    ((2, 7, 9, 3), (3, 2), 5, (1, 1), (0, 0), (1, 1), 1, (5, 8)),
    ((3, 8, 7, 4), (3, 5), 6, (2, 3), (1, 2), (1, 1), 2, (4, 3)),
    ((1, 9, 11, 6), (2, 3), 9, (1, 2), (3, 0), (3, 2), 3, (7, 4)),
    ((2, 2, 3, 5), (3, 3), 35, (1, 1), (2, 2), (1, 1), 1, (4, 5)),  # larger than the image
    ((1, 1, 1, 1), (1, 1), 1, (1, 1), (0, 0), (1, 1), 1, (1, 1)),
    ((0, 7, 9, 3), (3, 2), 5, (1, 1), (0, 0), (1, 1), 1, (5, 8)),
    ((2, 7, 9, 0), (3, 2), 5, (1, 1), (0, 0), (1, 1), 1, (5, 8)),
    ((2, 2, 9, 3), (3, 2), 5, (1, 1), (0, 0), (1, 1), 1, (0, 8)),  # no output
    ((5, 16, 15, 8), (3, 3), 33, (1, 1), (1, 1), (1, 1), 1, (16, 15)),  # for several threads
    ((2, 6, 7, 20), (3, 3), 70, (1, 1), (0, 0), (1, 1), 1, (4, 5)),  # whole panels
    ((2, 5, 7, 48), (2, 3), 96, (1, 1), (1, 1), (1, 1), 3, (6, 7)),
    ((3, 7, 6, 33), (3, 2), 3, (1, 1), (2, 0), (1, 2), 1, (9, 4)),  # few filters
    ((2, 5, 6, 37), (3, 5), 17, (1, 1), (1, 2), (1, 1), 1, (5, 6)),
]
WINOGRAD = [
    ((2, 10, 11, 16), (3, 3), 16, (1, 1), (0, 0), (1, 1), 1, (8, 9)),
    ((1, 8, 9, 17), (3, 3), 33, (1, 1), (1, 1), (1, 1), 1, (8, 9)),  # vectors that are not full
    ((3, 8, 8, 40), (3, 3), 20, (1, 1), (2, 2), (1, 1), 1, (10, 10)),
    ((2, 1, 80, 16), (3, 3), 18, (1, 1), (1, 1), (1, 1), 1, (1, 80)),  # half of each tile is none
    ((2, 9, 10, 18), (3, 3), 16, (1, 1), (0, 2), (1, 1), 1, (11, 6)),  # ends beyond it and within
    ((61, 8, 9, 16), (3, 3), 17, (1, 1), (1, 0), (1, 1), 1, (8, 8)),  # several blocks and chunks
    ((4, 9, 8, 130), (3, 3), 70, (1, 1), (1, 1), (1, 1), 1, (9, 8)),
]
CONVOLUTIONS += WINOGRAD


def convolution(generator, dtype, image, size, filters, strides, pad, dilation, groups, output):
    N, _, _, C = image
    w = normal(generator, dtype, *size, C // groups, filters)
    return {
        "x": normal(generator, dtype, *image),
        "w": w,
        "bias": normal(generator, dtype, filters),
        "relu": True,
        "y": np.empty((N, *output, filters), dtype),
        "gx": np.empty(image, dtype),
        "gw": np.empty_like(w),
        "gy": normal(generator, dtype, N, *output, filters),
        "geometry": (*strides, *pad, *dilation, groups),
        "cuts": None,
    }


def plain_convolution(*row):
    return convolution(*row) | {"bias": None, "relu": False}


# Patches are clipped to the image, whatever its size.
FREE = [(name, axis) for name in ("x", "y", "gx", "gy") for axis in (1, 2)]
FREE = (*FREE, ("w", 0), ("w", 1), ("gw", 0), ("gw", 1))
add_cases("conv2d_forward", convolution, CONVOLUTIONS, out=("y",), free=FREE)
add_cases("conv2d_forward", plain_convolution, CONVOLUTIONS[:2], out=("y",), free=FREE)
add_cases("conv2d_backward_input", convolution, CONVOLUTIONS, out=("gx",), free=FREE)
add_cases("conv2d_backward_kernel", convolution, CONVOLUTIONS, out=("gw",), free=FREE)


def in_shards(build):
    """Cut sums over images, of which there are the last argument, at 8 shards."""

    def arguments(*row):
        *row, total = row
        return build(*row) | {"cuts": tuple(i * total // 8 for i in range(9))}

    return arguments


def of_shards(rows, *totals):
    """The rows with these numbers of images, also as the last argument."""
    return [((n, *row[0][1:]), *row[1:], n) for row, n in zip(rows, totals, strict=True)]


SOME = [CONVOLUTIONS[i] for i in (0, 1, 8, 11, 5, 13, 15)]  # of each way to compute them
MANY = of_shards(SOME, 17, 6, 43, 9, 0, 26, 3)
add_cases("conv2d_backward_kernel", in_shards(convolution), MANY, out=("gw",), free=FREE)

IMAGES = [(2, 7, 9, 3), (17, 4, 5, 35), (1, 2, 1, 1), (3, 3, 8, 70), (40, 26, 26, 8)]
IMAGES += [(1, 1, 9000, 2), (1, 90, 70, 5)]  # several pieces
IMAGES += [(0, 7, 9, 3), (2, 0, 9, 3), (2, 7, 0, 3), (2, 7, 9, 0)]


def images_of_gradients(generator, dtype, *sizes):
    return {"gy": normal(generator, dtype, *sizes), "gb": np.empty(sizes[3], dtype), "cuts": None}


of_images = (("gy", 0), ("gy", 1), ("gy", 2))
add_cases("conv2d_backward_bias", images_of_gradients, IMAGES, out=("gb",), free=of_images)
add_cases(
    "conv2d_backward_bias", in_shards(images_of_gradients),
    [(17, 4, 5, 35, 17), (3, 3, 8, 70, 3), (40, 26, 26, 8, 40), (0, 7, 9, 3, 0)],
    out=("gb",), free=of_images[1:],
)  # fmt: skip


# --- convolution and pooling in one: the same, (OH, OW) of what is pooled, and its window --------

POOLED_CONVOLUTIONS = [
    ((2, 7, 9, 3), (3, 2), 5, (1, 1), (0, 0), (1, 1), 1, (2, 4), (2, 2)),  # a row is left over
    ((3, 8, 7, 4), (3, 5), 6, (2, 3), (1, 2), (1, 1), 2, (1, 1), (3, 2)),
    ((1, 9, 11, 6), (2, 3), 9, (1, 2), (3, 0), (3, 2), 3, (7, 1), (1, 3)),
    ((2, 2, 3, 5), (3, 3), 35, (1, 1), (2, 2), (1, 1), 1, (2, 1), (2, 5)),
    ((2, 7, 9, 3), (3, 2), 5, (1, 1), (0, 0), (1, 1), 1, (5, 8), (1, 1)),
    ((0, 7, 9, 3), (3, 2), 5, (1, 1), (0, 0), (1, 1), 1, (2, 4), (2, 2)),
    ((2, 7, 9, 0), (3, 2), 5, (1, 1), (1, 0), (1, 1), 1, (2, 4), (2, 2)),
    ((2, 2, 9, 3), (3, 2), 5, (1, 1), (0, 0), (1, 1), 1, (0, 4), (2, 2)),
    ((5, 16, 15, 8), (3, 3), 33, (1, 1), (1, 1), (1, 1), 1, (8, 5), (2, 3)),
    ((3, 12, 11, 1), (5, 5), 6, (1, 1), (2, 2), (1, 1), 1, (6, 5), (2, 2)),  # few filters
    ((2, 11, 45, 1), (7, 7), 8, (1, 1), (1, 3), (1, 1), 1, (3, 21), (2, 2)),
    ((3, 7, 6, 1), (3, 2), 4, (1, 1), (0, 0), (1, 1), 1, (2, 2), (2, 2)),
    ((1, 90, 86, 1), (5, 5), 1, (1, 1), (0, 0), (1, 1), 1, (43, 41), (2, 2)),  # several strips
]


def pooled_convolution(generator, dtype, *row):
    """Small integers, of which all sums are exact: ties, and winners that rounding cannot change.

    The last image, if there is one, has a NaN.
    """
    *row, output, window = row
    values = convolution(generator, dtype, *row, output)
    for name in ("x", "w", "bias"):
        values[name] = np.round(values[name])
    x, shape = values["x"], values["y"].shape
    x[-1:, x.shape[1] // 2, x.shape[2] // 2] = np.nan
    return values | {
        "pool": window,
        "rate": 0.0,
        "width": output[1] * window[1] + 1,  # of the results: a column is left over
        "seed": 5,
        "first": 4099,
        "argmax": generator.choice([*range(window[0] * window[1]), 255], shape).astype(np.uint8),
        "gb": np.empty_like(values["bias"]),
    }


def plain_pooled_convolution(*row):
    return pooled_convolution(*row) | {"bias": None, "relu": False}


def dropped_convolution(*row):
    return pooled_convolution(*row) | {"rate": 0.25, "relu": True}


def pooled_convolution_gradient(*row):
    values = pooled_convolution(*row)
    return values | {"x": np.nan_to_num(values["x"]), "rate": 0.5}


POOLED = POOLED_CONVOLUTIONS
FREE = (*FREE, ("argmax", 1), ("argmax", 2))
demands = {"out": ("y", "argmax"), "free": FREE}
add_cases("conv2d_pool_forward", pooled_convolution, POOLED, **demands)
add_cases("conv2d_pool_forward", plain_pooled_convolution, POOLED[:4], **demands)
add_cases("conv2d_pool_forward", dropped_convolution, POOLED, **demands)
demands = {"out": ("gw", "gb"), "free": FREE}
add_cases("conv2d_pool_backward_kernel", pooled_convolution_gradient, POOLED, **demands)
MANY = of_shards([POOLED[i] for i in (0, 1, 8, 9, 5)], 17, 6, 43, 26, 0)
gradient = in_shards(pooled_convolution_gradient)
add_cases("conv2d_pool_backward_kernel", gradient, MANY, **demands)


# --- convolution of images with empty margins, which is not computed: the same, what is put into
#     w and gy ----------------------------------------------------------------------------------

WITH_MARGINS = [
    ((7, 9, 29, 1), (3, 3), 33, (1, 1), (0, 0), (1, 1), 1, (3, 13), (2, 2), ()),
    ((7, 12, 26, 2), (3, 4), 6, (1, 1), (1, 2), (1, 1), 2, (12, 25), (1, 1), ()),
    ((7, 11, 31, 3), (2, 3), 6, (2, 3), (0, 1), (1, 2), 3, (2, 3), (2, 3), ()),
    ((7, 9, 85, 3), (1, 5), 17, (1, 2), (0, 0), (1, 1), 1, (3, 20), (3, 2), ()),
    ((7, 9, 31, 1), (2, 3), 8, (1, 1), (0, 0), (1, 2), 1, (4, 13), (2, 2), ()),
    ((7, 9, 29, 1), (3, 3), 5, (1, 2**31 - 1), (0, 0), (1, 1), 1, (7, 1), (1, 1), ()),
    ((7, 5, 29, 9), (3, 3), 8, (1, 1), (0, 0), (1, 1), 1, (1, 13), (2, 2), ()),  # longer rows
    ((7, 9, 29, 1), (3, 3), 33, (1, 1), (0, 0), (1, 1), 1, (3, 13), (2, 2), (np.nan,)),
    ((7, 9, 31, 2), (3, 3), 5, (1, 1), (1, 1), (1, 1), 1, (3, 10), (3, 3), (np.inf, -np.inf)),
    ((7, 9, 29, 1), (5, 5), 6, (1, 1), (0, 0), (1, 1), 1, (2, 12), (2, 2), ()),  # few filters
    ((7, 9, 29, 1), (5, 5), 6, (1, 1), (2, 2), (1, 1), 1, (4, 14), (2, 2), (np.inf, -np.inf)),
]


def with_margins(build):
    """Give the images margins of several widths; one is empty. Then there are infinities or NaN."""

    def arguments(generator, dtype, *row):
        *row, special = row
        values = build(generator, dtype, *row)
        x, width = values["x"], values["x"].shape[2]
        margins = [(0, 0), (7, 0), (0, 8), (10, 9), (0, width), (width - 1, 0), (3, 2)]
        for image, (left, right) in zip(x, margins, strict=True):
            image[:, :left] = 0
            image[:, width - right :] = 0
        for number, value in enumerate(special):
            values["w"].flat[41 * number + 5] = value
            values["gy"][1 + number :: 2, 0, 0, 3] = value
        return values

    return arguments


MAPS = [(*row[:7], (row[7][0] * row[8][0], row[7][1] * row[8][1]), row[9]) for row in WITH_MARGINS]
add_cases("conv2d_forward", with_margins(convolution), MAPS, out=("y",), free=FREE)
add_cases("conv2d_backward_kernel", with_margins(convolution), MAPS, out=("gw",), free=FREE)
demands = {"out": ("y", "argmax"), "free": FREE}
add_cases("conv2d_pool_forward", with_margins(pooled_convolution), WITH_MARGINS, **demands)
add_cases("conv2d_pool_forward", with_margins(dropped_convolution), WITH_MARGINS, **demands)
demands = {"out": ("gw", "gb"), "free": FREE}
gradient = with_margins(pooled_convolution_gradient)
add_cases("conv2d_pool_backward_kernel", gradient, WITH_MARGINS, **demands)


# --- pooling: (N, H, W, C), window, strides, padding before, (OH, OW) --------------------------

POOLINGS = [
    ((2, 5, 7, 3), (2, 2), (2, 2), (0, 0), (2, 3)),  # a row and a column are left over
    ((3, 7, 5, 5), (3, 2), (1, 2), (1, 1), (7, 3)),  # windows overlap and reach outside
    ((1, 9, 8, 33), (2, 3), (3, 5), (0, 2), (3, 2)),  # strides leave gaps
    ((2, 3, 4, 1), (3, 4), (1, 1), (2, 3), (5, 7)),  # most of each window lies outside
    ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0), (1, 1)),
    ((0, 5, 7, 3), (2, 2), (2, 2), (0, 0), (2, 3)),
    ((2, 5, 7, 0), (2, 2), (2, 2), (0, 0), (2, 3)),
    ((2, 1, 7, 3), (2, 2), (2, 2), (0, 0), (0, 3)),  # no output: every gradient is zero
    ((3, 26, 27, 19), (3, 3), (2, 2), (0, 1), (12, 14)),  # for several threads
]


def pooling(generator, dtype, image, window, strides, pad, output):
    pooled = (image[0], *output, image[3])
    geometry = (*window, *strides, *pad)
    x = np.round(normal(generator, dtype, *image))  # rounded, so that there are ties
    y, argmax = np.empty(pooled, dtype), np.empty(pooled, np.int32)
    reference.max_pool2d_forward(x, y, argmax, geometry, threads=1)
    gy = normal(generator, dtype, *pooled)
    return {
        "x": x, "y": y, "argmax": argmax, "gy": gy, "gx": np.empty_like(x), "geometry": geometry
    }  # fmt: skip


# Images may be larger than their windows cover, outputs smaller than would fit.
FREE = tuple((name, axis) for name in ("x", "gx") for axis in (1, 2))
add_cases("max_pool2d_forward", pooling, POOLINGS, out=("y", "argmax"), free=FREE)
add_cases("max_pool2d_backward", pooling, POOLINGS, out=("gx",), free=FREE)
FREE = tuple((name, axis) for name in ("x", "y", "gx", "gy") for axis in (1, 2))
add_cases("avg_pool2d_forward", pooling, POOLINGS, out=("y",), free=FREE)
add_cases("avg_pool2d_backward", pooling, POOLINGS, out=("gx",), free=FREE)


# --- elementwise: length -------------------------------------------------------------------------

LENGTHS = [(5,), (0,), (1,), (4097,), (70_001,)]  # the last one is for several threads


def dropout(generator, dtype, size, rate=0.3, seed=11):
    x = 2 * normal(generator, dtype, size)
    x[::7] = np.inf  # must not turn into NaN where it is dropped
    y = np.empty_like(x)
    return {"x": x, "y": y, "rate": rate, "seed": seed, "first": 5000}


def function(generator, dtype, name, size):
    x, y = 2 * normal(generator, dtype, size), normal(generator, dtype, size)
    x[::7] *= 9
    return {"function": name, "x": x, "y": y, "z": np.empty_like(x), "alpha": 0.7}


DROPOUTS = [
    *LENGTHS,
    (4099, 0.0),
    (4099, 1.0),
    (4099, 1e-12),
    (4099, 1 - 1e-12),
    (4099, 0.5, 0),
    (4099, 0.5, 2**64 - 1),
]
add_cases("dropout", dropout, DROPOUTS, out=("y",))
FUNCTIONS = [(name, size) for name in reference.FUNCTIONS for (size,) in LENGTHS]
add_cases("elementwise", function, FUNCTIONS, out=("z",))


# --- softmax and cross-entropy: N, K -------------------------------------------------------------

ROWS = [(5, 3), (0, 3), (1, 1), (7, 1), (2, 1013), (3001, 11)]


def cross_entropy(generator, dtype, rows, classes):
    targets = generator.random(size=(rows, classes)).astype(dtype)
    targets[::2, 1:] = 0
    return {
        "logits": 30 * normal(generator, dtype, rows, classes),
        "x": 30 * normal(generator, dtype, rows, classes),
        "y": np.empty((rows, classes), dtype),
        "targets": targets,
        "labels": None,
        "losses": np.empty(rows, dtype),
        "probabilities": generator.random(size=(rows, classes)).astype(dtype),
        "gy": normal(generator, dtype, rows),
        "gz": np.empty((rows, classes), dtype),
    }


def labelled(generator, dtype, rows, classes):
    labels = generator.integers(0, max(classes, 1), size=rows)
    return cross_entropy(generator, dtype, rows, classes) | {"targets": None, "labels": labels}


def with_known_softmax(build):
    def arguments(*row):
        values = build(*row)
        reference.softmax(values["logits"], values["probabilities"], threads=1)
        return values

    return arguments


add_cases("softmax", cross_entropy, [*ROWS, (3, 0)], out=("y",))
for build in (labelled, cross_entropy):
    out = ("losses", "probabilities")
    add_cases("softmax_cross_entropy_forward", build, ROWS, out=out)
    add_cases("softmax_cross_entropy_losses", with_known_softmax(build), ROWS, out=("losses",))
    add_cases("softmax_cross_entropy_backward", build, ROWS, out=("gz",))
add_cases("softmax_cross_entropy_backward", cross_entropy, [(3, 0)], out=("gz",))


# --- rows of channels: N, C ----------------------------------------------------------------------

CHANNELS = [(5, 3), (0, 3), (1, 1), (7, 131), (3, 0), (4099, 1), (2003, 33), (17, 5003)]


def channels(generator, dtype, N, C, relu=False):
    return {
        "x": normal(generator, dtype, N, C),
        "y": normal(generator, dtype, N, C),
        "z": np.empty((N, C), dtype),
        "centers": normal(generator, dtype, 4 if relu else 2, C),
        "terms": normal(generator, dtype, 6 if relu else 4, C),
        "sums": np.empty((2, C), dtype),
    }


def behind_relu(*row):
    values = channels(*row, relu=True)
    values["centers"][1] = 0  # of gradients: a constant added up where y is 0 would only round
    return values


def lines(*row):
    values = channels(*row)
    return values | {"terms": values["terms"][:3], "relu": len(row) > 4}


add_cases("channel_sums", channels, CHANNELS, out=("sums",))
add_cases("channel_sums", behind_relu, CHANNELS, out=("sums",))
add_cases("channel_affine", channels, CHANNELS, out=("z",))
add_cases("channel_affine", behind_relu, CHANNELS, out=("z",))
add_cases("channel_normalize", lines, CHANNELS, out=("z",))
add_cases("channel_normalize", lines, [(*row, True) for row in CHANNELS], out=("z",))


# --- optimizer steps: size, the state that is None, nesterov -----------------------------------

SCALARS = {  # every other argument is an array: w, its gradient g, and states
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
    "nesterov": False,
}


def step_builder(states):
    def build(generator, dtype, size, without="", nesterov=False):
        values = {**SCALARS, "nesterov": nesterov}
        values |= {name: np.array(generator.normal(size=size), dtype) for name in "wg"}
        for name in states:  # positive, and no variance less than its mean squared
            values[name] = np.array(generator.uniform(0.25, 0.5, size), dtype)
        return {**values, without: None}

    return build


def is_accepted(case):
    try:
        COMPILED["plain"][case.kernel](**case.arguments(np.float64), threads=1)
    except (TypeError, ValueError):
        return False
    return True


for kernel in [name for name in COMPILED["plain"] if name.endswith("_step") and name in TWINS]:
    names = SIGNATURES[kernel].parameters.keys()
    states = sorted(names - SCALARS.keys() - {"w", "g", "threads"})
    build = step_builder(states)
    demands = {"build": build, "inout": ("w", *states)}
    add_cases(kernel, rows=[*LENGTHS, ((3, 1, 5),), ((),)], **demands)
    if "nesterov" in names:
        add_cases(kernel, rows=[(5, "", True)], **demands)
    # A rule that can do without a state accepts None for it.
    for state in states:
        others = tuple(name for name in states if name != state)
        case = Case(kernel, build, sizes=(5, state), inout=("w", *others))
        CASES.extend([case] * is_accepted(case))


# --- what the tests see --------------------------------------------------------------------------


def pytest_generate_tests(metafunc):
    names = metafunc.fixturenames
    if "kernel" in names and "case" in names:
        pairs = [
            (kernel, case) for case in CASES for kernel in KERNELS if kernel.name == case.kernel
        ]
        ids = [f"{kernel.implementation}-{case}" for kernel, case in pairs]
        metafunc.parametrize(("kernel", "case"), pairs, ids=ids)
    elif "kernel" in names and "first_case" in names:
        firsts = {case.kernel: case for case in reversed(CASES)}
        pairs = [(kernel, firsts[kernel.name]) for kernel in REFUSING if kernel.name in firsts]
        metafunc.parametrize(
            ("kernel", "first_case"), pairs, ids=[str(kernel) for kernel, _ in pairs]
        )
    elif "kernel" in names:
        metafunc.parametrize("kernel", KERNELS, ids=str)
    elif "winograd_case" in names:
        rows = [
            functools.partial(convolution, np.random.default_rng(0), "f8", *r) for r in WINOGRAD
        ]
        metafunc.parametrize("winograd_case", rows, ids=map(str, WINOGRAD))
    elif "case" in names:
        metafunc.parametrize("case", CASES, ids=str)


@pytest.fixture(scope="session")
def oracle():
    """``oracle(case, dtype)`` is ``case.expected(dtype)``, computed once for all kernels."""
    return functools.cache(Case.expected)


@pytest.fixture(scope="session")
def implementations():
    return COMPILED


@pytest.fixture(scope="session")
def twins():
    return TWINS


@pytest.fixture(scope="session")
def cases():
    return CASES


LOOPS = FAST or COMPILED  # plain has no loops of its own


@pytest.fixture(scope="session", params=LOOPS)
def compiled(request):
    """The kernels at each instruction set in turn, for tests of the loops."""
    return SimpleNamespace(**COMPILED[request.param])


@pytest.fixture(scope="session", params=["reference", *LOOPS])
def kernels(request):
    """The same, and their twins, for tests of what a kernel means."""
    return SimpleNamespace(**COMPILED.get(request.param, TWINS))
