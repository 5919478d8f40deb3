"""Callbacks: code that runs around training, to record, print, save, adapt the learning rate, stop.

`fit`, `evaluate` and `predict` call the hooks of each callback. Your own callback is a class that
defines the hooks it needs.
"""

import contextlib
import csv
import inspect
import io
import math
import os
import warnings
import weakref

import numpy as np

from minigrad.saving.checkpoint import Checkpoint
from minigrad.saving.state import AS_GIVEN, attributes_of, can_keep, set_attributes
from minigrad.utils.arguments import Described, checked_number, whole_number
from minigrad.utils.arrays import as_number
from minigrad.utils.files import FolderLock, append, find_target, lock
from minigrad.utils.naming import unique_name
from minigrad.utils.old_arguments import Logs, other_log
from minigrad.utils.old_names import lookup
from minigrad.utils.progbar import Progress, can_redraw
from minigrad.utils.variable import Variable


class Callback(Described):
    """Base of the callbacks. Every hook does nothing until a subclass defines it.

    `epoch` and `batch` count from 0. `logs` is a dict from name to number: for a batch the running
    means of its epoch, for an epoch also the validation's (`val_<name>`), in training and testing.
    All callbacks share the epoch's dict: what one adds to it, of any type, is recorded and printed.

    Attributes
    ----------
    model : Sequential
        The model at work. Setting `model.stop_training = True` ends training after the batch.
    params : dict
        `verbose`, `epochs`, and `steps` (an epoch's batches; None if unknown).
    """

    model = None
    params = None
    comes_last = False  # whether its hooks are called after those of all others

    def get_state(self):
        """Return what it counted and remembers, a dict, for `BackupAndRestore` and `Checkpoint`.

        By default its attributes: numbers, texts, arrays, lists, tuples, sets and dicts of such,
        generators of random numbers, and models; nothing else. What a file cannot keep, another
        class returns in another form here, and takes back in `set_state`.
        """
        return attributes_of(self)

    def set_state(self, state):
        """Restore what `get_state` returned."""
        set_attributes(self, state)

    def set_model(self, model):
        self.model = model

    def set_params(self, params):
        self.params = params

    def on_train_begin(self, logs=None):
        """Do something before `fit` begins."""

    def on_train_end(self, logs=None):
        """Do something when `fit` ends, also by Ctrl-C, but not by an error."""

    def resume(self, data, callbacks, epoch):
        """Return where an earlier run stopped, as (epoch, batches of it that are done), or None.

        Called before the first epoch with ``epoch=None``, and again at the beginning of each.

        Parameters
        ----------
        data : list of Batches
            To train on, and to validate with if there are such.
        callbacks : CallbackList
        epoch : int or None
        """

    def release(self):
        """Free what the callback holds; called at the very end of `fit`, also after an error."""

    def on_epoch_begin(self, epoch, logs=None):
        """Do something before an epoch of `fit`."""

    def on_epoch_end(self, epoch, logs=None):
        """Do something after an epoch and its validation."""

    def on_train_batch_begin(self, batch, logs=None):
        """Do something before a training step. Default: call `on_batch_begin`."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        """Do something after a training step. Default: call `on_batch_end`."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch, logs=None):
        """Do something before a training step (an older name)."""

    def on_batch_end(self, batch, logs=None):
        """Do something after a training step (an older name)."""

    def on_test_begin(self, logs=None):
        """Do something before `evaluate`, or before the validation of `fit`."""

    def on_test_end(self, logs=None):
        """Do something after `evaluate`, or after the validation of `fit`."""

    def on_test_batch_begin(self, batch, logs=None):
        """Do something before a batch is evaluated."""

    def on_test_batch_end(self, batch, logs=None):
        """Do something after a batch was evaluated."""

    def on_predict_begin(self, logs=None):
        """Do something before `predict`."""

    def on_predict_end(self, logs=None):
        """Do something after `predict`."""

    def on_predict_batch_begin(self, batch, logs=None):
        """Do something before a batch is predicted."""

    def on_predict_batch_end(self, batch, logs=None):
        """Do something after a batch was predicted; `logs` has its `outputs`."""


