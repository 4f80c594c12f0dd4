"""The store's part for charts: a metric over something, thinned to as many points as are drawn.

What is read depends on what is asked for, not on what is stored: a wide look at a long run reads
stored levels of detail, a close one the few stretches that it touches (`drawing.py`). The answer is
the same, point by point, whether the rows are packed yet or not. What was drawn once is kept, named
by the version of all that it was made from; and who has an answer can ask for what is new since.
Neighbours: `levels.py` (which points are kept), `controller/server/series_api.py` (who asks).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection

from controller.store.cache import Cache
from controller.store.details import read_parts
from controller.store.drawing import Artist, Drawn, SeriesQuery, wanted_keys
from controller.store.engine import Database
from controller.store.levels import join
from controller.store.streams import Record, read_records
from sweeps.protocol.series import Series


class SeriesStore:
    """Series for charts. One snapshot a call."""

    _db: Database
    _cache: Cache

    def series(
        self,
        run_ids: Sequence[str],
        query: SeriesQuery,
        cursors: Mapping[tuple[str, str], str] | None = None,
    ) -> list[Series]:
        """The metrics of `query.keys` of each run, run by run.

        Args:
            cursors: by (run, key): what an earlier answer to the same query said.

        Raises NotFoundError, and ChunkError when a chunk is damaged.
        """
        cursors = cursors or {}
        found: list[Series] = []
        with self._db.snapshot() as connection:
            records = read_records(connection, run_ids, query.kind)
            drawn = self._draw(connection, list(records.values()), query)
        for run_id in records:
            for key in query.keys:
                cursor = cursors.get((run_id, key), "")
                found.append(_answer(run_id, key, drawn[run_id, key], cursor, query))
        return found

    def series_version(self, run_ids: Sequence[str], query: SeriesQuery) -> str:
        """Changes when the answer to `query` may have changed; costs next to nothing.

        Raises NotFoundError.
        """
        with self._db.snapshot() as connection:
            records = read_records(connection, run_ids, query.kind)
        return _digest([record.version for record in records.values()], query)

    def _draw(
        self, connection: Connection, records: Sequence[Record], query: SeriesQuery
    ) -> dict[tuple[str, str], Drawn]:
        """By (run, key); from the cache, where nothing has come since."""
        look = (query.x, query.low, query.high, query.points, query.kind)
        found: dict[tuple[str, str], Drawn] = {}
        missing: list[tuple[Record, str]] = []
        for record in records:
            for key in query.keys:
                kept = self._cache.get((record.run_id, record.version, key, look))
                if kept is None:
                    missing.append((record, key))
                else:
                    found[record.run_id, key] = kept
        lacking = {record.run_id: record for record, _ in missing}
        streams = [
            stream
            for record in lacking.values()
            for piece in record.pieces
            for stream in piece.streams
        ]
        parts = read_parts(connection, streams, wanted_keys(query))
        artist: Artist | None = None
        for record, key in missing:  # run by run: what one has unpacked goes with it
            if artist is None or artist.record is not record:
                artist = Artist(connection, record, query, parts, self._cache)
            drawn = found[record.run_id, key] = artist.draw(key)
            name = (record.run_id, record.version, key, look)
            self._cache.put(name, drawn, drawn.nbytes)
        return found


def _answer(run_id: str, key: str, drawn: Drawn, cursor: str, query: SeriesQuery) -> Series:
    """What follows the cursor; or all, when what came before it is not what was drawn then.

    A cursor says where the last bin began that was not complete. What lies before stays as it is:
    rows are only ever added behind.
    """
    pieces = drawn.pieces
    at = max((number for number, piece in enumerate(pieces) if len(piece)), default=None)
    keep = 0
    if not drawn.steady or at is None:
        new_cursor = ""
    else:
        last = int(pieces[at].rows[-1])
        begin = last + 1 if drawn.bin == 1 else last // drawn.bin * drawn.bin
        shape = [_digest(drawn.made_of, query), drawn.bin]
        new_cursor = json.dumps([*shape, at, begin], separators=(",", ":"))
        keep = _kept(pieces, cursor, shape)
    whole = join(pieces)
    return Series(run_id, key, whole.x[keep:], whole.y[keep:], drawn.bin, keep, new_cursor)


def _kept(pieces: Sequence[Any], cursor: str, shape: Sequence[Any]) -> int:
    """The points before the cursor's place."""
    try:
        *old_shape, at, begin = json.loads(cursor)
        if old_shape != shape:
            return 0
        return sum(map(len, pieces[:at])) + int(np.searchsorted(pieces[at].rows, begin))
    except (ValueError, TypeError, IndexError):
        return 0  # nobody's cursor


def _digest(made_of: object, query: SeriesQuery) -> str:
    return hashlib.blake2b(repr((made_of, query)).encode(), digest_size=12).hexdigest()
