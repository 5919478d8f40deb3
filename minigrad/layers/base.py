"""The base of all layers: weights made on first use, a computation, and shape inference."""

import functools

import numpy as np

from minigrad import activations, constraints, initializers, kernels, regularizers
from minigrad.core import Parameter, Tensor, as_array
from minigrad.utils.registry import to_snake_case


def _complete_build(build):
    """Wrap a class's ``build``, which then only has to make the weights.

    The wrapper checks the input's shape and remembers it. A layer that has weights keeps them.
    """

    @functools.wraps(build)
    def complete(self, input_shape):
        self._check_input(input_shape)
        self._fitting_shape = input_shape
        if not self.built:
            input_shape = (None, *input_shape[1:])  # any batch size
            build(self, input_shape)
            self.input_shape = input_shape
            self.built = True

    return complete


def recipe(name, initializer, regularizer=None, constraint=None):
    """Return the arguments for ``Layer.add_weight``, looked up: unknown names raise here."""
    return {
        "name": name,
        "initializer": initializers.get(initializer),
        "regularizer": regularizers.get(regularizer),
        "constraint": constraints.get(constraint),
    }


def assign_weights(weights, arrays):
    """Give each weight the values of its array, or raise ValueError and change none."""
    if len(arrays) != len(weights):
        paths = ", ".join(weight.path for weight in weights) or "no weights (not built?)"
        raise ValueError(f"set_weights: expected arrays for {paths}, got {len(arrays)} arrays")
    pairs = [(w, as_array(array, w.dtype)) for w, array in zip(weights, arrays, strict=True)]
    wrong = [f"{w.path} {w.shape}, got {a.shape}" for w, a in pairs if w.shape != a.shape]
    if wrong:
        raise ValueError(f"set_weights: expected shapes {'; '.join(wrong)}")
    for weight, array in pairs:
        weight.assign(array)


