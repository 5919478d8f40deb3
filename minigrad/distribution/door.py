"""The door of a model: values are split where its call begins, and gathered where it ends.

Every rank runs the same program. Outside of layers all values are whole and the same on all ranks,
so losses, metrics, penalties and optimizers need no change. Inside of the outermost call each rank
has its share of the samples, in tensors that have a Part. Programs see no difference: such a
tensor has the shape of the whole batch, and its values are gathered when they are asked for.

What an op does to split values is in ``rules``.
"""

import math
import warnings
import weakref

import numpy as np

from minigrad import core, samples
from minigrad.core import Function, Tensor, values_here
from minigrad.distribution import tree
from minigrad.distribution.buckets import Promise
from minigrad.distribution.rules import TOTAL, Split, Total, has_row_for_each, most_rows, rule_of
from minigrad.symbolic import is_symbolic
from minigrad.utils import together
from minigrad.utils.samples import UnreadRows
from minigrad.utils.structures import flatten, map_structure

NOTHING_SPLIT = samples.Share(0, 0, 0, ())  # while a model is recorded, or tried on zeros


class Door:
    """What all calls have in common: the ranks, and how many shards a batch has.

    Parameters
    ----------
    exchange : Alone, or another of its methods
    shards : int
        A power of two, of which the number of ranks is a part.
    """

    def __init__(self, exchange, shards):
        self.exchange = exchange
        self.shards = shards
        self._warned = set()
        self._met = weakref.WeakSet()  # layers that were compared between the ranks

    # --- what is here ---

    def share(self, total):
        """The Share of this rank, of a batch of ``total`` samples."""
        cuts, each = tree.bounds(total, self.shards), self.shards // self.exchange.size
        own = cuts[self.exchange.rank * each :][: each + 1]
        return samples.Share(own[0], own[-1], total, tuple(cut - own[0] for cut in own))

    def counts(self, total):
        """How many samples each rank has."""
        return tuple(np.diff(tree.bounds(total, self.exchange.size)).tolist())

    def add_shards(self, part, share, rows, add=np.add):
        """Add up what each shard here gives, as a tree; None if there are no samples here.

        Parameters
        ----------
        part : callable
            ``part(slice)``: a list of arrays for these rows.
        share : Share
        rows : int
            How many there are of each sample.
        """

        def made(i):
            begin, end = share.cuts[i : i + 2]
            return part(slice(rows * begin, rows * end)) if end > begin else None

        def add_all(xs, ys):
            return [add(x, y) for x, y in zip(xs, ys, strict=True)]

        return tree.add_made(made, 0, len(share.cuts) - 1, add_all)

    def add_ranks(self, totals, share, given, late=None):
        """Add up what `add_shards` gave on each rank.

        Parameters
        ----------
        totals : list of arrays, or None
        share : Share
        given : list of (shape, dtype)
            Of the arrays.
        late : list of bool, optional
            For which of them a Promise is enough; default: for none.
        """
        if self.exchange.size == 1:
            return totals
        if totals is None:  # no samples here
            totals = [np.zeros(*kind) for kind in given]
        present = tuple(count > 0 for count in self.counts(share.total))
        finished = []
        late = late or [False] * len(given)
        for total, (shape, _), can_wait in zip(totals, given, late, strict=True):
            part = np.ascontiguousarray(total)  # an exchange has axes to cut
            if can_wait:
                finished.append(Promise(self.exchange.start(part, present), shape))
            else:
                finished.append(self.exchange.complete(part, present).reshape(shape))
        return finished

    def complete(self, part, share, rows, given, add=np.add):
        """`add_shards`, then `add_ranks`."""
        return self.add_ranks(self.add_shards(part, share, rows, add), share, given)

    def statistics(self, measure, rows, array):
        """The mean, variance and rest of each channel over the whole batch, merged as a tree."""
        share, size = samples.share(), array.shape[-1]

        def measured(i):
            begin, end = (rows * cut for cut in share.cuts[i : i + 2])
            if begin == end:
                return None
            mean, variance, rest = (part.astype(np.float64) for part in measure(array[begin:end]))
            count = np.full(size, (end - begin) * math.prod(array.shape[1:-1]), np.float64)
            return np.stack([count, mean + rest, variance * count])

        total = tree.add_made(measured, 0, len(share.cuts) - 1, tree.merge)
        if self.exchange.size > 1:
            counts = tuple(int(count > 0) for count in self.counts(share.total))
            part = np.zeros((0, 3, size)) if total is None else total[None]
            parts = iter(self.exchange.gather(part, counts))
            total = tree.add_up([next(parts) if count else None for count in counts], tree.merge)
        count, exact, squares = total
        mean = exact.astype(array.dtype)
        return mean, (squares / count).astype(array.dtype), (exact - mean).astype(array.dtype)

    # --- a call ---

    def __call__(self, layer, x, others, training, options):
        """Call the layer on this rank's samples; return its outputs for all samples."""
        share = NOTHING_SPLIT
        if layer.built and layer not in self._met:
            self._met.add(layer)
            together.meet(layer, x)
        if type(x) in (Tensor, np.ndarray) and x.ndim and not (others or options):  # mostly
            if not core.is_trial():
                share = self.share(len(x))
                x = self.take(x if type(x) is Tensor else Tensor(x, layer.dtype), share)
        elif not (core.is_trial() or is_symbolic((x, others, options))):
            share, x, others, options = self._take_all(layer, x, others, options)
        samples.here.share = share
        if share is not NOTHING_SPLIT:
            core._watches.append(self.apply)
            core._pauses.append(self)
        try:
            y = layer(x, *others, training=training, **options)
        finally:
            samples.here.share = None
            if share is not NOTHING_SPLIT:
                core._pauses.remove(self)
                core._watches.remove(self.apply)
        return map_structure(self.gather, y)

    def _take_all(self, layer, x, others, options):
        """The Share of the samples, and `take` of all that is given to a call."""
        share = NOTHING_SPLIT
        unread = [leaf for leaf in flatten(x) if type(leaf) is UnreadRows]
        share = self.share(len(unread[0])) if unread else share
        x = map_structure(lambda leaf: self.read(leaf, share, layer), x) if unread else x
        x = layer._as_tensors(x)
        sizes = [len(leaf) for leaf in flatten(x) if isinstance(leaf, Tensor) and leaf.ndim]
        share = self.share(sizes[0]) if sizes and not unread else share
        taken = map_structure(lambda leaf: self.take(leaf, share), (x, others, options))
        return share, *taken

    def read(self, leaf, share, layer):
        """Return this rank's rows of samples that are unread; anything else as it is."""
        if type(leaf) is not UnreadRows:
            return leaf
        part = layer._as_tensors(leaf.read(share.first, share.last))
        part._rows = Part(1, self, share)
        return part

    def take(self, leaf, share):
        """Return this rank's rows of an array of samples, as a Tensor; anything else as it is."""
        if not isinstance(leaf, (Tensor, np.ndarray)) or leaf.shape[:1] != (share.total,):
            return leaf
        if isinstance(leaf, Tensor) and getattr(leaf._rows, "share", None) is share:
            return leaf  # it was read
        if isinstance(leaf, Tensor) and leaf.requires_grad:
            part = Take(self, share, 1)(leaf)
        else:
            array = leaf.data if isinstance(leaf, Tensor) else leaf
            kind = leaf.dtype if isinstance(leaf, Tensor) else None
            part = Tensor(array[share.first : share.last], kind)
        part._rows = Part(1, self, share)
        return part

    def gather(self, y):
        """Return a split Tensor with the rows of all ranks; anything else as it is."""
        if not isinstance(y, Tensor) or y._rows is None:
            return y
        if self.exchange.size == 1:
            y._rows = None
            if y.made_by is not None:  # a cross-entropy starts at the logits
                y.made_by[1]._rows = None
            return y
        whole = y._rows.gathered(y)
        if y.made_by is not None and y.made_by[2:] == (y.made_by[1].version, y.version):
            logits = self.gather(y.made_by[1])
            whole.made_by = y.made_by[0], logits, logits.version, whole.version
        return whole

    def share_out(self, y):
        """Return this rank's rows of what a layer computed of the whole batch, as by NumPy."""
        if type(y) is Tensor and (y._rows is not None or y._deferred is not None):
            return y  # mostly
        share = samples.share()
        if share in (None, NOTHING_SPLIT) or core.is_trial():
            return y
        return map_structure(lambda leaf: self._own(leaf, share, 1), y)

    # --- an op within a call ---

    def apply(self, op, inputs):
        """Apply an op: the engine calls this in place of the op itself."""
        share = samples.here.share
        if share is None or share is NOTHING_SPLIT or core.is_trial():
            return self._run(op, inputs)
        arrays, rows, learns = [], [], False
        for x in inputs:
            is_tensor = isinstance(x, Tensor)
            arrays.append(values_here(x) if is_tensor else np.asarray(x))
            own = x._rows if is_tensor else None
            if own is None:
                learns = learns or (is_tensor and x.requires_grad)
            elif own.share is not share:  # it was kept from an earlier call
                return self.apply(op, [x._rows.current(x) if _rows_of(x) else x for x in inputs])
            rows.append(own)
        rule, result = rule_of(op, arrays, rows, share)
        if rule is None:  # no input is split
            return self._run(op, inputs)
        if rule is TOTAL:
            return self._run(Total(op, rows[0], self, share), inputs)
        if not result:
            return self._apply_whole(op, inputs, share)
        if rule.spreads and None in rows:
            is_whole, each = has_row_for_each(arrays, rows, share), most_rows(rows)
            inputs = [
                self._own(x, share, each) if whole else x
                for x, whole in zip(inputs, is_whole, strict=True)
            ]
            arrays = [values_here(x) if isinstance(x, Tensor) else np.asarray(x) for x in inputs]
            rows = [x._rows if isinstance(x, Tensor) else None for x in inputs]
        if learns or rule.begin:
            split = Split(op, rule, result, rows, self, share)
            if rule.begin:
                rule.begin(split, op, arrays)
            op = split if learns else op  # else it has no gradient to sum over samples
        y = self._run(op, inputs)
        y._rows = rows[0] if rows[0] == result else Part(result, self, share)
        return y

    def _apply_whole(self, op, inputs, share):
        """Apply an op that mixes samples, or that nobody knows, to the whole batch on each rank."""
        index = getattr(op, "index", None)
        if _rows_of(index):  # of GetItem: it chooses from the whole batch, too
            op.index = self._gathered(index, share)
        rows = max(map(_rows_of, inputs))
        return self._call_whole(lambda *x: self._run(op, x), type(op).__name__, inputs, {}, rows)

    def call_whole(self, function, arguments, options):
        """Call a function that asks NumPy with the rows of all ranks; return those that are here.

        A result of another length is the same on all ranks.
        """
        rows = max(map(_rows_of, flatten([arguments, options])), default=0)
        if not rows:
            return function(*arguments, **options)
        return self._call_whole(function, function.__name__, arguments, options, rows)

    def _call_whole(self, function, name, arguments, options, rows):
        share = samples.share()
        if self.exchange.size > 1 and name not in self._warned:
            self._warned.add(name)
            message = f"distribution: {name} runs on the whole batch on every rank"
            warnings.warn(
                f"{message}; a rule in distribution/rules.py could share it", stacklevel=4
            )
        arguments, options = map_structure(
            lambda x: self._gathered(x, share), [[*arguments], options]
        )
        found = function(*arguments, **options)
        return map_structure(
            lambda y: self._own(y, share, rows) if isinstance(y, Tensor) else y, found
        )

    def _gathered(self, x, share):
        """The rows of all ranks, of a Tensor or an array that is split; anything else as it is."""
        if not _rows_of(x):
            return x
        gather = Gather(self, share, _rows_of(x))
        if not isinstance(x, Tensor):
            return gather.forward(x.view(np.ndarray))
        return self._run(gather, (x,))

    def _own(self, y, share, rows):
        """The rows here, if ``y`` has ``rows`` for each sample of the batch; else all of it."""
        if _rows_of(y) or np.ndim(y) == 0 or len(y) != rows * share.total:
            return y
        part = Part(rows, self, share)
        if not isinstance(y, Tensor):
            return part.own(y)
        y = self._run(Take(self, share, rows), (y,))
        y._rows = part
        return y

    def _run(self, op, inputs):
        """Apply an op, seen by a watch outside of ours (`debug.find_nan`)."""
        watches = core._watches
        if len(watches) > 1 and self.apply in watches[1:]:
            return watches[watches.index(self.apply) - 1](op, inputs)
        op.saved = ()  # by which the engine knows that it shall apply it
        return op(*inputs)


