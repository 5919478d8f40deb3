"""Tests of every layer: one row a layer, checked against a formula in plain NumPy."""

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pytest

from minigrad import Tensor, layers
from minigrad.testing import check_gradients

# --- the formulas, slow and plain ------------------------------------------------------------


def padding_before(size, window, stride, padding, dilation=1):
    """Output size, and cells of padding before the first cell, along one axis."""
    extent = (window - 1) * dilation + 1
    if padding == "valid":
        return (size - extent) // stride + 1, 0
    output = -(-size // stride)
    return output, max((output - 1) * stride + extent - size, 0) // 2


def windows(shape, window, strides, padding, dilation=(1, 1)):
    """For each output position, the positions of its window's cells that lie in the image."""
    axes = [
        padding_before(shape[i + 1], window[i], strides[i], padding, dilation[i]) for i in (0, 1)
    ]
    (OH, top), (OW, left) = axes
    found = {}
    for i, j in itertools.product(range(OH), range(OW)):
        found[i, j] = []
        for a, b in itertools.product(range(window[0]), range(window[1])):
            h = i * strides[0] + a * dilation[0] - top
            w = j * strides[1] + b * dilation[1] - left
            if 0 <= h < shape[1] and 0 <= w < shape[2]:
                found[i, j].append((a, b, h, w))
    return (OH, OW), found


def conv(layer, x):
    K = layer.kernel.numpy()
    (OH, OW), cells = windows(
        x.shape, layer.kernel_size, layer.strides, layer.padding, layer.dilation_rate
    )
    y = np.zeros((len(x), OH, OW, layer.filters))
    for f in range(layer.filters):
        group = f // (layer.filters // layer.groups)
        channels = slice(group * K.shape[2], (group + 1) * K.shape[2])
        for (i, j), inside in cells.items():
            for a, b, h, w in inside:
                y[:, i, j, f] += (x[:, h, w, channels] * K[a, b, :, f]).sum(axis=-1)
    return y if layer.bias is None else y + layer.bias.numpy()


def pool(reduce):
    def formula(layer, x):
        (OH, OW), cells = windows(x.shape, layer.pool_size, layer.strides, layer.padding)
        y = np.zeros((len(x), OH, OW, x.shape[3]))
        for (i, j), inside in cells.items():
            y[:, i, j] = reduce([x[:, h, w] for _, _, h, w in inside], axis=0)
        return y

    return formula


def dense(layer, x):
    y = np.zeros((*x.shape[:-1], layer.units))
    for unit in range(layer.units):
        y[..., unit] = (x * layer.kernel.numpy()[:, unit]).sum(axis=-1)
    return y if layer.bias is None else y + layer.bias.numpy()


def batch_norm(layer, x, mean, variance):
    shape = [1] * x.ndim
    shape[layer.axis] = -1
    y = (x - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + layer.epsilon)
    y = y if layer.gamma is None else y * layer.gamma.numpy().reshape(shape)
    return y if layer.beta is None else y + layer.beta.numpy().reshape(shape)


def batch_norm_training(layer, x):
    others = tuple(axis for axis in range(x.ndim) if axis != layer.axis % x.ndim)
    mean = x.mean(axis=others, keepdims=True)
    return batch_norm(layer, x, mean, ((x - mean) ** 2).mean(axis=others))


def batch_norm_inference(layer, x):
    return batch_norm(layer, x, layer.moving_mean.numpy(), layer.moving_variance.numpy())


def softmax(layer, x):
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


def conv1d(layer, x):
    K, k, s, d = layer.kernel.numpy(), *layer.kernel_size, *layer.strides, *layer.dilation_rate
    if layer.padding == "causal":
        OT, before = -(-x.shape[1] // s), (k - 1) * d
    else:
        OT, before = padding_before(x.shape[1], k, s, layer.padding, d)
    y = np.zeros((len(x), OT, layer.filters))
    for f, t, a in itertools.product(range(layer.filters), range(OT), range(k)):
        group = f // (layer.filters // layer.groups)
        channels = slice(group * K.shape[1], (group + 1) * K.shape[1])
        step = t * s + a * d - before
        if 0 <= step < x.shape[1]:
            y[:, t, f] += x[:, step, channels] @ K[a, :, f]
    return y if layer.bias is None else y + layer.bias.numpy()


def pool1d(reduce):
    def formula(layer, x):
        (window,), (stride,) = layer.pool_size, layer.strides
        OT, before = padding_before(x.shape[1], window, stride, layer.padding)
        starts = [t * stride - before for t in range(OT)]
        return np.stack([reduce(x[:, max(t, 0) : t + window], axis=1) for t in starts], axis=1)

    return formula


def depthwise(layer, x, kernel):
    (OH, OW), cells = windows(
        x.shape, layer.kernel_size, layer.strides, layer.padding, layer.dilation_rate
    )
    y = np.zeros((len(x), OH, OW, *kernel.shape[2:]))
    for (i, j), inside in cells.items():
        for a, b, h, w in inside:
            y[:, i, j] += x[:, h, w, :, None] * kernel[a, b]
    return y.reshape(*y.shape[:3], -1)


def depthwise_conv(layer, x):
    y = depthwise(layer, x, layer.kernel.numpy())
    return y if layer.bias is None else y + layer.bias.numpy()


def separable_conv(layer, x):
    y = depthwise(layer, x, layer.depthwise_kernel.numpy())
    return np.tanh(y @ layer.pointwise_kernel.numpy()[0, 0] + layer.bias.numpy())


def depthwise1d(layer, x, kernel):
    (k,), (s,), (d,) = layer.kernel_size, layer.strides, layer.dilation_rate
    OT, before = padding_before(x.shape[1], k, s, layer.padding, d)
    y = np.zeros((len(x), OT, *kernel.shape[1:]))
    for t, a in itertools.product(range(OT), range(k)):
        step = t * s + a * d - before
        if 0 <= step < x.shape[1]:
            y[:, t] += x[:, step, :, None] * kernel[a]
    return y.reshape(*y.shape[:2], -1)


def separable_conv1d(layer, x):
    y = depthwise1d(layer, x, layer.depthwise_kernel.numpy())
    return y @ layer.pointwise_kernel.numpy()[0] + layer.bias.numpy()


def transposed_conv1d(length):
    def formula(layer, x):
        K, (s,), (d,) = layer.kernel.numpy(), layer.strides, layer.dilation_rate
        y = np.zeros((len(x), length, layer.filters))
        for t, a in itertools.product(range(x.shape[1]), range(len(K))):
            y[:, t * s + a * d] += x[:, t] @ K[a].T
        return y + layer.bias.numpy()

    return formula


def transposed_conv(shape, top=0, left=0):
    """With the output's height and width, and what is cut off before the first pixel."""

    def formula(layer, x):
        K, (s, t), (d, e) = layer.kernel.numpy(), layer.strides, layer.dilation_rate
        y = np.zeros((len(x), *shape, layer.filters))
        for h, w, a, b in itertools.product(*map(range, (*x.shape[1:3], *K.shape[:2]))):
            i, j = h * s + a * d - top, w * t + b * e - left
            if 0 <= i < shape[0] and 0 <= j < shape[1]:
                y[:, i, j] += x[:, h, w] @ K[a, b].T
        return y + layer.bias.numpy()

    return formula


def normalized(x, axes):
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + 1e-3)


def layer_norm(layer, x):
    return normalized(x, (1, 3)) * layer.gamma.numpy()[:, None] + layer.beta.numpy()[:, None]


def group_norm(layer, x):
    groups = [normalized(part, (1, 2, 3)) for part in np.split(x, 2, axis=1)]
    beta = layer.beta.numpy().reshape(-1, 1, 1)
    return np.concatenate(groups, axis=1) * layer.gamma.numpy().reshape(-1, 1, 1) + beta


def bilinear(layer, x):
    """Weights of three quarters and one quarter, where the size doubles."""
    for axis in (1, 2):
        x = np.moveaxis(x, axis, 0)
        padded = np.concatenate([x[:1], x, x[-1:]])
        x = np.stack([0.75 * x + 0.25 * padded[:-2], 0.75 * x + 0.25 * padded[2:]], axis=1)
        x = np.moveaxis(x.reshape(-1, *x.shape[2:]), 0, axis)
    return x


def rotated(layer, x):
    """A quarter of a turn of a square."""
    return np.rot90(x, axes=(1, 2))


def translated(layer, x):
    """Down by one and a half pixels of six; the first is reflected at the border."""
    rows = [(1, 0), (0, 0), (0, 1), (1, 2), (2, 3), (3, 4)]
    return np.stack([(x[:, a] + x[:, b]) / 2 for a, b in rows], axis=1)


def zoomed(layer, x):
    """Every second pixel, and 0.5 where there is none."""
    y = np.full_like(x, 0.5)
    y[:, 1:-1] = x[:, ::2]
    return y


# --- the table ---------------------------------------------------------------------------------


@dataclasses.dataclass
class Row:
    """A layer, the shape of an input (batch axis included), and formula(layer, x) -> y.

    The formula is None where the output is random.
    """

    make: Callable
    shape: tuple
    formula: Callable
    training: bool = False


def same(layer, x):
    """The formula of layers that do nothing in inference."""
    return x


IMAGE = (3, 7, 5, 4)

TABLE = {
    "InputLayer": Row(lambda **k: layers.InputLayer((5, 2), **k), (3, 5, 2), lambda layer, x: x),
    "Dense": Row(lambda **k: layers.Dense(5, **k), (3, 7), dense),
    "Dense relu": Row(
        lambda **k: layers.Dense(5, activation="relu", bias_initializer="ones", **k),
        (3, 7),
        lambda layer, x: np.maximum(dense(layer, x), 0),
    ),
    "Dense tanh, 4 axes, no bias": Row(
        lambda **k: layers.Dense(6, activation="tanh", use_bias=False, **k),
        (3, 2, 5, 4),
        lambda layer, x: np.tanh(dense(layer, x)),
    ),
    "Activation": Row(
        lambda **k: layers.Activation("tanh", **k), (3, 5, 2), lambda layer, x: np.tanh(x)
    ),
    "ReLU": Row(lambda **k: layers.ReLU(**k), (3, 5, 2), lambda layer, x: np.maximum(x, 0)),
    "ReLU with options": Row(
        lambda **k: layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.3, **k),
        (3, 5, 7),
        lambda layer, x: np.where(x > 1, 1, np.where(x > 0.3, x, 0.1 * (x - 0.3))),
    ),
    "LeakyReLU": Row(
        lambda **k: layers.LeakyReLU(**k), (3, 5), lambda layer, x: np.where(x < 0, 0.3 * x, x)
    ),
    "ELU": Row(
        lambda **k: layers.ELU(alpha=0.7, **k),
        (3, 5),
        lambda layer, x: np.where(x < 0, 0.7 * (np.exp(x) - 1), x),
    ),
    "Softmax": Row(lambda **k: layers.Softmax(axis=1, **k), (3, 5, 2), softmax),
    "Flatten": Row(
        lambda **k: layers.Flatten(**k),
        IMAGE,
        lambda layer, x: np.stack([sample.ravel() for sample in x]),
    ),
    "Flatten of 1 axis": Row(
        lambda **k: layers.Flatten(**k), (3,), lambda layer, x: x.reshape(len(x), 1)
    ),
    "Reshape": Row(
        lambda **k: layers.Reshape((5, -1, 2), **k),
        (3, 4, 15),
        lambda layer, x: x.reshape(len(x), 5, 6, 2),
    ),
    "Dropout in inference": Row(lambda **k: layers.Dropout(0.4, **k), (3, 5), lambda layer, x: x),
    "Dropout": Row(
        lambda **k: layers.Dropout(0.4, seed=3, **k),
        (3, 5, 7),
        None,
        training=True,
    ),
    "Conv2D": Row(lambda **k: layers.Conv2D(6, (3, 2), **k), IMAGE, conv),
    "Conv2D same strides relu": Row(
        lambda **k: layers.Conv2D(
            6, (2, 4), strides=(3, 2), padding="same", activation="relu", **k
        ),
        IMAGE,
        lambda layer, x: np.maximum(conv(layer, x), 0),
    ),
    "Conv2D dilation groups sigmoid": Row(
        lambda **k: layers.Conv2D(
            6, 2, dilation_rate=(3, 2), groups=2, activation="sigmoid", use_bias=False, **k
        ),
        IMAGE,
        lambda layer, x: 1 / (1 + np.exp(-conv(layer, x))),
    ),
    "MaxPooling2D": Row(lambda **k: layers.MaxPooling2D(**k), IMAGE, pool(np.max)),
    "MaxPooling2D same": Row(
        lambda **k: layers.MaxPooling2D((4, 3), strides=(2, 1), padding="same", **k),
        IMAGE,
        pool(np.max),
    ),
    "AveragePooling2D": Row(lambda **k: layers.AveragePooling2D((3, 2), **k), IMAGE, pool(np.mean)),
    "AveragePooling2D same": Row(
        lambda **k: layers.AveragePooling2D((3, 4), strides=2, padding="same", **k),
        IMAGE,
        pool(np.mean),
    ),
    "GlobalAveragePooling2D": Row(
        lambda **k: layers.GlobalAveragePooling2D(**k), IMAGE, lambda layer, x: x.mean(axis=(1, 2))
    ),
    "GlobalMaxPooling2D": Row(
        lambda **k: layers.GlobalMaxPooling2D(keepdims=True, **k),
        IMAGE,
        lambda layer, x: x.max(axis=(1, 2), keepdims=True),
    ),
    "BatchNormalization in inference": Row(
        lambda **k: layers.BatchNormalization(
            moving_mean_initializer="random_normal", gamma_initializer="random_normal", **k
        ),
        IMAGE,
        batch_norm_inference,
    ),
    "BatchNormalization": Row(
        lambda **k: layers.BatchNormalization(
            gamma_initializer="random_normal", beta_initializer="random_normal", **k
        ),
        IMAGE,
        batch_norm_training,
        training=True,
    ),
    "BatchNormalization axis 1, no gamma": Row(
        lambda **k: layers.BatchNormalization(axis=1, scale=False, epsilon=0.1, **k),
        (3, 5, 2),
        batch_norm_training,
        training=True,
    ),
    "BatchNormalization of 2 axes, no beta": Row(
        lambda **k: layers.BatchNormalization(center=False, **k),
        (7, 3),
        batch_norm_training,
        training=True,
    ),
    "Identity": Row(lambda **k: layers.Identity(**k), (3, 5), same),
    "ActivityRegularization": Row(
        lambda **k: layers.ActivityRegularization(0.1, 0.2, **k), (3, 5), same
    ),
    "TimeDistributed": Row(
        lambda **k: layers.TimeDistributed(layers.Rescaling(2.0, **k), **k),
        (3, 7, 5, 2),
        lambda layer, x: 2 * x,
    ),
    "Lambda": Row(
        lambda **k: layers.Lambda(lambda x, power: x**power, arguments={"power": 2}, **k),
        (3, 5, 2),
        lambda layer, x: x * x,
    ),
    "PReLU": Row(
        lambda **k: layers.PReLU("random_normal", **k),
        (3, 5, 2),
        lambda layer, x: np.where(x > 0, x, layer.alpha.numpy() * x),
    ),
    "PReLU shared": Row(
        lambda **k: layers.PReLU("random_normal", shared_axes=[1, 2], **k),
        IMAGE,
        lambda layer, x: np.where(x > 0, x, layer.alpha.numpy()[0, 0] * x),
    ),
    "Permute": Row(
        lambda **k: layers.Permute((3, 1, 2), **k),
        IMAGE,
        lambda layer, x: np.einsum("nhwc->nchw", x),
    ),
    "RepeatVector": Row(
        lambda **k: layers.RepeatVector(4, **k), (3, 5), lambda layer, x: np.stack([x] * 4, 1)
    ),
    "ZeroPadding1D": Row(
        lambda **k: layers.ZeroPadding1D((2, 1), **k),
        (3, 5, 2),
        lambda layer, x: np.stack([*[0 * x[:, 0]] * 2, *np.swapaxes(x, 0, 1), 0 * x[:, 0]], 1),
    ),
    "ZeroPadding2D": Row(
        lambda **k: layers.ZeroPadding2D(((1, 0), (2, 3)), **k),
        IMAGE,
        lambda layer, x: np.pad(x, ((0, 0), (1, 0), (2, 3), (0, 0))),
    ),
    "Cropping1D": Row(
        lambda **k: layers.Cropping1D((2, 1), **k), (3, 5, 2), lambda layer, x: x[:, 2:4]
    ),
    "Cropping2D": Row(
        lambda **k: layers.Cropping2D(((1, 0), (1, 2)), **k), IMAGE, lambda layer, x: x[:, 1:, 1:3]
    ),
    "CenterCrop": Row(
        lambda **k: layers.CenterCrop(3, 4, **k), IMAGE, lambda layer, x: x[:, 2:5, :4]
    ),
    "UpSampling1D": Row(
        lambda **k: layers.UpSampling1D(3, **k), (3, 5, 2), lambda layer, x: x.repeat(3, axis=1)
    ),
    "UpSampling2D": Row(
        lambda **k: layers.UpSampling2D((2, 3), **k),
        IMAGE,
        lambda layer, x: x.repeat(2, axis=1).repeat(3, axis=2),
    ),
    "UpSampling2D bilinear": Row(
        lambda **k: layers.UpSampling2D(interpolation="bilinear", **k), IMAGE, bilinear
    ),
    "Rescaling": Row(
        lambda **k: layers.Rescaling(0.5, [1.0, 2.0], **k), (3, 5, 2), lambda _, x: x / 2 + [1, 2]
    ),
    "Normalization": Row(
        lambda **k: layers.Normalization(1, np.arange(5.0), np.arange(1.0, 6.0), **k),
        (3, 5, 2),
        lambda layer, x: (x - np.arange(5)[:, None]) / np.sqrt(np.arange(1, 6))[:, None],
    ),
    "Normalization inverted": Row(
        lambda **k: layers.Normalization(None, 3.0, 4.0, invert=True, **k),
        (3, 5, 2),
        lambda layer, x: 2 * x + 3,
    ),
    "LayerNormalization": Row(
        lambda **k: layers.LayerNormalization(
            [3, 1], beta_initializer="random_normal", gamma_initializer="random_normal", **k
        ),
        IMAGE,
        layer_norm,
    ),
    "LayerNormalization plain": Row(
        lambda **k: layers.LayerNormalization(center=False, scale=False, **k),
        (3, 5),
        lambda layer, x: normalized(x, (1,)),
    ),
    "GroupNormalization": Row(
        lambda **k: layers.GroupNormalization(
            2, 1, beta_initializer="random_normal", gamma_initializer="random_normal", **k
        ),
        (3, 4, 5, 7),
        group_norm,
    ),
    "GroupNormalization of each channel": Row(
        lambda **k: layers.GroupNormalization(-1, center=False, scale=False, **k),
        IMAGE,
        lambda layer, x: normalized(x, (1, 2)),
    ),
    "RMSNormalization": Row(
        lambda **k: layers.RMSNormalization([2, 1], **k),
        (3, 5, 2),
        lambda layer, x: x / np.sqrt((x * x).mean(axis=(1, 2), keepdims=True) + 1e-6),
    ),
    "UnitNormalization": Row(
        lambda **k: layers.UnitNormalization([1, 2], **k),
        (3, 5, 2),
        lambda layer, x: x / np.sqrt((x * x).sum(axis=(1, 2), keepdims=True)),
    ),
    "GaussianNoise in inference": Row(lambda **k: layers.GaussianNoise(0.4, **k), (3, 5), same),
    "GaussianNoise": Row(
        lambda **k: layers.GaussianNoise(0.4, seed=3, **k), (3, 5, 7), None, training=True
    ),
    "AlphaDropout in inference": Row(lambda **k: layers.AlphaDropout(0.4, **k), (3, 5), same),
    "AlphaDropout": Row(
        lambda **k: layers.AlphaDropout(0.4, seed=3, **k), (3, 5, 7), None, training=True
    ),
    "GaussianDropout in inference": Row(lambda **k: layers.GaussianDropout(0.4, **k), (3, 5), same),
    "GaussianDropout": Row(
        lambda **k: layers.GaussianDropout(0.4, seed=3, **k), (3, 5, 7), None, training=True
    ),
    "SpatialDropout1D": Row(
        lambda **k: layers.SpatialDropout1D(0.4, seed=3, **k), (3, 5, 7), None, training=True
    ),
    "SpatialDropout2D": Row(
        lambda **k: layers.SpatialDropout2D(0.4, seed=3, **k), IMAGE, None, training=True
    ),
    "DepthwiseConv2D": Row(
        lambda **k: layers.DepthwiseConv2D(
            (3, 2), depth_multiplier=2, bias_initializer="ones", activation="tanh", **k
        ),
        IMAGE,
        lambda layer, x: np.tanh(depthwise_conv(layer, x)),
    ),
    "DepthwiseConv2D same strides": Row(
        lambda **k: layers.DepthwiseConv2D((2, 4), (3, 2), "same", use_bias=False, **k),
        IMAGE,
        depthwise_conv,
    ),
    "SeparableConv2D": Row(
        lambda **k: layers.SeparableConv2D(
            5, 2, padding="same", dilation_rate=(3, 2), depth_multiplier=2, activation="tanh", **k
        ),
        IMAGE,
        separable_conv,
    ),
    "DepthwiseConv1D": Row(
        lambda **k: layers.DepthwiseConv1D(3, 2, "same", 2, use_bias=False, **k),
        (3, 7, 4),
        lambda layer, x: depthwise1d(layer, x, layer.kernel.numpy()),
    ),
    "SeparableConv1D": Row(
        lambda **k: layers.SeparableConv1D(
            5, 3, dilation_rate=2, depth_multiplier=2, bias_initializer="ones", **k
        ),
        (3, 7, 4),
        separable_conv1d,
    ),
    "Conv1DTranspose": Row(
        lambda **k: layers.Conv1DTranspose(2, 3, 2, output_padding=1, **k),
        (3, 5, 7),
        transposed_conv1d(12),
    ),
    "Conv2DTranspose": Row(
        lambda **k: layers.Conv2DTranspose(2, (3, 2), (2, 3), bias_initializer="ones", **k),
        (3, 4, 5, 7),
        transposed_conv((9, 15)),
    ),
    "Conv2DTranspose same": Row(
        lambda **k: layers.Conv2DTranspose(2, (4, 3), 2, "same", output_padding=(1, 0), **k),
        (3, 4, 5, 7),
        transposed_conv((7, 9), 1, 1),
    ),
    "Conv2DTranspose dilation": Row(
        lambda **k: layers.Conv2DTranspose(2, (3, 2), dilation_rate=(2, 3), **k),
        (3, 4, 5, 7),
        transposed_conv((8, 8)),
    ),
    "Conv1D": Row(
        lambda **k: layers.Conv1D(6, 3, 2, groups=2, use_bias=False, **k), (3, 8, 4), conv1d
    ),
    "Conv1D same relu": Row(
        lambda **k: layers.Conv1D(
            5, 4, padding="same", activation="relu", bias_initializer="random_normal", **k
        ),
        (3, 7, 2),
        lambda layer, x: np.maximum(conv1d(layer, x), 0),
    ),
    "Conv1D causal": Row(
        lambda **k: layers.Conv1D(5, 2, padding="causal", dilation_rate=3, **k), (3, 7, 2), conv1d
    ),
    "MaxPooling1D": Row(lambda **k: layers.MaxPooling1D(**k), (3, 7, 2), pool1d(np.max)),
    "MaxPooling1D same": Row(
        lambda **k: layers.MaxPooling1D(4, 2, "same", **k), (3, 7, 2), pool1d(np.max)
    ),
    "AveragePooling1D same": Row(
        lambda **k: layers.AveragePooling1D(3, 2, "same", **k), (3, 8, 2), pool1d(np.mean)
    ),
    "GlobalAveragePooling1D": Row(
        lambda **k: layers.GlobalAveragePooling1D(keepdims=True, **k),
        (3, 5, 2),
        lambda layer, x: x.mean(axis=1, keepdims=True),
    ),
    "GlobalMaxPooling1D": Row(
        lambda **k: layers.GlobalMaxPooling1D(**k), (3, 5, 2), lambda layer, x: x.max(axis=1)
    ),
    "RandomFlip in inference": Row(lambda **k: layers.RandomFlip(**k), IMAGE, same),
    "RandomFlip": Row(lambda **k: layers.RandomFlip(seed=3, **k), IMAGE, None, training=True),
    "RandomContrast": Row(
        lambda **k: layers.RandomContrast(0.4, (-1.9, 1.7), seed=3, **k), IMAGE, None, training=True
    ),
    "RandomRotation": Row(
        lambda **k: layers.RandomRotation((0.25, 0.25), **k), (3, 5, 5, 2), rotated, training=True
    ),
    "RandomRotation any": Row(
        lambda **k: layers.RandomRotation(0.4, "wrap", seed=3, **k), IMAGE, None, training=True
    ),
    "RandomTranslation": Row(
        lambda **k: layers.RandomTranslation((0.25, 0.25), 0, **k),
        (3, 6, 5, 2),
        translated,
        training=True,
    ),
    "RandomTranslation nearest": Row(
        lambda **k: layers.RandomTranslation(0, (-0.4, -0.4), "nearest", "nearest", **k),
        IMAGE,
        lambda layer, x: x[:, :, [2, 3, 4, 4, 4]],
        training=True,
    ),
    "RandomZoom": Row(
        lambda **k: layers.RandomZoom((1, 1), 0, "constant", fill_value=0.5, **k),
        (3, 5, 4, 2),
        zoomed,
        training=True,
    ),
    "RandomZoom any": Row(
        lambda **k: layers.RandomZoom(0.4, seed=3, **k), IMAGE, None, training=True
    ),
    "RandomBrightness": Row(
        lambda **k: layers.RandomBrightness((0.25, 0.25), (-2, 2), **k),
        IMAGE,
        lambda layer, x: np.minimum(x + 1, 2),
        training=True,
    ),
    "RandomBrightness any": Row(
        lambda **k: layers.RandomBrightness(0.4, (-9, 9), seed=3, **k), IMAGE, None, training=True
    ),
    "RandomCrop in inference": Row(
        lambda **k: layers.RandomCrop(5, 5, **k), IMAGE, lambda layer, x: x[:, 1:6]
    ),
    "RandomCrop": Row(lambda **k: layers.RandomCrop(3, 4, seed=3, **k), IMAGE, None, training=True),
    "Resizing": Row(lambda **k: layers.Resizing(14, 10, **k), IMAGE, bilinear),
    "Resizing nearest": Row(
        lambda **k: layers.Resizing(3, 10, "nearest", **k),
        IMAGE,
        lambda layer, x: x[:, [1, 3, 5]].repeat(2, axis=2),
    ),
    "Resizing cut": Row(
        lambda **k: layers.Resizing(10, 10, crop_to_aspect_ratio=True, **k),
        IMAGE,
        lambda layer, x: bilinear(layer, x[:, 1:6]),
    ),
    "Resizing padded": Row(
        lambda **k: layers.Resizing(
            14, 14, pad_to_aspect_ratio=True, fill_value=0.5, data_format="channels_last", **k
        ),
        IMAGE,
        lambda layer, x: bilinear(
            layer, np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0)), constant_values=0.5)
        ),
    ),
}


