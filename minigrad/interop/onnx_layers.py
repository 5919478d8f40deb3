"""Which ONNX nodes stand for a layer: one writer for each class, of 1 to 8 lines.

What is not here, such as a model, a Lambda, a layer of your own or one that wraps another, is gone
into (see `replaying`). A subclass without a ``call`` of its own is written as its base.
"""

import numpy as np

from minigrad import layers
from minigrad.interop.onnx_functions import (
    convolve,
    convolve_channels,
    dense,
    keeper,
    pool,
    pool_all,
    relu,
    transpose_convolve,
    variance,
    write_function,
)
from minigrad.interop.onnx_graph import Value, concatenate
from minigrad.interop.replaying import replay
from minigrad.layers.noise import RandomLayer
from minigrad.layers.shaping import Cropping, Padding, UpSampling
from minigrad.utils.images import resize_weights

LAYERS = {}  # class -> its writer, a function of the layer and its input
writes = keeper(LAYERS)


def write_layer(graph, layer, arguments, options):
    """Write the nodes of a layer; NotImplemented of one that has no writer."""
    if options.get("training"):
        raise ValueError(
            f"export: {layer._title}: expected a call as in inference, got training=True; leave it "
            "out, fit passes it"
        )
    kind = next((cls for cls in type(layer).__mro__ if cls in LAYERS), None)
    if kind is None or type(layer).call is not kind.call or "call" in vars(layer):
        return NotImplemented
    x, *others = (graph.as_inputs(argument) for argument in arguments)
    if others or {*options} - {"training"}:
        raise ValueError(
            f"export: {layer._title}: expected a call with its input alone, got "
            f"{[*options] or 'several arguments'}; write the rest as a layer before it"
        )
    return LAYERS[kind](layer, x)


def weight(x, parameter):
    """The Value of a weight beside a Value; None of None."""
    return None if parameter is None else x.graph.weight(parameter)


def activate(layer, y):
    """Write a layer's activation."""
    return y if layer.activation is None else apply_function(y, layer.activation)


def apply_function(x, function):
    """Write what a function of minigrad's, or one of a user's, does to a Value."""

    def apply(function, arguments, options):
        return write_call(x.graph, function, arguments, options)

    return replay(function, (x,), {}, apply, Value)


def write_call(graph, function, arguments, options):
    """Write a layer or an op; NotImplemented of what is to be gone into."""
    is_layer = isinstance(function, layers.Layer)
    return (write_layer if is_layer else write_function)(graph, function, arguments, options)


# --- products and windows ------------------------------------------------------------------------


@writes(layers.Dense)
def _dense(layer, x):
    return activate(layer, dense(x, weight(x, layer.kernel), weight(x, layer.bias)))


@writes(layers.Conv2D, layers.Conv1D)
def _conv(layer, x):
    kernel, bias, padding = weight(x, layer.kernel), weight(x, layer.bias), layer.padding
    if padding == "causal":
        padding = [((layer.kernel_size[0] - 1) * layer.dilation_rate[0], 0)]
    options = layer.strides, padding, layer.dilation_rate, layer.groups
    return activate(layer, convolve(x, kernel, bias, *options))


def _window(layer):
    return layer.strides, layer.padding, layer.dilation_rate


@writes(layers.DepthwiseConv2D, layers.DepthwiseConv1D)
def _depthwise(layer, x):
    kernel, bias = weight(x, layer.kernel), weight(x, layer.bias)
    return activate(layer, convolve_channels(x, kernel, bias, *_window(layer)))


@writes(layers.SeparableConv2D, layers.SeparableConv1D)
def _separable(layer, x):
    y = convolve_channels(x, weight(x, layer.depthwise_kernel), None, *_window(layer))
    kernel, bias = weight(x, layer.pointwise_kernel), weight(x, layer.bias)
    return activate(layer, convolve(y, kernel, bias, 1, "valid", 1, 1))


@writes(layers.Conv2DTranspose, layers.Conv1DTranspose)
def _conv_transpose(layer, x):
    kernel, bias = weight(x, layer.kernel), weight(x, layer.bias)
    options = layer.strides, layer.padding, layer.output_padding, layer.dilation_rate
    return activate(layer, transpose_convolve(x, kernel, bias, *options))


def _pool(node):
    return lambda layer, x: pool(node, x, layer.pool_size, layer.strides, layer.padding)


def _pool_all(node):
    return lambda layer, x: pool_all(node, x, layer.keepdims)


