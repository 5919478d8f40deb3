"""Layers that change shapes: unknown sizes and errors."""

import numpy as np
import pytest

from minigrad import layers


@pytest.mark.parametrize(
    ("layer", "given", "expected"),
    [
        (layers.Permute((2, 1)), (None, None, 3), (None, 3, None)),
        (layers.ZeroPadding1D(2), (None, None, 3), (None, None, 3)),
        (layers.ZeroPadding2D(), (None, None, 5, 3), (None, None, 7, 3)),
        (layers.Cropping2D(1), (None, None, 5, 3), (None, None, 3, 3)),
        (layers.CenterCrop(4, 5), (None, None, 5, 3), (None, 4, 5, 3)),
        (layers.UpSampling1D(3), (None, None, 3), (None, None, 3)),
        (layers.UpSampling2D((2, 3)), (None, 4, None, 3), (None, 8, None, 3)),
        (layers.Resizing(4, 5), (None, None, None, 3), (None, 4, 5, 3)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_sizes_may_be_unknown(layer, given, expected):
    assert layer.compute_output_shape(given) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Permute((0, 1)), "dims"),
        (lambda: layers.Permute((1, 3)), r"each number from 1 on once, got \(1, 3\)"),
        (lambda: layers.Permute((2, 1))(np.ones((2, 3))), "an input of 3 axes"),
        (lambda: layers.RepeatVector(0), "n to be an integer of at least 1, got 0"),
        (lambda: layers.RepeatVector(2)(np.ones((2, 3, 4))), "an input of 2 axes"),
        (lambda: layers.ZeroPadding1D(-1), "padding .* at least 0, got -1"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), "padding"),
        (lambda: layers.ZeroPadding2D(data_format="channels_first"), "'channels_last'"),
        (lambda: layers.ZeroPadding2D()(np.ones((2, 3, 4))), "an input of 4 axes"),
        (lambda: layers.Cropping1D((1, 2, 3)), "cropping"),
        (lambda: layers.Cropping1D(2)(np.ones((2, 4, 3))), "something is left"),
        (lambda: layers.Cropping2D(((1, 2), (3, -1))), "cropping .* got .3, -1."),
        (lambda: layers.CenterCrop(3, 0), "width to be an integer"),
        (lambda: layers.CenterCrop(3, 5)(np.ones((2, 4, 4, 1))), "images of at least 3 × 5"),
        (lambda: layers.CenterCrop(3, 5)([]), "a list of images of one size, got"),
        (
            lambda: layers.Resizing(3, 5)([np.ones((4, 4, 1)), np.ones((4, 3, 1))]),
            "a list of images of one size, got .*4, 3, 1",
        ),
        (lambda: layers.UpSampling1D(0), "size"),
        (lambda: layers.UpSampling2D(interpolation="area"), r"interpolation one of \('nearest'"),
        (lambda: layers.Resizing(3, 4, "cubic"), "interpolation one of .* got 'cubic'"),
        (lambda: layers.Resizing(3, -4), "width to be an integer of at least 1, got -4"),
        (lambda: layers.Resizing(3, 4, fill_mode="wrap"), "fill_mode 'constant', got 'wrap'"),
        (
            lambda: layers.Resizing(3, 4, "nearest", True, True),
            "crop_to_aspect_ratio or pad_to_aspect_ratio, got 'both'",
        ),
    ],
)
def test_shaping_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_bilinear_upsampling_keeps_straight_lines():
    x = np.arange(5.0)[None, :, None, None] + 10 * np.arange(4.0)[None, None, :, None]
    y = layers.UpSampling2D(3, interpolation="bilinear")(x).numpy()[0, :, :, 0]
    np.testing.assert_allclose(np.diff(y, axis=0)[1:-1], 1 / 3, rtol=1e-4)
    np.testing.assert_allclose(np.diff(y, axis=1)[:, 1:-1], 10 / 3, rtol=1e-4)
    np.testing.assert_array_equal(y[0], y[1])  # the edge is carried on


@pytest.mark.parametrize(
    "layer",
    [
        layers.CenterCrop(3, 4),
        layers.Resizing(3, 4),
        layers.RandomCrop(3, 4),
        layers.RandomFlip(),
        layers.Rescaling(1 / 255),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_of_images_take_one_and_lists(layer):
    images = np.arange(2 * 5 * 7 * 3.0).reshape(2, 5, 7, 3)
    expected = layer(images).numpy()
    np.testing.assert_allclose(layer(images[1]), expected[1], rtol=1e-6)
    np.testing.assert_allclose(layer(list(images)), expected, rtol=1e-6)
    np.testing.assert_allclose(layer((images[0],)), expected[:1], rtol=1e-6)
