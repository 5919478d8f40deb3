"""Depthwise, separable and transposed convolution: relations among layers, errors."""

import numpy as np
import pytest

from minigrad import layers

X = np.sin(np.arange(2 * 6 * 5 * 3) ** 2).reshape(2, 6, 5, 3)


def test_separable_convolution_is_two_convolutions():
    layer = layers.SeparableConv2D(4, 3, padding="same", depth_multiplier=2, dtype="float64")
    y = layer(X)
    depthwise = layers.DepthwiseConv2D(
        3, padding="same", depth_multiplier=2, use_bias=False, dtype="float64"
    )
    pointwise = layers.Conv2D(4, 1, dtype="float64")
    depthwise.build((None, 6, 5, 3))
    pointwise.build((None, 6, 5, 6))
    depthwise.set_weights(layer.get_weights()[:1])
    pointwise.set_weights(layer.get_weights()[1:])
    np.testing.assert_allclose(y.numpy(), pointwise(depthwise(X)).numpy(), rtol=1e-12)


def test_transposed_convolution_undoes_the_shape_of_a_convolution():
    for padding in ("valid", "same"):
        for stride, size in ((1, 7), (2, 7), (3, 7), (2, 8)):
            conv = layers.Conv2D(4, 3, stride, padding)
            shape = conv.compute_output_shape((None, size, size, 3))
            output = [
                layers.Conv2DTranspose(3, 3, stride, padding, extra).compute_output_shape(shape)
                for extra in range(stride)
            ]
            assert (None, size, size, 3) in output


def test_unknown_sizes_stay_unknown():
    shape = (None, None, 5, 3)
    assert layers.DepthwiseConv2D(3).compute_output_shape(shape) == (None, None, 3, 3)
    assert layers.SeparableConv2D(4, 3).compute_output_shape(shape) == (None, None, 3, 4)
    assert layers.Conv2DTranspose(4, 3, 2).compute_output_shape(shape) == (None, None, 11, 4)


def test_weights_have_their_options():
    layer = layers.SeparableConv2D(
        4, 3, depthwise_regularizer="l2", pointwise_initializer="ones", bias_constraint="non_neg"
    )
    layer.build((None, 6, 5, 3))
    assert layer.depthwise_kernel.regularizer is layer.depthwise_regularizer is not None
    np.testing.assert_array_equal(layer.pointwise_kernel.numpy(), np.ones((1, 1, 3, 4)))
    assert layer.bias.constraint is layer.bias_constraint is not None
    assert layers.Conv2DTranspose(4, 3, use_bias=False).use_bias is False


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.DepthwiseConv2D(0), "DepthwiseConv2D .*kernel_size .* got 0"),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "depth_multiplier"),
        (lambda: layers.DepthwiseConv2D(3, padding="full"), "padding 'valid' or 'same'"),
        (lambda: layers.DepthwiseConv2D(3, data_format="channels_first"), "'channels_last'"),
        (lambda: layers.DepthwiseConv2D(7)(X), "at least 7 cells"),
        (lambda: layers.DepthwiseConv2D(3)(X[0]), "an input of 4 axes"),
        (lambda: layers.SeparableConv2D(0, 3), "filters"),
        (lambda: layers.SeparableConv2D(4, 3, 2, dilation_rate=2), "strides 1 with dilation_rate"),
        (lambda: layers.SeparableConv2D(4, 7)(X), "at least 7 cells"),
        (lambda: layers.Conv2DTranspose(0, 3), "filters"),
        (lambda: layers.Conv2DTranspose(4, 3, 2, output_padding=2), "below the strides 2, got 2"),
        (lambda: layers.Conv2DTranspose(4, 3, 2, output_padding=-1), "output_padding"),
        (lambda: layers.Conv2DTranspose(4, 3)(X[0]), "an input of 4 axes"),
        (
            lambda: layers.Conv2DTranspose(4, 2, 1, "same", 0)(X[:, :1]),
            "an output of size 1 or more, got 0",
        ),
    ],
)
def test_convolutions_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_convolutions_keep_the_number_of_channels():
    for layer in (layers.DepthwiseConv2D(3), layers.SeparableConv2D(2, 3)):
        layer(X)
        with pytest.raises(ValueError, match="an input of size 3 on axis -1"):
            layer(X[..., :2])
