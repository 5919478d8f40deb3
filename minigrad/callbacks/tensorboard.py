"""Logs as TensorBoard reads them."""

import os
import warnings

from minigrad.callbacks.base import Callback
from minigrad.utils.arguments import whole_number
from minigrad.utils.arrays import as_number


class TensorBoard(Callback):
    """Writes logs as TensorBoard's event files, for ``tensorboard --logdir logs``.

    Below `log_dir`, ``train`` gets each epoch's ``epoch_<name>`` and learning rate, ``validation``
    what the logs call ``val_<name>``, and ``evaluation_<name>_vs_iterations``. No other library is
    needed to write them.

    Parameters
    ----------
    log_dir : str or path
        The folder; one for each run, to compare runs.
    histogram_freq : int
        After each that many epochs, how the values of each weight are distributed; 0: never.
    write_graph : bool
        Has no effect: `minigrad.utils.plot_model` draws models.
    update_freq : "epoch", "batch" or int
        Write ``batch_<name>`` too, for every batch or every so many.
    write_images, write_steps_per_second, profile_batch, embeddings_freq, embeddings_metadata
        Are left out, with a warning if one is asked for.
    """

    def __init__(
        self, log_dir="logs", histogram_freq=0, write_graph=True, write_images=False,
        write_steps_per_second=False, update_freq="epoch", profile_batch=0, embeddings_freq=0,
        embeddings_metadata=None,
    ):  # fmt: skip
        self.log_dir = log_dir
        self.histogram_freq = whole_number("TensorBoard", "histogram_freq", histogram_freq)
        if update_freq != "epoch":
            update_freq = 1 if update_freq == "batch" else update_freq
            update_freq = whole_number("TensorBoard", "update_freq", update_freq, 1)
        self.update_freq = update_freq
        asked = {
            "write_images": write_images, "write_steps_per_second": write_steps_per_second,
            "profile_batch": profile_batch, "embeddings_freq": embeddings_freq,
        }  # fmt: skip
        for name in filter(asked.get, asked):
            warnings.warn(
                f"TensorBoard: expected to write numbers and histograms, got {name}="
                f"{asked[name]!r}, which is left out",
                stacklevel=2,
            )
        self._files = {}

    def _file(self, part):
        from minigrad.utils.event_file import EventFile

        if part not in self._files:
            self._files[part] = EventFile(os.path.join(self.log_dir, part))
        return self._files[part]

    def _add(self, part, step, logs):
        found = {name: as_number(value) for name, value in logs.items()}
        numbers = {name: number for name, number in found.items() if number is not None}
        self._file(part).add_numbers(step, numbers)

    def on_train_begin(self, logs=None):
        self._steps = 0

    def on_train_batch_end(self, batch, logs=None):
        self._steps += 1
        if self.update_freq != "epoch" and self._steps % self.update_freq == 0:
            named = {f"batch_{name}": value for name, value in logs.items()}
            self._add("train", self._steps, named)

    def on_epoch_end(self, epoch, logs=None):
        parts = {"train": {"epoch_learning_rate": float(self.model.optimizer.learning_rate)}}
        for name, value in logs.items():
            part = "validation" if name.startswith("val_") else "train"
            parts.setdefault(part, {})[f"epoch_{name.removeprefix('val_')}"] = value
        for part, named in parts.items():
            self._add(part, epoch, named)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            weights = {f"{weight.path}/histogram": weight.numpy() for weight in self.model.weights}
            self._file("train").add_histograms(epoch, weights)

    def on_test_end(self, logs=None):
        named = {f"evaluation_{name}_vs_iterations": value for name, value in logs.items()}
        self._add("validation", int(self.model.optimizer.iterations), named)

    def on_train_end(self, logs=None):
        self.release()

    def release(self):
        while self._files:
            self._files.popitem()[1].close()
