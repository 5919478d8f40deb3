"""Numbers that change in place: the learning rate of an optimizer, the sums of a metric."""

import numpy as np

from minigrad.core import is_trial


class Variable(np.ndarray):
    """A NumPy array with the methods of Keras's variables; what is computed from it is plain.

    Parameters
    ----------
    value : array_like
        Copied.
    dtype : dtype, optional
    name : str, optional
    """

    def __new__(cls, value, dtype=None, name=None):
        variable = np.array(value, dtype).view(cls)
        variable.name = name
        return variable

    def __array_finalize__(self, source):
        self.name = getattr(source, "name", None)

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return array if array is self else np.asarray(array)[()]

    def assign(self, value):
        """Replace the values; return the variable."""
        if not is_trial():
            self[...] = np.asarray(value)
        return self

    def assign_add(self, value):
        """Add to the values; return the variable."""
        if is_trial():
            return self
        if self.ndim == 0:
            self[()] = self.item() + value  # NumPy's quickest way for one number
        else:
            self.view(np.ndarray)[...] += value
        return self

    def assign_sub(self, value):
        """Subtract from the values; return the variable."""
        return self.assign_add(-np.asarray(value))

    def numpy(self):
        """Return a copy, a plain array."""
        return np.array(self)

    def __round__(self, digits=None):
        return round(self.item(), digits)

    value = property(numpy)
