"""Arguments: renamed, checked, named in errors, and shown by ``repr``.

A call is asked four questions, in this order:

1. Is it written in an older form? ``renew`` gives it the newer names, with a warning.
2. Does the function have arguments of these names? If not, ``check_call`` names the nearest one.
3. Can these be their values? The constructor or function asks itself, by ``checked_number`` and
   ``whole_number``. After a constructor, ``check_kinds`` asks what name and default alone tell.
4. Does an error from inside say whose it is? If not, ``retell`` says it, with what was given.

``Described`` asks all four of a class, ``@explain_arguments`` the first two of a function, and
``@told`` the last.
"""

import functools
import inspect
import numbers
import operator
import reprlib

import numpy as np

from minigrad.core import TensorBase
from minigrad.utils.argument_kinds import fault_of
from minigrad.utils.naming import to_snake_case
from minigrad.utils.old_arguments import renew

# Names of the same arguments in other libraries, and in older ones.
ELSEWHERE = {
    "criterion": "loss", "eps": "epsilon", "out_channels": "filters", "out_features": "units",
    "params": "parameters", "std": "stddev", "stride": "strides",
}  # fmt: skip


class ArgumentTypeError(TypeError, ValueError):
    """A value of a wrong type, None or an unknown argument: Python's error, and Keras's."""


class Described:
    """Base of what users make by naming arguments: wrong names are answered, ``repr`` shows all.

    For ``repr``, an attribute named like an argument of the constructor holds the argument.
    """

    told_methods = ()  # those whose errors name the class and what they were given
    set_first = None  # an attribute that every constructor of the family sets

    def __new__(cls, /, *arguments, **named):
        self = super().__new__(cls)
        if arguments or named:  # copies are made without
            init = cls.__init__ if cls.__init__ is not object.__init__ else lambda self: None
            known = argument_names(cls)
            arguments, named = renew(init, cls.__name__, arguments, named, known, warns=False)
            check_call(cls.__name__, init, (None, *arguments), named, known)
        vars(self)["_given"] = arguments, named
        return self

    def __getattr__(self, name):
        cls = type(self)
        if name.startswith("__") or cls.set_first in (None, *vars(self)):
            if hasattr(cls, name):  # a property that raised: raise its own error again
                return object.__getattribute__(self, name)
            from minigrad.utils.absent import missing_attribute  # only here, where one is missing

            raise missing_attribute(self, name)
        expected = "expected its __init__ to call super().__init__() first"
        raise AttributeError(f"{cls.__name__}: {expected}, got no {name!r} yet")

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = _accept_old_names(cls, cls.__init__)
        for name in cls.told_methods if is_ours(cls) else ():
            if name in vars(cls):
                setattr(cls, name, told(vars(cls)[name], cls.__name__))

    @reprlib.recursive_repr()
    def __repr__(self):
        settings = (f"{name}={short_text(value)}" for name, value in self._shown().items())
        return f"{type(self).__name__}({', '.join(settings)})"

    def _shown(self):
        return shown_settings(self)


def _accept_old_names(cls, init):
    """Return a class's constructor, which then takes Keras's older names of arguments, too."""

    @functools.wraps(init)
    def construct(self, /, *arguments, **named):
        known = functools.partial(argument_names, cls)
        arguments, named = renew(init, cls.__name__, arguments, named, known)
        if not is_ours(cls):
            return init(self, *arguments, **named)
        title = type(self).__name__
        try:
            init(self, *arguments, **named)
        except UNTOLD as error:
            given = given_arguments(init, (self, *arguments), named)
            if is_untold(title, error):
                check_kinds(cls, title, given)
            retell(title, error, given)
            raise
        if next(ancestor for ancestor in type(self).__mro__ if "__init__" in vars(ancestor)) is cls:
            check_kinds(cls, title, given_arguments(init, (self, *arguments), named))

    return construct


def is_ours(value):
    """Whether a class or function is minigrad's."""
    return value.__module__.partition(".")[0] == "minigrad"


