"""Where the first NaN or infinity is born: `find_nan` looks at every op while it is on.

The engine has one hook, ``core._watches``, read only while ``core._pauses`` holds something: off,
an op that may record a graph runs not one instruction more. On, an op runs as ever, bit for bit,
and its result is looked at; so are the gradients that its ``backward`` returns, and what an
optimizer's step leaves behind. Which layer an op runs in, which batch it is, and where it was
called, is read from Python's stack: nothing else has to know of it.
"""

import functools
import itertools
import math
import os
import sys
import threading

import numpy as np

from minigrad import core, ops
from minigrad.core import Parameter, Tensor
from minigrad.lab.names import name_layers, name_weights
from minigrad.layers.base import Layer
from minigrad.layers.fusion import Stage, drop, rectify
from minigrad.losses import Loss
from minigrad.optimizers import Optimizer
from minigrad.training.diagnosis import CLEAN, LARGE, TAME, is_finite
from minigrad.training.loop import Trainer
from minigrad.utils.naming import to_snake_case
from minigrad.utils.structures import flatten

__all__ = ["NotFiniteError", "find_nan"]

CURES = {
    "log log2 log10 log1p": "a logarithm of 0 is -inf, of less NaN: write ops.log(ops.maximum(x, "
    "1e-7)), and give losses the outputs before softmax or sigmoid, with from_logits=True",
    "div reciprocal rsqrt": "a divisor is 0: write x / ops.maximum(y, 1e-7), or divide_no_nan",
    "sqrt std": "the slope of a square root is infinite at 0, and below 0 it is NaN: write "
    "ops.sqrt(x + 1e-12), or ops.norm, whose slope at 0 is 0",
    "exp exp2 expm1 sinh cosh": "exp of more than 88 (in float64, 709) is infinite: subtract the "
    "largest, as ops.softmax and ops.logsumexp do, clip it, or try a smaller learning rate",
    "arccos arccosh arcsin arctanh erfinv pow tan": "keep the input where the function is finite, "
    "as by ops.clip or ops.maximum(x, 1e-7)",
}
CURES = {name: cure for names, cure in CURES.items() for name in names.split()}
MASKED = (
    "inf - inf, 0 * inf and a softmax of nothing but -inf are NaN: write masks with -1e9 in place "
    "of -inf, or leave one number in each row; does infinity come of an overflow, " + TAME
)
OWN = "an op of your own: compare its gradients by minigrad.testing.check_gradients"
SPOILT = f"an initializer, a step, a file or an assignment made it before; {TAME}"

ENGINE = ("core", "ops", "more_ops", "symbolic", "numpy_functions", "debug")  # they call for others
BETWEEN = ("contextlib", "functools", "threading")
LAYER, STAGE = Layer.__call__.__code__, Stage.__call__.__code__
JOINS = drop.__code__, rectify.__code__
LOSS, PREDICT = Loss.__call__.__code__, Trainer._predict_batches.__code__
FIT, EVALUATE = Trainer._train_epoch.__code__, Trainer._evaluate.__code__
BATCH = Trainer.train_on_batch.__code__

_lock = threading.Lock()
if hasattr(os, "register_at_fork"):  # a child may begin while a thread holds it
    os.register_at_fork(after_in_child=_lock._at_fork_reinit)
_apply = Optimizer.apply


class NotFiniteError(FloatingPointError):
    """The first NaN or infinity that `find_nan` met.

    Attributes
    ----------
    op : str
        Such as "log"; of a step, the optimizer's name.
    direction : {"forward", "backward", "step"}
    layer : str or None
        Its path from the model, such as "block/dense_1", "" for the model itself; of layers that
        run as one kernel all of them, as "conv2d + max_pooling2d".
    is_made : bool
        Whether it was made of finite numbers; else data, a weight or a constant held it.
    epoch, batch : int or None
        Counted from 1, as far as a training loop of minigrad runs.
    line : str or None
        "file:line" of the program where the op was called.
    count : int
        How many numbers are not finite.
    index : tuple of int
        Where the first of them is: in the result, the gradient, the weight or the data.
    """


