"""Downloading a file into memory, over a network that may be absent, slow or broken; `get_file`.

The bytes stay in memory until they are verified: an interrupted download leaves nothing on the
disk. A broken connection is resumed where it broke. urllib is enough for that, and NumPy stays the
only requirement at run time.
"""

import contextlib
import errno
import hashlib
import importlib
import os
import queue
import shutil
import sys
import tarfile
import tempfile
import threading
import time
import warnings
import zipfile
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from minigrad.utils import together
from minigrad.utils.archives import most_bytes, open_zip, size_of
from minigrad.utils.files import replacing
from minigrad.utils.progbar import is_terminal

SILENCE_SECONDS = 4  # the longest silence of a server, before its answer and during it
TOTAL_SECONDS = 600  # the longest time for one file: 12 MB at 20 kB/s
LARGE_BYTES, LARGE_SECONDS = 10**8, 7200  # the same for files as large as CIFAR's
ATTEMPTS = 5  # connections for one file, while each gets further than the one before
BLOCK_BYTES = 1 << 16
MOST_BYTES = 1 << 32  # of a file whose size nobody knows: 4 GiB
UNPACKERS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ": "lzma"}  # which Pythons may lack
LOOPBACK = ("localhost", "127.0.0.1", "::1")  # what is sent there does not leave the machine


def get_file(
    fname=None, origin=None, untar=False, md5_hash=None, file_hash=None, cache_subdir="datasets",
    hash_algorithm="auto", extract=False, archive_format="auto", cache_dir=None,
    force_download=False,
):  # fmt: skip
    """Return the path of a file in Keras's folder; download it if it is not there yet.

    Parameters
    ----------
    fname : str, optional
        Its name there. Default: the last part of `origin`. An archive that is extracted is kept
        as `<fname>_archive`, or as `fname` if that has a dot.
    origin : str
        Its address, which begins with https://.
    untar, extract : bool
        Whether to extract it, a tar file (gzipped or not) or a zip file: files and folders, all in
        one folder, none of which was packed like a bomb.
    md5_hash, file_hash : str, optional
        Its MD5 or SHA-256, in hexadecimal: another file is not taken, nor extracted. Without one,
        whatever the server sends is taken; its SHA-256 is printed.
    cache_subdir, cache_dir : str, optional
        It lies in the folder `cache_dir/cache_subdir`. `cache_dir` is $KERAS_HOME or ~/.keras.
    hash_algorithm : {"auto", "md5", "sha256"}
        Without effect: the length of `file_hash` tells.
    archive_format : {"auto", "tar", "zip"} or None
        What is extracted.
    force_download : bool
        Whether to download it even if it is there.

    Returns
    -------
    str
        The path of the file; of the folder with what was extracted.

    Raises
    ------
    OSError
        It is not there, and the download failed or MINIGRAD_OFFLINE=1.
    ValueError
        It has another hash, or no name; its address is none of https; the archive is damaged, or
        holds more than files in its folder. Nothing is extracted then.
    """
    named, name = fname is not None, fname or urlsplit(origin or "").path.rpartition("/")[2]
    if not origin or not name or os.path.basename(name) != name:
        expected = "an origin, and as fname a name without folders"
        got = f"origin={origin!r} and fname={fname!r}"
        raise ValueError(f"get_file: expected {expected}, got {got}; cache_dir names the folder")
    folder = Path(cache_dir or keras_home()).expanduser() / cache_subdir
    extract = extract or untar
    file = target = folder / name
    if extract and named and "." in name:  # the names that Keras gives both
        target = folder / f"{name.partition('.')[0]}_extracted"
    elif extract:
        file = folder / f"{name}_archive"

    expected = file_hash or md5_hash

    def get():
        if force_download or not _is_there(file, expected):
            _keep_download(file, origin, expected)
        if extract:
            _extract(file, target, "tar" if untar else archive_format)

    together.once(get)
    if not target.exists():  # on the machine of another rank
        cure = "name a folder that all machines share, as cache_dir or KERAS_HOME"
        raise OSError(f"get_file: expected {target} on every machine, got it on rank 0's; {cure}")
    return str(target)


def _keep_download(file, origin, expected):
    if is_offline():
        raise OSError(f"get_file: {file} is not there, and MINIGRAD_OFFLINE forbids to ask")
    print(f"Downloading data from {origin}", flush=True)
    content = download(origin, MOST_BYTES)
    check_hash(content, expected, origin)
    if expected is None:
        found = hashlib.sha256(content).hexdigest()
        print(f"{file.name} was compared with no hash; next time, write file_hash={found!r}")
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as temporary:
        temporary.write_bytes(content)


