"""Convolution and pooling of any geometry, against loops over single pixels."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from minigrad import Tensor, kernels, ops
from minigrad.testing import check_gradients

examples = settings(deadline=None, derandomize=True, max_examples=50)
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


def axis_geometry(size, window, stride, padding, dilation=1):
    """Output size and padding before, along one axis, from the definitions of the modes."""
    extent = (window - 1) * dilation + 1
    if padding == "same":
        output = math.ceil(size / stride)
        return output, max((output - 1) * stride + extent - size, 0) // 2
    before, after = (0, 0) if padding == "valid" else padding
    return (size + before + after - extent) // stride + 1, before


def windows(shape, window, strides, padding, dilation=(1, 1)):
    """For each output pixel: the kernel's cells (a, b) and pixels (h, w) inside the image."""
    paddings = (padding, padding) if isinstance(padding, str) else padding
    (OH, top), (OW, left) = (
        axis_geometry(shape[1 + i], window[i], strides[i], paddings[i], dilation[i]) for i in (0, 1)
    )
    for i, j in itertools.product(range(OH), range(OW)):
        inside = []
        for a, b in itertools.product(range(window[0]), range(window[1])):
            h = i * strides[0] + a * dilation[0] - top
            w = j * strides[1] + b * dilation[1] - left
            if 0 <= h < shape[1] and 0 <= w < shape[2]:
                inside.append((a, b, h, w))
        yield i, j, inside


def conv_by_loops(x, kernel, strides, padding, dilation, groups):
    KH, KW, depth, F = kernel.shape
    pixels = list(windows(x.shape, (KH, KW), strides, padding, dilation))
    OH, OW = pixels[-1][0] + 1, pixels[-1][1] + 1
    y = np.zeros((len(x), OH, OW, F))
    for (i, j, inside), f in itertools.product(pixels, range(F)):
        first = f // (F // groups) * depth
        for a, b, h, w in inside:
            y[:, i, j, f] += x[:, h, w, first : first + depth] @ kernel[a, b, :, f]
    return y


@st.composite
def convolutions(draw):
    window, strides, dilation = draw(PAIRS), draw(PAIRS), draw(PAIRS)
    extents = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    ends = st.tuples(st.integers(0, 4), st.integers(0, 4))
    padding = draw(st.sampled_from(["valid", "same"]) | st.tuples(ends, ends))
    smallest = [1, 1]
    if padding == "valid":
        smallest = extents
    elif padding != "same":
        smallest = [max(e - sum(p), 1) for e, p in zip(extents, padding, strict=True)]
    H, W = (draw(st.integers(size, size + 4)) for size in smallest)
    groups = draw(st.integers(1, 3))
    N, depth, filters = (draw(st.integers(1, 3)) for _ in range(3))
    options = {
        "strides": strides,
        "padding": padding,
        "dilation_rate": dilation,
        "groups": groups,
    }
    return (N, H, W, depth * groups), (*window, depth, filters * groups), options


@examples
@given(case=convolutions(), relu=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_conv2d_of_any_geometry_equals_loops(case, relu, seed):
    x_shape, kernel_shape, options = case
    generator = np.random.default_rng(seed)
    x, kernel = generator.normal(size=x_shape), generator.normal(size=kernel_shape)
    bias = generator.normal(size=kernel_shape[3])
    expected = bias + conv_by_loops(
        x, kernel, options["strides"], options["padding"], options["dilation_rate"],
        options["groups"],
    )  # fmt: skip
    if relu:
        options["activation"] = "relu"
        expected = np.maximum(expected, 0)
    result = ops.conv2d(x, kernel, bias, **options)
    assert result.shape == expected.shape
    assert_allclose(result.data, expected, rtol=1e-12, atol=1e-12)
    if np.abs(expected[expected != 0]).min(initial=1) > 1e-5:  # off relu's kink
        check_gradients(lambda *inputs: ops.conv2d(*inputs, **options), x, kernel, bias)


@st.composite
def poolings(draw):
    window, strides = draw(PAIRS), draw(PAIRS)
    ends = [st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)) for k in window]
    padding = draw(st.sampled_from(["valid", "same"]) | st.tuples(*ends))
    smallest = window if padding == "valid" else (1, 1)
    if padding not in ("valid", "same"):
        smallest = [max(k - sum(p), 1) for k, p in zip(window, padding, strict=True)]
    H, W = (draw(st.integers(size, size + 4)) for size in smallest)
    shape = (draw(st.integers(1, 3)), H, W, draw(st.integers(1, 3)))
    return shape, {"pool_size": window, "strides": strides, "padding": padding}


