"""Keras's Variable: made from values or by an initializer."""

import pickle

import numpy as np
import pytest

from minigrad import Parameter, Variable, initializers
from minigrad.layers import Dense, Layer


@pytest.mark.parametrize(
    ("variable", "values"),
    [
        (lambda: Variable([[1.0, 2.0]], name="w"), [[1, 2]]),
        (lambda: Variable("ones", (1, 2), name="w"), [[1, 1]]),
        (lambda: Variable(lambda shape, dtype: np.full(shape, 7, dtype), (3,), name="w"), [7] * 3),
        (lambda: Variable(initializers.Zeros(), shape=(), name="w"), 0),
        (lambda: Variable(3, shape=(), name="w"), 3),
    ],
)
def test_a_variable_holds_given_or_made_values(variable, values):
    variable = variable()
    np.testing.assert_array_equal(variable.numpy(), values)
    assert (variable.dtype, variable.name, variable.trainable) == (np.float32, "w", True)
    twin = pickle.loads(pickle.dumps(variable))
    assert type(twin) is Variable and twin.assign_add(variable.numpy()) is twin
    np.testing.assert_array_equal(twin.numpy(), 2 * np.asarray(values))


def test_every_weight_is_a_variable():
    layer = Dense(3)
    layer(np.ones((2, 4)))
    assert all(isinstance(weight, Variable) for weight in layer.weights)
    assert isinstance(Parameter([1.0]), Variable) and not isinstance(layer, Variable)


def test_a_layer_tracks_the_variables_among_its_attributes():
    class Scale(Layer):
        def __init__(self):
            super().__init__()
            self.factor = Variable("ones", (3,), dtype="float64", name="factor")
            self.count = Variable(0.0, trainable=False, name="count")

    layer = Scale()
    assert [weight.name for weight in layer.weights] == ["factor", "count"]
    assert layer.trainable_weights == [layer.factor] and layer.factor.dtype == np.float64


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (
            lambda: Variable("zeros"),
            ValueError,
            r"a shape for .* 'zeros', got none; write",
        ),
        (lambda: Variable([1.0], shape=(2,)), ValueError, r"values of shape \(2,\), got \(1,\)"),
        (lambda: Variable(0, dtype="int32"), TypeError, "float32 or float64, got int32; leave it"),
    ],
)
def test_what_a_variable_lacks_is_told(make, kind, message):
    with pytest.raises(kind, match=f"Variable: expected .*{message}"):
        make()
