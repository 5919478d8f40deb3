"""The state of objects, as arrays and as what JSON can hold, and back, bit for bit.

Numbers, texts, arrays and what holds them (lists, tuples, sets, dicts) become others of the same
kind. Objects stay, and take their state over: models with their layers, metrics and optimizer,
tensors, generators of random numbers, and all that has ``get_state`` and ``set_state``.
"""

import collections
import os

import numpy as np

from minigrad.core import Tensor, TensorBase
from minigrad.layers.base import Layer
from minigrad.random import SeedGenerator
from minigrad.saving.keys import find_places
from minigrad.saving.optimizer_state import find_arrays, set_arrays
from minigrad.saving.weights import collect_arrays, restore_arrays
from minigrad.utils.arguments import given_arguments, is_ours, own_arguments, short_text
from minigrad.utils.naming import unique_name
from minigrad.utils.variable import Variable

PLAIN = (type(None), bool, int, float, str)
CONTAINERS = {"tuple": tuple, "set": set, "deque": collections.deque}
AS_GIVEN = "as it was given"  # the key of the names of attributes that hold what was given

# What a layer's constructor, `compile` and `fit` set, or others keep.
_OF_LAYERS = {*vars(Layer(name="layer"))} - {"_trainable"} | {"history", "loss", "_kept"}
_OF_METRICS = {"_dtype", "dtype", "name", "_variables", "_given"}
_OF_OPTIMIZERS = {"_learning_rate", "_calls", "shared", "built", "name", "observers", "_given"}
_OF_CALLBACKS = {"model", "params", "_given"}
PATHS = {"filename", "filepath", "log_dir", "backup_dir"}  # where to write, no file decides


