"""Learning rates: one short run that tries them all, and rates tuned the same way for all rules."""

import functools
import math
from dataclasses import dataclass, field

import numpy as np

from minigrad import plots, random
from minigrad.lab.comparison import _build, _by_label, _new_optimizer, compare, sweep
from minigrad.lab.results import Comparison
from minigrad.utils.arguments import whole_number
from minigrad.utils.batches import as_samples
from minigrad.utils.naming import clear_session
from minigrad.utils.structures import flatten, map_structure

RULE = "a tenth of the rate at which the smoothed loss was lowest"
BLOWN_UP = 4.0  # times the lowest smoothed loss: the test ends


@dataclass(repr=False)
class RangeTest:
    """What ``range_test`` returns; ``print`` shows the suggestion.

    Attributes
    ----------
    title, optimizer : str
    rates : array (n,)
        The learning rate of each step.
    losses : array (n,)
        The loss of the step's batch, before the step.
    smoothed : array (n,)
        Their moving average, corrected as Adam's m is.
    lowest : float
        The rate at which the smoothed loss was lowest.
    suggestion : float
        A rate to start with: a tenth of ``lowest``.
    blew_up : bool
        Whether the test ended early: the smoothed loss was four times its lowest, or not finite.
    """

    title: str
    optimizer: str
    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    blew_up: bool

    @property
    def lowest(self):
        return float(self.rates[np.argmin(self.smoothed)])

    @property
    def suggestion(self):
        return self.lowest / 10

    def __repr__(self):
        end = "blew up" if self.blew_up else "ended"
        return (
            f"{self.optimizer} on {self.title}: rates from {self.rates[0]:.1g}, "
            f"{end} at {self.rates[-1]:.2g} after {len(self.rates)} steps\n"
            f"suggestion {self.suggestion:.2g}: {RULE}, {self.lowest:.2g}"
        )

    def plot(self, ax=None, theme="light"):
        """Return the Figure of ``minigrad.plots.draw_range_test``."""
        return plots.draw_range_test(self, ax=ax, theme=theme)


def range_test(
    build_model, optimizer, x, y, batch_size=32, low=1e-6, high=10.0, steps=200, smoothing=0.9,
    seed=0, title="data",
):  # fmt: skip
    """Train for some steps while the learning rate grows, and suggest a rate.

    The rate is multiplied by the same factor after each batch. The loss first hardly falls, then
    falls, then blows up: a good rate is well below that. After Smith, *Cyclical learning rates for
    training neural networks*, 2017, https://arxiv.org/abs/1506.01186, whose rate grew evenly; here
    it grows by a factor, so that all magnitudes get their share. The suggestion is a place to begin
    a search, no optimum: it comes from the first steps of one training.

    Parameters
    ----------
    build_model : callable
        ``build_model(optimizer)`` returns a new model that is compiled with the optimizer.
    optimizer : str, Optimizer or callable
        As one of those of ``compare``; only a copy of it is trained.
    x, y : array_like (n, ...), or a list or dict of several
    batch_size : int
    low, high : float
        The first and the last learning rate.
    steps : int
        Of the test, at least 10; the data are shuffled anew when they are used up.
    smoothing : float
        The share of the past in the moving average, from 0 to below 1.
    seed : int
    title : str
        The name of the data.

    Returns
    -------
    RangeTest

    Raises
    ------
    ValueError
        If the rates, the steps or the smoothing make no sense, or the first loss is not finite.
    """
    if not 0 < low < high < math.inf:
        raise ValueError(f"range_test: expected 0 < low < high, got low={low!r}, high={high!r}")
    if not 0 <= smoothing < 1:
        raise ValueError(f"range_test: expected 0 <= smoothing < 1, got {smoothing!r}")
    steps = whole_number("range_test", "steps", steps, 10)
    batch_size = whole_number("range_test", "batch_size", batch_size, 1)
    random.set_random_seed(seed)
    clear_session(free_memory=False)
    optimizer = _new_optimizer(optimizer)
    model = _build(build_model, optimizer, x)
    data = as_samples(x)[0], as_samples(y)[0]
    batches = _shuffled(data, batch_size, np.random.default_rng(seed))
    rates, losses, smoothed, mean = [], [], [], 0.0
    for step, rate in enumerate(np.geomspace(low, high, steps), 1):
        optimizer.learning_rate = float(rate)
        with np.errstate(over="ignore", invalid="ignore"):  # the end of the test is a blow-up
            loss = model.train_on_batch(*next(batches), return_dict=True)["loss"]
        mean = smoothing * mean + (1 - smoothing) * loss
        corrected = mean / (1 - smoothing**step)
        if not math.isfinite(corrected):
            break
        for values, value in ((rates, rate), (losses, loss), (smoothed, corrected)):
            values.append(value)
        if corrected > BLOWN_UP * min(smoothed):
            break
    if not rates:
        raise ValueError("range_test: expected a finite loss in the first step; use a smaller low")
    arrays = map(np.array, (rates, losses, smoothed))
    return RangeTest(title, type(optimizer).__name__, *arrays, blew_up=len(rates) < steps)