class find_nan(core.Scope):  # noqa: N801 (written like the function it is used as)
    """Raise `NotFiniteError` where the first NaN or infinity is born, and say what may cure it.

    ::

        with find_nan():
            model.fit(x, y)

        @find_nan()
        def train(): ...

        find_nan().enable()  # for the whole program, or until disable()

    It holds for all threads, changes no number, and may be nested: the innermost counts.

    Parameters
    ----------
    infinity : bool
        False to look for NaN alone. Else infinity is a fault too where it is made of finite
        numbers, or data or a weight hold it. A constant, such as -inf in a mask, never is: only a
        NaN that comes of it.
    """

    def __init__(self, infinity=True):
        if not isinstance(infinity, (bool, np.bool_)):
            raise TypeError(f"find_nan: expected infinity as bool, got {infinity!r}")
        self.infinity = infinity

    def __enter__(self):
        with _lock:
            core._watches.append(self._apply_op)
            core._pauses.append(self)
            Optimizer.apply = _apply_watched
        return self

    def __exit__(self, *error):
        with _lock:
            if self._apply_op not in core._watches:
                raise RuntimeError("find_nan: expected enable() before disable(), got none")
            core._watches.remove(self._apply_op)
            core._pauses.remove(self)
            if not core._watches:
                Optimizer.apply = _apply

    def enable(self):
        """Look from now on, until `disable`; return the object itself."""
        return self.__enter__()

    def disable(self):
        """Look no longer."""
        self.__exit__()

    def _is_fault(self, array):
        """Whether an array holds what is looked for."""
        with np.errstate(all="ignore"):
            if array.dtype.kind != "f" or math.isfinite(array.sum()):  # the quick way
                return False
        return bool(np.isnan(array).any()) or (self.infinity and not is_finite(array))

    def _is_spoilt(self, weight):
        """Whether a weight was not finite before; one that is not trained may be a mask of -inf."""
        return np.isnan(weight.data).any() or (
            weight.made_trainable and self._is_fault(weight.data)
        )

    def _apply_op(self, function, inputs):
        """Apply an op and look at its result: the engine calls this in place of the op itself."""
        function = _with_eyes(function)
        function.saved = ()  # by which the engine knows that it shall apply it
        if core.is_trial():  # on zeros, for their shapes
            return function(*inputs)
        place = Place()
        if isinstance(function, _Eyes):
            function.place = place
        with np.errstate(all="ignore"):  # NumPy's warnings say less
            result = function(*inputs)
        if self._is_fault(result.data):
            self._explain(function, inputs, result.data, place)
        return result

    def _explain(self, function, inputs, result, place):
        """Raise the error for an op's result, unless a constant infinity has only passed."""
        arrays = [np.asarray(core.values_here(x) if isinstance(x, Tensor) else x) for x in inputs]
        found = {i: array for i, array in enumerate(arrays) if not is_finite(array)}
        for i, array in found.items():
            inside = [weight for layer in place.layers for weight in layer.own_weights]
            for weight in [inputs[i], *inside]:  # layers may also compute with their values alone
                if isinstance(weight, Parameter) and self._is_spoilt(weight):
                    title = f"the weight {place.name(weight)!r}"
                    place.fail(title, weight.data, SPOILT, function)
            if data := _find_data():
                title, array, rows = data
                place.fail(title, array, CLEAN, function, more=rows)
            if np.isnan(array).any():
                title = f"input {i + 1} (made outside of find_nan, or no op's result)"
                place.fail(title, array, CLEAN, function)
        if not found:
            cure = _cure(function, arrays)
            place.fail("its result", result, cure, function, made_of=arrays)
        elif np.isnan(result).any():
            place.fail("its result", result, MASKED, function, made_of=arrays)

    def _check_gradients(self, node, gy, results):
        """Look at what an op's ``backward`` returned."""
        results = results if isinstance(results, tuple) else (results,)
        for i, (needed, gx) in enumerate(zip(node.needs, results, strict=False)):
            if needed and gx is not None and self._is_fault(np.asarray(gx)):
                if self._is_fault(gy):
                    title, cure = "the sum of the gradients of its result, or what was given", TAME
                    node.place.fail(title, gy, cure, node, "backward")
                saved = [x for x in node.saved if isinstance(x, np.ndarray)]
                title, cure = f"the gradient of its input {i + 1}", _cure(node, [gy, *saved])
                node.place.fail(title, np.asarray(gx), cure, node, "backward", [gy])

    def _check_step(self, optimizer, variables, gradients, is_done):
        """Look at what an optimizer is given, and after its step at what it has made."""
        paths = [getattr(v, "path", None) or v.name or f"of shape {v.shape}" for v in variables]
        named = {f"the weight {p!r}": v.data for p, v in zip(paths, variables, strict=True)}
        cure = SPOILT
        if is_done:
            named |= {f"the state {name!r}": x for name, x in optimizer._arrays().items()}
        else:
            pairs = zip(paths, gradients, strict=False)
            named = {f"the gradient of {p!r}": g for p, g in pairs if g is not None} | named
        for title, array in named.items():
            array = np.asarray(array)
            if self._is_fault(array):
                if is_done:
                    cure = f"its learning rate is {float(optimizer.learning_rate):.3g}; {TAME}"
                Place().fail(title, array, cure, optimizer, "step", gradients if is_done else None)


