"""The NumPy twin of every compiled kernel: same name, same signature, same result.

Read these to learn what a kernel computes; the tests hold the compiled kernels to them, and
``MINIGRAD_KERNELS=reference`` runs the whole of minigrad on them, for study. ``threads`` is
accepted and ignored. Every function writes into the arrays marked OUT or INOUT and returns None.
"""

import math

import numpy as np

# --- matmul and convolution ------------------------------------------------------------------


def matmul(a, b, bias, relu, y, threads):
    """Compute y = a @ b (+ bias), with its negative elements set to 0 if relu is true."""
    np.matmul(a, b, out=y)
    if bias is not None:
        y += bias
    if relu:
        np.maximum(y, 0, out=y)


def conv2d_forward(x, w, bias, relu, y, geometry, threads):
    """Compute y = im2col(x) @ w (+ bias), with its negative elements set to 0 if relu is true.

    geometry holds the strides, the padding at the top and on the left, the dilation (each for
    height and width) and the number of groups.
    """
    for xg, wg, yg in _by_group(geometry, x, w, y):
        yg[...] = np.tensordot(_im2col(xg, wg, yg, geometry), wg, axes=3)
    if bias is not None:
        y += bias
    if relu:
        np.maximum(y, 0, out=y)


def conv2d_backward_input(gy, w, gx, geometry, threads):
    """Compute gx = col2im(gy @ w.T), the gradient with respect to the convolution's input."""
    for gxg, wg, gyg in _by_group(geometry, gx, w, gy):
        _col2im(np.tensordot(gyg, wg, axes=(3, 3)), gxg, geometry)


def conv2d_backward_kernel(x, gy, gw, geometry, threads):
    """Compute gw = im2col(x).T @ gy, the gradient with respect to the convolution's kernel."""
    pixels = (0, 1, 2)
    for xg, gwg, gyg in _by_group(geometry, x, gw, gy):
        gwg[...] = np.tensordot(_im2col(xg, gwg, gyg, geometry), gyg, axes=(pixels, pixels))


def _im2col(x, w, y, geometry):
    """Lay out the patch under the kernel at each output pixel: (N, OH, OW, KH, KW, C)."""
    patches = np.empty((*y.shape[:3], *w.shape[:2], x.shape[3]), x.dtype)
    for (a, b), seen in _taps(_pad(x, patches, geometry), patches, geometry):
        patches[:, :, :, a, b] = seen
    return patches


def _col2im(patches, x, geometry):
    """Set x to the sum of the elements of patches that _im2col takes from the same pixel."""
    top, left = geometry[2:4]
    padded = np.zeros_like(_pad(x, patches, geometry))
    for (a, b), seen in _taps(padded, patches, geometry):
        seen += patches[:, :, :, a, b]
    x[...] = padded[:, top : top + x.shape[1], left : left + x.shape[2]]


def _taps(padded, patches, geometry):
    """Yield for each tap of the kernel the pixels of the padded images that it sees, as a view."""
    strides, dilations = geometry[:2], geometry[4:6]
    _, OH, OW, KH, KW, _ = patches.shape
    for tap in np.ndindex(KH, KW):
        rows, columns = (slice(tap[i] * dilations[i], None, strides[i]) for i in range(2))
        yield tap, padded[:, rows, columns][:, :OH, :OW]


def _pad(x, patches, geometry):
    """Surround x (N, H, W, C) with the zeros that the patches (N, OH, OW, KH, KW, C) reach."""
    strides, pads, dilations = geometry[:2], geometry[2:4], geometry[4:6]
    widths = [(0, 0)]
    for axis in range(2):
        reach = (patches.shape[1 + axis] - 1) * strides[axis] + 1
        reach += (patches.shape[3 + axis] - 1) * dilations[axis]
        widths.append((pads[axis], max(reach - pads[axis] - x.shape[1 + axis], 0)))
    return np.pad(x, [*widths, (0, 0)])


