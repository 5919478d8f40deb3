"""The optimizers and schedules against the numbers that Keras computed in float32."""

import numpy as np
import pytest

from minigrad import Parameter, optimizers
from minigrad.optimizers import schedules

pytestmark = pytest.mark.right_numbers

NAMES = {**vars(optimizers), **vars(schedules)}


@pytest.fixture(scope="module")
def keras(golden):
    return golden("keras_golden.json")


def test_optimizers_follow_keras(keras):
    start = keras["opt_inputs"]
    gradients = [[np.array(g, np.float32) for g in pair] for pair in start["grads"]]
    assert len(keras["optimizers"]) == 30
    for case, steps in keras["optimizers"].items():
        optimizer = eval(case, dict(NAMES))  # a case reads "Adam(0.01,amsgrad=True)"
        variables = [Parameter(start["w0"]), Parameter(start["b0"])]
        for grads, expected in zip(gradients, steps, strict=True):
            optimizer.apply(grads, variables)
            for variable, values in zip(variables, expected, strict=True):
                # The second bound is for weights near 0: Keras's own bias correction is off by
                # 1e-5 of a step, as it takes 1 - beta_2**t in float32.
                np.testing.assert_allclose(variable.data, values, 1e-5, 2e-6, err_msg=case)


def test_schedules_follow_keras(keras):
    assert len(keras["schedules"]) == 9
    for case, values in keras["schedules"].items():
        schedule = eval(case, dict(NAMES))
        for step, expected in values.items():
            assert schedule(int(step)) == pytest.approx(expected, rel=1e-5, abs=1e-9), case
