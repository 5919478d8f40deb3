"""TensorBoard's event files: numbers and histograms by step.

A file is a row of records, each with its length and two checksums. A record is an Event in Protocol
Buffers' encoding: a row of fields, each with its number, the kind of its content, and the content.

Source: TensorFlow's formats of records (tfrecord) and events (event.proto, summary.proto); the
checksum CRC-32C is that of RFC 3720.
"""

import os
import struct
import time

import numpy as np

from minigrad.utils.files import append
from minigrad.utils.together import is_writer

VARINT, DOUBLE, BYTES, FLOAT = 0, 1, 2, 5  # kinds of content


class EventFile:
    """A new event file in a folder, which is made; each call writes what is complete at once."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns():020d}.{os.getpid()}.v2"
        path = os.path.join(folder, name)
        self.file = open(path, "xb", 0) if is_writer() else open(os.devnull, "wb", 0)  # noqa: SIM115
        self._write(field(3, BYTES, b"brain.Event:2"))

    def add_numbers(self, step, numbers):
        """Write a dict from name to number."""
        self._add(step, {name: field(2, FLOAT, number) for name, number in numbers.items()})

    def add_histograms(self, step, arrays):
        """Write how the values of each array of a dict are distributed, in 30 intervals."""
        self._add(step, {name: field(5, BYTES, _histogram(x)) for name, x in arrays.items()})

    def close(self):
        self.file.close()

    def _add(self, step, values):
        named = [field(1, BYTES, name.encode()) + value for name, value in values.items()]
        summary = b"".join(field(1, BYTES, value) for value in named)
        self._write(field(2, VARINT, step) + field(5, BYTES, summary))

    def _write(self, content):
        event = field(1, DOUBLE, time.time()) + content
        length = struct.pack("<Q", len(event))
        append(self.file, length + checksum(length) + event + checksum(event))


def field(number, kind, content):
    """Return the bytes of a field."""
    if kind == VARINT:
        content = _varint(content)
    elif kind == BYTES:
        content = _varint(len(content)) + content
    else:
        content = struct.pack("<d" if kind == DOUBLE else "<f", content)
    return _varint(number << 3 | kind) + content


def _varint(n):
    """A whole number in bytes of seven bits, the last ones first; the eighth tells of more."""
    content = b""
    while n > 127:
        content += bytes([n & 127 | 128])
        n >>= 7
    return content + bytes([n])


def _histogram(x):
    """The fields min, max, num, sum, sum_squares, and for each interval its limit and its count."""
    x = np.asarray(x, np.float64).ravel()
    x = x[np.isfinite(x)] if np.isfinite(x).any() else np.zeros(1)
    counts, limits = np.histogram(x, 30)
    numbers = (x.min(), x.max(), x.size, x.sum(), (x**2).sum())
    content = b"".join(field(i, DOUBLE, number) for i, number in enumerate(numbers, 1))
    intervals = limits[1:].astype("<f8").tobytes(), counts.astype("<f8").tobytes()
    return content + field(6, BYTES, intervals[0]) + field(7, BYTES, intervals[1])


def _shifted(byte):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_TABLE = [_shifted(byte) for byte in range(256)]


def checksum(content):
    """Return the CRC-32C of bytes, turned and moved as in TensorFlow's records, as four bytes."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
