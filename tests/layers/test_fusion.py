"""Models whose layers run in one kernel, against the same layers called one after the other."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minigrad import Input, Sequential, Tensor, activations, kernels, layers, no_grad, ops
from minigrad.layers.fusion import pools_at_once, run_at_once


@pytest.fixture
def fused(monkeypatch):
    """A list that grows by one entry with each call of the kernel that convolves and pools."""
    calls = []
    original = kernels.conv2d_pool_forward

    def spy(*arguments):
        calls.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(kernels, "conv2d_pool_forward", spy)
    return calls


def network(dtype="float64", activation="relu"):
    """Two stages, of which the second one's input needs a gradient; pooling drops a row."""
    return Sequential(
        [
            Input((12, 11, 2), dtype=dtype),
            layers.Conv2D(5, (3, 2), activation=activation, dtype=dtype, bias_initializer="normal"),
            layers.MaxPooling2D((3, 2)),
            layers.Dropout(0.3, seed=4),
            layers.Conv2D(3, 2, activation="relu", dtype=dtype),
            layers.MaxPooling2D((2, 3)),
            layers.Flatten(),
            layers.Dense(4, dtype=dtype),
        ]
    )


def one_by_one(model, x, training):
    x = Tensor(x)
    for layer in model.layers:
        x = layer(x, training=training)
    return x


def images(count=6, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 12, 11, 2))


@pytest.mark.parametrize("activation", [None, "linear", "relu"])
def test_a_model_that_fuses_has_the_outputs_and_gradients_of_its_layers(fused, activation):
    model, apart = network(activation=activation), network(activation=activation)
    apart.set_weights(model.get_weights())
    x = images()
    for _ in range(2):  # the second time, dropout draws another mask
        y, expected = model(x, training=True), one_by_one(apart, x, training=True)
        assert_allclose(y.numpy(), expected.numpy(), rtol=1e-13)
    (y * y).sum().backward()
    (expected * expected).sum().backward()
    assert len(fused) == 2
    for one, other in zip(model.weights, apart.weights, strict=True):
        assert_allclose(one.grad, other.grad, rtol=1e-11, atol=1e-13, err_msg=one.path)


def test_without_gradients_every_stage_is_fused(fused):
    model = network()
    expected = one_by_one(model, images(), training=False)
    assert fused == []
    assert_allclose(model.predict(images(), verbose=0), expected.numpy(), rtol=1e-13)
    assert len(fused) == 2


def test_images_that_want_a_gradient_get_it(fused):
    model = network()
    x = Tensor(images(), requires_grad=True)
    model(x).sum().backward()
    assert fused == []
    assert np.abs(x.grad).max() > 0


def test_a_frozen_convolution_is_fused_and_stays(fused):
    model = network()
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.train_on_batch(images(), np.ones((6, 4)))
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, False, True, True, True, True]
    assert len(fused) == 2  # the second stage too: nobody wants the gradient of its input


def test_fused_training_gives_the_same_bits_with_any_number_of_threads(num_threads, fused):
    x, y = images(70).astype("float32"), np.random.default_rng(1).normal(size=(70, 4))
    start = network("float32").get_weights()
    hashes = set()
    for threads in (1, 2, 3):
        num_threads(threads)
        model = network("float32")
        model.set_weights(start)
        model.compile("adam", "mse")
        model.fit(x, y, batch_size=30, epochs=2, shuffle=False, verbose=0)
        hashes.add(model.weights_hash())
    assert len(fused) == 3 * 2 * 3
    assert len(hashes) == 1


class OwnConvolution(layers.Conv2D):
    pass


class OwnPooling(layers.MaxPooling2D):
    def call(self, x, training=False):
        return super().call(x) * 2


def wrapped(layer):
    layer.call = lambda x, training=False: type(layer).call(layer, x) * 2
    return layer


