"""Packs the rows of a finished writer once the server has them all: a few bytes a value on disk.

    records.<writer>.bin      then: what is no row, and one `Compacted` that stands for the rows
    history.<writer>.chunks   the rows: u32 length, then a chunk (sweeps.protocol.chunks), repeated

Both are written beside the old file and put in its place by a rename, the rows first: a crash at
any point leaves a whole record file. The rows file counts only if the record file says so with its
last record. Never for a file that somebody may still write or that is not all acknowledged; a small
one is left alone. Neighbours: `logging_core.frames` (the file), `afterwork.py` (when).
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from agent.columnar import Batch, ColumnReader, Item, Rows
from agent.digest import LaneDigest
from agent.packing import columns_of
from agent.streams import CHUNK_ROWS, Progress
from agent.tape import Tape
from logging_core import frames
from logging_core.folder import RunFolder
from logging_core.records import (
    Compacted,
    Finished,
    History,
    Record,
    SummaryUpdate,
    Writer,
)
from logging_core.values import dumps
from sweeps.errors import ChunkError
from sweeps.protocol.chunks import decode, encode_columns
from sweeps.protocol.columns import Columns

SMALL_BYTES = 256 * 1024
"""A record file of less is left as it is."""

_LENGTH = struct.Struct("<I")
_ROWS = (frames.LAYOUT, frames.ROW, frames.ROW_PART, frames.ODD_ROW, frames.ODD_ROW_PART)


def compact(folder: RunFolder, writer: str) -> bool:
    """Packs one writer's rows, if that is due and allowed; whether it did.

    Raises OSError (the disk is full, say), after which everything is as it was.
    """
    path = folder.records(writer)
    try:
        if os.stat(path).st_size < SMALL_BYTES:
            return False
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as a writer holds it
        except OSError:
            return False
        return _compact(folder, writer, path)
    finally:
        os.close(fd)


def compact_all(folder: RunFolder, token: int) -> None:
    """Packs what every process of an attempt, and of the attempts before it, recorded."""
    for writer in folder.writers():
        if int(writer.partition("-")[0]) <= token:
            compact(folder, writer)


def packed_rows(folder: RunFolder, writer: str) -> Iterator[Columns]:
    """The rows that were packed away, in order, some 100,000 at a time; none when none were.

    Raises OSError, and ChunkError when the file is damaged.
    """
    try:
        file = open(folder.chunks(writer), "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        return
    with file:
        while head := file.read(_LENGTH.size):
            if len(head) < _LENGTH.size:
                raise ChunkError(f"{folder.chunks(writer)} is torn")
            yield decode(file.read(_LENGTH.unpack(head)[0]))


def unpack(folder: RunFolder, writer: str) -> bool:
    """Puts packed rows back into the record file, to ship them to another server; whether it did.

    Rows come after what was said of the run and before what was said of its summary. Raises
    OSError and ChunkError, after which everything is as it was.
    """
    path = folder.records(writer)
    if not any(isinstance(item, Compacted) for item in _items(path)):
        return False
    draft = path.with_suffix(".draft")
    try:
        draft.unlink(missing_ok=True)
        file = Writer(draft)
        try:
            late = (SummaryUpdate, Finished, History, Rows)
            for item in _items(path):
                if not isinstance(item, (*late, Compacted)):
                    file.add(item)
            for columns in packed_rows(folder, writer):
                for step, time, row in columns.rows():
                    file.history(step, time, row)
            for item in _items(path):
                if isinstance(item, late):
                    for record in item.rows() if isinstance(item, Rows) else [item]:
                        file.add(record)
            os.fsync(file.fileno())
        finally:
            file.close()
        os.replace(draft, path)
        _sync(folder.path)
    finally:
        draft.unlink(missing_ok=True)
    folder.chunks(writer).unlink()
    return True


def _items(path: Path) -> Iterator[Item]:
    """All that was recorded, some rows at a time."""
    reader, at = ColumnReader(path), 0
    while batch := reader.batch(at, final=True):
        at = batch.end
        yield from batch.items


def _compact(folder: RunFolder, writer: str, path: Path) -> bool:
    progress = Progress(folder.shipped(writer))
    try:
        progress.load()
    except ValueError:
        return False
    _, acknowledged, sending = progress.at("history")
    other: list[Record] = []
    digest = LaneDigest(Tape(path, keep=0), None, lambda _: None, other.append)
    digest.read(final=True)
    packed_before = any(isinstance(record, Compacted) for record in other)
    if sending > acknowledged or acknowledged < digest.read_to or not digest.whole:
        return False
    if packed_before or digest.last_step is None or not _is_all(path, digest.read_to):
        return False
    rows = folder.chunks(writer).with_suffix(".draft")
    rest = path.with_suffix(".draft")
    try:
        try:
            _write_rows(rows, path)
        except ChunkError:
            return False  # a row that no chunk can hold stays where it is
        stands_for = digest.fold.compacted(digest.last_step + 1, digest.rows, digest.last_time)
        if not _write_rest(rest, path, stands_for, digest.read_to):
            return False
        os.replace(rows, folder.chunks(writer))
        _sync(folder.path)
        os.replace(rest, path)
        _sync(folder.path)
    finally:
        for draft in (rows, rest):
            draft.unlink(missing_ok=True)
    return True


def _write_rows(draft: Path, path: Path) -> None:
    with open(draft, "wb") as file:
        for batches in _bundles(path):
            data = encode_columns(columns_of(batches))
            file.write(_LENGTH.pack(len(data)) + data)
        file.flush()
        os.fsync(file.fileno())


def _bundles(path: Path) -> Iterator[list[Batch]]:
    reader, at, rows = ColumnReader(path), 0, 0
    bundle: list[Batch] = []
    while batch := reader.batch(at, final=True):
        at = batch.end
        if bundle and rows + batch.rows > CHUNK_ROWS:
            yield bundle
            bundle, rows = [], 0
        if batch.rows:
            bundle.append(batch)
            rows += batch.rows
    if bundle:
        yield bundle


def _write_rest(draft: Path, path: Path, stands_for: Compacted, end: int) -> bool:
    """All frames of a file but its rows, as they are, and what stands for the rows.

    False: not every frame up to `end` can be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        source, at = frames.FrameSource(fd, str(path)), len(frames.MAGIC)
        with open(draft, "wb") as file:
            file.write(frames.MAGIC)
            while at < end:
                frame = source.frame(at)
                if frame is None:
                    return False
                if frame[4] not in _ROWS:
                    file.write(frame)
                at += len(frame)
            file.write(frames.frame(frames.COMPACTED, dumps(stands_for._asdict())))
            file.flush()
            os.fsync(file.fileno())
    finally:
        os.close(fd)
    return True


def _is_all(path: Path, end: int) -> bool:
    """Nothing stands behind byte `end`: no damage, and no record after it."""
    with open(path, "rb") as file:
        file.seek(end)
        while piece := file.read(1 << 20):
            if piece.strip(b"\0"):
                return False
    return True


def _sync(folder: Path) -> None:
    """Makes renames survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
