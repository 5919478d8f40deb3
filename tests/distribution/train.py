"""What the tests run on several ranks; the last line of the output is JSON."""

import hashlib
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np

import minigrad
from minigrad import (
    Input,
    Model,
    Sequential,
    callbacks,
    distribution,
    layers,
    losses,
    metrics,
    optimizers,
)  # fmt: skip


def digest(*arrays):
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array))
    return found.hexdigest()[:16]


def images(number=50):
    rng = np.random.default_rng(0)
    return rng.normal(size=(number, 8, 8, 2)).astype("float32"), rng.integers(0, 3, number)


def cnn(optimizer):
    model = Sequential(
        [
            Input((8, 8, 2)),
            layers.Conv2D(4, 3, kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(6, activation="tanh", activity_regularizer="l2"),
            layers.GaussianNoise(0.1),
            layers.Dense(3, activation="softmax"),
        ]
    )
    auc = metrics.SparseCategoricalCrossentropy()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy", auc])
    return model


def fit(shards=8):
    """Everything at once: shuffled, a last uneven batch, class weights, penalties, clipping."""
    distribution.initialize(shards=int(shards))
    minigrad.utils.set_random_seed(3)
    model = cnn(optimizers.Adam(0.01, global_clipnorm=0.5, use_ema=True, weight_decay=1e-3))
    x, y = images()
    history = model.fit(
        x, y, batch_size=20, epochs=3, verbose=0, class_weight={0: 1.0, 2: 0.3},
        validation_split=0.2,
    ).history  # fmt: skip
    measured = model.evaluate(x, y, batch_size=7, verbose=0)
    predicted = digest(model.predict(x, batch_size=11, verbose=0))
    return [model.weights_hash(), history, measured, predicted]


def accumulate():
    """Gradients of three batches a step, sample weights, an MLP of float64."""
    distribution.initialize()
    minigrad.utils.set_random_seed(4)
    options = {"dtype": "float64"}
    model = Sequential(
        [
            Input((12,)),
            layers.Dense(16, activation="relu", bias_regularizer="l1", **options),
            layers.Dropout(0.4, **options),
            layers.Dense(1, **options),
        ]
    )
    model.compile(optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=3), "mse")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(61, 12))
    model.fit(
        x, x[:, :1] ** 2, sample_weight=rng.uniform(size=61), epochs=4, batch_size=13, verbose=0
    )
    return [model.weights_hash(), digest(model.predict(x, verbose=0))]


def by_hand():
    """A loop of one's own, with a batch smaller than the number of shards."""
    distribution.initialize()
    minigrad.utils.set_random_seed(5)
    model = cnn("adam")
    optimizer, loss_of = optimizers.Adam(0.01), losses.SparseCategoricalCrossentropy()
    x, y = images(33)
    for first in range(0, 33, 15):  # 15, 15 and 3 samples
        part = slice(first, first + 15)
        model.zero_grad()
        loss = loss_of(y[part], model(x[part], training=True))
        loss.backward()
        weights = model.trainable_weights
        optimizer.apply([weight.grad for weight in weights], weights)
    return [model.weights_hash(), loss.item()]


def late(overlap=None, bucket_bytes=1 << 20, small_bytes=1 << 14):
    """A shared layer, a frozen one, a weight in two ops, penalties; gradients may travel late."""
    distribution.initialize(overlap={"on": True, "off": False}.get(overlap))
    if distribution.size() > 1:
        distribution.buckets.BUCKET_BYTES = int(bucket_bytes)
        distribution.mpi.SMALL_BYTES = int(small_bytes)
        assert minigrad.utils.together.group.exchange.overlap is (overlap == "on")
    minigrad.utils.set_random_seed(7)
    x = Input((8, 8, 2))
    shared = layers.Conv2D(2, 3, padding="same", activation="relu", kernel_regularizer="l2")
    frozen = layers.Dense(12, activation="tanh", trainable=False)
    h = layers.BatchNormalization()(shared(shared(x)))
    h = frozen(layers.Flatten()(h))
    tied = layers.Dense(12)
    y = layers.Dense(3, activation="softmax")(tied(tied(h)) * 2 + h)
    model = Model(x, y)
    optimizer = optimizers.Adam(
        0.01, global_clipnorm=0.5, use_ema=True, gradient_accumulation_steps=2
    )
    model.compile(optimizer, "sparse_categorical_crossentropy")
    model.fit(*images(), batch_size=20, epochs=2, verbose=0)
    by_hand = losses.SparseCategoricalCrossentropy()
    x, y = images(3)  # fewer samples than shards
    for _ in range(2):  # gradients add up
        by_hand(y, model(x, training=True)).backward()
    return [model.weights_hash(), digest(*[w.grad for w in model.trainable_weights])]


