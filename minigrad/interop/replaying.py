"""A model gone through call by call: what an export, or another framework's names, are made from.

Whoever replays says what it does with a layer or op that it knows. What it does not know, such as a
model or a layer of your own, is gone into: its ``call`` is recorded with Symbols.
"""

import contextlib
import types

from minigrad.core import no_grad, trial
from minigrad.layers.base import Layer, around
from minigrad.symbolic import Call, Symbol, order_calls
from minigrad.utils.structures import flatten, map_structure

_GIVEN = types.SimpleNamespace(name="input")  # what makes the Symbols of what is gone into


def replay(function, arguments, options, apply, kind):
    """Return what a layer or op makes of values, in the structure of its results.

    Parameters
    ----------
    function : Layer or callable
    arguments : tuple
        Values, in structures and among constants.
    options : dict
    apply : callable(function, arguments, options)
        Returns the results, or NotImplemented of what is to be gone into.
    kind : type
        Of the values, which have ``shape`` and ``dtype``.

    Raises
    ------
    TypeError
        If what is inside cannot be recorded; the message names it.
    """
    results = apply(function, arguments, options)
    if results is not NotImplemented:
        return results
    values = {}

    def symbol_of(leaf):
        if not isinstance(leaf, kind):
            return leaf
        symbol = Symbol(leaf.shape, leaf.dtype, Call(_GIVEN))
        values[symbol.key] = symbol, leaf
        return symbol

    def value_of(leaf):
        return values[leaf.key][1] if type(leaf) is Symbol else leaf

    recorded = _record(function, *map_structure(symbol_of, (arguments, options)))
    inputs = [symbol for symbol, _ in values.values()]
    for call in order_calls(inputs, [leaf for leaf in flatten(recorded) if type(leaf) is Symbol]):
        if (id(call), 0) not in values:
            known = map_structure(value_of, (call.arguments, call.options))
            parts = flatten(replay(call.function, *known, apply, kind))
            values |= {(id(call), index): (None, part) for index, part in enumerate(parts)}
    return map_structure(value_of, recorded)


def title_of(function):
    """What a layer or function is called in messages."""
    if isinstance(function, Layer):
        return function._title
    return getattr(function, "__name__", type(function).__name__)


def _record(function, arguments, options):
    """Call what is inside with Symbols; return the results."""
    body = function.call if isinstance(function, Layer) else getattr(function, "__wrapped__", None)
    if body is None:
        body = function
    if isinstance(function, Layer) and function._signature[2]:  # it has an argument `training`
        options = options | {"training": False}
    try:
        with _as_in_inference(function), trial(), no_grad():
            return body(*arguments, **options)
    except Exception as error:  # what computes with values finds none: a dozen types of errors
        if isinstance(error, RecordingError):
            raise
        got = f"{type(error).__name__}: {error}"
        if str(getattr(body, "__module__", "")).startswith("minigrad.more_ops"):
            got = "one that asks NumPy for values"
        raise RecordingError(
            f"{title_of(function)}: expected ops of minigrad alone, which can be recorded, got "
            f"{got}; write it with other minigrad.ops and layers, with sizes that Input knows, or "
            "put it outside of the model"
        ) from error


class RecordingError(TypeError):
    """What is inside a layer or function cannot be recorded."""


@contextlib.contextmanager
def _as_in_inference(function):
    """Let layers be called as in inference, and remember what they gave before."""
    layers = [layer for layer, _ in function._walk()] if isinstance(function, Layer) else []
    outputs = [layer._output for layer in layers]
    before = around.training, around.deferred
    around.training, around.deferred = False, []
    try:
        yield
    finally:
        around.training, around.deferred = before
        for layer, output in zip(layers, outputs, strict=True):
            vars(layer)["_output"] = output