def rows(keep):
    chosen = {name: row for name, row in TABLE.items() if keep(name, row)}
    return pytest.mark.parametrize("row", chosen.values(), ids=chosen)


every_row = rows(lambda name, row: True)
rows_with_formula = rows(lambda name, row: row.formula is not None)
# "same" puts a window of any size on an image of one pixel; Reshape and "valid" ones cannot do it
ONE_PIXEL = (
    "MaxPooling2D same", "AveragePooling2D same", "Conv2D same strides relu", "MaxPooling1D same",
    "Conv1D same relu", "Conv1D causal", "DepthwiseConv2D same strides", "Normalization inverted",
)  # fmt: skip
# those of more channels or pixels than one, or of a formula that is for one size
TOO_LARGE = (
    "Reshape", "InputLayer", "Conv2D", "Conv1D", "MaxPooling2D", "AveragePooling2D", "MaxPooling1D",
    "Dropout", "Rescaling", "Cropping1D", "Cropping2D", "CenterCrop", "GroupNormalization",
    "DepthwiseConv2D", "Conv2DTranspose", "RandomTranslation", "RandomZoom", "Normalization",
    "RandomCrop", "Resizing", "SeparableConv1D", "Conv1DTranspose",
)  # fmt: skip
rows_of_one_element = rows(
    lambda name, row: (
        row.formula is not None and (name in ONE_PIXEL or name.split()[0] not in TOO_LARGE)
    )
)


