"""Every implementation of every kernel against its NumPy twin, and what all kernels promise.

An implementation is the compiled kernel at one instruction set, or plain Cython; the twin computes
in float64, with arithmetic of its own.
"""

import inspect
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minigrad import kernels
from minigrad.distribution import tree
from minigrad.kernels import reference

LEVELS = kernels.levels()
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def arrays_of(arguments):
    return {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}


def copies_of(arguments):
    return {name: value.copy() for name, value in arrays_of(arguments).items()}


def assert_same_bits(actual, expected):
    for name, array in expected.items():
        assert actual[name].tobytes() == array.tobytes(), name


def test_kernel_has_a_twin_of_the_same_signature(kernel, twins):
    assert kernel.name in twins, f"write {kernel.name} in kernels/reference.py"
    # Up to Cython 3.1, what chooses between float and double has a signature of its own.
    typed = getattr(kernel.function, "__signatures__", {"": kernel.function})
    names = list(inspect.signature(next(iter(typed.values()))).parameters)
    assert names == list(inspect.signature(twins[kernel.name]).parameters)
    assert names[-1] == "threads" or names[-2] == "threads"  # and what has a default


def test_kernel_has_a_case(kernel, cases):
    assert any(case.kernel == kernel.name for case in cases), f"add cases of {kernel.name}"


def test_twins_all_have_a_kernel(twins, implementations):
    fused = {"conv2d_pool_forward", "conv2d_pool_backward_kernel"}  # these are fast, never plain
    only_plain = list(implementations) == ["plain"]
    compiled = set().union(*implementations.values())
    compiled = compiled - {"conv2d_pool_has_same_bits"}  # a question about the fast ones
    assert twins.keys() == compiled | (fused if only_plain else set())


def test_every_source_file_is_loaded(implementations):
    used = {id(f) for functions in implementations.values() for f in functions.values()}
    loaded = {
        name
        for name, module in sys.modules.items()
        if name.startswith("minigrad.kernels.")
        if not used.isdisjoint(map(id, vars(module).values()))
    }
    for folder in ("loops", "products"):
        for path in Path(kernels.__file__).parent.joinpath(folder).glob("*.pyx"):
            if path.stem in ("gemm", "conv") and list(implementations) == ["plain"]:
                continue  # C with vector extensions, which this build does without
            name = f"minigrad.kernels.{folder}.{path.stem}"
            assert any(module in (name, f"{name}_{level}") for module in loaded for level in LEVELS)


def assert_close(actual, expected, dtype):
    """Compare what a kernel wrote with the oracle, within 32 roundings of the largest number."""
    tolerance = 32 * np.finfo(dtype).eps
    for name, exact in expected.items():
        if exact.dtype.kind != "f":
            np.testing.assert_array_equal(actual[name], exact, err_msg=name)
            continue
        largest = np.abs(exact[np.isfinite(exact)]).max(initial=0)
        np.testing.assert_allclose(
            actual[name], exact, rtol=tolerance, atol=tolerance * largest, err_msg=name
        )


@DTYPES
def test_kernel_agrees_with_its_twin_in_float64(kernel, case, dtype, oracle):
    arguments = case.arguments(dtype)
    assert kernel(**arguments, threads=1) is None
    assert_close(arguments, oracle(case, dtype), dtype)


def test_twin_in_float32_agrees_with_itself_in_float64(case, twins, oracle):
    arguments = case.arguments("float32")
    with np.errstate(invalid="ignore"):  # some cases have infinities
        assert twins[case.kernel](**arguments, threads=1) is None
    assert_close(arguments, oracle(case, "float32"), "float32")


def part_of(kernel, given, begin, end):
    """The arguments without cuts, with some of the samples over which the kernel adds up."""
    part = given | {name: np.empty_like(given[name]) for name in ("y", "gw", "gb") if name in given}
    if kernel == "matmul":
        some = {"a": given["a"][:, begin:end], "b": given["b"][begin:end]}
    else:
        some = {name: given[name][begin:end] for name in ("x", "gy", "argmax") if name in given}
    return part | some | {"cuts": None}


@DTYPES
def test_cut_sums_have_the_bits_of_a_call_for_each_shard(implementations, cases, dtype):
    problems = [(case, case.arguments(dtype)) for case in cases]
    problems = [(case, given) for case, given in problems if given.get("cuts")]
    assert {case.kernel for case, _ in problems} == set(SUMS) and len(problems) == 31
    for (name, functions), (case, given) in itertools.product(implementations.items(), problems):
        if case.kernel not in functions:
            continue  # fused, and never plain
        kernel, cuts, sums = functions[case.kernel], given["cuts"], SUMS[case.kernel]
        kernel(**given, threads=2)

        def call(shard, given=given, case=case, kernel=kernel, sums=sums):
            begin, end = given["cuts"][shard : shard + 2]
            part = part_of(case.kernel, given, begin, end)
            kernel(**part, threads=1)
            return np.concatenate([part[name].ravel() for name in sums]) if end > begin else None

        expected = tree.add_made(call, 0, len(cuts) - 1)
        found = np.concatenate([given[name].ravel() for name in sums])
        expected = np.zeros_like(found) if expected is None else expected
        assert found.tobytes() == expected.tobytes(), (name, case)


