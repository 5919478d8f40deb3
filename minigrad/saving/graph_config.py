"""A graph of layers as a config, and back, in Keras 3's layout.

Each layer, and each use of an op, is an entry with its ``inbound_nodes``: what it was called with.
A Symbol among the arguments is described by ``keras_history``: the name of the entry that makes it,
which of its calls, and which of that call's results.
"""

import inspect

import numpy as np

from minigrad import activations, ops
from minigrad.layers.base import Layer
from minigrad.symbolic import Symbol
from minigrad.utils.config import deserialize, serialize
from minigrad.utils.naming import to_snake_case, unique_name
from minigrad.utils.structures import flatten, map_structure

# Keras's classes of ops are named as minigrad's ops in camel case, but for these.
CLASS_NAMES = {
    "abs": "Absolute", "cdist": "CDist", "div": "TrueDivide", "getitem": "GetItem", "isin": "IsIn",
    "mul": "Multiply", "neg": "Negative", "pow": "Power", "searchsorted": "SearchSorted",
    "sub": "Subtract", "svd": "SVD",
}  # fmt: skip
OP_NAMES = {name: op for op, name in CLASS_NAMES.items()}
RELU = "keras.src.activations.activations", "ReLU"
# Arguments that Keras calls with; it makes the op with all others.
INPUTS = {
    "a", "arguments", "b", "choicelist", "condition", "condlist", "constant_values", "data",
    "default", "index", "indices", "inputs", "kernel", "operands", "output", "predictions", "q",
    "segment_ids", "target", "targets", "variable", "weights", "x", "x1", "x2", "xs", "y",
}  # fmt: skip


# --- writing -------------------------------------------------------------------------------------


def write_graph(graph):
    """Return ``layers``, ``input_layers`` and ``output_layers`` of a graph's config."""
    names, places = {}, {}  # id of a layer, or of an op's call -> name; id of a call -> its place
    entries = {}  # name -> entry
    taken = {layer.name for layer in graph.layers}
    for call in graph.calls:
        is_layer = isinstance(call.function, Layer)
        key = id(call.function if is_layer else call)
        if key not in names:
            names[key] = call.title if is_layer else unique_name(call.title, taken)
            taken.add(names[key])
            entry = serialize(call.function) if is_layer else _describe_op(call, names[key])
            entries[names[key]] = entry | {"name": names[key], "inbound_nodes": []}
        nodes = entries[names[key]]["inbound_nodes"]
        places[id(call)] = names[key], len(nodes)
        if call.sources:
            arguments, options = call.arguments, call.options
            if not is_layer:
                arguments, options = _split_arguments(call)[0], {}
            describe = _describer(places)
            nodes.append({"args": describe(list(arguments)), "kwargs": describe(options)})

    def place(symbol):
        name, number = places[id(symbol.call)]
        return [name, number + _offset(symbol.call.function), symbol.index]

    return {
        "layers": list(entries.values()),
        "input_layers": map_structure(place, graph.inputs),
        "output_layers": map_structure(place, graph.outputs),
    }


def _offset(function):
    """Among inputs and outputs, Keras counts the calls of a graph within a graph from 1."""
    return int(getattr(function, "_graph", None) is not None)


def _describer(places):
    """A function that writes arguments, with the places of the Symbols among them."""

    def describe(leaf):
        if type(leaf) is not Symbol:
            return leaf
        history = [*places[id(leaf.call)], leaf.index]
        config = {"shape": leaf.shape, "dtype": leaf.dtype.name, "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": config}

    return lambda arguments: serialize(map_structure(describe, arguments), "model")


def _describe_op(call, name):
    op = call.function.__name__
    if getattr(ops, op, None) is None:
        raise TypeError(
            f"get_config: expected layers and functions of minigrad.ops between them, got {op}; "
            "write a layer, such as Activation(function)"
        )
    class_name = CLASS_NAMES.get(op) or "".join(word.capitalize() for word in op.split("_"))
    module = "keras.src.ops"
    if call.function is activations.relu:  # which has more settings than the op
        module, class_name = RELU
    return {
        "module": module,
        "class_name": class_name,
        "config": {"name": name} | serialize(_split_arguments(call)[1], op),
        "registered_name": class_name,
    }


