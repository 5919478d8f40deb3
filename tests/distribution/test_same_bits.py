"""1, 2, 4 and 8 ranks train to the same bits; against no ranks at all, to rounding.

Ranks are processes here, and pipes carry what MPI would: `test_ranks` has the real ones.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import Tensor, config, kernels, layers, losses, ops, optimizers, random

pytestmark = pytest.mark.skipif(
    kernels.kind == "reference" or sys.platform == "win32",
    reason="NumPy's products promise nothing across batches; ranks here are forked processes",
)


def mlp():
    return minigrad.Sequential(
        [
            layers.Dense(24, activation="relu", kernel_regularizer="l2", input_shape=(20,)),
            layers.Dropout(0.3),
            layers.Dense(16, activation="tanh", activity_regularizer="l2"),
            layers.Dense(5, activation="softmax"),
        ]
    )


def cnn():
    return minigrad.Sequential(
        [
            layers.Reshape((12, 12, 1), input_shape=(144,)),
            layers.RandomFlip("horizontal"),
            layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.SpatialDropout2D(0.2),
            layers.GaussianNoise(0.1),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5, activation="softmax"),
        ]
    )


def renormalized():
    return minigrad.Sequential(
        [
            layers.Dense(12, input_shape=(20,)),
            layers.BatchNormalization(renorm=True),
            layers.LayerNormalization(),
            layers.AlphaDropout(0.1),
            layers.Dense(5),
        ]
    )


def words():
    return minigrad.Sequential(
        [
            layers.Embedding(10, 6, input_shape=(20,)),
            layers.Conv1D(7, 3, padding="same", activation="gelu"),
            layers.GroupNormalization(1),
            layers.GlobalMaxPooling1D(),
            layers.Dense(5),
        ]
    )


LOGITS = losses.SparseCategoricalCrossentropy(from_logits=True)


def data(features, is_words=False):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(45, features)).astype("float32")
    x = generator.integers(0, 10, x.shape) if is_words else x
    return x, generator.integers(0, 5, 45)


def fitted(make, x, y, optimizer, loss="sparse_categorical_crossentropy", **options):
    model = make()
    model.compile(optimizer, loss, metrics=["accuracy"])
    history = model.fit(x, y, batch_size=13, epochs=2, verbose=0, **options)
    measured = model.evaluate(x, y, batch_size=7, verbose=0)
    return [v.data for v in model.weights], [
        *history.history.values(), measured, model.predict(x, batch_size=3, verbose=0)
    ]  # fmt: skip


def train_mlp():
    optimizer = optimizers.Adam(1e-2, global_clipnorm=0.5, use_ema=True)
    weights = np.linspace(0, 2, 45)
    return fitted(mlp, *data(20), optimizer, sample_weight=weights, validation_split=0.2)


def train_cnn():
    optimizer = optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2)
    return fitted(cnn, *data(144), optimizer, class_weight={0: 2.0, 3: 0.5})


def train_renormalized():
    return fitted(renormalized, *data(20), optimizers.SGD(0.1), LOGITS)


def train_words():
    return fitted(words, *data(20, is_words=True), optimizers.Adam(1e-2), LOGITS)


class Contrast(minigrad.Model):
    """Layers used twice, an op that mixes samples, a loss of the call, and a weight in an op."""

    def __init__(self):
        super().__init__()
        self.first = layers.Dense(8, activation="tanh")
        self.scale = self.add_weight((8,), "ones", name="scale")

    def call(self, x):
        h = self.first(x)
        h = self.first(ops.concatenate([h, h, h[:, :4]], axis=1)) * self.scale
        self.add_loss(ops.mean(h * h))
        return h - ops.mean(h, axis=0) + ops.max(h, axis=0)  # max runs on the whole batch


def train_by_hand():
    """A loop of one's own; the loss compares all samples with each other."""
    x, y = data(20)
    minigrad.random.set_random_seed(1)
    model, optimizer, shown = Contrast(), optimizers.SGD(0.1), []
    for begin in (0, 5, 18, 42):  # batches of 5, 13, 24 and 3 samples
        some = slice(begin, {0: 5, 5: 18, 18: 42, 42: 45}[begin])
        h = model(x[some], training=True)
        same = (y[some][:, None] == y[some][None]).astype("float32")
        loss = ops.mean((ops.matmul(h, ops.transpose(h)) - same) ** 2) + sum(model.losses)
        loss.backward()
        optimizer.apply([w.grad for w in model.weights], model.weights)
        model.zero_grad()
        shown.append(loss.item())
    return [v.data for v in model.weights], [shown]


