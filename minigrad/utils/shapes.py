"""Shapes that do not fit: what may be meant, in words."""

import math


def shape_cure(expected, got):
    """Return what to do about data of a wrong shape, as "; add ...", or "" where that is not known.

    Parameters
    ----------
    expected : tuple
        With the batch axis; a size is None where any will do.
    got : tuple
    """
    sample, given = tuple(expected[1:]), tuple(got)
    missing = len(expected) - len(given)
    if missing == 1 and len(given) == 1 and sample[0] in (None, 1):
        return "; write x[None] for one sample, x[:, None] for one number a sample"
    looks_like_image = given[-1:] in ((1,), (3,), (4,))
    if missing == 1 and _fits(given, sample) and (any(sample) or looks_like_image):
        if len(expected) > 4 or (sample[0] is None and any(sample)):
            return "; a shape given to Input has no batch axis: it is that of one sample"
        return "; add a batch axis to one sample: x[None]"
    if missing == 1 and _fits((*given[1:], 1), sample):
        return "; add a channel axis: x[..., None]"
    if missing == -1 and given[0] is None:
        return "; a shape given to Input has no batch axis: it is that of one sample"
    if missing == 0 and len(given) == 4 and _fits((*given[2:], given[1]), sample):
        return "; put the channels last: x.transpose(0, 2, 3, 1)"
    if None not in (*sample, *given[1:]) and math.prod(sample) == math.prod(given[1:]):
        return f"; reshape the samples: x.reshape({', '.join(map(str, (-1, *sample)))})"
    if len(expected) == 4 and len(given) == 2:
        return "; reshape the samples to images: Reshape((height, width, channels))"
    return ""


def fit_rank(shape, declared):
    """Return a shape with a last axis of size 1 added or left out, if the declared one has it so.

    As in Keras, (N,) stands for a declared (N, 1), and (N, 4, 1) for a declared (N, 4).
    """
    if len(shape) == len(declared) - 1 and declared[-1] == 1:
        return (*shape, 1)
    if len(shape) == len(declared) + 1 and shape[-1] == 1:
        return shape[:-1]
    return shape


def _fits(sizes, expected):
    pairs = zip(sizes, expected, strict=False)
    return len(sizes) == len(expected) and all(n in (None, size) for size, n in pairs)
