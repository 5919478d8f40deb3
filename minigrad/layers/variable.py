"""Keras's Variable: a Parameter that may be made by an initializer."""

import numpy as np

from minigrad import initializers
from minigrad.core import Parameter, as_array


class _VariableType(type):
    """Makes every Parameter an instance of Variable, as every weight is in Keras."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, Parameter)


class Variable(Parameter, metaclass=_VariableType):
    """Values that change in place, and that an optimizer may train.

    Parameters
    ----------
    initializer : array_like, str or callable
        The first values, or what makes them: an initializer's name, or a callable (shape, dtype).
    shape : tuple of int, optional
        For an initializer.
    dtype : {"float32", "float64"}, optional
    trainable : bool
    name : str, optional
    autocast, aggregation, synchronization, layout
        Accepted as in Keras, but without effect.

    Raises
    ------
    TypeError
        If `dtype` is another.
    ValueError
        If an initializer comes without a shape, or values do not have the given one.
    """

    __slots__ = ()

    def __init__(
        self, initializer, shape=None, dtype=None, trainable=True, autocast=True,
        aggregation="none", synchronization="auto", name=None, layout=None,
    ):  # fmt: skip
        if dtype is not None and np.dtype(dtype).kind != "f":
            raise TypeError(
                f"Variable: expected dtype float32 or float64, got {np.dtype(dtype)}; leave it "
                "out, or keep a count as a Python int"
            )
        if isinstance(initializer, str) or callable(initializer):
            if shape is None:
                raise ValueError(
                    f"Variable: expected a shape for the initializer {initializer!r}, got none; "
                    "write Variable(initializer, shape=(...))"
                )
            initializer = initializers.get(initializer)(tuple(shape), dtype=dtype or "float32")
        elif shape is not None and np.shape(initializer) != tuple(shape):
            raise ValueError(
                f"Variable: expected values of shape {tuple(shape)}, got {np.shape(initializer)}"
            )
        super().__init__(as_array(initializer, dtype), name=name, trainable=trainable)
