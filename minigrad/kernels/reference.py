"""Every kernel in NumPy: the specification, in the fewest words.

Read a function here to learn what a kernel computes. The compiled kernels have the same names,
signatures and results. The tests compare them with these functions, run in float64. These functions
also run themselves, where nothing was compiled and with ``MINIGRAD_KERNELS=reference``: all of
minigrad is then plain Python, for a debugger to step through.

A function writes into the arrays that its docstring assigns to, and returns None; only the three at
the end return an array. ``threads`` is accepted and ignored. Images are (N, H, W, C), kernels
(KH, KW, C / groups, F), outputs (N, OH, OW, F).
"""

import functools
import inspect
import itertools
import math

import numpy as np

# --- what arrays are taken ---------------------------------------------------------------------


def _checked(arrays):
    """Check a kernel's arrays, each told as ``name sizes``: a letter for each size, ``*`` for any.

    ``?`` may be None, ``!`` is written, in memory of its own; with ``~`` it may be an input, too.
    """
    rows = [row.split() for row in arrays.split(", ")]

    def wrap(kernel):
        names = tuple(inspect.signature(kernel).parameters)

        @functools.wraps(kernel)
        def run(*arguments, **named):
            given = dict(zip(names, arguments, strict=False)) | named
            if not _fit(rows, given) or not _fits(**given):
                found = {name: getattr(x, "shape", x) for name, x in given.items()}
                raise ValueError(
                    f"{kernel.__name__}: expected arrays {arrays}, all of float32 or of float64 "
                    f"(labels, argmax: integers), ? or None, ! writable and apart; got {found}"
                )
            return kernel(*arguments, **named)

        return run

    return wrap


def _fits(geometry=(), pool=(1, 1), **others):
    """Whether strides, windows, dilations and groups are ints from 1, and paddings from 0."""
    paddings = (2, 3) if len(geometry) == 7 else (4, 5)
    least = [0 if i in paddings else 1 for i in range(len(geometry))]
    numbers = zip((*geometry, *pool), (*least, 1, 1), strict=True)
    return all(isinstance(n, int) and low <= n < 2**31 for n, low in numbers)


def _fit(rows, given):
    """Whether the arrays are of the sizes and types that a kernel takes, and overlap nowhere."""
    sizes, floats, arrays = {}, set(), []
    for name, letters in rows:
        x = given[name.strip("?!~")]
        if x is None and "?" in name:
            continue
        if not isinstance(x, np.ndarray) or ("!" in name and not x.flags.writeable):
            return False
        shape = (x.shape,) if letters == "*" else x.shape
        wanted = tuple(map(sizes.setdefault, letters, shape))
        whole = x.dtype.kind in "iu" and name.strip("!?") in ("argmax", "labels")
        if len(shape) != len(letters) or wanted != shape or not (whole or x.dtype.char in "fd"):
            return False
        floats |= set() if whole else {x.dtype}
        arrays.append((name, x))
    for (name, x), (_, y) in itertools.permutations(arrays, 2):
        allowed = "!" not in name or ("~" in name and x.ctypes.data == y.ctypes.data)
        if not allowed and np.may_share_memory(x, y):
            return False
    return len(floats) == 1


# --- matrix product and convolution ------------------------------------------------------------


@_checked("a MK, b KN, bias? N, y! MN")
def matmul(a, b, bias, relu, y, threads, cuts=None):
    """Compute y = a @ b (+ bias), with its negative elements set to 0 if relu is true.

    With cuts, ints from 0 to K, there is a sum over k between each two of them, and these are added
    as a tree: ((s0 + s1) + (s2 + s3)) + ... An empty one is left out.
    """
    if cuts is None:
        np.matmul(a, b, out=y)
        _add_bias(y, bias, relu)
    else:
        _refuse_beside_cuts(bias, relu)
        _add_shards("matmul", lambda a, b, y: np.matmul(a.T, b, out=y), (a.T, b), (y,), cuts)


