"""Sequential: a stack of layers."""

import types

from minigrad import ops
from minigrad.core import Tensor
from minigrad.layers import InputLayer
from minigrad.layers.base import Layer, is_shape, map_shapes
from minigrad.models.model import Model, number_names
from minigrad.symbolic import Symbol
from minigrad.utils.arguments import short_text
from minigrad.utils.config import custom_object_scope, deserialize, serialize
from minigrad.utils.foreign import library_of
from minigrad.utils.shapes import fit_rank, shape_cure


class Sequential(Model):
    """A model that applies its layers one after the other.

    ``model(x, training=False)`` applies it like any layer. Its weights are made at once if the
    first layer has an ``input_shape`` (or is an ``Input``), else with the first data::

        model = Sequential([Input((28, 28, 1)), Flatten(), Dense(10, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x_train, y_train, epochs=3, validation_data=(x_test, y_test))

    Parameters
    ----------
    layers : list of Layer, optional
        Added by ``add``, one after the other.
    trainable : bool
        False freezes all layers.
    name : str, optional
    """

    def __init__(self, layers=None, trainable=True, name=None):
        if layers is not None and not isinstance(layers, (list, tuple)):
            raise TypeError(
                f"Sequential: expected a list of layers, got {short_text(layers)}; "
                "write Sequential([layer, layer])"
            )
        super().__init__(name=name, trainable=trainable)
        self._layers = []
        self._is_declared = False  # whether the input's shape was given before any data
        self._symbols = []  # of the input and of each layer's output, if the shape is known
        for layer in layers or []:
            self.add(layer)

    def add(self, layer):
        """Append a layer.

        An unnamed layer is numbered if its name is taken: ``dense``, ``dense_1``, ``dense_2``. A
        layer that is added twice shares its weights.

        Raises
        ------
        TypeError
            If ``layer`` is no layer.
        ValueError
            If its explicit name is taken, the output so far does not fit, or a second input is
            declared.
        """
        if type(layer) is Symbol and isinstance(layer.call.function, InputLayer):
            layer = layer.call.function
        if not isinstance(layer, Layer):
            raise self._error("an instance of a layer", layer, TypeError, _cure_for(layer))
        if isinstance(layer, InputLayer) and self._layers:
            raise self._error("an Input only as the first layer", layer)
        number_names(self, [*self._layers, layer])
        if not self._layers:
            self.input_shape, self._fitting_shape = layer.input_shape, None
            self.dtype = layer.dtype
            self._is_declared = is_shape(self.input_shape)
            if self._is_declared:
                is_input = isinstance(layer, InputLayer)
                self._symbols = [(layer if is_input else InputLayer(self.input_shape[1:])).symbol()]
        if self._symbols and not isinstance(layer, InputLayer):
            self._symbols = [*self._symbols, layer(self._symbols[-1])]
        self.built = self.built or bool(self._symbols)
        if not self.trainable:
            layer.trainable = False
        self._layers.append(layer)

    def pop(self):
        """Remove the last layer and return it."""
        if not self._layers:
            raise IndexError(f"{self._title}: expected a layer to remove, got none")
        layer = self._layers.pop()
        self._symbols = self._symbols[: len(self._symbols) - 1]
        self.built = self.built and bool(self._layers)
        return layer

    @property
    def layers(self):
        """The layers in order, without an ``Input``."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    def build(self, input_shape):
        """Make the weights of all layers for inputs of this shape, None on the batch axis."""
        if not self._layers:
            raise self._error("at least one layer, by model.add(layer)", self._layers)
        x = map_shapes(lambda shape: InputLayer(shape[1:]).symbol(), input_shape)
        symbols = [x]
        for layer in self.layers:
            symbols.append(layer(symbols[-1]))
        self._symbols = symbols

    def call(self, x, training=False):
        shape = self.input_shape
        if type(x) is Tensor and type(shape) is tuple and x.ndim != len(shape):
            x = ops.reshape(x, fit_rank(x.shape, shape))
        for layer in self._layers:
            x = layer(x)
        return x

    def _as_tensors(self, x):
        if isinstance(x, (list, tuple)) and len(x) == 1 and hasattr(x[0], "shape"):
            x = x[0]  # as in Keras, a list of one input is that input
        return super()._as_tensors(x)

    def compute_output_shape(self, input_shape):
        if type(self.input_shape) is tuple:
            input_shape = fit_rank(tuple(input_shape), self.input_shape)
        for layer in self._layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self):
        """Return a dict from which ``from_config`` makes a model like this one, with new weights.

        Of a built model, ``layers`` begin with an ``Input``.
        """
        config = super().get_config()
        first = self._symbols[0].call.function if self._symbols else None
        if "layers" in config and first is not None and first not in self._layers:
            config["layers"].insert(0, serialize(first))
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Make a model from what ``get_config`` returned; entries of one name are one layer."""
        with custom_object_scope(custom_objects):
            if isinstance(config.get("layers"), list):
                config = config | {"layers": _make_layers(config["layers"])}
            return super().from_config(config)

    def _check_input(self, shape):
        if self._is_declared and is_shape(shape):
            expected = self.input_shape
            fitting = fit_rank(shape, expected)
            sizes = zip(expected[1:], fitting[1:], strict=False)
            if len(fitting) != len(expected) or any(n not in (None, got) for n, got in sizes):
                cure = shape_cure(expected, shape)
                raise self._error(f"an input of shape {expected}", tuple(shape), cure=cure)

    def _made_from(self):
        if not self._symbols:
            raise AttributeError(
                f"{self._title}: expected a known input shape, got none yet; begin with "
                "Input(shape), or call the model on data first"
            )
        return types.SimpleNamespace(inputs=self._symbols[0], outputs=self._symbols[-1])

    def _output_names(self):
        return [self._layers[-1].name if self._layers else "output"]


def _make_layers(entries):
    """The layers of a config; one that was added twice is one again."""
    names = [entry["config"].get("name") or i for i, entry in enumerate(entries)]
    made = {n: deserialize(entry) for n, entry in dict(zip(names, entries, strict=True)).items()}
    return [made[name] for name in names]


def _cure_for(value):
    """What to write in place of what is no layer."""
    library = library_of(value)
    if library is not None:
        return f"; it is {library}'s: import {type(value).__name__} from minigrad.layers"
    if isinstance(value, type):
        return f"; write {value.__name__}(...)"
    if isinstance(value, str):
        return f"; write Activation({value!r})"
    if isinstance(value, (list, tuple)):
        return "; write one list of layers"
    return f"; write Lambda({short_text(value)})" if callable(value) else ""
