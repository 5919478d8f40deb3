"""Operations on tensors, by family, and the table that binds them as operators and methods."""

# ruff: noqa: F401, I001 (what is imported is exported; the names are packed, not one a line)
import importlib
import operator

from minigrad.core import Tensor
from minigrad.ops.arithmetic import (
    abs, add, clip, compare as _compare, cos, div, exp, in_place as _in_place, log, matmul, maximum,
    minimum, mul, neg, pow, sin, sqrt, square, sub, where,
)  # fmt: skip
from minigrad.ops.conv import avg_pool2d, conv2d, global_avg_pool2d, global_max_pool2d, max_pool2d
from minigrad.ops.nn import (
    batch_norm, dense, dropout, elu, gelu, leaky_relu, log_softmax, relu, selu, sigmoid,
    sigmoid_cross_entropy, silu, softmax, softmax_cross_entropy, softplus, tanh,
)  # fmt: skip
from minigrad.ops.reduce import argmax, argmin, logsumexp, max, mean, min, norm, std, sum, var
from minigrad.ops.shapes import (
    broadcast_to, concatenate, expand_dims, getitem, pad, reshape, shape, squeeze, stack, transpose,
)  # fmt: skip
from minigrad.symbolic import Symbol, recordable as _recordable
from minigrad.utils.arguments import told as _told
from minigrad.utils.old_names import lookup as _lookup

# Every function imported above under a name in lower case is an op and is exported.
__all__ = sorted(name for name, value in vars().items() if callable(value) and name[0].islower())

METHODS = (
    abs, argmax, argmin, clip, exp, log, matmul, max, mean, min, relu, reshape, sigmoid, softmax,
    sqrt, squeeze, std, sum, tanh, transpose, var,
)  # fmt: skip

# With another operand to the left, `1 + x`, Python calls __radd__ and so on.
BINARY = {"add": add, "sub": sub, "mul": mul, "truediv": div, "pow": pow, "matmul": matmul}
UNARY = {"__neg__": neg, "__pos__": lambda x: x, "__abs__": abs, "__getitem__": getitem}
SIGNS = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater",
    "ge": "greater_equal",
}  # fmt: skip
COMPARISONS = {f"__{sign}__": _compare(getattr(operator, sign), SIGNS[sign]) for sign in SIGNS}


def _left(function):
    """The operator with a tensor to the left; `tensor + symbol` is left to the Symbol."""
    return lambda x, y: NotImplemented if type(y) is Symbol else function(x, y)


def _right(function):
    return lambda x, y: function(y, x)


# What users and Symbols call: the same functions, which can be recorded and cost 0.3 µs more.
RECORDABLE = {name: _recordable(globals()[name]) for name in __all__ if name != "shape"}
for function in RECORDABLE.values():
    function.__module__ = __name__  # where pickle finds it


def _recorded(function):
    return RECORDABLE.get(function.__name__) or _recordable(function)


for function in METHODS:
    setattr(Tensor, function.__name__, _told(function))
    setattr(Symbol, function.__name__, _recorded(function))
for name, function in BINARY.items():
    setattr(Tensor, f"__{name}__", _left(function))
    setattr(Tensor, f"__r{name}__", _right(function))
    setattr(Tensor, f"__i{name}__", _in_place(function))
    setattr(Symbol, f"__{name}__", _recorded(function))
    setattr(Symbol, f"__r{name}__", _right(_recorded(function)))
for name, function in (UNARY | COMPARISONS).items():
    setattr(Tensor, name, function)
    setattr(Symbol, name, _recorded(function))
Tensor.T, Symbol.T = property(transpose), property(_recorded(transpose))
globals().update(RECORDABLE)
del conv  # noqa: F821 - the module of that name, which would hide Keras's op

_find = _lookup(__name__)


def __getattr__(name):
    """Return one of Keras's other ops: their module is loaded when one of them is asked for."""
    more = None if name.startswith("_") else importlib.import_module("minigrad.more_ops")
    if name in getattr(more, "__all__", ()):
        return getattr(more, name)
    return _find(name, depth=3)
