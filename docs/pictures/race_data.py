"""Run the race that `race.py` draws: six rules on MNIST, each at a rate chosen in the same way.

    python docs/pictures/race_data.py [KEPT.json]     # writes race.json; 10 minutes of processor

KEPT.json, if given, holds all trainings that are done: an interrupted race goes on from there.

- First round: nine learning rates, the same for all, 10,000 digits, 3 epochs, one seed.
- Second round: the best of them and its two neighbours, for as long as the race, two seeds. What
  is best for a short training is often too large for a long one. While the best of them is the
  lowest or the highest, the next rate is tried, too.
- Race: 20,000 digits, 6 epochs, five other seeds.

Both rounds are judged by 5,000 digits that nobody trains on. The 10,000 test digits are looked at
in the race, and nowhere before. All runs use one thread. Errors are the same, digit for digit, each
time. Seconds are the processor's, without the time of testing: rules take turns with a tenth of an
epoch, 21 times, and the median counts, so that other programs disturb all alike.
"""

import json
import platform
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "examples"))
from mnist_cnn import as_images, build_model  # noqa: E402

import minigrad  # noqa: E402
from minigrad import optimizers  # noqa: E402
from minigrad.datasets import mnist  # noqa: E402

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
RULES = {
    "SGD": lambda rate: optimizers.SGD(rate),
    "momentum": lambda rate: optimizers.SGD(rate, momentum=0.9),
    "Adagrad": lambda rate: optimizers.Adagrad(rate),
    "RMSprop": lambda rate: optimizers.RMSprop(rate),
    "Adam": lambda rate: optimizers.Adam(rate),
    "Lion": lambda rate: optimizers.Lion(rate),
}
BATCH = 60
SHORT = {"digits": 10_000, "epochs": 3}
LONG = {"digits": 20_000, "epochs": 6}
HELD_OUT = slice(50_000, 55_000)  # of the training digits
TUNING_SEEDS, SEEDS = (100, 101), range(5)


class Track:
    """Trains, and keeps what came out.

    Parameters
    ----------
    data : (array, array)
        Training images and labels.
    kept : Path or None
        The file for finished trainings.
    """

    def __init__(self, data, kept):
        self.data, self.kept = data, kept
        self.done = json.loads(kept.read_text()) if kept and kept.exists() else {}

    def run(self, name, rate, seed, length, test):
        """Return the errors in per cent after each epoch."""
        key = f"{name} {rate} {seed} {length['digits']}"
        if key not in self.done:
            self.done[key] = train(name, rate, seed, length, self.data, test)
            print(key, self.done[key], flush=True)
            if self.kept:
                self.kept.write_text(json.dumps(self.done))
        return self.done[key]


def train(name, rate, seed, length, data, test):
    """Train once; return the errors in per cent after each epoch."""
    minigrad.utils.set_random_seed(seed)
    model, digits = build_model(RULES[name](rate)), slice(length["digits"])
    with np.errstate(over="ignore", invalid="ignore"):  # a rate that is too large diverges
        history = model.fit(
            data[0][digits], data[1][digits], batch_size=BATCH, epochs=length["epochs"],
            validation_data=test, verbose=0,
        ).history  # fmt: skip
    return (100 * (1 - np.array(history["val_accuracy"]))).round(3).tolist()


def seconds(best, data):
    """Return {name: seconds of the processor for an epoch}."""
    models = {name: build_model(RULES[name](rate)) for name, rate in best.items()}
    part, found = LONG["digits"] // 10, {name: [] for name in RULES}
    for turn in range(22):
        for name, model in models.items():
            start = time.process_time()
            model.fit(data[0][:part], data[1][:part], batch_size=BATCH, epochs=1, verbose=0)
            if turn > 0:  # the first one makes the weights
                found[name].append(time.process_time() - start)
    return {name: round(10 * float(np.median(times)), 3) for name, times in found.items()}


def tune(track, held_out):
    """Return the errors of both rounds, {name: {rate: error}}, and {name: the best rate}."""

    def error(name, rate, length, seeds):
        runs = [track.run(name, rate, seed, length, held_out) for seed in seeds]
        return round(float(np.mean([run[-1] for run in runs])), 3)

    first, second, best = {}, {}, {}
    for name in RULES:
        first[name] = {rate: error(name, rate, SHORT, TUNING_SEEDS[:1]) for rate in RATES}
        best[name], found = min(first[name], key=first[name].get), {}
        while near := [rate for rate in neighbours(best[name]) if rate not in found]:
            found |= {rate: error(name, rate, LONG, TUNING_SEEDS) for rate in near}
            best[name] = min(found, key=found.get)
        second[name] = dict(sorted(found.items()))
    return first, second, best


def neighbours(rate):
    """A rate of RATES, and those next to it."""
    at = RATES.index(rate)
    return RATES[max(at - 1, 0) : at + 2]


def main():
    minigrad.set_num_threads(1)
    (x, y), (x_test, y_test) = mnist.load_data()
    data, test = (as_images(x), y), (as_images(x_test), y_test)
    track = Track(data, Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    first, second, best = tune(track, tuple(array[HELD_OUT] for array in data))
    runs = {name: [] for name in RULES}
    for seed in SEEDS:  # all rules with one seed, then with the next: if the machine slows, for all
        for name in RULES:
            runs[name].append(track.run(name, best[name], seed, LONG, test))
    made = {
        "by": "docs/pictures/race_data.py", "minigrad": minigrad.__version__,
        "numpy": np.__version__, "python": platform.python_version(),
        "processor": platform.machine(),
    }  # fmt: skip
    found = {"made": made, "first": first, "second": second, "best": best, "errors": runs}
    found["seconds"] = seconds(best, data)
    (HERE / "race.json").write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
