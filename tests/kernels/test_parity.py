"""Every compiled kernel against its NumPy twin, and what all kernels promise."""

import inspect
import itertools

import numpy as np
import pytest

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def arrays_of(arguments):
    return {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}


def copies_of(arguments):
    return {name: value.copy() for name, value in arrays_of(arguments).items()}


def assert_same_bits(actual, expected):
    for name, array in expected.items():
        assert actual[name].tobytes() == array.tobytes(), name


def test_kernel_has_a_twin_of_the_same_signature(kernel, compiled, twins):
    assert kernel in twins, f"write {kernel} in kernels/reference.py"
    signatures = inspect.signature(compiled[kernel]), inspect.signature(twins[kernel])
    names = [list(signature.parameters) for signature in signatures]
    assert names[0] == names[1]
    assert names[0][-1] == "threads"


def test_kernel_has_a_case(kernel, cases):
    assert any(case.kernel == kernel for case in cases), f"add cases for {kernel} to conftest.py"


def test_twins_all_have_a_kernel(compiled, twins):
    assert twins.keys() == compiled.keys()


@DTYPES
def test_kernel_computes_what_its_twin_does(case, dtype, compiled, twins):
    actual, expected = case.arguments(dtype), case.arguments(dtype)
    assert compiled[case.kernel](**actual, threads=1) is None
    with np.errstate(invalid="ignore"):  # of infinities, which some cases have
        twins[case.kernel](**expected, threads=1)
    for name in case.writes:
        if actual[name].dtype != dtype:
            np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)
            continue
        finite = expected[name][np.isfinite(expected[name])]
        tolerance = 32 * np.finfo(dtype).eps
        np.testing.assert_allclose(
            actual[name],
            expected[name],
            rtol=tolerance,
            atol=tolerance * np.abs(finite).max(initial=0),
            err_msg=name,
        )


@DTYPES
def test_kernel_leaves_its_inputs_alone(case, dtype, compiled):
    arguments = case.arguments(dtype)
    before = copies_of(arguments)
    for array in arrays_of(arguments).values():
        array.flags.writeable = True  # so that nothing but the kernel's own discipline protects it
    compiled[case.kernel](**arguments, threads=1)
    read = {name: array for name, array in before.items() if name not in case.writes}
    assert_same_bits(arguments, read)


@DTYPES
def test_kernel_gives_the_same_bits_on_any_number_of_threads(case, dtype, compiled):
    serial = case.arguments(dtype)
    compiled[case.kernel](**serial, threads=1)
    for threads in (2, 3):
        arguments = case.arguments(dtype)
        compiled[case.kernel](**arguments, threads=threads)
        assert_same_bits(arguments, {name: serial[name] for name in case.writes})


def assert_refused(kernel, arguments, writes, error=ValueError):
    before = copies_of(arguments)
    with pytest.raises(error):
        kernel(**arguments, threads=1)
    assert_same_bits(arguments, {name: before[name] for name in writes})


def test_kernel_refuses_arrays_that_are_not_contiguous(first_case, compiled):
    for name, array in arrays_of(first_case.arguments("float32")).items():
        if name not in first_case.strided:
            arguments = first_case.arguments("float32")
            arguments[name] = np.repeat(array, 2, axis=-1)[..., ::2]
            assert_refused(compiled[first_case.kernel], arguments, first_case.writes)


def test_kernel_refuses_lengths_that_do_not_fit(first_case, compiled):
    for name, array in arrays_of(first_case.arguments("float32")).items():
        axes = [axis for axis in range(array.ndim) if (name, axis) not in first_case.free]
        for axis, change in itertools.product(axes, (-1, 1)):
            arguments = first_case.arguments("float32")
            length = array.shape[axis] + change
            arguments[name] = np.take(array, range(length), axis=axis, mode="wrap")
            assert_refused(compiled[first_case.kernel], arguments, first_case.writes)


def test_kernel_refuses_another_number_of_axes(first_case, compiled):
    for name, array in arrays_of(first_case.arguments("float32")).items():
        for other in (array[np.newaxis], array[..., 0]):
            arguments = first_case.arguments("float32") | {name: other}
            error = (TypeError, ValueError)
            assert_refused(compiled[first_case.kernel], arguments, first_case.writes, error)


def test_kernel_refuses_integers(first_case, compiled):
    arguments = first_case.arguments("float32")
    floats = {name: a for name, a in arrays_of(arguments).items() if a.dtype == np.float32}
    arguments |= {name: np.ones(array.shape, np.int32) for name, array in floats.items()}
    error = (TypeError, ValueError)
    assert_refused(compiled[first_case.kernel], arguments, first_case.writes, error)


def test_kernel_refuses_mixed_types(first_case, compiled):
    for name, array in arrays_of(first_case.arguments("float32")).items():
        arguments = first_case.arguments("float32")
        arguments[name] = array.astype(np.float64)
        error = (TypeError, ValueError)
        assert_refused(compiled[first_case.kernel], arguments, first_case.writes, error)


def test_kernel_refuses_to_write_into_locked_arrays(first_case, compiled):
    for name in first_case.writes:
        arguments = first_case.arguments("float32")
        arguments[name].flags.writeable = False
        assert_refused(compiled[first_case.kernel], arguments, first_case.writes)
