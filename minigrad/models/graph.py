"""The graph of a model that was made from Symbols: which layers and ops to run, in which order."""

from minigrad import ops
from minigrad.layers.base import Layer
from minigrad.symbolic import Symbol, order_calls
from minigrad.utils.arguments import short_text
from minigrad.utils.shapes import fit_rank, shape_cure
from minigrad.utils.structures import flatten, map_structure


class Graph:
    """Runs the calls that lead from the inputs to the outputs.

    Parameters
    ----------
    inputs, outputs : Symbol, or a list, tuple or dict of Symbol

    Attributes
    ----------
    layers : list of Layer
        Each once, in Keras's order.
    calls : list of Call
        All of them in that order, those of ``Input`` among them.
    results : Symbol, or a list, tuple or dict of Symbol
        What ``run`` returns the values of: the outputs, or the only one of a list.
    """

    def __init__(self, inputs, outputs):
        for name, value in (("inputs", inputs), ("outputs", outputs)):
            wrong = [leaf for leaf in flatten(value) if type(leaf) is not Symbol]
            if wrong or not flatten(value):
                raise TypeError(
                    f"Model: expected {name} made with Input(shape) and layers called on it, got "
                    f"{short_text(wrong[0] if wrong else value)}"
                )
        self.inputs, self.outputs = inputs, outputs = _sorted(inputs), _sorted(outputs)
        is_list_of_one = isinstance(outputs, (list, tuple)) and len(outputs) == 1
        self.results = outputs[0] if is_list_of_one else outputs
        self.calls = calls = order_calls(flatten(inputs), flatten(outputs))
        functions = {id(call.function): call.function for call in calls}
        self.layers = [layer for layer in functions.values() if isinstance(layer, Layer)]
        given = {symbol.key for symbol in flatten(inputs)}
        calls = [call for call in calls if (id(call), 0) not in given]
        self.steps = _plan(calls, flatten(outputs))

    def __reduce__(self):
        return Graph, (self.inputs, self.outputs)  # the steps hold numbers of this very object

    @property
    def output_names(self):
        """Keys of a dict of outputs, else the names of the layers and ops that make them."""
        if isinstance(self.outputs, dict):
            return list(self.outputs)
        return [symbol.call.title for symbol in flatten(self.outputs)]

    def run(self, x):
        """Return the values of the results, in their structure, for the inputs ``x`` in theirs."""
        values = self._bind(x)
        for call, finished in self.steps:
            y = call.function(*_fill_in(call.arguments, values), **_fill_in(call.options, values))
            for index, part in enumerate([y] if call.is_single else flatten(y)):
                values[id(call), index] = part
            for key in finished:
                del values[key]
        return _fill_in(self.results, values)

    def _bind(self, x):
        """Return a dict from the inputs' keys to their values."""
        inputs, symbols = self.inputs, flatten(self.inputs)
        names = list(inputs) if isinstance(inputs, dict) else [s.call.title for s in symbols]
        if isinstance(x, dict):
            if any(name not in x for name in names):
                raise ValueError(f"Model: expected inputs named {names}, got {list(x)}")
            x = [x[name] for name in names]
        parts = flatten(x)
        if len(parts) != len(symbols):
            raise ValueError(
                f"Model: expected {len(symbols)} inputs, {names}, got {len(parts)}; "
                "give them in a list in this order, or in a dict by name"
            )
        return {s.key: _fit(part, s) for part, s in zip(parts, symbols, strict=True)}


def _sorted(structure):
    """A dict in the order of its keys, which is Keras's; anything else as it is."""
    return dict(sorted(structure.items())) if isinstance(structure, dict) else structure


def _fit(x, symbol):
    """Return an input in the rank that was declared, see ``fit_rank``."""
    shape, fitting = symbol.shape, fit_rank(x.shape, symbol.shape)
    sizes = zip(shape[1:], fitting[1:], strict=False)
    if len(fitting) != len(shape) or any(n not in (None, got) for n, got in sizes):
        raise ValueError(
            f"input {symbol.call.title!r}: expected shape {shape}, None being the batch, "
            f"got {x.shape}{shape_cure(shape, x.shape)}"
        )
    return x if x.ndim == len(shape) else ops.reshape(x, fitting)


def _fill_in(value, values):
    """Return a structure with the values of its Symbols."""
    return map_structure(lambda leaf: values[leaf.key] if type(leaf) is Symbol else leaf, value)


def _plan(calls, outputs):
    """Return the steps: pairs of a call and the keys of the values that nothing needs after it."""
    last_uses = {source.key: i for i, call in enumerate(calls) for source in call.sources}
    kept = {output.key for output in outputs}
    finished = [[] for _ in calls]
    for key, i in last_uses.items():
        if key not in kept:
            finished[i].append(key)
    return list(zip(calls, finished, strict=True))
