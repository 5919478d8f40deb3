"""Constructor arguments: checked numbers, near misses of a name, and the config they make."""

import inspect
import numbers

from minigrad.utils import registry

# How other libraries call the same argument.
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
            Whether None may stand for a number.
        **values :
            The arguments, by name.
        """
        for name, value in values.items():
            if value is not None or not optional:
                value = checked_number(self, name, value, interval, kind)
            setattr(self, name, value)


def checked_number(owner, name, value, interval, kind=float):
    """Return ``value`` as a float or int; raise unless it is one and lies in the interval."""
    title = f"{type(owner).__name__}: expected {name}"
    accepted = numbers.Real if kind is float else numbers.Integral
    if isinstance(value, bool) or not isinstance(value, accepted):
        raise TypeError(f"{title} as {kind.__name__}, got {value!r}")
    low, high = map(float, interval[1:-1].split(","))
    edges = [low] * (interval[0] == "[") + [high] * (interval[-1] == "]")
    if not (low < value < high or value in edges):
        raise ValueError(f"{title} in {interval}, got {value}")
    return kind(value)


def argument_names(cls):
    """Return the names of a constructor's arguments, with those that it hands up as **common."""
    names = {}
    for ancestor in cls.__mro__:
        if "__init__" in vars(ancestor):
            arguments = inspect.signature(ancestor.__init__).parameters.values()
            names |= {a.name: a for a in arguments if a.kind == a.POSITIONAL_OR_KEYWORD}
            if all(a.kind != a.VAR_KEYWORD for a in arguments):
                break
    return [name for name in names if name != "self"]


def unknown_argument(cls, name):
    """Return the error for a constructor argument that does not exist; it names the one meant."""
    import difflib  # only here, where something went wrong: it takes a millisecond

    known = argument_names(cls)
    meant = [ELSEWHERE[name]] if name in ELSEWHERE else difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {meant[0]}?" if meant else f"known arguments: {', '.join(known)}"
    return TypeError(f"{cls.__name__}: expected a known argument, got {name}; {hint}")


def serialize(instance):
    """Return a dict of class name and config, as Keras writes it."""
    return {"class_name": type(instance).__name__, "config": instance.get_config()}


def deserialize(kind, description, table):
    """Make the instance that ``serialize`` described, of one of the classes in ``table``.

    ``table`` may be all that a module holds, ``vars(module)``.
    """
    makers = {
        name: found.from_config for name, found in table.items() if hasattr(found, "from_config")
    }
    return registry.get(kind, description["class_name"], makers)(description["config"])
