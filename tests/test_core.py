"""The engine: tensors from data, the graph, backward, memory, and changes in place."""

import copy
import gc
import operator
import pickle
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided
from numpy.testing import assert_allclose, assert_array_equal

from minigrad import Function, Parameter, Tensor, is_grad_enabled, losses, no_grad, ops
from minigrad.core import as_array, as_tensor, defer, is_trial, trial


def leaf(*values, dtype="float64", name=None):
    return Tensor(np.array(values, dtype), requires_grad=True, name=name)


@pytest.fixture
def without_collector():
    """Memory freed in the test is freed by reference counting alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# --- tensors from data ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_arrays_keep_their_type_and_are_not_copied(dtype):
    array = np.arange(6, dtype=dtype).reshape(2, 3)
    for given_array in (array, array.T, array[::-1], array[0, 0:0]):
        assert Tensor(given_array).data is given_array


@pytest.mark.parametrize(
    "dtype", [bool, "int8", "uint8", "int16", "uint16", int, "uint32", "int64", "uint64", "float16"]
)
def test_other_real_arrays_become_float32(dtype):
    tensor = Tensor(np.array([0, 1, 100]).astype(dtype))
    assert tensor.dtype == np.float32
    assert_array_equal(tensor.data, [0, 1, 1 if dtype is bool else 100])


def test_other_byte_orders_become_the_machines():
    for dtype in (">f4", "<f4", ">f8", "<f8", ">i4"):
        tensor = Tensor(np.array([1.0, 2.0], dtype))
        assert tensor.dtype.isnative
        assert_array_equal(tensor.data, [1, 2])


@pytest.mark.parametrize("value", [3, 2.5, True, [1, 2], (1.5, 2), [[1], [2]], [], range(3)])
def test_python_values_become_float32(value):
    tensor = Tensor(value)
    assert tensor.dtype == np.float32
    assert_array_equal(tensor.data, np.array(value))
    assert Tensor(value, dtype="float64").dtype == np.float64


def test_numpy_scalars_keep_their_type():
    assert Tensor(np.float64(0.1)).dtype == np.float64
    assert Tensor(np.float32(0.1)).dtype == np.float32
    assert Tensor(np.int64(3)).dtype == np.float32


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float64"), float])
def test_dtype_is_what_was_asked_for(dtype):
    assert Tensor([1, 2], dtype=dtype).dtype == np.dtype(dtype)
    assert Tensor(np.ones(2, "float64"), dtype=dtype).dtype == np.dtype(dtype)


@pytest.mark.parametrize("dtype", ["int32", "float16", int, complex, "nonsense", True, ">f4"])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(TypeError, match="expected dtype float32 or float64, got"):
        Tensor([1.0], dtype=dtype)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1j, "complex128"),
        ("text", "<U4"),
        (None, "object .NoneType."),
        ([1, None], "object .list."),
        ({"a": 1}, "object .dict."),
        (np.array(["2020-01-01"], "datetime64[D]"), "datetime64"),
        (10**30, "object .int."),
    ],
)
def test_values_that_are_no_real_numbers_are_refused(value, found):
    with pytest.raises(TypeError, match=f"Tensor: expected real numbers, got {found}"):
        Tensor(value)


def test_lists_of_tensors_are_refused_at_any_depth():
    t = leaf(1.0)
    for value in ([t, t], [1.0, t], (t,), [[t], [t]]):
        with pytest.raises(TypeError, match=r"got a list of tensors; write ops.stack"):
            Tensor(value)


def test_ragged_lists_are_refused():
    with pytest.raises(ValueError, match="expected an array of one shape"):
        Tensor([[1, 2], [3]])


@pytest.mark.parametrize("value", [2**24, -(2**24), 2**30, 2**62, -(2**63), 2**63])
def test_large_integers_that_fit_are_taken(value):
    assert int(Tensor(value)) == value


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (2**24 + 1, "float32"),
        (-(2**24) - 1, "float32"),
        (2**53 + 1, "float32"),
        (2**53 + 1, "float64"),
        (2**63 - 1, "float64"),  # rounds up to 2**63, which int64 cannot hold
        (-(2**63) + 1, "float64"),
        (2**64 - 1, "float64"),
    ],
)
def test_integers_that_the_type_would_round_are_refused(value, dtype):
    with pytest.raises(ValueError, match=f"that {dtype} holds exactly, got {value}"):
        Tensor(np.array(value), dtype=dtype)


def test_unaligned_arrays_are_copied_before_a_kernel_reads_them():
    records = np.zeros(4, dtype=[("tag", "i1"), ("value", "f4")])
    records["value"] = [1, 2, 3, 4]
    product = ops.matmul(np.ones((1, 4), "float32"), records["value"][:, None])
    assert product.item() == 10


def test_as_tensor_lets_python_numbers_take_the_type_of_the_other_operand():
    for dtype in ("float32", "float64"):
        like = Tensor(np.ones(2, dtype))
        for value in (2, 0.1, True, np.float64(0.1), np.float32(2), np.int64(3), [1, 2], [0.1]):
            assert as_tensor(value, like).dtype == dtype
        assert as_tensor(np.ones(2, "float16"), like).dtype == dtype
        assert as_tensor(like, like) is like
        assert as_tensor(np.ones(2, "float64"), like).dtype == np.float64
    assert as_tensor(0.1, like).item() == 0.1  # not rounded to float32 on the way


def test_python_numbers_beside_float64_arrays_are_not_rounded():
    assert ops.add(np.ones(1), 0.1).data[0] == 1.1
    assert ops.mul(0.1, np.ones(1)).data[0] == 0.1
    assert ops.stack([leaf(1.0), leaf(2.0)]).dtype == np.float64


def test_mixed_types_widen_the_result_and_return_gradients_in_each_type():
    x, y = leaf(1.0, 2.0, dtype="float32"), leaf(3.0, 4.0)
    z = x * y
    assert z.dtype == np.float64
    z.sum().backward()
    assert x.grad.dtype == np.float32
    assert y.grad.dtype == np.float64


# --- the values: data, assign, [...] =, detach ---------------------------------------------------


def test_setting_data_copies_and_keeps_type_and_shape():
    t = leaf(1.0, 2.0, dtype="float32")
    value = np.array([3.0, 4.0])
    t.data = value
    assert t.dtype == np.float32
    assert_array_equal(t.data, [3, 4])
    other = leaf(5.0, 6.0, dtype="float32")
    t.data = other.data
    assert not np.shares_memory(t.data, other.data)
    t.data = np.broadcast_to(np.float32(7), (2,))
    t.data += 1  # the copy is writable
    assert_array_equal(t.data, [8, 8])
    t.data = 2 * other
    assert_array_equal(t.data, [10, 12])


def test_setting_data_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"tensor 'w': expected shape \(2,\), got \(3,\)"):
        leaf(1.0, 2.0, name="w").data = np.ones(3)
    with pytest.raises(ValueError, match=r"a tensor of shape \(2,\): expected .*, got \(\)"):
        leaf(1.0, 2.0).data = 1.0


def test_setting_data_leaves_an_older_graph_right():
    w = leaf(2.0)
    y = w * w
    w.data = np.array([5.0])
    y.backward()
    assert_array_equal(w.grad, [4])


def test_assign_writes_in_place():
    t = leaf(1.0, 2.0)
    memory = t.data
    t.assign([3, 4])
    assert t.data is memory
    assert_array_equal(memory, [3, 4])
    t.assign(t.data[::-1])
    assert_array_equal(memory, [4, 3])
    with pytest.raises(ValueError, match=r"expected shape \(2,\), got \(1, 2\)"):
        t.assign([[1, 2]])
    with pytest.raises(TypeError, match="expected real numbers"):
        t.assign(["a", "b"])


def test_assigning_items_of_a_tensor_without_gradient_works():
    t = Tensor(np.zeros((2, 3)))
    t[0] = 1
    t[:, 1] = [5, 6]
    t[t.data == 6] = Tensor(7.0)
    assert_array_equal(t.data, [[1, 5, 1], [0, 7, 0]])


def test_assigning_items_in_a_graph_says_what_to_write_instead():
    w, plain = leaf(1.0, 2.0), Tensor([1.0, 2.0])
    result = w * 2
    for target, value in ((w, 0.0), (result, 0.0), (plain, w[0])):
        with pytest.raises(TypeError, match=r"write ops.where\(mask, value, tensor\)"):
            target[0] = value
    with no_grad():
        w[0] = 5.0
        with pytest.raises(TypeError, match="a graph cannot record an assignment"):
            result[0] = 5.0
    assert_array_equal(w.data, [5, 2])


def test_detach_and_numpy_share_the_memory():
    t = leaf(1.0, 2.0, name="w") * 3
    detached = t.detach()
    assert detached.data is t.data is t.numpy()
    assert not detached.requires_grad
    assert detached.node is None
    assert leaf(1.0, name="w").detach().name == "w"


# --- Python's protocols --------------------------------------------------------------------------


def test_item_float_int_and_bool_take_one_element_of_any_shape():
    for shape in ((), (1,), (1, 1, 1)):
        t = Tensor(np.full(shape, 2.5))
        assert t.item() == float(t) == 2.5
        assert type(t.item()) is float
        assert int(t) == 2
        assert bool(t) and not bool(t - 2.5)
    for shape in ((0,), (2,), (1, 2)):
        for convert in (float, int, bool, Tensor.item):
            with pytest.raises(ValueError, match="expected a tensor of one element, got shape"):
                convert(Tensor(np.zeros(shape)))


def test_length_and_iteration_run_over_the_first_axis():
    t = leaf(1.0, 2.0, 3.0)
    assert len(t) == 3
    assert [row.item() for row in t] == [1, 2, 3]
    first, *_ = t
    first.backward()
    assert_array_equal(t.grad, [1, 0, 0])
    assert [row.shape for row in Tensor(np.zeros((2, 3)))] == [(3,), (3,)]
    assert list(Tensor(np.zeros((0, 3)))) == []
    for call in (len, iter):
        with pytest.raises(TypeError, match="got a 0-d tensor"):
            call(Tensor(1.0))


def test_in_looks_for_a_value_in_the_tensors_own_type():
    assert 2 in Tensor([1, 2])
    assert 3 not in Tensor([1, 2])
    assert 0.1 in Tensor([0.1])
    assert 0.1 in Tensor([0.1], dtype="float64")


def test_repr_shows_values_shape_type_gradient_and_name():
    assert repr(Tensor([1.0, 2.0])) == (
        "Tensor([1., 2.], shape=(2,), dtype=float32, requires_grad=False)"
    )
    assert repr(Parameter([[1.5]], name="kernel")) == (
        "Parameter([[1.5]], shape=(1, 1), dtype=float32, requires_grad=True, name='kernel')"
    )
    assert len(repr(Tensor(np.zeros((1000, 1000))))) < 1000
    second_row = repr(Parameter(np.eye(2))).splitlines()[1]
    assert second_row.startswith(" " * len("Parameter([") + "[")


def test_format_takes_the_specification_of_a_number():
    loss = Tensor(0.123456)
    assert f"{loss:.3f}" == "0.123"
    assert f"{loss}" == str(loss) == repr(loss)
    with pytest.raises(ValueError, match="expected a tensor of one element"):
        format(Tensor([1.0, 2.0]), ".3f")


def test_numpy_makes_arrays_of_tensors():
    t = Tensor([1.0, 2.0])
    assert np.asarray(t) is t.data
    assert np.array(t) is not t.data
    assert np.asarray(t, dtype="float64").dtype == np.float64
    assert np.shape(t) == (2,)


def test_tensors_are_hashed_by_identity_and_can_be_copied():
    t, twin = Tensor([1.0]), Tensor([1.0])
    assert len({t, twin, t}) == 2
    parameter = Parameter([1.0, 2.0], name="kernel")
    clone = copy.deepcopy(parameter)
    clone.assign([3, 4])
    assert_array_equal(parameter.data, [1, 2])
    assert (clone.name, clone.requires_grad) == ("kernel", True)


def test_parameters_and_graphs_can_be_pickled():
    kernel = Parameter([1.0, 2.0], name="kernel", path="dense/kernel", constraint=abs)
    loss, copied = pickle.loads(pickle.dumps(((kernel.exp() * 3.0).sum(), kernel)))
    assert (copied.path, copied.constraint, copied.requires_grad) == ("dense/kernel", abs, True)
    loss.backward()
    (kernel.exp() * 3.0).sum().backward()
    again = pickle.loads(pickle.dumps(kernel))
    assert_array_equal(again.grad, kernel.grad)


BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    operator.eq,
    operator.ne,
]
OTHERS = [
    np.array([[1.5, 2.0, 0.5], [2.0, 2.5, 3.0]]),
    np.array([2, 1, 3]),
    np.array(2.0),
    np.float64(2.0),
    np.float32(2.0),
    np.int64(2),
    2,
    2.5,
    True,
    [1.0, 2.0, 3.0],
]


@pytest.mark.parametrize("other", OTHERS, ids=repr)
@pytest.mark.parametrize("operation", BINARY, ids=lambda function: function.__name__)
def test_operators_agree_with_numpy_on_either_side(operation, other):
    values = np.array([[1.0, 2.0, 3.0], [0.5, 2.0, 2.5]])
    t = Tensor(values)
    for result, expected in (
        (operation(t, other), operation(values, np.asarray(other))),
        (operation(other, t), operation(np.asarray(other), values)),
    ):
        assert type(result) is (np.ndarray if expected.dtype == bool else Tensor)
        assert_array_equal(np.asarray(result), expected)


@pytest.mark.parametrize("kind", [np.array, np.float32, np.float64, float])
def test_an_array_on_the_left_takes_part_in_the_graph(kind):
    t = leaf(2.0, 4.0)
    y = kind(3.0) * t + kind(1.0) - (kind(8.0) / t) @ np.eye(2)
    y.sum().backward()
    assert_array_equal(t.grad, 3 + 8 / t.data**2)


def test_scalars_do_not_widen_float32():
    t = leaf(1.0, 2.0, dtype="float32")
    for other in (2, 0.5, np.float64(0.5), np.int64(2), True, np.float32(3), [1, 2]):
        for operation in BINARY[:5]:
            assert operation(t, other).dtype == np.float32
            assert operation(other, t).dtype == np.float32


def test_matrix_products_unary_operators_and_transpose():
    values = np.array([[1.0, -2.0, 3.0], [0.5, 2.0, -2.5]])
    t, square = Tensor(values), np.array([[1.0, 2.0], [3.0, 5.0]])
    assert_array_equal((square @ t).data, square @ values)
    assert_array_equal((t.T @ square).data, values.T @ square)
    assert_array_equal((-t).data, -values)
    assert_array_equal(abs(t).data, abs(values))
    assert +t is t


def test_augmented_assignment_in_a_graph_makes_a_new_tensor():
    w = leaf(1.0)
    before = t = w * 1.0
    t += 1
    t *= 3
    total = Tensor([0.5])
    kept = total
    total += t
    total.backward()
    assert_array_equal(before.data, [1])
    assert_array_equal(kept.data, [0.5])
    assert_array_equal(w.grad, [3])


IN_PLACE = [
    operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow, operator.imatmul,
]  # fmt: skip


@pytest.mark.parametrize("operation", IN_PLACE, ids=lambda function: function.__name__)
def test_augmented_assignment_outside_a_graph_is_in_place(operation):
    values = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")
    expected = operation(values.astype("float64"), np.array([[2.0, 0.5], [1.0, 3.0]]))
    for other in (np.array([[2.0, 0.5], [1.0, 3.0]]), Tensor([[2.0, 0.5], [1.0, 3.0]])):
        for parameter in (Parameter(values), Tensor(values.copy()), Tensor(values.copy()) * 1.0):
            t, array, version = parameter, parameter.data, parameter.version
            with no_grad():
                t = operation(t, other)
            assert t is parameter
            assert t.data is array
            assert t.version > version
            assert t.dtype == np.float32
            assert_allclose(array, expected, rtol=1e-6)


def test_gradient_descent_by_augmented_assignment_changes_the_weights():
    weights = [Parameter(np.ones(3)), Parameter(2.0)]
    (weights[0] * weights[1]).sum().backward()
    with no_grad():
        for p in weights:
            p -= 0.5 * p.grad
    assert_array_equal(weights[0].data, [0, 0, 0])
    assert weights[1].item() == 0.5


def test_a_leaf_of_a_graph_refuses_augmented_assignment():
    w = Parameter([1.0], name="kernel")
    for operation in IN_PLACE[:5]:
        with pytest.raises(TypeError, match=r"kernel changes in place; put it under no_grad\(\)"):
            operation(w, 2.0)
    assert_array_equal(w.data, [1])


def test_augmented_assignment_refuses_what_does_not_fit():
    t = Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match=r"expected shape \(2,\), got \(3, 2\)"):
        t += np.ones((3, 2))
    with pytest.raises(TypeError, match="unsupported operand"):
        t //= 2
    assert_array_equal(t.data, [1, 2])


def test_augmented_assignment_is_noticed_by_an_older_graph():
    w = Parameter([3.0])
    y = w * w
    with no_grad():
        w += 1
    with pytest.raises(RuntimeError, match="was changed in place"):
        y.backward()


def test_comparisons_with_what_is_no_number():
    t = Tensor([1.0, 2.0])
    assert (t == None) is False  # noqa: E711
    assert (t == "text") is False
    assert (t != "text") is True
    with pytest.raises(TypeError, match="not supported between"):
        t < "text"  # noqa: B015


@pytest.mark.parametrize("other", ["text", None, 1j, object()])
def test_operators_refuse_what_is_no_number(other):
    for operation in BINARY[:5]:
        with pytest.raises(TypeError, match="expected real numbers, got"):
            operation(Tensor([1.0]), other)


def test_methods_are_the_operations():
    x = leaf(1.0, 4.0, 9.0)
    for name in ("abs", "exp", "log", "max", "mean", "min", "relu", "sigmoid", "softmax", "sqrt",
                 "std", "sum", "tanh", "var"):  # fmt: skip
        assert_array_equal(getattr(x, name)().data, getattr(ops, name)(x).data)
    assert x.argmax() == 2
    assert x.argmin() == 0
    assert_array_equal(x.clip(2, 5).data, [2, 4, 5])
    assert x.reshape(3, 1).shape == x.reshape((3, 1)).shape == (3, 1)
    assert x.reshape(3, 1).transpose(1, 0).shape == x.reshape(3, 1).T.shape == (1, 3)
    assert x.reshape(1, 3).squeeze().shape == (3,)
    assert x.matmul(x).item() == 98


# --- backward ------------------------------------------------------------------------------------


def test_backward_of_a_diamond_adds_up_both_ways():
    x = leaf(3.0)
    y = x * x
    (y * 2 + y.exp() * x).backward()
    expected = 2 * 2 * 3 + (np.exp(9.0) + 3 * np.exp(9.0) * 2 * 3)
    assert_allclose(x.grad, expected, rtol=1e-15)


def test_one_tensor_may_be_used_twice_in_one_operation():
    x = leaf(3.0, 5.0)
    ops.concatenate([x, x * x, x]).sum().backward()
    assert_array_equal(x.grad, [2 + 6, 2 + 10])
    x.grad = None
    (x @ x).backward()
    assert_array_equal(x.grad, [6, 10])
    x.grad = None
    h = x * 1
    (h - h).sum().backward()
    assert_array_equal(x.grad, [0, 0])


def test_backward_adds_to_grad_and_replaces_the_array():
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    first = x.grad
    (x * 4).sum().backward()
    assert_array_equal(x.grad, [7, 7])
    assert_array_equal(first, [3, 3])


def test_only_leaves_that_require_a_gradient_get_one():
    x, constant = leaf(1.0), Tensor([2.0])
    hidden = x * constant
    loss = hidden.sum()
    loss.backward()
    assert x.grad is not None
    assert constant.grad is hidden.grad is loss.grad is None
    assert not (constant * 2).requires_grad


def test_backward_of_a_leaf_itself():
    x = leaf(5.0)
    x.backward()
    assert_array_equal(x.grad, [1])
    given_grad = np.array([3.0])
    y = leaf(5.0)
    y.backward(given_grad)
    assert not np.shares_memory(y.grad, given_grad)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_backward_needs_no_grad_for_one_element_of_any_shape(shape):
    x = Tensor(np.full(shape, 3.0, "float32"), requires_grad=True)
    (x * x).backward()
    assert x.grad.shape == shape
    assert x.grad.dtype == np.float32
    assert_array_equal(x.grad, np.full(shape, 6))


def test_backward_takes_a_gradient_of_the_same_shape_in_any_form():
    for grad in ([[1, 2, 3]], np.array([[1, 2, 3]]), Tensor([[1, 2, 3]])):
        x = Tensor(np.ones((1, 3)), requires_grad=True)
        (x * 2).backward(grad)
        assert_array_equal(x.grad, [[2, 4, 6]])
        assert x.grad.dtype == np.float64


def test_backward_of_several_elements_says_to_reduce_first():
    with pytest.raises(ValueError, match=r"got shape \(2,\); reduce it first, as in t.sum\(\)"):
        (leaf(1.0, 2.0) * 2).backward()
    with pytest.raises(ValueError, match=r"expected grad of shape \(2,\), got \(1, 2\)"):
        (leaf(1.0, 2.0) * 2).backward([[1, 2]])
    with pytest.raises(ValueError, match=r"expected grad of shape \(1,\), got \(\)"):
        (leaf(1.0) * 2).backward(1.0)


def test_backward_without_anything_to_differentiate_says_so():
    with pytest.raises(RuntimeError, match="tensor 'x' does not depend on any tensor with"):
        Tensor([1.0], name="x").backward()
    with no_grad():
        y = leaf(1.0) * 2
    with pytest.raises(RuntimeError, match=r"or was computed under no_grad\(\)"):
        y.backward()


def test_a_freed_graph_says_so_and_leaves_every_grad_alone():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    hidden = (x * w).exp()
    hidden.sum().backward()
    grads = x.grad.copy(), w.grad.copy()
    for loss in (hidden.sum(), (hidden * w).sum(), (w * 2 + hidden).sum()):
        with pytest.raises(RuntimeError, match=r"graph was freed by an earlier backward\(\)"):
            loss.backward()
    assert_array_equal(x.grad, grads[0])
    assert_array_equal(w.grad, grads[1])


def test_the_same_loss_twice_says_to_compute_it_again():
    loss = (leaf(1.0) * 2).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="compute the loss again"):
        loss.backward()


def test_an_error_half_way_leaves_every_grad_alone():
    class Broken(Function):
        def forward(self, x):
            return x * 1

        def backward(self, gy):
            raise ZeroDivisionError

    x, w = leaf(1.0), leaf(2.0)
    hidden = x * 3
    for y in (Broken()(hidden) * w, Broken()(hidden * hidden) + hidden, hidden + Broken()(hidden)):
        with pytest.raises(ZeroDivisionError):
            y.backward()
        assert x.grad is w.grad is None
    (hidden * w).backward()  # the failed passes left nothing in the graph
    assert_array_equal(x.grad, [6])


@pytest.mark.parametrize("shape", [(), (1,), (3,)])
def test_gradients_add_up_over_many_uses_of_one_tensor(shape):
    x = Tensor(np.full(shape, 2.0), requires_grad=True)
    hidden = x * 1.0
    (hidden + hidden + hidden + hidden + x + x + x).backward(np.ones(shape))
    assert type(x.grad) is np.ndarray
    assert_array_equal(x.grad, np.full(shape, 7.0))


def test_one_of_many_inputs_may_be_the_only_one_that_wants_a_gradient():
    for position in (0, 41, 99):
        x = leaf(2.0)
        inputs = [np.ones(1)] * 100
        inputs[position] = x
        y = ops.stack(inputs)
        assert y.node.needs.index(True) == position
        y.sum().backward()
        assert_array_equal(x.grad, [1])


def test_toggling_requires_grad_starts_or_ends_recording():
    x = Tensor([2.0])
    assert not (x * x).requires_grad
    x.requires_grad = True
    (x * x).backward()
    assert_array_equal(x.grad, [4])
    x.requires_grad = False
    assert not (x * x).requires_grad


# --- deep and wide graphs ------------------------------------------------------------------------


def test_a_chain_of_50000_operations_runs_forward_backward_and_is_freed(without_collector):
    x = leaf(1.0)
    y = x
    for _ in range(50_000):
        y = y + 1
    assert y.item() == 50_001
    y.backward()
    assert_array_equal(x.grad, [1])
    for _ in range(50_000):
        y = y * 1.0
    node = weakref.ref(y.node)
    del y
    assert node() is None  # freed without a backward, and without overflowing the stack


class Counting(Function):
    """2 x, counting how often backward runs over all instances."""

    calls = 0

    def forward(self, x, y):
        return x + y

    def backward(self, gz):
        Counting.calls += 1
        return gz, gz


def test_a_node_is_visited_once_however_many_ways_lead_to_it():
    Counting.calls = 0
    x = leaf(1.0)
    y = x
    for _ in range(100):  # 2**100 ways
        y = Counting()(y, y)
    y.backward()
    assert_array_equal(x.grad, [2.0**100])
    assert Counting.calls == 100


def test_a_node_waits_for_all_its_users():
    """A short and a long way to the same node: it is visited after both, in either order."""
    for turn in (lambda a, b: a + b, lambda a, b: b + a):
        Counting.calls = 0
        x = leaf(1.0)
        shared = Counting()(x, x)
        long = shared
        for _ in range(10):
            long = long * 2
        turn(shared, long).backward()
        assert_array_equal(x.grad, [2 * (1 + 1024)])
        assert Counting.calls == 1


# --- which arrays may be changed -----------------------------------------------------------------


class Awkward(Function):
    """x + y or variants of it, whose backward returns arrays that are hard to add into."""

    def __init__(self, way):
        self.way = way

    def forward(self, x, y):
        self.buffer = np.empty_like(x)
        self.save(np.empty_like(x))
        return x + y

    def backward(self, gz):
        fresh = gz * 1
        if self.way == "the gradient itself":
            return gz, gz
        if self.way == "one array twice":
            return fresh, fresh
        if self.way == "an array and its view":
            return fresh, fresh[:]
        if self.way == "a view and its array":
            return fresh[:], fresh
        if self.way == "an array and a view of unknown base":
            return fresh, as_strided(fresh)
        if self.way == "a view of the gradient":
            return gz[:], gz[...]
        if self.way == "a read-only view":
            return np.broadcast_to(fresh, fresh.shape), np.broadcast_to(gz, gz.shape)
        if self.way == "a saved array":
            self.saved[0][...] = gz
            return self.saved[0], fresh
        if self.way == "a view of a saved array":
            self.saved[0][...] = gz
            return self.saved[0][:], self.saved[0][:]
        if self.way == "an attribute":
            self.buffer[...] = gz
            return self.buffer, fresh
        assert self.way == "stretched"
        return np.broadcast_to(fresh, (2, *fresh.shape)) / 2, fresh


WAYS = [
    "the gradient itself",
    "one array twice",
    "an array and its view",
    "a view and its array",
    "an array and a view of unknown base",
    "a view of the gradient",
    "a read-only view",
    "a saved array",
    "a view of a saved array",
    "an attribute",
    "stretched",
]


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(WAYS), st.integers(0, 99), st.integers(0, 99)), max_size=9
    )
)
def test_gradients_never_share_memory_whatever_backward_returns(steps):
    """Every step adds two earlier tensors; each tensor is counts[0] * a + counts[1] * b."""
    a, b = leaf(1.0, 2.0, 3.0), leaf(4.0, 5.0, 6.0)
    tensors, counts, nodes = [a, b], [np.array([1, 0]), np.array([0, 1])], []
    for way, i, j in steps:
        i, j = i % len(tensors), j % len(tensors)
        nodes.append(Awkward(way))
        tensors.append(nodes[-1](tensors[i], tensors[j]))
        counts.append(counts[i] + counts[j])
    kept = [node.buffer for node in nodes] + [array for node in nodes for array in node.saved]
    total, expected = tensors[0], counts[0]
    for tensor, count in zip(tensors[1:], counts[1:], strict=True):
        total, expected = Awkward("the gradient itself")(total, tensor), expected + count
    given_grad = np.array([1.0, 10.0, 100.0])
    total.backward(given_grad)
    assert_array_equal(given_grad, [1, 10, 100])
    assert_array_equal(a.grad, expected[0] * given_grad)
    assert_array_equal(b.grad, expected[1] * given_grad)
    arrays = [a.grad, b.grad, given_grad, *kept]
    for i, one in enumerate(arrays[:2]):
        assert not any(np.shares_memory(one, other) for other in arrays[i + 1 :])


def test_an_array_is_not_added_to_while_a_view_of_it_waits():
    a, b = leaf(1.0, 1.0), leaf(1.0, 1.0)
    a2, b2 = a * 1, b * 1
    y = Awkward("an array and its view")(a2, b2)  # visited first: the sum begins with its array
    (a2 * 10 + b2 * 10 + y).sum().backward()
    assert_array_equal(a.grad, [11, 11])
    assert_array_equal(b.grad, [11, 11])


def test_gradients_of_operations_do_not_change_the_given_gradient_or_the_values():
    x, y = Tensor(np.arange(6.0).reshape(2, 3) + 1, requires_grad=True), leaf(1.0, 2.0, 3.0)
    values = x.data.copy(), y.data.copy()
    given_grad = np.arange(6.0).reshape(2, 3)
    z = x + y
    (z + z).backward(given_grad)
    assert_array_equal(given_grad, np.arange(6.0).reshape(2, 3))
    assert_array_equal(x.data, values[0])
    assert_array_equal(y.data, values[1])
    assert not np.shares_memory(x.grad, given_grad)


# --- memory --------------------------------------------------------------------------------------


def test_a_graph_is_freed_with_its_result(without_collector):
    x = leaf(1.0, 2.0)
    loss = (x.exp() * x).softmax().sum()
    graph = [weakref.ref(loss), weakref.ref(loss.node), weakref.ref(loss.node.sources[0])]
    del loss
    assert [reference() for reference in graph] == [None] * 3


def test_backward_frees_the_arrays_while_the_result_lives(without_collector):
    x = leaf(1.0, 2.0)
    hidden = x.exp()
    array = weakref.ref(hidden.data)
    loss = (hidden * hidden).sum()
    del hidden
    assert array() is not None
    loss.backward()
    assert array() is None
    square = (hidden := x.exp()) * hidden
    array = weakref.ref(hidden.data)
    del hidden
    square.backward([1.0, 1.0])
    assert array() is None


@pytest.mark.parametrize("name", ["exp", "sqrt", "tanh", "relu", "neg", "sum", "mean"])
def test_an_operation_does_not_hold_an_input_that_it_does_not_need(name, without_collector):
    x = leaf(1.0, 2.0)
    hidden = x + 1
    array = weakref.ref(hidden.data)
    y = getattr(ops, name)(hidden)
    del hidden
    assert array() is None, f"{name} holds its input"
    y.sum().backward()


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul, operator.matmul])
def test_a_product_with_a_constant_does_not_hold_the_variable(operation, without_collector):
    x = leaf(1.0, 2.0)
    hidden = x + 1
    array = weakref.ref(hidden.data)
    y = operation(hidden, np.array([3.0, 4.0]))
    del hidden
    assert array() is None
    y.sum().backward()


def test_nothing_is_held_without_a_gradient(without_collector):
    x = Tensor([1.0, 2.0])
    array = weakref.ref((hidden := x * 2).data)
    y = hidden * hidden
    del hidden
    assert array() is None
    assert y.node is None


# --- gradients that are not needed ---------------------------------------------------------------


class NeedsTold(Function):
    """x * y * z, which records its needs and computes no other gradient."""

    def forward(self, *xs):
        self.save(*xs)
        return xs[0] * xs[1] * xs[2]

    def backward(self, gy):
        x, y, z = self.saved
        gradients = [y * z, x * z, x * y]
        return tuple(
            gy * g if need else None for g, need in zip(gradients, self.needs, strict=True)
        )


@pytest.mark.parametrize("wanted", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1)])
def test_needs_say_which_gradients_are_wanted(wanted):
    inputs = [Tensor([v], requires_grad=bool(w)) for v, w in zip((2, 3, 5), wanted, strict=True)]
    node = NeedsTold()
    node(*inputs).backward()
    assert node.needs == tuple(map(bool, wanted))
    for tensor, want, expected in zip(inputs, wanted, (15, 10, 6), strict=True):
        assert (None if tensor.grad is None else tensor.grad.item()) == (expected if want else None)


def test_under_no_grad_nothing_is_needed():
    node = NeedsTold()
    with no_grad():
        node(leaf(1.0), leaf(2.0), leaf(3.0))
    assert node.needs == (False, False, False)


def test_none_ends_the_way_back():
    class Stop(Function):
        def forward(self, x):
            return x * 1

        def backward(self, gy):
            return None

    Counting.calls = 0
    x = leaf(1.0)
    (Stop()(Counting()(x, x)) + x).backward()
    assert Counting.calls == 0
    assert_array_equal(x.grad, [1])


# --- changes in place ----------------------------------------------------------------------------


def change_by_data(t):
    t.data += 1


def change_by_assign(t):
    t.assign(t.data + 1)


def change_by_item(t):
    with no_grad():
        t[0] = 5.0


def change_and_mark(t):  # as optimizers do
    t.data[...] = 5
    t.mark_changed()


def change_a_slice(t):
    t[:1].data += 1


def change_a_reshaped_view(t):
    ops.reshape(t, (1, -1)).data += 1


def change_a_transposed_view(t):
    ops.reshape(t, (1, -1)).T.assign(np.zeros((t.size, 1)))


def change_the_detached(t):
    t.detach().data *= 2


def change_a_tensor_of_the_tensor(t):
    Tensor(t).data *= 2


CHANGES = [
    change_by_data,
    change_by_assign,
    change_by_item,
    change_and_mark,
    change_a_slice,
    change_a_reshaped_view,
    change_a_transposed_view,
    change_the_detached,
    change_a_tensor_of_the_tensor,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda function: function.__name__)
def test_a_change_of_values_that_backward_needs_is_noticed(change):
    w, x = leaf(1.0, 2.0, name="w"), leaf(3.0, 4.0)
    loss = (w * x).sum()
    change(w)
    with pytest.raises(RuntimeError, match=r"Mul needs .* of tensor 'w',.*optimizer.step\(\)"):
        loss.backward()
    assert w.grad is x.grad is None


@pytest.mark.parametrize("change", CHANGES[:2] + CHANGES[4:], ids=lambda f: f.__name__)
def test_a_change_of_a_result_that_backward_needs_is_noticed(change):
    y = leaf(1.0, 2.0).exp()
    loss = y.sum()
    change(y)
    with pytest.raises(RuntimeError, match=r"Exp needs the old values of a tensor of shape \(2,\)"):
        loss.backward()


def test_a_change_through_a_base_is_noticed_by_users_of_its_views():
    w = leaf(1.0, 2.0, 3.0)
    for view in (w[1:], w.reshape(3, 1), w.reshape(1, 3).T, ops.broadcast_to(w, (2, 3))):
        loss = (view * view).sum()
        w.assign([4, 5, 6])
        with pytest.raises(RuntimeError, match="was changed in place"):
            loss.backward()


def test_a_copy_by_indexing_is_independent_of_its_source():
    w = leaf(1.0, 2.0, 3.0)
    loss = (w[[0, 2]] * w[np.array([True, False, True])]).sum()
    w.assign([7, 8, 9])
    loss.backward()
    assert_array_equal(w.grad, [2, 0, 6])


@pytest.mark.parametrize("change", CHANGES, ids=lambda function: function.__name__)
def test_a_change_of_values_that_backward_does_not_need_is_fine(change):
    w = leaf(1.0, 2.0)
    loss = ((w + 1) * np.array([3.0, 4.0]) - w / 2).sum()
    change(w)
    loss.backward()
    assert_array_equal(w.grad, [2.5, 3.5])


def test_results_that_backward_does_not_need_may_change():
    x = leaf(2.0, 3.0)
    for operation, slope in (
        (lambda t: t * 3, 3),
        (lambda t: t**2, 2 * x.data),
        (lambda t: t / 2, 0.5),
        (lambda t: ops.log(t), 1 / x.data),
        (lambda t: t.reshape(2, 1) + 0, 1),
    ):
        x.grad = None
        y = operation(x)
        loss = y.sum()
        y.data += 1
        loss.backward()
        assert_array_equal(x.grad, np.broadcast_to(slope, 2))


def test_a_change_before_the_graph_is_built_is_fine():
    w = leaf(1.0, 2.0)
    w.data *= 5
    (w * w).sum().backward()
    assert_array_equal(w.grad, [10, 20])
    w.data -= w.grad
    (w * w).sum().backward()
    assert_array_equal(w.grad, [10 - 10, 20 - 20])


def test_a_change_between_two_graphs_is_the_first_ones_error_alone():
    w = leaf(1.0, 2.0)
    first = (w * w).sum()
    w.data += 1
    second = (w * w).sum()
    second.backward()
    assert_array_equal(w.grad, [4, 6])
    with pytest.raises(RuntimeError, match="was changed in place"):
        first.backward()
    assert_array_equal(w.grad, [4, 6])


# --- no_grad -------------------------------------------------------------------------------------


def test_no_grad_as_a_context():
    x = leaf(1.0)
    with no_grad() as entered:
        assert isinstance(entered, no_grad)
        assert not is_grad_enabled()
        assert not (x * 2).requires_grad
    assert is_grad_enabled()
    assert (x * 2).requires_grad


@pytest.mark.parametrize("decorate", [no_grad, no_grad()], ids=["@no_grad", "@no_grad()"])
def test_no_grad_as_a_decorator(decorate):
    @decorate
    def countdown(n):
        """Call itself."""
        assert not is_grad_enabled()
        return [n, *countdown(n - 1)] if n else [is_grad_enabled()]

    assert countdown(3) == [3, 2, 1, False]
    assert is_grad_enabled()
    assert countdown.__name__ == "countdown"
    assert countdown.__doc__ == "Call itself."


@pytest.mark.parametrize("decorate", [no_grad, no_grad()], ids=["@no_grad", "@no_grad()"])
def test_no_grad_of_a_generator_concerns_its_body_only(decorate):
    seen = []

    @decorate
    def batches(n):
        """Yield."""
        try:
            for i in range(n):
                seen.append(is_grad_enabled())
                try:
                    seen.append((yield i))
                except KeyError:
                    seen.append("caught")
            return "done"
        finally:
            seen.append(("closed", is_grad_enabled()))

    generator = batches(3)
    assert batches.__doc__ == "Yield."
    assert next(generator) == 0
    assert is_grad_enabled()
    assert generator.send("sent") == 1
    assert generator.throw(KeyError()) == 2
    assert is_grad_enabled()
    with pytest.raises(StopIteration) as end:
        next(generator)
    assert end.value.value == "done"
    assert seen == [False, "sent", False, "caught", False, None, ("closed", False)]
    generator = batches(1)
    next(generator)
    generator.close()
    assert seen[-1] == ("closed", False)
    assert is_grad_enabled()


def test_no_grad_refuses_async_functions():
    async def fetch():
        return None

    async def stream():
        yield None

    for function in (fetch, stream):
        with pytest.raises(TypeError, match="no_grad: expected no async function"):
            no_grad(function)


@pytest.mark.parametrize("what", [int, classmethod(len)])
def test_no_grad_refuses_classes(what):
    with pytest.raises(TypeError, match="no_grad: expected no class; write `with no_grad"):
        no_grad()(what)


def test_no_grad_ends_with_an_error():
    def fail():
        raise KeyError("lost")

    for enter in (no_grad, no_grad()):
        with pytest.raises(KeyError, match="lost"):
            enter(fail)()
        assert is_grad_enabled()
    with pytest.raises(KeyError, match="lost"), no_grad():
        fail()
    assert is_grad_enabled()


def test_no_grad_nests_with_itself():
    once = no_grad()
    with once:
        with once, no_grad():
            assert not is_grad_enabled()
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_no_grad_concerns_its_own_thread_only():
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_threads_may_share_one_no_grad():
    """Each returns to its own mode, in whatever order they leave."""
    shared, entered, left = no_grad(), threading.Event(), threading.Event()
    seen = []

    def stay():
        with shared:
            entered.set()
            assert left.wait(10)
        seen.append(is_grad_enabled())

    thread = threading.Thread(target=stay)
    with no_grad():
        thread.start()
        assert entered.wait(10)
        with shared:
            pass
        assert not is_grad_enabled()
        left.set()
        thread.join()
    assert seen == [True]


# --- writing an operation ------------------------------------------------------------------------


def test_forward_and_backward_must_be_written():
    with pytest.raises(NotImplementedError, match="Function: forward is missing"):
        Function()(leaf(1.0))

    class OnlyForward(Function):
        def forward(self, x):
            return x * 1

    with pytest.raises(NotImplementedError, match="OnlyForward: backward is missing"):
        OnlyForward()(leaf(1.0)).backward()


def test_an_instance_stands_for_one_call():
    add = Counting()
    add(leaf(1.0), 2.0)
    with pytest.raises(RuntimeError, match=r"Counting: expected a new instance for every call"):
        add(leaf(1.0), 2.0)


def test_a_node_tells_what_it_was_given():
    x, constant, array = leaf(1.0, 2.0), Tensor([3.0]), np.ones((4, 1), "float32")
    hidden = x + 1.0
    node = ops.stack([hidden, x]).node
    assert node.sources == [hidden.node, x]
    assert node.signatures == [((2,), np.float64)] * 2
    for other, signature in ((constant, ((1,), np.float32)), (array, ((4, 1), np.float32))):
        node = (other * x).node
        assert (node.sources, node.needs) == ([None, x], (False, True))
        assert node.signatures == [signature, ((2,), np.float64)]
    hidden.sum().backward()
    assert hidden.node.sources is hidden.node.signatures is None


def returning(*gradients):
    """A Function of as many inputs as gradients, whose backward returns these."""

    class Returns(Function):
        def forward(self, *xs):
            return xs[0] * 1

        def backward(self, gy):
            return gradients if len(gradients) > 1 else gradients[0]

    return Returns()


def test_backward_must_return_one_gradient_an_input():
    with pytest.raises(RuntimeError, match=r"Returns.backward: expected 1 gradients.*got 2"):
        returning(np.ones(1), np.ones(1))(leaf(1.0)).backward()


@pytest.mark.parametrize(
    ("shape", "wrong"),
    [
        ((1,), ()),
        ((3,), ()),
        ((3,), (1,)),
        ((3,), (2,)),
        ((3,), (3, 2)),
        ((1, 3), (3,)),
        ((1, 3), (4, 2)),
        ((2, 3), (3, 2)),
        ((2, 3), (2, 1)),
        ((2, 3), (2, 3, 3)),
    ],
)
def test_backward_must_return_gradients_of_the_inputs_shape(shape, wrong):
    x = Tensor(np.ones(shape), requires_grad=True)
    with pytest.raises(RuntimeError, match=r"expected a gradient of shape .*, got "):
        returning(np.ones(wrong))(x).sum().backward()
    assert x.grad is None


def test_backward_may_return_other_types_and_stretched_gradients():
    x = Tensor(np.ones((1, 3), "float32"), requires_grad=True)
    returning(np.ones((4, 2, 3)))(x).sum().backward()
    assert x.grad.dtype == np.float32
    assert_array_equal(x.grad, [[8, 8, 8]])
    y = leaf(1.0)
    returning([2])(y).backward()
    assert_array_equal(y.grad, [2])


def test_the_sum_over_stretched_axes_fits_scalars_and_empty_axes():
    for shape, other in (((), (2, 3)), ((1, 1), (2, 3)), ((0,), (2, 0)), ((1,), (0,)), ((3,), ())):
        x = Tensor(np.ones(shape), requires_grad=True)
        y = x + np.ones(other)
        y.backward(np.ones(y.shape))
        assert x.grad.shape == shape
        assert x.grad.sum() == y.size


def test_errors_of_numpy_name_the_operation_and_its_shapes():
    with pytest.raises(ValueError, match="could not be broadcast") as caught:
        Tensor(np.ones((2, 3))) + np.ones(4)
    assert caught.value.__notes__ == ["in Add, given shapes (2, 3), (4,)"]


# --- Parameter -----------------------------------------------------------------------------------


def test_parameters_copy_into_contiguous_writable_memory():
    source = np.arange(6, dtype="float32").reshape(2, 3)
    for data in (source, source.T, source[:, ::-1], np.broadcast_to(source, (4, 2, 3)), Tensor(1)):
        parameter = Parameter(data)
        assert parameter.data.flags.c_contiguous
        assert parameter.data.flags.writeable
        assert not np.shares_memory(parameter.data, source)
        assert_array_equal(parameter.data, np.asarray(data))


def test_parameters_change_in_place_as_keras_variables_do():
    weight = Parameter([1.0, 2.0], name="w")
    before, shared = weight.numpy(), weight.data
    assert weight.assign_add([1, 1]).assign_sub(0.5).assign(weight * 2) is weight
    np.testing.assert_array_equal(before, [1, 2])  # numpy() stays
    np.testing.assert_array_equal(shared, [3, 5])
    (weight.value * 3).sum().backward()
    np.testing.assert_array_equal(weight.grad, [3, 3])
    with pytest.raises(ValueError, match=r"expected shape \(2,\), got \(3, 2\)"):
        weight.assign_add(np.ones((3, 2)))
    y = weight * weight
    weight.assign_add(1)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


def test_parameters_know_their_name_path_and_whether_they_are_trained():
    kernel = Parameter([1.0], name="kernel", path="dense/kernel")
    assert (kernel.name, kernel.path, kernel.requires_grad) == ("kernel", "dense/kernel", True)
    assert Parameter([1.0], name="kernel").path == "kernel"
    assert Parameter([1.0]).path is None
    assert not Parameter([1.0], trainable=False).requires_grad
    assert Parameter([1], dtype="float64").dtype == np.float64


def test_a_tape_of_tensorflow_is_told_what_to_write_instead():
    for tensor in (Tensor([1.0]), Parameter([1.0])):
        with pytest.raises(
            TypeError, match=r"GradientTape: .* write loss\.backward\(\), then weight"
        ):
            tensor._id  # noqa: B018 (tape.gradient asks for it)


def test_a_symbolic_tensor_of_tensorflow_is_told_to_leave_its_function():
    class SymbolicTensor:
        def __array__(self, dtype=None, copy=None):
            raise NotImplementedError("Cannot convert a symbolic tf.Tensor to a numpy array")

    with pytest.raises(TypeError, match=r"got a symbolic tensor, a Symb.*; leave out @tf.function"):
        Tensor(SymbolicTensor())


def test_parameters_share_an_array_only_if_told_and_if_kernels_can_use_it():
    array = np.ones((2, 3))
    assert np.shares_memory(Parameter(array, copy=False).data, array)
    assert not np.shares_memory(Parameter(array).data, array)
    other = Parameter(array.T, copy=False).data
    assert other.flags.c_contiguous and not np.shares_memory(other, array)


def test_texts_and_objects_are_refused_with_a_cure():
    for data in (["a"], np.array([None]), np.array([b"a"])):
        with pytest.raises(TypeError, match=r"expected real numbers, got .*; number texts, drop"):
            Tensor(data)
    for data in (1j, np.array(["2020-01-01"], "datetime64[D]"), np.ones(2, "longdouble")):
        with pytest.raises(TypeError, match=r"expected real numbers, got .*\)$"):
            Tensor(data)


def test_float_arrays_keep_their_type_whatever_the_default():
    for dtype in ("float32", "float64"):
        for default in (np.float32, np.float64):
            assert as_array(np.ones(2, dtype), default=default).dtype == dtype
            assert as_array(np.ones(2, "float16"), default=default).dtype == default
            assert as_array([1.0], default=default).dtype == default


def test_a_saved_view_is_watched_with_the_arrays_it_shares_alone():
    class Halves(Function):
        def forward(self, x, y):
            self.save(x[:1], y)
            return x[:1] * y

        def backward(self, gy):
            x, y = self.saved
            return np.concatenate([gy * y, 0 * gy]), gy * x

    base = np.arange(4.0)
    x, other = Tensor(base[:2], requires_grad=True), Tensor(base[2:])
    y = leaf(3.0)
    z = Halves()(x, y)
    other.data += 1  # it shares the base, not the elements
    z.backward(np.ones(1))
    assert_array_equal(x.grad, [3, 0])
    for own in (x, Tensor(np.arange(2.0), requires_grad=True)):  # another owns its array
        z = Halves()(own, y)
        with no_grad():
            own.data += 1
        with pytest.raises(RuntimeError, match="changed in place"):
            z.backward(np.ones(1))


def test_a_gradient_with_too_few_axes_is_refused_by_its_node():
    class Flat(Function):
        def forward(self, x):
            return x.reshape(-1)

        def backward(self, gy):
            return gy.reshape(2, 3)

    x = Tensor(np.ones((1, 2, 3)), requires_grad=True)
    with pytest.raises(RuntimeError, match=r"Flat.backward: expected a gradient of shape \(1, 2"):
        Flat()(x).sum().backward()


def test_logits_that_changed_since_are_not_taken_for_those_of_the_softmax():
    x = Tensor([[1.0, 2.0, 3.0]])
    y = ops.softmax(x)
    expected = -np.log(y.data[0, 0])
    x.data = [[5.0, 0.0, 0.0]]
    x.data += 1
    assert losses.categorical_crossentropy([[1, 0, 0]], y).item() == pytest.approx(expected, 1e-6)


def test_values_put_off_leave_gradients_as_they_are_in_a_new_thread():
    found = []

    def run():
        y = defer((2,), "float32", True, lambda: Tensor(np.ones(2, "f"), requires_grad=True))
        found.extend([y.data.tolist(), is_grad_enabled()])

    with no_grad():  # of this thread; while none is on, the mode is not read
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert found == [[1, 1], True]


def test_values_put_off_have_the_shape_that_was_promised():
    y = defer((3,), "float32", False, lambda: Tensor(np.ones(2, "f")))
    with pytest.raises(RuntimeError, match=r"defer: expected values of shape \(3,\), got \(2,\)"):
        y.data  # noqa: B018


def test_nothing_is_assigned_in_a_trial():
    w = Parameter([1.0])
    with trial():
        w.assign([2.0])
        with trial(False):
            w.assign_add([3.0])
        w.assign_sub([9.0])
    assert w.data == 4 and not is_trial()
