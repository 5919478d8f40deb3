"""Look up the object that a user means by "adam", Adam or Adam().

Every family (activations, losses, initializers, optimizers, ...) has one `Registry`. A member is
named where it is defined, and nowhere else.
"""

from minigrad.utils.config import deserialize
from minigrad.utils.foreign import take
from minigrad.utils.naming import to_snake_case


class Registry:
    """The names of a family and the functions or classes they name.

    Parameters
    ----------
    kind : str
        What a member is, such as "optimizer"; error messages begin with it.
    base : type, optional
        The family's base class. `get` needs it where instances are not callable.
    spelling : callable(str) -> str
        Makes a member's name from that of its function or class.
    also : Registry, optional
        Another family, whose members `find` and `get` also know.

    Attributes
    ----------
    names : dict from str to function or class
        In the order of registration.
    """

    def __init__(self, kind, base=None, spelling=to_snake_case, also=None):
        self.kind = kind
        self.base = base
        self.spelling = spelling
        self.also = also
        self.names = {}

    @property
    def members(self):
        """A list of the functions and classes, each once."""
        return list(dict.fromkeys(self.names.values()))

    def add(self, member, *aliases):
        """Name a function or class after itself and by its aliases; return it.

        An alias that differs from that name in underscores alone replaces it in messages.

        Raises
        ------
        ValueError
            If a name belongs to another member.
        """
        taken = {_plain(name): other for name, other in self.names.items()}
        names = {_plain(name): name for name in (self.spelling(member.__name__), *aliases)}
        for plain, name in names.items():
            other = taken.get(plain, member)
            if (other.__module__, other.__qualname__) != (member.__module__, member.__qualname__):
                raise ValueError(
                    f"{self.kind}: expected a new name, got {name!r}, known as {other}"
                )
            self.names[name] = member
        return member

    def register(self, *aliases):
        """Return a decorator that adds what it decorates: ``@LOSSES.register("mse")``."""
        return lambda member: self.add(member, *aliases)

    def add_classes(self, namespace):
        """Add each subclass of `base` in a module's ``vars()``."""
        for member in list(namespace.values()):
            is_class = isinstance(member, type) and issubclass(member, self.base)
            if is_class and member is not self.base:
                self.add(member)

    def find(self, name):
        """Return the function or class of a name, whatever its case and underscores.

        Raises
        ------
        ValueError
            If the name is unknown; the message gives the nearest names.
        """
        members = self.names if self.also is None else self.also.names | self.names
        names = {_plain(known): known for known in members}
        if _plain(name) in names:
            return members[names[_plain(name)]]

        import difflib  # only here, where something went wrong: it takes a millisecond

        near = [names[match] for match in difflib.get_close_matches(_plain(name), names)]
        if near:
            hint = f"did you mean {' or '.join(repr(known) for known in near)}?"
        else:
            hint = f"known names: {', '.join(members)}"
        raise ValueError(f"{self.kind}: expected a known name, got {name!r}; {hint}")

    def get(self, identifier):
        """Return the object that `identifier` means.

        Parameters
        ----------
        identifier : None, str, class, dict, callable or instance of `base`
            A name in any case, with or without underscores ("he_normal", "HeNormal"). A class,
            given or found by its name, is instantiated without arguments. A dict is a config, as
            ``config.serialize`` writes it. Callables, instances of `base` and None are returned as
            they are. Objects of Keras and other libraries are taken by name and config, see
            ``utils.foreign``.

        Raises
        ------
        ValueError
            If the name is unknown; the message gives the nearest names.
        TypeError
            If `identifier` is none of the above.
        """
        if identifier is None:
            return None
        identifier = take(self, identifier)
        if isinstance(identifier, dict):
            identifier = self._read(identifier)
        if isinstance(identifier, str):
            identifier = self.find(identifier)
        if isinstance(identifier, type):
            return identifier()
        if callable(identifier) or isinstance(identifier, self.base or ()):
            return identifier
        known = ", ".join([*self.names][:3])
        raise TypeError(
            f"{self.kind}: expected a name, a class or a callable, got {identifier!r}; "
            f"known names: {known}, ..."
        )

    def _read(self, description):
        if not {"class_name", "config"} <= set(description):
            form = '{"class_name": ..., "config": {...}}'
            raise ValueError(f"{self.kind}: expected a config {form}, got {description!r}")
        return deserialize(description, find=self.find)


def _plain(name):
    return name.replace("_", "").lower()
