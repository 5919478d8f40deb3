"""Which op is split how: one table, for every op of minigrad.

The first axis of a split tensor belongs to the samples. An op that treats each sample alone runs
once on the rows that are here, with the kernels as they are: a sample has the same bits in any
batch. The gradient of an input that is the same on all ranks, such as a weight, is a sum over
samples: one sum a shard, added as a tree. Each rule says:

result  how many rows the op's result has of each sample; 0 if it mixes samples, or mixes what is
        split with what it is not made for: then the op runs on the whole batch on every rank
spreads inputs that are not split may have a row for each sample: this rank's are taken
cut     where the op's ``backward`` itself sums over samples: what of it to cut at the shards, as
        names of attributes and numbers of saved arrays; () where the engine sums
begin   changes the op before forward; or None
"""

import math
from typing import NamedTuple

import numpy as np

from minigrad.core import Function, sum_over
from minigrad.ops.arithmetic import Smooth
from minigrad.ops.nn import channel_sums
from minigrad.ops.reduce import Mean, Sum
from minigrad.samples import Rows

# --- what the result is: functions of (op, arrays, rows, share), as in Rule.result ---------------
#     Arrays hold the rows that are here; options of ops speak of the whole batch.


def has_row_for_each(arrays, rows, share):
    """For each input, whether it is not split but has a row for each sample of the batch."""
    total, axes = most_rows(rows) * share.total, max(x.ndim for x in arrays)
    return [
        not own and x.ndim == axes and len(x) == total > 1
        for x, own in zip(arrays, rows, strict=True)
    ]


def aligned(op, arrays, rows, share):
    """Elementwise, with broadcasting."""
    sizes = 1, _count(arrays, rows), most_rows(rows) * share.total
    axes = max(x.ndim for x in arrays)
    condition = getattr(op, "condition", None)  # of Where
    if condition is not None:
        arrays, rows = [*arrays, condition], [*rows, None]
    for x, own in zip(arrays, rows, strict=True):
        if own and (x.ndim < axes or own != most_rows(rows)):
            return 0
        if not own and x.ndim >= axes and (x.ndim > axes or len(x) not in sizes):
            return 0
    return most_rows(rows)


def joined(op, arrays, rows, share):
    """Put side by side, along another axis than the first."""
    axes = arrays[0].ndim + (type(op).__name__ == "Stack")
    sizes = _count(arrays, rows), most_rows(rows) * share.total
    fits = all(
        own == most_rows(rows) or (not own and len(x) in sizes)
        for x, own in zip(arrays, rows, strict=True)
    )
    return most_rows(rows) if op.axis % axes and fits else 0


def along(op, arrays, rows, share):
    """Along axes, if the first is none of them."""
    ndim, axes = arrays[0].ndim, op.axis if isinstance(op.axis, (tuple, list)) else (op.axis,)
    is_first = [axis is None or axis == 0 or axis + ndim == 0 for axis in axes]
    return 0 if any(is_first) else rows[0]


def first_alone(op, arrays, rows, share):
    """Each row of the first input alone, with weights that are not split."""
    return 0 if any(rows[1:]) else rows[0] or 0


def product(op, arrays, rows, share):
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


def reshaped(op, arrays, rows, share):
    """Into another shape, if a sample's numbers still fill whole rows."""
    (x,), (own,) = arrays, rows
    first, *others = shape_of_batch(op, x, own, share) or (0,)
    each = first // max(share.total, 1)
    fits = each and each * share.total == first
    return each if fits and math.prod(others) * each == own * math.prod(x.shape[1:]) else 0