def conv2d_pool_forward(x, w, bias, relu, y, winner, pool, geometry, rate, seed, threads):
    """Compute conv2d_forward, of it the maximum of each pooling window, and of that dropout.

    winner is the cell of the window that was the (first) largest, counted by rows, or 255 where
    relu set the whole window to 0 or it was dropped.
    """
    N, PH, PW, F = y.shape
    convolved = np.empty((N, PH * pool[0], PW * pool[1], F), y.dtype)
    conv2d_forward(x, w, bias, False, convolved, geometry, threads)
    windows = convolved.reshape(N, PH, pool[0], PW, pool[1], F)
    windows = windows.transpose(0, 1, 3, 2, 4, 5).reshape(N, PH, PW, pool[0] * pool[1], F)
    winner[...] = windows.argmax(axis=3)
    y[...] = windows.max(axis=3)
    if relu:
        winner[y <= 0] = 255
        np.maximum(y, 0, out=y)
    if rate > 0:
        dropout(y.reshape(-1), y.reshape(-1), rate, seed, threads)
        winner[y == 0] = 255


def conv2d_pool_backward_kernel(x, gy, winner, gw, gb, pool, geometry, threads):
    """Compute the gradients of kernel and bias; each element of gy counts at its winner alone."""
    N, PH, PW, F = gy.shape
    cells = np.arange(pool[0] * pool[1])[:, None]
    windows = np.where(winner[:, :, :, None] == cells, gy[:, :, :, None], 0)
    windows = windows.reshape(N, PH, PW, *pool, F).transpose(0, 1, 3, 2, 4, 5)
    unpooled = windows.reshape(N, PH * pool[0], PW * pool[1], F)
    conv2d_backward_kernel(x, unpooled, gw, geometry, threads)
    gb[...] = unpooled.sum(axis=(0, 1, 2))


def _by_group(geometry, x, w, y):
    """Cut the channels of x and the filters of w and y into groups, as views."""
    return zip(*(np.split(array, geometry[6], axis=3) for array in (x, w, y)), strict=True)


# --- pooling -----------------------------------------------------------------------------------


def _windows(image, pooled, pool, stride, pad):
    """Yield (oh, ow, top, left, rows, columns) of each output cell's window.

    The window's first cell (top, left) may lie outside; rows and columns are the part inside.
    """
    for oh in range(pooled.shape[1]):
        for ow in range(pooled.shape[2]):
            top = oh * stride[0] - pad[0]
            left = ow * stride[1] - pad[1]
            rows = slice(max(top, 0), min(top + pool[0], image.shape[1]))
            columns = slice(max(left, 0), min(left + pool[1], image.shape[2]))
            yield oh, ow, top, left, rows, columns


def max_pool2d_forward(
    x, y, winner, pool_height, pool_width, stride_height, stride_width, pad_top, pad_left, threads
):
    """Set y to each window's maximum, winner to kh * pool_width + kw of the first that has it."""
    N, _, _, C = x.shape
    geometry = (pool_height, pool_width), (stride_height, stride_width), (pad_top, pad_left)
    for oh, ow, top, left, rows, columns in _windows(x, y, *geometry):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        cells = x[:, rows, columns].reshape(N, height * width, C)
        y[:, oh, ow] = cells.max(axis=1)
        h, w = np.divmod(cells.argmax(axis=1), width)
        winner[:, oh, ow] = (rows.start - top + h) * pool_width + columns.start - left + w


def max_pool2d_backward(
    gy, winner, gx, pool_height, pool_width, stride_height, stride_width, pad_top, pad_left, threads
):
    """Compute gx[winner of the window] += gy, from zero."""
    gx[...] = 0
    n, c = np.ogrid[: gx.shape[0], : gx.shape[3]]
    geometry = (pool_height, pool_width), (stride_height, stride_width), (pad_top, pad_left)
    for oh, ow, top, left, _, _ in _windows(gx, gy, *geometry):
        h, w = np.divmod(winner[:, oh, ow], pool_width)
        gx[n, top + h, left + w, c] += gy[:, oh, ow]


def avg_pool2d_forward(
    x, y, pool_height, pool_width, stride_height, stride_width, pad_top, pad_left, threads
):
    """Compute y = mean of the window's cells inside the image."""
    geometry = (pool_height, pool_width), (stride_height, stride_width), (pad_top, pad_left)
    for oh, ow, _, _, rows, columns in _windows(x, y, *geometry):
        y[:, oh, ow] = x[:, rows, columns].mean(axis=(1, 2))


