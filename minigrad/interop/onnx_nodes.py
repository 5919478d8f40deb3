"""Which layer or op of minigrad an ONNX node becomes: a reader of a few lines for each.

They are the nodes that minigrad, PyTorch and tf2onnx write for the layers that minigrad has. A
reader is given a `Node`, and returns a `Held` value, or a constant as an array.
"""

import math

import numpy as np

from minigrad import layers, ops
from minigrad.interop.onnx_functions import BINARY, COMPARISONS, REDUCTIONS, UNARY, keeper
from minigrad.interop.onnx_values import Held, channels_last, each
from minigrad.ops.extra import transposed_size
from minigrad.symbolic import Symbol, record

NODES = {}  # name of an ONNX operator -> its reader
reads = keeper(NODES)
BATCH = -(10**9)  # in a shape: as many samples as come; −1 is any other size that is not known
MOST = 1 << 28  # values that a node may make of one sample's


class Node:
    """One node of a file, with the values of its inputs.

    Attributes
    ----------
    op : str
    inputs : list of Held, ndarray or None
    names : list of str
        Of the inputs.
    options : dict
        Its attributes.
    opset : int
    reader : Reader
        Which makes the layers.
    """

    def __init__(self, reader, proto, inputs, options):
        self.reader = reader
        self.proto = proto
        self.op = proto.op_type
        self.names = [*proto.input]
        self.inputs = inputs
        self.options = options

    @property
    def x(self):
        """The first input, which is computed."""
        return self.held(0)

    def held(self, place):
        """An input that is computed; a constant is one of no use here."""
        if not isinstance(self.inputs[place], Held):
            raise self.error(f"input {place} to be computed", "a constant")
        return self.inputs[place]

    def given(self, place, default=None, option=None):
        """A constant input, or the attribute that older files have in its place."""
        value = self.inputs[place] if place < len(self.inputs) else None
        if isinstance(value, Held):
            raise self.error(f"input {place} to be a constant", "a computed value")
        if value is None and option in self.options:
            return np.asarray(self.options[option])
        return default if value is None else value

    def error(self, expected, got):
        """Return the error about a node that cannot be read."""
        where = f" {self.proto.name!r}" if self.proto.name else ""
        return ValueError(f"load_model: {self.op}{where}: expected {expected}, got {got}")

    def only(self, **expected):
        """Raise unless attributes, where they are there, have these values."""
        for name, value in expected.items():
            found = self.options.get(name, value)
            if found != value:
                raise self.error(f"{name} {value}", found)

    def layer(self, cls, arrays, *arguments, **options):
        """Return a layer with these weights: the same one for the same weights and options."""
        return self.reader.layer(self, cls, arrays, arguments, options)


# --- element by element --------------------------------------------------------------------------


def _op(name):
    return lambda node: each(getattr(ops, name), *node.inputs)


def _reduced(node, function):
    """Apply an op with ``axis`` and ``keepdims``."""
    axes = node.given(1, None, "axes")
    if axes is None and node.options.get("noop_with_empty_axes"):
        return node.x
    axes = range(node.x.rank) if axes is None else axes.ravel().tolist()
    return _reduce(node.x, function, axes, node.options.get("keepdims", 1))


def _reduce(x, function, axes, keepdims):
    axes = {axis % x.rank for axis in axes}
    if keepdims:
        places = tuple(sorted(x.at(axis) for axis in axes))
        return x.apply(lambda symbol: function(symbol, axis=places, keepdims=True))
    return x.without(axes, lambda symbol, places: function(symbol, axis=places))


def _reduction(name):
    return lambda node: _reduced(node, getattr(ops, name))


for table, make in ((UNARY | BINARY | COMPARISONS, _op), (REDUCTIONS, _reduction)):
    for op, operator in table.items():
        NODES.setdefault(operator, make(op))


@reads("Max", "Min", "Sum")
def _of_many(node):
    op = {"Max": ops.maximum, "Min": ops.minimum, "Sum": ops.add}[node.op]
    result, *others = node.inputs
    for other in others:
        result = each(op, result, other)
    return result


