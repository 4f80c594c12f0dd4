"""Reads a record file in bulk: rows of numbers as arrays, everything else as records, in order.

`logging_core.records.Reader` makes a dict of every row, which costs microseconds; a fast script
logs a million values a second. Here consecutive rows become one `Rows`: the bytes as they lie in
the file, checked all at once, from which a column is a strided view. What is read is the same by
construction: this is that Reader, with `_ahead` filled in; whatever is odd, torn, damaged or few
takes its own way. Read-only. Neighbours: `tape.py` (reads once for all who need it), `digest.py`
and `streams.py` (what becomes of the rows).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.checksums import first_damaged
from logging_core import frames
from logging_core.frames import FrameSource
from logging_core.records import History, Reader, Record
from sweeps.protocol.columns import Column, Columns, concatenate

BATCH_ROWS = 1 << 15
"""A batch holds at most about so many rows."""
BATCH_BYTES = 2 << 20
"""A batch ends behind the record with which it has so many bytes."""

_FEW = 8  # rows that are not worth arrays
_CODES = {"d": np.dtype("<f8"), "q": np.dtype("<i8"), "?": np.dtype("?")}
_HEAD = struct.Struct("<IBQ")  # of a row frame: length, kind, position of its layout
_VALUES_AT = struct.calcsize(frames.ROW_HEAD)
_STEP_AT = _HEAD.size


class Part(NamedTuple):
    """Rows of one layout.

    Attributes:
        keys: the names, in order.
        packer: reads one frame: length, kind, position, step, time, the values.
        raw: their frames, one behind the other.
        where: the number that each row has among all rows; None: it is their order here.
    """

    keys: tuple[str, ...]
    packer: struct.Struct
    raw: bytes
    where: NDArray[np.int64] | None

    def __len__(self) -> int:
        return len(self.raw) // (self.packer.size + frames.CRC.size)

    @property
    def codes(self) -> str:
        """Of each value: d (float), q (whole number) or ? (bool)."""
        return self.packer.format[len(frames.ROW_HEAD) :]

    @property
    def steps(self) -> NDArray[np.int64]:
        return self._view("<i8", _STEP_AT).astype(np.int64)

    @property
    def times(self) -> NDArray[np.float64]:
        return self._view("<f8", _STEP_AT + 8).astype(np.float64)

    def column(self, number: int) -> NDArray[Any]:
        """The values of a key, by its number in `keys`: float64, int64 or bool."""
        # Values are packed without gaps: 8 bytes each, a bool 1.
        offset = _VALUES_AT + 8 * number - 7 * self.codes.count("?", 0, number)
        dtype = _CODES[self.codes[number]]
        return self._view(dtype, offset).astype(dtype.newbyteorder("="))

    def row(self, number: int) -> History:
        """One row, as `Reader` gives it."""
        size = self.packer.size + frames.CRC.size
        values = self.packer.unpack_from(self.raw, number * size)
        return History(values[3], values[4], dict(zip(self.keys, values[5:], strict=True)))

    def _view(self, dtype: Any, offset: int) -> NDArray[Any]:
        stride = self.packer.size + frames.CRC.size
        return np.ndarray((len(self),), dtype, self.raw, offset, (stride,))


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of numbers, by layout; parts by their first rows."""

    count: int
    parts: tuple[Part, ...]

    def __len__(self) -> int:
        return self.count

    def rows(self) -> Iterator[History]:
        """Row by row, as `Reader` gives them: for tests, and for what is rare."""
        found: list[History | None] = [None] * self.count
        for part in self.parts:
            where = range(len(part)) if part.where is None else part.where.tolist()
            for number, place in enumerate(where):
                found[place] = part.row(number)
        return (row for row in found if row is not None)

    def columns(self) -> Columns:
        """The same as columns."""
        if len(self.parts) == 1 and self.parts[0].where is None:
            [part] = self.parts
            named = {key: Column(part.column(n)) for n, key in enumerate(part.keys)}
            return Columns(part.steps, part.times, named)
        # One layout behind the other, and then back into the order in which they came.
        pieces, places = [], []
        for part in self.parts:
            named = {key: Column(part.column(n)) for n, key in enumerate(part.keys)}
            pieces.append(Columns(part.steps, part.times, named))
            places.append(np.arange(len(part)) if part.where is None else part.where)
        return concatenate(pieces).reorder(np.concatenate(places))


