"""Activations: Keras's values and slopes, gradients in float64, the kinks, and the extremes."""

import numpy as np
import pytest

from minigrad import activations, ops
from minigrad.core import Tensor
from minigrad.testing import check_gradients

pytestmark = pytest.mark.right_numbers

NAMES = sorted(set(activations.ACTIVATIONS.names) - {"glu"})  # it halves an axis
# Off every kink (0, ±3, 6), of both signs, in an order that reveals a swapped axis.
X = np.array([[0.4, -2.3, 1.1, -0.7], [2.6, -4.1, 6.3, -0.2], [-3.4, 3.3, 0.9, 5.2]])


def slope(function, x):
    x = Tensor(np.float64(x), requires_grad=True)
    ops.sum(function(x)).backward()
    return x.grad


# Formulas of the activations that are not among Keras's golden numbers; each needs one of both.
FORMULAS = {
    "celu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "hard_shrink": lambda x: x * (np.abs(x) > 0.5),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "log_sigmoid": lambda x: -np.log1p(np.exp(-x)),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "sparse_plus": lambda x: np.where(x > 1, x, np.where(x < -1, 0, (x + 1) ** 2 / 4)),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "sparsemax": lambda x: project_onto_simplex(x),
    "squareplus": lambda x: (x + np.sqrt(x**2 + 4)) / 2,
    "tanh_shrink": lambda x: x - np.tanh(x),
}


def project_onto_simplex(x):
    """The nearest point whose coordinates are positive and sum to 1, by bisection."""
    low, high = x.max(-1, keepdims=True) - 1, x.max(-1, keepdims=True)
    for _ in range(80):
        middle = (low + high) / 2
        is_low = np.maximum(x - middle, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    return np.maximum(x - low, 0)


@pytest.mark.parametrize("name", NAMES)
def test_activations_meet_keras_golden_values(name, golden):
    numbers = golden("keras_golden.json")
    function = activations.get(name)
    x = np.float32(numbers["act_input"])
    if function.__name__ in FORMULAS:
        expected = FORMULAS[function.__name__](np.float64(x))
    else:
        expected = numbers["activations"][function.__name__]
    result = function(Tensor(x))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.data, expected, rtol=1e-5, atol=1e-7)


def test_activations_meet_keras_golden_slopes(golden):
    numbers = golden("keras_golden_grads.json")["activation grads (sum)"]
    x = golden("keras_golden.json")["act_input"]  # 0 and 3 are kinks
    for name, expected in numbers.items():
        gradient = slope(activations.get(name), x)
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", NAMES)
def test_activations_pass_the_gradient_check(name):
    check_gradients(activations.get(name), X)


@pytest.mark.parametrize("axis", [0, 1, -2])
def test_softmax_takes_an_axis(axis):
    result = activations.softmax(X, axis=axis)
    np.testing.assert_allclose(result.data.sum(axis), np.ones(X.shape[1 - axis % 2]), rtol=1e-14)
    check_gradients(lambda x: activations.softmax(x, axis=axis), X)
    check_gradients(lambda x: activations.log_softmax(x, axis=axis), X)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: activations.relu(x, negative_slope=0.1), [-0.4, -0.1, 0, 0.5, 2, 7]),
        (lambda x: activations.relu(x, max_value=2.0), [0, 0, 0, 0.5, 2, 2]),
        (lambda x: activations.relu(x, threshold=1.0), [0, 0, 0, 0, 2, 7]),
        (lambda x: activations.relu(x, 0.1, 5.0, 1.0), [-0.5, -0.2, -0.1, -0.05, 2, 5]),
        (lambda x: activations.relu(x, 0.1, 2.0, 5.0), [-0.9, -0.6, -0.5, -0.45, -0.3, 2]),
        (lambda x: activations.relu(x, 0.0, 1.5, 3.0), [0, 0, 0, 0, 0, 1.5]),
        (
            lambda x: activations.gelu(x, approximate=True),
            [-7.02e-5, -0.1588, 0, 0.3457, 1.9546, 7],
        ),
        (lambda x: activations.celu(x, 2.0), [2 * np.expm1(-2), 2 * np.expm1(-0.5), 0, 0.5, 2, 7]),
        (lambda x: activations.hard_shrink(x, 1.0), [-4, 0, 0, 0, 2, 7]),
        (lambda x: activations.soft_shrink(x, 1.0), [-3, 0, 0, 0, 1, 6]),
        (lambda x: activations.squareplus(x, 9.0), [0.5, 1.0811, 1.5, 1.7707, 2.8028, 7.3079]),
        (lambda x: activations.threshold(x, 0.5, -9.0), [-9, -9, -9, -9, 2, 7]),
        (lambda x: activations.leaky_relu(x, 0.5), [-2, -0.5, 0, 0.5, 2, 7]),
        (lambda x: activations.elu(x, 2.0), [2 * np.expm1(-4), 2 * np.expm1(-1), 0, 0.5, 2, 7]),
    ],
)
def test_activations_take_their_options(function, expected):
    x = np.array([-4.0, -1.0, 0.0, 0.5, 2.0, 7.0])
    np.testing.assert_allclose(function(Tensor(x)).data, expected, rtol=1e-3, atol=1e-15)
    check_gradients(function, X)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("relu", 0, 0),
        ("relu6", 0, 0),
        ("relu6", 6, 0),
        ("leaky_relu", 0, 1),
        ("elu", 0, 1),
        ("selu", 0, 1.7580993408473766),
        ("softsign", 0, 1),
        ("celu", 0, 1),
        ("hard_tanh", 1, 1),
        ("hard_shrink", 0.5, 0),
        ("soft_shrink", -0.5, 0),
        ("sparse_plus", 1, 1),
        ("sparse_sigmoid", -1, 0),
        ("sparse_sigmoid", 1, 0),
        ("hard_sigmoid", -3, 0),
        ("hard_sigmoid", 3, 0),
    ],
)
def test_activations_take_keras_slope_at_the_kink(name, x, expected):
    assert slope(activations.get(name), x) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"exponential", "log_softmax"}))