def avg_pool2d_backward(
    gy, gx, pool_height, pool_width, stride_height, stride_width, pad_top, pad_left, threads
):
    """Compute gx[cells of the window inside the image] += gy / their number, from zero."""
    gx[...] = 0
    geometry = (pool_height, pool_width), (stride_height, stride_width), (pad_top, pad_left)
    for oh, ow, _, _, rows, columns in _windows(gx, gy, *geometry):
        cells = (rows.stop - rows.start) * (columns.stop - columns.start)
        gx[:, rows, columns] += gy[:, None, None, oh, ow] / cells  # (N, 1, 1, C)


# --- dropout, activations, cross-entropy -------------------------------------------------------

DROPOUT_BLOCK = 4096  # elements that share a key


def _mix64(key):
    """SplitMix64's step over uint64 arrays, which wrap around."""
    key = key + 0x9E3779B97F4A7C15
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9
    key = (key ^ (key >> 27)) * 0x94D049BB133111EB
    return key ^ (key >> 31)


def _mix32(bits, key):
    """lowbias32 over uint32 arrays, which wrap around; half-way a key comes in."""
    bits = (bits ^ (bits >> 16)) * 0x7FEB352D
    bits = (bits ^ key ^ (bits >> 15)) * 0x846CA68B
    return bits ^ (bits >> 16)


def _random_bits(seed, size):
    """Return dropout's 32 random bits for each of the elements 0 .. size - 1, as uint32."""
    block, position = np.divmod(np.arange(size, dtype=np.uint64), DROPOUT_BLOCK)
    key = _mix64(_mix64(np.array([seed], dtype=np.uint64)) + block)
    low, high = key.astype(np.uint32), (key >> 32).astype(np.uint32)
    return _mix32(position.astype(np.uint32) ^ low, high)


def dropout(x, y, rate, seed, threads):
    """Compute y = x / (1 - rate) where random bits < round((1 - rate) * 2**32), else 0."""
    kept = _random_bits(seed, x.size) < int((1 - rate) * 2**32 + 0.5)
    y[...] = np.where(kept, x, 0) * (1 / (1 - rate) if rate < 1 else 0.0)


def _sigmoid(x):
    e = np.exp(-np.abs(x))  # cannot overflow
    return np.where(x >= 0, 1, e) / (1 + e)


def _normal(x):
    """Return the probability that a normal variable is at most x."""
    return (1 + np.vectorize(math.erf, otypes=[x.dtype])(x * 0.5**0.5)) / 2


def _cubic(x):
    """Return what makes _sigmoid(_cubic(x)) an approximation of _normal(x)."""
    return (8 / math.pi) ** 0.5 * (x + 0.044715 * x**3)


def _cubic_slope(x):
    return (8 / math.pi) ** 0.5 * (1 + 3 * 0.044715 * x**2)


FUNCTIONS = {
    "add": lambda x, y, alpha: x + y,
    "sub": lambda x, y, alpha: x - y,
    "mul": lambda x, y, alpha: x * y,
    "div": lambda x, y, alpha: x / y,
    "add_scalar": lambda x, _, alpha: x + alpha,
    "sub_scalar": lambda x, _, alpha: x - alpha,
    "mul_scalar": lambda x, _, alpha: x * alpha,
    "div_scalar": lambda x, _, alpha: x / alpha,
    "exp": lambda x, _, alpha: np.exp(x),
    "sqrt_backward": lambda y, gy, alpha: gy / (2 * y),
    "relu": lambda x, _, alpha: np.maximum(x, 0),
    "relu_backward": lambda y, gy, alpha: np.where(y > 0, gy, 0),
    "leaky_relu": lambda x, _, alpha: np.where(x >= 0, x, alpha * x),
    "leaky_relu_backward": lambda x, gy, alpha: np.where(x >= 0, gy, alpha * gy),
    "elu": lambda x, _, alpha: np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x),
    "elu_backward": lambda x, gy, alpha: gy * np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0))),
    "tanh": lambda x, _, alpha: np.tanh(x),
    "tanh_backward": lambda y, gy, alpha: gy * (1 - y * y),
    "sigmoid": lambda x, _, alpha: _sigmoid(x),
    "sigmoid_backward": lambda y, gy, alpha: gy * y * (1 - y),
    "silu": lambda x, _, alpha: x * _sigmoid(x),
    "silu_backward": lambda x, gy, alpha: gy * _sigmoid(x) * (1 + x * _sigmoid(-x)),
    "softplus": lambda x, _, alpha: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "softplus_backward": lambda x, gy, alpha: gy * _sigmoid(x),
    "gelu": lambda x, _, alpha: x * _normal(x),
    "gelu_backward": lambda x, gy, alpha: (
        gy * (_normal(x) + x * np.exp(x * x / -2) / (2 * math.pi) ** 0.5)
    ),
    "gelu_tanh": lambda x, _, alpha: x * _sigmoid(_cubic(x)),
    "gelu_tanh_backward": lambda x, gy, alpha: (
        gy * _sigmoid(_cubic(x)) * (1 + x * _cubic_slope(x) * _sigmoid(-_cubic(x)))
    ),
}


