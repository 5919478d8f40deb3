"""Helpers for users: seeds, labels, normalization, batches and progress of one's own."""

from minigrad.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from minigrad.random import set_random_seed
from minigrad.utils.arrays import normalize, to_categorical
from minigrad.utils.datasets import PyDataset
from minigrad.utils.names import lookup
from minigrad.utils.naming import clear_session
from minigrad.utils.progress import Progbar

Sequence = PyDataset  # its older name

__all__ = [
    "Progbar",
    "PyDataset",
    "Sequence",
    "clear_session",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "is_interactive_logging_enabled",
    "normalize",
    "set_random_seed",
    "to_categorical",
]

__getattr__ = lookup(__name__)
