"""Branches and loops as functions; minigrad computes at once, so Python's own serve as well."""

from minigrad.core import as_tensor
from minigrad.more_ops.arrays import values_of
from minigrad.ops import stack
from minigrad.symbolic import is_symbolic
from minigrad.utils.structures import flatten, map_structure, pack_like


def _refuse_symbols(name, values):
    if is_symbolic(values):
        raise TypeError(
            f"{name}: expected values, got a Symbol, which has none yet; write it in the "
            "call(self, x) of a Layer"
        )


def cond(pred, true_fn, false_fn):
    """``true_fn()`` if ``pred`` holds, else ``false_fn()``."""
    _refuse_symbols("cond", [pred])
    return true_fn() if bool(values_of(pred)) else false_fn()


def switch(index, branches, *operands):
    """The result of the branch of this number, or of the nearest one there is."""
    _refuse_symbols("switch", [index, *operands])
    index = min(max(int(values_of(index)), 0), len(branches) - 1)
    return branches[index](*operands)


def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """Replace ``loop_vars`` by ``body(*loop_vars)`` as long as ``cond(*loop_vars)`` holds."""
    is_one = not isinstance(loop_vars, (list, tuple))
    values = (loop_vars,) if is_one else tuple(loop_vars)
    _refuse_symbols("while_loop", list(values))
    count = 0
    while bool(values_of(cond(*values))) and count != maximum_iterations:
        found = body(*values)
        values = tuple(found) if isinstance(found, (list, tuple)) else (found,)
        count += 1
    return values[0] if is_one else values


def fori_loop(lower, upper, body_fun, init_val):
    """``body_fun(i, value)`` for i from ``lower`` to below ``upper``, each given the last value."""
    for i in range(int(values_of(lower)), int(values_of(upper))):
        init_val = body_fun(i, init_val)
    return init_val


def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """``carry, y = f(carry, x)`` for each x along the first axis; the last carry and all y."""
    number = len(flatten(xs)[0]) if xs is not None else length
    outputs = []
    for i in reversed(range(number)) if reverse else range(number):
        x = None if xs is None else map_structure(lambda part, i=i: part[i], xs)
        init, y = f(init, x)
        outputs.append(y)
    return init, _stacked(outputs[::-1] if reverse else outputs)


def map(f, xs):
    """The results of ``f`` for each part along the first axis, stacked."""
    number = len(flatten(xs)[0])
    return _stacked([f(map_structure(lambda part, i=i: part[i], xs)) for i in range(number)])


def _stacked(parts):
    """Structures of one kind as one structure of stacks."""
    if not parts or parts[0] is None:
        return None
    columns = zip(*[flatten(part) for part in parts], strict=True)
    return pack_like(parts[0], [stack([as_tensor(leaf) for leaf in leaves]) for leaves in columns])


OPS = {function.__name__: function for function in (cond, switch, while_loop, fori_loop, scan, map)}
OPS["vectorized_map"] = map
