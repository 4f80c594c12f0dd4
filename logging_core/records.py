r"""The record file: what a run logs, appended so that nothing `log()` returned from is lost.

The writer packs a row of numbers whose keys and types were seen before with `struct` into a
memory-mapped file: no system call, and the kernel keeps the page when the process is killed.
Rows with text, lists or nested dicts, and everything else, are JSON. Numbers are exact: floats as
float64 (NaN and infinities too), ints as int64 or, if larger, as JSON, bools as bools.

    file    8 bytes magic, then frames, then zeros up to where the file was last grown
    frame   u32 length of the whole frame, u8 kind, body, u32 CRC-32 of all before it
    row     u64 position of its layout's frame in this file, i64 step, f64 time, the values

Little-endian. A row names its layout by position, so a reader may start at any frame. A torn or
damaged frame ends what can be read: the CRC is written last and covers the length.

This module never interprets what is logged (run.py, summary.py do), never locks (run.py does)
and never waits for a disk. Neighbours: folder.py names the files; the agent's shipper reads them.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import struct
from typing import Any, Mapping, NamedTuple, Sequence, Union
from zlib import crc32

from logging_core.values import Odd, _ignore, dumps, plain

try:
    import fcntl
except ImportError:  # not POSIX: one process a run is then the user's own care
    fcntl = None  # type: ignore[assignment]

MAGIC = b"OSWREC\x01\n"
MAX_FRAME = 1 << 28  # a longer one is damage

_LAYOUT, _ROW, _ROW_PART, _ODD_ROW, _ODD_ROW_PART = 1, 2, 3, 4, 5
_SUMMARY, _CONFIG, _METRIC, _METADATA, _FINISHED = 6, 7, 8, 9, 10

_HEAD = struct.Struct("<IB")
_STAMP = struct.Struct("<qd")
_CRC = struct.Struct("<I")
_ROW_HEAD = "<IBQqd"
_CODES = {float: "d", int: "q", bool: "?"}
_SMALLEST = _HEAD.size + _CRC.size

# A script whose every row has other keys gains nothing from layouts; this bounds their memory.
_MAX_LAYOUTS = 1000
_MAX_LAYOUT_KEYS = 200_000


class RecordError(ValueError):
    """The file is not a record file of this version."""


class WriterBusy(OSError):
    """Another live process writes this record file."""


class History(NamedTuple):
    """One row of history, whole: `row` is what was logged at `step`, nested dicts as they were."""

    step: int
    time: float  # seconds since 1970, UTC
    row: dict[str, Any]


class SummaryUpdate(NamedTuple):
    """The script set (or removed) summary values itself. Keys are dotted names."""

    values: dict[str, Any]
    removed: Sequence[str] = ()


class ConfigUpdate(NamedTuple):
    """The script set config values: a nested mapping, to be merged into what was there."""

    values: dict[str, Any]


class MetricDefined(NamedTuple):
    """define_metric(): how a metric (or every one that a glob names) is summarised and plotted."""

    name: str
    step_metric: str | None = None
    step_sync: bool = False
    hidden: bool = False
    summary: Sequence[str] = ()  # of min, max, mean, last, first, best, copy, none
    goal: str | None = None  # minimize | maximize
    overwrite: bool = False


class MetadataUpdate(NamedTuple):
    """What the script said of the run: name, project, tags, notes, group, job_type, …"""

    values: dict[str, Any]


class Finished(NamedTuple):
    """The script's end, as the logger saw it. More records may follow: init() was called again."""

    exit_code: int
    time: float


Record = Union[History, SummaryUpdate, ConfigUpdate, MetricDefined, MetadataUpdate, Finished]


class _Layout:
    """The keys and types of one shape of row, and how such a row is packed."""

    __slots__ = ("keys", "length", "pack", "position", "types")

    def __init__(self, keys: tuple[str, ...], types: tuple[type, ...], position: int) -> None:
        packer = struct.Struct(_ROW_HEAD + "".join(map(_CODES.__getitem__, types)))
        self.keys = keys
        self.types = types
        self.position = position
        self.pack = packer.pack
        self.length = packer.size + _CRC.size


