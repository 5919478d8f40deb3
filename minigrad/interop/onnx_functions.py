"""Which ONNX nodes stand for an op of minigrad or an activation: a line or a few for each.

A writer is given Values by the names of the op's arguments, and returns the Value of the result.
ONNX's nodes: https://onnx.ai/onnx/operators/
"""

import functools
import inspect

import numpy as np

from minigrad.interop.onnx_graph import Value, channels_first, concatenate
from minigrad.ops.extra import transposed_size

# Arguments that are Values even where they are given as numbers or arrays.
TENSORS = {"x", "y", "x1", "x2", "condition", "bias", "kernel"}
FUNCTIONS = {}  # name of an op or activation -> its writer

UNARY = {
    "abs": "Abs", "arccos": "Acos", "arccosh": "Acosh", "arcsin": "Asin", "arcsinh": "Asinh",
    "arctan": "Atan", "arctanh": "Atanh", "ceil": "Ceil", "cos": "Cos", "cosh": "Cosh",
    "erf": "Erf", "exp": "Exp", "exponential": "Exp", "floor": "Floor", "log": "Log",
    "logical_not": "Not", "mish": "Mish", "neg": "Neg", "reciprocal": "Reciprocal",
    "round": "Round", "selu": "Selu", "sigmoid": "Sigmoid", "sign": "Sign", "sin": "Sin",
    "sinh": "Sinh", "softplus": "Softplus", "softsign": "Softsign", "sqrt": "Sqrt", "tan": "Tan",
    "tanh": "Tanh",
}  # fmt: skip
BINARY = {
    "add": "Add", "div": "Div", "maximum": "Max", "minimum": "Min", "mul": "Mul", "pow": "Pow",
    "sub": "Sub",
}  # fmt: skip
COMPARISONS = {
    "equal": "Equal", "greater": "Greater", "greater_equal": "GreaterOrEqual", "less": "Less",
    "less_equal": "LessOrEqual", "logical_and": "And", "logical_or": "Or", "logical_xor": "Xor",
}  # fmt: skip
REDUCTIONS = {
    "logsumexp": "ReduceLogSumExp", "max": "ReduceMax", "mean": "ReduceMean", "min": "ReduceMin",
    "prod": "ReduceProd", "sum": "ReduceSum",
}  # fmt: skip


def keeper(table):
    """Return ``keep``, so that ``@keep(*keys)`` enters a function in the table under each key."""

    def keep(*keys):
        def enter(function):
            table.update(dict.fromkeys(keys, function))
            return function

        return enter

    return keep


writes = keeper(FUNCTIONS)


def write_function(graph, function, arguments, options):
    """Write the nodes of an op or activation; NotImplemented of one that has no writer."""
    if isinstance(function, functools.partial):
        options = function.keywords | options
        return write_function(graph, function.func, (*function.args, *arguments), options)
    is_ours = str(getattr(function, "__module__", "")).startswith("minigrad.")
    writer = FUNCTIONS.get(getattr(function, "__name__", None)) if is_ours else None
    if writer is None:
        return NotImplemented
    bound = inspect.signature(function).bind(*arguments, **options)
    bound.apply_defaults()
    given = dict(bound.arguments)
    values, given = given.pop("arguments", ()), given | given.pop("options", {})
    values = [graph.as_value(value, graph.dtype) for value in values]  # of NumPy's functions
    for name in TENSORS & {*given}:
        if given[name] is not None:
            given[name] = graph.as_value(given[name], graph.dtype)
    before, graph.scope = graph.scope, f"{graph.scope}/{function.__name__}"
    try:
        return writer(*values, **given)
    finally:
        graph.scope = before


# --- element by element --------------------------------------------------------------------------


def _alike(x, y):
    """Two values of one type: booleans and whole numbers count as floats beside floats."""
    if x.dtype == y.dtype and x.dtype != bool:
        return x, y
    return x.cast(x.graph.dtype), y.cast(x.graph.dtype)


def _unary(node):
    return lambda x: x.node(node)


def _binary(node):
    def write(x, y):
        x, y = _alike(x, y)
        return x.node(node, y)

    return write


def _comparison(node):
    def write(x, y):
        x, y = (x, y) if node in ("And", "Or", "Xor") else _alike(x, y)
        return x.node(node, y, dtype=bool)

    return lambda *values, **both: write(*values, *both.values())


