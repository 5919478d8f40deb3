"""Keras's other ops: one row for a way to call one, with its formula in plain NumPy.

A name that is added to ``minigrad.more_ops`` fails the first test until it has a row here.
"""

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minigrad import Input, Model, Tensor, more_ops, no_grad, ops
from minigrad.testing import check_gradients

RNG = np.random.default_rng(0)
MASK = np.array([[True], [False], [True]])
LABELS = np.array([3, 0, 1])
ONE_HOT = np.eye(5, dtype=int)[LABELS]


def normal(*shape):
    return RNG.normal(size=shape)


def inside(*shape):
    """Between 0.1 and 0.9."""
    return RNG.uniform(0.1, 0.9, shape)


def apart(*shape):
    """No two values closer than 0.1."""
    size = math.prod(shape)
    return (RNG.permutation(size).reshape(shape) + 0.5 - size // 2) / 10


def probabilities(*shape):
    p = inside(*shape)
    return p / p.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


def by_names(expression):
    return lambda *xs: np.einsum(expression, *xs)


X = normal(3, 5)
HOLES = np.where(np.arange(15).reshape(3, 5) % 4 == 1, np.nan, X)
IMAGE = normal(2, 4, 6, 3)
SPD = X @ X.T + np.eye(3)

# Name, formula, arguments (float arrays become tensors), options.
SMOOTH = [  # and the op has a gradient
    ("arccos", np.arccos, [inside(3, 5)], {}),
    ("arccosh", np.arccosh, [1 + inside(3, 5)], {}),
    ("arcsin", np.arcsin, [inside(3, 5)], {}),
    ("arcsinh", np.arcsinh, [X], {}),
    ("arctan", np.arctan, [X], {}),
    ("arctanh", np.arctanh, [inside(3, 5)], {}),
    ("arctan2", np.arctan2, [X, normal(5)], {}),
    ("cbrt", np.cbrt, [apart(3, 5)], {}),
    ("cosh", np.cosh, [X], {}),
    ("sinh", np.sinh, [X], {}),
    ("tan", np.tan, [inside(3, 5)], {}),
    ("erf", np.vectorize(math.erf), [X], {}),
    ("erfc", np.vectorize(math.erfc), [X], {}),
    ("exp2", np.exp2, [X], {}),
    ("expm1", np.expm1, [X], {}),
    ("log10", np.log10, [inside(3, 5)], {}),
    ("log1p", np.log1p, [inside(3, 5)], {}),
    ("log2", np.log2, [inside(3, 5)], {}),
    ("reciprocal", lambda x: 1 / x, [inside(3, 5)], {}),
    ("rsqrt", lambda x: x**-0.5, [inside(3, 5)], {}),
    ("sinc", np.sinc, [np.append(apart(4), 0.0)], {}),
    ("deg2rad", np.deg2rad, [X], {}),
    ("rad2deg", np.rad2deg, [X], {}),
    ("hypot", np.hypot, [X, normal(3, 1)], {}),
    ("logaddexp", np.logaddexp, [X, normal(5)], {}),
    ("logaddexp2", np.logaddexp2, [X, normal(5)], {}),
    ("mod", np.mod, [X, inside(5)], {}),
    ("fmod", np.fmod, [X, inside(5)], {}),
    ("fmax", np.fmax, [np.array([[0.3], [np.nan], [-0.2]]), X], {}),
    ("fmin", np.fmin, [X, normal(5)], {}),
    ("divide_no_nan", lambda x, y: np.where(y == 0, 0, x / np.where(y == 0, 1, y)), [X, normal(5)],
     {}),
    ("nan_to_num", np.nan_to_num, [X], {}),
    ("ldexp", lambda x, x2: x * 2.0**x2, [X], {"x2": np.arange(5)}),
    ("select", lambda x: np.where(MASK, x, 2 * x), [X], {}),
    ("psnr", lambda x, y, max_val: -10 * np.log10(((x - y) ** 2).mean() / 4), [X, normal(3, 5)],
     {"max_val": 2.0}),
    # the names of other ops
    ("absolute", np.abs, [X], {}),
    ("fabs", np.abs, [X], {}),
    ("amax", np.max, [apart(3, 5)], {"axis": 0}),
    ("amin", np.min, [apart(3, 5)], {"axis": -1, "keepdims": True}),
    ("divide", np.divide, [X, inside(5)], {}),
    ("true_divide", np.divide, [X, inside(5)], {}),
    ("get_item", lambda x, key: x[key], [X], {"key": 1}),
    ("multiply", np.multiply, [X, normal(5)], {}),
    ("subtract", np.subtract, [X, normal(5)], {}),
    ("negative", np.negative, [X], {}),
    ("power", np.power, [inside(3, 5), normal(5)], {}),
    ("swish", lambda x: x * sigmoid(x), [X], {}),
    # rearranging
    ("array_split", np.array_split, [X], {"indices_or_sections": 2}),
    ("append", np.append, [X, normal(2)], {}),
    ("append", lambda x, y, axis: np.append(x, y, axis), [X, normal(3, 2)], {"axis": 1}),
    ("diag", np.diag, [normal(5)], {"k": -1}),
    ("diag", np.diag, [X], {"k": 1}),
    ("diagflat", np.diagflat, [X], {}),
    ("diagonal", np.diagonal, [normal(2, 3, 5)], {"offset": 1, "axis1": 1, "axis2": 2}),
    ("diff", np.diff, [X], {"n": 2}),
    ("diff", np.diff, [X], {"axis": 0}),
    ("dsplit", np.dsplit, [normal(1, 3, 4)], {"indices_or_sections": 2}),
    ("dstack", lambda x: np.dstack([x, x]), [normal(3)], {}),
    ("flip", np.flip, [X], {}),
    ("flip", np.flip, [X], {"axis": 1}),
    ("fliplr", np.fliplr, [X], {}),
    ("flipud", np.flipud, [X], {}),
    ("hsplit", np.hsplit, [X], {"indices_or_sections": [2]}),
    ("hstack", lambda x: np.hstack([x, x]), [X], {}),
    ("hstack", lambda x: np.hstack([x, x]), [normal(3)], {}),
    ("vstack", lambda x: np.vstack([x, x]), [normal(3)], {}),
    ("moveaxis", np.moveaxis, [normal(2, 3, 4)], {"source": 0, "destination": -1}),
    ("ravel", np.ravel, [X], {}),
    ("repeat", np.repeat, [X], {"repeats": 2}),
    ("repeat", np.repeat, [X], {"repeats": [1, 0, 3], "axis": 0}),
    ("roll", np.roll, [X], {"shift": 2, "axis": 1}),
    ("rot90", np.rot90, [X], {"k": 3}),
    ("slice", lambda x, start_indices, shape: x[1:3, 2:], [X],
     {"start_indices": (1, 2), "shape": (2, -1)}),
    ("slice_update", lambda x, start_indices, updates: np.block([[x[:1]], [x[1:, :3], updates]]),
     [X], {"start_indices": (1, 3), "updates": normal(2, 2)}),
    ("sort", np.sort, [X], {}),
    ("sort", np.sort, [X], {"axis": 0}),
    ("split", np.split, [X], {"indices_or_sections": [1, 4], "axis": 1}),
    ("swapaxes", np.swapaxes, [normal(2, 3, 4)], {"axis1": 0, "axis2": 2}),
    ("take", np.take, [X], {"indices": [[0, -1], [14, 3]]}),
    ("take", np.take, [X], {"indices": [0, 0, 4], "axis": 1}),
    ("take_along_axis", np.take_along_axis, [X], {"indices": LABELS[:, None], "axis": 1}),
    ("tile", lambda x, repeats: np.tile(x, repeats), [X], {"repeats": (2, 1, 3)}),
    ("tril", np.tril, [normal(2, 3, 3)], {"k": -1}),
    ("triu", np.triu, [X], {"k": 1}),
    ("unstack", lambda x, axis: list(np.moveaxis(x, axis, 0)), [X], {"axis": 1}),
    ("vsplit", np.vsplit, [X], {"indices_or_sections": 3}),
    ("space_to_depth", lambda x, block_size: np.concatenate(
        [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)], -1), [IMAGE], {"block_size": 2}),
    ("scatter", lambda x: np.array([0, x[0] + x[2], 0, x[1]]), [normal(3)], {}),
    ("scatter_update", lambda x, y: np.concatenate([x[:2], y]), [X, normal(1, 5)], {}),
    ("scatter_update", lambda x, y, reduction: np.concatenate([x[:2], x[2:] + y]),
     [X, normal(1, 5)], {"reduction": "add"}),
    # reducing
    ("average", lambda x, axis: x.mean(axis), [X], {"axis": 0}),
    ("average", lambda x, axis, weights: np.average(x, axis, weights), [X],
     {"axis": 1, "weights": inside(5)}),
    ("cumsum", np.cumsum, [X], {}),
    ("cumsum", np.cumsum, [X], {"axis": 0}),
    ("cumprod", np.cumprod, [X], {"axis": -1}),
    ("cumprod", np.cumprod, [X], {}),
    ("median", np.median, [X], {"axis": 1}),
    ("median", np.median, [X], {}),
    ("moments", lambda x, axes: [x.mean(1), x.var(1)], [X], {"axes": [1]}),
    ("percentile", np.percentile, [X], {"q": 37.0, "axis": 0, "keepdims": True}),
    ("quantile", np.quantile, [X], {"q": [0.1, 0.7]}),
    ("quantile", np.quantile, [normal(2, 3, 5)], {"q": [[0.1], [1.0]], "axis": (0, 2)}),
    ("quantile", np.quantile, [X], {"q": 0.3, "axis": 1, "method": "nearest"}),
    ("prod", np.prod, [X], {}),
    ("prod", np.prod, [X], {"axis": 1, "keepdims": True}),
    ("prod", np.prod, [np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0]])], {"axis": 1}),
    ("ptp", np.ptp, [apart(3, 5)], {"axis": 0}),
    ("trapezoid", np.trapezoid, [X], {"dx": 0.5, "axis": 0}),
    ("trapezoid", np.trapezoid, [X], {"x": np.array([0.0, 1.0, 1.5, 3.0, 3.1])}),
    ("segment_max", lambda x, segment_ids: x[[0, 1]].max(0)[None], [apart(2, 3)],
     {"segment_ids": [0, 0]}),
    ("segment_min", lambda x, segment_ids: x.min(0)[None], [apart(2, 3)], {"segment_ids": [0, 0]}),
    ("segment_prod", lambda x, segment_ids: x.prod(0)[None], [X], {"segment_ids": [0, 0, 0]}),
    ("segment_sum", lambda x, segment_ids, num_segments: np.stack([x[1], x[0] + x[2], 0 * x[0]]),
     [X], {"segment_ids": [1, 0, 1], "num_segments": 3}),
    ("normalize", lambda x, axis: x / np.sqrt((x * x).sum(0)), [X], {"axis": 0}),
    ("batch_normalization", lambda x, m, v, axis, offset, scale: (x - m) / np.sqrt(v + 1e-3)
     * scale + offset, [X, normal(5), inside(5)],
     {"axis": -1, "offset": normal(5), "scale": normal(5)}),
    ("batch_normalization", lambda x, m, v, axis: ((x.T - m) / np.sqrt(v + 1e-3)).T,
     [X, normal(3), inside(3)], {"axis": 0}),
    ("layer_normalization", lambda x: (x - x.mean(-1, keepdims=True))
     / np.sqrt(x.var(-1, keepdims=True) + 1e-7), [X], {}),
    ("rms_normalization", lambda x, scale: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-7)
     * scale, [X], {"scale": 2.0}),
    # products
    ("cdist", lambda x, y: np.sqrt(((x[:, None] - y) ** 2).sum(-1)), [X, normal(2, 5)], {}),
    ("dot", np.dot, [X, normal(5)], {}),
    ("dot", np.dot, [normal(2, 3, 4), normal(5, 4, 6)], {}),
    ("dot", np.dot, [np.array(2.0), X], {}),
    ("inner", np.inner, [X, normal(2, 5)], {}),
    ("kron", np.kron, [normal(2, 3), normal(3, 2)], {}),
    ("outer", np.outer, [normal(3), normal(4)], {}),
    ("tensordot", np.tensordot, [normal(2, 3, 4), normal(3, 4, 5)], {}),
    ("tensordot", np.tensordot, [normal(2, 3), normal(3, 4)], {"axes": 0}),
    ("tensordot", np.tensordot, [normal(2, 3, 4), normal(4, 3)], {"axes": [[1, 2], [1, 0]]}),
    ("trace", np.trace, [X], {"offset": 1}),
    ("vdot", np.vdot, [X, normal(3, 5)], {}),
    # layers and losses
    ("depthwise_conv", lambda x, w: x * w[0, 0, :, 0], [IMAGE, normal(1, 1, 3, 1)], {}),
    ("separable_conv", lambda x, v, w: x * v[0, 0, :, 0] @ w[0, 0],
     [IMAGE, normal(1, 1, 3, 1), normal(1, 1, 3, 2)], {}),
    ("conv_transpose", lambda x, w: x @ w[0, 0].T, [IMAGE, normal(1, 1, 2, 3)], {}),
    ("max_pool", lambda x, pool_size: x.reshape(2, 2, 2, 3, 2, 3).max((2, 4)), [IMAGE],
     {"pool_size": 2}),
    ("average_pool", lambda x, pool_size: x.reshape(2, 2, 2, 3, 2, 3).mean((2, 4)), [IMAGE],
     {"pool_size": (2, 2)}),
    ("binary_crossentropy", lambda target, p: -target * np.log(p) - (1 - target) * np.log(1 - p),
     [ONE_HOT, inside(3, 5)], {}),
    ("binary_crossentropy", lambda target, z, from_logits: np.log(1 + np.exp(z)) - target * z,
     [ONE_HOT, X], {"from_logits": True}),
    ("categorical_crossentropy", lambda target, p: -np.log(p[range(3), LABELS]),
     [ONE_HOT, probabilities(3, 5)], {}),
    ("sparse_categorical_crossentropy", lambda target, z, from_logits: -np.log(
        softmax(z)[range(3), LABELS]), [LABELS, X], {"from_logits": True}),
]  # fmt: skip

