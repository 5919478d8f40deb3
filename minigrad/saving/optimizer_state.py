"""The state of an optimizer as a list of arrays, in the order in which Keras writes it.

First what all variables share: the number of steps, and the learning rate unless a schedule gives
it. Then the averages of all variables, the accumulators of all, and the rule's own state: variable
by variable (m and v of the first, m and v of the second), but what is in `KIND_BY_KIND` kind by
kind.
"""

import numpy as np

from minigrad.utils.arguments import short_text

BESIDE_THE_RULE = ("average", "gradient_accumulator")

# State that Keras keeps together for all variables, behind what goes variable by variable.
KIND_BY_KIND = {"Adam": ["v_max"], "RMSprop": ["v", "b", "m"]}


def find_arrays(optimizer):
    """Return the arrays of a built optimizer, not copied."""
    kinds = _kinds_apart(type(optimizer))
    states = list(optimizer._state.values())
    beside = [state[name] for name in BESIDE_THE_RULE for state in states if name in state]
    by_variable = [
        array
        for state in states
        for name, array in state.items()
        if name not in kinds and name not in BESIDE_THE_RULE
    ]
    by_kind = [state[name] for name in kinds for state in states if name in state]
    shared = [optimizer._calls]
    if isinstance(optimizer._learning_rate, np.ndarray):
        shared.append(optimizer._learning_rate.view(np.ndarray))
    return [*shared, *beside, *by_variable, *by_kind, *optimizer.shared.values()]


def _kinds_apart(cls):
    return next((KIND_BY_KIND[c.__name__] for c in cls.__mro__ if c.__name__ in KIND_BY_KIND), [])


def check_arrays(optimizer, arrays):
    """Raise a ValueError unless arrays, read from a file or not yet, have the shapes of its own."""
    own = find_arrays(optimizer)
    shapes = [np.shape(array) for array in arrays]
    if shapes != [array.shape for array in own]:
        expected = f"{len(own)} arrays of shapes {short_text([a.shape for a in own])}"
        got = f"{len(shapes)} of shapes {short_text(shapes)}"
        raise ValueError(f"{optimizer.name}: expected {expected}, got {got}")
    others = [array.dtype for array in arrays if array.dtype.kind not in "biuf"]
    if others:
        raise ValueError(f"{optimizer.name}: expected arrays of numbers, got {others[0]}")


def check_values(optimizer, arrays):
    """Raise a ValueError unless arrays of the right shapes hold what a state can be."""
    optimizer._check_state(_rows(optimizer, arrays))


def set_arrays(optimizer, arrays):
    """Restore copies of what `find_arrays` returned, or raise ValueError and change nothing."""
    check_arrays(optimizer, arrays)
    optimizer._assign_state(_rows(optimizer, arrays))


def _rows(optimizer, arrays):
    own = find_arrays(optimizer)
    rate = ["learning_rate"] if isinstance(optimizer._learning_rate, np.ndarray) else []
    names = ["iterations", *rate] + [f"array {i}" for i in range(len(own))]
    return zip(names, own, map(np.asarray, arrays), strict=False)