ACTIVATIONS = {
    "HardSwish": "hard_silu", "LogSigmoid": "log_sigmoid", "Mish": "mish", "Relu": "relu",
    "Selu": "selu", "Sigmoid": "sigmoid", "Softplus": "softplus", "Softsign": "softsign",
    "Tanh": "tanh",
}  # fmt: skip


@reads(*ACTIVATIONS)
def _activation(node):
    return node.x.apply(layers.Activation(ACTIVATIONS[node.op]))


@reads("Gelu")
def _gelu(node):
    if node.options.get("approximate", "none") == "none":
        return node.x.apply(layers.Activation("gelu"))
    return node.x.apply(lambda x: ops.gelu(x, approximate=True))


@reads("HardSigmoid")
def _hard_sigmoid(node):
    slope, start = node.options.get("alpha", 0.2), node.options.get("beta", 0.5)
    if math.isclose(slope, 1 / 6, rel_tol=1e-6) and start == 0.5:
        return node.x.apply(layers.Activation("hard_sigmoid"))
    return node.x.apply(lambda x: ops.clip(slope * x + start, 0.0, 1.0))


@reads("Shrink")
def _shrink(node):
    limit, bias = node.options.get("lambd", 0.5), node.options.get("bias", 0.0)
    if bias not in (0.0, limit):
        raise node.error("bias 0 or lambd", bias)
    op = ops.soft_shrink if bias else ops.hard_shrink
    return node.x.apply(lambda x: op(x, threshold=limit))


@reads("Swish")
def _swish(node):
    slope = node.options.get("alpha", 1.0)
    return node.x.apply(lambda x: x * ops.sigmoid(slope * x))


@reads("PRelu")
def _prelu(node):
    x, slope = node.x, node.given(1)
    if slope.size == 1:
        return x.apply(layers.LeakyReLU(slope.item()))
    slope = slope.reshape((1,) * (x.rank - slope.ndim) + slope.shape).transpose(x.home)
    if slope.shape[0] != 1:
        raise node.error("slopes that are alike for all samples", slope.shape)
    shared = [axis for axis in range(1, x.rank) if slope.shape[axis] == 1]
    return x.apply(node.layer(layers.PReLU, [slope[0]], shared_axes=shared))


@reads("Clip")
def _clip(node):
    low, high = node.given(1, None, "min"), node.given(2, None, "max")
    low, high = (None if limit is None else limit.item() for limit in (low, high))
    if (low, high) == (0, 6):
        return node.x.apply(layers.Activation("relu6"))
    return node.x.apply(lambda x: ops.clip(x, low, high))


@reads("Cast")
def _cast(node):
    dtype = node.reader.library.helper.tensor_dtype_to_np_dtype(node.options["to"])
    if dtype.kind == node.x.dtype.kind == "f":
        return node.x
    return node.x.apply(lambda x: ops.cast(x, dtype.name))


@reads("Softmax", "LogSoftmax")
def _softmax(node):
    axis = node.x.at(node.options.get("axis", -1))
    axis = -1 if axis == node.x.rank - 1 else axis
    if node.op == "Softmax":
        return node.x.apply(layers.Softmax(axis))
    return node.x.apply(lambda x: ops.log_softmax(x, axis=axis))


@reads("Dropout")
def _dropout(node):
    if node.given(2, np.False_):
        raise node.error("training_mode False", True)
    return node.x


@reads("Not")
def _not(node):
    return node.x.apply(ops.logical_not)