EINSUMS = [
    ("ij,jk->ik", (3, 5), (5, 2)),
    ("ij,jk", (3, 5), (5, 2)),
    ("ij,jk->", (3, 5), (5, 2)),
    ("bij,bjk->bki", (2, 3, 4), (2, 4, 5)),
    ("bhqd,bhkd->bhqk", (2, 3, 1, 5), (2, 3, 4, 5)),
    ("i,j->ij", (3,), (4,)),
    ("i,i", (3,), (3,)),
    ("ij->ji", (3, 5)),
    ("ij->", (3, 5)),
    ("ii->i", (4, 4)),
    ("ii", (4, 4)),
    ("iij->j", (3, 3, 2)),
    ("...ij->...ji", (2, 3, 4)),
    ("...a,...a->...", (2, 1, 3), (4, 3)),
    ("...ij,jk", (2, 3, 4), (4, 5)),
    ("ab,ab->a", (3, 5), (3, 5)),
    ("ab,c->b", (3, 5), (2,)),
    (" ij, jk,kl -> il", (2, 3), (3, 4), (4, 2)),
    (",i->i", (), (3,)),
    ("ij,jk->ik", (3, 0), (0, 2)),
]
SMOOTH += [
    ("einsum", by_names(names), [normal(*shape) for shape in shapes], {})
    for names, *shapes in EINSUMS
]
NAMES = [""] * (len(SMOOTH) - len(EINSUMS)) + [names for names, *_ in EINSUMS]

