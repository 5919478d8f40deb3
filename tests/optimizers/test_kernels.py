"""The step kernels refuse arrays that do not fit each other (their results: test_rules)."""

import inspect
import itertools

import numpy as np
import pytest

from minigrad import kernels
from minigrad.kernels import reference
from minigrad.optimizers import OPTIMIZERS

MODULES = {  # what is refused does not depend on the instruction set
    "plain": kernels.load("plain", kernels.levels()[-1]),
    "reference": kernels.load("reference"),
}
STEPS = sorted(name for name in vars(reference) if name.endswith("_step"))
OPTIONAL = {("sgd_step", "v"), ("rmsprop_step", "m"), ("rmsprop_step", "b"), ("adam_step", "v_max")}
ARRAYS = {"w", "g"} | {state for _, state in OPTIONAL}
for rule in OPTIMIZERS.members:
    ARRAYS |= set(rule().state_names)
SHAPES = [(0,), (1,), (4,), (6,), (), (5, 1), (1, 5)]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("name", STEPS)
def test_arrays_of_other_shapes_are_refused(module, name):
    names = list(inspect.signature(getattr(reference, name)).parameters)
    for odd, shape in itertools.product(ARRAYS.intersection(names), SHAPES):
        arguments = [np.ones(5) if argument in ARRAYS else 1 for argument in names]
        arguments[names.index(odd)] = np.ones(shape)
        with pytest.raises(ValueError, match=f"{name}: expected arrays"):
            MODULES[module][name](*arguments)
        for argument, array in zip(names, arguments, strict=True):
            if argument in ARRAYS:
                assert np.all(array == 1), "written into before the shapes were checked"


@pytest.mark.parametrize("name", STEPS)
def test_none_is_refused_but_for_optional_states(name):
    names = list(inspect.signature(getattr(reference, name)).parameters)
    for odd in ARRAYS.intersection(names):
        arguments = [np.ones(5) if argument in ARRAYS else 1 for argument in names]
        arguments[names.index(odd)] = None
        if (name, odd) in OPTIONAL:
            MODULES["plain"][name](*arguments)
        else:
            with pytest.raises(TypeError, match=f"'{odd}'"):
                MODULES["plain"][name](*arguments)
