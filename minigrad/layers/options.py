"""What a layer is told about each of its weights: initializer, regularizer, constraint."""

from minigrad import constraints, initializers, regularizers


def keep_options(layer, prefix, initializer, regularizer=None, constraint=None):
    """Look the three up and keep them as ``layer.<prefix>_initializer`` and so on.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    setattr(layer, f"{prefix}_initializer", initializers.get(initializer))
    setattr(layer, f"{prefix}_regularizer", regularizers.get(regularizer))
    setattr(layer, f"{prefix}_constraint", constraints.get(constraint))


def make_weight(layer, prefix, shape, name=None):
    """Make a weight with what ``keep_options`` kept; its name is by default the prefix."""
    return layer.add_weight(
        shape,
        getattr(layer, f"{prefix}_initializer"),
        regularizer=getattr(layer, f"{prefix}_regularizer"),
        constraint=getattr(layer, f"{prefix}_constraint"),
        name=name or prefix,
    )
