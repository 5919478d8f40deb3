"""Checkpoints: the state of a run in files, from which it goes on with the same bits."""

import contextlib
import os
import random as python_random
import re
import warnings

import numpy as np

from minigrad import random
from minigrad.layers.base import Layer
from minigrad.saving.formats import load_arrays, save_arrays
from minigrad.saving.state import KINDS, PLAIN, State
from minigrad.utils import together
from minigrad.utils.arguments import short_text, whole_number
from minigrad.utils.files import remove_stale
from minigrad.utils.interrupts import interrupts

CONTENT = "state.json"  # the key of what is no array
VERSION = 1
NAME = re.compile(r"checkpoint-(\d+)\.npz")


def generators():
    """The generators that `utils.set_random_seed` seeds; importing NumPy's takes time."""
    return {"minigrad": random, "numpy": np.random, "python": python_random}


class Checkpoint:
    """The state of a run of one's own, saved together, from which it goes on with the same bits.

    ::

        checkpoint = minigrad.Checkpoint("run", model=model, optimizer=optimizer)
        place = checkpoint.restore() or {"step": 0}
        for step in range(place["step"], 1000):
            ...
            checkpoint.save(step=step + 1)

    A checkpoint is one file, ``checkpoint-12.npz``, of arrays and JSON. It appears whole or not at
    all, and what killed processes left behind is removed. The generators of random numbers that
    ``utils.set_random_seed`` seeds belong to it.

    Parameters
    ----------
    folder : str or path
        Made by the first ``save``.
    max_to_keep : int
        How many files stay, the newest ones.
    **objects
        What to save, by name: models and layers (with their random numbers, metrics and
        optimizer), optimizers, metrics, tensors and arrays, lists and dicts, generators of random
        numbers, and objects that have ``get_state()`` and ``set_state(state)``, with a state made
        of numbers, texts, arrays, lists and dicts. All are changed in place by ``restore``.

    Raises
    ------
    TypeError
        If there are no objects, or one cannot be changed in place, such as a number: give that to
        ``save``.
    """

    def __init__(self, folder, max_to_keep=2, **objects):
        self.folder = os.fspath(folder)
        self.max_to_keep = whole_number("Checkpoint", "max_to_keep", max_to_keep, 1)
        if not objects:
            raise TypeError("Checkpoint: expected objects by name, got none; write model=model")
        for name, value in objects.items():
            is_kind = any(is_one(value) for is_one, _, _ in KINDS.values())
            if not (is_kind or isinstance(value, (np.ndarray, list, dict))):
                cure = f"write save({name}=...)" if type(value) in PLAIN else "give it get_state"
                got = f"got {name}={short_text(value)}; {cure}"
                raise TypeError(f"Checkpoint: expected a model, optimizer, array ..., {got}")
        self.objects = objects
        self._number = None  # of the file last written or read
        self._passed = ()  # files that were newer than the one read

    def __repr__(self):
        return f"Checkpoint({self.folder!r}, {', '.join(self.objects)})"

    def paths(self):
        """The files that there are, the newest one last."""
        names = os.listdir(self.folder) if os.path.isdir(self.folder) else ()
        numbers = sorted(int(match[1]) for match in map(NAME.fullmatch, names) if match)
        return [self._path(number) for number in numbers]

    def save(self, **numbers):
        """Write the state of all objects into a new file, and remove those that are too old.

        Parameters
        ----------
        **numbers
            What else is to be known, such as ``step=10``: numbers, texts, arrays, lists, dicts.

        Returns
        -------
        str
            The path of the file.

        Raises
        ------
        OSError
            If it cannot be written; the files from before stay.
        """
        import json  # only here and below: it takes 2 ms of importing minigrad

        state, packed = self._pack(numbers)
        together.compare(weights=[tensor.data for tensor in self._weights()])
        content = {"version": VERSION, "shards": together.shards(), **packed}
        state.arrays[CONTENT] = np.frombuffer(json.dumps(content).encode(), np.uint8)
        if self._number is None:
            self._number = max((_number_of(path) for path in self.paths()), default=0)
        os.makedirs(self.folder, exist_ok=True)
        path = self._path(self._number + 1)
        save_arrays(path, state.arrays)
        self._number += 1
        for other in self.paths():  # what is newer, and was not passed, is another process's
            passed = other in self._passed and other != path
            if passed or self._number - _number_of(other) >= self.max_to_keep:
                _remove(other)
        self._passed = ()
        return path

    def restore(self, path=None):
        """Put all objects into the state of the newest file, or of the one given.

        If the newest one is damaged, it is the one before, with a warning. Either all objects
        change, or none and an error is raised.

        Returns
        -------
        dict or None
            What ``save`` was given beside the objects; None if there is no file yet.

        Raises
        ------
        ValueError
            If all files are damaged, or belong to other objects.
        """
        read = self.read(path)
        return None if read is None else self.apply(read)

    def read(self, path=None):
        """Return what a file holds, for `apply`; arguments and errors are those of `restore`."""
        found = together.once(lambda: self._find(path))
        if found is None:
            return None
        read, self._number, self._passed = found
        if read["shards"] != together.shards():
            expected = _in_words(read["shards"])
            got = f"got {_in_words(together.shards())}: the bits would be others"
            raise ValueError(f"Checkpoint: expected {expected} as in {read['path']}, {got}")
        return read

    def _find(self, path):
        """What the newest file that is whole holds, its number, and the files that are newer."""
        paths = self.paths()[::-1] if path is None else [os.fspath(path)]
        for i, each in enumerate(paths):
            try:
                read = _read(each)
            except ValueError as error:
                if i + 1 == len(paths):
                    raise
                message = f"Checkpoint: {error}; went back to {paths[i + 1]}"
                warnings.warn(message, stacklevel=6)
            else:
                match = NAME.fullmatch(os.path.basename(each))
                number = int(match[1]) if match else None
                return read, number, [p for p in self.paths() if match and _number_of(p) > number]
        return None

    def apply(self, read):
        """Put all objects into the state that `read` returned; return what `save` was given."""
        missing = [name for name in self.objects if name not in read["objects"]]
        extra = [name for name in read["objects"] if name not in self.objects]
        if missing or extra:
            expected, got = ", ".join(read["objects"]), ", ".join(self.objects)
            raise ValueError(f"Checkpoint: expected {expected} as in {read['path']}, got {got}")
        before, packed = self._pack({})
        before.arrays = {key: array.copy() for key, array in before.arrays.items()}
        state = State(self._weights(), read["arrays"], read["path"])
        with interrupts() as hold, hold:
            try:
                self._unpack(state, read)
            except BaseException:
                self._unpack(before, packed)
                raise
        return read["numbers"]

    def delete(self):
        """Remove all files, and the folder if there is nothing else in it."""
        together.once(self._delete)

    def _delete(self):
        for path in self.paths()[::-1]:
            _remove(path)
        if os.path.isdir(self.folder):
            remove_stale(self.folder)
            if not os.listdir(self.folder):
                os.rmdir(self.folder)

    def _path(self, number):
        return os.path.join(self.folder, f"checkpoint-{number}.npz")

    def _weights(self):
        layers = [value for value in self.objects.values() if isinstance(value, Layer)]
        tensors = [value for value in self.objects.values() if KINDS["tensor"][0](value)]
        return [weight for layer in layers for weight in layer.weights] + tensors

    def _pack(self, numbers):
        state = State(self._weights())
        groups = {"objects": self.objects, "generators": generators()}
        packed = {"numbers": state.pack(numbers, "numbers")}
        for group, values in groups.items():
            packed[group] = {n: state.pack(value, f"{group}/{n}") for n, value in values.items()}
        return state, packed

    def _unpack(self, state, packed):
        for name, value in self.objects.items():
            _restore_in_place(value, state.unpack(packed["objects"][name], value), name, state)
        # At last: what was restored before may have drawn random numbers.
        for name, generator in generators().items():
            state.unpack(packed["generators"][name], generator)