LAYERS |= {
    layers.AveragePooling1D: _pool("AveragePool"),
    layers.AveragePooling2D: _pool("AveragePool"),
    layers.MaxPooling1D: _pool("MaxPool"),
    layers.MaxPooling2D: _pool("MaxPool"),
    layers.GlobalAveragePooling1D: _pool_all("GlobalAveragePool"),
    layers.GlobalAveragePooling2D: _pool_all("GlobalAveragePool"),
    layers.GlobalMaxPooling1D: _pool_all("GlobalMaxPool"),
    layers.GlobalMaxPooling2D: _pool_all("GlobalMaxPool"),
}


# --- normalization -------------------------------------------------------------------------------


def _spread(x, parameter, axes):
    """A weight of the sizes along some axes, as it is broadcast with x."""
    return weight(x, parameter).reshape([x.shape[a] if a in axes else 1 for a in range(x.rank)])


def _scaled(x, gamma, beta, axes):
    x = x if gamma is None else x * _spread(x, gamma, axes)
    return x if beta is None else x + _spread(x, beta, axes)


@writes(layers.BatchNormalization)
def _batch_norm(layer, x):
    axis, size = layer.axis % x.rank, layer.moving_mean.shape[0]
    turned = x.permute([0, axis, *(a for a in range(1, x.rank) if a != axis)])
    statistics = [weight(x, w).last for w in (layer.moving_mean, layer.moving_variance)]
    names = [turned.last, *_scales(layer, x, size), *statistics]
    name = x.graph.add("BatchNormalization", names, epsilon=layer.epsilon)
    return _back(turned.made(name, turned.shape), axis)


def _scales(layer, x, size):
    """The names of gamma and beta, or of constants in their place."""
    constants = ("gamma", layer.gamma, np.ones(size)), ("beta", layer.beta, np.zeros(size))
    return [
        (x.graph.constant(array, f"{layer.name}/{name}") if w is None else weight(x, w)).last
        for name, w, array in constants
    ]


def _back(y, axis):
    """Move the channels from behind the batch to where they were."""
    return y.permute([0, *range(2, axis + 1), 1, *range(axis + 1, y.rank)])


@writes(layers.LayerNormalization)
def _layer_norm(layer, x):
    axes = layer._positions(x.rank)
    if axes != list(range(axes[0], x.rank)):
        y = (x - x.reduce("ReduceMean", axes, True)) / root(variance(x, axes, True), layer.epsilon)
        return _scaled(y, layer.gamma, layer.beta, axes)
    ones = x.graph.constant(np.ones([x.shape[axis] for axis in axes]), f"{layer.name}/gamma")
    names = [x.last, (ones if layer.gamma is None else weight(x, layer.gamma)).last]
    names += [] if layer.beta is None else [weight(x, layer.beta).last]
    options = {"axis": axes[0], "epsilon": layer.epsilon}
    return x.made(x.graph.add("LayerNormalization", names, **options), x.shape)


def root(x, epsilon):
    """The root of values to which epsilon is added."""
    return (x + float(epsilon)).node("Sqrt")


@writes(layers.GroupNormalization)
def _group_norm(layer, x):
    (axis,) = layer._positions(x.rank)
    C = x.shape[axis]
    groups = C if layer.groups == -1 else layer.groups
    turned = x.permute([0, axis, *(a for a in range(1, x.rank) if a != axis)])
    options = {"num_groups": groups, "epsilon": layer.epsilon}
    name = x.graph.add("GroupNormalization", [turned.last, *_scales(layer, x, C)], **options)
    return _back(turned.made(name, turned.shape), axis)


@writes(layers.RMSNormalization)
def _rms_norm(layer, x):
    axes = layer._positions(x.rank)
    y = x / root((x * x).reduce("ReduceMean", axes, True), layer.epsilon)
    return y * _spread(x, layer.scale, axes)


def _unit(x, axes):
    return x / x.reduce("ReduceL2", axes, True).node("Max", 1e-12)


@writes(layers.Normalization)
def _normalize(layer, x):
    deviation = np.maximum(np.sqrt(layer.variance.data), 1e-7)
    return x * deviation + layer.mean if layer.invert else (x - layer.mean) / deviation


LAYERS |= {
    layers.Rescaling: lambda layer, x: x * np.asarray(layer.scale) + np.asarray(layer.offset),
    layers.UnitNormalization: lambda layer, x: _unit(x, layer._axes),
}


