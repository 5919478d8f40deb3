"""Layers to send to other programs and back, and what runs ONNX files."""

import functools

import numpy as np
import pytest

from minigrad import Input, Model, layers, ops
from minigrad.utils.structures import flatten

IMAGE = (7, 6, 4)
ROW = (7, 4)

# Name of a layer, and what else -> the layer, the shape of a sample.
CASES = {
    "Activation": (lambda: layers.Activation("tanh"), IMAGE),
    "ActivityRegularization": (lambda: layers.ActivityRegularization(0.1), (5,)),
    "AlphaDropout": (lambda: layers.AlphaDropout(0.4), (5,)),
    "AveragePooling1D": (lambda: layers.AveragePooling1D(3, 2, "same"), ROW),
    "AveragePooling2D": (lambda: layers.AveragePooling2D((3, 2)), IMAGE),
    "AveragePooling2D same": (lambda: layers.AveragePooling2D(3, 2, "same"), IMAGE),
    "BatchNormalization": (lambda: layers.BatchNormalization(), (5,)),
    "BatchNormalization of images": (lambda: layers.BatchNormalization(scale=False), IMAGE),
    "BatchNormalization of rows": (lambda: layers.BatchNormalization(axis=2, center=False), IMAGE),
    "CategoryEncoding": (lambda: layers.CategoryEncoding(5), (3,)),
    "CategoryEncoding count": (lambda: layers.CategoryEncoding(5, "count"), (6, 2)),
    "CategoryEncoding one_hot": (lambda: layers.CategoryEncoding(5, "one_hot"), (1,)),
    "CenterCrop": (lambda: layers.CenterCrop(4, 3), IMAGE),
    "Conv1D": (lambda: layers.Conv1D(6, 3, 2, groups=2), ROW),
    "Conv1D causal": (lambda: layers.Conv1D(5, 3, padding="causal", dilation_rate=2), ROW),
    "Conv1D same": (lambda: layers.Conv1D(5, 4, padding="same", activation="relu"), ROW),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(3, 3, 2, output_padding=1), ROW),
    "Conv2D": (lambda: layers.Conv2D(6, (3, 2), groups=2, activation="gelu"), IMAGE),
    "Conv2D dilation": (lambda: layers.Conv2D(3, 2, dilation_rate=(3, 2), use_bias=False), IMAGE),
    "Conv2D same": (lambda: layers.Conv2D(5, (2, 4), (3, 2), "same"), IMAGE),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(2, (3, 2), (2, 3)), IMAGE),
    "Conv2DTranspose dilation": (lambda: layers.Conv2DTranspose(2, 3, dilation_rate=2), IMAGE),
    "Conv2DTranspose same": (
        lambda: layers.Conv2DTranspose(2, (4, 2), (2, 3), "same", activation="tanh"),
        IMAGE,
    ),
    "Conv2DTranspose same and padding": (
        lambda: layers.Conv2DTranspose(2, (4, 3), 2, "same", output_padding=(1, 0)),
        IMAGE,
    ),
    "Cropping1D": (lambda: layers.Cropping1D((2, 0)), ROW),
    "Cropping2D": (lambda: layers.Cropping2D(((1, 2), (0, 3))), IMAGE),
    "Dense": (lambda: layers.Dense(3, activation="softmax"), (5,)),
    "Dense of sequences": (lambda: layers.Dense(3, use_bias=False), ROW),
    "Dense of images": (lambda: layers.Dense(3, "relu"), IMAGE),
    "DepthwiseConv1D": (lambda: layers.DepthwiseConv1D(3, 2, "same", 2), ROW),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D((3, 2), depth_multiplier=2), IMAGE),
    "DepthwiseConv2D same": (lambda: layers.DepthwiseConv2D(3, 2, "same", use_bias=False), IMAGE),
    "Discretization": (lambda: layers.Discretization([-1.0, 0.2, 1.0]), (5,)),
    "Discretization one_hot": (
        lambda: layers.Discretization([-1.0, 1.0], output_mode="one_hot"),
        (5,),
    ),
    "Dropout": (lambda: layers.Dropout(0.4), (5,)),
    "ELU": (lambda: layers.ELU(0.7), IMAGE),
    "Embedding": (lambda: layers.Embedding(5, 3), (6,)),
    "Flatten": (lambda: layers.Flatten(), IMAGE),
    "GaussianDropout": (lambda: layers.GaussianDropout(0.4), (5,)),
    "GaussianNoise": (lambda: layers.GaussianNoise(0.4), (5,)),
    "GlobalAveragePooling1D": (lambda: layers.GlobalAveragePooling1D(keepdims=True), ROW),
    "GlobalAveragePooling2D": (lambda: layers.GlobalAveragePooling2D(), IMAGE),
    "GlobalMaxPooling1D": (lambda: layers.GlobalMaxPooling1D(), ROW),
    "GlobalMaxPooling2D": (lambda: layers.GlobalMaxPooling2D(keepdims=True), IMAGE),
    "GroupNormalization": (lambda: layers.GroupNormalization(2), IMAGE),
    "GroupNormalization of rows": (lambda: layers.GroupNormalization(-1, axis=1), IMAGE),
    "Identity": (lambda: layers.Identity(), (5,)),
    "InputLayer": (lambda: layers.InputLayer((5,)), (5,)),
    "Lambda": (lambda: layers.Lambda(lambda x: ops.sin(x) * 2 - 1), IMAGE),
    "LayerNormalization": (lambda: layers.LayerNormalization(), ROW),
    "LayerNormalization of images": (lambda: layers.LayerNormalization([2, 3]), IMAGE),
    "LayerNormalization of rows": (lambda: layers.LayerNormalization(1, center=False), IMAGE),
    "LeakyReLU": (lambda: layers.LeakyReLU(0.1), IMAGE),
    "MaxPooling1D": (lambda: layers.MaxPooling1D(4, 2, "same"), ROW),
    "MaxPooling2D": (lambda: layers.MaxPooling2D((3, 2), 2), IMAGE),
    "MaxPooling2D same": (lambda: layers.MaxPooling2D(3, 2, "same"), IMAGE),
    "Normalization": (lambda: layers.Normalization(), IMAGE),
    "Normalization inverted": (lambda: layers.Normalization(None, 3.0, 4.0, invert=True), (5,)),
    "PReLU": (lambda: layers.PReLU("random_normal"), (5,)),
    "PReLU of channels": (lambda: layers.PReLU("random_normal", shared_axes=[1, 2]), IMAGE),
    "Permute": (lambda: layers.Permute((3, 1, 2)), IMAGE),
    "RMSNormalization": (lambda: layers.RMSNormalization([2, 1]), IMAGE),
    "RandomBrightness": (lambda: layers.RandomBrightness(0.4), IMAGE),
    "RandomContrast": (lambda: layers.RandomContrast(0.4), IMAGE),
    "RandomCrop": (lambda: layers.RandomCrop(5, 3), IMAGE),
    "RandomFlip": (lambda: layers.RandomFlip(), IMAGE),
    "RandomRotation": (lambda: layers.RandomRotation(0.4), IMAGE),
    "RandomTranslation": (lambda: layers.RandomTranslation(0.4, 0.4), IMAGE),
    "RandomZoom": (lambda: layers.RandomZoom(0.4), IMAGE),
    "ReLU": (lambda: layers.ReLU(), IMAGE),
    "ReLU of all kinds": (lambda: layers.ReLU(1.2, 0.3, 0.5), IMAGE),
    "ReLU with a limit": (lambda: layers.ReLU(1.2), IMAGE),
    "ReLU with a slope": (lambda: layers.ReLU(negative_slope=0.3), IMAGE),
    "RepeatVector": (lambda: layers.RepeatVector(3), (5,)),
    "Rescaling": (lambda: layers.Rescaling([2.0, 3.0, 1.0, 0.5], -1), IMAGE),
    "Reshape": (lambda: layers.Reshape((4, -1, 2)), IMAGE),
    "Resizing": (lambda: layers.Resizing(14, 10), IMAGE),
    "Resizing antialias": (
        lambda: layers.Resizing(3, 5, "lanczos3", pad_to_aspect_ratio=True, antialias=True),
        IMAGE,
    ),
    "Resizing cut": (lambda: layers.Resizing(9, 3, crop_to_aspect_ratio=True), IMAGE),
    "Resizing nearest": (lambda: layers.Resizing(3, 10, "nearest"), IMAGE),
    "SeparableConv1D": (lambda: layers.SeparableConv1D(5, 3, depth_multiplier=2), ROW),
    "SeparableConv2D": (
        lambda: layers.SeparableConv2D(5, 2, padding="same", dilation_rate=2, activation="tanh"),
        IMAGE,
    ),
    "Softmax": (lambda: layers.Softmax(axis=1), IMAGE),
    "SpatialDropout1D": (lambda: layers.SpatialDropout1D(0.4), ROW),
    "SpatialDropout2D": (lambda: layers.SpatialDropout2D(0.4), IMAGE),
    "TimeDistributed": (lambda: layers.TimeDistributed(layers.Conv1D(3, 2)), IMAGE),
    "UnitNormalization": (lambda: layers.UnitNormalization([1, 2]), IMAGE),
    "UpSampling1D": (lambda: layers.UpSampling1D(3), ROW),
    "UpSampling2D": (lambda: layers.UpSampling2D((2, 3)), IMAGE),
    "UpSampling2D bicubic": (lambda: layers.UpSampling2D(2, interpolation="bicubic"), IMAGE),
    "ZeroPadding1D": (lambda: layers.ZeroPadding1D((2, 0)), ROW),
    "ZeroPadding2D": (lambda: layers.ZeroPadding2D(((1, 2), (0, 3))), IMAGE),
}
MERGING = {
    "Add": layers.Add,
    "Average": layers.Average,
    "Concatenate": layers.Concatenate,
    "Concatenate rows": functools.partial(layers.Concatenate, axis=1),
    "Dot": functools.partial(layers.Dot, axes=3),
    "Dot rows": functools.partial(layers.Dot, axes=(2, 2), normalize=True),
    "Maximum": layers.Maximum,
    "Minimum": layers.Minimum,
    "Multiply": layers.Multiply,
    "Subtract": layers.Subtract,
}
WHOLE = ("CategoryEncoding", "Embedding", "IntegerLookup", "StringLookup")