@examples
@given(case=poolings(), name=st.sampled_from(["max", "avg"]), seed=st.integers(0, 2**32 - 1))
def test_pooling_of_any_geometry_equals_loops(case, name, seed):
    shape, options = case
    x = np.random.default_rng(seed).permutation(math.prod(shape)).reshape(shape) / 10 - 5
    reduce = {"max": np.max, "avg": np.mean}[name]
    function = {"max": ops.max_pool2d, "avg": ops.avg_pool2d}[name]
    result = function(x, **options)
    geometry = options["pool_size"], options["strides"], options["padding"]
    for i, j, inside in windows(shape, *geometry):
        cells = np.stack([x[:, h, w] for _, _, h, w in inside])
        assert_allclose(result.data[:, i, j], reduce(cells, axis=0), rtol=1e-13, atol=1e-13)
    assert result.shape[1:3] == (i + 1, j + 1)
    check_gradients(lambda t: function(t, **options), x)


# --- padding and options -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "window", "stride", "expected"),
    [(5, 2, 2, 3), (4, 3, 1, 4), (1, 5, 3, 1), (7, 1, 2, 4), (2, 7, 1, 2), (6, 2, 5, 2)],
)
def test_same_padding_gives_one_output_for_each_stride_begun(size, window, stride, expected):
    """Also where the image is smaller than the window."""
    x = np.random.default_rng(0).normal(size=(2, size, size, 1))
    for y in (
        ops.conv2d(x, np.ones((window, window, 1, 1)), strides=stride, padding="same"),
        ops.max_pool2d(x, window, stride, "same"),
        ops.avg_pool2d(x, window, stride, "same"),
    ):
        assert y.shape == (2, expected, expected, 1)


def test_same_padding_puts_the_odd_cell_at_the_end():
    x = np.arange(1.0, 5.0).reshape(1, 1, 4, 1)
    y = ops.conv2d(x, np.array([1.0, 10.0]).reshape(1, 2, 1, 1), padding="same")
    assert_array_equal(y.data.ravel(), [21, 32, 43, 4])


def test_padding_wider_than_the_window_gives_the_bias():
    y = ops.conv2d(np.ones((1, 2, 2, 1)), np.ones((1, 1, 1, 1)), [5.0], padding=((3, 0), (0, 40)))
    assert y.shape == (1, 5, 42, 1)
    assert y.data.sum() == 5 * 42 * 5 + 4


def test_padded_cells_neither_win_a_maximum_nor_count_in_a_mean():
    x = -np.arange(1.0, 5.0).reshape(1, 2, 2, 1)
    padding = ((1, 1), (1, 1))
    assert_array_equal(ops.max_pool2d(x, 3, padding=padding).data.ravel(), [-1])
    assert_array_equal(ops.avg_pool2d(x, 3, padding=padding).data.ravel(), [-2.5])


def test_the_first_of_equal_values_wins_the_gradient_of_max_pooling():
    x = Tensor(np.zeros((1, 2, 4, 1)), requires_grad=True)
    ops.max_pool2d(x, 2).backward(np.array([1.0, 2.0]).reshape(1, 1, 2, 1))
    assert_array_equal(x.grad[0, :, :, 0], [[1, 0, 2, 0], [0, 0, 0, 0]])


