"""Steps on the ranks that mpiexec started: ``mpiexec -n 2 python -m benchmarks.ranks.ours cnn 64``.

Rank 0 prints one line of JSON: seconds of each step; in a step: bytes that it sent, bytes that left
this machine's network devices, exchanges, and seconds that it waited; weights, and their hash.
Behind it may stand ``plain``: one process without a distribution; or ``overlap`` or ``in_turns``:
whether gradients travel while backward goes on.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

import minigrad
from benchmarks.ranks.networks import of_minigrad, samples

WARM_UP = 3


def bytes_on_devices():
    """Bytes that have left by network devices; 0 where the kernel does not count them there."""
    try:
        lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    except OSError:  # not Linux
        return 0
    devices = [line.split(":") for line in lines]
    return sum(int(rest.split()[8]) for name, rest in devices if name.strip() != "lo")


def counts():
    """Bytes sent, bytes by devices, exchanges, and seconds waited, until now."""
    from minigrad.distribution.heartbeat import pulse

    sent = getattr(minigrad.utils.together.group.exchange, "bytes_sent", 0)
    return np.array([sent, bytes_on_devices(), pulse.exchanges, pulse.waited])


def main(name, batch_size, steps, how=""):
    batch_size, steps, plain = int(batch_size), int(steps), how == "plain"
    minigrad.set_num_threads(1)
    if not plain:
        overlap = {"overlap": True, "in_turns": False}.get(how)
        minigrad.distribution.initialize(overlap=overlap)
    minigrad.utils.set_random_seed(0)
    model = of_minigrad(name)
    x, y = samples(batch_size)
    seconds, spent = [], np.zeros(4)
    for step in range(WARM_UP + steps):
        if step == WARM_UP and not plain:
            spent -= counts()
        begin = time.perf_counter()
        model.train_on_batch(x, y)
        seconds.append(time.perf_counter() - begin)
    if not plain:
        spent += counts()
    each = zip(("bytes", "wire", "exchanges", "waited"), (spent / steps).tolist(), strict=True)
    found = {
        "seconds": seconds[WARM_UP:], **dict(each),
        "weights": model.count_params(), "hash": model.weights_hash()[:16],
    }  # fmt: skip
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
