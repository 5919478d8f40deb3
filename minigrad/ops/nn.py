"""Activations, dense layers, dropout, batch normalization and the fused cross-entropies."""

import math

import numpy as np

from minigrad import kernels, samples
from minigrad.core import FLOAT_TYPES, Function, as_array, as_tensor, sum_over, values_here
from minigrad.ops.arithmetic import chain, contiguous, elementwise
from minigrad.ops.shapes import transpose
from minigrad.utils.old_names import lookup

ONES = {dtype: np.ones((1, 4096), dtype) for dtype in FLOAT_TYPES}


def promote(*arrays):
    """Contiguous arrays of one type: the wider one, as NumPy's operators choose."""
    dtype = arrays[0].dtype
    for array in arrays:
        if array.dtype is not dtype or not array.flags.c_contiguous:
            break
    else:  # mostly; np.result_type and three np.asarray take longer than a small product
        return arrays
    dtype = np.result_type(*arrays)
    return [np.asarray(array, dtype, order="C") for array in arrays]


def rows(x):
    """``x`` (..., K) as a matrix (N, K)."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def relu_backward(y, gy):
    """``gy`` where ``y > 0``, else 0, in a new array."""
    return elementwise("relu_backward", y, gy)


def sum_rows(x, cuts=None):
    """Add up the rows of ``x`` (N, F), by a product with ones: NumPy's sum is 7 times slower."""
    total = kernels.empty((1, x.shape[1]), x.dtype)
    ones = ONES[x.dtype][:, : len(x)] if len(x) <= 4096 else np.ones((1, len(x)), x.dtype)
    kernels.matmul(ones, x, None, False, total, kernels.get_num_threads(), cuts)
    return total[0]


def below_largest(x, axis):
    """``x`` minus the largest over ``axis``; 0 at infinity, where softmax then is its limit."""
    with np.errstate(invalid="ignore"):
        return np.where(x == np.inf, 0, x - x.max(axis=axis, keepdims=True, initial=-np.inf))


# --- activations ---------------------------------------------------------------------------------


class Elementwise(Function):
    """A function of the elementwise kernel; its gradient is the function ``<name>_backward``."""

    from_result = ("relu", "sigmoid", "tanh")  # the gradients of these take y instead of x

    def __init__(self, name, alpha=0.0):
        self.name = name
        self.alpha = alpha

    def forward(self, x):
        y = elementwise(self.name, x, None, self.alpha)
        self.save(y if self.name in self.from_result else x)
        return y

    def backward(self, gy):
        (saved,) = self.saved
        return elementwise(f"{self.name}_backward", saved, gy, self.alpha)


def relu(x):
    """``max(x, 0)``; its derivative at 0 is taken to be 0."""
    return Elementwise("relu")(x)


def leaky_relu(x, negative_slope=0.2):
    """``x`` where ``x >= 0``, else ``negative_slope * x``."""
    return Elementwise("leaky_relu", negative_slope)(x)


def elu(x, alpha=1.0):
    """``x`` where ``x > 0``, else ``alpha * (e**x - 1)`` (Clevert et al., 2015)."""
    return Elementwise("elu", alpha)(x)


def selu(x):
    """``scale * elu(x, alpha)``, which keeps mean 0 and variance 1 (Klambauer et al., 2017)."""
    return elu(x, 1.6732632423543772) * 1.0507009873554805


def gelu(x, approximate=True):
    """``x / 2 * (1 + erf(x / sqrt(2)))``, or its tanh approximation (Hendrycks, Gimpel, 2016)."""
    return Elementwise("gelu_tanh" if approximate else "gelu")(x)


def silu(x):
    """``x * sigmoid(x)``, also called swish (Elfwing et al., 2017)."""
    return Elementwise("silu")(x)


def softplus(x):
    """``log(1 + e**x)``, without overflow."""
    return Elementwise("softplus")(x)


def sigmoid(x):
    """``1 / (1 + e**-x)``; the result remembers ``x`` in ``made_by``."""
    x = as_tensor(x)
    y = Elementwise("sigmoid")(x)
    y.made_by = "sigmoid", x, x.version, y.version
    return y