def test_activations_stay_finite_at_large_values(name):
    x = np.float32([-1e15, -200, 200, 1e15])
    result = activations.get(name)(Tensor(x))
    assert np.isfinite(result.data).all()
    assert np.isfinite(slope(activations.get(name), x)).all()


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"softmax", "log_softmax", "sparsemax"}))
def test_activations_work_on_scalars_and_empty_arrays_and_pass_nan_on(name):
    function = activations.get(name)
    assert function(Tensor(0.5)).shape == ()
    assert function(Tensor(np.zeros((0, 3)))).shape == (0, 3)
    assert np.isnan(function(Tensor([np.nan])).data).all()


def test_relu_with_a_slope_takes_it_at_the_threshold():
    gradient = slope(lambda x: activations.relu(x, negative_slope=0.1, threshold=1.0), [1.0, 1.5])
    np.testing.assert_array_equal(gradient, [0.1, 1])


def test_get_takes_none_and_callables_and_answers_near_misses():
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu
    assert activations.get(ops.exp) is ops.exp
    with pytest.raises(ValueError, match=r"activation: .*got 'rleu'; did you mean 'relu'"):
        activations.get("rleu")


@pytest.mark.parametrize("axis", [0, 1, -2])
def test_sparsemax_takes_an_axis(axis):
    result = activations.sparsemax(X, axis=axis)
    expected = np.moveaxis(project_onto_simplex(np.moveaxis(X, axis, -1)), -1, axis)
    np.testing.assert_allclose(result.data, expected, rtol=1e-12, atol=1e-15)
    check_gradients(lambda x: activations.sparsemax(x, axis=axis), X / 4)


def test_sparsemax_shares_evenly_among_equals():
    np.testing.assert_allclose(activations.sparsemax(np.full((1, 3), 3.0)).data, [[1 / 3] * 3])


def test_glu_gates_one_half_by_the_other():
    x = X.reshape(2, 3, 2)  # the axes differ in size
    a, b = x[:1], x[1:]
    np.testing.assert_allclose(activations.glu(x, 0).data, a / (1 + np.exp(-b)), rtol=1e-14)
    assert activations.get("glu")(x).shape == (2, 3, 1)
    check_gradients(lambda x: activations.glu(x, axis=-3), x)
    with pytest.raises(ValueError, match=r"glu: expected an even size on axis 1, got \(2, 3, 2\)"):
        activations.glu(x, axis=1)


@pytest.mark.parametrize("name", ["mish", "squareplus"])
def test_activations_like_relu_have_its_slopes_at_infinity(name):
    t = Tensor([np.inf, -np.inf, np.nan], np.float64, requires_grad=True)
    y = activations.get(name)(t)
    y.sum().backward()
    assert y.data[:2].tolist() == [np.inf, 0] and np.isnan(y.data[2])
    assert t.grad[:2].tolist() == [1, 0]
