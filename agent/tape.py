"""A record file that is read once, though two follow it: the digest ahead, the history behind.

What the digest read is kept until the history's chunks have it, up to a limit: while the server is
away nothing piles up in memory, and what was let go of is read again from the file, which is the
spool. Not thread-safe. Neighbours: `columnar.py` (reads), `digest.py` and `streams.py` (its users).
"""

from __future__ import annotations

from pathlib import Path

from agent.columnar import BATCH_ROWS, Batch, ColumnReader

KEEP_BYTES = 16 << 20
"""Of batches that the history has not sent yet, at most so much is kept in memory."""


class Tape:
    """The batches of one record file, by where they begin.

    Args:
        path: the file; it may not exist yet.
        keep: bytes to keep in memory (None: KEEP_BYTES); 0 for a file with a single reader.

    Every method raises what `ColumnReader.batch` does.
    """

    def __init__(self, path: Path, *, keep: int | None = None) -> None:
        self.path = path
        self._keep = KEEP_BYTES if keep is None else keep
        self._reader = ColumnReader(path)
        self._batches: dict[int, Batch] = {}  # in the order in which they were read
        self._kept = 0

    def next(self, start: int, *, rows: int = BATCH_ROWS, final: bool = False) -> Batch | None:
        """What was recorded from byte `start` on, at most about `rows` rows of it."""
        kept = self._batches.get(start)
        if kept is not None and (kept.rows <= rows):
            return kept
        batch = self._reader.batch(start, rows=rows, final=final)
        if batch is not None and start not in self._batches and self._kept < self._keep:
            self._batches[start] = batch
            self._kept += batch.weight
        return batch

    def between(self, start: int, stop: int) -> Batch | None:
        """What was recorded from byte `start` up to byte `stop`, both ends of batches."""
        return self._reader.batch(start, stop=stop)

    @property
    def damaged(self) -> int:
        """Bytes that were passed over because they cannot be read."""
        return sum(end - begin for begin, end in self._reader.damage.items())

    def forget(self, before: int) -> None:
        """What lies before this byte is needed no more."""
        for start in [start for start in self._batches if start < before]:
            self._kept -= self._batches.pop(start).weight