def _shuffled(data, batch_size, rng):
    """Yield batches (x, y) without end."""
    samples = flatten(data[0])[0].shape[0]
    while True:
        order = rng.permutation(samples)
        for begin in range(0, samples, batch_size):
            chosen = order[begin : begin + batch_size]
            yield tuple(map_structure(functools.partial(_take, chosen), part) for part in data)


def _take(chosen, array):
    return array[chosen]


@dataclass(repr=False)
class TunedComparison(Comparison):
    """What ``compare_tuned`` returns: the race, and how each rate was chosen.

    Attributes
    ----------
    measure : str
        What the rates were judged by, on digits held out from training: "accuracy" or "loss".
    held_out, short, long, tuning_seed : int
        How many samples judged the rates, the epochs of the two rounds, and their seed.
    coarse, fine : dict from str to list of [rate, value]
        For each optimizer, what the rates reached in the first and in the second round; None where
        the run did not finish.
    rates : dict from str to float
        What was chosen.
    """

    measure: str = "loss"
    held_out: int = 0
    short: int = 0
    long: int = 0
    tuning_seed: int = 0
    coarse: dict = field(default_factory=dict)
    fine: dict = field(default_factory=dict)
    rates: dict = field(default_factory=dict)

    @property
    def how(self):
        """How the rates were tuned, in sentences, and which lie at the end of the grid."""
        tried = sorted({rate for pairs in self.coarse.values() for rate, _ in pairs})
        told = (
            f"Tuned alike: {len(tried)} rates from {tried[0]:g} to {tried[-1]:g} in trainings of "
            f"length {self.short}, then the best of each rule and its neighbours in trainings of "
            f"length {self.long} (epochs), seed {self.tuning_seed}, judged by the {self.measure} "
            f"on {self.held_out} held-out samples."
        )
        ends = [label for label, rate in self.rates.items() if rate in (tried[0], tried[-1])]
        if ends:
            told += f" At the end of the grid, so perhaps not the best: {', '.join(ends)}."
        return told

    def __repr__(self):
        chosen = ", ".join(f"{label} {rate:g}" for label, rate in self.rates.items())
        return f"{super().__repr__()}\n\n{self.how}\nChosen rates: {chosen}"