def _reduction(node):
    return lambda x, axis, keepdims, dtype=None: x.reduce(node, axis, keepdims)


for table, make in (
    (UNARY, _unary),
    (BINARY, _binary),
    (COMPARISONS, _comparison),
    (REDUCTIONS, _reduction),
):
    for op, node in table.items():
        FUNCTIONS[op] = make(node)


@writes("where")
def where(condition, x, y):
    x, y = _alike(x, y)
    return _choose(condition.cast(bool), x, y)


def _choose(condition, x, y):
    return condition.node("Where", x, y, dtype=x.dtype)


FUNCTIONS |= {
    "cast": lambda x, dtype: x.cast(dtype),
    "clip": lambda x, x_min, x_max: clip(x, x_min, x_max),
    "linear": lambda x: x,
    "not_equal": lambda x, y: _comparison("Equal")(x, y).node("Not"),
    "square": lambda x: x * x,
    "std": lambda x, axis, keepdims: variance(x, axis, keepdims).node("Sqrt"),
    "var": lambda x, axis, keepdims: variance(x, axis, keepdims),
}


def clip(x, low, high):
    """Write Max and Min, which leave out what is None."""
    x = x if low is None else x.node("Max", low)
    return x if high is None else x.node("Min", high)


def variance(x, axis, keepdims=False):
    """The mean square of the distance from the mean."""
    difference = x - x.reduce("ReduceMean", axis, True)
    return (difference * difference).reduce("ReduceMean", axis, keepdims)


@writes("norm")
def norm(x, ord, axis, keepdims):
    if ord not in (None, 1, 2) or (isinstance(axis, (list, tuple)) and ord is not None):
        raise ValueError(f"export: norm: expected ord None, 1 or 2 along one axis, got {ord!r}")
    return x.reduce("ReduceL1" if ord == 1 else "ReduceL2", axis, keepdims)


# --- activations ---------------------------------------------------------------------------------


@writes("relu")
def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    if threshold == 0 and negative_slope == 0:
        return x.node("Relu") if max_value is None else clip(x, 0.0, max_value)
    if threshold == 0 and max_value is None:
        return x.node("LeakyRelu", alpha=float(negative_slope))
    below = (x - threshold) * negative_slope
    return _choose(x.node("LessOrEqual", threshold, dtype=bool), below, clip(x, None, max_value))


def _threshold(x, threshold, default_value):
    is_below = x.node("LessOrEqual", threshold, dtype=bool)
    return _choose(is_below, x.graph.constant(default_value, dtype=x.dtype), x)


@writes("sparse_plus")
def sparse_plus(x):
    middle = clip(x, -1.0, 1.0) + 1.0
    return _choose(x.node("GreaterOrEqual", 1.0, dtype=bool), x, middle * middle / 4.0)


@writes("glu")
def glu(x, axis):
    half = x.shape[axis] // 2
    return x.slice(axis, 0, half) * x.slice(axis, half, None).node("Sigmoid")


@writes("sparsemax")
def sparsemax(x, axis):
    place, size = x.at(axis), x.shape[axis]
    name = x.graph.new_name(f"{x.graph.scope}/TopK")
    names = [x.named(x.home), x.graph.list_of([size])]
    node = x.graph.library.helper.make_node("TopK", names, [name, f"{name}_places"], axis=place)
    x.graph.nodes.append(node)
    ordered = x.made(name, x.shape, x.home)
    total = x.made(x.graph.add("CumSum", [name, x.graph.list_of([place])]), x.shape, x.home)
    sizes = [size if a == axis % x.rank else 1 for a in range(x.rank)]
    counts = x.graph.constant(np.arange(1.0, size + 1).reshape(sizes))
    kept = (ordered * counts + 1.0).node("Greater", total, dtype=bool).cast(x.dtype)
    excess = (ordered * kept).reduce("ReduceSum", axis, True) - 1.0
    return (x - excess / kept.reduce("ReduceSum", axis, True)).node("Relu")


def softmax(x, axis):
    """Write Softmax; along several axes, which it does not have, by its formula."""
    if np.ndim(axis) == 0:
        return x.along("Softmax", axis)
    return (x - x.reduce("ReduceLogSumExp", axis, True)).node("Exp")


