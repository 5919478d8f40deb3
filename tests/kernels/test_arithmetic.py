"""The kernel for small arrays: NumPy's values in an array of its own, or None."""

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
        assert compiled["small_arithmetic"]("mul", one, other) is None
        assert compiled["small_arithmetic"]("mul", other, one) is None
    assert compiled["small_arithmetic"]("div", x, x) is None  # NumPy warns of a division by zero
