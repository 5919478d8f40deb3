"""A table of trained vectors, looked up by number."""

import numpy as np

from minigrad import samples
from minigrad.core import values_here
from minigrad.layers.base import Layer
from minigrad.layers.options import keep_options, make_weight


class Embedding(Layer):
    """Row number ``x`` of a trained table: (N, ...) -> (N, ..., output_dim).

    Parameters
    ----------
    input_dim : int
        Number of rows; inputs are integers from 0 to ``input_dim - 1``.
    output_dim : int
        Length of a row.
    embeddings_initializer : str or callable
    embeddings_regularizer, embeddings_constraint : str or callable, optional
    mask_zero : False
        There are no masks.
    weights : array of shape (input_dim, output_dim), or a list of it, optional
        The table to begin with, in place of one from the initializer.
    **kwargs
        As for ``Layer``.

    Attributes
    ----------
    embeddings : Parameter of shape (input_dim, output_dim)

    Raises
    ------
    ValueError
        If ``weights`` have another shape. In a call, if inputs are no such integers, or a gradient
        with respect to them is asked for.
    """

    unsaved = ("weights",)

    def __init__(
        self, input_dim, output_dim, embeddings_initializer="uniform", embeddings_regularizer=None,
        embeddings_constraint=None, mask_zero=False, weights=None, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        if mask_zero:
            raise self._error("mask_zero=False: minigrad has no masks", mask_zero)
        self.input_dim = self._check_int("input_dim", input_dim)
        self.output_dim = self._check_int("output_dim", output_dim)
        self.mask_zero = mask_zero
        options = embeddings_initializer, embeddings_regularizer, embeddings_constraint
        keep_options(self, "embeddings", *options)
        self._table = None if weights is None else np.asarray(weights)
        shape = self.input_dim, self.output_dim
        if weights is not None and self._table.shape not in (shape, (1, *shape)):
            raise self._error(f"weights of shape {shape}", self._table.shape)

    def build(self, input_shape):
        self.embeddings = make_weight(self, "embeddings", (self.input_dim, self.output_dim))
        if self._table is not None:
            self.embeddings.assign(self._table.reshape(self.embeddings.shape))

    def call(self, x, training=False):
        if x.requires_grad:
            raise self._error("numbers of rows, which have no gradients", x)
        values = values_here(x)
        index = values.astype(np.int64)
        wrong = values[(index != values) | (index < 0) | (index >= self.input_dim)]
        if wrong.size:
            raise self._error(f"integers from 0 to {self.input_dim - 1}", wrong[0].item())
        return self.embeddings[samples.like(x, index)]

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)