FUNCTIONS |= {
    "celu": lambda x, alpha: x.node("Celu", alpha=float(alpha)),
    "elu": lambda x, alpha: x.node("Elu", alpha=float(alpha)),
    "gelu": lambda x, approximate: x.node("Gelu", approximate="tanh" if approximate else "none"),
    "hard_shrink": lambda x, threshold: x.node("Shrink", lambd=float(threshold)),
    "hard_sigmoid": lambda x: x.node("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_silu": lambda x: x.node("HardSwish"),
    "hard_tanh": lambda x: clip(x, -1.0, 1.0),
    "leaky_relu": lambda x, negative_slope: x.node("LeakyRelu", alpha=float(negative_slope)),
    "log_sigmoid": lambda x: -(-x).node("Softplus"),
    "log_softmax": lambda x, axis: x.along("LogSoftmax", axis),
    "relu6": lambda x: clip(x, 0.0, 6.0),
    "silu": lambda x: x * x.node("Sigmoid"),
    "soft_shrink": lambda x, threshold: x.node(
        "Shrink", lambd=float(threshold), bias=float(threshold)
    ),
    "softmax": softmax,
    "sparse_sigmoid": lambda x: clip(x / 2.0 + 0.5, 0.0, 1.0),
    "squareplus": lambda x, b: (x + (x * x + float(b)).node("Sqrt")) / 2.0,
    "tanh_shrink": lambda x: x - x.node("Tanh"),
    "threshold": _threshold,
}


# --- shapes --------------------------------------------------------------------------------------


def _places_of(node):
    def write(x, axis, keepdims=False):
        x, axis = (x.reshape((-1,)), 0) if axis is None else (x, axis)
        x = x.made(x.last, x.shape)
        options = {"axis": axis % x.rank, "keepdims": int(keepdims)}
        sizes = [(1 if i == axis % x.rank else n) for i, n in enumerate(x.shape)]
        kept = sizes if keepdims else [n for i, n in enumerate(sizes) if i != axis % x.rank]
        return x.made(x.graph.add(node, [x.last], **options), kept, dtype=np.int64)

    return write


@writes("getitem")
def getitem(x, index):
    parts = [*index] if isinstance(index, tuple) else [index]
    count = sum(part is not None and part is not ... for part in parts)
    if not any(part is ... for part in parts):
        parts.append(...)
    place = next(i for i, part in enumerate(parts) if part is ...)
    parts[place : place + 1] = [slice(None)] * (x.rank - count)
    axis, dropped, new, arrays = 0, [], [], 0
    for part in parts:
        if part is None:
            new.append(axis - len(dropped) + len(new))
            continue
        if isinstance(part, (int, np.integer)):
            x = x.slice(axis, int(part), int(part) + 1 or None)
            dropped.append(axis)
        elif not isinstance(part, slice):
            arrays += 1
            x = x.take(axis, _checked_places(part, x.shape[axis], arrays))
        elif part != slice(None):
            x = x.slice(axis, part.start, part.stop, part.step or 1)
        axis += 1
    x = x.squeeze(dropped) if dropped else x
    return x.unsqueeze(new) if new else x


def _checked_places(part, size, number):
    places = np.asarray(part)
    if isinstance(part, Value) or places.ndim != 1 or places.dtype.kind not in "iu" or number > 1:
        raise ValueError(
            "export: getitem: expected ints, slices, None, ... and one list of whole numbers, got "
            f"{part!r}"
        )
    return places % size if size else places


@writes("pad")
def pad(x, pad_width, mode, constant_values):
    if mode not in ("constant", "reflect"):
        raise ValueError(f"export: pad: expected mode 'constant' or 'reflect', got {mode!r}")
    borders = np.broadcast_to(pad_width, (x.rank, 2)).tolist()
    return x.pad(borders, constant_values or 0.0, mode)


@writes("broadcast_to")
def broadcast_to(x, shape):
    return x.made(x.graph.add("Expand", [x.last, x.graph.list_of(shape)]), shape)


@writes("tile")
def tile(x, repeats):
    repeats = (repeats,) if isinstance(repeats, int) else tuple(repeats)
    times = (1,) * (x.rank - len(repeats)) + repeats
    x = x.unsqueeze(range(len(times) - x.rank)) if len(times) > x.rank else x
    shape = [None if n is None else n * k for n, k in zip(x.shape, times, strict=True)]
    return x.made(x.graph.add("Tile", [x.last, x.graph.list_of(times)]), shape)


def _moved(way):
    """A writer of what keeps or repeats places of one axis, as NumPy's function does."""

    def write(x, axis, **options):
        size = None if axis is None else x.shape[axis]
        if size is None:
            expected = "an axis of known size, not the batch"
            raise ValueError(
                f"export: {way.__name__}: expected {expected}, got axis={axis} of {x.shape}"
            )
        places = way(np.arange(size), axis=0, **options)
        if isinstance(places, list):
            return [x.take(axis, part) for part in places]
        return x.take(axis, places) if np.ndim(places) else x.take(axis, [places]).squeeze([axis])

    return write


def _filled(number):
    def write(x, dtype):
        names = (
            x.graph.constant(number, dtype=dtype or x.dtype).last,
            x.graph.add("Shape", [x.last]),
        )
        return x.made(x.graph.add("Expand", names), x.shape, dtype=dtype)

    return write


@writes("einsum")
def einsum(subscripts, operands, kwargs=None):
    values, sizes = _joined(operands), {}
    equation = subscripts.replace(" ", "")
    left, arrow, result = equation.partition("->")
    if "." in equation or not arrow:
        expected = "a letter for each axis, and those of the result"
        raise ValueError(f"export: einsum: expected {expected}, got {subscripts!r}")
    for value, term in zip(values, left.split(","), strict=True):
        sizes |= dict(zip(term, value.shape, strict=True))
    name = values[0].graph.add("Einsum", [value.last for value in values], equation=equation)
    return values[0].made(name, [sizes[letter] for letter in result])


def _joined(xs, graph_of=Value):
    """The parts of a list as Values; one of them is."""
    graph = next(x.graph for x in xs if isinstance(x, graph_of))
    return [graph.as_value(x, graph.dtype) for x in xs]


def _reshape(x, newshape, sizes=()):
    first = (newshape,) if isinstance(newshape, (int, np.integer)) else tuple(newshape)
    return x.reshape((*first, *sizes))


def _squeeze(x, axis):
    if axis is None:
        axis = [i for i, size in enumerate(x.shape) if size == 1]
    return x.squeeze([axis] if isinstance(axis, int) else axis)


def _transpose(x, axes, others=()):
    axes = (axes, *others) if isinstance(axes, int) else axes
    return x.permute(axes or range(x.rank)[::-1])


FUNCTIONS |= {
    "argmax": _places_of("ArgMax"),
    "argmin": _places_of("ArgMin"),
    "concatenate": lambda xs, axis: concatenate(_joined(xs), axis),
    "cumsum": lambda x, axis, dtype: x.made(
        x.graph.add("CumSum", [x.last, x.graph.list_of([axis % x.rank])]), x.shape
    ),
    "flip": _moved(np.flip),
    "ones_like": _filled(1.0),
    "repeat": _moved(np.repeat),
    "roll": _moved(np.roll),
    "split": _moved(np.split),
    "take": _moved(np.take),
    "zeros_like": _filled(0.0),
    "expand_dims": lambda x, axis: x.unsqueeze([axis] if isinstance(axis, int) else axis),
    "matmul": lambda x, y: x.matmul(y),
    "reshape": _reshape,
    "squeeze": _squeeze,
    "stack": lambda xs, axis: concatenate([x.unsqueeze([axis]) for x in _joined(xs)], axis),
    "transpose": _transpose,
}


# --- products and windows ------------------------------------------------------------------------


def activated(x, activation):
    """Write an activation, which is a name or a function."""
    return x if activation is None else FUNCTIONS[activation](x)


@writes("dense")
def dense(x, kernel, bias=None, activation=None):
    """Write a Gemm of rows, or a product of more axes."""
    if x.rank != 2:
        y = x.matmul(kernel)
        return activated(y if bias is None else y + bias, activation)
    names = [x.last, kernel.last] + ([] if bias is None else [bias.last])
    return activated(x.made(x.graph.add("Gemm", names), (x.shape[0], kernel.shape[1])), activation)


@writes("conv2d")
def convolve(x, kernel, bias, strides, padding, dilation_rate, groups, activation=None):
    """Write a Conv over any number of axes, with the kernel as (F, C / groups, ...)."""
    *window, _, F = kernel.shape
    names = [kernel.permute((-1, -2, *range(len(window)))).last]
    names += [] if bias is None else [bias.last]
    options = {"dilations": as_many(dilation_rate, window), "group": groups}
    y = slide("Conv", x, names, window, strides, padding, F, **options)
    return activated(y, activation)


def convolve_channels(x, kernel, bias, strides, padding, dilation_rate):
    """Write a Conv of each channel alone: the kernel is (..., C, M)."""
    *window, C, M = kernel.shape
    axes = range(len(window))
    turned = kernel.permute((-2, -1, *axes)).reshape((C * M, 1, *window))
    options = {"dilations": as_many(dilation_rate, window), "group": C}
    names = [turned.last] + ([] if bias is None else [bias.last])
    return slide("Conv", x, names, window, strides, padding, C * M, **options)


def as_many(number, window):
    """Return a list of a number for each axis of the window."""
    return [int(number)] * len(window) if np.ndim(number) == 0 else [int(n) for n in number]


def slide(op, x, names, window, strides, padding, channels, **attributes):
    """Write a node that slides a window over all axes between batch and channels."""
    strides, window = as_many(strides, window), as_many(window, window)
    dilations = attributes.get("dilations", [1] * len(window))
    extents = [(size - 1) * d + 1 for size, d in zip(window, dilations, strict=True)]
    output, pads = [], []
    for i, size in enumerate(x.shape[1:-1]):
        if isinstance(padding, (tuple, list)):
            pads.append(padding[i])
        elif padding == "same" and size is not None:
            total = max((-(-size // strides[i]) - 1) * strides[i] + extents[i] - size, 0)
            pads.append((total // 2, total - total // 2))
        else:
            pads.append((0, 0))
        known = size is not None
        output.append((size + sum(pads[i]) - extents[i]) // strides[i] + 1 if known else None)
    if padding == "same" and None in x.shape[1:-1]:
        attributes["auto_pad"] = "SAME_UPPER"
    elif any(map(any, pads)):
        attributes["pads"] = [end for ends in zip(*pads, strict=True) for end in ends]
    attributes |= {"kernel_shape": window, "strides": strides}
    shape = (x.shape[0], *output, channels)
    name = x.graph.add(op, [x.first, *names], **attributes)
    return x.made(name, shape, channels_first(x.rank))


def transpose_convolve(x, kernel, bias, strides, padding, output_padding, dilation_rate):
    """Write a ConvTranspose; the kernel is (..., F, C)."""
    *window, F, _ = kernel.shape
    strides, dilations = as_many(strides, window), as_many(dilation_rate, window)
    extra = [None] * len(window) if output_padding is None else as_many(output_padding, window)
    output, pads, more = [], [], []
    for i, size in enumerate(x.shape[1:-1]):
        step = strides[i], padding, extra[i], dilations[i]
        output.append(None if size is None else transposed_size(size, window[i], *step)[0])
        far = 2**20  # what is cut off does not depend on the size
        cut = (far - 1) * strides[i] + (window[i] - 1) * dilations[i] + 1
        cut -= transposed_size(far, window[i], *step)[0]
        pads.append((max(cut, 0) // 2, max(cut, 0) - max(cut, 0) // 2))
        more.append(max(-cut, 0))
    names = [x.first, kernel.permute((-1, -2, *range(len(window)))).last]
    names += [] if bias is None else [bias.last]
    name = x.graph.add(
        "ConvTranspose", names, kernel_shape=list(window), strides=strides, dilations=dilations,
        pads=[end for ends in zip(*pads, strict=True) for end in ends], output_padding=more,
    )  # fmt: skip
    return x.made(name, (x.shape[0], *output, F), channels_first(x.rank))


def pool(op, x, pool_size, strides, padding):
    """Write MaxPool or AveragePool."""
    window = as_many(pool_size, x.shape[1:-1])
    strides = window if strides is None else strides
    return slide(op, x, [], window, strides, padding, x.shape[-1])


def pool_all(op, x, keepdims=False):
    """Write GlobalMaxPool or GlobalAveragePool."""
    axes = range(1, x.rank - 1)
    shape = (x.shape[0], *[1] * len(axes), x.shape[-1])
    y = x.made(x.graph.add(op, [x.first]), shape, channels_first(x.rank))
    return y if keepdims else y.squeeze(axes)


FUNCTIONS |= {
    "avg_pool2d": functools.partial(pool, "AveragePool"),
    "conv2d_transpose": lambda x, kernel, **options: transpose_convolve(x, kernel, None, **options),
    "global_avg_pool2d": functools.partial(pool_all, "GlobalAveragePool"),
    "global_max_pool2d": functools.partial(pool_all, "GlobalMaxPool"),
    "max_pool2d": functools.partial(pool, "MaxPool"),
}
