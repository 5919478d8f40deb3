"""Texts, None and booleans where a number belongs: every class names the argument."""

import numpy as np
import pytest

from minigrad import constraints, initializers, layers, optimizers, regularizers

MAKERS = {
    "rate": layers.Dropout,
    "momentum": lambda value: layers.BatchNormalization(momentum=value),
    "epsilon": lambda value: layers.BatchNormalization(epsilon=value),
    "negative_slope": layers.LeakyReLU,
    "threshold": lambda value: layers.ReLU(threshold=value),
    "alpha": layers.ELU,
    "l1": regularizers.L1,
    "l2": lambda value: regularizers.L1L2(0.1, value),
    "max_value": constraints.MaxNorm,
    "mean": initializers.RandomNormal,
    "stddev": lambda value: initializers.TruncatedNormal(stddev=value),
    "minval": initializers.RandomUniform,
    "scale": initializers.VarianceScaling,
    "gain": initializers.Orthogonal,
    "learning_rate": optimizers.SGD,
}


@pytest.mark.parametrize("value", ["half", None, True, [0.5], 1j])
@pytest.mark.parametrize("name", MAKERS)
def test_what_is_no_number_is_refused_by_name(name, value):
    with pytest.raises(TypeError, match=f"[A-Z]\\w+: expected .*{name.replace('_', '.')}"):
        MAKERS[name](value)


@pytest.mark.parametrize("value", [np.float32(0.5), np.array(0.5), np.int8(1)])
@pytest.mark.parametrize("name", MAKERS)
def test_numbers_may_be_of_any_type(name, value):
    MAKERS[name](value * 0 if name == "minval" else value)