class _Eyes:
    """Mixed into the class of an op that is watched: looks at what its ``backward`` returns."""

    __slots__ = ()

    def backward(self, gy):
        with np.errstate(all="ignore"):
            results = super().backward(gy)
        for watch in core._watches[-1:]:
            watch.__self__._check_gradients(self, gy, results)
        return results


@functools.cache
def _kind_with_eyes(kind):
    return type(kind.__name__, (_Eyes, kind), {"__module__": kind.__module__})


def _with_eyes(function):
    """The op itself with ``backward`` watched; of a compiled class, which has no options, anew."""
    kind = type(function)
    if not hasattr(function, "__dict__"):
        return _kind_with_eyes(kind)() if kind.__module__.startswith("minigrad.") else function
    function.__class__ = _kind_with_eyes(kind)
    return function


@functools.wraps(_apply)
def _apply_watched(self, grads, trainable_variables=None):
    grads, watches = list(grads), [watch.__self__ for watch in core._watches[-1:]]
    variables = list(self.parameters if trainable_variables is None else trainable_variables)
    for watch in watches:
        watch._check_step(self, variables, grads, is_done=False)
    with np.errstate(all="ignore"):
        _apply(self, grads, trainable_variables)
    for watch in watches:
        watch._check_step(self, variables, [g for g in grads if g is not None], is_done=True)


# --- where and when -----------------------------------------------------------------------------


def _frames():
    """The frames of Python's stack, from the caller's outwards."""
    frame = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


class Place:
    """Where on Python's stack an op is applied.

    Attributes
    ----------
    layers : list of Layer
        The layer whose call runs the op, or those whose calls are one op; [] outside of layers.
    outer : Layer or None
        The outermost of the calls: mostly that of the model.
    function : str or None
        minigrad's own function that calls the op.
    line : str or None
        "file:line" of what is not minigrad's, the innermost.
    """

    def __init__(self):
        self.layers, self.outer, self.function, self.line = [], None, None, None
        for frame in _frames():
            code, module = frame.f_code, frame.f_globals.get("__name__", "").split(".")
            if code is LAYER:
                self.outer = frame.f_locals["self"]
                self.layers = self.layers or [self.outer]
            elif code is STAGE:
                self.layers = [*frame.f_locals["self"].layers]
            elif code in JOINS:
                self.layers.append(frame.f_locals["layer"])
            if self.line is None and module[0] not in ("minigrad", *BETWEEN):
                self.line = f"{code.co_filename}:{frame.f_lineno}"
            elif not (self.line or self.function or {*module[:2]} & {*ENGINE, *BETWEEN}):
                self.function = f"{module[-1]}.{code.co_qualname}"

    def name(self, weight):
        """The name of a weight by where its layer is, such as "block/dense_1/kernel"."""
        return (name_weights(self.outer) if self.outer is not None else {}).get(
            weight
        ) or weight.path

    def fail(self, title, array, cure, by, direction="forward", made_of=None, more=()):
        """Raise the error: `array`, called `title`, is not finite; `by` an op or optimizer."""
        op, (loop, epoch, batch), path, how = _name(by), _moment(), None, ""
        places = np.argwhere(~np.isfinite(array))
        index = tuple(map(int, places[0]))
        where = f"{direction}, in {self.function}" if self.function else direction
        if self.outer is not None:
            paths = name_layers(self.outer)
            path = " + ".join(paths.get(layer, layer.name) for layer in self.layers)
            kinds = " + ".join(type(layer).__name__ for layer in self.layers)
            layer = f"layer {path!r} ({kinds}) of " if path else ""
            where = f"{direction}, in {layer}{type(self.outer).__name__} {self.outer.name!r}"
        if made_of is not None:
            made_of = list(map(np.asarray, made_of))
            of = "finite numbers" if all(map(is_finite, made_of)) else "infinity"
            how = f", made here of {of}"
        lines = [f"{op}: expected finite numbers in {title}, got {array[index]}{how}"]
        lines += [f"where    {where}"]
        lines += [f"when     {loop}"] if loop else []
        lines += [f"called   {self.line}"] if self.line else []
        lines += [f"numbers  {len(places)} of {array.size}, the first at {list(index)}"]
        for i, given in enumerate(made_of or (), 1):
            name = f"input {i} " if direction == "forward" else "gradient"
            sizes = f"{given.min():.4g} to {given.max():.4g}" if given.size else "no numbers"
            there = f", there {given[index]:.4g}" if given.shape == array.shape else ""
            lines += [f"{name} {given.shape}: {sizes}{there}"]
        error = NotFiniteError("\n  ".join([*lines, *more, f"cure     {cure}"]))
        error.op, error.direction, error.layer, error.is_made = op, direction, path, bool(how)
        error.epoch, error.batch, error.line = epoch, batch, self.line
        error.count, error.index = len(places), index
        raise error


