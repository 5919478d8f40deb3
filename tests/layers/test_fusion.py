"""Models whose layers run in one kernel, against the same layers called one after the other."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minigrad import Input, Sequential, Tensor, activations, kernels, layers, no_grad, random
from minigrad.layers.fusion import can_pool, plan_fusion, run_layers

pytestmark = pytest.mark.skipif(kernels.kind != "fast", reason="only the fast kernels fuse")


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
    """Two stages; the input of the second one needs a gradient; pooling drops a row."""
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


def one_by_one(model, x, training, count=None):
    x = x if isinstance(x, Tensor) else Tensor(x)
    for layer in getattr(model, "layers", model)[:count]:
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
    assert len(fused) == 2  # the second stage too: the gradient of its input is not needed


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
    assert can_pool(convolution, pooling, Tensor(images())) is expected
    if expected:
        wanted = Tensor(images(), requires_grad=True)
        assert not can_pool(convolution, pooling, wanted)
        with no_grad():
            assert can_pool(convolution, pooling, wanted)


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
    assert plan_fusion(sequence, Tensor(images()), training) == expected


def test_asking_for_the_plan_changes_nothing():
    model = network()
    x = Tensor(images())
    before = [vars(layer).copy() for layer in model.layers]
    state = random.next_seed()
    random.set_random_seed(1)
    assert [plan_fusion(model.layers, x, training=True) for _ in range(3)] == [3, 3, 3]
    assert random.next_seed() == (random.set_random_seed(1), random.next_seed())[1] != state
    assert [vars(layer) for layer in model.layers] == before


def test_fused_dropout_draws_the_masks_that_it_would_draw_alone(fused):
    along, alone = network(), network()
    alone.set_weights(along.get_weights())
    x = Tensor(images())
    for _ in range(3):
        plan_fusion(along.layers, x, training=True)
        y = one_by_one(alone, x, training=True, count=3)
        z = run_layers(along.layers[:3], x, training=True)
        np.testing.assert_array_equal(z.numpy(), y.numpy())
        assert along.layers[2].mask_seed == alone.layers[2].mask_seed
    assert len(fused) == 3
    assert 0.2 < np.mean(y.numpy() == 0) < 0.9


# --- every layer behaves as if it ran alone ------------------------------------------------------


def three_layers():
    return [
        layers.Conv2D(3, 2, activation="relu", name="convolution"),
        layers.MaxPooling2D(2, name="pool"),
        layers.Dropout(0.5, seed=2, name="drop"),
    ]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    ("how", "method"),
    [
        ("subclass", "__call__"),
        ("subclass", "call"),
        ("class", "__call__"),
        ("class", "call"),
        ("instance", "call"),  # Python looks __call__ up in the class
    ],
)
def test_a_replaced_call_of_any_layer_is_called(place, how, method, monkeypatch):
    sequence, calls = three_layers(), []
    layer = sequence[place]
    cls = type(layer)
    original = getattr(cls, method)

    def spy(self, *arguments, **options):
        calls.append(method)
        return original(self, *arguments, **options)

    if how == "subclass":
        name = f"Own{cls.__name__}"
        arguments = [(3, 2, (1, 1), "valid"), (2,), (0.5,)][place]
        own = type(name, (cls,), {method: spy})(*arguments)
        if place == 0:
            own.activation = activations.relu
        sequence[place] = own
    elif how == "class":
        monkeypatch.setattr(cls, method, spy)
    else:
        layer.call = lambda *arguments, **options: spy(layer, *arguments, **options)
    run_layers(sequence, Tensor(images()), training=True)
    assert calls == [method]


def test_a_replaced_call_of_all_layers_is_called(monkeypatch):
    calls, original = [], layers.Layer.__call__

    def spy(self, *arguments, **options):
        calls.append(self.name)
        return original(self, *arguments, **options)

    monkeypatch.setattr(layers.Layer, "__call__", spy)
    run_layers(three_layers(), Tensor(images()), training=True)
    assert calls == ["convolution", "pool", "drop"]


@pytest.mark.parametrize(
    ("shape", "message", "name"),
    [
        ((6, 12, 11, 3), "an input of size 2 on axis -1, got", "convolution"),
        ((6, 12, 11), "an input of 4 axes", "convolution"),
        ((6, 1, 11, 2), "Computed output size would be zero", "convolution"),
        ((6, 2, 11, 2), "max_pool2d: Computed output size would be zero", "pool"),
    ],
)
def test_an_error_names_the_layer_as_it_does_alone(shape, message, name):
    errors = []
    for run in (run_layers, one_by_one):
        sequence = three_layers()
        run(sequence, Tensor(images()), training=True)  # built for these
        with pytest.raises(ValueError, match=message) as caught:
            run(sequence, Tensor(np.ones(shape)), training=True)
        errors.append((str(caught.value), caught.value.__notes__, sequence[2].mask_seed))
        assert caught.value.__cause__ is caught.value.__context__ is None
    assert errors[0] == errors[1]
    assert sum(f"in layer {name!r}" in note for note in errors[0][1]) == 1


def test_an_error_of_a_check_names_the_layer():
    def refuse(shape):
        raise ValueError("no")

    for place, name in enumerate(["convolution", "pool", "drop"]):
        sequence = three_layers()
        sequence[place]._check_input = refuse
        with pytest.raises(ValueError, match="no") as caught:
            run_layers(sequence, Tensor(images()), training=True)
        assert [note.split(" (")[0] for note in caught.value.__notes__] == [f"in layer {name!r}"]


def test_an_error_of_the_fused_kernel_alone_is_raised(monkeypatch):
    def broken(*arguments):
        raise ArithmeticError("broken")

    monkeypatch.setattr(kernels, "conv2d_pool_forward", broken)
    with pytest.raises(ArithmeticError, match="broken"):
        run_layers(three_layers(), Tensor(images()), training=True)


def test_layers_are_built_and_know_their_shapes_as_if_alone(fused):
    along, alone = three_layers(), three_layers()
    for sequence, run in ((along, run_layers), (alone, one_by_one)):
        random.set_random_seed(0)
        for count in (6, 4):
            run(sequence, Tensor(images(count)), training=True)
    assert len(fused) == 2
    for one, other in zip(along, alone, strict=True):
        assert one.built and one.input_shape == other.input_shape
        assert one.output_shape == other.output_shape
        assert one._fitting_shape == other._fitting_shape
        for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_layer_that_was_built_for_other_shapes_is_checked(fused):
    sequence = three_layers()
    sequence[0].build((None, 12, 11, 3))
    with pytest.raises(ValueError, match="expected an input of size 3 on axis -1"):
        run_layers(sequence, Tensor(images()), training=True)
    assert fused == []


def test_arrays_are_given_to_the_first_layer_as_they_are():
    sequence = three_layers()
    y = run_layers(sequence, images(), training=True)
    assert y.shape == (6, 5, 5, 3) and y.dtype == np.float32
