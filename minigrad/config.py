"""Settings of the whole program, under Keras's names: ``minigrad.config`` is ``keras.config``."""

import os

_settings = {"floatx": "float32", "interactive": True}

CHANNELS_LAST = "channels_last"
EPSILON = 1e-7


def floatx():
    """Return the type of layers that are given none: "float32" or "float64"."""
    return _settings["floatx"]


def set_floatx(floatx):
    """Choose the type of layers and their weights that are made from now on.

    Parameters
    ----------
    floatx : {"float32", "float64"}

    Raises
    ------
    ValueError
        If it is another type.
    """
    if floatx not in ("float32", "float64"):
        cure = "minigrad computes in these alone"
        raise ValueError(
            f"set_floatx: expected floatx 'float32' or 'float64', got {floatx!r}; {cure}"
        )
    _settings["floatx"] = floatx


def epsilon():
    """Return 1e-7, by which losses, metrics and constraints keep divisors away from 0."""
    return EPSILON


def set_epsilon(value):
    """Accept 1e-7, the only value; raise ValueError for others."""
    if value != EPSILON:
        cure = "layers and optimizers take an epsilon of their own, as Adam(epsilon=...)"
        raise ValueError(f"set_epsilon: expected {EPSILON}, which is fixed, got {value!r}; {cure}")


def image_data_format():
    """Return "channels_last": images are (N, H, W, C)."""
    return CHANNELS_LAST


def set_image_data_format(data_format):
    """Accept "channels_last", the only layout; raise ValueError for others."""
    if data_format != CHANNELS_LAST:
        cure = "put the channels last: x.transpose(0, 2, 3, 1)"
        raise ValueError(
            f"set_image_data_format: expected {CHANNELS_LAST!r}, got {data_format!r}; {cure}"
        )


def backend():
    """Return "minigrad": below it is NumPy, and kernels of its own."""
    return "minigrad"


def set_backend(backend):
    """Accept "minigrad", the only one; raise ValueError for others."""
    if backend != "minigrad":
        cure = "leave it out: kernels are chosen by MINIGRAD_KERNELS before the import"
        raise ValueError(f"set_backend: expected 'minigrad', got {backend!r}; {cure}")


# --- what fit prints and how long it runs --------------------------------------------------------


def enable_interactive_logging():
    """Have verbose="auto" draw progress bars, as it does from the start."""
    _settings["interactive"] = True


def disable_interactive_logging():
    """Have verbose="auto" print one line an epoch."""
    _settings["interactive"] = False


def is_interactive_logging_enabled():
    """Whether verbose="auto" draws progress bars."""
    return _settings["interactive"]


def enable_traceback_filtering():
    """Have no effect: tracebacks are always whole here, with a note of each layer around."""


def disable_traceback_filtering():
    """Have no effect: tracebacks are always whole here, with a note of each layer around."""


def is_traceback_filtering_enabled():
    """Return False: tracebacks are always whole."""
    return False


def max_epochs():
    """Return how many epochs every ``fit`` makes at most; None: no limit."""
    return _read("KERAS_MAX_EPOCHS")


def set_max_epochs(max_epochs):
    """Limit the epochs of every ``fit``, for trial runs; None: no limit."""
    _write("KERAS_MAX_EPOCHS", max_epochs)


def max_steps_per_epoch():
    """Return how many batches every epoch has at most; None: no limit."""
    return _read("KERAS_MAX_STEPS_PER_EPOCH")


def set_max_steps_per_epoch(max_steps_per_epoch):
    """Limit the batches of every epoch, for trial runs; None: no limit."""
    _write("KERAS_MAX_STEPS_PER_EPOCH", max_steps_per_epoch)


def _read(variable):
    value = os.environ.get(variable)
    if value is not None and not value.isdecimal():
        raise ValueError(f"{variable}: expected a whole number from 0, got {value!r}")
    return None if value is None else int(value)


def _write(variable, value):
    """Set an environment variable, in which ``fit`` and the programs started from here look."""
    os.environ.pop(variable, None)
    if value is not None:
        os.environ[variable] = str(int(value))
