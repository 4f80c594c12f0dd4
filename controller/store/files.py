"""The store's part for blobs (which bytes there are) and for the files of runs.

The bytes themselves are elsewhere (controller/blobs.py). A row and its bytes cannot change in one
transaction, so the row goes through states: `arriving` before the bytes are put in place, `stored`
after; `doomed` before they are taken away, and then it goes. A doomed blob is out of bounds:
whoever wants it is told to try again. So bytes are never taken from under a new file. Neighbours:
artifacts.py (the other one that refers to blobs), controller/garbage.py (who dooms).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, func, select, update

from controller.store.artifact_schema import artifact_blobs, artifacts, blobs, draft_files, files
from controller.store.engine import Database
from controller.store.marks import touch_run
from controller.store.schema import runs
from sweeps.errors import NotFoundError, StoreUnavailable

BATCH = 1000
"""Digests in one query."""


class BlobState(StrEnum):
    """See the module."""

    ARRIVING = "arriving"
    STORED = "stored"
    DOOMED = "doomed"


@dataclass(frozen=True)
class FileRecord:
    """A file of a run, as of its newest version.

    Attributes:
        path: relative to the run's files, with slashes.
        digest: SHA-256, 64 hex digits.
        size: bytes.
        updated: when it was recorded; seconds since the epoch.
    """

    path: str
    digest: str
    size: int
    updated: float


@dataclass(frozen=True)
class BlobRecord:
    """Bytes that are there: their SHA-256, and how many."""

    digest: str
    size: int


@dataclass(frozen=True)
class NewFile:
    """A file to be recorded: its path, and the blob that it is."""

    path: str
    digest: str


class FileStore:
    """Blobs, and files of runs. Each method is one transaction, unless it says otherwise."""

    _db: Database

    # -- blobs --------------------------------------------------------------------------------

    def missing_blobs(self, digests: Iterable[str]) -> list[str]:
        """Those of `digests` that must be sent first, sorted. The others are touched: they stay
        for as long as an upload may take."""
        wanted = sorted(set(digests))
        with self._db.write() as connection:
            stored = hold_blobs(connection, wanted, self._db.read_clock(connection))
        return [digest for digest in wanted if digest not in stored]

    def blob_size(self, digest: str) -> int | None:
        """Its size in bytes; None when it is not (or not wholly) there."""
        query = select(blobs.c.size).where(
            blobs.c.digest == digest, blobs.c.state == BlobState.STORED
        )
        with self._db.read() as connection:
            return connection.scalar(query)

    def blob_sizes(self, digests: Iterable[str]) -> dict[str, int]:
        """The sizes of those that are there."""
        found: dict[str, int] = {}
        with self._db.read() as connection:
            for batch in batches(sorted(set(digests))):
                query = select(blobs.c.digest, blobs.c.size).where(
                    blobs.c.digest.in_(batch), blobs.c.state == BlobState.STORED
                )
                found.update({row.digest: row.size for row in connection.execute(query)})
        return found

    def begin_blobs(self, sizes: Mapping[str, int]) -> set[str]:
        """Announces blobs (digest -> bytes), whose bytes are about to be put in place.

        Returns those that are stored already: nothing is to be done for them. StoreUnavailable
        when one is just being taken away: try again in a moment.
        """
        wanted = sorted(sizes)
        with self._db.write() as connection:
            now = self._db.read_clock(connection)
            known = _lock_blobs(connection, wanted)
            if BlobState.DOOMED in known.values():
                raise StoreUnavailable(
                    "an unused file of the same content is being removed at this moment: try again."
                )
            _touch(connection, known, now)
            fresh = [digest for digest in wanted if digest not in known]
            if fresh:
                connection.execute(
                    self._db.insert_absent(blobs),
                    [
                        {
                            "digest": digest,
                            "size": sizes[digest],
                            "state": BlobState.ARRIVING,
                            "touched": now,
                        }
                        for digest in fresh
                    ],
                )
        return {digest for digest, state in known.items() if state == BlobState.STORED}

    def finish_blobs(self, digests: Iterable[str], md5s: Mapping[str, str] | None = None) -> None:
        """The bytes of these are in place, to stay. `md5s`: as for `keep_md5s`."""
        with self._db.write() as connection:
            now = self._db.read_clock(connection)
            for batch in batches(sorted(set(digests))):
                connection.execute(
                    update(blobs)
                    .where(blobs.c.digest.in_(batch), blobs.c.state != BlobState.DOOMED)
                    .values(state=BlobState.STORED, touched=now)
                )
            _keep_md5s(connection, md5s or {})

    def keep_md5s(self, md5s: Mapping[str, str]) -> None:
        """Notes the MD5s of blobs: digest -> 32 hex digits."""
        with self._db.write() as connection:
            _keep_md5s(connection, md5s)

    def known_md5s(self, digests: Iterable[str]) -> dict[str, str]:
        """digest -> MD5, of the blobs of which it was noted."""
        found: dict[str, str] = {}
        with self._db.read() as connection:
            for batch in batches(sorted(set(digests))):
                query = select(blobs.c.digest, blobs.c.md5).where(
                    blobs.c.digest.in_(batch), blobs.c.md5.is_not(None)
                )
                found.update({row.digest: row.md5 for row in connection.execute(query)})
        return found

    def blobs_by_md5(self, md5s: Iterable[str]) -> dict[str, BlobRecord]:
        """MD5 (32 hex digits) -> the blob that has it, of those that are there and noted.

        They are touched: they stay for as long as an upload may take.
        """
        found: dict[str, BlobRecord] = {}
        with self._db.write() as connection:
            for batch in batches(sorted(set(md5s))):
                query = select(blobs.c.digest, blobs.c.size, blobs.c.md5).where(
                    blobs.c.md5.in_(batch), blobs.c.state == BlobState.STORED
                )
                for row in connection.execute(query.order_by(blobs.c.digest)):
                    found.setdefault(row.md5, BlobRecord(row.digest, row.size))
            held = hold_blobs(
                connection,
                sorted({one.digest for one in found.values()}),
                self._db.read_clock(connection),
            )
        return {md5: one for md5, one in found.items() if one.digest in held}

    def doom_blobs(self, older_than_s: float) -> list[str]:
        """Dooms the blobs that nobody refers to and nobody touched for so long; all that are
        doomed, also by a collector that died. A transaction for each page of them."""
        unused = ~(
            exists().where(files.c.digest == blobs.c.digest)
            | exists().where(artifact_blobs.c.digest == blobs.c.digest)
            | exists().where(artifacts.c.manifest == blobs.c.digest)
            | exists().where(draft_files.c.md5 == blobs.c.md5)
        )
        old = blobs.c.touched < self._db.now() - older_than_s
        after = ""
        while True:
            # Found by reading, so that no writer waits for the search; judged again when doomed.
            query = select(blobs.c.digest).where(blobs.c.digest > after, old, unused)
            query = query.where(blobs.c.state != BlobState.DOOMED)
            with self._db.read() as connection:
                page = connection.scalars(query.order_by(blobs.c.digest).limit(BATCH)).all()
            if page:
                with self._db.write() as connection:
                    connection.execute(
                        update(blobs)
                        .where(blobs.c.digest.in_(page), old, unused)
                        .values(state=BlobState.DOOMED)
                    )
            if len(page) < BATCH:
                break
            after = page[-1]
        with self._db.read() as connection:
            doomed = select(blobs.c.digest).where(blobs.c.state == BlobState.DOOMED)
            return list(connection.scalars(doomed))

    def forget_blobs(self, digests: Iterable[str]) -> None:
        """The bytes of these doomed blobs are gone."""
        with self._db.write() as connection:
            for batch in batches(sorted(set(digests))):
                connection.execute(
                    delete(blobs).where(
                        blobs.c.digest.in_(batch), blobs.c.state == BlobState.DOOMED
                    )
                )

    # -- files of runs ------------------------------------------------------------------------

    def add_files(self, run_id: str, writer: int, new: Sequence[NewFile]) -> list[str]:
        """Records files of a run, each in place of the one that had its path; of one that a newer
        writer recorded, nothing changes. Safe to repeat.

        Returns the digests of blobs that must be sent first; then nothing was recorded.
        NotFoundError: no such run.
        """
        newest = {one.path: one for one in new}
        with self._db.write() as connection:
            if connection.scalar(_lock_run(run_id)) is None:
                raise NotFoundError(f"there is no run {run_id!r}")
            now = self._db.read_clock(connection)
            digests = sorted({one.digest for one in newest.values()})
            sizes = hold_blobs(connection, digests, now)
            missing = [digest for digest in digests if digest not in sizes]
            if missing:
                return missing
            for paths in batches(sorted(newest)):
                mine = (files.c.run_id == run_id) & files.c.path.in_(paths)
                newer = set(
                    connection.scalars(select(files.c.path).where(mine, files.c.writer > writer))
                )
                connection.execute(delete(files).where(mine, files.c.writer <= writer))
                values = [
                    {
                        "run_id": run_id,
                        "path": path,
                        "digest": newest[path].digest,
                        "size": sizes[newest[path].digest],
                        "writer": writer,
                        "updated": now,
                    }
                    for path in paths
                    if path not in newer
                ]
                if values:
                    connection.execute(self._db.insert_absent(files), values)
            touch_run(connection, run_id, now)
        return []

    def files(
        self,
        run_id: str,
        *,
        prefix: str = "",
        like: str | None = None,
        names: Sequence[str] | None = None,
        after: str = "",
        limit: int = 1000,
    ) -> list[FileRecord]:
        """Files of a run by path, those behind `after`; [] of a run that has none (or is none).

        Args:
            prefix: only paths that begin so.
            like: only paths that fit this pattern of SQL: "%" any text, "_" any character, "\\"
                before one that is meant as it is. Upper and lower case are the same.
            names: only these paths, at most 1000.
        """
        query = _FILES.where(files.c.run_id == run_id, files.c.path > after)
        if prefix:
            query = query.where(files.c.path.startswith(prefix, autoescape=True))
        if like is not None:
            query = query.where(_fits(like))
        if names is not None:
            query = query.where(files.c.path.in_(names))
        with self._db.read() as connection:
            found = connection.execute(query.order_by(files.c.path).limit(limit)).mappings()
            return [FileRecord(**row) for row in found]

    def count_files(self, run_id: str, *, like: str | None = None) -> int:
        """How many files a run has; `like` as for `files`."""
        query = select(func.count()).select_from(files).where(files.c.run_id == run_id)
        if like is not None:
            query = query.where(_fits(like))
        with self._db.read() as connection:
            return connection.scalar(query) or 0

    def get_file(self, run_id: str, path: str) -> FileRecord:
        """Raises NotFoundError."""
        query = _FILES.where(files.c.run_id == run_id, files.c.path == path)
        with self._db.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NotFoundError(f"run {run_id!r} has no file {path!r}")
        return FileRecord(**row)

    def delete_file(self, run_id: str, path: str) -> None:
        """Forgets a file; its bytes go later, if nobody else refers to them. NotFoundError."""
        mine = (files.c.run_id == run_id) & (files.c.path == path)
        with self._db.write() as connection:
            connection.execute(_lock_run(run_id))
            if connection.execute(delete(files).where(mine)).rowcount == 0:
                raise NotFoundError(f"run {run_id!r} has no file {path!r}")
            touch_run(connection, run_id, self._db.read_clock(connection))


def _lock_run(run_id: str) -> Select[Any]:
    return select(runs.c.id).where(runs.c.id == run_id).with_for_update(key_share=True)


_FILES = select(*(files.c[name] for name in FileRecord.__dataclass_fields__))


def hold_blobs(connection: Connection, digests: Sequence[str], now: float) -> dict[str, int]:
    """Locks and touches those of `digests` (sorted) that are stored; returns their sizes.

    Until the transaction ends, and for long after, none of them is doomed.
    """
    known = _lock_blobs(connection, digests)
    stored = [digest for digest, state in known.items() if state == BlobState.STORED]
    _touch(connection, stored, now)
    sizes: dict[str, int] = {}
    for batch in batches(stored):
        query = select(blobs.c.digest, blobs.c.size).where(blobs.c.digest.in_(batch))
        sizes.update({row.digest: row.size for row in connection.execute(query)})
    return sizes


def _keep_md5s(connection: Connection, md5s: Mapping[str, str]) -> None:
    for digest, md5 in sorted(md5s.items()):
        absent = (blobs.c.digest == digest) & blobs.c.md5.is_(None)
        connection.execute(update(blobs).where(absent).values(md5=md5))


def _fits(like: str) -> ColumnElement[bool]:
    # "\\" stands before something, or for itself: PostgreSQL refuses what has it otherwise.
    whole = re.sub(r"\\(?![%_\\])|\\(.)", lambda match: match[0] if match[1] else r"\\", like)
    return files.c.path.ilike(whole, escape="\\")


def _lock_blobs(connection: Connection, digests: Sequence[str]) -> dict[str, str]:
    """The states of those that have a row; always in one order, so that no two wait for each
    other."""
    known: dict[str, str] = {}
    for batch in batches(digests):
        query = select(blobs.c.digest, blobs.c.state).where(blobs.c.digest.in_(batch))
        query = query.order_by(blobs.c.digest).with_for_update()
        known.update({row.digest: row.state for row in connection.execute(query)})
    return known


def _touch(connection: Connection, digests: Iterable[str], now: float) -> None:
    for batch in batches(list(digests)):
        connection.execute(update(blobs).where(blobs.c.digest.in_(batch)).values(touched=now))


def batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """`items`, BATCH at a time."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
