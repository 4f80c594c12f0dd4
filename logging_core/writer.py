"""Append records to a run's record file (frames.py says how it is laid out).

Never interprets what is logged (run.py, summary.py do), never locks threads out (run.py does),
never waits for a disk. Neighbours: records.py reads what is written here.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import mmap
import os
import struct
from zlib import crc32

from logging_core import frames
from logging_core.frames import FrameSource, History, Record
from logging_core.hints import Any, Callable, NamedTuple
from logging_core.values import Odd, dumps, ignore, plain

_ROW_HEAD = struct.Struct("<IBQ")  # length, kind, position of the layout
_CODES = {float: "d", int: "q", bool: "?"}
_CANNOT_MAP = (
    errno.EOPNOTSUPP,
    errno.EINVAL,
    errno.ENODEV,
    errno.ENOSYS,
    errno.EACCES,
    errno.ENOMEM,  # the process may have no more maps
)
_ROOM = 1 << 16
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

# A script whose every row has other keys gains nothing from layouts; this bounds their memory.
_MAX_LAYOUTS = 1000
_MAX_LAYOUT_KEYS = 200_000


class WriterBusy(OSError):
    """Another live process writes this record file."""


class Layout:
    """The keys and types of one shape of row, and how such a row is packed.

    Attributes:
        pack: (step, time, *values) -> the body of a row frame behind its head.
        put: (buffer, offset, head, body, CRC): a whole frame at its place.
        head, part_head: what every frame of such a row (or of a part of one) begins with.
        unpack: (buffer, offset) -> (step, time, *values), from the frame at that offset.
        length: of the whole frame, in bytes.
    """

    __slots__ = (
        "head",
        "keys",
        "length",
        "pack",
        "part_head",
        "position",
        "put",
        "types",
        "unpack",
    )

    def __init__(self, keys: list[str], types: list[type], position: int) -> None:
        runs = itertools.groupby(map(_CODES.__getitem__, types))
        # "100d" takes a hundredth of the room of "ddd…".
        body = struct.Struct("<qd" + "".join([f"{len([*same])}{code}" for code, same in runs]))
        self.keys = keys
        self.types = types
        self.position = position
        self.length = _ROW_HEAD.size + body.size + frames.CRC.size
        self.head = _ROW_HEAD.pack(self.length, frames.ROW, position)
        self.part_head = _ROW_HEAD.pack(self.length, frames.ROW_PART, position)
        self.pack = body.pack
        self.put = struct.Struct(f"<{_ROW_HEAD.size}s{body.size}sI").pack_into
        self.unpack = struct.Struct(f"<{_ROW_HEAD.size}x{body.format[1:]}").unpack_from


class Stretch(NamedTuple):
    """Where rows of one layout may be put without asking the writer again.

    Attributes:
        window: the mapped part of the file.
        place: offset in it of the next frame.
        limit: offset of the last one that still fits; below `place` when none does.
    """

    layout: Layout
    window: mmap.mmap
    place: int
    limit: int


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
        self.layout: Layout | None = None  # of the row last written; None: it went as JSON
        self.settle: Callable[[int, dict[str, Any]], dict[str, Any]] | None = None
        """Asked for each row that is more than plain scalars, with its step: media become JSON."""
        self._layouts: dict[tuple[tuple[str, ...], tuple[type, ...]], Layout | None] = {}
        self._layout_keys = 0
        self._window: mmap.mmap | None = None
        self._mapped = mapped and hasattr(os, "posix_fallocate") and keeps_room(self.path)
        self._base = self._limit = 0  # the part of the file that the window maps
        self._next_size = 1 << 16
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _lock(self._fd, self.path)
            self._end = FrameSource(self._fd, self.path).end()
            os.ftruncate(self._fd, self._end)  # a torn tail, or room that was never used
            if self._end == 0:
                self._append(frames.MAGIC)
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
        odd: Odd = ignore,
    ) -> dict[str, Any]:
        """Append a row; returns it as recorded (`row` itself, or a plain copy).

        `partial`: more may come at this step. The reader joins the parts of a step until another
        step (or a row that is not partial) comes. `step` must fit 64 bits.
        """
        keys, types = [*row], [*map(type, row.values())]
        layout = self.layout
        if layout is None or keys != layout.keys or types != layout.types:
            layout = self._layout(keys, types)
            if layout is None:
                if self.settle is not None:
                    row = self.settle(step, row)
                row = plain(row, odd)
                layout = self._layout([*row], [*map(type, row.values())])
            self.layout = layout
        if layout is not None:
            try:
                body = layout.pack(step, time, *row.values())
            except struct.error:  # an int beyond 64 bits
                row = plain(row, odd)
                self.layout = None
            else:
                frame = (layout.part_head if partial else layout.head) + body
                self._append(frame + frames.CRC.pack(crc32(frame)))
                return row
        kind = frames.ODD_ROW_PART if partial else frames.ODD_ROW
        self._append(frames.frame(kind, frames.STAMP.pack(step, time) + dumps(row)))
        return row

    def add(self, record: Record) -> None:
        """Append any record (for a row prefer `history`)."""
        if isinstance(record, History):
            self.history(*record)
            return
        kind = frames.KINDS[type(record)]
        body: Any = record._asdict()
        self._append(frames.frame(kind, dumps(body)))

    def close(self, *, truncate: bool = True) -> None:
        """Give the file its true length and let go of it. `truncate=False`: leave it untouched
        (in a forked child the file belongs to the parent)."""
        fd, self._fd = self._fd, -1
        self._drop_window()
        if fd >= 0:
            try:
                if truncate:
                    os.ftruncate(fd, self._end)
            finally:
                os.close(fd)

    def deleted(self) -> bool:
        """Whether somebody removed the file under us: what is written is then lost."""
        return self._fd >= 0 and os.fstat(self._fd).st_nlink == 0

    def make_room(self) -> None:
        """Room for more than a few records. Raises OSError while the disk takes none."""
        self._reserve(_ROOM)
        if self._window is None and os.pwrite(self._fd, bytes(_ROOM), self._end) < _ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)

    def stretch(self) -> Stretch | None:
        """Room for more rows of the layout of the last one; None when there is none just now (the
        next row by `history` makes some). Until `advance`, nothing else may be written."""
        layout, window = self.layout, self._window
        if layout is None or not layout.keys or window is None:
            return None
        place, last = self._end - self._base, len(window) - layout.length
        return Stretch(layout, window, place, last) if place + layout.length <= last else None

    def advance(self, place: int) -> None:
        """A stretch has ended at this offset of the window."""
        self._end = self._base + place

    def last(self, layout: Layout) -> dict[str, Any]:
        """The row that ends where a stretch did."""
        if self._window is None:
            raise ValueError(f"{self.path} is closed")
        place = self._end - self._base - layout.length
        return dict(zip(layout.keys, layout.unpack(self._window, place)[2:]))

    @property
    def end(self) -> int:
        """Bytes written, those of a stretch under way not counted."""
        return self._end

    def fileno(self) -> int:
        return self._fd

    def _layout(self, keys: list[str], types: list[type]) -> Layout | None:
        """The layout for such rows, written to the file when it is new; None: none fits."""
        shape = (tuple(keys), tuple(types))
        try:
            return self._layouts[shape]
        except KeyError:
            pass
        if len(self._layouts) >= _MAX_LAYOUTS or self._layout_keys > _MAX_LAYOUT_KEYS:
            return None
        self._layout_keys += len(keys)
        if not ({*types} <= _CODES.keys() and {*map(type, keys)} <= {str}):
            self._layouts[shape] = None
            return None
        codes = "".join(_CODES[kind] for kind in types)
        layout = Layout(keys, types, self._end)
        self._append(frames.frame(frames.LAYOUT, dumps([keys, codes])))
        self._layouts[shape] = layout
        return layout

    def _append(self, frame: bytes) -> None:
        start = self._end
        if start + len(frame) > self._limit:
            self._reserve(len(frame))
        try:
            self._put(frame, start)
        except BaseException as error:
            # No error of the disk, but a signal's exception: if it came before the end was moved,
            # the next frame would overwrite one that a reader may have seen. Doing both again is
            # harmless. Its handler may have closed the file.
            if getattr(error, "errno", None) is None and not self.closed:
                self._put(frame, start)
            raise

    def _put(self, frame: bytes, start: int) -> None:
        end = start + len(frame)
        # No call from here to the copy: a signal's handler that finishes the run cuts the file off,
        # and to write behind its end would kill the process.
        window = self._window
        if self._fd < 0:
            raise self._closed()
        if window is not None:
            window[start - self._base : end - self._base] = frame
        elif os.pwrite(self._fd, frame, start) != len(frame):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)
        self._end = end

    def _reserve(self, need: int) -> None:
        """Room for `need` more bytes: the blocks are allocated now, so that a full disk is an
        error here, not a SIGBUS in the training process later."""
        if not self._mapped:
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
                if error.errno is None:
                    raise  # a signal's TimeoutError, say
                if error.errno in _FULL and size > least:
                    continue
                if error.errno in _CANNOT_MAP:  # this file system only takes plain writes
                    self._mapped = False
                    self._drop_window()
                    return
                raise OSError(error.errno, os.strerror(error.errno or 0), self.path) from error
        self._drop_window()
        self._window, self._base = window, base
        self._limit = base + size  # last: until then, whoever comes makes room anew
        self._next_size = min(self._next_size * 4, 1 << 22)

    def _closed(self) -> OSError:
        return OSError(errno.EBADF, "it is closed", self.path)

    def _drop_window(self) -> None:
        window, self._window, self._limit = self._window, None, 0
        if window is not None:
            window.close()


def keeps_room(path: str, mounts: str = "/proc/self/mountinfo") -> bool:
    """Whether room that was allocated in a file stays its own. Where every write goes to a new
    place (btrfs, ZFS), a mapped page may find the disk full, and that kills the process; across a
    network (NFS, SMB), mapped pages are late for all others. Plain writes do there."""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.split() for line in file]
    except OSError:
        return True  # not Linux
    where = os.path.realpath(path)
    found, longest = "", -1
    for fields in lines:  # … the mount point is the 5th; behind " - " comes the kind
        point = fields[4].replace("\\040", " ")
        inside = where == point or where.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:
            found, longest = fields[fields.index("-") + 1], len(point)
    return found not in _MOVES


_MOVES = ("btrfs", "zfs", "bcachefs", "nfs", "nfs4", "cifs", "smb3", "9p")


def _round_up(size: int) -> int:
    step = mmap.ALLOCATIONGRANULARITY
    return -(-size // step) * step


def _lock(fd: int, path: str) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise WriterBusy(error.errno, "another process writes this run", path) from None
        # A file system without locks: nothing to be done about it.
