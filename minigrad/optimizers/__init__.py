"""Optimizers under Keras's names: each makes weights follow their gradients in its own way."""

from minigrad.optimizers import schedules as schedules
from minigrad.optimizers.adadelta import Adadelta
from minigrad.optimizers.adagrad import Adagrad
from minigrad.optimizers.adam import Adam, AdamW
from minigrad.optimizers.adamax import Adamax
from minigrad.optimizers.base import Optimizer
from minigrad.optimizers.lion import Lion
from minigrad.optimizers.nadam import Nadam
from minigrad.optimizers.rmsprop import RMSprop
from minigrad.optimizers.sgd import SGD
from minigrad.utils import registry
from minigrad.utils.arguments import deserialize

RULES = (SGD, Adagrad, RMSprop, Adam, AdamW, Nadam, Adamax, Adadelta, Lion)
OPTIMIZERS = {rule.__name__.lower(): rule for rule in RULES}


def get(identifier):
    """Return an optimizer from its name ("adam"), class, config or instance.

    A config is a dict {"class_name": "Adam", "config": {...}}, as Keras writes it.
    """
    if isinstance(identifier, dict):
        return deserialize("optimizer", identifier, OPTIMIZERS)
    found = registry.get("optimizer", identifier, OPTIMIZERS, Optimizer)
    if found is not None and not isinstance(found, Optimizer):
        raise TypeError(f"optimizer: expected a name, class, config or instance, got {found!r}")
    return found
