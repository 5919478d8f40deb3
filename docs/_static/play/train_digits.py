"""Train the network that the page "Play" carries: 784 pixels, 24 units, 10 digits.

    MINIGRAD_DATA=folder-of-mnist python train_digits.py > digits.json

Visitors do not draw in the middle, nor upright: each batch is turned, moved and zoomed a little.
Kernels are rounded to a byte for each weight, and the accuracy is that of the rounded network.
"""

import base64
import json

import numpy as np

import minigrad
from minigrad import layers, optimizers
from minigrad.datasets import mnist

UNITS, EPOCHS, BATCH, SEED = 24, 12, 60, 0


def in_bytes(kernel):
    """Round an array to whole multiples of its largest weight's 127th part."""
    scale = float(np.abs(kernel).max()) / 127
    numbers = np.round(kernel / scale).astype(np.int8)
    encoded = base64.b64encode(numbers.tobytes()).decode()
    return {"shape": numbers.shape, "scale": scale, "bytes": encoded}, numbers * np.float32(scale)


def main():
    minigrad.utils.set_random_seed(SEED)
    (x, y), (x_test, y_test) = mnist.load_data()
    x, x_test = (images.astype("float32") / 255 for images in (x, x_test))
    hidden = layers.Dense(UNITS, activation="relu")
    output = layers.Dense(10, activation="softmax")
    model = minigrad.Sequential([layers.Input(shape=(28, 28)), layers.Flatten(), hidden, output])
    inputs = layers.Input(shape=(28, 28))
    moved = layers.Reshape((28, 28, 1))(inputs)
    moved = layers.RandomRotation(0.03, fill_mode="constant")(moved)
    moved = layers.RandomTranslation(0.05, 0.05, fill_mode="constant")(moved)
    moved = layers.RandomZoom(0.1, fill_mode="constant")(moved)
    trained = minigrad.Model(inputs, model(layers.Reshape((28, 28))(moved)))
    rate = optimizers.schedules.CosineDecay(0.003, EPOCHS * len(x) // BATCH)
    trained.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy")
    trained.fit(x, y, epochs=EPOCHS, batch_size=BATCH, verbose=0)

    net = {"units": UNITS, "epochs": EPOCHS, "seed": SEED, "parameters": model.count_params()}
    for name, layer in (("hidden", hidden), ("output", output)):
        net[name], rounded = in_bytes(layer.kernel.numpy())
        layer.kernel.assign(rounded)
        net[name]["bias"] = [round(float(value), 4) for value in layer.bias.numpy()]
        layer.bias.assign(np.array(net[name]["bias"], "float32"))
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    net["accuracy"] = round(float(model.evaluate(x_test, y_test, verbose=0)[1]), 4)
    answers = np.maximum(x_test.reshape(-1, 784) @ hidden.kernel.numpy() + hidden.bias.numpy(), 0)
    net["dead"] = np.flatnonzero(answers.max(axis=0) == 0).tolist()  # answer no test digit
    print(json.dumps(net))


if __name__ == "__main__":
    main()
