"""Callbacks that watch one number of the logs: is it the best so far, does it still improve?"""

import math
import os
import warnings

from minigrad.callbacks.base import Callback
from minigrad.utils.arguments import checked_number, whole_number
from minigrad.utils.arrays import as_number
from minigrad.utils.old_arguments import Logs, other_log


class _Monitor(Callback):
    """Base of the callbacks that watch one number of the logs.

    Better means less (mode "min") or greater ("max") than the reference by more than `min_delta`;
    "auto" takes the direction of the metric. NaN is never better.
    """

    set_first = "monitor"

    def __init__(self, monitor, mode, min_delta=0.0, verbose=0):
        if mode not in ("auto", "min", "max"):
            fault = f"{type(self).__name__} mode {mode!r} is unknown"
            warnings.warn(f"{fault}; expected 'auto', 'min' or 'max', took 'auto'", stacklevel=3)
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(checked_number(self, "min_delta", min_delta, "(-inf, inf)"))
        self.verbose = verbose
        self.best = None

    def read(self, logs, purpose):
        """Return the monitored number, or None with a warning that begins with `purpose`.

        Raises
        ------
        TypeError
            If a callback put there what is no number.
        ValueError
            If which way is better is neither given nor known.
        """
        is_logged = self.is_logged(logs)
        self._find_mode()  # also of a number that is not there, as in Keras
        if not is_logged:
            warnings.warn(
                f"{purpose} metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs)}",
                stacklevel=3,
            )
            return None
        return self._number(logs)

    def is_logged(self, logs):
        """Whether the monitored number is there, if need be as "accuracy" for "acc"."""
        other = other_log(self.monitor)
        if self.monitor not in logs and other in logs:
            message = f"{type(self).__name__}: {self.monitor!r} is called {other!r} here"
            warnings.warn(message, FutureWarning, stacklevel=3)
            self.monitor = other
        return self.monitor in logs

    def _number(self, logs):
        number = as_number(logs[self.monitor])
        if number is None:
            title, got = type(self).__name__, logs[self.monitor]
            raise TypeError(f"{title}: expected a number in logs[{self.monitor!r}], got {got!r}")
        return number

    def is_better(self, value, reference):
        mode = self._find_mode()
        if reference is None:
            return not math.isnan(value)
        if mode == "max":
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def _find_mode(self):
        modes = {"up": "max", "down": "min"}
        metrics = getattr(self.model, "metrics", ())
        known = {metric.name: modes.get(getattr(metric, "direction", None)) for metric in metrics}
        known |= {"loss": "min"}
        mode = known.get(self.monitor.removeprefix("val_")) if self.mode == "auto" else self.mode
        if mode is None:
            hint = f"known are {', '.join(name for name in known if known[name])}"
            fault = f"got 'auto' for {self.monitor} of unknown direction; {hint}"
            raise self._error(f"mode='max' or mode='min', {fault}")
        return mode

    def _whole(self, name, value, least=0):
        """Return a constructor's argument as an int, or raise an error that names it."""
        return whole_number(type(self).__name__, name, value, least)

    def _say(self, message):
        if self.verbose > 0:
            print(message, flush=True)

    def _error(self, expected):
        return ValueError(f"{type(self).__name__}: expected {expected}")


