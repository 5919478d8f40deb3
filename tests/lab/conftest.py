"""Graphs for the tests."""

import numpy as np
import pytest

import minigrad
from minigrad import Parameter, ops
from minigrad.layers import Conv2D, Dense, Dropout, Flatten, Input, Layer, MaxPooling2D
from minigrad.losses import SparseCategoricalCrossentropy
from minigrad.models import Model, Sequential


@pytest.fixture(autouse=True)
def terminal_of_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def three_scalars():
    w, b = Parameter(2.0, name="w"), Parameter(-1.0, name="b")
    return (w * 3.0 + b) ** 2


def cnn():
    """The loss of a batch in the notebook's network."""
    minigrad.utils.set_random_seed(0)
    model = Sequential(
        [
            Input((28, 28, 1)),
            Conv2D(32, 3, activation="relu"),
            MaxPooling2D(),
            Dropout(0.25),
            Flatten(),
            Dense(128, "relu"),
            Dropout(0.5),
            Dense(10, "softmax"),
        ]
    )
    images = np.random.default_rng(1).random((3, 28, 28, 1), "float32")
    return SparseCategoricalCrossentropy()(np.array([4, 1, 7]), model(images, training=True))


def recurrent():
    """Two weights that five steps use, and names that XML must escape."""
    rng = np.random.default_rng(2)
    w = Parameter(rng.standard_normal((7, 7)), name='<w> & "more"')
    u = Parameter(rng.standard_normal((3, 7)), name="input weights with a long name")
    h = np.zeros((5, 7), "float32")
    for _ in range(5):
        h = ops.tanh(h @ w + rng.standard_normal((5, 3)).astype("float32") @ u)
    return (h * h).mean()


def branches():
    """Lines that split, cross several rows and meet again."""
    rng = np.random.default_rng(3)
    a, c = Parameter(rng.standard_normal((4, 6)), name="a"), Parameter(np.ones((1, 6)), name="c")
    z = a + c
    y = ops.relu(z)
    scores = (y @ y.T).softmax() + z.sum() * 2
    return (a.std() + 1e-3) * ops.where(scores.data > 1, scores, a.mean()).mean()


LOSSES = [three_scalars, cnn, recurrent, branches]


@pytest.fixture(params=LOSSES, ids=lambda make: make.__name__)
def loss(request):
    return request.param()


# --- models of layers ----------------------------------------------------------------------------


class Block(Layer):
    """A composite layer: two layers and a weight of its own."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.first = Dense(units, "relu")
        self.second = Dense(units)
        self.scale = Parameter(np.full(units, 0.5))

    def call(self, x):
        return x + self.second(self.first(x)) * self.scale


class Net(Model):
    """A subclassed model; one of its layers is held twice."""

    def __init__(self, **options):
        super().__init__(**options)
        self.hidden = Dense(4, "relu")
        self.blocks = [Block(4), Block(4)]
        self.ends = {"one": self.hidden, "other": Dense(5)}

    def call(self, x):
        x = self.hidden(x)
        for block in self.blocks:
            x = block(x)
        return self.ends["other"](x)


def nested():
    """A Sequential of a layer, a composite layer and a Sequential."""
    return Sequential([Input((3,)), Dense(4), Block(4), Sequential([Dense(4, "relu"), Dense(5)])])


def functional():
    """A graph of two branches, an op, and a composite layer that is used twice."""
    x = Input((3,), name="points")
    block = Block(4, name="block")
    y = Dense(4)(x) + block(block(Dense(4)(x)))
    return Model(x, Dense(5, name="end")(y))


NAMES = {
    Net: [
        "hidden", "blocks/0", "blocks/0/first", "blocks/0/second", "blocks/1", "blocks/1/first",
        "blocks/1/second", "ends/other",
    ],
    nested: [
        "dense", "block", "block/first", "block/second", "sequential/dense_3", "sequential/dense_4",
    ],
    functional: ["dense_3", "block", "block/first", "block/second", "dense_2", "end"],
}  # fmt: skip


@pytest.fixture(params=NAMES, ids=lambda make: make.__name__)
def model_of_layers(request):
    """A compiled model of layers within layers, and the names of those that have weights."""
    model = request.param()
    model.compile("adam", "mse")
    return model, NAMES[request.param]


@pytest.fixture
def make_model():
    """``make_model("Net")``: a model of layers that is not compiled."""
    return lambda kind: {make.__name__: make for make in NAMES}[kind]()