def check_hash(content, expected, where):
    """Raise a ValueError unless bytes have this MD5 or SHA-256 (None: any); `where` are they?"""
    if expected is None:
        return
    algorithm = "md5" if len(expected) == 32 else "sha256"
    found = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    if found != expected.lower():
        raise ValueError(f"{where}: expected {algorithm} {expected}, got {found}: another file")


def keras_home():
    """Return Keras's folder, below which it keeps data sets."""
    return os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras")


def is_offline():
    """Whether the user forbids to ask the network."""
    return os.environ.get("MINIGRAD_OFFLINE", "0") not in ("", "0")


def _is_there(file, expected):
    if not file.is_file():
        return False
    try:
        check_hash(file.read_bytes() if expected else b"", expected, file)
    except ValueError as error:
        warnings.warn(f"{error}; it is downloaded again", stacklevel=5)
        return False
    return True


def _extract(file, folder, archive_format):
    """Extract a tar or zip file; all of it, or raise a ValueError and leave nothing."""
    formats = ("tar", "zip") if archive_format == "auto" else (archive_format,)
    new = folder.with_name(f".{os.urandom(6).hex()}.part")
    new.mkdir()
    try:
        with _open_archive(file, formats) as (archive, most):
            _write_members(archive, new, most)
        shutil.copytree(new, folder, dirs_exist_ok=True)
    except Exception as error:  # damaged bytes make the decoders raise a dozen different types
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk's
        expected = f"an archive ({archive_format}) to extract"
        raise ValueError(f"get_file: expected {expected}, got {file}: {error}") from error
    finally:
        shutil.rmtree(new)


@contextlib.contextmanager
def _open_archive(file, formats):
    """Yield a tar or zip file, and how many bytes may be unpacked from it.

    A tar file that was packed is unpacked first, as far as allowed.
    """
    with open(file, "rb") as opened:
        most = most_bytes(size_of(opened))
        begin = opened.read(6)
        opened.seek(0)
        if begin.startswith(b"PK") and "zip" in formats:
            with open_zip(opened) as archive:
                yield archive, most
        elif "tar" not in formats:
            raise ValueError(f"another file (begins {begin!r})")
        else:
            unpack = next((u for magic, u in UNPACKERS.items() if begin.startswith(magic)), None)
            with tempfile.TemporaryFile(dir=Path(file).parent) as plain:
                packed = importlib.import_module(unpack).open(opened) if unpack else opened
                _copy(packed, plain, most, file)
                plain.seek(0)
                with tarfile.open(fileobj=plain, mode="r:") as archive:
                    yield archive, most


def _write_members(archive, folder, most):
    """Write the files and folders of an archive, and nothing else, into an empty folder."""
    is_zip = isinstance(archive, zipfile.ZipFile)
    for member in archive.infolist() if is_zip else archive:
        name = member.filename if is_zip else member.name
        is_folder = member.is_dir() if is_zip else member.isdir()
        if not (is_zip or is_folder or member.isreg()):
            raise ValueError(f"{name}: expected files and folders, got a link or a device")
        parts = name.replace("\\", "/").split("/")
        if name.startswith("/") or ".." in parts or ":" in parts[0]:
            raise ValueError(f"{name}: expected a name in the folder itself")
        path = folder.joinpath(*parts)
        (path if is_folder else path.parent).mkdir(parents=True, exist_ok=True)
        if not is_folder:
            content = archive.open(member) if is_zip else archive.extractfile(member)
            with content, open(path, "wb") as target:
                most -= _copy(content, target, most, name)
    if not is_zip:
        archive.fileobj.seek(archive.offset)  # tarfile takes any damaged header for the end
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise ValueError("it is cut off, or damaged, before its end")


def _copy(source, target, most, name):
    """Copy one open file to another; return how many bytes, or raise a ValueError above `most`."""
    count = 0
    while block := source.read(BLOCK_BYTES):
        count += target.write(block)
        if count > most:
            raise ValueError(f"{name}: more bytes than an archive of this size justifies")
    return count


def check_address(url, before=None):
    """Raise a ValueError unless a file comes encrypted, or from this very machine.

    Parameters
    ----------
    url : str
    before : str, optional
        The address that redirects to it.
    """
    parts = [urlsplit(address) for address in (url, before or url)]
    is_local = all(part.scheme == "http" and part.hostname in LOOPBACK for part in parts)
    if parts[0].scheme != "https" and not is_local:
        redirected = f", to which {before} redirects" if before else ""
        cure = "others on the way could read and change what comes"
        raise ValueError(f"download: expected https://, got {url}{redirected}: {cure}")


