"""Layers that are one function of their input: the identity, your own, another layer, PReLU."""

import inspect

from minigrad import ops, regularizers
from minigrad.layers.base import ElementwiseLayer, Layer, map_shapes
from minigrad.layers.options import keep_options, make_weight
from minigrad.utils.structures import flatten


class Identity(ElementwiseLayer):
    """The input itself."""

    def call(self, x, training=False):
        return x


class ActivityRegularization(ElementwiseLayer):
    """The input itself; ``(l1 Σ|x| + l2 Σx²) / N`` is added to the loss, for N samples."""

    unsaved = ("activity_regularizer",)

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1 = self.activity_regularizer.l1
        self.l2 = self.activity_regularizer.l2

    def call(self, x, training=False):
        return x


class TimeDistributed(Layer):
    """A layer applied to each step of sequences: (N, T, ...) -> (N, T, ...), of one set of weights.

    Parameters
    ----------
    layer : Layer
        For inputs (N, ...).
    **kwargs
        As for ``Layer``.
    """

    min_rank = 3

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise self._error("a layer", layer, TypeError)
        self.layer = layer

    def build(self, input_shape):
        self.layer.fit_shape((None, *input_shape[2:]))

    def call(self, x, training=False):
        N, T, *sizes = x.shape
        y = self.layer(ops.reshape(x, (N * T, *sizes)))
        return ops.reshape(y, (N, T, *y.shape[1:]))

    def compute_output_shape(self, input_shape):
        self._check_input(input_shape)
        one = self.layer.compute_output_shape((None, *input_shape[2:]))
        return (*input_shape[:2], *one[1:])


class Lambda(Layer):
    """``function(x, **arguments)``, where the function is of tensors and has no weights.

    Parameters
    ----------
    function : callable
        Gets ``training`` too if it has an argument of that name.
    output_shape : tuple of int, a list of such, or callable, optional
        Shape of one sample's output, or of each of several; or a function from the input's shape to
        the output's, both with the batch axis. Default: found by a trial on zeros.
    mask : None
        There are no masks.
    arguments : dict, optional
    **kwargs
        As for ``Layer``.
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            cure = f"; load with custom_objects={{{function!r}: ...}}"
            cure = cure if isinstance(function, str) else ""
            raise self._error("a function", function, TypeError, cure)
        if mask is not None:
            raise self._error("mask=None: minigrad has no masks", mask)
        self.function = function
        self.mask = mask
        self.arguments = arguments or {}
        self._given_shape = output_shape
        self._wants_training = "training" in inspect.signature(function).parameters

    def call(self, x, training=False):
        options = {"training": training} if self._wants_training else {}
        return self.function(x, **self.arguments, **options)

    def compute_output_shape(self, input_shape):
        if self._given_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._given_shape):
            return tuple(self._given_shape(input_shape))
        batch = flatten(input_shape)[0]
        return map_shapes(lambda shape: (batch, *shape), self._given_shape)


class PReLU(ElementwiseLayer):
    """x where x > 0, else ``alpha · x``, with a trained alpha for each position of a sample.

    Source: He and others 2015, arXiv:1502.01852.

    Parameters
    ----------
    alpha_initializer : str or callable
    alpha_regularizer, alpha_constraint : str or callable, optional
    shared_axes : int or list of int, optional
        Axes of the input along which alpha is the same; ``[1, 2]`` has one for each channel.
    **kwargs
        As for ``Layer``.

    Attributes
    ----------
    alpha : Parameter of the shape of a sample, of size 1 on the shared axes
    """

    min_rank = 2

    def __init__(
        self, alpha_initializer="zeros", alpha_regularizer=None, alpha_constraint=None,
        shared_axes=None, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        keep_options(self, "alpha", alpha_initializer, alpha_regularizer, alpha_constraint)
        axes = [shared_axes] if isinstance(shared_axes, int) else list(shared_axes or [])
        if not all(isinstance(axis, int) and axis > 0 for axis in axes):
            raise self._error("shared_axes from 1, the first behind the batch's", shared_axes)
        self.shared_axes = axes or None
        self.min_rank = max([1, *axes]) + 1

    def build(self, input_shape):
        shared = self.shared_axes or []
        self.fixed_axes = tuple(i for i in range(1, len(input_shape)) if i not in shared)
        if any(input_shape[axis] is None for axis in self.fixed_axes):
            raise self._error("an input of known sizes, or shared_axes", input_shape)
        shape = [1 if i in shared else input_shape[i] for i in range(1, len(input_shape))]
        self.alpha = make_weight(self, "alpha", shape)

    def call(self, x, training=False):
        return ops.relu(x) - self.alpha * ops.relu(-x)
