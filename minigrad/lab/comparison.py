"""Compare optimizers fairly: each gets the same initial weights, batches and dropout masks.

All three come from minigrad's default generator, which is seeded before each training: a run is,
bit for bit, what `set_random_seed(seed)`, `build_model(optimizer)` and `fit` make by themselves,
with `model.build` in between where `build_model` makes no weights yet.
"""

import copy
import math
import time

import numpy as np

from minigrad import kernels, random
from minigrad.callbacks import Callback
from minigrad.lab.results import TIMES, Comparison, Run, Sweep
from minigrad.lab.surfaces import rule_of
from minigrad.optimizers import get as get_optimizer
from minigrad.utils.batches import as_samples
from minigrad.utils.naming import clear_session
from minigrad.utils.structures import flatten, map_structure

POINTS_PER_EPOCH = 20  # of the curves by step


def compare(
    build_model, optimizers, x, y, batch_size=32, epochs=1, verbose=1, validation_data=None,
    seeds=(0, 1, 2), title="data",
):  # fmt: skip
    """Train the same model with each optimizer, from the same weights, on the same batches.

    All optimizers train with the first seed, then all with the second, and so on: if the computer
    becomes slower, it does so for all of them.

    A run whose loss or metrics are no longer finite ends as "diverged", one that raises an error as
    "failed" (unless all optimizers do), and the others go on. Ctrl-C ends the training, not the
    program: the results so far are returned.

    The default generators stay seeded, as after ``set_random_seed``.

    Parameters
    ----------
    build_model : callable
        ``build_model(optimizer)`` returns a new model that is compiled with the optimizer.
    optimizers : list, or dict from label to optimizer
        Each is a name, a class, a config, an instance (only copies of it are trained), or a
        function without arguments that makes one.
    x, y : array_like (n, ...), or a list or dict of several
    batch_size, epochs, validation_data
        As for ``Model.fit``.
    verbose : {0, 1}
        Whether to print a line after each run.
    seeds : iterable of int
        Each optimizer trains once with each seed.
    title : str
        The name of the data, shown over tables and pictures.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If an optimizer is unknown or has trained before, or ``build_model`` does not use it, or
        does not always make the same initial weights.
    """
    jobs = [(label, given, None) for label, given in _by_label(optimizers).items()]
    fit = {"batch_size": batch_size, "epochs": epochs, "validation_data": validation_data}
    runs = _train_all(build_model, jobs, seeds, verbose, x, y, fit)
    return Comparison(title, _count_samples(x), batch_size, kernels.get_num_threads(), runs)


def sweep(
    build_model, optimizers, learning_rates, x, y, batch_size=32, epochs=1, verbose=1,
    validation_data=None, seeds=(0,), title="data",
):  # fmt: skip
    """Train with each optimizer and learning rate, as fairly as ``compare``: how robust is each?

    Parameters
    ----------
    learning_rates : iterable of float
    build_model, optimizers, x, y, batch_size, epochs, verbose, validation_data, seeds, title
        As for ``compare``.

    Returns
    -------
    Sweep
    """
    labelled = _by_label(optimizers).items()
    jobs = [(*item, float(rate)) for rate in learning_rates for item in labelled]
    fit = {"batch_size": batch_size, "epochs": epochs, "validation_data": validation_data}
    runs = _train_all(build_model, jobs, seeds, verbose, x, y, fit)
    return Sweep(title, _count_samples(x), batch_size, kernels.get_num_threads(), runs)


def _by_label(optimizers):
    """Return {label: optimizer as given}, after a check of each."""
    if not isinstance(optimizers, dict):
        given = list(optimizers)
        names = [type(_new_optimizer(one)).__name__ for one in given]
        optimizers = dict(zip(names, given, strict=True))
        if len(optimizers) < len(given):
            raise ValueError(
                f"compare: expected different optimizers, got {', '.join(names)}; "
                "write {label: optimizer, ...} to compare two of a kind"
            )
    for given in optimizers.values():
        _new_optimizer(given)
    return optimizers


def _new_optimizer(given):
    """Return a new optimizer that has not trained."""
    optimizer = get_optimizer(given() if callable(given) else given)
    if optimizer is None or optimizer.built:
        raise ValueError(f"compare: expected an optimizer that has not trained, got {optimizer!r}")
    return copy.deepcopy(optimizer)