def tanh(x):
    """The hyperbolic tangent."""
    return Elementwise("tanh")(x)


class Softmax(Function):
    def __init__(self, axis):
        self.axis = axis

    def forward(self, x):
        if x.ndim > 0 and self.axis in (-1, x.ndim - 1):
            y = kernels.empty(x.shape, x.dtype)
            kernels.softmax(rows(contiguous(x)), rows(y), kernels.get_num_threads())
        else:
            e = np.exp(below_largest(x, self.axis))
            y = e / sum_over(e, self.axis, keepdims=True)
        self.save(y)
        return y

    def backward(self, gy):
        (y,) = self.saved
        total = sum_over(chain("mul", gy, y), self.axis, keepdims=True)
        return chain("mul", gy - total, y)


def softmax(x, axis=-1):
    """``e**x / sum(e**x)`` over ``axis``.

    Over the last axis the result remembers ``x`` in ``made_by``: a cross-entropy starts there.
    """
    x = as_tensor(x)
    y = Softmax(axis)(x)
    if axis in (-1, x.ndim - 1):
        y.made_by = "softmax", x, x.version, y.version
    return y


class LogSoftmax(Function):
    def __init__(self, axis):
        self.axis = axis

    def forward(self, x):
        shifted = below_largest(x, self.axis)
        with np.errstate(divide="ignore"):  # log(0), where the axis is empty
            y = shifted - np.log(sum_over(np.exp(shifted), self.axis, keepdims=True))
        self.save(y)
        return y

    def backward(self, gy):
        (y,) = self.saved
        return gy - chain("mul", sum_over(gy, self.axis, keepdims=True), np.exp(y))


def log_softmax(x, axis=-1):
    """``x - log(sum(e**x))`` over ``axis``, without overflow."""
    return LogSoftmax(axis)(x)


# --- layers --------------------------------------------------------------------------------------


class Dense(Function):
    """``activation(x @ w + b)`` in one kernel, for matrices ``x``."""

    cuts = None  # rows of x where sums over samples are cut, if ranks share them

    def __init__(self, activation):
        self.relu = activation == "relu"

    def forward(self, *inputs):
        x, w, *bias = promote(*inputs)
        y = kernels.empty((x.shape[0], w.shape[1]), x.dtype)
        bias = bias[0] if bias else None
        kernels.matmul(x, w, bias, self.relu, y, kernels.get_num_threads())
        x_kept, w_kept = x if self.needs[1] else None, w if self.needs[0] else None
        self.save(x_kept, w_kept, y if self.relu else None)
        return y

    def backward(self, gy):
        x, w, y = self.saved
        threads = kernels.get_num_threads()
        if self.relu:
            gy = relu_backward(y, gy)
        gx = gw = None
        if self.needs[0]:
            gx = kernels.empty((gy.shape[0], w.shape[0]), gy.dtype)
            kernels.matmul(gy, w.T, None, False, gx, threads)
        if self.needs[1]:
            gw = kernels.empty((x.shape[1], gy.shape[1]), gy.dtype)
            kernels.matmul(x.T, gy, None, False, gw, threads, self.cuts)
        if len(self.needs) == 2:
            return gx, gw
        return gx, gw, sum_rows(gy, self.cuts)