def _split_arguments(call):
    """What Keras calls an op with, in order, and what it makes it with, by name."""
    bound = inspect.signature(call.function).bind(*call.arguments, **call.options)
    bound.apply_defaults()
    inputs, settings = [], {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            settings |= value
        elif kind is not inspect.Parameter.VAR_POSITIONAL:
            if name in INPUTS:
                inputs.append(_write_index(value) if name == "index" else value)
            elif name == "data_format":
                settings[name] = "channels_last"  # its default, which Keras's classes do not know
            else:
                settings[name] = value
        elif name in INPUTS:
            inputs += value
        elif value:  # reshape(x, 2, 3) is reshape(x, (2, 3))
            last = next(reversed(settings))
            settings[last] = settings[last], *value
    while inputs and inputs[-1] is None:
        inputs.pop()
    return inputs, settings


def _write_index(index):
    return np.array(index) if isinstance(index, list) else index  # a file has no tuples


# --- reading -------------------------------------------------------------------------------------


def read_graph(config):
    """Return the inputs and outputs that a graph's config describes, Symbols in their structure."""
    makers, results = {}, {}  # name -> what to call; name -> the structures that its calls gave
    waiting = {}  # name -> its calls to come
    for entry in config["layers"]:
        name = entry["name"]
        makers[name] = _make(entry)
        results[name] = []
        waiting[name] = list(entry["inbound_nodes"])
        if not waiting[name]:
            results[name].append(makers[name].symbol())
    while any(waiting.values()):
        made = [_call_what_can_be(n, makers[n], waiting[n], results) for n in waiting]
        if not any(made):
            names = [name for name in waiting if waiting[name]]
            raise ValueError(f"config: expected a graph without loops, got one among {names}")

    return tuple(_find(config[key], makers, results) for key in ("input_layers", "output_layers"))


def _find(places, makers, results):
    """The Symbols at places, in their structure."""
    if isinstance(places, dict):
        return {name: _find(part, makers, results) for name, part in places.items()}
    if len(places) == 3 and isinstance(places[0], str):
        name, number, index = places
        return _result([name, number - _offset(makers[name]), index], results)
    found = [_find(part, makers, results) for part in places]
    return found[0] if len(found) == 1 else found  # Keras 2 writes lists of one


def _make(entry):
    """The layer, or a function that calls the op, of an entry."""
    module, name = entry["module"].split("."), entry["class_name"]
    if "ops" not in module and "activations" not in module:
        return deserialize({key: entry[key] for key in entry if key != "compile_config"})
    is_relu = (entry["module"], name) == RELU
    op = activations.relu if is_relu else getattr(ops, OP_NAMES.get(name) or to_snake_case(name), 0)
    if not op:
        raise ValueError(f"config: expected an op that minigrad has, got {name}")
    known = inspect.signature(op).parameters
    settings = {key: deserialize(value) for key, value in entry["config"].items() if key != "name"}
    settings = {k: v for k, v in settings.items() if k in known or v not in (None, False)}

    def call(*arguments, **options):
        if op is ops.getitem and isinstance(arguments[1], list):
            arguments = arguments[0], tuple(arguments[1])
        if name == "Einsum":
            return op(settings["subscripts"], *arguments)
        return op(*arguments, **settings, **options)

    return call


def _call_what_can_be(name, function, nodes, results):
    """Make the calls whose arguments are there; return how many."""
    count = 0
    while nodes and _has_sources(nodes[0], results):
        node = nodes.pop(0)
        arguments, options = _fill_in(node["args"], results), _fill_in(node["kwargs"], results)
        given = {key: value for key, value in options.items() if value is not None}  # no masks
        results[name].append(function(*arguments, **given))
        count += 1
    return count


def _is_symbol(value):
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _has_sources(value, results):
    if _is_symbol(value):
        name, number, _ = value["config"]["keras_history"]
        return number < len(results[name])
    parts = value.values() if isinstance(value, dict) else value
    return not isinstance(value, (dict, list)) or all(_has_sources(v, results) for v in parts)


def _fill_in(value, results):
    if _is_symbol(value):
        return _result(value["config"]["keras_history"], results)
    if isinstance(value, list):
        return [_fill_in(part, results) for part in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _fill_in(part, results) for key, part in value.items()}
    return deserialize(value)


def _result(history, results):
    name, number, index = history
    return flatten(results[name][number])[index]