# How to call those that take a list, or data first.
CALLS = {
    "dstack": lambda x: ops.dstack([x, x]),
    "get_item": lambda x, key: ops.get_item(x, key),
    "hstack": lambda x: ops.hstack([x, x]),
    "vstack": lambda x: ops.vstack([x, x]),
    "scatter": lambda x: ops.scatter([[1], [3], [1]], x, (4,)),
    "scatter_update": lambda x, y, **options: ops.scatter_update(x, [[2]], y, **options),
    "select": lambda x: ops.select([MASK], [x], 2 * x),
}

Z = RNG.integers(0, 9, (3, 5))
STEPS = [  # without a gradient: name, formula, arguments, options
    *[(name, getattr(np, name), [X], {}) for name in (
        "all", "any", "argsort", "ceil", "count_nonzero", "floor", "isfinite", "isinf", "isnan",
        "isneginf", "isposinf", "isreal", "logical_not", "nonzero", "round", "sign", "signbit",
        "trunc",
    )],
    *[(name, getattr(np, name), [X.round(), np.array([1.0, -2.0, 1.0, 0.5, 3.0])], {}) for name in (
        "allclose", "equal", "floor_divide", "greater", "greater_equal", "heaviside", "isclose",
        "isin", "less", "less_equal", "logical_and", "logical_or", "logical_xor", "nextafter",
        "not_equal",
    )],
    *[(name, getattr(np, name), [Z, 1 + Z[0]], {}) for name in (
        "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
        "gcd", "lcm", "left_shift", "right_shift",
    )],
    *[(name, getattr(np, name), [HOLES], {"axis": 1}) for name in (
        "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian",
        "nanmin", "nanprod", "nanstd", "nansum", "nanvar",
    )],
    *[(name, getattr(np, name), [HOLES], {}) for name in ("nanmax", "nanmean", "nansum")],
    ("all", np.all, [Z > 1], {"axis": 0, "keepdims": True}),
    ("argpartition", np.argpartition, [apart(5)], {"kth": 2}),
    ("bincount", np.bincount, [Z.ravel()], {"minlength": 12}),
    ("bitwise_invert", np.invert, [Z], {}),
    ("bitwise_not", np.invert, [Z], {}),
    ("cholesky", np.linalg.cholesky, [SPD], {}),
    ("corrcoef", np.corrcoef, [X], {}),
    ("correlate", np.correlate, [normal(5), normal(3)], {"mode": "same"}),
    ("cross", np.cross, [normal(4, 3), normal(3)], {}),
    ("det", np.linalg.det, [SPD], {}),
    ("digitize", np.digitize, [X], {"bins": np.array([-1.0, 0.0, 1.0])}),
    ("eigh", np.linalg.eigh, [SPD], {}),
    ("histogram", np.histogram, [X], {"bins": 4}),
    ("i0", np.i0, [X], {}),
    ("in_top_k", lambda targets, x, k: np.array([True, False, False]), [[1, 0, 2], np.array(
        [[0.3, 0.2, 0.1], [0.1, 0.2, 0.3], [0.1, 0.2, np.nan]])], {"k": 2}),
    ("inv", np.linalg.inv, [SPD], {}),
    ("logdet", lambda x: np.log(np.linalg.det(x)), [SPD], {}),
    ("lstsq", lambda a, b: np.linalg.lstsq(a, b)[0], [normal(5, 3), normal(5)], {}),
    ("matrix_rank", np.linalg.matrix_rank, [X], {}),
    ("nanpercentile", np.nanpercentile, [HOLES], {"q": 40.0, "axis": 0}),
    ("nanquantile", np.nanquantile, [HOLES], {"q": 0.4}),
    ("pinv", np.linalg.pinv, [X], {}),
    ("qr", np.linalg.qr, [X], {}),
    ("round", np.round, [X], {"decimals": 1}),
    ("searchsorted", np.searchsorted, [np.arange(3.0), X[0]], {"side": "right"}),
    ("slogdet", np.linalg.slogdet, [SPD], {}),
    ("solve", np.linalg.solve, [SPD, normal(3, 2)], {}),
    ("svd", np.linalg.svd, [X], {}),
    ("unique", np.unique, [Z], {"return_counts": True}),
    ("unravel_index", np.unravel_index, [Z.ravel()], {"shape": (3, 4)}),
    ("vander", np.vander, [X[0]], {}),
    # new arrays
    ("arange", np.arange, [5], {}),
    ("arange", np.arange, [1.0, 2.0, 0.25], {}),
    ("array", np.array, [[[1, 2], [3, 4]]], {}),
    ("bartlett", np.bartlett, [7], {}),
    ("blackman", np.blackman, [7], {}),
    ("hamming", np.hamming, [7], {}),
    ("hanning", np.hanning, [7], {}),
    ("kaiser", np.kaiser, [7, 3.0], {}),
    ("cast", lambda x, dtype: x.astype(dtype), [3 * X], {"dtype": "int32"}),
    ("convert_to_numpy", np.array, [X], {}),
    ("convert_to_tensor", np.array, [[1.5, 2]], {}),
    ("copy", np.copy, [X], {}),
    ("empty", lambda shape: np.zeros(shape), [(2, 3)], {}),
    ("empty_like", np.zeros_like, [X], {}),
    ("eye", np.eye, [3, 5], {"k": 1}),
    ("full", np.full, [(2, 3), 7.5], {}),
    ("full_like", np.full_like, [X, 2.0], {}),
    ("geomspace", np.geomspace, [1, 100, 5], {}),
    ("identity", np.identity, [3], {}),
    ("linspace", np.linspace, [0, 1, 7], {"endpoint": False}),
    ("linspace", np.linspace, [0, 1, 7], {"retstep": True}),
    ("logspace", np.logspace, [0, 2, 5], {}),
    ("meshgrid", np.meshgrid, [X[0], X[1, :3]], {"indexing": "ij"}),
    ("multi_hot", lambda x, n: np.array([[1, 0, 1, 0], [0, 1, 0, 0]]), [[[0, 2], [1, 1]], 4], {}),
    ("ndim", np.ndim, [X], {}),
    ("one_hot", lambda x, n: np.eye(4)[[0, 3]], [[0, 3], 4], {}),
    ("one_hot", lambda x, n, axis: np.eye(3)[[[0, 1], [2, 0]]].transpose(0, 2, 1),
     [[[0, 1], [2, 0]], 3], {"axis": 1}),
    ("ones", np.ones, [3], {}),
    ("ones_like", np.ones_like, [X], {}),
    ("saturate_cast", lambda x, dtype: np.clip(x, 0, 255).astype(dtype), [300 * X],
     {"dtype": "uint8"}),
    ("size", np.size, [X], {}),
    ("stop_gradient", np.copy, [X], {}),
    ("top_k", lambda x, k: [np.sort(x)[:, :-k - 1:-1], np.argsort(x)[:, :-k - 1:-1]], [X],
     {"k": 2}),
    ("tri", np.tri, [3, 4], {"k": -1}),
    ("zeros", np.zeros, [(2, 0, 3)], {}),
    ("zeros_like", np.zeros_like, [Z], {}),
    ("depth_to_space", lambda x, block_size: x.reshape(2, 4, 6, 2, 2, 1).transpose(
        0, 1, 3, 2, 4, 5).reshape(2, 8, 12, 1), [normal(2, 4, 6, 4)], {"block_size": 2}),
]  # fmt: skip
ELSEWHERE = {  # tested by themselves, here or in tests/test_activations.py
    "linalg", "cond", "dtype", "fori_loop", "is_tensor", "map", "scan", "switch", "vectorized_map",
    "while_loop", "erfinv", *more_ops.ACTIVATIONS, "conv",
}  # fmt: skip


