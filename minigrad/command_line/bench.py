"""``minigrad bench``: how long training steps and predictions take on this machine."""

import statistics
import time

import numpy as np

import minigrad
from minigrad.command_line.info import kernels_in_words, processor
from minigrad.command_line.networks import make_network
from minigrad.datasets import synthetic_digits

BATCHES = 10  # of digits, over and over


def bench(given):
    """Time each network's steps with Adam, and its predictions, on synthetic digits."""
    size = given.batch_size
    (pixels, labels), _ = synthetic_digits.load_data(num_train=BATCHES * size, num_test=1)
    images = pixels[..., None].astype(np.float32) / 255
    batches = [slice(i * size, (i + 1) * size) for i in range(BATCHES)]
    threads = minigrad.get_num_threads()
    print(f"{processor()}\nkernels: {kernels_in_words()}")
    print(f"{threads} threads, Adam, batches of {size} synthetic digits; median (quartiles)")
    print(f"{'network':<10}{'training step':>28}{'images/s':>12}{'predict':>16}{'images/s':>12}")
    for name in given.networks:
        minigrad.utils.set_random_seed(0)
        model = make_network(name, images.shape[1:], 10)
        steps = measure(lambda part, m=model: m.train_on_batch(images[part], labels[part]),
                        batches, given.seconds)  # fmt: skip
        answers = measure(lambda part, m=model: m.predict_on_batch(images[part]),
                          batches, given.seconds)  # fmt: skip
        low, step, high = quartiles(steps)
        answer = statistics.median(answers)
        taken = f"{1e3 * step:.3g} ms ({1e3 * low:.3g} to {1e3 * high:.3g})"
        rates = f"{size / step:,.0f}", f"{1e3 * answer:.3g} ms", f"{size / answer:,.0f}"
        print(f"{name:<10}{taken:>28}{rates[0]:>12}{rates[1]:>16}{rates[2]:>12}", flush=True)


def measure(function, batches, seconds):
    """Return how long each call took, in seconds, after a round to warm up."""
    for batch in batches:
        function(batch)
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        for batch in batches:
            start = time.perf_counter()
            function(batch)
            times.append(time.perf_counter() - start)
    return times


def quartiles(times):
    """Return the lower quartile, the median and the upper quartile."""
    return statistics.quantiles(times, n=4, method="inclusive")
