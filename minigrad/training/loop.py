"""The training loop: fit, evaluate and predict, and the five methods that a model may override."""

import contextlib
import functools
import inspect
import itertools
import math
import warnings

import numpy as np

from minigrad import config, random, samples
from minigrad.callbacks import CallbackList, History, ProgbarLogger
from minigrad.core import no_grad
from minigrad.layers.base import Layer
from minigrad.layers.tracking import last_change
from minigrad.metrics import Metric
from minigrad.optimizers import get as get_optimizer
from minigrad.training.diagnosis import TAME, explain_loss
from minigrad.training.objectives import Objectives, as_list
from minigrad.training.old_methods import OldMethods
from minigrad.utils import together
from minigrad.utils.arguments import ArgumentTypeError, explain_arguments, whole_number
from minigrad.utils.arrays import as_number
from minigrad.utils.batches import (
    Batches,
    collect,
    epochs_to_validate,
    pack,
    split,
    unpack,
)
from minigrad.utils.interrupts import interrupts
from minigrad.utils.structures import held_in, map_structure


class Trainer(OldMethods):
    """What ``Model`` trains with. The loop calls five of its methods, and no others::

        fit       for each batch:  train_step(data)
                                     self(x, training=True)
                                     compute_loss(x, y, y_pred, sample_weight)
                                     backward, optimizer.apply
                                     compute_metrics(x, y, y_pred, sample_weight)
        evaluate  for each batch:  test_step(data): the same without a step
        predict   for each batch:  predict_step(data)

    A model of your own may override any of them. What ``train_step`` and ``test_step`` return, a
    dict from name to number, are the logs.

    Attributes
    ----------
    optimizer : Optimizer or None
        Set by ``compile``.
    loss : str, Loss, callable, list, dict or None
        As given to ``compile``.
    compiled : bool
    history : History or None
        Of the last ``fit``: all its finished epochs, even if it was interrupted.
    stop_training, stop_evaluating, stop_predicting : bool
        A callback sets one to end ``fit``, ``evaluate`` or ``predict`` after the batch.
    """

    optimizer = None
    loss = None
    history = None
    stop_training = False
    stop_evaluating = False
    stop_predicting = False
    _objectives = None
    _is_lost = False  # whether fit has warned of a loss that is not finite
    _why_lost = None  # what train_step found out about it
    compiled = property(lambda self: self._objectives is not None)
    train_function = None  # none is compiled; Keras's TensorBoard asks
    _kept = None  # see _find_trained

    @explain_arguments
    def compile(
        self, optimizer="rmsprop", loss=None, loss_weights=None, metrics=None,
        weighted_metrics=None, run_eagerly=False, steps_per_execution=1, jit_compile="auto",
        auto_scale_loss=True,
    ):  # fmt: skip
        """Choose how to train and what to measure.

        Parameters
        ----------
        optimizer : str or Optimizer
        loss : str, Loss or callable
            A callable ``(y_true, y_pred)`` returns a Tensor of one loss per sample. Of a model of
            several outputs: one for all, a list in their order, or a dict by their names, where
            None stands for no loss.
        loss_weights : float, or a list or dict of float, optional
            The losses' factors in their sum.
        metrics : list of str, Metric or callable, optional
            Measured without weights. Of several outputs: a list of lists, or a dict of lists.
        weighted_metrics : list, optional
            Measured with the weights of classes or samples.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            Accepted as in Keras, but without effect: models are not compiled here.
        """
        self.optimizer = get_optimizer(optimizer)
        self.loss = loss
        names = self._output_names()
        self._objectives = Objectives(loss, loss_weights, metrics, weighted_metrics, names)

    def _output_names(self):
        """The names of the outputs; None if only a batch will show them."""
        return None

    @property
    def metrics(self):
        """The mean of the loss, the metrics of ``compile``, and those among the attributes.

        Also those among the attributes of the layers within, but not of models within.
        """
        compiled = self._objectives.metrics if self._objectives else []
        self._look_around()
        within = (vars(layer).values() for layer in self._kept[2] if not isinstance(layer, Trainer))
        return [*compiled, *held_in(itertools.chain(vars(self).values(), *within), Metric)]

    @property
    def metrics_names(self):
        """The names of ``metrics``."""
        return [metric.name for metric in self.metrics]

    def reset_metrics(self):
        """Forget every batch that was measured."""
        self._objectives.measured = vars(self)["_kept"] = None  # lists may have grown
        for metric in self._measured():
            metric.reset_state()

    def get_metrics_result(self):
        """Return the metrics' values over all batches since the last reset, a dict by name.

        The result of a metric may itself be a dict of numbers by name.
        """
        results = {}
        for metric in self._measured():
            value = metric.result()
            results |= value if type(value) is dict else {metric.name: value}
        return results

    def _measured(self):
        """The metrics, looked for at the beginning of an epoch."""
        if self._objectives.measured is None:
            self._objectives.measured = list(self.metrics)
        return self._objectives.measured

    # --- what the loop calls, and a model of your own may override ---

    def train_step(self, data):
        """Make one step on a batch; return the logs.

        Parameters
        ----------
        data : x, (x, y) or (x, y, sample_weight)
            As ``fit`` was given it; ``utils.unpack_x_y_sample_weight`` gives all three.
        """
        x, y, sample_weight = unpack(data)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x, y, y_pred, sample_weight)
        value = self._objectives.tracker.add(loss, y_pred)
        if not math.isfinite(value) and self._why_lost is None and _is_asked():
            self._why_lost = explain_loss(self, x, y, sample_weight)
        parameters, _ = self._find_trained()
        if parameters:
            _forget_gradients(parameters)  # a user's own backward() may have left some
            self.optimizer.scale_loss(loss).backward()
            self.optimizer.apply([parameter.grad for parameter in parameters], parameters)
            _forget_gradients(parameters)
        else:
            warnings.warn(f"{self._title}: it has no weights to train", stacklevel=2)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data):
        """Measure one batch, without gradients; return the logs. ``data`` as for ``train_step``."""
        x, y, sample_weight = unpack(data)
        y_pred = self(x, training=False)
        takes_training = _takes_training(type(self).compute_loss)
        options = {"training": False} if takes_training else {}  # Keras's older form has none
        loss = self.compute_loss(x, y, y_pred, sample_weight, **options)
        self._objectives.tracker.add(loss, y_pred)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data):
        """Return the outputs for one batch, without gradients. ``data`` as for ``train_step``."""
        return self(unpack(data)[0], training=False)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the loss of a batch, a scalar Tensor: of all outputs, and the penalties."""
        total = self._objectives.compute_loss(y, y_pred, sample_weight)
        parameters, layers = self._find_trained()
        for penalty in self._collect_losses(parameters, [self, *layers]):
            total = penalty if total is None else total + penalty
        if total is None:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Add a batch to the metrics; return the values of all, a dict by name."""
        self._objectives.update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def zero_grad(self):
        """Forget the gradients of all weights, which the next ``backward`` would add to."""
        _forget_gradients(self.weights)

    def _find_trained(self):
        """The weights that are trained now, and all layers; found again after a change.

        A change is noticed, but for a list that grew in the middle of an epoch.
        """
        if self._kept is None or self._kept[0] is not last_change():
            self._look_around()
        _, parameters, layers = self._kept
        return [p for p in parameters if p.requires_grad], layers

    def _look_around(self):
        """Find the weights that are not frozen, and all layers within, and keep them."""
        layers = [layer for layer, _ in self._walk() if layer is not self]  # no cycle
        vars(self)["_kept"] = last_change(), self.thawed_weights, layers

    # --- what a user calls ---

    @explain_arguments
    def fit(
        self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None,
        validation_split=0.0, validation_data=None, shuffle=True, class_weight=None,
        sample_weight=None, initial_epoch=0, steps_per_epoch=None, validation_steps=None,
        validation_batch_size=None, validation_freq=1,
    ):  # fmt: skip
        """Train.

        The logs hold running means over the epoch, of the loss (penalties included) and of the
        metrics; each batch is measured before its update. The first loss that is NaN or infinite
        is warned of, with its epoch, its step, and what is not finite first; training goes on, as
        it does without a word under ``np.errstate(invalid="ignore")``. Ctrl-C ends training after
        the current step with KeyboardInterrupt: ``history`` and the weights stay, and the next
        ``fit`` continues from there. Several threads may train at once, each a model of its own;
        one that seeds (``utils.set_random_seed``) has the bits of training alone.

        Parameters
        ----------
        x : array_like (n, ...), a list or dict of several, or iterable of batches
            An iterable yields (x, y) or (x, y, sample_weight); then ``y``, ``batch_size`` and
            ``shuffle`` are not used. Types are converted batch by batch.
        y : array_like (n, ...), or a list or dict of several
            Targets.
        batch_size : int, optional
            Default: 32. The last batch of an epoch may be smaller.
        epochs : int
            The epoch at which to end, counted from 0 and not from ``initial_epoch``. The
            environment variables KERAS_MAX_EPOCHS and KERAS_MAX_STEPS_PER_EPOCH shorten trial runs.
        verbose : {"auto", 0, 1, 2}
            0: print nothing. 1, "auto": a progress bar, or one line an epoch if the output goes to
            a file. 2: one line an epoch.
        callbacks : list of Callback, optional
        validation_split : float
            The fraction of the samples, the last ones, kept for validation and not trained on.
        validation_data : tuple (x, y) or (x, y, sample_weight), or iterable of batches, optional
            Evaluated after each epoch; takes precedence over ``validation_split``.
        shuffle : bool
            Whether to draw a new order of the samples for each epoch.
        class_weight : dict from int to float, optional
            Weights of the classes' samples in the loss.
        sample_weight : array_like (n,), optional
            Weights of the samples in the loss.
        initial_epoch : int
            Number of the first epoch, to resume.
        steps_per_epoch, validation_steps : int, optional
            Batches an epoch. Default: all there are.
        validation_batch_size : int, optional
            Default: ``batch_size``.
        validation_freq : int or list of int
            Evaluate after every so many epochs, or after these (counted from 1).

        Returns
        -------
        History
            ``history.history["val_loss"]`` and so on, a list with one value an epoch.

        Raises
        ------
        ValueError
            If the model is not compiled, the data do not fit each other or the model, or there
            are none.
        """
        self._check_compiled()
        epochs = whole_number("fit", "epochs", epochs)
        initial_epoch = whole_number("fit", "initial_epoch", initial_epoch)
        steps = whole_number("fit", "steps_per_epoch", steps_per_epoch, 1, optional=True)
        due = epochs_to_validate(validation_freq)
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split(x, y, sample_weight, validation_split)
        if not (isinstance(shuffle, (bool, int, np.bool_)) or shuffle == "batch"):
            raise ArgumentTypeError(f"fit: expected shuffle as a bool, got {shuffle!r}")
        generator = random.generator() if shuffle else None
        arguments = batch_size, steps, class_weight, generator
        data = self._batches("train_step", x, y, sample_weight, *arguments)
        together.meet(self, *data.parts)
        if data.num_samples == 0:
            raise self._error("at least one sample", 0)
        validation = None
        if validation_data is not None:
            size = whole_number("fit", "validation_batch_size", validation_batch_size, 1, True)
            steps = whole_number("fit", "validation_steps", validation_steps, 1, True)
            parts = unpack(validation_data, "validation_data")
            size = size or batch_size
            validation = self._batches("test_step", *parts, size, steps, resumes=False)
        limit = config.max_epochs()
        epochs = epochs if limit is None else min(epochs, limit)
        self.history = History()
        callbacks = self._prepare([*as_list(callbacks), self.history], verbose, epochs, data)
        self.stop_training, self._why_lost = False, None
        logs, has_failed, self._is_lost = {}, False, False
        with interrupts() as hold:
            try:
                callbacks.call("on_train_begin", {})
                first, _ = callbacks.resume([data] if validation is None else [data, validation])
                for epoch in range(initial_epoch if first is None else first, epochs):
                    logs = self._train_epoch(epoch, data, callbacks)
                    if logs is None:  # the data ran out, as a warning has said
                        logs = {}
                        break
                    if validation is not None and epoch + 1 in due:
                        measured = self._evaluate(validation, callbacks)
                        logs |= {f"val_{name}": value for name, value in measured.items()}
                    with hold.until_second():  # or the history might have half an epoch
                        callbacks.call("on_epoch_end", epoch, logs)
                    if self.stop_training:
                        break
            except Exception:  # callbacks must not take it for an end; Ctrl-C is one
                has_failed = True
                raise
            finally:
                with hold.until_second(), contextlib.ExitStack() as stack:
                    stack.callback(callbacks.release)
                    self.optimizer.finalize_variable_values()
                    if not has_failed:
                        callbacks.call("on_train_end", logs)
        return self.history

    @explain_arguments
    def evaluate(
        self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, steps=None,
        callbacks=None, return_dict=False,
    ):  # fmt: skip
        """Return the loss and the metrics on data, without training.

        Parameters as for ``fit``.

        Returns
        -------
        float, or list of float
            The loss alone, or with the metrics in the order of ``compile``; with ``return_dict``
            a dict from name to float.
        """
        self._check_compiled(is_training=False)
        data = self._batches("test_step", x, y, sample_weight, batch_size, steps)
        if data.num_samples == 0:
            raise self._error("at least one sample", 0)
        logs = self._evaluate(data, self._prepare(as_list(callbacks), verbose, 1, data))
        return self._results(logs, return_dict)

    @explain_arguments
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Return the outputs for all samples, an array (n, ...), or a list or dict of several.

        Parameters as for ``fit``.
        """
        data = self._batches("predict_step", x, batch_size=batch_size, steps=steps, is_whole=True)
        if data.num_samples == 0:
            return self.predict_on_batch(x)
        callbacks = self._prepare(as_list(callbacks), verbose, 1, data)
        callbacks.call("on_predict_begin", {})
        self.stop_predicting = False
        outputs = collect(self._predict_batches(data, callbacks), data.num_samples)
        callbacks.call("on_predict_end", {})
        return outputs

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """Make one step on a batch; return its loss and metrics before the step as ``evaluate``."""
        self._check_compiled()
        self.reset_metrics()
        (batch,) = Batches(x, y, sample_weight, steps=1, class_weight=class_weight).epoch()
        with interrupts() as hold, hold:
            logs = _as_numbers(self._make_step(batch))
        return self._results(logs, return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Return the loss and metrics of a batch as ``evaluate``."""
        return self.evaluate(x, y, None, 0, sample_weight, 1, None, return_dict)

    @no_grad()
    def predict_on_batch(self, x):
        """Return the outputs for a batch as an array, or a list or dict of several."""
        return map_structure(np.asarray, self.predict_step((x,)))

    def _batches(self, step, *arguments, **options):
        """The Batches of a call; if ranks share them, and the model alone sees x, x is unread."""
        others = ("compute_loss", "compute_metrics")
        names = ("__call__", step, *(("predict_on_batch",) if step == "predict_step" else others))
        ours = {"__call__": Layer.__call__, **vars(Trainer)}
        is_unread = samples.door is not None and all(
            getattr(getattr(self, name), "__func__", None) is ours[name] for name in names
        )
        return Batches(*arguments, is_unread=is_unread, **options)

    def _prepare(self, callbacks, verbose, epochs, data):
        if verbose not in ("auto", 0, 1, 2):
            raise ValueError(f"verbose: expected 'auto', 0, 1 or 2, got {verbose!r}")
        if verbose == "auto":
            verbose = 1 if config.is_interactive_logging_enabled() else 2
        verbose = int(verbose)
        if verbose:
            callbacks.append(ProgbarLogger())
        params = {"verbose": verbose, "epochs": epochs, "steps": data.steps}
        return CallbackList(callbacks, self, params)

    def _train_epoch(self, epoch, data, callbacks):
        self.reset_metrics()
        callbacks.call("on_epoch_begin", epoch, {})
        _, done = callbacks.resume([data], epoch)
        logs = self.get_metrics_result() if done else None
        with interrupts() as hold:
            for step, batch in enumerate(data.epoch(done), done):
                callbacks.call("on_train_batch_begin", step, {})
                with hold:
                    logs = self._make_step(batch)
                loss = logs.get("loss", 0.0)
                if not (self._is_lost or _is_finite(loss)):
                    self._is_lost = True
                    if _is_asked():
                        _warn_of_loss(float(loss), epoch, step, self._why_lost)
                if callbacks.need("on_train_batch_end"):
                    callbacks.call("on_train_batch_end", step, self._epoch_logs(logs))
                if self.stop_training:
                    break
        return None if logs is None else self._epoch_logs(logs)

    def _make_step(self, batch):
        logs = self.train_step(pack(*batch))
        if not isinstance(logs, dict):
            _as_numbers(logs)  # raises: without logs the epoch would seem to have had no batches
        if not self.built:  # the step called the layers within, but not the model
            self.built = True
        return logs

    def _evaluate(self, data, callbacks):
        self.reset_metrics()
        self.stop_evaluating = False
        callbacks.call("on_test_begin", {})
        logs = dict.fromkeys(self.metrics_names, math.nan)  # without a batch
        for step, batch in enumerate(data.epoch()):
            callbacks.call("on_test_batch_begin", step, {})
            with no_grad():
                logs = self.test_step(pack(*batch))
            if callbacks.need("on_test_batch_end"):
                callbacks.call("on_test_batch_end", step, self._epoch_logs(logs))
            if self.stop_evaluating:
                break
        logs = self._epoch_logs(logs)
        callbacks.call("on_test_end", logs)
        return logs

    def _predict_batches(self, data, callbacks):
        for step, (x, _, _) in enumerate(data.epoch()):
            callbacks.call("on_predict_batch_begin", step, {})
            outputs = self.predict_on_batch(x)
            callbacks.call("on_predict_batch_end", step, {"outputs": outputs})
            yield outputs
            if self.stop_predicting:
                break

    def _epoch_logs(self, logs):
        """The logs as numbers, in the order of their names."""
        return dict(sorted(_as_numbers(logs).items()))

    def _results(self, logs, return_dict):
        """The logs in the order of ``metrics``, others behind; one number if there is but one."""
        names = [name for name in self.metrics_names if name in logs]
        logs = {name: logs[name] for name in dict.fromkeys([*names, *logs])}
        if return_dict:
            return logs
        return list(logs.values()) if len(logs) > 1 else next(iter(logs.values()))

    def _check_compiled(self, is_training=True):
        if self._objectives is None:
            raise ValueError("You must call `compile()` before using the model.")
        if is_training and self.optimizer is None:
            raise ValueError("fit: expected an optimizer, got none; give it to `compile()`")