class EarlyStopping(_Monitor):
    """Stops training when the monitored number no longer improves.

    Parameters
    ----------
    monitor : str
        A name in the epoch's logs.
    min_delta : float
        The least change that counts as an improvement.
    patience : int
        The number of epochs without improvement after which to stop.
    verbose : {0, 1}
        Whether to print it.
    mode : {"auto", "min", "max"}
        Whether smaller or larger is better; "auto" asks the metric.
    baseline : float, optional
        Only an improvement that also beats this restarts the count.
    restore_best_weights : bool
        Restore the weights of the best epoch at the end of training.
    start_from_epoch : int
        Epochs before this one are ignored.
    """

    def __init__(
        self, monitor="val_loss", min_delta=0, patience=0, verbose=0, mode="auto",
        baseline=None, restore_best_weights=False, start_from_epoch=0,
    ):  # fmt: skip
        super().__init__(monitor, mode, min_delta, verbose)
        self.patience = self._whole("patience", patience)
        if baseline is not None:
            baseline = checked_number(self, "baseline", baseline, "[-inf, inf]")
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = self._whole("start_from_epoch", start_from_epoch)
        self.on_train_begin()

    def on_train_begin(self, logs=None):
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights = None

    def on_epoch_end(self, epoch, logs=None):
        current = self.read(logs, "Early stopping conditioned on")
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.is_better(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.is_better(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:  # the first has nothing to beat
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.stopped_epoch > 0:
            self._say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            best = self.best_epoch + 1
            self._say(f"Restoring model weights from the end of the best epoch: {best}.")
            self.model.set_weights(self.best_weights)


WEIGHTS = ".weights.npz", ".weights.h5", ".safetensors"


class ModelCheckpoint(_Monitor):
    """Saves the model every epoch, every so many batches, or when it is the best so far.

    Parameters
    ----------
    filepath : str or path
        Ends in ".keras" or ".h5"; for weights alone in ".weights.npz", ".weights.h5" or
        ".safetensors". May contain `{epoch:02d}` (from 1), `{batch}` (from 1, with an int
        `save_freq`) and the names in the logs, as in `{val_loss:.4f}`.
    monitor : str
        A name in the logs, for `save_best_only`.
    verbose : {0, 1}
        Whether to print each saving.
    save_best_only : bool
        Save only when the monitored number is the best so far.
    save_weights_only : bool
        Save the weights and the state of the optimizer, not how the model is made.
    mode : {"auto", "min", "max"}
        Whether smaller or larger is better; "auto" asks the metric.
    save_freq : "epoch" or int
        Save after each epoch, or after that many batches.
    initial_value_threshold : float, optional
        What the monitored number must beat first.
    """

    def __init__(
        self, filepath, monitor="val_loss", verbose=0, save_best_only=False,
        save_weights_only=False, mode="auto", save_freq="epoch", initial_value_threshold=None,
    ):  # fmt: skip
        super().__init__(monitor, mode, verbose=verbose)
        self.filepath = os.fspath(filepath)
        endings = WEIGHTS if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            expected = f"a filepath that ends in {' or '.join(endings)}"
            where = f"with save_weights_only={save_weights_only}"
            raise self._error(f"{expected} {where}, got {self.filepath!r}")
        self.save_weights_only = save_weights_only
        self.initial_value_threshold = initial_value_threshold
        if save_freq != "epoch":
            save_freq = self._whole("save_freq 'epoch' or", save_freq, 1)
        if initial_value_threshold is not None:
            checked_number(self, "initial_value_threshold", initial_value_threshold, "[-inf, inf]")
        self.save_best_only = save_best_only
        self.save_freq = save_freq
        self.best = initial_value_threshold
        self.epoch = 0
        self.batches = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        if self.save_freq != "epoch" and self.batches % self.save_freq == 0:
            self._save_if_wanted({"batch": batch + 1, **logs})

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save_if_wanted(logs)

    def _save_if_wanted(self, logs):
        values = {"epoch": self.epoch + 1, **logs}
        try:
            path = self.filepath.format_map(Logs(values))
        except KeyError as error:
            names = ", ".join(values)
            raise self._error(f"names among {names} in filepath, got {self.filepath!r}") from error
        begin = f"\nEpoch {self.epoch + 1}:"
        if not self.save_best_only:
            self._say(f"{begin} saving model to {path}")
        elif not self.is_logged(logs) and self._find_mode():
            message = f"Can save best model only with {self.monitor} available."
            warnings.warn(message, stacklevel=3)
        else:
            current = self._number(logs)
            best = "None" if self.best is None else f"{self.best:.5f}"
            if not self.is_better(current, self.best):
                self._say(f"{begin} {self.monitor} did not improve from {best}")
                return
            improvement = f"{self.monitor} improved from {best} to {current:.5f}"
            self._say(f"{begin} {improvement}, saving model to {path}")
            self.best = current
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)


class ReduceLROnPlateau(_Monitor):
    """Lowers the learning rate when the monitored number no longer improves.

    Parameters
    ----------
    monitor : str
        A name in the epoch's logs.
    factor : float
        New rate over old rate, below 1.
    patience : int
        The number of epochs without improvement after which to lower it.
    verbose : {0, 1}
        Whether to print it.
    mode : {"auto", "min", "max"}
        Whether smaller or larger is better; "auto" asks the metric.
    min_delta : float
        The least change that counts as an improvement.
    cooldown : int
        The number of epochs to wait after a reduction before counting again.
    min_lr : float
        The lowest rate.
    """

    def __init__(
        self, monitor="val_loss", factor=0.1, patience=10, verbose=0, mode="auto",
        min_delta=1e-4, cooldown=0, min_lr=0.0,
    ):  # fmt: skip
        super().__init__(monitor, mode, min_delta, verbose)
        self.factor = checked_number(self, "factor", factor, "[0, 1)")
        self.patience = self._whole("patience", patience)
        self.cooldown = self._whole("cooldown", cooldown)
        self.min_lr = checked_number(self, "min_lr", min_lr, "[0, inf)")
        self.on_train_begin()

    def on_train_begin(self, logs=None):
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0  # epochs still to wait

    def on_epoch_end(self, epoch, logs=None):
        rate = logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self.read(logs, "Learning rate reduction is conditioned on")
        if current is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
        if self.is_better(current, self.best):
            self.best = current
            self.wait = 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                rate = max(rate * self.factor, self.min_lr)
                self.model.optimizer.learning_rate = rate
                begin = f"\nEpoch {epoch + 1}: ReduceLROnPlateau"
                self._say(f"{begin} reducing learning rate to {rate}.")
                self.cooldown_counter = self.cooldown
                self.wait = 0
