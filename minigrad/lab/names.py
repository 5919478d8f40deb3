"""Names of the layers within a model, unique and readable: "block/first", "encoder/dense_1"."""

from minigrad.layers.base import Layer
from minigrad.utils.naming import unique_name


def name_layers(model):
    """Return a dict from the model, "", and each layer within to its path from the model.

    A path is made of the names of layers in a row or graph of layers, and else of the attributes
    that hold them. A layer that is held several times has its shortest path.
    """
    names, taken, order = {model: ""}, {""}, [model]
    for layer in order:  # it grows: layers right within first, then those within these
        for name, inner in _members(layer):
            if inner not in names:
                path = unique_name(f"{names[layer]}/{name}".lstrip("/"), taken)
                names[inner] = path
                taken.add(path)
                order.append(inner)
    return names


def name_weights(model):
    """Return a dict from each weight of the model to its path, such as "block/first/kernel"."""
    names = {}
    for layer, path in name_layers(model).items():
        for index, weight in enumerate(layer.own_weights):
            names.setdefault(weight, f"{path}/{weight.name or f'weight_{index}'}".lstrip("/"))
    return names


def _members(layer):
    """Pairs of name and layer, of the layers right within one."""
    for inner in vars(layer).get("_layers", ()):
        yield inner.name, inner
    for name in layer.holders:
        yield from _members_of(vars(layer)[name], name)


def _members_of(value, name):
    if isinstance(value, Layer):
        yield name, value
    elif isinstance(value, (list, tuple, dict)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in items:
            yield from _members_of(part, f"{name}/{key}")