HOOKS = [name for name in vars(Callback) if name.startswith("on_")]
OLDER_NAMES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class CallbackList:
    """The callbacks of one call of `fit`, `evaluate` or `predict`, called one after the other.

    Only the hooks that a callback defines are called: the others cost nothing. In a loop of one's
    own: ``callbacks = CallbackList(callbacks, model=model, add_history=True, epochs=3)``, then
    ``callbacks.on_epoch_begin(0)`` and so on.

    Parameters
    ----------
    callbacks : list of Callback
    model : Model
    params : dict, optional
        What the callbacks get as their `params`; also as ``**others``.
    add_history, add_progbar : bool
        Whether to add a `History`, which is then ``model.history``, and a `ProgbarLogger`, if there
        is none.

    Raises
    ------
    TypeError
        If one is not an instance of `Callback`.
    """

    def __init__(
        self, callbacks=None, model=None, params=None, *, add_history=False, add_progbar=False,
        **others,
    ):  # fmt: skip
        callbacks, params = list(callbacks or ()), {**(params or {}), **others}
        for kind, wanted in ((History, add_history), (ProgbarLogger, add_progbar)):
            if wanted and not any(isinstance(callback, kind) for callback in callbacks):
                callbacks.append(kind())
        if add_history:
            model.history = next(c for c in callbacks if isinstance(c, History))
        self.callbacks = callbacks = sorted(callbacks, key=lambda c: getattr(c, "comes_last", 0))
        self.hooks = {name: [] for name in HOOKS}
        for callback in callbacks:
            if not isinstance(callback, Callback):
                is_class = isinstance(callback, type) and issubclass(callback, Callback)
                cure = f"; write {callback.__name__}()" if is_class else ""
                raise TypeError(
                    f"callbacks: expected an instance of Callback each, got {callback!r}{cure}"
                )
        for callback in callbacks:
            callback.set_params(params)
            callback.set_model(model)
            for name in HOOKS:
                if _defines(callback, name) or _defines(callback, OLDER_NAMES.get(name)):
                    self.hooks[name].append(getattr(callback, name))

    def call(self, hook, *arguments):
        if hook == "on_train_end":
            _call_all(self.hooks[hook], *arguments)
            return
        for method in self.hooks[hook]:
            method(*arguments)

    def get_state(self):
        """Return what each callback counted and remembers, by its class."""
        return {name: callback.get_state() for name, callback in self._stateful().items()}

    def set_state(self, state):
        """Restore what `get_state` returned; warn of callbacks that it does not know."""
        for name, callback in self._stateful().items():
            if name in state:
                callback.set_state(state[name])
            elif any(kept != AS_GIVEN for kept in callback.get_state()):
                message = f"callbacks: expected {', '.join(state)} as in the run before, got {name}"
                warnings.warn(f"{message}, which begins anew", stacklevel=2)

    def _stateful(self):
        named = {}
        for callback in self.callbacks:
            if not isinstance(callback, (BackupAndRestore, ProgbarLogger)):
                named[unique_name(type(callback).__name__, named)] = callback
        return named

    def __getattr__(self, hook):
        if hook not in HOOKS:
            raise AttributeError(f"CallbackList: expected a hook ({', '.join(HOOKS)}), got {hook}")
        names = list(inspect.signature(getattr(Callback, hook)).parameters)[1:]  # without self

        def run(*arguments, **named):
            given = dict(zip(names, arguments, strict=False)) | named
            self.call(hook, *(given.get(name) for name in names))

        return run

    def resume(self, data, epoch=None):
        """Ask each callback where to go on; return the epoch, and how many batches are done.

        Parameters
        ----------
        data : list of Batches
        epoch : int, optional
            The epoch that has begun; None before the first.
        """
        places = [callback.resume(data, self, epoch) for callback in self.callbacks]
        return next((place for place in places if place is not None), (None, 0))

    def release(self):
        _call_all([callback.release for callback in self.callbacks])

    def need(self, hook):
        """Whether a callback defines this hook."""
        return bool(self.hooks[hook])


