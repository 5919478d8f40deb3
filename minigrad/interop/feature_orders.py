"""In which order PyTorch has the features of a flattened image, where minigrad has them otherwise.

Images are (H, W, C) here and (C, H, W) there. So what Flatten puts in a row is in another order,
and the rows of the next Dense have to be, too. So have the columns of a Dense whose output becomes
an image.
"""

import math

import numpy as np

from minigrad import layers, symbolic
from minigrad.interop.replaying import replay, title_of
from minigrad.layers.base import ElementwiseLayer, Layer, map_shapes
from minigrad.symbolic import Symbol
from minigrad.utils.structures import flatten, map_structure

CURE = "; write flatten='channels_last' if the other program flattens images in minigrad's order"
# Layers with weights for each feature, which keep the order of features.
VECTORS = (
    layers.BatchNormalization, layers.LayerNormalization, layers.PReLU, layers.RMSNormalization,
)  # fmt: skip


class Features:
    """A value of the model: its shape, and what is known of the order of its last axis.

    Attributes
    ----------
    order : array or None
        Feature i there is feature ``order[i]`` here.
    makers : list of Layer or None
        Whose weights give the features their order: a Dense and what follows it; None of others.
    uses : list of [int]
        How often each of the values from that Dense on was used.
    """

    def __init__(self, shape, dtype, order=None, makers=None, uses=()):
        self.shape = tuple(shape)
        self.dtype = dtype
        self.order = order
        self.makers = makers
        self.uses = [*uses, [0]]


def image_order(shape):
    """The order (C, H, W) of features that were flattened in the order (H, W, C)."""
    places = np.arange(math.prod(shape)).reshape(shape)
    return np.moveaxis(places, -1, 0).ravel()


def find_orders(model):
    """Return two dicts from a layer's id to an order: of its input's and its output's features.

    Raises
    ------
    ValueError
        If features in another order reach what cannot be turned, or a layer has two orders.
    TypeError
        If a layer of your own cannot be recorded.
    """
    finder = _Finder()
    inputs = map_shapes(lambda shape: Features(shape, model.dtype), model.input_shape)
    replay(model, (inputs,), {}, finder.apply, Features)
    for title, uses in finder.turned:
        if max(count for (count,) in uses) > 1:
            raise ValueError(
                f"state_dict: {title}: expected its input to be used only once, since it is in "
                f"another order in PyTorch{CURE}"
            )
    return finder.inputs, finder.outputs


class _Finder:
    def __init__(self):
        self.inputs, self.outputs = {}, {}
        self.turned = []  # what makes an image of features, and how often these are used

    def apply(self, function, arguments, options):
        """Follow the features through one call; see `replaying.replay`."""
        if isinstance(function, layers.TimeDistributed):
            shape = arguments[0].shape
            self.apply(function.layer, (Features((None, *shape[2:]), function.dtype),), {})
        elif isinstance(function, Layer) and function.sublayers:
            return NotImplemented
        given = [x for x in flatten((arguments, options)) if isinstance(x, Features)]
        for x in given:
            x.uses[-1][0] += 1
        results = _shapes_of(function, arguments, options)
        shapes = [symbol.shape for symbol in flatten(results)]
        made = self._follow(function, given, shapes)
        made = iter(made or [Features(s.shape, s.dtype) for s in flatten(results)])
        return map_structure(lambda _: next(made), results)

    def _follow(self, function, given, shapes):
        """The results, where something is known of their order."""
        x = given[0] if given else None
        if len(given) != 1 or len(shapes) != 1:
            return self._join(function, given, shapes)
        (shape,), kept = shapes, [x.dtype, x.order, x.makers, x.uses]
        is_reshape = isinstance(function, layers.Reshape) or title_of(function) == "reshape"
        if is_reshape and len(x.shape) > 2 and len(shape) == 2:
            order = None if None in x.shape[1:] else image_order(x.shape[1:])
            return [Features(shape, x.dtype, order)]
        if is_reshape and len(x.shape) == 2 and len(shape) > 2:
            return [self._make_image(function, x, shape)]
        if isinstance(function, layers.Dense) and len(x.shape) == 2:
            self._keep(self.inputs, function, x.order)
            return [Features(shape, x.dtype, None, [function])]
        if isinstance(function, VECTORS) and len(x.shape) == 2:
            self._keep(self.outputs, function, x.order)
            makers = None if x.makers is None else [*x.makers, function]
            return [Features(shape, x.dtype, x.order, makers, x.uses)]
        if shape == x.shape and isinstance(function, ElementwiseLayer) and not function.weights:
            return [Features(shape, *kept)]
        is_activation = getattr(function, "__module__", "") == "minigrad.activations"
        if is_activation or (is_reshape and shape == x.shape):
            return [Features(shape, *kept)]
        return self._join(function, given, shapes)

    def _join(self, function, given, shapes):
        """The results of several features, which stay in order in Concatenate and kin."""
        if all(x.order is None for x in given):
            return None
        orders = [np.arange(x.shape[-1]) if x.order is None else x.order for x in given]
        if isinstance(function, layers.Concatenate):
            starts = np.cumsum([0, *(len(order) for order in orders)])
            moved = [order + n for order, n in zip(orders, starts[:-1], strict=True)]
            return [Features(shapes[0], given[0].dtype, np.concatenate(moved))]
        same = all(np.array_equal(order, orders[0]) for order in orders)
        if same and isinstance(function, layers.Add.__mro__[1]):
            return [Features(shapes[0], given[0].dtype, orders[0])]
        raise ValueError(
            f"state_dict: {title_of(function)}: expected no features of a flattened image, whose "
            f"order is another in PyTorch, got {[x.shape for x in given]}{CURE}"
        )

    def _make_image(self, function, x, shape):
        order = image_order(shape[1:])
        back = x.order is not None and np.array_equal(x.order, order)
        if not back and (x.makers is None or x.order is not None):
            raise ValueError(
                f"state_dict: {title_of(function)}: expected features of a Dense layer, which can "
                f"be put in PyTorch's order, got those of something else{CURE}"
            )
        if not back:
            self.turned.append((title_of(function), x.uses))
            for layer in x.makers:
                self._keep(self.outputs, layer, order, is_new=False)
        return Features(shape, x.dtype)

    def _keep(self, orders, layer, order, is_new=True):
        known = orders.setdefault(id(layer), order)
        if not is_new and known is None:
            known = orders[id(layer)] = order
        if (known is None) != (order is None) or not np.array_equal(known, order):
            raise ValueError(
                f"state_dict: {layer._title}: expected one order of features, got two, since the "
                f"layer is called twice{CURE}"
            )


def _shapes_of(function, arguments, options):
    """The results of a call as Symbols."""

    def symbol_of(leaf):
        return Symbol(leaf.shape, leaf.dtype) if isinstance(leaf, Features) else leaf

    if isinstance(function, Layer) and not options and len(arguments) == 1:
        shape = map_structure(lambda x: x.shape, arguments[0])
        is_list = isinstance(arguments[0], (list, tuple))
        shapes = function.compute_output_shape(list(shape) if is_list else shape)
        return map_shapes(lambda shape: Symbol(shape, function.dtype), shapes)
    return symbolic.infer(function, *map_structure(symbol_of, (arguments, options)))
