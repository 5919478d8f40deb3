"""Keras's other ops: made of minigrad's ops, or NumPy's functions where there is no gradient.

``minigrad.ops`` looks a name up here that it does not have itself; the module is loaded then.
Numbers of the types float32 and float64 are Tensors. Integers and booleans have no gradient: they
are NumPy arrays, as labels are, also as the result of a comparison.
"""

import types

from minigrad import activations, losses, ops
from minigrad.more_ops import (
    arrays,
    control,
    elementwise,
    layers,
    products,
    rearranging,
    reducing,
    values,
)  # fmt: skip
from minigrad.symbolic import recordable
from minigrad.utils.arguments import told

# Keras's other names of ops that are here already.
ALIASES = {
    "absolute": "abs", "amax": "max", "amin": "min", "divide": "div", "fabs": "abs",
    "get_item": "getitem", "multiply": "mul", "negative": "neg", "power": "pow", "subtract": "sub",
    "swish": "silu", "true_divide": "div",
}  # fmt: skip
ACTIVATIONS = (
    "celu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
    "log_sigmoid", "relu6", "soft_shrink", "softsign", "sparse_plus", "sparse_sigmoid",
    "sparsemax", "squareplus", "tanh_shrink", "threshold",
)  # fmt: skip
LOSSES = ("categorical_crossentropy", "sparse_categorical_crossentropy")
LINALG = (
    "cholesky", "det", "eigh", "inv", "lstsq", "matrix_rank", "norm", "pinv", "qr", "solve",
    "svd",
)  # fmt: skip
# What takes functions, or shapes and types alone, has nothing to record; nor a Python bool.
UNRECORDED = {*arrays.UNRECORDED, *control.OPS, "allclose"}

OPS = {name: getattr(ops, op) for name, op in ALIASES.items()}
OPS |= {name: getattr(activations, name) for name in ACTIVATIONS}
OPS |= {name: getattr(losses, name) for name in LOSSES}
for family in (arrays, control, elementwise, layers, products, rearranging, reducing, values):
    OPS |= family.OPS
OPS |= {name: told(OPS[name]) for name in arrays.UNRECORDED}
for name, function in OPS.items():
    if name not in UNRECORDED and name not in ALIASES:
        OPS[name] = recorded = recordable(function)
        recorded.__module__, recorded.__name__ = "minigrad.ops", name  # where pickle finds it
        recorded.__qualname__ = name
globals().update(OPS)

linalg = types.SimpleNamespace(**{name: OPS.get(name) or getattr(ops, name) for name in LINALG})

__all__ = sorted([*OPS, "linalg"])
