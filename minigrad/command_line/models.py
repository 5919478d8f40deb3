"""``minigrad train``, ``evaluate``, ``predict`` and ``export``: models in files."""

import importlib
import math
import os
import sys

import numpy as np

import minigrad
from minigrad.command_line import print_estimate, tell
from minigrad.command_line.networks import make_network
from minigrad.models import load_model
from minigrad.utils.images import img_to_array, load_img

MOST_LIKELY = 3  # classes that are told of a picture


def train(given):
    """Train a network, save it, and measure it on the test images."""
    check_target(given.model, ".keras", given.overwrite)
    (x, y), (x_test, y_test) = load_data(given.data, given.limit)
    network = given.network, x.shape[1:], int(y.max()) + 1, given.optimizer, given.learning_rate
    if not given.quiet:
        weights = make_network(*network).count_params()
        told = f"{given.network}, {weights:,} weights, trains on {len(x):,} images of {given.data}"
        tell(told)
        print_estimate(lambda: make_network(*network), x, y, given.batch_size, given.epochs)
    minigrad.utils.clear_session()
    minigrad.utils.set_random_seed(given.seed)
    model = make_network(*network)
    options = {"batch_size": given.batch_size, "epochs": given.epochs}
    try:
        model.fit(x, y, **options, verbose=0 if given.quiet else "auto")
    except KeyboardInterrupt:
        model.save(given.model)
        print(f"What it learned so far is in {given.model}.")
        raise
    model.save(given.model)
    print(f"Saved: {given.model}, {os.path.getsize(given.model):,} bytes")
    print_results(model, x_test, y_test, given.data)


def evaluate(given):
    """Print what the model's loss and metrics are on the test images."""
    model = load_model(given.model)
    _, (x, y) = load_data(given.data, given.limit)
    x = as_inputs(model, x * (255 / given.scale), given.data)
    print_results(model, x, y, given.data)


def predict(given):
    """Print the most likely classes of each picture."""
    model = load_model(given.model)
    H, W, C = image_shape(model)
    colors = {1: "grayscale", 3: "rgb", 4: "rgba"}
    if C not in colors:
        raise ValueError(f"expected a model of 1, 3 or 4 channels, got inputs {model.input_shape}")
    images = []
    for path in given.pictures:
        pixels = read_picture(path, colors[C], (H, W))
        pixels = 255 - pixels if given.invert else pixels
        if C == 1 and not given.invert and border_of(pixels).mean() > 127:
            message = "its border is light; for dark on light, where light on dark was learned"
            tell(f"minigrad: {path}: {message}, add --invert", sys.stderr)
        images.append(pixels / given.scale)
    outputs = model.predict(as_inputs(model, np.stack(images), "pictures"), verbose=0)
    if not isinstance(outputs, np.ndarray) or outputs.ndim != 2:
        raise ValueError("expected a model with one row of outputs for each picture")
    for path, row in zip(given.pictures, outputs, strict=True):
        tell(f"{path}: {in_words(row)}")


def export(given):
    """Write the model in ONNX's format."""
    check_target(given.file, ".onnx", may_replace=True)
    load_model(given.model).export(given.file, format="onnx")
    print(f"Exported: {given.file}, {os.path.getsize(given.file):,} bytes")


# --- data ----------------------------------------------------------------------------------------


def load_data(name, limit=None):
    """Return images (N, H, W, C) from 0 to 1, float32, and labels (N,): to train on and to test."""
    module = importlib.import_module(f"minigrad.datasets.{name}")
    try:
        pairs = module.load_data()
    except OSError as error:
        raise OSError(f"{error}\nDigits that need no file: --data synthetic_digits") from error
    return tuple(
        (_as_images(pixels[:limit]), np.asarray(labels[:limit]).ravel().astype(np.int64))
        for pixels, labels in pairs
    )


def _as_images(pixels):
    images = pixels.astype(np.float32) / np.float32(255)
    return images[..., None] if images.ndim == 3 else images


def read_picture(path, color_mode, size):
    """Return pixels (H, W, C) from 0 to 255, on white paper where the picture is transparent."""
    grey = load_img(path, "grayscale", size, interpolation="bilinear")
    if grey.mode.startswith("I"):  # of 16 bits; converted to colors, it would end at 255
        return np.repeat(img_to_array(grey) / 257, 3 if color_mode == "rgb" else 1, axis=-1)
    pixels = img_to_array(load_img(path, color_mode, size, interpolation="bilinear"))
    alpha = img_to_array(load_img(path, "rgba", size, interpolation="bilinear"))[..., 3:] / 255
    return pixels if color_mode == "rgba" else pixels * alpha + 255 * (1 - alpha)


def image_shape(model):
    """Return the height, width and channels that a model of images has, also if it flattens."""
    shape = model.input_shape
    if isinstance(shape, tuple) and None not in shape[1:]:
        if len(shape) == 4:
            return shape[1:]
        if len(shape) == 3:
            return (*shape[1:], 1)
        side = math.isqrt(shape[-1]) if len(shape) == 2 else 0
        if side and side**2 == shape[-1]:
            return side, side, 1
    raise ValueError(f"expected a model of images, got inputs of shape {shape}")


def as_inputs(model, images, name):
    """Return images (N, H, W, C) in the shape of the model's inputs; ValueError if none fits."""
    H, W, C = image_shape(model)
    if images.shape[1:] != (H, W, C):
        got = f"{name}, images {images.shape[1:]}"
        raise ValueError(f"expected images {(H, W, C)}, as the model's inputs, got {got}")
    return images.reshape(-1, *model.input_shape[1:])


def border_of(image):
    """Return the outermost pixels of an image (H, W, 1), in a row."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


# --- what is printed -----------------------------------------------------------------------------


def print_results(model, x, y, name):
    """Print loss and metrics; of a model that is not compiled, the accuracy."""
    if model.compiled:
        results = model.evaluate(x, y, batch_size=1000, verbose=0, return_dict=True)
    else:
        answers = model.predict(x, batch_size=1000, verbose=0).argmax(axis=-1)
        results = {"accuracy": float((answers == y).mean())}
    told = ", ".join(f"{metric} {value:.4f}" for metric, value in results.items())
    tell(f"Test on {len(x):,} images of {name}: {told}")


def in_words(row):
    """The most likely classes of a row of outputs, or the outputs if they are no probabilities."""
    best = np.argsort(-row, kind="stable")[:MOST_LIKELY]
    if len(row) > 1 and row.min() >= 0 and abs(row.sum() - 1) < 1e-3:
        shares = [f"{k} ({100 * row[k]:.1f} %)" for k in best]
        return f"{shares[0]}, then {', '.join(shares[1:])}"
    return f"outputs, the largest first: {', '.join(f'[{k}] {row[k]:.4g}' for k in best)}"


def check_target(path, ending, may_replace):
    """Raise an error now if a file could not be written later."""
    folder = os.path.dirname(path) or "."
    if not path.endswith(ending):
        raise ValueError(f"expected a file name in {ending}, got {path}")
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"expected a folder that exists, got {folder}")
    if os.path.isdir(path) or not os.access(folder, os.W_OK):
        raise OSError(f"expected a file that can be written, got {path}")
    if os.path.exists(path) and not may_replace:
        raise FileExistsError(f"{path} is there already; take another name, or add --overwrite")
