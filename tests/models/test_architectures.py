"""Networks that people write, in the forms in which Keras's users write them, here and in Keras.

Each is written twice, as a graph of Symbols and as classes with a ``call``. ``keras`` stands for
either library: the same lines make the network in both. The numbers of parameters are Keras's.
"""

import dataclasses

import numpy as np
import pytest

import minigrad
from minigrad import Model, losses, metrics, no_grad, ops
from minigrad.layers import Layer
from minigrad.utils.structures import flatten

try:
    import h5py
except ImportError:
    h5py = None

KERAS_WARNS = pytest.mark.filterwarnings("ignore")  # on JAX, of NumPy 2
needs_h5py = pytest.mark.skipif(h5py is None, reason="h5py is not installed")


# --- a residual network of 20 layers: He et al., 2016, https://arxiv.org/abs/1512.03385 ----------


def residual_graph(keras):
    layers = keras.layers

    def convolve(x, filters, size=3, strides=1):
        x = layers.Conv2D(
            filters, size, strides=strides, padding="same", use_bias=False,
            kernel_initializer="he_normal", kernel_regularizer=keras.regularizers.L2(1e-4),
        )(x)  # fmt: skip
        return layers.BatchNormalization()(x)

    def block(x, filters, strides):
        y = layers.Activation("relu")(convolve(x, filters, strides=strides))
        y = convolve(y, filters)
        if strides > 1:
            x = convolve(x, filters, 1, strides)
        return layers.ReLU()(layers.add([x, y]))

    inputs = keras.Input(shape=(32, 32, 3))
    x = layers.ReLU()(convolve(inputs, 16))
    for stage in range(3):
        for number in range(3):
            x = block(x, 16 * 2**stage, 2 if stage > 0 and number == 0 else 1)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(10, activation="softmax")(x)
    return keras.Model(inputs=inputs, outputs=outputs, name="resnet20")


def residual_classes(keras):
    layers = keras.layers

    class Convolution(layers.Layer):
        def __init__(self, filters, size=3, strides=1, **kwargs):
            super().__init__(**kwargs)
            self.conv = layers.Conv2D(
                filters, size, strides=strides, padding="same", use_bias=False,
                kernel_initializer="he_normal", kernel_regularizer=keras.regularizers.L2(1e-4),
            )  # fmt: skip
            self.norm = layers.BatchNormalization()

        def call(self, inputs, training=None):
            return self.norm(self.conv(inputs), training=training)

    class ResidualBlock(layers.Layer):
        def __init__(self, filters, strides=1, **kwargs):
            super().__init__(**kwargs)
            self.conv1 = Convolution(filters, strides=strides)
            self.conv2 = Convolution(filters)
            self.shortcut = Convolution(filters, 1, strides) if strides > 1 else None
            self.relu = layers.ReLU()

        def call(self, inputs):
            x = self.relu(self.conv1(inputs))
            x = self.conv2(x)
            shortcut = inputs if self.shortcut is None else self.shortcut(inputs)
            return self.relu(x + shortcut)

    class ResNet20(keras.Model):
        def __init__(self, num_classes=10, **kwargs):
            super().__init__(**kwargs)
            self.stem = Convolution(16)
            self.blocks = []
            for filters in (16, 32, 64):
                for number in range(3):
                    strides = 2 if filters > 16 and number == 0 else 1
                    self.blocks.append(ResidualBlock(filters, strides))
            self.pool = layers.GlobalAveragePooling2D()
            self.classifier = layers.Dense(num_classes, activation="softmax")

        def call(self, inputs, training=False):
            x = keras.ops.relu(self.stem(inputs, training=training))
            for block in self.blocks:
                x = block(x, training=training)
            return self.classifier(self.pool(x))

    return ResNet20()


# --- a small U-Net: Ronneberger et al., 2015, https://arxiv.org/abs/1505.04597 -------------------


