"""Values known by their shape and by how they come about: what a model of layers is written with.

``Input((3,))`` gives a ``Symbol``. A layer or op that is called with one computes nothing: it is
recorded as a ``Call``, whose results are Symbols again. A model replays the calls with arrays. As
in the engine, a Symbol points to its Call and a Call to its arguments, never to its results.
"""

import functools

import numpy as np

from minigrad.core import FLOAT_TYPES, Tensor, no_grad, trial
from minigrad.utils.arguments import UNTOLD, retell_call
from minigrad.utils.config import check_trial
from minigrad.utils.structures import flatten, map_structure, pack_like

# A size that is not known is tried with two values: the batch's, that of any other axis. The sizes
# of the results that differ between the two trials are not known either.
TRIALS = ((2, 32), (3, 48))


class Symbol:
    """A value to come: its shape is known, None where a size is not, and the call it results from.

    Operators, ops and layers take it as they take a Tensor, and give Symbols.

    Attributes
    ----------
    shape : tuple of int or None
        The first axis is usually the batch, of unknown size.
    dtype : dtype
    call : Call
        What computes it.
    index : int
        Its place among the results of that call.
    """

    __slots__ = ("__weakref__", "call", "dtype", "index", "shape")  # operators: ops/__init__.py

    def __init__(self, shape, dtype="float32", call=None, index=0):
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.call = call
        self.index = index

    @property
    def key(self):
        """What identifies the value while a model runs."""
        return id(self.call), self.index

    @property
    def name(self):
        """The name of the layer or op that makes it."""
        return self.call.title

    @property
    def ndim(self):
        return len(self.shape)

    def __repr__(self):
        return f"<Symbol, shape={self.shape}, made by {self.name!r}>"

    def _refuse(self, *_, **__):
        raise TypeError(
            f"{self!r}: expected a layer or an op of minigrad to use it, got Python or NumPy, "
            "which need its values; compute with ops, or inside the call(self, x) of a Layer"
        )

    __array__ = __bool__ = __float__ = __int__ = __index__ = _refuse
    __len__ = __iter__ = numpy = item = backward = _refuse


class Call:
    """One use of a layer or op: the function, and its arguments, with Symbols among them."""

    __slots__ = ("arguments", "function", "is_single", "options")

    def __init__(self, function, arguments=(), options=None, is_single=True):
        self.function = function
        self.arguments = arguments
        self.options = options or {}
        self.is_single = is_single  # whether the result is one value, not a structure of values

    @property
    def title(self):
        return getattr(self.function, "name", None) or self.function.__name__

    @property
    def sources(self):
        """The Symbols among the arguments, in order."""
        return symbols_in((self.arguments, self.options))


def symbols_in(value):
    """Return the Symbols in a structure, in order."""
    return [leaf for leaf in flatten(value) if type(leaf) is Symbol]


def is_symbolic(value):
    """Whether `value` is a Symbol, or a structure that holds one."""
    kind = type(value)
    if kind is list or kind is tuple or kind is dict:
        return bool(symbols_in(value))
    return kind is Symbol


# --- recording -----------------------------------------------------------------------------------


def recordable(function):
    """Return the op with the ability to be recorded: with a Symbol among its arguments it is."""

    @functools.wraps(function)
    def operation(*arguments, **options):
        for x in arguments:
            kind = type(x)
            if kind is Symbol or ((kind is list or kind is tuple) and is_symbolic(x)):
                return record(operation, arguments, options)
        for x in options.values():
            if type(x) is Symbol:
                return record(operation, arguments, options)
        try:
            return function(*arguments, **options)
        except UNTOLD as error:  # NumPy's own, perhaps, which does not name the op
            retell_call(operation, error, arguments, options)
            raise

    return operation


