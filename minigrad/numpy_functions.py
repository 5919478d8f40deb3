"""NumPy's functions of tensors: each goes through an op, or computes on the values.

``np.exp(t)``, ``array * t`` and ``np.mean(t)`` arrive here by NumPy's protocols (NEP 13 and 18). A
function without an op, or with options that its op lacks, computes on the values. It is refused
where that would lose a gradient.
"""

import inspect

import numpy as np

from minigrad import ops
from minigrad.core import Tensor, is_grad_enabled
from minigrad.symbolic import Symbol, is_symbolic

SAME_NAMES = (
    "add", "cos", "exp", "log", "matmul", "maximum", "minimum", "sin", "sqrt", "square", "tanh",
)  # fmt: skip
UFUNCS = {getattr(np, name): getattr(ops, name) for name in SAME_NAMES}
UFUNCS |= {np.absolute: ops.abs, np.positive: lambda x: x, np.negative: ops.neg}
UFUNCS |= {np.subtract: ops.sub, np.multiply: ops.mul, np.divide: ops.div, np.power: ops.pow}


def _dot(a, b):
    if np.ndim(b) > 2:  # dot and matmul stack matrices differently
        raise ValueError(f"np.dot: expected b of at most two axes, got {np.shape(b)}; write a @ b")
    return ops.matmul(a, b)


def _reduction(op):
    return lambda a, axis=None, *, keepdims=False: op(a, axis=axis, keepdims=keepdims)


# With NumPy's names of the arguments, without those that the op does not have.
REDUCTIONS = (ops.max, ops.mean, ops.min, ops.std, ops.sum, ops.var)
FUNCTIONS = {getattr(np, op.__name__): _reduction(op) for op in REDUCTIONS} | {
    np.amax: _reduction(ops.max),
    np.amin: _reduction(ops.min),
    np.broadcast_to: ops.broadcast_to,
    np.clip: lambda a, a_min=None, a_max=None: ops.clip(a, a_min, a_max),
    np.concatenate: lambda arrays, axis=0: ops.concatenate(arrays, axis),
    np.dot: _dot,
    np.expand_dims: lambda a, axis: ops.expand_dims(a, axis),
    np.linalg.norm: lambda x, *, axis=None, keepdims=False: ops.norm(
        x, axis=axis, keepdims=keepdims
    ),
    np.linalg.vector_norm: ops.norm,
    np.pad: lambda array, pad_width, *, constant_values=0: ops.pad(
        array, pad_width, constant_values=constant_values
    ),
    np.ravel: lambda a: ops.reshape(a, -1),
    np.reshape: lambda a, shape: ops.reshape(a, shape),
    np.squeeze: lambda a, axis=None: ops.squeeze(a, axis),
    np.stack: lambda arrays, axis=0: ops.stack(arrays, axis),
    np.transpose: lambda a, axes=None: ops.transpose(a, axes),
    np.where: ops.where,
}
SIZES = {np.ndim: lambda a: a.ndim, np.shape: lambda a: a.shape}  # no values are needed

# Their slope is 0, or they make a new array.
WITHOUT_GRADIENT = {
    np.around, np.ceil, np.copy, np.empty_like, np.floor, np.full_like, np.ones_like, np.rint,
    np.round, np.sign, np.trunc, np.zeros_like,
}  # fmt: skip


def call_ufunc(tensor, ufunc, method, *inputs, **options):
    """Do what NumPy asks for a ufunc of tensors: ``np.exp(t)``, ``array * t``."""
    op = UFUNCS.get(ufunc)
    if op is not None and method == "__call__" and not options:
        return op(*inputs)
    function = ufunc if method == "__call__" else getattr(ufunc, method)
    return _on_values(f"np.{ufunc.__name__}", function, inputs, options)


def call_function(tensor, function, types, arguments, options):
    """Do what NumPy asks for its other functions of tensors: ``np.mean(t)``."""
    op = FUNCTIONS.get(function) or SIZES.get(function)
    options = {key: value for key, value in options.items() if value is not None}
    if op is not None:
        try:
            given = inspect.signature(op).bind(*arguments, **options)
        except TypeError:  # an option that the op does not have
            pass
        else:
            return op(*given.args, **given.kwargs)
    name = f"{function.__module__}.{function.__name__}".replace("numpy", "np")
    return _on_values(name, function, arguments, options)


def _on_values(name, function, arguments, options):
    """Call a function of NumPy on the values; TypeError where a gradient would be lost."""
    if is_symbolic([arguments, options]):
        raise TypeError(
            f"{name}: expected values, got a Symbol, which has none yet; compute with "
            "minigrad.ops, or in the call(self, x) of a Layer"
        )
    wanted = is_grad_enabled() and any(t.requires_grad for t in _tensors([arguments, options]))
    if "out" in options and (wanted or _tensors(options["out"])):
        raise TypeError(f"{name}: expected no out=, got one; write y = {name}(...), or t.assign(y)")
    named = {key: _values(value) for key, value in options.items()}
    result = function(*_values(arguments), **named)
    if wanted and function not in WITHOUT_GRADIENT and _has_floats(result):
        raise TypeError(
            f"{name}: expected tensors without gradient, got one that NumPy would lose; compute it "
            "with minigrad.ops, or write t.detach() or t.numpy() if no gradient is wanted"
        )
    return result


def _tensors(x):
    if isinstance(x, Tensor):
        return [x]
    items = x.values() if isinstance(x, dict) else x if isinstance(x, (list, tuple)) else ()
    return [tensor for item in items for tensor in _tensors(item)]


def _values(x):
    """The same with arrays, which cannot be written into, in place of the tensors."""
    if isinstance(x, Tensor):
        array = x.data.view()
        array.flags.writeable = False
        return array
    return type(x)(map(_values, x)) if type(x) in (list, tuple) else x


def _has_floats(x):
    if isinstance(x, (list, tuple)):
        return any(map(_has_floats, x))
    return isinstance(x, (float, np.floating, np.ndarray)) and np.asarray(x).dtype.kind in "fc"


# Methods of arrays that tensors have no ops for: `t.round(2)` is `np.round(t, 2)`.
METHODS = (
    np.all, np.any, np.argsort, np.copy, np.cumsum, np.prod, np.ravel, np.repeat, np.round,
    np.swapaxes, np.take,
)  # fmt: skip

for function in METHODS:
    setattr(Tensor, function.__name__, function)
Tensor.flatten = np.ravel
Tensor.astype = lambda tensor, dtype: _on_values("astype", np.ndarray.astype, (tensor, dtype), {})
Tensor.tolist = lambda tensor: tensor.numpy().tolist()
for kind in (Tensor, Symbol):
    kind.__array_ufunc__ = call_ufunc
    kind.__array_function__ = call_function
