r"""The record file: what a run logs, appended so that nothing `log()` returned from is lost.

The writer packs a row of numbers whose keys and types were seen before with `struct` into a
memory-mapped file: no system call, and the kernel keeps the page when the process is killed.
Rows with text, lists or nested dicts, and everything else, are JSON. Numbers are exact: floats as
float64 (NaN and infinities too), ints as int64 or, if larger, as JSON, bools as bools.

    file    8 bytes magic, then frames, then zeros up to where the file was last grown
    frame   u32 length of the whole frame, u8 kind, body, u32 CRC-32 of all before it
    row     u64 position of its layout's frame in this file, i64 step, f64 time, the values

Little-endian. A row names its layout by position, so a reader may start at any frame. The CRC
covers the length too. A torn frame at the end is no record yet; a damaged one in the middle (a page
that a power cut took) is passed over, up to where a whole frame is found again.

Here is what a frame is and what a record says; writer.py writes, records.py reads.
"""

from __future__ import annotations

import os
import re
import struct
from zlib import crc32

from logging_core.hints import Any, NamedTuple, Sequence, Union

MAGIC = b"OSWREC\x01\n"
MAX_FRAME = 1 << 28  # a longer one is damage

LAYOUT, ROW, ROW_PART, ODD_ROW, ODD_ROW_PART = 1, 2, 3, 4, 5
SUMMARY, CONFIG, METRIC, METADATA, FINISHED = 6, 7, 8, 9, 10
FILE, ARTIFACT, ALERT, COMPACTED = 11, 12, 13, 14

HEAD = struct.Struct("<IB")
STAMP = struct.Struct("<qd")
CRC = struct.Struct("<I")
ROW_HEAD = "<IBQqd"
SMALLEST = HEAD.size + CRC.size


class RecordError(ValueError):
    """The file is not a record file of this version."""


class RecordTooLarge(ValueError):
    """No reader would take a record of this size."""


class History(NamedTuple):
    """One row of history, whole: `row` is what was logged at `step`, nested dicts as they were."""

    step: int
    time: float  # seconds since 1970, UTC
    row: dict[str, Any]


class SummaryUpdate(NamedTuple):
    """The script set (or removed) summary values itself. Keys are dotted names.

    Also the first record of a run that goes on with another file's: what that one came to, and
    with `tracks` what SummaryFold needs to go on from there.
    """

    values: dict[str, Any]
    removed: Sequence[str] = ()
    tracks: dict[str, Any] | None = None


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


class FileSaved(NamedTuple):
    """A file of the run folder is to be kept: `path` is relative to `files/`, with slashes."""

    path: str
    policy: str = "now"  # now | live (again whenever it changes) | end (when the run ends)


class ArtifactLogged(NamedTuple):
    """An artifact to be committed: its draft lies in `artifacts/<draft>/` of the run folder.

    `use`: it is an input of the run (it is there already, or is to be made and then used).
    """

    draft: str
    use: bool = False


class AlertRaised(NamedTuple):
    """run.alert(). `number`: its place among the alerts of its file, set by whoever delivers it."""

    number: int
    time: float
    level: str  # INFO | WARN | ERROR
    wait_s: float
    title: str
    text: str


class Compacted(NamedTuple):
    """The rows that stood before this record are in `history.<writer>.chunks` now.

    Written by whoever ships a finished run; what is no row stays in the record file.
    """

    next_step: int  # the step after the last row's
    rows: int
    time: float
    summary: dict[str, Any]  # what all records of this file came to, with the rows' part
    tracks: dict[str, Any]  # and what SummaryFold needs to go on from there


Record = Union[
    History,
    SummaryUpdate,
    ConfigUpdate,
    MetricDefined,
    MetadataUpdate,
    Finished,
    FileSaved,
    ArtifactLogged,
    AlertRaised,
    Compacted,
]


