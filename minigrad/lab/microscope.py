"""One parameter under the microscope: all that goes into each step of an optimizer."""

import dataclasses

import numpy as np

from minigrad import optimizers
from minigrad.core import Tensor

WIDEST = 6  # a parameter of so many weights is printed weight by weight, a larger one by quantiles
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
        As the rule gets it: scaled, accumulated and clipped.
    update : array
        What weight decay and the rule added to the weight.
    state_before, state : dict from str to array
        What the optimizer keeps for the parameter, before and after the step; the names are those
        of the optimizer's formulas, such as "m" and "v".
    corrections : dict from str to float
        By what the rule divides a state to correct its bias towards 0, the value at the start.
    step_size : array or None
        The effective step size of each weight: by what the rule multiplies the gradient, or the
        corrected m in its place (Nadam: a mixture of both; Lion: its sign). None for a rule that
        is not minigrad's.
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
        """The states whose bias the rule corrects, corrected: a dict from str to array."""
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
            table = {name: array.reshape(-1) for name, array in rows.items()}
        else:
            header = list(QUANTILES)
            table = {name: _quantiles(array) for name, array in rows.items()}
        lines = [self.title, " " * 17 + "".join(f"{text:>13}" for text in header)]
        for name, values in table.items():
            lines.append(f"{name:<17}" + "".join(f"{value:>13.5g}" for value in values))
        return "\n".join(lines)


class Microscope:
    """Looks at one parameter while its optimizer steps, and changes nothing.

    In a script, or around ``fit``::

        with Microscope(model.optimizer, model.layers[0].kernel, only=[1, 2, 100]) as microscope:
            model.fit(x, y)
        print(microscope.steps[1])

    Parameters
    ----------
    optimizer : Optimizer
    parameter : Tensor
        One of those that the optimizer trains.
    only : collection of int, optional
        The numbers of the steps to keep. Default: all, each with copies of all its arrays.

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
            trained = ", ".join(_name(variable) for variable in states)
            raise ValueError(f"Microscope: expected one of {trained}, got {_name(self.parameter)}")
        if self._is_wanted(gradients):
            self._before = self.parameter.data.copy(), self._state(states)

    def on_step_end(self, gradients, states):
        if not self._is_wanted(gradients):
            return
        rule, number = self.optimizer, self.optimizer.iterations + 1
        weight, state_before = self._before
        name = f"{_name(self.parameter)} {self.parameter.shape}"
        step = Step(
            f"{type(rule).__name__}, step {number} of {name}, learning rate {rule.learning_rate:g}",
            number,
            rule.learning_rate,
            weight,
            gradients[self.parameter].copy(),
            self.parameter.data - weight,
            state_before,
            self._state(states),
        )
        if type(rule).update in INSIDES:
            step.corrections, step.step_size = INSIDES[type(rule).update](rule, step)
        self.steps[number] = step

    def _is_wanted(self, gradients):
        wanted = self.only is None or self.optimizer.iterations + 1 in self.only
        return wanted and self.parameter in gradients

    def _state(self, states):
        return {name: array.copy() for name, array in states[self.parameter].items()}


def _name(variable):
    return getattr(variable, "path", None) or variable.name or "parameter"


def _quantiles(array):
    with np.errstate(invalid="ignore"):  # between infinite ratios there is no number
        return np.quantile(array, list(QUANTILES.values()))


# --- what the rules' formulas, which stand in their docstrings, keep to themselves ---------------
# Each function returns the corrections and the step size.


def _inside_sgd(rule, step):
    return {}, np.full_like(step.weight, step.learning_rate)


def _inside_adagrad(rule, step):
    return {}, step.learning_rate / np.sqrt(step.state["a"] + rule.epsilon)


def _inside_rmsprop(rule, step):
    d = step.state["v"]
    if rule.centered:
        d = np.maximum(d - step.state["m"] ** 2, 0)
    return {}, step.learning_rate / np.sqrt(d + rule.epsilon)


def _inside_adam(rule, step):
    corrections = {"m": 1 - rule.beta_1**step.number, "v": 1 - rule.beta_2**step.number}
    v = step.state["v_max" if rule.amsgrad else "v"]
    size = step.learning_rate * corrections["v"] ** 0.5 / (np.sqrt(v) + rule.epsilon)
    return corrections, size


def _inside_nadam(rule, step):
    momentum = rule.beta_1 * (1 - 0.5 * 0.96 ** (step.number + 1))
    product = float(rule.shared["U"]) * momentum
    corrections = {"m": 1 - product, "v": 1 - rule.beta_2**step.number}
    size = step.learning_rate / (np.sqrt(step.state["v"] / corrections["v"]) + rule.epsilon)
    return corrections, size


def _inside_adamax(rule, step):
    size = step.learning_rate / (step.state["u"] + rule.epsilon)
    return {"m": 1 - rule.beta_1**step.number}, size


def _inside_adadelta(rule, step):
    squares = (step.state_before["d"] + rule.epsilon) / (step.state["a"] + rule.epsilon)
    return {}, step.learning_rate * np.sqrt(squares)


INSIDES = {
    optimizers.SGD.update: _inside_sgd,
    optimizers.Adagrad.update: _inside_adagrad,
    optimizers.RMSprop.update: _inside_rmsprop,
    optimizers.Adam.update: _inside_adam,  # AdamW's too
    optimizers.Nadam.update: _inside_nadam,
    optimizers.Adamax.update: _inside_adamax,
    optimizers.Adadelta.update: _inside_adadelta,
    optimizers.Lion.update: _inside_sgd,
}
