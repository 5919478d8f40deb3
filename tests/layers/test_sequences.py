"""One-dimensional layers: causality, unknown lengths, errors."""

import numpy as np
import pytest

from minigrad import Tensor, layers

X = np.sin(np.arange(2 * 8 * 4) ** 2).reshape(2, 8, 4)


def test_causal_convolution_does_not_look_ahead():
    layer = layers.Conv1D(3, 3, padding="causal", dilation_rate=2)
    x = Tensor(X, requires_grad=True)
    layer(x)[:, 4].sum().backward()
    assert (x.grad[:, [0, 2, 4]] != 0).all()
    assert (x.grad[:, [1, 3, 5, 6, 7]] == 0).all()


def test_max_pooling_gives_the_gradient_to_the_first_maximum():
    x = Tensor(np.ones((1, 2, 1)), requires_grad=True)
    layers.MaxPooling1D()(x).sum().backward()
    np.testing.assert_array_equal(x.grad.ravel(), [1, 0])


@pytest.mark.parametrize(
    "layer",
    [layers.Conv1D(3, 2), layers.MaxPooling1D(), layers.GlobalMaxPooling1D()],
    ids=lambda layer: type(layer).__name__,
)
def test_length_may_be_unknown(layer):
    assert layer.compute_output_shape((None, None, 4))[0] is None
    assert None not in layer.compute_output_shape((1, 8, 4))
    assert layer(X).shape == layer.compute_output_shape(X.shape)


def test_sizes_may_be_tuples():
    layer = layers.Conv1D(3, (2,), strides=[2], dilation_rate=(1,))
    assert (layer.kernel_size, layer.strides, layer.dilation_rate) == ((2,), (2,), (1,))
    assert layers.AveragePooling1D((3,)).strides == (3,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv1D(3, (2, 2)), r"one int for kernel_size, got \(2, 2\)"),
        (lambda: layers.Conv1D(3, 2, 0), "strides"),
        (lambda: layers.Conv1D(3, 2, padding="full"), "padding"),
        (lambda: layers.Conv1D(3, 2, groups=2), "filters to be a multiple of groups"),
        (lambda: layers.Conv1D(3, 2, groups=3)(X), "channels to be a multiple of groups"),
        (lambda: layers.Conv1D(3, 2, 2, dilation_rate=2), "strides 1 with dilation_rate"),
        (lambda: layers.Conv1D(3, 9)(X), "at least 9 cells"),
        (lambda: layers.Conv1D(3, 2)(X[0]), "an input of 3 axes"),
        (lambda: layers.MaxPooling1D(padding="causal"), "padding 'valid' or 'same'"),
        (lambda: layers.AveragePooling1D(9)(X), "at least 9 cells"),
        (lambda: layers.GlobalMaxPooling1D("channels_first"), "'channels_last'"),
        (lambda: layers.GlobalAveragePooling1D()(X[0]), "an input of 3 axes"),
    ],
)
def test_sequences_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_average_pooling_has_no_default_window():
    with pytest.raises(TypeError, match="pool_size"):
        layers.AveragePooling1D()
