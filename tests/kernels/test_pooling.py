"""What the pooling kernels and their twins compute, by hand and by other means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def max_pool(kernels, x, window, strides=None, pad=(0, 0), output=None):
    """Run max_pool2d_forward on one channel of one image; return (OH, OW) arrays y and argmax."""
    strides = strides or window
    output = output or tuple(np.subtract(x.shape, window) // strides + 1)
    y, argmax = np.empty((1, *output, 1)), np.empty((1, *output, 1), np.int32)
    image = np.ascontiguousarray(x, np.float64)[None, :, :, None]
    kernels.max_pool2d_forward(image, y, argmax, (*window, *strides, *pad), 1)
    return y[0, :, :, 0], argmax[0, :, :, 0]


def test_max_pool_first_maximum_wins(kernels):
    x = [[1, 2, 5, 4], [2, 0, 5, 5], [7, 7, -1, -2], [7, 7, -1, -1]]
    y, argmax = max_pool(kernels, np.array(x), (2, 2))
    np.testing.assert_array_equal(y, [[2, 5], [7, -1]])
    np.testing.assert_array_equal(argmax, [[1, 0], [0, 0]])


def test_max_pool_nan_wins_over_everything(kernels):
    x = [[1, np.nan, np.inf, np.nan], [np.nan, 9, 3, np.nan]]
    y, argmax = max_pool(kernels, np.array(x), (2, 2))
    np.testing.assert_array_equal(y, [[np.nan, np.nan]])
    np.testing.assert_array_equal(argmax, [[1, 1]])


def test_max_pool_padding_never_wins(kernels):
    x = np.full((3, 2), -np.inf)
    y, argmax = max_pool(kernels, x, (2, 2), pad=(1, 1), output=(2, 2))
    np.testing.assert_array_equal(y, np.full((2, 2), -np.inf))
    np.testing.assert_array_equal(argmax, [[3, 2], [1, 0]])  # the first cell that is inside


def test_max_pool_backward_adds_where_windows_overlap(kernels):
    x = np.array([[0.0, 3.0, 1.0, 2.0, 5.0]])
    _, argmax = max_pool(kernels, x, (1, 3), strides=(1, 1))
    gy, gx = np.array([10.0, 20.0, 30.0]).reshape(1, 1, 3, 1), np.full((1, 1, 5, 1), np.nan)
    argmax = argmax.reshape(gy.shape)
    kernels.max_pool2d_backward(gy, argmax, gx, (1, 3, 1, 1, 0, 0), 1)
    np.testing.assert_array_equal(gx.ravel(), [0, 30, 0, 0, 30])


def test_max_pool_backward_stays_inside_whatever_the_winner(compiled):
    """A argmax that no window has is nobody's: it cannot make the kernel write elsewhere."""
    gy = np.ones((1, 2, 2, 3))
    argmax = np.array([-1, 4, 10**9, -(2**31)], np.int32).repeat(3).reshape(gy.shape)
    gx = np.full((1, 4, 4, 3), np.nan)
    compiled.max_pool2d_backward(gy, argmax, gx, (2, 2, 2, 2, 0, 0), 1)
    np.testing.assert_array_equal(gx, 0)


def test_avg_pool_divides_by_the_cells_inside(kernels):
    x = np.arange(1.0, 7.0).reshape(1, 2, 3, 1)  # 1 2 3 / 4 5 6
    y = np.empty((1, 3, 2, 1))
    kernels.avg_pool2d_forward(x, y, (2, 2, 1, 2, 1, 0), 1)
    np.testing.assert_array_equal(y[0, :, :, 0], [[1.5, 3], [3, 4.5], [4.5, 6]])


