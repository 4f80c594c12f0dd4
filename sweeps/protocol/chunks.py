"""The columnar chunk: logged rows as the compressed bytes that agent and server pass on.

Made once, by the agent; every hop after that carries bytes, and only who draws or merges decodes.
Pure: bytes in, arrays out, no I/O. `decode` trusts nothing: whatever is torn, foreign or claims to
be huge raises ChunkError before memory is spent on it. Neighbours: `columns.py` (the arrays),
`logging_core.records` (where rows come from), `controller.store` (where chunks are kept).

Layout, little-endian:

    4s  magic "OSCH"        B  version         I  CRC-32 of all that follows
    I   header, as stored   I  header, raw     then the header, then the buffers that it lists

The header is zstd-compressed JSON: {"rows": n, "steps": size, "times": size, "columns": [[name,
kind, count, size, mask size or null], …]}. A size is [bytes as stored, bytes raw]; equal ones mean
that the buffer is stored as it is, otherwise it is one zstd frame. A column that not every row has
carries a bit mask of its rows. How numbers become bytes that compress well: numbers.py.
"""

from __future__ import annotations

import json
import struct
import threading
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import zstandard

from sweeps.errors import ChunkError
from sweeps.protocol import numbers
from sweeps.protocol.columns import Column, Columns, Row, Values, from_rows

__all__ = [
    "MAX_BYTES",
    "MAX_JSON_BYTES",
    "MAX_ROWS",
    "ChunkError",
    "Column",
    "Columns",
    "Row",
    "decode",
    "decode_bundle",
    "encode",
    "encode_bundle",
    "encode_columns",
    "list_columns",
    "pack_points",
    "unpack_points",
    "verify",
]

MAX_ROWS = 1_000_000
"""Rows that one chunk may hold."""
MAX_BYTES = 64 << 20
"""Bytes that one chunk may take when unpacked."""
MAX_JSON_BYTES = 16 << 20
"""Bytes that one column of odd values may take as JSON: parsed, it is twenty times as much."""

_MAGIC = b"OSCH"
_VERSION = 1
_PREFIX = struct.Struct("<4sBI")
_SIZES = struct.Struct("<II")
_POINT = struct.Struct("<qd")
_LEVEL = 3
_TOO_SHORT = 32  # bytes that zstd makes no shorter
_MISFITS = (ValueError, TypeError, KeyError, RecursionError, zstandard.ZstdError)


# -- encoding ---------------------------------------------------------------------------------


def encode(rows: Sequence[Row]) -> bytes:
    """Rows (step, time, values by name) as one chunk.

    Steps fit 64 bits; times and values come back bit for bit (NaN and infinities too); values are
    whatever JSON can say. Raises ChunkError for rows that cannot be encoded: a name that is no
    string, a value that JSON does not have, or more than MAX_ROWS and MAX_BYTES allow.
    """
    _check_count(len(rows))
    return encode_columns(from_rows(rows))


def encode_columns(columns: Columns) -> bytes:
    """Columns as one chunk: what `encode` makes of the same rows. Raises ChunkError likewise."""
    return _encode(len(columns), columns.columns, columns)


def encode_bundle(rows: int, columns: Mapping[str, Column]) -> bytes:
    """Columns of `rows` rows without their steps and times, which somebody else keeps.

    For `decode_bundle`: `decode` refuses it. Raises ChunkError as `encode` does.
    """
    return _encode(rows, columns, None)


def _encode(rows: int, columns: Mapping[str, Column], axis: Columns | None) -> bytes:
    _check_count(rows)
    sink = _Sink()
    header: dict[str, Any] = {"rows": rows}
    if axis is not None:
        header["steps"] = sink.add(numbers.pack_ints(axis.steps))
        header["times"] = sink.add(numbers.pack_ints(axis.times.view(np.int64)))
    listed = []
    for name, column in columns.items():
        kind, raw = _pack(name, column.values)
        size = sink.add(raw)
        mask = None
        if column.index is not None:
            bits = np.zeros(rows, np.bool_)
            bits[column.index] = True
            mask = sink.add(np.packbits(bits).tobytes())
        listed.append([name, kind, len(column.values), size, mask])
    if sink.raw_bytes > MAX_BYTES:
        raise ChunkError(f"a chunk holds at most {MAX_BYTES:,} bytes: split it")
    raw_header = json.dumps({**header, "columns": listed}, separators=(",", ":")).encode()
    packed_header = _compress(raw_header)
    head = _SIZES.pack(len(packed_header), len(raw_header))
    body = b"".join([head, packed_header, *sink.buffers])
    return _PREFIX.pack(_MAGIC, _VERSION, zlib.crc32(body)) + body


