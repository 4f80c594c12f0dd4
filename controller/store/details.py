"""Reads the values of single metrics: as stored levels of detail, or exactly; through a cache.

What is read here never changes: a stretch is named by its number and its rows, and of a stream's
rows none is ever replaced by another. So what is in the cache is never stale. Neighbours:
`series.py` (decides what to read), `packing.py` (how it lies there), `stretches.py` (whole rows).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BindParameter, Connection, and_, bindparam, select

from controller.store.cache import Cache
from controller.store.levels import Level, unpack_level
from controller.store.packing import AXIS, LONG, is_sparse, places, unpack
from controller.store.schema import chunks, segments
from controller.store.streams import Stream, StreamName
from controller.store.stretches import Part
from sweeps.protocol.chunks import decode
from sweeps.protocol.columns import Columns


class Stored(NamedTuple):
    """What there is of a metric in a stretch: how many values, and which levels."""

    values: int
    coarse: bool
    fine: bool


@dataclass(frozen=True)
class Parts:
    """A stream's stretches.

    Attributes:
        stream: the stream.
        parts: in order.
        alone: the metrics that were asked for and have a segment of their own, by (part, key).
        bundled: the stretches with bundles in which one of the others may be.
    """

    stream: Stream
    parts: list[Part]
    alone: dict[tuple[int, str], Stored]
    bundled: set[int]


# Built once: making a statement costs more than running it.
_RUNS: BindParameter[Any] = bindparam("run_ids", expanding=True)
_KEYS: BindParameter[Any] = bindparam("keys", expanding=True)
_PARTS = (
    select(
        segments.c.run_id,
        segments.c.writer,
        segments.c.lane,
        segments.c.key,
        segments.c.coarse.is_not(None),
        segments.c.fine.is_not(None),
        *(segments.c[name] for name in Part._fields),
    )
    .where(segments.c.run_id.in_(_RUNS), segments.c.kind == bindparam("kind"))
    .where(segments.c.key.in_(_KEYS))
    .order_by(segments.c.part)
)
_OF_STREAM = {
    table: and_(*(table.c[name] == bindparam(name) for name in StreamName._fields))
    for table in (segments, chunks)
}
_DATA = select(segments.c.key, segments.c.data).where(
    _OF_STREAM[segments], segments.c.part == bindparam("part"), segments.c.key.in_(_KEYS)
)
_LEVELS = {
    name: select(segments.c.part, segments.c[name]).where(
        _OF_STREAM[segments],
        segments.c.key == bindparam("key"),
        segments.c.part.between(bindparam("first"), bindparam("last")),
    )
    for name in ("coarse", "fine")
}
_WAITING = select(chunks.c.seq).where(_OF_STREAM[chunks], chunks.c.seq > bindparam("packed"))
_WAITING = _WAITING.order_by(chunks.c.seq)
_CHUNKS = select(chunks.c.seq, chunks.c.data).where(
    _OF_STREAM[chunks], chunks.c.seq.between(bindparam("first"), bindparam("last"))
)
_CHUNKS = _CHUNKS.execution_options(yield_per=16)
_FIRST = select(chunks.c.data).where(_OF_STREAM[chunks]).order_by(chunks.c.seq).limit(1)
_LAST = select(chunks.c.data).where(_OF_STREAM[chunks]).order_by(chunks.c.seq.desc()).limit(1)


def read_parts(
    connection: Connection, streams: Sequence[Stream], keys: Iterable[str]
) -> dict[StreamName, Parts]:
    """What is packed of the streams (of one kind), as far as `keys` are concerned."""
    found = {stream.name: Parts(stream, [], {}, set()) for stream in streams}
    packed = [stream.name for stream in streams if stream.packed >= 0]
    if not packed:
        return found
    wanted, kind = set(keys), packed[0].kind
    values = {
        "run_ids": list({name.run_id for name in packed}),
        "kind": kind,
        "keys": [AXIS, *places(wanted)],
    }
    for run_id, writer, lane, key, coarse, fine, *rest in connection.execute(_PARTS, values):
        mine = found.get(StreamName(run_id, kind, writer, lane))
        if mine is None:
            continue
        part = Part(*rest)
        if key == AXIS:
            mine.parts.append(part)
        elif key in wanted:
            mine.alone[part.part, key] = Stored(part.rows, bool(coarse), bool(fine))
        else:
            mine.bundled.add(part.part)
    return found


class Details:
    """Reads within one snapshot.

    Args:
        keys: all metrics that will be asked for, so that a chunk need be unpacked only once.
    """

    def __init__(self, connection: Connection, keys: Sequence[str], cache: Cache) -> None:
        self._connection = connection
        self._keys = tuple(dict.fromkeys(keys))
        self._cache = cache
        self._waiting: dict[StreamName, list[tuple[int, Mapping[str, Level]]]] = {}
        self._ready: dict[Hashable, Level] = {}

    def level(self, mine: Parts, wanted: Sequence[Part], key: str, name: str) -> list[Level]:
        """One stored level ("coarse" or "fine") of a metric in some stretches, which have it."""
        found = {part: self._cache.get(_id(mine, part, key, name)) for part in wanted}
        missing = {part.part: part for part, level in found.items() if level is None}
        if missing:
            values = {"key": key, "first": min(missing), "last": max(missing)}
            values |= mine.stream.name._asdict()
            for number, data in self._connection.execute(_LEVELS[name], values):
                if number in missing:
                    part, level = missing[number], unpack_level(data)
                    self._cache.put(_id(mine, part, key, name), level, level.nbytes)
                    found[part] = level
        return [level for level in found.values() if level is not None]

    def exact(self, mine: Parts, part: Part, key: str) -> Level:
        """All numeric values of a metric in a stretch."""
        stored = mine.alone.get((part.part, key))
        if stored is None and part.rows >= LONG and part.part not in mine.bundled:
            return _NONE
        if stored is not None and stored.fine and is_sparse(stored.values, part.rows):
            return self.level(mine, [part], key, "fine")[0]
        name = _id(mine, part, key, "data")
        level: Level | None = self._ready.get(name)
        if level is None:
            level = self._cache.get(name)
        if level is None:
            self._read(mine, part, key)
            level = self._ready[name]
        return level

    def _read(self, mine: Parts, part: Part, key: str) -> None:
        """Makes a metric of a stretch ready; of a short one all that will be asked for, at once."""
        keys = [key]
        if part.rows < LONG:
            keys += [each for each in self._keys if each != key and (part.part, each) in mine.alone]
        axis: Columns | None = self._cache.get(_id(mine, part, AXIS, "data"))
        wanted = [*places(keys), *([] if axis else [AXIS])]
        values = {**mine.stream.name._asdict(), "part": part.part, "keys": wanted}
        found = [(name, data) for name, data in self._connection.execute(_DATA, values)]
        columns = unpack(found, keys, axis=axis)
        if axis is None and part.rows >= LONG:  # a short one has other columns aboard
            axis = Columns(columns.steps, columns.times, {})
            self._cache.put(_id(mine, part, AXIS, "data"), axis, 16 * part.rows)
        every = np.arange(part.start, part.start + len(columns))
        for each in keys:
            level = self._ready[_id(mine, part, each, "data")] = _level(columns, each, every)
            # Arrays that several have in common count once.
            shared = (
                0 if level.rows is every and each != key else level.nbytes - level.values.nbytes
            )
            self._cache.put(_id(mine, part, each, "data"), level, level.values.nbytes + shared)

    def waiting(self, stream: Stream) -> list[tuple[int, Mapping[str, Level]]]:
        """Of each chunk that is not packed yet: the number of its first row in the stream, and
        the values of all metrics."""
        if stream.name not in self._waiting:
            self._waiting[stream.name] = self._read_waiting(stream)
        return self._waiting[stream.name]

    def _read_waiting(self, stream: Stream) -> list[tuple[int, Mapping[str, Level]]]:
        if stream.seq == stream.packed:
            return []
        name = stream.name._asdict()
        numbers = list(self._connection.scalars(_WAITING, {**name, "packed": stream.packed}))
        unpacked = {number: self._cached_chunk(stream, number) for number in numbers}
        missing = [number for number, found in unpacked.items() if found is None]
        if missing:
            values = {**name, "first": missing[0], "last": missing[-1]}
            with self._connection.execute(_CHUNKS, values) as found:
                for number, data in found:
                    if unpacked[number] is None:
                        unpacked[number] = self._unpack_chunk(stream, number, data)
        start = stream.packed_rows
        placed: list[tuple[int, Mapping[str, Level]]] = []
        for number in numbers:
            rows, levels = unpacked[number] or (0, {})
            placed.append((start, levels))
            start += rows
        return placed

    def _cached_chunk(self, stream: Stream, number: int) -> tuple[int, dict[str, Level]] | None:
        kept = {key: self._cache.get((stream.name, stream.born, number, key)) for key in self._keys}
        if any(found is None for found in kept.values()):
            return None
        rows = max((rows for rows, _ in kept.values()), default=0)
        return rows, {key: level for key, (_, level) in kept.items()}

    def _unpack_chunk(
        self, stream: Stream, number: int, data: bytes
    ) -> tuple[int, dict[str, Level]]:
        columns = decode(data, self._keys)
        every = np.arange(len(columns))
        levels = {key: _level(columns, key, every) for key in self._keys}
        for key, level in levels.items():
            name = (stream.name, stream.born, number, key)
            self._cache.put(name, (len(columns), level), level.nbytes)
        return len(columns), levels

    def begin(self, mine: Parts) -> float:
        """The time of a stream's first row; 0.0 when it has none that is known."""
        if mine.parts:
            return mine.parts[0].since if np.isfinite(mine.parts[0].since) else 0.0
        data = self._connection.scalar(_FIRST, mine.stream.name._asdict())
        times = decode(data, ()).times if data else np.empty(0)
        return float(times[0]) if len(times) and np.isfinite(times[0]) else 0.0

    def end(self, mine: Parts) -> float:
        """The time of a stream's last row; 0.0 when it has none that is known."""
        if mine.stream.seq == mine.stream.packed:
            ends = [part.until for part in mine.parts if np.isfinite(part.until)]
            return max(ends, default=0.0)
        data = self._connection.scalar(_LAST, mine.stream.name._asdict())
        times = decode(data, ()).times if data else np.empty(0)
        finite = times[np.isfinite(times)]
        return float(finite.max()) if len(finite) else 0.0


def _id(mine: Parts, part: Part, key: str, name: str) -> Hashable:
    stream = mine.stream
    return (stream.name, stream.born, part.part, part.start, part.rows, key, name)


def _level(columns: Columns, key: str, every: NDArray[np.int64]) -> Level:
    """Of a metric in these columns, whose rows have the numbers `every`."""
    rows, values = columns.points(key)
    if len(rows) == len(columns):  # shared with other metrics, as the cache keeps them
        return Level(every, columns.steps, columns.times, values)
    return Level(every[rows], columns.steps[rows], columns.times[rows], values)


_EMPTY: Any = np.empty(0)
_NONE = Level(np.empty(0, np.int64), np.empty(0, np.int64), _EMPTY, _EMPTY)
