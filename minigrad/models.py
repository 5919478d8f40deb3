"""Sequential: a stack of layers, with Keras's methods to train, evaluate and predict."""

import itertools
import os

from minigrad import random, serialization
from minigrad.callbacks import CallbackList, History, ProgbarLogger
from minigrad.core import no_grad
from minigrad.layers import InputLayer
from minigrad.layers.base import Layer
from minigrad.layers.fusion import run_layers
from minigrad.losses import get as get_loss
from minigrad.metrics import get as get_metric
from minigrad.optimizers import get as get_optimizer
from minigrad.utils.batches import Batches, collect, split
from minigrad.utils.interrupts import interrupts
from minigrad.utils.registry import to_snake_case
from minigrad.utils.summary import summary_lines


class Sequential(Layer):
    """A model that applies its layers one after the other.

    ``model(x, training=False)`` applies it like any layer. Its weights are made at once if the
    first layer has an ``input_shape`` (or is an ``Input``), else with the first data::

        model = Sequential([Input((28, 28, 1)), Flatten(), Dense(10, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x_train, y_train, epochs=3, validation_data=(x_test, y_test))

    Parameters
    ----------
    layers : list of Layer, optional
        Added by ``add``, one after the other.
    trainable : bool
        False freezes all layers.
    name : str, optional

    Attributes
    ----------
    optimizer : Optimizer or None
        Set by ``compile``.
    history : History or None
        Of the last ``fit``: all its finished epochs, even if it was interrupted.
    stop_training : bool
        A callback sets it to end ``fit`` after the batch or epoch.
    """

    def __init__(self, layers=None, trainable=True, name=None):
        self._layers = []
        super().__init__(name=name, trainable=trainable)
        self.optimizer = None
        self.loss = None
        self._metrics = []
        self._weighted_metrics = []
        self.history = None
        self.stop_training = False
        for layer in layers or []:
            self.add(layer)

    # --- layers ----------------------------------------------------------------------------------

    def add(self, layer):
        """Append a layer.

        An unnamed layer is numbered if its name is taken: ``dense``, ``dense_1``, ``dense_2``.

        Raises
        ------
        TypeError
            If ``layer`` is no layer, or is a model.
        ValueError
            If its explicit name is taken, the output so far does not fit, or a second input is
            declared.
        """
        if not isinstance(layer, Layer) or isinstance(layer, Sequential):
            raise self._error("an instance of a layer (models cannot be nested)", layer, TypeError)
        if isinstance(layer, InputLayer) and self._layers:
            raise self._error("an Input only as the first layer", layer)
        taken = {other.name for other in self._layers}
        if layer.name in taken:
            if not layer.has_automatic_name:
                raise self._error("layers with unique names", layer.name)
            layer.name = _unique_name(to_snake_case(type(layer).__name__), taken)
        if not self._layers:
            self.input_shape, self._fitting_shape = layer.input_shape, None
            self.dtype = layer.dtype
        if self.input_shape:
            layer.build(self.output_shape)
            self.built = True
        if not self.trainable:
            layer.trainable = False
        self._layers.append(layer)

    def pop(self):
        """Remove the last layer and return it."""
        layer = self._layers.pop()
        self.built = self.built and bool(self._layers)
        return layer

    @property
    def layers(self):
        """The layers in order, without an ``Input``."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    def get_layer(self, name=None, index=None):
        """Return the layer of this name, or at this place; ValueError if there is none."""
        names = [layer.name for layer in self.layers]
        if index is None and name in names:
            return self.layers[names.index(name)]
        if name is None and index in range(-len(names), len(names)):
            return self.layers[index]
        wanted = f"name={name}, index={index}"
        raise ValueError(f"No such layer: {wanted}. Existing layers are: {names}.")

    def build(self, input_shape):
        """Make the weights of all layers for inputs of this shape, None on the batch axis."""
        if not self._layers:
            raise self._error("at least one layer, by model.add(layer)", self._layers)
        for layer in self._layers:
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def call(self, x, training=False):
        return run_layers(self._layers, x, training)

    def compute_output_shape(self, input_shape):
        for layer in self._layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def _check_input(self, shape):
        expected = self.input_shape or shape
        sizes = zip(expected[1:], shape[1:], strict=False)
        if len(shape) != len(expected) or any(n not in (None, got) for n, got in sizes):
            raise self._error(f"an input of shape {expected}", tuple(shape))

    # --- weights ---------------------------------------------------------------------------------

    @property
    def trainable(self):
        """Whether training changes the weights; setting it sets it for all layers."""
        return self._trainable

    @trainable.setter
    def trainable(self, trainable):
        self._trainable = bool(trainable)
        for layer in self._layers:
            layer.trainable = trainable

    @property
    def weights(self):
        """All weights, layer by layer."""
        return [weight for layer in self._layers for weight in layer.weights]

    @property
    def trainable_weights(self):
        return [weight for layer in self._layers for weight in layer.trainable_weights]

    @property
    def non_trainable_weights(self):
        return [weight for layer in self._layers for weight in layer.non_trainable_weights]

    @property
    def losses(self):
        """The penalties of all layers, to add to the loss."""
        return [penalty for layer in self._layers for penalty in layer.losses]

    def save_weights(self, filepath):
        """Write the weights to a file that ends in ".npz" or ".weights.h5"."""
        serialization.save_weights(self.layers, filepath)

    def load_weights(self, filepath, skip_mismatch=False):
        """Read the weights from such a file: all of them, or raise an error and change none.

        Parameters
        ----------
        filepath : str or path
        skip_mismatch : bool
            Load what fits and warn about the rest.
        """
        serialization.load_weights(self.layers, filepath, skip_mismatch)

    def weights_hash(self):
        """Return SHA-256 over names, types, shapes and values of the weights, as 64 hex digits.

        Two models have the same if and only if they have the same weights, bit for bit.
        """
        import hashlib  # only here: it takes 3 ms, a tenth of importing minigrad

        digest = hashlib.sha256()
        for weight in self.weights:
            values = weight.numpy()
            digest.update(f"{weight.path} {values.dtype.str} {values.shape}\n".encode())
            digest.update(values.tobytes())
        return digest.hexdigest()

    def summary(
        self, line_length=None, positions=None, print_fn=None, expand_nested=False,
        show_trainable=False, layer_range=None, show_operations=False,
    ):  # fmt: skip
        """Print a table of the layers, their output shapes and numbers of parameters.

        Parameters
        ----------
        line_length : int, optional
            Width in characters. Default: 88, or the terminal's width less 4.
        positions : list of float, optional
            Where each column ends, as a fraction of the width.
        print_fn : callable, optional
            Called with each line. Default: ``print``.
        expand_nested : bool
            Accepted as in Keras, but without effect: there are no nested models.
        show_trainable : bool
            Add a column that shows whether a layer is trained.
        layer_range : (str, str), optional
            Names (or regular expressions) of the first and last layer to show.
        show_operations : bool
            Add a table (Keras has none) of the cost of one sample in each layer: the floating-point
            operations of the forward pass, and the bytes of output and weights. Each use of a
            kernel's weight counts as 2 (multiply, add); biases, activations and layers without a
            kernel count as 0. Below it are the totals of the forward pass, and of both passes,
            with the gradients of kernels and of their inputs.
        """
        options = show_trainable, layer_range, show_operations
        for line in summary_lines(self, line_length, positions, *options):
            (print_fn or print)(line)

    # --- training --------------------------------------------------------------------------------

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
            A callable ``(y_true, y_pred)`` returns a Tensor of one loss per sample.
        loss_weights : float, optional
            A factor of the loss.
        metrics : list of str, Metric or callable, optional
            Measured without weights.
        weighted_metrics : list, optional
            Measured with the weights of classes or samples.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            Accepted as in Keras, but without effect: models are not compiled here.
        """
        self.optimizer = get_optimizer(optimizer)
        self.loss = get_loss(loss)
        self.loss_weights = loss_weights
        self._metrics = [get_metric(metric) for metric in _as_list(metrics)]
        self._weighted_metrics = [get_metric(metric) for metric in _as_list(weighted_metrics)]
        taken = {"loss"}
        for metric in self.metrics:
            metric.name = _unique_name(metric.name, taken)
            taken.add(metric.name)

    @property
    def metrics(self):
        """The metrics given to ``compile``, those with weights last."""
        return [*self._metrics, *self._weighted_metrics]

    def fit(
        self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None,
        validation_split=0.0, validation_data=None, shuffle=True, class_weight=None,
        sample_weight=None, initial_epoch=0, steps_per_epoch=None, validation_steps=None,
        validation_batch_size=None, validation_freq=1,
    ):  # fmt: skip
        """Train.

        The logs hold running means over the epoch, of the loss (penalties included) and of the
        metrics; each batch is measured before its update. Ctrl-C ends training after the current
        step with KeyboardInterrupt: ``history`` and the weights stay, and the next ``fit``
        continues from there.

        Parameters
        ----------
        x : array_like (n, ...), or iterable of batches
            An iterable yields (x, y) or (x, y, sample_weight); then ``y``, ``batch_size`` and
            ``shuffle`` are not used. Types are converted batch by batch.
        y : array_like (n, ...)
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
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split(x, y, sample_weight, validation_split)
        generator = random.generator() if shuffle else None
        data = Batches(x, y, sample_weight, batch_size, steps_per_epoch, class_weight, generator)
        if data.num_samples == 0:
            raise self._error("at least one sample", 0)
        validation = None
        if validation_data is not None:
            size = validation_batch_size or batch_size
            parts = _as_list(validation_data)
            validation = Batches(*parts, batch_size=size, steps=validation_steps)
        epochs = min(epochs, int(os.environ.get("KERAS_MAX_EPOCHS", epochs)))
        self.history = History()
        callbacks = self._prepare([*_as_list(callbacks), self.history], verbose, epochs, data)
        self.stop_training = False
        logs = {}
        try:
            callbacks.call("on_train_begin", {})
            for epoch in range(initial_epoch, epochs):
                logs = self._train_epoch(epoch, data, callbacks)
                if self._samples == 0:  # the data ran out, as a warning has said
                    break
                if validation is not None and _is_due(validation_freq, epoch):
                    measured = self._evaluate(validation, callbacks)
                    logs |= {f"val_{name}": value for name, value in measured.items()}
                callbacks.call("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
        finally:
            self.optimizer.finalize_variable_values()
            callbacks.call("on_train_end", logs)
        return self.history

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
        self._check_compiled()
        data = Batches(x, y, sample_weight, batch_size, steps)
        self._evaluate(data, self._prepare(_as_list(callbacks), verbose, 1, data))
        return self._results(return_dict)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Return the outputs for all samples, an array (n, ...). Parameters as for ``fit``."""
        data = Batches(x, batch_size=batch_size, steps=steps)
        if data.num_samples == 0:
            return self.predict_on_batch(x)
        callbacks = self._prepare(_as_list(callbacks), verbose, 1, data)
        callbacks.call("on_predict_begin", {})
        outputs = collect(self._predict_batches(data, callbacks), data.num_samples)
        callbacks.call("on_predict_end", {})
        return outputs

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """Make one step on a batch; return its loss and metrics before the step as ``evaluate``."""
        self._check_compiled()
        self._reset()
        (batch,) = Batches(x, y, sample_weight, steps=1, class_weight=class_weight).epoch()
        with interrupts() as hold, hold:
            self._train_step(*batch)
        return self._results(return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Return the loss and metrics of a batch as ``evaluate``."""
        return self.evaluate(x, y, None, 0, sample_weight, 1, None, return_dict)

    @no_grad()
    def predict_on_batch(self, x):
        """Return the outputs for a batch as an array."""
        return self(x).numpy()

    def _prepare(self, callbacks, verbose, epochs, data):
        verbose = 1 if verbose == "auto" else int(verbose)
        if verbose:
            callbacks.append(ProgbarLogger())
        params = {"verbose": verbose, "epochs": epochs, "steps": data.steps}
        return CallbackList(callbacks, self, params)

    def _train_epoch(self, epoch, data, callbacks):
        self._reset()
        callbacks.call("on_epoch_begin", epoch, {})
        with interrupts() as hold:
            for step, batch in enumerate(data.epoch()):
                callbacks.call("on_train_batch_begin", step, {})
                with hold:
                    self._train_step(*batch)
                if callbacks.need("on_train_batch_end"):
                    callbacks.call("on_train_batch_end", step, self._logs())
                if self.stop_training:
                    break
        return self._logs()

    def _train_step(self, x, y, sample_weight):
        prediction = self(x, training=True)
        loss = self._total_loss(y, prediction, sample_weight)
        parameters = self.trainable_weights
        if not parameters:
            raise self._error("a layer with trainable weights", self._layers)
        _forget_gradients(parameters)  # a user's own backward() may have left some
        self.optimizer.scale_loss(loss).backward()
        self.optimizer.apply([parameter.grad for parameter in parameters], parameters)
        _forget_gradients(parameters)
        self._record(loss, y, prediction, sample_weight)

    @no_grad()
    def _test_step(self, x, y, sample_weight):
        prediction = self(x)
        loss = self._total_loss(y, prediction, sample_weight)
        self._record(loss, y, prediction, sample_weight)

    def _evaluate(self, data, callbacks):
        self._reset()
        callbacks.call("on_test_begin", {})
        for step, batch in enumerate(data.epoch()):
            callbacks.call("on_test_batch_begin", step, {})
            self._test_step(*batch)
            if callbacks.need("on_test_batch_end"):
                callbacks.call("on_test_batch_end", step, self._logs())
        logs = self._logs()
        callbacks.call("on_test_end", logs)
        return logs

    def _predict_batches(self, data, callbacks):
        for step, (x, _, _) in enumerate(data.epoch()):
            callbacks.call("on_predict_batch_begin", step, {})
            outputs = self.predict_on_batch(x)
            callbacks.call("on_predict_batch_end", step, {"outputs": outputs})
            yield outputs

    def _total_loss(self, y, prediction, sample_weight):
        if y is None:
            raise self._error("targets y for the loss", y)
        loss = self.loss(y, prediction, sample_weight)
        if self.loss_weights is not None:
            loss = loss * self.loss_weights
        for penalty in self.losses:
            loss = loss + penalty
        return loss

    # --- running means ---------------------------------------------------------------------------

    def _reset(self):
        self._loss_sum = 0.0
        self._samples = 0
        for metric in self.metrics:
            metric.reset_state()

    def _record(self, loss, y, prediction, sample_weight):
        self._loss_sum += loss.item() * len(prediction)
        self._samples += len(prediction)
        for metric in self._metrics:
            metric.update_state(y, prediction.numpy())
        for metric in self._weighted_metrics:
            metric.update_state(y, prediction.numpy(), sample_weight)

    def _results(self, return_dict):
        """Loss and metrics in the order of ``compile``."""
        logs = {"loss": self._loss_sum / max(self._samples, 1)}
        logs |= {metric.name: metric.result() for metric in self.metrics}
        if return_dict:
            return logs
        return list(logs.values()) if self.metrics else logs["loss"]

    def _logs(self):
        """Loss and metrics in the order of their names."""
        return dict(sorted(self._results(return_dict=True).items()))

    # --- checks ----------------------------------------------------------------------------------

    def _check_compiled(self):
        if self.optimizer is None:
            raise ValueError("You must call `compile()` before using the model.")
        if self.loss is None:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")


def _as_list(value):
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _unique_name(name, taken):
    """``name``, or the first of ``name_1``, ``name_2``, ... that is not taken."""
    names = itertools.chain([name], (f"{name}_{i}" for i in itertools.count(1)))
    return next(name for name in names if name not in taken)


def _is_due(validation_freq, epoch):
    if isinstance(validation_freq, int):
        return (epoch + 1) % validation_freq == 0
    return epoch + 1 in validation_freq


def _forget_gradients(parameters):
    for parameter in parameters:
        parameter.grad = None