class Part(int):
    """How many rows of each sample a tensor has here, and of which batch."""

    def __new__(cls, rows, door, share):
        part = super().__new__(cls, rows)
        part.door, part.share = door, share
        return part

    def shape(self, tensor):
        """The shape of the whole batch."""
        return (self * self.share.total, *tensor._data.shape[1:])

    def own(self, array):
        """The rows here of an array of the whole batch."""
        return array[self * self.share.first : self * self.share.last]

    def whole(self, tensor):
        """The values of the whole batch, to read."""
        gather = Gather(self.door, self.share, self)
        array = gather.forward(values_here(tensor)).view()
        array.flags.writeable = False
        return array

    def gathered(self, tensor):
        """The Tensor of the whole batch."""
        before, samples.here.share = samples.here.share, self.share  # its call may be over
        try:
            return self.door._run(Gather(self.door, self.share, self), (tensor,))
        finally:
            samples.here.share = before

    def current(self, tensor):
        """The tensor itself in its call; afterwards that of the whole batch."""
        return tensor if samples.share() is self.share else self.gathered(tensor)


class Gather(Function):
    """The rows of all ranks, of a tensor with ``rows`` for each sample."""

    def __init__(self, door, share, rows):
        self.door, self.share, self.rows = door, share, int(rows)

    def forward(self, x):
        return self.door.exchange.gather(np.ascontiguousarray(x), self._counts())

    def backward(self, gy):
        return gy[self.rows * self.share.first : self.rows * self.share.last]

    def _counts(self):
        return tuple(self.rows * count for count in self.door.counts(self.share.total))


class Take(Gather):
    """The rows of this rank, of a tensor that is the same on all ranks."""

    forward = Gather.backward

    def backward(self, gy):
        return self.door.exchange.gather(np.ascontiguousarray(gy), self._counts())


def _rows_of(x):
    """How many rows of each sample a Tensor or an array has here; 0 if it is not split."""
    return int(type(x) is samples.Rows) if not isinstance(x, Tensor) else x._rows or 0
