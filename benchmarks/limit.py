"""Upper limits of this machine: matrix products in OpenBLAS, and copying memory."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.measure import Task, repeat

WORDS = {"adam": 7, "sgd": 3, "momentum": 5, "adagrad": 5, "rmsprop": 5}  # moved for each weight
FLOPS_PER_IMAGE = 2 * 2 * 26 * 26 * 9 * 32 + 3 * 2 * (5408 * 128 + 128 * 10)
PARAMETERS = 693_962
threads = 1


def configure(number):
    global threads
    threads = number
    return f"numpy {np.__version__}"


def optimizer(variant, rule, size, count):
    """Read and write as many words as the rule, as a copy or in place (as most optimizers do)."""
    source = np.ones((threads, size * WORDS[rule] // 2 // threads), np.float32)
    target = np.empty_like(source)
    pool = ThreadPoolExecutor(threads)
    runs = {
        "copy": repeat(lambda: list(pool.map(np.copyto, target, source))),
        "in place": repeat(lambda: list(pool.map(np.negative, source, source))),
    }
    return Task(runs)


def step(variant, optimizer, batch, rate):
    """Do the step's arithmetic as one square product, and the optimizer's traffic as a copy."""
    side = round((FLOPS_PER_IMAGE * batch / 2) ** (1 / 3))
    square = np.ones((side, side), np.float32)
    copy = globals()["optimizer"]("", optimizer, PARAMETERS, 1).runs["copy"]
    return Task({"product and copy": repeat(lambda: (square @ square, copy(1)))})
