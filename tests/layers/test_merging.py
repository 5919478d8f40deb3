"""Merging layers: formulas, gradients of every input, shapes, functions, errors."""

import numpy as np
import pytest

from minigrad import Tensor, layers
from minigrad.testing import check_gradients


def cosines(x, y):
    return (x * y).sum(-1, keepdims=True) / np.sqrt((x * x).sum(-1) * (y * y).sum(-1))[:, None]


# layer, its name as a function, shapes of the inputs, formula
ROWS = {
    "Add": (layers.Add, [(3, 5, 2), (3, 2), (3, 1, 2)], lambda x, y, z: x + y[:, None] + z),
    "Subtract": (layers.Subtract, [(3, 5), (3, 5)], lambda x, y: x - y),
    "Multiply": (layers.Multiply, [(3, 5), (3, 1), (3, 5)], lambda x, y, z: x * y * z),
    "Average": (layers.Average, [(3, 5), (3, 5), (3, 5)], lambda x, y, z: (x + y + z) / 3),
    "Maximum": (
        layers.Maximum,
        [(3, 5), (3, 5), (3, 5)],
        lambda x, y, z: np.max([x, y, z], axis=0),
    ),
    "Minimum": (layers.Minimum, [(3, 5), (3, 5)], lambda x, y: np.min([x, y], axis=0)),
    "Concatenate": (
        layers.Concatenate,
        [(3, 5, 2), (3, 5, 4)],
        lambda x, y: np.concatenate([x, y], axis=2),
    ),
    "Concatenate axis 1": (
        lambda **k: layers.Concatenate(1, **k),
        [(3, 5, 2), (3, 1, 2), (3, 4, 2)],
        lambda x, y, z: np.concatenate([x, y, z], axis=1),
    ),
    "Dot": (lambda **k: layers.Dot(1, **k), [(3, 5), (3, 5)], lambda x, y: (x * y).sum(1)[:, None]),
    "Dot cosine": (lambda **k: layers.Dot(-1, True, **k), [(3, 5), (3, 5)], cosines),
    "Dot of 4 axes": (
        lambda **k: layers.Dot((2, 1), **k),
        [(3, 2, 5, 4), (3, 5, 6)],
        lambda x, y: np.einsum("nabc,nbd->nacd", x, y),
    ),
    "Dot of vectors": (
        lambda **k: layers.Dot((2, 1), **k),
        [(3, 4, 5), (3, 5)],
        lambda x, y: np.einsum("nab,nb->na", x, y),
    ),
}

every_row = pytest.mark.parametrize(("make", "shapes", "formula"), ROWS.values(), ids=ROWS)


