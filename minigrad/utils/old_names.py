"""Other and older names of modules and of what is in them, and the answer where there is nothing.

Keras's names have moved in ten years. What a name is called now, or where it is, stands in the
tables here; what minigrad does not have, in ``utils.absent``. Python asks for both: a module's
``__getattr__`` for a name that the module lacks, and a finder for modules.
"""

import functools
import importlib
import importlib.machinery
import sys
import warnings

# Modules by their other paths, and where their names are now. Only "keras" and what Keras still has
# itself, the paths in ``STILL``, are taken without a warning.
MOVED = {
    "engine": "", "engine.base_layer": "layers", "engine.input_layer": "layers",
    "engine.topology": "layers", "engine.network": "models", "engine.sequential": "models",
    "engine.training": "models",
    "initializations": "initializers", "objectives": "losses",
    "layers.advanced_activations": "layers", "layers.convolutional": "layers",
    "layers.convolutional_recurrent": "layers", "layers.cudnn_recurrent": "layers",
    "layers.embeddings": "layers", "layers.experimental": "layers",
    "layers.experimental.preprocessing": "layers", "layers.local": "layers",
    "layers.merge": "layers", "layers.preprocessing": "layers", "layers.recurrent": "layers",
    "layers.wrappers": "layers",
    "ops.image": "ops", "ops.linalg": "ops", "ops.numpy": "ops",
    "optimizer_v2": "optimizers", "optimizer_v2.adam": "optimizers",
    "optimizer_v2.gradient_descent": "optimizers", "optimizer_v2.rmsprop": "optimizers",
    "optimizers.adam_v2": "optimizers", "optimizers.experimental": "optimizers",
    "optimizers.gradient_descent_v2": "optimizers", "optimizers.legacy": "optimizers",
    "optimizers.rmsprop_v2": "optimizers",
    "utils.all_utils": "utils", "utils.data_utils": "utils", "utils.generic_utils": "utils",
    "utils.io_utils": "utils", "utils.layer_utils": "utils", "utils.np_utils": "utils",
    "utils.vis_utils": "utils", "utils.visualize_util": "utils",
}  # fmt: skip
STILL = {"ops.image", "ops.linalg", "ops.numpy"}

# Names of what is in a module, and what it is called now.
RENAMED = {
    "constraints.maxnorm": "max_norm",
    "constraints.nonneg": "non_neg",
    "constraints.unitnorm": "unit_norm",
    "layers.Deconvolution2D": "Conv2DTranspose",
    "random.set_seed": "set_random_seed",  # TensorFlow's
    "utils.plot": "plot_model",
}
_FUNCTIONS = {
    "mse": "mean_squared_error", "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error", "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy", "kld": "kl_divergence", "logcosh": "log_cosh",
    "kullback_leibler_divergence": "kl_divergence",
}  # fmt: skip
for _old, _new in _FUNCTIONS.items():
    for _name in (_old, _old.upper()):
        RENAMED |= {f"losses.{_name}": _new, f"metrics.{_name}": _new}
RENAMED["losses.cosine_proximity"] = "cosine_similarity"


class Finder:
    """Finds modules by other paths: ``minigrad.keras``, and those at the paths in ``MOVED``.

    It comes before Python's own finders, which would make a second copy of ``minigrad.layers`` as
    ``minigrad.keras.layers``.
    """

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        if not fullname.startswith("minigrad."):
            return None
        place = fullname.removeprefix("minigrad.")
        while place == "keras" or place.startswith("keras."):
            place = place.removeprefix("keras").removeprefix(".")
        module = _module_now(place)
        if place in MOVED:
            return importlib.machinery.ModuleSpec(fullname, _Moved(module), is_package=True)
        if module != fullname:
            return importlib.machinery.ModuleSpec(fullname, _Alias(module))
        if importlib.machinery.PathFinder.find_spec(fullname, path) is None:
            family, _, name = place.rpartition(".")
            text = _explain(family, name)
            if text:
                raise ModuleNotFoundError(text, name=fullname)
        return None


def _module_now(place, depth=3):
    """The name of the module that is, or has moved to, a place below minigrad; warn of a move."""
    now = f"minigrad.{MOVED.get(place, place)}".removesuffix(".")
    if place in MOVED and place not in STILL:
        text = f"minigrad.{place} is an old path; write {now}"
        warnings.warn(text, FutureWarning, stacklevel=depth)
    return now


class _Alias:
    """Loads a module that is there already, under one more name."""

    def __init__(self, name):
        self.name = name

    def create_module(self, spec):
        self.module = importlib.import_module(self.name)
        self.spec = self.module.__spec__
        return self.module

    def exec_module(self, module):
        module.__spec__ = self.spec  # which Python has just replaced


class _Moved:
    """Loads a module at an old path, which has what the new one has.

    It is a module of its own: what is imported below it becomes an attribute of it.
    """

    def __init__(self, name):
        self.name = name

    def create_module(self, spec):
        return None  # an empty one

    def exec_module(self, module):
        now = importlib.import_module(self.name)
        module.__all__ = [name for name in dir(now) if not name.startswith("_")]
        module.__getattr__ = functools.partial(getattr, now)


def install_finder():
    """Have Python ask ``Finder`` first, once."""
    if Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)


def lower_case(cls):
    """Return a function of a class's name in lower case that makes it: ``optimizers.adam()``."""

    def make(*arguments, **named):
        text = f"{cls.__name__.lower()} is an old name; write {cls.__name__}"
        warnings.warn(text, FutureWarning, stacklevel=2)
        return cls(*arguments, **named)

    return make


def lookup(module, elsewhere=None):
    """Return a ``__getattr__`` for a module of minigrad: it answers for names that are not there.

    Parameters
    ----------
    module : str
        Its ``__name__``.
    elsewhere : str, optional
        The module in which Keras's older versions have further names of this one: ``layers.core``
        had what ``layers`` has.
    """
    family = (elsewhere or module).removeprefix("minigrad").removeprefix(".")

    def find(name, depth=2):  # of the caller, whom warnings show
        is_private = name.startswith("_")  # Python itself looks for many
        place = f"{family}.{name}".removeprefix(".")
        if place in RENAMED:
            text = f"minigrad.{place} is an old name; write {RENAMED[place]}"
            warnings.warn(text, FutureWarning, stacklevel=depth)
            return getattr(sys.modules[module], RENAMED[place])
        if place in MOVED:
            return importlib.import_module(_module_now(place, depth + 1))
        if elsewhere and not is_private and hasattr(importlib.import_module(elsewhere), name):
            return getattr(sys.modules[elsewhere], name)
        text = None if is_private else _explain(family, name)
        if text and _is_in_import():
            raise ImportError(text, name=module)
        text = text or f"module {module!r} has no attribute {name!r}"  # Python adds the nearest one
        raise AttributeError(text, name=name, obj=sys.modules[module])

    return find


def _explain(family, name):
    from minigrad.utils.absent import explain_absence  # only here, where something is missing

    return explain_absence(family, name)


def _is_in_import():
    """Whether ``from module import name`` asks, which drops the words of an AttributeError."""
    import dis

    frame = sys._getframe(2)
    while frame.f_code.co_name == "__getattr__":
        frame = frame.f_back
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] == "IMPORT_FROM"