def elastic(folder, epochs, shards=8):
    """Train on, with all callbacks that write."""
    distribution.initialize(shards=int(shards))
    minigrad.utils.set_random_seed(6)
    folder = Path(folder)
    model = cnn(optimizers.Adam(0.01))
    x, y = images()
    several = [
        callbacks.BackupAndRestore(folder / "backup", save_freq=2, delete_checkpoint=False),
        callbacks.CSVLogger(folder / "log.csv"),
        callbacks.TensorBoard(folder / "logs"),
        callbacks.ModelCheckpoint(folder / "best.weights.npz", "loss", save_weights_only=True),
    ]
    model.fit(
        x, y, batch_size=20, epochs=int(epochs), verbose=0, callbacks=several, validation_split=0.2
    )
    model.save(folder / "whole.keras")
    files = sorted(path.name for path in folder.rglob("*") if "tfevents" not in path.name)
    return [model.weights_hash(), (folder / "log.csv").read_text(), files]


def facts():
    """What `initialize` has done on each rank."""
    distribution.initialize()
    distribution.initialize()  # the second one changes nothing
    drawn = f"{minigrad.random.next_seed()} {minigrad.get_num_threads()}\n"
    os.write(2, drawn.encode())  # a line of its own
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn("said once", stacklevel=1)
    print(f"I am rank {distribution.rank()}")
    return [distribution.size(), distribution.list_devices(), repr(distribution.distribution())]


def differ(what, by_hand=False):
    """One rank is unlike the others."""
    is_odd = os.environ.get("PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK")) == "1"
    if is_odd and what == "arguments":
        sys.argv.append("--other")
    if is_odd and what == "kernels":
        minigrad.distribution.handshake._kernels = lambda: "fast, avx2"
    distribution.initialize()
    minigrad.utils.set_random_seed(1 + (is_odd and what == "seeds"))
    optimizer = optimizers.Adam(0.1 if is_odd and what == "optimizer" else 0.01)
    x, y = images()
    if is_odd and what == "data":
        x[3] += 1
    model = cnn(optimizer)
    if is_odd and what == "weights":
        model.weights[0].assign(model.weights[0].data + 1)
    if by_hand:
        model(x, training=True)
    else:
        model.fit(x, y, verbose=0)
    return "was not noticed"


def generator(what):
    """A generator whose batches are other ones on the last rank, from the third on."""
    distribution.initialize()
    minigrad.utils.set_random_seed(7)
    is_odd = distribution.rank() == distribution.size() - 1 > 0

    def batches():
        common, own = np.random.default_rng(2), np.random.default_rng()
        for number in range(6):
            x, y = common.normal(size=(16, 12)), common.integers(0, 3, 16)
            if is_odd and number >= 2:
                x = own.normal(size=x.shape) if what == "inputs" else x
                y = own.integers(0, 3, 16) if what == "labels" else y
                x, y = (x[:15], y[:15]) if what == "smaller" else (x, y)
                x, y = (np.tile(x, (2, 1)), np.tile(y, 2)) if what == "larger" else (x, y)
                if what == "ends":
                    return
            yield x, y

    model = Sequential([Input((12,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(batches(), verbose=0)
    return [model.weights_hash(), model.evaluate(batches(), verbose=0)]


if __name__ == "__main__":
    result = globals()[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(result))
