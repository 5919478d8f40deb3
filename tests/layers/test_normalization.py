"""Batch normalization: what updates its moving statistics, and when they are used."""

import numpy as np
import pytest

from minigrad import layers


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(2.0, 3.0, (7, 5, 3, 2))


def test_batch_normalization_moves_statistics_in_training(x):
    layer = layers.BatchNormalization(momentum=0.9, dtype="float64")
    layer(x, training=True)
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * mean, rtol=1e-12)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 + 0.1 * variance, rtol=1e-12)
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.19 * mean, rtol=1e-12)


def test_batch_normalization_converges_to_the_statistics_of_the_data(x):
    layer = layers.BatchNormalization(momentum=0.5, epsilon=1e-6, dtype="float64")
    for _ in range(60):
        trained = layer(x, training=True).numpy()
    np.testing.assert_allclose(layer(x).numpy(), trained, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(trained.mean(axis=(0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(trained.var(axis=(0, 1, 2)), 1, rtol=1e-6)


@pytest.mark.parametrize(("training", "trainable"), [(False, True), (True, False), (False, False)])
def test_batch_normalization_in_inference_or_frozen_moves_nothing(x, training, trainable):
    layer = layers.BatchNormalization(dtype="float64")
    layer.build(x.shape)
    layer.set_weights([[2.0, 3.0], [5.0, 7.0], [1.0, -1.0], [4.0, 0.25]])
    layer.trainable = trainable
    y = layer(x, training=training)
    expected = [2.0, 3.0] * (x - [1.0, -1.0]) / np.sqrt(np.array([4.0, 0.25]) + 1e-3) + [5.0, 7.0]
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12)
    np.testing.assert_array_equal(layer.get_weights()[2:], [[1.0, -1.0], [4.0, 0.25]])


def test_batch_normalization_statistics_change_between_forward_and_backward(x):
    layer = layers.BatchNormalization()
    inference = layer(x)
    layer(x, training=True)  # overwrites the moving statistics in place
    inference.sum().backward()
    np.testing.assert_allclose(layer.beta.grad, [105, 105])


def test_batch_normalization_weights_and_their_order(x):
    layer = layers.BatchNormalization()
    layer.build(x.shape)
    assert [w.name for w in layer.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [w.name for w in layer.trainable_weights] == ["gamma", "beta"]
    assert [w.name for w in layer.non_trainable_weights] == ["moving_mean", "moving_variance"]
    assert layer.count_params() == 8
    bare = layers.BatchNormalization(center=False, scale=False)
    bare.build(x.shape)
    assert [w.name for w in bare.weights] == ["moving_mean", "moving_variance"]


def test_batch_normalization_initializers_regularizers_and_constraints(x):
    layer = layers.BatchNormalization(
        beta_initializer="ones",
        moving_mean_initializer="ones",
        moving_variance_initializer="zeros",
        gamma_regularizer="l2",
        beta_constraint="non_neg",
    )
    layer.build(x.shape)
    np.testing.assert_array_equal(layer.beta.numpy(), [1, 1])
    np.testing.assert_array_equal(layer.moving_mean.numpy(), [1, 1])
    np.testing.assert_array_equal(layer.moving_variance.numpy(), [0, 0])
    assert layer.beta.constraint is not None
    assert [float(loss) for loss in layer.losses] == pytest.approx([0.02])  # 0.01 · (1² + 1²)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"momentum": 1.5}, r"BatchNormalization: expected momentum in \[0, 1\], got 1.5"),
        ({"epsilon": 0.0}, r"BatchNormalization: expected epsilon in \(0, inf\), got 0.0"),
        ({"axis": 0}, r"an axis other than the batch axis, got 0"),
    ],
)
def test_batch_normalization_refuses_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.BatchNormalization(**arguments)


def test_batch_normalization_refuses_shapes(x):
    with pytest.raises(ValueError, match=r"at least 4 axes.* got \(7, 5\)"):
        layers.BatchNormalization(axis=3).build((7, 5))
    with pytest.raises(ValueError, match=r"at least 3 axes.* got \(7, 5\)"):
        layers.BatchNormalization(axis=-2).build((7, 5))
    layer = layers.BatchNormalization(axis=1)
    layer(x)
    with pytest.raises(ValueError, match=r"size 5 on axis 1, got \(7, 4, 3, 2\)"):
        layer(x[:, :4])
