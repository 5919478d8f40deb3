"""Objects of Keras, TensorFlow, JAX and PyTorch, given where minigrad's own are meant.

A function or class is taken by its name: ``tf.nn.relu`` is "relu". An instance, of an optimizer, a
loss, a metric or an initializer, is taken by its class's name and its config. What computes
with another library's tensors cannot be taken: gradients do not pass through them.
"""

import functools
import re

from minigrad.core import Tensor
from minigrad.utils.arguments import argument_names

LIBRARIES = {"jax", "jaxlib", "keras", "tensorflow", "tf_keras", "torch"}
NAMES = {"identity": "linear"}  # of theirs -> of minigrad's

# What their functions do by default, where minigrad's do otherwise.
OPTIONS = {
    ("jax", "gelu"): {"approximate": True},
    ("jax", "leaky_relu"): {"negative_slope": 0.01},
    ("torch", "leaky_relu"): {"negative_slope": 0.01},
}


def library_of(value):
    """Return the name of the library that an object, function or class comes from; else None."""
    module = getattr(value, "__module__", None) or type(value).__module__
    library = str(module).partition(".")[0]
    return library if library in LIBRARIES else None


def take(registry, identifier):
    """Return what another library's object is called in a family, or made anew from its config.

    Parameters
    ----------
    registry : Registry
    identifier : object
        Anything else is returned as it is.

    Raises
    ------
    ValueError
        If the family has nothing of that name, or an optimizer has trained.
    TypeError
        If it is an instance where functions are wanted, such as a layer as activation.
    """
    library = library_of(identifier)
    if library is None:
        return identifier
    is_instance = not hasattr(identifier, "__name__")
    name = type(identifier).__name__ if is_instance else identifier.__name__
    name = re.sub(r"_v\d+$", "", name)  # tf.nn.softmax is softmax_v2
    try:
        own = registry.find(NAMES.get(name, name))
    except ValueError as error:
        raise ValueError(f"{error}; this one is {library}'s") from None
    if not is_instance:
        options = OPTIONS.get((library, name))
        return functools.partial(own, **options) if options else own
    if not isinstance(own, type) or not hasattr(identifier, "get_config"):
        expected = "a name, or a function"
        got = f"an object of {library}'s {name}; write {name.lower()!r}"
        raise TypeError(f"{registry.kind}: expected {expected}, got {got}")
    if getattr(identifier, "built", False) and getattr(identifier, "iterations", 0):
        raise ValueError(
            f"{registry.kind}: expected one that has not trained, got {library}'s {name} after "
            f"{int(identifier.iterations)} steps; make a new minigrad {name}"
        )
    return _from_config(own, identifier)


def _from_config(own, instance):
    known = argument_names(own)
    config = instance.get_config()
    config |= getattr(instance, "_fn_kwargs", {})  # Keras leaves Huber's delta out of its config
    unknown = [name for name, value in config.items() if name not in known and value]
    if unknown:
        title = f"{library_of(instance)}'s {own.__name__}"
        value = config[unknown[0]]
        fault = f"expected no {unknown[0]}, which minigrad's has not, got {value!r}; leave it out"
        raise ValueError(f"{title}: {fault}")
    return own(**{name: value for name, value in config.items() if name in known})


def refuse_inside(title, value):
    """Raise TypeError for another library's tensor in the middle of a model.

    Converted, it would cut the graph, and what is before it would not be trained.
    """
    library = library_of(value)
    if library is not None:
        kind = type(value).__name__
        raise TypeError(
            f"{title}: expected a tensor of minigrad, got {library}'s {kind}, through which no "
            "gradient passes; compute with minigrad.ops"
        )


def _refuse_tape(tensor):
    raise TypeError(
        "GradientTape: expected tensors of TensorFlow, got one of minigrad, which needs no tape; "
        "write loss.backward(), then weight.grad for each of model.trainable_weights"
    )


Tensor._id = property(_refuse_tape)  # which a GradientTape asks of the tensors that it is given
