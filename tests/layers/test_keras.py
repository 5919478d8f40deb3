"""The small layers against Keras: outputs, shapes, weights, constructors.

Each case is compared with numbers that Keras computed (golden/keras_layers.json), and with Keras
itself where it is installed. ``python tests/layers/test_keras.py`` rewrites the numbers.
"""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from minigrad import Tensor, layers

pytestmark = pytest.mark.right_numbers

GOLDEN = Path(__file__).parents[1] / "golden" / "keras_layers.json"
KERAS_WARNS = pytest.mark.filterwarnings("ignore")  # on JAX, of NumPy 2

IMAGE, STEPS = (2, 5, 6, 2), (2, 7, 4)

# A layer as both libraries write it, and the shape of its input or a list of shapes. Ranges of one
# number make the random layers do the same everywhere.
CASES = {
    "Identity()": STEPS,
    "ActivityRegularization(0.1, 0.2)": STEPS,
    "Lambda(lambda x, k: x * k, arguments={'k': 3.0})": STEPS,
    "PReLU()": STEPS,
    "PReLU(shared_axes=[1, 2])": IMAGE,
    "Permute((3, 1, 2))": IMAGE,
    "RepeatVector(3)": (2, 5),
    "ZeroPadding1D((2, 1))": STEPS,
    "ZeroPadding2D((1, 2))": IMAGE,
    "ZeroPadding2D(((1, 2), (0, 3)))": IMAGE,
    "Cropping1D()": STEPS,
    "Cropping2D(((1, 0), (2, 1)))": IMAGE,
    "CenterCrop(2, 3)": IMAGE,
    "UpSampling1D()": STEPS,
    "UpSampling2D((2, 3))": IMAGE,
    "UpSampling2D((3, 2), interpolation='bilinear')": IMAGE,
    "UpSampling2D((2, 3), interpolation='bicubic')": IMAGE,
    "Resizing(3, 8)": IMAGE,
    "Resizing(7, 4, 'nearest')": IMAGE,
    "Resizing(3, 8, 'lanczos3', antialias=True)": IMAGE,
    "Resizing(8, 3, 'bicubic', crop_to_aspect_ratio=True)": IMAGE,
    "Resizing(9, 4, pad_to_aspect_ratio=True, fill_value=2.0)": IMAGE,
    "Rescaling(0.5, [1.0, 2.0])": IMAGE,
    "Normalization(mean=[1.0, 2.0], variance=[0.5, 0.0])": IMAGE,
    "Normalization(None, 1.0, 2.0, True)": STEPS,
    "LayerNormalization()": STEPS,
    "LayerNormalization([3, 1], 0.1)": IMAGE,
    "GroupNormalization(2)": (2, 3, 4, 6),
    "GroupNormalization(-1, 1, scale=False)": STEPS,
    "UnitNormalization([1, 2])": STEPS,
    "RMSNormalization()": STEPS,
    "RMSNormalization([3, 2], 0.1)": IMAGE,
    "TimeDistributed(Dense(3))": STEPS,
    "TimeDistributed(Conv2D(3, 2))": (2, 3, 4, 5, 2),
    "DepthwiseConv2D((3, 2), 2, 'same', 2)": IMAGE,
    "DepthwiseConv2D(2, dilation_rate=2, activation='tanh')": IMAGE,
    "SeparableConv2D(3, (2, 3), 2, 'same', depth_multiplier=2)": IMAGE,
    "Conv2DTranspose(3, (3, 2))": IMAGE,
    "Conv2DTranspose(3, (2, 4), (3, 2), 'same', activation='relu')": IMAGE,
    "Conv2DTranspose(3, (2, 3), (3, 2))": IMAGE,
    "Conv2DTranspose(3, (4, 3), (2, 3), 'same', (1, 0))": IMAGE,
    "Conv2DTranspose(3, 3, 2, output_padding=1)": IMAGE,
    "Conv2DTranspose(3, (3, 2), padding='same', dilation_rate=(2, 3))": IMAGE,
    "DepthwiseConv1D(3, 2, 'same', 2)": STEPS,
    "DepthwiseConv1D(2, dilation_rate=2, activation='tanh')": STEPS,
    "SeparableConv1D(3, 3, 2, 'same', depth_multiplier=2)": STEPS,
    "SeparableConv1D(3, 2, activation='relu', use_bias=False)": STEPS,
    "Conv1DTranspose(3, 3)": STEPS,
    "Conv1DTranspose(3, 4, 2, 'same', activation='relu')": STEPS,
    "Conv1DTranspose(3, 4, 3, 'same', 1)": STEPS,
    "Conv1DTranspose(3, 3, 2, output_padding=1)": STEPS,
    "Conv1DTranspose(3, 2, padding='same', dilation_rate=3)": STEPS,
    "Conv1D(3, 4)": STEPS,
    "Conv1D(3, 3, 2, 'same', activation='relu')": STEPS,
    "Conv1D(4, 2, padding='causal', dilation_rate=2, groups=2)": STEPS,
    "Conv1D(3, 4, 3, 'causal')": STEPS,
    "MaxPooling1D()": STEPS,
    "MaxPooling1D(4, 2, 'same')": STEPS,
    "AveragePooling1D(4, 2, 'same')": STEPS,
    "GlobalAveragePooling1D()": STEPS,
    "GlobalMaxPooling1D(keepdims=True)": STEPS,
    "GaussianNoise(0.0)": STEPS,
    "GaussianDropout(0.0)": STEPS,
    "AlphaDropout(0.0)": STEPS,
    "SpatialDropout1D(0.0)": STEPS,
    "SpatialDropout2D(0.0)": IMAGE,
    "RandomRotation((0.1, 0.1))": IMAGE,
    "RandomRotation((-0.7, -0.7), 'wrap')": IMAGE,
    "RandomRotation((0.3, 0.3), 'constant', 'nearest', fill_value=2.0)": IMAGE,
    "RandomTranslation((0.3, 0.3), (-0.45, -0.45))": IMAGE,
    "RandomTranslation((1.0, 1.0), (-0.5, -0.5), 'nearest', 'nearest')": (2, 5, 5, 1),
    "RandomTranslation((0.3, 0.3), (-0.9, -0.9), 'constant', fill_value=2.0)": IMAGE,
    "RandomZoom((0.5, 0.5))": IMAGE,
    "RandomZoom((-0.5, -0.5), (0.2, 0.2), 'constant')": IMAGE,
    "RandomBrightness((0.1, 0.1), (-2, 2))": IMAGE,
    "RandomCrop(5, 6)": IMAGE,
    "Embedding(9, 3)": STEPS,
    "Add()": [STEPS, (2, 4), (2, 1, 4)],
    "Subtract()": [STEPS, STEPS],
    "Multiply()": [(2, 4), STEPS],
    "Average()": [STEPS, STEPS, STEPS],
    "Maximum()": [STEPS, STEPS, STEPS],
    "Minimum()": [STEPS, STEPS],
    "Concatenate()": [STEPS, (2, 7, 1)],
    "Concatenate(1)": [STEPS, (2, 3, 4), STEPS],
    "Dot(1)": [(2, 5), (2, 5)],
    "Dot((2, 1), True)": [STEPS, (2, 4, 3)],
    "Dot((1, 3))": [(2, 3, 4), (2, 4, 2, 3)],
    "Dot(-1)": [STEPS, (2, 4)],
}

