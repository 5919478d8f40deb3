"""NumPy's functions of tensors: through ops, on the values, or refused; never a lost gradient."""

import operator

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minigrad import Parameter, Tensor, no_grad, numpy_functions
from minigrad.testing import check_gradients

X = np.random.default_rng(0).uniform(0.5, 2.0, (3, 4))
Y = np.random.default_rng(1).uniform(0.5, 2.0, (3, 4))

UNARY = [
    np.abs, np.absolute, np.cos, np.exp, np.log, np.negative, np.positive, np.sin, np.sqrt,
    np.square, np.tanh,
]  # fmt: skip
BINARY = [
    np.add, np.divide, np.maximum, np.minimum, np.multiply, np.power, np.subtract, np.true_divide,
]  # fmt: skip
CALLS = {
    **{f.__name__: f for f in UNARY},
    **{f"{f.__name__} of an array": lambda x, f=f: f(Y, x) for f in BINARY},
    **{f"{f.__name__} by an array": lambda x, f=f: f(x, Y) for f in BINARY},
    **{f"{f.__name__} of a number": lambda x, f=f: f(np.float64(3), x) for f in BINARY},
    **{
        f"{f.__name__} over {options}": lambda x, f=f, options=options: f(x, **options)
        for f in (np.mean, np.sum, np.max, np.min, np.amax, np.amin, np.std, np.var)
        for options in ({}, {"axis": 0}, {"axis": (0, 1), "keepdims": True}, {"axis": -1})
    },
    "sum by position": lambda x: np.sum(x, 1),
    "matmul": lambda x: np.matmul(x, Y.T),
    "matmul from the left": lambda x: Y.T @ x,
    "dot": lambda x: np.dot(x, Y.T),
    "dot of vectors": lambda x: np.dot(x[0], Y[0]),
    "clip": lambda x: np.clip(x, 0.7, 1.5),
    "clip by name": lambda x: np.clip(x, a_min=0.7, a_max=None),
    "where": lambda x: np.where(Y > 1, x, 0.0),
    "concatenate": lambda x: np.concatenate([x, Y, x], axis=1),
    "stack": lambda x: np.stack([x, x], axis=-1),
    "reshape": lambda x: np.reshape(x, (2, -1)),
    "ravel": np.ravel,
    "transpose": np.transpose,
    "transpose by axes": lambda x: np.transpose(x, axes=(1, 0)),
    "expand_dims": lambda x: np.expand_dims(x, (0, -1)),
    "squeeze": lambda x: np.squeeze(np.expand_dims(x, axis=1), axis=1),
    "pad": lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=3.0),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 4)),
    "norm": lambda x: np.linalg.norm(x),
    "norm over an axis": lambda x: np.linalg.norm(x, axis=1, keepdims=True),
    "vector_norm": lambda x: np.linalg.vector_norm(x, axis=1, ord=1),
}


@pytest.mark.parametrize("name", CALLS)
def test_numpy_function_goes_through_an_op_and_keeps_the_gradient(name):
    call = CALLS[name]
    result = call(Parameter(X))
    assert isinstance(result, Tensor)
    assert result.requires_grad
    assert_allclose(result.data, call(X), rtol=1e-14)
    check_gradients(call, X)
    assert isinstance(call(Tensor(X)), Tensor)
    assert call(Parameter(X.astype("float32"))).dtype in (np.float32, call(X.astype("f4")).dtype)


def test_options_that_are_none_are_those_that_were_not_given():
    t = Tensor(X, requires_grad=True)
    assert np.sum(t, axis=None, dtype=None, out=None).requires_grad


def test_every_function_of_the_tables_is_tried():
    tried = " ".join(CALLS)
    for function in {**numpy_functions.UFUNCS, **numpy_functions.FUNCTIONS}:
        assert function.__name__ in tried


def test_scalars_of_numpy_do_not_widen_float32():
    for number in (np.float32(2), np.float64(2), np.int64(2), np.array(2), np.bool_(True)):
        for operation in (operator.add, operator.mul, operator.truediv, operator.pow, np.maximum):
            if not (type(number) is np.ndarray and number.dtype != np.float32):
                assert operation(number, Tensor([1.0, 2.0])).dtype == np.float32


WITHOUT_FLOATS = {
    "isnan": np.isnan, "isfinite": np.isfinite, "isinf": np.isinf, "signbit": np.signbit,
    "greater": lambda t: np.greater(t, 1.0), "equal": lambda t: np.equal(Y, t),
    "allclose": lambda t: np.allclose(t, X), "array_equal": lambda t: np.array_equal(t, X),
    "isclose": lambda t: np.isclose(X, t), "shape": np.shape, "ndim": np.ndim, "size": np.size,
    "argmax": np.argmax, "argsort": lambda t: np.argsort(t, axis=0), "any": np.any,
    "all": np.all, "nonzero": np.nonzero, "array2string": np.array2string,
    "count_nonzero": np.count_nonzero, "where": lambda t: np.where(t > 1),
    "searchsorted": lambda t: np.searchsorted([1.0, 1.5], t), "result_type": np.result_type,
    "shares_memory": lambda t: np.shares_memory(t, X),
}  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT_FLOATS)
def test_numpy_function_without_floats_in_its_result_computes_on_the_values(name):
    call = WITHOUT_FLOATS[name]
    result, expected = call(Tensor(X.copy(), requires_grad=True)), call(X.copy())
    assert not isinstance(result, Tensor)
    if name == "shares_memory":
        assert not result
    else:
        np.testing.assert_equal(result, expected)


