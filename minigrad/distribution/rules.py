"""Which op is split how: one table, for every op of minigrad.

The first axis of a split tensor belongs to the samples. An op that treats each sample alone runs
once on the rows that are here, with the kernels as they are: a sample has the same bits in any
batch. The gradient of an input that is the same on all ranks, such as a weight, is a sum over
samples: one sum a shard, added as a tree. Each rule says:

result  how many rows the op's result has of each sample; 0 if it mixes samples, or mixes what is
        split with what it is not made for: then the op runs on the whole batch on every rank
cut     where the op's ``backward`` itself sums over samples: what of it to cut at the shards, as
        names of attributes and numbers of saved arrays; () where the engine sums
begin   changes the op before forward; ``turn``: before backward; or None
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from minigrad.core import Function, sum_over
from minigrad.ops.arithmetic import Smooth, contiguous
from minigrad.ops.nn import channel_sums, relu_backward
from minigrad.ops.reduce import Mean, Sum
from minigrad.samples import Rows

# --- what the result is: functions of (op, arrays, rows), as in Rule.result ----------------------


def aligned(op, arrays, rows):
    """Elementwise, with broadcasting."""
    count = _count(arrays, rows)
    axes = max(x.ndim for x in arrays)
    condition = getattr(op, "condition", None)  # of Where
    if condition is not None:
        arrays, rows = [*arrays, condition], [*rows, None]
    for x, own in zip(arrays, rows, strict=True):
        if own and (x.ndim < axes or own != max(filter(None, rows))):
            return 0
        if not own and x.ndim >= axes and (x.ndim > axes or len(x) not in (1, count)):
            return 0
    return max(filter(None, rows))


def joined(op, arrays, rows):
    """Put side by side, along another axis than the first."""
    axes = arrays[0].ndim + (type(op).__name__ == "Stack")
    count, each = _count(arrays, rows), max(filter(None, rows))
    fits = all(
        own == each or (not own and len(x) == count) for x, own in zip(arrays, rows, strict=True)
    )
    return each if op.axis % axes and fits else 0


def along(op, arrays, rows):
    """Along axes, if the first is none of them."""
    axes = None if op.axis is None else normalize_axis_tuple(op.axis, arrays[0].ndim)
    return 0 if axes is None or 0 in axes else rows[0]


def first_alone(op, arrays, rows):
    """Each row of the first input alone, with weights that are not split."""
    return 0 if any(rows[1:]) else rows[0] or 0


def product(op, arrays, rows):
    """Matrices, or stacks of them."""
    x, y = arrays
    axes = max(x.ndim, y.ndim)
    if rows[0] and not rows[1]:
        fits = x.ndim > 1 and (y.ndim <= 2 or y.ndim < x.ndim or len(y) == 1)
        return rows[0] if fits and x.ndim >= y.ndim else 0
    if axes < 3 or y.ndim < axes:
        return 0
    if rows[0] == rows[1]:
        return rows[0] if x.ndim == axes else 0
    return 0 if rows[0] or (x.ndim == axes and len(x) != 1) else rows[1]


def reshaped(op, arrays, rows):
    """Into another shape, if a sample's numbers still fill whole rows."""
    (x,), (own,) = arrays, rows
    size = own * math.prod(x.shape[1:])  # of a sample
    shape = tuple(op.shape) if isinstance(op.shape, (tuple, list)) else (op.shape,)
    if not len(x) and shape and shape[0] < 1:  # no samples here: NumPy cannot tell what a -1 is
        one = np.broadcast_to(np.float32(0), (own, *x.shape[1:]))
        shape = one.reshape((own if -1 in shape[1:] else -1, *shape[1:])).shape
        op.shape = 0, *shape[1:]
    elif -1 in shape:
        shape = x.reshape(shape).shape
    each = math.prod(shape[1:])
    return size // each if shape and each and size % each == 0 else 0


def transposed(op, arrays, rows):
    axes = op.axes or range(arrays[0].ndim)[::-1]
    return rows[0] if axes[0] % arrays[0].ndim == 0 else 0


def stretched(op, arrays, rows):
    shape = np.broadcast_to(np.float32(0), op.shape).shape
    return rows[0] if len(shape) == arrays[0].ndim and shape[0] == len(arrays[0]) else 0


def padded(op, arrays, rows):
    return 0 if np.broadcast_to(op.pad_width, (arrays[0].ndim, 2))[0].any() else rows[0]