def _restore_in_place(value, restored, name, state):
    if restored is value:
        return
    if type(restored) is not type(value) and not isinstance(value, np.ndarray):
        got = f"{name}={short_text(value)}"
        raise ValueError(f"Checkpoint: expected {short_text(restored)} in {state.title}, got {got}")
    if isinstance(value, np.ndarray):
        if np.shape(restored) != value.shape:
            expected = f"{name} of shape {np.shape(restored)} as in {state.title}"
            raise ValueError(f"Checkpoint: expected {expected}, got {value.shape}")
        value[...] = restored
    elif isinstance(value, list):
        value[:] = restored
    else:
        value.clear()
        value.update(restored)


def _read(path):
    """Return what is in a file: a dict of what is no array, the arrays, and the path."""
    import json

    arrays = load_arrays(path)
    if CONTENT not in arrays:
        raise ValueError(f"Checkpoint: expected the state of a run, got other arrays in {path}")
    content = json.loads(arrays.pop(CONTENT).tobytes())
    if content["version"] != VERSION:
        expected = f"a file of version {VERSION}"
        raise ValueError(f"Checkpoint: expected {expected}, got {content['version']} in {path}")
    numbers = State([], arrays, path).unpack(content["numbers"])
    content.setdefault("shards", None)  # of files written before there were any
    return content | {"numbers": numbers, "arrays": arrays, "path": path}


def _in_words(shards):
    if shards is None:
        return "no distribution (minigrad.distribution.set_distribution(None))"
    return f"batches of {shards} shards (minigrad.distribution.initialize(shards={shards}))"


def _number_of(path):
    return int(NAME.fullmatch(os.path.basename(path))[1])


def _remove(path):
    with contextlib.suppress(FileNotFoundError):  # another process that saves here was quicker
        os.remove(path)
