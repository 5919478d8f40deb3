"""New models like one that there is."""

from minigrad.layers import InputLayer
from minigrad.saving.formats import parse_json
from minigrad.symbolic import symbols_in
from minigrad.utils.structures import flatten, map_structure


def model_from_json(json_string, custom_objects=None):
    """Return a new model from what ``model.to_json()`` returned, with new weights.

    Parameters
    ----------
    json_string : str
    custom_objects : dict from str to class or function, optional
        Your own classes and functions by name, unless they are registered.
    """
    from minigrad.saving.legacy_h5 import make_model  # only here: it takes 3 ms

    described = parse_json(json_string, "model_from_json")
    return make_model(described, None, custom_objects, "the text of model_from_json")


def clone_model(
    model, input_tensors=None, clone_function=None, call_function=None, recursive=False
):
    """Return a model like ``model``, with layers and weights of its own.

    Parameters
    ----------
    model : Model
        Sequential, made from Symbols, or of a class of your own that has ``get_config``.
    input_tensors : Symbol, or a structure of them, optional
        What a model made from Symbols begins with. Default: new ones like the old.
    clone_function : callable(Layer) -> Layer, optional
        Makes the copy of each layer. Default: from its config. An ``Input`` is copied always.
    call_function : callable(Layer, *arguments, **options), optional
        Calls the copy of a layer. Default: ``layer(*arguments, **options)``.
    recursive : bool
        Whether models within are cloned in the same way, layer by layer.

    Raises
    ------
    ValueError
        If there are ``input_tensors`` or functions for a model of another kind.
    """
    copies = _Copies(clone_function or _copy_layer, call_function or _call, recursive)
    if model._graph is not None:
        return _clone_graph(model, input_tensors, copies)
    if hasattr(model, "add") and input_tensors is None and call_function is None:
        return _clone_row(model, copies)
    if (input_tensors, clone_function, call_function) != (None, None, None):
        raise ValueError(
            f"clone_model: expected a Sequential or a model made from Symbols, got {model!r}; "
            "others are cloned as a whole, without further arguments"
        )
    return type(model).from_config(model.get_config())


class _Copies(dict):
    """The copy of each layer, made when it is first asked for."""

    def __init__(self, make_copy, call, recursive):
        super().__init__()
        self.make_copy, self.call, self.recursive = make_copy, call, recursive

    def __missing__(self, layer):
        if self.recursive and getattr(layer, "_graph", None) is not None:
            self[layer] = _clone_graph(layer, None, self)
        elif self.recursive and hasattr(layer, "add"):
            self[layer] = _clone_row(layer, self)
        else:
            self[layer] = self.make_copy(layer)
        return self[layer]


def _clone_row(model, copies):
    clone = type(model).from_config(model.get_config() | {"layers": []})
    for layer in model._layers:
        clone.add(_copy_input(layer) if isinstance(layer, InputLayer) else copies[layer])
    if model.built and not clone.built:
        clone.build(model.input_shape)
    return clone


def _copy_layer(layer):
    return type(layer).from_config(layer.get_config())


def _copy_input(layer):
    return InputLayer.from_config(layer.get_config())


def _call(function, *arguments, **options):
    return function(*arguments, **options)


def _clone_graph(model, input_tensors, copies):
    graph = model._graph
    values = {}
    if input_tensors is None:
        input_tensors = map_structure(lambda s: _copy_input(s.call.function).symbol(), graph.inputs)
    for old, new in zip(flatten(graph.inputs), flatten(input_tensors), strict=True):
        values[old.key] = new

    def fill_in(structure):
        return map_structure(lambda leaf: values[leaf.key] if symbols_in(leaf) else leaf, structure)

    for call in graph.calls:
        if (id(call), 0) not in values:
            function = call.function
            is_layer = hasattr(function, "get_config")
            run = copies.call if is_layer else _call
            function = copies[function] if is_layer else function
            y = run(function, *fill_in(call.arguments), **fill_in(call.options))
            for index, symbol in enumerate(flatten(y)):
                values[id(call), index] = symbol
    inputs, outputs = fill_in(graph.inputs), fill_in(graph.outputs)
    return type(model)(inputs, outputs, name=model.name, trainable=model.trainable)
