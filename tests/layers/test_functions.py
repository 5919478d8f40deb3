"""Identity, ActivityRegularization, TimeDistributed, Lambda and PReLU."""

import numpy as np
import pytest

from minigrad import Tensor, layers, ops

X = np.arange(1.0, 7.0).reshape(2, 3)


def test_identity_returns_its_input():
    x = Tensor(X)
    assert layers.Identity()(x) is x


def test_activity_regularization_adds_to_the_loss():
    layer = layers.ActivityRegularization(0.1, 0.01)
    layer(X)
    expected = (0.1 * np.abs(X).sum() + 0.01 * (X**2).sum()) / 2
    assert [loss.item() for loss in layer.losses] == pytest.approx([expected])
    with pytest.raises(ValueError, match="l1"):
        layers.ActivityRegularization(-1)


def test_time_distributed_has_the_weights_of_one_layer():
    dense = layers.Dense(4, activation="tanh")
    layer = layers.TimeDistributed(dense)
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    y = layer(x)
    assert [w.shape for w in layer.weights] == [(3, 4), (4,)]
    for step in range(5):
        np.testing.assert_allclose(y[:, step].numpy(), dense(x[:, step]).numpy(), rtol=1e-6)
    assert layer.compute_output_shape((None, None, 3)) == (None, None, 4)
    y.sum().backward()
    assert dense.kernel.grad.shape == (3, 4)


def test_time_distributed_hands_training_over():
    layer = layers.TimeDistributed(layers.Dropout(0.5, seed=1))
    assert (layer(np.ones((2, 3, 4)), training=True).numpy() == 0).any()
    assert (layer(np.ones((2, 3, 4))).numpy() == 1).all()


def test_time_distributed_refuses():
    with pytest.raises(TypeError, match="expected a layer, got Dense"):
        layers.TimeDistributed(layers.Dense)
    with pytest.raises(ValueError, match="an input of at least 3 axes"):
        layers.TimeDistributed(layers.Dense(2))(X)


def test_lambda_hands_training_over_if_it_is_wanted():
    layer = layers.Lambda(lambda x, training: x * 2 if training else x)
    np.testing.assert_array_equal(layer(X).numpy(), X)
    np.testing.assert_array_equal(layer(X, training=True).numpy(), 2 * X)


@pytest.mark.parametrize("output_shape", [None, (), lambda shape: shape[:1]])
def test_lambda_knows_its_output_shape(output_shape):
    layer = layers.Lambda(lambda x: ops.sum(x, 1), output_shape)
    assert layer(X).shape == layer.compute_output_shape((2, 3)) == (2,)
    assert layer.compute_output_shape((None, 3)) == (None,)


def test_lambda_takes_several_inputs_and_gives_several_shapes():
    pair = [layers.Input((3,)), layers.Input((3,))]
    y = layers.Lambda(lambda x: ops.sum(x[0] - x[1], 1, keepdims=True), output_shape=(1,))(pair)
    assert y.shape == (None, 1)
    y = layers.Lambda(lambda x: (x[:, :1], x), output_shape=[(1,), (3,)])(pair[0])
    assert [symbol.shape for symbol in y] == [(None, 1), (None, 3)]


def test_lambda_believes_a_given_shape():
    layer = layers.Lambda(lambda x: x, output_shape=(None, 5))
    assert layer.compute_output_shape((2, None)) == (2, None, 5)


def test_lambda_refuses_arguments():
    with pytest.raises(TypeError, match="Lambda 'lambda': expected a function, got 3"):
        layers.Lambda(3)
    with pytest.raises(ValueError, match="no masks"):
        layers.Lambda(abs, mask=X)


def test_prelu_begins_as_relu():
    np.testing.assert_array_equal(layers.PReLU()([[-2.0, 3.0]]).numpy(), [[0, 3]])


def test_prelu_shares_alpha():
    layer = layers.PReLU(shared_axes=1)
    layer.build((None, None, 4))
    assert layer.alpha.shape == (1, 4)
    assert layer(np.zeros((2, 5, 4))).shape == (2, 5, 4)
    assert layer(np.zeros((2, 7, 4))).shape == (2, 7, 4)
    with pytest.raises(ValueError, match="an input of size 4 on axis 2"):
        layer(np.zeros((2, 7, 5)))


def test_prelu_has_options_for_alpha():
    layer = layers.PReLU("ones", "l1", "non_neg")
    layer.build((None, 3))
    assert layer.losses[0].item() == pytest.approx(0.03)
    assert layer.alpha.constraint is layer.alpha_constraint is not None


def test_prelu_refuses_arguments():
    for axes in (0, [1, -1], "1"):
        with pytest.raises(ValueError, match=r"PReLU 'p_re_lu.*': expected shared_axes"):
            layers.PReLU(shared_axes=axes)
    with pytest.raises(ValueError, match="shared_axes, got"):
        layers.PReLU().build((None, None, 4))
    with pytest.raises(ValueError, match="at least 3 axes"):
        layers.PReLU(shared_axes=[2]).build((None, 4))
