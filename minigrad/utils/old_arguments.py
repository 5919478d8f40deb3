"""Arguments of Keras's older versions: what they are called now, and those without effect.

What is constructed or called with an older name gets the newer one, and warns of it. A name that
its class or function has itself is not older there: ``Embedding`` has an ``output_dim``.
"""

import inspect
import warnings

# Older name -> what it is called now; of several names the first that is known.
RENAMED = {
    "lr": ["learning_rate"], "nb_epoch": ["epochs"], "input": ["inputs"], "output": ["outputs"],
    "nb_classes": ["num_classes"], "nb_filter": ["filters"], "filter_length": ["kernel_size"],
    "border_mode": ["padding"],
    "subsample": ["strides"], "subsample_length": ["strides"], "atrous_rate": ["dilation_rate"],
    "pool_length": ["pool_size"], "length": ["size"],
    "dim_ordering": ["data_format"], "output_dim": ["units"], "bias": ["use_bias"],
    "init": ["kernel_initializer", "embeddings_initializer", "alpha_initializer"],
    "W_regularizer": ["kernel_regularizer", "embeddings_regularizer"],
    "W_constraint": ["kernel_constraint", "embeddings_constraint"],
    "b_regularizer": ["bias_regularizer"], "b_constraint": ["bias_constraint"],
    "beta_init": ["beta_initializer"], "gamma_init": ["gamma_initializer"],
    "p": ["rate"], "sigma": ["stddev"], "alpha": ["negative_slope"], "epsilon": ["min_delta"],
    "m": ["max_value"], "l": ["l2", "l1"],
}  # fmt: skip

# Older values of these -> the newer ones.
VALUES = {"dim_ordering": {"tf": "channels_last", "th": "channels_first"}}

# Name -> the values that have no effect here, which are left out; None: any.
WITHOUT_EFFECT = {
    "class_mode": None, "show_accuracy": None, "sample_weight_mode": None,
    "workers": None, "use_multiprocessing": None, "max_queue_size": None, "max_q_size": None,
    "nb_worker": None, "pickle_safe": None, "input_length": None, "mode": [0], "period": [1],
}  # fmt: skip


def renew(function, title, arguments, named, known, warns=True):
    """Return the arguments of a call under the names that they have now.

    Parameters
    ----------
    function : callable
        What is called; a class's ``__init__``, whose ``arguments`` are then without ``self``.
    title : str
        For warnings: the name of the function or class.
    arguments, named : tuple, dict
    known : collection of str, or a function that returns it
        The names that the function has, and those that it passes on.
    warns : bool

    Returns
    -------
    tuple, dict

    Raises
    ------
    TypeError
        If an argument is given under both names.
    """
    if OLD_NAMES.isdisjoint(named) and len(arguments) != 3:  # a quick look: most calls are new
        return arguments, named
    known = known() if callable(known) else known
    renewed, told = {}, []
    for name, value in named.items():
        now = next((new for new in RENAMED.get(name, ()) if new in known), None)
        accepted = WITHOUT_EFFECT.get(name, ())
        if name in known:
            renewed[name] = value
        elif now in named:
            raise TypeError(f"{title}: expected {now}, or its old name {name}, got both")
        elif now is not None:
            renewed[now] = VALUES.get(name, {}).get(value, value) if _is_text(value) else value
            told.append(f"{name} is an old name; write {now}={_short(renewed[now])}")
        elif name in WITHOUT_EFFECT and (accepted is None or value in accepted):
            told.append(f"{name} has no effect; leave it out")
        else:
            renewed[name] = value
    for change in (_join_kernel_size, _split_positions, _take_input_shape, _take_decay):
        arguments, renewed, message = change(function, arguments, renewed, known, told)
        told += [message] if message else []
    if warns:
        for message in told:
            warnings.warn(f"{title}: {message}", FutureWarning, stacklevel=3)
    return arguments, renewed


OLD_NAMES = {*RENAMED, *WITHOUT_EFFECT, "nb_row", "nb_col", "batch_input_shape", "decay"}