def inputs(shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


@every_row
def test_merge_equals_formula(make, shapes, formula):
    xs = inputs(shapes)
    for dtype, tolerance in (("float64", 1e-12), ("float32", 1e-5)):
        y = make(dtype=dtype)([Tensor(x, dtype=dtype) for x in xs])
        assert y.dtype == dtype
        np.testing.assert_allclose(y.numpy(), formula(*xs), rtol=tolerance, atol=tolerance)


@every_row
def test_merge_takes_arrays(make, shapes, formula):
    xs = inputs(shapes)
    y = make(dtype="float64")(xs)
    np.testing.assert_allclose(y.numpy(), formula(*xs), rtol=1e-12)


@every_row
def test_merge_gradients(make, shapes, formula):
    check_gradients(lambda *xs: make(dtype="float64")(list(xs)), *inputs(shapes))


@every_row
def test_merge_computes_its_output_shape(make, shapes, formula):
    expected = formula(*inputs(shapes)).shape
    assert make().compute_output_shape(shapes) == expected
    unknown = [(None, *shape[1:]) for shape in shapes]
    assert make().compute_output_shape(unknown) == (None, *expected[1:])


@every_row
def test_merge_accepts_an_empty_batch(make, shapes, formula):
    xs = [Tensor(np.zeros((0, *shape[1:]), "float32"), requires_grad=True) for shape in shapes]
    y = make()(xs)
    assert y.shape == (0, *formula(*inputs(shapes)).shape[1:])
    y.sum().backward()
    assert [x.grad.shape for x in xs] == [x.shape for x in xs]


def test_shapes_may_have_unknown_sizes():
    assert layers.Add().compute_output_shape([(None, None, 2), (None, 5, 2)]) == (None, 5, 2)
    assert layers.Add().compute_output_shape([(None, None, 2), (None, 1, 2)]) == (None, None, 2)
    joined = layers.Concatenate(1).compute_output_shape([(None, None, 2), (None, 5, None)])
    assert joined == (None, None, 2)


def test_one_input_is_enough():
    x = np.ones((3, 5))
    for layer in (layers.Add(), layers.Average(), layers.Maximum(), layers.Concatenate()):
        np.testing.assert_array_equal(layer([x]).numpy(), x)


@pytest.mark.parametrize("name", ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"])
def test_functions_are_the_layers(name):
    xs = inputs([(3, 5), (3, 5)])
    y = getattr(layers, name.lower())(xs, name="mine", dtype="float64")
    np.testing.assert_array_equal(y.numpy(), getattr(layers, name)(dtype="float64")(xs).numpy())


def test_functions_pass_axes_on():
    xs = inputs([(3, 5, 2), (3, 5, 2)])
    joined, products = layers.concatenate(xs, axis=1), layers.dot(xs, 1)
    np.testing.assert_array_equal(joined.numpy(), layers.Concatenate(1)(xs).numpy())
    np.testing.assert_array_equal(products.numpy(), layers.Dot(1)(xs).numpy())
    assert layers.concatenate(xs).shape == (3, 5, 4)
    assert layers.dot(xs).shape == (3, 5, 5)


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (layers.Add(), [], "a list of one or more inputs"),
        (layers.Subtract(), [(3, 5)] * 3, "a list of 2 inputs"),
        (layers.Add(), [(3, 5), (2, 5)], "inputs of one batch size"),
        (layers.Add(), [(3, 5), (3, 4)], r"shapes that broadcast, got \[\(3, 5\), \(3, 4\)\]"),
        (layers.Concatenate(), [(3, 5, 2), (3, 4, 2)], "differ only on axis -1"),
        (layers.Concatenate(), [(3, 5), (3, 5, 5)], "differ only on axis -1"),
        (layers.Concatenate(0), [(3, 5), (3, 5)], "an axis of .* got 0"),
        (layers.Concatenate(2), [(3, 5), (3, 5)], "an axis of .* got 2"),
        (layers.Dot(2), [(3, 5), (3, 5)], "axes of .* got 2"),
        (layers.Dot(-2), [(3, 5), (3, 5)], "axes of .* got -2"),
        (layers.Dot(1), [(3, 5), (3, 4)], "one size along axes 1"),
    ],
    ids=repr,
)
def test_merge_refuses_shapes(layer, shapes, message):
    for shape_only in (True, False):
        with pytest.raises(ValueError, match=f"{type(layer).__name__} '.*': expected .*{message}"):
            if shape_only:
                layer.compute_output_shape(shapes)
            else:
                layer.call([Tensor(np.zeros(shape)) for shape in shapes])


@pytest.mark.parametrize("axes", [0, (1, 0), (1,), "1"])
def test_dot_refuses_axes(axes):
    with pytest.raises(ValueError, match="Dot 'dot': expected axes"):
        layers.Dot(axes)


def test_merge_refuses_what_is_no_list():
    with pytest.raises(TypeError, match="Add 'add': expected a list of inputs"):
        layers.Add()(Tensor(np.zeros((3, 5))))
    with pytest.raises(TypeError, match="Add 'add_1': expected a list of inputs"):
        layers.Add().compute_output_shape((3, 5))
