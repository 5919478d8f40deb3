"""Random images: what is drawn, what is beyond the border, errors."""

import numpy as np
import pytest

from minigrad import layers

X = 10.0 * np.arange(4)[:, None] + np.arange(5)  # row and column of each pixel
IMAGES = np.broadcast_to(X[None, :, :, None], (400, 4, 5, 1))


def change(layer, images=IMAGES):
    return layer(images, training=True).numpy()[..., 0]


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [
        ("horizontal", [X, X[:, ::-1]]),
        ("vertical", [X, X[::-1]]),
        ("horizontal_and_vertical", [X, X[:, ::-1], X[::-1], X[::-1, ::-1]]),
    ],
)
def test_flip_draws_each_way_equally_often(mode, kinds):
    y = change(layers.RandomFlip(mode, seed=1))
    counts = [(y == kind).all(axis=(1, 2)).sum() for kind in kinds]
    assert sum(counts) == len(IMAGES)
    assert min(counts) > 0.75 * len(IMAGES) / len(kinds)


def test_flip_is_another_for_each_image():
    y = change(layers.RandomFlip("vertical", seed=1))
    assert len({image.tobytes() for image in y[:20]}) == 2


def test_contrast_keeps_the_mean_and_draws_from_its_range():
    layer = layers.RandomContrast((0.2, 0.6), (-1000, 1000), seed=1)
    y = change(layer)
    np.testing.assert_allclose(y.mean(axis=(1, 2)), X.mean(), rtol=1e-5)
    factors = y.std(axis=(1, 2)) / X.std()
    assert 0.8 <= factors.min() < 0.83
    assert 1.57 < factors.max() <= 1.6001


def test_contrast_stays_in_the_range_of_values():
    y = change(layers.RandomContrast(1.0, (5, 30), seed=1))
    assert (y.min(), y.max()) == (5, 30)


def test_brightness_draws_from_its_range():
    y = change(layers.RandomBrightness((-0.02, 0.05), (-1000, 1000), seed=1))
    shifts = (y - X)[:, 0, 0]
    np.testing.assert_allclose(y, X + shifts[:, None, None], rtol=1e-4, atol=1e-4)
    assert -40 <= shifts.min() < -38
    assert 98 < shifts.max() <= 100.01


def test_brightness_stays_in_the_range_of_values():
    y = change(layers.RandomBrightness((1.0, 1.0), (30, -5)))
    assert (y.min(), y.max()) == (30, 30)


def test_crop_of_small_images_resizes_the_middle():
    y = layers.RandomCrop(8, 8)(IMAGES[:1], training=True)[0, :, :, 0].numpy()
    np.testing.assert_allclose(y, layers.Resizing(8, 8)(IMAGES[:1, :, :4])[0, :, :, 0].numpy())


def test_crop_is_any_part_in_training_and_the_middle_in_inference():
    layer = layers.RandomCrop(3, 3, seed=1)
    corners = set()
    for _ in range(60):
        y = change(layer, IMAGES[:2])
        np.testing.assert_array_equal(y[0] - y[0, 0, 0], X[:3, :3])
        np.testing.assert_array_equal(y[0], y[1])
        corners.add(y[0, 0, 0].item())
    assert corners == {0, 1, 2, 10, 11, 12}
    np.testing.assert_allclose(layers.RandomCrop(4, 3)(IMAGES[:1])[0, :, :, 0].numpy(), X[:, 1:4])
    assert layer.compute_output_shape((None, None, None, 3)) == (None, 3, 3, 3)


def test_rotation_draws_from_its_range():
    y = change(layers.RandomRotation((-0.1, 0.2), seed=1))
    # The values are a plane: at the center, its slopes turn with the image.
    down, right = (y[:, 2, 2] - y[:, 1, 2]), (y[:, 1, 3] - y[:, 1, 1]) / 2
    turns = (np.arctan2(10, 1) - np.arctan2(down, right)) / (2 * np.pi)
    assert -0.1001 <= turns.min() < -0.09
    assert 0.19 < turns.max() <= 0.2001


def test_ranges_may_be_in_either_order():
    one, other = (
        layers.RandomRotation((0.2, -0.1), seed=1),
        layers.RandomRotation((-0.1, 0.2), seed=1),
    )
    np.testing.assert_array_equal(change(one), change(other))
    assert one.factor == (-0.1, 0.2)


def test_translation_moves_down_and_to_the_right():
    layer = layers.RandomTranslation((0.25, 0.25), (0.4, 0.4), "constant", fill_value=-1.0)
    y = change(layer, IMAGES[:1])[0]
    np.testing.assert_allclose(y[1:, 2:], X[:-1, :-2])
    assert (y[0] == -1).all()
    assert (y[:, :2] == -1).all()


@pytest.mark.parametrize(
    ("fill_mode", "expected"),
    [
        ("reflect", [2, 1, 0, 0, 1]),
        ("wrap", [2, 3, 4, 0, 1]),
        ("nearest", [0, 0, 0, 0, 1]),
        ("constant", [7, 7, 7, 0, 1]),
    ],
)
def test_fill_mode_says_what_is_beyond_the_border(fill_mode, expected):
    layer = layers.RandomTranslation(0.0, (0.6, 0.6), fill_mode, fill_value=7.0)
    np.testing.assert_allclose(change(layer, IMAGES[:1])[0, 0], expected, rtol=1e-6)


def test_far_translations_reflect_again():
    layer = layers.RandomTranslation((1.0, 1.0), (-1.0, -1.0))
    np.testing.assert_allclose(change(layer, IMAGES[:1])[0], X[::-1, ::-1], rtol=1e-6)


def test_zoom_keeps_proportions_by_default():
    layer = layers.RandomZoom((-0.5, 0.0), seed=1)
    y = change(layer)
    down, right = np.diff(y[:, 1:3, 2], axis=1)[:, 0] / 10, y[:, 1, 3] - y[:, 1, 2]
    np.testing.assert_allclose(down, right, rtol=1e-4)
    assert 0.5 <= down.min() < 0.52
    assert 0.98 < down.max() <= 1.0001
    apart = layers.RandomZoom((-0.5, 0.0), (-0.5, 0.0), seed=1)
    y = change(apart)
    assert (abs(y[:, 1, 3] - y[:, 1, 2] - np.diff(y[:, 1:3, 2], axis=1)[:, 0] / 10) > 0.1).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomFlip("both"), "RandomFlip .*: expected mode 'horizontal'"),
        (lambda: layers.RandomContrast(-0.1), "factor .* from 0.0 to 1, got .-0.1"),
        (lambda: layers.RandomContrast((0.1, 1.1)), "factor"),
        (lambda: layers.RandomBrightness(1.5), "factor .* from -1.0 to 1, got 1.5"),
        (lambda: layers.RandomCrop(0, 3), "height to be an integer of at least 1"),
        (lambda: layers.RandomRotation(1.5), "factor .* from -1.0 to 1, got 1.5"),
        (lambda: layers.RandomRotation((0.1, 0.2, 0.3)), "one or two numbers"),
        (lambda: layers.RandomRotation(0.1, "mirror"), "fill_mode"),
        (lambda: layers.RandomRotation(0.1, interpolation="bicubic"), "interpolation"),
        (lambda: layers.RandomTranslation(0.1, 1.1), "width_factor"),
        (lambda: layers.RandomZoom(1.1), "height_factor"),
        (lambda: layers.RandomZoom(0.1, data_format="channels_first"), "'channels_last'"),
        (lambda: layers.RandomZoom(0.1)(X), "an input of 4 axes"),
    ],
)
def test_augmentation_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
