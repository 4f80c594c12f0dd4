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
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from logging_core.records import History, Reader, Record
from sweeps.console_text import fold
from sweeps.errors import ChunkError
from sweeps.objective import metric_value

if TYPE_CHECKING:
    from sweeps.protocol import chunks

CHUNK_RECORDS = 5000
"""A history chunk is cut from at most so many records."""
CONSOLE_BYTES = 256 * 1024
"""A console chunk holds at most so many bytes."""


@dataclass(frozen=True)
class Chunk:
    """Bytes on their way to the server; the fields are those of `Client.post_chunk`.

    Attributes:
        start, end: its byte range in the file that it was cut from.
        records: how many records lie in that range (console: lines).
    """

    kind: str
    seq: int
    start: int
    end: int
    first: int
    last: int
    rows: int
    records: int
    objective: bytes = field(repr=False)
    data: bytes = field(repr=False)


class Progress:
    """`shipped.<writer>.json`: what is acknowledged of one attempt's files."""

    def __init__(self, folder: Path, writer: int) -> None:
        self.path = folder / f"shipped.{writer}.json"
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

    kind: str

    def __init__(self, path: Path, progress: Progress) -> None:
        self._path, self._progress = path, progress
        self._seq, self._start, self._end = progress.at(self.kind)
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

    def settle(self) -> None:
        """Writes down that all is acknowledged."""
        self._save(self._start)

    def _save(self, end: int) -> None:
        # On a full disk a crash of the agent would cost these rows; training must go on.
        with suppress(OSError):
            self._progress.save(self.kind, self._seq, self._start, end)

    def _cut(self, start: int, end: int | None) -> Chunk | None:
        """A chunk from byte `start` on; up to byte `end` exactly where that is given."""
        raise NotImplementedError


class HistoryStream(Stream):
    """The rows of a record file.

    Args:
        path: the record file; it may not exist yet.
        progress: what is acknowledged of it.
        metric: name of the objective, None for none.
        warn: told of a row that no chunk can hold.
    """

    kind = "history"

    def __init__(
        self, path: Path, progress: Progress, metric: str | None, warn: Callable[[str], None]
    ) -> None:
        super().__init__(path, progress)
        self._metric, self._warn = metric, warn
        self._reader = Reader(path)
        self.final = False
        """The writer is dead: a row that it left open is whole now."""

    def _cut(self, start: int, end: int | None) -> Chunk | None:
        # NumPy comes with it: no trial's start shall wait for that, and its first rows may.
        from sweeps.protocol import chunks

        limit = CHUNK_RECORDS
        while True:
            records, behind = self._read(start, end, limit)
            if not records:
                return None
            rows: list[chunks.Row] = [
                (record.step, record.time, record.row)
                for record in records
                if isinstance(record, History)
            ]
            try:
                data = chunks.encode(rows) if rows else b""
            except ChunkError as error:
                if len(records) > 1 and end is None:
                    limit = max(1, len(records) // 10)  # too large, or one row of them is odd
                    continue
                self._warn(f"{len(rows)} rows of {self._path} cannot be sent: {error}")
                rows = []
            if rows:
                return self._chunk(start, behind, len(records), rows, data)
            start = self._start = behind  # other records only: nothing to send

    def _chunk(
        self, start: int, end: int, records: int, rows: list[chunks.Row], data: bytes
    ) -> Chunk:
        from sweeps.protocol import chunks

        return Chunk(
            kind=self.kind,
            seq=self._seq,
            start=start,
            end=end,
            # A script that calls init() again begins its steps anew.
            first=min(step for step, _, _ in rows),
            last=max(step for step, _, _ in rows),
            rows=len(rows),
            records=records,
            objective=chunks.pack_points(self._points(rows)),
            data=data,
        )

    def _read(self, start: int, end: int | None, limit: int) -> tuple[list[Record], int]:
        """(records, the byte behind them) from `start`: at most `limit`, or all up to `end`."""
        reader = self._reader
        reader.offset = start
        records: list[Record] = []
        try:
            if end is None:
                records = reader.read(limit=limit, final=self.final)
            else:  # boundaries are where a reader can stop, so single steps meet this one
                while reader.offset < end and (one := reader.read(limit=1, final=self.final)):
                    records += one
        except (OSError, ValueError):
            return [], start  # the digest, which reads the same file, has said so
        return records, reader.offset

    def _points(self, rows: list[chunks.Row]) -> list[tuple[int, float]]:
        if self._metric is None:
            return []
        values = ((step, metric_value(row, self._metric)) for step, _, row in rows)
        return [(step, value) for step, value in values if value is not None]


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
        return Chunk(self.kind, self._seq, start, behind, start, behind, lines, lines, b"", data)
