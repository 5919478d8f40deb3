"""Weights to PyTorch and back: the same network there computes the same."""

import warnings

import numpy as np
import pytest

from minigrad import Input, Model, Sequential, interop, layers, losses, models, ops

torch = pytest.importorskip("torch")
nn = torch.nn

IMAGE = (12, 10, 3)


def stir(model):
    generator = np.random.default_rng(7)
    for weight in model.weights:
        weight.assign(generator.uniform(0.2, 1.5, weight.shape) * generator.choice([-0.3, 0.5]))
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_variance.assign(generator.uniform(0.5, 2.0, layer.moving_variance.shape))
    return model


def images(shape=IMAGE, number=4):
    return np.random.default_rng(1).normal(size=(number, *shape)).astype("float32")


def run_torch(module, x):
    """Run a module on minigrad's images, and turn what it gives, if these are images."""
    x = np.moveaxis(x, -1, 1) if x.ndim > 2 else x
    with torch.no_grad():
        y = module.eval()(torch.from_numpy(np.ascontiguousarray(x))).numpy()
    return np.moveaxis(y, 1, -1) if y.ndim > 2 else y


def check_both_ways(model, module, x):
    """The model's weights in the module, then the module's own weights in the model."""
    fresh = {name: value.clone() for name, value in module.state_dict().items()}
    for value in fresh.values():
        if value.dtype == torch.float32:
            value.copy_(torch.rand(value.shape) + 0.1)
    module.load_state_dict(interop.state_dict(stir(model), like=module))
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(run_torch(module, x), expected, rtol=1e-4, atol=1e-5)
    module.load_state_dict(fresh)
    assert not np.allclose(run_torch(module, x), expected, rtol=1e-2)
    interop.load_state_dict(model, module)
    result = model.predict(x, verbose=0)
    np.testing.assert_allclose(result, run_torch(module, x), rtol=1e-4, atol=1e-5)
    back = interop.state_dict(model, like=module)
    for name, value in module.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(back[name], value), name


def make_cnn():
    model = Sequential(
        [
            Input(IMAGE),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Dropout(0.3),
            layers.Conv2D(6, 3, padding="same", groups=2, use_bias=False),
            layers.Activation("relu"),
            layers.Flatten(),
            layers.BatchNormalization(scale=False),
            layers.Dense(7, activation="relu"),
            layers.Dense(5),
        ]
    )
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.BatchNorm2d(8, eps=1e-3), nn.MaxPool2d(2),
        nn.Dropout(0.3), nn.Conv2d(8, 6, 3, padding=1, groups=2, bias=False), nn.ReLU(),
        nn.Flatten(), nn.BatchNorm1d(120, eps=1e-3), nn.Linear(120, 7), nn.ReLU(), nn.Linear(7, 5),
    )  # fmt: skip
    return model, module


def test_trained_cnn_goes_round(run_onnx, tmp_path):
    """To ONNX, for onnxruntime and back; and to PyTorch, from there to ONNX and back."""
    pytest.importorskip("onnx")
    model, module = make_cnn()
    x = images(number=32)
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, np.arange(32) % 5, epochs=3, verbose=0)
    expected = model.predict(x, verbose=0)
    model.export(tmp_path / "here.onnx", format="onnx")
    (result,) = run_onnx(tmp_path / "here.onnx", x)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)
    again = models.load_model(tmp_path / "here.onnx")
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
    module.load_state_dict(interop.state_dict(model, like=module))
    np.testing.assert_allclose(run_torch(module, x), expected, rtol=1e-5, atol=1e-5)
    first = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = (torch.from_numpy(first[:2]),)
        torch.onnx.export(module, given, tmp_path / "there.onnx", dynamo=False)
    other = models.load_model(tmp_path / "there.onnx")
    np.testing.assert_allclose(other.predict(first, verbose=0), expected, rtol=1e-5, atol=1e-5)


def test_module_comes_to_minigrad():
    model, module = make_cnn()
    x = images()
    interop.load_state_dict(model, module)
    result = model.predict(x, verbose=0)
    np.testing.assert_allclose(result, run_torch(module, x), rtol=1e-4, atol=1e-5)
    state = module.state_dict()
    state["8.weight"] = state["8.weight"] + 0.5  # of a layer that has no gamma
    with pytest.raises(ValueError, match=r"expected 8\.weight to be 1, since the layer has none"):
        interop.load_state_dict(model, state)


