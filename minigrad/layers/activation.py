"""Layers for activations that take options."""

import functools

from minigrad import activations
from minigrad.layers.core import Activation
from minigrad.utils.arguments import checked_number


class ReLU(Activation):
    """``max_value`` where x ≥ max_value, x where x > threshold, else a line through the threshold.

    Parameters
    ----------
    max_value : float, optional
        Upper limit of the output. Default: none.
    negative_slope : float
        The output is ``negative_slope · (x − threshold)`` up to the threshold.
    threshold : float
    **kwargs
        As for ``Layer``.
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        options = {"negative_slope": negative_slope, "max_value": max_value, "threshold": threshold}
        is_plain = options == {"negative_slope": 0, "max_value": None, "threshold": 0}
        relu = activations.relu  # itself where it may fuse with the layer before
        super().__init__(relu if is_plain else functools.partial(relu, **options), **kwargs)
        for option, value in options.items():
            if option != "max_value" or value is not None:
                value = checked_number(self, option, value, "[0, inf]")
            setattr(self, option, value)


class LeakyReLU(Activation):
    """x where x ≥ 0, else ``negative_slope · x`` (0.3 here, 0.2 in the function of that name)."""

    def __init__(self, negative_slope=0.3, **kwargs):
        self.negative_slope = checked_number(self, "negative_slope", negative_slope, "(-inf, inf)")
        function = functools.partial(activations.leaky_relu, negative_slope=negative_slope)
        super().__init__(function, **kwargs)


class ELU(Activation):
    """x where x ≥ 0, else ``alpha · (exp(x) − 1)`` (Clevert and others 2015, arXiv:1511.07289)."""

    def __init__(self, alpha=1.0, **kwargs):
        self.alpha = checked_number(self, "alpha", alpha, "(-inf, inf)")
        super().__init__(functools.partial(activations.elu, alpha=alpha), **kwargs)


class Softmax(Activation):
    """``exp(x) / Σ exp(x)`` along ``axis``: probabilities that add up to 1."""

    def __init__(self, axis=-1, **kwargs):
        super().__init__(functools.partial(activations.softmax, axis=axis), **kwargs)
        self.axis = axis
