"""Variables: numbers that change in place and compute like numbers."""

import copy
import pickle

import numpy as np
import pytest

from minigrad.core import Tensor
from minigrad.utils.variable import Variable


def test_variable_changes_in_place_and_copies_what_it_is_given():
    given = np.array([1.0, 2.0])
    variable = Variable(given, "float32", name="seen")
    assert variable.assign([3, 4]) is variable
    assert variable.assign_add(1) is variable
    assert variable.assign_sub(Tensor([0.5, 0.5])) is variable
    assert (variable.tolist(), variable.dtype, variable.name) == ([3.5, 4.5], np.float32, "seen")
    variable += 1
    assert isinstance(variable, Variable) and variable.tolist() == [4.5, 5.5]
    assert given.tolist() == [1, 2]
    values = variable.numpy()
    variable.assign(0)
    assert type(values) is np.ndarray and values.tolist() == [4.5, 5.5]
    assert type(variable.value) is np.ndarray


def test_variable_computes_like_a_number():
    rate = Variable(0.25)
    assert (float(rate), rate * 2, 1 - rate, -rate, rate**2) == (0.25, 0.5, 0.75, -0.25, 0.0625)
    assert rate == 0.25 and rate < 1 and rate != 0.5 and not rate > 1 and bool(rate)
    assert type(rate * 2) is np.float64 and type(np.sqrt(rate)) is np.float64
    assert type(Variable([1.0, 2.0]) * 2) is np.ndarray
    assert (f"{rate:.3f}", str(rate)) == ("0.250", "0.25")
    assert (round(rate, 1), round(rate)) == (0.2, 0) and type(round(rate)) is int
    for twin in (copy.deepcopy(rate), copy.copy(rate), pickle.loads(pickle.dumps(rate))):
        twin.assign(1)
        assert (type(twin), float(rate)) == (Variable, 0.25)


def test_variable_refuses_another_shape():
    with pytest.raises(ValueError, match="broadcast"):
        Variable(0.5).assign([1, 2])