def _moment():
    """Which epoch and batch of which loop runs: as text, and as numbers or None."""
    for frame in _frames():
        code, known = frame.f_code, frame.f_locals
        if code is FIT:
            epoch, batch = known["epoch"] + 1, known["step"] + 1
            return f"epoch {epoch}, batch {batch} of fit", epoch, batch
        if code in (EVALUATE, PREDICT):
            batch = known["step"] + 1
            loop = "evaluation" if code is EVALUATE else "predict"
            return f"batch {batch} of {loop}", None, batch
    return None, None, None


def _find_data():
    """What the user gave that is not finite: its title, array, and a line on it; else None."""
    for frame in reversed([*_frames()]):  # the outermost first: what the user knows it by
        code, known, whole = frame.f_code, frame.f_locals, ()
        if code in (FIT, EVALUATE, BATCH):
            parts = dict(zip(("x", "y", "sample_weight"), known["batch"], strict=True))
            whole = getattr(getattr(known.get("data"), "source", None), "arrays", ())
        elif code is PREDICT:
            parts = {"x": known["x"]}
        elif code is LAYER:
            parts = {f"the input of {known['self'].name!r}": known["x"]}
        elif code is LOSS:
            parts = {name: known[name] for name in ("y_true", "sample_weight")}
        else:
            continue
        for name, part, all_of_it in itertools.zip_longest(parts, parts.values(), whole):
            for i, array in enumerate(flatten(part)):
                if array is not None and not is_finite(array):
                    name += f"[{i}]" if len(flatten(part)) > 1 else ""
                    rows = flatten(all_of_it)[i] if all_of_it is not None else None
                    return name, np.asarray(array), () if rows is None else [_count_rows(rows)]
    return None


def _count_rows(rows):
    rows = np.asarray(rows)
    bad = np.flatnonzero(~np.isfinite(rows).reshape(len(rows), -1).all(axis=1))
    some = ", ".join(map(str, bad[:5])) + ", ..." * (len(bad) > 5)
    return f"samples  {len(bad)} of all {len(rows)}: {some}"


def _name(by):
    """An op's name as in ``ops``, else its class's; an optimizer's."""
    if isinstance(by, Optimizer):
        return by.name
    by = getattr(by, "op", by)  # one that ranks share
    name = by.name if isinstance(by, ops.nn.Elementwise) else type(by).__name__
    return next((n for n in (to_snake_case(name), name.lower()) if hasattr(ops, n)), name)


def _cure(op, arrays):
    """What usually helps against what an op made."""
    op = getattr(op, "op", op)
    known = CURES.get(type(op).__name__.lower())
    if known or not type(op).__module__.startswith("minigrad."):
        return known or OWN
    largest = max(float(np.abs(array).max(initial=0)) for array in arrays)
    if largest < LARGE:
        return "look at its inputs: an empty array, or a 0 in what something is divided by"
    return f"numbers have grown to {largest:.3g}; {TAME}"