SUMS = {
    "matmul": ["y"], "conv2d_backward_kernel": ["gw"], "conv2d_backward_bias": ["gb"],
    "conv2d_pool_backward_kernel": ["gw", "gb"],
}  # fmt: skip


@pytest.mark.parametrize("cuts", [(0,), (0, 3), (1, 2, 4), (0, 5, 4), (0, 1, 2, 4), (0, -1, 4)])
def test_cuts_that_do_not_fit_are_refused(implementations, twins, cuts):
    a, b, y = np.ones((2, 4)), np.ones((4, 3)), np.empty((2, 3))
    x, gy, gw = np.ones((4, 3, 3, 1)), np.ones((4, 2, 2, 3)), np.empty((2, 2, 1, 3))
    geometry = (1, 1, 0, 0, 1, 1, 1)
    for functions in [*implementations.values(), twins]:
        with pytest.raises(ValueError, match=r"matmul: expected cuts .*rise from 0 to 4"):
            functions["matmul"](a, b, None, False, y, 1, cuts)
        with pytest.raises(ValueError, match="without bias and relu"):
            functions["matmul"](a, b, None, True, y, 1, (0, 2, 4))
        with pytest.raises(ValueError, match=r"conv2d_backward_kernel: expected cuts .* to 4"):
            functions["conv2d_backward_kernel"](x, gy, gw, geometry, 1, cuts)
        with pytest.raises(ValueError, match=r"conv2d_backward_bias: expected cuts .* to 4"):
            functions["conv2d_backward_bias"](gy, np.empty(3), 1, cuts)


@DTYPES
def test_kernel_leaves_its_inputs_alone(kernel, case, dtype):
    arguments = case.arguments(dtype)
    before = copies_of(arguments)
    for array in arrays_of(arguments).values():
        array.flags.writeable = True  # so that nothing but the kernel's own discipline protects it
    kernel(**arguments, threads=1)
    read = {name: array for name, array in before.items() if name not in case.writes}
    assert_same_bits(arguments, read)


@DTYPES
def test_kernel_gives_the_same_bits_on_any_number_of_threads(kernel, case, dtype):
    serial = case.arguments(dtype)
    kernel(**serial, threads=1)
    for threads in (2, 3):
        arguments = case.arguments(dtype)
        kernel(**arguments, threads=threads)
        assert_same_bits(arguments, {name: serial[name] for name in case.writes})


def assert_refused(kernel, arguments, writes, error=ValueError, match=None):
    before = copies_of(arguments)
    with pytest.raises(error, match=match):
        kernel(**arguments, threads=1)
    assert_same_bits(arguments, {name: before[name] for name in writes})


def test_kernel_refuses_arrays_that_are_not_contiguous(kernel, first_case):
    for name, array in arrays_of(first_case.arguments("float32")).items():
        if name not in first_case.strided:
            arguments = first_case.arguments("float32")
            arguments[name] = np.repeat(array, 2, axis=-1)[..., ::2]
            assert_refused(kernel, arguments, first_case.writes)


def test_kernel_refuses_lengths_that_do_not_fit(kernel, first_case):
    for name, array in arrays_of(first_case.arguments("float32")).items():
        axes = [axis for axis in range(array.ndim) if (name, axis) not in first_case.free]
        for axis, change in itertools.product(axes, (-1, 1)):
            arguments = first_case.arguments("float32")
            length = array.shape[axis] + change
            arguments[name] = np.take(array, range(length), axis=axis, mode="wrap")
            assert_refused(kernel, arguments, first_case.writes, match="expected")


def test_kernel_refuses_another_number_of_axes(kernel, first_case):
    for name, array in arrays_of(first_case.arguments("float32")).items():
        for other in (array[np.newaxis], array[..., 0]):
            arguments = first_case.arguments("float32") | {name: other}
            error = (TypeError, ValueError)
            assert_refused(kernel, arguments, first_case.writes, error)


def test_kernel_refuses_integers(kernel, first_case):
    arguments = first_case.arguments("float32")
    floats = {name: a for name, a in arrays_of(arguments).items() if a.dtype == np.float32}
    arguments |= {name: np.ones(array.shape, np.int32) for name, array in floats.items()}
    error = (TypeError, ValueError)
    assert_refused(kernel, arguments, first_case.writes, error)


def test_kernel_refuses_mixed_types(kernel, first_case):
    for name, array in arrays_of(first_case.arguments("float32")).items():
        arguments = first_case.arguments("float32")
        arguments[name] = array.astype(np.float64)
        error = (TypeError, ValueError)
        assert_refused(kernel, arguments, first_case.writes, error)