def _call_all(methods, *arguments):
    """Call all, also if one raises an error, which is raised at the end."""
    with contextlib.ExitStack() as stack:
        for method in reversed(methods):  # the stack calls the last one first
            stack.callback(method, *arguments)


def _defines(callback, name):
    method = getattr(callback, name or "", None)
    return method is not None and getattr(method, "__func__", None) is not vars(Callback)[name]


class History(Callback):
    """Records the epochs of one `fit`, which returns it; also `model.history`.

    Attributes
    ----------
    history : dict from str to list
        For each name in the logs its values, one an epoch.
    epoch : list of int
        The epochs' numbers, from 0.
    model : Model or None
        Held weakly, since it holds its history: a model that is dropped is freed at once.
    """

    _model = None
    model = property(lambda self: self._model and self._model())

    def __init__(self):
        self.history = Logs()
        self.epoch = []

    def _shown(self):
        recorded = vars(self).get("history", {})
        last = {name: values[-1] for name, values in recorded.items()}
        return {"epochs": len(vars(self).get("epoch", ()))} | last

    def set_state(self, state):
        self.epoch[:] = state["epoch"]
        self.history.clear()
        self.history.update(state["history"])

    def get_state(self):
        history = {n: values for n, values in self.history.items() if can_keep(values)}
        if len(history) < len(self.history):
            names = ", ".join(name for name in self.history if name not in history)
            warnings.warn(f"History: expected numbers or text to keep, got {names}", stacklevel=2)
        return {"epoch": self.epoch, "history": history}

    def set_model(self, model):
        self._model = weakref.ref(model)

    def __getstate__(self):  # of copies, which belong to no model
        return {name: value for name, value in vars(self).items() if name != "_model"}

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            # A copy: a learning rate, for one, is an array that changes in place.
            value = value.copy() if isinstance(value, np.ndarray) else value
            self.history.setdefault(name, []).append(value)


class ProgbarLogger(Callback):
    """Prints the progress of `fit`, `evaluate` and `predict`; added by `verbose`."""

    def __init__(self):
        self.in_fit = False
        self.progress = None

    def on_train_begin(self, logs=None):
        self.in_fit = True  # from here on, evaluating is validation, which prints nothing

    def on_epoch_begin(self, epoch, logs=None):
        if self.params["epochs"] > 1:
            print(f"Epoch {epoch + 1}/{self.params['epochs']}", flush=True)
        self._begin()

    def on_train_batch_end(self, batch, logs=None):
        self.progress.update(batch + 1, logs)

    def on_epoch_end(self, epoch, logs=None):
        self.progress.finish(logs)

    def release(self):
        if self.progress is not None:
            self.progress.interrupt()

    def on_test_begin(self, logs=None):
        if not self.in_fit:
            self._begin()

    def on_test_batch_end(self, batch, logs=None):
        if not self.in_fit:
            self.progress.update(batch + 1, logs)

    def on_test_end(self, logs=None):
        if not self.in_fit:
            self.progress.finish(logs)

    def on_predict_begin(self, logs=None):
        self._begin()

    def on_predict_batch_end(self, batch, logs=None):
        self.progress.update(batch + 1, {})

    def on_predict_end(self, logs=None):
        self.progress.finish({})

    def _begin(self):
        # Where the length is not given, the first epoch's is the target of the next.
        target = self.params["steps"] or (self.progress and self.progress.target)
        self.progress = Progress(target, self.params["verbose"] == 1 and can_redraw())


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


