"""The graph of a model that was made from Symbols: which layers and ops to run, in which order."""

import collections

from minigrad import ops
from minigrad.layers.base import Layer
from minigrad.layers.fusion import run_layers
from minigrad.symbolic import Symbol, order_calls, symbols_in
from minigrad.utils.structures import flatten, map_structure


class Graph:
    """Runs the calls that lead from the inputs to the outputs.

    Layers that follow each other, where nothing else uses what is between them, are a chain: they
    run as in ``Sequential``, some of them in one kernel.

    Parameters
    ----------
    inputs, outputs : Symbol, or a list, tuple or dict of Symbol

    Attributes
    ----------
    layers : list of Layer
        Each once, in Keras's order.
    """

    def __init__(self, inputs, outputs):
        for name, value in (("inputs", inputs), ("outputs", outputs)):
            wrong = [leaf for leaf in flatten(value) if type(leaf) is not Symbol]
            if wrong or not flatten(value):
                raise TypeError(
                    f"Model: expected {name} made with Input(shape) and layers called on it, got "
                    f"{wrong[0] if wrong else value!r}"
                )
        self.inputs, self.outputs = inputs, outputs
        calls = order_calls(flatten(inputs), flatten(outputs))
        functions = {id(call.function): call.function for call in calls}
        self.layers = [layer for layer in functions.values() if isinstance(layer, Layer)]
        given = {symbol.key for symbol in flatten(inputs)}
        calls = [call for call in calls if (id(call), 0) not in given]
        self.steps = _plan(calls, given, flatten(outputs))

    @property
    def output_names(self):
        """Keys of a dict of outputs, else the names of the layers and ops that make them."""
        if isinstance(self.outputs, dict):
            return list(self.outputs)
        return [symbol.call.title for symbol in flatten(self.outputs)]

    def run(self, x, training):
        """Return the outputs, in their structure, for the inputs ``x`` in theirs."""
        values = self._bind(x)
        for chain, finished in self.steps:
            first, last = chain[0], chain[-1]
            arguments = _fill_in(first.arguments, values)
            if len(chain) > 1:
                layers = [call.function for call in chain]
                y = run_layers(layers, arguments[0], training)
            else:
                y = first.function(*arguments, **_fill_in(first.options, values))
            for index, part in enumerate([y] if last.is_single else flatten(y)):
                values[id(last), index] = part
            for key in finished:
                del values[key]
        return _fill_in(self.outputs, values)

    def _bind(self, x):
        """Return a dict from the inputs' keys to their values."""
        inputs = self.inputs
        if isinstance(x, dict):
            names = inputs if isinstance(inputs, dict) else [s.call.title for s in flatten(inputs)]
            missing = [name for name in names if name not in x]
            if missing:
                raise ValueError(f"expected inputs {', '.join(names)}, got no {missing[0]!r}")
            x = [x[name] for name in names]
        parts, symbols = flatten(x), flatten(inputs)
        if len(parts) != len(symbols):
            raise ValueError(f"expected {len(symbols)} inputs, got {len(parts)}")
        return {s.key: _fit(part, s) for part, s in zip(parts, symbols, strict=True)}


def _fit(x, symbol):
    """Return an input in the rank that was declared; (N,) stands for (N, 1), and (N, 1) for (N,)."""
    shape = symbol.shape
    if x.ndim == len(shape) - 1 and shape[-1] == 1:
        x = ops.expand_dims(x, -1)
    elif x.ndim == len(shape) + 1 and x.shape[-1] == 1:
        x = ops.squeeze(x, -1)
    sizes = zip(shape[1:], x.shape[1:], strict=False)
    if x.ndim != len(shape) or any(n not in (None, got) for n, got in sizes):
        raise ValueError(
            f"input {symbol.call.title!r}: expected shape {shape}, None being the batch, "
            f"got {x.shape}"
        )
    return x


def _fill_in(value, values):
    """Return a structure with the values of its Symbols."""
    return map_structure(lambda leaf: values[leaf.key] if type(leaf) is Symbol else leaf, value)


def _plan(calls, given, outputs):
    """Return the steps, a list of (chain of calls, keys of values that are not needed any more)."""
    uses = collections.Counter(source.key for call in calls for source in call.sources)
    uses.update(output.key for output in outputs)
    chains, ending = [], {}  # ending: the key of a chain's result -> the chain
    for call in calls:
        key = call.sources[0].key if len(call.sources) == 1 else None
        chain = ending.pop(key, None) if _follows(call) and uses[key] == 1 else None
        if chain is None:
            chain = []
            chains.append(chain)
        chain.append(call)
        if call.is_single and isinstance(call.function, Layer):
            if _follows(call) or len(call.arguments) == 1 and not call.options:
                ending[id(call), 0] = chain
    last_use = {s.key: i for i, chain in enumerate(chains) for s in chain[0].sources}
    kept = {output.key for output in outputs}
    finished = [[] for _ in chains]
    for key, i in last_use.items():
        if key not in kept:
            finished[i].append(key)
    return list(zip(chains, finished, strict=True))


def _follows(call):
    """Whether the call is that of a layer on one value, so that it may follow another in a chain."""
    is_plain = len(call.arguments) == 1 and type(call.arguments[0]) is Symbol and not call.options
    return is_plain and isinstance(call.function, Layer)
