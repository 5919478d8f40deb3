# By tests/typing/make_stubs.py
from minigrad.preprocessing import image as image, sequence as sequence, text as text
from minigrad.utils import (
    image_dataset_from_directory as image_dataset_from_directory,
    timeseries_dataset_from_array as timeseries_dataset_from_array,
)

