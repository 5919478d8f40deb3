"""Names that are made of names, and those that are counted through the program."""

import gc
import itertools
import re


def to_snake_case(name):
    """Return a class name in Keras's snake case: MaxPooling2D -> max_pooling2d."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(name, taken):
    """Return ``name``, or the first of ``name_1``, ``name_2``, ... that is not taken."""
    names = itertools.chain([name], (f"{name}_{i}" for i in itertools.count(1)))
    return next(name for name in names if name not in taken)


_counts = {}  # name of a class in snake case -> counts the automatic names that it has given


def automatic_name(name):
    """Return the name of one more object of a class: "dense", then "dense_1", "dense_2", ...

    As in Keras, it counts through the whole program, until ``clear_session``.
    """
    number = get_uid(name) - 1
    return f"{name}_{number}" if number else name


def get_uid(prefix=""):
    """Count one more name of this kind; return how many there are now."""
    return next(_counts.setdefault(prefix, itertools.count(1)))  # at once, whatever threads do


def clear_session(free_memory=True):
    """Number the automatic names of layers, models, optimizers and metrics from the start again.

    Parameters
    ----------
    free_memory : bool
        Whether to run Python's garbage collection, too.
    """
    _counts.clear()
    if free_memory:
        gc.collect()
