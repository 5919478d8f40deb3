"""What must be the same on all ranks, so that their bits are."""

import hashlib
import os
import platform
import sys
import zlib
from pathlib import Path

import numpy as np

from minigrad import config, kernels, random
from minigrad.utils.arguments import short_text
from minigrad.utils.samples import RowsOnDisk, UnreadRows, as_array
from minigrad.utils.structures import flatten

PACKAGE = Path(__file__).parent.parent
CODE = (".py", ".so", ".pyd")
SAMPLES = 64  # rows of the data that are compared


def of_process(shards):
    """Facts about this process: versions, code, instruction sets, settings, the script."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    variables = ("MINIGRAD_WINOGRAD", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")
    return {
        "versions": f"Python {platform.python_version()}, NumPy {np.__version__}",
        "code_of_minigrad": _hash_files(p for p in PACKAGE.rglob("*") if p.suffix in CODE),
        "kernels": _kernels(),
        "instruction_set_of_NumPy": _numpys_instruction_set(),
        "settings": {
            "floatx": config.floatx(),
            "epsilon": config.epsilon(),
            **{name: os.environ.get(name) for name in variables},
        },
        "arguments_of_the_script": sys.argv[1:],
        "code_of_the_script": _hash_files(filter(Path.is_file, [Path(script or "")])),
        "shards": shards,
    }


def of_model(layer):
    """Facts about a model or layer: its weights' shapes and bits, its optimizer's settings."""
    weights = [weight.data for weight in layer.weights] if layer.built else []
    optimizer = getattr(layer, "optimizer", None)
    return {
        "shapes_of_the_weights": [array.shape for array in weights],
        "optimizer": None if optimizer is None else str(optimizer.get_config()),
        "seeds_and_random_numbers": str(random.get_state()),
        "weights": weights,
    }


def of_data(*parts):
    """Facts about samples: how many, of what shape and type, and the values of 64 of them."""
    facts = []
    for part in flatten([part for part in parts if part is not None]):
        part = part.source if type(part) is UnreadRows else part
        shape = getattr(part, "shape", None)
        facts += [type(part).__name__, shape, str(getattr(part, "dtype", None))]
        is_array = isinstance(part, (np.ndarray, RowsOnDisk))
        if (is_array or getattr(part, "format", None) == "csr") and shape and shape[0]:
            rows = np.linspace(0, shape[0] - 1, min(SAMPLES, shape[0])).astype(int)
            facts.append(as_array(part[rows]))
    return facts


def checksum(x, y, sample_weight):
    """A number below 2**32 of a batch's shapes, its labels and weights, and one row of x."""
    labels, inputs = flatten([y, sample_weight]), flatten(x)
    found = zlib.crc32(repr([np.shape(part) for part in labels + inputs]).encode())
    for array in labels:
        if isinstance(array, np.ndarray) and not array.dtype.hasobject:
            found = zlib.crc32(array.tobytes(), found)
    for array in inputs:
        if isinstance(array, np.ndarray) and array.shape[:1] > (0,):
            found = zlib.crc32(array[found % len(array)].tobytes(), found)
    return found


def digest(value):
    """Return a hash of numbers, texts, arrays, and lists and dicts of them: 32 hex digits."""
    found = hashlib.sha256()
    _feed(found, value)
    return found.hexdigest()[:32]


def _feed(found, value):
    if isinstance(value, np.ndarray):
        found.update(f"{value.dtype} {value.shape}".encode())
        is_text = value.dtype.hasobject
        found.update(repr(value.tolist()).encode() if is_text else np.ascontiguousarray(value))
    elif isinstance(value, (list, tuple)):
        for each in value:
            _feed(found, each)
    elif isinstance(value, dict):
        _feed(found, list(value.items()))
    else:
        found.update(f"{value!r};".encode())


def describe(value):
    """Return a text for a message: short values as they are, others as their hash."""
    has_arrays = isinstance(value, np.ndarray) or (
        isinstance(value, list) and any(isinstance(each, np.ndarray) for each in value)
    )
    text = "" if has_arrays else short_text(value)
    return text if 0 < len(text) < 60 else f"hash {digest(value)[:8]}"


def _hash_files(paths):
    found = hashlib.sha256()
    for path in sorted(paths):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _kernels():
    if kernels.kind == "reference":
        return "reference"
    return f"{kernels.kind}, {kernels.adam_step.__module__.rpartition('_')[2]}"


def _numpys_instruction_set():
    """What NumPy chose among its loops by; its sums and products differ with it."""
    try:
        from numpy._core._multiarray_umath import __cpu_baseline__, __cpu_dispatch__
        from numpy._core._multiarray_umath import __cpu_features__ as has
    except ImportError:  # another NumPy keeps it elsewhere
        return "unknown"
    return " ".join(name for name in (*__cpu_baseline__, *__cpu_dispatch__) if has.get(name))
