"""The base of all layers: weights made on first use, a computation, and shape inference."""

import functools
import inspect
import itertools
import threading
import warnings
import weakref

import numpy as np

from minigrad import activations, config, constraints, initializers, regularizers, samples, symbolic
from minigrad.core import (
    FLOAT_TYPES,
    Parameter,
    Tensor,
    as_array,
    as_tensor,
    is_trial,
    trial,
    values_here,
)  # fmt: skip
from minigrad.kernels import aligned
from minigrad.layers.keras_form import KerasForm
from minigrad.layers.options import keep_options, make_weight
from minigrad.layers.tracking import Tracked
from minigrad.symbolic import Symbol, is_symbolic
from minigrad.utils.arguments import (
    UNTOLD,
    ArgumentTypeError,
    Signature,
    argument_names,
    explain_arguments,
    is_ours,
    retell,
    short_text,
    unknown_argument,
)
from minigrad.utils.config import take_room
from minigrad.utils.foreign import refuse_inside
from minigrad.utils.naming import automatic_name, to_snake_case
from minigrad.utils.shapes import shape_cure
from minigrad.utils.structures import flatten, is_structure, map_structure


class _Around(threading.local):
    """What this thread's running calls of layers share."""

    training = None  # what the innermost call was given or found; None outside of all calls
    number = 0  # of the outermost call: losses that an earlier one added do not count
    building = False  # in ``build``, which may make weights

    def __init__(self):
        self.deferred = []  # weak references to tensors whose values may still be to compute


around = _Around()
_numbers = itertools.count(1)


def compute_deferred():
    """Compute what was deferred in this call and is still in use: weights may change after it."""
    for reference in around.deferred:
        tensor = reference()
        if tensor is not None:
            values_here(tensor)
    around.deferred = []


def _is_in_call():
    """Whether a layer's ``call`` is running, outside of any ``build``."""
    return around.training is not None and not around.building


def _as_tensor(value):
    return map_structure(lambda x: as_tensor(x) if isinstance(x, np.ndarray) else x, value)


def _complete_build(build):
    """Wrap a class's ``build``, which then only has to make the weights.

    The wrapper checks the input's shape and remembers it. A layer that has weights keeps them.
    """

    @functools.wraps(build)
    def complete(self, input_shape, *others):
        self._check_input(input_shape)
        self._fitting_shape = input_shape
        if not self.built or (self.has_no_weights and self.input_shape is None):
            input_shape = map_shapes(lambda shape: (None, *shape[1:]), input_shape)  # any batch
            before, around.building = around.building, True
            try:
                with trial(False):
                    build(self, *self.arrange_shapes(input_shape, others))
            finally:
                around.building = before
            self.input_shape = input_shape
            self.built = True

    return complete


def is_shape(value):
    """Whether this is the shape of one tensor, not a structure of shapes."""
    whole = (int, np.integer, type(None))
    return isinstance(value, (tuple, list)) and all(isinstance(n, whole) for n in value)


def map_shapes(function, shapes):
    """Apply a function to a shape, or to each shape of a structure; None stays None."""
    if shapes is None:
        return None
    if is_shape(shapes):
        return function(tuple(shapes))
    if isinstance(shapes, dict):
        return {name: map_shapes(function, shape) for name, shape in shapes.items()}
    return [map_shapes(function, shape) for shape in shapes]


def _read_signature(call, skipped):
    """What a ``call`` takes after its first, skipped arguments.

    Returns the name of its input, the names after that, whether ``training`` is one of them, and
    the default of that as a bool.
    """
    arguments = list(inspect.signature(call).parameters.values())
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [a.name for a in arguments if a.kind in by_place][skipped:] or [None]
    defaults = [a.default for a in arguments if a.name == "training"]
    return names[0], names[1:], bool(defaults), defaults in ([True], [1])


