"""Copies of models: which layers are copied by whom."""

import numpy as np
import pytest

from minigrad import Input, Model, Sequential, layers
from minigrad.models import clone_model

X = np.linspace(-1, 1, 15).reshape(5, 3)


@pytest.mark.parametrize("recursive", [False, True])
def test_models_within_are_copied_by_the_function_if_it_is_recursive(recursive):
    def graph(*names):
        x = y = Input((3,))
        for name in names:
            y = layers.Dense(3, name=name)(y)
        return Model(x, y)

    x = Input((3,))
    inner, row = graph("first", "second"), Sequential([layers.Dense(3, name="third")])
    model = Model(x, layers.Dense(1, name="last")(row(inner(inner(x)))))
    met = []

    def copy(layer):
        met.append(layer.name)
        return type(layer).from_config(layer.get_config())

    clone = clone_model(model, clone_function=copy, recursive=recursive)
    assert met == (["first", "second", "third", "last"] if recursive else [
        inner.name, row.name, "last",
    ])  # fmt: skip
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(X).data, model(X).data)
    assert not {id(weight) for weight in clone.weights} & {id(weight) for weight in model.weights}