NODES |= {
    "Celu": lambda node: node.x.apply(lambda x: ops.celu(x, node.options.get("alpha", 1.0))),
    "Elu": lambda node: node.x.apply(layers.ELU(node.options.get("alpha", 1.0))),
    "Identity": lambda node: node.inputs[0],
    "LeakyRelu": lambda node: node.x.apply(layers.LeakyReLU(node.options.get("alpha", 0.01))),
    "ReduceL1": lambda node: _reduced(node, lambda x, **k: ops.sum(abs(x), **k)),
    "ReduceL2": lambda node: _reduced(node, lambda x, **k: ops.sqrt(ops.sum(x * x, **k))),
    "ReduceSumSquare": lambda node: _reduced(node, lambda x, **k: ops.sum(x * x, **k)),
    "Where": lambda node: each(ops.where, *node.inputs),
}


# --- products and windows ------------------------------------------------------------------------


@reads("Gemm")
def _gemm(node):
    node.only(transA=0)
    kernel = node.given(1) * np.float32(node.options.get("alpha", 1.0))
    kernel = kernel.T if node.options.get("transB") else kernel
    bias = node.given(2)
    bias = None if bias is None else bias * np.float32(node.options.get("beta", 1.0))
    return _dense(node, kernel, bias)


def _dense(node, kernel, bias):
    units = kernel.shape[1]
    arrays = [kernel] if bias is None else [kernel, np.broadcast_to(bias.ravel(), (units,))]
    layer = node.layer(layers.Dense, arrays, units, use_bias=bias is not None)
    return Held.plain(layer(node.x.first))


@reads("MatMul")
def _matmul(node):
    x, y = node.inputs
    if isinstance(x, Held) and isinstance(y, np.ndarray) and y.ndim == 2 and x.rank > 1:
        return _dense(node, y, node.reader.take_bias(node, y.shape[1]))
    x, y = (value.first if isinstance(value, Held) else value for value in (x, y))
    return Held.plain(ops.matmul(x, y))


