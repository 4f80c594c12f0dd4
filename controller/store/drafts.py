"""The store's part for versions that a W&B client is still sending.

A client says first what it will log, then sends files, then lists of them, then commits. In
between there is a draft: it survives restarts, the blobs that it will need stay, and it goes when
nobody went on with it for a good while (controller/garbage.py). Its id is the version's.
Neighbours: artifacts.py (versions), files.py (blobs).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from controller.store.artifact_changes import check_type
from controller.store.artifact_records import (
    ArtifactRecord,
    DraftManifest,
    DraftRecord,
    NewArtifact,
    NewDraft,
    Said,
)
from controller.store.artifact_rows import (
    ARTIFACTS,
    by_id,
    collection_query,
    collection_record,
    find,
    one,
)
from controller.store.artifact_schema import (
    artifact_collections,
    artifact_drafts,
    artifact_other_ids,
    artifacts,
    draft_files,
    draft_manifests,
)
from controller.store.artifacts import ArtifactStore
from controller.store.files import batches
from sweeps.errors import NotFoundError


class DraftStore(ArtifactStore):
    """Drafts. Each method is one transaction."""

    def open_draft(self, new: NewDraft) -> DraftRecord | ArtifactRecord:
        """Begins a version; or gives the one of the same content, to which the aliases now point.

        Processes that name the same `distributed_id` get the same draft.

        Raises UsageError: the name holds artifacts of another type.
        """
        with self._db.write() as connection:
            if self._lock_known(connection, new) and new.distributed_id is None:
                here = (artifacts.c.project == new.project) & (artifacts.c.name == new.name)
                query = ARTIFACTS.where(here, artifacts.c.md5_digest == new.digest)
                known = one(connection, query.order_by(artifacts.c.version.desc()).limit(1))
                if known is not None:
                    now = self._db.read_clock(connection)
                    self._see_again(connection, known, new.said, now)
                    self._log_again(connection, new.run_id, known, now)
                    self._name_artifact(connection, new.client_id, artifact_id=known.id)
                    return by_id(connection, known.id)
            draft = self._open_draft(connection, new)
            self._name_artifact(connection, new.client_id, artifact_id=draft.id)
            return draft

    def _lock_known(self, connection: Connection, new: NewDraft) -> bool:
        """Whether there is such a collection; it is locked then. UsageError: of another type."""
        query = collection_query(new.project, new.name).with_for_update()
        row = connection.execute(query).one_or_none()
        if row is not None:
            check_type(collection_record(row._mapping), new.type)
        return row is not None

    def _open_draft(self, connection: Connection, new: NewDraft) -> DraftRecord:
        now = self._db.read_clock(connection)
        newest = find(connection, new.project, new.name, "latest")
        draft_id = secrets.token_hex(10)
        connection.execute(
            self._db.insert_absent(artifact_drafts).values(
                id=draft_id,
                project=new.project,
                type=new.type,
                name=new.name,
                digest=new.digest,
                distributed_id=new.distributed_id,
                base=None if newest is None else newest.id,
                run_id=new.run_id,
                created=now,
                touched=now,
                said=asdict(new.said),
            )
        )
        table = artifact_drafts
        if new.distributed_id is None:
            return _draft(connection, table.c.id == draft_id)
        return _draft(
            connection,
            (table.c.project == new.project)
            & (table.c.name == new.name)
            & (table.c.distributed_id == new.distributed_id),
        )

    def get_draft(self, draft_id: str) -> DraftRecord:
        """Raises NotFoundError: there never was one, or it was committed, deleted or given up."""
        with self._db.read() as connection:
            return _draft(connection, artifact_drafts.c.id == draft_id)

    # -- what it holds ------------------------------------------------------------------------

    def add_draft_manifest(
        self, draft_id: str, kind: str, *, base: str | None = None, md5: str = ""
    ) -> DraftManifest:
        """Announces a list of entries. Raises NotFoundError."""
        with self._db.write() as connection:
            self._touch_draft(connection, draft_id)
            table = draft_manifests
            number = select(func.max(table.c.number)).where(table.c.draft_id == draft_id)
            made = DraftManifest(secrets.token_hex(10), draft_id, kind, base, md5)
            connection.execute(
                insert(table).values(**asdict(made), number=(connection.scalar(number) or 0) + 1)
            )
            self._want_md5s(connection, draft_id, [md5] if md5 else [])
            return made

    def change_draft_manifest(
        self, manifest_id: str, *, base: str | None = None, md5: str = ""
    ) -> DraftManifest:
        """Says more of a list. Raises NotFoundError."""
        with self._db.write() as connection:
            old = _manifest(connection, manifest_id)
            self._touch_draft(connection, old.draft_id)
            values = {"base": base or old.base, "md5": md5 or old.md5}
            table = draft_manifests
            connection.execute(update(table).where(table.c.id == manifest_id).values(**values))
            self._want_md5s(connection, old.draft_id, [md5] if md5 else [])
            return _manifest(connection, manifest_id)

    def draft_manifests(self, draft_id: str) -> list[DraftManifest]:
        """In the order in which they were announced."""
        table = draft_manifests
        query = _MANIFESTS.where(table.c.draft_id == draft_id).order_by(table.c.number)
        with self._db.read() as connection:
            return [DraftManifest(**row) for row in connection.execute(query).mappings()]

    def want_files(self, draft_id: str, md5s: Iterable[str]) -> None:
        """Announces files by their MD5s (hex): blobs that have them stay while the draft does.

        Raises NotFoundError.
        """
        with self._db.write() as connection:
            self._touch_draft(connection, draft_id)
            self._want_md5s(connection, draft_id, md5s)

    def _want_md5s(self, connection: Connection, draft_id: str, md5s: Iterable[str]) -> None:
        for batch in batches(sorted(set(md5s))):
            connection.execute(
                self._db.insert_absent(draft_files),
                [{"draft_id": draft_id, "md5": md5} for md5 in batch],
            )

    def _touch_draft(self, connection: Connection, draft_id: str) -> None:
        """Somebody goes on with it: locked, and it stays. Raises NotFoundError."""
        table = artifact_drafts
        touched = connection.execute(
            update(table).where(table.c.id == draft_id).values(touched=self._db.now())
        )
        if not touched.rowcount:
            raise NotFoundError(_GONE)

    # -- its end ------------------------------------------------------------------------------

    def commit_draft(self, new: NewArtifact) -> tuple[ArtifactRecord | None, list[str]]:
        """Makes a version of the draft `new.id`, as `commit_artifact`; the draft goes.

        Where its content is a version already, the draft's id leads to that one from now on.

        Raises NotFoundError: there is no such draft (any more).
        """
        assert new.id is not None  # noqa: S101
        with self._db.write() as connection:
            self._touch_draft(connection, new.id)
            draft = _draft(connection, artifact_drafts.c.id == new.id)
            made, missing = self._commit_version(connection, new)
            if made is None:
                return None, missing
            self._drop_draft(connection, new.id)
            if made.id != new.id:
                self._name_artifact(connection, new.id, artifact_id=made.id)
                table = artifact_other_ids
                connection.execute(
                    update(table).where(table.c.artifact_id == new.id).values(artifact_id=made.id)
                )
            collection = artifact_collections
            collection_id = connection.scalar(
                select(collection.c.id).where(
                    collection.c.project == made.project, collection.c.name == made.name
                )
            )
            self._name_artifact(
                connection, draft.said.sequence_client_id, collection_id=collection_id
            )
            return made, []

    def delete_draft(self, draft_id: str) -> None:
        """Forgets it; nothing when there is none."""
        with self._db.write() as connection:
            self._drop_draft(connection, draft_id)
            self._forget_names(connection, draft_id)

    def drop_stale_drafts(self, older_than_s: float) -> int:
        """Forgets those that nobody went on with for so long. How many?"""
        table = artifact_drafts
        old = table.c.touched < self._db.now() - older_than_s
        with self._db.read() as connection:
            due = connection.scalars(select(table.c.id).where(old)).all()
        dropped = 0
        for draft_id in due:
            with self._db.write() as connection:
                query = select(table.c.id).where(table.c.id == draft_id, old).with_for_update()
                if connection.scalar(query) is None:
                    continue  # somebody went on with it just now
                self._drop_draft(connection, draft_id)
                self._forget_names(connection, draft_id)
                dropped += 1
        return dropped

    def _drop_draft(self, connection: Connection, draft_id: str) -> None:
        for table in (draft_files, draft_manifests):
            connection.execute(delete(table).where(table.c.draft_id == draft_id))
        connection.execute(delete(artifact_drafts).where(artifact_drafts.c.id == draft_id))

    # -- ids that clients make up -------------------------------------------------------------

    def find_other_id(self, other: str) -> tuple[str | None, str | None]:
        """(artifact's id, collection's id): what an id that a client made up stands for.

        Of an artifact that is still being sent, it is the draft's. Raises NotFoundError.
        """
        table = artifact_other_ids
        query = select(table.c.artifact_id, table.c.collection_id).where(table.c.id == other)
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFoundError(f"no client has told of an artifact {other!r}")
        return row.artifact_id, row.collection_id

    def _name_artifact(
        self,
        connection: Connection,
        other: str | None,
        *,
        artifact_id: str | None = None,
        collection_id: str | None = None,
    ) -> None:
        if other:
            connection.execute(
                self._db.insert_absent(artifact_other_ids).values(
                    id=other, artifact_id=artifact_id, collection_id=collection_id
                )
            )

    def _forget_names(self, connection: Connection, draft_id: str) -> None:
        table = artifact_other_ids
        connection.execute(delete(table).where(table.c.artifact_id == draft_id))


_DRAFTS = select(*(artifact_drafts.c[name] for name in DraftRecord.__dataclass_fields__))
_MANIFESTS = select(*(draft_manifests.c[name] for name in DraftManifest.__dataclass_fields__))


def _draft(connection: Connection, where: Any) -> DraftRecord:
    row = connection.execute(_DRAFTS.where(where)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(_GONE)
    said = row["said"]
    told = Said(**{**said, "aliases": tuple(said["aliases"]), "tags": tuple(said["tags"])})
    return DraftRecord(**{**row, "said": told})


def _manifest(connection: Connection, manifest_id: str) -> DraftManifest:
    query = _MANIFESTS.where(draft_manifests.c.id == manifest_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"there is no manifest with the id {manifest_id!r}")
    return DraftManifest(**row)


_GONE = (
    "the artifact is not being sent: it was deleted, or nobody went on with it for days. Log it"
    " again."
)
