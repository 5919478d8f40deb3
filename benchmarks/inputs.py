"""The inputs of all contenders: the same weights and data, drawn from the same seeds."""

import functools
import io
import itertools
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

BATCHES = 50  # of the network's data; every contender cycles through them
CNN_SHAPES = ((3, 3, 1, 32), (32,), (5408, 128), (128,), (128, 10), (10,))


def cnn_weights(trained_by=""):
    """Return the network's weights in Keras's shapes: Glorot-uniform kernels, small biases.

    If `trained_by` names an optimizer, return the weights after an epoch of minigrad with it, which
    have the same bits in every process.
    """
    if trained_by:
        with np.load(io.BytesIO(trained(trained_by))) as arrays:
            return list(arrays.values())
    rng = np.random.default_rng(1)
    weights = []
    for shape in CNN_SHAPES:
        fans = math.prod(shape[:-1]) + math.prod(shape[:-2]) * shape[-1]
        limit = math.sqrt(6 / fans) if len(shape) > 1 else 0.01
        weights.append(rng.uniform(-limit, limit, shape).astype(np.float32))
    return weights


@functools.cache  # as bytes, since arrays could be changed
def trained(rule):
    """Return the output of the program trained.py."""
    command = [sys.executable, "-m", "benchmarks.trained", rule]
    folder = Path(__file__).parent.parent
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE).stdout


def digits(n):
    """Return n images (n, 28, 28, 1) and labels: MNIST's if MINIGRAD_DATA is set, else noise."""
    if "MINIGRAD_DATA" not in os.environ:
        return noise(n)
    x, y, _, _ = mnist()
    return x[:n], y[:n]


def noise(n):
    """Return n images (n, 28, 28, 1), a fifth of their pixels nonzero as in MNIST, and labels."""
    rng = np.random.default_rng(2)
    pixels = rng.random((n, 28, 28, 1), dtype=np.float32)
    for image in pixels:  # one by one: a mask of all images would raise the peak memory
        image *= image > 0.8
    return pixels, rng.integers(0, 10, n)


def mnist():
    """Return (x_train, y_train, x_test, y_test) of MNIST from MINIGRAD_DATA."""
    path = Path(os.environ["MINIGRAD_DATA"])
    with np.load(path / "mnist.npz" if path.is_dir() else path) as data:
        arrays = [data[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    arrays[::2] = [pixels[..., np.newaxis] / np.float32(255) for pixels in arrays[::2]]
    arrays[1::2] = [labels.astype(int) for labels in arrays[1::2]]
    return arrays


def batches(x, y, size):
    """Cut the data, NumPy's or torch's, into a list of batches without copying."""
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


def looped(train, batches, finish):
    """Return ``run(count)`` that trains on batch after batch; `finish` reads the last loss."""

    def run(count):
        for batch in itertools.islice(itertools.cycle(batches), count):
            loss = train(*batch)
        finish(loss)
        return count

    return run


def arrays(shapes, positive=False):
    """Return float32 arrays: standard normal, or uniform in [0.5, 1.5) for logs and quotients."""
    rng = np.random.default_rng(3)
    if positive:
        return [rng.uniform(0.5, 1.5, shape).astype(np.float32) for shape in shapes]
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def labels(n, classes):
    return np.random.default_rng(4).integers(0, classes, n)


def upstream(shape):
    """Return the upstream gradient of an operation whose output has this shape."""
    return np.random.default_rng(5).standard_normal(shape, np.float32)


def chain():
    """Return x, scale and shift (8,) of a long chain x * scale + shift that stays bounded."""
    x = np.random.default_rng(6).standard_normal(8, np.float32)
    return x, 1 + x / 1000, x / 1000


def parameters(size, count):
    """Return `count` weights, `size` elements in all, and gradients well away from 0.

    Near 0 it would matter whether a rule's epsilon is inside or outside its root.
    """
    rng = np.random.default_rng(7)
    weights, signs = rng.standard_normal((2, count, size // count), np.float32)
    return list(0.1 * weights), list(np.copysign(rng.random(signs.shape, np.float32) + 0.5, signs))
