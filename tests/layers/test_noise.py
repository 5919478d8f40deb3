"""Noise layers: their statistics, seeds, whole channels, errors."""

import numpy as np
import pytest

from minigrad import layers, random

RANDOM = [
    lambda **k: layers.GaussianNoise(0.5, **k),
    lambda **k: layers.GaussianDropout(0.5, **k),
    lambda **k: layers.AlphaDropout(0.5, **k),
    lambda **k: layers.SpatialDropout2D(0.5, **k),
    lambda **k: layers.RandomFlip(**k),
    lambda **k: layers.RandomBrightness(0.5, **k),
    lambda **k: layers.RandomContrast(0.5, **k),
    lambda **k: layers.RandomRotation(0.5, **k),
    lambda **k: layers.RandomTranslation(0.5, 0.5, **k),
    lambda **k: layers.RandomZoom(0.5, 0.5, **k),
]

every_random_layer = pytest.mark.parametrize("make", RANDOM, ids=lambda m: type(m()).__name__)

X = 100 + 50 * np.sin(np.arange(6 * 5 * 4 * 3) ** 2).reshape(6, 5, 4, 3)


@every_random_layer
def test_seed_gives_the_same_numbers_call_by_call(make):
    one, other, third = make(seed=7), make(seed=7), make(seed=8)
    first, second = one(X, training=True).numpy(), one(X, training=True).numpy()
    np.testing.assert_array_equal(other(X, training=True).numpy(), first)
    np.testing.assert_array_equal(other(X, training=True).numpy(), second)
    assert (first != second).any()
    assert (third(X, training=True).numpy() != first).any()


@every_random_layer
def test_default_seed_comes_from_the_default_generator(make):
    results = []
    for _ in range(2):
        random.set_random_seed(3)
        results.append([make()(X, training=True).numpy() for _ in range(2)])
    np.testing.assert_array_equal(*results)
    assert (results[0][0] != results[0][1]).any()


@every_random_layer
def test_inference_changes_nothing(make):
    np.testing.assert_array_equal(make()(X).numpy(), np.float32(X))


@every_random_layer
def test_layer_refuses_seeds(make):
    with pytest.raises(TypeError, match="expected an integer seed"):
        make(seed=0.5)


@pytest.mark.parametrize(
    ("layer", "mean", "deviation"),
    [
        (layers.GaussianNoise(0.3, seed=1), 2, 0.3),
        (layers.GaussianDropout(0.2, seed=1), 2, 2 * 0.5),
    ],
)
def test_noise_has_its_mean_and_deviation(layer, mean, deviation):
    y = layer(np.full((100, 1000), 2.0), training=True).numpy()
    assert y.mean() == pytest.approx(mean, abs=0.02 * deviation)
    assert y.std() == pytest.approx(deviation, rel=0.02)
    assert abs(np.corrcoef(y[:, 0], y[:, 1])[0, 1]) < 0.5


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(layers.SpatialDropout1D(0.4, 3), (7, 5, 9)), (layers.SpatialDropout2D(0.4), (7, 5, 3, 9))],
)
def test_spatial_dropout_drops_whole_channels(layer, shape):
    y = layer(np.ones(shape), training=True).numpy().reshape(7, -1, 9)
    assert set(np.unique(y.round(5))) == {0, np.float32(1 / 0.6).round(5)}
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=(400, 500))
    y = layers.AlphaDropout(0.3, seed=1, dtype="float64")(x, training=True).numpy()
    assert y.mean() == pytest.approx(0, abs=0.01)
    assert y.var() == pytest.approx(1, abs=0.01)
    least = -1.6732632423543772 * 1.0507009873554805
    a = (0.7 * (1 + 0.3 * least**2)) ** -0.5
    dropped = np.isclose(y, a * least - a * least * 0.3)
    assert dropped.mean() == pytest.approx(0.3, abs=0.01)
    np.testing.assert_allclose(y[~dropped], (a * x - a * least * 0.3)[~dropped])


def test_alpha_dropout_of_whole_channels():
    y = layers.AlphaDropout(0.5, (None, 1, None), seed=1)(np.ones((7, 5, 9)), training=True)
    np.testing.assert_array_equal(y.numpy(), np.broadcast_to(y.numpy()[:, :1], y.shape))
    assert len(np.unique(y.numpy())) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.AlphaDropout(1.0), "AlphaDropout .* without 1, got 1.0"),
        (lambda: layers.AlphaDropout(0.5, (None, 1))(np.ones(3)), "an input of 2 axes"),
        (lambda: layers.GaussianNoise(-0.1), "GaussianNoise .* stddev of at least 0, got -0.1"),
        (lambda: layers.GaussianNoise(np.nan), "stddev of at least 0, got nan"),
        (lambda: layers.GaussianDropout(1.0), "GaussianDropout .* without 1, got 1.0"),
        (lambda: layers.GaussianDropout(-0.1), "rate"),
        (lambda: layers.SpatialDropout1D(1.1), "rate"),
        (lambda: layers.SpatialDropout2D(0.5, "channels_first"), "'channels_last'"),
        (lambda: layers.SpatialDropout2D(0.5)(np.ones((2, 3, 4))), "an input of 4 axes"),
    ],
)
def test_noise_refuses_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
