"""Steps on the ranks that mpiexec started: ``mpiexec -n 2 python -m benchmarks.ranks.ours cnn 64``.

Rank 0 prints one line of JSON: seconds of each step, bytes that it sent and seconds that it waited
in a step, weights, and their hash. ``plain`` behind it: one process without a distribution.
"""

import json
import sys
import time

import minigrad
from benchmarks.ranks.networks import of_minigrad, samples

WARM_UP = 3


def main(name, batch_size, steps, plain=""):
    batch_size, steps = int(batch_size), int(steps)
    minigrad.set_num_threads(1)
    if not plain:
        minigrad.distribution.initialize()
        from minigrad.distribution.heartbeat import pulse
    minigrad.utils.set_random_seed(0)
    model = of_minigrad(name)
    x, y = samples(batch_size)
    seconds, sent, waited = [], 0, 0.0
    for step in range(WARM_UP + steps):
        if step == WARM_UP and not plain:
            exchange = minigrad.utils.together.group.exchange
            sent, waited = -getattr(exchange, "bytes_sent", 0), -pulse.waited
        begin = time.perf_counter()
        model.train_on_batch(x, y)
        seconds.append(time.perf_counter() - begin)
    if not plain:
        sent, waited = sent + getattr(exchange, "bytes_sent", 0), waited + pulse.waited
    found = {
        "seconds": seconds[WARM_UP:], "bytes": sent / steps, "waited": waited / steps,
        "weights": model.count_params(), "hash": model.weights_hash()[:16],
    }  # fmt: skip
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