def _refuse_beside_cuts(bias, relu):
    if bias is not None or relu:
        raise ValueError("matmul: expected cuts without bias and relu")


def _add_shards(name, kernel, samples, sums, cuts):
    """Call kernel(*samples, *sums) for the rows of each shard; fill sums with their trees' sums."""
    shards, total = len(cuts) - 1, len(samples[0])
    is_rising = [*cuts] == sorted(cuts) and (cuts[0], cuts[-1]) == (0, total)
    if not is_rising or shards < 1 or shards & (shards - 1):
        raise ValueError(
            f"{name}: expected cuts of a power of two of shards, which rise from 0 to {total}, "
            f"got cuts {cuts}"
        )

    def tree(cuts):
        half, begin, end = len(cuts) // 2, cuts[0], cuts[-1]
        if len(cuts) == 2 or begin == end:
            parts = [np.empty_like(array) for array in sums]
            kernel(*[array[begin:end] for array in samples], *parts)
            return parts
        halves = [tree(part) for part in (cuts[: half + 1], cuts[half:]) if part[0] < part[-1]]
        return [functools.reduce(np.add, parts) for parts in zip(*halves, strict=True)]

    for array, found in zip(sums, tree(cuts), strict=True):
        array[...] = found


def _add_bias(y, bias, relu):
    if bias is not None:
        y += bias
    if relu:
        np.maximum(y, 0, out=y)


@_checked("x NHWC, w KLDF, bias? F, y! NIJF")
def conv2d_forward(x, w, bias, relu, y, geometry, threads):
    """Compute y = im2col(x) @ w (+ bias), with its negative elements set to 0 if relu is true.

    geometry holds strides, padding (at the top, on the left), dilation, each for height and width,
    and the number of groups: each group of filters sees its own group of channels.
    """
    for xg, wg, yg in _by_group(geometry, x, w, y):
        # (N, OH, OW, KH, KW, C) @ (KH, KW, C, F) -> (N, OH, OW, F)
        patches = _im2col(xg, wg.shape[:2], yg.shape[1:3], geometry)
        yg[...] = np.tensordot(patches, wg, axes=3)
    _add_bias(y, bias, relu)


@_checked("gy NIJF, w KLDF, gx! NHWC")
def conv2d_backward_input(gy, w, gx, geometry, threads):
    """Compute gx = col2im(gy @ w.T), the gradient with respect to the convolution's input."""
    for gxg, wg, gyg in _by_group(geometry, gx, w, gy):
        # (N, OH, OW, F) @ (F, KH, KW, C) -> (N, OH, OW, KH, KW, C)
        _col2im(np.tensordot(gyg, wg, axes=(3, 3)), gxg, geometry)


@_checked("x NHWC, gy NIJF, gw! KLDF")
def conv2d_backward_kernel(x, gy, gw, geometry, threads, cuts=None):
    """Compute gw = im2col(x).T @ gy, the gradient with respect to the convolution's kernel.

    With cuts, ints from 0 to N, there is one sum for the images of each shard: see matmul.
    """
    if cuts is not None:
        own = functools.partial(conv2d_backward_kernel, geometry=geometry, threads=threads)
        return _add_shards("conv2d_backward_kernel", own, (x, gy), (gw,), cuts)
    pixels = (0, 1, 2)
    for xg, gwg, gyg in _by_group(geometry, x, gw, gy):
        # (KH, KW, C, N, OH, OW) @ (N, OH, OW, F) -> (KH, KW, C, F)
        patches = _im2col(xg, gwg.shape[:2], gyg.shape[1:3], geometry)
        gwg[...] = np.tensordot(patches, gyg, axes=(pixels, pixels))


@_checked("gy NIJF, gb! F")
def conv2d_backward_bias(gy, gb, threads, cuts=None):
    """Add up the pixels of gy, the gradient with respect to the convolution's bias."""
    if cuts is not None:
        own = functools.partial(conv2d_backward_bias, threads=threads)
        return _add_shards("conv2d_backward_bias", own, (gy,), (gb,), cuts)
    gb[...] = gy.sum(axis=(0, 1, 2), dtype="float64")


