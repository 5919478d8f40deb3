"""Callbacks: code that runs around training, to record, print, save, adapt the learning rate, stop.

`fit`, `evaluate` and `predict` call the hooks of each callback. Your own callback is a class that
defines the hooks it needs. `base` has the hooks, who calls them, and what `fit` adds;
`monitors` what watches a number; `short` what needs few lines; each other file one callback.
"""

# ruff: noqa: F401 (what is imported is exported)
from minigrad.callbacks.backup import BackupAndRestore
from minigrad.callbacks.base import HOOKS, Callback, CallbackList, History, ProgbarLogger
from minigrad.callbacks.csv_logger import CSVLogger
from minigrad.callbacks.monitors import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from minigrad.callbacks.short import LambdaCallback, LearningRateScheduler, TerminateOnNaN
from minigrad.callbacks.tensorboard import TensorBoard
from minigrad.utils.old_names import lookup

__getattr__ = lookup(__name__)