def check_kinds(cls, title, given):
    """Raise an error for a value that cannot be its argument's, by that one's name and default."""
    known = arguments_of(cls)
    for name, value in given.items():
        argument, owner = known.get(name, (None, None))
        if argument is not None and is_ours(owner):
            wanted = fault_of(name, argument.default, value)
            if wanted is not None:
                is_number = wanted.startswith("a number") and isinstance(value, numbers.Real)
                kind = ValueError if is_number else ArgumentTypeError
                raise kind(f"{title}: expected {name} as {wanted}, got {short_text(value)}")


# --- errors that do not say where ----------------------------------------------------------------

# Python's and NumPy's own, for values that nobody looked at before.
UNTOLD = (AttributeError, LookupError, MemoryError, TypeError, ValueError)
UNTOLD = (*UNTOLD, OverflowError, ZeroDivisionError)


def retell(title, error, given):
    """Raise an error that names the function and its arguments, unless this one says so.

    Parameters
    ----------
    title : str
    error : Exception
    given : dict
        The arguments by their names.
    """
    if not is_untold(title, error):
        return
    kept = (np.exceptions.AxisError, IndexError, MemoryError, np.linalg.LinAlgError)
    kind = next((kind for kind in kept if isinstance(error, kind)), ValueError)
    if isinstance(error, (AttributeError, TypeError)):
        kind = ArgumentTypeError
    shown = ", ".join(f"{name}={short_text(value)}" for name, value in given.items())
    told = kind(f"{title}: expected other arguments, got {shown} ({error})")
    for note in getattr(error, "__notes__", ()):
        told.add_note(note)
    raise told from error


def is_untold(title, error):
    """Whether the error does not say whose it is."""
    text = str(error)
    return ": expected" not in text and not text.startswith((title, "minigrad"))


def retell_call(function, error, arguments, named, title=None):
    """`retell` for a call of a function, whose signature names what it was given."""
    retell(title or function.__name__, error, given_arguments(function, arguments, named))


def told(function, title=None):
    """Return the function, whose errors then name it and what it was given."""

    @functools.wraps(function)
    def telling(*arguments, **named):
        try:
            return function(*arguments, **named)
        except UNTOLD as error:
            retell_call(function, error, arguments, named, title)
            raise

    return telling


def tell_all(namespace):
    """Have the public functions that a module has defined so far name themselves in errors."""
    for name, function in list(namespace.items()):
        is_own = getattr(function, "__module__", None) == namespace["__name__"]
        if inspect.isfunction(function) and is_own and not name.startswith("_"):
            namespace[name] = told(function)


def given_arguments(function, arguments, named):
    """Return the arguments of a call by their names, without the instance of a method."""
    try:
        signature = inspect.signature(function)
        given = signature.bind_partial(*arguments, **named).arguments
    except (TypeError, ValueError):  # no signature, or not these arguments
        return {f"argument {i}": value for i, value in enumerate(arguments, 1)} | named
    is_constructor = function.__name__ == "__init__"  # whose users may call the instance anything
    given.pop(next(iter(given)) if is_constructor else "self", None)
    for name, argument in signature.parameters.items():
        if argument.kind is argument.VAR_KEYWORD:
            given |= given.pop(name, {})
    return given


def checked_number(owner, name, value, interval, kind=float):
    """Return ``value`` as a float or int; raise unless it is one and lies in the interval.

    Messages begin with ``owner``, a text, or the name of its class.
    """
    title = f"{owner if isinstance(owner, str) else type(owner).__name__}: expected {name}"
    accepted = numbers.Real if kind is float else numbers.Integral
    if getattr(value, "shape", None) == ():  # a number in an array, such as a learning rate
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, accepted):
        raise ArgumentTypeError(f"{title} as {kind.__name__}, got {value!r}")
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
    if isinstance(value, bool | np.bool):
        raise ArgumentTypeError(expected)
    is_whole = isinstance(value, (float, np.floating)) and value.is_integer()
    try:
        number = int(value) if is_whole else operator.index(value)
    except TypeError:
        is_number = isinstance(value, numbers.Real)
        raise (ValueError if is_number else ArgumentTypeError)(expected) from None
    if number < least:
        raise ValueError(expected)
    return number


def argument_names(cls):
    """Return the names of a constructor's arguments, and of those it passes on as **common."""
    return list(arguments_of(cls))


