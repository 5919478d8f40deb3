"""Products of several axes, as transpositions around one product of matrices."""

import math

import numpy as np

from minigrad import ops
from minigrad.core import as_tensor
from minigrad.more_ops.rearranging import OPS as REARRANGING
from minigrad.more_ops.rearranging import rearranged

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def einsum(subscripts, *operands, **kwargs):
    """Sums of products by the names of axes: ``einsum("ij,jk->ik", x, y)`` is ``x @ y``.

    Axes that the result does not name are summed over. Without "->" it has those that occur once,
    in alphabetical order. "..." stands for axes that broadcast.

    Parameters
    ----------
    subscripts : str
        A letter for each axis of each operand, divided by commas.
    *operands : Tensor

    Raises
    ------
    ValueError
        If letters and axes do not fit.
    """
    operands = [as_tensor(x) for x in operands]
    terms, result = _parse(subscripts, [x.ndim for x in operands])
    parts = [_without_repeats(x, term) for x, term in zip(operands, terms, strict=True)]
    (x, term), *others = parts
    for i, (y, named) in enumerate(others):
        wanted = {letter for _, rest in others[i + 1 :] for letter in rest} | set(result)
        x, term = _multiply(x, term, y, named, wanted)
    x, term = _sum_out(x, term, set(result))
    return ops.transpose(x, [term.index(letter) for letter in result]) if term else x


def _parse(subscripts, ranks):
    """The letters of each operand and of the result, with letters in place of "..."."""
    left, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    free = [letter for letter in LETTERS if letter not in subscripts]
    most = 0
    if len(terms) == len(ranks):
        for i, (term, rank) in enumerate(zip(terms, ranks, strict=True)):
            number = rank - len(term.replace("...", ""))
            if "..." in term and number >= 0:
                most = max(most, number)
                terms[i] = term.replace("...", "".join(free[:number][::-1]))
    if [len(term) for term in terms] != ranks:
        raise ValueError(
            f"einsum: expected a letter for each axis, got {subscripts!r} for operands of "
            f"{', '.join(map(str, ranks))} axes"
        )
    stretched = "".join(free[:most][::-1])
    if not arrow:
        letters = "".join(terms)
        once = [x for x in sorted(set(letters)) if letters.count(x) == 1 and x not in stretched]
        result = stretched + "".join(once)
    return terms, result.replace("...", stretched)


def _without_repeats(x, term):
    """An operand whose letters all differ: of an axis named twice, the diagonal."""
    for letter in set(term):
        while term.count(letter) > 1:
            i, j = term.index(letter), term.rindex(letter)
            x = rearranged(x, lambda places, i=i, j=j: np.diagonal(places, axis1=i, axis2=j))
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + letter
    return x, term


def _sum_out(x, term, wanted):
    """Sum over the axes whose letters are not wanted."""
    axes = tuple(i for i, letter in enumerate(term) if letter not in wanted)
    return (ops.sum(x, axes) if axes else x), "".join(c for c in term if c in wanted)


def _multiply(x, term, y, named, wanted):
    """The product of two operands, summed over letters that are not wanted; and its letters."""
    x, term = _sum_out(x, term, wanted | set(named))
    y, named = _sum_out(y, named, wanted | set(term))
    both = [c for c in term if c in named]
    batch, inner = [c for c in both if c in wanted], [c for c in both if c not in wanted]
    left, right = [c for c in term if c not in both], [c for c in named if c not in both]
    sizes = {}
    for letters, shape in ((term, x.shape), (named, y.shape)):
        for letter, n in zip(letters, shape, strict=True):
            if sizes.setdefault(letter, n) != n and 1 not in (sizes[letter], n):
                raise ValueError(
                    f"einsum: expected one size of axis {letter!r}, got {sizes[letter]} and {n}"
                )
            sizes[letter] = max(sizes[letter], n) if n and sizes[letter] else 0
    x = _matrices(x, term, (batch, left, inner), sizes)
    y = _matrices(y, named, (batch, inner, right), sizes)
    if not batch:
        x, y = ops.reshape(x, x.shape[1:]), ops.reshape(y, y.shape[1:])
    letters = [*batch, *left, *right]
    z = ops.reshape(ops.matmul(x, y), [sizes[letter] for letter in letters])
    return z, "".join(letters)