def compare_tuned(
    build_model, optimizers, learning_rates, x, y, test_data, held_out=0.1, batch_size=32, epochs=2,
    short=None, seeds=(0, 1, 2, 3, 4), tuning_seed=100, verbose=1, title="data",
):  # fmt: skip
    """Compare optimizers, each at a learning rate that was tuned in the same way for all.

    1. The last samples of the training data are held out; nobody trains on them.
    2. Every rule tries all rates, in a short training.
    3. Its best rate and the two beside it are tried again, for as long as the race: what is best in
       a short training is often too large for a long one.
    4. The best of these races, with several other seeds. Only now the test data are used.

    So nothing that was chosen was chosen by the test data (Choi et al., 2019,
    https://arxiv.org/abs/1910.05446, show how much the tuning decides).

    Parameters
    ----------
    build_model, optimizers, batch_size, epochs, seeds, verbose, title
        As for ``compare``; `epochs` of the race and of the second round.
    learning_rates : iterable of float
        The grid, the same for all; at least three.
    x, y : array_like (n, ...)
        The training data; shuffle them before, if they are in an order.
    test_data : (x, y)
        For the race alone.
    held_out : int, or float below 1
        How many of the training samples judge the rates, or which share of them.
    short : int, optional
        Epochs of the first round. Default: half of `epochs`, at least one.
    tuning_seed : int
        Of both rounds; none of `seeds`.

    Returns
    -------
    TunedComparison

    Raises
    ------
    ValueError
        If the test data lie in the training data's memory, the seed of the tuning races too, or no
        rate of an optimizer works.
    """
    labelled = _by_label(optimizers)
    grid = sorted({float(rate) for rate in learning_rates})
    if len(grid) < 3:
        raise ValueError(f"compare_tuned: expected at least three learning_rates, got {grid}")
    seeds = [int(seed) for seed in seeds]
    if tuning_seed in seeds:
        cure = "the seed that chose the rates must not race"
        raise ValueError(f"compare_tuned: expected tuning_seed outside seeds {seeds}; {cure}")
    epochs = whole_number("compare_tuned", "epochs", epochs, 1)
    short = whole_number("compare_tuned", "short", short or max(1, epochs // 2), 1)
    data = as_samples(x)[0], as_samples(y)[0]
    for given, mine in zip(flatten(list(test_data)), flatten(list(data)), strict=True):
        if np.shares_memory(np.asarray(given), mine):
            cure = "split them first: x[:-1000], x[-1000:]"
            raise ValueError(f"compare_tuned: expected test_data outside of x and y; {cure}")
    samples = flatten(data[0])[0].shape[0]
    count = round(held_out * samples) if held_out < 1 else int(held_out)
    if not 0 < count < samples:
        fault = f"held_out to leave samples on both sides of {samples}, got {held_out!r}"
        raise ValueError(f"compare_tuned: expected {fault}")
    train = map_structure(lambda array: array[: samples - count], data)
    judges = tuple(map_structure(lambda array: array[samples - count :], data))

    shared = {"batch_size": batch_size, "verbose": 0}
    tuning = shared | {"seeds": (tuning_seed,), "validation_data": judges}
    first = sweep(build_model, labelled, grid, *train, epochs=short, **tuning)
    measure = next((n for n in first.names if n.endswith(("accuracy", "acc"))), first.loss_name)
    coarse = {label: _scores(first.runs, label, measure) for label in labelled}
    fine = {}
    for label, given in labelled.items():
        best = grid.index(_best(label, coarse[label], measure))
        nearby = grid[max(best - 1, 0) : best + 2]
        second = sweep(build_model, {label: given}, nearby, *train, epochs=epochs, **tuning)
        fine[label] = _scores(second.runs, label, measure)
    rates = {label: _best(label, scores, measure) for label, scores in fine.items()}
    raced = {label: _at(given, rates[label]) for label, given in labelled.items()}
    race = compare(
        build_model, raced, *train, epochs=epochs, seeds=seeds, validation_data=tuple(test_data),
        title=title, **shared | {"verbose": verbose},
    )  # fmt: skip
    measure = measure.removeprefix("val_")
    how = measure, count, short, epochs, tuning_seed, coarse, fine, rates
    return TunedComparison(race.title, race.samples, batch_size, race.threads, race.runs, *how)


def _scores(runs, label, measure):
    """Pairs [rate, last value of the measure, or None]."""
    return [
        [run.learning_rate, run.epochs[measure][-1] if run.outcome == "finished" else None]
        for run in runs
        if run.optimizer == label
    ]


def _best(label, scores, measure):
    """Return the rate with the best score: the highest accuracy, or the lowest loss."""
    sign = 1 if measure.endswith("loss") else -1
    reached = [(sign * value, rate) for rate, value in scores if value is not None]
    if not reached:
        cure = "add smaller learning_rates"
        raise ValueError(
            f"compare_tuned: expected a rate at which {label} does not diverge; {cure}"
        )
    return min(reached)[1]


def _at(given, rate):
    """Return a function that makes the optimizer with this learning rate."""

    def make():
        optimizer = _new_optimizer(given)
        optimizer.learning_rate = rate
        return optimizer

    return make
