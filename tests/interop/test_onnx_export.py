"""Models as ONNX files: onnx's checker takes them, and onnxruntime computes what minigrad does."""

import numpy as np
import pytest

from minigrad import Input, Model, Sequential, activations, layers, ops

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from minigrad import interop

IMAGE = (7, 6, 4)

REFUSED = {
    "IntegerLookup": (lambda: layers.IntegerLookup(vocabulary=[1, 2]), "vocabulary"),
    "StringLookup": (lambda: layers.StringLookup(vocabulary=["a"], invert=True), "vocabulary"),
}


def test_every_layer_has_a_case(layer_names):
    public = {
        value.__name__
        for value in vars(layers).values()
        if isinstance(value, type) and issubclass(value, layers.Layer)
    }
    assert public - {"Layer"} == layer_names | {*REFUSED}


@pytest.mark.parametrize("between", [False, True], ids=["alone", "beside"])
def test_layer_computes_the_same_in_onnx(layer_case, between, model_of, same_in_onnx):
    """Alone, and where the layer before it has left its channels first."""
    same_in_onnx(*model_of(layer_case, between))


def test_merging_broadcasts_as_in_minigrad(same_in_onnx, inputs):
    x, y, z = Input(IMAGE), Input((4,)), Input((1, 1, 4))
    model = Model([x, y, z], layers.Multiply()([layers.MaxPooling2D(1)(x), y, z]))
    same_in_onnx(model, [inputs(IMAGE), inputs((4,)), inputs((1, 1, 4))])


@pytest.mark.parametrize("case", REFUSED)
def test_refused_layer_is_named_with_a_cure(case):
    make, words = REFUSED[case]
    layer = make()
    model = Sequential([Input((1,)), layers.Identity()])
    model._layers.append(layer)
    with pytest.raises(ValueError, match=f"{layer.name}.*{words}.*; "):
        interop.to_onnx(model)


@pytest.mark.parametrize("name", activations.ACTIVATIONS.names)
def test_activation_computes_the_same_in_onnx(name, same_in_onnx, inputs):
    x = Input(IMAGE)
    model = Model(x, layers.Activation(name)(layers.MaxPooling2D(1)(x)))
    same_in_onnx(model, 2 * inputs(IMAGE))


# --- whole models --------------------------------------------------------------------------------