@st.composite
def axes(draw):
    """Draw size, window, stride, padding before and output length of one axis."""
    size, window, stride = draw(st.integers(1, 9)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    pad = draw(st.integers(0, window - 1))
    return size, window, stride, pad, draw(st.integers(0, (size + pad - 1) // stride + 1))


def padded_windows(x, vertical, horizontal, fill):
    """Cut the windows out of an image that is surrounded by `fill`: (N, OH, OW, C, window)."""
    widths = [(0, 0)] + [(axis[3], 5 * axis[2] + 5) for axis in (vertical, horizontal)] + [(0, 0)]
    padded = np.pad(x, widths, constant_values=fill)
    shape = vertical[1], horizontal[1]
    views = np.lib.stride_tricks.sliding_window_view(padded, shape, axis=(1, 2))
    views = views[:, :: vertical[2], :: horizontal[2]][:, : vertical[4], : horizontal[4]]
    return views.reshape(*views.shape[:4], shape[0] * shape[1])


@settings(max_examples=60, deadline=None)
@given(vertical=axes(), horizontal=axes(), images=st.integers(1, 3), channels=st.integers(1, 5))
def test_pooling_agrees_with_padded_windows(kernels, vertical, horizontal, images, channels):
    generator = np.random.default_rng(0)
    shape = (images, vertical[0], horizontal[0], channels)
    x = generator.permutation(np.prod(shape)).reshape(shape) - 20.0  # no ties
    geometry = tuple(pair[i] for i in (1, 2, 3) for pair in (vertical, horizontal))
    y = np.empty((images, vertical[4], horizontal[4], channels))
    gy, gx = generator.normal(size=y.shape), np.empty(shape)
    argmax = np.empty(y.shape, np.int32)

    windows = padded_windows(x, vertical, horizontal, -np.inf)
    kernels.max_pool2d_forward(x, y, argmax, geometry, 1)
    np.testing.assert_array_equal(y, windows.max(axis=-1))
    np.testing.assert_array_equal(argmax, windows.argmax(axis=-1))
    # Both poolings are homogeneous: scaling x scales y, so the sums of gx * x and gy * y agree.
    kernels.max_pool2d_backward(gy, argmax, gx, geometry, 1)
    np.testing.assert_allclose((gx * x).sum(), (gy * y).sum(), rtol=1e-9, atol=1e-9)

    kernels.avg_pool2d_forward(x, y, geometry, 1)
    mean = np.nanmean(padded_windows(x, vertical, horizontal, np.nan), axis=-1)
    np.testing.assert_allclose(y, mean, rtol=1e-12, atol=1e-12)
    kernels.avg_pool2d_backward(gy, gx, geometry, 1)
    np.testing.assert_allclose((gx * x).sum(), (gy * y).sum(), rtol=1e-9, atol=1e-9)


WRONG = [  # a geometry, or arrays, for images (1, 5, 6, 1) of which (1, 2, 3, 1) is pooled
    {"geometry": (0, 2, 3, 2, 0, 0)},
    {"geometry": (2, -2, 3, 2, 0, 0)},
    {"geometry": (2, 2, 0, 2, 0, 0)},
    {"geometry": (2, 2, 3, -1, 0, 0)},
    {"geometry": (2, 2, 3, 2, -1, 0)},
    {"geometry": (2, 2, 3, 2, 0, 2)},  # a window that lies in the padding alone
    {"x": np.zeros((1, 3, 6, 1))},  # the lower windows begin below the image
    {"x": np.zeros((1, 5, 4, 1))},
    {
        "x": np.zeros((1, 5, 0, 1)),
        "y": np.full((1, 2, 1, 1), 7.0),
        "geometry": (2, 2, 3, 2, 0, 1),
    },
]


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_pooling_refuses_windows_off_the_image(compiled, change):
    arguments = {"x": np.zeros((1, 5, 6, 1)), "y": np.full((1, 2, 3, 1), 7.0)}
    arguments |= {"geometry": (2, 2, 3, 2, 0, 0), "threads": 1}
    compiled.avg_pool2d_forward(**arguments)
    arguments["y"][...] = 7
    with pytest.raises(ValueError, match="avg_pool2d_forward: expected"):
        compiled.avg_pool2d_forward(**arguments | change)
    np.testing.assert_array_equal((arguments | change)["y"], 7)