def names_of(rows):
    return [f"{row[0]}-{i}" for i, row in enumerate(rows)]


def leaves(value):
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def narrow(value, dtype):
    is_float = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(dtype) if is_float else value


def apply(name, names, arguments, options):
    arguments = [names, *arguments] if names else arguments
    return CALLS.get(name, getattr(ops, name))(*arguments, **options)


def as_tensors(values, dtype="float64"):
    floats = [isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in values]
    return [Tensor(x, dtype) if is_float else x for x, is_float in zip(values, floats, strict=True)]


def test_every_op_has_a_row():
    assert {row[0] for row in SMOOTH + STEPS} | ELSEWHERE == set(more_ops.__all__)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("row", "names"), [*zip(SMOOTH, NAMES, strict=True)], ids=names_of(SMOOTH))
def test_values_are_those_of_numpy(row, names, dtype):
    name, formula, arguments, options = row
    expected = leaves(formula(*arguments, **options))
    options = {key: narrow(value, dtype) for key, value in options.items()}
    found = leaves(apply(name, names, as_tensors(arguments, dtype), options))
    for y, value in zip(found, expected, strict=True):
        assert type(y) is Tensor and (y.shape, y.dtype) == (np.shape(value), dtype)
        assert_allclose(y.data, value, **{"rtol": 3e-5, "atol": 3e-6} if dtype == "float32" else {
            "rtol": 1e-10, "atol": 1e-12})  # fmt: skip


