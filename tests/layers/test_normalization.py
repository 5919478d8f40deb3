"""Batch normalization: what updates its moving statistics, and when they are used."""

import numpy as np
import pytest

from minigrad import layers, ops
from minigrad.core import Tensor


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


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("clipping", [None, {"rmax": 1.4, "rmin": 1.1, "dmax": 0.3}, {"dmax": 0}])
def test_batch_renormalization_is_its_formula(x, axis, clipping):
    layer = layers.BatchNormalization(
        axis, 0.9, 0.1, renorm=True, renorm_clipping=clipping, renorm_momentum=0.8, dtype="float64",
        beta_initializer="random_normal", gamma_initializer="random_normal",
        moving_variance_initializer=lambda shape, dtype: np.full(shape, 4.0),
    )  # fmt: skip
    axes = tuple(np.delete(range(4), axis))
    channels = [1] * 4
    channels[axis] = -1
    mean, deviation = x.mean(axes), np.sqrt(x.var(axes) + 0.1)
    limits = clipping or {}
    r = np.clip(deviation / 2, limits.get("rmin", 0), limits.get("rmax", np.inf))
    d = np.clip(mean / 2, -limits.get("dmax", np.inf), limits.get("dmax", np.inf))
    given = Tensor(x, requires_grad=True)
    y = layer(given, training=True)
    gamma, beta = layer.gamma.numpy(), layer.beta.numpy()
    normal = (x - mean.reshape(channels)) / deviation.reshape(channels)
    expected = (normal * r.reshape(channels) + d.reshape(channels)) * gamma.reshape(channels)
    np.testing.assert_allclose(y.numpy(), expected + beta.reshape(channels), rtol=1e-11, atol=1e-12)

    for name, value in (
        ("renorm_mean", 0.2 * mean),
        ("renorm_stddev", 1.6 + 0.2 * deviation),
        ("moving_mean", 0.1 * mean),
        ("moving_stddev", 1.8 + 0.1 * deviation),
        ("moving_variance", (1.8 + 0.1 * deviation) ** 2 - 0.1),
    ):
        np.testing.assert_allclose(getattr(layer, name).numpy(), value, rtol=1e-12, err_msg=name)

    slopes = np.random.default_rng(2).normal(size=x.shape)
    ops.sum(y * slopes).backward()  # r and d count as constants
    alone = Tensor(x, requires_grad=True)
    scaled, *_ = ops.batch_norm(alone, gamma * r, gamma * d + beta, 0.1, axis)
    ops.sum(scaled * slopes).backward()
    np.testing.assert_allclose(given.grad, alone.grad, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        layer.gamma.grad, (slopes * expected).sum(axes) / gamma, rtol=1e-9, atol=1e-9
    )


def test_batch_renormalization_in_inference_is_batch_normalization(x):
    plain = layers.BatchNormalization(dtype="float64")
    layer = layers.BatchNormalization(renorm=True, synchronized=True, dtype="float64")
    layer(x, training=True)
    names = [weight.name for weight in layer.non_trainable_weights]
    assert names == ["moving_mean", "moving_variance", "moving_stddev", "renorm_mean",
                     "renorm_stddev"]  # fmt: skip
    plain.build(x.shape)
    plain.set_weights([weight.numpy() for weight in layer.weights[:4]])
    np.testing.assert_array_equal(layer(x).numpy(), plain(x).numpy())
    before = [weight.numpy() for weight in layer.weights]
    layer(x[:0], training=True)
    for old, weight in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)


@pytest.mark.parametrize("clipping", [{"max": 1}, {"rmax": 0, "rmin": 1}, {"dmax": -1.0}])
def test_batch_renormalization_refuses_limits(clipping):
    with pytest.raises(ValueError, match="expected renorm_clipping of 'rmin' <= 'rmax'"):
        layers.BatchNormalization(renorm=True, renorm_clipping=clipping)
