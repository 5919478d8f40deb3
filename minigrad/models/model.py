"""Model: layers made into something to train, by a graph of Symbols or by a ``call``."""

from minigrad import symbolic
from minigrad.layers.base import Layer, map_shapes
from minigrad.models.graph import Graph
from minigrad.saving.savable import Savable
from minigrad.symbolic import Symbol
from minigrad.training import Trainer
from minigrad.utils.naming import unique_name
from minigrad.utils.structures import flatten, map_structure
from minigrad.utils.summary import summary_lines

NAME_CURE = "; give one another name, or none"


class Model(Savable, Trainer, Layer):
    """A layer that can be trained, evaluated, summed up and saved.

    Made from Symbols, it computes the outputs from the inputs. Layers may be shared, ops and
    operators may stand between them, and models are layers of other models::

        x = Input((28, 28, 1))
        y = Flatten()(x)
        y = Dense(64, activation="relu")(y) + Dense(64)(y)
        model = Model(x, Dense(10, activation="softmax")(y))

    A subclass makes its layers in ``__init__`` and uses them in ``call``. Its weights are made by
    the first batch, or by ``build``::

        class Net(Model):
            def __init__(self):
                super().__init__()
                self.hidden = Dense(64, activation="relu")
                self.out = Dense(10, activation="softmax")

            def call(self, x):
                return self.out(self.hidden(x))

    Both are compiled and trained as ``Sequential`` is; see ``Trainer`` for the methods that the
    loop calls and that a subclass may override.

    Parameters
    ----------
    inputs, outputs : Symbol, or a list, tuple or dict of Symbol, optional
        Arrays for several inputs are then given in the same structure, or in a dict by the names of
        the inputs.
    name : str, optional
    trainable : bool
        False freezes all layers.
    **kwargs
        As for ``Layer``.

    Attributes
    ----------
    inputs, outputs : list of Symbol
    layers : list of Layer
    """

    unsaved = ("inputs", "outputs")

    def __init__(self, inputs=None, outputs=None, name=None, trainable=True, **kwargs):
        if (inputs is None) != (outputs is None):
            raise TypeError(
                f"{type(self).__name__}: expected inputs and outputs, or neither, got "
                f"{'outputs' if inputs is None else 'inputs'} alone"
            )
        super().__init__(name=name, trainable=trainable, **kwargs)
        if inputs is not None:
            self._graph = Graph(inputs, outputs)
            self._layers = self._graph.layers
            self.dtype = flatten(inputs)[0].dtype
            number_names(self, self._layers)
            self.input_shape = map_structure(lambda symbol: symbol.shape, inputs)
            self.built = True
            if not trainable:
                self.trainable = False

    def _held(self):
        weights, layers = super()._held()
        ordered = {id(layer): layer for layer in vars(self).get("_layers", ())}
        return weights, list((ordered | {id(layer): layer for layer in layers}).values())

    # --- the computation -------------------------------------------------------------------------

    def call(self, x, training=False):
        """Compute the outputs; a subclass may do it in any way."""
        if self._graph is None:
            raise NotImplementedError(
                f"{self._title}: expected a call(self, x) method, or {type(self).__name__}"
                "(inputs, outputs), got neither"
            )
        return self._graph.run(x)

    def build(self, input_shape):
        """Make the weights for inputs of this shape, by trying the model on zeros.

        Parameters
        ----------
        input_shape : tuple, or a list or dict of tuples
            With None, or any number, on the batch axis.
        """
        if self._graph is None:
            x = map_shapes(lambda shape: Symbol(shape, self.dtype), input_shape)
            symbolic.infer(self, (x,), {})

    def fit_shape(self, shape):
        if type(self).build is not Model.build:
            super().fit_shape(shape)
        elif shape != self._fitting_shape or not self.built:
            self._fitting_shape = shape
            self.built = True  # the call that follows makes the weights
            if self.input_shape is None:
                self.input_shape = map_shapes(lambda shape: (None, *shape[1:]), shape)

    def compute_output_shape(self, input_shape):
        if self._graph is not None and _equal_shapes(input_shape, self.input_shape):
            return map_structure(lambda symbol: symbol.shape, self._graph.results)
        return super().compute_output_shape(input_shape)

    @property
    def class_name(self):
        """The class's name in snake case; a plain Model is called "functional", as in Keras."""
        return "functional" if type(self) is Model else super().class_name

    # --- layers ----------------------------------------------------------------------------------

    @property
    def layers(self):
        """The layers right within, in the order of their weights."""
        return self._held()[1]

    @property
    def inputs(self):
        """The Symbols that the model was made from, in a list."""
        return flatten(self._made_from().inputs)

    @property
    def outputs(self):
        """The Symbols that the model computes, in a list."""
        return flatten(self._made_from().outputs)

    @property
    def input(self):
        """The Symbol, or structure of Symbols, that the model was made from."""
        return self._made_from().inputs

    @property
    def output(self):
        """The Symbol, or structure of Symbols, that the model computes."""
        return self._made_from().outputs

    def _made_from(self):
        if self._graph is None:
            raise AttributeError(f"{self._title}: expected a model made from Symbols, got a call")
        return self._graph

    @property
    def output_names(self):
        """The names by which losses and metrics of several outputs are given in dicts."""
        return self._output_names()

    def _output_names(self):
        return None if self._graph is None else self._graph.output_names

    def get_layer(self, name=None, index=None):
        """Return the layer of this name, or at this place; ValueError if there is none."""
        names = [layer.name for layer in self.layers]
        if index is None and name in names:
            return self.layers[names.index(name)]
        if name is None and index in range(-len(names), len(names)):
            return self.layers[index]
        wanted = f"name={name}, index={index}"
        raise ValueError(f"No such layer: {wanted}. Existing layers are: {names}.")

    # --- to look at -----------------------------------------------------------------------------

    def summary(
        self, line_length=None, positions=None, print_fn=None, expand_nested=False,
        show_trainable=False, layer_range=None, show_operations=False,
    ):  # fmt: skip
        """Print a table of the layers, their output shapes and numbers of parameters.

        Parameters
        ----------
        line_length : int, optional
            Width in characters. Default: 88, or the terminal's width less 4.
        positions : list of float, optional
            Where each column ends, as a fraction of the width.
        print_fn : callable, optional
            Called once with all the text. Default: ``print``.
        expand_nested : bool
            Show the layers within layers, too.
        show_trainable : bool
            Add a column that shows whether a layer is trained.
        layer_range : (str, str), optional
            Names (or regular expressions) of the first and last layer to show.
        show_operations : bool
            Add a table (Keras has none) of the cost of one sample in each layer: the floating-point
            operations of the forward pass, and the bytes of output and weights. Each use of a
            kernel's weight counts as 2 (multiply, add); biases, activations and layers without a
            kernel count as 0. Below it are the totals of the forward pass, and of both passes,
            with the gradients of kernels and of their inputs.
        """
        options = expand_nested, show_trainable, layer_range, show_operations
        (print_fn or print)("\n".join(summary_lines(self, line_length, positions, *options)))


def number_names(model, layers):
    """Make the names unique: an automatic one that is taken is numbered anew; others raise."""
    taken = set()
    layers = dict.fromkeys(layers)  # one that is used twice has one name
    for layer in sorted(layers, key=lambda layer: layer.has_automatic_name):
        if layer.name in taken:
            if not layer.has_automatic_name:
                raise model._error("layers with unique names", layer.name, cure=NAME_CURE)
            layer.name = unique_name(layer.class_name, taken)
            layer.has_automatic_name = True
        taken.add(layer.name)


def _equal_shapes(shapes, declared):
    """Whether all sizes are the declared ones, the batch's aside."""
    flat = [], []
    for values, found in zip((shapes, declared), flat, strict=True):
        map_shapes(lambda shape, found=found: found.append(shape[1:]), values)
    return flat[0] == flat[1]