def call_every_layer():
    """Each layer of the table of layers, in training: results and gradients."""
    path = Path(__file__).parents[1] / "layers/test_every_layer.py"
    spec = importlib.util.spec_from_file_location("_every_layer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    generator, found, shown = np.random.default_rng(5), [], []
    for name, row in module.TABLE.items():
        if len(row.shape) < 2:
            continue
        layer = row.make()
        x = generator.normal(size=(13, *row.shape[1:])).astype(config.floatx())
        given = Tensor(x, requires_grad=not name.startswith("Embedding"))
        y = layer(given, training=True)
        (y * y).sum().backward() if y.requires_grad else None
        arrays = [y.data, given.grad, *[w.grad for w in layer.weights]]
        found += [array for array in arrays if array is not None]
        shown.append((name, [a if a is None else a.tobytes() for a in arrays]))
    return found, shown


class AskingNumPy(minigrad.Model):
    """Ops that ask NumPy, along the samples' axis and along others."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(6, activation="tanh")

    def call(self, x):
        h = self.dense(x)
        h = ops.flip(h, axis=0) + ops.sort(h, axis=0) + ops.roll(h, 1, axis=1) + ops.sort(h)
        h = h * ops.sign(h) + ops.take(h, [0], axis=0) - ops.median(h, axis=0)
        best = ops.take_along_axis(h, ops.argsort(h, axis=1), axis=1)
        best = best + h[ops.argsort(h[:, 0])]
        best = best + ops.slice(h, (0, 1), (h.shape[0], 1))
        return h + best + ops.nanmedian(ops.stop_gradient(h), axis=0) + ops.top_k(h, 1)[0]


def train_with_numpy():
    model = AskingNumPy()
    x, y = data(20)
    model.compile(optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y % 6, batch_size=13, epochs=2, verbose=0).history
    return [v.data for v in model.weights], [history, model.predict(x, verbose=0).tobytes()]


class AsIfAlone(minigrad.Model):
    """A call that asks for sizes, values and rows, as if all samples were here."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(6, activation="tanh")
        self.scale = self.add_weight((6,), "ones", name="scale")
        self.table = self.add_weight((6, 6), "glorot_uniform", name="table")
        self.before = None

    def call(self, x):
        N, h = len(x), self.dense(x)
        is_positive = x.numpy()[:, :6] > 0
        h = ops.where(is_positive, self.scale, -2 * self.scale) + h
        h = h + ops.sum(h, axis=0) / h.shape[0] + h.numpy().mean(axis=0)
        h = h * np.arange(N)[:, None] / N + ops.broadcast_to(self.scale, (N, 6))
        h = h + self.table[np.argmax(h.numpy(), axis=1)] + ops.zeros((h.shape[0], 1))
        h = h + ops.sum(h[is_positive[:, 0]], axis=0) + h[N - 1] + ops.segment_sum(h, [0] * N)
        h = h + ops.einsum("ni,mi,mj->nj", h, h, h) / N**2 + ops.stack([row / 2 for row in h])
        h = h + random.normal(h.shape, seed=3) * (ops.any(h > 1) + ops.count_nonzero(x > 0) / N)
        h = h * self.before if self.before is not None and len(self.before) == N else h
        h = ops.tanh(h / 100)
        self.before = ops.stop_gradient(h)
        self.hidden = h + 0
        h /= 2
        return ops.concatenate([h[:2], h[2:]], axis=0)


def train_as_if_alone():
    """Of the outputs, and of what the call has left behind; in place where no graph is."""
    x, _ = data(20)
    model, optimizer, shown = AsIfAlone(), optimizers.SGD(0.01), []
    for begin in (0, 13, 26, 39):
        y = ops.tanh(model(x[begin : begin + 13], training=True))
        loss = ops.mean(y * y) + ops.mean(ops.abs(model.hidden))
        loss.backward()
        weights = model.trainable_weights
        optimizer.apply([weight.grad for weight in weights], weights)
        model.zero_grad()
        shown.append(loss.item())
    return [v.data for v in model.weights], [shown]


RUNS = (
    train_mlp, train_cnn, train_renormalized, train_words, train_by_hand, call_every_layer,
    train_with_numpy, train_as_if_alone,
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("function", RUNS, ids=lambda f: f.__name__)
def test_ranks_do_not_change_a_bit(forked, function):
    (alone,), _ = forked(function, 1, 8)
    for ranks in (2, 4, 8):
        assert forked(function, ranks, 8)[0] == {alone}, f"{ranks} ranks"
    assert forked(function, 2, 4)[0] != {alone}  # other shards are other sums


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("function", RUNS, ids=lambda f: f.__name__)
def test_ranks_give_what_one_process_gives_to_rounding(forked, function):
    _, shared = forked(function, 2, 8, "float64")
    _, plain = forked(function, 1, 0, "float64")
    for one, other in zip(shared, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)