every_case = pytest.mark.parametrize("case", CASES)


def numbers(shape, phase=0.0):
    """Numbers from -2 to 2 that have no pattern."""
    return (2 * np.sin(np.arange(np.prod(shape)) ** 2 + phase)).reshape(shape).astype("float32")


def inputs(case):
    shapes = CASES[case]
    if isinstance(shapes, list):
        return [numbers(shape, phase) for phase, shape in enumerate(shapes)]
    x = numbers(shapes)
    return np.round(2 * x + 4) if case.startswith("Embedding") else x


def make(library, case):
    """The layer, built, with weights from 0 to 2."""
    layer, x = eval(case, dict(vars(library))), inputs(case)
    layer.build([a.shape for a in x] if isinstance(x, list) else x.shape)
    layer.set_weights([abs(numbers(w.shape, 3.0)) for w in layer.get_weights()])
    return layer


def output(layer, case):
    return np.asarray(layer(inputs(case), **training(case)))


def training(case):
    return {"training": True} if case.startswith(("Random", "Gaussian", "Spatial")) else {}


def minigrad_output(case, dtype="float32"):
    x = inputs(case)
    several = isinstance(x, list)
    x = [Tensor(a, dtype=dtype) for a in x] if several else Tensor(x, dtype=dtype)
    return make(layers, case)(x, **training(case)).numpy()


