"""Downloading a small file into memory, over a network that may be absent, slow or broken.

The bytes stay in memory until they are verified: an interrupted download leaves nothing on the
disk. A broken connection is resumed where it broke. urllib is enough for that, and NumPy stays the
only requirement at run time.
"""

import queue
import ssl
import threading
import time
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from minigrad.utils.progress import is_terminal

SILENCE_SECONDS = 4  # the longest silence of a server, before its answer and during it
TOTAL_SECONDS = 600  # the longest time for one file: 12 MB at 20 kB/s
ATTEMPTS = 5  # connections for one file, while each gets further than the one before
BLOCK_BYTES = 1 << 16


def download(url, max_bytes):
    """Download a file into memory.

    Parameters
    ----------
    url : str
    max_bytes : int
        A longer file is refused.

    Returns
    -------
    bytes

    Raises
    ------
    OSError
        The download failed: no network, no such file, too slow, too often interrupted.
    ValueError
        It is longer than `max_bytes`.
    """
    deadline = time.monotonic() + TOTAL_SECONDS
    content = bytearray()
    for _ in range(ATTEMPTS):
        length_before = len(content)
        try:
            _receive(url, content, max_bytes, deadline)
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


def _receive(url, content, max_bytes, deadline):
    """Append the missing bytes of the file to the bytearray `content`, over one connection."""
    request = Request(url, headers={"User-Agent": "minigrad", "Accept-Encoding": "identity"})
    if content:
        request.add_header("Range", f"bytes={len(content)}-")
    with _open(request) as response:
        if response.status != 206:  # 206: the part that was asked for, otherwise the whole file
            content.clear()
        rest = response.headers.get("Content-Length", "")
        total = len(content) + int(rest) if rest.isdecimal() else None
        # read1 returns after one read of the socket: the deadline is checked even in a trickle.
        while block := response.read1(BLOCK_BYTES):
            content += block
            _show_progress(url, len(content), total)
            if len(content) > max_bytes:
                raise ValueError(f"{url}: expected at most {max_bytes} bytes, got more")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not complete after {TOTAL_SECONDS} s")
    if total is not None and len(content) < total:
        raise OSError(f"the connection broke off after {len(content)} of {total} bytes")


def _open(request):
    """Return the response to a request, or raise TimeoutError if none comes in time.

    The socket's timeout does not cover the look-up of the name, and restarts for each of a host's
    addresses: behind a firewall that drops packets this would add up to minutes. Therefore a daemon
    thread waits, and is abandoned if it takes too long.
    """
    answers = queue.SimpleQueue()

    def ask():
        try:
            answers.put(urlopen(request, timeout=SILENCE_SECONDS, context=_tls_context()))
        except HTTPError as error:  # holds the connection
            error.close()
            answers.put(error)
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=SILENCE_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer within {SILENCE_SECONDS} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _tls_context():
    """Return a context that trusts the system's certificates, and certifi's when installed."""
    context = ssl.create_default_context()
    try:
        import certifi
    except ImportError:
        return context
    context.load_verify_locations(certifi.where())
    return context


def _show_progress(url, received, total):
    """Count the megabytes in a terminal's last line; be quiet where the output is a file."""
    if is_terminal():
        file_name = url.rpartition("/")[2]
        of_total = "" if total is None else f" of {total / 1e6:.1f}"
        # The cursor returns to the beginning of the line: the next output replaces it.
        end = "\n" if received == total else "\r"
        print(f"{file_name}: {received / 1e6:.1f}{of_total} MB", end=end, flush=True)