PAIRS = {
    "Dense": ((5,), lambda: [layers.Dense(3)], lambda: [nn.Linear(5, 3)]),
    "Dense without bias": (
        (5,),
        lambda: [layers.Dense(3, use_bias=False)],
        lambda: [nn.Linear(5, 3, bias=False)],
    ),
    "Conv1D": ((9, 4), lambda: [layers.Conv1D(6, 3, 2)], lambda: [nn.Conv1d(4, 6, 3, 2)]),
    "Conv1D flattened": (
        (9, 4),
        lambda: [layers.Conv1D(6, 3), layers.Flatten(), layers.Dense(2)],
        lambda: [nn.Conv1d(4, 6, 3), nn.Flatten(), nn.Linear(42, 2)],
    ),
    "Conv1DTranspose": (
        (9, 4),
        lambda: [layers.Conv1DTranspose(6, 3, 2, output_padding=1)],
        lambda: [nn.ConvTranspose1d(4, 6, 3, 2, output_padding=1)],
    ),
    "Conv2DTranspose": (
        IMAGE,
        lambda: [layers.Conv2DTranspose(6, (3, 2), 2, output_padding=0)],
        lambda: [nn.ConvTranspose2d(3, 6, (3, 2), 2)],
    ),
    "DepthwiseConv2D": (
        IMAGE,
        lambda: [layers.DepthwiseConv2D((3, 2), depth_multiplier=2)],
        lambda: [nn.Conv2d(3, 6, (3, 2), groups=3)],
    ),
    "DepthwiseConv1D": (
        (9, 4),
        lambda: [layers.DepthwiseConv1D(3, depth_multiplier=2)],
        lambda: [nn.Conv1d(4, 8, 3, groups=4)],
    ),
    "SeparableConv2D": (
        IMAGE,
        lambda: [layers.SeparableConv2D(5, 3, depth_multiplier=2)],
        lambda: [nn.Conv2d(3, 6, 3, groups=3, bias=False), nn.Conv2d(6, 5, 1)],
    ),
    "SeparableConv1D": (
        (9, 4),
        lambda: [layers.SeparableConv1D(5, 3)],
        lambda: [nn.Conv1d(4, 4, 3, groups=4, bias=False), nn.Conv1d(4, 5, 1)],
    ),
    "BatchNormalization": (
        IMAGE,
        lambda: [layers.BatchNormalization()],
        lambda: [nn.BatchNorm2d(3, eps=1e-3)],
    ),
    "BatchNormalization plain": (
        IMAGE,
        lambda: [layers.BatchNormalization(center=False, scale=False)],
        lambda: [nn.BatchNorm2d(3, eps=1e-3, affine=False)],
    ),
    "GroupNormalization": (
        (5, 4, 6),
        lambda: [layers.GroupNormalization(3)],
        lambda: [nn.GroupNorm(3, 6, eps=1e-3)],
    ),
    "LayerNormalization": (
        (6,),
        lambda: [layers.LayerNormalization()],
        lambda: [nn.LayerNorm(6, eps=1e-3)],
    ),
    "LayerNormalization of images": (
        (5, 4, 6),
        lambda: [layers.LayerNormalization([1, 2, 3])],
        lambda: [nn.LayerNorm((6, 5, 4), eps=1e-3)],
    ),
    "RMSNormalization": (
        (6,),
        lambda: [layers.RMSNormalization()],
        lambda: [nn.RMSNorm(6, eps=1e-6)],
    ),
    "PReLU": (
        IMAGE,
        lambda: [layers.PReLU(shared_axes=[1, 2])],
        lambda: [nn.PReLU(3)],
    ),
    "flattened": (
        (3, 4, 5),
        lambda: [
            layers.Flatten(),
            layers.LayerNormalization(),
            layers.PReLU(),
            layers.Dropout(0.2),
            layers.Dense(2),
        ],
        lambda: [
            nn.Flatten(),
            nn.LayerNorm(60, eps=1e-3),
            nn.PReLU(60),
            nn.Dropout(0.2),
            nn.Linear(60, 2),
        ],
    ),
    "decoder": (
        (6,),
        lambda: [
            layers.Dense(60),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Reshape((3, 4, 5)),
            layers.Conv2DTranspose(2, 3),
        ],
        lambda: [
            nn.Linear(6, 60),
            nn.BatchNorm1d(60, eps=1e-3),
            nn.ReLU(),
            nn.Unflatten(1, (5, 3, 4)),
            nn.ConvTranspose2d(5, 2, 3),
        ],
    ),
    "autoencoder": (
        (3, 4, 5),
        lambda: [layers.Flatten(), layers.Dense(60), layers.Dense(60), layers.Reshape((3, 4, 5))],
        lambda: [
            nn.Flatten(),
            nn.Linear(60, 60),
            nn.Linear(60, 60),
            nn.Unflatten(1, (5, 3, 4)),
        ],
    ),
    "there and back": (
        (3, 4, 5),
        lambda: [layers.Flatten(), layers.Reshape((3, 4, 5)), layers.Conv2D(2, 2)],
        lambda: [nn.Flatten(), nn.Unflatten(1, (5, 3, 4)), nn.Conv2d(5, 2, 2)],
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_weights_go_both_ways(case):
    shape, make, make_torch = PAIRS[case]
    model = Sequential([Input(shape), *make()])
    check_both_ways(model, nn.Sequential(*make_torch()), images(shape))


def test_embedding_goes_both_ways():
    model = Sequential([Input((6,)), layers.Embedding(5, 3)])
    module = nn.Embedding(5, 3)
    whole = nn.ModuleDict({"embedding": module})
    module.load_state_dict({"weight": interop.state_dict(model, like=whole)["embedding.weight"]})
    x = np.random.default_rng(0).integers(0, 5, (4, 6))
    result = module(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_array_equal(result, model.predict(x, verbose=0))


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Conv2D(4, 3, padding="same")
        self.second = layers.Conv2D(3, 1)

    def call(self, x):
        return x + self.second(ops.relu(self.first(x)))


class Net(Model):
    def __init__(self):
        super().__init__()
        self.block = Block()
        self.head = layers.Dense(2)

    def call(self, x):
        return self.head(ops.reshape(self.block(x), (-1, 360)))


class TorchBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.second = nn.Conv2d(4, 3, 1)  # in another order
        self.first = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x):
        return x + self.second(torch.relu(self.first(x)))


class TorchNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = TorchBlock()
        self.head = nn.Linear(360, 2)

    def forward(self, x):
        return self.head(self.block(x).flatten(1))


def test_attributes_of_one_name_are_found_by_name():
    model = Net()
    model(images())
    assert [*interop.state_dict(model)] == [
        "block.first.weight", "block.first.bias", "block.second.weight", "block.second.bias",
        "head.weight", "head.bias",
    ]  # fmt: skip
    check_both_ways(model, TorchNet(), images())
    model.head.name = "last"
    names = {"first": "block.first", "second": "block.second", "last": "head"}
    model.block.first.name, model.block.second.name = "first", "second"
    given = interop.state_dict(model, like=TorchNet(), names=names)
    assert torch.equal(given["head.weight"], interop.state_dict(model)["head.weight"])


def test_two_flattened_images_are_joined():
    x, y = Input((2, 3, 4)), Input((3, 3, 2))
    both = layers.Concatenate()([layers.Flatten()(x), layers.Dense(3)(layers.Flatten()(y))])
    model = stir(Model([x, y], layers.Dense(2)(both)))
    first, last = nn.Linear(18, 3), nn.Linear(27, 2)
    like = nn.ModuleDict({"first": first, "last": last})
    like.load_state_dict(interop.state_dict(model, like=like))
    given = images((2, 3, 4)), images((3, 3, 2))
    a, b = (torch.from_numpy(np.moveaxis(z, -1, 1).copy()).flatten(1) for z in given)
    result = last(torch.cat([a, first(b)], 1)).detach().numpy()
    np.testing.assert_allclose(result, model.predict([*given], verbose=0), rtol=1e-4, atol=1e-5)


def test_flatten_in_minigrads_order():
    model = stir(Sequential([Input((2, 3, 4)), layers.Flatten(), layers.Dense(2)]))
    module = nn.Sequential(nn.Linear(24, 2))
    module.load_state_dict(interop.state_dict(model, like=module, flatten="channels_last"))
    x = images((2, 3, 4))
    result = run_torch(module, x.reshape(4, 24))
    np.testing.assert_allclose(result, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)


def test_what_does_not_fit_is_named_and_changes_nothing():
    model, module = make_cnn()
    before = model.weights_hash()
    wrong = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(2, 5))
    with pytest.raises(ValueError, match="do not fit") as caught:
        interop.load_state_dict(model, wrong.state_dict())
    for words in ("missing: Dense", "expected 1 with", "names="):
        assert words in str(caught.value)
    module[2].eps = 1e-5
    with pytest.raises(ValueError, match=r"the module 2 to have eps=0\.001, got 1e-05"):
        interop.load_state_dict(model, module)
    with pytest.raises(ValueError, match="flatten 'channels_first' or"):
        interop.state_dict(model, flatten="first")
    assert model.weights_hash() == before


def test_what_is_no_state_is_refused_by_its_name():
    model = Sequential([Input((5,)), layers.Dense(3, name="head")])
    state = nn.Linear(5, 3).state_dict()
    before = model.weights_hash()
    for wrong, words in (
        ("weights.pt", r"its state_dict\(\), got str; read a file with torch.load"),
        (
            {"state_dict": state, "epoch": 3},
            r"state_dict: expected an array of floats, got Ordered",
        ),
        ({"weight": state["weight"].int(), "bias": state["bias"]}, "weight: .* got torch.int32"),
        ({"weight": state["weight"].tolist()}, "weight: expected an array of floats, got list"),
    ):
        with pytest.raises(TypeError, match=f"load_state_dict: .*{words}"):
            interop.load_state_dict(model, wrong)
    for function in (lambda names: interop.state_dict(model, names=names),
                     lambda names: interop.load_state_dict(model, state, names)):  # fmt: skip
        with pytest.raises(ValueError, match=r"from each of head to a module .*haed"):
            function({"haed": "0"})
    assert [*interop.state_dict(model, names={"head": "fc"})] == ["fc.weight", "fc.bias"]
    assert model.weights_hash() == before
    interop.load_state_dict(model, {name: value.bfloat16() for name, value in state.items()})
    np.testing.assert_array_equal(
        model.weights[0].numpy().T, state["weight"].bfloat16().float().numpy()
    )


def test_another_number_of_groups_is_refused():
    """It is in no shape, and another one computes another function."""
    model = Sequential([Input((3, 3, 4)), layers.GroupNormalization(-1, epsilon=1e-5)])
    interop.load_state_dict(model, nn.Sequential(nn.GroupNorm(4, 4)))
    with pytest.raises(ValueError, match="module 0 to have num_groups=4, got 2"):
        interop.load_state_dict(model, nn.Sequential(nn.GroupNorm(2, 4)))


def test_orders_that_cannot_be_turned_are_refused():
    x = Input((2, 3, 4))
    flat = layers.Flatten()(x)
    with pytest.raises(ValueError, match=r"cumsum.*flatten='channels_last'"):
        interop.state_dict(Model(x, layers.Dense(2)(ops.cumsum(flat, axis=1))))
    shared = layers.Dense(24)
    with pytest.raises(ValueError, match="one order of features, got two"):
        interop.state_dict(Model(x, shared(shared(flat))))
    y = layers.Dense(24)(Input((3,)))
    inputs = y.call.arguments[0]
    twice = Model(inputs, [layers.Reshape((2, 3, 4))(y), layers.Dense(2)(y)])
    with pytest.raises(ValueError, match="used only once"):
        interop.state_dict(twice)
    with pytest.raises(ValueError, match="features of a Dense layer"):
        interop.state_dict(
            Sequential([Input((24,)), layers.Reshape((2, 3, 4)), layers.Conv2D(2, 2)])
        )


def test_layers_without_a_counterpart_are_refused():
    for layer in (
        layers.BatchNormalization(axis=1),
        layers.BatchNormalization(renorm=True),
        layers.LayerNormalization(axis=1),
        layers.PReLU(),
        layers.Normalization(),
    ):
        model = Sequential([Input((4, 5, 3)), layer])
        with pytest.raises(ValueError, match=f"{layer.name}.*torch.nn.*copy them with numpy"):
            interop.state_dict(model)
