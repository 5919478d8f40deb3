"""Metrics as objects: numbers that are updated batch by batch."""

import itertools

import numpy as np

from minigrad import initializers, losses
from minigrad.core import Parameter
from minigrad.utils.arguments import FromFunction
from minigrad.utils.arrays import as_numbers, match_weights
from minigrad.utils.config import Configured
from minigrad.utils.naming import automatic_name, to_snake_case
from minigrad.utils.registry import Registry
from minigrad.utils.structures import held_in
from minigrad.utils.variable import Variable

SUMMABLE = ("float", "bfloat", "int", "uint")  # types of numbers, without their sizes


class Metric(Configured):
    """Base of the metrics: a subclass defines `update_state` and `result`.

    What it adds up are the variables that `add_weight` makes; if it keeps anything else, it also
    defines `reset_state`.

    Parameters
    ----------
    dtype : str or dtype, optional
        Of the variables; float64 by default, so that sums over many batches stay exact. For float16
        and integers, which Keras takes too, it is float64; a config keeps what was given.
    name : str, optional
        The key in the logs; by default the class name in snake case, numbered through
        the program: "auc", "auc_1", ...

    Attributes
    ----------
    direction : {"up", "down", None}
        Which way is better. Callbacks with mode="auto" read it; None means unknown.

    Raises
    ------
    ValueError
        If `dtype` is no type of numbers.
    """

    direction = None

    told_methods = ("update_state",)
    set_first = "name"

    def __init__(self, dtype=None, name=None):
        self._dtype = _type_name(self, dtype)  # the argument, for configs
        self.dtype = np.dtype("float32" if self._dtype == "float32" else "float64")
        self.name = name or automatic_name(to_snake_case(type(self).__name__))
        self._variables = []

    @property
    def variables(self):
        """Those of `add_weight`, and those in the attributes and in the metrics there."""
        held = held_in(vars(self).values(), (Variable, Parameter, Metric))
        parts = [each.variables if isinstance(each, Metric) else [each] for each in held]
        return list(itertools.chain(*parts))

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None):
        """Make a variable, of zeros unless another initializer is given, and return it."""
        if isinstance(shape, str):
            cure = "write add_weight(name=...)"
            raise ValueError(f"{self.name}: expected a shape, got {shape!r}; {cure}")
        make = initializers.get("zeros" if initializer is None else initializer)
        variable = Variable(make(() if shape is None else shape, dtype or self.dtype), name=name)
        self._variables.append(variable)
        return variable

    def add_variable(self, shape, initializer=None, dtype=None, aggregation=None, name=None):
        """Make a variable: another name of `add_weight`; `aggregation` has no effect."""
        return self.add_weight(shape, initializer, dtype, name)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add one batch."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state")

    def result(self):
        """Return the value over all batches since the last reset, a float."""
        raise NotImplementedError(f"{type(self).__name__} must define result")

    def reset_state(self):
        """Forget every batch: set the variables to 0."""
        if not self.variables:
            raise NotImplementedError(f"{type(self).__name__} must define reset_state")
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape))

    def _refuse_stateless(self, *_, **__):
        write = "write metric.update_state(y_true, y_pred) and metric.result()"
        raise NotImplementedError(f"{self.name}: stateless calls are for JAX; {write}")

    stateless_update_state = stateless_result = stateless_reset_state = _refuse_stateless

    def __call__(self, *arguments, **named):
        """Add one batch, and return the value over all since the last reset."""
        self.update_state(*arguments, **named)
        return self.result()


def _type_name(metric, dtype):
    """The name of a type, or None for None."""
    if isinstance(dtype, (type, np.dtype)):
        dtype = np.dtype(dtype).name
    if dtype is not None and str(dtype).rstrip("0123456789") not in SUMMABLE:
        known = "'float32' or 'float64'"
        raise ValueError(f"{type(metric).__name__}: expected dtype {known}, got {dtype!r}")
    return dtype


# A loss may be named where a metric is expected.
METRICS = Registry("metric", Metric, also=losses.LOSSES)


class Sum(Metric):
    """The sum of the values given, each times its weight.

    Parameters
    ----------
    name, dtype
        As for `Metric`.
    """

    def __init__(self, name="sum", dtype=None):
        super().__init__(dtype, name)
        self.total = self.add_weight(name="total")

    def update_state(self, values, sample_weight=None):
        """Add an array of values, or one value, with a weight for each sample (default 1)."""
        values, weights = _weighted(self, values, sample_weight)
        self.total.assign_add((values * weights).sum())

    def result(self):
        return float(self.total)


class Mean(Metric):
    """The mean of the values given, sum of value x weight over sum of weight; 0 without any.

    Parameters
    ----------
    name, dtype
        As for `Metric`.
    """

    def __init__(self, name="mean", dtype=None):
        super().__init__(dtype, name)
        self.total = self.add_weight(name="total")
        self.count = self.add_weight(name="count")

    def update_state(self, values, sample_weight=None):
        """Add an array of values, or one value, with a weight for each sample (default 1)."""
        if sample_weight is None:
            values = as_numbers(self.name, "values", values)
            self.total.assign_add(values.sum(dtype=self.dtype))
            self.count.assign_add(values.size)
            return
        values, weights = _weighted(self, values, sample_weight)
        self.total.assign_add((values * weights).sum())
        self.count.assign_add(weights.sum())

    def result(self):
        count = self.count.item()
        return self.total.item() / count if count else 0.0


def _weighted(metric, values, sample_weight):
    """Return values and weights as arrays of one shape and of the type in which to add them."""
    values = np.asarray(values, metric.dtype)
    weights = match_weights(metric.name, sample_weight, values.shape)
    return values, np.broadcast_to(weights, values.shape)


class MeanMetricWrapper(FromFunction, Mean):
    """The mean of a function's values.

    Parameters
    ----------
    fn : callable(y_true, y_pred, **options)
        Returns one value per sample, as array or Tensor.
    name : str, optional
        By default the name of the function, or of its class.
    dtype
        As for `Metric`.
    direction : {"up", "down", None}
        Which way is better; by default that of the class.
    **options
        Passed on to the function.
    """

    options_first = False  # in Keras's order, they come after name and dtype

    def __init_subclass__(cls, of=None, direction="up", **others):
        super().__init_subclass__(of=of, **others)
        if of is not None:
            cls.direction = direction

    def __init__(self, fn, name=None, dtype=None, direction=None, **options):
        super().__init__(name or getattr(fn, "__name__", type(fn).__name__).strip("<>"), dtype)
        self.function = fn
        self.direction = direction or self.direction
        self.options = options

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add one batch."""
        y_pred = as_numbers(self.name, "y_pred", y_pred)  # of a Tensor, losses would build graphs
        super().update_state(self.function(y_true, y_pred, **self.options), sample_weight)


class MeanOfElements(MeanMetricWrapper):
    """The mean of a function that averages the last axis; a vector (N,) holds N samples."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add one batch."""
        if np.ndim(y_pred) == 1:
            y_pred = np.reshape(y_pred, (-1, 1))
        super().update_state(y_true, y_pred, sample_weight)
