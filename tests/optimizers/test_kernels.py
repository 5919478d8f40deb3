"""The step kernels refuse arrays that do not fit each other (their results: test_rules)."""

import inspect

import numpy as np
import pytest

from minigrad import kernels
from minigrad.kernels import reference

STEPS = sorted(name for name in vars(reference) if name.endswith("_step"))
ARRAYS = {"w", "g", "v", "m", "b", "a", "d", "u", "v_max"}
OPTIONAL = {("sgd_step", "v"), ("rmsprop_step", "m"), ("rmsprop_step", "b"), ("adam_step", "v_max")}


@pytest.mark.parametrize("module", [kernels, reference])
@pytest.mark.parametrize("name", STEPS)
def test_arrays_of_other_lengths_are_refused(module, name):
    names = list(inspect.signature(getattr(reference, name)).parameters)
    for odd in (argument for argument in names if argument in ARRAYS):
        lengths = (1, 4, 6) if (name, odd) in OPTIONAL else (0, 1, 4, 6)
        for length in lengths:
            arguments = [np.ones(5) if argument in ARRAYS else 1 for argument in names]
            arguments[names.index(odd)] = np.ones(length)
            with pytest.raises(ValueError, match=f"{name}: expected arrays of length"):
                getattr(module, name)(*arguments)
            for argument, array in zip(names, arguments, strict=True):
                if argument in ARRAYS:
                    assert np.all(array == 1), "written into before the lengths were checked"