def shape_of_batch(op, x, own, share):
    """What shape the whole batch takes, of which ``x`` is a part; () if it does not fit."""
    shape = op.shape if isinstance(op.shape, (tuple, list)) else (op.shape,)
    size = own * share.total * math.prod(x.shape[1:])
    known = math.prod([n for n in shape if n != -1])
    if list(shape).count(-1) == 1 and known:
        shape = [size // known if n == -1 else n for n in shape]
    return tuple(shape) if math.prod(shape) == size and min(shape, default=1) >= 0 else ()


def transposed(op, arrays, rows, share):
    axes = op.axes or range(arrays[0].ndim)[::-1]
    return rows[0] if axes[0] % arrays[0].ndim == 0 else 0


def stretched(op, arrays, rows, share):
    shape = np.broadcast_to(np.float32(0), op.shape).shape
    is_alike = len(shape) == arrays[0].ndim and shape[0] == rows[0] * share.total
    return rows[0] if is_alike else 0


def padded(op, arrays, rows, share):
    return 0 if np.broadcast_to(op.pad_width, (arrays[0].ndim, 2))[0].any() else rows[0]


def indexed(op, arrays, rows, share):
    """Parts of each sample; or rows of a table, chosen by whole numbers that are split."""
    if type(op.index) is Rows:
        return 0 if rows[0] else 1
    index = op.index if isinstance(op.index, tuple) else (op.index,)
    index = index if index else (...,)
    total = rows[0] * share.total
    if index[0] is ... and sum(i is not None for i in index) <= arrays[0].ndim:
        return rows[0]
    several = [i for i in index if not isinstance(i, (slice, type(None), type(...)))]
    if isinstance(index[0], slice):  # several arrays may put their axis first
        whole = index[0].indices(total) == (0, total, 1)
        plain = type(op).__name__ == "GetSlice" or len(several) <= 1
        return rows[0] if whole and plain else 0
    first = several[0] if several and index[0] is several[0] else None
    count = len(arrays[0]) if type(first) is Rows else total
    arrays = [np.asarray(i) for i in several]
    first = arrays[0] if first is not None else np.zeros(1)
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


def begin_aligned(split, op, arrays):
    """A condition, or targets, may have a row for each sample."""
    for name in {"condition", "targets"} & {*getattr(op, "__dict__", ())}:
        array = getattr(op, name)
        if array.ndim == max(x.ndim for x in arrays) and len(array) > 1:
            setattr(op, name, split.own(array))


def begin_losses(split, op, arrays):
    """Labels have one."""
    for name in ("labels", "probabilities", "targets"):
        array = getattr(op, name)
        setattr(op, name, None if array is None else split.own(array))


def begin_reshape(split, op, arrays):
    """The shape that is asked for is that of the whole batch."""
    share = split.share
    _, *others = shape_of_batch(op, arrays[0], split.each, share)
    op.shape = (split.result * (share.last - share.first), *others)


def begin_stretch(split, op, arrays):
    """Likewise."""
    op.shape = (len(arrays[0]), *np.broadcast_to(np.float32(0), op.shape).shape[1:])


def begin_index(split, op, arrays):
    """The numbers of samples are those of the whole batch, and so is a slice that takes all."""
    index = op.index if isinstance(op.index, tuple) else (op.index,)
    first, *others = index or (...,)
    if isinstance(first, slice):
        op.index = (slice(None), *others)
    elif first is not ... and type(first) is not Rows:
        axes, first = np.ndim(first), split.own(np.asarray(first))
        others = [split.own(np.asarray(i)) if np.ndim(i) == axes else i for i in others]
        op.index = (np.arange(len(first)).reshape(first.shape), *others)


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
    spreads: bool = False
    begin: object = None
    sums: bool = False  # whether backward sums over samples by itself, with this rule's help


RULES = {
    **dict.fromkeys(
        ["Abs", "Add", "Arctan2", "Cast", "Clip", "Cos", "Div", "Elementwise", "Exp", "Extremum",
         "Log", "LogCoshOfError", "Mul", "Neg", "Pow", "SigmoidCrossEntropy", "Sin", "Softsign",
         "Sqrt", "Sub", "Where"], Rule(aligned, begin=begin_aligned, spreads=True)
    ),
    **dict.fromkeys(
        ["Cumsum", "Extreme", "LogSoftmax", "LogSumExp", "Mean", "Norm", "Prod", "Softmax",
         "Standardize", "Std", "Sum", "Var"], Rule(along)
    ),
    **dict.fromkeys(
        ["AvgPool2D", "BatchNormalization", "MaxPool2D"], Rule(first_alone)
    ),
    **dict.fromkeys(["Concatenate", "Stack"], Rule(joined, spreads=True)),
    **dict.fromkeys(["Dense", "Conv2D"], Rule(first_alone, (0, 2))),
    "BatchNorm": Rule(first_alone, begin=sum_channels, sums=True),
    "BroadcastTo": Rule(stretched, begin=begin_stretch),
    "Conv2DMaxPool": Rule(first_alone, (0, "argmax"), begin=number_elements),
    "Conv2DTranspose": Rule(first_alone, (0,)),
    "Dropout": Rule(first_alone, begin=number_elements),
    "GetItem": Rule(indexed, ("index",), begin=begin_index),
    "GetSlice": Rule(indexed, begin=begin_index),
    "MatMul": Rule(product, (0,)),
    "Pad": Rule(padded),
    "Reshape": Rule(reshaped, begin=begin_reshape),
    "Scatter": Rule(lambda *_: 0),  # the first axis of what it fills is not that of the samples
    "SoftmaxCrossEntropy": Rule(first_alone, begin=begin_losses),
    "Transpose": Rule(transposed),
}  # fmt: skip
MOST_ROWS = 1024  # that a kernel cuts at shards; with more, a call for each shard costs little
ELEMENTWISE, UNKNOWN, TOTAL = RULES["Abs"], Rule(lambda *_: 0), Rule(None)


def rule_of(op, arrays, rows, share):
    """Return the op's rule, and what its ``result`` says; None and 0 if no input is split."""
    if not any(rows) and type(getattr(op, "index", None)) is not Rows:
        return None, 0
    kind = type(op)
    rule = RULES.get(kind.__name__) if kind.__module__.startswith("minigrad.") else None
    if rule is None:
        is_ours = issubclass(kind, Smooth) and kind.__module__.startswith("minigrad.")
        rule = ELEMENTWISE if is_ours else UNKNOWN
    result = rule.result(op, arrays, rows, share)
    return (TOTAL, 0) if not result and kind in (Sum, Mean) else (rule, result)


def most_rows(rows):
    """How many rows of each sample the split inputs have, or that which has most."""
    return max(filter(None, rows))


def _count(arrays, rows):
    """How many rows the split inputs have here."""
    return next(len(x) for x, own in zip(arrays, rows, strict=True) if own)


# --- an op on the rows that are here -------------------------------------------------------------


class Split(Function):
    """An op whose input is split: the gradients of its other inputs are summed over all samples."""

    def __init__(self, op, rule, result, rows, door, share):
        self.op, self.rule, self.result, self.rows = op, rule, result, rows
        self.door, self.share = door, share
        self.each = most_rows(rows) if any(rows) else result

    def own(self, array):
        """The rows here of an array that has one for each sample; any other as it is."""
        each, share = self.each, self.share
        is_whole = len(array) == each * share.total
        return array[each * share.first : each * share.last] if is_whole else array

    def forward(self, *arrays):
        op = self.op
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
        op, needs, share = self.op, self.needs, self.share
        whole = [i for i, own in enumerate(self.rows) if needs[i] and not own]
        if not whole or self.rule.sums:
            return op.backward(gy)
        self.given, door = self.signatures, self.door
        if not self._sums_up(op):
            results = [*_tuple(op.backward(gy))]
            full = [results[i] for i in whole]

            def part(rows):
                return [self._sum(gx[rows], i) for i, gx in zip(whole, full, strict=True)]

            totals = door.add_shards(part, share, self.each)
        elif len(share.cuts) == 2 or self._cuts_by_itself(op, gy, whole):
            results = [*_tuple(op.backward(gy))]
            totals = self._as_given(results, whole) if share.last > share.first else None
        else:
            results = [None] * len(needs)
            part = self._cut(op, gy, whole, results)
            totals = door.add_shards(part, share, self.each, add_into)
        if door.exchange.size > 1:
            # What no other op needs may come later: a leaf's gradient.
            late = [not isinstance(self.sources[i], Function) for i in whole]
            totals = door.add_ranks(totals, share, [self.given[i] for i in whole], late)
        for i, total in zip(whole, totals, strict=True):
            results[i] = total
        return tuple(results)

    def _sums_up(self, op):
        """Whether ``backward`` sums over samples by itself, and does not leave that to the engine.

        Of matrix products, those of matrices do; those of stacks do not.
        """
        is_stack = type(op).__name__ == "MatMul" and (not self.rows[0] or op.saved[0].ndim > 2)
        return bool(self.rule.cut) and not is_stack

    def _cuts_by_itself(self, op, gy, whole):
        """Whether the op's kernel cuts its sums at the shards; then it is told where."""
        is_one_type = all(self.given[i][1] == gy.dtype for i in whole)  # else a sum is rounded
        if not hasattr(op, "cuts") or not is_one_type or len(gy) > MOST_ROWS:
            return False
        op.cuts = tuple([self.each * cut for cut in self.share.cuts])
        return True

    def _as_given(self, results, whole):
        """The gradients of the inputs that are whole, of those inputs' types."""
        return [results[i].astype(self.given[i][1], copy=False) for i in whole]

    def _cut(self, op, gy, whole, results):
        """Fill in the gradients of what is split; return what computes the others of some rows."""
        needs, saved, own = self.needs, op.saved, self.rows
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
            return self._as_given(_tuple(op.backward(gy[rows])), whole)

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
        return total.astype(dtype)  # a copy: of one row the sum is a view, and others add to gx


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
