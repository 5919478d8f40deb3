"""Random programs of 3 to 12 ops: values and gradients against PyTorch and finite differences.

A program starts at one or two arrays and goes on with ops of TABLE, applied to whatever was
computed before: so values are used again, broadcast, viewed, indexed with repeats, reduced, and
some of them are empty or have no axes. PyTorch and NumPy have to agree to 1e-9 in float64.

``MINIGRAD_SEED=7 pytest ... -k programs`` begins with program 7; a failure prints its program.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from minigrad import Tensor, ops

try:
    import torch
    from torch.nn import functional as F  # noqa: N812
except ImportError:  # then the finite differences alone
    torch = F = None

LARGEST = 100.0  # of values: no program computes exp(exp(exp(x)))


@dataclass(frozen=True)
class Op:
    """How to call an op here and in PyTorch.

    `ours` and `theirs` take the operands and the options. `options(rng, shape)` draws them for a
    first operand of this shape, or returns None if there are none that fit. `others(rng, shape,
    options)` draws the shapes of the other operands.
    """

    ours: Callable
    theirs: Callable
    options: Callable = lambda rng, shape: {}
    others: Callable = lambda rng, shape, options: []


@dataclass
class Program:
    """Leaves, then steps (name of the op, numbers of its operands, its options)."""

    leaves: list = field(default_factory=list)  # (place among the values, array)
    steps: list = field(default_factory=list)  # (place, name, operands, options)
    weights: dict = field(default_factory=dict)  # place -> array that the value is weighed with
    untrained: set = field(default_factory=set)  # places of leaves without gradient

    def __str__(self):
        rows = [(place, f"array{a.shape}: {a.tolist()}") for place, a in self.leaves]
        rows += [(place, f"{name}{operands} {o}") for place, name, operands, o in self.steps]
        rows = [f"v{place} = {text}" for place, text in sorted(rows)]
        return "\n".join([*rows, f"result: weighed sum of {sorted(self.weights)}"])

    def run(self, which, leaves):
        """Compute with "ours" or "theirs": return all values, and the weighed sum."""
        values = dict(zip([place for place, _ in self.leaves], leaves, strict=True))
        for place, name, operands, options in self.steps:
            function = getattr(TABLE[name], which)
            values[place] = function(*[values[i] for i in operands], **options)
        total = 0.0
        for place, weight in self.weights.items():
            weight = weight if which == "ours" else torch.tensor(weight)
            total = total + (values[place] * weight).sum()
        return values, total


# --- drawing options -----------------------------------------------------------------------------


def axis_of(rng, shape):
    """None, an axis, or several, from the front or from behind."""
    if not shape or rng.random() < 0.2:
        return None
    axes = rng.permutation(len(shape))[: rng.integers(1, len(shape) + 1)]
    axes = [int(i) - len(shape) * int(rng.random() < 0.5) for i in axes]
    return axes[0] if len(axes) == 1 or rng.random() < 0.5 else tuple(axes)


def reducing(rng, shape):
    return {"axis": axis_of(rng, shape), "keepdims": bool(rng.random() < 0.4)}


def filled(rng, shape):
    """Those of a reduction that nothing empty has."""
    return reducing(rng, shape) if 0 not in shape else None


def one_axis(rng, shape):
    return {"axis": int(rng.integers(-len(shape), len(shape)))} if shape else None


def filled_axis(rng, shape):
    return one_axis(rng, shape) if 0 not in shape else None


def spread_axis(rng, shape):
    """An axis with a deviation: of one number alone it has no slope."""
    options = filled_axis(rng, shape)
    return options if options and shape[options["axis"]] > 1 else None


def broadcastable(rng, shape, options=None):
    """The shape of an operand that broadcasts with this one, in either direction."""
    cut = rng.integers(0, len(shape) + 1) if rng.random() < 0.4 else 0
    sizes = [1 if rng.random() < 0.25 else n for n in shape[cut:]]
    grown = [int(rng.integers(1, 4)) for _ in range(rng.integers(0, 2))]
    return [tuple(grown + sizes if cut == 0 and len(shape) < 3 else sizes)]


def slices(rng, shape):
    """Slices, ints, None and ... ."""
    index = []
    for n in shape[: rng.integers(0, len(shape) + 1)]:
        if n and rng.random() < 0.3:
            index.append(int(rng.integers(-n, n)))
        else:
            start, stop = sorted(rng.integers(-n - 1, n + 2, 2).tolist())
            index.append(slice(start, stop, int(rng.integers(1, 3))))
    if rng.random() < 0.2:
        index.insert(0, None)
    if rng.random() < 0.2:
        index.append(...)
    return {"index": tuple(index)}


def places(rng, shape):
    """Integer arrays, with repeats and negative ones."""
    if not shape or not shape[0]:
        return None
    taken = tuple(rng.integers(0, 4, rng.integers(0, 3)).tolist())
    both = len(shape) > 1 and shape[1] and rng.random() < 0.4
    index = tuple(rng.integers(-n, n, taken) for n in shape[: 1 + bool(both)])
    if not both and rng.random() < 0.3:
        index = (slice(None), *index) if len(shape) > 1 and shape[1] >= shape[0] else index
    return {"index": index if len(index) > 1 else index[0]}


def mask(rng, shape):
    return {"index": rng.random(shape[: rng.integers(1, len(shape) + 1)]) < 0.6} if shape else None


def order(rng, shape):
    axes = rng.permutation(len(shape)).tolist()
    return {"axes": tuple(i - len(shape) * (rng.random() < 0.5) for i in axes)}


def other_shape(rng, shape):
    size = int(np.prod(shape))
    shapes = [(size,), (1, size), (size, 1, 1), *([(2, -1), (-1, 2)] if size % 2 == 0 else [])]
    shapes += [shape[::-1], (*shape, 1)]
    if size == 0:
        shapes = [(0,), (3, 0), shape[::-1]]
    return {"shape": shapes[rng.integers(len(shapes))]}


def stretched(rng, shape):
    sizes = [int(rng.integers(0, 4)) if n == 1 and rng.random() < 0.7 else n for n in shape]
    return {"shape": (*[int(rng.integers(1, 3)) for _ in range(rng.integers(0, 2))], *sizes)}


def axis_to_insert(rng, shape):
    return {"axis": int(rng.integers(-len(shape) - 1, len(shape) + 1))}


def width(rng, shape):
    return {"width": [tuple(rng.integers(0, 3, 2).tolist()) for _ in shape]} if shape else None


def condition(rng, shape):
    return {"condition": rng.random(shape) < 0.5}


def joined(rng, shape, options):
    sizes = list(shape)
    sizes[options["axis"]] = int(rng.integers(0, 4))
    return [tuple(sizes), shape]


def product_operand(rng, shape, options):
    deep, wide = shape[-1], int(rng.integers(1, 4))
    batch = shape[:-2] if rng.random() < 0.5 else ()
    return [(deep,) if rng.random() < 0.3 else (*batch, deep, wide)]


def labels(rng, shape):
    if len(shape) < 1 or shape[-1] == 0:
        return None
    return {"labels": rng.integers(0, shape[-1], shape[:-1])}


def image(rng, shape):
    """A value (H, W, C), as one image."""
    if len(shape) != 3 or min(shape) == 0 or min(shape[:2]) < 2:
        return None
    return {"stride": int(rng.integers(1, 3)), "edge": int(rng.integers(0, 2))}


# --- how PyTorch says it -------------------------------------------------------------------------


def axes_of(x, axis):
    return tuple(range(x.ndim)) if axis is None else axis


def reduced(function):
    return lambda x, axis, keepdims: function(x, dim=axes_of(x, axis), keepdim=keepdims)


def pytorch_pad(x, width):
    return F.pad(x, [n for pair in reversed(width) for n in pair])


def pytorch_index(x, index):
    parts = index if isinstance(index, tuple) else (index,)
    as_torch = [torch.tensor(i) if isinstance(i, np.ndarray) else i for i in parts]
    return x[tuple(as_torch)]


def ramp(x):
    """Added to values that may be equal: there the standard deviation has a kink."""
    return np.arange(np.prod(x.shape)).reshape(x.shape) / 3


def channels_first(x):
    return x.permute(2, 0, 1)[None]


def channels_last(y):
    return y[0].permute(1, 2, 0)


def pytorch_logsumexp(x, axis, keepdims):
    return torch.logsumexp(x, dim=axes_of(x, axis), keepdim=keepdims) if x.ndim else x * 1


def pytorch_cumulative(function):
    return lambda x, axis: function(x, dim=axis)


def some(rng, shape):
    return {} if shape else None


def same_shape(rng, shape, options):
    return [shape]


def rows_of(rng, shape):
    """A place for each row, of which some repeat and none is left out."""
    if not shape or shape[0] < 2:
        return None
    return {"rows": rng.permutation(np.arange(shape[0]) % 2)}


def by_segment(name, method):
    def theirs(x, rows):
        return torch.stack([getattr(x[torch.tensor(rows == i)], method)(0) for i in (0, 1)])

    return Op(lambda x, rows: getattr(ops, name)(x, rows), theirs, rows_of)


def both(function):
    """Written with operators and methods, which are the same in both."""
    return {"ours": function, "theirs": function}


TABLE = {
    # arithmetic
    "add": Op(**both(lambda x, y: x + y), others=broadcastable),
    "sub": Op(**both(lambda x, y: x - y), others=broadcastable),
    "mul": Op(**both(lambda x, y: x * y), others=broadcastable),
    "div": Op(**both(lambda x, y: x / (y * y + 0.5)), others=broadcastable),
    "numbers": Op(**both(lambda x: 2 - (3 * x + 1) / 4 + 1 / (x * x + 2))),
    "pow": Op(**both(lambda x, y: (x * x + 0.5) ** (y / (y * y + 1))), others=broadcastable),
    "powers": Op(**both(lambda x: (x * x + 0.5) ** 0.3 + x**2 + 0.5 ** (x / (x * x + 1)))),
    "neg": Op(**both(lambda x: -x)),
    "square": Op(ops.square, lambda x: x * x),
    "abs": Op(**both(abs)),
    "maximum": Op(ops.maximum, lambda x, y: torch.maximum(x, y), others=broadcastable),
    "minimum": Op(ops.minimum, lambda x, y: torch.minimum(x, y), others=broadcastable),
    "clip": Op(lambda x: ops.clip(x, -0.53, 0.61), lambda x: x.clamp(-0.53, 0.61)),
    "where": Op(
        lambda x, y, condition: ops.where(condition, x, y),
        lambda x, y, condition: torch.where(torch.tensor(condition), x, y),
        condition,
        broadcastable,
    ),
    "mod": Op(lambda x: ops.mod(x, 0.7), lambda x: torch.remainder(x, 0.7)),
    # smooth functions
    "exp": Op(lambda x: ops.exp(x / 10), lambda x: torch.exp(x / 10)),
    "log": Op(lambda x: ops.log(x * x + 0.5), lambda x: torch.log(x * x + 0.5)),
    "sqrt": Op(lambda x: ops.sqrt(x * x + 0.5), lambda x: torch.sqrt(x * x + 0.5)),
    "sin": Op(ops.sin, lambda x: torch.sin(x)),
    "cos": Op(ops.cos, lambda x: torch.cos(x)),
    "tanh": Op(ops.tanh, lambda x: torch.tanh(x)),
    "sigmoid": Op(ops.sigmoid, lambda x: torch.sigmoid(x)),
    "relu": Op(ops.relu, lambda x: torch.relu(x)),
    "leaky_relu": Op(
        lambda x: ops.leaky_relu(x + 0.123, 0.3), lambda x: F.leaky_relu(x + 0.123, 0.3)
    ),
    "elu": Op(lambda x: ops.elu(x, 0.7), lambda x: F.elu(x, 0.7)),
    "selu": Op(ops.selu, lambda x: F.selu(x)),
    "gelu": Op(lambda x: ops.gelu(x, False), lambda x: F.gelu(x)),
    "gelu_tanh": Op(lambda x: ops.gelu(x, True), lambda x: F.gelu(x, approximate="tanh")),
    "silu": Op(ops.silu, lambda x: F.silu(x)),
    "softplus": Op(ops.softplus, lambda x: F.softplus(x, threshold=1e9)),
    "softsign": Op(ops.softsign, lambda x: F.softsign(x)),
    "log_sigmoid": Op(ops.log_sigmoid, lambda x: F.logsigmoid(x)),
    "hard_tanh": Op(lambda x: ops.hard_tanh(x + 0.123), lambda x: F.hardtanh(x + 0.123)),
    "tanh_shrink": Op(ops.tanh_shrink, lambda x: F.tanhshrink(x)),
    "celu": Op(ops.celu, lambda x: F.celu(x)),
    "arctan": Op(ops.arctan, lambda x: torch.atan(x)),
    "arcsinh": Op(ops.arcsinh, lambda x: torch.asinh(x)),
    "arctanh": Op(lambda x: ops.arctanh(ops.sin(x) / 2), lambda x: torch.atanh(torch.sin(x) / 2)),
    "arcsin": Op(lambda x: ops.arcsin(ops.sin(x) / 2), lambda x: torch.asin(torch.sin(x) / 2)),
    "arccos": Op(lambda x: ops.arccos(ops.sin(x) / 2), lambda x: torch.acos(torch.sin(x) / 2)),
    "arccosh": Op(lambda x: ops.arccosh(x * x + 1.5), lambda x: torch.acosh(x * x + 1.5)),
    "cosh": Op(lambda x: ops.cosh(x / 10), lambda x: torch.cosh(x / 10)),
    "sinh": Op(lambda x: ops.sinh(x / 10), lambda x: torch.sinh(x / 10)),
    "tan": Op(lambda x: ops.tan(ops.sin(x)), lambda x: torch.tan(torch.sin(x))),
    "erf": Op(ops.erf, lambda x: torch.erf(x)),
    "erfc": Op(ops.erfc, lambda x: torch.erfc(x)),
    "erfinv": Op(lambda x: ops.erfinv(ops.sin(x) / 2), lambda x: torch.erfinv(torch.sin(x) / 2)),
    "exp2": Op(lambda x: ops.exp2(x / 10), lambda x: torch.exp2(x / 10)),
    "expm1": Op(lambda x: ops.expm1(x / 10), lambda x: torch.exp(x / 10) - 1),
    "log1p": Op(lambda x: ops.log1p(x * x), lambda x: torch.log1p(x * x)),
    "log2": Op(lambda x: ops.log2(x * x + 0.5), lambda x: torch.log2(x * x + 0.5)),
    "log10": Op(lambda x: ops.log10(x * x + 0.5), lambda x: torch.log10(x * x + 0.5)),
    "rsqrt": Op(lambda x: ops.rsqrt(x * x + 0.5), lambda x: torch.rsqrt(x * x + 0.5)),
    "reciprocal": Op(lambda x: ops.reciprocal(x * x + 0.5), lambda x: 1 / (x * x + 0.5)),
    "arctan2": Op(
        lambda x, y: ops.arctan2(x, y * y + 0.5),
        lambda x, y: torch.atan2(x, y * y + 0.5),
        others=broadcastable,
    ),
    "hypot": Op(
        lambda x, y: ops.hypot(x, y + 0.123),
        lambda x, y: torch.hypot(x, y + 0.123),
        others=broadcastable,
    ),
    "logaddexp": Op(ops.logaddexp, lambda x, y: torch.logaddexp(x, y), others=broadcastable),
    # reductions
    "sum": Op(
        ops.sum, lambda x, axis, keepdims: torch.sum(x, axes_of(x, axis), keepdims), reducing
    ),
    "mean": Op(ops.mean, reduced(lambda x, **o: torch.mean(x, **o)), filled),
    "max": Op(ops.max, reduced(lambda x, **o: torch.amax(x, **o)), filled),
    "min": Op(ops.min, reduced(lambda x, **o: torch.amin(x, **o)), filled),
    "var": Op(ops.var, reduced(lambda x, **o: torch.var(x, correction=0, **o)), filled),
    "std": Op(
        lambda x, axis: ops.std(x + ramp(x), axis),
        lambda x, axis: torch.std(x + torch.tensor(ramp(x)), dim=axis, correction=0),
        spread_axis,
    ),
    "norm": Op(
        lambda x, axis, keepdims: ops.norm(x, None, axis, keepdims),
        reduced(lambda x, **o: torch.linalg.vector_norm(x, **o)),
        reducing,
    ),
    "logsumexp": Op(ops.logsumexp, pytorch_logsumexp, filled),
    "prod": Op(lambda x, axis: ops.prod(x, axis), lambda x, axis: torch.prod(x, axis), one_axis),
    "cumsum": Op(
        lambda x, axis: ops.cumsum(x, axis),
        pytorch_cumulative(lambda x, dim: torch.cumsum(x, dim)),
        one_axis,
    ),
    "cumprod": Op(
        lambda x, axis: ops.cumprod(x, axis),
        pytorch_cumulative(lambda x, dim: torch.cumprod(x, dim)),
        filled_axis,
    ),
    "median": Op(
        lambda x, axis: ops.quantile(x, 0.3, axis),
        lambda x, axis: torch.quantile(x, 0.3, axis),
        filled_axis,
    ),
    "softmax": Op(ops.softmax, lambda x, axis: torch.softmax(x, axis), filled_axis),
    "log_softmax": Op(ops.log_softmax, lambda x, axis: torch.log_softmax(x, axis), filled_axis),
    # views, indices, and what moves values
    "getitem": Op(**both(lambda x, index: x[index]), options=slices),
    "places": Op(lambda x, index: x[index], pytorch_index, places),
    "mask": Op(lambda x, index: x[index], pytorch_index, mask),
    "transpose": Op(ops.transpose, lambda x, axes: x.permute(axes), order),
    "reshape": Op(**both(lambda x, shape: x.reshape(shape)), options=other_shape),
    "broadcast_to": Op(ops.broadcast_to, lambda x, shape: x.broadcast_to(shape), stretched),
    "expand_dims": Op(ops.expand_dims, lambda x, axis: x.unsqueeze(axis), axis_to_insert),
    "squeeze": Op(**both(lambda x: x.squeeze())),
    "concatenate": Op(
        lambda *xs, axis: ops.concatenate(xs, axis),
        lambda *xs, axis: torch.cat(xs, axis),
        one_axis,
        joined,
    ),
    "stack": Op(
        lambda x, y, axis: ops.stack([x, y, x], axis),
        lambda x, y, axis: torch.stack([x, y, x], axis),
        axis_to_insert,
        lambda rng, shape, options: [shape],
    ),
    "pad": Op(lambda x, width: ops.pad(x, width), pytorch_pad, width),
    "flip": Op(lambda x, axis: ops.flip(x, axis), lambda x, axis: torch.flip(x, [axis]), one_axis),
    "negative steps": Op(lambda x: x[::-1], lambda x: x.flip(0), lambda r, s: {} if s else None),
    "roll": Op(
        lambda x, axis: ops.roll(x, 2, axis), lambda x, axis: torch.roll(x, 2, axis), filled_axis
    ),
    "sort": Op(
        lambda x, axis: ops.sort(x, axis),
        lambda x, axis: torch.sort(x, dim=axis, stable=True).values,
        one_axis,
    ),
    "diff": Op(
        lambda x, axis: ops.diff(x, axis=axis), lambda x, axis: torch.diff(x, dim=axis), filled_axis
    ),
    "tril": Op(ops.tril, lambda x: torch.tril(x), lambda r, s: {} if len(s) > 1 else None),
    "repeat": Op(
        lambda x, axis: ops.repeat(x, 2, axis),
        lambda x, axis: torch.repeat_interleave(x, 2, axis),
        one_axis,
    ),
    # products
    "matmul": Op(
        ops.matmul,
        lambda x, y: torch.matmul(x, y),
        lambda rng, shape: {} if shape else None,
        product_operand,
    ),
    "einsum": Op(
        lambda x, y: ops.einsum("...i,...i->...", x, y),
        lambda x, y: torch.einsum("...i,...i->...", x, y),
        lambda rng, shape: {} if shape else None,
        lambda rng, shape, options: [shape],
    ),
    "outer": Op(
        ops.outer,
        lambda x, y: torch.outer(x.reshape(-1), y.reshape(-1)),
        others=lambda rng, shape, options: [(int(rng.integers(0, 4)),)],
    ),
    "dense": Op(
        ops.dense,
        lambda x, w, b: x @ w + b,
        lambda rng, shape: {} if shape else None,
        lambda rng, shape, options: [(shape[-1], 3), (3,)],
    ),
    "conv2d": Op(
        lambda x, w, b, stride, edge: ops.conv2d(x[None], w, b, stride, [(edge, edge)] * 2)[0],
        lambda x, w, b, stride, edge: channels_last(
            F.conv2d(channels_first(x), w.permute(3, 2, 0, 1), b, stride, edge)
        ),
        image,
        lambda rng, shape, options: [(2, 2, shape[2], 2), (2,)],
    ),
    "max_pool2d": Op(
        lambda x, stride, edge: ops.max_pool2d(x[None], 2, stride, [(edge, edge)] * 2)[0],
        lambda x, stride, edge: channels_last(F.max_pool2d(channels_first(x), 2, stride, edge)),
        image,
    ),
    "avg_pool2d": Op(
        lambda x, stride, edge: ops.avg_pool2d(x[None], 2, stride, [(edge, edge)] * 2)[0],
        lambda x, stride, edge: channels_last(
            F.avg_pool2d(channels_first(x), 2, stride, edge, count_include_pad=False)
        ),
        image,
    ),
    "batch_norm": Op(
        lambda x, g, b: ops.batch_norm(x, g, b, 0.1)[0],
        lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True, eps=0.1),
        lambda rng, shape: {} if len(shape) == 2 and shape[0] > 1 and shape[1] else None,
        lambda rng, shape, options: [shape[1:], shape[1:]],
    ),
    "layer_norm": Op(
        lambda x, g, b: ops.layer_normalization(x, g, b, epsilon=0.1),
        lambda x, g, b: F.layer_norm(x, x.shape[-1:], g, b, 0.1),
        lambda rng, shape: {} if shape and 0 not in shape else None,
        lambda rng, shape, options: [shape[-1:], shape[-1:]],
    ),
    # stacks, scatters and segments
    "hstack": Op(
        lambda x, y: ops.hstack([x, y]), lambda x, y: torch.hstack([x, y]), some, same_shape
    ),
    "vstack": Op(
        lambda x, y: ops.vstack([x, y]), lambda x, y: torch.vstack([x, y]), some, same_shape
    ),
    "dstack": Op(
        lambda x, y: ops.dstack([x, y]), lambda x, y: torch.dstack([x, y]), some, same_shape
    ),
    "select": Op(
        lambda x, condition: ops.select([condition], [x], 2 * x),
        lambda x, condition: torch.where(torch.tensor(condition), x, 2 * x),
        condition,
    ),
    "scatter": Op(
        lambda x, rows: ops.scatter(rows[:, None], x, (3, *x.shape[1:])),
        lambda x, rows: x.new_zeros((3, *x.shape[1:])).index_add(0, torch.tensor(rows), x),
        rows_of,
    ),
    "scatter_update": Op(
        lambda x, rows: ops.scatter_update(x, [[1]], 2 * x[:1]),
        lambda x, rows: torch.cat([x[:1], 2 * x[:1], x[2:]]),
        rows_of,
    ),
    "segment_sum": by_segment("segment_sum", "sum"),
    "segment_prod": by_segment("segment_prod", "prod"),
    "segment_max": by_segment("segment_max", "amax"),
    "segment_min": by_segment("segment_min", "amin"),
    "global_avg_pool2d": Op(
        lambda x, **_: ops.global_avg_pool2d(x[None])[0], lambda x, **_: x.mean((0, 1)), image
    ),
    "global_max_pool2d": Op(
        lambda x, **_: ops.global_max_pool2d(x[None])[0], lambda x, **_: x.amax((0, 1)), image
    ),
    "average_pool": Op(
        lambda x, **_: ops.average_pool(x[None], 2)[0],
        lambda x, **_: channels_last(F.avg_pool2d(channels_first(x), 2)),
        image,
    ),
    # cross-entropies
    "softmax_cross_entropy": Op(
        lambda x, labels: ops.softmax_cross_entropy(x, labels),
        lambda x, labels: (
            -torch.log_softmax(x, -1).gather(-1, torch.tensor(labels)[..., None]).squeeze(-1)
        ),
        labels,
    ),
    "sigmoid_cross_entropy": Op(
        lambda x, condition: ops.sigmoid_cross_entropy(x, condition),
        lambda x, condition: F.binary_cross_entropy_with_logits(
            x, torch.tensor(condition, dtype=torch.float64), reduction="none"
        ),
        condition,
    ),
}


# Those with options or several operands, which are half of all steps.
SHAPING = [
    name for name, op in TABLE.items() if op.options is not Op.options or op.others is not Op.others
]


# --- drawing programs ----------------------------------------------------------------------------


def unusual(rng, array):
    """The same values, some of them in Fortran's order, backwards in memory, or read-only."""
    kind = rng.integers(4) if array.ndim else 0
    if kind == 1:
        array = np.asfortranarray(array)
    elif kind == 2:
        backwards = (slice(None, None, -1),) * array.ndim
        array = np.ascontiguousarray(array[backwards])[backwards]
    elif kind == 3:
        array.flags.writeable = False
    return array


