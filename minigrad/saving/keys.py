"""Keys: where a weight stands in a model. Files go by them; names of layers are for people.

A key is made of the attributes, or classes, that lead to the layer, and of the weight's place in
it, as in Keras 3 ("layers/dense_1/vars/0", "block/head/vars/1"), or of its name there
("layers/dense_1/kernel").
"""

from minigrad.utils.naming import unique_name


def find_places(model, may_be_unbuilt=False):
    """Return where each layer stands, a list of (group, layer), each layer once.

    The group of a layer in a row or graph of layers is "layers/dense_1": its class, numbered from
    the second of its kind; else it is named after the attribute that holds it, "block/head".

    Raises
    ------
    ValueError
        If a layer is not built, unless it may be.
    """
    places, seen, stack = [], {}, [("", model)]
    while stack:
        group, layer = stack.pop()
        if id(layer) not in seen:
            seen[id(layer)] = layer
            places.append((group, layer))
            stack += reversed([(join(group, name), inner) for name, inner in _members(layer)])
    unbuilt = [layer.name for _, layer in places if not (layer.built or layer.sublayers)]
    if unbuilt and not may_be_unbuilt:
        raise ValueError(
            f"weights: expected built layers, got unbuilt {', '.join(unbuilt)}; "
            "call the model on data, or model.build(input_shape), first"
        )
    return places


def find_keys(places, by_name=False):
    """Return a dictionary from key to weight; keys end in the place of the weight, or its name."""
    weights = {}
    for group, layer in places:
        for position, weight in enumerate(layer.own_weights):
            name = weight.name or "weight" if by_name else f"vars/{position}"
            weights[unique_name(join(group, name), weights)] = weight
    return weights


def _members(layer):
    """The layers right within one, with their groups, in the order in which Keras visits them."""
    held = {name: vars(layer)[name] for name in layer.holders}
    is_list = bool(held.pop("_layers", None))  # a row or graph of layers
    members = _members_of_attributes(held)
    if is_list:
        return [*zip(number_classes("layers", layer.layers), layer.layers, strict=True), *members]
    if hasattr(layer, "layers"):  # an own model: Keras visits this list like an attribute
        return _members_of_attributes(held | {"layers": layer.layers})
    return members


def _members_of_attributes(held):
    order = sorted(held, key=lambda name: (name.startswith("_"), name))
    return [member for name in order for member in _members_of(held[name], name)]


def _members_of(value, group, around=()):
    if hasattr(value, "holders"):
        yield group, value
    elif isinstance(value, (list, tuple, dict)) and id(value) not in around:  # it may hold itself
        parts = list(value.values() if isinstance(value, dict) else value)
        for inner, part in zip(number_classes(group, parts), parts, strict=True):
            yield from _members_of(part, inner, (*around, id(value)))


def number_classes(group, values):
    """Yield the group of each value in a list: its class, numbered from the second of its kind."""
    counts = {}
    for value in values:
        is_container = isinstance(value, (list, tuple, dict))
        name = "container" if is_container else getattr(value, "class_name", "object")
        number = counts.get(name, 0)
        counts[name] = number + 1
        yield f"{group}/{name}_{number}" if number else f"{group}/{name}"


def join(path, name):
    """Return two parts of a key as one; the first may be empty."""
    return f"{path}/{name}" if path else name
