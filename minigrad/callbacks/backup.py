"""A run that was interrupted goes on with the bits of one that was not."""

import contextlib
import os

from minigrad.callbacks.base import Callback
from minigrad.saving.checkpoint import Checkpoint
from minigrad.saving.state import attributes_of, set_attributes
from minigrad.utils.arguments import whole_number
from minigrad.utils.files import FolderLock


class BackupAndRestore(Callback):
    """Lets a run that was interrupted go on with the bits of one that was not.

    It keeps the state of the run in files, whole or not at all. If `fit` is called again with the
    same arguments, after an error, Ctrl-C, a kill or a power cut, it begins where that state was
    kept. To the state belong weights, optimizer, metrics, random numbers, the order of samples,
    how far the data were read, what callbacks and own layers count and remember, and the history.
    What your own code draws or counts elsewhere does not; an object with ``get_state`` and
    ``set_state`` does as an attribute of a callback. Batches from a generator are drawn again up to
    the place. A dataset with `on_epoch_end` keeps its numbers, generators and orders of samples.

    Parameters
    ----------
    backup_dir : str or path
        A folder for the files, which no other run uses at the same time.
    save_freq : "epoch" or int
        Keep the state after each epoch, or after so many batches.
    double_checkpoint : bool
        Keep the state before the last one too, and use it if the last one is damaged.
    delete_checkpoint : bool
        Whether to delete the files when training has come to its end.

    Raises
    ------
    RuntimeError
        By `fit`, if another run uses the folder.
    ValueError
        By `fit`, if the files belong to another model or are damaged. Nothing has changed then.
    """

    comes_last, is_kept = True, False  # what others count in the same hook is kept too

    def __init__(
        self, backup_dir, save_freq="epoch", double_checkpoint=True, delete_checkpoint=True
    ):
        if not backup_dir:
            raise ValueError("BackupAndRestore: expected a folder as backup_dir, got none")
        if save_freq != "epoch":
            title = "save_freq 'epoch' or"
            save_freq = whole_number(type(self).__name__, title, save_freq, 1)
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._checkpoint = self._read = self._folder = self._data = None
        self._place = {"epoch": 0, "batch": 0}
        self._batches = 0  # since the state was kept

    def resume(self, data, callbacks, epoch):
        if epoch is None:
            self._begin(data, callbacks)
        if self._read is None or epoch not in (None, self._read["numbers"]["epoch"]):
            return None
        place = self._read["numbers"]
        if epoch is None:  # before the rest: what is read again may draw random numbers
            for batches, kept in zip(data, place["data"], strict=False):
                batches.set_state(kept)
        self._checkpoint.apply(self._read)
        self._place = {"epoch": place["epoch"], "batch": place["batch"]}
        if epoch is not None or place["batch"] == 0:  # else again when its epoch has begun
            self._read = None
        if self.model.stop_training:  # the run before was to end here
            return self.params["epochs"], 0
        return place["epoch"], place["batch"]

    def _begin(self, data, callbacks):
        if not self.model.built:
            raise ValueError(
                f"BackupAndRestore: expected a built model, got {self.model!r}; begin it with "
                "Input(shape), or call it on a batch"
            )
        self._place, self._batches = {"epoch": 0, "batch": 0}, 0
        os.makedirs(self.backup_dir, exist_ok=True)
        self._folder = FolderLock(self.backup_dir)
        if not self._folder.is_free:
            got = f"got {self.backup_dir}, which another one uses"
            raise RuntimeError(f"BackupAndRestore: expected a folder for this run alone, {got}")
        self._data = data
        objects = {f"data {i}": _Source(batches.given) for i, batches in enumerate(data)}
        objects |= {"model": self.model, "callbacks": callbacks}
        self._checkpoint = Checkpoint(self.backup_dir, 1 + bool(self.double_checkpoint), **objects)
        self._read = self._checkpoint.read()

    def on_epoch_begin(self, epoch, logs=None):
        self._place = {"epoch": epoch, "batch": 0}

    def on_train_batch_end(self, batch, logs=None):
        self._place["batch"] = batch + 1
        self._batches += 1
        is_due = self.save_freq != "epoch" and self._batches >= self.save_freq
        if is_due and not self.model.stop_training:  # else the epoch is about to end
            self._keep()

    def on_epoch_end(self, epoch, logs=None):
        self._place = {"epoch": epoch + 1, "batch": 0}
        if self.save_freq == "epoch":
            self._keep()

    def _keep(self):
        self._batches = 0
        self._checkpoint.save(**self._place, data=[each.get_state() for each in self._data])

    def on_train_end(self, logs=None):
        is_done = self.model.stop_training or self._place["epoch"] >= self.params["epochs"]
        if self.delete_checkpoint and is_done and self._checkpoint:  # not after Ctrl-C
            self._checkpoint.delete()

    def release(self):
        if self._folder is not None:
            if self._folder.is_free and os.path.isdir(self.backup_dir):
                with contextlib.suppress(OSError):  # it is not empty
                    os.rmdir(self.backup_dir)
            self._folder.close()
        self._checkpoint = self._read = self._folder = self._data = None


class _Source:
    """The state of what gives batches: its own, or the attributes that change after an epoch."""

    def __init__(self, given):
        self.given = given
        self.is_own = hasattr(given, "get_state") and hasattr(given, "set_state")

    def get_state(self):
        if self.is_own:
            return self.given.get_state()
        changes = hasattr(self.given, "on_epoch_end")
        return attributes_of(self.given, (), largest=2**20) if changes else {}

    def set_state(self, state):
        if self.is_own:
            self.given.set_state(state)
        else:
            set_attributes(self.given, state)
