"""Files that appear whole or not at all."""

import contextlib
import os
from pathlib import Path


@contextlib.contextmanager
def replacing(path):
    """Give the path of a temporary file that becomes `path` if the `with` block ends well.

    The file stands in the folder of `path`, so that the last step is a renaming, which either
    happens or does not; if the block fails, it is removed and `path` stays as it was.
    """
    path = Path(path).resolve()  # the file that a link points to is replaced, not the link
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: expected an existing folder, got {path.parent}")
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    temporary.touch(exist_ok=False)  # so that a folder that is not writable is Python's own error
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # else a power cut could leave a renamed, empty file
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C too
        temporary.unlink(missing_ok=True)
        raise
