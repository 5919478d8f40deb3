"""Arrays that hold the same numbers in another form."""

import tempfile

import numpy as np
import pytest


def misaligned(x):
    memory = np.zeros(x.nbytes + 1, np.uint8)
    y = memory[1:].view(x.dtype).reshape(x.shape)
    y[...] = x
    return y


def mapped(x):
    with tempfile.TemporaryFile() as file:
        y = np.memmap(file, x.dtype, "w+", shape=x.shape)  # which keeps the memory, not the file
    y[...] = x
    return y


def locked(x):
    y = x.copy()
    y.flags.writeable = False
    return y


FORMS = {
    "Fortran": np.asfortranarray,
    "reversed": lambda x: np.ascontiguousarray(x[(slice(None, None, -1),) * x.ndim])[
        (slice(None, None, -1),) * x.ndim
    ],
    "every other": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "swapped bytes": lambda x: x.astype(x.dtype.newbyteorder()),
    "read-only": locked,
    "misaligned": misaligned,
    "mapped": mapped,
    "in a record": lambda x: _recorded(x),
    "a subclass": lambda x: x.view(type("Own", (np.ndarray,), {})),
    "a list": lambda x: x.tolist(),
}


def _recorded(x):
    records = np.zeros(x.shape, [("tag", "i1"), ("value", x.dtype)])  # fields are not aligned
    records["value"] = x
    return records["value"]


@pytest.fixture(params=FORMS)
def form(request):
    """A function from an array to the same numbers in another form."""
    return FORMS[request.param]
