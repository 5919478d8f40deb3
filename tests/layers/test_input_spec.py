"""InputSpec: what a layer of one's own says of its input is checked in each call."""

import numpy as np
import pytest

from minigrad import Input
from minigrad.layers import Dense, InputSpec, Layer


class Own(Layer):
    """A layer with a given input_spec."""

    def __init__(self, spec):
        super().__init__(name="own")
        self.input_spec = spec

    def call(self, x):
        return x[0] if isinstance(x, list) else x["a"] if isinstance(x, dict) else x


@pytest.mark.parametrize(
    ("spec", "fits", "others", "message"),
    [
        (InputSpec(ndim=2), (3, 4), (3, 4, 5), "an input of 2 axes, the batch axis included, got"),
        (InputSpec(min_ndim=3), (1, 2, 3, 4), (3, 4), "an input of at least 3 axes, the batch axi"),
        (InputSpec(max_ndim=2), (3,), (3, 4, 5), r"of at most 2 axes, .* got \(3, 4, 5\)"),
        (InputSpec(axes={-1: 4, "1": 2}), (3, 2, 4), (3, 2, 5), "an input of size 4 on axis -1"),
        (InputSpec(shape=(None, 7)), (3, 7), (7, 3), r"an input of size 7 on axis 1, got \(7, 3\)"),
        (InputSpec(shape=[None, 7]), (0, 7), (7,), "an input of 2 axes"),
        (InputSpec("float32", axes={3: 5}), (1, 2), None, ""),
    ],
)
def test_input_spec_is_checked(spec, fits, others, message):
    assert Own(spec)(np.ones(fits)).shape == fits
    if others is not None:
        with pytest.raises(ValueError, match=message):
            Own(spec)(np.ones(others))
        with pytest.raises(ValueError, match="Own 'own': expected an input of"):
            Own(spec)(Input(others[1:]))


def test_several_inputs_have_a_spec_each():
    x, y = np.ones((3, 4)), np.ones((3, 5, 6))
    specs = [InputSpec(ndim=2), None]
    assert Own(specs)([x, y]).shape == (3, 4)
    named = {"b": InputSpec(ndim=3), "a": InputSpec(axes={1: 4})}
    assert Own(named)({"a": x, "b": y}).shape == (3, 4)
    with pytest.raises(ValueError, match=r"an input of 2 axes, .* got \(3, 5, 6\)"):
        Own(specs)([y, x])
    with pytest.raises(ValueError, match="an input of size 4 on axis 1"):
        Own(named)({"a": y, "b": y})


def test_input_spec_set_in_build_holds_for_later_calls():
    class Square(Dense):
        def build(self, input_shape):
            super().build(input_shape)
            self.input_spec = InputSpec(min_ndim=2, axes={-1: input_shape[-1]})

    layer = Square(3)
    layer(np.ones((2, 4)))
    assert layer(np.ones((5, 1, 4))).shape == (5, 1, 3)
    with pytest.raises(ValueError, match="size 4 on axis -1"):
        layer(np.ones((2, 5)))


def test_input_spec_shows_what_was_given():
    assert repr(InputSpec(shape=(None, 2))) == "InputSpec(shape=(None, 2), ndim=2, axes={})"