def _join_kernel_size(function, arguments, named, known, told):
    """``nb_row=3, nb_col=5`` is ``kernel_size=(3, 5)``."""
    if not {"nb_row", "nb_col"} <= set(named) or "kernel_size" not in known:
        return arguments, named, None
    named = dict(named)
    size = named.pop("nb_row"), named.pop("nb_col")
    message = f"nb_row and nb_col are old names; write kernel_size={size}"
    return arguments, named | {"kernel_size": size}, message


def _split_positions(function, arguments, named, known, told):
    """``Conv2D(32, 3, 3)`` of Keras 1 has a kernel of 3 x 3, that of Keras 2 and 3 strides of 3.

    With another old name beside it, it is one of Keras 1. Alone it is taken as Keras 3 takes it,
    and told where both numbers are odd and equal, as kernels are and strides seldom.
    """
    is_2d = {"filters", "kernel_size"} <= set(known) and not isinstance(
        inspect.signature(function).parameters["strides"].default, int
    )
    if not is_2d or len(arguments) != 3 or not all(type(n) is int for n in arguments):
        return arguments, named, None
    filters, *size = arguments
    size = tuple(size)
    if told:
        message = f"the kernel's rows and columns are one argument; write kernel_size={size}"
        return (filters, size), named, message
    if size[0] == size[1] > 1 and size[0] % 2 == 1:
        cure = f"for a kernel of this size, as in Keras 1, write kernel_size={size}"
        return arguments, named, f"the third argument is strides={size[1]}; {cure}"
    return arguments, named, None


def _take_input_shape(function, arguments, named, known, told):
    """``batch_input_shape=(None, 3)`` is ``input_shape=(3,)``."""
    if "batch_input_shape" not in named or "input_shape" not in known:
        return arguments, named, None
    named = dict(named)
    shape = tuple(named.pop("batch_input_shape")[1:])
    message = f"batch_input_shape is an old name; write input_shape={shape}"
    return arguments, named | {"input_shape": shape}, message


def _take_decay(function, arguments, named, known, told):
    """``decay`` of Keras 2's optimizers: the learning rate over (1 + decay times steps)."""
    if "decay" not in named or "decay" in known or "learning_rate" not in known:
        return arguments, named, None
    named = dict(named)
    decay = named.pop("decay")
    if not decay:
        return arguments, named, "decay has no effect; leave it out"
    rate = named.pop("learning_rate", None)
    if arguments:
        rate, arguments = arguments[0], arguments[1:]
        others = list(inspect.signature(function).parameters)[2:]  # after self, learning_rate
        named |= dict(zip(others, arguments, strict=False))
    elif rate is None:
        rate = inspect.signature(function).parameters["learning_rate"].default
    config = {"initial_learning_rate": rate, "decay_steps": 1.0, "decay_rate": decay}
    named["learning_rate"] = {"class_name": "InverseTimeDecay", "config": config}
    write = f"learning_rate=schedules.InverseTimeDecay({rate}, 1, {decay})"
    return (), named, f"decay is an old name; write {write}"


class Logs(dict):
    """Logs by name, in which "acc" also finds "accuracy", and the other way round, with a warning.

    Keras 2.3 changed the one name to the other.
    """

    def __missing__(self, name):
        other = other_log(name)
        if other not in self:
            raise KeyError(f"{name!r}; expected one of {', '.join(map(repr, self)) or 'none'}")
        warnings.warn(f"{name!r} is called {other!r} here", FutureWarning, stacklevel=2)
        return self[other]


def other_log(name):
    """Return the log's name in another version of Keras: "val_accuracy" of "val_acc"."""
    if str(name).endswith("accuracy"):
        return f"{name.removesuffix('accuracy')}acc"
    return f"{name.removesuffix('acc')}accuracy" if str(name).endswith("acc") else name


def _is_text(value):
    return isinstance(value, str)


def _short(value):
    return repr(value) if isinstance(value, (int, float, str, tuple)) else "..."