# Winograd's three matrices (products/winograd.h). The kernels take this way with many channels; the
# numbers are those of the functions above, but for rounding.
WINOGRAD_B = np.array([[1, 0, 0, 0], [0, 1, -1, 1], [-1, 1, 1, 0], [0, 0, 0, -1]], float)
WINOGRAD_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
WINOGRAD_A = np.array([[1, 0], [1, 1], [1, -1], [0, -1]], float)


def _winograd_forward(x, w, y, geometry):
    """Compute y of a 3 x 3 convolution: in each tile A' ((B' d B) . (G g G')) A."""
    N, OH, OW, F = y.shape
    U = np.einsum("ki,ijcf,lj->klcf", WINOGRAD_G, w, WINOGRAD_G)
    M = np.einsum("klnabc,klcf->klnabf", _winograd_input(x, y, geometry), U)
    tiles = np.einsum("ki,klnabf,lj->naibjf", WINOGRAD_A, M, WINOGRAD_A)
    # (N, OH / 2, 2, OW / 2, 2, F), rounded up ->
    y[...] = tiles.reshape(N, tiles.shape[1] * 2, -1, F)[:, :OH, :OW]


def _winograd_backward_kernel(x, gy, gw, geometry):
    """Compute gw of a 3 x 3 convolution: G' (the sum over tiles of V' (A gy A')) G."""
    N, OH, OW, F = gy.shape
    even = np.pad(gy, [(0, 0), (0, OH % 2), (0, OW % 2), (0, 0)])
    tiles = even.reshape(N, even.shape[1] // 2, 2, -1, 2, F)
    V, G = _winograd_input(x, gy, geometry), WINOGRAD_G
    D = np.einsum("ki,naibjf,lj->klnabf", WINOGRAD_A, tiles, WINOGRAD_A)
    gw[...] = np.einsum("ki,klnabc,klnabf,lj->ijcf", G, V, D, G, optimize=True)


def _winograd_input(x, y, geometry):
    """Return V = B' d B: d is what each tile of 2 x 2 outputs of y sees, 4 x 4 pixels."""
    tiles = [(size + 1) // 2 for size in y.shape[1:3]]
    patches = _im2col(x, (4, 4), tiles, (2, 2, *geometry[2:4], 1, 1))  # (N, OH/2, OW/2, 4, 4, C)
    return np.einsum("ik,nabijc,jl->klnabc", WINOGRAD_B, patches, WINOGRAD_B)


def _by_group(geometry, x, w, y):
    """Split the channels of x and the filters of w and y into groups, as views."""
    return zip(*(np.split(array, geometry[6], axis=3) for array in (x, w, y)), strict=True)


def _im2col(x, taps, outputs, geometry):
    """Return the patch of KH x KW taps at each of OH x OW outputs: (N, OH, OW, KH, KW, C)."""
    return _patches(x, taps, outputs, geometry)[1].copy()


def _col2im(patches, x, geometry):
    """Set each pixel of x to the sum of the elements of patches that _im2col copies from it."""
    top, left = geometry[2:4]
    padded, seen = _patches(np.zeros_like(x), patches.shape[3:5], patches.shape[1:3], geometry)
    for kh, kw in np.ndindex(patches.shape[3:5]):
        seen[:, :, :, kh, kw] += patches[:, :, :, kh, kw]
    x[...] = padded[:, top : top + x.shape[1], left : left + x.shape[2]]


def _patches(x, taps, outputs, geometry):
    """Return x with zeros around it, and a view of the patches in it, which share pixels."""
    strides, before, dilation = np.reshape(geometry[:6], (3, 2))
    reach = (np.array(outputs) - 1) * strides + (np.array(taps) - 1) * dilation + 1
    after = np.maximum(reach - before - x.shape[1:3], 0)
    padded = np.pad(x, [(0, 0), *zip(before, after, strict=True), (0, 0)])
    image, *pixel, channel = padded.strides  # in bytes
    steps = (image, *strides * pixel, *dilation * pixel, channel)
    shape = len(x), *outputs, *taps, x.shape[3]
    return padded, np.lib.stride_tricks.as_strided(padded, shape, steps)


# --- pooling -----------------------------------------------------------------------------------


def _windows(image, pooled, geometry):
    """Yield (oh, ow), (top, left), rows, columns for the window of each output pixel.

    geometry: height and width of the window, strides, padding at the top and on the left. The
    window begins at (top, left), perhaps outside the image; rows and columns are its part inside.
    """
    pool_height, pool_width, stride_height, stride_width, pad_top, pad_left = geometry
    for oh, ow in np.ndindex(pooled.shape[1:3]):
        top, left = oh * stride_height - pad_top, ow * stride_width - pad_left
        rows = slice(max(top, 0), min(top + pool_height, image.shape[1]))
        columns = slice(max(left, 0), min(left + pool_width, image.shape[2]))
        yield (oh, ow), (top, left), rows, columns


@_checked("x NHWC, y! NIJC, argmax! NIJC")
def max_pool2d_forward(x, y, argmax, geometry, threads):
    """Set y to each window's maximum, and argmax to kh * pool_width + kw, its (first) place."""
    N, _, _, C = x.shape
    for (oh, ow), (top, left), rows, columns in _windows(x, y, geometry):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        cells = x[:, rows, columns].reshape(N, height * width, C)
        y[:, oh, ow] = cells.max(axis=1)
        h, w = np.divmod(cells.argmax(axis=1), width)
        argmax[:, oh, ow] = (rows.start - top + h) * geometry[1] + columns.start - left + w


@_checked("gy NIJC, argmax NIJC, gx! NHWC")
def max_pool2d_backward(gy, argmax, gx, geometry, threads):
    """Compute gx[argmax of the window] += gy, from zero."""
    gx[...] = 0
    n, c = np.ogrid[: gx.shape[0], : gx.shape[3]]
    for (oh, ow), (top, left), _, _ in _windows(gx, gy, geometry):
        h, w = np.divmod(argmax[:, oh, ow], geometry[1])
        gx[n, top + h, left + w, c] += gy[:, oh, ow]


@_checked("x NHWC, y! NIJC")
def avg_pool2d_forward(x, y, geometry, threads):
    """Set y to the mean of each window's cells inside the image."""
    for (oh, ow), _, rows, columns in _windows(x, y, geometry):
        y[:, oh, ow] = x[:, rows, columns].mean(axis=(1, 2))


@_checked("gy NIJC, gx! NHWC")
def avg_pool2d_backward(gy, gx, geometry, threads):
    """Compute gx[cells of the window inside the image] += gy / their number, from zero."""
    gx[...] = 0
    for (oh, ow), _, rows, columns in _windows(gx, gy, geometry):
        cells = (rows.stop - rows.start) * (columns.stop - columns.start)
        gx[:, rows, columns] += gy[:, None, None, oh, ow] / cells  # (N, 1, 1, C)


# --- convolution, max pooling and dropout, fused -----------------------------------------------

NO_ARGMAX = 255  # relu or dropout set the output to 0, so its gradient goes nowhere


@_checked("x NHWC, w KLDF, bias? F, y! NIJF, argmax! NIJF")
def conv2d_pool_forward(x, w, bias, relu, y, argmax, pool, geometry, rate, seed, threads, first=0):
    """Compute conv2d_forward, then max_pool2d_forward over windows side by side, then dropout.

    argmax (uint8) is the place of the (first) maximum in its window, or NO_ARGMAX.
    """
    N, PH, PW, F = y.shape
    convolved = np.empty((N, PH * pool[0], PW * pool[1], F), y.dtype)
    conv2d_forward(x, w, bias, relu, convolved, geometry, threads)
    max_pool2d_forward(convolved, y, argmax, (*pool, *pool, 0, 0), threads)
    if rate > 0:
        dropout(y.reshape(-1), y.reshape(-1), rate, seed, threads, first)
    if relu or rate > 0:
        argmax[y == 0] = NO_ARGMAX


@_checked("x NHWC, gy NIJF, argmax NIJF, gw! KLDF, gb! F")
def conv2d_pool_backward_kernel(
    x, gy, argmax, gw, gb, pool, geometry, width, rate, threads, cuts=None
):
    """Compute dropout's and max_pool2d's gradients, then those of kernel and bias."""
    N, PH, PW, F = gy.shape
    unpooled = np.empty((N, PH * pool[0], PW * pool[1], F), gy.dtype)
    lost = argmax == NO_ARGMAX
    gy, argmax = np.where(lost, 0, gy / (1 - rate)), np.where(lost, 0, argmax)
    max_pool2d_backward(gy, argmax, unpooled, (*pool, *pool, 0, 0), threads)
    conv2d_backward_kernel(x, unpooled, gw, geometry, threads, cuts)
    conv2d_backward_bias(unpooled, gb, threads, cuts)


# --- dropout -----------------------------------------------------------------------------------

DROPOUT_BLOCK = 4096  # elements that share a key


def _mix64(key):
    """Hash an array of uint64, which wraps around: a step of SplitMix64."""
    key = key + 0x9E3779B97F4A7C15
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9
    key = (key ^ (key >> 27)) * 0x94D049BB133111EB
    return key ^ (key >> 31)


def _mix32(bits, key):
    """Hash an array of uint32, which wraps around: lowbias32, with a key added half-way."""
    bits = (bits ^ (bits >> 16)) * 0x7FEB352D
    bits = (bits ^ key ^ (bits >> 15)) * 0x846CA68B
    return bits ^ (bits >> 16)


def _random_bits(seed, size, first=0):
    """Return 32 random bits for each of the elements first .. first + size - 1, as uint32."""
    numbers = np.arange(first, first + size, dtype=np.uint64)
    block, position = np.divmod(numbers, DROPOUT_BLOCK)
    key = _mix64(_mix64(np.array([seed], dtype=np.uint64)) + block)
    low, high = key.astype(np.uint32), (key >> 32).astype(np.uint32)
    return _mix32(position.astype(np.uint32) ^ low, high)


@_checked("x S, y!~ S")
def dropout(x, y, rate, seed, threads, first=0):
    """Compute y = x / (1 - rate) where random bits < round((1 - rate) * 2**32), else 0.

    Element i has the number first + i.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: expected a rate from 0 to 1, got {rate}")
    kept = _random_bits(seed, x.size, first) < int((1 - rate) * 2**32 + 0.5)
    y[...] = np.where(kept, x, 0) * (1 / (1 - rate) if rate < 1 else 0.0)


# --- functions of single elements --------------------------------------------------------------


def _sigmoid(x):
    e = np.exp(-np.abs(x))  # cannot overflow
    return np.where(x >= 0, 1, e) / (1 + e)


def _normal(x):
    """Return the probability that a normal variable is at most x."""
    return np.vectorize(math.erfc, otypes=[x.dtype])(x * -(0.5**0.5)) / 2


def _cubic(x):
    """Return a polynomial for which _sigmoid(_cubic(x)) is nearly _normal(x)."""
    x = np.clip(x, -FAR, FAR)
    return (8 / math.pi) ** 0.5 * (x + 0.044715 * x**3)


def _silu_slope(x):
    return _sigmoid(x) * (1 + x * _sigmoid(-x))


def _gelu_slope(x):
    return _normal(x) + x * np.exp(x * x / -2) / (2 * math.pi) ** 0.5


def _gelu_tanh_slope(x):
    slope = (8 / math.pi) ** 0.5 * (1 + 3 * 0.044715 * x**2)
    return _sigmoid(_cubic(x)) * (1 + x * slope * _sigmoid(-_cubic(x)))


FAR = 1e4  # from here on silu and gelu are x or 0: no infinity times 0


# Of x, or x and y, and a constant. The derivatives multiply an upstream gradient gy, and take x or,
# where that is cheaper, the function's value y.
FUNCTIONS = {
    "add": lambda x, y, alpha: x + y,
    "sub": lambda x, y, alpha: x - y,
    "mul": lambda x, y, alpha: x * y,
    "div": lambda x, y, alpha: x / y,
    "mul_backward": lambda x, gy, alpha: gy * x,
    "div_backward": lambda x, gy, alpha: gy / x,
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
    "silu": lambda x, _, alpha: np.maximum(x, -FAR) * _sigmoid(x),
    "silu_backward": lambda x, gy, alpha: gy * _silu_slope(np.clip(x, -FAR, FAR)),
    "softplus": lambda x, _, alpha: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "softplus_backward": lambda x, gy, alpha: gy * _sigmoid(x),
    "gelu": lambda x, _, alpha: np.maximum(x, -FAR) * _normal(x),
    "gelu_backward": lambda x, gy, alpha: gy * _gelu_slope(np.clip(x, -FAR, FAR)),
    "gelu_tanh": lambda x, _, alpha: np.maximum(x, -FAR) * _sigmoid(_cubic(x)),
    "gelu_tanh_backward": lambda x, gy, alpha: gy * _gelu_tanh_slope(np.clip(x, -FAR, FAR)),
}


@_checked("x S, y? S, z!~ S")
def elementwise(function, x, y, z, alpha, threads):
    """Compute z = function(x, alpha) or z = function(x, y, alpha), one of the FUNCTIONS.

    The derivatives are 0 where gy is 0, even if the slope is infinite or NaN.
    """
    z[...] = _value(function, x, y, alpha)


def _value(function, x, y, alpha):
    if function not in FUNCTIONS:
        raise ValueError(f"elementwise: expected one of its functions, got {function!r}")
    if not function.endswith("_backward"):
        return FUNCTIONS[function](x, y, alpha)
    with np.errstate(all="ignore"):
        return np.where(y == 0, y, FUNCTIONS[function](x, y, alpha))


# --- softmax, cross-entropy, normalization -----------------------------------------------------


def _rows_of_targets(targets, labels, classes):
    """Return the targets, or one-hot rows made from the labels."""
    if (labels is None) == (targets is None):
        raise ValueError("expected either targets or labels")
    if labels is None:
        return targets
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise ValueError(f"expected labels from 0 to {classes - 1}, got {wrong[0]}")
    return np.eye(classes)[labels]


@_checked("x NK, y! NK")
def softmax(x, y, threads):
    """Compute y = exp(x) / sum of exp(x), row by row; [1, 0] of [inf, 0], the limit."""
    e = np.exp(_below(x.astype(np.float64), x.max(axis=1, keepdims=True, initial=-np.inf)))
    y[...] = e / e.sum(axis=1, keepdims=True)


def _below(z, m):
    """Return z - m; at infinity 0, the limit."""
    with np.errstate(invalid="ignore"):
        return np.where(z == np.inf, 0, z - m)


@_checked("logits NK, targets? NK, labels? N, losses! N, probabilities! NK")
def softmax_cross_entropy_forward(logits, targets, labels, losses, probabilities, threads):
    """Compute p = softmax(logits), losses = -sum over k of targets * log p; 0 * log 0 = 0."""
    softmax(logits, probabilities, threads)
    softmax_cross_entropy_losses(logits, targets, labels, losses, probabilities, threads)


@_checked("logits NK, targets? NK, labels? N, losses! N, probabilities NK")
def softmax_cross_entropy_losses(logits, targets, labels, losses, probabilities, threads):
    """Compute the losses of softmax_cross_entropy_forward where the softmax p is known.

    With c the most probable class and s the sum of p[j] / p[c] over all other classes j,
    log p[k] = (z[k] - z[c]) - log(1 + s). That is exact also where p[c] rounds to 1 or p[k] to 0.
    """
    targets = _rows_of_targets(targets, labels, logits.shape[1])
    z, p = logits.astype(np.float64), probabilities.astype(np.float64)
    c = p.argmax(axis=1, keepdims=True)
    z_c, p_c = np.take_along_axis(z, c, axis=1), np.take_along_axis(p, c, axis=1)
    np.put_along_axis(p, c, 0, axis=1)
    minus_log_p = np.log1p(p.sum(axis=1, keepdims=True) / p_c) - _below(z, z_c)
    losses[...] = (targets * np.where(targets == 0, 0, minus_log_p)).sum(axis=1)


@_checked("probabilities NK, targets? NK, labels? N, gy N, gz! NK")
def softmax_cross_entropy_backward(probabilities, targets, labels, gy, gz, threads):
    """Compute gz = gy * (p * sum over k of targets - targets); 0 where gy is, even if p is NaN."""
    targets = _rows_of_targets(targets, labels, probabilities.shape[1])
    gy = gy[:, None]
    gz[...] = gy * (probabilities * targets.sum(axis=1, keepdims=True) - targets)
    gz[...] = np.where(gy == 0, 0, gz)


@_checked("x NC, y NC, centers PC, sums! SC")
def channel_sums(x, y, centers, sums, threads):
    """Compute the sums of y - b and of (x - a) (y - b) over the rows, for each of C channels.

    With scale and shift as third and fourth center, y is 0 unless scale (x - a) + shift > 0.
    """
    a, b, *line = centers
    y = _behind_relu(x, y, a, *line)
    sums[0] = (y - b).sum(axis=0)
    sums[1] = ((x - a) * (y - b)).sum(axis=0)


@_checked("x NC, y NC, terms PC, z! NC")
def channel_affine(x, y, terms, z, threads):
    """Compute z = scale (x - a) + weight y + shift, for each of C channels.

    The fifth and sixth term, if any, are those of relu, as in channel_sums.
    """
    a, scale, weight, shift, *line = terms
    z[...] = scale * (x - a) + (weight * _behind_relu(x, y, a, *line) + shift)


def _behind_relu(x, y, a, scale=None, shift=None):
    return y if scale is None else np.where((scale * (x - a) + shift > 0) | (y == 0), y, 0)


@_checked("x NC, terms PC, z! NC")
def channel_normalize(x, terms, relu, z, threads):
    """Compute z = scale (x - a) + shift for each of C channels, then relu or not."""
    a, scale, shift = terms
    z[...] = scale * (x - a) + shift
    z[...] = np.where(relu & (z <= 0), 0, z)


# --- optimizer steps ---------------------------------------------------------------------------
# All arrays have one shape. An optional state is None where the rule is used without it.


def _squarable(g):
    """Limit g to a size whose squares, and sums of some, are finite; infinity becomes NaN."""
    limit = 2.0 ** (60 if g.dtype == np.float32 else 508)
    return np.where(np.isinf(g), np.nan, np.clip(g, -limit, limit))


def run_steps(steps, threads):
    """Make the steps that kernels given a list as ``threads`` put off: here they did not."""


@_checked("w! *, g *, v?! *")
def sgd_step(w, g, v, lr, momentum, nesterov, threads):
    """Step by SGD: v = momentum v - lr g; w += v, or w += momentum v - lr g by Nesterov."""
    if v is None:
        w -= lr * g
    else:
        v[...] = momentum * v - lr * g
        w += momentum * v - lr * g if nesterov else v


@_checked("w! *, g *, a! *")
def adagrad_step(w, g, a, lr, epsilon, threads):
    """Step by Adagrad: a += g²; w -= lr g / sqrt(a + epsilon)."""
    g = _squarable(g)
    a += g * g
    w -= lr * g / np.sqrt(a + epsilon)


@_checked("w! *, g *, v! *, m?! *, b?! *")
def rmsprop_step(w, g, v, m, b, lr, rho, momentum, epsilon, threads):
    """Step by RMSprop: v = rho v + (1-rho) g²; w -= lr g / sqrt(v + epsilon).

    If centered, v - m² replaces v in the step, with m = rho m + (1-rho) g; rounding can make v - m²
    negative, and it is then 0. With momentum, b = momentum b + the step above, and w -= b.
    """
    g = _squarable(g)
    v[...] = rho * v + (1 - rho) * g * g
    if m is not None:
        m[...] = rho * m + (1 - rho) * g
        v = np.maximum(v - m * m, 0)
    step = lr * g / np.sqrt(v + epsilon)
    if b is not None:
        b[...] = momentum * b + step
        step = b
    w -= step


@_checked("w! *, g *, m! *, v! *, v_max?! *")
def adam_step(w, g, m, v, v_max, alpha, beta_1, beta_2, epsilon, threads):
    """Step by Adam: m += (g-m)(1-beta_1); v += (g²-v)(1-beta_2); w -= alpha m / (sqrt(v)+epsilon).

    With AMSGrad, v_max = max(v_max, v) replaces v in the step. alpha includes the bias correction.
    """
    g = _squarable(g)
    m += (g - m) * (1 - beta_1)
    v += (g * g - v) * (1 - beta_2)
    if v_max is not None:
        v = np.maximum(v_max, v, out=v_max)
    w -= alpha * m / (np.sqrt(v) + epsilon)


@_checked("w! *, g *, m! *, v! *")
def nadam_step(w, g, m, v, alpha_m, alpha_g, correction, beta_1, beta_2, epsilon, threads):
    """Step by Nadam: m, v as in Adam; w -= (alpha_m m + alpha_g g) / (sqrt(v/correction)+epsilon).

    correction is 1 - beta_2 to the power t; the two alphas include lr and the momentum schedule.
    """
    g = _squarable(g)
    m += (g - m) * (1 - beta_1)
    v += (g * g - v) * (1 - beta_2)
    w -= (alpha_m * m + alpha_g * g) / (np.sqrt(v / correction) + epsilon)


@_checked("w! *, g *, m! *, u! *")
def adamax_step(w, g, m, u, alpha, beta_1, beta_2, epsilon, threads):
    """Step by Adamax: m += (g-m)(1-beta_1); u = max(beta_2 u, abs(g)); w -= alpha m/(u+epsilon)."""
    m += (g - m) * (1 - beta_1)
    np.maximum(beta_2 * u, np.abs(g), out=u)
    w -= alpha * m / (u + epsilon)


@_checked("w! *, g *, a! *, d! *")
def adadelta_step(w, g, a, d, lr, rho, epsilon, threads):
    """Step by Adadelta: a = rho a + (1-rho) g²; step = sqrt(d + epsilon) g / sqrt(a + epsilon);
    d = rho d + (1-rho) step²; w -= lr step.
    """
    g = _squarable(g)
    a[...] = rho * a + (1 - rho) * g * g
    step = np.sqrt(d + epsilon) * g / np.sqrt(a + epsilon)
    d[...] = rho * d + (1 - rho) * step * step
    w -= lr * step


@_checked("w! *, g *, m! *")
def lion_step(w, g, m, lr, beta_1, beta_2, threads):
    """Step by Lion: w -= lr sign(beta_1 m + (1-beta_1) g); m = beta_2 m + (1-beta_2) g."""
    w -= lr * np.sign(beta_1 * m + (1 - beta_1) * g)
    m[...] = beta_2 * m + (1 - beta_2) * g


# --- arrays ------------------------------------------------------------------------------------


def empty(shape, dtype):
    """Return a new array, not initialized."""
    return np.empty(shape, dtype)


def aligned(array):
    """Return a copy of the array."""
    return array.copy()


def small_arithmetic(function, x, y):
    """Return function(x, y) in a new array."""
    return np.asarray(_value(function, x, y, None))
