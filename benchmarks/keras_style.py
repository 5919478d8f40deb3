"""Code that minigrad and Keras share, because it is the same; `library` is either of the two."""

import functools
import io
import math
import sys

from benchmarks import inputs, networks
from benchmarks.measure import Task, repeat


def build(library, optimizer="adam", rate=0.25, metrics=None, **options):
    """Return the notebook's network, compiled."""
    layers, model = library.layers, library.Sequential()
    model.add(layers.Input((28, 28, 1)))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Dropout(rate))
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dropout(2 * rate))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=metrics, **options)
    model.set_weights(inputs.cnn_weights())
    return model


def network(library, name, rate, **options):
    """Return one of networks.py, compiled; `rate` times the rates of its dropout."""
    layers, (_, *shape) = library.layers, networks.NETWORKS[name][0]

    def layer(kind, *options):
        if kind == "conv":
            filters, size, padding, *activation = options
            return layers.Conv2D(filters, size, padding=padding, activation=(*activation, None)[0])
        if kind == "dense":
            units, *activation = options
            return layers.Dense(units, activation=(*activation, None)[0])
        others = {
            "pool": lambda: layers.MaxPooling2D(2),
            "dropout": lambda value: layers.Dropout(value * rate),
            "flatten": layers.Flatten,
            "batch_norm": layers.BatchNormalization,
            "relu": lambda: layers.Activation("relu"),
            "global_average": layers.GlobalAveragePooling2D,
        }
        return others[kind](*options)

    model = library.Sequential([layers.Input(tuple(shape))])
    for described in networks.layers_of(name):
        model.add(layer(*described))
    loss = library.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, **options)
    for weight, value in zip(model.trainable_weights, networks.weights(name), strict=True):
        weight.assign(value)
    return model


def fitted(model, x, y, batch):
    """Return ``run(count)``: `count` steps through `fit`, rounded up to whole epochs."""

    def run(count):
        steps = math.ceil(len(x) / batch)
        epochs = math.ceil(count / steps)
        model.fit(x, y, batch_size=batch, epochs=epochs, shuffle=False, verbose=0)
        return epochs * steps

    return run


class Terminal(io.StringIO):
    """A fake terminal, on which `fit` draws its progress bar."""

    def isatty(self):
        return True


def epoch(library, images, ways):
    """Train for an epoch through `fit`; `ways` is {name: options of compile}."""
    x, y = inputs.digits(images)

    def fit(model):
        screen, sys.stdout = sys.stdout, Terminal()
        model.fit(x, y, batch_size=60)
        sys.stdout = screen

    models = {way: build(library, metrics=["accuracy"], **kwargs) for way, kwargs in ways.items()}
    return Task({way: repeat(functools.partial(fit, model)) for way, model in models.items()})


def inference(library, kind, images, sizes, trained_by, ways):
    x, y = inputs.digits(images)

    def once(model, size):
        if kind == "evaluate":
            return model.evaluate(x, y, size, verbose=0)
        return model.predict(x, size, verbose=0) if images > 1 else model.predict_on_batch(x)

    runs = {}
    for way, options in ways.items():
        model = build(library, metrics=["accuracy"], **options)
        model.set_weights(inputs.cnn_weights(trained_by))
        for size in sizes:
            runs[f"by {size}{way}"] = repeat(functools.partial(once, model, size))
    return Task(runs, lambda: [once(model, sizes[0])])


def job(library, seed, **options):
    """Return a function that trains for an epoch and one that measures accuracy."""
    library.utils.set_random_seed(seed)
    model = build(library, metrics=["accuracy"], **options)
    fit = functools.partial(model.fit, batch_size=60, verbose=0)
    return fit, lambda x, y: model.evaluate(x, y, batch_size=1000, verbose=0)[1]
