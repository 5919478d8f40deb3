"""The networks of these measurements, for minigrad and for PyTorch, with the same shapes."""

CLASSES = 10
# Filters of 3x3 convolutions before the 2x2 pooling, and the width of the dense layer behind it.
# "cnn" is that of examples/mnist_cnn.py without dropout; "large" has 20 times its weights.
SHAPES = {"cnn": ((32,), 128), "large": ((32, 64), 1500)}


def of_minigrad(name):
    """A compiled model for images (N, 28, 28, 1)."""
    from minigrad import Input, Sequential, layers

    filters, width = SHAPES[name]
    model = Sequential(
        [
            Input((28, 28, 1)),
            *(layers.Conv2D(number, 3, activation="relu") for number in filters),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(width, activation="relu"),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def of_torch(name):
    """A module for images (N, 1, 28, 28)."""
    from torch import nn

    filters, width = SHAPES[name]
    layers, channels, side = [], 1, 28
    for number in filters:
        layers += [nn.Conv2d(channels, number, 3), nn.ReLU()]
        channels, side = number, side - 2
    flat = channels * (side // 2) ** 2
    layers += [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(flat, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, CLASSES))


def samples(number):
    """Images (number, 28, 28, 1) and labels (number,), the same in each process."""
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.normal(size=(number, 28, 28, 1)).astype("float32")
    return images, rng.integers(0, CLASSES, number)