@pytest.mark.parametrize(("row", "names"), [*zip(SMOOTH, NAMES, strict=True)], ids=names_of(SMOOTH))
def test_gradients_are_those_of_finite_differences(row, names):
    name, _, arguments, options = row
    data = [x for x in arguments if x.dtype.kind != "f"]
    floats = [x for x in arguments if x.dtype.kind == "f"]

    def function(*tensors):
        found = leaves(apply(name, names, [*data, *tensors], options))
        return ops.concatenate([ops.reshape(y, -1) for y in found]) if len(found) > 1 else found[0]

    check_gradients(function, *floats, rtol=1e-5)


@pytest.mark.parametrize("row", STEPS, ids=names_of(STEPS))
def test_values_without_a_gradient_are_those_of_numpy(row):
    name, formula, arguments, options = row
    expected = leaves(formula(*arguments, **options))
    found = leaves(apply(name, "", as_tensors(arguments), options))
    for y, value in zip(found, expected, strict=True):
        assert not getattr(y, "requires_grad", False)
        y = y.data if isinstance(y, Tensor) else np.asarray(y)
        assert y.shape == np.shape(value)
        assert_allclose(y, value, rtol=1e-6, atol=1e-7)


# Not those of a matrix that must not be zero: Symbols are tried on zeros.
UNTRIED = {"cholesky", "inv", "solve"}
RECORDED = [
    row for row in SMOOTH + STEPS
    if row[0] not in more_ops.UNRECORDED | UNTRIED | {"einsum", "meshgrid", "size", "slice_update"}
    and row[2] and isinstance(row[2][0], np.ndarray) and row[2][0].dtype.kind == "f"
    and row[2][0].ndim > 1
]  # fmt: skip


