"""The layers against numbers that Keras computed (see tests/golden)."""

import numpy as np
import pytest

from minigrad import Tensor, layers

pytestmark = pytest.mark.right_numbers

# entry of "layers" in keras_golden.json -> entry of keras_golden_grads.json, and the layer
GOLDEN = {
    "Conv2D(4,(3,2))": ("Conv2D valid", layers.Conv2D(4, (3, 2))),
    "Conv2D same": ("Conv2D same", layers.Conv2D(4, (3, 2), padding="same")),
    "Conv2D same strides 2": (
        "Conv2D same strides 2",
        layers.Conv2D(4, (3, 2), strides=2, padding="same"),
    ),
    "Conv2D valid strides (2,1)": (
        "Conv2D valid strides (2,1)",
        layers.Conv2D(4, (3, 2), strides=(2, 1)),
    ),
    "Conv2D dilation (2,1)": (
        "Conv2D dilation (2,1)",
        layers.Conv2D(4, (3, 2), dilation_rate=(2, 1)),
    ),
    "MaxPooling2D()": ("MaxPooling2D 2", layers.MaxPooling2D()),
    "MaxPooling2D(3,2,same)": ("MaxPooling2D 3,2,same", layers.MaxPooling2D(3, 2, "same")),
    "AveragePooling2D(2)": ("AveragePooling2D 2", layers.AveragePooling2D(2)),
    "AveragePooling2D(3,2,same)": (
        "AveragePooling2D 3,2,same",
        layers.AveragePooling2D(3, 2, "same"),
    ),
    "GlobalAveragePooling2D": (None, layers.GlobalAveragePooling2D()),
}


def assert_close(actual, expected):
    """Within 1e-5, relative to the largest number: float32 sums in another order."""
    expected = np.asarray(expected, np.float32)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


@pytest.fixture
def given(golden):
    """Keras's input, kernel and bias."""
    entries = golden("keras_golden.json")["layer_inputs"]
    return {name: np.asarray(value, np.float32) for name, value in entries.items()}


def test_golden_table_covers_all_layers_of_keras(golden):
    entries = golden("keras_golden.json")["layers"]
    assert set(GOLDEN) == {name for name in entries if not name.startswith("BN")}


@pytest.mark.parametrize("entry", GOLDEN)
def test_layer_meets_keras(golden, given, entry):
    gradients, layer = GOLDEN[entry]
    x = Tensor(given["x"], requires_grad=True)
    layer.build(x.shape)
    if layer.weights:
        layer.set_weights([given["kernel"], given["bias"]])
    y = layer(x)
    assert_close(y.numpy(), golden("keras_golden.json")["layers"][entry])
    if gradients is not None:
        expected = golden("keras_golden_grads.json")[gradients]
        y.backward(np.asarray(expected["R"], np.float32))
        assert_close(x.grad, expected["dx"])
        for weight in layer.weights:
            assert_close(weight.grad, expected[f"d{weight.name}"])


def test_batch_normalization_meets_keras(golden, given):
    expected = golden("keras_golden.json")["layers"]
    layer = layers.BatchNormalization()
    y = layer(given["x"], training=True)
    assert_close(y.numpy(), expected["BN train out"])
    assert_close(layer.moving_mean.numpy(), expected["BN moving_mean"])
    assert_close(layer.moving_variance.numpy(), expected["BN moving_variance"])
    assert_close(layer(given["x"]).numpy(), expected["BN inference after 1 step"])


def test_batch_normalization_gradients_meet_keras(golden, given):
    expected = golden("keras_golden_grads.json")["BatchNormalization train"]
    layer = layers.BatchNormalization()
    x = Tensor(given["x"], requires_grad=True)
    layer.build(x.shape)
    layer.gamma.assign(expected["gamma"])
    layer.beta.assign(expected["beta"])
    layer(x, training=True).backward(np.asarray(expected["R"], np.float32))
    assert_close(x.grad, expected["dx"])
    assert_close(layer.gamma.grad, expected["dgamma"])
    assert_close(layer.beta.grad, expected["dbeta"])
