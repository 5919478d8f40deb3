"""Models whose layers run in one kernel, against the same layers called one after the other."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minigrad import Input, Model, Sequential, Tensor, activations, kernels, layers, no_grad, random

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


class Row(layers.Layer):
    """Layers one after the other, in a call around them."""

    def __init__(self, sequence):
        super().__init__(dtype=sequence[0].dtype)
        self.sequence = sequence

    def call(self, x):
        for layer in self.sequence:
            x = layer(x)
        return x


def run_layers(sequence, x, training):
    return Row(sequence)(x, training=training)


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


@pytest.mark.same_bits
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
        (layers.Conv2D(3, 2), layers.MaxPooling2D(2, activity_regularizer="l2"), True),
        (OwnConvolution(3, 2), layers.MaxPooling2D(2), True),
        (layers.Conv2D(3, 2), OwnPooling(2), True),
        (wrapped(layers.Conv2D(3, 2)), layers.MaxPooling2D(2), False),
        (layers.Conv2D(3, 2), wrapped(layers.MaxPooling2D(2)), True),
    ],
)
def test_what_is_fused(convolution, pooling, expected, fused):
    x = np.random.default_rng(0).normal(size=(2, 9, 256, 2)).astype("float32")
    row = [convolution, pooling]
    y = run_layers(row, Tensor(x), training=False)
    assert len(fused) == expected
    z = one_by_one(row, x, training=False)
    assert_allclose(y.numpy(), z.numpy(), rtol=1e-5, atol=1e-6)
    wanted = Tensor(x, requires_grad=True)
    run_layers(row, wanted, training=True)
    assert len(fused) == expected  # the gradient with respect to the image is needed
    with no_grad():
        run_layers(row, wanted, training=True)
    assert len(fused) == 2 * expected


def test_a_result_that_others_use_too_is_right_for_all(fused):
    class Fork(layers.Layer):
        def __init__(self):
            super().__init__(dtype="float64")
            self.convolution, self.pooling, _ = three_layers("float64")

        def call(self, x):
            self.kept = h = self.convolution(x)
            pooled = self.pooling(h)
            assert h.shape == (6, 11, 10, 3) and h.ndim == 4 and h.size == 6 * 330
            return pooled.sum() + (h * h).sum() + h.max()

    fork = Fork()
    loss = fork(images(), training=True)
    assert len(fused) == 1
    loss.backward()
    got = [weight.grad for weight in fork.weights]
    for weight in fork.weights:
        weight.grad = None
    h = fork.convolution(images())
    (fork.pooling(h).sum() + (h * h).sum() + h.max()).backward()
    for weight, grad in zip(fork.weights, got, strict=True):
        assert_allclose(grad, weight.grad, rtol=1e-11)
    np.testing.assert_array_equal(fork.kept.numpy(), h.numpy())


def test_what_is_kept_beyond_the_call_has_the_values_of_the_call():
    class Keeps(layers.Layer):
        def __init__(self):
            super().__init__()
            self.convolution = layers.Conv2D(2, 3, use_bias=False)

        def call(self, x):
            self.kept = self.convolution(x)
            return x.mean()

    layer = Keeps()
    x = np.ones((1, 4, 4, 1), np.float32)
    layer(x)
    expected = layer.convolution(x).data
    layer.convolution.kernel.assign(np.zeros((3, 3, 1, 2)))
    np.testing.assert_array_equal(layer.kept.data, expected)


def test_a_weight_changed_before_its_output_is_used_is_told():
    class Changes(layers.Layer):
        def __init__(self):
            super().__init__()
            self.convolution = layers.Conv2D(2, 3)

        def call(self, x):
            y = self.convolution(x)
            self.convolution.bias.assign([1.0, 1.0])
            return y + 1

    with pytest.raises(RuntimeError, match="Conv2D 'conv2d': expected its input and weights to st"):
        Changes()(np.ones((1, 4, 4, 1)))


def test_a_setting_changed_after_a_call_is_told():
    row = [layers.Conv2D(2, 3), layers.Flatten()]
    run_layers(row, np.ones((1, 6, 6, 1), np.float32), training=False)
    row[0].strides = (2, 2)
    with pytest.raises(RuntimeError, match=r"values of shape \(1, 4, 4, 2\), got \(1, 2, 2, 2\)"):
        run_layers(row, np.ones((1, 6, 6, 1), np.float32), training=False)


def test_a_result_first_used_without_gradients_has_one_all_the_same():
    class Measures(layers.Layer):
        def __init__(self):
            super().__init__()
            self.convolution = layers.Conv2D(2, 3)

        def call(self, x):
            y = self.convolution(x)
            with no_grad():
                self.mean = y.mean()
                unused = self.convolution(x)
            return y * unused

    layer = Measures()
    layer(np.ones((1, 4, 4, 1))).sum().backward()
    assert not layer.mean.requires_grad
    assert np.abs(layer.convolution.kernel.grad).max() > 0


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
    with pytest.raises(ValueError, match="MaxPooling2D 'pool': Computed output size would be"):
        model(np.ones((1, 3, 5, 1)))


def relu_and(dropout, activation="relu"):
    return [layers.Conv2D(3, 2, activation=activation), layers.MaxPooling2D(2), dropout]


@pytest.mark.parametrize(
    ("sequence", "training", "expected"),
    [
        (relu_and(layers.Dropout(0.25)), True, True),
        (relu_and(layers.Dropout(0.25)), False, False),
        (relu_and(layers.Dropout(0.25), activation=None), True, False),  # a 0 may have been kept
        (relu_and(layers.Dropout(0.0)), True, False),
        (relu_and(layers.Dropout(1.0)), True, False),
        (relu_and(layers.Dropout(0.25, noise_shape=(None, 1, 1, None))), True, False),
        (relu_and(layers.Dropout(0.25, activity_regularizer="l2")), True, True),
        (relu_and(wrapped(layers.Dropout(0.25))), True, False),  # which drops nothing
        (relu_and(layers.Flatten()), True, False),
    ],
)
def test_when_dropout_goes_along(sequence, training, expected, fused):
    run_layers(sequence, Tensor(images()), training)
    assert len(fused) == 1
    rates = [value for value in fused[0] if isinstance(value, float) and value > 0]
    assert bool(rates) == expected, fused[0][3:]


@pytest.mark.same_bits
def test_fused_dropout_draws_the_masks_that_it_would_draw_alone(fused):
    along, alone = network(), network()
    alone.set_weights(along.get_weights())
    x = Tensor(images())
    for _ in range(3):
        y = one_by_one(alone, x, training=True, count=3)
        z = run_layers(along.layers[:3], x, training=True)
        np.testing.assert_array_equal(z.numpy(), y.numpy())
        assert along.layers[2].mask_seed == alone.layers[2].mask_seed
    assert len(fused) == 3
    assert 0.2 < np.mean(y.numpy() == 0) < 0.9


# --- batch normalization and relu ----------------------------------------------------------------


@pytest.fixture
def rectified(monkeypatch):
    """A list that grows with each call of the kernel that normalizes: whether relu goes along."""
    calls = []
    original = kernels.channel_normalize

    def spy(x, terms, relu, *others):
        calls.append(relu)
        return original(x, terms, relu, *others)

    monkeypatch.setattr(kernels, "channel_normalize", spy)
    return calls


class OwnNormalization(layers.BatchNormalization):
    def call(self, x, training=False):
        return super().call(x, training) * 2


class OwnActivation(layers.Activation):
    def call(self, x, training=False):
        return super().call(x) * 2


def frozen(layer):
    layer.trainable = False
    return layer


@pytest.mark.same_bits
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("normalization", "activation", "expected"),
    [
        (layers.BatchNormalization(), layers.Activation("relu"), True),
        (layers.BatchNormalization(), layers.Activation(activations.relu), True),
        (layers.BatchNormalization(axis=1), layers.ReLU(), True),
        (layers.BatchNormalization(axis=1, scale=False, center=False), layers.ReLU(), True),
        (frozen(layers.BatchNormalization()), layers.ReLU(), True),
        (layers.BatchNormalization(dtype="float64"), layers.ReLU(), True),
        (layers.BatchNormalization(), layers.ReLU(activity_regularizer="l2"), True),
        (layers.BatchNormalization(activity_regularizer="l2"), layers.ReLU(), False),
        (layers.BatchNormalization(), layers.ReLU(6.0), False),
        (layers.BatchNormalization(), layers.ReLU(max_value=0.0), False),
        (layers.BatchNormalization(), layers.ReLU(negative_slope=0.1), False),
        (layers.BatchNormalization(), layers.ReLU(threshold=0.1), False),
        (layers.BatchNormalization(), layers.Activation("tanh"), False),
        (layers.BatchNormalization(), layers.LeakyReLU(0.0), False),
        (layers.BatchNormalization(), layers.Dropout(0.0), False),
        (OwnNormalization(), layers.ReLU(), False),
        (layers.BatchNormalization(), OwnActivation("relu"), True),
        (wrapped(layers.BatchNormalization()), layers.ReLU(), False),
        (layers.BatchNormalization(), wrapped(layers.ReLU()), True),
        (layers.LayerNormalization(), layers.ReLU(), None),
    ],
)
def test_when_relu_goes_along(normalization, activation, expected, training, rectified):
    x = np.random.default_rng(0).normal(size=(7, 5, 5)).astype("float32")
    found, row = [], [normalization, activation]
    for run in (run_layers, one_by_one):
        given = Tensor(x, requires_grad=True)
        y = run(row, given, training)
        (y * y).sum().backward()
        weights = [weight for weight in normalization.weights if weight.requires_grad]
        found.append([y.data, given.grad, *(weight.grad for weight in weights)])
        for weight in weights:
            weight.grad = None
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert rectified == ([] if expected is None else [expected, False])


def test_relu_goes_along_in_any_model(rectified):
    model = Sequential([layers.BatchNormalization(), layers.ReLU(), layers.Dense(2)])
    inputs = y = Input((3,))
    for _ in range(2):
        y = layers.Activation("relu")(layers.BatchNormalization()(y))
    for one, size in ((model, 2), (Model(inputs, y), 3)):
        one.compile("sgd", "mse")
        one.train_on_batch(np.ones((4, 3)), np.ones((4, size)))
    assert rectified == [True] * 3


@pytest.mark.parametrize("training", [False, True])
def test_a_normalization_that_others_use_too_is_right_for_all(training):
    class Fork(layers.Layer):
        def __init__(self):
            super().__init__(dtype="float64")
            self.normalization = layers.BatchNormalization(dtype="float64")
            self.relu = layers.ReLU(dtype="float64")

        def call(self, x):
            h = self.normalization(x)
            self.kept = self.relu(h)
            return self.kept.sum(axis=1) + (h * h * h).sum(axis=1) + self.relu(h).max()

    fork, x = Fork(), Tensor(np.random.default_rng(0).normal(size=(6, 3)), requires_grad=True)
    y = fork(x, training=training)
    y.sum().backward()
    normalization = fork.normalization
    got, moved = [x.grad, *(weight.grad for weight in fork.weights[:2])], fork.get_weights()[2:]
    for leaf in (x, *fork.weights[:2]):
        leaf.grad = None
    fork.set_weights([np.ones(3), np.zeros(3), np.zeros(3), np.ones(3)])
    h = normalization(x, training=training)
    expected = fork.relu(h).sum(axis=1) + (h * h * h).sum(axis=1) + fork.relu(h).max()
    expected.sum().backward()
    np.testing.assert_array_equal(y.data, expected.data)
    np.testing.assert_array_equal(moved, fork.get_weights()[2:])
    for one, other in zip(got, (x, *fork.weights[:2]), strict=True):
        assert_allclose(one, other.grad, rtol=1e-11, atol=1e-14)


def test_moving_statistics_move_at_the_call_and_count_as_they_were():
    class Looks(layers.Layer):
        def __init__(self):
            super().__init__()
            self.normalization = layers.BatchNormalization(momentum=0.0)

        def call(self, x):
            before = self.normalization(x, training=False)
            self.normalization(x, training=True)  # nobody uses the result
            self.seen = self.normalization.moving_mean.numpy().copy()
            return before

    looks, x = Looks(), np.full((4, 3), 5, np.float32)
    y = looks(x)
    np.testing.assert_array_equal(looks.seen, [5, 5, 5])
    assert_allclose(y.data, x / np.sqrt(1.001), rtol=1e-6)


# --- every layer behaves as if it ran alone ------------------------------------------------------


def three_layers(dtype="float32"):
    return [
        layers.Conv2D(3, 2, activation="relu", name="convolution", dtype=dtype),
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
    assert calls == ["row", "convolution", "pool", "drop"]


@pytest.mark.parametrize(
    ("shape", "message", "name"),
    [
        ((6, 12, 11, 3), "an input of size 2 on axis -1, got", "convolution"),
        ((6, 12, 11), "an input of 4 axes", "convolution"),
        ((6, 1, 11, 2), "Computed output size would be zero", "convolution"),
        ((6, 2, 11, 2), "Computed output size would be zero", "pool"),
    ],
)
def test_an_error_names_the_layer_as_it_does_alone(shape, message, name):
    errors = []
    for run in (run_layers, one_by_one):
        sequence = three_layers()
        run(sequence, Tensor(images()), training=True)  # built for these
        with pytest.raises(ValueError, match=message) as caught:
            run(sequence, Tensor(np.ones(shape)), training=True)
        notes = [note for note in caught.value.__notes__ if "(Row)" not in note]
        message_alone = str(caught.value).partition(": ")[2]  # begins with the layer or with the op
        errors.append((message_alone, notes, sequence[2].mask_seed))
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
        notes = [note.split(" (")[0] for note in caught.value.__notes__]
        assert notes[0] == f"in layer {name!r}" and notes[1].startswith("in layer 'row")


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