def draw(seed):
    """A program; its values are finite and at most LARGEST."""
    rng = np.random.default_rng(seed)
    program, values, places = Program(), {}, itertools.count()

    def leaf(shape):
        place = next(places)
        values[place] = unusual(rng, np.asarray(rng.normal(size=shape)))
        program.leaves.append((place, values[place]))
        if rng.random() < 0.1:
            program.untrained.add(place)
        return place

    def operand(shape):
        """Something computed before of this shape, or a new leaf."""
        fitting = [place for place, value in values.items() if value.shape == shape]
        return int(rng.choice(fitting)) if fitting and rng.random() < 0.5 else leaf(shape)

    for _ in range(rng.integers(1, 3)):
        sizes = [0] if rng.random() < 0.03 else []
        leaf(tuple(sizes + rng.integers(1, 5, rng.integers(0, 4)).tolist()))
    program.untrained.discard(0)
    for _ in range(rng.integers(3, 13)):
        for _ in range(20):  # until one fits
            first = max(values) if rng.random() < 0.6 else int(rng.choice(list(values)))
            name = str(rng.choice(SHAPING if rng.random() < 0.4 else list(TABLE)))
            op, shape = TABLE[name], values[first].shape
            options = op.options(rng, shape)
            if options is None:
                continue
            before = dict(values), len(program.leaves)
            operands = [first, *map(operand, op.others(rng, shape, options))]
            found = op.ours(*[Tensor(values[i]) for i in operands], **options).data
            if found.size <= 500 and np.abs(found).max(initial=0) <= LARGEST:
                place = next(places)
                values[place] = found
                program.steps.append((place, name, operands, options))
                break
            values = before[0]
            del program.leaves[before[1] :]
    for place in [place for place, *_ in program.steps][-2:]:
        program.weights[place] = rng.normal(size=values[place].shape)
    return program