def dense(x, kernel, bias=None, activation=None):
    """``activation(x @ kernel + bias)``: a fully connected layer.

    Parameters
    ----------
    x : Tensor (..., inputs)
    kernel : Tensor (inputs, units)
    bias : Tensor (units,), optional
    activation : {None, "relu"}
        Applied within the same kernel.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    x, kernel = as_tensor(x), as_tensor(kernel)
    check_activation("dense", activation)
    if x.ndim < 1 or kernel.ndim != 2 or x.shape[-1] != kernel.shape[0]:
        raise ValueError(
            f"dense: expected x (..., inputs) and kernel (inputs, units), got {x.shape} and "
            f"{kernel.shape}"
        )
    bias = check_bias("dense", bias, kernel)
    if x.ndim == 2:
        return Dense(activation)(x, kernel, *bias)
    return Dense(activation)(rows(x), kernel, *bias).reshape(*x.shape[:-1], kernel.shape[1])


def check_activation(name, activation):
    if activation not in (None, "relu"):
        raise ValueError(f"{name}: expected activation None or 'relu', got {activation!r}")


def check_bias(name, bias, kernel):
    """Return () without a bias, else (bias,), a Tensor of one value for each output of ``kernel``.

    Raises ValueError for another shape.
    """
    if bias is None:
        return ()
    bias = as_tensor(bias, kernel)
    if bias.shape != kernel.shape[-1:]:
        raise ValueError(f"{name}: expected bias of shape {kernel.shape[-1:]}, got {bias.shape}")
    return (bias,)


class Dropout(Function):
    first = 0  # the number of the first element, if ranks share a batch

    def __init__(self, rate, seed):
        self.rate = rate
        self.seed = seed

    def forward(self, x):
        y = kernels.empty(x.shape, x.dtype)
        flat, threads = contiguous(x).reshape(-1), kernels.get_num_threads()
        kernels.dropout(flat, y.reshape(-1), self.rate, self.seed, threads, self.first)
        return y

    def backward(self, gy):
        return self.forward(gy)  # linear in x, and the seed makes the same mask again


def dropout(x, rate, seed):
    """Zero each element with probability ``rate`` and scale the others by ``1 / (1 - rate)``.

    Parameters
    ----------
    x : Tensor, any shape
    rate : float
        In [0, 1].
    seed : int
        64 bits; the same seed drops the same elements.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: expected a rate from 0 to 1, got {rate}")
    if not isinstance(seed, (int, np.integer)):
        raise TypeError(f"dropout: expected an integer as seed, got {seed!r}")
    return as_tensor(x) if rate == 0 else Dropout(rate, int(seed) % 2**64)(x)


def channel_sums(x, y, *centers):
    """The sums of ``y - b`` and of ``(x - a) * (y - b)`` in each channel, the last axis.

    Given a, b and, where ``y`` is the gradient behind relu, two more: see ``kernels``.
    """
    sums = kernels.empty((2, x.shape[-1]), x.dtype)
    kernels.channel_sums(rows(x), rows(y), np.stack(centers), sums, kernels.get_num_threads())
    return sums


def channel_affine(x, y, *terms):
    """``scale * (x - a) + weight * y + shift``, given a, scale, weight, shift and maybe relu's."""
    z = kernels.empty(x.shape, x.dtype)
    kernels.channel_affine(rows(x), rows(y), np.stack(terms), rows(z), kernels.get_num_threads())
    return z


def channel_normalize(x, relu, *terms):
    """``scale * (x - a) + shift``, then relu or not, given a, scale, shift of each channel."""
    y = kernels.empty(x.shape, x.dtype)
    kernels.channel_normalize(rows(x), np.stack(terms), relu, rows(y), kernels.get_num_threads())
    return y


