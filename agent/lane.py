"""The files of one process of an attempt, followed together: records, console, machine metrics.

An attempt has one lane, "", or one for each of its processes (ranks); each is numbered, shipped
and remembered by itself. Never touches the network: `shipper.py` asks what is due and sends it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from agent.digest import LaneDigest
from agent.streams import CHUNK_ROWS, ConsoleStream, Progress, RowStream, Stream
from agent.tape import Tape
from logging_core.folder import RunFolder, WriterName
from logging_core.records import Record

PATIENCE_S = 1.0
"""Seconds that rows without the objective, and console lines, may wait when there is much to do."""
LEAST_PATIENCE_S = 0.25
"""The same when the server answers at once."""
SYSTEM_S = 10.0
"""Seconds between two looks at the machine's metrics."""
EAGER_ROWS = 10_000
EAGER_ROW_BYTES = 1 << 20
"""So much of a record file, or so many rows, wait no longer than to the next look."""
EAGER_BYTES = 64 * 1024
"""The same of a console."""
POINT_BYTES = 16

_FILES = re.compile(r"^(?:records|console|system)\.([0-9A-Za-z_-]+)\.(?:bin|log)$")


def lanes_in(folder: RunFolder, token: int) -> list[str]:
    """The lanes of an attempt that have a file by now, "" first (and always)."""
    found = {""}
    try:
        names = os.listdir(folder.path)
    except OSError:
        names = []
    for match in filter(None, map(_FILES.match, names)):
        writer = WriterName.parse(match[1])
        if writer is not None and writer.token == token:
            found.add(writer.lane)
    return sorted(found)


class Lane:
    """One lane's digest and streams, and which of them have something due.

    Args:
        folder: the run folder.
        writer: the lane's files.
        metric: name of the objective, None for none.
        warn: told of what is odd.
        on_record: told of every record that is no row.
        progress: what is acknowledged of these files.
        now: by the clock that `due` is asked with.
    """

    def __init__(
        self,
        folder: RunFolder,
        writer: WriterName,
        metric: str | None,
        warn: Callable[[str], None],
        on_record: Callable[[Record], None],
        progress: Progress,
        now: float,
    ) -> None:
        self.name = writer.lane
        tape = Tape(folder.records(writer))
        self.digest = LaneDigest(tape, metric, warn, on_record)
        self.history = RowStream("history", tape, progress, metric, warn)
        self.console = ConsoleStream("console", folder.console(writer), progress)
        machine = Tape(folder.system(writer), keep=0)
        self.system = RowStream("system", machine, progress, None, warn)
        self._sent_rows = self._sent_points = 0
        self._looked = dict.fromkeys((self.history, self.console, self.system), now)

    @property
    def streams(self) -> tuple[Stream, ...]:
        return self.history, self.console, self.system

    @property
    def behind(self) -> bool:
        """So many rows wait that the next chunk is due at once."""
        return self.digest.rows - self._sent_rows >= CHUNK_ROWS

    def due(self, now: float, patience_s: float) -> list[Stream]:
        """The streams to look at now."""
        due: list[Stream] = []
        rows = self.digest.rows - self._sent_rows
        if rows > 0 and (
            rows >= EAGER_ROWS
            or self.digest.read_to - self.history.acknowledged >= EAGER_ROW_BYTES
            or self.digest.points > self._sent_points
            or now - self._looked[self.history] >= patience_s
        ):
            due.append(self.history)
        waiting = self.console.waiting_bytes
        if waiting >= EAGER_BYTES or (waiting and now - self._looked[self.console] >= patience_s):
            due.append(self.console)
        if now - self._looked[self.system] >= SYSTEM_S:
            due.append(self.system)
        for stream in due:
            self._looked[stream] = now
        return due

    def sent(self, stream: Stream, rows: int, points: int) -> None:
        """A chunk is acknowledged; rows 0: there was nothing that can be sent."""
        if stream is not self.history:
            return
        if rows:
            self._sent_rows += rows
            self._sent_points += points
        else:
            self._sent_rows, self._sent_points = self.digest.rows, self.digest.points

    def end(self) -> None:
        """The writer is dead: nothing more comes."""
        self.digest.read(final=True)
        self.history.final = self.system.final = True
