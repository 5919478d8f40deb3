# ruff: noqa: F401 (what is imported here is what the package offers)
"""Models: of layers in a row, of a graph of layers, or of your own ``call``; copies and files."""

from minigrad.models.model import Model
from minigrad.models.sequential import Sequential
from minigrad.saving import load_model, save_model
from minigrad.saving.cloning import clone_model, model_from_json
from minigrad.utils.old_names import lookup

Functional = Model

__getattr__ = lookup(__name__)
