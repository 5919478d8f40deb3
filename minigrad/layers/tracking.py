"""What a layer holds: the weights and layers among its attributes, and in their lists and dicts.

An assignment notes the attribute's name; whoever asks for weights looks into the attribute then. So
a list that grew, an attribute that was replaced, a layer used twice and a cycle need no code.
"""

import itertools

import numpy as np

from minigrad.core import Parameter, as_array
from minigrad.utils.arguments import told
from minigrad.utils.config import Configured
from minigrad.utils.interrupts import interrupts
from minigrad.utils.structures import held_in

_numbers = itertools.count()  # of the layers, in the order in which they are made
_last_change = [object()]  # another one after each change of weights, layers and flags of any layer


def last_change():
    """Return an object: another one once any layer was given weights or layers, frozen or thawed.

    A list that grew in place is not noticed.
    """
    return _last_change[0]


def assign_weights(weights, arrays):
    """Give each weight the values of its array, or raise ValueError and change none."""
    if len(arrays) != len(weights):
        paths = ", ".join(weight.path for weight in weights) or "no weights (build the model first)"
        raise ValueError(f"set_weights: expected arrays for {paths}, got {len(arrays)} arrays")
    pairs = [(w, as_array(array, w.dtype)) for w, array in zip(weights, arrays, strict=True)]
    wrong = [f"{w.path} {w.shape}, got {a.shape}" for w, a in pairs if w.shape != a.shape]
    if wrong:
        raise ValueError(f"set_weights: expected shapes {'; '.join(wrong)}")
    with interrupts() as hold, hold:
        for weight, array in pairs:
            weight.assign(array)


def _may_hold(value):
    """Whether the value is, or holds, or may one day hold a weight or a layer."""
    if isinstance(value, tuple):
        return any(_may_hold(part) for part in value)
    return isinstance(value, (Tracked, Parameter, list, dict))


class Tracked(Configured):
    """Base of ``Layer``: its weights are those of ``add_weight`` and of its attributes.

    An attribute may be a Parameter, a layer, or a list, tuple or dict of such, to any depth; sets
    are refused: nothing has a place in them that files could name. Each weight counts once. A
    layer's own weights come first, those that are trained before the others; then those of the
    layers within, in the order in which these were made.
    """

    def __new__(cls, /, *arguments, **named):
        self = super().__new__(cls, *arguments, **named)
        vars(self).update(_number=next(_numbers), _holders={"_weights": None}, _weights=[])
        return self

    def __setattr__(self, name, value):
        if _may_hold(value):
            self._holders[name] = None
            _last_change[0] = object()  # not a count, which threads would lose
            if isinstance(value, Parameter) and value.name is None:
                value.name, value.path = name, f"{vars(self).get('_name', 'layer')}/{name}"
        elif isinstance(value, (set, frozenset)) and held_in(value, (Parameter, Tracked)):
            raise TypeError(f"{type(self).__name__}: expected layers in a list or dict, got a set")
        object.__setattr__(self, name, value)

    def _held(self):
        """The layer's own weights, and the layers right within."""
        values = [vars(self)[name] for name in self.holders]
        found = held_in(values, (Parameter, Tracked))
        weights = [value for value in found if isinstance(value, Parameter)]
        layers = [value for value in found if isinstance(value, Tracked)]
        weights.sort(key=lambda weight: not weight.made_trainable)
        return weights, sorted(layers, key=lambda layer: layer._number)

    def _walk(self, only_trained=False):
        """Yield this layer and all within, each once, as (layer, its own weights).

        With `only_trained`, a frozen layer is left out with all within.
        """
        seen, stack = {}, [self]
        while stack:
            layer = stack.pop()
            if id(layer) not in seen and (layer._trainable or not only_trained):
                seen[id(layer)] = layer
                weights, layers = layer._held()
                yield layer, weights
                stack += reversed(layers)

    @property
    def holders(self):
        """The names of the attributes that hold, or may hold, weights and layers."""
        return [name for name in self._holders if name in vars(self)]

    @property
    def own_weights(self):
        """The weights that are not those of layers within: the trained ones first."""
        return self._held()[0]

    @property
    def sublayers(self):
        """The layers right within, those that a model's ``layers`` shows."""
        return self._held()[1]

    @property
    def trainable(self):
        """Whether training changes the weights; setting it sets it for all layers within."""
        return self._trainable

    @trainable.setter
    def trainable(self, trainable):
        if not isinstance(trainable, (bool, np.bool_)):
            title = type(self).__name__
            raise ValueError(f"{title}: expected trainable as bool, got {trainable!r}")
        self._trainable = bool(trainable)
        for layer, weights in list(self._walk()):
            layer._trainable = self._trainable
            for weight in weights:
                weight.trainable = weight.made_trainable and self._trainable
        _last_change[0] = object()

    @property
    def weights(self):
        """All weights, each once: the layer's own, then those of the layers within, in order."""
        return _unique(weight for _, weights in self._walk() for weight in weights)

    @property
    def thawed_weights(self):
        """The weights of all layers that are not frozen, trained or not."""
        walk = self._walk(only_trained=True)
        return _unique(weight for _, weights in walk for weight in weights)

    @property
    def trainable_weights(self):
        """The weights that training changes: none of a frozen layer or of the layers within."""
        return [weight for weight in self.thawed_weights if weight.trainable]

    @property
    def non_trainable_weights(self):
        """The weights that training does not change."""
        trained = {id(weight) for weight in self.trainable_weights}
        return [weight for weight in self.weights if id(weight) not in trained]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def get_weights(self):
        """Return copies of the weights as a list of arrays, in the order of ``weights``."""
        return [weight.numpy() for weight in self.weights]

    @told
    def set_weights(self, arrays):
        """Replace the values of all weights, in the order of ``weights``.

        Raises
        ------
        ValueError
            If the number of arrays or any shape differs. No weight has changed then.
        """
        assign_weights(self.weights, arrays)


def _unique(values):
    return list({id(value): value for value in values}.values())