class Layer(KerasForm, Tracked):
    """Base class of all layers.

    The constructor checks its arguments, ``build`` makes the weights once the input's shape is
    known, ``call`` computes. A layer of your own needs no more than this::

        class Scale(Layer):
            def build(self, input_shape):
                self.factor = self.add_weight(input_shape[-1:], "ones", name="factor")

            def call(self, x):
                return x * self.factor

    A layer that is made of layers holds them in attributes, or in lists, tuples or dicts there, and
    so it does Parameters; all of them are trained and saved with it::

        class Residual(Layer):
            def __init__(self, units, **kwargs):
                super().__init__(**kwargs)
                self.dense = Dense(units, activation="relu")
                self.drop = Dropout(0.5)

            def call(self, x):
                return x + self.drop(self.dense(x))

    ``call`` is given ``training`` if it has an argument of that name. Layers that it calls without
    ``training`` take that of the call around them; outside of all calls it is False.

    Parameters
    ----------
    name : str, optional
        Default: the class's name in snake case, numbered through the program as in Keras: "dense",
        "dense_1", ...; ``utils.clear_session`` begins anew.
    trainable : bool
        False freezes all weights.
    dtype : {"float32", "float64"}, optional
        Type of the weights, to which arrays given to the layer are converted. Default: float32,
        or what ``config.set_floatx`` said.
    activity_regularizer : str or callable, optional
        ``activity_regularizer(output)`` divided by the number of samples is added to the loss.
    input_shape : tuple of int, optional
        Shape of one sample. A Sequential whose first layer has it makes its weights at once;
        elsewhere it says nothing, as in Keras.
    input_dim : int, optional
        The same as ``input_shape=(input_dim,)``.

    Attributes
    ----------
    built : bool
        Whether the weights have been made, or there are none to make.
    input_shape : tuple or None
        Shape of the input, None on the batch axis, as far as it is known. Of several inputs, the
        shapes in their structure.
    has_automatic_name : bool
        Whether no name was given; a model may then number it anew, and files do not hold it.
    """

    __signature__ = Signature()
    unsaved = ("input_shape", "input_dim")
    set_first = "_name"
    rank = None  # the number of axes that an input must have, batch axis included; None: any
    min_rank = 1
    fixed_axes = ()  # axes of the input whose sizes the weights depend on
    has_no_weights = False  # then it is built from the beginning
    _signature = "x", [], False, False

    def __init_subclass__(cls):
        super().__init_subclass__()
        if "build" in vars(cls):
            cls._shapes_of_build = (*inspect.signature(cls.build).parameters,)[1:]
            cls.build = _complete_build(cls.build)
        if "call" in vars(cls):
            cls._signature = _read_signature(cls.call, 1)  # self

    def __init__(
        self, name=None, trainable=True, dtype=None,
        activity_regularizer=None, input_shape=None, input_dim=None, **unknown,
    ):  # fmt: skip
        if unknown:
            title, known = type(self).__name__, argument_names(type(self))
            raise unknown_argument(title, next(iter(unknown)), known)
        self.built = self.has_no_weights and type(self).build is Layer.build
        self._fitting_shape = None  # of the last input that was checked
        self._last_call = 0  # the number of its last call that was an outermost one
        self._added_losses = 0, ()  # the number of the call that added losses, and the losses
        self._output = None  # a weak reference to the last Symbol it gave
        self._is_made_in_call = _is_in_call()
        self.name = automatic_name(self.class_name) if name is None else name
        self.has_automatic_name = name is None
        self.trainable = trainable
        self.dtype = np.dtype(dtype or config.floatx())
        if self.dtype not in FLOAT_TYPES:
            cure = "; leave it out, integers are converted"
            raise self._error("dtype float32 or float64", self.dtype, TypeError, cure)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        if input_dim is not None:
            input_shape = (input_dim,)
        self.input_shape = None
        if input_shape is not None:
            self.input_shape = (None, *self._check_sizes("input_shape", input_shape))
            self.built = False  # the input decides

    # --- what a subclass writes ---

    def call(self, x):
        """Compute the layer's output, a Tensor, from the Tensor ``x``.

        A layer of several inputs gets them as they are given, in a list or dict, or as further
        arguments. Several outputs are returned in a list, tuple or dict.
        """
        raise NotImplementedError(f"{type(self).__name__}: call(self, x) is missing")

    @_complete_build
    def build(self, input_shape):
        """Make the weights for inputs of this shape, whose first axis (the batch) is None."""

    def compute_output_shape(self, input_shape):
        """Return the output's shape for an input of this shape; unknown sizes are None.

        A subclass may compute it; by default ``call`` is tried on zeros, see ``symbolic.infer``.
        """
        x = map_shapes(lambda shape: Symbol(shape, self.dtype), input_shape)
        return map_structure(lambda symbol: symbol.shape, symbolic.infer(self, (x,), {}))

    @explain_arguments
    def add_weight(
        self, shape=(), initializer="glorot_uniform", dtype=None, trainable=True, *,
        autocast=True, regularizer=None, constraint=None, aggregation="none", name=None,
    ):  # fmt: skip
        """Make a weight of the layer; ``build`` calls this, or ``__init__``.

        Parameters
        ----------
        shape : tuple of int
        initializer : str or callable
            ``initializer(shape, dtype)`` gives the first values. None: "glorot_uniform".
        dtype : {"float32", "float64"}, optional
            Default: the layer's.
        trainable : bool
            False for values that gradients do not change, such as moving averages.
        regularizer, constraint : str or callable, optional
        autocast, aggregation
            Without effect: there is one type and one device.
        name : str, optional
            Default: ``weight_0``, ``weight_1``, ...

        Returns
        -------
        Parameter
        """
        name = name or f"weight_{len(self._weights)}"
        if self._is_made_in_call or (self.built and _is_in_call()):
            fault = f"weight {name!r} to be made in __init__ or build"
            cure = f"; make {'the layer' if self._is_made_in_call else 'it'} in __init__"
            raise ValueError(f"{self._title}: expected {fault}, got one made in call{cure}")
        if isinstance(shape, str):
            raise self._error("a shape, and the name as a keyword argument, name=...", shape)
        try:
            shape, dtype = () if shape is None else tuple(shape), np.dtype(dtype or self.dtype)
        except TypeError:
            fault = "a tuple of ints as shape, and as dtype float32 or float64"
            raise self._error(fault, f"{shape}, {dtype}", TypeError) from None
        if dtype not in FLOAT_TYPES:
            cure = "; whole numbers fit in either"
            raise self._error(f"dtype float32 or float64 of {name!r}", dtype, TypeError, cure)
        take_room(shape, f"{self._title}, weight {name!r}")
        initializer = "glorot_uniform" if initializer is None else initializer
        values = as_array(initializers.get(initializer)(shape, dtype=dtype), dtype)
        if values.shape != shape:
            raise self._error(f"an initializer of {name!r} to return {shape}", values.shape)
        weight = Parameter(
            aligned(values), name=name, path=f"{self.name}/{name}", trainable=trainable,
            regularizer=regularizers.get(regularizer), constraint=constraints.get(constraint),
            copy=False,
        )  # fmt: skip
        weight.trainable = trainable and self.trainable
        self._weights = [*self._weights, weight]
        return weight

    add_variable = add_weight

    def add_loss(self, loss):
        """Add a scalar Tensor, or a list of them, to the loss of this call; ``call`` calls this.

        It counts in ``losses`` until the next call of the layer, or of the layer or model around.
        """
        if around.training is None:
            raise RuntimeError(f"{self._title}: expected add_loss to be called in call(self, x)")
        if not is_trial():
            number, losses = self._added_losses
            losses = losses if number == around.number else ()
            self._added_losses = around.number, (*losses, *flatten(loss))

    # --- what a user calls ---

    def __call__(self, x=None, *others, training=None, **options):
        """Return the layer's output for a batch, making the weights first if there are none.

        Parameters
        ----------
        x : Tensor or array_like of shape (N, ...), or a list or dict of several
            With a Symbol among them, the call is recorded: see ``minigrad.Model``. May also be
            given by the name that ``call`` has for it, as in ``layer(inputs=x)``.
        training : bool, optional
            Whether dropout and batch normalization work as in training. Default: as in the call
            around this one, else False.
        *others, **options
            Further arguments of ``call``.

        Raises
        ------
        Exception
            Every error raised inside gets a note with the layer's name and the input's shape.
        """
        outside, given = around.training, training
        if samples.door is not None and outside is None and samples.share() is None:
            return samples.door(self, x, others, training, options)
        try:
            first, names, takes_training, default = self._signature
            if x is None:
                name = first if first in options else "inputs"  # what Keras's layers call it
                if name not in options:
                    raise self._error("an input", None, TypeError)
                x = options.pop(name)
            if others:
                options |= zip(names, others, strict=False)
                others = others[len(names) :]  # for a call(self, *inputs)
                given = training = options.pop("training", training)
                if np.ndim(training):
                    cure = "; give several inputs in a list: layer([x, y])"
                    raise self._error("training as a bool", training, TypeError, cure)
            if training is None:
                training = default if outside is None else outside
            if type(x) is np.ndarray:
                x = Tensor(x, dtype=self.dtype)
            if type(x) is not Tensor or options or others:
                if is_symbolic((x, others, options)):
                    return self._record((x, *others), options, given)
                x = self._as_tensors(x)
                others = [self._as_tensors(other) for other in others]
                options = {name: _as_tensor(value) for name, value in options.items()}
                self.note_shapes(options)
                self.fit_shape(map_structure(lambda leaf: getattr(leaf, "shape", None), x))
            elif x.shape != self._fitting_shape or not self.built:
                self.fit_shape(x.shape)
            if outside is None:
                vars(self)["_last_call"] = around.number = next(_numbers)
            if training is not outside:
                around.training = training
            if takes_training:
                y = self.call(x, *others, training=training, **options)
            else:
                y = self.call(x, *others, **options)
            if type(y) is not Tensor:
                y = self._check_output(y)
            if self.activity_regularizer is not None:
                for part in flatten(y):
                    self.add_loss(self.activity_regularizer(part) / max(len(part), 1))
            if outside is None and around.deferred:
                compute_deferred()
            if samples.door is not None:
                y = samples.door.share_out(y)
            return y
        except Exception as error:
            shape = getattr(x, "shape", type(x).__name__)
            title = f"{vars(self).get('_name')!r} ({type(self).__name__})"
            is_from_here = "in layer" not in str(getattr(error, "__notes__", ""))
            error.add_note(f"in layer {title}, input shape: {shape}")
            if is_ours(type(self)) and is_from_here and isinstance(error, UNTOLD):
                retell(self._title, error, {"inputs": x} | options)
            raise
        finally:
            if training is not outside:
                around.training = outside
            if outside is None and around.deferred:
                around.deferred = []

    def _record(self, inputs, options, training):
        """Record a call with Symbols; return the Symbols of the results."""
        x = inputs[0]
        shape = map_structure(lambda leaf: getattr(leaf, "shape", None), x)
        self.note_shapes(options)
        self.fit_shape(shape)
        results = None
        computes_shape = type(self).compute_output_shape is not Layer.compute_output_shape
        if computes_shape and not options and all(layer.built for layer, _ in self._walk()):
            results = self.compute_output_shape(shape)
            results = map_shapes(lambda shape: Symbol(shape, self.dtype), results)
        if training is not None:
            options["training"] = training
        results = symbolic.record(self, inputs, options, results)
        self._output = [weakref.ref(symbol) for symbol in flatten(results)]
        return results

    def _as_tensors(self, x):
        """Convert arrays to Tensors of the layer's type, each of a structure of several."""
        if is_structure(x):
            return map_structure(self._as_tensors, x)
        if _is_in_call():
            refuse_inside(self._title, x)
        return x if x is None or isinstance(x, Tensor) else Tensor(x, dtype=self.dtype)

    def _check_output(self, y):
        """Return an own ``call``'s results as Tensors."""
        for part in flatten(y):
            refuse_inside(f"{self._title}, call", part)
        try:
            if flatten(y):
                return map_structure(as_tensor, y)
        except TypeError:  # a leaf is no Tensor
            pass
        expected = "call to return a Tensor, or a list, tuple or dict of Tensors"
        raise self._error(expected, y, TypeError)

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "call":  # replaced for this layer alone
            self._signature = _read_signature(value, 0)

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
        if not isinstance(name, str) or not name or {"/", "\0"} & {*name}:
            expected = "a name without '/' and NUL"
            raise ValueError(f"{type(self).__name__}: expected {expected}, got {name!r}")
        self._name, self.has_automatic_name = name, False
        for weight in self._held()[0]:
            weight.path = f"{name}/{weight.name}"

    @property
    def class_name(self):
        """The class's name in snake case, which names are numbered from."""
        return to_snake_case(type(self).__name__)

    @property
    def losses(self):
        """Scalar Tensors to add to the loss: penalties of weights, and what the last call added."""
        weights, layers = self.trainable_weights, [layer for layer, _ in self._walk()]
        return self._collect_losses(weights, layers)

    def _collect_losses(self, weights, layers):
        losses = [weight.regularizer(weight) for weight in weights if weight.regularizer]
        added = [layer._added_losses for layer in layers if layer._added_losses[1]]
        last = self._last_call or max([number for number, _ in added], default=0)
        return losses + [loss for number, losses in added if number == last for loss in losses]

    @property
    def output_shape(self):
        """Shape of the output, None on the batch axis; None while the input's is not known."""
        return None if self.input_shape is None else self.compute_output_shape(self.input_shape)

    def count_params(self):
        """Return how many numbers the weights hold."""
        if not self.built:
            expected = "build(input_shape) or a call on data first"
            raise ValueError(f"{self._title}: expected {expected}, got no weights yet")
        return sum(weight.size for weight in self.weights)

    def __getstate__(self):
        return vars(self) | {"_output": None}  # weak references can neither be copied nor pickled

    # --- checks ---

    @property
    def _title(self):
        return f"{type(self).__name__} {self.name!r}"

    def _error(self, expected, got, kind=ValueError, cure=""):
        kind = ArgumentTypeError if kind is TypeError else kind
        return kind(f"{self._title}: expected {expected}, got {short_text(got)}{cure}")

    def _check_input(self, shape):
        self.check_input_spec(shape)
        if not is_shape(shape):
            if self.rank is not None or self.min_rank > 1 or self.fixed_axes:
                cure = "; a list or tuple holds several; for data and labels write fit(x, y)"
                raise self._error("one input", shape, cure=cure)
            return
        if len(shape) < self.min_rank or self.rank not in (None, len(shape)):
            axes = f"at least {self.min_rank}" if self.rank is None else self.rank
            cure = shape_cure((None,) * (self.rank or self.min_rank), shape)
            raise self._error(f"an input of {axes} axes, the batch axis included", shape, cure=cure)
        for axis in self.fixed_axes:
            size = self.input_shape[axis] if self.built else None
            if shape[axis] is None:
                raise self._error(f"an input of known size on axis {axis}", shape)
            if size not in (None, shape[axis]):
                raise self._error(f"an input of size {size} on axis {axis}", shape)

    def _check_int(self, argument, value):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise self._error(f"{argument} to be an integer of at least 1", value)
        return int(value)

    def _check_sizes(self, argument, sizes):
        if not isinstance(sizes, (tuple, list)):
            cure = f"; write ({sizes},)" if isinstance(sizes, int) else ""
            raise self._error(f"a tuple of ints for {argument}", sizes, TypeError, cure)
        return tuple(None if n is None else self._check_int(argument, n) for n in sizes)

    def _check_data_format(self, data_format):
        if data_format not in (None, "channels_last"):
            cure = "; put the channels last: x.transpose(0, 2, 3, 1)"
            raise self._error("data_format 'channels_last'", data_format, cure=cure)
        self.data_format = "channels_last"


