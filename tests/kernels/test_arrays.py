"""Arrays at a cache line; and the kernel for small ones: NumPy's values in a new array, or None."""

import os
import pickle
import platform
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

OPERATIONS = {"add": np.add, "sub": np.subtract, "mul": np.multiply}
SHAPES = [((), ()), ((3,), ()), ((), (3,)), ((5, 1, 3), (5, 1, 3)), ((0, 2), (0, 2)), ((0,), ())]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("function", OPERATIONS)
def test_small_arithmetic_gives_the_bits_that_numpy_gives(function, shapes, dtype, kernels):
    generator = np.random.default_rng(0)
    x, y = [np.asarray(generator.normal(size=shape), dtype) for shape in shapes]
    for array in (x, y):
        array.flags.writeable = False
    z = kernels.small_arithmetic(function, x, y)
    assert type(z) is np.ndarray
    assert z.dtype == dtype
    assert z.flags.c_contiguous and z.flags.writeable and z.base is None
    assert_array_equal(z, OPERATIONS[function](x, y), strict=True)


def test_small_arithmetic_leaves_other_arrays_to_numpy(compiled):
    x, records = np.ones((2, 3)), np.zeros(3, dtype=[("tag", "i1"), ("value", "f8")])
    pairs = [
        (x, np.ones(3)),
        (x, np.ones((3, 2))),
        (x, np.ones((2, 3), "float32")),
        (x, np.ones((3, 2)).T),
        (x[:, ::2], x[:, ::2]),
        (x.astype(">f8"), x.astype(">f8")),
        (x.astype("float16"), x.astype("float16")),
        (x.astype(int), x.astype(int)),
        (records["value"], np.ones(3)),
        (x, 2.0),
        (np.float64(2), x),
        (x.view(np.matrix), x),
        (np.ones(512), np.ones(512)),
    ]
    for one, other in pairs:
        assert compiled.small_arithmetic("mul", one, other) is None
        assert compiled.small_arithmetic("mul", other, one) is None
    assert compiled.small_arithmetic("div", x, x) is None  # NumPy warns of a division by zero


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2047,), (2049, 3), (40, 7, 301)], ids=str)
def test_empty_is_an_ordinary_array(shape, dtype, kernels):
    x = kernels.empty(shape, np.dtype(dtype))
    assert x.shape == shape and x.dtype == dtype and x.base is None
    assert x.flags.carray and x.flags.owndata
    x[...] = 3
    assert_array_equal(pickle.loads(pickle.dumps(x)), x)
    assert_array_equal(x.copy(), np.full(shape, 3, dtype), strict=True)


def test_empty_begins_large_arrays_at_a_cache_line(compiled):
    arrays = [compiled.empty((size,), np.dtype("float32")) for size in range(2048, 9000, 331)]
    assert {array.ctypes.data % 64 for array in arrays} == {0}


def test_empty_begins_arrays_of_whole_pages_at_different_places_of_a_page(compiled):
    arrays = [compiled.empty((8192,), np.dtype("float32")) for _ in range(64)]
    assert {array.ctypes.data % 4096 for array in arrays} == set(range(0, 4096, 64))


@pytest.mark.parametrize("shape", [(), (0,), (3, 5), (90, 110)], ids=str)
def test_aligned_copies(shape, kernels):
    x = np.random.default_rng(0).normal(size=shape[::-1]).T
    assert_array_equal(kernels.aligned(x), x, strict=True)
    assert kernels.aligned(x).flags.carray and not np.may_share_memory(kernels.aligned(x), x)


def test_empty_leaves_other_arrays_to_numpy(compiled):
    before = np._core.multiarray.get_handler_name()
    x = compiled.empty((9999,), np.dtype("float64"))
    assert np._core.multiarray.get_handler_name(x) != before
    assert np._core.multiarray.get_handler_name() == before
    with pytest.raises(ValueError, match="negative"):
        compiled.empty((-5, -9999), np.dtype("float64"))
    assert np._core.multiarray.get_handler_name() == before


def test_empty_keeps_its_values_when_numpy_moves_it(compiled):
    for size in range(3000, 60_000, 1717):
        x = compiled.empty((size,), np.dtype("float32"))
        x[...] = np.arange(size)
        x.resize(3 * size, refcheck=False)
        assert_array_equal(x[:size], np.arange(size))
        x.resize(size // 2, refcheck=False)
        assert_array_equal(x, np.arange(size // 2))


FREED = """
import sys, numpy, minigrad
from minigrad import Parameter, layers, models, optimizers

if "compute" in sys.argv:
    minigrad.kernels.aligned(numpy.ones(1 << 12))

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

arrays = [numpy.ones(1 << 20) for _ in range(20)]  # 8 MB each
full = resident()
del arrays
print((full - resident()) >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this is about glibc's allocator")
@pytest.mark.parametrize(
    ("keep", "action", "returned"),
    [
        ("1", "compute", range(80)),
        ("0", "compute", range(81, 170)),
        ("1", "import", range(81, 170)),
    ],
)
def test_allocator_keeps_freed_memory_once_kernels_run(keep, action, returned):
    environment = os.environ | {"MINIGRAD_KEEP_MEMORY": keep, "MINIGRAD_KERNELS": "plain"}
    command = [sys.executable, "-c", FREED, action]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) in returned  # megabytes of 160


def test_kernels_name_integers_by_their_bits():
    """NumPy's int32 is C's long in Windows and browsers, and its int64 C's long in Linux."""
    folder = Path(__file__).parents[2] / "minigrad" / "kernels"
    sources = [*folder.rglob("*.pyx"), *folder.rglob("*.pxd")]
    if not sources:
        pytest.skip("the source is not here")
    names = {name for path in sources for name in re.findall(r"NPY_U?INT\w*", path.read_text())}
    names |= {name for path in sources for name in re.findall(r"NPY_U?LONG\w*", path.read_text())}
    assert names == {"NPY_INT32", "NPY_INT64", "NPY_UINT8"}
