"""Rules as Keras's users write them, and the older names of an optimizer's parts."""

import warnings

import numpy as np

from minigrad import initializers, kernels
from minigrad.core import Parameter
from minigrad.utils.arguments import checked_number, short_text
from minigrad.utils.interrupts import interrupts
from minigrad.utils.naming import unique_name
from minigrad.utils.variable import Variable


class LearningRate(Variable):
    """A number of at least 0, whoever assigns it."""

    def __setitem__(self, place, value):
        super().__setitem__(place, checked_number("optimizer", "learning_rate", value, "[0, inf)"))


class KerasForm:
    """Base of ``Optimizer``: a rule that defines ``build`` and ``update_step`` needs no ``update``.

    Its state is made by ``add_variable_from_reference`` in ``build``.
    """

    def _find_argument(self, name, argument, owner):
        """An argument for the config; of a learning rate that is a function, its present value."""
        rate = self._learning_rate
        if name == "learning_rate" and callable(rate) and not hasattr(rate, "get_config"):
            return float(self.learning_rate)
        return super()._find_argument(name, argument, owner)

    def update_step(self, gradient, variable, learning_rate):
        """Make one step of a variable; a rule in Keras's form defines this in place of ``update``.

        Parameters
        ----------
        gradient : Tensor (...)
        variable : Tensor (...)
            To change by ``assign``, ``assign_add`` or ``assign_sub``.
        learning_rate : float
        """
        g = self._fitting(variable, gradient)
        t, threads = int(self.iterations) + 1, kernels.get_num_threads()
        self.update(variable.data, g, self._state[variable], learning_rate, t, threads)

    def add_variable(self, shape, initializer="zeros", dtype=None, name=None):
        """Return a Parameter that is not trained, saved with the state; ``build`` calls this."""
        dtype = np.dtype(dtype or "float32")
        values = initializers.get(initializer)(tuple(shape), dtype=dtype)
        name = unique_name(name or "variable", self.shared)
        variable = Parameter(values, dtype, name, trainable=False)
        self.shared[name] = variable.data
        return variable

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        """Return such a Parameter, of the shape and type of a variable to train."""
        path = self._paths.get(reference_variable) or reference_variable.name or "parameter"
        shape, dtype = reference_variable.shape, reference_variable.dtype
        return self.add_variable(shape, initializer, dtype, f"{path}/{name or 'var'}")

    def assign(self, variable, value):
        """Replace the values of a variable, trained or not."""
        variable.assign(value)

    def assign_add(self, variable, value):
        """Add to the values of a variable, trained or not."""
        variable.assign_add(value)

    def assign_sub(self, variable, value):
        """Subtract from the values of a variable, trained or not."""
        variable.assign_sub(value)

    def _get_variable_index(self, variable):
        """The variable's place among those of ``build``, by the name that rules for Keras use."""
        return [id(known) for known in self._state].index(id(variable))

    def _check_state(self, rows):
        """Pairs (array, values) from rows (name, array, values), if they can be a state.

        Raises
        ------
        ValueError
            If values are no numbers, or none of steps or of a learning rate.
        """
        expected = {"iterations": "a whole number from 0", "learning_rate": "a number from 0"}
        checked = []
        for name, array, values in rows:
            fits = values.dtype.kind in ("fiu" if name in expected else "fiub")
            if fits and name in expected:
                limit = 2**63 if name == "iterations" else np.inf
                fits = 0 <= values < limit and (name != "iterations" or values % 1 == 0)
            if not fits:
                what = f"{expected.get(name, 'numbers')} as {name}"
                raise ValueError(f"{self.name}: expected {what}, got {short_text(values)}")
            checked.append((array, values.astype(array.dtype)))  # may warn, before any change
        return checked

    def _assign_state(self, rows):
        """Give each array of a state its values, from rows (name, array, values), or change none.

        Raises ValueError as `_check_state` does.
        """
        checked = self._check_state(rows)
        with interrupts() as hold, hold:
            for array, values in checked:
                array[...] = values

    @property
    def lr(self):
        """The older name of ``learning_rate``."""
        _warn_of_lr()
        return self.learning_rate

    @lr.setter
    def lr(self, value):
        _warn_of_lr()
        self.learning_rate = value


def _warn_of_lr():
    text = "optimizer.lr is an old name; write optimizer.learning_rate"
    warnings.warn(text, FutureWarning, stacklevel=3)
