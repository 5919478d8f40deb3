"""NumPy's functions of values: their slope is 0, or nobody has written it."""

import inspect
import types

import numpy as np

from minigrad.core import Tensor, is_grad_enabled
from minigrad.more_ops.arrays import made, values_of
from minigrad.samples import of_batches
from minigrad.utils.structures import flatten, map_structure

# Their results are whole numbers, booleans or steps: the slope is 0 wherever there is one.
WITHOUT_SLOPE = {
    "all": lambda x, axis=None, keepdims=False: np.all(x, axis, keepdims=keepdims),
    "any": lambda x, axis=None, keepdims=False: np.any(x, axis, keepdims=keepdims),
    "allclose": np.allclose, "argpartition": np.argpartition,
    "argsort": lambda x, axis=-1: np.argsort(x, axis, kind="stable"),
    "bincount": lambda x, weights=None, minlength=0: np.bincount(
        np.asarray(x).astype(int), weights, minlength
    ),
    "bitwise_and": np.bitwise_and, "bitwise_invert": np.invert, "bitwise_left_shift": np.left_shift,
    "bitwise_not": np.invert, "bitwise_or": np.bitwise_or, "bitwise_right_shift": np.right_shift,
    "bitwise_xor": np.bitwise_xor, "ceil": np.ceil,
    "count_nonzero": lambda x, axis=None: np.count_nonzero(x, axis),
    "digitize": np.digitize, "equal": np.equal, "floor": np.floor,
    "floor_divide": np.floor_divide, "gcd": np.gcd, "greater": np.greater,
    "greater_equal": np.greater_equal, "heaviside": np.heaviside, "histogram": np.histogram,
    "isclose": np.isclose, "isfinite": np.isfinite, "isin": np.isin, "isinf": np.isinf,
    "isnan": np.isnan, "isneginf": np.isneginf, "isposinf": np.isposinf, "isreal": np.isreal,
    "lcm": np.lcm, "left_shift": np.left_shift, "less": np.less, "less_equal": np.less_equal,
    "logical_and": np.logical_and, "logical_not": np.logical_not, "logical_or": np.logical_or,
    "logical_xor": np.logical_xor, "matrix_rank": np.linalg.matrix_rank,
    "nanargmax": np.nanargmax, "nanargmin": np.nanargmin, "nextafter": np.nextafter,
    "nonzero": np.nonzero, "not_equal": np.not_equal, "right_shift": np.right_shift,
    "round": lambda x, decimals=0: np.round(x, decimals), "searchsorted": np.searchsorted,
    "sign": np.sign, "signbit": np.signbit, "trunc": np.trunc,
    "unravel_index": lambda indices, shape: np.unravel_index(indices, shape),
}  # fmt: skip

# With a slope that minigrad does not have: refused where a gradient is wanted.
WITH_UNKNOWN_SLOPE = {
    "cholesky": np.linalg.cholesky, "corrcoef": np.corrcoef, "cross": np.cross,
    "correlate": np.correlate, "det": np.linalg.det, "eigh": np.linalg.eigh, "i0": np.i0,
    "inv": np.linalg.inv, "lstsq": lambda a, b, rcond=None: np.linalg.lstsq(a, b, rcond)[0],
    "logdet": lambda x: np.linalg.slogdet(x)[1], "nanmedian": np.nanmedian,
    "nanpercentile": np.nanpercentile, "nanquantile": np.nanquantile,
    "pinv": np.linalg.pinv, "qr": np.linalg.qr, "slogdet": np.linalg.slogdet,
    "solve": np.linalg.solve, "svd": np.linalg.svd, "vander": np.vander,
}  # fmt: skip


def _on_values(name, function, has_slope):
    def op(*arguments, **options):
        given = flatten([arguments, list(options.values())])
        if has_slope and is_grad_enabled() and any(getattr(x, "requires_grad", 0) for x in given):
            raise TypeError(
                f"{name}: expected tensors without gradient, got one whose gradient would be lost; "
                "write stop_gradient(x) if none is wanted, or compute it by other ops"
            )
        arguments, options = map_structure(_value, [arguments, options])
        found = function(*arguments, **options)
        found = tuple(found) if hasattr(found, "_fields") else found
        return map_structure(made, found) if not isinstance(found, bool) else found

    op.__name__, op.__doc__ = name, f"NumPy's ``{name}``, of values: without a gradient."
    if isinstance(function, types.FunctionType) and function.__name__ == "<lambda>":
        op.__signature__ = inspect.signature(function)  # of NumPy's, not all is there
    return of_batches(op)


def _value(x):
    return x.data if isinstance(x, Tensor) else x


@of_batches
def unique(
    x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None,
    size=None, fill_value=None,
):  # fmt: skip
    """The different values in order, and with them what NumPy's ``unique`` returns."""
    if size is not None or fill_value is not None:
        raise ValueError("unique: expected size and fill_value to be None")
    found = np.unique(values_of(x), return_index, return_inverse, return_counts, axis)
    return tuple(map(made, found)) if isinstance(found, tuple) else made(found)


@of_batches
def in_top_k(targets, predictions, k):
    """Whether the score of each label is among the k largest: (N,), (N, K) -> booleans (N,)."""
    scores = values_of(predictions)
    own = np.take_along_axis(scores, values_of(targets).astype(int)[:, None], axis=-1)
    return np.isfinite(own[:, 0]) & (np.count_nonzero(scores > own, axis=-1) < k)


OPS = {name: _on_values(name, f, has_slope=False) for name, f in WITHOUT_SLOPE.items()}
OPS |= {name: _on_values(name, f, has_slope=True) for name, f in WITH_UNKNOWN_SLOPE.items()}
OPS |= {"unique": unique, "in_top_k": in_top_k}
