"""Callbacks of a few lines: a schedule by epochs, an end at NaN, functions as hooks."""

import inspect
import math

import numpy as np

from minigrad.callbacks.base import HOOKS, Callback
from minigrad.utils.arrays import as_number
from minigrad.utils.variable import Variable


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
