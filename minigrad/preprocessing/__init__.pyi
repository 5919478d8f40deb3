# Written by tests/typing/make_stubs.py: change types.txt or the module, and run it again.
from minigrad.preprocessing import image as image
from minigrad.utils import image_dataset_from_directory as image_dataset_from_directory
from minigrad.preprocessing import sequence as sequence
from minigrad.preprocessing import text as text
from minigrad.utils import timeseries_dataset_from_array as timeseries_dataset_from_array