class ElementwiseLayer(Layer):
    """A layer whose output has the shape of its input."""

    has_no_weights = True  # unless a subclass has a ``build``

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
        keep_options(self, "kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        keep_options(self, "bias", bias_initializer, bias_regularizer, bias_constraint)

    def add_kernel_and_bias(self, kernel_shape):
        """Make ``self.kernel``, and ``self.bias`` of the size of its last axis, or None."""
        if kernel_shape[-1] == 1 and self.activation is activations.softmax:
            wanted = "softmax over two or more units, got one; for two classes write sigmoid"
            warnings.warn(f"{self._title}: expected {wanted}", stacklevel=2)
        self.kernel = make_weight(self, "kernel", kernel_shape)
        self.bias = make_weight(self, "bias", kernel_shape[-1:]) if self.use_bias else None

    @property
    def kernel_and_bias(self):
        """Kernel and bias, as far as there are any."""
        return [self.kernel] if self.bias is None else [self.kernel, self.bias]

    def run(self, operation, x, **options):
        """Run ``ops.dense`` or ``ops.conv2d`` and the activation; relu is fused with the op."""
        if self.activation is None:  # set later on
            return operation(x, self.kernel, self.bias, **options)
        if self.activation is activations.relu:
            return operation(x, self.kernel, self.bias, activation="relu", **options)
        return self.activation(operation(x, self.kernel, self.bias, **options))
