"""The networks that the command line trains, for images of any shape and any number of classes."""

from minigrad import optimizers
from minigrad.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from minigrad.models import Sequential


def cnn(classes):
    """The MNIST notebook's network."""
    return [
        Conv2D(32, 3, activation="relu"),
        MaxPooling2D(2),
        Dropout(0.25),
        Flatten(),
        Dense(128, activation="relu"),
        Dropout(0.5),
        Dense(classes, activation="softmax"),
    ]


def lenet5(classes):
    """LeCun et al., 1998, with relu and max pooling."""
    return [
        Conv2D(6, 5, padding="same", activation="relu"),
        MaxPooling2D(2),
        Conv2D(16, 5, activation="relu"),
        MaxPooling2D(2),
        Flatten(),
        Dense(120, activation="relu"),
        Dense(84, activation="relu"),
        Dense(classes, activation="softmax"),
    ]


def mlp(classes):
    return [
        Flatten(),
        Dense(512, activation="relu"),
        Dropout(0.2),
        Dense(512, activation="relu"),
        Dropout(0.2),
        Dense(classes, activation="softmax"),
    ]


def linear(classes):
    return [Flatten(), Dense(classes, activation="softmax")]


def make_network(name, shape, classes, optimizer="adam", learning_rate=None):
    """Return a compiled model.

    Parameters
    ----------
    name : {"cnn", "lenet5", "mlp", "linear"}
    shape : (int, int, int)
        Height, width and channels of the images.
    classes : int
    optimizer : str
    learning_rate : float, optional
        Default: the optimizer's own.
    """
    optimizer = optimizers.get(optimizer)
    if learning_rate is not None:
        optimizer.learning_rate = learning_rate
    make = {"cnn": cnn, "lenet5": lenet5, "mlp": mlp, "linear": linear}[name]
    model = Sequential([Input(shape), *make(classes)], name=name)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
