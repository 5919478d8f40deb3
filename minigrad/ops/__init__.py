"""Operations on tensors, by family, and the table that binds them as operators and methods."""

# ruff: noqa: F401, I001 (what is imported is exported; the names are packed, not one a line)
import operator

from minigrad.core import Tensor
from minigrad.ops.arithmetic import (
    abs, add, clip, compare as _compare, div, exp, log, matmul, maximum, minimum, mul, neg, pow,
    sqrt, sub, where,
)  # fmt: skip
from minigrad.ops.conv import avg_pool2d, conv2d, global_avg_pool2d, global_max_pool2d, max_pool2d
from minigrad.ops.nn import (
    batch_norm, dense, dropout, elu, gelu, leaky_relu, log_softmax, relu, selu, sigmoid,
    sigmoid_cross_entropy, silu, softmax, softmax_cross_entropy, softplus, tanh,
)  # fmt: skip
from minigrad.ops.reduce import argmax, argmin, logsumexp, max, mean, min, std, sum, var
from minigrad.ops.shape import (
    broadcast_to, concatenate, expand_dims, getitem, pad, reshape, squeeze, stack, transpose,
)  # fmt: skip

# Every function imported above under a name in lower case is an op and is exported.
__all__ = sorted(name for name, value in vars().items() if callable(value) and name[0].islower())

METHODS = (
    abs, argmax, argmin, clip, exp, log, matmul, max, mean, min, relu, reshape, sigmoid, softmax,
    sqrt, squeeze, std, sum, tanh, transpose, var,
)  # fmt: skip

OPERATORS = {
    "__add__": add,
    "__radd__": lambda x, y: add(y, x),
    "__sub__": sub,
    "__rsub__": lambda x, y: sub(y, x),
    "__mul__": mul,
    "__rmul__": lambda x, y: mul(y, x),
    "__truediv__": div,
    "__rtruediv__": lambda x, y: div(y, x),
    "__pow__": pow,
    "__rpow__": lambda x, y: pow(y, x),
    "__matmul__": matmul,
    "__rmatmul__": lambda x, y: matmul(y, x),
    "__neg__": neg,
    "__pos__": lambda x: x,
    "__abs__": abs,
    "__getitem__": getitem,
    "__eq__": _compare(operator.eq),
    "__ne__": _compare(operator.ne),
    "__lt__": _compare(operator.lt),
    "__le__": _compare(operator.le),
    "__gt__": _compare(operator.gt),
    "__ge__": _compare(operator.ge),
}

for function in METHODS:
    setattr(Tensor, function.__name__, function)
for name, function in OPERATORS.items():
    setattr(Tensor, name, function)
Tensor.T = property(transpose)
