# ruff: noqa: F401 (what is imported here is what the package offers)
"""Training: the loop with its hooks, and what it minimizes and measures."""

from minigrad.training.loop import Trainer
