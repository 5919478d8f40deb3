"""The transposed convolution: a convolution's transpose, its gradients, threads, errors."""

import numpy as np
import pytest

from minigrad import Tensor, ops
from minigrad.ops.extra import conv2d_transpose
from minigrad.testing import check_gradients

OPTIONS = [
    {},
    {"strides": (2, 3)},
    {"strides": 2, "padding": "same"},
    {"padding": "same", "dilation_rate": (2, 3)},
    {"strides": (3, 2), "padding": "same", "output_padding": (2, 0)},
]

every_option = pytest.mark.parametrize("options", OPTIONS, ids=str)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@every_option
def test_conv2d_transpose_is_the_transpose(options):
    x, w = draw(2, 4, 3, 5), Tensor(draw(3, 2, 6, 5, seed=1))
    y = conv2d_transpose(Tensor(x), w, **options).numpy()
    # <conv(z), x> = <z, transpose(x)> for the convolution with the same padding before the image
    z = Tensor(draw(*y.shape, seed=2), requires_grad=True)
    strides, dilation = options.get("strides", 1), options.get("dilation_rate", 1)
    padding = "valid"
    if options.get("padding") == "same":
        padding = "same"
    if "output_padding" in options:  # rows: 11 full, 11 - 1 + 2 out; columns: 6, less 2
        padding = ((0, 0), (1, 1))
    conv = ops.conv2d(z, w, None, strides, padding, dilation)
    assert conv.shape == x.shape
    assert (conv.numpy() * x).sum() == pytest.approx((z.numpy() * y).sum(), rel=1e-10)


@every_option
def test_conv2d_transpose_gradients(options):
    def function(x, w):
        return conv2d_transpose(x, w, **options)

    check_gradients(function, draw(2, 3, 4, 5), draw(3, 2, 6, 5, seed=1))


@pytest.mark.same_bits
def test_conv2d_transpose_does_not_depend_on_threads(num_threads):
    x, w = draw(5, 9, 8, 7).astype("float32"), draw(3, 3, 6, 7, seed=1).astype("float32")
    results = []
    for threads in (1, 2, 3):
        num_threads(threads)
        tensors = [Tensor(a, requires_grad=True) for a in (x, w)]
        y = conv2d_transpose(*tensors, strides=2, padding="same")
        y.backward(np.cos(y.numpy()))
        results.append([y.numpy(), *(t.grad for t in tensors)])
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("shapes", "options", "message"),
    [
        (((2, 3, 4), (3, 2, 6, 5)), {}, r"expected x \(N, H, W, C\) .* got \(2, 3, 4\)"),
        (((2, 3, 4, 5), (3, 2, 5, 6)), {}, r"kernel \(KH, KW, F, C\)"),
        (((2, 3, 4, 5), (3, 2, 6, 5)), {"strides": 0}, "strides .* got 0"),
        (((2, 3, 4, 5), (3, 2, 6, 5)), {"padding": "causal"}, "'valid' or 'same', got 'causal'"),
        (((2, 3, 4, 5), (3, 2, 6, 5)), {"output_padding": -1}, "output_padding .* got -1"),
        (
            ((2, 1, 4, 5), (2, 2, 6, 5)),
            {"output_padding": 0, "padding": "same"},
            "size 1 or more, got 0",
        ),
    ],
)
def test_conv2d_transpose_refuses_arguments(shapes, options, message):
    with pytest.raises(ValueError, match=rf"conv2d_transpose: .*{message}"):
        conv2d_transpose(*map(np.zeros, shapes), **options)
