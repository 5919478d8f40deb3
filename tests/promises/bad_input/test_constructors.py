"""Every argument of every class with every kind of wrong value: refused by name, or no nonsense.

What a default tells is demanded: True or False asks for a bool, a number for numbers but NaN. All
else may be taken or refused, but only by errors that say whose they are.
"""

import inspect
import warnings

import numpy as np
import pytest

from minigrad import (
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from minigrad.optimizers import schedules
from minigrad.utils.argument_kinds import ANY_NUMBER
from minigrad.utils.arguments import Described

FAMILIES = [layers, optimizers, schedules, losses, metrics, callbacks, initializers]
FAMILIES += [regularizers, constraints]
CLASSES = sorted(
    {
        member
        for family in FAMILIES
        for member in vars(family).values()
        if isinstance(member, type) and issubclass(member, Described) and member is not Described
    },
    key=lambda cls: (cls.__module__, cls.__name__),
)
# What arguments without a default get, by their names, and what some classes need beyond it.
NEEDED = {
    "activation": "relu", "axes": 1, "boundaries": [3], "decay_rate": 0.5, "decay_steps": 10,
    "dims": (1,), "dtype": "float32", "factor": 0.1, "filename": "log.csv", "filepath": "m.keras",
    "filters": 2, "first_decay_steps": 5, "fn": losses.mean_squared_error, "function": abs,
    "height": 2, "height_factor": 0.1, "initial_learning_rate": 0.1, "input_dim": 5,
    "kernel_size": 2, "layer": layers.Dense(2), "learning_rate": 0.1, "loss": losses.huber,
    "mode": "auto", "monitor": "loss", "n": 2, "num_classes": 3, "num_tokens": 4, "output_dim": 3,
    "pool_size": 2, "precision": 0.5, "rate": 0.3, "recall": 0.5, "scale": 2.0,
    "schedule": lambda epoch: 0.1, "sensitivity": 0.5, "shape": (3,), "specificity": 0.5,
    "target_class_ids": [0], "target_shape": (2,), "thresholds": [0.5], "units": 3,
    "values": [0.1, 0.2], "width": 2, "width_factor": 0.1, "backup_dir": "backup",
}  # fmt: skip
EXTRA = {
    "CategoryEncoding": {"num_tokens": 4}, "Discretization": {"bin_boundaries": [0.0, 1.0]},
    "InputLayer": {"shape": (3,)},
}  # fmt: skip
VALUES = {  # those of the quick form first
    "None": None, "text": "zzz", "NaN": float("nan"), "object": object(), "fraction": 1.5,
    "huge": 10**400, "minus one": -1, "infinity": float("inf"), "empty": [], "dict": {},
    "bytes": b"x", "complex": 1j, "NaNs": [float("nan")] * 2, "array": np.array([[np.nan]]),
}  # fmt: skip
TOLD = (IndexError, MemoryError, NotImplementedError, OSError, TypeError, ValueError)
NO_NUMBERS = ("None", "text", "object", "bytes", "complex", "NaN")
NO_BOOLS = (*NO_NUMBERS, "minus one", "fraction", "infinity", "empty", "huge", "dict")


def arguments_for(cls):
    """A call that works, or None for classes that nobody makes."""
    parameters = inspect.signature(cls).parameters.values()
    several = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    named = [p for p in parameters if p.kind not in several]
    given = {p.name: NEEDED.get(p.name) for p in named if p.default is p.empty}
    try:
        cls(**given | EXTRA.get(cls.__name__, {}))
    except (NotImplementedError, TypeError, ValueError):
        return None, named
    return given | EXTRA.get(cls.__name__, {}), named


NONE_MEANS = {
    "axis": "all axes, as in NumPy",
    "weight_decay": "none, as in Keras",
    "adam_weight_decay": "none, as in Keras",
    "rms_rate": "no scale, as in Keras",
}


def is_demanded(name, default, kind):
    """Whether this kind of value must be refused."""
    if name in NONE_MEANS and kind == "None":
        return False
    if isinstance(default, bool):
        return kind in NO_BOOLS
    if isinstance(default, (int, float)) and name not in ANY_NUMBER:
        return kind in NO_NUMBERS
    return False


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_wrong_arguments_are_refused_by_name(cls, trials, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given, named = arguments_for(cls)
    if given is None:
        pytest.skip("a base class")
    kinds = list(VALUES)[: len(list(trials(6, len(VALUES))))]
    for argument in named:
        for kind in kinds:
            value = VALUES[kind]
            told = f"{cls.__name__}({argument.name}={kind})"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    cls(**given | {argument.name: value})
                except TOLD as error:
                    assert "expected" in str(error) or isinstance(error, OSError), (
                        f"{told}: {error}"
                    )
                    continue
            assert not is_demanded(argument.name, argument.default, kind), f"{told} was taken"


def test_most_classes_are_tried():
    tried = [cls for cls in CLASSES if arguments_for(cls)[0] is not None]
    assert len(tried) >= 150
