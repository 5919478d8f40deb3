"""Activation layers: their defaults and what they refuse."""

import numpy as np
import pytest

from minigrad import activations, layers

X = np.array([[-2.0, -0.5, 0.0, 0.5, 8.0]])


def test_activation_layers_defaults_are_those_of_keras():
    np.testing.assert_allclose(layers.LeakyReLU()(X).numpy(), [[-0.6, -0.15, 0, 0.5, 8]], rtol=1e-6)
    np.testing.assert_array_equal(layers.ReLU()(X).numpy(), [[0, 0, 0, 0.5, 8]])
    np.testing.assert_allclose(layers.ELU()(X).numpy()[0, 0], np.expm1(-2), rtol=1e-6)
    np.testing.assert_allclose(layers.Softmax()(X).numpy().sum(), 1, rtol=1e-6)


def test_relu_layer_with_ceiling_is_relu6():
    np.testing.assert_array_equal(layers.ReLU(6.0)(X).numpy(), activations.relu6(X).numpy())


def test_activation_accepts_names_functions_and_layers():
    for activation in ("tanh", activations.tanh, layers.Activation("tanh")):
        np.testing.assert_allclose(layers.Activation(activation)(X).numpy(), np.tanh(X), rtol=1e-6)
    np.testing.assert_array_equal(layers.Activation(None)(X).numpy(), X)


def test_softmax_layer_remembers_its_logits():
    y = layers.Softmax()(X)
    np.testing.assert_array_equal(y.made_by[1].numpy(), X)
    np.testing.assert_array_equal(layers.Activation("softmax")(X).made_by[1].numpy(), X)


@pytest.mark.parametrize("option", ["max_value", "negative_slope", "threshold"])
def test_relu_layer_refuses_negative_options(option):
    with pytest.raises(ValueError, match=rf"ReLU: expected {option} in .* got -1.0"):
        layers.ReLU(**{option: -1.0})


def test_activation_answers_a_near_miss():
    with pytest.raises(ValueError, match="did you mean 'sigmoid'"):
        layers.Activation("sigmiod")