def run_ours(program):
    """All values, and the gradients of the leaves; zeros for a leaf that nothing depends on."""
    leaves = [
        Tensor(array, requires_grad=place not in program.untrained)
        for place, array in program.leaves
    ]
    values, total = program.run("ours", leaves)
    if total.requires_grad:
        total.backward()
    grads = [np.zeros(x.shape) if x.grad is None else x.grad for x in leaves]
    return {place: value.data for place, value in values.items()}, grads


def assert_close(found, expected, what, tolerance=1e-9):
    """Within the tolerance of the largest number, or of 1; `expected` may be NaN, not `found`."""
    assert found.shape == expected.shape, what
    assert np.isfinite(found).all(), what
    known = np.isfinite(expected)
    scale = max(1.0, np.abs(expected[known]).max(initial=0))
    error = np.abs(found - expected)[known].max(initial=0)
    assert error <= tolerance * scale, f"{what}: off by {error:.3g} of {scale:.3g}"


def test_random_programs_agree_with_pytorch(trials):
    pytest.importorskip("torch")
    torch.set_num_threads(1)
    used, number = set(), 0
    for number, seed in enumerate(trials(400, 20_000), start=1):  # noqa: B007
        program = draw(seed)
        values, grads = run_ours(program)
        leaves = [
            torch.tensor(array.copy(), requires_grad=place not in program.untrained)
            for place, array in program.leaves
        ]
        expected, total = program.run("theirs", leaves)
        if total.requires_grad:
            total.backward()
        told = f"seed {seed}\n{program}"
        for place, value in values.items():
            assert_close(value, expected[place].detach().numpy(), f"v{place} of {told}")
        for (place, _), grad, leaf in zip(program.leaves, grads, leaves, strict=True):
            theirs = np.zeros(grad.shape) if leaf.grad is None else leaf.grad.numpy()
            assert_close(grad, theirs, f"the gradient of v{place} of {told}")
        used |= {name for _, name, *_ in program.steps}
    assert used == set(TABLE) or number < 5000


