"""Configs: what an object is made of, as dicts that fit into a file, and the objects made of them.

``serialize`` and ``deserialize`` are each other's inverse. They write and read what Keras writes: a
dict of ``module``, ``class_name``, ``config`` and ``registered_name``. A class of minigrad is found
by its family and name, a user's by ``register_keras_serializable`` or ``custom_objects``. Nothing
is imported, and no code is run, by a name in a file.
"""

import contextlib
import math
import threading

import numpy as np

from minigrad.core import TensorBase
from minigrad.utils import arguments
from minigrad.utils.arguments import (
    UNKNOWN,
    Described,
    argument_names,
    arguments_of,
    checked_number,
    given_arguments,
    is_ours,
    own_arguments,
    setting,
    short_text,
)

FAMILIES = (
    "activations", "constraints", "initializers", "layers", "losses", "metrics",
    "optimizers", "regularizers",
)  # fmt: skip
_classes = {}  # (family, name) -> class, of minigrad
_registered = {}  # "package>name" -> class or function, of users
_names = {}  # the same the other way round
_scopes = []  # dicts of custom objects, the innermost last
_room = threading.local()  # .values: how many weights the model of a file may still have

# Entries of Keras's configs that minigrad has no arguments for. They are passed over, as are those
# that are None, False or 0; any other that is not known is an error.
WITHOUT_EFFECT = {
    "build_input_shape", "dtype", "is_legacy_optimizer", "jit_compile", "renorm_momentum",
}  # fmt: skip


class Configured(Described):
    """Base of what can be written to a file by its constructor's arguments.

    An attribute named like an argument holds the argument, never what was drawn or derived from it.
    For a class of a user's, what counts is what was given: its attributes may hold anything.
    """

    unsaved = ()  # arguments of the constructor, or of those above, that configs leave out

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if is_ours(cls):
            _classes[family_of(cls.__module__), cls.__name__] = cls

    def get_config(self):
        """Return the constructor's arguments, as a dict that ``from_config`` takes.

        A subclass that overrides this calls ``super().get_config()`` for the arguments of the
        classes above it, and adds its own.

        Raises
        ------
        TypeError
            If an argument is something that cannot be written, such as a lambda.
        """
        cls = _class_without_own_config(type(self))
        own = own_arguments(cls)
        config = {}
        for name, (argument, owner) in arguments_of(cls).items():
            is_fixed = name not in own and argument.default is argument.empty
            if not is_fixed and not _is_unsaved(name, owner, cls):
                value = self._find_argument(name, argument, owner)
                config[name] = serialize(value, f"{type(self).__name__}, argument {name}")
        return config

    @classmethod
    def from_config(cls, config):
        """Make an instance from what ``get_config`` returned."""
        known = argument_names(cls)
        config = {
            name: deserialize(value)
            for name, value in config.items()
            if name in known or not (value in (None, False) or name in WITHOUT_EFFECT)
        }
        return cls(**config)

    def _find_argument(self, name, argument, owner):
        arguments, named = self._given
        given = given_arguments(type(self).__init__, (self, *arguments), named)
        if not is_ours(owner) and name in given:
            return given[name]
        value = setting(self, name)
        if value is not UNKNOWN:
            return value
        value = given.get(name, argument.default)
        if value is argument.empty:
            raise TypeError(
                f"{type(self).__name__}.get_config: expected to know the argument {name!r}, got "
                f"no attribute of that name; keep it as self.{name}, or write get_config"
            )
        return value

    def _keep(self, interval="(-inf, inf)", kind=float, optional=False, **values):
        """Check numbers, and keep them in attributes.

        Parameters
        ----------
        interval : str
            Where they must lie, written as in mathematics: "[0, 1)" holds 0 but not 1.
        kind : {float, int}
        optional : bool
            Whether None is allowed.
        **values :
            The arguments, by name.
        """
        for name, value in values.items():
            if value is not None or not optional:
                value = checked_number(self, name, value, interval, kind)
            setattr(self, name, value)


def _is_unsaved(name, owner, cls):
    """Whether the class whose constructor has the argument leaves it out, or one below it."""
    below = cls.__mro__[: cls.__mro__.index(owner) + 1]
    return any(name in vars(c).get("unsaved", ()) for c in below)


def family_of(module):
    """Return the family that a module's name tells: ``keras.src.layers.core`` -> ``layers``."""
    return next((part for part in module.split(".") if part in FAMILIES), "models")


def _class_without_own_config(cls):
    """The class above all of a user's that write configs of their own; else the class itself."""
    own = [c for c in cls.__mro__ if "get_config" in vars(c) and not is_ours(c)]
    if not own:
        return cls
    return next(c for c in cls.__mro__[cls.__mro__.index(own[-1]) + 1 :] if is_ours(c))


# --- objects of users ----------------------------------------------------------------------------


