"""Operations that rearrange values: NumPy's rules of indexing and shapes, errors with shapes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices, integer_array_indices
from numpy.testing import assert_array_equal

from minigrad import Tensor, ops
from minigrad.testing import check_gradients

examples = settings(deadline=None, derandomize=True, max_examples=80)
SHAPES = array_shapes(min_dims=1, max_dims=4, max_side=4)


def numbered(shape):
    return np.arange(1.0, math.prod(shape) + 1).reshape(shape)


def leaf(*values):
    return Tensor(np.array(values, "float64"), requires_grad=True)


# --- getitem -------------------------------------------------------------------------------------


def masks(shape):
    size = math.prod(shape)
    return st.lists(st.booleans(), min_size=size, max_size=size).map(
        lambda flags: np.array(flags).reshape(shape)
    )


@examples
@given(data=st.data(), shape=SHAPES)
def test_getitem_takes_every_index_of_numpy(data, shape):
    index = data.draw(
        basic_indices(shape, allow_newaxis=True)
        | integer_array_indices(shape, result_shape=array_shapes(max_dims=2, max_side=5))
        | masks(shape)
        | masks(shape[:1])
    )
    x = numbered(shape)
    assert_array_equal(Tensor(x)[index].data, x[index])
    check_gradients(lambda t: t[index], x)


def test_an_element_taken_several_times_gets_every_gradient():
    x = leaf(1.0, 2.0, 3.0)
    x[[0, 2, 0, 0]].backward([1.0, 10.0, 100.0, 1000.0])
    assert_array_equal(x.grad, [1101, 0, 10])
    x = Tensor(numbered((2, 3)), requires_grad=True)
    x[np.array([[1, 1], [0, 1]]), -1].backward([[1.0, 10.0], [100.0, 1000.0]])
    assert_array_equal(x.grad, [[0, 0, 100], [0, 0, 1011]])


def test_a_mask_takes_only_what_is_true():
    x = leaf(1.0, -2.0, 3.0)
    x[x > 0].sum().backward()
    assert_array_equal(x.grad, [1, 0, 1])


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (3, "index 3 is out of bounds for axis 0 with size 2"),
        ([0, 5], "index 5 is out of bounds"),
        ((0, 0, 0), "too many indices"),
        (1.5, "only integers, slices"),
        ("row", "only integers, slices"),
        (np.array([True, False, True]), "boolean index did not match"),
    ],
)
def test_indices_that_do_not_exist_are_refused(index, message):
    with pytest.raises(IndexError, match=message) as caught:
        Tensor(np.ones((2, 3)))[index]
    assert "given shapes (2, 3)" in caught.value.__notes__[0]


# --- reshape, transpose, squeeze, expand_dims, broadcast_to --------------------------------------


@examples
@given(data=st.data(), shape=SHAPES)
def test_transpose_takes_axes_in_any_form(data, shape):
    axes = data.draw(st.permutations(range(len(shape))))
    axes = [axis - data.draw(st.sampled_from([0, len(shape)])) for axis in axes]
    x = numbered(shape)
    expected = x.transpose(axes)
    forms = [axes, tuple(axes), np.array(axes)]
    for y in [*(ops.transpose(x, form) for form in forms), Tensor(x).transpose(*axes)]:
        assert_array_equal(y.data, expected)
    check_gradients(lambda t: t.transpose(*axes), x)


def test_transpose_without_axes_reverses_them():
    x = Tensor(numbered((2, 3, 4)))
    for y in (x.T, x.transpose(), x.transpose(None), x.transpose(())):
        assert_array_equal(y.data, x.data.T)
    assert Tensor(1.0).T.shape == ()


@pytest.mark.parametrize("axes", [(0, 2), (0, -3), (0,), (0, 1, 2), (1, 1)])
def test_transpose_refuses_axes_that_are_no_permutation(axes):
    with pytest.raises(ValueError, match=r"axis|axes"):
        ops.transpose(np.ones((2, 3)), axes)


def test_transpose_of_a_scalar_has_no_axes():
    with pytest.raises(ValueError, match="axes don't match array"):
        ops.transpose(1.0, 0)


def test_reshape_takes_ints_or_one_tuple():
    x = leaf(*range(6))
    for y in (x.reshape(2, 3), x.reshape((2, 3)), x.reshape([2, -1]), ops.reshape(x, 2, 3)):
        assert y.shape == (2, 3)
    assert x.reshape(-1).shape == x.reshape(6).shape == (6,)
    assert x[:1].reshape(()).shape == x[:1].reshape().shape == ()


@pytest.mark.parametrize("shape", [(4,), (2, 2), (-1, 4), (-1, -1), ()])
def test_reshape_to_another_size_is_refused(shape):
    with pytest.raises(ValueError, match=r"reshape|unknown") as caught:
        ops.reshape(np.ones((2, 3)), shape)
    assert "in Reshape, given shapes (2, 3)" in caught.value.__notes__


def test_reshape_of_a_transposed_tensor_has_the_right_gradient():
    check_gradients(lambda t: t.T.reshape(2, 6) * numbered((2, 6)), numbered((4, 3)))


def test_squeeze_and_expand_dims_refuse_wrong_axes():
    x = np.ones((2, 1))
    with pytest.raises(ValueError, match="cannot select an axis to squeeze out"):
        ops.squeeze(x, 0)
    for function in (ops.squeeze, ops.expand_dims):
        with pytest.raises(ValueError, match="axis 5 is out of bounds"):
            function(x, 5)


@examples
@given(data=st.data(), shape=SHAPES)
def test_broadcast_to_stretches_axes_of_length_1(data, shape):
    small = tuple(n if data.draw(st.booleans()) else 1 for n in shape)
    small = small[data.draw(st.integers(0, sum(n == 1 for n in small[:1]))) :]
    x = numbered(small)
    assert_array_equal(ops.broadcast_to(x, shape).data, np.broadcast_to(x, shape))
    check_gradients(lambda t: ops.broadcast_to(t, shape), x)


@pytest.mark.parametrize("shape", [(3,), (2, 4), (3, 2), ()])
def test_broadcast_to_a_shape_that_does_not_fit_names_both(shape):
    with pytest.raises(ValueError, match=r"expected a shape that \(2, 3\) stretches to, got"):
        ops.broadcast_to(np.ones((2, 3)), shape)


# --- concatenate, stack, pad ---------------------------------------------------------------------


@examples
@given(data=st.data(), shape=SHAPES, count=st.integers(1, 4))
def test_concatenate_joins_along_any_axis(data, shape, count):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    lengths = data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    arrays = []
    for length in lengths:
        sizes = list(shape)
        sizes[axis] = length
        arrays.append(numbered(sizes) + 100 * len(arrays))
    assert_array_equal(ops.concatenate(arrays, axis).data, np.concatenate(arrays, axis))
    check_gradients(lambda *ts: ops.concatenate(ts, axis), *arrays)


@examples
@given(data=st.data(), shape=array_shapes(min_dims=0, max_dims=3), count=st.integers(1, 4))
def test_stack_joins_along_a_new_axis(data, shape, count):
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    arrays = [numbered(shape) + 100 * i for i in range(count)]
    assert_array_equal(ops.stack(arrays, axis).data, np.stack(arrays, axis))
    check_gradients(lambda *ts: ops.stack(ts, axis), *arrays)


def test_joining_takes_tensors_arrays_and_numbers_in_one_list():
    x = leaf(1.0, 2.0)
    joined = ops.concatenate([x, np.array([3.0]), [4.0], x])
    joined.sum().backward()
    assert_array_equal(joined.data, [1, 2, 3, 4, 1, 2])
    assert_array_equal(x.grad, [2, 2])
    stacked = ops.stack([x[0], 0.1, np.float64(5.0)])
    assert_array_equal(stacked.data, [1, 0.1, 5])  # 0.1 is not rounded to float32
    assert_array_equal(ops.concatenate(Tensor(numbered((2, 3)))).data, [1, 2, 3, 4, 5, 6])


def test_joining_mixed_types_widens_and_returns_gradients_in_each_type():
    x, y = Tensor(np.ones(2, "float32"), requires_grad=True), leaf(1.0, 2.0)
    for function in (ops.concatenate, ops.stack):
        x.grad = y.grad = None
        joined = function([x, y])
        assert joined.dtype == np.float64
        joined.sum().backward()
        assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)


def test_joining_nothing_or_what_does_not_fit_is_refused():
    for function, name in ((ops.concatenate, "concatenate"), (ops.stack, "stack")):
        with pytest.raises(ValueError, match=f"{name}: expected at least one tensor, got an empty"):
            function([])
        with pytest.raises(ValueError, match="axis 3 is out of bounds"):
            function([np.ones((2, 3))], axis=3)
    with pytest.raises(ValueError, match="must match exactly") as caught:
        ops.concatenate([np.ones((2, 3)), np.ones((3, 2))])
    assert "in Concatenate, given shapes (2, 3), (3, 2)" in caught.value.__notes__
    with pytest.raises(ValueError, match="must have the same shape"):
        ops.stack([np.ones((2, 3)), np.ones((3, 2))])
    with pytest.raises(ValueError, match="zero-dimensional arrays cannot be concatenated"):
        ops.concatenate([1.0, 2.0])


@examples
@given(data=st.data(), shape=array_shapes(min_dims=1, max_dims=3, max_side=3))
def test_pad_surrounds_each_axis(data, shape):
    pairs = st.tuples(st.integers(0, 3), st.integers(0, 3))
    width = data.draw(
        st.integers(0, 2) | pairs | st.lists(pairs, min_size=len(shape), max_size=len(shape))
    )
    x = numbered(shape)
    expected = np.pad(x, width, constant_values=-1.5)
    assert_array_equal(ops.pad(x, width, constant_values=-1.5).data, expected)
    check_gradients(lambda t: ops.pad(t, width, constant_values=-1.5), x)


@pytest.mark.parametrize("width", [-1, 1.5, (1, -1), (1, 2, 3), ((1, 1),) * 3, "same", [[1], [2]]])
def test_pad_refuses_wrong_widths(width):
    with pytest.raises(ValueError, match="pad: expected pad_width to be an int from 0, a pair"):
        ops.pad(np.ones((2, 4)), width)


def test_views_share_memory_and_copies_do_not():
    x = Tensor(numbered((3, 4)))
    for view in (x[1:], x[0], x[:, None], x.T, x.reshape(4, 3), ops.broadcast_to(x, (2, 3, 4))):
        assert np.shares_memory(view.data, x.data)
    for copy in (x[[0, 1]], x[x > 3], ops.concatenate([x, x]), ops.stack([x, x]), ops.pad(x, 1)):
        assert not np.shares_memory(copy.data, x.data)
