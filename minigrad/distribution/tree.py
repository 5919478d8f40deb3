"""One order of additions for any number of ranks.

A batch of B samples is S shards, S a power of two; shard i holds samples iB // S to (i + 1)B // S.
A sum over samples is one sum a shard, and these are added as a tree, of which each rank has a
part that is itself a tree::

    ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
      rank 0      rank 1        rank 2      rank 3

So the bits do not depend on the number of ranks. A shard without samples is None: it is left out,
since adding a 0 would turn -0 into 0.
"""

import numpy as np


def bounds(total, shards):
    """Where the shards of ``total`` samples begin, and at last ``total``: shards + 1 ints."""
    return [i * total // shards for i in range(shards + 1)]


def add_up(parts, add=np.add):
    """Add ``parts`` as a tree; None if all of them are.

    Parameters
    ----------
    parts : list of arrays or None
        As many as a power of two.
    add : callable
        ``add(x, y)``: what joins two of them.
    """
    return add_made(parts.__getitem__, 0, len(parts), add)


def add_made(part, first, last, add=np.add):
    """Add ``part(first)`` to ``part(last - 1)`` as a tree; few are in memory at a time."""
    if last - first == 1:
        return part(first)
    middle = (first + last) // 2
    x, y = add_made(part, first, middle, add), add_made(part, middle, last, add)
    if x is None or y is None:
        return y if x is None else x
    return add(x, y)


def merge(x, y):
    """Join the statistics of two sets: rows (count, mean, M2) of an array (3, C).

    M2 is the sum of squared distances from the mean (Chan, Golub and LeVeque 1979).
    """
    count = x[0] + y[0]
    distance = y[1] - x[1]
    mean = x[1] + distance * (y[0] / count)
    return np.stack([count, mean, x[2] + y[2] + distance * distance * (x[0] * y[0] / count)])