class Writer:
    """Appends records to one file. Not thread-safe by itself; one writer a file at a time.

    Opening an existing file continues it after its last whole frame.

    Raises:
        WriterBusy: another live process has the file open for writing.
        RecordError: the file is something else.
        OSError: it cannot be made or grown (the disk is full, the folder is gone, …). The
            methods raise it too; the file stays whole, and the call may be tried again.
    """

    def __init__(self, path: str | os.PathLike[str], *, mapped: bool = True) -> None:
        self.path = os.fspath(path)
        self.layout: _Layout | None = None  # of the row last written; None: it went as JSON
        self._layouts: dict[tuple[tuple[str, ...], tuple[type, ...]], _Layout | None] = {}
        self._layout_keys = 0
        self._window: mmap.mmap | None = None
        self._mapped = mapped and hasattr(os, "posix_fallocate")
        self._base = self._limit = 0  # the part of the file that the window maps
        self._next_size = 1 << 16
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        try:
            _lock(self._fd, self.path)
            self._end = _end_of_frames(self._fd, self.path)
            if self._end == 0:
                self._append(MAGIC)
        except BaseException:
            self.close(truncate=False)
            raise

    @property
    def closed(self) -> bool:
        return self._fd < 0

    def history(
        self,
        step: int,
        time: float,
        row: dict[str, Any],
        *,
        partial: bool = False,
        odd: Odd = _ignore,
    ) -> dict[str, Any]:
        """Append a row; returns it as recorded (`row` itself, or a plain copy).

        `partial`: more may come at this step. The reader joins the parts of a step until another
        step (or a row that is not partial) comes. `step` must fit 64 bits.
        """
        keys = tuple(row)
        types = tuple(map(type, row.values()))
        layout = self.layout
        if layout is None or keys != layout.keys or types != layout.types:
            layout = self._layout(keys, types)
            if layout is None:
                row = plain(row, odd)
                layout = self._layout(tuple(row), tuple(map(type, row.values())))
            self.layout = layout
        if layout is not None:
            try:
                frame = layout.pack(
                    layout.length,
                    _ROW_PART if partial else _ROW,
                    layout.position,
                    step,
                    time,
                    *row.values(),
                )
            except struct.error:  # an int beyond 64 bits
                row = plain(row, odd)
                self.layout = None
            else:
                self._append(frame + _CRC.pack(crc32(frame)))
                return row
        kind = _ODD_ROW_PART if partial else _ODD_ROW
        self._append(_frame(kind, _STAMP.pack(step, time) + dumps(row)))
        return row

    def add(self, record: Record) -> None:
        """Append any record (for a row prefer `history`)."""
        if isinstance(record, History):
            self.history(*record)
            return
        kind = _KINDS[type(record)]
        body: Any = record.values if kind in (_CONFIG, _METADATA) else record._asdict()  # type: ignore[union-attr]
        self._append(_frame(kind, dumps(body)))

    def close(self, *, truncate: bool = True) -> None:
        """Give the file its true length and let go of it. `truncate=False`: leave it untouched
        (in a forked child the file belongs to the parent)."""
        window, self._window = self._window, None
        fd, self._fd = self._fd, -1
        if window is not None:
            window.close()
        if fd >= 0:
            try:
                if truncate:
                    os.ftruncate(fd, self._end)
            finally:
                os.close(fd)

    def deleted(self) -> bool:
        """Whether somebody removed the file under us: what is written is then lost."""
        return self._fd >= 0 and os.fstat(self._fd).st_nlink == 0

    def _layout(self, keys: tuple[str, ...], types: tuple[type, ...]) -> _Layout | None:
        """The layout for such rows, written to the file when it is new; None: none fits."""
        shape = (keys, types)
        try:
            return self._layouts[shape]
        except KeyError:
            pass
        if len(self._layouts) >= _MAX_LAYOUTS or self._layout_keys > _MAX_LAYOUT_KEYS:
            return None
        fits = all(kind in _CODES for kind in types) and all(type(key) is str for key in keys)
        if not fits:
            self._layouts[shape] = None
            return None
        codes = "".join(_CODES[kind] for kind in types)
        # Where the frame will lie is known only once there is room for it.
        frame = _frame(_LAYOUT, dumps([keys, codes]))
        self._reserve(len(frame))
        layout = _Layout(keys, types, self._end)
        self._append(frame)
        self._layouts[shape] = layout
        self._layout_keys += len(keys)
        return layout

    def _append(self, frame: bytes) -> None:
        start = self._end
        end = start + len(frame)
        if end > self._limit:
            if self._fd < 0:
                raise ValueError("the record file {} is closed".format(self.path))
            self._reserve(len(frame))
        window = self._window
        if window is None:
            written = os.pwrite(self._fd, frame, start)
            if written != len(frame):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)
            self._end = end
            return
        base = self._base
        try:
            window[start - base : end - base] = frame
            self._end = end
        except BaseException:
            # A signal's exception between the two lines would let the next frame overwrite one
            # that a reader may have seen: doing both again is harmless.
            window[start - base : end - base] = frame
            self._end = end
            raise

    def _reserve(self, need: int) -> None:
        """Room for `need` more bytes: the blocks are allocated now, so that a full disk is an
        error here, not a SIGBUS in the training process later."""
        if self._end + need <= self._limit or not self._mapped:
            return
        if self.deleted():
            raise OSError(errno.ENOENT, "it was deleted while the run was writing it", self.path)
        base = self._end - self._end % mmap.ALLOCATIONGRANULARITY
        least = _round_up(self._end - base + need)
        for size in (max(self._next_size, least), least):
            try:
                os.posix_fallocate(self._fd, base, size)
                window = mmap.mmap(self._fd, size, offset=base)
                break
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and size > least:
                    continue
                if error.errno in _CANNOT_MAP:  # this file system only takes plain writes
                    self._mapped = False
                    self._drop_window()
                    return
                raise OSError(error.errno, os.strerror(error.errno or 0), self.path) from error
        self._drop_window()
        self._window, self._base, self._limit = window, base, base + size
        self._next_size = min(self._next_size * 4, 1 << 22)

    def _drop_window(self) -> None:
        if self._window is not None:
            self._window.close()
        self._window, self._base, self._limit = None, 0, 0


