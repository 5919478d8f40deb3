"""minigrad: a small framework for understanding training, on NumPy and compiled kernels.

``minigrad.models.Sequential``, ``minigrad.layers``, ``minigrad.optimizers`` and so on have Keras's
names; ``minigrad.Tensor`` and ``minigrad.ops`` are the engine below them.
"""

import importlib

from minigrad import _build, kernels

if kernels.kind == "reference":
    _build.run_plain_python()
else:
    _build.warn_if_edited()

# The lines above decide which modules the imports below find.
from minigrad import config, ops, random
from minigrad import numpy_functions as numpy_functions  # binds NumPy's functions onto Tensor
from minigrad.core import Function, Parameter, Tensor, from_dlpack, is_grad_enabled, no_grad
from minigrad.kernels import get_num_threads, set_num_threads
from minigrad.utils import old_names

__version__ = "0.1.0"


old_names.install_finder()
for module in (config, random):  # which may not import utils themselves
    module.__getattr__ = old_names.lookup(module.__name__)
_find = old_names.lookup(__name__)


def version():
    """Return minigrad's version, a string."""
    return __version__


_SUBMODULES = (
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "debug",
    "distribution",
    "initializers",
    "interop",
    "keras",
    "kernels",
    "lab",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "plots",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "testing",
    "utils",
    "wrappers",
)
_NAMES = {
    "Sequential": "models", "Model": "models", "Input": "layers", "InputSpec": "layers",
    "Layer": "layers", "Loss": "losses", "Metric": "metrics", "Optimizer": "optimizers",
    "Initializer": "initializers", "Regularizer": "regularizers", "Variable": "layers.variable",
    "Checkpoint": "saving.checkpoint",
}  # fmt: skip

__all__ = [
    "Function",
    "Parameter",
    "Tensor",
    "from_dlpack",
    "get_num_threads",
    "is_grad_enabled",
    "no_grad",
    "ops",
    "set_num_threads",
    "version",
    *_NAMES,
    *_SUBMODULES,
]


def __getattr__(name):
    """Import a part of minigrad on first use: ``import minigrad`` stays quick."""
    if name in _SUBMODULES:
        return importlib.import_module(f"minigrad.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"minigrad.{_NAMES[name]}"), name)
    return _find(name, depth=3)


def __dir__():
    return sorted({*globals(), *__all__})
