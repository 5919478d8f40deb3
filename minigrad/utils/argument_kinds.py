"""What an argument may be, as far as its name and default tell: one check for all constructors.

An argument whose default is True or False takes a bool, one whose default is a number takes
numbers, none of them NaN. What else an argument demands, its class checks.
"""

import math
import numbers
import os

import numpy as np

TEXTS = ("monitor", "name", "separator")
PATHS = ("backup_dir", "filename", "log_dir")
AXES = ("axis", "axes", "shared_axes")
WHOLE = ("batch_size", "ignore_class", "max_ndim", "min_ndim", "ndim", "num_labels")
FUNCTIONS = ("fn", "function")
INTERVALS = {
    "beta": (0, math.inf), "epsilon": (0, math.inf), "gamma": (0, math.inf),
    "label_smoothing": (0, 1), "margin": (0, math.inf),
}  # fmt: skip
OR_NONE = ("adam_weight_decay", "rms_rate", "weight_decay")
ANY_NUMBER = ("fill_value", "offset", "scale", "value")  # what is computed with, not a setting


def fault_of(name, default, value):
    """Return what was expected in place of the value, or None if it may do."""
    if name in OR_NONE and value is None:
        return None
    if name in TEXTS:
        return None if isinstance(value, (str, type(None))) else "a text"
    if name in PATHS:
        return None if isinstance(value, (str, os.PathLike)) else "a path"
    if name in AXES and not isinstance(value, dict):
        return None if value is None or _are_whole(value) else "an int, or several"
    if name in WHOLE and not hasattr(value, "dtype"):
        return None if value is None or _are_whole([value]) else "an int"
    if name in FUNCTIONS:
        return None if callable(value) else "a function"
    if isinstance(default, bool):
        is_flag = isinstance(value, (bool, int, np.bool_, np.integer)) and value in (0, 1)
        return None if is_flag else "a bool"
    is_number = isinstance(default, numbers.Real) or name in ANY_NUMBER
    is_set = is_number and not callable(value) and not (isinstance(value, str) and value == "auto")
    if is_set and not _holds_numbers(value):
        return "a number"
    several = value if isinstance(value, (list, tuple)) else [value]
    if name not in ANY_NUMBER and any(isinstance(x, numbers.Real) and x != x for x in several):
        return "a number that is not NaN"
    if name in INTERVALS and isinstance(value, numbers.Real):
        low, high = INTERVALS[name]
        return None if low <= value <= high else f"a number from {low} to {high}"
    return None


def _are_whole(value):
    several = value if isinstance(value, (list, tuple)) else [value]
    return all(isinstance(x, (int, np.integer)) and not isinstance(x, bool) for x in several)


def _holds_numbers(value):
    if value is None or isinstance(value, (str, bytes, complex)):
        return False
    if isinstance(value, dict):
        return "class_name" in value  # the config of a schedule
    try:
        np.asarray(value, np.float64)
    except (OverflowError, TypeError, ValueError):
        return False
    return True