class Layer:
    """Base class of all layers.

    The constructor checks its arguments, ``build`` makes the weights once the input's shape is
    known, ``call`` computes. A layer of your own needs no more than this::

        class Scale(Layer):
            def build(self, input_shape):
                self.factor = self.add_weight(input_shape[-1:], "ones", "factor")

            def call(self, x, training=False):
                return x * self.factor

    Its weights are those made by ``add_weight``, and no others: layers and Parameters that are
    merely attributes are not trained.

    Parameters
    ----------
    name : str, optional
        Default: the class's name in snake case, which a model numbers where it is not unique.
    trainable : bool
        False freezes all weights.
    dtype : {"float32", "float64"}, optional
        Type of the weights, to which arrays given to the layer are converted. Default: float32.
    activity_regularizer : str or callable, optional
        ``activity_regularizer(output)`` divided by the number of samples is added to the loss.
    input_shape : tuple of int, optional
        Shape of one sample. A model whose first layer has it makes its weights at once.
    input_dim : int, optional
        The same as ``input_shape=(input_dim,)``.

    Attributes
    ----------
    built : bool
        Whether the weights have been made.
    input_shape : tuple or None
        Shape of the input, None on the batch axis, as far as it is known.
    has_automatic_name : bool
        Whether no name was given; a model may then number it.
    """

    rank = None  # the number of axes that an input must have, batch axis included; None: any
    min_rank = 1
    fixed_axes = ()  # axes of the input whose sizes the weights depend on

    def __init_subclass__(cls):
        super().__init_subclass__()
        if "build" in vars(cls):
            cls.build = _complete_build(cls.build)

    def __init__(
        self, name=None, trainable=True, dtype=None,
        activity_regularizer=None, input_shape=None, input_dim=None,
    ):  # fmt: skip
        self.built = False
        self._fitting_shape = None  # of the last input that was checked
        self._learned = []  # weights that are trained unless the layer is frozen
        self._fixed = []  # weights that are never trained, such as moving averages
        self._activity_penalty = None
        self.has_automatic_name = name is None
        self.name = to_snake_case(type(self).__name__) if name is None else name
        self.trainable = trainable
        self.dtype = np.dtype(dtype or "float32")
        self.activity_regularizer = regularizers.get(activity_regularizer)
        if input_dim is not None:
            input_shape = (input_dim,)
        self.input_shape = None
        if input_shape is not None:
            self.input_shape = (None, *self._check_sizes("input_shape", input_shape))

    # --- what a subclass writes ---

    def call(self, x, training=False):
        """Compute the layer's output, a Tensor, from the Tensor ``x``."""
        raise NotImplementedError(f"{type(self).__name__}: call(self, x, training) is missing")

    @_complete_build
    def build(self, input_shape):
        """Make the weights for inputs of this shape, whose first axis (the batch) is None."""

    def compute_output_shape(self, input_shape):
        """Return the output's shape for an input of this shape; unknown sizes are None.

        A subclass may compute it; by default ``call`` runs on one sample of zeros.
        """
        self.build(input_shape)
        if None in input_shape[1:]:
            raise self._error("a compute_output_shape method for unknown sizes", input_shape)
        y = self.call(Tensor(np.zeros((1, *input_shape[1:]), self.dtype)), training=False)
        return (input_shape[0], *y.shape[1:])

    def add_weight(self, shape, initializer="glorot_uniform", name=None, trainable=True, **options):
        """Make a weight of the layer; ``build`` calls this.

        Parameters
        ----------
        shape : tuple of int
        initializer : str or callable
            ``initializer(shape, dtype)`` gives the first values.
        name : str, optional
            Unique within the layer. Default: ``weight_0``, ``weight_1``, ...
        trainable : bool
            False for values that gradients do not change, such as moving averages.
        **options
            regularizer and constraint : str or callable, optional

        Returns
        -------
        Parameter
        """
        name = name or f"weight_{len(self.weights)}"
        if any(weight.name == name for weight in self.weights):
            raise self._error("a weight name not yet used in this layer", name)
        options = recipe(name, initializer, **options)
        values = options.pop("initializer")(tuple(shape), dtype=self.dtype)
        values = kernels.aligned(as_array(values, self.dtype))
        options["trainable"] = trainable and self.trainable
        weight = Parameter(values, copy=False, **options)
        weight.path = f"{self.name}/{name}"
        (self._learned if trainable else self._fixed).append(weight)
        return weight

    # --- what a user calls ---

    def __call__(self, x, training=False, **options):
        """Return the layer's output for a batch, making the weights first if there are none.

        Parameters
        ----------
        x : Tensor or array_like of shape (N, ...)
        training : bool
            Whether dropout and batch normalization work as in training.
        **options
            Passed on to ``call``.

        Raises
        ------
        Exception
            Every error raised inside gets a note with the layer's name and the input's shape.
        """
        try:
            if not isinstance(x, Tensor):
                x = Tensor(x, dtype=self.dtype)
            self.fit_shape(x.shape)
            y = self.call(x, training=training, **options)
        except Exception as error:
            shape = getattr(x, "shape", type(x).__name__)
            error.add_note(f"in layer {self.name!r} ({type(self).__name__}), input shape: {shape}")
            raise
        if self.activity_regularizer is not None:
            self._activity_penalty = self.activity_regularizer(y) / max(len(x), 1)
        return y

    def fit_shape(self, shape):
        """Check the input's shape, and make the weights if there are none: once for each shape."""
        if shape != self._fitting_shape or not self.built:
            self.build(shape)

    @property
    def name(self):
        """The layer's name; its weights' paths begin with it."""
        return self._name

    @name.setter
    def name(self, name):
        if not isinstance(name, str) or not name or "/" in name:
            raise ValueError(f"{type(self).__name__}: expected a name without '/', got {name!r}")
        self._name = name
        for weight in self._learned + self._fixed:
            weight.path = f"{name}/{weight.name}"

    @property
    def trainable(self):
        """Whether training changes the weights; it may be set at any time."""
        return self._trainable

    @trainable.setter
    def trainable(self, trainable):
        self._trainable = bool(trainable)
        for weight in self._learned:
            weight.requires_grad = self._trainable

    @property
    def weights(self):
        """All weights: first those that can be trained, then the others."""
        return self._learned + self._fixed

    @property
    def trainable_weights(self):
        """The weights that training changes: none in a frozen layer."""
        return self._learned[:] if self._trainable else []

    @property
    def non_trainable_weights(self):
        """The weights that training does not change: all of a frozen layer."""
        return list(self._fixed) if self.trainable else self.weights

    @property
    def losses(self):
        """Scalar Tensors to add to the loss: penalties of weights and of the last call's output."""
        penalties = [w.regularizer(w) for w in self.trainable_weights if w.regularizer]
        return penalties if self._activity_penalty is None else [*penalties, self._activity_penalty]

    @property
    def output_shape(self):
        """Shape of the output, None on the batch axis; None while the input's is not known."""
        return None if self.input_shape is None else self.compute_output_shape(self.input_shape)

    def count_params(self):
        """Return how many numbers the weights hold."""
        if not self.built:
            raise self._error("build(input_shape) or a call on data first", "no weights yet")
        return sum(weight.size for weight in self.weights)

    def get_weights(self):
        """Return copies of the weights as a list of arrays, in the order of ``weights``."""
        return [weight.numpy().copy() for weight in self.weights]

    def set_weights(self, arrays):
        """Replace the values of all weights, in the order of ``weights``.

        Raises
        ------
        ValueError
            If the number of arrays or any shape differs. No weight has changed then.
        """
        assign_weights(self.weights, arrays)

    def __repr__(self):
        return f"<{self._title}, input_shape={self.input_shape}>"

    # --- checks ---

    @property
    def _title(self):
        return f"{type(self).__name__} {self.name!r}"

    def _error(self, expected, got, kind=ValueError):
        return kind(f"{self._title}: expected {expected}, got {got!r}")

    def _check_input(self, shape):
        if len(shape) < self.min_rank or self.rank not in (None, len(shape)):
            axes = f"at least {self.min_rank}" if self.rank is None else self.rank
            raise self._error(f"an input of {axes} axes, the batch axis included", shape)
        for axis in self.fixed_axes:
            size = self.input_shape[axis] if self.input_shape else None
            if shape[axis] is None or size not in (None, shape[axis]):
                raise self._error(f"an input of size {size or 'known'} on axis {axis}", shape)

    def _check_int(self, argument, value):
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise self._error(f"{argument} to be an integer of at least 1", value)
        return int(value)

    def _check_sizes(self, argument, sizes):
        if not isinstance(sizes, (tuple, list)):
            raise self._error(f"a tuple of ints for {argument}", sizes, TypeError)
        return tuple(None if n is None else self._check_int(argument, n) for n in sizes)

    def _check_data_format(self, data_format):
        if data_format not in (None, "channels_last"):
            raise self._error("data_format 'channels_last'", data_format)


