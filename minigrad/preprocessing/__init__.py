"""Keras's older names for what prepares data; newer scripts find most of it in `minigrad.utils`."""

from minigrad.preprocessing import image, sequence, text
from minigrad.utils.folders import image_dataset_from_directory
from minigrad.utils.sequences import timeseries_dataset_from_array

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text",
    "timeseries_dataset_from_array",
]
