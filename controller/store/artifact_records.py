"""What the store gives and takes of artifacts: frozen dataclasses, as in records.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class NewArtifact:
    """A version to be recorded.

    Attributes:
        name, type: of its collection.
        digest: names the content (logging_core/artifacts/manifest.py).
        manifest: digest of the blob that lists the entries.
        blobs: digests of the entries' bytes.
        size: of all entries together, in bytes; files: how many entries.
        project: None: that of the run.
        run_id: who logs it; None: nobody's run.
        use: the run does not make it, it uses it.
        aliases: beside "latest", which it always gets.
        ttl_s: after how many seconds it is removed; None: never.
        id: that of its draft; None: a new one is made.
        md5_digest: names the content as W&B's clients do; None: not known yet.
        history_step: how many steps its run had recorded.
    """

    name: str
    type: str
    digest: str
    manifest: str
    blobs: frozenset[str]
    size: int
    files: int
    project: str | None = None
    run_id: str | None = None
    use: bool = False
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    ttl_s: float | None = None
    id: str | None = None
    md5_digest: str | None = None
    history_step: int | None = None


@dataclass(frozen=True)
class ArtifactRecord:
    """A version, as it is known in one collection.

    Attributes:
        id: the same wherever it is linked to.
        project, name, version, aliases: in the collection in which it was looked for.
        source: (project, name, version) in the collection that it was made in.
        type, digest, md5_digest, manifest, size, files, description, tags, metadata, history_step:
            as NewArtifact has them.
        run_id: the run that made it; None: it was only ever used, or put there by hand.
        created, updated: seconds since the epoch.
        expires: when it is removed; None: never.
    """

    id: str
    project: str
    type: str
    name: str
    version: int
    digest: str
    md5_digest: str | None
    manifest: str
    size: int
    files: int
    run_id: str | None
    history_step: int | None
    created: float
    updated: float
    expires: float | None
    description: str
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]
    aliases: tuple[str, ...]
    source: tuple[str, str, int]

    def seen_as(
        self, project: str, name: str, version: int, aliases: tuple[str, ...]
    ) -> ArtifactRecord:
        """The same under a second name."""
        return replace(self, project=project, name=name, version=version, aliases=aliases)


@dataclass(frozen=True)
class CollectionRecord:
    """All versions of one name.

    Attributes:
        id: stays when it is renamed.
        next_version: the number that the next one gets.
        portfolio: it came into being by a link.
        created, updated: seconds since the epoch; None: never changed.
    """

    project: str
    name: str
    id: str
    type: str
    next_version: int
    portfolio: bool
    created: float
    updated: float | None
    description: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class CollectionUse:
    """What there is of a collection's versions, its own and those linked to it.

    Attributes:
        versions: how many.
        size: bytes of all of them; content that several share counts for each.
        newest: id of the newest one; None: there is none any more.
        last: when that was made or linked.
    """

    versions: int = 0
    size: int = 0
    newest: str | None = None
    last: float | None = None


@dataclass(frozen=True)
class Membership:
    """A version as one collection has it: the one that it was made in, or one that it is linked to.

    Attributes:
        collection: which.
        version: its number there; aliases: those that it has there.
        created: when it was made or linked.
    """

    collection: CollectionRecord
    version: int
    aliases: tuple[str, ...]
    created: float


@dataclass(frozen=True)
class Said:
    """What was told of a version before its files came; as NewArtifact has it.

    Attributes:
        sequence_client_id: what the client calls the collection.
    """

    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    ttl_s: float | None = None
    history_step: int | None = None
    sequence_client_id: str | None = None

    @classmethod
    def of(cls, new: NewArtifact) -> Said:
        return cls(
            aliases=new.aliases,
            tags=new.tags,
            description=new.description,
            metadata=new.metadata,
            ttl_s=new.ttl_s,
            history_step=new.history_step,
        )


@dataclass(frozen=True)
class NewDraft:
    """A version that a client begins to send.

    Attributes:
        project, name, type: of its collection.
        digest: names the content as W&B's clients do.
        said: what becomes of it.
        run_id: who logs it; None: nobody's run.
        client_id: what the client calls it.
        distributed_id: several processes send parts of one version; None: this one alone.
    """

    project: str
    name: str
    type: str
    digest: str
    said: Said
    run_id: str | None = None
    client_id: str | None = None
    distributed_id: str | None = None


@dataclass(frozen=True)
class DraftRecord:
    """A version that is still being sent; see NewDraft.

    Attributes:
        base: the version that was the newest of its collection when it was begun, if any.
    """

    id: str
    project: str
    type: str
    name: str
    digest: str
    base: str | None
    run_id: str | None
    created: float
    said: Said


@dataclass(frozen=True)
class DraftManifest:
    """A list of entries that a draft is made of.

    Attributes:
        kind: "full", "patch" (one process's part) or "incremental" (what is new since `base`).
        base: id of a version; None: the draft's.
        md5: of the list's own bytes, hex; "": not told yet.
    """

    id: str
    draft_id: str
    kind: str
    base: str | None
    md5: str
