"""Gradients travel together, and while others are still computed.

Small gradients wait in a bucket until it is full, or until one of them is asked for: so a link's
latency is paid once. Sums over ranks are elementwise: what travels together changes no bit.
"""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from minigrad.distribution.heartbeat import WAITING, pulse

BUCKET_BYTES = 1 << 20  # an array as large as that travels alone: nothing is copied


class Promise:
    """A gradient that is not there yet: the engine keeps it for a leaf in place of an array.

    Parameters
    ----------
    finish : callable
        ``finish()`` waits for the array, which nobody else has.
    shape : tuple of int
    """

    def __init__(self, finish, shape):
        self._finish, self.shape = finish, shape

    def wait(self):
        return self._finish().reshape(self.shape)

    def __array__(self, dtype=None, copy=None):  # NumPy waits by itself
        return self.wait()


class Bucket:
    """Arrays of one type, of the same ranks, on their way to one sum."""

    def __init__(self, kind):
        self.kind, self.parts, self.size = kind, [], 0
        self.total = None  # the sums side by side, or a Future of them, once it was sent


class Buckets:
    """What was started and not waited for.

    Parameters
    ----------
    complete : callable
        As `Alone.complete`, of arrays with one axis.
    overlap : bool
        Whether a thread calls it, while the caller goes on.
    """

    def __init__(self, complete, overlap):
        self._complete = complete
        self._thread = ThreadPoolExecutor(1, "minigrad exchange") if overlap else None
        self._open = None  # the bucket that is filled

    def start(self, part, present):
        """See `Alone.start`."""
        kind, bucket = (part.dtype, present), self._open
        if part.nbytes >= BUCKET_BYTES:
            bucket = Bucket(kind)
        elif bucket is None or bucket.kind != kind:
            if bucket is not None:
                self._send(bucket)
            bucket = self._open = Bucket(kind)
        shape, own = part.shape, slice(bucket.size, bucket.size + part.size)
        bucket.parts.append(part.reshape(-1))
        bucket.size = own.stop
        if bucket.size * part.itemsize >= BUCKET_BYTES:
            self._send(bucket)
        return lambda: self._wait(bucket)[own].reshape(shape)

    def _send(self, bucket):
        if bucket is self._open:
            self._open = None
        parts, bucket.parts = bucket.parts, None
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if self._thread:
            bucket.total = self._thread.submit(self._complete, whole, bucket.kind[1])
        else:
            with pulse(WAITING):
                bucket.total = self._complete(whole, bucket.kind[1])

    def _wait(self, bucket):
        if bucket is self._open:
            self._send(bucket)
        if isinstance(bucket.total, Future):
            with pulse(WAITING):
                bucket.total = bucket.total.result()
        return bucket.total
