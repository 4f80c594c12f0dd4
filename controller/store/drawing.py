"""Draws one series of one run: decides which of what is stored must be read, and thins it.

A stretch that lies wholly in the window, and counts wholly, is left until it is known how many
points there are: then one of its levels of detail may do. All else (the stretches at the edges, the
chunks that are not packed yet, metrics over other metrics) is read exactly. Neighbours:
`details.py` (reads), `levels.py` (thins), `series.py` (keeps what was drawn).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from controller.store.cache import Cache
from controller.store.chunk_records import ChunkKind
from controller.store.details import Details, Parts, Stored
from controller.store.levels import COARSE, FINE, Level, Points, bin_size, join, thin
from controller.store.packing import is_sparse
from controller.store.streams import Piece, Record, Stream, StreamName
from controller.store.stretches import Part, Steps, read_piece
from sweeps.protocol.columns import concatenate

STEP = "_step"
TIMESTAMP = "_timestamp"
RUNTIME = "_runtime"
"""Seconds since the first row of the run."""
PROCESS = "_process"
"""The same, without the time between the end of an attempt and the begin of the next."""
_NO_METRICS = (STEP, TIMESTAMP, RUNTIME, PROCESS)


@dataclass(frozen=True)
class SeriesQuery:
    """What to draw.

    Attributes:
        keys: the metrics.
        x: STEP, TIMESTAMP, RUNTIME, PROCESS, or another metric: then only rows that have both
            count.
        low, high: only points whose x lies between them, both included.
        points: how many points a series may have, at least 2.
        kind: history or system.
    """

    keys: tuple[str, ...]
    x: str = STEP
    low: float = -math.inf
    high: float = math.inf
    points: int = 1000
    kind: ChunkKind = ChunkKind.HISTORY


@dataclass(frozen=True)
class Drawn:
    """A series.

    Attributes:
        pieces: its points, a writer after the other.
        bin: rows of which only the extremes were kept; 1: all points were.
        steady: as long as `made_of` and `bin` stay the same, points are only added behind.
        made_of: the streams.
    """

    pieces: tuple[Points, ...]
    bin: int
    steady: bool
    made_of: tuple[object, ...]

    @property
    def nbytes(self) -> int:
        return sum(piece.nbytes for piece in self.pieces)


def over_metric(query: SeriesQuery) -> bool:
    """Whether x is a metric."""
    return query.x not in _NO_METRICS


def wanted_keys(query: SeriesQuery) -> list[str]:
    """The metrics that must be read."""
    return [*query.keys, query.x] if over_metric(query) else list(query.keys)


class Artist:
    """Draws series of one run, within one snapshot.

    Args:
        parts: of all its streams, for `wanted_keys`.
    """

    def __init__(
        self,
        connection: Connection,
        record: Record,
        query: SeriesQuery,
        parts: Mapping[StreamName, Parts],
        cache: Cache,
    ) -> None:
        self._connection = connection
        self.record = record
        self._query = query
        self._over_metric = over_metric(query)
        self._parts = parts
        self.details = Details(connection, wanted_keys(query), cache)
        self._origins = self._find_origins()

    def _find_origins(self) -> dict[StreamName, float]:
        """The time that is zero, by stream; without those of which it is that of the epoch."""
        found: dict[StreamName, float] = {}
        if self._query.x not in (RUNTIME, PROCESS):
            return found
        origin, last = None, math.nan
        for piece in self.record.pieces:
            mine = [self._parts[stream.name] for stream in piece.streams]
            begin = self.details.begin(mine[0])
            if origin is None:
                origin = begin
            elif self._query.x == PROCESS and last < begin:
                origin += begin - last
            if self._query.x == PROCESS:
                last = max(self.details.end(each) for each in mine)
            found |= {stream.name: origin for stream in piece.streams}
        return found

    def draw(self, key: str) -> Drawn:
        query, pieces = self._query, self.record.pieces
        drafts = [self._draft(piece, key) for piece in pieces]
        # The same bins, however much of it is packed: they depend on the count of points alone.
        size = bin_size(sum(draft.count for draft in drafts), query.points)
        size, drawn = thin([draft.finish(size) for draft in drafts], query.points, size)
        whole = join(drawn)
        steady = all(len(piece.streams) == 1 for piece in pieces)
        if not self._over_metric and (np.diff(whole.x) < 0).any():
            order = np.argsort(whole.x, kind="stable")
            drawn, steady = [Points(whole.rows[order], whole.x[order], whole.y[order])], False
        made_of = (
            (*((stream.name, stream.born) for stream in piece.streams), piece.end)
            for piece in pieces
        )
        return Drawn(tuple(drawn), size, steady, tuple(made_of))

    def _draft(self, piece: Piece, key: str) -> _Draft:
        if len(piece.streams) == 1:
            return self._draft_stream(piece.streams[0], piece.end, key)
        if not self._over_metric:
            lanes = [self._draft_stream(stream, piece.end, key) for stream in piece.streams]
            lanes = [lane for lane in lanes if lane.count]
            if len(lanes) < 2:
                return lanes[0] if lanes else _Draft(self, key)
        return self._draft_lanes(piece, key)

    def _draft_stream(self, stream: Stream, end: float, key: str) -> _Draft:
        mine = self._parts[stream.name]
        draft = _Draft(self, key, mine)
        for part in mine.parts:
            inside = self._inside(part, end, mine)
            stored = mine.alone.get((part.part, key))
            if inside is _Inside.WHOLLY and stored is not None and stored.fine:
                draft.leave(part, stored)
            elif inside is not _Inside.NOT:
                x_level = (
                    self.details.exact(mine, part, self._query.x) if self._over_metric else None
                )
                draft.add(
                    self.place(self.details.exact(mine, part, key), x_level, end, stream.name)
                )
        for start, levels in self.details.waiting(stream):
            x_level = levels[self._query.x] if self._over_metric else None
            found = self.place(levels[key], x_level, end, stream.name)
            draft.add(Points(found.rows + start, found.x, found.y))
        return draft

    def _draft_lanes(self, piece: Piece, key: str) -> _Draft:
        """Several lanes that have the metric: from the rows as they are once merged."""
        keys = [key, self._query.x] if self._over_metric else [key]
        blocks = read_piece(self._connection, piece, keys, Steps())
        columns = concatenate([block.rows for block in blocks])
        levels = []
        for name in keys:
            rows, values = columns.points(name)
            levels.append(Level(rows, columns.steps[rows], columns.times[rows], values))
        draft = _Draft(self, key)
        x_level = levels[1] if self._over_metric else None
        draft.add(self.place(levels[0], x_level, piece.end, piece.streams[0].name))
        return draft

    def _inside(self, part: Part, end: float, mine: Parts) -> _Inside:
        """How much of a stretch lies in the window, and counts."""
        if part.first >= end:
            return _Inside.NOT
        if self._over_metric:
            return _Inside.PARTLY
        if self._query.x == STEP:
            begin, until = float(part.first), float(part.last)
        else:
            origin = self._origins.get(mine.stream.name, 0.0)
            begin, until = part.since - origin, part.until - origin
        if until < self._query.low or begin > self._query.high:
            return _Inside.NOT
        wholly = part.last < end and self._query.low <= begin and until <= self._query.high
        return _Inside.WHOLLY if wholly else _Inside.PARTLY

    def place(self, level: Level, x_level: Level | None, end: float, name: StreamName) -> Points:
        """The points of a level: those that count, in the window, with an x (that of the same
        row in `x_level`, for a metric over another)."""
        x: NDArray[np.float64]
        if x_level is not None:
            mine, theirs = _common(level.rows, x_level.rows)
            level = level.pick(mine)
            x = x_level.values[theirs]
        elif self._query.x == STEP:
            x = level.steps.astype(np.float64)
        else:
            x = level.times - self._origins.get(name, 0.0)
        which = (x >= self._query.low) & (x <= self._query.high)
        if end != math.inf:
            which &= level.steps < end
        return Points(level.rows, x, level.values).pick(which)


def _common(
    left: NDArray[np.int64], right: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of each (rising) are in both."""
    if np.array_equal(left, right):
        everything = np.ones(len(left), np.bool_)
        return everything, everything
    return np.isin(left, right, assume_unique=True), np.isin(right, left, assume_unique=True)


