"""A row of a CSV file for each epoch, which no crash tears."""

import csv
import io
import os
import warnings

from minigrad.callbacks.base import Callback
from minigrad.utils.files import append, find_target, lock
from minigrad.utils.together import path_to_write


class CSVLogger(Callback):
    """Writes each epoch's logs as a row of a CSV file, which is complete after every epoch.

    An older file stays until the first epoch has ended. Where `BackupAndRestore` lets a run go on,
    the rows of that run stay too, and each epoch has one.

    Parameters
    ----------
    filename : str or path
    separator : str
    append : bool
        Append to an existing file instead of replacing it; its columns stay. A last row without all
        of them, as a power cut leaves it, is removed with a warning.

    Raises
    ------
    ValueError
        At the end of the first epoch, if the logs have a name for which an existing file has no
        column.
    RuntimeError
        If another run writes the file.
    OSError
        If it cannot be written. No row is written in part.
    """

    def __init__(self, filename, separator=",", append=False):
        self.filename = filename
        self.separator = separator
        self.append = append
        self.file = None
        self.columns = None

    def on_train_begin(self, logs=None):
        find_target(self.filename, may_be_device=True)
        self.release()
        self._has_begun = False
        path = path_to_write(self.filename)
        self.file = open(path, "ab", buffering=0)  # noqa: SIM115
        if lock(self.file) is False:
            self.release()
            got = f"got {self.filename}, which another one writes"
            raise RuntimeError(f"CSVLogger: expected a file for this run alone, {got}")
        self._is_file = os.path.isfile(path)
        self.columns, self._size = None, 0  # names, and bytes of the rows that stay
        if self.append and self._is_file:
            self._read_rows()

    def on_epoch_end(self, epoch, logs=None):
        names = sorted(logs)
        rows = io.StringIO(newline="")
        missing = [name for name in ["epoch", *names] if name not in (self.columns or [name])]
        if missing and not self._has_begun:
            self.release()
            raise ValueError(
                f"CSVLogger: expected columns for {', '.join(missing)} in {self.filename}, got "
                f"{', '.join(self.columns)}; write append=False, or take another file"
            )
        if not any(name.startswith("val_") for name in names):
            names += [f"val_{name}" for name in names]  # later epochs may be validated
        is_new, self.columns = self.columns is None, self.columns or ["epoch", *names]
        writer = csv.DictWriter(
            rows, self.columns, restval="NA", extrasaction="ignore", delimiter=self.separator
        )
        if is_new:
            writer.writeheader()
        writer.writerow({"epoch": epoch, **logs})
        if self._is_file:
            self.file.truncate(self._size)
        append(self.file, rows.getvalue().encode())
        self._has_begun, self._size = True, os.fstat(self.file.fileno()).st_size

    def get_state(self):
        if self.file is None or self.file.closed:
            return {}
        if self._is_file:
            os.fsync(self.file.fileno())  # what is kept of the run may last longer else
        return {"columns": self.columns, "size": self._size}

    def set_state(self, state):
        if not (state and self.get_state() and self._is_file):
            return
        there = os.fstat(self.file.fileno()).st_size
        if there < state["size"]:
            message = f"{state['size']} bytes in {self.filename} as in the run before, got {there}"
            warnings.warn(f"CSVLogger: expected {message}: epochs are missing", stacklevel=2)
        if there:
            self.columns, self._size = state["columns"], min(there, state["size"])
            self._has_begun = self.columns is not None

    def on_train_end(self, logs=None):
        self.release()

    def release(self):
        if self.file is not None:
            self.file.close()

    def _read_rows(self):
        """Find the names in the first line of the file, and mend its end."""
        with open(self.filename, "rb") as file:
            content = file.read()
        lines = content.decode("utf-8-sig", "replace").splitlines(keepends=True)
        rows = [row for row in csv.reader(lines, delimiter=self.separator) if row]
        self.columns = rows[0] if rows else None
        if rows and len(rows[-1]) < len(rows[0]) and not content.endswith(b"\n"):
            torn = lines[-1]
            warnings.warn(
                f"CSVLogger: removed the torn row {torn!r} of {self.filename}", stacklevel=2
            )
            self.file.truncate(len(content) - len(torn.encode()))
        elif rows and not content.endswith(b"\n"):
            append(self.file, b"\r\n")
        self._size = os.fstat(self.file.fileno()).st_size
