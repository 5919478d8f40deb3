"""One parameter under the microscope: all quantities of each optimizer step."""

import dataclasses

import numpy as np

from minigrad import optimizers
from minigrad.core import Tensor
from minigrad.lab.names import name_weights
from minigrad.lab.text import table
from minigrad.models import Model

WIDEST = 6  # up to this many weights a parameter is printed in full, else by quantiles
QUANTILES = {"min": 0, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "max": 1}


@dataclasses.dataclass(repr=False)
class Step:
    """One step of one parameter; ``print(step)`` shows all of it. Arrays have its shape.

    Attributes
    ----------
    title : str
        Which rule, step and parameter.
    number : int
        The t of the formulas: 1, 2, ...
    learning_rate : float
    weight : array
        Before the step.
    gradient : array
        The rule's input: scaled, accumulated and clipped.
    update : array
        What weight decay and the rule added to the weight.
    state_before, state : dict from str to array
        What the optimizer keeps for the parameter, before and after the step; the names are those
        of the optimizer's formulas, such as "m" and "v".
    corrections : dict from str to float
        The divisors of bias-corrected states: a state is biased towards 0, its initial value.
    step_size : array or None
        The effective step size of each weight: the factor of the gradient, or of the corrected m
        (Nadam: of a mixture of both; Lion: of a sign). None for a rule that does not define
        ``inside``.
    """

    title: str
    number: int
    learning_rate: float
    weight: np.ndarray
    gradient: np.ndarray
    update: np.ndarray
    state_before: dict
    state: dict
    corrections: dict = dataclasses.field(default_factory=dict)
    step_size: np.ndarray | None = None

    @property
    def corrected(self):
        """The bias-corrected states: a dict from str to array."""
        return {name: self.state[name] / factor for name, factor in self.corrections.items()}

    @property
    def ratio(self):
        """The size of each update relative to its weight; infinite where the weight is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.abs(self.update) / np.abs(self.weight)

    def __str__(self):
        rows = {"weight": self.weight, "gradient": self.gradient, **self.state}
        for name, factor in self.corrections.items():
            rows[f"{name} / {factor:.4g}"] = self.corrected[name]
        if self.step_size is not None:
            rows["step size"] = self.step_size
        rows |= {"update": self.update, "|update / weight|": self.ratio}
        if self.weight.size <= WIDEST:
            header = [str(list(index)) for index in np.ndindex(self.weight.shape)]
            numbers = {name: array.reshape(-1) for name, array in rows.items()}
        else:
            header = list(QUANTILES)
            numbers = {name: _quantiles(array) for name, array in rows.items()}
        lines = [["", *(f"{text:>11}" for text in header)]]
        for name, values in numbers.items():
            lines.append([f"{name:<17}", *(f"{value:.5g}" for value in values)])
        return f"{self.title}\n{table(lines, ' ')}"


class Microscope:
    """Records the steps of one parameter while its optimizer trains it, and changes nothing.

    In a script, or around ``fit``::

        with Microscope(model, model.layers[0].kernel, only=[1, 2, 100]) as microscope:
            model.fit(x, y)
        print(microscope.steps[1])

    Parameters
    ----------
    optimizer : Optimizer or Model
        Of a model, the optimizer that it was compiled with. Its parameters are then named by the
        layers around them, "block/first/kernel".
    parameter : Tensor
        One of those that the optimizer trains.
    only : collection of int, optional
        The numbers of the steps to keep. Default: all. Each step holds copies of all its arrays.

    Attributes
    ----------
    steps : dict from int to Step
        The steps by their numbers, from 1. Steps that give the parameter no gradient are left out.

    Raises
    ------
    TypeError
        If `optimizer` is no Optimizer, or `parameter` no Tensor.
    ValueError
        At a step, if the optimizer does not train the parameter.
    """

    def __init__(self, optimizer, parameter, only=None):
        self.model = optimizer if isinstance(optimizer, Model) else None
        if self.model is not None:
            optimizer = self.model.optimizer
        for value, kind in ((optimizer, optimizers.Optimizer), (parameter, Tensor)):
            if not isinstance(value, kind):
                raise TypeError(f"Microscope: expected {kind.__name__}, got {value!r}")
        self.optimizer = optimizer
        self.parameter = parameter
        self.only = only
        self.steps = {}

    def __enter__(self):
        self.optimizer.observers.append(self)
        return self

    def __exit__(self, *error):
        self.optimizer.observers.remove(self)

    def on_step_begin(self, gradients, states):
        if self.parameter not in states:
            trained = ", ".join(map(self._name, states))
            name = self._name(self.parameter)
            raise ValueError(f"Microscope: expected one of {trained}, got {name}")
        if self._is_wanted(gradients):
            self._before = self.parameter.data.copy(), self._state(states)

    def on_step_end(self, gradients, states):
        if not self._is_wanted(gradients):
            return
        rule, number = self.optimizer, int(self.optimizer.iterations) + 1
        rate = float(rule.learning_rate)
        weight, state_before = self._before
        name = f"{self._name(self.parameter)} {self.parameter.shape}"
        step = Step(
            f"{type(rule).__name__}, step {number} of {name}, learning rate {rate:g}",
            number,
            rate,
            weight,
            gradients[self.parameter].copy(),
            self.parameter.data - weight,
            state_before,
            self._state(states),
        )
        step.corrections, size = rule.inside(state_before, step.state, rate, number)
        step.step_size = None if size is None else np.full_like(weight, size)
        self.steps[number] = step

    def _is_wanted(self, gradients):
        wanted = self.only is None or self.optimizer.iterations + 1 in self.only
        return wanted and self.parameter in gradients

    def _state(self, states):
        return {name: array.copy() for name, array in states[self.parameter].items()}

    def _name(self, variable):
        names = {} if self.model is None else name_weights(self.model)
        known = names.get(variable) or getattr(variable, "path", None)
        return known or variable.name or "parameter"


def _quantiles(array):
    with np.errstate(invalid="ignore"):  # interpolation between infinite ratios gives NaN
        return np.quantile(array, list(QUANTILES.values()))