def _check_count(rows: int) -> None:
    if rows > MAX_ROWS:
        raise ChunkError(f"a chunk holds at most {MAX_ROWS:,} rows, not {rows:,}: split it")


class _Sink:
    """Collects the buffers, each compressed if that makes it smaller."""

    def __init__(self) -> None:
        self.buffers: list[bytes] = []
        self.raw_bytes = 0

    def add(self, raw: bytes) -> list[int]:
        """[bytes as stored, bytes raw]."""
        packed = _compress(raw)
        self.raw_bytes += len(raw)
        self.buffers.append(packed)
        return [len(packed), len(raw)]


def _pack(name: str, values: Values) -> tuple[str, bytes]:
    """(kind, bytes) of a column's values."""
    if isinstance(values, list):
        try:
            text = json.dumps(values, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise ChunkError(f"a value of {name!r} cannot be written as JSON: {error}") from error
        if len(text) > MAX_JSON_BYTES:
            raise ChunkError(f"the values of {name!r} take {len(text):,} bytes in one chunk")
        return "json", text.encode()
    return numbers.pack(values, lambda raw: len(_compress(raw)))


# -- decoding ---------------------------------------------------------------------------------


def verify(data: bytes) -> None:
    """Raises ChunkError unless `data` is a whole chunk of a version that we know, by its checksum.

    Cheap, for whoever takes chunks from others without reading them.
    """
    if len(data) < _PREFIX.size + _SIZES.size:
        raise ChunkError(f"a chunk is torn: {len(data)} bytes are too few")
    magic, version, checksum = _PREFIX.unpack_from(data)
    if magic != _MAGIC:
        raise ChunkError("these bytes are no chunk of opensweep's")
    if version != _VERSION:
        raise ChunkError(f"a chunk has version {version}, and this opensweep reads {_VERSION}")
    if zlib.crc32(memoryview(data)[_PREFIX.size :]) != checksum:
        raise ChunkError("a chunk is damaged: its checksum does not fit")


def decode(data: bytes, keys: Collection[str] | None = None) -> Columns:
    """The columns of a chunk, or those of `keys` only (cheaper: the others are not unpacked).

    Raises ChunkError on anything that `encode` did not make.
    """
    return _decode(data, keys, axis=True)


def decode_bundle(data: bytes, keys: Collection[str] | None = None) -> Mapping[str, Column]:
    """The columns that `encode_bundle` packed, or those of `keys` only. Raises ChunkError."""
    return _decode(data, keys, axis=False).columns


def list_columns(data: bytes) -> list[tuple[str, str, int]]:
    """(name, kind, values) of each column of a chunk or bundle: no more than its header is read.

    A kind is one of `numbers.WIDTH`, or "json". Raises ChunkError.
    """
    verify(data)
    try:
        header, _ = _read_header(data)
        return [(str(name), str(kind), int(count)) for name, kind, count, *_ in header["columns"]]
    except _MISFITS as error:
        raise ChunkError(f"a chunk does not fit its own header: {error}") from error


def _decode(data: bytes, keys: Collection[str] | None, *, axis: bool) -> Columns:
    verify(data)
    try:
        return _unpack_all(data, keys, axis=axis)
    except _MISFITS as error:
        raise ChunkError(f"a chunk does not fit its own header: {error}") from error


def _read_header(data: bytes) -> tuple[Any, _Source]:
    """The header, and what hands out the buffers behind it."""
    stored, raw = _SIZES.unpack_from(data, _PREFIX.size)
    begin = _PREFIX.size + _SIZES.size
    source = _Source(data, begin + stored)
    return json.loads(source.unpack(data[begin : begin + stored], raw)), source


def _unpack_all(data: bytes, keys: Collection[str] | None, *, axis: bool) -> Columns:
    """Lets ValueError and its like out, which `_decode` turns into ChunkError."""
    header, source = _read_header(data)
    rows = _count(header["rows"], MAX_ROWS)
    steps, times = np.empty(0, np.int64), np.empty(0)
    if axis:
        steps = numbers.unpack_ints(source.take(header["steps"], 8 * rows))
        times = numbers.unpack_ints(source.take(header["times"], 8 * rows)).view(np.float64)
    columns: dict[str, Column] = {}
    for name, kind, count, size, mask in header["columns"]:
        if type(name) is not str or name in columns:
            raise ValueError("a name is twice there, or is none")
        count = _count(count, rows)
        wanted = keys is None or name in keys
        packed = source.take(
            size, None if kind == "json" else numbers.WIDTH[kind] * count, skip=not wanted
        )
        bits = None if mask is None else source.take(mask, (rows + 7) // 8, skip=not wanted)
        if not wanted:
            continue
        index = None
        if bits is not None:
            index = np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8), count=rows))
        if count != (rows if index is None else len(index)):
            raise ValueError(f"the mask of {name!r} does not fit")
        columns[name] = Column(_unpack(kind, packed, count), index)
    source.check_end()
    return Columns(steps, times, columns)