def indexed(op, arrays, rows):
    """Parts of each sample; or rows of a table, chosen by whole numbers that are split."""
    if type(op.index) is Rows:
        return 0 if rows[0] else 1
    index = op.index if isinstance(op.index, tuple) else (op.index,)
    index = index if index else (...,)
    count = len(arrays[0])
    if index[0] is ... and sum(i is not None for i in index) <= arrays[0].ndim:
        return rows[0]
    several = [i for i in index if not isinstance(i, (slice, type(None), type(...)))]
    if isinstance(index[0], slice):  # several arrays may put their axis first
        whole = index[0].indices(count) == (0, count, 1)
        plain = type(op).__name__ == "GetSlice" or len(several) <= 1
        return rows[0] if whole and plain else 0
    arrays = [np.asarray(i) for i in several]
    first = arrays[0] if arrays and index[0] is several[0] else np.zeros(1)
    axes = max((i.ndim for i in arrays), default=0)
    each = (
        first.ndim == axes > 0
        and first.dtype.kind in "iu"
        and first.shape == (count, *[1] * (axes - 1))
        and (first.ravel() == np.arange(count)).all()
        and all(i.ndim < axes or len(i) in (1, count) for i in arrays)
        and all(i is j for i, j in zip(index, several, strict=False))  # side by side, at the front
    )
    return rows[0] if each else 0


# --- changes on the way --------------------------------------------------------------------------


def number_elements(split, op, arrays):
    """Dropout: masks are drawn by the element's number in the whole batch."""
    shape = (arrays[0].shape[1:]) if not hasattr(op, "sizes") else (*op.sizes, arrays[1].shape[3])
    op.first = split.share.first * split.each * math.prod(shape)


def undo_relu(op, gy):
    """Relu is undone once for all samples, not again for each shard."""
    if not op.relu:
        return contiguous(gy)
    op.relu, (x, w, y) = False, op.saved
    op.saved = x, w, None
    return relu_backward(y, gy)


def sum_channels(split, op, arrays):
    """Batch normalization: statistics and the sums of backward are those of the whole batch."""
    x = arrays[0]
    op.count = split.share.total * split.each * math.prod(x.shape[1:-1])

    def sums(x, gy, *options):
        def part(rows):
            return [channel_sums(x[rows], gy[rows], *options)]

        given = [((2, x.shape[-1]), x.dtype)]
        return split.door.complete(part, split.share, split.each, given, add_into)[0]

    op.sums = sums


# --- the table -----------------------------------------------------------------------------------


class Rule(NamedTuple):
    """See the module."""

    result: object
    cut: tuple = ()
    begin: object = None
    turn: object = None
    sums: bool = False  # whether backward sums over samples by itself, with this rule's help


RULES = {
    **dict.fromkeys(
        ["Abs", "Add", "Arctan2", "Cast", "Clip", "Cos", "Div", "Elementwise", "Exp", "Extremum",
         "Log", "LogCoshOfError", "Mul", "Neg", "Pow", "SigmoidCrossEntropy", "Sin", "Softsign",
         "Sqrt", "Sub", "Where"], Rule(aligned)
    ),
    **dict.fromkeys(
        ["Cumsum", "Extreme", "LogSoftmax", "LogSumExp", "Mean", "Norm", "Prod", "Softmax",
         "Standardize", "Std", "Sum", "Var"], Rule(along)
    ),
    **dict.fromkeys(
        ["AvgPool2D", "BatchNormalization", "MaxPool2D", "SoftmaxCrossEntropy"], Rule(first_alone)
    ),
    **dict.fromkeys(["Concatenate", "Stack"], Rule(joined)),
    **dict.fromkeys(["Dense", "Conv2D"], Rule(first_alone, (0,), turn=undo_relu)),
    "BatchNorm": Rule(first_alone, begin=sum_channels, sums=True),
    "BroadcastTo": Rule(stretched),
    "Conv2DMaxPool": Rule(first_alone, (0, "argmax"), begin=number_elements),
    "Conv2DTranspose": Rule(first_alone, (0,)),
    "Dropout": Rule(first_alone, begin=number_elements),
    "GetItem": Rule(indexed, ("index",)),
    "GetSlice": Rule(indexed),
    "MatMul": Rule(product, (0,)),
    "Pad": Rule(padded),
    "Reshape": Rule(reshaped),
    "Scatter": Rule(lambda *_: 0),  # the first axis of what it fills is not that of the samples
    "Transpose": Rule(transposed),
}  # fmt: skip
MOST_ROWS = 1024  # that a kernel cuts at shards; with more, a call for each shard costs little
ELEMENTWISE, UNKNOWN, TOTAL = RULES["Abs"], Rule(None), Rule(-1)


def rule_of(op, arrays, rows):
    """Return the rule with its result as a number; None if no input is split."""
    kind = type(op)
    if not any(rows) and type(getattr(op, "index", None)) is not Rows:
        return None
    if kind in (Sum, Mean) and not along(op, arrays, rows):
        return TOTAL
    rule = RULES.get(kind.__name__) if kind.__module__.startswith("minigrad.") else None
    if rule is None and issubclass(kind, Smooth) and kind.__module__.startswith("minigrad."):
        rule = ELEMENTWISE
    if rule is None:
        return UNKNOWN
    return rule._replace(result=rule.result(op, arrays, rows))


def _count(arrays, rows):
    """How many rows the split inputs have here."""
    return next(len(x) for x, own in zip(arrays, rows, strict=True) if own)


# --- an op on the rows that are here -------------------------------------------------------------