class _CheckedRedirects(HTTPRedirectHandler):
    def redirect_request(self, request, response, code, message, headers, url):
        try:
            check_address(url, request.full_url)
        except ValueError:
            response.close()
            raise
        return super().redirect_request(request, response, code, message, headers, url)


def download(url, max_bytes):
    """Download a file into memory, over https.

    Parameters
    ----------
    url : str
    max_bytes : int
        A longer file is refused. From LARGE_BYTES on it may take LARGE_SECONDS.

    Returns
    -------
    bytes

    Raises
    ------
    OSError
        The download failed: no network, no such file, too slow, too often interrupted.
    ValueError
        It is longer than `max_bytes`, or the address is none of https.
    """
    check_address(url)
    seconds = TOTAL_SECONDS if max_bytes < LARGE_BYTES else LARGE_SECONDS
    deadline = time.monotonic() + seconds
    content = bytearray()
    for _ in range(ATTEMPTS):
        length_before = len(content)
        try:
            _receive(url, content, max_bytes, deadline, seconds)
            return bytes(content)
        except (OSError, HTTPException) as error:
            failure = error
        # Try again only after progress: not after an error as answer, for instance.
        if len(content) <= length_before or time.monotonic() > deadline:
            break
    reason = str(failure) or type(failure).__name__
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        reason += " (`pip install certifi` brings certificates)"
    raise OSError(f"{url}: {reason}") from failure


def _receive(url, content, max_bytes, deadline, seconds):
    """Append the missing bytes of the file to the bytearray `content`, over one connection."""
    request = Request(url, headers={"User-Agent": "minigrad", "Accept-Encoding": "identity"})
    if content:
        request.add_header("Range", f"bytes={len(content)}-")
    with _open(request) as response:
        if response.status != 206:  # 206: the part that was asked for, otherwise the whole file
            content.clear()
        rest = response.headers.get("Content-Length", "")
        total = len(content) + int(rest) if rest.isdecimal() else None
        if (total or 0) > max_bytes:
            raise ValueError(f"{url}: expected at most {max_bytes} bytes, got {total}")
        # read1 returns after one read of the socket: the deadline is checked even in a trickle.
        while block := response.read1(BLOCK_BYTES):
            content += block
            _show_progress(url, len(content), total)
            if len(content) > max_bytes:
                raise ValueError(f"{url}: expected at most {max_bytes} bytes, got more")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not complete after {seconds} s")
    if total is not None and len(content) < total:
        raise OSError(f"the connection broke off after {len(content)} of {total} bytes")


def _open(request):
    """Return the response to a request, or raise TimeoutError if none comes in time.

    The socket's timeout does not cover the look-up of the name, and restarts for each of a host's
    addresses: behind a firewall that drops packets this would add up to minutes. Therefore a daemon
    thread waits, and is abandoned if it takes too long; a response that comes later is closed.
    """
    if sys.platform == "emscripten":
        raise OSError("a page in a browser has no sockets; fetch the file, and write it to a path")
    answers = queue.SimpleQueue()

    def ask():
        try:
            opener = build_opener(_https_handler(), _CheckedRedirects)
            answers.put(opener.open(request, timeout=SILENCE_SECONDS))
        except HTTPError as error:  # holds the connection
            error.close()
            answers.put(error)
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=SILENCE_SECONDS)
    except queue.Empty:
        # Errors, too, may come late: most have nothing to close.
        threading.Thread(target=lambda: getattr(answers.get(), "close", int)(), daemon=True).start()
        raise TimeoutError(f"no answer within {SILENCE_SECONDS} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _https_handler():
    """Return what trusts the system's certificates, and certifi's when installed."""
    try:
        import ssl
        from urllib.request import HTTPSHandler
    except ImportError as error:
        raise OSError("this Python was built without ssl, and cannot ask for https") from error
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):
        import certifi

        context.load_verify_locations(certifi.where())
    return HTTPSHandler(context=context)


def _show_progress(url, received, total):
    """Count the megabytes in a terminal's last line; be quiet where the output is a file."""
    if is_terminal():
        file_name = url.rpartition("/")[2]
        of_total = "" if total is None else f" of {total / 1e6:.1f}"
        # The cursor returns to the beginning of the line: the next output replaces it.
        end = "\n" if received == total else "\r"
        print(f"{file_name}: {received / 1e6:.1f}{of_total} MB", end=end, flush=True)
