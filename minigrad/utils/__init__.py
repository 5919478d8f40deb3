"""Helpers for users: seeds, labels, normalization."""

from minigrad.random import set_random_seed
from minigrad.utils.arrays import normalize, to_categorical

__all__ = ["normalize", "set_random_seed", "to_categorical"]