class _Source:
    """Hands out the buffers in order, and counts what they claim to take."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._offset = offset
        self._left = 2 * MAX_BYTES  # the chunk itself, and its header

    def take(self, size: Any, expected: int | None, *, skip: bool = False) -> bytes:
        stored, raw = size
        stored, raw = _count(stored, len(self._data)), _count(raw, MAX_BYTES)
        if expected is not None and raw != expected:
            raise ValueError(f"a buffer has {raw} bytes for {expected}")
        if expected is None and raw > MAX_JSON_BYTES:
            raise ValueError(f"a column of JSON claims {raw} bytes")
        begin, self._offset = self._offset, self._offset + stored
        return b"" if skip else self.unpack(self._data[begin : self._offset], raw)

    def unpack(self, packed: bytes, raw: int) -> bytes:
        self._left -= raw
        if self._left < 0:
            raise ValueError(f"it claims to unpack to more than {MAX_BYTES:,} bytes")
        if len(packed) == raw:
            return packed
        # The frame's own word on its size is what the library allocates: it must be ours.
        if zstandard.frame_content_size(packed) != raw:
            raise ValueError("a buffer is torn")
        return _codecs.decompressor.decompress(packed, allow_extra_data=False)

    def check_end(self) -> None:
        if self._offset != len(self._data):
            raise ValueError("its length does not fit")


def _count(value: Any, limit: int) -> int:
    if type(value) is not int or not 0 <= value <= limit:
        raise ValueError(f"{value!r} is no count up to {limit}")
    return value


def _unpack(kind: str, raw: bytes, count: int) -> Values:
    if kind != "json":
        return numbers.unpack(kind, raw)
    values = json.loads(raw)
    if type(values) is not list or len(values) != count:
        raise ValueError("a column of JSON does not fit")
    return values


class _Codec(threading.local):
    """zstd contexts: costly to make, and not to be shared by threads."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_BYTES)


_codecs = _Codec()


def _compress(raw: bytes) -> bytes:
    if len(raw) < _TOO_SHORT:
        return raw
    packed = _codecs.compressor.compress(raw)
    return packed if len(packed) < len(raw) else raw


# -- objective points -------------------------------------------------------------------------


def pack_points(points: Iterable[tuple[int, float]]) -> bytes:
    """(step, value) pairs as N x (int64 step, float64 value), little-endian.

    Raises ChunkError for a step beyond 64 bits or a value that is no number.
    """
    try:
        return b"".join(_POINT.pack(step, value) for step, value in points)
    except (struct.error, OverflowError) as error:
        raise ChunkError(f"an objective value cannot be packed: {error}") from error


def unpack_points(data: bytes) -> list[tuple[int, float]]:
    """What `pack_points` packed. Raises ChunkError when the length does not fit."""
    if len(data) % _POINT.size:
        raise ChunkError(
            f"objective points are torn: {len(data)} bytes are no whole number of them"
        )
    return list(_POINT.iter_unpack(data))
