"""Archives of strangers: what they claim is compared with what they hold before it is unpacked."""

import contextlib
import os
import stat

MOST_EXPANSION = 32  # packed bytes may become so many; those of a bomb become 1,000
ALWAYS_ALLOWED = 1 << 20


def most_bytes(size):
    """Return how many bytes may be unpacked from so many."""
    return ALWAYS_ALLOWED + MOST_EXPANSION * size


def size_of(file):
    """Return the size in bytes of an open file, which is then at its beginning.

    Not of a path: another process may have put another file there before it is opened.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def check_is_regular(path):
    """Raise an OSError unless there is a file, or a folder: a pipe or device may never end."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(f"{path}: expected a file, got a device, pipe or socket")


@contextlib.contextmanager
def open_zip(file):
    """Yield the ``ZipFile`` of a path or open file whose members can be told apart and bounded.

    Raises
    ------
    ValueError
        If two members have one name, or one is packed in a way that is not bounded.
    """
    import zipfile  # only here: it takes 3 ms, a tenth of importing minigrad

    with zipfile.ZipFile(file) as archive:
        names, size = set(), size_of(archive.fp)
        archive.fp.seek(size - 22 - len(archive.comment))  # the record that ends the file
        count = int.from_bytes(archive.fp.read(22)[10:12], "little")
        if count not in (len(archive.infolist()), 0xFFFF):
            raise ValueError(f"expected {count} members, got {len(archive.infolist())}")
        for member in archive.infolist():
            name = member.filename
            if name in names or name != member.orig_filename:
                raise ValueError(f"expected members of different names, got {name!r} twice or cut")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{name}: expected it stored or deflated, got another compression")
            size -= member.compress_size
            if size < 0 or min(member.file_size, member.compress_size) < 0:
                raise ValueError(f"{name}: claims more bytes than the file has")
            names.add(name)
        yield archive


def read_member(archive, name, most):
    """Return the bytes of a member of a zip archive; `most` of them, else ValueError."""
    size = archive.getinfo(name).file_size
    if size > most:
        raise ValueError(f"{name} claims {size} bytes, more than the file can justify ({most})")
    with archive.open(name) as member:
        content = member.read(size + 1)  # without a number it unpacks all, whatever the size said
    if len(content) != size:
        raise ValueError(f"{name}: expected {size} bytes, got {len(content)}")
    return content