Item = Rows | Record


@dataclass(frozen=True)
class Batch:
    """What lies between two places of a record file where a reader can stop.

    Attributes:
        start, end: byte offsets.
        items: rows in bulk and single records, in the order of the file.
        rows: how many rows of history that are.
    """

    start: int
    end: int
    items: tuple[Item, ...]
    rows: int

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes; a row as a dict takes several times more."""
        bulk = sum(
            len(part.raw) for item in self.items if isinstance(item, Rows) for part in item.parts
        )
        return bulk + 8 * (self.end - self.start - bulk)


class ColumnReader(Reader):
    """`Reader` whose rows come in bulk. Not thread-safe."""

    def __init__(self, path: str | os.PathLike[str], offset: int = 0) -> None:
        super().__init__(path, offset)
        self._few_until = 0

    def batch(
        self, start: int, *, rows: int = BATCH_ROWS, stop: int | None = None, final: bool = False
    ) -> Batch | None:
        """What was recorded from byte `start` on; None when there is nothing (yet).

        Args:
            start: 0, or the end of another batch.
            rows: at most about so many of them.
            stop: read up to the end of another batch exactly; then `rows` counts no more.
            final: the writer is dead: a row that it left open is whole.

        Raises RecordError, ValueError for damage that a checksum does not show, and OSError.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if stop is not None:
                return self._batch(_Source(fd, self.path, stop), start, None, final=True)
            room = BATCH_BYTES
            while True:
                source = _Source(fd, self.path, start + room)
                found = self._batch(source, start, rows, final=False)
                if found is not None or not source.stopped:
                    break
                room *= 4  # one row in many parts
            if found is None and final:
                found = self._batch(_Source(fd, self.path, None), start, None, final=True)
            return found
        finally:
            os.close(fd)

    def _batch(self, source: _Source, start: int, rows: int | None, *, final: bool) -> Batch | None:
        self.offset, self._few_until = start, 0
        items: list[Any] = self._read(source, rows, final)
        if not items:
            return None
        count = sum(
            len(item) if isinstance(item, Rows) else 1
            for item in items
            if isinstance(item, Rows | History)
        )
        return Batch(start, self.offset, tuple(items), count)

    def _ahead(
        self, source: FrameSource, position: int, limit: int | None
    ) -> tuple[Rows, int, int] | None:
        if position < self._few_until or not isinstance(source, _Source):
            return None
        data, at, end = source.window(position)
        if end - at < _HEAD.size:
            return None
        _, kind, layout = _HEAD.unpack_from(data, at)
        if kind != frames.ROW or layout in self._lost:
            return None
        shapes, count, behind = _scan(data, at, end, limit or BATCH_ROWS)
        if count < _FEW:
            self._few_until = position + (behind - at)
            return None
        good, behind = self._check(source, shapes, count, behind)
        if good < _FEW:
            self._few_until = position + (behind - at)
            return None
        single = len(shapes) == 1
        parts = [
            Part(*self._layouts[shape.layout], shape.raw, None if single else shape.where)
            for shape in shapes
            if shape.count
        ]
        return Rows(good, tuple(parts)), good, position + (behind - at)

    def _check(
        self, source: _Source, shapes: list[_Shape], count: int, behind: int
    ) -> tuple[int, int]:
        """How many rows are whole, and the place behind them; the shapes are cut to those."""
        good = count
        for shape in shapes:
            wrong = first_damaged(shape.raw, shape.length)
            if wrong is not None and shape.where[wrong] < good:
                good, behind = int(shape.where[wrong]), int(shape.at[wrong])
        for shape in shapes:
            if shape.where[0] < good and not self._knows(source, shape):
                good, behind = int(shape.where[0]), int(shape.at[0])
        if good < count:
            for shape in shapes:
                shape.cut(good)
        return good, behind

    def _knows(self, source: _Source, shape: _Shape) -> bool:
        layout = self._layout(source, shape.layout)
        return layout is not None and layout[1].size == shape.length - frames.CRC.size


