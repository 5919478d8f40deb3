"""Names that are made of names."""

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
