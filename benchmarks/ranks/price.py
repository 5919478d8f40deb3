"""What the same bits on any number of ranks cost one rank: a step with shards, and one without.

Both train the same network, in turns; each time is CPU time of one thread, of which the lower
quartile counts.

    python benchmarks/ranks/price.py [--shards 8] [--steps 40]
"""

import argparse
import time

import numpy as np

import minigrad
from minigrad import kernels, layers, samples
from minigrad.distribution.door import Door
from minigrad.distribution.exchange import Alone


def cnn():
    return minigrad.Sequential(
        [
            minigrad.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def mlp():
    hidden = [layers.Dense(512, activation="relu") for _ in range(2)]
    return minigrad.Sequential(
        [minigrad.Input((784,)), *hidden, layers.Dense(10, activation="softmax")]
    )


def vgg():
    blocks = []
    for filters in (64, 128):
        for _ in range(2):
            blocks.append(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        blocks.append(layers.MaxPooling2D())
    return minigrad.Sequential(
        [
            minigrad.Input((32, 32, 3)),
            *blocks,
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


CASES = [
    ("CNN", cnn, (28, 28, 1), 32), ("CNN", cnn, (28, 28, 1), 64), ("CNN", cnn, (28, 28, 1), 128),
    ("MLP", mlp, (784,), 128), ("VGG", vgg, (32, 32, 3), 32),
]  # fmt: skip


def measure(make, shape, batch, shards, steps):
    """Milliseconds of a step in each way: without ranks, with one shard, with all of them."""
    generator = np.random.default_rng(0)
    x = generator.random((batch, *shape), "float32")
    y = generator.integers(0, 10, batch)
    doors = [None, Door(Alone(), 1), Door(Alone(), shards)]
    models = []
    for _ in doors:
        minigrad.utils.set_random_seed(1)
        model = make()
        model.compile("adam", "sparse_categorical_crossentropy")
        models.append(model)
    times = [[] for _ in doors]
    for step in range(steps + 3):
        for way, (door, model) in enumerate(zip(doors, models, strict=True)):
            samples.door = door
            begin = time.thread_time()
            model.train_step((x, y))
            if step >= 3:
                times[way].append(time.thread_time() - begin)
    samples.door = None
    return [1000 * float(np.quantile(t, 0.25)) for t in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    kernels.set_num_threads(1)
    print(f"{'network':8} batch   ordinary   1 shard        {options.shards} shards")
    for name, make, shape, batch in CASES:
        steps = options.steps if name != "VGG" else max(options.steps // 4, 5)
        plain, one, many = measure(make, shape, batch, options.shards, steps)
        print(
            f"{name:8} {batch:5} {plain:8.2f} ms {one:8.2f} ms {one / plain:5.2f} "
            f"{many:8.2f} ms {many / plain:5.2f}"
        )


if __name__ == "__main__":
    main()