class State:
    """Arrays by key, and how objects that are made of them are put together.

    Parameters
    ----------
    weights : list of Tensor
        Of all models: an optimizer's state tells which of them it belongs to.
    arrays : dict from str to array, optional
        To restore from.
    title : path
        Of the file, for errors.
    """

    def __init__(self, weights, arrays=None, title=""):
        self.weights = weights
        self.arrays = {} if arrays is None else arrays
        self.title = title
        self._inside = []  # the objects around, none of which may come again

    # --- values and what holds them --------------------------------------------------------------

    def pack(self, value, key):
        """Return what JSON can hold of a value, and keep its arrays under keys that begin so.

        Raises
        ------
        TypeError
            If it is, or holds, what cannot be kept.
        """
        if type(value) in PLAIN:
            return value
        if isinstance(value, (np.ndarray, np.generic)):
            if value.dtype.kind not in "biufcUSmM":
                raise TypeError(f"{key}: expected numbers or text, got {value.dtype}")
            key = unique_name(key, self.arrays)  # the names within may have slashes
            self.arrays[key] = np.asarray(value)
            return {"number" if isinstance(value, np.generic) else "array": key}
        if any(value is other for other in self._inside):
            raise TypeError(f"{key}: expected no object within itself, got {short_text(value)}")
        self._inside.append(value)
        try:
            return self._pack_parts(value, key)
        finally:
            self._inside.pop()

    def _pack_parts(self, value, key):
        if isinstance(value, dict):
            if not all(type(name) in PLAIN for name in value):
                raise TypeError(
                    f"{key}: expected names or numbers as keys, got {short_text(value)}"
                )
            parts = ([name, self.pack(part, f"{key}/{name}")] for name, part in value.items())
            return {"dict": list(parts)}
        if type(value) is list:
            return [self.pack(part, f"{key}/{i}") for i, part in enumerate(value)]
        for kind, cls in CONTAINERS.items():
            if type(value) is cls:
                return {kind: self.pack(list(value), key)}
        for kind, (is_one, read, _) in KINDS.items():
            if is_one(value):
                return {kind: read(self, value, key)}
        raise TypeError(f"{key}: expected what a file can keep, got {short_text(value)}")

    def unpack(self, packed, current=None):
        """Return what `pack` was given; objects are the current ones, put into their state."""
        if isinstance(packed, list):
            parts = current if isinstance(current, list) else []
            parts = [*parts, *[None] * len(packed)]
            return [self.unpack(part, now) for part, now in zip(packed, parts, strict=False)]
        if not isinstance(packed, dict):
            return packed
        ((kind, content),) = packed.items()
        if kind in ("array", "number"):
            array = self.arrays[content]
            if isinstance(current, Variable) and current.shape == array.shape:
                return current.assign(array)
            return array[()] if kind == "number" else array.copy()
        if kind == "dict":
            now = current if isinstance(current, dict) else {}
            return {name: self.unpack(part, now.get(name)) for name, part in content}
        if kind in CONTAINERS:
            parts = self.unpack(content, list(current) if isinstance(current, tuple) else None)
            if isinstance(current, collections.deque):
                return collections.deque(parts, current.maxlen)
            return CONTAINERS[kind](parts)
        is_one, _, write = KINDS[kind]
        if current is None and kind in NEW:  # it was made in the run before
            current = NEW[kind](self.unpack(content))
        if not is_one(current):
            raise ValueError(f"{self.title}: expected a {kind} to restore, got {current!r}")
        write(self, current, content)
        return current

    # --- objects ---------------------------------------------------------------------------------

    def _pack_layer(self, layer, key):
        arrays, _ = collect_arrays(layer, with_optimizer=False, may_be_unbuilt=True)
        self.arrays |= {f"{key}/weights/{name}": array for name, array in arrays.items()}
        places = find_places(layer, may_be_unbuilt=True)
        values = {group: _values_of_layer(each) for group, each in places}
        packed = {"key": key, "layers": self.pack(values, f"{key}/state")}
        if getattr(layer, "optimizer", None) is not None:
            packed["optimizer"] = self.pack(layer.optimizer, f"{key}/optimizer")
        metrics = list(getattr(layer, "metrics", ()))
        return packed | {"metrics": self.pack(metrics, f"{key}/metrics")}

    def _restore_layer(self, layer, packed):
        begin = packed["key"] + "/weights/"
        arrays = {k.removeprefix(begin): a for k, a in self.arrays.items() if k.startswith(begin)}
        restore_arrays(layer, arrays, self.title)
        # Before layers are frozen that it was built for.
        if "optimizer" in packed:
            self.unpack(packed["optimizer"], layer.optimizer)
        places = dict(find_places(layer, may_be_unbuilt=True))
        values = {group: _values_of_layer(each) for group, each in places.items()}
        for group, state in self.unpack(packed["layers"], values).items():
            trainable = state.pop("_trainable", places[group].trainable)
            if trainable != places[group].trainable:
                places[group].trainable = trainable
            set_attributes(places[group], state)
        self._restore_metrics(layer, packed["metrics"])

    def _restore_metrics(self, layer, packed):
        metrics = list(getattr(layer, "metrics", ()))
        told = getattr(layer, "_objectives", None)
        if len(metrics) < len(packed) and told is not None and told.parts is None:

            def make_and_restore(names):  # once a batch shows what outputs there are
                vars(told).pop("_make_parts")
                told._make_parts(names)
                self._restore_metrics(layer, packed)

            told._make_parts = make_and_restore
        self.unpack(packed[: len(metrics)], metrics)

    def _pack_metric(self, metric, key):
        names = {id(value): name for name, value in vars(metric).items()}
        variables = [(names.get(id(v)), np.asarray(v)) for v in metric.variables]
        others = {} if is_ours(type(metric)) else attributes_of(metric, _OF_METRICS)
        return self.pack([variables, others], key)

    def _restore_metric(self, metric, packed):
        variables, others = self.unpack(packed, [None, attributes_of(metric, _OF_METRICS)])
        known = metric.variables
        for i, (name, array) in enumerate(variables):
            if i < len(known):
                known[i].assign(array)
            else:  # it is made by the first batch
                metric._variables.append(Variable(array))
                setattr(metric, name, metric._variables[-1])
        set_attributes(metric, others)

    def _pack_optimizer(self, optimizer, key):
        if not optimizer.built:
            return None
        places = {id(weight): i for i, weight in enumerate(self.weights)}
        of = [places.get(id(weight)) for weight in optimizer.parameters]
        others = {} if is_ours(type(optimizer)) else attributes_of(optimizer, _OF_OPTIMIZERS)
        arrays = [np.asarray(array) for array in find_arrays(optimizer)]
        return {"of": of, "state": self.pack([arrays, others], key)}

    def _restore_optimizer(self, optimizer, packed):
        if packed is None:
            return
        if not optimizer.built:
            if None in packed["of"]:
                cure = "call build(variables) before"
                raise ValueError(f"{optimizer.name}: expected a built optimizer, got none; {cure}")
            optimizer.build([self.weights[i] for i in packed["of"]])
        current = [None, attributes_of(optimizer, _OF_OPTIMIZERS)]
        arrays, others = self.unpack(packed["state"], current)
        set_arrays(optimizer, arrays)
        set_attributes(optimizer, others)