def test_kernel_refuses_to_write_into_locked_arrays(kernel, first_case):
    for name in first_case.writes:
        arguments = first_case.arguments("float32")
        arguments[name].flags.writeable = False
        assert_refused(kernel, arguments, first_case.writes)


def test_kernel_refuses_geometry_out_of_range(kernel, first_case):
    geometry = first_case.arguments("float32").get("geometry", ())
    paddings = (4, 5) if "pool2d" in kernel.name else (2, 3)  # all else is at least 1
    for place in range(len(geometry)):
        arguments = first_case.arguments("float32")
        smallest = 0 if place in paddings else 1
        wrong = (*geometry[:place], smallest - 1, *geometry[place + 1 :])
        arguments["geometry"] = wrong
        assert_refused(kernel, arguments, first_case.writes, match=f"{kernel.name}: expected")


def test_convolution_refuses_filters_that_do_not_fill_the_groups(kernel, first_case):
    arguments = first_case.arguments("float32")
    if "geometry" in arguments:
        x = "gx" if "gx" in arguments else "x"
        arguments[x] = np.repeat(arguments[x], 2, axis=3)  # two groups of 3 channels, 5 filters
        arguments["geometry"] = (*arguments["geometry"][:-1], 2)
        assert_refused(kernel, arguments, first_case.writes, match=f"{kernel.name}: expected")


@pytest.mark.parametrize("pool", [(0, 2), (2, 0), (-1, -2), (5, 51), (2**32, 2**32)])
def test_fused_pooling_refuses_windows_without_a_place_in_a_byte(kernel, first_case, pool):
    arguments = first_case.arguments("float32")
    if "pool" in arguments:
        arguments["pool"] = pool
        match = f"{kernel.name}: expected a pooling window"
        assert_refused(kernel, arguments, first_case.writes, match=match)


def test_winograds_twins_compute_the_convolution(winograd_case, twins):
    values = winograd_case()
    x, w, gy, geometry = (values[name] for name in ("x", "w", "gy", "geometry"))
    y, gw = np.empty_like(gy), np.empty_like(w)
    twins["conv2d_forward"](x, w, None, False, y, geometry, 1)
    twins["conv2d_backward_kernel"](x, gy, gw, geometry, 1)
    found = np.empty_like(gy), np.empty_like(w)
    reference._winograd_forward(x, w, found[0], geometry)
    reference._winograd_backward_kernel(x, gy, found[1], geometry)
    np.testing.assert_allclose(found[0], y, rtol=0, atol=1e-13 * np.abs(y).max())
    np.testing.assert_allclose(found[1], gw, rtol=0, atol=1e-13 * np.abs(gw).max())


WITHOUT_WINOGRAD = """
import sys
import numpy as np
from minigrad import kernels
x, w, y = (np.load(sys.argv[1])[name] for name in "xwy")
kernels.conv2d_forward(x, w, None, False, y, (1, 1, 1, 1, 1, 1, 1), 1)
np.save(sys.argv[2], y)
"""


@pytest.mark.skipif(kernels.kind != "fast", reason="only the fast kernels have Winograd's way")
def test_winograd_can_be_turned_off(tmp_path):
    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=size).astype("float32") for size in ((2, 8, 8, 16), (3, 3, 16, 16)))
    np.savez(tmp_path / "xwy.npz", x=x, w=w, y=x)
    found = {}
    for switch in ("0", "1", ""):
        arguments = [tmp_path / "xwy.npz", tmp_path / f"y{switch}.npy"]
        environment = os.environ | {"MINIGRAD_WINOGRAD": switch, "MINIGRAD_KERNELS": ""}
        command = [sys.executable, "-c", WITHOUT_WINOGRAD, *arguments]
        subprocess.run(command, check=True, env=environment)
        found[switch] = np.load(arguments[1])
    assert found["1"].tobytes() == found[""].tobytes() != found["0"].tobytes()
    np.testing.assert_allclose(found["1"], found["0"], rtol=0, atol=1e-6 * abs(found["0"]).max())


@pytest.mark.skipif(kernels.kind != "fast", reason="only the fast kernels have Winograd's way")
@pytest.mark.parametrize("value", [np.inf, np.nan, 1e30])
def test_winograds_outputs_that_do_not_see_a_pixel_stay_what_they_are(value):
    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=size).astype("float32") for size in ((2, 9, 8, 16), (3, 3, 16, 17)))
    y = np.empty((2, 9, 8, 17), "float32")
    kernels.conv2d_forward(x, w, None, False, y, (1, 1, 1, 1, 1, 1, 1), 1)
    for row, column in np.ndindex(9, 8):
        changed, again = x.copy(), np.empty_like(y)
        changed[0, row, column, 3] = value
        kernels.conv2d_forward(changed, w, None, False, again, (1, 1, 1, 1, 1, 1, 1), 1)
        seen = np.zeros(y.shape, bool)
        seen[0, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = True
        np.testing.assert_array_equal(again[~seen], y[~seen])
        assert not np.array_equal(again[seen], y[seen])
        assert not np.isfinite(again[seen]).any() or np.isfinite(value)
