"""From what a user writes ("adam", Adam, Adam()) to the object that is meant.

Every family (activations, losses, initializers, optimizers, ...) keeps a table of its names and
has a function `get` that asks here.
"""

import re


def get(kind, identifier, table, base=None):
    """Return the object that `identifier` stands for.

    Parameters
    ----------
    kind : str
        What is looked for, such as "optimizer"; error messages begin with it.
    identifier : None, str, class, callable or instance of `base`
        A name of `table`, where case and underscores do not matter ("he_normal", "HeNormal").
        A class, given or found by its name, is instantiated without arguments. Callables and
        instances of `base` are returned as they are, and so is None.
    table : dict from str to class or object
        The family's names.
    base : type, optional
        The family's base class. Only a family whose instances are not callable needs it.

    Raises
    ------
    ValueError
        If the name is not in the table; the message tells the names that are nearest.
    TypeError
        If `identifier` is nothing of the above.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        identifier = _look_up(kind, identifier, table)
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier) or (base is not None and isinstance(identifier, base)):
        return identifier
    raise TypeError(f"{kind}: expected a name, a class or a callable, got {identifier!r}")


def _look_up(kind, name, table):
    """Return the table's entry for `name`, whatever its case and underscores."""
    names = {_plain(known): known for known in table}
    if _plain(name) in names:
        return table[names[_plain(name)]]

    import difflib  # only here, where something went wrong: it takes a millisecond

    near = [names[match] for match in difflib.get_close_matches(_plain(name), names)]
    if near:
        hint = f"did you mean {' or '.join(repr(known) for known in near)}?"
    else:
        hint = f"known names: {', '.join(table)}"
    raise ValueError(f"{kind}: expected a known name, got {name!r}; {hint}")


def _plain(name):
    return name.replace("_", "").lower()


def to_snake_case(name):
    """Return a class name in Keras's snake case: MaxPooling2D -> max_pooling2d."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