def _borders(node, extents, strides):
    """The padding: "valid", "same", or a list of (before, after)."""
    sizes, kind = node.x.shape[2:], node.options.get("auto_pad", "NOTSET")
    pads = node.options.get("pads", [0] * 2 * len(extents))
    if kind in ("SAME_UPPER", "VALID"):
        return "same" if kind == "SAME_UPPER" else "valid"
    if kind != "NOTSET":
        raise node.error("auto_pad NOTSET, VALID or SAME_UPPER", kind)
    pairs = list(zip(pads[: len(extents)], pads[len(extents) :], strict=True))
    if not any(pads):
        return "valid"
    for pair, size, extent, stride in zip(pairs, sizes, extents, strides, strict=True):
        if stride > 1 and size is None:
            return pairs
        over = extent - stride if stride == 1 else (-(-size // stride) - 1) * stride + extent - size
        over = max(over if stride > 1 else extent - 1, 0)
        if pair != (over // 2, over - over // 2):
            return pairs
    return "same"


def _padded(x, pairs, value=0.0):
    """The Symbol with the channels last, and cells around it."""
    if not any(map(any, pairs)):
        return x.last
    if value == 0 and len(pairs) == 2:
        return layers.ZeroPadding2D(tuple(pairs))(x.last)
    if value == 0 and len(pairs) == 1:
        return layers.ZeroPadding1D(pairs[0])(x.last)
    return ops.pad(x.last, ((0, 0), *pairs, (0, 0)), constant_values=value)


def _window(node, kernel):
    """Sizes of the window, and the keyword arguments of a layer that slides it."""
    number = len(kernel)
    if number not in (1, 2):
        raise node.error("sequences or images", f"a window of {number} axes")
    strides = node.options.get("strides", [1] * number)
    dilations = node.options.get("dilations", [1] * number)
    extents = [(size - 1) * d + 1 for size, d in zip(kernel, dilations, strict=True)]
    both = {"strides": tuple(strides), "dilation_rate": tuple(dilations)}
    return extents, both if number == 2 else {key: value[0] for key, value in both.items()}


def _single(sizes):
    """The argument of a layer of sequences, which is one int, or of images."""
    return sizes[0] if len(sizes) == 1 else tuple(sizes)


def _from_channels_first(array):
    """(F, C, ...) -> (..., C, F)."""
    return np.moveaxis(array, (1, 0), (-2, -1))


@reads("Conv")
def _conv(node):
    w, bias = node.given(1), node.given(2)
    F, _, *kernel = w.shape
    extents, options = _window(node, kernel)
    padding = _borders(node, extents, node.options.get("strides", [1] * len(kernel)))
    x, C, groups = node.x, node.x.shape[1], node.options.get("group", 1)
    symbol = x.last if isinstance(padding, str) else None
    if padding == [(extents[0] - 1, 0)] and groups in (1, C):
        symbol, padding = x.last, "causal"
    if symbol is None or (padding == "causal" and groups > 1):
        pairs = [(extents[0] - 1, 0)] if padding == "causal" else padding
        symbol, padding = _padded(x, pairs), "valid"
    options |= {"padding": padding, "use_bias": bias is not None}
    rest = [] if bias is None else [bias]
    images = len(kernel) == 2
    if groups == C and groups > 1 and F % C == 0:
        cls = layers.DepthwiseConv2D if images else layers.DepthwiseConv1D
        turned = w.reshape((C, F // C, *kernel))
        turned = np.moveaxis(turned, (0, 1), (-2, -1))  # (C, M, ...) -> (..., C, M)
        options["depth_multiplier"] = F // C
        layer = node.layer(cls, [turned, *rest], _single(kernel), **options)
    else:
        cls = layers.Conv2D if images else layers.Conv1D
        arrays = [_from_channels_first(w), *rest]
        layer = node.layer(cls, arrays, F, _single(kernel), groups=groups, **options)
    return Held({channels_last(x.rank): layer(symbol)})


@reads("ConvTranspose")
def _conv_transpose(node):
    node.only(group=1, auto_pad="NOTSET")
    if "output_shape" in node.options:
        raise node.error("no output_shape", node.options["output_shape"])
    w, bias = node.given(1), node.given(2)
    _, F, *kernel = w.shape
    extents, options = _window(node, kernel)
    number, strides = len(kernel), node.options.get("strides", [1] * len(kernel))
    pads = node.options.get("pads", [0] * 2 * number)
    pairs = list(zip(pads[:number], pads[number:], strict=True))
    extra = list(node.options.get("output_padding", [0] * number))
    padding, more = "valid", _single(extra)
    if all(_is_same(*four) for four in zip(extents, strides, pairs, extra, strict=True)):
        padding, more, pairs = "same", None, [(0, 0)] * number
    options |= {"padding": padding, "output_padding": more, "use_bias": bias is not None}
    cls = layers.Conv2DTranspose if number == 2 else layers.Conv1DTranspose
    arrays = [_from_channels_first(w), *([] if bias is None else [bias])]
    symbol = node.layer(cls, arrays, F, _single(kernel), **options)(node.x.last)
    if any(map(any, pairs)):
        crop = layers.Cropping2D(tuple(pairs)) if number == 2 else layers.Cropping1D(pairs[0])
        symbol = crop(symbol)
    return Held({channels_last(node.x.rank): symbol})


def _is_same(extent, stride, pair, extra):
    """Whether one axis of a transposed convolution is as with padding="same"."""
    far = 2**20
    output, before = transposed_size(far, extent, stride, "same")
    cut = (far - 1) * stride + extent - output
    return (before, max(cut, 0) - before, max(-cut, 0)) == (*pair, extra)


@reads("MaxPool", "AveragePool")
def _pool(node):
    kernel = node.options["kernel_shape"]
    extents, options = _window(node, kernel)
    node.only(dilations=[1] * len(kernel), storage_order=0)
    strides, is_max = options["strides"], node.op == "MaxPool"
    padding = _borders(node, extents, node.options.get("strides", [1] * len(kernel)))
    symbol = node.x.last if isinstance(padding, str) else None
    counts_zeros = not is_max and node.options.get("count_include_pad")
    if symbol is None or (counts_zeros and padding == "same"):
        if not is_max and not counts_zeros:
            raise node.error("pads as of padding 'same', or count_include_pad", padding)
        pads = node.options["pads"]
        pairs = list(zip(pads[: len(kernel)], pads[len(kernel) :], strict=True))
        symbol, padding = _padded(node.x, pairs, -np.inf if is_max else 0.0), "valid"
    if node.options.get("ceil_mode") and padding != "same":
        _check_ceil(node, symbol, kernel)
    name = f"{'Max' if is_max else 'Average'}Pooling{len(kernel)}D"
    layer = getattr(layers, name)(_single(kernel), strides, padding)
    return Held({channels_last(node.x.rank): layer(symbol)})


def _check_ceil(node, symbol, kernel):
    """Raise unless sizes are rounded up as they are rounded down."""
    strides = node.options.get("strides", [1] * len(kernel))
    for size, window, stride in zip(symbol.shape[1:-1], kernel, strides, strict=True):
        if size is None or (size - window) % stride:
            raise node.error("ceil_mode 0, or sizes that fit", f"ceil_mode 1 and {symbol.shape}")


@reads("GlobalMaxPool", "GlobalAveragePool")
def _pool_all(node):
    if node.x.rank not in (3, 4):
        raise node.error("sequences or images", node.x.shape)
    kind = "Max" if node.op == "GlobalMaxPool" else "Average"
    layer = getattr(layers, f"Global{kind}Pooling{node.x.rank - 2}D")(keepdims=True)
    return Held({channels_last(node.x.rank): layer(node.x.last)})


# --- normalization -------------------------------------------------------------------------------


@reads("BatchNormalization")
def _batch_norm(node):
    node.only(training_mode=0)
    arrays = [node.given(i) for i in range(1, 5)]
    layer = node.layer(layers.BatchNormalization, arrays, epsilon=node.options.get("epsilon", 1e-5))
    return Held({channels_last(node.x.rank): layer(node.x.last)})


@reads("LayerNormalization")
def _layer_norm(node):
    x = node.x
    axes = [*range(node.options.get("axis", -1) % x.rank, x.rank)]
    gamma, beta = node.given(1), node.given(2)
    arrays = [gamma] if beta is None else [gamma, beta]
    options = {"epsilon": node.options.get("epsilon", 1e-5), "center": beta is not None}
    layer = node.layer(layers.LayerNormalization, arrays, axes, **options)
    return Held.plain(layer(x.first))


@reads("GroupNormalization", "InstanceNormalization")
def _group_norm(node):
    is_group = node.op == "GroupNormalization"
    if is_group and node.reader.opset < 21:
        raise node.error("operators of version 21", node.reader.opset)
    groups, gamma = node.options["num_groups"] if is_group else -1, node.given(1)
    options = {"epsilon": node.options.get("epsilon", 1e-5)}
    layer = node.layer(layers.GroupNormalization, [gamma, node.given(2)], groups, **options)
    return Held({channels_last(node.x.rank): layer(node.x.last)})


# --- shapes --------------------------------------------------------------------------------------


@reads("Flatten")
def _flatten(node):
    if node.options.get("axis", 1) not in (1, 1 - node.x.rank):
        raise node.error("axis 1", node.options["axis"])
    return Held.plain(layers.Flatten()(node.x.flat))


@reads("Reshape")
def _reshape(node):
    x, wanted = node.x, [None if size == BATCH else size for size in node.given(1).tolist()]
    if not node.options.get("allowzero"):
        wanted = [x.shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    sample = None if None in x.shape[1:] else math.prod(x.shape[1:])
    is_batch = wanted and wanted[0] in (None, -1, x.shape[0], node.reader.batch)
    rest = [-1 if size is None else size for size in wanted[1:]]
    if is_batch and rest.count(-1) <= (wanted[0] != -1):
        known = math.prod(size for size in rest if size != -1)
        if sample is None:
            fits = wanted[0] is None
        else:
            fits = known == sample or (-1 in rest and known and sample % known == 0)
        if fits:
            if len(rest) == 1 and x.rank > 1:
                return Held.plain(layers.Flatten()(x.flat))
            return Held.plain(layers.Reshape(tuple(rest))(x.flat))
    sizes = [-1 if size is None else size for size in wanted]
    if sizes.count(-1) > 1:
        raise node.error("at most one unknown size", f"{wanted} of {x.shape}")
    if sizes[0] != -1 or -1 in sizes[1:]:
        return Held.plain(ops.reshape(x.flat, tuple(sizes)))
    result = Symbol((None, *sizes[1:]), x.dtype)  # a trial with two samples may not fit
    return Held.plain(record(ops.reshape, (x.flat, tuple(sizes)), {}, result))


@reads("Transpose")
def _transpose(node):
    axes = node.options.get("perm", [*range(node.x.rank)][::-1])
    return node.x.permute(list(axes))


@reads("Squeeze")
def _squeeze(node):
    axes = node.given(1, None, "axes")
    if axes is None:
        axes = [axis for axis, size in enumerate(node.x.shape) if size == 1]
    axes = {int(axis) % node.x.rank for axis in axes}
    return node.x.without(axes, lambda x, places: ops.squeeze(x, places))


@reads("Unsqueeze")
def _unsqueeze(node):
    axes = node.given(1, None, "axes").ravel()
    rank = node.x.rank + len(axes)
    return Held.plain(ops.expand_dims(node.x.first, tuple(sorted(int(a) % rank for a in axes))))


@reads("Concat")
def _concat(node):
    held = next(value for value in node.inputs if isinstance(value, Held))
    parts = [
        value.named(held.home) if isinstance(value, Held) else value.transpose(held.home)
        for value in node.inputs
    ]
    axis = held.at(node.options["axis"])
    if axis == 0 or len(parts) == 1 or len(parts) > sum(isinstance(v, Held) for v in node.inputs):
        return Held({held.home: ops.concatenate(parts, axis=axis)})
    axis = -1 if axis == held.rank - 1 else axis
    return Held({held.home: layers.Concatenate(axis)(parts)})


def _cut(x, axis, part):
    """Keep a slice of one of ONNX's axes."""
    index = [slice(None)] * x.rank
    index[x.at(axis)] = part
    return x.apply(lambda symbol: symbol[tuple(index)])


@reads("Slice")
def _slice(node):
    x, starts, ends = node.x, node.given(1, None, "starts"), node.given(2, None, "ends")
    axes = node.given(3, np.arange(len(starts)), "axes").tolist()
    steps = node.given(4, np.ones(len(starts), int)).tolist()
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps, strict=True):
        start = None if abs(start) > 2**31 - 2 else start
        end = None if abs(end) > 2**31 - 2 else end
        if (start or 0, end, step) != (0, None, 1):
            x = _cut(x, axis, slice(start, end, step))
    return x


@reads("Split")
def _split(node):
    x, axis = node.x, node.options.get("axis", 0)
    size, number = x.shape[axis], len(node.proto.output)
    sizes = node.given(1, None, "split")
    if sizes is None:
        if size is None:
            raise node.error("a known size", x.shape)
        part = -(-size // number)
        sizes = np.array([min(part, size - i * part) for i in range(number)])
    ends = np.cumsum(sizes).tolist()
    starts = [0, *ends[:-1]]
    return [_cut(x, axis, slice(*pair)) for pair in zip(starts, ends, strict=True)]


@reads("Gather")
def _gather(node):
    data, indices = node.inputs
    axis = node.options.get("axis", 0)
    if isinstance(data, np.ndarray) and data.ndim == 2 and axis == 0:
        layer = node.layer(layers.Embedding, [data], *data.shape)
        return Held.plain(layer(indices.first))
    x, places = node.x, node.given(1)
    if places.ndim == 0:
        index = [slice(None)] * x.rank
        index[axis % x.rank] = int(places)
        return Held.plain(x.first[tuple(index)])
    if places.ndim > 1:
        raise node.error("a list of places", places.shape)
    return _cut(x, axis, places.tolist())


@reads("Pad")
def _pad(node):
    x, mode = node.x, node.options.get("mode", "constant")
    if mode not in ("constant", "reflect"):
        raise node.error("mode constant or reflect", mode)
    if node.given(3) is not None:
        raise node.error("no axes", node.given(3))
    ends = node.given(1, None, "pads").reshape(2, x.rank).tolist()
    if min(map(min, ends)) < 0:
        raise node.error("pads from 0", ends)
    value = node.given(2, np.float32(0), "value").item()
    pairs = [(ends[0][axis], ends[1][axis]) for axis in x.home]
    _check_size(node, [n and n + sum(pair) for n, pair in zip(x.shape, pairs, strict=True)])
    inner = pairs[1:-1]
    if mode == "constant" and value == 0 and not any(pairs[0] + pairs[-1]) and x.rank in (3, 4):
        cls = layers.ZeroPadding2D if x.rank == 4 else layers.ZeroPadding1D
        return x.apply(cls(_single(inner)))
    return x.apply(lambda symbol: ops.pad(symbol, pairs, mode, constant_values=value))


def _check_size(node, shape):
    """Raise if a node makes more than any that is wanted, in memory."""
    if math.prod(size or 1 for size in shape) > MOST:
        raise node.error(f"at most {MOST} values", shape)


@reads("Tile")
def _tile(node):
    times = node.given(1).tolist()
    _check_size(node, [(n or 1) * k for n, k in zip(node.x.shape, times, strict=True)])
    order = [times[axis] for axis in node.x.home]
    return node.x.apply(lambda symbol: ops.tile(symbol, order))


@reads("Expand")
def _expand(node):
    x, wanted = node.x, [max(size, -1) for size in node.given(1).tolist()]
    rank = max(x.rank, len(wanted))
    sizes = [1] * (rank - x.rank) + list(x.shape)
    for i, size in enumerate(wanted, rank - len(wanted)):
        if size not in (1, -1, sizes[i]) and sizes[i] != 1:
            raise node.error(f"a shape that {x.shape} stretches to", wanted)
        sizes[i] = size if sizes[i] == 1 else sizes[i]
    _check_size(node, sizes)
    ones = np.ones([1 if n in (None, -1) else n for n in sizes], x.dtype)
    return Held.plain(ops.mul(x.first, ones))


@reads("Resize")
def _resize(node):
    x, scales, sizes = node.x, node.given(2), node.given(3)
    if x.rank != 4 and not (x.rank == 3 and node.options.get("mode", "nearest") == "nearest"):
        raise node.error("images", x.shape)
    if sizes is not None:
        sizes = sizes.tolist()
        known = zip(sizes, x.shape, strict=True)
        scales = np.array([1.0 if n in (None, s) else s / n for s, n in known])
    _check_size(node, [(n or 1) * k for n, k in zip(x.shape, scales.tolist(), strict=True)])
    factors = scales[2:] if scales[1] == 1 else None
    order = channels_last(x.rank)
    if scales[0] == 1 and scales[-1] == 1 and scales[1] != 1:  # written with the channels last
        factors, order = scales[1:-1], tuple(range(x.rank))
    mode = node.options.get("mode", "nearest")
    way = node.options.get("coordinate_transformation_mode", "half_pixel")
    whole = factors is not None and all(float(f).is_integer() and f >= 1 for f in factors)
    nearest = mode == "nearest" and (
        (way == "asymmetric" and node.options.get("nearest_mode") == "floor")
        or way in ("half_pixel", "half_pixel_symmetric", "tf_half_pixel_for_nn")
    )
    linear = mode == "linear" and way in ("half_pixel", "pytorch_half_pixel") and x.rank == 4
    if not whole or not (nearest or linear):
        got = f"mode {mode}, {way}, scales {scales.tolist()}"
        raise node.error("whole factors, nearest, or linear with half_pixel", got)
    factors = [int(factor) for factor in factors]
    if x.rank == 3:
        layer = layers.UpSampling1D(factors[0])
    else:
        layer = layers.UpSampling2D(factors, interpolation="nearest" if nearest else "bilinear")
    return Held({order: layer(x.named(order))})


@reads("ArgMax", "ArgMin")
def _arg_max(node):
    node.only(select_last_index=0)
    axis, op = node.options.get("axis", 0), ops.argmax if node.op == "ArgMax" else ops.argmin
    y = op(node.x.first, axis=axis)
    return Held.plain(ops.expand_dims(y, axis) if node.options.get("keepdims", 1) else y)


@reads("CumSum")
def _cumsum(node):
    node.only(exclusive=0, reverse=0)
    axis = node.x.at(node.given(1).item())
    return node.x.apply(lambda x: ops.cumsum(x, axis=axis))


@reads("Einsum")
def _einsum(node):
    values = (value.first if isinstance(value, Held) else value for value in node.inputs)
    return Held.plain(ops.einsum(node.options["equation"], *values))


@reads("OneHot")
def _one_hot(node):
    off, on = node.given(2).tolist()
    if (off, on) != (0, 1):
        raise node.error("values 0 and 1", (off, on))
    depth, axis = int(node.given(1).item()), node.options.get("axis", -1)
    return Held.plain(ops.one_hot(node.x.first, depth, axis=axis))


@reads("Shape")
def _shape(node):
    """The shape as a constant, with BATCH and −1, which Reshape finds out."""
    sizes = [-1 if size is None else size for size in node.x.shape]
    sizes[0] = BATCH if node.x.shape[0] is None else sizes[0]
    start, end = node.options.get("start", 0), node.options.get("end")
    return np.array(sizes[start:end], np.int64)


# --- constants -----------------------------------------------------------------------------------


def _cast_constant(node, x):
    return x.astype(node.reader.library.helper.tensor_dtype_to_np_dtype(node.options["to"]))


def _filled(node, shape):
    value = node.options.get("value")
    value = np.float32(0) if value is None else value.ravel()[0]
    _check_size(node, [*shape.tolist(), 256])
    return np.full(shape, value)


def _sliced(node, x, starts, ends, axes=None, steps=None):
    axes = np.arange(len(starts)) if axes is None else axes
    steps = np.ones(len(starts), int) if steps is None else steps
    index = [slice(None)] * x.ndim
    for axis, *limits in zip(*(a.tolist() for a in (axes, starts, ends, steps)), strict=True):
        index[axis] = slice(*limits)
    return x[tuple(index)]


def _axes(node, axes):
    return tuple(np.asarray(node.options["axes"] if axes is None else axes).tolist())


def _arithmetic(function):
    def compute(node, x, y):
        if x.dtype.kind == "i" and min(x.min(initial=0), y.min(initial=0)) < 0:
            raise node.error("sizes that are known", f"{x.tolist()}, {y.tolist()}")
        return function(x, y)

    return compute


CONSTANTS = {  # operators whose inputs are known when the file is read
    "Add": _arithmetic(np.add),
    "Cast": _cast_constant,
    "Concat": lambda node, *xs: np.concatenate(xs, node.options["axis"]),
    "ConstantOfShape": _filled,
    "Div": _arithmetic(lambda x, y: x // y if x.dtype.kind in "iu" else x / y),
    "Gather": lambda node, x, i: np.take(x, i, node.options.get("axis", 0)),
    "Identity": lambda node, x: x,
    "Mod": _arithmetic(np.mod),
    "Mul": _arithmetic(np.multiply),
    "Reshape": lambda node, x, shape: x.reshape(shape),
    "Slice": _sliced,
    "Squeeze": lambda node, x, axes=None: np.squeeze(x, _axes(node, axes)),
    "Sub": _arithmetic(np.subtract),
    "Transpose": lambda node, x: x.transpose(node.options.get("perm")),
    "Unsqueeze": lambda node, x, axes=None: np.expand_dims(x, _axes(node, axes)),
}
