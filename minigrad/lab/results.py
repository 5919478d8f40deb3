"""The results of `compare` and `sweep`: numbers, shown as tables and pictures, saved in files."""

import csv
import itertools
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from minigrad import plots
from minigrad.lab.text import table, wrapped
from minigrad.utils.files import replacing

TIMES = ("seconds", "processor_seconds")  # of the training so far, in every record


@dataclass
class Run:
    """One training: one optimizer with one seed. All numbers in it are finite.

    Attributes
    ----------
    optimizer : str
        Its label.
    seed : int
    learning_rate : float
        Of the first step.
    outcome : {"finished", "diverged", "failed", "interrupted"}
    detail : str
        What happened, and where, if it diverged or failed.
    steps : dict from str to list
        The training: "step" (from 1), the times so far, "loss" and the metrics as means since the
        previous point. Points are the first step, and then twenty steps an epoch, or all steps of
        an epoch that has fewer.
    epochs : dict from str to list
        The whole epochs: "epoch" (from 1), the times so far, and what ``History`` records.
        Times count the training alone, without validation: "seconds" by the wall's clock, and
        "processor_seconds" of all threads together, which neighbours on the machine disturb less.
    rule : str
        By which pictures choose the color: "SGD", "momentum", "Adam", ...; "" is the label.
    """

    optimizer: str
    seed: int
    learning_rate: float
    outcome: str = "interrupted"  # until something else is known
    detail: str = ""
    steps: dict = field(default_factory=dict)
    epochs: dict = field(default_factory=dict)
    rule: str = ""

    @property
    def names(self):
        """What is measured at an epoch's end: "val_loss", ..., or without validation "loss"."""
        names = [name for name in self.epochs if name not in ("epoch", *TIMES)]
        return [name for name in names if name.startswith("val_")] or names

    def __str__(self):
        text = f"{self.optimizer}, lr {self.learning_rate:g}, seed {self.seed}: "
        if self.outcome != "finished":
            return text + self.outcome + (f" ({self.detail})" if self.detail else "")
        last = {name: values[-1] for name, values in self.epochs.items()}
        numbers = [f"{name} {last[name]:.4f}" for name in self.names]
        return text + ", ".join([*numbers, f"{last['seconds']:.1f} s"])


@dataclass(repr=False)
class Results:
    """Runs, and what is common to them.

    Attributes
    ----------
    title : str
        The name of the data.
    samples, batch_size, threads : int
    runs : list of Run
        In the order in which they were made.
    """

    title: str
    samples: int
    batch_size: int
    threads: int
    runs: list

    @property
    def labels(self):
        """The optimizers' labels, in the order in which they were given."""
        return list(dict.fromkeys(run.optimizer for run in self.runs))

    @property
    def names(self):
        """What is measured at an epoch's end: "val_loss", ..., or without validation "loss"."""
        return next((run.names for run in self.runs if run.epochs), ["loss"])

    @property
    def loss_name(self):
        return "val_loss" if "val_loss" in self.names else "loss"

    @property
    def headline(self):
        """The data, and the facts that all runs share."""
        seeds = len({run.seed for run in self.runs})
        facts = f"{self.samples} samples, batches of {self.batch_size}"
        return f"{self.title}: {facts}, seeds: {seeds}, threads: {self.threads}"

    def save(self, path):
        """Write a file, which appears whole or not at all.

        Parameters
        ----------
        path : str or path
            Ends in ".json", which keeps everything for ``load``, or in ".csv", which has one row
            for each epoch, or for a run without any.
        """
        write = {".json": self._write_json, ".csv": self._write_csv}.get(Path(path).suffix)
        if write is None:
            raise ValueError(f"save: expected a name in .json or .csv, got {str(path)!r}")
        with replacing(path) as part, open(part, "w", encoding="utf-8", newline="") as file:
            write(file)

    def _write_json(self, file):
        json.dump({"kind": type(self).__name__, **asdict(self)}, file, allow_nan=False)

    def _write_csv(self, file):
        about = ["optimizer", "seed", "learning_rate", "outcome", "detail"]
        measured = dict.fromkeys(name for run in self.runs for name in run.epochs)
        writer = csv.DictWriter(file, [*about, *measured])
        writer.writeheader()
        for run in self.runs:
            facts = {name: getattr(run, name) for name in about}
            for epoch in list(zip(*run.epochs.values(), strict=True)) or [()]:
                writer.writerow(facts | dict(zip(run.epochs, epoch, strict=False)))

    @classmethod
    def load(cls, path):
        """Read a JSON file that ``save`` wrote; ValueError if it is something else."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content.pop("kind") != cls.__name__:
                raise KeyError("kind")
            runs = [Run(**run) for run in content.pop("runs")]
            return cls(**content, runs=runs)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            fault = f"a JSON file that {cls.__name__}.save wrote, got {str(path)!r}"
            raise ValueError(f"load: expected {fault}") from error


class Comparison(Results):
    """What ``compare`` returns; ``print`` shows it as tables."""

    def runs_of(self, label):
        """Return the optimizer's finished runs, or all its runs if none finished."""
        runs = [run for run in self.runs if run.optimizer == label]
        return [run for run in runs if run.outcome == "finished"] or runs

    def means(self, label, name):
        """Return the mean over the seeds after each epoch, for example of "val_loss"."""
        seeds = [run.epochs.get(name, []) for run in self.runs_of(label)]
        epochs = itertools.zip_longest(*seeds, fillvalue=math.nan)  # some runs may have fewer
        return [float(np.nanmean(values)) for values in epochs]

    def __repr__(self):
        tables = [self._epoch_table(name) for name in self.names]
        stopped = _lines(run for run in self.runs if run.outcome != "finished")
        parts = [self.headline, *tables, self._last_table(), stopped]
        return "\n\n".join(filter(None, parts))

    def _epoch_table(self, name):
        columns = [[label, *map(number, self.means(label, name))] for label in self.labels]
        rows = itertools.zip_longest(*columns, fillvalue="-")
        lines = [[str(epoch or ""), *row] for epoch, row in enumerate(rows)]
        return f"{name} after each epoch, mean over the seeds\n{table(lines)}"

    def _last_table(self):
        all_runs = [run.epochs for run in self.runs if run.epochs]
        time = TIMES[all(TIMES[1] in run for run in all_runs)]  # the processor's, if it was noted
        rows = [["", *self.names, f"lowest {self.loss_name}", time.replace("_", " ")]]
        for label in self.labels:
            runs = [run.epochs for run in self.runs_of(label) if run.epochs]
            row = [_mean_and_deviation([run[name][-1] for run in runs]) for name in self.names]
            row.append(_mean_and_deviation([min(run[self.loss_name]) for run in runs]))
            row.append(_mean_and_deviation([run[time][-1] for run in runs], "{:.1f}".format))
            rows.append([label, *row])
        return f"after the last epoch, mean ± standard deviation\n{table(rows)}"

    def plot(self):
        """Return the Figure of ``minigrad.plots.draw_comparison``."""
        return plots.draw_comparison(self)