class ModelCheckpoint(_Monitor):
    """Saves the model every epoch, every so many batches, or when it is the best so far.

    Parameters
    ----------
    filepath : str or path
        Ends in ".keras" or ".h5"; for weights alone in ".weights.npz" or ".weights.h5". May contain
        `{epoch:02d}` (from 1), `{batch}` (from 1, with an int `save_freq`) and the names in the
        logs, as in `{val_loss:.4f}`.
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
        endings = (".weights.npz", ".weights.h5") if save_weights_only else (".keras", ".h5")
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


class BackupAndRestore(Callback):
    """Lets a run that was interrupted go on with the bits of one that was not.

    It keeps the state of the run in files, whole or not at all. If `fit` is called again with the
    same arguments, after an error, Ctrl-C, a kill or a power cut, it begins where that state was
    kept. To the state belong weights, optimizer, metrics, random numbers, the order of samples,
    how far the data were read, what callbacks and own layers count and remember, and the history.
    What your own code draws or counts elsewhere does not; an object with ``get_state`` and
    ``set_state`` does as an attribute of a callback. Batches from a generator are drawn again up to
    the place. A dataset with `on_epoch_end` keeps its numbers, generators and orders of samples.

    Parameters
    ----------
    backup_dir : str or path
        A folder for the files, which no other run uses at the same time.
    save_freq : "epoch" or int
        Keep the state after each epoch, or after so many batches.
    double_checkpoint : bool
        Keep the state before the last one too, and use it if the last one is damaged.
    delete_checkpoint : bool
        Whether to delete the files when training has come to its end.

    Raises
    ------
    RuntimeError
        By `fit`, if another run uses the folder.
    ValueError
        By `fit`, if the files belong to another model or are damaged. Nothing has changed then.
    """

    comes_last = True  # what others count in the same hook is kept too

    def __init__(
        self, backup_dir, save_freq="epoch", double_checkpoint=True, delete_checkpoint=True
    ):
        if not backup_dir:
            raise ValueError("BackupAndRestore: expected a folder as backup_dir, got none")
        if save_freq != "epoch":
            title = "save_freq 'epoch' or"
            save_freq = whole_number(type(self).__name__, title, save_freq, 1)
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._checkpoint = self._read = self._folder = self._data = None
        self._place = {"epoch": 0, "batch": 0}
        self._batches = 0  # since the state was kept

    def resume(self, data, callbacks, epoch):
        if epoch is None:
            self._begin(data, callbacks)
        if self._read is None or epoch not in (None, self._read["numbers"]["epoch"]):
            return None
        place = self._read["numbers"]
        if epoch is None:  # before the rest: what is read again may draw random numbers
            for batches, kept in zip(data, place["data"], strict=False):
                batches.set_state(kept)
        self._checkpoint.apply(self._read)
        self._place = {"epoch": place["epoch"], "batch": place["batch"]}
        if epoch is not None or place["batch"] == 0:  # else again when its epoch has begun
            self._read = None
        if self.model.stop_training:  # the run before was to end here
            return self.params["epochs"], 0
        return place["epoch"], place["batch"]

    def _begin(self, data, callbacks):
        if not self.model.built:
            raise ValueError(
                f"BackupAndRestore: expected a built model, got {self.model!r}; begin it with "
                "Input(shape), or call it on a batch"
            )
        self._place, self._batches = {"epoch": 0, "batch": 0}, 0
        os.makedirs(self.backup_dir, exist_ok=True)
        self._folder = FolderLock(self.backup_dir)
        if not self._folder.is_free:
            got = f"got {self.backup_dir}, which another one uses"
            raise RuntimeError(f"BackupAndRestore: expected a folder for this run alone, {got}")
        self._data = data
        objects = {f"data {i}": _Source(batches.given) for i, batches in enumerate(data)}
        objects |= {"model": self.model, "callbacks": callbacks}
        self._checkpoint = Checkpoint(self.backup_dir, 1 + bool(self.double_checkpoint), **objects)
        self._read = self._checkpoint.read()

    def on_epoch_begin(self, epoch, logs=None):
        self._place = {"epoch": epoch, "batch": 0}

    def on_train_batch_end(self, batch, logs=None):
        self._place["batch"] = batch + 1
        self._batches += 1
        is_due = self.save_freq != "epoch" and self._batches >= self.save_freq
        if is_due and not self.model.stop_training:  # else the epoch is about to end
            self._keep()

    def on_epoch_end(self, epoch, logs=None):
        self._place = {"epoch": epoch + 1, "batch": 0}
        if self.save_freq == "epoch":
            self._keep()

    def _keep(self):
        self._batches = 0
        self._checkpoint.save(**self._place, data=[each.get_state() for each in self._data])

    def on_train_end(self, logs=None):
        is_done = self.model.stop_training or self._place["epoch"] >= self.params["epochs"]
        if self.delete_checkpoint and is_done and self._checkpoint:  # not after Ctrl-C
            self._checkpoint.delete()

    def release(self):
        if self._folder is not None:
            if self._folder.is_free and os.path.isdir(self.backup_dir):
                with contextlib.suppress(OSError):  # it is not empty
                    os.rmdir(self.backup_dir)
            self._folder.close()
        self._checkpoint = self._read = self._folder = self._data = None


class _Source:
    """The state of what gives batches: its own, or the attributes that change after an epoch."""

    def __init__(self, given):
        self.given = given
        self.is_own = hasattr(given, "get_state") and hasattr(given, "set_state")

    def get_state(self):
        if self.is_own:
            return self.given.get_state()
        changes = hasattr(self.given, "on_epoch_end")
        return attributes_of(self.given, (), largest=2**20) if changes else {}

    def set_state(self, state):
        if self.is_own:
            self.given.set_state(state)
        else:
            set_attributes(self.given, state)


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


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    Parameters
    ----------
    schedule : callable
        `schedule(epoch, learning_rate)` or `schedule(epoch)`: the new rate, a float.
    verbose : {0, 1}
        Whether to print it.
    """

    def __init__(self, schedule, verbose=0):
        if not callable(schedule):
            raise TypeError(
                "LearningRateScheduler: expected schedule as a function of the epoch, "
                f"got {schedule!r}; write lambda epoch, rate: ..."
            )
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch, logs=None):
        arguments = (epoch, float(self.model.optimizer.learning_rate))
        try:
            inspect.signature(self.schedule).bind(*arguments)
        except TypeError:
            arguments = (epoch,)
        rate = self.schedule(*arguments)
        if not isinstance(rate, (float, np.floating, Variable)):
            raise ValueError(
                f"The output of the `schedule` function should be a float. Got: {rate}"
            )
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose > 0:
            begin = f"\nEpoch {epoch + 1}: LearningRateScheduler"
            print(f"{begin} setting learning rate to {rate}.", flush=True)

    def on_epoch_end(self, epoch, logs=None):
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class CSVLogger(Callback):
    """Writes each epoch's logs as a row of a CSV file, which is complete after every epoch.

    An older file stays until the first epoch has ended. Where `BackupAndRestore` lets a run go on,
    the rows of that run stay too, and each epoch has one.

    Parameters
    ----------
    filename : str or path
    separator : str
    append : bool
        Append to an existing file instead of replacing it; its columns stay. A last row without all
        of them, as a power cut leaves it, is removed with a warning.

    Raises
    ------
    ValueError
        At the end of the first epoch, if the logs have a name for which an existing file has no
        column.
    RuntimeError
        If another run writes the file.
    OSError
        If it cannot be written. No row is written in part.
    """

    def __init__(self, filename, separator=",", append=False):
        self.filename = filename
        self.separator = separator
        self.append = append
        self.file = None
        self.columns = None

    def on_train_begin(self, logs=None):
        find_target(self.filename, may_be_device=True)
        self.release()
        self._has_begun = False
        self.file = open(self.filename, "ab", buffering=0)  # noqa: SIM115
        if lock(self.file) is False:
            self.release()
            got = f"got {self.filename}, which another one writes"
            raise RuntimeError(f"CSVLogger: expected a file for this run alone, {got}")
        self._is_file = os.path.isfile(self.filename)
        self.columns, self._size = None, 0  # names, and bytes of the rows that stay
        if self.append and self._is_file:
            self._read_rows()

    def on_epoch_end(self, epoch, logs=None):
        names = sorted(logs)
        rows = io.StringIO(newline="")
        missing = [name for name in ["epoch", *names] if name not in (self.columns or [name])]
        if missing and not self._has_begun:
            self.release()
            raise ValueError(
                f"CSVLogger: expected columns for {', '.join(missing)} in {self.filename}, got "
                f"{', '.join(self.columns)}; write append=False, or take another file"
            )
        if not any(name.startswith("val_") for name in names):
            names += [f"val_{name}" for name in names]  # later epochs may be validated
        is_new, self.columns = self.columns is None, self.columns or ["epoch", *names]
        writer = csv.DictWriter(
            rows, self.columns, restval="NA", extrasaction="ignore", delimiter=self.separator
        )
        if is_new:
            writer.writeheader()
        writer.writerow({"epoch": epoch, **logs})
        if self._is_file:
            self.file.truncate(self._size)
        append(self.file, rows.getvalue().encode())
        self._has_begun, self._size = True, os.fstat(self.file.fileno()).st_size

    def get_state(self):
        if self.file is None or self.file.closed:
            return {}
        if self._is_file:
            os.fsync(self.file.fileno())  # what is kept of the run may last longer else
        return {"columns": self.columns, "size": self._size}

    def set_state(self, state):
        if not (state and self.get_state() and self._is_file):
            return
        there = os.fstat(self.file.fileno()).st_size
        if there < state["size"]:
            message = f"{state['size']} bytes in {self.filename} as in the run before, got {there}"
            warnings.warn(f"CSVLogger: expected {message}: epochs are missing", stacklevel=2)
        if there:
            self.columns, self._size = state["columns"], min(there, state["size"])
            self._has_begun = self.columns is not None

    def on_train_end(self, logs=None):
        self.release()

    def release(self):
        if self.file is not None:
            self.file.close()

    def _read_rows(self):
        """Find the names in the first line of the file, and mend its end."""
        with open(self.filename, "rb") as file:
            content = file.read()
        lines = content.decode("utf-8-sig", "replace").splitlines(keepends=True)
        rows = [row for row in csv.reader(lines, delimiter=self.separator) if row]
        self.columns = rows[0] if rows else None
        if rows and len(rows[-1]) < len(rows[0]) and not content.endswith(b"\n"):
            torn = lines[-1]
            warnings.warn(
                f"CSVLogger: removed the torn row {torn!r} of {self.filename}", stacklevel=2
            )
            self.file.truncate(len(content) - len(torn.encode()))
        elif rows and not content.endswith(b"\n"):
            append(self.file, b"\r\n")
        self._size = os.fstat(self.file.fileno()).st_size


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