def arguments_of(cls):
    """Return a dict from name to (argument, the class whose constructor has it).

    Those of the class come before those of its ancestors.
    """
    names = {}
    for ancestor in cls.__mro__:
        if "__init__" in vars(ancestor):
            arguments = own_arguments(ancestor).values()
            for argument in arguments:
                if argument.kind in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY):
                    names.setdefault(argument.name, (argument, ancestor))
            if all(a.kind != a.VAR_KEYWORD for a in arguments):
                break
    return names


class Signature:
    """``cls.__signature__``: the arguments of a class, with those that it passes on, by name.

    An editor at run time, such as IPython, completes what `inspect.signature` tells.
    """

    def __get__(self, instance, cls):
        if instance is not None:
            raise AttributeError("__signature__")  # an instance's is that of its call
        own = [a for a in own_arguments(cls).values() if a.kind != a.VAR_KEYWORD]
        # A class gives its base what that cannot do without, and what it does not save.
        gives = vars(cls).get("unsaved", ())
        others = [
            argument.replace(kind=argument.KEYWORD_ONLY)
            for name, (argument, _) in arguments_of(cls).items()
            if argument not in own and argument.default is not argument.empty and name not in gives
        ]
        return inspect.Signature([*own, *others])


def own_arguments(cls):
    """Return the arguments of a class's constructor by name, without the instance."""
    return dict([*inspect.signature(cls.__init__).parameters.items()][1:])


def unknown_argument(title, name, known):
    """Return the error for an unknown argument, which suggests the nearest one."""
    import difflib  # only here, where something went wrong: it takes a millisecond

    meant = [ELSEWHERE[name]] if ELSEWHERE.get(name) in known else []
    meant = meant or difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {meant[0]}?" if meant else _list_known(known)
    return ArgumentTypeError(f"{title}: expected a known argument, got {name}; {hint}")


def check_call(title, function, arguments, named, known):
    """Raise TypeError unless the function takes these arguments; ``known`` names all it has."""
    try:
        inspect.signature(function).bind(*arguments, **named)
    except TypeError as error:
        for name in named:
            if name not in known:
                raise unknown_argument(title, name, known) from None
        raise ArgumentTypeError(f"{title}: {error}; {_list_known(known)}") from None


def _list_known(names):
    return f"known arguments: {', '.join(names) or 'none'}"


def explain_arguments(function):
    """Return the function, whose errors for wrong arguments then suggest the right ones."""
    known = [name for name in inspect.signature(function).parameters if name != "self"]

    @functools.wraps(function)
    def explained(*arguments, **named):
        arguments, named = renew(function, function.__name__, arguments, named, known)
        check_call(function.__name__, function, arguments, named, known)
        return function(*arguments, **named)

    return explained


def takes(function, *arguments):
    """Whether the function can be called with these arguments, as far as it can be known."""
    try:
        inspect.signature(function).bind(*arguments)
    except (TypeError, ValueError) as error:  # ValueError: a function in C that does not say
        return isinstance(error, ValueError)
    return True


# --- what ``repr`` shows -------------------------------------------------------------------------


def shown_settings(instance):
    """Return the settings of an instance, a dict from the arguments' names to their values.

    All arguments that its constructor names; of those that it passes on, what is not the default.
    Defaults that are None, or objects (an initializer), go without saying. What cannot be read is
    left out.
    """
    cls, shown = type(instance), {}
    own = own_arguments(cls)
    for name, (argument, _) in arguments_of(cls).items():
        value = UNKNOWN if name in ("parameters", "weights") else setting(instance, name)
        is_passed_on = name not in own
        is_fixed = is_passed_on and argument.default is inspect.Parameter.empty
        is_plain = isinstance(value, (bool, int, float, str, tuple))
        goes_without = _is_default(value, argument.default) and (is_passed_on or not is_plain)
        if value is not UNKNOWN and not is_fixed and not goes_without:
            shown[name] = value
    return shown


UNKNOWN = object()