class _Source(FrameSource):
    """Frames up to a place; reads little where little is new, and more the more there is."""

    def __init__(self, fd: int, path: str, stop: int | None) -> None:
        super().__init__(fd, path)
        self._stop = stop
        self._next_read = 1 << 16

    def frame(self, position: int) -> memoryview | None:
        if self._stop is not None and position >= self._stop:
            self.stopped = True
            return None
        return super().frame(position)

    def window(self, position: int) -> tuple[bytes, int, int]:
        """(bytes, where `position` is in them, where they end or it must stop)."""
        at = position - self._start
        if not 0 <= at <= len(self._chunk) - _HEAD.size:
            _, at = self._load(position, _HEAD.size)
        data: Any = self._chunk.obj
        end = len(data)
        if self._stop is not None:
            end = min(end, self._stop - self._start)
        return data, at, end

    def _load(self, position: int, count: int) -> tuple[memoryview, int]:
        size = max(count, self._next_read)
        if self._stop is not None:
            size = max(count, min(size, self._stop - position + (1 << 12)))
        self._next_read = min(self._next_read * 4, BATCH_BYTES)
        self._chunk = memoryview(os.pread(self.fd, size, position))
        self._start = position
        return self._chunk, 0


class _Shape:
    """Frames of one head (length, kind, layout) among those that were scanned."""

    def __init__(self, head: bytes) -> None:
        self.length, _, self.layout = _HEAD.unpack(head)
        self.raw = b""
        self.runs: list[tuple[int, int, int]] = []  # number of the first row, its place, rows
        self.where: NDArray[np.int64] = np.empty(0, np.int64)
        self.at: NDArray[np.int64] = self.where

    @property
    def count(self) -> int:
        return len(self.where)

    def gather(self, data: bytes) -> None:
        length = self.length
        self.raw = b"".join([data[at : at + run * length] for _, at, run in self.runs])
        first, at, run = np.array(self.runs, np.int64).T
        within = np.arange(run.sum()) - np.repeat(np.cumsum(run) - run, run)
        self.where = np.repeat(first, run) + within
        self.at = np.repeat(at, run) + within * length

    def cut(self, rows: int) -> None:
        """Keeps only rows with a number below `rows`."""
        kept = int(np.searchsorted(self.where, rows))
        self.where, self.at = self.where[:kept], self.at[:kept]
        self.raw = self.raw[: kept * self.length]


def _scan(data: bytes, at: int, end: int, limit: int) -> tuple[list[_Shape], int, int]:
    """The row frames from `at` on, whole but unchecked: (by shape, how many, the place behind)."""
    shapes: dict[bytes, _Shape] = {}
    count = 0
    least = _VALUES_AT + frames.CRC.size
    while count < limit and at + _HEAD.size <= end:
        head = data[at : at + _HEAD.size]
        length, kind, _ = _HEAD.unpack(head)
        most = min((end - at) // length, limit - count) if length >= least else 0
        if kind != frames.ROW or most == 0:
            break
        run = _run(data, at, length, head, most)
        shape = shapes.get(head)
        if shape is None:
            shape = shapes[head] = _Shape(head)
        shape.runs.append((count, at, run))
        count += run
        at += run * length
    for shape in shapes.values():
        shape.gather(data)
    return list(shapes.values()), count, at


def _run(data: bytes, at: int, length: int, head: bytes, most: int) -> int:
    """How many frames from `at` on have this head."""
    run, few = 1, min(most, 32)
    while run < few and data.startswith(head, at + run * length):
        run += 1
    if run < 32:
        return run
    front, back = int.from_bytes(head[:8], "little"), int.from_bytes(head[5:], "little")
    step = 256
    while run < most:
        rows, begin = min(step, most - run), at + run * length
        same = np.ndarray((rows,), "<u8", data, begin, (length,)) == front
        same &= np.ndarray((rows,), "<u8", data, begin + 5, (length,)) == back
        if not same.all():
            return run + int(same.argmin())
        run, step = run + rows, step * 8
    return run
