# ruff: noqa: F401 (what is imported here is what the package offers)
"""Optimizers under Keras's names, one rule a file, and learning rate schedules."""

from minigrad.optimizers import schedules
from minigrad.optimizers.adadelta import Adadelta
from minigrad.optimizers.adafactor import Adafactor
from minigrad.optimizers.adagrad import Adagrad
from minigrad.optimizers.adam import Adam, AdamW
from minigrad.optimizers.adamax import Adamax
from minigrad.optimizers.base import Optimizer
from minigrad.optimizers.lion import Lion
from minigrad.optimizers.muon import Muon
from minigrad.optimizers.nadam import Nadam
from minigrad.optimizers.rmsprop import RMSprop
from minigrad.optimizers.sgd import SGD
from minigrad.utils.config import config_functions
from minigrad.utils.old_names import lookup, lower_case
from minigrad.utils.registry import Registry

OPTIMIZERS = Registry("optimizer", Optimizer, spelling=str.lower)
OPTIMIZERS.add_classes(vars())  # every rule that is imported above

for _rule in OPTIMIZERS.members:  # Keras 2's, in place of this package's files as attributes
    globals()[_rule.__name__.lower()] = lower_case(_rule)
del _rule


def get(identifier):
    """Return an optimizer from its name ("adam"), class, config or instance.

    A config is a dict {"class_name": "Adam", "config": {...}}, as Keras writes it.
    """
    found = OPTIMIZERS.get(identifier)
    if found is not None and not isinstance(found, Optimizer):
        raise TypeError(
            f"optimizer: expected an Optimizer or its name, class or config, got {found!r}"
        )
    return found


serialize, deserialize = config_functions(get)
__getattr__ = lookup(__name__)