def channel_statistics(x):
    """The mean and variance of each channel, and what rounding took from the mean."""
    count = max(x.size // max(x.shape[-1], 1), 1)  # elements of a channel
    # One pass over x: shifted by the mean of a sample, the sum of squares does not cancel.
    sample = rows(x)[:: count // 512 + 1]
    near = sample.sum(axis=0) / max(len(sample), 1)
    first, second = channel_sums(x, x, near, near) / count
    mean = near + first
    return mean, np.maximum(second - first * first, 0), near - mean + first


class BatchNormalization(Function):
    """Batch normalization by a mean and a variance that are constants; relu is optional."""

    def __init__(self, epsilon, activation):
        self.epsilon = float(epsilon)  # np.float64 would widen float32
        self.relu = activation == "relu"

    def forward(self, *inputs):
        x, gamma, beta, mean, variance = promote(*inputs)
        scale = gamma / np.sqrt(variance + self.epsilon)
        y = channel_normalize(x, self.relu, mean, scale, beta)
        self.save(x, gamma, mean, variance, y if self.relu else None)
        return y

    def backward(self, gy):
        x, gamma, mean, variance, y = self.saved
        deviation = np.sqrt(variance + self.epsilon)
        gy = relu_backward(y, gy) if self.relu else gy
        ggamma = chain("mul", gy, (x - mean) / deviation) if self.needs[1] else None
        return chain("mul", gy, gamma / deviation), ggamma, gy, None, None


class BatchNorm(Function):
    """Batch normalization by the statistics of this batch; relu is optional."""

    def __init__(self, epsilon, activation, statistics):
        self.epsilon = float(epsilon)
        self.relu = activation == "relu"
        self.statistics = statistics
        self.sums, self.count = channel_sums, None  # others, if ranks share a batch

    def forward(self, *inputs):
        x, gamma, beta = promote(*inputs)
        mean, variance, rest = self.statistics
        inverse = 1 / np.sqrt(variance + self.epsilon)
        self.save(x, gamma, mean, inverse)
        scale = gamma * inverse
        line = scale, beta - scale * rest
        self.line = line if self.relu else ()  # backward finds relu's zeros by it
        return channel_normalize(x, self.relu, mean, *line)

    def backward(self, gy):
        x, gamma, mean, inverse = self.saved
        gy, scale, rest = contiguous(gy), gamma * inverse, self.statistics[2]
        count = self.count or max(x.size // max(gamma.size, 1), 1)
        gbeta, products = self.sums(x, gy, mean, np.zeros_like(mean), *self.line)
        # gx = scale * (gy - mean(gy) - normed * mean(gy * normed))
        ggamma = (products - rest * gbeta) * inverse
        slope, shift = scale * inverse * ggamma / count, scale * gbeta / count
        shift -= slope * rest
        gx = channel_affine(x, gy, mean, -slope, scale, -shift, *self.line)
        return gx, ggamma, gbeta


def batch_norm(x, gamma, beta, epsilon, axis=-1, activation=None):
    """Normalize ``x`` over all axes but ``axis`` with the statistics of this batch.

    ``activation(gamma * (x - mean) / sqrt(variance + epsilon) + beta)`` (Ioffe, Szegedy, 2015).

    Parameters
    ----------
    x : Tensor, any shape with ``C`` elements along ``axis``
    gamma, beta : Tensor (C,)
    epsilon : float
    axis : int
    activation : {None, "relu"}
        Applied within the same kernel, as its gradient is.

    Returns
    -------
    y : Tensor of the shape of ``x``
    mean, variance : ndarray (C,)
        Of this batch; the variance is the biased one.
    """
    check_activation("batch_norm", activation)
    finish, mean, variance = begin_batch_norm(x, gamma, beta, epsilon, axis)
    return finish(activation), mean.copy(), variance  # backward needs the mean unchanged


def begin_batch_norm(x, gamma, beta, epsilon, axis, statistics=None):
    """Measure a batch for ``batch_norm``, unless ``statistics`` are given, which are constants.

    Returns
    -------
    finish : callable(activation=None)
        It returns y.
    mean, variance : ndarray (C,)
    """
    x = as_tensor(x)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"batch_norm: expected an axis of x {x.shape}, got {axis}")
    channels = (x.shape[axis],)
    if np.shape(gamma) != channels or np.shape(beta) != channels:
        raise ValueError(
            f"batch_norm: expected gamma and beta of shape {channels}, got {np.shape(gamma)} and "
            f"{np.shape(beta)}"
        )
    if axis not in (-1, x.ndim - 1):
        swapped = list(range(x.ndim))
        swapped[axis], swapped[-1] = swapped[-1], swapped[axis]
        x = transpose(x, swapped)
        finish, *statistics = begin_batch_norm(x, gamma, beta, epsilon, -1, statistics)
        return lambda activation=None: transpose(finish(activation), swapped), *statistics
    gamma, beta = as_tensor(gamma, x), as_tensor(beta, x)
    if statistics is not None:
        options = gamma, beta, *statistics
        return lambda activation=None: BatchNormalization(epsilon, activation)(
            x, *options
        ), *statistics
    array = promote(values_here(x), gamma.data, beta.data)[0]
    measured = samples.statistics(channel_statistics, x, array)

    def finish(activation=None):
        return BatchNorm(epsilon, activation, measured)(x, gamma, beta)

    return finish, *measured[:2]


# --- cross-entropies -----------------------------------------------------------------------------


class SoftmaxCrossEntropy(Function):
    def __init__(self, targets, labels, probabilities):
        self.targets = targets
        self.labels = labels
        self.probabilities = probabilities

    def forward(self, logits):
        z, p, threads = contiguous(logits), self.probabilities, kernels.get_num_threads()
        losses = np.empty(len(z), z.dtype)
        kernel = kernels.softmax_cross_entropy_losses
        if p is None:
            p = kernels.empty(z.shape, z.dtype)
            kernel = kernels.softmax_cross_entropy_forward
        kernel(z, self.targets, self.labels, losses, p, threads)
        self.save(p)
        return losses

    def backward(self, gy):
        (probabilities,) = self.saved
        gz = kernels.empty(probabilities.shape, probabilities.dtype)
        kernel, threads = kernels.softmax_cross_entropy_backward, kernels.get_num_threads()
        kernel(probabilities, self.targets, self.labels, contiguous(gy), gz, threads)
        return gz


def softmax_cross_entropy(logits, targets, probabilities=None):
    """``-sum(targets * log_softmax(logits))`` over the last axis.

    In one step it is exact where softmax followed by a logarithm underflows, and its gradient,
    ``softmax(logits) - targets``, never vanishes on a wrong answer.

    Parameters
    ----------
    logits : Tensor (..., K)
    targets : array (..., K) of probabilities, or integer array (...) of labels below K
        Not differentiated.
    probabilities : array (..., K), optional
        ``softmax(logits)``, if it has been computed already: it is copied, not computed again.

    Returns
    -------
    Tensor (...)

    Raises
    ------
    ValueError
        If the shapes do not fit, or a label is out of range.
    """
    logits = as_tensor(logits)
    if logits.ndim < 1:
        raise ValueError("softmax_cross_entropy: expected logits (..., K), got a scalar")
    targets, labels = np.asarray(targets), None
    if targets.dtype.kind in "iu" and targets.shape == logits.shape[:-1]:
        targets, labels = None, contiguous(targets.astype(np.int64)).reshape(-1)
    elif targets.shape == logits.shape:
        targets = rows(contiguous(as_array(targets, logits.dtype)))
    else:
        raise ValueError(
            f"softmax_cross_entropy: expected targets of shape {logits.shape}, or integer labels "
            f"of shape {logits.shape[:-1]}, got {targets.dtype} of shape {targets.shape}"
        )
    if probabilities is not None:
        if np.shape(probabilities) != logits.shape:
            expected = f"probabilities of shape {logits.shape}, got {np.shape(probabilities)}"
            raise ValueError(f"softmax_cross_entropy: expected {expected}")
        probabilities = rows(np.array(probabilities, logits.dtype, order="C"))
    function = SoftmaxCrossEntropy(targets, labels, probabilities)
    if logits.ndim == 2:
        return function(logits)
    return function(rows(logits)).reshape(logits.shape[:-1])


class SigmoidCrossEntropy(Function):
    def __init__(self, targets):
        self.targets = targets

    def forward(self, x):
        self.save(x)
        share = np.where(x > 0, 1 - self.targets, self.targets)  # of |x|; 0 of infinity is 0
        return chain("mul", share, np.abs(x)) + np.log1p(np.exp(-np.abs(x)))

    def backward(self, gy):
        (x,) = self.saved
        return chain("mul", gy, elementwise("sigmoid", x) - self.targets)


def sigmoid_cross_entropy(logits, targets):
    """``-t log(sigmoid(z)) - (1 - t) log(1 - sigmoid(z))``, elementwise and without overflow.

    ``targets`` (not differentiated) must have the shape of ``logits``.
    """
    logits = as_tensor(logits)
    targets = as_array(targets, logits.dtype)
    if targets.shape != logits.shape:
        raise ValueError(
            f"sigmoid_cross_entropy: expected targets of shape {logits.shape}, got {targets.shape}"
        )
    return SigmoidCrossEntropy(targets)(logits)


__getattr__ = lookup(__name__, "minigrad.ops")  # where Keras has more