@pytest.mark.parametrize(
    ("convolution", "pooling", "expected"),
    [
        (layers.Conv2D(3, 2), layers.MaxPooling2D(2), True),
        (layers.Conv2D(3, 2, activation="relu"), layers.MaxPooling2D((1, 2), (1, 2)), True),
        (
            layers.Conv2D(4, 2, padding="same", strides=2, groups=2),
            layers.MaxPooling2D((2, 127)),
            True,
        ),
        (layers.Conv2D(3, 2), layers.MaxPooling2D((3, 85)), False),  # 255 cells
        (layers.Conv2D(3, 2, activation="tanh"), layers.MaxPooling2D(2), False),
        (layers.Conv2D(3, 2, activation=lambda x: x), layers.MaxPooling2D(2), False),
        (layers.Conv2D(3, 2), layers.MaxPooling2D(2, strides=1), False),
        (layers.Conv2D(3, 2), layers.MaxPooling2D(2, strides=3), False),
        (layers.Conv2D(3, 2), layers.MaxPooling2D(2, padding="same"), False),
        (layers.Conv2D(3, 2), layers.AveragePooling2D(2), False),
        (layers.Conv2D(3, 2), layers.Dropout(0.5), False),
        (layers.MaxPooling2D(2), layers.MaxPooling2D(2), False),
        (layers.Conv2D(3, 2, activity_regularizer="l2"), layers.MaxPooling2D(2), False),
        (layers.Conv2D(3, 2), layers.MaxPooling2D(2, activity_regularizer="l2"), False),
        (OwnConvolution(3, 2), layers.MaxPooling2D(2), False),
        (layers.Conv2D(3, 2), OwnPooling(2), False),
        (wrapped(layers.Conv2D(3, 2)), layers.MaxPooling2D(2), False),
        (layers.Conv2D(3, 2), wrapped(layers.MaxPooling2D(2)), False),
    ],
)
def test_what_is_fused(convolution, pooling, expected):
    assert pools_at_once(convolution, pooling, Tensor(images())) is expected
    if expected:
        wanted = Tensor(images(), requires_grad=True)
        assert not pools_at_once(convolution, pooling, wanted)
        with no_grad():
            assert pools_at_once(convolution, pooling, wanted)


def test_relu_is_known_by_all_its_names(fused):
    for activation in ("relu", activations.relu):
        model = Sequential(
            [Input((5, 5, 1)), layers.Conv2D(2, 2, activation=activation), layers.MaxPooling2D()]
        )
        model(np.ones((1, 5, 5, 1)))
    assert len(fused) == 2


def test_a_convolution_too_small_to_pool_is_an_error_of_the_pooling_layer():
    model = Sequential(
        [Input((None, None, 1)), layers.Conv2D(2, 3), layers.MaxPooling2D(2, name="pool")]
    )
    assert model(np.ones((1, 4, 5, 1))).shape == (1, 1, 1, 2)
    with pytest.raises(ValueError, match="max_pool2d: Computed output size would be zero"):
        model(np.ones((1, 3, 5, 1)))


def relu_and(dropout, activation="relu"):
    return [layers.Conv2D(3, 2, activation=activation), layers.MaxPooling2D(2), dropout]


@pytest.mark.parametrize(
    ("sequence", "training", "expected"),
    [
        (relu_and(layers.Dropout(0.25)), True, 3),
        (relu_and(layers.Dropout(0.25)), False, 2),
        (relu_and(layers.Dropout(0.25), activation=None), True, 2),  # a 0 may have been kept
        (relu_and(layers.Dropout(0.0)), True, 2),
        (relu_and(layers.Dropout(1.0)), True, 2),
        (relu_and(layers.Dropout(0.25, noise_shape=(None, 1, 1, None))), True, 2),
        (relu_and(layers.Dropout(0.25, activity_regularizer="l2")), True, 2),
        (relu_and(wrapped(layers.Dropout(0.25))), True, 2),
        (relu_and(layers.Flatten()), True, 2),
        (relu_and(layers.Dropout(0.25))[1:], True, 1),
    ],
)
def test_when_dropout_goes_along(sequence, training, expected):
    number, options = run_at_once(sequence, Tensor(images()), training)
    assert number == expected
    assert ("dropout" in options) == (expected == 3)


def test_dropout_that_goes_along_draws_the_masks_that_it_would_draw_alone():
    along, alone = network(), network()
    alone.set_weights(along.get_weights())
    x = Tensor(images())
    for _ in range(3):
        y = x
        for layer in alone.layers[:3]:
            y = layer(y, training=True)
        number, options = run_at_once(along.layers, x, training=True)
        z = along.layers[0](x, training=True, **options)
        assert number == 3
        np.testing.assert_array_equal(z.numpy(), y.numpy())
    assert 0.2 < np.mean(y.numpy() == 0) < 0.9


def test_conv2d_drops_only_what_it_has_pooled_after_relu():
    x, kernel = images(), np.ones((2, 2, 2, 3))
    wrong = [(0.5, "relu", None), (0.5, None, 2), (1.0, "relu", 2), (-0.5, "relu", 2)]
    for rate, activation, pool_size in [*wrong, (np.nan, "relu", 2)]:
        with pytest.raises(ValueError, match="conv2d: expected dropout"):
            ops.conv2d(
                x, kernel, None, activation=activation, pool_size=pool_size, dropout=(rate, 1)
            )
