"""The checksums of many frames of a record file at once.

Frames of the same layout have the same head and length, so their CRC-32 can be had column by
column. Pure. Neighbour: `columnar.py`.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from logging_core import frames

HEAD_BYTES = 13
"""Of a row frame, alike in all rows of a layout: length, kind, the layout's position."""

_BY_TABLE = 96  # longer frames: zlib, one by one, is faster
_BLOCK = 4096  # rows; what is worked on stays in the processor's cache


def first_damaged(raw: bytes, length: int) -> int | None:
    """The first frame whose checksum does not fit; None: all do. All have the same length."""
    count, cut = len(raw) // length, length - frames.CRC.size
    told = np.ndarray((count,), "<u4", raw, cut, (length,))
    if cut > _BY_TABLE:
        crc32, view = zlib.crc32, memoryview(raw)
        found = np.array([crc32(view[at : at + cut]) for at in range(0, len(raw), length)], "<u4")
        wrong = np.flatnonzero(found != told)
        return int(wrong[0]) if len(wrong) else None
    grid = np.frombuffer(raw, np.uint8).reshape(count, length)
    # A CRC is linear: that of a frame is the sum (XOR) of what each byte gives by its place.
    head = np.uint32(zlib.crc32(raw[:HEAD_BYTES] + bytes(cut - HEAD_BYTES)))
    for begin in range(0, count, _BLOCK):
        places = np.ascontiguousarray(grid[begin : begin + _BLOCK, HEAD_BYTES:cut].T)
        found = np.full(places.shape[1], head, np.uint32)
        for place, column in enumerate(places):
            found ^= _TABLES[cut - HEAD_BYTES - 1 - place].take(column)
        wrong = np.flatnonzero(found != told[begin : begin + _BLOCK])
        if len(wrong):
            return begin + int(wrong[0])
    return None


def _tables(places: int) -> NDArray[np.uint32]:
    """[n, b]: what byte b gives to a CRC-32 when n bytes come behind it."""
    tables = np.empty((places, 256), np.uint32)
    nothing = zlib.crc32(b"\0")
    tables[0] = [zlib.crc32(bytes([byte])) ^ nothing for byte in range(256)]
    for place in range(1, places):
        before = tables[place - 1]
        tables[place] = tables[0][before & 0xFF] ^ (before >> 8)
    return tables


_TABLES = _tables(_BY_TABLE)