def setting(instance, name):
    """Return an argument: what a property stands for, or the attribute of its name, or UNKNOWN."""
    for key in (f"_{name}", name):
        if key in vars(instance):
            return vars(instance)[key]
    if not isinstance(getattr(type(instance), name, None), property):
        return UNKNOWN
    try:
        return getattr(instance, name)
    except Exception:  # a property of what is only half made
        return UNKNOWN


def _is_default(value, default):
    """Whether the value is the default, or the object that is meant by a default's name."""
    if isinstance(default, str) and not isinstance(value, str):
        return getattr(value, "__name__", to_snake_case(type(value).__name__)) == default
    return type(value) in (type(default), float) and value == default


class _Text(reprlib.Repr):
    """Short texts of values: at most six of a list, layers in it by name, arrays by shape."""

    def __init__(self):
        super().__init__()
        self.maxother, self.maxstring = 200, 60

    def repr1(self, x, level):
        if level < self.maxlevel and isinstance(x, Described) and hasattr(x, "name"):
            return f"<{type(x).__name__} {x.name!r}>"
        return super().repr1(x, level)

    def repr_float(self, x, level):
        return repr(float(f"{x:.6g}"))

    def repr_instance(self, x, level):
        if isinstance(x, (np.ndarray, np.generic, TensorBase)):
            return f"<array {x.shape}>" if x.ndim else self.repr1(x.item(), level)
        if isinstance(x, np.dtype):
            return repr(x.name)
        x = getattr(x, "func", x)  # of functools.partial
        return getattr(x, "__name__", None) or super().repr_instance(x, level)


short_text = _Text().repr


class FromFunction:
    """A wrapper of a function (y_true, y_pred, **options), whose subclasses may fix the function.

    The wrapper, a direct subclass, is constructed with (function, ..., **options). The constructor
    of ``class Huber(LossFunctionWrapper, of=huber)`` takes the options of `huber`, with their
    defaults, and then the other arguments of the wrapper; `name` is by default that of the class
    statement, or else "huber". The class argument `check`, a function of the options, raises an
    error unless they are valid; `without` names an option that the class does not have.

    Attributes
    ----------
    options_first : bool
        Whether the options come before the other arguments of the wrapper, or after them.
    first_arguments : tuple of str
        Names of arguments that come before all of these.
    """

    options_first = True
    first_arguments = ()
    fn = property(lambda self: self.function)  # named like the wrapper's argument

    def __init_subclass__(cls, of=None, name=None, check=None, without=None, **others):
        super().__init_subclass__(**others)
        if of is None:
            return
        cls.function = staticmethod(of)
        wrapper = next(ancestor for ancestor in cls.__mro__ if FromFunction in ancestor.__bases__)
        options = [option for option in _options_of(of) if option.name != without]
        common = _common_arguments(wrapper, name or of.__name__)
        for option in options:
            setattr(cls, option.name, _option(option.name))
        if "__init__" not in vars(cls):
            construct = _constructor(cls, wrapper, of, check, options, common)
            cls.__init__ = _accept_old_names(cls, construct)
        about = "".join(f"{option.name}\n    As for `{of.__name__}`.\n" for option in options)
        about += f"{', '.join(argument.name for argument in common)}\n"
        about += f"    As for `{wrapper.__bases__[-1].__name__}`.\n"
        text = inspect.cleandoc(cls.__doc__ or f"The mean of `{of.__name__}`.")
        cls.__doc__ = f"{text}\n\nParameters\n----------\n{about}"


def _option(name):
    return property(lambda self: self.options[name])


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
    known = {argument.name: argument for argument in (*parts[0], *parts[1])}
    ordered = {name: known[name] for name in cls.first_arguments} | known
    signature = inspect.Signature([own, *ordered.values()])

    def construct(self, *arguments, **named):
        given = signature.bind(self, *arguments, **named)  # which ``Described`` has checked
        given.apply_defaults()
        if check:
            check(**{option.name: given.arguments[option.name] for option in options})
        arguments = dict(given.arguments)
        wrapper.__init__(arguments.pop("self"), function, **arguments)

    construct.__signature__ = signature
    construct.__name__, construct.__module__ = "__init__", cls.__module__
    construct.__qualname__ = f"{cls.__qualname__}.__init__"
    return construct
