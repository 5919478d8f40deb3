"""Values and gradients of PyTorch, where it is installed: an independent check of conventions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minigrad import Tensor, ops

pytestmark = pytest.mark.right_numbers

torch = pytest.importorskip("torch")
F = torch.nn.functional


def channels_first(x):
    return x.permute(0, 3, 1, 2)


def channels_last(y):
    return y.permute(0, 2, 3, 1)


def conv2d(x, w, b, **options):
    # (KH, KW, C / groups, F) -> (F, C / groups, KH, KW)
    return channels_last(F.conv2d(channels_first(x), w.permute(3, 2, 0, 1), b, **options))


X = (2, 9, 8, 4)
CASES = {
    "relu": (ops.relu, F.relu, [(3, 5)]),
    "leaky_relu": (ops.leaky_relu, lambda x: F.leaky_relu(x, 0.2), [(3, 5)]),
    "elu": (ops.elu, F.elu, [(3, 5)]),
    "selu": (ops.selu, F.selu, [(3, 5)]),
    "gelu": (lambda x: ops.gelu(x, approximate=False), F.gelu, [(3, 5)]),
    "gelu, tanh": (
        lambda x: ops.gelu(x, approximate=True),
        lambda x: F.gelu(x, approximate="tanh"),
        [(3, 5)],
    ),
    "silu": (ops.silu, F.silu, [(3, 5)]),
    "softplus": (ops.softplus, F.softplus, [(3, 5)]),
    "softmax": (ops.softmax, lambda x: F.softmax(x, -1), [(3, 5)]),
    "log_softmax": (ops.log_softmax, lambda x: F.log_softmax(x, -1), [(3, 5)]),
    "logsumexp": (lambda x: ops.logsumexp(x, 1), lambda x: torch.logsumexp(x, 1), [(3, 5)]),
    "dense": (ops.dense, lambda x, w, b: x @ w + b, [(3, 5), (5, 2), (2,)]),
    "maximum": (ops.maximum, torch.maximum, [(3, 5), (5,)]),
    "cross-entropy": (
        lambda z: ops.softmax_cross_entropy(z, [0, 4, 2]),
        lambda z: F.cross_entropy(z, torch.tensor([0, 4, 2]), reduction="none"),
        [(3, 5)],
    ),
    "conv2d": (ops.conv2d, conv2d, [X, (3, 2, 4, 5), (5,)]),
    "conv2d, strided": (
        lambda *t: ops.conv2d(*t, strides=(2, 3), padding=((1, 1), (2, 2))),
        lambda *t: conv2d(*t, stride=(2, 3), padding=(1, 2)),
        [X, (3, 2, 4, 5), (5,)],
    ),
    "conv2d, dilated in groups": (
        lambda *t: ops.conv2d(*t, dilation_rate=(2, 3), groups=2),
        lambda *t: conv2d(*t, dilation=(2, 3), groups=2),
        [X, (3, 2, 2, 6), (6,)],
    ),
    "max_pool2d": (
        lambda x: ops.max_pool2d(x, (3, 2), (2, 1), ((1, 1), (1, 1))),
        lambda x: channels_last(F.max_pool2d(channels_first(x), (3, 2), (2, 1), (1, 1))),
        [X],
    ),
    "avg_pool2d": (
        lambda x: ops.avg_pool2d(x, (3, 2), (2, 1), ((1, 1), (1, 1))),
        lambda x: channels_last(
            F.avg_pool2d(channels_first(x), (3, 2), (2, 1), (1, 1), count_include_pad=False)
        ),
        [X],
    ),
    "batch_norm": (
        lambda x, g, b: ops.batch_norm(x, g, b, 1e-3)[0],
        lambda x, g, b: channels_last(
            F.batch_norm(channels_first(x), None, None, g, b, training=True, eps=1e-3)
        ),
        [X, (4,), (4,)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_op_equals_torch(name):
    ours, theirs, shapes = CASES[name]
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=shape) for shape in shapes]
    tensors = [Tensor(array.copy(), requires_grad=True) for array in arrays]
    torches = [torch.tensor(array, requires_grad=True) for array in arrays]
    y, expected = ours(*tensors), theirs(*torches)
    assert_allclose(y.data, expected.detach().numpy(), rtol=1e-12, atol=1e-12)
    gy = generator.normal(size=y.shape)
    y.backward(gy)
    expected.backward(torch.tensor(gy))
    for tensor, other in zip(tensors, torches, strict=True):
        assert_allclose(tensor.grad, other.grad.numpy(), rtol=1e-10, atol=1e-12)