def test_max_pooling_hands_on_nan_and_minus_infinity():
    x = np.array([[np.nan, 1.0], [2.0, 3.0]]).reshape(1, 2, 2, 1)
    assert np.isnan(ops.max_pool2d(x, 2).item())
    lowest = Tensor(np.full((1, 2, 2, 1), -np.inf), requires_grad=True)
    y = ops.max_pool2d(lowest, 2)
    y.backward()
    assert y.item() == -np.inf
    assert lowest.grad.sum() == 1


def test_strides_of_pooling_are_the_window_unless_given():
    x = np.ones((1, 6, 6, 1))
    assert ops.max_pool2d(x, (3, 2)).shape == (1, 2, 3, 1)
    assert ops.max_pool2d(x, 2, 1).shape == (1, 5, 5, 1)
    assert ops.avg_pool2d(x, np.int64(2), strides=[2, 3]).shape == (1, 3, 2, 1)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_conv2d_of_many_channels_has_the_gradients_of_differences(padding):
    """So many that Winograd's way is taken, both for the values and for the gradients."""
    rng = np.random.default_rng(0)
    sizes = (1, 10, 11, 16), (3, 3, 16, 17), (17,)
    x, kernel, bias = (rng.normal(size=size) for size in sizes)
    check_gradients(lambda *inputs: ops.conv2d(*inputs, padding=padding), x, kernel, bias)


def test_conv2d_takes_lists_as_it_takes_tuples():
    x, kernel = np.random.default_rng(3).normal(size=(2, 9, 8, 1)), np.ones((3, 2, 1, 1))
    y = ops.conv2d(x, kernel, None, [2, 1], [[1, 0], (0, 2)], [1, 1])
    expected = ops.conv2d(x, kernel, None, (2, 1), ((1, 0), (0, 2)))
    assert_array_equal(y.data, expected.data)
    with pytest.raises(ValueError, match=r"strides .* got \[0, 1\]"):
        ops.conv2d(x, kernel, None, [0, 1])


def test_conv2d_is_a_correlation():
    x = np.zeros((1, 3, 3, 1))
    x[0, 1, 1, 0] = 1
    kernel = np.arange(9.0).reshape(3, 3, 1, 1)
    y = ops.conv2d(x, kernel, padding="same")
    assert_array_equal(y.data[0, :, :, 0], kernel[::-1, ::-1, 0, 0])


def test_groups_keep_their_channels_apart():
    """With as many groups as channels each filter sees one channel alone (depthwise)."""
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3))
    kernel = np.random.default_rng(1).normal(size=(2, 2, 1, 6))
    y = ops.conv2d(x, kernel, groups=3).data
    for f in range(6):
        channel = x[..., f // 2 : f // 2 + 1]
        assert_allclose(y[..., f : f + 1], ops.conv2d(channel, kernel[..., f : f + 1]).data)


def test_conv2d_of_mixed_types_computes_in_the_wider_one():
    x = Tensor(np.ones((1, 3, 3, 1), "float32"), requires_grad=True)
    kernel = Tensor(np.full((2, 2, 1, 1), 0.1), requires_grad=True)
    y = ops.conv2d(x, kernel, [0.1])
    assert y.dtype == np.float64
    assert_allclose(y.data, 0.5, rtol=1e-15)
    y.sum().backward()
    assert (x.grad.dtype, kernel.grad.dtype) == (np.float32, np.float64)


# --- gradients not computed, arrays not kept -----------------------------------------------------


@pytest.mark.parametrize("wanted", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)])
def test_conv2d_computes_no_gradient_that_nobody_needs(wanted, monkeypatch):
    shapes = ((1, 3, 3, 2), (2, 2, 2, 4), (4,))
    inputs = [
        Tensor(np.ones(shape), requires_grad=bool(w))
        for shape, w in zip(shapes, wanted, strict=True)
    ]
    y = ops.conv2d(*inputs)
    computed = []
    for part in ("input", "kernel"):
        name = f"conv2d_backward_{part}"
        original = getattr(kernels, name)
        monkeypatch.setattr(
            kernels,
            name,
            lambda *args, part=part, original=original: computed.append(part) or original(*args),
        )
    y.sum().backward()
    assert computed == ["input"] * wanted[0] + ["kernel"] * wanted[1]


