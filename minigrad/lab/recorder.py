"""A callback that records gradients, sizes of updates and dead units during training."""

import math

import numpy as np

from minigrad.callbacks import Callback
from minigrad.core import Tensor
from minigrad.lab.names import name_layers

SAMPLE = 500  # at most this many weights of a layer are sampled


class Recorder(Callback):
    """Records a few numbers about every layer, once in `every` steps of ``fit``.

    ::

        recorder = Recorder()
        model.fit(x, y, callbacks=[recorder])
        plots.draw_recording(recorder)

    With the default of `every` it takes less than 5 % of the training's time. Every ``fit`` starts
    a new recording.

    Parameters
    ----------
    every : int
        Steps from one record to the next. The first step is recorded.

    Attributes
    ----------
    steps : list of int
        The numbers of the recorded steps, from 1. All that follows has one entry for each.
    loss : list of float
        The running mean over the epoch, as ``fit`` shows it.
    learning_rate : list of float
    gradient_norms : dict from str to list of float
        For each layer with weights of its own that are trained, those within layers and models too,
        under names such as "block/first": the Euclidean norm of the gradients of all these weights,
        after clipping.
    update_ratios : dict from str to list of array (k)
        For each such layer ``|update| / |weight|`` of at most 500 weights of its largest parameter,
        the same ones each time. Infinite where the weight is 0.
    dead_units : dict from str to list of float
        For each such layer with a kernel the fraction of its units (filters) whose bias, or kernel
        if there is none, has a gradient of 0; nan at a step that gives it none. In front of a relu
        these are the units that no sample of the batch activates, which learn nothing from it.
    """

    def __init__(self, every=20):
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"Recorder: expected every to be an integer from 1, got {every!r}")
        self.every = every
        self._begin()

    def _begin(self):
        self.steps = []
        self.loss = []
        self.learning_rate = []
        self.gradient_norms = {}
        self.update_ratios = {}
        self.dead_units = {}

    def on_train_begin(self, logs=None):
        self._begin()
        self.model.optimizer.observers.append(self)

    def release(self):
        if self in self.model.optimizer.observers:
            self.model.optimizer.observers.remove(self)

    def on_step_begin(self, gradients, states):
        self._due = self.model.optimizer.iterations % self.every == 0
        if self._due:
            self._before = [(*found, _sample(found[-1])) for found in self._layers()]

    def on_step_end(self, gradients, states):
        if not self._due:
            return
        self.steps.append(int(self.model.optimizer.iterations) + 1)
        self.learning_rate.append(float(self.model.optimizer.learning_rate))
        for name, layer, weights, before in self._before:
            found = [gradients[weight] for weight in weights if weight in gradients]
            squares = sum(np.square(g, dtype=np.float64).sum() for g in found)
            self.gradient_norms.setdefault(name, []).append(float(squares) ** 0.5)
            update = np.abs(_sample(weights) - before)
            with np.errstate(divide="ignore"):
                ratios = np.divide(update, np.abs(before), update, where=update > 0)  # 0 / 0 is 0
            self.update_ratios.setdefault(name, []).append(ratios)
            if isinstance(getattr(layer, "kernel", None), Tensor):
                self.dead_units.setdefault(name, []).append(_dead(layer, gradients))

    def on_train_batch_end(self, batch, logs=None):
        if len(self.loss) < len(self.steps):
            self.loss.append(logs["loss"])

    def _layers(self):
        """Triples of name, layer, and its own weights that are trained, if it has any."""
        trained = set(self.model.trainable_weights)
        for layer, name in name_layers(self.model).items():
            weights = [weight for weight in layer.own_weights if weight in trained]
            if weights:
                yield name or layer.name, layer, weights


def _dead(layer, gradients):
    """The fraction of a layer's units whose bias, or kernel, has a gradient of 0."""
    bias = getattr(layer, "bias", None)
    weight = bias if isinstance(bias, Tensor) else layer.kernel
    if weight not in gradients:
        return math.nan
    return 1 - gradients[weight].reshape(-1, *weight.shape[-1:]).any(axis=0).mean()


def _sample(weights):
    """Some values of the largest of a layer's weights, evenly spread over it."""
    largest = max(weights, key=lambda weight: weight.size)
    return largest.data.reshape(-1)[:: -(-largest.size // SAMPLE)].copy()