KINDS: dict[type, int] = {
    SummaryUpdate: SUMMARY,
    ConfigUpdate: CONFIG,
    MetricDefined: METRIC,
    MetadataUpdate: METADATA,
    Finished: FINISHED,
    FileSaved: FILE,
    ArtifactLogged: ARTIFACT,
    AlertRaised: ALERT,
    Compacted: COMPACTED,
}


def frame(kind: int, body: bytes) -> bytes:
    """One whole frame. Raises RecordTooLarge."""
    length = SMALLEST + len(body)
    if length > MAX_FRAME:
        raise RecordTooLarge(f"a record of {length:,} bytes is too large to log")
    head = HEAD.pack(length, kind) + body
    return head + CRC.pack(crc32(head))


class FrameSource:
    """Checked frames of an open record file, by position."""

    CHUNK = 1 << 20

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.stopped = False  # (for one that ends early) a frame behind its end was asked for
        self._path = path
        self._chunk = memoryview(b"")
        self._start = 0

    def is_started(self) -> bool:
        """Whether the file has its magic. Raises RecordError if it has something else."""
        magic = os.pread(self.fd, len(MAGIC), 0)
        begun = magic.rstrip(b"\0")
        if len(begun) < len(MAGIC) and MAGIC.startswith(begun):
            return False
        if magic != MAGIC:
            raise RecordError(f"{self._path} is not a record file of this version")
        return True

    def frame(self, position: int) -> memoryview | None:
        """The whole, undamaged frame at `position`, or None."""
        chunk, at = self._chunk, position - self._start
        if at < 0 or at + SMALLEST > len(chunk):
            chunk, at = self._load(position, SMALLEST)
            if len(chunk) < SMALLEST:
                return None
        length: int = HEAD.unpack_from(chunk, at)[0]
        if not SMALLEST <= length <= MAX_FRAME:
            return None
        if at + length > len(chunk):
            chunk, at = self._load(position, length)
        cut = at + length - CRC.size
        if at + length > len(chunk) or crc32(chunk[at:cut]) != CRC.unpack_from(chunk, cut)[0]:
            return None
        return chunk[at : at + length]

    def _load(self, position: int, count: int) -> tuple[memoryview, int]:
        self._chunk = memoryview(os.pread(self.fd, max(count, self.CHUNK), position))
        self._start = position
        return self._chunk, 0

    def after_damage(self, position: int, *, zeros: bool) -> int | None:
        """Where the next whole frame begins, when there is none at `position`; None: nowhere.

        That is `position` itself when it has been written since it was read: then nothing is
        damaged. `zeros`: look behind zeros too. They are the rest of a file that grows, and seldom
        a page that was lost.
        """
        self._load(position, self.CHUNK)
        if self.frame(position) is not None:
            return position
        if not zeros and not any(self._chunk[:SMALLEST]):
            return None
        size = os.fstat(self.fd).st_size
        at = position + 1
        while at < size:
            # What is searched must not be newer than what `frame` then looks at.
            chunk, _ = self._load(at, self.CHUNK + SMALLEST)
            data = bytes(chunk)
            if data.strip(b"\0"):  # far quicker than to look at each byte of them
                for found in _LIKE_A_FRAME.finditer(data):
                    begin = at + found.start()
                    length = HEAD.unpack_from(data, found.start())[0]
                    if SMALLEST <= length <= size - begin and self.frame(begin) is not None:
                        return begin
            at += max(1, len(data) - SMALLEST)
        return None

    def end(self) -> int:
        """Where the next frame goes: after the last whole one; 0 in an empty file."""
        if not self.is_started():
            return 0
        position = len(MAGIC)
        while True:
            found = self.frame(position)
            if found is not None:
                position += len(found)
                continue
            behind = self.after_damage(position, zeros=True)
            if behind is None:
                return position
            position = behind


# A length below 2 ** 28 that is not 0, and one of our kinds; one may begin within another.
_LIKE_A_FRAME = re.compile(rb"(?=(?!\0\0\0\0)[\0-\xff]{3}[\0-\x10][\1-\x0e])", re.DOTALL)