def _train_all(build_model, jobs, seeds, verbose, x, y, fit):
    """Train each job (label, optimizer, learning rate or None) with each seed; return the runs."""
    runs = []
    try:
        for seed in seeds:
            hashes, errors = set(), []
            for label, given, learning_rate in jobs:
                random.set_random_seed(seed)
                clear_session(free_memory=False)  # each model has the same names
                optimizer = _new_optimizer(given)
                if learning_rate is not None:
                    optimizer.learning_rate = learning_rate
                model = _build(build_model, optimizer, x)
                hashes.add(model.weights_hash())
                if len(hashes) > 1:
                    fault = f"the same initial weights each time, got others for {label}"
                    raise ValueError(f"build_model: expected {fault}")
                run = Run(label, seed, float(optimizer.learning_rate), rule=rule_of(optimizer))
                runs.append(run)
                errors += _train(run, model, x, y, fit)
                if verbose:
                    print(run, flush=True)
            if len(errors) == len(jobs) > 0:  # most likely the model's or the data's fault
                raise errors[0]
    except KeyboardInterrupt:
        print("Interrupted: going on with the runs so far.", flush=True)
    return runs


def _count_samples(x):
    return flatten(as_samples(x)[0])[0].shape[0]


def _build(build_model, optimizer, x):
    model = build_model(optimizer)
    if model.optimizer is not optimizer:
        fault = f"a model compiled with the {type(optimizer).__name__} that it is given"
        raise ValueError(f"build_model: expected {fault}, got {model.optimizer!r}")
    model.build(map_structure(lambda array: (None, *array.shape[1:]), as_samples(x)[0]))
    return model


def _train(run, model, x, y, fit):
    """Fill in the run; return a list of the error that ended it, empty if there was none."""
    recorder = _Recorder(run, _count_samples(x), fit["batch_size"])
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # the run records that it diverged
            model.fit(x, y, verbose=0, callbacks=[recorder], **fit)
    except Exception as error:
        run.outcome = "failed"
        run.detail = f"{type(error).__name__} after {recorder.step} steps: {error}"
        return [error]
    if run.outcome != "diverged":
        run.outcome = "finished"
    return []


class _Recorder(Callback):
    """Fills in a run while it trains, and ends it when a number is no longer finite."""

    def __init__(self, run, samples, batch_size):
        self.run = run
        self.samples = samples
        self.batch_size = batch_size
        self.step = 0
        self.clocks = np.zeros(2)

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = _read_clocks() - self.clocks  # excludes the validation before
        self.seen, self.sums = 0, {}

    def on_train_batch_end(self, batch, logs=None):
        self.clocks = _read_clocks() - self.begin
        self.step += 1
        steps = self.params["steps"]
        is_regular = (batch + 1) % math.ceil(steps / POINTS_PER_EPOCH) == 0
        if self._diverges(logs) or not (is_regular or self.step == 1 or batch + 1 == steps):
            return
        # The logs are means over the epoch so far: subtract the sums at the previous point.
        seen = min((batch + 1) * self.batch_size, self.samples)
        sums = {name: mean * seen for name, mean in logs.items()}
        means = {n: (sums[n] - self.sums.get(n, 0.0)) / (seen - self.seen) for n in sums}
        self.seen, self.sums = seen, sums
        _append(self.run.steps, step=self.step, **self._times(), **means)

    def on_epoch_end(self, epoch, logs=None):
        if not self._diverges(logs):
            _append(self.run.epochs, epoch=epoch + 1, **self._times(), **logs)

    def _times(self):
        return dict(zip(TIMES, self.clocks, strict=True))

    def _diverges(self, logs):
        wrong = [name for name, value in logs.items() if not math.isfinite(value)]
        if wrong and self.run.outcome != "diverged":
            self.run.outcome = "diverged"
            self.run.detail = f"{wrong[0]} is {logs[wrong[0]]} after {self.step} steps"
            self.model.stop_training = True
        return bool(wrong)


def _read_clocks():
    """Return what the wall's clock and the processor's show, in seconds, in the order of TIMES."""
    return np.array([time.perf_counter(), time.process_time()])


def _append(lists, **values):
    for name, value in values.items():
        lists.setdefault(name, []).append(value if isinstance(value, int) else float(value))