# Layers of several inputs or of integers, which test_merging.py and test_embedding.py check.
ELSEWHERE = (
    "Add", "Average", "CategoryEncoding", "Concatenate", "Discretization", "Dot", "Embedding",
    "IntegerLookup", "Maximum", "Minimum", "Multiply", "StringLookup", "Subtract",
)  # fmt: skip


def inputs(shape, seed=0):
    """Numbers from -2 to 2, all different, none of them 0, 0.3 or 1, in a random order."""
    size = int(np.prod(shape))
    numbers = np.linspace(-2.0, 1.93, size + 1)[1:]
    return np.random.default_rng(seed).permutation(numbers).reshape(shape)


def test_table_has_a_row_for_every_exported_layer():
    exported = {
        value.__name__
        for value in vars(layers).values()
        if isinstance(value, type) and issubclass(value, layers.Layer)
    }
    assert exported - {"Layer"} == {name.split()[0] for name in TABLE} | set(ELSEWHERE)


@rows_with_formula
def test_layer_output_equals_formula(row):
    layer = row.make(dtype="float64")
    x = inputs(row.shape)
    y = layer(x, training=row.training)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y.numpy(), row.formula(layer, x), rtol=1e-12, atol=1e-13)


def test_aliases_are_those_of_keras():
    assert layers.Convolution1D is layers.Conv1D
    assert layers.Convolution2DTranspose is layers.Conv2DTranspose
    assert layers.SeparableConvolution2D is layers.SeparableConv2D
    assert layers.SeparableConvolution1D is layers.SeparableConv1D
    assert layers.Convolution1DTranspose is layers.Conv1DTranspose
    assert layers.MaxPool1D is layers.MaxPooling1D
    assert layers.AvgPool1D is layers.AveragePooling1D
    assert layers.GlobalAvgPool1D is layers.GlobalAveragePooling1D
    assert layers.GlobalMaxPool1D is layers.GlobalMaxPooling1D
    assert layers.Convolution2D is layers.Conv2D
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.AvgPool2D is layers.AveragePooling2D
    assert layers.GlobalAvgPool2D is layers.GlobalAveragePooling2D
    assert layers.GlobalMaxPool2D is layers.GlobalMaxPooling2D