def make_inputs(shape, seed=0, whole=False):
    """A batch of three samples, of whole numbers from 0 to 4 if they are to be."""
    generator = np.random.default_rng(seed)
    if whole:
        return generator.integers(0, 5, (3, *shape)).astype("float32")
    return generator.normal(size=(3, *shape)).astype("float32")


def stir_weights(model):
    """Give a model weights that differ from each other, and variances above 0; return it."""
    generator = np.random.default_rng(7)
    for weight in model.weights:
        weight.assign(generator.uniform(0.2, 1.5, weight.shape) * 0.6)
    return model


def make_case(name, between=False):
    """Return a model of a layer, and inputs; ``between``, a pooling stands before the layer."""
    if name in MERGING:
        x, y = Input(IMAGE), Input(IMAGE)
        merged = MERGING[name]()([layers.Conv2D(4, 3, padding="same")(x), y])
        return stir_weights(Model([x, y], merged)), [make_inputs(IMAGE), make_inputs(IMAGE, 1)]
    make, shape = CASES[name]
    x = y = Input(shape)
    if between and len(shape) > 1:
        y = layers.MaxPooling1D(1)(y) if len(shape) == 2 else layers.MaxPooling2D(1)(y)
    return stir_weights(Model(x, make()(y))), make_inputs(shape, whole=name.split()[0] in WHOLE)


