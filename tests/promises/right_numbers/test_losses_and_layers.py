"""Losses and layers against PyTorch, in float64: values and gradients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minigrad import Tensor, layers, losses

torch = pytest.importorskip("torch")
F, nn = torch.nn.functional, torch.nn

RNG = np.random.default_rng(3)
X, TARGETS = RNG.normal(size=(2, 5, 6))
P = RNG.uniform(0.05, 0.95, (5, 6))
ROWS = P / P.sum(1, keepdims=True)
BITS = (RNG.random((5, 6)) < 0.5).astype(float)
LABELS = np.array([3, 0, 5, 1, 1])
ONE_HOT = np.eye(6)[LABELS]
SIGNS = 2 * BITS - 1

# Our function of (targets, predictions) and PyTorch's; one value a sample.
LOSSES = {
    "mse": (losses.mean_squared_error, lambda t, x: ((x - t) ** 2).mean(-1), TARGETS, X),
    "mae": (losses.mean_absolute_error, lambda t, x: F.l1_loss(x, t, reduction="none").mean(-1),
            TARGETS, X),
    "huber": (lambda t, x: losses.huber(t, x, 0.7),
              lambda t, x: F.huber_loss(x, t, reduction="none", delta=0.7).mean(-1), TARGETS, X),
    "log_cosh": (losses.log_cosh, lambda t, x: torch.log(torch.cosh(x - t)).mean(-1), TARGETS, X),
    "cosine": (losses.cosine_similarity, lambda t, x: -F.cosine_similarity(x, t, -1), TARGETS, X),
    "kl": (losses.kl_divergence,
           lambda t, x: F.kl_div(x.log(), t, reduction="none").sum(-1), ROWS[::-1].copy(), ROWS),
    "poisson": (
        losses.poisson,
        lambda t, x: F.poisson_nll_loss(x, t, False, False, eps=1e-7, reduction="none").mean(-1),
        abs(TARGETS), P,
    ),
    "hinge": (losses.hinge, lambda t, x: torch.relu(1 - t * x).mean(-1), SIGNS, X),
    "squared_hinge": (losses.squared_hinge, lambda t, x: (torch.relu(1 - t * x) ** 2).mean(-1),
                      SIGNS, X),
    "categorical_hinge": (
        losses.categorical_hinge,
        lambda t, x: torch.relu(1 + ((1 - t) * x).amax(-1) - (t * x).sum(-1)), ONE_HOT, X,
    ),
    "msle": (losses.mean_squared_logarithmic_error,
             lambda t, x: ((torch.log1p(x) - torch.log1p(t)) ** 2).mean(-1), abs(TARGETS), P),
    "mape": (losses.mean_absolute_percentage_error,
             lambda t, x: 100 * ((x - t) / t).abs().mean(-1), TARGETS, X),
    "bce": (losses.binary_crossentropy,
            lambda t, x: F.binary_cross_entropy(x, t, reduction="none").mean(-1), BITS, P),
    "bce, logits": (
        lambda t, x: losses.binary_crossentropy(t, x, True),
        lambda t, x: F.binary_cross_entropy_with_logits(x, t, reduction="none").mean(-1), BITS, X,
    ),
    "bce, smoothed": (
        lambda t, x: losses.binary_crossentropy(t, x, True, 0.2),
        lambda t, x: F.binary_cross_entropy_with_logits(
            x, 0.8 * t + 0.1, reduction="none").mean(-1), BITS, X,
    ),
    "cce, logits": (
        lambda t, x: losses.categorical_crossentropy(t, x, True, 0.1),
        lambda t, x: F.cross_entropy(x, t.argmax(-1), reduction="none", label_smoothing=0.1),
        ONE_HOT, X,
    ),
    "cce": (losses.categorical_crossentropy,
            lambda t, x: F.nll_loss((x / x.sum(-1, keepdim=True)).log(), t.argmax(-1),
                                    reduction="none"), ONE_HOT, P),
    "sparse, ignored": (
        lambda t, x: losses.sparse_categorical_crossentropy(LABELS, x, True, ignore_class=1),
        lambda t, x: F.cross_entropy(x, t.argmax(-1), reduction="none", ignore_index=1),
        ONE_HOT, X,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses_agree_with_pytorch(name):
    ours, theirs, targets, predictions = LOSSES[name]
    x = Tensor(predictions, requires_grad=True)
    other = torch.tensor(predictions, requires_grad=True)
    y, expected = ours(targets, x), theirs(torch.tensor(targets), other)
    assert_allclose(y.data, expected.detach().numpy(), rtol=1e-11, atol=1e-12)
    y.sum().backward()
    expected.sum().backward()
    assert_allclose(x.grad, other.grad.numpy(), rtol=1e-9, atol=1e-11)


def first(x):
    """(N, H, W, C) or (N, T, C) with its channels first, as PyTorch has them."""
    return x.movedim(-1, 1)


def last(y):
    return y.movedim(1, -1)


IMAGE, STEPS = (3, 8, 7, 4), (3, 9, 4)

# A layer, PyTorch's function of (x, *weights), and the shape of x.
LAYERS = {
    "Dense": (lambda: layers.Dense(3, "tanh"), lambda x, w, b: torch.tanh(x @ w + b), STEPS),
    "Conv2D": (lambda: layers.Conv2D(6, (3, 2), (2, 1), groups=2), lambda x, w, b: last(
        F.conv2d(first(x), w.permute(3, 2, 0, 1), b, (2, 1), groups=2)), IMAGE),
    "Conv2D, same, dilated": (
        lambda: layers.Conv2D(5, 3, padding="same", dilation_rate=2), lambda x, w, b: last(
            F.conv2d(first(x), w.permute(3, 2, 0, 1), b, padding=2, dilation=2)), IMAGE),
    "Conv1D": (lambda: layers.Conv1D(5, 3, 2), lambda x, w, b: last(
        F.conv1d(first(x), w.permute(2, 1, 0), b, 2)), STEPS),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2),
                        lambda x, w, b: last(F.conv2d(
                            first(x), w.permute(2, 3, 0, 1).reshape(8, 1, 3, 3), b, groups=4)),
                        IMAGE),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(5, 3, 2), lambda x, w, b: last(
        F.conv_transpose2d(first(x), w.permute(3, 2, 0, 1), b, 2)), IMAGE),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(5, 3, 2), lambda x, w, b: last(
        F.conv_transpose1d(first(x), w.permute(2, 1, 0), b, 2)), STEPS),
    "MaxPooling2D": (lambda: layers.MaxPooling2D(3, 2),
                     lambda x: last(F.max_pool2d(first(x), 3, 2)), IMAGE),
    "AveragePooling2D": (lambda: layers.AveragePooling2D(2),
                         lambda x: last(F.avg_pool2d(first(x), 2)), IMAGE),
    "MaxPooling1D": (lambda: layers.MaxPooling1D(2),
                     lambda x: last(F.max_pool1d(first(x), 2)), STEPS),
    "AveragePooling1D": (lambda: layers.AveragePooling1D(3, 1),
                         lambda x: last(F.avg_pool1d(first(x), 3, 1)), STEPS),
    "GlobalAveragePooling2D": (layers.GlobalAveragePooling2D, lambda x: x.mean((1, 2)), IMAGE),
    "GlobalMaxPooling1D": (layers.GlobalMaxPooling1D, lambda x: x.amax(1), STEPS),
    "BatchNormalization": (
        layers.BatchNormalization, lambda x, g, b, m, v: last(
            F.batch_norm(first(x), None, None, g, b, training=True, eps=1e-3)), IMAGE),
    "BatchNormalization, inference": (
        layers.BatchNormalization, lambda x, g, b, m, v: last(
            F.batch_norm(first(x), m, v, g, b, eps=1e-3)), IMAGE),
    "LayerNormalization": (layers.LayerNormalization,
                           lambda x, g, b: F.layer_norm(x, (4,), g, b, 1e-3), IMAGE),
    "GroupNormalization": (lambda: layers.GroupNormalization(2), lambda x, g, b: last(
        F.group_norm(first(x), 2, g, b, 1e-3)), IMAGE),
    "RMSNormalization": (layers.RMSNormalization,
                         lambda x, g: F.rms_norm(x, (4,), g, 1e-6), IMAGE),
    "UnitNormalization": (layers.UnitNormalization, lambda x: F.normalize(x, dim=-1), STEPS),
    "PReLU": (lambda: layers.PReLU(shared_axes=[1, 2]), lambda x, a: last(
        F.prelu(first(x), a.reshape(-1))), IMAGE),
    "LeakyReLU": (layers.LeakyReLU, lambda x: F.leaky_relu(x, 0.3), STEPS),
    "ELU": (lambda: layers.ELU(0.5), lambda x: F.elu(x, 0.5), STEPS),
    "Softmax": (layers.Softmax, lambda x: torch.softmax(x, -1), STEPS),
    "ZeroPadding2D": (lambda: layers.ZeroPadding2D(((1, 2), (0, 3))),
                      lambda x: F.pad(x, (0, 0, 0, 3, 1, 2)), IMAGE),
    "UpSampling2D": (lambda: layers.UpSampling2D(2),
                     lambda x: last(F.interpolate(first(x), scale_factor=2)), IMAGE),
    "UpSampling2D, bilinear": (
        lambda: layers.UpSampling2D(2, interpolation="bilinear"), lambda x: last(F.interpolate(
            first(x), scale_factor=2, mode="bilinear")), IMAGE),
    "Activation": (lambda: layers.Activation("mish"), F.mish, STEPS),
    "ReLU": (lambda: layers.ReLU(6.0), lambda x: torch.relu(x).clamp(max=6.0), STEPS),
    "Flatten": (layers.Flatten, lambda x: x.flatten(1), IMAGE),
    "Reshape": (lambda: layers.Reshape((7, -1)), lambda x: x.reshape(3, 7, -1), IMAGE),
    "GlobalMaxPooling2D": (layers.GlobalMaxPooling2D, lambda x: x.amax((1, 2)), IMAGE),
    "GlobalAveragePooling1D": (layers.GlobalAveragePooling1D, lambda x: x.mean(1), STEPS),
    "Permute": (lambda: layers.Permute((3, 1, 2)), lambda x: x.permute(0, 3, 1, 2), IMAGE),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_agree_with_pytorch(name):
    make, theirs, shape = LAYERS[name]
    rng = np.random.default_rng(len(name))
    layer = make()
    layer = type(layer).from_config(layer.get_config() | {"dtype": "float64"})
    layer.build(shape)
    layer.set_weights([rng.uniform(0.2, 1, w.shape) for w in layer.weights])
    weights = [torch.tensor(w.numpy(), requires_grad=w.trainable) for w in layer.weights]
    data = rng.normal(size=shape)
    x, other = Tensor(data, requires_grad=True), torch.tensor(data, requires_grad=True)
    y = layer(x, training=name == "BatchNormalization")
    expected = theirs(other, *weights)
    assert_allclose(y.data, expected.detach().numpy(), rtol=1e-11, atol=1e-12)
    gy = rng.normal(size=y.shape)
    y.backward(gy)
    expected.backward(torch.tensor(gy))
    assert_allclose(x.grad, other.grad.numpy(), rtol=1e-9, atol=1e-11)
    for mine, found in zip(layer.weights, weights, strict=True):
        if mine.trainable:
            assert_allclose(mine.grad, found.grad.numpy(), rtol=1e-9, atol=1e-11)


def test_embedding_agrees_with_pytorch():
    layer = layers.Embedding(7, 3, dtype="float64")
    rows = np.array([[0, 6, 0], [3, 0, 6]])
    y = layer(rows)
    table = torch.tensor(layer.weights[0].numpy(), requires_grad=True)
    expected = F.embedding(torch.tensor(rows), table)
    gy = RNG.normal(size=y.shape)
    y.backward(gy)
    expected.backward(torch.tensor(gy))
    assert_allclose(y.data, expected.detach().numpy())
    assert_allclose(layer.weights[0].grad, table.grad.numpy(), rtol=1e-12)