def register_keras_serializable(package="Custom", name=None):
    """Return a decorator that lets files name a class or function of your own.

    Parameters
    ----------
    package : str
        Files call it ``package>name``.
    name : str, optional
        Default: that of the class or function.

    Raises
    ------
    ValueError
        If the decorated class has no ``get_config``.
    """

    def decorate(member):
        if isinstance(member, type) and not hasattr(member, "get_config"):
            raise ValueError(
                "register_keras_serializable: expected a class with get_config, got "
                f"{member.__name__}"
            )
        key = f"{package}>{name or member.__name__}"
        _registered[key], _names[member] = member, key
        return member

    return decorate


def get_registered_name(member):
    """Return the name under which files know a class or function."""
    return _names.get(member, member.__name__)


def get_registered_object(name, custom_objects=None, module_objects=None):
    """Return the class or function of a name, or None if there is none."""
    for known in (custom_objects or {}, *reversed(_scopes), _registered, module_objects or {}):
        if name in known:
            return known[name]
    return None


@contextlib.contextmanager
def custom_object_scope(*objects):
    """Within ``with custom_object_scope({"MyLayer": MyLayer}):``, configs may name these."""
    custom_objects = {name: member for part in objects for name, member in (part or {}).items()}
    _scopes.append(custom_objects)
    try:
        yield custom_objects
    finally:
        _scopes.remove(custom_objects)


def get_custom_objects():
    """Return the dict of all registered objects by name, which may be changed."""
    return _registered


# --- what a file may claim -----------------------------------------------------------------------

ALWAYS_ROOM = 1 << 20  # values: for weights that a class of a user's does not keep in files
MOST_TRIED = 1 << 28  # values: an input on which a layer is tried for the shape of its result


@contextlib.contextmanager
def room_for(values):
    """Within, a model is made from a file that has so many values: its weights have no more."""
    before = getattr(_room, "values", None)
    _room.values = None if values is None else values + ALWAYS_ROOM
    try:
        yield
    finally:
        _room.values = before


def take_room(shape, title):
    """Raise a ValueError if the file from which a model is made has no values for such an array."""
    if getattr(_room, "values", None) is not None:
        _room.values -= math.prod(shape)
        if _room.values < 0:
            expected = "no more weights than there are values in the file"
            raise ValueError(f"{title}: expected {expected}, got {shape}")


def check_trial(shape):
    """Raise a ValueError if the model of a file is tried on more than any that is wanted."""
    if getattr(_room, "values", None) is not None and math.prod(shape) > MOST_TRIED:
        cure = "make the model in your script, and load its weights"
        raise ValueError(
            f"config: expected inputs of at most {MOST_TRIED} values, got {shape}; {cure}"
        )


# --- writing -------------------------------------------------------------------------------------


