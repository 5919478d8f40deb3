# ruff: noqa: F401 (what is imported is exported)
"""Callbacks: code that runs around training, to record, print, save, adapt the learning rate, stop."""

from minigrad.callbacks.base import (
    HOOKS,
    BackupAndRestore,
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
)
from minigrad.utils.old_names import lookup

__getattr__ = lookup(__name__)
