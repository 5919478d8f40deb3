"""Scaling layers: adapt, statistics, shapes of weights, errors."""

import numpy as np
import pytest

from minigrad import Tensor, layers

DATA = np.random.default_rng(0).normal(3, 2, (50, 4, 3))


@pytest.mark.parametrize(
    ("axis", "others"), [(-1, (0, 1)), (1, (0, 2)), ((2, 1), (0,)), (None, (0, 1, 2))]
)
def test_adapted_normalization_standardizes_the_data(axis, others):
    layer = layers.Normalization(axis)
    layer.adapt(DATA)
    y = layer(DATA).numpy()
    np.testing.assert_allclose(y.mean(axis=others), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=others), 1, atol=1e-5)
    expected = DATA.mean(axis=others, keepdims=True)[:1]
    np.testing.assert_allclose(layer.mean.numpy(), expected, rtol=1e-6)


def test_normalization_forgets_the_data_before():
    layer = layers.Normalization()
    layer.adapt(DATA + 100)
    layer.adapt(DATA)
    np.testing.assert_allclose(layer.mean.numpy().ravel(), DATA.mean(axis=(0, 1)), rtol=1e-6)


def test_normalization_adapts_to_batches():
    whole, parts = layers.Normalization(), layers.Normalization()
    whole.adapt(DATA)
    parts.adapt(iter([DATA[:1], DATA[1:], DATA]), steps=2)
    for a, b in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_normalization_does_nothing_before_adapt():
    assert layers.Normalization().mean is layers.Normalization(mean=1, variance=1).variance is None
    np.testing.assert_array_equal(layers.Normalization()(DATA).numpy(), np.float32(DATA))


def test_normalization_inverts_itself():
    there, back = layers.Normalization(), layers.Normalization(invert=True)
    for layer in (there, back):
        layer.adapt(DATA)
    np.testing.assert_allclose(back(there(DATA)).numpy(), DATA, rtol=1e-4, atol=1e-4)


def test_normalization_takes_weights_of_another():
    old, new = layers.Normalization(), layers.Normalization()
    old.adapt(DATA)
    new.build(DATA.shape)
    new.set_weights(old.get_weights())
    np.testing.assert_array_equal(new(DATA).numpy(), old(DATA).numpy())
    assert new.trainable_weights == []


def test_normalization_adapts_in_float64():
    data = np.random.default_rng(0).normal(3000, 1, (20000, 3)).astype("float32")
    layer = layers.Normalization(dtype="float64")
    layer.adapt(data)  # sums of float32 would lose digits
    exact = data.astype("float64")
    np.testing.assert_allclose(layer.mean.numpy()[0], exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(layer.variance.numpy()[0], exact.var(axis=0), rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Normalization(mean=1.0), "both mean and variance, or none"),
        (lambda: layers.Normalization(0), "other than 0, the batch's, got 0"),
        (lambda: layers.Normalization("1"), r"axis to be one or more ints .* got '1'"),
        (lambda: layers.Normalization(2).adapt(np.ones((3, 4))), "at least 3 axes"),
        (lambda: layers.Normalization().adapt(np.ones((0, 4))), "at least one sample"),
        (lambda: layers.Normalization(None, 1, 1).adapt(DATA), "no mean and variance"),
        (lambda: layers.LayerNormalization(0), "other than 0"),
        (lambda: layers.LayerNormalization("1"), "axis to be one or more ints"),
        (lambda: layers.LayerNormalization(epsilon=0), "epsilon > 0, got 0"),
        (lambda: layers.LayerNormalization().build((None, None)), "known size on axis -1"),
        (lambda: layers.GroupNormalization(0), "groups to be an integer of at least 1, got 0"),
        (lambda: layers.GroupNormalization(2, [1, 2]), "one axis"),
        (lambda: layers.GroupNormalization()(DATA), "multiple of groups .32.; see the argument"),
        (lambda: layers.UnitNormalization(3)(DATA), "at least 4 axes"),
    ],
)
def test_scaling_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_layer_normalization_refuses_another_size():
    layer = layers.LayerNormalization()
    layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match="an input of size 3 on axis -1"):
        layer(np.ones((2, 4)))


def test_rescaling_keeps_float32():
    assert layers.Rescaling(np.ones(3), np.ones(3))(np.ones((2, 3), "float32")).dtype == "float32"


def test_unit_normalization_takes_small_vectors():
    y = layers.UnitNormalization(dtype="float64")([[3e-9, 4e-9]])
    np.testing.assert_allclose(y.numpy(), [[0.6, 0.8]], rtol=1e-12)


def test_unit_normalization_of_zeros_is_zero():
    x = Tensor(np.zeros((2, 3)), requires_grad=True)
    y = layers.UnitNormalization()(x)
    y.sum().backward()
    np.testing.assert_array_equal(y.numpy(), np.zeros((2, 3)))
    assert np.isfinite(x.grad).all()


def test_normalizations_have_options_for_their_weights():
    options = {"gamma_regularizer": "l2", "beta_constraint": "non_neg", "gamma_initializer": "ones"}
    for layer in (layers.LayerNormalization(**options), layers.GroupNormalization(1, **options)):
        layer(np.ones((2, 3)))
        assert [w.name for w in layer.weights] == ["gamma", "beta"]
        assert layer.losses[0].item() == pytest.approx(0.03)
        assert layer.beta.constraint is layer.beta_constraint is not None
