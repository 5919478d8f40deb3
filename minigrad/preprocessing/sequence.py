"""Sequences of one length."""

from minigrad.utils.sequences import pad_sequences

__all__ = ["pad_sequences"]
