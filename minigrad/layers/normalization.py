"""Batch normalization."""

import numpy as np

from minigrad import initializers
from minigrad.core import as_tensor
from minigrad.layers import fusion
from minigrad.layers.base import ElementwiseLayer
from minigrad.layers.options import keep_options, make_weight
from minigrad.layers.renormalization import check_clipping, make_statistics, renormalize
from minigrad.ops.nn import begin_batch_norm
from minigrad.utils.arguments import checked_number


class BatchNormalization(ElementwiseLayer):
    """Bring each channel to mean β and standard deviation γ.

    Source: Ioffe and Szegedy 2015, arXiv:1502.03167.
    In training, with mean μ and biased variance σ² of the batch over all axes but ``axis``::

        y = γ (x − μ) / sqrt(σ² + epsilon) + β
        moving_mean ← momentum · moving_mean + (1 − momentum) · μ        likewise σ²

    In inference, and while the layer is frozen (``trainable = False``), the moving statistics
    replace μ and σ² and do not change.

    Parameters
    ----------
    axis : int
        The axis of the channels.
    momentum : float
        From 0 to 1. The larger it is, the slower the moving statistics change.
    epsilon : float
        Positive; added to the variance.
    center, scale : bool
        Whether there is a β, a γ.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer :
        str or callable
    beta_regularizer, gamma_regularizer : str or callable, optional
    beta_constraint, gamma_constraint : str or callable, optional
    renorm : bool
        Whether to correct the batch's statistics in training towards those of the batches before,
        see `renormalization.renormalize`. It needs three more weights that are never trained.
    renorm_clipping : dict, optional
        Limits of the correction: "rmin", "rmax", "dmax".
    renorm_momentum : float
        From 0 to 1, of the statistics it corrects towards.
    synchronized : bool
        Without effect: there is one device.
    **kwargs
        As for ``Layer``.

    Attributes
    ----------
    gamma, beta : Parameter of shape (C,), or None
    moving_mean, moving_variance : Parameter of shape (C,), never trained
    """

    def __init__(
        self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True,
        beta_initializer="zeros", gamma_initializer="ones", moving_mean_initializer="zeros",
        moving_variance_initializer="ones", beta_regularizer=None, gamma_regularizer=None,
        beta_constraint=None, gamma_constraint=None, renorm=False, renorm_clipping=None,
        renorm_momentum=0.99, synchronized=False, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        if axis == 0:
            raise self._error("an axis other than the batch axis", axis)
        self.axis = axis
        self.min_rank = axis + 1 if axis > 0 else 1 - axis
        self.fixed_axes = (axis,)
        self.momentum = checked_number(self, "momentum", momentum, "[0, 1]")
        self.epsilon = checked_number(self, "epsilon", epsilon, "(0, inf)")
        self.center = center
        self.scale = scale
        keep_options(self, "gamma", gamma_initializer, gamma_regularizer, gamma_constraint)
        keep_options(self, "beta", beta_initializer, beta_regularizer, beta_constraint)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = renorm
        self.renorm_clipping = check_clipping(self, renorm_clipping)
        self.renorm_momentum = checked_number(self, "renorm_momentum", renorm_momentum, "[0, 1]")
        self.synchronized = synchronized

    def build(self, input_shape):
        shape = (input_shape[self.axis],)
        self.gamma = make_weight(self, "gamma", shape) if self.scale else None
        self.beta = make_weight(self, "beta", shape) if self.center else None
        for name in ("moving_mean", "moving_variance"):
            initializer = getattr(self, f"{name}_initializer")
            setattr(self, name, self.add_weight(shape, initializer, trainable=False, name=name))
        if self.renorm:
            make_statistics(self, shape)

    def call(self, x, training=False):
        mean, variance = self.moving_mean.data, self.moving_variance.data
        gamma = as_tensor(np.ones_like(mean)) if self.gamma is None else self.gamma
        beta = as_tensor(np.zeros_like(mean)) if self.beta is None else self.beta
        settings = x, gamma, beta, self.epsilon, self.axis
        if training and self.trainable and x.size:  # an empty batch has no statistics
            if self.renorm:
                return renormalize(self, x, gamma, beta)
            finish, *batch = begin_batch_norm(*settings)
            keep = self.momentum
            self.moving_mean.assign(keep * mean + (1 - keep) * batch[0])
            self.moving_variance.assign(keep * variance + (1 - keep) * batch[1])
        else:  # copies: finish may be called after the next change
            finish, *_ = begin_batch_norm(*settings, (mean.copy(), variance.copy()))
        return fusion.normalize(self, finish, x, gamma, beta)
