# ruff: noqa: F401 (what is imported here is what the package offers)
"""Models: of layers in a row, of a graph of layers, or of your own ``call``."""

from minigrad.models.model import Model
from minigrad.models.sequential import Sequential

Functional = Model
