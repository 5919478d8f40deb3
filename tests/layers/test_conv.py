"""Conv2D and what all image layers share: sizes, padding, arguments that do not fit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import Tensor, layers

sizes = st.integers(1, 9)
steps = st.integers(1, 4)


def output_size(size, window, stride, padding, dilation=1):
    """How many windows fit, by counting them."""
    if padding == "same":
        return len(range(0, size, stride))
    return len(range(0, size - (window - 1) * dilation, stride))


@settings(deadline=None, max_examples=150)
@given(
    image=st.tuples(sizes, sizes),
    window=st.tuples(steps, steps),
    strides=st.tuples(steps, steps),
    dilation=st.tuples(steps, steps),
    padding=st.sampled_from(["valid", "same"]),
)
def test_conv_shape_is_that_of_the_result(image, window, strides, dilation, padding):
    if max(strides) > 1:
        dilation = (1, 1)
    layer = layers.Conv2D(3, window, strides, padding, dilation_rate=dilation)
    expected = [output_size(image[i], window[i], strides[i], padding, dilation[i]) for i in (0, 1)]
    if min(expected) == 0:
        with pytest.raises(
            ValueError, match=r"Conv2D 'conv2d.*': Computed output size would be zero"
        ):
            layer(np.zeros((2, *image, 1)))
        return
    y = layer(np.zeros((2, *image, 1)))
    assert y.shape == (2, *expected, 3)
    assert layer.compute_output_shape((None, *image, 1)) == (None, *expected, 3)
    assert layer.compute_output_shape((None, None, image[1], 1)) == (None, None, expected[1], 3)


@settings(deadline=None, max_examples=100)
@given(
    kind=st.sampled_from([layers.MaxPooling2D, layers.AveragePooling2D]),
    image=st.tuples(sizes, sizes),
    window=st.tuples(steps, steps),
    strides=st.none() | st.tuples(steps, steps),
    padding=st.sampled_from(["valid", "same"]),
)
def test_pooling_shape_is_that_of_the_result(kind, image, window, strides, padding):
    layer = kind(window, strides, padding)
    strides = strides or window
    expected = [output_size(image[i], window[i], strides[i], padding) for i in (0, 1)]
    if min(expected) == 0:
        with pytest.raises(ValueError, match="Computed output size would be zero or negative"):
            layer.compute_output_shape((None, *image, 5))
        return
    assert layer(np.zeros((2, *image, 5))).shape == (2, *expected, 5)
    assert layer.compute_output_shape((None, *image, 5)) == (None, *expected, 5)
    assert layer.compute_output_shape((7, image[0], None, 5)) == (7, expected[0], None, 5)


def test_conv_same_padding_of_even_kernel_adds_the_extra_cell_at_the_end():
    layer = layers.Conv2D(1, (2, 4), padding="same", kernel_initializer="ones", dtype="float64")
    y = layer(np.ones((1, 3, 5, 1))).numpy()[0, :, :, 0]
    # rows: 0 above, 1 below; columns: 1 to the left, 2 to the right
    np.testing.assert_array_equal(y, np.outer([2, 2, 1], [3, 4, 4, 3, 2]))


def test_conv_does_not_flip_the_kernel():
    layer = layers.Conv2D(1, (1, 2), use_bias=False)
    layer.build((None, 1, 3, 1))
    layer.set_weights([np.array([1.0, 10.0]).reshape(1, 2, 1, 1)])
    y = layer(np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1))
    np.testing.assert_array_equal(y.numpy().ravel(), [21, 32])


def test_conv_padding_ignores_case():
    assert layers.Conv2D(2, 3, padding="SAME").compute_output_shape((1, 5, 5, 1)) == (1, 5, 5, 2)


def test_conv_shape_of_groups():
    layer = layers.Conv2D(6, (3, 2), groups=3)
    layer.build((None, 5, 5, 9))
    assert layer.kernel.shape == (3, 2, 3, 6)
    assert layer.bias.shape == (6,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, r"Conv2D 'conv2d': expected filters .* got 0"),
        ({"filters": 2.5}, r"expected filters to be an integer of at least 1, got 2\.5"),
        ({"kernel_size": (3, 0)}, r"kernel_size .* got \(3, 0\)"),
        ({"kernel_size": (3, 3, 3)}, r"kernel_size .* got \(3, 3, 3\)"),
        ({"strides": 0}, r"strides .* got 0"),
        ({"strides": (1, -1)}, r"strides .* got \(1, -1\)"),
        ({"dilation_rate": 0}, r"dilation_rate .* got 0"),
        ({"strides": 2, "dilation_rate": (1, 2)}, r"strides 1 with dilation_rate \(1, 2\), got 2"),
        ({"groups": 0}, r"groups .* got 0"),
        ({"groups": 3}, r"filters to be a multiple of groups \(3\), got 4"),
        ({"padding": "full"}, r"padding 'valid' or 'same', got 'full'"),
        ({"data_format": "channels_first"}, r"'channels_last', got 'channels_first'"),
        ({"activation": "rellu"}, r"did you mean 'relu'"),
        ({"kernel_initializer": "glorot_unifrom"}, r"did you mean 'glorot_uniform'"),
    ],
)
def test_conv_refuses_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.Conv2D(**{"filters": 4, "kernel_size": 3, **arguments})


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 5, 4), r"Conv2D 'edges': expected an input of 4 axes.* got \(5, 5, 4\)"),
        ((2, 5, 5, 3), r"channels to be a multiple of groups \(2\), got \(None, 5, 5, 3\)"),
        ((2, 2, 5, 4), r"at least 3 cells along height, got 2"),
        ((2, 5, 5, None), r"known size on axis -1, got \(2, 5, 5, None\)"),
    ],
)
def test_conv_refuses_input_shapes(shape, message):
    layer = layers.Conv2D(4, 3, groups=2, name="edges")
    with pytest.raises(ValueError, match=message):
        layer.build(shape)
    assert layer.weights == []
    assert not layer.built


def test_conv_refuses_other_channels_than_it_was_built_for():
    layer = layers.Conv2D(4, 3)
    layer.build((None, 5, 5, 2))
    with pytest.raises(ValueError, match=r"size 2 on axis -1, got \(7, 5, 5, 3\)"):
        layer(np.zeros((7, 5, 5, 3)))
    assert layer(np.zeros((7, 9, 8, 2))).shape == (7, 7, 6, 4)  # other heights and widths are fine


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (1, 2)])
def test_conv_agrees_with_torch(padding, strides, dilation):
    torch = pytest.importorskip("torch")
    layer = layers.Conv2D(
        6, (3, 2), strides, padding, dilation_rate=dilation, groups=2, dtype="float64"
    )
    x = Tensor(np.random.default_rng(0).normal(size=(3, 9, 7, 4)), requires_grad=True)
    y = layer(x)
    y.sum().backward()
    tx = torch.tensor(x.numpy().transpose(0, 3, 1, 2), requires_grad=True)
    kernel = torch.tensor(layer.kernel.numpy().transpose(3, 2, 0, 1), requires_grad=True)
    ty = torch.nn.functional.conv2d(tx, kernel, None, strides, padding, dilation=dilation, groups=2)
    ty.sum().backward()
    np.testing.assert_allclose(y.numpy().transpose(0, 3, 1, 2), ty.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(x.grad.transpose(0, 3, 1, 2), tx.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(
        layer.kernel.grad.transpose(3, 2, 0, 1), kernel.grad.numpy(), atol=1e-12
    )