def test_arrays_of_tensors_and_assertions_about_them_work():
    t = Tensor(X, requires_grad=True)
    assert np.asarray(t) is t.data
    assert_array_equal(np.array([t, t]), [X, X])
    assert_allclose(t, X)
    assert_array_equal(X, t)
    np.testing.assert_equal(t, X)
    assert_array_equal(np.zeros_like(t), np.zeros_like(X))
    assert_array_equal(np.sign(-t), -np.ones_like(X))
    assert_array_equal(np.round(t, 1), np.round(X, 1))
    assert np.copy(t) is not t.data


LOST = {
    "np.cumsum": np.cumsum,
    "np.sinh": np.sinh,
    "np.median": np.median,
    "np.prod": lambda t: np.prod(t, axis=0),
    "np.sort": np.sort,
    "np.split": lambda t: np.split(t, 2, axis=1),
    "np.einsum": lambda t: np.einsum("ij,kj->ik", t, Y),
    "np.add": np.add.reduce,
    "np.multiply": lambda t: np.multiply.outer(t, Y),
    "np.sum": lambda t: np.sum(t, dtype="float64"),
    "np.mean": lambda t: np.mean(t, where=Y > 1),
    "np.std": lambda t: np.std(t, ddof=1),
    "np.max": lambda t: np.max(t, initial=0.0),
    "np.pad": lambda t: np.pad(t, 1, mode="edge"),
    "np.reshape": lambda t: np.reshape(t, (4, 3), order="F"),
    "np.linalg.norm": lambda t: np.linalg.norm(t, 2),  # of a matrix: its largest singular value
    "np.linalg.svd": lambda t: np.linalg.svd(t),
    "np.exp": lambda t: np.exp(t, dtype="float64"),
    "np.stack": lambda t: np.stack([t, t], dtype="float64"),
}


@pytest.mark.parametrize("name", LOST)
def test_numpy_function_that_would_lose_a_gradient_is_refused_by_name(name):
    call = LOST[name]
    with pytest.raises(TypeError, match=rf"{name}: expected .* minigrad\.ops, or write t\.detach"):
        call(Tensor(X[:, :4], requires_grad=True))
    for t in (Tensor(X), Tensor(X, requires_grad=True).detach()):
        np.testing.assert_equal(call(t), call(X))
    with no_grad():
        assert not isinstance(call(Tensor(X, requires_grad=True)), Tensor)


def test_out_is_refused_where_a_gradient_or_a_tensor_is_concerned():
    t, array = Tensor(X, requires_grad=True), np.zeros_like(X)
    for call in (
        lambda: np.exp(t, out=array),
        lambda: np.sum(t, axis=0, out=array[0]),
        lambda: np.add(X, X, out=Tensor(array)),
        lambda: operator.iadd(array, t),
        lambda: np.concatenate([t, t], out=np.zeros((6, 4))),
    ):
        with pytest.raises(TypeError, match=r"np\.\w+: expected no out=, got one; write y = np\."):
            call()
    assert_array_equal(array, 0)
    array += Tensor(X)
    assert_array_equal(array, X)


def test_functions_of_numpy_do_not_write_into_tensors():
    t = Tensor(X.copy())
    for call in (lambda: np.copyto(t, 0.0), lambda: np.put(t, 0, 0.0), lambda: np.add.at(t, 0, 1)):
        with pytest.raises(ValueError, match="read-only"):
            call()
    assert_array_equal(t.data, X)


def test_dot_of_stacks_points_to_matmul():
    with pytest.raises(ValueError, match=r"np.dot: expected b of at most two axes.*a @ b"):
        np.dot(Tensor(X), np.ones((2, 4, 3)))


METHODS = {
    "all": (), "any": (), "argsort": (), "astype": ("float16",), "copy": (), "cumsum": (1,),
    "flatten": (), "prod": (), "ravel": (), "repeat": (2, 1), "round": (1,), "swapaxes": (0, 1),
    "take": ([2, 0], 1), "tolist": (),
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_tensors_have_the_methods_of_arrays(name):
    expected = getattr(X, name)(*METHODS[name])
    np.testing.assert_equal(np.asarray(getattr(Tensor(X), name)(*METHODS[name])), expected)


@pytest.mark.parametrize("name", ["astype", "cumsum", "prod", "repeat", "swapaxes", "take"])
def test_methods_of_arrays_refuse_where_a_gradient_would_be_lost(name):
    with pytest.raises(TypeError, match=r"expected tensors without gradient, got one"):
        getattr(Tensor(X, requires_grad=True), name)(*METHODS[name])


def test_what_is_stacked_of_outputs_is_rounded():
    outputs = np.stack([Tensor(X, requires_grad=True)] * 2).mean(axis=0)
    assert_allclose(outputs[0].round(2), X[0].round(2))
    assert_array_equal(outputs.ravel().numpy(), X.ravel())


def test_sizes_are_told_without_values():
    t = Tensor(X, requires_grad=True)
    assert (np.shape(t), np.ndim(t)) == (X.shape, X.ndim)
