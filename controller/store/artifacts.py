"""The store's part for artifacts: how versions are made, and which run made and used what.

A version is recorded once all its bytes are there; its number comes from its collection (all
versions of one name in one project), whose row is locked meanwhile. Content that the collection has
already becomes no new version: the aliases move. What an artifact holds is in its manifest, a blob
like any other. Neighbours: files.py (blobs), drafts.py (versions that are still being sent),
artifact_changes.py (aliases, links, removal), artifact_lists.py (looking around).
"""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, insert, select

from controller.store.artifact_changes import ArtifactChanges, change_artifact, raise_version
from controller.store.artifact_records import ArtifactRecord, NewArtifact, Said
from controller.store.artifact_rows import by_id
from controller.store.artifact_schema import (
    artifact_blobs,
    artifact_logged,
    artifact_uses,
    artifacts,
)
from controller.store.files import batches, hold_blobs
from controller.store.marks import touch_run
from controller.store.schema import runs
from sweeps.errors import NotFoundError
from sweeps.project import NO_PROJECT


class ArtifactStore(ArtifactChanges):
    """Artifacts. Each method is one transaction."""

    # -- making -------------------------------------------------------------------------------

    def commit_artifact(self, new: NewArtifact) -> tuple[ArtifactRecord | None, list[str]]:
        """Records a version, or finds the one of the same content; its aliases point to it now.

        Safe to repeat. Returns (artifact, []), or (None, the digests that must be sent first).

        Raises:
            NotFoundError: no such run.
            UsageError: the name holds artifacts of another type.
        """
        with self._db.write() as connection:
            return self._commit_version(connection, new)

    def _commit_version(
        self, connection: Connection, new: NewArtifact
    ) -> tuple[ArtifactRecord | None, list[str]]:
        project = _project(connection, new)
        collection = self._collection(connection, project, new.name, new.type)
        known = connection.scalar(
            select(artifacts.c.id).where(
                artifacts.c.project == project,
                artifacts.c.name == new.name,
                artifacts.c.digest == new.digest,
            )
        )
        now = self._db.read_clock(connection)
        if known is None:
            digests = sorted({*new.blobs, new.manifest})
            stored = hold_blobs(connection, digests, now)
            missing = [digest for digest in digests if digest not in stored]
            if missing:
                return None, missing
            known = self._add_version(connection, new, project, collection.next_version, now)
            self._point_aliases(connection, project, new.name, new.aliases, known)
        else:
            self._see_again(connection, by_id(connection, known), Said.of(new), now)
            if not new.use:
                self._log_again(connection, new.run_id, by_id(connection, known), now)
            if new.md5_digest is not None:
                change_artifact(connection, known, {"md5_digest": new.md5_digest})
        if new.use and new.run_id is not None:
            self._use_version(connection, new.run_id, known, now)
        return by_id(connection, known), []

    def _see_again(
        self, connection: Connection, known: ArtifactRecord, said: Said, now: float
    ) -> None:
        """Its content came once more."""
        tags = [*known.tags, *(tag for tag in said.tags if tag not in known.tags)]
        expires = None if said.ttl_s is None else now + said.ttl_s
        change_artifact(connection, known.id, {"tags": tags, "expires": expires, "updated": now})
        self._point_aliases(connection, known.project, known.name, said.aliases, known.id)

    def _log_again(
        self, connection: Connection, run_id: str | None, known: ArtifactRecord, now: float
    ) -> None:
        """A run logged what is a version already: it is among what that run logged, too."""
        if run_id is None or run_id == known.run_id:
            return
        connection.execute(
            self._db.insert_absent(artifact_logged).values(
                run_id=run_id, artifact_id=known.id, created=now
            )
        )
        touch_run(connection, run_id, now)

    def _add_version(
        self, connection: Connection, new: NewArtifact, project: str, version: int, now: float
    ) -> str:
        artifact_id = new.id or secrets.token_hex(10)
        raise_version(connection, project, new.name, version, portfolio=False)
        connection.execute(
            insert(artifacts).values(
                id=artifact_id,
                project=project,
                type=new.type,
                name=new.name,
                version=version,
                digest=new.digest,
                md5_digest=new.md5_digest,
                manifest=new.manifest,
                size=new.size,
                files=new.files,
                run_id=None if new.use else new.run_id,
                history_step=new.history_step,
                created=now,
                updated=now,
                expires=None if new.ttl_s is None else now + new.ttl_s,
                description=new.description,
                tags=list(new.tags),
                metadata=dict(new.metadata),
            )
        )
        for batch in batches(sorted(new.blobs)):
            connection.execute(
                insert(artifact_blobs),
                [{"artifact_id": artifact_id, "digest": digest} for digest in batch],
            )
        if new.run_id is not None:
            touch_run(connection, new.run_id, now)
        return artifact_id

    # -- lineage ------------------------------------------------------------------------------

    def use_artifact(self, run_id: str, artifact_id: str) -> None:
        """Records that a run uses it. Safe to repeat. Raises NotFoundError."""
        with self._db.write() as connection:
            locked = select(runs.c.id).where(runs.c.id == run_id).with_for_update(key_share=True)
            if connection.scalar(locked) is None:
                raise NotFoundError(f"there is no run {run_id!r}")
            found = by_id(connection, artifact_id)
            self._use_version(connection, run_id, found.id, self._db.read_clock(connection))

    def _use_version(
        self, connection: Connection, run_id: str, artifact_id: str, now: float
    ) -> None:
        connection.execute(
            self._db.insert_absent(artifact_uses).values(
                run_id=run_id, artifact_id=artifact_id, created=now
            )
        )
        touch_run(connection, run_id, now)


def _project(connection: Connection, new: NewArtifact) -> str:
    """The project that a new artifact belongs to: that of its run, unless it names another."""
    if new.run_id is None:
        return new.project or NO_PROJECT
    locked = select(runs.c.project).where(runs.c.id == new.run_id).with_for_update(key_share=True)
    row = connection.execute(locked).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no run {new.run_id!r}")
    return new.project or str(row.project) or NO_PROJECT
