"""Batch renormalization, for `BatchNormalization(renorm=True)`: small batches, as in inference.

Source: Ioffe 2017, arXiv:1702.03275.
"""

import numpy as np

from minigrad import ops

NO_CLIPPING = {"rmin": 0.0, "rmax": np.inf, "dmax": np.inf}


def check_clipping(layer, clipping):
    """Return `clipping`, None or a dict of limits; ValueError if their names or order are wrong."""
    limits = NO_CLIPPING | (clipping or {})
    ordered = limits["rmin"] <= limits["rmax"] and limits["dmax"] >= 0
    if set(limits) != set(NO_CLIPPING) or not ordered:
        expected = "renorm_clipping of 'rmin' <= 'rmax' and 'dmax' >= 0, or some of them"
        raise layer._error(expected, clipping)
    return clipping


def make_statistics(layer, shape):
    """Make the weights (C,) that start where the moving statistics do."""
    deviation = np.sqrt(layer.moving_variance.data)
    for name, values in (
        ("moving_stddev", deviation),
        ("renorm_mean", layer.moving_mean.data),
        ("renorm_stddev", deviation),
    ):
        setattr(layer, name, layer.add_weight(shape, values, trainable=False, name=name))


def renormalize(layer, x, gamma, beta):
    """Return ``γ ((x − μ) / σ · r + d) + β`` and update the statistics.

    σ is the root of the variance + epsilon; r = σ / renorm_stddev and
    d = (μ − renorm_mean) / renorm_stddev, both clipped, count as constants::

        renorm_mean ← renorm_momentum · renorm_mean + (1 − renorm_momentum) · μ     likewise σ
        moving_mean ← momentum · moving_mean + (1 − momentum) · μ     likewise moving_stddev, of σ
        moving_variance = max(moving_stddev² − epsilon, 0)
    """
    limits = NO_CLIPPING | (layer.renorm_clipping or {})
    ones = np.ones_like(layer.moving_mean.data)
    normal, mean, variance = ops.batch_norm(x, ones, 0 * ones, layer.epsilon, layer.axis)
    deviation = np.sqrt(variance + layer.epsilon)
    known = np.maximum(layer.renorm_stddev.data, layer.epsilon**0.5)
    r = np.clip(deviation / known, limits["rmin"], limits["rmax"])
    d = np.clip((mean - layer.renorm_mean.data) / known, -limits["dmax"], limits["dmax"])
    for kind, keep in (("renorm", layer.renorm_momentum), ("moving", layer.momentum)):
        for name, value in (("mean", mean), ("stddev", deviation)):
            statistic = getattr(layer, f"{kind}_{name}")
            statistic.assign(keep * statistic.data + (1 - keep) * value)
    layer.moving_variance.assign(np.maximum(layer.moving_stddev.data**2 - layer.epsilon, 0))
    per_channel = [1] * x.ndim  # (C,) -> (1, 1, 1, C): it broadcasts along the channels' axis
    per_channel[layer.axis] = -1
    scale, shift = ops.mul(gamma, r), ops.mul(gamma, d) + beta
    return normal * scale.reshape(per_channel) + shift.reshape(per_channel)