@every_row
def test_layer_float32_agrees_with_float64(row):
    layer, wide = row.make(), row.make(dtype="float64")
    x = inputs(row.shape)
    wide.build(row.shape)
    layer.build(row.shape)
    layer.set_weights(wide.get_weights())
    y = layer(x, training=row.training)
    assert y.dtype == np.float32
    expected = wide(x, training=row.training).numpy()
    np.testing.assert_allclose(y.numpy(), expected, rtol=2e-5, atol=2e-6)
    assert all(weight.dtype == np.float32 for weight in layer.weights)


@every_row
def test_layer_gradients(row):
    first = row.make(dtype="float64")
    first.build(row.shape)
    names = [weight.name for weight in first.trainable_weights]

    def function(x, *weights):
        layer = row.make(dtype="float64")  # a new one: a second call of a dropout differs
        layer.build(row.shape)
        for old, new in zip(layer.weights, first.get_weights(), strict=True):
            old.assign(new)
        for name, weight in zip(names, weights, strict=True):
            setattr(layer, name, weight)
        return layer(x, training=row.training)

    check_gradients(function, inputs(row.shape), *[w.numpy() for w in first.trainable_weights])


@every_row
def test_layer_computes_its_output_shape(row):
    layer = row.make()
    y = layer(inputs(row.shape), training=row.training)
    assert layer.compute_output_shape(row.shape) == y.shape
    assert layer.compute_output_shape((None, *row.shape[1:])) == (None, *y.shape[1:])
    assert layer.input_shape == (None, *row.shape[1:])
    assert layer.output_shape == (None, *y.shape[1:])