class ElementwiseLayer(Layer):
    """A layer whose output has the shape of its input."""

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


class KernelLayer(Layer):
    """``activation(operation(x, kernel) + bias)``: what Dense and Conv2D have in common.

    Parameters
    ----------
    activation : str or callable, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or callable
    kernel_regularizer, bias_regularizer : str or callable, optional
    kernel_constraint, bias_constraint : str or callable, optional
    **kwargs
        As for ``Layer``.
    """

    fixed_axes = (-1,)

    def __init__(
        self, activation=None, use_bias=True, kernel_initializer="glorot_uniform",
        bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None,
        kernel_constraint=None, bias_constraint=None, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._kernel = recipe("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._bias = recipe("bias", bias_initializer, bias_regularizer, bias_constraint)

    def add_kernel_and_bias(self, kernel_shape):
        """Make ``self.kernel``, and ``self.bias`` of the size of its last axis, or None."""
        self.kernel = self.add_weight(kernel_shape, **self._kernel)
        self.bias = self.add_weight(kernel_shape[-1:], **self._bias) if self.use_bias else None

    def run(self, operation, x, **options):
        """Run ``ops.dense`` or ``ops.conv2d`` and the activation; relu is fused with the op."""
        if self.activation is activations.relu:
            return operation(x, self.kernel, self.bias, activation="relu", **options)
        return self.activation(operation(x, self.kernel, self.bias, **options))