def record(function, arguments, options, results=None):
    """Record a call; return a Symbol for its result, or a structure of Symbols.

    Parameters
    ----------
    function : callable
        Called again each time the model runs.
    arguments : tuple
    options : dict
    results : structure of Symbol, optional
        New ones, of which only shape and dtype are known. By default they are found by trying.
    """
    if results is None:
        results = infer(function, arguments, options)
    call = Call(function, arguments, options, type(results) is Symbol)
    for index, symbol in enumerate(symbols_in(results)):
        symbol.call, symbol.index = call, index
    return results


def infer(function, arguments, options):
    """Return new Symbols of the shapes and dtypes of a call's results, found by trying on zeros."""
    first, second = (_try(function, arguments, options, sizes) for sizes in TRIALS)
    merged = [_merge(function, *pair) for pair in zip(flatten(first), flatten(second), strict=True)]
    return pack_like(first, merged)


def _merge(function, first, second):
    if not hasattr(first, "shape"):
        title = getattr(function, "name", None) or function.__name__
        raise TypeError(f"{title}: expected a result of tensors, got {first!r}")
    if len(first.shape) != len(second.shape):
        return Symbol((None,) * len(first.shape), first.dtype)
    pairs = zip(first.shape, second.shape, strict=True)
    return Symbol((a if a == b else None for a, b in pairs), first.dtype)


def _try(function, arguments, options, sizes):
    batch, other = sizes

    def zeros(leaf):
        if type(leaf) is not Symbol:
            return leaf
        shape = [other if size is None else size for size in leaf.shape]
        if leaf.shape[:1] == (None,):
            shape[0] = batch
        check_trial(shape)
        array = np.zeros(shape, leaf.dtype)
        return Tensor(array) if leaf.dtype in FLOAT_TYPES else array  # as the op gives it

    with trial(), no_grad(), np.errstate(all="ignore"):  # log(0) says nothing here
        return function(*map_structure(zeros, arguments), **map_structure(zeros, options))


# --- running -------------------------------------------------------------------------------------


def order_calls(inputs, outputs):
    """Return the calls that lead from the inputs to the outputs, each after those it needs.

    The order is Keras's: by the longest way from a call to an output, longest first; calls equally
    far in the order in which a walk from the outputs back meets their functions.

    Parameters
    ----------
    inputs, outputs : list of Symbol

    Returns
    -------
    list of Call
        Those without sources, of ``Input``, among them.

    Raises
    ------
    ValueError
        If an output depends on an ``Input`` that is not among the inputs.
    """
    known = {symbol.key for symbol in inputs}
    met, seen, order = {}, set(), []  # functions; calls; calls, each after those it needs
    stack = [(output, False) for output in reversed(outputs)]
    while stack:
        symbol, is_finished = stack.pop()
        call = symbol.call
        is_input = symbol.key in known
        if is_finished:
            order.append(call)
        elif id(call) in seen or (is_input and call.sources):
            continue
        elif is_input or call.sources:
            met.setdefault(id(call.function), len(met))
            seen.add(id(call))
            stack.append((symbol, True))
            stack += [(source, False) for source in reversed(call.sources)]
        else:
            raise ValueError(
                "Model: expected outputs that are computed from its inputs alone, got one that "
                f"also needs {symbol!r}; add that to the inputs"
            )
    depths, deepest = {}, {}  # of calls, of functions
    for symbol in inputs:  # one that nothing needs stands before the last layers
        if id(symbol.call) not in seen and not symbol.call.sources:
            met[id(symbol.call.function)] = -1
            seen.add(id(symbol.call))
            order.append(symbol.call)
    for call in reversed(order):  # from the outputs to the inputs
        depth = max(depths.get(id(call), 0), deepest.get(id(call.function), 0))
        depths[id(call)] = deepest[id(call.function)] = depth
        for source in call.sources:
            if source.key not in known or not source.call.sources:
                below = id(source.call)
                depths[below] = max(depths.get(below, 0), depth + 1)
    return sorted(order, key=lambda call: (-depths[id(call)], met[id(call.function)]))