# Kind -> (whether an object is one, how its state is packed, how it is restored).
KINDS = {
    "layer": (lambda x: isinstance(x, Layer), State._pack_layer, State._restore_layer),
    "optimizer": (
        lambda x: hasattr(x, "finalize_variable_values"),
        State._pack_optimizer,
        State._restore_optimizer,
    ),
    "metric": (
        lambda x: hasattr(x, "update_state") and hasattr(x, "variables"),
        State._pack_metric,
        State._restore_metric,
    ),
    "tensor": (
        lambda x: isinstance(x, TensorBase),
        lambda state, x, key: state.pack(np.array(x.data), key),
        lambda state, x, packed: x.assign(state.unpack(packed)),
    ),
    "seeds": (
        lambda x: isinstance(x, SeedGenerator),
        lambda state, x, key: state.pack(x._seeds, key),
        lambda state, x, packed: state.unpack(packed, x._seeds),
    ),
    "generator": (
        lambda x: isinstance(x, np.random.Generator),
        lambda state, x, key: state.pack(x.bit_generator.state, key),
        lambda state, x, packed: setattr(x.bit_generator, "state", state.unpack(packed)),
    ),
    "Python's generator": (
        lambda x: hasattr(x, "getstate") and hasattr(x, "setstate"),
        lambda state, x, key: state.pack(x.getstate(), key),
        lambda state, x, packed: x.setstate(state.unpack(packed)),
    ),
    "own": (
        lambda x: hasattr(x, "get_state") and hasattr(x, "set_state"),
        lambda state, x, key: state.pack(x.get_state(), key),
        lambda state, x, packed: x.set_state(state.unpack(packed, x.get_state())),
    ),
}


# Kinds of objects that can be made from their state.
NEW = {"tensor": Tensor, "generator": lambda state: _new_generator(state["bit_generator"])}


def _new_generator(name):
    kind = getattr(np.random, name, None)  # a file may ask for anything that NumPy has there
    if not (isinstance(kind, type) and issubclass(kind, np.random.BitGenerator)):
        raise ValueError(f"expected one of NumPy's bit generators, got {name!r}")
    return np.random.Generator(kind())


def attributes_of(owner, others=_OF_CALLBACKS, largest=None):
    """Return the attributes of an object that a file can keep, a dict by name.

    Of those that hold what the constructor was given it has the names alone.

    Parameters
    ----------
    others : set of str
        Names of attributes to leave out.
    largest : int, optional
        Bytes of the largest array to keep, unless it is a row of whole numbers.
    """
    given = _given_to(owner)
    kept = {AS_GIVEN: []}
    for name, value in vars(owner).items():
        is_given = name in given and _is_same(value, given[name])
        if name in others or name in PATHS:
            continue
        if is_given and not isinstance(value, (list, dict, set)):
            kept[AS_GIVEN].append(name)
        elif can_keep(value, largest):
            kept[name] = value
    return kept


def set_attributes(owner, values):
    """Restore the attributes that `attributes_of` returned."""
    values, given = dict(values), _given_to(owner)
    for name in values.pop(AS_GIVEN, ()):
        if name in given:
            setattr(owner, name, given[name])
    for name, value in values.items():
        if name not in PATHS and not _is_same(getattr(owner, name, None), value):
            setattr(owner, name, value)


def _given_to(owner):
    """The arguments that an object's constructor was given, and the defaults of the others."""
    arguments, named = getattr(owner, "__dict__", {}).get("_given", (None, None))
    if arguments is None:
        return {}
    given = {n: argument.default for n, argument in own_arguments(type(owner)).items()}
    given |= given_arguments(type(owner).__init__, (owner, *arguments), named)
    return {n: os.fspath(v) if isinstance(v, os.PathLike) else v for n, v in given.items()}


def _is_same(value, other):
    is_equal = type(value) is type(other) and type(value) in PLAIN and value == other
    return value is other or is_equal


def can_keep(value, largest=None):
    """Whether a file can keep a value; an array, unless it is a row of whole numbers, so large."""
    probe = State([])
    try:
        probe.pack(value, "")
    except Exception:  # of objects of all libraries
        return False
    return largest is None or all(
        a.nbytes <= largest or (a.ndim == 1 and a.dtype.kind in "iu") for a in probe.arrays.values()
    )


def _values_of_layer(layer):
    """The state of a layer that is no weight: of those of minigrad, their random numbers."""
    if is_ours(type(layer)):
        kinds = (np.random.Generator, SeedGenerator)
        named = {"mask_seed", "_trainable", "stop_training"}
        values = vars(layer).items()
        return {k: v for k, v in values if k in named or isinstance(v, kinds)}
    return {
        name: value
        for name, value in attributes_of(layer, _OF_LAYERS).items()
        if not _holds_weights(value) and name != "optimizer"
    }


def _holds_weights(value):
    if isinstance(value, (list, tuple, dict)):
        return any(map(_holds_weights, value.values() if isinstance(value, dict) else value))
    return isinstance(value, (Layer, TensorBase))
