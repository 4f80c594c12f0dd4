"""The store's part that gives a few of a run's rows, evenly spaced: for a first look at a long run.

Charts want extremes kept and are series.py's; here are whole rows, as they were logged. Neighbours:
history.py (all rows), streams.py and stretches.py (what the rows of a run are).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from controller.store.chunk_records import ChunkKind
from controller.store.engine import Database
from controller.store.streams import Record, read_records
from controller.store.stretches import Steps, read_piece
from sweeps.protocol.columns import Columns, concatenate


class SampleStore:
    """Samples of rows. Each method is one transaction."""

    _db: Database

    def sample(
        self,
        run_id: str,
        keys: Sequence[str] | None = None,
        *,
        samples: int = 500,
        kind: ChunkKind | str = ChunkKind.HISTORY,
    ) -> Columns:
        """At most `samples` of a run's rows, the first and the last among them.

        Args:
            keys: of each row these alone, and only rows that have all of them; None: all of it.

        Raises NotFoundError, and ChunkError when a chunk is damaged.
        """
        with self._db.snapshot() as connection:
            record = read_records(connection, [run_id], ChunkKind(kind))[run_id]
            if keys:
                whole = concatenate(
                    [
                        rows.where(_with_all(rows, keys))
                        for rows in _blocks(connection, record, keys)
                    ]
                )
                keep = np.zeros(len(whole), np.bool_)
                keep[_spaced(len(whole), samples)] = True
                return whole.where(keep)
            # Once over the steps alone, then over everything, of which little is held at a time.
            lengths = [len(rows) for rows in _blocks(connection, record, ())]
            wanted = _spaced(sum(lengths), samples)
            parts, begin = [], 0
            for rows in _blocks(connection, record, None):
                keep = np.zeros(len(rows), np.bool_)
                keep[wanted[(wanted >= begin) & (wanted < begin + len(rows))] - begin] = True
                parts.append(rows.where(keep))
                begin += len(rows)
            return concatenate(parts)


def _blocks(
    connection: Connection, record: Record, keys: Sequence[str] | None
) -> Iterator[Columns]:
    for piece in record.pieces:
        for block in read_piece(connection, piece, keys, Steps()):
            yield block.rows


def _with_all(rows: Columns, keys: Sequence[str]) -> NDArray[np.bool_]:
    found = np.ones(len(rows), np.bool_)
    for key in keys:
        column = rows.columns.get(key)
        if column is None:
            return np.zeros(len(rows), np.bool_)
        if column.index is not None:
            has = np.zeros(len(rows), np.bool_)
            has[column.index] = True
            found &= has
    return found


def _spaced(count: int, samples: int) -> NDArray[np.int64]:
    """Numbers from 0 to `count` - 1, at most `samples` of them, evenly spaced, both ends in."""
    if count <= samples:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, samples).round().astype(np.int64))
