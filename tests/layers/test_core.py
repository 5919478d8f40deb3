"""Inputs, dense, dropout and changes of shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import Model, Tensor, layers
from minigrad import random as minigrad_random

# --- inputs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer",
    [
        layers.InputLayer((28, 28, 1)),
        layers.InputLayer(shape=[28, 28, 1], batch_size=32, dtype="float32", name="input"),
        layers.InputLayer(batch_shape=(None, 28, 28, 1)),
        layers.Flatten(input_shape=(28, 28, 1)),
        layers.Conv2D(3, 5, input_shape=(28, 28, 1)),
    ],
    ids=repr,
)
def test_input_shape_is_known_before_any_data(layer):
    assert layer.input_shape == (None, 28, 28, 1)
    assert layer.built == isinstance(layer, layers.InputLayer)


def test_input_dim_is_an_input_shape_of_one_size():
    assert layers.Dense(3, input_dim=5).input_shape == (None, 5)
    assert layers.Dense(3, input_dim=5).output_shape == (None, 3)
    assert layers.Dense(3).output_shape is None


def test_input_takes_the_older_name_with_a_warning():
    with pytest.warns(UserWarning, match="`input_shape` is deprecated. Use `shape` instead"):
        assert layers.InputLayer(input_shape=(28, 1)).input_shape == (None, 28, 1)


def test_input_keeps_the_size_of_the_batch_without_demanding_it():
    layer = layers.InputLayer((3,), batch_size=4)
    assert layer.batch_shape == (4, 3) and layer.input_shape == (None, 3)
    assert layers.InputLayer(batch_shape=[None, 3]).batch_shape == (None, 3)
    assert layer.output.shape == (None, 3)
    again = layers.InputLayer.from_config(layer.get_config())
    assert again.batch_shape == (4, 3)
    assert Model(layer.symbol(), layers.Dense(2)(layer.output))(np.ones((5, 3))).shape == (5, 2)


def test_input_refuses_shapes():
    for contradiction in ({"shape": (2,)}, {"batch_size": 1}):
        with pytest.raises(ValueError, match=r"InputLayer: expected shape .* alone, got both"):
            layers.InputLayer(**contradiction, batch_shape=(1, 2))
    with pytest.raises(ValueError, match="InputLayer 'input_layer': expected a shape, got None"):
        layers.Input()
    with pytest.raises(TypeError, match="expected a tuple of ints for input_shape, got 28"):
        layers.Input(28)
    with pytest.raises(ValueError, match="input_shape to be an integer of at least 1, got 0"):
        layers.Dense(3, input_shape=(0,))


def test_input_takes_integers_as_float32():
    kind = layers.Input((1,), dtype="int32")
    assert kind.dtype == layers.Input((5,), dtype="uint8").dtype == np.float32
    model = Model(kind, layers.Flatten()(layers.Embedding(4, 3)(kind)))
    np.testing.assert_array_equal(model(np.array([[2]])).data, model.layers[1].embeddings.data[[2]])
    for dtype in ("string", "float16", "complex64"):
        with pytest.raises(TypeError, match=f"InputLayer: expected dtype .*, got '{dtype}'"):
            layers.Input((1,), dtype=dtype)


# --- dense -------------------------------------------------------------------------------------


def test_dense_weights_have_paths_and_shapes():
    layer = layers.Dense(3, name="top")
    layer.build((None, 5))
    assert [(w.path, w.shape) for w in layer.weights] == [
        ("top/kernel", (5, 3)),
        ("top/bias", (3,)),
    ]
    assert layer.count_params() == 18
    assert [w.path for w in layers.Dense(3, use_bias=False).weights] == []


@settings(deadline=None, max_examples=50)
@given(shape=st.lists(st.integers(0, 4), min_size=1, max_size=3), width=st.integers(1, 5))
def test_dense_acts_on_the_last_axis(shape, width):
    layer = layers.Dense(3, dtype="float64")
    x = np.arange(np.prod(shape) * width, dtype=float).reshape(*shape, width)
    y = layer(x)
    assert y.shape == layer.compute_output_shape(x.shape) == (*shape, 3)
    np.testing.assert_allclose(y.numpy(), x @ layer.kernel.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("units", [0, -3, 2.0, "8", None, (3, 4)])
def test_dense_refuses_units(units):
    with pytest.raises(ValueError, match=r"Dense 'dense': expected units to be an integer"):
        layers.Dense(units)


def test_dense_accepts_numpy_integers():
    assert layers.Dense(np.int64(3)).compute_output_shape((None, 5)) == (None, 3)


def test_dense_refuses_inputs():
    layer = layers.Dense(3)
    with pytest.raises(
        ValueError, match=r"Dense 'dense': expected an input of at least 2 .*\(5,\)"
    ):
        layer(np.zeros(5))
    with pytest.raises(ValueError, match=r"known size on axis -1, got \(None, None\)"):
        layer.build((None, None))
    layer(np.zeros((2, 5)))
    with pytest.raises(ValueError, match=r"Dense 'dense': .* size 5 on axis -1, got \(2, 4\)"):
        layer(np.zeros((2, 4)))


def test_dense_relu_runs_inside_the_operation():
    x = np.random.default_rng(0).normal(size=(4, 5))
    fused, plain = layers.Dense(3, activation="relu"), layers.Dense(3)
    fused.build(x.shape)
    plain.build(x.shape)
    plain.set_weights(fused.get_weights())
    np.testing.assert_array_equal(fused(x).numpy(), np.maximum(plain(x).numpy(), 0))
    assert type(fused(x).node) is type(plain(x).node)  # one node, no ReLU behind it


# --- changes of shape ----------------------------------------------------------------------------


def test_flatten_keeps_c_order_and_the_empty_batch():
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(layers.Flatten()(x).numpy(), np.arange(24.0).reshape(2, 12))
    assert layers.Flatten()(np.zeros((0, 3, 4))).shape == (0, 12)
    assert layers.Flatten()(np.zeros((2, 0, 4))).shape == (2, 0)
    assert layers.Flatten().compute_output_shape((None, None, 4)) == (None, None)


@settings(deadline=None, max_examples=50)
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), data=st.data())
def test_reshape_shape_is_that_of_the_result(sizes, data):
    target = data.draw(st.permutations(sizes))
    if data.draw(st.booleans()):
        target[data.draw(st.integers(0, len(target) - 1))] = -1
    layer = layers.Reshape(target)
    for batch in (0, 3):
        x = np.zeros((batch, *sizes))
        y = layer(x)
        assert y.shape == layer.compute_output_shape(x.shape)
        assert y.shape[1:] == np.zeros(sizes).reshape(target).shape


def test_reshape_of_unknown_sizes():
    assert layers.Reshape((-1, 3)).compute_output_shape((None, None, 6)) == (None, None, 3)
    assert layers.Reshape((4, 3)).compute_output_shape((None, None, 6)) == (None, 4, 3)


def test_reshape_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"at most one -1 in target_shape, got \(-1, -1\)"):
        layers.Reshape((-1, -1))
    with pytest.raises(ValueError, match="target_shape to be an integer of at least 1, got 0"):
        layers.Reshape((0, 3))
    for target in ((5, 3), (5, -1), (3, 2)):
        with pytest.raises(
            ValueError, match=r"Reshape 'reshape.*': .*target_shape.* got \(2, 12\)"
        ):
            layers.Reshape(target)(np.zeros((2, 12)))


# --- dropout -------------------------------------------------------------------------------------


def test_dropout_zeroes_at_the_rate_and_scales_the_rest():
    y = layers.Dropout(0.25, seed=1)(np.ones((200, 101)), training=True).numpy()
    np.testing.assert_array_equal(np.unique(y), np.array([0, 4 / 3], np.float32))
    assert abs((y == 0).mean() - 0.25) < 0.015  # five standard deviations


def test_dropout_of_rate_0_and_1():
    x = np.arange(1.0, 7.0).reshape(2, 3)
    np.testing.assert_array_equal(layers.Dropout(0)(x, training=True).numpy(), x)
    y = layers.Dropout(1)(Tensor(x, requires_grad=True), training=True)
    np.testing.assert_array_equal(y.numpy(), np.zeros((2, 3)))
    y.sum().backward()


def test_dropout_takes_a_new_mask_each_training_call_and_repeats_with_the_seed():
    x = np.ones((50, 7))
    first, second = layers.Dropout(0.5, seed=3), layers.Dropout(0.5, seed=3)
    masks = [first(x, training=True).numpy() for _ in range(3)]
    second(x)  # inference takes no mask
    again = [second(x, training=True).numpy() for _ in range(3)]
    np.testing.assert_array_equal(masks, again)
    assert not np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[1], masks[2])


def test_dropout_seeds_that_follow_each_other_share_no_mask():
    x = np.ones((50, 7))
    masks = set()
    for seed in range(5):
        layer = layers.Dropout(0.5, seed=seed)
        masks |= {layer(x, training=True).numpy().tobytes() for _ in range(5)}
    assert len(masks) == 25


def test_dropout_without_seed_follows_the_default_generator():
    def masks():
        minigrad_random.set_random_seed(5)
        made = [layers.Dropout(0.5), layers.Dropout(0.5)]
        return [layer(np.ones((50, 7)), training=True).numpy() for layer in made]

    first, again = masks(), masks()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1])


def test_dropout_gradient_has_the_mask_of_the_output():
    x = Tensor(np.ones((5, 7)), requires_grad=True)
    y = layers.Dropout(0.4, seed=2)(x, training=True)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.numpy())


def test_dropout_noise_shape_is_broadcast():
    x = Tensor(np.ones((6, 5, 4, 30)), requires_grad=True)
    y = layers.Dropout(0.5, noise_shape=(None, 1, 1, None), seed=1)(x, training=True)
    channels = y.numpy()[:, :1, :1]
    np.testing.assert_array_equal(y.numpy(), np.broadcast_to(channels, y.shape))
    np.testing.assert_array_equal(np.unique(channels), [0, 2])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.numpy())


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan")])
def test_dropout_refuses_rates(rate):
    with pytest.raises(ValueError, match="Dropout: expected rate in"):
        layers.Dropout(rate)


def test_dropout_refuses_seeds_and_shapes():
    with pytest.raises(TypeError, match=r"expected an integer seed, got 1\.5"):
        layers.Dropout(0.5, seed=1.5)
    with pytest.raises(ValueError, match=r"an input of 2 axes.* got \(2, 3, 4\)"):
        layers.Dropout(0.5, noise_shape=(None, 1))(np.ones((2, 3, 4)), training=True)