def test_a_frozen_convolution_notices_only_the_changes_that_matter():
    x = Tensor(np.ones((1, 3, 3, 2)), requires_grad=True)
    kernel = Tensor(np.ones((2, 2, 2, 4)))
    loss = ops.conv2d(x, kernel).sum()
    x.data += 1
    loss.backward()  # the input's gradient needs the kernel alone
    assert x.grad is not None
    loss = ops.conv2d(x, kernel).sum()
    kernel.data += 1
    with pytest.raises(RuntimeError, match="Conv2D needs the old values of a tensor of shape"):
        loss.backward()


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strides": 0}, "expected strides to be one or two integers of at least 1, got 0"),
        ({"strides": (1, 2, 3)}, "expected strides to be one or two"),
        ({"strides": 1.5}, "expected strides to be one or two"),
        ({"strides": True}, "expected strides to be one or two"),
        ({"dilation_rate": (1, 0)}, "expected dilation_rate to be one or two"),
        ({"groups": 0}, "expected groups to be"),
        ({"groups": 3}, r"expected a kernel .* for C = 2 channels and groups = 3"),
        ({"padding": "SAME"}, r"expected padding 'valid', 'same' or .* got 'SAME'"),
        ({"padding": 1}, "expected padding 'valid', 'same' or"),
        ({"padding": ((0, -1), (0, 0))}, "expected padding 'valid', 'same' or"),
        ({"padding": (1, 1)}, "expected padding 'valid', 'same' or"),
        ({"activation": "tanh"}, "expected activation None or 'relu', got 'tanh'"),
        ({"dilation_rate": 4}, "expected an input of at least 5 cells along height, got 4"),
        ({"bias": np.ones(2)}, r"expected bias of shape \(3,\), got \(2,\)"),
        ({"x": np.ones((4, 4, 2))}, r"expected images of shape \(N, H, W, C\), got \(4, 4, 2\)"),
        ({"x": np.ones((1, 4, 4, 3))}, "for C = 3 channels"),
        ({"x": np.ones((1, 0, 4, 2))}, "expected an input of at least 2 cells along height, got 0"),
        ({"x": np.ones((1, 4, 1, 2))}, "expected an input of at least 2 cells along width, got 1"),
        ({"kernel": np.ones((2, 2, 2))}, r"expected a kernel \(KH, KW, C / groups, F\)"),
        ({"kernel": np.ones((0, 2, 2, 3))}, "expected kernel size to be one or two integers"),
    ],
)
def test_conv2d_refuses_what_does_not_fit(options, message):
    arguments = {"x": np.ones((1, 4, 4, 2)), "kernel": np.ones((2, 2, 2, 3))} | options
    with pytest.raises(ValueError, match=f"conv2d: .*{message}"):
        ops.conv2d(**arguments)


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pool_size": 0}, "expected pool_size to be one or two integers of at least 1, got 0"),
        ({"pool_size": (2, 2, 2)}, "expected pool_size to be one or two"),
        ({"strides": -1}, "expected strides to be one or two"),
        ({"pool_size": 5}, "expected an input of at least 5 cells along height, got 4"),
        ({"padding": "full"}, "expected padding 'valid', 'same' or"),
        ({"padding": ((2, 0), (0, 0))}, r"expected padding narrower than the window \(2, 2\)"),
        ({"x": np.ones((4, 4, 1))}, r"expected images of shape \(N, H, W, C\), got \(4, 4, 1\)"),
    ],
)
def test_pooling_refuses_what_does_not_fit(name, options, message):
    arguments = {"x": np.ones((1, 4, 4, 1))} | options
    with pytest.raises(ValueError, match=f"{name}: .*{message}"):
        getattr(ops, name)(**arguments)


def test_global_pooling_refuses_what_is_no_image():
    for name in ("global_avg_pool2d", "global_max_pool2d"):
        with pytest.raises(ValueError, match=rf"{name}: expected images of shape \(N, H, W, C\)"):
            getattr(ops, name)(np.ones((2, 3)))
