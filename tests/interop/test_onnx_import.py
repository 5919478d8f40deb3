"""ONNX files as models: those that minigrad, PyTorch and tf2onnx write."""

import contextlib
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from minigrad import Input, Model, Sequential, layers, models
from minigrad.utils.structures import flatten

onnx = pytest.importorskip("onnx")

from minigrad.interop import export_onnx  # noqa: E402


@pytest.fixture
def read_back(tmp_path):
    """``read_back(model, x)`` exports and imports a model, compares, returns the new one."""

    def check(model, x, tolerance=1e-5):
        export_onnx(model, tmp_path / "model.onnx")
        again = models.load_model(tmp_path / "model.onnx")
        results = flatten(again(x))
        expected = flatten(model(x))
        assert len(results) == len(expected)
        for result, wanted in zip(results, expected, strict=True):
            result, wanted = np.asarray(result), np.asarray(wanted)
            assert result.shape == wanted.shape
            np.testing.assert_allclose(result, wanted, rtol=tolerance, atol=tolerance)
        return again

    return check


# --- what minigrad writes ------------------------------------------------------------------------


def test_layer_comes_back(layer_case, model_of, read_back):
    read_back(*model_of(layer_case))


def test_plain_cnn_comes_back_as_its_layers(read_back, stir, inputs, tmp_path):
    model = Sequential(
        [
            Input((12, 10, 3)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.DepthwiseConv2D(3, strides=2, padding="same"),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
            layers.Flatten(),
            layers.Dense(5, activation="softmax"),
        ]
    )
    again = read_back(stir(model), inputs((12, 10, 3)))
    assert [type(layer).__name__ for layer in again.layers] == [
        "InputLayer", "Conv2D", "Activation", "BatchNormalization", "MaxPooling2D",
        "DepthwiseConv2D", "Conv2DTranspose", "Flatten", "Dense", "Softmax",
    ]  # fmt: skip
    assert {w.path for w in model.weights} == {w.path for w in again.weights}
    for old, new in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(old.data, new.data)
    assert again.layers[1].padding == again.layers[6].padding == "same"
    again.compile("sgd", "sparse_categorical_crossentropy")
    again.fit(inputs((12, 10, 3)), np.array([0, 1, 2]), verbose=0)  # it trains
    again.save(tmp_path / "again.keras")
    loaded = models.load_model(tmp_path / "again.keras")
    assert loaded.weights_hash() == again.weights_hash()


def test_shared_layers_and_several_outputs_come_back(read_back, stir, inputs):
    x, y = Input((7, 6, 4)), Input((7, 6, 4))
    shared = layers.Conv2D(4, 3)
    a, b = shared(x), shared(y)
    model = Model([x, y], [layers.Subtract()([a, b]), layers.Flatten()(a)])
    again = read_back(stir(model), [inputs((7, 6, 4)), inputs((7, 6, 4), 1)])
    assert len(again.weights) == 2


def test_dense_of_sequences_keeps_its_bias(read_back, stir, inputs):
    model = Sequential([Input((7, 4)), layers.Dense(3), layers.Dense(2, use_bias=False)])
    again = read_back(stir(model), inputs((7, 4)))
    assert [layer.use_bias for layer in again.layers[1:]] == [True, False]


def test_float64_comes_back(read_back, inputs):
    x = Input((5,), dtype="float64")
    y = layers.Dense(4, "tanh", dtype="float64")(x)
    model = Model(x, layers.LayerNormalization(dtype="float64")(y))
    for weight in model.weights:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    again = read_back(model, inputs((5,)).astype("float64"), 1e-12)
    assert {weight.dtype for weight in again.weights} == {np.dtype("float64")}


# --- what PyTorch writes -------------------------------------------------------------------------


@pytest.fixture(params=["torch.export", "older exporter"])
def from_torch(request, tmp_path):
    """``from_torch(module, *inputs)``: the model of a module's ONNX file, compared with it."""
    torch = pytest.importorskip("torch")
    if request.param == "torch.export":
        pytest.importorskip("onnxscript")

    def load(module, *arrays, batch=True, **options):
        module = module.eval()
        given = tuple(torch.from_numpy(array) for array in arrays)
        path = tmp_path / "torch.onnx"
        with warnings.catch_warnings(), open(os.devnull, "w") as nothing:
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
                if request.param == "torch.export":
                    if batch:
                        options["dynamic_shapes"] = tuple({0: "batch"} for _ in given)
                    torch.onnx.export(module, given, path, dynamo=True, verbose=False, **options)
                else:
                    names = [f"x{i}" for i in range(len(given))]
                    axes = {name: {0: "batch"} for name in names} if batch else None
                    torch.onnx.export(
                        module, given, path, dynamo=False, input_names=names, dynamic_axes=axes
                    )
        model = models.load_model(path)
        with torch.no_grad():
            expected = module(*given).numpy()
        for part in (slice(None), slice(1)):  # batches of any size
            given = [array[part] for array in arrays]
            result = model(given[0] if len(given) == 1 else given).numpy()
            np.testing.assert_allclose(result, expected[part], rtol=1e-4, atol=1e-5)
        return model

    return load


def test_module_that_asks_for_its_batch_becomes_a_model(from_torch):
    """``x.view(x.size(0), -1)``, and parts of images flattened."""
    nn = pytest.importorskip("torch").nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(16, 2)

        def forward(self, x):
            y = self.conv(x)
            halves = y.view(x.shape[0], 2, -1).mean(1, keepdim=True)
            y = (nn.functional.max_pool2d(y, 2) + halves.mean()).flatten(2)
            return self.head(y.view(x.size(0), -1))

    from_torch(Net(), np.random.default_rng(0).normal(size=(4, 3, 6, 6)).astype("float32")[:1])


def torch_modules(nn):
    """Modules, and the shape of a sample."""
    image, row = (3, 12, 10), (4, 9)
    return {
        "mlp": (nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)), (6,)),
        "cnn": (
            nn.Sequential(
                nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                nn.Dropout(0.3), nn.Conv2d(8, 6, 3, stride=2, groups=2), nn.GELU(), nn.Flatten(),
                nn.Linear(24, 5), nn.LogSoftmax(-1),
            ),
            image,
        ),
        "padded": (
            nn.Sequential(
                nn.Conv2d(3, 4, 5, stride=2, padding=2), nn.MaxPool2d(3, 2, 1), nn.LeakyReLU(0.2),
                nn.AvgPool2d(2, padding=1), nn.Conv2d(4, 4, 2, padding=(0, 1), groups=4),
            ),
            image,
        ),
        "decoder": (
            nn.Sequential(
                nn.Linear(6, 32), nn.Unflatten(1, (8, 2, 2)), nn.ConvTranspose2d(8, 4, 3, 2, 1, 1),
                nn.ELU(), nn.Upsample(scale_factor=2), nn.ConvTranspose2d(4, 1, 2), nn.Sigmoid(),
            ),
            (6,),
        ),
        "norms": (
            nn.Sequential(
                nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True),
                nn.PReLU(4), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                nn.LayerNorm(4), nn.SiLU(),
            ),
            image,
        ),
        "sequence": (
            nn.Sequential(
                nn.Conv1d(4, 6, 3, padding=1), nn.Tanh(), nn.MaxPool1d(2),
                nn.ConvTranspose1d(6, 2, 4, 2, 1), nn.Softplus(), nn.Flatten(), nn.Linear(16, 2),
            ),
            row,
        ),
        "activations": (
            nn.Sequential(
                nn.Linear(6, 6), nn.Hardsigmoid(), nn.SELU(), nn.Mish(), nn.CELU(), nn.ReLU6(),
                nn.Softsign(), nn.Hardtanh(), nn.LogSigmoid(), nn.Hardshrink(), nn.Softshrink(),
                nn.GELU("tanh"), nn.Tanhshrink(),
            ),
            (6,),
        ),
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["mlp", "cnn", "padded", "decoder", "norms", "sequence", "activations"]
)
def test_module_of_torch_becomes_a_model(name, from_torch):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module, shape = torch_modules(torch.nn)[name]
    with torch.no_grad():
        for key, value in module.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                value.copy_(torch.rand(value.shape) * 0.6 + 0.1 - 0.3 * (value.ndim > 1))
    x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    from_torch(module, x)


