"""Read a run's record file, while it grows or after a crash; and all that its readers need.

The agent's shipper, the logger (when it resumes a run) and offline sync read through here.
frames.py says how the file is laid out and what each record means; writer.py writes it.
"""

from __future__ import annotations

import json
import os
import struct

from logging_core import frames
from logging_core.frames import (
    AlertRaised,
    ArtifactLogged,
    Compacted,
    ConfigUpdate,
    FileSaved,
    Finished,
    FrameSource,
    History,
    MetadataUpdate,
    MetricDefined,
    Record,
    RecordError,
    RecordTooLarge,
    SummaryUpdate,
)
from logging_core.hints import Any, Mapping
from logging_core.writer import Writer, WriterBusy

__all__ = [
    "AlertRaised",
    "ArtifactLogged",
    "Compacted",
    "ConfigUpdate",
    "FileSaved",
    "Finished",
    "History",
    "MetadataUpdate",
    "MetricDefined",
    "Reader",
    "Record",
    "RecordError",
    "RecordTooLarge",
    "SummaryUpdate",
    "Writer",
    "WriterBusy",
]


class Reader:
    """Reads a record file from its beginning or from an `offset` that another reader reached.

    The file may be growing, may not be there yet, and may end anywhere: `read` gives whole
    records only. It is opened for each `read`, so there is nothing to close.

    Attributes:
        offset: where the next `read` starts; store it to resume in another process.
        damage: what was passed over because it cannot be read: where it begins, and ends.
    """

    def __init__(self, path: str | os.PathLike[str], offset: int = 0) -> None:
        self.path = os.fspath(path)
        self.offset = offset
        self.damage: dict[int, int] = {}
        self._suspect = -1  # a place that could not be read at the last look
        self._layouts: dict[int, tuple[tuple[str, ...], struct.Struct]] = {}
        self._lost: set[int] = set()  # places of layouts that cannot be read

    def read(self, limit: int | None = None, *, final: bool = False) -> list[Record]:
        """The next records, at most about `limit`; [] when there are none for now.

        The parts of a step that is still open are held back, and with them whatever was recorded
        since, until the step is complete. `final`: the writer is dead, give them too (once).
        Raises RecordError and OSError (but not for a file that is not there).
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        try:
            return self._read(FrameSource(fd, self.path), limit, final)
        finally:
            os.close(fd)

    def _read(self, source: FrameSource, limit: int | None, final: bool) -> list[Record]:
        if self.offset < len(frames.MAGIC):
            if not source.is_started():
                return []
            self.offset = len(frames.MAGIC)
        records: list[Record] = []
        held: list[Record] = []  # recorded while `open_row` was waiting for its other parts
        open_row: History | None = None
        position = self.offset
        more = 0  # rows that stand behind one of `records`
        while limit is None or len(records) + more < limit:
            if open_row is None:
                ahead = self._ahead(source, position, limit and limit - len(records) - more)
                if ahead is not None:
                    rows, count, position = ahead
                    records.append(rows)
                    more += count - 1
                    self.offset = position
                    continue
            frame = source.frame(position)
            decoded = None if frame is None else self._decode(source, frame)
            if frame is None or decoded is None:
                behind = self._behind_damage(source, position, frame, final)
                if behind is None:
                    break
                position = behind
                continue
            kind, record = decoded
            if isinstance(record, History):
                partial = kind in (frames.ROW_PART, frames.ODD_ROW_PART)
                if open_row is not None and open_row.step == record.step:
                    open_row.row.update(record.row)  # a copy each would be quadratic
                    record = History(record.step, record.time, open_row.row)
                elif open_row is not None:
                    records += [*held, open_row]
                    held, self.offset = [], position
                open_row = record if partial else None
                if not partial:
                    records += [*held, record]
                    held = []
            elif isinstance(record, Finished) and open_row is not None:
                records += [*held, open_row, record]
                held, open_row = [], None
            elif record is not None:
                (records if open_row is None else held).append(record)
            position += len(frame)
            # Only behind a record, so that where a reader stops never depends on how far the
            # file had grown: a range of offsets read again gives the same records.
            if open_row is None and record is not None:
                self.offset = position
        else:
            return records
        if final and open_row is not None:
            records += [*held, open_row]
            self.offset = position
        return records

    def _behind_damage(
        self, source: FrameSource, position: int, frame: memoryview | None, final: bool
    ) -> int | None:
        """Where to read on behind what cannot be read; None: it is the end, for now."""
        behind = self.damage.get(position)
        if behind is not None or source.stopped:
            return behind
        layout = -1
        if frame is not None:  # whole, but its layout was lost
            behind, layout = position + len(frame), _layout_of(frame)
        else:
            behind = source.after_damage(position, zeros=final)
        if behind is None or behind == position:
            return behind
        # Reading is not one moment: what a live writer wrote may have come over with holes where
        # it was writing meanwhile. Look twice.
        if not (final or layout in self._lost or self._suspect == position):
            self._suspect = position
            return None
        if layout >= 0 and layout not in self._layouts:
            self._lost.add(layout)
        begin = next(reversed(self.damage), position)
        self.damage[begin if self.damage.get(begin) == position else position] = behind
        return behind

    def _ahead(
        self, source: FrameSource, position: int, limit: int | None
    ) -> tuple[Any, int, int] | None:
        """For a reader that takes many whole rows at once (the agent's, which has NumPy): what
        stands for them, how many they are (at most `limit`), and the byte behind them."""
        del source, position, limit
        return None

    def _decode(self, source: FrameSource, frame: memoryview) -> tuple[int, Record | None] | None:
        """(kind, record); the record is None for what is no news to a caller (a layout, a kind of
        a later version). None: the frame's layout cannot be read."""
        kind = frame[4]
        if kind in (frames.ROW, frames.ROW_PART):
            layout = self._layout(source, _layout_of(frame))
            if layout is None or layout[1].size != len(frame) - frames.CRC.size:
                return None
            keys, packer = layout
            values = packer.unpack_from(frame)
            return kind, History(values[3], values[4], dict(zip(keys, values[5:])))
        if kind in (frames.ODD_ROW, frames.ODD_ROW_PART):
            step, time = frames.STAMP.unpack_from(frame, frames.HEAD.size)
            return kind, History(step, time, _loads(frame, frames.HEAD.size + frames.STAMP.size))
        maker = _MAKERS.get(kind)
        if maker is None:
            return kind, None
        fields: Mapping[str, Any] = _loads(frame, frames.HEAD.size)
        # A later version may say more of it.
        return kind, maker(**{name: fields[name] for name in maker._fields if name in fields})

    def _layout(
        self, source: FrameSource, position: int
    ) -> tuple[tuple[str, ...], struct.Struct] | None:
        """The names and the form of the rows of a layout; None when it cannot be read."""
        layout = self._layouts.get(position)
        if layout is not None or position in self._lost:
            return layout
        # Its own source: the layout may lie far behind, and the caller's chunk is worth keeping.
        frame = FrameSource(source.fd, self.path).frame(position)
        if frame is None or frame[4] != frames.LAYOUT:
            return None
        keys, codes = _loads(frame, frames.HEAD.size)
        layout = (tuple(keys), struct.Struct(frames.ROW_HEAD + codes))
        self._layouts[position] = layout
        return layout


_MAKERS: dict[int, Any] = {kind: maker for maker, kind in frames.KINDS.items()}


def _layout_of(frame: memoryview) -> int:
    return int.from_bytes(frame[5:13], "little")


def _loads(frame: memoryview, start: int) -> Any:
    return json.loads(bytes(frame[start : len(frame) - frames.CRC.size]))