def _as_numbers(logs):
    """The values of a step's logs as floats where they are numbers."""
    if not isinstance(logs, dict):
        raise TypeError(
            f"train_step, test_step: expected a dict of logs, got {logs!r}; "
            "return self.get_metrics_result()"
        )
    return {n: v if type(v) is float else _as_number(v) for n, v in logs.items()}


def _as_number(value):
    """A float of a number; an array, a text or None as it is."""
    number = None if np.ndim(value) else as_number(value)
    return value if number is None else number


def _is_finite(loss):
    loss = loss if type(loss) is float else _as_number(loss)
    return not isinstance(loss, float) or math.isfinite(loss)


def _is_asked():
    """Whether numbers that are not finite are a fault, not an experiment's result."""
    return np.geterr()["invalid"] != "ignore"


def _warn_of_loss(loss, epoch, step, why):
    where = f"epoch {epoch + 1}, step {step + 1}"
    more = "; minigrad.debug.find_nan() shows the op"
    message = f"fit: expected a finite loss, got {loss} in {where}; {why or TAME}{more}"
    warnings.warn(message, stacklevel=5)  # where fit was called


@functools.lru_cache
def _takes_training(function):
    return "training" in inspect.signature(function).parameters


def _forget_gradients(parameters):
    for parameter in parameters:
        parameter.grad = None