_CANNOT_MAP = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENODEV, errno.ENOSYS, errno.EACCES)
_KINDS: dict[type, int] = {
    SummaryUpdate: _SUMMARY,
    ConfigUpdate: _CONFIG,
    MetricDefined: _METRIC,
    MetadataUpdate: _METADATA,
    Finished: _FINISHED,
}


def _frame(kind: int, body: bytes) -> bytes:
    length = _SMALLEST + len(body)
    if length > MAX_FRAME:
        raise ValueError("a record of {:,} bytes is too large to log".format(length))
    head = _HEAD.pack(length, kind) + body
    return head + _CRC.pack(crc32(head))


def _round_up(size: int) -> int:
    step = mmap.ALLOCATIONGRANULARITY
    return -(-size // step) * step


def _lock(fd: int, path: str) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise WriterBusy(error.errno, "another process writes this run", path) from None
        # A file system without locks: nothing to be done about it.


def _end_of_frames(fd: int, path: str) -> int:
    """Where the next frame goes: after the last whole one; 0 in an empty file."""
    source = _Source(fd, path)
    if not source.is_started():
        return 0
    position = len(MAGIC)
    while True:
        frame = source.frame(position)
        if frame is None:
            return position
        position += len(frame)


class _Source:
    """Checked frames of an open record file, by position."""

    CHUNK = 1 << 20

    def __init__(self, fd: int, path: str) -> None:
        self._fd = fd
        self._path = path
        self._chunk = memoryview(b"")
        self._start = 0

    def is_started(self) -> bool:
        """Whether the file has its magic. Raises RecordError if it has something else."""
        magic = os.pread(self._fd, len(MAGIC), 0)
        if not magic.strip(b"\0") or (len(magic) < len(MAGIC) and MAGIC.startswith(magic)):
            return False
        if magic != MAGIC:
            raise RecordError("{} is not a record file of this version".format(self._path))
        return True

    def frame(self, position: int) -> memoryview | None:
        """The whole, undamaged frame at `position`, or None."""
        head = self._bytes(position, _HEAD.size)
        if len(head) < _HEAD.size:
            return None
        length: int = _HEAD.unpack(head)[0]
        if not _SMALLEST <= length <= MAX_FRAME:
            return None
        frame = self._bytes(position, length)
        if len(frame) < length:
            return None
        cut = length - _CRC.size
        return frame if crc32(frame[:cut]) == _CRC.unpack_from(frame, cut)[0] else None

    def _bytes(self, position: int, count: int) -> memoryview:
        at = position - self._start
        if at < 0 or at + count > len(self._chunk):
            self._chunk = memoryview(os.pread(self._fd, max(count, self.CHUNK), position))
            self._start = position
            at = 0
        return self._chunk[at : at + count]


class Reader:
    """Reads a record file from its beginning or from an `offset` that another reader reached.

    The file may be growing, may not be there yet, and may end anywhere: `read` gives whole
    records only. It is opened for each `read`, so there is nothing to close.

    Attributes:
        offset: where the next `read` starts; store it to resume in another process.
    """

    def __init__(self, path: str | os.PathLike[str], offset: int = 0) -> None:
        self.path = os.fspath(path)
        self.offset = offset
        self._layouts: dict[int, tuple[tuple[str, ...], struct.Struct]] = {}

    def read(self, limit: int | None = None, *, final: bool = False) -> list[Record]:
        """The next records, at most about `limit`; [] when there are none for now.

        The parts of a step that is still open are held back, and with them whatever was recorded
        since, until the step is complete. `final`: the writer is dead, give them too (once).
        Raises RecordError and OSError (but not for a file that is not there).
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            return []
        try:
            return self._read(_Source(fd, self.path), limit, final)
        finally:
            os.close(fd)

    def _read(self, source: _Source, limit: int | None, final: bool) -> list[Record]:
        if self.offset < len(MAGIC):
            if not source.is_started():
                return []
            self.offset = len(MAGIC)
        records: list[Record] = []
        held: list[Record] = []  # recorded while `open_row` was waiting for its other parts
        open_row: History | None = None
        position = self.offset
        while limit is None or len(records) < limit:
            frame = source.frame(position)
            decoded = None if frame is None else self._decode(source, frame)
            if frame is None or decoded is None:
                break
            kind, record = decoded
            after = position + len(frame)
            if isinstance(record, History):
                partial = kind in (_ROW_PART, _ODD_ROW_PART)
                if open_row is not None and open_row.step == record.step:
                    record = History(record.step, record.time, {**open_row.row, **record.row})
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
            position = after
            if open_row is None:
                self.offset = position
        else:
            return records
        if final and open_row is not None:
            records += [*held, open_row]
            self.offset = position
        return records

    def _decode(self, source: _Source, frame: memoryview) -> tuple[int, Record | None] | None:
        """(kind, record); the record is None for what is no news to a caller (a layout, a kind of
        a later version). None: the frame's layout cannot be read."""
        kind = frame[4]
        if kind in (_ROW, _ROW_PART):
            position = int.from_bytes(frame[5:13], "little")
            layout = self._layouts.get(position) or self._read_layout(source, position)
            if layout is None or layout[1].size != len(frame) - _CRC.size:
                return None
            keys, packer = layout
            values = packer.unpack_from(frame)
            return kind, History(values[3], values[4], dict(zip(keys, values[5:])))  # noqa: B905 - 3.8
        if kind in (_ODD_ROW, _ODD_ROW_PART):
            step, time = _STAMP.unpack_from(frame, _HEAD.size)
            return kind, History(step, time, _loads(frame, _HEAD.size + _STAMP.size))
        if kind in (_CONFIG, _METADATA):
            values = _loads(frame, _HEAD.size)
            return kind, (ConfigUpdate if kind == _CONFIG else MetadataUpdate)(values)
        maker = {_SUMMARY: SummaryUpdate, _METRIC: MetricDefined, _FINISHED: Finished}.get(kind)
        if maker is None:
            return kind, None
        fields: Mapping[str, Any] = _loads(frame, _HEAD.size)
        known = {name: fields[name] for name in maker._fields if name in fields}
        return kind, maker(**known)

    def _read_layout(
        self, source: _Source, position: int
    ) -> tuple[tuple[str, ...], struct.Struct] | None:
        # Its own source: the layout may lie far behind, and the caller's chunk is worth keeping.
        frame = _Source(source._fd, self.path).frame(position)
        if frame is None or frame[4] != _LAYOUT:
            return None
        keys, codes = _loads(frame, _HEAD.size)
        layout = (tuple(keys), struct.Struct(_ROW_HEAD + codes))
        self._layouts[position] = layout
        return layout


def _loads(frame: memoryview, start: int) -> Any:
    return json.loads(bytes(frame[start : len(frame) - _CRC.size]))