# --- element by element --------------------------------------------------------------------------


@writes(layers.ReLU)
def _relu(layer, x):
    return relu(x, layer.negative_slope, layer.max_value, layer.threshold)


@writes(layers.PReLU)
def _prelu(layer, x):
    return x.node("PRelu", weight(x, layer.alpha).reshape((1, *layer.alpha.shape)))


def _same(layer, x):
    return x


LAYERS |= {
    layers.Activation: activate,
    layers.ActivityRegularization: _same,
    layers.Dropout: _same,
    layers.Identity: _same,
    layers.InputLayer: _same,
    RandomLayer: _same,
}


# --- several inputs ------------------------------------------------------------------------------


def _merge(node):
    def write(layer, xs):
        rank = max(x.rank for x in xs)
        y, *others = (x.unsqueeze(range(1, rank - x.rank + 1)) if x.rank < rank else x for x in xs)
        for x in others:
            y = y.node(node, x)
        return y

    return write


@writes(layers.Dot)
def _dot(layer, xs):
    if layer.normalize:
        xs = [_unit(x, [axis]) for x, axis in zip(xs, layer._both, strict=True)]
    shape = layer.compute_output_shape([x.shape for x in xs])
    x, y = _axis_to(xs[0], layer._both[0], -1), _axis_to(xs[1], layer._both[1], 1)
    rows, columns = x.shape[1:-1], y.shape[2:]
    x = x.reshape((None, int(np.prod(rows)), x.shape[-1])) if len(rows) != 1 else x
    y = y.reshape((None, y.shape[1], int(np.prod(columns)))) if len(columns) != 1 else y
    z = x.matmul(y)
    return z if len(rows) == len(columns) == 1 else z.reshape(shape)


def _axis_to(x, axis, place):
    order = [a for a in range(x.rank) if a != axis % x.rank]
    order.insert(place % x.rank, axis % x.rank)
    return x.permute(order)


LAYERS |= {
    layers.Add: _merge("Add"),
    layers.Average: lambda layer, xs: _merge("Add")(layer, xs) / float(len(xs)),
    layers.Concatenate: lambda layer, xs: concatenate(xs, layer.axis),
    layers.Maximum: _merge("Max"),
    layers.Minimum: _merge("Min"),
    layers.Multiply: _merge("Mul"),
    layers.Subtract: _merge("Sub"),
}


# --- shapes --------------------------------------------------------------------------------------


@writes(layers.Flatten)
def _flatten(layer, x):
    if x.rank == 1:
        return x.reshape((None, 1))
    shape = layer.compute_output_shape(x.shape)
    return x.made(x.graph.add("Flatten", [x.last], axis=1), shape)


@writes(layers.RepeatVector)
def _repeat(layer, x):
    times = x.graph.list_of([1, layer.n, 1])
    name = x.graph.add("Tile", [x.unsqueeze([1]).last, times])
    return x.made(name, (x.shape[0], layer.n, x.shape[1]))


@writes(Cropping)
def _crop(layer, x):
    layer.compute_output_shape(x.shape)
    for axis, (before, after) in enumerate(layer.borders, 1):
        x = x.slice(axis, before, -after or None) if before or after else x
    return x


@writes(layers.CenterCrop)
def _center_crop(layer, x):
    return _middle(layer, x, (layer.height, layer.width))