class TerminateOnNaN(Callback):
    """Ends training when the loss is no longer a finite number.

    Parameters
    ----------
    raise_error : bool
        Raise a RuntimeError instead of ending quietly.
    """

    def __init__(self, raise_error=False):
        self.raise_error = raise_error

    def on_train_batch_end(self, batch, logs=None):
        loss = as_number((logs or {}).get("loss"))
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. "
                "Terminating training immediately."
            )
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True


class LambdaCallback(Callback):
    """A callback made of functions.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end, ... : callable, optional
        What to call at a hook of `Callback`, such as `on_epoch_end=lambda epoch, logs: ...`.
    **others : callable, optional
        For further hooks; and methods of your own, under names that do not begin with ``on_``.

    Raises
    ------
    TypeError
        If a name begins with ``on_`` but is no hook, or a value is no function.
    """

    def __init__(
        self, on_epoch_begin=None, on_epoch_end=None, on_train_begin=None, on_train_end=None,
        on_train_batch_begin=None, on_train_batch_end=None, **others,
    ):  # fmt: skip
        given = {
            "on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin, "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin, "on_train_batch_end": on_train_batch_end,
        }  # fmt: skip
        for name, function in (given | others).items():
            if name.startswith("on_") and name not in HOOKS:
                raise TypeError(f"LambdaCallback: expected a hook ({', '.join(HOOKS)}), got {name}")
            if function is not None and not callable(function):
                raise TypeError(f"LambdaCallback: expected {name} as a function, got {function!r}")
            if function is not None:
                setattr(self, name, function)


__getattr__ = lookup(__name__)
