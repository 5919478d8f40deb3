"""The hooks of a callback, who calls them, and the callbacks that `fit` adds by itself."""

import contextlib
import inspect
import warnings
import weakref

import numpy as np

from minigrad.saving.state import AS_GIVEN, attributes_of, can_keep, set_attributes
from minigrad.utils.arguments import Described
from minigrad.utils.naming import unique_name
from minigrad.utils.old_arguments import Logs
from minigrad.utils.progbar import Progress, can_redraw


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
    is_kept = True  # whether what it counts belongs to the state of a run

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


class Adapted(Callback):
    """A callback that another library derived from Keras's, as one of minigrad's.

    Its hooks are called as they are. What it counts does not belong to the state of a run.
    """

    is_kept = False

    def __init__(self, theirs):
        self.theirs = theirs
        for name in HOOKS:
            hook = getattr(theirs, name, None)
            if hook is not None and not getattr(hook, "_is_default", False):  # Keras's empty ones
                setattr(self, name, hook)

    def set_model(self, model):
        self.theirs.set_model(model)

    def set_params(self, params):
        self.theirs.set_params(params)


class CallbackList:
    """The callbacks of one call of `fit`, `evaluate` or `predict`, called one after the other.

    Only the hooks that a callback defines are called: the others cost nothing. In a loop of one's
    own: ``callbacks = CallbackList(callbacks, model=model, add_history=True, epochs=3)``, then
    ``callbacks.on_epoch_begin(0)`` and so on.

    Parameters
    ----------
    callbacks : list of Callback, or of such as other libraries made for Keras
    model : Model
    params : dict, optional
        What the callbacks get as their `params`; also as ``**others``.
    add_history, add_progbar : bool
        Whether to add a `History`, which is then ``model.history``, and a `ProgbarLogger`, if there
        is none.

    Raises
    ------
    TypeError
        If one is not an instance of `Callback`, or of Keras's.
    """

    def __init__(
        self, callbacks=None, model=None, params=None, *, add_history=False, add_progbar=False,
        **others,
    ):  # fmt: skip
        callbacks = [Adapted(c) if is_foreign(c) else c for c in callbacks or ()]
        params = {**(params or {}), **others}
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
            if callback.is_kept:
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


def is_foreign(callback):
    """Whether it is a callback of another library, made for Keras's `fit`."""
    if isinstance(callback, (Callback, type)):
        return False
    return all(hasattr(callback, name) for name in ("set_model", "set_params", "on_epoch_end"))


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

    is_kept = False

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