def elementwise(function, x, y, z, alpha, threads):
    """Compute z = function(x) or z = function(x, y), one of the FUNCTIONS.

    Some have a constant, alpha.
    """
    z[...] = FUNCTIONS[function](x, y, alpha)


def empty(shape, dtype):
    """Return a new array with anything in it."""
    return np.empty(shape, dtype)


def aligned(array):
    """Return a copy of the array."""
    return array.copy()


def small_arithmetic(function, x, y):
    """Return function(x, y) in a new array."""
    return np.asarray(FUNCTIONS[function](x, y, None))


def _rows_of_targets(targets, labels, classes):
    """Return the targets themselves, or rows with a 1 at each label."""
    if labels is None:
        return targets
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise ValueError(f"expected labels from 0 to {classes - 1}, got {wrong[0]}")
    return np.eye(classes)[labels]


def softmax(x, y, threads):
    """Compute y = exp(x) / sum of exp(x), row by row."""
    e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True, initial=-np.inf))
    y[...] = e / e.sum(axis=1, keepdims=True)


def softmax_cross_entropy_forward(logits, targets, labels, losses, probabilities, threads):
    """Compute p = softmax(logits), losses = -sum over k of targets * log p; 0 * log 0 = 0."""
    targets = _rows_of_targets(targets, labels, logits.shape[1])
    z = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    total = np.exp(z).sum(axis=1, keepdims=True)
    terms = np.zeros_like(z)
    np.multiply(targets, np.log(total) - z, where=targets != 0, out=terms)
    losses[...] = terms.sum(axis=1)
    probabilities[...] = np.exp(z) / total


def softmax_cross_entropy_losses(logits, targets, labels, losses, probabilities, threads):
    """Compute the losses of softmax_cross_entropy_forward where the softmax p is known.

    With c the most probable class and s the sum of p[j] / p[c] over all other classes j,
    log p[k] = (z[k] - z[c]) - log(1 + s). That is exact also where p[c] rounds to 1 or p[k] to 0.
    """
    targets = _rows_of_targets(targets, labels, logits.shape[1])
    row, c = np.arange(len(logits)), probabilities.argmax(axis=1)
    others = probabilities.astype(np.float64)
    highest = others[row, c]
    others[row, c] = 0
    minus_log_p = np.log1p(others.sum(axis=1) / highest)[:, None]
    minus_log_p = minus_log_p + (logits[row, c].astype(np.float64)[:, None] - logits)
    losses[...] = np.multiply(targets, minus_log_p, where=targets != 0, out=np.zeros_like(others)).sum(axis=1)


def softmax_cross_entropy_backward(probabilities, targets, labels, gy, gz, threads):
    """Compute gz = gy * (p * sum over k of targets - targets)."""
    targets = _rows_of_targets(targets, labels, probabilities.shape[1])
    gz[...] = gy[:, None] * (probabilities * targets.sum(axis=1, keepdims=True) - targets)


def channel_sums(x, y, centers, sums, threads):
    """Add up y - b, and (x - a) (y - b), in each of C channels."""
    a, b = centers
    sums[0] = (y - b).sum(axis=0)
    sums[1] = ((x - a) * (y - b)).sum(axis=0)


def channel_affine(x, y, terms, z, threads):
    """Compute z = scale (x - a) + weight y + shift in each of C channels."""
    a, scale, weight, shift = terms
    z[...] = scale * (x - a) + (weight * y + shift)


# --- optimizer steps ---------------------------------------------------------------------------
# All arrays are of one shape; an optional state is None where a rule does without it.


def _check_shapes(kernel, w, *arrays):
    shapes = [array.shape for array in arrays if array is not None]
    if set(shapes) != {w.shape}:
        raise ValueError(f"{kernel}: expected arrays {w.shape}, got {shapes}")


