"""The networks of the row `networks`: each a batch, the shape of its images, and its layers."""

import math

import numpy as np

NETWORKS = {  # a layer is its name and numbers, the activation of what it computes last
    "MLP 784-512-512-10": (
        (128, 784),
        "dense 512 relu, dropout 0.2, dense 512 relu, dropout 0.2, dense 10",
    ),
    "MLP 784-1024-1024-1024-10": (
        (256, 784),
        "dense 1024 relu, dense 1024 relu, dense 1024 relu, dense 10",
    ),
    "LeNet-5": (
        (64, 28, 28, 1),
        "conv 6 5 same relu, pool, conv 16 5 valid relu, pool, flatten, "
        "dense 120 relu, dense 84 relu, dense 10",
    ),
    "Keras's MNIST convnet": (
        (128, 28, 28, 1),
        "conv 32 3 valid relu, pool, conv 64 3 valid relu, pool, flatten, dropout 0.5, dense 10",
    ),
    "CIFAR": (
        (32, 32, 32, 3),
        "conv 32 3 same relu, conv 32 3 valid relu, pool, dropout 0.25, "
        "conv 64 3 same relu, conv 64 3 valid relu, pool, dropout 0.25, "
        "flatten, dense 512 relu, dropout 0.5, dense 10",
    ),
    "VGG with batch normalization": (
        (32, 32, 32, 3),
        "conv 64 3 same, batch_norm, relu, conv 64 3 same, batch_norm, relu, pool, "
        "conv 128 3 same, batch_norm, relu, conv 128 3 same, batch_norm, relu, pool, "
        "global_average, dense 10",
    ),
    "MLP 16-32-32-10": ((8, 16), "dense 32 relu, dense 32 relu, dense 10"),
}
BATCHES = 20  # of images, which every contender cycles through
CLASSES = 10


def layers_of(name):
    """Return the network's layers, each a list: its name, then numbers as such and words."""

    def value(word):
        return float(word) if "." in word else int(word) if word.isdigit() else word

    return [[value(word) for word in layer.split()] for layer in NETWORKS[name][1].split(", ")]


def compared(name, gradients):
    """Leave out the gradients of biases before batch normalization: 0 but for rounding."""
    kinds = [kind for kind, *_ in layers_of(name) if kind in ("conv", "dense", "batch_norm")]
    behind = [*kinds[1:], ""]
    lost = [2 * i + 1 for i, kind in enumerate(behind) if kind == "batch_norm"]
    return [gradient for i, gradient in enumerate(gradients) if i not in lost]


def images(name):
    """Return random images, float32, and their labels."""
    (batch, *shape), _ = NETWORKS[name]
    rng = np.random.default_rng(8)
    x = rng.standard_normal((BATCHES * batch, *shape), np.float32)
    return x, rng.integers(0, CLASSES, len(x))


def weights(name):
    """Return the trainable weights in Keras's shapes and order: Glorot-uniform kernels."""
    (_, *shape), _ = NETWORKS[name]
    rng, arrays = np.random.default_rng(9), []

    def add(*kernel):
        fans = math.prod(kernel[:-1]) + math.prod(kernel[:-2]) * kernel[-1]
        limit = math.sqrt(6 / fans)
        arrays.append(rng.uniform(-limit, limit, kernel).astype(np.float32))
        arrays.append(rng.uniform(-0.01, 0.01, kernel[-1]).astype(np.float32))

    for kind, *options in layers_of(name):
        if kind == "conv":
            filters, size, padding = options[:3]
            add(size, size, shape[-1], filters)
            lost = 0 if padding == "same" else size - 1
            shape = [shape[0] - lost, shape[1] - lost, filters]
        elif kind == "dense":
            add(*shape, options[0])
            shape = options[:1]
        elif kind == "batch_norm":
            arrays += [np.ones(shape[-1], np.float32), np.zeros(shape[-1], np.float32)]
        elif kind == "pool":
            shape = [shape[0] // 2, shape[1] // 2, shape[2]]
        elif kind == "flatten":
            shape = [math.prod(shape)]
        elif kind == "global_average":
            shape = shape[-1:]
    return arrays