def serialize(value, place="serialize"):
    """Return a value as plain Python that fits into JSON.

    Parameters
    ----------
    value : None, bool, number, str, array, list, tuple, dict, slice, function, or an object
        An object has ``get_config``. A function or class of a user's goes by its name.
    place : str
        What it belongs to, for messages.

    Raises
    ------
    TypeError
        If it is anything else, or a lambda.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        parts = [serialize(part, place) for part in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    if isinstance(value, dict):
        return {key: serialize(part, place) for key, part in value.items()}
    for kind, write in _WRITERS.items():
        if isinstance(value, kind):
            return write(value)
    if hasattr(value, "get_config") and not isinstance(value, type):
        return _serialize_object(value)
    if callable(value) and hasattr(value, "__name__"):
        return _serialize_function(value, place)
    cure = "write a get_config and a from_config, or def name(...) if it is a function"
    raise TypeError(f"{place}: expected what fits into a config, got {short_text(value)}; {cure}")


arguments.serialize = serialize  # its place before configs held more than numbers


def _serialize_object(value):
    cls = type(value)
    described = {"module": cls.__module__, "class_name": cls.__name__}
    if is_ours(cls):
        described = _name_as_keras(cls)
    described["config"] = serialize(value.get_config(), cls.__name__)
    described["registered_name"] = None if is_ours(cls) else get_registered_name(cls)
    for name in ("build_config", "compile_config"):
        get = getattr(value, f"get_{name}", None)
        config = get() if get else None
        if config is not None:
            described[name] = serialize(config, cls.__name__)
    return described


def _name_as_keras(cls):
    family = family_of(cls.__module__)
    if cls.__module__.endswith(".schedules"):
        family = "optimizers.schedules"
    if cls.__name__ == "Model":
        return {"module": "keras.src.models.functional", "class_name": "Functional"}
    return {
        "module": "keras" if family == "models" else f"keras.{family}",
        "class_name": cls.__name__,
    }


def _serialize_function(function, place):
    if isinstance(function, type):
        cure = f"; write {function.__name__}()"
        raise TypeError(f"{place}: expected an object, got the class {function.__name__}{cure}")
    if function.__name__ == "<lambda>":
        raise TypeError(
            f"{place}: expected a named function, got a lambda, which no file can hold; write "
            "def name(...), and load with custom_objects={'name': name}"
        )
    if is_ours(function):
        return function.__name__
    name = get_registered_name(function)
    kind = {"module": "builtins", "class_name": "function"}
    return kind | {"config": name, "registered_name": "function"}


def _describe_array(kind):
    def write(array):
        values = np.asarray(array)
        if values.ndim == 0 and kind == "__numpy__":
            return values.item()
        return {
            "class_name": kind,
            "config": {"value": values.tolist(), "dtype": values.dtype.name},
        }

    return write


_WRITERS = {
    (np.ndarray, np.generic): _describe_array("__numpy__"),
    TensorBase: lambda tensor: _describe_array("__tensor__")(tensor.data),
    np.dtype: lambda dtype: dtype.name,
    bytes: lambda value: {"class_name": "__bytes__", "config": {"value": value.decode()}},
    type(...): lambda _: {"class_name": "__ellipsis__", "config": {}},
    slice: lambda s: {
        "class_name": "__slice__",
        "config": {"start": serialize(s.start), "stop": serialize(s.stop), "step": s.step},
    },
}


# --- reading -------------------------------------------------------------------------------------


def deserialize(value, custom_objects=None, find=None):
    """Return what ``serialize`` described; what is no description is returned as it is.

    Parameters
    ----------
    value : plain Python
    custom_objects : dict from str to class or function, optional
        Names of a user's own, which go before all others.
    find : callable(str) -> class, optional
        Gives the class of a description without a module. Such a one is else left as it is: whoever
        gets it knows the family that it must be of.

    Raises
    ------
    ValueError
        If it names what is not known.
    """
    with custom_object_scope(custom_objects):
        return _deserialize(value, find)


def config_functions(get):
    """Return a family's ``serialize`` and ``deserialize``; the latter takes names too.

    Parameters
    ----------
    get : callable
        Returns what a name or config means in the family.
    """

    def deserialize(config, custom_objects=None):
        with custom_object_scope(custom_objects):
            own = get_registered_object(config) if isinstance(config, str) else None
            return get(config) if own is None else own

    return serialize, deserialize


def _deserialize(value, find=None):
    if isinstance(value, (list, tuple)):
        return type(value)(_deserialize(part) for part in value)
    if not isinstance(value, dict):
        return value
    if not {"class_name", "config"} <= set(value):
        return {key: _deserialize(part) for key, part in value.items()}
    name, config = value["class_name"], value["config"]
    if name in _READERS:
        return _READERS[name](config)
    if name == "function":
        found = get_registered_object(config)
        return config if found is None else found  # a name of minigrad's: its family knows it
    cls = get_registered_object(value.get("registered_name") or name) or get_registered_object(name)
    if cls is None and not value.get("module"):
        if find is None:
            return value
        cls = find(name)
    cls = cls or _find_class(value["module"], name)
    if not hasattr(cls, "from_config"):
        raise TypeError(f"config: expected {cls.__name__} to have a from_config; write one")
    instance = cls.from_config(dict(config))
    for name in ("build", "compile"):
        settings = value.get(f"{name}_config")
        if settings and hasattr(instance, f"{name}_from_config"):
            getattr(instance, f"{name}_from_config")(settings)
    return instance


def _find_class(module, name):
    family = family_of(module)
    name = "Model" if (family, name) == ("models", "Functional") else name
    if (family, name) in _classes:
        return _classes[family, name]
    if module.partition(".")[0] == "keras":
        raise ValueError(f"config: expected a class that minigrad has, got {module}.{name}")
    raise ValueError(
        f"config: expected a class that is known, got {name!r}; load with "
        f"custom_objects={{{name!r}: {name}}}, or decorate the class with "
        "@minigrad.saving.register_keras_serializable()"
    )


def _read_array(config):
    dtype = np.dtype(config["dtype"])
    if dtype.kind not in "biufc":  # a text may claim gigabytes: "S1000000000"
        raise ValueError(f"config: expected an array of numbers, got {dtype}")
    return np.array(config["value"], dtype)


def _refuse_lambda(config):
    raise ValueError(
        "config: expected named functions, got a lambda: its code is in the file, and minigrad "
        "runs no code from files; build the model in your script, and load its weights"
    )


def _read_dtype(config):
    return config["name"]


_READERS = {
    "__numpy__": _read_array,
    "__tensor__": _read_array,
    "__bytes__": lambda config: config["value"].encode(),
    "__ellipsis__": lambda config: ...,
    "__slice__": lambda config: slice(config["start"], config["stop"], config["step"]),
    "__lambda__": _refuse_lambda,
    "DTypePolicy": _read_dtype,
    "Policy": _read_dtype,
}
