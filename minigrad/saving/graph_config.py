"""A graph of layers as a config, and back, in Keras 3's layout.

Each layer, and each use of an op, is an entry with its ``inbound_nodes``: what it was called with.
A Symbol among the arguments is described by ``keras_history``: the name of the entry that makes it,
which of its calls, and which of that call's results.
"""

import inspect

import numpy as np

from minigrad import activations, ops
from minigrad.layers.base import Layer
from minigrad.symbolic import Symbol, symbols_in
from minigrad.utils.config import deserialize, serialize
from minigrad.utils.naming import to_snake_case, unique_name
from minigrad.utils.structures import flatten, map_structure

# Keras's classes of ops are named as minigrad's ops in camel case, but for these.
CLASS_NAMES = {
    "abs": "Absolute", "div": "TrueDivide", "getitem": "GetItem", "mul": "Multiply",
    "neg": "Negative", "pow": "Power", "sub": "Subtract", "eq": "Equal", "ne": "NotEqual",
    "lt": "Less", "le": "LessEqual", "gt": "Greater", "ge": "GreaterEqual",
}  # fmt: skip
OP_NAMES = {name: op for op, name in CLASS_NAMES.items() if len(op) > 2} | {
    "Abs": "abs", "Amax": "max", "Amin": "min", "Divide": "div",
}  # fmt: skip
IN_NN = {
    "celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_shrink", "hard_tanh",
    "leaky_relu", "log_sigmoid", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu",
    "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax",
    "squareplus", "tanh_shrink",
}  # fmt: skip
# Arguments that Keras calls with; it makes the op with all others.
INPUTS = {"x", "y", "x1", "x2", "xs", "condition", "index", "indices"}
BY_NAME = {"constant_values"}  # arguments of the call that are given by name
MODULES = {"cast": "core", "logsumexp": "math", "norm": "linalg", "one_hot": "nn"}


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
                arguments, options, _ = _split_arguments(call)
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
    if op not in CLASS_NAMES and _find_op(op) is None:
        raise TypeError(
            f"get_config: expected layers and functions of minigrad.ops between them, got {op}; "
            "write a Layer with a name"
        )
    class_name = CLASS_NAMES.get(op) or "".join(part.capitalize() for part in op.split("_"))
    module = "nn" if op in IN_NN else MODULES.get(op, "numpy")
    return {
        "module": f"keras.src.ops.{module}",
        "class_name": class_name,
        "config": {"name": name} | serialize(_split_arguments(call)[2]),
        "registered_name": class_name,
    }


def _split_arguments(call):
    """What Keras calls an op with, in order and by name, and what it makes it with, by name."""
    bound = inspect.signature(call.function).bind(*call.arguments, **call.options)
    inputs, named, settings = [], {}, {}
    for name, parameter in inspect.signature(call.function).parameters.items():
        value = bound.arguments.get(name, parameter.default)
        if parameter.kind is parameter.VAR_POSITIONAL:  # reshape(x, 2, 3) is reshape(x, (2, 3))
            if settings and not symbols_in(value):
                last = next(reversed(settings))
                rest = bound.arguments.get(name, ())
                settings[last] = (settings[last], *rest) if rest else settings[last]
            else:
                inputs += value
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            settings |= bound.arguments.get(name, {})
            continue
        if name == "index" and isinstance(value, list):
            value = np.array(value)  # a file does not tell a list from a tuple
        if name in INPUTS:
            inputs.append(value)
        elif name in BY_NAME:
            named |= {} if value is None else {name: value}
        else:
            settings[name] = value
    return inputs, named, settings


def _find_op(name):
    return getattr(ops, name, None) or getattr(activations, name, None)


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

    def find(places):
        if isinstance(places, dict):
            return {name: find(part) for name, part in places.items()}
        if len(places) == 3 and isinstance(places[0], str):
            name, number, index = places
            return _result([name, number - _offset(makers[name]), index], results)
        found = [find(part) for part in places]
        return found[0] if len(found) == 1 else found  # Keras 2 writes lists of one

    return find(config["input_layers"]), find(config["output_layers"])


def _make(entry):
    """The layer, or a function that calls the op, of an entry."""
    if ".ops." not in f".{entry['module']}.":
        return deserialize({key: entry[key] for key in entry if key != "compile_config"})
    name = entry["class_name"]
    op = _find_op(OP_NAMES.get(name) or to_snake_case(name))
    if op is None:
        raise ValueError(f"config: expected an op that minigrad has, got {name}")
    known = inspect.signature(op).parameters
    settings = {k: deserialize(v) for k, v in entry["config"].items() if k != "name"}
    settings = {k: v for k, v in settings.items() if k in known or v not in (None, False)}

    first = [settings.pop(name) for name in list(known)[:1] if name in settings]

    def call(*arguments, **options):
        if op is ops.getitem and isinstance(arguments[1], list):
            arguments = arguments[0], tuple(arguments[1])
        return op(*first, *arguments, **settings, **options)

    return call


def _call_what_can_be(name, function, nodes, results):
    """Make the calls whose arguments are there; return how many."""
    count = 0
    while nodes and _has_sources(nodes[0], results):
        node = nodes.pop(0)
        arguments, options = _fill_in(node["args"], results), _fill_in(node["kwargs"], results)
        options = {k: v for k, v in options.items() if k != "mask" and v is not None}
        results[name].append(function(*arguments, **options))
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