class Split(Function):
    """An op whose input is split: the gradients of its other inputs are summed over all samples."""

    def __init__(self, op, rule, rows, door, share):
        self.op, self.rule, self.rows, self.door, self.share = op, rule, rows, door, share
        self.each = rule.result if not any(rows) else max(filter(None, rows))

    def forward(self, *arrays):
        op = self.op
        self.given = [(x.shape, x.dtype) for x in arrays]
        if self.rule.begin:
            self.rule.begin(self, op, arrays)
        op.needs, op.saved = self.needs, ()
        y = op.forward(*arrays)
        self.saved, op.saved = op.saved, ()
        return y

    def backward(self, gy):
        self.op.saved = self.saved
        try:
            return self._backward(gy)
        finally:
            self.op.saved = ()  # so that the engine's freeing frees it

    def _backward(self, gy):
        op, needs = self.op, self.needs
        whole = [i for i, own in enumerate(self.rows) if needs[i] and not own]
        if not whole or self.rule.sums:
            return op.backward(gy)
        results = [None] * len(needs)
        gy = self.rule.turn(op, gy) if self.rule.turn else gy
        share = self.share
        if self._sums_up(op):
            if hasattr(op, "cuts") and len(share.cuts) > 2 and len(gy) <= MOST_ROWS:
                op.cuts = tuple([self.each * cut for cut in share.cuts])
                share = share._replace(cuts=(0, share.cuts[-1]))  # what comes is one sum
            part, add = self._cut(op, gy, whole, results, share), add_into
        else:
            results[:] = _tuple(op.backward(gy))
            full, add = [results[i] for i in whole], np.add

            def part(rows):
                return [self._sum(gx[rows], i) for i, gx in zip(whole, full, strict=True)]

        given = [self.given[i] for i in whole]
        totals = self.door.complete(part, share, self.each, given, add)
        for i, total in zip(whole, totals, strict=True):
            results[i] = total
        return tuple(results)

    def _sums_up(self, op):
        """Whether ``backward`` sums over samples by itself, and does not leave that to the engine.

        Of matrix products, those of matrices do; those of stacks do not.
        """
        is_stack = type(op).__name__ == "MatMul" and (not self.rows[0] or op.saved[0].ndim > 2)
        return bool(self.rule.cut) and not is_stack

    def _cut(self, op, gy, whole, results, share):
        """Fill in the gradients of what is split; return what computes the others of some rows."""
        needs, saved, own = self.needs, op.saved, self.rows
        if len(share.cuts) == 2:  # one shard, or its kernel has cut them: nothing to cut
            results[:] = _tuple(op.backward(gy))
            return lambda rows: [results[i].astype(self.given[i][1], copy=False) for i in whole]
        if any(need and rows for need, rows in zip(needs, own, strict=True)):
            op.needs = tuple([bool(need and rows) for need, rows in zip(needs, own, strict=True)])
            for i, gx in enumerate(_tuple(op.backward(gy))):
                results[i] = gx if op.needs[i] else None
        op.needs = tuple([need and not rows for need, rows in zip(needs, own, strict=True)])
        cut = self.rule.cut
        held = {name: getattr(op, name) for name in cut if isinstance(name, str)}

        def part(rows):
            op.saved = tuple(
                [x[rows] if i in cut and x is not None else x for i, x in enumerate(saved)]
            )
            for name, array in held.items():
                setattr(op, name, array[rows])
            given = _tuple(op.backward(gy[rows]))
            return [given[i].astype(self.given[i][1], copy=False) for i in whole]

        return part

    def _sum(self, gx, i):
        """The gradient of input ``i``, which was stretched over these samples."""
        shape, dtype = self.given[i]
        added = gx.ndim - len(shape)
        axes = [i + added for i, n in enumerate(shape) if n == 1 != gx.shape[i + added]]
        total = sum_over(gx, (*range(added), *axes), True)
        total = total.reshape(total.shape[added:])
        if total.shape != shape:
            raise ValueError(
                f"{type(self.op).__name__}: expected what has a row for each sample to be computed "
                f"from the batch, got an input of shape {shape} that learns; write it as "
                "weight + 0 * x[:, :1], where x is a part of the batch"
            )
        return total.astype(dtype, copy=False)


class Total(Function):
    """A sum or a mean over samples, too: one sum a shard, added as a tree, on all ranks."""

    def __init__(self, op, rows, door, share):
        self.op, self.rows, self.door, self.share = op, rows, door, share

    def forward(self, x):
        op = self.op
        none = np.asarray(sum_over(np.zeros((1, *x.shape[1:]), x.dtype), op.axis, op.keepdims))

        def part(rows):
            return [np.asarray(sum_over(x[rows], op.axis, op.keepdims))]

        given = [(none.shape, none.dtype)]
        y = self.door.complete(part, self.share, self.rows, given)[0]
        op.shape, op.count = x.shape, self.rows * self.share.total * math.prod(x.shape[1:])
        op.count //= max(y.size, 1)
        return np.asarray(y / op.count) if type(op) is Mean else y

    def backward(self, gy):
        return self.op.backward(gy)


def add_into(x, y):
    """Add ``y`` to ``x`` in place."""
    return np.add(x, y, x)


def _tuple(results):
    return results if isinstance(results, tuple) else (results,)
