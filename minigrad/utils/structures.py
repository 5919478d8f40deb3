"""Structures of values: lists, tuples and dicts, nested to any depth. What is none is a leaf."""

from minigrad.core import TensorBase


def is_structure(value):
    """Whether `value` holds several arrays: a dict, or a sequence of which all parts have a shape.

    Some of the parts may be None. A list of numbers, or of rows of numbers, is one array.
    """
    if isinstance(value, dict):
        return not hasattr(value, "tocsr")  # a format of SciPy's sparse matrices is a dict, too
    if not isinstance(value, (list, tuple)):
        return False
    parts = [part for part in value if part is not None]
    return bool(parts) and all(
        isinstance(part, TensorBase) or getattr(part, "shape", None) or is_structure(part)
        for part in parts
    )


def map_structure(function, value, is_leaf=None):
    """Apply `function` to each leaf; return the results in the same structure.

    What `is_leaf` says so of is a leaf, a list of numbers perhaps.
    """
    if is_leaf is not None and is_leaf(value):
        return function(value)
    if isinstance(value, dict):
        return {key: map_structure(function, part, is_leaf) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        parts = [map_structure(function, part, is_leaf) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return function(value)


def flatten(value):
    """Return the leaves in a list, in order."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return [value]
    return [leaf for part in value for leaf in flatten(part)]


def pack_like(structure, leaves):
    """Return the leaves, as `flatten` gave them, in the structure that they came from."""
    leaves = iter(leaves)
    return map_structure(lambda _: next(leaves), structure)


PLAIN = {bool, int, float, str, type(None)}  # most attributes, which hold nothing


def held_in(values, kind):
    """Return the instances of `kind` among the values and in their lists, tuples and dicts.

    Each comes once, however often and however deep it is held; cycles do no harm.
    """
    found, seen, stack = {}, {}, [value for value in values if type(value) not in PLAIN][::-1]
    while stack:
        value = stack.pop()
        if isinstance(value, kind):
            found[id(value)] = value
        elif isinstance(value, (list, tuple, dict)) and id(value) not in seen:
            seen[id(value)] = value  # kept: a freed one's id could come again
            parts = value.values() if isinstance(value, dict) else value
            stack += [part for part in parts if type(part) not in PLAIN][::-1]
    return list(found.values())