def unet_graph(keras):
    layers = keras.layers

    def double_convolution(x, filters):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return layers.Conv2D(filters, 3, padding="same", activation="relu")(x)

    inputs = keras.Input((16, 16, 1))
    x, skips = inputs, []
    for filters in (4, 8):
        x = double_convolution(x, filters)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
        x = layers.Dropout(0.1)(x)
    x = double_convolution(x, 16)
    x = layers.Conv2DTranspose(8, 2, strides=2, padding="same")(x)
    x = layers.Concatenate()([x, skips[1]])
    x = double_convolution(x, 8)
    x = layers.UpSampling2D(2)(x)
    x = layers.concatenate([x, skips[0]], axis=-1)
    x = double_convolution(x, 4)
    return keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid", name="mask")(x))


def unet_classes(keras):
    layers = keras.layers

    class DoubleConvolution(layers.Layer):
        def __init__(self, filters, **kwargs):
            super().__init__(**kwargs)
            self.convs = [
                layers.Conv2D(filters, 3, padding="same", activation="relu") for _ in range(2)
            ]

        def call(self, inputs):
            x = inputs
            for conv in self.convs:
                x = conv(x)
            return x

    class UNet(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.down = [DoubleConvolution(4), DoubleConvolution(8)]
            self.pool = layers.MaxPooling2D(2)
            self.drop = layers.Dropout(0.1)
            self.bottom = DoubleConvolution(16)
            self.up = {"8": layers.Conv2DTranspose(8, 2, strides=2, padding="same")}
            self.join = layers.Concatenate()
            self.merge8 = DoubleConvolution(8)
            self.up["4"] = layers.UpSampling2D(2)
            self.merge4 = DoubleConvolution(4)
            self.mask = layers.Conv2D(1, 1, activation="sigmoid")

        def call(self, inputs):
            first = self.down[0](inputs)
            second = self.down[1](self.drop(self.pool(first)))
            x = self.bottom(self.drop(self.pool(second)))
            x = self.merge8(self.join([self.up["8"](x), second]))
            x = self.merge4(self.join([self.up["4"](x), first]))
            return self.mask(x)

    return UNet()


# --- an autoencoder: two models in a model -------------------------------------------------------


def autoencoder_graph(keras):
    layers = keras.layers
    image = keras.Input(shape=(8, 8, 1), name="image")
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.Flatten()(x)
    encoder = keras.Model(image, layers.Dense(5, name="code")(x), name="encoder")

    code = keras.Input(shape=(5,))
    x = layers.Dense(4 * 4 * 2, activation="relu")(code)
    x = layers.Reshape((4, 4, 2))(x)
    x = layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid")(x)
    decoder = keras.Model(code, x, name="decoder")
    return keras.Model(image, decoder(encoder(image)), name="autoencoder")


def autoencoder_classes(keras):
    layers = keras.layers

    class Autoencoder(keras.Model):
        def __init__(self, latent_dim, **kwargs):
            super().__init__(**kwargs)
            self.latent_dim = latent_dim
            self.encoder = keras.Sequential(
                [
                    keras.Input(shape=(8, 8, 1)),
                    layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
                    layers.Flatten(),
                    layers.Dense(latent_dim),
                ]
            )
            self.decoder = keras.Sequential(
                [
                    layers.Dense(4 * 4 * 2, activation="relu"),
                    layers.Reshape((4, 4, 2)),
                    layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"),
                ]
            )

        def call(self, x):
            encoded = self.encoder(x)
            return self.decoder(encoded)

    return Autoencoder(5)


# --- a regression on two inputs ------------------------------------------------------------------


def two_inputs_graph(keras):
    layers = keras.layers
    numbers = keras.Input(shape=(5,), name="numbers")
    kind = keras.Input(shape=(1,), name="kind")
    x = layers.Dense(8, activation="relu")(numbers)
    embedded = layers.Flatten()(layers.Embedding(4, 3)(kind))
    x = layers.concatenate([x, embedded])
    x = layers.Dense(7, activation="relu")(x)
    return keras.Model(inputs=[numbers, kind], outputs=layers.Dense(1)(x))


def two_inputs_classes(keras):
    layers = keras.layers

    class Regression(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(8, activation="relu")
            self.embedding = layers.Embedding(4, 3)
            self.flatten = layers.Flatten()
            self.hidden = layers.Dense(7, activation="relu")
            self.price = layers.Dense(1)

        def call(self, inputs):
            numbers, kind = inputs
            embedded = self.flatten(self.embedding(kind))
            x = keras.ops.concatenate([self.dense(numbers), embedded], axis=-1)
            return self.price(self.hidden(x))

    return Regression()


# --- the same with two outputs, all in dicts -----------------------------------------------------


def two_outputs_graph(keras):
    layers = keras.layers
    numbers = keras.Input(shape=(5,), name="numbers")
    kind = keras.Input(shape=(4,), name="kind")
    x = layers.Dense(8, activation="relu")(layers.Concatenate()([numbers, kind]))
    price = layers.Dense(1, name="price")(x)
    sold = layers.Dense(1, activation="sigmoid", name="sold")(x)
    return keras.Model(
        inputs={"numbers": numbers, "kind": kind}, outputs={"price": price, "sold": sold}
    )


def two_outputs_classes(keras):
    layers = keras.layers

    class PriceAndSale(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = layers.Dense(8, activation="relu")
            self.price = layers.Dense(1)
            self.sold = layers.Dense(1, activation="sigmoid")

        def call(self, inputs):
            x = keras.ops.concatenate([inputs["numbers"], inputs["kind"]], axis=-1)
            x = self.hidden(x)
            return {"price": self.price(x), "sold": self.sold(x)}

    return PriceAndSale()


# --- a siamese network: one set of weights for both images ---------------------------------------


def siamese_graph(keras):
    layers, ops = keras.layers, keras.ops
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, activation="tanh")(inputs)
    x = layers.AveragePooling2D(pool_size=(2, 2))(x)
    x = layers.Flatten()(x)
    x = layers.BatchNormalization()(x)
    embedding = keras.Model(inputs, layers.Dense(6, activation="tanh")(x), name="embedding")

    left, right = keras.Input((8, 8, 1), name="left"), keras.Input((8, 8, 1), name="right")
    vectors = [embedding(left), embedding(right)]

    def distance(vectors):
        a, b = vectors
        return ops.sqrt(ops.sum((a - b) ** 2, axis=1, keepdims=True) + 1e-6)

    merged = layers.Lambda(distance, output_shape=(1,))(vectors)
    outputs = layers.Dense(1, activation="sigmoid")(merged)
    return keras.Model(inputs=[left, right], outputs=outputs, name="siamese")


def siamese_classes(keras):
    layers, ops = keras.layers, keras.ops

    class Siamese(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.embedding = keras.Sequential(
                [
                    layers.Conv2D(4, 3, activation="tanh"),
                    layers.AveragePooling2D(2),
                    layers.Flatten(),
                    layers.BatchNormalization(),
                    layers.Dense(6, activation="tanh"),
                ]
            )
            self.classifier = layers.Dense(1, activation="sigmoid")

        def call(self, inputs, training=None):
            a, b = (self.embedding(image, training=training) for image in inputs)
            distance = ops.sqrt(ops.sum((a - b) ** 2, axis=1, keepdims=True) + 1e-6)
            return self.classifier(distance)

    return Siamese()


# --- a variational autoencoder: Kingma and Welling, 2013, https://arxiv.org/abs/1312.6114 --------


def sampling_layer(keras):
    """The layer that draws z; outside of training it returns the mean, as evaluation wants it."""

    class Sampling(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seed_generator = keras.random.SeedGenerator(1337)

        def call(self, inputs, training=None):
            z_mean, z_log_var = inputs
            kl = z_log_var + 1 - keras.ops.square(z_mean) - keras.ops.exp(z_log_var)
            self.add_loss(-0.5 * keras.ops.mean(kl))
            if not training:
                return z_mean
            epsilon = keras.random.normal(shape=z_mean.shape, seed=self.seed_generator)
            return z_mean + keras.ops.exp(0.5 * z_log_var) * epsilon

    return Sampling


def vae_graph(keras):
    layers = keras.layers
    image = keras.Input(shape=(8, 8, 1))
    x = layers.Flatten()(image)
    x = layers.Dense(9, activation="relu")(x)
    z_mean = layers.Dense(2, name="z_mean")(x)
    z_log_var = layers.Dense(2, name="z_log_var")(x)
    z = sampling_layer(keras)(name="z")([z_mean, z_log_var])
    encoder = keras.Model(image, [z_mean, z_log_var, z], name="encoder")

    code = keras.Input(shape=(2,))
    x = layers.Dense(9, activation="relu")(code)
    x = layers.Dense(64, activation="sigmoid")(x)
    decoder = keras.Model(code, layers.Reshape((8, 8, 1))(x), name="decoder")
    return keras.Model(image, decoder(encoder(image)[2]), name="vae")


def vae_classes(keras):
    layers = keras.layers

    class Encoder(layers.Layer):
        def __init__(self, latent_dim=2, intermediate_dim=9, name="encoder", **kwargs):
            super().__init__(name=name, **kwargs)
            self.flatten = layers.Flatten()
            self.dense_proj = layers.Dense(intermediate_dim, activation="relu")
            self.dense_mean = layers.Dense(latent_dim)
            self.dense_log_var = layers.Dense(latent_dim)
            self.sampling = sampling_layer(keras)()

        def call(self, inputs):
            x = self.dense_proj(self.flatten(inputs))
            z_mean = self.dense_mean(x)
            z_log_var = self.dense_log_var(x)
            return z_mean, z_log_var, self.sampling((z_mean, z_log_var))

    class Decoder(layers.Layer):
        def __init__(self, original_dim, intermediate_dim=9, name="decoder", **kwargs):
            super().__init__(name=name, **kwargs)
            self.dense_proj = layers.Dense(intermediate_dim, activation="relu")
            self.dense_output = layers.Dense(original_dim, activation="sigmoid")
            self.reshape = layers.Reshape((8, 8, 1))

        def call(self, inputs):
            return self.reshape(self.dense_output(self.dense_proj(inputs)))

    class VariationalAutoencoder(keras.Model):
        def __init__(self, original_dim, **kwargs):
            super().__init__(**kwargs)
            self.encoder = Encoder()
            self.decoder = Decoder(original_dim)

        def call(self, inputs):
            return self.decoder(self.encoder(inputs)[2])

    return VariationalAutoencoder(64)


# --- what they are trained on, and how many parameters Keras counts ------------------------------


def images(n, size, channels=1):
    """Images of a bright spot, each elsewhere, and of noise, which keeps them off the kinks."""
    generator = np.random.default_rng(n + size)
    row, column = generator.uniform(0, size, (2, n, 1, 1, 1))
    y, x = np.arange(size)[:, None, None], np.arange(size)[None, :, None]
    spot = np.exp(-((y - row) ** 2 + (x - column) ** 2) / size)  # (n, size, size, 1)
    noise = generator.random((n, size, size, channels))
    return (0.8 * spot + 0.2 * noise).astype("float32")


def is_left(pictures):
    """Whether the spot is in the left half, (n, 1)."""
    columns = pictures[..., 0].sum(1)  # (n, size)
    return (columns.argmax(1) < columns.shape[1] / 2).astype("float32")[:, None]


def table(n):
    """Numbers (n, 5), kinds (n, 1), prices (n, 1)."""
    generator = np.random.default_rng(n)
    numbers, kind = generator.normal(size=(n, 5)), generator.integers(0, 4, (n, 1))
    price = numbers[:, :1] - 2 * numbers[:, 1:2] + kind
    return numbers.astype("float32"), kind.astype("float32"), price.astype("float32")


def one_image(size, channels=1, target=lambda x: x):
    def data(n):
        x = images(n, size, channels)
        return x, target(x)

    return data


def two_images(n):
    a, b = images(n, 8), images(n + 1, 8)[1:]
    return [a, b], (is_left(a) == is_left(b)).astype("float32")


def two_columns(n):
    numbers, kind, price = table(n)
    return [numbers, kind], price


def dicts(n):
    numbers, kind, price = table(n)
    one_hot = np.eye(4, dtype="float32")[kind[:, 0].astype(int)]
    x = {"numbers": numbers, "kind": one_hot}
    return x, {"price": price, "sold": (price < 1).astype("float32")}


@dataclasses.dataclass
class Network:
    """The two forms of a network, data for it, and how it is compiled."""

    graph: object
    classes: object
    count: int  # of its parameters, by Keras
    data: object  # from a number of samples to x, y
    compiled: dict
    is_random: bool = False  # in training: dropout, sampling


NETWORKS = {
    "residual": Network(
        residual_graph, residual_classes, 274042,
        one_image(32, 3, lambda x: is_left(x)[:, 0].astype(int)),
        {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
    ),
    "unet": Network(
        unet_graph, unet_classes, 7409, one_image(16, 1, lambda x: (x > 0.6).astype("float32")),
        {"loss": "binary_crossentropy", "metrics": ["accuracy"]}, True,
    ),
    "autoencoder": Network(
        autoencoder_graph, autoencoder_classes, 576, one_image(8), {"loss": "mse"}
    ),
    "two inputs": Network(
        two_inputs_graph, two_inputs_classes, 152, two_columns, {"loss": "mse", "metrics": ["mae"]}
    ),
    "two outputs": Network(
        two_outputs_graph, two_outputs_classes, 98, dicts,
        {
            "loss": {"price": "mse", "sold": "binary_crossentropy"},
            "loss_weights": {"price": 1.0, "sold": 0.5},
            "metrics": {"price": ["mae"], "sold": ["accuracy"]},
        },
    ),
    "siamese": Network(
        siamese_graph, siamese_classes, 408, two_images,
        {"loss": "binary_crossentropy", "metrics": ["accuracy"]},
    ),
    "variational": Network(
        vae_graph, vae_classes, 1292, one_image(8), {"loss": "binary_crossentropy"}, True
    ),
}  # fmt: skip

FORMS = ("graph", "classes")
every_network = pytest.mark.parametrize("name", NETWORKS)
every_form = pytest.mark.parametrize("form", FORMS)


def make(name, form, keras=minigrad):
    """A built network, and its data."""
    network = NETWORKS[name]
    model = getattr(network, form)(keras)
    x, y = network.data(6)
    model(x)
    return model, x, y


def compare(got, expected, **tolerances):
    for a, b in zip(flatten(got), flatten(expected), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), **tolerances)


def weights_by_age(model):
    """The weights in the order in which their layers were made."""
    held = sorted(model._walk(), key=lambda pair: pair[0]._number)
    return [weight for _, weights in held for weight in weights]


# --- what holds for every network ----------------------------------------------------------------


@every_form
@every_network
def test_network_has_as_many_parameters_as_in_keras(name, form):
    model, _, _ = make(name, form)
    assert model.count_params() == NETWORKS[name].count


@every_form
@every_network
def test_network_learns(name, form):
    model, _, _ = make(name, form)
    network = NETWORKS[name]
    x, y = network.data(24)
    model.compile(minigrad.optimizers.Adam(0.005), **network.compiled)
    before = [weight.numpy().copy() for weight in model.trainable_weights]
    history = model.fit(x, y, batch_size=8, epochs=5, verbose=0).history
    assert history["loss"][-1] < 0.95 * history["loss"][0]
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert (weight.numpy() != old).any(), weight.path
    result = model.evaluate(x, y, verbose=0, return_dict=True)
    assert set(result) == set(history)
    compare(model.predict(x, batch_size=7, verbose=0), model(x), rtol=1e-4, atol=1e-5)


@every_network
def test_twins_compute_the_same(name):
    graph, x, _ = make(name, "graph")
    classes, _, _ = make(name, "classes")
    for mine, other in zip(weights_by_age(classes), weights_by_age(graph), strict=True):
        mine.assign(other.numpy())
    compare(classes(x), graph(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ending", [".npz", pytest.param(".weights.h5", marks=needs_h5py)])
@every_form
@every_network
def test_weights_come_back_from_a_file(tmp_path, name, form, ending):
    model, x, _ = make(name, form)
    other, _, _ = make(name, form)
    model.save_weights(tmp_path / f"w{ending}")
    other.load_weights(tmp_path / f"w{ending}")
    compare(other(x), model(x), rtol=0, atol=0)


def own_classes(model):
    """The classes of layers within, and the functions of Lambda, that are no library's, by name."""
    layers = [layer for layer, _ in model._walk()]
    own = [*map(type, layers), *(layer.function for layer in layers if hasattr(layer, "function"))]
    return {each.__name__: each for each in own if not each.__module__.startswith("minigrad")}


@every_form
@every_network
def test_whole_network_comes_back_from_a_file_and_trains_on(tmp_path, name, form):
    model, x, y = make(name, form)
    network = NETWORKS[name]
    model.compile(minigrad.optimizers.Adam(0.005), **network.compiled)
    model.fit(x, y, batch_size=4, epochs=1, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = minigrad.models.load_model(tmp_path / "m.keras", own_classes(model))
    assert type(loaded) is type(model)
    assert loaded.weights_hash() == model.weights_hash()
    assert loaded.get_compile_config() == model.get_compile_config()
    if network.is_random:
        return
    compare(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=0, atol=0)
    for each in (model, loaded):
        each.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    assert loaded.weights_hash() == model.weights_hash()


@every_form
@every_network
def test_copies_are_alike_and_have_weights_of_their_own(name, form):
    model, x, _ = make(name, form)
    with minigrad.saving.custom_object_scope(own_classes(model)):
        copy = minigrad.models.clone_model(model)
        read = minigrad.models.model_from_json(model.to_json())
    for other in (copy, read):
        other(x)
        assert [w.shape for w in other.weights] == [w.shape for w in model.weights]
        assert not {id(w) for w in other.weights} & {id(w) for w in model.weights}
        other.set_weights(model.get_weights())
        if not NETWORKS[name].is_random:
            compare(other(x), model(x), rtol=0, atol=0)


@pytest.fixture
def float64(monkeypatch):
    """Layers of float64, as after Keras's ``set_floatx``."""
    init = Layer.__init__

    def init_in_float64(self, *arguments, dtype="float64", **options):
        init(self, *arguments, dtype=dtype or "float64", **options)

    monkeypatch.setattr(Layer, "__init__", init_in_float64)


@every_form
@every_network
def test_gradient_agrees_with_differences(float64, name, form):
    model, x, _ = make(name, form)
    generator = np.random.default_rng(1)
    for weight in model.trainable_weights:  # with biases of 0, dead units would lie on the kink
        weight.assign(weight.numpy() + generator.normal(0, 0.05, weight.shape))
    options = {} if NETWORKS[name].is_random else {"training": True}

    def output():
        """A sum of the outputs, each number with a factor of its own, and of the losses."""
        total = 0.0
        for y in flatten(model(x, **options)):
            total += ops.sum(y * np.cos(np.arange(y.size)).reshape(y.shape))
        return sum(model.losses, total)

    output().backward()
    for weights in (model.trainable_weights, model.trainable_weights[:1]):
        directions = [generator.normal(size=weight.shape) for weight in weights]
        derivative = sum((w.grad * d).sum() for w, d in zip(weights, directions, strict=True))
        values = []
        for step in (1e-9, -2e-9, 1e-9):  # short, between the kinks of a million relus
            for weight, direction in zip(weights, directions, strict=True):
                weight.assign(weight.numpy() + step * direction)
            values.append(output().item())
        difference = (values[0] - values[1]) / 2e-9
        np.testing.assert_allclose(derivative, difference, rtol=1e-5, atol=1e-5)


# --- steps of their own --------------------------------------------------------------------------


class TrackedVAE(Model):
    """Two models and a step that trains them, with a mean for each part of the loss."""

    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.total_loss_tracker = metrics.Mean(name="loss")
        self.reconstruction_loss_tracker = metrics.Mean(name="reconstruction_loss")
        self.kl_loss_tracker = metrics.Mean(name="kl_loss")

    @property
    def metrics(self):
        return [self.total_loss_tracker, self.reconstruction_loss_tracker, self.kl_loss_tracker]

    def train_step(self, data):
        if isinstance(data, tuple):
            data = data[0]
        self.zero_grad()
        z_mean, z_log_var, z = self.encoder(data, training=True)
        difference = losses.binary_crossentropy(data, self.decoder(z))  # (N, 8, 8)
        reconstruction_loss = ops.mean(ops.sum(difference, axis=(1, 2)))
        kl_loss = -0.5 * (1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var))
        kl_loss = ops.mean(ops.sum(kl_loss, axis=1))
        total_loss = reconstruction_loss + kl_loss
        total_loss.backward()
        gradients = [weight.grad for weight in self.trainable_weights]
        with no_grad():
            self.optimizer.apply(gradients, self.trainable_weights)
        self.total_loss_tracker.update_state(total_loss)
        self.reconstruction_loss_tracker.update_state(reconstruction_loss)
        self.kl_loss_tracker.update_state(kl_loss)
        return {metric.name: metric.result() for metric in self.metrics}


@pytest.mark.parametrize("arguments", [1, 2], ids=["x", "x and y"])
@every_form
def test_step_of_a_variational_autoencoder_trains_and_is_tracked(tmp_path, form, arguments):
    parts, x, _ = make("variational", form)
    model = TrackedVAE(parts.get_layer("encoder"), parts.get_layer("decoder"))
    on_batch = TrackedVAE(model.encoder, model.decoder)
    on_batch.compile("sgd")
    on_batch.train_on_batch(*[x] * arguments)
    model.compile(optimizer=minigrad.optimizers.Adam(0.005))
    history = model.fit(*[x] * arguments, epochs=20, batch_size=4, verbose=0).history
    assert list(history) == ["kl_loss", "loss", "reconstruction_loss"]
    assert history["loss"][-1] < 0.95 * history["loss"][0]
    total = np.add(history["kl_loss"], history["reconstruction_loss"])
    np.testing.assert_allclose(history["loss"], total, rtol=1e-6)
    for trained in (model, on_batch):
        assert trained.count_params() == NETWORKS["variational"].count
    before = model.get_weights()
    model.save_weights(tmp_path / "w.npz")
    model.fit(x, verbose=0)
    model.load_weights(tmp_path / "w.npz")
    compare(model.get_weights(), before, rtol=0, atol=0)


class DistanceLayer(Layer):
    """The squared distances of two vectors to a third: a layer of several arguments."""

    def call(self, anchor, positive, negative):
        return [ops.sum(ops.square(anchor - other), -1) for other in (positive, negative)]


class TripletModel(Model):
    """A siamese network that learns which of two images is like a third."""

    def __init__(self, siamese_network, margin=0.5):
        super().__init__()
        self.siamese_network = siamese_network
        self.margin = margin
        self.loss_tracker = metrics.Mean(name="loss")

    def call(self, inputs):
        return self.siamese_network(inputs)

    def train_step(self, data):
        self.zero_grad()
        loss = self._compute_loss(data)
        loss.backward()
        weights = self.siamese_network.trainable_weights
        self.optimizer.apply_gradients(zip([w.grad for w in weights], weights, strict=True))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}

    def test_step(self, data):
        self.loss_tracker.update_state(self._compute_loss(data))
        return {"loss": self.loss_tracker.result()}

    def _compute_loss(self, data):
        near, far = self.siamese_network(data)
        return ops.mean(ops.relu(near - far + self.margin))

    @property
    def metrics(self):
        return [self.loss_tracker]


@every_form
def test_step_of_a_triplet_network_trains_and_is_tracked(form):
    embedding = (siamese_graph if form == "graph" else siamese_classes)(minigrad)
    embedding = embedding.layers[2] if form == "graph" else embedding.embedding
    inputs = [minigrad.Input((8, 8, 1), name=name) for name in ("anchor", "positive", "negative")]
    distances = DistanceLayer()(*(embedding(image) for image in inputs))
    model = TripletModel(Model(inputs, distances))
    pictures = images(40, 8)
    left = is_left(pictures)[:, 0] == 1
    n = min(left.sum(), (~left).sum()) // 2
    triplet = pictures[left][:n], pictures[left][n : 2 * n], pictures[~left][:n]

    class Loader:
        """Batches of three arrays, which are no x, y and weights: the step knows what they are."""

        def __iter__(self):
            return iter([triplet] * 5)

    model.compile("adam")
    history = model.fit(Loader(), epochs=8, verbose=0, validation_data=Loader()).history
    assert list(history) == ["loss", "val_loss"]
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    near, far = model.predict(list(triplet), verbose=0)
    assert near.mean() < far.mean()


# --- against Keras -------------------------------------------------------------------------------


def make_pair(name, form, keras):
    """The network here and in Keras with the same weights, none of them 0, and its data."""
    ours, x, y = make(name, form)
    theirs, _, _ = make(name, form, keras)
    generator = np.random.default_rng(2)
    weights = [w + generator.uniform(0, 0.02, w.shape) for w in ours.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs, x, y


@KERAS_WARNS
@every_form
@every_network
def test_network_agrees_with_keras(name, form):
    keras = pytest.importorskip("keras")
    ours, theirs, x, _ = make_pair(name, form, keras)
    assert ours.count_params() == theirs.count_params() == NETWORKS[name].count
    for kind in ("weights", "trainable_weights", "non_trainable_weights"):
        mine, other = getattr(ours, kind), getattr(theirs, kind)
        assert [(w.name, w.shape) for w in mine] == [(w.name, tuple(w.shape)) for w in other]
    compare(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


@KERAS_WARNS
@needs_h5py
@every_form
@every_network
def test_weights_are_exchanged_with_keras(tmp_path, name, form):
    keras = pytest.importorskip("keras")
    ours, theirs, _, _ = make_pair(name, form, keras)
    new, keras_new, _, _ = make_pair(name, form, keras)
    for model, other, file in ((ours, keras_new, "ours"), (theirs, new, "theirs")):
        model.save_weights(tmp_path / f"{file}.weights.h5")
        other.set_weights([np.zeros(w.shape) for w in other.weights])
        other.load_weights(tmp_path / f"{file}.weights.h5")
        for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


@KERAS_WARNS
@needs_h5py
@pytest.mark.parametrize(
    "name", [name for name in NETWORKS if name not in ("variational", "siamese")]
)
def test_whole_networks_are_exchanged_with_keras(tmp_path, name):
    keras = pytest.importorskip("keras")
    ours, theirs, x, y = make_pair(name, "graph", keras)
    for model, library, other in ((ours, minigrad, keras), (theirs, keras, minigrad)):
        rule = library.optimizers.RMSprop(0.01, centered=True)
        model.compile(rule, **NETWORKS[name].compiled)
        model.fit(x, y, batch_size=6, epochs=1, shuffle=False, verbose=0)
        model.save(tmp_path / "m.keras")
        loaded = other.models.load_model(tmp_path / "m.keras", own_classes(ours))
        outputs = loaded.predict(x, verbose=0), model.predict(x, verbose=0)
        compare(*outputs, rtol=2e-5, atol=2e-5)
        if NETWORKS[name].is_random or name == "residual":
            continue
        for each in (model, loaded):
            each.fit(x, y, batch_size=6, epochs=2, shuffle=False, verbose=0)
        compare(loaded.get_weights(), model.get_weights(), rtol=1e-4, atol=2e-5)


TRAINED = [(name, form) for name in NETWORKS if not NETWORKS[name].is_random for form in FORMS]
TRAINED.remove(("residual", "classes"))  # Keras takes as long for it as for all the others


@KERAS_WARNS
@pytest.mark.parametrize(("name", "form"), TRAINED)
def test_network_learns_as_in_keras(name, form):
    keras = pytest.importorskip("keras")
    ours, theirs, x, y = make_pair(name, form, keras)
    logs = []
    for model, optimizers in ((ours, minigrad.optimizers), (theirs, keras.optimizers)):
        model.compile(optimizers.SGD(0.01, momentum=0.9), **NETWORKS[name].compiled)
        logs.append(model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history)
    assert list(logs[0]) == list(logs[1])
    for key, values in logs[1].items():
        np.testing.assert_allclose(logs[0][key], values, rtol=1e-4, atol=1e-5, err_msg=key)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


@KERAS_WARNS
def test_fit_trains_layers_below_a_call_without_training_and_keras_does_not():
    keras = pytest.importorskip("keras")
    changed = []
    for library in (minigrad, keras):

        class Net(library.Model):
            def __init__(self, norm):
                super().__init__()
                self.norm = norm

            def call(self, inputs):
                return self.norm(inputs)

        model = Net(library.layers.BatchNormalization())
        model.compile("sgd", "mse")
        model.fit(np.ones((4, 3)), np.ones((4, 3)), verbose=0)
        changed.append(np.asarray(model.norm.moving_mean).any())
    assert changed == [True, False]
