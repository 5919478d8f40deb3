"""What the same bits on any number of ranks cost one rank: a step with shards, and one without.

Both train the same network, in turns; each time is CPU time of one thread, of which the lower
quartile counts; with ``--threads 2`` wall time, on a quiet machine. With ``--mnist`` the samples
are genuine digits and the networks have seen an epoch of them: then most of what a dense layer gets
is 0, which products skip.

    python benchmarks/ranks/price.py [--shards 8] [--steps 40] [--threads 1] [--mnist]
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


def random_samples(shape):
    generator = np.random.default_rng(0)
    return generator.random((128, *shape), "float32"), generator.integers(0, 10, 128)


def digits(shape):
    (x, y), _ = minigrad.datasets.mnist.load_data()
    return (x[:12_800] / 255).astype("float32").reshape(-1, *shape), y[:12_800].astype(int)


def measure(make, x, y, batch, shards, steps, clock):
    """Milliseconds of a step in each way: without ranks, with one shard, with all of them."""
    doors = [None, Door(Alone(), 1), Door(Alone(), shards)]
    models = []
    for _ in doors:
        minigrad.utils.set_random_seed(1)
        model = make()
        model.compile("adam", "sparse_categorical_crossentropy")
        if len(x) > 128:
            model.fit(x, y, batch_size=128, verbose=0)
        models.append(model)
    times = [[] for _ in doors]
    for step in range(steps + 3):
        rows = slice(step * batch % len(x), step * batch % len(x) + batch)
        for way, (door, model) in enumerate(zip(doors, models, strict=True)):
            samples.door = door
            begin = clock()
            model.train_step((x[rows], y[rows]))
            if step >= 3:
                times[way].append(clock() - begin)
    samples.door = None
    return [1000 * float(np.quantile(t, 0.25)) for t in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mnist", action="store_true")
    options = parser.parse_args()
    kernels.set_num_threads(options.threads)
    clock = time.thread_time if options.threads == 1 else time.perf_counter
    print(f"{'network':8} batch   ordinary   1 shard        {options.shards} shards")
    for name, make, shape, batch in CASES:
        if options.mnist and name == "VGG":
            continue  # digits have one channel
        steps = options.steps if name != "VGG" else max(options.steps // 4, 5)
        x, y = digits(shape) if options.mnist else random_samples(shape)
        plain, one, many = measure(make, x, y, batch, options.shards, steps, clock)
        print(
            f"{name:8} {batch:5} {plain:8.2f} ms {one:8.2f} ms {one / plain:5.2f} "
            f"{many:8.2f} ms {many / plain:5.2f}"
        )


if __name__ == "__main__":
    main()
