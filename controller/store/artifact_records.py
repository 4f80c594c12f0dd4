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


@dataclass(frozen=True)
class ArtifactRecord:
    """A version, as it is known in one collection.

    Attributes:
        id: the same wherever it is linked to.
        project, name, version, aliases: in the collection in which it was looked for.
        source: (project, name, version) in the collection that it was made in.
        type, digest, manifest, size, files, description, tags, metadata: as NewArtifact has them.
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
    manifest: str
    size: int
    files: int
    run_id: str | None
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
    """All versions of one name; `next_version` is the number that the next one gets."""

    project: str
    name: str
    type: str
    next_version: int
    created: float
    description: str
