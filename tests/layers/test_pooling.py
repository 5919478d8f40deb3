"""Pooling: ties, padding, defaults and errors."""

import numpy as np
import pytest

from minigrad import Tensor, layers


def test_max_pooling_gives_the_gradient_to_the_first_maximum():
    x = Tensor(np.ones((1, 2, 2, 1)), requires_grad=True)
    layers.MaxPooling2D()(x).sum().backward()
    np.testing.assert_array_equal(x.grad.ravel(), [1, 0, 0, 0])


def test_max_pooling_padding_never_wins():
    y = layers.MaxPooling2D(3, 1, "same")(np.full((1, 2, 3, 1), -5.0))
    np.testing.assert_array_equal(y.numpy(), np.full((1, 2, 3, 1), -5.0))


def test_average_pooling_does_not_count_padding():
    y = layers.AveragePooling2D(3, 1, "same")(np.full((1, 2, 3, 1), 7.0))
    np.testing.assert_allclose(y.numpy(), np.full((1, 2, 3, 1), 7.0), rtol=1e-6)


def test_pooling_strides_are_the_window_by_default():
    assert layers.MaxPooling2D().compute_output_shape((None, 7, 9, 2)) == (None, 3, 4, 2)
    assert layers.AveragePooling2D((3, 2)).compute_output_shape((5, 7, 9, 2)) == (5, 2, 4, 2)


def test_average_pooling_has_no_default_window():
    with pytest.raises(TypeError, match="pool_size"):
        layers.AveragePooling2D()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pool_size": 0}, r"MaxPooling2D 'max_pooling2d': .*pool_size .* got 0"),
        ({"strides": (2, 2, 2)}, r"strides .* got \(2, 2, 2\)"),
        ({"padding": None}, r"padding 'valid' or 'same', got None"),
        ({"data_format": "channels_first"}, r"'channels_last', got 'channels_first'"),
    ],
)
def test_pooling_refuses_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.MaxPooling2D(**arguments)


@pytest.mark.parametrize(
    "layer",
    [
        layers.MaxPooling2D(),
        layers.AveragePooling2D(2),
        layers.GlobalAveragePooling2D(),
        layers.GlobalMaxPooling2D(),
    ],
    ids=repr,
)
def test_pooling_refuses_input_that_is_no_image(layer):
    with pytest.raises(
        ValueError, match=rf"'{layer.name}': expected an input of 4 axes.*\(3, 4, 5\)"
    ):
        layer(np.zeros((3, 4, 5)))
    with pytest.raises(
        ValueError, match=rf"'{layer.name}': expected an input of 4 axes.*\(3, 4, 5\)"
    ):
        layer.compute_output_shape((3, 4, 5))


@pytest.mark.parametrize("kind", [layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D])
def test_global_pooling_keeps_axes_if_asked(kind):
    x = np.zeros((3, 4, 5, 2))
    assert kind()(x).shape == kind().compute_output_shape(x.shape) == (3, 2)
    assert kind(keepdims=True)(x).shape == (3, 1, 1, 2)
    assert kind(keepdims=True).compute_output_shape((None, None, None, 2)) == (None, 1, 1, 2)


@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pooling_agrees_with_torch(kind):
    torch = pytest.importorskip("torch")
    layer = {"max": layers.MaxPooling2D, "avg": layers.AveragePooling2D}[kind]((3, 2), (2, 1))
    x = Tensor(np.random.default_rng(0).normal(size=(3, 9, 7, 4)), requires_grad=True)
    y = layer(x)
    y.sum().backward()
    tx = torch.tensor(x.numpy().transpose(0, 3, 1, 2), requires_grad=True)
    ty = getattr(torch.nn.functional, f"{kind}_pool2d")(tx, (3, 2), (2, 1))
    ty.sum().backward()
    np.testing.assert_allclose(y.numpy().transpose(0, 3, 1, 2), ty.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(x.grad.transpose(0, 3, 1, 2), tx.grad.numpy(), atol=1e-12)
