"""Cuts a run folder's files into numbered chunks, so that each can be sent again just as it was.

The files are the spool: nothing is copied, and only what the server has acknowledged is
remembered, in `shipped.<writer>.json` of the run folder. It holds, for each kind of chunk, the
number and the byte range of the one that is being sent; all before it is acknowledged. Since the
files only ever grow, the same range gives the same rows after a crash of the agent, and the server
knows by its number a chunk that it has.

No network here: `shipper.py` posts what these streams hand out.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.columnar import BATCH_ROWS, Batch
from agent.packing import columns_of, points_of
from agent.tape import Tape
from sweeps.console_text import fold
from sweeps.errors import ChunkError
from sweeps.protocol.chunks import encode_columns
from sweeps.protocol.columns import Columns

CHUNK_ROWS = 100_000
"""A chunk of rows holds at most about so many."""
CHUNK_BYTES = 8 << 20
"""A chunk of rows is cut from at most about so many bytes of the record file."""
CONSOLE_BYTES = 256 * 1024
"""A console chunk holds at most so many bytes."""


@dataclass(frozen=True)
class Chunk:
    """Bytes on their way to the server; the fields are those of `Client.post_chunk`.

    Attributes:
        start, end: its byte range in the file that it was cut from.
    """

    kind: str
    seq: int
    start: int
    end: int
    first: int
    last: int
    rows: int
    objective: bytes = field(repr=False)
    data: bytes = field(repr=False)


class Progress:
    """`shipped.<writer>.json`: what is acknowledged of one attempt's files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kinds: dict[str, dict[str, int]] = {}

    def load(self) -> None:
        """Reads what an earlier agent left. Raises ValueError when that cannot be trusted."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            self._kinds = {
                str(kind): {name: int(at[name]) for name in ("seq", "start", "end")}
                for kind, at in data.items()
            }
        except FileNotFoundError:
            self._kinds = {}
        except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{self.path} cannot be read: {error}") from error

    def at(self, kind: str) -> tuple[int, int, int]:
        """(seq, start, end) of the chunk that comes next; end == start: it is not cut yet."""
        at = self._kinds.get(kind, {"seq": 1, "start": 0, "end": 0})
        return at["seq"], at["start"], at["end"]

    def save(self, kind: str, seq: int, start: int, end: int) -> None:
        """Writes the boundaries down; called before the chunk is sent. Raises OSError."""
        self._kinds[kind] = {"seq": seq, "start": start, "end": end}
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps(self._kinds), encoding="utf-8")
        os.replace(draft, self.path)


class Stream:
    """One file as chunks: `take` one, `acknowledge` it, `take` the next. Not thread-safe."""

    def __init__(self, kind: str, path: Path, progress: Progress) -> None:
        self.kind = kind
        self._path, self._progress = path, progress
        self._seq, self._start, self._end = progress.at(kind)
        self._pending: Chunk | None = None

    def take(self) -> Chunk | None:
        """The next chunk, the same until it is acknowledged; None when nothing is left."""
        if self._pending is None:
            self._pending = self._cut(self._start, self._end if self._end > self._start else None)
            if self._pending is not None:
                self._save(self._pending.end)
        return self._pending

    def acknowledge(self, chunk: Chunk) -> None:
        """The server has it, or will never take it."""
        self._seq, self._start, self._end = chunk.seq + 1, chunk.end, chunk.end
        self._pending = None

    @property
    def acknowledged(self) -> int:
        """The byte behind all that the server has."""
        return self._start

    def settle(self) -> None:
        """Writes down that all is acknowledged."""
        if self._start:
            self._save(self._start)

    def _save(self, end: int) -> None:
        # On a full disk a crash of the agent would cost these rows; training must go on.
        with suppress(OSError):
            self._progress.save(self.kind, self._seq, self._start, end)

    def _cut(self, start: int, end: int | None) -> Chunk | None:
        """A chunk from byte `start` on; up to byte `end` exactly where that is given."""
        raise NotImplementedError


class RowStream(Stream):
    """The rows of a record file.

    Args:
        kind: history or system.
        tape: the file.
        progress: what is acknowledged of it.
        metric: name of the objective, None for none.
        warn: told of a row that no chunk can hold.
    """

    def __init__(
        self,
        kind: str,
        tape: Tape,
        progress: Progress,
        metric: str | None,
        warn: Callable[[str], None],
    ) -> None:
        super().__init__(kind, tape.path, progress)
        self._limit = CHUNK_ROWS  # less while each row has names of its own
        self._tape, self._metric, self._warn = tape, metric, warn
        self.final = False
        """The writer is dead: a row that it left open is whole now."""

    def acknowledge(self, chunk: Chunk) -> None:
        super().acknowledge(chunk)
        self._tape.forget(chunk.end)

    def _cut(self, start: int, end: int | None) -> Chunk | None:
        limit = self._limit
        while batches := self._read(start, end, limit):
            behind, rows = batches[-1].end, sum(batch.rows for batch in batches)
            if not rows:  # other records only: nothing to send
                start = self._start = behind
                continue
            try:
                columns = columns_of(batches)
                ragged = columns.raggedness
                if ragged > 1 and rows > 1 and end is None:
                    limit = self._limit = max(1, min(rows - 1, int(rows / math.sqrt(ragged))))
                    continue
                if ragged < 0.2:
                    self._limit = min(2 * self._limit, CHUNK_ROWS)
                return self._chunk(start, behind, batches, columns)
            except ChunkError as error:
                if rows > 1 and end is None:
                    limit = rows // 2  # too large, or one row of them is odd
                    continue
                self._warn(f"{rows} rows of {self._path} cannot be sent: {error}")
            start, limit = behind, self._limit
            self._start = behind
        return None

    def _read(self, start: int, end: int | None, limit: int) -> list[Batch]:
        """What follows byte `start`: at most about `limit` rows, or all up to byte `end`."""
        try:
            if end is not None:
                found = self._tape.between(start, end)
                return [] if found is None else [found]
            batches: list[Batch] = []
            rows, at = 0, start
            while rows < limit and (
                batch := self._tape.next(at, rows=min(limit, BATCH_ROWS), final=self.final)
            ):
                if batches and (rows + batch.rows > limit or batch.end - start > CHUNK_BYTES):
                    break
                batches.append(batch)
                rows, at = rows + batch.rows, batch.end
        except (OSError, ValueError):
            return []  # the digest, which reads the same file, has said so
        return batches

    def _chunk(self, start: int, end: int, batches: Sequence[Batch], columns: Columns) -> Chunk:
        items = [item for batch in batches for item in batch.items]
        return Chunk(
            kind=self.kind,
            seq=self._seq,
            start=start,
            end=end,
            # A script that calls init() again begins its steps anew.
            first=int(columns.steps.min()),
            last=int(columns.steps.max()),
            rows=len(columns),
            objective=points_of(items, self._metric).tobytes(),
            data=encode_columns(columns),
        )


class ConsoleStream(Stream):
    """The bytes of a console log, as a terminal would leave them (progress bars folded)."""

    kind = "console"

    @property
    def waiting_bytes(self) -> int:
        """Bytes that are not acknowledged."""
        try:
            return os.stat(self._path).st_size - self._start
        except OSError:
            return 0

    def _cut(self, start: int, end: int | None) -> Chunk | None:
        try:
            with open(self._path, "rb") as file:
                file.seek(start)
                data = file.read(CONSOLE_BYTES if end is None else end - start)
        except OSError:
            return None
        if not data:
            return None
        behind, data = start + len(data), fold(data)
        lines = data.count(b"\n")
        return Chunk(self.kind, self._seq, start, behind, start, behind, lines, b"", data)
