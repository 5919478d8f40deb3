"""Helpers for users: seeds, labels, normalization, batches and progress of one's own, files."""

import importlib

from minigrad.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from minigrad.random import set_random_seed
from minigrad.utils.arrays import normalize, to_categorical
from minigrad.utils.datasets import PyDataset
from minigrad.utils.naming import clear_session
from minigrad.utils.old_names import lookup

Sequence = PyDataset  # its older name

# Imported at the first use: `import minigrad` stays quick.
_NAMES = {
    "CustomObjectScope": "minigrad.saving",
    "Progbar": "minigrad.utils.progbar",
    "array_to_img": "minigrad.utils.images",
    "custom_object_scope": "minigrad.saving",
    "deserialize_keras_object": "minigrad.saving",
    "get_custom_objects": "minigrad.saving",
    "get_file": "minigrad.utils.download",
    "get_registered_name": "minigrad.saving",
    "get_registered_object": "minigrad.saving",
    "image_dataset_from_directory": "minigrad.utils.folders",
    "img_to_array": "minigrad.utils.images",
    "load_img": "minigrad.utils.images",
    "pack_x_y_sample_weight": "minigrad.utils.batches",
    "pad_sequences": "minigrad.utils.sequences",
    "plot_model": "minigrad.lab.model_picture",
    "register_keras_serializable": "minigrad.saving",
    "save_img": "minigrad.utils.images",
    "serialize_keras_object": "minigrad.saving",
    "split_dataset": "minigrad.utils.sequences",
    "timeseries_dataset_from_array": "minigrad.utils.sequences",
    "unpack_x_y_sample_weight": "minigrad.utils.batches",
}

__all__ = [
    "PyDataset",
    "Sequence",
    "clear_session",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "is_interactive_logging_enabled",
    "normalize",
    "set_random_seed",
    "to_categorical",
    *_NAMES,
]

_find = lookup(__name__)


def __getattr__(name):
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    return _find(name, depth=3)