class _Inside(Enum):
    NOT = auto()
    PARTLY = auto()
    WHOLLY = auto()


class _Draft:
    """What a piece has of a metric: points, and stretches for which a level may do, in order."""

    def __init__(self, artist: Artist, key: str, mine: Parts | None = None) -> None:
        self._artist = artist
        self._key = key
        self._mine = mine
        self._name = mine.stream.name if mine else StreamName("", "", 0, "")
        self._done: list[Points | None] = []
        self._left: dict[int, tuple[Part, Stored]] = {}  # by place in `_done`
        self.count = 0

    def add(self, points: Points) -> None:
        self._done.append(points)
        self.count += len(points)

    def leave(self, part: Part, stored: Stored) -> None:
        self._left[len(self._done)] = (part, stored)
        self._done.append(None)
        self.count += stored.values

    def finish(self, size: int) -> Points:
        """All points, of which some may be missing that bins of `size` rows would not keep."""
        groups: dict[str, dict[int, Part]] = {}
        for place, (part, stored) in self._left.items():
            groups.setdefault(_level_for(size, part, stored), {})[place] = part
        for name, parts in groups.items():
            for place, level in zip(parts, self._read(name, list(parts.values())), strict=True):
                self._done[place] = self._artist.place(level, None, math.inf, self._name)
        return join([points for points in self._done if points is not None])

    def _read(self, name: str, parts: Sequence[Part]) -> list[Level]:
        assert self._mine is not None  # noqa: S101
        details = self._artist.details
        if name == "data":
            return [details.exact(self._mine, part, self._key) for part in parts]
        return details.level(self._mine, parts, self._key, name)


def _level_for(size: int, part: Part, stored: Stored) -> str:
    if stored.coarse and size >= COARSE:
        return "coarse"
    return "fine" if size >= FINE or is_sparse(stored.values, part.rows) else "data"