@pytest.mark.parametrize("name", ["mlp", "cnn", "decoder"])
def test_module_exported_for_one_size_takes_any(name, from_torch):
    torch = pytest.importorskip("torch")
    module, shape = torch_modules(torch.nn)[name]
    x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    from_torch(module, x, batch=False)


def test_residual_network_of_torch_becomes_a_model(from_torch):
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3, padding=1)
            self.second = nn.Conv2d(4, 4, 3, padding=1)
            self.words = nn.Embedding(7, 5)
            self.head = nn.Linear(9, 2)

        def forward(self, x, y):
            x = torch.relu(self.first(x))
            x = torch.cat([x, x + self.second(x)], 1)[:, 2:6]
            return self.head(torch.cat([x.mean((2, 3)), self.words(y).amax(1)], 1))

    generator = np.random.default_rng(0)
    x = generator.normal(size=(4, 3, 6, 5)).astype("float32")
    model = from_torch(Net(), x, generator.integers(0, 7, (4, 3)))
    kinds = {type(layer).__name__ for layer in model.layers}
    assert {"Conv2D", "Embedding", "Dense"} <= kinds


# --- what tf2onnx writes -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def folder_of_keras(tmp_path_factory):
    """A folder with the files of Keras: a program of its own writes them."""
    for library in ("keras", "tensorflow", "tf2onnx"):
        pytest.importorskip(library)
    folder = tmp_path_factory.mktemp("keras")
    program = Path(__file__).with_name("keras_writes_onnx.py")
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    subprocess.run(
        [sys.executable, program, folder], check=True, capture_output=True, env=environment
    )
    return folder