def pytest_generate_tests(metafunc):
    """Run a test with the argument ``layer_case`` for each layer."""
    if "layer_case" in metafunc.fixturenames:
        metafunc.parametrize("layer_case", [*CASES, *MERGING])


@pytest.fixture(scope="session")
def layer_names():
    """The names of the layers that there are cases for."""
    return {name.split()[0] for name in (*CASES, *MERGING)}


@pytest.fixture(scope="session")
def model_of():
    """``model_of(layer_case)``: see `make_case`."""
    return make_case


@pytest.fixture(scope="session")
def inputs():
    return make_inputs


@pytest.fixture(scope="session")
def stir():
    return stir_weights


@pytest.fixture(scope="session")
def run_onnx():
    """``run_onnx(made, x)`` returns the results of a path or ModelProto for arrays, in a list."""
    runtime = pytest.importorskip("onnxruntime")

    def run(made, x):
        content = made.SerializeToString() if hasattr(made, "SerializeToString") else str(made)
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        names = [entry.name for entry in session.get_inputs()]
        given = dict(zip(names, flatten(x), strict=True))
        return session.run(None, given)

    return run


@pytest.fixture
def same_in_onnx(run_onnx):
    """``same_in_onnx(model, x)`` exports a model, compares it to 1e-5, returns the ModelProto."""
    pytest.importorskip("onnx")
    from minigrad import interop

    def check(model, x, **options):
        expected = [part.numpy() for part in flatten(model(x))]
        made = interop.to_onnx(model, **options)
        results = run_onnx(made, x)
        assert len(results) == len(expected)
        for result, wanted in zip(results, expected, strict=True):
            assert result.shape == wanted.shape
            np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-5)
        return made

    return check
