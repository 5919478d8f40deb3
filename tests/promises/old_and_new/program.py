"""What a program does with minigrad, run by the tests of this folder: train, write, read."""

import os
import sys

sys.path.insert(0, sys.argv[1])
import numpy as np

import minigrad
from minigrad import callbacks, layers, models


def named(name):
    """A file's name as Python gives it to programs where names are ASCII, and elsewhere."""
    return os.fsdecode(name.encode())


with np.load(named("Bilder für alle.npz")) as data:
    x, y = data["x"], data["y"]
minigrad.random.set_random_seed(3)
model = minigrad.Sequential(
    [
        layers.Input((28, 28, 1)),
        layers.Conv2D(3, 5, strides=3, activation="gelu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(10, activation="softmax"),
    ]
)
model.summary()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
log = callbacks.CSVLogger(named("Verlauf für später.csv"))
history = model.fit(x, y, batch_size=16, epochs=2, verbose=0, callbacks=[log])
model.save(named("Größe.keras"))
model.save_weights(named("Größe.npz"))
again = models.load_model(named("Größe.keras"))
if not np.array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0)):
    sys.exit("the model that was read predicts otherwise")  # -OO takes asserts away
again.load_weights(named("Größe.npz"))
try:
    again.load_weights(named("fehlt für immer.npz"))
except OSError as error:
    print(type(error).__name__)
try:
    minigrad.ops.matmul(np.ones((2, 3)), np.ones((2, 3)))
except ValueError as error:
    print(error)
print(repr(minigrad.optimizers.Adam()), layers.Dense(2))
print(model.weights_hash(), again.weights_hash())
print([round(float(loss), 4) for loss in history.history["loss"]])