def sgd_step(w, g, v, lr, momentum, nesterov, threads):
    """Step by SGD: v = momentum v - lr g; w += v, or w += momentum v - lr g by Nesterov."""
    _check_shapes("sgd_step", w, g, v)
    if v is None:
        w -= lr * g
    else:
        v[...] = momentum * v - lr * g
        w += momentum * v - lr * g if nesterov else v


def adagrad_step(w, g, a, lr, epsilon, threads):
    """Step by Adagrad: a += g²; w -= lr g / sqrt(a + epsilon)."""
    _check_shapes("adagrad_step", w, g, a)
    a += g * g
    w -= lr * g / np.sqrt(a + epsilon)


def rmsprop_step(w, g, v, m, b, lr, rho, momentum, epsilon, threads):
    """Step by RMSprop: v = rho v + (1-rho) g²; w -= lr g / sqrt(v + epsilon).

    Centered, v - m² stands for v, with m = rho m + (1-rho) g. With momentum, w -= b instead, where
    b = momentum b + the step above. A variance v - m² that rounding made negative counts as 0.
    """
    _check_shapes("rmsprop_step", w, g, v, m, b)
    v[...] = rho * v + (1 - rho) * g * g
    variance = v
    if m is not None:
        m[...] = rho * m + (1 - rho) * g
        variance = np.maximum(v - m * m, 0)
    step = lr * g / np.sqrt(variance + epsilon)
    if b is not None:
        b[...] = momentum * b + step
        step = b
    w -= step


def adam_step(w, g, m, v, v_max, alpha, beta_1, beta_2, epsilon, threads):
    """Step by Adam: m += (g-m)(1-beta_1); v += (g²-v)(1-beta_2); w -= alpha m / (sqrt(v)+epsilon).

    By AMSGrad, v_max = max(v_max, v) stands for v in the last. alpha holds the bias correction.
    """
    _check_shapes("adam_step", w, g, m, v, v_max)
    m += (g - m) * (1 - beta_1)
    v += (g * g - v) * (1 - beta_2)
    second = v
    if v_max is not None:
        np.maximum(v_max, v, out=v_max)
        second = v_max
    w -= alpha * m / (np.sqrt(second) + epsilon)


def nadam_step(w, g, m, v, alpha_m, alpha_g, correction, beta_1, beta_2, epsilon, threads):
    """Step by Nadam: m, v as in Adam; w -= (alpha_m m + alpha_g g) / (sqrt(v/correction)+epsilon).

    correction is 1 - beta_2 to the power t; the two alphas hold lr and the momentum schedule.
    """
    _check_shapes("nadam_step", w, g, m, v)
    m += (g - m) * (1 - beta_1)
    v += (g * g - v) * (1 - beta_2)
    w -= (alpha_m * m + alpha_g * g) / (np.sqrt(v / correction) + epsilon)


def adamax_step(w, g, m, u, alpha, beta_1, beta_2, epsilon, threads):
    """Step by Adamax: m += (g-m)(1-beta_1); u = max(beta_2 u, abs(g)); w -= alpha m/(u+epsilon)."""
    _check_shapes("adamax_step", w, g, m, u)
    m += (g - m) * (1 - beta_1)
    np.maximum(beta_2 * u, np.abs(g), out=u)
    w -= alpha * m / (u + epsilon)


def adadelta_step(w, g, a, d, lr, rho, epsilon, threads):
    """Step by Adadelta: a = rho a + (1-rho) g²; step = sqrt(d + epsilon) g / sqrt(a + epsilon);
    d = rho d + (1-rho) step²; w -= lr step.
    """
    _check_shapes("adadelta_step", w, g, a, d)
    a[...] = rho * a + (1 - rho) * g * g
    step = np.sqrt(d + epsilon) * g / np.sqrt(a + epsilon)
    d[...] = rho * d + (1 - rho) * step * step
    w -= lr * step


def lion_step(w, g, m, lr, beta_1, beta_2, threads):
    """Step by Lion: w -= lr sign(beta_1 m + (1-beta_1) g); m = beta_2 m + (1-beta_2) g."""
    _check_shapes("lion_step", w, g, m)
    w -= lr * np.sign(beta_1 * m + (1 - beta_1) * g)
    m[...] = beta_2 * m + (1 - beta_2) * g