def _matrices(x, term, groups, sizes):
    """``x`` with its axes in three groups, each made one; sizes of 1 are stretched."""
    order = [letter for group in groups for letter in group]
    x = ops.transpose(x, [term.index(letter) for letter in order]) if order else x
    x = ops.broadcast_to(x, [sizes[letter] for letter in order])
    return ops.reshape(x, [math.prod(sizes[letter] for letter in group) for group in groups])


def tensordot(x1, x2, axes=2):
    """The sum of products over axes of both: the last and first so many, or two lists of axes."""
    x1, x2 = as_tensor(x1), as_tensor(x2)
    if isinstance(axes, int):
        axes = list(range(x1.ndim - axes, x1.ndim)), list(range(axes))
    first, second = (np.atleast_1d(part).tolist() for part in axes)
    left, right = list(LETTERS[: x1.ndim]), list(LETTERS[x1.ndim : x1.ndim + x2.ndim])
    for i, j in zip(first, second, strict=True):
        right[j] = left[i]
    shared = {left[i] for i in first}
    result = [letter for letter in left + right if letter not in shared]
    return einsum(f"{''.join(left)},{''.join(right)}->{''.join(result)}", x1, x2)


def dot(x1, x2):
    """The product of numbers, vectors or matrices, over the last axis of ``x1``, as NumPy's dot."""
    x1, x2 = as_tensor(x1), as_tensor(x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return x1 * x2
    if x2.ndim <= 2:
        return ops.matmul(x1, x2)
    return tensordot(x1, x2, [[-1], [-2]])


def inner(x1, x2):
    """The sum of products over the last axes of both."""
    x1, x2 = as_tensor(x1), as_tensor(x2)
    return x1 * x2 if x1.ndim == 0 or x2.ndim == 0 else tensordot(x1, x2, [[-1], [-1]])


def outer(x1, x2):
    """Each element of ``x1`` times each of ``x2``: (n,), (m,) -> (n, m)."""
    x1, x2 = as_tensor(x1), as_tensor(x2)
    return ops.reshape(x1, (-1, 1)) * ops.reshape(x2, (1, -1))


def vdot(x1, x2):
    """The sum of products of all elements."""
    return ops.sum(ops.reshape(as_tensor(x1), -1) * ops.reshape(as_tensor(x2), -1))


def trace(x, offset=0, axis1=0, axis2=1):
    """The sum of a diagonal."""
    return ops.sum(REARRANGING["diagonal"](as_tensor(x), offset, axis1, axis2), -1)


def kron(x1, x2):
    """The Kronecker product of two matrices: each element of ``x1`` times all of ``x2``."""
    x1, x2 = as_tensor(x1), as_tensor(x2)
    if x1.ndim != 2 or x2.ndim != 2:
        raise ValueError(f"kron: expected two matrices, got shapes {x1.shape} and {x2.shape}")
    (H, W), (h, w) = x1.shape, x2.shape
    return ops.reshape(einsum("ij,kl->ikjl", x1, x2), (H * h, W * w))


def cdist(x, y):
    """The distances of each row of ``x`` (N, D) from each of ``y`` (M, D): (N, M)."""
    x, y = as_tensor(x), as_tensor(y)
    return ops.norm(ops.expand_dims(x, -2) - ops.expand_dims(y, -3), axis=-1)


FORMULAS = (einsum, tensordot, dot, inner, outer, vdot, trace, kron, cdist)
OPS = {function.__name__: function for function in FORMULAS}