def weights_of(layer):
    return [[weight.name, list(weight.shape)] for weight in layer.weights]


def sums(y):
    """Three weighted sums: a change of any number, or of their order, changes them."""
    k = np.arange(y.size)
    return [float(y.astype(float).ravel() @ np.cos(f * k)) for f in (0.0, 1.0, 2.5)]


@pytest.fixture(scope="module")
def recorded():
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_golden_numbers_are_of_these_cases(recorded):
    assert list(recorded) == list(CASES)


@every_case
def test_layer_agrees_with_the_golden_numbers(recorded, case):
    y, golden = minigrad_output(case), recorded[case]
    assert list(y.shape) == golden["shape"]
    assert weights_of(make(layers, case)) == golden["weights"]
    np.testing.assert_allclose(sums(y), golden["sums"], rtol=0, atol=1e-5 * np.abs(y).sum())


@every_case
def test_layer_knows_its_output_shape(recorded, case):
    layer, shapes = make(layers, case), CASES[case]
    several = isinstance(shapes, list)
    unknown = [(None, *s[1:]) for s in shapes] if several else (None, *shapes[1:])
    assert layer.compute_output_shape(shapes) == tuple(recorded[case]["shape"])
    assert layer.compute_output_shape(unknown) == (None, *recorded[case]["shape"][1:])


@KERAS_WARNS
@every_case
def test_layer_agrees_with_keras(case):
    keras = pytest.importorskip("keras")
    layer = make(keras.layers, case)
    assert weights_of(make(layers, case)) == weights_of(layer)
    np.testing.assert_allclose(minigrad_output(case), output(layer, case), rtol=1e-5, atol=1e-5)


@KERAS_WARNS
def test_adapted_normalization_agrees_with_keras():
    keras = pytest.importorskip("keras")
    data = numbers((9, 5, 2))
    for axis in (-1, 1, (1, 2), None):
        ours, theirs = layers.Normalization(axis), keras.layers.Normalization(axis)
        for layer in (ours, theirs):
            layer.adapt(data)
        assert weights_of(ours) == weights_of(theirs)
        for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)
        assert ours.mean.shape == theirs.mean.shape
        np.testing.assert_allclose(ours(data).numpy(), theirs(data), rtol=1e-4, atol=1e-5)


@KERAS_WARNS
@pytest.mark.parametrize("name", sorted({case.partition("(")[0] for case in CASES}))
def test_constructor_has_the_arguments_of_keras(name):
    keras = pytest.importorskip("keras")
    theirs = inspect.signature(getattr(keras.layers, name)).parameters.values()
    ours = inspect.signature(getattr(layers, name)).parameters
    ours = {n: a.default for n, a in ours.items() if a.kind == a.POSITIONAL_OR_KEYWORD}
    expected = {a.name: a.default for a in theirs if a.name in ours}
    assert {n: ours[n] for n in expected if n != "alpha_initializer"} == {
        n: default for n, default in expected.items() if n != "alpha_initializer"
    }
    # In Keras's order, as far as they are named here; the rest are passed on by name.
    positions = [n for n in ours if n in expected]
    assert positions == list(expected)
    assert positions == [a.name for a in theirs][: len(positions)]


@KERAS_WARNS
def test_aliases_are_classes_of_keras():
    keras = pytest.importorskip("keras")
    for name, layer in vars(layers).items():
        if isinstance(layer, type) and name != "Input":  # in Keras a function
            assert getattr(keras.layers, name).__name__ == layer.__name__, name


def rewrite_golden():
    import keras

    found = {}
    for case in CASES:
        layer = make(keras.layers, case)
        y = output(layer, case)
        found[case] = {
            "weights": weights_of(layer),
            "shape": list(y.shape),
            "sums": [round(value, 5) for value in sums(y)],
        }
    lines = ",\n".join(f"{json.dumps(case)}: {json.dumps(value)}" for case, value in found.items())
    GOLDEN.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    rewrite_golden()