@pytest.mark.filterwarnings("ignore")  # TensorFlow's, when it is imported
@pytest.mark.parametrize("name", ["cnn", "norms", "sequence", "graph"])
def test_model_of_keras_becomes_a_model(name, folder_of_keras):
    """Keras writes ONNX through tf2onnx."""
    model = models.load_model(folder_of_keras / f"{name}.onnx")
    with np.load(folder_of_keras / f"{name}.npz") as file:
        arrays = [file[key] for key in file]
    number = len(model.inputs)
    results = flatten(model(arrays[0] if number == 1 else arrays[:number]))
    for result, expected in zip(results, arrays[number:], strict=True):
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-4, atol=1e-5)


# --- what is refused -----------------------------------------------------------------------------


def write(path, nodes, arrays=(), shape=("batch", 4), opset=21):
    """Write a file with one input x and one output y."""
    helper = onnx.helper
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["b", "c"])],
        [onnx.numpy_helper.from_array(np.asarray(a), name) for name, a in dict(arrays).items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("mine", 1)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    onnx.save(made, path)


def node(op, *names, domain="", **options):
    return onnx.helper.make_node(op, names or ["x"], ["y"], "here", domain=domain, **options)


W = np.ones((2, 4, 3, 3, 3), np.float32)
K = np.ones((2, 4, 3, 3), np.float32)


@pytest.mark.parametrize(
    ("nodes", "arrays", "shape", "words"),
    [
        ([node("Det")], {}, ("b", 4, 4), "Det 'here': expected nodes that minigrad has"),
        ([node("Own", domain="mine")], {}, ("b", 4), "mine.Own 'here': expected nodes"),
        ([node("Conv", "x", "w")], {"w": W}, ("b", 4, 9, 9, 9), "sequences or images"),
        (
            [node("Conv", "x", "w", auto_pad="SAME_LOWER")],
            {"w": K},
            ("b", 4, 9, 9),
            "auto_pad NOTSET, VALID or SAME_UPPER, got SAME_LOWER",
        ),
        (
            [node("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)],
            {},
            ("b", 4, 9, 9),
            "ceil_mode 0",
        ),
        ([node("Flatten", axis=2)], {}, ("b", 4, 9, 9), "axis 1, got 2"),
        ([node("Gemm", "x", "w", transA=1)], {"w": K[0, 0]}, ("b", 4), "transA 0, got 1"),
        (
            [node("Resize", "x", "", "s", mode="cubic")],
            {"s": np.array([1, 1, 2, 2], np.float32)},
            ("b", 4, 9, 9),
            "Resize 'here': expected whole factors",
        ),
        ([node("ConstantOfShape", "s")], {"s": np.array([2**20, 2**20])}, ("b", 4), "values, got"),
        ([node("Tile", "x", "s")], {"s": np.array([1, 2**40])}, ("b", 4), "at most"),
        (
            [
                onnx.helper.make_node("Shape", ["x"], ["s"]),
                onnx.helper.make_node("Add", ["s", "one"], ["t"], "sum"),
                node("Reshape", "x", "t"),
            ],
            {"one": np.array([1, 0])},
            ("b", 4),
            "Add 'sum': expected sizes that are known",
        ),
        (
            [
                onnx.helper.make_node("Neg", ["c"], ["d"]),  # refused as well, but not the reason
                node("GRU", "x", "w", "w", hidden_size=2),
            ],
            {"c": K, "w": K[0]},
            (3, "b", 4),
            "GRU 'here': expected nodes that minigrad has",
        ),
        (
            [node("Concat", "x", "c", axis=1)],
            {"c": np.ones((3, 4), np.float32)},
            ("b", 4),
            "Concat 'here': ValueError: concatenate",
        ),
        ([node("Relu", "c")], {"c": np.ones(3, np.float32)}, ("b", 4), "nodes of constants"),
    ],
)
def test_what_minigrad_has_nothing_for_is_refused_by_name(nodes, arrays, shape, words, tmp_path):
    write(tmp_path / "model.onnx", nodes, arrays, shape)
    with pytest.raises(ValueError, match=words) as caught:
        models.load_model(tmp_path / "model.onnx")
    assert "model.onnx" in str(caught.value)


def test_old_operators_are_refused(tmp_path):
    write(tmp_path / "model.onnx", [node("Relu")], opset=12)
    with pytest.raises(ValueError, match=r"from version 13, got 12; .*version_converter"):
        models.load_model(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "change", [lambda b: b[: len(b) // 2], lambda b: b"not onnx", lambda b: b[:-9] + b"x" * 9]
)
def test_damaged_files_are_refused(change, tmp_path):
    path = tmp_path / "model.onnx"
    write(path, [node("Gemm", "x", "w")], {"w": np.ones((4, 2), np.float32)})
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=r"expected an intact \.onnx file"):
        models.load_model(path)
    with pytest.raises(FileNotFoundError):
        models.load_model(tmp_path / "none.onnx")


def with_arrays_beside(path, location):
    """Write a Gemm whose kernel lies in another file."""
    write(path, [node("Gemm", "x", "w")], {"w": np.ones((4, 2), np.float32)})
    made = onnx.load(path)
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "4", "length": "32"}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    path.write_bytes(made.SerializeToString())


def test_arrays_are_read_from_the_file_beside_it_alone(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    path, numbers = folder / "model.onnx", np.arange(9, dtype=np.float32)
    with_arrays_beside(path, "model.onnx.data")
    (folder / "model.onnx.data").write_bytes(numbers.tobytes())
    model = models.load_model(path)
    np.testing.assert_array_equal(model.weights[0].data.ravel(), numbers[1:])
    (folder / "model.onnx.data").write_bytes(numbers.tobytes()[:-1])
    with pytest.raises(ValueError, match=r"w: claims float32 \(4, 2\) at 4, in 35 bytes"):
        models.load_model(path)
    (tmp_path / "secret").write_bytes(numbers.tobytes())
    (folder / "model.onnx.data").unlink()
    (folder / "model.onnx.data").symlink_to(tmp_path / "secret")
    with pytest.raises((ValueError, OSError)):
        models.load_model(path)
    for location in ("../secret", str(tmp_path / "secret"), "other"):
        with_arrays_beside(path, location)
        with pytest.raises(ValueError, match="external_data=False"):
            models.load_model(path)


def test_onnx_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    write(tmp_path / "model.onnx", [node("Relu")])
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="pip install onnx"):
        models.load_model(tmp_path / "model.onnx")
    with pytest.raises(ImportError, match="pip install onnx"):
        Sequential([Input((2,)), layers.Dense(1)]).export(tmp_path / "new.onnx")