def _middle(layer, x, size):
    """The middle of images of a known size."""
    for axis, (new, old) in enumerate(zip(size, sizes_of(layer, x), strict=True), 1):
        x = x.slice(axis, (old - new) // 2, (old - new) // 2 + new) if new != old else x
    return x


def sizes_of(layer, x):
    """Height and width, which have to be known."""
    if None in x.shape[1:3]:
        raise ValueError(
            f"export: {layer._title}: expected images of known size, got {x.shape}; give Input the "
            "height and width"
        )
    return x.shape[1:3]


@writes(UpSampling)
def _up_sample(layer, x):
    if layer.interpolation != "nearest":
        H, W = sizes_of(layer, x)
        return _resize(x, (H * layer.size[0], W * layer.size[1]), layer.interpolation, False)
    scales = [1.0, *layer._factors, 1.0]
    factors = x.graph.constant(np.array([scales[axis] for axis in x.home]), dtype=np.float32).last
    name = x.graph.add(
        "Resize", [x.names[x.home], "", factors], mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip
    return x.made(name, layer.compute_output_shape(x.shape), x.home)


def _resize(x, size, interpolation, antialias):
    """Write places taken, or products with the weights of pixels, along height and width."""
    for axis, new in enumerate(size, 1):
        old = x.shape[axis]
        if interpolation == "nearest":
            x = x.take(axis, (2 * np.arange(new) + 1) * old // (2 * new))
        else:
            order = [*range(axis), x.rank - 1, *range(axis + 1, x.rank - 1), axis]
            weights = resize_weights(old, new, interpolation, antialias)
            x = x.permute(order).matmul(weights).permute(order)
    return x


def _proportions(size, H, W):
    """The size of the largest part of an image with the proportions of `size`."""
    return min(H, int(W * size[0] / size[1])), min(W, int(H * size[1] / size[0]))


@writes(layers.Resizing)
def _resizing(layer, x):
    (H, W), size = sizes_of(layer, x), (layer.height, layer.width)
    if layer.crop_to_aspect_ratio:
        x = _middle(layer, x, [max(n, 1) for n in _proportions(size, H, W)])
    elif layer.pad_to_aspect_ratio:
        above = (max(H, int(W * size[0] / size[1])) - H) // 2
        left = (max(W, int(H * size[1] / size[0])) - W) // 2
        x = x.pad(((0, 0), (above, above), (left, left), (0, 0)), layer.fill_value)
    return _resize(x, size, layer.interpolation, layer.antialias)


@writes(layers.RandomCrop)
def _random_crop(layer, x):
    size, sizes = (layer.height, layer.width), sizes_of(layer, x)
    x = _middle(layer, x, [max(n, 1) for n in _proportions(size, *sizes)])
    return _resize(x, size, "bilinear", False)


@writes(layers.TimeDistributed)
def _each_step(layer, x):
    if None in x.shape[1:]:
        raise ValueError(
            f"export: {layer._title}: expected an input of known sizes, got {x.shape}; give Input "
            "the length"
        )
    y = apply_function(x.reshape((-1, *x.shape[2:])), layer.layer)
    return y.reshape((-1, x.shape[1], *y.shape[1:]))


LAYERS |= {
    layers.Permute: lambda layer, x: x.permute((0, *layer.dims)),
    layers.Reshape: lambda layer, x: x.reshape(layer.compute_output_shape(x.shape)),
    Padding: lambda layer, x: x.pad(((0, 0), *layer.borders, (0, 0))),
}


# --- categories ----------------------------------------------------------------------------------


@writes(layers.Embedding)
def _embed(layer, x):
    names = [weight(x, layer.embeddings).last, x.cast(np.int64).last]
    name = x.graph.add("Gather", names, axis=0)
    return x.made(name, (*x.shape, layer.output_dim), dtype=layer.dtype)


@writes(layers.CategoryEncoding)
def _encode(layer, x):
    return _rows(layer, x.cast(np.int64))


def _rows(layer, numbers):
    """Write whole numbers in the form of ``output_mode``: see `layers.categories.Categories`."""
    graph, mode = numbers.graph, layer.output_mode
    if mode == "int":
        return numbers.cast(layer.dtype)
    if mode != "one_hot" and numbers.rank < 2:
        raise ValueError(f"export: {layer._title}: expected numbers (N, T), got {numbers.shape}")
    if mode == "one_hot" and numbers.rank > 1 and numbers.shape[-1] == 1:
        numbers = numbers.squeeze([-1])
    constants = graph.list_of(layer.depth), graph.constant([0.0, 1.0], dtype=layer.dtype).last
    name = graph.add("OneHot", [numbers.last, *constants], axis=-1)
    y = numbers.made(name, (*numbers.shape, layer.depth), dtype=layer.dtype)
    if mode == "one_hot":
        return y
    return y.reduce("ReduceSum" if mode == "count" else "ReduceMax", 1)


@writes(layers.Discretization)
def _discretize(layer, x):
    boundaries = x.graph.constant(layer.bin_boundaries, dtype=x.dtype)
    above = x.unsqueeze([x.rank]).node("GreaterOrEqual", boundaries, dtype=bool).cast(x.dtype)
    return _rows(layer, above.reduce("ReduceSum", -1).cast(np.int64))


@writes(layers.IntegerLookup, layers.StringLookup)
def _look_up(layer, x):
    raise ValueError(
        f"export: {layer._title}: expected layers that ONNX's nodes can stand for, got one of a "
        "vocabulary; call it on the data, before the model"
    )
