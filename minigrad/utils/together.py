"""Several processes that run the same program: who of them writes, downloads and reads for all.

``minigrad.distribution`` sets `group`. While it is None, this process is alone.
"""

import contextlib
import os

group = None  # of `distribution`: rank, size, shards, and what is asked for below


def is_writer():
    """Whether this process writes files: rank 0, or whoever is alone."""
    return group is None or group.is_writer()


def path_to_write(path):
    """Return `path` where this process writes files, else a file that swallows everything."""
    return path if is_writer() else os.devnull


def first(action):
    """Return `action()`, which rank 0 ends before all others begin: it downloads what they find.

    An error of rank 0 is raised on all ranks.
    """
    return action() if group is None else group.first(action)


def once(action):
    """Return `action()`, or raise its error: only rank 0 acts, and all ranks get what came."""
    return action() if group is None else group.once(action)


def compare(**facts):
    """Raise a RuntimeError on all ranks if a fact is not the same on all; name it and the ranks."""
    if group is not None:
        group.compare(facts)


def meet(layer, *data):
    """Compare a model, or layer, and what it is given: `compare` before its first step."""
    if group is not None:
        group.meet(layer, data)


def note(x, y, sample_weight):
    """Note a batch: if the ranks were given different ones, their next exchange is an error."""
    if group is not None:
        group.note(x, y, sample_weight)


def shards():
    """Return how many shards a batch is cut into; None without a distribution."""
    return None if group is None else group.shards


@contextlib.contextmanager
def writing(path, write):
    """``with write(path)`` on rank 0; the same block runs on the others, and leaves nothing."""
    with write(path) if group is None else group.writing(path, write) as temporary:
        yield temporary