class Sweep(Results):
    """What ``sweep`` returns; ``print`` shows it as a table."""

    @property
    def learning_rates(self):
        """All learning rates in rising order."""
        return sorted({run.learning_rate for run in self.runs})

    @property
    def untrained_loss(self):
        """The loss in the first step, before any update; the largest of all seeds'."""
        return max((run.steps["loss"][0] for run in self.runs if run.steps), default=math.inf)

    def final_losses(self, label):
        """Return the optimizer's losses after the last epoch.

        Returns
        -------
        array (learning rates, seeds)
            inf where it diverged, nan where a run is missing or did not finish.
        """
        seeds = sorted({run.seed for run in self.runs})
        losses = np.full((len(self.learning_rates), len(seeds)), math.nan)
        for run in self.runs:
            if run.optimizer == label:
                place = self.learning_rates.index(run.learning_rate), seeds.index(run.seed)
                if run.outcome == "finished":
                    losses[place] = run.epochs[self.loss_name][-1]
                elif run.outcome == "diverged":
                    losses[place] = math.inf
        return losses

    def __repr__(self):
        columns = [["", *(f"{rate:.3g}" for rate in self.learning_rates)]]
        for label in self.labels:
            columns.append([label, *map(number, self.final_losses(label).mean(axis=1))])
        numbers = table(zip(*columns, strict=True))
        title = f"{self.loss_name} after the last epoch, for each learning rate (×: diverged)"
        stopped = _lines(run for run in self.runs if run.outcome in ("failed", "interrupted"))
        parts = [self.headline, f"{title}\n{numbers}", stopped]
        return "\n\n".join(filter(None, parts))

    def plot(self):
        """Return the Figure of ``minigrad.plots.draw_sweep``."""
        return plots.draw_sweep(self)


def number(value):
    """Return a number as text of few characters: "×" for inf, "-" for nan."""
    if math.isfinite(value):
        return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.1e}"
    return "-" if math.isnan(value) else "×"


def _lines(runs):
    """The runs, one a line, wrapped to the terminal's width."""
    return "\n".join(part for run in runs for part in wrapped(str(run), indent=4))


def _mean_and_deviation(values, as_text=number):
    deviation = f" ± {as_text(np.std(values, ddof=1))}" if len(values) > 1 else ""
    return as_text(np.mean(values)) + deviation if values else "-"
