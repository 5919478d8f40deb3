"""Models as estimators of scikit-learn, under the names of Keras's wrappers.

They need scikit-learn, which is imported with the first of them.
"""

import importlib

from minigrad.utils.old_names import lookup

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]

_find = lookup(__name__)


def __getattr__(name):
    if name in __all__:
        return getattr(importlib.import_module("minigrad.wrappers.estimators"), name)
    return _find(name, depth=3)


def __dir__():
    return sorted({*globals(), *__all__})
