"""Files that appear whole or not at all."""

import contextlib
import os
from pathlib import Path


@contextlib.contextmanager
def replacing(path):
    """Yield the path of a temporary file that becomes `path` if the `with` block succeeds.

    The file is in the folder of `path`: the last step is a rename, which is atomic. If the block
    fails, the file is removed and `path` stays unchanged.
    """
    path = Path(path).resolve()  # the file that a link points to is replaced, not the link
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: expected an existing folder, got {path.parent}")
    # Not made from the path's name, which may already have the 255 bytes that a name can have.
    temporary = path.with_name(f".{os.urandom(6).hex()}.part")
    temporary.touch(exist_ok=False)  # a read-only folder raises Python's own error
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # else a power cut could leave a renamed, empty file
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C too
        temporary.unlink(missing_ok=True)
        raise
