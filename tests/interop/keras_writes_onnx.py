"""Writes ONNX files with Keras and tf2onnx, and what the models compute, into a folder.

A program of its own, which `test_onnx_import.py` runs: Keras has one backend in a process.
"""

import sys

import keras
import numpy as np
from keras import layers

RANDOM = np.random.default_rng(0)


def make_cnn():
    return keras.Sequential(
        [
            keras.Input((12, 10, 3)),
            layers.Conv2D(8, 3, padding="same", strides=2, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Dropout(0.3),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
            layers.Flatten(),
            layers.Dense(5, "softmax"),
        ]
    )


def make_norms():
    return keras.Sequential(
        [
            keras.Input((12, 10, 4)),
            layers.UpSampling2D(2),
            layers.LayerNormalization(),
            layers.ZeroPadding2D(1),
            layers.SeparableConv2D(4, 3),
            layers.GroupNormalization(2),
            layers.Cropping2D(1),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
        ]
    )


def make_sequence():
    return keras.Sequential(
        [
            keras.Input((9,)),
            layers.Embedding(7, 4),
            layers.Conv1D(6, 3, padding="causal", activation="tanh"),
            layers.MaxPooling1D(2),
            layers.Dense(3, "relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(2, "sigmoid"),
        ]
    )


def make_graph():
    x, y = keras.Input((8, 6, 3)), keras.Input((5,))
    a = layers.AveragePooling2D(2)(layers.Conv2D(4, 3, activation="elu")(x))
    a = layers.Dense(12)(layers.Concatenate()([layers.Flatten()(a), layers.PReLU()(y)]))
    b = layers.Permute((2, 1, 3))(layers.Reshape((2, 3, 2))(a))
    return keras.Model([x, y], [layers.Dense(3, "selu")(a), layers.LeakyReLU()(b)])


for name, make in {
    "cnn": make_cnn, "norms": make_norms, "sequence": make_sequence, "graph": make_graph,
}.items():  # fmt: skip
    model = make()
    for weight in model.weights:
        if "seed" not in weight.path:
            shift = 0.3 if len(weight.shape) > 1 else 0
            weight.assign(RANDOM.uniform(0.1, 0.6, weight.shape) - shift)
    shapes = [(3, *symbol.shape[1:]) for symbol in model.inputs]
    is_whole = name == "sequence"
    x = [RANDOM.integers(0, 7, s) if is_whole else RANDOM.normal(size=s) for s in shapes]
    x = [array.astype("float32") for array in x]
    y = model(x if len(x) > 1 else x[0])
    y = [np.asarray(part) for part in (y if isinstance(y, list) else [y])]
    model.export(f"{sys.argv[1]}/{name}.onnx", format="onnx", verbose=False)
    np.savez(f"{sys.argv[1]}/{name}.npz", *x, *y)