@pytest.mark.parametrize("row", RECORDED, ids=names_of(RECORDED))
def test_a_symbol_is_recorded(row):
    name, _, (x, *others), options = row
    x, *others = (narrow(value, "float32") for value in (x, *others))
    symbol = Input(x.shape[1:])
    symbol.shape = x.shape
    made = leaves(apply(name, "", [symbol, *others], options))
    model = Model(symbol, made)
    expected = leaves(apply(name, "", [x, *others], options))
    for y, value in zip(leaves(model(x)), expected, strict=True):
        assert_array_equal(np.asarray(y), np.asarray(value))


def test_integers_and_booleans_stay_what_they_are():
    for found in (
        ops.flip(Z), ops.take(Z, [0, 2], axis=1), ops.tile(Z, 2), ops.ones_like(Z), ops.copy(Z),
        ops.arange(5), ops.convert_to_tensor([1, 2]), ops.cast(X, "int32"), ops.zeros(3, "int32"),
    ):  # fmt: skip
        assert type(found) is np.ndarray and found.dtype.kind == "i"
    assert ops.convert_to_tensor([1, 2]).dtype == ops.arange(5).dtype == np.int32
    for found in (ops.prod([2, 3], dtype="int32"), ops.cumsum([1, 2], dtype="int32")):
        assert found.dtype == np.int32 and found.max() in (3, 6)
    assert ops.cast([0, 2], "bool").tolist() == [False, True]
    assert ops.convert_to_tensor(Z, dtype="float32").dtype == np.float32
    assert [ops.dtype(x) for x in (X, [1.0], [1], True, Tensor(X))] == [
        "float64", "float32", "int32", "bool", "float64",
    ]  # fmt: skip
    assert ops.is_tensor(Tensor([1.0])) and not ops.is_tensor(X)


