"""Which layer's call made which node of a graph: nodes themselves know nothing of layers."""

import dataclasses
import functools
import weakref

from minigrad.core import Function, Tensor
from minigrad.lab.names import name_layers
from minigrad.layers.base import Layer
from minigrad.utils.structures import flatten


@dataclasses.dataclass(eq=False)
class Call:
    """One call of a layer: its path from the model, "" for that itself, and what it was given."""

    path: str
    layer: Layer
    given: list


class Watch:
    """Notes which layer makes what, while a model runs; `Graph` and `explain` then show layers.

    ::

        with Watch(model) as watch:
            loss = loss_fn(y, model(x, training=True))
        explain(loss, watch=watch, depth=1)  # the outer layers, each as one step
        Graph(loss, watch, depth=2)  # the layers within them

    The model computes what it computes without a Watch. Layers that would run as one kernel run one
    by one, which may change the last digit of gradients. What no call of a layer makes (the loss,
    penalties of weights) stands outside of layers.

    Parameters
    ----------
    model : Model or Layer
        With all its layers, which may be built later.

    Raises
    ------
    TypeError
        If `model` is neither.
    """

    def __init__(self, model):
        if not isinstance(model, Layer):
            raise TypeError(f"Watch: expected a Model or Layer, got {model!r}")
        self.model = model
        self._running = []  # calls, each within the one before
        self._calls = weakref.WeakKeyDictionary()  # node -> the calls around it, the model's first
        self._replaced = []

    def __enter__(self):
        for layer, path in name_layers(self.model).items():
            self._replaced.append((layer, vars(layer).get("call")))
            layer.call = self._watched(path, layer)
        return self

    def __exit__(self, *error):
        for layer, own_call in reversed(self._replaced):
            del layer.call, layer._signature  # those of the class are back
            if own_call is not None:
                layer.call = own_call
        self._replaced = []

    def calls_around(self, node):
        """The calls within which a node was made, the outermost first, as a tuple."""
        return self._calls.get(node, ())

    def _watched(self, path, layer):
        call = layer.call

        @functools.wraps(call)
        def watched(*arguments, **options):
            given = _tensors_in([arguments, options])
            self._claim(given)  # what was made before this call is not its own
            self._running.append(Call(path, layer, given))
            try:
                results = call(*arguments, **options)
                self._claim(_tensors_in([results, layer._added_losses[1]]))
            finally:
                self._running.pop()
            return results

        return watched

    def _claim(self, tensors):
        """Note the running calls for all nodes below the tensors that belong to no call yet."""
        around = tuple(self._running)
        stack = [tensor.node for tensor in tensors if tensor.data is not None]  # deferred no more
        while stack:
            node = stack.pop()
            if isinstance(node, Function) and node not in self._calls:
                self._calls[node] = around
                stack += node.sources or ()


def _tensors_in(values):
    return [leaf for leaf in flatten(values) if isinstance(leaf, Tensor)]
