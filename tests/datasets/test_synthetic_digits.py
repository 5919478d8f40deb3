"""The drawn digits: shapes, bits, independence, and how hard they are."""

import hashlib

import numpy as np
import pytest

from minigrad.datasets import synthetic_digits
from minigrad.datasets.synthetic_digits import load_data


@pytest.fixture(scope="module")
def digits():
    return load_data(3000, 1000)


def test_digits_have_mnists_types_and_shapes():
    (x_train, y_train), (x_test, y_test) = load_data(13, 5)
    assert (x_train.shape, y_train.shape) == ((13, 28, 28), (13,))
    assert (x_test.shape, y_test.shape) == ((5, 28, 28), (5,))
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}


def test_no_digits_are_no_error():
    (x_train, y_train), (x_test, _) = load_data(0, 0)
    assert (x_train.shape, y_train.shape, x_test.shape) == ((0, 28, 28), (0,), (0, 28, 28))


def test_digits_are_the_same_bits_everywhere():
    """A stored hash: changing a style or a number changes every published result."""
    digest = hashlib.sha256()
    for images, labels in load_data(700, 300, seed=1):
        digest.update(images)
        digest.update(labels)
    assert digest.hexdigest() == (
        "7fd7f62ac8aa7b9e0eac3830e39ce81d7a251b8c44630dd13053a5e764cd49c6"
    )


def test_first_digits_do_not_depend_on_how_many_are_drawn(digits):
    (x_train, y_train), (x_test, _) = digits
    (fewer_x, fewer_y), (fewer_test, _) = load_data(501, 7)
    np.testing.assert_array_equal(fewer_x, x_train[:501])
    np.testing.assert_array_equal(fewer_y, y_train[:501])
    np.testing.assert_array_equal(fewer_test, x_test[:7])


def test_no_digit_comes_twice(digits):
    """Neither in training and test, nor in two blocks, nor from two seeds."""
    images = [images for images, _ in (*digits, *load_data(1000, 500, seed=1))]
    distinct = {image.tobytes() for image in np.concatenate(images)}
    assert len(distinct) == 5500


def test_training_and_test_digits_are_alike(digits):
    (x_train, y_train), (x_test, y_test) = digits
    for images, labels in ((x_train, y_train), (x_test, y_test)):
        np.testing.assert_allclose(np.bincount(labels) / len(labels), 0.1, atol=0.03)
        assert images.mean() == pytest.approx(33.7, abs=1.5)
        assert images.max() == 255
        assert (images.reshape(len(images), -1).max(1) > 100).all()  # none is empty


def test_digits_stay_within_the_picture(digits):
    """At most a little of the ink lies on the outermost pixels."""
    (x_train, _), _ = digits
    inner = x_train[:, 1:-1, 1:-1].sum(dtype=float)
    assert inner / x_train.sum(dtype=float) > 0.97


def test_a_linear_classifier_learns_them_but_not_well(digits):
    """Least squares on the pixels: far better than chance, far from a convolution's 98 %."""
    (x_train, y_train), (x_test, y_test) = digits

    def features(images):
        pixels = images.reshape(len(images), -1) / 255
        return np.column_stack([pixels, np.ones(len(pixels))])

    a = features(x_train)
    targets = np.eye(10)[y_train]
    weights = np.linalg.solve(a.T @ a + 10 * np.eye(a.shape[1]), a.T @ targets)
    accuracy = (np.argmax(features(x_test) @ weights, axis=1) == y_test).mean()
    assert 0.6 < accuracy < 0.95


def test_pen_sums_are_exact_in_float32():
    """The sums are exact in float32: their order does not change the bits."""
    most = synthetic_digits.PEN_POINTS * synthetic_digits.LEVELS**2
    assert most < 2**24
    x = np.full((1, synthetic_digits.PEN_POINTS), 13.0)
    assert synthetic_digits._ink(x, x, np.array([[2.0]])).max() == most


def test_styles_are_drawn_as_their_points_say():
    """A curve passes through its end points, and every digit has the same number of styles."""
    points, weights, lengths = synthetic_digits._style_curves()
    assert len(points) == 10 * synthetic_digits.STYLES_PER_DIGIT
    assert {len(styles) for styles in synthetic_digits.STYLES} == {3}
    np.testing.assert_allclose(weights.sum(axis=2), 1, atol=1e-12)
    pen = weights @ points
    np.testing.assert_allclose(pen[:, 0], points[:, 0], atol=1e-12)
    # Style 0 of the digit 1 is a straight line of the whole height, its places equally far apart.
    np.testing.assert_allclose(lengths[3], 1, atol=1e-12)
    np.testing.assert_allclose(np.diff(pen[3, :, 1]), 1 / 63, atol=0.003)


@pytest.mark.parametrize(
    "arguments", [{"num_train": -1}, {"num_test": -1}, {"num_train": 3, "seed": -1}]
)
def test_negative_arguments_are_refused(arguments):
    name = list(arguments)[-1]
    with pytest.raises(
        ValueError, match=f"synthetic_digits: expected {name} of at least 0, got -1"
    ):
        load_data(**arguments)