def test_cast_and_copy_pass_the_gradient_on_and_stop_gradient_does_not():
    x = Tensor(X, requires_grad=True)
    y = ops.cast(x, "float32")
    assert y.dtype == np.float32
    (y.sum() + ops.copy(x).sum() + ops.stop_gradient(x).sum()).backward()
    assert_array_equal(x.grad, np.full((3, 5), 2.0))
    x.grad = None
    y = ops.convert_to_tensor([x[0], x[2], np.zeros(5)])
    (y.sum() + ops.array([x[1]], dtype="float32").sum()).backward()
    assert_array_equal(x.grad, np.ones((3, 5)))


@pytest.mark.parametrize("name", ["det", "svd", "corrcoef"])
def test_a_gradient_that_would_be_lost_is_refused(name):
    with pytest.raises(TypeError, match=rf"{name}: .* whose gradient would be lost; write stop_g"):
        getattr(ops, name)(Tensor(SPD, requires_grad=True))
    with no_grad():
        getattr(ops, name)(Tensor(SPD, requires_grad=True))


def test_erfinv_inverts_erf_and_is_infinite_at_the_ends():
    y = np.array([-0.99, -0.3, 0.0, 0.7])
    assert_allclose(ops.erf(ops.erfinv(Tensor(y))).data, y, rtol=1e-9)
    check_gradients(ops.erfinv, y)
    assert_array_equal(ops.erfinv(Tensor([-1.0, 1.0, 2.0])).data, [-np.inf, np.inf, np.nan])


def test_convolution_is_under_its_keras_name_in_more_ops():
    x, kernel = Tensor(normal(2, 5, 4, 6)), Tensor(normal(3, 2, 3, 4))  # two groups
    y = more_ops.conv(x, kernel, strides=2, padding="same")
    assert_array_equal(y.data, ops.conv2d(x, kernel, None, 2, "same", groups=2).data)
    with pytest.raises(ValueError, match=r"max_pool: .*\(N, H, W, C\), channels last, got .*first"):
        ops.max_pool(x, 2, data_format="channels_first")