def make_cnn():
    return Sequential(
        [
            Input((12, 10, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Dropout(0.3),
            layers.Conv2D(6, 3, padding="same", use_bias=False),
            layers.Activation("relu"),
            layers.Flatten(),
            layers.Dense(5, activation="softmax"),
        ]
    )


def train(model, steps=4):
    generator = np.random.default_rng(3)
    x = generator.normal(size=(32, *model.input_shape[1:])).astype("float32")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, generator.integers(0, 5, 32), epochs=steps, verbose=0)
    return model, x


def count(made, op):
    return [node.op_type for node in made.graph.node].count(op)


def test_trained_cnn_computes_the_same_in_onnx(same_in_onnx, run_onnx, tmp_path):
    model, x = train(make_cnn())
    made = same_in_onnx(model, x)
    assert count(made, "Transpose") == 2  # before the first convolution, and before Flatten
    model.export(tmp_path / "cnn.onnx", format="onnx")
    (result,) = run_onnx(tmp_path / "cnn.onnx", x[:1])
    np.testing.assert_allclose(result, model.predict(x[:1], verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("version", range(21, 29))
def test_every_version_of_the_operators(version, same_in_onnx, inputs, stir):
    x = Input(IMAGE)
    y = layers.Conv2D(6, 3, activation="gelu")(x)
    y = layers.GroupNormalization(2)(layers.UpSampling2D(2)(y))
    y = layers.LayerNormalization()(layers.ZeroPadding2D()(y))
    made = same_in_onnx(stir(Model(x, ops.mean(y, (1, 2)))), inputs(IMAGE), opset_version=version)
    assert [entry.version for entry in made.opset_import] == [version]


def test_weights_keep_their_paths():
    made = interop.to_onnx(make_cnn())
    names = {entry.name for entry in made.graph.initializer}
    model_names = {weight.path for weight in make_cnn().weights}
    assert {name.rpartition("/")[2] for name in model_names} <= {
        n.rpartition("/")[2] for n in names
    }
    assert {"conv2d/kernel", "batch_normalization/moving_mean", "dense/bias"} <= names
    assert [entry.name for entry in made.graph.output] == ["dense"]


def test_shared_layers_share_their_weights(same_in_onnx, inputs, stir):
    x, y = Input(IMAGE, name="left"), Input(IMAGE, name="right")
    shared = layers.Conv2D(4, 3)
    made = same_in_onnx(
        stir(Model([x, y], layers.Subtract()([shared(x), shared(y)]))),
        [inputs(IMAGE), inputs(IMAGE, 1)],
    )
    assert [entry.name for entry in made.graph.input] == ["left", "right"]
    assert len(made.graph.initializer) == 2  # kernel and bias


def test_several_outputs_and_models_within(same_in_onnx, inputs, stir):
    encoder = Sequential([Input((8, 8, 2)), layers.Conv2D(4, 3, strides=2), layers.Flatten()])
    x, y = Input((8, 8, 2)), Input((3,))
    code = layers.Concatenate()([encoder(x), y])
    a = layers.Dense(4, name="a")(code)
    b = layers.Conv2DTranspose(1, 3)(layers.Reshape((3, 3, -1))(layers.Dense(18)(code)))
    made = same_in_onnx(stir(Model([x, y], {"a": a, "b": b})), [inputs((8, 8, 2)), inputs((3,))])
    assert [entry.name for entry in made.graph.output] == ["a", "b"]


OPS = {
    "arithmetic": lambda x: (1 - x) / (x * x + 2.0) + abs(-x) ** 1.5,
    "comparison": lambda x: ops.where(x > 0.1, ops.exp(x), ops.cos(x)) + (x < 0) * x,
    "reductions": lambda x: ops.sum(x, (1, 3)) + ops.max(x, axis=(1, 3)) * ops.var(x, (1, 3)),
    "mean of channels": lambda x: x - ops.mean(x, -1, keepdims=True),
    "mean of images": lambda x: ops.mean(x, (1, 2)) + ops.std(x, (1, 2)) + ops.min(x, (1, 2)),
    "logsumexp": lambda x: ops.logsumexp(x, axis=2),
    "norm": lambda x: ops.norm(x, axis=3) + ops.norm(x, 1, axis=3),
    "argmax": lambda x: ops.argmax(x, axis=-1),
    "getitem": lambda x: x[:, ::2, None, 1, ..., -1:],
    "getitem backwards": lambda x: x[:, ::-1, 1:-2, 2],
    "getitem of a list": lambda x: x[:, :, [3, 0, -1]],
    "reshape": lambda x: ops.reshape(x, (-1, 7, 24)),
    "transpose": lambda x: ops.transpose(x, (0, 2, 3, 1)) @ np.ones((7, 2), "float32"),
    "matmul": lambda x: ops.matmul(x, ops.transpose(x, (0, 1, 3, 2))),
    "concatenate": lambda x: ops.concatenate([x, ops.square(x)], axis=2),
    "stack": lambda x: ops.stack([x, ops.sigmoid(x)], axis=1),
    "pad": lambda x: ops.pad(x, ((0, 0), (1, 0), (0, 2), (1, 1)), constant_values=2.0),
    "squeeze": lambda x: ops.squeeze(ops.expand_dims(x, 2), 2),
    "clip": lambda x: ops.clip(x, -0.5, 0.5) + ops.maximum(x, 0.2) + ops.minimum(x, 3),
    "pooling": lambda x: ops.max_pool2d(x, 2) + ops.avg_pool2d(x, 2),
    "log_softmax": lambda x: ops.log_softmax(x, axis=1) + ops.softmax(x),
    "others": lambda x: ops.sign(x) + ops.floor(x) + ops.tanh(ops.erf(x)) + ops.arctan(x),
    "cumsum": lambda x: ops.cumsum(x, axis=2),
    "einsum": lambda x: (
        ops.einsum("bhwc,bhvc->bhwv", x, x) + ops.einsum("bhwc->bh", x)[:, :, None, None]
    ),
    "flip and roll": lambda x: ops.flip(x, axis=1) + ops.roll(x, 2, axis=-1),
    "repeat": lambda x: ops.repeat(x, [1, 0, 3, 1], axis=-1),
    "softmax of images": lambda x: ops.softmax(x, axis=(1, 2)),
    "split": lambda x: ops.split(x, 2, -1)[1][:, :, 1:3] * ops.split(x, [1, 3], axis=2)[1][..., :2],
    "take": lambda x: ops.take(x, [2, 0, -1], axis=1) + ops.take(x, 1, axis=3)[:, :3, :, None],
    "zeros_like": lambda x: ops.concatenate([x, ops.zeros_like(x), ops.ones_like(x)], axis=-1),
    "recorded inside": lambda x: ops.rad2deg(x),
    "mixed": lambda x: ops.relu(x) + np.arange(4, dtype="float32") * x[:, :1],
}


@pytest.mark.parametrize("form", ["as they come", "channels first"])
@pytest.mark.parametrize("case", OPS)
def test_ops_between_layers_compute_the_same_in_onnx(case, form, same_in_onnx, inputs):
    x = Input(IMAGE)
    y = x if form == "as they come" else layers.MaxPooling2D(1)(x)
    same_in_onnx(Model(x, OPS[case](y)), inputs(IMAGE))


class Residual(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = [layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()]

    def build(self, input_shape):
        self.scale = self.add_weight((4,), "ones", name="scale")

    def call(self, x, training=False):
        y = x
        for layer in self.inner:
            y = ops.relu(layer(y, training=training))
        self.add_loss(ops.sum(y))
        return x + self.scale * y


class Net(Model):
    def __init__(self):
        super().__init__()
        self.block = Residual()
        self.drop = layers.Dropout(0.5)
        self.out = layers.Dense(2)

    def call(self, x):
        return {"score": self.out(self.drop(ops.mean(self.block(x), axis=(1, 2))))}


def test_models_and_layers_of_your_own_are_gone_into(same_in_onnx, inputs, stir):
    model = Net()
    model(inputs(IMAGE))
    before = model.block._output
    made = same_in_onnx(stir(model), inputs(IMAGE))
    assert model.block._output is before
    assert "residual/scale" in {entry.name for entry in made.graph.initializer}


def wave(x):
    return ops.sin(x) * 2


def test_names_and_functions_of_your_own(same_in_onnx, inputs):
    x = {"right": Input((5,), name="b"), "left": Input((3,), name="a")}
    y = layers.Dense(4, activation=wave)(x["right"])
    model = Model(x, [layers.Activation(wave)(y), x["left"], y, y])
    given = {"left": inputs((3,)), "right": inputs((5,))}
    made = same_in_onnx(model, given)
    assert [entry.name for entry in made.graph.input] == ["a", "b"]
    assert len({entry.name for entry in made.graph.output}) == 4


class UsesValues(layers.Layer):
    def call(self, x):
        return ops.relu(x) * float(x.data.max())


class Around(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        return self.drop(x)


class Training(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.BatchNormalization()

    def call(self, x):
        return self.norm(x, training=True)


def test_what_cannot_be_exported_is_named_with_a_cure():
    x = Input((5,))
    for layer, words in ((UsesValues(), "minigrad.ops"), (Training(), "training=True; leave it")):
        model = Sequential([Input((5,)), layer])
        with pytest.raises((TypeError, ValueError), match=words) as caught:
            interop.to_onnx(model)
        assert "uses_values" in str(caught.value) or "batch_normalization" in str(caught.value)
    with pytest.raises(ValueError, match=r"'around'.*got training=True; leave it"):
        interop.to_onnx(Model(x, Around(name="around")(x, training=True)))
    with pytest.raises((TypeError, ValueError), match=r"layer_normalization.*write it with"):
        interop.to_onnx(Model(x, ops.layer_normalization(x)))
    with pytest.raises(TypeError, match=r"sort: .* one that asks NumPy for values; write it with"):
        interop.to_onnx(Model(x, ops.sort(x)))
    with pytest.raises(ValueError, match=r"flip: expected an axis of known size, not the batch"):
        interop.to_onnx(Model(x, ops.flip(x, axis=0)))
    with pytest.raises(ValueError, match=r"expected images of known size.*give Input"):
        interop.to_onnx(Sequential([Input((None, None, 3)), layers.Resizing(4, 4)]))
    with pytest.raises(ValueError, match="known input shape"):
        interop.to_onnx(Sequential([layers.Dense(2)]))


def test_images_of_any_size(run_onnx, inputs):
    x = Input((None, None, 3))
    y = layers.Conv2D(4, 3, 2, "same", activation="relu")(x)
    y = layers.UpSampling2D(2)(layers.MaxPooling2D(3, 2, "same")(y))
    model = Model(x, layers.GlobalAveragePooling2D()(y))
    made = interop.to_onnx(model)
    for shape in ((9, 12, 3), (16, 7, 3)):
        (result,) = run_onnx(made, inputs(shape))
        np.testing.assert_allclose(result, model(inputs(shape)).numpy(), rtol=1e-5, atol=1e-6)


def test_whole_numbers_stay_whole(run_onnx):
    """Where Input says so, in the order of the inputs; runtimes refuse arrays of other types."""
    words, x = Input((6,), dtype="int32"), Input((6,))
    y = layers.Embedding(5, 6)(words)
    model = Model([words, x], [layers.Add()([y, x[:, None]]), words])
    given = [np.array([[0, 4, 1, 2, 2, 3]], "int32"), np.ones((1, 6), "float32")]
    made = interop.to_onnx(model)
    for result, expected in zip(run_onnx(made, given), model(given), strict=True):
        np.testing.assert_allclose(result, expected.numpy(), rtol=1e-6)
    sequential = Sequential([Input((6,), dtype="int64"), layers.Embedding(5, 3)])
    (kind,) = interop.to_onnx(sequential).graph.input
    assert kind.type.tensor_type.elem_type == 7  # ONNX's INT64


def test_float64(run_onnx, inputs):
    x = Input((5,), dtype="float64")
    model = Model(x, layers.Dense(3, "tanh", dtype="float64")(x))
    (result,) = run_onnx(interop.to_onnx(model), inputs((5,)).astype("float64"))
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, model(inputs((5,))).numpy(), rtol=1e-12)


def test_arguments_of_export_are_checked(tmp_path, capsys):
    model = Sequential([Input((2,)), layers.Dense(1)])
    for options, words in (
        ({"format": "tf_saved_model"}, "expected format 'onnx', got 'tf_saved_model'"),
        ({"input_signature": [1]}, "input_signature None"),
        ({"opset_version": 9}, "opset_version from 21 to"),
        ({"strict": True}, "no option but opset_version"),
    ):
        with pytest.raises(ValueError, match=words):
            model.export(tmp_path / "model.onnx", **options)
    with pytest.raises(ValueError, match=r"ends in \.onnx"):
        model.export(tmp_path / "model.pb")
    assert not list(tmp_path.iterdir())
    model.export(tmp_path / "model.onnx", verbose=True)
    assert "Saved artifact" in capsys.readouterr().out
