"""Arguments: checks of numbers, hints for misspelled names, and configs."""

import inspect
import math
import numbers
import operator

# Names of the same arguments in other libraries.
ELSEWHERE = {"lr": "learning_rate", "params": "parameters", "eps": "epsilon"}


class Configured:
    """A class that keeps its constructor's arguments in attributes of the same names."""

    def get_config(self):
        """Return the constructor's arguments, as a dict that ``from_config`` takes."""
        names = argument_names(type(self))
        return {name: getattr(self, name) for name in names if name != "parameters"}

    @classmethod
    def from_config(cls, config):
        """Make an instance from what ``get_config`` returned."""
        return cls(**config)

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


def checked_number(owner, name, value, interval, kind=float):
    """Return ``value`` as a float or int; raise unless it is one and lies in the interval.

    Messages begin with ``owner``, a text, or the name of its class.
    """
    title = f"{owner if isinstance(owner, str) else type(owner).__name__}: expected {name}"
    accepted = numbers.Real if kind is float else numbers.Integral
    if getattr(value, "shape", None) == ():  # a number in an array, such as a learning rate
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, accepted):
        raise TypeError(f"{title} as {kind.__name__}, got {value!r}")
    low, high = map(float, interval[1:-1].split(","))
    edges = [low] * (interval[0] == "[") + [high] * (interval[-1] == "]")
    if not (low < value < high or value in edges):
        raise ValueError(f"{title} in {interval}, got {value}")
    return kind(value)


def whole_number(owner, name, value, least=0, optional=False):
    """Return ``value`` as an int: an integer of any type, or a float without a fraction.

    Parameters
    ----------
    owner, name : str
        What has the argument, and its name, for messages: "fit" and "epochs".
    value : int or float
    least : int
        The smallest value allowed.
    optional : bool
        Whether None is allowed.

    Raises
    ------
    TypeError
        If ``value`` is no number.
    ValueError
        If it has a fraction or is below ``least``.
    """
    if value is None and optional:
        return None
    expected = f"{owner}: expected {name} as a whole number of at least {least}, got {value!r}"
    is_float = isinstance(value, numbers.Real) and math.isfinite(value) and value == int(value)
    try:
        number = int(value) if is_float else operator.index(value)
    except TypeError:
        is_number = isinstance(value, numbers.Real)
        raise (ValueError if is_number else TypeError)(expected) from None
    if isinstance(value, bool):
        raise TypeError(expected)
    if number < least:
        raise ValueError(expected)
    return number


def argument_names(cls):
    """Return the names of a constructor's arguments, and of those it passes on as **common."""
    names = {}
    for ancestor in cls.__mro__:
        if "__init__" in vars(ancestor):
            arguments = inspect.signature(ancestor.__init__).parameters.values()
            names |= {a.name: a for a in arguments if a.kind == a.POSITIONAL_OR_KEYWORD}
            if all(a.kind != a.VAR_KEYWORD for a in arguments):
                break
    return [name for name in names if name != "self"]


def unknown_argument(cls, name):
    """Return the error for an unknown constructor argument, which suggests the nearest one."""
    import difflib  # only here, where something went wrong: it takes a millisecond

    known = argument_names(cls)
    meant = [ELSEWHERE[name]] if name in ELSEWHERE else difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {meant[0]}?" if meant else f"known arguments: {', '.join(known)}"
    return TypeError(f"{cls.__name__}: expected a known argument, got {name}; {hint}")


def serialize(instance):
    """Return a dict of class name and config, as Keras writes it."""
    return {"class_name": type(instance).__name__, "config": instance.get_config()}


class FromFunction:
    """A wrapper of a function (y_true, y_pred, **options), whose subclasses may fix the function.

    The wrapper, a direct subclass, is constructed with (function, ..., **options). The constructor
    of ``class Huber(LossFunctionWrapper, of=huber)`` takes the options of `huber`, with their
    defaults, and then the other arguments of the wrapper; `name` is by default that of the class
    statement, or else "huber". The class argument `check`, a function of the options, raises an
    error unless they are valid.

    Attributes
    ----------
    options_first : bool
        Whether the options come before the other arguments of the wrapper, or after them.
    """

    options_first = True

    def __init_subclass__(cls, of=None, name=None, check=None, **others):
        super().__init_subclass__(**others)
        if of is None:
            return
        cls.function = staticmethod(of)
        wrapper = next(ancestor for ancestor in cls.__mro__ if FromFunction in ancestor.__bases__)
        options, common = _options_of(of), _common_arguments(wrapper, name or of.__name__)
        if "__init__" not in vars(cls):
            cls.__init__ = _constructor(cls, wrapper, of, check, options, common)
        about = "".join(f"{option.name}\n    As for `{of.__name__}`.\n" for option in options)
        about += f"{', '.join(argument.name for argument in common)}\n"
        about += f"    As for `{wrapper.__bases__[-1].__name__}`.\n"
        text = inspect.cleandoc(cls.__doc__ or f"The mean of `{of.__name__}`.")
        cls.__doc__ = f"{text}\n\nParameters\n----------\n{about}"


def _options_of(function):
    return list(inspect.signature(function).parameters.values())[2:]  # after y_true, y_pred


def _common_arguments(wrapper, name):
    """The wrapper's arguments between the function and its options; `direction` is the class's."""
    arguments = list(inspect.signature(wrapper.__init__).parameters.values())[2:-1]
    arguments = [argument for argument in arguments if argument.name != "direction"]
    return [a.replace(default=name) if a.name == "name" else a for a in arguments]


def _constructor(cls, wrapper, function, check, options, common):
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parts = (options, common) if cls.options_first else (common, options)
    signature = inspect.Signature([own, *parts[0], *parts[1]])

    def construct(self, *arguments, **named):
        for name in named:
            if name not in signature.parameters:
                raise unknown_argument(type(self), name)
        try:
            given = signature.bind(self, *arguments, **named)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}: {error}") from None
        given.apply_defaults()
        if check:
            check(**{option.name: given.arguments[option.name] for option in options})
        arguments = dict(given.arguments)
        wrapper.__init__(arguments.pop("self"), function, **arguments)

    construct.__signature__ = signature
    construct.__name__, construct.__module__ = "__init__", cls.__module__
    construct.__qualname__ = f"{cls.__qualname__}.__init__"
    return construct
