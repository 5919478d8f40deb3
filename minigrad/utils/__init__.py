"""Helpers for users: seeds, labels, normalization, batches and progress of one's own."""

from minigrad.random import set_random_seed
from minigrad.utils.arrays import normalize, to_categorical
from minigrad.utils.datasets import PyDataset
from minigrad.utils.names import clear_session
from minigrad.utils.progress import Progbar

Sequence = PyDataset  # its older name

__all__ = [
    "Progbar",
    "PyDataset",
    "Sequence",
    "clear_session",
    "normalize",
    "set_random_seed",
    "to_categorical",
]