def directional(program, seed):
    """The derivative in a random direction: ours, and those of finite differences."""
    rng = np.random.default_rng([seed, 1])
    directions = [
        rng.normal(size=array.shape) * (place not in program.untrained)
        for place, array in program.leaves
    ]
    _, grads = run_ours(program)
    ours = sum((g * d).sum() for g, d in zip(grads, directions, strict=True))
    size = sum(np.abs(g * d).sum() for g, d in zip(grads, directions, strict=True))

    def at(step):
        pairs = zip(program.leaves, directions, strict=True)
        moved = [Tensor(array + step * d) for (_, array), d in pairs]
        return program.run("ours", moved)[1].item()

    for step in (1e-3, 3e-4, 1e-4, 1e-5, 1e-6):  # smaller ones step across fewer kinks
        wide, narrow = ((at(h) - at(-h)) / (2 * h) for h in (step, step / 2))
        yield ours, (4 * narrow - wide) / 3, 1e-6 * max(1.0, size) + 1e-13 / step * 100


def test_random_programs_agree_with_finite_differences(trials):
    for seed in trials(400, 20_000):
        program = draw(seed)
        tried = list(directional(program, seed))
        good = any(abs(ours - found) <= tolerance for ours, found, tolerance in tried)
        assert good, f"{tried} of seed {seed}\n{program}"