@every_row
def test_layer_accepts_an_empty_batch(row):
    layer = row.make()
    layer.build(row.shape)
    before = layer.get_weights()
    x = Tensor(np.zeros((0, *row.shape[1:]), np.float32), requires_grad=True)
    y = layer(x, training=row.training)
    assert y.shape == layer.compute_output_shape(x.shape)
    y.sum().backward()
    assert x.grad.shape == x.shape
    for weight in layer.trainable_weights:
        np.testing.assert_array_equal(weight.grad, np.zeros(weight.shape))
    for weight, old in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


@rows_with_formula
def test_layer_treats_samples_one_by_one_in_inference(row):
    layer = row.make(dtype="float64")
    x = inputs(row.shape)
    y = layer(x).numpy()
    for i in range(len(x)):
        np.testing.assert_allclose(layer(x[i : i + 1]).numpy(), y[i : i + 1], rtol=1e-12)


@rows_of_one_element
def test_layer_works_on_one_element(row):
    layer = row.make(dtype="float64")
    x = inputs((1,) * len(row.shape))
    y = layer(x, training=row.training)
    np.testing.assert_allclose(y.numpy(), row.formula(layer, x), rtol=1e-12, atol=1e-13)


@every_row
def test_layer_leaves_its_input_alone(row):
    x = inputs(row.shape)
    x.flags.writeable = False
    layer = row.make(dtype="float64")
    y = layer(Tensor(x, requires_grad=True), training=row.training)
    y.sum().backward()
    np.testing.assert_array_equal(x, inputs(row.shape))


@every_row
def test_layer_freezes_and_thaws(row):
    layer = row.make(trainable=False)
    x = Tensor(inputs(row.shape).astype("float32"), requires_grad=True)
    layer(x, training=row.training).sum().backward()
    assert layer.trainable_weights == []
    assert layer.non_trainable_weights == layer.weights
    assert all(weight.grad is None for weight in layer.weights)
    layer.trainable = True
    layer(x, training=row.training).sum().backward()
    assert [w.name for w in layer.weights if w.requires_grad] == [
        w.name for w in layer.trainable_weights
    ]
    assert all(weight.grad is not None for weight in layer.trainable_weights)
    assert {"moving_mean", "moving_variance"}.isdisjoint(w.name for w in layer.trainable_weights)