def test_branches_and_loops():
    x = Tensor(X, requires_grad=True)
    assert ops.cond(X.sum() < np.inf, lambda: 1, lambda: 2) == 1
    assert ops.switch(7, [lambda a: a, lambda a: a + 1], 3) == 4
    i, total = ops.while_loop(lambda i, t: i < 4, lambda i, t: (i + 1, t * 2), (0, 1))
    assert (i, total) == (4, 16)
    assert ops.while_loop(lambda i: True, lambda i: i + 1, 0, maximum_iterations=5) == 5
    assert ops.fori_loop(2, 5, lambda i, total: total + i, 0) == 9
    last, sums = ops.scan(lambda total, row: (total + row, total), ops.zeros(5), x)
    assert_allclose(last.data, X.sum(0))
    assert_allclose(sums.data, np.cumsum(X, 0) - X)
    doubled = ops.map(lambda row: 2 * row, x)
    (doubled.sum() + last.sum()).backward()
    assert_array_equal(x.grad, np.full((3, 5), 3.0))
    _, numbers = ops.scan(lambda a, b: (a + 1, a), Tensor(0.0), length=3, reverse=True)
    assert_array_equal(numbers.data, [2, 1, 0])
    with pytest.raises(TypeError, match=r"cond: expected values, got a Symbol.*call\(self, x\)"):
        ops.cond(Input((1,)), lambda: 1, lambda: 2)


def test_names_are_found_in_ops_and_pickled():
    from minigrad.ops import flip

    assert pickle.loads(pickle.dumps(flip)) is flip is more_ops.flip
    assert ops.linalg.norm is ops.norm and ops.linalg.inv is ops.inv
    assert flip.__module__ == "minigrad.ops" and flip.__name__ == "flip"
    with pytest.raises(AttributeError, match="no attribute 'zeroes'"):
        ops.zeroes  # noqa: B018


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.einsum("ij,jk", X), r"a letter for each axis, got 'ij,jk' for .* of 2 axes"),
        (lambda: ops.einsum("ijk->i", X), "a letter for each axis"),
        (lambda: ops.einsum("ij,jk", X, X), "einsum: expected one size of axis 'j', got 5 and 3"),
        (lambda: ops.one_hot([0.5], 2), "one_hot: expected integer labels, got 0.5"),
        (lambda: ops.one_hot([0], 2, sparse=True), "one_hot: expected sparse=False, got True"),
        (lambda: ops.take(X, [0.5]), "take: expected integer labels, got 0.5"),
        (lambda: ops.unstack(X, 2), "unstack: expected 2 parts along axis 0, got 3"),
        (lambda: ops.quantile(X, 0.5, method="odd"), "quantile: .* one of linear, lower"),
        (lambda: ops.zeros((None, 3)), r"known sizes, got \(None, 3\), where None stands for the"),
        (lambda: ops.slice_update(X, (2, 0), X), r"updates within inputs \(3, 5\), got \(3, 5\)"),
        (lambda: ops.scatter_update(X, [[0]], X[:1], "max"), "reduction None or 'add', got 'max'"),
    ],
)
def test_faults_are_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name", ["nanstd", "nanvar"])
def test_spread_without_nan_has_slope_0_at_0(name):
    t = Tensor([[2.0, 2.0, np.nan], [1.0, np.nan, 3.0]], np.float64, requires_grad=True)
    y = getattr(ops, name)(t, axis=1)
    y.sum().backward()
    np.testing.assert_allclose(y.data, [0, 1])
    slope = 0.5 if name == "nanstd" else 1
    np.testing.assert_allclose(t.grad, [[0, 0, 0], [-slope, 0, slope]])
    assert getattr(ops, name)(Tensor(np.ones((2, 3), "f")), axis=1).dtype == np.float32


def test_no_module_hides_an_op():
    for name in more_ops.OPS:
        assert getattr(ops, name) is more_ops.OPS[name], name


def test_linalg_is_the_same_by_name_and_by_path():
    code = """
from minigrad import more_ops, ops
before = {name: getattr(ops.linalg, name) for name in more_ops.LINALG}
import minigrad.ops.linalg  # which Python then puts in the place of the name
for name in more_ops.LINALG:
    assert getattr(ops.linalg, name) is before[name], name
"""
    subprocess.run([sys.executable, "-c", code], check=True)
