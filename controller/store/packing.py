"""How rows lie in the database once they are packed: stretches, a segment for each metric. Pure.

A stretch is up to ROWS rows of one stream (fewer when they are wide). Its segments are named by
their key:

    ""          the axis: a chunk with the steps and times of all rows; in a short stretch also
                with the columns that are not worth a row of the table, if they are few
    <metric>    one column, as a bundle of its own; of numbers also two levels of detail
    "\\x01"      in a long stretch: the small columns, bundled, if they are few
    "\\x01" + h  when the small columns are many: those whose name hashes to `h`, bundled, so that
                a run of a hundred thousand metrics makes dozens of rows, and reading one of them
                does not unpack all

Names that a database cannot hold exactly as a key are always bundled. Every value comes back as it
was, whatever its type. Neighbours: `levels.py`, `packer.py` (moves chunks into segments),
`stretches.py` (reads them).
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from controller.store.levels import COARSE, FINE, Level, pack_level
from sweeps.errors import ChunkError
from sweeps.protocol.chunks import decode, decode_bundle, encode_bundle, encode_columns
from sweeps.protocol.columns import Column, Columns, Values

ROWS = 65_536
"""Rows in a stretch at most."""
CELLS = 2_000_000
"""And values in it at most: what is in memory while it is packed."""

AXIS = ""
SHARD = "\x01"
"""The keys of all bundles but the axis begin so."""
_SHARDS = 64
LONG = 8192
"""A stretch of so many rows is long: its axis carries no columns, for it is costly to read."""
_ALONE_BYTES = 8 << 10  # a column of at least so many bytes has a segment of its own
_ALONE_LONG = 64 * 8  # and so does one of so many in a long stretch
_FEW_BYTES = 256 << 10  # what the axis carries of small columns at most, and how many
_FEW = 256
_KEY_BYTES = 1000  # a longer key fits no index


class Segment(NamedTuple):
    """One row of the table within its stretch.

    Attributes:
        key: see the module's docstring.
        rows: values in it; of the axis: the stretch's rows.
        coarse, fine: levels of detail; None where there is none.
        data: the values.
    """

    key: str
    rows: int
    coarse: bytes | None
    fine: bytes | None
    data: bytes


@dataclass(frozen=True)
class Stretch:
    """Consecutive rows of one stream.

    Attributes:
        start: the number of the first one in the stream.
        rows: how many.
        first, last: their lowest and highest step.
        since, until: their times lie between these.
        segments: the axis first.
    """

    start: int
    rows: int
    first: int
    last: int
    since: float
    until: float
    segments: list[Segment]


def pack(columns: Columns, start: int) -> list[Stretch]:
    """Rows as stretches; the first row has number `start` in its stream.

    Raises ChunkError for a row that is larger than any chunk may be.
    """
    rows, cells = len(columns), count_cells(columns)
    most = min(ROWS, max(1, CELLS * rows // max(cells, 1)))
    stretches: list[Stretch] = []
    for begin in range(0, rows, most):
        piece = _slice(columns, begin, min(begin + most, rows))
        stretches += _fit(piece, start + begin)
    return stretches


def _fit(columns: Columns, start: int) -> list[Stretch]:
    """One stretch, or two halves when its texts are too long for one, or when each row has names of
    its own."""
    half = len(columns) // 2
    if not half or columns.raggedness <= 1:
        try:
            return [_pack(columns, start)]
        except ChunkError:
            if not half:
                raise
    left = _fit(_slice(columns, 0, half), start)
    return left + _fit(_slice(columns, half, len(columns)), start + half)


def unpack(
    segments: Iterable[tuple[str, bytes]],
    keys: Collection[str] | None = None,
    *,
    axis: Columns | None = None,
) -> Columns:
    """The rows of a stretch from its segments (key, data); of `keys` only, if given.

    All rows are there. The axis must be among the segments, unless it is given; others that hold
    none of the keys need not be. Raises ChunkError.
    """
    columns: dict[str, Column] = {}
    for key, data in segments:
        if key == AXIS:
            axis = decode(data, keys)
        else:
            columns.update(decode_bundle(data, keys))
    if axis is None:
        raise ChunkError("a stretch of packed history has no axis")
    return Columns(axis.steps, axis.times, {**axis.columns, **columns})


def places(keys: Iterable[str]) -> list[str]:
    """The keys of the segments in which the values of `keys` may be, without the axis."""
    found: dict[str, None] = {SHARD: None}
    for key in keys:
        if _storable(key):
            found[key] = None
        found[_shard(key)] = None
    return list(found)


def is_bundle(key: str) -> bool:
    """Whether the segment of this key may hold columns of several names."""
    return key == AXIS or key.startswith(SHARD)


def count_cells(columns: Columns) -> int:
    return sum(len(column.values) for column in columns.columns.values())


# -- one stretch ------------------------------------------------------------------------------


def _pack(columns: Columns, start: int) -> Stretch:
    alone: dict[str, Column] = {}
    small: dict[str, Column] = {}
    small_bytes = 0
    rows = len(columns)
    least = _ALONE_BYTES if rows < LONG else _ALONE_LONG
    for name, column in columns.columns.items():
        size = _size(column.values)
        if size >= least and _storable(name):
            alone[name] = column
        else:
            small[name] = column
            small_bytes += size
    few = len(small) <= _FEW and small_bytes <= _FEW_BYTES
    aboard = small if few and rows < LONG else {}
    axis = encode_columns(Columns(columns.steps, columns.times, aboard))
    segments = [Segment(AXIS, rows, None, None, axis)]
    segments += [_alone(name, column, columns, start) for name, column in alone.items()]
    if small and not aboard:
        segments += _bundled({SHARD: small} if few else _sharded(small), rows)
    finite = bool(np.isfinite(columns.times).all())
    return Stretch(
        start=start,
        rows=rows,
        first=int(columns.steps.min()),
        last=int(columns.steps.max()),
        since=float(columns.times.min()) if finite else float("-inf"),
        until=float(columns.times.max()) if finite else float("inf"),
        segments=segments,
    )


def _alone(name: str, column: Column, columns: Columns, start: int) -> Segment:
    count = len(column.values)
    data = encode_bundle(len(columns), {name: column})
    if isinstance(column.values, list):
        return Segment(name, count, None, None, data)
    index = np.arange(count) if column.index is None else column.index
    full = Level(
        index + start, columns.steps[index], columns.times[index], column.values.astype(np.float64)
    )
    return Segment(name, count, *_levels(full, len(columns)), data)


def _levels(full: Level, rows: int) -> tuple[bytes | None, bytes | None]:
    """(coarse, fine) of a stretch of `rows` rows."""
    count = len(full)
    fine = full.thinned(FINE)
    coarse = fine.thinned(COARSE)
    if is_sparse(count, rows):
        fine = full
    elif 2 * len(fine) > count:
        return None, None
    return pack_level(coarse) if 2 * len(coarse) <= count else None, pack_level(fine)


def is_sparse(count: int, rows: int) -> bool:
    """Whether the values are so few and far between that `fine` is all of them, which spares
    their reader the axis."""
    return count * 32 <= rows


def _sharded(small: Mapping[str, Column]) -> dict[str, dict[str, Column]]:
    shards: dict[str, dict[str, Column]] = {}
    for name, column in small.items():
        shards.setdefault(_shard(name), {})[name] = column
    return shards


def _bundled(bundles: Mapping[str, Mapping[str, Column]], rows: int) -> list[Segment]:
    return [
        Segment(
            key,
            sum(len(column.values) for column in columns.values()),
            None,
            None,
            encode_bundle(rows, columns),
        )
        for key, columns in bundles.items()
    ]


def _size(values: Values) -> int:
    """About how many bytes."""
    if isinstance(values, list):
        return sum(len(value) if isinstance(value, str) else 64 for value in values)
    return 8 * len(values)


def _storable(name: str) -> bool:
    """Whether the name can be a key as it is, in any database, and is none of ours."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= _KEY_BYTES and "\0" not in name and not name.startswith(SHARD)


def _shard(name: str) -> str:
    return f"{SHARD}{zlib.crc32(name.encode('utf-8', 'surrogatepass')) % _SHARDS:02x}"


def _slice(columns: Columns, begin: int, end: int) -> Columns:
    if begin == 0 and end == len(columns):
        return columns
    picked: dict[str, Column] = {}
    for name, column in columns.columns.items():
        if column.index is None:
            picked[name] = Column(column.values[begin:end])
            continue
        low, high = np.searchsorted(column.index, [begin, end])
        if low < high:
            picked[name] = Column(column.values[low:high], column.index[low:high] - begin)
    return Columns(columns.steps[begin:end], columns.times[begin:end], picked)
